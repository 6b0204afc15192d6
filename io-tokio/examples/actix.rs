//! People sign in, and programs call with a token: actix-web behind [`Oidc::middleware`](oidc_tokio::Oidc::middleware).
//!
//! `cargo run -p oidc-tokio --all-features --example actix` brings a provider of its own. With one of yours, set
//! `OIDC_ISSUER`, `OIDC_CLIENT_ID` and `OIDC_CLIENT_SECRET`, and register `http://127.0.0.1:3000/callback` there.

#[path = "../../examples/demo.rs"]
mod demo;

use std::error::Error;
use std::future::ready;
use std::process::ExitCode;

use actix_web::{App, FromRequest, Handler, HttpResponse, HttpServer, Resource, guard, web};
use demo::{Demo, pages};
use oidc_tokio::Builder;
use oidc_tokio::actix::Identity;
use oidc_tokio::actix::ws::{AggregatedMessage, Socket};

#[tokio::main]
async fn main() -> ExitCode {
    demo::exit_code(serve().await)
}

async fn serve() -> Result<(), Box<dyn Error>> {
    let (demo, listener) = Demo::start()?;
    // No request waits for the provider's keys: they are renewed in the background, from now on.
    let oidc = Builder::from_vars(|name| demo.variable(name))?.background_renewal().build()?;

    let server = HttpServer::new(move || {
        let health = oidc.clone();
        let protected = web::scope("")
            // Whoever wants to know who asks takes an `Option<Identity>` …
            .service(page("/", async |who: Option<Identity>| respond(pages::home(who.as_deref()))))
            // … and what needs an identity takes an `Identity`: nobody else gets there.
            .service(page("/profile", async |who: Identity| respond(pages::profile(&who))))
            .service(page("/api/whoami", async |who: Identity| respond(demo::whoami(&who))))
            // A websocket is open for as long as whoever opened it may be there.
            .route("/ws", web::get().to(echo))
            .service(page("/socket", async |who: Identity| respond(pages::socket(&who, None))))
            .service(page("/socket.js", async || respond(pages::socket_script())))
            .default_service(web::to(async || respond(pages::not_found())))
            // All above is behind the middleware, which also serves sign-in, callback and sign-out.
            .wrap(oidc.middleware());
        App::new()
            .service(page("/healthz", move || ready(respond(demo::health(&health.key_status())))))
            .service(protected)
    });

    let server = server.listen(listener)?.run();
    demo.ready();
    Ok(server.await?)
}

async fn echo(socket: Socket) -> HttpResponse {
    socket.on_upgrade(async |mut socket| {
        while let Some(Ok(message)) = socket.recv().await {
            let said = match message {
                AggregatedMessage::Text(text) => socket.text(text).await,
                AggregatedMessage::Binary(bytes) => socket.binary(bytes).await,
                _ => continue,
            };
            if said.is_err() {
                break;
            }
        }
    })
}

fn page<Args: FromRequest + 'static>(
    path: &str,
    handler: impl Handler<Args, Output = HttpResponse>,
) -> Resource {
    let reads = guard::Any(guard::Get()).or(guard::Head());
    web::resource(path)
        .route(web::route().guard(reads).to(handler))
        .default_service(web::to(async || respond(demo::method_not_allowed())))
}

/// The pages are of another version of `http` than actix-web.
fn respond(response: http::Response<String>) -> HttpResponse {
    let (head, body) = response.into_parts();
    let status = actix_web::http::StatusCode::from_u16(head.status.as_u16());
    let mut response = HttpResponse::build(status.expect("a status is one in any version"));
    for (name, value) in &head.headers {
        response.append_header((name.as_str(), value.as_bytes()));
    }
    response.body(body)
}
