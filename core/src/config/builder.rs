//! From settings to a [`Config`]: defaults, variables, and every check.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::check::{checked_keys, checked_lifetimes, cookie_secret, parse_fetched_url, session_settings};
use super::vars::{self, Vars};
use super::{ClientAuth, Config, Danger, Remember, ResponseMode, ResponseType, SessionSettings};
use crate::cache::Lifetimes;
use crate::client_auth::{SecretSource, Signer};
use crate::error::ConfigError;
use crate::issuer::Issuer;
use crate::jose::Algorithm;
use crate::profile::{Logout, ProviderProfile};
use crate::resource::Resource;
use crate::secret::Secret;
use crate::token::{AccessToken, TokenRules};

/// Settings on their way to a [`Config`]; nothing is checked before [`build`](Self::build).
#[derive(Debug, Clone)]
pub struct ConfigBuilder {
    pub(super) issuer: String,
    pub(super) client_id: Option<String>,
    pub(super) client_secret: Option<Secret>,
    pub(super) client_auth: Option<ClientAuth>,
    pub(super) signer: Option<Held<dyn Signer>>,
    pub(super) secret_source: Option<Held<dyn SecretSource>>,
    pub(super) redirect_uri: Option<String>,
    pub(super) scopes: Option<String>,
    pub(super) response_type: ResponseType,
    pub(super) response_mode: Option<ResponseMode>,
    pub(super) pushed: bool,
    pub(super) userinfo: Option<bool>,
    pub(super) bearer: Option<Vec<AccessToken>>,
    pub(super) audience: Option<String>,
    pub(super) algorithms: Vec<Algorithm>,
    pub(super) leeway: Duration,
    pub(super) session: SessionSettings,
    pub(super) keep_tokens: Option<bool>,
    pub(super) session_claims: Option<Vec<String>>,
    pub(super) cookie_secrets: Vec<Secret>,
    pub(super) api_paths: Vec<String>,
    pub(super) resource: Option<String>,
    pub(super) metadata_url: Option<String>,
    pub(super) profile: ProviderProfile,
    pub(super) lifetimes: Lifetimes,
    pub(super) static_keys: Option<Secret>,
    pub(super) danger: Danger,
    pub(super) max_token_age: Option<Duration>,
    pub(super) query_tokens: bool,
    pub(super) sockets_end_with_key: bool,
    pub(super) single_use_tokens: bool,
    pub(super) remember: Option<Remember>,
}

impl ConfigBuilder {
    pub(super) fn new(issuer: &str) -> Self {
        Self {
            issuer: issuer.to_owned(),
            client_id: None,
            client_secret: None,
            client_auth: None,
            signer: None,
            secret_source: None,
            redirect_uri: None,
            scopes: None,
            response_type: ResponseType::Code,
            response_mode: None,
            pushed: false,
            userinfo: None,
            bearer: None,
            audience: None,
            algorithms: vec![Algorithm::Rs256],
            leeway: Duration::from_secs(60),
            session: SessionSettings {
                idle: Duration::from_secs(86_400),
                absolute: Duration::from_secs(604_800),
                keep_tokens: false,
                has_store: false,
                in_cookies: false,
            },
            keep_tokens: None,
            session_claims: None,
            cookie_secrets: Vec::new(),
            api_paths: vec!["/api/".to_owned()],
            resource: None,
            metadata_url: None,
            profile: ProviderProfile::standard("provider"),
            lifetimes: Lifetimes::default(),
            static_keys: None,
            danger: Danger::new(),
            max_token_age: None,
            query_tokens: false,
            sockets_end_with_key: false,
            single_use_tokens: false,
            remember: None,
        }
    }

    pub(super) fn client(mut self, client_id: &str, redirect_uri: &str) -> Self {
        self.client_id = Some(client_id.to_owned());
        self.redirect_uri = Some(redirect_uri.to_owned());
        self
    }

    /// The client's name at the provider, for a [resource server](Config::resource_server) that asks the provider for tokens of
    /// its own, or about tokens that it was shown.
    #[must_use]
    pub fn client_id(mut self, client_id: &str) -> Self {
        self.client_id = Some(client_id.to_owned());
        self
    }

    /// The client's secret. Without one it is a public client.
    #[must_use]
    pub fn client_secret(mut self, secret: Secret) -> Self {
        self.client_secret = Some(secret);
        self
    }

