//! Several providers behind one guard: each is judged by its own, and none can speak for another.
#![cfg(feature = "rsa")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::{HeaderMap, HeaderValue, Method};
use oidc_core::config::{ConfigBuilder, ResponseMode, ResponseType};
use oidc_core::guard::Policy;
use oidc_core::keys::Freshness;
use oidc_core::profile::{IssuerPolicy, ProviderProfile};
use oidc_core::sockets::{Ended, Notice, Sockets};
use oidc_core::step::FetchError;
use oidc_core::{Client, Config, Guard, Identity, Incoming, Secret, Step, Verdict};
use oidc_dev_provider::{AccessTokenRequest, DevClient, DevProvider, Fault};
use serde_json::{Value, json};
use url::{Url, form_urlencoded};

use support::{Answer, Ask, Browser, ISSUER as A, ORIGIN, START, Seeded, World, authorize, query};

const B: &str = "https://b.example";
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
/// What seals cookies, so that another guard can open them.
const COOKIE_SECRET: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
/// Without and with a session store.
const STORES: [bool; 2] = [false, true];

fn first() -> ConfigBuilder {
    settings(A, "/callback")
}

fn second() -> ConfigBuilder {
    settings(B, "/callback/b")
}

/// The client is called the same at both, and so is everybody who signs in: only the issuer tells them apart.
fn settings(issuer: &str, path: &str) -> ConfigBuilder {
    Config::builder(issuer, "web", &format!("{ORIGIN}{path}"))
        .client_secret(Secret::new("s3cr&t +%"))
        .scopes("openid profile offline_access")
        .cookie_secrets(&[COOKIE_SECRET.to_owned()])
}

fn registered(path: &str) -> DevClient {
    DevClient {
        redirect_uris: vec![format!("{ORIGIN}{path}")],
        post_logout_redirect_uris: vec![format!("{ORIGIN}/logged-out")],
        back_channel_logout_uri: Some(format!("{ORIGIN}/backchannel-logout")),
        ..DevClient::confidential("web", "s3cr&t +%")
    }
}

fn guard_of(configs: Vec<ConfigBuilder>) -> Guard {
    let entropy = Arc::new(Seeded::new());
    let client = |config: ConfigBuilder| Client::new(config.build().unwrap(), entropy.clone());
    Guard::several(configs.into_iter().map(client).collect()).unwrap()
}

fn world() -> World {
    world_of(first(), second(), 1)
}

fn stored(store: bool) -> World {
    world_of(first().session_store(store), second().session_store(store), 1)
}

/// Two providers that have drawn the same lots: the same keys by the same names, the same people in sessions of the same
/// names.
fn twins(store: bool) -> World {
    world_of(first().session_store(store), second().session_store(store), 0)
}

fn world_of(first: ConfigBuilder, second: ConfigBuilder, seed: u64) -> World {
    let mut world = World::with(first.clone());
    world.provider.add_client(registered("/callback"));
    let mut other = DevProvider::with_seed(B, seed);
    other.add_client(registered("/callback/b"));
    // As many lots as the first one has drawn.
    other.auto_login(Some("ada"));
    world.others.push(other);
    world.guard = guard_of(vec![first, second]);
    world
}

fn provider<'a>(world: &'a mut World, issuer: &str) -> &'a mut DevProvider {
    let host = Url::parse(issuer).unwrap().host_str().map(str::to_owned);
    world.provider_at(host.as_deref())
}

fn token_of(world: &mut World, issuer: &str) -> String {
    let now = world.now.as_secs();
    let request = AccessTokenRequest {
        client_id: "web".into(),
        audience: "web".into(),
        ..AccessTokenRequest::default()
    };
    provider(world, issuer).access_token(request, now)
}

fn merged(mut of: Value, changes: Value) -> Value {
    let (Value::Object(members), Value::Object(changes)) = (&mut of, changes) else { panic!("no objects") };
    members.extend(changes);
    of
}

/// An access token with these header members and claims, by the key of `signer`.
fn forged(world: &mut World, signer: &str, header: Value, claims: Value) -> String {
    let now = world.now.as_secs();
    let all = json!({ "iss": signer, "sub": "ada", "aud": "web", "client_id": "web", "scope": "read",
        "iat": now, "exp": now + 300, "jti": "j-1" });
    let signer = provider(world, signer);
    let own = json!({ "alg": "RS256", "typ": "at+jwt", "kid": signer.current_kid() });
    signer.sign(&merged(own, header), &merged(all, claims))
}

fn login_at(issuer: &str) -> String {
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("iss", issuer)
        .append_pair("return_to", "/x")
        .finish();
    format!("/login?{query}")
}

/// The provider's answer to a sign-in there, which is not delivered yet.
fn begun(world: &mut World, browser: &mut Browser, issuer: &str) -> Ask {
    let redirect = browser.open(world, &login_at(issuer));
    assert_eq!(redirect.status(), 303, "{redirect:?}");
    authorize(world, &redirect.location())
}

fn signed_in(world: &mut World, issuer: &str) -> Browser {
    let mut browser = Browser::default();
    let callback = begun(world, &mut browser, issuer);
    let answer = browser.ask(world, callback);
    assert_eq!((answer.status(), answer.header("location")), (303, "/x"), "{issuer}: {answer:?}");
    assert_eq!(iss(world, &browser).as_deref(), Some(issuer));
    browser
}

/// Who vouches for whoever has this browser.
fn iss(world: &mut World, browser: &Browser) -> Option<String> {
    browser.clone().open(world, "/").identity.map(|identity| identity.iss().to_owned())
}

fn sid(world: &mut World, browser: &Browser) -> String {
    browser.clone().open(world, "/").identity.unwrap().claims().get("sid").unwrap()
}

fn hosts(world: &World) -> Vec<&str> {
    let mut hosts: Vec<_> = world.sent.iter().filter_map(|request| request.uri().host()).collect();
    hosts.dedup();
    hosts
}

