//! The contenders: each verifies a token by the ordinary calls of one library, with the same checks.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::hint::black_box;
use std::sync::Arc;

use oidc_core::config::Remember;
use oidc_core::entropy::EntropyFailed;
use oidc_core::jose::{Algorithm, AwsLc, KeySet, MAX_TOKEN, PublicKey, RsaComponents, RustCrypto, Verifier};
use oidc_core::time::UnixTime;
use oidc_core::token::{AccessToken, TokenRules};
use oidc_core::{Client, Config, EntropySource, Step};
use openidconnect::core::{CoreIdToken, CoreIdTokenVerifier, CoreJsonWebKeySet};
use openidconnect::{ClientId, IssuerUrl, Nonce};
use serde_json::Value;

use crate::now;

/// Whether a token is good.
pub type Verify = Box<dyn Fn(&str) -> bool + Send + Sync>;

/// What is to be verified, and against what.
pub struct Task {
    issuer: String,
    audience: String,
    nonce: Option<String>,
    jwks: String,
    /// A good token.
    pub token: String,
    /// Another one, for another thread.
    pub second: String,
}

impl Task {
    /// From the file of fixtures.
    ///
    /// # Panics
    /// If it is none.
    #[must_use]
    pub fn read(file: &str, kind: &str) -> Self {
        let all: Value = serde_json::from_slice(&fs::read(file).expect("the fixtures")).expect("JSON");
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Self {
            issuer: text(&all["issuer"]),
            audience: text(&all[kind]["audience"]),
            nonce: all[kind]["nonce"].as_str().map(str::to_owned),
            jwks: all["jwks"].to_string(),
            token: text(&all[kind]["token"]),
            second: text(&all[kind]["second"]),
        }
    }
}

/// The contender of this name.
///
/// # Panics
/// If there is none, or if it cannot be made.
#[must_use]
pub fn contender(name: &str, task: &Task) -> Verify {
    match name {
        "oidc-core" => ours(task, &RustCrypto),
        "oidc-core-aws-lc-rs" => ours(task, &AwsLc),
        "oidc-core-remembered" => remembered(task),
        "part-no-rsa" => ours(task, oidc_benches::BACKENDS[2].1),
        "part-rsa" => rsa_alone(task, &RustCrypto),
        "part-rsa-aws-lc" => rsa_alone(task, &AwsLc),
        "part-malformed" => refusal(task, "not a token".to_owned(), "malformed"),
        "part-oversized" => refusal(task, "a".repeat(MAX_TOKEN + 1), "too_large"),
        "part-algorithm" => refusal(task, of_another_algorithm(task), "algorithm_not_allowed"),
        "jsonwebtoken-aws" => {
            jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default().expect("the first provider");
            jsonwebtoken_11(task)
        }
        "jsonwebtoken-rust" => {
            jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER
                .install_default()
                .expect("the first provider");
            jsonwebtoken_11(task)
        }
        "jsonwebtoken-9" => jsonwebtoken_9(task),
        "openidconnect" => openidconnect(task),
        "jwt-simple" => jwt_simple(task),
        #[cfg(feature = "boring")]
        "jwt-simple-boring" => jwt_simple_boring(task),
        "josekit" => josekit(task),
        other => panic!("no contender {other:?}"),
    }
}

fn ours(task: &Task, backend: &dyn Verifier) -> Verify {
    let (keys, rules) = (keys(task, backend), rules(task));
    Box::new(move |token| rules.verify(token, &keys, UnixTime::from_secs(now())).is_ok())
}

fn keys(task: &Task, backend: &dyn Verifier) -> KeySet {
    KeySet::parse(task.jwks.as_bytes(), backend).expect("the key set")
}

fn rules(task: &Task) -> TokenRules {
    let rules = match &task.nonce {
        Some(nonce) => TokenRules::id(&task.issuer, &task.audience).map(|rules| rules.nonce(nonce)),
        None => TokenRules::access(&task.issuer, &task.audience)
            .and_then(|rules| rules.accept(&[AccessToken::Jwt])),
    };
    rules.expect("the rules are whole")
}

