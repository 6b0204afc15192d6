//! What can go wrong, by whose fault it is, and the one table from an error to its HTTP answer.

use std::fmt;
use std::time::Duration;

use http::StatusCode;

use crate::jose::Algorithm;
use crate::step::{FetchError, Purpose};

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
    /// | `provider_error` | the provider refused, with an error of its own |
    /// | `provider_unreachable`, `provider_timeout` | the provider gave no answer |
    /// | `provider_status`, `provider_content_type`, `provider_too_large`, `provider_malformed` | the provider gave a wrong answer |
    /// | `provider_incomplete`, `provider_insecure`, `provider_unsupported` | its metadata does not allow what was asked |
    /// | `token_type`, `id_token_missing` | the token response is not one of OpenID Connect |
    /// | `subject_mismatch` | userinfo speaks of somebody else |
    /// | `no_credentials`, `invalid_request`, `insufficient_scope` | the request's credentials are absent, ambiguous or too weak |
    /// | `origin_mismatch` | a request that changes something came from another origin |
    /// | `method_not_allowed`, `unsupported_media_type`, `body_too_large` | the request's form is wrong |
    /// | `reserved_parameter`, `no_endpoint`, `no_client`, `no_refresh_token`, `session_too_large` | the call cannot be carried out |
    /// | `entropy_failed`, `store_unavailable` | the machine's fault |
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

    /// When asking again may help: the value of `Retry-After`.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Token(TokenError::KeysUnavailable { retry_after }) => Some(*retry_after),
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

/// A setting that is missing or wrong: no [`Config`](crate::Config) is made of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    setting: &'static str,
    problem: String,
}

impl ConfigError {
    /// For settings that a driver reads itself; `setting` is the name in lower case, such as `ca_file`.
    #[must_use]
    pub fn new(setting: &'static str, problem: impl Into<String>) -> Self {
        Self { setting, problem: problem.into() }
    }

    /// The setting's name, as the builder spells it.
    #[must_use]
    pub fn setting(&self) -> &'static str {
        self.setting
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OIDC_{}: {}", self.setting.to_ascii_uppercase(), self.problem)
    }
}

impl std::error::Error for ConfigError {}

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
            Self::ClaimInvalid(_) => "claim_invalid",
            Self::KeysUnavailable { .. } => "keys_unavailable",
        }
    }

    /// The claim in question.
    #[must_use]
    pub fn claim(&self) -> Option<&'static str> {
        match self {
            Self::ClaimMissing(claim) | Self::ClaimInvalid(claim) => Some(claim),
            Self::Expired => Some("exp"),
            Self::NotYetValid => Some("nbf"),
            _ => None,
        }
    }
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
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

impl fmt::Display for Malformation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Segments => f.write_str("a signed token has three segments"),
            Self::Base64 => f.write_str("not canonical base64url"),
            Self::Utf8 => f.write_str("not UTF-8"),
            Self::Json { column } => write!(f, "not JSON at column {column}"),
            Self::NotAnObject => f.write_str("not a JSON object"),
            Self::DuplicateMember => f.write_str("a member stands twice"),
            Self::TooDeep => f.write_str("nested too deep"),
            Self::TooManyMembers => f.write_str("too many members"),
            Self::Header(name) => write!(f, "`{name}` is missing or not what it must be"),
            Self::Unsupported(name) => write!(f, "`{name}` is not supported"),
        }
    }
}

/// Why a callback finishes no sign-in.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CallbackError {
    /// No `state`.
    StateMissing,
    /// `state` is unknown, expired, used, or of another browser: which one is not told.
    StateMismatch,
    /// Neither `code` nor `error`, or not a form.
    Malformed,
    /// A parameter stands twice ([RFC 6749 section 3.1](https://www.rfc-editor.org/rfc/rfc6749#section-3.1)).
    DuplicateParameter,
    /// The provider announces `iss` and did not send it ([RFC 9207](https://www.rfc-editor.org/rfc/rfc9207#section-2.4)).
    IssuerParamMissing,
    /// `iss` names another issuer.
    IssuerMismatch,
    /// The provider answered with an error ([RFC 6749 section 4.1.2.1](https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2.1)).
    Provider {
        /// Its `error`, such as `access_denied`.
        code: Excerpt,
        /// Its `error_description`.
        description: Option<Excerpt>,
    },
}

impl CallbackError {
    fn code(&self) -> &'static str {
        match self {
            Self::StateMissing => "state_missing",
            Self::StateMismatch => "state_mismatch",
            Self::Malformed => "malformed_callback",
            Self::DuplicateParameter => "duplicate_parameter",
            Self::IssuerParamMissing => "issuer_param_missing",
            Self::IssuerMismatch => "issuer_mismatch",
            Self::Provider { .. } => "provider_error",
        }
    }
}