fn codes_sent(world: &mut World) -> usize {
    [A, B].map(|issuer| provider(world, issuer).requests("/token")).iter().sum()
}

/// Nobody is signed in, and no code was sent anywhere.
fn assert_refused(world: &mut World, browser: &Browser, answer: &Answer, code: &str) {
    assert_eq!((answer.status(), answer.code().as_str()), (400, code), "{answer:?}");
    assert!(!browser.has_session());
    assert_eq!(codes_sent(world), 0);
}

/// No connection to this provider can be made.
fn down(world: &mut World, issuer: &str) {
    let host = Url::parse(issuer).unwrap().host_str().map(str::to_owned);
    world.instead = Some(Box::new(move |request| {
        let refused = || Err(FetchError::Failed("connection refused".into()));
        (request.uri().host() == host.as_deref()).then(refused)
    }));
}

#[test]
fn each_token_is_judged_by_the_keys_of_its_own_issuer() {
    let mut world = world();
    for (issuer, host) in [(A, "op.example"), (B, "b.example")] {
        world.sent.clear();
        let token = token_of(&mut world, issuer);
        let answer = world.bearer(&token);
        assert_eq!(answer.identity.map(|identity| identity.iss().to_owned()).as_deref(), Some(issuer));
        assert_eq!(hosts(&world), [host]);
    }
}

#[test]
fn no_issuer_signs_for_another() {
    let kid = |world: &mut World, issuer| provider(world, issuer).current_kid();
    let mut world = world();
    let [kid_a, kid_b] = [A, B].map(|issuer| kid(&mut world, issuer));
    for (signer, claimed, own, others) in [(B, A, &kid_b, &kid_a), (A, B, &kid_a, &kid_b)] {
        for (kid, code) in [(others, "bad_signature"), (own, "unknown_key")] {
            world.pass(60);
            let token = forged(&mut world, signer, json!({ "kid": kid }), json!({ "iss": claimed }));
            let answer = world.bearer(&token);
            assert_eq!((answer.status(), answer.code().as_str()), (401, code), "{signer} for {claimed}");
        }
        let right = forged(&mut world, signer, json!({}), json!({}));
        assert_eq!(world.bearer(&right).sub(), Some("ada"), "it was the issuer");
    }
}

#[test]
fn a_token_of_the_right_issuer_by_the_other_s_key_name_is_refused() {
    let mut world = world();
    let kid = provider(&mut world, B).current_kid();
    let token = forged(&mut world, A, json!({ "kid": kid }), json!({}));
    assert_eq!(world.bearer(&token).code(), "unknown_key");
    assert_eq!(hosts(&world), ["op.example"], "the other one is not even asked");
}

#[test]
fn a_token_of_nobody_s_is_refused_and_nobody_is_asked() {
    let mut world = world();
    for iss in [
        json!("https://evil.example"),
        json!("https://op.example/"),
        json!("HTTPS://b.example"),
        json!(""),
        json!(7),
        json!(null),
        json!([A, B]),
    ] {
        let token = forged(&mut world, A, json!({}), json!({ "iss": iss }));
        let answer = world.bearer(&token);
        assert_eq!((answer.status(), answer.code().as_str()), (401, "claim_invalid"), "{iss}");
    }
    assert_eq!(world.bearer("junk").code(), "malformed");
    assert!(world.sent.is_empty());
}

#[test]
fn an_audience_counts_with_its_own_issuer_only() {
    let mut world = world_of(first().audience("for-a"), second().audience("for-b"), 1);
    for (issuer, audience, code) in
        [(A, "for-a", ""), (B, "for-b", ""), (A, "for-b", "claim_invalid"), (B, "for-a", "claim_invalid")]
    {
        let token = forged(&mut world, issuer, json!({}), json!({ "aud": audience }));
        assert_eq!(world.bearer(&token).code(), code, "{issuer} {audience}");
    }
}

#[test]
fn a_token_that_is_good_once_is_so_at_each_issuer() {
    for store in STORES {
        let once = |config: ConfigBuilder| config.session_store(store).single_use_tokens(true);
        let mut world = world_of(once(first()), once(second()), 1);
        for issuer in [A, B] {
            let token = forged(&mut world, issuer, json!({}), json!({ "jti": "the same" }));
            assert_eq!(world.bearer(&token).sub(), Some("ada"));
            assert_eq!(world.bearer(&token).code(), "claim_invalid");
        }
    }
}

#[test]
fn one_that_is_down_takes_no_other_along() {
    for (dead, alive) in [(B, A), (A, B)] {
        let mut world = world();
        let browser = signed_in(&mut world, dead);
        let tokens = [dead, alive].map(|issuer| token_of(&mut world, issuer));
        world.guard = guard_of(vec![first(), second()]);
        down(&mut world, dead);
        let [refused, admitted] = tokens.map(|token| world.bearer(&token));
        assert_eq!((refused.status(), refused.code().as_str()), (503, "keys_unavailable"));
        assert_eq!(admitted.sub(), Some("ada"));
        signed_in(&mut world, alive);
        let refused = Browser::default().open(&mut world, &login_at(dead));
        assert_eq!((refused.status(), refused.code().as_str()), (503, "provider_unreachable"));
        assert_eq!(iss(&mut world, &browser).as_deref(), Some(dead), "who is signed in stays so");
    }
}

#[test]
fn the_keys_are_as_good_as_the_worst() {
    let mut world = world();
    assert_eq!(world.guard.key_status(world.now).freshness, Freshness::None);
    let token = token_of(&mut world, A);
    assert!(world.bearer(&token).identity.is_some());
    assert_eq!(world.guard.key_status(world.now).freshness, Freshness::None, "the second has none yet");
    let token = token_of(&mut world, B);
    assert!(world.bearer(&token).identity.is_some());
    assert_eq!(world.guard.key_status(world.now).freshness, Freshness::Fresh);
    world.pass(700);
    let token = token_of(&mut world, A);
    assert!(world.bearer(&token).identity.is_some());
    assert_eq!(world.guard.client().key_status(world.now).freshness, Freshness::Fresh);
    assert_eq!(world.guard.key_status(world.now).freshness, Freshness::Stale, "the second's are old");
}

