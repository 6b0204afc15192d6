//! A layer for any tower service: it answers sign-in, callback, sign-out and bad credentials, and passes on the rest.

use std::task;

use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use http_body_util::{BodyExt, Limited};
use oidc_core::guard::Policy;
use oidc_core::{Identity, Incoming, Verdict};
use tower_layer::Layer;
use tower_service::Service;

use crate::{Oidc, Running};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Puts an [`Oidc`] in front of a service; made by [`Oidc::layer`].
#[derive(Clone)]
pub struct OidcLayer {
    oidc: Oidc,
    policy: Option<Policy>,
}

/// A service behind an [`OidcLayer`].
#[derive(Clone)]
pub struct Protected<S> {
    oidc: Oidc,
    policy: Option<Policy>,
    inner: S,
}

/// What a request behind the layer carries in its extensions.
#[derive(Clone)]
pub struct Visitor {
    /// Who sent it, if they presented a good token or have a session.
    pub identity: Option<Identity>,
    pub(crate) oidc: Oidc,
    pub(crate) target: String,
}

impl Oidc {
    /// A layer that protects every route it is put in front of.
    #[must_use]
    pub fn layer(&self) -> OidcLayer {
        OidcLayer { oidc: self.clone(), policy: None }
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
        Protected { oidc: self.oidc.clone(), policy: self.policy.clone(), inner }
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

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (oidc, policy) = (self.oidc.clone(), self.policy.clone());
        // The service that is ready is this one, and not its clone.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let limit = oidc.guard.body_limit(&Incoming::of(&head));
            if let Some(limit) = limit {
                let body = read_body(body, limit).await;
                let verdict = oidc.check(Incoming { body: Some(&body), ..Incoming::of(&head) }).await;
                return Ok(verdict.into_response().map(R::from));
            }
            let before = head.extensions.get::<Visitor>().filter(|visitor| visitor.is_of(&oidc)).cloned();
            // A router may have cut the target since.
            let target = match &before {
                Some(visitor) => visitor.target.clone(),
                None => Incoming::of(&head).target.to_owned(),
            };
            let incoming = || Incoming { target: &target, ..Incoming::of(&head) };
            let admitted = match before {
                Some(Visitor { identity, .. }) => Verdict::Allow { identity, headers: Vec::new() },
                None => oidc.check(incoming()).await,
            };
            let verdict = match policy {
                Some(policy) => oidc.uphold(admitted, incoming(), &policy).await,
                None => admitted,
            };
            let Verdict::Allow { identity, headers } = verdict else {
                return Ok(verdict.into_response().map(R::from));
            };
            let mut request = Request::from_parts(head, body);
            request.extensions_mut().insert(Visitor { identity, oidc, target });
            let mut response = inner.call(request).await?;
            add_headers(response.headers_mut(), headers);
            Ok(response)
        })
    }
}

impl Visitor {
    fn is_of(&self, oidc: &Oidc) -> bool {
        std::ptr::eq(self.oidc.client().config(), oidc.client().config())
    }
}

/// Where they are not there: an answer that has come of the guard has its own.
fn add_headers(all: &mut HeaderMap, more: Vec<(HeaderName, HeaderValue)>) {
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
