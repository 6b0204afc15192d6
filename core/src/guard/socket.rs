//! Sockets: who may open one, and whether they may go on. A socket is opened by one request and lives on without any, so what
//! a request shows each time is watched here instead.

use std::borrow::Cow;

use http::HeaderValue;
use http::header::SEC_WEBSOCKET_PROTOCOL;
use url::form_urlencoded;

use super::answer::{self, Answer, Shape};
use super::seat::{Absent, Seated};
use super::{Guard, Identity, Incoming, Source, Verdict};
use crate::error::{Error, RequestError};
use crate::secret::Secret;
use crate::step::Step;
use crate::time::UnixTime;

/// The subprotocol that says that the next one is a token. It is the one that is chosen, and the token never is.
const TOKEN_PROTOCOL: &str = "bearer";
/// The parameters of an address in which a token may stand, if that is configured.
const QUERY_TOKENS: [&str; 2] = ["access_token", "id_token"];

/// A token, and where it was found.
type Presented<'a> = (Cow<'a, str>, Source);

impl Guard {
    /// Decides about a request that opens a socket: a websocket's handshake, or what stands in for one. It needs an identity,
    /// and nobody is redirected.
    ///
    /// A token may stand in `Authorization`, in [`presented`](Incoming::presented), behind `bearer` in
    /// `Sec-WebSocket-Protocol` (as in `new WebSocket(url, ["bearer", token])`), or, if
    /// [`query_tokens`](crate::config::ConfigBuilder::query_tokens) is set, in the query. Without one a session counts, but only
    /// if `Origin` is this server's, or none was sent and `Sec-Fetch-Site` says so: browsers let any page open a socket to anywhere, with cookies
    /// ([RFC 6455 section 10.2](https://www.rfc-editor.org/rfc/rfc6455#section-10.2)).
    ///
    /// If [`check`](Self::check) has admitted the request before, `admitted` is whom: a token in `Authorization` is then not
    /// judged, or used up, a second time.
    ///
    /// The headers of [`Verdict::Allow`] belong to the answer to the handshake, and choose the subprotocol where that carried
    /// the token.
    pub fn admit_socket(
        &self,
        incoming: Incoming<'_>,
        admitted: Option<&Identity>,
        now: UnixTime,
    ) -> Step<Verdict> {
        self.telling_resource(self.judge_opening(incoming, admitted, now), now)
    }

    fn judge_opening(
        &self,
        incoming: Incoming<'_>,
        admitted: Option<&Identity>,
        now: UnixTime,
    ) -> Step<Verdict> {
        let admitted = admitted.filter(|identity| identity.source() == Source::Header);
        let refused = match self.socket_token(&incoming) {
            Ok(Some((token, source))) => {
                if let (Source::Header, Some(identity)) = (source, admitted) {
                    return Step::Done(Verdict::allow(identity.clone()));
                }
                let admitted = self.admit_token(&token, source, incoming, now);
                return admitted.map(now, move |verdict| choose_protocol(verdict, source));
            }
            Ok(None) if self.may_use_cookies(&incoming) => {
                return self.admit_session(&incoming, Absent::Refused, now);
            }
            Ok(None) => RequestError::OriginMismatch,
            Err(error) => error,
        };
        Step::Done(Answer::refusal(&incoming, &refused.into()).into())
    }

    /// Decides about whoever comes by a message on a connection that is open already, as those who join a namespace of
    /// Socket.IO's: `incoming` is the request that opened it, with the message's token, if it has one, in
    /// [`presented`](Incoming::presented).
    ///
    /// The rules are those of [`admit_socket`](Self::admit_socket). A session is taken as it is: there is no answer left that
    /// could carry a fresh cookie.
    ///
    /// Its output is an [`Error`] whose code is for the other side.
    pub fn admit_message(
        &self,
        incoming: Incoming<'_>,
        admitted: Option<&Identity>,
        now: UnixTime,
    ) -> Step<Result<Identity, Error>> {
        // The request that opened the connection may be long past.
        let admitted = admitted.filter(|identity| identity.source() == Source::Header);
        let admitted = admitted.filter(|identity| now < identity.expires_at());
        let admitted = admitted.filter(|identity| !self.has_lost_its_key(identity, now));
        let identified = match self.socket_token(&incoming) {
            Ok(Some((_, Source::Header))) if admitted.is_some() => {
                Step::Done(admitted.cloned().ok_or(nobody()))
            }
            Ok(Some((token, source))) => self.identify(&token, source, now),
            Ok(None) if self.may_use_cookies(&incoming) => self.identify_session(&incoming, now),
            Ok(None) => Step::Done(Err(RequestError::OriginMismatch.into())),
            Err(error) => Step::Done(Err(error.into())),
        };
        identified.map(now, |identified| identified.inspect_err(answer::log))
    }

    fn identify_session(&self, incoming: &Incoming<'_>, now: UnixTime) -> Step<Result<Identity, Error>> {
        let Some(browser) = &self.browser else { return Step::Done(Err(nobody())) };
        self.found(&self.visit(browser, incoming), now)
            .map(now, |found| found?.map(Seated::into_identity).ok_or_else(nobody))
    }

    /// Decides about a request that goes on with what an earlier one has opened, such as a poll of Socket.IO's: where headers
    /// opened it, they must say again that this is the same session, or the same subject by a token. What came in a message or
    /// an address is not sent again.
    pub fn admit_again(&self, opened: &Identity, incoming: Incoming<'_>, now: UnixTime) -> Step<Verdict> {
        if matches!(opened.source(), Source::Message | Source::Query) {
            return Step::Done(Verdict::allow(opened.clone()));
        }
        let (opened, shape) = (opened.clone(), Shape::of(&incoming));
        self.admit_socket(incoming, None, now).map(now, move |verdict| match verdict {
            Verdict::Allow { identity: Some(identity), headers } if identity.goes_on(&opened) => {
                Verdict::Allow { identity: Some(identity), headers }
            }
            Verdict::Allow { .. } => Answer::refusal_as(shape, &RequestError::OtherSubject.into()).into(),
            reply @ Verdict::Reply { .. } => reply,
        })
    }

