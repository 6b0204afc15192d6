//! Questions to the provider about a token (RFC 7662), and its end (RFC 7009).
#![cfg(feature = "rsa")]

mod support;

use http::Response;
use oidc_core::config::{ConfigBuilder, Danger};
use oidc_core::introspection::{Introspection, TokenHint};
use oidc_core::profile::ProviderProfile;
use oidc_core::step::{FetchError, FetchResult};
use oidc_core::{Config, Error, Secret, Session};
use oidc_dev_provider::{AccessTokenRequest, DevClient};
use serde_json::{Value, json};

use support::{Browser, ISSUER, START, World, config};

const OPAQUE: &str = "an-opaque-token-of-somebody";

fn ask(world: &mut World, token: &str) -> Result<Option<Introspection>, Error> {
    let client = world.client();
    world.run(|now| client.introspect(&Secret::new(token), now))
}

fn end(world: &mut World, token: &str, hint: TokenHint) -> Result<(), Error> {
    let client = world.client();
    world.run(|now| client.revoke(&Secret::new(token), hint, now))
}

/// Whose provider answers at this path so.
fn answering(path: &'static str, answer: FetchResult) -> World {
    let mut world = World::new();
    world.instead = Some(Box::new(move |request| (request.uri().path() == path).then(|| answer.clone())));
    world
}

fn answered(status: u16, content_type: &str, body: &str) -> FetchResult {
    let answer = Response::builder().status(status).header("content-type", content_type);
    Ok(answer.body(body.as_bytes().to_vec()).unwrap())
}

fn told(body: &Value) -> FetchResult {
    answered(200, "application/json", &body.to_string())
}

/// What comes of an answer about an opaque token.
fn judged(body: &Value) -> Result<Option<Introspection>, Error> {
    ask(&mut answering("/introspect", told(body)), OPAQUE)
}

fn merged(mut of: Value, changes: Value) -> Value {
    let (Value::Object(members), Value::Object(changes)) = (&mut of, changes) else { panic!("no objects") };
    members.extend(changes);
    of
}

/// What a provider says of a token that lives.
fn living() -> Value {
    json!({ "active": true, "iss": ISSUER, "sub": "ada", "aud": "web", "client_id": "app",
        "scope": "read  write", "iat": START, "exp": START + 300, "department": { "name": "engines" } })
}

/// Somebody who has signed in, with a refresh token.
fn signed_in(world: &mut World) -> Session {
    let mut browser = Browser::default();
    assert_eq!(browser.sign_in(world).status(), 303);
    browser.open(world, "/").identity.unwrap().session().unwrap().clone()
}

fn offline() -> ConfigBuilder {
    config().scopes("openid offline_access")
}

fn tokens(session: &Session, world: &World) -> (String, String) {
    let text = |token: Option<&Secret>| token.unwrap().expose().to_owned();
    (text(session.access_token(world.now)), text(session.refresh_token()))
}

#[test]
fn a_living_token_is_told_with_all_that_the_provider_says() {
    let told = judged(&living()).unwrap().unwrap();
    assert_eq!((told.sub(), told.client_id()), (Some("ada"), Some("app")));
    assert_eq!(told.scopes(), ["read", "write"]);
    assert_eq!(told.expires_at().unwrap().as_secs(), START + 300);
    assert_eq!(told.get::<Value>("department"), Some(json!({ "name": "engines" })));
    assert_eq!(told.get::<String>("exp"), None, "it is of another type");
    assert_eq!(told.all().len(), 9);
    assert!(!format!("{told:?}").contains("ada"), "it does not show itself");

    let bare = judged(&json!({ "active": true })).unwrap().unwrap();
    assert_eq!((bare.sub(), bare.client_id(), bare.expires_at()), (None, None, None));
    assert!(bare.scopes().is_empty());
}

#[test]
fn the_provider_is_asked_by_the_client_each_time_and_nothing_is_remembered() {
    let mut world = World::new();
    let token = world.access_token();
    for _ in 0..2 {
        assert_eq!(ask(&mut world, &token).unwrap().unwrap().sub(), Some("ada"));
    }
    assert_eq!(world.fetched, ["discovery", "introspection", "introspection"]);
    for request in &world.sent[1..] {
        assert!(request.headers().contains_key("authorization"));
        let form = support::form(request);
        assert_eq!((form["token"].as_str(), form["token_type_hint"].as_str()), (&*token, "access_token"));
        assert_eq!(form.len(), 2);
    }
}

