//! The userinfo endpoint: what an access token lets its bearer know.

use http::StatusCode;
use http::header::WWW_AUTHENTICATE;
use serde_json::{Map, Value, json};

use crate::answer::{self, Reply, no_store};
use crate::form::Ask;
use crate::keys::Opened;
use crate::mint::{has_scope, insert};
use crate::provider::DevProvider;

impl DevProvider {
    /// [OpenID Connect Core 5.3](https://openid.net/specs/openid-connect-core-1_0.html#UserInfo); the token goes in the
    /// header only.
    pub(crate) fn userinfo(&mut self, ask: &Ask, now: u64) -> Reply {
        let Some(token) = ask.authorization("Bearer") else { return refusal(StatusCode::UNAUTHORIZED, "") };
        let Some(token) = self.own_access_token(token, now) else {
            return refusal(StatusCode::UNAUTHORIZED, ", error=\"invalid_token\"");
        };
        if !has_scope(token.text("scope").unwrap_or_default(), "openid") {
            return refusal(StatusCode::FORBIDDEN, ", error=\"insufficient_scope\", scope=\"openid\"");
        }
        let claims = self.userinfo_claims(&token);
        let reply = self.userinfo_reply(claims, token.text("client_id").unwrap_or_default());
        no_store(self.spoil_userinfo_reply(reply))
    }

    /// A living access token of this provider.
    pub(crate) fn own_access_token(&self, token: &str, now: u64) -> Option<Opened> {
        let token = Opened::from_token(self.meant_by(token))?;
        let is_access_token = token.header.get("typ").and_then(Value::as_str) == Some("at+jwt");
        let lives = token.claims.get("exp").and_then(Value::as_u64).is_some_and(|exp| now < exp);
        let ours = token.text("iss") == Some(self.issuer());
        (is_access_token && lives && ours && !self.is_revoked(&token)).then_some(token)
    }

    fn userinfo_claims(&self, token: &Opened) -> Map<String, Value> {
        let sub = token.text("sub").unwrap_or_default();
        let mut claims = self.claims_about(sub, token.text("scope").unwrap_or_default());
        claims.insert("sub".to_owned(), sub.into());
        claims
    }

    fn userinfo_reply(&self, mut claims: Map<String, Value>, client_id: &str) -> Reply {
        if !self.signs_userinfo() {
            self.spoil_userinfo(&mut claims);
            return answer::json(StatusCode::OK, &Value::Object(claims));
        }
        insert(&mut claims, json!({ "iss": self.issuer(), "aud": client_id }));
        self.spoil_userinfo(&mut claims);
        let jwt = self.signed("JWT", &Value::Object(claims));
        answer::reply(StatusCode::OK, "application/jwt", jwt.into_bytes())
    }
}

/// [RFC 6750 3](https://www.rfc-editor.org/rfc/rfc6750#section-3)
fn refusal(status: StatusCode, error: &str) -> Reply {
    let challenge = format!("Bearer realm=\"dev-provider\"{error}");
    no_store(answer::with(answer::text(status, String::new()), WWW_AUTHENTICATE, &challenge))
}
