//! Signing in and being recognised, against the dev provider and a clock that moves.
#![cfg(feature = "rsa")]

mod support;

use http::Method;
use oidc_core::config::{ClientAuth, ResponseMode};
use oidc_core::guard::Source;
use oidc_core::jose::Algorithm;
use oidc_core::{Config, LoginOptions};
use oidc_dev_provider::Fault;
use support::{Ask, Browser, START, World, config, config_for};

fn query(url: &url::Url) -> std::collections::BTreeMap<String, String> {
    let pairs: Vec<_> = url.query_pairs().into_owned().collect();
    let map: std::collections::BTreeMap<_, _> = pairs.iter().cloned().collect();
    assert_eq!(map.len(), pairs.len(), "each parameter stands once");
    map
}

#[test]
fn a_person_signs_in_and_is_recognised() {
    let (mut world, mut browser) = (World::new(), Browser::default());
    let answer = browser.sign_in(&mut world);
    assert_eq!((answer.status(), answer.header("location")), (303, "/profile"));
    assert_eq!(answer.header("cache-control"), "no-store");
    let profile = browser.open(&mut world, "/profile");
    let identity = profile.identity.unwrap();
    assert_eq!(
        (identity.iss(), identity.sub(), identity.source()),
        (support::ISSUER, "ada", Source::Session)
    );
    assert_eq!(identity.claims().get::<String>("name").as_deref(), Some("Ada Lovelace"));
    assert_eq!(identity.expires_at().as_secs(), START + 86_400);
    assert_eq!(world.fetched, ["discovery", "token", "keys", "userinfo"]);
}

#[test]
fn the_authorization_request_is_that_of_the_code_flow_with_pkce() {
    let mut world = World::new();
    let url = Browser::default().ask(&mut world, Ask::get("/profile").page().required()).location();
    let query = query(&url);
    let value = |name: &str| query[name].as_str();
    assert_eq!(value("response_type"), "code");
    assert_eq!(value("client_id"), "web");
    assert_eq!(value("redirect_uri"), "https://rp.example/callback");
    assert_eq!(value("scope"), "openid profile email");
    assert_eq!(value("code_challenge_method"), "S256");
    for secret in ["state", "nonce", "code_challenge"] {
        assert_eq!(value(secret).len(), 43, "{secret}");
    }
    assert_eq!(query.len(), 8);
}

#[test]
fn every_algorithm_response_mode_and_client_authentication_signs_in() {
    for algorithm in [Algorithm::Rs256, Algorithm::Rs384, Algorithm::Rs512] {
        for mode in [ResponseMode::Query, ResponseMode::FormPost] {
            for auth in [ClientAuth::Basic, ClientAuth::Post] {
                let config = config().algorithms(&[algorithm]).response_mode(mode).client_auth(auth);
                let (mut world, mut browser) = (World::with(config), Browser::default());
                world.provider.sign_with(algorithm.name());
                world.provider.sign_userinfo(auth == ClientAuth::Post);
                let answer = browser.sign_in(&mut world);
                assert_eq!(answer.status(), 303, "{algorithm} {mode:?} {auth:?} {}", answer.code());
                assert_eq!(browser.open(&mut world, "/").sub(), Some("ada"));
            }
        }
    }
}

#[test]
fn a_public_client_signs_in() {
    let config = Config::builder(support::ISSUER, "app", "https://rp.example/callback");
    let (mut world, mut browser) = (World::with(config), Browser::default());
    assert_eq!(browser.sign_in(&mut world).status(), 303);
    assert_eq!(browser.open(&mut world, "/").sub(), Some("ada"));
}

#[test]
fn an_issuer_with_a_trailing_slash_and_a_path_signs_in() {
    let (mut world, mut browser) =
        (World::with(config_for("https://op.example/tenant/")), Browser::default());
    assert_eq!(browser.sign_in(&mut world).status(), 303);
    assert_eq!(browser.open(&mut world, "/").identity.unwrap().iss(), "https://op.example/tenant/");
}

