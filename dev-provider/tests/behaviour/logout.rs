//! Signing out: who may ask without a question, where the browser goes, and who is told.

use oidc_dev_provider::DevClient;
use serde_json::{Value, json};

use crate::browser::{Browser, ISSUER, claims, encoded, header, verifies};

const AFTER: &str = "http://127.0.0.1:3000/bye";

/// A browser that signed in at the client, and the ID token.
fn signed_in_at(client: DevClient) -> (Browser, String) {
    let mut browser = Browser::signed_in();
    browser.provider.add_client(DevClient { secret: Some("demo-secret".to_owned()), ..client });
    let tokens = browser.tokens();
    browser.provider.auto_login(None);
    (browser, tokens["id_token"].as_str().unwrap().to_owned())
}

fn demo() -> DevClient {
    DevClient::confidential("demo-client", "demo-secret")
}

fn end_session(browser: &mut Browser, params: &[(&str, &str)]) -> crate::browser::Seen {
    browser.get(&format!("/end-session?{}", encoded(params)))
}

fn is_signed_in(browser: &mut Browser) -> bool {
    let error = browser.authorize(&[("prompt", "none")]).param("error");
    error.as_deref() != Some("login_required")
}

#[test]
fn with_a_hint_the_session_ends_at_once_and_state_comes_back() {
    let (mut browser, hint) = signed_in_at(demo());
    assert!(is_signed_in(&mut browser));
    browser.now += 100_000; // an expired hint is still a hint
    let params = [("id_token_hint", hint.as_str()), ("post_logout_redirect_uri", AFTER), ("state", "a&b")];
    let seen = end_session(&mut browser, &params);
    assert_eq!(
        (seen.status.as_u16(), seen.location.as_str()),
        (302, "http://127.0.0.1:3000/bye?state=a%26b")
    );
    assert!(!is_signed_in(&mut browser));
}

#[test]
fn without_a_hint_the_person_is_asked() {
    let (mut browser, _) = signed_in_at(demo());
    let params = [("client_id", "demo-client"), ("post_logout_redirect_uri", AFTER)];
    let asked = end_session(&mut browser, &params);
    assert!(asked.body.contains("id=confirm-logout"), "{}", asked.body);
    assert!(is_signed_in(&mut browser));
    let confirm = [("transaction", asked.field("transaction"))];
    let confirm: Vec<(&str, &str)> = confirm.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(browser.post("/end-session/confirm", &confirm).location, AFTER);
    assert!(!is_signed_in(&mut browser));
    assert_eq!(browser.post("/end-session/confirm", &confirm).status, 400);
}

#[test]
fn a_hint_that_proves_nothing_asks_too() {
    let (mut browser, hint) = signed_in_at(demo());
    let forged = format!("{}A", &hint[..hint.len() - 1]);
    assert!(end_session(&mut browser, &[("id_token_hint", &forged)]).body.contains("id=confirm-logout"));
    let other = browser.provider.sign(
        &json!({ "alg": "RS256", "typ": "JWT" }),
        &json!({ "iss": ISSUER, "sub": "alan", "aud": "demo-client" }),
    );
    assert!(end_session(&mut browser, &[("id_token_hint", &other)]).body.contains("id=confirm-logout"));
    assert!(is_signed_in(&mut browser));
}

#[test]
fn the_hint_of_another_person_ends_nothing_of_theirs() {
    let (mut browser, adas_hint) = signed_in_at(demo());
    let ada = browser.cookie.take();
    browser.provider.auto_login(Some("alan"));
    browser.tokens();
    browser.provider.auto_login(None);
    let asked = end_session(&mut browser, &[("id_token_hint", &adas_hint)]);
    browser.post("/end-session/confirm", &[("transaction", &asked.field("transaction"))]);
    assert!(!is_signed_in(&mut browser));
    browser.cookie = ada;
    assert!(is_signed_in(&mut browser));
}

#[test]
fn only_a_registered_uri_gets_the_browser_back() {
    let registered = vec!["https://app.example/bye".to_owned()];
    let (mut browser, hint) = signed_in_at(DevClient { post_logout_redirect_uris: registered, ..demo() });
    for wrong in [AFTER, "https://app.example/bye/", "https://evil.example/"] {
        let seen =
            end_session(&mut browser, &[("id_token_hint", &hint), ("post_logout_redirect_uri", wrong)]);
        assert_eq!((seen.status.as_u16(), seen.location.as_str()), (400, ""), "{wrong}");
    }
    assert_eq!(end_session(&mut browser, &[("post_logout_redirect_uri", AFTER)]).status, 400);
    assert_eq!(end_session(&mut browser, &[("id_token_hint", &hint), ("client_id", "other")]).status, 400);
    assert!(is_signed_in(&mut browser));
    let right = [("id_token_hint", hint.as_str()), ("post_logout_redirect_uri", "https://app.example/bye")];
    assert_eq!(end_session(&mut browser, &right).location, "https://app.example/bye");
}

