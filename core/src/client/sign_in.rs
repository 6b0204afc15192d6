//! A sign-in from its redirect to its session, and the refresh of what it gave.

use std::sync::PoisonError;
use std::time::Duration;

use super::judge::Token;
use super::store::consume;
use super::{Client, PATIENCE, SIGN_IN_PATIENCE, left, redeemed};
use crate::discovery::Metadata;
use crate::error::{CallbackError, Error, ProviderError, UsageError};
use crate::exchange::{self, Sent, TokenResponse};
use crate::jose::Claims;
use crate::login::{self, Callback, LoginOptions, LoginState, Redirect};
use crate::secret::Secret;
use crate::session::Session;
use crate::step::{Fetch, Purpose, Step};
use crate::time::UnixTime;

impl Client {
    /// Starts a sign-in: where to send the browser, and what to bind to it meanwhile.
    ///
    /// Its output is an [`Error`] when the provider's metadata is not to be had, an extra parameter is reserved, or the
    /// random source fails.
    pub fn begin_login(&self, options: LoginOptions, now: UnixTime) -> Step<Result<Redirect, Error>> {
        let this = self.clone();
        self.metadata(now.saturating_add(PATIENCE), now).and_then(now, move |metadata, now| {
            let issuer = &this.inner.config.issuer;
            let begun = this.registration().map_err(Error::from).and_then(|registration| {
                login::begin(registration, issuer, &metadata, &options, this.entropy(), now)
            });
            Step::Done(begun)
        })
    }

    /// Finishes a sign-in: checks that the callback belongs to it, redeems the code, verifies the ID token.
    ///
    /// Its output is an [`Error`] for whatever goes wrong; the sign-in is then used up and must be started again.
    pub fn finish_login(
        &self,
        login: LoginState,
        callback: Callback,
        now: UnixTime,
    ) -> Step<Result<Session, Error>> {
        if let Err(error) = callback.check(&login, &self.inner.config.issuer, now) {
            return Step::Done(Err(error.into()));
        }
        let deadline = now.saturating_add(SIGN_IN_PATIENCE);
        let this = self.clone();
        self.use_up(&login, now).and_then(now, move |(), now| match callback.error() {
            Some(error) => Step::Done(Err(error.into())),
            None => this.redeem(login, callback, deadline, now),
        })
    }

    /// A sign-in is good for one callback: by the store across processes, else by this process's memory.
    fn use_up(&self, login: &LoginState, now: UnixTime) -> Step<Result<(), Error>> {
        let (id, until) = (login.id(), login.expires_at());
        if self.inner.config.session.has_store {
            return consume(format!("login:{id}"), until, CallbackError::StateMismatch.into());
        }
        let mut used = self.inner.used_logins.lock().unwrap_or_else(PoisonError::into_inner);
        let first = used.consume(id, until, now);
        Step::Done(if first { Ok(()) } else { Err(CallbackError::StateMismatch.into()) })
    }

    fn redeem(
        &self,
        login: LoginState,
        callback: Callback,
        deadline: UnixTime,
        now: UnixTime,
    ) -> Step<Result<Session, Error>> {
        let this = self.clone();
        self.metadata(deadline, now).and_then(now, move |metadata, now| {
            let fetch = this.code_grant(&metadata, callback, &login, left(Purpose::Token, deadline, now));
            redeemed(fetch, move |response, now| this.signed_in(&login, response, deadline, now))
        })
    }

    fn code_grant(
        &self,
        metadata: &Metadata,
        callback: Callback,
        login: &LoginState,
        timeout: Result<Duration, ProviderError>,
    ) -> Result<(Fetch, Sent), Error> {
        let registration = self.registration()?;
        let code = callback.into_code(metadata)?;
        let endpoint = metadata.token_endpoint.required()?.as_str();
        exchange::code_grant(registration, endpoint, &code, login.code_verifier(), timeout?)
            .ok_or(UsageError::NoEndpoint("token_endpoint").into())
    }

