//! Signatures and keys: what a forger tries, what a key set holds, and which key judges which token.
#![cfg(feature = "rsa")]

mod kit;
mod support;

#[path = "signatures/forger.rs"]
mod forger;
#[path = "secrets/sources.rs"]
#[allow(dead_code, reason = "what is said of secrets is another test's")]
mod sources;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use base64ct::{Base64, Encoding};
use crypto_bigint::BoxedUint;
use forger::{DEV, EXPONENT_3, Forger, ROCA, base64url, digest, digest_info, hmac, input, padded};
use kit::{ALL, NOW, access_claims, access_rules, at, decoded, id_rules, merged, segments};
use oidc_core::config::{Danger, Remember};
use oidc_core::error::{Malformation, TokenError};
use oidc_core::jose::{
    Algorithm, KeySet, KeySetError, PreparedKey, PublicKey, RsaComponents, RustCrypto, SkipReason,
    SkippedKey, Verifier,
};
use oidc_core::step::FetchResult;
use oidc_core::time::UnixTime;
use oidc_core::token::{AccessToken, TokenRules, verify_signature};
use oidc_core::{Callback, Claims, LoginOptions, Step};
use oidc_dev_provider::Fault;
use rsa::pkcs8::{EncodePublicKey, LineEnding};
use serde_json::{Value, json};
use support::{Browser, ISSUER, START, World, config, config_for};

fn backends() -> Vec<Box<dyn Verifier>> {
    vec![
        Box::new(RustCrypto),
        #[cfg(feature = "aws-lc-rs")]
        Box::new(oidc_core::jose::AwsLc),
    ]
}

fn key_set(jwks: &[Value]) -> KeySet {
    KeySet::parse(json!({ "keys": jwks }).to_string().as_bytes(), &RustCrypto).unwrap()
}

/// A set without danger, and why its keys were skipped.
fn skipped(jwks: &[Value]) -> Vec<SkipReason> {
    key_set(jwks).skipped().iter().map(|key| key.reason).collect()
}

/// The code of a refusal, or `ok`, when every algorithm is allowed.
fn verdict(token: &str, keys: &KeySet) -> &'static str {
    verify_signature(token, &ALL, keys).map_or_else(|error| error.code(), |_| "ok")
}

/// A header of the key `k`.
fn rs256() -> Value {
    json!({ "alg": "RS256", "kid": "k" })
}

/// A set of the first development key, under the name `k`, and that key.
fn one_key() -> (KeySet, &'static Forger) {
    (key_set(&[DEV[0].jwk(json!({ "kid": "k" }))]), &DEV[0])
}

fn with_signature(token: &str, signature: &[u8]) -> String {
    format!("{}.{}", token.rsplit_once('.').unwrap().0, base64url(signature))
}

// Algorithms

#[test]
fn s01_no_signature_by_the_name_of_none_is_refused() {
    let (keys, _) = one_key();
    for name in ["none", "None", "NONE", "nOnE", "none ", ""] {
        assert_eq!(Algorithm::from_name(name), None);
        for header in [json!({ "alg": name }), json!({ "alg": name, "kid": "k" })] {
            let token = format!("{}.", input(&header, &access_claims()));
            // An empty name is no name.
            let expected = if name.is_empty() { "malformed" } else { "algorithm_not_allowed" };
            assert_eq!(verdict(&token, &keys), expected, "{name}");
            assert_eq!(access_rules().verify(&token, &keys, at(NOW)).unwrap_err().code(), expected, "{name}");
        }
    }
}

#[test]
fn s02_none_with_a_right_signature_is_refused() {
    let (keys, forger) = one_key();
    for name in ["none", "None", "NONE", "nOnE"] {
        let token = forger.token(&json!({ "alg": name, "kid": "k" }), &access_claims());
        assert_eq!(verdict(&token, &keys), "algorithm_not_allowed", "{name}");
    }
    assert_eq!(verdict(&forger.token(&rs256(), &access_claims()), &keys), "ok");
}

#[test]
fn s03_metadata_that_offers_none_makes_no_unsigned_id_token_good() {
    for (fault, code) in [(None, "ok"), (Some(Fault::SigNone), "algorithm_not_allowed")] {
        let mut world = World::new();
        world.provider.set_fault(fault);
        let offer = |path: &str, response| match path {
            "/.well-known/openid-configuration" => {
                changed(response, "id_token_signing_alg_values_supported", json!(["none", "RS256", "HS256"]))
            }
            _ => response,
        };
        assert_eq!(sign_in(&mut world, offer), code);
    }
}

#[test]
fn s03_metadata_that_offers_nothing_but_none_ends_the_sign_in_before_it_starts() {
    let mut world = World::new();
    let offer = |path: &str, response| match path {
        "/.well-known/openid-configuration" => {
            changed(response, "id_token_signing_alg_values_supported", json!(["none"]))
        }
        _ => response,
    };
    assert_eq!(sign_in(&mut world, offer), "provider_unsupported");
}

#[test]
fn s04_the_text_of_the_public_key_is_no_secret_of_an_hmac() {
    let forger = &DEV[0];
    let public = forger.key.to_public_key();
    let pem = public.to_public_key_pem(LineEnding::LF).unwrap();
    let jwk = forger.jwk(json!({ "kid": "k" }));
    let secrets = [
        pem.as_bytes().to_vec(),
        pem.trim_end().as_bytes().to_vec(),
        public.to_public_key_der().unwrap().as_bytes().to_vec(),
        jwk.to_string().into_bytes(),
        forger.n(),
        base64url(&forger.n()).into_bytes(),
    ];
    for secret in secrets {
        // Not even if the set itself has the secret under this name.
        let octets = json!({ "kty": "oct", "kid": "k", "k": base64url(&secret) });
        for keys in [key_set(std::slice::from_ref(&jwk)), key_set(&[octets, jwk.clone()])] {
            assert_eq!(keys.len(), 1);
            for name in ["HS256", "HS384", "HS512"] {
                assert_eq!(verdict(&by_hmac(name, &secret), &keys), "algorithm_not_allowed");
            }
        }
    }
}

#[test]
fn s05_the_client_secret_signs_no_token() {
    let (mut world, mut browser) = (World::new(), Browser::default());
    world.provider.set_fault(Some(Fault::InvalidSigHs256));
    let answer = browser.sign_in(&mut world);
    assert_eq!((answer.status(), answer.code().as_str()), (502, "algorithm_not_allowed"));
    assert!(!browser.has_session());
    let (keys, _) = one_key();
    assert_eq!(verdict(&by_hmac("HS256", b"s3cr&t +%"), &keys), "algorithm_not_allowed");
    let answer = world.bearer(&by_hmac("HS256", b"s3cr&t +%"));
    assert_eq!((answer.status(), answer.code().as_str()), (401, "algorithm_not_allowed"));
}

#[test]
fn s06_an_hmac_by_an_empty_key_is_refused() {
    let empty = json!({ "kty": "oct", "kid": "k", "k": "" });
    let keys = key_set(&[DEV[0].jwk(json!({ "kid": "k" })), empty]);
    for name in ["HS256", "HS384", "HS512"] {
        assert_eq!(verdict(&by_hmac(name, b""), &keys), "algorithm_not_allowed", "{name}");
    }
}

#[test]
fn s07_an_algorithm_that_is_not_ours_is_refused_by_its_name() {
    let (keys, forger) = one_key();
    for name in [
        "ES256",
        "ES384",
        "ES512",
        "ES256K",
        "EdDSA",
        "Ed25519",
        "PS256",
        "PS384",
        "PS512",
        "RSA-OAEP",
        "RSA-OAEP-256",
        "RSA1_5",
        "dir",
        "RS1",
        "RS224",
        "RS2560",
        "rs256",
    ] {
        let token = forger.token(&json!({ "alg": name, "kid": "k" }), &access_claims());
        assert_eq!(verdict(&token, &keys), "algorithm_not_allowed", "{name}");
    }
}

/// The digest and the name of the hash are both those of the header, or the signature is wrong.
#[test]
fn s08_a_digest_of_another_hash_is_no_signature() {
    let header = json!({ "alg": "RS256" });
    let signed = input(&header, &json!({}));
    assert_eq!(signed, "eyJhbGciOiJSUzI1NiJ9.e30");
    let [sha256, sha384, sha512] = ALL.map(|algorithm| digest(algorithm, signed.as_bytes()));
    // Of this very text.
    let sha1 = b"\x63\x05\x54\xb9\xc0\xa8\x17\x0f\x54\xe4\x18\xb0\x82\xbd\x02\xda\x53\x20\x17\x59";
    let sha1_info = [b"\x30\x21\x30\x09\x06\x05\x2b\x0e\x03\x02\x1a\x05\x00\x04\x14", &sha1[..]].concat();
    let infos = [
        (digest_info(Algorithm::Rs256, &sha256), "ok"),
        (digest_info(Algorithm::Rs384, &sha384), "bad_signature"),
        (digest_info(Algorithm::Rs512, &sha512), "bad_signature"),
        (sha1_info, "bad_signature"),
        (digest_info(Algorithm::Rs384, &sha256), "bad_signature"),
        (digest_info(Algorithm::Rs256, &sha384), "bad_signature"),
        (digest_info(Algorithm::Rs256, &sha384[..32]), "bad_signature"),
        (digest_info(Algorithm::Rs256, sha1), "bad_signature"),
    ];
    judge_all_infos(&DEV[0], &Danger::new(), infos);
}

