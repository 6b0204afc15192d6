//! What must hold for any text that is taken for a callback.

use std::collections::HashSet;
use std::sync::LazyLock;

use oidc_core::error::{CallbackError, Error};
use oidc_core::login::LoginState;
use oidc_core::step::{Purpose, StoreAnswer};
use oidc_core::{Callback, Client, LoginOptions, Step};

use crate::common::{ISSUER, NOW, answerable, client, config, documents, parameter, presentable, run};

static TRIAL: LazyLock<Trial> = LazyLock::new(Trial::new);

/// Checks all that must hold, and tells whether a code was redeemed. `$S` in an input stands for the right `state`.
///
/// # Panics
/// If something does not hold.
pub(crate) fn check(input: &[u8]) -> bool {
    let text = String::from_utf8_lossy(input).replace("$S", &TRIAL.state);
    TRIAL.judge(&text)
}

struct Trial {
    client: Client,
    login: LoginState,
    state: String,
}

impl Trial {
    fn new() -> Self {
        let config = config().session_store(true).build().expect("the settings are right");
        let client = client(&config);
        let begun = run(client.begin_login(LoginOptions::default(), NOW), documents, NOW);
        let redirect = begun.expect("the provider is good");
        let state = parameter(redirect.url.query().unwrap_or_default(), "state").expect("there is one");
        Self { client, login: redirect.login, state }
    }

    fn judge(&self, text: &str) -> bool {
        let read = read(text);
        let callback = match Callback::parse(text) {
            Ok(callback) => callback,
            Err(error) => {
                let fit = [
                    CallbackError::DuplicateParameter,
                    CallbackError::StateMissing,
                    CallbackError::Malformed,
                ];
                assert!(fit.contains(&error), "{error}");
                assert!(read.is_none(), "{text:?} is refused");
                presentable(&error, Error::from(error.clone()).code());
                return false;
            }
        };
        assert_eq!(format!("{callback:?}"), "Callback");
        let read = read.expect("a callback is taken that is none");
        let (ours, issuer) = (read.state == self.state, read.iss.as_deref().is_none_or(|iss| iss == ISSUER));
        match self.client.finish_login(self.login.clone(), callback, NOW) {
            Step::Done(Err(error)) => {
                answerable(&error);
                let expected = match (ours, issuer) {
                    (false, _) => CallbackError::StateMismatch,
                    (true, false) => CallbackError::IssuerMismatch,
                    (true, true) => CallbackError::Malformed,
                };
                assert!(!(ours && issuer && !read.id_token) && error == Error::Callback(expected), "{error}");
                false
            }
            Step::Store(_, reply) => {
                assert!(ours && issuer && !read.id_token);
                match reply.resume(Ok(StoreAnswer::Taken(true)), NOW) {
                    Step::Done(Err(error)) => {
                        answerable(&error);
                        assert!(
                            read.is_error && matches!(error, Error::Callback(CallbackError::Provider { .. }))
                        );
                        false
                    }
                    Step::Fetch(fetch, _) => {
                        assert!(!read.is_error && fetch.purpose == Purpose::Token && !fetch.shared);
                        let body = std::str::from_utf8(fetch.request.body()).expect("a form is text");
                        assert_eq!(parameter(body, "code"), read.code);
                        assert_eq!(parameter(body, "grant_type").as_deref(), Some("authorization_code"));
                        assert_eq!(url::form_urlencoded::parse(body.as_bytes()).count(), 4);
                        true
                    }
                    other => panic!("{other:?}"),
                }
            }
            other => panic!("{other:?}"),
        }
    }
}

struct Read {
    state: String,
    code: Option<String>,
    iss: Option<String>,
    is_error: bool,
    /// One that nobody asked for.
    id_token: bool,
}

/// A second reading of a callback.
fn read(text: &str) -> Option<Read> {
    let pairs: Vec<(String, String)> = text
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decoded(name), decoded(value)))
        .collect();
    let mut names = HashSet::new();
    let once = pairs.iter().all(|(name, _)| names.insert(name.split('[').next().unwrap_or_default()));
    let has = |wanted: &str| pairs.iter().any(|(name, _)| name == wanted);
    if text.len() > 65_536 || pairs.len() > 32 || !once || has("access_token") {
        return None;
    }
    let find = |name: &str| pairs.iter().find(|(found, _)| found == name).map(|(_, value)| value.clone());
    let state = find("state").filter(|state| !state.is_empty())?;
    let code = find("code").filter(|code| !code.is_empty());
    let is_error = find("error").is_some();
    let (iss, id_token) = (find("iss"), has("id_token"));
    (is_error || code.is_some()).then_some(Read { state, code, iss, is_error, id_token })
}

fn decoded(text: &str) -> String {
    let text = text.replace('+', " ");
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = |digit: u8| char::from(digit).to_digit(16);
        let escaped = match after {
            [high, low, ..] if *first == b'%' => hex(*high).zip(hex(*low)),
            _ => None,
        };
        match escaped {
            Some((high, low)) => {
                bytes.push((high * 16 + low) as u8);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
