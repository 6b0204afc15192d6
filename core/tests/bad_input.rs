//! What goes wrong with a sign-in or a token: the right status, a named code, nobody signed in, nothing leaked.
#![cfg(feature = "rsa")]

mod support;

use http::Method;
use oidc_core::Config;
use oidc_core::config::ResponseMode;
use oidc_dev_provider::{Delivery, Endpoint, Fault};
use serde_json::json;
use support::{Answer, Ask, Browser, START, World, config};

/// A failed sign-in: status and code, no session, a way to start again, and no echo of the callback.
fn assert_failed(answer: &Answer, browser: &Browser, status: u16, code: &str) {
    assert_eq!((answer.status(), answer.code().as_str()), (status, code), "{answer:?}");
    assert!(!browser.has_session(), "nobody is signed in");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert!(
        answer.body.contains(r#"id="error""#) && answer.body.contains(r#"id="try-again""#),
        "{}",
        answer.body
    );
}

/// Starts a sign-in, lets the callback be changed, and delivers it.
fn with_callback(change: impl FnOnce(String) -> String) -> (World, Browser, Answer) {
    let (mut world, mut browser) = (World::new(), Browser::default());
    browser.start(&mut world, "/profile");
    let redirect = browser.ask(&mut world, Ask::get("/profile").page().required());
    let path = redirect.location()[url::Position::BeforePath..].to_owned();
    let request = http::Request::get(path).body(Vec::new()).unwrap();
    let response = world.provider.answer(request, START).response;
    let location = url::Url::parse(response.headers()["location"].to_str().unwrap()).unwrap();
    let target = change(location[url::Position::BeforePath..].to_owned());
    let answer = browser.open(&mut world, &target);
    (world, browser, answer)
}

fn set(target: &str, name: &str, value: Option<&str>) -> String {
    let url = url::Url::parse(support::ORIGIN).unwrap().join(target).unwrap();
    let mut changed = url.clone();
    let kept = url.query_pairs().into_owned().filter(|(found, _)| found != name).collect::<Vec<_>>();
    changed.query_pairs_mut().clear().extend_pairs(kept).extend_pairs(value.map(|value| (name, value)));
    changed[url::Position::BeforePath..].to_owned()
}

/// A sign-in at a provider that misbehaves.
fn with_fault(fault: Fault) -> (World, Browser, Answer) {
    let (mut world, mut browser) = (World::new(), Browser::default());
    world.provider.set_fault(Some(fault));
    let answer = browser.sign_in(&mut world);
    (world, browser, answer)
}

#[test]
fn a01_a_callback_without_state_is_refused_before_any_token_request() {
    let (world, browser, answer) = with_callback(|target| set(&target, "state", None));
    assert_failed(&answer, &browser, 400, "state_missing");
    assert_eq!(world.provider.requests("/token"), 0);
}

#[test]
fn a02_a_wrong_state_is_refused_before_any_token_request() {
    let (world, browser, answer) = with_callback(|target| set(&target, "state", Some("made-up")));
    assert_failed(&answer, &browser, 400, "state_mismatch");
    assert_eq!(world.provider.requests("/token"), 0);
}

#[test]
fn a02_an_expired_sign_in_is_refused_and_one_just_in_time_is_not() {
    for (seconds, status) in [(599, 303), (600, 400)] {
        let (mut world, mut browser) = (World::new(), Browser::default());
        let callback = browser.start(&mut world, "/profile");
        world.pass(seconds);
        // The provider's code lives shorter than a sign-in may take, so a new one is issued for the same state.
        let callback = if status == 303 { again(&mut world, &mut browser, seconds) } else { callback };
        let answer = browser.ask(&mut world, callback);
        assert_eq!(answer.status(), status, "{seconds} {}", answer.code());
        assert_eq!(browser.has_session(), status == 303);
    }
}

fn again(world: &mut World, browser: &mut Browser, seconds: u64) -> Ask {
    world.now = oidc_core::time::UnixTime::from_secs(START);
    *browser = Browser::default();
    let url = browser.ask(world, Ask::get("/profile").page().required()).location();
    world.pass(seconds);
    support::authorize(world, &url)
}

#[test]
fn a03_a_callback_without_its_cookie_is_refused() {
    let (mut world, mut browser) = (World::new(), Browser::default());
    let callback = browser.start(&mut world, "/profile");
    let mut other = Browser::default();
    let answer = other.ask(&mut world, callback);
    assert_failed(&answer, &other, 400, "state_mismatch");
    assert_eq!(world.provider.requests("/token"), 0);
}

#[test]
fn a04_a_replayed_callback_is_refused_and_the_code_is_sent_once() {
    let (mut world, mut browser) = (World::new(), Browser::default());
    let callback = browser.start(&mut world, "/profile");
    let mut thief = browser.clone();
    assert_eq!(browser.ask(&mut world, callback.clone()).status(), 303);
    let answer = browser.ask(&mut world, callback.clone());
    assert_eq!((answer.status(), answer.code().as_str()), (400, "state_mismatch"));
    assert_eq!(browser.open(&mut world, "/").sub(), Some("ada"), "the session stays");
    let answer = thief.ask(&mut world, callback);
    assert_failed(&answer, &thief, 400, "state_mismatch");
    assert_eq!(world.provider.requests("/token"), 1);
}

#[test]
fn a13_a_callback_with_neither_code_nor_error_is_refused() {
    let (_, browser, answer) = with_callback(|target| set(&target, "code", None));
    assert_failed(&answer, &browser, 400, "malformed_callback");
}

#[test]
fn a14_a_parameter_that_stands_twice_is_refused() {
    for extra in ["&code=x", "&state=x", "&iss=x", "&code[]=x"] {
        let (world, browser, answer) = with_callback(|target| target + extra);
        assert_failed(&answer, &browser, 400, "duplicate_parameter");
        assert_eq!(world.provider.requests("/token"), 0);
    }
}

#[test]
fn a15_an_error_wins_over_a_code() {
    let (world, browser, answer) = with_callback(|target| target + "&error=server_error");
    assert_failed(&answer, &browser, 400, "provider_error");
    assert_eq!(world.provider.requests("/token"), 0);
}

#[test]
fn a16_denied_consent_is_a_clear_page_and_uses_the_sign_in_up() {
    let (_, browser, answer) = with_fault(Fault::AccessDenied);
    assert_failed(&answer, &browser, 403, "provider_error");
    assert!(answer.body.contains("Sign-in was declined"));
    assert!(answer.body.contains("return_to=%2Fprofile"), "starting again leads where one wanted to go");
    assert!(browser.cookies.is_empty());
}

#[test]
fn a17_an_error_with_a_wrong_state_tells_nothing_of_itself() {
    let (_, browser, answer) = with_callback(|_| "/callback?state=x&error=e&error_description=boo".into());
    assert_failed(&answer, &browser, 400, "state_mismatch");
    assert!(!answer.body.contains("boo"));
}

#[test]
fn a18_what_the_provider_says_is_never_reflected() {
    let (_, browser, answer) = with_callback(|target| {
        set(&set(&target, "code", None), "error", Some("<script>"))
            + "&error_description=%3Cimg%3E%0d%0aX-Y:z"
    });
    assert_failed(&answer, &browser, 400, "provider_error");
    assert!(!answer.body.contains("<script") && !answer.body.contains("<img"));
}

#[test]
fn a19_a_promised_iss_that_is_absent_is_refused() {
    let (world, browser, answer) = with_fault(Fault::IssParamMissing);
    assert_failed(&answer, &browser, 400, "issuer_param_missing");
    assert_eq!(world.provider.requests("/token"), 0);
}

#[test]
fn a20_an_iss_of_another_issuer_is_refused() {
    let (world, browser, answer) = with_fault(Fault::IssParamWrong);
    assert_failed(&answer, &browser, 400, "issuer_mismatch");
    assert_eq!(world.provider.requests("/token"), 0);
    let (_, browser, answer) = with_callback(|target| set(&target, "iss", Some("https://op.example/")));
    assert_failed(&answer, &browser, 400, "issuer_mismatch");
}

#[test]
fn a23_a_callback_of_the_wrong_method_type_or_size_is_refused() {
    let (mut world, mut browser) = (World::new(), Browser::default());
    let callback = browser.ask(&mut world, Ask::form("/callback", "state=s&code=c").page());
    assert_eq!((callback.status(), callback.code().as_str()), (405, "method_not_allowed"));
    for method in [Method::HEAD, Method::OPTIONS, Method::PUT] {
        assert_eq!(browser.ask(&mut world, Ask::method(method, "/callback?state=s&code=c")).status(), 405);
    }
    let mut world = World::with(config().response_mode(ResponseMode::FormPost));
    assert_eq!(browser.open(&mut world, "/callback?state=s&code=c").status(), 405);
    let plain = Ask::method(Method::POST, "/callback");
    assert_eq!(browser.ask(&mut world, plain.clone()).status(), 415);
    assert_eq!(browser.ask(&mut world, plain.header("content-type", "multipart/form-data")).status(), 415);
    let answer = browser.ask(&mut world, Ask::form("/callback", vec![b'a'; 65_537]));
    assert_eq!((answer.status(), answer.code().as_str()), (413, "body_too_large"));
    let mixed = browser.ask(&mut world, Ask::form("/callback?state=s", "state=s&code=c"));
    assert_eq!(mixed.code(), "duplicate_parameter");
}

#[test]
fn a24_odd_queries_are_refused_in_bounded_time() {
    let (mut world, mut browser) = (World::new(), Browser::default());
    let long = "a=1&".repeat(100_000);
    for query in ["&", "&&&", "=", "%", "%zz", "state=%00&code=%00", "state=\u{7f}", &long] {
        assert_eq!(browser.open(&mut world, &format!("/callback?{query}")).status(), 400, "{query:.20}");
    }
}

#[test]
fn a_wrong_id_token_is_refused_whatever_is_wrong_with_it() {
    for (fault, code) in [
        (Fault::NonceInvalid, "claim_invalid"),
        (Fault::NonceMissing, "claim_invalid"),
        (Fault::InvalidIss, "claim_invalid"),
        (Fault::InvalidAud, "claim_invalid"),
        (Fault::MissingAud, "claim_invalid"),
        (Fault::MissingSub, "claim_invalid"),
        (Fault::MissingIat, "claim_missing"),
        (Fault::MissingExp, "claim_missing"),
        (Fault::Expired, "expired"),
        (Fault::SigNone, "algorithm_not_allowed"),
        (Fault::InvalidSigHs256, "algorithm_not_allowed"),
        (Fault::InvalidSigRs256, "bad_signature"),
        (Fault::UnknownKid, "unknown_key"),
        (Fault::InvalidAtHash, "claim_invalid"),
        (Fault::MissingIdToken, "id_token_missing"),
        (Fault::TokenTypeMac, "token_type"),
        (Fault::TokenErrorInvalidGrant, "provider_error"),
        (Fault::UserinfoInvalidSub, "subject_mismatch"),
        (Fault::Html(Endpoint::Token), "provider_content_type"),
        (Fault::TruncatedJson(Endpoint::Token), "provider_malformed"),
        (Fault::Redirect(Endpoint::Token), "provider_status"),
        (Fault::Html(Endpoint::Userinfo), "provider_content_type"),
    ] {
        let (world, browser, answer) = with_fault(fault.clone());
        assert_eq!(answer.code(), code, "{fault:?}");
        assert_failed(&answer, &browser, 502, code);
        assert!(browser.cookies.is_empty(), "{fault:?}");
        let reached_userinfo = world.provider.requests("/userinfo") > 0;
        let about_userinfo = matches!(fault, Fault::UserinfoInvalidSub | Fault::Html(Endpoint::Userinfo));
        assert_eq!(reached_userinfo, about_userinfo, "{fault:?}: nothing goes on after a bad ID token");
    }
}

#[test]
fn a_provider_that_fails_during_the_callback_is_an_outage_and_one_can_start_again() {
    for (fault, code) in [
        (Fault::Status(Endpoint::Token, 503), "provider_status"),
        (Fault::Deliver(Endpoint::Token, Delivery::Hang), "provider_timeout"),
        (Fault::Deliver(Endpoint::Token, Delivery::Drip), "provider_timeout"),
        (Fault::Deliver(Endpoint::Token, Delivery::Reset), "provider_unreachable"),
        (Fault::Deliver(Endpoint::Token, Delivery::Endless), "provider_too_large"),
        (Fault::EmptyKeys, "keys_unavailable"),
        (Fault::TooManyKeys, "keys_unavailable"),
        (Fault::Html(Endpoint::Jwks), "keys_unavailable"),
        (Fault::TruncatedJson(Endpoint::Jwks), "keys_unavailable"),
        (Fault::Redirect(Endpoint::Jwks), "keys_unavailable"),
    ] {
        let (mut world, mut browser, answer) = with_fault(fault.clone());
        assert_failed(&answer, &browser, 503, code);
        assert!(answer.header("retry-after").parse::<u64>().unwrap() >= 1, "{fault:?}");
        assert!(answer.body.contains("not answering"), "{fault:?}");
        assert!(world.now.as_secs() <= START + 10, "{fault:?}: {:?}", world.now);
        world.provider.set_fault(None);
        world.pass(6);
        assert_eq!(browser.sign_in(&mut world).status(), 303, "{fault:?}");
    }
}

#[test]
fn a_provider_that_is_down_at_the_callback_loses_nobody_anything_but_the_attempt() {
    let (mut world, mut browser) = (World::new(), Browser::default());
    let callback = browser.start(&mut world, "/profile");
    world.down = true;
    let answer = browser.ask(&mut world, callback);
    assert_failed(&answer, &browser, 503, "provider_unreachable");
    assert!(answer.body.contains("return_to=%2Fprofile"));
}

#[test]
fn d19_a_provider_that_is_down_at_the_start_is_an_outage_until_it_is_back() {
    let (mut world, mut browser) = (World::new(), Browser::default());
    world.down = true;
    let answer = browser.ask(&mut world, Ask::get("/profile").page().required());
    assert_failed(&answer, &browser, 503, "provider_unreachable");
    let token = world.access_token();
    let answer = world.bearer(&token);
    assert_eq!((answer.status(), answer.code().as_str()), (503, "keys_unavailable"));
    assert_eq!(answer.header("retry-after"), "1");
    assert!(answer.all("www-authenticate").is_empty());
    let attempts = world.fetched.len();
    assert_eq!(world.bearer(&token).status(), 503);
    assert_eq!(world.fetched.len(), attempts, "not asked again while backing off");
    world.down = false;
    world.pass(5);
    assert_eq!(world.bearer(&token).sub(), Some("ada"));
    assert_eq!(browser.sign_in(&mut world).status(), 303);
}

#[test]
fn d02_metadata_that_cannot_be_trusted_starts_no_sign_in() {
    for (fault, status, code) in [
        (Fault::DiscoveryIssuerMismatch, 502, "issuer_mismatch"),
        (Fault::Html(Endpoint::Discovery), 502, "provider_content_type"),
        (Fault::TruncatedJson(Endpoint::Discovery), 502, "provider_malformed"),
        (Fault::Redirect(Endpoint::Discovery), 502, "provider_status"),
        (Fault::Status(Endpoint::Discovery, 404), 502, "provider_status"),
        (Fault::Status(Endpoint::Discovery, 429), 503, "provider_status"),
        (Fault::Deliver(Endpoint::Discovery, Delivery::Hang), 503, "provider_timeout"),
        (Fault::Deliver(Endpoint::Discovery, Delivery::Cut), 503, "provider_unreachable"),
    ] {
        let (mut world, mut browser) = (World::new(), Browser::default());
        world.provider.set_fault(Some(fault.clone()));
        let answer = browser.open(&mut world, "/login");
        assert_failed(&answer, &browser, status, code);
        assert!(browser.cookies.is_empty());
        assert!(world.now.as_secs() <= START + 5, "{fault:?}");
    }
}

#[test]
fn an_issuer_that_differs_by_a_trailing_slash_is_explained() {
    let mut world = World::with(support::config_for("https://op.example/"));
    world.provider = oidc_dev_provider::DevProvider::new("https://op.example");
    let client = world.client();
    let error = world.run(|now| client.begin_login(Default::default(), now)).unwrap_err();
    assert_eq!(error.code(), "issuer_mismatch");
    assert!(error.to_string().contains("differ only by a trailing slash"), "{error}");
}

#[test]
fn bad_settings_name_the_variable_and_what_is_wrong() {
    let good = [
        ("OIDC_ISSUER", "https://op.example"),
        ("OIDC_CLIENT_ID", "web"),
        ("OIDC_REDIRECT_URI", "https://rp.example/callback"),
    ];
    let with = |name: &str, value: Option<&str>| {
        let vars = |wanted: &str| {
            let known = good.iter().find(|(known, _)| *known == wanted).map(|(_, value)| (*value).to_owned());
            if wanted == name { value.map(str::to_owned) } else { known }
        };
        Config::from_vars(vars).map_err(|error| error.to_string())
    };
    assert!(with("", None).is_ok());
    let short = "c2hvcnQ";
    let dull = "A".repeat(43);
    for (name, value, problem) in [
        ("OIDC_ISSUER", None, "is required"),
        ("OIDC_CLIENT_ID", None, "is required"),
        ("OIDC_REDIRECT_URI", None, "is required"),
        ("OIDC_ISSUER", Some(""), "empty"),
        ("OIDC_ISSUER", Some("op.example"), "not a URL"),
        ("OIDC_ISSUER", Some("http://op.example"), "must be https"),
        ("OIDC_ISSUER", Some("ftp://op.example"), "must be an https URL"),
        ("OIDC_ISSUER", Some("https://op.example?a=b"), "neither query nor fragment"),
        ("OIDC_ISSUER", Some("https://op.example#a"), "neither query nor fragment"),
        ("OIDC_ISSUER", Some("https://me@op.example"), "credentials"),
        ("OIDC_REDIRECT_URI", Some("http://rp.example/callback"), "must be https"),
        ("OIDC_CLIENT_AUTH", Some("digest"), "is none of"),
        ("OIDC_CLIENT_AUTH", Some("private_key_jwt"), "no key to sign with"),
        ("OIDC_CLIENT_AUTH", Some("basic"), "required by the chosen client_auth"),
        ("OIDC_CLIENT_SECRET", Some(""), "empty"),
        ("OIDC_CLIENT_AUTH", Some("secret_jwt"), "required by the chosen client_auth"),
        ("OIDC_SCOPES", Some("profile"), "must contain openid"),
        ("OIDC_BEARER", Some("opaque"), "is none of"),
        ("OIDC_ALGORITHMS", Some("none"), "is none of"),
        ("OIDC_ALGORITHMS", Some("RS256,HS256"), "is none of"),
        ("OIDC_RESPONSE_MODE", Some("fragment"), "neither query nor form_post"),
        ("OIDC_LEEWAY", Some("301"), "over 300"),
        ("OIDC_LEEWAY", Some("-1"), "not a whole number"),
        ("OIDC_SESSION_IDLE", Some("0"), "at least 1"),
        ("OIDC_SESSION_ABSOLUTE", Some("60"), "shorter than"),
        ("OIDC_COOKIE_SECRET", Some(short), "fewer than 32 bytes"),
        ("OIDC_COOKIE_SECRET", Some("not base64!"), "not base64url"),
        ("OIDC_COOKIE_SECRET", Some(&dull), "one byte repeated"),
    ] {
        let error = with(name, value).unwrap_err();
        let about = if problem.contains("client_auth") { "OIDC_CLIENT_SECRET" } else { name };
        assert!(error.starts_with(about) && error.contains(problem), "{name}={value:?}: {error}");
        assert!(!error.contains('\n'));
    }
    for loopback in ["http://127.0.0.1:8080", "http://[::1]:8080", "http://localhost"] {
        assert!(with("OIDC_ISSUER", Some(loopback)).is_ok());
    }
}

/// A token as the provider would sign it, with a claim or header member changed or (`null`) taken away.
fn forged(world: &mut World, header: serde_json::Value, claims: serde_json::Value) -> String {
    let mut head = json!({"alg": "RS256", "typ": "at+jwt", "kid": world.provider.current_kid()});
    let mut body = json!({
        "iss": support::ISSUER, "aud": "web", "sub": "ada", "client_id": "web", "jti": "1",
        "iat": START, "exp": START + 300,
    });
    for (whole, changes) in [(&mut head, header), (&mut body, claims)] {
        for (name, value) in changes.as_object().unwrap() {
            if value.is_null() {
                whole.as_object_mut().unwrap().remove(name);
            } else {
                whole[name] = value.clone();
            }
        }
    }
    world.provider.sign(&head, &body)
}

#[test]
fn bad_bearer_tokens_are_refused_by_their_code() {
    let mut world = World::new();
    let good = forged(&mut world, json!({}), json!({}));
    assert_eq!(world.bearer(&good).sub(), Some("ada"));
    let parts: Vec<&str> = good.split('.').collect();
    let unsigned = |header: &str| {
        use base64ct::{Base64UrlUnpadded, Encoding};
        format!("{}.{}.{}", Base64UrlUnpadded::encode_string(header.as_bytes()), parts[1], parts[2])
    };
    let flipped = if parts[2].starts_with('A') { "B" } else { "A" };
    let mut cases = vec![
        ("not.a.token".to_owned(), "malformed"),
        (format!("{good}."), "malformed"),
        (format!("{good}="), "malformed"),
        ("a".repeat(16_385), "too_large"),
        (unsigned(r#"{"alg":"none"}"#), "algorithm_not_allowed"),
        (unsigned(r#"{"alg":"HS256"}"#), "algorithm_not_allowed"),
        (unsigned(r#"{"alg":"RS256","crit":["x"],"x":1}"#), "critical_header"),
        (unsigned(r#"{"alg":"RS256","alg":"RS256"}"#), "malformed"),
        (format!("{}.{}.{flipped}{}", parts[0], parts[1], &parts[2][1..]), "bad_signature"),
        (format!("{}.{}.", parts[0], parts[1]), "bad_signature"),
    ];
    for (header, claims, code) in [
        (json!({"typ": "JWT"}), json!({}), "wrong_type"),
        (json!({"typ": "JWT"}), json!({"nonce": "n"}), "wrong_type"),
        (json!({"typ": "logout+jwt"}), json!({}), "wrong_type"),
        (json!({}), json!({"events": {}}), "wrong_type"),
        (json!({}), json!({"aud": "other"}), "claim_invalid"),
        (json!({}), json!({"aud": null}), "claim_invalid"),
        (json!({}), json!({"aud": ["web", 5]}), "claim_invalid"),
        (json!({}), json!({"iss": "https://op.example/"}), "claim_invalid"),
        (json!({}), json!({"iss": ["https://op.example"]}), "claim_invalid"),
        (json!({}), json!({"sub": ""}), "claim_invalid"),
        (json!({}), json!({"jti": null}), "claim_missing"),
        (json!({}), json!({"jti": ""}), "claim_invalid"),
        (json!({}), json!({"client_id": 5}), "claim_invalid"),
        (json!({}), json!({"exp": null}), "claim_missing"),
        (json!({}), json!({"exp": "4102444800"}), "claim_invalid"),
        (json!({}), json!({"exp": START - 60}), "expired"),
        (json!({}), json!({"nbf": START + 61}), "not_yet_valid"),
        (json!({}), json!({"iat": START + 61}), "claim_invalid"),
        (json!({}), json!({"cnf": {"jkt": "x"}}), "claim_invalid"),
        (json!({}), json!({"scope": ["a"]}), "claim_invalid"),
    ] {
        cases.push((forged(&mut world, header, claims), code));
    }
    for (token, code) in cases {
        let fetches = world.fetched.len();
        let answer = world.bearer(&token);
        assert_eq!((answer.status(), answer.code().as_str()), (401, code), "{token:.300}");
        let challenge =
            format!("Bearer realm=\"oidc\", error=\"invalid_token\", error_description=\"{code}\"");
        assert_eq!(answer.header("www-authenticate"), challenge);
        assert_eq!(world.fetched.len(), fetches, "{code}: nothing is fetched for it");
    }
    let unknown = forged(&mut world, json!({"kid": "made-up"}), json!({}));
    assert_eq!(world.bearer(&unknown).code(), "unknown_key");
}

#[test]
fn the_boundaries_of_time_are_exact() {
    let mut world = World::with(config().leeway(std::time::Duration::from_secs(60)));
    for (claims, accepted) in [
        (json!({"exp": START - 59}), true),
        (json!({"exp": START - 60}), false),
        (json!({"nbf": START + 60}), true),
        (json!({"nbf": START + 61}), false),
        (json!({"iat": START + 60}), true),
        (json!({"exp": START as f64 - 59.5}), true),
        (json!({"exp": 4e9}), true),
    ] {
        let token = forged(&mut world, json!({}), claims.clone());
        assert_eq!(world.bearer(&token).sub().is_some(), accepted, "{claims}");
    }
    let mut strict = World::with(config().leeway(std::time::Duration::ZERO));
    let token = forged(&mut strict, json!({}), json!({"exp": START + 1}));
    assert_eq!(strict.bearer(&token).sub(), Some("ada"));
    strict.pass(1);
    assert_eq!(strict.bearer(&token).code(), "expired");
}

#[test]
fn looser_tokens_are_taken_where_the_configuration_says_so_and_an_id_token_is_not_one() {
    use oidc_core::token::AccessToken;
    let loose = json!({"jti": null, "client_id": null, "scope": ["a", "b"]});
    let id = json!({"nonce": "n"});
    for (kinds, header, claims, accepted) in [
        (&[AccessToken::Jwt][..], json!({"typ": null}), &loose, true),
        (&[AccessToken::Jwt], json!({"typ": "JWT"}), &loose, true),
        (&[AccessToken::Jwt], json!({"typ": "application/at+jwt"}), &loose, true),
        (&[AccessToken::Jwt], json!({"typ": "JWT"}), &id, false),
        (&[AccessToken::IdToken], json!({"typ": "JWT"}), &id, true),
        (&[AccessToken::IdToken], json!({"typ": "at+jwt"}), &json!({}), false),
        (&[AccessToken::IdToken], json!({"typ": null}), &json!({}), true),
        (&[AccessToken::IdToken], json!({"typ": "JWT"}), &json!({"nonce": "n", "azp": "other"}), false),
        (
            &[AccessToken::IdToken],
            json!({"typ": "JWT"}),
            &json!({"nonce": "n", "aud": ["web", "other"]}),
            false,
        ),
        (&[AccessToken::Jwt], json!({"typ": "at+jwt"}), &id, false),
        (&[AccessToken::AtJwt], json!({"typ": "JWT"}), &loose, false),
        (&[AccessToken::AtJwt, AccessToken::Jwt], json!({"typ": "JWT"}), &loose, true),
    ] {
        let mut world = World::with(config().bearer(kinds));
        let token = forged(&mut world, header.clone(), claims.clone());
        assert_eq!(world.bearer(&token).sub().is_some(), accepted, "{kinds:?} {header} {claims}");
    }
}

#[test]
fn credentials_that_cannot_be_judged_are_400_and_absent_ones_401_without_error() {
    let mut world = World::new();
    let token = world.access_token();
    let bearer = format!("Bearer {token}");
    let two = Ask::get("/api/whoami").header("authorization", &bearer).header("authorization", &bearer);
    let answer = world.ask(two);
    assert_eq!((answer.status(), answer.code().as_str()), (400, "invalid_request"));
    assert!(answer.header("www-authenticate").contains("error=\"invalid_request\""));
    for authorization in [None, Some("Bearer "), Some("Basic abc")] {
        let ask = Ask::get("/api/whoami").required();
        let answer = world.ask(authorization.map_or(ask.clone(), |value| ask.header("authorization", value)));
        assert_eq!((answer.status(), answer.code().as_str()), (401, "no_credentials"), "{authorization:?}");
        assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"oidc\"");
    }
}

#[test]
fn a_bad_token_beside_a_good_session_is_refused() {
    let (mut world, mut browser) = (World::new(), Browser::default());
    browser.sign_in(&mut world);
    for (authorization, code) in [("Bearer x", "malformed"), ("Bearer ", "no_credentials")] {
        let answer = browser.ask(&mut world, Ask::get("/").header("authorization", authorization));
        assert_eq!((answer.status(), answer.code().as_str()), (401, code));
    }
    let token = world.access_token();
    let answer = browser.ask(&mut world, Ask::get("/").header("authorization", &format!("Bearer {token}")));
    assert_eq!(answer.identity.unwrap().source(), oidc_core::guard::Source::Header);
}

#[test]
fn only_a_person_loading_a_page_is_sent_to_the_provider() {
    let mut world = World::new();
    let plain = || Ask::get("/profile").required();
    for (ask, status) in [
        (plain(), 303),
        (plain().page(), 303),
        (plain().header("accept", "*/*"), 303),
        (plain().header("accept", "application/json"), 401),
        (plain().header("sec-fetch-mode", "cors").header("accept", "*/*"), 401),
        (plain().header("x-requested-with", "XMLHttpRequest").header("accept", "text/html"), 401),
        (plain().header("upgrade", "websocket"), 401),
        (Ask::get("/api/whoami").page().required(), 401),
        (Ask::method(Method::POST, "/profile").page().required(), 303),
    ] {
        let answer = world.ask(ask);
        assert_eq!(answer.status(), status, "{answer:?}");
    }
}

#[test]
fn planted_and_broken_session_cookies_are_no_session_and_are_cleared() {
    let (mut world, mut browser) = (World::new(), Browser::default());
    browser.sign_in(&mut world);
    let session = browser.cookies["__Host-oidc-session"].clone();
    let name = "__Host-oidc-session";
    let ask = |value: String| Ask::get("/").header("cookie", &value);
    assert_eq!(world.ask(ask(format!("{name}={session}"))).sub(), Some("ada"));
    assert_eq!(world.ask(ask(format!("{name}=junk; {name}={session}"))).sub(), Some("ada"));
    let answer = world.ask(ask(format!("{name}={session}x")));
    assert_eq!(answer.sub(), None);
    assert!(answer.header("set-cookie").contains("Max-Age=0"));
    world.provider.auto_login(Some("alan"));
    let mut other = Browser::default();
    other.sign_in(&mut world);
    let two = format!("{name}={session}; {name}={}", other.cookies[name]);
    assert_eq!(world.ask(ask(two)).sub(), None, "two different sessions are none");
    let mut third = Browser::default();
    third.start(&mut world, "/profile");
    let login = third.cookies.values().next().unwrap();
    assert_eq!(world.ask(ask(format!("{name}=1~{login}"))).sub(), None, "a login cookie is no session");
}

#[test]
fn a40_nobody_is_returned_to_a_path_of_the_guard_itself() {
    for target in [
        "/callback",
        "/callback?x",
        "/login",
        "/logout",
        "/logged-out",
        "/callback#x",
        "/./login",
        "/x/../logout",
    ] {
        let (mut world, mut browser) = (World::new(), Browser::default());
        let target: String = url::form_urlencoded::byte_serialize(target.as_bytes()).collect();
        let redirect = browser.open(&mut world, &format!("/login?return_to={target}"));
        let callback = support::authorize(&mut world, &redirect.location());
        let answer = browser.ask(&mut world, callback);
        assert_eq!((answer.status(), answer.header("location")), (303, "/"), "{target}");
    }
}

#[test]
fn a06_sign_ins_that_are_never_finished_leave_the_browser_with_short_headers() {
    let (mut world, mut browser) = (World::new(), Browser::default());
    let target = format!("/login?return_to=/{}", "a".repeat(2_000));
    for _ in 0..100 {
        world.pass(1);
        assert_eq!(browser.open(&mut world, &target).status(), 303);
        let bytes: usize = browser.cookies.iter().map(|(name, value)| name.len() + value.len() + 3).sum();
        assert!(bytes < 10 * 1024 && browser.cookies.len() <= 8, "{bytes} bytes");
    }
    let callback = browser.start(&mut world, "/profile");
    assert_eq!(browser.ask(&mut world, callback).status(), 303, "the newest can be finished");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "it is measured how long this takes")]
fn k14_a_flood_of_cookies_is_answered_in_bounded_time_and_size() {
    let mut world = World::new();
    let name = "__Host-oidc-session";
    let header = format!("{}{name}.1={}", format!("{name}=2~;").repeat(20_000), "a".repeat(200_000));
    let started = std::time::Instant::now();
    let answer = world.ask(Ask::get("/").header("cookie", &header));
    assert!(answer.identity.is_none() && answer.headers.len() < 10, "{:?}", answer.headers.len());
    let logins = "__Host-oidc-login-x=y;".repeat(20_000);
    let answer = world.ask(Ask::get("/login").header("cookie", &logins));
    assert!(answer.all("set-cookie").len() <= 34);
    assert!(started.elapsed() < std::time::Duration::from_secs(1), "{:?}", started.elapsed());
}

#[test]
fn a_failed_callback_removes_the_cookie_of_the_sign_in_that_it_names() {
    for change in ["&code=x", "&error=e&error=e"] {
        let (mut world, mut browser) = (World::new(), Browser::default());
        let redirect = browser.ask(&mut world, Ask::get("/profile").page().required());
        let state =
            redirect.location().query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
        assert_eq!(browser.cookies.len(), 1);
        let answer = browser.open(&mut world, &format!("/callback?state={state}&code=c{change}"));
        assert_failed(&answer, &browser, 400, "duplicate_parameter");
        assert!(browser.cookies.is_empty(), "{change}");
    }
}

#[test]
fn a_method_that_is_not_allowed_is_told_which_is() {
    let mut world = World::new();
    assert_eq!(world.ask(Ask::get("/logout")).header("allow"), "POST");
    assert_eq!(world.ask(Ask::method(Method::POST, "/login")).header("allow"), "GET");
}

#[test]
fn t31_a_name_by_which_the_json_library_talks_to_itself_hides_no_duplicate() {
    let mut world = World::new();
    let hidden = json!({"$serde_json::private::RawValue": r#"{"role":"user","role":"admin"}"#});
    let claims = json!({"iss": support::ISSUER, "aud": "web", "sub": "ada", "client_id": "web", "jti": "1",
        "iat": START, "exp": START + 300});
    let text = claims.to_string().replacen(
        '{',
        &format!("{{\"profile\":{},", serde_json::to_string(&hidden).unwrap()),
        1,
    );
    let header = format!(r#"{{"alg":"RS256","typ":"at+jwt","kid":"{}"}}"#, world.provider.current_kid());
    let token = world.provider.sign_raw(header.as_bytes(), text.as_bytes(), "RS256");
    assert_eq!(world.bearer(&token).code(), "malformed");
}

#[test]
fn s39_a_token_without_kid_is_tried_by_four_keys_and_no_more() {
    let mut world = World::new();
    let header = json!({"alg": "RS256", "typ": "at+jwt"});
    let claims = json!({"iss": support::ISSUER, "aud": "web", "sub": "ada", "client_id": "web", "jti": "1",
        "iat": START, "exp": START + 9_000});
    let first = world.provider.sign(&header, &claims);
    assert_eq!(world.bearer(&first).sub(), Some("ada"));
    for _ in 0..4 {
        world.provider.rotate_keys(true);
    }
    world.pass(700);
    let last = world.provider.sign(&header, &claims);
    let codes = [world.bearer(&first).code(), world.bearer(&last).code()];
    assert!(
        codes.contains(&"unknown_key".to_owned()),
        "five keys fit, and one of these tokens is of the fifth: {codes:?}"
    );
}
