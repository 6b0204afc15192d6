//! Sign-outs from either side, by the rows of the catalogue: what ends, what lives on, and what is refused.
#![cfg(feature = "rsa")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use base64ct::{Base64UrlUnpadded, Encoding};
use http::{Method, Request};
use oidc_core::jose::{Algorithm, PreparedKey, PublicKey, RustCrypto, Verifier};
use oidc_core::step::FetchResult;
use oidc_core::{Client, Config, Guard, Incoming, Step, Verdict};
use oidc_dev_provider::{AccessTokenRequest, DevProvider, DevUser};
use serde_json::{Value, json};
use support::{Answer, Ask, Browser, ISSUER, ORIGIN, START, Seeded, World, config, config_for};
use url::{Url, form_urlencoded};

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
const BACK: &str = "/backchannel-logout";

fn world() -> World {
    World::told_of_sign_outs(config())
}

/// Somebody who has signed in, and the name of the session at the provider.
fn signed_in(world: &mut World) -> (Browser, String) {
    let mut browser = Browser::default();
    assert_eq!(browser.sign_in(world).status(), 303);
    let sid = browser.open(world, "/").identity.unwrap().claims().get("sid").unwrap();
    (browser, sid)
}

fn signed_in_as(world: &mut World, sub: &str) -> (Browser, String) {
    world.provider.auto_login(Some(sub));
    let signed_in = signed_in(world);
    world.provider.auto_login(Some("ada"));
    signed_in
}

fn lives(world: &mut World, browser: &Browser) -> bool {
    browser.clone().open(world, "/").identity.is_some()
}

/// The provider's own logout token.
fn issued(world: &mut World, sub: Option<&str>, sid: Option<&str>) -> String {
    let now = world.now.as_secs();
    world.provider.back_channel_logout(sub, sid, "web", now).remove(0).logout_token
}

/// The claims of a good one for all of Ada's sessions.
fn good(world: &World) -> Value {
    let now = world.now.as_secs();
    json!({ "iss": ISSUER, "aud": "web", "sub": "ada", "iat": now, "exp": now + 120, "jti": "j-1",
        "events": { EVENT: {} }, "ignored_claim": 1 })
}

fn merged(mut of: Value, changes: Value) -> Value {
    let Value::Object(changes) = changes else { panic!("no object") };
    for (name, value) in changes {
        match value {
            Value::Null => drop(of.as_object_mut().unwrap().remove(&name)),
            value => of[name] = value,
        }
    }
    of
}

fn header(world: &World) -> Value {
    json!({ "alg": "RS256", "typ": "logout+jwt", "kid": world.provider.current_kid() })
}

fn signed(world: &World, claims: &Value) -> String {
    world.provider.sign(&header(world), claims)
}

fn form(token: &str) -> Ask {
    let pairs = [("ignored_parameter", "1"), ("logout_token", token)];
    Ask::form(BACK, form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish())
}

/// How the back channel answers: status and code, and never anything for a browser.
fn told(world: &mut World, ask: Ask) -> (u16, String) {
    let answer = world.ask(ask);
    assert_eq!(answer.header("cache-control"), "no-store");
    assert!(answer.all("set-cookie").is_empty() && answer.all("www-authenticate").is_empty());
    assert_eq!(answer.body.is_empty(), answer.status() == 200, "{answer:?}");
    (answer.status(), answer.code())
}

fn post(world: &mut World, token: &str) -> (u16, String) {
    told(world, form(token))
}

fn ok() -> (u16, String) {
    (200, String::new())
}

fn bad(code: &str) -> (u16, String) {
    (400, code.to_owned())
}

