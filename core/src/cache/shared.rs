//! A document that flows share: who fetches, who waits, and what becomes of a flow that is lost.

use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{Cached, Decision, Failure, Held, KeyStatus, Lease, Loaded, Need, Validators};
use crate::error::ProviderError;
use crate::step::Step;
use crate::time::UnixTime;

/// The longest that a fetch may take: of a document that is needed, and of one that is held and only to be refreshed.
const PATIENCE: Duration = Duration::from_secs(5);
const REFRESH_PATIENCE: Duration = Duration::from_secs(2);
/// A flow with less time left starts no fetch: it could only fail, for everybody.
const LEAST_PATIENCE: Duration = Duration::from_millis(500);
/// How often a flow looks whether another flow's fetch has ended.
const LOOK_AGAIN: Duration = Duration::from_millis(10);
/// The most flows that wait for what a stranger may have made up.
const MOST_WAITING: usize = 64;

pub(crate) struct Shared<T> {
    cached: Arc<Mutex<Cached<T>>>,
    glance: Arc<Glance>,
    /// How many flows wait that a stranger may have provoked.
    waiting: Arc<AtomicUsize>,
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self {
            cached: Arc::clone(&self.cached),
            glance: Arc::clone(&self.glance),
            waiting: Arc::clone(&self.waiting),
        }
    }
}

/// How a document is fetched.
pub(crate) type Load<T> = Arc<dyn Fn(Ask, UnixTime) -> Step<Result<Loaded<T>, Failure>> + Send + Sync>;

/// What a fetch must know.
pub(crate) struct Ask {
    pub(crate) timeout: Duration,
    pub(crate) validators: Validators,
}

/// Why the document is not to be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unavailable {
    pub(crate) retry_after: Duration,
    /// What the fetch said, if it was this flow's.
    pub(crate) cause: Option<ProviderError>,
}

/// What is at hand, to be seen without a lock: so threads that only look write to no memory that they share.
///
/// A reader may see a change half done, and then takes one of two documents for the other's time: as if it had come just
/// before the change, or needs a closer look.
#[derive(Default)]
struct Glance {
    /// The address of the document.
    document: AtomicUsize,
    /// Whole seconds since 1970, the first of the time in which it is at hand, and the first after it.
    from: AtomicU64,
    until: AtomicU64,
}

impl Glance {
    fn shows(&self, document: usize, now: UnixTime) -> bool {
        let now = now.as_secs();
        now < self.until.load(Ordering::SeqCst)
            && self.from.load(Ordering::SeqCst) <= now
            && self.document.load(Ordering::SeqCst) == document
    }

    /// Writes only what has changed, and nothing is at hand meanwhile.
    fn update<T>(&self, cached: &Cached<T>) {
        let (document, from, until) = cached.at_hand_by_itself();
        let (from, until) = (from.as_secs().saturating_add(1), until.as_secs());
        let found = [self.from.load(Ordering::SeqCst), self.until.load(Ordering::SeqCst)] == [from, until];
        if !found || self.document.load(Ordering::SeqCst) != document {
            self.until.store(0, Ordering::SeqCst);
            self.document.store(document, Ordering::SeqCst);
            self.from.store(from, Ordering::SeqCst);
            self.until.store(until, Ordering::SeqCst);
        }
    }
}

/// The machine while a flow has it. What it has changed is seen at a glance before another has it.
struct Locked<'a, T> {
    cached: MutexGuard<'a, Cached<T>>,
    glance: &'a Glance,
}

impl<T> Deref for Locked<'_, T> {
    type Target = Cached<T>;

    fn deref(&self) -> &Cached<T> {
        &self.cached
    }
}

impl<T> DerefMut for Locked<'_, T> {
    fn deref_mut(&mut self) -> &mut Cached<T> {
        &mut self.cached
    }
}

impl<T> Drop for Locked<'_, T> {
    fn drop(&mut self) {
        self.glance.update(&self.cached);
    }
}

