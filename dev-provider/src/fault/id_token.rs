//! What a fault does to an ID token: to its claims, to its text, to its header and to its signature.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha512};

use super::{EVENT, Fault};
use crate::keys::{self, base64url};
use crate::mint::{Beside, Grant, append, insert};
use crate::provider::DevProvider;

/// What an ID token is made of.
pub(crate) struct Made<'a> {
    pub(crate) claims: Map<String, Value>,
    pub(crate) grant: &'a Grant,
    pub(crate) beside: Beside<'a>,
}

impl DevProvider {
    /// What the clock shows by which ID tokens are minted.
    pub(crate) fn minting_time(&self, now: u64) -> u64 {
        match self.fault {
            Some(Fault::ClockAhead) => now.saturating_add(30),
            Some(Fault::ClockBehind) => now.saturating_sub(30),
            Some(Fault::ClockFarAhead) => now.saturating_add(600),
            Some(Fault::ClockFarBehind) => now.saturating_sub(600),
            _ => now,
        }
    }

    pub(crate) fn spoil_claims(&self, claims: &mut Map<String, Value>, refreshed: bool, now: u64) {
        let Some(fault) = &self.fault else { return };
        spoil_refreshed(fault, claims, refreshed);
        spoil_second(fault, claims);
        spoil_parties(fault, claims);
        spoil_times(fault, claims, now);
    }

    /// The ID token, in whatever way its header, signature or form is wrong.
    pub(crate) fn sign_id_token(&mut self, made: Made<'_>, now: u64) -> String {
        let header = self.id_token_header();
        let claims = Value::Object(made.claims);
        let Some(fault) = self.fault.clone() else { return self.sign(&header, &claims) };
        if let Some(payload) = spoiled_payload(&fault, &claims.to_string()) {
            return self.sign_raw(header.to_string().as_bytes(), &payload, self.keys.alg.name());
        }
        if let Some(spoil) = spoiled_header(&fault, &header) {
            return self.sign_raw(spoil.as_bytes(), claims.to_string().as_bytes(), self.keys.alg.name());
        }
        match fault {
            Fault::LogoutTokenAsIdToken => {
                let Grant { sub, sid, client_id, .. } = made.grant;
                self.logout_token(Some(sub), Some(sid), client_id, now)
            }
            Fault::AccessTokenAsIdToken => made.beside.text().to_owned(),
            _ => self
                .signed_otherwise(&fault, &header, &claims, made.grant)
                .unwrap_or_else(|| spoiled_text(&fault, self.sign(&header, &claims))),
        }
    }

    fn id_token_header(&mut self) -> Value {
        let mut header = self.header("JWT");
        match self.fault {
            Some(Fault::UnknownKid) => header["kid"] = self.random.token().into(),
            Some(Fault::KidOfOtherType) => header["kid"] = keys::DECOY_P256.into(),
            Some(Fault::KidForEncryption) => header["kid"] = keys::DECOY_ENC.into(),
            Some(Fault::KidNumber) => header["kid"] = 7.into(),
            Some(Fault::TypLogoutJwt) => header["typ"] = "logout+jwt".into(),
            Some(Fault::TypAtJwt) => header["typ"] = "at+jwt".into(),
            Some(Fault::TypInOtherCase) => header["typ"] = "jwt".into(),
            Some(Fault::CritUnknown) => insert_into(&mut header, json!({ "crit": ["exp"], "exp": 1 })),
            Some(Fault::B64False) => insert_into(&mut header, json!({ "crit": ["b64"], "b64": false })),
            _ => {}
        }
        if self.like_the_suite || self.has_fault(&Fault::TypMissing) {
            remove_from(&mut header, "typ");
        }
        header
    }

