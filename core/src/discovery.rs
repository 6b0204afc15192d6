//! The provider's metadata: where it is, what of it is used, and that it speaks of the configured issuer
//! ([OpenID Connect Discovery](https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfig)).

use std::sync::Arc;

use url::Url;

use crate::cache::Failure;
use crate::cache::shared::Load;
use crate::config::{Config, Issuer, is_loopback};
use crate::error::{Error, Excerpt, ProviderError, UsageError};
use crate::jose::Algorithm;
use crate::jose::json::{Object, WrongType};
use crate::step::{Purpose, Step};
use crate::wire;

/// What the provider says of itself.
#[derive(Debug, Clone)]
pub(crate) struct Metadata {
    pub(crate) jwks_uri: Url,
    pub(crate) authorization_endpoint: Endpoint,
    pub(crate) token_endpoint: Endpoint,
    pub(crate) userinfo_endpoint: Endpoint,
    pub(crate) end_session_endpoint: Endpoint,
    /// [RFC 9207 section 3](https://www.rfc-editor.org/rfc/rfc9207#section-3).
    pub(crate) sends_iss: bool,
}

/// An address of the provider. One that is wrong harms only those who use it.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    name: &'static str,
    url: Result<Option<Url>, ProviderError>,
}

impl Endpoint {
    fn of(name: &'static str, find: impl Fn(&'static str) -> Result<Option<Url>, ProviderError>) -> Self {
        Self { name, url: find(name) }
    }

    /// Whether the provider names one, right or wrong.
    pub(crate) fn is_there(&self) -> bool {
        !matches!(self.url, Ok(None))
    }

    /// The address, which must be there.
    pub(crate) fn required(&self) -> Result<&Url, Error> {
        self.optional()?.ok_or(UsageError::NoEndpoint(self.name).into())
    }

    /// The address, if the provider has one.
    pub(crate) fn optional(&self) -> Result<Option<&Url>, Error> {
        self.url.as_ref().map(Option::as_ref).map_err(|error| error.clone().into())
    }
}

/// How the metadata of this issuer is fetched.
pub(crate) fn load(config: &Config) -> Load<Metadata> {
    let rules = MetadataRules {
        issuer: config.issuer.clone(),
        // A resource server takes no ID tokens.
        algorithms: config.registration.is_some().then(|| config.algorithms.clone()),
    };
    let url = config.metadata_url.as_ref().map_or(rules.issuer.metadata_url(), Url::to_string);
    Arc::new(move |ask, _| {
        let rules = rules.clone();
        let conditional = ask.validators != Default::default();
        match wire::get_shared(&url, Purpose::Discovery, wire::MAX_DOCUMENT, ask) {
            Some(fetch) => Step::fetch(fetch, move |result, _| {
                let parse = |body: &[u8]| Metadata::parse(body, &rules);
                Step::Done(wire::loaded(
                    Purpose::Discovery,
                    conditional,
                    result,
                    &["application/json"],
                    parse,
                ))
            }),
            None => {
                let error = ProviderError::Insecure("issuer");
                Step::Done(Err(Failure { error, retry_after: None }))
            }
        }
    })
}

/// What a metadata document is held against.
#[derive(Clone)]
struct MetadataRules {
    issuer: Issuer,
    algorithms: Option<Vec<Algorithm>>,
}

impl Metadata {
    fn parse(body: &[u8], rules: &MetadataRules) -> Result<Self, ProviderError> {
        let issuer = &rules.issuer;
        let document = Object::parse(body, crate::jose::json::MAX_MEMBERS)
            .map_err(|reason| ProviderError::Malformed(Purpose::Discovery, reason))?;
        check_issuer(&document, issuer)?;
        if let Some(allowed) = &rules.algorithms {
            check_algorithms(&document, allowed)?;
        }
        let endpoint = |name| endpoint(&document, name, issuer);
        Ok(Self {
            jwks_uri: endpoint("jwks_uri")?.ok_or(ProviderError::Member(Purpose::Discovery, "jwks_uri"))?,
            authorization_endpoint: Endpoint::of("authorization_endpoint", endpoint),
            token_endpoint: Endpoint::of("token_endpoint", endpoint),
            userinfo_endpoint: Endpoint::of("userinfo_endpoint", endpoint),
            end_session_endpoint: Endpoint::of("end_session_endpoint", endpoint),
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

/// A provider that signs with nothing that is allowed here is refused at once; what it offers allows nothing by itself.
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