#[test]
fn clients_are_told_over_both_channels() {
    let (mut browser, hint) = signed_in_at(DevClient {
        back_channel_logout_uri: Some("http://127.0.0.1:3000/back".to_owned()),
        front_channel_logout_uri: Some("http://127.0.0.1:3000/front?a=1".to_owned()),
        ..demo()
    });
    let seen = end_session(&mut browser, &[("id_token_hint", &hint), ("post_logout_redirect_uri", AFTER)]);
    let sid = claims(&hint)["sid"].as_str().unwrap().to_owned();
    let frame = format!(
        "<iframe src=\"http://127.0.0.1:3000/front?a=1&amp;iss=https%3A%2F%2Fop.example&amp;sid={sid}\">"
    );
    assert!(seen.body.contains(&frame) && seen.body.contains(AFTER), "{}", seen.body);
    let calls = browser.provider.take_back_channel_calls();
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].uri, "http://127.0.0.1:3000/back");
    assert_eq!(claims(&calls[0].logout_token)["sid"], sid);
    assert!(browser.provider.take_back_channel_calls().is_empty());
}

#[test]
fn a_logout_token_says_whom_it_ends() {
    let (mut browser, hint) =
        signed_in_at(DevClient { back_channel_logout_uri: Some("http://rp/".to_owned()), ..demo() });
    let (sid, now) = (claims(&hint)["sid"].as_str().unwrap().to_owned(), browser.now);
    let calls = browser.provider.back_channel_logout(Some("ada"), Some(&sid), "demo-client", now);
    let token = &calls[0].logout_token;
    assert!(verifies(token, &browser.provider.jwks()));
    assert_eq!(header(token)["typ"], "logout+jwt");
    let said = claims(token);
    for (name, value) in [
        ("iss", json!(ISSUER)),
        ("aud", json!("demo-client")),
        ("sub", json!("ada")),
        ("sid", json!(sid)),
        ("iat", json!(now)),
        ("exp", json!(now + 120)),
        ("events", json!({ "http://schemas.openid.net/event/backchannel-logout": {} })),
        ("nonce", Value::Null),
    ] {
        assert_eq!(said[name], value, "{name}");
    }
    assert!(!is_signed_in(&mut browser), "the session ended here, too");
    let by_sub = browser.provider.back_channel_logout(Some("ada"), None, "demo-client", now);
    assert!(claims(&by_sub[0].logout_token)["sid"].is_null());
    assert_ne!(claims(&by_sub[0].logout_token)["jti"], said["jti"]);
    assert!(browser.provider.back_channel_logout(Some("ada"), None, "unknown", now).is_empty());
}

#[test]
fn every_client_of_the_session_is_loaded_in_a_frame_and_no_other() {
    let mut browser = Browser::signed_in();
    for id in ["demo-client", "second", "elsewhere"] {
        browser.provider.add_client(DevClient {
            front_channel_logout_uri: Some(format!("https://{id}.example/front")),
            ..DevClient::confidential(id, "demo-secret")
        });
    }
    let tokens = browser.tokens();
    browser.code(&[("client_id", "second")]);
    let metadata = browser.get("/.well-known/openid-configuration").json();
    assert_eq!(metadata["frontchannel_logout_supported"], true);
    assert_eq!(metadata["frontchannel_logout_session_supported"], true);

    let hint = tokens["id_token"].as_str().unwrap();
    let seen = end_session(&mut browser, &[("id_token_hint", hint), ("post_logout_redirect_uri", AFTER)]);
    let sid = claims(hint)["sid"].as_str().unwrap().to_owned();
    for id in ["demo-client", "second"] {
        let frame = format!(
            "<iframe src=\"https://{id}.example/front?iss=https%3A%2F%2Fop.example&amp;sid={sid}\"></iframe>"
        );
        assert!(seen.body.contains(&frame), "{id}: {}", seen.body);
    }
    assert!(!seen.body.contains("elsewhere"));
    let (frames, next) = seen.body.split_at(seen.body.rfind("</iframe>").unwrap());
    assert!(!frames.contains(AFTER) && next.contains(AFTER), "the frames come first");
}
