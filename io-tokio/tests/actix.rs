//! An actix-web server, over real sockets.
#![cfg(feature = "actix")]

use std::net::TcpListener;

use actix_web::{App, HttpServer, web};
use oidc_tokio::Builder;
use oidc_tokio::actix::Identity;
use oidc_tokio::oidc_core;
use oidc_tokio::oidc_core::guard::Policy;

#[path = "../../tests/over_sockets.rs"]
mod over_sockets;
#[cfg(feature = "actix-ws")]
#[path = "../../tests/over_websockets.rs"]
mod over_websockets;
#[cfg(feature = "actix-ws")]
#[path = "axum/policies.rs"]
mod policies;

/// Serves on a free port until the test process ends. The settings may depend on the origin.
fn start(variable: &dyn Fn(&str, &str) -> Option<String>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let builder = Builder::from_vars(|name| variable(&origin, name)).unwrap();
    let others = over_sockets::second_provider(variable, &origin);
    let oidc = others.into_iter().fold(builder, Builder::also).build().unwrap();
    std::thread::spawn(move || {
        let server = HttpServer::new(move || {
            let transfers = web::scope("/transfer").route("", web::get().to(sub));
            #[cfg(feature = "actix-ws")]
            let transfers = transfers.route("/ws", web::get().to(echo));
            let transfers = transfers.wrap(oidc.middleware().require(&over_sockets::transfers()));
            let application = App::new();
            #[cfg(feature = "actix-ws")]
            let application = application.route("/ws", web::get().to(echo));
            application
                .service(transfers)
                .route("/", web::get().to(home))
                .route("/profile", web::get().to(sub))
                .route("/api/whoami", web::get().to(async |me: Identity| web::Json(me.0)))
                .wrap(oidc.middleware())
        });
        let server = server.workers(2).disable_signals().listen(listener).unwrap().run();
        actix_web::rt::System::new().block_on(server)
    });
    origin
}

async fn home(visitor: Option<Identity>) -> String {
    visitor.map_or("nobody".into(), |me| me.sub().to_owned())
}

async fn sub(me: Identity) -> String {
    me.sub().to_owned()
}

/// They are where all else is.
#[cfg(feature = "actix-ws")]
fn websockets_of(origin: &str) -> String {
    origin.strip_prefix("http://").unwrap().to_owned()
}

/// Says back what it is told; a token after `renew ` lets it go on.
#[cfg(feature = "actix-ws")]
async fn echo(socket: oidc_tokio::actix::ws::Socket) -> actix_web::HttpResponse {
    use oidc_tokio::actix::ws::AggregatedMessage;
    use oidc_tokio::oidc_core::Secret;

    socket.on_upgrade(async |mut socket| {
        socket.warn_with("renew?");
        while let Some(Ok(message)) = socket.recv().await {
            let AggregatedMessage::Text(text) = message else { continue };
            let answer = match text.strip_prefix("renew ") {
                Some(token) => {
                    let renewed = socket.renew(&Secret::new(token)).await;
                    renewed.map_or_else(|error| error.code(), |()| "renewed").into()
                }
                None => text,
            };
            if socket.text(answer).await.is_err() {
                break;
            }
        }
    })
}
