//! Pushed authorization requests (RFC 9126): the provider is told first, and the browser carries no more than a name.
#![cfg(feature = "rsa")]

mod support;

use std::time::Duration;

use http::{Request, Response};
use oidc_core::config::{ClientAuth, ConfigBuilder, ResponseMode};
use oidc_core::guard::Policy;
use oidc_core::profile::ProviderProfile;
use oidc_core::step::{FetchError, FetchResult};
use oidc_core::{Config, LoginOptions, Secret};
use oidc_dev_provider::DevClient;
use serde_json::{Value, json};

use support::{Answer, Ask, Browser, Form, ISSUER, World, authorize, config, query};

const SECRET: &str = "s3cr&t +% of thirty-two bytes at least";
const SECRETS: [&str; 3] = ["state", "nonce", "code_challenge"];

fn pushing() -> ConfigBuilder {
    config().pushed_authorization_requests(true)
}

/// Whose provider takes nothing that was not pushed.
fn world() -> World {
    demanding(pushing())
}

fn demanding(config: ConfigBuilder) -> World {
    let mut world = World::with(config);
    world.provider.require_par(true);
    world
}

fn begin(world: &mut World) -> Answer {
    Browser::default().ask(world, Ask::get("/profile").page().required())
}

/// The one form that was pushed.
fn pushed(world: &World) -> Form {
    let mut forms = world.forms_sent_to("/par");
    assert_eq!(forms.len(), 1);
    forms.remove(0)
}

/// The provider's answer to a push is this one.
fn answer_with(world: &mut World, answer: impl Fn(&Request<Vec<u8>>) -> FetchResult + Send + 'static) {
    world.instead = Some(Box::new(move |request| (request.uri().path() == "/par").then(|| answer(request))));
}

fn answered(status: u16, content_type: &str, body: &str) -> FetchResult {
    let answer = Response::builder().status(status).header("content-type", content_type);
    Ok(answer.body(body.as_bytes().to_vec()).unwrap())
}

/// Changes the provider's metadata.
fn saying(world: &mut World, change: impl Fn(&mut Value) + Send + 'static) {
    world.between = Some(Box::new(move |request, response| {
        if request.uri().path().ends_with("configuration") {
            let mut document = serde_json::from_slice(response.body()).unwrap();
            change(&mut document);
            *response.body_mut() = document.to_string().into_bytes();
        }
    }));
}

#[test]
fn the_browser_carries_the_client_s_and_the_request_s_name_and_nothing_else() {
    let mut world = world();
    let redirect = begin(&mut world);
    let url = redirect.location();
    assert_eq!(&url[..url::Position::AfterPath], "https://op.example/authorize");
    let carried = query(&url);
    assert_eq!(carried.keys().collect::<Vec<_>>(), ["client_id", "request_uri"]);
    assert_eq!(carried["client_id"], "web");
    assert!(carried["request_uri"].starts_with("urn:ietf:params:oauth:request_uri:"));

    let pushed = pushed(&world);
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", "web"),
        ("redirect_uri", "https://rp.example/callback"),
        ("scope", "openid profile email"),
        ("code_challenge_method", "S256"),
    ] {
        assert_eq!(pushed[name], value);
    }
    let elsewhere = format!("{url} {:?} {}", redirect.headers, redirect.body);
    for name in SECRETS {
        assert_eq!(pushed[name].len(), 43, "{name}");
        assert!(!elsewhere.contains(&pushed[name]), "{name}");
    }
    assert_eq!(pushed.len(), 8);
}

#[test]
fn a_request_is_pushed_where_it_is_configured_or_demanded_and_else_it_is_not() {
    for (configured, demanded) in [(false, false), (true, false), (false, true), (true, true)] {
        let mut world = World::with(config().pushed_authorization_requests(configured));
        world.provider.require_par(demanded);
        let mut browser = Browser::default();
        assert_eq!(browser.sign_in(&mut world).status(), 303);
        assert_eq!(browser.open(&mut world, "/").sub(), Some("ada"));
        let pushes = usize::from(configured || demanded);
        assert_eq!(world.provider.requests("/par"), pushes, "{configured} {demanded}");
    }
}