/// A handshake with this token.
fn socket(world: &mut World, token: &str) -> Identity {
    let mut headers = HeaderMap::new();
    headers.insert("upgrade", HeaderValue::from_static("websocket"));
    headers.insert("authorization", HeaderValue::try_from(format!("Bearer {token}")).unwrap());
    let incoming =
        Incoming { method: &Method::GET, target: "/ws", headers: &headers, body: None, presented: None };
    let guard = world.guard.clone();
    match world.run(|now| guard.admit_socket(incoming, None, now)) {
        Verdict::Allow { identity, .. } => identity.unwrap(),
        refused @ Verdict::Reply { .. } => panic!("{refused:?}"),
    }
}

#[test]
fn a_socket_ends_with_the_key_of_its_own_provider() {
    let static_keys = DevProvider::new(A).jwks().to_string();
    for first in [first(), first().static_keys(&static_keys)] {
        let mut world = world_of(first.sockets_end_with_key(true), second(), 1);
        let (guard, mut sockets) = (world.guard.clone(), Sockets::default());
        for issuer in [A, B] {
            let token = token_of(&mut world, issuer);
            let identity = socket(&mut world, &token);
            sockets.enter(identity, issuer, world.now);
        }
        assert_eq!(sockets.due(&guard, world.now), []);
        world.pass(120);
        provider(&mut world, B).rotate_keys(false);
        let token = token_of(&mut world, B);
        assert_eq!(world.bearer(&token).sub(), Some("ada"), "the new keys are there");
        assert_eq!(sockets.due(&guard, world.now), [(B, Notice::Ended(Ended::KeyWithdrawn))]);
        assert_eq!(sockets.len(), 1);
    }
}

#[test]
fn a_guard_of_one_of_them_watches_over_the_sockets_of_all() {
    for watching in [A, B] {
        let mut world = world_of(first().sockets_end_with_key(true), second(), 1);
        let (guard, mut sockets) = (world.guard.only(watching).unwrap(), Sockets::default());
        for issuer in [A, B] {
            let token = token_of(&mut world, issuer);
            let identity = socket(&mut world, &token);
            sockets.enter(identity, issuer, world.now);
        }
        assert_eq!(sockets.due(&guard, world.now), [], "each key is there, where it is of");
        for issuer in [A, B] {
            world.pass(120);
            provider(&mut world, issuer).rotate_keys(false);
            let token = token_of(&mut world, issuer);
            assert_eq!(world.bearer(&token).sub(), Some("ada"), "the new keys are there");
            assert_eq!(sockets.due(&guard, world.now), [(issuer, Notice::Ended(Ended::KeyWithdrawn))]);
        }
    }
}

#[test]
fn keys_that_were_asked_for_first_and_came_last_end_sockets_too() {
    let mut world = world_of(first().sockets_end_with_key(true), second(), 1);
    let (guard, mut sockets) = (world.guard.clone(), Sockets::default());
    for issuer in [A, B] {
        let token = token_of(&mut world, issuer);
        let identity = socket(&mut world, &token);
        sockets.enter(identity, issuer, world.now);
    }
    provider(&mut world, B).rotate_keys(false);
    world.pass(120);
    let client = guard.clients().nth(1).unwrap().clone();
    let token = token_of(&mut world, B);
    let Step::Fetch(slow, reply) = client.verify_access_token(&token, world.now) else { panic!("no fetch") };
    world.pass(1);
    provider(&mut world, A).rotate_keys(true);
    let token = token_of(&mut world, A);
    assert_eq!(world.bearer(&token).sub(), Some("ada"));
    assert_eq!(sockets.due(&guard, world.now), [], "the old key is still there");
    let keys = world.send(slow);
    let now = world.now;
    world.run(|_| reply.resume(keys, now)).unwrap();
    assert_eq!(sockets.due(&guard, world.now), [(B, Notice::Ended(Ended::KeyWithdrawn))]);
}

#[test]
fn who_is_on_a_socket_does_not_become_their_namesake_at_another_provider() {
    let mut world = world();
    let token = token_of(&mut world, A);
    let identity = socket(&mut world, &token);
    let [own, other] = [A, B].map(|issuer| Secret::new(token_of(&mut world, issuer)));
    let guard = world.guard.clone();
    assert!(world.run(|now| guard.renew(&identity, &own, now)).is_ok());
    let refused = world.run(|now| guard.renew(&identity, &other, now)).unwrap_err();
    assert_eq!(refused.code(), "subject_mismatch");
}

#[test]
fn people_sign_in_where_they_say_and_else_with_the_first() {
    for store in STORES {
        let mut world = stored(store);
        for issuer in [A, B] {
            signed_in(&mut world, issuer);
        }
        let default = Browser::default().open(&mut world, "/login").location();
        assert_eq!(default.host_str(), Some("op.example"));
        let page = Browser::default().ask(&mut world, Ask::get("/x").page().required()).location();
        assert_eq!(
            (page.host_str(), &*query(&page)["redirect_uri"]),
            (Some("op.example"), "https://rp.example/callback")
        );
        let there = Browser::default().open(&mut world, &login_at(B)).location();
        assert_eq!(
            (there.host_str(), &*query(&there)["redirect_uri"]),
            (Some("b.example"), "https://rp.example/callback/b")
        );
        for nobody in ["https://evil.example", "https://b.example/", ""] {
            let refused = Browser::default().open(&mut world, &login_at(nobody));
            assert_eq!((refused.status(), refused.code().as_str()), (400, "issuer_mismatch"), "{nobody}");
        }
    }
}

