//! Each fault changes what the provider says, and nothing stays of it when it is taken back.

use std::collections::BTreeSet;

use base64ct::{Base64UrlUnpadded, Encoding};
use oidc_dev_provider::{Delivery, DevClient, DevClientAuth, DevProvider, Endpoint, Fault};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::browser::{Browser, ISSUER, authorization, claims, header, verifies};

fn with(fault: Fault) -> Browser {
    let mut browser = Browser::signed_in();
    browser.provider.set_fault(Some(fault));
    browser
}

fn id_token(fault: Fault) -> (Value, Value, bool) {
    let mut browser = with(fault);
    let tokens = browser.tokens();
    let token = tokens["id_token"].as_str().unwrap();
    (header(token), claims(token), verifies(token, &browser.provider.jwks()))
}

#[test]
fn every_fault_has_a_name_of_its_own_that_leads_back() {
    let faults = Fault::all();
    let names: BTreeSet<String> = faults.iter().map(Fault::name).collect();
    assert_eq!(names.len(), faults.len());
    for fault in faults {
        assert_eq!(Fault::from_name(&fault.name()), Some(fault.clone()));
        assert!(fault.explain().ends_with('.'), "{fault}");
        assert!(
            fault.name().bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'),
            "{fault}"
        );
    }
    assert_eq!(Fault::from_name("status-token-418"), Some(Fault::Status(Endpoint::Token, 418)));
    for unknown in
        ["", "html", "html-", "html-token-x", "status-token", "status-token-x", "deliver-jwks", "x-y-z"]
    {
        assert_eq!(Fault::from_name(unknown), None, "{unknown}");
    }
}

/// Everything a relying party sees of a sign-in, a refresh and the endpoints it fetches.
fn transcript(fault: Option<Fault>) -> String {
    let mut browser = Browser::signed_in();
    browser.provider.set_fault(fault);
    browser.provider.mtls_aliases(true);
    let mut seen = String::new();
    let mut note = |what: &str, text: &str| seen.push_str(&format!("{what}: {text}\n"));
    for path in ["/.well-known/openid-configuration", "/jwks"] {
        let request = http::Request::get(path).body(Vec::new()).unwrap();
        let answer = browser.provider.answer(request, browser.now);
        note(path, &format!("{:?} {:?}", answer.delivery, answer.response));
    }
    let back = browser.authorize(&[]);
    note("authorize", &back.location);
    let tokens = browser.redeem(&back.param("code").unwrap_or_default(), &[]);
    note("token", &format!("{} {}", tokens.header("content-type"), tokens.body));
    let tokens: Value = serde_json::from_str(&tokens.body).unwrap_or_default();
    let hybrid = browser.authorize(&[("response_type", "code id_token"), ("response_mode", "form_post")]);
    note("hybrid", &hybrid.body);
    let (id, secret) = ("demo-client", "demo-secret");
    let client = [("client_id", id), ("client_secret", secret)];
    let pushed = browser.post("/par", &[&authorization()[..], &client[1..]].concat());
    note("par", &format!("{} {}", pushed.status, pushed.body));
    let token = tokens["access_token"].as_str().unwrap_or("a-token-of-nobody");
    let about = [&client[..], &[("token", token)]].concat();
    note("introspect", &browser.post("/introspect", &about).body);
    let refreshed = browser.refresh(tokens["refresh_token"].as_str().unwrap_or_default());
    note("refresh", &refreshed.body);
    note("userinfo", &browser.userinfo(tokens["access_token"].as_str().unwrap_or_default()).body);
    let revoked = browser.post("/revoke", &about);
    note("revoke", &format!("{} {}", revoked.status, revoked.body));
    let signer = DevProvider::with_seed("https://client.example", 3);
    browser.provider.add_client(DevClient {
        auth: DevClientAuth::PrivateKeyJwt,
        jwks: Some(signer.jwks()),
        ..DevClient::public("by-key")
    });
    let (iss, now) = ("by-key", browser.now);
    let claims = json!({ "iss": iss, "sub": iss, "aud": ISSUER, "exp": now + 60, "jti": "1" });
    let assertion = signer.sign(&json!({ "alg": "RS256" }), &claims);
    let asserted = [
        ("grant_type", "client_credentials"),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", &*assertion),
    ];
    note("assertion", &browser.post("/token", &asserted).body);
    let client = DevClient {
        back_channel_logout_uri: Some("http://127.0.0.1:3000/backchannel-logout".to_owned()),
        ..DevClient::confidential("demo-client", "demo-secret")
    };
    browser.provider.add_client(client);
    let calls = browser.provider.back_channel_logout(Some("ada"), Some("sid"), "demo-client", browser.now);
    note("back-channel", &calls[0].logout_token);
    let end = "/end-session?client_id=demo-client&state=s&post_logout_redirect_uri=http://127.0.0.1:3000/";
    let page = browser.get(end);
    note(
        "end-session",
        &browser.post("/end-session/confirm", &[("transaction", &page.field("transaction"))]).location,
    );
    seen
}

