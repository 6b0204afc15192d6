//! The client: one method for each operation of the protocol.

mod ended;
mod judge;
mod service;
mod sign_in;
pub(crate) mod store;
mod tokens;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;

use crate::cache::shared::Shared;
use crate::cache::{Cached, Freshness, Jitter, KeyStatus, Need};
use crate::config::{Config, Registration, SignIn};
use crate::discovery::Metadata;
use crate::entropy::EntropySource;
use crate::error::{Error, ProviderError, TokenError, UsageError};
use crate::exchange::{Asker, Sent, TokenResponse};
use crate::jose::{Claims, KeySet, Verifier};
use crate::login::short_hash;
use crate::logout::EndSession;
use crate::once::UsedOnce;
use crate::remember::Remembered;
use crate::revoked::Revoked;
use crate::secret::Secret;
use crate::service::ServiceToken;
use crate::session::Session;
use crate::step::{Fetch, FetchError, FetchResult, Purpose, Step};
use crate::time::UnixTime;
use crate::turns::Turns;
use crate::userinfo::{self, Userinfo};

use judge::Judgement;
use store::consume;

/// How long any flow may take, and how long one may that finishes a sign-in.
const PATIENCE: Duration = Duration::from_secs(5);
pub(crate) const SIGN_IN_PATIENCE: Duration = Duration::from_secs(10);

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
    static_keys: Option<Arc<KeySet>>,
    used_logins: Mutex<UsedOnce>,
    used_tokens: Mutex<UsedOnce>,
    used_logouts: Mutex<UsedOnce>,
    revoked: Mutex<Revoked>,
    remembered: Option<Remembered>,
    service_tokens: Turns<ServiceToken>,
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
        config.danger.warn();
        config.profile.warn();
        let parse =
            |keys: &Secret| KeySet::parse_with(keys.expose().as_bytes(), &*backend, &config.danger).ok();
        let static_keys = config.static_keys.as_ref().and_then(parse);
        let metadata =
            Shared::new(Cached::empty(Purpose::Discovery.name(), config.lifetimes, jitter(&*entropy)));
        let keys = Shared::new(Cached::empty(Purpose::Keys.name(), config.lifetimes, jitter(&*entropy)));
        let static_keys = static_keys.map(Arc::new);
        let (used_logins, used_tokens, used_logouts, revoked) = Default::default();
        let remembered = config.remember.map(|limits| Remembered::new(limits, seed(&*entropy)));
        let inner = Inner {
            config,
            entropy,
            backend,
            metadata,
            keys,
            static_keys,
            used_logins,
            used_tokens,
            used_logouts,
            revoked,
            remembered,
            service_tokens: Turns::new(service::TURN),
        };
        Self { inner: Arc::new(inner) }
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

    /// A session's tokens are for nobody but the provider that gave them.
    fn check_session(&self, session: &Session) -> Result<(), UsageError> {
        let ours = self.inner.config.allows_issuer(session.claims().iss());
        if ours { Ok(()) } else { Err(UsageError::OtherProvider) }
    }

    /// How people sign in here, if they do.
    fn sign_in(&self) -> Result<(&Registration, &SignIn), UsageError> {
        let registration = self.registration()?;
        Ok((registration, registration.sign_in.as_ref().ok_or(UsageError::NoClient)?))
    }

    /// This client, as it asks at the provider's endpoints.
    fn asker<'a>(&'a self, metadata: &'a Metadata, now: UnixTime) -> Result<Asker<'a>, Error> {
        let (config, registration, entropy) = (&self.inner.config, self.registration()?, self.entropy());
        Ok(Asker { config, registration, metadata, entropy, now })
    }

    /// How good the keys at hand are, since when, and why.
    #[must_use]
    pub fn key_status(&self, now: UnixTime) -> KeyStatus {
        match &self.inner.static_keys {
            Some(_) => KeyStatus { freshness: Freshness::Fresh, since: None, reason: None },
            None => self.inner.keys.status(now),
        }
    }

    /// Where tokens are good for one request, that this is the first one with this `jti`
    /// ([RFC 7519 section 4.1.7](https://www.rfc-editor.org/rfc/rfc7519#section-4.1.7)). What cannot be remembered is refused.
    pub(crate) fn use_token(&self, claims: Claims, now: UnixTime) -> Step<Result<Claims, Error>> {
        if !self.inner.config.single_use_tokens {
            return Step::Done(Ok(claims));
        }
        let jti = match claims.all().get("jti") {
            Some(Value::String(jti)) if !jti.is_empty() => jti,
            Some(_) => return Step::Done(Err(TokenError::ClaimInvalid("jti").into())),
            None => return Step::Done(Err(TokenError::ClaimMissing("jti").into())),
        };
        let until = claims.expires_at().unwrap_or(UnixTime::END).saturating_add(self.inner.config.leeway);
        let (id, used_up) =
            (short_hash(&format!("{}\n{jti}", claims.iss())), Error::from(TokenError::ClaimInvalid("jti")));
        if self.inner.config.session.has_store {
            let first = consume(format!("token:{id}"), until, used_up);
            return first.map(now, move |first| first.map(|()| claims));
        }
        let mut used = self.inner.used_tokens.lock().unwrap_or_else(PoisonError::into_inner);
        Step::Done(if used.is_full(now) {
            Err(Error::Store)
        } else if used.consume(id, until, now) {
            Ok(claims)
        } else {
            Err(used_up)
        })
    }

    /// Asks the provider who this is.
    ///
    /// Its output is an [`Error`] when there is no such endpoint, no access token, or the answer is of another subject.
    pub fn userinfo(&self, session: &Session, now: UnixTime) -> Step<Result<Userinfo, Error>> {
        self.userinfo_by(session, now.saturating_add(PATIENCE), now)
    }

    /// The same as a part of a longer flow.
    pub(crate) fn userinfo_by(
        &self,
        session: &Session,
        deadline: UnixTime,
        now: UnixTime,
    ) -> Step<Result<Userinfo, Error>> {
        if let Err(error) = self.check_session(session) {
            return Step::Done(Err(error.into()));
        }
        let (this, subject) = (self.clone(), session.sub().to_owned());
        let access_token = session.last_access_token().cloned();
        self.metadata(deadline, now).and_then(now, move |metadata, now| {
            let timeout = left(Purpose::Userinfo, deadline, now);
            let fetch = metadata.userinfo_endpoint.required().and_then(|endpoint| {
                let access_token = access_token.ok_or(UsageError::NoAccessToken)?;
                userinfo::request(endpoint.as_str(), &access_token, timeout?)
                    .ok_or(UsageError::NoAccessToken.into())
            });
            exchange(fetch, userinfo::Answer::parse, move |answer, now| {
                this.accept_userinfo(answer, subject, deadline, now)
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
                let judge = move |keys: &KeySet, _| {
                    crate::token::verify_signature(token.trim_end(), &algorithms, keys)
                };
                self.judge(Judgement { arrived: now, deadline, names_key: false, judge }, None, now)
            }
        };
        let this = self.clone();
        payload.then(now, move |payload, _| {
            let payload = payload.map_err(ProviderError::UserinfoToken);
            let accepted = payload.map_err(Error::from).and_then(|payload| {
                let client_id = &this.registration()?.client_id;
                userinfo::accept(&payload, &subject, &this.inner.config, client_id).map_err(Error::from)
            });
            Step::Done(accepted)
        })
    }

    /// Whether the provider has a userinfo endpoint, as far as its metadata is at hand.
    pub(crate) fn has_userinfo(&self, now: UnixTime) -> bool {
        let wanted = self.inner.config.sign_in().is_some_and(|sign_in| sign_in.userinfo);
        let metadata = self.inner.metadata.usable(Need::Held, now);
        wanted && metadata.is_some_and(|metadata| metadata.document.userinfo_endpoint.is_there())
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
        self.end_session(id_token, state, now).map(now, |request| Ok(request?.as_ref().map(EndSession::url)))
    }

    /// The same as parts.
    pub(crate) fn end_session(
        &self,
        id_token: Option<&Secret>,
        state: &str,
        now: UnixTime,
    ) -> Step<Result<Option<EndSession>, Error>> {
        let (this, id_token, state) = (self.clone(), id_token.cloned(), state.to_owned());
        self.metadata(now.saturating_add(PATIENCE), now).and_then(now, move |metadata, _| {
            let request = this.sign_in().map_err(Error::from).and_then(|(registration, sign_in)| {
                let config = &this.inner.config;
                EndSession::new(&metadata, config, registration, sign_in, id_token.as_ref(), &state)
            });
            Step::Done(request)
        })
    }
}

/// A token request, its answer taken apart, and what follows.
fn redeemed<R: Send + 'static>(
    request: Result<(Fetch, Sent), Error>,
    next: impl FnOnce(TokenResponse, UnixTime) -> Step<Result<R, Error>> + Send + 'static,
) -> Step<Result<R, Error>> {
    requested(request, TokenResponse::parse, next)
}

