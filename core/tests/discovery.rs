//! Metadata, keys and the other answers of a provider, right and wrong, by the rows of the catalogue.
#![cfg(feature = "rsa")]

mod support;

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION};
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use oidc_core::config::ConfigBuilder;
use oidc_core::entropy::EntropyFailed;
use oidc_core::error::TokenError;
use oidc_core::jose::{PreparedKey, PublicKey, RustCrypto, Verifier};
use oidc_core::keys::Freshness;
use oidc_core::step::FetchError;
use oidc_core::time::UnixTime;
use oidc_core::{Callback, Client, Config, EntropySource, Error, LoginOptions, Session, Step};
use oidc_dev_provider::{AccessTokenRequest, Delivery, Endpoint, Fault};
use proptest::prelude::*;
use serde_json::{Value, json};
use support::{ISSUER, START, Seeded, World, config, config_for};
use url::{Position, Url};

type Answer = Response<Vec<u8>>;
type Change = Box<dyn FnMut(&str, &mut Answer)>;

/// A world in which what the provider answers can be changed on its way: `change` is told what was asked for.
struct Lab {
    world: World,
    client: Client,
    /// Where each request went.
    urls: Vec<String>,
    change: Change,
}

impl Lab {
    fn new() -> Self {
        Self::with(config())
    }

    fn with(config: ConfigBuilder) -> Self {
        let world = World::with(config);
        Self { client: world.client(), world, urls: Vec::new(), change: Box::new(|_, _| {}) }
    }

    /// From now on, answers of this purpose are changed so.
    fn change(&mut self, purpose: &'static str, change: impl Fn(&mut Answer) + 'static) {
        self.change = Box::new(move |asked, answer| {
            if asked == purpose {
                change(answer);
            }
        });
    }

    fn change_json(&mut self, purpose: &'static str, change: impl Fn(&mut Value) + 'static) {
        self.change(purpose, move |answer| {
            let mut json = serde_json::from_slice(answer.body()).unwrap();
            change(&mut json);
            *answer.body_mut() = json.to_string().into_bytes();
        });
    }

    fn change_nothing(&mut self) {
        self.change = Box::new(|_, _| {});
    }

    fn run<T>(&mut self, flow: impl FnOnce(UnixTime) -> Step<T>) -> T {
        let mut step = flow(self.world.now);
        loop {
            step = match step {
                Step::Done(value) => return value,
                Step::Fetch(fetch, reply) => {
                    let (purpose, max_body) = (fetch.purpose.name(), fetch.max_body);
                    self.urls.push(fetch.request.uri().to_string());
                    let mut result = self.world.send(fetch);
                    if let Ok(answer) = &mut result {
                        (self.change)(purpose, answer);
                    }
                    let result = result.and_then(|answer| {
                        if answer.body().len() > max_body { Err(FetchError::TooLarge) } else { Ok(answer) }
                    });
                    reply.resume(result, self.world.now)
                }
                Step::Store(..) => panic!("no store is needed"),
                Step::Wait(duration, wake) => {
                    self.world.now = self.world.now.saturating_add(duration);
                    wake.resume(self.world.now)
                }
            };
        }
    }

    fn verify(&mut self, token: &str) -> Result<(), TokenError> {
        let client = self.client.clone();
        self.run(|now| client.verify_access_token(token, now)).map(|_| ())
    }

    /// How a token fares: `ok` or the error's code.
    fn fate(&mut self, token: &str) -> &'static str {
        self.verify(token).as_ref().map_or_else(TokenError::code, |()| "ok")
    }

    /// How a good token fares that is made now.
    fn fate_of_a_good_token(&mut self) -> &'static str {
        let token = self.world.access_token();
        self.fate(&token)
    }

    /// Why the last fetch of keys has failed.
    fn reason(&self) -> Option<&'static str> {
        self.client.key_status(self.world.now).reason
    }

    fn begin(&mut self) -> Result<oidc_core::login::Redirect, Error> {
        let client = self.client.clone();
        self.run(|now| client.begin_login(LoginOptions::default(), now))
    }

    fn sign_in(&mut self) -> Result<Session, Error> {
        let redirect = self.begin()?;
        let request = Request::get(&redirect.url[Position::BeforePath..]).body(Vec::new()).unwrap();
        let response = self.world.provider.answer(request, self.world.now.as_secs()).response;
        let location = Url::parse(response.headers()[LOCATION].to_str().unwrap()).unwrap();
        let callback = Callback::parse(location.query().unwrap()).unwrap();
        let client = self.client.clone();
        self.run(|now| client.finish_login(redirect.login, callback, now))
    }

    /// A sign-in's error code, or `ok`.
    fn fate_of_a_sign_in(&mut self) -> &'static str {
        self.sign_in().as_ref().map_or_else(Error::code, |_| "ok")
    }

    fn fetched(&self, purpose: &str) -> usize {
        self.world.fetched.iter().filter(|found| **found == purpose).count()
    }
}

/// A token that nothing is wrong with but its key.
fn with_made_up_kid(world: &World, kid: &str) -> String {
    let header = json!({"alg": "RS256", "typ": "at+jwt", "kid": kid});
    let claims = json!({"iss": ISSUER, "aud": "web", "sub": "a", "exp": START + 90_000, "iat": START,
        "jti": "1", "client_id": "web"});
    world.provider.sign(&header, &claims)
}

/// A good token that stays good for many hours.
fn lasting(world: &mut World) -> String {
    let request = AccessTokenRequest {
        client_id: "web".into(),
        audience: "web".into(),
        lifetime: 100_000,
        ..Default::default()
    };
    world.provider.access_token(request, world.now.as_secs())
}

fn set(answer: &mut Answer, name: HeaderName, value: &str) {
    answer.headers_mut().insert(name, HeaderValue::from_str(value).unwrap());
}

