//! Socket.IO by `socketioxide`: namespaces that only those reach who may be there, for as long as they may.
//!
//! ```no_run
//! use axum::Router;
//! use oidc_tokio::{Oidc, socketio::{self, Identity}};
//! use socketioxide::{extract::SocketRef, handler::ConnectHandler as _};
//!
//! async fn connected(socket: SocketRef, me: Identity) {
//!     socket.emit("hello", me.sub()).ok();
//! }
//!
//! # fn app() -> Result<Router, Box<dyn std::error::Error>> {
//! let guard = Oidc::from_env()?.socketio();
//! let (service, io) = socketio::builder().build_svc();
//! io.ns("/", connected.with(guard.clone()));
//! let app = Router::new().route_service("/socket.io/", service).layer(guard);
//! # Ok(app)
//! # }
//! ```
//!
//! The guard is both: a middleware of each namespace, and a layer around socketioxide. Take its service rather than its layer:
//! axum may make a layer's service anew for each request, which then knows nothing of the connections before.
//!
//! A token comes in the `auth` payload (`{ token }`), in `Authorization`, or, if that is configured, in the query; without one
//! the session cookie counts, under the rule of [`Guard::admit_socket`](oidc_core::Guard::admit_socket). A refusal is a
//! `connect_error` whose message is the code of the reason (see [`Error::code`](oidc_core::Error::code)), or
//! `already_connected` for whoever comes again to a namespace where the same connection is.
//!
//! The guard speaks three events. `expiring` comes before the end, with `exp`, its time; the client may then send `reauth`
//! with a fresh token (a string, or `{ token }`), which is acknowledged by `{ ok, exp }` or `{ ok, code }`. `ended` comes with
//! its `code` just before the guard disconnects.
//!
//! A handler that takes an [`Identity`] is never called after the end. One that does not may be, for as long as a client that
//! reads nothing leaves socketioxide no room to disconnect it: until the next ping, 25 seconds at most.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Display;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task;
use std::time::Duration;

use http::{Request, Response};
use oidc_core::guard::Source;
use oidc_core::sockets::Notice;
use oidc_core::{Incoming, Secret, Verdict};
use serde::Deserialize;
use serde_json::json;
use socketioxide::adapter::Adapter;
use socketioxide::extract::{AckSender, SocketRef, TryData};
use socketioxide::handler::{
    ConnectMiddleware, FromConnectParts, FromDisconnectParts, FromMessageParts, Value,
};
use socketioxide::socket::{DisconnectReason, Socket};
use socketioxide::{SocketIo, SocketIoBuilder};
use tower_layer::Layer;
use tower_service::Service;

use crate::tower::{Visitor, add_headers, take_ready};
use crate::watch::{Seat, Tell};
use crate::{Oidc, Running};

/// How long a connection may last that has reached no namespace.
const CONNECT: Duration = Duration::from_secs(5);
/// The most that it may send at a time, in bytes.
const PAYLOAD: u64 = 16 << 10;
/// After how long to disconnect again what could not be disconnected.
const AGAIN: Duration = Duration::from_millis(100);

/// Who is at the other end of a socket: for handlers of namespaces behind a [`SocketIoGuard`].
#[derive(Debug, Clone)]
pub struct Identity(pub oidc_core::Identity);

/// Lets sockets into namespaces, as a middleware of each, and checks that all requests of a connection are by the same
/// session, as a layer around socketioxide's. It has to be both. Made by [`Oidc::socketio`].
#[derive(Clone)]
pub struct SocketIoGuard {
    oidc: Oidc,
    members: Arc<Members>,
}

/// What marks the middleware for the compiler.
pub struct Middleware;

/// socketioxide with a [`SocketIoGuard`] around it.
#[derive(Clone)]
pub struct Guarded<S> {
    guard: SocketIoGuard,
    inner: S,
}

/// socketioxide's settings with narrow bounds for whoever is not known yet: 5 seconds until a namespace is reached, and 16 KiB
/// for what a poll brings, which are also those of whoever is known. What a websocket brings has the bounds of socketioxide's own:
/// up to its version 0.18.3 those of tungstenite, 64 MiB for a message.
#[must_use]
pub fn builder() -> SocketIoBuilder {
    SocketIo::builder().connect_timeout(CONNECT).max_payload(PAYLOAD)
}

impl Oidc {
    /// A guard for socketioxide.
    #[must_use]
    pub fn socketio(&self) -> SocketIoGuard {
        SocketIoGuard { oidc: self.clone(), members: Arc::default() }
    }
}

