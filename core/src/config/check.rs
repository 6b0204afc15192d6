//! The checks of single settings.

use std::collections::HashSet;
use std::time::Duration;

use url::Url;

use super::{Danger, SessionSettings, is_loopback, refuse_credentials};
use crate::cache::Lifetimes;
use crate::error::ConfigError;
use crate::exchange::RESERVED as RESERVED_FOR_TOKEN;
use crate::guard::OWN_PATHS;
use crate::jose::{Algorithm, KeySet, PreparedKey, PublicKey, Verifier, base64url};
use crate::login::RESERVED as RESERVED_FOR_AUTHORIZE;
use crate::profile::ProviderProfile;
use crate::secret::Secret;

/// The longest lifetime of anything: browsers keep no cookie for longer.
const MOST_LIFETIME: Duration = Duration::from_secs(400 * 86_400);

pub(super) fn parse_redirect_uri(text: &str) -> Result<Url, ConfigError> {
    let wrong = |problem: &str| ConfigError::new("redirect_uri", format!("{problem}: {text:?}"));
    refuse_credentials("redirect_uri", text)?;
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

/// An address that something is fetched from, or where a browser is sent.
pub(crate) fn parse_fetched_url(setting: &'static str, text: &str) -> Result<Url, ConfigError> {
    let wrong = |problem: &str| ConfigError::new(setting, format!("{problem}: {text:?}"));
    refuse_credentials(setting, text)?;
    let url = Url::parse(text).map_err(|_| wrong("is not a URL"))?;
    if url.path().contains("//") {
        return Err(wrong(
            "has an empty part in its path; was a whole URL given where a host was asked for?",
        ));
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        _ => Err(wrong("must be https; http is taken on loopback only")),
    }
}

/// That a profile sets no parameter that the protocol sets, and none twice.
pub(super) fn check_parameters(profile: &ProviderProfile) -> Result<(), ConfigError> {
    let wrong = |setting, name: &str| {
        ConfigError::new(setting, format!("{name:?} is set by the protocol itself, or stands twice"))
    };
    let mut seen: HashSet<&str> = HashSet::from(RESERVED_FOR_AUTHORIZE);
    seen.remove("prompt");
    if let Some((name, _)) = profile.authorize_parameters.iter().find(|(name, _)| !seen.insert(name)) {
        return Err(wrong("authorize_parameter", name));
    }
    let mut seen: HashSet<&str> = HashSet::from(RESERVED_FOR_TOKEN);
    match profile.token_parameters.iter().find(|(name, _)| !seen.insert(name)) {
        Some((name, _)) => Err(wrong("token_parameter", name)),
        None => Ok(()),
    }
}

pub(super) fn checked_lifetimes(lifetimes: Lifetimes) -> Result<Lifetimes, ConfigError> {
    if lifetimes.shortest < Duration::from_secs(1) || lifetimes.longest < lifetimes.shortest {
        return Err(ConfigError::new("refresh_between", "must be at least 1 second, and the shortest first"));
    }
    if lifetimes.longest > MOST_LIFETIME || lifetimes.max_stale > MOST_LIFETIME {
        return Err(ConfigError::new("max_stale", "and refresh_between must not be over 400 days"));
    }
    Ok(lifetimes)
}

/// That it is a set with a key of the right size; whether the backend takes it is the client's to see.
pub(super) fn checked_keys(jwks: Secret, danger: &Danger) -> Result<Secret, ConfigError> {
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

pub(super) fn session_settings(
    session: SessionSettings,
    keep_tokens: bool,
) -> Result<SessionSettings, ConfigError> {
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

pub(super) fn cookie_secret(text: &str) -> Result<Secret, ConfigError> {
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
