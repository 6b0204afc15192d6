//! The provider's metadata: where it is, what of it is used, and that it speaks of the configured issuer
//! ([OpenID Connect Discovery](https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfig)).

use std::sync::Arc;

use url::Url;

use crate::cache::Failure;
use crate::cache::shared::Load;
use crate::client_auth::ClientAuth;
use crate::config::{Config, is_loopback};
use crate::error::{Error, Excerpt, ProviderError, UsageError};
use crate::issuer::Issuer;
use crate::jose::Algorithm;
use crate::jose::json::{MAX_MEMBERS, Object, WrongType};
use crate::profile::ProviderProfile;
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
    pub(crate) revocation_endpoint: Endpoint,
    pub(crate) introspection_endpoint: Endpoint,
    pub(crate) pushed_authorization_request_endpoint: Endpoint,
    /// [RFC 9126 section 5](https://www.rfc-editor.org/rfc/rfc9126#section-5).
    pub(crate) requires_pushed_authorization: bool,
    /// `token_endpoint_auth_methods_supported`; none, if it does not say.
    pub(crate) auth_methods: Option<Vec<String>>,
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

    pub(crate) fn name(&self) -> &'static str {
        self.name
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
        profile: config.profile.clone(),
        by_certificate: config
            .registration
            .as_ref()
            .is_some_and(|registration| registration.client_auth == ClientAuth::Tls),
        // A resource server takes no ID tokens.
        algorithms: config.sign_in().is_some().then(|| config.algorithms.clone()),
    };
    let url = config.metadata_url.clone();
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
    profile: ProviderProfile,
    /// The client shows a certificate.
    by_certificate: bool,
    algorithms: Option<Vec<Algorithm>>,
}

impl Metadata {
    fn parse(body: &[u8], rules: &MetadataRules) -> Result<Self, ProviderError> {
        let issuer = &rules.issuer;
        let document = Object::parse(body, MAX_MEMBERS)
            .map_err(|reason| ProviderError::Malformed(Purpose::Discovery, reason))?;
        check_issuer(&document, issuer, &rules.profile)?;
        if let Some(allowed) = &rules.algorithms {
            check_algorithms(&document, allowed)?;
        }
        let aliases = if rules.by_certificate { aliases(&document)? } else { None };
        let endpoint = |name| match rules.profile.endpoint_of(name) {
            Some(own) => address(name, own, issuer).map(Some),
            None => endpoint(&document, aliases.as_ref(), name, issuer),
        };
        Ok(Self {
            jwks_uri: endpoint("jwks_uri")?.ok_or(ProviderError::Member(Purpose::Discovery, "jwks_uri"))?,
            authorization_endpoint: Endpoint::of("authorization_endpoint", endpoint),
            token_endpoint: Endpoint::of("token_endpoint", endpoint),
            userinfo_endpoint: Endpoint::of("userinfo_endpoint", endpoint),
            end_session_endpoint: Endpoint::of("end_session_endpoint", endpoint),
            revocation_endpoint: Endpoint::of("revocation_endpoint", endpoint),
            introspection_endpoint: Endpoint::of("introspection_endpoint", endpoint),
            pushed_authorization_request_endpoint: Endpoint::of(
                "pushed_authorization_request_endpoint",
                endpoint,
            ),
            requires_pushed_authorization: member(&document, "require_pushed_authorization_requests")?
                .unwrap_or(false),
            // A hint for messages, and no reason to refuse the rest.
            auth_methods: member(&document, "token_endpoint_auth_methods_supported").ok().flatten(),
            sends_iss: member(&document, "authorization_response_iss_parameter_supported")?.unwrap_or(false),
        })
    }
}

/// Byte by byte ([section 4.3](https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfigurationValidation)).
fn check_issuer(
    document: &Object<'_>,
    issuer: &Issuer,
    profile: &ProviderProfile,
) -> Result<(), ProviderError> {
    let found: String =
        member(document, "issuer")?.ok_or(ProviderError::Member(Purpose::Discovery, "issuer"))?;
    let expected = profile.metadata_issuer_of(&issuer.0);
    if found == expected {
        return Ok(());
    }
    Err(ProviderError::IssuerMismatch { configured: expected.into_owned(), found: Excerpt::of(&found) })
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

/// The addresses for clients that show a certificate ([RFC 8705 section 5](https://www.rfc-editor.org/rfc/rfc8705#section-5)).
fn aliases<'a>(document: &Object<'a>) -> Result<Option<Object<'a>>, ProviderError> {
    const NAME: &str = "mtls_endpoint_aliases";
    let wrong = || ProviderError::Member(Purpose::Discovery, NAME);
    let raw = document.raw(NAME).filter(|raw| *raw != "null");
    raw.map(|raw| Object::parse(raw.as_bytes(), MAX_MEMBERS).map_err(|_| wrong())).transpose()
}

/// Where the client asks itself; browsers have no certificate of it.
const SHOWN_A_CERTIFICATE: [&str; 5] = [
    "token_endpoint",
    "userinfo_endpoint",
    "revocation_endpoint",
    "introspection_endpoint",
    "pushed_authorization_request_endpoint",
];

fn endpoint(
    document: &Object<'_>,
    aliases: Option<&Object<'_>>,
    name: &'static str,
    issuer: &Issuer,
) -> Result<Option<Url>, ProviderError> {
    let aliases = aliases.filter(|_| SHOWN_A_CERTIFICATE.contains(&name));
    let alias = aliases.map(|aliases| member::<String>(aliases, name)).transpose()?.flatten();
    let text = match alias {
        Some(alias) => Some(alias),
        None => member::<String>(document, name)?,
    };
    text.map(|text| address(name, &text, issuer)).transpose()
}

/// It is https, or http on loopback where the issuer is so too.
fn address(name: &'static str, text: &str, issuer: &Issuer) -> Result<Url, ProviderError> {
    let url = Url::parse(text).map_err(|_| ProviderError::Member(Purpose::Discovery, name))?;
    if url.fragment().is_some() {
        return Err(ProviderError::Member(Purpose::Discovery, name));
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if issuer.allows_http() && is_loopback(&url) => Ok(url),
        _ => Err(ProviderError::Insecure(name)),
    }
}

fn member<T: serde::de::DeserializeOwned>(
    document: &Object<'_>,
    name: &'static str,
) -> Result<Option<T>, ProviderError> {
    document.get_or_null(name).map_err(|WrongType| ProviderError::Member(Purpose::Discovery, name))
}
