//! The crate `aws-lc-rs`.

use aws_lc_rs::signature::{
    ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512,
    RsaPublicKeyComponents,
};

use super::{Algorithm, PreparedKey, RsaComponents, Verifier};

/// The fastest backend: the crate `aws-lc-rs` 1.19, which brings C and assembler.
#[derive(Debug, Clone, Copy, Default)]
pub struct AwsLc;

/// The key, once for each algorithm.
struct Prepared {
    rs256: ParsedPublicKey,
    rs384: ParsedPublicKey,
    rs512: ParsedPublicKey,
}

impl Verifier for AwsLc {
    fn prepare(&self, key: &RsaComponents<'_>) -> Option<Box<dyn PreparedKey>> {
        let key = RsaPublicKeyComponents { n: key.n, e: key.e };
        Some(Box::new(Prepared {
            rs256: key.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256).ok()?,
            rs384: key.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA384).ok()?,
            rs512: key.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA512).ok()?,
        }))
    }
}

impl PreparedKey for Prepared {
    fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        let key = match algorithm {
            Algorithm::Rs256 => &self.rs256,
            Algorithm::Rs384 => &self.rs384,
            Algorithm::Rs512 => &self.rs512,
        };
        key.verify_sig(message, signature).is_ok()
    }
}