impl<T: Send + Sync + 'static> Shared<T> {
    pub(crate) fn new(cached: Cached<T>) -> Self {
        Self { cached: Arc::new(Mutex::new(cached)), glance: Arc::default(), waiting: Arc::default() }
    }

    /// A thread that panicked while it held the machine has left it whole, since its methods do not panic.
    fn lock(&self) -> Locked<'_, T> {
        let cached = self.cached.lock().unwrap_or_else(PoisonError::into_inner);
        Locked { cached, glance: &self.glance }
    }

    /// Whether this very document is at hand now. `false` may also mean that it takes a closer look.
    pub(crate) fn is_at_hand(&self, document: *const T, now: UnixTime) -> bool {
        self.glance.shows(document.addr(), now)
    }

    /// See [`Cached::at_hand`].
    pub(crate) fn at_hand(&self, now: UnixTime) -> Option<Held<T>> {
        self.lock().at_hand(now)
    }

    /// See [`Cached::usable`].
    pub(crate) fn usable(&self, need: Need, now: UnixTime) -> Option<Held<T>> {
        self.lock().usable(need, now)
    }

    /// See [`Cached::attend`].
    pub(crate) fn attend(&self, now: UnixTime) -> UnixTime {
        self.lock().attend(now)
    }

    /// See [`Cached::status`].
    pub(crate) fn status(&self, now: UnixTime) -> KeyStatus {
        self.lock().status(now)
    }

    /// The document, fetched by `load` if need be, by `deadline` at the latest.
    pub(crate) fn obtain(
        &self,
        need: Need,
        load: Load<T>,
        deadline: UnixTime,
        now: UnixTime,
    ) -> Step<Result<Held<T>, Unavailable>> {
        let usable = self.usable(need, now);
        let patience = if usable.is_some() { REFRESH_PATIENCE } else { PATIENCE };
        let timeout = deadline.saturating_since(now).min(patience);
        if timeout < LEAST_PATIENCE {
            let late = Unavailable { retry_after: Duration::from_secs(1), cause: None };
            return Step::Done(usable.ok_or(late));
        }
        let decision = self.lock().decide(need, timeout, now);
        match decision {
            Decision::Use(held) => Step::Done(Ok(held)),
            Decision::Fetch(lease, validators) => {
                self.fetch(lease, need, &load, Ask { timeout, validators }, now)
            }
            Decision::Refuse(retry_after) => Step::Done(Err(Unavailable { retry_after, cause: None })),
            Decision::Wait => self.wait(need, load, deadline, timeout),
        }
    }

    fn wait(
        &self,
        need: Need,
        load: Load<T>,
        deadline: UnixTime,
        timeout: Duration,
    ) -> Step<Result<Held<T>, Unavailable>> {
        let provoked = matches!(need, Need::NewerThan(_));
        let place = if provoked { Place::take(&self.waiting).map(Some) } else { Some(None) };
        let Some(place) = place else {
            return Step::Done(Err(Unavailable { retry_after: Duration::from_secs(1), cause: None }));
        };
        let this = self.clone();
        Step::wait(LOOK_AGAIN.min(timeout), move |now| {
            drop(place);
            this.obtain(need, load, deadline, now)
        })
    }

    fn fetch(
        &self,
        lease: Lease,
        need: Need,
        load: &Load<T>,
        ask: Ask,
        now: UnixTime,
    ) -> Step<Result<Held<T>, Unavailable>> {
        let holding = Holding { shared: self.clone(), lease };
        load(ask, now).then(now, move |result, now| Step::Done(holding.land(result, need, now)))
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
        result: Result<Loaded<T>, Failure>,
        need: Need,
        now: UnixTime,
    ) -> Result<Held<T>, Unavailable> {
        let mut cached = self.shared.lock();
        count_fetch(cached.name, &result);
        let cause = match result {
            Ok(loaded) => {
                if let Some(held) = cached.succeed(self.lease, loaded, now) {
                    return Ok(held);
                }
                None
            }
            Err(failure) => {
                cached.fail(self.lease, &failure, now);
                Some(failure.error)
            }
        };
        let retry_after = cached.retry_after(now);
        cached.usable(need, now).ok_or(Unavailable { retry_after, cause })
    }
}

impl<T: Send + Sync + 'static> Drop for Holding<T> {
    fn drop(&mut self) {
        self.shared.lock().release(self.lease);
    }
}

/// `oidc_fetches_total`, by document and outcome: `ok`, `unchanged` or the error's code.
#[cfg(feature = "metrics")]
fn count_fetch<T>(document: &'static str, result: &Result<Loaded<T>, Failure>) {
    let outcome = match result {
        Ok(Loaded { document: Some(_), .. }) => "ok",
        Ok(Loaded { document: None, .. }) => "unchanged",
        Err(failure) => failure.error.code(),
    };
    metrics::counter!("oidc_fetches_total", "document" => document, "outcome" => outcome).increment(1);
}

#[cfg(not(feature = "metrics"))]
fn count_fetch<T>(_: &'static str, _: &Result<Loaded<T>, Failure>) {}

/// A place among those who wait, given back when the wait ends.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(waiting: &Arc<AtomicUsize>) -> Option<Self> {
        let place = Self(Arc::clone(waiting));
        (waiting.fetch_add(1, Ordering::Relaxed) < MOST_WAITING).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
