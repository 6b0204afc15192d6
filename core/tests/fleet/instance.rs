//! One instance of the fleet: a client, a clock that is a little off, and a traffic of its own.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use oidc_core::config::Config;
use oidc_core::entropy::EntropyFailed;
use oidc_core::time::UnixTime;
use oidc_core::{Client, EntropySource};

use crate::provider::{AUDIENCE, Cheap, ISSUER, MAX_AGE, MIDNIGHT, MINUTE, Millis, SECOND};

/// The furthest that a clock is off, either way.
pub(crate) const SKEW: Millis = MINUTE;

pub(crate) struct Instance {
    pub(crate) client: Client,
    /// How often it was started.
    pub(crate) starts: u64,
    pub(crate) traffic: Random,
    /// Its clock shows the time less [`SKEW`], and so much more.
    ahead: Millis,
    entropy: Option<Random>,
    fetched: VecDeque<Millis>,
}

impl Instance {
    /// Without jitter its clock is right, and its entropy everybody's.
    pub(crate) fn new(number: usize, jitter: bool) -> Self {
        let mut own = Random(number as u64).next_random();
        let traffic = own.next_random();
        let ahead = if jitter { own.below(2 * SKEW + 1) } else { SKEW };
        let client = client(0);
        let entropy = jitter.then_some(own);
        Self { client, starts: 0, traffic, ahead, entropy, fetched: VecDeque::new() }
    }

    /// What it had in memory is gone.
    pub(crate) fn restart(&mut self) {
        self.starts += 1;
        self.client = client(self.entropy.as_mut().map_or(0, Random::next));
    }

    /// What its clock shows.
    pub(crate) fn clock(&self, now: Millis) -> UnixTime {
        UnixTime::since_epoch(Duration::from_millis(MIDNIGHT * SECOND + now + self.ahead - SKEW))
    }

    /// It sends a request; how many it has sent in the minute up to now.
    pub(crate) fn count_fetch(&mut self, now: Millis) -> usize {
        while self.fetched.front().is_some_and(|first| now - first >= MINUTE) {
            self.fetched.pop_front();
        }
        self.fetched.push_back(now);
        self.fetched.len()
    }
}

fn client(seed: u64) -> Client {
    let longest = Duration::from_millis(MAX_AGE);
    let config = Config::resource_server(ISSUER, AUDIENCE).refresh_between(Duration::from_secs(60), longest);
    let entropy = Arc::new(Seeded(AtomicU64::new(seed)));
    Client::with_backend(config.build().unwrap(), entropy, Arc::new(Cheap))
}

struct Seeded(AtomicU64);

impl EntropySource for Seeded {
    fn fill(&self, out: &mut [u8]) -> Result<(), EntropyFailed> {
        for chunk in out.chunks_mut(8) {
            let mut random = Random(self.0.load(Ordering::Relaxed));
            chunk.copy_from_slice(&random.next().to_be_bytes()[..chunk.len()]);
            self.0.store(random.0, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// SplitMix64: the same numbers in every run.
pub(crate) struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn next_random(&mut self) -> Self {
        Self(self.next())
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}
