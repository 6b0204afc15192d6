//! Pushed authorization requests: who may push, and what the browser brings then.

use http::Method;
use oidc_dev_provider::{DevClient, DevClientAuth};
use serde_json::json;

use crate::browser::{Browser, CALLBACK, FORM, ISSUER, Seen, authorization, basic, changed, encoded};

/// A request that the demo client pushes, with these parameters in place of the usual ones.
fn push(browser: &mut Browser, changes: &[(&str, &str)]) -> Seen {
    let credentials = basic("demo-client", "demo-secret");
    let form = encoded(&changed(&authorization(), changes));
    browser.send(Method::POST, "/par", &[FORM, ("authorization", &credentials)], &form)
}

fn pushed(browser: &mut Browser) -> String {
    let seen = push(browser, &[]);
    assert_eq!(seen.status, 201, "{}", seen.body);
    seen.json()["request_uri"].as_str().unwrap().to_owned()
}

fn authorize(browser: &mut Browser, params: &[(&str, &str)]) -> Seen {
    browser.get(&format!("/authorize?{}", encoded(params)))
}

#[test]
fn a_pushed_request_is_named_by_the_browser_and_answered() {
    let mut browser = Browser::signed_in();
    let seen = push(&mut browser, &[]);
    assert_eq!((seen.status.as_u16(), seen.header("cache-control")), (201, "no-store"));
    assert_eq!(seen.json()["expires_in"], 60);
    let uri = seen.json()["request_uri"].as_str().unwrap().to_owned();
    assert!(uri.starts_with("urn:ietf:params:oauth:request_uri:"), "{uri}");
    let back = authorize(&mut browser, &[("client_id", "demo-client"), ("request_uri", &uri)]);
    assert!(back.location.starts_with(CALLBACK), "{}", back.body);
    assert_eq!(back.param("state").as_deref(), Some("the state"));
    assert_eq!(browser.redeem(&back.param("code").unwrap(), &[]).status, 200);
}

#[test]
fn what_stands_beside_a_pushed_request_is_ignored() {
    let mut browser = Browser::signed_in();
    let uri = pushed(&mut browser);
    let beside = [
        ("client_id", "demo-client"),
        ("request_uri", uri.as_str()),
        ("redirect_uri", "https://evil.example/"),
        ("state", "another"),
        ("state", "a third"),
        ("response_type", "token"),
        ("code_challenge", ""),
    ];
    let back = authorize(&mut browser, &beside);
    assert!(back.location.starts_with(CALLBACK), "{}", back.body);
    assert_eq!(back.param("state").as_deref(), Some("the state"));
    assert_eq!(browser.redeem(&back.param("code").unwrap(), &[]).status, 200);
}

#[test]
fn a_pushed_request_serves_its_client_once_and_for_sixty_seconds() {
    let mut browser = Browser::signed_in();
    browser.provider.add_client(DevClient::confidential("other", "secret"));
    let uri = pushed(&mut browser);
    let refused = |seen: Seen| assert_eq!((seen.status.as_u16(), seen.location.as_str()), (400, ""));
    refused(authorize(&mut browser, &[("client_id", "other"), ("request_uri", &uri)]));
    refused(authorize(&mut browser, &[("request_uri", &uri)]));
    let right = [("client_id", "demo-client"), ("request_uri", uri.as_str())];
    refused(authorize(&mut browser, &[right[0], right[1], right[1]]));
    browser.now += 60;
    assert!(authorize(&mut browser, &right).param("code").is_some(), "no stranger used it up");
    refused(authorize(&mut browser, &right));

    let late = pushed(&mut browser);
    browser.now += 61;
    refused(authorize(&mut browser, &[("client_id", "demo-client"), ("request_uri", &late)]));
    let guessed = "urn:ietf:params:oauth:request_uri:guessed";
    refused(authorize(&mut browser, &[("client_id", "demo-client"), ("request_uri", guessed)]));
}

#[test]
fn mistakes_are_told_to_who_pushes() {
    let mut browser = Browser::signed_in();
    for (wrong, error) in [
        (vec![("client_id", "")], "invalid_request"),
        (vec![("client_id", "other")], "invalid_request"),
        (vec![("redirect_uri", "https://evil.example/")], "invalid_request"),
        (vec![("response_type", "token")], "unsupported_response_type"),
        (vec![("scope", "email")], "invalid_scope"),
        (vec![("code_challenge_method", "plain")], "invalid_request"),
        (vec![("request", "a.b.c")], "request_not_supported"),
        (vec![("request_uri", "urn:ietf:params:oauth:request_uri:x")], "invalid_request"),
        (vec![("state", "1"), ("state", "2")], "invalid_request"),
    ] {
        let seen = push(&mut browser, &wrong);
        assert_eq!((seen.status.as_u16(), &seen.json()["error"]), (400, &json!(error)), "{wrong:?}");
        assert!(seen.json()["request_uri"].is_null());
    }
    assert_eq!(browser.get("/par").status, 405);
}

#[test]
fn who_pushes_authenticates_as_at_the_token_endpoint() {
    let mut browser = Browser::signed_in();
    browser.provider.add_client(DevClient::public("public"));
    browser
        .provider
        .add_client(DevClient { auth: DevClientAuth::Tls, ..DevClient::confidential("by-tls", "secret") });
    browser.provider.mtls_aliases(true);
    let mut attempt = |path: &str, id: &str| {
        browser.post(path, &changed(&authorization(), &[("client_id", id)])).status.as_u16()
    };
    assert_eq!(attempt("/par", "demo-client"), 401);
    assert_eq!(attempt("/par", "public"), 201);
    assert_eq!(attempt("/par", "by-tls"), 401);
    assert_eq!(attempt("/mtls/par", "by-tls"), 201);
}

#[test]
fn a_plain_request_is_refused_where_pushing_is_required() {
    let mut browser = Browser::signed_in();
    browser.provider.require_par(true);
    let plain = browser.authorize(&[]);
    assert_eq!(plain.param("error").as_deref(), Some("invalid_request"));
    assert_eq!(plain.param("iss").as_deref(), Some(ISSUER));
    let uri = pushed(&mut browser);
    let seen = authorize(&mut browser, &[("client_id", "demo-client"), ("request_uri", &uri)]);
    assert!(seen.param("code").is_some());
}

#[test]
fn metadata_says_where_to_push_and_whether_one_must() {
    let mut browser = Browser::new();
    for required in [false, true] {
        browser.provider.require_par(required);
        let metadata = browser.get("/.well-known/openid-configuration").json();
        assert_eq!(metadata["pushed_authorization_request_endpoint"], "https://op.example/par");
        assert_eq!(metadata["require_pushed_authorization_requests"], required);
    }
}
