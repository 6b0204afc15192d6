//! How the client proves itself: each method at the dev provider, what assertions say, and what never leaves the client.
#![cfg(feature = "rsa")]

mod support;

use std::collections::BTreeSet;
use std::sync::Arc;

use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use http::{Request, Response};
use oidc_core::client_auth::{AssertionAudience, Signer, SigningFailed};
use oidc_core::config::{ClientAuth, ConfigBuilder};
use oidc_core::introspection::TokenHint;
use oidc_core::profile::ProviderProfile;
use oidc_core::time::UnixTime;
use oidc_core::{Config, Error, Guard, LoginOptions, Secret};
use oidc_dev_provider::{AccessTokenRequest, DevClient, DevClientAuth, DevProvider};
use serde_json::{Value, json};

use support::{Ask, Browser, Form, ISSUER, START, World, form};

const SECRET: &str = "s3cr&t +% of thirty-two bytes at least";
const REDIRECT_URI: &str = "https://rp.example/callback";
const ALL: [ClientAuth; 6] = [
    ClientAuth::Basic,
    ClientAuth::Post,
    ClientAuth::SecretJwt,
    ClientAuth::PrivateKeyJwt,
    ClientAuth::Tls,
    ClientAuth::None,
];

/// A key of the client's, which somebody else holds.
struct Key(DevProvider);

impl Key {
    fn new() -> Self {
        Self(DevProvider::with_seed("https://keys.example", 3))
    }
}

impl Signer for Key {
    fn algorithm(&self) -> &'static str {
        "RS256"
    }

    fn key_id(&self) -> Option<&str> {
        Some("client-key")
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningFailed> {
        let text = std::str::from_utf8(message).unwrap();
        let [header, payload] = text.split('.').map(decoded).collect::<Vec<_>>().try_into().unwrap();
        let token = self.0.sign_raw(&header, &payload, "RS256");
        Ok(decoded(token.rsplit('.').next().unwrap()))
    }
}

/// A key or secret that nobody can reach.
struct Locked;

impl Signer for Locked {
    fn algorithm(&self) -> &'static str {
        "RS256"
    }

    fn sign(&self, _: &[u8]) -> Result<Vec<u8>, SigningFailed> {
        Err(SigningFailed("the vault is locked".into()))
    }
}

fn locked(_: UnixTime) -> Result<Secret, SigningFailed> {
    Err(SigningFailed("the vault is locked".into()))
}

fn decoded(text: &str) -> Vec<u8> {
    Base64UrlUnpadded::decode_vec(text).unwrap()
}

/// The public half of [`Key`], under the name that it gives.
fn jwks() -> Value {
    let key = Key::new().0;
    let published = key.jwks();
    let mut current = published["keys"].as_array().unwrap().clone();
    current.retain(|jwk| jwk["kid"] == key.current_kid());
    current[0]["kid"] = json!("client-key");
    json!({ "keys": current })
}

fn settings(auth: ClientAuth) -> ConfigBuilder {
    with_credentials(
        Config::builder(ISSUER, "web", REDIRECT_URI).scopes("openid profile offline_access"),
        auth,
    )
}

fn with_credentials(config: ConfigBuilder, auth: ClientAuth) -> ConfigBuilder {
    let config = config.client_auth(auth);
    match auth {
        ClientAuth::Basic | ClientAuth::Post | ClientAuth::SecretJwt => {
            config.client_secret(Secret::new(SECRET))
        }
        ClientAuth::PrivateKeyJwt => config.signer(Arc::new(Key::new())),
        _ => config,
    }
}

/// A provider that takes this one way from the client, and no other.
fn world(auth: ClientAuth) -> World {
    world_with(settings(auth), auth)
}

