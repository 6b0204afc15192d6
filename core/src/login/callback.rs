//! The callback: what the browser brings back, and whether it belongs to a sign-in.

use std::collections::HashSet;
use std::fmt;

use url::form_urlencoded;

use super::{LoginState, MAX_CALLBACK_FORM};
use crate::config::{Config, ResponseType};
use crate::discovery::Metadata;
use crate::error::{CallbackError, Excerpt};
use crate::secret::Secret;
use crate::time::UnixTime;
use crate::token::equal;

/// The most parameters of a callback.
const MAX_PARAMETERS: usize = 32;

/// What the provider sent back by way of the browser; nothing of it is proven yet.
pub struct Callback {
    pub(crate) state: Secret,
    iss: Option<String>,
    outcome: Outcome,
    id_token: Option<Secret>,
    others: Parameters,
}

enum Outcome {
    Code(Secret),
    Error { code: Excerpt, description: Option<Excerpt> },
}

impl Callback {
    /// Takes a query or a form body, without a leading `?`.
    ///
    /// # Errors
    /// [`CallbackError::DuplicateParameter`], [`CallbackError::StateMissing`] or [`CallbackError::Malformed`].
    pub fn parse(text: &str) -> Result<Self, CallbackError> {
        if text.len() > MAX_CALLBACK_FORM {
            return Err(CallbackError::Malformed);
        }
        let mut parameters = Parameters::parse(text)?;
        // It is never asked for: https://www.rfc-editor.org/rfc/rfc9700#section-2.1.2
        if parameters.take("access_token").is_some() {
            return Err(CallbackError::Malformed);
        }
        let state =
            parameters.take("state").filter(|state| !state.is_empty()).ok_or(CallbackError::StateMissing)?;
        let error = parameters.take("error");
        let code = parameters.take("code").filter(|code| !code.is_empty());
        let outcome = match (error, code) {
            (Some(code), _) => {
                let description = parameters.take("error_description").map(|text| Excerpt::of(&text));
                Outcome::Error { code: Excerpt::of(&code), description }
            }
            (None, Some(code)) => Outcome::Code(Secret::new(code)),
            (None, None) => return Err(CallbackError::Malformed),
        };
        let (iss, id_token) = (parameters.take("iss"), parameters.take("id_token").map(Secret::new));
        Ok(Self { state: Secret::new(state), iss, outcome, id_token, others: parameters })
    }

    /// A parameter that the protocol does not know, such as Apple's `user`. Nobody has vouched for it: who signs in can write
    /// what they like.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.others.get(name)
    }

    /// That it answers this sign-in, of this browser and this issuer, in time.
    pub(crate) fn check(
        &self,
        login: &LoginState,
        config: &Config,
        response_type: ResponseType,
        now: UnixTime,
    ) -> Result<(), CallbackError> {
        let ours = equal(self.state.expose(), login.state.expose()) && login.issuer == config.issuer.0;
        if !ours || now >= login.expires_at() {
            return Err(CallbackError::StateMismatch);
        }
        // https://www.rfc-editor.org/rfc/rfc9207#section-2.4
        if self.iss.as_ref().is_some_and(|iss| !config.allows_issuer(iss)) {
            return Err(CallbackError::IssuerMismatch);
        }
        // Where a code was asked for, an ID token beside it is none of ours; where both were, neither goes without the other.
        match (&self.outcome, response_type) {
            (Outcome::Code(_), ResponseType::CodeIdToken) if self.id_token.is_none() => {
                Err(CallbackError::Malformed)
            }
            (_, ResponseType::Code) if self.id_token.is_some() => Err(CallbackError::Malformed),
            _ => Ok(()),
        }
    }

    /// The code, to be sent to the token endpoint once.
    pub(crate) fn into_code(self, metadata: &Metadata) -> Result<Secret, CallbackError> {
        if metadata.sends_iss && self.iss.is_none() {
            return Err(CallbackError::IssuerParamMissing);
        }
        match self.outcome {
            Outcome::Code(code) => Ok(code),
            Outcome::Error { code, description } => Err(CallbackError::Provider { code, description }),
        }
    }

    /// The ID token that came with a code, and the code.
    pub(crate) fn id_token_with_code(&self) -> Option<(Secret, Secret)> {
        match (&self.id_token, &self.outcome) {
            (Some(id_token), Outcome::Code(code)) => Some((id_token.clone(), code.clone())),
            _ => None,
        }
    }

    /// The provider's error, if it is one: nothing need be fetched to say so.
    pub(crate) fn error(&self) -> Option<CallbackError> {
        match &self.outcome {
            Outcome::Code(_) => None,
            Outcome::Error { code, description } => {
                Some(CallbackError::Provider { code: code.clone(), description: description.clone() })
            }
        }
    }
}

/// Shows nothing: a callback is made of secrets.
impl fmt::Debug for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Callback")
    }
}

/// The parameters of a callback, none of which may stand twice
/// ([RFC 6749 section 3.1](https://www.rfc-editor.org/rfc/rfc6749#section-3.1)).
struct Parameters(Vec<(String, String)>);

impl Parameters {
    fn parse(text: &str) -> Result<Self, CallbackError> {
        let mut names = HashSet::new();
        let mut pairs = Vec::new();
        for (name, value) in form_urlencoded::parse(text.as_bytes()) {
            // `code[]` is an array to some parsers, and so a second `code`.
            let base = name.split('[').next().unwrap_or_default().to_owned();
            if !names.insert(base) {
                return Err(CallbackError::DuplicateParameter);
            }
            pairs.push((name.into_owned(), value.into_owned()));
            if pairs.len() > MAX_PARAMETERS {
                return Err(CallbackError::Malformed);
            }
        }
        Ok(Self(pairs))
    }

    fn take(&mut self, wanted: &str) -> Option<String> {
        let at = self.0.iter().position(|(name, _)| name == wanted)?;
        Some(self.0.swap_remove(at).1)
    }

    fn get(&self, wanted: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callback_is_taken_apart_strictly() {
        let error = |text| Callback::parse(text).err();
        assert_eq!(error("code=c&state=s"), None);
        assert_eq!(error("code=c"), Some(CallbackError::StateMissing));
        assert_eq!(error("state=s"), Some(CallbackError::Malformed));
        assert_eq!(error("&"), Some(CallbackError::StateMissing));
        for twice in
            ["code=c&code=d&state=s", "code=c&state=s&state=s", "code=c&code[]=d&state=s", "a=1&a=1&state=s"]
        {
            assert_eq!(error(twice), Some(CallbackError::DuplicateParameter), "{twice}");
        }
        let many: String = (0..33).map(|number| format!("p{number}=1&")).collect();
        assert_eq!(error(&many), Some(CallbackError::Malformed));
    }

    #[test]
    fn an_error_wins_over_a_code() {
        let callback = Callback::parse("code=c&state=s&error=access_denied").unwrap();
        assert!(
            matches!(callback.error(), Some(CallbackError::Provider { code, .. }) if code.is("access_denied"))
        );
    }
}
