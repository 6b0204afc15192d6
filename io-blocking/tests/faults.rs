//! What this driver survives: hostile providers, HTTP clients and surroundings.

use std::sync::Arc;
use std::time::{Duration, Instant};

use oidc_blocking::oidc_core::Claims;
use oidc_blocking::oidc_core::config::ConfigBuilder;
use oidc_blocking::oidc_core::error::TokenError;
use oidc_blocking::oidc_core::step::{Fetch, FetchResult};
use oidc_blocking::{Builder, Oidc, Transport, oidc_core};
use oidc_dev_provider::{Delivery, DevProvider, Endpoint, Fault};

#[path = "../../tests/faults_over_sockets.rs"]
mod faults_over_sockets;

/// What an HTTP client does, as a function.
type Send = Arc<dyn Fn(Fetch) -> FetchResult + std::marker::Send + Sync>;

struct Carrier(Send);

impl Transport for Carrier {
    fn send(&self, fetch: Fetch) -> FetchResult {
        (self.0)(fetch)
    }
}

/// The driver's handle, as the common tests want it.
struct Handle(Oidc);

impl Handle {
    fn new(config: ConfigBuilder) -> Self {
        Self(Builder::new(config).build().unwrap())
    }

    fn over(config: ConfigBuilder, send: Send) -> Self {
        Self(Builder::new(config).transport(Arc::new(Carrier(send))).build().unwrap())
    }

    fn verify(&self, token: &str) -> Result<Claims, TokenError> {
        self.0.verify_access_token(token)
    }
}

impl std::ops::Deref for Handle {
    type Target = Oidc;

    fn deref(&self) -> &Oidc {
        &self.0
    }
}

/// Its call blocks the thread; there is no runtime inside that could object or be starved.
#[test]
fn f05_it_can_be_called_from_within_a_future() {
    let provider = DevProvider::serve("127.0.0.1:0").unwrap();
    let oidc = Oidc::bearer(&provider.issuer(), "demo-client").unwrap();
    let token = provider.with(|provider| provider.access_token(Default::default(), now()));
    let mut future = std::pin::pin!(async { oidc.verify_access_token(&token).map(|_| ()) });
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert_eq!(future.as_mut().poll(&mut context), std::task::Poll::Ready(Ok(())));
}

/// A thread cannot be interrupted: the renewal ends with the fetch that it is in, which is over in five seconds.
#[test]
fn a_renewal_in_mid_fetch_ends_with_that_fetch() {
    let provider = DevProvider::serve("127.0.0.1:0").unwrap();
    provider.with(|provider| provider.set_fault(Some(Fault::Deliver(Endpoint::Any, Delivery::Hang))));
    let config = oidc_core::Config::resource_server(&provider.issuer(), "api");
    let oidc = Builder::new(config).background_renewal().build().unwrap();
    let asked = || provider.with(|provider| provider.requests("/openid-configuration")) > 0;
    let started = Instant::now();
    while !asked() {
        assert!(started.elapsed() < Duration::from_secs(5));
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(renewals(), 1);
    drop(oidc);
    let dropped = Instant::now();
    while renewals() > 0 {
        assert!(dropped.elapsed() < Duration::from_millis(5_500), "{:?}", dropped.elapsed());
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The threads of this process that renew.
fn renewals() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let names = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
    names.filter(|name| name.trim() == "oidc-renewal").count()
}

fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}
