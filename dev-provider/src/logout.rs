//! The end of a session: asked for by a client, and told to all the others.

use http::StatusCode;
use http::header::SET_COOKIE;
use serde_json::{Value, json};

use crate::answer::{self, Reply};
use crate::fault::EVENT;
use crate::form::{Ask, Params, with_query};
use crate::keys::Opened;
use crate::login::{COOKIE, Session};
use crate::pages::{self, Form};
use crate::provider::DevProvider;

/// A request that tells a client of a session's end: a POST of the form field `logout_token` to `uri`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackChannelCall {
    /// The client's `back_channel_logout_uri`.
    pub uri: String,
    /// The logout token, a signed JWT.
    pub logout_token: String,
}

/// A sign-out that the person has not confirmed yet.
#[derive(Clone)]
pub(crate) struct SignOut {
    client_id: Option<String>,
    return_to: Option<String>,
    /// The session the hint names.
    sid: Option<String>,
}

impl DevProvider {
    /// What to send to a client when this person's sessions, or this one session, end; they end here, too.
    ///
    /// Without a `sub` the logout token names the session only, and the other way round. A client that registered no
    /// `back_channel_logout_uri` is not called. `now` is in Unix seconds.
    pub fn back_channel_logout(
        &mut self,
        sub: Option<&str>,
        sid: Option<&str>,
        client_id: &str,
        now: u64,
    ) -> Vec<BackChannelCall> {
        self.sessions
            .retain(|session| !(sid == Some(&session.sid) || sid.is_none() && sub == Some(&session.sub)));
        self.back_channel_call(sub, sid, client_id, now).into_iter().collect()
    }

    /// Takes the calls that are due since people signed out at the end-session endpoint. A running server sends them.
    pub fn take_back_channel_calls(&mut self) -> Vec<BackChannelCall> {
        std::mem::take(&mut self.due_calls)
    }

    /// [RP-Initiated Logout 1.0](https://openid.net/specs/openid-connect-rpinitiated-1_0.html#RPLogout)
    pub(crate) fn end_session(&mut self, ask: &Ask, now: u64) -> Reply {
        let hint = ask.params.get("id_token_hint").and_then(|token| self.own_id_token(token));
        let sign_out = match self.sign_out(&ask.params, hint.as_ref()) {
            Ok(sign_out) => sign_out,
            Err(reason) => return answer::html(StatusCode::BAD_REQUEST, pages::error(reason)),
        };
        let session = ask.cookie(COOKIE).and_then(|key| self.sessions.get(key));
        // Somebody else's hint proves nothing about who sits here.
        let fits = |hint: &Opened| session.is_none_or(|session| hint.text("sub") == Some(&session.sub));
        if hint.as_ref().is_some_and(fits) {
            return self.sign_out_now(&sign_out, ask, now);
        }
        self.confirmation_page(SignOut { sid: None, ..sign_out })
    }

    fn confirmation_page(&mut self, sign_out: SignOut) -> Reply {
        let form = Form { action: self.path("/end-session/confirm"), transaction: self.random.token() };
        let page = pages::confirm_logout(sign_out.client_id.as_deref(), &form);
        self.sign_outs.insert(form.transaction, sign_out);
        answer::html(StatusCode::OK, page)
    }

    /// The confirmation page's form.
    pub(crate) fn confirm_end_session(&mut self, ask: &Ask, now: u64) -> Reply {
        let transaction = ask.params.get("transaction").unwrap_or_default();
        match self.sign_outs.remove(transaction) {
            Some(sign_out) => self.sign_out_now(&sign_out, ask, now),
            None => answer::html(StatusCode::BAD_REQUEST, pages::error("This page is out of date.")),
        }
    }