    /// By another key or algorithm.
    fn signed_otherwise(
        &self,
        fault: &Fault,
        header: &Value,
        claims: &Value,
        grant: &Grant,
    ) -> Option<String> {
        let payload = claims.to_string();
        let by_stranger = |member: &str, value: Value| {
            let mut header = header.clone();
            header[member] = value;
            self.keys.compact_by_stranger(header.to_string().as_bytes(), payload.as_bytes())
        };
        let hs256 = |secret: &str| {
            let mut header = header.clone();
            header["alg"] = "HS256".into();
            keys::compact_hs256(header.to_string().as_bytes(), payload.as_bytes(), secret.as_bytes())
        };
        let stranger = self.keys.stranger();
        Some(match fault {
            Fault::SigNone => self.sign(&json!({ "alg": "none" }), claims),
            Fault::SigNoneInOtherCase => {
                let token = self.sign(&json!({ "alg": "nOnE" }), claims);
                with_signature(&token, "")
            }
            Fault::AlgAlternate => {
                let mut header = header.clone();
                header["alg"] = if self.keys.alg.name() == "RS512" { "RS256" } else { "RS512" }.into();
                self.sign(&header, claims)
            }
            Fault::InvalidSigEs256 if header["alg"] == "ES256" => {
                keys::with_broken_signature(&self.sign(header, claims))
            }
            Fault::InvalidSigEs256 => es256_by_nobody(header, claims),
            Fault::AlgOfOtherType => {
                let mut header = header.clone();
                header["alg"] = if self.keys.signs_on_curve() { "RS256" } else { "ES256" }.into();
                self.sign(&header, claims)
            }
            Fault::InvalidSigHs256 => {
                let client = self.client(&grant.client_id);
                hs256(client.and_then(|client| client.secret.as_deref()).unwrap_or_default())
            }
            Fault::SigHs256ByPublicKey => hs256(&self.keys.published()["keys"][0].to_string()),
            Fault::RsaExponentOne => {
                let token = self.sign(header, claims);
                let signature = keys::padded_digest(self.keys.alg, signing_input(&token).as_bytes());
                with_signature(&token, &base64url(&signature))
            }
            Fault::EmbeddedJwk => by_stranger("jwk", stranger),
            Fault::Jku => by_stranger("jku", self.url("/dev/elsewhere/jwks").into()),
            Fault::X5u => by_stranger("x5u", self.url("/dev/elsewhere/jwks").into()),
            Fault::X5c => by_stranger("x5c", json!(["MIIBszCCAVmgAwIBAgIUZg"])),
            _ => return None,
        })
    }
}

fn spoil_refreshed(fault: &Fault, claims: &mut Map<String, Value>, refreshed: bool) {
    if !refreshed {
        return;
    }
    match fault {
        Fault::RefreshInvalidIss => append(claims, "iss", "1"),
        Fault::RefreshInvalidSub => append(claims, "sub", "1"),
        Fault::RefreshInvalidAud => append(claims, "aud", "1"),
        Fault::RefreshInvalidNonce => append(claims, "nonce", "1"),
        Fault::RefreshWithoutNonce => drop(claims.remove("nonce")),
        Fault::RefreshInvalidAuthTime => {
            let before = claims.get("auth_time").and_then(Value::as_u64).unwrap_or_default();
            insert(claims, json!({ "auth_time": before.saturating_add(3600) }));
        }
        _ => {}
    }
}

/// One that comes with an access token, and so after the one beside the code.
fn spoil_second(fault: &Fault, claims: &mut Map<String, Value>) {
    if !claims.contains_key("at_hash") {
        return;
    }
    match fault {
        Fault::SecondInvalidSub => append(claims, "sub", "1"),
        Fault::SecondInvalidIss => append(claims, "iss", "1"),
        Fault::SecondInvalidNonce => append(claims, "nonce", "1"),
        _ => {}
    }
}

