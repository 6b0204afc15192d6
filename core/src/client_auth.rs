//! How a client proves to its provider who it is
//! ([OpenID Connect Core section 9](https://openid.net/specs/openid-connect-core-1_0.html#ClientAuthentication)).
//!
//! No private key is ever in this crate's hands: whoever has one signs, by a [`Signer`].

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base64ct::{Base64, Encoding};
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderValue;
use serde_json::{Map, Value, json};
use sha2::Sha256;

use crate::entropy::{self, EntropySource};
use crate::error::{Error, UsageError};
use crate::jose::base64url;
use crate::secret::Secret;
use crate::time::UnixTime;

/// How the client authenticates at the token endpoint and those like it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientAuth {
    /// `client_secret_basic`.
    Basic,
    /// `client_secret_post`.
    Post,
    /// `client_secret_jwt`: an assertion by HS256, so that the secret itself is never sent
    /// ([RFC 7523 section 2.2](https://www.rfc-editor.org/rfc/rfc7523#section-2.2)).
    SecretJwt,
    /// `private_key_jwt`: an assertion by the client's [`Signer`].
    PrivateKeyJwt,
    /// `tls_client_auth` or `self_signed_tls_client_auth`: by the certificate that your own HTTP client shows. The provider's
    /// `mtls_endpoint_aliases` are used where it has them
    /// ([RFC 8705 section 5](https://www.rfc-editor.org/rfc/rfc8705#section-5)).
    Tls,
    /// `none`: a public client.
    None,
}

impl ClientAuth {
    /// The name in a provider's `token_endpoint_auth_methods_supported`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Basic => "client_secret_basic",
            Self::Post => "client_secret_post",
            Self::SecretJwt => "client_secret_jwt",
            Self::PrivateKeyJwt => "private_key_jwt",
            Self::Tls => "tls_client_auth",
            Self::None => "none",
        }
    }

    /// Whether a provider that lists these methods takes this one.
    pub(crate) fn is_among(self, offered: &[String]) -> bool {
        let named = |name: &str| offered.iter().any(|offered| offered == name);
        named(self.name()) || (self == Self::Tls && named("self_signed_tls_client_auth"))
    }
}

/// A private key of the client's, wherever it is: in memory, by `aws-lc-rs` or another library, or in a KMS.
///
/// It is called while a request of the client's own is made, on the thread that runs the flow, and the flow waits for it. On
/// tokio, one that has to wait for a network belongs on a runtime of several threads, inside of `block_in_place`.
pub trait Signer: Send + Sync {
    /// The algorithm's name in a token's header, such as `RS256` or `ES256`
    /// ([RFC 7518 section 3.1](https://www.rfc-editor.org/rfc/rfc7518#section-3.1)).
    fn algorithm(&self) -> &str;

    /// The name of the key as the provider knows it, for the header's `kid`; none, unless told.
    fn key_id(&self) -> Option<&str> {
        None
    }

    /// Further members of the header, such as `x5t#S256`, which Entra ID knows a certificate by; none, unless told. They do not
    /// take the place of `alg`, `kid` and `typ`.
    fn header(&self) -> Map<String, Value> {
        Map::new()
    }

    /// The signature of `message`, as a JWS carries it: of ES256, the two numbers of 32 bytes each, and no DER
    /// ([RFC 7518 section 3.4](https://www.rfc-editor.org/rfc/rfc7518#section-3.4)).
    ///
    /// # Errors
    /// [`SigningFailed`]: the flow then ends as [`UsageError::Signing`].
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningFailed>;
}

/// A client secret that changes: it is asked for at each request that needs it. A closure from the time to the secret is one.
pub trait SecretSource: Send + Sync {
    /// The secret to be used now.
    ///
    /// # Errors
    /// [`SigningFailed`]: the flow then ends as [`UsageError::Signing`].
    fn secret(&self, now: UnixTime) -> Result<Secret, SigningFailed>;
}

impl<F> SecretSource for F
where
    F: Fn(UnixTime) -> Result<Secret, SigningFailed> + Send + Sync,
{
    fn secret(&self, now: UnixTime) -> Result<Secret, SigningFailed> {
        self(now)
    }
}

/// Why there is no signature or secret. The text is for logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningFailed(pub String);

impl fmt::Display for SigningFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SigningFailed {}

/// A client secret that is itself a token of the client's making, as Apple wants it: `iss` is the team, `sub` the client,
/// `aud` the provider, by ES256.
pub struct SignedSecret {
    signer: Arc<dyn Signer>,
    issuer: String,
    subject: String,
    audience: String,
}

impl SignedSecret {
    /// Apple's, for a team and one of its services.
    #[must_use]
    pub fn apple(team_id: &str, client_id: &str, signer: Arc<dyn Signer>) -> Self {
        let [issuer, subject] = [team_id, client_id].map(str::to_owned);
        Self { signer, issuer, subject, audience: "https://appleid.apple.com".to_owned() }
    }
}

impl SecretSource for SignedSecret {
    fn secret(&self, now: UnixTime) -> Result<Secret, SigningFailed> {
        let claims = json!({
            "iss": self.issuer,
            "sub": self.subject,
            "aud": self.audience,
            "iat": now.as_secs(),
            "exp": now.saturating_add(LIFETIME).as_secs(),
        });
        if self.signer.algorithm() != "ES256" {
            let algorithm = self.signer.algorithm();
            return Err(SigningFailed(format!(
                "the provider takes ES256 alone, and the key signs by {algorithm}"
            )));
        }
        signed(&*self.signer, &claims).map(Secret::new)
    }
}

/// How long an assertion is good.
const LIFETIME: Duration = Duration::from_secs(60);

