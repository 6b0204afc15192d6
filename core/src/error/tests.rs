//! Every error: its code, its status, and a line that names what is wrong.

use std::collections::BTreeSet;

use super::*;
use crate::jose::Algorithm;
use crate::step::{FetchError, Purpose};

const HOSTILE: &str = "<script>\r\nSet-Cookie: a=b \u{1b}[31m \u{202e}";

fn hostile() -> Excerpt {
    Excerpt::of(&HOSTILE.repeat(20))
}

fn wait() -> Duration {
    Duration::from_millis(2500)
}

/// One of each, with what its line says and its status.
fn all() -> Vec<(Error, &'static str, u16)> {
    let mut all = of_tokens();
    all.extend(of_providers());
    all.extend(of_callers());
    all
}

fn of_tokens() -> Vec<(Error, &'static str, u16)> {
    let reasons = [
        (Malformation::Segments, "three segments"),
        (Malformation::Base64, "base64url"),
        (Malformation::Utf8, "UTF-8"),
        (Malformation::Json { column: 7 }, "column 7"),
        (Malformation::Number, "number"),
        (Malformation::NotAnObject, "not a JSON object"),
        (Malformation::DuplicateMember, "twice"),
        (Malformation::TooDeep, "too deep"),
        (Malformation::TooManyMembers, "too many"),
        (Malformation::Header("kid"), "`kid`"),
        (Malformation::Unsupported("zip"), "`zip`"),
    ];
    let segments = [Segment::Token, Segment::Header, Segment::Payload, Segment::Signature];
    let malformed = reasons
        .into_iter()
        .zip(segments.into_iter().cycle())
        .map(|((reason, says), segment)| (TokenError::Malformed { segment, reason }.into(), says, 401));
    malformed
        .chain([
            (TokenError::TooLarge { limit: 16_384 }.into(), "16384 bytes", 401),
            (TokenError::AlgorithmNotAllowed { alg: hostile() }.into(), "not allowed", 401),
            (TokenError::CriticalHeader.into(), "extension", 401),
            (TokenError::UnknownKey.into(), "keys", 401),
            (TokenError::BadSignature.into(), "signature", 401),
            (TokenError::WrongType.into(), "another kind", 401),
            (TokenError::Expired.into(), "expired", 401),
            (TokenError::NotYetValid.into(), "not valid yet", 401),
            (TokenError::ClaimMissing("exp").into(), "`exp` is missing", 401),
            (TokenError::ClaimInvalid("aud").into(), "`aud` is not acceptable", 401),
            (TokenError::KeysUnavailable { retry_after: wait() }.into(), "in 2 s", 503),
        ])
        .collect()
}

fn of_providers() -> Vec<(Error, &'static str, u16)> {
    let failed = FetchError::Failed(HOSTILE.into());
    let mismatch = |found: &str| ProviderError::IssuerMismatch {
        configured: "https://op.example".into(),
        found: Excerpt::of(found),
    };
    let refused = |description| ProviderError::Refused {
        purpose: Purpose::Token,
        status: 400,
        code: hostile(),
        description,
    };
    let keys_unavailable = TokenError::KeysUnavailable { retry_after: wait() };
    let unsupported =
        ProviderError::NoCommonAlgorithm { offered: hostile(), allowed: vec![Algorithm::Rs256] };
    let errors: [(ProviderError, &str, u16); 23] = [
        (ProviderError::Fetch(Purpose::Keys, FetchError::Timeout), "keys: no whole answer", 503),
        (ProviderError::Fetch(Purpose::Token, FetchError::TooLarge), "token: the answer is too large", 503),
        (ProviderError::Fetch(Purpose::Userinfo, failed), "userinfo: ", 503),
        (ProviderError::BackingOff(Purpose::Discovery, wait()), "in 2 s", 503),
        (ProviderError::Status(Purpose::Keys, 302), "not followed", 502),
        (ProviderError::Status(Purpose::Keys, 404), "answered 404", 502),
        (ProviderError::Status(Purpose::Keys, 429), "answered 429", 503),
        (ProviderError::ContentType(Purpose::Keys, Some(hostile())), "instead of JSON", 502),
        (ProviderError::ContentType(Purpose::Keys, None), "no content type", 502),
        (ProviderError::Malformed(Purpose::Discovery, Malformation::Utf8), "discovery: not UTF-8", 502),
        (ProviderError::Member(Purpose::Discovery, "issuer"), "\"issuer\" is missing", 502),
        (mismatch("https://op.example/"), "only by a trailing slash", 502),
        (mismatch(HOSTILE), "configured is", 502),
        (ProviderError::Insecure("jwks_uri"), "jwks_uri is neither https", 502),
        (unsupported, "signs with", 502),
        (ProviderError::NoUsableKeys, "none of the published keys", 503),
        (refused(None), "the provider answered", 502),
        (refused(Some(hostile())), "the provider answered", 502),
        (ProviderError::TokenType(hostile()), "is not Bearer", 502),
        (ProviderError::IdTokenMissing, "scope openid", 502),
        (ProviderError::IdToken(keys_unavailable), "ID token: ", 503),
        (ProviderError::UserinfoToken(TokenError::BadSignature), "signed userinfo: ", 502),
        (ProviderError::SubjectMismatch, "another subject", 502),
    ];
    errors.into_iter().map(|(error, says, status)| (error.into(), says, status)).collect()
}

