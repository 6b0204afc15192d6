//! The handle: core's operations, carried out.

use std::sync::Arc;
use std::sync::mpsc::Sender;

use oidc_core::error::{ConfigError, TokenError};
use oidc_core::guard::Policy;
use oidc_core::introspection::{Introspection, TokenHint};
use oidc_core::keys::KeyStatus;
use oidc_core::login::{LoginState, Redirect};
use oidc_core::service::ServiceToken;
use oidc_core::userinfo::Userinfo;
use oidc_core::{
    Callback, Claims, Client, Config, Error, Guard, Identity, Incoming, LoginOptions, Secret, Session,
    Verdict,
};

use crate::engine::{SessionStore, Transport, now};
use crate::settings::Builder;

/// A relying party and resource server, of one issuer or several. A clone is cheap and shares keys and connections.
#[derive(Clone)]
pub struct Oidc {
    pub(crate) guard: Guard,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) store: Option<Arc<dyn SessionStore>>,
    /// The open sockets.
    #[cfg(feature = "ws")]
    pub(crate) watch: Arc<crate::watch::Watch>,
    /// Keeps the renewal in the background going.
    pub(crate) renewal: Option<Arc<Sender<()>>>,
}

impl Oidc {
    /// From the environment: see [`Builder::from_env`].
    ///
    /// # Errors
    /// [`ConfigError`] naming the first variable that is missing or wrong.
    pub fn from_env() -> Result<Self, ConfigError> {
        Builder::from_env()?.build()
    }

    /// For a service that takes access tokens of this issuer for this audience, and nothing else.
    ///
    /// # Errors
    /// [`ConfigError`] when one of them cannot be right.
    pub fn bearer(issuer: &str, audience: &str) -> Result<Self, ConfigError> {
        Builder::new(Config::resource_server(issuer, audience)).build()
    }

    /// The client that this handle runs: of several providers', the first.
    #[must_use]
    pub fn client(&self) -> &Client {
        self.guard.client()
    }

    /// The same handle for one of its providers, by its issuer: see [`Guard::only`].
    #[must_use]
    pub fn at(&self, issuer: &str) -> Option<Self> {
        Some(Self { guard: self.guard.only(issuer)?, ..self.clone() })
    }

    /// See [`Guard::check`].
    pub fn check(&self, incoming: Incoming<'_>) -> Verdict {
        self.run(|now| self.guard.check(incoming, now))
    }

    /// See [`Guard::require`].
    pub fn require(&self, incoming: Incoming<'_>) -> Verdict {
        self.run(|now| self.guard.require(incoming, now))
    }

    /// See [`Guard::require_policy`].
    pub fn require_policy(&self, incoming: Incoming<'_>, policy: &Policy) -> Verdict {
        self.run(|now| self.guard.require_policy(incoming, policy, now))
    }

    /// See [`Guard::uphold`].
    pub fn uphold(&self, admitted: Verdict, incoming: Incoming<'_>, policy: &Policy) -> Verdict {
        self.run(|now| self.guard.uphold(admitted, incoming, policy, now))
    }

    /// See [`Guard::permits`].
    ///
    /// # Errors
    /// [`Error`].
    pub fn permits(&self, identity: &Identity, policy: &Policy) -> Result<(), Error> {
        self.guard.permits(identity, policy, now())
    }

    /// See [`Guard::admit_socket`].
    pub fn admit_socket(&self, incoming: Incoming<'_>, admitted: Option<&Identity>) -> Verdict {
        self.run(|now| self.guard.admit_socket(incoming, admitted, now))
    }

    /// See [`Guard::admit_message`].
    ///
    /// # Errors
    /// [`Error`].
    pub fn admit_message(
        &self,
        incoming: Incoming<'_>,
        admitted: Option<&Identity>,
    ) -> Result<Identity, Error> {
        self.run(|now| self.guard.admit_message(incoming, admitted, now))
    }

    /// See [`Guard::admit_again`].
    pub fn admit_again(&self, opened: &Identity, incoming: Incoming<'_>) -> Verdict {
        self.run(|now| self.guard.admit_again(opened, incoming, now))
    }

