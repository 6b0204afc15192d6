//! Answers that the guard gives itself: refusals as JSON or as a page, redirects, and their headers.

use std::time::Duration;

use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY, RETRY_AFTER,
    SET_COOKIE, VARY, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderName, HeaderValue, StatusCode};
use url::form_urlencoded;

use super::{Incoming, LOGIN, Verdict};
use crate::bearer;
use crate::error::{Error, RequestError};
use crate::page::{Onward, Page, explain};

/// An answer in the making. None is ever stored by a cache.
pub(super) struct Answer {
    status: StatusCode,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Vec<u8>,
}

/// For whom an answer is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Json,
    Page,
}

impl Shape {
    pub(super) fn of(incoming: &Incoming<'_>) -> Self {
        if incoming.wants_page() { Self::Page } else { Self::Json }
    }
}

impl Answer {
    fn new(status: StatusCode, content_type: &'static str, body: String) -> Self {
        let headers = vec![
            (CONTENT_TYPE, HeaderValue::from_static(content_type)),
            (CACHE_CONTROL, HeaderValue::from_static("no-store")),
            (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
            (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        ];
        Self { status, headers, body: body.into_bytes() }
    }

    pub(super) fn json(body: String) -> Self {
        Self::new(StatusCode::OK, "application/json", body)
    }

    /// Done, and nothing to say.
    pub(super) fn empty() -> Self {
        Self::new(StatusCode::OK, "text/plain; charset=utf-8", String::new())
    }

    /// See other: a GET from here on ([RFC 9110 section 15.4.4](https://www.rfc-editor.org/rfc/rfc9110#section-15.4.4)).
    pub(super) fn redirect(location: &str) -> Self {
        let answer = Self::new(StatusCode::SEE_OTHER, "text/plain; charset=utf-8", String::new());
        // A local path and a URL are both ASCII; what is neither goes to the root.
        let location = HeaderValue::try_from(location).unwrap_or(HeaderValue::from_static("/"));
        answer.header(LOCATION, location)
    }

    pub(super) fn page(status: StatusCode, page: &Page<'_>) -> Self {
        const POLICY: &str =
            "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'";
        Self::new(status, "text/html; charset=utf-8", page.html())
            .header(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY))
    }

    /// A page that goes on by itself, by the one script that may run in it.
    pub(super) fn onward(page: &Onward<'_>) -> Self {
        Self::new(StatusCode::OK, "text/html; charset=utf-8", page.html())
            .header(CONTENT_SECURITY_POLICY, HeaderValue::from_static(Onward::POLICY))
    }

    /// A refusal of credentials: JSON unless a person reads it.
    pub(super) fn refusal(incoming: &Incoming<'_>, error: &Error) -> Self {
        Self::refusal_as(Shape::of(incoming), error)
    }

    pub(super) fn refusal_as(shape: Shape, error: &Error) -> Self {
        Self::failure_as(shape, error, "/")
    }

    /// A sign-in that failed; the person can start again and still gets where they wanted.
    pub(super) fn failure(incoming: &Incoming<'_>, error: &Error, return_to: &str) -> Self {
        Self::failure_as(Shape::of(incoming), error, return_to)
    }

    pub(super) fn failure_as(shape: Shape, error: &Error, return_to: &str) -> Self {
        log(error);
        let answer = match shape {
            Shape::Json => {
                let body = serde_json::json!({ "error": error.code() }).to_string();
                Self::new(error.status(), "application/json", body)
            }
            Shape::Page => {
                let (title, text) = explain(error);
                let query = form_urlencoded::Serializer::new(String::new())
                    .append_pair("return_to", return_to)
                    .finish();
                let again = format!("{LOGIN}?{query}");
                let link = (again.as_str(), "try-again", "Start again");
                Self::page(error.status(), &Page { title, text, link, code: Some(error.code()) })
            }
        };
        let retry =
            error.retry_after().and_then(|wait| HeaderValue::try_from(whole_seconds(wait).to_string()).ok());
        let allow = match error {
            Error::Request(RequestError::Method(allowed)) => Some(HeaderValue::from_static(allowed)),
            _ => None,
        };
        answer
            .optional(WWW_AUTHENTICATE, bearer::challenge(error).filter(|_| error.status() != 503))
            .optional(RETRY_AFTER, retry)
            .optional(ALLOW, allow)
    }

    pub(super) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    fn optional(self, name: HeaderName, value: Option<HeaderValue>) -> Self {
        match value {
            Some(value) => self.header(name, value),
            None => self,
        }
    }

    pub(super) fn cookies(mut self, cookies: Vec<HeaderValue>) -> Self {
        if !cookies.is_empty() {
            self.headers.push((VARY, HeaderValue::from_static("cookie")));
        }
        self.headers.extend(cookies.into_iter().map(|cookie| (SET_COOKIE, cookie)));
        self
    }
}

/// Rounded up, so that whoever waits so long has waited long enough.
fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)).max(1)
}

/// The one place where refusals reach the log: by their code, without anything secret.
pub(super) fn log(error: &Error) {
    #[cfg(feature = "metrics")]
    metrics::counter!("oidc_refusals_total", "code" => error.code()).increment(1);
    if error.status().is_server_error() {
        tracing::error!(code = error.code(), %error, "could not serve");
    } else {
        tracing::info!(code = error.code(), %error, "refused");
    }
}

/// Cookies as headers of the application's answer, which then no cache may keep.
pub(super) fn with_cookies(cookies: Vec<HeaderValue>) -> Vec<(HeaderName, HeaderValue)> {
    if cookies.is_empty() {
        return Vec::new();
    }
    let caching =
        [(CACHE_CONTROL, HeaderValue::from_static("no-store")), (VARY, HeaderValue::from_static("cookie"))];
    cookies.into_iter().map(|cookie| (SET_COOKIE, cookie)).chain(caching).collect()
}

impl From<Answer> for Verdict {
    fn from(answer: Answer) -> Self {
        Self::Reply { status: answer.status, headers: answer.headers, body: answer.body }
    }
}
