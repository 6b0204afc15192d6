//! OpenID Connect for sync Rust servers: sign-in with any provider, and bearer tokens checked against its published keys.
//!
//! [`Oidc`] carries out what [`oidc_core`] decides, on the calling thread, with `ureq`. With the feature `rouille`,
#![cfg_attr(feature = "rouille", doc = "[`Oidc::protect`] puts it in front of a rouille server.")]
#![cfg_attr(not(feature = "rouille"), doc = "`Oidc::protect` puts it in front of a rouille server.")]
//!
//! # With a store and without
//!
//! Without a session store, a sign-in is good for one callback in each process, and each process knows the sign-outs that it
//! was told. With one, by `Builder::store` or `OIDC_SESSION_STORE`, that holds for all processes which share it:
//! [`MemoryStore`] for one process, `RedisStore` (feature `redis`) for many. While a store does not answer, what needs it is
//! answered 503, never as if there were no session.

#[cfg(feature = "client-key")]
mod client_key;
mod engine;
mod handle;
mod renewal;
#[cfg(feature = "rouille")]
pub mod rouille;
mod settings;
mod store;
mod transport;
#[cfg(feature = "ws")]
mod watch;
#[cfg(feature = "ws")]
pub mod ws;

#[cfg(feature = "client-key")]
pub use client_key::ClientKey;
pub use engine::{SessionStore, Transport};
pub use handle::Oidc;
pub use oidc_core;
pub use settings::Builder;
pub use store::MemoryStore;
#[cfg(feature = "redis")]
pub use store::RedisStore;
