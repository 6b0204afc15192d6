//! What must hold for any text that is taken for a token. The fuzz target `compact` and core's test `corpus` share it.
//!
//! An input is tried as the token's text. One with a line break is also tried as `header \n payload`, which are encoded
//! and given a signature's worth of zeros: so the fuzzer changes JSON rather than base64. Nobody can guess a signature,
//! so each token is judged twice, by the real backend and by one that takes any signature.

use std::fmt::Debug;
use std::sync::LazyLock;
use std::time::Duration;

use oidc_core::Claims;
use oidc_core::error::{ConfigError, TokenError};
use oidc_core::jose::{Algorithm, KeySet, MAX_TOKEN, PreparedKey, RsaComponents, RustCrypto, Verifier};
use oidc_core::time::UnixTime;
use oidc_core::token::{AccessToken, TokenRules, verify_signature};
use serde_json::{Map, Value};

/// The time of every verification: 2023-11-14T22:13:20Z.
const NOW: UnixTime = UnixTime::from_secs(1_700_000_000);
const ISSUER: &str = "https://issuer.example";
const AUDIENCE: &str = "client";
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
        let (header, payload) = (base64url(header.as_bytes()), base64url(payload.as_bytes()));
        TRIAL.judge(&format!("{header}.{payload}.{}", base64url(&[0; 256])), false);
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
        let access = || TokenRules::access(ISSUER, AUDIENCE)?.algorithms(&ALGORITHMS);
        let id = TokenRules::id(ISSUER, AUDIENCE)?.algorithms(&ALGORITHMS)?;
        let acr = ["urn:strong".to_owned()];
        Ok(Self {
            real: keys(&RustCrypto),
            gullible: keys(&Gullible),
            strict_id: id.clone().nonce("n-0").max_age(Duration::from_secs(3600)).essential_acr(&acr),
            id: id.also_audience("friend"),
            at_jwt: access()?,
            any_jwt: access()?.accept(&[AccessToken::AtJwt, AccessToken::Jwt])?,
            id_as_access: access()?.accept(&[AccessToken::IdToken])?,
            logout: TokenRules::logout(ISSUER, AUDIENCE)?.algorithms(&ALGORITHMS)?,
        })
    }

    /// `signed`: somebody who has the key may have made the signature.
    fn judge(&self, token: &str, signed: bool) -> bool {
        let (_, payload) = self.by_both(signed, |keys| verify_signature(token, &ALGORITHMS, keys));
        if payload.is_ok() {
            canonical(token);
        }
        let taken = |rules: &TokenRules| self.verify(rules, token, signed, payload.as_deref().ok());
        let (id, strict_id, logout) = (taken(&self.id), taken(&self.strict_id), taken(&self.logout));
        let (at_jwt, any_jwt, id_as_access) =
            (taken(&self.at_jwt), taken(&self.any_jwt), taken(&self.id_as_access));

        assert!(!(id.is_some() && at_jwt.is_some()), "an ID token passes for an access token");
        let access = at_jwt.is_some() || any_jwt.is_some() || id_as_access.is_some();
        assert!(!(logout.is_some() && (id.is_some() || access)), "a logout token passes for another");
        assert!(strict_id.is_none() || id.is_some(), "a stricter rule takes what a laxer one refuses");
        assert!(at_jwt.is_none() || any_jwt.is_some(), "a kind is refused because another is taken too");

        let named = [&id, &at_jwt, &any_jwt, &id_as_access].into_iter().flatten();
        assert!(named.into_iter().all(|taken| taken.claims.sub().is_some()), "nobody is signed in");
        [id, strict_id, logout, at_jwt, any_jwt, id_as_access].iter().flatten().any(|taken| taken.by_real_key)
    }

    fn verify(&self, rules: &TokenRules, token: &str, signed: bool, payload: Option<&[u8]>) -> Option<Taken> {
        let (by_real_key, claims) = self.by_both(signed, |keys| rules.verify(token, keys, NOW));
        let claims = claims.ok()?;
        self.sound(rules, token, &claims, payload.expect("what passes the rules passes their first part"));
        Some(Taken { claims, by_real_key })
    }

    /// Whether the real backend agrees, and the verdict of the gullible one: they differ by the signature alone.
    fn by_both<T: PartialEq + Debug>(
        &self,
        signed: bool,
        judge: impl Fn(&KeySet) -> Result<T, TokenError>,
    ) -> (bool, Result<T, TokenError>) {
        let gullible = judge(&self.gullible);
        let real = if signed { judge(&self.real) } else { Err(TokenError::BadSignature) };
        if real != Err(TokenError::BadSignature) {
            assert_eq!(real, gullible, "the signature is not all that the backends differ by");
        }
        gullible.as_ref().err().into_iter().for_each(presentable);
        (real.is_ok(), gullible)
    }

    /// What any accepted token says, whatever its kind.
    fn sound(&self, rules: &TokenRules, token: &str, claims: &Claims, payload: &[u8]) {
        let read: Map<String, Value> = serde_json::from_slice(payload).expect("an accepted payload is JSON");
        assert_eq!(&read, claims.all(), "the claims are not those of the payload");
        assert_eq!(claims.iss(), ISSUER);
        assert!(claims.aud().iter().any(|aud| aud == AUDIENCE));
        assert!(claims.sub().is_none_or(|sub| !sub.is_empty()));
        let end = claims.expires_at().expect("an accepted token expires").saturating_add(LEEWAY);
        assert!(NOW < end);
        assert!(claims.issued_at().is_none_or(|issued| issued <= NOW.saturating_add(LEEWAY)));
        assert_eq!(rules.verify(token, &self.gullible, end), Err(TokenError::Expired));
        let shorter = &token[..token.len() - 1];
        assert!(rules.verify(shorter, &self.gullible, NOW).is_err(), "one signature has two texts");
    }
}

