//! What the web servers' examples share: settings from the environment, with a provider of their own where none is named,
//! and answers that are the same whatever the web server.

#[path = "pages.rs"]
pub(crate) mod pages;

use std::env;
use std::error::Error;
use std::io;
use std::net::TcpListener;
use std::process::ExitCode;

use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, Response, StatusCode};
use oidc_core::Identity;
use oidc_core::keys::KeyStatus;
use oidc_dev_provider::{DevClient, DevClientAuth, DevProvider, Running};
use tracing_subscriber::EnvFilter;
use url::Url;

/// What the demo's own provider can sign by.
const ALGORITHMS: [&str; 9] =
    ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"];

/// The settings, and the provider if it is the demo's own: it runs as long as this lives.
pub(crate) struct Demo {
    /// Host and port, as a browser on this machine reaches them.
    address: String,
    provider: Option<Running>,
}

impl Demo {
    /// Listens first, so that a free port that the system chose is known to the settings.
    pub(crate) fn start() -> Result<(Self, TcpListener), Box<dyn Error>> {
        log_to_stderr()?;
        let listen = environment("LISTEN").unwrap_or("127.0.0.1:3000".to_owned());
        let wrong = |error| format!("LISTEN: cannot listen on {listen:?}: {error}");
        let listener = TcpListener::bind(&listen).map_err(wrong)?;
        let host = listen.rsplit_once(':').map_or("127.0.0.1", |(host, _)| host);
        let address = format!("{host}:{}", listener.local_addr()?.port());
        let mut demo = Self { address, provider: None };
        if environment("OIDC_ISSUER").is_none() {
            demo.provider = Some(DevProvider::serve("127.0.0.1:0")?);
        }
        if let Some(provider) = &demo.provider {
            provider.with(|provider| demo.register(provider));
        }
        Ok((demo, listener))
    }

    /// The value of a setting: the environment's, else the demo's.
    pub(crate) fn variable(&self, name: &str) -> Option<String> {
        environment(name).or_else(|| match (name, &self.provider) {
            ("OIDC_REDIRECT_URI", _) => Some(format!("http://{}/callback", self.address)),
            ("OIDC_ISSUER", Some(provider)) => Some(provider.issuer()),
            ("OIDC_CLIENT_ID", Some(_)) => Some("demo-client".to_owned()),
            ("OIDC_CLIENT_SECRET", Some(_)) => demo_secret().map(str::to_owned),
            _ => None,
        })
    }

    /// Makes this application known to the demo's own provider. What is wrong with a setting, the builder will say.
    fn register(&self, provider: &mut DevProvider) {
        // The provider takes any address of this machine unless others are named.
        let elsewhere = |url: &Url| !matches!(url.host_str(), Some("127.0.0.1" | "[::1]" | "localhost"));
        let named = |url: Option<Url>| url.filter(elsewhere).map(String::from).into_iter().collect();
        provider.add_client(DevClient {
            id: self.variable("OIDC_CLIENT_ID").unwrap_or_default(),
            secret: self.variable("OIDC_CLIENT_SECRET"),
            auth: match self.variable("OIDC_CLIENT_AUTH").as_deref() {
                Some("secret_jwt") => DevClientAuth::SecretJwt,
                _ => DevClientAuth::Any,
            },
            redirect_uris: named(self.redirect_uri()),
            post_logout_redirect_uris: named(self.address_of("/logged-out")),
            back_channel_logout_uri: self.address_of("/backchannel-logout").map(String::from),
            ..DevClient::default()
        });
        let algorithms = self.variable("OIDC_ALGORITHMS").unwrap_or_default();
        if let Some(algorithm) = algorithms.split(',').map(str::trim).find(|name| ALGORITHMS.contains(name)) {
            provider.sign_with(algorithm);
        }
    }

    fn redirect_uri(&self) -> Option<Url> {
        Url::parse(&self.variable("OIDC_REDIRECT_URI")?).ok()
    }

    /// A page of this server, as a browser reaches it.
    fn address_of(&self, path: &str) -> Option<Url> {
        self.redirect_uri()?.join(path).ok()
    }

