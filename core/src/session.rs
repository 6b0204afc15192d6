//! What stays after a sign-in.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::config::{Config, SessionSettings};
use crate::error::TokenError;
use crate::jose::json::{MAX_MEMBERS, Object};
use crate::jose::{Claims, base64url};
use crate::secret::Secret;
use crate::time::UnixTime;
use crate::userinfo::Userinfo;

/// Somebody who has signed in.
#[derive(Clone)]
pub struct Session {
    /// The name of the sign-in that it came of: the same in every copy, and after a refresh.
    id: String,
    claims: Claims,
    id_token: Secret,
    scope: Option<String>,
    tokens: Option<Tokens>,
    started: UnixTime,
}

/// The provider's tokens for calls on the person's behalf.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Tokens {
    pub(crate) access_token: Secret,
    pub(crate) refresh_token: Option<Secret>,
    pub(crate) expires_at: Option<UnixTime>,
    /// When to ask for fresh ones.
    pub(crate) refresh_at: Option<UnixTime>,
}

/// What the token endpoint granted.
pub(crate) struct Granted {
    pub(crate) tokens: Tokens,
    pub(crate) scope: Option<String>,
}

/// A session inside its seal. Its field names are short because a cookie is.
#[derive(Serialize, Deserialize)]
struct Record {
    n: String,
    c: Map<String, Value>,
    i: Secret,
    g: Option<String>,
    t: Option<Tokens>,
    s: UnixTime,
}

/// Claims that served the sign-in and say nothing about the person.
const PROTOCOL_CLAIMS: [&str; 4] = ["nonce", "at_hash", "c_hash", "s_hash"];

/// Claims that tell of the sign-in, or by which a sign-out finds it.
const SIGN_IN_CLAIMS: [&str; 5] = ["iat", "auth_time", "acr", "amr", "sid"];

/// Claims without which a session cannot be judged.
const NEEDED_CLAIMS: [&str; 9] = ["iss", "sub", "aud", "exp", "iat", "auth_time", "acr", "amr", "sid"];

/// Claims, and those that say that they are verified: neither goes without the other
/// ([OpenID Connect Core section 5.1](https://openid.net/specs/openid-connect-core-1_0.html#StandardClaims)).
const VERIFIED: [(&str, &str); 2] = [("email", "email_verified"), ("phone_number", "phone_number_verified")];

impl Session {
    /// What the token endpoint answered to the sign-in of this name.
    pub(crate) fn new(id: String, claims: Claims, id_token: Secret, granted: Granted, now: UnixTime) -> Self {
        let Granted { tokens, scope } = granted;
        Self { id, claims, id_token, scope, tokens: Some(tokens), started: now }
    }

    /// The name of the sign-in that it came of.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// What the ID token says, and what userinfo added.
    #[must_use]
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    /// The subject.
    #[must_use]
    pub fn sub(&self) -> &str {
        self.claims.sub().unwrap_or_default()
    }

    /// The ID token as it came, for `id_token_hint`.
    #[must_use]
    pub fn id_token(&self) -> &Secret {
        &self.id_token
    }

    /// The `nonce` of its last ID token, if that had one.
    pub(crate) fn nonce(&self) -> Option<String> {
        let payload = base64url::decode_public(self.id_token.expose().split('.').nth(1)?)?;
        Object::parse(&payload, MAX_MEMBERS).ok()?.get("nonce").ok()?
    }

    /// The access token, opaque to anyone but the server it is for: for calls on the person's behalf. `None` if it has
    /// expired, or the session keeps no tokens (see [`keep_tokens`](crate::config::ConfigBuilder::keep_tokens)). Where the
    /// provider did not say when it ends, it is taken to live.
    ///
    /// A [`Guard`](crate::Guard) refreshes it before it expires, so that a request finds a fresh one.
    #[must_use]
    pub fn access_token(&self, now: UnixTime) -> Option<&Secret> {
        let lives = |tokens: &&Tokens| tokens.expires_at.is_none_or(|end| now < end);
        self.tokens.as_ref().filter(lives).map(|tokens| &tokens.access_token)
    }

    /// The same whatever the clock says: whoever takes it tells best whether it lives.
    pub(crate) fn last_access_token(&self) -> Option<&Secret> {
        self.tokens.as_ref().map(|tokens| &tokens.access_token)
    }

    /// The refresh token, if the provider gave one.
    #[must_use]
    pub fn refresh_token(&self) -> Option<&Secret> {
        self.tokens.as_ref().and_then(|tokens| tokens.refresh_token.as_ref())
    }

    /// When the access token ends, if the provider said so.
    #[must_use]
    pub fn access_token_expires_at(&self) -> Option<UnixTime> {
        self.tokens.as_ref().and_then(|tokens| tokens.expires_at)
    }

