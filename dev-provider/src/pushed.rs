//! Pushed authorization requests: a client leaves its parameters here, and the browser only brings their name.

use http::StatusCode;
use serde_json::json;

use crate::answer::{self, Reply, no_store};
use crate::client_auth::TokenError;
use crate::fault::Fault;
use crate::form::{Ask, Params};
use crate::provider::DevProvider;

/// An authorization request that waits for its browser.
pub(crate) struct Pushed {
    client_id: String,
    params: Params,
    expires: u64,
}

impl DevProvider {
    /// [RFC 9126 2](https://www.rfc-editor.org/rfc/rfc9126#section-2)
    pub(crate) fn push(&mut self, ask: &Ask, now: u64) -> Reply {
        match self.pushed(ask, now) {
            Ok(pushed) => {
                let request_uri = format!("{PREFIX}{}", self.random.token());
                self.pushed.insert(request_uri.clone(), pushed);
                let body = json!({ "request_uri": request_uri, "expires_in": LIFETIME });
                self.spoil_pushed_reply(no_store(answer::json(StatusCode::CREATED, &body)))
            }
            Err(error) => error.into_reply(),
        }
    }

    fn pushed(&mut self, ask: &Ask, now: u64) -> Result<Pushed, TokenError> {
        if ask.params.repeated().is_some() {
            return Err(TokenError::new("invalid_request", "a parameter is repeated"));
        }
        let client = self.authenticate(ask, now)?;
        if self.has_fault(&Fault::ParRefused) {
            return Err(TokenError::new("invalid_request", "the provider was told to refuse"));
        }
        if ask.params.get("request_uri").is_some() {
            return Err(TokenError::new("invalid_request", "a pushed request has no request_uri"));
        }
        let wrong_return = |reason| TokenError::new("invalid_request", reason);
        let return_to = self.return_to(&ask.params).map_err(wrong_return)?;
        // What is wrong with it is said at once, and not to the browser.
        self.pending(&ask.params, return_to)
            .map_err(|(code, description)| TokenError::new(code, description))?;
        let expires = now.saturating_add(LIFETIME);
        Ok(Pushed { client_id: client.id, params: ask.params.clone(), expires })
    }

    /// The pushed request that this one names, which nobody can name again; `None` if it names none.
    ///
    /// Whatever stands beside the two parameters counts for nothing
    /// ([RFC 9126 4](https://www.rfc-editor.org/rfc/rfc9126#section-4),
    /// [RFC 9101 6.3](https://www.rfc-editor.org/rfc/rfc9101#section-6.3)).
    pub(crate) fn take_pushed(&mut self, params: &Params, now: u64) -> Result<Option<Params>, &'static str> {
        let uri = params.get("request_uri").filter(|uri| uri.starts_with(PREFIX));
        let Some(uri) = uri else { return Ok(None) };
        if matches!(params.repeated(), Some("client_id" | "request_uri")) {
            return Err("The request names its client or its request_uri twice.");
        }
        let theirs = |pushed: &&Pushed| params.get("client_id") == Some(&pushed.client_id);
        if self.pushed.get(uri).filter(theirs).is_none() {
            return Err("The client has pushed no such request, or it was used before.");
        }
        match self.pushed.remove(uri).filter(|pushed| now <= pushed.expires) {
            Some(pushed) => Ok(Some(pushed.params)),
            None => Err("The pushed request expired."),
        }
    }
}

const PREFIX: &str = "urn:ietf:params:oauth:request_uri:";
const LIFETIME: u64 = 60;