    /// The ID token decides who has signed in.
    fn signed_in(
        &self,
        login: &LoginState,
        response: TokenResponse,
        deadline: UnixTime,
        now: UnixTime,
    ) -> Step<Result<Session, Error>> {
        let Some(id_token) = response.id_token.clone() else {
            return Step::Done(Err(ProviderError::IdTokenMissing.into()));
        };
        let id = login.id();
        self.verify_issued(id_token.clone(), &response, Some(login), deadline, now).map(now, move |claims| {
            claims.map(|claims| Session::new(id, claims, id_token, response.granted(now), now))
        })
    }

    /// An ID token that the token endpoint has issued just now, together with an access token.
    fn verify_issued(
        &self,
        id_token: Secret,
        response: &TokenResponse,
        login: Option<&LoginState>,
        deadline: UnixTime,
        now: UnixTime,
    ) -> Step<Result<Claims, Error>> {
        let Some(rules) = self.inner.config.id_rules.clone() else {
            return Step::Done(Err(UsageError::NoClient.into()));
        };
        let rules = match login {
            Some(login) => login.narrow(rules),
            None => rules,
        };
        let token = Token { text: id_token, goes_with: Some(response.access_token.clone()), rules };
        let claims = self.verify(token, None, deadline, now);
        claims.map(now, |claims| claims.map_err(|error| ProviderError::IdToken(error).into()))
    }

    /// Asks for fresh tokens. A new ID token must pass every check and be of the same subject; the session stays the same
    /// sign-in.
    ///
    /// Its output is an [`Error`] when there is no refresh token, or the provider refuses it: the session is then to end, if
    /// [`Error::ends_session`] says so.
    pub fn refresh(&self, session: Session, now: UnixTime) -> Step<Result<Session, Error>> {
        let deadline = now.saturating_add(PATIENCE);
        let this = self.clone();
        let prepared = self.metadata(deadline, now).and_then(now, {
            let this = self.clone();
            // Keys first: an answer that cannot be judged would take the new refresh token along.
            move |metadata, now| this.keys_at_hand_for(metadata, deadline, now)
        });
        prepared.and_then(now, move |metadata, now| {
            let fetch = this.refresh_grant(&metadata, &session, left(Purpose::Token, deadline, now));
            redeemed(fetch, move |response, now| this.refreshed(session, response, deadline, now))
        })
    }

    fn refresh_grant(
        &self,
        metadata: &Metadata,
        session: &Session,
        timeout: Result<Duration, ProviderError>,
    ) -> Result<(Fetch, Sent), Error> {
        let endpoint = metadata.token_endpoint.required()?.as_str();
        let refresh_token = session.refresh_token().ok_or(UsageError::NoRefreshToken)?;
        exchange::refresh_grant(self.registration()?, endpoint, refresh_token, timeout?)
            .ok_or(UsageError::NoEndpoint("token_endpoint").into())
    }

    /// [OpenID Connect Core section 12.2](https://openid.net/specs/openid-connect-core-1_0.html#RefreshTokenResponse).
    fn refreshed(
        &self,
        session: Session,
        response: TokenResponse,
        deadline: UnixTime,
        now: UnixTime,
    ) -> Step<Result<Session, Error>> {
        let Some(id_token) = response.id_token.clone() else {
            let refreshed = session.refreshed(None, response.granted(now));
            return Step::Done(refreshed.map_err(|error| ProviderError::IdToken(error).into()));
        };
        self.verify_issued(id_token.clone(), &response, None, deadline, now).map(now, move |claims| {
            let claims = claims?;
            if claims.sub() != Some(session.sub()) {
                return Err(ProviderError::SubjectMismatch.into());
            }
            let refreshed = session.refreshed(Some((id_token, claims)), response.granted(now));
            refreshed.map_err(|error| ProviderError::IdToken(error).into())
        })
    }
}
