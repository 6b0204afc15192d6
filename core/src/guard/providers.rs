//! Several providers behind one guard: which one a person signs in with, whose token or session it is, and at which callback
//! each answers.

use std::collections::HashSet;
use std::sync::Arc;

use super::{Browser, Guard, Incoming};
use crate::cache::KeyStatus;
use crate::client::Client;
use crate::entropy;
use crate::error::{ConfigError, TokenError, UsageError};
use crate::login::LoginState;
use crate::secret::Secret;
use crate::session::Session;
use crate::step::Step;
use crate::time::UnixTime;
use crate::token::Unverified;

/// Chooses a provider by its issuer.
pub(super) type Choice = dyn Fn(&Incoming<'_>) -> Option<String> + Send + Sync;

impl Guard {
    /// A guard for several providers. Bearer tokens are judged by the client whose issuer they name, each by keys of its own;
    /// people sign in with the one that `/login?iss=…` names, that [`choose_by`](Self::choose_by) chooses, or else the first.
    ///
    /// The settings of the server itself are those of the first: cookies and their secrets, lifetimes of sessions, paths,
    /// sockets. Which claims and tokens a session keeps is each client's own setting. Cookies are sealed in the first one's name:
    /// if another one takes its place, people have to sign in again.
    ///
    /// So that no provider can pass an answer off as another's, each has a redirect URI of its own, on the same origin, and an
    /// answer counts only where it was asked to come
    /// ([RFC 9700 section 4.4](https://www.rfc-editor.org/rfc/rfc9700#section-4.4)); where a provider names itself in its answers
    /// ([RFC 9207](https://www.rfc-editor.org/rfc/rfc9207)), that must fit as well.
    ///
    /// # Errors
    /// [`ConfigError`] when there is no client; when two are of the same issuer, take tokens of the same issuer, or have the same
    /// redirect URI; when their origins differ, or some have a session store and others none; or when no cookie secret is
    /// configured and none could be made.
    pub fn several(clients: Vec<Client>) -> Result<Self, ConfigError> {
        let mut clients = clients.into_iter();
        let first =
            clients.next().ok_or(ConfigError::new("issuer", "is required, and there is no provider"))?;
        let others: Vec<Client> = clients.collect();
        let all: Vec<Client> = std::iter::once(&first).chain(&others).cloned().collect();
        check_issuers(&all)?;
        check_redirect_uris(&all)?;
        check_stores(&all)?;
        let wrong = |error: crate::Error| ConfigError::new("cookie_secret", error.to_string());
        let browser = Browser::of(&first, &others).map_err(wrong)?.map(Arc::new);
        let (others, all) = (others.into(), all.into());
        Ok(Self { home: first.clone(), client: first, others, all, choice: None, browser })
    }

    /// Chooses the provider of a person who is to sign in, by its issuer: as by a part of the path. `None` is the first; an
    /// issuer that is none of them is refused. It is asked about whichever request needs it, also `/login` where no `iss` is
    /// given there. All tenants are on one origin, to which the providers send people back.
    #[must_use]
    pub fn choose_by(
        mut self,
        choice: impl Fn(&Incoming<'_>) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        self.choice = Some(Arc::new(choice));
        self
    }

    /// The clients of all providers, the first one first.
    pub fn clients(&self) -> impl Iterator<Item = &Client> {
        std::iter::once(&self.client).chain(self.others.iter())
    }

    /// The same guard with this one provider, by its issuer: for operations that are to be its, such as a sign-in that the
    /// application starts itself. It is not for pages: sessions of the others are nobody's to it.
    #[must_use]
    pub fn only(&self, issuer: &str) -> Option<Self> {
        let client = self.client_called(issuer)?.clone();
        Some(Self { client, others: Arc::default(), ..self.clone() })
    }

    /// The client that a session came by, or the first: which then refuses it.
    #[must_use]
    pub fn client_for(&self, session: &Session) -> &Client {
        self.client_of_session(session).unwrap_or(&self.client)
    }

    /// The client that a sign-in started with, or the first: which then refuses it.
    #[must_use]
    pub fn client_of_sign_in(&self, login: &LoginState) -> &Client {
        self.client_called(login.issuer()).unwrap_or(&self.client)
    }

    /// The one client there is: a token by itself says nothing of who gave it, and is sent to nobody where that could be
    /// somebody else.
    ///
    /// # Errors
    /// [`UsageError::OtherProvider`] where there are [several](Self::several): [`only`](Self::only) names one.
    pub fn only_client(&self) -> Result<&Client, UsageError> {
        if self.others.is_empty() { Ok(&self.client) } else { Err(UsageError::OtherProvider) }
    }

    /// The client that is to judge a bearer token: the first, where none is the issuer's, says why it is refused.
    #[must_use]
    pub fn judge_of(&self, token: &str) -> &Client {
        if self.others.is_empty() {
            return &self.client;
        }
        let said = Unverified::peek(token).ok();
        let ours = |client: &&Client| {
            said.as_ref().is_some_and(|said| client.config().allows_access_token_issuer(said.issuer()))
        };
        self.clients().find(ours).unwrap_or(&self.client)
    }

    /// The same for an ID token or a logout token.
    #[must_use]
    pub fn judge_of_sign_in(&self, token: &str) -> &Client {
        if self.others.is_empty() {
            return &self.client;
        }
        let said = Unverified::peek(token).ok();
        said.and_then(|said| self.client_of(said.issuer())).unwrap_or(&self.client)
    }

    /// See [`Client::renew_keys`]: of all providers, one after the other.
    ///
    /// Its output is the first failure, and when to call again.
    pub fn renew_keys(&self, now: UnixTime) -> Step<(Result<(), TokenError>, UnixTime)> {
        let mut clients: Vec<Client> = self.clients().cloned().collect();
        clients.reverse();
        renew(clients, Ok(()), UnixTime::END, now)
    }

    /// How good the keys at hand are: of several providers, those that are worst.
    #[must_use]
    pub fn key_status(&self, now: UnixTime) -> KeyStatus {
        let of_first = self.client.key_status(now);
        self.others.iter().map(|client| client.key_status(now)).fold(of_first, KeyStatus::worse)
    }

    /// Whoever the person is to sign in with; none, if that is none of the providers.
    pub(super) fn chosen(&self, incoming: &Incoming<'_>) -> Option<&Client> {
        match self.choice.as_ref().and_then(|choice| choice(incoming)) {
            Some(issuer) => self.client_called(&issuer),
            None => Some(&self.client),
        }
    }

    /// The client of the provider that is configured by this issuer.
    pub(super) fn client_called(&self, issuer: &str) -> Option<&Client> {
        self.clients().find(|client| client.config().issuer() == issuer)
    }

    /// The client whose provider issues ID tokens by this name.
    pub(super) fn client_of(&self, iss: &str) -> Option<&Client> {
        self.clients().find(|client| client.config().allows_issuer(iss))
    }

    /// The client that a session came by: none, if its provider is none of ours any more.
    pub(super) fn client_of_session(&self, session: &Session) -> Option<&Client> {
        self.client_of(session.claims().iss())
    }

    /// The client whose callback is at this path.
    pub(super) fn client_at(&self, path: &str) -> Option<&Client> {
        let at = |client: &&Client| {
            client.config().sign_in().is_some_and(|sign_in| sign_in.redirect_uri.path() == path)
        };
        self.clients().find(at)
    }
}

/// The last one first.
fn renew(
    mut clients: Vec<Client>,
    so_far: Result<(), TokenError>,
    next: UnixTime,
    now: UnixTime,
) -> Step<(Result<(), TokenError>, UnixTime)> {
    let Some(client) = clients.pop() else { return Step::Done((so_far, next)) };
    client
        .renew_keys(now)
        .then(now, move |(renewed, again), now| renew(clients, so_far.and(renewed), next.min(again), now))
}

fn check_redirect_uris(clients: &[Client]) -> Result<(), ConfigError> {
    let sign_ins: Vec<_> = clients.iter().filter_map(|client| client.config().sign_in()).collect();
    let wrong = |problem: &str| Err(ConfigError::new("redirect_uri", problem.to_owned()));
    if !sign_ins.is_empty() && sign_ins.len() != clients.len() {
        return wrong("is missing for some of the providers");
    }
    let mut paths = HashSet::new();
    if !sign_ins.iter().all(|sign_in| paths.insert(sign_in.redirect_uri.path())) {
        return wrong("must be another one for each provider, so that none can answer for another");
    }
    let origins: HashSet<String> = sign_ins.iter().map(|sign_in| sign_in.origin()).collect();
    if origins.len() > 1 { wrong("must be on one origin for all providers") } else { Ok(()) }
}

/// A token, or a session, must be of one provider's alone: what it holds is told to no other.
fn check_issuers(clients: &[Client]) -> Result<(), ConfigError> {
    let mut issuers = HashSet::new();
    if let Some(twice) = clients.iter().find(|client| !issuers.insert(client.config().issuer())) {
        let problem = format!("stands twice among the providers: {:?}", twice.config().issuer());
        return Err(ConfigError::new("issuer", problem));
    }
    let shares = |one: &Client| {
        let mut others = clients.iter().filter(|other| other.config().issuer() != one.config().issuer());
        others.find(|other| one.config().shares_issuer_with(other.config()))
    };
    match clients.iter().find_map(|one| shares(one).map(|other| [one, other])) {
        Some(pair) => {
            let [one, other] = pair.map(|client| client.config().issuer());
            let problem = format!("{one:?} and {other:?} take tokens of the same issuer");
            Err(ConfigError::new("issuer", problem))
        }
        None => Ok(()),
    }
}

/// What is used up at one provider's client must be known to all processes if it is at another's.
fn check_stores(clients: &[Client]) -> Result<(), ConfigError> {
    let with_store = clients.iter().filter(|client| client.config().session.has_store).count();
    if with_store == 0 || with_store == clients.len() {
        return Ok(());
    }
    Err(ConfigError::new("session_store", "must be the same for all providers"))
}

impl Browser {
    /// What seals cookies.
    pub(super) fn secrets(client: &Client) -> Result<Vec<Secret>, crate::Error> {
        let config = client.config();
        if config.has_random_cookie_secret() {
            return Ok(vec![Secret::new(entropy::token(client.entropy())?)]);
        }
        Ok(config.cookie_secrets.clone())
    }
}
