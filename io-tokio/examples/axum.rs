//! People sign in, and programs call with a token: axum behind [`Oidc::layer`](oidc_tokio::Oidc::layer).
//!
//! `cargo run -p oidc-tokio --all-features --example axum` brings a provider of its own. With one of yours, set
//! `OIDC_ISSUER`, `OIDC_CLIENT_ID` and `OIDC_CLIENT_SECRET`, and register `http://127.0.0.1:3000/callback` there.

#[path = "../../examples/demo.rs"]
mod demo;
mod site;

use std::error::Error;
use std::process::ExitCode;

use demo::Demo;
use oidc_tokio::Builder;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> ExitCode {
    demo::exit_code(serve().await)
}

async fn serve() -> Result<(), Box<dyn Error>> {
    let (demo, listener) = Demo::start()?;
    // No request waits for the provider's keys: they are renewed in the background, from now on.
    let oidc = Builder::from_vars(|name| demo.variable(name))?.background_renewal().build()?;

    let app = site::site(&oidc);
    listener.set_nonblocking(true)?;
    let listener = TcpListener::from_std(listener)?;
    demo.ready();
    Ok(axum::serve(listener, app).await?)
}
