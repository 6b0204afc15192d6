//! `ureq` as the HTTP client: no redirects, no proxy from the environment, no body beyond its cap, all within the time.

use std::io;
use std::sync::Arc;

use oidc_core::error::ConfigError;
use oidc_core::step::{Fetch, FetchError, FetchResult};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Timeout};

use crate::Transport;

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
            .timeout_global(Some(fetch.timeout))
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
    roots.extend(webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().map(|root| Certificate::from_der(root).to_owned()));
    Ok(RootCerts::Specific(Arc::new(roots)))
}
