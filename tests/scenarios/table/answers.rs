//! What the provider's endpoints answer, and how it travels.

use std::time::Duration;

use oidc_dev_provider::{Delivery, Endpoint, Fault};

use super::super::{At, Flow, Given, Scenario};
use super::{SUITE, USUAL, all_at, misused, right, row};

pub(super) fn metadata() -> Vec<Scenario> {
    let mut rows = all_at(At::Begin, Flow::Discovery, METADATA);
    let login = |fault, code| row(fault, Flow::Login, At::Callback, code);
    let userinfo = |fault, code| row(fault, Flow::Userinfo, At::Userinfo, code);
    rows.extend([
        right("discovery-openid-config", "Publishes its metadata.", SUITE, Flow::Discovery),
        userinfo(Fault::OnlyRs256Offered, ""),
        userinfo(Fault::EndpointsOnAnotherHost, ""),
        login(Fault::BareMetadata, ""),
        login(Fault::TokenEndpointHttp, "provider_insecure token_endpoint"),
        login(Fault::TokenEndpointFile, "provider_insecure token_endpoint"),
        login(Fault::TokenEndpointMissing, "no_endpoint token_endpoint"),
        userinfo(Fault::UserinfoEndpointHttp, "provider_insecure userinfo_endpoint"),
        userinfo(Fault::UserinfoEndpointMissing, "no_endpoint userinfo_endpoint"),
    ]);
    rows
}

pub(super) fn responses() -> Vec<Scenario> {
    let form = |given| Given { form_post: true, ..given };
    let at_once = Given { prompt_none: true, max_age: Some(Duration::ZERO), ..form(USUAL) };
    let mismatch = |name, does, flow| misused(name, does, flow, At::Callback, "state_mismatch");
    let by_form = "Sends its answer by a form that the browser posts.";
    let like_the_suite = "The same, as the suite's simulated provider does it.";
    let third_party = "Sends a person to where the client's sign-ins start.";
    let strangers = "Sends a person there to sign in with another provider.";
    let exchanged = "Nothing: of two sign-ins under way, one gets the other's answer.";
    let elsewhere = "Nothing: the answer to a sign-in elsewhere is brought to its client.";
    let mut rows = all_at(At::Callback, Flow::Login, RESPONSES);
    rows.extend([
        right("form-post", by_form, form(USUAL), Flow::Userinfo),
        right("form-post-like-the-suite", like_the_suite, form(SUITE), Flow::Userinfo),
        row(Fault::LoginRequired, Flow::Login, At::Callback, "provider_error").given(at_once),
        right("3rd-party-init-login", third_party, USUAL, Flow::ThirdPartyLogin),
        misused(
            "3rd-party-init-login-elsewhere",
            strangers,
            Flow::StrangersLogin,
            At::Begin,
            "issuer_mismatch",
        ),
        mismatch("callback-replayed", "Nothing: its answer is brought twice.", Flow::Replay),
        mismatch("callbacks-exchanged", exchanged, Flow::Exchanged),
        mismatch("sign-in-of-another-provider", elsewhere, Flow::OtherProvider),
    ]);
    rows
}

pub(super) fn tokens() -> Vec<Scenario> {
    all_at(At::Callback, Flow::Login, TOKENS)
}

pub(super) fn userinfo() -> Vec<Scenario> {
    let signed = Given { signed_userinfo: true, ..SUITE };
    let scopes = "Gives the claims of the scopes that were asked for.";
    let mut rows = all_at(At::Userinfo, Flow::Userinfo, USERINFO);
    rows.extend([
        right("scope-userinfo-claims", scopes, SUITE, Flow::Userinfo),
        right("userinfo-bearer-header", "Takes the access token in the header only.", SUITE, Flow::Userinfo),
        right("userinfo-signed", "Answers userinfo by a signed JWT.", signed, Flow::Userinfo),
    ]);
    rows
}

pub(super) fn refreshes() -> Vec<Scenario> {
    let revoked = row(Fault::TokenErrorInvalidGrant, Flow::FailingRefresh, At::Refresh, "provider_error");
    let mut rows = all_at(At::Refresh, Flow::Refresh, REFRESHES);
    rows.extend([
        right("refresh-token", "Gives new tokens for a refresh token.", USUAL, Flow::Refresh),
        right("refresh-token-like-the-suite", "The same, with opaque access tokens.", SUITE, Flow::Refresh),
        revoked.named("refresh-token-revoked", "Refuses the refresh token by `invalid_grant`."),
    ]);
    rows
}

pub(super) fn transport() -> Vec<Scenario> {
    use Delivery::{Cut, Drip, Endless, Hang, Reset};
    use Endpoint::{Discovery, Jwks, Token, Userinfo};
    use Fault::{Deliver, Html, Redirect, Status, TruncatedJson};
    let mut rows = all_at(
        At::Begin,
        Flow::Discovery,
        &[
            (Html(Discovery), "provider_content_type"),
            (Status(Discovery, 404), "provider_status"),
            (Status(Discovery, 503), "provider_status"),
            (Redirect(Discovery), "provider_status"),
            (TruncatedJson(Discovery), "provider_malformed"),
            (Deliver(Discovery, Reset), "provider_unreachable"),
            (Deliver(Discovery, Endless), "provider_too_large"),
        ],
    );
    rows.extend(all_at(
        At::Callback,
        Flow::Login,
        &[
            (Html(Jwks), "keys_unavailable"),
            (Redirect(Jwks), "keys_unavailable"),
            (TruncatedJson(Jwks), "keys_unavailable"),
            (Deliver(Jwks, Endless), "keys_unavailable"),
            (Html(Token), "provider_content_type"),
            (Status(Token, 401), "provider_error"),
            (Status(Token, 404), "provider_status"),
            (Status(Token, 429), "provider_status"),
            (Status(Token, 500), "provider_status"),
            (Status(Token, 503), "provider_status"),
            (Redirect(Token), "provider_status"),
            (TruncatedJson(Token), "provider_malformed"),
            (Deliver(Token, Hang), "provider_timeout"),
            (Deliver(Token, Drip), "provider_timeout"),
            (Deliver(Token, Reset), "provider_unreachable"),
            (Deliver(Token, Cut), "provider_unreachable"),
            (Deliver(Token, Endless), "provider_too_large"),
        ],
    ));
    rows.extend(all_at(
        At::Userinfo,
        Flow::Userinfo,
        &[
            (Html(Userinfo), "provider_content_type"),
            (Status(Userinfo, 401), "provider_status"),
            (Status(Userinfo, 503), "provider_status"),
            (Redirect(Userinfo), "provider_status"),
            (TruncatedJson(Userinfo), "provider_malformed"),
            (Deliver(Userinfo, Cut), "provider_unreachable"),
        ],
    ));
    rows
}

