//! What is peculiar to a provider, as data: a [`ProviderProfile`] is a value, and no branch of the protocol knows a
//! provider's name.
//!
//! A provider that keeps to the standards needs none. For others there are [presets](ProviderProfile::presets),
//! and every field can be set by itself:
//!
//! ```
//! use oidc_core::{Config, Secret};
//! use oidc_core::profile::ProviderProfile;
//!
//! let config = Config::builder("https://accounts.google.com", "client", "https://app.example/callback")
//!     .client_secret(Secret::new("secret"))
//!     .profile(ProviderProfile::google())
//!     .build()?;
//! # Ok::<(), oidc_core::error::ConfigError>(())
//! ```

mod presets;

use std::borrow::Cow;

use crate::client_auth::{AssertionAudience, ClientAuth};
use crate::config::ResponseMode;
use crate::error::ConfigError;
use crate::secret::Secret;
use crate::token::AccessToken;

pub use crate::issuer::IssuerPolicy;

/// What is peculiar to a provider. Settings of the [builder](crate::config::ConfigBuilder) go before its own.
#[derive(Debug, Clone)]
pub struct ProviderProfile {
    pub(crate) name: &'static str,
    pub(crate) tested: Tested,
    pub(crate) metadata_url: Option<String>,
    pub(crate) metadata_issuer: Option<String>,
    pub(crate) issuers: IssuerPolicy,
    pub(crate) access_token_issuers: Option<IssuerPolicy>,
    pub(crate) bearer: Option<Vec<AccessToken>>,
    pub(crate) audience_claim: Option<&'static str>,
    pub(crate) access_token_claims: Vec<(&'static str, String)>,
    pub(crate) access_token_marks: Option<&'static [&'static str]>,
    pub(crate) nonce: NoncePolicy,
    pub(crate) pkce: bool,
    pub(crate) client_auth: Option<ClientAuth>,
    pub(crate) assertion_audience: AssertionAudience,
    pub(crate) authorize_parameters: Vec<(String, String)>,
    pub(crate) token_parameters: Vec<(String, Secret)>,
    pub(crate) endpoints: Vec<(Endpoint, String)>,
    pub(crate) scopes: Option<&'static str>,
    pub(crate) response_mode: Option<ResponseMode>,
    pub(crate) userinfo: bool,
    pub(crate) logout: Logout,
    pub(crate) lenient_booleans: bool,
}

/// How far a preset was tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Tested {
    /// People have signed in and out with this implementation, in a browser, by the end-to-end tests.
    EndToEnd,
    /// Against documents and tokens of the shapes that this provider documents, or that others have reported; never with
    /// the provider itself.
    Fixtures,
    /// Yours.
    Own,
}

impl Tested {
    /// In a word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::EndToEnd => "end to end",
            Self::Fixtures => "fixtures",
            Self::Own => "own",
        }
    }
}

/// Whether a sign-in sends a `nonce`, and what of the ID token's
/// ([OpenID Connect Core section 3.1.3.7](https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation), rule 11).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoncePolicy {
    /// The ID token must carry the one that was sent.
    Required,
    /// It must be the one that was sent, if it is there: for providers that forget it. PKCE then is what holds an ID token
    /// to its sign-in.
    IfPresent,
    /// None is sent, and none looked at.
    Off,
}

impl NoncePolicy {
    pub(crate) fn sends_one(self) -> bool {
        !matches!(self, Self::Off)
    }

    fn demands_it(self) -> bool {
        matches!(self, Self::Required)
    }
}

/// An address of the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Endpoint {
    /// `authorization_endpoint`
    Authorization,
    /// `token_endpoint`
    Token,
    /// `userinfo_endpoint`
    Userinfo,
    /// `jwks_uri`
    Keys,
    /// `end_session_endpoint`
    EndSession,
    /// `revocation_endpoint`
    Revocation,
    /// `introspection_endpoint`
    Introspection,
    /// `pushed_authorization_request_endpoint`
    PushedAuthorization,
}

