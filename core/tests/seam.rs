//! The seam: what a driver is asked to do, in which order, and what it may do wrong.
#![cfg(feature = "rsa")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use oidc_core::entropy::EntropyFailed;
use oidc_core::keys::Freshness;
use oidc_core::step::{Fetch, FetchError, FetchResult};
use oidc_core::time::UnixTime;
use oidc_core::{Client, EntropySource, LoginOptions, Secret, Step};
use oidc_dev_provider::{AccessTokenRequest, Delivery, Endpoint, Fault};
use serde_json::json;
use support::{START, World, config};

fn token_step(world: &World, token: &str) -> Step<Result<oidc_core::Claims, oidc_core::error::TokenError>> {
    world.client().verify_access_token(token, world.now)
}

fn fetch<T>(step: Step<T>) -> (Fetch, impl FnOnce(FetchResult, UnixTime) -> Step<T>) {
    match step {
        Step::Fetch(fetch, reply) => (fetch, |result, now| reply.resume(result, now)),
        other => panic!("{other:?}"),
    }
}

fn code_of(result: &Result<oidc_core::Claims, oidc_core::error::TokenError>) -> &'static str {
    result.as_ref().map_or_else(oidc_core::error::TokenError::code, |_| "ok")
}

/// What is refused with keys at hand is refused in the same words after a fetch, and what is accepted is accepted.
#[test]
fn cold_and_warm_verdicts_are_the_same() {
    let mut warm = World::new();
    let good = warm.access_token();
    assert_eq!(warm.bearer(&good).sub(), Some("ada"));
    let minted = |extra: serde_json::Value| AccessTokenRequest {
        client_id: "web".into(),
        audience: "web".into(),
        extra: extra.as_object().unwrap().clone(),
        ..Default::default()
    };
    let mut tokens =
        vec![good.clone(), "junk".into(), format!("{good}x"), format!("{}A", &good[..good.len() - 1])];
    tokens.push(good.replace('.', ".."));
    for extra in
        [json!({"exp": START - 100}), json!({"iss": "x"}), json!({"aud": "x"}), json!({"nbf": START + 100})]
    {
        tokens.push(warm.provider.access_token(minted(extra), START));
    }
    let header = json!({"alg": "RS256", "typ": "at+jwt", "kid": "made-up"});
    tokens.push(warm.provider.sign(
        &header,
        &json!({"iss": support::ISSUER, "aud": "web", "sub": "a",
        "exp": START + 9, "iat": START, "jti": "1", "client_id": "web"}),
    ));
    let mut codes = Vec::new();
    for token in &tokens {
        warm.pass(6);
        warm.now = warm.now.max(UnixTime::from_secs(START));
        let now = warm.now;
        let client = warm.client();
        let with_keys = warm.run(|now| client.verify_access_token(token, now));
        let mut cold = World::new();
        cold.now = now;
        let client = cold.client();
        let after_fetch = cold.run(|now| client.verify_access_token(token, now));
        assert_eq!(
            with_keys.as_ref().map(|claims| claims.all().clone()),
            after_fetch.as_ref().map(|c| c.all().clone())
        );
        codes.push(code_of(&with_keys));
    }
    codes.sort_unstable();
    codes.dedup();
    assert!(codes.len() >= 6, "the tokens differ in kind: {codes:?}");
}

#[test]
fn d18_a_hundred_first_requests_make_one_metadata_and_one_key_fetch() {
    let mut world = World::new();
    let token = world.access_token();
    let mut flows: Vec<_> = (0..100).map(|_| Some(token_step(&world, &token))).collect();
    let mut served = 0;
    while served < 100 {
        for flow in &mut flows {
            *flow = match flow.take() {
                None => None,
                Some(Step::Done(result)) => {
                    assert_eq!(code_of(&result), "ok");
                    served += 1;
                    None
                }
                Some(Step::Fetch(fetch, reply)) => {
                    assert!(fetch.shared);
                    let result = world.send(fetch);
                    Some(reply.resume(result, world.now))
                }
                Some(Step::Wait(_, wake)) => Some(wake.resume(world.now)),
                Some(Step::Store(..)) => panic!("no store is needed"),
            };
        }
        world.now = world.now.saturating_add(Duration::from_millis(10));
    }
    assert_eq!(world.fetched, ["discovery", "keys"]);
}