fn world_with(config: ConfigBuilder, auth: ClientAuth) -> World {
    let mut world = World::with(config);
    let (by, secret, jwks) = match auth {
        ClientAuth::Basic => (DevClientAuth::Basic, Some(SECRET), None),
        ClientAuth::Post => (DevClientAuth::Post, Some(SECRET), None),
        ClientAuth::SecretJwt => (DevClientAuth::SecretJwt, Some(SECRET), None),
        ClientAuth::PrivateKeyJwt => (DevClientAuth::PrivateKeyJwt, None, Some(jwks())),
        ClientAuth::Tls => (DevClientAuth::Tls, None, None),
        _ => (DevClientAuth::None, None, None),
    };
    world.provider.add_client(DevClient {
        id: "web".into(),
        secret: secret.map(str::to_owned),
        redirect_uris: vec![REDIRECT_URI.into()],
        auth: by,
        jwks,
        ..DevClient::default()
    });
    world.provider.mtls_aliases(auth == ClientAuth::Tls);
    world
}

/// Signs in, refreshes, and asks for tokens of the client's own and about one.
fn do_everything(world: &mut World, auth: ClientAuth) {
    let mut browser = Browser::default();
    let answer = browser.sign_in(world);
    assert_eq!(answer.status(), 303, "{auth:?}: {answer:?}");
    world.pass(3600 - 30);
    let session = browser.open(world, "/").identity.unwrap().session().unwrap().clone();
    assert!(session.access_token(world.now.saturating_add(std::time::Duration::from_secs(60))).is_some());
    let client = world.client();
    let own = world.run(|now| client.client_credentials("read", now));
    if auth == ClientAuth::None {
        assert_eq!(own.unwrap_err().code(), "public_client");
        return;
    }
    let own = own.unwrap();
    let told = world.run(|now| client.introspect(own.access_token(), now)).unwrap().unwrap();
    assert_eq!(told.client_id(), Some("web"));
    world.run(|now| client.revoke(own.access_token(), TokenHint::AccessToken, now)).unwrap();
    assert_eq!(world.run(|now| client.introspect(own.access_token(), now)).unwrap(), None);
}

/// Requests by which the client has proven who it is.
fn proven(world: &World) -> Vec<&Request<Vec<u8>>> {
    world.sent.iter().filter(|request| request.method() == "POST").collect()
}

fn claims(assertion: &str) -> Value {
    serde_json::from_slice(&decoded(assertion.split('.').nth(1).unwrap())).unwrap()
}

fn header(assertion: &str) -> Value {
    serde_json::from_slice(&decoded(assertion.split('.').next().unwrap())).unwrap()
}

fn names(form: &Form) -> BTreeSet<&str> {
    let of_client = ["client_id", "client_secret", "client_assertion", "client_assertion_type"];
    form.keys().map(String::as_str).filter(|name| of_client.contains(name)).collect()
}

/// Every answer of these paths is this one.
fn answer_at(
    world: &mut World,
    path: &'static str,
    status: u16,
    body: impl Fn(&Request<Vec<u8>>) -> Value + Send + 'static,
) {
    world.instead = Some(Box::new(move |request| {
        let answer = Response::builder().status(status).header("content-type", "application/json");
        (request.uri().path() == path)
            .then(|| Ok(answer.body(body(request).to_string().into_bytes()).unwrap()))
    }));
}

#[test]
fn each_method_signs_in_refreshes_and_gets_tokens_of_its_own_and_sends_no_more_than_it_must() {
    for auth in ALL {
        let mut world = world(auth);
        do_everything(&mut world, auth);
        let requests = proven(&world);
        assert_eq!(requests.len(), if auth == ClientAuth::None { 2 } else { 6 }, "{auth:?}");
        for request in requests {
            let (form, authorization) = (form(request), request.headers().get("authorization"));
            let expected: &[&str] = match auth {
                ClientAuth::Basic => &[],
                ClientAuth::Post => &["client_id", "client_secret"],
                ClientAuth::SecretJwt | ClientAuth::PrivateKeyJwt => {
                    &["client_assertion", "client_assertion_type"]
                }
                _ => &["client_id"],
            };
            assert_eq!(names(&form), expected.iter().copied().collect(), "{auth:?}");
            assert_eq!(authorization.is_some(), auth == ClientAuth::Basic);
            assert!(authorization.is_none_or(http::HeaderValue::is_sensitive));
            let sends_secret = String::from_utf8_lossy(request.body()).contains("s3cr");
            assert_eq!(sends_secret, auth == ClientAuth::Post, "{auth:?}");
        }
    }
}

