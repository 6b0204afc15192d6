//! An OpenID Connect provider for demos and tests, written as a function from request to response.
//!
//! [`DevProvider::answer`] takes a request and the time and gives an [`Answer`]: no clock, no random source, no
//! socket. The same seed and the same requests give the same answers, so that a test moves the clock as it likes.
//! It rotates its keys on demand ([`DevProvider::rotate_keys`]) and misbehaves on demand ([`DevProvider::set_fault`]).
//!
//! ```
//! use oidc_dev_provider::DevProvider;
//!
//! let mut provider = DevProvider::new("https://op.example");
//! let request = http::Request::get("/.well-known/openid-configuration").body(Vec::new()).unwrap();
//! let answer = provider.answer(request, 1_700_000_000);
//! assert_eq!(answer.response.status(), 200);
//! ```
//!
//! [`DevProvider::serve`] puts it behind a socket, on a thread of its own:
//!
//! ```
//! use oidc_dev_provider::DevProvider;
//!
//! let running = DevProvider::serve("127.0.0.1:0")?;
//! println!("sign in at {}", running.issuer());
//! running.with(|provider| provider.rotate_keys(true));
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! Beside the code flow it knows the hybrid flow `code id_token`, pushed authorization requests
//! ([`DevProvider::require_par`]), introspection, revocation, logout over both channels, clients that authenticate by an
//! assertion ([`DevClientAuth`]) or at a stand-in for mutual TLS ([`DevProvider::mtls_aliases`]), and other signatures than
//! RS256 ([`DevProvider::sign_with`]), those on curves with the feature `algorithms`.
//!
//! Its private keys are public. Never let anything real trust it.

mod alg;
mod answer;
mod assertion;
mod authorize;
mod client_auth;
#[cfg_attr(not(feature = "algorithms"), path = "no_curve.rs")]
mod curve;
mod delivery;
mod discovery;
mod fault;
mod form;
mod http1;
mod introspection;
mod keys;
mod login;
mod logout;
mod mint;
mod model;
mod pages;
mod provider;
mod pushed;
mod revocation;
mod router;
mod seeded;
mod server;
mod store;
mod suite;
mod token;
mod userinfo;

pub use answer::{Answer, Delivery};
pub use fault::{Endpoint, Fault};
pub use logout::BackChannelCall;
pub use model::{AccessTokenRequest, DevClient, DevClientAuth, DevUser};
pub use provider::DevProvider;
pub use server::Running;
