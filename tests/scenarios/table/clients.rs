//! How a client proves to the provider who it is: in each way through a sign-in and its refreshes.

use oidc_dev_provider::Fault;

use super::super::{At, Auth, Flow, Given, Scenario};
use super::{SUITE, USUAL, right, row};

pub(super) fn rows() -> Vec<Scenario> {
    let mut rows: Vec<Scenario> =
        WAYS.iter().flat_map(|(auth, name, does)| ways(*auth, name, does)).collect();
    let suite = |auth| Given { auth, ..SUITE };
    let from_source = Given { auth: Auth::BasicFromSource, ..USUAL };
    let aliases = "Takes the client's certificate at its aliases only, userinfo's among them.";
    rows.extend([
        right("client-secret-basic", "Takes the client's secret by HTTP Basic only.", SUITE, Flow::Login),
        right("client-secret-from-source", "The same; the client looks it up.", from_source, Flow::Refresh),
        right("mtls-endpoint-aliases", aliases, suite(Auth::Tls), Flow::Refresh),
    ]);
    rows.extend(REFUSED.iter().map(|(auth, name)| {
        let does = format!("{} It {}.", Fault::InvalidClient.explain(), what(*auth));
        let row = row(Fault::InvalidClient, Flow::Login, At::Callback, "provider_error");
        row.named(name, &does).given(Given { auth: *auth, ..USUAL })
    }));
    let by = |fault: Fault, auth, flow, at, code| row(fault, flow, at, code).given(Given { auth, ..USUAL });
    let by_key =
        |code| by(Fault::AssertionForTokenEndpoint, Auth::PrivateKeyJwt, Flow::Refresh, At::Callback, code);
    let told = Given { auth: Auth::PrivateKeyJwt, for_token_endpoint: true, ..USUAL };
    let revoked =
        by(Fault::InvalidClient, Auth::PrivateKeyJwt, Flow::FailingRefresh, At::Refresh, "provider_error");
    rows.extend([
        revoked.named("client-key-revoked", "Does not take the client's key any more, once somebody has signed in."),
        by_key("provider_error"),
        by_key("").given(told).named(
            "assertion-for-token-endpoint-told",
            "No assertion is taken but one that is addressed to the token endpoint, which the client was told.",
        ),
        by(Fault::AliasesMissing, Auth::Tls, Flow::Login, At::Callback, "provider_error"),
        by(Fault::AliasesText, Auth::Tls, Flow::Discovery, At::Begin, "provider_malformed mtls_endpoint_aliases"),
        by(Fault::AliasesText, Auth::Basic, Flow::Userinfo, At::Userinfo, "").named(
            "mtls-endpoint-aliases-text-of-no-concern",
            "The metadata's `mtls_endpoint_aliases` is a text, and the client has a secret.",
        ),
        by(Fault::AliasHttp, Auth::Tls, Flow::Login, At::Callback, "provider_insecure token_endpoint"),
    ]);
    rows
}

/// By query and by form; where the metadata speaks of other ways, too, and where it does not.
fn ways(auth: Auth, name: &str, does: &str) -> Vec<Scenario> {
    let given = Given { auth, ..USUAL };
    [
        ("", "", given),
        ("-form-post", " The answer comes by form.", Given { form_post: true, ..given }),
        ("-only", " The metadata speaks of no other way.", Given { only_auth: true, ..given }),
        ("-like-the-suite", " All else is as with the suite's.", Given { auth, ..SUITE }),
    ]
    .map(|(suffix, more, given)| {
        right(&format!("{name}{suffix}"), &format!("{does}{more}"), given, Flow::Refresh)
    })
    .to_vec()
}

fn what(auth: Auth) -> &'static str {
    match auth {
        Auth::SecretJwt | Auth::PrivateKeyJwt => "shows an assertion",
        Auth::Tls => "shows a certificate",
        Auth::Public => "is public",
        Auth::Basic | Auth::BasicFromSource | Auth::Post => "shows a secret",
    }
}

const WAYS: &[(Auth, &str, &str)] = &[
    (Auth::Post, "client-secret-post", "Takes the client's secret in the form only."),
    (Auth::SecretJwt, "client-secret-jwt", "Takes an assertion by the client's secret only, and each once."),
    (Auth::PrivateKeyJwt, "private-key-jwt", "Takes an assertion by the client's key only, and each once."),
    (Auth::Tls, "tls-client-auth", "Takes the client's certificate only, at its aliases."),
    (Auth::Public, "public-client", "Knows the client by its code verifier only."),
];

const REFUSED: &[(Auth, &str)] = &[
    (Auth::Basic, "invalid-client"),
    (Auth::Post, "invalid-client-secret-post"),
    (Auth::SecretJwt, "invalid-client-secret-jwt"),
    (Auth::PrivateKeyJwt, "invalid-private-key-jwt"),
    (Auth::Tls, "invalid-tls-client-auth"),
];
