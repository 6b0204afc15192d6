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

/// Settings that are variables, too, here or in the drivers.
const VARIABLES: [&str; 19] = [
    "algorithms",
    "audience",
    "bearer",
    "ca_file",
    "client_auth",
    "client_id",
    "client_key_file",
    "client_key_id",
    "client_secret",
    "cookie_secret",
    "issuer",
    "leeway",
    "query_token",
    "redirect_uri",
    "response_mode",
    "scopes",
    "session_absolute",
    "session_idle",
    "session_store",
];

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if VARIABLES.contains(&self.setting) {
            return write!(f, "OIDC_{}: {}", self.setting.to_ascii_uppercase(), self.problem);
        }
        write!(f, "setting {}: {}", self.setting, self.problem)
    }
}

impl std::error::Error for ConfigError {}
