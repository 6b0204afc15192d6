use axum::{Router, routing::get};
use oidc_tokio::{Oidc, axum::Identity};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let oidc = Oidc::from_env()?;
    let hello = async |me: Identity| format!("Hello, {}", me.sub());
    let app = Router::new().route("/", get(hello)).layer(oidc.layer());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    Ok(axum::serve(listener, app).await?)
}
