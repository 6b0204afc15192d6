//! Three implementations must agree about every signature: ours, `rsa`'s own, and aws-lc. The fuzz target `signature` and
//! core's test `corpus` share it.
//!
//! The first byte chooses the key, the second the algorithm, the third what the others are: `e` edits of what a right
//! signature opens to, `s` edits of the signature (two bytes of place, one to be put there), `p` what stands behind the
//! padding, and anything else the signature itself. The keys are known, so anything can be given a signature that opens
//! to it.

use oidc_core::jose::{Algorithm, AwsLc, PreparedKey, PublicKey, RsaComponents, RustCrypto, Verifier};
use rsa::pkcs1v15::Pkcs1v15Sign;
use sha2::{Sha256, Sha384, Sha512};

use crate::forger::{DEV, EXPONENT_3, Forger, digest, digest_info, padded};

const ALGORITHMS: [Algorithm; 3] = [Algorithm::Rs256, Algorithm::Rs384, Algorithm::Rs512];
const MESSAGE: &[u8] = b"header.payload";

/// Checks that all agree, and tells whether they take the signature.
///
/// # Panics
/// If one does not agree.
pub(crate) fn check(input: &[u8]) -> bool {
    let [key, algorithm, manner, bytes @ ..] = input else { return false };
    let forger = match DEV.get(usize::from(*key % 6)) {
        Some(forger) => forger,
        None => &EXPONENT_3,
    };
    let algorithm = ALGORITHMS[usize::from(*algorithm % 3)];
    let right = digest_info(algorithm, &digest(algorithm, MESSAGE));
    let signature = match manner {
        b'e' => forger.raw(&below_the_modulus(edited(padded(forger.size(), &right), bytes))),
        b's' => edited(forger.sign(algorithm, MESSAGE), bytes),
        b'p' => forger.raw(&padded(forger.size(), &bytes[..bytes.len().min(forger.size() - 3)])),
        _ => (0..forger.size()).map(|at| bytes.get(at).copied().unwrap_or_default()).collect(),
    };
    let verdicts = [
        ours(forger, &RustCrypto).verify(algorithm, MESSAGE, &signature),
        ours(forger, &AwsLc).verify(algorithm, MESSAGE, &signature),
        by_rsa_itself(forger, algorithm, &signature),
    ];
    assert!(verdicts.iter().all(|verdict| *verdict == verdicts[0]), "ours, aws-lc, rsa: {verdicts:?}");
    verdicts[0]
}

/// A first byte of zero keeps any number below a modulus of all bits.
fn below_the_modulus(mut encoded: Vec<u8>) -> Vec<u8> {
    encoded[0] &= 0x3f;
    encoded
}

fn edited(mut bytes: Vec<u8>, edits: &[u8]) -> Vec<u8> {
    for edit in edits.chunks_exact(3) {
        let place = usize::from(u16::from_be_bytes([edit[0], edit[1]])) % bytes.len();
        bytes[place] = edit[2];
    }
    bytes
}

fn ours(forger: &Forger, backend: &dyn Verifier) -> Box<dyn PreparedKey> {
    let (n, e) = (forger.n(), forger.e());
    backend.prepare(&PublicKey::Rsa(RsaComponents { n: &n, e: &e })).expect("the key is one")
}

fn by_rsa_itself(forger: &Forger, algorithm: Algorithm, signature: &[u8]) -> bool {
    let scheme = match algorithm {
        Algorithm::Rs256 => Pkcs1v15Sign::new::<Sha256>(),
        Algorithm::Rs384 => Pkcs1v15Sign::new::<Sha384>(),
        _ => Pkcs1v15Sign::new::<Sha512>(),
    };
    forger.key.as_public_key().verify(scheme, &digest(algorithm, MESSAGE), signature).is_ok()
}
