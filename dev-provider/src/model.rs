//! Who the provider knows: clients and users, and what a token minted without a sign-in says.

use serde_json::{Map, Value, json};

/// A client registered at the provider.
///
/// ```
/// use oidc_dev_provider::DevClient;
///
/// let client = DevClient {
///     redirect_uris: vec!["https://app.example/callback".into()],
///     ..DevClient::confidential("app", "secret")
/// };
/// assert_eq!(client.id, "app");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DevClient {
    /// The `client_id`.
    pub id: String,
    /// The `client_secret`; `None` for a public client, which must use PKCE.
    pub secret: Option<String>,
    /// Redirect URIs, compared byte for byte; empty allows any on a loopback host.
    pub redirect_uris: Vec<String>,
    /// Where a signed-out browser may be sent, compared byte for byte; empty allows any on a loopback host.
    pub post_logout_redirect_uris: Vec<String>,
    /// How the client must authenticate at the token endpoint.
    pub auth: DevClientAuth,
    /// The JWK Set of public keys that verify its assertions, for [`DevClientAuth::PrivateKeyJwt`].
    pub jwks: Option<Value>,
    /// Where logout tokens are posted to.
    pub back_channel_logout_uri: Option<String>,
    /// What a signed-out browser loads in an iframe.
    pub front_channel_logout_uri: Option<String>,
}

impl DevClient {
    /// A client with a secret, that may present it either way.
    pub fn confidential(id: &str, secret: &str) -> Self {
        DevClient { id: id.to_owned(), secret: Some(secret.to_owned()), ..DevClient::default() }
    }

    /// A client without a secret.
    pub fn public(id: &str) -> Self {
        DevClient { id: id.to_owned(), auth: DevClientAuth::None, ..DevClient::default() }
    }

    /// Whether it has nothing to authenticate by.
    pub(crate) fn is_public(&self) -> bool {
        match self.auth {
            DevClientAuth::PrivateKeyJwt | DevClientAuth::Tls => false,
            DevClientAuth::None => true,
            _ => self.secret.is_none(),
        }
    }
}

/// How a client authenticates at the token endpoint, and wherever else it asks directly
/// ([OpenID Connect Core 9](https://openid.net/specs/openid-connect-core-1_0.html#ClientAuthentication)).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DevClientAuth {
    /// `client_secret_basic` only.
    Basic,
    /// `client_secret_post` only.
    Post,
    /// `client_secret_jwt` only: an assertion by HS256 with the secret.
    SecretJwt,
    /// `private_key_jwt` only: an assertion that a key of [`DevClient::jwks`] verifies.
    PrivateKeyJwt,
    /// A stand-in for `tls_client_auth`: the client names itself by `client_id` at an alias below `/mtls` and is believed,
    /// for there is no TLS here ([`DevProvider::mtls_aliases`](crate::DevProvider::mtls_aliases)).
    Tls,
    /// `none`: a public client names itself by `client_id`.
    None,
    /// Basic or post if it has a secret, else none.
    #[default]
    Any,
}

/// A person who can sign in at the provider.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DevUser {
    /// The `sub` claim.
    pub sub: String,
    /// What else is known. Standard claims are given by scope, all others always.
    pub claims: Map<String, Value>,
}

impl DevUser {
    /// A user with no claims but `sub`.
    pub fn new(sub: &str) -> Self {
        DevUser { sub: sub.to_owned(), claims: Map::new() }
    }

    /// The same user with one more claim.
    #[must_use]
    pub fn with_claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(name.to_owned(), value.into());
        self
    }
}

/// What [`DevProvider::access_token`](crate::DevProvider::access_token) puts into a token.
///
/// The default is Ada's token for the demo client: `openid profile email`, one hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessTokenRequest {
    /// The `sub` claim.
    pub sub: String,
    /// The `client_id` claim.
    pub client_id: String,
    /// The `aud` claim.
    pub audience: String,
    /// The `scope` claim, separated by spaces.
    pub scope: String,
    /// Seconds from now to `exp`.
    pub lifetime: u64,
    /// Further claims. They win over all others, so that a test can say anything.
    pub extra: Map<String, Value>,
}

impl Default for AccessTokenRequest {
    fn default() -> Self {
        AccessTokenRequest {
            sub: "ada".to_owned(),
            client_id: DEMO_CLIENT.to_owned(),
            audience: DEMO_CLIENT.to_owned(),
            scope: "openid profile email".to_owned(),
            lifetime: 3600,
            extra: Map::new(),
        }
    }
}

pub(crate) const DEMO_CLIENT: &str = "demo-client";

pub(crate) fn demo_client() -> DevClient {
    DevClient::confidential(DEMO_CLIENT, "demo-secret")
}

pub(crate) fn demo_users() -> Vec<DevUser> {
    vec![
        demo_user("ada", "Ada", "Lovelace", &["admin", "engineer"]),
        demo_user("alan", "Alan", "Turing", &["engineer"]),
        demo_user("grace", "Grace", "Hopper", &["viewer"]),
    ]
}

fn demo_user(sub: &str, given: &str, family: &str, roles: &[&str]) -> DevUser {
    DevUser::new(sub)
        .with_claim("name", format!("{given} {family}"))
        .with_claim("given_name", given)
        .with_claim("family_name", family)
        .with_claim("preferred_username", sub)
        .with_claim("email", format!("{sub}@example.com"))
        .with_claim("email_verified", true)
        .with_claim("roles", json!(roles))
}
