//! The algorithms of other families than RS256: which key serves which of them, and what is no signature or no key.
#![cfg(all(feature = "rsa", feature = "rsa-pss", feature = "ecdsa", feature = "eddsa"))]

#[path = "signatures/forger.rs"]
#[allow(dead_code, reason = "the other part of it is another test's")]
mod forger;
mod kit;

use ed25519_dalek::Signer;
use forger::{DEV, EXPONENT_3, Forger, base64url, input, pss_encoded};
use kit::{NOW, access_claims, access_rules, at, merged, without};
use oidc_core::config::{Config, Danger};
use oidc_core::jose::{Algorithm, KeySet, PublicKey, RsaComponents, RustCrypto, SkipReason, Verifier};
use oidc_core::token::verify_signature;
use serde_json::{Value, json};

fn backends() -> Vec<Box<dyn Verifier>> {
    vec![
        Box::new(RustCrypto),
        #[cfg(feature = "aws-lc-rs")]
        Box::new(oidc_core::jose::AwsLc),
    ]
}

/// Who signs: a key of each type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Rsa,
    P256,
    P384,
    Ed25519,
}

const EVERYBODY: [By; 4] = [By::Rsa, By::P256, By::P384, By::Ed25519];

/// What each can sign.
const PAIRS: [(By, Algorithm); 5] = [
    (By::Rsa, Algorithm::Rs256),
    (By::Rsa, Algorithm::Ps256),
    (By::P256, Algorithm::Es256),
    (By::P384, Algorithm::Es384),
    (By::Ed25519, Algorithm::EdDsa),
];

const ALL: [Algorithm; 9] = [
    Algorithm::Rs256,
    Algorithm::Rs384,
    Algorithm::Rs512,
    Algorithm::Ps256,
    Algorithm::Ps384,
    Algorithm::Ps512,
    Algorithm::Es256,
    Algorithm::Es384,
    Algorithm::EdDsa,
];

fn p256(scalar: u16) -> p256::ecdsa::SigningKey {
    let mut bytes = [0; 32];
    bytes[30..].copy_from_slice(&scalar.to_be_bytes());
    p256::ecdsa::SigningKey::from_slice(&bytes).unwrap()
}

fn p384(scalar: u16) -> p384::ecdsa::SigningKey {
    let mut bytes = [0; 48];
    bytes[46..].copy_from_slice(&scalar.to_be_bytes());
    p384::ecdsa::SigningKey::from_slice(&bytes).unwrap()
}

fn ed25519() -> ed25519_dalek::SigningKey {
    ed25519_dalek::SigningKey::from_bytes(&[7; 32])
}

fn ec_jwk(crv: &str, uncompressed: &[u8]) -> Value {
    let (x, y) = uncompressed[1..].split_at(uncompressed.len() / 2);
    json!({ "kty": "EC", "crv": crv, "x": base64url(x), "y": base64url(y) })
}

impl By {
    /// The public half, under the name `k`, with these members besides or in place of its own.
    fn jwk(self, members: Value) -> Value {
        let jwk = match self {
            Self::Rsa => DEV[0].jwk(json!({})),
            Self::P256 => ec_jwk("P-256", p256(5).verifying_key().to_sec1_point(false).as_bytes()),
            Self::P384 => ec_jwk("P-384", p384(5).verifying_key().to_sec1_point(false).as_bytes()),
            Self::Ed25519 => {
                let x = base64url(ed25519().verifying_key().as_bytes());
                json!({ "kty": "OKP", "crv": "Ed25519", "x": x })
            }
        };
        merged(merged(jwk, json!({ "kid": "k" })), members)
    }

    fn sign(self, algorithm: Algorithm, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Rsa if algorithm == Algorithm::Ps256 => DEV[0].raw(&pss_encoded(DEV[0].size(), message)),
            Self::Rsa => DEV[0].sign(algorithm, message),
            Self::P256 => signed_by_p256(message).to_bytes().to_vec(),
            Self::P384 => {
                let signature: p384::ecdsa::Signature = p384(5).sign(message);
                signature.to_bytes().to_vec()
            }
            Self::Ed25519 => ed25519().sign(message).to_bytes().to_vec(),
        }
    }

    /// An access token with a right signature of this algorithm, whatever the header says.
    fn token(self, algorithm: Algorithm, alg: &str) -> String {
        let input = input(&json!({ "alg": alg, "kid": "k", "typ": "at+jwt" }), &access_claims());
        format!("{input}.{}", base64url(&self.sign(algorithm, input.as_bytes())))
    }
}

