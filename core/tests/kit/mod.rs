//! Tokens made to order: any header, any payload, signed by a key whose public half is in the set.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part of it")]

use base64ct::{Base64UrlUnpadded, Encoding};
use oidc_core::Claims;
use oidc_core::error::TokenError;
use oidc_core::jose::{Algorithm, KeySet, PreparedKey, PublicKey, RustCrypto, Verifier};
use oidc_core::time::UnixTime;
use oidc_core::token::TokenRules;
use oidc_dev_provider::DevProvider;
use rsa::pkcs8::DecodePrivateKey;
use rsa::traits::PublicKeyParts;
use rsa::{Pkcs1v15Sign, PrivateKey};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

pub const ISSUER: &str = "https://op.example";
pub const CLIENT: &str = "web";
/// The time of every verification: 2023-11-14T22:13:20Z.
pub const NOW: u64 = 1_700_000_000;
pub const ALL: [Algorithm; 3] = [Algorithm::Rs256, Algorithm::Rs384, Algorithm::Rs512];

pub const fn at(seconds: u64) -> UnixTime {
    UnixTime::from_secs(seconds)
}

/// An issuer and the keys that it publishes.
pub struct Op {
    pub provider: DevProvider,
}

impl Op {
    pub fn new() -> Self {
        Self { provider: DevProvider::new(ISSUER) }
    }

    pub fn keys(&self) -> KeySet {
        KeySet::parse(self.provider.jwks().to_string().as_bytes(), &RustCrypto).unwrap()
    }

    /// The header of a good token.
    pub fn header(&self) -> Value {
        json!({ "alg": "RS256", "kid": self.provider.current_kid() })
    }

    /// These claims, signed.
    pub fn token(&self, claims: &Value) -> String {
        self.raw(&self.header().to_string(), &claims.to_string())
    }

    /// The same with members added to the header, or with others in their place.
    pub fn token_with(&self, header: Value, claims: &Value) -> String {
        self.raw(&merged(self.header(), header).to_string(), &claims.to_string())
    }

    /// Any text as header and payload; RS256 whatever the header says.
    pub fn raw(&self, header: &str, payload: &str) -> String {
        self.raw_bytes(header.as_bytes(), payload.as_bytes())
    }

    pub fn raw_bytes(&self, header: &[u8], payload: &[u8]) -> String {
        self.provider.sign_raw(header, payload, "RS256")
    }

    /// Base64url segments as they are, with a right RS256 signature over them.
    pub fn signed(&self, input: &str, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
        format!("{input}.{}", base64url(&sign(input.as_bytes())))
    }

    /// Any text with a right signature over it, base64url or not.
    pub fn sign_text(&self, input: &str) -> String {
        self.signed(input, |message| {
            let digest = Sha256::digest(message);
            private_key(&self.provider).sign(Pkcs1v15Sign::new::<Sha256>(), &digest).unwrap()
        })
    }

    pub fn judge(&self, rules: &TokenRules, token: &str) -> Result<Claims, TokenError> {
        rules.verify(token, &self.keys(), at(NOW))
    }
}

/// The one of the development keys that the provider signs with.
fn private_key(provider: &DevProvider) -> PrivateKey {
    let published = provider.jwks();
    let keys = published["keys"].as_array().unwrap();
    let current = keys.iter().find(|key| key["kid"] == json!(provider.current_kid())).unwrap();
    DEV_KEYS
        .into_iter()
        .map(|der| PrivateKey::from_pkcs8_der(der).unwrap())
        .find(|key| current["n"] == json!(base64url(&key.n_bytes())))
        .expect("it is one of these")
}

const DEV_KEYS: [&[u8]; 5] = [
    include_bytes!("../../../dev-provider/keys/dev-1.der"),
    include_bytes!("../../../dev-provider/keys/dev-2.der"),
    include_bytes!("../../../dev-provider/keys/dev-3.der"),
    include_bytes!("../../../dev-provider/keys/dev-4.der"),
    include_bytes!("../../../dev-provider/keys/dev-5.der"),
];

/// What a good ID token says.
pub fn id_claims() -> Value {
    json!({ "iss": ISSUER, "sub": "ada", "aud": CLIENT, "iat": NOW, "exp": NOW + 300 })
}

/// What a good access token of RFC 9068 says; its header needs `"typ": "at+jwt"`.
pub fn access_claims() -> Value {
    merged(id_claims(), json!({ "client_id": CLIENT, "jti": "t-1", "scope": "read write" }))
}

/// What a good logout token says.
pub fn logout_claims() -> Value {
    let events = json!({ "http://schemas.openid.net/event/backchannel-logout": {} });
    merged(id_claims(), json!({ "jti": "l-1", "sid": "s-1", "events": events }))
}

/// Members of `changes` take the place of those of `of`; `null` stays `null`.
pub fn merged(mut of: Value, changes: Value) -> Value {
    let (Value::Object(members), Value::Object(changes)) = (&mut of, changes) else { panic!("no objects") };
    members.extend(changes);
    of
}

/// All members but one.
pub fn without(mut of: Value, name: &str) -> Value {
    of.as_object_mut().and_then(|members: &mut Map<_, _>| members.remove(name)).expect("it is there");
    of
}

pub fn id_rules() -> TokenRules {
    TokenRules::id(ISSUER, CLIENT).unwrap()
}

pub fn access_rules() -> TokenRules {
    TokenRules::access(ISSUER, CLIENT).unwrap()
}

pub fn logout_rules() -> TokenRules {
    TokenRules::logout(ISSUER, CLIENT).unwrap()
}

pub fn base64url(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}

pub fn decoded(text: &str) -> Vec<u8> {
    Base64UrlUnpadded::decode_vec(text).unwrap()
}

/// Header, payload and signature of a token, as text.
pub fn segments(token: &str) -> [&str; 3] {
    token.split('.').collect::<Vec<_>>().try_into().unwrap()
}

/// The code of a refusal and the claim it names.
pub fn refusal(judged: Result<Claims, TokenError>) -> (&'static str, Option<&'static str>) {
    let error = judged.expect_err("it is to be refused");
    (error.code(), error.claim())
}

/// A backend that takes any signature of the right length.
#[derive(Debug)]
pub struct Gullible;

impl Verifier for Gullible {
    fn prepare(&self, _: &PublicKey<'_>) -> Option<Box<dyn PreparedKey>> {
        Some(Box::new(Self))
    }
}

impl PreparedKey for Gullible {
    fn verify(&self, _: Algorithm, _: &[u8], _: &[u8]) -> bool {
        true
    }
}