#[test]
fn an_assertion_is_of_this_client_for_this_issuer_once_and_for_a_minute() {
    for (auth, algorithm, kid) in [
        (ClientAuth::SecretJwt, "HS256", Value::Null),
        (ClientAuth::PrivateKeyJwt, "RS256", json!("client-key")),
    ] {
        let mut world = world(auth);
        do_everything(&mut world, auth);
        let mut seen = BTreeSet::new();
        for request in proven(&world) {
            let form = form(request);
            let assertion = &form["client_assertion"];
            assert_eq!(
                form["client_assertion_type"],
                "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
            );
            let header = header(assertion);
            assert_eq!((&header["alg"], &header["kid"]), (&json!(algorithm), &kid));
            let claims = claims(assertion);
            for (name, value) in [("iss", "web"), ("sub", "web"), ("aud", ISSUER)] {
                assert_eq!(claims[name], value, "{name}");
            }
            let issued = claims["iat"].as_u64().unwrap();
            assert!([START, START + 3570].contains(&issued));
            assert_eq!(claims["exp"], issued + 60);
            let jti = claims["jti"].as_str().unwrap().to_owned();
            assert!(jti.len() >= 22, "it cannot be guessed");
            assert!(seen.insert(jti), "each is for one request");
        }
    }
}

#[test]
fn an_assertion_is_for_the_token_endpoint_where_the_profile_says_so() {
    let mut profile = ProviderProfile::standard("old");
    profile = profile.assertion_audience(AssertionAudience::TokenEndpoint);
    let mut world =
        world_with(settings(ClientAuth::PrivateKeyJwt).profile(profile), ClientAuth::PrivateKeyJwt);
    do_everything(&mut world, ClientAuth::PrivateKeyJwt);
    for request in proven(&world) {
        assert_eq!(claims(&form(request)["client_assertion"])["aud"], "https://op.example/token");
    }
}

/// The same key may serve at several providers, one of which calls another's token endpoint its own.
#[test]
fn an_assertion_by_the_name_of_a_token_endpoint_elsewhere_is_sent_to_nobody_else() {
    let evil = ProviderProfile::standard("evil").assertion_audience(AssertionAudience::TokenEndpoint);
    for auth in [ClientAuth::PrivateKeyJwt, ClientAuth::SecretJwt] {
        let config = settings(auth).profile(evil.clone()).pushed_authorization_requests(true);
        let mut world = world_with(config, auth);
        world.between = Some(Box::new(|request, response| {
            if request.uri().path().ends_with("configuration") {
                let mut document: Value = serde_json::from_slice(response.body()).unwrap();
                document["token_endpoint"] = json!("https://honest.example/token");
                *response.body_mut() = document.to_string().into_bytes();
            }
        }));
        let (client, token) = (world.client(), Secret::new("token"));
        let _ = world.run(|now| client.begin_login(LoginOptions::default(), now));
        let _ = world.run(|now| client.introspect(&token, now));
        let _ = world.run(|now| client.revoke(&token, TokenHint::AccessToken, now));
        let _ = world.run(|now| client.client_credentials("", now));
        let asserted = |request: &&Request<Vec<u8>>| request.method() == "POST";
        let told: Vec<_> = world
            .sent
            .iter()
            .filter(asserted)
            .map(|request| {
                let audience = claims(&form(request)["client_assertion"])["aud"].clone();
                (request.uri().to_string(), audience)
            })
            .collect();
        let to = |address: &str, audience: &str| (address.to_owned(), json!(audience));
        assert_eq!(
            told,
            [
                to("https://op.example/par", ISSUER),
                to("https://op.example/introspect", ISSUER),
                to("https://op.example/revoke", ISSUER),
                to("https://honest.example/token", "https://honest.example/token"),
            ]
        );
    }
}

