//! What the contest and its contenders share: the tokens, as lines of a file, and the contenders themselves.

pub mod contenders;

use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use oidc_benches::Fixtures;
use oidc_core::jose::{Algorithm, RustCrypto};
use serde_json::{Value, json};

/// The two tokens that are verified.
pub const TOKENS: [&str; 2] = ["id_token", "access_token"];

/// Seconds since 1970.
#[must_use]
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_secs())
}

/// Writes what every contender reads: fresh tokens, the key set, and what they are checked against.
///
/// # Panics
/// If the file cannot be written.
pub fn write_fixtures(file: &Path) {
    let fixtures = Fixtures::issued(now() - 10, Algorithm::Rs256, &RustCrypto);
    let second = Fixtures::issued(now() - 11, Algorithm::Rs256, &RustCrypto);
    let jwks: Value = serde_json::from_str(&fixtures.jwks).expect("the key set is JSON");
    let all = json!({
        "issuer": oidc_benches::ISSUER,
        "id_token": { "token": fixtures.id_token, "second": second.id_token, "audience": oidc_benches::CLIENT, "nonce": oidc_benches::NONCE },
        "access_token": { "token": fixtures.access_token, "second": second.access_token, "audience": "account" },
        "jwks": jwks,
    });
    fs::write(file, all.to_string()).expect("the fixtures can be written");
}
