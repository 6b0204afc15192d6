//! Sign-outs that the provider sends by way of the browser, which loads an address of ours in a frame
//! ([Front-Channel Logout](https://openid.net/specs/openid-connect-frontchannel-1_0.html#RPLogout)).
//!
//! In a frame of another site the session's cookie does not come along, so the session's name at the provider has to do.
//! Whoever knows it may end that session, and nothing else.

use std::sync::Arc;

use http::header::CONTENT_SECURITY_POLICY;
use http::{HeaderValue, Method};
use url::Url;

use super::answer::{Answer, Shape};
use super::{Browser, Guard, Incoming, Verdict, only_value};
use crate::error::{CallbackError, Error, RequestError};
use crate::step::Step;
use crate::time::UnixTime;

impl Guard {
    /// Ends the session of this name. The answer is empty, and only the provider may frame it.
    pub(super) fn end_by_front_channel(
        &self,
        browser: &Arc<Browser>,
        incoming: &Incoming<'_>,
        now: UnixTime,
    ) -> Step<Verdict> {
        let named = named_session(incoming).and_then(|(iss, sid)| {
            let provider = self.client_of(&iss).ok_or(CallbackError::IssuerMismatch)?;
            Ok((framed_by(provider.config().issuer()), iss, sid))
        });
        let (this, visit) = (self.clone(), self.visit(browser, incoming));
        let (policy, iss, sid) = match named {
            Ok(named) => named,
            Err(error) => {
                let policy = framed_by(self.client.config().issuer());
                let answer = Answer::failure_as(Shape::Json, &error, "/");
                return Step::Done(answer.header(CONTENT_SECURITY_POLICY, policy).into());
            }
        };
        let ended = self.home.end_by_browser(&iss, &sid, now);
        let cleared = ended.and_then(now, move |(), now| {
            this.found(&visit, now).map(now, move |found| match found? {
                Some(_) => Ok(Vec::new()),
                None => Ok(visit.cleared()),
            })
        });
        cleared.map(now, move |cleared| {
            let answer = match cleared {
                Ok(cleared) => Answer::empty().cookies(cleared),
                Err(error) => Answer::failure_as(Shape::Json, &error, "/"),
            };
            answer.header(CONTENT_SECURITY_POLICY, policy).into()
        })
    }
}

/// `iss` and `sid`. Both are optional in the standard; without them only a cookie could tell whose session is meant,
/// and any page could then sign people out.
fn named_session(incoming: &Incoming<'_>) -> Result<(String, String), Error> {
    if incoming.method != Method::GET {
        return Err(RequestError::Method("GET").into());
    }
    let query = incoming.query().as_bytes();
    Ok((only_value(query, "iss")?, only_value(query, "sid")?))
}

fn framed_by(issuer: &str) -> HeaderValue {
    let origin = Url::parse(issuer).map(|issuer| issuer.origin().ascii_serialization());
    let policy = format!(
        "default-src 'none'; base-uri 'none'; frame-ancestors {}",
        origin.as_deref().unwrap_or("'none'")
    );
    HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("frame-ancestors 'none'"))
}
