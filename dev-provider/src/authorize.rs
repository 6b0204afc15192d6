//! The authorization endpoint: which requests are refused as a page, which are sent back, and how an answer travels.

use std::collections::BTreeSet;

use http::StatusCode;
use url::Url;

use crate::answer::{self, Reply};
use crate::form::{Ask, Params, with_query};
use crate::model::DevClient;
use crate::pages;
use crate::provider::DevProvider;

/// An authorization request that nobody has answered yet.
#[derive(Clone)]
pub(crate) struct Pending {
    pub(crate) return_to: ReturnTo,
    /// Whether an ID token goes with the code.
    pub(crate) hybrid: bool,
    pub(crate) scope: String,
    pub(crate) nonce: Option<String>,
    pub(crate) challenge: Option<String>,
    pub(crate) prompt: BTreeSet<String>,
    pub(crate) max_age: Option<u64>,
    /// The class of authentication that is asked for and can be given.
    pub(crate) acr: Option<String>,
    pub(crate) login_hint: Option<String>,
    /// The session that signed in for this very request.
    pub(crate) session: Option<String>,
}

impl Pending {
    pub(crate) fn prompts(&self, value: &str) -> bool {
        self.prompt.contains(value)
    }
}

/// Where an answer goes. Nothing is sent there before client and URI are known to belong together.
#[derive(Clone)]
pub(crate) struct ReturnTo {
    pub(crate) client_id: String,
    pub(crate) redirect_uri: String,
    state: Option<String>,
    form_post: bool,
}

/// An error for the client, by its code and a description.
pub(crate) type Refused = (&'static str, &'static str);

impl DevProvider {
    /// [OpenID Connect Core 3.1.2](https://openid.net/specs/openid-connect-core-1_0.html#AuthorizationEndpoint)
    pub(crate) fn authorize(&mut self, ask: &Ask, now: u64) -> Reply {
        let pushed = match self.take_pushed(&ask.params, now) {
            Ok(pushed) => pushed,
            Err(reason) => return answer::html(StatusCode::BAD_REQUEST, pages::error(reason)),
        };
        let params = pushed.as_ref().unwrap_or(&ask.params);
        let return_to = match self.return_to(params) {
            Ok(return_to) => return_to,
            Err(reason) => return answer::html(StatusCode::BAD_REQUEST, pages::error(reason)),
        };
        if self.require_par && pushed.is_none() {
            return self.refuse(&return_to, ("invalid_request", "the request must be pushed first"));
        }
        if let Some(refused) = self.refusal_of_all() {
            return self.refuse(&return_to, refused);
        }
        match self.pending(params, return_to.clone()) {
            Ok(pending) => self.proceed(pending, ask, now),
            Err(refused) => self.refuse(&return_to, refused),
        }
    }

    pub(crate) fn return_to(&self, params: &Params) -> Result<ReturnTo, &'static str> {
        if matches!(params.repeated(), Some("client_id" | "redirect_uri")) {
            return Err("The request names its client or its redirect_uri twice.");
        }
        let client_id = params.get("client_id").ok_or("The request has no client_id.")?;
        let client = self.client(client_id).ok_or("No client of this client_id is registered.")?;
        let redirect_uri = params.get("redirect_uri").ok_or("The request has no redirect_uri.")?;
        if !allows(&client.redirect_uris, redirect_uri) {
            return Err("This redirect_uri is not registered for the client.");
        }
        Ok(ReturnTo {
            client_id: client_id.to_owned(),
            redirect_uri: redirect_uri.to_owned(),
            state: params.get("state").map(str::to_owned),
            form_post: params.get("response_mode") == Some("form_post"),
        })
    }

    pub(crate) fn pending(&self, params: &Params, return_to: ReturnTo) -> Result<Pending, Refused> {
        if params.repeated().is_some() {
            return Err(("invalid_request", "a parameter is repeated"));
        }
        check_what_is_asked(params)?;
        let hybrid = is_hybrid(params)?;
        let public = self.client(&return_to.client_id).is_none_or(DevClient::is_public);
        let text = |name| params.get(name).map(str::to_owned);
        Ok(Pending {
            return_to,
            hybrid,
            scope: scope(params)?,
            nonce: text("nonce"),
            challenge: challenge(params, public)?,
            prompt: prompt(params)?,
            max_age: max_age(params)?,
            acr: self.acr(params),
            login_hint: text("login_hint"),
            session: None,
        })
    }

    /// The first that can be given, of those in order of preference.
    fn acr(&self, params: &Params) -> Option<String> {
        let mut asked = params.get("acr_values").unwrap_or_default().split_ascii_whitespace();
        asked.find(|value| self.acr_values.iter().any(|given| given == value)).map(str::to_owned)
    }

    pub(crate) fn refuse(&self, to: &ReturnTo, (code, description): Refused) -> Reply {
        self.respond(to, vec![("error", code.to_owned()), ("error_description", description.to_owned())])
    }

    /// Sends an authorization response, with `state` as it came and `iss`
    /// ([RFC 9207](https://www.rfc-editor.org/rfc/rfc9207#section-2)).
    pub(crate) fn respond(&self, to: &ReturnTo, mut params: Vec<(&'static str, String)>) -> Reply {
        if let Some(state) = &to.state {
            params.push(("state", state.clone()));
        }
        params.push(("iss", self.issuer().to_owned()));
        self.spoil_response(&mut params);
        if to.form_post {
            answer::html(StatusCode::OK, pages::form_post(&to.redirect_uri, &params))
        } else {
            answer::redirect(&with_query(&to.redirect_uri, &params))
        }
    }
}

