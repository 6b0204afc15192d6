//! Which client asks at the token endpoint or one of its kin, and whether it proved that in the way it is registered for.

use base64ct::{Base64, Encoding};
use http::StatusCode;
use http::header::WWW_AUTHENTICATE;
use serde_json::json;

use crate::answer::{self, Reply, no_store};
use crate::assertion::{self, JWT_BEARER};
use crate::fault::Fault;
use crate::form::Ask;
use crate::model::{DevClient, DevClientAuth};
use crate::provider::DevProvider;

/// An error answer of an endpoint that clients ask directly ([RFC 6749 5.2](https://www.rfc-editor.org/rfc/rfc6749#section-5.2)).
pub(crate) struct TokenError {
    code: &'static str,
    description: &'static str,
}

impl TokenError {
    pub(crate) const fn new(code: &'static str, description: &'static str) -> Self {
        TokenError { code, description }
    }

    pub(crate) fn into_reply(self) -> Reply {
        let body = json!({ "error": self.code, "error_description": self.description });
        if self.code != "invalid_client" {
            return no_store(answer::json(StatusCode::BAD_REQUEST, &body));
        }
        let refusal = answer::json(StatusCode::UNAUTHORIZED, &body);
        no_store(answer::with(refusal, WWW_AUTHENTICATE, "Basic realm=\"dev-provider\""))
    }
}

struct Presented {
    id: String,
    /// A secret or an assertion.
    proof: Option<String>,
    by: DevClientAuth,
}

impl DevProvider {
    /// [RFC 6749 2.3](https://www.rfc-editor.org/rfc/rfc6749#section-2.3)
    pub(crate) fn authenticate(&mut self, ask: &Ask, now: u64) -> Result<DevClient, TokenError> {
        let presented = presented(ask)?;
        if self.has_fault(&Fault::InvalidClient) {
            return Err(TokenError::new("invalid_client", "the provider was told to believe nobody"));
        }
        let client = self.client(&presented.id).cloned();
        let client = client.ok_or(TokenError::new("invalid_client", "no such client is registered"))?;
        if !is_registered_for(&client, presented.by, ask.mtls) {
            return Err(TokenError::new("invalid_client", "the client is not registered for this method"));
        }
        match (presented.by, presented.proof) {
            (DevClientAuth::None, _) => {}
            (DevClientAuth::SecretJwt | DevClientAuth::PrivateKeyJwt, Some(assertion)) => {
                self.check_assertion(&client, &assertion, ask, now)?;
            }
            (_, secret) if secret == client.secret => {}
            _ => return Err(TokenError::new("invalid_client", "the secret is wrong")),
        }
        Ok(client)
    }
}

fn is_registered_for(client: &DevClient, by: DevClientAuth, mtls: bool) -> bool {
    let by_assertion = |auth| matches!(auth, DevClientAuth::SecretJwt | DevClientAuth::PrivateKeyJwt);
    match client.auth {
        DevClientAuth::Any => client.secret.is_some() == (by != DevClientAuth::None) && !by_assertion(by),
        // A certificate would come with the connection; all that the request itself has is the client_id.
        DevClientAuth::Tls => mtls && by == DevClientAuth::None,
        // Which of the two an assertion is, its signature tells.
        registered if by_assertion(registered) => by_assertion(by),
        registered => registered == by,
    }
}

fn presented(ask: &Ask) -> Result<Presented, TokenError> {
    let (id, secret) = (ask.params.get("client_id"), ask.params.get("client_secret"));
    if ask.params.get("client_assertion").is_some() || ask.params.get("client_assertion_type").is_some() {
        return asserted(ask);
    }
    if !ask.has_authorization() {
        let id = id.ok_or(TokenError::new("invalid_client", "the client does not say who it is"))?;
        let by = if secret.is_some() { DevClientAuth::Post } else { DevClientAuth::None };
        return Ok(Presented { id: id.to_owned(), proof: secret.map(str::to_owned), by });
    }
    if secret.is_some() {
        return Err(TWO_WAYS);
    }
    let basic = ask.authorization("Basic").and_then(basic);
    let basic = basic.ok_or(TokenError::new("invalid_client", "the Authorization header is not Basic"))?;
    if id.is_some_and(|id| id != basic.id) {
        return Err(TokenError::new(
            "invalid_request",
            "client_id is not the one in the Authorization header",
        ));
    }
    Ok(basic)
}

/// [RFC 7521 4.2](https://www.rfc-editor.org/rfc/rfc7521#section-4.2)
fn asserted(ask: &Ask) -> Result<Presented, TokenError> {
    if ask.has_authorization() || ask.params.get("client_secret").is_some() {
        return Err(TWO_WAYS);
    }
    if ask.params.get("client_assertion_type") != Some(JWT_BEARER) {
        return Err(TokenError::new("invalid_client", "client_assertion_type is not jwt-bearer"));
    }
    let assertion = ask.params.get("client_assertion");
    let assertion = assertion.ok_or(TokenError::new("invalid_client", "client_assertion is missing"))?;
    let id = assertion::claimed_client(assertion);
    let id = id.ok_or(TokenError::new("invalid_client", "the assertion does not say who the client is"))?;
    if ask.params.get("client_id").is_some_and(|named| named != id) {
        return Err(TokenError::new("invalid_client", "client_id is not the one in the assertion"));
    }
    Ok(Presented { id, proof: Some(assertion.to_owned()), by: DevClientAuth::PrivateKeyJwt })
}

const TWO_WAYS: TokenError = TokenError::new("invalid_request", "the client authenticates in two ways");

/// Identifier and secret are form-encoded before they are joined
/// ([RFC 6749 2.3.1](https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1)).
fn basic(credentials: &str) -> Option<Presented> {
    let joined = String::from_utf8(Base64::decode_vec(credentials).ok()?).ok()?;
    let (id, secret) = joined.split_once(':')?;
    Some(Presented { id: form_decoded(id), proof: Some(form_decoded(secret)), by: DevClientAuth::Basic })
}

fn form_decoded(text: &str) -> String {
    // The parser splits at `&`, which only someone who forgot to encode leaves here.
    let pair = format!("v={}", text.replace('&', "%26"));
    url::form_urlencoded::parse(pair.as_bytes())
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}
