//! OpenID Connect for async Rust servers: sign-in with any provider, and bearer tokens checked against its published keys.
//!
//! [`Oidc`] carries out what [`oidc_core`] decides, on tokio, with `reqwest`. With the feature `tower`, `Oidc::layer` puts
//! it in front of any tower service; with the feature `axum`, handlers take an `Identity`.

#[cfg(feature = "axum")]
pub mod axum;
mod engine;
mod handle;
mod renewal;
mod settings;
mod store;
#[cfg(feature = "tower")]
pub mod tower;
mod transport;

pub use engine::{Running, SessionStore, Transport};
pub use handle::Oidc;
pub use oidc_core;
pub use settings::Builder;
pub use store::MemoryStore;
#[cfg(feature = "redis")]
pub use store::RedisStore;