#[test]
fn d01_an_issuer_that_cannot_be_one_is_a_bad_setting() {
    for issuer in [
        "http://op.example",
        "http://10.0.0.1",
        "http://localhost.op.example",
        "ftp://op.example",
        "file:///etc/passwd",
        "https://op.example?tenant=a",
        "https://op.example/?",
        "https://op.example#",
        "https://ada@op.example",
        "https://ada:pw@op.example",
        "https://",
        "op.example",
        "",
    ] {
        for config in [config_for(issuer), Config::resource_server(issuer, "api")] {
            assert_eq!(config.build().unwrap_err().setting(), "issuer", "{issuer}");
        }
    }
}

#[test]
fn d02_metadata_of_another_issuer_is_refused_and_nothing_of_it_is_kept() {
    for found in
        ["https://op.example/", "https://OP.example", "https://evil.example", "https://op.example.evil"]
    {
        let mut lab = Lab::new();
        lab.change_json("discovery", move |metadata| metadata["issuer"] = found.into());
        let error = lab.begin().unwrap_err();
        assert_eq!(error.code(), "issuer_mismatch", "{found}");
        assert!(error.to_string().contains(found) && error.to_string().contains(ISSUER), "{error}");
        assert_eq!(lab.fate_of_a_good_token(), "keys_unavailable");
        assert_eq!(lab.fetched("keys"), 0, "the keys that it names are not asked for");
        lab.change_nothing();
        lab.world.pass(5);
        assert_eq!(lab.fate_of_a_good_token(), "ok");
        assert_eq!(lab.world.provider.requests("/openid-configuration"), 2);
    }
}

#[test]
fn d03_an_endpoint_that_is_insecure_missing_or_no_address_is_refused_when_it_is_needed() {
    for (address, code) in [
        (json!("http://op.example/x"), "provider_insecure"),
        (json!("http://127.0.0.1/x"), "provider_insecure"),
        (json!("file:///etc/passwd"), "provider_insecure"),
        (json!("ftp://op.example/x"), "provider_insecure"),
        (json!("javascript:alert(1)"), "provider_insecure"),
        (json!("/x"), "provider_malformed"),
        (json!("//evil.example/x"), "provider_malformed"),
        (json!(""), "provider_malformed"),
        (json!("https://op.example/x#y"), "provider_malformed"),
        (json!(5), "provider_malformed"),
        (json!(["https://op.example/x"]), "provider_malformed"),
        (json!(null), ""),
    ] {
        let mut lab = Lab::new();
        let value = address.clone();
        lab.change_json("discovery", move |metadata| metadata["jwks_uri"] = value.clone());
        let code_of_keys = if address.is_null() { "provider_malformed" } else { code };
        assert_eq!(lab.begin().unwrap_err().code(), code_of_keys, "jwks_uri {address}");
        assert_eq!(lab.fate_of_a_good_token(), "keys_unavailable", "{address}");
        assert_eq!(lab.fetched("keys"), 0, "{address}");

        let mut lab = Lab::new();
        let value = address.clone();
        lab.change_json("discovery", move |metadata| metadata["token_endpoint"] = value.clone());
        assert_eq!(lab.fate_of_a_good_token(), "ok", "who does not need it is served: {address}");
        let code_of_token = if address.is_null() { "no_endpoint" } else { code };
        assert_eq!(lab.fate_of_a_sign_in(), code_of_token, "token_endpoint {address}");
        assert_eq!(lab.fetched("token"), 0, "{address}");
    }
}

#[test]
fn d04_keys_on_another_host_are_taken() {
    let mut lab = Lab::new();
    lab.change_json("discovery", |metadata| {
        metadata["jwks_uri"] = "https://keys.elsewhere.example/jwks".into();
    });
    assert_eq!(lab.fate_of_a_good_token(), "ok");
    assert_eq!(lab.urls[1], "https://keys.elsewhere.example/jwks");
}

#[test]
fn d05_a_redirect_of_metadata_or_keys_is_refused_and_leads_to_no_further_request() {
    let places = ["https://evil.example/x", "http://op.example/x", "//evil.example/x", "/jwks"];
    for (status, place) in
        [301_u16, 302, 303, 307, 308].iter().flat_map(|status| places.map(|at| (*status, at)))
    {
        let redirect = move |answer: &mut Answer| {
            *answer.status_mut() = StatusCode::from_u16(status).unwrap();
            set(answer, LOCATION, place);
        };
        let mut lab = Lab::new();
        lab.change("discovery", redirect);
        let error = lab.begin().unwrap_err();
        assert_eq!(error.code(), "provider_status");
        assert_eq!(error.to_string(), format!("discovery: answered {status}; redirects are not followed"));
        assert_eq!(lab.urls.len(), 1, "{status} {place}");

        let mut lab = Lab::new();
        lab.change("keys", redirect);
        assert_eq!(lab.fate_of_a_good_token(), "keys_unavailable");
        assert_eq!((lab.reason(), lab.urls.len()), (Some("provider_status"), 2), "{status} {place}");
    }
}

#[test]
fn d06_a_redirect_of_the_token_endpoint_gets_neither_code_nor_secret() {
    for status in [301, 302, 303, 307, 308] {
        let mut lab = Lab::new();
        lab.change("token", move |answer| {
            *answer.status_mut() = StatusCode::from_u16(status).unwrap();
            set(answer, LOCATION, "https://evil.example/token");
        });
        assert_eq!(lab.fate_of_a_sign_in(), "provider_status", "{status}");
        assert_eq!(lab.urls.last().unwrap(), "https://op.example/token", "the last request: {status}");
        assert_eq!(lab.fetched("token"), 1, "{status}");
    }
}

#[test]
fn d09_an_answer_of_another_status_is_a_failure_and_old_keys_serve_on() {
    for status in [204_u16, 206, 304, 400, 404, 429, 500, 503] {
        let spoil = move |answer: &mut Answer| *answer.status_mut() = StatusCode::from_u16(status).unwrap();
        for purpose in ["discovery", "keys"] {
            let mut cold = Lab::new();
            cold.change(purpose, spoil);
            assert_eq!(cold.fate_of_a_good_token(), "keys_unavailable", "{purpose} {status}");
        }
        if status == 304 {
            continue; // With keys at hand it is a good answer: they are unchanged.
        }
        let mut lab = Lab::new();
        assert_eq!(lab.fate_of_a_good_token(), "ok");
        lab.change("keys", spoil);
        lab.world.pass(300);
        assert_eq!(lab.fate_of_a_good_token(), "ok", "{status}");
        assert_eq!((lab.fetched("keys"), lab.reason()), (2, Some("provider_status")), "{status}");
    }
}

