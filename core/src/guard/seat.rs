//! The guard's sessions: found by a request's cookies, admitted, kept, and ended. A session is in the browser's cookies, or
//! in the store under a name that only the browser knows: its ticket.

use std::sync::Arc;

use http::HeaderValue;

use super::answer::{self, Answer, Shape};
use super::{Browser, Guard, Identity, Incoming, Source, Verdict};
use crate::client::{Client, store};
use crate::cookie::{Jar, Opened, Purpose};
use crate::entropy;
use crate::error::{CallbackError, Error, RequestError, UsageError};
use crate::login::{LoginOptions, short_hash};
use crate::secret::Secret;
use crate::session::Session;
use crate::step::{Step, StoreOp};
use crate::time::UnixTime;

/// What is kept of a request while its session is looked up.
pub(super) struct Visit {
    pub(super) browser: Arc<Browser>,
    /// Of the provider that a sign-in would be with; none, if the application has chosen one that is none of them.
    pub(super) client: Option<Client>,
    pub(super) jar: Jar,
    pub(super) shape: Shape,
    pub(super) absent: Absent,
    /// Where a sign-in would lead back to.
    pub(super) target: String,
}

/// What becomes of a request of nobody's.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Absent {
    /// The application takes it.
    Admitted,
    /// A person is loading a page that needs an identity.
    SentToSignIn,
    /// It needs an identity, and a sign-in would not help.
    Refused,
}

/// A session that lives.
pub(super) struct Seated {
    pub(super) session: Session,
    pub(super) place: Place,
    expires_at: UnixTime,
    /// It was sealed by a key that no longer seals.
    by_old_key: bool,
    /// Somebody else is about to keep it with fresh tokens.
    pub(super) others_keep: bool,
    /// What the browser is to keep from now on; nothing, if that is what it has.
    pub(super) cookies: Vec<HeaderValue>,
}

/// Where a session is kept.
#[derive(Clone)]
pub(super) enum Place {
    /// In the browser's cookies.
    Cookies,
    /// In the store, under this ticket. It is new, or was read in this version.
    Store { ticket: Secret, version: Option<u64> },
}

impl Visit {
    /// Where to try again.
    fn return_to(&self) -> &str {
        if self.absent == Absent::SentToSignIn { &self.target } else { "/" }
    }

    /// The removal of the session's cookies.
    pub(super) fn cleared(&self) -> Vec<HeaderValue> {
        self.browser.clear(self.jar.stale_parts(&self.browser.cookies.session(), 0))
    }
}

impl Guard {
    /// The same for a request that may lead to a sign-in, of which the application chooses the provider.
    pub(super) fn visit_to_sign_in(&self, browser: &Arc<Browser>, incoming: &Incoming<'_>) -> Visit {
        Visit { client: self.chosen(incoming).cloned(), ..self.visit(browser, incoming) }
    }

    pub(super) fn visit(&self, browser: &Arc<Browser>, incoming: &Incoming<'_>) -> Visit {
        Visit {
            browser: Arc::clone(browser),
            client: Some(self.client.clone()),
            jar: browser.cookies_of(incoming),
            shape: Shape::of(incoming),
            absent: Absent::Admitted,
            target: incoming.target.to_owned(),
        }
    }

    /// Lets a request without a token through by its session.
    pub(super) fn admit_session(
        &self,
        incoming: &Incoming<'_>,
        absent: Absent,
        now: UnixTime,
    ) -> Step<Verdict> {
        let Some(browser) = &self.browser else {
            return Step::Done(without_identity(Shape::of(incoming), absent, Vec::new()));
        };
        let visit = match absent {
            Absent::SentToSignIn => self.visit_to_sign_in(browser, incoming),
            Absent::Admitted | Absent::Refused => self.visit(browser, incoming),
        };
        let visit = Arc::new(Visit { absent, ..visit });
        let this = self.clone();
        self.seated(&visit, now).then(now, move |seated, now| match seated {
            Ok(Some(seated)) => this.admit_seated(&visit, seated, now),
            Ok(None) => this.admit_nobody(&visit, now),
            Err(error) => Step::Done(Answer::failure_as(visit.shape, &error, visit.return_to()).into()),
        })
    }