struct Taken {
    claims: Claims,
    by_real_key: bool,
}

/// Three segments of canonical base64url: one token has one text.
fn canonical(token: &str) {
    assert!(token.len() <= MAX_TOKEN);
    let segments: Vec<&[u8]> = token.as_bytes().split(|byte| *byte == b'.').collect();
    assert_eq!(segments.len(), 3);
    for segment in segments {
        let values: Option<Vec<usize>> =
            segment.iter().map(|byte| ALPHABET.iter().position(|known| known == byte)).collect();
        let values = values.expect("an accepted token is base64url");
        let spare = match values.len() % 4 {
            2 => 0b1111,
            3 => 0b11,
            rest => {
                assert_eq!(rest, 0);
                0
            }
        };
        assert_eq!(values.last().expect("no segment is empty") & spare, 0, "spare bits are set");
    }
}

/// An error can be logged: one line of printable ASCII, of bounded length, with a code that programs can use.
fn presentable(error: &TokenError) {
    let shown = error.to_string();
    assert!(shown.bytes().all(|byte| (0x20..=0x7e).contains(&byte)), "{shown:?}");
    assert!(shown.len() < 2048);
    assert!(error.code().bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'));
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

fn base64url(bytes: &[u8]) -> String {
    let group = |group: &[u8]| {
        let bits =
            group.iter().fold(0, |bits, byte| (bits << 8) | usize::from(*byte)) << (8 * (3 - group.len()));
        let characters = (0..=group.len()).map(move |index| ALPHABET[(bits >> (18 - 6 * index)) & 63]);
        characters.map(char::from).collect::<String>()
    };
    bytes.chunks(3).map(group).collect()
}

/// A backend that takes any signature.
#[derive(Debug)]
struct Gullible;

impl Verifier for Gullible {
    fn prepare(&self, _: &RsaComponents<'_>) -> Option<Box<dyn PreparedKey>> {
        Some(Box::new(Gullible))
    }
}

impl PreparedKey for Gullible {
    fn verify(&self, _: Algorithm, _: &[u8], _: &[u8]) -> bool {
        true
    }
}
