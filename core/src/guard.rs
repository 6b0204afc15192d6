//! The one decision that all web servers share: a request in, a verdict out. Every error is already an answer.
//!
//! A web server's adapter fills [`Incoming`], carries the steps out, and writes the answer; it decides nothing.

mod answer;
mod back_channel;
mod front_channel;
mod identity;
mod policy;
mod providers;
mod refresh;
mod resource;
mod seat;
mod sign_in;
mod sign_out;
mod socket;
mod uphold;

use std::fmt;
use std::sync::Arc;

use http::{HeaderName, HeaderValue, Method, Response, StatusCode};
use url::{Url, form_urlencoded};

use crate::client::Client;
use crate::config::ResponseMode;
use crate::cookie::{Cookies, Jar, Seals};
use crate::error::{Error, RequestError};
use crate::login::MAX_CALLBACK_FORM;
use crate::secret::Secret;
use crate::step::Step;
use crate::time::UnixTime;
use crate::{bearer, wire};

use answer::Answer;
use back_channel::MAX_LOGOUT_FORM;
use providers::Choice;
use refresh::Refreshes;
use resource::telling;
use seat::Absent;

pub use identity::Identity;
pub use policy::{Policy, PolicyBuilder};

/// Where a sign-in starts.
const LOGIN: &str = "/login";
/// Where a session ends.
const LOGOUT: &str = "/logout";
/// Where the provider sends the browser after a sign-out.
pub(crate) const LOGGED_OUT: &str = "/logged-out";

/// Where the provider ends sessions, by way of the browser and by itself.
const FRONT_CHANNEL: &str = "/frontchannel-logout";
const BACK_CHANNEL: &str = "/backchannel-logout";

/// The paths of the guard itself, beside the callback's.
pub(crate) const OWN_PATHS: [&str; 5] = [LOGIN, LOGOUT, LOGGED_OUT, FRONT_CHANNEL, BACK_CHANNEL];

/// Decides about requests. A clone is cheap.
#[derive(Clone)]
pub struct Guard {
    /// Has the settings of the server itself, and remembers what has ended.
    home: Client,
    /// Of the provider that counts where none is named.
    client: Client,
    others: Arc<[Client]>,
    /// Of all providers, also where this guard is of one of them: whoever watches over sockets watches over everybody's.
    all: Arc<[Client]>,
    choice: Option<Arc<Choice>>,
    browser: Option<Arc<Browser>>,
}

/// What serves people with browsers; a mere resource server has none of it.
struct Browser {
    cookies: Cookies,
    seals: Seals,
    /// Scheme, host and port of the redirect URI.
    origin: String,
    callback_paths: Vec<String>,
    refreshes: Refreshes,
}

/// A request, as far as it matters here.
#[derive(Clone, Copy)]
pub struct Incoming<'a> {
    /// The method.
    pub method: &'a Method,
    /// Path and query, as they were received.
    pub target: &'a str,
    /// The headers.
    pub headers: &'a dyn Headers,
    /// The body, if it was read: see [`Guard::body_limit`].
    pub body: Option<&'a [u8]>,
    /// A token from where HTTP has none, such as the first message on a socket.
    pub presented: Option<(&'a Secret, Source)>,
}

/// Access to headers, whatever the web server keeps them in.
pub trait Headers {
    /// Calls `visit` with each value of the header of this name (in lower case), in order.
    fn each<'a>(&'a self, name: &str, visit: &mut dyn FnMut(&'a [u8]));
}

impl Headers for http::HeaderMap {
    fn each<'a>(&'a self, name: &str, visit: &mut dyn FnMut(&'a [u8])) {
        self.get_all(name).iter().for_each(|value| visit(value.as_bytes()));
    }
}

/// Where an identity was presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Source {
    /// The `Authorization` header.
    Header,
    /// The session cookie.
    Session,
    /// A message beside HTTP.
    Message,
    /// The query of an address that opens a socket.
    Query,
    /// `Sec-WebSocket-Protocol`.
    Protocol,
}

/// What to do with a request.
#[must_use]
pub enum Verdict {
    /// Let it through to the application.
    Allow {
        /// Who asks, if anybody says so.
        identity: Option<Identity>,
        /// To be appended to the application's answer.
        headers: Vec<(HeaderName, HeaderValue)>,
    },
    /// Answer it so.
    Reply {
        /// The status.
        status: StatusCode,
        /// The headers.
        headers: Vec<(HeaderName, HeaderValue)>,
        /// The body.
        body: Vec<u8>,
    },
}

impl Guard {
    /// A guard for this client.
    ///
    /// # Errors
    /// [`Error::Entropy`] when no cookie secret is configured and none could be made.
    pub fn new(client: Client) -> Result<Self, Error> {
        let browser = Browser::of(&client, &[])?.map(Arc::new);
        let all = Arc::from([client.clone()]);
        Ok(Self { home: client.clone(), client, others: Arc::default(), all, choice: None, browser })
    }

