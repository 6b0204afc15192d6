//! A rouille server, over real sockets.
#![cfg(feature = "rouille")]

use std::sync::{Arc, OnceLock};

use oidc_blocking::oidc_core::guard::Policy;
use oidc_blocking::{Builder, Oidc};
use rouille::{Request, Response, Server};

#[path = "../../tests/over_sockets.rs"]
mod over_sockets;

/// Serves on a free port until the test process ends. The settings may depend on the origin.
fn start(variable: &dyn Fn(&str, &str) -> Option<String>) -> String {
    let oidc: Arc<OnceLock<Oidc>> = Arc::default();
    let handle = Arc::clone(&oidc);
    let server = Server::new("127.0.0.1:0", move |request| serve(handle.wait(), request)).unwrap();
    let origin = format!("http://{}", server.server_addr());
    let built = Builder::from_vars(|name| variable(&origin, name)).and_then(Builder::build).unwrap();
    assert!(oidc.set(built).is_ok());
    std::thread::spawn(move || server.run());
    origin
}

fn serve(oidc: &Oidc, request: &Request) -> Response {
    oidc.protect(request, |visitor| {
        Ok(match request.url().as_str() {
            "/" => Response::text(visitor.identity.map_or("nobody".into(), |me| me.sub().to_owned())),
            "/transfer" => Response::text(visitor.meets(&over_sockets::transfers())?.sub()),
            "/profile" => Response::text(visitor.required()?.sub()),
            "/api/whoami" => {
                let claims = serde_json::to_vec(&visitor.required()?).unwrap();
                Response::from_data("application/json", claims)
            }
            _ => Response::empty_404(),
        })
    })
}