impl<A: Adapter> ConnectMiddleware<A, Middleware> for SocketIoGuard {
    async fn call<'a>(
        &'a self,
        socket: Arc<Socket<A>>,
        auth: &'a Option<Value>,
    ) -> Result<(), Box<dyn Display + Send>> {
        let refused = |code| Box::new(code) as Box<_>;
        // Of two at once one is first, and the second would take its place with all that was granted to it.
        let place = self.members.reserve(socket.id.to_string(), socket.ns().to_owned());
        let place = place.ok_or("already_connected").map_err(refused)?;
        let identity = self.admit(&socket, auth).await.map_err(refused)?;
        let ended = Arc::clone(&place.ended);
        let seat = self.oidc.seat(identity, Arc::new(Farewell { socket: Arc::downgrade(&socket), ended }));
        socket.extensions.insert(place.take(seat));
        socket.on("reauth", reauth::<A>);
        Ok(())
    }
}

impl SocketIoGuard {
    /// Who is there, or the code of the reason why not.
    async fn admit<A: Adapter>(
        &self,
        socket: &Arc<Socket<A>>,
        auth: &Option<Value>,
    ) -> Result<oidc_core::Identity, &'static str> {
        let head = socket.req_parts();
        if head.extensions.get::<Seen>().is_none() {
            tracing::error!("the guard is not a layer around socketioxide's: add `.layer(guard)` after it");
            return Err("unprotected");
        }
        let Ok(TryData(auth)) = TryData::<Auth>::from_connect_parts(socket, auth);
        let token = auth.map_err(|_| "malformed")?.token.map(Secret::new);
        let presented = token.as_ref().map(|token| (token, Source::Message));
        let visitor = head.extensions.get::<Visitor>().filter(|visitor| visitor.is_of(&self.oidc));
        let incoming = visitor.map_or_else(|| Incoming::of(head), |visitor| visitor.incoming(head));
        let before = visitor.and_then(|visitor| visitor.identity.as_ref());
        let admitted = self.oidc.admit_message(Incoming { presented, ..incoming }, before).await;
        let identity = admitted.map_err(|error| error.code())?;
        let policies = visitor.map_or(&[][..], |visitor| &visitor.policies);
        let met = policies.iter().try_for_each(|policy| self.oidc.permits(&identity, policy));
        met.map(|()| identity).map_err(|error| error.code())
    }
}

/// The `auth` payload. What else is in it is the application's.
#[derive(Deserialize)]
struct Auth {
    token: Option<String>,
}

/// What comes with `reauth`.
#[derive(Deserialize)]
#[serde(untagged)]
enum Fresh {
    Token(String),
    Named { token: String },
}

async fn reauth<A: Adapter>(socket: SocketRef<A>, TryData(fresh): TryData<Fresh>, ack: AckSender<A>) {
    let renewed = match (fresh, socket.extensions.get::<Arc<Member>>()) {
        (Ok(Fresh::Token(token) | Fresh::Named { token }), Some(member)) => {
            let renewed = member.seat.renew(&Secret::new(token)).await;
            renewed.map(|()| member.seat.identity().expires_at()).map_err(|error| error.code())
        }
        _ => Err("malformed"),
    };
    // Whoever has been disconnected does not hear it.
    let _ = match renewed {
        Ok(end) => ack.send(&json!({ "ok": true, "exp": end.as_secs() })),
        Err(code) => ack.send(&json!({ "ok": false, "code": code })),
    };
}

/// Tells the client, and disconnects it from the namespace.
struct Farewell<A: Adapter> {
    socket: Weak<Socket<A>>,
    /// Whoever was there is no more.
    ended: Arc<AtomicBool>,
}

impl<A: Adapter> Tell for Farewell<A> {
    fn tell(&self, notice: Notice) {
        let ended = matches!(notice, Notice::Ended(_));
        self.ended.fetch_or(ended, Ordering::Relaxed);
        // Whoever is gone need not be told.
        let Some(socket) = self.socket.upgrade() else { return };
        if let Notice::Ended(why) = notice {
            let _ = socket.emit("ended", &json!({ "code": why.reason() }));
            if !disconnected(&self.socket) {
                tokio::spawn(insist(Weak::clone(&self.socket)));
            }
        } else if let Some(member) = socket.extensions.get::<Arc<Member>>() {
            let end = member.seat.identity().expires_at();
            let _ = socket.emit("expiring", &json!({ "exp": end.as_secs() }));
        }
    }
}

/// Whether nothing is left to do. A socket on its way into a namespace is not there yet, and to one that reads nothing the
/// farewell cannot be sent.
fn disconnected<A: Adapter>(socket: &Weak<Socket<A>>) -> bool {
    socket.upgrade().is_none_or(|socket| socket.connected() && socket.disconnect().is_ok())
}

/// As long as the socket is there.
async fn insist<A: Adapter>(socket: Weak<Socket<A>>) {
    while !disconnected(&socket) {
        tokio::time::sleep(AGAIN).await;
    }
}

/// Who is where, by the name of the connection and of the namespace: one may have reached several.
#[derive(Default)]
struct Members(Mutex<HashMap<String, HashMap<String, Weak<Member>>>>);

/// A place in a namespace, for one who is about to be admitted or is there.
struct Place {
    connection: String,
    namespace: String,
    ended: Arc<AtomicBool>,
    members: Arc<Members>,
}

