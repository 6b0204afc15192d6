//! A sign-in's two ends: the redirect to the provider, and the callback that must belong to it
//! ([OpenID Connect Core section 3.1](https://openid.net/specs/openid-connect-core-1_0.html#CodeFlowAuth)).

mod callback;

use std::collections::HashSet;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use url::Url;

use crate::config::{Config, Registration, ResponseMode, SignIn};
use crate::discovery::Metadata;
use crate::entropy::{self, EntropySource};
use crate::error::{Error, UsageError};
use crate::jose::base64url;
use crate::profile::{NoncePolicy, ProviderProfile};
use crate::secret::Secret;
use crate::time::UnixTime;
use crate::token::TokenRules;

pub use callback::Callback;

/// How long a sign-in may take from its start to its callback.
pub(crate) const LOGIN_LIFETIME: Duration = Duration::from_secs(600);
/// The longest callback taken, in bytes: of a query and of a form.
pub(crate) const MAX_CALLBACK_QUERY: usize = 8 * 1024;
pub(crate) const MAX_CALLBACK_FORM: usize = 64 * 1024;
/// The longest local address to return to, in bytes.
const MAX_RETURN_TO: usize = 2048;

/// What to ask of the provider beyond the ordinary
/// ([OpenID Connect Core section 3.1.2.1](https://openid.net/specs/openid-connect-core-1_0.html#AuthRequest)).
#[derive(Debug, Clone, Default)]
pub struct LoginOptions {
    /// Where the person goes after signing in: a path on this server; anything else becomes `/`.
    pub return_to: Option<String>,
    /// `none`, `login`, `consent`, `select_account`.
    pub prompt: Option<String>,
    /// Who is probably signing in.
    pub login_hint: Option<String>,
    /// Languages for the provider's pages, in order of preference.
    pub ui_locales: Option<String>,
    /// How long ago the person may have signed in at the provider at most; the ID token is checked against it.
    pub max_age: Option<Duration>,
    /// Wished classes of authentication, in order of preference.
    pub acr_values: Option<String>,
    /// The `claims` parameter ([section 5.5](https://openid.net/specs/openid-connect-core-1_0.html#ClaimsParameter)).
    /// An essential `acr` in it is demanded of the ID token.
    pub claims: Option<Value>,
    /// Further parameters, none of which may be one that the protocol sets.
    pub extra: Vec<(String, String)>,
}

/// Where to send the browser, and what to keep until it comes back.
#[must_use]
pub struct Redirect {
    /// The authorization request.
    pub url: Url,
    /// To be bound to this browser and given to [`finish_login`](crate::Client::finish_login).
    pub login: LoginState,
}

/// Shows where to: the query holds secrets.
impl fmt::Debug for Redirect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redirect").field("host", &self.url.host_str()).finish_non_exhaustive()
    }
}

/// What crosses from the redirect to the callback: it belongs to one browser and is good for one callback within ten
/// minutes. It is secret.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LoginState {
    state: Secret,
    nonce: Secret,
    code_verifier: Secret,
    issuer: String,
    return_to: String,
    started: UnixTime,
    max_age: Option<u64>,
    acr: Option<Vec<String>>,
}

impl LoginState {
    /// Where the person wanted to go: a path on this server.
    #[must_use]
    pub fn return_to(&self) -> &str {
        &self.return_to
    }

    /// The configured issuer of the provider that the person was sent to.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// When the sign-in started.
    #[must_use]
    pub fn started(&self) -> UnixTime {
        self.started
    }

    /// A name for this sign-in that tells nothing about its `state`.
    pub(crate) fn id(&self) -> String {
        short_hash(self.state.expose())
    }

    pub(crate) fn expires_at(&self) -> UnixTime {
        self.started.saturating_add(LOGIN_LIFETIME)
    }

    pub(crate) fn code_verifier(&self) -> &Secret {
        &self.code_verifier
    }

    /// What the ID token of this sign-in must be, beyond what every ID token must be.
    pub(crate) fn narrow(&self, rules: TokenRules, nonce: NoncePolicy) -> TokenRules {
        let rules = match nonce {
            NoncePolicy::Required => rules.nonce(self.nonce.expose()),
            NoncePolicy::IfPresent => rules.nonce_if_present(self.nonce.expose()),
            NoncePolicy::Off => rules,
        };
        let rules = match self.max_age {
            Some(seconds) => rules.max_age(Duration::from_secs(seconds)),
            None => rules,
        };
        match &self.acr {
            Some(values) => rules.essential_acr(values),
            None => rules,
        }
    }
}