#[test]
fn a_flow_that_waits_ends_when_its_time_is_up() {
    let world = World::new();
    let mut step = token_step(&world, &World::new().access_token());
    let _held = fetch(step);
    step = token_step(&world, &World::new().access_token());
    let mut now = world.now;
    let result = loop {
        step = match step {
            Step::Wait(duration, wake) => {
                now = now.saturating_add(duration);
                wake.resume(now)
            }
            Step::Fetch(fetch, reply) => {
                assert!(fetch.timeout <= Duration::from_millis(20), "{:?}", fetch.timeout);
                reply.resume(Err(FetchError::Timeout), now)
            }
            Step::Done(result) => break result,
            Step::Store(..) => panic!("no store is needed"),
        };
    };
    assert_eq!(code_of(&result), "keys_unavailable");
    assert!(now.saturating_since(world.now) <= Duration::from_secs(5));
}

#[test]
fn f06_a_flow_that_is_dropped_anywhere_leaves_the_next_one_able() {
    for fetches in 0..2 {
        let mut world = World::new();
        let token = world.access_token();
        let mut step = token_step(&world, &token);
        for _ in 0..fetches {
            let (request, resume) = fetch(step);
            let result = world.send(request);
            step = resume(result, world.now);
        }
        drop(step);
        assert_eq!(world.bearer(&token).sub(), Some("ada"));
    }
}

#[test]
fn timeouts_are_cut_to_what_is_left_of_the_flow() {
    let mut world = World::new();
    let token = world.access_token();
    let (metadata, resume) = fetch(token_step(&world, &token));
    assert_eq!(
        (metadata.timeout, metadata.purpose.name(), metadata.max_body),
        (Duration::from_secs(5), "discovery", 65_536)
    );
    world.pass(3);
    let answer = world.send(metadata);
    let (keys, _) = fetch(resume(answer, world.now));
    assert_eq!((keys.timeout, keys.purpose.name(), keys.max_body), (Duration::from_secs(2), "keys", 524_288));
}

#[test]
fn d20_an_unknown_key_is_fetched_at_once_and_a_flood_of_them_within_the_budget() {
    let mut world = World::new();
    let token = world.access_token();
    assert_eq!(world.bearer(&token).sub(), Some("ada"));
    world.pass(1);
    world.provider.rotate_keys(false);
    let rotated = world.access_token();
    assert_eq!(world.bearer(&rotated).sub(), Some("ada"), "a second after the last fetch");
    let claims = json!({"iss": support::ISSUER, "aud": "web", "sub": "a", "exp": START + 9000, "iat": START, "jti": "1", "client_id": "web"});
    world.pass(1);
    let before = world.provider.requests("/jwks");
    let (mut unavailable, mut unknown) = (0, 0);
    for number in 0..600 {
        let header = json!({"alg": "RS256", "typ": "at+jwt", "kid": format!("kid-{number}")});
        let forged = world.provider.sign(&header, &claims);
        match world.bearer(&forged).status() {
            401 => unknown += 1,
            503 => unavailable += 1,
            other => panic!("{other}"),
        }
        assert_eq!(world.bearer(&rotated).sub(), Some("ada"), "good tokens are served on");
        world.now = world.now.saturating_add(Duration::from_millis(100));
    }
    let fetches = world.provider.requests("/jwks") - before;
    assert!((12..=14).contains(&fetches), "{fetches} fetches in a minute");
    assert_eq!((unknown, unavailable), (fetches, 600 - fetches));
}