#[test]
fn s09_a_signature_by_another_of_our_algorithms_is_wrong() {
    let (keys, forger) = one_key();
    for said in ALL {
        for done in ALL {
            let token = forger.token_by(done, &json!({ "alg": said.name(), "kid": "k" }), &json!({}));
            let expected = if said == done { "ok" } else { "bad_signature" };
            assert_eq!(verdict(&token, &keys), expected, "{done} as {said}");
        }
    }
}

#[test]
fn s10_a_pss_signature_is_none() {
    let forger = &DEV[0];
    let header = json!({ "alg": "RS256" });
    let signed = input(&header, &json!({}));
    let signature = forger.raw(&forger::pss_encoded(forger.size(), signed.as_bytes()));
    let hash = digest(Algorithm::Rs256, signed.as_bytes());
    assert!(forger.key.to_public_key().verify(rsa::Pss::<sha2::Sha256>::new(), &hash, &signature).is_ok());
    for backend in backends() {
        let keys = KeySet::parse(set_of(&[forger.jwk(json!({}))]).as_bytes(), &*backend).unwrap();
        let token = format!("{signed}.{}", base64url(&signature));
        assert_eq!(verdict(&token, &keys), "bad_signature", "{backend:?}");
    }
}

// Whose key it is

#[test]
fn s11_a_key_for_one_algorithm_judges_no_other() {
    let keys = key_set(&[DEV[0].jwk(json!({ "kid": "k", "alg": "RS384" }))]);
    for (algorithm, expected) in ALL.into_iter().zip(["unknown_key", "ok", "unknown_key"]) {
        for header in [json!({ "alg": algorithm.name(), "kid": "k" }), json!({ "alg": algorithm.name() })] {
            assert_eq!(
                verdict(&DEV[0].token_by(algorithm, &header, &json!({})), &keys),
                expected,
                "{header}"
            );
        }
    }
}

#[test]
fn s12_a_key_of_another_issuer_in_the_same_process_judges_nothing_here() {
    let (mut ours, mut theirs) = (World::new(), World::with(config_for("https://other.example")));
    theirs.provider.rotate_keys(false);
    let [our_kid, their_kid] = [&ours, &theirs].map(|world| world.provider.current_kid());
    assert_ne!(our_kid, their_kid);
    let access = |world: &World, iss: &str, kid: &str| {
        let header = json!({ "alg": "RS256", "typ": "at+jwt", "kid": kid });
        let claims = json!({ "iss": iss, "aud": "web", "sub": "ada", "client_id": "web", "jti": "1",
            "iat": START, "exp": START + 300 });
        world.provider.sign(&header, &claims)
    };
    let good = [access(&ours, ISSUER, &our_kid), access(&theirs, "https://other.example", &their_kid)];
    assert_eq!((ours.bearer(&good[0]).sub(), theirs.bearer(&good[1]).sub()), (Some("ada"), Some("ada")));
    assert_eq!(ours.bearer(&access(&theirs, ISSUER, &their_kid)).code(), "unknown_key");
    assert_eq!(ours.bearer(&access(&theirs, ISSUER, &our_kid)).code(), "bad_signature");
    assert_eq!(ours.bearer(&good[1]).code(), "claim_invalid");
}

#[test]
fn s13_a_key_that_the_token_brings_along_is_never_used() {
    let (keys, _) = one_key();
    let attacker = &DEV[1];
    for (kid, expected) in
        [(Some("k"), "bad_signature"), (None, "bad_signature"), (Some("theirs"), "unknown_key")]
    {
        for inner in ["k", "theirs"] {
            let mut header = json!({ "alg": "RS256", "jwk": attacker.jwk(json!({ "kid": inner })) });
            if let Some(kid) = kid {
                header["kid"] = kid.into();
            }
            assert_eq!(verdict(&attacker.token(&header, &json!({})), &keys), expected, "{header}");
        }
    }
    let header = merged(rs256(), json!({ "jwk": attacker.jwk(json!({})) }));
    assert_eq!(verdict(&DEV[0].token(&header, &json!({})), &keys), "ok", "it is as if it were not there");
}

#[test]
fn s14_an_address_of_keys_in_the_token_is_never_asked() {
    let mut world = World::new();
    let good = world.access_token();
    assert_eq!(world.bearer(&good).sub(), Some("ada"));
    world.fetched.clear();
    for name in ["jku", "x5u", "jwks_uri", "iss_jku"] {
        let header = json!({ "alg": "RS256", "typ": "at+jwt", "kid": world.provider.current_kid(),
            name: "https://attacker.example/keys" });
        let claims = json!({ "iss": ISSUER, "aud": "web", "sub": "ada", "client_id": "web", "jti": "1",
            "iat": START, "exp": START + 300 });
        let client = world.client();
        let forged = DEV[3].token(&header, &claims);
        assert_ne!(forged, world.provider.sign(&header, &claims), "the provider has another key");
        let (judged, asked) = carried_out(&mut world, |now| client.verify_access_token(&forged, now), same);
        assert_eq!((judged.unwrap_err().code(), asked), ("bad_signature", vec![]), "{name}");
        let genuine = world.provider.sign(&header, &claims);
        let (judged, asked) = carried_out(&mut world, |now| client.verify_access_token(&genuine, now), same);
        assert!(judged.is_ok() && asked.is_empty(), "{name}");
    }
    // A key of no known name is looked for, and at the provider alone.
    world.pass(10);
    let header =
        json!({ "alg": "RS256", "typ": "at+jwt", "kid": "x", "jku": "https://attacker.example/keys" });
    let forged = DEV[3].token(&header, &decoded_claims(&good));
    let client = world.client();
    let (judged, asked) = carried_out(&mut world, |now| client.verify_access_token(&forged, now), same);
    assert_eq!(judged.unwrap_err().code(), "unknown_key");
    assert_eq!(asked, [format!("{ISSUER}/jwks")]);
}

#[test]
fn s15_a_certificate_in_the_token_is_not_looked_at() {
    let (keys, forger) = one_key();
    let certificate = include_bytes!("vectors/dev-5.crt.der");
    let sha256 = base64url(&digest(Algorithm::Rs256, certificate));
    for members in [
        json!({ "x5c": [Base64::encode_string(certificate)] }),
        json!({ "x5c": [Base64::encode_string(certificate)], "x5t": "Aevv7hVJKxyJ0uoGRtFHKJG-KYY" }),
        json!({ "x5t#S256": sha256 }),
        json!({ "x5c": "no certificate", "x5t": 7 }),
    ] {
        let header = merged(rs256(), members);
        assert_eq!(verdict(&DEV[4].token(&header, &json!({})), &keys), "bad_signature", "{header}");
        assert_eq!(verdict(&forger.token(&header, &json!({})), &keys), "ok", "{header}");
    }
}

// Signatures

#[test]
fn s16_an_empty_signature_is_refused() {
    let (keys, _) = one_key();
    for header in [rs256(), json!({ "alg": "RS256" })] {
        assert_eq!(verdict(&format!("{}.", input(&header, &json!({}))), &keys), "bad_signature");
    }
}

#[test]
fn s17_a_signature_is_as_long_as_the_modulus() {
    // One that begins with a zero, so that leaving that out does not change the number.
    let (token, signature) = signatures(&DEV[0]).find(|(_, signature)| signature[0] == 0).unwrap();
    for backend in backends() {
        let keys = KeySet::parse(set_of(&[DEV[0].jwk(json!({}))]).as_bytes(), &*backend).unwrap();
        assert_eq!(verdict(&token, &keys), "ok");
        let all_but_one = signature.len() - 1;
        for wrong in [
            signature[1..].to_vec(),
            signature[..all_but_one].to_vec(),
            [&[0], &signature[..]].concat(),
            [&signature[..], &[0]].concat(),
            [&[0; 256], &signature[..]].concat(),
            [&signature[..], &[0; 256]].concat(),
            [&signature[..], &signature[..]].concat(),
            signature[..1].to_vec(),
            vec![0; 1025],
        ] {
            let token = with_signature(&token, &wrong);
            assert_eq!(verdict(&token, &keys), "bad_signature", "{backend:?}, {} bytes", wrong.len());
        }
    }
    // Before any backend is asked.
    let keys = KeySet::parse(set_of(&[DEV[0].jwk(json!({}))]).as_bytes(), &kit::Gullible).unwrap();
    for (length, expected) in
        [(0, "bad_signature"), (255, "bad_signature"), (256, "ok"), (257, "bad_signature")]
    {
        assert_eq!(verdict(&with_signature(&token, &vec![1; length]), &keys), expected, "{length}");
    }
}

