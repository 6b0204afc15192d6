//! The caller's fault: a callback that finishes no sign-in.

use std::fmt;

use super::{Error, Excerpt};

/// Why a callback finishes no sign-in.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CallbackError {
    /// No `state`.
    StateMissing,
    /// `state` is unknown, expired, used, or of another browser: which one is not told.
    StateMismatch,
    /// Neither `code` nor `error`, a token that nobody asked for, or not a form.
    Malformed,
    /// A parameter stands twice ([RFC 6749 section 3.1](https://www.rfc-editor.org/rfc/rfc6749#section-3.1)).
    DuplicateParameter,
    /// The provider announces `iss` and did not send it ([RFC 9207](https://www.rfc-editor.org/rfc/rfc9207#section-2.4)).
    IssuerParamMissing,
    /// `iss` names another issuer.
    IssuerMismatch,
    /// The provider ended the session while its sign-in was finishing here.
    SignedOut,
    /// The provider answered with an error ([RFC 6749 section 4.1.2.1](https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2.1)).
    Provider {
        /// Its `error`, such as `access_denied`.
        code: Excerpt,
        /// Its `error_description`.
        description: Option<Excerpt>,
    },
}

impl CallbackError {
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::StateMissing => "state_missing",
            Self::StateMismatch => "state_mismatch",
            Self::Malformed => "malformed_callback",
            Self::DuplicateParameter => "duplicate_parameter",
            Self::IssuerParamMissing => "issuer_param_missing",
            Self::IssuerMismatch => "issuer_mismatch",
            Self::SignedOut => "signed_out",
            Self::Provider { .. } => "provider_error",
        }
    }
}

impl fmt::Display for CallbackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StateMissing => f.write_str("the callback has no `state`"),
            Self::StateMismatch => f.write_str("the callback belongs to no open sign-in of this browser"),
            Self::Malformed => f.write_str("the callback must carry a code or an error, and no token"),
            Self::DuplicateParameter => f.write_str("a parameter of the callback stands twice"),
            Self::IssuerParamMissing => {
                f.write_str("the callback lacks the `iss` that the provider announces")
            }
            Self::IssuerMismatch => f.write_str("`iss` names another issuer"),
            Self::SignedOut => f.write_str("the session was ended while its sign-in was finishing"),
            Self::Provider { code, description: None } => write!(f, "the provider answered {code}"),
            Self::Provider { code, description: Some(text) } => {
                write!(f, "the provider answered {code}: {text}")
            }
        }
    }
}

impl From<CallbackError> for Error {
    fn from(error: CallbackError) -> Self {
        Self::Callback(error)
    }
}
