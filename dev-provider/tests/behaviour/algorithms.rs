//! Signatures by other algorithms than RS256: what is published for them, and what they take with them.

use base64ct::{Base64UrlUnpadded, Encoding};
use oidc_dev_provider::{DevClient, DevClientAuth, DevProvider, Fault};
use serde_json::{Value, json};
use sha2::{Digest, Sha256, Sha384, Sha512};

use crate::browser::{Browser, ISSUER, claims, header, rsa_key};

const ALGS: &[&str] = &[
    "PS256",
    "PS384",
    "PS512",
    #[cfg(feature = "algorithms")]
    "ES256",
    #[cfg(feature = "algorithms")]
    "ES384",
    #[cfg(feature = "algorithms")]
    "EdDSA",
];

/// Whether the key of the token's `kid` verifies it.
fn verifies(token: &str, jwks: &Value) -> bool {
    let header = header(token);
    let (input, signature) = token.rsplit_once('.').unwrap();
    let signature = decoded(signature);
    let keys = jwks["keys"].as_array().unwrap().iter();
    let mut keys = keys.filter(|jwk| jwk["kid"] == header["kid"] && jwk["use"] == "sig");
    keys.any(|jwk| verifies_with(header["alg"].as_str().unwrap(), jwk, input.as_bytes(), &signature))
}

fn verifies_with(alg: &str, jwk: &Value, input: &[u8], signature: &[u8]) -> bool {
    match alg {
        "PS256" | "PS384" | "PS512" if jwk["kty"] != "RSA" => false,
        "PS256" => rsa_key(jwk).pss_verify::<Sha256>(input, signature).is_ok(),
        "PS384" => rsa_key(jwk).pss_verify::<Sha384>(input, signature).is_ok(),
        "PS512" => rsa_key(jwk).pss_verify::<Sha512>(input, signature).is_ok(),
        #[cfg(feature = "algorithms")]
        _ => on_curve(alg, jwk, input, signature),
        #[cfg(not(feature = "algorithms"))]
        _ => false,
    }
}

#[cfg(feature = "algorithms")]
fn on_curve(alg: &str, jwk: &Value, input: &[u8], signature: &[u8]) -> bool {
    use p256::ecdsa::signature::Verifier;
    let coordinate = |name: &str| decoded(jwk[name].as_str().unwrap());
    let point = || [vec![4], coordinate("x"), coordinate("y")].concat();
    match (alg, jwk["crv"].as_str().unwrap_or_default()) {
        ("ES256", "P-256") => {
            let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(&point()).unwrap();
            key.verify(input, &p256::ecdsa::Signature::from_slice(signature).unwrap()).is_ok()
        }
        ("ES384", "P-384") => {
            let key = p384::ecdsa::VerifyingKey::from_sec1_bytes(&point()).unwrap();
            key.verify(input, &p384::ecdsa::Signature::from_slice(signature).unwrap()).is_ok()
        }
        ("EdDSA", "Ed25519") => {
            let key = ed25519_dalek::VerifyingKey::from_bytes(&coordinate("x").try_into().unwrap()).unwrap();
            key.verify(input, &ed25519_dalek::Signature::from_slice(signature).unwrap()).is_ok()
        }
        _ => false,
    }
}

fn decoded(part: &str) -> Vec<u8> {
    Base64UrlUnpadded::decode_vec(part).unwrap()
}

#[test]
fn every_token_is_signed_by_the_algorithm_and_its_hash() {
    let mut browser = Browser::signed_in();
    browser.provider.sign_userinfo(true);
    for alg in ALGS {
        browser.provider.sign_with(alg);
        let tokens = browser.tokens();
        let access_token = tokens["access_token"].as_str().unwrap();
        let id_token = tokens["id_token"].as_str().unwrap();
        let userinfo = browser.userinfo(access_token);
        assert_eq!(userinfo.status, 200, "{alg}: it knows its own token");
        for token in [access_token, id_token, &userinfo.body] {
            assert_eq!(header(token)["alg"], *alg);
            assert_eq!(header(token)["kid"], browser.provider.current_kid());
            assert!(verifies(token, &browser.provider.jwks()), "{alg}");
        }
        let hash = match &alg[2..] {
            "256" => Sha256::digest(access_token).to_vec(),
            "384" => Sha384::digest(access_token).to_vec(),
            _ => Sha512::digest(access_token).to_vec(),
        };
        let at_hash = Base64UrlUnpadded::encode_string(&hash[..hash.len() / 2]);
        assert_eq!(claims(id_token)["at_hash"], at_hash, "{alg}");
    }
}

#[test]
fn the_same_token_has_the_same_signature() {
    let (mut one, mut other) = (DevProvider::new(ISSUER), DevProvider::new(ISSUER));
    for alg in ALGS {
        one.sign_with(alg);
        other.sign_with(alg);
        let sign = |provider: &DevProvider| provider.sign(&json!({ "alg": alg }), &json!({ "sub": "ada" }));
        assert_eq!(sign(&one), sign(&other), "{alg}");
    }
}

#[test]
fn rotation_takes_the_next_key_of_every_algorithm() {
    let mut browser = Browser::new();
    for alg in ALGS {
        browser.provider.sign_with(alg);
        let mut before = browser.get("/dev/token").body;
        for _ in 0..6 {
            browser.provider.rotate_keys(true);
            let after = browser.get("/dev/token").body;
            assert_ne!(header(&before)["kid"], header(&after)["kid"]);
            assert!(
                verifies(&before, &browser.provider.jwks()) && verifies(&after, &browser.provider.jwks())
            );
            before = after;
        }
        browser.provider.rotate_keys(false);
        assert!(!verifies(&before, &browser.provider.jwks()), "{alg}");
    }
}

