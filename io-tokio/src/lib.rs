//! OpenID Connect for async Rust servers: sign-in with any provider, and bearer tokens checked against its published keys.
//!
//! [`Oidc`] carries out what [`oidc_core`] decides, on tokio, with `reqwest`. With the feature `tower`, `Oidc::layer` puts
//! it in front of any tower service; with the feature `axum`, handlers take an `Identity`. So they do in
//! actix-web, with the feature `actix` and `Oidc::middleware`. Websockets come with `ws` (axum) and `actix-ws`, Socket.IO
//! with `socketio`.
//!
//! # With a store and without
//!
//! Without a session store, a sign-in is good for one callback in each process, and each process knows the sign-outs that it
//! was told. With one, by `Builder::store` or `OIDC_SESSION_STORE`, that holds for all processes which share it:
//! [`MemoryStore`] for one process, `RedisStore` (feature `redis`) for many. While a store does not answer, what needs it is
//! answered 503, never as if there were no session.

#[cfg(feature = "actix")]
pub mod actix;
#[cfg(feature = "axum")]
pub mod axum;
#[cfg(feature = "client-key")]
mod client_key;
mod engine;
mod handle;
mod renewal;
mod settings;
#[cfg(feature = "socketio")]
pub mod socketio;
mod store;
#[cfg(feature = "tower")]
pub mod tower;
mod transport;
#[cfg(feature = "sockets")]
mod watch;

#[cfg(feature = "client-key")]
pub use client_key::ClientKey;
pub use engine::{Running, SessionStore, Transport};
pub use handle::Oidc;
pub use oidc_core;
pub use settings::Builder;
pub use store::MemoryStore;
#[cfg(feature = "redis")]
pub use store::RedisStore;
#[cfg(feature = "sockets")]
pub use watch::Life;