fn signed_by_p256(message: &[u8]) -> p256::ecdsa::Signature {
    p256(5).sign(message)
}

fn key_set(jwks: &[Value], backend: &dyn Verifier) -> KeySet {
    KeySet::parse(json!({ "keys": jwks }).to_string().as_bytes(), backend).unwrap()
}

/// Why each key was skipped.
fn skipped(jwks: &[Value], backend: &dyn Verifier) -> Vec<SkipReason> {
    key_set(jwks, backend).skipped().iter().map(|key| key.reason).collect()
}

/// The code of a refusal, or `ok`, when every algorithm is allowed.
fn verdict(token: &str, keys: &KeySet) -> &'static str {
    verify_signature(token, &ALL, keys).map_or_else(|error| error.code(), |_| "ok")
}

// Which algorithms are taken

#[test]
fn an_algorithm_is_taken_where_it_is_allowed_and_nowhere_else() {
    for backend in backends() {
        for (by, algorithm) in PAIRS {
            let keys = key_set(&[by.jwk(json!({}))], &*backend);
            let token = by.token(algorithm, algorithm.name());
            let rules = access_rules().algorithms(&[algorithm]).unwrap();
            assert_eq!(rules.verify(&token, &keys, at(NOW)).unwrap().sub(), Some("ada"), "{algorithm}");
            let others: Vec<Algorithm> = ALL.into_iter().filter(|other| *other != algorithm).collect();
            for (allowed, code) in [(&[algorithm][..], "ok"), (&others, "algorithm_not_allowed")] {
                let judged = verify_signature(&token, allowed, &keys);
                assert_eq!(
                    judged.map_or_else(|error| error.code(), |_| "ok"),
                    code,
                    "{backend:?}, {algorithm}"
                );
            }
            let by_default = access_rules().verify(&token, &keys, at(NOW)).map(|_| ());
            let code = by_default.map_or_else(|error| error.code(), |()| "ok");
            let expected = if algorithm == Algorithm::Rs256 { "ok" } else { "algorithm_not_allowed" };
            assert_eq!(code, expected, "{algorithm}");
        }
    }
}

#[test]
fn an_algorithm_that_no_feature_brings_is_refused_by_its_name() {
    let keys = key_set(&EVERYBODY.map(|by| by.jwk(json!({}))), &RustCrypto);
    for name in
        ["ES512", "ES256K", "Ed448", "Ed25519", "EDDSA", "eddsa", "es256", "PS1", "PS2560", "HS256", "none"]
    {
        assert_eq!(Algorithm::from_name(name), None, "{name}");
        for (by, algorithm) in PAIRS {
            assert_eq!(verdict(&by.token(algorithm, name), &keys), "algorithm_not_allowed", "{name}");
        }
    }
}

#[test]
fn the_setting_takes_the_names_of_the_features() {
    let with = |algorithms: &'static str| {
        Config::from_vars(|name| match name {
            "OIDC_ISSUER" => Some("https://op.example".to_owned()),
            "OIDC_CLIENT_ID" => Some("web".to_owned()),
            "OIDC_REDIRECT_URI" => Some("https://rp.example/callback".to_owned()),
            "OIDC_ALGORITHMS" => Some(algorithms.to_owned()),
            _ => None,
        })
    };
    assert!(with("PS256,PS384,PS512,ES256,ES384,EdDSA").is_ok());
    let known = "RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA";
    for wrong in ["ES512", "ES256,Ed448"] {
        let error = with(wrong).unwrap_err().to_string();
        assert_eq!(error, format!("OIDC_ALGORITHMS: is none of {known}: {wrong:?}"));
    }
}

// Which key serves which algorithm

