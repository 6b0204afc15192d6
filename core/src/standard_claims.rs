//! Claims that OpenID Connect and OAuth define beyond the registered ones: scopes, and e-mail addresses that a rule may
//! rely on.

use serde_json::{Map, Value};

use crate::error::TokenError;
use crate::jose::Claims;

impl Claims {
    /// What an access token is good for: the values of `scope`, separated by spaces
    /// ([RFC 8693 section 4.2](https://www.rfc-editor.org/rfc/rfc8693#section-4.2)), or of `scp`, as some providers name it;
    /// as a string or an array.
    #[must_use]
    pub fn scopes(&self) -> Vec<&str> {
        match self.all().get("scope").or_else(|| self.all().get("scp")) {
            Some(Value::String(text)) => text.split(' ').filter(|scope| !scope.is_empty()).collect(),
            Some(Value::Array(values)) => values.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }

    /// Whether the provider has verified that the person holds the address `email`
    /// ([OpenID Connect Core section 5.1](https://openid.net/specs/openid-connect-core-1_0.html#StandardClaims)); `None` if
    /// it does not say so by `true` or `false`.
    #[must_use]
    pub fn email_verified(&self) -> Option<bool> {
        self.all().get("email_verified").and_then(Value::as_bool)
    }

    /// The e-mail address, if the provider has verified it and it is of one of these domains: one `@`, and after it the
    /// whole domain, in either case. It tells where mail goes, not who somebody is: that is `iss` and `sub`.
    ///
    /// ```
    /// # fn staff_only(claims: &oidc_core::Claims) -> bool {
    /// claims.verified_email(&["staff.example"]).is_some()
    /// # }
    /// ```
    #[must_use]
    pub fn verified_email(&self, domains: &[&str]) -> Option<&str> {
        let email = self.all().get("email").and_then(Value::as_str)?;
        let (person, domain) = email.split_once('@')?;
        let listed = domains.iter().any(|listed| domain.eq_ignore_ascii_case(listed));
        let whole = !person.is_empty() && !domain.is_empty() && !domain.contains('@');
        (self.email_verified() == Some(true) && whole && listed).then_some(email)
    }

    /// With the claims that some providers write as strings read as what they mean.
    pub(crate) fn with_booleans(self) -> Result<Self, TokenError> {
        let mut all = self.all().clone();
        if read_booleans(&mut all) { Self::proven(all) } else { Ok(self) }
    }
}

/// Claims that are `true` or `false`.
const BOOLEANS: [&str; 3] = ["email_verified", "phone_number_verified", "is_private_email"];

/// Reads `"true"` as `true` and `"false"` as `false`: whether there were any.
pub(crate) fn read_booleans(claims: &mut Map<String, Value>) -> bool {
    let mut found = false;
    for name in BOOLEANS {
        let Some(value) = claims.get_mut(name) else { continue };
        let read = match value.as_str() {
            Some("true") => true,
            Some("false") => false,
            _ => continue,
        };
        *value = Value::Bool(read);
        found = true;
    }
    found
}
