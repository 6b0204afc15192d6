//! Who is signed in at the provider, and the way of a request through login and consent to a code.

use std::collections::BTreeSet;

use http::StatusCode;
use http::header::SET_COOKIE;
use serde_json::{Map, Value};

use crate::answer::{self, Reply};
use crate::authorize::Pending;
use crate::form::{Ask, Params};
use crate::mint::{Beside, Grant};
use crate::model::DevUser;
use crate::pages::{self, Form};
use crate::provider::DevProvider;
use crate::token::Code;

/// A person signed in at the provider, found by a cookie.
pub(crate) struct Session {
    pub(crate) sub: String,
    pub(crate) sid: String,
    pub(crate) auth_time: u64,
    pub(crate) acr: Option<String>,
    /// Who got a code in this session, and is told when it ends.
    pub(crate) clients: BTreeSet<String>,
}

pub(crate) const COOKIE: &str = "dev_provider_session";

impl DevProvider {
    /// Answers a request if nobody must be asked, else shows the page that asks.
    pub(crate) fn proceed(&mut self, pending: Pending, ask: &Ask, now: u64) -> Reply {
        let signed_in = match self.auto_login.clone() {
            Some(sub) => Some(self.auto_session(&sub, &pending, ask, now)),
            None => self.usable_session(&pending, ask, now),
        };
        match signed_in {
            Some(session) => self.proceed_signed_in(pending, &session, now),
            None if pending.prompts("none") => {
                self.refuse(&pending.return_to, ("login_required", "nobody is signed in"))
            }
            None => self.login_page(pending, StatusCode::OK, None),
        }
    }

    fn proceed_signed_in(&mut self, mut pending: Pending, session: &str, now: u64) -> Reply {
        let agreed = self.auto_login.is_some() || self.has_agreed(&pending, session);
        let reply = if agreed {
            self.issue_code(&pending, session, now)
        } else if pending.prompts("none") {
            self.refuse(&pending.return_to, ("consent_required", "the person has not agreed yet"))
        } else {
            pending.session = Some(session.to_owned());
            self.consent_page(pending)
        };
        self.with_cookie(reply, session)
    }

    /// The browser's session, if it is what the request wants
    /// ([OpenID Connect Core 3.1.2.1](https://openid.net/specs/openid-connect-core-1_0.html#AuthRequest)).
    fn usable_session(&self, pending: &Pending, ask: &Ask, now: u64) -> Option<String> {
        let key = ask.cookie(COOKIE)?;
        let session = self.sessions.get(key)?;
        let usable =
            !pending.prompts("login") && !pending.prompts("select_account") && fresh(session, pending, now);
        usable.then(|| key.to_owned())
    }

    fn auto_session(&mut self, sub: &str, pending: &Pending, ask: &Ask, now: u64) -> String {
        let usable = self.usable_session(pending, ask, now);
        let same = usable.filter(|key| self.sessions.get(key).is_some_and(|session| session.sub == sub));
        same.unwrap_or_else(|| self.sign_in(sub, pending, ask, now))
    }

    /// Signs a person in; who signs in again keeps the session, and only `auth_time` and `acr` change.
    fn sign_in(&mut self, sub: &str, pending: &Pending, ask: &Ask, now: u64) -> String {
        let before = ask.cookie(COOKIE).unwrap_or_default();
        if let Some(session) = self.sessions.get_mut(before).filter(|session| session.sub == sub) {
            session.auth_time = now;
            session.acr.clone_from(&pending.acr);
            return before.to_owned();
        }
        self.sessions.remove(before);
        let (key, sid) = (self.random.token(), self.random.token());
        let (sub, acr) = (sub.to_owned(), pending.acr.clone());
        let session = Session { sub, sid, auth_time: now, acr, clients: BTreeSet::new() };
        self.sessions.insert(key.clone(), session);
        key
    }

    fn login_page(&mut self, pending: Pending, status: StatusCode, complaint: Option<&str>) -> Reply {
        let hint = pending.login_hint.clone();
        let client = pending.return_to.client_id.clone();
        let form = Form { action: self.path("/login"), transaction: self.remember(pending) };
        answer::html(status, pages::login(&self.users, &client, hint.as_deref(), &form, complaint))
    }

    fn consent_page(&mut self, pending: Pending) -> Reply {
        let sub = pending.session.as_deref().and_then(|key| self.sessions.get(key)).map(|s| s.sub.clone());
        let user = sub.and_then(|sub| self.user(&sub).cloned()).unwrap_or_default();
        let (client, scope) = (pending.return_to.client_id.clone(), pending.scope.clone());
        let form = Form { action: self.path("/consent"), transaction: self.remember(pending) };
        answer::html(StatusCode::OK, pages::consent(&user, &client, &scope, &form))
    }

    fn remember(&mut self, pending: Pending) -> String {
        let transaction = self.random.token();
        self.pending.insert(transaction.clone(), pending);
        transaction
    }