/// What is wrong with metadata by which no sign-in starts, and the code.
const METADATA: &[(Fault, &str)] = &[
    (Fault::DiscoveryIssuerMismatch, "issuer_mismatch"),
    (Fault::DiscoveryIssuerSlash, "issuer_mismatch"),
    (Fault::DiscoveryIssuerMissing, "provider_malformed issuer"),
    (Fault::DiscoveryIssuerTwice, "provider_malformed"),
    (Fault::AuthorizationEndpointHttp, "provider_insecure authorization_endpoint"),
    (Fault::JwksUriHttp, "provider_insecure jwks_uri"),
    (Fault::AuthorizationEndpointMissing, "no_endpoint authorization_endpoint"),
    (Fault::JwksUriMissing, "provider_malformed jwks_uri"),
    (Fault::OnlyEs256Offered, "provider_unsupported"),
];

/// What is unusual about what the browser brings back, and the code; no code where nothing is wrong.
const RESPONSES: &[(Fault, &str)] = &[
    (Fault::StateInvalid, "state_mismatch"),
    (Fault::StateMissing, "state_missing"),
    (Fault::StateTwice, "duplicate_parameter"),
    (Fault::CodeTwice, "duplicate_parameter"),
    (Fault::CodeArray, "duplicate_parameter"),
    (Fault::CodeMissing, "malformed_callback"),
    (Fault::CodeMadeUp, "provider_error"),
    (Fault::TokenInFront, "malformed_callback"),
    (Fault::IdTokenInFront, "malformed_callback"),
    (Fault::IssParamWrong, "issuer_mismatch"),
    (Fault::IssParamMissing, "issuer_param_missing"),
    (Fault::IssParamNotPromised, ""),
    (Fault::AccessDenied, "provider_error"),
    (Fault::ErrorBesideCode, "provider_error"),
    (Fault::UnknownParam, ""),
];

/// What is unusual about the token response, and the code; no code where nothing is wrong.
const TOKENS: &[(Fault, &str)] = &[
    (Fault::TokenErrorInvalidGrant, "provider_error"),
    (Fault::TokenErrorWithStatus200, "provider_error"),
    (Fault::TokenErrorBesideTokens, "provider_error"),
    (Fault::TokenErrorHtml, "provider_status"),
    (Fault::MissingIdToken, "id_token_missing"),
    (Fault::NullIdToken, "id_token_missing"),
    (Fault::MissingAccessToken, "provider_malformed access_token"),
    (Fault::TokenTypeMac, "token_type"),
    (Fault::TokenTypeLowerCase, ""),
    (Fault::TokenTypeMissing, "provider_malformed token_type"),
    (Fault::ExpiresInMissing, ""),
    (Fault::ExpiresInText, "provider_malformed expires_in"),
    (Fault::ExpiresInNegative, "provider_malformed expires_in"),
    (Fault::TokenMemberTwice, "provider_malformed"),
    (Fault::TokenOversize, "provider_too_large"),
    (Fault::TokenContentType, "provider_content_type"),
    (Fault::TokenContentTypeMissing, "provider_content_type"),
    (Fault::TokenCharset, ""),
];

/// What is unusual about userinfo, and the code; no code where nothing is wrong.
const USERINFO: &[(Fault, &str)] = &[
    (Fault::UserinfoInvalidSub, "subject_mismatch"),
    (Fault::UserinfoMissingSub, "subject_mismatch"),
    (Fault::UserinfoSubTwice, "provider_malformed"),
    (Fault::AggregatedClaims, ""),
    (Fault::DistributedClaims, ""),
    (Fault::UserinfoInvalidSig, "bad_signature"),
    (Fault::UserinfoSigNone, "algorithm_not_allowed"),
    (Fault::UserinfoInvalidIss, "provider_malformed iss"),
    (Fault::UserinfoInvalidAud, "provider_malformed aud"),
];

/// What is unusual about a refresh, and the code. No code where nothing is wrong, or where it tells of another sign-in than
/// the one that the session goes on telling of.
const REFRESHES: &[(Fault, &str)] = &[
    (Fault::RefreshInvalidIss, "claim_invalid iss"),
    (Fault::RefreshInvalidSub, "subject_mismatch"),
    (Fault::RefreshInvalidAud, "claim_invalid aud"),
    (Fault::RefreshInvalidNonce, "claim_invalid nonce"),
    (Fault::RefreshInvalidAuthTime, ""),
    (Fault::RefreshWithoutNonce, ""),
    (Fault::RefreshWithoutIdToken, ""),
    (Fault::RefreshNotRotated, ""),
];
