//! Clients that authenticate by a JWT: what an assertion must say, and that it counts once.

use base64ct::{Base64UrlUnpadded, Encoding};
use oidc_dev_provider::{DevClient, DevClientAuth, DevProvider};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::browser::{Browser, ISSUER, Seen, basic, encoded};

const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const SECRET: &str = "a secret of the client";

/// Two clients of the two kinds, and what signs for the one that has keys.
fn registered() -> (Browser, DevProvider) {
    let (mut browser, signer) = (Browser::signed_in(), DevProvider::with_seed("https://client.example", 3));
    let by_secret = DevClient::confidential("by-secret", SECRET);
    browser.provider.add_client(DevClient { auth: DevClientAuth::SecretJwt, ..by_secret });
    browser.provider.add_client(DevClient {
        auth: DevClientAuth::PrivateKeyJwt,
        jwks: Some(signer.jwks()),
        secret: None,
        ..DevClient::confidential("by-key", "")
    });
    (browser, signer)
}

fn usual(id: &str, jti: &str, now: u64) -> Value {
    json!({ "iss": id, "sub": id, "aud": ISSUER, "iat": now, "exp": now + 60, "jti": jti })
}

/// An assertion by HS256 ([RFC 2104](https://www.rfc-editor.org/rfc/rfc2104)).
fn by_secret(claims: &Value, secret: &str) -> String {
    let part = |value: &Value| Base64UrlUnpadded::encode_string(value.to_string().as_bytes());
    let input = format!("{}.{}", part(&json!({ "alg": "HS256" })), part(claims));
    let mut block = [0_u8; 64];
    block[..secret.len()].copy_from_slice(secret.as_bytes());
    let padded = |pad: u8| Sha256::new().chain_update(block.map(|byte| byte ^ pad));
    let inner = padded(0x36).chain_update(&input).finalize();
    let outer = padded(0x5c).chain_update(inner).finalize();
    format!("{input}.{}", Base64UrlUnpadded::encode_string(&outer))
}

fn by_key(signer: &DevProvider, claims: &Value) -> String {
    signer.sign(&json!({ "alg": "RS256", "kid": signer.current_kid() }), claims)
}

fn attempt(browser: &mut Browser, assertion: &str, more: &[(&str, &str)]) -> Seen {
    let mut form = vec![
        ("grant_type", "client_credentials"),
        ("client_assertion_type", JWT_BEARER),
        ("client_assertion", assertion),
    ];
    form.extend(more);
    browser.post("/token", &form)
}

fn assert_refused(seen: &Seen, what: &str) {
    assert_eq!((seen.status.as_u16(), &seen.json()["error"]), (401, &json!("invalid_client")), "{what}");
}

#[test]
fn an_assertion_by_secret_or_by_key_authenticates_once() {
    let (mut browser, signer) = registered();
    let now = browser.now;
    for assertion in
        [by_secret(&usual("by-secret", "1", now), SECRET), by_key(&signer, &usual("by-key", "1", now))]
    {
        let seen = attempt(&mut browser, &assertion, &[]);
        assert_eq!(seen.status, 200, "{}", seen.body);
        assert_refused(&attempt(&mut browser, &assertion, &[]), "again");
    }
}

#[test]
fn an_assertion_may_be_meant_for_the_issuer_or_the_endpoint() {
    let (mut browser, signer) = registered();
    for (jti, aud, taken) in [
        ("1", json!("https://op.example/token"), true),
        ("2", json!([ISSUER]), true),
        ("3", json!("https://op.example/"), false),
        ("4", json!(["https://other.example"]), false),
        ("5", Value::Null, false),
    ] {
        let mut claims = usual("by-key", jti, browser.now);
        claims["aud"] = aud;
        let seen = attempt(&mut browser, &by_key(&signer, &claims), &[]);
        assert_eq!(seen.status.is_success(), taken, "{claims}");
    }
}

#[test]
fn whatever_an_assertion_lacks_is_invalid_client() {
    let (mut browser, signer) = registered();
    let now = browser.now;
    for (name, value) in [
        ("iss", json!("other")),
        ("iss", Value::Null),
        ("sub", json!("by-secret")),
        ("sub", json!("nobody")),
        ("sub", Value::Null),
        ("exp", json!(now)),
        ("exp", json!(now + 601)),
        ("exp", json!(u64::MAX)),
        ("exp", Value::Null),
        ("nbf", json!(now + 1)),
        ("jti", Value::Null),
    ] {
        let mut claims = usual("by-key", "1", now);
        claims[name] = value;
        assert_refused(&attempt(&mut browser, &by_key(&signer, &claims), &[]), &claims.to_string());
    }
    let mut longest = usual("by-key", "1", now);
    longest["exp"] = json!(now + 600);
    assert_eq!(attempt(&mut browser, &by_key(&signer, &longest), &[]).status, 200, "none used the jti up");
}