/// To whom an assertion is addressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum AssertionAudience {
    /// The issuer: no other provider can then use it, whatever it calls its endpoints.
    Issuer,
    /// The token endpoint, for providers that take nothing else; the issuer all the same, where it is sent to another origin
    /// ([OpenID Connect Core section 9](https://openid.net/specs/openid-connect-core-1_0.html#ClientAuthentication)).
    TokenEndpoint,
}

/// What the client has to prove itself by.
#[derive(Clone)]
pub(crate) enum Credentials {
    None,
    Certificate,
    Secret { by: SecretAuth, source: Arc<dyn SecretSource> },
    Key(Arc<dyn Signer>),
}

/// What becomes of a secret.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum SecretAuth {
    Basic,
    Post,
    Jwt,
}

/// Shows nothing of what is secret.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Certificate => "Certificate",
            Self::Secret { .. } => "Secret([redacted])",
            Self::Key(_) => "Key([redacted])",
        })
    }
}

/// What of a request proves who sends it.
pub(crate) struct Proof {
    pub(crate) authorization: Option<HeaderValue>,
    pub(crate) parameters: Vec<(&'static str, String)>,
    /// What of it nobody else may learn.
    pub(crate) secrets: Vec<Secret>,
}

impl Credentials {
    /// `audience` is for an assertion.
    pub(crate) fn prove(
        &self,
        client_id: &str,
        audience: &str,
        entropy: &dyn EntropySource,
        now: UnixTime,
    ) -> Result<Proof, Error> {
        let named = || ("client_id", client_id.to_owned());
        let assertion = || assertion_claims(client_id, audience, entropy, now);
        match self {
            Self::None | Self::Certificate => {
                Ok(Proof { authorization: None, parameters: vec![named()], secrets: Vec::new() })
            }
            Self::Key(signer) => Ok(Proof::by_assertion(signed(&**signer, &assertion()?)?)),
            Self::Secret { by, source } => {
                let secret = source.secret(now)?;
                match by {
                    SecretAuth::Basic => {
                        let credentials = basic(client_id, secret.expose());
                        let authorization = Some(authorization(&credentials)?);
                        Ok(Proof {
                            authorization,
                            parameters: Vec::new(),
                            secrets: vec![secret, credentials],
                        })
                    }
                    SecretAuth::Post => {
                        let parameters = vec![named(), ("client_secret", secret.expose().to_owned())];
                        Ok(Proof { authorization: None, parameters, secrets: vec![secret] })
                    }
                    SecretAuth::Jwt => Ok(Proof::by_assertion(authenticated(&secret, &assertion()?)?)),
                }
            }
        }
    }
}

impl Proof {
    fn by_assertion(assertion: String) -> Self {
        let secrets = vec![Secret::new(&assertion)];
        let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer".to_owned();
        let parameters = vec![("client_assertion_type", kind), ("client_assertion", assertion)];
        Self { authorization: None, parameters, secrets }
    }
}

/// [RFC 7523 section 3](https://www.rfc-editor.org/rfc/rfc7523#section-3), good for one request.
fn assertion_claims(
    client_id: &str,
    audience: &str,
    entropy: &dyn EntropySource,
    now: UnixTime,
) -> Result<Value, Error> {
    Ok(json!({
        "iss": client_id,
        "sub": client_id,
        "aud": audience,
        "jti": entropy::token(entropy)?,
        "iat": now.as_secs(),
        "exp": now.saturating_add(LIFETIME).as_secs(),
    }))
}

fn signed(signer: &dyn Signer, claims: &Value) -> Result<String, SigningFailed> {
    let input = signing_input(signer.header(), signer.algorithm(), signer.key_id(), claims);
    let signature = signer.sign(input.as_bytes())?;
    Ok(format!("{input}.{}", base64url::encode(&signature)))
}

/// By HS256 ([RFC 7518 section 3.2](https://www.rfc-editor.org/rfc/rfc7518#section-3.2)).
fn authenticated(secret: &Secret, claims: &Value) -> Result<String, SigningFailed> {
    let input = signing_input(Map::new(), "HS256", None, claims);
    // https://openid.net/specs/openid-connect-core-1_0.html#Signing: a source may give any.
    if secret.expose().len() < 32 {
        return Err(SigningFailed("the client_secret has fewer than 32 bytes, too few for HS256".to_owned()));
    }
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes())
        .map_err(|error| SigningFailed(error.to_string()))?;
    mac.update(input.as_bytes());
    Ok(format!("{input}.{}", base64url::encode(&mac.finalize().into_bytes())))
}

fn signing_input(
    mut header: Map<String, Value>,
    algorithm: &str,
    key_id: Option<&str>,
    claims: &Value,
) -> String {
    let named = [("alg", Some(algorithm)), ("kid", key_id), ("typ", Some("JWT"))];
    header.extend(named.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.into()))));
    let [header, claims] = [Value::Object(header).to_string(), claims.to_string()]
        .map(|text| base64url::encode(text.as_bytes()));
    format!("{header}.{claims}")
}

/// Both parts are form-encoded first ([RFC 6749 section 2.3.1](https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1)).
fn basic(client_id: &str, secret: &str) -> Secret {
    let encode = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let credentials = format!("{}:{}", encode(client_id), encode(secret));
    Secret::new(Base64::encode_string(credentials.as_bytes()))
}

fn authorization(credentials: &Secret) -> Result<HeaderValue, SigningFailed> {
    let mut value = HeaderValue::try_from(format!("Basic {}", credentials.expose()))
        .map_err(|error| SigningFailed(error.to_string()))?;
    value.set_sensitive(true);
    Ok(value)
}

impl From<SigningFailed> for Error {
    fn from(failed: SigningFailed) -> Self {
        UsageError::Signing(failed.0).into()
    }
}
