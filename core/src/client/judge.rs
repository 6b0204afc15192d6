//! Judging tokens: by the keys at hand, by newer ones if it may be for want of a key, and what these keys come from.

use std::sync::Arc;
use std::time::Duration;

use super::{Client, PATIENCE};
use crate::cache::shared::Unavailable;
use crate::cache::{Held, Need};
use crate::discovery::{self, Metadata};
use crate::error::{Error, ProviderError, TokenError};
use crate::jose::{Claims, KeySet, Thumbprint};
use crate::keys;
use crate::secret::Secret;
use crate::step::{Purpose, Step};
use crate::time::UnixTime;
use crate::token::{Beside, TokenRules};

impl Client {
    /// Verifies an ID token as of a sign-in long past: without `nonce`.
    ///
    /// Its output is a [`TokenError`] for the first rule that the token breaks.
    pub fn verify_id_token(&self, token: &str, now: UnixTime) -> Step<Result<Claims, TokenError>> {
        self.verify_by(self.inner.config.id_rules.as_ref(), token, now)
    }

    /// Verifies a bearer token of one of the configured kinds.
    ///
    /// Its output is a [`TokenError`] for the first rule that the token breaks.
    pub fn verify_access_token(&self, token: &str, now: UnixTime) -> Step<Result<Claims, TokenError>> {
        let Some(memory) = &self.inner.remembered else {
            return self.verify_by(Some(&self.inner.config.access_rules), token, now);
        };
        if let Some(claims) = memory.recall(token, |keys| self.are_at_hand(keys, now), now) {
            return Step::Done(Ok(claims));
        }
        let Some(Held { document: keys, .. }) = self.keys_at_hand(now) else {
            return self.verify_by(Some(&self.inner.config.access_rules), token, now);
        };
        let by_these = |these| std::ptr::eq(these, Arc::as_ptr(&keys));
        if let Some(claims) = memory.recall(token, by_these, now) {
            return Step::Done(Ok(claims));
        }
        let rules = &self.inner.config.access_rules;
        let verdict = self.verify_by(Some(rules), token, now);
        // Only what these very keys have verified: one that had to wait for others is remembered the next time.
        if let Step::Done(Ok(claims)) = &verdict {
            memory.remember(token, claims, &keys, rules.lifetime(claims), now);
        }
        verdict
    }

    /// Verifies a logout token. That its `jti` is new is for the caller to see to.
    ///
    /// Its output is a [`TokenError`] for the first rule that the token breaks.
    pub fn verify_logout_token(&self, token: &str, now: UnixTime) -> Step<Result<Claims, TokenError>> {
        self.verify_by(self.inner.config.logout_rules.as_ref(), token, now)
    }

    /// By the keys at hand if they decide it; only else is anything copied or fetched.
    fn verify_by(
        &self,
        rules: Option<&TokenRules>,
        token: &str,
        now: UnixTime,
    ) -> Step<Result<Claims, TokenError>> {
        let Some(rules) = rules else { return Step::Done(Err(TokenError::WrongType)) };
        let held = self.keys_at_hand(now);
        if let Some(held) = &held {
            let judged = rules.verify(token, &held.document, now);
            let names_key =
                || rules.inspect(token, Beside::default(), now).is_ok_and(|token| token.names_key);
            match judged {
                Err(TokenError::UnknownKey) => {}
                Err(TokenError::BadSignature) if !names_key() => {}
                judged => return Step::Done(judged),
            }
            if held.asked >= now {
                return Step::Done(judged);
            }
        }
        let token = Token { text: Secret::new(token), access_token: None, code: None, rules: rules.clone() };
        self.verify(token, held.map(|held| held.asked), now.saturating_add(PATIENCE), now)
    }

    /// When the keys at hand were asked for.
    pub(crate) fn keys_asked_for(&self, now: UnixTime) -> Option<UnixTime> {
        self.keys_at_hand(now).map(|held| held.asked)
    }

    /// This key is not among those at hand.
    pub(crate) fn is_withdrawn(&self, key: &Thumbprint, now: UnixTime) -> bool {
        self.keys_at_hand(now).is_some_and(|held| !held.document.has(key))
    }

    /// These very keys, as far as can be seen without a lock.
    fn are_at_hand(&self, keys: *const KeySet, now: UnixTime) -> bool {
        match &self.inner.static_keys {
            Some(fixed) => std::ptr::eq(keys, Arc::as_ptr(fixed)),
            None => self.inner.keys.is_at_hand(keys, now),
        }
    }

    fn keys_at_hand(&self, now: UnixTime) -> Option<Held<KeySet>> {
        match &self.inner.static_keys {
            // They were never asked for, and no newer ones ever will be.
            Some(keys) => Some(Held { document: Arc::clone(keys), asked: UnixTime::END }),
            None => self.inner.keys.at_hand(now),
        }
    }

    /// A token that is hopeless by itself causes no fetch; one that only lacks its key causes one. It may have been judged
    /// in vain by the keys that were asked for at a time.
    pub(super) fn verify(
        &self,
        token: Token,
        in_vain: Option<UnixTime>,
        deadline: UnixTime,
        now: UnixTime,
    ) -> Step<Result<Claims, TokenError>> {
        let names_key = match token.rules.inspect(token.text.expose(), token.beside(), now) {
            Ok(inspected) => inspected.names_key,
            Err(error) => return Step::Done(Err(error)),
        };
        let judge =
            move |keys: &KeySet, now| token.rules.verify_with(token.text.expose(), token.beside(), keys, now);
        self.judge(Judgement { arrived: now, deadline, names_key, judge }, in_vain, now)
    }