#[test]
fn every_fault_shows_and_none_without_being_set() {
    let right = transcript(None);
    assert_eq!(right, transcript(None), "the same requests give the same answers");
    for fault in Fault::all() {
        // How most endpoints deliver is asserted below: it is not in the bodies. A revocation's is empty.
        let seen_elsewhere = match fault {
            Fault::Deliver(at, _) => !matches!(at, Endpoint::Discovery | Endpoint::Jwks | Endpoint::Any),
            Fault::TruncatedJson(at) => at == Endpoint::Revocation,
            _ => false,
        };
        if !seen_elsewhere {
            assert!(right != transcript(Some(fault.clone())), "{fault}");
        }
    }
}

#[test]
fn claims_are_wrong_or_missing_as_the_fault_is_named() {
    for (fault, claim, wrong) in [
        (Fault::NonceInvalid, "nonce", json!("the-nonce1")),
        (Fault::NonceMissing, "nonce", Value::Null),
        (Fault::InvalidIss, "iss", json!(format!("{ISSUER}1"))),
        (Fault::InvalidAud, "aud", json!("demo-client1")),
        (Fault::MissingAud, "aud", Value::Null),
        (Fault::MissingSub, "sub", Value::Null),
        (Fault::MissingIat, "iat", Value::Null),
        (Fault::MissingExp, "exp", Value::Null),
        (Fault::Expired, "exp", json!(1_700_000_000 - 3600)),
    ] {
        let (_, claims, verifies) = id_token(fault.clone());
        assert_eq!(claims[claim], wrong, "{fault}");
        assert!(verifies, "{fault}: only the claim is wrong");
    }
    let (_, right, _) = id_token(Fault::TokenTypeMac);
    let (_, wrong, _) = id_token(Fault::InvalidAtHash);
    assert_eq!(wrong["at_hash"].as_str().unwrap(), format!("{}1", right["at_hash"].as_str().unwrap()));
}

#[test]
fn signatures_are_wrong_as_the_fault_is_named() {
    for (fault, alg) in
        [(Fault::SigNone, "none"), (Fault::InvalidSigRs256, "RS256"), (Fault::InvalidSigHs256, "HS256")]
    {
        let (header, _, verifies) = id_token(fault.clone());
        assert_eq!(header["alg"], alg, "{fault}");
        assert!(!verifies, "{fault}");
    }
    let mut browser = with(Fault::InvalidSigRs256);
    let signature = |token: &Value| token.as_str().unwrap().rsplit('.').next().unwrap().len();
    let tokens = browser.tokens();
    assert_eq!(signature(&tokens["id_token"]), 342);
    assert!(verifies(tokens["access_token"].as_str().unwrap(), &browser.provider.jwks()));
}

/// What a key that is embedded in the token, or one without a secret exponent, would take for right.
#[test]
fn forged_signatures_are_right_by_the_key_that_they_are_made_for() {
    for fault in [Fault::EmbeddedJwk, Fault::Jku, Fault::X5u, Fault::X5c] {
        let mut browser = with(fault.clone());
        let tokens = browser.tokens();
        let token = tokens["id_token"].as_str().unwrap();
        assert!(!verifies(token, &browser.provider.jwks()), "{fault}");
        browser.provider.set_fault(Some(Fault::KidTwice));
        assert!(verifies(token, &browser.provider.jwks()), "{fault}: the second key of this name");
    }
    let mut browser = with(Fault::RsaExponentOne);
    let tokens = browser.tokens();
    let (input, signature) = tokens["id_token"].as_str().unwrap().rsplit_once('.').unwrap();
    let padded = Base64UrlUnpadded::decode_vec(signature).unwrap();
    let digest_info = "3031300d060960864801650304020105000420";
    let hex: String = padded.iter().map(|byte| format!("{byte:02x}")).collect();
    let digest: String = Sha256::digest(input).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, format!("0001{}00{digest_info}{digest}", "ff".repeat(202)));
}

#[test]
fn unused_bits_of_a_signature_are_all_that_differs() {
    let mut browser = with(Fault::Base64TrailingBits);
    let tokens = browser.tokens();
    let (input, signature) = tokens["id_token"].as_str().unwrap().rsplit_once('.').unwrap();
    assert!(Base64UrlUnpadded::decode_vec(signature).is_err());
    let (start, last) = signature.split_at(signature.len() - 1);
    let before = char::from(last.as_bytes()[0] - 1);
    assert!(verifies(&format!("{input}.{start}{before}"), &browser.provider.jwks()));
}

