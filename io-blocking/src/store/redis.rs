//! A store in Redis or Valkey. What the server is asked is core's; here are only the connections.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use oidc_core::error::ConfigError;
use oidc_core::step::{StoreError, StoreOp, StoreResult};
use oidc_core::store::redis::Script;
use oidc_core::time::UnixTime;
use redis::{Client, Connection, IntoConnectionInfo as _, RedisError, RedisResult};

use crate::engine::SessionStore;

/// A store in Redis (5 or later) or Valkey, for servers of several instances.
///
/// It connects when it is first asked, with a connection for each thread that asks at the same time, and again by itself
/// after the server was away. Until then, each operation fails within about a second: connecting may take that long, and
/// the server may be silent that long, in all. Only the resolution of the host's name is the system's affair.
///
/// The server must not evict keys at will (`maxmemory-policy noeviction`), its clock and those of the instances must agree within seconds, and sessions survive
/// its restart only if it persists them. The connection is not encrypted.
pub struct RedisStore {
    client: Client,
    prefix: String,
    idle: Mutex<Vec<Idle>>,
}

/// A connection that nobody uses, and since when.
struct Idle {
    connection: Connection,
    since: Instant,
}

impl RedisStore {
    /// For one operation.
    const PATIENCE: Duration = Duration::from_secs(1);
    /// For a connection, and again for each of the two answers that signing in to the server may take.
    const PATIENCE_TO_CONNECT: Duration = Duration::from_millis(400);
    /// For a sign of life.
    const PATIENCE_TO_PING: Duration = Duration::from_millis(200);
    /// After this time a connection may have been cut without our noticing.
    const FRESH: Duration = Duration::from_secs(1);
    /// The most connections kept for later.
    const MOST_IDLE: usize = 64;

    /// In the server at `redis://[user:password@]host[:port][/database]`, under keys that begin with `oidc:`. Nothing is
    /// connected yet.
    ///
    /// # Errors
    /// [`ConfigError`] when this is no such URL; it does not show it, since a password may be in it.
    pub fn new(url: &str) -> Result<Self, ConfigError> {
        let wrong = "is not like redis://[user:password@]host[:port][/database]";
        let client = client(url).map_err(|_| ConfigError::new("session_store", wrong))?;
        Ok(Self { client, prefix: "oidc:".to_owned(), idle: Mutex::default() })
    }

    /// Under keys that begin with this, so that several applications can share a server. No braces: what is in them decides
    /// about the slot in a cluster, and there has to be one for all.
    #[must_use]
    pub fn prefix(mut self, prefix: &str) -> Self {
        prefix.clone_into(&mut self.prefix);
        self
    }

    fn ask(&self, script: &Script) -> RedisResult<Vec<Vec<u8>>> {
        let begun = Instant::now();
        let mut connection = self.connection()?;
        // Never nothing, which would mean for ever.
        let left = Self::PATIENCE.saturating_sub(begun.elapsed()).max(Duration::from_millis(1));
        wait_at_most(left, &connection)?;
        let answer = redis::Script::new(script.text())
            .key(script.keys())
            .arg(script.arguments())
            .invoke(&mut connection)?;
        self.keep(connection);
        Ok(answer)
    }

    /// One that is known to live, or a new one.
    fn connection(&self) -> RedisResult<Connection> {
        // A statement of its own, or the lock would be held until the end.
        let kept = self.idle().pop();
        if let Some(Idle { mut connection, since }) = kept {
            if since.elapsed() < Self::FRESH {
                return Ok(connection);
            }
            wait_at_most(Self::PATIENCE_TO_PING, &connection)?;
            if redis::cmd("PING").exec(&mut connection).is_ok() {
                return Ok(connection);
            }
            // Whatever cut this one has cut those that were idle for longer.
            self.idle().clear();
        }
        self.client.get_connection_with_timeout(Self::PATIENCE_TO_CONNECT)
    }

    fn keep(&self, connection: Connection) {
        let mut idle = self.idle();
        if idle.len() < Self::MOST_IDLE {
            idle.push(Idle { connection, since: Instant::now() });
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SessionStore for RedisStore {
    fn run(&self, op: StoreOp, _: UnixTime) -> StoreResult {
        let script = Script::new(op, &self.prefix);
        match self.ask(&script) {
            Ok(answer) => script.answer(answer),
            Err(error) => {
                // The one that failed is gone. The others have probably lost the same server.
                self.idle().clear();
                Err(failed(&error))
            }
        }
    }
}

/// Shows the prefix: the address may hold a password.
impl std::fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisStore").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

/// One that says nothing of itself when it connects, which would be more answers to wait for.
fn client(url: &str) -> RedisResult<Client> {
    let info = url.into_connection_info()?;
    let settings = info.redis_settings().clone().set_skip_set_lib_name();
    Client::open(info.set_redis_settings(settings))
}

/// For each answer.
fn wait_at_most(duration: Duration, connection: &Connection) -> RedisResult<()> {
    connection.set_read_timeout(Some(duration))?;
    connection.set_write_timeout(Some(duration))
}

/// A server's own words may repeat what it was asked.
fn failed(error: &RedisError) -> StoreError {
    if error.is_io_error() {
        return StoreError(error.to_string());
    }
    StoreError(format!("{} {}", error.category(), error.code().unwrap_or_default()).trim().to_owned())
}
