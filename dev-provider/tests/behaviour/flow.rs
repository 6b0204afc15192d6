//! The authorization endpoint: who is asked what, and what comes back.

use http::Method;
use oidc_dev_provider::{DevClient, DevProvider};
use serde_json::json;

use crate::browser::{Browser, CALLBACK, FORM, ISSUER, claims, encoded, verifies};

#[test]
fn a_person_signs_in_agrees_and_the_client_gets_tokens() {
    let mut browser = Browser::new();
    let login = browser.authorize(&[]);
    assert_eq!(login.status, 200);
    assert!(login.body.contains("id=\"user-ada\""), "{}", login.body);

    let consent = browser.log_in(&login, "ada");
    assert!(consent.body.contains("id=allow") && consent.body.contains("id=deny"), "{}", consent.body);
    assert!(consent.header("set-cookie").contains("; Path=/; HttpOnly; SameSite=Lax; Secure"));

    let back = browser.decide(&consent, "allow");
    assert_eq!(back.status, 302);
    assert!(back.location.starts_with("http://127.0.0.1:3000/callback?"), "{}", back.location);
    assert_eq!(back.param("state").as_deref(), Some("the state"));
    assert_eq!(back.param("iss").as_deref(), Some(ISSUER));

    browser.now += 7;
    let tokens = browser.redeem(&back.param("code").unwrap(), &[]);
    assert_eq!(tokens.status, 200, "{}", tokens.body);
    assert_eq!(tokens.header("cache-control"), "no-store");
    let tokens = tokens.json();
    let id_token = tokens["id_token"].as_str().unwrap();
    assert!(verifies(id_token, &browser.provider.jwks()));
    let id_token = claims(id_token);
    let signed_in = 1_700_000_000;
    for (name, value) in [
        ("iss", json!(ISSUER)),
        ("sub", json!("ada")),
        ("aud", json!("demo-client")),
        ("nonce", json!("the-nonce")),
        ("auth_time", json!(signed_in)),
        ("iat", json!(signed_in + 7)),
        ("exp", json!(signed_in + 307)),
        ("name", json!("Ada Lovelace")),
        ("email", json!("ada@example.com")),
    ] {
        assert_eq!(id_token[name], value, "{name}");
    }
    assert!(id_token["sid"].is_string() && id_token["at_hash"].is_string());
}

#[test]
fn denial_goes_back_as_access_denied() {
    let mut browser = Browser::new();
    let login = browser.authorize(&[]);
    let consent = browser.log_in(&login, "ada");
    let back = browser.decide(&consent, "deny");
    assert_eq!(back.param("error").as_deref(), Some("access_denied"));
    assert_eq!(back.param("state").as_deref(), Some("the state"));
    assert_eq!(back.param("iss").as_deref(), Some(ISSUER));
    assert_eq!(back.param("code"), None);
}

#[test]
fn the_second_request_asks_nobody_until_more_is_wanted() {
    let mut browser = Browser::new();
    let login = browser.authorize(&[("scope", "openid profile")]);
    let consent = browser.log_in(&login, "ada");
    browser.decide(&consent, "allow");
    assert!(browser.authorize(&[("scope", "openid profile"), ("prompt", "none")]).param("code").is_some());
    assert!(browser.authorize(&[("scope", "openid email")]).body.contains("id=allow"));
    assert!(
        browser.authorize(&[("scope", "openid profile"), ("prompt", "consent")]).body.contains("id=allow")
    );
    let silent = browser.authorize(&[("scope", "openid email"), ("prompt", "none")]);
    assert_eq!(silent.param("error").as_deref(), Some("consent_required"));
}

#[test]
fn prompt_none_without_a_session_is_login_required() {
    let seen = Browser::new().authorize(&[("prompt", "none")]);
    assert_eq!(seen.param("error").as_deref(), Some("login_required"));
}

