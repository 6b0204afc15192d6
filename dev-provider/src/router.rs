//! The one function from request to response: which handler a path has, and what a fault of transport does to it.

use http::header::{ALLOW, LOCATION, RETRY_AFTER};
use http::{Request, StatusCode};
use serde_json::{Value, json};

use crate::answer::{self, Answer, Delivery, Reply};
use crate::fault::{Endpoint, Fault};
use crate::form::Ask;
use crate::provider::DevProvider;

impl DevProvider {
    /// Answers a request. `now` is in Unix seconds.
    ///
    /// A path outside the issuer's is 404, a wrong method 405; no input panics.
    pub fn answer(&mut self, request: Request<Vec<u8>>, now: u64) -> Answer {
        self.count(request.uri().path());
        let path = request.uri().path().strip_prefix(&self.base_path()).unwrap_or("/outside").to_owned();
        if let Some(elsewhere) = path.strip_prefix(ELSEWHERE) {
            let response = self.dispatch(self.place(elsewhere), request, now);
            return Answer { response, delivery: Delivery::Whole };
        }
        let place = self.place(&path);
        let endpoint = place.and_then(|place| place.route.endpoint);
        let fault = endpoint.and_then(|endpoint| self.fault_at(endpoint));
        match fault.as_ref().and_then(|fault| self.instead(fault, &request)) {
            Some(response) => Answer { response, delivery: Delivery::Whole },
            None => spoiled(self.dispatch(place, request, now), fault.as_ref()),
        }
    }

    fn fault_at(&self, endpoint: Endpoint) -> Option<Fault> {
        self.fault.clone().filter(|fault| fault.endpoint().is_some_and(|at| at.covers(endpoint)))
    }

    fn count(&mut self, path: &str) {
        if self.requests.len() < MAX_PATHS || self.requests.contains_key(path) {
            *self.requests.entry(path.to_owned()).or_default() += 1;
        }
    }

    /// What a path leads to, by itself or as an alias.
    fn place(&self, path: &str) -> Option<Place> {
        let alias = path.strip_prefix(MTLS).filter(|_| self.mtls_aliases);
        let aliased = alias.filter(|path| ALIASED.iter().any(|(_, known)| known == path));
        let (path, mtls) = aliased.map_or((path, false), |path| (path, true));
        route(path).map(|route| Place { route, mtls })
    }

    /// The addresses for clients that authenticate by TLS
    /// ([RFC 8705 5](https://www.rfc-editor.org/rfc/rfc8705#section-5)).
    pub(crate) fn aliases(&self) -> Value {
        ALIASED.iter().map(|(name, path)| (*name, self.url(&format!("{MTLS}{path}")))).collect()
    }

    fn dispatch(&mut self, place: Option<Place>, request: Request<Vec<u8>>, now: u64) -> Reply {
        let Some(Place { route, mtls }) = place else {
            return answer::text(StatusCode::NOT_FOUND, "not found\n".to_owned());
        };
        if !route.methods.contains(&request.method().as_str()) {
            let refusal = answer::text(StatusCode::METHOD_NOT_ALLOWED, "method not allowed\n".to_owned());
            return answer::with(refusal, ALLOW, &route.methods.join(", "));
        }
        (route.handler)(self, &Ask::new(request, route.path, mtls), now)
    }

    /// What a fault answers without a look at the request, so that no code is spent by it.
    fn instead(&self, fault: &Fault, request: &Request<Vec<u8>>) -> Option<Reply> {
        match fault {
            Fault::Html(_) => Some(answer::html(StatusCode::OK, HTML.to_owned())),
            Fault::Status(_, status) => Some(bare_status(*status)),
            Fault::Redirect(_) => {
                let local = request.uri().path().strip_prefix(&self.base_path()).unwrap_or_default();
                let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
                let moved = answer::text(StatusCode::TEMPORARY_REDIRECT, String::new());
                Some(answer::with(moved, LOCATION, &self.url(&format!("{ELSEWHERE}{local}{query}"))))
            }
            _ => None,
        }
    }
}

fn spoiled(mut response: Reply, fault: Option<&Fault>) -> Answer {
    let delivery = match fault {
        Some(Fault::Deliver(_, delivery)) => *delivery,
        _ => Delivery::Whole,
    };
    if let Some(Fault::TruncatedJson(_)) = fault {
        let half = response.body().len() / 2;
        response.body_mut().truncate(half);
    }
    Answer { response, delivery }
}

fn bare_status(status: u16) -> Reply {
    let known = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let reply = answer::json(known, &json!({ "error": "temporarily_unavailable" }));
    if matches!(status, 429 | 503) { answer::with(reply, RETRY_AFTER, "2") } else { reply }
}

type Handler = fn(&mut DevProvider, &Ask, u64) -> Reply;

struct Route {
    path: &'static str,
    methods: &'static [&'static str],
    endpoint: Option<Endpoint>,
    handler: Handler,
}

#[derive(Clone, Copy)]
struct Place {
    route: &'static Route,
    /// Whether it was called by its alias for clients that authenticate by TLS.
    mtls: bool,
}

fn route(path: &str) -> Option<&'static Route> {
    ROUTES.iter().find(|route| route.path == path || (path.is_empty() && route.path == "/"))
}

/// A route at which no fault of transport shows.
const fn plain(path: &'static str, methods: &'static [&'static str], handler: Handler) -> Route {
    Route { path, methods, endpoint: None, handler }
}

const fn endpoint(
    path: &'static str,
    methods: &'static [&'static str],
    endpoint: Endpoint,
    handler: Handler,
) -> Route {
    Route { path, methods, endpoint: Some(endpoint), handler }
}

static ROUTES: [Route; 15] = [
    endpoint("/.well-known/openid-configuration", &["GET"], Endpoint::Discovery, DevProvider::discovery),
    endpoint("/jwks", &["GET"], Endpoint::Jwks, DevProvider::published_keys),
    endpoint("/token", &["POST"], Endpoint::Token, DevProvider::token),
    endpoint("/userinfo", &["GET", "POST"], Endpoint::Userinfo, DevProvider::userinfo),
    endpoint("/par", &["POST"], Endpoint::Par, DevProvider::push),
    endpoint("/introspect", &["POST"], Endpoint::Introspection, DevProvider::introspect),
    endpoint("/revoke", &["POST"], Endpoint::Revocation, DevProvider::revoke),
    plain("/authorize", &["GET", "POST"], DevProvider::authorize),
    plain("/login", &["POST"], DevProvider::login),
    plain("/consent", &["POST"], DevProvider::consent),
    plain("/end-session", &["GET", "POST"], DevProvider::end_session),
    plain("/end-session/confirm", &["POST"], DevProvider::confirm_end_session),
    plain("/dev/token", &["GET"], DevProvider::dev_token),
    plain("/dev/rotate", &["POST"], DevProvider::dev_rotate),
    plain("/", &["GET"], DevProvider::index),
];

/// The endpoints that have an alias, by their name in the metadata.
const ALIASED: [(&str, &str); 5] = [
    ("token_endpoint", "/token"),
    ("userinfo_endpoint", "/userinfo"),
    ("pushed_authorization_request_endpoint", "/par"),
    ("introspection_endpoint", "/introspect"),
    ("revocation_endpoint", "/revoke"),
];

pub(crate) const MTLS: &str = "/mtls";
const ELSEWHERE: &str = "/dev/elsewhere";
const HTML: &str =
    "<!doctype html><title>Sign in to this network</title><p>Please sign in to continue.</p>\n";
const MAX_PATHS: usize = 10_000;
