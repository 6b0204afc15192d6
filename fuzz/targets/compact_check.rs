//! What must hold for any text that is taken for a token. The fuzz target `compact` and core's test `corpus` share it.
//!
//! An input is tried as the token's text. One with a line break is also tried as `header \n payload`, which are encoded
//! and given a signature's worth of zeros: so the fuzzer changes JSON rather than base64. Nobody can guess a signature,
//! so a token is judged by a backend that takes any, and by the real one where that has something to add: its arithmetic
//! costs more than all else.

use std::sync::LazyLock;
use std::time::Duration;

use oidc_core::Claims;
use oidc_core::error::{ConfigError, TokenError};
use oidc_core::jose::{Algorithm, KeySet, MAX_TOKEN, RustCrypto, Verifier};
use oidc_core::token::{AccessToken, TokenRules, verify_signature};
use serde_json::{Map, Value};

use crate::common::{CLIENT, Gullible, ISSUER, NOW, is_canonical, presentable, token};

const LEEWAY: Duration = Duration::from_secs(60);
const ALGORITHMS: [Algorithm; 3] = [Algorithm::Rs256, Algorithm::Rs384, Algorithm::Rs512];

static TRIAL: LazyLock<Trial> = LazyLock::new(|| Trial::new().expect("the settings of the trial are right"));

/// Checks all that must hold, and tells whether any rules took the text as a token with the real backend.
///
/// # Panics
/// If something does not hold.
pub(crate) fn check(input: &[u8]) -> bool {
    let text = String::from_utf8_lossy(input);
    if let Some((header, payload)) = text.split_once('\n') {
        TRIAL.judge(&token(header.as_bytes(), payload.as_bytes()), false);
    }
    TRIAL.judge(&text, true)
}

struct Trial {
    real: KeySet,
    gullible: KeySet,
    id: TokenRules,
    strict_id: TokenRules,
    at_jwt: TokenRules,
    any_jwt: TokenRules,
    id_as_access: TokenRules,
    logout: TokenRules,
}

impl Trial {
    fn new() -> Result<Self, ConfigError> {
        let keys = include_bytes!("../compact.jwks.json");
        let keys =
            |backend: &dyn Verifier| KeySet::parse(keys, backend).expect("the committed key set is one");
        let access = || TokenRules::access(ISSUER, CLIENT)?.algorithms(&ALGORITHMS);
        let id = TokenRules::id(ISSUER, CLIENT)?.algorithms(&ALGORITHMS)?;
        let acr = ["urn:strong".to_owned()];
        Ok(Self {
            real: keys(&RustCrypto),
            gullible: keys(&Gullible),
            strict_id: id.clone().nonce("n-0").max_age(Duration::from_secs(3600)).essential_acr(&acr),
            id: id.also_audience("friend"),
            at_jwt: access()?,
            any_jwt: access()?.accept(&[AccessToken::AtJwt, AccessToken::Jwt])?,
            id_as_access: access()?.accept(&[AccessToken::IdToken])?,
            logout: TokenRules::logout(ISSUER, CLIENT)?.algorithms(&ALGORITHMS)?,
        })
    }

    /// `signed`: somebody who has the key may have made the signature.
    fn judge(&self, token: &str, signed: bool) -> bool {
        let payload = match verify_signature(token, &ALGORITHMS, &self.gullible) {
            Ok(payload) => Some(payload),
            // Claims come before the key, and before the length of the signature.
            Err(TokenError::UnknownKey | TokenError::BadSignature) => None,
            Err(error) => {
                let all = self.all();
                let verdict = all[token.len() % all.len()].verify(token, &self.gullible, NOW);
                assert_eq!(verdict, Err(error.clone()), "a rule takes what is no token");
                presentable(&error, error.code());
                return false;
            }
        };
        if payload.is_some() {
            canonical(token);
        }
        let signed = signed && payload.is_some();
        let by_key = signed && verify_signature(token, &ALGORITHMS, &self.real).is_ok();
        let taken = self.all().map(|rules| {
            let verdict = rules.verify(token, &self.gullible, NOW);
            if by_key {
                assert_eq!(
                    verdict,
                    rules.verify(token, &self.real, NOW),
                    "the backends differ in more than signatures"
                );
            }
            match &verdict {
                Ok(claims) => {
                    let payload = payload.as_deref().expect("what passes the rules passes their first part");
                    self.sound(rules, token, claims, payload);
                }
                Err(error) => presentable(error, error.code()),
            }
            verdict.ok()
        });
        exclusive(&taken);
        // One in sixteen, since it is the same arithmetic each time.
        if signed && !by_key && token.len().is_multiple_of(16) {
            for (rules, _) in self.all().iter().zip(&taken).filter(|(_, taken)| taken.is_some()).take(1) {
                assert_eq!(rules.verify(token, &self.real, NOW), Err(TokenError::BadSignature));
            }
        }
        by_key && taken.iter().any(Option::is_some)
    }

    fn all(&self) -> [&TokenRules; 6] {
        [&self.id, &self.strict_id, &self.logout, &self.at_jwt, &self.any_jwt, &self.id_as_access]
    }

    /// What any accepted token says, whatever its kind.
    fn sound(&self, rules: &TokenRules, token: &str, claims: &Claims, payload: &[u8]) {
        let read: Map<String, Value> = serde_json::from_slice(payload).expect("an accepted payload is JSON");
        assert_eq!(&read, claims.all(), "the claims are not those of the payload");
        assert_eq!(claims.iss(), ISSUER);
        assert!(claims.aud().iter().any(|aud| aud == CLIENT));
        assert!(claims.sub().is_none_or(|sub| !sub.is_empty()));
        let end = claims.expires_at().expect("an accepted token expires").saturating_add(LEEWAY);
        assert!(NOW < end);
        assert!(claims.issued_at().is_none_or(|issued| issued <= NOW.saturating_add(LEEWAY)));
        assert_eq!(rules.verify(token, &self.gullible, end), Err(TokenError::Expired));
        let shorter = &token[..token.len() - 1];
        assert!(rules.verify(shorter, &self.gullible, NOW).is_err(), "one signature has two texts");
    }
}

/// One kind of token never passes for another.
fn exclusive([id, strict_id, logout, at_jwt, any_jwt, id_as_access]: &[Option<Claims>; 6]) {
    assert!(!(id.is_some() && at_jwt.is_some()), "an ID token passes for an access token");
    let access = at_jwt.is_some() || any_jwt.is_some() || id_as_access.is_some();
    assert!(!(logout.is_some() && (id.is_some() || access)), "a logout token passes for another");
    assert!(strict_id.is_none() || id.is_some(), "a stricter rule takes what a laxer one refuses");
    assert!(at_jwt.is_none() || any_jwt.is_some(), "a kind is refused because another is taken too");
    let mut named = [id, at_jwt, any_jwt, id_as_access].into_iter().flatten();
    assert!(named.all(|claims| claims.sub().is_some()), "nobody is signed in");
}

/// Three segments of canonical base64url: one token has one text.
fn canonical(token: &str) {
    assert!(token.len() <= MAX_TOKEN);
    let segments: Vec<&str> = token.split('.').collect();
    assert_eq!(segments.len(), 3);
    assert!(segments.into_iter().all(is_canonical), "a segment has a second spelling");
}
