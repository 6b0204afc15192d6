//! The token endpoint: a code, a refresh token or the client itself buys tokens, each code and refresh token once.

use http::StatusCode;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::answer::{self, Reply, no_store};
use crate::authorize::Pending;
use crate::client_auth::TokenError;
use crate::fault::Fault;
use crate::form::{Ask, Params};
use crate::keys::base64url;
use crate::mint::{ACCESS_TOKEN_LIFETIME, Beside, Grant, has_scope};
use crate::model::{AccessTokenRequest, DevClient};
use crate::provider::DevProvider;

/// An authorization code's memory. It outlives its use, so that a second one is seen.
pub(crate) struct Code {
    grant: Grant,
    redirect_uri: String,
    challenge: Option<String>,
    expires: u64,
    spent: bool,
}

impl Code {
    pub(crate) fn new(grant: Grant, pending: &Pending, now: u64) -> Self {
        Code {
            grant,
            redirect_uri: pending.return_to.redirect_uri.clone(),
            challenge: pending.challenge.clone(),
            expires: now.saturating_add(CODE_LIFETIME),
            spent: false,
        }
    }

    fn check(&self, params: &Params, now: u64) -> Result<(), TokenError> {
        if now > self.expires {
            return Err(TokenError::new("invalid_grant", "the code expired"));
        }
        if params.get("redirect_uri") != Some(&self.redirect_uri) {
            return Err(TokenError::new(
                "invalid_grant",
                "redirect_uri is not that of the authorization request",
            ));
        }
        self.check_verifier(params.get("code_verifier"))
    }

    /// [RFC 7636 4.6](https://www.rfc-editor.org/rfc/rfc7636#section-4.6)
    fn check_verifier(&self, verifier: Option<&str>) -> Result<(), TokenError> {
        match (&self.challenge, verifier) {
            (None, None) => Ok(()),
            (Some(challenge), Some(verifier)) if *challenge == base64url(&Sha256::digest(verifier)) => Ok(()),
            (Some(_), Some(_)) => {
                Err(TokenError::new("invalid_grant", "code_verifier does not fit code_challenge"))
            }
            (Some(_), None) => Err(TokenError::new("invalid_grant", "code_verifier is missing")),
            (None, Some(_)) => {
                Err(TokenError::new("invalid_grant", "code_verifier without a code_challenge"))
            }
        }
    }
}

/// A refresh token's memory. All that descend from one code share its family.
pub(crate) struct Refresh {
    pub(crate) grant: Grant,
    pub(crate) family: String,
    pub(crate) issued: u64,
    pub(crate) spent: bool,
}

impl DevProvider {
    /// [RFC 6749 3.2](https://www.rfc-editor.org/rfc/rfc6749#section-3.2)
    pub(crate) fn token(&mut self, ask: &Ask, now: u64) -> Reply {
        if let Some(reply) = self.token_answer_to_all() {
            return reply;
        }
        match self.granted(ask, now) {
            Ok(body) => self.spoil_token_reply(no_store(answer::json(StatusCode::OK, &Value::Object(body)))),
            Err(error) => error.into_reply(),
        }
    }

    fn granted(&mut self, ask: &Ask, now: u64) -> Result<Map<String, Value>, TokenError> {
        if ask.params.repeated().is_some() {
            return Err(TokenError::new("invalid_request", "a parameter is repeated"));
        }
        let client = self.authenticate(ask, now)?;
        if self.has_fault(&Fault::TokenErrorInvalidGrant) {
            return Err(TokenError::new("invalid_grant", "the provider was told to refuse"));
        }
        match ask.params.get("grant_type") {
            Some("authorization_code") => self.redeem_code(&client, &ask.params, now),
            Some("refresh_token") => self.refresh(&client, &ask.params, now),
            Some("client_credentials") => self.client_credentials(&client, &ask.params, now),
            Some(_) => Err(TokenError::new("unsupported_grant_type", "this grant is not supported")),
            None => Err(TokenError::new("invalid_request", "grant_type is missing")),
        }
    }

    /// [RFC 6749 4.1.3](https://www.rfc-editor.org/rfc/rfc6749#section-4.1.3)
    fn redeem_code(
        &mut self,
        client: &DevClient,
        params: &Params,
        now: u64,
    ) -> Result<Map<String, Value>, TokenError> {
        let value = params.get("code").ok_or(TokenError::new("invalid_request", "code is missing"))?;
        let code = self.codes.get_mut(value).filter(|code| code.grant.client_id == client.id);
        let code = code.ok_or(TokenError::new("invalid_grant", "the client has no such code"))?;
        if std::mem::replace(&mut code.spent, true) {
            // RFC 6749 4.1.2: what the code gave before is revoked.
            self.end_family(value);
            return Err(TokenError::new("invalid_grant", "the code was used before"));
        }
        code.check(params, now)?;
        let grant = code.grant.clone();
        Ok(self.tokens(&grant, value, false, now))
    }

