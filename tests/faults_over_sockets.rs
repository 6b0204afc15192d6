//! What every driver must survive alike, over real sockets and on hostile HTTP clients, by the rows of the catalogue.
//! Each driver's tests include this file and give it a `Handle`, whose operations block.
//!
//! What measures memory, file descriptors or the environment runs in a process of its own.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use oidc_dev_provider::{AccessTokenRequest, Delivery, DevProvider, Endpoint, Fault, Running};
use serde_json::json;
use url::{Position, Url};

use super::oidc_core::config::ConfigBuilder;
use super::oidc_core::error::TokenError;
use super::oidc_core::step::{Fetch, FetchError, FetchResult};
use super::oidc_core::time::UnixTime;
use super::oidc_core::{Callback, Config, Error, LoginOptions, Secret, Step};
use super::{Handle, Send};

/// How long a request may take that needs a provider which does not answer, on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_millis(5_500);

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn fate(handle: &Handle, token: &str) -> &'static str {
    handle.verify(token).as_ref().map_or_else(TokenError::code, |_| "ok")
}

/// A provider on a socket, and an application's handle.
struct World {
    provider: Running,
    handle: Handle,
}

impl World {
    fn new() -> Self {
        let provider = DevProvider::serve("127.0.0.1:0").unwrap();
        provider.with(|provider| provider.auto_login(Some("ada")));
        let handle = Handle::new(config(&provider.issuer()));
        Self { provider, handle }
    }

    fn warm() -> (Self, String) {
        let world = Self::new();
        let token = world.token();
        assert_eq!(fate(&world.handle, &token), "ok");
        (world, token)
    }

    fn token(&self) -> String {
        self.provider.with(|provider| provider.access_token(AccessTokenRequest::default(), now()))
    }

    fn unknown(&self, kid: &str) -> String {
        self.provider.with(|provider| with_made_up_kid(provider, kid))
    }

    fn fault(&self, fault: Fault) {
        self.provider.with(|provider| provider.set_fault(Some(fault)));
    }

    fn sign_in(&self) -> &'static str {
        let redirect = match self.handle.begin_login(LoginOptions::default()) {
            Ok(redirect) => redirect,
            Err(error) => return error.code(),
        };
        let url = Url::parse(redirect.url.as_str()).unwrap();
        let request = http::Request::get(&url[Position::BeforePath..]).body(Vec::new()).unwrap();
        let response = self.provider.with(|provider| provider.answer(request, now()).response);
        let location = Url::parse(response.headers()["location"].to_str().unwrap()).unwrap();
        let callback = Callback::parse(location.query().unwrap()).unwrap();
        self.handle.finish_login(redirect.login, callback).as_ref().map_or_else(Error::code, |_| "ok")
    }
}

fn config(issuer: &str) -> ConfigBuilder {
    Config::builder(issuer, "demo-client", "http://127.0.0.1/callback")
        .client_secret(Secret::new("demo-secret"))
}

/// A token that nothing is wrong with but its key.
fn with_made_up_kid(provider: &DevProvider, kid: &str) -> String {
    let claims = json!({"iss": provider.issuer(), "aud": "demo-client", "sub": "ada", "client_id": "demo-client",
        "jti": "1", "iat": 1, "exp": 4_102_444_800_u64});
    provider.sign(&json!({"alg": "RS256", "typ": "at+jwt", "kid": kid}), &claims)
}

/// A provider without a network, as one function that any HTTP client can be made of.
#[derive(Clone)]
struct Direct(Arc<Mutex<DevProvider>>);

impl Direct {
    fn new() -> Self {
        let mut provider = DevProvider::new("https://op.example");
        provider.auto_login(Some("ada"));
        Self(Arc::new(Mutex::new(provider)))
    }

    fn answer(&self, fetch: Fetch) -> FetchResult {
        Ok(self.0.lock().unwrap().answer(fetch.request, now()).response)
    }

    fn send(&self) -> Send {
        let this = self.clone();
        Arc::new(move |fetch| this.answer(fetch))
    }

    fn token(&self) -> String {
        self.0.lock().unwrap().access_token(AccessTokenRequest::default(), now())
    }

