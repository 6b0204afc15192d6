//! What a fault does to logout tokens, and to the way back from a sign-out.

use serde_json::{Map, Value, json};

use super::Fault;
use super::id_token::{es256_by_nobody, remove_from};
use crate::keys;
use crate::mint::{append, insert};
use crate::provider::DevProvider;

impl DevProvider {
    /// The logout token of these claims, in whatever way it is wrong.
    pub(crate) fn sign_logout_token(&mut self, mut claims: Map<String, Value>, now: u64) -> String {
        self.spoil_logout_claims(&mut claims, now);
        let (mut header, claims) = (self.header("logout+jwt"), Value::Object(claims));
        match self.fault {
            Some(Fault::LogoutAlgNone) => return self.sign(&json!({ "alg": "none" }), &claims),
            Some(Fault::LogoutWrongAlg) => return es256_by_nobody(&header, &claims),
            Some(Fault::LogoutClaimTwice) => {
                let payload = format!("{{\"events\":{{}},{}", &claims.to_string()[1..]);
                let header = header.to_string();
                return self.sign_raw(header.as_bytes(), payload.as_bytes(), self.keys.alg.name());
            }
            Some(Fault::LogoutInvalidSig) => {
                return keys::with_broken_signature(&self.sign(&header, &claims));
            }
            Some(Fault::LogoutUnknownKid) => header["kid"] = self.random.token().into(),
            Some(Fault::LogoutTypAtJwt) => header["typ"] = "at+jwt".into(),
            Some(Fault::LogoutTypMissing) => remove_from(&mut header, "typ"),
            Some(Fault::IdTokenAsLogoutToken) => header["typ"] = "JWT".into(),
            _ => {}
        }
        self.sign(&header, &claims)
    }

    fn spoil_logout_claims(&self, claims: &mut Map<String, Value>, now: u64) {
        match self.fault {
            Some(Fault::LogoutWrongIss) => append(claims, "iss", "INVALID"),
            Some(Fault::LogoutWrongAud) => append(claims, "aud", "INVALID"),
            Some(Fault::LogoutNoEvent) => drop(claims.remove("events")),
            Some(Fault::LogoutWithoutExp) => drop(claims.remove("exp")),
            Some(Fault::LogoutWithoutIat) => drop(claims.remove("iat")),
            Some(Fault::LogoutWithoutJti) => drop(claims.remove("jti")),
            Some(Fault::LogoutWithoutAud) => drop(claims.remove("aud")),
            Some(Fault::LogoutWrongEvent) => {
                insert(claims, json!({ "events": { format!("{EVENT}-other"): {} } }));
            }
            Some(Fault::LogoutEventText) => insert(claims, json!({ "events": { EVENT: "yes" } })),
            Some(Fault::LogoutWithNonce) => insert(claims, json!({ "nonce": "a-nonce" })),
            Some(Fault::LogoutUnknownClaim) => insert(claims, json!({ "ignored_claim": "ignored" })),
            Some(Fault::LogoutOfNobody) => claims.retain(|name, _| name != "sub" && name != "sid"),
            Some(Fault::LogoutExpired) => {
                insert(claims, json!({ "iat": now.saturating_sub(3720), "exp": now.saturating_sub(3600) }));
            }
            Some(Fault::IdTokenAsLogoutToken) => {
                claims.remove("events");
                insert(claims, json!({ "nonce": "a-nonce", "auth_time": now }));
            }
            _ => {}
        }
    }

    /// The `state` with which a browser comes back from a sign-out.
    pub(crate) fn state_after_logout(&self, state: &str) -> Option<String> {
        match self.fault {
            Some(Fault::LogoutNoState) => None,
            Some(Fault::LogoutOtherState) => Some(format!("{state}_INVALID")),
            _ => Some(state.to_owned()),
        }
    }
}

pub(crate) const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