#[test]
fn an_assertion_is_signed_by_the_clients_own_key_or_secret() {
    let (mut browser, signer) = registered();
    let now = browser.now;
    let claims = usual("by-key", "1", now);
    let other = DevProvider::with_seed("https://client.example", 4);
    for (what, assertion) in [
        ("another's key", by_key(&other, &claims)),
        ("another kid", signer.sign(&json!({ "alg": "RS256", "kid": "x" }), &claims)),
        ("another alg", signer.sign(&json!({ "alg": "ES512" }), &claims)),
        ("none", signer.sign(&json!({ "alg": "none" }), &claims)),
        ("crit", signer.sign(&json!({ "alg": "RS256", "crit": ["x"] }), &claims)),
        ("a secret for a key", by_secret(&claims, "")),
        ("a key for a secret", by_key(&signer, &usual("by-secret", "1", now))),
        ("another secret", by_secret(&usual("by-secret", "1", now), "a secret of nobody")),
        ("no JWT", "a.b.c".to_owned()),
    ] {
        assert_refused(&attempt(&mut browser, &assertion, &[]), what);
    }
    assert_eq!(attempt(&mut browser, &signer.sign(&json!({ "alg": "RS256" }), &claims), &[]).status, 200);
}

#[test]
fn a_client_of_one_method_is_refused_with_any_other() {
    let (mut browser, signer) = registered();
    let now = browser.now;
    let secret =
        [("grant_type", "client_credentials"), ("client_id", "by-secret"), ("client_secret", SECRET)];
    assert_refused(&browser.post("/token", &secret), "post");
    assert_refused(&browser.post("/token", &secret[..2]), "none");
    let credentials = basic("by-secret", "a+secret+of+the+client");
    let headers = [crate::browser::FORM, ("authorization", credentials.as_str())];
    let by_basic = browser.send(http::Method::POST, "/token", &headers, &encoded(&secret[..1]));
    assert_refused(&by_basic, "basic");
    let demo = by_secret(&usual("demo-client", "1", now), "demo-secret");
    assert_refused(&attempt(&mut browser, &demo, &[]), "demo-client");
    let mine = by_key(&signer, &usual("by-key", "1", now));
    assert_refused(&attempt(&mut browser, &mine, &[("client_id", "by-secret")]), "another client_id");
    let twice = attempt(&mut browser, &mine, &[("client_secret", "x")]);
    assert_eq!((twice.status.as_u16(), &twice.json()["error"]), (400, &json!("invalid_request")));
    let untyped = [("grant_type", "client_credentials"), ("client_assertion", mine.as_str())];
    assert_refused(&browser.post("/token", &untyped), "no type");
    assert_eq!(attempt(&mut browser, &mine, &[("client_id", "by-key")]).status, 200);
}

#[test]
fn metadata_lists_the_methods_and_their_algorithms() {
    let metadata = Browser::new().get("/.well-known/openid-configuration").json();
    let methods = metadata["token_endpoint_auth_methods_supported"].as_array().unwrap();
    assert!(methods.contains(&json!("client_secret_jwt")) && methods.contains(&json!("private_key_jwt")));
    let algs = metadata["token_endpoint_auth_signing_alg_values_supported"].as_array().unwrap();
    assert!(algs.contains(&json!("HS256")) && algs.contains(&json!("RS256")));
}

#[test]
fn an_assertion_for_another_endpoint_counts_there_only() {
    let (mut browser, signer) = registered();
    browser.provider.mtls_aliases(true);
    for (path, others) in
        [("/introspect", ["/token", "/mtls/introspect"]), ("/mtls/introspect", ["/token", "/introspect"])]
    {
        let mut claims = usual("by-key", path, browser.now);
        claims["aud"] = json!(format!("{ISSUER}{path}"));
        let assertion = by_key(&signer, &claims);
        let form = [
            ("client_assertion_type", JWT_BEARER),
            ("client_assertion", assertion.as_str()),
            ("token", "x"),
            ("grant_type", "client_credentials"),
        ];
        for other in others {
            assert_refused(&browser.post(other, &form), other);
        }
        assert_eq!(browser.post(path, &form).status, 200, "{path}");
        assert_refused(&browser.post(path, &form), "again");
    }
}
