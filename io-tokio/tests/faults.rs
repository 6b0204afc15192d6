//! What this driver survives: hostile providers, HTTP clients and surroundings, and callers who give up.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use oidc_dev_provider::{AccessTokenRequest, Delivery, DevProvider, Endpoint, Fault};
use oidc_tokio::oidc_core::config::ConfigBuilder;
use oidc_tokio::oidc_core::error::TokenError;
use oidc_tokio::oidc_core::login::Redirect;
use oidc_tokio::oidc_core::step::{Fetch, FetchResult};
use oidc_tokio::oidc_core::{Callback, Claims, Client, Config, Error, LoginOptions, Secret, Session};
use oidc_tokio::{Builder, Oidc, Transport, oidc_core};
use tokio::runtime::Runtime;
use tokio::sync::Notify;
use url::{Position, Url};

#[path = "../../tests/faults_over_sockets.rs"]
mod faults_over_sockets;

/// What an HTTP client does, as a function.
type Send = Arc<dyn Fn(Fetch) -> FetchResult + std::marker::Send + Sync>;

struct Carrier(Send);

#[async_trait::async_trait]
impl Transport for Carrier {
    async fn send(&self, fetch: Fetch) -> FetchResult {
        let send = Arc::clone(&self.0);
        match tokio::task::spawn_blocking(move || send(fetch)).await {
            Ok(result) => result,
            Err(error) => resume_unwind(error.into_panic()),
        }
    }
}

/// The driver's handle on a runtime of its own, as the common tests want it.
struct Handle {
    oidc: Oidc,
    runtime: Runtime,
}

impl Handle {
    fn new(config: ConfigBuilder) -> Self {
        Self { oidc: Builder::new(config).build().unwrap(), runtime: runtime() }
    }

    fn over(config: ConfigBuilder, send: Send) -> Self {
        let oidc = Builder::new(config).transport(Arc::new(Carrier(send))).build().unwrap();
        Self { oidc, runtime: runtime() }
    }

    fn verify(&self, token: &str) -> Result<Claims, TokenError> {
        self.runtime.block_on(self.oidc.verify_access_token(token))
    }

    fn begin_login(&self, options: LoginOptions) -> Result<Redirect, Error> {
        self.runtime.block_on(self.oidc.begin_login(options))
    }

    fn finish_login(
        &self,
        login: oidc_core::login::LoginState,
        callback: Callback,
    ) -> Result<Session, Error> {
        self.runtime.block_on(self.oidc.finish_login(login, callback))
    }

    fn client(&self) -> &Client {
        self.oidc.client()
    }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// A provider as a function, behind a client that takes a few turns for each answer and can be held up.
#[derive(Clone)]
struct Slow {
    provider: Arc<Mutex<DevProvider>>,
    gate: Option<Arc<Notify>>,
    calls: Arc<AtomicUsize>,
}

impl Slow {
    fn new() -> Self {
        let mut provider = DevProvider::new("https://op.example");
        provider.auto_login(Some("ada"));
        Self { provider: Arc::new(Mutex::new(provider)), gate: None, calls: Arc::default() }
    }

    fn handle(&self) -> Oidc {
        let config = Config::builder("https://op.example", "demo-client", "http://127.0.0.1/callback");
        let config = config.client_secret(Secret::new("demo-secret"));
        Builder::new(config).transport(Arc::new(self.clone())).build().unwrap()
    }

    fn token(&self) -> String {
        self.provider.lock().unwrap().access_token(AccessTokenRequest::default(), now())
    }