#[test]
fn the_application_chooses_by_whatever_the_request_tells() {
    let mut world = world();
    world.guard = world.guard.clone().choose_by(|incoming| {
        let mut host = None;
        incoming.headers.each("host", &mut |value| host = Some(value.to_vec()));
        let of_b = host.as_deref() == Some(b"b.rp.example") || incoming.target.starts_with("/b/");
        let of_nobody = incoming.target.starts_with("/nobody/");
        if of_nobody { Some("https://evil.example".to_owned()) } else { of_b.then(|| B.to_owned()) }
    });
    let page = |target: &str| Ask::get(target).page().required();
    for (ask, host) in [
        (page("/"), "op.example"),
        (page("/a/x"), "op.example"),
        (page("/b/x"), "b.example"),
        (page("/").header("host", "b.rp.example"), "b.example"),
        (Ask::get("/login").page(), "op.example"),
        (Ask::get("/login").page().header("host", "b.rp.example"), "b.example"),
        (Ask::get(&login_at(A)).page().header("host", "b.rp.example"), "op.example"),
    ] {
        let answer = world.ask(ask.clone());
        assert_eq!(answer.location().host_str(), Some(host), "{}", ask.target());
    }
    // A choice that is none of them is a mistake, and no reason to ask another one.
    let refused = world.ask(page("/nobody/x"));
    assert_eq!((refused.status(), refused.code().as_str()), (400, "issuer_mismatch"));
    let mut browser = Browser::default();
    let callback = browser.start(&mut world, "/b/x");
    assert_eq!(browser.ask(&mut world, callback).header("location"), "/b/x");
    assert_eq!(iss(&mut world, &browser).as_deref(), Some(B));
    let elsewhere = browser.open(&mut world, "/a/x");
    assert_eq!(elsewhere.sub(), Some("ada"), "a session counts wherever it came of");
}

#[test]
fn an_answer_that_comes_to_another_provider_s_callback_is_refused() {
    for store in STORES {
        for (asked, wrong) in [(A, "/callback/b"), (B, "/callback")] {
            let (mut world, mut browser) = (stored(store), Browser::default());
            let callback = begun(&mut world, &mut browser, asked);
            let (right, rest) = callback.target().split_once('?').unwrap();
            assert_ne!(right, wrong);
            let answer = browser.clone().ask(&mut world, callback.clone().at(&format!("{wrong}?{rest}")));
            assert_refused(&mut world, &browser, &answer, "state_mismatch");
            let without_iss: Vec<_> = rest.split('&').filter(|pair| !pair.starts_with("iss=")).collect();
            let answer = browser
                .clone()
                .ask(&mut world, callback.clone().at(&format!("{wrong}?{}", without_iss.join("&"))));
            assert_refused(&mut world, &browser, &answer, "state_mismatch");
            assert_eq!(browser.ask(&mut world, callback).status(), 303, "at the right one it is taken");
        }
    }
}

/// The attacker runs the second provider, and has the browser brought to the first one with the second one's `state`.
#[test]
fn a_mix_up_brings_no_code_to_the_attacker() {
    for store in STORES {
        let (mut world, mut browser) = (stored(store), Browser::default());
        let redirect = browser.open(&mut world, &login_at(B)).location();
        let mut to_honest = Url::parse(&format!("{A}/authorize")).unwrap();
        let mut asked = query(&redirect);
        asked.insert("redirect_uri".into(), format!("{ORIGIN}/callback"));
        to_honest.query_pairs_mut().extend_pairs(&asked);
        let callback = authorize(&mut world, &to_honest);
        assert!(callback.target().starts_with("/callback?"), "the honest one sends it where it knows");
        let answer = browser.ask(&mut world, callback.clone());
        assert_refused(&mut world, &browser, &answer, "state_mismatch");

        // Even if the honest provider let itself be talked into the other's redirect URI.
        let (mut world, mut browser) = (stored(store), Browser::default());
        world.provider.add_client(registered("/callback/b"));
        let redirect = browser.open(&mut world, &login_at(B)).location();
        let mut to_honest = Url::parse(&format!("{A}/authorize")).unwrap();
        to_honest.query_pairs_mut().extend_pairs(&query(&redirect));
        let callback = authorize(&mut world, &to_honest);
        let answer = browser.ask(&mut world, callback);
        assert_refused(&mut world, &browser, &answer, "issuer_mismatch");
    }
}

/// The same at a guard of the attacker's alone, where neither provider names itself in its answers.
#[test]
fn a_guard_of_one_of_them_finishes_no_sign_in_at_another_s_callback() {
    for store in STORES {
        let (mut world, mut browser) = (stored(store), Browser::default());
        world.between = Some(Box::new(|request, response| {
            if request.uri().path().ends_with("configuration") {
                let mut document: Value = serde_json::from_slice(response.body()).unwrap();
                document.as_object_mut().unwrap().remove("authorization_response_iss_parameter_supported");
                *response.body_mut() = document.to_string().into_bytes();
            }
        }));
        world.guard = world.guard.only(B).unwrap();
        let redirect = browser.open(&mut world, &login_at(B)).location();
        let mut to_honest = Url::parse(&format!("{A}/authorize")).unwrap();
        let mut asked = query(&redirect);
        asked.insert("redirect_uri".into(), format!("{ORIGIN}/callback"));
        to_honest.query_pairs_mut().extend_pairs(&asked);
        let callback = authorize(&mut world, &to_honest);
        let (path, rest) = callback.target().split_once('?').unwrap();
        let unnamed: Vec<_> = rest.split('&').filter(|pair| !pair.starts_with("iss=")).collect();
        let answer = browser.ask(&mut world, callback.clone().at(&format!("{path}?{}", unnamed.join("&"))));
        assert_refused(&mut world, &browser, &answer, "state_mismatch");

        let callback = begun(&mut world, &mut browser, B);
        assert_eq!(browser.ask(&mut world, callback).status(), 303, "its own it takes");
    }
}

