//! The provider of the simulated day: what it publishes, signs with and answers, as a function of the time.

use std::ops::Range;

use base64ct::{Base64UrlUnpadded, Encoding};
use http::{Response, StatusCode};
use oidc_core::jose::{Algorithm, PreparedKey, PublicKey, Verifier};
use oidc_core::step::{Fetch, FetchError, FetchResult, Purpose};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// Milliseconds since midnight, by the provider's clock.
pub(crate) type Millis = u64;

pub(crate) const SECOND: Millis = 1_000;
pub(crate) const MINUTE: Millis = 60 * SECOND;
pub(crate) const HOUR: Millis = 60 * MINUTE;
pub(crate) const DAY: Millis = 24 * HOUR;
/// Midnight, in seconds since 1970.
pub(crate) const MIDNIGHT: u64 = 1_700_006_400;

pub(crate) const ISSUER: &str = "https://op.example";
pub(crate) const AUDIENCE: &str = "https://api.example";
/// How long a token is good.
pub(crate) const TOKEN_LIFE: Millis = 2 * HOUR;
/// How long an answer may be kept.
pub(crate) const MAX_AGE: Millis = HOUR;
/// When it answers no connection.
pub(crate) const OUTAGE: Range<Millis> = 7 * HOUR + 30 * MINUTE..9 * HOUR + 30 * MINUTE;
/// How long an answer takes, of which half is the request's way; and how long it takes to learn that nobody listens.
const LATENCY: Millis = 50;
const REFUSAL: Millis = 1;

/// A key, when it stands in the key set, and when it signs.
pub(crate) struct Key {
    pub(crate) kid: &'static str,
    pub(crate) published: Range<Millis>,
    pub(crate) signs: Range<Millis>,
}

/// Two planned rotations: one announced long before, one shortly before. The third withdraws a key and uses the next one
/// in the same moment.
pub(crate) const KEYS: [Key; 4] = [
    Key { kid: "first", published: 0..7 * HOUR, signs: 0..ROTATIONS[0] },
    Key { kid: "second", published: 2 * HOUR..14 * HOUR, signs: ROTATIONS[0]..ROTATIONS[1] },
    Key { kid: "third", published: ROTATIONS[1] - 5 * MINUTE..WITHDRAWAL, signs: ROTATIONS[1]..WITHDRAWAL },
    Key { kid: "fourth", published: WITHDRAWAL..Millis::MAX, signs: WITHDRAWAL..Millis::MAX },
];
pub(crate) const ROTATIONS: [Millis; 3] = [4 * HOUR, 11 * HOUR, 15 * HOUR];
pub(crate) const WITHDRAWAL: Millis = ROTATIONS[2];

impl Key {
    pub(crate) fn signing(at: Millis) -> usize {
        KEYS.iter().position(|key| key.signs.contains(&at)).unwrap()
    }

    /// Any number that has the size and shape of a modulus.
    fn modulus(&self) -> Vec<u8> {
        let mut modulus = Sha256::digest(self.kid).repeat(8);
        modulus[0] |= 0x80;
        modulus[255] |= 1;
        modulus
    }

    fn jwk(&self) -> Value {
        let n = Base64UrlUnpadded::encode_string(&self.modulus());
        json!({"kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.kid, "n": n, "e": "AQAB"})
    }
}

/// A signature scheme that costs next to nothing: whoever knows the modulus can sign, and no other modulus verifies.
#[derive(Debug)]
pub(crate) struct Cheap;

struct CheapKey(Vec<u8>);

impl Verifier for Cheap {
    fn prepare(&self, key: &PublicKey<'_>) -> Option<Box<dyn PreparedKey>> {
        let PublicKey::Rsa(key) = key else { return None };
        Some(Box::new(CheapKey(key.n.to_vec())))
    }
}

impl PreparedKey for CheapKey {
    fn verify(&self, _: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        signature == cheap_signature(&self.0, message)
    }
}

fn cheap_signature(modulus: &[u8], message: &[u8]) -> Vec<u8> {
    Sha256::new().chain_update(modulus).chain_update(message).finalize().repeat(8)
}

/// A token of this time, signed by the key that signs then, and named after it unless it is made up.
pub(crate) fn token(made_up_kid: Option<&str>, at: Millis) -> String {
    let key = &KEYS[Key::signing(at)];
    let issued = MIDNIGHT + at / SECOND;
    let header = json!({"alg": "RS256", "typ": "at+jwt", "kid": made_up_kid.unwrap_or(key.kid)});
    let claims = json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": "ada", "client_id": "app", "jti": "1",
        "iat": issued, "exp": issued + TOKEN_LIFE / SECOND,
    });
    let encoded = |value: Value| Base64UrlUnpadded::encode_string(value.to_string().as_bytes());
    let message = format!("{}.{}", encoded(header), encoded(claims));
    let signature = cheap_signature(&key.modulus(), message.as_bytes());
    format!("{message}.{}", Base64UrlUnpadded::encode_string(&signature))
}

/// Its answers, made once.
pub(crate) struct Provider {
    metadata: Document,
    key_sets: Vec<(Millis, Document)>,
}

struct Document {
    etag: String,
    whole: Response<Vec<u8>>,
    unchanged: Response<Vec<u8>>,
}

impl Document {
    fn new(etag: &str, body: &Value) -> Self {
        let answer = |status, body| {
            let answer = Response::builder()
                .status(status)
                .header("content-type", "application/json")
                .header("cache-control", format!("public, max-age={}", MAX_AGE / SECOND))
                .header("etag", etag);
            answer.body(body).unwrap()
        };
        Self {
            etag: etag.to_owned(),
            whole: answer(StatusCode::OK, body.to_string().into_bytes()),
            unchanged: answer(StatusCode::NOT_MODIFIED, Vec::new()),
        }
    }
}

impl Provider {
    pub(crate) fn new() -> Self {
        let metadata = json!({
            "issuer": ISSUER, "jwks_uri": format!("{ISSUER}/jwks"),
            "authorization_endpoint": format!("{ISSUER}/authorize"), "token_endpoint": format!("{ISSUER}/token"),
            "response_types_supported": ["code"], "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        });
        let mut changes: Vec<Millis> =
            KEYS.iter().flat_map(|key| [key.published.start, key.published.end]).collect();
        changes.sort_unstable();
        changes.dedup();
        let key_set = |at: &Millis| {
            let keys: Vec<Value> =
                KEYS.iter().filter(|key| key.published.contains(at)).map(Key::jwk).collect();
            (*at, Document::new(&format!("\"keys-{at}\""), &json!({ "keys": keys })))
        };
        Self {
            metadata: Document::new("\"metadata\"", &metadata),
            key_sets: changes.iter().map(key_set).collect(),
        }
    }

    /// What comes of a request that is sent at a time, and when it does.
    pub(crate) fn answer(&self, fetch: &Fetch, sent: Millis) -> (FetchResult, Millis) {
        let read = sent + LATENCY / 2;
        if OUTAGE.contains(&read) {
            return (Err(FetchError::Failed("connection refused".to_owned())), sent + REFUSAL);
        }
        let document = match fetch.purpose {
            Purpose::Discovery => &self.metadata,
            _ => &self.key_sets.iter().rfind(|(from, _)| *from <= read).unwrap().1,
        };
        let known = fetch.request.headers().get("if-none-match");
        let unchanged = known.is_some_and(|etag| etag.as_bytes() == document.etag.as_bytes());
        let answer = if unchanged { &document.unchanged } else { &document.whole };
        (Ok(answer.clone()), sent + LATENCY)
    }
}