    /// The session of a request, with fresh tokens.
    fn seated(&self, visit: &Arc<Visit>, now: UnixTime) -> Step<Result<Option<Seated>, Error>> {
        let (this, visit) = (self.clone(), Arc::clone(visit));
        self.found(&visit, now).and_then(now, move |found, now| match found {
            Some(seated) => this.freshen(&visit, seated, now),
            None => Step::Done(Ok(None)),
        })
    }

    /// The session of a request. One that has ended is none, and so is one that the store has lost.
    pub(super) fn found(&self, visit: &Visit, now: UnixTime) -> Step<Result<Option<Seated>, Error>> {
        let in_store = self.home.config().session.in_store();
        let purpose = if in_store { Purpose::Ticket } else { Purpose::Session };
        let Some(opened) = visit.browser.opened(&visit.jar, purpose, now) else {
            return Step::Done(Ok(None));
        };
        let (this, browser) = (self.clone(), Arc::clone(&visit.browser));
        self.home.learn_endings(now).and_then(now, move |(), now| {
            let found = if in_store {
                this.read(&browser, &opened, now)
            } else {
                Step::Done(Ok(Seated::of(&opened.payload, &opened, Place::Cookies)))
            };
            let lives = move |seated: &Seated| {
                let settings = this.home.config().session;
                let known = this.client_of_session(&seated.session).is_some();
                known && !seated.session.is_over(settings, now) && !this.home.has_ended(&seated.session)
            };
            found.map(now, move |found| found.map(|found| found.filter(lives)))
        })
    }

    /// The session under a ticket. Whatever else may be found there is none.
    fn read(
        &self,
        browser: &Arc<Browser>,
        ticket: &Opened,
        now: UnixTime,
    ) -> Step<Result<Option<Seated>, Error>> {
        let (by_old_key, browser) = (ticket.by_old_key, Arc::clone(browser));
        let Some(ticket) = ticket_in(ticket) else { return Step::Done(Ok(None)) };
        store::get(record_key(&ticket)).and_then(now, move |record, now| {
            Step::Done(Ok(record.and_then(|(sealed, version)| {
                let sealed = std::str::from_utf8(&sealed).ok()?;
                let mut opened = browser.seals.open(Purpose::Record, sealed, now)?;
                opened.by_old_key |= by_old_key;
                let own = opened.payload.strip_prefix(record_key(&ticket).as_bytes())?.strip_prefix(b"\n")?;
                Seated::of(own, &opened, Place::Store { ticket, version: Some(version) })
            })))
        })
    }

    /// Admits a session, and keeps it anew when an eighth of its idle time has gone.
    fn admit_seated(&self, visit: &Visit, mut seated: Seated, now: UnixTime) -> Step<Verdict> {
        let settings = self.home.config().session;
        let gained = seated.session.expires_at(settings, now).saturating_since(seated.expires_at);
        let due = !gained.is_zero() && gained.saturating_mul(8) >= settings.idle;
        if !seated.cookies.is_empty() || seated.others_keep || !(due || seated.by_old_key) {
            return Step::Done(seated.admitted());
        }
        self.keep(visit, &seated.session, seated.place.clone(), now).map(now, move |kept| {
            seated.keep_from_now_on(kept);
            seated.admitted()
        })
    }

    fn admit_nobody(&self, visit: &Visit, now: UnixTime) -> Step<Verdict> {
        let cleared = visit.cleared();
        if visit.absent != Absent::SentToSignIn {
            return Step::Done(without_identity(visit.shape, visit.absent, cleared));
        }
        let options = LoginOptions { return_to: Some(visit.target.clone()), ..LoginOptions::default() };
        self.begin_sign_in(visit.client.as_ref(), visit, options, cleared, now)
    }

    /// Where a session that begins now is to be.
    fn new_place(&self) -> Result<Place, Error> {
        if !self.home.config().session.in_store() {
            return Ok(Place::Cookies);
        }
        let ticket = Secret::new(entropy::token(self.home.entropy())?);
        Ok(Place::Store { ticket, version: None })
    }

