//! Signatures, algorithms and keys.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fastrand::Rng;
use jsonwebtoken::Algorithm;
use serde_json::json;

use super::Fate::{Bad, Good};
use super::*;
use crate::draft::{Encoding, Sign};
use crate::keys::{CLIENT, GOOD, ISSUER, Key, STRANGER};

pub const CHANGES: &[Change] = &[
    change("S01", Stage::Members, &[ALG, SIGN], |draft, random| {
        draft.set_header("alg", pick(random, &["\"none\"", "\"None\"", "\"NONE\"", "\"nOnE\""]));
        draft.sign = Sign::Empty;
        if random.bool() {
            draft.without_header("kid");
        }
        Bad
    }),
    change("S02", Stage::Members, &[ALG], |draft, random| {
        draft.set_header("alg", pick(random, &["\"none\"", "\"None\"", "\"NONE\"", "\"nOnE\""]));
        Bad
    }),
    change("S04", Stage::Members, &[ALG, SIGN], |draft, random| {
        let secret = pick(random, &draft.keys.public_texts());
        hmac(draft, secret, random);
        Bad
    }),
    change("S05", Stage::Members, &[ALG, SIGN], |draft, random| {
        hmac(draft, b"the client's secret, registered with the provider".to_vec(), random);
        Bad
    }),
    change("S06", Stage::Members, &[ALG, SIGN], |draft, random| {
        hmac(draft, Vec::new(), random);
        Bad
    }),
    change("S07", Stage::Members, &[ALG, SIGN], |draft, random| {
        let alg = pick(random, &["ES256", "EdDSA", "PS256", "RSA-OAEP", "ES256K", "dir", "RS1"]);
        draft.set_header("alg", json!(alg).to_string());
        if alg == "PS256" {
            draft.sign = Sign::Pss(Key::Dev(0));
        }
        Bad
    }),
    change("S08", Stage::Members, &[SIGN], |draft, random| {
        draft.sign = Sign::Pkcs1 { key: Key::Dev(0), alg: pick(random, &["RS384", "RS512"]) };
        Bad
    }),
    change("S09", Stage::Members, &[ALG], |draft, random| {
        draft.set_header("alg", pick(random, &["\"RS384\"", "\"RS512\""]));
        Bad
    }),
    change("S10", Stage::Members, &[SIGN], |draft, _| {
        draft.sign = Sign::Pss(Key::Dev(0));
        Bad
    }),
    change("S11", Stage::Members, &[SET, KID, SIGN], |draft, _| {
        draft.sign_by(Key::Dev(3), "for-rs384");
        Bad
    }),
    change("S12", Stage::Members, &[SIGN, KID], |draft, random| {
        draft.sign = Sign::Pkcs1 { key: STRANGER, alg: "RS256" };
        if random.bool() {
            draft.set_header("kid", "\"of-another-issuer\"");
        }
        Bad
    }),
    change("S13", Stage::Members, &[SIGN, KID, "jwk"], |draft, random| {
        let n = URL_SAFE_NO_PAD.encode(draft.keys.modulus(STRANGER));
        draft.set_header("jwk", json!({ "kty": "RSA", "n": n, "e": "AQAB", "kid": GOOD }).to_string());
        draft.sign = Sign::Pkcs1 { key: STRANGER, alg: "RS256" };
        if random.bool() {
            draft.without_header("kid");
        }
        Bad
    }),
    change("S14", Stage::Members, &[SIGN, "jku"], |draft, random| {
        draft.set_header(pick(random, &["jku", "x5u"]), "\"https://evil.example/jwks\"");
        by_stranger_or_not(draft, random)
    }),
    change("S15", Stage::Members, &[SIGN, "x5c"], |draft, random| {
        if random.bool() {
            draft.set_header("x5c", "[\"MIIBszCCARygAwIBAgIBATANBgkqhkiG9w0BAQsFADAA\"]");
        } else {
            draft.set_header("x5t", "\"dGhpcyBpcyBhIFNIQTEgdGVzdCE\"");
        }
        by_stranger_or_not(draft, random)
    }),
    change("S16", Stage::Signature, &[SIGN, SIGNATURE], |draft, _| {
        draft.signature.clear();
        Bad
    }),
    change("S17", Stage::Signature, &[SIGN, SIGNATURE], |draft, random| {
        match random.u8(0..5) {
            0 => draft.signature.truncate(draft.signature.len() - 1),
            1 => drop(draft.signature.remove(0)),
            2 => draft.signature.insert(0, 0),
            3 => draft.signature.push(0),
            _ => draft.signature.push(random.u8(..)),
        }
        Bad
    }),
    change("S18", Stage::Signature, &[SIGN, SIGNATURE], |draft, random| {
        let n = draft.keys.modulus(Key::Dev(0));
        let small = |value| [vec![0; n.len() - 1], vec![value]].concat();
        draft.signature = match random.u8(0..7) {
            0 => sum(&draft.signature, &n),
            1 => n,
            2 => sum(&n, &[1]),
            // The modulus is odd.
            3 => n[..n.len() - 1].iter().copied().chain([n[n.len() - 1] - 1]).collect(),
            number => small(number - 4),
        };
        Bad
    }),
    change("S19", Stage::Members, &[SIGN], |draft, _| {
        draft.sign = Sign::DigestInfo(|digest| join(&[SHA256_PREFIX, digest, &[0x5a; 100]]));
        Bad
    }),
    change("S20", Stage::Members, &[SIGN], |draft, _| {
        // Padding that ends early: what follows its end starts with more of it.
        draft.sign = Sign::DigestInfo(|digest| join(&[&[0xff; 60], &[0], SHA256_PREFIX, digest]));
        Bad
    }),
    change("S21", Stage::Members, &[SIGN], |draft, random| {
        draft.sign = Sign::DigestInfo(pick(random, &BER));
        Bad
    }),
    change("S22", Stage::Members, &[SIGN], |draft, _| {
        draft.sign = Sign::DigestInfo(|digest| {
            join(&[&[0x30, 0x2f, 0x30, 0x0b, 0x06, 0x09], SHA256_OID, &[0x04, 0x20], digest])
        });
        Bad
    }),
    change("S25", Stage::Members, &[SET, KID, SIGN], |draft, _| {
        draft.sign_by(Key::Short, "short");
        Bad
    }),
    change("S28", Stage::Members, &[SET, KID, SIGN], |draft, _| {
        draft.sign_by(Key::Cubic, "cubic");
        Bad
    }),
    change("S31", Stage::Members, &[SET, KID, SIGN], |draft, _| {
        draft.sign_by(Key::Dev(3), "leading-zero");
        Bad
    }),
    change("S32", Stage::Members, &[SET, KID, SIGN], |draft, random| {
        draft.sign_by(Key::Dev(3), pick(random, &["for-encryption", "wraps"]));
        Bad
    }),
    change("S34", Stage::Members, &[KID], |draft, random| {
        draft.set_header("kid", pick(random, &["\"elliptic\"", "\"edwards\"", "\"for-encryption\""]));
        Bad
    }),
    change("S35", Stage::Members, &[SET, KID, SIGN], |draft, random| {
        draft.sign_by(pick(random, &[Key::Dev(1), Key::Dev(2)]), "twice");
        Good
    }),
    change("S36", Stage::Members, &[SET, KID, SIGN], |draft, _| {
        draft.sign_by(Key::Dev(3), "both");
        Good
    }),
    change("S37", Stage::Members, &[SET, KID], |draft, _| {
        draft.without_header("kid");
        Good
    }),
    change("S38", Stage::Members, &[SET, KID, SIGN], |draft, random| {
        draft.sign_by(pick(random, &[Key::Dev(0), Key::Dev(1), Key::Dev(2), Key::Dev(3)]), "");
        draft.without_header("kid");
        Good
    }),
    change("S40", Stage::Members, &[KID], |draft, random| {
        draft.set_header(
            "kid",
            pick(random, &["\"GOOD-1\"", "\"Good-1\"", "\"good-\"", "\"good-11\"", "\"good\""]),
        );
        Bad
    }),
    change("S41", Stage::Members, &[KID], |draft, random| {
        let kid = pick(
            random,
            &[
                "../../../../dev/null",
                "' OR '1'='1",
                "https://evil.example/jwks",
                "good-1; cat /etc/passwd",
                "%00",
            ],
        );
        draft.set_header("kid", json!(kid).to_string());
        Bad
    }),
    change("S43", Stage::Signed, &[PAYLOAD], |draft, _| {
        let claims = json!({
            "iss": ISSUER, "sub": "admin", "aud": CLIENT, "iat": draft.now, "exp": draft.now + 600,
        });
        draft.segments[1] = URL_SAFE_NO_PAD.encode(claims.to_string());
        Bad
    }),
    change("S43", Stage::Signed, &[HEADER], |draft, _| {
        let header = json!({ "typ": "JWT", "alg": "RS256", "kid": GOOD, "x-other": true });
        draft.segments[0] = URL_SAFE_NO_PAD.encode(header.to_string());
        Bad
    }),
];

