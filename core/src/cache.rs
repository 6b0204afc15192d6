//! One remote document and when to fetch it again: a pure machine. [`shared`] holds the flows that ask it.
//!
//! This file knows no protocol. A refresh that is merely due costs nothing but itself; one that a stranger can provoke
//! comes out of a budget. What is held is never given up for a bad answer.

pub(crate) mod shared;

use std::sync::Arc;
use std::time::Duration;

use crate::error::ProviderError;
use crate::time::UnixTime;

/// How many fetches can be provoked in a row, and how long it takes until one more can.
const BURST: u32 = 2;
const REFILL: Duration = Duration::from_secs(5);
/// The longest back-off after failures: of a periodic refresh, and where a request is in need.
const MAX_BACKOFF: Duration = Duration::from_secs(60);
const MAX_BACKOFF_IN_NEED: Duration = Duration::from_secs(5);
/// The longest `Retry-After` that is believed.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(300);

/// How long documents are held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lifetimes {
    /// What the provider asks for is taken within these bounds; the longest where it asks for nothing.
    pub(crate) shortest: Duration,
    pub(crate) longest: Duration,
    /// How long a document serves although every refresh fails.
    pub(crate) max_stale: Duration,
}

impl Default for Lifetimes {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { shortest: seconds(60), longest: seconds(600), max_stale: seconds(86_400) }
    }
}

/// What a caller needs of the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// What is held will do.
    Held,
    /// What was asked for at this time was not enough.
    NewerThan(UnixTime),
    /// Nothing now: the document is to be renewed before a request has to wait for it.
    Renewal,
}

/// What the machine answers.
#[derive(Debug)]
pub(crate) enum Decision<T> {
    /// Take this.
    Use(Held<T>),
    /// Fetch it, under this lease.
    Fetch(Lease, Validators),
    /// Someone else fetches it.
    Wait,
    /// Not now; perhaps after this time.
    Refuse(Duration),
}

/// The right to fetch; exactly one is out at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lease(u64);

/// A document and when it was asked for: what was published later cannot be in it.
#[derive(Debug)]
pub(crate) struct Held<T> {
    pub(crate) document: Arc<T>,
    pub(crate) asked: UnixTime,
}

impl<T> Clone for Held<T> {
    fn clone(&self) -> Self {
        Self { document: Arc::clone(&self.document), asked: self.asked }
    }
}

/// What a fetch has brought.
pub(crate) struct Loaded<T> {
    /// `None`: what is held is still current.
    pub(crate) document: Option<T>,
    pub(crate) caching: Caching,
}

/// What the answer's headers say about keeping it ([RFC 9111](https://www.rfc-editor.org/rfc/rfc9111#section-4.2)).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Caching {
    /// How long it is fresh from now on.
    pub(crate) lifetime: Option<Duration>,
    pub(crate) validators: Validators,
}

/// By what an answer is recognised as unchanged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Validators {
    pub(crate) etag: Option<String>,
    pub(crate) last_modified: Option<String>,
}

/// Why a fetch has brought nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) error: ProviderError,
    /// When the provider wants to be asked again.
    pub(crate) retry_after: Option<Duration>,
}

/// How good what is held is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Freshness {
    /// Held, and the last fetch was good.
    Fresh,
    /// Held, and a refresh is overdue or has failed.
    Stale,
    /// Nothing usable is held.
    None,
}

impl Freshness {
    /// `fresh`, `stale` or `none`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Stale => "stale",
            Self::None => "none",
        }
    }
}

/// The state of the keys, for health checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyStatus {
    /// How good they are.
    pub freshness: Freshness,
    /// Since when: fresh since the last good fetch began; stale or none since the first fetch failed after that. `None`
    /// before anything was fetched.
    pub since: Option<UnixTime>,
    /// The code of the last failure, while there has been no good fetch since.
    pub reason: Option<&'static str>,
}

