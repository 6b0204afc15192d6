//! One remote document and when to fetch it again: a pure machine, and the flow that asks it.
//!
//! This file knows no protocol. A refresh that is merely due costs nothing but itself; one that a stranger can provoke
//! comes out of a budget.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::error::ProviderError;
use crate::step::Step;
use crate::time::UnixTime;

/// When a held document is due for its periodic refresh.
const REFRESH_AFTER: Duration = Duration::from_secs(600);
/// How long a document serves although every refresh fails.
const MAX_STALE: Duration = Duration::from_secs(86_400);
/// How many fetches can be provoked in a row, and how long it takes until one more can.
const BURST: u32 = 2;
const REFILL: Duration = Duration::from_secs(5);
/// The longest back-off after failures: of a periodic refresh, and where a request is in need.
const MAX_BACKOFF: Duration = Duration::from_secs(60);
const MAX_BACKOFF_IN_NEED: Duration = Duration::from_secs(5);
/// How often a flow looks whether another flow's fetch has ended.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// What a caller needs of the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// What is held will do.
    Held,
    /// It must have been asked for at this time or later: what is held was not enough.
    AskedSince(UnixTime),
}

/// What the machine answers.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Decision<T> {
    /// Take this.
    Use(Arc<T>),
    /// Fetch it, under this lease.
    Fetch(Lease),
    /// Someone else fetches it.
    Wait,
    /// Not now; perhaps after this time.
    Refuse(Duration),
}

/// The right to fetch; exactly one is out at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lease(u64);

/// The age of what is held, for health checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Freshness {
    /// Held and not yet due.
    Fresh,
    /// Held, and a refresh is due or has failed.
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

pub(crate) struct Cached<T> {
    held: Option<Held<T>>,
    flight: Option<Flight>,
    failures: Failures,
    budget: Budget,
    leases: u64,
}

struct Held<T> {
    document: Arc<T>,
    /// When its fetch started: a key published later cannot be in it.
    asked: UnixTime,
}

struct Flight {
    lease: Lease,
    asked: UnixTime,
    until: UnixTime,
}

impl<T> Cached<T> {
    pub(crate) fn empty() -> Self {
        let (failures, budget) = (Failures::default(), Budget::full());
        Self { held: None, flight: None, failures, budget, leases: 0 }
    }

    /// What to do for a caller in need. A fetch may take `timeout`; then its lease lapses.
    pub(crate) fn decide(&mut self, need: Need, timeout: Duration, now: UnixTime) -> Decision<T> {
        let flying = self.flight.as_ref().is_some_and(|flight| now < flight.until);
        match (self.usable(need, now), flying) {
            (Some(document), true) => Decision::Use(document),
            (Some(document), false) if !self.refresh_is_due(now) => Decision::Use(document),
            (Some(_), false) => self.lease(timeout, now),
            (None, true) => Decision::Wait,
            (None, false) => self.fetch_in_need(need, timeout, now),
        }
    }

    fn usable(&self, need: Need, now: UnixTime) -> Option<Arc<T>> {
        let held = self.held.as_ref().filter(|held| now.saturating_since(held.asked) < MAX_STALE)?;
        let enough = match need {
            Need::Held => true,
            Need::AskedSince(time) => held.asked >= time,
        };
        enough.then(|| Arc::clone(&held.document))
    }

    fn refresh_is_due(&self, now: UnixTime) -> bool {
        let due = self.held.as_ref().is_none_or(|held| now.saturating_since(held.asked) >= REFRESH_AFTER);
        due && self.failures.back_off(MAX_BACKOFF, now).is_none()
    }

    fn fetch_in_need(&mut self, need: Need, timeout: Duration, now: UnixTime) -> Decision<T> {
        if let Some(wait) = self.failures.back_off(MAX_BACKOFF_IN_NEED, now) {
            return Decision::Refuse(wait);
        }
        let provoked = need != Need::Held && self.held.is_some();
        match if provoked { self.budget.take(now) } else { Ok(()) } {
            Ok(()) => self.lease(timeout, now),
            Err(wait) => Decision::Refuse(wait),
        }
    }

    fn lease(&mut self, timeout: Duration, now: UnixTime) -> Decision<T> {
        self.leases = self.leases.wrapping_add(1);
        let lease = Lease(self.leases);
        self.flight = Some(Flight { lease, asked: now, until: now.saturating_add(timeout) });
        Decision::Fetch(lease)
    }

    /// The fetch has brought a good document.
    pub(crate) fn succeed(&mut self, lease: Lease, document: T) -> Arc<T> {
        let document = Arc::new(document);
        if let Some(flight) = self.land(lease) {
            self.held = Some(Held { document: Arc::clone(&document), asked: flight.asked });
            self.failures = Failures::default();
        }
        document
    }

    /// The fetch has failed; what is held stays.
    pub(crate) fn fail(&mut self, lease: Lease, now: UnixTime) {
        if self.land(lease).is_some() {
            self.failures.add(now);
        }
    }