    fn unknown(&self, kid: &str) -> String {
        with_made_up_kid(&self.0.lock().unwrap(), kid)
    }
}

/// What holds up whoever passes, until it is opened.
#[derive(Default)]
struct Gate {
    open: Mutex<bool>,
    changed: Condvar,
    waiting: AtomicUsize,
}

impl Gate {
    fn pass(&self) {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        drop(self.changed.wait_while(self.open.lock().unwrap(), |open| !*open).unwrap());
    }

    fn open(&self) {
        *self.open.lock().unwrap() = true;
        self.changed.notify_all();
    }

    /// Waits until somebody is held up.
    fn holds(&self) {
        until("somebody stands at the gate", || self.waiting.load(Ordering::SeqCst) > 0);
    }
}

fn until(what: &str, condition: impl Fn() -> bool) {
    let give_up = Instant::now() + Duration::from_secs(10);
    while !condition() {
        assert!(Instant::now() < give_up, "not reached: {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

/// A server that speaks as badly as it is told, by raw bytes; its metadata is right, and so are its keys at first.
struct Raw {
    provider: Direct,
    handle: Handle,
    /// The heads of the requests, in lower case.
    heads: Arc<Mutex<Vec<String>>>,
    spoiled: Arc<AtomicBool>,
}

impl Raw {
    fn new(keys: impl Fn(&mut TcpStream) + std::marker::Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let provider = Direct(Arc::new(Mutex::new(DevProvider::new(&issuer))));
        let (heads, spoiled) = (Arc::<Mutex<Vec<String>>>::default(), Arc::<AtomicBool>::default());
        let raw = Self { handle: Handle::new(config(&issuer)), provider, heads, spoiled };
        let (provider, heads, spoiled) =
            (raw.provider.clone(), Arc::clone(&raw.heads), Arc::clone(&raw.spoiled));
        let keys = Arc::new(keys);
        thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let lines = BufReader::new(&stream).lines().map_while(Result::ok);
                let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
                let Some(path) = head.first().and_then(|line| line.split(' ').nth(1)) else { continue };
                heads.lock().unwrap().push(head.join("\n").to_ascii_lowercase());
                if path == "/jwks" && spoiled.load(Ordering::SeqCst) {
                    let keys = Arc::clone(&keys);
                    thread::spawn(move || keys(&mut stream));
                    continue;
                }
                let request = http::Request::get(path).body(Vec::new()).unwrap();
                let body = provider.0.lock().unwrap().answer(request, now()).response.into_body();
                let _ = head_of(&mut stream, &format!("Content-Length: {}\r\n", body.len()));
                let _ = stream.write_all(&body);
            }
        });
        raw
    }

    /// With the right keys at hand.
    fn warm(keys: impl Fn(&mut TcpStream) + std::marker::Send + Sync + 'static) -> (Self, String) {
        let raw = Self::new(keys);
        let token = raw.provider.token();
        assert_eq!(fate(&raw.handle, &token), "ok");
        raw.spoiled.store(true, Ordering::SeqCst);
        (raw, token)
    }

    /// Why the last fetch of keys has failed.
    fn reason(&self) -> &'static str {
        self.handle.client().key_status(UnixTime::from_secs(now())).reason.unwrap_or("none")
    }
}

fn head_of(stream: &mut TcpStream, headers: &str) -> std::io::Result<()> {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n";
    stream.write_all(format!("{head}{headers}\r\n").as_bytes())
}

/// Whether this is a process of its own for the test; else one is started for it, after these shell commands.
fn alone(test: &str, setup: &str, variables: &[(&str, &str)]) -> bool {
    const MARK: &str = "OIDC_TEST_ALONE";
    if std::env::var_os(MARK).is_some() {
        return true;
    }
    let (_, module) = module_path!().split_once("::").unwrap();
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(format!("{setup} exec \"$0\" --exact \"$1\" --nocapture"));
    shell.arg(std::env::current_exe().unwrap()).arg(format!("{module}::{test}"));
    let output = shell.env(MARK, "1").envs(variables.iter().copied()).output().unwrap();
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
    for line in text.lines().filter(|line| line.starts_with("measured: ")) {
        println!("{test}: {line}");
    }
    false
}

