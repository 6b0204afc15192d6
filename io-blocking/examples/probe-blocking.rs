//! Plays relying party and browser against a provider, and says in JSON how far it came.
//!
//! ```text
//! probe-blocking --issuer I --client-id C [--client-secret S] --redirect-uri U [--client-auth basic|post|secret_jwt|private_key_jwt|none]
//!     [--scope S] [--alg RS256,RS384] [--response-mode query|form_post] [--ca-file F] [--client-key-file F] [--client-key-id K] [--logins N] [--userinfo] [--refresh]
//! ```
//! Nobody need listen at the redirect URI. Exit code 0: all sign-ins succeeded, 1: some failed, 2: not asked properly.
//! `RUST_LOG=debug` shows what is fetched.

#[path = "../../examples/probe.rs"]
mod probe;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use oidc_blocking::oidc_core::LoginOptions;
use oidc_blocking::oidc_core::step::{FetchError, FetchResult};
use oidc_blocking::{Builder, Oidc};
use probe::{Failure, Next, Plan};
use ureq::Agent;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

fn main() -> ExitCode {
    probe::log_to_stderr();
    let plan = match Plan::from_args() {
        Ok(plan) => plan,
        Err(problem) => return probe::usage(problem),
    };
    let oidc = match Builder::from_vars(|name| plan.variable(name)).and_then(Builder::build) {
        Ok(oidc) => oidc,
        Err(error) => return probe::usage(probe::in_words_of_options(&error)),
    };
    let agent = match agent(&plan) {
        Ok(agent) => agent,
        Err(problem) => return probe::usage(problem),
    };
    let mut all_good = true;
    for _ in 0..plan.logins {
        all_good &= plan.report(&sign_in(&oidc, &agent, &plan));
    }
    ExitCode::from(u8::from(!all_good))
}

/// Gives the subject.
fn sign_in(oidc: &Oidc, agent: &Agent, plan: &Plan) -> Result<String, Failure> {
    let redirect = oidc.begin_login(LoginOptions::default()).map_err(Failure::at("discovery"))?;
    let mut browser = plan.browser();
    let mut next = browser.open(redirect.url)?;
    let callback = loop {
        next = match next {
            Next::Send(request) => browser.receive(send(agent, request))?,
            Next::Arrived(callback) => break callback,
        };
    };
    let mut session = oidc.finish_login(redirect.login, callback).map_err(Failure::after_callback)?;
    if plan.userinfo {
        oidc.userinfo(&session).map_err(Failure::at("userinfo"))?;
    }
    if plan.refresh {
        session = oidc.refresh(session).map_err(Failure::at("refresh"))?;
    }
    Ok(session.sub().to_owned())
}

/// The browser's own HTTP client, which leaves redirects and errors to it.
fn agent(plan: &Plan) -> Result<Agent, String> {
    let mut tls = TlsConfig::builder();
    if let Some(pem) = plan.extra_roots()? {
        let extra = parse_pem(&pem).filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        });
        let usual = webpki_root_certs::TLS_SERVER_ROOT_CERTS
            .iter()
            .map(|root| Certificate::from_der(root).to_owned());
        tls = tls.root_certs(RootCerts::Specific(Arc::new(extra.chain(usual).collect())));
    }
    let config = Agent::config_builder()
        .tls_config(tls.build())
        .proxy(None)
        .timeout_global(Some(Duration::from_secs(10)));
    Ok(config.max_redirects(0).max_redirects_will_error(false).http_status_as_error(false).build().into())
}

fn send(agent: &Agent, request: http::Request<Vec<u8>>) -> FetchResult {
    let exchange = || {
        let (head, mut body) = agent.run(request)?.into_parts();
        let body = body.with_config().limit(probe::MAX_PAGE as u64).read_to_vec()?;
        Ok(http::Response::from_parts(head, body))
    };
    exchange().map_err(|error| match error {
        ureq::Error::Timeout(_) => FetchError::Timeout,
        ureq::Error::BodyExceedsLimit(_) => FetchError::TooLarge,
        error => FetchError::Failed(error.to_string()),
    })
}
