//! The crate `aws-lc-rs`.

#[cfg(feature = "eddsa")]
use aws_lc_rs::signature::ED25519;
#[cfg(feature = "ecdsa")]
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED};
use aws_lc_rs::signature::{
    ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512,
    RsaParameters, RsaPublicKeyComponents,
};
#[cfg(feature = "rsa-pss")]
use aws_lc_rs::signature::{RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512};

use super::{Algorithm, PreparedKey, PublicKey, RsaComponents, Verifier};

/// The fastest backend: the crate `aws-lc-rs` 1.19, which brings C and assembler.
#[derive(Debug, Clone, Copy, Default)]
pub struct AwsLc;

impl Verifier for AwsLc {
    fn prepare(&self, key: &PublicKey<'_>) -> Option<Box<dyn PreparedKey>> {
        match key {
            PublicKey::Rsa(key) => Some(Box::new(Rsa::prepare(key)?)),
            #[cfg(feature = "ecdsa")]
            PublicKey::P256 { x, y } => {
                let point = super::uncompressed(*x, *y);
                let key = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).ok()?;
                Some(Box::new(One(Algorithm::Es256, key)))
            }
            #[cfg(feature = "ecdsa")]
            PublicKey::P384 { x, y } => {
                let point = super::uncompressed(*x, *y);
                let key = ParsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point).ok()?;
                Some(Box::new(One(Algorithm::Es384, key)))
            }
            #[cfg(feature = "eddsa")]
            PublicKey::Ed25519(x) => {
                Some(Box::new(One(Algorithm::EdDsa, ParsedPublicKey::new(&ED25519, x).ok()?)))
            }
        }
    }
}

/// An RSA key, once for each algorithm.
struct Rsa {
    rs256: ParsedPublicKey,
    rs384: ParsedPublicKey,
    rs512: ParsedPublicKey,
    #[cfg(feature = "rsa-pss")]
    ps256: ParsedPublicKey,
    #[cfg(feature = "rsa-pss")]
    ps384: ParsedPublicKey,
    #[cfg(feature = "rsa-pss")]
    ps512: ParsedPublicKey,
}

impl Rsa {
    fn prepare(RsaComponents { n, e }: &RsaComponents<'_>) -> Option<Self> {
        let key = RsaPublicKeyComponents { n, e };
        let prepare = |parameters: &'static RsaParameters| key.to_parsed_public_key(parameters).ok();
        Some(Self {
            rs256: prepare(&RSA_PKCS1_2048_8192_SHA256)?,
            rs384: prepare(&RSA_PKCS1_2048_8192_SHA384)?,
            rs512: prepare(&RSA_PKCS1_2048_8192_SHA512)?,
            #[cfg(feature = "rsa-pss")]
            ps256: prepare(&RSA_PSS_2048_8192_SHA256)?,
            #[cfg(feature = "rsa-pss")]
            ps384: prepare(&RSA_PSS_2048_8192_SHA384)?,
            #[cfg(feature = "rsa-pss")]
            ps512: prepare(&RSA_PSS_2048_8192_SHA512)?,
        })
    }
}

impl PreparedKey for Rsa {
    fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        let key = match algorithm {
            Algorithm::Rs256 => &self.rs256,
            Algorithm::Rs384 => &self.rs384,
            Algorithm::Rs512 => &self.rs512,
            #[cfg(feature = "rsa-pss")]
            Algorithm::Ps256 => &self.ps256,
            #[cfg(feature = "rsa-pss")]
            Algorithm::Ps384 => &self.ps384,
            #[cfg(feature = "rsa-pss")]
            Algorithm::Ps512 => &self.ps512,
            #[cfg(any(feature = "ecdsa", feature = "eddsa"))]
            _ => return false,
        };
        key.verify_sig(message, signature).is_ok()
    }
}

/// A key that serves one algorithm.
#[cfg(any(feature = "ecdsa", feature = "eddsa"))]
struct One(Algorithm, ParsedPublicKey);

#[cfg(any(feature = "ecdsa", feature = "eddsa"))]
impl PreparedKey for One {
    fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        let Self(own, key) = self;
        algorithm == *own && key.verify_sig(message, signature).is_ok()
    }
}