/// Somebody in a namespace, until they leave it.
struct Member {
    seat: Seat,
    place: Place,
}

impl Members {
    /// `None`: somebody has it.
    fn reserve(self: &Arc<Self>, connection: String, namespace: String) -> Option<Place> {
        let mut members = self.lock();
        let namespaces = members.entry(connection.clone()).or_default();
        if namespaces.contains_key(&namespace) {
            return None;
        }
        namespaces.insert(namespace.clone(), Weak::new());
        Some(Place { connection, namespace, ended: Arc::default(), members: Arc::clone(self) })
    }

    fn of(&self, connection: &str) -> Vec<Arc<Member>> {
        let members = self.lock();
        members.get(connection).into_iter().flat_map(HashMap::values).filter_map(Weak::upgrade).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, HashMap<String, Weak<Member>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    fn take(self, seat: Seat) -> Arc<Member> {
        let member = Arc::new(Member { seat, place: self });
        let Place { connection, namespace, members, .. } = &member.place;
        if let Some(namespaces) = members.lock().get_mut(connection) {
            namespaces.insert(namespace.clone(), Arc::downgrade(&member));
        }
        member
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut members = self.members.lock();
        let Some(namespaces) = members.get_mut(&self.connection) else { return };
        namespaces.remove(&self.namespace);
        if namespaces.is_empty() {
            members.remove(&self.connection);
        }
    }
}

/// A request has come by the layer.
#[derive(Clone)]
struct Seen;

impl<S> Layer<S> for SocketIoGuard {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Guarded { guard: self.clone(), inner }
    }
}

impl<S, B, R> Service<Request<B>> for Guarded<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send,
    B: Send + 'static,
    R: From<Vec<u8>> + Send,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = Running<Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, context: &mut task::Context<'_>) -> task::Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        request.extensions_mut().insert(Seen);
        let connections: BTreeSet<&str> = connections(request.uri().query().unwrap_or_default()).collect();
        let there = connections.into_iter().flat_map(|connection| self.guard.members.of(connection));
        let there: Vec<Arc<Member>> = there.collect();
        if there.is_empty() {
            return Box::pin(self.inner.call(request));
        }
        let mut inner = take_ready(&mut self.inner);
        let oidc = self.guard.oidc.clone();
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let mut more = Vec::new();
            for member in there {
                match oidc.admit_again(&member.seat.identity(), Incoming::of(&head)).await {
                    Verdict::Allow { headers, .. } => more = headers,
                    reply => return Ok(reply.into_response().map(R::from)),
                }
            }
            let mut response = inner.call(Request::from_parts(head, body)).await?;
            add_headers(response.headers_mut(), more);
            Ok(response)
        })
    }
}

/// The connections that a request may say it goes on with, whichever of them socketioxide takes: it reads a name up to the
/// next `=`.
fn connections(query: &str) -> impl Iterator<Item = &str> {
    let names = query.split('&').filter_map(|parameter| parameter.strip_prefix("sid="));
    names.map(|name| name.split('=').next().unwrap_or_default())
}

impl Deref for Identity {
    type Target = oidc_core::Identity;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

/// Nobody is there: the handler is not called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Nobody {
    /// The namespace is not behind a [`SocketIoGuard`].
    Unprotected,
    /// Whoever was there is no more.
    Ended,
}

impl Display for Nobody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Unprotected => "this namespace is not behind `oidc.socketio()`",
            Self::Ended => "whoever was there is no more",
        })
    }
}

impl std::error::Error for Nobody {}

fn identity_of<A: Adapter>(socket: &Socket<A>) -> Result<Identity, Nobody> {
    match socket.extensions.get::<Arc<Member>>() {
        Some(member) if member.place.ended.load(Ordering::Relaxed) => Err(Nobody::Ended),
        Some(member) => Ok(Identity(member.seat.identity())),
        None => {
            tracing::error!(namespace = socket.ns(), "this namespace is not behind `oidc.socketio()`");
            Err(Nobody::Unprotected)
        }
    }
}

impl<A: Adapter> FromConnectParts<A> for Identity {
    type Error = Nobody;

    fn from_connect_parts(socket: &Arc<Socket<A>>, _: &Option<Value>) -> Result<Self, Nobody> {
        identity_of(socket)
    }
}

impl<A: Adapter> FromMessageParts<A> for Identity {
    type Error = Nobody;

    fn from_message_parts(socket: &Arc<Socket<A>>, _: &mut Value, _: &Option<i64>) -> Result<Self, Nobody> {
        identity_of(socket)
    }
}

/// Who it was.
impl<A: Adapter> FromDisconnectParts<A> for Identity {
    type Error = Nobody;

    fn from_disconnect_parts(socket: &Arc<Socket<A>>, _: DisconnectReason) -> Result<Self, Nobody> {
        let member = socket.extensions.get::<Arc<Member>>();
        member.map(|member| Self(member.seat.identity())).ok_or(Nobody::Unprotected)
    }
}
