//! OpenID Connect for Rust servers: the protocol alone.
//!
//! People sign in with any OpenID Connect provider; services accept the JSON Web Token that proves who called. This crate
//! makes authorize URLs, parses callbacks, verifies tokens and seals sessions. It has no sockets, threads, clock,
//! environment or random source: whoever uses it brings them. The crates `oidc-blocking` and `oidc-tokio` do, with
//! adapters for web servers; most servers want one of those.
//!
//! # A flow is a value
//!
//! Every operation that may need the network is a [`Step`]. It is carried out by one loop:
//!
//! ```
//! use oidc_core::{Step, step::{Fetch, FetchResult}, time::UnixTime};
//!
//! fn run<T>(mut step: Step<T>, send: impl Fn(Fetch) -> FetchResult, now: impl Fn() -> UnixTime) -> T {
//!     loop {
//!         step = match step {
//!             Step::Done(value) => return value,
//!             Step::Fetch(fetch, reply) => reply.resume(send(fetch), now()),
//!             Step::Store(_, reply) => reply.resume(Err(oidc_core::step::StoreError("no store".into())), now()),
//!             Step::Wait(duration, wake) => {
//!                 std::thread::sleep(duration);
//!                 wake.resume(now())
//!             }
//!         };
//!     }
//! }
//! ```
//!
//! # Where to start
//!
//! - [`Config`] holds the settings; it cannot exist half-valid.
//! - [`Client`] has one method for each operation of the protocol.
//! - [`Guard`] decides about a web server's requests.
//! - [`token::TokenRules`] verifies a token by keys that are at hand.
//! - [`Error::code`] lists every error code.
//! - [`manual`] tells which attacks are met how, and why the defaults are what they are.

#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::string_slice,
        clippy::arithmetic_side_effects,
        clippy::unreachable
    )
)]

mod bearer;
mod cache;
mod client;
pub mod client_auth;
pub mod config;
mod cookie;
mod danger;
mod discovery;
pub mod entropy;
pub mod error;
mod exchange;
pub mod guard;
pub mod introspection;
mod issuer;
pub mod jose;
pub mod keys;
pub mod login;
mod logout;
#[cfg(doc)]
pub mod manual;
mod once;
mod page;
pub mod profile;
mod pushed;
mod remember;
mod resource;
mod revoked;
mod secret;
pub mod service;
mod session;
pub mod sockets;
mod standard_claims;
pub mod step;
pub mod store;
pub mod time;
pub mod token;
mod turns;
pub mod userinfo;
mod wire;

pub use client::Client;
pub use config::Config;
pub use entropy::EntropySource;
pub use error::Error;
pub use guard::{Guard, Identity, Incoming, Verdict};
pub use jose::Claims;
pub use login::{Callback, LoginOptions};
pub use secret::Secret;
pub use session::Session;
pub use step::Step;
