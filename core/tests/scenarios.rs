//! The scenarios of `tests/scenarios`, without sockets, by a clock that moves with every step.
#![cfg(feature = "rsa")]

mod support;

#[allow(
    clippy::disallowed_methods,
    reason = "what the drivers' tests share has threads, and writes its documentation"
)]
#[path = "../../tests/scenarios/mod.rs"]
mod scenarios;

use std::time::Duration;

use http::Request;
use oidc_core::config::ConfigBuilder;
use oidc_core::error::TokenError;
use oidc_core::introspection::{Introspection, TokenHint};
use oidc_core::login::{LoginState, Redirect};
use oidc_core::time::UnixTime;
use oidc_core::userinfo::Userinfo;
use oidc_core::{Callback, Claims, Error, Incoming, LoginOptions, Secret, Session, Step, Verdict};
use oidc_dev_provider::DevProvider;

/// A world whose provider is asked by a function call.
struct Pure(support::World);

impl Pure {
    /// Each step takes a second, and each request some more: what was fetched before a token came is older than the token.
    fn run<T>(&mut self, flow: impl FnOnce(UnixTime) -> Step<T>) -> T {
        self.0.pass(1);
        let mut step = flow(self.0.now);
        loop {
            step = match step {
                Step::Fetch(fetch, reply) => {
                    let result = self.0.send(fetch);
                    self.0.now = self.0.now.saturating_add(ROUND_TRIP);
                    reply.resume(result, self.0.now)
                }
                Step::Store(op, reply) => {
                    let result = self.0.run_store(op);
                    reply.resume(result, self.0.now)
                }
                Step::Wait(duration, wake) => {
                    self.0.now = self.0.now.saturating_add(duration);
                    wake.resume(self.0.now)
                }
                Step::Done(value) => return value,
            }
        }
    }
}

const ROUND_TRIP: Duration = Duration::from_millis(20);

impl scenarios::World for Pure {
    fn new(provider: impl FnOnce(&str) -> DevProvider, config: impl FnOnce(&str) -> ConfigBuilder) -> Self {
        let provider = provider("https://op.example");
        let mut world = support::World::with(config(provider.issuer()));
        world.provider = provider;
        Self(world)
    }

    fn provider<R>(&mut self, ask: impl FnOnce(&mut DevProvider) -> R) -> R {
        ask(&mut self.0.provider)
    }

    fn now(&self) -> u64 {
        self.0.now.as_secs()
    }

    fn begin_login(&mut self, options: LoginOptions) -> Result<Redirect, Error> {
        let client = self.0.client();
        self.run(|now| client.begin_login(options, now))
    }

    fn finish_login(&mut self, login: LoginState, callback: Callback) -> Result<Session, Error> {
        let client = self.0.client();
        self.run(|now| client.finish_login(login, callback, now))
    }

    fn userinfo(&mut self, session: &Session) -> Result<Userinfo, Error> {
        let client = self.0.client();
        self.run(|now| client.userinfo(session, now))
    }

    fn refresh(&mut self, session: Session) -> Result<Session, Error> {
        let client = self.0.client();
        self.run(|now| client.refresh(session, now))
    }

    fn introspect(&mut self, token: &Secret) -> Result<Option<Introspection>, Error> {
        let client = self.0.client();
        self.run(|now| client.introspect(token, now))
    }

    fn revoke(&mut self, token: &Secret, hint: TokenHint) -> Result<(), Error> {
        let client = self.0.client();
        self.run(|now| client.revoke(token, hint, now))
    }

    fn verify_access_token(&mut self, token: &str) -> Result<Claims, TokenError> {
        let client = self.0.client();
        self.run(|now| client.verify_access_token(token, now))
    }

    fn verify_logout_token(&mut self, token: &str) -> Result<Claims, TokenError> {
        let client = self.0.client();
        self.run(|now| client.verify_logout_token(token, now))
    }

    fn ask(&mut self, request: &Request<Vec<u8>>, required: bool) -> Verdict {
        let guard = self.0.guard.clone();
        let target = request.uri().to_string();
        let incoming = Incoming {
            method: request.method(),
            target: &target,
            headers: request.headers(),
            body: Some(request.body()),
            presented: None,
        };
        self.run(|now| if required { guard.require(incoming, now) } else { guard.check(incoming, now) })
    }
}

#[test]
fn every_scenario_comes_out_as_expected() {
    scenarios::run::<Pure>("oidc-core");
}

#[test]
fn every_module_of_the_conformance_suite_passes_in_every_variant() {
    scenarios::run_variants::<Pure>("oidc-core");
}
