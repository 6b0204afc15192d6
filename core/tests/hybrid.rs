//! The hybrid flow `code id_token`: the ID token that comes with a code is judged before the code is redeemed.
#![cfg(feature = "rsa")]

mod support;

use http::Method;
use oidc_core::config::{ConfigBuilder, ResponseMode, ResponseType};
use oidc_core::jose::Algorithm;
use oidc_core::profile::{NoncePolicy, ProviderProfile};
use oidc_core::{Callback, LoginOptions};
use oidc_dev_provider::{DevProvider, Fault};
use serde_json::{Value, json};

use base64ct::{Base64UrlUnpadded, Encoding};
use support::{Answer, Ask, Browser, ISSUER, START, World, authorize, config, query};

fn hybrid() -> ConfigBuilder {
    config().response_type(ResponseType::CodeIdToken).response_mode(ResponseMode::FormPost)
}

fn world() -> World {
    World::with(hybrid())
}

fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&Base64UrlUnpadded::decode_vec(payload).unwrap()).unwrap()
}

fn header(world: &World) -> Value {
    json!({ "alg": "RS256", "typ": "JWT", "kid": world.provider.current_kid() })
}

/// Members of `changes` take the place of those of `of`; one that is `null` goes.
fn merged(mut of: Value, changes: Value) -> Value {
    let Value::Object(changes) = changes else { panic!("no object") };
    for (name, value) in changes {
        match value {
            Value::Null => drop(of.as_object_mut().unwrap().remove(&name)),
            value => of[name] = value,
        }
    }
    of
}

/// The callback with another ID token in it.
fn with_token(callback: &Ask, token: Option<&str>) -> Ask {
    let mut fields = callback.fields();
    fields.remove("id_token").expect("it came along");
    fields.extend(token.map(|token| ("id_token".to_owned(), token.to_owned())));
    callback.clone().with_fields(&fields)
}

/// The callback whose ID token has these changes, signed by the provider.
fn forged(world: &World, callback: &Ask, changes: Value) -> Ask {
    let claims = merged(claims(&callback.fields()["id_token"]), changes);
    with_token(callback, Some(&world.provider.sign(&header(world), &claims)))
}

/// Nobody is signed in, and the code has gone nowhere.
fn assert_refused(world: &World, browser: &Browser, answer: &Answer, code: &str, what: &str) {
    assert_eq!(answer.code(), code, "{what}: {answer:?}");
    assert!(answer.status.is_some_and(|status| !status.is_success() && !status.is_redirection()), "{what}");
    assert!(!browser.has_session(), "{what}");
    assert_eq!(world.provider.requests("/token"), 0, "{what}");
}

#[test]
fn a_code_comes_with_an_id_token_in_a_form_and_signs_in() {
    let (mut world, mut browser) = (world(), Browser::default());
    let redirect = browser.ask(&mut world, Ask::get("/profile").page().required());
    let asked = query(&redirect.location());
    assert_eq!((&*asked["response_type"], &*asked["response_mode"]), ("code id_token", "form_post"));
    assert_eq!(asked["nonce"].len(), 43);
    let callback = authorize(&mut world, &redirect.location());
    assert!(claims(&callback.fields()["id_token"])["c_hash"].is_string());
    let answer = browser.ask(&mut world, callback.clone());
    assert_eq!((answer.status(), answer.header("location")), (303, "/profile"), "{answer:?}");
    let identity = browser.open(&mut world, "/").identity.unwrap();
    assert_eq!(identity.sub(), "ada");
    for mark in ["nonce", "c_hash", "at_hash"] {
        assert!(!identity.claims().all().contains_key(mark), "{mark} has served");
    }
    assert_ne!(identity.session().unwrap().id_token().expose(), callback.fields()["id_token"]);
    assert_eq!(world.fetched, ["discovery", "keys", "token", "userinfo"], "it was judged before");
}

#[test]
fn the_hash_is_that_of_the_signature_s_algorithm() {
    for algorithm in [Algorithm::Rs256, Algorithm::Rs384, Algorithm::Rs512] {
        let (mut world, mut browser) = (World::with(hybrid().algorithms(&[algorithm])), Browser::default());
        world.provider.sign_with(algorithm.name());
        assert_eq!(browser.sign_in(&mut world).status(), 303, "{algorithm}");
    }
}

#[test]
fn what_was_pushed_comes_back_the_same_way() {
    let (mut world, mut browser) =
        (World::with(hybrid().pushed_authorization_requests(true)), Browser::default());
    world.provider.require_par(true);
    assert_eq!(browser.sign_in(&mut world).status(), 303);
    assert_eq!(world.forms_sent_to("/par")[0]["response_type"], "code id_token");
}

