//! What can go wrong, by whose fault it is, and the one table from an error to its HTTP answer.

mod callback;
mod config;
mod excerpt;
mod provider;
mod quirk;
mod request;
#[cfg(test)]
mod tests;
mod token;

use std::fmt;
use std::time::Duration;

use http::StatusCode;

pub use callback::CallbackError;
pub use config::ConfigError;
pub use excerpt::Excerpt;
pub use provider::ProviderError;
pub use quirk::Quirk;
pub use request::{RequestError, UsageError};
pub use token::{Malformation, Segment, TokenError};

/// Any failure of this crate but a bad setting, which is a [`ConfigError`] and ends the start.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The provider's fault: it is down, slow, or answers what it must not.
    Provider(ProviderError),
    /// The browser came back with something that does not finish a sign-in.
    Callback(CallbackError),
    /// The token presented is not good.
    Token(TokenError),
    /// The request presents its credentials in a way that cannot be judged
    /// ([RFC 6750 section 3.1](https://www.rfc-editor.org/rfc/rfc6750#section-3.1)).
    Request(RequestError),
    /// Yours: the call contradicts the configuration or the protocol.
    Usage(UsageError),
    /// The random source failed; nothing was issued.
    Entropy,
    /// The session store could not answer.
    Store,
}

impl Error {
    /// A stable name for programs; it is the same in logs, answers and tools.
    ///
    /// | code | what happened |
    /// |---|---|
    /// | `malformed` | the token is not a compact JWS of strict JSON |
    /// | `too_large` | the token is over the size limit |
    /// | `algorithm_not_allowed` | its `alg` is not one that the configuration allows |
    /// | `critical_header` | it demands an extension that is not understood |
    /// | `unknown_key` | no key of the provider fits it |
    /// | `bad_signature` | its signature is wrong |
    /// | `wrong_type` | it is a token of another kind |
    /// | `expired`, `not_yet_valid` | the clock is outside its lifetime |
    /// | `claim_missing`, `claim_invalid` | a claim is not there or not right |
    /// | `keys_unavailable` | it cannot be judged: no usable keys are held |
    /// | `state_missing`, `state_mismatch` | the callback belongs to no sign-in of this browser |
    /// | `malformed_callback`, `duplicate_parameter` | the callback is not one of the protocol |
    /// | `issuer_param_missing`, `issuer_mismatch` | the answer or document is not the issuer's |
    /// | `signed_out` | the provider ended the session while its sign-in was finishing |
    /// | `provider_error` | the provider refused, with an error of its own |
    /// | `provider_unreachable`, `provider_timeout` | the provider gave no answer |
    /// | `provider_status`, `provider_content_type`, `provider_too_large`, `provider_malformed` | the provider gave a wrong answer |
    /// | `provider_insecure`, `provider_unsupported` | its metadata cannot be used |
    /// | `token_type`, `id_token_missing` | the token response is not one of OpenID Connect |
    /// | `subject_mismatch` | userinfo, or a socket's fresh token, speaks of somebody else |
    /// | `no_credentials`, `invalid_request` | the request's credentials, or a parameter, are absent or ambiguous |
    /// | `insufficient_scope`, `insufficient_role` | the identity is good, but not for this |
    /// | `insufficient_user_authentication` | it is good, but its sign-in is too weak or too long ago |
    /// | `origin_mismatch` | a request that changes something came from another origin |
    /// | `method_not_allowed`, `unsupported_media_type`, `body_too_large` | the request's form is wrong |
    /// | `reserved_parameter`, `no_endpoint`, `no_client`, `public_client`, `other_provider`, `signing_failed`, `no_access_token`, `no_refresh_token`, `session_too_large` | the call cannot be carried out |
    /// | `entropy_failed`, `store_unavailable` | the machine's fault |
    /// | `interaction_required`, `too_many_redirects` | in the probes only: the provider did not send the browser back |
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Provider(error) => error.code(),
            Self::Callback(error) => error.code(),
            Self::Token(error) => error.code(),
            Self::Request(error) => error.code(),
            Self::Usage(error) => error.code(),
            Self::Entropy => "entropy_failed",
            Self::Store => "store_unavailable",
        }
    }

    /// The status of the HTTP answer.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Provider(error) if error.is_outage() => StatusCode::SERVICE_UNAVAILABLE,
            Self::Provider(_) => StatusCode::BAD_GATEWAY,
            Self::Callback(CallbackError::Provider { code, .. }) if code.is("access_denied") => {
                StatusCode::FORBIDDEN
            }
            Self::Callback(_) => StatusCode::BAD_REQUEST,
            Self::Token(TokenError::KeysUnavailable { .. }) | Self::Store => StatusCode::SERVICE_UNAVAILABLE,
            Self::Token(_) => StatusCode::UNAUTHORIZED,
            Self::Request(error) => error.status(),
            Self::Usage(_) | Self::Entropy => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Where a refresh has failed: whether the session is to end, since the provider does not go on with it, or has answered
    /// for somebody else. It is not where the provider is down or finds fault with the client
    /// ([RFC 6749 section 5.2](https://www.rfc-editor.org/rfc/rfc6749#section-5.2)).
    #[must_use]
    pub fn ends_session(&self) -> bool {
        matches!(self, Self::Provider(error) if error.ends_session())
    }

    /// When asking again may help: the value of `Retry-After`.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Token(TokenError::KeysUnavailable { retry_after })
            | Self::Request(RequestError::LogoutToken(TokenError::KeysUnavailable { retry_after })) => {
                Some(*retry_after)
            }
            Self::Provider(error) => error.retry_after(),
            Self::Store => Some(Duration::from_secs(1)),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Provider(error) => error.fmt(f),
            Self::Callback(error) => error.fmt(f),
            Self::Token(error) => error.fmt(f),
            Self::Request(error) => error.fmt(f),
            Self::Usage(error) => error.fmt(f),
            Self::Entropy => f.write_str("the random source failed"),
            Self::Store => f.write_str("the session store could not answer"),
        }
    }
}

impl std::error::Error for Error {}
