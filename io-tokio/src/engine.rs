//! The one loop that carries out a flow, and what it carries it out with.

use std::future;
use std::pin::Pin;
use std::time::{Instant, SystemTime};

use oidc_core::entropy::EntropyFailed;
use oidc_core::step::{Fetch, FetchResult, Reply, StoreError, StoreOp, StoreResult};
use oidc_core::time::UnixTime;
use oidc_core::{EntropySource, Step};
use tracing::Instrument as _;

use crate::Oidc;

/// An HTTP client.
#[async_trait::async_trait]
pub trait Transport: Send + Sync {
    /// Sends the request, follows no redirect, and keeps to the fetch's `timeout` and `max_body` whatever the other side
    /// does.
    async fn send(&self, fetch: Fetch) -> FetchResult;
}

/// Server-side sessions and revocations. What it owes is written at [`StoreOp`].
#[async_trait::async_trait]
pub trait SessionStore: Send + Sync {
    /// Carries out one operation, atomically.
    async fn run(&self, op: StoreOp, now: UnixTime) -> StoreResult;
}

/// A flow that is being carried out.
pub type Running<T> = Pin<Box<dyn Future<Output = T> + Send>>;

impl Oidc {
    /// Carries a flow out. The closure is called at once, so that the future borrows nothing of what it was given.
    ///
    /// # Panics
    /// When polled outside a tokio runtime; nothing is lost by that, and a later call works.
    pub fn run<T: Send + 'static>(&self, flow: impl FnOnce(UnixTime) -> Step<T>) -> Running<T> {
        self.carry_out(flow(now()), true)
    }

    pub(crate) fn carry_out<T: Send + 'static>(
        &self,
        mut step: Step<T>,
        outlives_caller: bool,
    ) -> Running<T> {
        if let Step::Done(value) = step {
            return Box::pin(future::ready(value));
        }
        let this = self.clone();
        let carry_out = async move {
            loop {
                step = match step {
                    Step::Done(value) => return value,
                    Step::Fetch(fetch, reply) if fetch.shared && outlives_caller => {
                        return this.go_on_for_all(fetch, reply).await;
                    }
                    Step::Fetch(fetch, reply) => reply.resume(this.send(fetch).await, now()),
                    Step::Store(op, reply) => reply.resume(this.store(op).await, now()),
                    Step::Wait(duration, wake) => {
                        tokio::time::sleep(duration).await;
                        wake.resume(now())
                    }
                }
            }
        };
        Box::pin(carry_out.in_current_span())
    }

    /// On a task of its own, to the flow's end: a caller who gives up takes nobody's answer along, nor what is made of it.
    async fn go_on_for_all<T: Send + 'static>(&self, fetch: Fetch, reply: Reply<T>) -> T {
        let this = self.clone();
        let task = async move {
            let step = reply.resume(this.send(fetch).await, now());
            this.carry_out(step, true).await
        };
        match tokio::spawn(task.in_current_span()).await {
            Ok(value) => value,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            // The runtime is shutting down, and this task with it.
            Err(_) => std::future::pending().await,
        }
    }

    async fn send(&self, fetch: Fetch) -> FetchResult {
        let span =
            tracing::debug_span!("fetch", purpose = fetch.purpose.name(), host = fetch.request.uri().host());
        let started = Instant::now();
        let result = self.transport.send(fetch).instrument(span.clone()).await;
        let status = result.as_ref().map(|response| response.status().as_u16());
        span.in_scope(|| tracing::debug!(?status, elapsed = ?started.elapsed(), "fetched"));
        result
    }

    async fn store(&self, op: StoreOp) -> StoreResult {
        match &self.store {
            Some(store) => store.run(op, now()).await,
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
