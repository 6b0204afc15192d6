//! The provider's fault: no answer, or one that it must not give.

use std::fmt;
use std::time::Duration;

use super::{Error, Excerpt, Malformation, TokenError};
use crate::client_auth::ClientAuth;
use crate::jose::Algorithm;
use crate::step::{FetchError, Purpose};

/// What the provider did wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProviderError {
    /// No answer.
    Fetch(Purpose, FetchError),
    /// No answer lately; it is asked again after this time.
    BackingOff(Purpose, Duration),
    /// An answer of a status that is no success. A redirect is one: none is followed.
    Status(Purpose, u16),
    /// An answer of another media type.
    ContentType(Purpose, Option<Excerpt>),
    /// An answer that is not strict JSON of the right shape.
    Malformed(Purpose, Malformation),
    /// A member is missing or of the wrong type.
    Member(Purpose, &'static str),
    /// The metadata document speaks of another issuer
    /// ([OpenID Connect Discovery section 4.3](https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfigurationValidation)).
    IssuerMismatch {
        /// What was configured.
        configured: String,
        /// What the document says.
        found: Excerpt,
    },
    /// An endpoint is neither https nor on loopback.
    Insecure(&'static str),
    /// None of the algorithms it signs with is allowed here.
    NoCommonAlgorithm {
        /// What it offers.
        offered: Excerpt,
        /// What is allowed.
        allowed: Vec<Algorithm>,
    },
    /// Keys, but none that can be used.
    NoUsableKeys,
    /// An endpoint's own error ([RFC 6749 section 5.2](https://www.rfc-editor.org/rfc/rfc6749#section-5.2)).
    Refused {
        /// Which one's.
        purpose: Purpose,
        /// The status of its answer.
        status: u16,
        /// Its `error`, such as `invalid_grant`.
        code: Excerpt,
        /// Its `error_description`.
        description: Option<Excerpt>,
    },
    /// It does not know the client, and takes none of its way to authenticate.
    ClientAuth {
        /// At which endpoint.
        purpose: Purpose,
        /// What it says that it takes.
        offered: Excerpt,
        /// What was sent.
        configured: ClientAuth,
    },
    /// `token_type` is not `Bearer`.
    TokenType(Excerpt),
    /// The token response has no ID token.
    IdTokenMissing,
    /// The ID token it issued is not good.
    IdToken(TokenError),
    /// The signed userinfo response is not good.
    UserinfoToken(TokenError),
    /// Userinfo's `sub` is not the ID token's
    /// ([OpenID Connect Core section 5.3.2](https://openid.net/specs/openid-connect-core-1_0.html#UserInfoResponse)).
    SubjectMismatch,
}

impl ProviderError {
    /// See [`Error::code`].
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Fetch(_, FetchError::Timeout) => "provider_timeout",
            Self::Fetch(_, FetchError::TooLarge) => "provider_too_large",
            Self::Fetch(_, FetchError::Failed(_)) | Self::BackingOff(..) => "provider_unreachable",
            Self::Status(..) => "provider_status",
            Self::ContentType(..) => "provider_content_type",
            Self::Malformed(..) | Self::Member(..) => "provider_malformed",
            Self::IssuerMismatch { .. } => "issuer_mismatch",
            Self::Insecure(_) => "provider_insecure",
            Self::NoCommonAlgorithm { .. } => "provider_unsupported",
            Self::NoUsableKeys => "keys_unavailable",
            Self::Refused { .. } | Self::ClientAuth { .. } => "provider_error",
            Self::TokenType(_) => "token_type",
            Self::IdTokenMissing => "id_token_missing",
            Self::IdToken(error) | Self::UserinfoToken(error) => error.code(),
            Self::SubjectMismatch => "subject_mismatch",
        }
    }

    /// The provider is away, rather than wrong.
    pub(super) fn is_outage(&self) -> bool {
        match self {
            Self::Fetch(..) | Self::BackingOff(..) | Self::NoUsableKeys => true,
            Self::Status(_, status) => *status >= 500 || *status == 429,
            Self::IdToken(error) | Self::UserinfoToken(error) => {
                matches!(error, TokenError::KeysUnavailable { .. })
            }
            _ => false,
        }
    }

    pub(super) fn ends_session(&self) -> bool {
        let of_others = ["invalid_client", "unauthorized_client", "server_error", "temporarily_unavailable"];
        match self {
            Self::Refused { code, .. } if code.is("invalid_grant") => true,
            Self::Refused { status: 401, .. } => false,
            Self::Refused { code, .. } => !of_others.iter().any(|other| code.is(other)),
            Self::Status(Purpose::Token, status) => *status == 400,
            Self::IdToken(error) => !matches!(error, TokenError::KeysUnavailable { .. }),
            Self::SubjectMismatch => true,
            _ => false,
        }
    }

    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::BackingOff(_, wait) => Some(*wait),
            Self::IdToken(TokenError::KeysUnavailable { retry_after }) => Some(*retry_after),
            _ => self.is_outage().then_some(Duration::from_secs(1)),
        }
    }
}

