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

fn revoke(browser: &mut Browser, token: &str) {
    let seen = ask(browser, "/revoke", "demo-client", &[("token", token)]);
    assert_eq!((seen.status.as_u16(), seen.body.as_str()), (200, ""));
}

#[test]
fn a_revoked_access_token_is_good_for_nothing_and_the_rest_is() {
    let mut browser = Browser::signed_in();
    let tokens = browser.tokens();
    let access_token = text(&tokens, "access_token");
    revoke(&mut browser, access_token);
    assert_eq!(introspect(&mut browser, access_token), inactive());
    assert_eq!(browser.userinfo(access_token).status, 401);
    let refreshed = browser.refresh(text(&tokens, "refresh_token")).json();
    assert_eq!(browser.userinfo(text(&refreshed, "access_token")).status, 200);
}

#[test]
fn a_revoked_refresh_token_ends_its_access_tokens_too() {
    let mut browser = Browser::signed_in();
    let (first, bystander) = (browser.tokens(), browser.tokens());
    let second = browser.refresh(text(&first, "refresh_token")).json();
    revoke(&mut browser, text(&second, "refresh_token"));
    for token in [&first["access_token"], &second["access_token"], &second["refresh_token"]] {
        assert_eq!(introspect(&mut browser, token.as_str().unwrap()), inactive());
    }
    assert_eq!(browser.userinfo(text(&second, "access_token")).status, 401);
    let seen = browser.refresh(text(&second, "refresh_token"));
    assert_eq!((seen.status.as_u16(), &seen.json()["error"]), (400, &json!("invalid_grant")));
    assert_eq!(introspect(&mut browser, text(&bystander, "access_token"))["active"], true);
    assert_eq!(introspect(&mut browser, text(&bystander, "refresh_token"))["active"], true);
}

#[test]
fn a_code_or_refresh_token_used_twice_ends_access_tokens_too() {
    let mut browser = Browser::signed_in();
    let code = browser.code(&[]);
    let by_code = browser.redeem(&code, &[]).json();
    browser.redeem(&code, &[]);
    assert_eq!(introspect(&mut browser, text(&by_code, "access_token")), inactive());
    let first = browser.tokens();
    let second = browser.refresh(text(&first, "refresh_token")).json();
    browser.refresh(text(&first, "refresh_token"));
    assert_eq!(introspect(&mut browser, text(&second, "access_token")), inactive());
}

#[test]
fn what_is_no_token_is_revoked_already() {
    let mut browser = Browser::signed_in();
    let tokens = browser.tokens();
    for token in ["guessed", "a.b.c", text(&tokens, "id_token")] {
        revoke(&mut browser, token);
    }
    for _ in 0..2 {
        revoke(&mut browser, text(&tokens, "refresh_token"));
    }
    let hinted = [("token", "guessed"), ("token_type_hint", "unheard_of")];
    assert_eq!(ask(&mut browser, "/revoke", "demo-client", &hinted).status, 200);
}

#[test]
fn a_client_revokes_its_own_tokens_only() {
    let mut browser = Browser::signed_in();
    browser.provider.add_client(DevClient::confidential("other", "demo-secret"));
    let tokens = browser.tokens();
    for name in ["access_token", "refresh_token"] {
        let seen = ask(&mut browser, "/revoke", "other", &[("token", text(&tokens, name))]);
        assert_eq!((seen.status.as_u16(), &seen.json()["error"]), (400, &json!("invalid_grant")), "{name}");
        assert_eq!(introspect(&mut browser, text(&tokens, name))["active"], true);
    }
    assert_eq!(ask(&mut browser, "/revoke", "demo-client", &[]).status, 400);
    assert_eq!(browser.post("/revoke", &[("token", "x"), ("client_id", "demo-client")]).status, 401);
    let metadata = browser.get("/.well-known/openid-configuration").json();
    assert_eq!(metadata["revocation_endpoint"], "https://op.example/revoke");
}

#[test]
fn a_public_client_revokes_by_its_name() {
    let mut browser = Browser::signed_in();
    browser.provider.add_client(DevClient::public("public"));
    let request = AccessTokenRequest { client_id: "public".to_owned(), ..AccessTokenRequest::default() };
    let token = browser.provider.access_token(request, browser.now);
    assert_eq!(browser.post("/revoke", &[("token", &token), ("client_id", "public")]).status, 200);
    assert_eq!(browser.userinfo(&token).status, 401);
}