/// A line of `/proc/self/status`, in KiB or as a number.
fn of_this_process(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// By how many KiB the memory in use grew at most while `action` ran.
fn growth_while<T>(action: impl FnOnce() -> T) -> (u64, T) {
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    let before = of_this_process("VmRSS:");
    let result = action();
    (of_this_process("VmHWM:").saturating_sub(before), result)
}

#[test]
fn d06_a_redirect_of_the_token_endpoint_is_not_followed() {
    for endpoint in [Endpoint::Token, Endpoint::Userinfo, Endpoint::Jwks, Endpoint::Discovery] {
        let world = World::new();
        world.fault(Fault::Redirect(endpoint));
        let _ = world.sign_in();
        let _ = fate(&world.handle, &world.token());
        for path in ["/token", "/userinfo", "/jwks", "/.well-known/openid-configuration"] {
            let elsewhere = format!("/dev/elsewhere{path}");
            assert_eq!(
                world.provider.with(|provider| provider.requests(&elsewhere)),
                0,
                "{endpoint:?} {path}"
            );
        }
    }
}

#[test]
fn d08_proxies_of_the_environment_are_not_used() {
    let proxy = "http://127.0.0.1:1";
    let names = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
    if alone("d08_proxies_of_the_environment_are_not_used", "", &names.map(|name| (name, proxy))) {
        let (world, _) = World::warm();
        let agent: ureq::Agent = ureq::Agent::config_builder().build().into();
        assert!(agent.get(world.provider.issuer()).call().is_err(), "whoever uses the proxy gets nowhere");
        assert_eq!(world.sign_in(), "ok");
    }
}

#[test]
fn d11_an_answer_that_ends_too_early_is_a_failure_and_old_keys_serve_on() {
    type Keys = fn(&mut TcpStream);
    let cases: [(Keys, &str); 7] = [
        (|_| {}, "provider_unreachable"),
        (|stream| drop(stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Ty")), "provider_unreachable"),
        (|stream| drop(head_of(stream, "Content-Length: 0\r\n")), "provider_malformed"),
        (
            |stream| {
                let _ = head_of(stream, "Content-Length: 4000\r\n");
                let _ = stream.write_all(b"{\"keys\": []}");
            },
            "provider_unreachable",
        ),
        (
            |stream| {
                let _ = head_of(stream, "Content-Length: 5\r\n");
                let _ = stream.write_all(b"{\"keys\": []}");
            },
            "provider_malformed",
        ),
        (
            |stream| {
                let _ = head_of(stream, "Transfer-Encoding: chunked\r\n");
                let _ = stream.write_all(b"20\r\n{\"keys\": [");
            },
            "provider_unreachable",
        ),
        (
            |stream| {
                let _ = head_of(stream, "Transfer-Encoding: chunked\r\n");
                let _ = stream.write_all(b"zz\r\n{\"keys\": []}\r\n0\r\n\r\n");
            },
            "provider_unreachable",
        ),
    ];
    for (number, (keys, reason)) in cases.into_iter().enumerate() {
        let (raw, token) = Raw::warm(keys);
        assert_eq!(fate(&raw.handle, &raw.provider.unknown("made-up")), "keys_unavailable", "case {number}");
        assert_eq!(raw.reason(), reason, "case {number}");
        assert_eq!(fate(&raw.handle, &token), "ok", "case {number}");
    }
}

/// 256 MiB, announced or in chunks, or without end.
#[test]
fn d12_a_body_of_256_mib_is_refused_within_a_second_and_2_mib() {
    if !alone("d12_a_body_of_256_mib_is_refused_within_a_second_and_2_mib", "", &[]) {
        return;
    }
    fn flood(stream: &mut TcpStream, chunks: bool, pieces: usize) {
        let piece = [b' '; 16 * 1024];
        for _ in 0..pieces {
            let framed = if chunks { stream.write_all(b"4000\r\n") } else { Ok(()) };
            let sent = framed.and_then(|()| stream.write_all(&piece));
            if sent.and_then(|()| if chunks { stream.write_all(b"\r\n") } else { Ok(()) }).is_err() {
                return;
            }
        }
    }
    type Keys = fn(&mut TcpStream);
    let cases: [(Keys, &str); 3] = [
        (
            |stream| {
                let _ = head_of(stream, "Content-Length: 268435456\r\n");
                flood(stream, false, 16_384);
            },
            "announced",
        ),
        (
            |stream| {
                let _ = head_of(stream, "Transfer-Encoding: chunked\r\n");
                flood(stream, true, 16_384);
            },
            "in chunks",
        ),
        (
            |stream| {
                let _ = head_of(stream, "");
                flood(stream, false, usize::MAX);
            },
            "without end",
        ),
    ];
    for (keys, how) in cases {
        let (raw, token) = Raw::warm(keys);
        let unknown = raw.provider.unknown("made-up");
        let started = Instant::now();
        let (growth, fate_of_unknown) = growth_while(|| fate(&raw.handle, &unknown));
        let elapsed = started.elapsed();
        println!("measured: 256 MiB {how}: {growth} KiB more, {elapsed:?}");
        assert_eq!((fate_of_unknown, raw.reason()), ("keys_unavailable", "provider_too_large"));
        assert!(elapsed < Duration::from_secs(1) && growth < 2 * 1024, "{how}: {elapsed:?}, {growth} KiB");
        assert_eq!(fate(&raw.handle, &token), "ok");
    }
}

/// Nobody asks for it, and who gets it nevertheless does not unpack it.
#[test]
fn d13_a_gzip_bomb_is_neither_asked_for_nor_unpacked() {
    if !alone("d13_a_gzip_bomb_is_neither_asked_for_nor_unpacked", "", &[]) {
        return;
    }
    let bomb = Arc::new(gzip_of_zeros(258 * 190_000));
    assert!(bomb.len() < 512 * 1024, "{} bytes for 48 MiB", bomb.len());
    let sent = Arc::clone(&bomb);
    let (raw, token) = Raw::warm(move |stream| {
        let _ = head_of(stream, &format!("Content-Encoding: gzip\r\nContent-Length: {}\r\n", sent.len()));
        let _ = stream.write_all(&sent);
    });
    let unknown = raw.provider.unknown("made-up");
    let started = Instant::now();
    let (growth, fate_of_unknown) = growth_while(|| fate(&raw.handle, &unknown));
    let elapsed = started.elapsed();
    println!("measured: gzip bomb of {} KiB for 48 MiB: {growth} KiB more, {elapsed:?}", bomb.len() / 1024);
    assert_eq!((fate_of_unknown, raw.reason()), ("keys_unavailable", "provider_malformed"));
    assert!(elapsed < Duration::from_secs(1) && growth < 2 * 1024, "{elapsed:?}, {growth} KiB");
    assert_eq!(fate(&raw.handle, &token), "ok");
    let heads = raw.heads.lock().unwrap();
    assert_eq!(heads.len(), 3);
    for head in heads.iter() {
        assert!(!head.contains("accept-encoding"), "{head}");
    }
}

/// A gzip member of so many zeros, a multiple of 258 and one: one block of fixed codes
/// ([RFC 1951 section 3.2.6](https://www.rfc-editor.org/rfc/rfc1951#section-3.2.6)).
fn gzip_of_zeros(length: usize) -> Vec<u8> {
    let mut bits: Vec<bool> = vec![true, true, false];
    let code = |bits: &mut Vec<bool>, value: u32, length: u32| {
        bits.extend((0..length).rev().map(|bit| value >> bit & 1 == 1));
    };
    code(&mut bits, 0b0011_0000, 8);
    for _ in 0..length / 258 {
        code(&mut bits, 0b1100_0101, 8);
        code(&mut bits, 0, 5);
    }
    code(&mut bits, 0, 7);
    let packed =
        bits.chunks(8).map(|byte| byte.iter().enumerate().map(|(at, bit)| u8::from(*bit) << at).sum::<u8>());
    let mut gzip = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    gzip.extend(packed);
    gzip.extend([0; 8]);
    gzip
}

#[test]
fn d14_d15_a_provider_that_drips_or_says_nothing_is_given_up_after_five_seconds() {
    for fault in
        [Fault::Deliver(Endpoint::Jwks, Delivery::Drip), Fault::Deliver(Endpoint::Discovery, Delivery::Hang)]
    {
        let world = World::new();
        world.fault(fault.clone());
        let started = Instant::now();
        assert_eq!(fate(&world.handle, &world.token()), "keys_unavailable");
        let elapsed = started.elapsed();
        println!("measured: {fault:?}: {elapsed:?}");
        assert!((Duration::from_secs(4)..PATIENCE).contains(&elapsed), "{fault:?}: {elapsed:?}");
    }
}

/// Whoever does not even take connections: a listener whose queue is full.
#[test]
fn d15_a_provider_that_takes_no_connection_is_given_up_after_five_seconds() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address: SocketAddr = listener.local_addr().unwrap();
    let full =
        (0..100_000).any(|_| TcpStream::connect_timeout(&address, Duration::from_millis(300)).is_err());
    assert!(full, "the queue never fills");
    let handle = Handle::new(config(&format!("http://{address}")));
    let token = with_made_up_kid(&DevProvider::new(&format!("http://{address}")), "any");
    let started = Instant::now();
    assert_eq!(fate(&handle, &token), "keys_unavailable");
    assert!((Duration::from_secs(2)..PATIENCE).contains(&started.elapsed()), "{:?}", started.elapsed());
}

#[test]
fn d16_known_keys_serve_while_a_fetch_for_an_unknown_one_hangs() {
    let (world, token) = World::warm();
    let times = || {
        let mut times: Vec<Duration> = (0..500)
            .map(|_| {
                let started = Instant::now();
                assert_eq!(fate(&world.handle, &token), "ok");
                started.elapsed()
            })
            .collect();
        times.sort_unstable();
        times[494]
    };
    times();
    let idle = times();
    world.fault(Fault::Deliver(Endpoint::Jwks, Delivery::Hang));
    let unknown = world.unknown("made-up");
    let before = world.provider.with(|provider| provider.requests("/jwks"));
    thread::scope(|scope| {
        let hanging = scope.spawn(|| fate(&world.handle, &unknown));
        until("the fetch is under way", || {
            world.provider.with(|provider| provider.requests("/jwks")) > before
        });
        let meanwhile = times();
        assert!(!hanging.is_finished(), "it still hangs");
        println!("measured: p99 {idle:?} idle, {meanwhile:?} meanwhile");
        assert!(meanwhile <= idle * 2 + Duration::from_millis(5), "{meanwhile:?} against {idle:?}");
        world.provider.with(|provider| provider.set_fault(None));
    });
}

#[test]
fn d17_a_provider_that_cannot_be_reached_is_unavailable_and_found_again() {
    for issuer in ["http://127.0.0.1:1", "https://127.0.0.1:1", "https://provider.invalid"] {
        let handle = Handle::new(config(issuer));
        let token = with_made_up_kid(&DevProvider::new(issuer), "any");
        let started = Instant::now();
        assert_eq!(fate(&handle, &token), "keys_unavailable", "{issuer}");
        assert!(started.elapsed() < PATIENCE, "{issuer}");
        let error = handle.begin_login(LoginOptions::default()).unwrap_err();
        assert_eq!(error.code(), "provider_unreachable", "{issuer}: {error}");
    }
}

/// Inside the back-off the answer is immediate, and no restart is needed.
#[test]
fn d19_while_the_provider_is_down_the_answer_is_fast_and_then_it_recovers() {
    let world = World::new();
    world.fault(Fault::Deliver(Endpoint::Any, Delivery::Reset));
    let token = world.token();
    assert_eq!(fate(&world.handle, &token), "keys_unavailable");
    let before = world.provider.with(|provider| provider.requests("/openid-configuration"));
    let fastest = (0..20).map(|_| {
        let started = Instant::now();
        assert_eq!(fate(&world.handle, &token), "keys_unavailable");
        started.elapsed()
    });
    let fastest = fastest.min().unwrap();
    assert!(fastest < Duration::from_millis(5), "{fastest:?}");
    assert_eq!(world.provider.with(|provider| provider.requests("/openid-configuration")), before);
    world.provider.with(|provider| provider.set_fault(None));
    until("it recovers", || fate(&world.handle, &token) == "ok");
}

#[test]
fn d20_with_the_budget_spent_an_unknown_kid_costs_microseconds() {
    let provider = Direct::new();
    let handle = Handle::over(config("https://op.example"), provider.send());
    let good = provider.token();
    assert_eq!(fate(&handle, &good), "ok");
    let forged: Vec<String> = (0..2_000).map(|number| provider.unknown(&format!("kid-{number}"))).collect();
    let fetches = || provider.0.lock().unwrap().requests("/jwks");
    let (before, started) = (fetches(), Instant::now());
    let client = handle.client();
    for token in &forged[..4] {
        fate(&handle, token);
    }
    let spent = Instant::now();
    for token in &forged[4..] {
        let step = client.verify_access_token(
            token,
            UnixTime::since_epoch(SystemTime::now().duration_since(UNIX_EPOCH).unwrap()),
        );
        drop(step);
    }
    let each = spent.elapsed() / 1_996;
    println!("measured: {each:?} for each refusal");
    let allowed = 3 + usize::try_from(started.elapsed().as_secs() / 5).unwrap();
    assert!(fetches() - before <= allowed, "{} fetches", fetches() - before);
    assert!(cfg!(debug_assertions) || each < Duration::from_micros(50), "{each:?}");
    assert_eq!(fate(&handle, &good), "ok");
}

/// Each good token, whatever set it is judged by, is good; a fetch that hangs holds up no reader.
#[test]
fn d32_sets_are_exchanged_whole_while_requests_run() {
    let (provider, gate) = (Direct::new(), Arc::<Gate>::default());
    let (carried, held_up, hold) = (provider.clone(), Arc::clone(&gate), Arc::<AtomicBool>::default());
    let holding = Arc::clone(&hold);
    let handle = Handle::over(
        config("https://op.example"),
        Arc::new(move |fetch| {
            if holding.load(Ordering::SeqCst) {
                held_up.pass();
            }
            carried.answer(fetch)
        }),
    );
    let first = provider.token();
    assert_eq!(fate(&handle, &first), "ok");
    let (tokens, done) = (Mutex::new(vec![first.clone()]), AtomicBool::new(false));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !done.load(Ordering::SeqCst) {
                    let known = tokens.lock().unwrap().clone();
                    for token in known {
                        assert_eq!(fate(&handle, &token), "ok");
                    }
                }
            });
        }
        for _ in 0..2 {
            provider.0.lock().unwrap().rotate_keys(true);
            let token = provider.token();
            assert_eq!(fate(&handle, &token), "ok", "by a new set");
            tokens.lock().unwrap().push(token);
        }
        done.store(true, Ordering::SeqCst);
    });
    // The budget is spent: the next set is the one of the next refill, which hangs.
    hold.store(true, Ordering::SeqCst);
    let fresh = provider.unknown("made-up");
    thread::scope(|scope| {
        let asking = scope.spawn(|| {
            until("a fetch is allowed again", || {
                fate(&handle, &fresh);
                gate.waiting.load(Ordering::SeqCst) > 0
            });
        });
        gate.holds();
        for _ in 0..1_000 {
            assert_eq!(fate(&handle, &first), "ok");
        }
        assert!(!asking.is_finished(), "the fetch still hangs");
        gate.open();
    });
}

