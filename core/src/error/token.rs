//! The caller's fault: a token that is not good.

use std::fmt;
use std::time::Duration;

use super::{Error, Excerpt, Quirk};

/// Why a token was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenError {
    /// Not a compact JWS of strict base64url and strict JSON.
    Malformed {
        /// Where.
        segment: Segment,
        /// What is wrong there.
        reason: Malformation,
    },
    /// Over the size limit, in bytes.
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// `alg` is none of the allowed ones.
    AlgorithmNotAllowed {
        /// What the token says.
        alg: Excerpt,
    },
    /// `crit` or `b64`: an extension that is not understood
    /// ([RFC 7515 section 4.1.11](https://www.rfc-editor.org/rfc/rfc7515#section-4.1.11)).
    CriticalHeader,
    /// No key of the set fits `kid` and `alg`.
    UnknownKey,
    /// The signature is wrong; which check failed is not told.
    BadSignature,
    /// A token of another kind, such as an ID token where an access token is due.
    WrongType,
    /// `exp` has come.
    Expired,
    /// `nbf` has not come yet.
    NotYetValid,
    /// A required claim is not there.
    ClaimMissing(&'static str),
    /// A claim has the wrong type or value.
    ClaimInvalid(&'static str),
    /// The same, for a reason that is peculiar to a provider.
    Quirk(Quirk),
    /// It cannot be judged now.
    KeysUnavailable {
        /// When asking again may help.
        retry_after: Duration,
    },
}

impl TokenError {
    /// See [`Error::code`].
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed { .. } => "malformed",
            Self::TooLarge { .. } => "too_large",
            Self::AlgorithmNotAllowed { .. } => "algorithm_not_allowed",
            Self::CriticalHeader => "critical_header",
            Self::UnknownKey => "unknown_key",
            Self::BadSignature => "bad_signature",
            Self::WrongType => "wrong_type",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::ClaimMissing(_) => "claim_missing",
            Self::ClaimInvalid(_) | Self::Quirk(_) => "claim_invalid",
            Self::KeysUnavailable { .. } => "keys_unavailable",
        }
    }

    /// The claim in question.
    #[must_use]
    pub fn claim(&self) -> Option<&'static str> {
        match self {
            Self::ClaimMissing(claim) | Self::ClaimInvalid(claim) => Some(claim),
            Self::Quirk(quirk) => Some(quirk.claim()),
            Self::Expired => Some("exp"),
            Self::NotYetValid => Some("nbf"),
            _ => None,
        }
    }
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed { segment: Segment::Header, reason } if reason.is_no_json() => {
                write!(f, "malformed header: {reason}; an opaque one can only be introspected")
            }
            Self::Malformed { segment, reason } => write!(f, "malformed {segment}: {reason}"),
            Self::TooLarge { limit } => write!(f, "larger than {limit} bytes"),
            Self::AlgorithmNotAllowed { alg } => write!(f, "algorithm {alg} is not allowed here"),
            Self::CriticalHeader => f.write_str("the header demands an extension that is not understood"),
            Self::UnknownKey => f.write_str("none of the provider's keys fits"),
            Self::BadSignature => f.write_str("the signature is wrong"),
            Self::WrongType => f.write_str("a token of another kind than is due here"),
            Self::Expired => f.write_str("expired"),
            Self::NotYetValid => f.write_str("not valid yet"),
            Self::ClaimMissing(claim) => write!(f, "claim `{claim}` is missing"),
            Self::ClaimInvalid(claim) => write!(f, "claim `{claim}` is not acceptable"),
            Self::Quirk(quirk) => quirk.fmt(f),
            Self::KeysUnavailable { retry_after } => {
                write!(f, "no usable keys to judge it by; try again in {} s", retry_after.as_secs().max(1))
            }
        }
    }
}

impl std::error::Error for TokenError {}

impl From<TokenError> for Error {
    fn from(error: TokenError) -> Self {
        Self::Token(error)
    }
}

/// A part of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Segment {
    /// All of it.
    Token,
    /// The first segment.
    Header,
    /// The second segment.
    Payload,
    /// The third segment.
    Signature,
}

impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Token => "token",
            Self::Header => "header",
            Self::Payload => "payload",
            Self::Signature => "signature",
        })
    }
}

/// What makes a text malformed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Malformation {
    /// Not exactly three segments, of which the first two are not empty.
    Segments,
    /// Not canonical base64url without padding.
    Base64,
    /// Not UTF-8.
    Utf8,
    /// Not JSON; the byte where it stopped being so, counted from 1 within its line.
    Json {
        /// The column.
        column: usize,
    },
    /// A number beyond all that an `f64` can hold.
    Number,
    /// JSON, but no object.
    NotAnObject,
    /// The same member twice in one object, after unescaping.
    DuplicateMember,
    /// Nested deeper than 32 levels.
    TooDeep,
    /// More than 256 members in all.
    TooManyMembers,
    /// A header member is missing, or of a wrong type or length.
    Header(&'static str),
    /// Nested, compressed and encrypted tokens are not taken.
    Unsupported(&'static str),
}

impl Malformation {
    /// So does a token look that has dots and never was a JWT.
    fn is_no_json(self) -> bool {
        matches!(self, Self::Base64 | Self::Utf8 | Self::Json { .. } | Self::NotAnObject)
    }
}

impl fmt::Display for Malformation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Segments => {
                f.write_str("a signed token has three segments; an opaque one can only be introspected")
            }
            Self::Base64 => f.write_str("not canonical base64url"),
            Self::Utf8 => f.write_str("not UTF-8"),
            Self::Json { column } => write!(f, "not JSON at column {column}"),
            Self::Number => f.write_str("a number is too large"),
            Self::NotAnObject => f.write_str("not a JSON object"),
            Self::DuplicateMember => f.write_str("a member stands twice"),
            Self::TooDeep => f.write_str("nested too deep"),
            Self::TooManyMembers => f.write_str("too many members"),
            Self::Header(name) => write!(f, "`{name}` is missing or not what it must be"),
            Self::Unsupported(name) => write!(f, "`{name}` is not supported"),
        }
    }
}