    /// The client behind it: of [several](Self::several), the first.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// How many bytes of the body of this request are to be read before [`check`](Self::check); one byte more may be read,
    /// to be refused there. `None`: the body is the application's.
    #[must_use]
    pub fn body_limit(&self, incoming: &Incoming<'_>) -> Option<usize> {
        let browser = self.browser.as_ref().filter(|_| incoming.method == Method::POST)?;
        match incoming.path() {
            BACK_CHANNEL => Some(MAX_LOGOUT_FORM),
            path => browser.is_callback(path).then_some(MAX_CALLBACK_FORM),
        }
    }

    /// Answers what is the guard's own (sign-in, callback, sign-out from either side) and bad credentials; lets all else through, with the
    /// identity of whoever presented one.
    pub fn check(&self, incoming: Incoming<'_>, now: UnixTime) -> Step<Verdict> {
        if let Some(document) = self.resource_document(&incoming) {
            return Step::Done(document);
        }
        match &self.browser {
            None => self.admit(incoming, false, now),
            Some(browser) => match incoming.path() {
                LOGIN => self.start_sign_in(browser, incoming, now),
                path if browser.is_callback(path) => self.finish_sign_in(browser, incoming, now),
                LOGOUT => self.sign_out(browser, &incoming, now),
                LOGGED_OUT => self.signed_out(browser, &incoming, now),
                FRONT_CHANNEL => self.end_by_front_channel(browser, &incoming, now),
                BACK_CHANNEL => self.end_by_back_channel(&incoming, now),
                _ => self.admit(incoming, false, now),
            },
        }
    }

    /// The same for a request that is the application's and needs an identity: without one it is sent to the provider if
    /// a person is loading a page, and answered 401 else.
    pub fn require(&self, incoming: Incoming<'_>, now: UnixTime) -> Step<Verdict> {
        self.admit(incoming, true, now)
    }

    /// A token wins over the session and never falls back to it.
    fn admit(&self, incoming: Incoming<'_>, required: bool, now: UnixTime) -> Step<Verdict> {
        match &self.home.config().resource {
            None => self.judge_credentials(incoming, required, now),
            Some(resource) => telling(resource, self.judge_credentials(incoming, required, now), now),
        }
    }

    fn judge_credentials(&self, incoming: Incoming<'_>, required: bool, now: UnixTime) -> Step<Verdict> {
        match incoming.token() {
            Err(error) => Step::Done(Answer::refusal(&incoming, &error.into()).into()),
            Ok(Some((token, source))) => self.admit_token(token, source, incoming, now),
            Ok(None) if !required => self.admit_session(&incoming, Absent::Admitted, now),
            Ok(None) if self.may_redirect(&incoming) => {
                self.admit_session(&incoming, Absent::SentToSignIn, now)
            }
            Ok(None) => self.admit_session(&incoming, Absent::Refused, now),
        }
    }

    fn admit_token(
        &self,
        token: &str,
        source: Source,
        incoming: Incoming<'_>,
        now: UnixTime,
    ) -> Step<Verdict> {
        let shape = answer::Shape::of(&incoming);
        self.identify(token, source, now).map(now, move |identity| match identity {
            Ok(identity) => Verdict::allow(identity),
            Err(error) => Answer::refusal_as(shape, &error).into(),
        })
    }

    fn identify(&self, token: &str, source: Source, now: UnixTime) -> Step<Result<Identity, Error>> {
        let client = self.judge_of(token).clone();
        let (leeway, ends_with_key) = (client.config().leeway, self.home.config().sockets_end_with_key);
        let verified = client.verify_access_token(token, now);
        let unused = verified.then(now, move |verified, now| match verified {
            Ok(claims) => client.use_token(claims, now),
            Err(error) => Step::Done(Err(error.into())),
        });
        unused.map(now, move |claims| {
            claims.map(|claims| {
                let expires_at = claims.expires_at().unwrap_or_default().saturating_add(leeway);
                Identity { claims, source, expires_at, session: None, ends_with_key }
            })
        })
    }

    /// A person is loading a page, as far as one can tell: only then does a redirect to the provider help.
    fn may_redirect(&self, incoming: &Incoming<'_>) -> bool {
        let api =
            self.home.config().api_paths.iter().any(|prefix| incoming.path().starts_with(prefix.as_str()));
        let script = incoming.header("x-requested-with").is_some() || incoming.header("upgrade").is_some();
        let page = match incoming.header("sec-fetch-mode") {
            Some(mode) => mode == "navigate",
            None => incoming
                .header("accept")
                .is_none_or(|accept| accept.contains("text/html") || accept.contains("*/*")),
        };
        !api && !script && page
    }
}