    /// The scope that was granted, if the provider said so.
    #[must_use]
    pub fn scope(&self) -> Option<&str> {
        self.scope.as_deref()
    }

    /// Its access token ends soon, and there is a refresh token to get another one with.
    pub(crate) fn is_due(&self, now: UnixTime) -> bool {
        let due = |tokens: &Tokens| tokens.refresh_at.is_some_and(|at| at <= now);
        self.refresh_token().is_some() && self.tokens.as_ref().is_some_and(due)
    }

    /// When the person signed in.
    #[must_use]
    pub fn started(&self) -> UnixTime {
        self.started
    }

    /// Adds what userinfo says; where both speak, the ID token's word stands.
    pub(crate) fn enrich(&mut self, userinfo: &Userinfo) -> Result<(), TokenError> {
        let mut all = userinfo.all().clone();
        for (name, verified) in VERIFIED {
            let (ours, theirs) = (self.claims.all(), userinfo.all());
            let speaks = ours.contains_key(name) || ours.contains_key(verified);
            if speaks && ours.get(name) != theirs.get(name) {
                all.remove(name);
                all.remove(verified);
            }
        }
        // What was granted is told by the token endpoint, and by a claim that nobody edits in a profile.
        for name in ["scope", "scp"] {
            all.remove(name);
        }
        all.extend(self.claims.all().clone());
        self.claims = Claims::proven(all)?;
        Ok(())
    }

    /// With fresh tokens. A provider that sends no new refresh token means the old one to be used again, and one that sends
    /// no scope means the same one ([RFC 6749 section 6](https://www.rfc-editor.org/rfc/rfc6749#section-6)).
    ///
    /// What a new ID token says takes the place of what the last one said, but for what tells of the sign-in: that was once.
    pub(crate) fn refreshed(
        mut self,
        id_token: Option<(Secret, Claims)>,
        granted: Granted,
    ) -> Result<Self, TokenError> {
        let Granted { mut tokens, scope } = granted;
        tokens.refresh_token = tokens.refresh_token.or_else(|| self.refresh_token().cloned());
        self.tokens = Some(tokens);
        self.scope = scope.or(self.scope);
        if let Some((id_token, claims)) = id_token {
            let news = claims.all().iter().filter(|(name, _)| !SIGN_IN_CLAIMS.contains(&name.as_str()));
            let mut all = self.claims.all().clone();
            all.extend(news.map(|(name, value)| (name.clone(), value.clone())));
            self.claims = Claims::proven(all)?;
            self.id_token = id_token;
        }
        Ok(self)
    }

    /// When it ends if nobody uses it from now on: idle or absolute lifetime, whichever is sooner.
    pub(crate) fn expires_at(&self, settings: SessionSettings, now: UnixTime) -> UnixTime {
        now.saturating_add(settings.idle).min(self.started.saturating_add(settings.absolute))
    }

    /// It has been there for as long as any may be, also where more was allowed when it began.
    pub(crate) fn is_over(&self, settings: SessionSettings, now: UnixTime) -> bool {
        now >= self.started.saturating_add(settings.absolute)
    }

    /// What is sealed of it.
    pub(crate) fn to_record(&self, config: &Config) -> Option<Vec<u8>> {
        let mut claims = self.claims.all().clone();
        claims.retain(|name, _| keeps(config, name));
        let tokens = self.tokens.clone().filter(|_| config.session.keep_tokens);
        let record = Record {
            n: self.id.clone(),
            c: claims,
            i: self.id_token.clone(),
            g: self.scope.clone(),
            t: tokens,
            s: self.started,
        };
        serde_json::to_vec(&record).ok()
    }

    /// Out of its seal. `exp` becomes the session's own end: the ID token's only limited the sign-in.
    pub(crate) fn from_record(record: &[u8], expires_at: UnixTime) -> Option<Self> {
        let mut record: Record = serde_json::from_slice(record).ok()?;
        record.c.insert("exp".to_owned(), expires_at.as_secs().into());
        let claims =
            Claims::proven(std::mem::take(&mut record.c)).ok().filter(|claims| claims.sub().is_some())?;
        let Record { n: id, i: id_token, g: scope, t: tokens, s: started, .. } = record;
        Some(Self { id, claims, id_token, scope, tokens, started })
    }
}

fn keeps(config: &Config, name: &str) -> bool {
    let chosen = |names: &Vec<String>| names.iter().any(|chosen| chosen == name);
    let wanted = config.session_claims.as_ref().is_none_or(chosen);
    NEEDED_CLAIMS.contains(&name) || wanted && !PROTOCOL_CLAIMS.contains(&name)
}

/// Shows who, and no token.
impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("claims", &self.claims)
            .field("started", &self.started)
            .finish_non_exhaustive()
    }
}