#[test]
fn d09_a_304_without_anything_held_is_a_failure_and_backs_off() {
    let mut lab = Lab::new();
    lab.change("keys", |answer| *answer.status_mut() = StatusCode::NOT_MODIFIED);
    for _ in 0..50 {
        assert_eq!(lab.fate_of_a_good_token(), "keys_unavailable");
    }
    assert_eq!((lab.fetched("keys"), lab.reason()), (1, Some("provider_status")));
}

#[test]
fn d09_retry_after_is_waited_for() {
    for (asked, waited) in [("30", 30), ("100000", 300)] {
        let mut lab = Lab::new();
        lab.change("keys", move |answer| {
            *answer.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            set(answer, http::header::RETRY_AFTER, asked);
        });
        let token = lab.world.access_token();
        assert_eq!(lab.fate(&token), "keys_unavailable");
        let wait = Duration::from_secs(waited);
        let told = lab.verify(&token).unwrap_err();
        assert_eq!(told, TokenError::KeysUnavailable { retry_after: wait });
        lab.world.pass(waited - 1);
        lab.verify(&token).unwrap_err();
        assert_eq!(lab.fetched("keys"), 1, "not before");
        lab.world.pass(1);
        lab.verify(&token).unwrap_err();
        assert_eq!(lab.fetched("keys"), 2);
    }
}

#[test]
fn d10_a_page_in_place_of_the_keys_is_a_failure_and_old_keys_serve_on() {
    for (content_type, taken) in [
        (Some("text/html"), false),
        (Some("text/html; charset=utf-8"), false),
        (Some("text/plain"), false),
        (Some("application/octet-stream"), false),
        (Some("application/jsonp"), false),
        (Some(""), false),
        (None, false),
        (Some("application/json"), true),
        (Some("APPLICATION/JSON; charset=utf-8"), true),
        (Some("application/jwk-set+json"), true),
    ] {
        let mut lab = Lab::new();
        assert_eq!(lab.fate_of_a_good_token(), "ok");
        lab.change("keys", move |answer| match content_type {
            Some(content_type) => set(answer, CONTENT_TYPE, content_type),
            None => {
                answer.headers_mut().remove(CONTENT_TYPE);
            }
        });
        lab.world.pass(300);
        assert_eq!(lab.fate_of_a_good_token(), "ok");
        assert_eq!(lab.fetched("keys"), 2);
        let reason = if taken { None } else { Some("provider_content_type") };
        assert_eq!(lab.reason(), reason, "{content_type:?}");
    }
}

#[test]
fn d11_half_an_answer_is_a_failure_and_old_keys_serve_on() {
    let whole = World::new().provider.jwks().to_string();
    for length in (0..whole.len()).step_by(101).chain([whole.len() - 1]) {
        let mut lab = Lab::new();
        assert_eq!(lab.fate_of_a_good_token(), "ok");
        lab.change("keys", move |answer| answer.body_mut().truncate(length));
        lab.world.pass(300);
        assert_eq!(lab.fate_of_a_good_token(), "ok");
        assert_eq!((lab.fetched("keys"), lab.reason()), (2, Some("provider_malformed")), "{length} bytes");
    }
}

#[test]
fn d22_a_flood_of_unknown_kids_during_an_outage_follows_the_back_off() {
    for warm in [true, false] {
        let mut lab = Lab::new();
        let good = lab.world.access_token();
        if warm {
            assert_eq!(lab.fate(&good), "ok");
        }
        lab.world.down = true;
        lab.world.pass(1);
        let mut attempts = Vec::new();
        for number in 0..600 {
            let before = lab.world.fetched.len();
            let forged = with_made_up_kid(&lab.world, &format!("kid-{number}"));
            assert_eq!(lab.fate(&forged), "keys_unavailable", "it may be good");
            if lab.world.fetched.len() > before {
                attempts.push(lab.world.now);
            }
            if warm {
                assert_eq!(lab.fate(&good), "ok");
            }
            lab.world.now = lab.world.now.saturating_add(Duration::from_millis(100));
        }
        let pauses = attempts.windows(2).map(|pair| pair[1].saturating_since(pair[0]).as_millis());
        for (pause, step) in
            pauses.zip([1_000_u128, 2_000, 4_000].into_iter().chain(std::iter::repeat(5_000)))
        {
            assert!(pause >= step * 3 / 4, "{pause} ms after a failure, where {step} is the step");
        }
        assert!((10..=20).contains(&attempts.len()), "{} attempts in a minute", attempts.len());
    }
}

#[test]
fn d23_a_rotation_during_a_flood_is_seen_within_five_seconds() {
    for lead in [0_u64, 1_300, 2_600, 4_900] {
        let mut lab = Lab::new();
        assert_eq!(lab.fate_of_a_good_token(), "ok");
        lab.world.pass(1);
        let flood = |lab: &mut Lab, number: u64| {
            let forged = with_made_up_kid(&lab.world, &format!("kid-{number}"));
            assert_ne!(lab.fate(&forged), "ok");
            lab.world.now = lab.world.now.saturating_add(Duration::from_millis(100));
        };
        for number in 0..(10_000 + lead) / 100 {
            flood(&mut lab, number);
        }
        lab.world.provider.rotate_keys(false);
        let rotated = lasting(&mut lab.world);
        let since = lab.world.now;
        let mut number = 1_000;
        while lab.fate(&rotated) != "ok" {
            number += 1;
            flood(&mut lab, number);
        }
        let waited = lab.world.now.saturating_since(since);
        assert!(waited <= Duration::from_secs(5), "{waited:?}");
        for number in 2_000..2_100 {
            flood(&mut lab, number);
            assert_eq!(lab.fate(&rotated), "ok", "and it stays so");
        }
    }
}

