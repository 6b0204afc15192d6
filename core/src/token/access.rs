//! What an access token must be, beyond what every token must, by the kind that it is taken for.

use std::collections::BTreeSet;

use super::{AccessToken, TokenRules};
use crate::error::TokenError;
use crate::jose::Registered;

impl TokenRules {
    pub(super) fn check_access(
        &self,
        kind: Option<AccessToken>,
        claims: &Registered<'_>,
    ) -> Result<(), TokenError> {
        match kind {
            Some(AccessToken::AtJwt) => check_at_jwt(claims)?,
            Some(AccessToken::IdToken) => {
                claims.dates.iat.ok_or(TokenError::ClaimMissing("iat"))?;
                self.check_authorized_party(&[], claims)?;
            }
            Some(AccessToken::Jwt) | None => {}
        }
        claims.subject()?;
        // Bound to a key or certificate that nobody has shown: https://www.rfc-editor.org/rfc/rfc8705#section-3
        if claims.has("cnf") && !self.danger.takes_unproven_confirmation() {
            return Err(TokenError::ClaimInvalid("cnf"));
        }
        check_scope(kind, claims)
    }
}

/// What [RFC 9068 section 2.2](https://www.rfc-editor.org/rfc/rfc9068#section-2.2) requires beyond `iss`, `aud` and `exp`.
fn check_at_jwt(claims: &Registered<'_>) -> Result<(), TokenError> {
    for name in ["sub", "client_id", "iat", "jti"] {
        claims.has(name).then_some(()).ok_or(TokenError::ClaimMissing(name))?;
    }
    for name in ["client_id", "jti"] {
        claims.text(name)?.filter(|text| !text.is_empty()).ok_or(TokenError::ClaimInvalid(name))?;
    }
    Ok(())
}

/// The first accepted kind that fits: by its `typ`, by an ID token's marks, or by their absence. Where ID tokens are
/// wanted, one that happens to have no mark still is one.
pub(super) fn taken_for(
    accepted: &BTreeSet<AccessToken>,
    typed: bool,
    id_token: bool,
) -> Option<AccessToken> {
    let fitting: &[AccessToken] = match (typed, id_token) {
        (true, true) => &[AccessToken::AtJwt],
        (true, false) => &[AccessToken::AtJwt, AccessToken::Jwt],
        (false, true) => &[AccessToken::IdToken],
        (false, false) => &[AccessToken::Jwt, AccessToken::IdToken],
    };
    fitting.iter().copied().find(|kind| accepted.contains(kind))
}

/// A string ([RFC 9068 section 2.2.3](https://www.rfc-editor.org/rfc/rfc9068#section-2.2.3)), or in the looser kinds an
/// array of strings, as some providers send it.
fn check_scope(kind: Option<AccessToken>, claims: &Registered<'_>) -> Result<(), TokenError> {
    for name in ["scope", "scp"] {
        if claims.text(name).is_err() {
            if kind == Some(AccessToken::AtJwt) {
                return Err(TokenError::ClaimInvalid(name));
            }
            claims.get::<Vec<String>>(name)?;
        }
    }
    Ok(())
}