    /// [OpenID Connect Core 12](https://openid.net/specs/openid-connect-core-1_0.html#RefreshTokens)
    fn refresh(
        &mut self,
        client: &DevClient,
        params: &Params,
        now: u64,
    ) -> Result<Map<String, Value>, TokenError> {
        let rotates = !self.has_fault(&Fault::RefreshNotRotated);
        let value = params.get("refresh_token");
        let value = value.ok_or(TokenError::new("invalid_request", "refresh_token is missing"))?;
        let refresh =
            self.refresh_tokens.get_mut(value).filter(|refresh| refresh.grant.client_id == client.id);
        let refresh =
            refresh.ok_or(TokenError::new("invalid_grant", "the client has no such refresh token"))?;
        let family = refresh.family.clone();
        if refresh.spent {
            // RFC 9700 4.14.2: one of the two who used it is not the client.
            self.end_family(&family);
            return Err(TokenError::new("invalid_grant", "the refresh token was used before"));
        }
        let mut grant = refresh.grant.clone();
        grant.scope = narrowed(&grant.scope, params.get("scope"))?;
        refresh.spent = rotates;
        Ok(self.tokens(&grant, &family, true, now))
    }

    /// [RFC 6749 4.4](https://www.rfc-editor.org/rfc/rfc6749#section-4.4)
    fn client_credentials(
        &mut self,
        client: &DevClient,
        params: &Params,
        now: u64,
    ) -> Result<Map<String, Value>, TokenError> {
        if client.is_public() {
            return Err(TokenError::new("unauthorized_client", "a public client has no credentials"));
        }
        let scope = params.get("scope").unwrap_or_default();
        if has_scope(scope, "openid") {
            return Err(TokenError::new("invalid_scope", "there is no person to name"));
        }
        let request = AccessTokenRequest {
            sub: client.id.clone(),
            client_id: client.id.clone(),
            audience: client.id.clone(),
            scope: scope.to_owned(),
            lifetime: ACCESS_TOKEN_LIFETIME,
            extra: Map::new(),
        };
        let access_token = self.mint_access_token(request, now);
        let mut response = self.token_response(&access_token, scope);
        self.spoil_tokens(&mut response, false);
        Ok(response)
    }

    fn tokens(&mut self, grant: &Grant, family: &str, refreshed: bool, now: u64) -> Map<String, Value> {
        if self.has_fault(&Fault::RotationJustBeforeSigning) {
            self.rotate_keys(false);
        }
        let access_token = self.mint_granted_access_token(grant, now);
        self.join_family(&access_token, family);
        let mut response = self.token_response(&access_token, &grant.scope);
        let id_token = self.mint_id_token(grant, Beside::AccessToken(&access_token), refreshed, now);
        response.insert("id_token".to_owned(), id_token.into());
        if grant.has_scope("offline_access") {
            let value = self.random.token();
            let refresh =
                Refresh { grant: grant.clone(), family: family.to_owned(), issued: now, spent: false };
            self.refresh_tokens.insert(value.clone(), refresh);
            response.insert("refresh_token".to_owned(), value.into());
        }
        self.spoil_tokens(&mut response, refreshed);
        response
    }

    fn token_response(&self, access_token: &str, scope: &str) -> Map<String, Value> {
        let mut response = Map::new();
        response.insert("access_token".to_owned(), access_token.into());
        response.insert("token_type".to_owned(), "Bearer".into());
        if !self.like_the_suite {
            response.insert("expires_in".to_owned(), json!(ACCESS_TOKEN_LIFETIME));
        }
        response.insert("scope".to_owned(), scope.into());
        response
    }
}

/// A refresh may ask for less, never for more ([RFC 6749 6](https://www.rfc-editor.org/rfc/rfc6749#section-6)).
fn narrowed(granted: &str, asked: Option<&str>) -> Result<String, TokenError> {
    let Some(asked) = asked else { return Ok(granted.to_owned()) };
    if asked.split(' ').all(|scope| has_scope(granted, scope)) {
        Ok(asked.to_owned())
    } else {
        Err(TokenError::new("invalid_scope", "the scope is wider than what was granted"))
    }
}

const CODE_LIFETIME: u64 = 60;
