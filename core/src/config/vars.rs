//! Settings as variables.

use std::time::Duration;

use super::{ClientAuth, ResponseMode};
use crate::error::ConfigError;

/// Settings as variables: `OIDC_` and the name in upper case.
pub(super) struct Vars<'a>(pub(super) &'a dyn Fn(&str) -> Option<String>);

impl Vars<'_> {
    pub(super) fn optional(&self, setting: &'static str) -> Result<Option<String>, ConfigError> {
        match (self.0)(&format!("OIDC_{}", setting.to_ascii_uppercase())) {
            Some(value) if value.is_empty() => Err(ConfigError::new(setting, "is set but empty")),
            value => Ok(value),
        }
    }

    pub(super) fn required(&self, setting: &'static str) -> Result<String, ConfigError> {
        self.optional(setting)?.ok_or_else(|| ConfigError::new(setting, "is required and not set"))
    }

    pub(super) fn parsed<T, P: std::fmt::Display>(
        &self,
        setting: &'static str,
        parse: fn(&str) -> Result<T, P>,
    ) -> Result<Option<T>, ConfigError> {
        let Some(text) = self.optional(setting)? else { return Ok(None) };
        parse(&text).map(Some).map_err(|problem| ConfigError::new(setting, format!("{problem}: {text:?}")))
    }

    pub(super) fn list<T>(
        &self,
        setting: &'static str,
        parse: fn(&str) -> Option<T>,
        known: &str,
    ) -> Result<Option<Vec<T>>, ConfigError> {
        let Some(text) = self.optional(setting)? else { return Ok(None) };
        let items: Option<Vec<T>> = text.split(',').map(|item| parse(item.trim())).collect();
        let wrong = || ConfigError::new(setting, format!("is none of {known}: {text:?}"));
        items.map(Some).ok_or_else(wrong)
    }

    pub(super) fn seconds(&self, setting: &'static str) -> Result<Option<Duration>, ConfigError> {
        let Some(text) = self.optional(setting)? else { return Ok(None) };
        let wrong = |_| ConfigError::new(setting, format!("is not a whole number of seconds: {text:?}"));
        text.parse().map(|seconds| Some(Duration::from_secs(seconds))).map_err(wrong)
    }
}

pub(super) fn client_auth(name: &str) -> Result<ClientAuth, &'static str> {
    match name {
        "basic" => Ok(ClientAuth::Basic),
        "post" => Ok(ClientAuth::Post),
        "none" => Ok(ClientAuth::None),
        "secret_jwt" => Ok(ClientAuth::SecretJwt),
        "private_key_jwt" => Ok(ClientAuth::PrivateKeyJwt),
        _ => Err("is none of basic, post, secret_jwt, private_key_jwt, none"),
    }
}

pub(super) fn switch(name: &str) -> Result<bool, &'static str> {
    match name {
        "1" => Ok(true),
        "0" => Ok(false),
        _ => Err("is neither 0 nor 1"),
    }
}

pub(super) fn response_mode(name: &str) -> Result<ResponseMode, &'static str> {
    match name {
        "query" => Ok(ResponseMode::Query),
        "form_post" => Ok(ResponseMode::FormPost),
        _ => Err("is neither query nor form_post"),
    }
}
