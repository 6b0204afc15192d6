//! One of our own hot paths, so many times: for counting its instructions, as `.ci/instructions` does.
//!
//! ```text
//! hot-path NAME TIMES
//! ```
//! Without arguments it lists the names.

use std::env;
use std::hint::black_box;
use std::pin::pin;
use std::process::ExitCode;
use std::task::{Context, Poll, Waker};
use std::time::SystemTime;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use oidc_benches::{BACKENDS, Fixtures, NOW};
use oidc_core::config::Remember;
use oidc_core::jose::{Algorithm, RustCrypto};
use oidc_core::{Guard, Incoming, Step, Verdict};
use oidc_tokio::axum::Identity;
use serde_json::json;
use tower_service::Service;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let paths = paths();
    if arguments.is_empty() {
        paths.iter().for_each(|(name, _)| println!("{name}"));
        return ExitCode::SUCCESS;
    }
    let [name, times] = arguments.as_slice() else { return usage() };
    let path = paths.iter().find(|(known, _)| known == name);
    let (Some((_, path)), Ok(times)) = (path, times.parse::<u32>()) else { return usage() };
    for _ in 0..times {
        path();
    }
    ExitCode::SUCCESS
}

fn usage() -> ExitCode {
    eprintln!("usage: hot-path NAME TIMES");
    ExitCode::from(2)
}

type Path = (&'static str, Box<dyn Fn()>);

fn paths() -> Vec<Path> {
    let (_, no_rsa) = BACKENDS[2];
    let with_rsa = Fixtures::new(Algorithm::Rs256, &RustCrypto);
    let without = || Fixtures::new(Algorithm::Rs256, no_rsa);
    let now = SystemTime::UNIX_EPOCH.elapsed().expect("the clock is set");
    let fresh = Fixtures::issued(now.as_secs(), Algorithm::Rs256, &RustCrypto);
    let expired = with_rsa.id_token_with(Algorithm::Rs256, &json!({ "exp": 1_600_000_000 }));
    vec![
        ("id-token", id_token(with_rsa)),
        ("id-token-without-rsa", id_token(without())),
        ("access-token-without-rsa", access_token(without())),
        ("expired", refused(without(), expired)),
        ("remembered", remembered(&without())),
        ("guard-remembered", guard(&without())),
        ("axum-open", axum(Router::new().route("/", get(async || "ada")), &fresh)),
        ("axum-remembered", axum(protected(&fresh), &fresh)),
    ]
}

fn id_token(fixtures: Fixtures) -> Box<dyn Fn()> {
    let Fixtures { keys, id_token, id_rules, .. } = fixtures;
    Box::new(move || assert!(id_rules.verify(black_box(&id_token), &keys, NOW).is_ok()))
}

fn access_token(fixtures: Fixtures) -> Box<dyn Fn()> {
    let Fixtures { keys, access_token, access_rules, .. } = fixtures;
    Box::new(move || assert!(access_rules.verify(black_box(&access_token), &keys, NOW).is_ok()))
}

fn refused(fixtures: Fixtures, token: String) -> Box<dyn Fn()> {
    let Fixtures { keys, id_rules, .. } = fixtures;
    Box::new(move || assert!(id_rules.verify(black_box(&token), &keys, NOW).is_err()))
}

fn remembered(fixtures: &Fixtures) -> Box<dyn Fn()> {
    let client = fixtures.client(Some(Remember::new()));
    let token = fixtures.access_token.clone();
    Box::new(move || {
        let verdict = client.verify_access_token(black_box(&token), NOW);
        assert!(matches!(verdict, Step::Done(Ok(_))));
    })
}

/// The whole decision about a request with a token that is remembered.
fn guard(fixtures: &Fixtures) -> Box<dyn Fn()> {
    let guard = Guard::new(fixtures.client(Some(Remember::new()))).expect("no entropy is needed");
    let bearer =
        HeaderValue::try_from(format!("Bearer {}", fixtures.access_token)).expect("a token is ASCII");
    let headers = HeaderMap::from_iter([(AUTHORIZATION, bearer)]);
    Box::new(move || {
        let incoming = Incoming {
            method: &Method::GET,
            target: "/",
            headers: black_box(&headers),
            body: None,
            presented: None,
        };
        let verdict = guard.require(incoming, NOW);
        assert!(matches!(verdict, Step::Done(Verdict::Allow { identity: Some(_), .. })));
    })
}

fn protected(fixtures: &Fixtures) -> Router {
    let oidc = oidc_tokio::Builder::new(fixtures.config(Some(Remember::new()))).build();
    let oidc = oidc.expect("the settings are whole");
    Router::new().route("/", get(async |who: Identity| who.sub().to_owned())).layer(oidc.layer())
}

/// A request with a token through a whole application, as a server does it.
fn axum(app: Router, fixtures: &Fixtures) -> Box<dyn Fn()> {
    let bearer = HeaderValue::try_from(format!("Bearer {}", fixtures.access_token));
    let bearer = bearer.expect("a token is ASCII");
    Box::new(move || {
        let mut request = Request::new(Body::empty());
        request.headers_mut().insert(AUTHORIZATION, bearer.clone());
        let answer = pin!(app.clone().call(black_box(request)));
        // Nothing is waited for.
        let answer = answer.poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(answer, Poll::Ready(Ok(answer)) if answer.status() == StatusCode::OK));
    })
}