impl KeyStatus {
    /// Of two, the one that is worse; the first, if they are as good.
    pub(crate) fn worse(self, other: Self) -> Self {
        let badness = |status: &Self| match status.freshness {
            Freshness::Fresh => 0,
            Freshness::Stale => 1,
            Freshness::None => 2,
        };
        if badness(&other) > badness(&self) { other } else { self }
    }
}

pub(crate) struct Cached<T> {
    /// What the document is, for logs and counters.
    name: &'static str,
    lifetimes: Lifetimes,
    held: Option<Held<T>>,
    schedule: Schedule,
    validators: Validators,
    flight: Option<Flight>,
    failures: Failures,
    budget: Budget,
    leases: u64,
    jitter: Jitter,
}

/// When what is held is to be fetched again.
#[derive(Default)]
struct Schedule {
    /// From when on a renewal in the background fetches.
    renew: UnixTime,
    /// From when on a request fetches.
    due: UnixTime,
    /// Until when somebody sees to it in the background, so that requests do not.
    attended: UnixTime,
}

struct Flight {
    lease: Lease,
    asked: UnixTime,
    until: UnixTime,
}

impl<T> Cached<T> {
    pub(crate) fn empty(name: &'static str, lifetimes: Lifetimes, jitter: Jitter) -> Self {
        Self {
            name,
            lifetimes,
            held: None,
            schedule: Schedule::default(),
            validators: Validators::default(),
            flight: None,
            failures: Failures::default(),
            budget: Budget::full(),
            leases: 0,
            jitter,
        }
    }

    /// What to do for a caller. A fetch may take `timeout`; then its lease lapses.
    pub(crate) fn decide(&mut self, need: Need, timeout: Duration, now: UnixTime) -> Decision<T> {
        self.follow_clock(now);
        let flying = self.flight.as_ref().is_some_and(|flight| now < flight.until);
        match self.usable(need, now) {
            Some(held) if flying || !self.refresh_is_due(need, now) => Decision::Use(held),
            Some(_) => self.lease(timeout, now),
            None if flying => Decision::Wait,
            None => self.fetch_in_need(need, timeout, now),
        }
    }

    /// What is held, if that will do, however overdue a refresh is.
    pub(crate) fn usable(&self, need: Need, now: UnixTime) -> Option<Held<T>> {
        let stale = |held: &&Held<T>| now.saturating_since(held.asked) >= self.lifetimes.max_stale;
        let held = self.held.as_ref().filter(|held| !stale(held))?;
        let enough = match need {
            Need::Held | Need::Renewal => true,
            Need::NewerThan(asked) => held.asked > asked,
        };
        enough.then(|| held.clone())
    }

    /// What is held, if that will do and nothing is to be fetched.
    pub(crate) fn at_hand(&mut self, now: UnixTime) -> Option<Held<T>> {
        self.follow_clock(now);
        self.usable(Need::Held, now).filter(|_| !self.refresh_is_due(Need::Held, now))
    }

    /// The address of what will do without a look at the clock's past or at failures, from when on, and until when.
    fn at_hand_by_itself(&self) -> (usize, UnixTime, UnixTime) {
        let Some(held) = &self.held else { return (0, UnixTime::EPOCH, UnixTime::EPOCH) };
        let due = self.schedule.due.max(self.schedule.attended);
        let from = held.asked.max(due.saturating_sub(self.lifetimes.longest));
        let until = held.asked.saturating_add(self.lifetimes.max_stale).min(due);
        (Arc::as_ptr(&held.document).addr(), from, until)
    }

    fn refresh_is_due(&self, need: Need, now: UnixTime) -> bool {
        let due = match need {
            Need::Renewal => self.schedule.renew,
            Need::Held | Need::NewerThan(_) => self.schedule.due.max(self.schedule.attended),
        };
        now >= due && self.failures.back_off(MAX_BACKOFF, now).is_none()
    }

