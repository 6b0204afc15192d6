//! Real providers, as far as they differ.

use super::{IssuerPolicy, Logout, NoncePolicy, ProviderProfile, Tested};
use crate::client_auth::{AssertionAudience, ClientAuth};
use crate::config::ResponseMode;
use crate::token::AccessToken;

/// Any JWT: what providers issue that do not know RFC 9068.
const JWT: &[AccessToken] = &[AccessToken::AtJwt, AccessToken::Jwt];

/// Presets. Their labels say how far each was tested: [`tested`](ProviderProfile::tested).
impl ProviderProfile {
    /// Every preset's name and label; those that need to be told something are given it by examples.
    #[must_use]
    pub fn presets() -> Vec<Self> {
        vec![
            Self::adfs("adfs.example"),
            Self::apple(),
            Self::auth0("tenant.auth0.com"),
            Self::authentik(),
            Self::cognito("login.example"),
            Self::dex(),
            Self::entra(&["00000000-0000-0000-0000-000000000000"]),
            Self::github_actions(),
            Self::google(),
            Self::keycloak(),
            Self::kubernetes(),
            Self::linkedin(),
            Self::okta(),
            Self::ping(),
            Self::salesforce(),
        ]
    }

    /// Active Directory Federation Services on this host: access tokens have an issuer of their own, and userinfo knows no
    /// more than `sub`.
    #[must_use]
    pub fn adfs(host: &str) -> Self {
        let issuers = ["http", "https"].map(|scheme| format!("{scheme}://{host}/adfs/services/trust"));
        let own = format!("https://{host}/adfs");
        Self {
            access_token_issuers: Some(IssuerPolicy::OneOf([own].into_iter().chain(issuers).collect())),
            bearer: Some(JWT.to_vec()),
            userinfo: false,
            ..Self::preset("ADFS")
        }
    }

    /// Apple, `https://appleid.apple.com`: the answer comes by `form_post`, there is no userinfo, booleans may be strings, and
    /// the client's secret is a token: see [`SignedSecret::apple`](crate::client_auth::SignedSecret::apple). The name is told
    /// once, as the callback's parameter `user`: see [`Callback::parameter`](crate::Callback::parameter).
    #[must_use]
    pub fn apple() -> Self {
        Self {
            client_auth: Some(ClientAuth::Post),
            response_mode: Some(ResponseMode::FormPost),
            scopes: Some("openid email name"),
            userinfo: false,
            logout: Logout::Local,
            lenient_booleans: true,
            ..Self::preset("Apple")
        }
    }

    /// Auth0, of this domain. The issuer is `https://DOMAIN/`, with a slash at its end. An access token is opaque unless the
    /// sign-in asks for an API by `authorize_parameter("audience", …)`.
    #[must_use]
    pub fn auth0(domain: &str) -> Self {
        let url = format!("https://{domain}/v2/logout");
        Self {
            bearer: Some(JWT.to_vec()),
            access_token_marks: Some(&["azp", "scope"]),
            logout: Logout::Address {
                url,
                client_id_parameter: "client_id",
                return_to_parameter: "returnTo",
            },
            ..Self::preset("Auth0")
        }
    }

    /// Authentik: the issuer is that of an application, `https://HOST/application/o/APPLICATION/`, with a slash at its end. It
    /// needs a signing key, or its key set is empty and tokens are by HS256.
    #[must_use]
    pub fn authentik() -> Self {
        Self { bearer: Some(JWT.to_vec()), ..Self::preset("authentik") }
    }

    /// Amazon Cognito, whose pages are on this domain: access tokens have no `aud` and say `client_id`, and the sign-out is
    /// Cognito's own. The issuer is `https://cognito-idp.REGION.amazonaws.com/POOL`.
    #[must_use]
    pub fn cognito(domain: &str) -> Self {
        let url = format!("https://{domain}/logout");
        Self {
            bearer: Some(JWT.to_vec()),
            audience_claim: Some("client_id"),
            access_token_claims: vec![("token_use", "access".to_owned())],
            logout: Logout::Address {
                url,
                client_id_parameter: "client_id",
                return_to_parameter: "logout_uri",
            },
            ..Self::preset("Cognito")
        }
    }

    /// Dex: its access tokens are ID tokens, and there is no sign-out.
    #[must_use]
    pub fn dex() -> Self {
        Self {
            bearer: Some(vec![AccessToken::IdToken, AccessToken::Jwt]),
            logout: Logout::Local,
            ..Self::preset("Dex")
        }
    }

