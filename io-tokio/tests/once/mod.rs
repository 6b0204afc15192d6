//! An application that takes each token once: whoever judges one twice is found out.

use oidc_dev_provider::{AccessTokenRequest, Running};
use oidc_tokio::oidc_core::Config;
use oidc_tokio::oidc_core::guard::Policy;
use oidc_tokio::{Builder, Oidc};

pub(crate) fn oidc(provider: &Running) -> Oidc {
    let config = Config::resource_server(&provider.issuer(), "demo-client").single_use_tokens(true);
    Builder::new(config).build().unwrap()
}

pub(crate) fn token(provider: &Running) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    provider.with(|provider| provider.access_token(AccessTokenRequest::default(), now))
}

pub(crate) fn role(role: &str) -> Policy {
    Policy::builder().role("/roles", role).build().unwrap()
}
