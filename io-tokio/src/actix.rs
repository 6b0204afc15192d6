//! actix-web: handlers that take an [`Identity`] behind [`Oidc::middleware`].
//!
//! ```no_run
//! use actix_web::{App, HttpServer, web};
//! use oidc_tokio::{Oidc, actix::Identity};
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let oidc = Oidc::from_env()?;
//! HttpServer::new(move || {
//!     App::new()
//!         .route("/me", web::get().to(async |me: Identity| me.sub().to_owned()))
//!         .wrap(oidc.middleware())
//! })
//! .bind("127.0.0.1:3000")?
//! .run()
//! .await?;
//! # Ok(())
//! # }
//! ```
//!
//! Types of actix-web's are those of `http` 0.2, and stay in this file.

#[cfg(feature = "actix-ws")]
pub mod ws;

use std::fmt;
use std::future::{Ready, ready};
use std::ops::Deref;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

use actix_web::body::{BodyStream, BoxBody, EitherBody, MessageBody, to_bytes_limited};
use actix_web::dev::{Payload, Service, ServiceRequest, ServiceResponse, Transform, forward_ready};
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::{Error, FromRequest, HttpMessage, HttpRequest, HttpResponse, ResponseError};
use http::Method;
use oidc_core::guard::{Headers, Policy};
use oidc_core::{Incoming, Verdict};

use crate::Oidc;

/// Who sent the request. Without a good token or a session, the handler is not called: the person is sent to sign in, or
/// the caller gets 401. An `Option<Identity>` calls the handler in any case.
#[derive(Debug, Clone)]
pub struct Identity(pub oidc_core::Identity);

/// Puts an [`Oidc`] in front of an application, a scope or a resource; made by [`Oidc::middleware`].
#[derive(Clone)]
pub struct OidcMiddleware {
    oidc: Arc<Oidc>,
    policy: Option<Policy>,
}

/// A service behind an [`OidcMiddleware`].
pub struct Protected<S> {
    middleware: OidcMiddleware,
    inner: Rc<S>,
}

impl Oidc {
    /// A middleware for actix-web that protects every route it is wrapped around.
    #[must_use]
    pub fn middleware(&self) -> OidcMiddleware {
        OidcMiddleware { oidc: Arc::new(self.clone()), policy: None }
    }
}

impl OidcMiddleware {
    /// Every request that reaches a route must meet this policy, also where the middleware stands behind another one of the
    /// same [`Oidc`]: so a part of the routes can demand more, and nobody is admitted twice.
    #[must_use]
    pub fn require(self, policy: &Policy) -> Self {
        Self { policy: Some(policy.clone()), ..self }
    }

    /// Reads a body only where it is not the application's.
    async fn admit(&self, request: &mut ServiceRequest, before: Option<&Visitor>) -> Verdict {
        if let Some(limit) = judge(request.request(), None, |incoming| self.oidc.guard.body_limit(&incoming))
        {
            let body = read_body(request.take_payload(), limit).await;
            return judge(request.request(), Some(&body), |incoming| self.oidc.check(incoming)).await;
        }
        // Another middleware may have admitted it.
        let admitted = match before {
            Some(before) => Verdict::Allow { identity: before.identity.clone(), headers: Vec::new() },
            None => judge(request.request(), None, |incoming| self.oidc.check(incoming)).await,
        };
        match &self.policy {
            Some(policy) => self.uphold(admitted, request.request(), policy).await,
            None => admitted,
        }
    }

    fn before(&self, request: &ServiceRequest) -> Option<Visitor> {
        request.extensions().get::<Visitor>().filter(|before| before.is_of(&self.oidc)).cloned()
    }

    async fn uphold(&self, admitted: Verdict, request: &HttpRequest, policy: &Policy) -> Verdict {
        judge(request, None, |incoming| self.oidc.uphold(admitted, incoming, policy)).await
    }
}

impl<S, B> Transform<S, ServiceRequest> for OidcMiddleware
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Transform = Protected<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, inner: S) -> Self::Future {
        ready(Ok(Protected { middleware: self.clone(), inner: Rc::new(inner) }))
    }
}