fn of_callers() -> Vec<(Error, &'static str, u16)> {
    let refused =
        |code: &str, description| CallbackError::Provider { code: Excerpt::of(code), description }.into();
    vec![
        (CallbackError::StateMissing.into(), "no `state`", 400),
        (CallbackError::StateMismatch.into(), "no open sign-in", 400),
        (CallbackError::Malformed.into(), "a code or an error", 400),
        (CallbackError::DuplicateParameter.into(), "twice", 400),
        (CallbackError::IssuerParamMissing.into(), "`iss`", 400),
        (CallbackError::IssuerMismatch.into(), "another issuer", 400),
        (CallbackError::SignedOut.into(), "was ended", 400),
        (refused(HOSTILE, Some(hostile())), "the provider answered", 400),
        (refused("access_denied", None), "\"access_denied\"", 403),
        (RequestError::NoCredentials.into(), "no token and no session", 401),
        (RequestError::TwoCredentials.into(), "more than one token", 400),
        (RequestError::OriginMismatch.into(), "another origin", 403),
        (RequestError::OtherIssuer.into(), "may not come here", 403),
        (RequestError::Method("POST").into(), "only POST", 405),
        (RequestError::MediaType.into(), "form", 415),
        (RequestError::BodyTooLarge(65_536).into(), "65536 bytes", 413),
        (RequestError::InsufficientScope("read write".into()).into(), "\"read write\"", 403),
        (RequestError::InsufficientRole("admin owner".into()).into(), "\"admin owner\"", 403),
        (
            RequestError::InsufficientAuthentication { acr_values: None, max_age: None }.into(),
            "too weak or too long ago",
            401,
        ),
        (RequestError::Parameter("sid").into(), "`sid` must stand exactly once", 400),
        (RequestError::LogoutToken(TokenError::Expired).into(), "logout token: expired", 400),
        (
            RequestError::LogoutToken(TokenError::KeysUnavailable { retry_after: wait() }).into(),
            "logout token: no usable keys",
            503,
        ),
        (UsageError::ReservedParameter("state".into()).into(), "\"state\"", 500),
        (UsageError::NoEndpoint("userinfo_endpoint").into(), "no userinfo_endpoint", 500),
        (UsageError::NoClient.into(), "resource server only", 500),
        (UsageError::PublicClient.into(), "no credentials", 500),
        (UsageError::OtherProvider.into(), "another provider", 500),
        (UsageError::Signing("no slot".into()).into(), "no slot", 500),
        (UsageError::NoAccessToken.into(), "no access token", 500),
        (UsageError::NoRefreshToken.into(), "offline_access", 500),
        (UsageError::SessionTooLarge.into(), "does not fit", 500),
        (Error::Entropy, "random source", 500),
        (Error::Store, "session store", 503),
    ]
}

#[test]
fn each_names_what_is_wrong_in_one_harmless_line() {
    for (error, says, status) in all() {
        let line = error.to_string();
        assert!(line.contains(says), "{line}");
        assert!(line.bytes().all(|byte| (0x20..=0x7e).contains(&byte)) && line.len() < 2048, "{line}");
        assert_eq!(error.status(), status, "{line}");
    }
}

#[test]
fn each_that_passes_by_itself_says_when_to_ask_again() {
    for (error, _, status) in all() {
        assert_eq!(error.retry_after().is_some(), status == 503, "{error}");
        assert!(error.retry_after().is_none_or(|wait| wait >= Duration::from_secs(1)), "{error}");
    }
}

#[test]
fn each_code_is_in_the_table_of_the_documentation_and_no_other() {
    let table = include_str!("../error.rs");
    let documented: BTreeSet<&str> = table
        .lines()
        .filter_map(|line| line.trim().strip_prefix("/// | `")?.split(" | ").next())
        .flat_map(|codes| codes.split(", "))
        .map(|code| code.trim_matches('`'))
        .collect();
    let of_the_probes = BTreeSet::from(["interaction_required", "too_many_redirects"]);
    let all = all();
    let given: BTreeSet<&str> = all.iter().map(|(error, ..)| error.code()).chain(of_the_probes).collect();
    assert_eq!(given, documented);
}

#[test]
fn an_error_of_time_names_its_claim_and_others_name_none() {
    let claim = |error: TokenError| error.claim();
    assert_eq!(claim(TokenError::Expired), Some("exp"));
    assert_eq!(claim(TokenError::NotYetValid), Some("nbf"));
    assert_eq!(claim(TokenError::ClaimMissing("iat")), Some("iat"));
    assert_eq!(claim(TokenError::ClaimInvalid("iss")), Some("iss"));
    assert_eq!(claim(TokenError::BadSignature), None);
}

#[test]
fn an_excerpt_is_short_and_shown_the_same_in_both_ways() {
    let excerpt = hostile();
    assert_eq!(format!("{excerpt}"), format!("{excerpt:?}"));
    assert!(excerpt.to_string().len() <= 514 && excerpt.to_string().is_ascii());
    let escapes = Excerpt::of(&"\u{10ffff}".repeat(128)).to_string();
    assert_eq!(escapes.len(), 51 * 10 + 2, "{escapes}");
    assert_eq!(Excerpt::of(&"a".repeat(999)).to_string().len(), 128 + 2);
    assert!(Excerpt::of("a").is("a") && !Excerpt::of("a").is("b"));
}

#[test]
fn a_bad_setting_is_named_as_the_variable_that_sets_it() {
    let error = ConfigError::new("ca_file", "cannot be read");
    assert_eq!((error.setting(), error.to_string().as_str()), ("ca_file", "OIDC_CA_FILE: cannot be read"));
    let error = ConfigError::new("danger", "is out of range");
    assert_eq!(error.to_string(), "setting danger: is out of range", "there is no such variable");
}
