//! ECDSA, by the crates `p256` and `p384`.
//!
//! Both forms of a signature, `s` and its negative, are right
//! ([RFC 7518 section 3.4](https://www.rfc-editor.org/rfc/rfc7518#section-3.4)): who holds a token can make a second text of it.

use p256::ecdsa::signature::Verifier as _;

use super::{Algorithm, PreparedKey};

struct P256(p256::ecdsa::VerifyingKey);

struct P384(p384::ecdsa::VerifyingKey);

/// `None` for a point that is not on the curve.
pub(super) fn prepare_p256(x: &[u8; 32], y: &[u8; 32]) -> Option<Box<dyn PreparedKey>> {
    let point = super::super::uncompressed(x, y);
    Some(Box::new(P256(p256::ecdsa::VerifyingKey::from_sec1_bytes(&point).ok()?)))
}

/// `None` for a point that is not on the curve.
pub(super) fn prepare_p384(x: &[u8; 48], y: &[u8; 48]) -> Option<Box<dyn PreparedKey>> {
    let point = super::super::uncompressed(x, y);
    Some(Box::new(P384(p384::ecdsa::VerifyingKey::from_sec1_bytes(&point).ok()?)))
}

impl PreparedKey for P256 {
    fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        algorithm == Algorithm::Es256
            && p256::ecdsa::Signature::from_slice(signature)
                .is_ok_and(|signature| self.0.verify(message, &signature).is_ok())
    }
}

impl PreparedKey for P384 {
    fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        algorithm == Algorithm::Es384
            && p384::ecdsa::Signature::from_slice(signature)
                .is_ok_and(|signature| self.0.verify(message, &signature).is_ok())
    }
}
