//! The crates `rsa` and `sha2`, in Rust alone; with features, those of the curves.

#[cfg(feature = "ecdsa")]
mod ecdsa;
#[cfg(feature = "eddsa")]
mod eddsa;

use crypto_bigint::modular::BoxedMontyForm;
use crypto_bigint::{MontyForm, MontyMultiplier};
#[cfg(feature = "rsa-pss")]
use rsa::pss::Pss;
use rsa::traits::PublicKeyParts;
use rsa::{BoxedUint, PublicKey, pkcs1v15::Pkcs1v15Sign};
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::{Algorithm, PreparedKey, RsaComponents, Verifier};

/// The pure Rust backend: the crates `rsa` 0.10 and `sha2`; with features, `p256` and `p384` 0.14 and `ed25519-dalek` 3.
///
/// `rsa` raises to any public exponent by one general method. Nearly every key has 65537, for which 16 squarings and one
/// multiplication do, over the Montgomery parameters that `rsa` has prepared: half the time. Other exponents take the
/// crate's own way, and so does RSASSA-PSS.
#[derive(Debug, Clone, Copy, Default)]
pub struct RustCrypto;

impl Verifier for RustCrypto {
    fn prepare(&self, key: &super::PublicKey<'_>) -> Option<Box<dyn PreparedKey>> {
        match key {
            super::PublicKey::Rsa(key) => prepare_rsa(key),
            #[cfg(feature = "ecdsa")]
            super::PublicKey::P256 { x, y } => ecdsa::prepare_p256(x, y),
            #[cfg(feature = "ecdsa")]
            super::PublicKey::P384 { x, y } => ecdsa::prepare_p384(x, y),
            #[cfg(feature = "eddsa")]
            super::PublicKey::Ed25519(x) => eddsa::prepare(x),
        }
    }
}

/// A key with the exponent 65537.
struct Usual(PublicKey);

/// A key with any other.
struct Unusual(PublicKey);

fn prepare_rsa(key: &RsaComponents<'_>) -> Option<Box<dyn PreparedKey>> {
    let n = BoxedUint::from_be_slice_vartime(key.n);
    let e = BoxedUint::from_be_slice_vartime(key.e);
    let usual = key.e == [1, 0, 1];
    let key = PublicKey::new_with_size_limits(n, e, 2048..=8192).ok()?;
    Some(if usual { Box::new(Usual(key)) } else { Box::new(Unusual(key)) })
}

impl PreparedKey for Usual {
    /// The encoded message is rebuilt and compared whole, so nothing of what an attacker encoded is ever parsed
    /// ([RFC 8017 section 8.2.2](https://www.rfc-editor.org/rfc/rfc8017#section-8.2.2)).
    fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        #[cfg(feature = "rsa-pss")]
        if let Some(verified) = verify_pss(&self.0, algorithm, message, signature) {
            return verified;
        }
        let Some(opened) = self.open(signature) else { return false };
        encoded_message(algorithm, message, signature.len()).is_some_and(|expected| *opened == *expected)
    }
}

impl Usual {
    /// The signature to the power of 65537, as long as the modulus; none for a number that is not below the modulus.
    fn open(&self, signature: &[u8]) -> Option<Box<[u8]>> {
        let Self(key) = self;
        let number = BoxedUint::from_be_slice(signature, key.n_bits_precision()).ok()?;
        if number >= **key.n() {
            return None;
        }
        let base = BoxedMontyForm::new(number, key.n_params());
        let mut power = base.clone();
        let mut multiplier = <BoxedMontyForm as MontyForm>::Multiplier::from(key.n_params());
        for _ in 0..16 {
            multiplier.square_assign(&mut power);
        }
        multiplier.mul_assign(&mut power, &base);
        let opened = power.retrieve().to_be_bytes();
        // A modulus need not fill its words.
        let padding = opened.len().checked_sub(signature.len())?;
        opened.get(padding..).map(Into::into)
    }
}

/// What a right signature opens to: `00 01 ff … ff 00`, the hash's name, the hash
/// ([RFC 8017 section 9.2](https://www.rfc-editor.org/rfc/rfc8017#section-9.2)).
fn encoded_message(algorithm: Algorithm, message: &[u8], length: usize) -> Option<Vec<u8>> {
    let (hash_name, hash) = match algorithm {
        Algorithm::Rs256 => (SHA_256, Sha256::digest(message).to_vec()),
        Algorithm::Rs384 => (SHA_384, Sha384::digest(message).to_vec()),
        Algorithm::Rs512 => (SHA_512, Sha512::digest(message).to_vec()),
        #[cfg(any(feature = "rsa-pss", feature = "ecdsa", feature = "eddsa"))]
        _ => return None,
    };
    let filled = length.checked_sub(hash_name.len())?.checked_sub(hash.len())?.checked_sub(3)?;
    let mut encoded = Vec::with_capacity(length);
    encoded.extend([0, 1]);
    encoded.resize(filled.saturating_add(2), 0xff);
    encoded.push(0);
    encoded.extend(hash_name);
    encoded.extend(hash);
    Some(encoded)
}

/// DER of a `DigestInfo` up to the hash itself.
const SHA_256: [u8; 19] = digest_info(1, 32);
const SHA_384: [u8; 19] = digest_info(2, 48);
const SHA_512: [u8; 19] = digest_info(3, 64);

/// The last number of the hash's object identifier, and its length
/// ([RFC 8017 section 9.2, note 1](https://www.rfc-editor.org/rfc/rfc8017#section-9.2)).
const fn digest_info(hash: u8, length: u8) -> [u8; 19] {
    let all = length.wrapping_add(17);
    [48, all, 48, 13, 6, 9, 96, 134, 72, 1, 101, 3, 4, 2, hash, 5, 0, 4, length]
}

impl PreparedKey for Unusual {
    fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        let Self(key) = self;
        #[cfg(feature = "rsa-pss")]
        if let Some(verified) = verify_pss(key, algorithm, message, signature) {
            return verified;
        }
        let verified = match algorithm {
            Algorithm::Rs256 => {
                key.verify(Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(message), signature)
            }
            Algorithm::Rs384 => {
                key.verify(Pkcs1v15Sign::new::<Sha384>(), &Sha384::digest(message), signature)
            }
            Algorithm::Rs512 => {
                key.verify(Pkcs1v15Sign::new::<Sha512>(), &Sha512::digest(message), signature)
            }
            #[cfg(any(feature = "rsa-pss", feature = "ecdsa", feature = "eddsa"))]
            _ => return false,
        };
        verified.is_ok()
    }
}

/// Whether this is a signature by RSASSA-PSS; `None` for an algorithm of another kind.
///
/// The salt is as long as the hash, and no other length is taken
/// ([RFC 7518 section 3.5](https://www.rfc-editor.org/rfc/rfc7518#section-3.5)).
#[cfg(feature = "rsa-pss")]
fn verify_pss(key: &PublicKey, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> Option<bool> {
    let verified = match algorithm {
        Algorithm::Ps256 => key.verify(Pss::<Sha256>::new_with_salt(32), &Sha256::digest(message), signature),
        Algorithm::Ps384 => key.verify(Pss::<Sha384>::new_with_salt(48), &Sha384::digest(message), signature),
        Algorithm::Ps512 => key.verify(Pss::<Sha512>::new_with_salt(64), &Sha512::digest(message), signature),
        _ => return None,
    };
    Some(verified.is_ok())
}
