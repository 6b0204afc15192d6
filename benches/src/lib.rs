//! What the benchmarks verify: tokens of the size and shape that providers send, a key set, and the rules for them.
//!
//! ```
//! use oidc_benches::{Fixtures, NOW};
//! use oidc_core::jose::{Algorithm, RustCrypto};
//!
//! let fixtures = Fixtures::new(Algorithm::Rs256, &RustCrypto);
//! assert!(fixtures.id_rules.verify(&fixtures.id_token, &fixtures.keys, NOW).is_ok());
//! ```

use std::sync::Arc;

use base64ct::{Base64UrlUnpadded, Encoding};
use oidc_core::config::{ConfigBuilder, Remember};
use oidc_core::entropy::EntropyFailed;
use oidc_core::jose::{Algorithm, AwsLc, KeySet, PreparedKey, PublicKey, RustCrypto, Verifier};
use oidc_core::time::UnixTime;
use oidc_core::token::{AccessToken, TokenRules};
use oidc_core::{Client, Config, EntropySource};
use oidc_dev_provider::DevProvider;
use serde_json::{Value, json};

/// The time of every verification; the tokens are ten seconds old then.
pub const NOW: UnixTime = UnixTime::from_secs(1_700_000_000);

/// Who issues the tokens.
pub const ISSUER: &str = "https://sso.example.com/realms/demo";
/// The client of the ID token.
pub const CLIENT: &str = "demo-client";

/// What is verified, by which keys and rules, all for one algorithm. The keys are the dev provider's.
pub struct Fixtures {
    /// The same as a JWK set.
    pub jwks: String,
    /// Four RSA keys of 2048 bits; the tokens are signed by the third.
    pub keys: KeySet,
    /// 907 bytes, of which 350 are claims before their encoding.
    pub id_token: String,
    /// 2,486 bytes, of which 1,534 are claims, with roles nested as Keycloak sends them.
    pub access_token: String,
    /// Checks of `iss`, `aud`, `exp`, `nbf`, `azp` and `nonce`.
    pub id_rules: TokenRules,
    /// Checks of `iss`, `aud`, `exp` and `nbf`.
    pub access_rules: TokenRules,
}

impl Fixtures {
    /// For tokens that are signed by this algorithm, ten seconds before [`NOW`], and keys prepared by this backend.
    ///
    /// # Panics
    /// If the dev provider's keys are none.
    #[must_use]
    pub fn new(algorithm: Algorithm, backend: &dyn Verifier) -> Self {
        Self::issued(NOW.as_secs() - 10, algorithm, backend)
    }

    /// The same for tokens that are issued at another time.
    ///
    /// # Panics
    /// If the dev provider's keys are none.
    #[must_use]
    pub fn issued(at: u64, algorithm: Algorithm, backend: &dyn Verifier) -> Self {
        let (provider, jwks) = provider();
        let keys = KeySet::parse(jwks.as_bytes(), backend).expect("the dev provider's keys are a set");
        assert_eq!(keys.len(), KIDS.len(), "a key is missing");
        let id_rules = TokenRules::id(ISSUER, CLIENT).and_then(|rules| rules.algorithms(&[algorithm]));
        let access_rules = TokenRules::access(ISSUER, "account")
            .and_then(|rules| rules.accept(&[AccessToken::AtJwt, AccessToken::Jwt]))
            .and_then(|rules| rules.algorithms(&[algorithm]));
        Self {
            jwks,
            keys,
            id_token: sign(&provider, algorithm, &id_claims(at)),
            access_token: sign(&provider, algorithm, &access_claims(at)),
            id_rules: id_rules.expect("the rules are whole").nonce(NONCE),
            access_rules: access_rules.expect("the rules are whole"),
        }
    }

    /// A client that takes both tokens as bearer tokens, by keys that it need not fetch.
    ///
    /// # Panics
    /// If the settings are none.
    #[must_use]
    pub fn client(&self, remember: Option<Remember>) -> Client {
        let config = self.config(remember).build();
        Client::new(config.expect("the settings are whole"), Arc::new(NoEntropy))
    }

