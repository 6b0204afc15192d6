//! Access tokens that have been verified, so that seeing one again costs no signature. Bounded, and off unless configured.

use std::collections::{BTreeMap, VecDeque};
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use foldhash::fast::FixedState;

use crate::jose::{Claims, KeySet};
use crate::time::UnixTime;

/// How many verified tokens to remember, and for how long.
///
/// A remembered token is found by its whole text, ends when it would have ended anyway, and is verified anew once the keys
/// have been fetched anew: a withdrawn key takes its tokens along.
///
/// ```
/// use oidc_core::Config;
/// use oidc_core::config::Remember;
///
/// let config = Config::resource_server("https://op.example", "api").remember_tokens(Remember::new()).build()?;
/// # Ok::<(), oidc_core::error::ConfigError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct Remember {
    entries: usize,
    bytes: usize,
    max_age: Duration,
}

impl Remember {
    /// 10,000 tokens, 64 MiB, 5 minutes.
    pub const fn new() -> Self {
        Self { entries: 10_000, bytes: 64 << 20, max_age: Duration::from_secs(300) }
    }

    /// The most tokens.
    pub const fn entries(mut self, entries: usize) -> Self {
        self.entries = entries;
        self
    }

    /// The most memory, in bytes, of which a token takes about four times its length.
    pub const fn bytes(mut self, bytes: usize) -> Self {
        self.bytes = bytes;
        self
    }

    /// How long a token is remembered at most, even if it lives on.
    pub const fn max_age(mut self, max_age: Duration) -> Self {
        self.max_age = max_age;
        self
    }
}

impl Default for Remember {
    fn default() -> Self {
        Self::new()
    }
}

/// The tokens, in parts with a lock each, so that two threads seldom meet.
pub(crate) struct Remembered {
    limits: Remember,
    hash: FixedState,
    parts: [Mutex<Part>; PARTS],
}

const PARTS: usize = 16;

/// Aligned so that no two of them share a cache line, nor the pair of lines that some processors fetch.
#[derive(Default)]
#[repr(align(128))]
struct Part {
    by_hash: BTreeMap<u64, Entry>,
    /// In the order of their arrival, with what each costs.
    order: VecDeque<(u64, usize)>,
    bytes: usize,
}

struct Entry {
    token: Box<str>,
    claims: Claims,
    /// The set that verified it. Being weak it does not keep the set, but no other can have its address.
    keys: Weak<KeySet>,
    lifetime: Lifetime,
}

/// When a token is accepted: from the first time until just before the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lifetime {
    pub(crate) from: UnixTime,
    pub(crate) until: UnixTime,
}

impl Remembered {
    pub(crate) fn new(limits: Remember, seed: u64) -> Self {
        Self { limits, hash: FixedState::with_seed(seed), parts: Default::default() }
    }

    /// The claims of a token that is still to be accepted, if the keys that have verified it are `at_hand`.
    pub(crate) fn recall(
        &self,
        token: &str,
        at_hand: impl FnOnce(*const KeySet) -> bool,
        now: UnixTime,
    ) -> Option<Claims> {
        let hash = self.hash.hash_one(token);
        let part = self.part(hash)?.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = part.by_hash.get(&hash)?;
        let same = *entry.token == *token && at_hand(entry.keys.as_ptr());
        let alive = entry.lifetime.from <= now && now < entry.lifetime.until;
        (same && alive).then(|| entry.claims.clone())
    }

    /// Remembers a token that these keys have just verified.
    pub(crate) fn remember(
        &self,
        token: &str,
        claims: &Claims,
        keys: &Arc<KeySet>,
        lifetime: Lifetime,
        now: UnixTime,
    ) {
        let cost = token.len().saturating_mul(4);
        let (most, most_bytes) = (self.limits.entries.div_ceil(PARTS), self.limits.bytes / PARTS);
        let until = lifetime.until.min(now.saturating_add(self.limits.max_age));
        let hash = self.hash.hash_one(token);
        let Some(part) = self.part(hash).filter(|_| cost <= most_bytes && most > 0) else { return };
        let lifetime = Lifetime { until, ..lifetime };
        let (token, keys) = (token.into(), Arc::downgrade(keys));
        let entry = Entry { token, claims: claims.clone(), keys, lifetime };
        let mut part = part.lock().unwrap_or_else(PoisonError::into_inner);
        part.insert(hash, entry, cost);
        while part.by_hash.len() > most || part.bytes > most_bytes {
            part.forget_oldest();
        }
    }

    fn part(&self, hash: u64) -> Option<&Mutex<Part>> {
        self.parts.get(usize::try_from(hash >> 60).ok()?)
    }
}

impl Part {
    fn insert(&mut self, hash: u64, entry: Entry, cost: usize) {
        if self.by_hash.insert(hash, entry).is_some() {
            // Its place in the order stays, and so does what it was counted as: the same token, but for a collision.
            return;
        }
        self.order.push_back((hash, cost));
        self.bytes = self.bytes.saturating_add(cost);
    }

    fn forget_oldest(&mut self) {
        if let Some((hash, cost)) = self.order.pop_front() {
            self.by_hash.remove(&hash);
            self.bytes = self.bytes.saturating_sub(cost);
        }
    }
}