#[test]
fn d21_a_forged_signature_under_a_known_key_fetches_nothing() {
    let mut world = World::new();
    let token = world.access_token();
    world.bearer(&token);
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let forged =
        format!("{signed}.{}{}", if signature.starts_with('A') { 'B' } else { 'A' }, &signature[1..]);
    for _ in 0..20 {
        assert_eq!(world.bearer(&forged).code(), "bad_signature");
    }
    assert_eq!(world.fetched, ["discovery", "keys"]);
}

#[test]
fn d10_d11_d27_d28_d30_keys_at_hand_serve_on_through_an_outage() {
    let mut world = World::new();
    let token = |world: &mut World| world.access_token();
    let first = token(&mut world);
    assert_eq!(world.bearer(&first).sub(), Some("ada"));
    for fault in [
        Fault::EmptyKeys,
        Fault::TooManyKeys,
        Fault::Html(Endpoint::Any),
        Fault::TruncatedJson(Endpoint::Any),
        Fault::Status(Endpoint::Any, 503),
        Fault::Deliver(Endpoint::Any, Delivery::Hang),
    ] {
        world.provider.set_fault(Some(fault.clone()));
        for _ in 0..12 {
            world.pass(300);
            let current = token(&mut world);
            assert_eq!(world.bearer(&current).sub(), Some("ada"), "{fault:?}");
        }
        assert_eq!(world.client().key_status(world.now).freshness, Freshness::Stale, "{fault:?}");
    }
    world.provider.set_fault(None);
    world.pass(60);
    let current = token(&mut world);
    assert_eq!(world.bearer(&current).sub(), Some("ada"));
    assert_eq!(world.client().key_status(world.now).freshness, Freshness::Fresh);
}

#[test]
fn a_random_source_that_fails_issues_nothing() {
    struct Broken;
    impl EntropySource for Broken {
        fn fill(&self, _: &mut [u8]) -> Result<(), EntropyFailed> {
            Err(EntropyFailed)
        }
    }
    let client = Client::new(config().build().unwrap(), Arc::new(Broken));
    assert_eq!(oidc_core::Guard::new(client.clone()).unwrap_err().code(), "entropy_failed");
    let mut world = World::new();
    let error = world.run(|now| client.begin_login(LoginOptions::default(), now)).unwrap_err();
    assert_eq!(error.code(), "entropy_failed");
}

/// Secrets planted everywhere, and looked for in everything that can be shown.
#[test]
fn p01_nothing_that_can_be_shown_shows_a_secret() {
    let mut world = World::with(config().client_secret(Secret::new("canary-secret")));
    let mut shown = vec![format!("{:?}", world.guard), format!("{:?}", world.client().config())];
    let client = world.client();
    let redirect = world.run(|now| client.begin_login(LoginOptions::default(), now)).unwrap();
    shown.push(format!("{:?}", redirect.login));
    let state = redirect.url.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    let callback = format!("code=canary-code&state={state}&iss={}", support::ISSUER);
    let callback = oidc_core::Callback::parse(&callback).unwrap();
    shown.push(format!("{callback:?}"));
    let step = client.finish_login(redirect.login, callback, world.now);
    shown.push(format!("{step:?}"));
    let (request, _) = fetch(step);
    assert!(String::from_utf8_lossy(request.request.body()).contains("canary-code"));
    shown.push(format!("{request:?}"));
    assert!(request.request.headers()["authorization"].is_sensitive());
    for text in &shown {
        assert!(!text.contains("canary") && !text.contains(&state), "{text}");
    }
    assert_eq!(shown.last().unwrap(), "Fetch(token POST op.example)");
}

