//! Keys on curves: drawn from their number, so that everybody has them, as everybody has the RSA keys.

use base64ct::{Base64UrlUnpadded, Encoding};
use p256::ecdsa::signature::{Signer, Verifier};
use serde_json::{Value, json};
use sha2::{Digest, Sha256, Sha384, Sha512};

use crate::keys::base64url;

/// The curve of a key, which has but one algorithm here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Curve {
    P256,
    P384,
    Ed25519,
}

impl Curve {
    pub(crate) const ALL: &[Curve] = &[Curve::P256, Curve::P384, Curve::Ed25519];

    pub(crate) fn alg(self) -> &'static str {
        match self {
            Curve::P256 => "ES256",
            Curve::P384 => "ES384",
            Curve::Ed25519 => "EdDSA",
        }
    }

    /// As a JWK names it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Curve::P256 => "P-256",
            Curve::P384 => "P-384",
            Curve::Ed25519 => "Ed25519",
        }
    }

    pub(crate) fn digest(self, input: &[u8]) -> Vec<u8> {
        match self {
            Curve::P256 => Sha256::digest(input).to_vec(),
            Curve::P384 => Sha384::digest(input).to_vec(),
            Curve::Ed25519 => Sha512::digest(input).to_vec(),
        }
    }

    /// The signature by the key of this number, as a JWS has it
    /// ([RFC 7518 3.4](https://www.rfc-editor.org/rfc/rfc7518#section-3.4),
    /// [RFC 8037 3.1](https://www.rfc-editor.org/rfc/rfc8037#section-3.1)).
    pub(crate) fn signature(self, index: usize, input: &[u8]) -> Vec<u8> {
        match self {
            Curve::P256 => {
                Signer::<p256::ecdsa::Signature>::sign(&p256_key(index), input).to_bytes().to_vec()
            }
            Curve::P384 => {
                Signer::<p384::ecdsa::Signature>::sign(&p384_key(index), input).to_bytes().to_vec()
            }
            Curve::Ed25519 => ed25519_key(index).sign(input).to_bytes().to_vec(),
        }
    }

    /// Whether the public key of a JWK verifies the signature.
    pub(crate) fn verifies(self, jwk: &Value, input: &[u8], signature: &[u8]) -> bool {
        let verified = match self {
            _ if jwk["crv"] != self.name() => None,
            Curve::P256 => p256_verifies(jwk, input, signature),
            Curve::P384 => p384_verifies(jwk, input, signature),
            Curve::Ed25519 => ed25519_verifies(jwk, input, signature),
        };
        verified.is_some()
    }

    /// The public key of this number, without a `kid`.
    pub(crate) fn public_jwk(self, index: usize) -> Value {
        match self {
            Curve::P256 => {
                let point = p256_key(index).verifying_key().to_sec1_point(false);
                self.ec_jwk(point.as_bytes())
            }
            Curve::P384 => {
                let point = p384_key(index).verifying_key().to_sec1_point(false);
                self.ec_jwk(point.as_bytes())
            }
            Curve::Ed25519 => {
                let x = base64url(ed25519_key(index).verifying_key().as_bytes());
                json!({ "kty": "OKP", "crv": self.name(), "use": "sig", "x": x })
            }
        }
    }

    /// From an uncompressed point: a byte of type, and two coordinates of one length.
    fn ec_jwk(self, point: &[u8]) -> Value {
        let (x, y) = point[1..].split_at(point.len() / 2);
        json!({ "kty": "EC", "crv": self.name(), "use": "sig", "x": base64url(x), "y": base64url(y) })
    }
}

fn p256_key(index: usize) -> p256::ecdsa::SigningKey {
    let drawn = Sha256::digest(format!("oidc-dev-provider P-256 {index}"));
    p256::ecdsa::SigningKey::from_slice(&drawn).expect("each of the few keys is below the order")
}

fn p384_key(index: usize) -> p384::ecdsa::SigningKey {
    let drawn = Sha384::digest(format!("oidc-dev-provider P-384 {index}"));
    p384::ecdsa::SigningKey::from_slice(&drawn).expect("each of the few keys is below the order")
}

fn ed25519_key(index: usize) -> ed25519_dalek::SigningKey {
    let drawn = Sha256::digest(format!("oidc-dev-provider Ed25519 {index}"));
    ed25519_dalek::SigningKey::from_bytes(&drawn.into())
}

fn p256_verifies(jwk: &Value, input: &[u8], signature: &[u8]) -> Option<()> {
    let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(&uncompressed(jwk)?).ok()?;
    key.verify(input, &p256::ecdsa::Signature::from_slice(signature).ok()?).ok()
}

fn p384_verifies(jwk: &Value, input: &[u8], signature: &[u8]) -> Option<()> {
    let key = p384::ecdsa::VerifyingKey::from_sec1_bytes(&uncompressed(jwk)?).ok()?;
    key.verify(input, &p384::ecdsa::Signature::from_slice(signature).ok()?).ok()
}

fn ed25519_verifies(jwk: &Value, input: &[u8], signature: &[u8]) -> Option<()> {
    let x = coordinate(jwk, "x")?.try_into().ok()?;
    let key = ed25519_dalek::VerifyingKey::from_bytes(&x).ok()?;
    key.verify_strict(input, &ed25519_dalek::Signature::from_slice(signature).ok()?).ok()
}

fn uncompressed(jwk: &Value) -> Option<Vec<u8>> {
    Some([vec![4], coordinate(jwk, "x")?, coordinate(jwk, "y")?].concat())
}

fn coordinate(jwk: &Value, name: &str) -> Option<Vec<u8>> {
    Base64UrlUnpadded::decode_vec(jwk[name].as_str()?).ok()
}