#[test]
fn of_keys_of_one_name_the_one_of_the_algorithms_type_is_used() {
    let jwks = EVERYBODY.map(|by| by.jwk(json!({})));
    for backend in backends() {
        let all = key_set(&jwks, &*backend);
        assert_eq!(all.len(), 4);
        for (by, algorithm) in PAIRS {
            let token = by.token(algorithm, algorithm.name());
            assert_eq!(verdict(&token, &all), "ok", "{backend:?}, {algorithm}");
            let others: Vec<Value> =
                EVERYBODY.into_iter().filter(|other| *other != by).map(|by| by.jwk(json!({}))).collect();
            assert_eq!(verdict(&token, &key_set(&others, &*backend)), "unknown_key", "{algorithm}");
        }
    }
}

#[test]
fn a_signature_by_a_key_of_another_type_is_none() {
    for backend in backends() {
        let all = key_set(&EVERYBODY.map(|by| by.jwk(json!({}))), &*backend);
        for (by, algorithm) in PAIRS {
            let own = key_set(&[by.jwk(json!({}))], &*backend);
            for claimed in ALL.into_iter().filter(|claimed| *claimed != algorithm) {
                let token = by.token(algorithm, claimed.name());
                assert_eq!(verdict(&token, &all), "bad_signature", "{algorithm} as {claimed}");
                // A key of RSA serves both families of RSA, but no signature of the one is of the other.
                let name = claimed.name();
                let same_type = by == By::Rsa && (name.starts_with("RS") || name.starts_with("PS"));
                let code = if same_type { "bad_signature" } else { "unknown_key" };
                assert_eq!(verdict(&token, &own), code, "{backend:?}, {algorithm} as {claimed}");
            }
        }
    }
}

#[test]
fn a_key_that_is_pinned_to_one_algorithm_serves_no_other() {
    for (by, algorithm) in PAIRS {
        let token = by.token(algorithm, algorithm.name());
        for pinned in ALL {
            let jwk = by.jwk(json!({ "alg": pinned.name() }));
            let can = PAIRS.contains(&(by, pinned))
                || (by == By::Rsa && (pinned.name().starts_with("RS") || pinned.name().starts_with("PS")));
            let reasons = if can { vec![] } else { vec![SkipReason::Purpose] };
            assert_eq!(skipped(std::slice::from_ref(&jwk), &RustCrypto), reasons, "{jwk}");
            let code = if pinned == algorithm { "ok" } else { "unknown_key" };
            assert_eq!(
                verdict(&token, &key_set(&[jwk], &RustCrypto)),
                code,
                "{algorithm}, pinned to {pinned}"
            );
        }
    }
}

#[test]
fn a_key_of_any_type_for_another_purpose_judges_nothing() {
    for by in EVERYBODY {
        for members in
            [json!({ "use": "enc" }), json!({ "key_ops": ["deriveKey"] }), json!({ "alg": "ECDH-ES" })]
        {
            assert_eq!(skipped(&[by.jwk(members)], &RustCrypto), [SkipReason::Purpose], "{by:?}");
        }
        let usable = json!({ "use": "sig", "key_ops": ["verify"], "d": "c2VjcmV0" });
        assert_eq!(skipped(&[by.jwk(usable)], &RustCrypto), [], "{by:?}");
    }
}

/// A key set asks for nothing of the kind; a program may.
#[test]
fn a_prepared_key_knows_the_algorithms_of_its_type_alone() {
    let (n, e) = (DEV[0].n(), DEV[0].e());
    let (small_n, small_e) = (EXPONENT_3.n(), EXPONENT_3.e());
    let point = p256(5).verifying_key().to_sec1_point(false);
    let (x, y) = point.as_bytes()[1..].split_at(32);
    let ed25519 = ed25519().verifying_key();
    for backend in backends() {
        for (by, key) in [
            (By::Rsa, PublicKey::Rsa(RsaComponents { n: &n, e: &e })),
            (By::Rsa, PublicKey::Rsa(RsaComponents { n: &small_n, e: &small_e })),
            (By::P256, PublicKey::P256 { x: x.try_into().unwrap(), y: y.try_into().unwrap() }),
            (By::Ed25519, PublicKey::Ed25519(ed25519.as_bytes())),
        ] {
            let prepared = backend.prepare(&key).unwrap();
            for (_, algorithm) in PAIRS.into_iter().filter(|(other, _)| *other != by) {
                let own = PAIRS.into_iter().find(|(own, _)| *own == by).unwrap().1;
                let signature = by.sign(own, b"message");
                assert!(
                    !prepared.verify(algorithm, b"message", &signature),
                    "{backend:?}, {key:?}, {algorithm}"
                );
            }
        }
    }
}

