//! actix-web's middleware with a policy: alone, behind another of the same `Oidc`, and behind one of another; and what it
//! does with bodies, and with mistakes.
#![cfg(feature = "actix")]

mod once;

use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::middleware::{Next, from_fn};
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::{App, Error, Scope, web};
use oidc_dev_provider::DevProvider;
use oidc_tokio::actix::Identity;
use once::{oidc, role, token};

fn routes(prefix: &str) -> Scope {
    web::scope(prefix).route("", web::get().to(async || "inside"))
}

fn get(target: &str, token: &str) -> TestRequest {
    TestRequest::with_uri(target).insert_header(("authorization", format!("Bearer {token}")))
}

async fn answer<S, R, B>(app: &S, request: R) -> (u16, String)
where
    S: Service<R, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    let answer = call_service(app, request).await;
    let status = answer.status().as_u16();
    (status, String::from_utf8(read_body(answer).await.to_vec()).unwrap())
}

#[tokio::test]
async fn a_middleware_demands_its_policy_of_every_route() {
    let provider = DevProvider::serve("127.0.0.1:0").unwrap();
    let oidc = oidc(&provider);
    for (needed, expected) in [("engineer", 200), ("owner", 403)] {
        let app = App::new().service(routes("/in")).wrap(oidc.middleware().require(&role(needed)));
        let app = init_service(app).await;
        assert_eq!(answer(&app, get("/in", &token(&provider)).to_request()).await.0, expected, "{needed}");
        assert_eq!(answer(&app, TestRequest::with_uri("/in").to_request()).await.0, 401);
    }
}

#[tokio::test]
async fn a_middleware_behind_another_of_the_same_admits_nobody_twice() {
    let provider = DevProvider::serve("127.0.0.1:0").unwrap();
    let oidc = oidc(&provider);
    let inner = |needed: &str| oidc.middleware().require(&role(needed));
    let app = App::new()
        .service(routes("/in").wrap(inner("engineer")))
        .service(routes("/not").wrap(inner("owner")))
        .service(routes("/all"))
        .wrap(oidc.middleware());
    let app = init_service(app).await;
    let once = token(&provider);
    assert_eq!(answer(&app, get("/in", &once).to_request()).await.0, 200);
    assert_eq!(answer(&app, get("/in", &once).to_request()).await.0, 401, "it was good once");
    assert_eq!(answer(&app, get("/not", &token(&provider)).to_request()).await.0, 403);
    assert_eq!(answer(&app, get("/all", &token(&provider)).to_request()).await.0, 200);
}

#[tokio::test]
async fn a_middleware_behind_one_of_another_issuer_judges_for_itself() {
    let [ours, theirs] = [(); 2].map(|()| DevProvider::serve("127.0.0.1:0").unwrap());
    let inner = routes("/in").wrap(oidc(&ours).middleware().require(&role("engineer")));
    let app = App::new().service(inner).service(routes("/all")).wrap(oidc(&theirs).middleware());
    let app = init_service(app).await;
    assert_eq!(answer(&app, get("/all", &token(&theirs)).to_request()).await.0, 200);
    let status = answer(&app, get("/in", &token(&theirs)).to_request()).await.0;
    assert_eq!(status, 401, "whoever is theirs is nobody here");
}

#[tokio::test]
async fn an_upload_is_the_applications_to_read() {
    let provider = DevProvider::serve("127.0.0.1:0").unwrap();
    let upload = web::post().to(async |_: Identity, body: web::Bytes| body.len().to_string());
    let app = init_service(App::new().route("/upload", upload).wrap(oidc(&provider).middleware())).await;
    let request = get("/upload", &token(&provider)).method(Method::POST).set_payload(vec![7; 200_000]);
    assert_eq!(answer(&app, request.to_request()).await, (200, "200000".to_owned()));
}

#[tokio::test]
async fn whoever_asks_for_an_identity_in_front_of_the_handler_is_answered_for_too() {
    async fn asks(
        me: Identity,
        request: ServiceRequest,
        next: Next<impl MessageBody>,
    ) -> Result<ServiceResponse<impl MessageBody>, Error> {
        assert_eq!(me.sub(), "ada");
        next.call(request).await
    }

    let provider = DevProvider::serve("127.0.0.1:0").unwrap();
    let app = App::new().service(routes("/in").wrap(from_fn(asks))).wrap(oidc(&provider).middleware());
    let app = init_service(app).await;
    assert_eq!(answer(&app, get("/in", &token(&provider)).to_request()).await.0, 200);
    let nobody = call_service(&app, TestRequest::with_uri("/in").to_request()).await;
    assert_eq!(nobody.status().as_u16(), 401);
    assert_eq!(nobody.headers().get("www-authenticate").unwrap(), "Bearer realm=\"oidc\"");
}

#[tokio::test]
async fn a_route_without_the_middleware_is_closed() {
    let app = App::new()
        .route("/profile", web::get().to(async |me: Identity| me.sub().to_owned()))
        .route("/", web::get().to(async |me: Option<Identity>| me.is_some().to_string()));
    let app = init_service(app).await;
    let (status, body) = answer(&app, get("/profile", "a-token").to_request()).await;
    assert_eq!((status, body.as_str()), (500, "This route is not set up: see the server's log.\n"));
    assert_eq!(answer(&app, get("/", "a-token").to_request()).await.1, "false");
}
