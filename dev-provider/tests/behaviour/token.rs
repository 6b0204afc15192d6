//! The token and userinfo endpoints: what buys tokens, how often, and what a token is good for.

use http::Method;
use oidc_dev_provider::{AccessTokenRequest, DevClient, DevClientAuth};
use serde_json::{Value, json};

use crate::browser::{
    Browser, CALLBACK, FORM, ISSUER, Seen, VERIFIER, basic, claims, encoded, header, verifies,
};

fn assert_refused(seen: &Seen, error: &str) {
    assert_eq!(seen.json()["error"], error, "{}", seen.body);
    assert_eq!(seen.status, if error == "invalid_client" { 401 } else { 400 });
    assert_eq!(seen.header("cache-control"), "no-store");
}

#[test]
fn a_code_works_once_and_its_reuse_revokes_what_it_gave() {
    let mut browser = Browser::signed_in();
    let code = browser.code(&[]);
    let tokens = browser.redeem(&code, &[]).json();
    assert_refused(&browser.redeem(&code, &[]), "invalid_grant");
    assert_refused(&browser.refresh(tokens["refresh_token"].as_str().unwrap()), "invalid_grant");
}

#[test]
fn a_code_lives_for_sixty_seconds() {
    let mut browser = Browser::signed_in();
    let (first, second) = (browser.code(&[]), browser.code(&[]));
    browser.now += 60;
    assert_eq!(browser.redeem(&first, &[]).status, 200);
    browser.now += 1;
    assert_refused(&browser.redeem(&second, &[]), "invalid_grant");
}

#[test]
fn a_code_needs_its_verifier_its_redirect_uri_and_its_client() {
    let mut browser = Browser::signed_in();
    browser.provider.add_client(DevClient::confidential("other", "secret"));
    for wrong in [
        ("code_verifier", "a-verifier-that-is-long-enough-for-rfc-7636-1"),
        ("code_verifier", ""),
        ("redirect_uri", "http://127.0.0.1:3000/callback/"),
        ("redirect_uri", ""),
        ("code", "guessed"),
    ] {
        let code = browser.code(&[]);
        assert_refused(&browser.redeem(&code, &[wrong]), "invalid_grant");
    }
    let code = browser.code(&[]);
    let theirs = basic("other", "secret");
    let form = encoded(&[
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ]);
    let stolen = browser.send(Method::POST, "/token", &[FORM, ("authorization", &theirs)], &form);
    assert_refused(&stolen, "invalid_grant");
    assert_eq!(browser.redeem(&code, &[]).status, 200, "it is still its client's");
    let unchallenged = browser.code(&[("code_challenge", ""), ("code_challenge_method", "")]);
    assert_refused(&browser.redeem(&unchallenged, &[]), "invalid_grant");
}

#[test]
fn refresh_tokens_rotate_and_a_used_one_ends_them_all() {
    let mut browser = Browser::signed_in();
    let first = browser.tokens();
    browser.now += 1000;
    let second = browser.refresh(first["refresh_token"].as_str().unwrap()).json();
    let (before, after) =
        (claims(first["id_token"].as_str().unwrap()), claims(second["id_token"].as_str().unwrap()));
    for same in ["iss", "sub", "aud", "nonce", "auth_time", "sid"] {
        assert_eq!(before[same], after[same], "{same}");
    }
    assert_eq!(after["iat"], browser.now);
    assert_ne!(first["refresh_token"], second["refresh_token"]);
    assert_eq!(browser.userinfo(second["access_token"].as_str().unwrap()).status, 200);

    assert_refused(&browser.refresh(first["refresh_token"].as_str().unwrap()), "invalid_grant");
    assert_refused(&browser.refresh(second["refresh_token"].as_str().unwrap()), "invalid_grant");
}

#[test]
fn a_refresh_narrows_the_scope_and_never_widens_it() {
    let mut browser = Browser::signed_in();
    let token = browser.tokens()["refresh_token"].as_str().unwrap().to_owned();
    let with_scope =
        |scope| [("grant_type", "refresh_token"), ("refresh_token", token.as_str()), ("scope", scope)];
    assert_refused(&browser.token(&with_scope("openid address")), "invalid_scope");
    let narrowed = browser.token(&with_scope("openid email")).json();
    assert_eq!(narrowed["scope"], "openid email");
    assert!(claims(narrowed["id_token"].as_str().unwrap())["name"].is_null());
}

#[test]
fn without_offline_access_there_is_no_refresh_token() {
    let mut browser = Browser::signed_in();
    let code = browser.code(&[("scope", "openid")]);
    let tokens = browser.redeem(&code, &[]).json();
    assert!(tokens["refresh_token"].is_null() && tokens["id_token"].is_string());
}

