//! OpenID Connect for sync Rust servers: sign-in with any provider, and bearer tokens checked against its published keys.
//!
//! [`Oidc`] carries out what [`oidc_core`] decides, on the calling thread, with `ureq`. With the feature `rouille`,
#![cfg_attr(feature = "rouille", doc = "[`Oidc::protect`] puts it in front of a rouille server.")]
#![cfg_attr(not(feature = "rouille"), doc = "`Oidc::protect` puts it in front of a rouille server.")]

mod engine;
mod handle;
mod renewal;
#[cfg(feature = "rouille")]
pub mod rouille;
mod settings;
mod store;
mod transport;

pub use engine::{SessionStore, Transport};
pub use handle::Oidc;
pub use oidc_core;
pub use settings::Builder;
pub use store::MemoryStore;
#[cfg(feature = "redis")]
pub use store::RedisStore;