    /// Keeps a session. `None`: it has ended, or somebody else has kept it anew, since it was read.
    pub(super) fn keep(
        &self,
        visit: &Visit,
        session: &Session,
        place: Place,
        now: UnixTime,
    ) -> Step<Result<Option<Kept>, Error>> {
        let until = session.expires_at(self.home.config().session, now);
        let (client, browser) = (&self.home, &visit.browser);
        match place {
            Place::Cookies => {
                let cookies = browser.session_cookies(
                    client,
                    self.client_for(session),
                    session,
                    &visit.jar,
                    until,
                    now,
                );
                Step::Done(cookies.map(|cookies| Some(Kept { cookies, until, place: Place::Cookies })))
            }
            Place::Store { ticket, version } => {
                let sealed = browser.sealed_record(client, self.client_for(session), session, &ticket, until);
                let cookies = browser.ticket_cookies(client, &ticket, &visit.jar, until, now);
                let (value, cookies) = match sealed.and_then(|sealed| Ok((sealed, cookies?))) {
                    Ok(both) => both,
                    Err(error) => return Step::Done(Err(error)),
                };
                let put = StoreOp::Put { key: record_key(&ticket), value, version, until };
                let version = Some(version.unwrap_or_default().saturating_add(1));
                let kept = Kept { cookies, until, place: Place::Store { ticket, version } };
                store::take(put).map(now, |taken| taken.map(|taken| taken.then_some(kept)))
            }
        }
    }

    /// Ends a session, in every copy of it.
    pub(super) fn end(&self, seated: &Seated, now: UnixTime) -> Step<Result<(), Error>> {
        let (this, session) = (self.clone(), seated.session.clone());
        let deleted = match &seated.place {
            Place::Cookies => Step::Done(Ok(true)),
            Place::Store { ticket, .. } => store::take(StoreOp::Delete { key: record_key(ticket) }),
        };
        // Each for itself: one that fails is no reason to leave the other.
        deleted.then(now, move |deleted, now| {
            this.home.end_by_us(&session, now).map(now, |ended| deleted.and(ended))
        })
    }

    /// A session that was ended while its sign-in was finishing does not begin. A provider that signs people in without a page
    /// would send them round in circles else, for as long as its clock shows the second of the sign-out.
    pub(super) fn unless_ended(&self, session: Session, now: UnixTime) -> Step<Result<Session, Error>> {
        let this = self.clone();
        self.home.learn_endings(now).map(now, move |learnt| {
            learnt?;
            if this.home.has_ended(&session) { Err(CallbackError::SignedOut.into()) } else { Ok(session) }
        })
    }

    /// Keeps the session of a sign-in that has just finished, in place of the one that the browser had.
    pub(super) fn take_seat(
        &self,
        visit: &Arc<Visit>,
        session: &Session,
        now: UnixTime,
    ) -> Step<Result<Vec<HeaderValue>, Error>> {
        let place = match self.new_place() {
            Ok(place) => place,
            Err(error) => return Step::Done(Err(error)),
        };
        let (this, before, named) = (self.clone(), Arc::clone(visit), session.clone());
        self.keep(visit, session, place, now).and_then(now, move |kept, now| {
            let Some(kept) = kept else { return Step::Done(Err(Error::Store)) };
            this.home
                .name_session(&named, now)
                .and_then(now, move |(), now| this.forget(&before, now).map(now, |()| Ok(kept.cookies)))
        })
    }

    /// Forgets what the store holds under a request's ticket; if it cannot be reached, that ends by itself.
    fn forget(&self, visit: &Visit, now: UnixTime) -> Step<()> {
        let ticket = visit.browser.opened(&visit.jar, Purpose::Ticket, now);
        let ticket = ticket.filter(|_| self.home.config().session.in_store());
        match ticket.as_ref().and_then(ticket_in) {
            None => Step::Done(()),
            Some(ticket) => store::take(StoreOp::Delete { key: record_key(&ticket) }).map(now, |_| ()),
        }
    }
}

/// A session as it was kept.
pub(super) struct Kept {
    pub(super) cookies: Vec<HeaderValue>,
    until: UnixTime,
    place: Place,
}

impl Seated {
    fn of(record: &[u8], opened: &Opened, place: Place) -> Option<Self> {
        let session = Session::from_record(record, opened.expires_at)?;
        let (expires_at, by_old_key) = (opened.expires_at, opened.by_old_key);
        Some(Self { session, place, expires_at, by_old_key, others_keep: false, cookies: Vec::new() })
    }

