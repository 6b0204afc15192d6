//! How the provider misbehaves on demand: each fault has a name, and is named after what goes wrong.

use std::fmt;

use crate::answer::Delivery;

/// One way to misbehave, until it is taken back.
///
/// A fault of the ID token shows in every ID token, but those named `Refresh…`, which show in refreshed ones only.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The ID token's `nonce` is the sent one and `1`.
    NonceInvalid,
    /// The ID token has no `nonce`.
    NonceMissing,
    /// The ID token's `iss` is the issuer and `1`.
    InvalidIss,
    /// The ID token's `aud` is the client's id and `1`.
    InvalidAud,
    /// The ID token has no `aud`.
    MissingAud,
    /// The ID token has no `sub`.
    MissingSub,
    /// The ID token has no `iat`.
    MissingIat,
    /// The ID token has no `exp`.
    MissingExp,
    /// The ID token expired an hour ago.
    Expired,
    /// The ID token has `alg` `none` and no signature.
    SigNone,
    /// Every byte of the ID token's signature is XORed with `0x5a`.
    InvalidSigRs256,
    /// The ID token is signed by HS256 with the client's secret.
    InvalidSigHs256,
    /// Neither the signing keys nor any token have a `kid`; one RSA signing key is published.
    KidAbsentSingleJwks,
    /// Neither the signing keys nor any token have a `kid`; three RSA signing keys are published.
    KidAbsentMultipleJwks,
    /// The ID token's `kid` is one that is never published.
    UnknownKid,
    /// The ID token's `at_hash` is the right one and `1`.
    InvalidAtHash,
    /// The userinfo's `sub` is the right one and `invalid`.
    UserinfoInvalidSub,
    /// The metadata's `issuer` is the issuer and `INVALID`.
    DiscoveryIssuerMismatch,
    /// All keys are new at the moment an ID token is signed.
    RotationJustBeforeSigning,
    /// The token response has no `id_token`.
    MissingIdToken,
    /// The token response's `token_type` is `mac`.
    TokenTypeMac,
    /// The authorization response's `state` is the sent one and `1`.
    StateInvalid,
    /// The authorization response's `iss` is the issuer and `1`.
    IssParamWrong,
    /// The authorization response has no `iss`, although the metadata promises it.
    IssParamMissing,
    /// Every authorization request is answered with `access_denied`.
    AccessDenied,
    /// Every token request is answered with `invalid_grant`.
    TokenErrorInvalidGrant,
    /// A refreshed ID token's `iss` is the issuer and `1`.
    RefreshInvalidIss,
    /// A refreshed ID token's `sub` is the right one and `1`.
    RefreshInvalidSub,
    /// The key set is empty.
    EmptyKeys,
    /// The key set has a thousand RSA keys, the right one among them.
    TooManyKeys,
    /// A page of HTML, with status 200, in place of the answer.
    Html(Endpoint),
    /// This status in place of 200, with a JSON error; 429 and 503 with `Retry-After: 2`.
    Status(Endpoint, u16),
    /// A 307 to the same endpoint below `/dev/elsewhere`, where it answers rightly.
    Redirect(Endpoint),
    /// The right answer, delivered so.
    Deliver(Endpoint, Delivery),
    /// The first half of the right body, as if it were whole.
    TruncatedJson(Endpoint),
}

/// Where a fault of transport shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Endpoint {
    /// `/.well-known/openid-configuration`
    Discovery,
    /// `/jwks`
    Jwks,
    /// `/token`
    Token,
    /// `/userinfo`
    Userinfo,
    /// All of these.
    Any,
}

impl Fault {
    /// Every fault there is; of the statuses only 404, 429, 500 and 503.
    pub fn all() -> Vec<Fault> {
        let simple = SIMPLE.iter().map(|(fault, _)| fault.clone());
        simple.chain(Endpoint::NAMES.iter().flat_map(|(endpoint, _)| Fault::at(*endpoint))).collect()
    }

    fn at(endpoint: Endpoint) -> Vec<Fault> {
        let mut faults =
            vec![Fault::Html(endpoint), Fault::Redirect(endpoint), Fault::TruncatedJson(endpoint)];
        faults.extend([404, 429, 500, 503].map(|status| Fault::Status(endpoint, status)));
        let misdelivered = Delivery::NAMES.iter().filter(|(delivery, _)| *delivery != Delivery::Whole);
        faults.extend(misdelivered.map(|(delivery, _)| Fault::Deliver(endpoint, *delivery)));
        faults
    }

