//! Registered claims ([RFC 7519 section 4.1](https://www.rfc-editor.org/rfc/rfc7519#section-4.1)): their types, their
//! times, and the value that only verification makes.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::json::{MAX_MEMBERS, Object, WrongType};
use super::jwk::Thumbprint;
use crate::error::{Malformation, Segment, TokenError};
use crate::time::UnixTime;

/// The longest `sub`, in bytes ([OpenID Connect Core section 2](https://openid.net/specs/openid-connect-core-1_0.html#IDToken)).
const MAX_SUB: usize = 255;

/// What a verified token says. Only verification makes one, so whoever holds it need not ask again.
///
/// The claims beyond the registered ones are read when they are first asked for. A clone is cheap.
#[derive(Clone)]
pub struct Claims {
    said: Arc<Said>,
}

struct Said {
    iss: Quoted,
    sub: Option<Quoted>,
    dates: NumericDates,
    /// The payload, which is strict JSON.
    text: String,
    /// The key of the token that said so.
    key: Option<Thumbprint>,
    aud: OnceLock<Vec<String>>,
    all: OnceLock<Map<String, Value>>,
}

impl Claims {
    /// The issuer, byte for byte the configured one.
    #[must_use]
    pub fn iss(&self) -> &str {
        self.said.iss.of(&self.said.text)
    }

    /// The subject: unique and never reassigned within the issuer. `iss` and `sub` together are an identity; an e-mail
    /// address is none.
    #[must_use]
    pub fn sub(&self) -> Option<&str> {
        self.said.sub.as_ref().map(|sub| sub.of(&self.said.text))
    }

    /// The audiences.
    #[must_use]
    pub fn aud(&self) -> &[String] {
        self.said.aud.get_or_init(|| match self.all().get("aud") {
            Some(Value::String(aud)) => vec![aud.clone()],
            Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            _ => Vec::new(),
        })
    }

    /// When the token stops being accepted, leeway aside.
    #[must_use]
    pub fn expires_at(&self) -> Option<UnixTime> {
        self.said.dates.exp
    }

    /// When the token was issued.
    #[must_use]
    pub fn issued_at(&self) -> Option<UnixTime> {
        self.said.dates.iat
    }

    /// The key that the token was verified by; `None` where others than the token have a say.
    pub(crate) fn key(&self) -> Option<&Thumbprint> {
        self.said.key.as_ref()
    }

    pub(crate) fn not_before(&self) -> Option<UnixTime> {
        self.said.dates.nbf
    }

    /// One claim as a `T`; `None` if it is not there or of another type.
    #[must_use]
    pub fn get<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        T::deserialize(self.all().get(name)?).ok()
    }

    /// All claims as a `T`.
    ///
    /// # Errors
    /// What `serde_json` says about the claims that do not fit.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        T::deserialize(self.all())
    }

    /// All claims, registered ones too.
    #[must_use]
    pub fn all(&self) -> &Map<String, Value> {
        self.said.all.get_or_init(|| serde_json::from_str(&self.said.text).unwrap_or_default())
    }

    /// Claims of this map, which must come from a verified token or out of a seal.
    pub(crate) fn proven(all: Map<String, Value>) -> Result<Self, TokenError> {
        let payload = Value::Object(all).to_string().into_bytes();
        let proven = Registered::parse(&payload)?.prove()?;
        Ok(proven.into_claims(payload, None))
    }
}

impl PartialEq for Claims {
    fn eq(&self, other: &Self) -> bool {
        self.all() == other.all()
    }
}

/// Shows who and from whom, not the other claims.
impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claims").field("iss", &self.iss()).field("sub", &self.sub()).finish_non_exhaustive()
    }
}

/// A JSON object of all claims.
impl serde::Serialize for Claims {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.all().serialize(serializer)
    }
}

/// Claims whose types are right and whose values nobody has vouched for yet.
pub(crate) struct Registered<'a> {
    payload: &'a [u8],
    object: Object<'a>,
    pub(crate) iss: Cow<'a, str>,
    pub(crate) sub: Option<Cow<'a, str>>,
    pub(crate) aud: Vec<Cow<'a, str>>,
    pub(crate) dates: NumericDates,
}

