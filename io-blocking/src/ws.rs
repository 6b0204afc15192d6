//! Websockets on a listener of their own, each with a thread of its own: beside rouille, whose sockets can neither time out
//! nor close with a code, or by themselves.
//!
//! ```no_run
//! # fn serve(oidc: oidc_blocking::Oidc) -> std::io::Result<()> {
//! let listener = std::net::TcpListener::bind("127.0.0.1:3001")?;
//! oidc.serve_websockets(&listener, |mut socket| {
//!     while let Some(Ok(message)) = socket.recv() {
//!         if socket.send(message).is_err() {
//!             break;
//!         }
//!     }
//! })
//! # }
//! ```
//!
//! A server that has threads and limits of its own hands each connection to [`Oidc::accept_websocket`](crate::Oidc::accept_websocket).

#![expect(clippy::result_large_err, reason = "a refusal is of tungstenite's type")]

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use oidc_core::sockets::Ended;
use oidc_core::{Error, Identity, Incoming, Secret, Verdict};
use tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tungstenite::protocol::CloseFrame;
pub use tungstenite::{self, Message};

use crate::Oidc;
use crate::watch::{End, Life};

/// How long a handshake may take, from the first byte to the last.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// The most handshakes at once; the oldest gives way.
const HANDSHAKES: usize = 256;
/// How many times in a row accepting may fail, with a pause after each, before the listener is given up: a minute.
const FAILURES: u32 = 600;
const PAUSE: Duration = Duration::from_millis(100);
/// The shortest wait for bytes.
const SHORT: Duration = Duration::from_millis(10);
/// How long a message may take to be sent.
const SEND: Duration = Duration::from_secs(10);

/// An open websocket, which closes with 1008 when its identity ends: at its token's or session's end, or with the session.
pub struct OpenSocket {
    socket: tungstenite::WebSocket<Timed>,
    life: Life,
    target: String,
    warning: Option<Message>,
    closed: bool,
}

impl Oidc {
    /// Opens websockets for those who may open them (see [`Guard::admit_socket`](oidc_core::Guard::admit_socket)), and
    /// refuses the others as HTTP does. `handler` runs on a thread of each socket's own. Returns only if the listener fails.
    ///
    /// # Errors
    /// The listener's.
    pub fn serve_websockets(
        &self,
        listener: &TcpListener,
        handler: impl Fn(OpenSocket) + Send + Sync + 'static,
    ) -> io::Result<()> {
        let (handler, waiting) = (Arc::new(handler), Arc::new(Waiting::default()));
        let mut failures = 0;
        loop {
            let (stream, _) = match listener.accept() {
                Ok(accepted) => accepted,
                // A connection that broke off, or too many open files: that passes.
                Err(error) if failures < FAILURES => {
                    failures += 1;
                    tracing::warn!(%error, "no connection for a websocket");
                    thread::sleep(PAUSE);
                    continue;
                }
                Err(error) => return Err(error),
            };
            failures = 0;
            let place = waiting.enter(&stream);
            let (oidc, handler, there) = (self.clone(), Arc::clone(&handler), Arc::clone(&waiting));
            let serve = move || {
                let opened = oidc.accept_websocket(stream);
                there.leave(place);
                if let Some(socket) = opened {
                    handler(socket);
                }
            };
            if let Err(error) = thread::Builder::new().spawn(serve) {
                tracing::warn!(%error, "no thread for a websocket");
                waiting.leave(place);
            }
        }
    }

    /// The handshake on a connection that a server of one's own has accepted, within ten seconds: for those who may open
    /// websockets (see [`Guard::admit_socket`](oidc_core::Guard::admit_socket)). `None`: whoever is refused has been told, as
    /// HTTP does.
    #[must_use]
    pub fn accept_websocket(&self, stream: TcpStream) -> Option<OpenSocket> {
        let mut admitted = None;
        let timed = Timed::until(stream, Instant::now() + HANDSHAKE);
        let handshake = |request: &Request, response: Response| {
            let (identity, response) = self.admit(request, response)?;
            admitted = Some((identity, request.uri().to_string()));
            Ok(response)
        };
        let mut socket = tungstenite::accept_hdr(timed, handshake).ok()?;
        let (identity, target) = admitted?;
        let life = self.watch(identity, &socket.get_ref().stream).ok()?;
        let timed = socket.get_mut();
        (timed.deadline, timed.end) = (None, Some(Arc::clone(life.end())));
        Some(OpenSocket { socket, life, target, warning: None, closed: false })
    }

    fn admit(
        &self,
        request: &Request,
        mut response: Response,
    ) -> Result<(Identity, Response), ErrorResponse> {
        let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
        let (method, headers) = (request.method(), request.headers());
        let incoming = Incoming { method, target, headers, body: None, presented: None };
        match self.admit_socket(incoming, None) {
            Verdict::Allow { identity: Some(identity), headers } => {
                response.headers_mut().extend(headers);
                Ok((identity, response))
            }
            reply => Err(reply.into_response().map(|body| Some(String::from_utf8_lossy(&body).into_owned()))),
        }
    }
}

