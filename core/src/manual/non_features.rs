//! What is left out on purpose, and why.
//!
//! - **A switch that turns issuer, audience or signature checks off.** Whoever needs one for a test has the dev provider.
//! - **The implicit flow, and tokens in fragments.** The code flow with PKCE does all that they did, without tokens in
//!   addresses. Of the hybrid flows there is `code id_token`, by form post alone
//!   ([`ResponseType`](crate::config::ResponseType)).
//! - **DPoP ([RFC 9449](https://www.rfc-editor.org/rfc/rfc9449)).** A token that is bound to a key (`cnf`) is refused, since
//!   nothing here asks for the proof; a service behind something that does may [say so](crate::config::Danger).
//! - **The device flow ([RFC 8628](https://www.rfc-editor.org/rfc/rfc8628)), and CIBA.** They are for what is no web server.
//! - **Dynamic registration, WebFinger, federation.** A server knows its provider and its client when it starts.
//! - **Request objects (JAR, `request_uri` of one's own) and JARM.** A pushed request
//!   ([`pushed_authorization_requests`](crate::config::ConfigBuilder::pushed_authorization_requests)) keeps parameters from the
//!   browser without a signature.
//! - **Session management by frames (`check_session_iframe`).** Browsers block the cookies that it needs; the back channel
//!   tells a server itself.
//! - **Fetching distributed claims.** An answer that names other places to ask is taken, and they are not asked.
//! - **Any tenant of a provider of many.** [`IssuerPolicy`](crate::profile::IssuerPolicy) wants those that are meant by name.
//! - **Symmetric signatures (HS256 and so on).** Key and algorithm could be confused, and every client could sign as the
//!   provider.
//! - **Unsigned tokens, also over TLS from the token endpoint.** One verifier for every ID token leaves no path around it.
//! - **Encrypted tokens.** Decrypting is where most flaws of token libraries were, and TLS already hides tokens on their way.
//! - **JSON serialisation, detached payloads, several signatures.** OpenID Connect uses compact serialisation only.
//! - **Keys out of a token's header.** Whoever may name the key may sign anything.
//! - **How a provider made its modulus.** It must be odd and of an accepted size; weak generators (ROCA, CVE-2017-15361),
//!   small factors and squares are not looked for.
//! - **Following redirects of the provider's endpoints.** Their addresses come from metadata; a redirect is a mistake or worse.
//! - **The e-mail address as an identity.** It can be reassigned, and is often not verified. [`Identity`](crate::Identity) has
//!   `iss` and `sub`, which together are never reassigned.
//! - **Permissions.** A [`Policy`](crate::guard::Policy) asks for scopes and roles where the provider puts them; who may do
//!   what is the application's to say.
//! - **`Forwarded` and `X-Forwarded-*`.** Nothing is decided by what a stranger may have written: the application's origin is
//!   that of its redirect URI, whatever stands before it.
//! - **A clock, a random source, sockets.** They are arguments, so that every behaviour can be tested, and any runtime can
//!   carry the protocol.
//! - **Type parameters for claims, stores and HTTP clients.** A `Client` is a `Client`; own claims are read out of
//!   [`Claims`](crate::Claims) where they are needed.
//! - **A provider.** The dev provider has public keys and signs anybody in.
