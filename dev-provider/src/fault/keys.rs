//! What a fault does to the published keys.

use serde_json::{Value, json};

use super::Fault;
use super::id_token::{insert_into, remove_from};
use crate::keys::{self, base64url};
use crate::provider::DevProvider;

impl DevProvider {
    /// The key set, however wrong it is to be.
    pub(crate) fn key_set(&self) -> Value {
        let right =
            || if self.like_the_suite { self.keys.published_like_the_suite() } else { self.keys.published() };
        match &self.fault {
            Some(Fault::EmptyKeys) => json!({ "keys": [] }),
            Some(Fault::KeysObject) => json!({ "keys": { "0": right()["keys"][0] } }),
            Some(Fault::TooManyKeys) => self.keys.published_crowd(),
            Some(Fault::KidAbsentSingleJwks | Fault::KidAbsentInKeys) => self.keys.published_without_kid(1),
            Some(Fault::KidAbsentMultipleJwks) => self.keys.published_without_kid(3),
            Some(fault) => {
                let mut set = right();
                if let Some(keys) = set["keys"].as_array_mut() {
                    self.spoil_keys(fault, keys);
                }
                set
            }
            None => right(),
        }
    }

    /// The key set as text: there is no other way to say something twice.
    pub(crate) fn key_set_text(&self) -> String {
        let text = self.key_set().to_string();
        if self.has_fault(&Fault::KeyMemberTwice) {
            return text.replacen("\"n\":", "\"n\":\"AQAB\",\"n\":", 1);
        }
        text
    }

    /// The first key is the one that signs.
    fn spoil_keys(&self, fault: &Fault, keys: &mut Vec<Value>) {
        let mut others: Vec<Value> = Vec::new();
        let key = &mut keys[0];
        let name = key["kid"].clone();
        match fault {
            Fault::KeyAlgContradicts => {
                key["alg"] = if self.keys.alg.name() == "RS512" { "RS256" } else { "RS512" }.into();
            }
            Fault::KeyAlgOtherPadding => {
                key["alg"] = if self.keys.alg.name() == "RS256" { "PS256" } else { "RS256" }.into();
            }
            Fault::KeyUseEnc => key["use"] = "enc".into(),
            Fault::KeyOpsEncrypt => {
                remove_from(key, "use");
                key["key_ops"] = json!(["encrypt"]);
            }
            Fault::KeyTypeOct => key["kty"] = "oct".into(),
            Fault::Rsa1024 => key["n"] = modulus(128, 0xc5).into(),
            Fault::Rsa16384 => key["n"] = modulus(2048, 0xc5).into(),
            Fault::RsaModulusEven => key["n"] = modulus(256, 0xc4).into(),
            Fault::RsaExponentOne => key["e"] = base64url(&[1]).into(),
            Fault::RsaExponentThree => key["e"] = base64url(&[3]).into(),
            Fault::RsaExponentEven => key["e"] = base64url(&[1, 0, 0]).into(),
            Fault::PrivateParts => insert_into(key, self.keys.private_parts()),
            Fault::X5cJunk => key["x5c"] = json!(["no certificate"]),
            Fault::KidTwice => others = named(self.keys.stranger(), &name),
            Fault::KidAcrossTypes => {
                others = named(json!({ "kty": "oct", "k": "c2VjcmV0" }), &name);
                others.extend(named(keys::decoy_p256(), &name));
            }
            Fault::KidAbsentInToken => {
                others = named(self.keys.stranger(), &"other-1".into());
                others.extend(named(self.keys.other_stranger(), &"other-2".into()));
            }
            Fault::KeysJunk => others = vec![Value::Null, "key".into(), json!({})],
            _ => {}
        }
        others.append(keys);
        *keys = others;
    }
}

fn named(mut key: Value, name: &Value) -> Vec<Value> {
    key["kid"] = name.clone();
    vec![key]
}

/// A number of so many bytes, each of them this one.
fn modulus(bytes: usize, byte: u8) -> String {
    base64url(&vec![byte; bytes])
}
