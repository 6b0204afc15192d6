//! What holds for any token: any text, any change of a good one, any values of its claims.
#![cfg(feature = "rsa")]

mod kit;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use kit::{
    ALL, CLIENT, Gullible, ISSUER, NOW, Op, access_claims, access_rules, at, base64url, id_claims, id_rules,
    logout_rules, segments,
};
use oidc_core::Claims;
use oidc_core::error::TokenError;
use oidc_core::jose::KeySet;
use oidc_core::time::UnixTime;
use oidc_core::token::{AccessToken, TokenRules, Unverified, verify_signature};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Map, Value, json};

/// The issuer's keys, and the same keys with a backend that takes any signature.
struct Keys {
    op: Op,
    real: KeySet,
    gullible: KeySet,
}

static KEYS: LazyLock<Keys> = LazyLock::new(|| {
    let op = Op::new();
    let set = op.provider.jwks().to_string();
    Keys { real: op.keys(), gullible: KeySet::parse(set.as_bytes(), &Gullible).unwrap(), op }
});

fn cases(count: u32) -> Config {
    Config { cases: count, failure_persistence: None, ..Config::default() }
}

/// A token of these texts whose signature is as long as one, and none.
fn unsigned(header: &[u8], payload: &[u8]) -> String {
    format!("{}.{}.{}", base64url(header), base64url(payload), base64url(&[0; 256]))
}

/// Everything that takes a token's text, by a backend that takes any signature.
fn judged_by_all(token: &str) -> Vec<Result<Claims, TokenError>> {
    let any = [AccessToken::AtJwt, AccessToken::Jwt, AccessToken::IdToken];
    let looser = access_rules().accept(&any).unwrap().algorithms(&ALL).unwrap();
    let _ = Unverified::peek(token);
    let _ = verify_signature(token, &ALL, &KEYS.gullible);
    let rules = [id_rules(), access_rules(), logout_rules(), looser];
    rules.iter().map(|rules| rules.verify(token, &KEYS.gullible, at(NOW))).collect()
}

const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// A character of a token, one that decoders are known to skip, or any other.
fn character() -> impl Strategy<Value = char> {
    prop_oneof![
        6 => select(ALPHABET.chars().collect::<Vec<_>>()),
        2 => select(".=+/ \t\r\n\0?~".chars().collect::<Vec<_>>()),
        1 => any::<char>(),
    ]
}

/// One character of a text, changed in place, put in, or left out.
#[derive(Debug, Clone, Copy)]
enum Edit {
    Change(char),
    Insert(char),
    Delete,
}

impl Edit {
    fn of(self, text: &str, place: usize) -> String {
        let place = place % text.len();
        let (before, rest) = text.split_at(place);
        match self {
            Self::Change(new) => format!("{before}{new}{}", &rest[1..]),
            Self::Insert(new) => format!("{before}{new}{rest}"),
            Self::Delete => format!("{before}{}", &rest[1..]),
        }
    }
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![4 => character().prop_map(Edit::Change), 2 => character().prop_map(Edit::Insert), 1 => Just(Edit::Delete)]
}

static SIGNED: LazyLock<[(String, TokenRules); 2]> = LazyLock::new(|| {
    let signed = [
        (KEYS.op.token(&id_claims()), id_rules()),
        (KEYS.op.token_with(json!({ "typ": "at+jwt" }), &access_claims()), access_rules()),
    ];
    for (token, rules) in &signed {
        assert!(rules.verify(token, &KEYS.real, at(NOW)).is_ok());
    }
    signed
});

proptest! {
    #![proptest_config(cases(2_000))]

    #[test]
    fn a_signed_token_with_one_character_changed_is_refused(
        which in 0_usize..2, place in any::<usize>(), edit in edit(),
    ) {
        let (token, rules) = &SIGNED[which];
        let changed = edit.of(token, place);
        prop_assume!(changed != *token);
        prop_assert!(rules.verify(&changed, &KEYS.real, at(NOW)).is_err(), "{changed:?}");
    }
}

#[test]
fn a_signed_token_with_any_of_its_characters_left_out_or_replaced_is_refused() {
    let (token, rules) = &SIGNED[0];
    for (place, old) in token.char_indices() {
        let other = ALPHABET.chars().find(|new| *new != old).unwrap();
        // The neighbour in the alphabet differs in the last bit, which at the end of a segment may be a spare one.
        let index = ALPHABET.find(old).map_or(0, |index| index ^ 1);
        let neighbour = ALPHABET[index..].chars().next().unwrap();
        for edit in [Edit::Delete, Edit::Insert(old), Edit::Change(other), Edit::Change(neighbour)] {
            let changed = edit.of(token, place);
            // A character put in beside its like makes the same text as one put in behind it, but never this one.
            assert_ne!(changed, *token);
            assert!(rules.verify(&changed, &KEYS.real, at(NOW)).is_err(), "{place} {edit:?}");
        }
    }
}

