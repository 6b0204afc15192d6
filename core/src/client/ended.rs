//! Sessions that end before their time: by a logout token, by way of a browser, or by a sign-out here.

use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use super::{Client, SIGN_IN_PATIENCE, store};
use crate::error::{Error, TokenError};
use crate::jose::Claims;
use crate::login::short_hash;
use crate::revoked::{End, Revoked};
use crate::session::Session;
use crate::step::{Step, StoreOp};
use crate::time::UnixTime;
use crate::token::LOGOUT_AGE;

/// How long other processes are told of a sign-out that has deleted what it ended.
const TOLD: Duration = Duration::from_secs(300);

/// Under which key the store knows that a session of this name has begun.
fn named(end: &End) -> String {
    format!("sid:{}", end.name())
}

impl Client {
    /// Ends the sessions that a logout token names, which is good once, and which another provider's client may judge.
    pub(crate) fn end_by_token(&self, judge: &Client, token: &str, now: UnixTime) -> Step<Result<(), Error>> {
        let this = self.clone();
        let verified = judge.verify_logout_token(token, now).map(now, |claims| claims.map_err(Error::from));
        verified.and_then(now, move |claims, now| {
            let ends = End::by_token(&claims, this.no_session_after(now), now);
            // It is used up last, so that the provider can send it again if the store did not hear of it.
            this.end(ends, now).and_then(now, move |(), now| this.use_logout(&claims, now))
        })
    }

    /// [Back-Channel Logout section 2.6](https://openid.net/specs/openid-connect-backchannel-1_0.html#Validation), rule 8.
    fn use_logout(&self, claims: &Claims, now: UnixTime) -> Step<Result<(), Error>> {
        let jti: String = claims.get("jti").unwrap_or_default();
        // Its very last moment is still one of its own.
        let age = LOGOUT_AGE.saturating_add(self.inner.config.leeway).saturating_add(Duration::from_secs(1));
        let until = claims.issued_at().unwrap_or(now).saturating_add(age);
        let (id, used_up) =
            (short_hash(&format!("{}\n{jti}", claims.iss())), TokenError::ClaimInvalid("jti").into());
        if self.inner.config.session.has_store {
            return store::consume(format!("logout:{id}"), until, used_up);
        }
        let mut used = self.inner.used_logouts.lock().unwrap_or_else(PoisonError::into_inner);
        Step::Done(if used.consume(id, until, now) { Ok(()) } else { Err(used_up) })
    }

    /// Ends one session, by its name at the provider. Nobody has proven anything but that they know it: so the store is told
    /// only of a name that a session has, lest made-up ones crowd out what is proven.
    pub(crate) fn end_by_browser(&self, iss: &str, sid: &str, now: UnixTime) -> Step<Result<(), Error>> {
        let end = End::by_browser(iss, sid, self.no_session_after(now), now);
        if !self.inner.config.session.has_store {
            return self.end(vec![end], now);
        }
        let this = self.clone();
        self.revoked().note(end.clone(), now);
        store::get(named(&end)).and_then(now, move |session, now| match session {
            Some(_) => this.end(vec![end], now),
            None => Step::Done(Ok(())),
        })
    }

    /// Lets the store know under which name the provider may end this session by way of a browser.
    pub(crate) fn name_session(&self, session: &Session, now: UnixTime) -> Step<Result<(), Error>> {
        let sid = session.claims().get::<String>("sid").filter(|_| self.inner.config.session.has_store);
        let Some(sid) = sid else { return Step::Done(Ok(())) };
        let until = self.no_session_after(now);
        let key = named(&End::by_browser(session.claims().iss(), &sid, until, now));
        store::get(key.clone()).and_then(now, move |record, now| {
            // An earlier session may have had the name. Whoever else writes it now writes the same.
            let version = record.map(|(_, version)| version);
            store::take(StoreOp::Put { key, value: Vec::new(), version, until })
                .map(now, |written| written.map(|_| ()))
        })
    }

    /// Ends this session, in every copy of it. Where its record is gone from the store, only those who have it open have to
    /// hear of it.
    pub(crate) fn end_by_us(&self, session: &Session, now: UnixTime) -> Step<Result<(), Error>> {
        let settings = self.inner.config.session;
        let until = if settings.in_store() { now.saturating_add(TOLD) } else { self.no_session_after(now) };
        self.end(vec![End::by_us(session, until)], now)
    }

    /// Here at once, and wherever else the store is asked.
    fn end(&self, mut ends: Vec<End>, now: UnixTime) -> Step<Result<(), Error>> {
        let Some(end) = ends.pop() else { return Step::Done(Ok(())) };
        self.revoked().note(end.clone(), now);
        let this = self.clone();
        let told = if self.inner.config.session.has_store {
            store::take(StoreOp::Revoke { key: end.to_key(), until: end.until() })
        } else {
            Step::Done(Ok(true))
        };
        told.and_then(now, move |_, now| this.end(ends, now))
    }

    /// What has ended elsewhere. Without a store, this process knows all that it can.
    pub(crate) fn learn_endings(&self, now: UnixTime) -> Step<Result<(), Error>> {
        if !self.inner.config.session.has_store {
            return Step::Done(Ok(()));
        }
        let this = self.clone();
        let cursor = self.revoked().cursor();
        store::revoked_since(cursor).and_then(now, move |(keys, cursor), now| {
            this.revoked().learn(&keys, cursor, now);
            Step::Done(Ok(()))
        })
    }

    /// Changes with everything that ends, as far as this process was told.
    pub(crate) fn endings(&self) -> u64 {
        self.revoked().state()
    }

    /// Whether this session has ended, as far as this process was told.
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
