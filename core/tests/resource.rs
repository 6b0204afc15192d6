//! Protected resource metadata (RFC 9728): where it is, and that those who are refused learn of it.
#![cfg(feature = "rsa")]

mod support;

use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method};
use oidc_core::config::ConfigBuilder;
use oidc_core::guard::Policy;
use oidc_core::{Client, Config, Guard, Incoming, Verdict};
use serde_json::{Value, json};

use support::{Answer, Ask, Browser, ISSUER, World, config};

const RESOURCE: &str = "https://rp.example/mcp";
const PLACE: &str = "/.well-known/oauth-protected-resource/mcp";
const PARAMETER: &str = r#"resource_metadata="https://rp.example/.well-known/oauth-protected-resource/mcp""#;

fn web() -> ConfigBuilder {
    config().resource(RESOURCE)
}

fn server() -> ConfigBuilder {
    Config::resource_server(ISSUER, "web").resource(RESOURCE)
}

/// The answer challenges, and says once where to learn more.
fn assert_told(answer: &Answer, error: &str) {
    let challenge = answer.header("www-authenticate");
    assert!(challenge.starts_with("Bearer realm=\"oidc\""), "{challenge}");
    assert_eq!(challenge.matches("resource_metadata=").count(), 1, "{challenge}");
    assert!(challenge.ends_with(&format!(", {PARAMETER}")), "{challenge}");
    assert!(challenge.contains(error), "{challenge}");
}

fn untold(answer: &Answer) -> bool {
    answer.headers.iter().all(|(_, value)| !value.to_str().unwrap().contains("resource_metadata"))
}

#[test]
fn the_document_is_where_the_identifier_says() {
    for (identifier, place) in [
        ("https://rp.example", "/.well-known/oauth-protected-resource"),
        ("https://rp.example/", "/.well-known/oauth-protected-resource"),
        (RESOURCE, PLACE),
        ("https://rp.example/mcp/", PLACE),
        ("https://rp.example/a/b", "/.well-known/oauth-protected-resource/a/b"),
        ("https://rp.example:8443/a", "/.well-known/oauth-protected-resource/a"),
        ("http://127.0.0.1:8000/a", "/.well-known/oauth-protected-resource/a"),
        ("HTTPS://RP.example/A", "/.well-known/oauth-protected-resource/A"),
    ] {
        let mut world = World::with(server().resource(identifier));
        let answer = world.ask(Ask::get(place));
        assert_eq!(answer.status(), 200, "{identifier}");
        let document: Value = serde_json::from_str(&answer.body).unwrap();
        let expected = json!({
            "resource": identifier,
            "authorization_servers": [ISSUER],
            "bearer_methods_supported": ["header"],
        });
        assert_eq!(document, expected);
        let refused = world.ask(Ask::get("/api/x").required());
        let challenge = refused.header("www-authenticate").to_owned();
        let told = challenge.split("resource_metadata=\"").nth(1).unwrap().trim_end_matches('"');
        let (told, identifier) = (url::Url::parse(told).unwrap(), url::Url::parse(identifier).unwrap());
        assert_eq!((told.path(), told.origin()), (place, identifier.origin()), "{challenge}");
    }
}

#[test]
fn anybody_may_read_it_from_any_page_and_nothing_else_is_there() {
    for config in [web(), server()] {
        let mut world = World::with(config);
        for method in [Method::GET, Method::HEAD] {
            for target in [PLACE.to_owned(), format!("{PLACE}?x=1")] {
                let answer = world.ask(Ask::method(method.clone(), &target));
                assert_eq!(answer.status(), 200, "{method} {target}");
                assert_eq!(answer.header("content-type"), "application/json");
                assert_eq!(answer.header("access-control-allow-origin"), "*");
                assert_eq!(answer.header("x-content-type-options"), "nosniff");
                assert!(
                    answer.all("set-cookie").is_empty()
                        && answer.all("access-control-allow-credentials").is_empty()
                );
            }
        }
        let with_a_bad_token = Ask::get(PLACE).header("authorization", "Bearer junk");
        assert_eq!(world.ask(with_a_bad_token).status(), 200, "who needs it has no good one");
        for ask in [
            Ask::method(Method::POST, PLACE),
            Ask::method(Method::OPTIONS, PLACE),
            Ask::get("/.well-known/oauth-protected-resource"),
            Ask::get(&format!("{PLACE}/")),
            Ask::get(&format!("{PLACE}/x")),
            Ask::get("/mcp/.well-known/oauth-protected-resource"),
        ] {
            let answer = world.ask(ask);
            assert!(answer.status.is_none(), "it is the application's: {answer:?}");
        }
        assert!(world.fetched.is_empty(), "it is there while the provider is down");
    }
}