/// JSON-like text: the strategies below make far more of what nearly parses than arbitrary characters would.
fn nearly_json() -> impl Strategy<Value = String> {
    let piece = select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\"alg\":\"RS256\"",
        "\"iss\":\"https://op.example\"",
        "\"aud\":\"web\"",
        "\"exp\":1700000300",
        "\"sub\":\"ada\"",
        "\"iat\":1.7e9",
        "\"a\"",
        "\"\\u0061\"",
        "\\ud800",
        "\\",
        "null",
        "true",
        "1e999",
        "-0",
        "0.1e-5",
        "\u{feff}",
        " ",
        "\n",
        "\"$serde_json::private::RawValue\":",
        "\"kid\":null",
        "é",
    ]);
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

/// A JSON value of some depth.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 5, |inside| {
        prop_oneof![
            prop::collection::vec(inside.clone(), 0..5).prop_map(Value::from),
            prop::collection::hash_map(any::<String>(), inside, 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

proptest! {
    #![proptest_config(cases(1_000))]

    #[test]
    fn no_text_makes_parsing_panic(text in any::<String>()) {
        judged_by_all(&text);
    }

    #[test]
    fn no_text_of_a_tokens_characters_makes_parsing_panic(text in "[A-Za-z0-9_.-]{0,200}|([A-Za-z0-9_-]{0,60}\\.){2}[A-Za-z0-9_-]{0,60}|[A-Za-z0-9+/=_.\\s-]{0,90}") {
        judged_by_all(&text);
    }

    #[test]
    fn no_header_or_payload_makes_parsing_panic(
        header in prop_oneof![nearly_json().prop_map(String::into_bytes), any::<Vec<u8>>()],
        payload in prop_oneof![nearly_json().prop_map(String::into_bytes), any::<Vec<u8>>()],
    ) {
        judged_by_all(&unsigned(&header, &payload));
        judged_by_all(&unsigned(br#"{"alg":"RS256"}"#, &payload));
        judged_by_all(&unsigned(&header, id_claims().to_string().as_bytes()));
    }

    #[test]
    fn no_key_set_makes_parsing_panic(text in prop_oneof![nearly_json(), any::<String>()]) {
        let _ = KeySet::parse(text.as_bytes(), &Gullible);
        let _ = KeySet::parse(format!("{{\"keys\":[{text}]}}").as_bytes(), &Gullible);
    }

    /// Whatever a claim says, it is read as any other reader of JSON reads it.
    #[test]
    fn the_claims_are_those_of_the_payload(name in any::<String>(), value in value()) {
        let mut claims = id_claims();
        prop_assume!(claims.get(&name).is_none());
        // Those that mean something have types of their own.
        prop_assume!(!["nonce", "azp", "acr", "auth_time", "at_hash", "events", "nbf"].contains(&name.as_str()));
        prop_assume!(!name.starts_with("$serde_json") && !value.to_string().contains("$serde_json"));
        claims[&name] = value.clone();
        let payload = claims.to_string();
        let read = id_rules().verify(
            &unsigned(KEYS.op.header().to_string().as_bytes(), payload.as_bytes()), &KEYS.gullible, at(NOW),
        ).unwrap();
        prop_assert_eq!(Value::Object(read.all().clone()), serde_json::from_str::<Value>(&payload).unwrap());
        prop_assert_eq!(read.get::<Value>(&name), serde_json::from_str(&value.to_string()).ok());
    }
}

/// The bytes of any text, as the most forgiving decoder finds them: what is no base64url is skipped, spare bits too.
fn leniently_decoded(text: &str) -> Vec<u8> {
    let (mut bits, mut count, mut bytes) = (0_u32, 0, Vec::new());
    for value in text.bytes().filter_map(|byte| ALPHABET.bytes().position(|known| known == byte)) {
        bits = (bits << 6) | u32::try_from(value).unwrap();
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from((bits >> count) & 0xff).unwrap());
        }
    }
    bytes
}

#[test]
fn an_accepted_token_is_the_one_text_of_its_bytes() {
    // Only the backend that takes any signature lets a change of the signature through.
    let (accepted, changed) = (Cell::new(0), Cell::new(0));
    let blanks = "[ \n]{0,5}";
    let signature = prop::collection::vec(any::<u8>(), 256);
    let edits = prop::collection::vec((edit(), any::<usize>()), 0..3);
    let strategy = (blanks, blanks, signature, edits);
    TestRunner::new(cases(4_000))
        .run(&strategy, |(before, after, signature, edits)| {
            let header = format!("{}{before}", KEYS.op.header());
            let payload = format!("{after}{}", id_claims());
            let input = format!("{}.{}", base64url(header.as_bytes()), base64url(payload.as_bytes()));
            let made = format!("{input}.{}", base64url(&signature));
            let token = edits.iter().fold(made.clone(), |token, (edit, place)| {
                // Changes of the last characters are the ones that leave the bytes as they are.
                let place = if place % 2 == 0 { *place } else { token.len() - 1 };
                edit.of_any(&token, place)
            });
            if id_rules().verify(&token, &KEYS.gullible, at(NOW)).is_err() {
                prop_assert_ne!(token, made, "a good token is refused");
                return Ok(());
            }
            accepted.set(accepted.get() + 1);
            changed.set(changed.get() + u32::from(token != made));
            let again = segments(&token).map(|text| base64url(&leniently_decoded(text))).join(".");
            prop_assert_eq!(again, token);
            Ok(())
        })
        .unwrap();
    assert!(accepted.get() > 500 && changed.get() > 100, "{accepted:?} {changed:?}");
}

impl Edit {
    /// The same for a text with characters of more than one byte.
    fn of_any(self, text: &str, place: usize) -> String {
        if text.is_ascii() && !text.is_empty() { self.of(text, place) } else { text.to_owned() }
    }
}

/// What a claim may be: absent, or this.
type Claim = Option<Value>;

/// A token's claims and what is asked of them.
#[derive(Debug, Clone)]
struct Situation {
    access: bool,
    iss: Claim,
    aud: Claim,
    azp: Claim,
    sub: Claim,
    nonce: Claim,
    exp: Claim,
    nbf: Claim,
    iat: Claim,
    expected_nonce: Option<&'static str>,
    trusted: bool,
    max_age: Option<u64>,
    leeway: u64,
    /// In thousandths of a second.
    now: u64,
}

impl Situation {
    fn payload(&self) -> Value {
        let claims = [
            ("iss", &self.iss),
            ("aud", &self.aud),
            ("azp", &self.azp),
            ("sub", &self.sub),
            ("nonce", &self.nonce),
            ("exp", &self.exp),
            ("nbf", &self.nbf),
            ("iat", &self.iat),
        ];
        let present = claims.into_iter().filter_map(|(name, claim)| Some((name.to_owned(), claim.clone()?)));
        Value::Object(present.collect())
    }

    fn verify(&self) -> Result<Claims, TokenError> {
        let mut rules = if self.access {
            TokenRules::access(ISSUER, CLIENT).unwrap().accept(&[AccessToken::Jwt]).unwrap()
        } else {
            TokenRules::id(ISSUER, CLIENT).unwrap()
        };
        rules = rules.leeway(Duration::from_secs(self.leeway)).unwrap();
        if let Some(nonce) = self.expected_nonce {
            rules = rules.nonce(nonce);
        }
        if self.trusted {
            rules = rules.also_audience("friend");
        }
        if let Some(age) = self.max_age {
            rules = rules.max_token_age(Duration::from_secs(age));
        }
        let token = unsigned(KEYS.op.header().to_string().as_bytes(), self.payload().to_string().as_bytes());
        rules.verify(&token, &KEYS.gullible, UnixTime::since_epoch(Duration::from_millis(self.now)))
    }

    /// All that is wrong, in the words of the specifications, in no order.
    fn faults(&self) -> Vec<(&'static str, Option<&'static str>)> {
        let mut faults = Vec::new();
        let mut demand = |holds: bool, code: &'static str, claim: &'static str| {
            if !holds {
                faults.push((code, Some(claim)));
            }
        };
        let (now, leeway) = (i128::from(self.now), i128::from(self.leeway) * 1_000);

        demand(self.iss == Some(json!(ISSUER)), "claim_invalid", "iss");
        let subject = self.sub.as_ref().and_then(Value::as_str);
        demand(subject.is_some_and(|sub| (1..=255).contains(&sub.len())), "claim_invalid", "sub");

        let audiences = strings(self.aud.as_ref());
        let known = |name: &String| name == CLIENT || (self.trusted && name == "friend");
        let ours = |name: &String| if self.access { known(name) } else { name == CLIENT };
        let stranger = audiences.iter().flatten().any(|name| !known(name));
        let meant = audiences.is_some_and(|names| names.iter().any(ours));
        demand(meant && (self.access || !stranger), "claim_invalid", "aud");
        if !self.access {
            demand(self.azp.as_ref().is_none_or(|azp| *azp == CLIENT), "claim_invalid", "azp");
            let nonce_fits = match (&self.nonce, self.expected_nonce) {
                (Some(nonce), Some(expected)) => *nonce == expected,
                (Some(nonce), None) => nonce.is_string(),
                (None, expected) => expected.is_none(),
            };
            demand(nonce_fits, "claim_invalid", "nonce");
        } else if self.nonce.is_some() {
            faults.push(("wrong_type", None));
        }

        let mut date = |claim: &Claim, name: &'static str| match claim.as_ref().map(milliseconds) {
            Some(None) => {
                faults.push(("claim_invalid", Some(name)));
                None
            }
            other => other.flatten(),
        };
        let (exp, nbf, iat) = (date(&self.exp, "exp"), date(&self.nbf, "nbf"), date(&self.iat, "iat"));
        if self.exp.is_none() {
            faults.push(("claim_missing", Some("exp")));
        }
        if self.iat.is_none() && (!self.access || self.max_age.is_some()) {
            faults.push(("claim_missing", Some("iat")));
        }
        if exp.is_some_and(|exp| now - leeway >= exp) {
            faults.push(("expired", Some("exp")));
        }
        if nbf.is_some_and(|nbf| now + leeway < nbf) {
            faults.push(("not_yet_valid", Some("nbf")));
        }
        let too_old =
            |iat: i128| self.max_age.is_some_and(|age| now - leeway > iat + i128::from(age) * 1_000);
        if iat.is_some_and(|iat| now + leeway < iat || too_old(iat)) {
            faults.push(("claim_invalid", Some("iat")));
        }
        faults
    }
}

/// One string is an array of one.
fn strings(value: Option<&Value>) -> Option<Vec<String>> {
    match value? {
        Value::String(one) => Some(vec![one.clone()]),
        Value::Array(all) => all.iter().map(|item| item.as_str().map(str::to_owned)).collect(),
        _ => None,
    }
}

/// A time in range, in thousandths of a second. Those that are made here have halves at most.
fn milliseconds(value: &Value) -> Option<i128> {
    let seconds = value.as_f64().filter(|seconds| (0.0..=253_402_300_799.0).contains(seconds))?;
    Some((seconds * 1_000.0) as i128)
}

/// Mostly what a good token has, sometimes nothing, sometimes what must not be.
fn mostly(good: impl Strategy<Value = Claim> + 'static, bad: Vec<Value>) -> BoxedStrategy<Claim> {
    prop_oneof![12 => good, 1 => Just(None), 1 => select(bad).prop_map(Some)].boxed()
}

fn no_string() -> Vec<Value> {
    vec![Value::Null, json!(1), json!(true), json!({}), json!([1]), json!([[CLIENT]])]
}

fn no_date() -> Vec<Value> {
    vec![
        Value::Null,
        json!("1700000300"),
        json!(-1),
        json!(-0.5),
        json!(1e300),
        json!(253_402_300_800_u64),
        json!(u64::MAX),
        json!([NOW]),
        json!({}),
        json!(true),
    ]
}

/// So many seconds from some time, possibly with a half; around the boundary most of all.
fn date_around(seconds: i64) -> impl Strategy<Value = Claim> {
    let near = (-3_i64..=3).prop_map(move |off| seconds + off);
    let far =
        prop_oneof![Just(0), Just(253_402_300_799_i64), Just(seconds - 100_000), Just(seconds + 100_000)];
    (prop_oneof![6 => near, 1 => far], any::<bool>()).prop_map(|(seconds, half)| {
        // The last second has no half.
        let half = half && seconds < 253_402_300_799;
        Some(if half { json!(seconds as f64 + 0.5) } else { json!(seconds) })
    })
}

fn situation() -> impl Strategy<Value = Situation> {
    let settings = (
        any::<bool>(),
        prop_oneof![Just(None), Just(Some("n-1"))],
        any::<bool>(),
        prop_oneof![2 => Just(None), 1 => Just(Some(0)), 1 => Just(Some(600))],
        prop_oneof![Just(0_u64), Just(1), Just(60), Just(300)],
        prop_oneof![Just(0_u64), Just(500), Just(1), Just(999)],
    );
    settings.prop_flat_map(|(access, expected_nonce, trusted, max_age, leeway, fraction)| {
        let now = i64::try_from(NOW).unwrap();
        let lee = i64::try_from(leeway).unwrap();
        let fresh = || (0_i64..1).prop_map(move |_| Some(json!(now)));
        let later = || (0_i64..1).prop_map(move |_| Some(json!(now + 300)));
        let oldest = now - lee - max_age.unwrap_or(0);
        let other =
            |name: &str| [no_string(), vec![json!(""), json!(name), json!(format!("{name}x"))]].concat();
        let aud =
            select(vec![json!(CLIENT), json!([CLIENT]), json!([CLIENT, CLIENT]), json!([CLIENT, "friend"])]);
        let no_aud = [
            no_string(),
            vec![
                json!("friend"),
                json!("other"),
                json!([]),
                json!([CLIENT, "other"]),
                json!([CLIENT, 5]),
                json!("web other"),
            ],
        ]
        .concat();
        let long = vec![json!("s".repeat(256)), json!("é".repeat(128)), json!("")];
        let sub = select(vec![json!("ada"), json!("s".repeat(255)), json!("\0")]).prop_map(Some);
        let nonce = prop_oneof![6 => Just(expected_nonce.map(Value::from)), 1 => Just(Some(json!("n-1")))];
        let claims = (
            mostly(Just(Some(json!(ISSUER))), other(ISSUER)),
            mostly(aud.prop_map(Some), no_aud),
            mostly(select(vec![None, Some(json!(CLIENT))]), other("friend")),
            mostly(sub, [no_string(), long].concat()),
            mostly(nonce, other("n-")),
            mostly(prop_oneof![later(), date_around(now - lee)], no_date()),
            mostly(prop_oneof![Just(None), date_around(now + lee)], no_date()),
            mostly(prop_oneof![fresh(), date_around(now + lee), date_around(oldest)], no_date()),
        );
        claims.prop_map(move |(iss, aud, azp, sub, nonce, exp, nbf, iat)| Situation {
            access,
            iss,
            aud,
            azp,
            sub,
            nonce,
            exp,
            nbf,
            iat,
            expected_nonce,
            trusted,
            max_age: max_age.map(|age| u64::try_from(age).unwrap()),
            leeway,
            now: NOW * 1_000 + fraction,
        })
    })
}

#[test]
fn claims_are_refused_for_what_is_wrong_with_them_and_for_nothing_else() {
    let (accepted, refused) = (Cell::new(0), Cell::new(0));
    let single = RefCell::new(BTreeMap::new());
    TestRunner::new(cases(20_000))
        .run(&situation(), |situation| {
            let faults = situation.faults();
            match situation.verify() {
                Ok(claims) => {
                    accepted.set(accepted.get() + 1);
                    prop_assert!(faults.is_empty(), "accepted in spite of {faults:?}");
                    prop_assert_eq!(Value::Object(claims.all().clone()), situation.payload());
                }
                Err(error) => {
                    refused.set(refused.get() + 1);
                    let told = (error.code(), error.claim());
                    prop_assert!(faults.contains(&told), "{told:?} is told, but wrong is {faults:?}");
                    if let [only] = faults[..] {
                        *single.borrow_mut().entry((situation.access, only)).or_insert(0) += 1;
                    }
                }
            }
            Ok(())
        })
        .unwrap();
    assert!(accepted.get() > 1_000 && refused.get() > 1_000, "{accepted:?} {refused:?}");
    // Each fault was the only one of some token, and so has been found by its own check.
    let both = [
        ("claim_invalid", Some("iss")),
        ("claim_invalid", Some("aud")),
        ("claim_invalid", Some("sub")),
        ("claim_missing", Some("exp")),
        ("claim_invalid", Some("exp")),
        ("expired", Some("exp")),
        ("claim_invalid", Some("nbf")),
        ("not_yet_valid", Some("nbf")),
        ("claim_missing", Some("iat")),
        ("claim_invalid", Some("iat")),
    ];
    let id_alone = [("claim_invalid", Some("azp")), ("claim_invalid", Some("nonce"))];
    let wanted = both.iter().flat_map(|fault| [(false, *fault), (true, *fault)]);
    let wanted = wanted.chain(id_alone.map(|fault| (false, fault))).chain([(true, ("wrong_type", None))]);
    for fault in wanted {
        assert!(single.borrow().contains_key(&fault), "{fault:?} was never the only fault");
    }
}
