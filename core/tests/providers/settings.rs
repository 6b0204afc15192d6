//! Each setting of a profile by itself: what it changes, and which setting of the application's goes before it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use base64ct::{Base64UrlUnpadded, Encoding};
use oidc_core::client_auth::{AssertionAudience, SignedSecret, Signer, SigningFailed};
use oidc_core::config::{ClientAuth, Config, ResponseMode};
use oidc_core::error::TokenError;
use oidc_core::profile::{Endpoint, IssuerPolicy, Logout, NoncePolicy, ProviderProfile};
use oidc_core::time::UnixTime;
use oidc_core::token::AccessToken;
use oidc_core::{LoginOptions, Secret};
use serde_json::{Value, json};

use crate::scene::{Scene, parameters};
use crate::support::{ORIGIN, START};
use crate::table::TENANT;

fn own() -> ProviderProfile {
    ProviderProfile::standard("own").bearer(&[AccessToken::Jwt])
}

/// What an authorization request says.
fn asked(scene: &mut Scene, options: LoginOptions) -> BTreeMap<String, String> {
    parameters(scene.begin(options).unwrap().url.query_pairs())
}

/// What the token endpoint was sent last, and by which authentication.
fn redeemed(scene: &Scene) -> (BTreeMap<String, String>, &'static str) {
    scene.idp(|idp| idp.redeemed.last().unwrap().clone())
}

fn config_without_secret() -> oidc_core::config::ConfigBuilder {
    Config::builder("https://appleid.apple.com", "web", &format!("{ORIGIN}/callback"))
}

#[test]
fn metadata_may_be_elsewhere_and_the_applications_own_address_goes_first() {
    let (elsewhere, another) = ("https://meta.example/okta.json", "https://another.example/okta.json");
    for (at, taken) in [(elsewhere, true), (another, false)] {
        let mut scene = Scene::new("okta", own().metadata_url(elsewhere));
        scene.idp(|idp| idp.metadata_at = at.into());
        assert_eq!(scene.sign_in().is_ok(), taken, "{at}");
    }
    let mut scene =
        Scene::with("okta", |config| config.metadata_url(another).profile(own().metadata_url(elsewhere)));
    scene.idp(|idp| idp.metadata_at = another.into());
    assert!(scene.sign_in().is_ok());
}

#[test]
fn metadata_may_call_its_issuer_by_one_other_name() {
    for (found, taken) in
        [("https://internal.example", true), ("https://dev-1234.okta.com/oauth2/default", false)]
    {
        let mut scene = Scene::new("okta", own().metadata_issuer("https://internal.example"));
        scene.change(|fixture| fixture["metadata"]["issuer"] = json!(found));
        assert_eq!(scene.sign_in().is_ok(), taken, "{found}");
    }
}

#[test]
fn access_tokens_may_have_an_issuer_that_id_tokens_may_not() {
    let trust = "http://internal.example/trust";
    let profile = || own().access_token_issuers(IssuerPolicy::OneOf(vec![trust.into()]));
    let mut scene = Scene::new("okta", profile());
    assert_eq!(scene.token_error("access_token"), TokenError::ClaimInvalid("iss"), "the issuer is not named");
    scene.claims("access_token", json!({ "iss": trust }));
    assert!(scene.judge("access_token").is_ok());
    assert!(scene.sign_in().is_ok());
    scene.claims("id_token", json!({ "iss": trust }));
    assert_eq!(scene.sign_in_error(), "ID token: claim `iss` is not acceptable");
}

#[test]
fn another_claim_may_name_the_audience_in_place_of_aud() {
    let profile = ProviderProfile::keycloak().audience_claim("azp");
    let mut scene = Scene::with("keycloak", |config| config.audience("web").profile(profile));
    for (changes, expected) in [
        (json!({ "aud": "account" }), Ok(())),
        (json!({ "aud": null }), Ok(())),
        (json!({ "aud": "web", "azp": "another" }), Err(TokenError::ClaimInvalid("azp"))),
        (json!({ "azp": ["web"] }), Err(TokenError::ClaimInvalid("azp"))),
        (json!({ "azp": null }), Err(TokenError::ClaimMissing("azp"))),
    ] {
        scene.claims("access_token", changes.clone());
        assert_eq!(scene.judge("access_token").map(drop), expected, "{changes}");
    }
}

