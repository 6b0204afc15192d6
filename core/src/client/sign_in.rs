//! A sign-in from its redirect to its session, and the refresh of what it gave.

use std::sync::PoisonError;

use super::judge::Token;
use super::store::consume;
use super::{Client, PATIENCE, SIGN_IN_PATIENCE, left, redeemed, requested};
use crate::discovery::Metadata;
use crate::error::{CallbackError, Error, ProviderError, TokenError, UsageError};
use crate::exchange::TokenResponse;
use crate::jose::Claims;
use crate::login::{AuthorizationRequest, Callback, LoginOptions, LoginState, Redirect};
use crate::profile::NoncePolicy;
use crate::pushed;
use crate::secret::Secret;
use crate::session::Session;
use crate::step::{Purpose, Step};
use crate::store::LOGIN;
use crate::time::UnixTime;
use crate::token::{TokenRules, equal};

impl Client {
    /// Starts a sign-in: where to send the browser, and what to bind to it meanwhile.
    ///
    /// Its output is an [`Error`] when the provider's metadata is not to be had, an extra parameter is reserved, or the
    /// random source fails.
    pub fn begin_login(&self, options: LoginOptions, now: UnixTime) -> Step<Result<Redirect, Error>> {
        let (this, deadline) = (self.clone(), now.saturating_add(PATIENCE));
        self.metadata(deadline, now).and_then(now, move |metadata, now| {
            let prepared = this.sign_in().map_err(Error::from).and_then(|(registration, sign_in)| {
                let (config, entropy) = (&this.inner.config, this.entropy());
                AuthorizationRequest::new(config, registration, sign_in, &metadata, &options, entropy, now)
            });
            match prepared {
                Err(error) => Step::Done(Err(error)),
                Ok(request) if this.pushes(&metadata) => this.push(request, &metadata, deadline, now),
                Ok(request) => Step::Done(Ok(request.redirect())),
            }
        })
    }

    fn pushes(&self, metadata: &Metadata) -> bool {
        let wanted = self.inner.config.sign_in().is_some_and(|sign_in| sign_in.pushed);
        wanted || metadata.requires_pushed_authorization
    }

