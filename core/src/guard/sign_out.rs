//! The guard's sign-out: here first, then at the provider
//! ([RP-Initiated Logout](https://openid.net/specs/openid-connect-rpinitiated-1_0.html)).

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Method, StatusCode};
use url::form_urlencoded;

use super::answer::{Answer, Shape};
use super::{Browser, Guard, Incoming, LOGGED_OUT, Verdict};
use crate::cookie::Purpose;
use crate::entropy;
use crate::error::RequestError;
use crate::logout::EndSession;
use crate::page::{Onward, Page};
use crate::step::Step;
use crate::time::UnixTime;
use crate::token::equal;

/// How long the provider may take to send the browser back.
const RETURN_LIFETIME: Duration = Duration::from_secs(600);

impl Guard {
    /// Ends the session here at once, and sends the browser to the provider to end it there. That the provider cannot be
    /// asked keeps nobody signed in here.
    pub(super) fn sign_out(
        &self,
        browser: &Arc<Browser>,
        incoming: Incoming<'_>,
        now: UnixTime,
    ) -> Step<Verdict> {
        if let Err(error) = browser.check_sign_out(&incoming) {
            return Step::Done(Answer::failure(&incoming, &error.into(), "/").into());
        }
        let state = match entropy::token(self.client.entropy()) {
            Ok(state) => state,
            Err(error) => return Step::Done(Answer::failure(&incoming, &error, "/").into()),
        };
        let jar = browser.cookies_of(&incoming);
        let ended = browser.clear_session(&jar);
        let Some(seated) = self.seated(browser, &jar, now) else {
            return Step::Done(Answer::redirect(LOGGED_OUT).cookies(ended).into());
        };
        let (this, browser, shape) = (self.clone(), Arc::clone(browser), Shape::of(&incoming));
        let request = self.client.end_session(Some(seated.session.id_token()), &state, now);
        request.map(now, move |request| match request {
            Ok(Some(request)) => this.leave(&browser, &request, &state, ended, shape, now).into(),
            Ok(None) => Answer::redirect(LOGGED_OUT).cookies(ended).into(),
            Err(error) => {
                tracing::warn!(code = error.code(), %error, "signed out here, but not at the provider");
                Answer::redirect(LOGGED_OUT).cookies(ended).into()
            }
        })
    }

    /// Sends the browser to the provider, with the state by which it is known when it comes back.
    fn leave(
        &self,
        browser: &Browser,
        request: &EndSession,
        state: &str,
        mut cookies: Vec<HeaderValue>,
        shape: Shape,
        now: UnixTime,
    ) -> Answer {
        let until = now.saturating_add(RETURN_LIFETIME);
        let sealed = browser.seals.seal(Purpose::Logout, state.as_bytes(), until, self.client.entropy());
        let cookie = sealed
            .and_then(|sealed| browser.cookies.set(&browser.cookies.logout(), &sealed, RETURN_LIFETIME));
        match cookie {
            Ok(cookie) => {
                cookies.push(cookie);
                onward(request).cookies(cookies)
            }
            Err(error) => Answer::failure_as(shape, &error, "/").cookies(cookies),
        }
    }

    /// Where the provider sends the browser back. The session has ended before; a right state only tells that this is the
    /// end of a sign-out which was started here.
    pub(super) fn signed_out(&self, browser: &Browser, incoming: Incoming<'_>, now: UnixTime) -> Verdict {
        let jar = browser.cookies_of(&incoming);
        let state = form_urlencoded::parse(incoming.query().as_bytes())
            .find(|(name, _)| name == "state")
            .map(|(_, value)| value.into_owned());
        let name = browser.cookies.logout();
        let awaited = jar.all(&name).find_map(|value| browser.seals.open(Purpose::Logout, value, now));
        let confirmed = match (awaited, state) {
            (Some(awaited), Some(state)) => {
                std::str::from_utf8(&awaited.payload).is_ok_and(|awaited| equal(awaited, &state))
            }
            _ => false,
        };
        let text = if confirmed {
            "You are signed out here, and the sign-in service has ended your session there too."
        } else if self.seated(browser, &jar, now).is_some() {
            "You are still signed in here: this page was opened without signing out."
        } else {
            "You are signed out here."
        };
        let title = if text.contains("still") { "Still signed in" } else { "Signed out" };
        let page = Page { title, text, link: ("/", "home", "Back to the start"), code: None };
        Answer::page(StatusCode::OK, &page).cookies(browser.clear([name])).into()
    }
}

fn onward(request: &EndSession) -> Answer {
    match request.short_url() {
        Some(url) => Answer::redirect(url.as_str()),
        None => Answer::onward(&Onward {
            title: "You are signed out here",
            text: "The sign-in service still has to end your session there.",
            label: "Sign out there too",
            action: request.endpoint.as_str(),
            fields: &request.parameters,
        }),
    }
}

impl Browser {
    /// A POST from a page of this origin, so that no other site can sign anybody out.
    fn check_sign_out(&self, incoming: &Incoming<'_>) -> Result<(), RequestError> {
        if incoming.method != Method::POST {
            return Err(RequestError::Method("POST"));
        }
        if incoming.header("origin").as_deref() == Some(&self.origin) {
            Ok(())
        } else {
            Err(RequestError::OriginMismatch)
        }
    }
}
