//! The scenarios of `tests/scenarios`, over real sockets.

#[path = "../../tests/scenarios/mod.rs"]
mod scenarios;

use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

use http::Request;
use oidc_core::config::ConfigBuilder;
use oidc_core::error::TokenError;
use oidc_core::introspection::{Introspection, TokenHint};
use oidc_core::login::{LoginState, Redirect};
use oidc_core::userinfo::Userinfo;
use oidc_core::{Callback, Claims, Error, Incoming, LoginOptions, Secret, Session, Verdict};
use oidc_dev_provider::{DevProvider, Running};
use oidc_tokio::{Builder, Oidc};
use tokio::runtime::Runtime;

/// A provider that listens, and the driver.
struct OverSockets {
    provider: Running,
    oidc: Oidc,
}

/// On which all worlds run.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
});

impl scenarios::World for OverSockets {
    fn new(provider: impl FnOnce(&str) -> DevProvider, config: impl FnOnce(&str) -> ConfigBuilder) -> Self {
        let provider = DevProvider::serve_as(provider, "127.0.0.1:0").unwrap();
        let oidc = Builder::new(config(&provider.issuer())).build().unwrap();
        Self { provider, oidc }
    }

    fn provider<R>(&mut self, ask: impl FnOnce(&mut DevProvider) -> R) -> R {
        self.provider.with(ask)
    }

    fn now(&self) -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
    }

    fn begin_login(&mut self, options: LoginOptions) -> Result<Redirect, Error> {
        RUNTIME.block_on(self.oidc.begin_login(options))
    }

    fn finish_login(&mut self, login: LoginState, callback: Callback) -> Result<Session, Error> {
        RUNTIME.block_on(self.oidc.finish_login(login, callback))
    }

    fn userinfo(&mut self, session: &Session) -> Result<Userinfo, Error> {
        RUNTIME.block_on(self.oidc.userinfo(session))
    }

    fn refresh(&mut self, session: Session) -> Result<Session, Error> {
        RUNTIME.block_on(self.oidc.refresh(session))
    }

    fn introspect(&mut self, token: &Secret) -> Result<Option<Introspection>, Error> {
        RUNTIME.block_on(self.oidc.introspect(token))
    }

    fn revoke(&mut self, token: &Secret, hint: TokenHint) -> Result<(), Error> {
        RUNTIME.block_on(self.oidc.revoke(token, hint))
    }

    fn verify_access_token(&mut self, token: &str) -> Result<Claims, TokenError> {
        RUNTIME.block_on(self.oidc.verify_access_token(token))
    }

    fn verify_logout_token(&mut self, token: &str) -> Result<Claims, TokenError> {
        RUNTIME.block_on(self.oidc.verify_logout_token(token))
    }

    fn ask(&mut self, request: &Request<Vec<u8>>, required: bool) -> Verdict {
        let target = request.uri().to_string();
        let incoming = Incoming {
            method: request.method(),
            target: &target,
            headers: request.headers(),
            body: Some(request.body()),
            presented: None,
        };
        RUNTIME.block_on(if required { self.oidc.require(incoming) } else { self.oidc.check(incoming) })
    }
}

#[test]
fn every_scenario_comes_out_as_expected() {
    scenarios::run::<OverSockets>("oidc-tokio");
}

#[test]
fn every_module_of_the_conformance_suite_passes_in_every_variant() {
    scenarios::run_variants::<OverSockets>("oidc-tokio");
}