    /// The login page's form.
    pub(crate) fn login(&mut self, ask: &Ask, now: u64) -> Reply {
        let Some(pending) = self.recalled(&ask.params) else { return unknown_transaction() };
        let sub = match self.chosen(&ask.params) {
            Ok(sub) => sub,
            Err(complaint) => return self.login_page(pending, StatusCode::BAD_REQUEST, Some(complaint)),
        };
        let session = self.sign_in(&sub, &pending, ask, now);
        self.proceed_signed_in(pending, &session, now)
    }

    /// The consent page's form.
    pub(crate) fn consent(&mut self, ask: &Ask, now: u64) -> Reply {
        let Some(pending) = self.recalled(&ask.params) else { return unknown_transaction() };
        // Only the browser that signed in for this request may agree to it.
        let session = pending.session.clone().filter(|key| ask.cookie(COOKIE) == Some(key));
        let Some(session) = session.filter(|key| self.sessions.get(key).is_some()) else {
            return self.login_page(pending, StatusCode::OK, None);
        };
        self.pending.remove(ask.params.get("transaction").unwrap_or_default());
        if ask.params.get("decision") != Some("allow") {
            return self.refuse(&pending.return_to, ("access_denied", "the person denied the request"));
        }
        self.agree(&pending, &session);
        self.issue_code(&pending, &session, now)
    }

    fn recalled(&self, params: &Params) -> Option<Pending> {
        self.pending.get(params.get("transaction")?).cloned()
    }

    /// Whom the login form names: one of the users, or somebody new with claims of their own.
    fn chosen(&mut self, params: &Params) -> Result<String, &'static str> {
        match params.get("user") {
            Some("custom") => {}
            Some(sub) => return self.user(sub).map(|user| user.sub.clone()).ok_or("There is no such user."),
            None => return Err("Choose somebody."),
        }
        let user = custom_user(params)?;
        let sub = user.sub.clone();
        self.add_user(user);
        Ok(sub)
    }

    fn issue_code(&mut self, pending: &Pending, session: &str, now: u64) -> Reply {
        let Some(session) = self.sessions.get_mut(session) else { return unknown_transaction() };
        session.clients.insert(pending.return_to.client_id.clone());
        let grant = Grant {
            client_id: pending.return_to.client_id.clone(),
            sub: session.sub.clone(),
            scope: pending.scope.clone(),
            nonce: pending.nonce.clone(),
            auth_time: session.auth_time,
            max_age_asked: pending.max_age.is_some(),
            acr: session.acr.clone(),
            sid: session.sid.clone(),
        };
        let code = self.random.token();
        self.codes.insert(code.clone(), Code::new(grant.clone(), pending, now));
        let in_front = self.sends_id_token_in_front(pending.hybrid);
        let id_token = in_front.then(|| self.mint_id_token(&grant, Beside::Code(&code), false, now));
        let mut params = vec![("code", code)];
        params.extend(id_token.map(|id_token| ("id_token", id_token)));
        self.respond(&pending.return_to, params)
    }

    fn has_agreed(&self, pending: &Pending, session: &str) -> bool {
        let Some(session) = self.sessions.get(session) else { return false };
        let agreed = self.consents.get(&(session.sub.clone(), pending.return_to.client_id.clone()));
        let covers = |scopes: &BTreeSet<String>| pending.scope.split(' ').all(|scope| scopes.contains(scope));
        !pending.prompts("consent") && agreed.is_some_and(covers)
    }

    fn agree(&mut self, pending: &Pending, session: &str) {
        let Some(session) = self.sessions.get(session) else { return };
        let agreed =
            self.consents.entry((session.sub.clone(), pending.return_to.client_id.clone())).or_default();
        agreed.extend(pending.scope.split(' ').map(str::to_owned));
    }

    fn with_cookie(&self, reply: Reply, session: &str) -> Reply {
        answer::with(reply, SET_COOKIE, &self.cookie(session, ""))
    }

    pub(crate) fn cookie(&self, value: &str, more: &str) -> String {
        let secure = if self.issuer().starts_with("https:") { "; Secure" } else { "" };
        format!("{COOKIE}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{more}")
    }
}

/// Zero asks for a sign-in even if the last one was in this very second, and so does another class of authentication.
fn fresh(session: &Session, pending: &Pending, now: u64) -> bool {
    let same_class = pending.acr.is_none() || pending.acr == session.acr;
    same_class && pending.max_age.is_none_or(|age| age > 0 && now.saturating_sub(session.auth_time) <= age)
}

fn custom_user(params: &Params) -> Result<DevUser, &'static str> {
    let mut user = DevUser::new(params.get("sub").ok_or("A subject is needed.")?);
    user.claims = match params.get("claims") {
        None => Map::new(),
        Some(text) => serde_json::from_str(text).map_err(|_| "The claims are not a JSON object.")?,
    };
    for name in ["name", "email"] {
        if let Some(value) = params.get(name) {
            user.claims.insert(name.to_owned(), Value::from(value));
        }
    }
    Ok(user)
}

fn unknown_transaction() -> Reply {
    answer::html(
        StatusCode::BAD_REQUEST,
        pages::error("This page is out of date. Go back to the application."),
    )
}
