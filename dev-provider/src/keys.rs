//! Signing keys: five RSA keys that everybody has, and as many on each curve; each rotation takes the next under a fresh
//! `kid`.

use std::collections::VecDeque;
use std::sync::OnceLock;

use base64ct::{Base64UrlUnpadded, Encoding};
use rsa::pkcs8::DecodePrivateKey;
use rsa::traits::{PrivateKeyParts, PublicKeyParts};
use rsa::{BoxedUint, PrivateKey, PublicKey};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

pub(crate) use crate::alg::Alg;
use crate::curve::Curve;
use crate::seeded::Seeded;

pub(crate) struct KeyRing {
    pub(crate) alg: Alg,
    /// The curves that ever signed. Of all others no key is published.
    curves: Vec<Curve>,
    current: Key,
    old: VecDeque<Key>,
}

struct Key {
    kid: String,
    index: usize,
}

impl Key {
    fn kid_on(&self, curve: Curve) -> String {
        format!("{}-{}", self.kid, curve.name())
    }
}

impl KeyRing {
    pub(crate) fn new(seed: u64, random: &mut Seeded) -> Self {
        let index = usize::try_from(seed % DEV_KEYS as u64).unwrap_or(0);
        let current = Key { kid: random.token(), index };
        KeyRing { alg: Alg::Rs256, curves: Vec::new(), current, old: VecDeque::new() }
    }

    /// Signs by this algorithm from now on.
    pub(crate) fn choose(&mut self, alg: Alg) {
        self.alg = alg;
        if let Alg::Curve(curve) = alg
            && !self.curves.contains(&curve)
        {
            self.curves.push(curve);
        }
    }

    pub(crate) fn signs_on_curve(&self) -> bool {
        matches!(self.alg, Alg::Curve(_))
    }

    pub(crate) fn rotate(&mut self, keep_old: bool, random: &mut Seeded) {
        let next = Key { kid: random.token(), index: (self.current.index + 1) % DEV_KEYS };
        let previous = std::mem::replace(&mut self.current, next);
        if keep_old {
            self.old.push_front(previous);
            // More would publish one modulus twice.
            self.old.truncate(DEV_KEYS - 1);
        } else {
            self.old.clear();
        }
    }

    /// The `kid` of the key that signs by the algorithm chosen.
    pub(crate) fn kid(&self) -> String {
        match self.alg {
            Alg::Curve(curve) => self.current.kid_on(curve),
            _ => self.current.kid.clone(),
        }
    }

    /// The compact JWS over these bytes: signed by the current key, without a signature if `alg` is `none`.
    pub(crate) fn compact(&self, header: &[u8], payload: &[u8], alg: &str) -> String {
        let input = format!("{}.{}", base64url(header), base64url(payload));
        let signature = self.signature(input.as_bytes(), alg);
        format!("{input}.{}", base64url(&signature))
    }

    /// Empty if `alg` is `none`; of `RS256` under any name that is unknown.
    pub(crate) fn signature(&self, input: &[u8], alg: &str) -> Vec<u8> {
        match alg {
            "none" => Vec::new(),
            _ => signature(self.current.index, Alg::from_name(alg).unwrap_or(Alg::Rs256), input),
        }
    }

    /// The set: the current key, those kept, and keys that a relying party must skip.
    pub(crate) fn published(&self) -> Value {
        let signing = std::iter::once(&self.current).chain(&self.old);
        let rsa = signing.clone().map(|key| public_jwk(key.index, Some(&key.kid)));
        let on_curves = signing.flat_map(|key| self.on_curves(key));
        json!({ "keys": rsa.chain(on_curves).chain(self.decoys()).collect::<Vec<_>>() })
    }

    /// The same, by a key that is not published.
    pub(crate) fn compact_by_stranger(&self, header: &[u8], payload: &[u8]) -> String {
        let input = format!("{}.{}", base64url(header), base64url(payload));
        let signature = signature((self.current.index + DEV_KEYS - 1) % DEV_KEYS, self.alg, input.as_bytes());
        format!("{input}.{}", base64url(&signature))
    }

    /// A key of nobody's, as long as the keys were not rotated.
    pub(crate) fn stranger(&self) -> Value {
        public_jwk((self.current.index + DEV_KEYS - 1) % DEV_KEYS, None)
    }

