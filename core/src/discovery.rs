//! The provider's metadata: where it is, what of it is used, and that it speaks of the configured issuer
//! ([OpenID Connect Discovery](https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfig)).

use std::sync::Arc;

use url::Url;

use crate::cache::Load;
use crate::config::{Issuer, is_loopback};
use crate::error::{Excerpt, ProviderError};
use crate::jose::Algorithm;
use crate::jose::json::{Object, WrongType};
use crate::step::{Purpose, Step};
use crate::wire;

/// What the provider says of itself.
#[derive(Debug, Clone)]
pub(crate) struct Metadata {
    pub(crate) jwks_uri: Url,
    pub(crate) authorization_endpoint: Option<Url>,
    pub(crate) token_endpoint: Option<Url>,
    pub(crate) userinfo_endpoint: Option<Url>,
    pub(crate) end_session_endpoint: Option<Url>,
    /// [RFC 9207 section 3](https://www.rfc-editor.org/rfc/rfc9207#section-3).
    pub(crate) sends_iss: bool,
}

/// How the metadata of this issuer is fetched.
pub(crate) fn load(issuer: Issuer, allowed: Vec<Algorithm>) -> Load<Metadata> {
    Arc::new(move |timeout, _| {
        let (issuer, allowed) = (issuer.clone(), allowed.clone());
        let url = issuer.metadata_url();
        let Some(fetch) = wire::get_shared(&url, Purpose::Discovery, wire::MAX_DOCUMENT, timeout) else {
            return Step::Done(Err(ProviderError::Insecure("issuer")));
        };
        Step::fetch(fetch, move |result, _| {
            let body = wire::body_of(Purpose::Discovery, result, &["application/json"]);
            Step::Done(body.and_then(|body| Metadata::parse(&body, &issuer, &allowed)))
        })
    })
}

impl Metadata {
    fn parse(body: &[u8], issuer: &Issuer, allowed: &[Algorithm]) -> Result<Self, ProviderError> {
        let document = Object::parse(body, crate::jose::json::MAX_MEMBERS)
            .map_err(|reason| ProviderError::Malformed(Purpose::Discovery, reason))?;
        check_issuer(&document, issuer)?;
        check_algorithms(&document, allowed)?;
        let endpoint = |name| endpoint(&document, name, issuer);
        Ok(Self {
            jwks_uri: endpoint("jwks_uri")?.ok_or(ProviderError::Member(Purpose::Discovery, "jwks_uri"))?,
            authorization_endpoint: endpoint("authorization_endpoint")?,
            token_endpoint: endpoint("token_endpoint")?,
            userinfo_endpoint: endpoint("userinfo_endpoint")?,
            end_session_endpoint: endpoint("end_session_endpoint")?,
            sends_iss: member(&document, "authorization_response_iss_parameter_supported")?.unwrap_or(false),
        })
    }
}

/// Byte by byte ([section 4.3](https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfigurationValidation)).
fn check_issuer(document: &Object<'_>, issuer: &Issuer) -> Result<(), ProviderError> {
    let found: String =
        member(document, "issuer")?.ok_or(ProviderError::Member(Purpose::Discovery, "issuer"))?;
    if found == issuer.0 {
        return Ok(());
    }
    Err(ProviderError::IssuerMismatch { configured: issuer.0.clone(), found: Excerpt::of(&found) })
}

/// What the provider offers can narrow what is allowed here, never widen it.
fn check_algorithms(document: &Object<'_>, allowed: &[Algorithm]) -> Result<(), ProviderError> {
    let Some(offered) = member::<Vec<String>>(document, "id_token_signing_alg_values_supported")? else {
        return Ok(());
    };
    if offered.iter().any(|name| allowed.iter().any(|algorithm| algorithm.name() == name)) {
        return Ok(());
    }
    let offered = Excerpt::of(&offered.join(" "));
    Err(ProviderError::NoCommonAlgorithm { offered, allowed: allowed.to_vec() })
}

/// An endpoint is https, or http on loopback where the issuer is so too.
fn endpoint(
    document: &Object<'_>,
    name: &'static str,
    issuer: &Issuer,
) -> Result<Option<Url>, ProviderError> {
    let Some(text) = member::<String>(document, name)? else { return Ok(None) };
    let url = Url::parse(&text).map_err(|_| ProviderError::Member(Purpose::Discovery, name))?;
    if url.fragment().is_some() {
        return Err(ProviderError::Member(Purpose::Discovery, name));
    }
    match url.scheme() {
        "https" => Ok(Some(url)),
        "http" if issuer.allows_http() && is_loopback(&url) => Ok(Some(url)),
        _ => Err(ProviderError::Insecure(name)),
    }
}

fn member<T: serde::de::DeserializeOwned>(
    document: &Object<'_>,
    name: &'static str,
) -> Result<Option<T>, ProviderError> {
    document.get_or_null(name).map_err(|WrongType| ProviderError::Member(Purpose::Discovery, name))
}
