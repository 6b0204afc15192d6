//! RSA signatures, behind a small seam: a key is prepared once, when its set is parsed, and then verifies messages.
//!
//! Length, exponent, `kid` and `alg` are checked before the backend is asked.

use std::fmt;

use super::Algorithm;

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

/// The pure Rust backend: the crates `rsa` and `sha2`.
#[cfg(feature = "rsa")]
#[derive(Debug, Clone, Copy, Default)]
pub struct RustCrypto;

#[cfg(feature = "rsa")]
mod rust_crypto {
    use rsa::{BoxedUint, PublicKey, pkcs1v15::Pkcs1v15Sign};
    use sha2::{Digest, Sha256, Sha384, Sha512};

    use super::{Algorithm, PreparedKey, RsaComponents, RustCrypto, Verifier};

    struct Prepared(PublicKey);

    impl Verifier for RustCrypto {
        fn prepare(&self, key: &RsaComponents<'_>) -> Option<Box<dyn PreparedKey>> {
            let n = BoxedUint::from_be_slice_vartime(key.n);
            let e = BoxedUint::from_be_slice_vartime(key.e);
            let key = PublicKey::new_with_size_limits(n, e, 2048..=8192).ok()?;
            Some(Box::new(Prepared(key)))
        }
    }

    impl PreparedKey for Prepared {
        fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
            let verified = match algorithm {
                Algorithm::Rs256 => {
                    self.0.verify(Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(message), signature)
                }
                Algorithm::Rs384 => {
                    self.0.verify(Pkcs1v15Sign::new::<Sha384>(), &Sha384::digest(message), signature)
                }
                Algorithm::Rs512 => {
                    self.0.verify(Pkcs1v15Sign::new::<Sha512>(), &Sha512::digest(message), signature)
                }
            };
            verified.is_ok()
        }
    }
}