impl fmt::Display for ProviderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fetch(purpose, FetchError::Timeout) => {
                write!(f, "{}: no whole answer in time", purpose.name())
            }
            Self::Fetch(purpose, FetchError::TooLarge) => {
                write!(f, "{}: the answer is too large", purpose.name())
            }
            Self::Fetch(purpose, FetchError::Failed(text)) => {
                write!(f, "{}: {}", purpose.name(), Excerpt::of(text))
            }
            Self::BackingOff(purpose, wait) => {
                write!(f, "{}: failed just now; asked again in {} s", purpose.name(), wait.as_secs().max(1))
            }
            Self::Status(purpose, status) if (300..400).contains(status) => {
                write!(f, "{}: answered {status}; redirects are not followed", purpose.name())
            }
            Self::Status(purpose, status) => write!(f, "{}: answered {status}", purpose.name()),
            Self::ContentType(purpose, Some(found)) => {
                write!(f, "{}: answered {found} instead of JSON", purpose.name())
            }
            Self::ContentType(purpose, None) => {
                write!(f, "{}: the answer has no content type", purpose.name())
            }
            Self::Malformed(purpose, reason) => write!(f, "{}: {reason}", purpose.name()),
            Self::Member(purpose, member) => {
                write!(f, "{}: member \"{member}\" is missing or of the wrong type", purpose.name())
            }
            Self::IssuerMismatch { configured, found } => issuer_mismatch(f, configured, found),
            Self::Insecure(endpoint) => write!(f, "discovery: {endpoint} is neither https nor on loopback"),
            Self::NoCommonAlgorithm { offered, allowed } => {
                write!(f, "discovery: it signs with {offered}, and only {allowed:?} is allowed here")
            }
            Self::NoUsableKeys => f.write_str("keys: none of the published keys can be used"),
            Self::Refused { purpose, code, description: None, .. } => {
                write!(f, "{}: the provider answered {code}", purpose.name())
            }
            Self::Refused { purpose, code, description: Some(text), .. } => {
                write!(f, "{}: the provider answered {code}: {text}", purpose.name())
            }
            Self::ClientAuth { purpose, offered, configured } => write!(
                f,
                "{}: invalid_client; the provider takes {offered}, configured is {:?}",
                purpose.name(),
                configured.name()
            ),
            Self::TokenType(found) => write!(f, "token: token_type {found} is not Bearer"),
            Self::IdTokenMissing => {
                f.write_str("token: the answer has no id_token; was the scope openid granted?")
            }
            Self::IdToken(error) => write!(f, "ID token: {error}"),
            Self::UserinfoToken(error) => write!(f, "signed userinfo: {error}"),
            Self::SubjectMismatch => f.write_str("userinfo: it speaks of another subject than the ID token"),
        }
    }
}

fn issuer_mismatch(f: &mut fmt::Formatter<'_>, configured: &str, found: &Excerpt) -> fmt::Result {
    write!(f, "discovery: the provider calls itself {found}, configured is {configured:?}")?;
    if found.0.trim_end_matches('/') == configured.trim_end_matches('/') {
        f.write_str("; they differ only by a trailing slash: configure the provider's spelling")?;
    } else if found.0.contains('{') {
        f.write_str("; it speaks for many tenants: say which are taken, as by ProviderProfile::entra")?;
    } else if configured.contains('{') {
        f.write_str("; it speaks for one tenant: use ProviderProfile::entra_tenant")?;
    }
    Ok(())
}

impl From<ProviderError> for Error {
    fn from(error: ProviderError) -> Self {
        Self::Provider(error)
    }
}