// What is no signature

#[test]
fn a_signature_of_rsassa_pss_has_one_salt_and_one_hash() {
    let small = Danger::new().small_exponents();
    for forger in [&DEV[0], &EXPONENT_3] as [&Forger; 2] {
        let token = |name: &str| {
            let input = input(&json!({ "alg": name }), &json!({}));
            let signature = forger.raw(&pss_encoded(forger.size(), input.as_bytes()));
            format!("{input}.{}", base64url(&signature))
        };
        for backend in backends() {
            let set = json!({ "keys": [forger.jwk(json!({}))] }).to_string();
            let keys = KeySet::parse_with(set.as_bytes(), &*backend, &small).unwrap();
            assert_eq!(verdict(&token("PS256"), &keys), "ok", "{backend:?}");
            for other in ["PS384", "PS512", "RS256"] {
                assert_eq!(verdict(&token(other), &keys), "bad_signature", "{backend:?}, {other}");
            }
        }
    }
}

#[test]
fn a_signature_of_another_length_or_form_is_refused() {
    for backend in backends() {
        for (by, algorithm) in PAIRS {
            let keys = key_set(&[by.jwk(json!({}))], &*backend);
            let token = by.token(algorithm, algorithm.name());
            let input = token.rsplit_once('.').unwrap().0;
            let right = by.sign(algorithm, input.as_bytes());
            let (first, second) = right.split_at(right.len() / 2);
            for wrong in [
                vec![],
                vec![0],
                right[1..].to_vec(),
                right[..right.len() - 1].to_vec(),
                first.to_vec(),
                [&right[..], &[0]].concat(),
                [&[0], &right[..]].concat(),
                [&right[..], &right[..]].concat(),
                [&[0], first, &[0], second].concat(),
                [second, first].concat(),
                vec![0; right.len()],
                vec![0xff; right.len()],
            ] {
                let token = format!("{input}.{}", base64url(&wrong));
                assert_eq!(verdict(&token, &keys), "bad_signature", "{backend:?}, {algorithm}, {wrong:?}");
            }
            for changed in [0, right.len() / 2, right.len() - 1] {
                let mut wrong = right.clone();
                wrong[changed] ^= 1;
                let token = format!("{input}.{}", base64url(&wrong));
                assert_eq!(
                    verdict(&token, &keys),
                    "bad_signature",
                    "{backend:?}, {algorithm}, byte {changed}"
                );
            }
        }
    }
}

/// The order of P-256 ([FIPS 186-4, D.1.2.3](https://doi.org/10.6028/NIST.FIPS.186-4)).
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc,
    0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

#[test]
fn numbers_of_ecdsa_are_between_zero_and_the_order() {
    for backend in backends() {
        let keys = key_set(&[By::P256.jwk(json!({}))], &*backend);
        let token = By::P256.token(Algorithm::Es256, "ES256");
        let input = token.rsplit_once('.').unwrap().0;
        let right = By::P256.sign(Algorithm::Es256, input.as_bytes());
        let (r, s) = right.split_at(32);
        let zero = [0; 32];
        for (r, s) in
            [(&zero[..], &zero[..]), (r, &zero), (&zero, s), (&ORDER, s), (r, &ORDER), (&ORDER, &ORDER)]
        {
            let token = format!("{input}.{}", base64url(&[r, s].concat()));
            assert_eq!(verdict(&token, &keys), "bad_signature", "{backend:?}, {r:?} {s:?}");
        }
    }
}