    /// A fresh token for who is there already: on a socket that is open, or about to end. Its end is then the new token's.
    ///
    /// Its output is an [`Error`] if the token is not good, or somebody else's: who is on a socket never changes.
    pub fn renew(&self, identity: &Identity, token: &Secret, now: UnixTime) -> Step<Result<Identity, Error>> {
        let (iss, sub) = (identity.iss().to_owned(), identity.sub().to_owned());
        let session = identity.session.clone();
        self.identify(token.expose(), Source::Message, now).map(now, move |renewed| {
            let renewed = renewed?;
            let same = renewed.iss() == iss && renewed.sub() == sub;
            // Whatever a token adds, the end of the session that opened the socket is its end.
            if same { Ok(Identity { session, ..renewed }) } else { Err(RequestError::OtherSubject.into()) }
        })
    }

    /// Learns from the store what has ended elsewhere: once for all sockets of a process.
    ///
    /// Its output is [`Error::Store`] if the store cannot tell.
    pub fn learn_endings(&self, now: UnixTime) -> Step<Result<(), Error>> {
        self.home.learn_endings(now)
    }

    /// Changes when something may have ended, as far as this process was told; never zero.
    pub(crate) fn endings(&self) -> u64 {
        self.home.endings()
    }

    /// The session by which somebody is there has ended, as far as this process was told.
    pub(crate) fn has_ended(&self, identity: &Identity) -> bool {
        identity.session().is_some_and(|session| self.home.has_ended(session))
    }

    /// Of each provider: changes when newer keys are there; `None` without any.
    pub(crate) fn keys_asked_for(&self, now: UnixTime) -> impl Iterator<Item = Option<UnixTime>> {
        self.all.iter().map(move |client| client.keys_asked_for(now))
    }

    /// It ends with its key, and that is not among the provider's any more. While no keys are at hand it goes on.
    pub(crate) fn has_lost_its_key(&self, identity: &Identity, now: UnixTime) -> bool {
        let key = identity.claims().key().filter(|_| identity.ends_with_key());
        let client =
            self.all.iter().find(|client| client.config().allows_access_token_issuer(identity.iss()));
        key.is_some_and(|key| client.unwrap_or(&self.client).is_withdrawn(key, now))
    }

    /// The one token that opens a socket.
    fn socket_token<'a>(&self, incoming: &Incoming<'a>) -> Result<Option<Presented<'a>>, RequestError> {
        let query = if self.home.config().query_tokens { query_token(incoming)? } else { None };
        let usual = incoming.token()?.map(|(token, source)| (Cow::Borrowed(token), source));
        let mut tokens = [usual, protocol_token(incoming)?, query].into_iter().flatten();
        match (tokens.next(), tokens.next()) {
            (_, Some(_)) => Err(RequestError::TwoCredentials),
            (token, None) => Ok(token),
        }
    }

    /// There is no session cookie, or the page that sends it is this server's own.
    fn may_use_cookies(&self, incoming: &Incoming<'_>) -> bool {
        self.browser.as_ref().is_none_or(|browser| {
            let jar = browser.cookies_of(incoming);
            let none = jar.all(&browser.cookies.session()).next().is_none();
            let own = match incoming.all("origin").as_slice() {
                // Of a page that only reads, browsers tell no origin.
                [] => incoming.header("sec-fetch-site") == Some("same-origin"),
                [origin] => *origin == browser.origin.as_bytes(),
                _ => false,
            };
            none || own
        })
    }
}

fn nobody() -> Error {
    RequestError::NoCredentials.into()
}

fn query_token<'a>(incoming: &Incoming<'a>) -> Result<Option<Presented<'a>>, RequestError> {
    let parameters = form_urlencoded::parse(incoming.query().as_bytes());
    let mut tokens = parameters.filter(|(name, _)| QUERY_TOKENS.contains(&&**name));
    match (tokens.next(), tokens.next()) {
        (_, Some(_)) => Err(RequestError::TwoCredentials),
        (token, None) => Ok(token.map(|(_, token)| (token, Source::Query))),
    }
}

/// What stands behind the protocol's name, at every place where that stands.
fn protocol_token<'a>(incoming: &Incoming<'a>) -> Result<Option<Presented<'a>>, RequestError> {
    let values = incoming.all("sec-websocket-protocol");
    let texts = values.into_iter().filter_map(|value| std::str::from_utf8(value).ok());
    let protocols: Vec<&str> = texts.flat_map(|text| text.split(',')).map(str::trim).collect();
    let mut tokens = protocols.iter().enumerate().filter(|(_, protocol)| **protocol == TOKEN_PROTOCOL);
    match (tokens.next(), tokens.next()) {
        (None, _) => Ok(None),
        (_, Some(_)) => Err(RequestError::TwoCredentials),
        (Some((at, _)), None) => {
            let token = protocols.get(at.saturating_add(1)).ok_or(RequestError::NoCredentials)?;
            Ok(Some((Cow::Borrowed(*token), Source::Protocol)))
        }
    }
}

/// A browser takes no answer that chooses none of those which it has offered.
fn choose_protocol(mut verdict: Verdict, source: Source) -> Verdict {
    if let (Verdict::Allow { headers, .. }, Source::Protocol) = (&mut verdict, source) {
        headers.push((SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(TOKEN_PROTOCOL)));
    }
    verdict
}
