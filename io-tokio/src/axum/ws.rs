//! Websockets behind [`Oidc::layer`](crate::Oidc::layer): a handler that takes a [`Socket`].
//!
//! ```no_run
//! use axum::response::Response;
//! use oidc_tokio::axum::ws::Socket;
//!
//! async fn echo(socket: Socket) -> Response {
//!     socket.on_upgrade(async |mut socket| {
//!         while let Some(Ok(message)) = socket.recv().await {
//!             if socket.send(message).await.is_err() {
//!                 break;
//!             }
//!         }
//!     })
//! }
//! ```

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderName, HeaderValue};
use oidc_core::sockets::{Ended, Notice};
use oidc_core::{Error, Identity, Secret, Verdict};

use super::unprotected;
use crate::Oidc;
use crate::tower::{Visitor, add_headers};
use crate::watch::Life;

/// A websocket that somebody may open: see [`Guard::admit_socket`](oidc_core::Guard::admit_socket). Nobody else's request
/// reaches the handler.
pub struct Socket {
    oidc: Oidc,
    identity: Identity,
    upgrade: WebSocketUpgrade,
    /// Of the answer to the handshake.
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// An open websocket, which closes with 1008 when its identity ends: at its token's or session's end, or with the session.
pub struct OpenSocket {
    socket: WebSocket,
    life: Life,
    warning: Option<Message>,
    closed: bool,
}

impl<S: Send + Sync> FromRequestParts<S> for Socket {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let visitor: Visitor = parts.extensions.get().cloned().ok_or_else(|| unprotected(parts))?;
        let before = visitor.identity.as_ref();
        let mut admitted = visitor.oidc.admit_socket(visitor.incoming(parts), before).await;
        for policy in &visitor.policies {
            admitted = visitor.oidc.uphold(admitted, visitor.incoming(parts), policy).await;
        }
        let (identity, headers) = match admitted {
            Verdict::Allow { identity: Some(identity), headers } => (identity, headers),
            reply => return Err(reply.into_response().map(Body::from)),
        };
        let upgrade = WebSocketUpgrade::from_request_parts(parts, state).await;
        let upgrade = upgrade.map_err(IntoResponse::into_response)?;
        Ok(Self { oidc: Oidc::clone(&visitor.oidc), identity, upgrade, headers })
    }
}

impl Socket {
    /// Who opens it.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Changes the handshake: sizes of messages, and subprotocols of one's own where tokens do not come among them.
    #[must_use]
    pub fn upgrade(self, change: impl FnOnce(WebSocketUpgrade) -> WebSocketUpgrade) -> Self {
        Self { upgrade: change(self.upgrade), ..self }
    }

    /// Opens it, and runs `handler` on a task of its own.
    pub fn on_upgrade<F>(self, handler: impl FnOnce(OpenSocket) -> F + Send + 'static) -> Response
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let Self { oidc, identity, upgrade, headers } = self;
        let mut response = upgrade.on_upgrade(move |socket| {
            handler(OpenSocket { socket, life: oidc.watch(identity), warning: None, closed: false })
        });
        add_headers(response.headers_mut(), headers);
        response
    }
}

impl OpenSocket {
    /// Who is there.
    #[must_use]
    pub fn identity(&self) -> Identity {
        self.life.identity()
    }

    /// The next message; `None` once the socket is closed, from either side.
    pub async fn recv(&mut self) -> Option<Result<Message, axum::Error>> {
        if self.closed {
            return None;
        }
        loop {
            let notice = tokio::select! {
                biased;
                notice = self.life.notice() => notice,
                message = self.socket.recv() => return message,
            };
            match (notice, &self.warning) {
                (Notice::Ended(why), _) => {
                    self.close(why).await;
                    return None;
                }
                (_, Some(warning)) => {
                    if let Err(error) = self.send(warning.clone()).await {
                        return (!self.closed).then_some(Err(error));
                    }
                }
                (_, None) => {}
            }
        }
    }

    /// Sends this message while [`recv`](Self::recv) waits and the end is near, so that the client may send a fresh token for
    /// [`renew`](Self::renew): see [`Notice::Expiring`]. Default: none.
    pub fn warn_with(&mut self, warning: Message) {
        self.warning = Some(warning);
    }

    /// Sends a message.
    ///
    /// # Errors
    /// The connection's, or that the socket has just been closed since its identity has ended.
    pub async fn send(&mut self, message: Message) -> Result<(), axum::Error> {
        if self.closed {
            return Err(axum::Error::new("the socket is closed"));
        }
        tokio::select! {
            biased;
            ended = self.life.ended() => {
                self.close(ended).await;
                Err(axum::Error::new(ended.reason()))
            }
            sent = self.socket.send(message) => sent,
        }
    }

    /// Lets the socket go on by a fresh token: see [`Life::renew`].
    ///
    /// # Errors
    /// [`Error`] when the token is not good, or somebody else's, for which the socket closes.
    pub async fn renew(&mut self, token: &Secret) -> Result<(), Error> {
        self.life.renew(token).await
    }

    /// Whoever does not take it within a second is cut off.
    async fn close(&mut self, ended: Ended) {
        self.closed = true;
        let frame = CloseFrame { code: 1008, reason: ended.reason().into() };
        let farewell = self.socket.send(Message::Close(Some(frame)));
        let _ = tokio::time::timeout(std::time::Duration::from_secs(1), farewell).await;
    }
}
