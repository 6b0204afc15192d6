//! A world without sockets: the dev provider, a guard, a browser, and a clock that tests move.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::needless_pass_by_value,
    reason = "each test file uses its own part of it"
)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use oidc_core::config::ConfigBuilder;
use oidc_core::entropy::EntropyFailed;
use oidc_core::guard::Policy;
use oidc_core::step::{Fetch, FetchError, FetchResult, StoreError, StoreOp, StoreResult};
use oidc_core::store::Memory;
use oidc_core::time::UnixTime;
use oidc_core::{Client, Config, EntropySource, Guard, Identity, Incoming, Secret, Step, Verdict};
use oidc_dev_provider::{AccessTokenRequest, Delivery, DevClient, DevProvider};

pub const ISSUER: &str = "https://op.example";
pub const ORIGIN: &str = "https://rp.example";
pub const START: u64 = 1_700_000_000;

/// Random bytes from a counter: the same in every run.
pub struct Seeded(AtomicU64);

impl Seeded {
    pub fn new() -> Self {
        Self(AtomicU64::new(1))
    }
}

impl EntropySource for Seeded {
    fn fill(&self, out: &mut [u8]) -> Result<(), EntropyFailed> {
        for chunk in out.chunks_mut(8) {
            let number = self.0.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            chunk.copy_from_slice(&number.to_be_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

pub struct World {
    pub provider: DevProvider,
    /// Those at other hosts.
    pub others: Vec<DevProvider>,
    pub guard: Guard,
    pub now: UnixTime,
    /// No connection to the provider can be made.
    pub down: bool,
    /// Purpose of every fetch that was sent, in order.
    pub fetched: Vec<&'static str>,
    /// Every request that was sent, in order.
    pub sent: Vec<Request<Vec<u8>>>,
    /// The session store; `None`: it is down.
    pub store: Option<Memory>,
    /// Stands between here and the store.
    pub on_store: Option<OnStore>,
    /// Stands between here and the provider.
    pub between: Option<Between>,
    /// Stands in for the provider.
    pub instead: Option<Instead>,
}

/// Sees every request to the provider, and may change its answer.
pub type Between = Box<dyn FnMut(&Request<Vec<u8>>, &mut Response<Vec<u8>>) + Send>;

/// Sees every question to the store, and may change its answer.
pub type OnStore = Box<dyn FnMut(&StoreOp, &mut StoreResult) + Send>;

/// Answers a request in the provider's place, which then knows nothing of it.
pub type Instead = Box<dyn FnMut(&Request<Vec<u8>>) -> Option<FetchResult> + Send>;

/// Settings that suit the world: any part can be changed before it is built.
pub fn config() -> ConfigBuilder {
    config_for(ISSUER)
}

pub fn config_for(issuer: &str) -> ConfigBuilder {
    Config::builder(issuer, "web", "https://rp.example/callback").client_secret(Secret::new("s3cr&t +%"))
}

impl World {
    pub fn new() -> Self {
        Self::with(config())
    }

    pub fn with(config: ConfigBuilder) -> Self {
        Self::seeded(config, 1)
    }

    /// With random bytes of its own.
    pub fn seeded(config: ConfigBuilder, seed: u64) -> Self {
        let config = config.build().unwrap();
        let mut provider = DevProvider::new(config.issuer());
        provider.add_client(DevClient {
            redirect_uris: vec!["https://rp.example/callback".into()],
            post_logout_redirect_uris: vec!["https://rp.example/logged-out".into()],
            ..DevClient::confidential("web", "s3cr&t +%")
        });
        provider.add_client(DevClient {
            redirect_uris: vec!["https://rp.example/callback".into()],
            ..DevClient::public("app")
        });
        provider.auto_login(Some("ada"));
        let guard = Guard::new(Client::new(config, Arc::new(Seeded(seed.into())))).unwrap();
        let now = UnixTime::from_secs(START);
        Self {
            provider,
            others: Vec::new(),
            guard,
            now,
            down: false,
            fetched: Vec::new(),
            sent: Vec::new(),
            store: Some(Memory::new()),
            on_store: None,
            between: None,
            instead: None,
        }
    }

    /// Whose provider knows where to send sign-outs.
    pub fn told_of_sign_outs(config: ConfigBuilder) -> Self {
        let mut world = Self::with(config);
        world.provider.add_client(DevClient {
            redirect_uris: vec![format!("{ORIGIN}/callback")],
            post_logout_redirect_uris: vec![format!("{ORIGIN}/logged-out")],
            back_channel_logout_uri: Some(format!("{ORIGIN}/backchannel-logout")),
            ..DevClient::confidential("web", "s3cr&t +%")
        });
        world
    }

    pub fn client(&self) -> Client {
        self.guard.client().clone()
    }

    pub fn pass(&mut self, seconds: u64) {
        self.now = self.now.saturating_add(Duration::from_secs(seconds));
    }

    /// Carries a flow out as a driver would.
    pub fn run<T>(&mut self, flow: impl FnOnce(UnixTime) -> Step<T>) -> T {
        let mut step = flow(self.now);
        loop {
            step = match step {
                Step::Done(value) => return value,
                Step::Fetch(fetch, reply) => {
                    let result = self.send(fetch);
                    reply.resume(result, self.now)
                }
                Step::Store(op, reply) => {
                    let result = self.run_store(op);
                    reply.resume(result, self.now)
                }
                Step::Wait(duration, wake) => {
                    self.now = self.now.saturating_add(duration);
                    wake.resume(self.now)
                }
            };
        }
    }

    /// What a driver owes the core: the timeout and the body cap hold whatever the provider does.
    pub fn send(&mut self, fetch: Fetch) -> FetchResult {
        self.fetched.push(fetch.purpose.name());
        if self.down {
            return Err(FetchError::Failed("connection refused".into()));
        }
        let Fetch { request, max_body, timeout, .. } = fetch;
        self.sent.push(request.clone());
        if let Some(result) = self.instead.as_mut().and_then(|instead| instead(&request)) {
            return result;
        }
        let now = self.now.as_secs();
        let mut answer = self.provider_at(request.uri().host()).answer(request.clone(), now);
        if let Some(between) = &mut self.between {
            between(&request, &mut answer.response);
        }
        match answer.delivery {
            Delivery::Whole if answer.response.body().len() > max_body => Err(FetchError::TooLarge),
            Delivery::Whole => Ok(answer.response),
            Delivery::Endless => Err(FetchError::TooLarge),
            Delivery::Hang | Delivery::Drip => {
                self.now = self.now.saturating_add(timeout);
                Err(FetchError::Timeout)
            }
            _ => Err(FetchError::Failed("connection reset".into())),
        }
    }

    /// The provider at this host.
    pub fn provider_at(&mut self, host: Option<&str>) -> &mut DevProvider {
        let at = |provider: &DevProvider| {
            url::Url::parse(provider.issuer()).unwrap().host_str().map(str::to_owned).as_deref() == host
        };
        self.others.iter_mut().find(|provider| at(provider)).unwrap_or(&mut self.provider)
    }

    /// The forms that were sent to this path.
    pub fn forms_sent_to(&self, path: &str) -> Vec<Form> {
        self.sent.iter().filter(|request| request.uri().path() == path).map(form).collect()
    }

    pub fn run_store(&mut self, op: StoreOp) -> StoreResult {
        let mut result = match &mut self.store {
            Some(store) => store.run(op.clone(), self.now),
            None => Err(StoreError("down".into())),
        };
        if let Some(on_store) = &mut self.on_store {
            on_store(&op, &mut result);
        }
        result
    }

    /// A token of the provider for this application, good for an hour.
    pub fn access_token(&mut self) -> String {
        let request =
            AccessTokenRequest { client_id: "web".into(), audience: "web".into(), ..Default::default() };
        self.provider.access_token(request, self.now.as_secs())
    }

    /// How `check` answers a bearer token.
    pub fn bearer(&mut self, token: &str) -> Answer {
        self.ask(Ask::get("/api/whoami").header("authorization", &format!("Bearer {token}")))
    }

    pub fn ask(&mut self, ask: Ask) -> Answer {
        let guard = self.guard.clone();
        let incoming = |body| Incoming {
            method: &ask.method,
            target: &ask.target,
            headers: &ask.headers,
            body,
            presented: None,
        };
        let body = guard.body_limit(&incoming(None)).map(|_| ask.body.as_slice());
        let verdict = self.run(|now| match &ask.policy {
            Some(policy) => guard.require_policy(incoming(body), policy, now),
            None if ask.required => guard.require(incoming(body), now),
            None => guard.check(incoming(body), now),
        });
        Answer::of(verdict)
    }
}

/// Parameters, each of which stands once.
pub type Form = BTreeMap<String, String>;

/// The form of a request.
pub fn form(request: &Request<Vec<u8>>) -> Form {
    assert_eq!(request.headers()["content-type"], "application/x-www-form-urlencoded");
    once(url::form_urlencoded::parse(request.body()).into_owned().collect())
}

/// The parameters of an address.
pub fn query(url: &url::Url) -> Form {
    once(url.query_pairs().into_owned().collect())
}

fn once(pairs: Vec<(String, String)>) -> Form {
    let form: Form = pairs.iter().cloned().collect();
    assert_eq!(form.len(), pairs.len(), "each parameter stands once: {pairs:?}");
    form
}

/// A request to the application.
#[derive(Clone)]
pub struct Ask {
    method: Method,
    target: String,
    headers: HeaderMap,
    body: Vec<u8>,
    required: bool,
    policy: Option<Policy>,
}

impl Ask {
    pub fn get(target: &str) -> Self {
        let headers = HeaderMap::new();
        let (method, target) = (Method::GET, target.into());
        Self { method, target, headers, body: Vec::new(), required: false, policy: None }
    }

    pub fn method(method: Method, target: &str) -> Self {
        Self { method, ..Self::get(target) }
    }

    pub fn form(target: &str, body: impl Into<Vec<u8>>) -> Self {
        let form = Self { body: body.into(), ..Self::method(Method::POST, target) };
        form.header("content-type", "application/x-www-form-urlencoded")
    }

    pub fn header(self, name: &str, value: &str) -> Self {
        self.raw_header(name, value.as_bytes())
    }

    pub fn raw_header(mut self, name: &str, value: &[u8]) -> Self {
        let name: HeaderName = name.parse().unwrap();
        self.headers.append(name, HeaderValue::from_bytes(value).unwrap());
        self
    }

    pub fn target(&self) -> &str {
        &self.target
    }

    /// Its form.
    pub fn fields(&self) -> Form {
        once(url::form_urlencoded::parse(&self.body).into_owned().collect())
    }

    /// The same with this form.
    pub fn with_fields(self, fields: &Form) -> Self {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        Self { body: body.into_bytes(), ..self }
    }

    /// The same for another target.
    pub fn at(self, target: &str) -> Self {
        Self { target: target.into(), ..self }
    }

    /// A person is loading a page.
    pub fn page(self) -> Self {
        self.header("accept", "text/html,application/xhtml+xml,*/*;q=0.8")
            .header("sec-fetch-mode", "navigate")
    }

    /// The application asks for an identity that meets a policy.
    pub fn policy(self, policy: &Policy) -> Self {
        Self { policy: Some(policy.clone()), ..self }
    }

    /// The application asks for an identity.
    pub fn required(self) -> Self {
        Self { required: true, ..self }
    }
}

/// What came back: either the guard's own answer or the application's turn.
#[derive(Debug)]
pub struct Answer {
    pub status: Option<StatusCode>,
    pub identity: Option<Identity>,
    pub headers: Vec<(HeaderName, HeaderValue)>,
    pub body: String,
}

impl Answer {
    fn of(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Allow { identity, headers } => {
                Self { status: None, identity, headers, body: String::new() }
            }
            Verdict::Reply { status, headers, body } => {
                Self { status: Some(status), identity: None, headers, body: String::from_utf8(body).unwrap() }
            }
        }
    }

    pub fn all(&self, name: &str) -> Vec<&str> {
        self.headers
            .iter()
            .filter(|(found, _)| found == name)
            .map(|(_, value)| value.to_str().unwrap())
            .collect()
    }

    pub fn header(&self, name: &str) -> &str {
        match self.all(name)[..] {
            [only] => only,
            ref other => panic!("{name}: {other:?}"),
        }
    }

    pub fn status(&self) -> u16 {
        self.status.map_or(0, |status| status.as_u16())
    }

    /// The error's code, wherever the answer says it.
    pub fn code(&self) -> String {
        if let Ok(json) = serde_json::from_str::<serde_json::Value>(&self.body) {
            return json["error"].as_str().unwrap_or_default().to_owned();
        }
        let after = self.body.split("Code: ").nth(1).unwrap_or_default();
        after.split('<').next().unwrap_or_default().to_owned()
    }

    pub fn location(&self) -> url::Url {
        url::Url::parse(ORIGIN).unwrap().join(self.header("location")).unwrap()
    }

    pub fn sub(&self) -> Option<&str> {
        self.identity.as_ref().map(Identity::sub)
    }
}

/// A browser with its cookies, at the application.
#[derive(Default, Clone)]
pub struct Browser {
    pub cookies: BTreeMap<String, String>,
}

impl Browser {
    pub fn ask(&mut self, world: &mut World, ask: Ask) -> Answer {
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let ask = if cookies.is_empty() { ask } else { ask.header("cookie", &cookies.join("; ")) };
        let answer = world.ask(ask);
        for cookie in answer.all("set-cookie") {
            let (name, rest) = cookie.split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            if cookie.contains("Max-Age=0;") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.into(), value.into());
            }
        }
        answer
    }

    pub fn open(&mut self, world: &mut World, target: &str) -> Answer {
        self.ask(world, Ask::get(target).page())
    }

    /// Starts a sign-in and lets the provider answer; what it answers is not delivered yet.
    pub fn start(&mut self, world: &mut World, target: &str) -> Ask {
        let redirect = self.ask(world, Ask::get(target).page().required());
        assert_eq!(redirect.status(), 303, "{redirect:?}");
        authorize(world, &redirect.location())
    }

    pub fn sign_in(&mut self, world: &mut World) -> Answer {
        let callback = self.start(world, "/profile");
        self.ask(world, callback)
    }

    pub fn has_session(&self) -> bool {
        self.cookies.contains_key("__Host-oidc-session")
    }
}

/// The provider's answer to an authorization request, as the browser brings it back.
pub fn authorize(world: &mut World, url: &url::Url) -> Ask {
    let path = &url[url::Position::BeforePath..];
    let request = Request::get(path).body(Vec::new()).unwrap();
    let now = world.now.as_secs();
    let response = world.provider_at(url.host_str()).answer(request, now).response;
    if let Some(location) = response.headers().get("location") {
        let url = url::Url::parse(location.to_str().unwrap()).unwrap();
        return Ask::get(&url[url::Position::BeforePath..]).page();
    }
    let html = String::from_utf8(response.into_body()).unwrap();
    let unescaped = |text: &str| text.replace("&amp;", "&").replace("&#x2F;", "/");
    let action = html.split("action=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default();
    let action = url::Url::parse(ORIGIN).unwrap().join(&unescaped(action)).unwrap();
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    for input in html.split("<input").skip(1) {
        let attribute = |name: &str| {
            let value = input.split(&format!("{name}=\"")).nth(1)?.split('"').next()?;
            Some(unescaped(value))
        };
        if let (Some(name), Some(value)) = (attribute("name"), attribute("value")) {
            form.append_pair(&name, &value);
        }
    }
    Ask::form(action.path(), form.finish()).page()
}
