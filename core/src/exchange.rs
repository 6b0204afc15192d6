//! The token endpoint: code, refresh and client grants, and the token response
//! ([RFC 6749 section 4.1.3](https://www.rfc-editor.org/rfc/rfc6749#section-4.1.3)).

use std::time::Duration;

use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use url::{Url, form_urlencoded};

use crate::client_auth::{AssertionAudience, ClientAuth};
use crate::config::{Config, Registration};
use crate::discovery::{Endpoint, Metadata};
use crate::entropy::EntropySource;
use crate::error::{Error, Excerpt, ProviderError, UsageError};
use crate::jose::json::{MAX_MEMBERS, Object, WrongType};
use crate::secret::Secret;
use crate::session::{Granted, Tokens};
use crate::step::{Fetch, FetchResult, Purpose};
use crate::time::{LAST_SECOND, UnixTime};
use crate::wire;

/// How long before its end an access token is replaced; half its lifetime if that is shorter.
const REFRESH_AHEAD: Duration = Duration::from_secs(30);

/// How much of an access token's lifetime may pass before it is to be replaced.
fn unhurried(lifetime: Duration) -> Duration {
    let half = lifetime.checked_div(2).unwrap_or_default();
    lifetime.saturating_sub(REFRESH_AHEAD.min(half))
}

/// A successful token response of OpenID Connect
/// ([OpenID Connect Core section 3.1.3.3](https://openid.net/specs/openid-connect-core-1_0.html#TokenResponse)).
pub(crate) struct TokenResponse {
    /// Required of the answer to a code, optional in that to a refresh.
    pub(crate) id_token: Option<Secret>,
    pub(crate) access_token: Secret,
    pub(crate) refresh_token: Option<Secret>,
    pub(crate) expires_in: Option<Duration>,
    pub(crate) scope: Option<String>,
}

/// What a token request told the provider and nobody else may learn, not even from an answer that repeats it.
pub(crate) struct Sent {
    purpose: Purpose,
    secrets: Vec<Secret>,
    /// How the client has authenticated, if the provider says that it takes only other ways.
    unoffered: Option<(ClientAuth, Excerpt)>,
}

impl Sent {
    /// A text of the provider without them, be they as they are or as a form has them.
    pub(crate) fn excerpt(&self, text: &str) -> Excerpt {
        let texts = self.secrets.iter().map(Secret::expose).filter(|secret| !secret.is_empty());
        Excerpt::of(&texts.fold(text.to_owned(), |text, secret| {
            let encoded: String = form_urlencoded::byte_serialize(secret.as_bytes()).collect();
            text.replace(secret, "[redacted]").replace(&encoded, "[redacted]")
        }))
    }
}

/// Who asks at the token endpoint, or one like it, and where.
pub(crate) struct Asker<'a> {
    pub(crate) config: &'a Config,
    pub(crate) registration: &'a Registration,
    pub(crate) metadata: &'a Metadata,
    pub(crate) entropy: &'a dyn EntropySource,
    pub(crate) now: UnixTime,
}

/// Parameters of token requests that a profile's must not be.
pub(crate) const RESERVED: [&str; 12] = [
    "grant_type",
    "code",
    "redirect_uri",
    "code_verifier",
    "refresh_token",
    "scope",
    "client_id",
    "client_secret",
    "client_assertion",
    "client_assertion_type",
    "token",
    "token_type_hint",
];

type Request = Result<(Fetch, Sent), Error>;