#[test]
fn an_id_token_goes_by_a_form_and_with_a_nonce_only() {
    let both = || config().response_type(ResponseType::CodeIdToken);
    let nameless = ProviderProfile::standard("nameless").nonce(NoncePolicy::Off);
    for (config, setting) in [
        (both().response_mode(ResponseMode::Query), "response_mode"),
        (hybrid().profile(nameless), "response_type"),
    ] {
        assert_eq!(config.build().unwrap_err().setting(), setting);
    }
    assert!(both().build().is_ok(), "a form is the default then");
}

#[test]
fn an_id_token_that_is_not_good_keeps_the_code_from_the_token_endpoint() {
    let c_hash_of = |code: &str| {
        use sha2::{Digest, Sha256};
        Base64UrlUnpadded::encode_string(&Sha256::digest(code)[..16])
    };
    let cases = [
        (json!({ "c_hash": null }), "claim_missing"),
        (json!({ "c_hash": "" }), "claim_invalid"),
        (json!({ "c_hash": 7 }), "claim_invalid"),
        (json!({ "c_hash": c_hash_of("another code") }), "claim_invalid"),
        (json!({ "nonce": null }), "claim_invalid"),
        (json!({ "nonce": "of-another-sign-in" }), "claim_invalid"),
        (json!({ "nonce": "" }), "claim_invalid"),
        (json!({ "iss": "https://other.example" }), "claim_invalid"),
        (json!({ "iss": null }), "claim_invalid"),
        (json!({ "aud": "another-client" }), "claim_invalid"),
        (json!({ "aud": ["web", "another-client"] }), "claim_invalid"),
        (json!({ "azp": "another-client" }), "claim_invalid"),
        (json!({ "sub": null }), "claim_invalid"),
        (json!({ "exp": START - 61, "iat": START - 300 }), "expired"),
        (json!({ "iat": START + 61 }), "claim_invalid"),
        (json!({ "events": { "http://schemas.openid.net/event/backchannel-logout": {} } }), "wrong_type"),
    ];
    for (changes, code) in cases {
        let (mut world, mut browser) = (world(), Browser::default());
        let callback = browser.start(&mut world, "/");
        let forged = forged(&world, &callback, changes.clone());
        let answer = browser.ask(&mut world, forged);
        assert_refused(&world, &browser, &answer, code, &changes.to_string());
        let again = browser.ask(&mut world, callback);
        assert_refused(&world, &browser, &again, "state_mismatch", "the sign-in is used up");
    }
}

/// It is by the browser that the token came: whoever has another person's code may have that, too.
#[test]
fn an_id_token_beside_a_code_has_its_nonce_also_where_the_provider_may_forget_it() {
    let forgetful = ProviderProfile::standard("forgetful").nonce(NoncePolicy::IfPresent);
    for pkce in [true, false] {
        let profile = forgetful.clone().pkce(pkce);
        let (mut world, mut browser) = (World::with(hybrid().profile(profile)), Browser::default());
        let callback = browser.start(&mut world, "/");
        let nameless = forged(&world, &callback, json!({ "nonce": null }));
        let answer = browser.ask(&mut world, nameless);
        assert_refused(&world, &browser, &answer, "claim_invalid", "without a nonce");
        assert_eq!(browser.sign_in(&mut world).status(), 303);
    }
}

#[test]
fn an_id_token_that_the_provider_has_not_signed_keeps_the_code_from_the_token_endpoint() {
    type Sign = fn(&World, &Value) -> String;
    let cases: [(&str, Sign); 5] = [
        ("bad_signature", |world, claims| DevProvider::with_seed(ISSUER, 1).sign(&header(world), claims)),
        ("unknown_key", |world, claims| {
            world.provider.sign(&merged(header(world), json!({ "kid": "unknown" })), claims)
        }),
        ("algorithm_not_allowed", |world, claims| {
            world.provider.sign(&merged(header(world), json!({ "alg": "none" })), claims)
        }),
        ("algorithm_not_allowed", |world, claims| {
            world.provider.sign(&merged(header(world), json!({ "alg": "HS256" })), claims)
        }),
        ("wrong_type", |world, claims| {
            world.provider.sign(&merged(header(world), json!({ "typ": "at+jwt" })), claims)
        }),
    ];
    for (code, sign) in cases {
        let (mut world, mut browser) = (world(), Browser::default());
        let callback = browser.start(&mut world, "/");
        let token = sign(&world, &claims(&callback.fields()["id_token"]));
        let answer = browser.ask(&mut world, with_token(&callback, Some(&token)));
        assert_refused(&world, &browser, &answer, code, code);
    }
}

