//! Recipes.
//!
//! # Own claims
//!
//! [`Claims::get`](crate::Claims::get) takes one claim out, [`Claims::parse`](crate::Claims::parse) all that a type of yours
//! names. Both look at a token that has passed every check.
//!
//! ```
//! use oidc_core::jose::{KeySet, RustCrypto};
//! use oidc_core::time::UnixTime;
//! use oidc_core::token::TokenRules;
//! use oidc_dev_provider::{AccessTokenRequest, DevProvider};
//!
//! #[derive(serde::Deserialize)]
//! struct Mine {
//!     roles: Vec<String>,
//!     tenant: Option<String>,
//! }
//!
//! # let now = 1_700_000_000;
//! # let mut provider = DevProvider::new("https://issuer.example");
//! # let token = provider.access_token(AccessTokenRequest { audience: "my-api".into(), ..Default::default() }, now);
//! # let keys = KeySet::parse(provider.jwks().to_string().as_bytes(), &RustCrypto)?;
//! let rules = TokenRules::access("https://issuer.example", "my-api")?;
//! let claims = rules.verify(&token, &keys, UnixTime::from_secs(now))?;
//!
//! let scope: Option<String> = claims.get("scope");
//! let mine: Mine = claims.parse()?;
//! assert!(mine.roles.contains(&"admin".to_owned()) && mine.tenant.is_none());
//! # assert_eq!(scope.as_deref(), Some("openid profile email"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # A service that takes access tokens
//!
//! [`Config::resource_server`](crate::Config::resource_server) needs no client: issuer and audience are all.
//! [`Guard::check`](crate::Guard::check) refuses bad tokens and lets requests without one through, as nobody's;
//! [`Guard::require`](crate::Guard::require) demands one, and [a policy](#who-may-do-what) what it must allow.
//!
//! ```
//! use oidc_core::{Config, token::AccessToken};
//!
//! let config = Config::resource_server("https://issuer.example", "my-api")
//!     // Not every provider marks its access tokens as RFC 9068 says.
//!     .bearer(&[AccessToken::AtJwt, AccessToken::Jwt])
//!     .build()?;
//! # Ok::<(), oidc_core::error::ConfigError>(())
//! ```
//!
//! # Who may do what
//!
//! A [`Policy`](crate::guard::Policy) is made at the start, where a mistake in it ends the program, and demanded of requests.
//!
//! ```
//! use std::time::Duration;
//! use oidc_core::guard::Policy;
//!
//! // A token for the right things, whoever shows it.
//! let reports = Policy::builder().scopes(&["reports:read"]).build()?;
//! // A person of the right kind; Keycloak puts its roles there.
//! let admins = Policy::builder().any_role("/realm_access/roles", &["admin", "owner"]).build()?;
//! // Signed in with a key that resists phishing, within the last five minutes.
//! let transfers = Policy::builder().acr(&["phr", "phrh"]).max_age(Duration::from_secs(300)).build()?;
//! # Ok::<(), oidc_core::error::ConfigError>(())
//! ```
//!
//! In axum a layer demands it of all routes behind it. Behind another layer of the same `Oidc`, it adds to that one's work
//! and admits nobody twice:
//!
//! ```text
//! let admin = Router::new().route("/users", get(users)).layer(oidc.layer().require(&admins));
//! let app = Router::new().route("/", get(home)).nest("/admin", admin).layer(oidc.layer());
//! ```
//!
//! In actix-web a middleware does the same: `web::scope("/admin").wrap(oidc.middleware().require(&admins))`.
//! In rouille a visitor does: `let me = visitor.meets(&admins)?;`. Elsewhere, [`Guard::require_policy`](crate::Guard::require_policy)
//! takes the place of [`Guard::require`](crate::Guard::require), and [`Guard::uphold`](crate::Guard::uphold) judges what
//! [`Guard::check`](crate::Guard::check) has let through; both are methods of the drivers' `Oidc`, too.
//! [`Guard::permits`](crate::Guard::permits) only tells, for a button that not everybody may see.
//!
//! | what is missing | a token, a script or an API | a person who is loading a page, in a session |
//! |---|---|---|
//! | an identity | 401 | sent to sign in, as the policy demands |
//! | a scope, a role | 403 `insufficient_scope`, `insufficient_role` | 403, as a page |
//! | `acr`, a recent `auth_time` | 401 with the challenge of [RFC 9470](https://www.rfc-editor.org/rfc/rfc9470#section-3) | sent to sign in anew |
//!
//! The ID token of that sign-in must meet `acr` and `max_age` itself: a provider that does not deliver gives an error page, and
//! not one sign-in after another. A session has the claims of its ID token and of userinfo; where roles stand only in access
//! tokens, have the provider put them there, too. An ID token seldom names scopes.
//!
//! # Calls between services
//!
//! A service calls another one by a token of its own, for which its client must be allowed the grant `client_credentials`.
//! `Oidc::client_credentials` of the drivers, or [`Client::client_credentials`](crate::Client::client_credentials), is called before
//! each request: it remembers the token until shortly before its end, and asks once for all who need it.
//!
//! ```
//! # use oidc_core::{Client, Error, Step, service::ServiceToken, time::UnixTime};
//! # struct Oidc(Client);
//! # impl Oidc {
//! #     fn client_credentials(&self, scope: &str) -> Result<ServiceToken, Error> {
//! #         match self.0.client_credentials(scope, UnixTime::EPOCH) {
//! #             Step::Done(token) => token,
//! #             _ => Err(Error::Store),
//! #         }
//! #     }
//! # }
//! fn authorization(oidc: &Oidc) -> Result<String, Error> {
//!     let token = oidc.client_credentials("reports:read")?; // `.await` in `oidc-tokio`
//!     Ok(format!("Bearer {}", token.access_token().expose()))
//! }
//! ```
//!
//! Nothing here hears how the other service answers: a token that it refuses serves on until its end.
//!
//! # Signing in again before something delicate
//!
//! [A policy](#who-may-do-what) does it by itself. By hand, `max_age` makes the provider ask again, and an ID token that does
//! not say so is refused. So is one without the class of authentication that is called essential.
//!
//! ```
//! use oidc_core::LoginOptions;
//! use std::time::Duration;
//!
//! let options = LoginOptions {
//!     return_to: Some("/transfer".into()),
//!     max_age: Some(Duration::from_secs(60)),
//!     claims: Some(serde_json::json!({ "id_token": { "acr": { "essential": true, "values": ["urn:strong"] } } })),
//!     ..LoginOptions::default()
//! };
//! ```
//!
//! Give it to [`Client::begin_login`](crate::Client::begin_login), keep the [`LoginState`](crate::login::LoginState) with this browser,
//! and give both state and callback to [`Client::finish_login`](crate::Client::finish_login).
//!
//! # Sign-outs by the provider
//!
//! The guard answers two addresses by which the provider ends sessions. They have to be registered there, on the origin of the
//! redirect URI:
//!
//! | metadata of the client | value |
//! |---|---|
//! | `backchannel_logout_uri` | `https://app.example/backchannel-logout` |
//! | `backchannel_logout_session_required` | `true`: a sign-out then ends one session and not all of the person's |
//! | `frontchannel_logout_uri` | `https://app.example/frontchannel-logout` |
//! | `frontchannel_logout_session_required` | `true`: a request without `iss` and `sid` is refused |
//! | `post_logout_redirect_uris` | `https://app.example/logged-out` |
//!
//! Prefer the back channel: it needs no browser, and its tokens prove themselves. Without a store, what has ended is remembered
//! by the process that is told; where several serve one application, give them a store (see [`sessions`](super::sessions)).
//!
//! # Tests with the dev provider
//!
//! The provider is a function, and so is every flow: a test needs no socket, and moves the clock as it likes.
//!
//! ```
//! use std::sync::Arc;
//!
//! use oidc_core::error::TokenError;
//! use oidc_core::time::UnixTime;
//! use oidc_core::{Client, Config, entropy::EntropyFailed, EntropySource, Step};
//! use oidc_dev_provider::{AccessTokenRequest, DevProvider};
//!
//! fn run<T>(provider: &mut DevProvider, now: u64, mut step: Step<T>) -> T {
//!     let time = UnixTime::from_secs(now);
//!     loop {
//!         step = match step {
//!             Step::Done(value) => return value,
//!             Step::Fetch(fetch, reply) => reply.resume(Ok(provider.answer(fetch.request, now).response), time),
//!             Step::Wait(_, wake) => wake.resume(time),
//!             Step::Store(..) => panic!("this client has no store"),
//!         }
//!     }
//! }
//!
//! struct NoEntropy;
//!
//! impl EntropySource for NoEntropy {
//!     fn fill(&self, _: &mut [u8]) -> Result<(), EntropyFailed> {
//!         Err(EntropyFailed) // A bearer token needs none.
//!     }
//! }
//!
//! let now = 1_700_000_000;
//! let mut provider = DevProvider::new("https://issuer.example");
//! let config = Config::resource_server("https://issuer.example", "my-api").build()?;
//! let client = Client::new(config, Arc::new(NoEntropy));
//!
//! let request = AccessTokenRequest { audience: "my-api".into(), lifetime: 300, ..Default::default() };
//! let token = provider.access_token(request.clone(), now);
//! let verify = |token: &str, now| client.verify_access_token(token, UnixTime::from_secs(now));
//! assert!(run(&mut provider, now, verify(&token, now)).is_ok());
//! assert_eq!(run(&mut provider, now + 360, verify(&token, now + 360)), Err(TokenError::Expired));
//!
//! // The keys rotate. A second later the next token passes, for one more look at the key set.
//! provider.rotate_keys(false);
//! let token = provider.access_token(request, now + 1);
//! assert!(run(&mut provider, now + 1, verify(&token, now + 1)).is_ok());
//! assert_eq!(provider.requests("/jwks"), 2);
//! # Ok::<(), oidc_core::error::ConfigError>(())
//! ```
//!
//! `DevProvider::serve` puts it behind a socket, for tests of a whole server, and `DevProvider::set_fault` makes it misbehave.
//!
//! # The fastest signatures
//!
//! With the feature `aws-lc-rs` of this crate a driver's builder takes `.verifier(Arc::new(oidc_core::jose::AwsLc))`, and
//! [`Client::with_backend`](crate::Client::with_backend) the same. Nothing is switched for the whole process: each client
//! has its own, and two clients may have different ones.
//!
//! # Other signature algorithms
//!
//! A provider may sign by ES256 or EdDSA. The algorithm comes with a feature (`rsa-pss`, `ecdsa` or `eddsa`, of this crate or
//! of a driver), and is taken once the setting `algorithms` lists it: `OIDC_ALGORITHMS=RS256,ES256`. Neither step alone makes a
//! token good, and a list that names what is not compiled in is refused with the name of the feature.
//!
//! A token by ECDSA has two right signatures, so that its text alone does not tell whether it is new: compare `jti`.
//!
//! # An HTTP client of one's own
//!
//! The drivers take their library's client (`Builder::agent` with ureq, `Builder::http_client` with reqwest), for proxies and
//! client certificates, or anything that implements their trait `Transport`. Such a client must
//!
//! - send the request as it is, and follow no redirect;
//! - give up after [`Fetch::timeout`](crate::step::Fetch::timeout), with the body read, and say
//!   [`Timeout`](crate::step::FetchError::Timeout);
//! - read at most [`Fetch::max_body`](crate::step::Fetch::max_body) bytes, counted after any decompression, and say
//!   [`TooLarge`](crate::step::FetchError::TooLarge) if there are more;
//! - give every answer back, whatever its status;
//! - log nothing of the request but its purpose, method and host: the rest holds secrets.
//!
//! # A store of one's own
//!
//! [`Memory`](crate::store::Memory) serves one process, and the drivers' `RedisStore` all that share a server. Any other
//! database will do if it can carry out each [`StoreOp`](crate::step::StoreOp) as one atomic operation; what each one owes is
//! written there. It goes into `Builder::store` of the drivers, whose trait is `SessionStore`.
//!
//! Most databases have what it takes: a write that depends on a version, an insert that fails if the key is there, an expiry.
//! Revocations need an order, too: each is noted at one more than the last place, or at the time in milliseconds if that is
//! more. Here one of the operations is one's own, and the rest is [`Memory`](crate::store::Memory)'s:
//!
//! ```
//! use std::collections::HashMap;
//!
//! use oidc_core::step::{StoreAnswer, StoreOp, StoreResult};
//! use oidc_core::store::Memory;
//! use oidc_core::time::UnixTime;
//!
//! struct Mine {
//!     used: HashMap<String, UnixTime>,
//!     rest: Memory,
//! }
//!
//! impl Mine {
//!     fn carry_out(&mut self, op: StoreOp, now: UnixTime) -> StoreResult {
//!         self.used.retain(|_, until| *until > now);
//!         match op {
//!             // True for the first caller only, and the first one's end holds.
//!             StoreOp::Consume { key, .. } if self.used.contains_key(&key) => Ok(StoreAnswer::Taken(false)),
//!             StoreOp::Consume { key, until } => {
//!                 self.used.insert(key, until);
//!                 Ok(StoreAnswer::Taken(true))
//!             }
//!             other => self.rest.run(other, now),
//!         }
//!     }
//! }
//! # let mut store = Mine { used: HashMap::new(), rest: Memory::new() };
//! # let op = StoreOp::Consume { key: "a".into(), until: UnixTime::from_secs(2) };
//! # assert!(store.carry_out(op.clone(), UnixTime::EPOCH) == Ok(StoreAnswer::Taken(true)));
//! # assert!(store.carry_out(op, UnixTime::EPOCH) == Ok(StoreAnswer::Taken(false)));
//! ```
//!
//! # A signature backend of one's own
//!
//! [`Verifier`](crate::jose::Verifier) prepares a key once, when its set is parsed; [`PreparedKey`](crate::jose::PreparedKey)
//! then verifies. Sizes, exponents and the match of key and algorithm are checked before it is asked. It goes into
//! [`Client::with_backend`](crate::Client::with_backend), and core can be built without its default feature `rsa`.