/// A name for a secret that tells nothing about it.
pub(crate) fn short_hash(secret: &str) -> String {
    base64url::encode(Sha256::digest(secret).get(..12).unwrap_or_default())
}

/// An authorization request, with a fresh `state`, `nonce` and PKCE verifier
/// ([RFC 7636](https://www.rfc-editor.org/rfc/rfc7636#section-4)).
pub(crate) struct AuthorizationRequest {
    endpoint: Url,
    pub(crate) parameters: Vec<(String, String)>,
    login: LoginState,
}

impl AuthorizationRequest {
    pub(crate) fn new(
        config: &Config,
        registration: &Registration,
        sign_in: &SignIn,
        metadata: &Metadata,
        options: &LoginOptions,
        entropy: &dyn EntropySource,
        now: UnixTime,
    ) -> Result<Self, Error> {
        let endpoint = metadata.authorization_endpoint.required()?;
        let of_profile = own_parameters(&config.profile, options);
        check_extra(&options.extra, &of_profile, endpoint)?;
        let login = LoginState {
            state: Secret::new(entropy::token(entropy)?),
            nonce: Secret::new(entropy::token(entropy)?),
            code_verifier: Secret::new(entropy::token(entropy)?),
            issuer: config.issuer.0.clone(),
            return_to: local_path(options.return_to.as_deref().unwrap_or("/")).to_owned(),
            started: now,
            max_age: options.max_age.map(|age| age.as_secs()),
            acr: options.claims.as_ref().and_then(essential_acr),
        };
        let parameters = parameters(config, registration, sign_in, &login, options).into_iter();
        let more = of_profile.iter().copied().chain(&options.extra).cloned();
        let parameters = parameters.map(|(name, value)| (name.to_owned(), value)).chain(more).collect();
        Ok(Self { endpoint: endpoint.clone(), parameters, login })
    }

    /// What of it nobody may learn but the provider.
    pub(crate) fn secrets(&self) -> [&Secret; 2] {
        [&self.login.state, &self.login.nonce]
    }

    /// By way of the browser.
    pub(crate) fn redirect(self) -> Redirect {
        let mut url = self.endpoint;
        url.query_pairs_mut().extend_pairs(&self.parameters);
        Redirect { url, login: self.login }
    }

    /// The same once the provider has been told all of it
    /// ([RFC 9126 section 4](https://www.rfc-editor.org/rfc/rfc9126#section-4)).
    pub(crate) fn redirect_pushed(self, client_id: &str, request_uri: &str) -> Redirect {
        let mut url = self.endpoint;
        url.query_pairs_mut().append_pair("client_id", client_id).append_pair("request_uri", request_uri);
        Redirect { url, login: self.login }
    }
}

/// What the profile adds, but for a `prompt` where this sign-in has one of its own.
fn own_parameters<'a>(profile: &'a ProviderProfile, options: &LoginOptions) -> Vec<&'a (String, String)> {
    let kept = |(name, _): &&(String, String)| name != "prompt" || options.prompt.is_none();
    profile.authorize_parameters.iter().filter(kept).collect()
}