#[test]
fn s18_a_number_that_is_none_of_a_signature_is_refused() {
    let forger = &DEV[0];
    let n = number(&forger.n());
    // One that has room for the modulus to be added.
    let fits = |signature: &[u8]| number(signature).wrapping_add(&n).to_be_bytes()[..8] == [0; 8];
    let (token, signature) = signatures(forger).find(|(_, signature)| fits(signature)).unwrap();
    let s = number(&signature);
    let one = number(&[1]);
    let numbers = [
        ("0", number(&[])),
        ("1", one.clone()),
        ("2", number(&[2])),
        ("n - 1", n.wrapping_sub(&one)),
        ("n", n.clone()),
        ("n + 1", n.wrapping_add(&one)),
        ("s + n", s.wrapping_add(&n)),
        ("n - s", n.wrapping_sub(&s)),
        ("s + 1", s.wrapping_add(&one)),
        ("s - 1", s.wrapping_sub(&one)),
        ("most", number(&[0xff; 256])),
    ];
    for backend in backends() {
        let keys = KeySet::parse(set_of(&[forger.jwk(json!({}))]).as_bytes(), &*backend).unwrap();
        assert_eq!(verdict(&token, &keys), "ok");
        assert_eq!(verdict(&with_signature(&token, &s.to_be_bytes()[8..]), &keys), "ok");
        for (name, number) in &numbers {
            let token = with_signature(&token, &number.to_be_bytes()[8..]);
            assert_eq!(verdict(&token, &keys), "bad_signature", "{backend:?}: {name}");
        }
    }
}

/// With the exponent 3 anybody can find a cube that begins as a signature should: nothing may follow the hash.
#[test]
fn s19_garbage_after_the_hash_is_refused() {
    for forger in [&*DEV[0], &*EXPONENT_3] {
        let info = right_info();
        let around = |padding: usize, info: &[u8], garbage: u8| {
            let mut encoded = padded(3 + padding + info.len(), info);
            encoded.resize(forger.size(), garbage);
            encoded
        };
        // The same before the octets, within the parameters.
        let mut parameters = [&info[..15], &[5, 60], &[0x55; 60], &info[17..]].concat();
        parameters[1] += 60;
        parameters[3] += 60;
        let encodings = vec![
            (padded(forger.size(), &info), "ok"),
            (around(8, &info, 0), "bad_signature"),
            (around(8, &info, 0x5a), "bad_signature"),
            (around(0, &info, 0xff), "bad_signature"),
            (around(forger.size() - 3 - info.len() - 1, &info, 1), "bad_signature"),
            (around(8, &parameters, 0), "bad_signature"),
            (padded(forger.size(), &parameters), "bad_signature"),
        ];
        judge_all_encodings(forger, &Danger::new().small_exponents(), encodings);
    }
}

#[test]
fn s20_padding_is_as_the_standard_writes_it() {
    let forger = &DEV[0];
    let info = right_info();
    let right = padded(forger.size(), &info);
    let separator = right.len() - info.len() - 1;
    let with = |changes: &[(usize, u8)]| {
        let mut encoded = right.clone();
        changes.iter().for_each(|(at, byte)| encoded[*at] = *byte);
        encoded
    };
    let mut encodings = vec![(right.clone(), "ok")];
    let mut wrong = vec![
        with(&[(1, 2)]),
        with(&[(1, 0)]),
        with(&[(0, 1)]),
        with(&[(0, 0x80)]),
        with(&[(separator, 0xff)]),
        with(&[(separator, 1)]),
        with(&[(separator - 1, 0)]),
        with(&[(2, 0)]),
        with(&[(2, 0xfe)]),
        with(&[(separator / 2, 0x7f)]),
        with(&[(separator - 1, 0xfe)]),
        with(&[(1, 0), (2, 1)]),
        with(&[(10, 0)]),
        [&padded(forger.size() - 1, &info)[1..], &[0, 0]].concat(),
        [&[0, 1], &vec![0; separator - 2][..], &[0], &info].concat(),
        // Eight bytes of padding, and what should be padding before them.
        [&vec![0; separator - 10][..], &padded(info.len() + 11, &info)[..]].concat(),
        // Nothing but the hash, and nothing at all.
        padded(forger.size(), &info[19..]),
        padded(forger.size(), &[]),
    ];
    // Each byte by itself.
    wrong.extend((0..right.len()).step_by(17).map(|at| with(&[(at, right[at] ^ 1)])));
    encodings.extend(wrong.into_iter().map(|encoding| (encoding, "bad_signature")));
    judge_all_encodings(forger, &Danger::new(), encodings);
}

#[test]
fn s21_a_digest_info_is_der_or_refused() {
    let hash = digest(Algorithm::Rs256, SIGNED.as_bytes());
    let oid = b"\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01".to_vec();
    let null = vec![5, 0];
    let octets = tlv(4, &hash);
    let name = tlv(0x30, &[&oid[..], &null].concat());
    let info = |name: &[u8], octets: &[u8]| tlv(0x30, &[name, octets].concat());
    let named = |oid: &[u8], null: &[u8]| info(&tlv(0x30, &[oid, null].concat()), &octets);
    let long = |tlv: &[u8], length: &[u8]| [&tlv[..1], length, &tlv[2..]].concat();
    let indefinite = |tlv: &[u8]| [&tlv[..1], &[0x80], &tlv[2..], &[0, 0]].concat();
    let right = info(&name, &octets);
    assert_eq!(right, right_info());
    let size = u8::try_from(right.len() - 2).unwrap();
    let mut infos = vec![(right.clone(), "ok")];
    infos.extend(
        [
            // Lengths in more bytes than they need, and without end.
            long(&right, &[0x81, size]),
            long(&right, &[0x82, 0, size]),
            long(&right, &[0x84, 0, 0, 0, size]),
            long(&right, &[0x80]),
            indefinite(&right),
            info(&long(&name, &[0x81, 13]), &octets),
            info(&indefinite(&name), &octets),
            info(&name, &long(&octets, &[0x81, 32])),
            named(&long(&oid, &[0x81, 9]), &null),
            named(&oid, &[5, 0x81, 0]),
            named(&oid, &[5, 0x80, 0, 0]),
            info(&name, &[&[0x24, 0x80][..], &octets, &[0, 0]].concat()),
            info(&name, &tlv(0x24, &octets)),
            // Lengths that are wrong.
            long(&right, &[size + 1]),
            long(&right, &[size - 1]),
            long(&right, &[0x85, 1, 0, 0, 0, size]),
            info(&name, &long(&octets, &[33])),
            info(&name, &long(&octets, &[31])),
            // More than there should be.
            info(&name, &[&octets[..], &[5, 0]].concat()),
            info(&name, &[&octets[..], &octets].concat()),
            named(&oid, &[5, 0, 5, 0]),
            named(&oid, &[5, 1, 0]),
            named(&oid, &[5, 0, 4, 4, 1, 2, 3, 4]),
            info(&[&[5, 0][..], &name].concat(), &octets),
            [&right[..], &[0, 0]].concat(),
            [&right[..], &right].concat(),
            [&[0, 0][..], &right].concat(),
            // Less.
            right[..right.len() - 1].to_vec(),
            right[1..].to_vec(),
            right[2..].to_vec(),
            info(&name, &tlv(4, &hash[..31])),
            info(&name, &[]),
            info(&[], &octets),
            named(&[], &null),
            octets.clone(),
            hash.clone(),
            // Tags of other types, and high ones.
            [&[0x31], &right[1..]].concat(),
            [&[0x10], &right[1..]].concat(),
            [&[0x3f, 0x10], &right[1..]].concat(),
            [&[0x3f, 0x80, 0x10], &right[1..]].concat(),
            info(&name, &[&[3], &octets[1..]].concat()),
            info(&name, &[&[0x1f, 4], &octets[1..]].concat()),
            named(&oid, &[4, 0]),
            named(&oid, &[0x1f, 5, 0]),
            named(&oid, &[0x85, 0]),
            named(&[&[0x1f, 6], &oid[1..]].concat(), &null),
            // Names of other things.
            named(b"\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02", &null),
            named(b"\x06\x0a\x60\x86\x48\x01\x65\x03\x04\x02\x80\x01", &null),
            named(b"\x06\x0a\x60\x86\x48\x01\x65\x03\x04\x02\x01\x00", &null),
            named(b"\x06\x08\x60\x86\x48\x01\x65\x03\x04\x02", &null),
        ]
        .map(|info| (info, "bad_signature")),
    );
    judge_all_infos(&DEV[0], &Danger::new(), infos);
}

