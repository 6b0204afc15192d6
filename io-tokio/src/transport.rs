//! `reqwest` as the HTTP client: no redirects, no proxy from the environment, no body beyond its cap, all within the time.

use std::error::Error as _;
use std::time::Duration;

use oidc_core::error::ConfigError;
use oidc_core::step::{Fetch, FetchError, FetchResult};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client};

use crate::Transport;

/// The time to connect, out of the time for the whole exchange.
const CONNECT: Duration = Duration::from_secs(3);

pub(crate) struct Reqwest {
    client: Client,
}

impl Reqwest {
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }

    /// Trusts the platform's roots, and these.
    pub(crate) fn with_extra_roots(pem: Option<&[u8]>) -> Result<Self, ConfigError> {
        let wrong = |problem: String| ConfigError::new("ca_file", problem);
        let roots = pem.map(Certificate::from_pem_bundle).transpose().map_err(|error| wrong(error.to_string()))?;
        if roots.as_ref().is_some_and(Vec::is_empty) {
            return Err(wrong("holds no PEM certificate".to_owned()));
        }
        let client = Client::builder().redirect(Policy::none()).no_proxy().connect_timeout(CONNECT);
        let client = client.tls_certs_merge(roots.into_iter().flatten()).build();
        client.map(Self::new).map_err(|error| wrong(format!("no HTTP client can be made with it: {error}")))
    }

    async fn exchange(&self, fetch: Fetch) -> FetchResult {
        let mut request = reqwest::Request::try_from(fetch.request).map_err(failed)?;
        *request.timeout_mut() = Some(fetch.timeout);
        let asked = request.url().clone();
        let mut response = self.client.execute(request).await.map_err(failed)?;
        if *response.url() != asked {
            return Err(FetchError::Failed("the HTTP client followed a redirect, which it must not".to_owned()));
        }
        let mut answer = http::Response::new(Vec::new());
        *answer.status_mut() = response.status();
        *answer.headers_mut() = std::mem::take(response.headers_mut());
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if answer.body().len() + chunk.len() > fetch.max_body {
                return Err(FetchError::TooLarge);
            }
            answer.body_mut().extend_from_slice(&chunk);
        }
        Ok(answer)
    }
}

#[async_trait::async_trait]
impl Transport for Reqwest {
    async fn send(&self, fetch: Fetch) -> FetchResult {
        self.exchange(fetch).await
    }
}

/// `reqwest` says what happened in its sources; the address, which may hold secrets, is left out.
fn failed(error: reqwest::Error) -> FetchError {
    if error.is_timeout() {
        return FetchError::Timeout;
    }
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    FetchError::Failed(text)
}
