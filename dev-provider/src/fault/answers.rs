//! What a fault does to the answers of the authorization, token and userinfo endpoints.

use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use serde_json::{Map, Value, json};

use super::Fault;
use super::id_token::remove_from;
use crate::answer::{self, Reply, no_store};
use crate::authorize::Refused;
use crate::keys;
use crate::mint::{append, insert};
use crate::provider::DevProvider;

impl DevProvider {
    /// The error that an authorization request gets whatever it asks.
    pub(crate) fn refusal_of_all(&self) -> Option<Refused> {
        match self.fault {
            Some(Fault::AccessDenied) => Some(("access_denied", "the provider was told to deny")),
            Some(Fault::LoginRequired) => Some(("login_required", "the provider was told to want a sign-in")),
            _ => None,
        }
    }

    /// Whether an ID token goes with the code.
    pub(crate) fn sends_id_token_in_front(&self, asked: bool) -> bool {
        match self.fault {
            Some(Fault::IdTokenInFront) => true,
            Some(Fault::IdTokenNotInFront) => false,
            _ => asked,
        }
    }

    /// Of an authorization response that is right, whatever is to be unusual or wrong.
    pub(crate) fn spoil_response(&self, params: &mut Vec<(&'static str, String)>) {
        if self.like_the_suite && params.iter().any(|(name, _)| *name == "code") {
            params.push(("session_state", "made-up".to_owned()));
        }
        let Some(fault) = &self.fault else { return };
        let value = |name| params.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
        let (state, code, iss) = (value("state"), value("code"), value("iss"));
        let mut replace = |name: &'static str, value: Option<String>| {
            params.retain(|(known, _)| *known != name);
            params.extend(value.map(|value| (name, value)));
        };
        match fault {
            Fault::StateInvalid => replace("state", state.map(|state| format!("{state}1"))),
            Fault::StateMissing => replace("state", None),
            Fault::StateTwice => params.extend(state.map(|state| ("state", state))),
            Fault::CodeTwice => params.extend(code.map(|code| ("code", code))),
            Fault::CodeArray => params.extend(code.map(|code| ("code[]", code))),
            Fault::CodeMissing => replace("code", None),
            Fault::CodeMadeUp => replace("code", code.map(|_| "a-code-that-was-never-issued".to_owned())),
            Fault::TokenInFront => params.push(("access_token", "a-token-for-which-nobody-asked".to_owned())),
            Fault::IssParamWrong => replace("iss", iss.map(|iss| format!("{iss}1"))),
            Fault::IssParamMissing | Fault::IssParamNotPromised | Fault::LoginRequired => {
                replace("iss", None);
            }
            Fault::ErrorBesideCode => params.push(("error", "server_error".to_owned())),
            Fault::UnknownParam => params.push(("unknown", "made-up".to_owned())),
            _ => {}
        }
    }

    /// How the answer to a pushed request is written.
    pub(crate) fn spoil_pushed_reply(&self, mut reply: Reply) -> Reply {
        let text = String::from_utf8_lossy(reply.body()).into_owned();
        let mut said: Value = serde_json::from_str(&text).unwrap_or_default();
        match self.fault {
            Some(Fault::ParWithoutRequestUri) => remove_from(&mut said, "request_uri"),
            Some(Fault::ParRequestUriEmpty) => said["request_uri"] = "".into(),
            Some(Fault::ParRequestUriNumber) => said["request_uri"] = 7.into(),
            Some(Fault::ParRequestUriTwice) => return twice(reply, "\"request_uri\":\"urn:other\""),
            Some(Fault::ParStatus200) => *reply.status_mut() = StatusCode::OK,
            _ => return reply,
        }
        *reply.body_mut() = said.to_string().into_bytes();
        reply
    }

    /// Of a token response that is right.
    pub(crate) fn spoil_tokens(&self, response: &mut Map<String, Value>, refreshed: bool) {
        match self.fault {
            Some(Fault::MissingIdToken) => drop(response.remove("id_token")),
            Some(Fault::RefreshWithoutIdToken) if refreshed => drop(response.remove("id_token")),
            Some(Fault::RefreshNotRotated) if refreshed => drop(response.remove("refresh_token")),
            Some(Fault::NullIdToken) => insert(response, json!({ "id_token": null })),
            Some(Fault::MissingAccessToken) => drop(response.remove("access_token")),
            Some(Fault::TokenTypeMac) => insert(response, json!({ "token_type": "mac" })),
            Some(Fault::TokenTypeLowerCase) => insert(response, json!({ "token_type": "bearer" })),
            Some(Fault::TokenTypeMissing) => drop(response.remove("token_type")),
            Some(Fault::ExpiresInMissing) => drop(response.remove("expires_in")),
            Some(Fault::ExpiresInText) => insert(response, json!({ "expires_in": "soon" })),
            Some(Fault::ExpiresInNegative) => insert(response, json!({ "expires_in": -1 })),
            Some(Fault::TokenErrorBesideTokens) => insert(response, json!({ "error": "server_error" })),
            Some(Fault::TokenOversize) => insert(response, json!({ "more": "a".repeat(1 << 20) })),
            _ => {}
        }
    }