#[test]
fn an_id_token_of_another_sign_in_of_the_same_browser_is_refused() {
    let (mut world, mut browser) = (world(), Browser::default());
    let [first, second] = [(); 2].map(|()| browser.start(&mut world, "/"));
    let swapped = with_token(&first, Some(&second.fields()["id_token"]));
    let answer = browser.ask(&mut world, swapped);
    assert_refused(&world, &browser, &answer, "claim_invalid", "its nonce is of the other");
}

#[test]
fn a_code_that_was_put_in_place_of_the_right_one_is_never_sent() {
    let (mut world, mut browser, mut attacker) = (world(), Browser::default(), Browser::default());
    let callback = browser.start(&mut world, "/");
    world.provider.auto_login(Some("alan"));
    let of_attacker = attacker.start(&mut world, "/");
    let mut fields = callback.fields();
    fields.insert("code".into(), of_attacker.fields()["code"].clone());
    let answer = browser.ask(&mut world, callback.with_fields(&fields));
    assert_refused(&world, &browser, &answer, "claim_invalid", "c_hash is of the other code");
}

#[test]
fn neither_code_nor_id_token_goes_without_the_other() {
    for missing in ["id_token", "code"] {
        let (mut world, mut browser) = (world(), Browser::default());
        let callback = browser.start(&mut world, "/");
        let mut fields = callback.fields();
        fields.remove(missing).unwrap();
        let answer = browser.ask(&mut world, callback.with_fields(&fields));
        assert_refused(&world, &browser, &answer, "malformed_callback", missing);
    }
    let (mut world, mut browser) = (world(), Browser::default());
    let callback = browser.start(&mut world, "/");
    let answer = browser.ask(&mut world, with_token(&callback, Some("")));
    assert_refused(&world, &browser, &answer, "malformed", "an empty one is none");
}

#[test]
fn a_token_that_nobody_asked_for_is_refused() {
    for (config, name) in [
        (config().response_mode(ResponseMode::FormPost), "id_token"),
        (config().response_mode(ResponseMode::FormPost), "access_token"),
        (hybrid(), "access_token"),
    ] {
        let (mut world, mut browser) = (World::with(config), Browser::default());
        let callback = browser.start(&mut world, "/");
        let mut fields = callback.fields();
        fields.insert(name.into(), "a.b.c".into());
        let answer = browser.ask(&mut world, callback.with_fields(&fields));
        assert_refused(&world, &browser, &answer, "malformed_callback", name);
    }
    let (mut world, mut browser) = (World::new(), Browser::default());
    let callback = browser.start(&mut world, "/");
    let target = format!("{}&id_token=a.b.c", callback.target());
    let answer = browser.open(&mut world, &target);
    assert_refused(&world, &browser, &answer, "malformed_callback", "in a query");
}

#[test]
fn the_answer_counts_by_post_alone() {
    let (mut world, mut browser) = (world(), Browser::default());
    let callback = browser.start(&mut world, "/");
    let pairs = callback.fields();
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&pairs).finish();
    let answer = browser.open(&mut world, &format!("/callback?{query}"));
    assert_refused(&world, &browser, &answer, "method_not_allowed", "by GET");
    let bare = Ask::method(Method::POST, &format!("/callback?{query}")).page();
    let answer = browser.ask(&mut world, bare.header("content-type", "text/plain"));
    assert_refused(&world, &browser, &answer, "unsupported_media_type", "no form");
    let twice = callback.clone().at("/callback?id_token=a.b.c");
    let answer = browser.ask(&mut world, twice);
    assert_refused(&world, &browser, &answer, "duplicate_parameter", "in both");
}

/// The token endpoint's ID token has these changes.
fn second_token(world: &mut World, changes: Value) {
    let signer = DevProvider::new(ISSUER);
    let header = header(world);
    world.between = Some(Box::new(move |request, response| {
        if request.uri().path() == "/token" {
            let mut answer: Value = serde_json::from_slice(response.body()).unwrap();
            let claims = merged(claims(answer["id_token"].as_str().unwrap()), changes.clone());
            answer["id_token"] = signer.sign(&header, &claims).into();
            *response.body_mut() = answer.to_string().into_bytes();
        }
    }));
}

