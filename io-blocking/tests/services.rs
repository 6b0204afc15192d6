//! Calls between services, over real sockets.

use oidc_blocking::Builder;
use oidc_blocking::oidc_core::{Config, Secret};
use oidc_dev_provider::DevProvider;

#[test]
fn a_hundred_threads_call_with_one_token() {
    let provider = DevProvider::serve("127.0.0.1:0").unwrap();
    let config = Config::builder(&provider.issuer(), "demo-client", "http://127.0.0.1:3000/callback");
    let oidc = Builder::new(config.client_secret(Secret::new("demo-secret"))).build().unwrap();
    let token = || oidc.client_credentials("read").unwrap().access_token().expose().to_owned();
    let tokens: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..100).map(|_| scope.spawn(token)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(tokens.iter().all(|token| *token == tokens[0]));
    assert_eq!(provider.with(|provider| provider.requests("/token")), 1);
    let claims = oidc.verify_access_token(&tokens[0]).unwrap();
    assert_eq!((claims.sub(), claims.get::<String>("scope").as_deref()), (Some("demo-client"), Some("read")));
}
