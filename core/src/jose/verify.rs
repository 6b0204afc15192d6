//! RSA signatures, behind a small seam: a key is prepared once, when its set is parsed, and then verifies messages.
//!
//! Length, exponent, `kid` and `alg` are checked before the backend is asked.

#[cfg(feature = "aws-lc-rs")]
mod aws_lc;
#[cfg(feature = "rsa")]
mod rust_crypto;

use std::fmt;

use super::Algorithm;

#[cfg(feature = "aws-lc-rs")]
pub use aws_lc::AwsLc;
#[cfg(feature = "rsa")]
pub use rust_crypto::RustCrypto;

/// A signature backend.
pub trait Verifier: Send + Sync + fmt::Debug {
    /// Prepares a key whose size and exponent have been checked; `None` if the backend cannot use it.
    fn prepare(&self, key: &RsaComponents<'_>) -> Option<Box<dyn PreparedKey>>;
}

/// A key that is ready to verify.
pub trait PreparedKey: Send + Sync {
    /// Whether `signature` is one of `message` under RSASSA-PKCS1-v1_5
    /// ([RFC 8017 section 8.2.2](https://www.rfc-editor.org/rfc/rfc8017#section-8.2.2)).
    /// It is exactly as long as the modulus.
    fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool;
}

/// An RSA public key, big-endian without leading zeros.
#[derive(Debug, Clone, Copy)]
pub struct RsaComponents<'a> {
    /// The modulus.
    pub n: &'a [u8],
    /// The public exponent.
    pub e: &'a [u8],
}