#[test]
fn prompt_and_max_age_ask_again_and_auth_time_moves() {
    let mut browser = Browser::new();
    let login = browser.authorize(&[]);
    let consent = browser.log_in(&login, "ada");
    browser.decide(&consent, "allow");
    assert!(
        browser.authorize(&[("max_age", "0")]).body.contains("id=\"user-ada\""),
        "in the same second, too"
    );
    browser.now += 100;
    assert!(browser.authorize(&[("max_age", "100")]).param("code").is_some());
    assert_eq!(
        browser.authorize(&[("max_age", "99"), ("prompt", "none")]).param("error").unwrap(),
        "login_required"
    );
    for again in [("max_age", "99"), ("max_age", "0"), ("prompt", "login"), ("prompt", "select_account")] {
        let login = browser.authorize(&[again]);
        assert!(login.body.contains("id=\"user-ada\""), "{again:?}");
    }
    let login = browser.authorize(&[("prompt", "login")]);
    let back = browser.log_in(&login, "ada");
    let tokens = browser.redeem(&back.param("code").unwrap(), &[]).json();
    assert_eq!(claims(tokens["id_token"].as_str().unwrap())["auth_time"], 1_700_000_100);
}

#[test]
fn a_class_of_authentication_is_given_if_it_is_asked_for_and_supported() {
    let mut browser = Browser::new();
    let login = browser.authorize(&[]);
    let consent = browser.log_in(&login, "ada");
    browser.decide(&consent, "allow");
    browser.provider.support_acr(&["phr", "phrh"]);
    let silent = browser.authorize(&[("acr_values", "gold silver")]);
    assert!(silent.param("code").is_some(), "what it cannot give is not given");
    let login = browser.authorize(&[("acr_values", "gold phrh phr")]);
    assert!(login.body.contains("id=\"user-ada\""), "it takes a sign-in");
    let back = browser.log_in(&login, "ada");
    let tokens = browser.redeem(&back.param("code").unwrap(), &[]).json();
    for name in ["id_token", "access_token"] {
        assert_eq!(claims(tokens[name].as_str().unwrap())["acr"], "phrh", "{name}");
    }
    assert!(browser.authorize(&[("acr_values", "phrh")]).param("code").is_some(), "that was this session's");
    assert!(browser.authorize(&[("acr_values", "phr")]).param("code").is_none());
}

#[test]
fn only_the_browser_that_signed_in_can_agree() {
    let mut browser = Browser::new();
    let login = browser.authorize(&[]);
    let consent = browser.log_in(&login, "ada");
    browser.cookie = None;
    let elsewhere = browser.decide(&consent, "allow");
    assert_eq!(elsewhere.param("code"), None);
    assert!(elsewhere.body.contains("id=\"user-ada\""));
}