#[test]
fn the_second_id_token_must_be_of_the_same_person_and_pass_every_check() {
    for (changes, code) in [
        (json!({ "ignored": 1 }), ""),
        (json!({ "sub": "alan" }), "subject_mismatch"),
        (json!({ "sub": null }), "claim_invalid"),
        (json!({ "nonce": null }), "claim_invalid"),
        (json!({ "nonce": "other" }), "claim_invalid"),
        (json!({ "at_hash": "AAAAAAAAAAAAAAAAAAAAAA" }), "claim_invalid"),
        (json!({ "iss": "https://other.example" }), "claim_invalid"),
        (json!({ "exp": START - 61, "iat": START - 300 }), "expired"),
    ] {
        // Userinfo would tell of another person, too.
        let (mut world, mut browser) = (World::with(hybrid().userinfo(false)), Browser::default());
        second_token(&mut world, changes.clone());
        let answer = browser.sign_in(&mut world);
        assert_eq!(answer.code(), code, "{changes}");
        assert_eq!(browser.has_session(), code.is_empty(), "{changes}");
    }
}

#[test]
fn where_the_token_endpoint_gives_no_id_token_nobody_is_signed_in() {
    let (mut world, mut browser) = (world(), Browser::default());
    world.provider.set_fault(Some(Fault::MissingIdToken));
    assert_eq!(browser.sign_in(&mut world).code(), "id_token_missing");
    assert!(!browser.has_session());
}

#[test]
fn an_error_is_reported_as_ever() {
    let (mut world, mut browser) = (world(), Browser::default());
    world.provider.set_fault(Some(Fault::AccessDenied));
    let answer = browser.sign_in(&mut world);
    assert_eq!((answer.status(), answer.code().as_str()), (403, "provider_error"));
    assert_eq!(world.provider.requests("/token"), 0);
}

#[test]
fn an_iss_that_is_missing_or_wrong_keeps_the_code_from_the_token_endpoint() {
    for (fault, code) in
        [(Fault::IssParamMissing, "issuer_param_missing"), (Fault::IssParamWrong, "issuer_mismatch")]
    {
        let (mut world, mut browser) = (world(), Browser::default());
        world.provider.set_fault(Some(fault));
        let answer = browser.sign_in(&mut world);
        assert_refused(&world, &browser, &answer, code, code);
    }
}

#[test]
fn keys_that_rotated_meanwhile_are_fetched_before_the_code_is_sent() {
    let (mut world, mut browser) = (world(), Browser::default());
    assert_eq!(browser.sign_in(&mut world).status(), 303);
    world.pass(1);
    world.provider.rotate_keys(false);
    world.fetched.clear();
    assert_eq!(Browser::default().sign_in(&mut world).status(), 303);
    assert_eq!(world.fetched, ["keys", "token", "userinfo"]);
}

#[test]
fn without_keys_the_code_is_kept_back() {
    let (mut world, mut browser) = (world(), Browser::default());
    let callback = browser.start(&mut world, "/");
    world.provider.set_fault(Some(Fault::EmptyKeys));
    let answer = browser.ask(&mut world, callback);
    assert_eq!((answer.status(), answer.code().as_str()), (503, "keys_unavailable"));
    assert_refused(&world, &browser, &answer, "keys_unavailable", "no keys");
}

#[test]
fn without_a_guard_the_same_holds() {
    let mut world = world();
    let client = world.client();
    let redirect = world.run(|now| client.begin_login(LoginOptions::default(), now)).unwrap();
    let mut fields = authorize(&mut world, &redirect.url).fields();
    let text = |fields: &support::Form| {
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
    };
    let good = Callback::parse(&text(&fields)).unwrap();
    let shown = format!("{good:?}");
    assert!(fields.values().all(|value| !shown.contains(value)));
    let token = fields["id_token"].clone();
    let forged = merged(claims(&token), json!({ "sub": "alan" }));
    let other = DevProvider::with_seed(ISSUER, 2);
    fields.insert("id_token".into(), other.sign(&header(&world), &forged));
    let bad = Callback::parse(&text(&fields)).unwrap();
    let error = world.run(|now| client.finish_login(redirect.login, bad, now)).unwrap_err();
    assert_eq!((error.code(), world.provider.requests("/token")), ("bad_signature", 0));
    assert!(!error.to_string().contains(&token));

    let redirect = world.run(|now| client.begin_login(LoginOptions::default(), now)).unwrap();
    let fields = authorize(&mut world, &redirect.url).fields();
    let good = Callback::parse(&text(&fields)).unwrap();
    let session = world.run(|now| client.finish_login(redirect.login, good, now)).unwrap();
    assert_eq!(session.sub(), "ada");
}