#[test]
fn who_shows_a_certificate_asks_at_the_aliases_and_who_does_not_never_does() {
    for auth in [ClientAuth::Tls, ClientAuth::Basic] {
        let mut world = world(auth);
        world.provider.mtls_aliases(true);
        do_everything(&mut world, auth);
        let paths: BTreeSet<&str> = world.sent.iter().map(|request| request.uri().path()).collect();
        let own: BTreeSet<&str> = ["/.well-known/openid-configuration", "/jwks"].into();
        let asked: BTreeSet<&str> = match auth {
            ClientAuth::Tls => ["/mtls/token", "/mtls/userinfo", "/mtls/introspect", "/mtls/revoke"].into(),
            _ => ["/token", "/userinfo", "/introspect", "/revoke"].into(),
        };
        assert_eq!(paths, own.union(&asked).copied().collect());
    }
}

#[test]
fn who_shows_a_certificate_asks_at_the_usual_places_where_the_provider_has_no_others() {
    let mut world = world(ClientAuth::Tls);
    world.provider.mtls_aliases(false);
    let client = world.client();
    assert!(world.run(|now| client.client_credentials("", now)).is_err(), "the provider wants the alias");
    assert_eq!(world.sent.last().unwrap().uri().path(), "/token");
}

#[test]
fn aliases_that_are_no_object_of_good_addresses_harm_only_those_who_need_them() {
    let changed = |auth, aliases: Value| {
        let mut world = world(auth);
        world.between = Some(Box::new(move |request, response| {
            if request.uri().path().ends_with("configuration") {
                let mut document: Value = serde_json::from_slice(response.body()).unwrap();
                document["mtls_endpoint_aliases"] = aliases.clone();
                *response.body_mut() = document.to_string().into_bytes();
            }
        }));
        let client = world.client();
        world.run(|now| client.client_credentials("", now)).map_err(|error| error.code())
    };
    for (aliases, code) in [
        (json!([]), "provider_malformed"),
        (json!("x"), "provider_malformed"),
        (json!({ "token_endpoint": 7 }), "provider_malformed"),
        (json!({ "token_endpoint": "http://op.example/mtls/token" }), "provider_insecure"),
    ] {
        assert_eq!(changed(ClientAuth::Tls, aliases.clone()).unwrap_err(), code, "{aliases}");
        assert!(changed(ClientAuth::Basic, aliases).is_ok());
    }
    // Browsers go there, and keys are public: no certificate is shown, and what is said of it does not count.
    let useless = json!({ "authorization_endpoint": 7, "jwks_uri": 7, "end_session_endpoint": 7 });
    assert_eq!(changed(ClientAuth::Tls, useless).unwrap_err(), "provider_error", "the usual token endpoint");
}

#[test]
fn where_the_key_or_secret_is_out_of_reach_nothing_is_sent() {
    let by_key = || Config::builder(ISSUER, "web", REDIRECT_URI).signer(Arc::new(Locked));
    let by_secret = |auth| {
        Config::builder(ISSUER, "web", REDIRECT_URI).client_auth(auth).client_secret_from(Arc::new(locked))
    };
    let all = [
        by_key(),
        by_secret(ClientAuth::Basic),
        by_secret(ClientAuth::Post),
        by_secret(ClientAuth::SecretJwt),
    ];
    for config in all {
        let (mut world, mut browser) = (World::with(config), Browser::default());
        let answer = browser.sign_in(&mut world);
        assert_eq!((answer.status(), answer.code().as_str()), (500, "signing_failed"));
        assert!(!answer.body.contains("vault"), "it is nobody's business out there");
        let client = world.client();
        let error = world.run(|now| client.client_credentials("read", now)).unwrap_err();
        assert!(error.to_string().contains("the vault is locked"), "{error}");
        let token = Secret::new("opaque");
        let asked = world.run(|now| client.introspect(&token, now)).unwrap_err();
        let revoked = world.run(|now| client.revoke(&token, TokenHint::AccessToken, now)).unwrap_err();
        assert_eq!((asked.code(), revoked.code()), ("signing_failed", "signing_failed"));
        assert!(proven(&world).is_empty());
    }
}