#[test]
fn without_a_kid_one_key_of_the_algorithm_verifies() {
    for alg in ALGS {
        let mut browser = Browser::new();
        browser.provider.sign_with(alg);
        browser.provider.set_fault(Some(Fault::KidAbsentSingleJwks));
        let token = browser.get("/dev/token").body;
        let jwks = browser.provider.jwks();
        assert!(header(&token)["kid"].is_null() && verifies(&token, &jwks), "{alg}");
        let curve = match *alg {
            "ES256" => json!("P-256"),
            "ES384" => json!("P-384"),
            "EdDSA" => json!("Ed25519"),
            _ => Value::Null,
        };
        let keys = jwks["keys"].as_array().unwrap().iter();
        let fitting = keys.filter(|jwk| jwk["crv"] == curve && jwk["use"] == "sig");
        assert_eq!(fitting.count(), 1, "{alg}");
    }
}

#[test]
fn an_assertion_may_have_any_algorithm_of_the_clients_keys() {
    let (mut browser, mut signer) = (Browser::new(), DevProvider::with_seed("https://client.example", 2));
    for alg in ALGS {
        signer.sign_with(alg);
        browser.provider.add_client(DevClient {
            auth: DevClientAuth::PrivateKeyJwt,
            jwks: Some(signer.jwks()),
            secret: None,
            ..DevClient::confidential("by-key", "")
        });
        let claims = json!({
            "iss": "by-key", "sub": "by-key", "aud": ISSUER, "exp": browser.now + 60, "jti": alg,
        });
        let assertion = signer.sign(&json!({ "alg": alg, "kid": signer.current_kid() }), &claims);
        let form = [
            ("grant_type", "client_credentials"),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_assertion", assertion.as_str()),
        ];
        assert_eq!(browser.post("/token", &form).status, 200, "{alg}");
    }
}

#[test]
fn metadata_lists_every_algorithm() {
    let metadata = Browser::new().get("/.well-known/openid-configuration").json();
    for name in [
        "id_token_signing_alg_values_supported",
        "userinfo_signing_alg_values_supported",
        "token_endpoint_auth_signing_alg_values_supported",
    ] {
        let listed = metadata[name].as_array().unwrap();
        assert!(ALGS.iter().all(|alg| listed.contains(&json!(alg))), "{name}");
        assert_eq!(listed.contains(&json!("ES256")), cfg!(feature = "algorithms"), "{name}");
    }
}

#[test]
fn keys_on_curves_are_published_once_they_sign() {
    let mut provider = DevProvider::new(ISSUER);
    let before = provider.jwks();
    for alg in ALGS.iter().filter(|alg| alg.starts_with('P')) {
        provider.sign_with(alg);
        assert_eq!(provider.jwks(), before, "{alg}");
    }
    for alg in ALGS.iter().filter(|alg| alg.starts_with('E')) {
        provider.sign_with(alg);
        let kid = provider.current_kid();
        let jwks = provider.jwks();
        assert!(jwks["keys"].as_array().unwrap().iter().any(|jwk| jwk["kid"] == kid), "{alg}");
        provider.sign_with("RS256");
        assert_eq!(provider.jwks(), jwks, "{alg}: what it signed can still be verified");
    }
}

/// What a key that another `kid` names has signed, and what nobody has.
#[test]
#[cfg(feature = "algorithms")]
fn signatures_on_a_curve_are_wrong_as_the_fault_is_named() {
    let mut browser = Browser::signed_in();
    browser.provider.sign_with("ES256");
    let right = browser.provider.jwks();
    let id_token = |browser: &mut Browser, fault| {
        browser.provider.set_fault(Some(fault));
        browser.tokens()["id_token"].as_str().unwrap().to_owned()
    };
    let broken = id_token(&mut browser, Fault::InvalidSigEs256);
    let (input, signature) = broken.rsplit_once('.').unwrap();
    let mended: Vec<u8> = decoded(signature).iter().map(|byte| byte ^ 0x5a).collect();
    assert!(!verifies(&broken, &right));
    assert!(verifies(&format!("{input}.{}", Base64UrlUnpadded::encode_string(&mended)), &right));
    let zeros = id_token(&mut browser, Fault::SigZeros);
    assert_eq!(decoded(zeros.rsplit('.').next().unwrap()), [0; 64]);
    let mixed = id_token(&mut browser, Fault::AlgOfOtherType);
    assert_eq!((&header(&mixed)["alg"], &header(&mixed)["kid"]), (&json!("RS256"), &header(&broken)["kid"]));
    assert!(browser.provider.jwks()["keys"][0]["kid"] != header(&mixed)["kid"]);
}

#[test]
fn a_signature_over_bytes_is_that_of_a_token() {
    let provider = DevProvider::new(ISSUER);
    let token = provider.sign(&json!({ "alg": "PS256" }), &json!({}));
    let (input, signature) = token.rsplit_once('.').unwrap();
    assert_eq!(provider.signature(input.as_bytes(), "PS256"), decoded(signature));
    assert!(provider.signature(b"", "none").is_empty());
}
