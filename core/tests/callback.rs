//! The authorization request, the callback, and where a person ends up, by the rows of the catalogue.
#![cfg(feature = "rsa")]

mod support;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use base64ct::{Base64UrlUnpadded, Encoding};
use http::{Method, Request, StatusCode};
use oidc_core::config::ResponseMode;
use oidc_core::entropy::EntropyFailed;
use oidc_core::guard::{Policy, Source};
use oidc_core::{Callback, Client, Config, EntropySource, Guard, Incoming, LoginOptions, Secret, Verdict};
use oidc_dev_provider::{AccessTokenRequest, DevClient};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use support::{Answer, Ask, Browser, ISSUER, ORIGIN, START, Seeded, World, config};
use url::{Position, Url, form_urlencoded};

const COOKIE_SECRET: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

/// Starts a sign-in and lets the provider answer: the callback's address.
fn callback(world: &mut World, browser: &mut Browser) -> String {
    let url = browser.ask(world, Ask::get("/profile").page().required()).location();
    answered(world, &url)
}

/// Where the provider sends the browser.
fn answered(world: &mut World, url: &Url) -> String {
    let request = Request::get(&url[Position::BeforePath..]).body(Vec::new()).unwrap();
    let response = world.provider.answer(request, world.now.as_secs()).response;
    let location = Url::parse(response.headers()["location"].to_str().unwrap()).unwrap();
    location[Position::BeforePath..].to_owned()
}