#[test]
fn somebody_new_signs_in_with_claims_of_their_own() {
    let mut browser = Browser::new();
    let login = browser.authorize(&[]);
    let transaction = login.field("transaction");
    let custom = |claims| {
        vec![
            ("transaction", transaction.as_str()),
            ("user", "custom"),
            ("sub", "eve"),
            ("name", "Eve"),
            ("claims", claims),
        ]
    };
    let broken = browser.post("/login", &custom("[1]"));
    assert_eq!(broken.status, 400);
    assert!(broken.body.contains("not a JSON object"));

    let consent =
        browser.post("/login", &custom(r#"{"team": "red", "iss": "forged", "nonce": "forged", "nbf": 9}"#));
    let back = browser.decide(&consent, "allow");
    let tokens = browser.redeem(&back.param("code").unwrap(), &[]).json();
    let id_token = claims(tokens["id_token"].as_str().unwrap());
    assert_eq!(
        (&id_token["sub"], &id_token["name"], &id_token["team"]),
        (&json!("eve"), &json!("Eve"), &json!("red"))
    );
    assert_eq!((&id_token["iss"], &id_token["nonce"]), (&json!(ISSUER), &json!("the-nonce")));
    assert!(id_token["nbf"].is_null(), "only the provider says that");
}

#[test]
fn auto_login_answers_at_once_as_anybody() {
    let mut browser = Browser::new();
    browser.provider.auto_login(Some("nobody-yet"));
    let code = browser.code(&[("prompt", "none")]);
    let tokens = browser.redeem(&code, &[]).json();
    assert_eq!(claims(tokens["id_token"].as_str().unwrap())["sub"], "nobody-yet");
    browser.provider.auto_login(None);
    browser.cookie = None;
    assert!(browser.authorize(&[]).body.contains("Who are you"));
}

#[test]
fn auto_login_keeps_a_session_as_a_person_would() {
    let mut browser = Browser::signed_in();
    let id_token = |browser: &mut Browser| claims(browser.tokens()["id_token"].as_str().unwrap());
    let first = id_token(&mut browser);
    browser.now += 100;
    let second = id_token(&mut browser);
    assert_eq!((&first["sid"], &first["auth_time"]), (&second["sid"], &second["auth_time"]));
    let code = browser.code(&[("prompt", "login")]);
    let third = browser.redeem(&code, &[]).json();
    let third = claims(third["id_token"].as_str().unwrap());
    assert_eq!((&third["sid"], &third["auth_time"]), (&first["sid"], &json!(browser.now)));
    browser.provider.auto_login(Some("alan"));
    assert_ne!(id_token(&mut browser)["sid"], first["sid"]);
}

#[test]
fn who_signs_in_as_somebody_else_leaves_the_session_before() {
    let mut browser = Browser::new();
    let login = browser.authorize(&[]);
    browser.log_in(&login, "ada");
    let ada = browser.cookie.clone();
    let login = browser.authorize(&[("prompt", "login")]);
    browser.log_in(&login, "alan");
    assert_ne!(browser.cookie, ada);
    browser.cookie = ada;
    let seen = browser.authorize(&[("prompt", "none")]);
    assert_eq!(seen.param("error").as_deref(), Some("login_required"));
}

#[test]
fn an_empty_parameter_is_an_absent_one() {
    let query = "client_id=demo-client&redirect_uri=http://localhost/&response_type=code&scope=openid&state=&max_age=";
    let seen = Browser::signed_in().get(&format!("/authorize?{query}"));
    assert!(seen.param("code").is_some(), "{}", seen.location);
    assert_eq!(seen.param("state"), None);
}

#[test]
fn form_post_is_a_form_that_submits_itself() {
    let mut browser = Browser::signed_in();
    let seen = browser.authorize(&[("response_mode", "form_post"), ("state", "\"><script>x")]);
    assert_eq!(seen.status, 200);
    assert!(seen.body.contains(&format!("action=\"{CALLBACK}\"")) && seen.body.contains(".submit()"));
    assert_eq!(seen.field("state"), "&quot;&gt;&lt;script&gt;x");
    let code = seen.field("code");
    assert_eq!(browser.redeem(&code, &[]).status, 200);
    let denied = browser.authorize(&[("response_mode", "form_post"), ("scope", "email")]);
    assert_eq!(denied.field("error"), "invalid_scope");
}

#[test]
fn an_authorization_request_may_be_posted() {
    let mut browser = Browser::signed_in();
    let form = [
        ("client_id", "demo-client"),
        ("redirect_uri", CALLBACK),
        ("response_type", "code"),
        ("scope", "openid"),
    ];
    assert!(browser.send(Method::POST, "/authorize", &[FORM], &encoded(&form)).param("code").is_some());
}

#[test]
fn who_cannot_be_trusted_with_an_answer_gets_a_page() {
    let mut browser = Browser::signed_in();
    browser.provider.add_client(DevClient {
        redirect_uris: vec!["https://app.example/cb".to_owned()],
        ..DevClient::confidential("strict", "secret")
    });
    for wrong in [
        vec![("client_id", "")],
        vec![("client_id", "unknown")],
        vec![("redirect_uri", "")],
        vec![("redirect_uri", "https://app.example/cb")],
        vec![("redirect_uri", "http://127.0.0.1.evil.example/")],
        vec![("redirect_uri", "http://127.0.0.1:3000/#fragment")],
        vec![("redirect_uri", "javascript:alert(1)")],
        vec![("redirect_uri", "http://127.0.0.1:3000/\r\nset-cookie: a=b")],
        vec![("redirect_uri", CALLBACK), ("redirect_uri", "http://127.0.0.1:4000/")],
        vec![("client_id", "strict"), ("redirect_uri", "https://app.example/cb/")],
        vec![("client_id", "strict"), ("redirect_uri", CALLBACK)],
    ] {
        let seen = browser.authorize(&wrong);
        assert_eq!((seen.status.as_u16(), seen.location.as_str()), (400, ""), "{wrong:?}");
        assert!(seen.header("content-type").starts_with("text/html"));
    }
    let right = browser.authorize(&[("client_id", "strict"), ("redirect_uri", "https://app.example/cb")]);
    assert!(right.location.starts_with("https://app.example/cb?code="));
}

#[test]
fn every_other_mistake_goes_back_to_the_client() {
    let mut browser = Browser::signed_in();
    browser.provider.add_client(DevClient::public("public"));
    for (wrong, error) in [
        (vec![("response_type", "")], "invalid_request"),
        (vec![("response_type", "id_token")], "unsupported_response_type"),
        (vec![("response_mode", "fragment")], "invalid_request"),
        (vec![("scope", "")], "invalid_scope"),
        (vec![("scope", "openidx email")], "invalid_scope"),
        (vec![("code_challenge_method", "plain")], "invalid_request"),
        (vec![("code_challenge_method", "")], "invalid_request"),
        (vec![("code_challenge", "")], "invalid_request"),
        (vec![("code_challenge", "short")], "invalid_request"),
        (vec![("max_age", "-1")], "invalid_request"),
        (vec![("prompt", "none login")], "invalid_request"),
        (vec![("nonce", "a"), ("nonce", "b")], "invalid_request"),
        (vec![("request", "x")], "request_not_supported"),
        (vec![("request_uri", "x")], "request_uri_not_supported"),
        (
            vec![("client_id", "public"), ("code_challenge", ""), ("code_challenge_method", "")],
            "invalid_request",
        ),
    ] {
        let seen = browser.authorize(&wrong);
        assert_eq!(seen.param("error").as_deref(), Some(error), "{wrong:?}: {}", seen.location);
        assert_eq!(seen.param("state").as_deref(), Some("the state"));
        assert_eq!(seen.param("iss").as_deref(), Some(ISSUER));
    }
}

#[test]
fn a_redirect_uri_keeps_its_own_query() {
    let mut browser = Browser::signed_in();
    let seen = browser.authorize(&[("redirect_uri", "http://localhost:3000/cb?tenant=a%20b")]);
    assert!(seen.location.starts_with("http://localhost:3000/cb?tenant=a%20b&code="), "{}", seen.location);
}

#[test]
fn an_issuer_may_have_a_path_and_end_in_a_slash() {
    let mut browser = Browser::at(DevProvider::new("https://op.example/realms/x/"));
    let metadata = browser.get("/realms/x/.well-known/openid-configuration").json();
    assert_eq!(metadata["issuer"], "https://op.example/realms/x/");
    assert_eq!(metadata["jwks_uri"], "https://op.example/realms/x/jwks");
    assert_eq!(browser.get("/realms/x/jwks").status, 200);
    assert_eq!(browser.get("/jwks").status, 404);
    assert_eq!(browser.get("/realms/x//jwks").status, 404);
    assert_eq!(browser.get("/realms/xjwks").status, 404);
    let login = browser.get("/realms/x/authorize?client_id=demo-client&redirect_uri=http://localhost/&response_type=code&scope=openid");
    assert!(login.body.contains("action=\"/realms/x/login\""));
}