    /// Microsoft Entra ID for these tenants, by their ids, where the issuer is `https://login.microsoftonline.com/common/v2.0` or
    /// `…/organizations/v2.0`; for a tenant's own there is [`entra_tenant`](Self::entra_tenant). Access tokens of version 1 are
    /// taken too. Tokens for Microsoft Graph are opaque to everybody else.
    #[must_use]
    pub fn entra(tenants: &[&str]) -> Self {
        let allowed: Vec<String> = tenants.iter().copied().map(str::to_owned).collect();
        let of = |templates: &[&str]| IssuerPolicy::Template {
            templates: templates.iter().copied().map(str::to_owned).collect(),
            claim: "tid",
            allowed: allowed.clone(),
        };
        let version_2 = "https://login.microsoftonline.com/{tid}/v2.0";
        Self {
            metadata_issuer: Some("https://login.microsoftonline.com/{tenantid}/v2.0".to_owned()),
            issuers: of(&[version_2]),
            access_token_issuers: Some(of(&[version_2, "https://sts.windows.net/{tid}/"])),
            bearer: Some(JWT.to_vec()),
            access_token_marks: Some(&["azp", "appid"]),
            assertion_audience: AssertionAudience::TokenEndpoint,
            ..Self::preset("Entra ID")
        }
    }

    /// Microsoft Entra ID for one tenant, where the issuer is `https://login.microsoftonline.com/TENANT/v2.0`, by its id.
    #[must_use]
    pub fn entra_tenant(tenant: &str) -> Self {
        Self { metadata_issuer: None, ..Self::entra(&[tenant]) }
    }

    /// Tokens of GitHub Actions, `https://token.actions.githubusercontent.com`, for a resource server: nobody signs in there.
    /// Enterprises have an issuer below it, all with the same keys, and any of them is taken: which repository calls is for the
    /// application to look at. One that configures its own issuer and takes no other's tokens says
    /// `.issuers(IssuerPolicy::Exact)`.
    #[must_use]
    pub fn github_actions() -> Self {
        Self {
            issuers: IssuerPolicy::Segment("https://token.actions.githubusercontent.com".to_owned()),
            bearer: Some(JWT.to_vec()),
            logout: Logout::Local,
            ..Self::preset("GitHub Actions")
        }
    }

    /// Google, `https://accounts.google.com`: ID tokens may leave out the scheme of the issuer, access tokens are opaque, and
    /// there is no sign-out. A refresh token needs `authorize_parameter("access_type", "offline")`.
    #[must_use]
    pub fn google() -> Self {
        let issuers = ["https://accounts.google.com", "accounts.google.com"];
        Self {
            issuers: IssuerPolicy::OneOf(issuers.map(str::to_owned).to_vec()),
            logout: Logout::Local,
            ..Self::preset("Google")
        }
    }

    /// Keycloak: the issuer is a realm's, `https://HOST/realms/REALM`. Access tokens say `Bearer` as `typ`, which tells
    /// them from ID tokens, and are for `account` unless the client has an audience mapper; where it has none, [`audience_claim`](Self::audience_claim) may be `azp`.
    #[must_use]
    pub fn keycloak() -> Self {
        Self {
            bearer: Some(JWT.to_vec()),
            access_token_claims: vec![("typ", "Bearer".to_owned())],
            ..Self::preset("Keycloak")
        }
    }

    /// Service account tokens of a Kubernetes cluster, for a resource server. Where its key set cannot be reached, or only with
    /// a credential, use [`static_keys`](crate::config::ConfigBuilder::static_keys) or an HTTP client of your own.
    #[must_use]
    pub fn kubernetes() -> Self {
        Self { bearer: Some(JWT.to_vec()), logout: Logout::Local, ..Self::preset("Kubernetes") }
    }

    /// LinkedIn, `https://www.linkedin.com/oauth`: it returns no nonce, refuses PKCE, takes the secret in the form, and its
    /// booleans may be strings. Nothing then holds a stolen code to its sign-in.
    #[must_use]
    pub fn linkedin() -> Self {
        let issuers = ["https://www.linkedin.com/oauth", "https://www.linkedin.com"];
        Self {
            issuers: IssuerPolicy::OneOf(issuers.map(str::to_owned).to_vec()),
            nonce: NoncePolicy::IfPresent,
            pkce: false,
            client_auth: Some(ClientAuth::Post),
            logout: Logout::Local,
            lenient_booleans: true,
            ..Self::preset("LinkedIn")
        }
    }

    /// Okta: access tokens of a custom authorization server, whose issuer is `https://DOMAIN/oauth2/SERVER`, have no `typ`, and
    /// name their client as `cid`. Those of the org server are opaque.
    #[must_use]
    pub fn okta() -> Self {
        Self { bearer: Some(JWT.to_vec()), access_token_marks: Some(&["cid"]), ..Self::preset("Okta") }
    }

    /// PingFederate and PingOne.
    #[must_use]
    pub fn ping() -> Self {
        Self { bearer: Some(JWT.to_vec()), ..Self::preset("Ping") }
    }

    /// Salesforce: the issuer is that of the org's My Domain, and access tokens are opaque unless the app issues JWTs.
    #[must_use]
    pub fn salesforce() -> Self {
        Self { bearer: Some(JWT.to_vec()), ..Self::preset("Salesforce") }
    }

    fn preset(name: &'static str) -> Self {
        Self { tested: Tested::Fixtures, ..Self::standard(name) }
    }
}
