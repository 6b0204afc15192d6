//! A layer for any tower service: it answers sign-in, callback, sign-out and bad credentials, and passes on the rest.

use std::sync::Arc;
use std::task;

use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use http_body_util::{BodyExt, Limited};
use oidc_core::guard::Policy;
use oidc_core::{Identity, Incoming, Step, Verdict};
use tower_layer::Layer;
use tower_service::Service;

use crate::engine::now;
use crate::{Oidc, Running};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Puts an [`Oidc`] in front of a service; made by [`Oidc::layer`].
#[derive(Clone)]
pub struct OidcLayer {
    oidc: Arc<Oidc>,
    policy: Option<Policy>,
}

/// A service behind an [`OidcLayer`].
#[derive(Clone)]
pub struct Protected<S> {
    oidc: Arc<Oidc>,
    policy: Option<Policy>,
    inner: S,
}

/// What a request behind the layer carries in its extensions.
#[derive(Clone)]
pub struct Visitor {
    /// Who sent it, if they presented a good token or have a session.
    pub identity: Option<Identity>,
    pub(crate) oidc: Arc<Oidc>,
    /// As it was received: a router inside of another one sees less of it.
    target: Option<PathAndQuery>,
    /// What they had to meet. Who opens a socket by another token has to meet it, too.
    pub(crate) policies: Vec<Policy>,
}

impl Visitor {
    /// The request that came with them, as the layer saw it.
    #[cfg(any(feature = "axum", feature = "socketio"))]
    pub(crate) fn incoming<'a>(&'a self, head: &'a http::request::Parts) -> Incoming<'a> {
        Incoming { target: text(self.target.as_ref()), ..Incoming::of(head) }
    }

    pub(crate) fn is_of(&self, oidc: &Oidc) -> bool {
        self.oidc.is_the_same_as(oidc)
    }
}

impl Oidc {
    /// A layer that protects every route it is put in front of.
    #[must_use]
    pub fn layer(&self) -> OidcLayer {
        OidcLayer { oidc: Arc::new(self.clone()), policy: None }
    }
}

impl OidcLayer {
    /// Every request that reaches a route must meet this policy, also where the layer stands behind another one of the same
    /// [`Oidc`]: so a part of the routes can demand more, and nobody is admitted twice.
    #[must_use]
    pub fn require(self, policy: &Policy) -> Self {
        Self { policy: Some(policy.clone()), ..self }
    }
}

impl<S> Layer<S> for OidcLayer {
    type Service = Protected<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Protected { oidc: Arc::clone(&self.oidc), policy: self.policy.clone(), inner }
    }
}

impl<S, B, R> Service<Request<B>> for Protected<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send,
    B: http_body::Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
    R: From<Vec<u8>> + Send,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = Running<Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, context: &mut task::Context<'_>) -> task::Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let whole = request.uri().path_and_query();
        if let Some(limit) = self.oidc.guard.body_limit(&incoming(&request, whole)) {
            let oidc = Arc::clone(&self.oidc);
            return Box::pin(async move {
                let (head, body) = request.into_parts();
                let body = read_body(body, limit).await;
                let verdict = oidc.check(Incoming { body: Some(&body), ..Incoming::of(&head) }).await;
                Ok(verdict.into_response().map(R::from))
            });
        }
        // Another layer may have admitted it, and a router cut its target since.
        let before = request.extensions_mut().remove::<Visitor>().filter(|before| before.is_of(&self.oidc));
        let (admitted, mut seen) = match before {
            Some(Visitor { identity, target, policies, .. }) => {
                (Step::Done(Verdict::Allow { identity, headers: Vec::new() }), Seen { target, policies })
            }
            None => {
                let target = request.uri().path_and_query().cloned();
                let admitted = self.oidc.guard.check(incoming(&request, target.as_ref()), now());
                (admitted, Seen { target, policies: Vec::new() })
            }
        };
        seen.policies.extend(self.policy.clone());
        match (admitted, self.policy.clone()) {
            // Most decisions need nothing from outside: neither a future of their own, nor a copy of the service.
            (Step::Done(verdict), None) => pass_on(verdict, request, seen, &self.oidc, &mut self.inner),
            (admitted, policy) => {
                let mut inner = take_ready(&mut self.inner);
                let oidc = Arc::clone(&self.oidc);
                Box::pin(async move {
                    let mut verdict = oidc.carry_out(admitted, true).await;
                    if let Some(policy) = policy {
                        let asked = incoming(&request, seen.target.as_ref());
                        let upheld = oidc.guard.uphold(verdict, asked, &policy, now());
                        verdict = oidc.carry_out(upheld, true).await;
                    }
                    pass_on(verdict, request, seen, &oidc, &mut inner).await
                })
            }
        }
    }
}

/// The service that is ready is this one, and not its clone.
pub(crate) fn take_ready<S: Clone>(service: &mut S) -> S {
    let clone = service.clone();
    std::mem::replace(service, clone)
}

/// What the layers have seen and demanded.
struct Seen {
    target: Option<PathAndQuery>,
    policies: Vec<Policy>,
}

fn incoming<'a, B>(request: &'a Request<B>, target: Option<&'a PathAndQuery>) -> Incoming<'a> {
    let (method, headers) = (request.method(), request.headers());
    Incoming { method, target: text(target), headers, body: None, presented: None }
}

fn text(target: Option<&PathAndQuery>) -> &str {
    target.map_or("/", PathAndQuery::as_str)
}

/// Passes a request on that is let through; any other is answered.
fn pass_on<S, B, R>(
    verdict: Verdict,
    mut request: Request<B>,
    Seen { target, policies }: Seen,
    oidc: &Arc<Oidc>,
    inner: &mut S,
) -> Running<Result<Response<R>, S::Error>>
where
    S: Service<Request<B>, Response = Response<R>, Future: Send, Error: Send> + 'static,
    B: 'static,
    R: From<Vec<u8>> + Send,
{
    let Verdict::Allow { identity, headers } = verdict else {
        return Box::pin(async move { Ok(verdict.into_response().map(R::from)) });
    };
    request.extensions_mut().insert(Visitor { identity, oidc: Arc::clone(oidc), target, policies });
    let answer = inner.call(request);
    if headers.is_empty() {
        return Box::pin(answer);
    }
    Box::pin(async move {
        let mut response = answer.await?;
        add_headers(response.headers_mut(), headers);
        Ok(response)
    })
}

/// Where they are not there: an answer that has come of the guard has its own.
pub(crate) fn add_headers(all: &mut HeaderMap, more: Vec<(HeaderName, HeaderValue)>) {
    for (name, value) in more {
        if !all.get_all(&name).iter().any(|there| *there == value) {
            all.append(name, value);
        }
    }
}

/// The body, or what is one byte too long if it is; one that breaks off is as good as that.
async fn read_body<B: http_body::Body<Error: Into<BoxError>>>(body: B, limit: usize) -> Vec<u8> {
    let read = Limited::new(std::pin::pin!(body), limit).collect().await;
    read.map_or_else(|_| vec![0; limit + 1], |body| body.to_bytes().to_vec())
}
