//! `GET /api/whoami`, and nothing else: `load-server axum|rouille open|verified|remembered`.
//! `ISSUER` and `AUDIENCE` are required. A route that is open says `ada` to anybody.

use std::env;
use std::error::Error;
use std::net::TcpListener;

use axum::Router;
use axum::routing::get;
use oidc_core::Config;
use oidc_core::config::{ConfigBuilder, Remember};
use oidc_tokio::axum::Identity;
use rouille::Response;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [web, protection] = arguments.as_slice() else { return Err("load-server WEB PROTECTION".into()) };
    let config = match protection.as_str() {
        "open" => None,
        "verified" => Some(config()?),
        "remembered" => Some(config()?.remember_tokens(Remember::new())),
        other => return Err(format!("no protection {other:?}").into()),
    };
    match web.as_str() {
        "axum" => axum(config),
        "rouille" => rouille(config),
        other => Err(format!("no web server {other:?}").into()),
    }
}

fn config() -> Result<ConfigBuilder, env::VarError> {
    Ok(Config::resource_server(&env::var("ISSUER")?, &env::var("AUDIENCE")?))
}

#[tokio::main(flavor = "current_thread")]
async fn axum(config: Option<ConfigBuilder>) -> Result<(), Box<dyn Error>> {
    let app = match config {
        None => Router::new().route("/api/whoami", get(async || "ada")),
        Some(config) => {
            let oidc = oidc_tokio::Builder::new(config).build()?;
            let app = Router::new().route("/api/whoami", get(async |who: Identity| who.sub().to_owned()));
            app.layer(oidc.layer())
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on http://{}", listener.local_addr()?);
    Ok(axum::serve(listener, app).await?)
}

fn rouille(config: Option<ConfigBuilder>) -> Result<(), Box<dyn Error>> {
    let oidc = config.map(|config| oidc_blocking::Builder::new(config).build()).transpose()?;
    let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let server = rouille::Server::new(address, move |request| match &oidc {
        None => Response::text("ada"),
        Some(oidc) => oidc.protect(request, |visitor| Ok(Response::text(visitor.required()?.sub()))),
    });
    let server = server.map_err(|error| error.to_string())?.pool_size(64);
    println!("listening on http://{}", server.server_addr());
    server.run();
    Ok(())
}