/// Whether a redirect URI is registered: byte for byte, or any on a loopback host if none is.
pub(crate) fn allows(registered: &[String], uri: &str) -> bool {
    if registered.is_empty() { is_loopback(uri) } else { registered.iter().any(|known| known == uri) }
}

fn is_loopback(uri: &str) -> bool {
    let printable = uri.bytes().all(|byte| byte.is_ascii_graphic());
    let Ok(url) = Url::parse(uri) else { return false };
    let local = matches!(url.host_str(), Some("127.0.0.1" | "[::1]" | "localhost"));
    printable && local && matches!(url.scheme(), "http" | "https") && url.fragment().is_none()
}

impl DevClient {
    pub(crate) fn allows_after_logout(&self, uri: &str) -> bool {
        allows(&self.post_logout_redirect_uris, uri)
    }
}

fn check_what_is_asked(params: &Params) -> Result<(), Refused> {
    match params.get("response_mode") {
        None | Some("query" | "form_post") => {}
        Some(_) => return Err(("invalid_request", "response_mode must be query or form_post")),
    }
    if params.get("request").is_some() {
        return Err(("request_not_supported", "request objects are not supported"));
    }
    if params.get("request_uri").is_some() {
        return Err(("request_uri_not_supported", "request objects are not supported"));
    }
    Ok(())
}

/// [OpenID Connect Core 3.3.2.1](https://openid.net/specs/openid-connect-core-1_0.html#HybridAuthRequest); an ID token
/// travels in a form only.
fn is_hybrid(params: &Params) -> Result<bool, Refused> {
    match params.get("response_type") {
        None => return Err(("invalid_request", "response_type is missing")),
        Some("code") => return Ok(false),
        Some("code id_token" | "id_token code") => {}
        Some(_) => return Err(("unsupported_response_type", "response_type must be code or code id_token")),
    }
    if params.get("response_mode") != Some("form_post") {
        return Err(("invalid_request", "response_mode must be form_post for code id_token"));
    }
    if params.get("nonce").is_none() {
        return Err(("invalid_request", "nonce is missing, which code id_token needs"));
    }
    Ok(true)
}

fn scope(params: &Params) -> Result<String, Refused> {
    let scope = params.get("scope").unwrap_or_default();
    if scope.split(' ').any(|value| value == "openid") {
        Ok(scope.to_owned())
    } else {
        Err(("invalid_scope", "scope must contain openid"))
    }
}

/// [RFC 7636 4.3](https://www.rfc-editor.org/rfc/rfc7636#section-4.3); of the methods only `S256`.
fn challenge(params: &Params, public: bool) -> Result<Option<String>, Refused> {
    let Some(challenge) = params.get("code_challenge") else {
        return match (public, params.get("code_challenge_method")) {
            (true, _) => Err(("invalid_request", "a public client must send a code_challenge")),
            (false, Some(_)) => Err(("invalid_request", "code_challenge_method without code_challenge")),
            (false, None) => Ok(None),
        };
    };
    if params.get("code_challenge_method") != Some("S256") {
        return Err(("invalid_request", "code_challenge_method must be S256"));
    }
    let base64url = challenge.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    if challenge.len() == 43 && base64url {
        Ok(Some(challenge.to_owned()))
    } else {
        Err(("invalid_request", "code_challenge is not a SHA-256 in base64url"))
    }
}

fn prompt(params: &Params) -> Result<BTreeSet<String>, Refused> {
    let prompt: BTreeSet<String> =
        params.get("prompt").unwrap_or_default().split_ascii_whitespace().map(str::to_owned).collect();
    if prompt.contains("none") && prompt.len() > 1 {
        return Err(("invalid_request", "prompt=none goes with no other prompt"));
    }
    Ok(prompt)
}

fn max_age(params: &Params) -> Result<Option<u64>, Refused> {
    let parsed = params.get("max_age").map(str::parse).transpose();
    parsed.map_err(|_| ("invalid_request", "max_age is not a number of seconds"))
}
