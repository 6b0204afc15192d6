//! A provider as its fixture describes it, at the addresses that it has in the world, and an application that meets it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use base64ct::{Base64UrlUnpadded, Encoding};
use http::{Method, Request, Response};
use oidc_core::config::ConfigBuilder;
use oidc_core::error::TokenError;
use oidc_core::login::Redirect;
use oidc_core::profile::ProviderProfile;
use oidc_core::step::{FetchError, FetchResult};
use oidc_core::{Callback, Claims, Config, Error, LoginOptions, Session};
use oidc_dev_provider::DevProvider;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use url::{Url, form_urlencoded};

use crate::support::{Answer, Ask, Browser, ORIGIN, START, World, config_for};

const FIXTURES: [(&str, &str); 16] = [
    ("adfs", include_str!("adfs.json")),
    ("apple", include_str!("apple.json")),
    ("auth0", include_str!("auth0.json")),
    ("authentik", include_str!("authentik.json")),
    ("cognito", include_str!("cognito.json")),
    ("dex", include_str!("dex.json")),
    ("entra_common", include_str!("entra_common.json")),
    ("entra_tenant", include_str!("entra_tenant.json")),
    ("github_actions", include_str!("github_actions.json")),
    ("google", include_str!("google.json")),
    ("keycloak", include_str!("keycloak.json")),
    ("kubernetes", include_str!("kubernetes.json")),
    ("linkedin", include_str!("linkedin.json")),
    ("okta", include_str!("okta.json")),
    ("ping", include_str!("ping.json")),
    ("salesforce", include_str!("salesforce.json")),
];

/// The fixture of this name: times in it are seconds from the start, `{…}` stands for what is known only later.
pub(crate) fn fixture(name: &str) -> Value {
    let (_, text) = FIXTURES.iter().find(|(known, _)| *known == name).expect("there is a fixture");
    serde_json::from_str(text).unwrap()
}

pub(crate) fn parameters(pairs: form_urlencoded::Parse<'_>) -> BTreeMap<String, String> {
    let pairs: Vec<_> = pairs.into_owned().collect();
    let map: BTreeMap<_, _> = pairs.iter().cloned().collect();
    assert_eq!(map.len(), pairs.len(), "each parameter stands once");
    map
}

/// What answers in the provider's place.
pub(crate) struct Idp {
    pub(crate) fixture: Value,
    /// Where the metadata is.
    pub(crate) metadata_at: String,
    /// Endpoints that are elsewhere than the metadata says.
    pub(crate) moved: BTreeMap<&'static str, String>,
    /// The nonce of the authorization request, for the ID token to repeat.
    pub(crate) nonce: Option<String>,
    /// What the token endpoint was sent, and by which authentication.
    pub(crate) redeemed: Vec<(BTreeMap<String, String>, &'static str)>,
    provider: DevProvider,
}

impl Idp {
    fn new(name: &str) -> Self {
        let fixture = fixture(name);
        let issuer = fixture["issuer"].as_str().unwrap();
        let metadata_at = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let provider = DevProvider::new(issuer);
        let moved = BTreeMap::new();
        Self { fixture, metadata_at, moved, nonce: None, redeemed: Vec::new(), provider }
    }

    fn is(&self, endpoint: &'static str, url: &str) -> bool {
        let named = self.fixture["metadata"][endpoint].as_str();
        self.moved.get(endpoint).map(String::as_str).or(named) == Some(url)
    }

    fn answer(&mut self, request: &Request<Vec<u8>>) -> FetchResult {
        let url = request.uri().to_string();
        if url == self.metadata_at {
            return answer(200, "application/json;charset=utf-8", &self.fixture["metadata"]);
        }
        if self.is("jwks_uri", &url) {
            let keys = match self.fixture["keys"].as_array() {
                Some(_) => json!({ "keys": self.filled(&self.fixture["keys"]) }),
                None => self.fixture["keys"].clone(),
            };
            let kind = self.fixture["keys_type"].as_str().unwrap_or("application/json");
            return answer(200, kind, &keys);
        }
        if self.is("token_endpoint", &url) {
            return self.redeem(request);
        }
        if self.is("userinfo_endpoint", &url) {
            let bearer = format!("Bearer {}", self.access_token());
            assert_eq!(request.headers()["authorization"], bearer);
            return answer(200, "application/json", &self.fixture["userinfo"]);
        }
        Err(FetchError::Failed(format!("nobody is at {url}")))
    }