    fn authorize(&self, url: &str) -> Callback {
        let url = Url::parse(url).unwrap();
        let request = http::Request::get(&url[Position::BeforePath..]).body(Vec::new()).unwrap();
        let response = self.provider.lock().unwrap().answer(request, now()).response;
        let location = Url::parse(response.headers()["location"].to_str().unwrap()).unwrap();
        Callback::parse(location.query().unwrap()).unwrap()
    }
}

#[async_trait::async_trait]
impl Transport for Slow {
    async fn send(&self, fetch: Fetch) -> FetchResult {
        self.calls.fetch_add(1, Ordering::SeqCst);
        if let Some(gate) = &self.gate {
            gate.notified().await;
        }
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
        Ok(self.provider.lock().unwrap().answer(fetch.request, now()).response)
    }
}

/// Polls a future so many times, letting other tasks run in between; what it came to, if it came so far.
async fn polled<T>(future: impl Future<Output = T>, times: usize) -> Option<T> {
    let mut future = pin!(future);
    for _ in 0..times {
        let polled = std::future::poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await;
        if let Poll::Ready(output) = polled {
            return Some(output);
        }
        tokio::task::yield_now().await;
    }
    None
}

#[tokio::test]
async fn f06_a_future_can_be_dropped_at_every_await_and_the_next_call_succeeds() {
    let mut dropped = 0;
    for times in 0.. {
        let slow = Slow::new();
        let (oidc, token) = (slow.handle(), slow.token());
        let given_up = polled(oidc.verify_access_token(&token), times).await;
        assert_eq!(oidc.verify_access_token(&token).await.unwrap().sub(), Some("ada"), "after {times} polls");
        assert_eq!(slow.calls.load(Ordering::SeqCst), 2, "the fetch goes on without its caller");
        if given_up.is_some() {
            break;
        }
        dropped += 1;
    }
    assert!(dropped >= 5, "dropped at {dropped} places");

    let mut dropped = 0;
    for times in 0.. {
        let slow = Slow::new();
        let oidc = slow.handle();
        let redirect = oidc.begin_login(LoginOptions::default()).await.unwrap();
        let callback = slow.authorize(redirect.url.as_str());
        let given_up = polled(oidc.finish_login(redirect.login, callback), times).await;
        let redirect = oidc.begin_login(LoginOptions::default()).await.unwrap();
        let callback = slow.authorize(redirect.url.as_str());
        let session = oidc.finish_login(redirect.login, callback).await.unwrap();
        assert_eq!(session.sub(), "ada", "after {times} polls");
        if given_up.is_some() {
            break;
        }
        dropped += 1;
    }
    assert!(dropped >= 5, "dropped at {dropped} places");
}

#[tokio::test]
async fn d33_a_caller_who_gives_up_takes_nobodys_fetch_along() {
    let gate = Arc::new(Notify::new());
    let slow = Slow { gate: Some(Arc::clone(&gate)), ..Slow::new() };
    let (oidc, token) = (slow.handle(), slow.token());
    let mut first = Box::pin(oidc.verify_access_token(&token));
    assert!(polled(first.as_mut(), 3).await.is_none());
    assert_eq!(slow.calls.load(Ordering::SeqCst), 1);
    let others: Vec<_> = (0..10)
        .map(|_| {
            let (oidc, token) = (oidc.clone(), token.clone());
            tokio::spawn(async move { oidc.verify_access_token(&token).await.map(|_| ()) })
        })
        .collect();
    tokio::task::yield_now().await;
    drop(first);
    let opening = tokio::spawn(async move {
        loop {
            gate.notify_one();
            tokio::task::yield_now().await;
        }
    });
    for other in others {
        assert_eq!(other.await.unwrap(), Ok(()));
    }
    opening.abort();
    assert_eq!(slow.calls.load(Ordering::SeqCst), 2, "one fetch of each document");
}

#[test]
fn d35_a_runtime_that_ends_in_mid_fetch_ends_at_once() {
    let provider = DevProvider::serve("127.0.0.1:0").unwrap();
    provider.with(|provider| provider.set_fault(Some(Fault::Deliver(Endpoint::Any, Delivery::Hang))));
    let runtime = runtime();
    let entered = runtime.enter();
    let config = Config::resource_server(&provider.issuer(), "demo-client");
    let oidc = Builder::new(config).background_renewal().build().unwrap();
    drop(entered);
    let token = provider.with(|provider| provider.access_token(AccessTokenRequest::default(), now()));
    let (asking, asked) = (oidc.clone(), Instant::now());
    let caller = runtime.spawn(async move { asking.verify_access_token(&token).await.map(|_| ()) });
    while provider.with(|provider| provider.requests("/openid-configuration")) == 0 {
        assert!(asked.elapsed() < Duration::from_secs(5));
        std::thread::sleep(Duration::from_millis(1));
    }
    let ending = Instant::now();
    drop(runtime);
    assert!(ending.elapsed() < Duration::from_secs(1), "{:?}", ending.elapsed());
    assert!(caller.is_finished());
    drop(oidc);
}

/// The task that renews ends with its handle, also in mid-fetch, and takes the fetch along.
#[tokio::test]
async fn d35_a_renewal_in_mid_fetch_ends_with_its_handle() {
    let gate = Arc::new(Notify::new());
    let slow = Arc::new(Slow { gate: Some(gate), ..Slow::new() });
    let config = Config::resource_server("https://op.example", "demo-client");
    let transport: Arc<dyn Transport> = slow.clone();
    let oidc = Builder::new(config).transport(transport).background_renewal().build().unwrap();
    while slow.calls.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    drop(oidc);
    let ended = async {
        while Arc::strong_count(&slow) > 1 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(1), ended).await.expect("the fetch outlives the handle");
}

/// Outside a runtime nothing can be fetched: tokio says so by a panic, nothing hangs, and nothing is left behind.
#[test]
fn f05_without_a_runtime_it_panics_at_once_and_then_works_with_one() {
    let slow = Slow::new();
    let (oidc, token) = (slow.handle(), slow.token());
    let mut context = Context::from_waker(Waker::noop());
    let panic = catch_unwind(AssertUnwindSafe(|| {
        let _ = pin!(oidc.verify_access_token(&token)).poll(&mut context);
    }));
    let panic = panic.unwrap_err();
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or(panic.downcast_ref::<&str>().copied()).unwrap();
    assert!(text.contains("Tokio"), "{text}");
    let runtime = runtime();
    assert!(runtime.block_on(oidc.verify_access_token(&token)).is_ok());
    let warm = pin!(oidc.verify_access_token(&token)).poll(&mut context);
    assert!(matches!(warm, Poll::Ready(Ok(_))), "with keys at hand no runtime is needed");
}
