//! A layer for any tower service: it answers sign-in, callback, sign-out and bad credentials, and passes on the rest.

use std::task;

use http::{Request, Response};
use http_body_util::{BodyExt, Limited};
use oidc_core::{Identity, Incoming, Verdict};
use tower_layer::Layer;
use tower_service::Service;

use crate::{Oidc, Running};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

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
        let oidc = self.oidc.clone();
        // The service that is ready is this one, and not its clone.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let limit = oidc.guard.body_limit(&Incoming::of(&head));
            let verdict = match limit {
                Some(limit) => {
                    let body = read_body(body, limit).await;
                    let verdict = oidc.check(Incoming { body: Some(&body), ..Incoming::of(&head) }).await;
                    return Ok(verdict.into_response().map(R::from));
                }
                None => oidc.check(Incoming::of(&head)).await,
            };
            let Verdict::Allow { identity, headers } = verdict else {
                return Ok(verdict.into_response().map(R::from));
            };
            let target = Incoming::of(&head).target.to_owned();
            let mut request = Request::from_parts(head, body);
            request.extensions_mut().insert(Visitor { identity, oidc, target });
            let mut response = inner.call(request).await?;
            response.headers_mut().extend(headers);
            Ok(response)
        })
    }
}

/// The body, or what is one byte too long if it is; one that breaks off is as good as that.
async fn read_body<B: http_body::Body<Error: Into<BoxError>>>(body: B, limit: usize) -> Vec<u8> {
    let read = Limited::new(std::pin::pin!(body), limit).collect().await;
    read.map_or_else(|_| vec![0; limit + 1], |body| body.to_bytes().to_vec())
}