    /// The name in kebab case, with what it takes: `unknown-kid`, `status-token-503`, `deliver-jwks-hang`.
    pub fn name(&self) -> String {
        match self {
            Fault::Html(endpoint) => format!("html-{endpoint}"),
            Fault::Status(endpoint, status) => format!("status-{endpoint}-{status}"),
            Fault::Redirect(endpoint) => format!("redirect-{endpoint}"),
            Fault::Deliver(endpoint, delivery) => format!("deliver-{endpoint}-{}", delivery.name()),
            Fault::TruncatedJson(endpoint) => format!("truncated-json-{endpoint}"),
            simple => {
                SIMPLE.iter().find(|(fault, _)| fault == simple).map_or("", |(_, name)| name).to_owned()
            }
        }
    }

    /// The fault of this name.
    pub fn from_name(name: &str) -> Option<Fault> {
        let simple = SIMPLE.iter().find(|(_, known)| *known == name);
        simple.map(|(fault, _)| fault.clone()).or_else(|| Fault::at_endpoint_from_name(name))
    }

    /// Where a fault of transport shows; `None` for all others.
    pub(crate) fn endpoint(&self) -> Option<Endpoint> {
        match self {
            Fault::Html(endpoint)
            | Fault::Status(endpoint, _)
            | Fault::Redirect(endpoint)
            | Fault::Deliver(endpoint, _)
            | Fault::TruncatedJson(endpoint) => Some(*endpoint),
            _ => None,
        }
    }

    fn at_endpoint_from_name(name: &str) -> Option<Fault> {
        if let Some(endpoint) = name.strip_prefix("truncated-json-") {
            return Endpoint::from_name(endpoint).map(Fault::TruncatedJson);
        }
        let (kind, rest) = name.split_once('-')?;
        let (endpoint, how) = rest.split_once('-').map_or((rest, None), |(at, how)| (at, Some(how)));
        let endpoint = Endpoint::from_name(endpoint)?;
        match (kind, how) {
            ("html", None) => Some(Fault::Html(endpoint)),
            ("redirect", None) => Some(Fault::Redirect(endpoint)),
            ("status", Some(status)) => Some(Fault::Status(endpoint, status.parse().ok()?)),
            ("deliver", Some(delivery)) => Some(Fault::Deliver(endpoint, Delivery::from_name(delivery)?)),
            _ => None,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}

impl Endpoint {
    const NAMES: [(Endpoint, &'static str); 5] = [
        (Endpoint::Discovery, "discovery"),
        (Endpoint::Jwks, "jwks"),
        (Endpoint::Token, "token"),
        (Endpoint::Userinfo, "userinfo"),
        (Endpoint::Any, "any"),
    ];

    fn from_name(name: &str) -> Option<Endpoint> {
        Endpoint::NAMES.iter().find(|(_, known)| *known == name).map(|(endpoint, _)| *endpoint)
    }

    /// Whether a fault set here shows at `other`.
    pub(crate) fn covers(self, other: Endpoint) -> bool {
        self == Endpoint::Any || self == other
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Endpoint::NAMES.iter().find(|(endpoint, _)| endpoint == self);
        f.write_str(name.map_or("", |(_, name)| name))
    }
}

const SIMPLE: [(Fault, &str); 30] = [
    (Fault::NonceInvalid, "nonce-invalid"),
    (Fault::NonceMissing, "nonce-missing"),
    (Fault::InvalidIss, "invalid-iss"),
    (Fault::InvalidAud, "invalid-aud"),
    (Fault::MissingAud, "missing-aud"),
    (Fault::MissingSub, "missing-sub"),
    (Fault::MissingIat, "missing-iat"),
    (Fault::MissingExp, "missing-exp"),
    (Fault::Expired, "expired"),
    (Fault::SigNone, "sig-none"),
    (Fault::InvalidSigRs256, "invalid-sig-rs256"),
    (Fault::InvalidSigHs256, "invalid-sig-hs256"),
    (Fault::KidAbsentSingleJwks, "kid-absent-single-jwks"),
    (Fault::KidAbsentMultipleJwks, "kid-absent-multiple-jwks"),
    (Fault::UnknownKid, "unknown-kid"),
    (Fault::InvalidAtHash, "invalid-at-hash"),
    (Fault::UserinfoInvalidSub, "userinfo-invalid-sub"),
    (Fault::DiscoveryIssuerMismatch, "discovery-issuer-mismatch"),
    (Fault::RotationJustBeforeSigning, "rotation-just-before-signing"),
    (Fault::MissingIdToken, "missing-id-token"),
    (Fault::TokenTypeMac, "token-type-mac"),
    (Fault::StateInvalid, "state-invalid"),
    (Fault::IssParamWrong, "iss-param-wrong"),
    (Fault::IssParamMissing, "iss-param-missing"),
    (Fault::AccessDenied, "access-denied"),
    (Fault::TokenErrorInvalidGrant, "token-error-invalid-grant"),
    (Fault::RefreshInvalidIss, "refresh-invalid-iss"),
    (Fault::RefreshInvalidSub, "refresh-invalid-sub"),
    (Fault::EmptyKeys, "empty-keys"),
    (Fault::TooManyKeys, "too-many-keys"),
];