#[test]
fn a_token_that_does_not_live_is_none() {
    let mut world = World::new();
    let token = world.access_token();
    assert_eq!(ask(&mut world, "made-up").unwrap(), None);
    assert!(ask(&mut world, &token).unwrap().is_some());
    end(&mut world, &token, TokenHint::AccessToken).unwrap();
    assert_eq!(ask(&mut world, &token).unwrap(), None, "it was revoked");
    let token = world.access_token();
    world.pass(3601);
    assert_eq!(ask(&mut world, &token).unwrap(), None, "the provider's clock says so");

    let inactive = merged(living(), json!({ "active": false, "sub": 7, "exp": "never" }));
    assert_eq!(judged(&inactive).unwrap(), None, "whatever else it says");
}

#[test]
fn a_token_that_the_provider_calls_alive_must_be_for_this_application_and_now() {
    let leeway = 60;
    for (changes, expected) in [
        (json!({ "exp": START - leeway + 1 }), Ok(())),
        (json!({ "exp": START - leeway }), Err(("expired", Some("exp")))),
        (json!({ "exp": 0 }), Err(("expired", Some("exp")))),
        (json!({ "exp": START as f64 + 0.5 }), Ok(())),
        (json!({ "nbf": START + leeway }), Ok(())),
        (json!({ "nbf": START + leeway + 1 }), Err(("not_yet_valid", Some("nbf")))),
        (json!({ "aud": "api" }), Err(("claim_invalid", Some("aud")))),
        (json!({ "aud": ["api", "web"] }), Ok(())),
        (json!({ "aud": ["api", "other"] }), Err(("claim_invalid", Some("aud")))),
        (json!({ "aud": [] }), Err(("claim_invalid", Some("aud")))),
        (json!({ "aud": "" }), Err(("claim_invalid", Some("aud")))),
        (json!({ "aud": [7] }), Err(("claim_invalid", Some("aud")))),
        (json!({ "aud": 7 }), Err(("claim_invalid", Some("aud")))),
        (json!({ "aud": { "web": "web" } }), Err(("claim_invalid", Some("aud")))),
        (json!({ "iss": "https://other.example" }), Err(("claim_invalid", Some("iss")))),
        (json!({ "iss": format!("{ISSUER}/") }), Err(("claim_invalid", Some("iss")))),
    ] {
        let judged = judged(&merged(living(), changes.clone()));
        let judged = judged.map(|told| assert!(told.is_some())).map_err(|error| match error {
            Error::Token(error) => (error.code(), error.claim()),
            other => panic!("{other}"),
        });
        assert_eq!(judged, expected, "{changes}");
    }
}

/// A token that would be refused if it could be read is no better for being opaque.
#[test]
fn what_is_demanded_of_a_token_is_demanded_of_what_the_provider_says_about_it() {
    let plain = || ProviderProfile::standard("plain");
    let by_client = || plain().audience_claim("client_id");
    let typed = || plain().access_token_claim("typ", "Bearer");
    let bound = json!({ "cnf": { "jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" } });
    let danger = Danger::new().unproven_confirmation();
    for (profile, danger, changes, expected) in [
        (plain(), Danger::new(), bound.clone(), Err("cnf")),
        (plain(), danger, bound, Ok(())),
        (by_client(), Danger::new(), json!({ "client_id": "web", "aud": "account" }), Ok(())),
        (by_client(), Danger::new(), json!({ "client_id": "other" }), Err("client_id")),
        (typed(), Danger::new(), json!({ "typ": "Bearer" }), Ok(())),
        (typed(), Danger::new(), json!({}), Ok(())),
        (typed(), Danger::new(), json!({ "typ": "Refresh" }), Err("typ")),
        (typed(), Danger::new(), json!({ "typ": ["Bearer"] }), Err("typ")),
    ] {
        let mut world = World::with(config().profile(profile).danger(danger));
        let answer = told(&merged(living(), changes.clone()));
        world.instead =
            Some(Box::new(move |request| (request.uri().path() == "/introspect").then(|| answer.clone())));
        let judged = ask(&mut world, OPAQUE).map(|told| assert!(told.is_some()));
        let judged = judged.map_err(|error| match error {
            Error::Token(error) => error.claim().unwrap(),
            other => panic!("{other}"),
        });
        assert_eq!(judged, expected, "{changes}");
    }
}