fn parameters(
    config: &Config,
    registration: &Registration,
    sign_in: &SignIn,
    login: &LoginState,
    options: &LoginOptions,
) -> Vec<(&'static str, String)> {
    let profile = &config.profile;
    let nonce = profile.nonce.sends_one().then(|| login.nonce.expose().to_owned());
    let challenge = profile.pkce.then(|| base64url::encode(&Sha256::digest(login.code_verifier.expose())));
    let challenge_method = profile.pkce.then(|| "S256".to_owned());
    let response_mode = sign_in.response_mode;
    let response_mode = (response_mode != ResponseMode::Query).then(|| response_mode.name().to_owned());
    let max_age = options.max_age.map(|age| age.as_secs().to_string());
    let claims = options.claims.as_ref().map(Value::to_string);
    let all = [
        ("response_type", Some(sign_in.response_type.name().to_owned())),
        ("client_id", Some(registration.client_id.clone())),
        ("redirect_uri", Some(sign_in.redirect_uri.to_string())),
        ("scope", Some(sign_in.scopes.clone())),
        ("state", Some(login.state.expose().to_owned())),
        ("nonce", nonce),
        ("code_challenge", challenge),
        ("code_challenge_method", challenge_method),
        ("response_mode", response_mode),
        ("prompt", options.prompt.clone()),
        ("login_hint", options.login_hint.clone()),
        ("ui_locales", options.ui_locales.clone()),
        ("max_age", max_age),
        ("acr_values", options.acr_values.clone()),
        ("claims", claims),
    ];
    all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

/// Parameters that an extra one must not be: the protocol sets them, and each may stand only once.
pub(crate) const RESERVED: [&str; 20] = [
    "response_type",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
    "response_mode",
    "prompt",
    "login_hint",
    "ui_locales",
    "max_age",
    "acr_values",
    "claims",
    "request",
    "request_uri",
    // What proves the client stands beside them in a pushed request, and never in an address.
    "client_secret",
    "client_assertion",
    "client_assertion_type",
];

fn check_extra(
    extra: &[(String, String)],
    of_profile: &[&(String, String)],
    endpoint: &Url,
) -> Result<(), UsageError> {
    let mut seen: HashSet<&str> = HashSet::from(RESERVED);
    seen.extend(of_profile.iter().map(|(name, _)| name.as_str()));
    let in_endpoint: Vec<String> = endpoint.query_pairs().map(|(name, _)| name.into_owned()).collect();
    seen.extend(in_endpoint.iter().map(String::as_str));
    match extra.iter().find(|(name, _)| !seen.insert(name)) {
        Some((name, _)) => Err(UsageError::ReservedParameter(name.clone())),
        None => Ok(()),
    }
}

/// The values of an `acr` that the `claims` parameter calls essential.
fn essential_acr(claims: &Value) -> Option<Vec<String>> {
    let acr = claims.get("id_token")?.get("acr")?;
    if acr.get("essential") != Some(&Value::Bool(true)) {
        return None;
    }
    let values = acr.get("values").and_then(Value::as_array).into_iter().flatten().chain(acr.get("value"));
    Some(values.filter_map(Value::as_str).map(str::to_owned).collect())
}

/// A path on this server, or `/`: nothing that a browser could take for another origin.
pub(crate) fn local_path(text: &str) -> &str {
    let bytes = text.as_bytes();
    let plain = bytes.iter().all(|byte| (0x21..=0x7e).contains(byte) && *byte != b'\\');
    let local = bytes.first() == Some(&b'/') && bytes.get(1) != Some(&b'/');
    if plain && local && bytes.len() <= MAX_RETURN_TO { text } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_return_address_that_could_leave_the_origin_becomes_the_root() {
        for kept in ["/", "/a?b=c&d", "/%2f/evil", "/..//evil", "/a//b"] {
            assert_eq!(local_path(kept), kept);
        }
        let long = format!("/{}", "a".repeat(2048));
        for refused in
            ["", "//evil", "/\\evil", "/a\\b", "/\t/evil", " /", "https://evil", "a", "/é", "/\0", &long]
        {
            assert_eq!(local_path(refused), "/", "{refused:?}");
        }
    }

    proptest! {
        #[test]
        fn an_accepted_return_address_stays_on_the_origin(text in "[/\\\\a.:@%0-9\\t?# -]{0,12}") {
            let base = Url::parse("https://rp.example/callback").unwrap();
            let target = base.join(local_path(&text)).unwrap();
            prop_assert_eq!(target.origin(), base.origin());
        }
    }

    /// A million addresses of what confuses browsers, and the ordinary: none that is accepted leaves the origin, where
    /// many do that only start with a slash.
    #[test]
    fn a39_of_a_million_return_addresses_none_leaves_the_origin() {
        const PIECES: [&str; 24] = [
            "/",
            "/",
            "/",
            "\\",
            "//",
            ".",
            "..",
            "\t",
            "\n",
            "\r",
            " ",
            "\0",
            ":",
            "@",
            "?",
            "#",
            "%2f",
            "%5c",
            "%09",
            "a",
            "evil.example",
            "https:",
            "javascript:",
            "\u{ff0f}",
        ];
        let base = Url::parse("https://rp.example/callback").unwrap();
        let stays = |text: &str| base.join(text).is_ok_and(|target| target.origin() == base.origin());
        let mut random: u64 = 1;
        let (mut accepted, mut leaving_by_a_slash) = (0, 0);
        for _ in 0..1_000_000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let mut rest = random >> 24;
            let mut text = String::from(if random & (1 << 23) == 0 { "" } else { "/" });
            for _ in 0..random >> 61 {
                text.push_str(PIECES[(rest % 24) as usize]);
                rest /= 24;
            }
            if local_path(&text) == text {
                accepted += 1;
                assert!(stays(&text), "{text:?}");
            } else if text.starts_with('/') && leaving_by_a_slash < 1_000 && !stays(&text) {
                leaving_by_a_slash += 1;
            }
        }
        assert!(accepted > 100_000 && leaving_by_a_slash == 1_000, "{accepted} {leaving_by_a_slash}");
    }
}
