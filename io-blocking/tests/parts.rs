//! The parts that can be one's own: the HTTP client, its settings, and the session store.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use oidc_blocking::oidc_core::config::ConfigBuilder;
use oidc_blocking::oidc_core::introspection::TokenHint;
use oidc_blocking::oidc_core::login::LoginState;
use oidc_blocking::oidc_core::step::{Fetch, FetchResult, StoreAnswer, StoreError, StoreOp, StoreResult};
use oidc_blocking::oidc_core::time::UnixTime;
use oidc_blocking::oidc_core::{Callback, Config, LoginOptions, Secret};
use oidc_blocking::{Builder, Oidc, SessionStore, Transport};
use oidc_dev_provider::{AccessTokenRequest, DevClient, DevProvider};
use url::{Position, Url};

const ISSUER: &str = "https://op.example";
const CALLBACK: &str = "https://rp.example/callback";

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// An HTTP client without a network: the provider is a function.
#[derive(Clone)]
struct Direct(Arc<Mutex<DevProvider>>);

impl Direct {
    fn new() -> Self {
        let mut provider = DevProvider::new(ISSUER);
        provider.add_client(DevClient {
            redirect_uris: vec![CALLBACK.into()],
            ..DevClient::confidential("web", "secret")
        });
        provider.auto_login(Some("ada"));
        Self(Arc::new(Mutex::new(provider)))
    }

    /// What the provider sends the browser back with.
    fn authorize(&self, url: &Url) -> Callback {
        let request = http::Request::get(&url[Position::BeforePath..]).body(Vec::new()).unwrap();
        let response = self.0.lock().unwrap().answer(request, now()).response;
        let location = Url::parse(response.headers()["location"].to_str().unwrap()).unwrap();
        Callback::parse(location.query().unwrap()).unwrap()
    }
}

impl Transport for Direct {
    fn send(&self, fetch: Fetch) -> FetchResult {
        Ok(self.0.lock().unwrap().answer(fetch.request, now()).response)
    }
}

/// A store that is shared by two instances, or down.
#[derive(Clone, Default)]
struct Store(Arc<Mutex<Option<Vec<String>>>>);

impl SessionStore for Store {
    fn run(&self, op: StoreOp, _: UnixTime) -> StoreResult {
        let mut used = self.0.lock().unwrap();
        match (op, used.as_mut()) {
            (StoreOp::Consume { key, .. }, Some(used)) => {
                let first = !used.contains(&key);
                used.push(key);
                Ok(StoreAnswer::Taken(first))
            }
            _ => Err(StoreError("down".into())),
        }
    }
}

fn config() -> ConfigBuilder {
    Config::builder(ISSUER, "web", CALLBACK)
        .client_secret(Secret::new("secret"))
        .scopes("openid email offline_access")
}

fn begin(oidc: &Oidc, provider: &Direct) -> (LoginState, String) {
    let redirect = oidc.begin_login(LoginOptions::default()).unwrap();
    let request = http::Request::get(&redirect.url[Position::BeforePath..]).body(Vec::new()).unwrap();
    let response = provider.0.lock().unwrap().answer(request, now()).response;
    let location = Url::parse(response.headers()["location"].to_str().unwrap()).unwrap();
    (redirect.login, location.query().unwrap().to_owned())
}

#[test]
fn every_operation_runs_on_an_http_client_of_ones_own() {
    let provider = Direct::new();
    let oidc = Builder::new(config()).transport(Arc::new(provider.clone())).build().unwrap();
    let redirect = oidc.begin_login(LoginOptions::default()).unwrap();
    let session = oidc.finish_login(redirect.login, provider.authorize(&redirect.url)).unwrap();
    assert_eq!(session.sub(), "ada");
    assert_eq!(oidc.userinfo(&session).unwrap().get::<String>("email").as_deref(), Some("ada@example.com"));
    assert_eq!(oidc.verify_id_token(session.id_token().expose()).unwrap().sub(), Some("ada"));
    let old = session.access_token(UnixTime::EPOCH).unwrap().expose().to_owned();
    let session = oidc.refresh(session).unwrap();
    assert_ne!(session.access_token(UnixTime::EPOCH).unwrap().expose(), old);
    let url = oidc.logout_url(Some(session.id_token()), "state").unwrap().unwrap();
    assert!(url.starts_with("https://op.example/end-session?"), "{url}");
    let request = AccessTokenRequest { audience: "web".into(), ..Default::default() };
    let token = provider.0.lock().unwrap().access_token(request, now());
    assert_eq!(oidc.verify_access_token(&token).unwrap().sub(), Some("ada"));
    assert_eq!(oidc.verify_logout_token(&token).unwrap_err().code(), "wrong_type");
    oidc.renew_keys().unwrap();
    assert_eq!(oidc.key_status().freshness.name(), "fresh");
}