impl Asker<'_> {
    /// The request that redeems a code.
    pub(crate) fn code_grant(
        &self,
        code: &Secret,
        redirect_uri: &str,
        code_verifier: Option<&Secret>,
        timeout: Duration,
    ) -> Request {
        let mut parameters = vec![
            ("grant_type", "authorization_code"),
            ("code", code.expose()),
            ("redirect_uri", redirect_uri),
        ];
        parameters.extend(code_verifier.map(|verifier| ("code_verifier", verifier.expose())));
        self.token_request(&parameters, [Some(code), code_verifier].into_iter().flatten(), timeout)
    }

    /// The request that redeems a refresh token ([RFC 6749 section 6](https://www.rfc-editor.org/rfc/rfc6749#section-6)).
    pub(crate) fn refresh_grant(&self, refresh_token: &Secret, timeout: Duration) -> Request {
        let parameters = [("grant_type", "refresh_token"), ("refresh_token", refresh_token.expose())];
        let (fetch, sent) = self.token_request(&parameters, [refresh_token], timeout)?;
        // The old token may be worth nothing once it was sent: whoever gives up must not take the new one along.
        Ok((Fetch { shared: true, ..fetch }, sent))
    }

    /// The request for a token of the client's own ([RFC 6749 section 4.4.2](https://www.rfc-editor.org/rfc/rfc6749#section-4.4.2)),
    /// whose answer many flows may wait for.
    pub(crate) fn client_grant(&self, scope: &str, timeout: Duration) -> Request {
        let parameters = [("grant_type", "client_credentials"), ("scope", scope)];
        let asked = if scope.is_empty() { &parameters[..1] } else { &parameters[..] };
        let (fetch, sent) = self.token_request(asked, [], timeout)?;
        Ok((Fetch { shared: true, ..fetch }, sent))
    }

    fn token_request<'s>(
        &self,
        parameters: &[(&str, &str)],
        secrets: impl IntoIterator<Item = &'s Secret>,
        timeout: Duration,
    ) -> Request {
        let own = &self.config.profile.token_parameters;
        let named = own.iter().map(|(name, value)| (name.as_str(), value.expose()));
        let all: Vec<_> = parameters.iter().copied().chain(named).collect();
        let mut secrets: Vec<&Secret> = secrets.into_iter().collect();
        secrets.extend(own.iter().map(|(_, value)| value));
        self.request(&self.metadata.token_endpoint, Purpose::Token, &all, secrets, timeout)
    }

    /// A form for an endpoint where the client proves who it is.
    pub(crate) fn request<'s>(
        &self,
        endpoint: &Endpoint,
        purpose: Purpose,
        parameters: &[(&str, &str)],
        secrets: impl IntoIterator<Item = &'s Secret>,
        timeout: Duration,
    ) -> Request {
        let url = endpoint.required()?;
        let Registration { client_id, credentials, .. } = self.registration;
        let proof = credentials.prove(client_id, self.assertion_audience(url)?, self.entropy, self.now)?;
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        headers.extend(proof.authorization.map(|value| (AUTHORIZATION, value)));
        let proven = proof.parameters.iter().map(|(name, value)| (*name, value.as_str()));
        let body = wire::form(&parameters.iter().copied().chain(proven).collect::<Vec<_>>());
        let fetch = wire::request(Method::POST, url.as_str(), headers, body.into_bytes(), purpose, timeout)
            .ok_or(UsageError::NoEndpoint(endpoint.name()))?;
        let secrets = secrets.into_iter().cloned().chain(proof.secrets).collect();
        Ok((fetch, Sent { purpose, secrets, unoffered: self.unoffered() }))
    }

    /// Its proof says which client it is.
    pub(crate) fn names_client(&self) -> bool {
        matches!(self.registration.client_auth, ClientAuth::Post | ClientAuth::Tls | ClientAuth::None)
    }

    fn unoffered(&self) -> Option<(ClientAuth, Excerpt)> {
        let offered = self.metadata.auth_methods.as_ref()?;
        let used = self.registration.client_auth;
        (!used.is_among(offered)).then(|| (used, Excerpt::of(&offered.join(" "))))
    }

    /// An assertion that is addressed to the issuer is of no use to any other provider. The token endpoint is what the
    /// provider calls one: were it another provider's, whoever is sent its name elsewhere could go there with it
    /// (CVE-2025-27370).
    fn assertion_audience(&self, sent_to: &Url) -> Result<&str, Error> {
        let issuer = self.config.issuer.0.as_str();
        if self.config.profile.assertion_audience == AssertionAudience::Issuer {
            return Ok(issuer);
        }
        let token_endpoint = self.metadata.token_endpoint.required()?;
        Ok(if token_endpoint.origin() == sent_to.origin() { token_endpoint.as_str() } else { issuer })
    }
}