/// RFC 7518 section 3.4 wants the two numbers one after the other, as long as the order each.
#[test]
fn a_signature_of_ecdsa_in_der_is_refused() {
    let token = By::P256.token(Algorithm::Es256, "ES256");
    let input = token.rsplit_once('.').unwrap().0;
    let right = By::P256.sign(Algorithm::Es256, input.as_bytes());
    let (r, s) = right.split_at(32);
    let integer = |number: &[u8]| {
        let sign: &[u8] = if number[0] < 0x80 { &[] } else { &[0] };
        [&[2, (sign.len() + number.len()) as u8], sign, number].concat()
    };
    let numbers = [integer(r), integer(s)].concat();
    let der = [&[0x30, numbers.len() as u8], &numbers[..]].concat();
    // The same by a signer that had nothing else to sign than what fits.
    let as_long_as_it_should_be = [&der[..62], &[0, 0]].concat();
    for backend in backends() {
        let keys = key_set(&[By::P256.jwk(json!({}))], &*backend);
        for wrong in [&der, &as_long_as_it_should_be] {
            assert_eq!(
                verdict(&format!("{input}.{}", base64url(wrong)), &keys),
                "bad_signature",
                "{backend:?}"
            );
        }
    }
}

/// Of `s` and its negative both are right, and RFC 7518 asks for neither: one token of ECDSA has two texts.
#[test]
fn both_forms_of_a_signature_of_ecdsa_are_taken() {
    let token = By::P256.token(Algorithm::Es256, "ES256");
    let input = token.rsplit_once('.').unwrap().0;
    let right = signed_by_p256(input.as_bytes());
    let (r, s) = right.split_scalars();
    let other = p256::ecdsa::Signature::from_scalars(r, -*s).unwrap();
    assert_ne!(right, other);
    for backend in backends() {
        let keys = key_set(&[By::P256.jwk(json!({}))], &*backend);
        for signature in [right, other] {
            let token = format!("{input}.{}", base64url(&signature.to_bytes()));
            assert_eq!(verdict(&token, &keys), "ok", "{backend:?}");
        }
    }
}

// What is no key

#[test]
fn a_coordinate_is_as_long_as_the_curve_asks_for() {
    for backend in backends() {
        for by in [By::P256, By::P384, By::Ed25519] {
            let jwk = by.jwk(json!({}));
            for name in ["x", "y"].into_iter().filter(|name| jwk.get(name).is_some()) {
                let bytes = kit::decoded(jwk[name].as_str().unwrap());
                for wrong in [
                    json!(""),
                    json!(base64url(&bytes[1..])),
                    json!(base64url(&bytes[..bytes.len() - 1])),
                    json!(base64url(&[&[0], &bytes[..]].concat())),
                    json!(base64url(&[&bytes[..], &[0]].concat())),
                    json!(format!("{}=", jwk[name].as_str().unwrap())),
                    json!(format!(" {}", jwk[name].as_str().unwrap())),
                    json!(7),
                    json!([jwk[name]]),
                    json!(null),
                ] {
                    let jwk = merged(jwk.clone(), json!({ name: wrong }));
                    let reasons = skipped(std::slice::from_ref(&jwk), &*backend);
                    assert_eq!(reasons, [SkipReason::Malformed], "{jwk}");
                }
                let reasons = skipped(&[without(jwk.clone(), name)], &*backend);
                assert_eq!(reasons, [SkipReason::Malformed], "{by:?} without {name}");
            }
        }
    }
}

/// One key of 256 has such a coordinate, and JOSE libraries have dropped the zero.
#[test]
fn the_leading_zero_of_a_coordinate_stays() {
    let key =
        (1..).map(p256).find(|key| key.verifying_key().to_sec1_point(false).as_bytes()[1] == 0).unwrap();
    let point = key.verifying_key().to_sec1_point(false);
    let jwk = ec_jwk("P-256", point.as_bytes());
    let dropped = merged(jwk.clone(), json!({ "x": base64url(&point.as_bytes()[2..33]) }));
    let input = input(&json!({ "alg": "ES256" }), &json!({}));
    let signature: p256::ecdsa::Signature = key.sign(input.as_bytes());
    let token = format!("{input}.{}", base64url(&signature.to_bytes()));
    for backend in backends() {
        assert_eq!(verdict(&token, &key_set(std::slice::from_ref(&jwk), &*backend)), "ok", "{backend:?}");
        assert_eq!(
            skipped(std::slice::from_ref(&dropped), &*backend),
            [SkipReason::Malformed],
            "{backend:?}"
        );
    }
}

