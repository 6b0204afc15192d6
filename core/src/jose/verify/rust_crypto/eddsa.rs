//! EdDSA with Ed25519, by the crate `ed25519-dalek`.

use ed25519_dalek::{Signature, VerifyingKey};

use super::{Algorithm, PreparedKey};

struct Ed25519(VerifyingKey);

/// `None` for what is no point, and for a point of small order, of which a signature can be right for many messages.
pub(super) fn prepare(x: &[u8; 32]) -> Option<Box<dyn PreparedKey>> {
    let key = VerifyingKey::from_bytes(x).ok()?;
    if key.is_weak() { None } else { Some(Box::new(Ed25519(key))) }
}

impl PreparedKey for Ed25519 {
    fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        algorithm == Algorithm::EdDsa
            && Signature::from_slice(signature)
                .is_ok_and(|signature| self.0.verify_strict(message, &signature).is_ok())
    }
}