/// The value of a parameter that must stand exactly once.
fn only_value(text: &[u8], wanted: &'static str) -> Result<String, RequestError> {
    let mut values = form_urlencoded::parse(text).filter(|(name, _)| name == wanted);
    match (values.next(), values.next()) {
        (Some((_, value)), None) => Ok(value.into_owned()),
        _ => Err(RequestError::Parameter(wanted)),
    }
}

impl Browser {
    fn of(client: &Client, others: &[Client]) -> Result<Option<Self>, Error> {
        let config = client.config();
        let Some((registration, sign_in)) = config.registration.as_ref().zip(config.sign_in()) else {
            return Ok(None);
        };
        let sign_ins = || others.iter().filter_map(|client| client.config().sign_in()).chain([sign_in]);
        let form_post = sign_ins().any(|sign_in| sign_in.response_mode == ResponseMode::FormPost);
        Ok(Some(Self {
            cookies: Cookies::of(&sign_in.redirect_uri, form_post),
            seals: Seals::new(&Self::secrets(client)?, config.issuer(), &registration.client_id),
            origin: sign_in.origin(),
            callback_paths: sign_ins().map(|sign_in| sign_in.redirect_uri.path().to_owned()).collect(),
            refreshes: Refreshes::new(refresh::LEASE),
        }))
    }

    fn is_callback(&self, path: &str) -> bool {
        self.callback_paths.iter().any(|callback| callback == path)
    }

    /// The cookies of a request that are this application's.
    fn cookies_of(&self, incoming: &Incoming<'_>) -> Jar {
        Jar::parse(incoming.all("cookie"), self.cookies.prefix())
    }

    fn clear(&self, names: impl IntoIterator<Item = String>) -> Vec<HeaderValue> {
        names.into_iter().filter_map(|name| self.cookies.clear(&name)).collect()
    }

    /// A local path to return to that is not one of the guard's own, which would go round in circles.
    fn return_to(&self, target: &str) -> String {
        let target = crate::login::local_path(target);
        let resolved = Url::parse(&self.origin).and_then(|origin| origin.join(target));
        let path = resolved.as_ref().map_or("/", Url::path);
        let own = self.is_callback(path) || OWN_PATHS.contains(&path);
        if own { "/".to_owned() } else { target.to_owned() }
    }
}

impl<'a> Incoming<'a> {
    /// A request of the `http` crate, without its body.
    #[must_use]
    pub fn of(head: &'a http::request::Parts) -> Self {
        let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
        Self { method: &head.method, target, headers: &head.headers, body: None, presented: None }
    }

    fn path(&self) -> &'a str {
        self.target.split('?').next().unwrap_or_default()
    }

    fn query(&self) -> &'a str {
        self.target.split_once('?').map(|(_, query)| query).unwrap_or_default()
    }

    /// The first value of a header, if it is text.
    fn header(&self, name: &str) -> Option<&'a str> {
        let mut found = None;
        self.headers.each(name, &mut |value| found = found.or_else(|| std::str::from_utf8(value).ok()));
        found
    }

    fn all(&self, name: &str) -> Vec<&'a [u8]> {
        let mut values = Vec::new();
        self.headers.each(name, &mut |value| values.push(value));
        values
    }

    /// The one token presented.
    fn token(&self) -> Result<Option<(&'a str, Source)>, RequestError> {
        let header = bearer::token(&self.all("authorization"))?.map(|token| (token, Source::Header));
        match (header, self.presented) {
            (Some(_), Some(_)) => Err(RequestError::TwoCredentials),
            (None, Some((token, source))) => Ok(Some((token.expose(), source))),
            (header, None) => Ok(header),
        }
    }

    fn is_form(&self) -> bool {
        let essence = self.header("content-type").and_then(wire::essence);
        essence.as_deref() == Some("application/x-www-form-urlencoded")
    }

    /// A person may read the answer.
    fn wants_page(&self) -> bool {
        self.header("accept").is_some_and(|accept| accept.contains("text/html"))
    }
}

impl Verdict {
    /// The guard's own answer; one that lets through is none, and becomes an empty 204.
    #[must_use]
    pub fn into_response(self) -> Response<Vec<u8>> {
        let (status, headers, body) = match self {
            Self::Reply { status, headers, body } => (status, headers, body),
            Self::Allow { headers, .. } => (StatusCode::NO_CONTENT, headers, Vec::new()),
        };
        let mut response = Response::new(body);
        *response.status_mut() = status;
        response.headers_mut().extend(headers);
        response
    }

    fn allow(identity: Identity) -> Self {
        Self::Allow { identity: Some(identity), headers: Vec::new() }
    }
}

/// Shows the issuer.
impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("client", &self.client).finish_non_exhaustive()
    }
}

/// Shows the outcome.
impl fmt::Debug for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allow { identity, .. } => {
                f.debug_struct("Allow").field("identity", identity).finish_non_exhaustive()
            }
            Self::Reply { status, .. } => {
                f.debug_struct("Reply").field("status", status).finish_non_exhaustive()
            }
        }
    }
}
