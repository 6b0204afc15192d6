//! People sign in, and programs call with a token: rouille behind [`Oidc::protect`].
//!
//! `cargo run -p oidc-blocking --all-features --example rouille` brings a provider of its own. With one of yours, set
//! `OIDC_ISSUER`, `OIDC_CLIENT_ID` and `OIDC_CLIENT_SECRET`, and register `http://127.0.0.1:3000/callback` there.

#[path = "../../examples/demo.rs"]
mod demo;

use std::error::Error;
use std::process::ExitCode;
use std::thread;

use demo::{Demo, pages};
use oidc_blocking::rouille::{Refused, Visitor};
use oidc_blocking::ws::{Message, OpenSocket};
use oidc_blocking::{Builder, Oidc};
use rouille::{Request, Response, ResponseBody, Server};

fn main() -> ExitCode {
    demo::exit_code(serve())
}

fn serve() -> Result<(), Box<dyn Error>> {
    let (demo, listener) = Demo::start()?;
    // No request waits for the provider's keys: they are renewed in the background, from now on.
    let oidc = Builder::from_vars(|name| demo.variable(name))?.background_renewal().build()?;

    // rouille listens by itself, on the address that was kept for it.
    let address = listener.local_addr()?;
    drop(listener);
    let websockets = demo::websocket_listener()?;
    let websocket = format!("ws://{}/ws", websockets.local_addr()?);
    println!("websockets at {websocket}");
    let sockets = oidc.clone();
    let server = Server::new(address, move |request| answer(&oidc, request, &websocket))
        .map_err(|error| format!("LISTEN: {error}"))?;
    thread::spawn(move || sockets.serve_websockets(&websockets, echo));
    demo.ready();
    server.run();
    Ok(())
}

/// A websocket is open for as long as whoever opened it may be there.
fn echo(mut socket: OpenSocket) {
    while let Some(Ok(message)) = socket.recv() {
        let said = matches!(message, Message::Text(_) | Message::Binary(_));
        if said && socket.send(message).is_err() {
            break;
        }
    }
}

fn answer(oidc: &Oidc, request: &Request, websocket: &str) -> Response {
    match (request.method(), request.url().as_str()) {
        ("GET" | "HEAD", "/healthz") => respond(demo::health(&oidc.key_status())),
        (_, "/healthz") => respond(demo::method_not_allowed()),
        // It serves sign-in, callback and sign-out, and hands on all else.
        _ => oidc.protect(request, |visitor| application(request, visitor, websocket)),
    }
}

/// Whoever wants to know who asks looks at `visitor.identity`; what needs an identity asks for `visitor.required()?`.
fn application(request: &Request, visitor: Visitor, websocket: &str) -> Result<Response, Refused> {
    Ok(respond(match (request.method(), request.url().as_str()) {
        ("GET" | "HEAD", "/") => pages::home(visitor.identity.as_ref()),
        ("GET" | "HEAD", "/profile") => pages::profile(&visitor.required()?),
        ("GET" | "HEAD", "/api/whoami") => demo::whoami(&visitor.required()?),
        ("GET" | "HEAD", "/socket") => pages::socket(&visitor.required()?, Some(websocket)),
        ("GET" | "HEAD", "/socket.js") => pages::socket_script(),
        (_, "/" | "/profile" | "/api/whoami" | "/socket" | "/socket.js") => demo::method_not_allowed(),
        _ => pages::not_found(),
    }))
}

fn respond(response: http::Response<String>) -> Response {
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = response
        .headers()
        .iter()
        .map(|(name, value)| (name.to_string().into(), text(value).into()))
        .collect();
    let status_code = response.status().as_u16();
    Response { status_code, headers, data: ResponseBody::from_string(response.into_body()), upgrade: None }
}