#[test]
fn s22_a_digest_info_without_null_is_refused() {
    for algorithm in ALL {
        let header = json!({ "alg": algorithm.name() });
        let signed = input(&header, &json!({}));
        let right = digest_info(algorithm, &digest(algorithm, signed.as_bytes()));
        let mut without = [&right[..15], &right[17..]].concat();
        without[1] -= 2;
        without[3] -= 2;
        for backend in backends() {
            let keys = KeySet::parse(set_of(&[DEV[0].jwk(json!({}))]).as_bytes(), &*backend).unwrap();
            let token =
                |info: &[u8]| format!("{signed}.{}", base64url(&DEV[0].raw(&padded(DEV[0].size(), info))));
            assert_eq!(verdict(&token(&right), &keys), "ok", "{backend:?} {algorithm}");
            assert_eq!(verdict(&token(&without), &keys), "bad_signature", "{backend:?} {algorithm}");
        }
    }
}

/// Tokens made in the way of Wycheproof's files `json_web_signature`, `json_web_key` and `json_web_crypto`, by keys of our
/// own: what concerns RSA, by the numbers that it has there.
#[test]
fn s24_tokens_in_the_way_of_wycheproof_are_judged_as_labelled() {
    let forger = &DEV[0];
    let keys = key_set(&[forger.jwk(json!({ "kid": "kid-rsa-sign", "use": "sig", "alg": "RS256" }))]);
    let header = json!({ "alg": "RS256", "kid": "kid-rsa-sign" });
    let [header, payload] = [header.to_string().as_bytes(), b"foo"].map(base64url);
    let signature = base64url(&forger.sign(Algorithm::Rs256, format!("{header}.{payload}").as_bytes()));
    let other = base64url(json!({ "alg": "RS256", "kid": "Xid-rsa-sign" }).to_string().as_bytes());
    let none = base64url(json!({ "alg": "none", "kid": "kid-rsa-sign" }).to_string().as_bytes());
    let first = if signature.starts_with('X') { "Y" } else { "X" };
    for (number, token, expected) in [
        // json_web_signature, and of the same numbers in json_web_crypto
        (33, format!("{header}.{payload}.{signature}"), "ok"),
        (34, format!("{header}.{payload}.{first}{}", &signature[1..]), "bad_signature"),
        (35, format!("{header}.{payload}."), "bad_signature"),
        (36, format!("{header}.{payload}"), "malformed"),
        (37, format!("{header}.WG9v.{signature}"), "bad_signature"),
        (38, format!("{header}..{signature}"), "malformed"),
        (39, format!("{header}.{signature}"), "malformed"),
        (40, format!("{other}.{payload}.{signature}"), "unknown_key"),
        (41, format!(".{payload}.{signature}"), "malformed"),
        (42, format!("{payload}.{signature}"), "malformed"),
        (43, format!(".{payload}."), "malformed"),
        (44, payload.clone(), "malformed"),
        (45, String::new(), "malformed"),
        // The others' kinds of fault, with RSA
        (14, format!("{header}.{payload}.{signature}."), "malformed"),
        (15, format!("{header}.{payload}.{signature}.foo"), "malformed"),
        (16, format!("{none}.{payload}."), "algorithm_not_allowed"),
        (360, format!("{header}.{payload}.    {signature}"), "malformed"),
        (361, format!("{header}.{payload}.?{signature}"), "malformed"),
        (362, format!("{header}.{payload}.{signature}?"), "malformed"),
        (365, format!("{header}    .{payload}.{signature}"), "malformed"),
        (366, format!("{header}####.{payload}.{signature}"), "malformed"),
        (368, format!("{header}.    {payload}.{signature}"), "malformed"),
        (369, format!("{header}.####{payload}.{signature}"), "malformed"),
        (371, format!("{header}.?{payload}.{signature}"), "malformed"),
        // Labelled valid, as a lenient decoder skips what is no base64url: refused here.
        (372, format!("{header}?.{payload}.{signature}"), "malformed"),
        (373, format!("{header}.{payload}?.{signature}"), "malformed"),
    ] {
        assert_eq!(verdict(&token, &keys), expected, "{number}");
    }
    let token = format!("{header}.{payload}.{signature}");
    let general =
        json!({ "payload": payload, "signatures": [{ "protected": header, "signature": signature }] });
    assert_eq!(verdict(&general.to_string(), &keys), "malformed", "17");
    // What of the text a signature holds for is what was received: 374 to 377.
    for (number, header, payload, expected) in [
        (374, header.as_str(), "AB", "malformed"),
        (376, &base64url(b"{ \"kid\" : \"kid-rsa-sign\", \"alg\" : \"RS256\" }"), "VGVzdA", "ok"),
        (377, &base64url(b"{\"kid\":\"kid-rsa-sign\",\n\t\"alg\":\"RS256\"}"), "VGVzdA", "ok"),
    ] {
        let signed = format!("{header}.{payload}");
        let signature = base64url(&forger.sign(Algorithm::Rs256, signed.as_bytes()));
        assert_eq!(verdict(&format!("{signed}.{signature}"), &keys), expected, "{number}");
    }
    // json_web_key, and in json_web_signature as 349, 353 and 355: the set decides.
    for (number, members, expected) in [
        ("5", json!({ "alg": "RS256", "use": "sig" }), "ok"),
        ("349", json!({ "alg": "RS256", "key_ops": ["verify"] }), "ok"),
        ("6", json!({ "alg": "RSA1_5", "use": "enc" }), "unknown_key"),
        ("353", json!({ "use": "enc" }), "unknown_key"),
        ("355", json!({ "key_ops": ["encrypt"] }), "unknown_key"),
        ("8", json!({ "n": base64url(&odd_modulus(1024)) }), "unknown_key"),
        ("9", json!({ "e": "AQ" }), "unknown_key"),
        ("19", json!({ "alg": "RS512" }), "unknown_key"),
        ("20", json!({ "alg": "RS224" }), "unknown_key"),
        ("24", json!({ "kty": "EC" }), "unknown_key"),
    ] {
        let jwk = forger.jwk(merged(json!({ "kid": "kid-rsa-sign" }), members));
        assert_eq!(verdict(&token, &key_set(&[jwk])), expected, "{number}");
    }
}

// Key sets

#[test]
fn s25_a_key_under_2048_bits_is_skipped_and_the_others_work() {
    for bits in [512, 1024, 1536, 2040, 2047] {
        let weak = json!({ "kty": "RSA", "kid": "k", "e": "AQAB", "n": base64url(&odd_modulus(bits)) });
        let keys = key_set(&[weak, DEV[0].jwk(json!({ "kid": "k" }))]);
        assert_eq!(keys.skipped(), [SkippedKey { kid: Some("k".into()), reason: SkipReason::Size(bits) }]);
        assert_eq!(verdict(&DEV[0].token(&rs256(), &json!({})), &keys), "ok");
    }
    // Nothing lifts it.
    let weak = json!({ "kty": "RSA", "e": "AQAB", "n": base64url(&odd_modulus(2047)) });
    let danger = Danger::new().rsa_bits_up_to(8192).small_exponents();
    let keys = KeySet::parse_with(set_of(&[weak]).as_bytes(), &RustCrypto, &danger).unwrap();
    assert_eq!(keys.skipped()[0].reason, SkipReason::Size(2047));
}

#[test]
fn s26_a_key_over_4096_bits_is_skipped_unless_up_to_8192_are_asked_for() {
    let usual = Danger::new();
    let large = Danger::new().rsa_bits_up_to(8192);
    for (bits, danger, usable) in [
        (2048, usual, true),
        (4096, usual, true),
        (4097, usual, false),
        (8192, usual, false),
        (16384, usual, false),
        (4097, large, true),
        (8192, large, true),
        (8193, large, false),
        (16384, large, false),
        (4097, Danger::new().rsa_bits_up_to(4096), false),
        (4104, Danger::new().rsa_bits_up_to(4100), false),
        // More than 8192 cannot be asked for.
        (16384, Danger::new().rsa_bits_up_to(16384), false),
    ] {
        let jwk = json!({ "kty": "RSA", "e": "AQAB", "n": base64url(&odd_modulus(bits)) });
        for backend in backends() {
            let keys = KeySet::parse_with(set_of(std::slice::from_ref(&jwk)).as_bytes(), &*backend, &danger)
                .unwrap();
            assert_eq!(keys.len() == 1, usable, "{bits} bits, {backend:?}: {:?}", keys.skipped());
            if !usable {
                assert_eq!(keys.skipped()[0].reason, SkipReason::Size(bits));
            }
        }
    }
    for bits in [0, 2048, 4095, 8193, 16384] {
        let error = config().danger(Danger::new().rsa_bits_up_to(bits)).build().unwrap_err();
        assert_eq!(error.setting(), "danger", "{error}");
    }
}