#[test]
fn d34_a_panic_in_the_http_client_is_one_callers_and_the_others_are_served() {
    let (provider, gate, calls) = (Direct::new(), Arc::<Gate>::default(), Arc::<AtomicUsize>::default());
    let (carried, held_up, counted) = (provider.clone(), Arc::clone(&gate), Arc::clone(&calls));
    let handle = Handle::over(
        config("https://op.example"),
        Arc::new(move |fetch| {
            if counted.fetch_add(1, Ordering::SeqCst) == 0 {
                held_up.pass();
                panic!("as it was told");
            }
            carried.answer(fetch)
        }),
    );
    let (token, started) = (provider.token(), Barrier::new(9));
    thread::scope(|scope| {
        let first = scope.spawn(|| catch_unwind(AssertUnwindSafe(|| fate(&handle, &token))));
        gate.holds();
        let (handle, token, started) = (&handle, &token, &started);
        let others: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(move || {
                    started.wait();
                    fate(handle, token)
                })
            })
            .collect();
        started.wait();
        gate.open();
        assert!(first.join().unwrap().is_err(), "the caller sees the panic");
        for other in others {
            assert_eq!(other.join().unwrap(), "ok");
        }
    });
    assert_eq!(calls.load(Ordering::SeqCst), 3, "the one that panicked, and one of each document");
    assert_eq!(fate(&handle, &token), "ok");
}