    /// How the client authenticates. Default: as the profile says, else basic, with a secret; `private_key_jwt` with a signer;
    /// none without either.
    #[must_use]
    pub fn client_auth(mut self, client_auth: ClientAuth) -> Self {
        self.client_auth = Some(client_auth);
        self
    }

    /// A client secret that changes, such as Apple's: it is asked for at each request that needs it.
    #[must_use]
    pub fn client_secret_from(mut self, source: Arc<dyn SecretSource>) -> Self {
        self.secret_source = Some(Held(source));
        self
    }

    /// The client's private key, for `private_key_jwt`.
    #[must_use]
    pub fn signer(mut self, signer: Arc<dyn Signer>) -> Self {
        self.signer = Some(Held(signer));
        self
    }

    /// What is peculiar to the provider. A setting of this builder overrides the profile's, whichever is called first. Default:
    /// nothing.
    #[must_use]
    pub fn profile(mut self, profile: ProviderProfile) -> Self {
        self.profile = profile;
        self
    }

    /// The scopes to ask for, separated by spaces; `openid` must be one of them. Default: as the profile says, else
    /// `openid profile email`.
    #[must_use]
    pub fn scopes(mut self, scopes: &str) -> Self {
        self.scopes = Some(scopes.to_owned());
        self
    }

    /// How the provider sends the browser back. Default: as the profile says, else by form post where an ID token comes with the
    /// code, and in the query where none does.
    #[must_use]
    pub fn response_mode(mut self, response_mode: ResponseMode) -> Self {
        self.response_mode = Some(response_mode);
        self
    }

    /// What the provider's answer brings. Default: a code.
    #[must_use]
    pub fn response_type(mut self, response_type: ResponseType) -> Self {
        self.response_type = response_type;
        self
    }

    /// Whether the provider is told of each authorization request beforehand, and the browser carries no more than its name
    /// ([RFC 9126](https://www.rfc-editor.org/rfc/rfc9126)). Default: where the provider demands it.
    #[must_use]
    pub fn pushed_authorization_requests(mut self, pushed: bool) -> Self {
        self.pushed = pushed;
        self
    }

    /// Whether a sign-in asks the userinfo endpoint too, where there is one, and adds its claims to the session; the ID
    /// token's claims win. Default: yes.
    #[must_use]
    pub fn userinfo(mut self, userinfo: bool) -> Self {
        self.userinfo = Some(userinfo);
        self
    }

    /// The kinds of bearer token taken. Default: as the profile says, else `at+jwt`.
    #[must_use]
    pub fn bearer(mut self, kinds: &[AccessToken]) -> Self {
        self.bearer = Some(kinds.to_vec());
        self
    }

    /// The audience required of bearer tokens. Default: the client ID.
    #[must_use]
    pub fn audience(mut self, audience: &str) -> Self {
        self.audience = Some(audience.to_owned());
        self
    }

    /// The signature algorithms taken. Default: RS256.
    #[must_use]
    pub fn algorithms(mut self, algorithms: &[Algorithm]) -> Self {
        self.algorithms = algorithms.to_vec();
        self
    }

    /// How far clocks may be apart, 0..=300 seconds. Default: 60 seconds.
    #[must_use]
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// How long a session lives without a request. Default: a day.
    #[must_use]
    pub fn session_idle(mut self, idle: Duration) -> Self {
        self.session.idle = idle;
        self
    }

    /// How long a session lives at most. Default: a week.
    #[must_use]
    pub fn session_absolute(mut self, absolute: Duration) -> Self {
        self.session.absolute = absolute;
        self
    }

    /// Whether a session keeps access and refresh token, for calls on the person's behalf: see
    /// [`Session::access_token`](crate::Session::access_token). Default: if the scopes ask for `offline_access`, which is of no
    /// use else.
    #[must_use]
    pub fn keep_tokens(mut self, keep: bool) -> Self {
        self.keep_tokens = Some(keep);
        self
    }

    /// Which claims a session keeps, of all that ID token and userinfo say: these, and those that it needs itself (`iss`,
    /// `sub`, `aud`, `exp`, `iat`, `auth_time`, `acr`, `amr`, `sid`). Others are forgotten after the sign-in, and a policy that
    /// looks for a role needs its claim kept. Default: all.
    #[must_use]
    pub fn session_claims(mut self, names: &[&str]) -> Self {
        self.session_claims = Some(names.iter().copied().map(str::to_owned).collect());
        self
    }

