//! The guard's sign-in: one sealed cookie for each attempt, so that many tabs do not disturb each other.

use std::sync::Arc;

use http::{HeaderValue, Method};
use url::form_urlencoded;

use super::answer::Answer;
use super::seat::Visit;
use super::{Browser, Guard, Incoming, Verdict};
use crate::client::{Client, SIGN_IN_PATIENCE};
use crate::config::ResponseMode;
use crate::cookie::{Jar, Purpose};
use crate::error::{CallbackError, Error, ProviderError, RequestError};
use crate::login::{
    Callback, LOGIN_LIFETIME, LoginOptions, LoginState, MAX_CALLBACK_FORM, MAX_CALLBACK_QUERY, short_hash,
};
use crate::session::Session;
use crate::step::Step;
use crate::time::UnixTime;

/// The most sign-ins under way in one browser; the oldest gives way.
const MAX_LOGINS: usize = 8;
/// The most bytes of them that are kept beside a new one, so that no server finds the browser's headers too long.
const MAX_LOGIN_BYTES: usize = 6 * 1024;

impl Guard {
    /// Another site may ask for it too, and say who is probably signing in and where they want to go here, but nothing else
    /// ([OpenID Connect Core section 4](https://openid.net/specs/openid-connect-core-1_0.html#ThirdPartyInitiatedLogin)).
    pub(super) fn start_sign_in(
        &self,
        browser: &Arc<Browser>,
        incoming: Incoming<'_>,
        now: UnixTime,
    ) -> Step<Verdict> {
        if incoming.method != Method::GET {
            return Step::Done(Answer::failure(&incoming, &RequestError::Method("GET").into(), "/").into());
        }
        let (mut options, mut named) = (LoginOptions::default(), None);
        for (name, value) in form_urlencoded::parse(incoming.query().as_bytes()) {
            let value = value.into_owned();
            match &*name {
                "iss" if named.is_some() => {
                    let error = CallbackError::IssuerMismatch.into();
                    return Step::Done(Answer::failure(&incoming, &error, "/").into());
                }
                "iss" => named = Some(value),
                "return_to" => {
                    options.return_to.get_or_insert(value);
                }
                "target_link_uri" => {
                    let local = value.strip_prefix(&browser.origin).unwrap_or(&value);
                    options.return_to.get_or_insert_with(|| local.to_owned());
                }
                "login_hint" => {
                    options.login_hint.get_or_insert(value);
                }
                _ => {}
            }
        }
        let this = self.clone();
        let visit = match named {
            Some(issuer) => {
                Visit { client: self.client_called(&issuer).cloned(), ..self.visit(browser, &incoming) }
            }
            None => self.visit_to_sign_in(browser, &incoming),
        };
        self.found(&visit, now).then(now, move |found, now| {
            // A store that cannot tell is no reason against a sign-in.
            let dead = if matches!(found, Ok(None)) { visit.cleared() } else { Vec::new() };
            this.begin_sign_in(visit.client.as_ref(), &visit, options, dead, now)
        })
    }

    /// Sends the browser to the provider, and rids it of a session that has died.
    pub(super) fn begin_sign_in(
        &self,
        client: Option<&Client>,
        visit: &Visit,
        options: LoginOptions,
        dead: Vec<HeaderValue>,
        now: UnixTime,
    ) -> Step<Verdict> {
        let (browser, shape) = (Arc::clone(&visit.browser), visit.shape);
        let return_to = browser.return_to(options.return_to.as_deref().unwrap_or_default());
        let Some(client) = client else {
            return Step::Done(Answer::failure_as(shape, &CallbackError::IssuerMismatch.into(), "/").into());
        };
        let options = LoginOptions { return_to: Some(return_to.clone()), ..options };
        let this = self.clone();
        let mut surplus = browser.surplus_logins(&visit.jar, now);
        surplus.extend(dead);
        client.begin_login(options, now).map(now, move |begun| {
            let cookie = |login: &LoginState| this.login_cookie(&browser, login, now);
            match begun.and_then(|redirect| cookie(&redirect.login).map(|cookie| (redirect.url, cookie))) {
                Ok((url, cookie)) => {
                    let cookies = surplus.into_iter().chain([cookie]).collect();
                    Answer::redirect(url.as_str()).cookies(cookies).into()
                }
                Err(error) => Answer::failure_as(shape, &error, &return_to).into(),
            }
        })
    }

    fn login_cookie(
        &self,
        browser: &Browser,
        login: &LoginState,
        now: UnixTime,
    ) -> Result<HeaderValue, Error> {
        let payload = serde_json::to_vec(login).map_err(|_| crate::error::UsageError::SessionTooLarge)?;
        let sealed = browser.seals.seal(
            Purpose::Login,
            &payload,
            now.saturating_add(LOGIN_LIFETIME),
            self.home.entropy(),
        )?;
        browser.cookies.set(&browser.cookies.login(&login.id()), &sealed, LOGIN_LIFETIME)
    }