#[test]
fn an_answer_must_name_the_provider_that_was_asked() {
    for issuer in [A, B] {
        for (fault, code) in
            [(Fault::IssParamMissing, "issuer_param_missing"), (Fault::IssParamWrong, "issuer_mismatch")]
        {
            let (mut world, mut browser) = (world(), Browser::default());
            provider(&mut world, issuer).set_fault(Some(fault));
            let callback = begun(&mut world, &mut browser, issuer);
            let answer = browser.ask(&mut world, callback);
            assert_refused(&mut world, &browser, &answer, code);
        }
        let other = if issuer == A { B } else { A };
        let (mut world, mut browser) = (world(), Browser::default());
        let callback = begun(&mut world, &mut browser, issuer);
        let encoded = |issuer: &str| form_urlencoded::byte_serialize(issuer.as_bytes()).collect::<String>();
        let target = callback.target().replace(&encoded(issuer), &encoded(other));
        assert_ne!(target, callback.target());
        let answer = browser.open(&mut world, &target);
        assert_refused(&mut world, &browser, &answer, "issuer_mismatch");
    }
}

#[test]
fn each_has_its_own_way_to_come_back() {
    let hybrid = second().response_type(ResponseType::CodeIdToken).response_mode(ResponseMode::FormPost);
    let mut world = world_of(first(), hybrid.pushed_authorization_requests(true), 1);
    for issuer in [A, B] {
        signed_in(&mut world, issuer);
    }
    let mut browser = Browser::default();
    let callback = begun(&mut world, &mut browser, B);
    assert_eq!(callback.target(), "/callback/b");
    let answer = browser.clone().ask(&mut world, callback.clone().at("/callback"));
    assert_eq!((answer.status(), answer.code().as_str()), (405, "method_not_allowed"));
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(callback.fields()).finish();
    let answer = browser.clone().open(&mut world, &format!("/callback/b?{query}"));
    assert_eq!((answer.status(), answer.code().as_str()), (405, "method_not_allowed"));
    assert_eq!(browser.ask(&mut world, callback).status(), 303);
}

#[test]
fn a_callback_is_good_once_at_whichever_provider() {
    for store in STORES {
        for issuer in [A, B] {
            let (mut world, mut browser) = (stored(store), Browser::default());
            let callback = begun(&mut world, &mut browser, issuer);
            let mut copy = browser.clone();
            assert_eq!(browser.ask(&mut world, callback.clone()).status(), 303);
            assert_eq!(copy.ask(&mut world, callback.clone()).code(), "state_mismatch");
            if store {
                let settings = || vec![first().session_store(true), second().session_store(true)];
                world.guard = guard_of(settings());
                assert_eq!(
                    copy.ask(&mut world, callback).code(),
                    "state_mismatch",
                    "in another process, too"
                );
            }
        }
    }
}

#[test]
fn a_sign_in_elsewhere_takes_the_place_of_the_one_before() {
    for store in STORES {
        let mut world = stored(store);
        let mut browser = signed_in(&mut world, A);
        let callback = begun(&mut world, &mut browser, B);
        assert_eq!(browser.ask(&mut world, callback).status(), 303);
        assert_eq!(iss(&mut world, &browser).as_deref(), Some(B));
    }
}

#[test]
fn each_session_is_refreshed_where_it_came_of() {
    for store in STORES {
        for (issuer, host) in [(A, "op.example"), (B, "b.example")] {
            let mut world = stored(store);
            let mut browser = signed_in(&mut world, issuer);
            let token = |answer: Answer, now| {
                let identity = answer.identity.unwrap();
                identity.session().unwrap().access_token(now).unwrap().expose().to_owned()
            };
            let now = world.now;
            let before = token(browser.open(&mut world, "/"), now);
            world.pass(3600 - 30);
            world.sent.clear();
            let now = world.now;
            let after = token(browser.open(&mut world, "/"), now);
            assert_ne!(before, after);
            assert_eq!(hosts(&world), [host]);
            assert_eq!(world.forms_sent_to("/token")[0]["grant_type"], "refresh_token");
            provider(&mut world, issuer).set_fault(Some(Fault::TokenErrorInvalidGrant));
            world.pass(3600);
            assert_eq!(iss(&mut world, &browser), None, "its own provider has ended it");
        }
    }
}

#[test]
fn a_refresh_that_answers_for_the_other_issuer_ends_the_session() {
    let mut world = twins(false);
    let mut browser = signed_in(&mut world, B);
    world.pass(3600 - 30);
    world.between = Some(Box::new(|request, response| {
        if request.uri().path() == "/token" {
            let mut answer: Value = serde_json::from_slice(response.body()).unwrap();
            let now = START + 3600 - 30;
            let claims = json!({ "iss": A, "sub": "ada", "aud": "web", "iat": now, "exp": now + 300 });
            let signer = DevProvider::new(A);
            let header = json!({ "alg": "RS256", "typ": "JWT", "kid": signer.current_kid() });
            answer["id_token"] = signer.sign(&header, &claims).into();
            *response.body_mut() = answer.to_string().into_bytes();
        }
    }));
    assert!(browser.open(&mut world, "/").identity.is_none());
}