    fn fetch_in_need(&mut self, need: Need, timeout: Duration, now: UnixTime) -> Decision<T> {
        if let Some(wait) = self.failures.back_off(MAX_BACKOFF_IN_NEED, now) {
            return Decision::Refuse(wait);
        }
        let provoked = matches!(need, Need::NewerThan(_)) && self.held.is_some();
        match if provoked { self.budget.take(now) } else { Ok(()) } {
            Ok(()) => self.lease(timeout, now),
            Err(wait) => Decision::Refuse(wait),
        }
    }

    fn lease(&mut self, timeout: Duration, now: UnixTime) -> Decision<T> {
        self.leases = self.leases.wrapping_add(1);
        let lease = Lease(self.leases);
        self.flight = Some(Flight { lease, asked: now, until: now.saturating_add(timeout) });
        let validators = if self.held.is_some() { self.validators.clone() } else { Validators::default() };
        Decision::Fetch(lease, validators)
    }

    /// The fetch has brought a good document, or word that what is held still is one.
    pub(crate) fn succeed(&mut self, lease: Lease, loaded: Loaded<T>, now: UnixTime) -> Option<Held<T>> {
        let flight = self.land(lease)?;
        let document = match (loaded.document, &self.held) {
            (Some(document), _) => Arc::new(document),
            (None, Some(held)) => Arc::clone(&held.document),
            (None, None) => return None,
        };
        let held = Held { document, asked: flight.asked };
        if let Some(since) = self.failures.first {
            tracing::info!(document = self.name, away = ?now.saturating_since(since), "the provider answers again");
        }
        self.held = Some(held.clone());
        self.failures = Failures::default();
        self.validators = loaded.caching.validators;
        self.plan(loaded.caching.lifetime, now);
        Some(held)
    }

    /// Refreshes come ahead of expiry, and of different instances at different times.
    fn plan(&mut self, lifetime: Option<Duration>, now: UnixTime) {
        let Lifetimes { shortest, longest, .. } = self.lifetimes;
        let lifetime = lifetime.unwrap_or(longest).max(shortest).min(longest);
        let due = self.jitter.between(lifetime, 80, 100);
        self.schedule.due = now.saturating_add(due);
        self.schedule.renew = now.saturating_add(self.jitter.between(due, 75, 90));
    }

    /// The fetch has failed; what is held stays.
    pub(crate) fn fail(&mut self, lease: Lease, failure: &Failure, now: UnixTime) {
        if self.land(lease).is_some() {
            let (error, serving) = (&failure.error, self.usable(Need::Held, now).is_some());
            tracing::warn!(document = self.name, code = error.code(), %error, serving, "could not be fetched");
            let factor = self.jitter.between(Duration::from_secs(1), 75, 100);
            self.failures.add(failure, factor, now);
        }
    }

    /// The fetch was given up: someone else may start one.
    pub(crate) fn release(&mut self, lease: Lease) {
        self.land(lease);
    }

    fn land(&mut self, lease: Lease) -> Option<Flight> {
        self.flight.take_if(|flight| flight.lease == lease)
    }

    /// When a renewal in the background is to be called again. Until a while after that, requests leave refreshes to it.
    pub(crate) fn attend(&mut self, now: UnixTime) -> UnixTime {
        let next = match self.failures.back_off(MAX_BACKOFF, now) {
            Some(pause) => now.saturating_add(pause),
            None => self.schedule.renew.max(now.saturating_add(Duration::from_secs(1))),
        };
        self.schedule.attended = next.saturating_add(MAX_BACKOFF);
        next
    }

    /// How long a caller in need has to wait before it may ask again.
    pub(crate) fn retry_after(&self, now: UnixTime) -> Duration {
        self.failures.back_off(MAX_BACKOFF_IN_NEED, now).unwrap_or_default()
    }

    pub(crate) fn status(&self, now: UnixTime) -> KeyStatus {
        let failing = self.failures.first.is_some();
        let freshness = match self.usable(Need::Held, now) {
            None => Freshness::None,
            Some(_) if failing || self.refresh_is_due(Need::Held, now) => Freshness::Stale,
            Some(_) => Freshness::Fresh,
        };
        let since = self.failures.first.or(self.held.as_ref().map(|held| held.asked));
        KeyStatus { freshness, since, reason: self.failures.code }
    }

