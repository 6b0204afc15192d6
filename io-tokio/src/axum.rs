//! axum: handlers that take an [`Identity`] behind [`Oidc::layer`](crate::Oidc::layer).

#[cfg(feature = "ws")]
pub mod ws;

use std::ops::Deref;

use axum::body::Body;
use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::response::Response;
use http::StatusCode;
use http::request::Parts;
use oidc_core::Verdict;

use crate::tower::Visitor;

/// Who sent the request. Without a good token or a session, the handler is not called: the person is sent to sign in, or
/// the caller gets 401. An `Option<Identity>` calls the handler in any case.
#[derive(Debug, Clone)]
pub struct Identity(pub oidc_core::Identity);

impl Deref for Identity {
    type Target = oidc_core::Identity;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Identity {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        let visitor: &Visitor = parts.extensions.get().ok_or_else(|| unprotected(parts))?;
        if let Some(identity) = &visitor.identity {
            return Ok(Self(identity.clone()));
        }
        match visitor.oidc.require(visitor.incoming(parts)).await {
            Verdict::Allow { identity: Some(identity), .. } => Ok(Self(identity)),
            reply => Err(reply.into_response().map(Body::from)),
        }
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for Identity {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Response> {
        let visitor: &Visitor = parts.extensions.get().ok_or_else(|| unprotected(parts))?;
        Ok(visitor.identity.clone().map(Self))
    }
}

/// A route without the layer is a mistake of the application's, and closed rather than open.
fn unprotected(parts: &Parts) -> Response {
    tracing::error!(path = parts.uri.path(), "this route is not behind `oidc.layer()`");
    let mut response = Response::new(Body::from("This route is not set up: see the server's log.\n"));
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response
}
