//! The early end of tokens: of one access token, or of all that descend from one code.

use http::StatusCode;

use crate::answer::{self, Reply, no_store};
use crate::client_auth::TokenError;
use crate::fault::Fault;
use crate::form::Ask;
use crate::keys::Opened;
use crate::provider::DevProvider;

impl DevProvider {
    /// [RFC 7009 2](https://www.rfc-editor.org/rfc/rfc7009#section-2); `token_type_hint` changes nothing.
    pub(crate) fn revoke(&mut self, ask: &Ask, now: u64) -> Reply {
        match self.revoked(ask, now) {
            Ok(()) => no_store(answer::text(StatusCode::OK, String::new())),
            Err(error) => error.into_reply(),
        }
    }

    fn revoked(&mut self, ask: &Ask, now: u64) -> Result<(), TokenError> {
        if ask.params.repeated().is_some() {
            return Err(TokenError::new("invalid_request", "a parameter is repeated"));
        }
        let client = self.authenticate(ask, now)?;
        if self.has_fault(&Fault::RevocationUnsupported) {
            return Err(TokenError::new("unsupported_token_type", "the provider was told to revoke nothing"));
        }
        let token = ask.params.get("token");
        let token = token.ok_or(TokenError::new("invalid_request", "token is missing"))?;
        if let Some(refresh) = self.refresh_tokens.get(token) {
            check_owner(&refresh.grant.client_id, &client.id)?;
            let family = refresh.family.clone();
            self.end_family(&family);
        } else if let Some(token) = self.own_access_token(token, now) {
            check_owner(token.text("client_id").unwrap_or_default(), &client.id)?;
            self.revoked.insert(jti(&token), ());
        }
        // RFC 7009 2.2: whoever revokes what is not there has what they want.
        Ok(())
    }

    /// Counts an access token just minted to those that descend from one code.
    pub(crate) fn join_family(&mut self, access_token: &str, family: &str) {
        if let Some(token) = Opened::unverified(access_token) {
            self.families.insert(jti(&token), family.to_owned());
        }
    }

    /// Ends every token that descends from one code.
    pub(crate) fn end_family(&mut self, family: &str) {
        self.refresh_tokens.retain(|refresh| refresh.family != family);
        self.revoked.insert(family.to_owned(), ());
    }

    pub(crate) fn is_revoked(&self, token: &Opened) -> bool {
        let jti = jti(token);
        let family = self.families.get(&jti);
        self.revoked.get(&jti).is_some() || family.is_some_and(|family| self.revoked.get(family).is_some())
    }
}

/// A test can say anything as `jti`, so that it need not be a string.
fn jti(token: &Opened) -> String {
    token.claims.get("jti").map(ToString::to_string).unwrap_or_default()
}

fn check_owner(owner: &str, client: &str) -> Result<(), TokenError> {
    if owner == client {
        Ok(())
    } else {
        Err(TokenError::new("invalid_grant", "the token was issued to another client"))
    }
}
