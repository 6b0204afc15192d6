//! `GET /api/whoami`, and nothing else: `load-server axum|rouille open|verified|remembered|session`.
//! `ISSUER` and `AUDIENCE` are required; for sessions `ISSUER`, `CLIENT_ID`, `CLIENT_SECRET` and `LISTEN`. A route that is
//! open says `ada` to anybody.

use std::env;
use std::error::Error;
use std::net::TcpListener;

use axum::Router;
use axum::routing::get;

use oidc_core::config::{ConfigBuilder, Remember};
use oidc_core::{Config, Secret};
use oidc_tokio::axum::Identity;
use rouille::Response;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [web, protection] = arguments.as_slice() else { return Err("load-server WEB PROTECTION".into()) };
    let config = match protection.as_str() {
        "open" => None,
        "verified" => Some(config()?),
        "remembered" => Some(config()?.remember_tokens(Remember::new())),
        "session" => Some(sessions()?),
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

fn sessions() -> Result<ConfigBuilder, env::VarError> {
    let redirect_uri = format!("http://{}/callback", env::var("LISTEN")?);
    let config = Config::builder(&env::var("ISSUER")?, &env::var("CLIENT_ID")?, &redirect_uri);
    Ok(config.client_secret(Secret::new(env::var("CLIENT_SECRET")?)))
}

/// Any free port, unless the provider knows of one.
fn listen() -> String {
    env::var("LISTEN").unwrap_or("127.0.0.1:0".to_owned())
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
    let listener = tokio::net::TcpListener::bind(listen()).await?;
    println!("listening on http://{}", listener.local_addr()?);
    Ok(axum::serve(listener, app).await?)
}

fn rouille(config: Option<ConfigBuilder>) -> Result<(), Box<dyn Error>> {
    let oidc = config.map(|config| oidc_blocking::Builder::new(config).build()).transpose()?;
    let address = TcpListener::bind(listen())?.local_addr()?;
    let server = rouille::Server::new(address, move |request| match &oidc {
        None => Response::text("ada"),
        Some(oidc) => oidc.protect(request, |visitor| Ok(Response::text(visitor.required()?.sub()))),
    });
    let server = server.map_err(|error| error.to_string())?.pool_size(64);
    println!("listening on http://{}", server.server_addr());
    server.run();
    Ok(())
}