#[test]
fn a_store_makes_a_sign_in_single_use_across_instances() {
    let (provider, store) = (Direct::new(), Store::default());
    let build = || {
        let builder = Builder::new(config()).transport(Arc::new(provider.clone()));
        builder.store(Arc::new(store.clone())).build().unwrap()
    };
    let (first, second) = (build(), build());
    *store.0.lock().unwrap() = Some(Vec::new());
    let (login, query) = begin(&first, &provider);
    let callback = || Callback::parse(&query).unwrap();
    assert!(first.finish_login(login.clone(), callback()).is_ok());
    assert_eq!(second.finish_login(login, callback()).unwrap_err().code(), "state_mismatch");
    *store.0.lock().unwrap() = None;
    let (login, query) = begin(&first, &provider);
    let error = first.finish_login(login, Callback::parse(&query).unwrap()).unwrap_err();
    assert_eq!((error.code(), error.status().as_u16()), ("store_unavailable", 503));
}

#[test]
fn the_settings_of_ones_own_http_client_hold() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let issuer = format!("http://{}", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let head = BufReader::new(&stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty());
        let head: Vec<String> = head.map(|line| line.to_ascii_lowercase()).collect();
        (&stream).write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n").unwrap();
        head
    });
    let oidc = Builder::new(Config::resource_server(&issuer, "api")).agent(client()).build().unwrap();
    assert!(oidc.renew_keys().is_err());
    let head = server.join().unwrap();
    assert!(head.contains(&"user-agent: mine/1".to_owned()), "{head:?}");
    assert!(head.iter().any(|line| line.starts_with("accept: application/json")), "{head:?}");
}

fn client() -> ureq::Agent {
    ureq::Agent::config_builder().user_agent("mine/1").build().into()
}

/// An HTTP client that tells when it is asked, and lives as long as somebody may ask.
struct Told(Direct, std::sync::mpsc::Sender<&'static str>);

impl Transport for Told {
    fn send(&self, fetch: Fetch) -> FetchResult {
        self.1.send(fetch.purpose.name()).unwrap();
        self.0.send(fetch)
    }
}

#[test]
fn a_renewal_in_the_background_fetches_by_itself_and_ends_with_its_handle() {
    let (told, asked) = std::sync::mpsc::channel();
    let transport = Arc::new(Told(Direct::new(), told));
    let oidc = Builder::new(config()).transport(transport).background_renewal().build().unwrap();
    let patience = std::time::Duration::from_secs(10);
    assert_eq!(asked.recv_timeout(patience), Ok("discovery"));
    assert_eq!(asked.recv_timeout(patience), Ok("keys"));
    drop(oidc);
    let ended = asked.recv_timeout(patience);
    assert_eq!(ended, Err(std::sync::mpsc::RecvTimeoutError::Disconnected), "nobody can ask any more");
}

/// Nobody can tell by an opaque token whose it is, and no provider is shown another one's.
#[test]
fn of_several_providers_the_one_to_ask_about_a_token_has_to_be_named() {
    let provider = Direct::new();
    let second = Config::builder("https://other.example", "web", "https://rp.example/callback/other")
        .client_secret(Secret::new("secret"));
    let builder = Builder::new(config()).also(second).transport(Arc::new(provider.clone()));
    let oidc = builder.build().unwrap();
    let request =
        AccessTokenRequest { audience: "web".into(), client_id: "web".into(), ..Default::default() };
    let token = Secret::new(provider.0.lock().unwrap().access_token(request, now()));
    assert_eq!(oidc.introspect(&token).unwrap_err().code(), "other_provider");
    assert_eq!(oidc.revoke(&token, TokenHint::AccessToken).unwrap_err().code(), "other_provider");
    assert_eq!(provider.0.lock().unwrap().requests(""), 0, "nothing was sent");
    let first = oidc.at(ISSUER).unwrap();
    assert_eq!(first.introspect(&token).unwrap().unwrap().sub(), Some("ada"));
    first.revoke(&token, TokenHint::AccessToken).unwrap();
    assert_eq!(first.introspect(&token).unwrap(), None);
    assert!(oidc.at("https://evil.example").is_none());
}
