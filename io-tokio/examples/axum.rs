//! People sign in, and programs call with a token: axum behind [`Oidc::layer`](oidc_tokio::Oidc::layer).
//!
//! `cargo run -p oidc-tokio --all-features --example axum` brings a provider of its own. With one of yours, set
//! `OIDC_ISSUER`, `OIDC_CLIENT_ID` and `OIDC_CLIENT_SECRET`, and register `http://127.0.0.1:3000/callback` there.

#[path = "../../examples/demo.rs"]
mod demo;

use std::error::Error;
use std::process::ExitCode;

use axum::Router;
use axum::extract::ws::Message;
use axum::response::Response;
use axum::routing::get;
use demo::{Demo, pages};
use oidc_tokio::Builder;
use oidc_tokio::axum::Identity;
use oidc_tokio::axum::ws::Socket;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> ExitCode {
    demo::exit_code(serve().await)
}

async fn serve() -> Result<(), Box<dyn Error>> {
    let (demo, listener) = Demo::start()?;
    // No request waits for the provider's keys: they are renewed in the background, from now on.
    let oidc = Builder::from_vars(|name| demo.variable(name))?.background_renewal().build()?;

    let health = oidc.clone();
    let app = Router::new()
        // Whoever wants to know who asks takes an `Option<Identity>` …
        .route("/", get(async |who: Option<Identity>| pages::home(who.as_deref())))
        // … and what needs an identity takes an `Identity`: nobody else gets there.
        .route("/profile", get(async |who: Identity| pages::profile(&who)))
        .route("/api/whoami", get(async |who: Identity| demo::whoami(&who)))
        // A websocket is open for as long as whoever opened it may be there.
        .route("/ws", get(echo))
        .route("/socket", get(async |who: Identity| pages::socket(&who, None)))
        .route("/socket.js", get(async || pages::socket_script()))
        .fallback(async || pages::not_found())
        // All above is behind the layer, which also serves sign-in, callback and sign-out.
        .layer(oidc.layer())
        .route("/healthz", get(async move || demo::health(&health.key_status())));

    listener.set_nonblocking(true)?;
    let listener = TcpListener::from_std(listener)?;
    demo.ready();
    Ok(axum::serve(listener, app).await?)
}

async fn echo(socket: Socket) -> Response {
    socket.on_upgrade(async |mut socket| {
        while let Some(Ok(message)) = socket.recv().await {
            if matches!(message, Message::Text(_) | Message::Binary(_)) && socket.send(message).await.is_err()
            {
                break;
            }
        }
    })
}
