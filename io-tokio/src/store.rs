//! Session stores: in memory, and with the feature `redis` in Redis.

#[cfg(feature = "redis")]
mod redis;

use std::sync::{Arc, Mutex, PoisonError};

use oidc_core::error::ConfigError;
use oidc_core::step::{StoreOp, StoreResult};
use oidc_core::store::Memory;
use oidc_core::time::UnixTime;

#[cfg(feature = "redis")]
pub use self::redis::RedisStore;
use crate::engine::SessionStore;

/// A store in this process's memory, for a server of one instance: what is in it ends with the process.
#[derive(Debug, Default)]
pub struct MemoryStore(Mutex<Memory>);

impl MemoryStore {
    /// Of the usual size: see [`Memory::new`].
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

/// Of a size of one's own: see [`Memory::with_limits`].
impl From<Memory> for MemoryStore {
    fn from(memory: Memory) -> Self {
        Self(Mutex::new(memory))
    }
}

#[async_trait::async_trait]
impl SessionStore for MemoryStore {
    async fn run(&self, op: StoreOp, now: UnixTime) -> StoreResult {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).run(op, now)
    }
}

/// The store that `OIDC_SESSION_STORE` names; none for sessions in cookies. What is wrong is not shown: it may hold a
/// password.
pub(crate) fn named(name: Option<&str>) -> Result<Option<Arc<dyn SessionStore>>, ConfigError> {
    let wrong = |problem: &str| Err(ConfigError::new("session_store", problem));
    match name {
        None | Some("cookie") => Ok(None),
        Some("memory") => Ok(Some(Arc::new(MemoryStore::new()))),
        Some(url) if url.starts_with("redis://") => in_redis(url).map(Some),
        Some(url) if url.starts_with("rediss://") => wrong("TLS is not supported: it must be a redis:// URL"),
        Some(_) => wrong("is none of `cookie`, `memory` and a redis:// URL"),
    }
}

#[cfg(feature = "redis")]
fn in_redis(url: &str) -> Result<Arc<dyn SessionStore>, ConfigError> {
    Ok(Arc::new(RedisStore::new(url)?))
}

#[cfg(not(feature = "redis"))]
fn in_redis(_: &str) -> Result<Arc<dyn SessionStore>, ConfigError> {
    Err(ConfigError::new("session_store", "a redis:// URL needs the feature `redis` of oidc-tokio"))
}