    fn redeem(&mut self, request: &Request<Vec<u8>>) -> FetchResult {
        let sent = parameters(form_urlencoded::parse(request.body()));
        let method = match sent.contains_key("client_secret") {
            true => "client_secret_post",
            false if sent.contains_key("client_assertion") => "private_key_jwt",
            false if request.headers().contains_key("authorization") => "client_secret_basic",
            false => "none",
        };
        let lists =
            [&self.fixture["takes"], &self.fixture["metadata"]["token_endpoint_auth_methods_supported"]];
        let takes = lists.iter().find_map(|list| list.as_array());
        let refused = self.fixture["refuses"].as_str().is_some_and(|name| sent.contains_key(name));
        let taken = takes.is_none_or(|takes| takes.contains(&json!(method))) && !refused;
        self.redeemed.push((sent, method));
        if !taken {
            return answer(401, "application/json", &json!({ "error": "invalid_client" }));
        }
        let mut response = self.fixture["token_response"].clone();
        response["access_token"] = json!(self.access_token());
        response["id_token"] = json!(self.signed("id_token"));
        answer(200, "application/json", &response)
    }

    pub(crate) fn access_token(&self) -> String {
        self.signed("access_token")
    }

    /// The token of this name.
    pub(crate) fn signed(&self, name: &str) -> String {
        let token = &self.fixture[name];
        match token.as_str() {
            Some(opaque) => opaque.to_owned(),
            None => self
                .provider
                .sign(&self.filled(&token["header"]), &since_start(self.filled(&token["claims"]))),
        }
    }

    /// With what is known now in the places for it; a nonce that was not sent is left out.
    fn filled(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => match text.as_str() {
                "{kid}" => json!(self.provider.current_kid()),
                "{n}" => self.provider.jwks()["keys"][0]["n"].clone(),
                "{other}" => other_modulus(),
                "{at_hash}" => json!(left_half(&self.access_token())),
                "{nonce}" => self.nonce.clone().map_or(Value::Null, Value::from),
                _ => value.clone(),
            },
            Value::Array(values) => values.iter().map(|value| self.filled(value)).collect(),
            Value::Object(members) => {
                let filled = members.iter().map(|(name, value)| (name.clone(), self.filled(value)));
                Value::Object(filled.filter(|(name, value)| name != "nonce" || !value.is_null()).collect())
            }
            _ => value.clone(),
        }
    }
}

fn since_start(mut claims: Value) -> Value {
    for name in ["iat", "nbf", "exp", "auth_time"] {
        if let Some(seconds) = claims[name].as_i64() {
            claims[name] = json!(START.checked_add_signed(seconds).unwrap());
        }
    }
    let Value::Object(claims) = claims else { panic!("no claims") };
    claims.into_iter().filter(|(_, value)| !value.is_null()).collect::<Map<_, _>>().into()
}

/// The modulus of a key that nothing is signed by.
fn other_modulus() -> Value {
    let mut provider = DevProvider::new("https://op.example");
    provider.rotate_keys(false);
    provider.jwks()["keys"][0]["n"].clone()
}

fn left_half(access_token: &str) -> String {
    Base64UrlUnpadded::encode_string(&Sha256::digest(access_token.as_bytes())[..16])
}

fn answer(status: u16, kind: &str, body: &Value) -> FetchResult {
    let response = Response::builder().status(status).header("content-type", kind);
    Ok(response.body(body.to_string().into_bytes()).unwrap())
}

/// An application and its provider.
pub(crate) struct Scene {
    pub(crate) world: World,
    pub(crate) browser: Browser,
    idp: Arc<Mutex<Idp>>,
}

impl Scene {
    /// People sign in here.
    pub(crate) fn new(name: &str, profile: ProviderProfile) -> Self {
        Self::with(name, |config| config.profile(profile))
    }

    /// The same with any settings.
    pub(crate) fn with(name: &str, settings: impl FnOnce(ConfigBuilder) -> ConfigBuilder) -> Self {
        let fixture = fixture(name);
        let config = config_for(fixture["issuer"].as_str().unwrap()).audience(audience(&fixture));
        Self::of(name, settings(config))
    }

    /// The same where this is configured as the issuer.
    pub(crate) fn configured_as(name: &str, issuer: &str, profile: ProviderProfile) -> Self {
        let fixture = fixture(name);
        Self::of(name, config_for(issuer).audience(audience(&fixture)).profile(profile))
    }