#[test]
fn s27_an_exponent_that_makes_no_signature_is_skipped() {
    let n = number(&DEV[0].n());
    let small = Danger::new().small_exponents();
    for (exponent, reason) in [
        (vec![], SkipReason::Malformed),
        (vec![0], SkipReason::Malformed),
        (vec![1], SkipReason::Exponent),
        (vec![2], SkipReason::Exponent),
        (vec![4], SkipReason::Exponent),
        (vec![1, 0, 0], SkipReason::Exponent),
        (vec![1, 0, 2], SkipReason::Exponent),
        (vec![1, 0, 0, 0, 0], SkipReason::Exponent),
        (vec![1, 0, 0, 0, 0, 0, 1, 0, 1], SkipReason::Exponent),
        (DEV[0].n(), SkipReason::Exponent),
        (n.wrapping_add(number(&[2])).to_be_bytes()[8..].to_vec(), SkipReason::Exponent),
    ] {
        let jwk = DEV[0].jwk(json!({ "kid": "k", "e": base64url(&exponent) }));
        for danger in [Danger::new(), small] {
            let keys =
                KeySet::parse_with(set_of(std::slice::from_ref(&jwk)).as_bytes(), &RustCrypto, &danger)
                    .unwrap();
            let reasons: Vec<SkipReason> = keys.skipped().iter().map(|key| key.reason).collect();
            assert_eq!((keys.len(), reasons), (0, vec![reason]), "{exponent:?}");
        }
    }
    // Under 1 anybody signs: the signature is what it opens to.
    let jwk = DEV[0].jwk(json!({ "kid": "k", "e": "AQ" }));
    let signed = input(&rs256(), &json!({}));
    let info = digest_info(Algorithm::Rs256, &digest(Algorithm::Rs256, signed.as_bytes()));
    let token = format!("{signed}.{}", base64url(&padded(256, &info)));
    assert_eq!(verdict(&token, &key_set(&[jwk])), "unknown_key");
}

#[test]
fn s28_the_exponent_3_is_skipped_unless_small_ones_are_asked_for() {
    let jwk = EXPONENT_3.jwk(json!({ "kid": "k" }));
    assert_eq!(jwk["e"], "Aw");
    let token = EXPONENT_3.token(&rs256(), &json!({}));
    for backend in backends() {
        let set = set_of(std::slice::from_ref(&jwk));
        let keys = KeySet::parse(set.as_bytes(), &*backend).unwrap();
        assert_eq!((keys.len(), keys.skipped()[0].reason), (0, SkipReason::Exponent));
        assert_eq!(verdict(&token, &keys), "unknown_key");
        let keys = KeySet::parse_with(set.as_bytes(), &*backend, &Danger::new().small_exponents()).unwrap();
        assert_eq!(verdict(&token, &keys), "ok", "{backend:?}");
    }
}

#[test]
fn s29_an_exponent_over_2_to_the_33_is_skipped_before_it_costs_anything() {
    for (exponent, usable) in [
        (65_535, false),
        (65_537, true),
        (65_539, true),
        ((1 << 33) - 1, true),
        ((1_u64 << 33) + 1, false),
        (u64::MAX, false),
    ] {
        let bytes: Vec<u8> = exponent.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
        let jwk = DEV[0].jwk(json!({ "e": base64url(&bytes) }));
        for backend in backends() {
            for danger in [Danger::new(), Danger::new().rsa_bits_up_to(8192)] {
                let keys =
                    KeySet::parse_with(set_of(std::slice::from_ref(&jwk)).as_bytes(), &*backend, &danger)
                        .unwrap();
                assert_eq!(keys.len() == 1, usable, "{exponent}, {backend:?}: {:?}", keys.skipped());
                let reasons: Vec<SkipReason> = keys.skipped().iter().map(|key| key.reason).collect();
                assert_eq!(reasons, if usable { vec![] } else { vec![SkipReason::Exponent] }, "{exponent}");
            }
        }
    }
    // As long as the modulus, and a little less.
    for length in [9, 255, 256] {
        let backend = Recording::default();
        let jwk = DEV[0].jwk(json!({ "e": base64url(&vec![0x81; length]) }));
        let danger = Danger::new().small_exponents();
        let keys = KeySet::parse_with(set_of(&[jwk]).as_bytes(), &backend, &danger).unwrap();
        assert_eq!(keys.skipped()[0].reason, SkipReason::Exponent);
        assert!(backend.prepared.lock().unwrap().is_empty(), "the backend is not even asked");
    }
}

/// A modulus is looked at from outside: odd, and of a size that is taken. Whether it is well made is the provider's affair:
/// a forger who can publish a modulus can publish a good one of their own.
#[test]
fn s30_an_even_modulus_is_skipped_and_how_an_odd_one_was_made_is_not_checked() {
    let mut even = DEV[0].n();
    *even.last_mut().unwrap() -= 1;
    let mut power = vec![0; 256];
    power[0] = 0x80;
    for (n, reason) in [
        (vec![], SkipReason::Malformed),
        (vec![0], SkipReason::Malformed),
        (vec![0; 256], SkipReason::Malformed),
        (even, SkipReason::Modulus),
        (power, SkipReason::Modulus),
    ] {
        assert_eq!(skipped(&[DEV[0].jwk(json!({ "n": base64url(&n) }))]), [reason]);
    }
    // 3 times something, and a square.
    let third = number(&odd_modulus(2047));
    let small_factor = third.wrapping_add(&third).wrapping_add(&third);
    let prime = number(&[&[0xc1], &[0x5b; 127][..]].concat());
    let square = prime.wrapping_mul(&prime);
    for n in [small_factor, square] {
        let bytes: Vec<u8> = n.to_be_bytes().iter().copied().skip_while(|byte| *byte == 0).collect();
        assert_eq!(skipped(&[DEV[0].jwk(json!({ "n": base64url(&bytes) }))]), []);
    }
    for backend in backends() {
        let keys = KeySet::parse(set_of(&[ROCA.jwk(json!({ "kid": "k" }))]).as_bytes(), &*backend).unwrap();
        assert_eq!(verdict(&ROCA.token(&rs256(), &json!({})), &keys), "ok", "{backend:?}");
    }
}

#[test]
fn s31_a_number_that_is_not_written_as_the_standard_says_skips_its_key_alone() {
    let forger = &DEV[0];
    let n = base64url(&forger.n());
    let standard = Base64::encode_string(&forger.n());
    assert!(standard.contains(['+', '/']) && standard.ends_with('='));
    for member in [
        json!({ "n": base64url(&[&[0], &forger.n()[..]].concat()) }),
        json!({ "n": format!("{n}==") }),
        json!({ "n": format!("{n}=") }),
        json!({ "n": standard.trim_end_matches('=') }),
        json!({ "n": format!(" {n}") }),
        json!({ "n": format!("{n}\n") }),
        json!({ "n": "" }),
        json!({ "n": 5 }),
        json!({ "n": null }),
        json!({ "n": [n] }),
        json!({ "e": "AAEAAQ" }),
        json!({ "e": "AQAB==" }),
        json!({ "e": "AQAB=" }),
        json!({ "e": "" }),
        json!({ "e": 65537 }),
        json!({ "e": "65537" }),
        json!({ "e": true }),
        json!({ "e": null }),
    ] {
        let keys = key_set(&[forger.jwk(member.clone()), forger.jwk(json!({ "kid": "k" }))]);
        let reasons: Vec<SkipReason> = keys.skipped().iter().map(|key| key.reason).collect();
        assert_eq!((keys.len(), reasons), (1, vec![SkipReason::Malformed]), "{member}");
        assert_eq!(verdict(&forger.token(&rs256(), &json!({})), &keys), "ok");
    }
    for absent in ["n", "e"] {
        assert_eq!(skipped(&[kit::without(forger.jwk(json!({})), absent)]), [SkipReason::Malformed]);
    }
}

#[test]
fn s32_a_key_for_another_purpose_judges_nothing() {
    let token = DEV[0].token(&rs256(), &json!({}));
    for (members, reason) in [
        (json!({ "use": "enc" }), SkipReason::Purpose),
        (json!({ "use": "SIG" }), SkipReason::Purpose),
        (json!({ "use": "" }), SkipReason::Purpose),
        (json!({ "key_ops": ["encrypt"] }), SkipReason::Purpose),
        (json!({ "key_ops": ["sign"] }), SkipReason::Purpose),
        (json!({ "key_ops": [] }), SkipReason::Purpose),
        (json!({ "use": "sig", "key_ops": ["encrypt"] }), SkipReason::Purpose),
        (json!({ "use": "enc", "key_ops": ["verify"] }), SkipReason::Purpose),
        (json!({ "alg": "RSA-OAEP" }), SkipReason::Purpose),
        (json!({ "use": "sig", "alg": "ES256" }), SkipReason::Purpose),
        (json!({ "use": 1 }), SkipReason::Malformed),
        (json!({ "key_ops": "verify" }), SkipReason::Malformed),
        (json!({ "alg": ["RS256"] }), SkipReason::Malformed),
    ] {
        let jwk = DEV[0].jwk(merged(json!({ "kid": "k" }), members));
        assert_eq!(skipped(std::slice::from_ref(&jwk)), [reason], "{jwk}");
        assert_eq!(verdict(&token, &key_set(&[jwk])), "unknown_key");
    }
    for members in [
        json!({ "use": "sig" }),
        json!({ "key_ops": ["verify"] }),
        json!({ "use": "sig", "key_ops": ["sign", "verify"], "alg": "RS256" }),
    ] {
        let jwk = DEV[0].jwk(merged(json!({ "kid": "k" }), members));
        assert_eq!(verdict(&token, &key_set(&[jwk])), "ok");
    }
}

