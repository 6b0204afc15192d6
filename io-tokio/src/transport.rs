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
        let roots =
            pem.map(Certificate::from_pem_bundle).transpose().map_err(|error| wrong(error.to_string()))?;
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
            return Err(FetchError::Failed(
                "the HTTP client followed a redirect, which it must not".to_owned(),
            ));
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

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use oidc_core::step::Purpose;
    use oidc_dev_provider::{Delivery, DevProvider, Endpoint, Fault, Running};

    use super::*;

    async fn fetch(url: String) -> (FetchResult, Duration) {
        let request = http::Request::get(url).body(Vec::new()).unwrap();
        let timeout = Duration::from_millis(400);
        let fetch = Fetch { request, purpose: Purpose::Keys, max_body: 20_000, timeout, shared: false };
        let started = Instant::now();
        let result = Reqwest::with_extra_roots(None).unwrap().send(fetch).await;
        (result, started.elapsed())
    }

    async fn with(fault: Fault) -> (FetchResult, Duration, Running) {
        let provider = DevProvider::serve("127.0.0.1:0").unwrap();
        provider.with(|provider| provider.set_fault(Some(fault)));
        let (result, elapsed) = fetch(format!("{}/jwks", provider.issuer())).await;
        (result, elapsed, provider)
    }

    #[tokio::test]
    async fn an_answer_comes_whole_with_its_status() {
        let (result, _, _provider) = with(Fault::EmptyKeys).await;
        assert_eq!(result.unwrap().body(), br#"{"keys":[]}"#);
        let (result, _, _provider) = with(Fault::Status(Endpoint::Any, 503)).await;
        assert_eq!(result.unwrap().status(), 503);
    }

    #[tokio::test]
    async fn d14_d15_the_time_holds_whatever_the_other_side_does() {
        for delivery in [Delivery::Hang, Delivery::Drip] {
            let (result, elapsed, _provider) = with(Fault::Deliver(Endpoint::Any, delivery)).await;
            assert_eq!(result.unwrap_err(), FetchError::Timeout, "{delivery:?}");
            assert!(elapsed < Duration::from_secs(1), "{delivery:?} took {elapsed:?}");
        }
    }

    #[tokio::test]
    async fn d12_the_body_cap_holds_whatever_the_other_side_sends() {
        for fault in [Fault::Deliver(Endpoint::Any, Delivery::Endless), Fault::TooManyKeys] {
            let (result, elapsed, _provider) = with(fault.clone()).await;
            assert_eq!(result.unwrap_err(), FetchError::TooLarge, "{fault:?} after {elapsed:?}");
        }
    }

    #[tokio::test]
    async fn d17_a_broken_exchange_is_a_failure() {
        for delivery in [Delivery::Reset, Delivery::Cut] {
            let (result, ..) = with(Fault::Deliver(Endpoint::Any, delivery)).await;
            assert!(matches!(result, Err(FetchError::Failed(_))), "{delivery:?}: {result:?}");
        }
        let (result, _) = fetch("http://127.0.0.1:1/".into()).await;
        assert!(matches!(result, Err(FetchError::Failed(_))), "{result:?}");
    }

    #[tokio::test]
    async fn d05_a_redirect_is_an_answer_and_not_followed() {
        let (result, _, provider) = with(Fault::Redirect(Endpoint::Any)).await;
        assert_eq!(result.unwrap().status(), 307);
        assert_eq!(provider.with(|provider| provider.requests("/dev/elsewhere/jwks")), 0);
    }

    #[tokio::test]
    async fn a_client_that_follows_redirects_is_caught() {
        let provider = DevProvider::serve("127.0.0.1:0").unwrap();
        provider.with(|provider| provider.set_fault(Some(Fault::Redirect(Endpoint::Any))));
        let request = http::Request::get(format!("{}/jwks", provider.issuer())).body(Vec::new()).unwrap();
        let timeout = Duration::from_secs(5);
        let fetch = Fetch { request, purpose: Purpose::Keys, max_body: 20_000, timeout, shared: false };
        let result = Reqwest::new(Client::new()).send(fetch).await;
        assert!(matches!(result, Err(FetchError::Failed(text)) if text.contains("redirect")));
    }

    #[test]
    fn roots_that_are_none_are_a_bad_setting() {
        assert!(Reqwest::with_extra_roots(Some(b"nothing")).is_err());
        let broken = b"-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n";
        assert!(Reqwest::with_extra_roots(Some(broken)).is_err());
    }
}