    /// As it was kept. If it could not be, it is good until its time, and the next request tries again.
    pub(super) fn keep_from_now_on(&mut self, kept: Result<Option<Kept>, Error>) {
        match kept {
            Ok(Some(kept)) => {
                Kept { cookies: self.cookies, until: self.expires_at, place: self.place } = kept;
            }
            Ok(None) => {}
            Err(error) => tracing::error!(code = error.code(), %error, "a session could not be kept anew"),
        }
    }

    fn admitted(mut self) -> Verdict {
        let headers = answer::with_cookies(std::mem::take(&mut self.cookies));
        Verdict::Allow { identity: Some(self.into_identity()), headers }
    }

    pub(super) fn into_identity(self) -> Identity {
        let (claims, source, expires_at) = (self.session.claims().clone(), Source::Session, self.expires_at);
        let session = Some(Arc::new(self.session));
        Identity { claims, source, expires_at, session, ends_with_key: false }
    }
}

fn ticket_in(opened: &Opened) -> Option<Secret> {
    std::str::from_utf8(&opened.payload).ok().map(Secret::new)
}

/// Under which key the store keeps the session of a ticket: whoever reads the store learns no ticket.
fn record_key(ticket: &Secret) -> String {
    format!("session:{}", short_hash(ticket.expose()))
}

fn without_identity(shape: Shape, absent: Absent, cookies: Vec<HeaderValue>) -> Verdict {
    if absent != Absent::Admitted {
        return Answer::refusal_as(shape, &RequestError::NoCredentials.into()).cookies(cookies).into();
    }
    Verdict::Allow { identity: None, headers: answer::with_cookies(cookies) }
}

impl Browser {
    /// The session cookie. Two different ones that both open are none: one of them was planted.
    fn opened(&self, jar: &Jar, purpose: Purpose, now: UnixTime) -> Option<Opened> {
        let values = jar.joined(&self.cookies.session());
        let mut opened = values.iter().filter_map(|value| self.seals.open(purpose, value, now));
        let (Some(only), None) = (opened.next(), opened.next()) else { return None };
        Some(only)
    }

    /// The cookies that hold a session: what of it is kept, the client that it is of says.
    fn session_cookies(
        &self,
        client: &Client,
        of: &Client,
        session: &Session,
        jar: &Jar,
        until: UnixTime,
        now: UnixTime,
    ) -> Result<Vec<HeaderValue>, Error> {
        let record = session.to_record(of.config()).ok_or(UsageError::SessionTooLarge)?;
        let sealed = self.seals.seal(Purpose::Session, &record, until, client.entropy())?;
        self.split_cookies(&sealed, jar, until, now)
    }

    /// The cookie that holds a ticket.
    fn ticket_cookies(
        &self,
        client: &Client,
        ticket: &Secret,
        jar: &Jar,
        until: UnixTime,
        now: UnixTime,
    ) -> Result<Vec<HeaderValue>, Error> {
        let sealed = self.seals.seal(Purpose::Ticket, ticket.expose().as_bytes(), until, client.entropy())?;
        self.split_cookies(&sealed, jar, until, now)
    }

    /// A value under the session's name, and the removal of the cookies that held more of an earlier one.
    fn split_cookies(
        &self,
        value: &str,
        jar: &Jar,
        until: UnixTime,
        now: UnixTime,
    ) -> Result<Vec<HeaderValue>, Error> {
        let name = self.cookies.session();
        let mut set = self.cookies.set_split(&name, value, until.saturating_since(now))?;
        set.extend(self.clear(jar.stale_parts(&name, set.len())));
        Ok(set)
    }

    /// What the store keeps of a session: sealed, so that whoever reads the store learns nothing, and with its own key, so
    /// that no record is taken for another.
    fn sealed_record(
        &self,
        client: &Client,
        of: &Client,
        session: &Session,
        ticket: &Secret,
        until: UnixTime,
    ) -> Result<Vec<u8>, Error> {
        let record = session.to_record(of.config()).ok_or(UsageError::SessionTooLarge)?;
        let named = [record_key(ticket).as_bytes(), b"\n", &record].concat();
        self.seals.seal(Purpose::Record, &named, until, client.entropy()).map(String::into_bytes)
    }
}