    /// Whether the driver has a session store. Sessions are then kept there, and what has ended or been used up is known to
    /// all instances that share it. A driver sets it by itself. Default: no.
    #[must_use]
    pub fn session_store(mut self, has_store: bool) -> Self {
        self.session.has_store = has_store;
        self
    }

    /// Whether sessions stay in cookies although there is a store, which then keeps no more than what has ended and what has
    /// been used up. Default: no.
    #[must_use]
    pub fn sessions_in_cookies(mut self, in_cookies: bool) -> Self {
        self.session.in_cookies = in_cookies;
        self
    }

    /// The secrets that seal cookies, each at least 32 bytes, base64url. The first seals, all open.
    /// Default: one made at start.
    #[must_use]
    pub fn cookie_secrets(mut self, secrets: &[String]) -> Self {
        self.cookie_secrets = secrets.iter().map(Secret::new).collect();
        self
    }

    /// Prefixes of paths where a request without credentials is answered 401 and never sent to the provider.
    /// Default: `/api/`.
    #[must_use]
    pub fn api_paths(mut self, prefixes: &[String]) -> Self {
        self.api_paths = prefixes.to_vec();
        self
    }

    /// The identifier of what this server protects, an https URL: those who are refused are told where to learn which provider
    /// gives tokens for it, and a [`Guard`](crate::Guard) answers there
    /// ([RFC 9728](https://www.rfc-editor.org/rfc/rfc9728)). Default: none.
    #[must_use]
    pub fn resource(mut self, identifier: &str) -> Self {
        self.resource = Some(identifier.to_owned());
        self
    }

    /// Where the metadata is, if not at `/.well-known/openid-configuration` below the issuer. The document must still
    /// speak of the issuer.
    #[must_use]
    pub fn metadata_url(mut self, url: &str) -> Self {
        self.metadata_url = Some(url.to_owned());
        self
    }

    /// Between which bounds the provider's caching headers are followed for metadata and keys, and the longest where there
    /// are none. Default: 60 to 600 seconds. A key that the provider withdraws is accepted for the longest at most.
    #[must_use]
    pub fn refresh_between(mut self, shortest: Duration, longest: Duration) -> Self {
        self.lifetimes.shortest = shortest;
        self.lifetimes.longest = longest;
        self
    }

    /// How long keys and metadata serve although every refresh fails. Default: a day.
    #[must_use]
    pub fn max_stale(mut self, max_stale: Duration) -> Self {
        self.lifetimes.max_stale = max_stale;
        self
    }

    /// A JWK set to be used instead of the provider's, which then is never asked for keys.
    #[must_use]
    pub fn static_keys(mut self, jwks: &str) -> Self {
        self.static_keys = Some(Secret::new(jwks));
        self
    }

    /// How long ago any token may have been issued at most, leeway aside, whatever its `exp` says. Default: no limit.
    #[must_use]
    pub fn max_token_age(mut self, max_token_age: Duration) -> Self {
        self.max_token_age = Some(max_token_age);
        self
    }

    /// Whether requests that open a socket may carry their token in the query, as `access_token` or `id_token`. It must be of a
    /// kind that is taken anyway. Addresses end up in logs and histories
    /// ([RFC 6750 section 5.3](https://www.rfc-editor.org/rfc/rfc6750#section-5.3)). Default: no.
    #[must_use]
    pub fn query_tokens(mut self, query_tokens: bool) -> Self {
        self.query_tokens = query_tokens;
        self
    }

    /// Whether a socket that a token has opened ends once the provider's keys, when they are next fetched, lack the token's.
    /// A provider that rotates its keys may withdraw one while good tokens are still about. Default: no.
    #[must_use]
    pub fn sockets_end_with_key(mut self, sockets_end_with_key: bool) -> Self {
        self.sockets_end_with_key = sockets_end_with_key;
        self
    }

    /// Whether an access token is taken once: it must carry a `jti`, which is remembered until the token has expired, by the
    /// session store if there is one, else by this process. Default: no.
    #[must_use]
    pub fn single_use_tokens(mut self, once: bool) -> Self {
        self.single_use_tokens = once;
        self
    }

    /// Remembers access tokens that have been verified: one that is seen again costs a hundredth. Default: no.
    #[must_use]
    pub fn remember_tokens(mut self, remember: Remember) -> Self {
        self.remember = Some(remember);
        self
    }

