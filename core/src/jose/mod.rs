//! Signed JSON Web Tokens: strict text, strict JSON, RSA signatures, registered claims.
//!
//! This folder knows nothing of OpenID Connect.

pub(crate) mod base64url;
mod claims;
mod compact;
pub(crate) mod json;
mod jwk;
mod verify;

use std::fmt;

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
pub use verify::{PreparedKey, RsaComponents, Verifier};

/// The signature algorithms of [RFC 7518 section 3.3](https://www.rfc-editor.org/rfc/rfc7518#section-3.3).
///
/// Which of them are taken is the configuration's word, never the token's or the provider's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
}

impl Algorithm {
    pub(crate) const ALL: [Self; 3] = [Self::Rs256, Self::Rs384, Self::Rs512];

    /// The name in a token's header, compared byte by byte.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
        }
    }

    /// The algorithm of this exact name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