fn pairs(target: &str) -> Vec<(String, String)> {
    let query = target.split_once('?').map(|(_, query)| query).unwrap_or_default();
    form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

/// The only value of a parameter.
fn parameter(target: &str, name: &str) -> String {
    let values: Vec<String> =
        pairs(target).into_iter().filter(|(found, _)| found == name).map(|(_, value)| value).collect();
    match &values[..] {
        [only] => only.clone(),
        other => panic!("{name}: {other:?}"),
    }
}

/// The callback with another value of a parameter.
fn with(target: &str, name: &str, value: &str) -> String {
    let kept = pairs(target).into_iter().filter(|(found, _)| found != name);
    let query =
        form_urlencoded::Serializer::new(String::new()).extend_pairs(kept).append_pair(name, value).finish();
    format!("/callback?{query}")
}

/// Nobody is signed in, no code was sent anywhere, and one can start again.
fn assert_refused(world: &World, browser: &Browser, answer: &Answer, code: &str) {
    assert_eq!((answer.status(), answer.code().as_str()), (400, code), "{answer:?}");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert!(answer.body.contains(r#"id="try-again" href="/login"#), "{}", answer.body);
    assert!(!browser.has_session());
    assert_eq!(world.provider.requests("/token"), 0);
}

#[test]
fn a01_an_empty_state_is_no_state() {
    let (mut world, mut browser) = (World::new(), Browser::default());
    let target = with(&callback(&mut world, &mut browser), "state", "");
    let answer = browser.open(&mut world, &target);
    assert_refused(&world, &browser, &answer, "state_missing");
}

#[test]
fn a02_an_unknown_an_expired_and_a_foreign_state_are_told_apart_by_nothing() {
    // But that a cookie is removed, which only the browser that has it is told.
    let told = |answer: Answer| {
        let of_cookies = |name: &str| name == "set-cookie" || name == "vary";
        let headers: Vec<_> =
            answer.headers.into_iter().filter(|(name, _)| !of_cookies(name.as_str())).collect();
        (answer.status, headers, answer.body)
    };
    let (mut world, mut browser, mut other) = (World::new(), Browser::default(), Browser::default());
    let target = callback(&mut world, &mut browser);
    callback(&mut world, &mut other);
    let unknown = browser.clone().open(&mut world, &with(&target, "state", "made-up"));
    assert_refused(&world, &browser, &unknown, "state_mismatch");
    let foreign = other.open(&mut world, &target);
    assert_eq!(other.cookies.len(), 1, "the other browser's own sign-in goes on");
    world.pass(600);
    let expired = browser.open(&mut world, &target);
    assert!(browser.cookies.is_empty(), "the sign-in that is over is removed");
    assert_eq!(world.provider.requests("/token"), 0);
    let unknown = told(unknown);
    assert_eq!(told(foreign), unknown);
    assert_eq!(told(expired), unknown);
}

#[test]
fn a03_a_right_state_without_its_cookie_is_refused_with_a_way_to_start_again() {
    let (mut world, mut browser) = (World::new(), Browser::default());
    let target = callback(&mut world, &mut browser);
    browser.cookies.clear();
    let answer = browser.open(&mut world, &target);
    assert_refused(&world, &browser, &answer, "state_mismatch");
}

#[test]
fn a04_a_callback_played_again_is_refused_whatever_cookies_come_with_it() {
    let (mut world, mut browser) = (World::new(), Browser::default());
    let target = callback(&mut world, &mut browser);
    let before = browser.clone();
    assert_eq!(browser.open(&mut world, &target).status(), 303);
    let after = Browser { cookies: before.cookies.iter().chain(&browser.cookies).map(owned).collect() };
    for mut replaying in [browser.clone(), before.clone(), after, before] {
        let had_session = replaying.has_session();
        let answer = replaying.open(&mut world, &target);
        assert_eq!((answer.status(), answer.code().as_str()), (400, "state_mismatch"));
        assert_eq!(replaying.has_session(), had_session);
    }
    assert_eq!(world.provider.requests("/token"), 1);
}

fn owned((name, value): (&String, &String)) -> (String, String) {
    (name.clone(), value.clone())
}

#[test]
fn a05_two_tabs_that_start_at_once_both_finish() {
    let (mut world, mut browser) = (World::new(), Browser::default());
    let [first, second] = [(); 2].map(|()| callback(&mut world, &mut browser));
    assert_ne!(parameter(&first, "state"), parameter(&second, "state"));
    assert_eq!(browser.open(&mut world, &second).header("location"), "/profile");
    assert_eq!(browser.open(&mut world, &first).header("location"), "/profile");
    assert_eq!(browser.cookies.len(), 1, "the session is left");
}

#[test]
fn a05_of_twenty_tabs_the_newest_eight_finish() {
    let (mut world, mut browser) = (World::new(), Browser::default());
    let tabs = [(); 20].map(|()| {
        world.pass(1);
        let target = callback(&mut world, &mut browser);
        assert!(browser.cookies.len() <= 8, "{}", browser.cookies.len());
        target
    });
    for (tab, target) in tabs.iter().enumerate().rev() {
        let expected = if tab < 12 { 400 } else { 303 };
        assert_eq!(browser.open(&mut world, target).status(), expected, "tab {tab}");
    }
    assert_eq!(world.provider.requests("/token"), 8);
}

#[test]
fn a06_a_thousand_starts_leave_eight_cookies_and_short_headers() {
    let (mut world, mut browser) = (World::new(), Browser::default());
    for start in 0..1_000 {
        let target = format!("/login?return_to=/{}", "a".repeat(start % 2_000));
        assert_eq!(browser.open(&mut world, &target).status(), 303);
        let bytes: usize = browser.cookies.iter().map(|(name, value)| name.len() + value.len() + 3).sum();
        assert!(browser.cookies.len() <= 8 && bytes < 10 * 1024, "{bytes} bytes");
    }
    let target = callback(&mut world, &mut browser);
    assert_eq!(browser.open(&mut world, &target).status(), 303);
}

#[test]
fn a07_a_sign_in_that_another_site_starts_changes_nothing_for_who_is_signed_in() {
    let (mut world, mut browser) = (World::new(), Browser::default());
    browser.sign_in(&mut world);
    let before = browser.cookies.clone();
    let start = Ask::get("/login").page().header("sec-fetch-site", "cross-site");
    let url = browser.ask(&mut world, start.header("referer", "https://evil.example/")).location();
    assert_eq!(url.host_str(), Some("op.example"));
    assert!(before.iter().all(|(name, value)| browser.cookies[name] == *value));
    assert_eq!(browser.open(&mut world, "/").sub(), Some("ada"));
    assert_eq!(world.provider.requests("/token"), 1, "that of the sign-in before");
}

#[test]
fn a08_an_attackers_callback_signs_nobody_in_and_nobody_out() {
    let (mut world, mut attacker, mut victim) = (World::new(), Browser::default(), Browser::default());
    world.provider.auto_login(Some("mallory"));
    let planted = callback(&mut world, &mut attacker);
    let answer = victim.open(&mut world, &planted);
    assert_refused(&world, &victim, &answer, "state_mismatch");

    world.provider.auto_login(Some("ada"));
    victim.sign_in(&mut world);
    let url = victim.open(&mut world, "/login").location();
    let own = answered(&mut world, &url);
    assert_eq!(victim.open(&mut world, &planted).code(), "state_mismatch");
    assert_eq!(victim.open(&mut world, "/").sub(), Some("ada"));
    assert_eq!(victim.open(&mut world, &own).status(), 303, "the sign-in under way goes on");
}

#[test]
fn a09_an_attackers_code_under_the_victims_state_fails_at_the_provider_by_pkce() {
    let (mut world, mut attacker, mut victim) = (World::new(), Browser::default(), Browser::default());
    world.provider.auto_login(Some("mallory"));
    let code = parameter(&callback(&mut world, &mut attacker), "code");
    world.provider.auto_login(Some("ada"));
    let injected = with(&callback(&mut world, &mut victim), "code", &code);
    let answer = victim.open(&mut world, &injected);
    assert_eq!((answer.status(), answer.code().as_str()), (502, "provider_error"));
    assert_eq!(world.provider.requests("/token"), 1);
    assert!(victim.cookies.is_empty());
}

#[test]
fn a09_where_the_provider_ignores_pkce_the_nonce_gives_the_injected_code_away() {
    let (mut world, mut victim) = (World::new(), Browser::default());
    let target = callback(&mut world, &mut victim);
    let header = json!({"alg": "RS256", "kid": world.provider.current_kid()});
    let of_another_sign_in = world.provider.sign(
        &header,
        &json!({"iss": ISSUER, "aud": "web", "sub": "mallory", "iat": START, "exp": START + 300, "nonce": "n"}),
    );
    let tokens = json!({"access_token": "t", "token_type": "Bearer", "id_token": of_another_sign_in});
    world.between = Some(Box::new(move |request, answer| {
        if request.uri().path() == "/token" {
            *answer.status_mut() = StatusCode::OK;
            *answer.body_mut() = tokens.to_string().into_bytes();
        }
    }));
    let answer = victim.open(&mut world, &target);
    assert_eq!((answer.status(), answer.code().as_str()), (502, "claim_invalid"));
    assert!(victim.cookies.is_empty());
}

/// Keeps what it gives.
struct Recording(Seeded, Mutex<Vec<Vec<u8>>>);

impl EntropySource for Recording {
    fn fill(&self, out: &mut [u8]) -> Result<(), EntropyFailed> {
        self.0.fill(out)?;
        self.1.lock().unwrap().push(out.to_vec());
        Ok(())
    }
}

#[test]
fn a10_state_nonce_and_verifier_are_256_fresh_bits_each() {
    let entropy = Arc::new(Recording(Seeded::new(), Mutex::default()));
    let client = Client::new(config().build().unwrap(), entropy.clone());
    let mut world = World::new();
    let sent = Arc::new(Mutex::new(Vec::new()));
    let spied = sent.clone();
    world.between = Some(Box::new(move |request, _| {
        if request.uri().path() == "/token" {
            spied.lock().unwrap().extend_from_slice(request.body());
        }
    }));
    entropy.1.lock().unwrap().clear();
    let redirect = world.run(|now| client.begin_login(LoginOptions::default(), now)).unwrap();
    let drawn: Vec<String> =
        entropy.1.lock().unwrap().iter().map(|bytes| Base64UrlUnpadded::encode_string(bytes)).collect();
    let lengths: Vec<usize> = entropy.1.lock().unwrap().iter().map(Vec::len).collect();
    assert_eq!(lengths, [32, 32, 32]);

    let target = answered(&mut world, &redirect.url);
    let reply = Callback::parse(target.split_once('?').unwrap().1).unwrap();
    world.run(|now| client.finish_login(redirect.login, reply, now)).unwrap();
    let form = format!("?{}", String::from_utf8(sent.lock().unwrap().clone()).unwrap());
    let verifier = parameter(&form, "code_verifier");
    assert_eq!(verifier.len(), 43);
    assert!(verifier.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)));
    let url = redirect.url.as_str();
    assert_eq!([parameter(url, "state"), parameter(url, "nonce"), verifier.clone()], drawn[..]);
    assert_eq!(parameter(url, "code_challenge_method"), "S256");
    let challenge = Base64UrlUnpadded::encode_string(&Sha256::digest(&verifier));
    assert_eq!(parameter(url, "code_challenge"), challenge);
}

#[test]
fn a10_no_two_authorization_requests_share_anything_secret() {
    let mut world = World::new();
    let client = world.client();
    let mut seen = BTreeSet::new();
    for _ in 0..1_000 {
        let url = world.run(|now| client.begin_login(LoginOptions::default(), now)).unwrap().url;
        for name in ["state", "nonce", "code_challenge"] {
            assert!(seen.insert(parameter(url.as_str(), name)), "{name} again");
        }
    }
}

/// The provider's metadata with another member.
fn with_metadata(world: &mut World, name: &'static str, value: Value) {
    world.between = Some(Box::new(move |request, answer| {
        if request.uri().path().ends_with("/openid-configuration") {
            let mut metadata: Value = serde_json::from_slice(answer.body()).unwrap();
            metadata[name] = value.clone();
            *answer.body_mut() = metadata.to_string().into_bytes();
        }
    }));
}

#[test]
fn a11_the_challenge_is_s256_whatever_the_metadata_says() {
    for methods in [json!(["plain"]), json!([]), json!(["S256", "plain"]), Value::Null] {
        let (mut world, mut browser) = (World::new(), Browser::default());
        with_metadata(&mut world, "code_challenge_methods_supported", methods.clone());
        let url = browser.open(&mut world, "/login").location();
        assert_eq!(parameter(url.as_str(), "code_challenge_method"), "S256", "{methods}");
        assert_eq!(parameter(url.as_str(), "code_challenge").len(), 43);
    }
}

/// Gives so many times, and then no more.
struct Ending(AtomicUsize);

impl EntropySource for Ending {
    fn fill(&self, out: &mut [u8]) -> Result<(), EntropyFailed> {
        let left = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        out.fill(u8::try_from(left.map_err(|_| EntropyFailed)?).unwrap());
        Ok(())
    }
}

#[test]
fn a12_without_randomness_nothing_is_issued() {
    let entropy = Arc::new(Ending(100.into()));
    let mut world = World::new();
    world.guard = Guard::new(Client::new(config().build().unwrap(), entropy.clone())).unwrap();
    // State, nonce, verifier, and the seal of the cookie.
    for (draws, status) in [(0, 500), (1, 500), (2, 500), (3, 500), (4, 303)] {
        entropy.0.store(draws, Ordering::Relaxed);
        let answer = world.ask(Ask::get("/login").page());
        assert_eq!(answer.status(), status, "after {draws}");
        if status == 500 {
            assert_eq!(answer.code(), "entropy_failed");
            assert!(answer.all("set-cookie").is_empty() && answer.all("location").is_empty());
        }
    }
    let guard = Guard::new(Client::new(config().build().unwrap(), Arc::new(Ending(0.into()))));
    assert_eq!(guard.unwrap_err().code(), "entropy_failed", "no secret can be made for the cookies");
}

#[test]
fn a13_an_empty_code_is_none() {
    let (mut world, mut browser) = (World::new(), Browser::default());
    let target = with(&callback(&mut world, &mut browser), "code", "");
    let answer = browser.open(&mut world, &target);
    assert_refused(&world, &browser, &answer, "malformed_callback");
}

#[test]
fn a14_nothing_may_stand_twice_in_query_form_or_both() {
    for (name, value) in [("code", "x"), ("state", "x"), ("iss", ISSUER), ("error", "x")] {
        for again in [name.to_owned(), format!("{name}[]"), format!("{name}%5B0%5D")] {
            let (mut world, mut browser) = (World::new(), Browser::default());
            let target = with(&callback(&mut world, &mut browser), name, value);
            for second in [value, "other", ""] {
                let answer = browser.open(&mut world, &format!("{target}&{again}={second}"));
                assert_refused(&world, &browser, &answer, "duplicate_parameter");
            }
            let mut world = World::with(config().response_mode(ResponseMode::FormPost));
            let form = target.split_once('?').unwrap().1;
            let mixed = Ask::form(&format!("/callback?{again}={value}"), form).page();
            let answer = browser.ask(&mut world, mixed);
            assert_refused(&world, &browser, &answer, "duplicate_parameter");
        }
    }
}

#[test]
fn a15_an_error_wins_wherever_the_code_stands() {
    for order in ["error=server_error&code=c", "code=c&error=server_error"] {
        let (mut world, mut browser) = (World::new(), Browser::default());
        let state = parameter(&callback(&mut world, &mut browser), "state");
        let answer = browser.open(&mut world, &format!("/callback?{order}&state={state}"));
        assert_refused(&world, &browser, &answer, "provider_error");
        assert!(browser.cookies.is_empty());
    }
}

#[test]
fn a16_after_a_refusal_the_same_callback_is_refused_and_nothing_starts_by_itself() {
    let (mut world, mut browser) = (World::new(), Browser::default());
    let state = parameter(&callback(&mut world, &mut browser), "state");
    let mut kept = browser.clone();
    let target = format!("/callback?error=access_denied&state={state}");
    let answer = browser.open(&mut world, &target);
    assert_eq!((answer.status(), answer.code().as_str()), (403, "provider_error"));
    assert!(answer.all("location").is_empty() && browser.cookies.is_empty());
    let answer = kept.open(&mut world, &target);
    assert_refused(&world, &kept, &answer, "state_mismatch");
}

#[test]
fn a17_an_error_without_a_state_tells_nothing_of_itself() {
    let (mut world, mut browser) = (World::new(), Browser::default());
    callback(&mut world, &mut browser);
    let answer = browser.open(&mut world, "/callback?error=access_denied&error_description=boo");
    assert_refused(&world, &browser, &answer, "state_missing");
    assert!(!answer.body.contains("boo") && !answer.body.contains("denied"));
}

#[test]
fn a18_what_the_provider_says_is_cut_and_escaped_in_messages_and_absent_from_answers() {
    let mut world = World::with(config().response_mode(ResponseMode::FormPost));
    let client = world.client();
    for text in
        ["b".repeat(60_000), "<script>alert(1)</script>".into(), "x\r\nset-cookie: a=b\0\u{1b}[31m".into()]
    {
        let redirect = world.run(|now| client.begin_login(LoginOptions::default(), now)).unwrap();
        let form = |state: &str| {
            form_urlencoded::Serializer::new(String::new())
                .append_pair("state", state)
                .append_pair("error", "server_error")
                .append_pair("error_description", &text)
                .finish()
        };
        let reply = Callback::parse(&form(&parameter(redirect.url.as_str(), "state"))).unwrap();
        let error = world.run(|now| client.finish_login(redirect.login, reply, now)).unwrap_err();
        assert_eq!(error.code(), "provider_error");
        let message = error.to_string();
        assert!(message.len() < 256, "{message}");
        assert!(message.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{message}");

        let mut browser = Browser::default();
        let url = browser.open(&mut world, "/login").location();
        let ask = Ask::form("/callback", form(&parameter(url.as_str(), "state"))).page();
        let answer = browser.ask(&mut world, ask);
        assert_eq!((answer.status(), answer.code().as_str()), (400, "provider_error"));
        assert!(answer.body.len() < 4_096 && !answer.body.contains("alert") && !answer.body.contains("bbbb"));
        assert!(answer.headers.iter().all(|(_, value)| !value.as_bytes().contains(&b'\n')));
    }
}

#[test]
fn a20_an_iss_that_is_almost_ours_is_another_issuers() {
    for iss in
        ["https://op.example/", "https://OP.example", "http://op.example", "https://op.example.evil", ""]
    {
        let (mut world, mut browser) = (World::new(), Browser::default());
        let target = with(&callback(&mut world, &mut browser), "iss", iss);
        let answer = browser.open(&mut world, &target);
        assert_refused(&world, &browser, &answer, "issuer_mismatch");
        assert!(browser.cookies.is_empty());
    }
}

#[test]
fn a21_a_code_of_one_provider_is_never_sent_to_the_other() {
    let of = |issuer, callback| {
        Config::builder(issuer, "web", callback)
            .client_secret(Secret::new("s3cr&t +%"))
            .cookie_secrets(&[COOKIE_SECRET.into()])
    };
    let mut ours = World::with(of(ISSUER, "https://rp.example/callback"));
    let mut other = World::with(of("https://other.example", "https://rp.example/callback"));
    let mut browser = Browser::default();
    let target = callback(&mut ours, &mut browser);
    let answer = browser.open(&mut other, &target);
    assert_refused(&other, &browser, &answer, "state_mismatch");

    // The same where whoever calls keeps the sign-in.
    let (first, second) = (ours.client(), other.client());
    let redirect = ours.run(|now| first.begin_login(LoginOptions::default(), now)).unwrap();
    let state = parameter(redirect.url.as_str(), "state");
    let reply = Callback::parse(&format!("state={state}&code=c")).unwrap();
    let error = other.run(|now| second.finish_login(redirect.login, reply, now)).unwrap_err();
    assert_eq!((error.code(), other.fetched.len()), ("state_mismatch", 0));

    let own_address = "https://rp.example/callback/other";
    let mut apart = World::with(of("https://other.example", own_address));
    apart.provider.add_client(DevClient {
        redirect_uris: vec![own_address.into()],
        ..DevClient::confidential("web", "s3cr&t +%")
    });
    let mut browser = Browser::default();
    let target = callback(&mut apart, &mut browser);
    assert!(target.starts_with("/callback/other?"));
    assert_eq!(browser.clone().open(&mut ours, &target).status, None, "no callback of the other guard");
    assert_eq!(browser.open(&mut apart, &target).status(), 303);
}

#[test]
fn a22_a_form_from_the_providers_site_needs_a_login_cookie_that_comes_along_with_it() {
    let mut world = World::with(config().response_mode(ResponseMode::FormPost));
    let mut browser = Browser::default();
    let start = browser.ask(&mut world, Ask::get("/profile").page().required());
    assert!(start.header("set-cookie").ends_with("; HttpOnly; SameSite=None; Secure"), "{start:?}");
    let reply = support::authorize(&mut world, &start.location());
    let mut lax = Browser::default();
    let answer = lax.ask(&mut world, reply.clone());
    assert_refused(&world, &lax, &answer, "state_mismatch");
    let answer = browser.ask(&mut world, reply);
    let session = answer.all("set-cookie").into_iter().find(|cookie| cookie.contains("-session=")).unwrap();
    assert!(session.ends_with("; HttpOnly; SameSite=Lax; Secure"), "{session}");

    let mut world = World::new();
    assert!(world.ask(Ask::get("/login")).header("set-cookie").contains("SameSite=Lax"), "not for a query");
}

#[test]
fn a24_thirty_two_parameters_are_taken_and_one_more_is_not() {
    for (extra, status) in [(32, 303), (33, 400)] {
        let (mut world, mut browser) = (World::new(), Browser::default());
        let mut target = callback(&mut world, &mut browser);
        for number in pairs(&target).len()..extra {
            target += &format!("&p{number}=%zz");
        }
        assert_eq!(browser.open(&mut world, &target).status(), status, "{extra}");
    }
}

#[test]
fn a25_a_token_in_the_callback_is_refused_and_not_repeated() {
    for name in ["id_token", "access_token"] {
        let (mut world, mut browser) = (World::new(), Browser::default());
        let target = with(&callback(&mut world, &mut browser), name, "eyJhbGciOiJSUzI1NiJ9.e30.c2ln");
        let answer = browser.open(&mut world, &target);
        assert_refused(&world, &browser, &answer, "malformed_callback");
        assert!(browser.cookies.is_empty());
        assert!(!format!("{answer:?}").contains("eyJhbGci"));
    }
}

#[test]
fn a26_head_and_options_redeem_nothing_and_use_nothing_up() {
    let (mut world, mut browser) = (World::new(), Browser::default());
    let target = callback(&mut world, &mut browser);
    for method in [Method::HEAD, Method::OPTIONS, Method::HEAD] {
        let answer = browser.ask(&mut world, Ask::method(method, &target).page());
        assert_eq!((answer.status(), answer.header("allow")), (405, "GET"));
        assert!(answer.all("set-cookie").is_empty());
    }
    assert_eq!(world.provider.requests("/token"), 0);
    assert_eq!(browser.open(&mut world, &target).status(), 303);
}

#[test]
fn a27_a_query_of_the_endpoint_is_kept_and_a_fragment_is_refused() {
    let endpoint = "https://op.example/authorize?tenant=a%2Fb&x=1";
    let (mut world, mut browser) = (World::new(), Browser::default());
    with_metadata(&mut world, "authorization_endpoint", endpoint.into());
    let url = browser.open(&mut world, "/login").location();
    assert!(url.as_str().starts_with(&format!("{endpoint}&response_type=code&")), "{url}");
    assert_eq!(parameter(url.as_str(), "tenant"), "a/b");

    for endpoint in ["https://op.example/authorize#f", "https://op.example/authorize?x=1#"] {
        let (mut world, mut browser) = (World::new(), Browser::default());
        with_metadata(&mut world, "authorization_endpoint", endpoint.into());
        let answer = browser.open(&mut world, "/login");
        assert_eq!((answer.status(), answer.code().as_str()), (502, "provider_malformed"), "{endpoint}");
        assert!(browser.cookies.is_empty());
    }
}

#[test]
fn a28_no_extra_parameter_takes_the_place_of_one_of_the_protocol() {
    let mut world = World::new();
    let client = world.client();
    let mut begin = |extra: Vec<(String, String)>| {
        world.run(|now| client.begin_login(LoginOptions { extra, ..LoginOptions::default() }, now))
    };
    let ordinary = begin(vec![("audience".into(), "api".into())]).unwrap().url;
    let names: Vec<String> = pairs(ordinary.as_str()).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "each stands once: {names:?}");
    let also = ["response_mode", "request", "request_uri"].map(str::to_owned);
    for name in names.into_iter().filter(|name| name != "audience").chain(also) {
        let error = begin(vec![(name.clone(), "x".into())]).unwrap_err();
        assert_eq!(error.code(), "reserved_parameter", "{name}");
    }
}

#[test]
fn a29_another_site_may_start_a_sign_in_and_say_who_and_where_to_but_nothing_else() {
    let mut world = World::new();
    let start =
        format!("/login?iss={ISSUER}&login_hint=ada%40op.example&scope=admin&prompt=none&state=s&nonce=n");
    let url = Browser::default().open(&mut world, &start).location();
    assert_eq!(parameter(url.as_str(), "login_hint"), "ada@op.example");
    assert_eq!(parameter(url.as_str(), "scope"), "openid profile email");
    assert!(!url.as_str().contains("prompt"));
    assert_eq!((parameter(url.as_str(), "state").len(), parameter(url.as_str(), "nonce").len()), (43, 43));

    for (link, landed) in [
        ("https://rp.example/profile?a=b", "/profile?a=b"),
        ("/profile", "/profile"),
        ("https://rp.example", "/"),
        ("https://rp.example//evil.example", "/"),
        ("https://rp.example.evil/profile", "/"),
        ("https://rp.example@evil.example/", "/"),
        ("https://rp.example:8443/profile", "/"),
        ("http://rp.example/profile", "/"),
        ("https://evil.example/", "/"),
        ("https://rp.example/logout", "/"),
    ] {
        let start = format!("/login?iss={ISSUER}&target_link_uri={link}");
        assert_eq!(lands_by(&mut world, &start), landed, "{link}");
    }
}

#[test]
fn a29_a_sign_in_at_an_issuer_that_is_not_configured_is_refused() {
    for query in [
        "iss=https://evil.example",
        "iss=https://op.example/",
        "iss=",
        "iss=https://op.example&iss=https://evil.example",
    ] {
        let (mut world, mut browser) = (World::new(), Browser::default());
        let answer = browser.open(&mut world, &format!("/login?{query}&login_hint=ada"));
        assert_refused(&world, &browser, &answer, "issuer_mismatch");
        assert!(browser.cookies.is_empty() && world.fetched.is_empty());
    }
}

/// Where somebody ends up who signs in with this `return_to`.
fn lands(world: &mut World, return_to: &str) -> String {
    let encoded: String = form_urlencoded::byte_serialize(return_to.as_bytes()).collect();
    lands_by(world, &format!("/login?return_to={encoded}"))
}

fn lands_by(world: &mut World, start: &str) -> String {
    let mut browser = Browser::default();
    let url = browser.open(world, start).location();
    let target = answered(world, &url);
    let answer = browser.open(world, &target);
    assert_eq!(answer.status(), 303, "{start:?}");
    answer.header("location").to_owned()
}

fn assert_lands_at_the_root(targets: &[&str]) {
    let mut world = World::with(config().userinfo(false));
    for target in targets {
        assert_eq!(lands(&mut world, target), "/", "{target:?}");
    }
}

#[test]
fn a30_a_network_path_is_not_returned_to() {
    assert_lands_at_the_root(&["//evil.example", "///evil.example", "////evil", "//evil@rp.example/", "//"]);
}

#[test]
fn a31_a_backslash_is_not_returned_to() {
    assert_lands_at_the_root(&["/\\evil.example", "\\\\evil.example", "/\\/evil", "\\/evil", "/a\\..\\evil"]);
}

#[test]
fn a32_white_space_and_control_characters_are_not_returned_to() {
    assert_lands_at_the_root(&[
        "/\t/evil.example",
        "/\n/evil",
        "/\r/evil",
        "\t//evil",
        " //evil",
        " /profile",
        "/\u{b}/evil",
        "/\u{1f}/evil",
        "\0/evil",
        "/a b",
        "/\u{7f}",
    ]);
}

#[test]
fn a33_an_absolute_address_is_not_returned_to() {
    assert_lands_at_the_root(&[
        "https://evil.example/",
        "HTTPS://evil.example/",
        "javascript:alert(1)",
        "data:text/html,x",
        "http:rp.example@evil.example",
        "https:/evil.example",
        "https:evil.example",
        "evil.example",
        "?x",
        "#x",
        "",
    ]);
}

#[test]
fn a34_a_path_that_normalises_to_two_slashes_stays_here_and_is_returned_to_no_second_time() {
    let mut world = World::with(config().userinfo(false));
    let here = Url::parse(ORIGIN).unwrap();
    for target in ["/..//evil.example", "/.//evil.example", "/a/..//evil.example", "/%2e%2e//evil.example"] {
        let arrived = here.join(&lands(&mut world, target)).unwrap();
        assert_eq!((arrived.origin(), arrived.path()), (here.origin(), "//evil.example"), "{target}");
        // The browser asks for that path; without a session it becomes the address to return to itself.
        let mut browser = Browser::default();
        let ask = Ask::get(&arrived[Position::BeforePath..]).page().required();
        let url = browser.ask(&mut world, ask).location();
        let target = answered(&mut world, &url);
        assert_eq!(browser.open(&mut world, &target).header("location"), "/");
    }
}

#[test]
fn a35_an_encoded_slash_stays_encoded() {
    let mut world = World::with(config().userinfo(false));
    for target in
        ["/%2f/evil", "/%2F%2Fevil", "/%5cevil", "/%09/evil", "/%252f/evil", "/a%0d%0ab", "/a?b=%2f%2fc"]
    {
        assert_eq!(lands(&mut world, target), target);
    }
}

#[test]
fn a36_no_host_is_allowed_however_it_is_written() {
    assert_lands_at_the_root(&[
        "https://rp.example/",
        "https://rp.example:443/",
        "https://rp.example:8443/",
        "http://rp.example/",
        "https://evilrp.example/",
        "https://rp.example.evil/",
        "https://rp.example@evil.example/",
        "https://rp.example%00.evil.example/",
        "https://xn--rp-example/",
        "//rp.example/",
    ]);
}

#[test]
fn a37_what_is_too_long_or_not_plain_ascii_is_not_returned_to() {
    let longest = format!("/{}", "a".repeat(2_047));
    let mut world = World::with(config().userinfo(false));
    assert_eq!(lands(&mut world, &longest), longest);
    let too_long = format!("{longest}a");
    assert_lands_at_the_root(&[&too_long, "/é", "/\u{ff0f}evil", "/\0", "/\r\nset-cookie: a=b", "/a\u{85}b"]);
    assert_eq!(lands_by(&mut world, "/login?return_to=/%ff"), "/", "not UTF-8");
}

#[test]
fn a38_an_address_that_was_asked_for_is_held_to_the_same_rule() {
    let mut world = World::with(config().userinfo(false));
    for (asked, landed) in [
        ("//evil.example", "/"),
        ("//evil.example/?a", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example/", "/"),
        ("/profile?next=//evil.example", "/profile?next=//evil.example"),
    ] {
        let mut browser = Browser::default();
        let url = browser.ask(&mut world, Ask::get(asked).page().required()).location();
        let target = answered(&mut world, &url);
        assert_eq!(browser.open(&mut world, &target).header("location"), landed, "{asked}");
    }
}

#[test]
fn a41_a_post_to_a_protected_page_becomes_a_get_of_it_and_its_body_goes_nowhere() {
    let (mut world, mut browser) = (World::new(), Browser::default());
    let answer = browser.ask(&mut world, Ask::form("/transfer?to=b", "amount=31337").page().required());
    assert_eq!(answer.status(), 303);
    assert!(!format!("{answer:?}").contains("31337"));
    let target = answered(&mut world, &answer.location());
    let answer = browser.open(&mut world, &target);
    assert_eq!((answer.status(), answer.header("location")), (303, "/transfer?to=b"));
}

#[test]
fn a42_a_request_that_loads_no_page_is_answered_401_and_goes_nowhere() {
    let mut world = World::new();
    for ask in [
        Ask::get("/profile").header("accept", "application/json"),
        Ask::get("/profile").header("accept", "*/*").header("sec-fetch-mode", "cors"),
        Ask::get("/profile").header("accept", "*/*").header("sec-fetch-mode", "websocket"),
        Ask::get("/profile").header("accept", "*/*").header("x-requested-with", "XMLHttpRequest"),
        Ask::get("/profile").header("connection", "upgrade").header("upgrade", "websocket"),
        Ask::get("/api/whoami").header("accept", "*/*"),
    ] {
        let answer = world.ask(ask.required());
        assert_eq!(answer.status(), 401);
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(serde_json::from_str::<Value>(&answer.body).unwrap(), json!({"error": "no_credentials"}));
        assert!(answer.all("location").is_empty() && answer.all("set-cookie").is_empty());
    }
    assert!(world.fetched.is_empty());
}

#[test]
fn a43_no_header_of_the_request_says_where_this_server_is() {
    let (mut world, mut browser) = (World::new(), Browser::default());
    let lying = |ask: Ask| {
        ask.header("host", "evil.example")
            .header("x-forwarded-host", "evil.example")
            .header("x-forwarded-proto", "http")
            .header("x-forwarded-uri", "//evil.example/")
            .header("x-original-url", "//evil.example/")
            .header("forwarded", "host=evil.example;proto=http")
    };
    let url = browser.ask(&mut world, lying(Ask::get("/profile").page().required())).location();
    assert_eq!(parameter(url.as_str(), "redirect_uri"), "https://rp.example/callback");
    let target = answered(&mut world, &url);
    let answer = browser.ask(&mut world, lying(Ask::get(&target).page()));
    assert_eq!(answer.header("location"), "/profile");
    let cookies = answer.all("set-cookie");
    assert!(cookies.iter().all(|cookie| cookie.contains("; Secure") && !cookie.contains("Domain")));
}

#[test]
fn a44_no_spelling_of_a_path_lets_anybody_through_where_an_identity_is_required() {
    let mut world = World::new();
    let targets = [
        "/",
        "",
        "*",
        "/profile?next=/healthz",
        "/profile?/login",
        "/profile#/login",
        "/profile;/login",
        "/login",
        "/login/../profile",
        "/%6cogin",
        "/%2e%2e/login",
        "//login",
        "/callback",
        "/callback/..;/profile",
        "/logged-out/%2e%2e/profile",
        "/.well-known/x",
        "/healthz",
        "/profile%00/login",
    ];
    for target in targets {
        let answer = world.ask(Ask::get(target).page().required());
        assert_eq!(answer.status(), 303, "{target:?}");
        let answer = world.ask(Ask::get(target).required().header("accept", "application/json"));
        assert_eq!(answer.status(), 401, "{target:?}");
    }
    // The prefix of the application's interfaces is one of the path, and lets nobody through either.
    for (target, status) in [("/api/x", 401), ("/profile?/api/", 303), ("/x/../api/", 303), ("/apix", 303)] {
        assert_eq!(world.ask(Ask::get(target).page().required()).status(), status, "{target}");
    }
}

#[test]
fn a45_no_method_and_no_header_lets_anybody_through_where_an_identity_is_required() {
    let mut world = World::new();
    let json = |method| Ask::method(method, "/profile").required().header("accept", "application/json");
    let methods = [Method::GET, Method::HEAD, Method::OPTIONS, Method::TRACE, Method::CONNECT, Method::POST];
    for method in methods.into_iter().chain([Method::from_bytes(b"HEALTH").unwrap()]) {
        assert_eq!(world.ask(json(method.clone())).status(), 401, "{method}");
    }
    for (name, value) in [
        ("user-agent", "GoogleHC/1.0"),
        ("user-agent", "kube-probe/1.30"),
        ("x-http-method-override", "OPTIONS"),
        ("access-control-request-method", "GET"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-original-method", "OPTIONS"),
    ] {
        assert_eq!(world.ask(json(Method::GET).header(name, value)).status(), 401, "{name}");
    }
}

#[test]
fn a46_no_header_but_authorization_and_cookie_makes_an_identity() {
    let mut world = World::new();
    for name in [
        "x-user",
        "x_user",
        "x-user-id",
        "x-auth-request-user",
        "x-forwarded-user",
        "x-forwarded-access-token",
        "remote-user",
        "remote_user",
        "oidc-claim-sub",
        "oidc_claim_sub",
        "proxy-authorization",
        "x-authorization",
    ] {
        let token = format!("Bearer {}", world.access_token());
        for value in ["ada", &token] {
            for method in [Method::GET, Method::OPTIONS] {
                let ask = Ask::method(method, "/").header(name, value);
                let answer = world.ask(ask.clone());
                assert!(answer.status.is_none() && answer.identity.is_none(), "{name}");
                assert_eq!(
                    world.ask(ask.required().header("accept", "application/json")).status(),
                    401,
                    "{name}"
                );
            }
        }
    }
}

#[test]
fn a47_two_credentials_are_refused_and_one_in_the_query_or_a_form_is_none() {
    let (mut world, mut browser) = (World::new(), Browser::default());
    browser.sign_in(&mut world);
    let token = world.access_token();
    let bearer = format!("Bearer {token}");
    let one = Ask::get("/api/whoami").header("authorization", &bearer);
    let answer = world.ask(one.clone().header("authorization", "Bearer x"));
    assert_eq!((answer.status(), answer.code().as_str()), (400, "invalid_request"));

    let guard = world.guard.clone();
    let mut headers = http::HeaderMap::new();
    headers.insert("authorization", bearer.parse().unwrap());
    let presented = Secret::new(&token);
    let incoming = Incoming {
        method: &Method::GET,
        target: "/api/whoami",
        headers: &headers,
        body: None,
        presented: Some((&presented, Source::Message)),
    };
    let Verdict::Reply { status, .. } = world.run(|now| guard.check(incoming, now)) else {
        panic!("it is refused")
    };
    assert_eq!(status, 400);

    assert_eq!(browser.ask(&mut world, one).identity.unwrap().source(), Source::Header);
    let bad = Ask::get("/api/whoami").header("authorization", "Bearer x.y.z");
    assert_eq!(browser.ask(&mut world, bad).status(), 401, "no session takes a bad token's place");
    let query = Ask::get(&format!("/api/whoami?access_token={token}&id_token={token}"));
    let form = Ask::form("/api/whoami", format!("access_token={token}"));
    for ask in [query, form] {
        let answer = world.ask(ask.required());
        assert_eq!((answer.status(), answer.code().as_str()), (401, "no_credentials"));
    }
}

#[test]
fn a48_the_scheme_is_taken_in_any_case_and_one_token_after_it() {
    let mut world = World::new();
    let token = world.access_token();
    for (authorization, code) in [
        (format!("bearer {token}"), ""),
        (format!("BEARER {token}"), ""),
        (format!("Bearer  {token}"), ""),
        (format!("Bearer \t{token}"), "malformed"),
        (format!("Bearer\t{token}"), "malformed"),
        (format!("Bearer {token} {token}"), "malformed"),
        (format!("Bearer {token},"), "malformed"),
        (format!("Bearer=\"{token}\""), "no_credentials"),
        (format!("Basic {token}"), "no_credentials"),
        (format!("Token {token}"), "no_credentials"),
        (token.clone(), "no_credentials"),
        ("Bearer".into(), "no_credentials"),
    ] {
        let answer = world.ask(Ask::get("/api/whoami").required().header("authorization", &authorization));
        let expected = if code.is_empty() { 0 } else { 401 };
        assert_eq!((answer.status(), answer.code().as_str()), (expected, code), "{authorization:.20}");
        assert_eq!(answer.sub().is_some(), code.is_empty());
    }
}

#[test]
fn a49_a_bad_token_is_refused_where_none_is_needed() {
    let mut world = World::new();
    assert_eq!(world.ask(Ask::get("/")).status, None, "none is needed here");
    let old = AccessTokenRequest { audience: "web".into(), lifetime: 1, ..Default::default() };
    let old = world.provider.access_token(old, START - 3_600);
    for (token, code) in [("x", "malformed"), (old.as_str(), "expired"), ("", "no_credentials")] {
        let answer = world.ask(Ask::get("/").header("authorization", &format!("Bearer {token}")));
        assert_eq!((answer.status(), answer.code().as_str()), (401, code));
        assert!(answer.identity.is_none());
    }
}

#[test]
fn a50_refusals_carry_the_status_and_the_challenge_of_their_kind() {
    let mut world = World::new();
    let answer = world.ask(Ask::get("/api/whoami").required());
    assert_eq!((answer.status(), answer.header("www-authenticate")), (401, "Bearer realm=\"oidc\""));
    let answer = world.bearer("x");
    assert_eq!(answer.status(), 401);
    let challenge = "Bearer realm=\"oidc\", error=\"invalid_token\", error_description=\"malformed\"";
    assert_eq!(answer.header("www-authenticate"), challenge);

    let guard = world.guard.clone();
    let mut headers = http::HeaderMap::new();
    headers.insert("authorization", format!("Bearer {}", world.access_token()).parse().unwrap());
    let incoming =
        Incoming { method: &Method::GET, target: "/api/x", headers: &headers, body: None, presented: None };
    let policy = Policy::builder().scopes(&["openid", "admin"]).build().unwrap();
    let verdict = world.run(|now| guard.require_policy(incoming, &policy, now));
    let response = verdict.into_response();
    assert_eq!(response.status(), 403);
    let challenge = response.headers()["www-authenticate"].to_str().unwrap();
    assert!(challenge.contains("error=\"insufficient_scope\""), "{challenge}");
    assert!(challenge.contains("scope=\"openid admin\""), "{challenge}");

    let mut world = World::new();
    let token = world.access_token();
    world.down = true;
    let answer = world.bearer(&token);
    assert_eq!((answer.status(), answer.code().as_str()), (503, "keys_unavailable"));
    assert!(answer.header("retry-after").parse::<u64>().unwrap() >= 1);
    assert!(answer.all("www-authenticate").is_empty());
}