/// 16 KiB of rubbish, of every kind that gets as far as it can.
#[test]
fn f01_a_flood_of_garbage_keeps_memory_flat() {
    if !alone("f01_a_flood_of_garbage_keeps_memory_flat", "", &[]) {
        return;
    }
    let provider = Direct::new();
    let handle = Handle::over(config("https://op.example"), provider.send());
    let good = provider.token();
    assert_eq!(fate(&handle, &good), "ok");
    let (header, _) = good.split_once('.').unwrap();
    let mut seed = 1_u64;
    let mut letters = |count: usize| -> String {
        let next = std::iter::repeat_with(|| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[(seed >> 58) as usize] as char
        });
        next.take(count).collect()
    };
    let garbage: Vec<String> = (0..64)
        .map(|kind| match kind % 4 {
            0 => letters(16_384),
            1 => format!("{}.{}.{}", letters(1_000), letters(15_000), letters(382)),
            2 => format!("{header}.{}.{}", letters(16_000 - header.len()), letters(342)),
            _ => ".".repeat(16_384),
        })
        .collect();
    let client = handle.client();
    let refuse = |count: usize| {
        let time = UnixTime::from_secs(now());
        for token in garbage.iter().cycle().take(count) {
            assert!(matches!(client.verify_access_token(token, time), Step::Done(Err(_))));
        }
    };
    refuse(1_000);
    let count = if cfg!(debug_assertions) { 20_000 } else { 1_000_000 };
    let started = Instant::now();
    let (growth, ()) = growth_while(|| refuse(count));
    let rate = (count as f64 / started.elapsed().as_secs_f64()) as u64;
    println!("measured: {count} refused, {rate} each second on one core, {growth} KiB more");
    assert!(growth < 5 * 1024, "{growth} KiB");
    assert!(cfg!(debug_assertions) || rate >= 50_000, "{rate} each second");
}