/// What is kept of claims about which everything is proven, beside their text.
pub(crate) struct Proven {
    iss: Quoted,
    sub: Option<Quoted>,
    dates: NumericDates,
}

/// A string of the payload: where it stands there, or a copy if it is written with escapes.
enum Quoted {
    At(Range<usize>),
    Unescaped(String),
}

impl Quoted {
    /// What was read from this payload: borrowed from it, unless it had to be unescaped.
    fn from(text: Cow<'_, str>, payload: &[u8]) -> Self {
        match text {
            Cow::Borrowed(text) => {
                let begin = text.as_ptr().addr().wrapping_sub(payload.as_ptr().addr());
                Self::At(begin..begin.saturating_add(text.len()))
            }
            Cow::Owned(text) => Self::Unescaped(text),
        }
    }

    fn of<'a>(&'a self, payload: &'a str) -> &'a str {
        match self {
            Self::At(place) => payload.get(place.clone()).unwrap_or_default(),
            Self::Unescaped(text) => text,
        }
    }
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
            payload,
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
    pub(crate) fn text(&self, name: &'static str) -> Result<Option<Cow<'a, str>>, TokenError> {
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
    pub(crate) fn prove(self) -> Result<Proven, TokenError> {
        // The rest has been read; the numbers among the claims that nobody knows have not.
        if !self.object.has_finite_numbers() {
            return Err(TokenError::Malformed { segment: Segment::Payload, reason: Malformation::Number });
        }
        let quoted = |text| Quoted::from(text, self.payload);
        Ok(Proven { iss: quoted(self.iss), sub: self.sub.map(quoted), dates: self.dates })
    }
}

impl Proven {
    /// Together with the payload that they were read from, and the key of its signature.
    pub(crate) fn into_claims(self, payload: Vec<u8>, key: Option<Thumbprint>) -> Claims {
        let Self { iss, sub, dates } = self;
        // It has been found to be UTF-8 before anything else was read.
        let text = String::from_utf8(payload).unwrap_or_default();
        let said = Said { iss, sub, dates, text, key, aud: OnceLock::new(), all: OnceLock::new() };
        Claims { said: Arc::new(said) }
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

fn text<'a>(object: &Object<'a>, name: &'static str) -> Result<Option<Cow<'a, str>>, TokenError> {
    object.text(name).map_err(|WrongType| TokenError::ClaimInvalid(name))
}

/// One string or an array of strings; none at all is left to whoever requires one.
fn audiences<'a>(object: &Object<'a>) -> Result<Vec<Cow<'a, str>>, TokenError> {
    if object.raw("aud").is_some_and(|raw| raw.starts_with('[')) {
        let all = object.texts("aud").map_err(|WrongType| TokenError::ClaimInvalid("aud"))?;
        return Ok(all.unwrap_or_default());
    }
    Ok(text(object, "aud")?.into_iter().collect())
}

fn date(object: &Object<'_>, name: &'static str) -> Result<Option<UnixTime>, TokenError> {
    object
        .raw(name)
        .map(|raw| UnixTime::from_numeric_date(raw).ok_or(TokenError::ClaimInvalid(name)))
        .transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(payload: &str) -> Claims {
        let proven = Registered::parse(payload.as_bytes()).unwrap().prove().unwrap();
        proven.into_claims(payload.as_bytes().to_vec(), None)
    }

    #[test]
    fn strings_are_the_same_with_and_without_escapes() {
        for payload in [
            r#"{"iss":"a","sub":"b"}"#,
            r#"{"iss":"\u0061","sub":"\u0062"}"#,
            r#"{"sub":"b","iss":"\u0061"}"#,
        ] {
            let claims = claims(payload);
            assert_eq!((claims.iss(), claims.sub()), ("a", Some("b")), "{payload}");
        }
        assert_eq!(claims(r#"{"iss":""}"#).iss(), "");
    }
}
