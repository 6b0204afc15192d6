//! The keys that sign, and the two key sets that every library is given.

use std::convert::Infallible;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use oidc_dev_provider::DevProvider;
use rsa::pkcs1v15::Pkcs1v15Sign;
use rsa::pkcs8::{DecodePrivateKey, EncodePublicKey};
use rsa::rand_core::{TryCryptoRng, TryRng};
use rsa::traits::PublicKeyParts;
use rsa::{BoxedUint, PrivateKey, Pss};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256, Sha384, Sha512};

pub const ISSUER: &str = "https://op.example/realms/main";
pub const CLIENT: &str = "web-client";
/// The key of most tokens.
pub const GOOD: &str = "good-1";

/// The key set of a token: one key that may verify it, or several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Set {
    /// One RSA key to verify by, among keys that are for something else.
    One,
    /// Good keys, weak keys, keys for other purposes, and two of one name.
    Many,
}

/// What signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// One of the dev provider's five, of 2048 bits; the fifth is in no set.
    Dev(usize),
    /// Of 1024 bits.
    Short,
    /// Of 2048 bits, with the public exponent 3.
    Cubic,
}

/// The key that is in no set.
pub const STRANGER: Key = Key::Dev(4);

pub struct Keys {
    providers: Vec<DevProvider>,
    dev: Vec<PrivateKey>,
    short: PrivateKey,
    cubic: PrivateKey,
}

impl Keys {
    pub fn new() -> Self {
        let generate = |bits, e: u64| {
            PrivateKey::new_with_exp(&mut Seeded(fastrand::Rng::with_seed(e)), bits, BoxedUint::from(e))
                .expect("the size is one that may be generated")
        };
        Self {
            providers: (0..5).map(|seed| DevProvider::with_seed(ISSUER, seed)).collect(),
            dev: DER
                .iter()
                .map(|der| PrivateKey::from_pkcs8_der(der).expect("the dev provider's keys are whole"))
                .collect(),
            short: generate(1024, 65_537),
            cubic: generate(2048, 3),
        }
    }

    pub fn set(&self, set: Set) -> Value {
        match set {
            Set::One => json!({ "keys": [
                self.jwk(Key::Dev(0), json!({ "kid": GOOD, "use": "sig", "alg": "RS256" })),
                self.jwk(Key::Dev(1), json!({ "kid": "for-encryption", "use": "enc", "alg": "RSA-OAEP" })),
                elliptic(),
                edwards(),
            ] }),
            Set::Many => json!({ "keys": self.many() }),
        }
    }

    /// Four of them may verify RS256 here: as many as core tries for a token that names none.
    fn many(&self) -> Vec<Value> {
        let mut zero = self.jwk(Key::Dev(3), json!({ "kid": "leading-zero", "use": "sig" }));
        let n = [&[0], self.private(Key::Dev(3)).n_bytes().as_ref()].concat();
        zero["n"] = URL_SAFE_NO_PAD.encode(n).into();
        vec![
            self.jwk(Key::Dev(1), json!({ "kid": "twice", "use": "sig" })),
            self.jwk(Key::Dev(2), json!({ "kid": "twice", "use": "sig" })),
            self.jwk(Key::Dev(3), json!({ "kid": "for-rs384", "use": "sig", "alg": "RS384" })),
            self.jwk(Key::Dev(3), json!({ "kid": "for-encryption", "use": "enc" })),
            self.jwk(Key::Dev(3), json!({ "kid": "wraps", "key_ops": ["wrapKey"] })),
            self.jwk(Key::Short, json!({ "kid": "short", "use": "sig" })),
            self.jwk(Key::Cubic, json!({ "kid": "cubic", "use": "sig" })),
            zero,
            self.jwk(Key::Dev(3), json!({ "kid": "both", "use": "enc" })),
            self.jwk(Key::Dev(3), json!({ "kid": "both", "use": "sig" })),
            elliptic(),
            edwards(),
            self.jwk(Key::Dev(0), json!({ "kid": GOOD, "use": "sig", "alg": "RS256" })),
        ]
    }

