//! HTTP bodies: forms out, strict JSON in, and what status, size and media type an answer must have.

use std::time::Duration;

use http::header::{
    ACCEPT, AGE, CACHE_CONTROL, CONTENT_TYPE, DATE, ETAG, EXPIRES, IF_MODIFIED_SINCE, IF_NONE_MATCH,
    LAST_MODIFIED, RETRY_AFTER,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use url::form_urlencoded;

use crate::cache::shared::Ask;
use crate::cache::{Caching, Failure, Loaded, Validators};
use crate::error::{Excerpt, ProviderError};
use crate::step::{Fetch, FetchResult, Purpose};

/// The longest metadata document and token or userinfo response, in bytes.
pub(crate) const MAX_DOCUMENT: usize = 64 * 1024;
/// The longest key set, in bytes.
pub(crate) const MAX_KEY_SET: usize = 512 * 1024;

/// A GET of a document that many flows may wait for; only if it has changed, where that can be told.
pub(crate) fn get_shared(url: &str, purpose: Purpose, max_body: usize, ask: Ask) -> Option<Fetch> {
    let mut request = Request::get(url).header(ACCEPT, "application/json, application/jwk-set+json");
    let Validators { etag, last_modified } = ask.validators;
    for (name, value) in [(IF_NONE_MATCH, etag), (IF_MODIFIED_SINCE, last_modified)] {
        if let Some(value) = value {
            request = request.header(name, value);
        }
    }
    Some(Fetch {
        request: request.body(Vec::new()).ok()?,
        purpose,
        max_body,
        timeout: ask.timeout,
        shared: true,
    })
}

/// A document that was asked for by [`get_shared`], made of the body by `parse`.
pub(crate) fn loaded<T>(
    purpose: Purpose,
    conditional: bool,
    result: FetchResult,
    types: &[&str],
    parse: impl FnOnce(&[u8]) -> Result<T, ProviderError>,
) -> Result<Loaded<T>, Failure> {
    let headers = result.as_ref().map(|response| response.headers().clone()).unwrap_or_default();
    let caching = caching(&headers);
    if conditional && result.as_ref().is_ok_and(|response| response.status() == StatusCode::NOT_MODIFIED) {
        return Ok(Loaded { document: None, caching });
    }
    let document = body_of(purpose, result, types).and_then(|body| parse(&body));
    match document {
        Ok(document) => Ok(Loaded { document: Some(document), caching }),
        Err(error) => Err(Failure { error, retry_after: seconds(&headers, &RETRY_AFTER) }),
    }
}

/// What the headers say about freshness ([RFC 9111 section 4.2](https://www.rfc-editor.org/rfc/rfc9111#section-4.2)):
/// `max-age` less `Age`, else `Expires` less `Date`.
fn caching(headers: &HeaderMap) -> Caching {
    let text =
        |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok()).map(str::to_owned);
    let validators = Validators { etag: text(&ETAG), last_modified: text(&LAST_MODIFIED) };
    let directives = headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    let directives: Vec<&str> = directives.flat_map(|value| value.split(',')).map(str::trim).collect();
    let names = |name: &str| directives.iter().any(|directive| directive.eq_ignore_ascii_case(name));
    let lifetime = match directives.iter().find_map(|directive| max_age(directive)) {
        _ if names("no-cache") || names("no-store") => Some(Duration::ZERO),
        Some(max_age) => Some(max_age.saturating_sub(seconds(headers, &AGE).unwrap_or_default())),
        None => text(&EXPIRES).map(|expires| until(&expires, text(&DATE))),
    };
    Caching { lifetime, validators }
}

fn max_age(directive: &str) -> Option<Duration> {
    let (name, value) = directive.split_once('=')?;
    let named = name.trim().eq_ignore_ascii_case("max-age");
    named.then(|| value.trim().trim_matches('"').parse().ok()).flatten().map(Duration::from_secs)
}

/// How long after `date` something expires: no time at all, if either is no date.
fn until(expires: &str, date: Option<String>) -> Duration {
    let parse = |text: &str| httpdate::parse_http_date(text).ok();
    let dates = parse(expires).zip(date.and_then(|date| parse(&date)));
    dates.and_then(|(expires, date)| expires.duration_since(date).ok()).unwrap_or_default()
}

fn seconds(headers: &HeaderMap, name: &HeaderName) -> Option<Duration> {
    headers.get(name)?.to_str().ok()?.parse().ok().map(Duration::from_secs)
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
    if response.status() != StatusCode::OK {
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