#[test]
fn clients_authenticate_as_they_are_registered() {
    let mut browser = Browser::new();
    for (id, auth) in
        [("by-basic", DevClientAuth::Basic), ("by-post", DevClientAuth::Post), ("by-any", DevClientAuth::Any)]
    {
        browser.provider.add_client(DevClient { auth, ..DevClient::confidential(id, "s:e&c=r+e %t") });
    }
    browser.provider.add_client(DevClient::public("public"));
    let escaped = "s%3Ae%26c%3Dr%2Be+%25t";
    let mut attempt = |id: &str, by: &str| {
        let mut form = vec![("grant_type", "client_credentials")];
        let credentials = basic(id, escaped);
        let mut headers = vec![FORM];
        match by {
            "basic" => headers.push(("authorization", &credentials)),
            "post" => form.extend([("client_id", id), ("client_secret", "s:e&c=r+e %t")]),
            _ => form.push(("client_id", id)),
        }
        let seen = browser.send(Method::POST, "/token", &headers, &encoded(&form));
        (
            seen.json()["error"].as_str().unwrap_or("none").to_owned(),
            seen.header("www-authenticate").to_owned(),
        )
    };
    for (id, by, error) in [
        ("by-basic", "basic", "none"),
        ("by-basic", "post", "invalid_client"),
        ("by-basic", "none", "invalid_client"),
        ("by-post", "post", "none"),
        ("by-post", "basic", "invalid_client"),
        ("by-any", "basic", "none"),
        ("by-any", "post", "none"),
        ("by-any", "none", "invalid_client"),
        ("public", "none", "unauthorized_client"),
        ("public", "post", "invalid_client"),
        ("unknown", "basic", "invalid_client"),
    ] {
        let (seen, challenge) = attempt(id, by);
        assert_eq!(seen, error, "{id} by {by}");
        assert_eq!(challenge.starts_with("Basic "), error == "invalid_client", "{id} by {by}");
    }
}

#[test]
fn a_wrong_secret_two_ways_and_a_repeated_parameter_are_refused() {
    let mut browser = Browser::new();
    let form = encoded(&[("grant_type", "client_credentials")]);
    let wrong = basic("demo-client", "wrong");
    assert_refused(
        &browser.send(Method::POST, "/token", &[FORM, ("authorization", &wrong)], &form),
        "invalid_client",
    );
    assert_refused(
        &browser.send(Method::POST, "/token", &[FORM, ("authorization", "Basic ???")], &form),
        "invalid_client",
    );
    let twice = browser.token(&[("grant_type", "client_credentials"), ("client_secret", "demo-secret")]);
    assert_refused(&twice, "invalid_request");
    assert_refused(&browser.token(&[("grant_type", "password")]), "unsupported_grant_type");
    assert_refused(&browser.token(&[]), "invalid_request");
    assert_refused(&browser.token(&[("scope", "a"), ("scope", "a")]), "invalid_request");
}

#[test]
fn a_client_gets_a_token_of_its_own_without_a_person() {
    let mut browser = Browser::new();
    let tokens = browser.token(&[("grant_type", "client_credentials"), ("scope", "jobs")]).json();
    let access_token = tokens["access_token"].as_str().unwrap();
    assert_eq!(
        (&claims(access_token)["sub"], &claims(access_token)["scope"]),
        (&json!("demo-client"), &json!("jobs"))
    );
    assert!(tokens["id_token"].is_null());
    assert_eq!(browser.userinfo(access_token).status, 403);
}

#[test]
fn an_access_token_is_an_rfc_9068_jwt() {
    let mut browser = Browser::signed_in();
    let tokens = browser.tokens();
    assert_eq!((&tokens["token_type"], &tokens["expires_in"]), (&json!("Bearer"), &json!(3600)));
    let token = tokens["access_token"].as_str().unwrap();
    assert!(verifies(token, &browser.provider.jwks()));
    assert_eq!(header(token)["typ"], "at+jwt");
    let claims = claims(token);
    assert_eq!(
        (&claims["iss"], &claims["aud"], &claims["client_id"]),
        (&json!(ISSUER), &json!("demo-client"), &json!("demo-client"))
    );
    assert_eq!((&claims["exp"], &claims["auth_time"]), (&json!(browser.now + 3600), &json!(browser.now)));
    assert_eq!(claims["roles"], json!(["admin", "engineer"]));
    assert!(claims["jti"].is_string() && claims["email"].is_null());
}

#[test]
fn a_token_is_minted_without_a_sign_in_and_says_what_it_is_told() {
    let mut browser = Browser::new();
    let mut extra = serde_json::Map::new();
    extra.insert("iss".to_owned(), json!("https://other.example"));
    let now = browser.now;
    let usual = browser.provider.access_token(AccessTokenRequest::default(), now);
    let odd = AccessTokenRequest { lifetime: u64::MAX, extra, ..AccessTokenRequest::default() };
    let odd = browser.provider.access_token(odd, now);
    assert_eq!(browser.userinfo(&usual).json()["sub"], "ada");
    assert_eq!(
        (&claims(&odd)["iss"], &claims(&odd)["exp"]),
        (&json!("https://other.example"), &json!(u64::MAX))
    );
    assert_eq!(browser.userinfo(&odd).status, 401);
}