#[test]
fn options_reach_the_provider_and_are_checked_on_the_way_back() {
    let mut world = World::new();
    let client = world.client();
    let options = LoginOptions {
        prompt: Some("login".into()),
        login_hint: Some("ada".into()),
        ui_locales: Some("de en".into()),
        max_age: Some(std::time::Duration::from_secs(60)),
        acr_values: Some("high".into()),
        claims: Some(serde_json::json!({"id_token": {"acr": {"essential": true, "values": ["high"]}}})),
        extra: vec![("audience".into(), "api".into())],
        ..LoginOptions::default()
    };
    let redirect = world.run(|now| client.begin_login(options, now)).unwrap();
    let query = query(&redirect.url);
    for (name, value) in [
        ("prompt", "login"),
        ("login_hint", "ada"),
        ("ui_locales", "de en"),
        ("max_age", "60"),
        ("acr_values", "high"),
        ("audience", "api"),
    ] {
        assert_eq!(query[name], value);
    }
    assert!(query["claims"].contains("essential"));
}

#[test]
fn an_extra_parameter_must_not_be_one_that_the_protocol_sets() {
    let mut world = World::new();
    let client = world.client();
    for name in ["state", "nonce", "redirect_uri", "client_id", "code_challenge", "response_type", "prompt"] {
        let options = LoginOptions { extra: vec![(name.into(), "x".into())], ..LoginOptions::default() };
        let error = world.run(|now| client.begin_login(options, now)).unwrap_err();
        assert_eq!(error.code(), "reserved_parameter", "{name}");
    }
    let twice = vec![("a".into(), "1".into()), ("a".into(), "2".into())];
    let options = LoginOptions { extra: twice, ..LoginOptions::default() };
    assert_eq!(world.run(|now| client.begin_login(options, now)).unwrap_err().code(), "reserved_parameter");
}

#[test]
fn tabs_sign_in_side_by_side_and_the_oldest_of_too_many_gives_way() {
    let (mut world, mut browser) = (World::new(), Browser::default());
    let mut tabs = Vec::new();
    for _ in 0..10 {
        world.pass(1);
        tabs.push(browser.start(&mut world, "/profile"));
    }
    assert_eq!(browser.cookies.len(), 8);
    for (tab, callback) in tabs.into_iter().enumerate() {
        let answer = browser.ask(&mut world, callback);
        let expected = if tab < 2 { (400, "state_mismatch") } else { (303, "") };
        assert_eq!((answer.status(), answer.code().as_str()), expected, "tab {tab}");
    }
}

#[test]
fn f12_a_sign_in_that_another_process_started_is_finished_here() {
    let secret = oidc_core_secret();
    let settings = || config().cookie_secrets(std::slice::from_ref(&secret));
    let (mut first, mut browser) = (World::with(settings()), Browser::default());
    let callback = browser.start(&mut first, "/profile");
    let mut second = World { provider: first.provider, ..World::with(settings()) };
    assert_eq!(browser.ask(&mut second, callback).status(), 303);
    assert_eq!(browser.open(&mut second, "/").sub(), Some("ada"));
}

fn oidc_core_secret() -> String {
    "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8".into()
}

#[test]
fn with_a_session_store_a_sign_in_is_used_up_for_all_processes() {
    let secret = oidc_core_secret();
    let settings = || config().session_store(true).cookie_secrets(std::slice::from_ref(&secret));
    let (mut first, mut browser) = (World::with(settings()), Browser::default());
    let callback = browser.start(&mut first, "/profile");
    let mut attacker = browser.clone();
    assert_eq!(browser.ask(&mut first, callback.clone()).status(), 303);
    let mut second = World { provider: first.provider, store: first.store, ..World::with(settings()) };
    assert_eq!(attacker.ask(&mut second, callback.clone()).code(), "state_mismatch");
    let mut third = Browser::default();
    let callback = third.start(&mut second, "/profile");
    second.store = None;
    let answer = third.ask(&mut second, callback);
    assert_eq!((answer.status(), answer.code().as_str()), (503, "store_unavailable"));
}

#[test]
fn d25_keys_that_rotate_just_before_signing_are_fetched_at_once() {
    let (mut world, mut browser) = (World::new(), Browser::default());
    assert_eq!(browser.sign_in(&mut world).status(), 303);
    world.pass(1);
    world.provider.set_fault(Some(Fault::RotationJustBeforeSigning));
    assert_eq!(Browser::default().sign_in(&mut world).status(), 303);
    assert_eq!(world.provider.requests("/jwks"), 2);
}

#[test]
fn keys_without_kid_are_tried() {
    for fault in [Fault::KidAbsentSingleJwks, Fault::KidAbsentMultipleJwks] {
        let (mut world, mut browser) = (World::new(), Browser::default());
        world.provider.set_fault(Some(fault));
        assert_eq!(browser.sign_in(&mut world).status(), 303);
    }
}

