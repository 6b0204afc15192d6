//! The text of a token, its JSON, and the members of its header.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fastrand::Rng;
use serde_json::json;

use super::Fate::{Bad, Good};
use super::*;
use crate::keys::{CLIENT, ISSUER};

pub const CHANGES: &[Change] = &[
    change("T01", Stage::Token, &[TOKEN], |draft, _| {
        draft.token.clear();
        Bad
    }),
    change("T02", Stage::Token, &[TOKEN], |draft, random| {
        let (signed, _) = draft.token.rsplit_once('.').unwrap_or_default();
        let first = signed.split('.').next().unwrap_or_default();
        draft.token = pick(random, &[signed, first, ".."]).to_owned();
        Bad
    }),
    change("T03", Stage::Token, &[TOKEN], |draft, random| {
        let token = &draft.token;
        draft.token = match random.u8(0..5) {
            0 => format!("{token}.{}", draft.signature_segment),
            1 => format!("{token}.AAAA.AAAA"),
            2 => format!("{token}."),
            3 => format!(".{token}"),
            _ => format!("e30.{token}"),
        };
        Bad
    }),
    change("T04", Stage::Token, &[TOKEN], |draft, _| {
        draft.token = draft.token.replacen('.', "..", 1);
        Bad
    }),
    change("T05", Stage::Token, &[TOKEN], |draft, random| {
        let dots = ".".repeat(random.usize(10..2_000));
        draft.token = if random.bool() { format!("{}{dots}", draft.token) } else { dots };
        Bad
    }),
    change("T06", Stage::Members, &["size"], |draft, random| {
        if random.bool() {
            draft.set_claim("filler", json!("x".repeat(random.usize(12_400..13_000))).to_string());
        } else {
            draft.set_header("filler", json!("x".repeat(random.usize(3_100..4_000))).to_string());
        }
        Bad
    }),
    change("T07", Stage::Text, &[ALONE], |draft, _| {
        // As long as may be: 16 KiB, of which two dots and 342 characters of signature.
        let header = encoded_length(draft.header_text.len());
        let room = 16 * 1024 - 2 - 342 - header;
        let fit = (0..=room).rev().find(|length| length % 4 != 1).unwrap_or_default() * 3 / 4;
        let filler = fit - draft.payload_text.len() - r#","filler":"""#.len();
        draft.payload_text.pop();
        draft.payload_text.extend(format!(r#","filler":"{}"}}"#, "x".repeat(filler)).bytes());
        Good
    }),
    change("T08", Stage::Signed, &[HEADER, PAYLOAD, SIGNATURE], |draft, random| {
        let segment = signed_segment(draft, random);
        *segment += padding(segment);
        Bad
    }),
    change("T09", Stage::Segments, &[HEADER, PAYLOAD], |draft, random| {
        let segment = &mut draft.segments[random.usize(0..2)];
        *segment += padding(segment);
        Bad
    }),
    change("T10", Stage::Signed, &[SIGNATURE], |draft, _| {
        let standard = draft.signature_segment.replace('-', "+").replace('_', "/");
        draft.signature_segment = or_first(standard, &draft.signature_segment, "+");
        Bad
    }),
    change("T11", Stage::Signed, &[SIGNATURE], |draft, random| {
        let (from, to) = pick(random, &[("-", "+"), ("_", "/")]);
        let mixed = draft.signature_segment.replacen(from, to, 1);
        draft.signature_segment = or_first(mixed, &draft.signature_segment, to);
        Bad
    }),
    change("T12", Stage::Segments, &[HEADER, PAYLOAD], |draft, random| {
        let white = pick(random, &[" ", "\t", "\r", "\n", "\r\n"]);
        insert(&mut draft.segments[random.usize(0..2)], white, random);
        Bad
    }),
    change("T12", Stage::Signed, &[SIGNATURE], |draft, random| {
        let white = pick(random, &[" ", "\t", "\r", "\n", "\r\n"]);
        insert(&mut draft.signature_segment, white, random);
        Bad
    }),
    change("T13", Stage::Token, &[TOKEN], |draft, random| {
        let white = pick(random, &[" ", "\t", "\n", "\r\n", "  "]);
        let token = &draft.token;
        draft.token = match random.u8(0..3) {
            0 => format!("{white}{token}"),
            1 => format!("{token}{white}"),
            _ => format!("{white}{token}{white}"),
        };
        Bad
    }),
    change("T14", Stage::Signed, &[SIGNATURE], |draft, random| {
        if random.bool() {
            draft.signature_segment.push('\0');
        } else {
            insert(&mut draft.signature_segment, "\0", random);
        }
        Bad
    }),
    change("T15", Stage::Segments, &[HEADER, PAYLOAD], |draft, random| {
        let other = pick(random, &["?", "#", "!@$%", "\\11", "~", ":", "%3D", "*"]);
        insert(&mut draft.segments[random.usize(0..2)], other, random);
        Bad
    }),
    change("T15", Stage::Signed, &[SIGNATURE], |draft, random| {
        let other = pick(random, &["?", "#", "!@$%", "\\11", "~", ":", "%3D", "*"]);
        insert(&mut draft.signature_segment, other, random);
        Bad
    }),
    change("T16", Stage::Signed, &[SIGNATURE], |draft, random| {
        unused_bits(&mut draft.signature_segment, random);
        Bad
    }),
    change("T17", Stage::Segments, &[HEADER, PAYLOAD], |draft, random| {
        let index = random.usize(0..2);
        let text = if index == 0 { &mut draft.header_text } else { &mut draft.payload_text };
        while text.len() % 3 == 0 {
            text.push(b' ');
        }
        draft.segments[index] = URL_SAFE_NO_PAD.encode(text);
        unused_bits(&mut draft.segments[index], random);
        Bad
    }),
    change("T18", Stage::Signed, &[SIGNATURE], |draft, random| {
        let length = if random.bool() { 1 } else { draft.signature_segment.len() / 4 * 4 + 1 };
        draft.signature_segment = format!("{}AAA", draft.signature_segment)[..length].to_owned();
        Bad
    }),
    change("T19", Stage::Token, &[TOKEN], |draft, random| {
        match random.u8(0..3) {
            0 => draft.token = draft.token.replace('.', "\u{ff0e}"),
            1 => draft.token = draft.token.replacen('.', "\u{ff0e}", 1),
            _ => insert(&mut draft.token, pick(random, &["é", "А", "\u{200b}", "\u{feff}", "😀"]), random),
        }
        Bad
    }),
    change("T20", Stage::Token, &[TOKEN], |draft, random| {
        let parts: Vec<&str> = draft.token.splitn(3, '.').collect();
        let [header, payload, signature] = parts[..] else { return Bad };
        draft.token = match random.u8(0..3) {
            0 => json!({ "protected": header, "payload": payload, "signature": signature }),
            1 => {
                json!({ "payload": payload, "signatures": [{ "protected": header, "signature": signature }] })
            }
            _ => json!({ draft.token.as_str(): 1 }),
        }
        .to_string();
        Bad
    }),
    change("T21", Stage::Token, &[TOKEN], |draft, random| {
        draft.token.insert_str(0, pick(random, &["Bearer ", "bearer ", "JWT "]));
        Bad
    }),
    change("T22", Stage::Text, &[HEADER], |draft, random| {
        let text = String::from_utf8_lossy(&draft.header_text).into_owned();
        let array = format!("[{text}]");
        let string = json!(text).to_string();
        draft.header_text =
            pick(random, &[array.as_str(), &string, "1", "null", "true", "{}", ""]).as_bytes().to_vec();
        Bad
    }),
    change("T23", Stage::Text, &[PAYLOAD], |draft, random| {
        let text = String::from_utf8_lossy(&draft.payload_text).into_owned();
        let array = format!("[{text}]");
        let string = json!(text).to_string();
        draft.payload_text =
            pick(random, &[array.as_str(), &string, "1", "null", "true", "{}", ""]).as_bytes().to_vec();
        Bad
    }),
    change("T24", Stage::Text, &[HEADER, PAYLOAD], |draft, random| {
        json_text(draft, random)
            .extend(pick(random, &["x", "{}", ",", "}", "\0", "\u{a0}", " null"]).bytes());
        Bad
    }),
    change("T25", Stage::Text, &[HEADER, PAYLOAD], |draft, random| {
        json_text(draft, random).splice(0..0, *b"\xef\xbb\xbf");
        Bad
    }),
    change("T26", Stage::Text, &[HEADER, PAYLOAD], |draft, random| {
        let text = json_text(draft, random);
        let units: Vec<u16> = String::from_utf8_lossy(text).encode_utf16().collect();
        match random.u8(0..4) {
            0 => *text = units.iter().flat_map(|unit| unit.to_le_bytes()).collect(),
            1 => *text = units.iter().flat_map(|unit| unit.to_be_bytes()).collect(),
            2 => {
                let marked = [&[0xfeff], units.as_slice()].concat();
                *text = marked.iter().flat_map(|unit| unit.to_be_bytes()).collect();
            }
            _ => {
                text.pop();
                let wrong: &[u8] = pick(random, &[&b"\xff"[..], b"\xc0\xaf", b"\xed\xa0\x80", b"\xe2\x82"]);
                text.extend(join(&[b",\"note-2\":\"", wrong, b"\"}"]));
            }
        }
        Bad
    }),
    change("T27", Stage::Members, &["surrogate"], |draft, random| {
        let lone = pick(random, &[r#""\ud800""#, r#""a\udfffb""#, r#""\ud83d ""#, r#""\ude00\ud83d""#]);
        match random.u8(0..4) {
            0 => draft.set_header("x-note", lone),
            1 => draft.set_claim("x-note", lone),
            2 => draft.set_claim("x-notes", format!("[{{\"deep\":{lone}}}]")),
            _ => draft.claims.push((lone.to_owned(), "1".to_owned())),
        }
        Bad
    }),
    change("T28", Stage::Members, &["grammar"], |draft, random| {
        let raw = pick(
            random,
            &[
                "1/* one */",
                "'one'",
                "01",
                "NaN",
                "Infinity",
                "-Infinity",
                "+1",
                ".5",
                "1.",
                "0x10",
                "1e",
                "[1,]",
                "{\"a\":1,}",
                "undefined",
                "True",
                "\"tab\there\"",
                "\"\\x41\"",
                "// one\n1",
                "",
            ],
        );
        if random.u8(0..4) == 0 {
            draft.set_header("x-odd", raw)
        } else {
            draft.set_claim("x-odd", raw)
        }
        Bad
    }),
    change("T29", Stage::Members, &[EXP, AUD, ISS, "sub", "iat"], |draft, random| {
        let (now, other) = (draft.now, json!("https://evil.example").to_string());
        let (name, raw) = pick(
            random,
            &[
                ("exp", (now + 9_000).to_string()),
                ("exp", (now - 9_000).to_string()),
                ("aud", other.clone()),
                ("aud", json!(CLIENT).to_string()),
                ("iss", other),
                ("iss", json!(ISSUER).to_string()),
                ("sub", json!("admin").to_string()),
                ("iat", (now - 5).to_string()),
            ],
        );
        draft.repeat_claim(name, &raw, random);
        Bad
    }),
    change("T30", Stage::Members, &[EXP, "sub"], |draft, random| {
        let far = (draft.now + 9_000).to_string();
        let (name, raw) = pick(
            random,
            &[
                ("\"e\\u0078p\"", far.as_str()),
                ("\"s\\u0075b\"", "\"admin\""),
                ("\"\\u0073ub\"", "\"admin\""),
            ],
        );
        draft.repeat_claim(name, raw, random);
        Bad
    }),
    change("T31", Stage::Members, &["private"], |draft, random| {
        match random.u8(0..3) {
            0 => {
                draft.repeat_claim("groups", "[\"user\"]", random);
                draft.repeat_claim("groups", "[\"admin\"]", random);
            }
            1 => draft.repeat_claim("profile-2", "{\"role\":\"user\",\"role\":\"admin\"}", random),
            _ => draft.repeat_claim("profile-2", "[{\"role\":1,\"r\\u006fle\":2}]", random),
        }
        Bad
    }),
    change("T32", Stage::Members, &[ALG, KID, TYP], |draft, random| {
        let (name, raw) = pick(
            random,
            &[
                ("alg", "\"none\""),
                ("alg", "\"RS256\""),
                ("alg", "\"HS256\""),
                ("\"al\\u0067\"", "\"RS256\""),
                ("kid", "\"good-1\""),
                ("kid", "\"other\""),
            ],
        );
        draft.repeat_header(name, raw, random);
        if random.u8(0..4) == 0 {
            draft.repeat_header("x-twice", "1", random);
            draft.repeat_header("x-twice", "1", random);
        }
        Bad
    }),
    change("T33", Stage::Members, &["depth"], |draft, random| {
        // The claims are the first level.
        let levels =
            if random.u8(0..4) == 0 { 31 } else { pick(random, &[32, 33, 40, 100, 126, 200, 1_000, 3_000]) };
        let raw = if random.bool() {
            format!("{}{}", "[".repeat(levels), "]".repeat(levels))
        } else {
            let objects = levels - 1;
            format!("{}[]{}", "{\"a\":".repeat(objects.min(1_500)), "}".repeat(objects.min(1_500)))
        };
        if levels > 31 && random.u8(0..4) == 0 {
            draft.set_header(
                "x-deep",
                format!("{}{}", "[".repeat(levels.min(1_000)), "]".repeat(levels.min(1_000))),
            );
        } else {
            draft.set_claim("x-deep", raw);
        }
        if levels == 31 { Good } else { Bad }
    }),
    change("T34", Stage::Members, &["number"], |draft, random| {
        let digits = "9".repeat(random.usize(310..6_000));
        let raw = pick(random, &[digits.as_str(), "1e999999999", "-1e400", "1e309"]);
        match random.u8(0..3) {
            0 => draft.set_claim("x-number", raw),
            1 => draft.set_claim("x-numbers", format!("[1,{raw}]")),
            _ => draft.set_claim("x-numbers", format!("{{\"n\":{raw}}}")),
        }
        Bad
    }),
    change("T35", Stage::Members, &["members"], |draft, random| {
        let few = random.u8(0..4) == 0;
        let count = if few { random.usize(1..200) } else { random.usize(257..1_000) };
        let members: Vec<String> = (0..count).map(|number| format!("\"m{number}\":0")).collect();
        draft.set_claim("x-many", format!("{{{}}}", members.join(",")));
        if few { Good } else { Bad }
    }),
    change("T36", Stage::Members, &[KID], |draft, random| {
        let long = "k".repeat(random.usize(257..2_000));
        let kid = pick(random, &[long.as_str(), "", "good-1\r\nx: y", "good-1\0", "\u{1b}[31m", "good-1 "]);
        draft.set_header("kid", json!(kid).to_string());
        Bad
    }),
    change("T37", Stage::Members, &[KID], |draft, random| {
        draft.set_header("kid", pick(random, &["1", "null", "[\"good-1\"]", "{}", "true"]));
        Bad
    }),
    change("T38", Stage::Members, &[ALG], |draft, random| {
        match random.u8(0..6) {
            0 => draft.without_header("alg"),
            1 => draft.set_header("alg", "256"),
            2 => draft.set_header("alg", "[\"RS256\"]"),
            3 => draft.set_header("alg", "null"),
            4 => draft.set_header("alg", "{\"RS256\":null}"),
            _ => draft.set_header("alg", "\"\""),
        }
        Bad
    }),
    change("T39", Stage::Members, &[ALG], |draft, random| {
        draft.set_header(
            "alg",
            pick(random, &["\"rs256\"", "\"RS256 \"", "\"Rs256\"", "\" RS256\"", "\"RSA256\""]),
        );
        Bad
    }),
    change("T40", Stage::Members, &[ALG], |draft, random| {
        draft.set_header(
            "alg",
            pick(random, &[r#""RS\u003256""#, r#""\u0052S256""#, r#""\u0052\u0053\u0032\u0035\u0036""#]),
        );
        Good
    }),
    change("T41", Stage::Text, &[HEADER, PAYLOAD], |draft, random| {
        let white = pick(random, &[" ", "\n", "\r\n", "\t", " \n "]);
        let text = json_text(draft, random);
        text.splice(0..0, white.bytes());
        text.extend(white.bytes());
        let inner: Vec<u8> = white.bytes().collect();
        let end = text.len() - white.len() - 1;
        text.splice(end..end, inner);
        Good
    }),
    change("T42", Stage::Members, &["crit"], |draft, random| {
        let name = pick(random, &["exp", "http://example.com/UNDEFINED", "sigT", "cnf"]);
        draft.set_header("crit", json!([name]).to_string());
        draft.set_header(name, "1363284000");
        Bad
    }),
    change("T43", Stage::Members, &["crit"], |draft, random| {
        let crit = pick(
            random,
            &[
                "[]",
                "null",
                "\"exp\"",
                "[1]",
                "[\"x\",\"x\"]",
                "[\"alg\"]",
                "[\"absent\"]",
                "{}",
                "false",
                "[null]",
            ],
        );
        draft.set_header("crit", crit);
        Bad
    }),
    change("T44", Stage::Members, &["crit", "b64"], |draft, _| {
        draft.set_header("crit", "[\"b64\"]");
        draft.set_header("b64", "false");
        Bad
    }),
    change("T45", Stage::Members, &["b64"], |draft, random| {
        draft.set_header("b64", pick(random, &["false", "true", "null", "\"false\""]));
        Bad
    }),
    change("T46", Stage::Members, &["zip"], |draft, random| {
        draft.set_header("zip", pick(random, &["\"DEF\"", "\"GZIP\"", "null", "1"]));
        Bad
    }),
    change("T47", Stage::Members, &["cty"], |draft, random| {
        match random.u8(0..5) {
            0 => draft.set_header("cty", "\"JWT\""),
            1 => draft.set_header("cty", "\"application/jwt\""),
            2 => draft.set_header("enc", "\"A256GCM\""),
            3 => draft.set_header("epk", "{\"kty\":\"EC\"}"),
            _ => draft.set_header("p2c", "1000000"),
        }
        Bad
    }),
    change("T48", Stage::Signed, &[PAYLOAD], |draft, _| {
        draft.segments[1].clear();
        Bad
    }),
];

fn encoded_length(bytes: usize) -> usize {
    (bytes * 4).div_ceil(3)
}

fn signed_segment<'d>(draft: &'d mut Draft<'_>, random: &mut Rng) -> &'d mut String {
    match random.usize(0..3) {
        2 => &mut draft.signature_segment,
        index => &mut draft.segments[index],
    }
}

fn json_text<'d>(draft: &'d mut Draft<'_>, random: &mut Rng) -> &'d mut Vec<u8> {
    if random.bool() { &mut draft.header_text } else { &mut draft.payload_text }
}

fn padding(segment: &str) -> &'static str {
    ["====", "===", "==", "="][segment.len() % 4]
}

/// The changed text; if nothing has changed, another first character.
fn or_first(changed: String, before: &str, first: &str) -> String {
    if changed == before { format!("{first}{}", before.get(1..).unwrap_or_default()) } else { changed }
}

fn insert(text: &mut String, what: &str, random: &mut Rng) {
    text.insert_str(random.usize(..=text.len()), what);
}

/// The last character of a segment stands for fewer than six bits; sets some of the others.
fn unused_bits(segment: &mut String, random: &mut Rng) {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let unused: usize = match segment.len() % 4 {
        2 => 16,
        3 => 4,
        // Nothing to set: what was signed is gone.
        _ => return segment.clear(),
    };
    let last = segment.pop().unwrap_or('A');
    let value = ALPHABET.iter().position(|letter| char::from(*letter) == last).unwrap_or_default();
    segment.push(char::from(ALPHABET[value + random.usize(1..unused)]));
}
