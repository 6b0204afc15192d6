//! The one loop that carries out a flow, and what it carries it out with.

use std::thread;
use std::time::{Instant, SystemTime};

use oidc_core::entropy::EntropyFailed;
use oidc_core::step::{Fetch, FetchResult, StoreError, StoreOp, StoreResult};
use oidc_core::time::UnixTime;
use oidc_core::{EntropySource, Step};

use crate::Oidc;

/// An HTTP client.
pub trait Transport: Send + Sync {
    /// Sends the request, follows no redirect, and keeps to the fetch's `timeout` and `max_body` whatever the other side
    /// does.
    fn send(&self, fetch: Fetch) -> FetchResult;
}

/// Server-side sessions and revocations. What it owes is written at [`StoreOp`].
pub trait SessionStore: Send + Sync {
    /// Carries out one operation, atomically.
    fn run(&self, op: StoreOp, now: UnixTime) -> StoreResult;
}

impl Oidc {
    /// Carries a flow out, on this thread.
    pub fn run<T>(&self, flow: impl FnOnce(UnixTime) -> Step<T>) -> T {
        let mut step = flow(now());
        loop {
            step = match step {
                Step::Done(value) => return value,
                Step::Fetch(fetch, reply) => reply.resume(self.send(fetch), now()),
                Step::Store(op, reply) => reply.resume(self.store(op), now()),
                Step::Wait(duration, wake) => {
                    thread::sleep(duration);
                    wake.resume(now())
                }
            }
        }
    }

    fn send(&self, fetch: Fetch) -> FetchResult {
        let span =
            tracing::debug_span!("fetch", purpose = fetch.purpose.name(), host = fetch.request.uri().host());
        let _entered = span.enter();
        let started = Instant::now();
        let result = self.transport.send(fetch);
        let status = result.as_ref().map(|response| response.status().as_u16());
        tracing::debug!(?status, elapsed = ?started.elapsed(), "fetched");
        result
    }

    fn store(&self, op: StoreOp) -> StoreResult {
        match &self.store {
            Some(store) => store.run(op, now()),
            None => Err(StoreError("there is no session store".to_owned())),
        }
    }
}

/// The system's clock.
pub(crate) fn now() -> UnixTime {
    UnixTime::since_epoch(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default())
}

/// The operating system's random source.
pub(crate) struct SystemEntropy;

impl EntropySource for SystemEntropy {
    fn fill(&self, out: &mut [u8]) -> Result<(), EntropyFailed> {
        getrandom::fill(out).map_err(|_| EntropyFailed)
    }
}
