//! `ureq` as the HTTP client: no redirects, no proxy from the environment, no body beyond its cap, all within the time.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use oidc_core::error::ConfigError;
use oidc_core::step::{Fetch, FetchError, FetchResult};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Timeout};

use crate::Transport;

/// By how much later than asked a silent connection is given up.
const LATENESS: Duration = Duration::from_millis(100);

pub(crate) struct Ureq {
    agent: Agent,
}

impl Ureq {
    pub(crate) fn new(agent: Agent) -> Self {
        Self { agent }
    }

    /// Trusts Mozilla's roots, and these.
    pub(crate) fn with_extra_roots(pem: Option<&[u8]>) -> Result<Self, ConfigError> {
        let roots = pem.map_or(Ok(RootCerts::WebPki), extra_roots)?;
        let tls = TlsConfig::builder().root_certs(roots).build();
        Ok(Self::new(Agent::config_builder().tls_config(tls).proxy(None).build().into()))
    }

    fn exchange(&self, fetch: Fetch) -> Result<http::Response<Vec<u8>>, ureq::Error> {
        let request = self
            .agent
            .configure_request(fetch.request)
            // Sockets wake up late, by up to a tenth of a second.
            .timeout_global(Some(fetch.timeout.saturating_sub(LATENESS)))
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .build();
        let (head, mut body) = self.agent.run(request)?.into_parts();
        let body = body.with_config().limit(fetch.max_body as u64).read_to_vec()?;
        Ok(http::Response::from_parts(head, body))
    }
}

impl Transport for Ureq {
    fn send(&self, fetch: Fetch) -> FetchResult {
        self.exchange(fetch).map_err(|error| match error {
            ureq::Error::Timeout(_) => FetchError::Timeout,
            ureq::Error::BodyExceedsLimit(_) => FetchError::TooLarge,
            ureq::Error::Io(error) => of_io(&error),
            error => FetchError::Failed(error.to_string()),
        })
    }
}

/// While a body is read, `ureq` wraps its errors into those of input and output.
fn of_io(error: &io::Error) -> FetchError {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<ureq::Error>()) {
        Some(ureq::Error::Timeout(Timeout::Global | _)) => FetchError::Timeout,
        Some(ureq::Error::BodyExceedsLimit(_)) => FetchError::TooLarge,
        _ if error.kind() == io::ErrorKind::TimedOut => FetchError::Timeout,
        _ => FetchError::Failed(error.to_string()),
    }
}

fn extra_roots(pem: &[u8]) -> Result<RootCerts, ConfigError> {
    let wrong = |problem: String| ConfigError::new("ca_file", problem);
    let mut roots: Vec<Certificate<'static>> = Vec::new();
    for item in parse_pem(pem) {
        if let PemItem::Certificate(certificate) = item.map_err(|error| wrong(error.to_string()))? {
            roots.push(certificate);
        }
    }
    if roots.is_empty() {
        return Err(wrong("holds no PEM certificate".to_owned()));
    }
    roots.extend(
        webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().map(|root| Certificate::from_der(root).to_owned()),
    );
    Ok(RootCerts::Specific(Arc::new(roots)))
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use oidc_core::step::Purpose;
    use oidc_dev_provider::{Delivery, DevProvider, Endpoint, Fault, Running};

    use super::*;

    fn fetch(url: String) -> (FetchResult, Duration) {
        let request = http::Request::get(url).body(Vec::new()).unwrap();
        let timeout = Duration::from_millis(400);
        let fetch = Fetch { request, purpose: Purpose::Keys, max_body: 20_000, timeout, shared: false };
        let started = Instant::now();
        let result = Ureq::with_extra_roots(None).unwrap().send(fetch);
        (result, started.elapsed())
    }

    fn with(fault: Fault) -> (FetchResult, Duration, Running) {
        let provider = DevProvider::serve("127.0.0.1:0").unwrap();
        provider.with(|provider| provider.set_fault(Some(fault)));
        let (result, elapsed) = fetch(format!("{}/jwks", provider.issuer()));
        (result, elapsed, provider)
    }

    #[test]
    fn an_answer_comes_whole_with_its_status() {
        let (result, _, _provider) = with(Fault::EmptyKeys);
        assert_eq!(result.unwrap().body(), br#"{"keys":[]}"#);
        let (result, _, _provider) = with(Fault::Status(Endpoint::Any, 503));
        assert_eq!(result.unwrap().status(), 503);
    }

    #[test]
    fn d14_d15_the_time_holds_whatever_the_other_side_does() {
        for delivery in [Delivery::Hang, Delivery::Drip] {
            let (result, elapsed, _provider) = with(Fault::Deliver(Endpoint::Any, delivery));
            assert_eq!(result.unwrap_err(), FetchError::Timeout, "{delivery:?}");
            assert!(elapsed < Duration::from_secs(1), "{delivery:?} took {elapsed:?}");
        }
    }

    #[test]
    fn d12_the_body_cap_holds_whatever_the_other_side_sends() {
        for fault in [Fault::Deliver(Endpoint::Any, Delivery::Endless), Fault::TooManyKeys] {
            let (result, elapsed, _provider) = with(fault.clone());
            assert_eq!(result.unwrap_err(), FetchError::TooLarge, "{fault:?} after {elapsed:?}");
        }
    }

    #[test]
    fn d17_a_broken_exchange_is_a_failure() {
        for delivery in [Delivery::Reset, Delivery::Cut] {
            let (result, ..) = with(Fault::Deliver(Endpoint::Any, delivery));
            assert!(matches!(result, Err(FetchError::Failed(_))), "{delivery:?}: {result:?}");
        }
        let (result, _) = fetch("http://127.0.0.1:1/".into());
        assert!(matches!(result, Err(FetchError::Failed(_))), "{result:?}");
    }

    #[test]
    fn d05_a_redirect_is_an_answer_and_not_followed() {
        let (result, _, provider) = with(Fault::Redirect(Endpoint::Any));
        assert_eq!(result.unwrap().status(), 307);
        assert_eq!(provider.with(|provider| provider.requests("/dev/elsewhere/jwks")), 0);
    }

    #[test]
    fn roots_that_are_none_are_a_bad_setting() {
        assert!(Ureq::with_extra_roots(Some(b"nothing")).is_err());
        let broken = b"-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n";
        assert!(Ureq::with_extra_roots(Some(broken)).is_err());
    }
}