#[test]
fn s33_of_a_published_private_key_only_the_public_half_is_used() {
    let canary = "canary-private-member";
    let jwk = DEV[0].jwk(json!({
        "kid": "k", "d": canary, "p": canary, "q": canary, "dp": canary, "dq": canary, "qi": canary,
    }));
    let backend = Recording::default();
    let log = Log::default();
    let keys = tracing::subscriber::with_default(log.clone(), || {
        KeySet::parse(set_of(&[jwk]).as_bytes(), &backend).unwrap()
    });
    assert_eq!(verdict(&DEV[0].token(&rs256(), &json!({})), &keys), "ok");
    assert_eq!(*backend.prepared.lock().unwrap(), [(DEV[0].n(), vec![1, 0, 1])]);
    let lines = log.0.lock().unwrap().clone();
    assert!(
        lines.len() == 1 && lines[0].starts_with("WARN") && lines[0].contains("private key"),
        "{lines:?}"
    );
    let shown = format!("{keys:?} {:?} {lines:?}", keys.skipped());
    assert!(!shown.contains(canary), "{shown}");
    // A key without private members warns of nothing.
    let log = Log::default();
    tracing::subscriber::with_default(log.clone(), || key_set(&[DEV[0].jwk(json!({ "kid": "k" }))]));
    assert!(log.0.lock().unwrap().is_empty());
}

#[test]
fn s34_keys_of_other_types_and_broken_ones_are_skipped_and_the_rest_works() {
    let good = DEV[0].jwk(json!({ "kid": "k" }));
    let others = [
        (json!({ "kty": "oct", "kid": "k", "k": "c2VjcmV0" }), SkipReason::KeyType),
        (
            json!({ "kty": "EC", "kid": "k", "crv": "P-256", "x": "AA", "y": "AA" }),
            if cfg!(feature = "ecdsa") { SkipReason::Malformed } else { SkipReason::KeyType },
        ),
        (
            json!({ "kty": "OKP", "kid": "k", "crv": "Ed25519", "x": "AA" }),
            if cfg!(feature = "eddsa") { SkipReason::Malformed } else { SkipReason::KeyType },
        ),
        (json!({ "kty": "quantum" }), SkipReason::KeyType),
        (DEV[1].jwk(json!({ "kid": "k", "kty": "rsa" })), SkipReason::KeyType),
        (kit::without(DEV[1].jwk(json!({ "kid": "k" })), "kty"), SkipReason::KeyType),
        (DEV[1].jwk(json!({ "kid": "k", "kty": 7 })), SkipReason::Malformed),
        (DEV[1].jwk(json!({ "kid": 7 })), SkipReason::Malformed),
        (json!({}), SkipReason::KeyType),
        (json!([]), SkipReason::Malformed),
        (json!("RSA"), SkipReason::Malformed),
        (json!(null), SkipReason::Malformed),
        (json!(1), SkipReason::Malformed),
    ];
    let token = DEV[0].token(&rs256(), &json!({}));
    for (other, reason) in &others {
        for set in [[other.clone(), good.clone()], [good.clone(), other.clone()]] {
            assert_eq!(skipped(&set), [*reason], "{other}");
            assert_eq!(verdict(&token, &key_set(&set)), "ok", "{other}");
        }
    }
    let mut all: Vec<Value> = others.iter().map(|(other, _)| other.clone()).collect();
    all.push(good);
    let keys = key_set(&all);
    assert_eq!((keys.len(), keys.skipped().len()), (1, others.len()));
    assert_eq!(verdict(&token, &keys), "ok");
}

/// Each of them is tried, in their order, up to four.
#[test]
fn s35_keys_of_one_name_are_all_tried() {
    let all: Vec<Value> = DEV.iter().map(|forger| forger.jwk(json!({ "kid": "k" }))).collect();
    for (number, forger) in DEV.iter().enumerate() {
        let token = forger.token(&rs256(), &json!({}));
        let expected = if number < 4 { "ok" } else { "unknown_key" };
        assert_eq!(verdict(&token, &key_set(&all)), expected, "{number}");
        let backend = Recording::default();
        let keys = KeySet::parse(set_of(&all).as_bytes(), &backend).unwrap();
        let _ = verdict(&token, &keys);
        assert_eq!(backend.verified.load(Ordering::Relaxed), (number + 1).min(4));
    }
    // Who signs with a key of none of them is told nothing of how many there are.
    assert_eq!(verdict(&DEV[4].token(&rs256(), &json!({})), &key_set(&all[..2])), "bad_signature");
}

#[test]
fn s36_of_two_keys_of_one_name_the_one_for_signatures_is_used() {
    let [encrypts, signs] =
        [(&DEV[1], "enc"), (&DEV[0], "sig")].map(|(key, usage)| key.jwk(json!({ "kid": "k", "use": usage })));
    for set in [[encrypts.clone(), signs.clone()], [signs, encrypts]] {
        let keys = key_set(&set);
        assert_eq!(keys.len(), 1);
        assert_eq!(verdict(&DEV[0].token(&rs256(), &json!({})), &keys), "ok");
        assert_eq!(verdict(&DEV[1].token(&rs256(), &json!({})), &keys), "bad_signature");
    }
}

#[test]
fn s37_a_token_that_names_no_key_is_judged_by_the_only_one() {
    let header = json!({ "alg": "RS256" });
    for members in [json!({}), json!({ "kid": "k" }), json!({ "kid": "" })] {
        let keys = key_set(&[DEV[0].jwk(members)]);
        assert_eq!(verdict(&DEV[0].token(&header, &json!({})), &keys), "ok");
        assert_eq!(verdict(&DEV[1].token(&header, &json!({})), &keys), "bad_signature");
    }
    let (mut world, mut browser) = (World::new(), Browser::default());
    world.provider.set_fault(Some(Fault::KidAbsentSingleJwks));
    assert_eq!(browser.sign_in(&mut world).status(), 303);
    assert!(browser.has_session());
}

#[test]
fn s38_a_token_that_names_no_key_is_tried_by_up_to_four() {
    let header = json!({ "alg": "RS256" });
    for count in 1..=5 {
        let jwks: Vec<Value> = DEV[..count]
            .iter()
            .enumerate()
            .map(|(n, key)| key.jwk(json!({ "kid": n.to_string() })))
            .collect();
        let keys = key_set(&jwks);
        for (number, forger) in DEV.iter().enumerate() {
            let expected = match number {
                0..4 if number < count => "ok",
                // Not all were tried.
                _ if count > 4 => "unknown_key",
                _ => "bad_signature",
            };
            assert_eq!(verdict(&forger.token(&header, &json!({})), &keys), expected, "{number} of {count}");
        }
    }
    // Keys that do not fit take no one's place.
    let mut jwks: Vec<Value> = (1..5).map(|n| DEV[n].jwk(json!({ "alg": "RS512" }))).collect();
    jwks.push(DEV[0].jwk(json!({})));
    assert_eq!(verdict(&DEV[0].token(&header, &json!({})), &key_set(&jwks)), "ok");
    let (mut world, mut browser) = (World::new(), Browser::default());
    world.provider.set_fault(Some(Fault::KidAbsentMultipleJwks));
    assert_eq!(browser.sign_in(&mut world).status(), 303);
    assert!(browser.has_session());
}

#[test]
fn s39_a_crowd_of_keys_costs_four_operations_and_a_larger_one_is_no_set() {
    let crowd = |count: usize| {
        let keys: Vec<Value> = (0..count).map(|n| DEV[1].jwk(json!({ "kid": n.to_string() }))).collect();
        set_of(&keys)
    };
    let backend = Recording::default();
    let keys = KeySet::parse(crowd(64).as_bytes(), &backend).unwrap();
    assert_eq!(keys.len(), 64);
    assert_eq!(verdict(&DEV[0].token(&json!({ "alg": "RS256" }), &json!({})), &keys), "unknown_key");
    assert_eq!(backend.verified.load(Ordering::Relaxed), 4);
    let backend = Recording::default();
    for count in [65, 1000] {
        assert_eq!(
            KeySet::parse(crowd(count).as_bytes(), &backend).unwrap_err(),
            KeySetError::TooManyKeys,
            "{count}"
        );
    }
    assert!(backend.prepared.lock().unwrap().is_empty());
}

#[test]
fn s40_a_name_is_compared_byte_by_byte() {
    let keys = key_set(&[DEV[0].jwk(json!({ "kid": "Key-1" }))]);
    for (kid, expected) in [
        ("Key-1", "ok"),
        ("key-1", "unknown_key"),
        ("KEY-1", "unknown_key"),
        ("Key-", "unknown_key"),
        ("Key-10", "unknown_key"),
        ("ey-1", "unknown_key"),
        (" Key-1", "unknown_key"),
        ("Key-1 ", "unknown_key"),
        ("Key-1\0", "unknown_key"),
        ("Ke\u{301}y-1", "unknown_key"),
        ("", "unknown_key"),
    ] {
        let token = DEV[0].token(&json!({ "alg": "RS256", "kid": kid }), &json!({}));
        assert_eq!(verdict(&token, &keys), expected, "{kid:?}");
    }
}