const SHA256_OID: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01];
/// The encoding of a SHA-256 digest, up to the digest: <https://www.rfc-editor.org/rfc/rfc8017#section-9.2>
const SHA256_PREFIX: &[u8] = &[
    0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00,
    0x04, 0x20,
];
/// The same digest in encodings that a lenient reader of ASN.1 takes: long lengths, an indefinite one, and one element more.
const BER: [Encoding; 4] = [
    |digest| join(&[&[0x30, 0x81, 0x31], &SHA256_PREFIX[2..], digest]),
    |digest| {
        join(&[&[0x30, 0x32, 0x30, 0x0d, 0x06, 0x09], SHA256_OID, &[0x05, 0x00, 0x04, 0x81, 0x20], digest])
    },
    |digest| join(&[&[0x30, 0x80], &SHA256_PREFIX[2..], digest, &[0, 0]]),
    |digest| join(&[&[0x30, 0x33], &SHA256_PREFIX[2..], digest, &[0x05, 0x00]]),
];

fn hmac(draft: &mut Draft<'_>, secret: Vec<u8>, random: &mut Rng) {
    let (name, alg) = pick(
        random,
        &[("HS256", Algorithm::HS256), ("HS384", Algorithm::HS384), ("HS512", Algorithm::HS512)],
    );
    draft.set_header("alg", json!(name).to_string());
    draft.sign = Sign::Hmac { alg, secret };
}

fn by_stranger_or_not(draft: &mut Draft<'_>, random: &mut Rng) -> Fate {
    if random.bool() {
        return Good;
    }
    draft.sign = Sign::Pkcs1 { key: STRANGER, alg: "RS256" };
    Bad
}

/// Big-endian, with one byte more if it takes one.
fn sum(a: &[u8], b: &[u8]) -> Vec<u8> {
    let (mut digits, mut carry) = (Vec::new(), 0_u16);
    let (mut a, mut b) = (a.iter().rev(), b.iter().rev());
    loop {
        match (a.next(), b.next()) {
            (None, None) => break,
            (x, y) => {
                let value = u16::from(x.copied().unwrap_or(0)) + u16::from(y.copied().unwrap_or(0)) + carry;
                digits.push((value % 256) as u8);
                carry = value / 256;
            }
        }
    }
    if carry > 0 {
        digits.push(1);
    }
    digits.reverse();
    digits
}
