//! What is peculiar to a provider and looks like a broken token: the usual reasons, by name.

use std::fmt;

use super::{Error, TokenError};

/// Why a claim is not acceptable, where that is one of the usual ways in which a provider and its settings do not fit. The
/// code is `claim_invalid` all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Quirk {
    /// `iss` and the configured issuer differ only by a slash at the end.
    TrailingSlash,
    /// They differ only by their scheme, or one has none.
    Scheme,
    /// `iss` is of a tenant that is not one of those allowed.
    Tenant,
    /// `iss` is of Entra ID's version 1 tokens.
    EntraVersion1,
    /// `iss` is of AD FS's access tokens.
    AdfsTrust,
    /// `aud` is Microsoft Graph, whose tokens nobody else can verify.
    MicrosoftGraph,
    /// `aud` is Keycloak's own `account`.
    KeycloakAccount,
}

impl Quirk {
    /// The claim in question.
    #[must_use]
    pub fn claim(self) -> &'static str {
        match self {
            Self::TrailingSlash | Self::Scheme | Self::Tenant | Self::EntraVersion1 | Self::AdfsTrust => {
                "iss"
            }
            Self::MicrosoftGraph | Self::KeycloakAccount => "aud",
        }
    }

    /// Of audiences that are all somebody else's.
    pub(crate) fn of_audiences<'a>(mut audiences: impl Iterator<Item = &'a str>) -> Option<Self> {
        audiences.find_map(|audience| match audience {
            GRAPH | "https://graph.microsoft.com" | "https://graph.microsoft.com/" => {
                Some(Self::MicrosoftGraph)
            }
            "account" => Some(Self::KeycloakAccount),
            _ => None,
        })
    }
}

/// Microsoft Graph's application ID, the same in every tenant.
const GRAPH: &str = "00000003-0000-0000-c000-000000000000";

impl fmt::Display for Quirk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TrailingSlash => {
                "`iss` and the configured issuer differ only by a trailing slash: configure the provider's spelling"
            }
            Self::Scheme => {
                "`iss` and the configured issuer differ only by their scheme: if the provider means it, name the other \
                 one by `ProviderProfile::issuers`, or for access tokens by `access_token_issuers`"
            }
            Self::Tenant => "`iss` is none of the allowed tenants'",
            Self::EntraVersion1 => {
                "`iss` is that of Entra ID's version 1 tokens: set accessTokenAcceptedVersion to 2 in the API's \
                 manifest, or take both by `ProviderProfile::entra`"
            }
            Self::AdfsTrust => "`iss` is that of AD FS's access tokens: take it by `ProviderProfile::adfs`",
            Self::MicrosoftGraph => {
                "`aud` is Microsoft Graph: this token is opaque to you, ask for one with a scope of your own API"
            }
            Self::KeycloakAccount => {
                "`aud` is Keycloak's own `account`: add an audience mapper for your API to the client's scopes"
            }
        })
    }
}

impl From<Quirk> for TokenError {
    fn from(quirk: Quirk) -> Self {
        Self::Quirk(quirk)
    }
}

impl From<Quirk> for Error {
    fn from(quirk: Quirk) -> Self {
        Self::Token(quirk.into())
    }
}
