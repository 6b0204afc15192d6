//! What an ID token must be, beyond what every token must
//! ([OpenID Connect Core section 3.1.3.7](https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation)).

use std::time::Duration;

use super::{TokenRules, equal};
use crate::error::TokenError;
use crate::jose::{Algorithm, Compact, Registered, base64url};
use crate::secret::Secret;
use crate::time::UnixTime;

#[derive(Debug, Clone, Default)]
pub(super) struct IdRules {
    pub(super) trusted_audiences: Vec<String>,
    pub(super) nonce: Option<Secret>,
    /// A token without a nonce passes, too.
    pub(super) nonce_may_lack: bool,
    pub(super) max_age: Option<Duration>,
    pub(super) acr_values: Option<Vec<String>>,
}

impl TokenRules {
    pub(super) fn check_id(
        &self,
        rules: &IdRules,
        token: &Compact<'_>,
        claims: &Registered<'_>,
        beside: Beside<'_>,
        now: UnixTime,
    ) -> Result<(), TokenError> {
        claims.subject()?;
        claims.dates.iat.ok_or(TokenError::ClaimMissing("iat"))?;
        self.check_authorized_party(&rules.trusted_audiences, claims)?;
        check_nonce(rules, claims)?;
        beside.check(token.header.algorithm, claims)?;
        self.check_auth_time(rules, claims, now)?;
        let acr = claims.text("acr")?;
        match &rules.acr_values {
            Some(values)
                if !acr.is_some_and(|acr| values.is_empty() || values.iter().any(|value| *value == acr)) =>
            {
                Err(TokenError::ClaimInvalid("acr"))
            }
            _ => Ok(()),
        }
    }

    /// [OpenID Connect Core section 3.1.3.7](https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation), rules 3 to 5.
    pub(super) fn check_authorized_party(
        &self,
        trusted: &[String],
        claims: &Registered<'_>,
    ) -> Result<(), TokenError> {
        if !claims.aud.iter().all(|aud| self.is_audience(aud) || trusted.iter().any(|trusted| trusted == aud))
        {
            return Err(TokenError::ClaimInvalid("aud"));
        }
        match claims.text("azp")? {
            Some(azp) if !self.is_audience(&azp) => Err(TokenError::ClaimInvalid("azp")),
            _ => Ok(()),
        }
    }

    /// Rule 13 of the same section.
    fn check_auth_time(
        &self,
        rules: &IdRules,
        claims: &Registered<'_>,
        now: UnixTime,
    ) -> Result<(), TokenError> {
        let auth_time = claims.date("auth_time")?;
        let Some(max_age) = rules.max_age else { return Ok(()) };
        let latest = auth_time.map(|time| time.saturating_add(max_age).saturating_add(self.leeway));
        let future = auth_time.is_some_and(|time| time > now.saturating_add(self.leeway));
        match latest {
            Some(latest) if now <= latest && !future => Ok(()),
            _ => Err(TokenError::ClaimInvalid("auth_time")),
        }
    }
}

/// [OpenID Connect Core section 3.1.3.7](https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation), rule 11.
fn check_nonce(rules: &IdRules, claims: &Registered<'_>) -> Result<(), TokenError> {
    let found = claims.text("nonce")?;
    let Some(expected) = &rules.nonce else { return Ok(()) };
    match found {
        Some(found) if equal(&found, expected.expose()) => Ok(()),
        None if rules.nonce_may_lack => Ok(()),
        _ => Err(TokenError::ClaimInvalid("nonce")),
    }
}

/// What an ID token came together with, whose hashes it may carry.
#[derive(Clone, Copy, Default)]
pub(crate) struct Beside<'a> {
    pub(crate) access_token: Option<&'a str>,
    pub(crate) code: Option<&'a str>,
}

impl Beside<'_> {
    /// A present `at_hash` must be the access token's
    /// ([OpenID Connect Core section 3.1.3.8](https://openid.net/specs/openid-connect-core-1_0.html#CodeFlowTokenValidation)),
    /// and `c_hash` must be there and the code's where one came along
    /// ([section 3.3.2.10](https://openid.net/specs/openid-connect-core-1_0.html#CodeValidation)).
    fn check(self, algorithm: Algorithm, claims: &Registered<'_>) -> Result<(), TokenError> {
        let is_hash = |hash: &str, of: &str| equal(hash, &left_half(algorithm, of.as_bytes()));
        let (at_hash, c_hash) = (claims.text("at_hash")?, claims.text("c_hash")?);
        if let (Some(hash), Some(access_token)) = (at_hash, self.access_token)
            && !is_hash(&hash, access_token)
        {
            return Err(TokenError::ClaimInvalid("at_hash"));
        }
        match (self.code, c_hash) {
            (None, _) => Ok(()),
            (Some(_), None) => Err(TokenError::ClaimMissing("c_hash")),
            (Some(code), Some(hash)) if is_hash(&hash, code) => Ok(()),
            (Some(_), Some(_)) => Err(TokenError::ClaimInvalid("c_hash")),
        }
    }
}

/// The left half of the hash that goes with the signature algorithm, base64url.
fn left_half(algorithm: Algorithm, value: &[u8]) -> String {
    let hash = algorithm.hash(value);
    base64url::encode(hash.get(..hash.len() / 2).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first is the example of OpenID Connect Core, appendix A.3; the others are of the same access token.
    #[test]
    fn at_hash_is_by_the_hash_of_the_algorithm() {
        for algorithm in Algorithm::ALL {
            let expected = match algorithm.name() {
                "RS256" | "PS256" | "ES256" => "77QmUPtjPfzWtF2AnpK9RQ",
                "RS384" | "PS384" | "ES384" => "jtAeDp945y1dDqU3nkIVGNZP1HjH_MFs",
                "RS512" | "PS512" | "EdDSA" => "q7nS86GgvvFaZkzALLWqJYaJIKw2wCDAVfCAsm5CrBM",
                name => panic!("{name}"),
            };
            let half = left_half(*algorithm, b"jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y");
            assert_eq!(half, expected, "{algorithm}");
        }
    }
}