#[test]
fn access_tokens_must_carry_every_claim_that_is_asked_of_them() {
    let profile = own().access_token_claim("cid", "web").access_token_claim("uid", "00u1abcd");
    let mut scene = Scene::new("okta", profile);
    assert!(scene.judge("access_token").is_ok());
    for (changes, expected) in [
        (json!({ "cid": "another" }), TokenError::ClaimInvalid("cid")),
        (json!({ "cid": "web", "uid": null }), TokenError::ClaimMissing("uid")),
        (json!({ "uid": 1 }), TokenError::ClaimInvalid("uid")),
    ] {
        scene.claims("access_token", changes.clone());
        assert_eq!(scene.token_error("access_token"), expected, "{changes}");
    }
    assert!(scene.sign_in().is_ok(), "nothing is asked of ID tokens");
}

#[test]
fn a_profile_says_how_a_secret_is_sent_and_the_application_goes_first() {
    let post = || own().client_auth(ClientAuth::Post);
    let mut scene = Scene::new("okta", post());
    scene.sign_in().unwrap();
    let (sent, method) = redeemed(&scene);
    assert_eq!(
        (method, sent["client_id"].as_str(), sent["client_secret"].as_str()),
        ("client_secret_post", "web", "s3cr&t +%")
    );
    let mut scene = Scene::with("okta", |config| config.client_auth(ClientAuth::Basic).profile(post()));
    scene.sign_in().unwrap();
    assert_eq!(redeemed(&scene).1, "client_secret_basic");
    let issuer = "https://dev-1234.okta.com/oauth2/default";
    let public = Config::builder(issuer, "web", &format!("{ORIGIN}/callback"));
    let mut scene = Scene::with("okta", |_| public.profile(post()));
    scene.sign_in().unwrap();
    assert_eq!(redeemed(&scene).1, "none", "there is no secret to send");
}

#[test]
fn a_profile_adds_to_authorization_requests_and_a_sign_ins_own_prompt_goes_first() {
    let profile =
        own().authorize_parameter("audience", "https://api.example").authorize_parameter("prompt", "consent");
    let mut scene = Scene::new("auth0", profile);
    let sent = asked(&mut scene, LoginOptions::default());
    assert_eq!((sent["audience"].as_str(), sent["prompt"].as_str()), ("https://api.example", "consent"));
    let sent = asked(&mut scene, LoginOptions { prompt: Some("none".into()), ..LoginOptions::default() });
    assert_eq!((sent["audience"].as_str(), sent["prompt"].as_str()), ("https://api.example", "none"));
}

#[test]
fn a_profile_adds_to_token_requests() {
    let mut scene = Scene::new("adfs", own().token_parameter("resource", "urn:api & more"));
    scene.sign_in().unwrap();
    let (sent, _) = redeemed(&scene);
    assert_eq!(sent["resource"], "urn:api & more");
    assert_eq!(sent["grant_type"], "authorization_code");
    let shown = format!("{:?}", own().token_parameter("registration_secret", "hidden"));
    assert!(
        shown.contains("registration_secret") && !shown.contains("hidden"),
        "it may be a secret: {shown}"
    );
}

#[test]
fn endpoints_may_be_elsewhere_than_the_metadata_says() {
    let overrides = [
        (Endpoint::Token, "https://other.example/token"),
        (Endpoint::Keys, "https://other.example/keys"),
        (Endpoint::Userinfo, "https://other.example/userinfo"),
    ];
    for (endpoint, url) in overrides {
        let mut scene =
            Scene::new("okta", own().endpoint(endpoint, "https://nobody.example/").endpoint(endpoint, url));
        scene.idp(|idp| idp.moved.insert(endpoint.name(), url.to_owned()));
        scene.browser_signs_in();
        let identity = scene.browser.open(&mut scene.world, "/").identity;
        assert_eq!(
            identity.unwrap().claims().get::<String>("zoneinfo").as_deref(),
            Some("America/Los_Angeles"),
            "{url}"
        );
    }
    let profile = own()
        .endpoint(Endpoint::Authorization, "https://other.example/authorize?p=1")
        .endpoint(Endpoint::EndSession, "https://other.example/end");
    let mut scene = Scene::new("okta", profile);
    let url = scene.begin(LoginOptions::default()).unwrap().url;
    assert!(url.as_str().starts_with("https://other.example/authorize?p=1&response_type=code&"), "{url}");
    scene.browser_signs_in();
    assert_eq!(scene.browser_signs_out().host_str(), Some("other.example"));
}

