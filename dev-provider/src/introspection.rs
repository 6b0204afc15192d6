//! What a token is still good for, told to those who hold it but cannot read it.

use http::StatusCode;
use serde_json::{Value, json};

use crate::answer::{self, Reply, no_store};
use crate::client_auth::TokenError;
use crate::form::Ask;
use crate::mint::insert;
use crate::model::DevClient;
use crate::provider::DevProvider;

impl DevProvider {
    /// [RFC 7662 2](https://www.rfc-editor.org/rfc/rfc7662#section-2); `token_type_hint` changes nothing.
    pub(crate) fn introspect(&mut self, ask: &Ask, now: u64) -> Reply {
        match self.introspected(ask, now) {
            Ok(mut body) => {
                self.spoil_introspection(&mut body, now);
                self.spoil_introspection_reply(no_store(answer::json(StatusCode::OK, &body)))
            }
            Err(error) => error.into_reply(),
        }
    }

    fn introspected(&mut self, ask: &Ask, now: u64) -> Result<Value, TokenError> {
        if ask.params.repeated().is_some() {
            return Err(TokenError::new("invalid_request", "a parameter is repeated"));
        }
        let client = self.authenticate(ask, now)?;
        if client.is_public() {
            // RFC 7662 4: else anybody could try tokens out.
            return Err(TokenError::new("invalid_client", "a public client may not ask"));
        }
        let token = ask.params.get("token");
        let token = token.ok_or(TokenError::new("invalid_request", "token is missing"))?;
        let active =
            self.active_access_token(token, now).or_else(|| self.active_refresh_token(token, &client));
        Ok(active.unwrap_or_else(|| json!({ "active": false })))
    }

    /// Any client may ask of it, as a resource server does.
    fn active_access_token(&self, token: &str, now: u64) -> Option<Value> {
        let mut said = self.own_access_token(token, now)?.claims;
        insert(&mut said, json!({ "active": true, "token_type": "Bearer" }));
        Some(Value::Object(said))
    }

    /// Only its client ever sees it. It has no type, for it opens no resource, and it does not expire.
    fn active_refresh_token(&self, token: &str, client: &DevClient) -> Option<Value> {
        let refresh = self.refresh_tokens.get(token).filter(|refresh| !refresh.spent)?;
        let grant = Some(&refresh.grant).filter(|grant| grant.client_id == client.id)?;
        Some(json!({
            "active": true,
            "iss": self.issuer(),
            "sub": grant.sub,
            "aud": grant.client_id,
            "client_id": grant.client_id,
            "scope": grant.scope,
            "iat": refresh.issued,
        }))
    }
}