impl Endpoint {
    /// The name of the metadata member.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Authorization => "authorization_endpoint",
            Self::Token => "token_endpoint",
            Self::Userinfo => "userinfo_endpoint",
            Self::Keys => "jwks_uri",
            Self::EndSession => "end_session_endpoint",
            Self::Revocation => "revocation_endpoint",
            Self::Introspection => "introspection_endpoint",
            Self::PushedAuthorization => "pushed_authorization_request_endpoint",
        }
    }
}

/// Where a sign-out here sends the browser, so that it is signed out at the provider too.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Logout {
    /// To the provider's end-session endpoint, if it has one
    /// ([RP-Initiated Logout](https://openid.net/specs/openid-connect-rpinitiated-1_0.html)).
    RpInitiated,
    /// Nowhere: the session ends here alone.
    Local,
    /// To an address of the provider's own making.
    Address {
        /// The address.
        url: String,
        /// What it calls the client's id.
        client_id_parameter: &'static str,
        /// What it calls the address to come back to, which is `/logged-out` here.
        return_to_parameter: &'static str,
    },
}

impl ProviderProfile {
    /// A provider that keeps to the standards. `name` is for logs.
    #[must_use]
    pub const fn standard(name: &'static str) -> Self {
        Self {
            name,
            tested: Tested::Own,
            metadata_url: None,
            metadata_issuer: None,
            issuers: IssuerPolicy::Exact,
            access_token_issuers: None,
            bearer: None,
            audience_claim: None,
            access_token_claims: Vec::new(),
            access_token_marks: None,
            nonce: NoncePolicy::Required,
            pkce: true,
            client_auth: None,
            assertion_audience: AssertionAudience::Issuer,
            authorize_parameters: Vec::new(),
            token_parameters: Vec::new(),
            endpoints: Vec::new(),
            scopes: None,
            response_mode: None,
            userinfo: true,
            logout: Logout::RpInitiated,
            lenient_booleans: false,
        }
    }

    /// What it is called in logs.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// How far it was tested.
    #[must_use]
    pub fn tested(&self) -> Tested {
        self.tested
    }

    /// Where the metadata is, if not at `/.well-known/openid-configuration` below the issuer.
    #[must_use]
    pub fn metadata_url(mut self, url: &str) -> Self {
        self.metadata_url = Some(url.to_owned());
        self
    }

    /// What the metadata calls its issuer, byte by byte, if not by the configured one's name: a template, where it speaks for
    /// many tenants.
    #[must_use]
    pub fn metadata_issuer(mut self, issuer: &str) -> Self {
        self.metadata_issuer = Some(issuer.to_owned());
        self
    }

    /// Whose ID tokens and logout tokens are taken, and access tokens unless others are named. Default: the configured
    /// issuer's.
    #[must_use]
    pub fn issuers(mut self, issuers: IssuerPolicy) -> Self {
        self.issuers = issuers;
        self
    }

    /// Whose access tokens are taken. They are compared and never fetched from, so that one may be http.
    #[must_use]
    pub fn access_token_issuers(mut self, issuers: IssuerPolicy) -> Self {
        self.access_token_issuers = Some(issuers);
        self
    }

    /// The kinds of bearer token taken, if not `at+jwt`.
    #[must_use]
    pub fn bearer(mut self, kinds: &[AccessToken]) -> Self {
        self.bearer = Some(kinds.to_vec());
        self
    }

    /// The claim that says for whom an access token is, a string, where a provider has no use for `aud`: such as `client_id`
    /// or `azp`. Its value must be one of the audiences.
    #[must_use]
    pub fn audience_claim(mut self, claim: &'static str) -> Self {
        self.audience_claim = Some(claim);
        self
    }

    /// A claim that an access token must carry, and its value, a string. Each call is one more.
    #[must_use]
    pub fn access_token_claim(mut self, claim: &'static str, value: &str) -> Self {
        self.access_token_claims.push((claim, value.to_owned()));
        self
    }