#[test]
fn hs256_is_a_right_hmac_by_the_clients_secret() {
    let mut browser = with(Fault::InvalidSigHs256);
    let tokens = browser.tokens();
    let (input, signature) = tokens["id_token"].as_str().unwrap().rsplit_once('.').unwrap();
    assert_eq!(signature, hmac_by_definition(b"demo-secret", input));
}

/// RFC 2104 in the words of its definition: H(K xor opad, H(K xor ipad, text)).
fn hmac_by_definition(key: &[u8], text: &str) -> String {
    let mut block = key.to_vec();
    block.resize(64, 0);
    let pad = |with: u8| block.iter().map(|byte| byte ^ with).collect::<Vec<u8>>();
    let inner = Sha256::digest([pad(0x36), text.as_bytes().to_vec()].concat());
    Base64UrlUnpadded::encode_string(&Sha256::digest([pad(0x5c), inner.to_vec()].concat()))
}

#[test]
fn key_sets_are_as_the_fault_is_named() {
    let keys = |provider: &DevProvider| provider.jwks()["keys"].as_array().unwrap().clone();
    let signing =
        |keys: &[Value]| keys.iter().filter(|key| key["kty"] == "RSA" && key["use"] == "sig").count();
    for (fault, count) in [(Fault::KidAbsentSingleJwks, 1), (Fault::KidAbsentMultipleJwks, 3)] {
        let mut browser = with(fault.clone());
        let tokens = browser.tokens();
        for token in [&tokens["id_token"], &tokens["access_token"]] {
            assert!(header(token.as_str().unwrap())["kid"].is_null(), "{fault}");
            assert!(verifies(token.as_str().unwrap(), &browser.provider.jwks()), "{fault}");
        }
        let keys = keys(&browser.provider);
        assert_eq!(signing(&keys), count, "{fault}");
        assert!(keys.iter().all(|key| (key["use"] == "enc") != key["kid"].is_null()), "{fault}");
    }
    assert_eq!(keys(&with(Fault::EmptyKeys).provider).len(), 0);
    let mut crowded = with(Fault::TooManyKeys);
    assert_eq!(signing(&keys(&crowded.provider)), 1000);
    let tokens = crowded.tokens();
    assert!(verifies(tokens["id_token"].as_str().unwrap(), &crowded.provider.jwks()));
}

