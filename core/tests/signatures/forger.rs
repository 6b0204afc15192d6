//! Private keys that sign whatever they are told to, rightly or not.

use std::sync::LazyLock;

use base64ct::{Base64UrlUnpadded, Encoding};
use crypto_bigint::BoxedUint;
use crypto_bigint::modular::BoxedMontyForm;
use oidc_core::jose::Algorithm;
use rsa::PrivateKey;
use rsa::pkcs8::DecodePrivateKey;
use rsa::traits::{PrivateKeyParts, PublicKeyParts};
use serde_json::{Value, json};
use sha2::{Digest, Sha256, Sha384, Sha512};

pub(crate) struct Forger {
    pub(crate) key: PrivateKey,
}

/// The development keys, of which everybody has the private half.
pub(crate) static DEV: [LazyLock<Forger>; 5] = [
    LazyLock::new(|| Forger::of(include_bytes!("../../../dev-provider/keys/dev-1.der"))),
    LazyLock::new(|| Forger::of(include_bytes!("../../../dev-provider/keys/dev-2.der"))),
    LazyLock::new(|| Forger::of(include_bytes!("../../../dev-provider/keys/dev-3.der"))),
    LazyLock::new(|| Forger::of(include_bytes!("../../../dev-provider/keys/dev-4.der"))),
    LazyLock::new(|| Forger::of(include_bytes!("../../../dev-provider/keys/dev-5.der"))),
];
/// A key whose public exponent is 3.
pub(crate) static EXPONENT_3: LazyLock<Forger> =
    LazyLock::new(|| Forger::of(include_bytes!("../vectors/exponent-3.der")));
/// A key whose primes are made as in the library of CVE-2017-15361.
pub(crate) static ROCA: LazyLock<Forger> =
    LazyLock::new(|| Forger::of(include_bytes!("../vectors/roca.der")));

impl Forger {
    fn of(der: &[u8]) -> Self {
        Self { key: PrivateKey::from_pkcs8_der(der).unwrap() }
    }

    /// The public half, with these members besides or in place of its own.
    pub(crate) fn jwk(&self, members: Value) -> Value {
        let mut jwk = json!({ "kty": "RSA", "n": base64url(&self.n()), "e": base64url(&self.e()) });
        let Value::Object(members) = members else { panic!("no object: {members}") };
        jwk.as_object_mut().unwrap().extend(members);
        jwk
    }

    pub(crate) fn n(&self) -> Vec<u8> {
        self.key.n_bytes().into()
    }

    pub(crate) fn e(&self) -> Vec<u8> {
        self.key.e_bytes().into()
    }

    /// How many bytes a signature has.
    pub(crate) fn size(&self) -> usize {
        self.key.size()
    }

    /// The signature that opens to exactly these bytes.
    pub(crate) fn raw(&self, encoded: &[u8]) -> Vec<u8> {
        assert_eq!(encoded.len(), self.size());
        let number = BoxedUint::from_be_slice(encoded, self.key.n_bits_precision()).unwrap();
        assert!(number < **self.key.n(), "a number beyond the modulus comes out as another");
        let opened = BoxedMontyForm::new(number, self.key.n_params()).pow(self.key.d());
        opened.retrieve().to_be_bytes().into()
    }

    pub(crate) fn sign(&self, algorithm: Algorithm, message: &[u8]) -> Vec<u8> {
        self.raw(&padded(self.size(), &digest_info(algorithm, &digest(algorithm, message))))
    }

    /// Header and payload as they are, with a right signature of this algorithm.
    pub(crate) fn token_by(&self, algorithm: Algorithm, header: &Value, payload: &Value) -> String {
        let input = input(header, payload);
        format!("{input}.{}", base64url(&self.sign(algorithm, input.as_bytes())))
    }

    /// The same by RS256, whatever the header says.
    pub(crate) fn token(&self, header: &Value, payload: &Value) -> String {
        self.token_by(Algorithm::Rs256, header, payload)
    }
}

/// What is signed of a token.
pub(crate) fn input(header: &Value, payload: &Value) -> String {
    let [header, payload] = [header, payload].map(|json| base64url(json.to_string().as_bytes()));
    format!("{header}.{payload}")
}

/// EMSA-PKCS1-v1_5 around any bytes: `00 01 ff … ff 00`, then these.
pub(crate) fn padded(size: usize, info: &[u8]) -> Vec<u8> {
    let mut encoded = vec![0xff; size];
    encoded[0] = 0;
    encoded[1] = 1;
    encoded[size - info.len() - 1] = 0;
    encoded[size - info.len()..].copy_from_slice(info);
    encoded
}

pub(crate) fn digest(algorithm: Algorithm, message: &[u8]) -> Vec<u8> {
    match algorithm {
        Algorithm::Rs256 => Sha256::digest(message).to_vec(),
        Algorithm::Rs384 => Sha384::digest(message).to_vec(),
        Algorithm::Rs512 => Sha512::digest(message).to_vec(),
        other => panic!("{other}"),
    }
}

/// The beginnings are those of RFC 8017 section 9.2, note 1.
pub(crate) fn digest_info(algorithm: Algorithm, digest: &[u8]) -> Vec<u8> {
    let begin: &[u8] = match algorithm {
        Algorithm::Rs256 => b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20",
        Algorithm::Rs384 => b"\x30\x41\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02\x05\x00\x04\x30",
        Algorithm::Rs512 => b"\x30\x51\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03\x05\x00\x04\x40",
        other => panic!("{other}"),
    };
    [begin, digest].concat()
}

/// EMSA-PSS with SHA-256 and a salt of 32 bytes ([RFC 8017 section 9.1.1](https://www.rfc-editor.org/rfc/rfc8017#section-9.1.1)).
pub(crate) fn pss_encoded(size: usize, message: &[u8]) -> Vec<u8> {
    let salt = [7; 32];
    let hash = Sha256::new().chain_update([0; 8]).chain_update(Sha256::digest(message)).chain_update(salt);
    let hash = hash.finalize();
    let mut block = vec![0; size - 33];
    let salt_begins = block.len() - salt.len();
    block[salt_begins - 1] = 1;
    block[salt_begins..].copy_from_slice(&salt);
    for (count, chunk) in (0_u32..).zip(block.chunks_mut(32)) {
        let mask = Sha256::new().chain_update(hash).chain_update(count.to_be_bytes()).finalize();
        chunk.iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
    }
    block[0] &= 0x7f;
    [&block[..], &hash[..], &[0xbc]].concat()
}

/// HMAC ([RFC 2104 section 2](https://www.rfc-editor.org/rfc/rfc2104#section-2)) by the hash of this name.
pub(crate) fn hmac(name: &str, secret: &[u8], message: &[u8]) -> Vec<u8> {
    match name {
        "HS256" => hmac_by::<Sha256>(64, secret, message),
        "HS384" => hmac_by::<Sha384>(128, secret, message),
        "HS512" => hmac_by::<Sha512>(128, secret, message),
        other => panic!("{other}"),
    }
}

fn hmac_by<D: Digest>(block: usize, secret: &[u8], message: &[u8]) -> Vec<u8> {
    let mut key = if secret.len() > block { D::digest(secret).to_vec() } else { secret.to_vec() };
    key.resize(block, 0);
    let [inner, outer] = [0x36, 0x5c].map(|pad| key.iter().map(|byte| byte ^ pad).collect::<Vec<u8>>());
    let inner = D::new().chain_update(inner).chain_update(message).finalize();
    D::new().chain_update(outer).chain_update(inner).finalize().to_vec()
}

pub(crate) fn base64url(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}