    /// The callback. Only a GET or POST that was configured redeems anything, and every outcome removes the login cookie.
    pub(super) fn finish_sign_in(
        &self,
        browser: &Arc<Browser>,
        incoming: Incoming<'_>,
        now: UnixTime,
    ) -> Step<Verdict> {
        let visit = Arc::new(self.visit(browser, &incoming));
        let Some(client) = self.client_at(incoming.path()) else {
            // The callback of a provider that this guard is not of.
            let error = CallbackError::StateMismatch.into();
            return Step::Done(browser.no_sign_in(&incoming, &visit.jar, &error));
        };
        let callback = match read_callback(client, &incoming) {
            Ok(callback) => callback,
            Err(error) => return Step::Done(browser.no_sign_in(&incoming, &visit.jar, &error)),
        };
        let name = browser.cookies.login(&short_hash(callback.state.expose()));
        let Some(login) = browser.login_state(&visit.jar, &name, now) else {
            let error = CallbackError::StateMismatch.into();
            return Step::Done(browser.no_sign_in(&incoming, &visit.jar, &error));
        };
        let (return_to, done, shape) = (login.return_to().to_owned(), browser.clear([name]), visit.shape);
        let this = self.clone();
        let signed_in = signed_in(client.clone(), login, callback, now);
        let begun = signed_in.and_then(now, {
            let this = this.clone();
            move |session, now| this.unless_ended(session, now)
        });
        let seated = begun.and_then(now, move |session, now| this.take_seat(&visit, &session, now));
        seated.map(now, move |cookies| match cookies {
            Ok(cookies) => {
                Answer::redirect(&return_to).cookies(cookies.into_iter().chain(done).collect()).into()
            }
            Err(error) => Answer::failure_as(shape, &error, &return_to).cookies(done).into(),
        })
    }
}

/// The session of a sign-in, with what userinfo adds if that is wanted and there.
fn signed_in(
    client: Client,
    login: LoginState,
    callback: Callback,
    now: UnixTime,
) -> Step<Result<Session, Error>> {
    let deadline = now.saturating_add(SIGN_IN_PATIENCE);
    client.finish_login(login, callback, now).and_then(now, move |session, now| {
        if !client.has_userinfo(now) {
            return Step::Done(Ok(session));
        }
        client.userinfo_by(&session, deadline, now).map(now, move |userinfo| {
            let mut session = session;
            let enriched = userinfo.and_then(|userinfo| {
                session.enrich(&userinfo).map_err(|error| ProviderError::UserinfoToken(error).into())
            });
            enriched.map(|()| session)
        })
    })
}

impl Browser {
    /// The sign-in that this cookie holds. Of several cookies of that name, at most one opens.
    fn login_state(&self, jar: &Jar, name: &str, now: UnixTime) -> Option<LoginState> {
        let opened = jar.all(name).find_map(|value| self.seals.open(Purpose::Login, value, now))?;
        serde_json::from_slice(&opened.payload).ok()
    }

    /// A callback that finishes no sign-in, and the end of the one that it names. A request that is no callback ends none.
    fn no_sign_in(&self, incoming: &Incoming<'_>, jar: &Jar, error: &Error) -> Verdict {
        if !matches!(error, Error::Callback(_)) {
            return Answer::failure(incoming, error, "/").into();
        }
        let body = String::from_utf8_lossy(incoming.body.unwrap_or_default());
        let parameters =
            [incoming.query(), &body].map(|text| form_urlencoded::parse(text.as_bytes()).take(32));
        let states = parameters.into_iter().flatten().filter(|(name, _)| name == "state");
        let mut names: Vec<String> =
            states.map(|(_, state)| self.cookies.login(&short_hash(&state))).collect();
        names.retain(|name| jar.all(name).next().is_some());
        Answer::failure(incoming, error, "/").cookies(self.clear(names)).into()
    }

    /// Removal of the login cookies that leave no room for one more: those that no longer open, and then the oldest.
    fn surplus_logins(&self, jar: &Jar, now: UnixTime) -> Vec<HeaderValue> {
        let prefix = self.cookies.login("");
        let opened = |value| self.seals.open(Purpose::Login, value, now).map(|opened| opened.expires_at);
        let mut logins: Vec<_> =
            jar.with_prefix(&prefix).map(|(id, value)| (opened(value), id, value.len())).collect();
        logins.sort_unstable_by(|one, other| other.cmp(one));
        let mut room = MAX_LOGIN_BYTES;
        let fits = logins.iter().take(MAX_LOGINS.saturating_sub(1)).take_while(|(expires_at, _, length)| {
            room = room.saturating_sub(*length);
            expires_at.is_some() && room > 0
        });
        let kept = fits.count();
        self.clear(logins.iter().skip(kept).map(|(_, id, _)| self.cookies.login(id)))
    }
}

/// A callback by the configured way. What stands in the query of a form's address counts as well, so that nothing can
/// stand in both.
fn read_callback(client: &Client, incoming: &Incoming<'_>) -> Result<Callback, Error> {
    let query = incoming.query();
    let response_mode =
        client.config().sign_in().map_or(ResponseMode::Query, |sign_in| sign_in.response_mode);
    match response_mode {
        ResponseMode::Query if incoming.method == Method::GET => {
            let fits = query.len() <= MAX_CALLBACK_QUERY;
            let callback = if fits { Callback::parse(query) } else { Err(CallbackError::Malformed) };
            callback.map_err(Error::from)
        }
        ResponseMode::Query => Err(RequestError::Method("GET").into()),
        ResponseMode::FormPost if incoming.method != Method::POST => Err(RequestError::Method("POST").into()),
        ResponseMode::FormPost if !incoming.is_form() => Err(RequestError::MediaType.into()),
        ResponseMode::FormPost => {
            let body = incoming.body.unwrap_or_default();
            if body.len() > MAX_CALLBACK_FORM {
                return Err(RequestError::BodyTooLarge(MAX_CALLBACK_FORM).into());
            }
            let form = String::from_utf8_lossy(body);
            let text = if query.is_empty() { form.into_owned() } else { format!("{query}&{form}") };
            Ok(Callback::parse(&text)?)
        }
    }
}