#[test]
fn a_secret_that_changes_is_asked_for_each_time() {
    let source = |now: UnixTime| Ok(Secret::new(format!("{SECRET} {}", now.as_secs())));
    let config = Config::builder(ISSUER, "web", REDIRECT_URI).client_secret_from(Arc::new(source));
    let mut world = World::with(config);
    for _ in 0..2 {
        let secret = format!("{SECRET} {}", world.now.as_secs());
        world.provider.add_client(DevClient::confidential("web", &secret));
        let client = world.client();
        assert!(world.run(|now| client.client_credentials("read", now)).is_ok());
        world.pass(3600);
    }
}

#[test]
fn what_proves_the_client_is_in_no_error_though_the_provider_repeats_it() {
    let form_encoded = url::form_urlencoded::byte_serialize(SECRET.as_bytes()).collect::<String>();
    let basic = Base64::encode_string(format!("web:{form_encoded}").as_bytes());
    for auth in [ClientAuth::Basic, ClientAuth::Post, ClientAuth::SecretJwt, ClientAuth::PrivateKeyJwt] {
        for proof in ["authorization", "client_secret", "client_assertion"] {
            let mut world = world(auth);
            answer_at(&mut world, "/token", 400, move |request| {
                let header = request.headers().get(proof).map(|value| value.to_str().unwrap().to_owned());
                let repeated = form(request).remove(proof).or(header).unwrap_or_default();
                json!({ "error": repeated, "error_description": format!("what is {repeated}?") })
            });
            let client = world.client();
            let error = world.run(|now| client.client_credentials("", now)).unwrap_err();
            let shown = format!("{error} {error:?}");
            let sent = form(proven(&world)[0]);
            let assertion = sent.get("client_assertion").map(|text| text[..20].to_owned());
            let secrets = [Some(SECRET.to_owned()), Some(basic.clone()), assertion];
            for secret in secrets.into_iter().flatten() {
                assert!(!shown.contains(&secret), "{auth:?}: {shown}");
            }
        }
    }
}

#[test]
fn a_secret_that_comes_back_as_it_was_encoded_is_in_no_error_either() {
    let form_encoded: String = url::form_urlencoded::byte_serialize(SECRET.as_bytes()).collect();
    for auth in [ClientAuth::Basic, ClientAuth::Post] {
        let mut world = world(auth);
        let repeated = form_encoded.clone();
        answer_at(
            &mut world,
            "/token",
            400,
            move |_| json!({ "error": "invalid_request", "error_description": format!("no {repeated}") }),
        );
        let client = world.client();
        let error = world.run(|now| client.client_credentials("", now)).unwrap_err();
        assert!(!error.to_string().contains(&form_encoded), "{error}");
    }
}

/// The provider's metadata says that it takes these ways only.
fn offering(mut world: World, methods: &'static [&'static str]) -> World {
    world.between = Some(Box::new(move |request, response| {
        if request.uri().path().ends_with("configuration") {
            let mut document: Value = serde_json::from_slice(response.body()).unwrap();
            document["token_endpoint_auth_methods_supported"] = json!(methods);
            *response.body_mut() = document.to_string().into_bytes();
        }
    }));
    world
}

