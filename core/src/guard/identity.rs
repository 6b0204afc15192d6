//! Who asks, as far as a verified token or a session tells.

use std::fmt;
use std::sync::Arc;

use super::Source;
use crate::jose::Claims;
use crate::session::Session;
use crate::time::UnixTime;

/// Who asks: by a token or by a session, verified either way.
#[derive(Clone)]
pub struct Identity {
    pub(super) claims: Claims,
    pub(super) source: Source,
    pub(super) expires_at: UnixTime,
    pub(super) session: Option<Arc<Session>>,
    /// It counts no longer than the key of its token.
    pub(super) ends_with_key: bool,
}

impl Identity {
    /// What is known of them.
    #[must_use]
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    /// The issuer who vouches.
    #[must_use]
    pub fn iss(&self) -> &str {
        self.claims.iss()
    }

    /// The subject: together with the issuer, the one lasting name of a person.
    #[must_use]
    pub fn sub(&self) -> &str {
        self.claims.sub().unwrap_or_default()
    }

    /// Where they presented themselves.
    #[must_use]
    pub fn source(&self) -> Source {
        self.source
    }

    /// Their session, if that is how they presented themselves, on a socket also before a token renewed it: with an access token for calls on their behalf, if
    /// [`keep_tokens`](crate::config::ConfigBuilder::keep_tokens) is set.
    #[must_use]
    pub fn session(&self) -> Option<&Session> {
        self.session.as_deref()
    }

    /// By the same session as this other one, or the same subject by a token.
    pub(super) fn goes_on(&self, other: &Self) -> bool {
        let session = |identity: &Self| identity.session().map(|session| session.id().to_owned());
        (self.iss(), self.sub(), session(self)) == (other.iss(), other.sub(), session(other))
    }

    pub(crate) fn ends_with_key(&self) -> bool {
        self.ends_with_key
    }

    /// When this identity ends: the token's expiry and leeway, or the session's end if nobody uses it.
    #[must_use]
    pub fn expires_at(&self) -> UnixTime {
        self.expires_at
    }
}

/// A JSON object of all claims.
impl serde::Serialize for Identity {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.claims.serialize(serializer)
    }
}

/// Shows who and from whom.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("claims", &self.claims)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}
