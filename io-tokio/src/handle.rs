//! The handle: core's operations, carried out.

use std::sync::Arc;

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

use crate::engine::{Running, SessionStore, Transport, now};
use crate::renewal::Renewal;
use crate::settings::Builder;

/// A relying party and resource server, of one issuer or several. A clone is cheap and shares keys and connections.
#[derive(Clone)]
pub struct Oidc {
    pub(crate) guard: Guard,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) store: Option<Arc<dyn SessionStore>>,
    /// The open sockets.
    #[cfg(feature = "sockets")]
    pub(crate) watch: Arc<crate::watch::Watch>,
    /// Keeps the renewal in the background going.
    pub(crate) renewal: Option<Arc<Renewal>>,
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
    pub fn check(&self, incoming: Incoming<'_>) -> Running<Verdict> {
        self.run(|now| self.guard.check(incoming, now))
    }

    /// See [`Guard::require`].
    pub fn require(&self, incoming: Incoming<'_>) -> Running<Verdict> {
        self.run(|now| self.guard.require(incoming, now))
    }

    /// See [`Guard::require_policy`].
    pub fn require_policy(&self, incoming: Incoming<'_>, policy: &Policy) -> Running<Verdict> {
        self.run(|now| self.guard.require_policy(incoming, policy, now))
    }

    /// See [`Guard::uphold`].
    pub fn uphold(&self, admitted: Verdict, incoming: Incoming<'_>, policy: &Policy) -> Running<Verdict> {
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
    pub fn admit_socket(&self, incoming: Incoming<'_>, admitted: Option<&Identity>) -> Running<Verdict> {
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
    ) -> Running<Result<Identity, Error>> {
        self.run(|now| self.guard.admit_message(incoming, admitted, now))
    }

    /// See [`Guard::admit_again`].
    pub fn admit_again(&self, opened: &Identity, incoming: Incoming<'_>) -> Running<Verdict> {
        self.run(|now| self.guard.admit_again(opened, incoming, now))
    }

    /// See [`Client::begin_login`].
    ///
    /// # Errors
    /// [`Error`].
    pub async fn begin_login(&self, options: LoginOptions) -> Result<Redirect, Error> {
        self.run(|now| self.client().begin_login(options, now)).await
    }

    /// See [`Client::finish_login`].
    ///
    /// # Errors
    /// [`Error`].
    pub async fn finish_login(&self, login: LoginState, callback: Callback) -> Result<Session, Error> {
        self.run(|now| self.guard.client_of_sign_in(&login).finish_login(login, callback, now)).await
    }

    /// See [`Client::verify_id_token`].
    ///
    /// # Errors
    /// [`TokenError`].
    pub async fn verify_id_token(&self, token: &str) -> Result<Claims, TokenError> {
        self.run(|now| self.guard.judge_of_sign_in(token).verify_id_token(token, now)).await
    }

    /// See [`Client::verify_access_token`].
    ///
    /// # Errors
    /// [`TokenError`].
    pub async fn verify_access_token(&self, token: &str) -> Result<Claims, TokenError> {
        self.run(|now| self.guard.judge_of(token).verify_access_token(token, now)).await
    }

    /// See [`Client::verify_logout_token`].
    ///
    /// # Errors
    /// [`TokenError`].
    pub async fn verify_logout_token(&self, token: &str) -> Result<Claims, TokenError> {
        self.run(|now| self.guard.judge_of_sign_in(token).verify_logout_token(token, now)).await
    }

    /// See [`Client::userinfo`].
    ///
    /// # Errors
    /// [`Error`].
    pub async fn userinfo(&self, session: &Session) -> Result<Userinfo, Error> {
        self.run(|now| self.guard.client_for(session).userinfo(session, now)).await
    }

    /// See [`Client::refresh`].
    ///
    /// # Errors
    /// [`Error`].
    pub async fn refresh(&self, session: Session) -> Result<Session, Error> {
        self.run(|now| self.guard.client_for(&session).refresh(session, now)).await
    }

    /// See [`Client::client_credentials`].
    ///
    /// # Errors
    /// [`Error`].
    pub async fn client_credentials(&self, scope: &str) -> Result<ServiceToken, Error> {
        self.run(|now| self.client().client_credentials(scope, now)).await
    }

    /// See [`Client::introspect`]. Of several providers, one has to be named before, by [`at`](Self::at).
    ///
    /// # Errors
    /// [`Error`]; [`OtherProvider`](oidc_core::error::UsageError::OtherProvider) where it is not told which provider's token this is.
    pub async fn introspect(&self, token: &Secret) -> Result<Option<Introspection>, Error> {
        let client = self.guard.only_client()?;
        self.run(|now| client.introspect(token, now)).await
    }

    /// See [`Client::revoke`]. Of several providers, one has to be named before, by [`at`](Self::at).
    ///
    /// # Errors
    /// [`Error`]; [`OtherProvider`](oidc_core::error::UsageError::OtherProvider) where it is not told which provider's token this is.
    pub async fn revoke(&self, token: &Secret, hint: TokenHint) -> Result<(), Error> {
        let client = self.guard.only_client()?;
        self.run(|now| client.revoke(token, hint, now)).await
    }

    /// See [`Client::logout_url`]; of several providers, that of the ID token.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn logout_url(&self, hint: Option<&Secret>, state: &str) -> Result<Option<String>, Error> {
        let client = hint.map_or(self.client(), |hint| self.guard.judge_of_sign_in(hint.expose()));
        self.run(|now| client.logout_url(hint, state, now)).await.map(|url| url.map(String::from))
    }

    /// Renews metadata and keys if that is due: see [`Guard::renew_keys`]. At a server's start, whether the provider answers.
    ///
    /// # Errors
    /// [`TokenError::KeysUnavailable`] when there are no keys and none can be had.
    pub async fn renew_keys(&self) -> Result<(), TokenError> {
        self.run(|now| self.guard.renew_keys(now)).await.0
    }

    /// See [`Guard::key_status`].
    #[must_use]
    pub fn key_status(&self) -> KeyStatus {
        self.guard.key_status(now())
    }

    /// Whom one has admitted, the other would have admitted: all their providers are the same.
    #[cfg(any(feature = "actix", feature = "tower"))]
    pub(crate) fn is_the_same_as(&self, other: &Self) -> bool {
        let of = |oidc: &Self| -> Vec<_> {
            oidc.guard.clients().map(|client| std::ptr::from_ref(client.config())).collect()
        };
        of(self) == of(other)
    }
}
