//! The kinds of token, and what each must be: ID tokens, access tokens, logout tokens.
//!
//! Every ID token passes this one verifier, wherever it came from.

mod access;
mod id;
mod unverified;

use std::collections::BTreeSet;
use std::time::Duration;

use subtle::ConstantTimeEq;

use crate::danger::Danger;
use crate::error::{ConfigError, Quirk, TokenError};
use crate::issuer::IssuerPolicy;
use crate::jose::{Algorithm, Claims, Compact, KeySet, Registered};
use crate::remember::Lifetime;
use crate::secret::Secret;
use crate::time::UnixTime;

use access::taken_for;
pub(crate) use id::Beside;
use id::IdRules;
pub use unverified::Unverified;

/// How long after its `iat` a logout token is taken
/// ([Back-Channel Logout section 2.6](https://openid.net/specs/openid-connect-backchannel-1_0.html#Validation)).
pub(crate) const LOGOUT_AGE: Duration = Duration::from_secs(120);

/// What tokens of one kind must be. There is none without issuer and audience.
///
/// ```
/// # use oidc_core::{token::TokenRules, time::UnixTime, jose::{KeySet, RustCrypto}};
/// let rules = TokenRules::access("https://issuer.example", "my-api")?;
/// let keys = KeySet::parse(br#"{"keys":[]}"#, &RustCrypto)?;
/// assert!(rules.verify("not.a.token", &keys, UnixTime::from_secs(1_700_000_000)).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct TokenRules {
    kind: Kind,
    issuer: String,
    issuers: IssuerPolicy,
    audiences: Vec<String>,
    /// The claim that names an audience, if not `aud`.
    audience_claim: Option<&'static str>,
    /// Claims of which one must be there.
    marks: Option<&'static [&'static str]>,
    /// Claims that must have these values.
    claims: Vec<(&'static str, String)>,
    algorithms: Vec<Algorithm>,
    leeway: Duration,
    max_token_age: Option<Duration>,
    danger: Danger,
}

#[derive(Debug, Clone)]
enum Kind {
    Id(IdRules),
    Access(BTreeSet<AccessToken>),
    Logout,
}

/// A kind of bearer token that a resource server may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum AccessToken {
    /// `typ` is `at+jwt`, with all that [RFC 9068](https://www.rfc-editor.org/rfc/rfc9068#section-2.2) requires.
    AtJwt,
    /// Any JWT without the marks of an ID token (`nonce`, `at_hash`, `c_hash`) or of a logout token: what many
    /// providers issue.
    Jwt,
    /// An ID token. It is meant for the client, not for an API; some providers offer nothing else.
    IdToken,
}

impl AccessToken {
    /// The name in settings: `at+jwt`, `jwt` or `id_token`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::AtJwt => "at+jwt",
            Self::Jwt => "jwt",
            Self::IdToken => "id_token",
        }
    }

    /// The kind of this exact name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::AtJwt, Self::Jwt, Self::IdToken].into_iter().find(|kind| kind.name() == name)
    }
}

impl TokenRules {
    /// For ID tokens ([OpenID Connect Core section 3.1.3.7](https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation)).
    ///
    /// # Errors
    /// [`ConfigError`] when issuer or client ID is empty.
    pub fn id(issuer: &str, client_id: &str) -> Result<Self, ConfigError> {
        Self::new(Kind::Id(IdRules::default()), issuer, client_id, "client_id")
    }

    /// For access tokens of the kind `at+jwt`; [`Self::accept`] changes the kind.
    ///
    /// # Errors
    /// [`ConfigError`] when issuer or audience is empty.
    pub fn access(issuer: &str, audience: &str) -> Result<Self, ConfigError> {
        Self::new(Kind::Access(BTreeSet::from([AccessToken::AtJwt])), issuer, audience, "audience")
    }

    /// For logout tokens ([Back-Channel Logout section 2.4](https://openid.net/specs/openid-connect-backchannel-1_0.html#LogoutToken)).
    ///
    /// # Errors
    /// [`ConfigError`] when issuer or client ID is empty.
    pub fn logout(issuer: &str, client_id: &str) -> Result<Self, ConfigError> {
        Self::new(Kind::Logout, issuer, client_id, "client_id")
    }

