use axum::{Router, routing::get};
use oidc_tokio::{Oidc, axum::Identity};

fn api() -> Result<Router, Box<dyn std::error::Error>> {
    let oidc = Oidc::bearer("https://issuer.example", "my-api")?;
    let whoami = async |caller: Identity| caller.sub().to_owned();
    Ok(Router::new().route("/api/whoami", get(whoami)).layer(oidc.layer()))
}