    /// The fetch was given up: someone else may start one.
    pub(crate) fn release(&mut self, lease: Lease) {
        self.land(lease);
    }

    fn land(&mut self, lease: Lease) -> Option<Flight> {
        self.flight.take_if(|flight| flight.lease == lease)
    }

    pub(crate) fn freshness(&self, now: UnixTime) -> Freshness {
        match self.usable(Need::Held, now) {
            None => Freshness::None,
            Some(_) if self.failures.count > 0 => Freshness::Stale,
            Some(_) if self.refresh_is_due(now) => Freshness::Stale,
            Some(_) => Freshness::Fresh,
        }
    }
}

/// Failures in a row, and the doubling pause after them.
#[derive(Default)]
struct Failures {
    count: u32,
    last: UnixTime,
}

impl Failures {
    fn add(&mut self, now: UnixTime) {
        self.count = self.count.saturating_add(1);
        self.last = now;
    }

    /// How much of the pause is left.
    fn back_off(&self, longest: Duration, now: UnixTime) -> Option<Duration> {
        let doublings = self.count.checked_sub(1)?.min(6);
        let pause = Duration::from_secs(1 << doublings).min(longest);
        let left = pause.saturating_sub(now.saturating_since(self.last));
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

/// A document that flows share.
pub(crate) struct Shared<T>(Arc<Mutex<Cached<T>>>);

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// What a fetch needs to know: how long it may take, and when.
pub(crate) type Load<T> = Arc<dyn Fn(Duration, UnixTime) -> Step<Result<T, ProviderError>> + Send + Sync>;

/// Why the document is not to be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unavailable {
    pub(crate) retry_after: Duration,
    /// What the last fetch said, if it was this flow's.
    pub(crate) cause: Option<ProviderError>,
}

impl<T: Send + Sync + 'static> Shared<T> {
    pub(crate) fn empty() -> Self {
        Self(Arc::new(Mutex::new(Cached::empty())))
    }

    /// The machine; a thread that panicked while it held it has left it whole, since its methods do not panic.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Cached<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is held, if that will do and no refresh is due.
    pub(crate) fn at_hand(&self, now: UnixTime) -> Option<Arc<T>> {
        let cached = self.lock();
        cached.usable(Need::Held, now).filter(|_| !cached.refresh_is_due(now))
    }

    /// What is held, if that will do, however overdue a refresh is.
    pub(crate) fn usable(&self, need: Need, now: UnixTime) -> Option<Arc<T>> {
        self.lock().usable(need, now)
    }

    /// The document, fetched by `load` if need be, by `deadline` at the latest.
    pub(crate) fn obtain(
        &self,
        need: Need,
        load: Load<T>,
        deadline: UnixTime,
        now: UnixTime,
    ) -> Step<Result<Arc<T>, Unavailable>> {
        let timeout = deadline.saturating_since(now);
        if timeout.is_zero() {
            let late = Unavailable { retry_after: Duration::from_secs(1), cause: None };
            return Step::Done(self.usable(need, now).ok_or(late));
        }
        let decision = self.lock().decide(need, timeout, now);
        match decision {
            Decision::Use(document) => Step::Done(Ok(document)),
            Decision::Fetch(lease) => self.fetch(lease, need, &load, timeout, now),
            Decision::Refuse(retry_after) => Step::Done(Err(Unavailable { retry_after, cause: None })),
            Decision::Wait => {
                let this = self.clone();
                Step::wait(LOOK_AGAIN.min(timeout), move |now| this.obtain(need, load, deadline, now))
            }
        }
    }

    fn fetch(
        &self,
        lease: Lease,
        need: Need,
        load: &Load<T>,
        timeout: Duration,
        now: UnixTime,
    ) -> Step<Result<Arc<T>, Unavailable>> {
        let held = Holding { shared: self.clone(), lease };
        load(timeout, now).then(now, move |result, now| Step::Done(held.land(result, need, now)))
    }
}

/// A lease that is given back when its flow is lost.
struct Holding<T: Send + Sync + 'static> {
    shared: Shared<T>,
    lease: Lease,
}

impl<T: Send + Sync + 'static> Holding<T> {
    fn land(
        self,
        result: Result<T, ProviderError>,
        need: Need,
        now: UnixTime,
    ) -> Result<Arc<T>, Unavailable> {
        let mut cached = self.shared.lock();
        match result {
            Ok(document) => Ok(cached.succeed(self.lease, document)),
            Err(cause) => {
                cached.fail(self.lease, now);
                let retry_after = cached.failures.back_off(MAX_BACKOFF_IN_NEED, now).unwrap_or_default();
                cached.usable(need, now).ok_or(Unavailable { retry_after, cause: Some(cause) })
            }
        }
    }
}

