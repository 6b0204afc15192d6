//! Calls between services: a token of the client's own, with no person in it
//! ([RFC 6749 section 4.4](https://www.rfc-editor.org/rfc/rfc6749#section-4.4)).

use std::time::Duration;

use crate::exchange::TokenResponse;
use crate::secret::Secret;
use crate::time::UnixTime;
use crate::turns::Keep;

/// How long before its end a token is obtained anew, at most; at most half its lifetime, too.
const AHEAD: Duration = Duration::from_secs(30);
/// How long a token serves whose end nobody told: only those who have been waiting for it.
const MOMENT: Duration = Duration::from_millis(100);

/// An access token by which this service calls another one; from [`Client::client_credentials`](crate::Client::client_credentials).
#[derive(Debug, Clone)]
pub struct ServiceToken {
    access_token: Secret,
    expires_at: Option<UnixTime>,
    scope: String,
}

impl ServiceToken {
    /// Of an answer to a request for this scope that was sent at `sent`.
    pub(crate) fn new(response: TokenResponse, scope: String, sent: UnixTime) -> Self {
        let TokenResponse { access_token, expires_in, scope: granted, .. } = response;
        let expires_at = expires_in.map(|lifetime| sent.saturating_add(lifetime));
        Self { access_token, expires_at, scope: granted.unwrap_or(scope) }
    }

    /// The token, for `Authorization: Bearer`: opaque to anyone but the service it is for.
    #[must_use]
    pub fn access_token(&self) -> &Secret {
        &self.access_token
    }

    /// When it ends, if the provider said so.
    #[must_use]
    pub fn expires_at(&self) -> Option<UnixTime> {
        self.expires_at
    }

    /// The scope that was granted: what was asked for, unless the provider said otherwise
    /// ([RFC 6749 section 5.1](https://www.rfc-editor.org/rfc/rfc6749#section-5.1)).
    #[must_use]
    pub fn scope(&self) -> &str {
        &self.scope
    }

    /// How long it is to be remembered.
    pub(crate) fn keep(&self, now: UnixTime) -> Keep {
        let Some(until) = self.expires_at else { return Keep::until(now.saturating_add(MOMENT)) };
        let ahead = AHEAD.min(until.saturating_since(now).checked_div(2).unwrap_or_default());
        Keep { renew_at: until.saturating_sub(ahead), until }
    }
}
