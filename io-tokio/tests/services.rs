//! Calls between services, over real sockets.

use oidc_dev_provider::DevProvider;
use oidc_tokio::Builder;
use oidc_tokio::oidc_core::{Config, Secret};

#[tokio::test]
async fn a_hundred_tasks_call_with_one_token_whoever_gives_up() {
    let provider = DevProvider::serve("127.0.0.1:0").unwrap();
    let config = Config::builder(&provider.issuer(), "demo-client", "http://127.0.0.1:3000/callback");
    let oidc = Builder::new(config.client_secret(Secret::new("demo-secret"))).build().unwrap();
    let ask = || {
        let oidc = oidc.clone();
        tokio::spawn(async move {
            oidc.client_credentials("read").await.unwrap().access_token().expose().to_owned()
        })
    };
    let mut tasks: Vec<_> = (0..100).map(|_| ask()).collect();
    tokio::task::yield_now().await;
    tasks.drain(..10).for_each(|task| task.abort());
    let mut tokens = Vec::new();
    for task in tasks {
        tokens.push(task.await.unwrap());
    }
    assert!(tokens.iter().all(|token| *token == tokens[0]));
    let requests = provider.with(|provider| provider.requests("/token"));
    assert_eq!(requests, 1, "an answer that was under way is everybody's");
    let claims = oidc.verify_access_token(&tokens[0]).await.unwrap();
    assert_eq!((claims.sub(), claims.get::<String>("scope").as_deref()), (Some("demo-client"), Some("read")));
}