/// Logout tokens with these changes are refused so, and end nothing.
fn assert_refused(cases: impl IntoIterator<Item = (Value, &'static str)>) {
    let mut world = world();
    let (browser, sid) = signed_in(&mut world);
    let good = merged(good(&world), json!({ "sid": sid }));
    for (changes, code) in cases {
        let token = signed(&world, &merged(good.clone(), changes.clone()));
        assert_eq!(post(&mut world, &token), bad(code), "{changes}");
        assert!(lives(&mut world, &browser), "{changes}");
    }
    let token = signed(&world, &good);
    assert_eq!(post(&mut world, &token), ok(), "it was the changes");
    assert!(!lives(&mut world, &browser));
}

/// Carries a flow out and lets `meanwhile` change each answer of the provider, and the world with it.
fn drive<T>(
    world: &mut World,
    mut step: Step<T>,
    mut meanwhile: impl FnMut(&mut World, &str, &mut FetchResult),
) -> T {
    loop {
        step = match step {
            Step::Done(value) => return value,
            Step::Fetch(fetch, reply) => {
                let purpose = fetch.purpose.name();
                let mut result = world.send(fetch);
                meanwhile(world, purpose, &mut result);
                reply.resume(result, world.now)
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn l01_a_logout_token_with_a_nonce_is_refused() {
    assert_refused([(json!({ "nonce": "n" }), "claim_invalid"), (json!({ "nonce": "" }), "claim_invalid")]);
}

#[test]
fn l02_a_logout_token_without_its_event_is_refused() {
    let other = "http://schemas.openid.net/event/other";
    assert_refused([
        (json!({ "events": null }), "claim_missing"),
        (json!({ "events": {} }), "claim_invalid"),
        (json!({ "events": { other: {} } }), "claim_invalid"),
        (json!({ "events": { EVENT: null } }), "claim_invalid"),
        (json!({ "events": { EVENT: "" } }), "claim_invalid"),
        (json!({ "events": { EVENT: [] } }), "claim_invalid"),
        (json!({ "events": [EVENT] }), "claim_invalid"),
        (json!({ "events": EVENT }), "claim_invalid"),
    ]);
}

#[test]
fn l03_a_logout_token_that_names_nobody_is_refused() {
    assert_refused([
        (json!({ "sub": null, "sid": null }), "claim_invalid"),
        (json!({ "sub": "" }), "claim_invalid"),
        (json!({ "sub": 7 }), "claim_invalid"),
        (json!({ "sub": ["ada"] }), "claim_invalid"),
        (json!({ "sid": 7 }), "claim_invalid"),
        (json!({ "sid": ["s"], "sub": null }), "claim_invalid"),
    ]);
}

#[test]
fn l04_a_logout_token_that_nobody_has_signed_is_refused() {
    let mut world = world();
    let (browser, _) = signed_in(&mut world);
    let claims = good(&world);
    let by = |alg: &str| world.provider.sign(&merged(header(&world), json!({ "alg": alg })), &claims);
    let other = DevProvider::with_seed(ISSUER, 1).sign(&header(&world), &claims);
    let signature = signed(&world, &merged(claims.clone(), json!({ "jti": "j-2" })));
    let signature = signature.rsplit('.').next().unwrap().to_owned();
    let own = signed(&world, &claims);
    let swapped = format!("{}.{signature}", own.rsplit_once('.').unwrap().0);
    let cases = [
        (by("none"), "algorithm_not_allowed"),
        (by("HS256"), "algorithm_not_allowed"),
        (by("ES256"), "algorithm_not_allowed"),
        (by("RS384"), "algorithm_not_allowed"),
        (other, "bad_signature"),
        (swapped, "bad_signature"),
        (format!("{own}A"), "bad_signature"),
        (format!("{own}B"), "malformed"),
        ("junk".into(), "malformed"),
        (String::new(), "malformed"),
    ];
    for (token, code) in cases {
        assert_eq!(post(&mut world, &token), bad(code), "{token}");
        assert!(lives(&mut world, &browser));
    }
    assert_eq!(post(&mut world, &own), ok());
    assert!(!lives(&mut world, &browser));
}

#[test]
fn l05_a_logout_token_of_or_for_somebody_else_or_without_a_claim_is_refused() {
    assert_refused([
        (json!({ "iss": format!("{ISSUER}INVALID") }), "claim_invalid"),
        (json!({ "iss": format!("{ISSUER}/") }), "claim_invalid"),
        (json!({ "iss": null }), "claim_invalid"),
        (json!({ "aud": "webINVALID" }), "claim_invalid"),
        (json!({ "aud": null }), "claim_invalid"),
        (json!({ "iat": null }), "claim_missing"),
        (json!({ "jti": null }), "claim_missing"),
        (json!({ "exp": null }), "claim_missing"),
    ]);
}

#[test]
fn l06_a_logout_token_out_of_its_time_is_refused() {
    assert_refused([
        (json!({ "iat": START - 181, "exp": START + 300 }), "claim_invalid"),
        (json!({ "iat": START + 61, "exp": START + 300 }), "claim_invalid"),
        (json!({ "iat": START - 120, "exp": START - 60 }), "expired"),
    ]);
}

#[test]
fn l07_a_replayed_jti_is_refused() {
    let mut world = world();
    let (browser, _) = signed_in(&mut world);
    let good = merged(good(&world), json!({ "exp": START + 300 }));
    let token = signed(&world, &good);
    assert_eq!(post(&mut world, &token), ok());
    assert!(!lives(&mut world, &browser));
    world.pass(1);
    let (later, _) = signed_in(&mut world);
    for seconds in [0, 1, 100, 78] {
        world.pass(seconds);
        assert_eq!(post(&mut world, &token), bad("claim_invalid"), "{seconds}");
        assert!(lives(&mut world, &later), "what began after the sign-out lives");
    }
    assert_eq!(world.now.as_secs(), START + 180);
    let another = signed(&world, &merged(good, json!({ "jti": "j-2" })));
    assert_eq!(post(&mut world, &another), ok(), "it would still have been taken for its time");
    assert!(lives(&mut world, &later));
}

#[test]
fn l07_a_logout_token_ends_no_session_that_began_after_it_was_issued() {
    let mut world = world();
    let (earlier, _) = signed_in(&mut world);
    let token = issued(&mut world, Some("ada"), None);
    world.pass(1);
    let (later, _) = signed_in(&mut world);
    world.pass(100);
    assert_eq!(post(&mut world, &token), ok(), "it was held up on its way");
    assert!(!lives(&mut world, &earlier) && lives(&mut world, &later));
}

#[test]
fn l08_no_other_token_is_taken_for_a_logout_token() {
    let mut world = world();
    let (browser, _) = signed_in(&mut world);
    let now = START;
    let id = json!({ "iss": ISSUER, "aud": "web", "sub": "ada", "iat": now, "exp": now + 300, "jti": "j" });
    for (typ, code) in [("JWT", "claim_missing"), ("at+jwt", "wrong_type")] {
        let header = merged(header(&world), json!({ "typ": typ }));
        let token = world.provider.sign(&header, &id);
        assert_eq!(post(&mut world, &token), bad(code), "{typ}");
    }
    let access = AccessTokenRequest { audience: "web".into(), ..Default::default() };
    let access = world.provider.access_token(access, now);
    assert_eq!(post(&mut world, &access), bad("wrong_type"));
    assert!(lives(&mut world, &browser));
}

#[test]
fn l09_without_sid_all_sessions_of_the_person_end() {
    let mut world = world();
    let browsers: Vec<_> = (0..3).map(|_| signed_in(&mut world).0).collect();
    let (alan, _) = signed_in_as(&mut world, "alan");
    world.pass(50);
    let token = issued(&mut world, Some("ada"), None);
    assert_eq!(post(&mut world, &token), ok());
    assert!(browsers.iter().all(|browser| !lives(&mut world, browser)));
    assert!(lives(&mut world, &alan));
}

#[test]
fn l10_with_sid_that_session_alone_ends() {
    for with_sub in [Some("ada"), None] {
        let mut world = world();
        let ((one, sid), (other, _)) = (signed_in(&mut world), signed_in(&mut world));
        let token = issued(&mut world, with_sub, Some(&sid));
        assert_eq!(post(&mut world, &token), ok());
        assert!(!lives(&mut world, &one) && lives(&mut world, &other));
        let token = issued(&mut world, with_sub, Some("of nobody"));
        assert_eq!(post(&mut world, &token), ok(), "there is nothing to end, and all is well");
        assert!(lives(&mut world, &other));
    }
}

/// A session of which the provider did not say which it is may be the one that ends.
#[test]
fn l10_a_session_without_sid_ends_with_any_of_the_person() {
    let mut world = world();
    let mut browser = Browser::default();
    let redirect = browser.ask(&mut world, Ask::get("/profile").page().required()).location();
    let nonce = redirect.query_pairs().find(|(name, _)| name == "nonce").unwrap().1.into_owned();
    let answer = finish(&mut world, &mut browser, &redirect, |world, purpose, result| {
        if purpose == "token" {
            let claims = json!({ "iss": ISSUER, "aud": "web", "sub": "ada", "iat": START, "exp": START + 9,
                "nonce": nonce });
            let id_token =
                world.provider.sign(&json!({ "alg": "RS256", "kid": world.provider.current_kid() }), &claims);
            let response = result.as_mut().unwrap();
            let mut body: Value = serde_json::from_slice(response.body()).unwrap();
            body["id_token"] = id_token.into();
            *response.body_mut() = body.to_string().into_bytes();
        }
    });
    assert_eq!(answer, 303);
    for (sub, sid, ends) in
        [(None, Some("s"), false), (Some("alan"), Some("s"), false), (Some("ada"), Some("s"), true)]
    {
        let token = issued(&mut world, sub, sid);
        assert_eq!(post(&mut world, &token), ok());
        assert_eq!(lives(&mut world, &browser), !ends, "{sub:?}");
    }
}

/// Brings the provider's answer back by hand, so that something can happen between two fetches.
fn finish(
    world: &mut World,
    browser: &mut Browser,
    authorize: &Url,
    meanwhile: impl FnMut(&mut World, &str, &mut FetchResult),
) -> u16 {
    let request = Request::get(&authorize[url::Position::BeforePath..]).body(Vec::new()).unwrap();
    let response = world.provider.answer(request, world.now.as_secs()).response;
    let callback = Url::parse(response.headers()["location"].to_str().unwrap()).unwrap();
    let cookies: Vec<_> = browser.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let request = Request::get(&callback[url::Position::BeforePath..]).header("cookie", cookies.join("; "));
    let (head, ()) = request.body(()).unwrap().into_parts();
    let step = world.guard.check(Incoming::of(&head), world.now);
    let response = drive(world, step, meanwhile).into_response();
    for cookie in response.headers().get_all("set-cookie") {
        let (name, rest) = cookie.to_str().unwrap().split_once('=').unwrap();
        browser.cookies.insert(name.into(), rest.split(';').next().unwrap().into());
    }
    response.status().as_u16()
}

#[test]
fn l11_the_same_sub_at_another_issuer_lives_on() {
    const OTHER: &str = "https://other.example";
    let (mut ours, mut theirs) = (world(), World::told_of_sign_outs(config_for(OTHER)));
    let ((here, _), (there, _)) = (signed_in(&mut ours), signed_in(&mut theirs));
    let token = issued(&mut theirs, Some("ada"), None);
    assert_eq!(post(&mut ours, &token), bad("claim_invalid"), "another issuer's word");
    assert_eq!(post(&mut theirs, &token), ok());
    assert!(lives(&mut ours, &here) && !lives(&mut theirs, &there));
}

#[test]
fn l12_a_sealed_session_stays_ended_for_as_long_as_its_cookie_opens() {
    let day = Duration::from_secs(86_400);
    let mut world = World::told_of_sign_outs(config().session_idle(day).session_absolute(day));
    let ((ended, sid), (other, _)) = (signed_in(&mut world), signed_in(&mut world));
    world.pass(10);
    let token = issued(&mut world, None, Some(&sid));
    assert_eq!(post(&mut world, &token), ok());
    for seconds in [0, 3_600, 86_400 - 3_600 - 11] {
        world.pass(seconds);
        // What the ending goes by is looked at whenever there is something new, too.
        let token = issued(&mut world, Some("somebody"), None);
        assert_eq!(post(&mut world, &token), ok());
        assert!(!lives(&mut world, &ended) && lives(&mut world, &other));
    }
    assert_eq!(world.now.as_secs(), START + 86_399);
    world.pass(1);
    assert!(!lives(&mut world, &other), "now the cookie opens no more");
}

#[test]
fn an_ended_session_is_none_and_its_cookie_is_removed() {
    let mut world = world();
    let (browser, sid) = signed_in(&mut world);
    let token = issued(&mut world, None, Some(&sid));
    assert_eq!(post(&mut world, &token), ok());
    let page = || Ask::get("/profile").page();
    let out = Ask::method(Method::POST, "/logout").header("origin", ORIGIN);
    for (ask, status) in [
        (page(), 0),
        (Ask::get("/api/whoami").required(), 401),
        (page().required(), 303),
        (Ask::get("/login").page(), 303),
        (out, 303),
    ] {
        let mut browser = browser.clone();
        let answer = browser.ask(&mut world, ask);
        assert_eq!((answer.status(), answer.identity.is_none()), (status, true));
        assert!(!browser.has_session(), "{answer:?}");
        assert_eq!(answer.header("cache-control"), "no-store");
    }
    let mut browser = browser.clone();
    assert!(browser.open(&mut world, "/logged-out").body.contains("You are signed out here."));
    world.pass(1);
    assert_eq!(browser.sign_in(&mut world).status(), 303);
    assert!(lives(&mut world, &browser), "who signs in again is signed in");
}

/// The ID token is issued, then the provider ends the session and says so, and only then the sign-in finishes here.
#[test]
fn l13_a_session_that_was_ended_while_its_sign_in_finished_does_not_begin() {
    let mut world = world();
    let mut browser = Browser::default();
    let redirect = browser.ask(&mut world, Ask::get("/profile").page().required()).location();
    let status = finish(&mut world, &mut browser, &redirect, |world, purpose, _| {
        if purpose == "token" {
            let token = issued(world, Some("ada"), None);
            world.pass(2);
            assert_eq!(post(world, &token), ok());
        }
    });
    assert_eq!(status, 400);
    assert!(!browser.has_session());
    let (later, _) = signed_in(&mut world);
    assert!(lives(&mut world, &later));
}

/// A provider that signs people in without a page issues the next ID token in the very second of the sign-out.
#[test]
fn l13_who_signs_in_again_in_the_second_of_a_sign_out_is_not_sent_round_in_circles() {
    let mut world = world();
    let (mut browser, _) = signed_in(&mut world);
    let token = issued(&mut world, Some("ada"), None);
    assert_eq!(post(&mut world, &token), ok());
    let callback = browser.start(&mut world, "/profile").page();
    let answer = browser.ask(&mut world, callback);
    assert_eq!((answer.status(), browser.has_session()), (400, false));
    assert!(
        answer.body.contains("You were signed out meanwhile") && answer.body.contains("Code: signed_out")
    );
    assert!(answer.body.contains("/login?return_to=%2Fprofile"), "{}", answer.body);
    world.pass(1);
    assert_eq!(browser.sign_in(&mut world).status(), 303);
    assert!(lives(&mut world, &browser));
}

#[test]
fn l14_a_request_of_the_wrong_form_is_refused() {
    let mut world = world();
    let (browser, _) = signed_in(&mut world);
    let token = issued(&mut world, Some("ada"), None);
    let body = format!("logout_token={token}");
    for method in [Method::GET, Method::PUT, Method::HEAD, Method::DELETE] {
        let answer = world.ask(Ask::method(method, &format!("{BACK}?{body}")));
        assert_eq!((answer.status(), answer.header("allow")), (405, "POST"));
        assert_eq!(answer.header("cache-control"), "no-store");
    }
    for content_type in [None, Some("application/json"), Some("text/plain"), Some("multipart/form-data")] {
        let ask = Ask::method(Method::POST, BACK);
        let ask = content_type.map_or(ask.clone(), |content_type| ask.header("content-type", content_type));
        assert_eq!(told(&mut world, ask), (415, "unsupported_media_type".into()), "{content_type:?}");
    }
    let twice = format!("{body}&{body}");
    for form in ["", "logout_tokens=a", "logout_token", &twice, "%6Cogout_token=a&logout_token=b"] {
        let code = if form == "logout_token" { "malformed" } else { "invalid_request" };
        assert_eq!(told(&mut world, Ask::form(BACK, form)), bad(code), "{form:.40}");
    }
    let in_query = Ask::form(&format!("{BACK}?{body}"), "");
    assert_eq!(told(&mut world, in_query), bad("invalid_request"), "an address is logged by everybody");
    let padded = |length: usize| format!("{body}&p={}", "p".repeat(length - body.len() - 3));
    for length in [65_537, 1 << 20] {
        let answer = told(&mut world, Ask::form(BACK, padded(length)));
        assert_eq!(answer, (413, "body_too_large".into()));
    }
    assert!(lives(&mut world, &browser));
    assert_eq!(told(&mut world, Ask::form(BACK, padded(65_536))), ok());
    assert!(!lives(&mut world, &browser));
}

#[test]
fn l14_the_body_of_a_logout_request_is_read_and_no_other() {
    let world = world();
    let limit = |guard: &Guard, method: Method, target: &str| {
        let (head, ()) = Request::builder().method(method).uri(target).body(()).unwrap().into_parts();
        guard.body_limit(&Incoming::of(&head))
    };
    assert_eq!(limit(&world.guard, Method::POST, BACK), Some(65_536));
    assert_eq!(limit(&world.guard, Method::POST, "/backchannel-logout?a=b"), Some(65_536));
    assert_eq!(limit(&world.guard, Method::GET, BACK), None);
    assert_eq!(limit(&world.guard, Method::POST, "/backchannel-logout/"), None);
    let config = Config::resource_server(ISSUER, "api").build().unwrap();
    let resource_server = Guard::new(Client::new(config, Arc::new(Seeded::new()))).unwrap();
    assert_eq!(limit(&resource_server, Method::POST, BACK), None, "it has nobody to sign out");
}

#[test]
fn a_cookie_or_a_token_beside_a_logout_token_makes_no_difference() {
    let mut world = world();
    let (mut browser, _) = signed_in(&mut world);
    let (mut alan, _) = signed_in_as(&mut world, "alan");
    let token = issued(&mut world, Some("ada"), None);
    let ask = form(&token).header("authorization", "Bearer junk");
    let answer = alan.ask(&mut world, ask.page());
    assert_eq!((answer.status(), answer.all("set-cookie").len()), (200, 0));
    assert!(alan.has_session() && lives(&mut world, &alan));
    assert_eq!(browser.open(&mut world, "/").sub(), None);
}

/// RSA, counted.
#[derive(Debug, Clone, Default)]
struct Counting(Arc<AtomicUsize>);

struct CountedKey(Box<dyn PreparedKey>, Counting);

impl Verifier for Counting {
    fn prepare(&self, components: &PublicKey<'_>) -> Option<Box<dyn PreparedKey>> {
        Some(Box::new(CountedKey(RustCrypto.prepare(components)?, self.clone())))
    }
}

impl PreparedKey for CountedKey {
    fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        self.1.0.fetch_add(1, Ordering::Relaxed);
        self.0.verify(algorithm, message, signature)
    }
}

#[test]
fn l15_a_flood_of_junk_costs_no_signature_and_few_fetches() {
    let counting = Counting::default();
    let mut world = world();
    let client =
        Client::with_backend(config().build().unwrap(), Arc::new(Seeded::new()), Arc::new(counting.clone()));
    world.guard = Guard::new(client).unwrap();
    let (browser, _) = signed_in(&mut world);
    let (rsa, fetched) = (counting.0.load(Ordering::Relaxed), world.fetched.len());
    let kid = |kid: &str, claims: &Value| {
        let encoded = |part: &Value| {
            let token = world.provider.sign(&json!({ "alg": "none" }), part);
            token.split('.').nth(1).unwrap().to_owned()
        };
        let header = merged(header(&world), json!({ "kid": kid }));
        format!("{}.{}.{}", encoded(&header), encoded(claims), "A".repeat(342))
    };
    let own = world.provider.current_kid();
    let stale = merged(good(&world), json!({ "exp": START - 900, "iat": START - 1_000 }));
    let unknown: Vec<_> = (0..4).map(|number| kid(&format!("made-up-{number}"), &good(&world))).collect();
    let hopeless = ["junk".to_owned(), "a.b.c".into(), "x".repeat(60_000), kid(&own, &stale)];
    for (number, token) in hopeless.iter().chain(&unknown).cycle().take(10_000).enumerate() {
        let (status, code) = post(&mut world, token);
        assert!(status == 400 || status == 503, "{number} {code}");
    }
    assert_eq!(counting.0.load(Ordering::Relaxed), rsa, "no signature was computed");
    let fetches = world.fetched.len() - fetched;
    assert!(fetches <= 2, "{fetches} fetches within a second");
    assert!(lives(&mut world, &browser));
    assert_eq!(world.fetched.len() - fetched, fetches, "others need not wait for any");
    let token = issued(&mut world, Some("ada"), None);
    assert_eq!(post(&mut world, &token), ok(), "a good one passes through the flood");
}

#[test]
fn l16_an_unknown_key_is_looked_up_once_and_out_of_the_budget() {
    let mut world = world();
    let (browser, _) = signed_in(&mut world);
    let fetches = |world: &World| world.provider.requests("/jwks");
    let before = fetches(&world);
    world.pass(1);
    world.provider.rotate_keys(false);
    let token = issued(&mut world, Some("ada"), None);
    assert_eq!((post(&mut world, &token), fetches(&world)), (ok(), before + 1));
    assert!(!lives(&mut world, &browser));
    world.pass(60);
    let header = merged(header(&world), json!({ "kid": "made-up" }));
    let unknown = world.provider.sign(&header, &good(&world));
    assert_eq!((post(&mut world, &unknown), fetches(&world)), (bad("unknown_key"), before + 2));
    for _ in 0..50 {
        world.pass(1);
        let token = world.provider.sign(&header, &good(&world));
        post(&mut world, &token);
    }
    assert!(fetches(&world) <= before + 14, "{}", fetches(&world));
}

#[test]
fn a_logout_token_that_cannot_be_judged_is_to_be_sent_again() {
    let mut world = world();
    let token = issued(&mut world, Some("ada"), None);
    world.down = true;
    let answer = world.ask(form(&token));
    assert_eq!((answer.status(), answer.code().as_str()), (503, "keys_unavailable"));
    assert!(answer.header("retry-after").parse::<u64>().unwrap() >= 1);
    assert_eq!(answer.header("cache-control"), "no-store");
    world.down = false;
    world.pass(30);
    assert_eq!(post(&mut world, &token), ok(), "its jti was not used up");
}

fn sign_out() -> Ask {
    Ask::method(Method::POST, "/logout").page().header("origin", ORIGIN)
}

fn parameter(url: &Url, wanted: &str) -> String {
    url.query_pairs().find(|(name, _)| name == wanted).unwrap().1.into_owned()
}

#[test]
fn l17_a_return_without_the_right_state_proves_nothing_and_leads_nowhere() {
    for returned in ["", "?state=", "?state=STATE_INVALID", "?state=made-up", "?state=made-up&state=STATE"] {
        let mut world = world();
        let (mut browser, _) = signed_in(&mut world);
        let url = browser.ask(&mut world, sign_out()).location();
        assert!(!browser.has_session(), "it has ended before the provider is asked");
        let target = format!("/logged-out{}", returned.replace("STATE", &parameter(&url, "state")));
        let page = browser.open(&mut world, &target);
        assert_eq!((page.status(), page.all("location").len()), (200, 0), "{returned}");
        assert!(page.body.contains("You are signed out here.") && !page.body.contains("there too"));
        assert!(browser.open(&mut world, "/").identity.is_none());
    }
}

#[test]
fn l18_no_parameter_says_where_a_sign_out_leads() {
    let evil = "return_to=https://evil.example&post_logout_redirect_uri=https://evil.example&state=evil";
    let mut world = world();
    let (mut browser, _) = signed_in(&mut world);
    let out = Ask::method(Method::POST, &format!("/logout?{evil}")).header("origin", ORIGIN);
    let url = browser.ask(&mut world, out.clone()).location();
    assert_eq!(parameter(&url, "post_logout_redirect_uri"), "https://rp.example/logged-out");
    assert!(!url.as_str().contains("evil"));
    let answer = browser.ask(&mut world, out);
    assert_eq!(answer.header("location"), "/logged-out", "nobody is signed in any more");
    let page = browser.open(&mut world, &format!("/logged-out?{evil}"));
    assert_eq!((page.status(), page.all("location").len()), (200, 0));
    assert!(!page.body.contains("evil"));
}

#[test]
fn l19_another_site_signs_nobody_out() {
    let mut world = world();
    let (mut browser, _) = signed_in(&mut world);
    let image = Ask::get("/logout").header("sec-fetch-site", "cross-site").header("origin", ORIGIN);
    let head = Ask::method(Method::HEAD, "/logout").header("origin", ORIGIN);
    for ask in [image, head, Ask::get("/logout").page()] {
        assert_eq!(browser.ask(&mut world, ask).status(), 405);
    }
    for origin in ["https://evil.example", "null", "http://rp.example", "https://rp.example:8443", ""] {
        let ask = Ask::method(Method::POST, "/logout").header("origin", origin);
        assert_eq!(browser.ask(&mut world, ask).status(), 403, "{origin}");
    }
    assert_eq!(browser.ask(&mut world, Ask::form("/logout", "a=b")).status(), 403, "no origin at all");
    assert!(browser.has_session() && lives(&mut world, &browser));
}

#[test]
fn l20_without_an_end_session_endpoint_the_sign_out_is_local() {
    let mut world = world();
    let step = world.client().renew_keys(world.now);
    let renewed = drive(&mut world, step, |_, purpose, result| {
        if purpose == "discovery" {
            let response = result.as_mut().unwrap();
            let mut metadata: Value = serde_json::from_slice(response.body()).unwrap();
            metadata.as_object_mut().unwrap().remove("end_session_endpoint").unwrap();
            *response.body_mut() = metadata.to_string().into_bytes();
        }
    });
    assert!(renewed.0.is_ok());
    let (mut browser, _) = signed_in(&mut world);
    let answer = browser.ask(&mut world, sign_out());
    assert_eq!((answer.status(), answer.header("location")), (303, "/logged-out"));
    assert!(!browser.has_session());
    let page = browser.open(&mut world, "/logged-out");
    assert_eq!(page.status(), 200);
    assert!(page.body.contains("You are signed out here."));
}

#[test]
fn l21_an_old_id_token_is_sent_as_it_is() {
    let mut world = world();
    let (mut browser, sid) = signed_in(&mut world);
    world.pass(80_000);
    world.provider.rotate_keys(false);
    let url = browser.ask(&mut world, sign_out()).location();
    assert!(url.as_str().len() <= 2_000);
    let hint = parameter(&url, "id_token_hint");
    let payload = Base64UrlUnpadded::decode_vec(hint.split('.').nth(1).unwrap()).unwrap();
    let hinted: Value = serde_json::from_slice(&payload).unwrap();
    assert_eq!(hinted["sid"], sid);
    assert!(hinted["exp"].as_u64().unwrap() < world.now.as_secs());
}

/// Groups enough for an ID token of several kilobytes.
fn many_groups(world: &mut World) {
    let groups: Vec<_> = (0..200).map(|number| format!("group-{number:04}")).collect();
    world.provider.add_user(DevUser::new("ada").with_claim("groups", groups));
}

#[test]
fn l21_what_is_too_long_for_an_address_is_posted() {
    let mut world = world();
    many_groups(&mut world);
    let (mut browser, _) = signed_in(&mut world);
    let page = browser.ask(&mut world, sign_out());
    assert_eq!((page.status(), page.all("location").len()), (200, 0));
    assert!(!browser.has_session());
    assert!(
        page.body.contains("<form method=\"post\" action=\"https://op.example/end-session\">"),
        "{}",
        page.body
    );
    let policy = page.header("content-security-policy");
    let scripts = policy.split("script-src ").nth(1).unwrap().split(';').next().unwrap();
    assert!(scripts.starts_with("'sha256-") && !scripts.contains(' '), "{policy}");
    let field = |name: &str| {
        let after = page.body.split(&format!("name=\"{name}\" value=\"")).nth(1).unwrap();
        after.split('"').next().unwrap().to_owned()
    };
    let names = ["id_token_hint", "client_id", "post_logout_redirect_uri", "state"];
    let fields = names.map(|name| (name, field(name)));
    assert!(fields[0].1.len() > 2_000);
    let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(&fields).finish();
    let request = Request::post("/end-session").header("content-type", "application/x-www-form-urlencoded");
    let answer =
        world.provider.answer(request.body(form.into_bytes()).unwrap(), world.now.as_secs()).response;
    let back = Url::parse(answer.headers()["location"].to_str().unwrap()).unwrap();
    let page = browser.open(&mut world, &back[url::Position::BeforePath..]);
    assert!(page.body.contains("ended your session there too"), "{}", page.body);
}

fn frame(iss: &str, sid: &str) -> Ask {
    let query =
        form_urlencoded::Serializer::new(String::new()).extend_pairs([("iss", iss), ("sid", sid)]).finish();
    Ask::get(&format!("/frontchannel-logout?{query}")).page()
}

fn assert_framed(answer: &Answer, status: u16) {
    assert_eq!(answer.status(), status, "{answer:?}");
    assert_eq!(answer.header("cache-control"), "no-store");
    let policy = "default-src 'none'; base-uri 'none'; frame-ancestors https://op.example";
    assert_eq!(answer.header("content-security-policy"), policy);
    assert!(answer.all("x-frame-options").is_empty() && !answer.body.contains('<'));
}

#[test]
fn l22_whoever_knows_a_session_s_name_ends_that_session_and_nothing_else() {
    let mut world = world();
    let ((one, sid), (other, _)) = (signed_in(&mut world), signed_in(&mut world));
    let fetched = world.fetched.len();
    world.pass(5);
    for unknown in ["of nobody", "ada", ""] {
        assert_framed(&world.ask(frame(ISSUER, unknown)), 200);
    }
    assert!(lives(&mut world, &one) && lives(&mut world, &other));
    let answer = world.ask(frame(ISSUER, &sid));
    assert_framed(&answer, 200);
    assert!(answer.body.is_empty() && answer.all("set-cookie").is_empty());
    assert!(!lives(&mut world, &one) && lives(&mut world, &other));
    assert_eq!(world.fetched.len(), fetched, "the provider is not asked for anything");
}

#[test]
fn l22_the_cookie_goes_if_the_session_is_its_own() {
    let mut world = world();
    let ((mut one, sid), (mut other, _)) = (signed_in(&mut world), signed_in(&mut world));
    assert_framed(&other.ask(&mut world, frame(ISSUER, &sid)), 200);
    assert!(other.has_session() && lives(&mut world, &other));
    assert_framed(&one.ask(&mut world, frame(ISSUER, &sid)), 200);
    assert!(!one.has_session());
}

#[test]
fn l22_a_front_channel_request_of_the_wrong_form_ends_nothing() {
    let mut world = world();
    let (mut browser, sid) = signed_in(&mut world);
    let path = "/frontchannel-logout";
    let iss = "iss=https://op.example";
    for query in [
        String::new(),
        iss.into(),
        format!("sid={sid}"),
        format!("{iss}&sid={sid}&sid=x"),
        format!("{iss}&{iss}&sid={sid}"),
    ] {
        let answer = browser.open(&mut world, &format!("{path}?{query}"));
        assert_framed(&answer, 400);
        assert_eq!(answer.code(), "invalid_request", "{query}");
    }
    for iss in ["https://evil.example", "https://op.example/", "HTTPS://op.example", ""] {
        let answer = browser.ask(&mut world, frame(iss, &sid));
        assert_framed(&answer, 400);
        assert_eq!(answer.code(), "issuer_mismatch", "{iss}");
    }
    let answer = browser.ask(&mut world, Ask::form(&format!("{path}?{iss}&sid={sid}"), ""));
    assert_framed(&answer, 405);
    assert_eq!(answer.header("allow"), "GET");
    assert!(browser.has_session() && lives(&mut world, &browser));
}

#[test]
fn l22_a_session_that_begins_after_a_front_channel_request_lives() {
    let mut world = world();
    let (mut browser, sid) = signed_in(&mut world);
    world.pass(5);
    assert_framed(&world.ask(frame(ISSUER, &sid)), 200);
    assert!(!lives(&mut world, &browser));
    world.pass(1);
    assert_eq!(browser.sign_in(&mut world).status(), 303);
    assert!(lives(&mut world, &browser));
}

/// Strangers can name sessions that nobody has, as many as they like.
#[test]
fn l22_a_flood_by_the_front_channel_crowds_out_no_logout_token() {
    let mut world = world();
    let (browser, sid) = signed_in(&mut world);
    let token = issued(&mut world, None, Some(&sid));
    assert_eq!(post(&mut world, &token), ok());
    world.pass(1);
    for number in 0..70_000 {
        let target = format!("/frontchannel-logout?iss=https://op.example&sid={number}");
        let (head, ()) = Request::get(target).body(()).unwrap().into_parts();
        let Step::Done(Verdict::Reply { status, .. }) = world.guard.check(Incoming::of(&head), world.now)
        else {
            panic!("it is answered at once")
        };
        assert_eq!(status, 200);
    }
    assert!(!lives(&mut world, &browser));
}

#[test]
fn l23_a_sign_out_removes_every_part_of_the_session_as_it_was_set() {
    let mut world = world();
    many_groups(&mut world);
    let mut browser = Browser::default();
    let answer = browser.sign_in(&mut world);
    let parts = |answer: &Answer| -> Vec<(String, String)> {
        let session = |cookie: &&str| cookie.starts_with("__Host-oidc-session");
        let cookies = answer.all("set-cookie").into_iter().filter(session);
        cookies
            .map(|cookie| {
                let (name, rest) = cookie.split_once('=').unwrap();
                let attributes = rest.split_once("Max-Age=").unwrap().1;
                (name.to_owned(), attributes.split_once(';').unwrap().1.to_owned())
            })
            .collect()
    };
    let set = parts(&answer);
    assert!(set.len() >= 2, "{set:?}");
    let answer = browser.ask(&mut world, sign_out());
    assert_eq!(parts(&answer), set);
    let gone =
        |cookie: &&str| cookie.starts_with("__Host-oidc-session") && cookie.contains("=; Path=/; Max-Age=0;");
    assert_eq!(answer.all("set-cookie").iter().filter(|cookie| gone(cookie)).count(), set.len());
    assert_eq!(answer.header("cache-control"), "no-store");
    assert!(!browser.cookies.keys().any(|name| name.contains("session")));
}