impl fmt::Display for CallbackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StateMissing => f.write_str("the callback has no `state`"),
            Self::StateMismatch => f.write_str("the callback belongs to no open sign-in of this browser"),
            Self::Malformed => f.write_str("the callback has neither a code nor an error"),
            Self::DuplicateParameter => f.write_str("a parameter of the callback stands twice"),
            Self::IssuerParamMissing => {
                f.write_str("the callback lacks the `iss` that the provider announces")
            }
            Self::IssuerMismatch => f.write_str("the callback comes from another issuer"),
            Self::Provider { code, description: None } => write!(f, "the provider answered {code}"),
            Self::Provider { code, description: Some(text) } => {
                write!(f, "the provider answered {code}: {text}")
            }
        }
    }
}

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
    /// The token endpoint's error ([RFC 6749 section 5.2](https://www.rfc-editor.org/rfc/rfc6749#section-5.2)).
    TokenEndpoint {
        /// Its `error`, such as `invalid_grant`.
        code: Excerpt,
        /// Its `error_description`.
        description: Option<Excerpt>,
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
            Self::TokenEndpoint { .. } => "provider_error",
            Self::TokenType(_) => "token_type",
            Self::IdTokenMissing => "id_token_missing",
            Self::IdToken(error) | Self::UserinfoToken(error) => error.code(),
            Self::SubjectMismatch => "subject_mismatch",
        }
    }

    /// The provider is away, rather than wrong.
    fn is_outage(&self) -> bool {
        match self {
            Self::Fetch(..) | Self::BackingOff(..) | Self::NoUsableKeys => true,
            Self::Status(_, status) => *status >= 500 || *status == 429,
            Self::IdToken(error) | Self::UserinfoToken(error) => {
                matches!(error, TokenError::KeysUnavailable { .. })
            }
            _ => false,
        }
    }

    fn retry_after(&self) -> Option<Duration> {
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
            Self::TokenEndpoint { code, description: None } => {
                write!(f, "token: the provider answered {code}")
            }
            Self::TokenEndpoint { code, description: Some(text) } => {
                write!(f, "token: the provider answered {code}: {text}")
            }
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
    }
    Ok(())
}

impl From<ProviderError> for Error {
    fn from(error: ProviderError) -> Self {
        Self::Provider(error)
    }
}

impl From<CallbackError> for Error {
    fn from(error: CallbackError) -> Self {
        Self::Callback(error)
    }
}

/// What is wrong with the way a request presents its credentials, or with its form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestError {
    /// None where some are required.
    NoCredentials,
    /// Two at once.
    TwoCredentials,
    /// A good token that lacks a required scope.
    InsufficientScope,
    /// `Origin` is not the base URL's.
    OriginMismatch,
    /// Another method is due.
    Method(&'static str),
    /// Not `application/x-www-form-urlencoded`.
    MediaType,
    /// Over the limit, in bytes.
    BodyTooLarge(usize),
}

impl RequestError {
    fn code(self) -> &'static str {
        match self {
            Self::NoCredentials => "no_credentials",
            Self::TwoCredentials => "invalid_request",
            Self::InsufficientScope => "insufficient_scope",
            Self::OriginMismatch => "origin_mismatch",
            Self::Method(_) => "method_not_allowed",
            Self::MediaType => "unsupported_media_type",
            Self::BodyTooLarge(_) => "body_too_large",
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Self::NoCredentials => StatusCode::UNAUTHORIZED,
            Self::TwoCredentials => StatusCode::BAD_REQUEST,
            Self::InsufficientScope | Self::OriginMismatch => StatusCode::FORBIDDEN,
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
            Self::InsufficientScope => f.write_str("the token lacks a required scope"),
            Self::OriginMismatch => f.write_str("the request comes from another origin"),
            Self::Method(allowed) => write!(f, "only {allowed} here"),
            Self::MediaType => f.write_str("not an application/x-www-form-urlencoded form"),
            Self::BodyTooLarge(limit) => write!(f, "the body is over {limit} bytes"),
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
    /// The session holds no refresh token.
    NoRefreshToken,
    /// The session does not fit into cookies.
    SessionTooLarge,
}

impl UsageError {
    fn code(&self) -> &'static str {
        match self {
            Self::ReservedParameter(_) => "reserved_parameter",
            Self::NoEndpoint(_) => "no_endpoint",
            Self::NoClient => "no_client",
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
            Self::NoRefreshToken => {
                f.write_str("the provider gave no refresh token; was the scope offline_access asked for?")
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

/// A peer's text, for a message: at most 128 characters, shown quoted and escaped.
#[derive(Clone, PartialEq, Eq)]
pub struct Excerpt(String);

impl Excerpt {
    pub(crate) fn of(text: &str) -> Self {
        Self(text.chars().take(128).collect())
    }

    /// Whether it is exactly this text.
    #[must_use]
    pub fn is(&self, text: &str) -> bool {
        self.0 == text
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_default())
    }
}

impl fmt::Debug for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
