//! From settings to a [`Config`]: defaults, variables, and every check.

use std::time::Duration;

use url::Url;

use super::{
    ClientAuth, Config, Danger, Issuer, Registration, Remember, ResponseMode, SessionSettings, is_loopback,
};
use crate::cache::Lifetimes;
use crate::error::ConfigError;
use crate::guard::OWN_PATHS;
use crate::jose::{Algorithm, KeySet, PreparedKey, PublicKey, Verifier, base64url};
use crate::secret::Secret;
use crate::token::{AccessToken, TokenRules};

/// Settings on their way to a [`Config`]; nothing is checked before [`build`](Self::build).
#[derive(Debug, Clone)]
pub struct ConfigBuilder {
    issuer: String,
    client_id: Option<String>,
    client_secret: Option<Secret>,
    client_auth: Option<ClientAuth>,
    redirect_uri: Option<String>,
    scopes: String,
    response_mode: ResponseMode,
    userinfo: bool,
    bearer: Vec<AccessToken>,
    audience: Option<String>,
    algorithms: Vec<Algorithm>,
    leeway: Duration,
    session: SessionSettings,
    keep_tokens: Option<bool>,
    session_claims: Option<Vec<String>>,
    cookie_secrets: Vec<Secret>,
    api_paths: Vec<String>,
    metadata_url: Option<String>,
    lifetimes: Lifetimes,
    static_keys: Option<Secret>,
    danger: Danger,
    max_token_age: Option<Duration>,
    query_tokens: bool,
    sockets_end_with_key: bool,
    single_use_tokens: bool,
    remember: Option<Remember>,
}

