//! Websockets behind [`Oidc::middleware`](crate::Oidc::middleware): a handler that takes a [`Socket`].
//!
//! ```no_run
//! use actix_web::HttpResponse;
//! use oidc_tokio::actix::ws::{AggregatedMessage, Socket};
//!
//! async fn echo(socket: Socket) -> HttpResponse {
//!     socket.on_upgrade(async |mut socket| {
//!         while let Some(Ok(message)) = socket.recv().await {
//!             if let AggregatedMessage::Text(text) = message
//!                 && socket.text(text).await.is_err()
//!             {
//!                 break;
//!             }
//!         }
//!     })
//! }
//! ```

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::error::InternalError;
use actix_web::{FromRequest, HttpMessage, HttpRequest, HttpResponse, web};
pub use actix_ws::AggregatedMessage;
use actix_ws::{
    AggregatedMessageStream, CloseCode, CloseReason, Closed, MessageStream, ProtocolError, Session,
};
use oidc_core::sockets::{Ended, Notice};
use oidc_core::{Error, Identity, Incoming, Secret, Verdict};

use super::{Visitor, add_headers, answer, judge, unprotected};
use crate::Oidc;
use crate::watch::Life;

/// A websocket that somebody may open: see [`Guard::admit_socket`](oidc_core::Guard::admit_socket). Nobody else's request
/// reaches the handler.
pub struct Socket {
    oidc: Oidc,
    identity: Identity,
    handshake: HttpResponse,
    session: Session,
    stream: MessageStream,
}

/// An open websocket, which closes with 1008 when its identity ends: at its token's or session's end, or with the session.
pub struct OpenSocket {
    session: Session,
    stream: AggregatedMessageStream,
    life: Life,
    warning: Option<String>,
    closed: bool,
}

impl FromRequest for Socket {
    type Error = actix_web::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, actix_web::Error>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let visitor = request.extensions().get::<Visitor>().cloned();
            let Visitor { identity, oidc, policies } = visitor.ok_or_else(|| unprotected(&request))?;
            let open = |incoming: Incoming<'_>| oidc.admit_socket(incoming, identity.as_ref());
            let mut admitted = judge(&request, None, open).await;
            for policy in &policies {
                admitted = judge(&request, None, |incoming| oidc.uphold(admitted, incoming, policy)).await;
            }
            let (identity, headers) = match admitted {
                Verdict::Allow { identity: Some(identity), headers } => (identity, headers),
                reply => return Err(InternalError::from_response("refused", answer(reply)).into()),
            };
            let body = web::Payload::from_request(&request, &mut { payload }).await?;
            let (mut handshake, session, stream) = actix_ws::handle(&request, body)?;
            add_headers(handshake.headers_mut(), headers.iter().map(|(name, value)| (name, value)));
            Ok(Self { oidc: Oidc::clone(&oidc), identity, handshake, session, stream })
        })
    }
}

impl Socket {
    /// Who opens it.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The largest frame that is taken, in bytes, instead of 64 KiB. A message of several frames has at most 1 MiB.
    #[must_use]
    pub fn max_frame_size(self, bytes: usize) -> Self {
        Self { stream: self.stream.max_frame_size(bytes), ..self }
    }

    /// Opens it, and runs `handler` on a task of its own.
    pub fn on_upgrade<F>(self, handler: impl FnOnce(OpenSocket) -> F + 'static) -> HttpResponse
    where
        F: Future<Output = ()> + 'static,
    {
        let Self { oidc, identity, handshake, session, stream } = self;
        actix_web::rt::spawn(async move {
            let (stream, life) = (stream.aggregate_continuations(), oidc.watch(identity));
            handler(OpenSocket { session, stream, life, warning: None, closed: false }).await;
        });
        handshake
    }
}

impl OpenSocket {
    /// Who is there.
    #[must_use]
    pub fn identity(&self) -> Identity {
        self.life.identity()
    }

    /// The next message; `None` once the socket is closed, from either side. Pings are answered.
    pub async fn recv(&mut self) -> Option<Result<AggregatedMessage, ProtocolError>> {
        while !self.closed {
            tokio::select! {
                biased;
                notice = self.life.notice() => match (notice, self.warning.clone()) {
                    (Notice::Ended(why), _) => self.close(why).await,
                    (_, Some(warning)) => self.closed = self.text(warning).await.is_err(),
                    (_, None) => {}
                },
                message = self.stream.recv() => match message {
                    Some(Ok(AggregatedMessage::Ping(ping))) => {
                        let mut session = self.session.clone();
                        let pong = async move { session.pong(&ping).await };
                        self.closed = self.send(pong).await.is_err();
                    }
                    Some(Ok(AggregatedMessage::Close(reason))) => {
                        self.farewell(reason).await;
                    }
                    message => return message,
                },
            }
        }
        None
    }

    /// Sends this text while [`recv`](Self::recv) waits and the end is near, so that the client may send a fresh token for
    /// [`renew`](Self::renew): see [`Notice::Expiring`]. Default: none.
    pub fn warn_with(&mut self, warning: impl Into<String>) {
        self.warning = Some(warning.into());
    }

    /// Sends a text.
    ///
    /// # Errors
    /// [`Closed`], also if the socket has just been closed since its identity has ended.
    pub async fn text(&mut self, text: impl Into<bytestring::ByteString>) -> Result<(), Closed> {
        let mut session = self.session.clone();
        let text = text.into();
        self.send(async move { session.text(text).await }).await
    }

    /// Sends bytes.
    ///
    /// # Errors
    /// As of [`text`](Self::text).
    pub async fn binary(&mut self, bytes: impl Into<web::Bytes>) -> Result<(), Closed> {
        let mut session = self.session.clone();
        let bytes = bytes.into();
        self.send(async move { session.binary(bytes).await }).await
    }

    async fn send(&mut self, send: impl Future<Output = Result<(), Closed>>) -> Result<(), Closed> {
        if self.closed {
            return Err(Closed);
        }
        tokio::select! {
            biased;
            ended = self.life.ended() => {
                self.close(ended).await;
                Err(Closed)
            }
            sent = send => sent,
        }
    }

    /// Lets the socket go on by a fresh token: see [`Life::renew`].
    ///
    /// # Errors
    /// [`Error`] when the token is not good, or somebody else's, for which the socket closes.
    pub async fn renew(&mut self, token: &Secret) -> Result<(), Error> {
        self.life.renew(token).await
    }

    async fn close(&mut self, ended: Ended) {
        let description = Some(ended.reason().to_owned());
        self.farewell(Some(CloseReason { code: CloseCode::Policy, description })).await;
    }

    /// Whoever does not take it within a second does without.
    async fn farewell(&mut self, reason: Option<CloseReason>) {
        self.closed = true;
        let farewell = self.session.clone().close(reason);
        let _ = tokio::time::timeout(Duration::from_secs(1), farewell).await;
    }
}
