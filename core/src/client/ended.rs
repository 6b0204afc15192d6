//! Sessions that the provider ends: by a logout token, or by way of a browser.

use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use super::{Client, SIGN_IN_PATIENCE};
use crate::error::TokenError;
use crate::jose::Claims;
use crate::login::short_hash;
use crate::revoked::Revoked;
use crate::session::Session;
use crate::step::Step;
use crate::time::UnixTime;
use crate::token::LOGOUT_AGE;

impl Client {
    /// Ends the sessions that a logout token names, which is good once.
    pub(crate) fn end_by_token(&self, token: &str, now: UnixTime) -> Step<Result<(), TokenError>> {
        let this = self.clone();
        self.verify_logout_token(token, now)
            .and_then(now, move |claims, now| Step::Done(this.end_by_claims(&claims, now)))
    }

    fn end_by_claims(&self, claims: &Claims, now: UnixTime) -> Result<(), TokenError> {
        if !self.is_first_use(claims, now) {
            return Err(TokenError::ClaimInvalid("jti"));
        }
        self.revoked().end_by_token(claims, self.no_session_after(now), now);
        Ok(())
    }

    /// [Back-Channel Logout section 2.6](https://openid.net/specs/openid-connect-backchannel-1_0.html#Validation), rule 8.
    /// In this process, as the list of what has ended is: another process must be told, too.
    fn is_first_use(&self, claims: &Claims, now: UnixTime) -> bool {
        let jti: String = claims.get("jti").unwrap_or_default();
        // Its very last moment is still one of its own.
        let age = LOGOUT_AGE.saturating_add(self.inner.config.leeway).saturating_add(Duration::from_secs(1));
        let until = claims.issued_at().unwrap_or(now).saturating_add(age);
        let mut used = self.inner.used_logouts.lock().unwrap_or_else(PoisonError::into_inner);
        used.consume(short_hash(&jti), until, now)
    }

    /// Ends one session, by its name at the provider. Nobody has proven anything but that they know it.
    pub(crate) fn end_by_browser(&self, sid: &str, now: UnixTime) {
        let until = self.no_session_after(now);
        self.revoked().end_by_browser(&self.inner.config.issuer.0, sid, until, now);
    }

    /// Whether the provider has ended this session, as far as this process was told.
    pub(crate) fn has_ended(&self, session: &Session) -> bool {
        self.revoked().has_ended(session)
    }

    /// When each session has reached its limit that is there now, or whose sign-in is about to finish.
    fn no_session_after(&self, now: UnixTime) -> UnixTime {
        now.saturating_add(self.inner.config.session.absolute).saturating_add(SIGN_IN_PATIENCE)
    }

    fn revoked(&self) -> MutexGuard<'_, Revoked> {
        self.inner.revoked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
