//! rouille: sign-in in front of a server's pages, and bearer tokens for its routes.

use std::borrow::Cow;
use std::io::Read;

use http::{HeaderName, HeaderValue, Method};
use oidc_core::guard::{Headers, Policy};
use oidc_core::{Identity, Incoming, Verdict};
use rouille::{Request, Response};

use crate::Oidc;

/// Whoever sent a request.
pub struct Visitor {
    /// Who they are, if they presented a good token or have a session.
    pub identity: Option<Identity>,
    oidc: Oidc,
}

/// The request's identity is not enough for it, or there is none; [`Oidc::protect`] answers it.
#[derive(Debug)]
pub struct Refused(Policy);

impl Visitor {
    /// Who they are; to be followed by `?`, which sends them to sign in, or answers 401 where that would not help.
    ///
    /// # Errors
    /// [`Refused`] if they are nobody.
    pub fn required(self) -> Result<Identity, Refused> {
        self.identity.ok_or_else(|| Refused(Policy::default()))
    }

    /// Who they are, if they meet a policy; to be followed by `?`, which answers 401 or 403, or sends them to sign in anew where
    /// that helps.
    ///
    /// # Errors
    /// [`Refused`] if they do not.
    pub fn meets(self, policy: &Policy) -> Result<Identity, Refused> {
        let permitted = self.identity.filter(|identity| self.oidc.permits(identity, policy).is_ok());
        permitted.ok_or_else(|| Refused(policy.clone()))
    }
}

impl Oidc {
    /// Answers sign-in, callback, sign-out and bad credentials; hands every other request to the application.
    pub fn protect(
        &self,
        request: &Request,
        application: impl FnOnce(Visitor) -> Result<Response, Refused>,
    ) -> Response {
        let Ok(method) = Method::from_bytes(request.method().as_bytes()) else {
            return Response::text("This method is none.").with_status_code(400);
        };
        let (target, headers) = (request.raw_url(), &RequestHeaders(request));
        let mut incoming = Incoming { method: &method, target, headers, body: None, presented: None };
        let body = self.guard.body_limit(&incoming).map(|limit| read_body(request, limit));
        incoming.body = body.as_deref();
        match self.check(incoming) {
            Verdict::Allow { identity, headers } => {
                match application(Visitor { identity: identity.clone(), oidc: self.clone() }) {
                    Ok(response) => with_headers(response, headers.iter().map(|(name, value)| (name, value))),
                    Err(Refused(policy)) => {
                        answer(self.uphold(Verdict::Allow { identity, headers }, incoming, &policy))
                    }
                }
            }
            reply @ Verdict::Reply { .. } => answer(reply),
        }
    }
}

/// At most one byte more than the limit, which is enough to be refused. A body that breaks off is as good as none.
fn read_body(request: &Request, limit: usize) -> Vec<u8> {
    let mut body = Vec::new();
    let read = request.data().map(|data| data.take(limit as u64 + 1).read_to_end(&mut body));
    if matches!(read, Some(Ok(_))) { body } else { Vec::new() }
}

fn answer(verdict: Verdict) -> Response {
    let (head, body) = verdict.into_response().into_parts();
    let response = Response { headers: Vec::new(), ..Response::from_data("", body) };
    with_headers(response.with_status_code(head.status.as_u16()), &head.headers)
}

/// Adds headers where they are not there.
fn with_headers<'h>(
    mut response: Response,
    headers: impl IntoIterator<Item = (&'h HeaderName, &'h HeaderValue)>,
) -> Response {
    for (name, value) in headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        let same = |there: &(Cow<'_, str>, Cow<'_, str>)| {
            there.0.eq_ignore_ascii_case(name.as_str()) && there.1 == value
        };
        if !response.headers.iter().any(same) {
            response.headers.push((Cow::Owned(name.as_str().to_owned()), Cow::Owned(value.into_owned())));
        }
    }
    response
}

struct RequestHeaders<'r>(&'r Request);

impl Headers for RequestHeaders<'_> {
    fn each<'a>(&'a self, name: &str, visit: &mut dyn FnMut(&'a [u8])) {
        let same = self.0.headers().filter(|(found, _)| found.eq_ignore_ascii_case(name));
        same.for_each(|(_, value)| visit(value.as_bytes()));
    }
}