    /// Claims of which an access token must carry one, and that no ID token of this provider has: so that an ID token never
    /// passes for an access token which is not marked as one by its `typ`.
    #[must_use]
    pub fn access_token_marks(mut self, claims: &'static [&'static str]) -> Self {
        self.access_token_marks = Some(claims);
        self
    }

    /// Whether a `nonce` is sent and demanded. Whatever is not [`NoncePolicy::Required`] is logged as a warning.
    #[must_use]
    pub fn nonce(mut self, nonce: NoncePolicy) -> Self {
        self.nonce = nonce;
        self
    }

    /// Whether PKCE is used ([RFC 7636](https://www.rfc-editor.org/rfc/rfc7636)). Without it a stolen code is worth more:
    /// that is logged as a warning, and refused together with a `nonce` that is off.
    #[must_use]
    pub fn pkce(mut self, pkce: bool) -> Self {
        self.pkce = pkce;
        self
    }

    /// How a client with a secret authenticates, if not by basic.
    #[must_use]
    pub fn client_auth(mut self, client_auth: ClientAuth) -> Self {
        self.client_auth = Some(client_auth);
        self
    }

    /// To whom the client's assertions are addressed. Default: the issuer.
    #[must_use]
    pub fn assertion_audience(mut self, audience: AssertionAudience) -> Self {
        self.assertion_audience = audience;
        self
    }

    /// A parameter of every authorization request. `prompt` is taken too, unless a sign-in asks for another one; others that
    /// the protocol sets are refused.
    #[must_use]
    pub fn authorize_parameter(mut self, name: &str, value: &str) -> Self {
        self.authorize_parameters.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A parameter of every token request. Its value is taken for a secret.
    #[must_use]
    pub fn token_parameter(mut self, name: &str, value: &str) -> Self {
        self.token_parameters.push((name.to_owned(), Secret::new(value)));
        self
    }

    /// An address that counts in place of the metadata's. It must be https, or http on loopback.
    #[must_use]
    pub fn endpoint(mut self, endpoint: Endpoint, url: &str) -> Self {
        self.endpoints.push((endpoint, url.to_owned()));
        self
    }

    /// The scopes to ask for, separated by spaces, if not `openid profile email`.
    #[must_use]
    pub fn scopes(mut self, scopes: &'static str) -> Self {
        self.scopes = Some(scopes);
        self
    }

    /// How the provider sends the browser back, if not in the query.
    #[must_use]
    pub fn response_mode(mut self, response_mode: ResponseMode) -> Self {
        self.response_mode = Some(response_mode);
        self
    }

    /// Whether its userinfo endpoint is of any use.
    #[must_use]
    pub fn userinfo(mut self, userinfo: bool) -> Self {
        self.userinfo = userinfo;
        self
    }

    /// Where a sign-out leads.
    #[must_use]
    pub fn logout(mut self, logout: Logout) -> Self {
        self.logout = logout;
        self
    }

    /// Whether `email_verified`, `phone_number_verified` and `is_private_email` may be `"true"` and `"false"`, which are then
    /// read as `true` and `false`.
    #[must_use]
    pub fn lenient_booleans(mut self, lenient: bool) -> Self {
        self.lenient_booleans = lenient;
        self
    }

    /// Checks what can be checked without the other settings.
    pub(crate) fn checked(self) -> Result<Self, ConfigError> {
        if !self.pkce && !self.nonce.sends_one() {
            return Err(ConfigError::new(
                "profile",
                "has neither PKCE nor a nonce, and nothing would hold a code to its sign-in",
            ));
        }
        let issuers = self.issuers.checked("issuers")?;
        let access_token_issuers =
            self.access_token_issuers.map(|issuers| issuers.checked("access_token_issuers")).transpose()?;
        Ok(Self { issuers, access_token_issuers, ..self })
    }

    /// One warning for each check that it goes without.
    pub(crate) fn warn(&self) {
        let name = self.name;
        if !self.nonce.demands_it() {
            tracing::warn!(provider = name, "an ID token without its sign-in's nonce is taken");
        }
        if !self.pkce {
            tracing::warn!(provider = name, "sign-ins go without PKCE");
        }
    }

    /// The address that counts in place of the metadata's.
    pub(crate) fn endpoint_of(&self, name: &str) -> Option<&str> {
        let own = |(endpoint, _): &&(Endpoint, String)| endpoint.name() == name;
        self.endpoints.iter().rev().find(own).map(|(_, url)| url.as_str())
    }

    /// What the metadata must call its issuer.
    pub(crate) fn metadata_issuer_of<'a>(&'a self, configured: &'a str) -> Cow<'a, str> {
        self.metadata_issuer.as_deref().unwrap_or(configured).into()
    }
}
