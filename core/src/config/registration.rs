//! The client as the provider is to know it: how people sign in, and how it proves who it is.

use std::sync::Arc;

use super::builder::ConfigBuilder;
use super::check::{check_parameters, parse_redirect_uri};
use super::{ClientAuth, Registration, ResponseMode, ResponseType, SignIn};
use crate::client_auth::{Credentials, SecretAuth, SecretSource, SigningFailed};
use crate::error::ConfigError;
use crate::secret::Secret;
use crate::time::UnixTime;

impl ConfigBuilder {
    pub(super) fn registration(&self) -> Result<Option<Registration>, ConfigError> {
        let Some(client_id) = &self.client_id else { return self.no_client() };
        if client_id.is_empty() {
            return Err(ConfigError::new("client_id", "is empty"));
        }
        let sign_in = self.redirect_uri.as_deref().map(|uri| self.sign_in(uri)).transpose()?;
        check_parameters(&self.profile)?;
        let (client_auth, credentials) = self.credentials()?;
        Ok(Some(Registration { client_id: client_id.clone(), client_auth, credentials, sign_in }))
    }

    fn no_client(&self) -> Result<Option<Registration>, ConfigError> {
        let secret = self.client_secret.is_some() || self.secret_source.is_some() || self.signer.is_some();
        if !secret {
            return Ok(None);
        }
        Err(ConfigError::new(
            "client_id",
            "is missing, and there is a secret or key that would never be used",
        ))
    }

    fn sign_in(&self, redirect_uri: &str) -> Result<SignIn, ConfigError> {
        let (scopes, profile) = (self.asked_scopes(), &self.profile);
        if !scopes.split(' ').any(|scope| scope == "openid") {
            return Err(ConfigError::new("scopes", "must contain openid"));
        }
        let usual = match self.response_type {
            ResponseType::Code => ResponseMode::Query,
            ResponseType::CodeIdToken => ResponseMode::FormPost,
        };
        let response_mode = self.response_mode.or(profile.response_mode).unwrap_or(usual);
        if self.response_type == ResponseType::CodeIdToken && response_mode != ResponseMode::FormPost {
            let problem = "must be form_post where an ID token comes with the code";
            return Err(ConfigError::new("response_mode", problem));
        }
        if self.response_type == ResponseType::CodeIdToken && !profile.nonce.sends_one() {
            let problem = "is code id_token, which needs a nonce";
            return Err(ConfigError::new("response_type", problem));
        }
        Ok(SignIn {
            redirect_uri: parse_redirect_uri(redirect_uri)?,
            scopes: scopes.to_owned(),
            response_type: self.response_type,
            response_mode,
            pushed: self.pushed,
            userinfo: self.userinfo.unwrap_or(profile.userinfo),
        })
    }

    /// One way to prove who the client is, and what that needs.
    fn credentials(&self) -> Result<(ClientAuth, Credentials), ConfigError> {
        let wrong = |problem| Err(ConfigError::new("client_auth", problem));
        let source: Option<Arc<dyn SecretSource>> = match (&self.client_secret, &self.secret_source) {
            (Some(secret), _) if secret.expose().is_empty() => {
                return Err(ConfigError::new("client_secret", "is empty"));
            }
            (Some(_), Some(_)) => {
                return Err(ConfigError::new("client_secret", "is set, and a source of it is set too"));
            }
            (Some(secret), None) => Some(Arc::new(Fixed(secret.clone()))),
            (None, source) => source.as_ref().map(|source| Arc::clone(&source.0)),
        };
        let by_secret = self.profile.client_auth.unwrap_or(ClientAuth::Basic);
        let auth = self.client_auth.unwrap_or(match (&source, &self.signer) {
            (Some(_), _) => by_secret,
            (None, Some(_)) => ClientAuth::PrivateKeyJwt,
            (None, None) if self.profile.client_auth == Some(ClientAuth::Tls) => ClientAuth::Tls,
            (None, None) => ClientAuth::None,
        });
        let by = match auth {
            ClientAuth::Basic => SecretAuth::Basic,
            ClientAuth::Post => SecretAuth::Post,
            ClientAuth::SecretJwt => SecretAuth::Jwt,
            _ if source.is_some() => {
                return Err(ConfigError::new(
                    "client_auth",
                    format!("is {}, and there is a client_secret that would never be used", auth.name()),
                ));
            }
            ClientAuth::PrivateKeyJwt => {
                return match &self.signer {
                    Some(signer) => Ok((auth, Credentials::Key(Arc::clone(&signer.0)))),
                    None => wrong("is private_key_jwt, and there is no key to sign with"),
                };
            }
            ClientAuth::Tls | ClientAuth::None if self.signer.is_some() => {
                return wrong("goes without a signature, and there is a key that would never be used");
            }
            ClientAuth::Tls => return Ok((auth, Credentials::Certificate)),
            ClientAuth::None => return Ok((auth, Credentials::None)),
        };
        if self.signer.is_some() {
            return wrong("is by a client_secret, and there is a key that would never be used");
        }
        let short = |secret: &Secret| secret.expose().len() < HS256_SECRET;
        match source {
            Some(_) if by == SecretAuth::Jwt && self.client_secret.as_ref().is_some_and(short) => Err(
                ConfigError::new("client_secret", "has fewer than 32 bytes, too few for client_secret_jwt"),
            ),
            Some(source) => Ok((auth, Credentials::Secret { by, source })),
            None => Err(ConfigError::new("client_secret", "is required by the chosen client_auth")),
        }
    }
}

/// The fewest bytes of a secret for HS256
/// ([OpenID Connect Core section 10.1](https://openid.net/specs/openid-connect-core-1_0.html#Signing)).
const HS256_SECRET: usize = 32;

/// A secret that stays the same.
struct Fixed(Secret);

impl SecretSource for Fixed {
    fn secret(&self, _: UnixTime) -> Result<Secret, SigningFailed> {
        Ok(self.0.clone())
    }
}