    fn sign_out(&self, params: &Params, hint: Option<&Opened>) -> Result<SignOut, &'static str> {
        if params.repeated().is_some() {
            return Err("A parameter is repeated.");
        }
        let hinted = hint.and_then(|hint| hint.text("aud"));
        let client_id = params.get("client_id").or(hinted);
        if hinted.is_some() && hinted != client_id {
            return Err("The client_id is not the one the id_token_hint was issued to.");
        }
        Ok(SignOut {
            client_id: client_id.map(str::to_owned),
            return_to: self.after_logout(params, client_id)?,
            sid: hint.and_then(|hint| hint.text("sid")).map(str::to_owned),
        })
    }

    fn after_logout(&self, params: &Params, client_id: Option<&str>) -> Result<Option<String>, &'static str> {
        let Some(uri) = params.get("post_logout_redirect_uri") else { return Ok(None) };
        let client = client_id.and_then(|id| self.client(id));
        let client =
            client.ok_or("A post_logout_redirect_uri needs an id_token_hint or a known client_id.")?;
        if !client.allows_after_logout(uri) {
            return Err("This post_logout_redirect_uri is not registered for the client.");
        }
        let state = params.get("state").and_then(|state| self.state_after_logout(state));
        let state = state.map(|state| ("state", state));
        Ok(Some(with_query(uri, state.as_slice())))
    }

    fn sign_out_now(&mut self, sign_out: &SignOut, ask: &Ask, now: u64) -> Reply {
        let here = ask.cookie(COOKIE).and_then(|key| self.sessions.remove(key));
        let hinted =
            self.sessions.find(|session| sign_out.sid.as_ref() == Some(&session.sid)).map(str::to_owned);
        let hinted = hinted.and_then(|key| self.sessions.remove(&key));
        let mut frames = Vec::new();
        for session in here.iter().chain(&hinted) {
            frames.extend(self.tell_clients(session, now));
        }
        let reply = match &sign_out.return_to {
            Some(uri) if frames.is_empty() => answer::redirect(uri),
            next => answer::html(StatusCode::OK, pages::signed_out(&frames, next.as_deref())),
        };
        answer::with(reply, SET_COOKIE, &self.cookie("", "; Max-Age=0"))
    }

    /// Queues the back-channel calls of an ended session and gives the URIs that its browser is to load.
    fn tell_clients(&mut self, session: &Session, now: u64) -> Vec<String> {
        let mut frames = Vec::new();
        for client_id in &session.clients {
            let call = self.back_channel_call(Some(&session.sub), Some(&session.sid), client_id, now);
            self.due_calls.extend(call);
            frames.extend(self.front_channel_uri(client_id, &session.sid));
        }
        self.due_calls.truncate(MAX_DUE_CALLS);
        frames
    }

    fn front_channel_uri(&self, client_id: &str, sid: &str) -> Option<String> {
        let uri = self.client(client_id)?.front_channel_logout_uri.as_deref()?;
        Some(with_query(uri, &[("iss", self.issuer().to_owned()), ("sid", sid.to_owned())]))
    }

    fn back_channel_call(
        &mut self,
        sub: Option<&str>,
        sid: Option<&str>,
        client_id: &str,
        now: u64,
    ) -> Option<BackChannelCall> {
        let uri = self.client(client_id)?.back_channel_logout_uri.clone()?;
        Some(BackChannelCall { uri, logout_token: self.logout_token(sub, sid, client_id, now) })
    }

    /// [Back-Channel Logout 1.0, 2.4](https://openid.net/specs/openid-connect-backchannel-1_0.html#LogoutToken)
    pub(crate) fn logout_token(
        &mut self,
        sub: Option<&str>,
        sid: Option<&str>,
        client_id: &str,
        now: u64,
    ) -> String {
        let mut claims = json!({
            "iss": self.issuer(),
            "aud": client_id,
            "iat": now,
            "exp": now.saturating_add(LOGOUT_TOKEN_LIFETIME),
            "jti": self.random.token(),
            "events": { EVENT: {} },
        });
        for (name, value) in [("sub", sub), ("sid", sid)] {
            if let Some(value) = value {
                claims[name] = value.into();
            }
        }
        let claims = claims.as_object().cloned().unwrap_or_default();
        self.sign_logout_token(claims, now)
    }

    /// An ID token of this provider; it may have expired.
    fn own_id_token(&self, token: &str) -> Option<Opened> {
        let token = Opened::from_token(token)?;
        let typ = token.header.get("typ").and_then(Value::as_str);
        let is_id_token = typ.is_none_or(|typ| typ.eq_ignore_ascii_case("JWT"));
        (is_id_token && token.text("iss") == Some(self.issuer())).then_some(token)
    }
}

const LOGOUT_TOKEN_LIFETIME: u64 = 120;
const MAX_DUE_CALLS: usize = 1_000;
