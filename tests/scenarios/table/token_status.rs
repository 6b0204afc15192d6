//! What the provider says about a token when it is asked, and whether it ends one.

use oidc_dev_provider::{Delivery, Endpoint, Fault};

use super::super::{At, Auth, Flow, Given, Scenario};
use super::{SUITE, USUAL, all_at, misused, right, row};

pub(super) fn introspection() -> Vec<Scenario> {
    let of = |auth| Given { auth, ..USUAL };
    let none = "no_endpoint introspection_endpoint";
    let mut rows = vec![
        right("introspection", "Says of an access token that it is active.", USUAL, Flow::Introspect),
        right(
            "introspection-private-key-jwt",
            "The same to a client that shows an assertion.",
            of(Auth::PrivateKeyJwt),
            Flow::Introspect,
        ),
        right(
            "introspection-tls-client-auth",
            "The same to a client that shows a certificate, at the alias.",
            of(Auth::Tls),
            Flow::Introspect,
        ),
        misused(
            "introspection-not-offered",
            "Says nothing about tokens.",
            Flow::Introspect,
            At::Introspection,
            none,
        )
        .given(SUITE),
    ];
    rows.extend(all_at(At::Introspection, Flow::Introspect, INTROSPECTION));
    rows
}

pub(super) fn revocation() -> Vec<Scenario> {
    let none = "no_endpoint revocation_endpoint";
    let certificate = Given { auth: Auth::Tls, ..USUAL };
    let mut rows = vec![
        right("revocation", "Ends a refresh token, and the access token with it.", USUAL, Flow::Revoke),
        right("revocation-of-an-access-token", "Ends an access token alone.", USUAL, Flow::RevokeAccess),
        right("revocation-of-an-unknown-token", "Says that it is done.", USUAL, Flow::RevokeUnknown),
        right(
            "revocation-tls-client-auth",
            "Ends a refresh token for a client that shows a certificate, at the alias.",
            certificate,
            Flow::Revoke,
        ),
        misused("revocation-not-offered", "Ends no tokens.", Flow::RevokeUnknown, At::Revocation, none)
            .given(SUITE),
        // Whatever the body is, the status says it.
        row(Fault::Html(Endpoint::Revocation), Flow::RevokeUnknown, At::Revocation, ""),
    ];
    rows.extend(all_at(At::Revocation, Flow::Revoke, REVOCATION));
    rows
}

/// What is unusual about the answer about a token, and the code; no code where nothing is wrong.
const INTROSPECTION: &[(Fault, &str)] = &[
    (Fault::IntrospectionInactive, "inactive"),
    (Fault::IntrospectionActiveMissing, "provider_malformed active"),
    (Fault::IntrospectionActiveText, "provider_malformed active"),
    (Fault::IntrospectionActiveTwice, "provider_malformed"),
    (Fault::IntrospectionInvalidIss, "claim_invalid iss"),
    (Fault::IntrospectionInvalidAud, "claim_invalid aud"),
    (Fault::IntrospectionMissingAud, ""),
    (Fault::IntrospectionExpired, "expired"),
    (Fault::IntrospectionExpText, "provider_malformed exp"),
    (Fault::IntrospectionSubNumber, "provider_malformed sub"),
    (Fault::IntrospectionScopeArray, "provider_malformed scope"),
    (Fault::Html(Endpoint::Introspection), "provider_content_type"),
    (Fault::Status(Endpoint::Introspection, 401), "provider_error"),
    (Fault::Status(Endpoint::Introspection, 404), "provider_status"),
    (Fault::Status(Endpoint::Introspection, 503), "provider_status"),
    (Fault::Redirect(Endpoint::Introspection), "provider_status"),
    (Fault::TruncatedJson(Endpoint::Introspection), "provider_malformed"),
    (Fault::Deliver(Endpoint::Introspection, Delivery::Hang), "provider_timeout"),
    (Fault::Deliver(Endpoint::Introspection, Delivery::Reset), "provider_unreachable"),
    (Fault::Deliver(Endpoint::Introspection, Delivery::Endless), "provider_too_large"),
];

/// What is wrong with the answer to a revocation, and the code.
const REVOCATION: &[(Fault, &str)] = &[
    (Fault::RevocationUnsupported, "provider_error"),
    (Fault::Status(Endpoint::Revocation, 400), "provider_error"),
    (Fault::Status(Endpoint::Revocation, 404), "provider_status"),
    (Fault::Status(Endpoint::Revocation, 503), "provider_status"),
    (Fault::Redirect(Endpoint::Revocation), "provider_status"),
    (Fault::Deliver(Endpoint::Revocation, Delivery::Hang), "provider_timeout"),
    (Fault::Deliver(Endpoint::Revocation, Delivery::Reset), "provider_unreachable"),
];