impl<T: Send + Sync + 'static> Drop for Holding<T> {
    fn drop(&mut self) {
        self.shared.lock().release(self.lease);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(5);

    fn at(seconds: u64) -> UnixTime {
        UnixTime::from_secs(1_000 + seconds)
    }

    fn leased(decision: &Decision<u8>) -> Lease {
        match decision {
            Decision::Fetch(lease) => *lease,
            other => panic!("{other:?}"),
        }
    }

    fn filled(seconds: u64) -> Cached<u8> {
        let mut cached = Cached::empty();
        let lease = leased(&cached.decide(Need::Held, TIMEOUT, at(seconds)));
        cached.succeed(lease, 1);
        cached
    }

    #[test]
    fn the_first_need_fetches_and_the_others_wait() {
        let mut cached = Cached::empty();
        let lease = leased(&cached.decide(Need::Held, TIMEOUT, at(0)));
        assert_eq!(cached.decide(Need::Held, TIMEOUT, at(0)), Decision::Wait);
        cached.succeed(lease, 7);
        assert_eq!(cached.decide(Need::Held, TIMEOUT, at(1)), Decision::Use(Arc::new(7)));
    }

    #[test]
    fn a_lease_that_is_lost_or_lapsed_is_free_again() {
        let mut cached = Cached::<u8>::empty();
        let lost = leased(&cached.decide(Need::Held, TIMEOUT, at(0)));
        cached.release(lost);
        let lapsed = leased(&cached.decide(Need::Held, TIMEOUT, at(0)));
        assert_eq!(cached.decide(Need::Held, TIMEOUT, at(4)), Decision::Wait);
        let current = leased(&cached.decide(Need::Held, TIMEOUT, at(5)));
        cached.fail(lapsed, at(6));
        assert_eq!(
            cached.decide(Need::Held, TIMEOUT, at(6)),
            Decision::Wait,
            "the old lease no longer counts"
        );
        cached.succeed(current, 1);
        assert_eq!(cached.freshness(at(6)), Freshness::Fresh);
    }

    #[test]
    fn a_flood_costs_at_most_14_fetches_in_any_minute() {
        let mut cached = filled(0);
        let fetches: Vec<u64> = (0..600_u64)
            .filter(|second| {
                match cached.decide(Need::AskedSince(at(*second + 1)), TIMEOUT, at(*second + 1)) {
                    Decision::Fetch(lease) => {
                        cached.succeed(lease, 1);
                        true
                    }
                    _ => false,
                }
            })
            .collect();
        let most =
            (0..540).map(|from| fetches.iter().filter(|at| (from..from + 60).contains(*at)).count()).max();
        assert!((12..=14).contains(&most.unwrap()), "{most:?}");
        assert!(fetches.windows(2).all(|pair| pair[1] - pair[0] <= 5), "a rotation is seen within 5 s");
    }

    #[test]
    fn a_refresh_that_is_due_serves_what_is_held_meanwhile_and_after_a_failure() {
        let mut cached = filled(0);
        let lease = leased(&cached.decide(Need::Held, TIMEOUT, at(600)));
        assert_eq!(cached.decide(Need::Held, TIMEOUT, at(600)), Decision::Use(Arc::new(1)));
        cached.fail(lease, at(601));
        assert_eq!(cached.decide(Need::Held, TIMEOUT, at(601)), Decision::Use(Arc::new(1)));
        assert_eq!(cached.freshness(at(601)), Freshness::Stale);
        leased(&cached.decide(Need::Held, TIMEOUT, at(602)));
    }

    #[test]
    fn what_is_held_ends_at_max_stale() {
        let mut cached = filled(0);
        assert_eq!(cached.freshness(at(86_399)), Freshness::Stale);
        assert_eq!(cached.freshness(at(86_400)), Freshness::None);
        leased(&cached.decide(Need::Held, TIMEOUT, at(86_400)));
    }

    #[test]
    fn failures_back_off_by_doubling_up_to_five_seconds_in_need() {
        let mut cached = Cached::<u8>::empty();
        let mut second = 0;
        for pause in [1, 2, 4, 5, 5] {
            let lease = leased(&cached.decide(Need::Held, TIMEOUT, at(second)));
            cached.fail(lease, at(second));
            let refused = cached.decide(Need::Held, TIMEOUT, at(second));
            assert_eq!(refused, Decision::Refuse(Duration::from_secs(pause)));
            second += pause;
        }
    }

    #[test]
    fn a_flow_that_is_dropped_in_mid_fetch_lets_the_next_one_fetch() {
        let shared = Shared::<u8>::empty();
        let load: Load<u8> = Arc::new(|timeout, _| Step::wait(timeout, |_| Step::Done(Ok(3))));
        let first = shared.obtain(Need::Held, Arc::clone(&load), at(5), at(0));
        drop(first);
        let Step::Wait(_, wake) = shared.obtain(Need::Held, load, at(5), at(0)) else { panic!("fetches") };
        assert!(matches!(wake.resume(at(1)), Step::Done(Ok(document)) if *document == 3));
    }
}
