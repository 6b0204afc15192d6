//! The hybrid flow: an ID token goes with the code, in a form only.

use base64ct::{Base64UrlUnpadded, Encoding};
use oidc_dev_provider::Fault;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::browser::{Browser, CALLBACK, Seen, claims, verifies};

const HYBRID: [(&str, &str); 2] = [("response_type", "code id_token"), ("response_mode", "form_post")];

fn hybrid(browser: &mut Browser, changes: &[(&str, &str)]) -> Seen {
    browser.authorize(&[&HYBRID[..], changes].concat())
}

#[test]
fn an_id_token_goes_with_the_code_and_binds_it() {
    let mut browser = Browser::signed_in();
    for response_type in ["code id_token", "id_token code"] {
        let seen = browser.authorize(&[("response_type", response_type), HYBRID[1]]);
        assert!(seen.body.contains(&format!("action=\"{CALLBACK}\"")), "{}", seen.body);
        let (code, id_token) = (seen.field("code"), seen.field("id_token"));
        assert!(verifies(&id_token, &browser.provider.jwks()));
        let front = claims(&id_token);
        let c_hash = Base64UrlUnpadded::encode_string(&Sha256::digest(&code)[..16]);
        for (name, value) in [
            ("nonce", json!("the-nonce")),
            ("c_hash", json!(c_hash)),
            ("at_hash", Value::Null),
            ("aud", json!("demo-client")),
            ("exp", json!(browser.now + 300)),
        ] {
            assert_eq!(front[name], value, "{name}");
        }
        let tokens = browser.redeem(&code, &[]).json();
        let back = claims(tokens["id_token"].as_str().unwrap());
        for same in ["iss", "sub", "nonce", "sid", "auth_time"] {
            assert_eq!(front[same], back[same], "{same}");
        }
        assert!(back["at_hash"].is_string() && back["c_hash"].is_null());
    }
}

#[test]
fn a_person_who_is_asked_brings_it_too() {
    let mut browser = Browser::new();
    let login = hybrid(&mut browser, &[]);
    let consent = browser.log_in(&login, "alan");
    let back = browser.decide(&consent, "allow");
    assert_eq!(claims(&back.field("id_token"))["sub"], "alan");
    let denied = hybrid(&mut browser, &[("prompt", "none"), ("scope", "openid address")]);
    assert_eq!(denied.field("error"), "consent_required");
    assert!(!denied.body.contains("id_token"));
}

#[test]
fn an_id_token_travels_in_no_uri() {
    let mut browser = Browser::signed_in();
    for mode in ["", "query", "fragment"] {
        let seen = browser.authorize(&[HYBRID[0], ("response_mode", mode)]);
        assert_eq!(seen.param("error").as_deref(), Some("invalid_request"), "{mode}");
        assert!(!seen.location.contains("id_token="), "{mode}");
    }
}

#[test]
fn a_hybrid_request_needs_a_nonce() {
    let seen = hybrid(&mut Browser::signed_in(), &[("nonce", "")]);
    assert_eq!(seen.field("error"), "invalid_request");
}

#[test]
fn no_other_combination_is_supported() {
    let mut browser = Browser::signed_in();
    for response_type in ["id_token", "token", "code token", "code id_token token", "code code", "none"] {
        let seen = browser.authorize(&[("response_type", response_type), HYBRID[1]]);
        assert_eq!(seen.field("error"), "unsupported_response_type", "{response_type}");
    }
    let metadata = browser.get("/.well-known/openid-configuration").json();
    assert_eq!(metadata["response_types_supported"], json!(["code", "code id_token"]));
}

#[test]
fn only_the_second_id_token_differs_as_the_fault_is_named() {
    let mut browser = Browser::signed_in();
    for (fault, claim) in [
        (Fault::SecondInvalidSub, "sub"),
        (Fault::SecondInvalidIss, "iss"),
        (Fault::SecondInvalidNonce, "nonce"),
    ] {
        browser.provider.set_fault(Some(fault));
        let seen = hybrid(&mut browser, &[]);
        let front = claims(&seen.field("id_token"));
        let tokens = browser.redeem(&seen.field("code"), &[]).json();
        let back = claims(tokens["id_token"].as_str().unwrap());
        assert_eq!(back[claim], format!("{}1", front[claim].as_str().unwrap()), "{claim}");
    }
}

#[test]
fn an_id_token_comes_or_stays_away_as_the_fault_is_named() {
    let mut browser = Browser::signed_in();
    browser.provider.set_fault(Some(Fault::IdTokenInFront));
    assert!(browser.authorize(&[]).param("id_token").is_some());
    browser.provider.set_fault(Some(Fault::IdTokenNotInFront));
    assert!(!hybrid(&mut browser, &[]).body.contains("id_token"));
}

#[test]
fn like_the_suite_it_binds_the_code_too() {
    let mut browser = Browser::signed_in();
    browser.provider.like_the_suite();
    assert!(claims(&hybrid(&mut browser, &[]).field("id_token"))["c_hash"].is_string());
}
