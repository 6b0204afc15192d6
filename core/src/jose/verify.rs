//! Signatures, behind a small seam: a key is prepared once, when its set is parsed, and then verifies messages.
//!
//! The type of the key, `kid`, `alg`, the length of the signature and, of RSA, the size and the exponent are checked before
//! the backend is asked.

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
    /// Prepares a key; `None` if the backend cannot use it: a point that is not on its curve, a type that it does not know.
    fn prepare(&self, key: &PublicKey<'_>) -> Option<Box<dyn PreparedKey>>;
}

/// A key that is ready to verify.
pub trait PreparedKey: Send + Sync {
    /// Whether `signature` is one of `message`. The algorithm is one of the key's type, and the signature as long as that
    /// asks for: as the modulus, or 64 bytes (P-256, Ed25519) or 96 (P-384).
    fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool;
}

/// A public key. More types come with features.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum PublicKey<'a> {
    /// For RSASSA-PKCS1-v1_5 ([RFC 8017 section 8.2.2](https://www.rfc-editor.org/rfc/rfc8017#section-8.2.2)) and, with the
    /// feature `rsa-pss`, RSASSA-PSS ([section 8.1.2](https://www.rfc-editor.org/rfc/rfc8017#section-8.1.2)). Its size and
    /// exponent have been checked.
    Rsa(RsaComponents<'a>),
    /// A point for ES256, which may lie off the curve
    /// ([RFC 7518 section 6.2.1](https://www.rfc-editor.org/rfc/rfc7518#section-6.2.1)).
    #[cfg(feature = "ecdsa")]
    P256 {
        /// The x coordinate, big-endian.
        x: &'a [u8; 32],
        /// The y coordinate.
        y: &'a [u8; 32],
    },
    /// A point for ES384, likewise.
    #[cfg(feature = "ecdsa")]
    P384 {
        /// The x coordinate, big-endian.
        x: &'a [u8; 48],
        /// The y coordinate.
        y: &'a [u8; 48],
    },
    /// An encoded point for EdDSA, which may be none
    /// ([RFC 8032 section 5.1.2](https://www.rfc-editor.org/rfc/rfc8032#section-5.1.2)).
    #[cfg(feature = "eddsa")]
    Ed25519(&'a [u8; 32]),
}

/// An RSA public key, big-endian without leading zeros.
#[derive(Debug, Clone, Copy)]
pub struct RsaComponents<'a> {
    /// The modulus.
    pub n: &'a [u8],
    /// The public exponent.
    pub e: &'a [u8],
}

/// The point as both backends read it
/// ([SEC 1 section 2.3.3](https://www.secg.org/sec1-v2.pdf)): uncompressed.
#[cfg(all(feature = "ecdsa", any(feature = "rsa", feature = "aws-lc-rs")))]
fn uncompressed(x: &[u8], y: &[u8]) -> Vec<u8> {
    [&[4], x, y].concat()
}