/// Of whom it speaks, for whom, and for what.
fn spoil_parties(fault: &Fault, claims: &mut Map<String, Value>) {
    let client = claims.get("aud").cloned().unwrap_or_default();
    match fault {
        Fault::NonceInvalid => append(claims, "nonce", "1"),
        Fault::InvalidIss => append(claims, "iss", "1"),
        Fault::InvalidAud => append(claims, "aud", "1"),
        Fault::InvalidAtHash => append(claims, "at_hash", "1"),
        Fault::InvalidCHash => append(claims, "c_hash", "1"),
        Fault::NonceMissing => drop(claims.remove("nonce")),
        Fault::MissingIss => drop(claims.remove("iss")),
        Fault::MissingAud => drop(claims.remove("aud")),
        Fault::MissingSub => drop(claims.remove("sub")),
        Fault::MissingAtHash => drop(claims.remove("at_hash")),
        Fault::MissingCHash => drop(claims.remove("c_hash")),
        Fault::NonceArray => insert(claims, json!({ "nonce": [claims.get("nonce")] })),
        Fault::IssSlash => {
            let iss = claims.get("iss").and_then(Value::as_str).unwrap_or_default();
            insert(claims, json!({ "iss": other_slash(iss) }));
        }
        Fault::AudArray => insert(claims, json!({ "aud": [client] })),
        Fault::AudArrayOfOthers => insert(claims, json!({ "aud": ["other-1", "other-2"] })),
        Fault::AudUntrusted => insert(claims, json!({ "aud": [client, "other-1"], "azp": client })),
        Fault::AzpMissing => insert(claims, json!({ "aud": [client, "other-1"] })),
        Fault::EventsInIdToken => insert(claims, json!({ "events": { EVENT: {} } })),
        Fault::AudEmpty => insert(claims, json!({ "aud": [] })),
        Fault::AzpRight => insert(claims, json!({ "azp": client })),
        Fault::AzpWrong => insert(claims, json!({ "azp": "other-1" })),
        Fault::SubEmpty => insert(claims, json!({ "sub": "" })),
        Fault::SubNumber => insert(claims, json!({ "sub": 7 })),
        Fault::SubTooLong => insert(claims, json!({ "sub": "a".repeat(256) })),
        Fault::IdTokenLarge => insert(claims, json!({ "large": "a".repeat(100 * 1024) })),
        _ => {}
    }
}

fn spoil_times(fault: &Fault, claims: &mut Map<String, Value>, now: u64) {
    let (iat, exp) = (claims.get("iat").cloned(), claims.get("exp").cloned());
    let exp = exp.and_then(|exp| exp.as_f64()).unwrap_or_default();
    let ago = |seconds: u64| now.saturating_sub(seconds);
    let ahead = now.saturating_add(3600);
    let spoiled = match fault {
        Fault::MissingIat => return drop(claims.remove("iat")),
        Fault::MissingExp => return drop(claims.remove("exp")),
        Fault::AuthTimeMissing => return drop(claims.remove("auth_time")),
        Fault::IatText => json!({ "iat": iat.unwrap_or_default().to_string() }),
        Fault::IatFuture => json!({ "iat": ahead, "exp": ahead + 300 }),
        Fault::IatWeekInPast => json!({ "iat": ago(7 * 86_400) }),
        Fault::Expired => json!({ "iat": ago(3900), "exp": ago(3600) }),
        Fault::ExpFloat => json!({ "exp": exp + 0.5 }),
        Fault::ExpHuge => json!({ "exp": 1e18 }),
        Fault::ExpNegative => json!({ "exp": -1 }),
        Fault::ExpText => json!({ "exp": exp.to_string() }),
        Fault::NbfFuture => json!({ "nbf": ahead }),
        Fault::ClockBehind => json!({ "exp": now.saturating_add(15) }),
        Fault::AuthTimeOld => json!({ "auth_time": ago(86_400) }),
        _ => return,
    };
    insert(claims, spoiled);
}

