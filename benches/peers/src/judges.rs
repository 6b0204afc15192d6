//! Each library called the way its documentation shows, for the same issuer, client and key sets.

use std::collections::HashMap;
use std::time::Duration;

use chrono::DateTime;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use oidc_core::jose::{KeySet, RustCrypto};
use oidc_core::time::UnixTime;
use oidc_core::token::TokenRules;
use openidconnect::core::{CoreIdToken, CoreIdTokenVerifier, CoreJsonWebKeySet};
use openidconnect::{ClientId, IssuerUrl};
use serde_json::Value;

use crate::keys::{CLIENT, ISSUER, Keys, Set};

/// Seconds that clocks may be apart; openidconnect has no such setting.
pub const LEEWAY: u64 = 60;

/// The judges of one key set.
struct Judges {
    ours: KeySet,
    openidconnect: CoreJsonWebKeySet,
    jsonwebtoken: Vec<(Option<String>, DecodingKey)>,
}

pub struct Court {
    rules: TokenRules,
    validation: Validation,
    one: Judges,
    many: Judges,
}

/// What each makes of a token.
#[derive(Debug, Clone, Copy)]
pub struct Verdicts {
    /// The code of our refusal.
    pub ours: Result<(), &'static str>,
    pub openidconnect: bool,
    pub jsonwebtoken: bool,
}

impl Court {
    pub fn new(keys: &Keys) -> Self {
        let rules = TokenRules::id(ISSUER, CLIENT)
            .and_then(|rules| rules.leeway(Duration::from_secs(LEEWAY)))
            .expect("the rules are whole");
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[CLIENT]);
        validation.set_required_spec_claims(&["exp"]);
        validation.leeway = LEEWAY;
        let judges = |set| Judges::new(&keys.set(set));
        Self { rules, validation, one: judges(Set::One), many: judges(Set::Many) }
    }

    pub fn judge(&self, token: &str, set: Set, now: u64) -> Verdicts {
        let judges = match set {
            Set::One => &self.one,
            Set::Many => &self.many,
        };
        let ours = self.rules.verify(token, &judges.ours, UnixTime::from_secs(now));
        Verdicts {
            ours: ours.map(|_| ()).map_err(|error| error.code()),
            openidconnect: judges.openidconnect(token, now),
            jsonwebtoken: judges.jsonwebtoken(token, &self.validation),
        }
    }
}

impl Judges {
    fn new(set: &Value) -> Self {
        let text = set.to_string();
        let jwks: JwkSet = serde_json::from_str(&text).expect("jsonwebtoken reads the set");
        let jsonwebtoken = jwks.keys.iter().filter_map(|jwk| {
            let key = DecodingKey::from_jwk(jwk).ok()?;
            Some((jwk.common.key_id.clone(), key))
        });
        Self {
            ours: KeySet::parse(text.as_bytes(), &RustCrypto).expect("core reads the set"),
            openidconnect: serde_json::from_str(&text).expect("openidconnect reads the set"),
            jsonwebtoken: jsonwebtoken.collect(),
        }
    }

    fn openidconnect(&self, token: &str, now: u64) -> bool {
        let Ok(token) = token.parse::<CoreIdToken>() else { return false };
        let now = DateTime::from_timestamp(i64::try_from(now).unwrap_or_default(), 0).unwrap_or_default();
        let verifier = CoreIdTokenVerifier::new_public_client(
            ClientId::new(CLIENT.to_owned()),
            IssuerUrl::new(ISSUER.to_owned()).expect("the issuer is a URL"),
            self.openidconnect.clone(),
        )
        .set_time_fn(move || now);
        token.claims(&verifier, |_: Option<&openidconnect::Nonce>| Ok(())).is_ok()
    }

    /// The crate leaves the choice of the key to its caller: here every key that the token names, or every key if it
    /// names none, one after the other.
    fn jsonwebtoken(&self, token: &str, validation: &Validation) -> bool {
        let Ok(header) = jsonwebtoken::decode_header(token) else { return false };
        self.jsonwebtoken
            .iter()
            .filter(|(kid, _)| header.kid.is_none() || *kid == header.kid)
            .any(|(_, key)| jsonwebtoken::decode::<HashMap<String, Value>>(token, key, validation).is_ok())
    }
}
