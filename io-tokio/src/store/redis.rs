//! A store in Redis or Valkey. What the server is asked is core's; here is only the connection.

use std::time::{Duration, Instant};

use oidc_core::error::ConfigError;
use oidc_core::step::{StoreError, StoreOp, StoreResult};
use oidc_core::store::redis::Script;
use oidc_core::time::UnixTime;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, IntoConnectionInfo as _, RedisError, RedisResult};
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::engine::SessionStore;

/// A store in Redis (5 or later) or Valkey, for servers of several instances.
///
/// It connects when it is first asked, by one connection that all share, and again by itself after the server was away.
/// Until then, each operation fails within a second.
///
/// The server must not evict keys at will (`maxmemory-policy noeviction`), its clock and those of the instances must agree within seconds, and sessions survive
/// its restart only if it persists them. The connection is not encrypted.
pub struct RedisStore {
    client: Client,
    prefix: String,
    shared: Mutex<Option<Shared>>,
}

/// The connection that all share, and when it was last asked for.
#[derive(Clone)]
struct Shared {
    connection: MultiplexedConnection,
    made: Instant,
    used: Instant,
}

impl RedisStore {
    /// For one operation.
    const PATIENCE: Duration = Duration::from_secs(1);
    /// After this time a connection may have been cut without our noticing.
    const FRESH: Duration = Duration::from_secs(1);

    /// In the server at `redis://[user:password@]host[:port][/database]`, under keys that begin with `oidc:`. Nothing is
    /// connected yet.
    ///
    /// # Errors
    /// [`ConfigError`] when this is no such URL; it does not show it, since a password may be in it.
    pub fn new(url: &str) -> Result<Self, ConfigError> {
        let wrong = "is not like redis://[user:password@]host[:port][/database]";
        let client = client(url).map_err(|_| ConfigError::new("session_store", wrong))?;
        Ok(Self { client, prefix: "oidc:".to_owned(), shared: Mutex::default() })
    }

    /// Under keys that begin with this, so that several applications can share a server. No braces: what is in them decides
    /// about the slot in a cluster, and there has to be one for all.
    #[must_use]
    pub fn prefix(mut self, prefix: &str) -> Self {
        prefix.clone_into(&mut self.prefix);
        self
    }

    async fn ask(&self, script: &Script) -> Result<Vec<Vec<u8>>, StoreError> {
        let begun = Instant::now();
        let connecting = timeout(Self::PATIENCE, self.connection()).await;
        let Shared { mut connection, made, .. } =
            connecting.map_err(|_| silent())?.map_err(|e| failed(&e))?;
        let run = redis::Script::new(script.text());
        let mut run = run.key(script.keys());
        let asked = run.arg(script.arguments()).invoke_async(&mut connection);
        let answer = match timeout(Self::PATIENCE.saturating_sub(begun.elapsed()), asked).await {
            Ok(answer) => answer.map_err(|error| failed(&error)),
            Err(_) => Err(silent()),
        };
        if answer.is_err() {
            self.give_up(made).await;
        }
        answer
    }

    /// One that is known to live, or a new one. Who is cut short here leaves none behind, so that the next makes a new one.
    async fn connection(&self) -> RedisResult<Shared> {
        let mut shared = self.shared.lock().await;
        let found = match shared.take() {
            Some(found) => live(found).await,
            None => None,
        };
        let found = match found {
            Some(found) => found,
            None => self.connect().await?,
        };
        Ok(shared.insert(found).clone())
    }

    /// Without time limits of its own: there is one for the whole operation.
    async fn connect(&self) -> RedisResult<Shared> {
        let config = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
        let connection = self.client.get_multiplexed_async_connection_with_config(&config).await?;
        let made = Instant::now();
        Ok(Shared { connection, made, used: made })
    }

    /// Leaves a newer one alone.
    async fn give_up(&self, made: Instant) {
        self.shared.lock().await.take_if(|shared| shared.made == made);
    }
}

#[async_trait::async_trait]
impl SessionStore for RedisStore {
    async fn run(&self, op: StoreOp, _: UnixTime) -> StoreResult {
        let script = Script::new(op, &self.prefix);
        script.answer(self.ask(&script).await?)
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

/// The same, if it answers.
async fn live(mut shared: Shared) -> Option<Shared> {
    if shared.used.elapsed() >= RedisStore::FRESH {
        redis::cmd("PING").exec_async(&mut shared.connection).await.ok()?;
    }
    shared.used = Instant::now();
    Some(shared)
}

fn silent() -> StoreError {
    StoreError(format!("no answer within {:?}", RedisStore::PATIENCE))
}

/// A server's own words may repeat what it was asked.
fn failed(error: &RedisError) -> StoreError {
    if error.is_io_error() {
        return StoreError(error.to_string());
    }
    StoreError(format!("{} {}", error.category(), error.code().unwrap_or_default()).trim().to_owned())
}
