//! The client's private key, in memory, by the crate `aws-lc-rs`.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use oidc_core::client_auth::{Signer, SigningFailed};
use oidc_core::error::ConfigError;
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject;
use serde_json::{Map, Value};

/// A private key that signs for the client: RSA by RS256, P-256 by ES256, Ed25519 by EdDSA. For
/// [`ConfigBuilder::signer`](oidc_core::config::ConfigBuilder::signer).
pub struct ClientKey {
    key: Key,
    key_id: Option<String>,
    header: Map<String, Value>,
}

enum Key {
    Rsa(Box<RsaKeyPair>),
    P256(Box<EcdsaKeyPair>),
    Ed25519(Ed25519KeyPair),
}

impl ClientKey {
    /// A key in PKCS#8, PEM: `BEGIN PRIVATE KEY`.
    ///
    /// # Errors
    /// [`ConfigError`] when it is not one, or of another kind.
    pub fn from_pem(pem: &[u8]) -> Result<Self, ConfigError> {
        let wrong = |problem: &str| ConfigError::new("client_key_file", problem);
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem).map_err(|_| {
            wrong("holds no key in PKCS#8: `openssl pkcs8 -topk8 -nocrypt` makes one of others")
        })?;
        let der = der.secret_pkcs8_der();
        let key = if let Ok(key) = RsaKeyPair::from_pkcs8(der) {
            Key::Rsa(Box::new(key))
        } else if let Ok(key) = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der) {
            Key::P256(Box::new(key))
        } else if let Ok(key) = Ed25519KeyPair::from_pkcs8(der) {
            Key::Ed25519(key)
        } else {
            return Err(wrong(
                "holds a key that is neither RSA of at least 2048 bits, nor P-256, nor Ed25519",
            ));
        };
        Ok(Self { key, key_id: None, header: Map::new() })
    }

    /// By the name that the provider knows it by, for the header's `kid`.
    #[must_use]
    pub fn key_id(mut self, key_id: &str) -> Self {
        self.key_id = Some(key_id.to_owned());
        self
    }

    /// With a further member of the header, such as `x5t#S256`, which Entra ID knows a certificate by.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.header.insert(name.to_owned(), value.into());
        self
    }
}

impl Signer for ClientKey {
    fn algorithm(&self) -> &'static str {
        match self.key {
            Key::Rsa(_) => "RS256",
            Key::P256(_) => "ES256",
            Key::Ed25519(_) => "EdDSA",
        }
    }

    fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    fn header(&self) -> Map<String, Value> {
        self.header.clone()
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningFailed> {
        let random = SystemRandom::new();
        let failed = |_| SigningFailed("the key cannot sign".to_owned());
        match &self.key {
            Key::Rsa(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).map_err(failed)?;
                Ok(signature)
            }
            Key::P256(key) => Ok(key.sign(&random, message).map_err(failed)?.as_ref().to_vec()),
            Key::Ed25519(key) => Ok(key.sign(message).as_ref().to_vec()),
        }
    }
}

/// Shows the algorithm.
impl std::fmt::Debug for ClientKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ClientKey({})", self.algorithm())
    }
}
