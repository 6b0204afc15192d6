//! What a server keeps of sign-ins that are started and never finished, in bytes: `login-starts [TIMES]`, a million times
//! unless told otherwise. Fails if it is one byte.
//!
//! A program of its own, since counting takes time.

use std::env;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use allocation_counter::measure;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method, Response};
use oidc_core::entropy::EntropyFailed;
use oidc_core::step::Purpose;
use oidc_core::time::UnixTime;
use oidc_core::{Client, Config, EntropySource, Guard, Incoming, LoginOptions, Secret, Step, Verdict};

const NOW: UnixTime = UnixTime::from_secs(1_700_000_000);
const METADATA: &str = r#"{"issuer":"https://op.example","jwks_uri":"https://op.example/jwks",
    "authorization_endpoint":"https://op.example/authorize","token_endpoint":"https://op.example/token",
    "response_types_supported":["code"],"subject_types_supported":["public"],
    "id_token_signing_alg_values_supported":["RS256"]}"#;

fn main() -> ExitCode {
    let times = env::args().nth(1).map_or(1_000_000, |times| times.parse().expect("a number"));
    let config = Config::builder("https://op.example", "web", "https://rp.example/callback");
    let config = config.client_secret(Secret::new("secret")).build().expect("the settings are right");
    let client = Client::new(config, Arc::new(Counter(AtomicU64::new(1))));
    let guard = Guard::new(client.clone()).expect("there is entropy");
    learn_metadata(&client);
    let headers = HeaderMap::new();
    let starts: [(&str, &dyn Fn(UnixTime)); 3] = [
        ("Client::begin_login", &|now| begin(&client, now)),
        ("GET /login", &|now| redirected(guard.check(incoming("/login?return_to=/profile", &headers), now))),
        ("GET /profile, which requires a session", &|now| {
            redirected(guard.require(incoming("/profile", &headers), now))
        }),
    ];
    let kept: Vec<i64> = starts.iter().map(|(name, start)| kept(name, start, times)).collect();
    if kept.iter().all(|bytes| *bytes == 0) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A microsecond after another, so that no metadata is due.
fn kept(name: &str, start: &dyn Fn(UnixTime), times: u32) -> i64 {
    let starts = || (0..times).for_each(|time| start(NOW.saturating_add(Duration::from_micros(time.into()))));
    let counted = measure(starts);
    let (kept, most, each) =
        (counted.bytes_current, counted.bytes_max, counted.count_total / u64::from(times.max(1)));
    println!("{name}: {times} started, {kept} bytes kept, {most} at most at a time, {each} allocations each");
    kept
}

fn begin(client: &Client, now: UnixTime) {
    let Step::Done(begun) = client.begin_login(LoginOptions::default(), now) else {
        panic!("nothing is to be fetched")
    };
    assert!(begun.is_ok());
}

fn redirected(step: Step<Verdict>) {
    let Step::Done(Verdict::Reply { status, .. }) = step else { panic!("nothing is to be fetched") };
    assert_eq!(status, 303);
}

fn incoming<'a>(target: &'a str, headers: &'a HeaderMap) -> Incoming<'a> {
    Incoming { method: &Method::GET, target, headers, body: None, presented: None }
}

fn learn_metadata(client: &Client) {
    let Step::Fetch(fetch, reply) = client.begin_login(LoginOptions::default(), NOW) else {
        panic!("a fetch is due")
    };
    assert_eq!(fetch.purpose, Purpose::Discovery);
    let response = Response::builder().header(CONTENT_TYPE, "application/json").body(METADATA.into());
    let step = reply.resume(Ok(response.expect("it is a response")), NOW);
    assert!(matches!(step, Step::Done(Ok(_))), "the metadata is fine");
}

/// Different bytes each time, which is all that matters here.
struct Counter(AtomicU64);

impl EntropySource for Counter {
    fn fill(&self, out: &mut [u8]) -> Result<(), EntropyFailed> {
        for chunk in out.chunks_mut(8) {
            let number = self.0.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            chunk.copy_from_slice(&number.to_be_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}