    /// Lifts checks. Default: none.
    #[must_use]
    pub fn danger(mut self, danger: Danger) -> Self {
        self.danger = danger;
        self
    }

    /// See [`Config::from_vars`].
    ///
    /// # Errors
    /// [`ConfigError`] naming the first variable that is missing or wrong.
    pub fn from_vars(variable: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let from = Vars(&variable);
        let issuer = from.required("issuer")?;
        let mut builder =
            Self::new(&issuer).client(&from.required("client_id")?, &from.required("redirect_uri")?);
        builder.client_secret = from.optional("client_secret")?.map(Secret::new);
        builder.client_auth = from.parsed("client_auth", vars::client_auth)?;
        builder.audience = from.optional("audience")?;
        builder.scopes = from.optional("scopes")?;
        builder.response_mode = from.parsed("response_mode", vars::response_mode)?;
        builder.bearer = from.list("bearer", AccessToken::from_name, "at+jwt, jwt, id_token")?;
        if let Some(algorithms) = from.parsed("algorithms", Algorithm::list)? {
            builder.algorithms = algorithms;
        }
        if let Some(on) = from.parsed("query_token", vars::switch)? {
            builder.query_tokens = on;
        }
        builder.leeway = from.seconds("leeway")?.unwrap_or(builder.leeway);
        builder.session.idle = from.seconds("session_idle")?.unwrap_or(builder.session.idle);
        builder.session.absolute = from.seconds("session_absolute")?.unwrap_or(builder.session.absolute);
        if let Some(secrets) = from.optional("cookie_secret")? {
            builder.cookie_secrets = secrets.split(',').map(Secret::new).collect();
        }
        Ok(builder)
    }

    /// Checks everything.
    ///
    /// # Errors
    /// [`ConfigError`] naming the first setting that is missing or wrong.
    pub fn build(self) -> Result<Config, ConfigError> {
        let issuer = Issuer::parse(&self.issuer)?;
        let profile = self.profile.clone().checked()?;
        let registration = self.registration()?;
        let offline = self.asked_scopes().split(' ').any(|scope| scope == "offline_access");
        let keep_tokens = self.keep_tokens.unwrap_or(offline);
        if !self.danger.is_in_range() {
            return Err(ConfigError::new("danger", "rsa_bits_up_to is outside 4096..=8192"));
        }
        let metadata_url = match self.metadata_url.as_deref().or(profile.metadata_url.as_deref()) {
            Some(url) => parse_fetched_url("metadata_url", url)?.to_string(),
            None => issuer.metadata_url(),
        };
        if let Logout::Address { url, .. } = &profile.logout {
            parse_fetched_url("logout", url)?;
        }
        for (endpoint, url) in &profile.endpoints {
            parse_fetched_url(endpoint.name(), url)?;
        }
        Ok(Config {
            registration,
            id_rules: self.client_rules(TokenRules::id, &issuer)?,
            access_rules: self.access_rules(&issuer)?,
            logout_rules: self.client_rules(TokenRules::logout, &issuer)?,
            issuer,
            algorithms: self.algorithms,
            leeway: self.leeway,
            session: session_settings(self.session, keep_tokens)?,
            session_claims: self.session_claims,
            cookie_secrets: self
                .cookie_secrets
                .iter()
                .map(|secret| cookie_secret(secret.expose()))
                .collect::<Result<_, _>>()?,
            api_paths: self.api_paths,
            resource: self.resource.as_deref().map(Resource::parse).transpose()?,
            metadata_url,
            profile,
            lifetimes: checked_lifetimes(self.lifetimes)?,
            static_keys: self.static_keys.map(|jwks| checked_keys(jwks, &self.danger)).transpose()?,
            danger: self.danger,
            query_tokens: self.query_tokens,
            sockets_end_with_key: self.sockets_end_with_key,
            single_use_tokens: self.single_use_tokens,
            remember: self.remember,
        })
    }

    pub(super) fn asked_scopes(&self) -> &str {
        self.scopes.as_deref().or(self.profile.scopes).unwrap_or("openid profile email")
    }
}

/// Somebody's own implementation of a part.
pub(super) struct Held<T: ?Sized>(pub(super) Arc<T>);

impl<T: ?Sized> Clone for Held<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// Shows nothing of it.
impl<T: ?Sized> fmt::Debug for Held<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("set")
    }
}