    fn new(kind: Kind, issuer: &str, audience: &str, setting: &'static str) -> Result<Self, ConfigError> {
        for (setting, value) in [("issuer", issuer), (setting, audience)] {
            if value.is_empty() {
                return Err(ConfigError::new(setting, "is empty, and tokens must be checked against it"));
            }
        }
        if issuer.contains(['{', '}']) {
            return Err(ConfigError::new("issuer", "is a template; put the tenant's name in its place"));
        }
        Ok(Self {
            kind,
            issuer: issuer.to_owned(),
            issuers: IssuerPolicy::Exact,
            audiences: vec![audience.to_owned()],
            audience_claim: None,
            marks: None,
            claims: Vec::new(),
            algorithms: vec![Algorithm::Rs256],
            leeway: Duration::from_secs(60),
            max_token_age: None,
            danger: Danger::new(),
        })
    }

    /// The algorithms taken, instead of RS256 alone.
    ///
    /// # Errors
    /// [`ConfigError`] when there is none.
    pub fn algorithms(mut self, algorithms: &[Algorithm]) -> Result<Self, ConfigError> {
        if algorithms.is_empty() {
            return Err(ConfigError::new("algorithms", "is empty, and no token could be accepted"));
        }
        self.algorithms = algorithms.to_vec();
        Ok(self)
    }

    /// How far clocks may be apart, 0..=300 seconds, instead of 60.
    ///
    /// # Errors
    /// [`ConfigError`] when it is more.
    pub fn leeway(mut self, leeway: Duration) -> Result<Self, ConfigError> {
        if leeway > Duration::from_secs(300) {
            return Err(ConfigError::new("leeway", "is over 300 seconds"));
        }
        self.leeway = leeway;
        Ok(self)
    }

    /// How long ago a token may have been issued at most, leeway aside: it must carry `iat`.
    #[must_use]
    pub fn max_token_age(mut self, max_token_age: Duration) -> Self {
        self.max_token_age = Some(max_token_age);
        self
    }

    /// Lifts checks.
    #[must_use]
    pub fn danger(mut self, danger: Danger) -> Self {
        self.danger = danger;
        self
    }

    /// Another audience that is as good as the first (access tokens) or that may stand beside the client (ID tokens).
    #[must_use]
    pub fn also_audience(mut self, audience: &str) -> Self {
        match &mut self.kind {
            Kind::Id(rules) => rules.trusted_audiences.push(audience.to_owned()),
            Kind::Access(_) | Kind::Logout => self.audiences.push(audience.to_owned()),
        }
        self
    }

    /// Whose tokens are taken, where that is not the issuer alone.
    ///
    /// # Errors
    /// [`ConfigError`] when the policy could take more than was meant.
    pub fn issuers(mut self, issuers: IssuerPolicy) -> Result<Self, ConfigError> {
        self.issuers = issuers.checked("issuers")?;
        Ok(self)
    }

    /// The claim, a string, that must be one of the audiences in place of `aud`: for providers whose access tokens name none.
    #[must_use]
    pub fn audience_claim(mut self, claim: &'static str) -> Self {
        self.audience_claim = Some(claim);
        self
    }