/// The signature by itself, as bytes.
fn rsa_alone(task: &Task, backend: &dyn Verifier) -> Verify {
    let set: Value = serde_json::from_str(&task.jwks).expect("the key set");
    let (input, signature) = task.token.rsplit_once('.').expect("a token has segments");
    let (input, signature) = (input.to_owned(), bytes(signature));
    let keys = set["keys"].as_array().into_iter().flatten().map(|jwk| {
        let [n, e] = ["n", "e"].map(|name| bytes(jwk[name].as_str().unwrap_or_default()));
        backend.prepare(&PublicKey::Rsa(RsaComponents { n: &n, e: &e })).expect("a key")
    });
    let key = keys
        .into_iter()
        .find(|key| key.verify(Algorithm::Rs256, input.as_bytes(), &signature))
        .expect("one has signed");
    Box::new(move |_| key.verify(Algorithm::Rs256, black_box(input.as_bytes()), &signature))
}

fn bytes(base64url: &str) -> Vec<u8> {
    use jwt_simple::reexports::ct_codecs::{Base64UrlSafeNoPadding, Decoder};
    Base64UrlSafeNoPadding::decode_to_vec(base64url, None).expect("base64url")
}

/// What a refusal costs, whatever token it is asked for.
fn refusal(task: &Task, token: String, code: &'static str) -> Verify {
    let (keys, rules) = (keys(task, &RustCrypto), rules(task));
    Box::new(move |_| {
        let refused = rules.verify(black_box(&token), &keys, UnixTime::from_secs(now()));
        refused.is_err_and(|error| error.code() == code)
    })
}