#[test]
fn every_method_pushes_and_signs_in_and_names_the_client_once() {
    for (auth, by_form) in [
        (ClientAuth::Basic, ["client_id"].as_slice()),
        (ClientAuth::Post, &["client_id", "client_secret"]),
        (ClientAuth::SecretJwt, &["client_assertion", "client_assertion_type", "client_id"]),
        (ClientAuth::Tls, &["client_id"]),
        (ClientAuth::None, &["client_id"]),
    ] {
        let of_client = |name: &&String| name.starts_with("client_");
        let secret = !matches!(auth, ClientAuth::Tls | ClientAuth::None);
        let config = Config::builder(ISSUER, "web", "https://rp.example/callback").client_auth(auth);
        let config = if secret { config.client_secret(Secret::new(SECRET)) } else { config };
        let mut world = demanding(config);
        world.provider.mtls_aliases(auth == ClientAuth::Tls);
        world.provider.add_client(DevClient {
            redirect_uris: vec!["https://rp.example/callback".into()],
            auth: match auth {
                ClientAuth::SecretJwt => oidc_dev_provider::DevClientAuth::SecretJwt,
                ClientAuth::Tls => oidc_dev_provider::DevClientAuth::Tls,
                ClientAuth::None => oidc_dev_provider::DevClientAuth::None,
                _ => oidc_dev_provider::DevClientAuth::Any,
            },
            ..DevClient::confidential("web", SECRET)
        });
        let mut browser = Browser::default();
        assert_eq!(browser.sign_in(&mut world).status(), 303, "{auth:?}");
        assert_eq!(browser.open(&mut world, "/").sub(), Some("ada"));
        let path = if auth == ClientAuth::Tls { "/mtls/par" } else { "/par" };
        let forms = world.forms_sent_to(path);
        assert_eq!(forms.len(), 1, "{auth:?}");
        assert_eq!(forms[0].keys().filter(of_client).collect::<Vec<_>>(), by_form, "{auth:?}");
        let pushes = world.sent.iter().filter(|request| request.uri().path() == path);
        let authorized = pushes.filter(|request| request.headers().contains_key("authorization")).count();
        assert_eq!(authorized, usize::from(auth == ClientAuth::Basic));
    }
}

#[test]
fn what_a_sign_in_asks_for_beyond_the_ordinary_is_pushed_too() {
    let mut world = demanding(pushing().response_mode(ResponseMode::FormPost));
    let client = world.client();
    let options = LoginOptions {
        prompt: Some("login".into()),
        login_hint: Some("ada@example.com".into()),
        max_age: Some(Duration::from_secs(60)),
        extra: vec![("audience".into(), "api".into())],
        ..LoginOptions::default()
    };
    let redirect = world.run(|now| client.begin_login(options, now)).unwrap();
    let pushed = pushed(&world);
    for (name, value) in [
        ("prompt", "login"),
        ("login_hint", "ada@example.com"),
        ("max_age", "60"),
        ("audience", "api"),
        ("response_mode", "form_post"),
    ] {
        assert_eq!(pushed[name], value);
    }
    assert_eq!(query(&redirect.url).len(), 2);
}

#[test]
fn what_proves_the_client_comes_from_nowhere_else() {
    for name in ["client_id", "client_secret", "client_assertion", "client_assertion_type", "request_uri"] {
        for mut world in [world(), World::new()] {
            let client = world.client();
            let options = LoginOptions { extra: vec![(name.into(), "x".into())], ..LoginOptions::default() };
            let error = world.run(|now| client.begin_login(options, now)).unwrap_err();
            assert_eq!((error.code(), world.fetched.len()), ("reserved_parameter", 1), "{name}");
        }
        let profile = ProviderProfile::standard("careless").authorize_parameter(name, "x");
        assert_eq!(pushing().profile(profile).build().unwrap_err().setting(), "authorize_parameter");
    }
}

#[test]
fn a_policy_that_sends_somebody_to_sign_in_anew_is_pushed_and_met() {
    let mut world = world();
    world.provider.support_acr(&["phr"]);
    let mut browser = Browser::default();
    assert_eq!(browser.sign_in(&mut world).status(), 303);
    let policy = Policy::builder().acr(&["phr"]).build().unwrap();
    let redirect = browser.ask(&mut world, Ask::get("/transfer").page().policy(&policy));
    assert_eq!(query(&redirect.location()).len(), 2);
    assert_eq!(world.forms_sent_to("/par")[1]["acr_values"], "phr");
    let callback = authorize(&mut world, &redirect.location());
    assert_eq!(browser.ask(&mut world, callback).header("location"), "/transfer");
    let admitted = browser.ask(&mut world, Ask::get("/transfer").page().policy(&policy));
    assert_eq!(admitted.sub(), Some("ada"));
}

#[test]
fn a_name_is_good_for_one_browser() {
    let mut world = world();
    let redirect = begin(&mut world);
    authorize(&mut world, &redirect.location());
    let request = Request::get(&redirect.location()[url::Position::BeforePath..]).body(Vec::new()).unwrap();
    let again = world.provider.answer(request, world.now.as_secs()).response;
    assert_eq!(again.status(), 400, "it is the provider that sees to it");
}