#[test]
fn f04_of_a_hundred_issuers_one_that_hangs_holds_up_no_other() {
    let gate = Arc::<Gate>::default();
    let held_up = Arc::clone(&gate);
    let hanging = Handle::over(
        config("https://op.example"),
        Arc::new(move |_| {
            held_up.pass();
            Err(FetchError::Timeout)
        }),
    );
    let provider = Direct::new();
    let token = provider.token();
    let others: Vec<Handle> =
        (0..99).map(|_| Handle::over(config("https://op.example"), provider.send())).collect();
    thread::scope(|scope| {
        let stuck = scope.spawn(|| fate(&hanging, &token));
        gate.holds();
        for other in &others {
            assert_eq!(fate(other, &token), "ok");
        }
        assert!(!stuck.is_finished());
        gate.open();
        assert_eq!(stuck.join().unwrap(), "keys_unavailable");
    });
}

#[test]
fn f08_no_lock_is_taken_by_unwrapping() {
    fn search(folder: &std::path::Path, found: &mut usize) {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                search(&entry.path(), found);
            } else {
                let code: String =
                    std::fs::read_to_string(entry.path()).unwrap().split_whitespace().collect();
                assert!(!code.contains(".lock().unwrap()") && !code.contains(".lock().expect("), "{entry:?}");
                *found += 1;
            }
        }
    }
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut found = 0;
    for folder in ["core/src", "io-blocking/src", "io-tokio/src"] {
        search(&root.join(folder), &mut found);
    }
    assert!(found > 20, "{found} files");
}

