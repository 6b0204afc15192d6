//! Plays relying party and browser against a provider, and says in JSON how far it came.
//!
//! ```text
//! probe-tokio --issuer I --client-id C [--client-secret S] --redirect-uri U [--client-auth basic|post|secret_jwt|private_key_jwt|none]
//!     [--scope S] [--alg RS256,RS384] [--response-mode query|form_post] [--ca-file F] [--client-key-file F] [--client-key-id K] [--logins N] [--userinfo] [--refresh]
//! ```
//! Nobody need listen at the redirect URI. Exit code 0: all sign-ins succeeded, 1: some failed, 2: not asked properly.
//! `RUST_LOG=debug` shows what is fetched.

#[path = "../../examples/probe.rs"]
mod probe;

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use oidc_tokio::oidc_core::LoginOptions;
use oidc_tokio::oidc_core::step::{FetchError, FetchResult};
use oidc_tokio::{Builder, Oidc};
use probe::{Failure, Next, Plan};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client};

#[tokio::main]
async fn main() -> ExitCode {
    probe::log_to_stderr();
    let plan = match Plan::from_args() {
        Ok(plan) => plan,
        Err(problem) => return probe::usage(problem),
    };
    let oidc = match Builder::from_vars(|name| plan.variable(name)).and_then(Builder::build) {
        Ok(oidc) => oidc,
        Err(error) => return probe::usage(probe::in_words_of_options(&error)),
    };
    let client = match client(&plan) {
        Ok(client) => client,
        Err(problem) => return probe::usage(problem),
    };
    let mut all_good = true;
    for _ in 0..plan.logins {
        all_good &= plan.report(&sign_in(&oidc, &client, &plan).await);
    }
    ExitCode::from(u8::from(!all_good))
}

/// Gives the subject.
async fn sign_in(oidc: &Oidc, client: &Client, plan: &Plan) -> Result<String, Failure> {
    let redirect = oidc.begin_login(LoginOptions::default()).await.map_err(Failure::at("discovery"))?;
    let mut browser = plan.browser();
    let mut next = browser.open(redirect.url)?;
    let callback = loop {
        next = match next {
            Next::Send(request) => browser.receive(send(client, request).await)?,
            Next::Arrived(callback) => break callback,
        };
    };
    let mut session = oidc.finish_login(redirect.login, callback).await.map_err(Failure::after_callback)?;
    if plan.userinfo {
        oidc.userinfo(&session).await.map_err(Failure::at("userinfo"))?;
    }
    if plan.refresh {
        session = oidc.refresh(session).await.map_err(Failure::at("refresh"))?;
    }
    Ok(session.sub().to_owned())
}

/// The browser's own HTTP client, which leaves redirects and errors to it.
fn client(plan: &Plan) -> Result<Client, Box<dyn Error>> {
    let roots = plan.extra_roots()?.map(|pem| Certificate::from_pem_bundle(&pem)).transpose()?;
    let client = Client::builder().redirect(Policy::none()).no_proxy().timeout(Duration::from_secs(10));
    Ok(client.tls_certs_merge(roots.into_iter().flatten()).build()?)
}

async fn send(client: &Client, request: http::Request<Vec<u8>>) -> FetchResult {
    let mut response = client.execute(request.try_into().map_err(failed)?).await.map_err(failed)?;
    let mut answer = http::Response::new(Vec::new());
    *answer.status_mut() = response.status();
    *answer.headers_mut() = std::mem::take(response.headers_mut());
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        answer.body_mut().extend_from_slice(&chunk);
        if answer.body().len() > probe::MAX_PAGE {
            return Err(FetchError::TooLarge);
        }
    }
    Ok(answer)
}

fn failed(error: reqwest::Error) -> FetchError {
    if error.is_timeout() {
        return FetchError::Timeout;
    }
    let error = error.without_url();
    let mut cause: &dyn Error = &error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    FetchError::Failed(cause.to_string())
}
