//! What must hold for any bytes as a request to a guarded server.
//!
//! The first line is method and target; before them, `!` asks for an identity and `?` for a scope as well. Header lines
//! follow, and after an empty line the body. A header `provider` tells what the provider does: `down`, `junk`, `empty` or
//! `error`. In headers, body and target `$S` stands for a sealed session, `$N` and `$L` for name and value of a sign-in's
//! cookie, `$Q` for its `state`, `$B` for a good bearer token, `$K` for one of an unknown key, `$O` for a logout token, and
//! `$C` for a text that no answer may show.

use std::sync::LazyLock;

use http::{Method, StatusCode};
use oidc_core::guard::{Policy, Source};
use oidc_core::step::{FetchError, FetchResult, Purpose};
use oidc_core::{Config, Guard, Identity, Incoming, Verdict};

use crate::common::{
    CLIENT, ISSUER, NOW, ORIGIN, Raw, SignedIn, access_token, answer, client, config, documents, id_token,
    json, logout_token, run, sign_in,
};

static TRIAL: LazyLock<Trial> = LazyLock::new(Trial::new);
const CANARY: &str = "cAnArY7";

/// Checks all that must hold, and tells whether somebody was let in.
///
/// # Panics
/// If something does not hold.
pub(crate) fn check(input: &[u8]) -> bool {
    TRIAL.judge(input)
}

struct Trial {
    config: Config,
    signed_in: SignedIn,
    token: String,
    logout_token: String,
    stand_ins: [(u8, String); 8],
}

impl Trial {
    fn new() -> Self {
        let config = config().build().expect("the settings are right");
        let signed_in = sign_in(&Guard::new(client(&config)).expect("there is a cookie secret"), NOW);
        let token = access_token(ISSUER, "fuzz", NOW);
        let logout_token = logout_token(ISSUER, NOW);
        let (name, value) = signed_in.login.clone();
        let stand_ins = [
            (b'S', format!("1~{}", signed_in.session)),
            (b'N', name),
            (b'L', value),
            (b'Q', signed_in.state.clone()),
            (b'B', token.clone()),
            (b'K', access_token(ISSUER, "none", NOW)),
            (b'O', logout_token.clone()),
            (b'C', CANARY.to_owned()),
        ];
        Self { config, signed_in, token, logout_token, stand_ins }
    }

    fn expanded(&self, text: &[u8]) -> Vec<u8> {
        let mut expanded = Vec::new();
        let mut rest = text;
        while let Some((first, after)) = rest.split_first() {
            let stand_in =
                self.stand_ins.iter().find(|(name, _)| *first == b'$' && after.first() == Some(name));
            match stand_in {
                Some((_, value)) => expanded.extend_from_slice(value.as_bytes()),
                None => expanded.push(*first),
            }
            rest = &after[usize::from(stand_in.is_some())..];
        }
        expanded
    }

    fn judge(&self, input: &[u8]) -> bool {
        let request = Request::read(&self.expanded(input));
        let guard = Guard::new(client(&self.config)).expect("there is a cookie secret");
        let limit = guard.body_limit(&request.incoming(None));
        let own_form = ["/callback", "/backchannel-logout"].contains(&request.path());
        assert_eq!(limit.is_some(), own_form && request.method == Method::POST);
        let incoming = request.incoming(limit.and(request.body.as_deref()));
        let step = match request.mode {
            b'!' => guard.require(incoming, NOW),
            b'?' => {
                let policy = Policy::builder().scopes(&["read"]).build().expect("it is a scope");
                guard.require_policy(incoming, &policy, NOW)
            }
            _ => guard.check(incoming, NOW),
        };
        let provider = request.headers.0.iter().find(|(name, _)| name == "provider");
        let provider = provider.map(|(_, value)| value.trim_ascii()).unwrap_or_default();
        match run(step, |purpose| self.provide(provider, purpose), NOW) {
            Verdict::Allow { identity, headers } => {
                let cookies = headers.iter().any(|(name, _)| name == "set-cookie");
                let uncached =
                    headers.iter().any(|(name, value)| name == "cache-control" && value == "no-store");
                assert_eq!(cookies, uncached);
                check_cookies(&headers);
                self.admitted(&request, identity.as_ref())
            }
            Verdict::Reply { status, headers, body } => {
                if status == StatusCode::OK && request.path() == "/backchannel-logout" {
                    assert!(request.shows(&self.logout_token), "nobody has said that anything ends");
                }
                answered(&request, status, &headers, &String::from_utf8(body).expect("a body is text"));
                false
            }
        }
    }

