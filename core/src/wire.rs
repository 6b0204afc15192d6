//! HTTP bodies: forms out, strict JSON in, and what status, size and media type an answer must have.

use std::time::Duration;

use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, Method, Request, Response};
use url::form_urlencoded;

use crate::error::{Excerpt, ProviderError};
use crate::step::{Fetch, FetchResult, Purpose};

/// The longest metadata document and token or userinfo response, in bytes.
pub(crate) const MAX_DOCUMENT: usize = 64 * 1024;
/// The longest key set, in bytes.
pub(crate) const MAX_KEY_SET: usize = 512 * 1024;

/// A GET of a document that many flows may wait for.
pub(crate) fn get_shared(url: &str, purpose: Purpose, max_body: usize, timeout: Duration) -> Option<Fetch> {
    let request =
        Request::get(url).header(ACCEPT, "application/json, application/jwk-set+json").body(Vec::new());
    Some(Fetch { request: request.ok()?, purpose, max_body, timeout, shared: true })
}

/// A request of one flow, whose headers may carry credentials.
pub(crate) fn request(
    method: Method,
    url: &str,
    headers: HeaderMap,
    body: Vec<u8>,
    purpose: Purpose,
    timeout: Duration,
) -> Option<Fetch> {
    let mut request = Request::builder().method(method).uri(url).body(body).ok()?;
    *request.headers_mut() = headers;
    Some(Fetch { request, purpose, max_body: MAX_DOCUMENT, timeout, shared: false })
}

/// An `application/x-www-form-urlencoded` body.
pub(crate) fn form(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// An answer that came whole.
pub(crate) fn arrived(purpose: Purpose, result: FetchResult) -> Result<Response<Vec<u8>>, ProviderError> {
    result.map_err(|error| ProviderError::Fetch(purpose, error))
}

/// The body of a 200 answer of one of these media types.
pub(crate) fn body_of(
    purpose: Purpose,
    result: FetchResult,
    types: &[&str],
) -> Result<Vec<u8>, ProviderError> {
    let response = arrived(purpose, result)?;
    if response.status() != http::StatusCode::OK {
        return Err(ProviderError::Status(purpose, response.status().as_u16()));
    }
    match media_type(response.headers()) {
        Some(found) if types.contains(&found.as_str()) => Ok(response.into_body()),
        found => Err(ProviderError::ContentType(purpose, found.map(|found| Excerpt::of(&found)))),
    }
}

/// The media type without its parameters, in lower case.
pub(crate) fn media_type(headers: &HeaderMap) -> Option<String> {
    essence(headers.get(CONTENT_TYPE)?.to_str().ok()?)
}

pub(crate) fn essence(content_type: &str) -> Option<String> {
    content_type.split(';').next().map(|essence| essence.trim().to_ascii_lowercase())
}
