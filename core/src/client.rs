//! The client: one method for each operation of the protocol.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::cache::{Freshness, Need, Shared, Unavailable};
use crate::config::{Config, Registration};
use crate::discovery::{self, Metadata};
use crate::entropy::EntropySource;
use crate::error::{CallbackError, Error, ProviderError, TokenError, UsageError};
use crate::exchange::{self, TokenResponse};
use crate::jose::{Claims, KeySet, Verifier};
use crate::login::{self, Callback, LoginOptions, LoginState, Redirect, UsedLogins};
use crate::secret::Secret;
use crate::session::Session;
use crate::step::{Purpose, Step, StoreAnswer, StoreOp};
use crate::time::UnixTime;
use crate::token::TokenRules;
use crate::userinfo::{self, Userinfo};
use crate::{keys, logout};

/// How long any flow may take, and how long one may that finishes a sign-in.
const PATIENCE: Duration = Duration::from_secs(5);
const SIGN_IN_PATIENCE: Duration = Duration::from_secs(10);

/// A relying party and resource server of one issuer. A clone is cheap and shares keys and memory.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    config: Config,
    entropy: Arc<dyn EntropySource>,
    backend: Arc<dyn Verifier>,
    metadata: Shared<Metadata>,
    keys: Shared<KeySet>,
    used_logins: Mutex<UsedLogins>,
}

impl Client {
    /// A client with the default signature backend. Nothing is fetched before it is needed, so a server starts while its
    /// provider is down.
    #[cfg(feature = "rsa")]
    #[must_use]
    pub fn new(config: Config, entropy: Arc<dyn EntropySource>) -> Self {
        Self::with_backend(config, entropy, Arc::new(crate::jose::RustCrypto))
    }

    /// A client with a signature backend of one's own.
    #[must_use]
    pub fn with_backend(config: Config, entropy: Arc<dyn EntropySource>, backend: Arc<dyn Verifier>) -> Self {
        let (metadata, keys) = (Shared::empty(), Shared::empty());
        let used_logins = Mutex::default();
        Self { inner: Arc::new(Inner { config, entropy, backend, metadata, keys, used_logins }) }
    }

