//! What an application demands of those whom it lets in, beyond that they are somebody.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::Identity;
use crate::error::{ConfigError, RequestError};
use crate::login::LoginOptions;
use crate::session::Session;
use crate::time::UnixTime;

/// What an identity must have and be. It is made once, at the start; a clone is cheap. The default demands nothing but an
/// identity.
///
/// ```
/// use std::time::Duration;
/// use oidc_core::guard::Policy;
///
/// let transfers = Policy::builder()
///     .scopes(&["transfer"])
///     .role("/realm_access/roles", "customer")
///     .acr(&["phr", "phrh"])
///     .max_age(Duration::from_secs(300))
///     .build()?;
/// # Ok::<(), oidc_core::error::ConfigError>(())
/// ```
///
/// Who lacks a scope or a role is answered 403, since signing in again would not help. Where the sign-in is too weak or too
/// long ago, a person who is loading a page is sent to sign in anew, and everybody else is answered 401 with a challenge that
/// tells what is missing ([RFC 9470](https://www.rfc-editor.org/rfc/rfc9470#section-3)). It is judged by what the provider has
/// signed, or said at its userinfo endpoint; `Forwarded` and `X-Forwarded-*` headers are never read.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    demands: Arc<Demands>,
}

#[derive(Debug, Clone, Default)]
struct Demands {
    issuers: Vec<String>,
    scopes: Vec<String>,
    roles: Vec<RoleDemand>,
    acr: Vec<String>,
    /// Whole seconds.
    max_age: Option<Duration>,
}

impl Policy {
    /// One that demands nothing yet but an identity.
    pub fn builder() -> PolicyBuilder {
        PolicyBuilder::default()
    }

    /// What cannot be mended by another sign-in comes first.
    pub(super) fn check(
        &self,
        identity: &Identity,
        leeway: Duration,
        now: UnixTime,
    ) -> Result<(), RequestError> {
        let Demands { issuers, scopes, roles, acr, max_age } = &*self.demands;
        if !issuers.is_empty() && !is_one_of(issuers, identity.iss()) {
            return Err(RequestError::OtherIssuer);
        }
        let granted = granted_scopes(identity);
        if !scopes.iter().all(|scope| granted.contains(&scope.as_str())) {
            return Err(RequestError::InsufficientScope(scopes.join(" ")));
        }
        let claims = identity.claims().all();
        if let Some(missing) = roles.iter().find(|role| !role.is_held(claims)) {
            return Err(RequestError::InsufficientRole(missing.any_of.join(" ")));
        }
        let strong = acr.is_empty() || text(claims, "acr").is_some_and(|found| is_one_of(acr, found));
        let recent = max_age.is_none_or(|max_age| is_recent(claims, max_age, leeway, now));
        if strong && recent { Ok(()) } else { Err(self.stronger_sign_in()) }
    }

    /// Both demands, whichever is not met: the next token must meet both.
    fn stronger_sign_in(&self) -> RequestError {
        RequestError::InsufficientAuthentication {
            acr_values: self.acr_values(),
            max_age: self.demands.max_age,
        }
    }

    fn acr_values(&self) -> Option<String> {
        let acr = &self.demands.acr;
        (!acr.is_empty()).then(|| acr.join(" "))
    }

    /// A sign-in whose ID token is taken only if it meets the policy, so that none is followed by another.
    pub(super) fn login_options(&self, return_to: &str) -> LoginOptions {
        let acr = &self.demands.acr;
        let essential = || json!({ "id_token": { "acr": { "essential": true, "values": acr } } });
        LoginOptions {
            return_to: Some(return_to.to_owned()),
            max_age: self.demands.max_age,
            acr_values: self.acr_values(),
            claims: (!acr.is_empty()).then(essential),
            ..LoginOptions::default()
        }
    }
}

/// What was granted to whoever asks, be it by a token or at a sign-in.
fn granted_scopes(identity: &Identity) -> Vec<&str> {
    let at_sign_in = identity.session().and_then(Session::scope).unwrap_or_default();
    at_sign_in.split(' ').chain(identity.claims().scopes()).collect()
}