    /// See [`Client::begin_login`].
    ///
    /// # Errors
    /// [`Error`].
    pub fn begin_login(&self, options: LoginOptions) -> Result<Redirect, Error> {
        self.run(|now| self.client().begin_login(options, now))
    }

    /// See [`Client::finish_login`].
    ///
    /// # Errors
    /// [`Error`].
    pub fn finish_login(&self, login: LoginState, callback: Callback) -> Result<Session, Error> {
        self.run(|now| self.guard.client_of_sign_in(&login).finish_login(login, callback, now))
    }

    /// See [`Client::verify_id_token`].
    ///
    /// # Errors
    /// [`TokenError`].
    pub fn verify_id_token(&self, token: &str) -> Result<Claims, TokenError> {
        self.run(|now| self.guard.judge_of_sign_in(token).verify_id_token(token, now))
    }

    /// See [`Client::verify_access_token`].
    ///
    /// # Errors
    /// [`TokenError`].
    pub fn verify_access_token(&self, token: &str) -> Result<Claims, TokenError> {
        self.run(|now| self.guard.judge_of(token).verify_access_token(token, now))
    }

    /// See [`Client::verify_logout_token`].
    ///
    /// # Errors
    /// [`TokenError`].
    pub fn verify_logout_token(&self, token: &str) -> Result<Claims, TokenError> {
        self.run(|now| self.guard.judge_of_sign_in(token).verify_logout_token(token, now))
    }

    /// See [`Client::userinfo`].
    ///
    /// # Errors
    /// [`Error`].
    pub fn userinfo(&self, session: &Session) -> Result<Userinfo, Error> {
        self.run(|now| self.guard.client_for(session).userinfo(session, now))
    }

    /// See [`Client::refresh`].
    ///
    /// # Errors
    /// [`Error`].
    pub fn refresh(&self, session: Session) -> Result<Session, Error> {
        self.run(|now| self.guard.client_for(&session).refresh(session, now))
    }

    /// See [`Client::client_credentials`].
    ///
    /// # Errors
    /// [`Error`].
    pub fn client_credentials(&self, scope: &str) -> Result<ServiceToken, Error> {
        self.run(|now| self.client().client_credentials(scope, now))
    }

    /// See [`Client::introspect`]. Of several providers, one has to be named before, by [`at`](Self::at).
    ///
    /// # Errors
    /// [`Error`]; [`OtherProvider`](oidc_core::error::UsageError::OtherProvider) where it is not told which provider's token this is.
    pub fn introspect(&self, token: &Secret) -> Result<Option<Introspection>, Error> {
        let client = self.guard.only_client()?;
        self.run(|now| client.introspect(token, now))
    }

    /// See [`Client::revoke`]. Of several providers, one has to be named before, by [`at`](Self::at).
    ///
    /// # Errors
    /// [`Error`]; [`OtherProvider`](oidc_core::error::UsageError::OtherProvider) where it is not told which provider's token this is.
    pub fn revoke(&self, token: &Secret, hint: TokenHint) -> Result<(), Error> {
        let client = self.guard.only_client()?;
        self.run(|now| client.revoke(token, hint, now))
    }

    /// See [`Client::logout_url`]; of several providers, that of the ID token.
    ///
    /// # Errors
    /// [`Error`].
    pub fn logout_url(&self, hint: Option<&Secret>, state: &str) -> Result<Option<String>, Error> {
        let client = hint.map_or(self.client(), |hint| self.guard.judge_of_sign_in(hint.expose()));
        self.run(|now| client.logout_url(hint, state, now)).map(|url| url.map(String::from))
    }

    /// Renews metadata and keys if that is due: see [`Guard::renew_keys`]. At a server's start, whether the provider answers.
    ///
    /// # Errors
    /// [`TokenError::KeysUnavailable`] when there are no keys and none can be had.
    pub fn renew_keys(&self) -> Result<(), TokenError> {
        self.run(|now| self.guard.renew_keys(now)).0
    }

    /// See [`Guard::key_status`].
    #[must_use]
    pub fn key_status(&self) -> KeyStatus {
        self.guard.key_status(now())
    }
}