    fn push(
        &self,
        request: AuthorizationRequest,
        metadata: &Metadata,
        deadline: UnixTime,
        now: UnixTime,
    ) -> Step<Result<Redirect, Error>> {
        const PURPOSE: Purpose = Purpose::PushedAuthorization;
        let proving =
            self.inner.config.registration.as_ref().map(|registration| registration.client_id.clone());
        let fetch = self.asker(metadata, now).and_then(|asker| {
            // Who asks is said by the client's authentication, and once.
            let parameters: Vec<_> = request
                .parameters
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .filter(|(name, _)| *name != "client_id" || !asker.names_client())
                .collect();
            let endpoint = &metadata.pushed_authorization_request_endpoint;
            let timeout = left(PURPOSE, deadline, now)?;
            asker.request(endpoint, PURPOSE, &parameters, request.secrets(), timeout)
        });
        requested(fetch, pushed::request_uri, move |request_uri, _| {
            Step::Done(Ok(request.redirect_pushed(&proving.unwrap_or_default(), &request_uri)))
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
        let config = &self.inner.config;
        let checked = self.sign_in().map_err(Error::from).and_then(|(_, sign_in)| {
            callback.check(&login, config, sign_in.response_type, now).map_err(Error::from)
        });
        if let Err(error) = checked {
            return Step::Done(Err(error));
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
            return consume(format!("{LOGIN}{id}"), until, CallbackError::StateMismatch.into());
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
            let in_front = callback.id_token_with_code();
            let code = match callback.into_code(&metadata) {
                Ok(code) => code,
                Err(error) => return Step::Done(Err(error.into())),
            };
            this.verify_in_front(in_front, &login, deadline, now).and_then(now, move |in_front, now| {
                let fetch = this.asker(&metadata, now).and_then(|asker| {
                    let verifier = this.inner.config.profile.pkce.then(|| login.code_verifier());
                    let redirect_uri = this.sign_in()?.1.redirect_uri.as_str();
                    asker.code_grant(&code, redirect_uri, verifier, left(Purpose::Token, deadline, now)?)
                });
                redeemed(fetch, move |response, now| {
                    this.signed_in(&login, in_front, response, deadline, now)
                })
            })
        })
    }

    /// The ID token that came with a code: it must be good, and of this code, before that is redeemed
    /// ([OpenID Connect Core section 3.3.2.10](https://openid.net/specs/openid-connect-core-1_0.html#CodeValidation)).
    fn verify_in_front(
        &self,
        in_front: Option<(Secret, Secret)>,
        login: &LoginState,
        deadline: UnixTime,
        now: UnixTime,
    ) -> Step<Result<Option<Claims>, Error>> {
        let Some((text, code)) = in_front else { return Step::Done(Ok(None)) };
        // https://openid.net/specs/openid-connect-core-1_0.html#HybridIDToken: here nobody may forget it.
        let token = match self.id_rules(Some((login, NoncePolicy::Required))) {
            Ok(rules) => Token { text, access_token: None, code: Some(code), rules },
            Err(error) => return Step::Done(Err(error.into())),
        };
        let claims = self.verify(token, None, deadline, now);
        claims.map(now, |claims| claims.map(Some).map_err(|error| ProviderError::IdToken(error).into()))
    }

    /// What an ID token must be, that of this sign-in if it is of one.
    fn id_rules(&self, login: Option<(&LoginState, NoncePolicy)>) -> Result<TokenRules, UsageError> {
        let rules = self.inner.config.id_rules.clone().ok_or(UsageError::NoClient)?;
        Ok(match login {
            Some((login, nonce)) => login.narrow(rules, nonce),
            None => rules,
        })
    }

    /// The ID token decides who has signed in.
    fn signed_in(
        &self,
        login: &LoginState,
        in_front: Option<Claims>,
        response: TokenResponse,
        deadline: UnixTime,
        now: UnixTime,
    ) -> Step<Result<Session, Error>> {
        let Some(id_token) = response.id_token.clone() else {
            return Step::Done(Err(ProviderError::IdTokenMissing.into()));
        };
        let id = login.id();
        self.verify_issued(id_token.clone(), &response, Some(login), deadline, now).map(now, move |claims| {
            let claims = claims?;
            if in_front.is_some_and(|first| (first.iss(), first.sub()) != (claims.iss(), claims.sub())) {
                return Err(ProviderError::SubjectMismatch.into());
            }
            Ok(Session::new(id, claims, id_token, response.granted(now), now))
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
        let nonce = self.inner.config.profile.nonce;
        let rules = match self.id_rules(login.map(|login| (login, nonce))) {
            Ok(rules) => rules,
            Err(error) => return Step::Done(Err(error.into())),
        };
        let access_token = Some(response.access_token.clone());
        let token = Token { text: id_token, access_token, code: None, rules };
        let lenient = self.inner.config.profile.lenient_booleans;
        self.verify(token, None, deadline, now).map(now, move |claims| {
            let readable = |claims: Claims| if lenient { claims.with_booleans() } else { Ok(claims) };
            claims.and_then(readable).map_err(|error: TokenError| ProviderError::IdToken(error).into())
        })
    }

    /// Asks for fresh tokens. A new ID token must pass every check and be of the same subject; the session stays the same
    /// sign-in.
    ///
    /// Its output is an [`Error`] when there is no refresh token, or the provider refuses it: the session is then to end, if
    /// [`Error::ends_session`] says so.
    pub fn refresh(&self, session: Session, now: UnixTime) -> Step<Result<Session, Error>> {
        if let Err(error) = self.check_session(&session) {
            return Step::Done(Err(error.into()));
        }
        let deadline = now.saturating_add(PATIENCE);
        let this = self.clone();
        let prepared = self.metadata(deadline, now).and_then(now, {
            let this = self.clone();
            // Keys first: an answer that cannot be judged would take the new refresh token along.
            move |metadata, now| this.keys_at_hand_for(metadata, deadline, now)
        });
        prepared.and_then(now, move |metadata, now| {
            let fetch = this.asker(&metadata, now).and_then(|asker| {
                let refresh_token = session.refresh_token().ok_or(UsageError::NoRefreshToken)?;
                asker.refresh_grant(refresh_token, left(Purpose::Token, deadline, now)?)
            });
            redeemed(fetch, move |response, now| this.refreshed(session, response, deadline, now))
        })
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
            if claims.iss() != session.claims().iss() {
                return Err(ProviderError::IdToken(TokenError::ClaimInvalid("iss")).into());
            }
            let nonces = claims.get::<String>("nonce").zip(session.nonce());
            if nonces.is_some_and(|(new, original)| !equal(&new, &original)) {
                return Err(ProviderError::IdToken(TokenError::ClaimInvalid("nonce")).into());
            }
            let refreshed = session.refreshed(Some((id_token, claims)), response.granted(now));
            refreshed.map_err(|error| ProviderError::IdToken(error).into())
        })
    }
}