    /// And another one.
    pub(crate) fn other_stranger(&self) -> Value {
        public_jwk((self.current.index + DEV_KEYS - 2) % DEV_KEYS, None)
    }

    /// What nobody should publish of the key that signs.
    pub(crate) fn private_parts(&self) -> Value {
        let key = private_key(self.current.index);
        let primes: Vec<String> = key.primes().iter().map(|prime| base64url(&prime.to_be_bytes())).collect();
        json!({ "d": base64url(&key.d().to_be_bytes()), "p": primes[0], "q": primes[1] })
    }

    /// Eight keys, as the simulated provider of the OpenID Foundation's suite has them: of three signing types two, three or
    /// one, and two for encryption; and one of P-384 if that signs.
    pub(crate) fn published_like_the_suite(&self) -> Value {
        let kid = |purpose: &str| base64url(&Sha256::digest(format!("{}{purpose}", self.current.kid))[..16]);
        let mut keys = vec![
            public_jwk(self.current.index, Some(&self.current.kid)),
            public_jwk((self.current.index + 1) % DEV_KEYS, Some(&kid("RSA"))),
        ];
        let mut others = elliptic_keys();
        others.extend(decoys().skip(1));
        for (at, key) in others.iter_mut().enumerate() {
            key["kid"] = kid(&at.to_string()).into();
        }
        for right in self.on_curves(&self.current) {
            // In place of the first that is no more than a decoy.
            match others.iter_mut().find(|key| key["crv"] == right["crv"] && key["use"] == "sig") {
                Some(decoy) => *decoy = right,
                None => others.push(right),
            }
        }
        keys.append(&mut others);
        json!({ "keys": keys })
    }

    /// The set without `kid`s, in which `count` RSA keys could have signed; the one that does is the last of them.
    pub(crate) fn published_without_kid(&self, count: usize) -> Value {
        let others = (1..count).map(|step| public_jwk((self.current.index + step) % DEV_KEYS, None));
        let mut keys: Vec<Value> = others.collect();
        keys.push(public_jwk(self.current.index, None));
        keys.extend(self.on_curves(&self.current).chain(self.decoys()).map(without_kid_if_signing));
        json!({ "keys": keys })
    }

    /// A thousand RSA keys, the right one last.
    pub(crate) fn published_crowd(&self) -> Value {
        let crowd = (1..1000).map(|n| public_jwk(self.current.index, Some(&format!("crowd-{n}"))));
        let current = public_jwk(self.current.index, Some(&self.current.kid));
        let right = self.on_curves(&self.current).chain([current]);
        json!({ "keys": crowd.chain(right).collect::<Vec<_>>() })
    }

    /// What is published of a key for each curve that ever signed.
    fn on_curves(&self, key: &Key) -> impl Iterator<Item = Value> {
        self.curves.iter().map(|curve| {
            let mut jwk = curve.public_jwk(key.index);
            jwk["kid"] = key.kid_on(*curve).into();
            jwk
        })
    }

    /// No key of a curve that signs must be skipped.
    fn decoys(&self) -> impl Iterator<Item = Value> {
        decoys().filter(|jwk| self.curves.iter().all(|curve| jwk["crv"] != curve.name()))
    }
}

fn signature(index: usize, alg: Alg, input: &[u8]) -> Vec<u8> {
    match alg {
        Alg::Curve(curve) => curve.signature(index, input),
        rsa => rsa.rsa_signature(private_key(index), input).unwrap_or_default(),
    }
}

/// A token that one of the five keys signed, whether still published or not; its claims are still to be judged.
pub(crate) struct Opened {
    pub(crate) header: Map<String, Value>,
    pub(crate) claims: Map<String, Value>,
}

impl Opened {
    /// What a token says, whoever signed it.
    pub(crate) fn unverified(token: &str) -> Option<Self> {
        let (input, _) = token.rsplit_once('.')?;
        let (header, payload) = input.split_once('.')?;
        Some(Opened { header: object(header)?, claims: object(payload)? })
    }

    pub(crate) fn from_token(token: &str) -> Option<Self> {
        let (input, signature) = token.rsplit_once('.')?;
        let (header, payload) = input.split_once('.')?;
        let header = object(header)?;
        let alg = Alg::from_name(header.get("alg")?.as_str()?)?;
        let signature = Base64UrlUnpadded::decode_vec(signature).ok()?;
        let signed = |index| match alg {
            Alg::Curve(curve) => curve.verifies(&curve.public_jwk(index), input.as_bytes(), &signature),
            rsa => rsa.rsa_verifies(private_key(index).as_public_key(), input.as_bytes(), &signature),
        };
        (0..DEV_KEYS).any(signed).then_some(())?;
        Some(Opened { header, claims: object(payload)? })
    }

