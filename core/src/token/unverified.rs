//! What a token says of itself before anything is checked.

use crate::error::TokenError;
use crate::jose::{Algorithm, Compact, Registered};

/// Who a token says has issued it, and by which key: enough to choose the rules to verify it by, where there are several
/// issuers. Anybody can write such a token, and no [`Claims`](crate::Claims) come out of this.
///
/// ```
/// use oidc_core::token::{TokenRules, Unverified};
///
/// fn rules_for<'a>(token: &str, tenants: &'a [(String, TokenRules)]) -> Option<&'a TokenRules> {
///     let said = Unverified::peek(token).ok()?;
///     tenants.iter().find(|(issuer, _)| issuer == said.issuer()).map(|(_, rules)| rules)
/// }
/// # assert!(rules_for("not.a.token", &[]).is_none());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unverified {
    issuer: String,
    key_id: Option<String>,
}

impl Unverified {
    /// Takes a token apart as strictly as verification does, but checks nothing.
    ///
    /// # Errors
    /// [`TokenError`] when it is not well-formed or not of an algorithm that is known here.
    pub fn peek(token: &str) -> Result<Self, TokenError> {
        let compact = Compact::parse(token, Algorithm::ALL, None)?;
        let issuer = Registered::parse(&compact.payload)?.iss.into_owned();
        Ok(Self { issuer, key_id: compact.header.into_owned().kid })
    }

    /// What it says as `iss`.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// What it says as `kid`.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }
}