#[test]
fn an_ordinary_key_set_has_keys_to_skip() {
    let jwks = Browser::new().provider.jwks();
    let kinds: Vec<_> = jwks["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| (key["kty"].as_str(), key["use"].as_str()))
        .collect();
    let kind = |kty, usage| (Some(kty), Some(usage));
    assert_eq!(kinds, [kind("RSA", "sig"), kind("EC", "sig"), kind("OKP", "sig"), kind("RSA", "enc")]);
}

#[test]
fn kids_are_unknown_or_brand_new() {
    let (_, _, verified) = id_token(Fault::UnknownKid);
    assert!(!verified);
    let mut browser = with(Fault::RotationJustBeforeSigning);
    let before = browser.provider.jwks();
    let tokens = browser.tokens();
    for token in [&tokens["id_token"], &tokens["access_token"]] {
        assert!(!verifies(token.as_str().unwrap(), &before));
        assert!(verifies(token.as_str().unwrap(), &browser.provider.jwks()));
    }
}

#[test]
fn the_front_channel_is_wrong_as_the_fault_is_named() {
    let back = |fault| with(fault).authorize(&[]);
    assert_eq!(back(Fault::StateInvalid).param("state").as_deref(), Some("the state1"));
    assert_eq!(back(Fault::IssParamWrong).param("iss"), Some(format!("{ISSUER}1")));
    assert_eq!(back(Fault::IssParamMissing).param("iss"), None);
    assert_eq!(back(Fault::AccessDenied).param("error").as_deref(), Some("access_denied"));
}

#[test]
fn the_back_channel_is_wrong_as_the_fault_is_named() {
    assert!(with(Fault::MissingIdToken).tokens()["id_token"].is_null());
    assert_eq!(with(Fault::TokenTypeMac).tokens()["token_type"], "mac");
    let mut refusing = with(Fault::TokenErrorInvalidGrant);
    let code = refusing.code(&[]);
    let refused = refusing.redeem(&code, &[]);
    assert_eq!((refused.status.as_u16(), &refused.json()["error"]), (400, &json!("invalid_grant")));
    refusing.provider.set_fault(None);
    assert_eq!(refusing.redeem(&code, &[]).status, 200, "the fault spent no code");

    let mut browser = with(Fault::UserinfoInvalidSub);
    let tokens = browser.tokens();
    assert_eq!(browser.userinfo(tokens["access_token"].as_str().unwrap()).json()["sub"], "adainvalid");
    let metadata = with(Fault::DiscoveryIssuerMismatch).get("/.well-known/openid-configuration").json();
    assert_eq!(metadata["issuer"], format!("{ISSUER}INVALID"));
}

#[test]
fn a_refresh_fault_leaves_the_first_id_token_right() {
    for (fault, claim, right) in
        [(Fault::RefreshInvalidIss, "iss", ISSUER), (Fault::RefreshInvalidSub, "sub", "ada")]
    {
        let mut browser = with(fault);
        let tokens = browser.tokens();
        assert_eq!(claims(tokens["id_token"].as_str().unwrap())[claim], right);
        let refreshed = browser.refresh(tokens["refresh_token"].as_str().unwrap()).json();
        assert_eq!(claims(refreshed["id_token"].as_str().unwrap())[claim], format!("{right}1"));
    }
}

#[test]
fn transport_faults_show_at_their_endpoint_only() {
    let mut browser = with(Fault::Html(Endpoint::Jwks));
    assert!(browser.get("/jwks").header("content-type").starts_with("text/html"));
    assert_eq!(browser.get("/.well-known/openid-configuration").json()["issuer"], ISSUER);

    let mut browser = with(Fault::Status(Endpoint::Any, 503));
    let seen = browser.get("/jwks");
    assert_eq!((seen.status.as_u16(), seen.header("retry-after")), (503, "2"));
    assert_eq!(browser.userinfo("x").status, 503);
    let code = browser.code(&[]);
    assert_eq!(browser.redeem(&code, &[]).status, 503);
    browser.provider.set_fault(None);
    assert_eq!(browser.redeem(&code, &[]).status, 200, "the fault spent no code");

    let mut browser = with(Fault::TruncatedJson(Endpoint::Discovery));
    let seen = browser.get("/.well-known/openid-configuration");
    assert!(seen.body.len() > 100 && serde_json::from_str::<Value>(&seen.body).is_err());
    assert_eq!(with(Fault::Status(Endpoint::Jwks, 7)).get("/jwks").status, 500);
}

#[test]
fn who_follows_a_redirect_is_seen() {
    let mut browser = with(Fault::Redirect(Endpoint::Jwks));
    let seen = browser.get("/jwks?x=1");
    assert_eq!(
        (seen.status.as_u16(), seen.location.as_str()),
        (307, "https://op.example/dev/elsewhere/jwks?x=1")
    );
    assert_eq!(browser.provider.requests("/dev/elsewhere/jwks"), 0);
    assert!(browser.get("/dev/elsewhere/jwks?x=1").json()["keys"].is_array());
    assert_eq!(browser.provider.requests("/dev/elsewhere/jwks"), 1);
}

#[test]
fn a_delivery_goes_with_the_right_answer() {
    let mut provider = DevProvider::new(ISSUER);
    provider.set_fault(Some(Fault::Deliver(Endpoint::Token, Delivery::Drip)));
    let mut answer = |method: &str, path: &str| {
        let request = http::Request::builder().method(method).uri(path).body(Vec::new()).unwrap();
        provider.answer(request, 0)
    };
    let token = answer("POST", "/token");
    assert_eq!((token.delivery, token.response.status().as_u16()), (Delivery::Drip, 401));
    assert_eq!(answer("GET", "/jwks").delivery, Delivery::Whole);
}

#[test]
fn it_can_be_as_the_simulated_provider_of_the_suite() {
    let mut provider = DevProvider::new(&format!("{ISSUER}/test/a/alias/"));
    provider.like_the_suite();
    let mut browser = Browser::at(provider);
    let path = "/test/a/alias";
    let metadata = browser.get(&format!("{path}/.well-known/openid-configuration")).json();
    assert_eq!(metadata["issuer"], format!("{ISSUER}{path}/"));
    assert_eq!(metadata["token_endpoint"], format!("{ISSUER}{path}/token"));
    assert_eq!(metadata["id_token_signing_alg_values_supported"][0], "none");
    let keys = browser.get(&format!("{path}/jwks")).json();
    let keys = keys["keys"].as_array().unwrap();
    let kids: BTreeSet<&str> = keys.iter().map(|key| key["kid"].as_str().unwrap()).collect();
    assert_eq!((keys.len(), kids.len()), (8, 8));
    let signing = |key: &&Value| key["kty"] == "RSA" && key["use"] == "sig";
    assert_eq!(keys.iter().filter(signing).count(), 2);
}