#[test]
fn a_point_that_is_not_on_the_curve_is_no_key() {
    for backend in backends() {
        for (by, length) in [(By::P256, 32), (By::P384, 48)] {
            let (zero, most) = (base64url(&vec![0; length]), base64url(&vec![0xff; length]));
            let jwk = by.jwk(json!({}));
            for members in [
                json!({ "x": jwk["y"], "y": jwk["x"] }),
                json!({ "y": jwk["x"] }),
                json!({ "x": zero, "y": zero }),
                json!({ "y": zero }),
                json!({ "x": most }),
                json!({ "y": most }),
            ] {
                let jwk = by.jwk(members);
                assert_eq!(skipped(std::slice::from_ref(&jwk), &*backend), [SkipReason::Backend], "{jwk}");
            }
        }
    }
}

/// About half of all texts are no point. The other backend takes them for keys, by which nothing is right.
#[test]
fn what_is_no_point_of_ed25519_verifies_nothing() {
    let token = By::Ed25519.token(Algorithm::EdDsa, "EdDSA");
    let keys =
        (0..20).map(|first| By::Ed25519.jwk(json!({ "x": base64url(&[&[first][..], &[0; 31]].concat()) })));
    let keys: Vec<Value> = keys.collect();
    for backend in backends() {
        for jwk in &keys {
            let code = verdict(&token, &key_set(std::slice::from_ref(jwk), &*backend));
            assert!(["unknown_key", "bad_signature"].contains(&code), "{backend:?}, {jwk}: {code}");
        }
    }
    let refused = keys.chunks(1).filter(|jwk| skipped(jwk, &RustCrypto) == [SkipReason::Backend]).count();
    assert!((5..=15).contains(&refused), "{refused}");
}

/// Of points of small order, 1 and 0 are those with the least y.
#[test]
fn a_key_of_small_order_is_none_for_the_backend_in_rust() {
    for first in [0, 1] {
        let jwk = By::Ed25519.jwk(json!({ "x": base64url(&[&[first][..], &[0; 31]].concat()) }));
        assert_eq!(skipped(&[jwk], &RustCrypto), [SkipReason::Backend], "{first}");
    }
}

#[test]
fn a_curve_of_another_type_or_none_at_all_is_skipped_and_the_rest_works() {
    for (by, algorithm) in PAIRS {
        if by == By::Rsa {
            continue;
        }
        let own = by.jwk(json!({}));
        for crv in ["P-521", "secp256k1", "P-224", "p-256", "Ed448", "X25519", "ed25519", ""] {
            let other = by.jwk(json!({ "crv": crv }));
            let jwks = [other, own.clone()];
            assert_eq!(skipped(&jwks, &RustCrypto), [SkipReason::Curve], "{by:?}, {crv}");
            let token = by.token(algorithm, algorithm.name());
            assert_eq!(verdict(&token, &key_set(&jwks, &RustCrypto)), "ok", "{by:?}, {crv}");
        }
        assert_eq!(skipped(&[without(own.clone(), "crv")], &RustCrypto), [SkipReason::Curve]);
        assert_eq!(skipped(&[by.jwk(json!({ "crv": 256 }))], &RustCrypto), [SkipReason::Malformed]);
        let exchanged = if by == By::Ed25519 { "EC" } else { "OKP" };
        assert_eq!(skipped(&[by.jwk(json!({ "kty": exchanged }))], &RustCrypto), [SkipReason::Curve]);
        for kty in ["ec", "okp", "EC2", "AKP"] {
            assert_eq!(skipped(&[by.jwk(json!({ "kty": kty }))], &RustCrypto), [SkipReason::KeyType]);
        }
    }
    // Coordinates of the other curve are too short or too long.
    for (by, crv) in [(By::P256, "P-384"), (By::P384, "P-256")] {
        assert_eq!(skipped(&[by.jwk(json!({ "crv": crv }))], &RustCrypto), [SkipReason::Malformed]);
    }
}