impl ConfigBuilder {
    pub(super) fn new(issuer: &str) -> Self {
        Self {
            issuer: issuer.to_owned(),
            client_id: None,
            client_secret: None,
            client_auth: None,
            redirect_uri: None,
            scopes: "openid profile email".to_owned(),
            response_mode: ResponseMode::Query,
            userinfo: true,
            bearer: vec![AccessToken::AtJwt],
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
            metadata_url: None,
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

    /// The client's secret. Without one it is a public client.
    #[must_use]
    pub fn client_secret(mut self, secret: Secret) -> Self {
        self.client_secret = Some(secret);
        self
    }

    /// How the client authenticates: basic with a secret and none without, unless set.
    #[must_use]
    pub fn client_auth(mut self, client_auth: ClientAuth) -> Self {
        self.client_auth = Some(client_auth);
        self
    }

    /// The scopes to ask for, separated by spaces; `openid` must be one of them. Default: `openid profile email`.
    #[must_use]
    pub fn scopes(mut self, scopes: &str) -> Self {
        scopes.clone_into(&mut self.scopes);
        self
    }

    /// How the provider sends the browser back. Default: query.
    #[must_use]
    pub fn response_mode(mut self, response_mode: ResponseMode) -> Self {
        self.response_mode = response_mode;
        self
    }

    /// Whether a sign-in asks the userinfo endpoint too, where there is one, and adds its claims to the session; the ID
    /// token's claims win. Default: yes.
    #[must_use]
    pub fn userinfo(mut self, userinfo: bool) -> Self {
        self.userinfo = userinfo;
        self
    }

    /// The kinds of bearer token taken. Default: `at+jwt`.
    #[must_use]
    pub fn bearer(mut self, kinds: &[AccessToken]) -> Self {
        self.bearer = kinds.to_vec();
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
        let vars = Vars(&variable);
        let issuer = vars.required("issuer")?;
        let mut builder =
            Self::new(&issuer).client(&vars.required("client_id")?, &vars.required("redirect_uri")?);
        builder.client_secret = vars.optional("client_secret")?.map(Secret::new);
        builder.client_auth = vars.parsed("client_auth", client_auth)?;
        builder.audience = vars.optional("audience")?;
        if let Some(scopes) = vars.optional("scopes")? {
            builder.scopes = scopes;
        }
        if let Some(mode) = vars.parsed("response_mode", response_mode)? {
            builder.response_mode = mode;
        }
        if let Some(kinds) = vars.list("bearer", AccessToken::from_name, "at+jwt, jwt, id_token")? {
            builder.bearer = kinds;
        }
        if let Some(algorithms) = vars.parsed("algorithms", Algorithm::list)? {
            builder.algorithms = algorithms;
        }
        if let Some(on) = vars.parsed("query_token", switch)? {
            builder.query_tokens = on;
        }
        builder.leeway = vars.seconds("leeway")?.unwrap_or(builder.leeway);
        builder.session.idle = vars.seconds("session_idle")?.unwrap_or(builder.session.idle);
        builder.session.absolute = vars.seconds("session_absolute")?.unwrap_or(builder.session.absolute);
        if let Some(secrets) = vars.optional("cookie_secret")? {
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
        let registration = self.registration()?;
        let offline = self.scopes.split(' ').any(|scope| scope == "offline_access");
        let keep_tokens = self.keep_tokens.unwrap_or(offline);
        let audience = match (&self.audience, &self.client_id) {
            (Some(audience), _) => audience,
            (None, Some(client_id)) => client_id,
            (None, None) => return Err(ConfigError::new("audience", "is required")),
        };
        if !self.danger.is_in_range() {
            return Err(ConfigError::new("danger", "rsa_bits_up_to is outside 4096..=8192"));
        }
        let rules = |rules: TokenRules| {
            let rules = rules.algorithms(&self.algorithms)?.leeway(self.leeway)?.danger(self.danger);
            Ok(self.max_token_age.into_iter().fold(rules, TokenRules::max_token_age))
        };
        let client_rules = |make: fn(&str, &str) -> Result<TokenRules, ConfigError>| {
            self.client_id.as_deref().map(|client_id| make(&issuer.0, client_id).and_then(rules)).transpose()
        };
        Ok(Config {
            registration,
            id_rules: client_rules(TokenRules::id)?,
            access_rules: rules(TokenRules::access(&issuer.0, audience)?.accept(&self.bearer)?)?,
            logout_rules: client_rules(TokenRules::logout)?,
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
            metadata_url: self.metadata_url.as_deref().map(parse_metadata_url).transpose()?,
            lifetimes: checked_lifetimes(self.lifetimes)?,
            static_keys: self.static_keys.map(|jwks| checked_keys(jwks, &self.danger)).transpose()?,
            danger: self.danger,
            query_tokens: self.query_tokens,
            sockets_end_with_key: self.sockets_end_with_key,
            single_use_tokens: self.single_use_tokens,
            remember: self.remember,
        })
    }

    fn registration(&self) -> Result<Option<Registration>, ConfigError> {
        let (Some(client_id), Some(redirect_uri)) = (&self.client_id, &self.redirect_uri) else {
            return Ok(None);
        };
        if client_id.is_empty() {
            return Err(ConfigError::new("client_id", "is empty"));
        }
        if !self.scopes.split(' ').any(|scope| scope == "openid") {
            return Err(ConfigError::new("scopes", "must contain openid"));
        }
        Ok(Some(Registration {
            client_id: client_id.clone(),
            client_secret: self.client_secret.clone(),
            client_auth: self.checked_client_auth()?,
            redirect_uri: parse_redirect_uri(redirect_uri)?,
            scopes: self.scopes.clone(),
            response_mode: self.response_mode,
            userinfo: self.userinfo,
        }))
    }

    fn checked_client_auth(&self) -> Result<ClientAuth, ConfigError> {
        match (self.client_auth, &self.client_secret) {
            (_, Some(secret)) if secret.expose().is_empty() => {
                Err(ConfigError::new("client_secret", "is empty"))
            }
            (Some(ClientAuth::Basic | ClientAuth::Post), None) => {
                Err(ConfigError::new("client_secret", "is required by the chosen client_auth"))
            }
            (Some(ClientAuth::None), Some(_)) => Err(ConfigError::new(
                "client_auth",
                "is none, and there is a client_secret that would never be used",
            )),
            (Some(auth), _) => Ok(auth),
            (None, Some(_)) => Ok(ClientAuth::Basic),
            (None, None) => Ok(ClientAuth::None),
        }
    }
}

/// The longest lifetime of anything: browsers keep no cookie for longer.
const MOST_LIFETIME: Duration = Duration::from_secs(400 * 86_400);

fn parse_redirect_uri(text: &str) -> Result<Url, ConfigError> {
    let wrong = |problem: &str| ConfigError::new("redirect_uri", format!("{problem}: {text:?}"));
    super::refuse_credentials("redirect_uri", text)?;
    let url = Url::parse(text).map_err(|_| wrong("is not a URL"))?;
    if url.fragment().is_some() || url.query().is_some() {
        return Err(wrong("must have neither query nor fragment"));
    }
    if url.path() == "/" || OWN_PATHS.contains(&url.path()) {
        return Err(wrong("must have a path of its own, such as /callback"));
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        _ => Err(wrong("must be https; http is taken on loopback only")),
    }
}

fn parse_metadata_url(text: &str) -> Result<Url, ConfigError> {
    let wrong = |problem: &str| ConfigError::new("metadata_url", format!("{problem}: {text:?}"));
    super::refuse_credentials("metadata_url", text)?;
    let url = Url::parse(text).map_err(|_| wrong("is not a URL"))?;
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        _ => Err(wrong("must be https; http is taken on loopback only")),
    }
}

fn checked_lifetimes(lifetimes: Lifetimes) -> Result<Lifetimes, ConfigError> {
    if lifetimes.shortest < Duration::from_secs(1) || lifetimes.longest < lifetimes.shortest {
        return Err(ConfigError::new("refresh_between", "must be at least 1 second, and the shortest first"));
    }
    if lifetimes.longest > MOST_LIFETIME || lifetimes.max_stale > MOST_LIFETIME {
        return Err(ConfigError::new("max_stale", "and refresh_between must not be over 400 days"));
    }
    Ok(lifetimes)
}

/// That it is a set with a key of the right size; whether the backend takes it is the client's to see.
fn checked_keys(jwks: Secret, danger: &Danger) -> Result<Secret, ConfigError> {
    match KeySet::parse_with(jwks.expose().as_bytes(), &AnyKey, danger) {
        Ok(keys) if keys.is_empty() => Err(ConfigError::new("static_keys", "holds no key that can be used")),
        Ok(_) => Ok(jwks),
        Err(error) => Err(ConfigError::new("static_keys", error.to_string())),
    }
}

/// A backend that takes every key and no signature.
#[derive(Debug)]
struct AnyKey;

impl Verifier for AnyKey {
    fn prepare(&self, _: &PublicKey<'_>) -> Option<Box<dyn PreparedKey>> {
        Some(Box::new(Self))
    }
}

impl PreparedKey for AnyKey {
    fn verify(&self, _: Algorithm, _: &[u8], _: &[u8]) -> bool {
        false
    }
}

fn session_settings(session: SessionSettings, keep_tokens: bool) -> Result<SessionSettings, ConfigError> {
    if session.idle.is_zero() {
        return Err(ConfigError::new("session_idle", "must be at least 1 second"));
    }
    if session.absolute < session.idle {
        return Err(ConfigError::new("session_absolute", "must not be shorter than session_idle"));
    }
    if session.absolute > MOST_LIFETIME {
        return Err(ConfigError::new("session_absolute", "is over 34560000 seconds (400 days)"));
    }
    Ok(SessionSettings { keep_tokens, ..session })
}

fn cookie_secret(text: &str) -> Result<Secret, ConfigError> {
    let wrong = |problem: &str| ConfigError::new("cookie_secret", problem);
    let bytes = base64url::decode(text.trim_end_matches('=')).ok_or_else(|| {
        wrong("is not base64url; `openssl rand -base64 32 | tr '+/' '-_'` makes a good one")
    })?;
    if bytes.len() < 32 {
        return Err(wrong(
            "has fewer than 32 bytes; `openssl rand -base64 32 | tr '+/' '-_'` makes a good one",
        ));
    }
    if bytes.windows(2).all(|pair| matches!(pair, [a, b] if a == b)) {
        return Err(wrong("is one byte repeated, which is no secret"));
    }
    if repeats(&bytes) || repeats(text.trim_end_matches('=').as_bytes()) {
        return Err(wrong("is a few characters repeated, which is no secret"));
    }
    Ok(Secret::new(text.trim_end_matches('=')))
}

/// Its second half, at least, says nothing that the first did not, as in `changeme` so many times.
fn repeats(text: &[u8]) -> bool {
    let shifted_by = |period: usize| text.iter().zip(text.iter().skip(period));
    (1..=text.len() / 2).any(|period| shifted_by(period).all(|(one, other)| one == other))
}

/// Settings as variables: `OIDC_` and the name in upper case.
struct Vars<'a>(&'a dyn Fn(&str) -> Option<String>);

impl Vars<'_> {
    fn optional(&self, setting: &'static str) -> Result<Option<String>, ConfigError> {
        match (self.0)(&format!("OIDC_{}", setting.to_ascii_uppercase())) {
            Some(value) if value.is_empty() => Err(ConfigError::new(setting, "is set but empty")),
            value => Ok(value),
        }
    }

