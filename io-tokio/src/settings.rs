//! From settings to a handle: what only a driver can read, and the parts that can be one's own.

use std::sync::Arc;

use oidc_core::config::ConfigBuilder;
use oidc_core::error::ConfigError;
use oidc_core::jose::{RustCrypto, Verifier};
use oidc_core::{Client, Config, Guard};

use crate::engine::{SessionStore, SystemEntropy, Transport};
use crate::renewal::Renewal;
use crate::transport::Reqwest;
use crate::{Oidc, store};

/// What an [`Oidc`] is built from.
pub struct Builder {
    config: ConfigBuilder,
    extra_roots: Option<Vec<u8>>,
    transport: Option<Arc<dyn Transport>>,
    store: Option<Arc<dyn SessionStore>>,
    verifier: Arc<dyn Verifier>,
    renewal: bool,
}

impl Builder {
    /// With these settings.
    #[must_use]
    pub fn new(config: ConfigBuilder) -> Self {
        Self {
            config,
            extra_roots: None,
            transport: None,
            store: None,
            verifier: Arc::new(RustCrypto),
            renewal: false,
        }
    }

    /// From the variables of [`Config::from_vars`], and two more:
    /// - `OIDC_CA_FILE`: a PEM file of roots to trust beside the usual ones;
    /// - `OIDC_SESSION_STORE`: `cookie` (no store, the default), `memory` (a [`MemoryStore`](crate::MemoryStore)), or, with the
    ///   feature `redis`, `redis://[user:password@]host[:port][/database]` (a `RedisStore`).
    ///
    /// # Errors
    /// [`ConfigError`] naming the first variable that is missing or wrong.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::from_vars(|name| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned()))
    }

    /// The same from variables of one's own.
    ///
    /// # Errors
    /// [`ConfigError`] naming the first variable that is missing or wrong.
    pub fn from_vars(variable: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut builder = Self::new(ConfigBuilder::from_vars(&variable)?);
        if let Some(file) = variable("OIDC_CA_FILE") {
            let wrong = |error| ConfigError::new("ca_file", format!("cannot be read: {file:?}: {error}"));
            builder.extra_roots = Some(std::fs::read(&file).map_err(wrong)?);
        }
        builder.store = store::named(variable("OIDC_SESSION_STORE").as_deref())?;
        Ok(builder)
    }

    /// Roots to trust beside the usual ones, PEM. No effect on an HTTP client of one's own.
    #[must_use]
    pub fn extra_roots(mut self, pem: &[u8]) -> Self {
        self.extra_roots = Some(pem.to_vec());
        self
    }

    /// A client of one's own, with its proxies, headers and roots. It must be built to follow no redirects: an answer that
    /// came by one is not taken.
    #[must_use]
    pub fn http_client(self, client: reqwest::Client) -> Self {
        self.transport(Arc::new(Reqwest::new(client)))
    }

    /// An HTTP client of one's own.
    #[must_use]
    pub fn transport(mut self, transport: Arc<dyn Transport>) -> Self {
        self.transport = Some(transport);
        self
    }

    /// A signature backend instead of [`RustCrypto`].
    #[must_use]
    pub fn verifier(mut self, verifier: Arc<dyn Verifier>) -> Self {
        self.verifier = verifier;
        self
    }

    /// A session store: a sign-in is then good for one callback across all processes that share it.
    #[must_use]
    pub fn store(mut self, store: Arc<dyn SessionStore>) -> Self {
        self.store = Some(store);
        self
    }

    /// Renews metadata and keys by a task, which ends with the last clone of the handle: no request then
    /// waits for a periodic refresh, and the first finds the keys at hand. [`build`](Self::build) must then be called on a tokio runtime.
    #[must_use]
    pub fn background_renewal(mut self) -> Self {
        self.renewal = true;
        self
    }

    /// Checks everything; nothing is fetched yet.
    ///
    /// # Errors
    /// [`ConfigError`] naming the first setting that is missing or wrong.
    pub fn build(self) -> Result<Oidc, ConfigError> {
        let config: Config = self.config.session_store(self.store.is_some()).build()?;
        if config.has_random_cookie_secret() {
            tracing::warn!("OIDC_COOKIE_SECRET is not set: sessions end when this process does");
        }
        let transport = match self.transport {
            Some(transport) => transport,
            None => Arc::new(Reqwest::with_extra_roots(self.extra_roots.as_deref())?),
        };
        let client = Client::with_backend(config, Arc::new(SystemEntropy), self.verifier);
        let guard =
            Guard::new(client).map_err(|error| ConfigError::new("cookie_secret", error.to_string()))?;
        let mut oidc = Oidc {
            guard,
            transport,
            store: self.store,
            #[cfg(feature = "sockets")]
            watch: Arc::default(),
            renewal: None,
        };
        if self.renewal {
            oidc.renewal = Some(Arc::new(Renewal::start(oidc.clone())));
        }
        Ok(oidc)
    }
}