    pub(crate) fn text(&self, claim: &str) -> Option<&str> {
        self.claims.get(claim).and_then(Value::as_str)
    }
}

fn object(part: &str) -> Option<Map<String, Value>> {
    serde_json::from_slice(&Base64UrlUnpadded::decode_vec(part).ok()?).ok()
}

/// The compact JWS over these bytes, authenticated by `HS256`
/// ([RFC 2104](https://www.rfc-editor.org/rfc/rfc2104#section-2)).
pub(crate) fn compact_hs256(header: &[u8], payload: &[u8], secret: &[u8]) -> String {
    let input = format!("{}.{}", base64url(header), base64url(payload));
    let tag = hs256(input.as_bytes(), secret);
    format!("{input}.{}", base64url(&tag))
}

/// Whether this secret authenticates a compact JWS by `HS256`.
pub(crate) fn authenticates_hs256(token: &str, secret: &[u8]) -> bool {
    token.rsplit_once('.').is_some_and(|(input, tag)| base64url(&hs256(input.as_bytes(), secret)) == tag)
}

fn hs256(input: &[u8], secret: &[u8]) -> Vec<u8> {
    let mut block = [0_u8; 64];
    let digest = Sha256::digest(secret);
    let key = if secret.len() > block.len() { digest.as_slice() } else { secret };
    block.iter_mut().zip(key).for_each(|(byte, key)| *byte = *key);
    let inner = Sha256::new().chain_update(block.map(|byte| byte ^ 0x36)).chain_update(input).finalize();
    let outer = Sha256::new().chain_update(block.map(|byte| byte ^ 0x5c)).chain_update(inner).finalize();
    outer.to_vec()
}

/// Whether the public key of a JWK verifies a compact JWS by this algorithm.
pub(crate) fn verifies(token: &str, alg: Alg, jwk: &Value) -> bool {
    let Some((input, signature)) = token.rsplit_once('.') else { return false };
    let Ok(signature) = Base64UrlUnpadded::decode_vec(signature) else { return false };
    match alg {
        Alg::Curve(curve) => curve.verifies(jwk, input.as_bytes(), &signature),
        rsa => rsa_key(jwk).is_some_and(|key| rsa.rsa_verifies(&key, input.as_bytes(), &signature)),
    }
}

fn rsa_key(jwk: &Value) -> Option<PublicKey> {
    let number = |name: &str| {
        let bytes = Base64UrlUnpadded::decode_vec(jwk[name].as_str()?).ok()?;
        Some(BoxedUint::from_be_slice_vartime(&bytes))
    };
    PublicKey::new(number("n")?, number("e")?).ok().filter(|_| jwk["kty"] == "RSA")
}

/// The same token with every byte of its signature changed.
pub(crate) fn with_broken_signature(token: &str) -> String {
    let (input, signature) = token.rsplit_once('.').unwrap_or((token, ""));
    let signature = Base64UrlUnpadded::decode_vec(signature).unwrap_or_default();
    let broken: Vec<u8> = signature.iter().map(|byte| byte ^ 0x5a).collect();
    format!("{input}.{}", base64url(&broken))
}

/// What a signature is before it is raised to the private exponent
/// ([RFC 8017 9.2](https://www.rfc-editor.org/rfc/rfc8017#section-9.2)).
pub(crate) fn padded_digest(alg: Alg, input: &[u8]) -> Vec<u8> {
    let digest = alg.digest(input);
    let (oid, length) = match digest.len() {
        32 => (1, 32),
        48 => (2, 48),
        _ => (3, 64),
    };
    let mut info =
        vec![0x30, length + 17, 0x30, 13, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, oid, 5, 0, 4, length];
    info.extend(digest);
    let mut padded = vec![0xff; 256 - info.len()];
    (padded[0], padded[1]) = (0, 1);
    if let Some(last) = padded.last_mut() {
        *last = 0;
    }
    padded.extend(info);
    padded
}

/// None, if they are not base64url.
pub(crate) fn bytes(text: &str) -> Vec<u8> {
    Base64UrlUnpadded::decode_vec(text).unwrap_or_default()
}