    fn provide(&self, fault: &[u8], purpose: Purpose) -> FetchResult {
        match fault {
            b"down" => Err(FetchError::Failed(CANARY.to_owned())),
            b"junk" => answer(200, "text/html", format!("<h1>{CANARY}")),
            b"empty" => json("{}"),
            b"error" if purpose == Purpose::Token => answer(
                400,
                "application/json",
                format!(r#"{{"error":"{CANARY}","error_description":"{CANARY}"}}"#),
            ),
            _ if purpose == Purpose::Token => {
                let id_token = id_token(ISSUER, &self.signed_in.nonce, NOW);
                json(format!(r#"{{"access_token":"a","token_type":"Bearer","id_token":"{id_token}"}}"#))
            }
            _ => documents(purpose),
        }
    }

    /// Somebody is let in by a token or a session that is in the request, and nobody where one is required.
    fn admitted(&self, request: &Request, identity: Option<&Identity>) -> bool {
        let Some(identity) = identity else {
            assert!(request.mode == b' ', "nobody is let in");
            return false;
        };
        assert_eq!((identity.iss(), identity.sub()), (ISSUER, "ada"));
        assert!(identity.claims().aud().iter().any(|aud| aud == CLIENT) && identity.expires_at() > NOW);
        let (name, credential) = match identity.source() {
            Source::Header => ("authorization", &self.token),
            _ => ("cookie", &self.signed_in.session),
        };
        let mut presented = request.headers.0.iter().filter(|(found, _)| found == name);
        let shown = presented.any(|(_, value)| String::from_utf8_lossy(value).contains(credential.as_str()));
        assert!(shown, "nobody has presented this");
        assert!(request.mode != b'?', "nobody has this scope");
        true
    }
}

/// What every answer of the guard itself is.
fn answered(
    request: &Request,
    status: StatusCode,
    headers: &[(http::HeaderName, http::HeaderValue)],
    body: &str,
) {
    let all = |wanted: &str| {
        let values = headers.iter().filter(|(name, _)| name == wanted);
        values.map(|(_, value)| value.to_str().expect("a header is ASCII").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(all("cache-control"), ["no-store"]);
    assert_eq!(all("x-content-type-options"), ["nosniff"]);
    assert_eq!(all("content-type").len(), 1);
    assert!(status != 401 || all("www-authenticate")[0].starts_with("Bearer "));
    assert_eq!(status == 503, !all("retry-after").is_empty());
    assert_eq!(status == 405, !all("allow").is_empty());
    assert_eq!(status == 303, !all("location").is_empty());
    if status == 303 && request.mode == b' ' && request.path() == "/logout" {
        let text = |value: &[u8]| std::str::from_utf8(value).is_ok();
        let mut headers = request.headers.0.iter();
        let origin =
            headers.find(|(name, value)| name == "origin" && text(value)).map(|(_, value)| value.as_slice());
        assert!(
            request.method == Method::POST && origin == Some(ORIGIN.as_bytes()),
            "another site signs out"
        );
    }
    for location in all("location") {
        let known = ["/profile", "/logged-out"].contains(&location.as_str());
        let provider =
            ["authorize?", "logout?"].iter().any(|place| location.starts_with(&format!("{ISSUER}/{place}")));
        assert!(known || provider, "{location}");
        assert!(!location.contains(CANARY));
    }
    check_cookies(headers);
    let page = all("content-type")[0].starts_with("text/html");
    if page {
        assert!(!all("content-security-policy").is_empty());
        assert!(["<canary", "\"canary", "'canary"].iter().all(|markup| !body.contains(markup)));
        check_link(request, body);
    } else if !body.is_empty() {
        let read: serde_json::Value = serde_json::from_str(body).expect("it is JSON");
        let members = read.as_object().expect("it is an object");
        let code = read["error"].as_str().expect("there is a code");
        assert!(members.len() == 1 && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'));
    }
    let silent = headers.iter().filter(|(name, _)| name != "set-cookie");
    assert!(silent.into_iter().all(|(_, value)| !value.to_str().unwrap_or_default().contains(CANARY)));
}

/// A request's own text stands in the address of the link alone, and only what its target says.
fn check_link(request: &Request, body: &str) {
    let mut parts = body.splitn(2, "href=\"");
    let before = parts.next().unwrap_or_default();
    let (link, after) = parts.next().and_then(|rest| rest.split_once('"')).expect("a page has a link");
    assert!(!before.contains(CANARY) && !after.contains(CANARY));
    assert!(!link.contains(CANARY) || request.target.contains(CANARY));
    assert!(link == "/" || link.starts_with("/login?return_to=%2F"), "{link}");
}

fn check_cookies(headers: &[(http::HeaderName, http::HeaderValue)]) {
    for (_, cookie) in headers.iter().filter(|(name, _)| name == "set-cookie") {
        let cookie = cookie.to_str().expect("a cookie is ASCII");
        let (name, rest) = cookie.split_once('=').expect("a cookie has a name");
        assert!(name.starts_with("__Host-oidc-") && cookie.len() <= 4096);
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        assert!(name.bytes().all(plain), "a name that nobody gave: {name:?}");
        assert!(rest.contains("; Path=/; Max-Age=") && rest.ends_with("; HttpOnly; SameSite=Lax; Secure"));
        assert_eq!(rest.matches(';').count(), 5, "{cookie}");
        assert!(!rest.contains(CANARY));
    }
}

struct Request {
    mode: u8,
    method: Method,
    target: String,
    headers: Raw,
    body: Option<Vec<u8>>,
}

impl Request {
    fn read(text: &[u8]) -> Self {
        let (head, body) = match text.windows(2).position(|pair| pair == b"\n\n") {
            Some(end) => (&text[..end], Some(text[end + 2..].to_vec())),
            None => (text, None),
        };
        let mut lines = head.split(|byte| *byte == b'\n');
        let first = String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
        let mode = first.bytes().next().filter(|mode| b"!?".contains(mode)).unwrap_or(b' ');
        let (method, target) = first.trim_start_matches(['!', '?']).split_once(' ').unwrap_or(("GET", "/"));
        let mut headers = Raw::default();
        for line in lines {
            if let Some(colon) = line.iter().position(|byte| *byte == b':') {
                let name = String::from_utf8_lossy(&line[..colon]).to_ascii_lowercase();
                headers = headers.with(&name, line[colon + 1..].trim_ascii());
            }
        }
        let method = Method::from_bytes(method.as_bytes()).unwrap_or(Method::GET);
        Self { mode, method, target: target.to_owned(), headers, body }
    }

    /// As it is, or percent-encoded.
    fn shows(&self, token: &str) -> bool {
        let form = self.body.as_deref().unwrap_or_default();
        url::form_urlencoded::parse(form).any(|(name, value)| name == "logout_token" && value == token)
    }

    fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    fn incoming<'a>(&'a self, body: Option<&'a [u8]>) -> Incoming<'a> {
        Incoming { method: &self.method, target: &self.target, headers: &self.headers, body, presented: None }
    }
}