    /// Judges by the keys held, and by newer ones as long as the verdict may be for want of a key: until they were asked
    /// for when the token was there already.
    pub(super) fn judge<R, J>(
        &self,
        judgement: Judgement<J>,
        in_vain: Option<UnixTime>,
        now: UnixTime,
    ) -> Step<Result<R, TokenError>>
    where
        R: Send + 'static,
        J: Fn(&KeySet, UnixTime) -> Result<R, TokenError> + Send + 'static,
    {
        let this = self.clone();
        let need = in_vain.map_or(Need::Held, Need::NewerThan);
        self.keys(need, judgement.deadline, now).and_then(now, move |held, now| {
            let verdict = (judgement.judge)(&held.document, now);
            let for_want_of_a_key = match &verdict {
                Err(TokenError::UnknownKey) => true,
                Err(TokenError::BadSignature) => !judgement.names_key,
                _ => false,
            };
            if for_want_of_a_key && held.asked < judgement.arrived {
                return this.judge(judgement, Some(held.asked), now);
            }
            Step::Done(verdict)
        })
    }

    /// Renews metadata and keys ahead of their expiry, and says when to call again. While somebody does call, no request
    /// waits for a periodic refresh. At a server's start it tells whether the provider answers.
    ///
    /// Its output is what it has come to, and when to call again.
    pub fn renew_keys(&self, now: UnixTime) -> Step<(Result<(), TokenError>, UnixTime)> {
        let this = self.clone();
        self.keys(Need::Renewal, now.saturating_add(PATIENCE), now).then(now, move |keys, now| {
            let next = this.inner.metadata.attend(now).min(this.inner.keys.attend(now));
            Step::Done((keys.map(|_| ()), next))
        })
    }

    pub(super) fn metadata(&self, deadline: UnixTime, now: UnixTime) -> Step<Result<Arc<Metadata>, Error>> {
        self.metadata_for(Need::Held, deadline, now)
    }

    fn metadata_for(
        &self,
        need: Need,
        deadline: UnixTime,
        now: UnixTime,
    ) -> Step<Result<Arc<Metadata>, Error>> {
        let load = discovery::load(&self.inner.config);
        self.inner.metadata.obtain(need, load, deadline, now).map(now, |metadata| match metadata {
            Ok(held) => Ok(held.document),
            Err(Unavailable { cause, retry_after }) => {
                Err(cause.unwrap_or(ProviderError::BackingOff(Purpose::Discovery, retry_after)).into())
            }
        })
    }

    /// The key set, at the address that the metadata gives.
    fn keys(&self, need: Need, deadline: UnixTime, now: UnixTime) -> Step<Result<Held<KeySet>, TokenError>> {
        if let Some(held) = self.inner.static_keys.as_ref().and_then(|_| self.keys_at_hand(now)) {
            return Step::Done(Ok(held));
        }
        let this = self.clone();
        let of_metadata = if need == Need::Renewal { Need::Renewal } else { Need::Held };
        self.metadata_for(of_metadata, deadline, now).then(now, move |metadata, now| {
            let metadata = match metadata {
                Ok(metadata) => metadata,
                Err(error) => return Step::Done(this.keys_without_metadata(need, &error, now)),
            };
            let (backend, danger) = (Arc::clone(&this.inner.backend), this.inner.config.danger);
            let algorithms = &this.inner.config.algorithms;
            let load = keys::load(metadata.jwks_uri.to_string(), backend, danger, algorithms);
            this.inner.keys.obtain(need, load, deadline, now).map(now, |keys| {
                keys.map_err(|Unavailable { retry_after, .. }| TokenError::KeysUnavailable { retry_after })
            })
        })
    }

    /// The metadata, once keys are at hand, too.
    pub(super) fn keys_at_hand_for(
        &self,
        metadata: Arc<Metadata>,
        deadline: UnixTime,
        now: UnixTime,
    ) -> Step<Result<Arc<Metadata>, Error>> {
        self.keys(Need::Held, deadline, now).map(now, |keys| match keys {
            Ok(_) => Ok(metadata),
            Err(error) => Err(ProviderError::IdToken(error).into()),
        })
    }

    /// What is held serves on, if it is enough.
    fn keys_without_metadata(
        &self,
        need: Need,
        error: &Error,
        now: UnixTime,
    ) -> Result<Held<KeySet>, TokenError> {
        let retry_after = error.retry_after().unwrap_or(Duration::from_secs(1));
        self.inner.keys.usable(need, now).ok_or(TokenError::KeysUnavailable { retry_after })
    }
}

/// A verification that may have to wait for keys.
pub(super) struct Judgement<J> {
    /// When the token was there.
    pub(super) arrived: UnixTime,
    pub(super) deadline: UnixTime,
    /// It names its key, so that a wrong signature under a known key is no reason to fetch.
    pub(super) names_key: bool,
    pub(super) judge: J,
}

/// A token on its way through a verification that may have to wait for keys.
pub(super) struct Token {
    pub(super) text: Secret,
    /// What it came together with.
    pub(super) access_token: Option<Secret>,
    pub(super) code: Option<Secret>,
    pub(super) rules: TokenRules,
}

impl Token {
    fn beside(&self) -> Beside<'_> {
        Beside {
            access_token: self.access_token.as_ref().map(Secret::expose),
            code: self.code.as_ref().map(Secret::expose),
        }
    }
}
