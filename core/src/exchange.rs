//! The token endpoint: client authentication, code and refresh grants, and the token response
//! ([RFC 6749 section 4.1.3](https://www.rfc-editor.org/rfc/rfc6749#section-4.1.3)).

use std::time::Duration;

use base64ct::{Base64, Encoding};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};

use crate::config::{ClientAuth, Registration};
use crate::error::{Excerpt, ProviderError};
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
pub(crate) struct Sent(Vec<Secret>);

impl Sent {
    pub(crate) fn new<'a>(
        registration: &'a Registration,
        secrets: impl IntoIterator<Item = &'a Secret>,
    ) -> Self {
        Self(secrets.into_iter().chain(&registration.client_secret).cloned().collect())
    }

    /// A text of the provider without them.
    fn excerpt(&self, text: &str) -> Excerpt {
        let texts = self.0.iter().map(Secret::expose).filter(|secret| !secret.is_empty());
        Excerpt::of(&texts.fold(text.to_owned(), |text, secret| text.replace(secret, "[redacted]")))
    }
}

/// The request that redeems a code.
pub(crate) fn code_grant(
    registration: &Registration,
    endpoint: &str,
    code: &Secret,
    code_verifier: &Secret,
    timeout: Duration,
) -> Option<(Fetch, Sent)> {
    let parameters = [
        ("grant_type", "authorization_code"),
        ("code", code.expose()),
        ("redirect_uri", registration.redirect_uri.as_str()),
        ("code_verifier", code_verifier.expose()),
    ];
    let fetch = token_request(registration, endpoint, &parameters, timeout)?;
    Some((fetch, Sent::new(registration, [code, code_verifier])))
}

/// The request that redeems a refresh token ([RFC 6749 section 6](https://www.rfc-editor.org/rfc/rfc6749#section-6)).
pub(crate) fn refresh_grant(
    registration: &Registration,
    endpoint: &str,
    refresh_token: &Secret,
    timeout: Duration,
) -> Option<(Fetch, Sent)> {
    let parameters = [("grant_type", "refresh_token"), ("refresh_token", refresh_token.expose())];
    let fetch = token_request(registration, endpoint, &parameters, timeout)?;
    // The old token may be worth nothing once it was sent: whoever gives up must not take the new one along.
    let fetch = Fetch { shared: true, ..fetch };
    Some((fetch, Sent::new(registration, [refresh_token])))
}

/// The request for a token of the client's own ([RFC 6749 section 4.4.2](https://www.rfc-editor.org/rfc/rfc6749#section-4.4.2)),
/// whose answer many flows may wait for.
pub(crate) fn client_grant(
    registration: &Registration,
    endpoint: &str,
    scope: &str,
    timeout: Duration,
) -> Option<(Fetch, Sent)> {
    let parameters = [("grant_type", "client_credentials"), ("scope", scope)];
    let asked = if scope.is_empty() { &parameters[..1] } else { &parameters[..] };
    let fetch = token_request(registration, endpoint, asked, timeout)?;
    Some((Fetch { shared: true, ..fetch }, Sent::new(registration, [])))
}

fn token_request(
    registration: &Registration,
    endpoint: &str,
    parameters: &[(&str, &str)],
    timeout: Duration,
) -> Option<Fetch> {
    let mut parameters = parameters.to_vec();
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    let secret = registration.client_secret.as_ref().map(Secret::expose).unwrap_or_default();
    match registration.client_auth {
        ClientAuth::Basic => {
            headers.insert(AUTHORIZATION, basic(&registration.client_id, secret)?);
        }
        ClientAuth::Post => {
            parameters.extend([("client_id", registration.client_id.as_str()), ("client_secret", secret)]);
        }
        ClientAuth::None => parameters.push(("client_id", &registration.client_id)),
    }
    let body = wire::form(&parameters).into_bytes();
    wire::request(Method::POST, endpoint, headers, body, Purpose::Token, timeout)
}

/// Both parts are form-encoded first ([RFC 6749 section 2.3.1](https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1)).
fn basic(client_id: &str, secret: &str) -> Option<HeaderValue> {
    let encode = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let credentials = format!("{}:{}", encode(client_id), encode(secret));
    let mut value =
        HeaderValue::try_from(format!("Basic {}", Base64::encode_string(credentials.as_bytes()))).ok()?;
    value.set_sensitive(true);
    Some(value)
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
fn error_of(response: &Response<Vec<u8>>, sent: &Sent) -> Option<ProviderError> {
    let json = wire::media_type(response.headers()).is_some_and(|found| found == "application/json");
    let possible =
        [StatusCode::OK, StatusCode::BAD_REQUEST, StatusCode::UNAUTHORIZED].contains(&response.status());
    if !json || !possible {
        return None;
    }
    let answer = Object::parse(response.body(), MAX_MEMBERS).ok()?;
    let code = text(&answer, "error").ok()??;
    let description = text(&answer, "error_description").ok().flatten();
    Some(ProviderError::TokenEndpoint {
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
