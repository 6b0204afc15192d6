//! A client that proves who it is by a JWT: what the assertion must say, and that it says it once.

use serde_json::Value;

use crate::client_auth::TokenError;
use crate::fault::Fault;
use crate::form::Ask;
use crate::keys::{self, Alg, Opened};
use crate::model::{DevClient, DevClientAuth};
use crate::provider::DevProvider;
use crate::router::MTLS;

/// The `client_assertion_type` of a JWT ([RFC 7523 2.2](https://www.rfc-editor.org/rfc/rfc7523#section-2.2)).
pub(crate) const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The algorithms an assertion may have.
pub(crate) fn algs() -> Vec<&'static str> {
    std::iter::once("HS256").chain(Alg::names()).collect()
}

/// Whom an assertion claims to come from, before anything is verified.
pub(crate) fn claimed_client(assertion: &str) -> Option<String> {
    Opened::unverified(assertion)?.text("sub").map(str::to_owned)
}

impl DevProvider {
    /// [RFC 7523 3](https://www.rfc-editor.org/rfc/rfc7523#section-3) and
    /// [OpenID Connect Core 9](https://openid.net/specs/openid-connect-core-1_0.html#ClientAuthentication)
    pub(crate) fn check_assertion(
        &mut self,
        client: &DevClient,
        assertion: &str,
        ask: &Ask,
        now: u64,
    ) -> Result<(), TokenError> {
        let refused = |why| Err(TokenError::new("invalid_client", why));
        let Some(said) = Opened::unverified(assertion) else { return refused("the assertion is not a JWT") };
        if !is_signed_by(client, assertion, &said) {
            return refused("the assertion is not signed by the client");
        }
        if said.text("iss") != Some(&client.id) || said.text("sub") != Some(&client.id) {
            return refused("the assertion's iss or sub is not the client_id");
        }
        if !self.is_meant(said.claims.get("aud"), ask) {
            return refused("the assertion's aud is neither the issuer nor this endpoint");
        }
        match said.claims.get("exp").and_then(Value::as_u64) {
            Some(exp) if now < exp && exp - now <= MAX_LIFETIME => {}
            Some(exp) if now < exp => return refused("the assertion's exp is too far away"),
            _ => return refused("the assertion expired, or does not say when it will"),
        }
        if said.claims.get("nbf").is_some_and(|nbf| nbf.as_u64().is_none_or(|nbf| now < nbf)) {
            return refused("the assertion is not valid yet");
        }
        let Some(jti) = said.text("jti") else { return refused("the assertion has no jti") };
        let used = format!("{jti} {}", client.id);
        if self.used_assertions.get(&used).is_some() {
            return refused("the assertion was used before");
        }
        self.used_assertions.insert(used, ());
        Ok(())
    }

    fn is_meant(&self, aud: Option<&Value>, ask: &Ask) -> bool {
        let alias = if ask.mtls { MTLS } else { "" };
        let called = self.url(&format!("{alias}{}", ask.endpoint));
        let mut us = vec![self.url("/token"), called];
        if !self.has_fault(&Fault::AssertionForTokenEndpoint) {
            us.push(self.issuer().to_owned());
        }
        let is_us = |value: &Value| value.as_str().is_some_and(|value| us.iter().any(|known| known == value));
        match aud {
            Some(Value::Array(values)) => values.iter().any(is_us),
            Some(value) => is_us(value),
            None => false,
        }
    }
}

fn is_signed_by(client: &DevClient, assertion: &str, said: &Opened) -> bool {
    let alg = said.header.get("alg").and_then(Value::as_str).unwrap_or_default();
    if said.header.contains_key("crit") || !algs().contains(&alg) {
        return false;
    }
    match (client.auth, Alg::from_name(alg)) {
        (DevClientAuth::SecretJwt, None) => {
            let secret = client.secret.as_deref();
            secret.is_some_and(|secret| keys::authenticates_hs256(assertion, secret.as_bytes()))
        }
        (DevClientAuth::PrivateKeyJwt, Some(alg)) => {
            let keys = client.jwks.iter().filter_map(|set| set["keys"].as_array()).flatten();
            let mut usable = keys.filter(|jwk| may_verify(jwk, alg, said.header.get("kid")));
            usable.any(|jwk| keys::verifies(assertion, alg, jwk))
        }
        _ => false,
    }
}

/// Whether what a key says of itself allows it; no member that is absent forbids anything.
fn may_verify(jwk: &Value, alg: Alg, kid: Option<&Value>) -> bool {
    let is = |name: &str, wanted: &str| jwk.get(name).is_none_or(|value| value == wanted);
    is("use", "sig") && is("alg", alg.name()) && kid.is_none_or(|kid| jwk.get("kid") == Some(kid))
}

const MAX_LIFETIME: u64 = 600;