/// With the budget spent, a token of a new key that another request has fetched meanwhile is judged by it.
#[test]
fn d25_good_tokens_of_a_new_key_that_wait_for_it_are_served_with_the_budget_spent() {
    let mut world = World::new();
    let token = world.access_token();
    world.bearer(&token);
    world.pass(10);
    let claims = json!({"iss": support::ISSUER, "aud": "web", "sub": "a", "exp": START + 9000, "iat": START, "jti": "1", "client_id": "web"});
    let made_up = world.provider.sign(&json!({"alg": "RS256", "typ": "at+jwt", "kid": "made-up"}), &claims);
    assert_eq!(world.bearer(&made_up).code(), "unknown_key");
    world.now = world.now.saturating_add(Duration::from_millis(10));
    world.provider.rotate_keys(false);
    let rotated = world.access_token();
    let (request, resume) = fetch(token_step(&world, &rotated));
    world.now = world.now.saturating_add(Duration::from_millis(20));
    let Step::Wait(_, wake) = token_step(&world, &rotated) else { panic!("waits") };
    let answer = world.send(request);
    assert!(matches!(resume(answer, world.now), Step::Done(Ok(_))));
    world.now = world.now.saturating_add(Duration::from_millis(10));
    assert!(
        matches!(wake.resume(world.now), Step::Done(Ok(_))),
        "the second one is served by the same fetch"
    );
}

#[test]
fn a_refresh_that_hangs_costs_a_sign_in_two_seconds_and_not_its_success() {
    let mut world = World::new();
    let mut browser = support::Browser::default();
    let redirect = browser.ask(&mut world, support::Ask::get("/profile").page().required());
    // Within the sign-in's ten minutes, and past the latest time at which the metadata is due.
    world.pass(599);
    let callback = support::authorize(&mut world, &redirect.location());
    world.now = world.now.saturating_add(Duration::from_millis(900));
    world.provider.set_fault(Some(Fault::Deliver(Endpoint::Discovery, Delivery::Hang)));
    let before = world.now;
    let answer = browser.ask(&mut world, callback);
    assert_eq!(answer.status(), 303, "{}", answer.code());
    assert_eq!(world.now.saturating_since(before), Duration::from_secs(2));
}

#[test]
fn f11_after_a_clock_was_set_back_a_rotation_is_still_seen() {
    let mut world = World::new();
    world.pass(7_200);
    let token = world.access_token();
    assert_eq!(world.bearer(&token).sub(), Some("ada"));
    world.now = UnixTime::from_secs(START + 3_600);
    world.provider.rotate_keys(false);
    let token = world.access_token();
    assert_eq!(world.bearer(&token).sub(), Some("ada"));
}

#[test]
fn d03_an_endpoint_that_is_wrong_harms_only_those_who_use_it() {
    let mut world = World::new();
    let token = world.access_token();
    let (request, resume) = fetch(token_step(&world, &token));
    let mut answer = world.send(request).unwrap();
    let mut metadata: serde_json::Value = serde_json::from_slice(answer.body()).unwrap();
    metadata["end_session_endpoint"] = json!("http://elsewhere.example/");
    *answer.body_mut() = metadata.to_string().into_bytes();
    let (request, resume) = fetch(resume(Ok(answer), world.now));
    let keys = world.send(request);
    assert!(matches!(resume(keys, world.now), Step::Done(Ok(_))));
    let client = world.client();
    let error = world.run(|now| client.logout_url(None, "s", now)).unwrap_err();
    assert_eq!(error.code(), "provider_insecure");
}

#[test]
fn static_keys_are_never_fetched_and_a_metadata_url_of_its_own_is_used() {
    let jwks = World::new().provider.jwks().to_string();
    let mut world = World::with(config().static_keys(&jwks));
    let token = world.access_token();
    assert_eq!(world.bearer(&token).sub(), Some("ada"));
    let made_up = json!({"alg": "RS256", "typ": "at+jwt", "kid": "made-up"});
    let claims = json!({"iss": support::ISSUER, "aud": "web", "sub": "a", "exp": START + 90, "iat": START, "jti": "1", "client_id": "web"});
    let forged = world.provider.sign(&made_up, &claims);
    assert_eq!(world.bearer(&forged).code(), "unknown_key");
    assert!(world.fetched.is_empty());

    let world = World::with(config().metadata_url("https://elsewhere.example/metadata.json"));
    let (request, _) = fetch(token_step(&world, &token));
    assert_eq!(request.request.uri(), "https://elsewhere.example/metadata.json");
}

