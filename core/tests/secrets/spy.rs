//! A world in which each secret is known by its text, and whatever can be shown is kept to be searched for it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{Debug, Display, Write};
use std::sync::{Arc, Mutex};

use http::{HeaderMap, Method, Request, Response};
use oidc_core::config::ConfigBuilder;
use oidc_core::step::{Fetch, StoreError};
use oidc_core::time::UnixTime;
use oidc_core::{Config, Error, Incoming, Secret, Step, Verdict};
use oidc_dev_provider::DevClient;
use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::subscriber::DefaultGuard;
use tracing::{Event, Metadata, Subscriber, span};

use crate::support::{ISSUER, World};

pub(crate) const CLIENT_SECRET: &str = "canary-client-secret-0123456789";
/// Base64url, as a cookie secret must be.
pub(crate) const COOKIE_SECRET: &str = "canary-cookie-secret-abcdefghijklmnopqrstuvw";

/// Everything that is logged while it is the subscriber, at every level.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

struct Fields(String);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, " {}={value:?}", field.name()).unwrap();
    }
}

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &span::Attributes<'_>) -> span::Id {
        let mut fields = Fields(span.metadata().name().to_owned());
        span.record(&mut fields);
        self.0.lock().unwrap().push(fields.0);
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, values: &span::Record<'_>) {
        let mut fields = Fields(String::new());
        values.record(&mut fields);
        self.0.lock().unwrap().push(fields.0);
    }

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields(event.metadata().level().to_string());
        event.record(&mut fields);
        self.0.lock().unwrap().push(fields.0);
    }

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

/// What is logged while `act` runs.
pub(crate) fn logged(act: impl FnOnce()) -> Vec<String> {
    let log = Log::default();
    tracing::subscriber::with_default(log.clone(), act);
    log.lines()
}

pub(crate) struct Spy {
    pub(crate) world: World,
    pub(crate) log: Log,
    /// What came back to a browser, in order.
    pub(crate) answers: Vec<Response<Vec<u8>>>,
    cookies: BTreeMap<String, String>,
    secrets: BTreeMap<String, &'static str>,
    shown: Vec<String>,
    _listening: DefaultGuard,
}

pub(crate) fn config() -> ConfigBuilder {
    Config::builder(ISSUER, "web", "https://rp.example/callback")
        .client_secret(Secret::new(CLIENT_SECRET))
        .cookie_secrets(&[COOKIE_SECRET.to_owned()])
        .scopes("openid profile email offline_access")
        .keep_tokens(true)
}

impl Spy {
    pub(crate) fn new(config: &ConfigBuilder) -> Self {
        let log = Log::default();
        let listening = tracing::subscriber::set_default(log.clone());
        let built = config.clone().build().unwrap();
        let mut world = World::with(config.clone());
        world.provider.add_client(DevClient {
            redirect_uris: vec!["https://rp.example/callback".into()],
            post_logout_redirect_uris: vec!["https://rp.example/logged-out".into()],
            ..DevClient::confidential("web", CLIENT_SECRET)
        });
        let mut spy = Self {
            world,
            log,
            answers: Vec::new(),
            cookies: BTreeMap::new(),
            secrets: BTreeMap::new(),
            shown: Vec::new(),
            _listening: listening,
        };
        spy.secret("client secret", CLIENT_SECRET);
        spy.secret("cookie secret", COOKIE_SECRET);
        spy.show(config);
        spy.show(&built);
        spy
    }

    pub(crate) fn secret(&mut self, kind: &'static str, text: &str) {
        assert!(text.len() >= 16, "{kind}: a text so short could stand anywhere: {text:?}");
        self.secrets.insert(text.to_owned(), kind);
    }

    pub(crate) fn show(&mut self, value: &dyn Debug) {
        self.shown.push(format!("{value:?}"));
        self.shown.push(format!("{value:#?}"));
    }