    /// A clock that was set back must not make the past look like the future: what was asked for then was asked for before
    /// whatever comes now.
    fn follow_clock(&mut self, now: UnixTime) {
        let before = now.saturating_sub(Duration::from_millis(1));
        if let Some(held) = self.held.as_mut().filter(|held| held.asked > now) {
            held.asked = before;
        }
        if let Some(flight) = self.flight.as_mut().filter(|flight| flight.asked > now) {
            flight.asked = before;
            flight.until = flight.until.min(now.saturating_add(MAX_BACKOFF_IN_NEED));
        }
        let latest = now.saturating_add(self.lifetimes.longest);
        self.schedule.due = self.schedule.due.min(latest);
        self.schedule.renew = self.schedule.renew.min(latest);
        self.schedule.attended = self.schedule.attended.min(latest.saturating_add(MAX_BACKOFF));
        self.failures.last = self.failures.last.min(now);
        self.budget.refilled = self.budget.refilled.min(now);
    }
}

/// Failures in a row, and the doubling pause after them.
#[derive(Default)]
struct Failures {
    count: u32,
    first: Option<UnixTime>,
    last: UnixTime,
    /// What the provider asked for, at least.
    asked: Duration,
    /// The part of each pause that is kept, as parts of a second.
    factor: Duration,
    code: Option<&'static str>,
}

impl Failures {
    fn add(&mut self, failure: &Failure, factor: Duration, now: UnixTime) {
        self.count = self.count.saturating_add(1);
        self.first = self.first.or(Some(now));
        self.last = now;
        self.asked = failure.retry_after.unwrap_or_default().min(MAX_RETRY_AFTER);
        self.factor = factor;
        self.code = Some(failure.error.code());
    }

    /// How much of the pause is left: 1, 2, 4 … seconds, a little less by chance, at most `longest`; or what the provider
    /// asked for, if that is more.
    fn back_off(&self, longest: Duration, now: UnixTime) -> Option<Duration> {
        let doublings = self.count.checked_sub(1)?.min(6);
        let pause = part(Duration::from_secs(1 << doublings).min(longest), self.factor.as_secs_f64());
        let left = pause.max(self.asked).saturating_sub(now.saturating_since(self.last));
        (!left.is_zero()).then_some(left)
    }
}

/// Fetches that strangers can provoke.
struct Budget {
    left: u32,
    refilled: UnixTime,
}

impl Budget {
    fn full() -> Self {
        Self { left: BURST, refilled: UnixTime::EPOCH }
    }

    /// Takes one, or tells when there will be one.
    fn take(&mut self, now: UnixTime) -> Result<(), Duration> {
        while self.left < BURST && now.saturating_since(self.refilled) >= REFILL {
            self.left = self.left.saturating_add(1);
            self.refilled = self.refilled.saturating_add(REFILL);
        }
        if self.left == BURST {
            self.refilled = now;
        }
        self.left = self
            .left
            .checked_sub(1)
            .ok_or_else(|| REFILL.saturating_sub(now.saturating_since(self.refilled)))?;
        Ok(())
    }
}

/// `whole` times a factor of at most one.
fn part(whole: Duration, factor: f64) -> Duration {
    Duration::try_from_secs_f64(whole.as_secs_f64() * factor).unwrap_or(whole)
}

/// Chance enough to keep a fleet apart: xorshift from a random start. Nothing secret depends on it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Jitter(u64);

impl Jitter {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    /// A part of `whole`, between so many percent.
    fn between(&mut self, whole: Duration, least: u32, most: u32) -> Duration {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let [high, ..] = self.0.to_be_bytes();
        let chance = f64::from(high) / f64::from(u8::MAX);
        part(whole, f64::from(most.saturating_sub(least)).mul_add(chance, f64::from(least)) / 100.0)
    }
}

#[cfg(test)]
mod tests;
