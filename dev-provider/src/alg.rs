//! The algorithms of signatures: their names, their hashes, and how an RSA key signs and verifies by them.

use std::convert::Infallible;

use rsa::rand_core::{TryCryptoRng, TryRng};
use rsa::{Pkcs1v15Sign, PrivateKey, PublicKey};
use sha2::{Digest, Sha256, Sha384, Sha512};

use crate::curve::Curve;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Alg {
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
    /// There is none without the feature `algorithms`.
    Curve(Curve),
}

impl Alg {
    pub(crate) fn all() -> impl Iterator<Item = Alg> {
        let rsa = [Alg::Rs256, Alg::Rs384, Alg::Rs512, Alg::Ps256, Alg::Ps384, Alg::Ps512];
        rsa.into_iter().chain(Curve::ALL.iter().copied().map(Alg::Curve))
    }

    pub(crate) fn names() -> Vec<&'static str> {
        Alg::all().map(Alg::name).collect()
    }

    pub(crate) fn from_name(name: &str) -> Option<Alg> {
        Alg::all().find(|alg| alg.name() == name)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Alg::Rs256 => "RS256",
            Alg::Rs384 => "RS384",
            Alg::Rs512 => "RS512",
            Alg::Ps256 => "PS256",
            Alg::Ps384 => "PS384",
            Alg::Ps512 => "PS512",
            Alg::Curve(curve) => curve.alg(),
        }
    }

    /// By the hash that a signature of this algorithm has inside.
    pub(crate) fn digest(self, input: &[u8]) -> Vec<u8> {
        match self {
            Alg::Rs256 | Alg::Ps256 => Sha256::digest(input).to_vec(),
            Alg::Rs384 | Alg::Ps384 => Sha384::digest(input).to_vec(),
            Alg::Rs512 | Alg::Ps512 => Sha512::digest(input).to_vec(),
            Alg::Curve(curve) => curve.digest(input),
        }
    }

    /// The signature by an RSA key; `None` if the algorithm has keys of another type.
    pub(crate) fn rsa_signature(self, key: &PrivateKey, input: &[u8]) -> Option<Vec<u8>> {
        let digest = self.digest(input);
        let salt = &mut Salt { seed: digest.clone(), drawn: 0 };
        let signature = match self {
            Alg::Rs256 => key.sign(Pkcs1v15Sign::new::<Sha256>(), &digest),
            Alg::Rs384 => key.sign(Pkcs1v15Sign::new::<Sha384>(), &digest),
            Alg::Rs512 => key.sign(Pkcs1v15Sign::new::<Sha512>(), &digest),
            Alg::Ps256 => key.pss_sign_prehash_with_rng::<Sha256, _>(salt, &digest),
            Alg::Ps384 => key.pss_sign_prehash_with_rng::<Sha384, _>(salt, &digest),
            Alg::Ps512 => key.pss_sign_prehash_with_rng::<Sha512, _>(salt, &digest),
            Alg::Curve(_) => return None,
        };
        Some(signature.expect("a 2048 bit key signs any digest"))
    }

    /// Whether an RSA key made the signature.
    pub(crate) fn rsa_verifies(self, key: &PublicKey, input: &[u8], signature: &[u8]) -> bool {
        let digest = self.digest(input);
        let verified = match self {
            Alg::Rs256 => key.verify(Pkcs1v15Sign::new::<Sha256>(), &digest, signature),
            Alg::Rs384 => key.verify(Pkcs1v15Sign::new::<Sha384>(), &digest, signature),
            Alg::Rs512 => key.verify(Pkcs1v15Sign::new::<Sha512>(), &digest, signature),
            Alg::Ps256 => key.pss_verify_prehash::<Sha256>(&digest, signature),
            Alg::Ps384 => key.pss_verify_prehash::<Sha384>(&digest, signature),
            Alg::Ps512 => key.pss_verify_prehash::<Sha512>(&digest, signature),
            Alg::Curve(_) => return false,
        };
        verified.is_ok()
    }
}

/// In place of a random source: what is signed draws its own salt, so that the same token has the same signature.
struct Salt {
    seed: Vec<u8>,
    drawn: u64,
}

impl TryRng for Salt {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_be_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_be_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, to_fill: &mut [u8]) -> Result<(), Infallible> {
        for chunk in to_fill.chunks_mut(32) {
            self.drawn = self.drawn.wrapping_add(1);
            let block = Sha256::new().chain_update(&self.seed).chain_update(self.drawn.to_be_bytes());
            chunk.copy_from_slice(&block.finalize()[..chunk.len()]);
        }
        Ok(())
    }
}

impl TryCryptoRng for Salt {}