    /// Nobody signs in here: it takes access tokens.
    pub(crate) fn resource_server(name: &str, profile: ProviderProfile) -> Self {
        let fixture = fixture(name);
        let config =
            Config::resource_server(fixture["issuer"].as_str().unwrap(), audience(&fixture)).profile(profile);
        Self::of(name, config)
    }

    fn of(name: &str, config: ConfigBuilder) -> Self {
        let idp = Arc::new(Mutex::new(Idp::new(name)));
        let mut world = World::with(config);
        let answering = Arc::clone(&idp);
        world.instead = Some(Box::new(move |request| Some(answering.lock().unwrap().answer(request))));
        Self { world, browser: Browser::default(), idp }
    }

    /// Changes what the provider is like.
    pub(crate) fn idp<T>(&self, act: impl FnOnce(&mut Idp) -> T) -> T {
        act(&mut self.idp.lock().unwrap())
    }

    /// The same of its fixture.
    pub(crate) fn change(&mut self, act: impl FnOnce(&mut Value)) -> &mut Self {
        self.idp(|idp| act(&mut idp.fixture));
        self
    }

    /// The same of the claims of one of its tokens; `null` takes one away.
    pub(crate) fn claims(&mut self, token: &str, changes: Value) -> &mut Self {
        self.change(|fixture| {
            let claims = fixture[token]["claims"].as_object_mut().unwrap();
            let Value::Object(changes) = changes else { panic!("no claims") };
            claims.extend(changes);
        })
    }

    /// The same of the key that signs.
    pub(crate) fn change_key(&mut self, change: impl FnOnce(&mut Value)) -> &mut Self {
        self.change(|fixture| change(&mut fixture["keys"][0]))
    }

    pub(crate) fn begin(&mut self, options: LoginOptions) -> Result<Redirect, Error> {
        let client = self.world.client();
        let begun = self.world.run(|now| client.begin_login(options, now));
        if let Ok(redirect) = &begun {
            self.idp(|idp| idp.nonce = parameters(redirect.url.query_pairs()).remove("nonce"));
        }
        begun
    }

    /// A sign-in by the client, for what it comes to.
    pub(crate) fn sign_in(&mut self) -> Result<Session, Error> {
        let redirect = self.begin(LoginOptions::default())?;
        let callback = Callback::parse(&self.callback(&redirect.url)).unwrap();
        let client = self.world.client();
        self.world.run(|now| client.finish_login(redirect.login, callback, now))
    }

    /// Why a sign-in fails, in a line.
    pub(crate) fn sign_in_error(&mut self) -> String {
        self.sign_in().expect_err("it is to fail").to_string()
    }

    /// A sign-in by the guard, as a browser sees it.
    pub(crate) fn browser_signs_in(&mut self) -> Answer {
        let url = self.browser.ask(&mut self.world, Ask::get("/profile").page().required()).location();
        self.idp(|idp| idp.nonce = parameters(url.query_pairs()).remove("nonce"));
        let text = self.callback(&url);
        let callback = match parameters(url.query_pairs()).get("response_mode").map(String::as_str) {
            Some("form_post") => Ask::form("/callback", text).page(),
            mode => {
                assert_eq!(mode, None);
                Ask::get(&format!("/callback?{text}")).page()
            }
        };
        self.browser.ask(&mut self.world, callback)
    }

    /// Where a sign-out leads.
    pub(crate) fn browser_signs_out(&mut self) -> Url {
        let out = Ask::method(Method::POST, "/logout").page().header("origin", ORIGIN);
        self.browser.ask(&mut self.world, out).location()
    }

    /// What the browser brings back from this authorization request.
    pub(crate) fn callback(&self, url: &Url) -> String {
        let sent = parameters(url.query_pairs());
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("code", "a-code").append_pair("state", &sent["state"]);
        self.idp(|idp| {
            for (name, value) in idp.fixture["callback"].as_object().into_iter().flatten() {
                form.append_pair(name, value.as_str().unwrap());
            }
        });
        form.finish()
    }

    /// How the fixture's token of this name fares as an access token.
    pub(crate) fn judge(&mut self, token: &str) -> Result<Claims, TokenError> {
        let token = self.idp(|idp| idp.signed(token));
        let client = self.world.client();
        self.world.run(|now| client.verify_access_token(&token, now))
    }

    pub(crate) fn token_error(&mut self, token: &str) -> TokenError {
        self.judge(token).expect_err("it is to be refused")
    }
}

fn audience(fixture: &Value) -> &str {
    fixture["audience"].as_str().unwrap_or("https://api.example")
}