#[test]
fn d24_a_planned_rotation_fails_no_request_and_costs_no_fetch_of_its_own() {
    let mut lab = Lab::new();
    let old = lasting(&mut lab.world);
    assert_eq!(lab.fate(&old), "ok");
    lab.world.provider.rotate_keys(true);
    let new = lasting(&mut lab.world);
    for _ in 0..300 {
        lab.world.pass(1);
        assert_eq!(lab.fate(&old), "ok");
    }
    assert_eq!(lab.fetched("keys"), 2, "the periodic refresh");
    for _ in 0..200 {
        lab.world.pass(1);
        assert_eq!((lab.fate(&new), lab.fate(&old)), ("ok", "ok"));
    }
    assert_eq!(lab.fetched("keys"), 2);
}

#[test]
fn d25_tokens_of_the_old_key_fail_only_after_the_new_set_is_there() {
    let mut lab = Lab::new();
    let old = lasting(&mut lab.world);
    assert_eq!(lab.fate(&old), "ok");
    lab.world.pass(1);
    lab.world.provider.rotate_keys(false);
    let new = lasting(&mut lab.world);
    assert_eq!(lab.fate(&old), "ok", "the old set is still the one held");
    assert_eq!(lab.fetched("keys"), 1);
    assert_eq!(lab.fate(&new), "ok");
    assert_eq!(lab.fetched("keys"), 2);
    assert_eq!(lab.fate(&old), "unknown_key");
}

#[test]
fn d26_a_withdrawn_key_is_refused_when_the_longest_lifetime_is_over() {
    for (shortest, longest, asked) in
        [(60, 600, "max-age=86400"), (60, 600, "public"), (10, 20, "max-age=300")]
    {
        let bounds = (Duration::from_secs(shortest), Duration::from_secs(longest));
        let mut lab = Lab::with(config().refresh_between(bounds.0, bounds.1));
        lab.change = Box::new(move |_, answer| set(answer, CACHE_CONTROL, asked));
        let token = lasting(&mut lab.world);
        assert_eq!(lab.fate(&token), "ok");
        lab.world.provider.rotate_keys(false);
        lab.world.pass(longest);
        assert_eq!(lab.fate(&token), "unknown_key", "{asked} within {longest} s");
    }
}

#[test]
fn d27_an_outage_is_survived_until_the_configured_time() {
    let mut lab = Lab::with(config().max_stale(Duration::from_secs(3_600)));
    let token = lasting(&mut lab.world);
    assert_eq!(lab.fate(&token), "ok");
    lab.world.down = true;
    for _ in 0..359 {
        lab.world.pass(10);
        assert_eq!(lab.fate(&token), "ok");
    }
    let status = lab.client.key_status(lab.world.now);
    assert_eq!((status.freshness, status.reason), (Freshness::Stale, Some("provider_unreachable")));
    lab.world.pass(10);
    assert_eq!(lab.fate(&token), "keys_unavailable");
    assert_eq!(lab.client.key_status(lab.world.now).freshness, Freshness::None);
}

#[test]
fn d28_a_set_without_a_usable_key_blanks_nothing_and_is_asked_for_again() {
    let elliptic = json!({"kty": "EC", "crv": "P-256", "kid": "1", "x": "AA", "y": "AA"});
    for keys in [json!([]), json!([elliptic]), json!([{}, 5, null, "x"])] {
        let mut lab = Lab::new();
        assert_eq!(lab.fate_of_a_good_token(), "ok");
        lab.change_json("keys", move |set| set["keys"] = keys.clone());
        lab.world.pass(300);
        for _ in 0..60 {
            assert_eq!(lab.fate_of_a_good_token(), "ok");
            lab.world.pass(1);
        }
        let status = lab.client.key_status(lab.world.now);
        assert_eq!((status.freshness, status.reason), (Freshness::Stale, Some("keys_unavailable")));
        let attempts = lab.fetched("keys") - 1;
        assert!((5..=8).contains(&attempts), "{attempts} in a minute, 1, 2, 4 … s apart");
        lab.change_nothing();
        lab.world.pass(60);
        assert_eq!(lab.fate_of_a_good_token(), "ok");
        assert_eq!(lab.client.key_status(lab.world.now).freshness, Freshness::Fresh);
    }
}

#[test]
fn d29_a_set_that_shrinks_is_taken_so_that_withdrawing_works() {
    let mut lab = Lab::new();
    let old = lasting(&mut lab.world);
    lab.world.provider.rotate_keys(true);
    let new = lasting(&mut lab.world);
    assert_eq!((lab.fate(&old), lab.fate(&new)), ("ok", "ok"));
    let kid = lab.world.provider.current_kid();
    lab.change_json("keys", move |set| {
        set["keys"].as_array_mut().unwrap().retain(|key| key["kid"] == kid.as_str());
    });
    lab.world.pass(300);
    assert_eq!((lab.fate(&new), lab.fate(&old)), ("ok", "unknown_key"));
    assert_eq!(lab.reason(), None);
}

#[test]
fn d30_a_set_of_too_many_or_too_large_keys_is_refused_whole_and_old_keys_serve_on() {
    let crowd = |count: usize, same_kid: bool| {
        move |set: &mut Value| {
            let right = set["keys"][0].clone();
            let others = (1..count).map(|number| {
                let mut other = right.clone();
                if !same_kid {
                    other["kid"] = format!("other-{number}").into();
                }
                other
            });
            let mut keys: Vec<Value> = others.collect();
            keys.push(right.clone());
            set["keys"] = keys.into();
        }
    };
    let certificate =
        |bytes: usize| move |set: &mut Value| set["keys"][0]["x5c"] = json!(["A".repeat(bytes)]);
    type Change = Box<dyn Fn(&mut Value)>;
    let cases: [(Change, Option<&str>); 7] = [
        (Box::new(crowd(64, false)), None),
        (Box::new(crowd(64, true)), None),
        (Box::new(crowd(65, false)), Some("provider_malformed")),
        (Box::new(crowd(1_000, true)), Some("provider_malformed")),
        (Box::new(crowd(10_000, false)), Some("provider_too_large")),
        (Box::new(certificate(400_000)), None),
        (Box::new(certificate(1_000_000)), Some("provider_too_large")),
    ];
    for (number, (change, reason)) in cases.into_iter().enumerate() {
        let mut lab = Lab::new();
        assert_eq!(lab.fate_of_a_good_token(), "ok");
        lab.change_json("keys", change);
        lab.world.pass(300);
        assert_eq!(lab.fate_of_a_good_token(), "ok", "case {number}");
        assert_eq!((lab.fetched("keys"), lab.reason()), (2, reason), "case {number}");
    }
}

