//! What tokens say, and how a fault changes it.

use serde_json::{Map, Value, json};

use crate::fault::{Fault, Made};
use crate::keys::{self, Alg};
use crate::model::AccessTokenRequest;
use crate::provider::DevProvider;

/// What a person granted to a client.
#[derive(Clone)]
pub(crate) struct Grant {
    pub(crate) client_id: String,
    pub(crate) sub: String,
    pub(crate) scope: String,
    pub(crate) nonce: Option<String>,
    pub(crate) auth_time: u64,
    /// The request has a `max_age`, for which `auth_time` must be told.
    pub(crate) max_age_asked: bool,
    pub(crate) acr: Option<String>,
    pub(crate) sid: String,
}

impl Grant {
    pub(crate) fn has_scope(&self, wanted: &str) -> bool {
        has_scope(&self.scope, wanted)
    }
}

pub(crate) fn has_scope(scope: &str, wanted: &str) -> bool {
    scope.split(' ').any(|value| value == wanted)
}

impl DevProvider {
    /// [RFC 9068 2](https://www.rfc-editor.org/rfc/rfc9068#section-2)
    pub(crate) fn mint_access_token(&mut self, request: AccessTokenRequest, now: u64) -> String {
        let mut claims = self.authorization_claims(&request.sub);
        insert(
            &mut claims,
            json!({
                "iss": self.issuer(),
                "sub": request.sub,
                "aud": request.audience,
                "client_id": request.client_id,
                "scope": request.scope,
                "iat": now,
                "exp": now.saturating_add(request.lifetime),
                "jti": self.random.token(),
            }),
        );
        claims.extend(request.extra);
        self.signed("at+jwt", &Value::Object(claims))
    }

    pub(crate) fn mint_granted_access_token(&mut self, grant: &Grant, now: u64) -> String {
        let mut extra = Map::new();
        extra.insert("auth_time".to_owned(), grant.auth_time.into());
        extra.extend(grant.acr.iter().map(|acr| ("acr".to_owned(), acr.as_str().into())));
        let request = AccessTokenRequest {
            sub: grant.sub.clone(),
            client_id: grant.client_id.clone(),
            audience: grant.client_id.clone(),
            scope: grant.scope.clone(),
            lifetime: ACCESS_TOKEN_LIFETIME,
            extra,
        };
        let token = self.mint_access_token(request, now);
        self.handed_out(token)
    }

    /// [OpenID Connect Core 2](https://openid.net/specs/openid-connect-core-1_0.html#IDToken)
    pub(crate) fn mint_id_token(
        &mut self,
        grant: &Grant,
        beside: Beside<'_>,
        refreshed: bool,
        now: u64,
    ) -> String {
        let now = self.minting_time(now);
        let mut claims = self.claims_about(&grant.sub, &grant.scope);
        insert(
            &mut claims,
            json!({
                "iss": self.issuer(),
                "sub": grant.sub,
                "aud": grant.client_id,
                "iat": now,
                "exp": now.saturating_add(ID_TOKEN_LIFETIME),
                "auth_time": grant.auth_time,
                "sid": grant.sid,
                (beside.claim()): beside.hash(self.keys.alg),
            }),
        );
        claims.extend(grant.acr.iter().map(|acr| ("acr".to_owned(), acr.as_str().into())));
        if let Some(nonce) = &grant.nonce {
            claims.insert("nonce".to_owned(), nonce.as_str().into());
        }
        if self.like_the_suite {
            self.reduce_like_the_suite(&mut claims, grant);
        }
        self.spoil_claims(&mut claims, refreshed, now);
        self.sign_id_token(Made { claims, grant, beside }, now)
    }

    /// A token of this type, by the current key and algorithm.
    pub(crate) fn signed(&self, typ: &str, claims: &Value) -> String {
        self.sign(&self.header(typ), claims)
    }

    pub(crate) fn header(&self, typ: &str) -> Value {
        let mut header = json!({ "alg": self.keys.alg.name(), "typ": typ });
        let without_kid = [Fault::KidAbsentSingleJwks, Fault::KidAbsentMultipleJwks, Fault::KidAbsentInToken];
        if !without_kid.iter().any(|fault| self.has_fault(fault)) {
            header["kid"] = self.keys.kid().into();
        }
        header
    }

    /// What a scope lets a client know of a person
    /// ([OpenID Connect Core 5.4](https://openid.net/specs/openid-connect-core-1_0.html#ScopeClaims)).
    ///
    /// Claims that no standard scope names, such as `roles`, are always given.
    pub(crate) fn claims_about(&self, sub: &str, scope: &str) -> Map<String, Value> {
        let Some(user) = self.user(sub) else { return Map::new() };
        let known = user.claims.iter().filter(|(name, _)| !PROTOCOL_CLAIMS.contains(&name.as_str()));
        let given = known.filter(|(name, _)| scope_of(name).is_none_or(|wanted| has_scope(scope, wanted)));
        given.map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// [RFC 9068 2.2.3.1](https://www.rfc-editor.org/rfc/rfc9068#section-2.2.3.1)
    fn authorization_claims(&self, sub: &str) -> Map<String, Value> {
        let claims = self.claims_about(sub, "").into_iter();
        claims.filter(|(name, _)| matches!(name.as_str(), "roles" | "groups" | "entitlements")).collect()
    }
}

pub(crate) fn insert(claims: &mut Map<String, Value>, more: Value) {
    if let Value::Object(more) = more {
        claims.extend(more);
    }
}

pub(crate) fn append(claims: &mut Map<String, Value>, name: &str, suffix: &str) {
    if let Some(Value::String(text)) = claims.get_mut(name) {
        text.push_str(suffix);
    }
}

/// What an ID token comes with and binds to itself by a hash.
#[derive(Clone, Copy)]
pub(crate) enum Beside<'a> {
    AccessToken(&'a str),
    Code(&'a str),
}

impl<'a> Beside<'a> {
    pub(crate) fn text(self) -> &'a str {
        let (Beside::AccessToken(value) | Beside::Code(value)) = self;
        value
    }

    fn claim(self) -> &'static str {
        match self {
            Beside::AccessToken(_) => "at_hash",
            Beside::Code(_) => "c_hash",
        }
    }

    /// [OpenID Connect Core 3.1.3.6](https://openid.net/specs/openid-connect-core-1_0.html#CodeIDToken) and
    /// [3.3.2.11](https://openid.net/specs/openid-connect-core-1_0.html#HybridIDToken)
    fn hash(self, alg: Alg) -> String {
        let digest = alg.digest(self.text().as_bytes());
        keys::base64url(&digest[..digest.len() / 2])
    }
}

fn scope_of(claim: &str) -> Option<&'static str> {
    match claim {
        "name" | "family_name" | "given_name" | "middle_name" | "nickname" | "preferred_username"
        | "profile" | "picture" | "website" | "gender" | "birthdate" | "zoneinfo" | "locale"
        | "updated_at" => Some("profile"),
        "email" | "email_verified" => Some("email"),
        "address" => Some("address"),
        "phone_number" | "phone_number_verified" => Some("phone"),
        _ => None,
    }
}

pub(crate) const ACCESS_TOKEN_LIFETIME: u64 = 3600;
const ID_TOKEN_LIFETIME: u64 = 300;

/// What only the provider may say.
const PROTOCOL_CLAIMS: [&str; 17] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "iat",
    "nbf",
    "jti",
    "nonce",
    "auth_time",
    "at_hash",
    "c_hash",
    "azp",
    "sid",
    "acr",
    "amr",
    "scope",
    "client_id",
];
