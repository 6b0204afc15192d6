//! `GET /api/whoami` for whoever has a good token. `ISSUER`, `AUDIENCE` and `LISTEN` are required; `STRATEGY` (`interval`),
//! `REFRESH_SECONDS` and `RETRY_SECONDS` replace the crate's defaults.

use std::env;
use std::error::Error;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use jwt_authorizer::{
    IntoLayer, JwtAuthorizer, JwtClaims, Refresh, RefreshStrategy, RegisteredClaims, Validation,
};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let issuer = env::var("ISSUER")?;
    let validation = Validation::new().iss(&[&issuer]).aud(&[env::var("AUDIENCE")?]);
    let authorizer: JwtAuthorizer = JwtAuthorizer::from_oidc(&issuer);
    let authorizer = authorizer.validation(validation).refresh(refresh()?).build().await?;
    let app = Router::new().route("/api/whoami", get(whoami)).layer(authorizer.into_layer());
    let listener = TcpListener::bind(env::var("LISTEN")?).await?;
    println!("listening on http://{}", listener.local_addr()?);
    Ok(axum::serve(listener, app).await?)
}

async fn whoami(JwtClaims(claims): JwtClaims<RegisteredClaims>) -> String {
    claims.sub.unwrap_or_default()
}

fn refresh() -> Result<Refresh, Box<dyn Error>> {
    let mut refresh = Refresh::default();
    if env::var("STRATEGY").is_ok_and(|strategy| strategy == "interval") {
        refresh.strategy = RefreshStrategy::Interval;
    }
    if let Ok(seconds) = env::var("REFRESH_SECONDS") {
        refresh.refresh_interval = Duration::from_secs(seconds.parse()?);
    }
    if let Ok(seconds) = env::var("RETRY_SECONDS") {
        refresh.retry_interval = Duration::from_secs(seconds.parse()?);
    }
    Ok(refresh)
}
