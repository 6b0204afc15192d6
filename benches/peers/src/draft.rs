//! A token in the making: from members to text to segments to one string, so that each change finds its place.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fastrand::Rng;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

use crate::keys::{CLIENT, GOOD, ISSUER, Key, Keys, Set};

/// Names and raw JSON, so that a name can stand twice and a value need not be JSON.
pub type Members = Vec<(String, String)>;

pub struct Draft<'k> {
    pub keys: &'k Keys,
    pub now: u64,
    pub set: Set,
    pub header: Members,
    pub claims: Members,
    pub header_text: Vec<u8>,
    pub payload_text: Vec<u8>,
    pub segments: [String; 2],
    pub sign: Sign,
    pub signature: Vec<u8>,
    pub signature_segment: String,
    pub token: String,
}

/// What is padded in place of a digest's own encoding.
pub type Encoding = fn(&[u8]) -> Vec<u8>;

/// How the signature is made.
pub enum Sign {
    Pkcs1 {
        key: Key,
        alg: &'static str,
    },
    Pss(Key),
    /// Over the digest in this encoding.
    DigestInfo(Encoding),
    Hmac {
        alg: Algorithm,
        secret: Vec<u8>,
    },
    Empty,
}

/// When a change is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    Members,
    Text,
    /// Of the segments that are going to be signed.
    Segments,
    /// Of the signature's bytes.
    Signature,
    /// Of the segments that have been signed, and of the signature's.
    Signed,
    Token,
}

impl<'k> Draft<'k> {
    /// A good ID token, with more or fewer of the claims that providers send.
    pub fn good(keys: &'k Keys, now: u64, random: &mut Rng) -> Self {
        let mut header = vec![member("alg", json!("RS256")), member("kid", json!(GOOD))];
        if random.bool() {
            header.push(member("typ", json!("JWT")));
        }
        random.shuffle(&mut header);
        Self {
            keys,
            now,
            set: Set::One,
            header,
            claims: good_claims(now, random),
            header_text: Vec::new(),
            payload_text: Vec::new(),
            segments: Default::default(),
            sign: Sign::Pkcs1 { key: Key::Dev(0), alg: "RS256" },
            signature: Vec::new(),
            signature_segment: String::new(),
            token: String::new(),
        }
    }

    /// Carries it from one stage to the next, with these changes at each.
    pub fn finish(
        mut self,
        mut change: impl FnMut(Stage, &mut Self, &mut Rng),
        random: &mut Rng,
    ) -> (String, Set) {
        change(Stage::Members, &mut self, random);
        self.header_text = object(&self.header).into_bytes();
        self.payload_text = object(&self.claims).into_bytes();
        change(Stage::Text, &mut self, random);
        self.segments = [&self.header_text, &self.payload_text].map(|text| URL_SAFE_NO_PAD.encode(text));
        change(Stage::Segments, &mut self, random);
        self.signature = self.signature(random);
        change(Stage::Signature, &mut self, random);
        self.signature_segment = URL_SAFE_NO_PAD.encode(&self.signature);
        change(Stage::Signed, &mut self, random);
        self.token = format!("{}.{}", self.segments.join("."), self.signature_segment);
        change(Stage::Token, &mut self, random);
        (self.token, self.set)
    }

    fn signature(&self, random: &mut Rng) -> Vec<u8> {
        let input = self.segments.join(".");
        match &self.sign {
            Sign::Pkcs1 { key: Key::Dev(index), alg } if self.is_canonical() => {
                let token = self.keys.compact(&self.header_text, &self.payload_text, *index, alg);
                let (signed, signature) = token.rsplit_once('.').unwrap_or_default();
                assert_eq!(signed, input);
                decode(signature)
            }
            Sign::Pkcs1 { key, alg } => self.keys.pkcs1(*key, alg, input.as_bytes()),
            Sign::Pss(key) => self.keys.pss(*key, input.as_bytes(), random),
            Sign::DigestInfo(encode) => {
                use sha2::Digest;
                self.keys.digest_info(Key::Dev(0), &encode(&sha2::Sha256::digest(input.as_bytes())))
            }
            Sign::Hmac { alg, secret } => {
                let key = EncodingKey::from_secret(secret);
                decode(&jsonwebtoken::crypto::sign(input.as_bytes(), &key, *alg).expect("HMAC takes any key"))
            }
            Sign::Empty => Vec::new(),
        }
    }