#[test]
fn f09_a_thousand_sessions_stay_within_64_mib() {
    if !alone("f09_a_thousand_sessions_stay_within_64_mib", "", &[]) {
        return;
    }
    let world = World::new();
    let mut sessions = Vec::new();
    for _ in 0..1_000 {
        let redirect = world.handle.begin_login(LoginOptions::default()).unwrap();
        let url = Url::parse(redirect.url.as_str()).unwrap();
        let request = http::Request::get(&url[Position::BeforePath..]).body(Vec::new()).unwrap();
        let response = world.provider.with(|provider| provider.answer(request, now()).response);
        let location = Url::parse(response.headers()["location"].to_str().unwrap()).unwrap();
        let callback = Callback::parse(location.query().unwrap()).unwrap();
        sessions.push(world.handle.finish_login(redirect.login, callback).unwrap());
    }
    assert!(sessions.iter().all(|session| session.sub() == "ada"));
    let peak = of_this_process("VmHWM:");
    println!("measured: {peak} KiB at most, with the provider in the same process");
    assert!(peak < 64 * 1024, "{peak} KiB");
}

#[test]
fn f10_without_file_descriptors_known_keys_serve_on_and_then_it_recovers() {
    if !alone("f10_without_file_descriptors_known_keys_serve_on_and_then_it_recovers", "ulimit -n 96;", &[]) {
        return;
    }
    let (world, token) = World::warm();
    let mut taken = Vec::new();
    // Connections that are being closed give theirs back late: none must have come free for a while.
    let mut full_since = Instant::now();
    while full_since.elapsed() < Duration::from_millis(200) {
        while let Ok(file) = std::fs::File::open("/dev/null") {
            taken.push(file);
            full_since = Instant::now();
        }
        std::thread::yield_now();
    }
    assert!(taken.len() > 10);
    world.provider.with(|provider| provider.rotate_keys(true));
    let rotated = world.token();
    let started = Instant::now();
    assert_eq!(fate(&world.handle, &rotated), "keys_unavailable");
    assert!(started.elapsed() < PATIENCE, "{:?}", started.elapsed());
    for _ in 0..100 {
        assert_eq!(fate(&world.handle, &token), "ok");
    }
    drop(taken);
    until("it recovers", || fate(&world.handle, &rotated) == "ok");
}

