//! The request's form, and calls that cannot be carried out.

use std::fmt;
use std::time::Duration;

use http::StatusCode;

use super::{Error, TokenError};

/// What is wrong with the way a request presents its credentials, or with its form.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestError {
    /// None where some are required.
    NoCredentials,
    /// Two at once.
    TwoCredentials,
    /// `Origin` is not the base URL's.
    OriginMismatch,
    /// The token is good, and somebody else's than the socket that it is for.
    OtherSubject,
    /// The identity is good, and of another issuer than those that may come here.
    OtherIssuer,
    /// Another method is due.
    Method(&'static str),
    /// Not `application/x-www-form-urlencoded`.
    MediaType,
    /// Over the limit, in bytes.
    BodyTooLarge(usize),
    /// The token is good, and does not carry all of these scopes, separated by spaces
    /// ([RFC 6750 section 3.1](https://www.rfc-editor.org/rfc/rfc6750#section-3.1)).
    InsufficientScope(String),
    /// The identity is good, and has none of these roles, separated by spaces.
    InsufficientRole(String),
    /// The identity is good, and its sign-in is too weak or too long ago
    /// ([RFC 9470 section 3](https://www.rfc-editor.org/rfc/rfc9470#section-3)).
    InsufficientAuthentication {
        /// The classes of authentication that would do, separated by spaces; any, if there are none.
        acr_values: Option<String>,
        /// How long ago the sign-in may be, in whole seconds.
        max_age: Option<Duration>,
    },
    /// A parameter of this name must stand exactly once.
    Parameter(&'static str),
    /// What it carries is no good logout token; that is no credential, so no `WWW-Authenticate` helps
    /// ([Back-Channel Logout section 2.8](https://openid.net/specs/openid-connect-backchannel-1_0.html#BCResponse)).
    LogoutToken(TokenError),
}

impl RequestError {
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::NoCredentials => "no_credentials",
            Self::TwoCredentials | Self::Parameter(_) => "invalid_request",
            Self::OriginMismatch => "origin_mismatch",
            Self::OtherSubject => "subject_mismatch",
            Self::OtherIssuer => "issuer_mismatch",
            Self::Method(_) => "method_not_allowed",
            Self::MediaType => "unsupported_media_type",
            Self::BodyTooLarge(_) => "body_too_large",
            Self::InsufficientScope(_) => "insufficient_scope",
            Self::InsufficientRole(_) => "insufficient_role",
            Self::InsufficientAuthentication { .. } => "insufficient_user_authentication",
            Self::LogoutToken(error) => error.code(),
        }
    }

    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::NoCredentials | Self::InsufficientAuthentication { .. } => StatusCode::UNAUTHORIZED,
            Self::LogoutToken(TokenError::KeysUnavailable { .. }) => StatusCode::SERVICE_UNAVAILABLE,
            Self::TwoCredentials | Self::Parameter(_) | Self::LogoutToken(_) => StatusCode::BAD_REQUEST,
            Self::OriginMismatch
            | Self::OtherSubject
            | Self::OtherIssuer
            | Self::InsufficientScope(_)
            | Self::InsufficientRole(_) => StatusCode::FORBIDDEN,
            Self::Method(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::BodyTooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
        }
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCredentials => f.write_str("no token and no session"),
            Self::TwoCredentials => f.write_str("more than one token"),
            Self::OriginMismatch => f.write_str("the request comes from another origin"),
            Self::OtherSubject => f.write_str("the token is of another subject than the socket"),
            Self::OtherIssuer => f.write_str("the identity is of an issuer that may not come here"),
            Self::Method(allowed) => write!(f, "only {allowed} here"),
            Self::MediaType => f.write_str("not an application/x-www-form-urlencoded form"),
            Self::BodyTooLarge(limit) => write!(f, "the body is over {limit} bytes"),
            Self::Parameter(name) => write!(f, "parameter `{name}` must stand exactly once"),
            Self::LogoutToken(error) => write!(f, "logout token: {error}"),
            Self::InsufficientScope(required) => write!(f, "the token lacks a scope of {required:?}"),
            Self::InsufficientRole(roles) => write!(f, "no role of {roles:?}"),
            Self::InsufficientAuthentication { .. } => {
                f.write_str("the sign-in is too weak or too long ago for this")
            }
        }
    }
}

impl From<RequestError> for Error {
    fn from(error: RequestError) -> Self {
        Self::Request(error)
    }
}

/// A call that cannot be carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum UsageError {
    /// An extra parameter of the authorization request that the protocol itself sets.
    ReservedParameter(String),
    /// The provider has no such endpoint.
    NoEndpoint(&'static str),
    /// The configuration is for a resource server only: it has no client and no redirect URI.
    NoClient,
    /// The client has no credentials to obtain a token of its own with.
    PublicClient,
    /// The session is of a provider that is not this client's.
    OtherProvider,
    /// The client's own signer or secret source failed; the text is its own.
    Signing(String),
    /// The session holds no access token.
    NoAccessToken,
    /// The session holds no refresh token.
    NoRefreshToken,
    /// The session does not fit into cookies.
    SessionTooLarge,
}

impl UsageError {
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::ReservedParameter(_) => "reserved_parameter",
            Self::NoEndpoint(_) => "no_endpoint",
            Self::NoClient => "no_client",
            Self::PublicClient => "public_client",
            Self::OtherProvider => "other_provider",
            Self::Signing(_) => "signing_failed",
            Self::NoAccessToken => "no_access_token",
            Self::NoRefreshToken => "no_refresh_token",
            Self::SessionTooLarge => "session_too_large",
        }
    }
}

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReservedParameter(name) => write!(f, "parameter {name:?} is set by the protocol itself"),
            Self::NoEndpoint(name) => write!(f, "the provider has no {name}"),
            Self::NoClient => {
                f.write_str("configured as a resource server only: there is no client to sign in with")
            }
            Self::PublicClient => f.write_str("a public client has no credentials of its own"),
            Self::OtherProvider => {
                f.write_str("the session or sign-in is of another provider than this client's")
            }
            Self::Signing(text) => write!(f, "the client's own signer or secret source failed: {text}"),
            Self::NoAccessToken => f.write_str("the session holds no access token"),
            Self::NoRefreshToken => {
                f.write_str(
                    "the session holds no refresh token: ask for one, as by the scope offline_access, and keep it by keep_tokens",
                )
            }
            Self::SessionTooLarge => {
                f.write_str("the session does not fit into cookies: keep fewer claims or tokens")
            }
        }
    }
}

impl From<UsageError> for Error {
    fn from(error: UsageError) -> Self {
        Self::Usage(error)
    }
}