pub(crate) fn base64url(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}

fn private_key(index: usize) -> &'static PrivateKey {
    static PARSED: [OnceLock<PrivateKey>; DEV_KEYS] = [const { OnceLock::new() }; DEV_KEYS];
    PARSED[index]
        .get_or_init(|| PrivateKey::from_pkcs8_der(DER[index]).expect("the key beside the source is whole"))
}

fn public_jwk(index: usize, kid: Option<&str>) -> Value {
    let key = private_key(index);
    let (n, e) = (base64url(&key.n_bytes()), base64url(&key.e_bytes()));
    let mut jwk = json!({ "kty": "RSA", "use": "sig", "n": n, "e": e });
    if let Some(kid) = kid {
        jwk["kid"] = kid.into();
    }
    jwk
}

fn without_kid_if_signing(mut jwk: Value) -> Value {
    if jwk["use"] == "sig"
        && let Some(members) = jwk.as_object_mut()
    {
        members.remove("kid");
    }
    jwk
}

const DEV_KEYS: usize = 5;

const DER: [&[u8]; DEV_KEYS] = [
    include_bytes!("../keys/dev-1.der"),
    include_bytes!("../keys/dev-2.der"),
    include_bytes!("../keys/dev-3.der"),
    include_bytes!("../keys/dev-4.der"),
    include_bytes!("../keys/dev-5.der"),
];

/// Keys beside those that sign, as real key sets have them: of other types, and for another use.
fn decoys() -> impl Iterator<Item = Value> {
    [
        decoy_p256(),
        json!({
            "kty": "OKP", "crv": "Ed25519", "use": "sig", "kid": "decoy-ed25519",
            "x": "a11QciEmX_fy8FCWNNtP6L77l4aNzxY6OwdMnJdatCo",
        }),
        json!({
            "kty": "RSA", "use": "enc", "alg": "RSA-OAEP", "kid": DECOY_ENC,
            "e": "AQAB",
            "n": ENCRYPTION_MODULUS,
        }),
    ]
    .into_iter()
}

pub(crate) const DECOY_P256: &str = "decoy-p256";
pub(crate) const DECOY_ENC: &str = "decoy-enc";

pub(crate) fn decoy_p256() -> Value {
    json!({
        "kty": "EC", "crv": "P-256", "use": "sig", "kid": DECOY_P256,
        "x": "7MzjxdrA9oFWj76EeXXF1fddv8DXII9skFS66fi5EKE",
        "y": "Rxy299tBgf4KloQ5FYr3ijXxKN29Tvl4KVKxfTizmAo",
    })
}

/// Two of P-256, one of secp256k1, one for encryption; their coordinates are those of the curves' base points, so that each
/// is a point of its curve.
fn elliptic_keys() -> Vec<Value> {
    let p256 = || {
        json!({
            "kty": "EC", "crv": "P-256", "use": "sig",
            "x": "axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY",
            "y": "T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU",
        })
    };
    let secp256k1 = json!({
        "kty": "EC", "crv": "secp256k1", "use": "sig",
        "x": "eb5mfvncu6xVoGKVzocLBwKb_NstzijZWfKBWxb4F5g",
        "y": "SDradyajxGVdpPv8DhEIqP0XtEimhVQZnEfQj_sQ1Lg",
    });
    let mut encryption = p256();
    encryption["use"] = "enc".into();
    encryption["alg"] = "ECDH-ES".into();
    vec![decoy_p256(), p256(), secp256k1, encryption]
}

const ENCRYPTION_MODULUS: &str = "\
    t_ycDulza8p-Zm8gXZx52BnxR2RDXwoJM3_NcwY-SKmH-ur8ge-NYlsJdxzaWCXVzKrLMNIAX7Woind3pL1y5d\
    g-J2DWMF4Wz9TylZKwNUzhaq4s_L6GWYT9hkH7ZyGP3QTAA7bcxjnUCfP6Jfi4a26naY3FpmL42XYlJDjtuLNj\
    OoaoN6Mp1k5pUPXzORY35T8ClT0saaaj0R2pxFId-WH8rUN5uVxXaJGLuX3-smZ7FGVgAmdFBd-x-fxqh3JJsk\
    yIuLEEwe_42iWiMpGr21VYqiqo9xBt9J2il9103qf3GCtwKQnWHgilF3PdUn90Tq9dGtY-filcqOSPeAza5w";