#[test]
fn keys_may_be_elsewhere_although_the_metadata_names_none() {
    let url = "https://keys.example/jwks";
    let mut scene =
        Scene::resource_server("kubernetes", ProviderProfile::kubernetes().endpoint(Endpoint::Keys, url));
    scene.change(|fixture| fixture["metadata"]["jwks_uri"] = Value::Null);
    scene.idp(|idp| idp.moved.insert("jwks_uri", url.to_owned()));
    assert!(scene.judge("access_token").is_ok());
}

#[test]
fn the_response_mode_and_the_scopes_are_the_profiles_unless_the_application_has_its_own() {
    let profile = || own().response_mode(ResponseMode::FormPost).scopes("openid groups");
    let sent = asked(&mut Scene::new("okta", profile()), LoginOptions::default());
    assert_eq!((sent["response_mode"].as_str(), sent["scope"].as_str()), ("form_post", "openid groups"));
    let mut scene = Scene::with("okta", |config| {
        config.response_mode(ResponseMode::Query).scopes("openid").profile(profile())
    });
    let sent = asked(&mut scene, LoginOptions::default());
    assert_eq!((sent.get("response_mode"), sent["scope"].as_str()), (None, "openid"));
}

#[test]
fn userinfo_is_not_asked_where_it_is_of_no_use() {
    for asked in [true, false] {
        let mut scene = Scene::new("okta", own().userinfo(asked));
        assert_eq!(scene.browser_signs_in().status(), 303);
        assert_eq!(scene.world.fetched.contains(&"userinfo"), asked);
    }
}

#[test]
fn a_sign_out_stays_here_or_leads_to_an_address_of_the_providers_own() {
    let mut scene = Scene::new("okta", own().logout(Logout::Local));
    scene.browser_signs_in();
    assert_eq!(scene.browser_signs_out().as_str(), "https://rp.example/logged-out");
    let url = "https://other.example/out?federated=1".to_owned();
    let profile =
        own().logout(Logout::Address { url, client_id_parameter: "app", return_to_parameter: "back" });
    let mut scene = Scene::new("okta", profile);
    scene.browser_signs_in();
    assert_eq!(
        scene.browser_signs_out().as_str(),
        "https://other.example/out?federated=1&app=web&back=https%3A%2F%2Frp.example%2Flogged-out"
    );
}

#[test]
fn booleans_that_are_strings_are_read_where_the_profile_says_so() {
    for (fixture, profile) in [("apple", ProviderProfile::apple()), ("linkedin", ProviderProfile::linkedin())]
    {
        let session = Scene::new(fixture, profile.clone()).sign_in().unwrap();
        assert_eq!(session.claims().email_verified(), Some(true), "{fixture}");
        let session = Scene::new(fixture, profile.lenient_booleans(false)).sign_in().unwrap();
        assert_eq!(session.claims().email_verified(), None, "{fixture}");
    }
    for (said, lenient, read) in [
        (json!("true"), true, Some(true)),
        (json!("false"), true, Some(false)),
        (json!(true), true, Some(true)),
        (json!("True"), true, None),
        (json!("1"), true, None),
        (json!(1), true, None),
        (json!("true"), false, None),
    ] {
        let mut scene = Scene::new("cognito", own().lenient_booleans(lenient));
        scene.claims("id_token", json!({ "email_verified": null }));
        scene.change(|fixture| fixture["userinfo"]["email_verified"] = said.clone());
        scene.browser_signs_in();
        let identity = scene.browser.open(&mut scene.world, "/").identity.unwrap();
        assert_eq!(identity.claims().email_verified(), read, "{said} {lenient}");
    }
}

#[test]
fn what_a_profile_goes_without_is_not_sent() {
    let every = |sent: &BTreeMap<String, String>| {
        ["nonce", "code_challenge", "code_challenge_method"].map(|name| sent.contains_key(name))
    };
    for (profile, expected, verifier) in [
        (own(), [true, true, true], true),
        (own().nonce(NoncePolicy::IfPresent), [true, true, true], true),
        (own().nonce(NoncePolicy::Off), [false, true, true], true),
        (own().pkce(false), [true, false, false], false),
    ] {
        let mut scene = Scene::new("okta", profile);
        assert_eq!(every(&asked(&mut scene, LoginOptions::default())), expected);
        scene.sign_in().unwrap();
        assert_eq!(redeemed(&scene).0.contains_key("code_verifier"), verifier);
    }
}

