//! What the provider says about a token that nobody else can read
//! ([RFC 7662](https://www.rfc-editor.org/rfc/rfc7662)), and what is to be said of one that is asked about or revoked.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::config::Config;
use crate::error::{ProviderError, TokenError};
use crate::exchange::{Sent, error_of};
use crate::jose::json::{MAX_MEMBERS, Object, WrongType};
use crate::step::{FetchResult, Purpose};
use crate::time::UnixTime;
use crate::wire;

/// What a token is, as far as its holder knows ([RFC 7009 section 2.1](https://www.rfc-editor.org/rfc/rfc7009#section-2.1)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenHint {
    /// `access_token`.
    AccessToken,
    /// `refresh_token`.
    RefreshToken,
}

impl TokenHint {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::AccessToken => "access_token",
            Self::RefreshToken => "refresh_token",
        }
    }
}

/// What the provider says about a token that lives.
#[derive(Clone, PartialEq)]
pub struct Introspection {
    all: Map<String, Value>,
}

impl Introspection {
    /// Whose token it is, if the provider says so. A name of the client's own may stand here where nobody has signed in.
    #[must_use]
    pub fn sub(&self) -> Option<&str> {
        self.all.get("sub").and_then(Value::as_str)
    }

    /// The client that it was issued to.
    #[must_use]
    pub fn client_id(&self) -> Option<&str> {
        self.all.get("client_id").and_then(Value::as_str)
    }

    /// What it is good for.
    #[must_use]
    pub fn scopes(&self) -> Vec<&str> {
        let scope = self.all.get("scope").and_then(Value::as_str).unwrap_or_default();
        scope.split(' ').filter(|scope| !scope.is_empty()).collect()
    }

    /// When it ends, if the provider says so. A remembered answer is not to be used after that.
    #[must_use]
    pub fn expires_at(&self) -> Option<UnixTime> {
        self.time("exp")
    }

    fn time(&self, name: &str) -> Option<UnixTime> {
        let Some(Value::Number(number)) = self.all.get(name) else { return None };
        UnixTime::from_numeric_date(&number.to_string())
    }

    /// One member as a `T`; `None` if it is not there or of another type.
    #[must_use]
    pub fn get<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        T::deserialize(self.all.get(name)?).ok()
    }

    /// All members.
    #[must_use]
    pub fn all(&self) -> &Map<String, Value> {
        &self.all
    }

    /// The answer about a token; `None` for one that does not live.
    pub(crate) fn parse(result: FetchResult, sent: &Sent) -> Result<Option<Self>, ProviderError> {
        const PURPOSE: Purpose = Purpose::Introspection;
        let response = wire::arrived(PURPOSE, result)?;
        if let Some(error) = error_of(&response, sent) {
            return Err(error);
        }
        let body = wire::body_of(PURPOSE, Ok(response), &["application/json"])?;
        let answer =
            Object::parse(&body, MAX_MEMBERS).map_err(|reason| ProviderError::Malformed(PURPOSE, reason))?;
        let wrong = |name| ProviderError::Member(PURPOSE, name);
        let active: Option<bool> = answer.get("active").map_err(|WrongType| wrong("active"))?;
        if !active.ok_or(wrong("active"))? {
            return Ok(None);
        }
        for name in ["iss", "sub", "client_id", "scope"] {
            answer.get::<String>(name).map_err(|WrongType| wrong(name))?;
        }
        for name in ["exp", "nbf"] {
            let fits = |raw| UnixTime::from_numeric_date(raw).is_some();
            answer.raw(name).is_none_or(fits).then_some(()).ok_or(wrong(name))?;
        }
        let text = std::str::from_utf8(&body).unwrap_or_default();
        let all = serde_json::from_str(text).map_err(|_| wrong("number"))?;
        Ok(Some(Self { all }))
    }

    /// That a token which the provider calls active is one for this application, and now: it may know better than the
    /// provider ([section 4](https://www.rfc-editor.org/rfc/rfc7662#section-4)).
    pub(crate) fn check(self, config: &Config, now: UnixTime) -> Result<Self, TokenError> {
        if self.get::<String>("iss").is_some_and(|iss| !config.allows_access_token_issuer(&iss)) {
            return Err(TokenError::ClaimInvalid("iss"));
        }
        let rules = &config.access_rules;
        if let Some((name, _)) = rules.demanded_claims().iter().find(|(name, value)| {
            self.all.get(*name).is_some_and(|found| found.as_str() != Some(value.as_str()))
        }) {
            return Err(TokenError::ClaimInvalid(name));
        }
        // Bound to a key or certificate that nobody has shown: https://www.rfc-editor.org/rfc/rfc8705#section-3.2
        if self.all.contains_key("cnf") && !config.danger.takes_unproven_confirmation() {
            return Err(TokenError::ClaimInvalid("cnf"));
        }
        let addressed_by = rules.addressed_by();
        let audiences = match self.all.get(addressed_by) {
            None | Some(Value::Null) => None,
            Some(Value::String(one)) => Some(vec![one.as_str()]),
            Some(Value::Array(all)) => Some(all.iter().filter_map(Value::as_str).collect()),
            Some(_) => Some(Vec::new()),
        };
        if audiences.is_some_and(|audiences| !audiences.iter().any(|aud| rules.is_audience(aud))) {
            return Err(TokenError::ClaimInvalid(addressed_by));
        }
        match (self.time("nbf"), self.expires_at()) {
            (Some(start), _) if start > now.saturating_add(config.leeway) => Err(TokenError::NotYetValid),
            (_, Some(end)) if now >= end.saturating_add(config.leeway) => Err(TokenError::Expired),
            _ => Ok(self),
        }
    }
}

/// Shows nothing of the token's.
impl std::fmt::Debug for Introspection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Introspection({} members)", self.all.len())
    }
}