    /// What the token endpoint answers, whatever it was asked; no code is spent by it.
    pub(crate) fn token_answer_to_all(&self) -> Option<Reply> {
        let error =
            json!({ "error": "invalid_grant", "error_description": "the provider was told to refuse" });
        match self.fault {
            Some(Fault::TokenErrorWithStatus200) => Some(no_store(answer::json(StatusCode::OK, &error))),
            Some(Fault::TokenErrorHtml) => {
                Some(answer::html(StatusCode::BAD_REQUEST, "<!doctype html><p>Bad request</p>\n".to_owned()))
            }
            _ => None,
        }
    }

    /// How the token endpoint's answer is written.
    pub(crate) fn spoil_token_reply(&self, mut reply: Reply) -> Reply {
        match self.fault {
            Some(Fault::TokenMemberTwice) => return twice(reply, "\"access_token\":\"other\""),
            Some(Fault::TokenContentType) => set_type(&mut reply, "text/plain"),
            Some(Fault::TokenCharset) => set_type(&mut reply, "Application/JSON;charset=UTF-8"),
            Some(Fault::TokenContentTypeMissing) => drop(reply.headers_mut().remove(CONTENT_TYPE)),
            _ => {}
        }
        reply
    }

    /// Of what is said about a token.
    pub(crate) fn spoil_introspection(&self, said: &mut Value, now: u64) {
        match self.fault {
            Some(Fault::IntrospectionInactive) => *said = json!({ "active": false }),
            Some(Fault::IntrospectionActiveMissing) => remove_from(said, "active"),
            Some(Fault::IntrospectionActiveText) => said["active"] = "true".into(),
            Some(Fault::IntrospectionInvalidIss) => said["iss"] = format!("{}1", self.issuer()).into(),
            Some(Fault::IntrospectionInvalidAud) => said["aud"] = "other-1".into(),
            Some(Fault::IntrospectionMissingAud) => remove_from(said, "aud"),
            Some(Fault::IntrospectionExpired) => said["exp"] = now.saturating_sub(3600).into(),
            Some(Fault::IntrospectionExpText) => said["exp"] = "soon".into(),
            Some(Fault::IntrospectionSubNumber) => said["sub"] = 7.into(),
            Some(Fault::IntrospectionScopeArray) => said["scope"] = json!(["openid"]),
            _ => {}
        }
    }

    /// How it is written.
    pub(crate) fn spoil_introspection_reply(&self, reply: Reply) -> Reply {
        match self.fault {
            Some(Fault::IntrospectionActiveTwice) => twice(reply, "\"active\":false"),
            _ => reply,
        }
    }

    /// Some faults are those of a signature.
    pub(crate) fn signs_userinfo(&self) -> bool {
        use Fault::{UserinfoInvalidAud, UserinfoInvalidIss, UserinfoInvalidSig, UserinfoSigNone};
        let of_signed = [UserinfoInvalidSig, UserinfoSigNone, UserinfoInvalidIss, UserinfoInvalidAud];
        self.signed_userinfo || of_signed.iter().any(|fault| self.has_fault(fault))
    }

    pub(crate) fn spoil_userinfo(&self, claims: &mut Map<String, Value>) {
        match self.fault {
            Some(Fault::UserinfoInvalidSub) => append(claims, "sub", "invalid"),
            Some(Fault::UserinfoMissingSub) => drop(claims.remove("sub")),
            Some(Fault::UserinfoInvalidIss) => append(claims, "iss", "1"),
            Some(Fault::UserinfoInvalidAud) => append(claims, "aud", "1"),
            Some(Fault::AggregatedClaims) => {
                let theirs = json!({ "iss": "https://claims.example", "address": { "locality": "London" } });
                let jwt = self.sign(&json!({ "alg": "none" }), &theirs);
                insert(
                    claims,
                    json!({ "_claim_names": { "address": "src1" }, "_claim_sources": { "src1": { "JWT": jwt } } }),
                );
            }
            Some(Fault::DistributedClaims) => {
                let source =
                    json!({ "endpoint": self.url("/dev/elsewhere/jwks"), "access_token": "made-up" });
                insert(
                    claims,
                    json!({ "_claim_names": { "credit_score": "src1" }, "_claim_sources": { "src1": source } }),
                );
            }
            _ => {}
        }
    }

    /// How the userinfo is written.
    pub(crate) fn spoil_userinfo_reply(&self, mut reply: Reply) -> Reply {
        let text = String::from_utf8_lossy(reply.body()).into_owned();
        let spoiled = match self.fault {
            Some(Fault::UserinfoSubTwice) => format!("{{\"sub\":\"mallory\",{}", &text[1..]),
            Some(Fault::UserinfoInvalidSig) => keys::with_broken_signature(&text),
            Some(Fault::UserinfoSigNone) => {
                let payload = text.split('.').nth(1).unwrap_or_default();
                format!("{}.{payload}.", keys::base64url(br#"{"alg":"none"}"#))
            }
            _ => return reply,
        };
        *reply.body_mut() = spoiled.into_bytes();
        reply
    }
}

/// With a member that its object has already.
fn twice(mut reply: Reply, member: &str) -> Reply {
    let text = String::from_utf8_lossy(reply.body()).into_owned();
    *reply.body_mut() = format!("{{{member},{}", &text[1..]).into_bytes();
    reply
}

fn set_type(reply: &mut Reply, content_type: &'static str) {
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
}
