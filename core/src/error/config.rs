//! Your fault, before anything runs: a bad setting.

use std::fmt;

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

/// Settings that only a program can make.
const WITHOUT_VARIABLE: [&str; 21] = [
    "access_token_issuers",
    "api_paths",
    "authorization_endpoint",
    "authorize_parameter",
    "danger",
    "end_session_endpoint",
    "introspection_endpoint",
    "issuers",
    "jwks_uri",
    "logout",
    "max_stale",
    "metadata_url",
    "policy",
    "profile",
    "pushed_authorization_request_endpoint",
    "refresh_between",
    "revocation_endpoint",
    "static_keys",
    "token_endpoint",
    "token_parameter",
    "userinfo_endpoint",
];

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if WITHOUT_VARIABLE.contains(&self.setting) {
            return write!(f, "setting {}: {}", self.setting, self.problem);
        }
        write!(f, "OIDC_{}: {}", self.setting.to_ascii_uppercase(), self.problem)
    }
}

impl std::error::Error for ConfigError {}