#[test]
fn d31_the_headers_are_followed_within_bounds() {
    let date = "Tue, 14 Nov 2023 22:13:20 GMT";
    for (headers, longest) in [
        (vec![("cache-control", "max-age=0")], 60),
        (vec![("cache-control", "max-age=1000000000")], 600),
        (vec![("cache-control", "max-age=99999999999999999999")], 600),
        (vec![("cache-control", "no-store")], 60),
        (vec![("cache-control", "no-cache, max-age=300")], 60),
        (vec![("cache-control", "public, MAX-AGE=\"300\"")], 300),
        (vec![("cache-control", "max-age=300"), ("age", "100")], 200),
        (vec![("cache-control", "max-age=300"), ("age", "5000")], 60),
        (vec![("cache-control", "max-age=300"), ("expires", "0")], 300),
        (vec![("date", date), ("expires", "Tue, 14 Nov 2023 22:18:20 GMT")], 300),
        (vec![("date", date), ("expires", "Tue, 14 Nov 2023 21:00:00 GMT")], 60),
        (vec![("date", date), ("expires", "0")], 60),
        (vec![("expires", "Tue, 14 Nov 2023 22:18:20 GMT")], 60),
        (vec![("cache-control", "public")], 600),
        (vec![], 600),
    ] {
        let mut lab = Lab::new();
        let named = headers.clone();
        lab.change = Box::new(move |_, answer| {
            answer.headers_mut().remove(CACHE_CONTROL);
            for (name, value) in &named {
                set(answer, HeaderName::from_static(name), value);
            }
        });
        let token = lasting(&mut lab.world);
        let mut lifetime = 0;
        while lab.fetched("keys") < 2 {
            assert_eq!(lab.fate(&token), "ok");
            lab.world.pass(1);
            lifetime += 1;
        }
        lifetime -= 1;
        assert!((longest * 79 / 100..=longest).contains(&lifetime), "{headers:?}: {lifetime} s of {longest}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// The one date that is read as text is a caching header, by a parser without `unsafe` and without time zones.
    #[test]
    fn f22_dates_as_text_are_survived_whatever_they_say(date in "[ -~]{0,40}", expires in "[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT") {
        let mut lab = Lab::new();
        lab.change = Box::new(move |_, answer| {
            answer.headers_mut().remove(CACHE_CONTROL);
            set(answer, http::header::DATE, &date);
            set(answer, http::header::EXPIRES, &expires);
        });
        let token = lasting(&mut lab.world);
        prop_assert_eq!(lab.fate(&token), "ok");
        lab.world.pass(47);
        prop_assert_eq!(lab.fate(&token), "ok");
        prop_assert_eq!(lab.fetched("keys"), 1);
    }
}

#[test]
fn d36_instances_that_start_together_refresh_apart() {
    struct Start(u8);
    impl EntropySource for Start {
        fn fill(&self, out: &mut [u8]) -> Result<(), EntropyFailed> {
            out.fill(self.0);
            Ok(())
        }
    }
    let renewals: BTreeSet<u64> = (1..=100)
        .map(|instance| {
            let mut lab = Lab::new();
            lab.client = Client::new(config().build().unwrap(), Arc::new(Start(instance)));
            let client = lab.client.clone();
            let (keys, next) = lab.run(|now| client.renew_keys(now));
            keys.unwrap();
            next.as_secs() - START
        })
        .collect();
    let (first, last) = (renewals.first().unwrap(), renewals.last().unwrap());
    assert!(renewals.len() >= 30 && last - first >= 60, "{renewals:?}");
}

#[test]
fn d37_metadata_is_read_strictly_where_it_is_used_and_not_where_it_is_not() {
    let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    for (member, text, code) in [
        ("unknown", "{\"a\": [1, null, true]}".to_owned(), "ok"),
        ("userinfo_endpoint", "null".to_owned(), "ok"),
        ("id_token_signing_alg_values_supported", "null".to_owned(), "ok"),
        ("authorization_response_iss_parameter_supported", "null".to_owned(), "ok"),
        ("scopes_supported", "5".to_owned(), "ok"),
        ("unknown", nested(31), "ok"),
        ("unknown", nested(40), "provider_malformed"),
        ("unknown", nested(10_000), "provider_malformed"),
        ("unknown", format!("\"{}\"", "a".repeat(1 << 20)), "provider_too_large"),
        (
            "unknown",
            format!("{{{}}}", (0..300).map(|n| format!("\"{n}\":1")).collect::<Vec<_>>().join(",")),
            "provider_malformed",
        ),
        ("issuer", "null".to_owned(), "provider_malformed"),
        ("issuer", "[\"https://op.example\"]".to_owned(), "provider_malformed"),
        (
            "issuer",
            "\"https://op.example\", \"issuer\": \"https://op.example\"".to_owned(),
            "provider_malformed",
        ),
        ("jwks_uri", "{}".to_owned(), "provider_malformed"),
        (
            "jwks_uri",
            "\"https://op.example/jwks\", \"jwks\\u005furi\": \"https://evil.example/\"".to_owned(),
            "provider_malformed",
        ),
        ("id_token_signing_alg_values_supported", "\"RS256\"".to_owned(), "provider_malformed"),
        ("authorization_response_iss_parameter_supported", "\"true\"".to_owned(), "provider_malformed"),
        ("token_endpoint", "true".to_owned(), "provider_malformed"),
    ] {
        let mut lab = Lab::new();
        let placed = text.clone();
        lab.change("discovery", move |answer| {
            let mut metadata: Value = serde_json::from_slice(answer.body()).unwrap();
            metadata[member] = "HERE".into();
            *answer.body_mut() = metadata.to_string().replace("\"HERE\"", &placed).into_bytes();
        });
        assert_eq!(lab.fate_of_a_sign_in(), code, "{member}: {text:.80}");
    }
}

#[test]
fn d38_a_provider_without_a_common_algorithm_is_told_with_both_lists() {
    for offered in [json!(["ES256", "PS256"]), json!(["none", "HS256"]), json!(["rs256"]), json!([])] {
        let mut lab = Lab::new();
        let list = offered.clone();
        lab.change_json("discovery", move |metadata| {
            metadata["id_token_signing_alg_values_supported"] = list.clone();
        });
        let error = lab.begin().unwrap_err();
        assert_eq!(error.code(), "provider_unsupported", "{offered}");
        let text = error.to_string();
        let names = offered.as_array().unwrap().iter().filter_map(Value::as_str);
        assert!(names.clone().all(|name| text.contains(name)) && text.contains("Rs256"), "{text}");
    }
    let mut lab = Lab::with(Config::resource_server(ISSUER, "web"));
    lab.change_json("discovery", |metadata| {
        metadata["id_token_signing_alg_values_supported"] = json!(["ES256"]);
    });
    assert_eq!(lab.fate_of_a_good_token(), "ok", "who takes no ID tokens does not care");
}

#[test]
fn d39_an_endpoint_that_moves_is_followed_only_by_good_metadata() {
    for (issuer, place, followed) in [
        (ISSUER, "https://moved.example/jwks", true),
        (ISSUER, "http://moved.example/jwks", false),
        ("https://moved.example", "https://moved.example/jwks", false),
    ] {
        let mut lab = Lab::new();
        assert_eq!(lab.fate_of_a_good_token(), "ok");
        lab.change_json("discovery", move |metadata| {
            metadata["issuer"] = issuer.into();
            metadata["jwks_uri"] = place.into();
        });
        lab.world.pass(300);
        assert_eq!(lab.fate_of_a_good_token(), "ok");
        assert_eq!(lab.fetched("discovery"), 2);
        let expected = if followed { place } else { "https://op.example/jwks" };
        assert_eq!(lab.urls.last().unwrap(), expected, "{issuer} {place}");
    }
}

#[test]
fn d40_a_token_response_of_the_wrong_form_is_a_typed_error() {
    let member = |name: &'static str, value: Value| {
        move |body: &str| {
            let mut answer: Value = serde_json::from_str(body).unwrap();
            answer[name] = value.clone();
            answer.to_string()
        }
    };
    let with_text =
        |text: &'static str| move |body: &str| format!("{}, {text}}}", body.trim_end_matches('}'));
    let exactly = |text: &'static str| move |_: &str| text.to_owned();
    type Change = Box<dyn Fn(&str) -> String>;
    let cases: Vec<(u16, &str, Change, &str)> = vec![
        (200, "application/json", Box::new(str::to_owned), "ok"),
        (200, "application/json", Box::new(exactly(r#"{"error":"invalid_grant"}"#)), "provider_error"),
        (400, "application/json", Box::new(exactly(r#"{"error":"invalid_grant"}"#)), "provider_error"),
        (400, "text/html", Box::new(exactly("<html>")), "provider_status"),
        (200, "text/html", Box::new(exactly("<html>")), "provider_content_type"),
        (200, "application/json", Box::new(exactly("{}")), "provider_malformed"),
        (200, "application/json", Box::new(exactly("[]")), "provider_malformed"),
        (200, "application/json", Box::new(member("token_type", json!(null))), "provider_malformed"),
        (200, "application/json", Box::new(member("token_type", json!("mac"))), "token_type"),
        (200, "application/json", Box::new(member("token_type", json!("BEARER"))), "ok"),
        (200, "application/json", Box::new(member("access_token", json!(""))), "provider_malformed"),
        (200, "application/json", Box::new(member("expires_in", json!(null))), "ok"),
        (200, "application/json", Box::new(member("expires_in", json!(3600.5))), "ok"),
        (200, "application/json", Box::new(member("expires_in", json!("3600"))), "provider_malformed"),
        (200, "application/json", Box::new(member("expires_in", json!(-1))), "provider_malformed"),
        (200, "application/json", Box::new(member("expires_in", json!(1e300))), "provider_malformed"),
        (200, "application/json", Box::new(member("id_token", json!(["a"]))), "provider_malformed"),
        (200, "application/json", Box::new(with_text(r#""id_token": "a.b.c""#)), "provider_malformed"),
        (200, "application/json", Box::new(with_text(r#""id\u005ftoken": "a.b.c""#)), "provider_malformed"),
    ];
    for (number, (status, content_type, change, code)) in cases.into_iter().enumerate() {
        let mut lab = Lab::new();
        let content_type = content_type.to_owned();
        lab.change("token", move |answer| {
            *answer.status_mut() = StatusCode::from_u16(status).unwrap();
            set(answer, CONTENT_TYPE, &content_type);
            *answer.body_mut() = change(std::str::from_utf8(answer.body()).unwrap()).into_bytes();
        });
        assert_eq!(lab.fate_of_a_sign_in(), code, "case {number}");
    }
}

#[test]
fn d41_a_code_that_was_sent_is_not_sent_again() {
    for delivery in [Delivery::Hang, Delivery::Drip, Delivery::Reset, Delivery::Cut] {
        let (mut world, mut browser) = (World::new(), support::Browser::default());
        let callback = browser.start(&mut world, "/profile");
        let cookies = browser.cookies.clone();
        world.provider.set_fault(Some(Fault::Deliver(Endpoint::Token, delivery)));
        let answer = browser.ask(&mut world, callback.clone());
        assert_eq!(answer.status(), 503, "{delivery:?}");
        assert!(answer.body.contains("return_to=%2Fprofile"), "one can try again: {}", answer.body);
        world.provider.set_fault(None);
        browser.cookies = cookies;
        assert_eq!(browser.ask(&mut world, callback).code(), "state_mismatch", "{delivery:?}");
        assert_eq!(world.provider.requests("/token"), 1, "{delivery:?}");
        assert_eq!(browser.sign_in(&mut world).status(), 303);
    }
}

#[test]
fn d42_userinfo_is_an_object_or_a_signed_one_and_nothing_else() {
    let as_type =
        |content_type: &'static str| move |answer: &mut Answer| set(answer, CONTENT_TYPE, content_type);
    let body = |text: &'static str| move |answer: &mut Answer| *answer.body_mut() = text.into();
    let break_signature = |answer: &mut Answer| {
        let token = String::from_utf8(answer.body().clone()).unwrap();
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let first = if signature.starts_with('A') { "B" } else { "A" };
        *answer.body_mut() = format!("{signed}.{first}{}", &signature[1..]).into_bytes();
    };
    let unsigned = |answer: &mut Answer| {
        let token = String::from_utf8(answer.body().clone()).unwrap();
        let claims = token.split('.').nth(1).unwrap();
        *answer.body_mut() = format!("eyJhbGciOiJub25lIn0.{claims}.").into_bytes();
    };
    type Change = Box<dyn Fn(&mut Answer)>;
    let cases: Vec<(bool, Change, &str)> = vec![
        (false, Box::new(|_| {}), "ok"),
        (true, Box::new(|_| {}), "ok"),
        (true, Box::new(break_signature), "bad_signature"),
        (true, Box::new(unsigned), "algorithm_not_allowed"),
        (true, Box::new(as_type("application/json")), "provider_malformed"),
        (false, Box::new(as_type("application/jwt")), "malformed"),
        (false, Box::new(as_type("text/html")), "provider_content_type"),
        (false, Box::new(as_type("text/plain")), "provider_content_type"),
        (false, Box::new(body("[]")), "provider_malformed"),
        (false, Box::new(body("[{\"sub\":\"ada\"}]")), "provider_malformed"),
        (false, Box::new(body("{\"sub\":\"ada\",\"sub\":\"ada\"}")), "provider_malformed"),
        (false, Box::new(body("{\"sub\":[\"ada\"]}")), "subject_mismatch"),
        (false, Box::new(body("{}")), "subject_mismatch"),
        (false, Box::new(body("")), "provider_malformed"),
    ];
    for (number, (signed, change, code)) in cases.into_iter().enumerate() {
        let mut lab = Lab::new();
        lab.world.provider.sign_userinfo(signed);
        let session = lab.sign_in().unwrap();
        lab.change("userinfo", change);
        let client = lab.client.clone();
        let userinfo = lab.run(|now| client.userinfo(&session, now));
        assert_eq!(userinfo.as_ref().map_or_else(Error::code, |_| "ok"), code, "case {number}");
    }
}

#[test]
fn d43_metadata_is_looked_for_by_appending_to_the_issuer_as_it_is_written() {
    for (issuer, place) in [
        ("https://op.example", "https://op.example/.well-known/openid-configuration"),
        ("https://op.example/", "https://op.example/.well-known/openid-configuration"),
        ("https://op.example:8443", "https://op.example:8443/.well-known/openid-configuration"),
        ("https://[2001:db8::1]", "https://[2001:db8::1]/.well-known/openid-configuration"),
        ("https://[2001:db8::1]:8443/a", "https://[2001:db8::1]:8443/a/.well-known/openid-configuration"),
        ("http://[::1]:8080", "http://[::1]:8080/.well-known/openid-configuration"),
        ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example/.well-known/openid-configuration"),
        (
            "https://op.example/a%20b/%C3%BC",
            "https://op.example/a%20b/%C3%BC/.well-known/openid-configuration",
        ),
        (
            "https://op.example/tenant-1/v2.0",
            "https://op.example/tenant-1/v2.0/.well-known/openid-configuration",
        ),
        ("https://op.example/realms/a/", "https://op.example/realms/a/.well-known/openid-configuration"),
    ] {
        let mut lab = Lab::with(config_for(issuer));
        assert_eq!(lab.fate_of_a_sign_in(), "ok", "{issuer}");
        assert_eq!(lab.urls[0], place);
    }
    for issuer in ["https://bücher.example", "https://op.example/ü", "https://op.example/a b"] {
        assert_eq!(config_for(issuer).build().unwrap_err().setting(), "issuer", "{issuer}");
    }
}

/// A backend that counts what it verifies, and panics on demand.
#[derive(Debug, Clone, Default)]
struct Watched {
    verified: Arc<AtomicUsize>,
    panics: Arc<AtomicBool>,
}

struct WatchedKey(Watched, Box<dyn PreparedKey>);

impl Verifier for Watched {
    fn prepare(&self, key: &PublicKey<'_>) -> Option<Box<dyn PreparedKey>> {
        assert!(!self.panics.load(Ordering::Relaxed), "as it was told");
        Some(Box::new(WatchedKey(self.clone(), RustCrypto.prepare(key)?)))
    }
}

impl PreparedKey for WatchedKey {
    fn verify(&self, algorithm: oidc_core::jose::Algorithm, message: &[u8], signature: &[u8]) -> bool {
        assert!(!self.0.panics.load(Ordering::Relaxed), "as it was told");
        self.0.verified.fetch_add(1, Ordering::Relaxed);
        self.1.verify(algorithm, message, signature)
    }
}

impl Lab {
    fn watched() -> (Self, Watched) {
        let (mut lab, watched) = (Self::new(), Watched::default());
        let backend = Arc::new(watched.clone());
        lab.client = Client::with_backend(config().build().unwrap(), Arc::new(Seeded::new()), backend);
        (lab, watched)
    }
}

#[test]
fn f02_a_hopeless_token_costs_no_rsa_and_a_forged_one_exactly_one() {
    let (mut lab, watched) = Lab::watched();
    let good = lab.world.access_token();
    assert_eq!(lab.fate(&good), "ok");
    let kid = lab.world.provider.current_kid();
    let forged = |lab: &Lab, header: Value, claims: Value| {
        let mut head = json!({"alg": "RS256", "typ": "at+jwt", "kid": kid});
        let mut body = json!({"iss": ISSUER, "aud": "web", "sub": "ada", "client_id": "web", "jti": "1",
            "iat": START, "exp": START + 300});
        head.as_object_mut().unwrap().extend(header.as_object().unwrap().clone());
        body.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
        let token = lab.world.provider.sign(&head, &body);
        let (signed, signature) = token.rsplit_once('.').unwrap();
        format!("{signed}.{}{}", if signature.starts_with('A') { "B" } else { "A" }, &signature[1..])
    };
    for (header, claims, code, rsa) in [
        (json!({}), json!({}), "bad_signature", 1),
        (json!({"alg": "RS512"}), json!({}), "algorithm_not_allowed", 0),
        (json!({"typ": "JWT"}), json!({}), "wrong_type", 0),
        (json!({}), json!({"iss": "https://evil.example"}), "claim_invalid", 0),
        (json!({}), json!({"aud": "other"}), "claim_invalid", 0),
        (json!({}), json!({"exp": START - 61}), "expired", 0),
        (json!({}), json!({"nbf": START + 61}), "not_yet_valid", 0),
        (json!({"kid": "made-up"}), json!({}), "unknown_key", 0),
    ] {
        let token = forged(&lab, header, claims);
        let before = watched.verified.load(Ordering::Relaxed);
        assert_eq!(lab.fate(&token).replace("keys_unavailable", "unknown_key"), code);
        assert_eq!(watched.verified.load(Ordering::Relaxed) - before, rsa, "{code}");
    }
}

#[test]
fn f07_a_panic_in_a_part_of_ones_own_leaves_the_client_whole() {
    let (mut lab, watched) = Lab::watched();
    let token = lab.world.access_token();
    watched.panics.store(true, Ordering::Relaxed);
    for _ in 0..3 {
        assert!(catch_unwind(AssertUnwindSafe(|| lab.fate(&token))).is_err(), "while the keys are prepared");
    }
    watched.panics.store(false, Ordering::Relaxed);
    assert_eq!(lab.fate(&token), "ok", "the lease was given back");
    watched.panics.store(true, Ordering::Relaxed);
    assert!(catch_unwind(AssertUnwindSafe(|| lab.fate(&token))).is_err(), "while a token is verified");
    watched.panics.store(false, Ordering::Relaxed);
    assert_eq!(lab.fate(&token), "ok");

    struct Panicking(Arc<AtomicBool>);
    impl EntropySource for Panicking {
        fn fill(&self, out: &mut [u8]) -> Result<(), EntropyFailed> {
            assert!(!self.0.load(Ordering::Relaxed), "as it was told");
            Seeded::new().fill(out)
        }
    }
    let panics = Arc::<AtomicBool>::default();
    lab.client = Client::new(config().build().unwrap(), Arc::new(Panicking(Arc::clone(&panics))));
    panics.store(true, Ordering::Relaxed);
    assert!(catch_unwind(AssertUnwindSafe(|| lab.fate_of_a_sign_in())).is_err());
    panics.store(false, Ordering::Relaxed);
    assert_eq!(lab.fate_of_a_sign_in(), "ok");
}

#[test]
fn f13_a_restart_during_an_outage_is_503_until_keys_come_and_serves_at_once_with_a_snapshot() {
    let mut lab = Lab::new();
    let token = lasting(&mut lab.world);
    lab.world.down = true;
    assert_eq!(lab.fate(&token), "keys_unavailable");
    let snapshot = lab.world.provider.jwks().to_string();
    let config = config().static_keys(&snapshot).build().unwrap();
    let before = lab.world.fetched.len();
    let restarted = Client::new(config, Arc::new(Seeded::new()));
    let without = std::mem::replace(&mut lab.client, restarted);
    assert_eq!((lab.fate(&token), lab.world.fetched.len()), ("ok", before));
    lab.client = without;
    lab.world.down = false;
    lab.world.pass(5);
    assert_eq!(lab.fate(&token), "ok");
}

#[test]
fn f14_a_cookie_of_another_versions_format_is_no_session_and_makes_no_loop() {
    use base64ct::{Base64UrlUnpadded, Encoding};
    let name = "__Host-oidc-session";
    for version in [0_u8, 2, 255] {
        let (mut world, mut browser) = (World::new(), support::Browser::default());
        browser.sign_in(&mut world);
        let (chunks, sealed) = browser.cookies[name].split_once('~').unwrap();
        let mut bytes = Base64UrlUnpadded::decode_vec(sealed).unwrap();
        assert_eq!(std::mem::replace(&mut bytes[0], version), 1, "the format of this version");
        let other = format!("{chunks}~{}", Base64UrlUnpadded::encode_string(&bytes));
        browser.cookies.insert(name.into(), other);
        let answer = browser.open(&mut world, "/");
        assert_eq!(
            (answer.status(), answer.sub()),
            (0, None),
            "{version}: the application's turn, as nobody"
        );
        assert!(!browser.has_session(), "{version}: it is cleared");
        assert_eq!(browser.sign_in(&mut world).status(), 303);
        assert_eq!(browser.open(&mut world, "/").sub(), Some("ada"), "{version}");
    }
}

/// What `deny.toml` forbids, as far as the lock file tells.
#[test]
fn f19_f20_f21_no_dependency_is_below_its_floor() {
    let lock = include_str!("../../Cargo.lock");
    let locked = |wanted: &str| -> Vec<(u64, u64, u64)> {
        let packages =
            lock.split("[[package]]").filter(|package| package.contains(&format!("\nname = \"{wanted}\"\n")));
        let version = |package: &str| {
            let text = package
                .split("version = \"")
                .nth(1)
                .unwrap()
                .split(['"', '-', '+'])
                .next()
                .unwrap()
                .to_owned();
            let mut numbers = text.split('.').map(|number| number.parse().unwrap());
            let mut next = || numbers.next().unwrap();
            (next(), next(), next())
        };
        packages.map(version).collect()
    };
    assert!(locked("h2").iter().all(|version| *version >= (0, 4, 4)), "f19");
    assert!(
        !locked("rustls").is_empty() && locked("rustls").iter().all(|version| *version >= (0, 23, 5)),
        "f20"
    );
    assert!(!locked("url").is_empty() && locked("url").iter().all(|version| *version >= (2, 5, 4)), "f21");
    assert!(locked("idna").iter().all(|version| *version >= (1, 0, 0)), "f21");
}
