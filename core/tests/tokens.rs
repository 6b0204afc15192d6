//! The text of a token: what of it is taken, and why the rest is refused before any key is looked at.
#![cfg(feature = "rsa")]

mod kit;
mod support;

use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Method, Response};
use kit::{
    ALL, CLIENT, Gullible, ISSUER, NOW, Op, access_rules, at, base64url, decoded, id_claims, id_rules,
    logout_rules, merged, refusal, segments,
};
use oidc_core::error::{Malformation, Segment, TokenError};
use oidc_core::jose::{KeySet, KeySetError, MAX_TOKEN, RustCrypto, SkipReason};
use oidc_core::token::{AccessToken, TokenRules, Unverified, verify_signature};
use oidc_core::{Claims, Incoming, Step};
use serde_json::{Value, json};
use support::{Ask, START, World};

const MAX_HEADER: usize = 4 * 1024;
/// A signature by a key of 2048 bits.
const SIGNATURE: usize = 342;

/// An issuer, and its keys as they are once a token of it was verified.
struct Trial {
    op: Op,
    keys: KeySet,
}

impl Trial {
    fn new() -> Self {
        let op = Op::new();
        let trial = Self { keys: op.keys(), op };
        assert!(trial.judge(&trial.good()).is_ok());
        trial
    }

    fn good(&self) -> String {
        self.op.token(&id_claims())
    }

    fn judge(&self, token: &str) -> Result<Claims, TokenError> {
        id_rules().verify(token, &self.keys, at(NOW))
    }

    /// Any text as header of otherwise good claims, signed.
    fn with_header(&self, header: impl AsRef<[u8]>) -> String {
        self.op.raw_bytes(header.as_ref(), id_claims().to_string().as_bytes())
    }

    /// Any text as payload below a good header, signed.
    fn with_payload(&self, payload: impl AsRef<[u8]>) -> String {
        self.op.raw_bytes(self.op.header().to_string().as_bytes(), payload.as_ref())
    }