#[test]
fn a_client_that_is_refused_learns_which_ways_there_are_if_its_own_is_none() {
    let refused = |auth, offered| {
        let mut world = offering(world(auth), offered);
        world.provider.add_client(DevClient::confidential("web", "another"));
        let client = world.client();
        world.run(|now| client.client_credentials("", now)).unwrap_err().to_string()
    };
    let told = refused(ClientAuth::Basic, &["private_key_jwt", "tls_client_auth"]);
    for part in ["invalid_client", "private_key_jwt tls_client_auth", "client_secret_basic"] {
        assert!(told.contains(part), "{told}");
    }
    let told = refused(ClientAuth::Basic, &["client_secret_basic", "private_key_jwt"]);
    assert!(!told.contains("private_key_jwt"), "that is not what is wrong: {told}");
    let told = refused(ClientAuth::Tls, &["self_signed_tls_client_auth"]);
    assert!(!told.contains("self_signed_tls_client_auth"), "it is one of those: {told}");
}

#[test]
fn a_client_that_is_refused_costs_nobody_their_session() {
    for offered in [["client_secret_basic"].as_slice(), &["private_key_jwt"]] {
        let (mut world, mut browser) = (offering(world(ClientAuth::Basic), offered), Browser::default());
        assert_eq!(browser.sign_in(&mut world).status(), 303);
        world.provider.add_client(DevClient::confidential("web", "another"));
        world.pass(3600 - 30);
        assert_eq!(browser.open(&mut world, "/").sub(), Some("ada"), "{offered:?}");
        assert_eq!(world.fetched.iter().filter(|purpose| **purpose == "token").count(), 2);
    }
}

#[test]
fn it_is_told_at_which_endpoint_the_client_was_refused() {
    let mut world = offering(world(ClientAuth::Basic), &["private_key_jwt"]);
    world.provider.add_client(DevClient::confidential("web", "another"));
    let (client, token) = (world.client(), Secret::new("opaque"));
    let told = |error: Error| error.to_string();
    for (error, endpoint) in [
        (told(world.run(|now| client.client_credentials("", now)).unwrap_err()), "token: "),
        (told(world.run(|now| client.introspect(&token, now)).unwrap_err()), "introspection: "),
        (
            told(world.run(|now| client.revoke(&token, TokenHint::AccessToken, now)).unwrap_err()),
            "revocation: ",
        ),
    ] {
        assert!(error.starts_with(endpoint) && error.contains("private_key_jwt"), "{error}");
    }
}

#[test]
fn a_resource_server_with_a_client_asks_for_tokens_and_about_them_and_signs_nobody_in() {
    for auth in ALL.into_iter().filter(|auth| *auth != ClientAuth::None) {
        let config = with_credentials(Config::resource_server(ISSUER, "api").client_id("web"), auth);
        let mut world = world_with(config, auth);
        let client = world.client();
        assert!(world.run(|now| client.client_credentials("read", now)).is_ok(), "{auth:?}");
        let request = AccessTokenRequest { audience: "api".into(), ..AccessTokenRequest::default() };
        let token = world.provider.access_token(request, START);
        assert_eq!(world.bearer(&token).sub(), Some("ada"));
        let told = world.run(|now| client.introspect(&Secret::new(&token), now)).unwrap().unwrap();
        assert_eq!(told.sub(), Some("ada"));
        let begun = world.run(|now| client.begin_login(LoginOptions::default(), now));
        assert_eq!(begun.unwrap_err().code(), "no_client");
        for target in ["/login", "/callback?code=c&state=s", "/logged-out"] {
            let answer = world.ask(Ask::get(target).page());
            assert!(answer.status.is_none() && answer.identity.is_none(), "{target} is the application's");
        }
        let page = world.ask(Ask::get("/profile").page().required());
        assert_eq!((page.status(), page.code().as_str()), (401, "no_credentials"));
    }
}

