//! A layer for any tower service: it answers sign-in, callback, sign-out and bad credentials, and passes on the rest.

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body_util::{BodyExt, Limited};
use oidc_core::{Identity, Incoming, Verdict};
use tower_layer::Layer;
use tower_service::Service;

use crate::Oidc;

/// Puts an [`Oidc`] in front of a service; made by [`Oidc::layer`].
#[derive(Clone)]
pub struct OidcLayer(Oidc);

/// A service behind an [`OidcLayer`].
#[derive(Clone)]
pub struct Protected<S> {
    oidc: Oidc,
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
        OidcLayer(self.clone())
    }
}

impl<S> Layer<S> for OidcLayer {
    type Service = Protected<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Protected { oidc: self.0.clone(), inner }
    }
}

impl<S, B, R> Service<Request<B>> for Protected<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send,
    B: http_body::Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
    R: From<Vec<u8>> + Send,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let oidc = self.oidc.clone();
        // The service that is ready is this one, and not its clone.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let target = head.uri.path_and_query().map_or("/", |target| target.as_str()).to_owned();
            let limit = oidc.guard.body_limit(&incoming(&head, &target, None));
            let verdict = match limit {
                Some(limit) => {
                    let body = Limited::new(std::pin::pin!(body), limit + 1).collect().await;
                    let body = body.map_or_else(|_| vec![0; limit + 1], |body| body.to_bytes().to_vec());
                    return Ok(answer(oidc.check(incoming(&head, &target, Some(&body))).await));
                }
                None => oidc.check(incoming(&head, &target, None)).await,
            };
            let Verdict::Allow { identity, headers } = verdict else { return Ok(answer(verdict)) };
            let mut request = Request::from_parts(head, body);
            request.extensions_mut().insert(Visitor { identity, oidc, target });
            let mut response = inner.call(request).await?;
            response.headers_mut().extend(headers);
            Ok(response)
        })
    }
}

/// A request's head as the guard sees it.
pub(crate) fn incoming<'a>(
    head: &'a http::request::Parts,
    target: &'a str,
    body: Option<&'a [u8]>,
) -> Incoming<'a> {
    Incoming { method: &head.method, target, headers: &head.headers, body, presented: None }
}

/// A verdict that is an answer.
pub(crate) fn answer<R: From<Vec<u8>>>(verdict: Verdict) -> Response<R> {
    match verdict {
        Verdict::Reply { status, headers, body } => {
            let mut response = Response::new(R::from(body));
            *response.status_mut() = status;
            response.headers_mut().extend(headers);
            response
        }
        Verdict::Allow { .. } => Response::new(R::from(Vec::new())),
    }
}
