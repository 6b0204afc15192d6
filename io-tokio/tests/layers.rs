//! Layers with a policy: alone, behind another of the same `Oidc`, and behind one of another.
#![cfg(feature = "axum")]

mod once;

use std::convert::Infallible;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::{Request, Response, StatusCode};
use oidc_dev_provider::DevProvider;
use oidc_tokio::Builder;
use oidc_tokio::oidc_core::Config;
use once::{oidc, role, token};
use tower_service::Service;

fn routes() -> Router {
    Router::new().route("/", get(async || "inside"))
}

async fn status(app: &Router, target: &str, token: &str) -> StatusCode {
    let request = Request::get(target).header("authorization", format!("Bearer {token}"));
    let answer: Result<Response<Body>, Infallible> =
        app.clone().call(request.body(Body::empty()).unwrap()).await;
    answer.unwrap().status()
}

#[tokio::test]
async fn a_layer_demands_its_policy_of_every_route() {
    let provider = DevProvider::serve("127.0.0.1:0").unwrap();
    let oidc = oidc(&provider);
    for (needed, expected) in [("engineer", 200), ("owner", 403)] {
        let app = routes().layer(oidc.layer().require(&role(needed)));
        assert_eq!(status(&app, "/", &token(&provider)).await, expected, "{needed}");
    }
}

#[tokio::test]
async fn a_layer_behind_another_of_the_same_admits_nobody_twice() {
    let provider = DevProvider::serve("127.0.0.1:0").unwrap();
    let oidc = oidc(&provider);
    let inner = |needed: &str| routes().layer(oidc.layer().require(&role(needed)));
    let app = routes().nest("/in", inner("engineer")).nest("/not", inner("owner")).layer(oidc.layer());
    let once = token(&provider);
    assert_eq!(status(&app, "/in", &once).await, 200);
    assert_eq!(status(&app, "/in", &once).await, 401, "it was good once");
    assert_eq!(status(&app, "/not", &token(&provider)).await, 403);
    assert_eq!(status(&app, "/", &token(&provider)).await, 200);
}

#[tokio::test]
async fn a_layer_behind_one_of_another_issuer_judges_for_itself() {
    let [ours, theirs] = [(); 2].map(|()| DevProvider::serve("127.0.0.1:0").unwrap());
    let inner = routes().layer(oidc(&ours).layer().require(&role("engineer")));
    let app = routes().nest("/in", inner).layer(oidc(&theirs).layer());
    assert_eq!(status(&app, "/", &token(&theirs)).await, 200);
    assert_eq!(status(&app, "/in", &token(&theirs)).await, 401, "whoever is theirs is nobody here");
}

/// Whom a layer for all has admitted is nobody to a layer for one of them, unless it is that one's.
#[tokio::test]
async fn a_layer_for_one_provider_judges_for_itself_whom_a_layer_for_all_has_admitted() {
    let [first, second] = [(); 2].map(|()| DevProvider::serve("127.0.0.1:0").unwrap());
    let also = Config::resource_server(&second.issuer(), "demo-client");
    let config = Config::resource_server(&first.issuer(), "demo-client");
    let oidc = Builder::new(config).also(also).build().unwrap();
    let only = |issuer: &str| oidc.at(issuer).unwrap();
    for (inside, outside) in [(&first, &second), (&second, &first)] {
        let inner = routes().layer(only(&inside.issuer()).layer().require(&role("engineer")));
        let app = routes().nest("/in", inner).layer(oidc.layer());
        assert_eq!(status(&app, "/", &token(outside)).await, 200);
        assert_eq!(status(&app, "/in", &token(outside)).await, 401);
        assert_eq!(status(&app, "/in", &token(inside)).await, 200);
    }
}