#[test]
fn settings_that_contradict_each_other_end_the_start() {
    let web = || Config::builder(ISSUER, "web", REDIRECT_URI);
    let secret = || Secret::new(SECRET);
    let key = || Arc::new(Key::new());
    let source = || Arc::new(|_: UnixTime| Ok(Secret::new(SECRET)));
    let wrong = [
        (web().client_secret(secret()).signer(key()), "client_auth", "never be used"),
        (web().client_secret_from(source()).signer(key()), "client_auth", "never be used"),
        (web().client_secret(secret()).client_secret_from(source()), "client_secret", "source of it"),
        (web().client_secret(Secret::new("")), "client_secret", "empty"),
        (web().client_auth(ClientAuth::None).client_secret(secret()), "client_auth", "never be used"),
        (web().client_auth(ClientAuth::Tls).client_secret(secret()), "client_auth", "never be used"),
        (
            web().client_auth(ClientAuth::PrivateKeyJwt).client_secret(secret()),
            "client_auth",
            "never be used",
        ),
        (
            web().client_auth(ClientAuth::PrivateKeyJwt).client_secret(secret()).signer(key()),
            "client_auth",
            "never be used",
        ),
        (web().client_auth(ClientAuth::None).signer(key()), "client_auth", "never be used"),
        (web().client_auth(ClientAuth::Tls).signer(key()), "client_auth", "never be used"),
        (web().client_auth(ClientAuth::Basic).signer(key()), "client_auth", "never be used"),
        (web().client_auth(ClientAuth::SecretJwt).signer(key()), "client_auth", "never be used"),
        (web().client_auth(ClientAuth::PrivateKeyJwt), "client_auth", "no key"),
        (web().client_auth(ClientAuth::Basic), "client_secret", "required"),
        (web().client_auth(ClientAuth::SecretJwt), "client_secret", "required"),
        (
            web()
                .client_auth(ClientAuth::SecretJwt)
                .client_secret(Secret::new("thirty-one bytes, one too few..")),
            "client_secret",
            "fewer than 32 bytes",
        ),
        (
            web()
                .profile(ProviderProfile::standard("by JWT").client_auth(ClientAuth::SecretJwt))
                .client_secret(Secret::new("thirty-one bytes, one too few..")),
            "client_secret",
            "fewer than 32 bytes",
        ),
        (web().client_id(""), "client_id", "empty"),
        (Config::resource_server(ISSUER, "api").client_secret(secret()), "client_id", "missing"),
        (Config::resource_server(ISSUER, "api").client_secret_from(source()), "client_id", "missing"),
        (Config::resource_server(ISSUER, "api").signer(key()), "client_id", "missing"),
    ];
    for (at, (config, setting, part)) in wrong.into_iter().enumerate() {
        let error = config.build().expect_err(&format!("row {at}"));
        assert_eq!(error.setting(), setting, "row {at}: {error}");
        assert!(error.to_string().contains(part), "row {at}: {error}");
        assert!(!error.to_string().contains(SECRET));
    }
}

#[test]
fn without_a_word_about_it_a_secret_goes_by_basic_a_key_by_assertion_and_nothing_by_none() {
    let key: Arc<dyn Signer> = Arc::new(Key::new());
    let web = || Config::builder(ISSUER, "web", REDIRECT_URI);
    for (config, auth) in [
        (web().client_secret(Secret::new(SECRET)), ClientAuth::Basic),
        (web().signer(key), ClientAuth::PrivateKeyJwt),
        (web(), ClientAuth::None),
    ] {
        let (mut world, mut browser) = (world_with(config, auth), Browser::default());
        assert_eq!(browser.sign_in(&mut world).status(), 303, "{auth:?}");
    }
}

#[test]
fn neither_settings_nor_guard_show_what_proves_the_client() {
    for auth in ALL {
        let config = settings(auth);
        let shown = format!("{config:?}");
        let built = config.build().unwrap();
        let guard =
            Guard::new(oidc_core::Client::new(built.clone(), Arc::new(support::Seeded::new()))).unwrap();
        let shown = format!("{shown} {built:?} {guard:?}");
        assert!(!shown.contains("s3cr"), "{shown}");
    }
}