    /// Settings of such a client.
    #[must_use]
    pub fn config(&self, remember: Option<Remember>) -> ConfigBuilder {
        let config =
            Config::resource_server(ISSUER, "account").bearer(&[AccessToken::Jwt]).static_keys(&self.jwks);
        remember.into_iter().fold(config, ConfigBuilder::remember_tokens)
    }

    /// The ID token's claims with some replaced, signed as the ID token is.
    #[must_use]
    pub fn id_token_with(&self, algorithm: Algorithm, changes: &Value) -> String {
        let mut claims = id_claims(NOW.as_secs() - 10);
        for (name, value) in changes.as_object().into_iter().flatten() {
            claims[name] = value.clone();
        }
        sign(&provider().0, algorithm, &claims)
    }
}

/// A token of this payload, of a key that nobody holds, so that no signature is ever checked.
#[must_use]
pub fn of_unknown_key(payload: &str) -> String {
    let [header, payload, signature] =
        [br#"{"alg":"RS256","kid":"?"}"#, payload.as_bytes(), &[0; 256]].map(base64url);
    format!("{header}.{payload}.{signature}")
}

/// Payloads that fill a token of 16 KiB and cost the most for it: a name, the text, and the code of the refusal.
#[must_use]
pub fn worst_payloads() -> Vec<(&'static str, String, &'static str)> {
    let claims = id_claims(NOW.as_secs() - 10).to_string();
    let good = claims.strip_suffix('}').unwrap_or_default();
    let within = |opening: &str, repeated: &str, closing: &str| {
        filled(&format!("{good},{opening}"), repeated, &format!("{closing}}}"))
    };
    let members = |prefix: &str| {
        let members: Vec<String> = (0..200).map(|number| format!("\"{prefix}{number:030}\":[]")).collect();
        within(&members.join(","), " ", "")
    };
    let audiences = filled(&format!("{{\"iss\":\"{ISSUER}\",\"aud\":["), "\"a\",", "\"a\"]}");
    vec![
        ("spaces", within("\"x\":1", " ", ""), "unknown_key"),
        ("a long string", within("\"x\":\"", "a", "\""), "unknown_key"),
        ("escapes", within("\"x\":\"", "\\u0041", "\""), "unknown_key"),
        ("numbers", within("\"x\":[", "0.1e-7,", "0]"), "unknown_key"),
        ("a long number", within("\"x\":", "7", ""), "unknown_key"),
        ("empty arrays", within("\"x\":[", "[],", "[]]"), "unknown_key"),
        ("members", members(""), "unknown_key"),
        ("members with escapes", members("\\u0041"), "unknown_key"),
        ("audiences", audiences, "claim_invalid"),
    ]
}

/// `opening`, as many times `repeated` as fit into a token of 16 KiB, spaces, `closing`.
fn filled(opening: &str, repeated: &str, closing: &str) -> String {
    const LONGEST_PAYLOAD: usize = 11_990;
    let room = LONGEST_PAYLOAD.saturating_sub(opening.len() + closing.len());
    let times = room / repeated.len();
    let spaces = " ".repeat(room % repeated.len());
    format!("{opening}{}{spaces}{closing}", repeated.repeat(times))
}

/// The backends under measurement, with their names; the last takes any signature, so that the rest is seen alone.
pub const BACKENDS: [(&str, &dyn Verifier); 3] =
    [("rsa", &RustCrypto), ("aws-lc-rs", &AwsLc), ("no RSA", &Gullible)];

/// Bearer tokens need none.
struct NoEntropy;

impl EntropySource for NoEntropy {
    fn fill(&self, _: &mut [u8]) -> Result<(), EntropyFailed> {
        Err(EntropyFailed)
    }
}

/// A backend that takes any signature.
#[derive(Debug)]
struct Gullible;

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

/// A provider, and the four keys it has signed with, under names of the length that providers use. It signs with the third.
fn provider() -> (DevProvider, String) {
    let mut provider = DevProvider::new(ISSUER);
    let mut published = Vec::new();
    for kid in KIDS {
        let current = provider.current_kid();
        let set = provider.jwks();
        let mut key = set["keys"].as_array().into_iter().flatten().find(|key| key["kid"] == current).cloned();
        if let Some(key) = &mut key {
            key["kid"] = kid.into();
        }
        published.extend(key);
        provider.rotate_keys(true);
    }
    // Five keys in turn: the third again after the fourth, the fifth, the first and the second.
    (0..3).for_each(|_| provider.rotate_keys(true));
    (provider, json!({ "keys": published }).to_string())
}

fn sign(provider: &DevProvider, algorithm: Algorithm, claims: &Value) -> String {
    provider.sign(&json!({ "alg": algorithm.name(), "typ": "JWT", "kid": KIDS[2] }), claims)
}

const KIDS: [&str; 4] = [
    "1c0f3b52-5d07-4f44-9d3a-1b6f0f6c7a01",
    "4a7d9c10-8a3e-4e0b-b7d2-6a2f5e9d1c02",
    "8e2b6f7a-0c41-4c59-a8f3-2d7c9b4e5f03",
    "c5d1a8e4-7f26-4b8d-9e05-3f8a1d6b2c04",
];

/// The nonce of the ID token.
pub const NONCE: &str = "Yb0mC1q8Jc7wFQk2vQnqzvXw3s9o1l5hZ0t4u6r8p2e";

fn base64url(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}

fn id_claims(issued: u64) -> Value {
    json!({
        "iss": ISSUER,
        "sub": "f3b0c9d2-5e1a-4c7b-8d6f-0a9e8b7c6d5e",
        "aud": CLIENT,
        "azp": CLIENT,
        "exp": issued + 300,
        "iat": issued,
        "nbf": issued,
        "nonce": NONCE,
        "email": "ada.lovelace@example.com",
        "email_verified": true,
        "name": "Ada Lovelace",
        "preferred_username": "ada.lovelace",
    })
}

fn access_claims(issued: u64) -> Value {
    let roles = |prefix: &str, count: usize| -> Vec<String> {
        (1..=count).map(|number| format!("{prefix}-{number:02}")).collect()
    };
    json!({
        "iss": ISSUER,
        "sub": "f3b0c9d2-5e1a-4c7b-8d6f-0a9e8b7c6d5e",
        "aud": ["account", "orders", "billing"],
        "azp": CLIENT,
        "exp": issued + 300,
        "iat": issued,
        "nbf": issued,
        "jti": "0d9c8b7a-6f5e-4d3c-8b2a-190817263544",
        "typ": "Bearer",
        "sid": "7a6b5c4d-3e2f-4019-8a7b-6c5d4e3f2a1b",
        "acr": "1",
        "scope": "openid profile email",
        "allowed-origins": ["https://app.example.com"],
        "realm_access": { "roles": roles("realm-role", 15) },
        "resource_access": {
            "account": { "roles": ["manage-account", "manage-account-links", "view-profile"] },
            "orders": { "roles": roles("orders-role", 16) },
            "billing": { "roles": roles("billing-role", 17) },
        },
        "email": "ada.lovelace@example.com",
        "email_verified": true,
        "name": "Ada Lovelace",
        "given_name": "Ada",
        "family_name": "Lovelace",
        "preferred_username": "ada.lovelace",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fixtures_are_accepted_and_of_the_stated_size() {
        for algorithm in [Algorithm::Rs256, Algorithm::Rs384, Algorithm::Rs512] {
            let fixtures = Fixtures::new(algorithm, &RustCrypto);
            assert_eq!(fixtures.id_rules.verify(&fixtures.id_token, &fixtures.keys, NOW).err(), None);
            assert_eq!(fixtures.access_rules.verify(&fixtures.access_token, &fixtures.keys, NOW).err(), None);
            assert_eq!((fixtures.id_token.len(), fixtures.access_token.len()), (907, 2486));
        }
    }
}