    pub(crate) fn show_error(&mut self, error: &(impl std::error::Error + 'static)) {
        let mut next: Option<&dyn std::error::Error> = Some(error);
        while let Some(error) = next {
            self.show(&error);
            self.shown.push(error.to_string());
            next = error.source();
        }
    }

    /// What a flow has come to, with its error as text if it is one.
    pub(crate) fn outcome<T: Debug>(&mut self, result: Result<T, Error>) -> Option<T> {
        self.show(&result);
        result.map_err(|error| self.show_error(&error)).ok()
    }

    /// Carries a flow out, and takes the secrets out of what is sent and what comes back.
    pub(crate) fn run<T>(&mut self, flow: impl FnOnce(UnixTime) -> Step<T>) -> T {
        let mut step = flow(self.world.now);
        loop {
            self.show(&step);
            step = match step {
                Step::Done(value) => return value,
                Step::Fetch(fetch, reply) => {
                    self.learn_request(&fetch);
                    let result = self.world.send(fetch);
                    if let Ok(response) = &result {
                        self.learn_response(response.body());
                    }
                    reply.resume(result, self.world.now)
                }
                Step::Store(op, reply) => {
                    self.show(&op);
                    reply.resume(Err(StoreError("down".into())), self.world.now)
                }
                Step::Wait(duration, wake) => {
                    self.world.now = self.world.now.saturating_add(duration);
                    wake.resume(self.world.now)
                }
            };
        }
    }

    /// What a driver might log of a request is searched as well: its address and its headers.
    fn learn_request(&mut self, fetch: &Fetch) {
        self.show(fetch);
        self.show(fetch.request.uri());
        self.show(fetch.request.headers());
        if let Some(value) = fetch.request.headers().get("authorization") {
            assert!(value.is_sensitive(), "{fetch:?}");
            let credentials = value.to_str().unwrap().split_once(' ').unwrap().1.to_owned();
            self.secret("credentials", &credentials);
        }
        for (name, value) in url::form_urlencoded::parse(fetch.request.body()) {
            match &*name {
                "code" => self.secret("code", &value),
                "code_verifier" => self.secret("code verifier", &value),
                "client_secret" => self.secret("client secret", &value),
                "refresh_token" => self.secret("refresh token", &value),
                _ => {}
            }
        }
    }

    fn learn_response(&mut self, body: &[u8]) {
        let Ok(answer) = serde_json::from_slice::<Value>(body) else { return };
        for (name, kind) in
            [("id_token", "ID token"), ("access_token", "access token"), ("refresh_token", "refresh token")]
        {
            if let Some(token) = answer[name].as_str() {
                self.secret(kind, token);
            }
        }
    }

    /// The secrets in the query of an address.
    pub(crate) fn learn_address(&mut self, address: &url::Url) {
        for (name, value) in address.query_pairs().into_owned() {
            match name.as_str() {
                "state" => self.secret("state", &value),
                "nonce" => self.secret("nonce", &value),
                "code" => self.secret("code", &value),
                "id_token_hint" => self.secret("ID token", &value),
                _ => {}
            }
        }
    }

    /// What the provider answers to an authorization request: the callback's address.
    pub(crate) fn authorize(&mut self, address: &url::Url) -> url::Url {
        let request = Request::get(&address[url::Position::BeforePath..]).body(Vec::new()).unwrap();
        let response = self.world.provider.answer(request, self.world.now.as_secs()).response;
        let callback = url::Url::parse(response.headers()["location"].to_str().unwrap()).unwrap();
        self.learn_address(&callback);
        callback
    }

    /// A request of the browser, and the answer; the cookies are kept.
    pub(crate) fn ask(
        &mut self,
        method: Method,
        target: &str,
        headers: &[(&str, &str)],
    ) -> Response<Vec<u8>> {
        let mut request = Request::builder().method(method).uri(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if !cookies.is_empty() {
            request = request.header("cookie", cookies.join("; "));
        }
        let (head, ()) = request.body(()).unwrap().into_parts();
        let guard = self.world.guard.clone();
        let mut verdict = self.run(|now| guard.check(Incoming::of(&head), now));
        self.show(&verdict);
        if matches!(verdict, Verdict::Allow { identity: None, .. }) {
            verdict = self.run(|now| guard.require(Incoming::of(&head), now));
            self.show(&verdict);
        }
        let response = verdict.into_response();
        self.keep_cookies(response.headers());
        self.answers.push(response.clone());
        response
    }

    fn keep_cookies(&mut self, headers: &HeaderMap) {
        for cookie in headers.get_all("set-cookie") {
            let (name, rest) = cookie.to_str().unwrap().split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            if rest.contains("Max-Age=0;") {
                self.cookies.remove(name);
                continue;
            }
            let kind = if name.contains("-login-") { "login cookie" } else { "session or logout cookie" };
            self.secret(kind, value);
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
    }

    /// The kinds of secret that have come by.
    pub(crate) fn kinds(&self) -> BTreeSet<&'static str> {
        self.secrets.values().copied().collect()
    }

    /// Nothing that was shown or logged holds a secret.
    pub(crate) fn expect_nothing_shown(&self, context: &dyn Display) {
        let all: BTreeSet<String> = self.shown.iter().cloned().chain(self.log.lines()).collect();
        let joined: String = all.iter().flat_map(|text| [text, "\n"]).collect();
        if self.secrets.keys().any(|secret| shows(&joined, secret)) {
            all.iter().for_each(|text| self.expect_none_in(text, context));
            panic!("{context}: a secret is shown, in two texts one after the other");
        }
    }

    pub(crate) fn expect_none_in(&self, text: &str, context: &dyn Display) {
        for (secret, kind) in &self.secrets {
            assert!(!shows(text, secret), "{context}: the {kind} {secret} is shown: {text}");
        }
    }
}

/// A secret in any of the forms in which it could be printed: as it is, in an address, as bytes.
pub(crate) fn shows(text: &str, secret: &str) -> bool {
    let in_address: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let bytes = format!("{:?}", secret.as_bytes());
    let flat: String = text.split_whitespace().collect();
    let bytes: String = bytes.trim_matches(['[', ']']).split_whitespace().collect();
    text.contains(secret) || text.contains(&in_address) || flat.contains(&bytes)
}
