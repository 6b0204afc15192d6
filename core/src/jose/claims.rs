//! Registered claims ([RFC 7519 section 4.1](https://www.rfc-editor.org/rfc/rfc7519#section-4.1)): their types, their
//! times, and the value that only verification makes.

use std::fmt;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::json::{MAX_MEMBERS, Object, WrongType};
use crate::error::{Segment, TokenError};
use crate::time::UnixTime;

/// The longest `sub`, in bytes ([OpenID Connect Core section 2](https://openid.net/specs/openid-connect-core-1_0.html#IDToken)).
const MAX_SUB: usize = 255;

/// What a verified token says. Only verification makes one, so whoever holds it need not ask again.
#[derive(Clone, PartialEq)]
pub struct Claims {
    iss: String,
    sub: Option<String>,
    aud: Vec<String>,
    exp: Option<UnixTime>,
    iat: Option<UnixTime>,
    all: Map<String, Value>,
}

impl Claims {
    /// The issuer, byte for byte the configured one.
    #[must_use]
    pub fn iss(&self) -> &str {
        &self.iss
    }

    /// The subject: unique and never reassigned within the issuer. `iss` and `sub` together are an identity; an e-mail
    /// address is none.
    #[must_use]
    pub fn sub(&self) -> Option<&str> {
        self.sub.as_deref()
    }

    /// The audiences.
    #[must_use]
    pub fn aud(&self) -> &[String] {
        &self.aud
    }

    /// When the token stops being accepted, leeway aside.
    #[must_use]
    pub fn expires_at(&self) -> Option<UnixTime> {
        self.exp
    }

    /// When the token was issued.
    #[must_use]
    pub fn issued_at(&self) -> Option<UnixTime> {
        self.iat
    }

    /// One claim as a `T`; `None` if it is not there or of another type.
    #[must_use]
    pub fn get<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        T::deserialize(self.all.get(name)?).ok()
    }

    /// All claims as a `T`.
    ///
    /// # Errors
    /// What `serde_json` says about the claims that do not fit.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        T::deserialize(&self.all)
    }

    /// All claims, registered ones too.
    #[must_use]
    pub fn all(&self) -> &Map<String, Value> {
        &self.all
    }

    /// Claims of this map, which must come from a verified token or out of a seal.
    pub(crate) fn proven(all: Map<String, Value>) -> Result<Self, TokenError> {
        let text = Value::Object(all).to_string();
        Registered::parse(text.as_bytes())?.into_claims()
    }
}

/// Shows who and from whom, not the other claims.
impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claims").field("iss", &self.iss).field("sub", &self.sub).finish_non_exhaustive()
    }
}

/// A JSON object of all claims.
impl serde::Serialize for Claims {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.all.serialize(serializer)
    }
}

/// Claims whose types are right and whose values nobody has vouched for yet.
pub(crate) struct Registered<'a> {
    object: Object<'a>,
    pub(crate) iss: String,
    pub(crate) sub: Option<String>,
    pub(crate) aud: Vec<String>,
    pub(crate) dates: NumericDates,
}

/// The registered times.
#[derive(Clone, Copy)]
pub(crate) struct NumericDates {
    pub(crate) exp: Option<UnixTime>,
    pub(crate) nbf: Option<UnixTime>,
    pub(crate) iat: Option<UnixTime>,
}

impl<'a> Registered<'a> {
    pub(crate) fn parse(payload: &'a [u8]) -> Result<Self, TokenError> {
        let object = Object::parse(payload, MAX_MEMBERS)
            .map_err(|reason| TokenError::Malformed { segment: Segment::Payload, reason })?;
        Ok(Self {
            iss: text(&object, "iss")?.ok_or(TokenError::ClaimInvalid("iss"))?,
            sub: text(&object, "sub")?,
            aud: audiences(&object)?,
            dates: NumericDates {
                exp: date(&object, "exp")?,
                nbf: date(&object, "nbf")?,
                iat: date(&object, "iat")?,
            },
            object,
        })
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.object.has(name)
    }

    /// A string claim; another type is an error, also where the claim is optional.
    pub(crate) fn text(&self, name: &'static str) -> Result<Option<String>, TokenError> {
        text(&self.object, name)
    }

    /// A time claim.
    pub(crate) fn date(&self, name: &'static str) -> Result<Option<UnixTime>, TokenError> {
        date(&self.object, name)
    }

    /// A claim of any type.
    pub(crate) fn get<T: DeserializeOwned>(&self, name: &'static str) -> Result<Option<T>, TokenError> {
        self.object.get(name).map_err(|WrongType| TokenError::ClaimInvalid(name))
    }

    /// `sub`, which must say somebody.
    pub(crate) fn subject(&self) -> Result<&str, TokenError> {
        let fits = |sub: &&str| !sub.is_empty() && sub.len() <= MAX_SUB;
        self.sub.as_deref().filter(fits).ok_or(TokenError::ClaimInvalid("sub"))
    }

    /// To be called once everything about them is proven.
    pub(crate) fn into_claims(self) -> Result<Claims, TokenError> {
        let mut all = Map::new();
        for (name, text) in self.object.iter() {
            let value = serde_json::from_str(text).map_err(|error| TokenError::Malformed {
                segment: Segment::Payload,
                reason: crate::error::Malformation::Json { column: error.column() },
            })?;
            all.insert(name.to_owned(), value);
        }
        let NumericDates { exp, iat, .. } = self.dates;
        Ok(Claims { iss: self.iss, sub: self.sub, aud: self.aud, exp, iat, all })
    }
}

impl NumericDates {
    /// `exp` is required and to come, `nbf` and `iat` are not to come, each by at most `leeway`
    /// ([RFC 7519 sections 4.1.4 to 4.1.6](https://www.rfc-editor.org/rfc/rfc7519#section-4.1.4)).
    pub(crate) fn check(self, leeway: Duration, now: UnixTime) -> Result<(), TokenError> {
        let exp = self.exp.ok_or(TokenError::ClaimMissing("exp"))?;
        if now >= exp.saturating_add(leeway) {
            return Err(TokenError::Expired);
        }
        let latest = now.saturating_add(leeway);
        if self.nbf.is_some_and(|nbf| nbf > latest) {
            return Err(TokenError::NotYetValid);
        }
        if self.iat.is_some_and(|iat| iat > latest) { Err(TokenError::ClaimInvalid("iat")) } else { Ok(()) }
    }
}

fn text(object: &Object<'_>, name: &'static str) -> Result<Option<String>, TokenError> {
    object.get(name).map_err(|WrongType| TokenError::ClaimInvalid(name))
}

/// One string or an array of strings; none at all is left to whoever requires one.
fn audiences(object: &Object<'_>) -> Result<Vec<String>, TokenError> {
    if object.raw("aud").is_some_and(|raw| raw.starts_with('[')) {
        return object
            .get("aud")
            .map(Option::unwrap_or_default)
            .map_err(|WrongType| TokenError::ClaimInvalid("aud"));
    }
    text(object, "aud").map(|aud| aud.into_iter().collect())
}

fn date(object: &Object<'_>, name: &'static str) -> Result<Option<UnixTime>, TokenError> {
    object
        .raw(name)
        .map(|raw| UnixTime::from_numeric_date(raw).ok_or(TokenError::ClaimInvalid(name)))
        .transpose()
}