    fn required(&self, setting: &'static str) -> Result<String, ConfigError> {
        self.optional(setting)?.ok_or_else(|| ConfigError::new(setting, "is required and not set"))
    }

    fn parsed<T, P: std::fmt::Display>(
        &self,
        setting: &'static str,
        parse: fn(&str) -> Result<T, P>,
    ) -> Result<Option<T>, ConfigError> {
        let Some(text) = self.optional(setting)? else { return Ok(None) };
        parse(&text).map(Some).map_err(|problem| ConfigError::new(setting, format!("{problem}: {text:?}")))
    }

    fn list<T>(
        &self,
        setting: &'static str,
        parse: fn(&str) -> Option<T>,
        known: &str,
    ) -> Result<Option<Vec<T>>, ConfigError> {
        let Some(text) = self.optional(setting)? else { return Ok(None) };
        let items: Option<Vec<T>> = text.split(',').map(|item| parse(item.trim())).collect();
        let wrong = || ConfigError::new(setting, format!("is none of {known}: {text:?}"));
        items.map(Some).ok_or_else(wrong)
    }

    fn seconds(&self, setting: &'static str) -> Result<Option<Duration>, ConfigError> {
        let Some(text) = self.optional(setting)? else { return Ok(None) };
        let wrong = |_| ConfigError::new(setting, format!("is not a whole number of seconds: {text:?}"));
        text.parse().map(|seconds| Some(Duration::from_secs(seconds))).map_err(wrong)
    }
}

fn client_auth(name: &str) -> Result<ClientAuth, &'static str> {
    match name {
        "basic" => Ok(ClientAuth::Basic),
        "post" => Ok(ClientAuth::Post),
        "none" => Ok(ClientAuth::None),
        "secret_jwt" | "private_key_jwt" => Err("is not supported by this version"),
        _ => Err("is none of basic, post, none"),
    }
}

fn switch(name: &str) -> Result<bool, &'static str> {
    match name {
        "1" => Ok(true),
        "0" => Ok(false),
        _ => Err("is neither 0 nor 1"),
    }
}

fn response_mode(name: &str) -> Result<ResponseMode, &'static str> {
    match name {
        "query" => Ok(ResponseMode::Query),
        "form_post" => Ok(ResponseMode::FormPost),
        _ => Err("is neither query nor form_post"),
    }
}