impl TokenResponse {
    /// What a session keeps of it.
    pub(crate) fn granted(self, now: UnixTime) -> Granted {
        let tokens = Tokens {
            access_token: self.access_token,
            refresh_token: self.refresh_token,
            expires_at: self.expires_in.map(|lifetime| now.saturating_add(lifetime)),
            refresh_at: self.expires_in.map(|lifetime| now.saturating_add(unhurried(lifetime))),
        };
        Granted { tokens, scope: self.scope }
    }

    pub(crate) fn parse(result: FetchResult, sent: &Sent) -> Result<Self, ProviderError> {
        let response = wire::arrived(Purpose::Token, result)?;
        if let Some(error) = error_of(&response, sent) {
            return Err(error);
        }
        let body = wire::body_of(Purpose::Token, Ok(response), &["application/json"])?;
        let answer = Object::parse(&body, MAX_MEMBERS)
            .map_err(|reason| ProviderError::Malformed(Purpose::Token, reason))?;
        // One that is a string has been told; of any other type it is no answer either.
        text(&answer, "error")?;
        check_token_type(&answer, sent)?;
        Ok(Self {
            access_token: Secret::new(required(&answer, "access_token")?),
            id_token: text(&answer, "id_token")?.map(Secret::new),
            refresh_token: text(&answer, "refresh_token")?.map(Secret::new),
            expires_in: expires_in(&answer)?,
            scope: text(&answer, "scope")?,
        })
    }
}

/// An error response, whatever its status says ([RFC 6749 section 5.2](https://www.rfc-editor.org/rfc/rfc6749#section-5.2)).
pub(crate) fn error_of(response: &Response<Vec<u8>>, sent: &Sent) -> Option<ProviderError> {
    let json = wire::media_type(response.headers()).is_some_and(|found| found == "application/json");
    let possible =
        [StatusCode::OK, StatusCode::BAD_REQUEST, StatusCode::UNAUTHORIZED].contains(&response.status());
    if !json || !possible {
        return None;
    }
    let answer = Object::parse(response.body(), MAX_MEMBERS).ok()?;
    let code = text(&answer, "error").ok()??;
    let description = text(&answer, "error_description").ok().flatten();
    if let (Some((configured, offered)), "invalid_client") = (&sent.unoffered, &*code) {
        let (purpose, configured, offered) = (sent.purpose, *configured, offered.clone());
        return Some(ProviderError::ClientAuth { purpose, configured, offered });
    }
    Some(ProviderError::Refused {
        purpose: sent.purpose,
        status: response.status().as_u16(),
        code: sent.excerpt(&code),
        description: description.map(|text| sent.excerpt(&text)),
    })
}

fn check_token_type(answer: &Object<'_>, sent: &Sent) -> Result<(), ProviderError> {
    let token_type = required(answer, "token_type")?;
    if token_type.eq_ignore_ascii_case("Bearer") {
        return Ok(());
    }
    Err(ProviderError::TokenType(sent.excerpt(&token_type)))
}

fn expires_in(answer: &Object<'_>) -> Result<Option<Duration>, ProviderError> {
    let wrong = ProviderError::Member(Purpose::Token, "expires_in");
    match answer.get_or_null::<f64>("expires_in") {
        Ok(None) => Ok(None),
        Ok(Some(seconds)) if (0.0..=LAST_SECOND as f64).contains(&seconds) => {
            Duration::try_from_secs_f64(seconds).map(Some).map_err(|_| wrong)
        }
        Ok(Some(_)) | Err(WrongType) => Err(wrong),
    }
}

fn required(answer: &Object<'_>, name: &'static str) -> Result<String, ProviderError> {
    text(answer, name)?.filter(|text| !text.is_empty()).ok_or(ProviderError::Member(Purpose::Token, name))
}

fn text(answer: &Object<'_>, name: &'static str) -> Result<Option<String>, ProviderError> {
    answer.get_or_null(name).map_err(|WrongType| ProviderError::Member(Purpose::Token, name))
}