impl<S, B> Service<ServiceRequest> for Protected<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Error>>>>;

    forward_ready!(inner);

    fn call(&self, mut request: ServiceRequest) -> Self::Future {
        let (middleware, inner) = (self.middleware.clone(), Rc::clone(&self.inner));
        Box::pin(async move {
            let before = middleware.before(&request);
            let (identity, headers) = match middleware.admit(&mut request, before.as_ref()).await {
                Verdict::Allow { identity, headers } => (identity, headers),
                reply => return Ok(request.into_response(answer(reply)).map_into_right_body()),
            };
            let mut policies = before.map(|before| before.policies).unwrap_or_default();
            policies.extend(middleware.policy.clone());
            let visitor = Visitor { identity, oidc: Arc::clone(&middleware.oidc), policies };
            request.extensions_mut().insert(visitor);
            let answered = inner.call(request).await;
            if let Some(Refused(request)) = refused(&answered) {
                let nobody = Verdict::Allow { identity: None, headers };
                let reply = middleware.uphold(nobody, &request, &Policy::default()).await;
                return Ok(ServiceResponse::new(request, answer(reply)).map_into_right_body());
            }
            let mut response = answered?;
            add_headers(response.headers_mut(), headers.iter().map(|(name, value)| (name, value)));
            Ok(response.map_into_left_body())
        })
    }
}

impl Deref for Identity {
    type Target = oidc_core::Identity;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

/// Asks nobody: that a handler without an identity is not called is noticed, and answered, by the middleware.
impl FromRequest for Identity {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(match request.extensions().get::<Visitor>() {
            Some(Visitor { identity: Some(identity), .. }) => Ok(Self(identity.clone())),
            Some(_) => Err(Refused(request.clone()).into()),
            None => Err(unprotected(request)),
        })
    }
}

/// What a request behind the middleware carries in its extensions.
#[derive(Clone)]
struct Visitor {
    identity: Option<oidc_core::Identity>,
    oidc: Arc<Oidc>,
    /// What they had to meet. Who opens a socket by another token has to meet it, too.
    policies: Vec<Policy>,
}

impl Visitor {
    fn is_of(&self, oidc: &Oidc) -> bool {
        self.oidc.is_the_same_as(oidc)
    }
}

/// A handler needs an identity, and this request has none.
#[derive(Clone)]
struct Refused(HttpRequest);

/// A route without the middleware is a mistake of the application's, and closed rather than open.
#[derive(Debug)]
struct Unprotected;

/// Of a handler, or of a middleware in front of it.
fn refused<B>(answered: &Result<ServiceResponse<B>, Error>) -> Option<Refused> {
    let error = match answered {
        Ok(response) => response.response().error(),
        Err(error) => Some(error),
    };
    error.and_then(Error::as_error).cloned()
}

fn unprotected(request: &HttpRequest) -> Error {
    tracing::error!(path = request.path(), "this route is not behind `oidc.middleware()`");
    Unprotected.into()
}

/// Only where something in between hides the error from the middleware.
impl ResponseError for Refused {
    fn status_code(&self) -> StatusCode {
        StatusCode::UNAUTHORIZED
    }
}

impl ResponseError for Unprotected {}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("This needs a sign-in.\n")
    }
}

/// Nothing of the request.
impl fmt::Debug for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Refused")
    }
}

impl fmt::Display for Unprotected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("This route is not set up: see the server's log.\n")
    }
}

/// Shows a request as the guard sees it.
fn judge<T>(request: &HttpRequest, body: Option<&[u8]>, judge: impl FnOnce(Incoming<'_>) -> T) -> T {
    // Each method that one version of `http` knows, the other does.
    let method = Method::from_bytes(request.method().as_str().as_bytes()).unwrap_or_default();
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    let headers = &RequestHeaders(request.headers());
    judge(Incoming { method: &method, target, headers, body, presented: None })
}

/// The body, or what is one byte too long if it is; one that breaks off is as good as that.
async fn read_body(body: Payload, limit: usize) -> Vec<u8> {
    match to_bytes_limited(BodyStream::new(body), limit).await {
        Ok(Ok(body)) => body.to_vec(),
        _ => vec![0; limit + 1],
    }
}

fn answer(verdict: Verdict) -> HttpResponse {
    let (head, body) = verdict.into_response().into_parts();
    let status = StatusCode::from_u16(head.status.as_u16()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::with_body(status, BoxBody::new(body));
    add_headers(response.headers_mut(), &head.headers);
    response
}

/// Adds headers where they are not there: an answer that has come of the guard has its own.
fn add_headers<'h>(
    all: &mut HeaderMap,
    more: impl IntoIterator<Item = (&'h http::HeaderName, &'h http::HeaderValue)>,
) {
    for (name, value) in more {
        let name = HeaderName::from_bytes(name.as_str().as_bytes());
        let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value.as_bytes())) else { continue };
        if !all.get_all(&name).any(|there| *there == value) {
            all.append(name, value);
        }
    }
}

struct RequestHeaders<'r>(&'r HeaderMap);

impl Headers for RequestHeaders<'_> {
    fn each<'a>(&'a self, name: &str, visit: &mut dyn FnMut(&'a [u8])) {
        self.0.get_all(name).for_each(|value| visit(value.as_bytes()));
    }
}