#[test]
fn each_session_ends_where_it_came_of() {
    for store in STORES {
        for (issuer, host) in [(A, "op.example"), (B, "b.example")] {
            let mut world = stored(store);
            let mut browser = signed_in(&mut world, issuer);
            let mut other = signed_in(&mut world, if issuer == A { B } else { A });
            let hint = {
                let identity = browser.open(&mut world, "/").identity.unwrap();
                identity.session().unwrap().id_token().expose().to_owned()
            };
            let leave = Ask::method(Method::POST, "/logout").page().header("origin", ORIGIN);
            let location = browser.ask(&mut world, leave).location();
            assert_eq!((location.host_str(), location.path()), (Some(host), "/end-session"));
            let asked = query(&location);
            assert_eq!(asked["id_token_hint"], hint);
            assert_eq!(asked["post_logout_redirect_uri"], format!("{ORIGIN}/logged-out"));
            assert_eq!(iss(&mut world, &browser), None);
            let back = authorize(&mut world, &location);
            let page = browser.ask(&mut world, back);
            assert!(
                page.status() == 200 && page.body.contains("has ended your session there too"),
                "{page:?}"
            );
            assert!(other.open(&mut world, "/").identity.is_some());
        }
    }
}

#[test]
fn who_must_sign_in_anew_does_so_where_they_did() {
    for store in STORES {
        for (issuer, host) in [(A, "op.example"), (B, "b.example")] {
            let mut world = stored(store);
            // Whatever the application would choose for somebody new.
            let other = if issuer == A { B } else { A };
            world.guard = world.guard.clone().choose_by(move |_| Some(other.to_owned()));
            provider(&mut world, issuer).support_acr(&["phr"]);
            let mut browser = signed_in(&mut world, issuer);
            let policy = Policy::builder().acr(&["phr"]).build().unwrap();
            let transfer = || Ask::get("/transfer").page().policy(&policy);
            let redirect = browser.ask(&mut world, transfer()).location();
            assert_eq!(redirect.host_str(), Some(host));
            let callback = authorize(&mut world, &redirect);
            assert_eq!(browser.ask(&mut world, callback).header("location"), "/transfer");
            let admitted = browser.ask(&mut world, transfer());
            assert_eq!(admitted.identity.map(|identity| identity.iss().to_owned()).as_deref(), Some(issuer));
            let stranger = Browser::default().ask(&mut world, transfer()).location();
            assert_ne!(stranger.host_str(), Some(host), "somebody new goes where the application says");
        }
    }
}

fn back_channel(world: &mut World, token: &str) -> (u16, String) {
    let body = form_urlencoded::Serializer::new(String::new()).append_pair("logout_token", token).finish();
    let answer = world.ask(Ask::form("/backchannel-logout", body));
    (answer.status(), answer.code())
}

/// A logout token that names this session, by the key of `signer`.
fn logout_token(world: &mut World, signer: &str, claims: Value) -> String {
    let now = world.now.as_secs();
    let all = json!({ "iss": signer, "aud": "web", "iat": now, "exp": now + 120, "jti": "the same",
        "events": { EVENT: {} } });
    let signer = provider(world, signer);
    let header = json!({ "alg": "RS256", "typ": "logout+jwt", "kid": signer.current_kid() });
    signer.sign(&header, &merged(all, claims))
}

#[test]
fn a_logout_token_ends_the_sessions_of_its_own_issuer_only() {
    for store in STORES {
        for by_sid in [false, true] {
            for (ending, other) in [(A, B), (B, A)] {
                let mut world = twins(store);
                let [ended, lives] = [ending, other].map(|issuer| signed_in(&mut world, issuer));
                let name = sid(&mut world, &ended);
                assert_eq!(sid(&mut world, &lives), name, "they have the same name and the same person");
                let named = if by_sid { json!({ "sid": name }) } else { json!({ "sub": "ada" }) };
                let token = logout_token(&mut world, ending, named.clone());
                assert_eq!(back_channel(&mut world, &token), (200, String::new()));
                assert_eq!(iss(&mut world, &ended), None);
                assert_eq!(iss(&mut world, &lives).as_deref(), Some(other));
                assert_eq!(back_channel(&mut world, &token).1, "claim_invalid", "it is good once");
                let token = logout_token(&mut world, other, named);
                assert_eq!(back_channel(&mut world, &token).0, 200, "though its jti is the same");
                assert_eq!(iss(&mut world, &lives), None);
            }
        }
    }
}

#[test]
fn no_issuer_signs_a_logout_token_for_another() {
    for store in STORES {
        for (signer, claimed) in [(B, A), (A, B)] {
            let mut world = stored(store);
            let victim = signed_in(&mut world, claimed);
            let name = sid(&mut world, &victim);
            let token =
                logout_token(&mut world, signer, json!({ "iss": claimed, "sub": "ada", "sid": name }));
            assert_eq!(back_channel(&mut world, &token), (400, "unknown_key".into()));
            let honest = logout_token(&mut world, signer, json!({ "sub": "ada", "sid": name }));
            assert_eq!(back_channel(&mut world, &honest).0, 200, "it may end its own");
            let unknown =
                logout_token(&mut world, signer, json!({ "iss": "https://evil.example", "sid": name }));
            assert_eq!(back_channel(&mut world, &unknown), (400, "claim_invalid".into()));
            assert_eq!(iss(&mut world, &victim).as_deref(), Some(claimed));
        }
    }
}

#[test]
fn a_logout_token_for_another_client_of_the_issuer_is_refused() {
    let mut world = world_of(first(), second(), 1);
    let victim = signed_in(&mut world, B);
    let token = logout_token(&mut world, B, json!({ "aud": "another", "sub": "ada" }));
    assert_eq!(back_channel(&mut world, &token), (400, "claim_invalid".into()));
    assert_eq!(iss(&mut world, &victim).as_deref(), Some(B));
}

