//! The settings, parsed once: a [`Config`] that exists is whole and valid.
//!
//! Some can be variables, too: see [`Config::from_vars`].

mod builder;
mod check;
mod registration;
mod rules;
mod vars;

use std::net::IpAddr;
use std::time::Duration;

use url::{Host, Url};

use crate::cache::Lifetimes;
use crate::client_auth::Credentials;
use crate::error::ConfigError;
use crate::issuer::{Issuer, IssuerPolicy};
use crate::jose::Algorithm;
use crate::profile::ProviderProfile;
use crate::resource::Resource;
use crate::secret::Secret;
use crate::token::TokenRules;

pub use crate::client_auth::ClientAuth;
pub use crate::danger::Danger;
pub use crate::remember::Remember;
pub use builder::ConfigBuilder;
pub(crate) use check::parse_fetched_url;

/// What a [`Client`](crate::Client) is built from.
#[derive(Debug, Clone)]
pub struct Config {
    pub(crate) issuer: Issuer,
    /// Where the metadata is.
    pub(crate) metadata_url: String,
    pub(crate) profile: ProviderProfile,
    pub(crate) registration: Option<Registration>,
    pub(crate) algorithms: Vec<Algorithm>,
    pub(crate) leeway: Duration,
    pub(crate) id_rules: Option<TokenRules>,
    pub(crate) access_rules: TokenRules,
    pub(crate) logout_rules: Option<TokenRules>,
    pub(crate) session: SessionSettings,
    /// Which claims a session keeps beside those that it needs itself; all, unless chosen.
    pub(crate) session_claims: Option<Vec<String>>,
    pub(crate) cookie_secrets: Vec<Secret>,
    pub(crate) api_paths: Vec<String>,
    pub(crate) resource: Option<Resource>,
    pub(crate) lifetimes: Lifetimes,
    /// A JWK set that is used instead of the provider's. Somebody may have left private members in it.
    pub(crate) static_keys: Option<Secret>,
    pub(crate) danger: Danger,
    /// Sockets take a token from the query.
    pub(crate) query_tokens: bool,
    /// A socket that a token has opened ends with the token's key.
    pub(crate) sockets_end_with_key: bool,
    /// An access token is taken once.
    pub(crate) single_use_tokens: bool,
    pub(crate) remember: Option<Remember>,
}

/// The client as the provider knows it.
#[derive(Debug, Clone)]
pub(crate) struct Registration {
    pub(crate) client_id: String,
    pub(crate) client_auth: ClientAuth,
    pub(crate) credentials: Credentials,
    /// Where people sign in; a mere service has none of it.
    pub(crate) sign_in: Option<SignIn>,
}

/// How people sign in.
#[derive(Debug, Clone)]
pub(crate) struct SignIn {
    pub(crate) redirect_uri: Url,
    pub(crate) scopes: String,
    pub(crate) response_type: ResponseType,
    pub(crate) response_mode: ResponseMode,
    /// Authorization requests are pushed, also where the provider does not demand it.
    pub(crate) pushed: bool,
    pub(crate) userinfo: bool,
}

impl SignIn {
    /// Scheme, host and port of this server, as browsers know it.
    pub(crate) fn origin(&self) -> String {
        self.redirect_uri.origin().ascii_serialization()
    }
}

/// How long a session lives, and what of the provider's answer it keeps.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SessionSettings {
    pub(crate) idle: Duration,
    pub(crate) absolute: Duration,
    pub(crate) keep_tokens: bool,
    /// The driver has a store.
    pub(crate) has_store: bool,
    /// Sessions stay in cookies all the same.
    pub(crate) in_cookies: bool,
}

impl SessionSettings {
    /// Sessions are in the store, and their names in cookies.
    pub(crate) fn in_store(self) -> bool {
        self.has_store && !self.in_cookies
    }
}

/// What the provider's answer to an authorization request brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResponseType {
    /// `code`.
    Code,
    /// `code id_token`: an ID token comes with the code, and holds it to this sign-in before it is redeemed
    /// ([OpenID Connect Core section 3.3](https://openid.net/specs/openid-connect-core-1_0.html#HybridFlowAuth)). By
    /// [`ResponseMode::FormPost`] alone, so that no token is ever in an address.
    CodeIdToken,
}

impl ResponseType {
    /// The name in the authorization request.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::CodeIdToken => "code id_token",
        }
    }
}

/// How the provider sends the browser back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResponseMode {
    /// In the query of a redirect.
    Query,
    /// In a form that posts itself ([Form Post Response Mode](https://openid.net/specs/oauth-v2-form-post-response-mode-1_0.html)).
    FormPost,
}