/// By the same measure as an ID token's.
fn is_recent(claims: &Map<String, Value>, max_age: Duration, leeway: Duration, now: UnixTime) -> bool {
    let Some(Value::Number(number)) = claims.get("auth_time") else { return false };
    UnixTime::from_numeric_date(&number.to_string()).is_some_and(|auth_time| {
        let latest = auth_time.saturating_add(max_age).saturating_add(leeway);
        now <= latest && auth_time <= now.saturating_add(leeway)
    })
}

fn text<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    claims.get(name).and_then(Value::as_str)
}

fn is_one_of(wanted: &[String], found: &str) -> bool {
    wanted.iter().any(|wanted| wanted == found)
}

/// One of these roles, at this place in the claims.
#[derive(Debug, Clone)]
struct RoleDemand {
    /// The reference tokens of a JSON pointer.
    place: Vec<String>,
    any_of: Vec<String>,
}

impl RoleDemand {
    /// A string, an array of strings, or an object whose members are named by the roles. Anything else is no match, and
    /// neither is a member that is `false` or `null`.
    fn is_held(&self, claims: &Map<String, Value>) -> bool {
        match value_at(claims, &self.place) {
            Some(Value::String(role)) => is_one_of(&self.any_of, role),
            Some(Value::Array(roles)) => {
                let held = |role: &Value| role.as_str().is_some_and(|role| is_one_of(&self.any_of, role));
                roles.iter().all(Value::is_string) && roles.iter().any(held)
            }
            Some(Value::Object(roles)) => self
                .any_of
                .iter()
                .any(|role| !matches!(roles.get(role), None | Some(Value::Null | Value::Bool(false)))),
            _ => false,
        }
    }
}

/// [RFC 6901 section 4](https://www.rfc-editor.org/rfc/rfc6901#section-4), but for places inside of arrays, whose order no
/// provider promises.
fn value_at<'a>(claims: &'a Map<String, Value>, place: &[String]) -> Option<&'a Value> {
    let (first, rest) = place.split_first()?;
    rest.iter().try_fold(claims.get(first)?, |value, name| value.as_object()?.get(name))
}

/// [RFC 6901 section 3](https://www.rfc-editor.org/rfc/rfc6901#section-3), but for the empty pointer: the claims as a whole are no
/// roles.
fn parse_pointer(pointer: &str) -> Option<Vec<String>> {
    pointer.strip_prefix('/')?.split('/').map(unescape).collect()
}

fn unescape(token: &str) -> Option<String> {
    let rest_is_fine = |part: &str| part.starts_with(['0', '1']);
    let whole = token.split('~').skip(1).all(rest_is_fine);
    whole.then(|| token.replace("~1", "/").replace("~0", "~"))
}

/// Makes a [`Policy`].
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct PolicyBuilder {
    issuers: Option<Vec<String>>,
    scopes: Vec<String>,
    roles: Vec<(String, Vec<String>)>,
    acr: Option<Vec<String>>,
    max_age: Option<Duration>,
}

impl PolicyBuilder {
    /// One of these issuers, byte by byte as the identity's `iss`: else the answer is 403 `issuer_mismatch`. Where several
    /// providers serve an application, each of them can say what it likes about roles, scopes and `acr`.
    pub fn issuers(mut self, issuers: &[&str]) -> Self {
        self.issuers = Some(owned(issuers));
        self
    }

    /// All of these scopes ([RFC 6749 section 3.3](https://www.rfc-editor.org/rfc/rfc6749#section-3.3)), as
    /// [`Claims::scopes`](crate::Claims::scopes) reads them: else the answer is 403 `insufficient_scope`, which names them.
    pub fn scopes(mut self, scopes: &[&str]) -> Self {
        self.scopes.extend(owned(scopes));
        self
    }

