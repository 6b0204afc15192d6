//! The site of the example `axum` with Socket.IO beside it, behind [`Oidc::socketio`](oidc_tokio::Oidc::socketio).
//!
//! `cargo run -p oidc-tokio --all-features --example socketio` brings a provider of its own; settings are those of `axum`.

#[path = "../../examples/demo.rs"]
mod demo;
mod site;

use std::error::Error;
use std::process::ExitCode;

use demo::Demo;
use oidc_tokio::Builder;
use oidc_tokio::socketio::{self, Identity};
use serde_json::Value;
use socketioxide::extract::{AckSender, SocketRef, TryData};
use socketioxide::handler::ConnectHandler as _;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> ExitCode {
    demo::exit_code(serve().await)
}

async fn serve() -> Result<(), Box<dyn Error>> {
    let (demo, listener) = Demo::start()?;
    // No request waits for the provider's keys: they are renewed in the background, from now on.
    let oidc = Builder::from_vars(|name| demo.variable(name))?.background_renewal().build()?;

    let guard = oidc.socketio();
    let (service, io) = socketio::builder().build_svc();
    io.ns("/", connected.with(guard.clone()));
    // The guard sees each request of a connection, and each namespace asks it who may enter.
    let app = site::site(&oidc).route_service("/socket.io/", service).layer(guard);
    listener.set_nonblocking(true)?;
    let listener = TcpListener::from_std(listener)?;
    demo.ready();
    Ok(axum::serve(listener, app).await?)
}

/// Somebody has reached the namespace: nobody else does.
async fn connected(socket: SocketRef) {
    socket.on("whoami", whoami);
    socket.on("echo", echo);
}

async fn whoami(me: Identity, ack: AckSender) {
    ack.send(&me.0).ok();
}

/// Says back what it is told, as an event and to whoever waits for an answer. Who takes an `Identity` is never called for
/// somebody who may no longer be there.
async fn echo(_: Identity, socket: SocketRef, TryData(said): TryData<Value>, ack: AckSender) {
    let Ok(said) = said else { return };
    socket.emit("echo", &said).ok();
    ack.send(&said).ok();
}
