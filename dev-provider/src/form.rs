//! A request as its handlers read it: parameters by name, credentials, cookies.

use std::collections::BTreeSet;

use http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE};
use http::{HeaderMap, Method, Request};

/// One request, its body parsed if it is a form.
pub(crate) struct Ask {
    pub(crate) params: Params,
    /// The path of the endpoint that was called, below the issuer's own.
    pub(crate) endpoint: &'static str,
    /// Whether it was called by its alias for clients that authenticate by TLS.
    pub(crate) mtls: bool,
    headers: HeaderMap,
}

impl Ask {
    /// Parameters come from the query of a GET and from the form of a POST, never from both.
    pub(crate) fn new(request: Request<Vec<u8>>, endpoint: &'static str, mtls: bool) -> Self {
        let (head, body) = request.into_parts();
        let params = match head.method {
            Method::GET => Params::parse(head.uri.query().unwrap_or_default().as_bytes()),
            _ if is_form(&head.headers) => Params::parse(&body),
            _ => Params(Vec::new()),
        };
        Ask { params, endpoint, mtls, headers: head.headers }
    }

    /// What follows the scheme in `Authorization`; schemes are compared without case.
    pub(crate) fn authorization(&self, scheme: &str) -> Option<&str> {
        let value = self.headers.get(AUTHORIZATION)?.to_str().ok()?;
        let (name, credentials) = value.split_once(' ')?;
        name.eq_ignore_ascii_case(scheme).then(|| credentials.trim())
    }

    pub(crate) fn has_authorization(&self) -> bool {
        self.headers.contains_key(AUTHORIZATION)
    }

    pub(crate) fn cookie(&self, name: &str) -> Option<&str> {
        let lines = self.headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
        pairs.find(|(known, _)| *known == name).map(|(_, value)| value)
    }
}

fn is_form(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = value.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// Parameters in the order they came.
#[derive(Clone)]
pub(crate) struct Params(Vec<(String, String)>);

impl Params {
    fn parse(encoded: &[u8]) -> Self {
        Params(url::form_urlencoded::parse(encoded).into_owned().collect())
    }

    /// The value of a parameter; an empty one counts as absent
    /// ([RFC 6749 3.1](https://www.rfc-editor.org/rfc/rfc6749#section-3.1)).
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// A parameter that came more than once.
    pub(crate) fn repeated(&self) -> Option<&str> {
        let mut seen = BTreeSet::new();
        self.0.iter().map(|(name, _)| name.as_str()).find(|name| !seen.insert(*name))
    }
}

/// Appends parameters to the query of a URI and leaves the rest as it is.
pub(crate) fn with_query(uri: &str, params: &[(&str, String)]) -> String {
    if params.is_empty() {
        return uri.to_owned();
    }
    let encoded = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(params).finish();
    let joint = if uri.contains('?') { '&' } else { '?' };
    format!("{uri}{joint}{encoded}")
}