#[test]
fn a_browser_ends_the_session_of_the_issuer_that_it_names_only() {
    for store in STORES {
        for (ending, other) in [(A, B), (B, A)] {
            let mut world = twins(store);
            let [ended, lives] = [ending, other].map(|issuer| signed_in(&mut world, issuer));
            let name = sid(&mut world, &ended);
            let target = |iss: &str| {
                let mut query = form_urlencoded::Serializer::new(String::new());
                format!(
                    "/frontchannel-logout?{}",
                    query.append_pair("iss", iss).append_pair("sid", &name).finish()
                )
            };
            let nobody = world.ask(Ask::get(&target("https://evil.example")));
            assert_eq!((nobody.status(), nobody.code().as_str()), (400, "issuer_mismatch"));
            assert!(iss(&mut world, &ended).is_some());
            let answer = world.ask(Ask::get(&target(ending)));
            assert_eq!(answer.status(), 200);
            let policy = answer.header("content-security-policy");
            assert!(policy.ends_with(&format!("frame-ancestors {ending}")), "{policy}");
            assert_eq!(iss(&mut world, &ended), None);
            assert_eq!(iss(&mut world, &lives).as_deref(), Some(other));
        }
    }
}

#[test]
fn the_session_of_a_provider_that_is_none_of_ours_any_more_is_nobody_s() {
    for store in STORES {
        let mut world = stored(store);
        let [of_a, mut of_b] = [A, B].map(|issuer| signed_in(&mut world, issuer));
        world.guard = guard_of(vec![first().session_store(store)]);
        assert_eq!(iss(&mut world, &of_a).as_deref(), Some(A));
        world.pass(3600 - 30);
        world.sent.clear();
        let api = of_b.ask(&mut world, Ask::get("/api/x").required());
        assert_eq!((api.status(), api.code().as_str()), (401, "no_credentials"));
        let page = of_b.clone().ask(&mut world, Ask::get("/").page().required());
        assert_eq!(page.location().host_str(), Some("op.example"));
        let leave = Ask::method(Method::POST, "/logout").page().header("origin", ORIGIN);
        let left = of_b.clone().ask(&mut world, leave);
        assert_eq!(left.header("location"), "/logged-out", "its ID token goes to nobody else");
        let sent: Vec<_> = world.sent.iter().filter(|request| request.method() == "POST").collect();
        assert!(sent.is_empty(), "and neither does its refresh token: {sent:?}");
        world.guard = guard_of(vec![
            first().session_store(store),
            settings("https://c.example", "/callback/b").session_store(store),
        ]);
        assert_eq!(iss(&mut world, &of_b), None, "nor is it that of whoever has its place");
    }
}

#[test]
fn a_sign_in_that_began_with_a_provider_that_is_gone_is_finished_by_nobody() {
    let (mut world, mut browser) = (world(), Browser::default());
    let callback = begun(&mut world, &mut browser, B);
    world.guard = guard_of(vec![first(), settings("https://c.example", "/callback/b")]);
    let answer = browser.ask(&mut world, callback);
    assert_refused(&mut world, &browser, &answer, "state_mismatch");
}

#[test]
fn providers_that_cannot_be_told_apart_end_the_start() {
    let built = |configs: Vec<ConfigBuilder>| {
        let client = |config: ConfigBuilder| Client::new(config.build().unwrap(), Arc::new(Seeded::new()));
        Guard::several(configs.into_iter().map(client).collect())
    };
    let at = |issuer: &str, uri: &str| Config::builder(issuer, "web", uri);
    let server = |issuer: &str| Config::resource_server(issuer, "api");
    let cases = [
        (vec![], "issuer", "there is no provider"),
        (vec![first(), settings(A, "/callback/b")], "issuer", A),
        (vec![server(A), server(B), server(A)], "issuer", A),
        (vec![first(), settings(B, "/callback")], "redirect_uri", "another one for each"),
        (vec![first(), at(B, "https://b.rp.example/callback")], "redirect_uri", "another one for each"),
        (vec![first(), at(B, "https://b.rp.example/callback/b")], "redirect_uri", "one origin"),
        (vec![first(), at(B, "https://rp.example:8443/callback/b")], "redirect_uri", "one origin"),
        (vec![first(), server(B)], "redirect_uri", "missing for some"),
        (vec![server(A), second()], "redirect_uri", "missing for some"),
        (vec![first().session_store(true), second()], "session_store", "the same"),
        (vec![first(), second().session_store(true)], "session_store", "the same"),
    ];
    for (at, (configs, setting, part)) in cases.into_iter().enumerate() {
        let error = built(configs).expect_err(&format!("row {at}"));
        assert_eq!(error.setting(), setting, "row {at}: {error}");
        assert!(error.to_string().contains(part), "row {at}: {error}");
    }
    for fine in [vec![first()], vec![first(), second()], vec![server(A), server(B)], vec![server(A)]] {
        let issuers = fine.len();
        assert_eq!(built(fine).unwrap().clients().count(), issuers);
    }
}

#[test]
fn providers_that_take_tokens_of_the_same_issuer_end_the_start() {
    let template = |allowed: &[&str]| IssuerPolicy::Template {
        templates: vec!["https://{tid}.example".to_owned()],
        claim: "tid",
        allowed: allowed.iter().copied().map(str::to_owned).collect(),
    };
    let one_of = |names: &[&str]| IssuerPolicy::OneOf(names.iter().copied().map(str::to_owned).collect());
    let segment = |prefix: &str| IssuerPolicy::Segment(prefix.to_owned());
    for (of_a, of_b, apart) in [
        (IssuerPolicy::Exact, IssuerPolicy::Exact, true),
        (one_of(&[A, "https://old.example"]), IssuerPolicy::Exact, true),
        (one_of(&[A, B]), IssuerPolicy::Exact, false),
        (one_of(&[A, "https://x.example"]), one_of(&[B, "https://x.example"]), false),
        (template(&["op"]), IssuerPolicy::Exact, true),
        (template(&["op", "b"]), IssuerPolicy::Exact, false),
        (template(&["op", "x"]), template(&["x"]), false),
        (segment(A), segment(B), true),
        (segment(A), one_of(&[B, "https://op.example/tenant"]), false),
        (segment(A), segment("https://op.example/tenant"), false),
        (segment(A), segment("https://op.example/tenant/deeper"), true),
    ] {
        let what = format!("{of_a:?} {of_b:?}");
        let profile = |issuers: &IssuerPolicy| ProviderProfile::standard("test").issuers(issuers.clone());
        let for_access =
            |issuers: &IssuerPolicy| ProviderProfile::standard("test").access_token_issuers(issuers.clone());
        let profiles = [[profile(&of_a), profile(&of_b)], [for_access(&of_a), for_access(&of_b)]];
        for [of_a, of_b] in profiles {
            let built = |configs: [ConfigBuilder; 2]| {
                let clients =
                    configs.map(|config| Client::new(config.build().unwrap(), Arc::new(Seeded::new())));
                Guard::several(clients.into()).map_err(|error| error.setting())
            };
            let (one, other) = (first().profile(of_a), second().profile(of_b));
            for built in [built([one.clone(), other.clone()]), built([other, one])] {
                assert_eq!(built.map(|_| ()), if apart { Ok(()) } else { Err("issuer") }, "{what}");
            }
        }
    }
}

