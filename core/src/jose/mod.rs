//! Signed JSON Web Tokens: strict text, strict JSON, signatures by a public key, registered claims.
//!
//! This folder knows nothing of OpenID Connect.

pub(crate) mod base64url;
mod claims;
mod compact;
pub(crate) mod json;
mod jwk;
mod verify;

use std::fmt;

use sha2::{Digest, Sha256, Sha384, Sha512};

pub use claims::Claims;
pub(crate) use claims::Registered;
pub(crate) use compact::Compact;
pub use compact::MAX_TOKEN;
pub(crate) use jwk::Thumbprint;
pub use jwk::{KeySet, KeySetError, MAX_KEYS, SkipReason, SkippedKey};
#[cfg(feature = "aws-lc-rs")]
pub use verify::AwsLc;
#[cfg(feature = "rsa")]
pub use verify::RustCrypto;
pub use verify::{PreparedKey, PublicKey, RsaComponents, Verifier};

/// The signature algorithms of [RFC 7518 section 3.1](https://www.rfc-editor.org/rfc/rfc7518#section-3.1) that use a public
/// key, and EdDSA. All but three are there with a feature only.
///
/// Which of them are taken is the configuration's word, never the token's or the provider's, nor a feature's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// RSASSA-PSS with SHA-256, also in MGF1, and a salt of 32 bytes
    /// ([RFC 7518 section 3.5](https://www.rfc-editor.org/rfc/rfc7518#section-3.5)).
    #[cfg(feature = "rsa-pss")]
    Ps256,
    /// RSASSA-PSS with SHA-384, also in MGF1, and a salt of 48 bytes.
    #[cfg(feature = "rsa-pss")]
    Ps384,
    /// RSASSA-PSS with SHA-512, also in MGF1, and a salt of 64 bytes.
    #[cfg(feature = "rsa-pss")]
    Ps512,
    /// ECDSA over P-256 with SHA-256 ([RFC 7518 section 3.4](https://www.rfc-editor.org/rfc/rfc7518#section-3.4)).
    #[cfg(feature = "ecdsa")]
    Es256,
    /// ECDSA over P-384 with SHA-384.
    #[cfg(feature = "ecdsa")]
    Es384,
    /// EdDSA with Ed25519; never with Ed448 ([RFC 8037 section 3.1](https://www.rfc-editor.org/rfc/rfc8037#section-3.1)).
    #[cfg(feature = "eddsa")]
    EdDsa,
}

impl Algorithm {
    /// Those compiled in.
    pub(crate) const ALL: &[Self] = &[
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        #[cfg(feature = "rsa-pss")]
        Self::Ps256,
        #[cfg(feature = "rsa-pss")]
        Self::Ps384,
        #[cfg(feature = "rsa-pss")]
        Self::Ps512,
        #[cfg(feature = "ecdsa")]
        Self::Es256,
        #[cfg(feature = "ecdsa")]
        Self::Es384,
        #[cfg(feature = "eddsa")]
        Self::EdDsa,
    ];

    /// The name in a token's header, compared byte by byte.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            #[cfg(feature = "rsa-pss")]
            Self::Ps256 => "PS256",
            #[cfg(feature = "rsa-pss")]
            Self::Ps384 => "PS384",
            #[cfg(feature = "rsa-pss")]
            Self::Ps512 => "PS512",
            #[cfg(feature = "ecdsa")]
            Self::Es256 => "ES256",
            #[cfg(feature = "ecdsa")]
            Self::Es384 => "ES384",
            #[cfg(feature = "eddsa")]
            Self::EdDsa => "EdDSA",
        }
    }

    /// The algorithm of this exact name, if it is compiled in.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|algorithm| algorithm.name() == name)
    }

    /// Names between commas, or what is wrong with them.
    pub(crate) fn list(names: &str) -> Result<Vec<Self>, String> {
        let of_name = |name: &str| Self::from_name(name).ok_or_else(|| missing(name));
        names.split(',').map(str::trim).map(of_name).collect()
    }

    /// The message's hash, by the function that the algorithm uses.
    pub(crate) fn hash(self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Rs256 => Sha256::digest(message).to_vec(),
            Self::Rs384 => Sha384::digest(message).to_vec(),
            Self::Rs512 => Sha512::digest(message).to_vec(),
            #[cfg(feature = "rsa-pss")]
            Self::Ps256 => Self::Rs256.hash(message),
            #[cfg(feature = "rsa-pss")]
            Self::Ps384 => Self::Rs384.hash(message),
            #[cfg(feature = "rsa-pss")]
            Self::Ps512 => Self::Rs512.hash(message),
            #[cfg(feature = "ecdsa")]
            Self::Es256 => Self::Rs256.hash(message),
            #[cfg(feature = "ecdsa")]
            Self::Es384 => Self::Rs384.hash(message),
            // https://www.rfc-editor.org/rfc/rfc8032#section-5.1
            #[cfg(feature = "eddsa")]
            Self::EdDsa => Self::Rs512.hash(message),
        }
    }
}

/// Why there is no algorithm of this name.
fn missing(name: &str) -> String {
    match OPTIONAL.iter().find(|(_, names)| names.contains(&name)) {
        Some((feature, _)) => format!("{name} needs the feature `{feature}`"),
        None => {
            let names: Vec<&str> = Algorithm::ALL.iter().map(|algorithm| algorithm.name()).collect();
            format!("is none of {}", names.join(", "))
        }
    }
}

/// The features, and the algorithms that are there with them.
const OPTIONAL: [(&str, &[&str]); 3] =
    [("rsa-pss", &["PS256", "PS384", "PS512"]), ("ecdsa", &["ES256", "ES384"]), ("eddsa", &["EdDSA"])];

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_algorithm_is_listed_by_its_exact_name() {
        assert_eq!(Algorithm::list("RS512 , RS256"), Ok(vec![Algorithm::Rs512, Algorithm::Rs256]));
        for wrong in
            ["", "rs256", "RS256,", "RS256 RS384", "none", "HS256", "ES512", "ES256K", "Ed448", "Ed25519"]
        {
            let problem = Algorithm::list(wrong).unwrap_err();
            assert!(problem.starts_with("is none of RS256, RS384, RS512"), "{wrong}: {problem}");
        }
    }

    #[test]
    fn an_algorithm_is_there_with_its_feature_alone() {
        for (feature, compiled) in [
            ("rsa-pss", cfg!(feature = "rsa-pss")),
            ("ecdsa", cfg!(feature = "ecdsa")),
            ("eddsa", cfg!(feature = "eddsa")),
        ] {
            let names = OPTIONAL.iter().find(|(known, _)| *known == feature).unwrap().1;
            for name in names {
                assert_eq!(Algorithm::from_name(name).map(Algorithm::name), compiled.then_some(*name));
                let refused = Err(format!("{name} needs the feature `{feature}`"));
                let listed = Algorithm::list(&format!("RS256,{name}")).map(|algorithms| algorithms.len());
                assert_eq!(listed, if compiled { Ok(2) } else { refused });
                assert_eq!(missing("RS1").contains(name), compiled, "{name}");
            }
        }
    }
}