#[test]
fn an_answer_of_the_wrong_shape_is_none() {
    for changes in [
        json!({ "active": "true" }),
        json!({ "active": 1 }),
        json!({ "active": null }),
        json!({ "sub": 7 }),
        json!({ "sub": ["ada"] }),
        json!({ "client_id": {} }),
        json!({ "scope": ["read"] }),
        json!({ "iss": 7 }),
        json!({ "exp": "1700000300" }),
        json!({ "exp": null }),
        json!({ "exp": -1 }),
        json!({ "nbf": true }),
    ] {
        let error = judged(&merged(living(), changes.clone())).unwrap_err();
        assert_eq!(error.code(), "provider_malformed", "{changes}");
    }
    for body in ["", "{}", "[]", "true", r#"{"active":false,"active":true}"#, r#"{"active":true"#] {
        let mut world = answering("/introspect", answered(200, "application/json", body));
        assert_eq!(ask(&mut world, OPAQUE).unwrap_err().code(), "provider_malformed", "{body}");
    }
}

/// Answers that are none, and by which code they are told.
fn failures() -> Vec<(FetchResult, &'static str)> {
    let json = "application/json";
    vec![
        (answered(401, json, r#"{"error":"invalid_client"}"#), "provider_error"),
        (answered(400, json, r#"{"error":"invalid_request"}"#), "provider_error"),
        (answered(401, "text/html", "<p>"), "provider_status"),
        (answered(403, json, r#"{"error":"access_denied"}"#), "provider_status"),
        (answered(307, json, ""), "provider_status"),
        (answered(503, json, "{}"), "provider_status"),
        (Err(FetchError::Timeout), "provider_timeout"),
        (Err(FetchError::TooLarge), "provider_too_large"),
        (Err(FetchError::Failed("refused".into())), "provider_unreachable"),
    ]
}

#[test]
fn a_provider_that_does_not_answer_is_no_answer_about_the_token() {
    let more = [
        (answered(200, "text/html", "<p>Sign in to this network"), "provider_content_type"),
        (answered(200, "application/token-introspection+jwt", "a.b.c"), "provider_content_type"),
        (answered(201, "application/json", r#"{"active":true}"#), "provider_status"),
        (answered(200, "application/json", r#"{"active":true,"error":"server_error"}"#), "provider_error"),
    ];
    for (answer, code) in failures().into_iter().chain(more) {
        let mut world = answering("/introspect", answer.clone());
        assert_eq!(ask(&mut world, OPAQUE).unwrap_err().code(), code, "{answer:?}");
    }
}

#[test]
fn a_client_that_the_provider_does_not_know_may_not_ask() {
    let mut world = World::new();
    world.provider.add_client(DevClient::confidential("web", "another"));
    let token = world.access_token();
    let error = ask(&mut world, &token).unwrap_err();
    assert!(error.to_string().contains("invalid_client"), "{error}");
    let public = Config::builder(ISSUER, "app", "https://rp.example/callback");
    let mut world = World::with(public);
    assert_eq!(ask(&mut world, &token).unwrap_err().code(), "provider_error", "the provider says so");
}

#[test]
fn who_has_no_client_asks_nobody() {
    let mut world = World::with(Config::resource_server(ISSUER, "api"));
    assert_eq!(ask(&mut world, OPAQUE).unwrap_err().code(), "no_client");
    assert_eq!(end(&mut world, OPAQUE, TokenHint::AccessToken).unwrap_err().code(), "no_client");
    assert!(world.sent.iter().all(|request| request.method() == "GET"));
}

#[test]
fn where_there_is_no_endpoint_the_token_goes_nowhere() {
    let mut world = World::new();
    world.between = Some(Box::new(|request, response| {
        if request.uri().path().ends_with("configuration") {
            let mut document: Value = serde_json::from_slice(response.body()).unwrap();
            let members = document.as_object_mut().unwrap();
            members.retain(|name, _| {
                !["introspection_endpoint", "revocation_endpoint"].contains(&name.as_str())
            });
            *response.body_mut() = document.to_string().into_bytes();
        }
    }));
    let error = ask(&mut world, OPAQUE).unwrap_err();
    assert_eq!((error.code(), error.to_string().contains("introspection_endpoint")), ("no_endpoint", true));
    let error = end(&mut world, OPAQUE, TokenHint::RefreshToken).unwrap_err();
    assert_eq!((error.code(), error.to_string().contains("revocation_endpoint")), ("no_endpoint", true));
    assert_eq!(world.fetched, ["discovery"]);
}

#[test]
fn an_endpoint_that_is_not_https_is_told_no_token() {
    let mut world = World::new();
    world.between = Some(Box::new(|request, response| {
        if request.uri().path().ends_with("configuration") {
            let text = String::from_utf8(response.body().clone()).unwrap();
            let text = text.replace("https://op.example/introspect", "http://op.example/introspect");
            *response.body_mut() =
                text.replace("https://op.example/revoke", "http://op.example/revoke").into_bytes();
        }
    }));
    assert_eq!(ask(&mut world, OPAQUE).unwrap_err().code(), "provider_insecure");
    assert_eq!(end(&mut world, OPAQUE, TokenHint::AccessToken).unwrap_err().code(), "provider_insecure");
    assert_eq!(world.fetched, ["discovery"]);
}

#[test]
fn a_token_is_in_no_error_though_the_provider_repeats_it() {
    let repeating = |status| {
        let body = json!({ "error": OPAQUE, "error_description": format!("what is {OPAQUE}?") });
        answered(status, "application/json", &body.to_string())
    };
    for status in [200, 400, 401, 500] {
        for path in ["/introspect", "/revoke"] {
            let mut world = answering(path, repeating(status));
            let error = match path {
                "/revoke" => end(&mut world, OPAQUE, TokenHint::AccessToken).unwrap_err(),
                _ => ask(&mut world, OPAQUE).unwrap_err(),
            };
            let shown = format!("{error} {error:?}");
            assert!(!shown.contains(OPAQUE), "{status}: {shown}");
            assert_eq!(shown.contains("[redacted]"), status != 500, "{status}: {shown}");
        }
    }
    for claims in [json!({ "aud": OPAQUE }), json!({ "iss": OPAQUE }), json!({ "exp": OPAQUE })] {
        let error = judged(&merged(living(), claims)).unwrap_err();
        assert!(!format!("{error} {error:?}").contains(OPAQUE), "{error}");
    }
}

#[test]
fn the_end_of_a_refresh_token_is_that_of_what_it_gave() {
    let mut world = World::with(offline());
    let session = signed_in(&mut world);
    let (access, refresh) = tokens(&session, &world);
    assert!(ask(&mut world, &access).unwrap().is_some());
    end(&mut world, &refresh, TokenHint::RefreshToken).unwrap();
    assert_eq!(ask(&mut world, &access).unwrap(), None);
    let client = world.client();
    let refused = world.run(|now| client.refresh(session, now)).unwrap_err();
    assert!(refused.ends_session(), "{refused}");
    let form = &world.forms_sent_to("/revoke")[0];
    assert_eq!((form["token"].as_str(), form["token_type_hint"].as_str()), (&*refresh, "refresh_token"));
}

#[test]
fn the_end_of_an_access_token_is_not_that_of_the_refresh_token() {
    let mut world = World::with(offline());
    let session = signed_in(&mut world);
    let (access, _) = tokens(&session, &world);
    end(&mut world, &access, TokenHint::AccessToken).unwrap();
    assert_eq!(ask(&mut world, &access).unwrap(), None);
    let client = world.client();
    assert!(world.run(|now| client.refresh(session, now)).is_ok());
}

#[test]
fn a_hint_that_is_wrong_ends_the_token_all_the_same() {
    let mut world = World::with(offline());
    let session = signed_in(&mut world);
    let (access, refresh) = tokens(&session, &world);
    end(&mut world, &refresh, TokenHint::AccessToken).unwrap();
    assert_eq!(ask(&mut world, &access).unwrap(), None);
}

#[test]
fn a_token_that_the_provider_does_not_know_is_as_good_as_revoked() {
    let mut world = World::new();
    assert_eq!(end(&mut world, "made-up", TokenHint::RefreshToken), Ok(()));
    for (content_type, body) in [("text/html", "<p>"), ("application/json", "{}"), ("application/json", "")] {
        let mut world = answering("/revoke", answered(200, content_type, body));
        assert_eq!(end(&mut world, OPAQUE, TokenHint::AccessToken), Ok(()), "whatever the body is");
    }
    let mut world = answering("/revoke", Ok(Response::new(Vec::new())));
    assert_eq!(end(&mut world, OPAQUE, TokenHint::AccessToken), Ok(()));
}

#[test]
fn a_token_that_could_not_be_revoked_is_told_so() {
    let unsupported = answered(400, "application/json", r#"{"error":"unsupported_token_type"}"#);
    for (answer, code) in failures().into_iter().chain([(unsupported, "provider_error")]) {
        let mut world = answering("/revoke", answer.clone());
        assert_eq!(end(&mut world, OPAQUE, TokenHint::AccessToken).unwrap_err().code(), code, "{answer:?}");
    }
    let mut world = World::new();
    let of_another = AccessTokenRequest { client_id: "app".into(), ..AccessTokenRequest::default() };
    let token = world.provider.access_token(of_another, START);
    let error = end(&mut world, &token, TokenHint::AccessToken).unwrap_err();
    assert!(error.to_string().contains("another client"), "{error}");
}