#[test]
fn s41_a_name_is_only_looked_up() {
    let mut world = World::new();
    let good = world.access_token();
    assert_eq!(world.bearer(&good).sub(), Some("ada"));
    for kid in [
        "../../dev/null",
        "/dev/null",
        "..%2f..%2fetc%2fpasswd",
        "' OR '1'='1",
        "x'; DROP TABLE keys; --",
        "https://attacker.example/keys",
        "?kid=1&x=2#y",
        "a\r\nHost: attacker.example",
        "${jndi:ldap://attacker.example}",
        "|/bin/true",
    ] {
        world.pass(10);
        let header = json!({ "alg": "RS256", "typ": "at+jwt", "kid": kid });
        let token = world.provider.sign(&header, &decoded_claims(&good));
        let client = world.client();
        let (judged, asked) = carried_out(&mut world, |now| client.verify_access_token(&token, now), same);
        assert_eq!(judged.unwrap_err(), TokenError::UnknownKey, "{kid}");
        assert!(asked.iter().all(|asked| *asked == format!("{ISSUER}/jwks")), "{kid}: {asked:?}");
        assert!(asked.len() <= 1, "{kid}: {asked:?}");
    }
}

#[test]
fn s42_a_set_with_two_lists_is_refused_and_a_key_with_two_moduli_is_skipped() {
    let [first, second] = [&DEV[0], &DEV[1]].map(|key| key.jwk(json!({ "kid": "k" })));
    for twice in [
        format!(r#"{{"keys":[{first}],"keys":[{second}]}}"#),
        format!(r#"{{"keys":[{first}],"k\u0065ys":[{first}]}}"#),
    ] {
        let refused = KeySet::parse(twice.as_bytes(), &RustCrypto).unwrap_err();
        assert_eq!(refused, KeySetError::Malformed(Malformation::DuplicateMember));
        // A set that is held stays.
        let mut world = World::new();
        let token = world.access_token();
        assert_eq!(world.bearer(&token).sub(), Some("ada"));
        world.pass(700);
        let client = world.client();
        let (renewed, asked) = carried_out(
            &mut world,
            |now| client.renew_keys(now),
            |path, response| {
                if path == "/jwks" { response.map(|_| twice.clone().into_bytes()) } else { response }
            },
        );
        assert!(asked.contains(&format!("{ISSUER}/jwks")));
        assert!(client.key_status(world.now).reason.is_some(), "{:?}", renewed.0);
        assert_eq!(world.bearer(&token).sub(), Some("ada"));
    }
    let inner = second.to_string();
    for member in ["n", "e", "kty", "kid", "use", "x"] {
        let value = second.get(member).cloned().unwrap_or_else(|| "sig".into());
        let broken = format!(r#"{{"{member}":{value},"{member}":{value},{}"#, &inner[1..]);
        let keys =
            KeySet::parse(format!(r#"{{"keys":[{broken},{first}]}}"#).as_bytes(), &RustCrypto).unwrap();
        let reasons: Vec<SkipReason> = keys.skipped().iter().map(|key| key.reason).collect();
        assert_eq!((keys.len(), reasons), (1, vec![SkipReason::Malformed]), "{member}");
        assert_eq!(verdict(&DEV[0].token(&rs256(), &json!({})), &keys), "ok");
        assert_eq!(verdict(&DEV[1].token(&rs256(), &json!({})), &keys), "bad_signature");
    }
}

#[test]
fn s43_a_signature_is_of_this_header_and_this_payload() {
    let (keys, forger) = one_key();
    let one = forger.token(&rs256(), &json!({ "sub": "ada" }));
    let two = forger.token(&merged(rs256(), json!({ "typ": "at+jwt" })), &json!({ "sub": "grace" }));
    let ([h1, p1, s1], [h2, p2, s2]) = (segments(&one), segments(&two));
    for (header, payload, signature, expected) in [
        (h1, p1, s1, "ok"),
        (h2, p2, s2, "ok"),
        (h1, p2, s1, "bad_signature"),
        (h2, p1, s1, "bad_signature"),
        (h2, p2, s1, "bad_signature"),
        (h1, p1, s2, "bad_signature"),
        (p1, h1, s1, "malformed"),
    ] {
        assert_eq!(verdict(&format!("{header}.{payload}.{signature}"), &keys), expected);
    }
    // The dot is signed too: text does not wander from one segment into the other.
    let moved = format!("{}.{}{p1}.{s1}", &h1[..h1.len() - 4], &h1[h1.len() - 4..]);
    assert_ne!(verdict(&moved, &keys), "ok");
}

/// Claims come out of an `Ok` alone, and nothing else makes them.
#[test]
fn s44_there_are_no_claims_but_out_of_a_verdict() {
    const _: fn(&TokenRules, &str, &KeySet, UnixTime) -> Result<Claims, TokenError> = TokenRules::verify;
    // Does not compile if `Claims` can be made of nothing, of a map, or of text.
    let _: fn() = <Claims as NotMade<_>>::not_made;
    let (keys, _) = one_key();
    let claims = merged(kit::id_claims(), json!({ "sub": "canary-subject" }));
    let error = id_rules().verify(&DEV[1].token(&rs256(), &claims), &keys, at(NOW)).unwrap_err();
    assert_eq!(error, TokenError::BadSignature);
    assert!(!format!("{error:?} {error}").contains("canary"));
    // A flow that nobody carries out is no verdict either, and the compiler says so.
    let step = sources::read("core/src/step.rs");
    let before = step.split("pub enum Step<").next().unwrap();
    assert!(before.trim_end().rsplit("\n\n").next().unwrap().contains("#[must_use = "), "{before}");
}

trait NotMade<Ambiguous> {
    fn not_made() {}
}
struct Made<const WAY: u8>;
impl<T> NotMade<()> for T {}
impl<T: Default> NotMade<Made<0>> for T {}
impl<T: serde::de::DeserializeOwned> NotMade<Made<1>> for T {}
impl<T: From<serde_json::Map<String, Value>>> NotMade<Made<2>> for T {}
impl<T: From<Value>> NotMade<Made<3>> for T {}
impl<T: std::str::FromStr> NotMade<Made<4>> for T {}

// What it is made of

/// A signature of a hash that others have computed verifies only where our hash is the same. The lengths are those at
/// which blocks end.
#[test]
fn s45_the_hashes_of_messages_of_many_blocks_are_the_published_ones() {
    let forger = &DEV[0];
    let mut judged = 0;
    for line in include_str!("vectors/sha2.txt").lines() {
        let [bits, length, hex] = line.split(' ').collect::<Vec<_>>().try_into().unwrap();
        let message = vec![b'a'; length.parse().unwrap()];
        let algorithm = Algorithm::from_name(&format!("RS{bits}")).unwrap();
        let published: Vec<u8> =
            (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
        let mut other = published.clone();
        *other.last_mut().unwrap() ^= 1;
        let [right, wrong] =
            [published, other].map(|hash| forger.raw(&padded(forger.size(), &digest_info(algorithm, &hash))));
        for backend in backends() {
            let key =
                backend.prepare(&PublicKey::Rsa(RsaComponents { n: &forger.n(), e: &[1, 0, 1] })).unwrap();
            assert!(key.verify(algorithm, &message, &right), "{backend:?}, {algorithm}, {length} bytes");
            assert!(!key.verify(algorithm, &message, &wrong), "{backend:?}, {algorithm}, {length} bytes");
        }
        judged += 1;
    }
    assert_eq!(judged, 69);
    // Two that everybody knows, so that the file is no other.
    for known in [
        "256 0 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "256 1000000 cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
    ] {
        assert!(include_str!("vectors/sha2.txt").lines().any(|line| line == known));
    }
}

#[test]
fn s46_a_token_that_was_accepted_is_refused_once_its_key_is_gone_or_its_time_is_up() {
    for remember in [None, Some(Remember::new().max_age(std::time::Duration::from_secs(100_000)))] {
        let world = || {
            let config = config().bearer(&[AccessToken::AtJwt]);
            World::with(match remember {
                Some(remember) => config.remember_tokens(remember),
                None => config,
            })
        };
        let mut withdrawn = world();
        let token = withdrawn.access_token();
        for _ in 0..3 {
            assert_eq!(withdrawn.bearer(&token).sub(), Some("ada"));
        }
        withdrawn.provider.rotate_keys(false);
        withdrawn.pass(700);
        let client = withdrawn.client();
        assert!(withdrawn.run(|now| client.renew_keys(now)).0.is_ok());
        let answer = withdrawn.bearer(&token);
        assert_eq!((answer.status(), answer.code().as_str()), (401, "unknown_key"), "{remember:?}");

        let mut expired = world();
        let token = expired.access_token();
        let exp = decoded_claims(&token)["exp"].as_u64().unwrap();
        assert_eq!(expired.bearer(&token).sub(), Some("ada"));
        expired.pass(exp + 59 - START);
        assert_eq!(expired.bearer(&token).sub(), Some("ada"), "within the leeway");
        expired.pass(1);
        let answer = expired.bearer(&token);
        assert_eq!((answer.status(), answer.code().as_str()), (401, "expired"), "{remember:?}");
    }
}

/// `rsa` is not constant in time where keys are private (RUSTSEC-2023-0071): it only ever sees public ones.
#[test]
fn s47_p14_no_private_key_of_rsa_is_within_reach() {
    let folders = ["core/src", "io-blocking/src", "io-tokio/src"];
    let private = [
        "PrivateKey",
        "SigningKey",
        "DecryptingKey",
        "DecodePrivate",
        "EncodePrivate",
        "PrivateKeyParts",
        "SecretPrime",
        "RandomizedSigner",
        "Signer",
        "Pkcs1v15Encrypt",
        "hazmat",
        "pkcs1::",
        "pkcs8",
        "oaep",
        "Oaep",
        ".sign(",
        ".sign_with_rng(",
        ".try_sign(",
        ".decrypt_blinded(",
    ];
    let files = sources::rust_files(&folders);
    let mut of_rsa = Vec::new();
    for file in &files {
        let code = sources::code_of(file);
        // Who does not name the crate gets no key of it; the client's own keys are signers of somebody else's.
        if code.lines().any(|line| line.trim_start().starts_with("use rsa") || line.contains("rsa::")) {
            for name in private {
                assert!(!code.contains(name), "{} has {name}", file.display());
            }
            of_rsa.push((file.file_name().unwrap().to_str().unwrap().to_owned(), code));
        }
    }
    assert!(files.len() > 40, "{files:?}");
    let [(name, code)] = &of_rsa[..] else { panic!("the backend alone knows `rsa`: {of_rsa:?}") };
    assert_eq!(name, "rust_crypto.rs");
    // All that is taken from it.
    let uses: Vec<&str> = code.lines().filter(|line| line.contains("rsa::")).collect();
    assert_eq!(
        uses,
        [
            "use rsa::pss::Pss;",
            "use rsa::traits::PublicKeyParts;",
            "use rsa::{BoxedUint, PublicKey, pkcs1v15::Pkcs1v15Sign};"
        ]
    );
    // The drivers and examples cannot have it from anywhere else.
    for manifest in ["io-blocking/Cargo.toml", "io-tokio/Cargo.toml"] {
        let text = sources::read(manifest);
        assert!(!text.lines().any(|line| line.starts_with("rsa.") || line.starts_with("rsa ")), "{manifest}");
    }
}

// What the tests have in common

/// The signing input of `{"alg":"RS256"}` and `{}`.
const SIGNED: &str = "eyJhbGciOiJSUzI1NiJ9.e30";

/// What a right RS256 signature of [`SIGNED`] says.
fn right_info() -> Vec<u8> {
    digest_info(Algorithm::Rs256, &digest(Algorithm::Rs256, SIGNED.as_bytes()))
}

fn judge_all_infos(
    forger: &Forger,
    danger: &Danger,
    infos: impl IntoIterator<Item = (Vec<u8>, &'static str)>,
) {
    let encodings = infos.into_iter().map(|(info, expected)| (padded(forger.size(), &info), expected));
    judge_all_encodings(forger, danger, encodings);
}

/// Signatures of [`SIGNED`] that open to these, and what every backend must say.
fn judge_all_encodings(
    forger: &Forger,
    danger: &Danger,
    encodings: impl IntoIterator<Item = (Vec<u8>, &'static str)>,
) {
    let set = set_of(&[forger.jwk(json!({}))]);
    let all =
        backends().into_iter().map(|backend| KeySet::parse_with(set.as_bytes(), &*backend, danger).unwrap());
    let all: Vec<KeySet> = all.collect();
    for (number, (encoding, expected)) in encodings.into_iter().enumerate() {
        let token = format!("{SIGNED}.{}", base64url(&forger.raw(&encoding)));
        for keys in &all {
            assert_eq!(verdict(&token, keys), expected, "{number}: {encoding:02x?}");
        }
    }
}

fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    [&[tag, u8::try_from(content.len()).unwrap()], content].concat()
}

fn set_of(jwks: &[Value]) -> String {
    json!({ "keys": jwks }).to_string()
}

/// As many tokens as one likes, each with its signature.
fn signatures(forger: &Forger) -> impl Iterator<Item = (String, Vec<u8>)> {
    (0..10_000).map(|number| {
        let token = forger.token(&json!({ "alg": "RS256" }), &json!({ "n": number }));
        let signature = decoded(segments(&token)[2]);
        (token, signature)
    })
}

fn by_hmac(name: &str, secret: &[u8]) -> String {
    let input = input(&json!({ "alg": name, "typ": "at+jwt", "kid": "k" }), &access_claims());
    format!("{input}.{}", base64url(&hmac(name, secret, input.as_bytes())))
}

/// A number with room for 8 bytes more than 2048 bits have.
fn number(bytes: &[u8]) -> BoxedUint {
    BoxedUint::from_be_slice(bytes, 2112).unwrap()
}

/// An odd number of so many bits, whose factors nobody knows.
fn odd_modulus(bits: usize) -> Vec<u8> {
    let mut n = vec![0xa5; bits.div_ceil(8)];
    let top = bits - (n.len() - 1) * 8;
    n[0] = 1 << (top - 1);
    n
}

fn decoded_claims(token: &str) -> Value {
    serde_json::from_slice(&decoded(segments(token)[1])).unwrap()
}

type Response = http::Response<Vec<u8>>;

fn same(_: &str, response: Response) -> Response {
    response
}

/// A JSON answer with another member.
fn changed(response: Response, name: &str, value: Value) -> Response {
    response.map(|body| {
        let mut json: Value = serde_json::from_slice(&body).unwrap();
        json[name] = value;
        json.to_string().into_bytes()
    })
}

/// What a flow comes to at a provider whose answers are changed on their way, and the addresses that were asked.
fn carried_out<T>(
    world: &mut World,
    flow: impl FnOnce(UnixTime) -> Step<T>,
    change: impl Fn(&str, Response) -> Response,
) -> (T, Vec<String>) {
    let mut asked = Vec::new();
    let mut step = flow(world.now);
    loop {
        step = match step {
            Step::Done(value) => return (value, asked),
            Step::Fetch(fetch, reply) => {
                let uri = fetch.request.uri().clone();
                asked.push(uri.to_string());
                let result: FetchResult = world.send(fetch).map(|response| change(uri.path(), response));
                reply.resume(result, world.now)
            }
            Step::Wait(duration, wake) => {
                world.now = world.now.saturating_add(duration);
                wake.resume(world.now)
            }
            other => panic!("no store is needed: {other:?}"),
        };
    }
}

/// The code of a sign-in, or `ok`.
fn sign_in(world: &mut World, change: impl Fn(&str, Response) -> Response) -> &'static str {
    let client = world.client();
    let begin = |now| client.begin_login(LoginOptions::default(), now);
    let redirect = match carried_out(world, begin, &change).0 {
        Ok(redirect) => redirect,
        Err(error) => return error.code(),
    };
    let request = http::Request::get(&redirect.url[url::Position::BeforePath..]).body(Vec::new()).unwrap();
    let response = world.provider.answer(request, world.now.as_secs()).response;
    let location = url::Url::parse(response.headers()["location"].to_str().unwrap()).unwrap();
    let callback = Callback::parse(location.query().unwrap()).unwrap();
    let finish = |now| client.finish_login(redirect.login, callback, now);
    carried_out(world, finish, &change).0.map_or_else(|error| error.code(), |_| "ok")
}

/// The pure Rust backend, and what it was given: the keys, and how many signatures.
#[derive(Debug, Default)]
struct Recording {
    prepared: Mutex<Vec<(Vec<u8>, Vec<u8>)>>,
    verified: Arc<AtomicUsize>,
}

struct RecordedKey {
    key: Box<dyn PreparedKey>,
    verified: Arc<AtomicUsize>,
}

impl Verifier for Recording {
    fn prepare(&self, key: &PublicKey<'_>) -> Option<Box<dyn PreparedKey>> {
        if let PublicKey::Rsa(key) = key {
            self.prepared.lock().unwrap().push((key.n.to_vec(), key.e.to_vec()));
        }
        let verified = Arc::clone(&self.verified);
        Some(Box::new(RecordedKey { key: RustCrypto.prepare(key)?, verified }))
    }
}

impl PreparedKey for RecordedKey {
    fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        self.verified.fetch_add(1, Ordering::Relaxed);
        self.key.verify(algorithm, message, signature)
    }
}

/// What is logged, a line for each event.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl tracing::Subscriber for Log {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn event(&self, event: &tracing::Event<'_>) {
        let mut line = event.metadata().level().to_string();
        let mut write =
            |_: &tracing::field::Field, value: &dyn std::fmt::Debug| line += &format!(" {value:?}");
        event.record(&mut write);
        self.0.lock().unwrap().push(line);
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}
