//! The site of the examples: its pages and its API, behind [`Oidc::layer`](oidc_tokio::Oidc::layer).

use axum::Router;
use axum::extract::ws::Message;
use axum::response::Response;
use axum::routing::get;
use oidc_tokio::Oidc;
use oidc_tokio::axum::Identity;
use oidc_tokio::axum::ws::Socket;

use super::demo::{self, pages};

pub(crate) fn site(oidc: &Oidc) -> Router {
    let health = oidc.clone();
    Router::new()
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
        .route("/healthz", get(async move || demo::health(&health.key_status())))
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