#[test]
fn a_push_that_fails_starts_no_sign_in_and_says_why() {
    let json = "application/json";
    let refusal = r#"{"error":"invalid_request","error_description":"no such scope"}"#;
    let long = format!(r#"{{"request_uri":"{}"}}"#, "a".repeat(1025));
    let cases: Vec<(&str, u16, FetchResult, &str)> = vec![
        ("a name too long for an address", 502, answered(201, json, &long), "provider_malformed"),
        ("refused", 502, answered(400, json, refusal), "provider_error"),
        (
            "a client that is not known",
            502,
            answered(401, json, r#"{"error":"invalid_client"}"#),
            "provider_error",
        ),
        ("a page", 502, answered(200, "text/html", "<p>Sign in to this network"), "provider_content_type"),
        ("a page that was created", 502, answered(201, "text/html", "<p>"), "provider_content_type"),
        ("no name", 502, answered(201, json, r#"{"expires_in":60}"#), "provider_malformed"),
        (
            "an empty name",
            502,
            answered(201, json, r#"{"request_uri":"","expires_in":60}"#),
            "provider_malformed",
        ),
        ("null", 502, answered(201, json, r#"{"request_uri":null}"#), "provider_malformed"),
        ("a number", 502, answered(201, json, r#"{"request_uri":7}"#), "provider_malformed"),
        (
            "two names",
            502,
            answered(201, json, r#"{"request_uri":"a","request_uri":"b"}"#),
            "provider_malformed",
        ),
        ("no JSON", 502, answered(201, json, "created"), "provider_malformed"),
        ("an array", 502, answered(201, json, "[]"), "provider_malformed"),
        ("a redirect", 502, answered(307, json, ""), "provider_status"),
        ("no content", 502, answered(204, json, ""), "provider_status"),
        ("not found", 502, answered(404, json, "{}"), "provider_status"),
        ("too many", 503, answered(429, json, "{}"), "provider_status"),
        ("broken", 503, answered(500, json, "{}"), "provider_status"),
        ("too late", 503, Err(FetchError::Timeout), "provider_timeout"),
        ("too large", 503, Err(FetchError::TooLarge), "provider_too_large"),
        ("no connection", 503, Err(FetchError::Failed("refused".into())), "provider_unreachable"),
    ];
    for (what, status, answer, code) in cases {
        let mut world = world();
        answer_with(&mut world, move |_| answer.clone());
        let refused = begin(&mut world);
        assert_eq!((refused.status(), refused.code().as_str()), (status, code), "{what}");
        assert!(refused.all("set-cookie").is_empty() && refused.all("location").is_empty(), "{what}");
        assert_eq!(world.fetched, ["discovery", "pushed_authorization"], "{what}");
    }
}

#[test]
fn a_name_that_is_given_with_status_200_is_taken_and_carried_as_a_value() {
    let mut world = world();
    answer_with(&mut world, |_| answered(200, "application/json", r#"{"request_uri":"urn:x&state=evil#f"}"#));
    let url = begin(&mut world).location();
    assert_eq!(query(&url)["request_uri"], "urn:x&state=evil#f");
    assert_eq!((query(&url).len(), url.fragment()), (2, None));
}

#[test]
fn where_there_is_no_endpoint_to_push_to_no_request_goes_by_way_of_the_browser() {
    for (demanded, configured) in [(true, false), (false, true)] {
        let mut world = World::with(config().pushed_authorization_requests(configured));
        saying(&mut world, move |document| {
            document.as_object_mut().unwrap().remove("pushed_authorization_request_endpoint");
            document["require_pushed_authorization_requests"] = json!(demanded);
        });
        let refused = begin(&mut world);
        assert_eq!((refused.status(), refused.code().as_str()), (500, "no_endpoint"));
        assert!(refused.all("location").is_empty());
    }
}

#[test]
fn a_demand_that_is_no_truth_value_is_no_metadata() {
    let mut world = World::new();
    saying(&mut world, |document| document["require_pushed_authorization_requests"] = json!("true"));
    assert_eq!(begin(&mut world).code(), "provider_malformed");
}

#[test]
fn what_was_pushed_is_in_no_error_though_the_provider_repeats_it() {
    for name in ["state", "nonce", "client_secret"] {
        let mut world = demanding(pushing().client_auth(ClientAuth::Post));
        answer_with(&mut world, move |request| {
            let repeated = &support::form(request)[name];
            answered(
                400,
                "application/json",
                &json!({ "error": "x", "error_description": repeated }).to_string(),
            )
        });
        let client = world.client();
        let error = world.run(|now| client.begin_login(LoginOptions::default(), now)).unwrap_err();
        let sent = &pushed(&world)[name];
        assert!(!error.to_string().contains(sent) && error.to_string().contains("[redacted]"), "{error}");
    }
}

#[test]
fn the_callback_is_held_to_the_sign_in_that_was_pushed() {
    let (mut world, mut browser, mut other) = (world(), Browser::default(), Browser::default());
    let callback = browser.start(&mut world, "/profile");
    other.start(&mut world, "/profile");
    let foreign = other.ask(&mut world, callback);
    assert_eq!((foreign.status(), foreign.code().as_str()), (400, "state_mismatch"));
    assert_eq!(world.provider.requests("/token"), 0);
}