    /// Where and how a token is malformed. Neither the kind of token nor what the keys have seen makes a difference.
    fn malformed(&self, token: &str) -> (Segment, Malformation) {
        let error = self.judge(token).expect_err(token);
        assert_eq!(error.code(), "malformed", "{token:.200}");
        for rules in [access_rules(), logout_rules()] {
            assert_eq!(rules.verify(token, &self.keys, at(NOW)), Err(error.clone()), "{token:.200}");
        }
        assert_eq!(id_rules().verify(token, &self.op.keys(), at(NOW)), Err(error.clone()), "{token:.200}");
        assert_eq!(Unverified::peek(token), Err(error.clone()), "{token:.200}");
        match error {
            TokenError::Malformed { segment, reason } => (segment, reason),
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    fn no_three_segments(&self, token: &str) {
        assert_eq!(self.malformed(token), (Segment::Token, Malformation::Segments), "{token:.200}");
        let signature = verify_signature(token, &ALL, &self.keys);
        assert_eq!(signature.unwrap_err().code(), "malformed", "{token:.200}");
    }

    #[track_caller]
    fn not_base64url(&self, segment: Segment, token: &str) {
        assert_eq!(self.malformed(token), (segment, Malformation::Base64), "{token:?}");
        let signature = verify_signature(token, &ALL, &self.keys);
        assert_eq!(signature.unwrap_err().code(), "malformed", "{token:?}");
    }

    /// Text that is no JSON, as header and as payload.
    #[track_caller]
    fn not_json(&self, at: Segment, text: impl AsRef<[u8]>) {
        let text = text.as_ref();
        let token = if at == Segment::Header { self.with_header(text) } else { self.with_payload(text) };
        let (segment, reason) = self.malformed(&token);
        assert_eq!(segment, at, "{}", text.escape_ascii());
        assert!(matches!(reason, Malformation::Json { .. }), "{} {reason:?}", text.escape_ascii());
    }

    #[track_caller]
    fn malformed_as(&self, segment: Segment, reason: Malformation, text: impl AsRef<[u8]>) {
        let text = text.as_ref();
        let token = if segment == Segment::Header { self.with_header(text) } else { self.with_payload(text) };
        assert_eq!(self.malformed(&token), (segment, reason), "{:.200}", text.escape_ascii().to_string());
    }

    /// Members, as text, in front of those of a good header and of a good payload.
    fn beside(&self, members: &str) -> [(Segment, String); 2] {
        let put = |object: Value| object.to_string().replacen('{', &format!("{{{members},"), 1);
        [(Segment::Header, put(self.op.header())), (Segment::Payload, put(id_claims()))]
    }
}

const SEGMENTS: [Segment; 3] = [Segment::Header, Segment::Payload, Segment::Signature];

/// The token with one segment's text changed, and a signature over the changed text, so that nothing else is wrong.
fn respelled(op: &Op, token: &str, segment: Segment, change: impl FnOnce(&str) -> String) -> String {
    let [header, payload, signature] = segments(token);
    match segment {
        Segment::Header => op.sign_text(&format!("{}.{payload}", change(header))),
        Segment::Payload => op.sign_text(&format!("{header}.{}", change(payload))),
        _ => format!("{header}.{payload}.{}", change(signature)),
    }
}

/// A token of this length whose header segment has that one, signed; blanks fill it up.
fn sized(op: &Op, header: usize, token: usize) -> String {
    let filled = |text: String, encoded: usize| {
        let length = encoded / 4 * 3 + [0, usize::MAX, 1, 2][encoded % 4];
        format!("{text:length$}")
    };
    let payload = token - header - SIGNATURE - 2;
    let made = op.raw(&filled(op.header().to_string(), header), &filled(id_claims().to_string(), payload));
    assert_eq!((made.len(), segments(&made)[0].len()), (token, header));
    made
}

/// Work that takes some milliseconds if its cost is bounded, and minutes if it grows as it must not.
#[expect(clippy::disallowed_methods, reason = "it is measured how long this takes")]
#[track_caller]
fn within_seconds<T>(work: impl FnOnce() -> T) -> T {
    let started = std::time::Instant::now();
    let value = work();
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    value
}

#[test]
fn t01_no_token_is_malformed_and_to_the_guard_it_is_no_credentials() {
    let trial = Trial::new();
    trial.no_three_segments("");
    let mut world = World::new();
    for authorization in ["Bearer", "Bearer ", "bearer    ", ""] {
        let answer = world.ask(Ask::get("/api/whoami").required().header("authorization", authorization));
        assert_eq!((answer.status(), answer.code().as_str()), (401, "no_credentials"), "{authorization:?}");
        assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"oidc\"");
    }
    assert!(world.fetched.is_empty());
}

#[test]
fn t02_fewer_than_three_segments_are_refused() {
    let trial = Trial::new();
    let good = trial.good();
    let [header, payload, signature] = segments(&good);
    for token in [
        header.to_owned(),
        format!("{header}.{payload}"),
        format!("{header}.{signature}"),
        format!("{header}."),
        ".".to_owned(),
        "..".to_owned(),
        "...".to_owned(),
    ] {
        trial.no_three_segments(&token);
    }
}

#[test]
fn t03_more_than_three_segments_are_refused() {
    let trial = Trial::new();
    let good = trial.good();
    let [header, payload, signature] = segments(&good);
    for token in [
        format!("{good}."),
        format!(".{good}"),
        format!("{good}.{signature}"),
        format!("{good}.{payload}.{signature}"),
        format!("{header}.{good}"),
        format!("{good}..."),
    ] {
        trial.no_three_segments(&token);
    }
}

#[test]
fn t03_an_encrypted_token_is_refused_whatever_its_header_says() {
    let trial = Trial::new();
    for header in [
        json!({ "alg": "RSA-OAEP", "enc": "A256GCM" }),
        json!({ "alg": "dir", "enc": "A128CBC-HS256" }),
        json!({ "alg": "PBES2-HS256+A128KW", "enc": "A128GCM", "p2s": "AAAA", "p2c": 2_000_000_000 }),
        trial.op.header(),
    ] {
        let header = base64url(header.to_string().as_bytes());
        for encrypted_key in ["", &base64url(&[7; 256])] {
            trial.no_three_segments(&format!(
                "{header}.{encrypted_key}.AAAAAAAAAAAAAAAA.AAAA.AAAAAAAAAAAAAAAAAAAAAA"
            ));
        }
    }
}

#[test]
fn t04_an_empty_segment_counts() {
    let trial = Trial::new();
    let good = trial.good();
    let [header, payload, signature] = segments(&good);
    for token in [
        format!("{header}..{payload}.{signature}"),
        format!("{header}.{payload}..{signature}"),
        format!("..{good}"),
        format!("{header}..{signature}"),
        format!(".{payload}.{signature}"),
        format!("..{signature}"),
    ] {
        trial.no_three_segments(&token);
    }
    // No signature at all is three segments, and no signature.
    assert_eq!(refusal(trial.judge(&format!("{header}.{payload}."))).0, "bad_signature");
}

#[test]
fn t05_a_flood_of_separators_is_refused_at_little_cost() {
    let trial = Trial::new();
    for count in [3, 4, 1_000, MAX_TOKEN] {
        trial.no_three_segments(&".".repeat(count));
    }
    let flood = ".".repeat(1_000_000);
    let longest = ".".repeat(MAX_TOKEN);
    within_seconds(|| {
        for _ in 0..1_000 {
            assert_eq!(trial.judge(&flood), Err(TokenError::TooLarge { limit: MAX_TOKEN }));
            assert_eq!(trial.judge(&longest).unwrap_err().code(), "malformed");
        }
    });
    let mut world = World::new();
    for (dots, code) in [(&flood, "too_large"), (&longest, "malformed")] {
        let answer = within_seconds(|| world.bearer(dots));
        assert_eq!((answer.status(), answer.code().as_str()), (401, code));
        assert!(answer.header("www-authenticate").contains("error=\"invalid_token\""));
    }
    assert!(world.fetched.is_empty());
}

#[test]
fn t06_one_byte_more_than_the_limit_is_refused_before_anything_is_decoded() {
    let trial = Trial::new();
    let token = sized(&trial.op, 122, MAX_TOKEN + 1);
    let too_large = Err(TokenError::TooLarge { limit: 16_384 });
    assert_eq!(trial.judge(&token), too_large);
    assert_eq!(Unverified::peek(&token).err(), too_large.clone().err());
    assert_eq!(verify_signature(&token, &ALL, &trial.keys).err(), too_large.clone().err());
    let header = sized(&trial.op, MAX_HEADER + 2, 6_000);
    assert_eq!(trial.judge(&header), Err(TokenError::TooLarge { limit: 4_096 }));
    // No base64url has this length, nor these characters: nobody looked.
    for fill in ["!", "\u{ff0e}", "A"] {
        assert_eq!(trial.judge(&fill.repeat(MAX_TOKEN + 1)), too_large);
        assert_eq!(
            trial.judge(&format!("{}.e30.AA", &fill.repeat(MAX_HEADER + 1))),
            Err(TokenError::TooLarge { limit: 4_096 })
        );
    }
    // To copy it so often would take minutes.
    let huge = "A".repeat(64 << 20);
    within_seconds(|| (0..10_000).for_each(|_| assert_eq!(trial.judge(&huge), too_large)));
}

#[test]
fn t07_exactly_as_much_as_the_limit_is_taken() {
    let trial = Trial::new();
    for (header, token) in [(120, MAX_TOKEN), (122, MAX_TOKEN), (MAX_HEADER, MAX_TOKEN), (MAX_HEADER, 6_000)]
    {
        let token = sized(&trial.op, header, token);
        assert_eq!(trial.judge(&token).unwrap().sub(), Some("ada"), "{header}");
        assert_eq!(Unverified::peek(&token).unwrap().issuer(), ISSUER);
    }
}

/// Header and payload of such a length that base64 would end them with this many `=`.
fn with_room(op: &Op, padding: usize) -> String {
    let fit = |text: String| {
        let length = text.len().next_multiple_of(3) + 3 - padding;
        format!("{text:length$}")
    };
    op.raw(&fit(op.header().to_string()), &fit(id_claims().to_string()))
}

#[test]
fn t08_padding_on_any_segment_is_refused() {
    let trial = Trial::new();
    for padding in [1, 2] {
        let good = with_room(&trial.op, padding);
        assert!(trial.judge(&good).is_ok());
        for (segment, text) in SEGMENTS.into_iter().zip(segments(&good)) {
            for equals in ["=", "=="] {
                // What was signed is the text without it.
                let padded = good.replacen(text, &format!("{text}{equals}"), 1);
                trial.not_base64url(segment, &padded);
            }
        }
    }
}

#[test]
fn t09_padding_that_was_signed_is_refused_too() {
    let trial = Trial::new();
    for padding in [1, 2] {
        let good = with_room(&trial.op, padding);
        for segment in [Segment::Header, Segment::Payload] {
            let unchanged = respelled(&trial.op, &good, segment, str::to_owned);
            assert!(trial.judge(&unchanged).is_ok(), "the signature would be right");
            let padded = respelled(&trial.op, &good, segment, |text| text.to_owned() + &"=".repeat(padding));
            trial.not_base64url(segment, &padded);
        }
    }
}

/// A good token that has `-` and `_` in each segment, at least twice.
fn with_both_specials(trial: &Trial) -> String {
    let special = "???~~~ ???~~~ ???~~~ ???~~~";
    let specials = json!({ "a": special, "bb": special, "ccc": special });
    for number in 0.. {
        let header = merged(specials.clone(), json!({ "number": number }));
        let token = trial.op.token_with(header, &merged(id_claims(), specials.clone()));
        if segments(&token).iter().all(|text| text.matches('-').count() > 1 && text.matches('_').count() > 1)
        {
            assert!(trial.judge(&token).is_ok());
            return token;
        }
    }
    unreachable!("signatures vary")
}

#[test]
fn t10_the_standard_alphabet_is_refused() {
    let trial = Trial::new();
    let good = with_both_specials(&trial);
    for segment in SEGMENTS {
        let standard = |text: &str| text.replace('-', "+").replace('_', "/");
        trial.not_base64url(segment, &respelled(&trial.op, &good, segment, standard));
    }
}

#[test]
fn t11_alphabets_mixed_in_one_segment_are_refused() {
    let trial = Trial::new();
    let good = with_both_specials(&trial);
    for segment in SEGMENTS {
        for (url, standard) in [("-", "+"), ("_", "/")] {
            let mixed = respelled(&trial.op, &good, segment, |text| text.replacen(url, standard, 1));
            assert!(mixed.contains(url) && mixed.contains(standard));
            trial.not_base64url(segment, &mixed);
        }
    }
}

/// A character at the start, in the middle and at the end of each segment, each time with a signature that is right if
/// the character counts, and with one that is right if it is skipped.
fn inserted(trial: &Trial, character: char) {
    let good = trial.good();
    for (segment, text) in SEGMENTS.into_iter().zip(segments(&good)) {
        for place in [0, text.len() / 2, text.len()] {
            let insert = |text: &str| format!("{}{character}{}", &text[..place], &text[place..]);
            trial.not_base64url(segment, &respelled(&trial.op, &good, segment, insert));
            trial.not_base64url(segment, &good.replacen(text, &insert(text), 1));
        }
    }
}

#[test]
fn t12_white_space_inside_a_segment_is_refused() {
    let trial = Trial::new();
    for space in [' ', '\t', '\r', '\n', '\u{b}', '\u{c}', '\u{a0}', '\u{feff}'] {
        inserted(&trial, space);
    }
    let good = trial.good();
    let wrapped: Vec<&str> = good.as_bytes().chunks(64).map(|line| str::from_utf8(line).unwrap()).collect();
    assert_eq!(trial.malformed(&wrapped.join("\r\n")), (Segment::Header, Malformation::Base64));
}

#[test]
fn t13_white_space_around_a_token_is_refused_by_core_and_blanks_are_stripped_by_the_guard() {
    let trial = Trial::new();
    let good = trial.good();
    for space in [" ", "\t", "\n", "\r\n", "\u{a0}", "\u{feff}"] {
        trial.not_base64url(Segment::Header, &format!("{space}{good}"));
        trial.not_base64url(Segment::Signature, &format!("{good}{space}"));
        trial.not_base64url(Segment::Header, &format!("{space}{good}{space}"));
    }
    let mut world = World::new();
    let token = world.access_token();
    for (authorization, taken) in [
        (format!("Bearer   {token}"), true),
        (format!("Bearer {token}  "), true),
        (format!("Bearer {token}\u{a0}"), false),
        (format!("Bearer \u{feff}{token}"), false),
    ] {
        let answer = world.ask(Ask::get("/api/whoami").header("authorization", &authorization));
        assert_eq!(answer.identity.is_some(), taken, "{authorization:?}");
        assert_eq!(answer.code() == "malformed", !taken, "{authorization:?}");
    }
}

#[test]
fn t14_a_nul_is_refused_wherever_it_stands() {
    let trial = Trial::new();
    inserted(&trial, '\0');
    trial.not_base64url(Segment::Signature, &format!("{}\0", trial.good()));
}

#[test]
fn t15_characters_of_no_alphabet_are_refused_wherever_they_stand() {
    let trial = Trial::new();
    for character in ['?', '#', '!', '@', '$', '%', '\u{11}', '\\', '~', '*', '&', ',', ':', '"'] {
        inserted(&trial, character);
    }
    // At every place: a decoder that works on groups of four must not skip one.
    let good = trial.good();
    for place in 0..=good.len() {
        for character in ["?", "#", "\u{11}", "!@$%"] {
            let token = format!("{}{character}{}", &good[..place], &good[place..]);
            assert_eq!(trial.judge(&token).unwrap_err().code(), "malformed", "{place} {character:?}");
        }
    }
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// All other texts of the same bytes: those with other spare bits.
fn other_spellings(text: &str) -> Vec<String> {
    let spare = [1, 1, 16, 4][text.len() % 4];
    let (rest, last) = text.split_at(text.len() - 1);
    let value = ALPHABET.iter().position(|known| *known == last.as_bytes()[0]).unwrap();
    assert_eq!(value % spare, 0, "{text}");
    (1..spare).map(|bits| format!("{rest}{}", char::from(ALPHABET[value + bits]))).collect()
}

#[test]
fn t16_a_signature_has_one_text() {
    let trial = Trial::new();
    let good = trial.good();
    let [header, payload, signature] = segments(&good);
    let others = other_spellings(signature);
    assert_eq!(others.len(), 15);
    for other in others {
        trial.not_base64url(Segment::Signature, &format!("{header}.{payload}.{other}"));
    }
}

#[test]
fn t17_header_and_payload_have_one_text_whatever_was_signed() {
    let trial = Trial::new();
    for (padding, spellings) in [(1, 3), (2, 15)] {
        let good = with_room(&trial.op, padding);
        for (segment, text) in [Segment::Header, Segment::Payload].into_iter().zip(segments(&good)) {
            let others = other_spellings(text);
            assert_eq!(others.len(), spellings);
            for other in others {
                trial.not_base64url(segment, &respelled(&trial.op, &good, segment, |_| other.clone()));
                trial.not_base64url(segment, &good.replacen(text, &other, 1));
            }
        }
    }
}

#[test]
fn t18_a_length_that_no_base64_has_is_refused() {
    let trial = Trial::new();
    let good = trial.good();
    for (segment, text) in SEGMENTS.into_iter().zip(segments(&good)) {
        for length in [1, 5, text.len() / 4 * 4 - 3] {
            let cut = |text: &str| text[..length].to_owned();
            trial.not_base64url(segment, &respelled(&trial.op, &good, segment, cut));
        }
        let longer = |text: &str| text.to_owned() + &"A".repeat((5 - text.len() % 4) % 4);
        trial.not_base64url(segment, &respelled(&trial.op, &good, segment, longer));
    }
}

#[test]
fn t19_what_is_not_ascii_is_refused() {
    let trial = Trial::new();
    for character in ['é', '\u{80}', '\u{ff0e}', '\u{3002}', '\u{2024}', 'Ａ', '\u{10ffff}'] {
        inserted(&trial, character);
    }
    let good = trial.good();
    for dot in ["\u{ff0e}", "\u{3002}", "\u{2024}"] {
        trial.no_three_segments(&good.replace('.', dot));
        trial.no_three_segments(&good.replacen('.', dot, 1));
    }
    // A dot of two bytes, as no UTF-8 has it.
    let mut world = World::new();
    let token = world.access_token();
    for dot in [&b"\xc0\xae"[..], b"\xe0\x80\xae", b".\xff"] {
        let overlong = token.as_bytes().split(|byte| *byte == b'.').collect::<Vec<_>>().join(dot);
        let seen = see(&mut world, &[b"Bearer ", overlong.as_slice()].concat());
        assert_eq!(seen.code.as_deref(), Some("malformed"));
        assert!(seen.sent.is_empty());
    }
    let overlong = [&b"{\"a\":\"\xc0\xae\","[..], &id_claims().to_string().as_bytes()[1..]].concat();
    trial.malformed_as(Segment::Payload, Malformation::Utf8, overlong);
}

#[test]
fn t20_a_token_written_as_json_is_refused() {
    let trial = Trial::new();
    let good = trial.good();
    let [header, payload, signature] = segments(&good);
    let forged = base64url(merged(id_claims(), json!({ "sub": "eve" })).to_string().as_bytes());
    let flattened = json!({ "protected": header, "payload": payload, "signature": signature });
    let general =
        json!({ "payload": payload, "signatures": [{ "protected": header, "signature": signature }] });
    for token in [flattened.to_string(), general.to_string(), serde_json::to_string(&good).unwrap()] {
        assert_eq!(trial.judge(&token).unwrap_err().code(), "malformed", "{token}");
        assert_eq!(Unverified::peek(&token).unwrap_err().code(), "malformed", "{token}");
    }
    // Both at once: a reader of JSON finds what was signed, a reader of segments what was forged.
    for name in [format!("  {header}.{forged}."), format!("{header}.{forged}.{signature}"), good.clone()] {
        let polyglot = merged(flattened.clone(), json!({ name.clone(): 1 })).to_string();
        assert_eq!(trial.judge(&polyglot).unwrap_err().code(), "malformed", "{polyglot}");
        let alone = json!({ name: 1 }).to_string();
        trial.not_base64url(Segment::Header, &alone);
    }
}

#[test]
fn t21_the_scheme_is_no_part_of_a_token() {
    let trial = Trial::new();
    for scheme in ["Bearer ", "bearer ", "Bearer\t", "Bearer", "Authorization: Bearer ", "DPoP "] {
        let (segment, reason) = trial.malformed(&format!("{scheme}{}", trial.good()));
        assert_eq!(segment, Segment::Header, "{scheme:?}");
        assert!(matches!(reason, Malformation::Base64 | Malformation::Json { .. }), "{scheme:?} {reason:?}");
    }
}

#[test]
fn t22_a_header_that_is_no_object_is_refused() {
    let trial = Trial::new();
    let header = trial.op.header();
    let listed = json!([header]).to_string();
    let quoted = serde_json::to_string(&header.to_string()).unwrap();
    for text in ["[]", &listed, "\"\"", &quoted, "1", "null", "true", " [ ] "] {
        trial.malformed_as(Segment::Header, Malformation::NotAnObject, text);
    }
    for text in [" ", "\n", "RS256"] {
        trial.not_json(Segment::Header, text);
    }
    trial.malformed_as(Segment::Header, Malformation::Header("alg"), "{}");
    trial.no_three_segments(&trial.with_header(""));
}

#[test]
fn t23_a_payload_that_is_no_object_is_refused() {
    let trial = Trial::new();
    let listed = json!([id_claims()]).to_string();
    let quoted = serde_json::to_string(&id_claims().to_string()).unwrap();
    for text in ["[]", &listed, "\"\"", &quoted, "1", "-0.5", "null", "false", " [ ] "] {
        trial.malformed_as(Segment::Payload, Malformation::NotAnObject, text);
    }
    for text in [" ", "\t", "ada"] {
        trial.not_json(Segment::Payload, text);
    }
    trial.no_three_segments(&trial.with_payload(""));
}

#[test]
fn t24_nothing_follows_the_object() {
    let trial = Trial::new();
    for (segment, object) in [(Segment::Header, trial.op.header()), (Segment::Payload, id_claims())] {
        for rest in ["x", "{}", "{", "}", ",", "]", ":1", "1", "null", "\0", "\u{feff}", "\u{a0}", " x", "//"]
        {
            trial.not_json(segment, format!("{object}{rest}"));
        }
        trial.not_json(segment, format!("{object}{object}"));
        trial.not_json(segment, &object.to_string()[..object.to_string().len() - 1]);
    }
}

#[test]
fn t25_a_byte_order_mark_is_refused() {
    let trial = Trial::new();
    for (segment, object) in [(Segment::Header, trial.op.header()), (Segment::Payload, id_claims())] {
        trial.not_json(segment, format!("\u{feff}{object}"));
        trial.not_json(segment, format!(" \u{feff}{object}"));
    }
}

#[test]
fn t26_text_that_is_not_utf_8_is_refused() {
    let trial = Trial::new();
    for (segment, object) in [(Segment::Header, trial.op.header()), (Segment::Payload, id_claims())] {
        let text = object.to_string();
        let utf16 = |bytes: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(bytes).collect::<Vec<u8>>();
        // Latin letters in UTF-16 are UTF-8 too, with many NULs.
        trial.not_json(segment, utf16(u16::to_le_bytes));
        trial.not_json(segment, utf16(u16::to_be_bytes));
        for marked in [
            [&[0xff, 0xfe][..], &utf16(u16::to_le_bytes)].concat(),
            [&[0xfe, 0xff][..], &utf16(u16::to_be_bytes)].concat(),
        ] {
            trial.malformed_as(segment, Malformation::Utf8, marked);
        }
        let bad: [&[u8]; 7] = [
            b"\xff",
            b"\x80",
            b"\xc3",
            b"\xc0\x80",
            b"\xed\xa0\x80",
            b"\xf4\x90\x80\x80",
            b"\xf8\x88\x80\x80\x80",
        ];
        for bytes in bad {
            let rest = &text.as_bytes()[1..];
            let value = [b"{\"x\":\"", bytes, b"\",", rest].concat();
            trial.malformed_as(segment, Malformation::Utf8, value);
            let name = [b"{\"", bytes, b"\":1,", rest].concat();
            trial.malformed_as(segment, Malformation::Utf8, name);
            trial.malformed_as(segment, Malformation::Utf8, [text.as_bytes(), bytes].concat());
        }
    }
}

#[test]
fn t27_half_a_character_is_refused() {
    let trial = Trial::new();
    for half in
        [r"\ud800", r"\udc00", r"\udbff", r"\udc00\ud800", r"\ud800x", r"\ud800\u0041", r"\ud83d\ud83d"]
    {
        for members in [
            format!(r#""x":"{half}""#),
            format!(r#""x":"a{half}b""#),
            format!(r#""{half}":1"#),
            format!(r#""x":["{half}"]"#),
            format!(r#""x":{{"y":"{half}"}}"#),
            format!(r#""x":{{"{half}":1}}"#),
        ] {
            for (segment, text) in trial.beside(&members) {
                trial.not_json(segment, text);
            }
        }
        let sub = id_claims().to_string().replace(r#""ada""#, &format!(r#""{half}""#));
        trial.not_json(Segment::Payload, sub);
    }
    let [_, (_, whole)] = trial.beside(r#""x":"\ud83d\ude00","\ud83d\ude01":1"#);
    let claims = trial.judge(&trial.with_payload(whole)).unwrap();
    assert_eq!((claims.get::<String>("x").unwrap().as_str(), claims.get("😁")), ("😀", Some(1)));
}

#[test]
fn t28_what_is_almost_json_is_refused() {
    let trial = Trial::new();
    let mut bad: Vec<String> =
        ["/**/\"x\":1", "\"x\":1/**/", "\"x\"://\n1", "\"x\":1#", "'x':1", "x:1", "\"x\":'1'"]
            .map(str::to_owned)
            .to_vec();
    bad.extend(
        ["\"x\":1,", "\"x\":[1,]", "\"x\":{\"y\":1,}", ",\"x\":1", "\"x\"", "\"x\":", "\"x\":1 2"]
            .map(Into::into),
    );
    for value in [
        "01",
        "-01",
        "00",
        "+1",
        "1.",
        ".5",
        "1e",
        "1e+",
        "-",
        "--1",
        "0x10",
        "1_000",
        "NaN",
        "-NaN",
        "Infinity",
        "-Infinity",
        "inf",
        "nan",
        "True",
        "NULL",
        "undefined",
        "\"\\x41\"",
        "\"\\u12\"",
        "\"\\'\"",
        "\"\t\"",
        "\"\n\"",
        "\"\u{1}\"",
        "\"a",
    ] {
        bad.push(format!("\"x\":{value}"));
        bad.push(format!("\"x\":[{value}]"));
        bad.push(format!("\"x\":{{\"y\":{value}}}"));
    }
    for members in bad {
        for (segment, text) in trial.beside(&members) {
            trial.not_json(segment, text);
        }
    }
    for value in ["NaN", "Infinity", "-Infinity", "01700000300", "+1700000300", "1700000300.", "0x65540acc"] {
        let text = id_claims().to_string().replace(&(NOW + 300).to_string(), value);
        assert!(text.contains(value));
        trial.not_json(Segment::Payload, text);
    }
}

#[test]
fn t29_a_registered_claim_that_stands_twice_is_refused() {
    let trial = Trial::new();
    let claims = merged(id_claims(), json!({ "nbf": NOW, "jti": "1", "nonce": "n", "azp": CLIENT }));
    assert!(trial.judge(&trial.with_payload(claims.to_string())).is_ok());
    for (name, value) in claims.as_object().unwrap() {
        let inside = claims.to_string();
        let inside = &inside[1..inside.len() - 1];
        for other in
            [value.to_string(), "1".into(), "\"eve\"".into(), (NOW + 9_999).to_string(), "null".into()]
        {
            let twice = format!("\"{name}\":{other}");
            for text in [format!("{{{twice},{inside}}}"), format!("{{{inside},{twice}}}")] {
                trial.malformed_as(Segment::Payload, Malformation::DuplicateMember, text);
            }
        }
    }
}

#[test]
fn t30_a_claim_that_stands_twice_in_other_letters_is_refused() {
    let trial = Trial::new();
    let all =
        |name: &str| name.chars().map(|letter| format!("\\u{:04x}", u32::from(letter))).collect::<String>();
    for (name, value) in id_claims().as_object().unwrap() {
        let first = format!("\\u{:04X}{}", u32::from(name.chars().next().unwrap()), &name[1..]);
        for name in [all(name), first] {
            let inside = id_claims().to_string();
            let inside = &inside[1..inside.len() - 1];
            for text in
                [format!("{{\"{name}\":{value},{inside}}}"), format!("{{{inside},\"{name}\":{value}}}")]
            {
                trial.malformed_as(Segment::Payload, Malformation::DuplicateMember, text);
            }
        }
    }
    // Escaped alone, a name is the same name.
    let escaped =
        id_claims().to_string().replace("\"exp\"", r#""e\u0078p""#).replace("\"sub\"", r#""\u0073ub""#);
    let claims = trial.judge(&trial.with_payload(escaped)).unwrap();
    assert_eq!((claims.sub(), claims.expires_at()), (Some("ada"), Some(at(NOW + 300))));
    let expired = id_claims().to_string().replace(&format!("\"exp\":{}", NOW + 300), r#""e\u0078p":1"#);
    assert_eq!(refusal(trial.judge(&trial.with_payload(expired))), ("expired", Some("exp")));
}

#[test]
fn t31_any_other_member_that_stands_twice_is_refused_at_any_depth() {
    let trial = Trial::new();
    let (open, close) = (r#"{"a":[{"b":"#, "}]}");
    let deep = format!("{}{}{}", open.repeat(9), r#"{"r":1,"r":2}"#, close.repeat(9));
    for members in [
        r#""roles":["user"],"roles":["admin"]"#,
        r#""roles":1,"roles":1"#,
        r#""roles":1,"role\u0073":2"#,
        r#""":1,"":2"#,
        r#""x":{"roles":1,"roles":2}"#,
        r#""x":{"roles":1,"between":{"roles":0},"roles":2}"#,
        r#""x":[{"y":[{"roles":1,"\u0072oles":2}]}]"#,
        r#""x":{"😀":1,"\ud83d\ude00":2}"#,
        &format!(r#""x":{deep}"#),
    ] {
        for (segment, text) in trial.beside(members) {
            trial.malformed_as(segment, Malformation::DuplicateMember, text);
        }
    }
    // So many names are compared in another way.
    let many = (0..200).map(|number| format!("\"n{number}\":0,")).collect::<String>();
    for members in [
        format!("{many}\"n117\":1"),
        format!("\"x\":{{{many}\"n0\":1}}"),
        format!("\"n199\":1,{many}\"z\":0"),
    ] {
        for (segment, text) in trial.beside(&members) {
            trial.malformed_as(segment, Malformation::DuplicateMember, text);
        }
    }
    // The same name in two objects is none twice, nor is one in other letters.
    let [_, (_, text)] = trial.beside(r#""x":{"roles":1},"y":{"roles":{"roles":1}},"roles":1,"Roles":2"#);
    assert!(trial.judge(&trial.with_payload(text)).is_ok());
}

#[test]
fn t32_a_header_member_that_stands_twice_is_refused() {
    let trial = Trial::new();
    let kid = trial.op.provider.current_kid();
    for text in [
        format!(r#"{{"alg":"none","alg":"RS256","kid":"{kid}"}}"#),
        format!(r#"{{"alg":"RS256","alg":"none","kid":"{kid}"}}"#),
        format!(r#"{{"alg":"RS256","kid":"{kid}","al\u0067":"none"}}"#),
        format!(r#"{{"alg":"RS256","alg":"RS256","kid":"{kid}"}}"#),
        format!(r#"{{"kid":"other","alg":"RS256","kid":"{kid}"}}"#),
        format!(r#"{{"typ":"JWT","alg":"RS256","kid":"{kid}","typ":"at+jwt"}}"#),
        format!(r#"{{"alg":"RS256","kid":"{kid}","crit":["b64"],"crit":["exp"]}}"#),
        format!(r#"{{"alg":"RS256","kid":"{kid}","jwk":{{"n":"a","n":"b"}}}}"#),
    ] {
        trial.malformed_as(Segment::Header, Malformation::DuplicateMember, text);
    }
}

/// Runs on a stack that holds no recursion worth mentioning.
#[expect(clippy::disallowed_methods, reason = "a thread of core's tests alone has a small stack")]
fn on_a_small_stack<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    std::thread::Builder::new().stack_size(256 * 1024).spawn(work).unwrap().join().unwrap()
}

/// Values in each other, so many levels deep: arrays, objects, and both by turns.
fn nested(levels: usize) -> Vec<String> {
    let forms = [("[", "]"), (r#"{"a":"#, "}"), (r#"[{"a":"#, "}]")];
    let text = |(open, close): (&str, &str)| {
        let inside = if levels.is_multiple_of(close.len()) { "1" } else { "[1]" };
        let times = levels / close.len();
        format!("{}{inside}{}", open.repeat(times), close.repeat(times))
    };
    forms.into_iter().map(text).collect()
}

/// The same, cut off where it is deepest.
fn left_open(levels: usize) -> Vec<String> {
    nested(levels).into_iter().map(|text| text.split('1').next().unwrap().to_owned()).collect()
}

#[test]
fn t33_thirty_two_levels_are_taken_and_one_more_is_not() {
    on_a_small_stack(|| {
        let trial = Trial::new();
        // The object around it is a level too.
        for value in nested(31) {
            let [(_, header), (_, payload)] = trial.beside(&format!("\"deep\":{value}"));
            let token = trial.op.raw(&header, &payload);
            let claims = trial.judge(&token).unwrap();
            assert_eq!(claims.get::<Value>("deep"), serde_json::from_str(&value).ok());
            assert!(claims.get::<Value>("deep").is_some() && Unverified::peek(&token).is_ok());
        }
        for value in left_open(31) {
            trial
                .beside(&format!("\"deep\":{value}"))
                .into_iter()
                .for_each(|(at, text)| trial.not_json(at, text));
        }
        for levels in [32, 99, 127, 128, 200] {
            for value in nested(levels).into_iter().chain(left_open(levels)) {
                for (segment, text) in trial.beside(&format!("\"deep\":{value}")) {
                    trial.malformed_as(segment, Malformation::TooDeep, text);
                }
            }
        }
        // As deep as a token can be.
        for open in ["[", "{\"a\":"] {
            let most = open.repeat((MAX_TOKEN - 1_000) * 3 / 4 / open.len());
            trial.malformed_as(Segment::Payload, Malformation::TooDeep, format!("{{\"deep\":{most}"));
            trial.malformed_as(Segment::Payload, Malformation::TooDeep, most);
        }
        // Brackets in a string are text.
        let text = "\"[{\\".repeat(100);
        let claims = trial.judge(&trial.op.token(&merged(id_claims(), json!({ "text": text })))).unwrap();
        assert_eq!(claims.get("text"), Some(text));
    });
}

#[test]
fn t33_any_depth_is_refused_on_a_small_stack() {
    on_a_small_stack(|| {
        let trial = Trial::new();
        for levels in [33, 100, 10_000, 100_000] {
            for value in nested(levels).into_iter().chain(left_open(levels)) {
                for text in [
                    format!(r#"{{"keys":[],"deep":{value}}}"#),
                    format!(r#"{{"keys":[{{"kty":"RSA","n":{value}}}]}}"#),
                    format!(r#"{{"keys":{value}}}"#),
                    value.clone(),
                ] {
                    let refused = KeySet::parse(text.as_bytes(), &RustCrypto).unwrap_err();
                    assert_eq!(refused, KeySetError::Malformed(Malformation::TooDeep), "{levels} {text:.40}");
                }
                for (segment, text) in trial.beside(&format!("\"deep\":{value}")) {
                    let token = if segment == Segment::Header {
                        trial.with_header(text)
                    } else {
                        trial.with_payload(text)
                    };
                    let code = trial.judge(&token).unwrap_err().code();
                    let too_large = token.len() > MAX_TOKEN || segments(&token)[0].len() > MAX_HEADER;
                    assert_eq!(code, if too_large { "too_large" } else { "malformed" }, "{levels}");
                    assert_eq!(Unverified::peek(&token).unwrap_err().code(), code);
                }
            }
        }
    });
}

/// A string may hold any number of brackets, however deep the rest is.
#[test]
fn t33_brackets_in_strings_are_no_depth() {
    let trial = Trial::new();
    // Claims are an object themselves, so 31 levels of arrays in them are the most.
    let deepest = format!("{}{}", "[".repeat(31), "]".repeat(31));
    for brackets in ["[", "{", r#"[{\""#, r"\\["] {
        let text = brackets.repeat(40);
        for claims in [
            format!(r#""deep":{deepest},"text":"{text}""#),
            format!(r#""text":"{text}","deep":{deepest}"#),
            format!(r#""{text}":{deepest}"#),
        ] {
            let payload = id_claims().to_string().replacen('{', &format!("{{{claims},"), 1);
            assert!(trial.judge(&trial.with_payload(payload)).is_ok(), "{claims}");
        }
    }
    let payload =
        id_claims().to_string().replacen('{', &format!("{{\"text\":\"]]]]\",\"deep\":[{deepest}],"), 1);
    let refused = trial.malformed(&trial.with_payload(payload));
    assert_eq!(refused, (Segment::Payload, Malformation::TooDeep), "one more");
}

#[test]
fn t34_a_number_beyond_all_bounds_is_refused() {
    let trial = Trial::new();
    let longest = (MAX_TOKEN - 1_000) * 3 / 4;
    let digits = "9".repeat(longest);
    for number in [
        "1e999999999",
        "-1e999999999",
        "1E+400",
        "1e309",
        &digits,
        &format!("{digits}.5"),
        &format!("{digits}e9"),
    ] {
        let [_, (segment, text)] = trial.beside(&format!("\"x\":{number}"));
        let error = trial.judge(&trial.with_payload(text)).unwrap_err();
        assert_eq!(error, TokenError::Malformed { segment, reason: Malformation::Number }, "{number:.20}");
        for nested in [format!("\"x\":[{number}]"), format!("\"x\":{{\"y\":{number}}}")] {
            let [_, (segment, text)] = trial.beside(&nested);
            trial.not_json(segment, text);
        }
        for name in ["exp", "iat", "nbf"] {
            let text = id_claims().to_string().replace(&format!("\"{name}\":"), "\"_\":");
            let text = text.replacen('{', &format!("{{\"{name}\":{number},"), 1);
            assert_eq!(refusal(trial.judge(&trial.with_payload(text))), ("claim_invalid", Some(name)));
        }
    }
    // So small a number is zero, and so long a fraction is a number.
    for number in ["1e-999999999", &format!("0.{digits}"), "0e999999999"] {
        let [_, (_, text)] = trial.beside(&format!("\"x\":{number}"));
        let claims = trial.judge(&trial.with_payload(text)).unwrap();
        assert!(claims.get::<f64>("x").is_some_and(|read| (0.0..=1.0).contains(&read)), "{number:.20}");
    }
    for number in ["1e999999999", "1e309", &"9".repeat(1_000)] {
        let [(segment, text), _] = trial.beside(&format!("\"x\":{number}"));
        trial.malformed_as(segment, Malformation::Number, text);
    }
    let million = "9".repeat(1_000_000);
    let token = trial.with_payload(trial.beside(&format!("\"x\":{million}"))[1].1.clone());
    assert_eq!(trial.judge(&token), Err(TokenError::TooLarge { limit: MAX_TOKEN }));
}

#[test]
fn t34_reading_a_number_takes_time_in_proportion_to_its_length() {
    let trial = Trial::new();
    let longest = (MAX_TOKEN - 1_000) * 3 / 4;
    let tokens =
        ["9".repeat(longest), format!("0.{}", "9".repeat(longest)), format!("1e{}", "9".repeat(longest))]
            .map(|number| trial.with_payload(trial.beside(&format!("\"x\":[{number}]"))[1].1.clone()));
    within_seconds(|| {
        for token in tokens.iter().cycle().take(300) {
            let _ = std::hint::black_box(trial.judge(token));
        }
    });
    for number in [
        "9".repeat(1_000_000),
        format!("0.{}", "9".repeat(1_000_000)),
        format!("1e{}", "9".repeat(1_000_000)),
    ] {
        let set = format!(r#"{{"keys":[{{"kty":"RSA","n":{number},"e":[{number}]}}],"x":{number}}}"#);
        let set = within_seconds(|| KeySet::parse(set.as_bytes(), &RustCrypto).unwrap());
        assert_eq!(set.skipped().iter().map(|key| key.reason).collect::<Vec<_>>(), [SkipReason::Malformed]);
    }
}

fn members(count: usize) -> String {
    (0..count).map(|number| format!("\"{number}\":0")).collect::<Vec<_>>().join(",")
}

#[test]
fn t35_two_hundred_and_fifty_six_members_are_taken_and_one_more_is_not() {
    let trial = Trial::new();
    let own = [trial.op.header(), id_claims()].map(|object| object.as_object().unwrap().len());
    for nested in [false, true] {
        // Members count wherever they are.
        let with = |count: usize| {
            if nested { format!("\"x\":[{{{}}}]", members(count - 1)) } else { members(count) }
        };
        for (index, own) in own.into_iter().enumerate() {
            let (segment, text) = trial.beside(&with(256 - own))[index].clone();
            let token =
                if segment == Segment::Header { trial.with_header(text) } else { trial.with_payload(text) };
            assert!(trial.judge(&token).is_ok(), "{segment}");
            let (segment, text) = trial.beside(&with(257 - own))[index].clone();
            trial.malformed_as(segment, Malformation::TooManyMembers, text);
        }
    }
}

#[test]
fn t35_very_many_members_are_refused_at_little_cost() {
    let trial = Trial::new();
    // As many as a token holds.
    let most = trial.with_payload(trial.beside(&members(1_400))[1].1.clone());
    assert!((MAX_TOKEN - 2_000..=MAX_TOKEN).contains(&most.len()), "{}", most.len());
    let all = members(10_000);
    let set = format!("{{\"keys\":[],{all}}}");
    let key = format!("{{\"keys\":[{{\"kty\":\"RSA\",{all}}}]}}");
    // Within the limit, and of names that differ in their last letter alone.
    let prefix = "n".repeat(30);
    let alike = members(240).replace("\":0", "\":{}").replace(",\"", &format!(",\"{prefix}"));
    let alike = trial.with_payload(trial.beside(&alike)[1].1.clone());
    within_seconds(|| {
        for _ in 0..100 {
            let reason = Malformation::TooManyMembers;
            assert_eq!(trial.judge(&most), Err(TokenError::Malformed { segment: Segment::Payload, reason }));
            assert_eq!(
                KeySet::parse(set.as_bytes(), &RustCrypto).unwrap_err(),
                KeySetError::Malformed(Malformation::TooManyMembers)
            );
            let keys = KeySet::parse(key.as_bytes(), &RustCrypto).unwrap();
            assert_eq!((keys.len(), keys.skipped()[0].reason), (0, SkipReason::Malformed));
            assert!(trial.judge(&alike).is_ok());
        }
    });
}

/// The issuer's keys under another `kid`.
fn keys_named(trial: &Trial, kid: &str) -> KeySet {
    let mut set = trial.op.provider.jwks();
    set["keys"][0]["kid"] = json!(kid);
    KeySet::parse(set.to_string().as_bytes(), &RustCrypto).unwrap()
}

const ODD_KIDS: [&str; 9] = [
    "",
    " ",
    "a\r\nX-Injected: 1",
    "\0",
    "\u{1b}[2J\u{7}",
    "../../etc/passwd",
    "x' OR '1'='1",
    "https://evil.example/keys?kid=<script>",
    "\u{202e}kid\u{ff0e}",
];

#[test]
fn t36_a_kid_is_an_opaque_text_of_bounded_length() {
    let trial = Trial::new();
    let longest = "k".repeat(256);
    let wide = "é".repeat(128);
    for kid in ODD_KIDS.into_iter().chain([longest.as_str(), &wide]) {
        let token = trial.op.token_with(json!({ "kid": kid }), &id_claims());
        assert_eq!(refusal(trial.judge(&token)), ("unknown_key", None), "{kid:?}");
        let keys = keys_named(&trial, kid);
        assert!(id_rules().verify(&token, &keys, at(NOW)).is_ok(), "{kid:?}");
        assert_eq!(id_rules().verify(&trial.good(), &keys, at(NOW)), Err(TokenError::UnknownKey), "{kid:?}");
        assert_eq!(Unverified::peek(&token).unwrap().key_id(), Some(kid));
    }
    for kid in ["k".repeat(257), "é".repeat(129), "k".repeat(2_000)] {
        let token = trial.op.token_with(json!({ "kid": kid }), &id_claims());
        assert_eq!(trial.malformed(&token), (Segment::Header, Malformation::Header("kid")));
        let known = id_rules().verify(&token, &keys_named(&trial, &kid), at(NOW));
        assert_eq!(refusal(known).0, "malformed");
    }
    let huge = trial.op.token_with(json!({ "kid": "k".repeat(100 * 1024) }), &id_claims());
    assert_eq!(refusal(trial.judge(&huge)).0, "too_large");
}

#[test]
fn t36_a_kid_goes_nowhere_but_into_the_comparison_with_the_keys() {
    for kid in ODD_KIDS.into_iter().filter(|kid| kid.len() > 1).chain(["canary-kid"]) {
        let mut world = World::new();
        let claims = json!({ "iss": support::ISSUER, "aud": "web", "sub": "ada", "client_id": "web", "jti": "1",
            "iat": START, "exp": START + 300 });
        let token = world.provider.sign(&json!({ "alg": "RS256", "typ": "at+jwt", "kid": kid }), &claims);
        let mut seen = None;
        let logged = recorder::logged(|| seen = Some(see(&mut world, format!("Bearer {token}").as_bytes())));
        let seen = seen.unwrap();
        assert_eq!(seen.code.as_deref(), Some("unknown_key"), "{kid:?}");
        assert!(
            !seen.sent.is_empty() && !logged.is_empty(),
            "keys were asked for, and the refusal was logged"
        );
        for text in seen.sent.iter().chain([&seen.answer]).chain(&logged) {
            let plain = text.contains(kid) || text.contains("canary");
            let escaped = text.contains(&kid.escape_debug().to_string());
            assert!(!plain && !escaped, "{kid:?} in {text}");
            assert!(!text.contains(['\0', '\r', '\n', '\u{1b}', '\u{202e}']), "{text:?}");
        }
    }
}

/// What a guard does with a value of `Authorization`.
struct Seen {
    code: Option<String>,
    /// Status, headers and body.
    answer: String,
    /// The requests that were sent to the provider, with their headers and bodies.
    sent: Vec<String>,
}

fn see(world: &mut World, authorization: &[u8]) -> Seen {
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, HeaderValue::from_bytes(authorization).unwrap());
    let incoming = Incoming {
        method: &Method::GET,
        target: "/api",
        headers: &headers,
        body: Some(&[]),
        presented: None,
    };
    let guard = world.guard.clone();
    let mut sent = Vec::new();
    let mut step = guard.check(incoming, world.now);
    let verdict = loop {
        step = match step {
            Step::Done(verdict) => break verdict,
            Step::Fetch(fetch, reply) => {
                sent.push(format!("{} {:?}", fetch.request.uri(), fetch.request));
                let result = world.send(fetch);
                reply.resume(result, world.now)
            }
            Step::Wait(pause, wake) => {
                world.now = world.now.saturating_add(pause);
                wake.resume(world.now)
            }
            Step::Store(..) => panic!("a bearer token needs no store"),
        };
    };
    let response: Response<Vec<u8>> = verdict.into_response();
    let (head, body) = response.into_parts();
    let body = String::from_utf8(body).unwrap();
    let code =
        serde_json::from_str::<Value>(&body).ok().and_then(|json| json["error"].as_str().map(Into::into));
    Seen { code, answer: format!("{} {:?} {}", head.status, head.headers, body.trim_end()), sent }
}

/// Keeps what is logged as a plain logger would print it.
mod recorder {
    use std::fmt::{Debug, Write};
    use std::sync::{Arc, Mutex};

    use tracing::field::{Field, Visit};
    use tracing::{Event, Metadata, Subscriber, span};

    #[derive(Clone, Default)]
    struct Recorder(Arc<Mutex<Vec<String>>>);

    pub(crate) fn logged(act: impl FnOnce()) -> Vec<String> {
        let recorder = Recorder::default();
        tracing::subscriber::with_default(recorder.clone(), act);
        std::mem::take(&mut recorder.0.lock().unwrap())
    }

    struct Line(String);

    impl Visit for Line {
        fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
            write!(self.0, "{}={value:?} ", field.name()).unwrap();
        }
    }

    impl Subscriber for Recorder {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }

        fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
            span::Id::from_u64(1)
        }

        fn event(&self, event: &Event<'_>) {
            let mut line = Line(String::new());
            event.record(&mut line);
            self.0.lock().unwrap().push(line.0);
        }

        fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
        fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
        fn enter(&self, _: &span::Id) {}
        fn exit(&self, _: &span::Id) {}
    }
}

#[test]
fn t37_a_kid_that_is_no_string_is_refused() {
    let trial = Trial::new();
    for kid in
        [json!(1), json!(0.5), Value::Null, json!([]), json!(["k"]), json!({}), json!(true), json!(false)]
    {
        let token = trial.op.token_with(json!({ "kid": kid }), &id_claims());
        assert_eq!(trial.malformed(&token), (Segment::Header, Malformation::Header("kid")), "{kid}");
    }
    assert!(trial.judge(&trial.with_header(r#"{"alg":"RS256"}"#)).is_ok(), "it may be absent");
}

#[test]
fn t38_an_alg_that_is_missing_or_no_string_is_refused() {
    let trial = Trial::new();
    for alg in
        [json!(256), Value::Null, json!([]), json!(["RS256"]), json!({ "RS256": 1 }), json!(true), json!("")]
    {
        let token = trial.op.token_with(json!({ "alg": alg }), &id_claims());
        assert_eq!(trial.malformed(&token), (Segment::Header, Malformation::Header("alg")), "{alg}");
    }
    for name in ["Alg", "ALG", "alg ", "\\u0000alg"] {
        let header = trial.op.header().to_string().replace("\"alg\"", &format!("\"{name}\""));
        trial.malformed_as(Segment::Header, Malformation::Header("alg"), header);
    }
    trial.malformed_as(Segment::Header, Malformation::Header("alg"), "{}");
}

#[test]
fn t39_an_algorithm_has_one_name() {
    let trial = Trial::new();
    let rules = id_rules().algorithms(&ALL).unwrap();
    for alg in
        ["rs256", "RS256 ", "Rs256", " RS256", "RS256\0", "RS-256", "RS", "RS2560", "ＲＳ256", "RS256,RS384"]
    {
        let token = trial.op.token_with(json!({ "alg": alg }), &id_claims());
        for rules in [&id_rules(), &rules] {
            let error = rules.verify(&token, &trial.keys, at(NOW)).unwrap_err();
            assert_eq!(error.code(), "algorithm_not_allowed");
            assert!(
                matches!(error, TokenError::AlgorithmNotAllowed { alg: said } if said.is(alg)),
                "{alg:?}"
            );
        }
    }
}

#[test]
fn t40_a_name_written_with_escapes_is_the_same_name() {
    let trial = Trial::new();
    let kid = trial.op.provider.current_kid();
    for header in [
        format!(r#"{{"alg":"RS\u003256","kid":"{kid}"}}"#),
        format!(r#"{{"\u0061lg":"\u0052\u0053\u0032\u0035\u0036","k\u0069d":"{kid}"}}"#),
    ] {
        assert_eq!(trial.judge(&trial.with_header(header)).unwrap().sub(), Some("ada"));
    }
    let none = trial.with_header(format!(r#"{{"alg":"\u006eone","kid":"{kid}"}}"#));
    assert_eq!(refusal(trial.judge(&none)).0, "algorithm_not_allowed");
}

#[test]
fn t41_blanks_between_json_tokens_are_taken_and_are_signed_as_they_are() {
    let trial = Trial::new();
    let spaced = |object: Value| {
        let text = object.to_string();
        let text = text.replace(',', "\t,\r\n ").replace("\":", "\" \n:\t ");
        format!("\r\n\t {} \n\n", text.replace('{', "{\r\n").replace('}', "\t}"))
    };
    let (header, payload) = (spaced(trial.op.header()), spaced(id_claims()));
    let token = trial.op.raw(&header, &payload);
    assert_eq!(decoded(segments(&token)[0]), header.as_bytes());
    assert_eq!(trial.judge(&token).unwrap().sub(), Some("ada"));
    // The same JSON in another text was not signed.
    let [_, _, signature] = segments(&token);
    let good = trial.good();
    let [header, payload, _] = segments(&good);
    assert_eq!(refusal(trial.judge(&format!("{header}.{payload}.{signature}"))).0, "bad_signature");
}

#[test]
fn t42_an_extension_that_must_be_understood_is_not() {
    let trial = Trial::new();
    for header in [
        json!({ "crit": ["exp"], "exp": NOW + 300 }),
        json!({ "crit": ["https://example.com/extension"], "https://example.com/extension": true }),
        json!({ "crit": ["bork", "b64"], "bork": 1, "b64": true }),
    ] {
        let token = trial.op.token_with(header.clone(), &id_claims());
        assert_eq!(trial.judge(&token), Err(TokenError::CriticalHeader), "{header}");
        assert_eq!(Unverified::peek(&token), Err(TokenError::CriticalHeader), "{header}");
    }
    assert_eq!(TokenError::CriticalHeader.code(), "critical_header");
    let harmless = trial.op.token_with(json!({ "https://example.com/extension": true }), &id_claims());
    assert!(trial.judge(&harmless).is_ok(), "what is not critical may be ignored");
}

#[test]
fn t43_crit_is_refused_whatever_it_is() {
    let trial = Trial::new();
    for crit in [
        json!([]),
        Value::Null,
        json!("exp"),
        json!(""),
        json!([1]),
        json!([null]),
        json!([["exp"]]),
        json!(["exp", "exp"]),
        json!(["alg"]),
        json!(["kid", "typ"]),
        json!(["crit"]),
        json!(["absent"]),
        json!([""]),
        json!({}),
        json!(true),
        json!(0),
    ] {
        let token = trial.op.token_with(json!({ "crit": crit, "exp": NOW + 300 }), &id_claims());
        assert_eq!(refusal(trial.judge(&token)).0, "critical_header", "{crit}");
        let escaped = trial.op.header().to_string().replacen('{', &format!("{{\"cr\\u0069t\":{crit},"), 1);
        assert_eq!(refusal(trial.judge(&trial.with_header(escaped))).0, "critical_header", "{crit}");
    }
}

#[test]
fn t44_an_unencoded_payload_is_refused_with_crit() {
    let trial = Trial::new();
    let header = merged(trial.op.header(), json!({ "b64": false, "crit": ["b64"] }));
    let encoded = base64url(header.to_string().as_bytes());
    let payload = id_claims().to_string().replace("https://op.example", "issuer");
    assert!(!payload.contains('.'));
    for token in [
        trial.op.raw(&header.to_string(), &id_claims().to_string()),
        trial.op.sign_text(&format!("{encoded}.{payload}")),
        trial.op.sign_text(&format!("{encoded}.$02")),
    ] {
        assert_eq!(refusal(trial.judge(&token)).0, "critical_header");
        assert_eq!(verify_signature(&token, &ALL, &trial.keys), Err(TokenError::CriticalHeader));
    }
}

#[test]
fn t45_an_unencoded_payload_is_refused_without_crit() {
    let trial = Trial::new();
    for b64 in [json!(false), json!(true), json!("false"), Value::Null] {
        let header = merged(trial.op.header(), json!({ "b64": b64 }));
        let encoded = base64url(header.to_string().as_bytes());
        for token in [
            trial.op.raw(&header.to_string(), &id_claims().to_string()),
            trial.op.sign_text(&format!("{encoded}.$02")),
        ] {
            assert_eq!(refusal(trial.judge(&token)).0, "critical_header", "{b64}");
        }
    }
}

#[test]
fn t46_a_compressed_token_is_refused_and_nothing_here_could_inflate_it() {
    let trial = Trial::new();
    for zip in [json!("DEF"), json!("none"), json!(""), Value::Null, json!(1)] {
        let token = trial.op.token_with(json!({ "zip": zip }), &id_claims());
        assert_eq!(trial.malformed(&token), (Segment::Header, Malformation::Unsupported("zip")), "{zip}");
    }
    // `.ci/purity` keeps this list equal to what is linked.
    let dependencies = include_str!("../../.ci/core-dependencies.txt");
    assert!(dependencies.lines().any(|line| line == "serde_json"), "it is the list of crates");
    for inflater in
        ["flate", "miniz", "zlib", "zip", "deflate", "compression", "brotli", "zstd", "lz4", "snap", "gzip"]
    {
        assert!(!dependencies.contains(inflater), "{inflater}");
    }
}

#[test]
fn t47_nested_and_encrypted_tokens_are_refused() {
    let trial = Trial::new();
    let epk = json!({ "kty": "EC", "crv": "P-256", "x": "AA", "y": "AA" });
    for (name, value) in [
        ("cty", json!("JWT")),
        ("cty", json!("jwt")),
        ("cty", json!("application/jwt")),
        ("cty", json!("Application/JWT")),
        ("enc", json!("A256GCM")),
        ("enc", Value::Null),
        ("epk", epk),
        ("epk", json!("")),
        ("p2c", json!(1_000_000_000)),
        ("p2c", json!("1")),
    ] {
        let token = trial.op.token_with(json!({ name: value }), &id_claims());
        assert_eq!(trial.malformed(&token), (Segment::Header, Malformation::Unsupported(name)), "{value}");
    }
    let token = trial.op.token_with(json!({ "cty": 1 }), &id_claims());
    assert_eq!(trial.malformed(&token), (Segment::Header, Malformation::Header("cty")));
    let plain = trial.op.token_with(json!({ "cty": "application/json" }), &id_claims());
    assert!(trial.judge(&plain).is_ok(), "claims are JSON");
    // A token within a token: the outer one's payload is text, no claims.
    let nested = trial.with_payload(trial.good());
    assert!(matches!(trial.malformed(&nested), (Segment::Payload, Malformation::Json { .. })));
}

#[test]
fn t48_a_detached_payload_is_refused_whatever_its_signature_covers() {
    let trial = Trial::new();
    let good = trial.good();
    let [header, _, signature] = segments(&good);
    trial.no_three_segments(&format!("{header}..{signature}"));
    let empty = trial.op.sign_text(&format!("{header}."));
    assert!(empty.contains(".."));
    trial.no_three_segments(&empty);
    let unencoded = merged(trial.op.header(), json!({ "b64": false, "crit": ["b64"] })).to_string();
    let signed = trial.op.sign_text(&format!("{}.$.02", base64url(unencoded.as_bytes())));
    let (input, signature) = signed.rsplit_once('.').unwrap();
    trial.no_three_segments(&format!("{}..{signature}", input.split('.').next().unwrap()));
}

#[test]
fn t49_an_unverified_token_tells_its_issuer_and_its_key_and_proves_nothing() {
    let trial = Trial::new();
    let good = trial.good();
    let said = Unverified::peek(&good).unwrap();
    assert_eq!(said.issuer(), ISSUER);
    assert_eq!(said.key_id(), Some(trial.op.provider.current_kid().as_str()));
    let nameless = Unverified::peek(&trial.with_header(r#"{"alg":"RS384"}"#)).unwrap();
    assert_eq!((nameless.issuer(), nameless.key_id()), (ISSUER, None));

    // Anybody can write a token: it says what it likes, and is good for nothing.
    let [header, payload, signature] = segments(&good);
    let eve = base64url(merged(id_claims(), json!({ "sub": "eve" })).to_string().as_bytes());
    let zeros = base64url(&[0; 256]);
    for (token, code) in [
        (format!("{header}.{eve}.{signature}"), "bad_signature"),
        (format!("{header}.{payload}.{zeros}"), "bad_signature"),
        (format!("{header}.{payload}."), "bad_signature"),
        (trial.op.token_with(json!({ "kid": "made-up" }), &id_claims()), "unknown_key"),
        (trial.op.token(&merged(id_claims(), json!({ "exp": 1 }))), "expired"),
        (trial.op.token(&merged(id_claims(), json!({ "iss": "https://evil.example" }))), "claim_invalid"),
    ] {
        let said = Unverified::peek(&token).unwrap();
        assert_eq!(said.issuer() == ISSUER, code != "claim_invalid");
        assert_eq!(refusal(trial.judge(&token)).0, code);
    }
    for (token, code) in [
        (String::new(), "malformed"),
        (format!("{header}.{payload}"), "malformed"),
        (format!("{good}="), "malformed"),
        (trial.with_payload(r#"{"iss":"https://op.example","iss":"https://evil.example"}"#), "malformed"),
        (trial.with_payload("{}"), "claim_invalid"),
        (trial.with_payload(r#"{"iss":["https://op.example"]}"#), "claim_invalid"),
        (trial.op.token_with(json!({ "alg": "none" }), &id_claims()), "algorithm_not_allowed"),
        (trial.op.token_with(json!({ "alg": "HS256" }), &id_claims()), "algorithm_not_allowed"),
        (trial.op.token_with(json!({ "crit": ["exp"] }), &id_claims()), "critical_header"),
        ("A".repeat(MAX_TOKEN + 1), "too_large"),
    ] {
        assert_eq!(Unverified::peek(&token).unwrap_err().code(), code, "{token:.100}");
    }
}

#[test]
fn t49_what_a_token_says_of_its_issuer_chooses_the_rules_and_the_rules_decide() {
    let trial = Trial::new();
    let tenants = ["https://op.example", "https://other.example"].map(|issuer| {
        let rules = TokenRules::access(issuer, CLIENT).unwrap().accept(&[AccessToken::Jwt]).unwrap();
        (issuer, rules, KeySet::parse(trial.op.provider.jwks().to_string().as_bytes(), &Gullible).unwrap())
    });
    for (issuer, ..) in &tenants {
        let token = trial.op.token(&merged(id_claims(), json!({ "iss": issuer })));
        let said = Unverified::peek(&token).unwrap();
        for (tenant, rules, keys) in &tenants {
            // Even a backend that takes any signature does not let one issuer's token pass for another's.
            let judged = rules.verify(&token, keys, at(NOW));
            assert_eq!(judged.is_ok(), said.issuer() == *tenant);
        }
    }
}

#[test]
fn a_kind_of_access_token_is_found_by_its_exact_name() {
    let kinds =
        [(AccessToken::AtJwt, "at+jwt"), (AccessToken::Jwt, "jwt"), (AccessToken::IdToken, "id_token")];
    for (kind, name) in kinds {
        assert_eq!((kind.name(), AccessToken::from_name(name)), (name, Some(kind)));
        assert_eq!(AccessToken::from_name(&name.to_uppercase()), None);
    }
    assert_eq!(AccessToken::from_name(""), None);
}