    /// The settings.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.inner.config
    }

    pub(crate) fn entropy(&self) -> &dyn EntropySource {
        &*self.inner.entropy
    }

    pub(crate) fn registration(&self) -> Result<&Registration, UsageError> {
        self.inner.config.registration.as_ref().ok_or(UsageError::NoClient)
    }

    /// How good the keys at hand are.
    #[must_use]
    pub fn key_freshness(&self, now: UnixTime) -> Freshness {
        self.inner.keys.lock().freshness(now)
    }

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
        let once = |first: bool| if first { Ok(()) } else { Err(CallbackError::StateMismatch.into()) };
        if self.inner.config.session.in_store {
            let op = StoreOp::Consume { key: format!("login:{id}"), until };
            return Step::store(op, move |result, _| {
                Step::Done(match result {
                    Ok(StoreAnswer::Taken(first)) => once(first),
                    Ok(_) | Err(_) => Err(Error::Store),
                })
            });
        }
        let mut used = self.inner.used_logins.lock().unwrap_or_else(PoisonError::into_inner);
        Step::Done(once(used.consume(id, until, now)))
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
            let fetch = match this.code_grant(&metadata, callback, &login, left(deadline, now)) {
                Ok(fetch) => fetch,
                Err(error) => return Step::Done(Err(error)),
            };
            Step::fetch(fetch, move |result, now| match TokenResponse::parse(result) {
                Ok(response) => this.signed_in(&login, response, deadline, now),
                Err(error) => Step::Done(Err(error.into())),
            })
        })
    }

    fn code_grant(
        &self,
        metadata: &Metadata,
        callback: Callback,
        login: &LoginState,
        timeout: Duration,
    ) -> Result<crate::step::Fetch, Error> {
        let registration = self.registration()?;
        let code = callback.into_code(metadata)?;
        let endpoint = metadata.token_endpoint.as_ref().ok_or(UsageError::NoEndpoint("token_endpoint"))?;
        exchange::code_grant(registration, endpoint.as_str(), code.expose(), login.code_verifier(), timeout)
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
        self.verify_issued(id_token.clone(), &response, Some(login), deadline, now).map(now, move |claims| {
            claims.map(|claims| Session::new(claims, id_token, response.into_tokens(now), now))
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
        let claims = self.verify(token, deadline, now);
        claims.map(now, |claims| claims.map_err(|error| ProviderError::IdToken(error).into()))
    }

    /// Asks for fresh tokens. A new ID token must pass every check and be of the same subject; the session stays the same
    /// sign-in.
    ///
    /// Its output is an [`Error`] when there is no refresh token, or the provider refuses it: the session is then to end.
    pub fn refresh(&self, session: Session, now: UnixTime) -> Step<Result<Session, Error>> {
        let deadline = now.saturating_add(PATIENCE);
        let this = self.clone();
        self.metadata(deadline, now).and_then(now, move |metadata, now| {
            let fetch = match this.refresh_grant(&metadata, &session, left(deadline, now)) {
                Ok(fetch) => fetch,
                Err(error) => return Step::Done(Err(error)),
            };
            Step::fetch(fetch, move |result, now| match TokenResponse::parse(result) {
                Ok(response) => this.refreshed(session, response, deadline, now),
                Err(error) => Step::Done(Err(error.into())),
            })
        })
    }

    fn refresh_grant(
        &self,
        metadata: &Metadata,
        session: &Session,
        timeout: Duration,
    ) -> Result<crate::step::Fetch, Error> {
        let endpoint = metadata.token_endpoint.as_ref().ok_or(UsageError::NoEndpoint("token_endpoint"))?;
        let refresh_token = session.refresh_token().ok_or(UsageError::NoRefreshToken)?;
        exchange::refresh_grant(self.registration()?, endpoint.as_str(), refresh_token, timeout)
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
            return Step::Done(Ok(session.refreshed(None, response.into_tokens(now))));
        };
        self.verify_issued(id_token.clone(), &response, None, deadline, now).map(now, move |claims| {
            let claims = claims?;
            if claims.sub() != Some(session.sub()) {
                return Err(ProviderError::SubjectMismatch.into());
            }
            Ok(session.refreshed(Some(id_token), response.into_tokens(now)))
        })
    }

    /// Verifies an ID token as of a sign-in long past: without `nonce`.
    ///
    /// Its output is a [`TokenError`] for the first rule that the token breaks.
    pub fn verify_id_token(&self, token: &str, now: UnixTime) -> Step<Result<Claims, TokenError>> {
        self.verify_by(self.inner.config.id_rules.as_ref(), token, now)
    }

    /// Verifies a bearer token of one of the configured kinds.
    ///
    /// Its output is a [`TokenError`] for the first rule that the token breaks.
    pub fn verify_access_token(&self, token: &str, now: UnixTime) -> Step<Result<Claims, TokenError>> {
        self.verify_by(Some(&self.inner.config.access_rules), token, now)
    }

    /// Verifies a logout token. That its `jti` is new is for the caller to see to.
    ///
    /// Its output is a [`TokenError`] for the first rule that the token breaks.
    pub fn verify_logout_token(&self, token: &str, now: UnixTime) -> Step<Result<Claims, TokenError>> {
        self.verify_by(self.inner.config.logout_rules.as_ref(), token, now)
    }

    /// By the keys at hand if they decide it; only else is anything copied or fetched.
    fn verify_by(
        &self,
        rules: Option<&TokenRules>,
        token: &str,
        now: UnixTime,
    ) -> Step<Result<Claims, TokenError>> {
        let Some(rules) = rules else { return Step::Done(Err(TokenError::WrongType)) };
        if let Some(keys) = self.inner.keys.at_hand(now) {
            let judged = rules.verify(token, &keys, now);
            let names_key = || rules.inspect(token, None, now).is_ok_and(|token| token.names_key);
            match judged {
                Err(TokenError::UnknownKey) => {}
                Err(TokenError::BadSignature) if !names_key() => {}
                judged => return Step::Done(judged),
            }
        }
        let token = Token { text: Secret::new(token), goes_with: None, rules: rules.clone() };
        self.verify(token, now.saturating_add(PATIENCE), now)
    }

    /// A token that is hopeless by itself causes no fetch; one that only lacks its key causes one.
    fn verify(&self, token: Token, deadline: UnixTime, now: UnixTime) -> Step<Result<Claims, TokenError>> {
        let names_key = match token.rules.inspect(token.text.expose(), token.access_token(), now) {
            Ok(inspected) => inspected.names_key,
            Err(error) => return Step::Done(Err(error)),
        };
        self.judge(names_key, deadline, now, move |keys, now| {
            token.rules.verify_with(token.text.expose(), token.access_token(), keys, now)
        })
    }

    /// Judges by the keys held, and once more by newer ones if the verdict may be for want of a key.
    fn judge<R: Send + 'static>(
        &self,
        names_key: bool,
        deadline: UnixTime,
        now: UnixTime,
        judge: impl Fn(&KeySet, UnixTime) -> Result<R, TokenError> + Send + 'static,
    ) -> Step<Result<R, TokenError>> {
        let (this, arrived) = (self.clone(), now);
        self.keys(Need::Held, deadline, now).and_then(now, move |keys, now| match judge(&keys, now) {
            Err(TokenError::UnknownKey) => this.judge_anew(arrived, deadline, now, judge),
            Err(TokenError::BadSignature) if !names_key => this.judge_anew(arrived, deadline, now, judge),
            judged => Step::Done(judged),
        })
    }

    fn judge_anew<R: Send + 'static>(
        &self,
        arrived: UnixTime,
        deadline: UnixTime,
        now: UnixTime,
        judge: impl Fn(&KeySet, UnixTime) -> Result<R, TokenError> + Send + 'static,
    ) -> Step<Result<R, TokenError>> {
        let newer = self.keys(Need::AskedSince(arrived), deadline, now);
        newer.and_then(now, move |keys, now| Step::Done(judge(&keys, now)))
    }

    /// Asks the provider who this is.
    ///
    /// Its output is an [`Error`] when there is no such endpoint, no access token, or the answer is of another subject.
    pub fn userinfo(&self, session: &Session, now: UnixTime) -> Step<Result<Userinfo, Error>> {
        let deadline = now.saturating_add(PATIENCE);
        let (this, subject) = (self.clone(), session.sub().to_owned());
        let access_token = session.access_token().cloned();
        self.metadata(deadline, now).and_then(now, move |metadata, now| {
            let endpoint = metadata.userinfo_endpoint.as_ref().map(url::Url::as_str);
            let fetch = access_token.zip(endpoint).and_then(|(access_token, endpoint)| {
                userinfo::request(endpoint, &access_token, left(deadline, now))
            });
            let Some(fetch) = fetch else {
                return Step::Done(Err(UsageError::NoEndpoint("userinfo_endpoint").into()));
            };
            Step::fetch(fetch, move |result, now| match userinfo::Answer::parse(result) {
                Ok(answer) => this.accept_userinfo(answer, subject, deadline, now),
                Err(error) => Step::Done(Err(error.into())),
            })
        })
    }

    fn accept_userinfo(
        &self,
        answer: userinfo::Answer,
        subject: String,
        deadline: UnixTime,
        now: UnixTime,
    ) -> Step<Result<Userinfo, Error>> {
        let payload = match answer {
            userinfo::Answer::Plain(body) => Step::Done(Ok(body)),
            userinfo::Answer::Signed(token) => {
                let algorithms = self.inner.config.algorithms.clone();
                self.judge(true, deadline, now, move |keys, _| {
                    crate::token::verify_signature(token.trim_end(), &algorithms, keys)
                })
            }
        };
        let this = self.clone();
        payload.then(now, move |payload, _| {
            let payload = payload.map_err(ProviderError::UserinfoToken);
            let issuer = &this.inner.config.issuer.0;
            let accepted = payload.map_err(Error::from).and_then(|payload| {
                let client_id = &this.registration()?.client_id;
                userinfo::accept(&payload, &subject, issuer, client_id).map_err(Error::from)
            });
            Step::Done(accepted)
        })
    }

    /// Whether the provider has a userinfo endpoint, as far as its metadata is at hand.
    pub(crate) fn has_userinfo(&self, now: UnixTime) -> bool {
        let wanted =
            self.inner.config.registration.as_ref().is_some_and(|registration| registration.userinfo);
        wanted
            && self.inner.metadata.at_hand(now).is_some_and(|metadata| metadata.userinfo_endpoint.is_some())
    }

    /// Where to send the browser so that it is signed out at the provider too; `None` if the provider has no place for it.
    /// `state` comes back to `/logged-out`.
    ///
    /// Its output is an [`Error`] when the provider's metadata is not to be had.
    pub fn logout_url(
        &self,
        id_token: Option<&Secret>,
        state: &str,
        now: UnixTime,
    ) -> Step<Result<Option<url::Url>, Error>> {
        let (this, id_token, state) = (self.clone(), id_token.cloned(), state.to_owned());
        self.metadata(now.saturating_add(PATIENCE), now).and_then(now, move |metadata, _| {
            let url = this.registration().map(|registration| {
                logout::end_session_url(&metadata, registration, id_token.as_ref(), &state)
            });
            Step::Done(url.map_err(Error::from))
        })
    }

    /// Fetches metadata and keys if they are missing or due: for a driver that wants to know at its start.
    ///
    /// Its output is a [`TokenError::KeysUnavailable`] when there are none.
    pub fn renew_keys(&self, now: UnixTime) -> Step<Result<(), TokenError>> {
        self.keys(Need::Held, now.saturating_add(PATIENCE), now).map(now, |keys| keys.map(|_| ()))
    }

    fn metadata(&self, deadline: UnixTime, now: UnixTime) -> Step<Result<Arc<Metadata>, Error>> {
        let inner = &self.inner;
        let load = discovery::load(inner.config.issuer.clone(), inner.config.algorithms.clone());
        inner.metadata.obtain(Need::Held, load, deadline, now).map(now, |metadata| {
            metadata.map_err(|Unavailable { cause, retry_after }| {
                cause.unwrap_or(ProviderError::BackingOff(Purpose::Discovery, retry_after)).into()
            })
        })
    }

    /// The key set, at the address that the metadata gives.
    fn keys(&self, need: Need, deadline: UnixTime, now: UnixTime) -> Step<Result<Arc<KeySet>, TokenError>> {
        let this = self.clone();
        let unavailable = |retry_after| TokenError::KeysUnavailable { retry_after };
        self.metadata(deadline, now).then(now, move |metadata, now| {
            let metadata = match metadata {
                Ok(metadata) => metadata,
                Err(error) => {
                    tracing::warn!(code = error.code(), %error, "no new keys without metadata");
                    let retry_after = error.retry_after().unwrap_or(Duration::from_secs(1));
                    return Step::Done(this.inner.keys.usable(need, now).ok_or(unavailable(retry_after)));
                }
            };
            let load = keys::load(metadata.jwks_uri.to_string(), Arc::clone(&this.inner.backend));
            this.inner.keys.obtain(need, load, deadline, now).map(now, move |keys| {
                keys.map_err(|Unavailable { retry_after, cause }| {
                    if let Some(error) = cause {
                        tracing::warn!(code = error.code(), %error, "no keys");
                    }
                    unavailable(retry_after)
                })
            })
        })
    }
}

/// A token on its way through a verification that may have to wait for keys.
struct Token {
    text: Secret,
    goes_with: Option<Secret>,
    rules: TokenRules,
}

impl Token {
    fn access_token(&self) -> Option<&str> {
        self.goes_with.as_ref().map(Secret::expose)
    }
}

fn left(deadline: UnixTime, now: UnixTime) -> Duration {
    deadline.saturating_since(now).min(PATIENCE)
}

/// Shows the issuer.
impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("issuer", &self.inner.config.issuer.0).finish_non_exhaustive()
    }
}
