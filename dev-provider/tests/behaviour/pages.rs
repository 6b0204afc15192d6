//! What a person sees, and the two shortcuts for a terminal.

use oidc_dev_provider::{DevClient, DevUser};
use serde_json::json;

use crate::browser::{Browser, claims, verifies};

#[test]
fn nothing_a_page_shows_can_be_markup() {
    let evil = "<img src=x onerror=alert(1)>\"'&";
    let mut browser = Browser::new();
    browser.provider.add_user(DevUser::new(evil).with_claim("name", evil).with_claim("email", evil));
    browser.provider.add_client(DevClient::confidential(evil, "secret"));
    let scope = format!("openid {evil}");
    let login = browser.authorize(&[("client_id", evil), ("scope", &scope), ("login_hint", evil)]);
    let consent = browser.log_in(&login, evil);
    let index = browser.get("/");
    let signing_out = browser.get(&format!(
        "/end-session?client_id={}",
        crate::browser::encoded(&[("", evil)]).trim_start_matches('=')
    ));
    for page in [&login, &consent, &index, &signing_out] {
        assert_eq!(page.status, 200);
        assert!(!page.body.contains("<img"), "{}", page.body);
        assert!(page.body.contains("&lt;img src=x onerror=alert(1)&gt;"), "{}", page.body);
        assert_eq!(page.header("x-frame-options"), "DENY");
    }
}

#[test]
fn a_login_hint_puts_that_user_first() {
    let mut browser = Browser::new();
    for hint in ["grace", "grace@example.com"] {
        let page = browser.authorize(&[("login_hint", hint)]);
        let place = |sub: &str| page.body.find(&format!("id=\"user-{sub}\"")).unwrap();
        assert!(place("grace") < place("ada"), "{hint}");
    }
}

#[test]
fn a_stale_page_is_an_error_not_a_sign_in() {
    let mut browser = Browser::new();
    for path in ["/login", "/consent", "/end-session/confirm"] {
        let seen = browser.post(path, &[("transaction", "guessed"), ("user", "ada"), ("decision", "allow")]);
        assert_eq!(seen.status, 400, "{path}");
        assert_eq!(seen.header("set-cookie"), "");
    }
    let login = browser.authorize(&[]);
    let consent = browser.log_in(&login, "ada");
    browser.decide(&consent, "allow");
    assert_eq!(browser.decide(&consent, "allow").status, 400);
    let unknown = browser.log_in(&login, "nobody");
    assert!(unknown.status == 400 && unknown.body.contains("no such user"));
}

#[test]
fn metadata_names_what_is_there() {
    let mut browser = Browser::new();
    let seen = browser.get("/.well-known/openid-configuration");
    assert_eq!(seen.header("cache-control"), "public, max-age=300");
    let metadata = seen.json();
    for name in [
        "authorization_endpoint",
        "pushed_authorization_request_endpoint",
        "token_endpoint",
        "introspection_endpoint",
        "revocation_endpoint",
        "userinfo_endpoint",
        "jwks_uri",
        "end_session_endpoint",
    ] {
        let path = metadata[name].as_str().unwrap().strip_prefix("https://op.example").unwrap().to_owned();
        assert_ne!(browser.get(&path).status, 404, "{name}");
    }
    assert_eq!(metadata["code_challenge_methods_supported"], json!(["S256"]));
    assert_eq!(metadata["authorization_response_iss_parameter_supported"], true);
    assert_eq!(browser.get("/jwks").json(), browser.provider.jwks());
}

#[test]
fn a_terminal_gets_a_token_and_rotates_keys() {
    let mut browser = Browser::new();
    let usual = browser.get("/dev/token");
    assert!(verifies(&usual.body, &browser.provider.jwks()));
    assert_eq!(
        (&claims(&usual.body)["sub"], &claims(&usual.body)["aud"]),
        (&json!("ada"), &json!("demo-client"))
    );
    let other = browser.get("/dev/token?sub=alan&aud=api&scope=read&lifetime=5").body;
    let said = claims(&other);
    assert_eq!((&said["sub"], &said["aud"], &said["scope"]), (&json!("alan"), &json!("api"), &json!("read")));
    assert_eq!(said["exp"], browser.now + 5);
    assert_eq!(browser.get("/dev/token?lifetime=x").status, 400);

    assert_eq!(browser.get("/dev/rotate").status, 405);
    let kid = browser.post("/dev/rotate", &[]).body;
    assert_eq!(kid, browser.provider.current_kid());
    assert!(verifies(&usual.body, &browser.provider.jwks()));
    browser.post("/dev/rotate", &[("keep_old", "false")]);
    assert!(!verifies(&usual.body, &browser.provider.jwks()));
}