    fn is_canonical(&self) -> bool {
        [&self.header_text, &self.payload_text].map(|text| URL_SAFE_NO_PAD.encode(text)) == self.segments
    }

    pub fn set_header(&mut self, name: &str, raw: impl Into<String>) {
        set(&mut self.header, name, raw.into());
    }

    pub fn set_claim(&mut self, name: &str, raw: impl Into<String>) {
        set(&mut self.claims, name, raw.into());
    }

    pub fn without_header(&mut self, name: &str) {
        self.header.retain(|(member, _)| member != name);
    }

    pub fn without_claim(&mut self, name: &str) {
        self.claims.retain(|(member, _)| member != name);
    }

    /// The same name once more, somewhere.
    pub fn repeat_header(&mut self, name: &str, raw: &str, random: &mut Rng) {
        self.header.insert(random.usize(..=self.header.len()), (name.to_owned(), raw.to_owned()));
    }

    pub fn repeat_claim(&mut self, name: &str, raw: &str, random: &mut Rng) {
        self.claims.insert(random.usize(..=self.claims.len()), (name.to_owned(), raw.to_owned()));
    }

    /// Another good key set, and the key of it that signs, by name.
    pub fn sign_by(&mut self, key: Key, kid: &str) {
        self.set = Set::Many;
        self.sign = Sign::Pkcs1 { key, alg: "RS256" };
        self.set_header("kid", json!(kid).to_string());
    }
}

fn member(name: &str, value: Value) -> (String, String) {
    (name.to_owned(), value.to_string())
}

/// The name as a JSON string unless it is one with escapes of its own.
fn object(members: &Members) -> String {
    let members: Vec<String> = members
        .iter()
        .map(|(name, raw)| {
            let name = if name.starts_with('"') { name.clone() } else { json!(name).to_string() };
            format!("{name}:{raw}")
        })
        .collect();
    format!("{{{}}}", members.join(","))
}

fn set(members: &mut Members, name: &str, raw: String) {
    match members.iter_mut().find(|(member, _)| member == name) {
        Some((_, value)) => *value = raw,
        None => members.push((name.to_owned(), raw)),
    }
}

fn decode(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).expect("it has just been encoded")
}

fn good_claims(now: u64, random: &mut Rng) -> Members {
    let sub = format!("user-{}", random.u32(..));
    let iat = now - random.u64(0..120);
    let mut claims = vec![
        member("iss", json!(ISSUER)),
        member("sub", json!(sub)),
        member("aud", if random.bool() { json!(CLIENT) } else { json!([CLIENT]) }),
        member("iat", json!(iat)),
        member("exp", json!(now + random.u64(120..7200))),
    ];
    let more = [
        ("nbf", json!(iat)),
        ("azp", json!(CLIENT)),
        ("nonce", json!(format!("{:016x}", random.u64(..)))),
        ("auth_time", json!(iat - 30)),
        ("acr", json!("urn:mace:incommon:iap:silver")),
        ("amr", json!(["pwd", "otp"])),
        ("sid", json!(format!("{:032x}", random.u128(..)))),
        ("jti", json!(format!("{:032x}", random.u128(..)))),
        ("at_hash", json!("MTIzNDU2Nzg5MDEyMzQ1Ng")),
        ("name", json!("Ada Lovelace")),
        ("family_name", json!("Łukasiewicz-渡辺")),
        ("preferred_username", json!("ada")),
        ("email", json!("ada@example.org")),
        ("email_verified", json!(random.bool())),
        ("locale", json!("en-GB")),
        ("zoneinfo", json!("Europe/London")),
        ("updated_at", json!(iat - 86_400)),
        ("realm_access", json!({ "roles": ["user", "auditor"], "level": 3.5, "more": null })),
        ("roles", json!(["user"])),
        ("https://op.example/tenant", json!({ "id": 42, "path": ["a", { "b": [true, false] }] })),
        ("note", json!("quotes \" and \\ and tabs \t and 😀")),
    ];
    claims.extend(more.into_iter().filter(|_| random.u8(..) < 90).map(|(name, value)| member(name, value)));
    random.shuffle(&mut claims);
    claims
}