    /// Claims of which a token must carry one, unless its `typ` says what it is.
    #[must_use]
    pub fn marks(mut self, claims: &'static [&'static str]) -> Self {
        self.marks = Some(claims);
        self
    }

    /// Claims that a token must carry, and their values, strings.
    #[must_use]
    pub fn claims(mut self, claims: &[(&'static str, String)]) -> Self {
        self.claims.extend_from_slice(claims);
        self
    }

    /// The kinds of access token taken. No effect on other tokens.
    ///
    /// # Errors
    /// [`ConfigError`] when there is none.
    pub fn accept(mut self, kinds: &[AccessToken]) -> Result<Self, ConfigError> {
        if kinds.is_empty() {
            return Err(ConfigError::new("bearer", "is empty, and no token could be accepted"));
        }
        if let Kind::Access(accepted) = &mut self.kind {
            *accepted = kinds.iter().copied().collect();
        }
        Ok(self)
    }

    /// The `nonce` that an ID token must carry.
    #[must_use]
    pub fn nonce(mut self, nonce: &str) -> Self {
        if let Kind::Id(rules) = &mut self.kind {
            rules.nonce = Some(Secret::new(nonce));
        }
        self
    }

    /// The `nonce` that an ID token must carry if it carries one.
    #[must_use]
    pub(crate) fn nonce_if_present(mut self, nonce: &str) -> Self {
        self = self.nonce(nonce);
        if let Kind::Id(rules) = &mut self.kind {
            rules.nonce_may_lack = true;
        }
        self
    }

    /// How long ago the person may have signed in at most: an ID token must carry `auth_time`.
    #[must_use]
    pub fn max_age(mut self, max_age: Duration) -> Self {
        if let Kind::Id(rules) = &mut self.kind {
            rules.max_age = Some(max_age);
        }
        self
    }

    /// The values of `acr` of which an ID token must carry one; any, if none are named.
    #[must_use]
    pub fn essential_acr(mut self, values: &[String]) -> Self {
        if let Kind::Id(rules) = &mut self.kind {
            rules.acr_values = Some(values.to_vec());
        }
        self
    }

    /// Checks a token: its text, its kind, its claims, and last its signature.
    ///
    /// # Errors
    /// [`TokenError`], for the first rule that it breaks.
    pub fn verify(&self, token: &str, keys: &KeySet, now: UnixTime) -> Result<Claims, TokenError> {
        self.verify_with(token, Beside::default(), keys, now)
    }

    /// The same for an ID token that came together with something.
    pub(crate) fn verify_with(
        &self,
        token: &str,
        beside: Beside<'_>,
        keys: &KeySet,
        now: UnixTime,
    ) -> Result<Claims, TokenError> {
        let compact = Compact::parse(token, &self.algorithms, Some(keys))?;
        let claims = self.check(&compact, beside, now)?;
        let tenant = self.issuers.tenant(&claims);
        let key = keys.verify_by(&compact, |issuer| may_sign(issuer, tenant.as_deref()))?;
        let proven = claims.prove()?;
        Ok(proven.into_claims(compact.payload, Some(key)))
    }

    /// Everything but the signature, for the sake of a fetch that a hopeless token must not cause.
    pub(crate) fn inspect(
        &self,
        token: &str,
        beside: Beside<'_>,
        now: UnixTime,
    ) -> Result<Inspected, TokenError> {
        let compact = Compact::parse(token, &self.algorithms, None)?;
        self.check(&compact, beside, now)?;
        Ok(Inspected { names_key: compact.header.kid.is_some() })
    }

    fn check<'a>(
        &self,
        token: &'a Compact<'_>,
        beside: Beside<'_>,
        now: UnixTime,
    ) -> Result<Registered<'a>, TokenError> {
        let claims = Registered::parse(&token.payload)?;
        let kind = self.check_kind(token, &claims)?;
        self.issuers.check(&self.issuer, &claims)?;
        self.check_audience(&claims)?;
        claims.dates.check(self.leeway, now)?;
        self.check_age(claims.dates.iat, now)?;
        for (name, value) in &self.claims {
            let found = claims.text(name)?.ok_or(TokenError::ClaimMissing(name))?;
            (found == *value).then_some(()).ok_or(TokenError::ClaimInvalid(name))?;
        }
        match (&self.kind, kind) {
            (Kind::Id(rules), _) => self.check_id(rules, token, &claims, beside, now)?,
            (Kind::Access(_), kind) => self.check_access(kind, &claims)?,
            (Kind::Logout, _) => self.check_logout(&claims, now)?,
        }
        Ok(claims)
    }

    /// When these rules accept a token that they have accepted: what they say about time, for access tokens.
    pub(crate) fn lifetime(&self, claims: &Claims) -> Lifetime {
        let issued = claims.issued_at();
        let since = issued.into_iter().chain(claims.not_before()).max().unwrap_or_default();
        let expires = claims.expires_at().unwrap_or_default().saturating_add(self.leeway);
        let too_old = self
            .max_token_age
            .zip(issued)
            .map(|(age, issued)| issued.saturating_add(age).saturating_add(self.leeway));
        Lifetime { from: since.saturating_sub(self.leeway), until: too_old.unwrap_or(expires).min(expires) }
    }

    fn check_audience(&self, claims: &Registered<'_>) -> Result<(), TokenError> {
        if let Some(name) = self.audience_claim {
            let named = claims.text(name)?.ok_or(TokenError::ClaimMissing(name))?;
            return if self.is_audience(&named) { Ok(()) } else { Err(TokenError::ClaimInvalid(name)) };
        }
        if claims.aud.iter().any(|aud| self.is_audience(aud)) {
            return Ok(());
        }
        let quirk = Quirk::of_audiences(claims.aud.iter().map(|aud| &**aud));
        Err(quirk.map_or(TokenError::ClaimInvalid("aud"), TokenError::from))
    }

    /// The claim that names an audience.
    pub(crate) fn addressed_by(&self) -> &'static str {
        self.audience_claim.unwrap_or("aud")
    }

    /// Claims that must have these values.
    pub(crate) fn demanded_claims(&self) -> &[(&'static str, String)] {
        &self.claims
    }

    pub(crate) fn is_audience(&self, name: &str) -> bool {
        self.audiences.iter().any(|audience| audience == name)
    }

    fn check_age(&self, iat: Option<UnixTime>, now: UnixTime) -> Result<(), TokenError> {
        let Some(max_age) = self.max_token_age else { return Ok(()) };
        let latest = iat.ok_or(TokenError::ClaimMissing("iat"))?.saturating_add(max_age);
        if now > latest.saturating_add(self.leeway) { Err(TokenError::ClaimInvalid("iat")) } else { Ok(()) }
    }

    /// One kind of token must never pass for another ([RFC 8725 section 3.11](https://www.rfc-editor.org/rfc/rfc8725#section-3.11)).
    /// Of access tokens, the kind that it is taken for.
    fn check_kind(
        &self,
        token: &Compact<'_>,
        claims: &Registered<'_>,
    ) -> Result<Option<AccessToken>, TokenError> {
        let header = &token.header;
        let plain = header.typ.is_none() || header.is_type("jwt");
        let logout = header.is_type("logout+jwt") || claims.has("events");
        match &self.kind {
            Kind::Id(_) if plain && !logout => Ok(None),
            Kind::Logout if plain || header.is_type("logout+jwt") => Ok(None),
            Kind::Access(accepted) if !logout && (plain || header.is_type("at+jwt")) => {
                let id_token = ["nonce", "at_hash", "c_hash"].iter().any(|mark| claims.has(mark));
                let typed = header.is_type("at+jwt");
                let unmarked = self.marks.is_some_and(|marks| !marks.iter().any(|mark| claims.has(mark)));
                let kind = taken_for(accepted, typed, id_token || (unmarked && !typed));
                kind.map(Some).ok_or(TokenError::WrongType)
            }
            Kind::Id(_) | Kind::Access(_) | Kind::Logout => Err(TokenError::WrongType),
        }
    }

    fn check_logout(&self, claims: &Registered<'_>, now: UnixTime) -> Result<(), TokenError> {
        if claims.has("nonce") {
            return Err(TokenError::ClaimInvalid("nonce"));
        }
        let events: serde_json::Map<String, serde_json::Value> =
            claims.get("events")?.ok_or(TokenError::ClaimMissing("events"))?;
        let event = events.get("http://schemas.openid.net/event/backchannel-logout");
        if !event.is_some_and(serde_json::Value::is_object) {
            return Err(TokenError::ClaimInvalid("events"));
        }
        claims.text("jti")?.ok_or(TokenError::ClaimMissing("jti"))?;
        if claims.text("sid")?.is_none() || claims.sub.is_some() {
            claims.subject()?;
        }
        let iat = claims.dates.iat.ok_or(TokenError::ClaimMissing("iat"))?;
        let age = now.saturating_since(iat);
        if age > LOGOUT_AGE.saturating_add(self.leeway) {
            Err(TokenError::ClaimInvalid("iat"))
        } else {
            Ok(())
        }
    }
}

/// Where a provider of many tenants says for which of them a key signs, it signs for that one, or for all.
fn may_sign(issuer: &str, tenant: Option<&str>) -> bool {
    tenant.is_none_or(|tenant| issuer.contains('{') || issuer.split('/').any(|part| part == tenant))
}

/// What is known of a token whose signature is still to be checked.
pub(crate) struct Inspected {
    /// It names its key, so that a wrong signature under a known key is no reason to fetch.
    pub(crate) names_key: bool,
}

/// In constant time for texts of the same length.
pub(crate) fn equal(a: &str, b: &str) -> bool {
    a.as_bytes().ct_eq(b.as_bytes()).into()
}

/// Checks only header and signature, and returns the payload as it stands: nothing is known of its claims, not even that
/// it has any.
///
/// # Errors
/// [`TokenError`] for a malformed token, an algorithm that is not allowed, and a signature that is wrong.
pub fn verify_signature(token: &str, algorithms: &[Algorithm], keys: &KeySet) -> Result<Vec<u8>, TokenError> {
    let compact = Compact::parse(token, algorithms, Some(keys))?;
    keys.verify(&compact)?;
    Ok(compact.payload)
}