    /// Says how to sign in, and that requests are answered from now on.
    pub(crate) fn ready(&self) {
        if let Some(provider) = &self.provider {
            self.say_how_to_sign_in(&provider.issuer());
        }
        println!("listening on http://{}", self.address);
    }

    fn say_how_to_sign_in(&self, issuer: &str) {
        let (Some(home), Some(whoami)) = (self.address_of("/"), self.address_of("/api/whoami")) else {
            return;
        };
        println!("dev provider at {issuer}: open {home} and sign in as Ada Lovelace");
        let audience = self.variable("OIDC_AUDIENCE").or(self.variable("OIDC_CLIENT_ID")).unwrap_or_default();
        let audience: String = url::form_urlencoded::byte_serialize(audience.as_bytes()).collect();
        let query = if audience == "demo-client" { String::new() } else { format!("?aud={audience}") };
        println!(
            r#"or call: curl -H "Authorization: Bearer $(curl -s '{issuer}/dev/token{query}')" {whoami}"#
        );
    }
}

/// For servers whose websockets have an address of their own: `LISTEN_WS`, or a free port.
#[allow(dead_code, reason = "axum's are where all else is")]
pub(crate) fn websocket_listener() -> Result<TcpListener, Box<dyn Error>> {
    let listen = environment("LISTEN_WS").unwrap_or("127.0.0.1:0".to_owned());
    TcpListener::bind(&listen)
        .map_err(|error| format!("LISTEN_WS: cannot listen on {listen:?}: {error}").into())
}

/// An empty variable is set: what it stands for is then wrong, not absent.
fn environment(name: &str) -> Option<String> {
    env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}

/// The secret of the demo's own client, if it is one with a secret.
fn demo_secret() -> Option<&'static str> {
    match environment("OIDC_CLIENT_AUTH").as_deref() {
        _ if environment("OIDC_CLIENT_ID").is_some() => None,
        Some("none" | "private_key_jwt") => None,
        Some("secret_jwt") => Some("demo-secret, long enough to authenticate assertions by HS256"),
        _ => Some("demo-secret"),
    }
}

fn log_to_stderr() -> Result<(), String> {
    let wanted = environment("RUST_LOG");
    let filter = wanted.as_deref().unwrap_or("warn,oidc_core=info,oidc_tokio=info,oidc_blocking=info");
    let filter = EnvFilter::builder().parse(filter).map_err(|error| format!("RUST_LOG: {error}"))?;
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).init();
    Ok(())
}

/// For `main`: what is wrong with the settings goes to standard error, in one line.
pub(crate) fn exit_code(served: Result<(), Box<dyn Error>>) -> ExitCode {
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

/// Who sent the request, as JSON.
pub(crate) fn whoami(who: &Identity) -> Response<String> {
    match serde_json::to_string(who) {
        Ok(claims) => answer(StatusCode::OK, "application/json", claims),
        Err(_) => answer(StatusCode::INTERNAL_SERVER_ERROR, "application/json", "{}".to_owned()),
    }
}

/// That the process lives, and how good its keys are.
pub(crate) fn health(keys: &KeyStatus) -> Response<String> {
    answer(StatusCode::OK, "application/json", format!(r#"{{"keys":"{}"}}"#, keys.freshness.name()))
}

/// For a path that has another method only.
#[allow(dead_code, reason = "axum has one of its own")]
pub(crate) fn method_not_allowed() -> Response<String> {
    let mut response = Response::new(String::new());
    *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET,HEAD"));
    response
}

/// An answer that no cache keeps: it is about whoever asked.
fn answer(status: StatusCode, content_type: &'static str, body: String) -> Response<String> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers =
        [(CONTENT_TYPE, content_type), (CACHE_CONTROL, "no-store"), (X_CONTENT_TYPE_OPTIONS, "nosniff")];
    response.headers_mut().extend(headers.map(|(name, value)| (name, HeaderValue::from_static(value))));
    response
}