    fn jwk(&self, key: Key, more: Value) -> Value {
        let public = self.private(key);
        let (n, e) = (URL_SAFE_NO_PAD.encode(public.n_bytes()), URL_SAFE_NO_PAD.encode(public.e_bytes()));
        let mut jwk = json!({ "kty": "RSA", "n": n, "e": e });
        let (Value::Object(members), Value::Object(more)) = (&mut jwk, more) else { unreachable!() };
        members.extend(more);
        jwk
    }

    fn private(&self, key: Key) -> &PrivateKey {
        match key {
            Key::Dev(index) => &self.dev[index],
            Key::Short => &self.short,
            Key::Cubic => &self.cubic,
        }
    }

    pub fn modulus(&self, key: Key) -> Vec<u8> {
        self.private(key).n_bytes().to_vec()
    }

    /// What an attacker takes for an HMAC secret: everything here is public.
    pub fn public_texts(&self) -> [Vec<u8>; 4] {
        let key = self.private(Key::Dev(0));
        let der = key.to_public_key().to_public_key_der().expect("a public key has a DER").to_vec();
        let text = STANDARD.encode(&der);
        let lines: Vec<&str> =
            text.as_bytes().chunks(64).map(|line| str::from_utf8(line).unwrap_or_default()).collect();
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"));
        let jwk = self.set(Set::One)["keys"][0].to_string();
        [pem.into_bytes(), der, jwk.into_bytes(), key.n_bytes().to_vec()]
    }

    /// The header as it stands and the payload, signed by the dev provider.
    pub fn compact(&self, header: &[u8], payload: &[u8], key: usize, alg: &str) -> String {
        self.providers[key].sign_raw(header, payload, alg)
    }

    /// PKCS #1 v1.5 over any input.
    pub fn pkcs1(&self, key: Key, alg: &str, input: &[u8]) -> Vec<u8> {
        let (scheme, digest) = match alg {
            "RS384" => (Pkcs1v15Sign::new::<Sha384>(), Sha384::digest(input).to_vec()),
            "RS512" => (Pkcs1v15Sign::new::<Sha512>(), Sha512::digest(input).to_vec()),
            _ => (Pkcs1v15Sign::new::<Sha256>(), Sha256::digest(input).to_vec()),
        };
        self.private(key).sign(scheme, &digest).expect("a key that large signs any digest")
    }

    /// PKCS #1 v1.5 over this encoding of a digest.
    pub fn digest_info(&self, key: Key, encoded: &[u8]) -> Vec<u8> {
        self.private(key).sign(Pkcs1v15Sign::new_unprefixed(), encoded).expect("the encoding is short enough")
    }

    pub fn pss(&self, key: Key, input: &[u8], random: &mut fastrand::Rng) -> Vec<u8> {
        self.private(key)
            .sign_with_rng(&mut Seeded(random.fork()), Pss::<Sha256>::new(), &Sha256::digest(input))
            .expect("a key that large signs any digest")
    }
}

fn elliptic() -> Value {
    json!({
        "kty": "EC", "crv": "P-256", "use": "sig", "kid": "elliptic",
        "x": "7MzjxdrA9oFWj76EeXXF1fddv8DXII9skFS66fi5EKE", "y": "Rxy299tBgf4KloQ5FYr3ijXxKN29Tvl4KVKxfTizmAo",
    })
}

fn edwards() -> Value {
    json!({
        "kty": "OKP", "crv": "Ed25519", "use": "sig", "kid": "edwards",
        "x": "a11QciEmX_fy8FCWNNtP6L77l4aNzxY6OwdMnJdatCo",
    })
}

const DER: [&[u8]; 5] = [
    include_bytes!("../../../dev-provider/keys/dev-1.der"),
    include_bytes!("../../../dev-provider/keys/dev-2.der"),
    include_bytes!("../../../dev-provider/keys/dev-3.der"),
    include_bytes!("../../../dev-provider/keys/dev-4.der"),
    include_bytes!("../../../dev-provider/keys/dev-5.der"),
];

/// The same numbers in every run. No secret comes of them.
struct Seeded(fastrand::Rng);

impl TryRng for Seeded {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Ok(self.0.u32(..))
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        Ok(self.0.u64(..))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        self.0.fill(bytes);
        Ok(())
    }
}

impl TryCryptoRng for Seeded {}