#[test]
fn without_the_setting_nothing_is_served_and_nothing_is_told() {
    for config in [config(), Config::resource_server(ISSUER, "web")] {
        let mut world = World::with(config);
        for place in [PLACE, "/.well-known/oauth-protected-resource"] {
            assert!(world.ask(Ask::get(place)).status.is_none());
        }
        let refused = world.ask(Ask::get("/api/x").required());
        assert!(refused.status() == 401 && untold(&refused));
    }
}

#[test]
fn every_challenge_tells_where_it_is_once() {
    for config in [web(), server()] {
        let mut world = World::with(config);
        let token = world.access_token();
        let bearer = |token: &str| Ask::get("/api/x").header("authorization", &format!("Bearer {token}"));
        let nobody = world.ask(Ask::get("/api/x").required());
        assert_eq!(nobody.status(), 401);
        assert_told(&nobody, "");
        for ask in [bearer("junk"), bearer("junk").required(), bearer("junk").page()] {
            let refused = world.ask(ask);
            assert_eq!(refused.status(), 401);
            assert_told(&refused, r#"error="invalid_token""#);
        }
        let two = world.ask(bearer(&token).header("authorization", "Bearer b"));
        assert_eq!(two.status(), 400);
        assert_told(&two, r#"error="invalid_request""#);
        let scope = Policy::builder().scopes(&["transfer"]).build().unwrap();
        let refused = world.ask(bearer(&token).policy(&scope));
        assert_eq!(refused.status(), 403);
        assert_told(
            &refused,
            r#"error="insufficient_scope", error_description="insufficient_scope", scope="transfer""#,
        );
        let refused = world.ask(bearer("junk").policy(&scope));
        assert_eq!(refused.status(), 401);
        assert_told(&refused, r#"error="invalid_token""#);
        let refused = world.ask(Ask::get("/api/x").policy(&scope));
        assert_eq!(refused.status(), 401);
        assert_told(&refused, "");
        let fresh = Policy::builder().acr(&["phr"]).max_age(Duration::from_secs(9)).build().unwrap();
        let refused = world.ask(bearer(&token).policy(&fresh));
        assert_eq!(refused.status(), 401);
        assert_told(&refused, r#"acr_values="phr", max_age="9""#);
    }
}

#[test]
fn a_policy_that_is_upheld_after_the_check_tells_it_once_too() {
    let mut world = World::with(web());
    let (token, guard) = (world.access_token(), world.guard.clone());
    let mut headers = HeaderMap::new();
    headers.insert("authorization", HeaderValue::try_from(format!("Bearer {token}")).unwrap());
    let incoming =
        Incoming { method: &Method::GET, target: "/api/x", headers: &headers, body: None, presented: None };
    let policy = Policy::builder().scopes(&["transfer"]).build().unwrap();
    let admitted = world.run(|now| guard.check(incoming, now));
    let refused = world.run(|now| guard.uphold(admitted, incoming, &policy, now)).into_response();
    let challenge = refused.headers()["www-authenticate"].to_str().unwrap();
    assert_eq!(challenge.matches("resource_metadata=").count(), 1, "{challenge}");
    let refused = world.run(|now| guard.require_policy(incoming, &policy, now));
    let again = world.run(|now| guard.uphold(refused, incoming, &policy, now)).into_response();
    let challenge = again.headers()["www-authenticate"].to_str().unwrap();
    assert_eq!(challenge.matches("resource_metadata=").count(), 1, "{challenge}");
}

#[test]
fn who_opens_a_socket_in_vain_is_told_too() {
    let mut world = World::with(web());
    for protocols in [None, Some("bearer, junk")] {
        let mut headers = HeaderMap::new();
        headers.insert("upgrade", HeaderValue::from_static("websocket"));
        headers
            .extend(protocols.map(|protocols| {
                (http::header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(protocols))
            }));
        let incoming =
            Incoming { method: &Method::GET, target: "/ws", headers: &headers, body: None, presented: None };
        let guard = world.guard.clone();
        let refused = world.run(|now| guard.admit_socket(incoming, None, now)).into_response();
        assert_eq!(refused.status(), 401);
        let challenge = refused.headers()["www-authenticate"].to_str().unwrap();
        assert_eq!(challenge.matches(PARAMETER).count(), 1, "{challenge}");
        let opened = world.run(|now| guard.require(incoming, now));
        let opened = opened.into_response();
        let challenge = opened.headers()["www-authenticate"].to_str().unwrap();
        assert_eq!(challenge.matches(PARAMETER).count(), 1, "{challenge}");
    }
}

#[test]
fn who_is_let_in_redirected_or_refused_without_a_challenge_is_not_told() {
    let (mut world, mut browser) = (World::with(web()), Browser::default());
    let redirect = browser.ask(&mut world, Ask::get("/profile").page().required());
    assert!(redirect.status() == 303 && untold(&redirect));
    let signed_in = browser.sign_in(&mut world);
    assert!(signed_in.status() == 303 && untold(&signed_in));
    let admitted = browser.ask(&mut world, Ask::get("/api/x").required());
    assert!(admitted.status.is_none() && untold(&admitted));
    let policy = Policy::builder().acr(&["phr"]).build().unwrap();
    let step_up = browser.ask(&mut world, Ask::get("/").page().policy(&policy));
    assert!(step_up.status() == 303 && untold(&step_up));
    let role = Policy::builder().role("/roles", "owner").build().unwrap();
    let refused = browser.ask(&mut world, Ask::get("/").page().policy(&role));
    assert!(refused.status() == 403 && untold(&refused));
    let token = world.access_token();
    let mut cold = World::with(web());
    cold.down = true;
    let refused = cold.bearer(&token);
    assert!(refused.status() == 503 && untold(&refused) && refused.all("www-authenticate").is_empty());
}

#[test]
fn several_providers_are_all_named_in_order() {
    let seeded = || std::sync::Arc::new(support::Seeded::new());
    let of = |issuer| Config::resource_server(issuer, "web").resource(RESOURCE).build().unwrap();
    let issuers = ["https://b.example", "https://a.example/tenant"];
    let guard =
        Guard::several(issuers.iter().map(|issuer| Client::new(of(issuer), seeded())).collect()).unwrap();
    let headers = HeaderMap::new();
    let incoming =
        Incoming { method: &Method::GET, target: PLACE, headers: &headers, body: None, presented: None };
    let mut world = World::new();
    let Verdict::Reply { body, .. } = world.run(|now| guard.check(incoming, now)) else { panic!("allowed") };
    let document: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(document["authorization_servers"], json!(issuers));
}

#[test]
fn an_identifier_that_is_none_ends_the_start() {
    for identifier in [
        "",
        "rp.example",
        "/mcp",
        "http://rp.example/mcp",
        "ftp://rp.example/mcp",
        "urn:mcp",
        "https://rp.example/mcp?x=1",
        "https://rp.example/mcp#part",
        "https://rp.example/mcp?",
        "https://rp.example/mcp#",
        "https://user:password@rp.example/mcp",
        "https://rp.example/a b",
        "https://rp.example/\"",
        "https://rp.example\\mcp",
        "https://rp.example/é",
        "https://rp.example/a\r\nx: y",
        " https://rp.example/mcp",
    ] {
        let error = config().resource(identifier).build().expect_err(identifier);
        assert_eq!(error.setting(), "resource", "{identifier}");
        assert!(!error.to_string().contains("password"), "{error}");
    }
}
