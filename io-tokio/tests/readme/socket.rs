use axum::{Router, response::Response, routing::get};
use oidc_tokio::{Oidc, axum::ws::Socket};

async fn echo(socket: Socket) -> Response {
    socket.on_upgrade(async |mut socket| {
        while let Some(Ok(message)) = socket.recv().await {
            if socket.send(message).await.is_err() {
                break;
            }
        }
    })
}

fn app(oidc: &Oidc) -> Router {
    Router::new().route("/ws", get(echo)).layer(oidc.layer())
}
