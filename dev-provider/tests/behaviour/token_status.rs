//! Introspection and revocation: what a token is still good for, and how a client ends that.

use http::Method;
use oidc_dev_provider::{AccessTokenRequest, DevClient, DevProvider};
use serde_json::{Value, json};

use crate::browser::{Browser, FORM, ISSUER, Seen, basic, encoded};

/// A request of a client whose secret is `demo-secret`.
fn ask(browser: &mut Browser, path: &str, client: &str, form: &[(&str, &str)]) -> Seen {
    let credentials = basic(client, "demo-secret");
    browser.send(Method::POST, path, &[FORM, ("authorization", &credentials)], &encoded(form))
}

fn introspect(browser: &mut Browser, token: &str) -> Value {
    let seen = ask(browser, "/introspect", "demo-client", &[("token", token)]);
    assert_eq!((seen.status.as_u16(), seen.header("cache-control")), (200, "no-store"), "{}", seen.body);
    seen.json()
}

fn text<'a>(tokens: &'a Value, name: &str) -> &'a str {
    tokens[name].as_str().unwrap()
}

fn inactive() -> Value {
    json!({ "active": false })
}

#[test]
fn a_living_access_token_is_active_with_what_it_says() {
    let mut browser = Browser::signed_in();
    let tokens = browser.tokens();
    let issued = browser.now;
    browser.now += 3599;
    let seen = introspect(&mut browser, text(&tokens, "access_token"));
    for (name, value) in [
        ("active", json!(true)),
        ("iss", json!(ISSUER)),
        ("sub", json!("ada")),
        ("aud", json!("demo-client")),
        ("client_id", json!("demo-client")),
        ("scope", json!("openid profile email offline_access")),
        ("iat", json!(issued)),
        ("exp", json!(issued + 3600)),
        ("token_type", json!("Bearer")),
    ] {
        assert_eq!(seen[name], value, "{name}");
    }
    browser.now += 1;
    assert_eq!(introspect(&mut browser, text(&tokens, "access_token")), inactive());
}

#[test]
fn a_refresh_token_is_active_until_it_is_used() {
    let mut browser = Browser::signed_in();
    let tokens = browser.tokens();
    let seen = introspect(&mut browser, text(&tokens, "refresh_token"));
    assert_eq!(
        seen,
        json!({
            "active": true,
            "iss": ISSUER,
            "sub": "ada",
            "aud": "demo-client",
            "client_id": "demo-client",
            "scope": "openid profile email offline_access",
            "iat": browser.now,
        })
    );
    browser.refresh(text(&tokens, "refresh_token"));
    assert_eq!(introspect(&mut browser, text(&tokens, "refresh_token")), inactive());
}

#[test]
fn anything_else_is_inactive() {
    let mut browser = Browser::signed_in();
    let tokens = browser.tokens();
    let access_token = text(&tokens, "access_token");
    let forged = format!("{}A", &access_token[..access_token.len() - 1]);
    for token in [text(&tokens, "id_token"), forged.as_str(), "a.b.c", "guessed"] {
        assert_eq!(introspect(&mut browser, token), inactive(), "{token}");
    }
    let mut other = DevProvider::new("https://other.example");
    let theirs = other.access_token(AccessTokenRequest::default(), browser.now);
    assert_eq!(introspect(&mut browser, &theirs), inactive());
}

#[test]
fn another_client_sees_access_tokens_and_no_refresh_tokens() {
    let mut browser = Browser::signed_in();
    browser.provider.add_client(DevClient::confidential("api", "demo-secret"));
    let tokens = browser.tokens();
    for (name, active) in [("access_token", true), ("refresh_token", false)] {
        let seen = ask(&mut browser, "/introspect", "api", &[("token", text(&tokens, name))]);
        assert_eq!(seen.json()["active"], active, "{name}");
    }
}

#[test]
fn only_a_client_with_credentials_may_introspect() {
    let mut browser = Browser::signed_in();
    browser.provider.add_client(DevClient::public("public"));
    let tokens = browser.tokens();
    let token = ("token", text(&tokens, "access_token"));
    for form in [vec![token], vec![token, ("client_id", "public")], vec![token, ("client_id", "demo-client")]]
    {
        let seen = browser.post("/introspect", &form);
        assert_eq!(
            (seen.status.as_u16(), &seen.json()["error"]),
            (401, &json!("invalid_client")),
            "{form:?}"
        );
    }
    for form in [vec![], vec![token, token]] {
        let seen = ask(&mut browser, "/introspect", "demo-client", &form);
        assert_eq!(
            (seen.status.as_u16(), &seen.json()["error"]),
            (400, &json!("invalid_request")),
            "{form:?}"
        );
    }
    let metadata = browser.get("/.well-known/openid-configuration").json();
    assert_eq!(metadata["introspection_endpoint"], "https://op.example/introspect");
}