#[test]
fn a_session_is_renewed_while_it_is_used_and_ends_at_its_limits() {
    let hour = std::time::Duration::from_secs(3600);
    let config = config().session_idle(hour).session_absolute(hour * 3);
    let (mut world, mut browser) = (World::with(config), Browser::default());
    browser.sign_in(&mut world);
    world.pass(60);
    assert!(browser.open(&mut world, "/").all("set-cookie").is_empty(), "too early to renew");
    for _ in 0..3 {
        world.pass(3000);
        let answer = browser.open(&mut world, "/");
        assert_eq!(answer.sub(), Some("ada"));
        assert_eq!(answer.header("cache-control"), "no-store");
    }
    world.pass(1739);
    assert_eq!(browser.open(&mut world, "/").sub(), Some("ada"), "one second before the absolute end");
    world.pass(1);
    assert_eq!(browser.open(&mut world, "/").sub(), None);

    browser.sign_in(&mut world);
    world.pass(3599);
    assert_eq!(browser.clone().open(&mut world, "/").sub(), Some("ada"));
    world.pass(1);
    assert_eq!(browser.open(&mut world, "/").sub(), None, "idle for an hour");
}

#[test]
fn signing_out_ends_the_session_here_and_goes_to_the_provider() {
    let (mut world, mut browser) = (World::new(), Browser::default());
    browser.sign_in(&mut world);
    let out = Ask::method(Method::POST, "/logout").page();
    for origin in [None, Some("null"), Some("https://evil.example"), Some("https://rp.example.evil")] {
        let ask = origin.map_or(out.clone(), |origin| out.clone().header("origin", origin));
        let answer = browser.ask(&mut world, ask);
        assert_eq!((answer.status(), answer.code().as_str()), (403, "origin_mismatch"));
        assert!(browser.has_session());
    }
    assert_eq!(browser.ask(&mut world, Ask::get("/logout").page()).status(), 405);

    let answer = browser.ask(&mut world, out.header("origin", support::ORIGIN));
    let url = answer.location();
    let query = query(&url);
    assert_eq!(url.path(), "/end-session");
    assert_eq!(query["post_logout_redirect_uri"], "https://rp.example/logged-out");
    assert!(query.contains_key("id_token_hint"));
    assert!(!browser.has_session());

    let page = browser.open(&mut world, &format!("/logged-out?state={}", query["state"]));
    assert!(page.body.contains("ended your session there too"), "{}", page.body);
    let page = browser.open(&mut world, "/logged-out?state=made-up");
    assert!(page.body.contains("You are signed out here."), "{}", page.body);
    assert_eq!(browser.open(&mut world, "/").sub(), None);
}

#[test]
fn signing_out_works_here_while_the_provider_is_down() {
    let (mut world, mut browser) = (World::new(), Browser::default());
    browser.sign_in(&mut world);
    world.down = true;
    world.pass(1000);
    let answer =
        browser.ask(&mut world, Ask::method(Method::POST, "/logout").header("origin", support::ORIGIN));
    assert_eq!(answer.status(), 303);
    assert!(!browser.has_session());
}

#[test]
fn a_session_is_refreshed_and_what_the_provider_gets_wrong_is_refused() {
    let scopes = "openid offline_access";
    for (fault, code) in [
        (None, ""),
        (Some(Fault::RefreshInvalidIss), "claim_invalid"),
        (Some(Fault::RefreshInvalidSub), "subject_mismatch"),
        (Some(Fault::TokenErrorInvalidGrant), "provider_error"),
    ] {
        let mut world = World::with(config().scopes(scopes));
        let client = world.client();
        let redirect = world.run(|now| client.begin_login(LoginOptions::default(), now)).unwrap();
        let request =
            http::Request::get(&redirect.url[url::Position::BeforePath..]).body(Vec::new()).unwrap();
        let response = world.provider.answer(request, START).response;
        let location = url::Url::parse(response.headers()["location"].to_str().unwrap()).unwrap();
        let callback = oidc_core::Callback::parse(location.query().unwrap()).unwrap();
        let session = world.run(|now| client.finish_login(redirect.login, callback, now)).unwrap();
        let old = session.access_token(world.now).unwrap().expose().to_owned();
        world.provider.set_fault(fault);
        match world.run(|now| client.refresh(session, now)) {
            Ok(session) => assert_ne!(session.access_token(world.now).unwrap().expose(), old),
            Err(error) => assert_eq!(error.code(), code),
        }
    }
}
