//! What must hold for any text that is taken for claims. Every header is right, and every signature is taken: what is
//! refused is refused for its claims.

use std::sync::LazyLock;

use oidc_core::Claims;
use oidc_core::jose::KeySet;
use oidc_core::token::{AccessToken, TokenRules, Unverified};
use serde_json::{Map, Value};

use crate::common::{CLIENT, Gullible, ISSUER, NOW, START, key_set, presentable, strict_object, token};

static TRIAL: LazyLock<Trial> = LazyLock::new(Trial::new);

/// Checks all that must hold, and tells whether any rules took the claims.
///
/// # Panics
/// If something does not hold.
pub(crate) fn check(input: &[u8]) -> bool {
    TRIAL.judge(input)
}

struct Trial {
    keys: KeySet,
    id: TokenRules,
    strict_id: TokenRules,
    at_jwt: TokenRules,
    any_jwt: TokenRules,
    logout: TokenRules,
}

impl Trial {
    fn new() -> Self {
        let id = || TokenRules::id(ISSUER, CLIENT).expect("neither is empty");
        let access = || TokenRules::access(ISSUER, CLIENT).expect("neither is empty");
        let hour = std::time::Duration::from_secs(3600);
        Self {
            keys: KeySet::parse(key_set(["fuzz"]).as_bytes(), &Gullible).expect("it is a set"),
            id: id().also_audience("friend"),
            strict_id: id()
                .nonce("n-0")
                .max_age(hour)
                .max_token_age(hour)
                .essential_acr(&["urn:strong".to_owned()]),
            at_jwt: access(),
            any_jwt: access().accept(&[AccessToken::Jwt]).expect("it is a kind"),
            logout: TokenRules::logout(ISSUER, CLIENT).expect("neither is empty"),
        }
    }

    fn judge(&self, payload: &[u8]) -> bool {
        let plain = token(br#"{"alg":"RS256","kid":"fuzz"}"#, payload);
        if let Err(error) = Unverified::peek(&plain) {
            let all = [&self.id, &self.strict_id, &self.any_jwt, &self.logout];
            assert_eq!(all[payload.len() % all.len()].verify(&plain, &self.keys, NOW), Err(error.clone()));
            presentable(&error, error.code());
            return false;
        }
        let at_jwt = token(br#"{"alg":"RS256","typ":"at+jwt"}"#, payload);
        let verify = |rules: &TokenRules, token: &str| {
            let verdict = rules.verify(token, &self.keys, NOW);
            if let Err(error) = &verdict {
                presentable(error, error.code());
                let fit =
                    ["malformed", "wrong_type", "expired", "not_yet_valid", "claim_missing", "claim_invalid"];
                assert!(fit.contains(&error.code()), "{error}");
            }
            verdict.ok()
        };
        let id = verify(&self.id, &plain);
        let strict_id = verify(&self.strict_id, &plain);
        let logout = verify(&self.logout, &plain);
        let at_jwt = verify(&self.at_jwt, &at_jwt);
        let any_jwt = verify(&self.any_jwt, &plain);

        let all = [&id, &strict_id, &logout, &at_jwt, &any_jwt];
        let Some(claims) = all.into_iter().flatten().next() else { return false };
        let read = sound(payload, claims);
        assert!(all.into_iter().flatten().all(|other| other == claims), "one text says two things");

        assert!(logout.is_none() || (id.is_none() && at_jwt.is_none() && any_jwt.is_none()));
        if id.is_some() {
            assert!(issued(&read) && names_somebody(&read) && no_events(&read) && party(&read));
            assert!(claims.aud().iter().all(|aud| aud == CLIENT || aud == "friend"));
        }
        if strict_id.is_some() {
            assert!(issued(&read) && names_somebody(&read) && no_events(&read) && party(&read));
            assert!(claims.aud().iter().all(|aud| aud == CLIENT));
            assert_eq!((&read["nonce"], &read["acr"]), (&Value::from("n-0"), &Value::from("urn:strong")));
            let old = |name: &str| START as f64 - read[name].as_f64().expect("it is a time");
            assert!((-61.0..=3661.0).contains(&old("auth_time")) && old("iat") <= 3661.0);
        }
        if at_jwt.is_some() {
            assert!(issued(&read) && names_somebody(&read) && no_events(&read) && !read.contains_key("cnf"));
            assert!(
                ["client_id", "jti"]
                    .iter()
                    .all(|name| read[*name].as_str().is_some_and(|text| !text.is_empty()))
            );
            assert!(["scope", "scp"].iter().all(|name| read.get(*name).is_none_or(Value::is_string)));
        }
        if any_jwt.is_some() {
            assert!(names_somebody(&read) && no_events(&read) && !read.contains_key("cnf"));
            assert!(["nonce", "at_hash", "c_hash"].iter().all(|mark| !read.contains_key(*mark)));
        }
        if logout.is_some() {
            assert!(read["events"]["http://schemas.openid.net/event/backchannel-logout"].is_object());
            assert!(read["jti"].is_string() && !read.contains_key("nonce") && issued(&read));
            assert!(names_somebody(&read) || (read["sid"].is_string() && !read.contains_key("sub")));
        }
        id.is_some() || strict_id.is_some() || at_jwt.is_some() || any_jwt.is_some() || logout.is_some()
    }
}

/// What any accepted claims are, whatever their kind.
fn sound(payload: &[u8], claims: &Claims) -> Map<String, Value> {
    assert!(strict_object(payload).is_some(), "what was taken is not strict");
    let read: Map<String, Value> = serde_json::from_slice(payload).expect("what was taken is JSON");
    assert_eq!(&read, claims.all());
    assert_eq!(read["iss"], ISSUER);
    let aud = match &read["aud"] {
        Value::String(aud) => vec![aud.as_str()],
        Value::Array(all) => all.iter().map(|aud| aud.as_str().expect("an audience is a string")).collect(),
        other => panic!("{other}"),
    };
    assert!(aud.contains(&CLIENT) && aud == claims.aud());
    let time = |name: &str| read.get(name).map(|time| time.as_f64().expect("a time is a number"));
    let (now, exp) = (START as f64, time("exp").expect("there is an end"));
    assert!(now < exp + 61.0 && exp < 253_402_300_800.0);
    for name in ["iat", "nbf"] {
        assert!(time(name).is_none_or(|time| (0.0..now + 61.0).contains(&time)), "{name}");
    }
    assert!(claims.expires_at().is_some() && claims.iss() == ISSUER);
    read
}

fn issued(read: &Map<String, Value>) -> bool {
    read.get("iat").is_some_and(Value::is_number)
}

fn names_somebody(read: &Map<String, Value>) -> bool {
    read.get("sub").and_then(Value::as_str).is_some_and(|sub| (1..=255).contains(&sub.len()))
}

fn no_events(read: &Map<String, Value>) -> bool {
    !read.contains_key("events")
}

fn party(read: &Map<String, Value>) -> bool {
    read.get("azp").is_none_or(|azp| azp == CLIENT)
}
