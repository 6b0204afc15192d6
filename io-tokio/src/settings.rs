//! From settings to a handle: what only a driver can read, and the parts that can be one's own.

use std::sync::Arc;

use oidc_core::config::ConfigBuilder;
use oidc_core::error::ConfigError;
use oidc_core::jose::{RustCrypto, Verifier};
use oidc_core::{Client, Config, Guard, Incoming};

use crate::engine::{SessionStore, SystemEntropy, Transport};
use crate::renewal::Renewal;
use crate::transport::Reqwest;
use crate::{Oidc, store};

/// Chooses a provider by its issuer.
type Choice = Box<dyn Fn(&Incoming<'_>) -> Option<String> + Send + Sync>;

/// What an [`Oidc`] is built from.
pub struct Builder {
    config: ConfigBuilder,
    others: Vec<ConfigBuilder>,
    choice: Option<Choice>,
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
            others: Vec::new(),
            choice: None,
            extra_roots: None,
            transport: None,
            store: None,
            verifier: Arc::new(RustCrypto),
            renewal: false,
        }
    }

    /// From the variables of [`Config::from_vars`], and these:
    /// - `OIDC_CA_FILE`: a PEM file of roots to trust beside the usual ones;
    /// - `OIDC_CLIENT_KEY_FILE` and `OIDC_CLIENT_KEY_ID`: the client's private key for `private_key_jwt`, PEM, with the feature
    ///   `client-key`, and its name at the provider;
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
        match (variable("OIDC_CLIENT_KEY_FILE"), variable("OIDC_CLIENT_KEY_ID")) {
            (Some(file), key_id) => builder.config = with_key(builder.config, &file, key_id.as_deref())?,
            (None, Some(_)) => {
                return Err(ConfigError::new(
                    "client_key_id",
                    "names a key, and OIDC_CLIENT_KEY_FILE is not set",
                ));
            }
            (None, None) => {}
        }
        builder.store = store::named(variable("OIDC_SESSION_STORE").as_deref())?;
        Ok(builder)
    }

    /// Changes settings, also those that came from variables:
    /// `Builder::from_env()?.configure(|config| config.profile(ProviderProfile::google()))`.
    #[must_use]
    pub fn configure(mut self, change: impl FnOnce(ConfigBuilder) -> ConfigBuilder) -> Self {
        self.config = change(self.config);
        self
    }

    /// One more provider: see [`Guard::several`]. The settings of the server itself are those of the first.
    #[must_use]
    pub fn also(mut self, config: ConfigBuilder) -> Self {
        self.others.push(config);
        self
    }

    /// Chooses the provider of a person who is to sign in, by its issuer: see [`Guard::choose_by`].
    #[must_use]
    pub fn choose_by(
        mut self,
        choice: impl Fn(&Incoming<'_>) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        self.choice = Some(Box::new(choice));
        self
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
        let has_store = self.store.is_some();
        let config: Config = self.config.session_store(has_store).build()?;
        if config.has_random_cookie_secret() {
            tracing::warn!(
                "neither OIDC_COOKIE_SECRET nor cookie_secrets is set: sessions end when this process does"
            );
        }
        let transport = match self.transport {
            Some(transport) => transport,
            None => Arc::new(Reqwest::with_extra_roots(self.extra_roots.as_deref())?),
        };
        let entropy = Arc::new(SystemEntropy);
        let client = |config| Client::with_backend(config, entropy.clone(), Arc::clone(&self.verifier));
        let mut clients = vec![client(config)];
        for other in self.others {
            clients.push(client(other.session_store(has_store).build()?));
        }
        let guard = Guard::several(clients)?;
        let guard = match self.choice {
            Some(choice) => guard.choose_by(choice),
            None => guard,
        };
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

#[cfg(feature = "client-key")]
fn with_key(config: ConfigBuilder, file: &str, key_id: Option<&str>) -> Result<ConfigBuilder, ConfigError> {
    let wrong = |error| ConfigError::new("client_key_file", format!("cannot be read: {file:?}: {error}"));
    let key = crate::ClientKey::from_pem(&std::fs::read(file).map_err(wrong)?)?;
    Ok(config.signer(Arc::new(key_id.into_iter().fold(key, crate::ClientKey::key_id))))
}

#[cfg(not(feature = "client-key"))]
fn with_key(_: ConfigBuilder, _: &str, _: Option<&str>) -> Result<ConfigBuilder, ConfigError> {
    Err(ConfigError::new("client_key_file", "needs the feature `client-key`"))
}
