//! The guard's sign-out: here first, then at the provider
//! ([RP-Initiated Logout](https://openid.net/specs/openid-connect-rpinitiated-1_0.html)).

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Method, StatusCode};
use url::form_urlencoded;

use super::answer::{Answer, Shape};
use super::seat::Visit;
use super::{Browser, Guard, Incoming, LOGGED_OUT, Verdict};
use crate::cookie::{Jar, Purpose};
use crate::entropy;
use crate::error::{Error, RequestError};
use crate::logout::EndSession;
use crate::page::{Onward, Page};
use crate::session::Session;
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
        incoming: &Incoming<'_>,
        now: UnixTime,
    ) -> Step<Verdict> {
        if let Err(error) = browser.check_sign_out(incoming) {
            return Step::Done(Answer::failure(incoming, &error.into(), "/").into());
        }
        let visit = self.visit(browser, incoming);
        let this = self.clone();
        self.ended(&visit, now).then(now, move |ended, now| match ended {
            Ok(Some(session)) => this.sign_out_there(visit, &session, now),
            Ok(None) => Step::Done(Answer::redirect(LOGGED_OUT).cookies(visit.cleared()).into()),
            // The browser holds nothing any more, but a copy of what it held may live on.
            Err(error) => {
                Step::Done(Answer::failure_as(visit.shape, &error, "/").cookies(visit.cleared()).into())
            }
        })
    }

    /// Ends the session of a request, which then was this.
    fn ended(&self, visit: &Visit, now: UnixTime) -> Step<Result<Option<Session>, Error>> {
        let this = self.clone();
        self.found(visit, now).and_then(now, move |found, now| match found {
            Some(seated) => this.end(&seated, now).map(now, |ended| ended.map(|()| Some(seated.session))),
            None => Step::Done(Ok(None)),
        })
    }

    fn sign_out_there(&self, visit: Visit, session: &Session, now: UnixTime) -> Step<Verdict> {
        let state = match entropy::token(self.home.entropy()) {
            Ok(state) => state,
            Err(error) => {
                return Step::Done(
                    Answer::failure_as(visit.shape, &error, "/").cookies(visit.cleared()).into(),
                );
            }
        };
        let (this, ended) = (self.clone(), visit.cleared());
        let client = self.client_of_session(session).unwrap_or(&self.client);
        let request = client.end_session(Some(session.id_token()), &state, now);
        request.map(now, move |request| match request {
            Ok(Some(request)) => this.leave(&visit.browser, &request, &state, ended, visit.shape, now).into(),
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
        let sealed = browser.seals.seal(Purpose::Logout, state.as_bytes(), until, self.home.entropy());
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
    pub(super) fn signed_out(
        &self,
        browser: &Arc<Browser>,
        incoming: &Incoming<'_>,
        now: UnixTime,
    ) -> Step<Verdict> {
        let visit = self.visit(browser, incoming);
        let confirmed = browser.confirms(&visit.jar, incoming, now);
        self.found(&visit, now).map(now, move |found| {
            let (title, text) = match found {
                Ok(Some(_)) => (
                    "Still signed in",
                    "You are still signed in here: this page was opened without signing out.",
                ),
                _ if confirmed => (
                    "Signed out",
                    "You are signed out here, and the sign-in service has ended your session there too.",
                ),
                Ok(None) => ("Signed out", "You are signed out here."),
                Err(error) => return Answer::failure_as(visit.shape, &error, "/").into(),
            };
            let page = Page { title, text, link: ("/", "home", "Back to the start"), code: None };
            let browser = &visit.browser;
            Answer::page(StatusCode::OK, &page).cookies(browser.clear([browser.cookies.logout()])).into()
        })
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
    /// The provider has sent the browser back from a sign-out that was started here.
    fn confirms(&self, jar: &Jar, incoming: &Incoming<'_>, now: UnixTime) -> bool {
        let state = form_urlencoded::parse(incoming.query().as_bytes())
            .find(|(name, _)| name == "state")
            .map(|(_, value)| value.into_owned());
        let name = self.cookies.logout();
        let awaited = jar.all(&name).find_map(|value| self.seals.open(Purpose::Logout, value, now));
        let (Some(awaited), Some(state)) = (awaited, state) else { return false };
        std::str::from_utf8(&awaited.payload).is_ok_and(|awaited| equal(awaited, &state))
    }

    /// A POST from a page of this origin, so that no other site can sign anybody out.
    fn check_sign_out(&self, incoming: &Incoming<'_>) -> Result<(), RequestError> {
        if incoming.method != Method::POST {
            return Err(RequestError::Method("POST"));
        }
        if incoming.header("origin") == Some(&self.origin) {
            Ok(())
        } else {
            Err(RequestError::OriginMismatch)
        }
    }
}