/// Both make an identity of issuer and subject.
#[test]
fn one_s_access_tokens_are_never_of_an_issuer_by_whom_people_sign_in_with_another() {
    let by = |name: &str| IssuerPolicy::OneOf(vec![name.to_owned()]);
    let apart = ProviderProfile::standard("apart").access_token_issuers(by("https://api.example"));
    for (name, fine) in [(A, false), ("https://other.example", true)] {
        let of_b = ProviderProfile::standard("b").access_token_issuers(by(name));
        let pair = [first().profile(apart.clone()), second().profile(of_b)];
        let [one, other] = pair.map(|config| Client::new(config.build().unwrap(), Arc::new(Seeded::new())));
        for clients in [vec![one.clone(), other.clone()], vec![other, one]] {
            let built = Guard::several(clients).map_err(|error| error.setting());
            assert_eq!(built.map(|_| ()), if fine { Ok(()) } else { Err("issuer") }, "{name}");
        }
    }
}

#[test]
fn resource_servers_take_tokens_of_each_and_sign_nobody_in() {
    let mut world = world();
    world.guard = guard_of(vec![Config::resource_server(A, "web"), Config::resource_server(B, "web")]);
    for issuer in [A, B] {
        let token = token_of(&mut world, issuer);
        assert_eq!(world.bearer(&token).sub(), Some("ada"));
    }
    assert!(world.ask(Ask::get("/login").page()).status.is_none());
}

#[test]
fn a_guard_of_one_of_them_knows_what_has_ended_at_all() {
    for store in STORES {
        let mut world = stored(store);
        let browser = signed_in(&mut world, B);
        let all = world.guard.clone();
        let token = logout_token(&mut world, B, json!({ "sub": "ada" }));
        assert_eq!(back_channel(&mut world, &token).0, 200);
        world.guard = all.only(B).unwrap();
        assert_eq!(iss(&mut world, &browser), None, "ended by the whole guard");
        world.guard = all.clone();
        world.pass(2);
        let again = signed_in(&mut world, B);
        world.guard = all.only(B).unwrap();
        assert_eq!(iss(&mut world, &again).as_deref(), Some(B));
        assert!(all.only("https://evil.example").is_none());
    }
}

#[test]
fn a_session_keeps_what_its_own_client_says() {
    for store in STORES {
        let quiet = first().scopes("openid").session_claims(&[]).session_store(store);
        let mut world = world_of(quiet, second().session_store(store), 1);
        for (issuer, keeps) in [(A, false), (B, true)] {
            let mut browser = signed_in(&mut world, issuer);
            let answer = browser.open(&mut world, "/");
            let identity = answer.identity.expect("somebody is signed in");
            let session = identity.session().unwrap();
            assert_eq!(session.access_token(world.now).is_some(), keeps, "{issuer}");
            assert_eq!(identity.claims().get::<String>("name").is_some(), keeps, "{issuer}");
        }
    }
}

/// What the weaker of two providers says of roles and authentication is its own word.
#[test]
fn a_policy_names_the_issuers_whose_word_counts() {
    let mut world = world();
    let policy = || Policy::builder().role("/roles", "admin").acr(&["phr"]);
    let of_a = policy().issuers(&[A]).build().unwrap();
    let of_any = policy().build().unwrap();
    assert_eq!(Policy::builder().issuers(&[]).build().unwrap_err().setting(), "policy");
    let claims = json!({ "roles": ["admin"], "acr": "phr" });
    for (issuer, expected) in [(A, 200), (B, 403)] {
        let token = forged(&mut world, issuer, json!({}), claims.clone());
        let mut ask = |policy: &Policy| {
            let ask = Ask::get("/api/x").header("authorization", &format!("Bearer {token}"));
            world.ask(ask.policy(policy))
        };
        assert_eq!(ask(&of_any).status.map_or(200, |status| status.as_u16()), 200);
        let answer = ask(&of_a);
        assert_eq!(answer.status.map_or(200, |status| status.as_u16()), expected, "{issuer}");
        assert!(expected == 200 || answer.code() == "issuer_mismatch");
    }
}

#[test]
fn the_application_is_asked_to_choose_only_where_somebody_is_to_sign_in() {
    let mut world = world();
    let mut browser = signed_in(&mut world, B);
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    world.guard = world.guard.clone().choose_by(move |_| {
        count.fetch_add(1, Ordering::Relaxed);
        None
    });
    assert!(browser.open(&mut world, "/").identity.is_some());
    assert_eq!(browser.ask(&mut world, Ask::get("/api/x")).status, None);
    assert_eq!(asked.load(Ordering::Relaxed), 0);
    let page = world.ask(Ask::get("/x").page().required());
    assert_eq!((page.status(), asked.load(Ordering::Relaxed)), (303, 1));
}