/// What no claims set can be, as bytes.
fn spoiled_payload(fault: &Fault, claims: &str) -> Option<Vec<u8>> {
    let with = |member: &str| format!("{{{member},{}", &claims[1..]).into_bytes();
    Some(match fault {
        Fault::ClaimTwice => with(r#""sub":"mallory""#),
        Fault::ClaimTwiceEscaped => with(r#""s\u0075b":"mallory""#),
        Fault::ClaimsArray => format!("[{claims}]").into_bytes(),
        Fault::ClaimsNotUtf8 => [b"{\"text\":\"\xff\",", &claims.as_bytes()[1..]].concat(),
        Fault::ClaimsDeep => with(&format!("\"deep\":{}{}", "[".repeat(1000), "]".repeat(1000))),
        Fault::ExpInfinite => {
            let (before, after) = claims.split_once("\"exp\":")?;
            let after = after.trim_start_matches(|char: char| char.is_ascii_digit());
            format!("{before}\"exp\":1e400{after}").into_bytes()
        }
        _ => return None,
    })
}

fn spoiled_header(fault: &Fault, header: &Value) -> Option<String> {
    let mut header = header.clone();
    match fault {
        Fault::AlgMissing => remove_from(&mut header, "alg"),
        Fault::AlgNull => header["alg"] = Value::Null,
        Fault::HeaderTwice => return Some(format!("{{\"alg\":\"RS256\",{}", &header.to_string()[1..])),
        _ => return None,
    }
    Some(header.to_string())
}

/// The token once it is signed rightly.
fn spoiled_text(fault: &Fault, token: String) -> String {
    let signature = token.rsplit('.').next().unwrap_or_default();
    match fault {
        Fault::InvalidSigRs256 => keys::with_broken_signature(&token),
        Fault::SigEmpty => with_signature(&token, ""),
        Fault::SigZeros => with_signature(&token, &base64url(&vec![0; keys::bytes(signature).len()])),
        Fault::SubExchanged => with_other_sub(&token),
        Fault::Base64Padded => format!("{token}=="),
        Fault::Base64Whitespace => {
            let (start, end) = signature.split_at(signature.len() / 2);
            with_signature(&token, &format!("{start}\n{end}"))
        }
        Fault::Base64Plain => with_signature(&token, &signature.replace('-', "+").replace('_', "/")),
        Fault::Base64TrailingBits => with_trailing_bits(token),
        Fault::Jwe => encrypted(&token),
        Fault::JwsJson => {
            let [protected, payload] = [0, 1].map(|at| token.split('.').nth(at).unwrap_or_default());
            json!({ "payload": payload, "protected": protected, "signature": signature }).to_string()
        }
        Fault::FourParts => format!("{token}.AAAA"),
        _ => token,
    }
}

fn signing_input(token: &str) -> &str {
    token.rsplit_once('.').map_or(token, |(input, _)| input)
}

fn with_signature(token: &str, signature: &str) -> String {
    format!("{}.{signature}", signing_input(token))
}

fn with_other_sub(token: &str) -> String {
    let mut parts = token.split('.');
    let (header, payload) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let mut claims: Value = serde_json::from_slice(&keys::bytes(payload)).unwrap_or_default();
    claims["sub"] = "mallory".into();
    format!("{header}.{}.{}", base64url(claims.to_string().as_bytes()), parts.next().unwrap_or_default())
}

/// The last letter stands for four bits of the last byte; the other two it has are to be zero.
fn with_trailing_bits(mut token: String) -> String {
    const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let next = token.pop().and_then(|last| LETTERS.chars().nth(LETTERS.find(last)? + 1));
    token.extend(next);
    token
}

/// What looks like a JWE ([RFC 7516 3.1](https://www.rfc-editor.org/rfc/rfc7516#section-3.1)).
fn encrypted(token: &str) -> String {
    let header = json!({ "alg": "RSA-OAEP", "enc": "A256GCM", "cty": "JWT" }).to_string();
    let noise = Sha512::digest(token);
    let parts = [header.as_bytes(), &noise, &noise[..12], token.as_bytes(), &noise[..16]];
    parts.map(base64url).join(".")
}

/// Under the name of a published key of that type, with a signature that is none.
pub(super) fn es256_by_nobody(header: &Value, claims: &Value) -> String {
    let mut header = header.clone();
    insert_into(&mut header, json!({ "alg": "ES256", "kid": keys::DECOY_P256 }));
    let input = [&header, claims].map(|part| base64url(part.to_string().as_bytes())).join(".");
    format!("{input}.{}", base64url(&Sha512::digest(&input)))
}

/// The same address with a slash more, or with the last one left out.
pub(super) fn other_slash(address: &str) -> String {
    address.strip_suffix('/').map_or_else(|| format!("{address}/"), str::to_owned)
}

pub(super) fn insert_into(value: &mut Value, more: Value) {
    if let Some(members) = value.as_object_mut() {
        insert(members, more);
    }
}

pub(super) fn remove_from(value: &mut Value, name: &str) {
    if let Some(members) = value.as_object_mut() {
        members.remove(name);
    }
}