impl ResponseMode {
    /// The name in the authorization request.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::FormPost => "form_post",
        }
    }
}

impl Config {
    /// For a server where people sign in, and which takes access tokens too.
    #[must_use]
    pub fn builder(issuer: &str, client_id: &str, redirect_uri: &str) -> ConfigBuilder {
        ConfigBuilder::new(issuer).client(client_id, redirect_uri)
    }

    /// For a server that takes access tokens, and where nobody signs in. It needs no client of its own, unless it asks the
    /// provider for tokens or about them: see [`ConfigBuilder::client_id`].
    #[must_use]
    pub fn resource_server(issuer: &str, audience: &str) -> ConfigBuilder {
        ConfigBuilder::new(issuer).audience(audience)
    }

    /// From variables, of which `variable` gives the value by its name:
    ///
    /// | variable | value | default |
    /// |---|---|---|
    /// | `OIDC_ISSUER`, `OIDC_CLIENT_ID`, `OIDC_REDIRECT_URI` | a URL, a name, a URL | required |
    /// | `OIDC_CLIENT_SECRET` | text | a public client |
    /// | `OIDC_CLIENT_AUTH` | `basic`, `post`, `secret_jwt`, `private_key_jwt`, `none` | `basic` with a secret, else `none` |
    /// | `OIDC_SCOPES` | separated by spaces | `openid profile email` |
    /// | `OIDC_BEARER` | of `at+jwt`, `jwt`, `id_token`, separated by commas | `at+jwt` |
    /// | `OIDC_AUDIENCE` | text | the client ID |
    /// | `OIDC_ALGORITHMS` | of `RS256`, `RS384`, `RS512` and what features add, separated by commas | `RS256` |
    /// | `OIDC_RESPONSE_MODE` | `query` or `form_post` | `query` |
    /// | `OIDC_LEEWAY` | seconds, 0..=300 | 60 |
    /// | `OIDC_QUERY_TOKEN` | `1` or `0` | `0` |
    /// | `OIDC_SESSION_IDLE`, `OIDC_SESSION_ABSOLUTE` | seconds | 86400, 604800 |
    /// | `OIDC_COOKIE_SECRET` | at least 32 bytes, base64url; several separated by commas, the first one seals | made at start |
    ///
    /// # Errors
    /// [`ConfigError`] naming the first variable that is missing or wrong.
    pub fn from_vars(variable: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        ConfigBuilder::from_vars(variable)?.build()
    }

    /// Whether this is an issuer of ID tokens for us.
    pub(crate) fn allows_issuer(&self, iss: &str) -> bool {
        self.profile.issuers.allows(&self.issuer.0, iss)
    }

    /// Whether this is an issuer of access tokens for us.
    pub(crate) fn allows_access_token_issuer(&self, iss: &str) -> bool {
        self.access_token_issuers().allows(&self.issuer.0, iss)
    }

    fn access_token_issuers(&self) -> &IssuerPolicy {
        self.profile.access_token_issuers.as_ref().unwrap_or(&self.profile.issuers)
    }

    /// Whether a token of ours could be one of this other's, too: also one that signs in, if it is another's access token,
    /// since both make an identity of `iss` and `sub`.
    pub(crate) fn shares_issuer_with(&self, other: &Self) -> bool {
        let [ours, theirs] =
            [self, other].map(|config| [&config.profile.issuers, config.access_token_issuers()]);
        let overlap = |ours: &IssuerPolicy, theirs| ours.overlaps(&self.issuer.0, theirs, &other.issuer.0);
        ours.iter().any(|ours| theirs.iter().any(|theirs| overlap(ours, theirs)))
    }

    /// The issuer.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer.0
    }

    pub(crate) fn sign_in(&self) -> Option<&SignIn> {
        self.registration.as_ref().and_then(|registration| registration.sign_in.as_ref())
    }

    /// Cookies are sealed by a secret made at start: sessions end with the process.
    #[must_use]
    pub fn has_random_cookie_secret(&self) -> bool {
        self.sign_in().is_some() && self.cookie_secrets.is_empty()
    }
}

/// Comes before any complaint that quotes the address.
pub(crate) fn refuse_credentials(setting: &'static str, text: &str) -> Result<(), ConfigError> {
    // As lenient as a URL parser is about what separates scheme and authority.
    let rest = text.split_once(':').map_or(text, |(_, rest)| rest);
    let rest = rest.trim_start_matches(['/', '\\', '\t', '\n', '\r']);
    let authority = rest.split(['/', '\\', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err(ConfigError::new(setting, "must not carry credentials"));
    }
    Ok(())
}

/// The host is this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}
