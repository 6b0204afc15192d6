//! Authorization requests that are pushed to the provider, so that the browser brings their name only.

use oidc_dev_provider::{Delivery, Endpoint, Fault};

use super::super::{At, Auth, Flow, Given, Par, Scenario};
use super::{USUAL, right, row};

const WANTED: Given = Given { par: Par::Wanted, ..USUAL };
const DEMANDED: Given = Given { par: Par::Demanded, ..USUAL };

pub(super) fn rows() -> Vec<Scenario> {
    let demanded = "Takes pushed authorization requests only.";
    let hybrid = Given { hybrid: true, form_post: true, ..DEMANDED };
    let mut rows = vec![
        right("par-wanted", "Takes pushed requests; the client pushes its own.", WANTED, Flow::Userinfo),
        right("par-demanded", demanded, DEMANDED, Flow::Userinfo),
        right("par-form-post", demanded, Given { form_post: true, ..DEMANDED }, Flow::Userinfo),
        right("par-hybrid", "The same, and an ID token goes with the code.", hybrid, Flow::Userinfo),
    ];
    for (auth, name) in [
        (Auth::Post, "client-secret-post"),
        (Auth::SecretJwt, "client-secret-jwt"),
        (Auth::PrivateKeyJwt, "private-key-jwt"),
        (Auth::Tls, "tls-client-auth"),
        (Auth::Public, "public-client"),
    ] {
        let does = format!("{demanded} The client proves itself as in `{name}`.");
        rows.push(right(&format!("par-{name}"), &does, Given { auth, ..DEMANDED }, Flow::Refresh));
    }
    rows.extend(FAULTS.iter().map(|(fault, code)| {
        let at = if code.is_empty() { At::Callback } else { At::Begin };
        row(fault.clone(), Flow::Login, at, code).given(WANTED)
    }));
    let nobody = row(Fault::InvalidClient, Flow::Discovery, At::Begin, "provider_error").given(WANTED);
    rows.push(nobody.named("par-invalid-client", "Answers a pushed request with `invalid_client`."));
    rows
}

/// What is unusual about the answer to a pushed request, and the code; no code where nothing is wrong.
const FAULTS: &[(Fault, &str)] = &[
    (Fault::ParRefused, "provider_error"),
    (Fault::ParWithoutRequestUri, "provider_malformed request_uri"),
    (Fault::ParRequestUriEmpty, "provider_malformed request_uri"),
    (Fault::ParRequestUriNumber, "provider_malformed request_uri"),
    (Fault::ParRequestUriTwice, "provider_malformed"),
    (Fault::ParStatus200, ""),
    (Fault::Html(Endpoint::Par), "provider_content_type"),
    (Fault::Status(Endpoint::Par, 400), "provider_error"),
    (Fault::Status(Endpoint::Par, 404), "provider_status"),
    (Fault::Status(Endpoint::Par, 500), "provider_status"),
    (Fault::Status(Endpoint::Par, 503), "provider_status"),
    (Fault::Redirect(Endpoint::Par), "provider_status"),
    (Fault::TruncatedJson(Endpoint::Par), "provider_malformed"),
    (Fault::Deliver(Endpoint::Par, Delivery::Hang), "provider_timeout"),
    (Fault::Deliver(Endpoint::Par, Delivery::Reset), "provider_unreachable"),
    (Fault::Deliver(Endpoint::Par, Delivery::Endless), "provider_too_large"),
];
