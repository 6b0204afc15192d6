//! How a session lives, and what holds with a store and without one.
//!
//! # Where it is
//!
//! | | in cookies (default) | in a store |
//! |---|---|---|
//! | the browser holds | the session, sealed, in up to five cookies | a ticket of 256 random bits, sealed, in one cookie |
//! | the server holds | nothing | the session, sealed by the cookie secret, under a hash of the ticket |
//! | size | some 14 KiB of claims and tokens | what the store takes |
//! | a request costs | opening a seal | that, and two questions to the store: what has ended, and the session |
//! | a restart, with the same cookie secret | loses what has ended | loses what the store loses |
//! | several instances | share the cookie secret | share the cookie secret and the store |
//!
//! A store is given to a driver's `Builder::store`, or named by `OIDC_SESSION_STORE`. With
//! [`sessions_in_cookies`](crate::config::ConfigBuilder::sessions_in_cookies) sessions stay in cookies beside it: the store then
//! only knows what has ended and what has been used up.
//!
//! # What holds across instances
//!
//! | | without a store | with one |
//! |---|---|---|
//! | a callback is good once | in each process, by memory of 10 minutes | everywhere |
//! | a logout token is good once | in each process | everywhere |
//! | a sign-out by the provider ends the session | in the process that was told, until it restarts | everywhere, from the next request on |
//! | `/logout` ends copies of the cookie | in that process, until it restarts | everywhere |
//! | a session is refreshed once however many requests find it due | in each process, so use one, or send a browser always to the same | everywhere, by a lease of 15 seconds |
//! | a late answer brings no session back that was signed out | in that process, until it restarts | everywhere: a record is written only over the version that was read |
//!
//! While the store is away, a request with a ticket is answered 503 with `Retry-After`: nobody is signed out, nobody is let
//! in, and no cookie is removed. Bearer tokens (but those that are good once) and requests without a session go on. `/logout` removes the cookie all the
//! same, and answers 503, since a copy of it may live on.
//!
//! # How long
//!
//! It ends when nobody has used it for [`session_idle`](crate::config::ConfigBuilder::session_idle), and at the latest
//! [`session_absolute`](crate::config::ConfigBuilder::session_absolute) after the sign-in. It is kept anew when an eighth of the
//! idle time has gone, so that not every answer sets a cookie. The ID token's `exp` limits the sign-in, not the session.
//!
//! # Fresh tokens
//!
//! A session keeps tokens if `offline_access` is among the scopes, or
//! [`keep_tokens`](crate::config::ConfigBuilder::keep_tokens) says so. [`Guard`](crate::Guard) then refreshes them 30 seconds before
//! the access token ends, or after half its life if that is shorter; a handler finds a fresh one at
//! [`Identity::session`](crate::Identity::session) and [`Session::access_token`](crate::Session::access_token):
//!
//! ```
//! use oidc_core::time::UnixTime;
//! use oidc_core::{Identity, Secret};
//!
//! fn for_calls_on_their_behalf(identity: &Identity, now: UnixTime) -> Option<&Secret> {
//!     identity.session()?.access_token(now)
//! }
//! ```
//!
//! One request asks the provider. Others go on with the token that still lives, or wait for up to five seconds if it does not;
//! for a minute, whoever comes with the old refresh token is given what it was exchanged for, so a refresh token that the
//! provider replaces is not sent twice ([RFC 9700 section 4.14](https://www.rfc-editor.org/rfc/rfc9700#section-4.14)), unless its
//! answer was lost on the way. A caller who gives up does not stop a refresh.
//!
//! | the provider | the session |
//! |---|---|
//! | answers with an ID token | goes on if it passes every check and is of the same subject, and ends else; its claims take the place of the last one's, but for those of the sign-in (`iat`, `auth_time`, `acr`, `amr`, `sid`) |
//! | refuses (`invalid_grant`, or any other 400) | ends: its cookie is removed, and the request has no identity |
//! | refuses the client (401, `invalid_client`, `unauthorized_client`), which is nobody's session's fault | goes on |
//! | is down, slow, or answers 5xx or 429 | goes on; the next attempt is after 1, 2, 4 … 60 seconds, and an access token that ends meanwhile is given to nobody |
//! | never says when the access token ends | goes on, and nothing is refreshed |
//!
//! # Ends
//!
//! `/logout`, a logout token, a front-channel request and a refused refresh each end the session and every copy of it, as far
//! as the table above says. What has ended is remembered until no cookie that it concerns would open.
//!
//! # Beside tower-sessions
//!
//! A `SessionStore` needs operations that compare versions and reserve keys, which the stores of `tower-sessions` do not have;
//! and a person's sign-in should not live and die with a shopping basket. So the two stand side by side: the layer of this
//! library says who it is, and `tower-sessions` keeps the application's own data. Bind the data to the person, so that whoever
//! signs in next on the same browser does not find it:
//!
//! ```text
//! async fn basket(me: Identity, session: tower_sessions::Session) -> Result<String, tower_sessions::session::Error> {
//!     let owner = (me.iss().to_owned(), me.sub().to_owned());
//!     if session.get::<(String, String)>("owner").await? != Some(owner.clone()) {
//!         session.flush().await?;                  // another person's, or nobody's: a new session under a new name
//!         session.insert("owner", owner).await?;
//!     }
//!     Ok(session.get::<String>("basket").await?.unwrap_or_default())
//! }
//!
//! Router::new().route("/basket", get(basket)).layer(oidc.layer()).layer(SessionManagerLayer::new(store))
//! ```
//!
//! Its store may be in the same Redis: the keys of `RedisStore` begin with `oidc:`.