#[test]
fn userinfo_answers_by_scope_and_to_the_header_only() {
    let mut browser = Browser::signed_in();
    let code = browser.code(&[("scope", "openid email")]);
    let tokens = browser.redeem(&code, &[]).json();
    let token = tokens["access_token"].as_str().unwrap();
    let seen = browser.userinfo(token).json();
    assert_eq!((&seen["sub"], &seen["email"]), (&json!("ada"), &json!("ada@example.com")));
    assert!(seen["name"].is_null());
    let bearer = format!("bearer {token}");
    assert_eq!(browser.send(Method::POST, "/userinfo", &[("authorization", &bearer)], "").status, 200);
    let in_body = browser.post("/userinfo", &[("access_token", token)]);
    assert_eq!(
        (in_body.status.as_u16(), in_body.header("www-authenticate")),
        (401, "Bearer realm=\"dev-provider\"")
    );
}

#[test]
fn userinfo_refuses_what_is_no_living_access_token() {
    let mut browser = Browser::signed_in();
    let tokens = browser.tokens();
    let access_token = tokens["access_token"].as_str().unwrap();
    let forged = format!("{}A", &access_token[..access_token.len() - 1]);
    for wrong in [tokens["id_token"].as_str().unwrap(), &forged, "", "a.b.c", "ü"] {
        let seen = browser.userinfo(wrong);
        assert_eq!(seen.status, 401, "{wrong}");
        assert!(seen.header("www-authenticate").contains("Bearer"));
    }
    browser.now += 3600;
    let late = browser.userinfo(access_token);
    assert!(late.status == 401 && late.header("www-authenticate").contains("invalid_token"));
}

#[test]
fn userinfo_is_signed_on_demand_by_the_algorithm_chosen() {
    let mut browser = Browser::signed_in();
    browser.provider.sign_userinfo(true);
    for alg in ["RS256", "RS384", "RS512"] {
        browser.provider.sign_with(alg);
        let tokens = browser.tokens();
        let seen = browser.userinfo(tokens["access_token"].as_str().unwrap());
        assert_eq!(seen.header("content-type"), "application/jwt");
        for token in
            [&seen.body, tokens["id_token"].as_str().unwrap(), tokens["access_token"].as_str().unwrap()]
        {
            assert_eq!(header(token)["alg"], alg);
            assert!(verifies(token, &browser.provider.jwks()), "{alg}");
        }
        let claims = claims(&seen.body);
        assert_eq!(
            (&claims["iss"], &claims["aud"], &claims["sub"]),
            (&json!(ISSUER), &json!("demo-client"), &json!("ada"))
        );
    }
}

#[test]
fn at_hash_is_half_of_the_access_tokens_hash() {
    use base64ct::{Base64UrlUnpadded, Encoding};
    use sha2::{Digest, Sha256, Sha384, Sha512};
    let mut browser = Browser::signed_in();
    for (alg, half) in [("RS256", 16), ("RS384", 24), ("RS512", 32)] {
        browser.provider.sign_with(alg);
        let tokens = browser.tokens();
        let access_token = tokens["access_token"].as_str().unwrap();
        let hash = match alg {
            "RS256" => Sha256::digest(access_token).to_vec(),
            "RS384" => Sha384::digest(access_token).to_vec(),
            _ => Sha512::digest(access_token).to_vec(),
        };
        let at_hash = claims(tokens["id_token"].as_str().unwrap())["at_hash"].clone();
        assert_eq!(at_hash, Base64UrlUnpadded::encode_string(&hash[..half]), "{alg}");
    }
}

#[test]
fn rotation_changes_the_kid_and_keeps_or_withdraws_the_old_key() {
    let mut browser = Browser::new();
    let now = browser.now;
    let mut kids = std::collections::BTreeSet::new();
    for _ in 0..12 {
        let before = browser.provider.access_token(AccessTokenRequest::default(), now);
        kids.insert(browser.provider.current_kid());
        browser.provider.rotate_keys(true);
        assert!(verifies(&before, &browser.provider.jwks()));
        let after = browser.provider.access_token(AccessTokenRequest::default(), now);
        assert!(verifies(&after, &browser.provider.jwks()));
        browser.provider.rotate_keys(false);
        assert!(!verifies(&after, &browser.provider.jwks()));
    }
    assert_eq!(kids.len(), 12);
}

#[test]
fn anything_is_signed_on_demand() {
    let browser = Browser::new();
    let provider = &browser.provider;
    let kid = provider.current_kid();
    let token = provider.sign(&json!({ "alg": "RS384", "kid": kid, "crit": ["x"] }), &json!({ "sub": 1 }));
    assert!(verifies(&token, &provider.jwks()));
    assert_eq!((&header(&token)["crit"], &claims(&token)["sub"]), (&json!(["x"]), &json!(1)));
    assert!(header(&provider.sign(&json!({ "alg": "RS256" }), &Value::Null))["kid"].is_null());
    assert!(provider.sign(&json!({ "alg": "none" }), &json!({})).ends_with('.'));
    let raw = provider.sign_raw(br#"{"alg":"RS256","alg":"RS256"}"#, b"not json", "RS256");
    assert_eq!(raw.split('.').count(), 3);
}