/// `SOAK_SECONDS` says how long it takes: 3, unless set. Ten minutes show the slope.
#[test]
fn f15_a_mixed_load_leaks_neither_memory_nor_descriptors_nor_threads() {
    if !alone("f15_a_mixed_load_leaks_neither_memory_nor_descriptors_nor_threads", "", &[]) {
        return;
    }
    let seconds = std::env::var("SOAK_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(3.0_f64);
    let world = World::new();
    let round = |number: usize| {
        let token = world.token();
        assert_eq!(fate(&world.handle, &token), "ok");
        assert_ne!(fate(&world.handle, &world.unknown(&format!("kid-{number}"))), "ok");
        assert_eq!(fate(&world.handle, "garbage"), "malformed");
        assert_eq!(world.sign_in(), "ok");
    };
    let descriptors = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let state = || (of_this_process("VmRSS:"), descriptors(), of_this_process("Threads:"));
    let (mut number, started) = (0, Instant::now());
    let mut run_until = |share: f64| {
        while started.elapsed().as_secs_f64() < seconds * share {
            round(number);
            number += 1;
        }
        number
    };
    run_until(0.4);
    until("the provider's threads have ended", || of_this_process("Threads:") < 20);
    let before = state();
    let rounds = run_until(1.0);
    until("descriptors and threads are as before", || {
        descriptors() <= before.1 + 4 && of_this_process("Threads:") <= before.2 + 2
    });
    let after = state();
    let slope = after.0.saturating_sub(before.0) as f64 / 1024.0 / (seconds * 0.6 / 60.0);
    println!(
        "measured: {rounds} rounds in {seconds} s; memory, descriptors, threads: {before:?} and {after:?}; {slope:.2} MiB a minute"
    );
    assert!(after.0.saturating_sub(before.0) < 5 * 1024, "{before:?} {after:?}");
    assert!(seconds < 300.0 || slope < 1.0, "{slope} MiB a minute");
}