    /// This role: see [`any_role`](Self::any_role).
    pub fn role(self, pointer: &str, role: &str) -> Self {
        self.any_role(pointer, &[role])
    }

    /// One of these roles, at the place in the claims that a JSON pointer names
    /// ([RFC 6901](https://www.rfc-editor.org/rfc/rfc6901)): else the answer is 403 `insufficient_role`. Each call is one more
    /// demand.
    ///
    /// There must be a string, an array of strings, or an object whose members are named by the roles; anything else is no
    /// match, and so is a member that is `false` or `null`. The way there leads through objects only.
    ///
    /// | provider | pointer |
    /// |---|---|
    /// | Keycloak, of the realm | `/realm_access/roles` |
    /// | Keycloak, of a client | `/resource_access/my-client/roles` |
    /// | ZITADEL | `/urn:zitadel:iam:org:project:roles` |
    /// | one that demands a namespace, such as `https://app.example/roles` | `/https:~1~1app.example~1roles` |
    pub fn any_role(mut self, pointer: &str, roles: &[&str]) -> Self {
        self.roles.push((pointer.to_owned(), owned(roles)));
        self
    }

    /// One of these classes of authentication, in order of preference, as the claim `acr`
    /// ([OpenID Connect Core section 2](https://openid.net/specs/openid-connect-core-1_0.html#IDToken)).
    pub fn acr(mut self, values: &[&str]) -> Self {
        self.acr = Some(owned(values));
        self
    }

    /// How long ago the person may have signed in at the provider, as the claim `auth_time` tells: at least 1 second, a
    /// fraction of a second is dropped, and the configured leeway is added.
    pub fn max_age(mut self, max_age: Duration) -> Self {
        self.max_age = Some(max_age);
        self
    }

    /// Checks the demands.
    ///
    /// # Errors
    /// [`ConfigError`] naming the first demand that nobody can meet, or that the protocol cannot tell.
    pub fn build(self) -> Result<Policy, ConfigError> {
        self.demands()
            .map(|demands| Policy { demands: Arc::new(demands) })
            .map_err(|problem| ConfigError::new("policy", problem))
    }

    fn demands(self) -> Result<Demands, String> {
        if self.max_age.is_some_and(|age| age < Duration::from_secs(1)) {
            return Err("max_age must be at least 1 second".to_owned());
        }
        let issuers = self.issuers.map(|issuers| named("issuers", issuers)).transpose()?.unwrap_or_default();
        let acr = self.acr.map(|values| named("acr", values)).transpose()?.unwrap_or_default();
        if let Some(word) = self.scopes.iter().chain(&acr).find(|word| !is_word(word)) {
            return Err(format!("{word:?} must be printable ASCII without spaces, quotes and backslashes"));
        }
        let role_demand = |(pointer, roles): (String, _)| {
            let place = parse_pointer(&pointer).ok_or_else(|| format!("{pointer:?} is no JSON pointer"))?;
            Ok(RoleDemand { place, any_of: named(&format!("role at {pointer:?}"), roles)? })
        };
        let roles = self.roles.into_iter().map(role_demand).collect::<Result<_, String>>()?;
        let max_age = self.max_age.map(|age| Duration::from_secs(age.as_secs()));
        Ok(Demands { issuers, scopes: self.scopes, roles, acr, max_age })
    }
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().copied().map(str::to_owned).collect()
}

fn named(what: &str, values: Vec<String>) -> Result<Vec<String>, String> {
    let fine = !values.is_empty() && values.iter().all(|value| !value.is_empty());
    if fine { Ok(values) } else { Err(format!("{what} must name at least one, and none by an empty text")) }
}

/// What stands in a list that is separated by spaces, and in a header between quotes
/// ([RFC 6749 appendix A.4](https://www.rfc-editor.org/rfc/rfc6749#appendix-A.4)).
fn is_word(word: &str) -> bool {
    !word.is_empty()
        && word.bytes().all(|byte| (0x21..=0x7e).contains(&byte) && !matches!(byte, b'"' | b'\\'))
}