#[test]
fn a_secret_may_change_and_is_asked_for_at_each_request() {
    let source = |now: UnixTime| Ok(Secret::new(format!("secret-at-{}", now.as_secs())));
    let mut scene = Scene::with("apple", |_| {
        config_without_secret().client_secret_from(Arc::new(source)).profile(ProviderProfile::apple())
    });
    for seconds in [0, 60] {
        scene.world.pass(seconds);
        scene.sign_in().unwrap();
        assert_eq!(redeemed(&scene).0["client_secret"], format!("secret-at-{}", START + seconds));
    }
    let failing = |_: UnixTime| Err(SigningFailed("the KMS is away".into()));
    let mut scene = Scene::with("apple", |_| {
        config_without_secret().client_secret_from(Arc::new(failing)).profile(ProviderProfile::apple())
    });
    assert!(scene.sign_in_error().contains("the KMS is away"));
}

/// A key that remembers what it has signed.
#[derive(Default)]
struct Recorder(Mutex<Vec<Vec<u8>>>);

impl Signer for Recorder {
    fn algorithm(&self) -> &str {
        "ES256"
    }

    fn key_id(&self) -> Option<&str> {
        Some("KEY1234567")
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningFailed> {
        self.0.lock().unwrap().push(message.to_vec());
        Ok(vec![7; 64])
    }
}

impl Recorder {
    /// All of it, which is one token's header and payload.
    fn signed(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().concat()).unwrap()
    }
}

fn parts(signed: &str) -> Vec<Value> {
    let decoded = signed.split('.').map(|part| Base64UrlUnpadded::decode_vec(part).unwrap());
    decoded.map(|part| serde_json::from_slice(&part).unwrap()).collect()
}

#[test]
fn assertions_are_for_the_token_endpoint_where_the_provider_wants_it_so() {
    let entra = "https://login.microsoftonline.com/common";
    for (profile, audience) in [
        (ProviderProfile::entra(&[TENANT]), format!("{entra}/oauth2/v2.0/token")),
        (
            ProviderProfile::entra(&[TENANT]).assertion_audience(AssertionAudience::Issuer),
            format!("{entra}/v2.0"),
        ),
    ] {
        let key = Arc::new(Recorder::default());
        let signer: Arc<dyn Signer> = Arc::clone(&key) as _;
        let application = Config::builder(&format!("{entra}/v2.0"), "web", &format!("{ORIGIN}/callback"));
        let mut scene = Scene::with("entra_common", |_| application.signer(signer).profile(profile));
        scene.sign_in().unwrap();
        assert_eq!(redeemed(&scene).1, "private_key_jwt");
        assert_eq!(parts(&key.signed())[1]["aud"], audience);
    }
}

#[test]
fn apples_secret_is_a_token_of_the_teams() {
    let key = Arc::new(Recorder::default());
    let signer: Arc<dyn Signer> = Arc::clone(&key) as _;
    let mut scene = Scene::with("apple", |_| {
        let secret = SignedSecret::apple("TEAM123456", "web", signer);
        config_without_secret().client_secret_from(Arc::new(secret)).profile(ProviderProfile::apple())
    });
    scene.sign_in().unwrap();
    let (sent, method) = redeemed(&scene);
    assert_eq!((method, sent["client_id"].as_str()), ("client_secret_post", "web"));
    let signed = key.signed();
    assert_eq!(sent["client_secret"], format!("{signed}.{}", Base64UrlUnpadded::encode_string(&[7; 64])));
    let parts = parts(&signed);
    assert_eq!(parts[0], json!({ "alg": "ES256", "kid": "KEY1234567", "typ": "JWT" }));
    assert_eq!(
        parts[1],
        json!({ "iss": "TEAM123456", "sub": "web", "aud": "https://appleid.apple.com", "iat": START, "exp": START + 60 })
    );
}

#[test]
fn apple_tells_the_name_beside_the_code() {
    let mut scene = Scene::new("apple", ProviderProfile::apple());
    let url = scene.begin(LoginOptions::default()).unwrap().url;
    let callback = oidc_core::Callback::parse(&scene.callback(&url)).unwrap();
    let user: Value = serde_json::from_str(callback.parameter("user").unwrap()).unwrap();
    assert_eq!(user["name"]["firstName"], "Ada");
}
