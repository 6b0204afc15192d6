//! Tokens of the client's own: one request at a time for each scope, and its answer for all who ask meanwhile.

use std::time::Duration;

use super::{Client, PATIENCE, left, redeemed};
use crate::config::ClientAuth;
use crate::error::{Error, ProviderError, UsageError};
use crate::service::ServiceToken;
use crate::step::{FetchError, Purpose, Step};
use crate::time::UnixTime;
use crate::turns::{Ticket, Turn};

/// When the turn of a flow lapses. By then it has ended, unless nobody carries it out.
pub(super) const TURN: Duration = Duration::from_secs(6);
/// A flow with less time left asks for nothing: it could only fail, for everybody.
const LEAST_PATIENCE: Duration = Duration::from_millis(500);

impl Client {
    /// An access token of the client's own, to call another service with
    /// ([RFC 6749 section 4.4](https://www.rfc-editor.org/rfc/rfc6749#section-4.4)). `scope` is separated by spaces; none is
    /// asked for if it is empty.
    ///
    /// A token is remembered for each `scope` until 30 s before its end, or half its lifetime if that is less; without an
    /// `expires_in` it serves those who wait for it, and nobody else. Flows that ask at the same time make one request.
    /// After a failure the next request is in 1, 2, 4 … 60 s; until then a token that has not ended serves on.
    ///
    /// Its output is an [`Error`] when the client has no credentials, or the provider gives no token: those who ask before the
    /// next request are told the same.
    pub fn client_credentials(&self, scope: &str, now: UnixTime) -> Step<Result<ServiceToken, Error>> {
        match self.has_credentials() {
            Ok(()) => self.service_token(scope.to_owned(), now.saturating_add(PATIENCE), now),
            Err(error) => Step::Done(Err(error.into())),
        }
    }

    fn has_credentials(&self) -> Result<(), UsageError> {
        match self.registration()?.client_auth {
            ClientAuth::None => Err(UsageError::PublicClient),
            _ => Ok(()),
        }
    }

    fn service_token(
        &self,
        scope: String,
        deadline: UnixTime,
        now: UnixTime,
    ) -> Step<Result<ServiceToken, Error>> {
        let late = deadline.saturating_since(now) < LEAST_PATIENCE;
        match self.inner.service_tokens.take(&scope, now) {
            Turn::Known(token) => Step::Done(Ok(token)),
            Turn::BackingOff { error, until } => Step::Done(Err(backing_off(error, until, now))),
            Turn::Yours(_) | Turn::Wait(_) if late => {
                Step::Done(Err(ProviderError::Fetch(Purpose::Token, FetchError::Timeout).into()))
            }
            Turn::Yours(ticket) => self.fetch_service_token(ticket, scope, deadline, now),
            Turn::Wait(pause) => {
                let this = self.clone();
                Step::wait(pause, move |now| this.service_token(scope, deadline, now))
            }
        }
    }

    fn fetch_service_token(
        &self,
        ticket: Ticket<ServiceToken>,
        scope: String,
        deadline: UnixTime,
        now: UnixTime,
    ) -> Step<Result<ServiceToken, Error>> {
        let (this, asked) = (self.clone(), scope.clone());
        let token = self.metadata(deadline, now).and_then(now, move |metadata, sent| {
            let fetch = this
                .asker(&metadata, sent)
                .and_then(|asker| asker.client_grant(&asked, left(Purpose::Token, deadline, sent)?));
            redeemed(fetch, move |response, _| Step::Done(Ok(ServiceToken::new(response, asked, sent))))
        });
        let this = self.clone();
        token.then(now, move |token, now| Step::Done(this.land(ticket, &scope, token, now)))
    }

    /// Where the request failed, a token that has not ended serves on.
    fn land(
        &self,
        ticket: Ticket<ServiceToken>,
        scope: &str,
        token: Result<ServiceToken, Error>,
        now: UnixTime,
    ) -> Result<ServiceToken, Error> {
        let error = match token {
            Ok(token) => {
                ticket.done(token.clone(), token.keep(now));
                return Ok(token);
            }
            Err(error) => error,
        };
        ticket.failed(error.clone(), now);
        match self.inner.service_tokens.take(scope, now) {
            Turn::Known(token) => Ok(token),
            _ => Err(error),
        }
    }
}

/// An outage is told with the time that is left of it; what the provider refused is told as it was.
fn backing_off(error: Error, until: UnixTime, now: UnixTime) -> Error {
    match error.retry_after() {
        Some(_) => ProviderError::BackingOff(Purpose::Token, until.saturating_since(now)).into(),
        None => error,
    }
}
