//! The userinfo endpoint: plain or signed, and only if it speaks of the same subject
//! ([OpenID Connect Core section 5.3](https://openid.net/specs/openid-connect-core-1_0.html#UserInfo)).

use std::time::Duration;

use http::header::{ACCEPT, AUTHORIZATION};
use http::{HeaderMap, HeaderValue, Method};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::config::Config;
use crate::error::ProviderError;
use crate::jose::json::{MAX_MEMBERS, Object, WrongType};
use crate::secret::Secret;
use crate::standard_claims::read_booleans;
use crate::step::{Fetch, FetchResult, Purpose};
use crate::wire;

/// What the provider says about a person who has signed in. `sub` is that of the ID token.
#[derive(Clone, PartialEq)]
pub struct Userinfo {
    all: Map<String, Value>,
}

impl Userinfo {
    /// One claim as a `T`; `None` if it is not there or of another type.
    #[must_use]
    pub fn get<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        T::deserialize(self.all.get(name)?).ok()
    }

    /// All claims.
    #[must_use]
    pub fn all(&self) -> &Map<String, Value> {
        &self.all
    }
}

/// Shows nothing of the person.
impl std::fmt::Debug for Userinfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Userinfo({} claims)", self.all.len())
    }
}

/// The answer before anything is checked but its form.
pub(crate) enum Answer {
    Plain(Vec<u8>),
    Signed(String),
}

pub(crate) fn request(endpoint: &str, access_token: &Secret, timeout: Duration) -> Option<Fetch> {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json, application/jwt"));
    let mut bearer = HeaderValue::try_from(format!("Bearer {}", access_token.expose())).ok()?;
    bearer.set_sensitive(true);
    headers.insert(AUTHORIZATION, bearer);
    wire::request(Method::GET, endpoint, headers, Vec::new(), Purpose::Userinfo, timeout)
}

impl Answer {
    pub(crate) fn parse(result: FetchResult) -> Result<Self, ProviderError> {
        let types = ["application/json", "application/jwt"];
        let response = wire::arrived(Purpose::Userinfo, result)?;
        let signed = wire::media_type(response.headers()).is_some_and(|found| found == "application/jwt");
        let body = wire::body_of(Purpose::Userinfo, Ok(response), &types)?;
        if !signed {
            return Ok(Self::Plain(body));
        }
        let wrong = |_| ProviderError::Malformed(Purpose::Userinfo, crate::error::Malformation::Utf8);
        String::from_utf8(body).map(Self::Signed).map_err(wrong)
    }
}

/// Claims whose origin is proven: by TLS if they came plain, by the signature if they came signed.
pub(crate) fn accept(
    claims: &[u8],
    subject: &str,
    config: &Config,
    client_id: &str,
) -> Result<Userinfo, ProviderError> {
    let object = Object::parse(claims, MAX_MEMBERS)
        .map_err(|reason| ProviderError::Malformed(Purpose::Userinfo, reason))?;
    // https://openid.net/specs/openid-connect-core-1_0.html#UserInfoResponse
    if object.get::<String>("sub") != Ok(Some(subject.to_owned())) {
        return Err(ProviderError::SubjectMismatch);
    }
    check_addressee(&object, config, client_id)?;
    let text = std::str::from_utf8(claims).unwrap_or_default();
    let mut all =
        serde_json::from_str(text).map_err(|_| ProviderError::Member(Purpose::Userinfo, "number"))?;
    if config.profile.lenient_booleans {
        read_booleans(&mut all);
    }
    Ok(Userinfo { all })
}

/// A signed answer names issuer and audience; a plain one need not.
fn check_addressee(object: &Object<'_>, config: &Config, client_id: &str) -> Result<(), ProviderError> {
    let wrong = |name| ProviderError::Member(Purpose::Userinfo, name);
    let iss: Option<String> = object.get("iss").map_err(|WrongType| wrong("iss"))?;
    if iss.is_some_and(|iss| !config.allows_issuer(&iss)) {
        return Err(wrong("iss"));
    }
    let aud = match object.get::<Vec<String>>("aud") {
        Ok(aud) => aud,
        Err(WrongType) => object.get::<String>("aud").map_err(|WrongType| wrong("aud"))?.map(|aud| vec![aud]),
    };
    if aud.is_some_and(|aud| !aud.iter().any(|aud| aud == client_id)) { Err(wrong("aud")) } else { Ok(()) }
}
