//! One library, asked for rounds on standard input: for a line with a number it verifies a token so many times, and answers
//! with the nanoseconds of its thread.
//!
//! ```text
//! contender NAME id_token|access_token FIXTURES
//! ```

use std::collections::{BTreeMap, HashMap};
use std::hint::black_box;
use std::io::{self, BufRead, Write};
use std::{env, fs};

use cpu_time::ThreadTime;
use oidc_contest::now;
use oidc_core::config::Remember;
use oidc_core::entropy::EntropyFailed;
use oidc_core::jose::{AwsLc, KeySet, RustCrypto, Verifier};
use oidc_core::time::UnixTime;
use oidc_core::token::{AccessToken, TokenRules};
use oidc_core::{Client, Config, EntropySource, Step};
use openidconnect::core::{CoreIdToken, CoreIdTokenVerifier, CoreJsonWebKeySet};
use openidconnect::{ClientId, IssuerUrl, Nonce};
use serde_json::Value;

/// Whether a token is good.
type Verify = Box<dyn Fn(&str) -> bool>;

struct Task {
    issuer: String,
    audience: String,
    nonce: Option<String>,
    jwks: String,
    token: String,
}

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [name, kind, fixtures] = arguments.as_slice() else { panic!("contender NAME TOKEN FIXTURES") };
    let task = Task::read(fixtures, kind);
    let verify = contender(name, &task);
    assert!(verify(&task.token), "{name} refuses {kind}");
    let forged = format!("{}AAAA", &task.token[..task.token.len() - 4]);
    assert!(!verify(&forged), "{name} takes a forged {kind}");
    for line in io::stdin().lock().lines() {
        let times: u32 = line.expect("standard input is text").trim().parse().expect("a number");
        let begin = ThreadTime::now();
        for _ in 0..times {
            assert!(verify(black_box(&task.token)));
        }
        println!("{}", begin.elapsed().as_nanos());
        io::stdout().flush().expect("somebody reads");
    }
}

impl Task {
    fn read(file: &str, kind: &str) -> Self {
        let all: Value = serde_json::from_slice(&fs::read(file).expect("the fixtures")).expect("JSON");
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Self {
            issuer: text(&all["issuer"]),
            audience: text(&all[kind]["audience"]),
            nonce: all[kind]["nonce"].as_str().map(str::to_owned),
            jwks: all["jwks"].to_string(),
            token: text(&all[kind]["token"]),
        }
    }
}

fn contender(name: &str, task: &Task) -> Verify {
    match name {
        "oidc-core" => ours(task, &RustCrypto),
        "oidc-core-aws-lc-rs" => ours(task, &AwsLc),
        "oidc-core-remembered" => remembered(task),
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
        "josekit" => josekit(task),
        other => panic!("no contender {other:?}"),
    }
}

fn ours(task: &Task, backend: &dyn Verifier) -> Verify {
    let keys = KeySet::parse(task.jwks.as_bytes(), backend).expect("the key set");
    let rules = match &task.nonce {
        Some(nonce) => TokenRules::id(&task.issuer, &task.audience).map(|rules| rules.nonce(nonce)),
        None => TokenRules::access(&task.issuer, &task.audience)
            .and_then(|rules| rules.accept(&[AccessToken::Jwt])),
    };
    let rules = rules.expect("the rules are whole");
    Box::new(move |token| rules.verify(token, &keys, UnixTime::from_secs(now())).is_ok())
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
    let client = Client::new(config, std::sync::Arc::new(NoEntropy));
    Box::new(move |token| {
        matches!(client.verify_access_token(token, UnixTime::from_secs(now())), Step::Done(Ok(_)))
    })
}

fn jsonwebtoken_11(task: &Task) -> Verify {
    use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header, jwk::JwkSet};
    let set: JwkSet = serde_json::from_str(&task.jwks).expect("the key set");
    let keys: HashMap<String, DecodingKey> = set
        .keys
        .iter()
        .map(|jwk| (jwk.common.key_id.clone().expect("a kid"), DecodingKey::from_jwk(jwk).expect("a key")))
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
}

fn jsonwebtoken_9(task: &Task) -> Verify {
    use jsonwebtoken9::{Algorithm, DecodingKey, Validation, decode, decode_header, jwk::JwkSet};
    let set: JwkSet = serde_json::from_str(&task.jwks).expect("the key set");
    let keys: HashMap<String, DecodingKey> = set
        .keys
        .iter()
        .map(|jwk| (jwk.common.key_id.clone().expect("a kid"), DecodingKey::from_jwk(jwk).expect("a key")))
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

fn jwt_simple(task: &Task) -> Verify {
    use jwt_simple::prelude::*;
    let set: Value = serde_json::from_str(&task.jwks).expect("the key set");
    let keys: HashMap<String, RS256PublicKey> = set["keys"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|jwk| {
            let number = |name: &str| {
                let text = jwk[name].as_str().unwrap_or_default();
                jwt_simple::reexports::ct_codecs::Base64UrlSafeNoPadding::decode_to_vec(text, None)
                    .expect("base64url")
            };
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
        let Some(kid) = Token::decode_metadata(token).ok().and_then(|data| data.key_id().map(str::to_owned))
        else {
            return false;
        };
        let Some(key) = keys.get(&kid) else { return false };
        key.verify_token::<BTreeMap<String, Value>>(token, Some(options.clone())).is_ok()
    })
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