/// The same token with a header that says RS512.
fn of_another_algorithm(task: &Task) -> String {
    use jwt_simple::reexports::ct_codecs::{Base64UrlSafeNoPadding, Encoder};
    let (_, rest) = task.token.split_once('.').expect("a token has segments");
    let header =
        Base64UrlSafeNoPadding::encode_to_string(r#"{"alg":"RS512","typ":"JWT"}"#).expect("it is short");
    format!("{header}.{rest}")
}

struct NoEntropy;

impl EntropySource for NoEntropy {
    fn fill(&self, _: &mut [u8]) -> Result<(), EntropyFailed> {
        Err(EntropyFailed)
    }
}

/// As a bearer token, of which an ID token is one here.
fn remembered(task: &Task) -> Verify {
    let kind = if task.nonce.is_some() { AccessToken::IdToken } else { AccessToken::Jwt };
    let config = Config::resource_server(&task.issuer, &task.audience)
        .bearer(&[kind])
        .static_keys(&task.jwks)
        .remember_tokens(Remember::new())
        .build()
        .expect("the settings are whole");
    let client = Client::new(config, Arc::new(NoEntropy));
    Box::new(move |token| {
        matches!(client.verify_access_token(token, UnixTime::from_secs(now())), Step::Done(Ok(_)))
    })
}

/// Two versions of one library, of one interface.
macro_rules! jsonwebtoken {
    ($library:ident, $task:expr) => {{
        let task: &Task = $task;
        use $library::{Algorithm, DecodingKey, Validation, decode, decode_header, jwk::JwkSet};
        let set: JwkSet = serde_json::from_str(&task.jwks).expect("the key set");
        let keys: HashMap<String, DecodingKey> = set
            .keys
            .iter()
            .map(|jwk| {
                (jwk.common.key_id.clone().expect("a kid"), DecodingKey::from_jwk(jwk).expect("a key"))
            })
            .collect();
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_issuer(&[&task.issuer]);
        validation.set_audience(&[&task.audience]);
        validation.validate_nbf = true;
        let nonce = task.nonce.clone();
        Box::new(move |token| {
            let Some(kid) = decode_header(token).ok().and_then(|header| header.kid) else { return false };
            let Some(key) = keys.get(&kid) else { return false };
            decode::<BTreeMap<String, Value>>(token, key, &validation)
                .is_ok_and(|data| data.claims.get("nonce").and_then(Value::as_str) == nonce.as_deref())
        })
    }};
}

fn jsonwebtoken_11(task: &Task) -> Verify {
    jsonwebtoken!(jsonwebtoken, task)
}

fn jsonwebtoken_9(task: &Task) -> Verify {
    jsonwebtoken!(jsonwebtoken9, task)
}

fn openidconnect(task: &Task) -> Verify {
    let keys: CoreJsonWebKeySet = serde_json::from_str(&task.jwks).expect("the key set");
    let verifier = CoreIdTokenVerifier::new_public_client(
        ClientId::new(task.audience.clone()),
        IssuerUrl::new(task.issuer.clone()).expect("a URL"),
        keys,
    )
    .set_other_audience_verifier_fn(|_| true);
    let expected = task.nonce.clone().map(Nonce::new);
    Box::new(move |token| {
        let Ok(token) = token.parse::<CoreIdToken>() else { return false };
        let check = |nonce: Option<&Nonce>| {
            if nonce.map(Nonce::secret) == expected.as_ref().map(Nonce::secret) {
                Ok(())
            } else {
                Err("another nonce".to_owned())
            }
        };
        token.claims(&verifier, check).is_ok()
    })
}

/// Likewise.
macro_rules! jwt_simple {
    ($library:ident, $task:expr) => {{
        use $library::prelude::*;
        let task: &Task = $task;
        let set: Value = serde_json::from_str(&task.jwks).expect("the key set");
        let keys: HashMap<String, RS256PublicKey> = set["keys"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|jwk| {
                let number = |name: &str| bytes(jwk[name].as_str().unwrap_or_default());
                let key = RS256PublicKey::from_components(&number("n"), &number("e")).expect("a key");
                (jwk["kid"].as_str().unwrap_or_default().to_owned(), key)
            })
            .collect();
        let options = VerificationOptions {
            allowed_issuers: Some([task.issuer.clone()].into()),
            allowed_audiences: Some([task.audience.clone()].into()),
            required_nonce: task.nonce.clone(),
            ..VerificationOptions::default()
        };
        Box::new(move |token| {
            let Some(kid) =
                Token::decode_metadata(token).ok().and_then(|data| data.key_id().map(str::to_owned))
            else {
                return false;
            };
            let Some(key) = keys.get(&kid) else { return false };
            key.verify_token::<BTreeMap<String, Value>>(token, Some(options.clone())).is_ok()
        })
    }};
}

fn jwt_simple(task: &Task) -> Verify {
    jwt_simple!(jwt_simple, task)
}

#[cfg(feature = "boring")]
fn jwt_simple_boring(task: &Task) -> Verify {
    jwt_simple!(jwt_simple_boring, task)
}

fn josekit(task: &Task) -> Verify {
    use josekit::jwk::JwkSet;
    use josekit::jws::{JwsVerifier, RS256};
    use josekit::jwt::{self, JwtPayloadValidator};
    let set = JwkSet::from_bytes(&task.jwks).expect("the key set");
    let verifiers: HashMap<String, Box<dyn JwsVerifier>> = set
        .keys()
        .into_iter()
        .map(|jwk| {
            let kid = jwk.key_id().expect("a kid").to_owned();
            (kid, Box::new(RS256.verifier_from_jwk(jwk).expect("a key")) as Box<dyn JwsVerifier>)
        })
        .collect();
    let (issuer, audience, nonce) = (task.issuer.clone(), task.audience.clone(), task.nonce.clone());
    Box::new(move |token| {
        let Ok(header) = jwt::decode_header(token) else { return false };
        let Some(verifier) = header.claim("kid").and_then(Value::as_str).and_then(|kid| verifiers.get(kid))
        else {
            return false;
        };
        let Ok((payload, _)) = jwt::decode_with_verifier(token, &**verifier) else { return false };
        let mut validator = JwtPayloadValidator::new();
        validator.set_base_time(std::time::SystemTime::now());
        validator.set_issuer(&issuer);
        validator.set_audience(&audience);
        validator.validate(&payload).is_ok()
            && payload.claim("nonce").and_then(Value::as_str) == nonce.as_deref()
    })
}