#[test]
fn a_renewal_tells_when_to_call_again_and_requests_never_wait_for_a_refresh() {
    let mut world = World::new();
    let client = world.client();
    let mut next = world.now;
    for _ in 0..50 {
        world.now = next;
        let (keys, again) = world.run(|now| client.renew_keys(now));
        assert!(
            keys.is_ok() && again > world.now && again <= world.now.saturating_add(Duration::from_secs(600))
        );
        next = again;
        let fetched = world.fetched.len();
        for second in 0..again.saturating_since(world.now).as_secs() {
            if second % 60 == 0 {
                let token = world.access_token();
                let client = world.client();
                let now = world.now.saturating_add(Duration::from_secs(second));
                assert!(matches!(client.verify_access_token(&token, now), Step::Done(Ok(_))));
            }
        }
        assert_eq!(world.fetched.len(), fetched);
    }
}

/// Ten simulated hours without the provider: known keys serve all along, and the attempts follow the back-off.
#[test]
fn d27_ten_hours_of_outage_refuse_no_token_of_a_known_key() {
    let mut world = World::new();
    let token = world.access_token();
    assert_eq!(world.bearer(&token).sub(), Some("ada"));
    world.down = true;
    let mut attempts = Vec::new();
    for _ in 0..36_000 / 5 {
        world.pass(5);
        let before = world.fetched.len();
        if world.now.as_secs() % 600 < 5 {
            let token = world.access_token();
            assert_eq!(world.bearer(&token).sub(), Some("ada"), "{:?}", world.now);
        } else {
            let client = world.client();
            world.run(|now| client.renew_keys(now)).0.unwrap();
        }
        let now = world.now.as_secs();
        attempts.extend(world.fetched[before..].iter().map(|document| (*document, now)));
    }
    for document in ["discovery", "keys"] {
        let times: Vec<u64> =
            attempts.iter().filter(|(name, _)| *name == document).map(|(_, time)| *time).collect();
        let pauses: Vec<u64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        // Time passes in steps of 5 s; pauses grow to 45..60 s and stay there.
        assert!(pauses.iter().take(4).all(|pause| *pause <= 15), "{document}: {pauses:?}");
        assert!(pauses.iter().skip(7).all(|pause| (45..=65).contains(pause)), "{document}: {pauses:?}");
    }
}

#[test]
fn d19_a_good_token_is_served_within_five_seconds_of_the_providers_return() {
    for seed in 0..20 {
        let mut world = World::new();
        world.down = true;
        let token = world.access_token();
        for _ in 0..200 + seed * 7 {
            world.now = world.now.saturating_add(Duration::from_millis(100));
            assert_eq!(world.bearer(&token).status(), 503);
        }
        world.down = false;
        let back = world.now;
        while world.bearer(&token).sub().is_none() {
            world.now = world.now.saturating_add(Duration::from_millis(10));
        }
        assert!(
            world.now.saturating_since(back) <= Duration::from_secs(5),
            "{:?}",
            world.now.saturating_since(back)
        );
    }
}

#[test]
fn a_thousand_flows_that_are_dropped_in_mid_fetch_stay_within_the_budget() {
    let mut world = World::new();
    let token = world.access_token();
    world.bearer(&token);
    let claims = json!({"iss": support::ISSUER, "aud": "web", "sub": "a", "exp": START + 9000, "iat": START, "jti": "1", "client_id": "web"});
    let mut sent = 0;
    for number in 0..1_000 {
        world.now = world.now.saturating_add(Duration::from_millis(60));
        let header = json!({"alg": "RS256", "typ": "at+jwt", "kid": format!("made-up-{number}")});
        let forged = world.provider.sign(&header, &claims);
        if let Step::Fetch(..) = token_step(&world, &forged) {
            sent += 1;
        }
    }
    assert!((12..=14).contains(&sent), "{sent} in a minute");
    world.pass(5);
    world.provider.rotate_keys(false);
    let rotated = world.access_token();
    assert_eq!(world.bearer(&rotated).sub(), Some("ada"), "the next call succeeds");
}