/// A request by which the client has proven who it is, its answer taken apart, and what follows.
fn requested<A: Send + 'static, R: Send + 'static>(
    request: Result<(Fetch, Sent), Error>,
    parse: impl FnOnce(FetchResult, &Sent) -> Result<A, ProviderError> + Send + 'static,
    next: impl FnOnce(A, UnixTime) -> Step<Result<R, Error>> + Send + 'static,
) -> Step<Result<R, Error>> {
    match request {
        Err(error) => Step::Done(Err(error)),
        Ok((fetch, sent)) => exchange(Ok(fetch), move |result| parse(result, &sent), next),
    }
}

/// A fetch of one flow, its answer taken apart, and what follows.
fn exchange<A, R>(
    fetch: Result<Fetch, Error>,
    parse: impl FnOnce(FetchResult) -> Result<A, ProviderError> + Send + 'static,
    next: impl FnOnce(A, UnixTime) -> Step<Result<R, Error>> + Send + 'static,
) -> Step<Result<R, Error>>
where
    A: Send + 'static,
    R: Send + 'static,
{
    match fetch {
        Err(error) => Step::Done(Err(error)),
        Ok(fetch) => Step::fetch(fetch, move |result, now| match parse(result) {
            Ok(answer) => next(answer, now),
            Err(error) => Step::Done(Err(error.into())),
        }),
    }
}

/// What is left of a flow's time for one more exchange; an exchange without time is not started.
fn left(purpose: Purpose, deadline: UnixTime, now: UnixTime) -> Result<Duration, ProviderError> {
    let left = deadline.saturating_since(now).min(PATIENCE);
    if left.is_zero() { Err(ProviderError::Fetch(purpose, FetchError::Timeout)) } else { Ok(left) }
}

/// Without entropy all instances keep the same time, which is no reason not to start.
fn jitter(entropy: &dyn EntropySource) -> Jitter {
    Jitter::new(seed(entropy))
}

/// Zero without entropy.
fn seed(entropy: &dyn EntropySource) -> u64 {
    let mut seed = [0; 8];
    let _ = entropy.fill(&mut seed);
    u64::from_be_bytes(seed)
}

/// Shows the issuer.
impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("issuer", &self.inner.config.issuer.0).finish_non_exhaustive()
    }
}