impl OpenSocket {
    /// Who is there.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        self.life.identity()
    }

    /// Path and query of the request that has opened it. A token may stand there, if that is configured.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }

    /// Waits for the next message; `None` once the socket is closed, from either side.
    pub fn recv(&mut self) -> Option<Result<Message, tungstenite::Error>> {
        if self.closed {
            return None;
        }
        let message = loop {
            // Without a warning there is nothing to wake up for but the end, which wakes whoever waits.
            self.socket.get_mut().wake = self.warning.is_some().then(|| Instant::now() + self.life.quiet());
            let message = self.socket.read();
            if let Some(ended) = self.life.end().why() {
                self.close(ended);
                return None;
            }
            if let Some(warning) = self.warning.clone().filter(|_| self.life.end().is_near())
                && let Err(error) = self.send(warning)
            {
                break Err(error);
            }
            if !woke(&message) {
                break message;
            }
        };
        match message {
            Err(tungstenite::Error::ConnectionClosed | tungstenite::Error::AlreadyClosed) => {
                self.closed = true;
                None
            }
            message => Some(message),
        }
    }

    /// Sends this message while [`recv`](Self::recv) waits and the end is near, so that the client may send a fresh token for
    /// [`renew`](Self::renew): see [`Notice::Expiring`](oidc_core::sockets::Notice::Expiring). Default: none.
    pub fn warn_with(&mut self, warning: Message) {
        self.warning = Some(warning);
    }

    /// Sends a message, within ten seconds.
    ///
    /// # Errors
    /// The connection's, or that the socket is closed.
    pub fn send(&mut self, message: Message) -> Result<(), tungstenite::Error> {
        match self.life.end().why() {
            Some(ended) if !self.closed => {
                self.close(ended);
                Err(tungstenite::Error::AlreadyClosed)
            }
            _ if self.closed => Err(tungstenite::Error::AlreadyClosed),
            _ => self.socket.send(message),
        }
    }

    /// Lets the socket go on by a fresh token of the same subject: see [`Guard::renew`](oidc_core::Guard::renew).
    ///
    /// # Errors
    /// [`Error`] when the token is not good, or somebody else's, for which the socket closes.
    pub fn renew(&mut self, token: &Secret) -> Result<(), Error> {
        self.life.renew(token)
    }

    fn close(&mut self, ended: Ended) {
        self.closed = true;
        let frame = CloseFrame { code: 1008.into(), reason: ended.reason().into() };
        // Whoever does not take it is cut off.
        let _ = self.socket.close(Some(frame));
        let _ = self.socket.flush();
    }
}

/// Nothing has come: the read was to end at a time.
fn woke(message: &Result<Message, tungstenite::Error>) -> bool {
    let kind = match message {
        Err(tungstenite::Error::Io(error)) => Some(error.kind()),
        _ => None,
    };
    matches!(kind, Some(io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut))
}

/// Handshakes under way. One that is the oldest of too many is cut off.
#[derive(Default)]
struct Waiting(Mutex<(u64, VecDeque<(u64, TcpStream)>)>);

impl Waiting {
    fn lock(&self) -> MutexGuard<'_, (u64, VecDeque<(u64, TcpStream)>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self, stream: &TcpStream) -> u64 {
        let mut waiting = self.lock();
        let (last, streams) = &mut *waiting;
        *last += 1;
        if streams.len() >= HANDSHAKES
            && let Some((_, oldest)) = streams.pop_front()
        {
            let _ = oldest.shutdown(Shutdown::Both);
        }
        streams.extend(stream.try_clone().map(|stream| (*last, stream)));
        *last
    }

    fn leave(&self, place: u64) {
        self.lock().1.retain(|(waiting, _)| *waiting != place);
    }
}

/// A connection that gives up when its time is over, however slowly bytes drip.
struct Timed {
    stream: TcpStream,
    deadline: Option<Instant>,
    /// When a read is to end, though nothing is wrong.
    wake: Option<Instant>,
    end: Option<Arc<End>>,
}

impl Timed {
    fn until(stream: TcpStream, deadline: Instant) -> Self {
        Self { stream, deadline: Some(deadline), wake: None, end: None }
    }

    /// What is left: no limit if there is no deadline.
    fn left(&self) -> io::Result<Option<Duration>> {
        let left = self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        if left == Some(Duration::ZERO) { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
    }
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wake = self.wake.map(|wake| wake.saturating_duration_since(Instant::now()).max(SHORT));
        self.stream.set_read_timeout(self.left()?.or(wake))?;
        match self.stream.read(buffer)? {
            // The other side has not gone: reading was stopped here, so that there may be a farewell.
            0 if self.end.as_ref().is_some_and(|end| end.why().is_some()) => {
                Err(io::ErrorKind::WouldBlock.into())
            }
            read => Ok(read),
        }
    }
}

impl Write for Timed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(self.left()?.or(Some(SEND)))?;
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}
