//! An axum server, over real sockets.
#![cfg(feature = "axum")]

#[cfg(feature = "ws")]
use axum::routing::any;
use axum::routing::get;
use axum::{Json, Router};
use oidc_tokio::Builder;
use oidc_tokio::axum::Identity;
use oidc_tokio::oidc_core;
#[cfg(feature = "ws")]
use oidc_tokio::oidc_core::Secret;
use oidc_tokio::oidc_core::guard::Policy;
use tokio::net::TcpListener;

#[cfg(feature = "ws")]
#[path = "axum/http2.rs"]
mod http2;
#[path = "../../tests/over_sockets.rs"]
mod over_sockets;
#[cfg(feature = "ws")]
#[path = "../../tests/over_websockets.rs"]
mod over_websockets;
#[cfg(feature = "ws")]
#[path = "axum/policies.rs"]
mod policies;

/// Serves on a free port until the test process ends. The settings may depend on the origin.
fn start(variable: &dyn Fn(&str, &str) -> Option<String>) -> String {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let builder = Builder::from_vars(|name| variable(&origin, name)).unwrap();
    let others = over_sockets::second_provider(variable, &origin);
    let oidc = others.into_iter().fold(builder, Builder::also).build().unwrap();
    // In a router of its own, so that the target which the layer sees is cut.
    let transfers = Router::new().route("/", get(async |me: Identity| me.sub().to_owned()));
    #[cfg(feature = "ws")]
    let transfers = transfers.route("/ws", get(echo));
    let transfers = transfers.layer(oidc.layer().require(&over_sockets::transfers()));
    let application = Router::new()
        .nest("/transfer", transfers)
        .route("/", get(home))
        .route("/profile", get(async |me: Identity| me.sub().to_owned()))
        .route("/api/whoami", get(async |me: Identity| Json(me.0)));
    #[cfg(feature = "ws")]
    // HTTP/2 opens websockets by another method than GET.
    let application = application.route("/ws", any(echo));
    let application = application.layer(oidc.layer());
    std::thread::spawn(move || runtime.block_on(async { axum::serve(listener, application).await }));
    origin
}

async fn home(visitor: Option<Identity>) -> String {
    visitor.map_or("nobody".into(), |me| me.sub().to_owned())
}

/// They are where all else is.
#[cfg(feature = "ws")]
fn websockets_of(origin: &str) -> String {
    origin.strip_prefix("http://").unwrap().to_owned()
}

/// Says back what it is told; a token after `renew ` lets it go on.
#[cfg(feature = "ws")]
async fn echo(socket: oidc_tokio::axum::ws::Socket) -> axum::response::Response {
    use axum::extract::ws::Message;

    socket.on_upgrade(async |mut socket| {
        socket.warn_with(Message::Text("renew?".into()));
        while let Some(Ok(message)) = socket.recv().await {
            let answer = match &message {
                Message::Text(text) if text.starts_with("renew ") => {
                    let renewed = socket.renew(&Secret::new(&text["renew ".len()..])).await;
                    Message::Text(renewed.map_or_else(|error| error.code().into(), |()| "renewed".into()))
                }
                Message::Text(_) => message,
                _ => continue,
            };
            if socket.send(answer).await.is_err() {
                break;
            }
        }
    })
}
