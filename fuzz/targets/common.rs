//! What the checks of several targets share: one provider, one client, a backend that takes any signature, and what an
//! input may be held against.

#![allow(dead_code, reason = "each target uses its own part of it")]

use std::collections::HashSet;
use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http::{Method, Response, StatusCode};
use oidc_core::config::ConfigBuilder;
use oidc_core::entropy::EntropyFailed;
use oidc_core::guard::Headers;
use oidc_core::jose::{Algorithm, PreparedKey, PublicKey, Verifier};
use oidc_core::step::{FetchError, FetchResult, Purpose};
use oidc_core::time::UnixTime;
use oidc_core::{Client, Config, EntropySource, Guard, Incoming, Secret, Step};
use url::Url;

pub(crate) const ISSUER: &str = "https://issuer.example";
pub(crate) const CLIENT: &str = "client";
pub(crate) const ORIGIN: &str = "https://rp.example";
/// 2023-11-14T22:13:20Z.
pub(crate) const START: u64 = 1_700_000_000;
pub(crate) const NOW: UnixTime = UnixTime::from_secs(START);

pub(crate) const METADATA: &str = r#"{"issuer":"https://issuer.example",
"authorization_endpoint":"https://issuer.example/authorize","token_endpoint":"https://issuer.example/token",
"userinfo_endpoint":"https://issuer.example/userinfo","end_session_endpoint":"https://issuer.example/logout",
"jwks_uri":"https://issuer.example/jwks","id_token_signing_alg_values_supported":["RS256"]}"#;

pub(crate) fn config() -> ConfigBuilder {
    Config::builder(ISSUER, CLIENT, "https://rp.example/callback")
        .userinfo(false)
        .client_secret(Secret::new("s3cret"))
        .cookie_secrets(&[secret(7)])
}

/// A secret that cookies are sealed by.
pub(crate) fn secret(first: u8) -> String {
    base64url(&(first..first + 32).collect::<Vec<_>>())
}

/// A client that takes any signature and whose random numbers are the same in every run.
pub(crate) fn client(config: &Config) -> Client {
    Client::with_backend(config.clone(), Arc::new(Seeded::default()), Arc::new(Gullible))
}

/// A key set of keys with these names, all usable.
pub(crate) fn key_set<'a>(kids: impl IntoIterator<Item = &'a str>) -> String {
    let n = base64url(&[0xc1; 256]);
    let key = |kid| format!(r#"{{"kty":"RSA","kid":"{kid}","n":"{n}","e":"AQAB"}}"#);
    format!(r#"{{"keys":[{}]}}"#, kids.into_iter().map(key).collect::<Vec<_>>().join(","))
}

/// A token with a signature's worth of zeros.
pub(crate) fn token(header: &[u8], payload: &[u8]) -> String {
    format!("{}.{}.{}", base64url(header), base64url(payload), "A".repeat(342))
}

/// An ID token of the key `fuzz`, good at this time.
pub(crate) fn id_token(issuer: &str, nonce: &str, now: UnixTime) -> String {
    let (iat, exp) = (now.as_secs(), now.as_secs() + 300);
    let payload = format!(
        r#"{{"iss":"{issuer}","sub":"ada","aud":"{CLIENT}","iat":{iat},"exp":{exp},"nonce":"{nonce}"}}"#
    );
    token(br#"{"alg":"RS256","kid":"fuzz"}"#, payload.as_bytes())
}

/// An access token of this key, good for ten years.
pub(crate) fn access_token(issuer: &str, kid: &str, now: UnixTime) -> String {
    let (iat, exp) = (now.as_secs(), now.as_secs() + 315_360_000);
    let payload = format!(
        r#"{{"iss":"{issuer}","sub":"ada","aud":"{CLIENT}","iat":{iat},"exp":{exp},"client_id":"{CLIENT}","jti":"t-1"}}"#
    );
    token(format!(r#"{{"alg":"RS256","typ":"at+jwt","kid":"{kid}"}}"#).as_bytes(), payload.as_bytes())
}

/// A logout token of this key, for all of Ada's sessions.
pub(crate) fn logout_token(issuer: &str, now: UnixTime) -> String {
    let (iat, exp) = (now.as_secs(), now.as_secs() + 120);
    let payload = format!(
        r#"{{"iss":"{issuer}","sub":"ada","aud":"{CLIENT}","iat":{iat},"exp":{exp},"jti":"l-1","events":{{"http://schemas.openid.net/event/backchannel-logout":{{}}}}}}"#
    );
    token(br#"{"alg":"RS256","typ":"logout+jwt","kid":"fuzz"}"#, payload.as_bytes())
}

pub(crate) fn answer(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> FetchResult {
    let mut response = Response::new(body.into());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::IM_A_TEAPOT);
    if let Ok(value) = http::HeaderValue::try_from(content_type) {
        response.headers_mut().insert("content-type", value);
    }
    Ok(response)
}

pub(crate) fn json(body: impl Into<Vec<u8>>) -> FetchResult {
    answer(200, "application/json", body)
}

/// What a provider without faults answers; it issues no tokens.
pub(crate) fn documents(purpose: Purpose) -> FetchResult {
    match purpose {
        Purpose::Discovery => json(METADATA),
        Purpose::Keys => json(key_set(["fuzz"])),
        Purpose::Userinfo => json(r#"{"sub":"ada","name":"Ada"}"#),
        _ => Err(FetchError::Failed("not served".into())),
    }
}

/// Carries a flow out, with this provider and an empty store.
pub(crate) fn run<T>(
    mut step: Step<T>,
    mut provider: impl FnMut(Purpose) -> FetchResult,
    mut now: UnixTime,
) -> T {
    let mut store = oidc_core::store::Memory::new();
    for _ in 0..2_000 {
        step = match step {
            Step::Done(value) => return value,
            Step::Fetch(fetch, reply) => reply.resume(provider(fetch.purpose), now),
            Step::Store(op, reply) => reply.resume(store.run(op, now), now),
            Step::Wait(duration, wake) => {
                now = now.saturating_add(duration);
                wake.resume(now)
            }
        };
    }
    panic!("a flow does not end")
}

/// Headers as raw as no web server passes them on.
#[derive(Clone, Default)]
pub(crate) struct Raw(pub(crate) Vec<(String, Vec<u8>)>);

impl Headers for Raw {
    fn each<'a>(&'a self, name: &str, visit: &mut dyn FnMut(&'a [u8])) {
        self.0.iter().filter(|(found, _)| found == name).for_each(|(_, value)| visit(value));
    }
}

impl Raw {
    pub(crate) fn with(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.0.push((name.to_owned(), value.into()));
        self
    }
}

/// Whether this address is one on this server that a sign-in may return to.
pub(crate) fn is_local(return_to: &str) {
    let origin = Url::parse(ORIGIN).expect("it is a URL");
    let url = origin.join(return_to).expect("an address to return to is one");
    assert_eq!(url.origin(), origin.origin(), "{return_to}");
    assert!(return_to.starts_with('/') && return_to.len() <= 2048 && !return_to.contains('\\'));
    assert!(return_to.bytes().all(|byte| byte.is_ascii_graphic()));
}

/// What a browser holds after a sign-in.
pub(crate) struct SignedIn {
    pub(crate) state: String,
    pub(crate) nonce: String,
    pub(crate) login: (String, String),
    /// Sealed, without the number of cookies before it.
    pub(crate) session: String,
}

/// Signs somebody in.
pub(crate) fn sign_in(guard: &Guard, now: UnixTime) -> SignedIn {
    let get = |target: &str, headers: &Raw, provider: &mut dyn FnMut(Purpose) -> FetchResult| {
        let incoming = Incoming { method: &Method::GET, target, headers, body: None, presented: None };
        let response = run(guard.check(incoming, now), provider, now).into_response();
        let header =
            |name| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let cookie = header("set-cookie").expect("it sets a cookie");
        let (name, rest) = cookie.split_once('=').expect("a cookie has a value");
        let value = rest.split(';').next().unwrap_or_default();
        (header("location").unwrap_or_default(), name.to_owned(), value.to_owned())
    };
    let (location, name, value) = get("/login?return_to=/profile", &Raw::default(), &mut documents);
    let url = Url::parse(&location).expect("it goes to the provider");
    let query = url.query().unwrap_or_default();
    let (state, nonce) = (parameter(query, "state"), parameter(query, "nonce"));
    let (state, nonce) = (state.expect("there is one"), nonce.expect("there is one"));
    let issuer = guard.client().config().issuer().to_owned();
    let headers = Raw::default().with("cookie", format!("{name}={value}"));
    let (_, _, session) =
        get(&format!("/callback?code=c&state={state}"), &headers, &mut |purpose| match purpose {
            Purpose::Token => {
                let id_token = id_token(&issuer, &nonce, now);
                json(format!(r#"{{"access_token":"a","token_type":"Bearer","id_token":"{id_token}"}}"#))
            }
            purpose => documents(purpose),
        });
    let session = session.strip_prefix("1~").expect("it fits one cookie").to_owned();
    SignedIn { state, nonce, login: (name, value), session }
}

/// The value of a parameter in a query or form.
pub(crate) fn parameter(form: &str, name: &str) -> Option<String> {
    url::form_urlencoded::parse(form.as_bytes()).find(|(found, _)| found == name).map(|(_, v)| v.into_owned())
}

/// An error can be logged: one line of printable ASCII, of bounded length, with a code that programs can use.
pub(crate) fn presentable(error: &impl Display, code: &str) {
    let shown = error.to_string();
    assert!(shown.bytes().all(|byte| (0x20..=0x7e).contains(&byte)), "{shown:?}");
    // A peer speaks twice at most, in 512 characters each.
    assert!(!shown.is_empty() && shown.len() < 2048);
    assert!(!code.is_empty() && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'));
}

/// An error can be answered as well.
pub(crate) fn answerable(error: &oidc_core::Error) {
    presentable(error, error.code());
    assert!(error.status().is_client_error() || error.status().is_server_error());
    assert!(error.status() != 503 || error.retry_after().is_some(), "{error}");
}

/// The backend that takes any key and any signature.
#[derive(Debug)]
pub(crate) struct Gullible;

impl Verifier for Gullible {
    fn prepare(&self, _: &PublicKey<'_>) -> Option<Box<dyn PreparedKey>> {
        Some(Box::new(Gullible))
    }
}

impl PreparedKey for Gullible {
    fn verify(&self, _: Algorithm, _: &[u8], _: &[u8]) -> bool {
        true
    }
}

/// Random bytes from a counter.
#[derive(Default)]
pub(crate) struct Seeded(AtomicU64);

impl EntropySource for Seeded {
    fn fill(&self, out: &mut [u8]) -> Result<(), EntropyFailed> {
        for chunk in out.chunks_mut(8) {
            let number = self.0.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
            chunk.copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

pub(crate) fn base64url(bytes: &[u8]) -> String {
    let mut text = Vec::with_capacity(bytes.len() * 4 / 3 + 3);
    for group in bytes.chunks(3) {
        let bits =
            group.iter().fold(0, |bits, byte| (bits << 8) | usize::from(*byte)) << (8 * (3 - group.len()));
        text.extend((0..=group.len()).map(|index| ALPHABET[(bits >> (18 - 6 * index)) & 63]));
    }
    String::from_utf8(text).expect("the alphabet is ASCII")
}

/// Canonical base64url without padding: the text that [`base64url`] makes of some bytes.
pub(crate) fn is_canonical(text: &str) -> bool {
    let values: Option<Vec<usize>> =
        text.bytes().map(|byte| ALPHABET.iter().position(|known| *known == byte)).collect();
    let Some(values) = values else { return false };
    let spare = match values.len() % 4 {
        0 => 0,
        2 => 0b1111,
        3 => 0b11,
        _ => return false,
    };
    values.last().is_none_or(|last| last & spare == 0)
}

/// The bytes of an input as a row of choices; zeros when they are used up.
pub(crate) struct Choices<'a>(pub(crate) &'a [u8]);

impl Choices<'_> {
    pub(crate) fn next(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    pub(crate) fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[usize::from(self.next()) % all.len()]
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::from(self.next()) % end
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A second reading of strict JSON, written without `serde_json`: the members of an object in which no name stands twice,
/// at most 32 levels deep and of at most 256 members in all, each with the text of its value.
pub(crate) fn strict_object(text: &[u8]) -> Option<Vec<(String, &str)>> {
    let text = std::str::from_utf8(text).ok()?;
    let mut reader = Reader { text, at: 0, members: 0, outermost: Vec::new() };
    reader.space();
    reader.peek().filter(|byte| *byte == b'{')?;
    reader.value(0)?;
    reader.space();
    (reader.at == text.len()).then_some(reader.outermost)
}

/// The string that a member of [`strict_object`] is; `None` if it is something else.
pub(crate) fn string(value: &str) -> Option<String> {
    Reader { text: value, at: 0, members: 0, outermost: Vec::new() }.string()
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    members: usize,
    outermost: Vec<(String, &'a str)>,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> Option<()> {
        (self.peek() == Some(byte)).then(|| self.at += 1)
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// What stands inside of `depth` brackets. A number of the outermost object may be too large for a float.
    fn value(&mut self, depth: usize) -> Option<()> {
        match self.peek()? {
            b'{' | b'[' if depth >= 32 => None,
            b'{' => self.object(depth + 1),
            b'[' => self.array(depth + 1),
            b'"' => self.string().map(|_| ()),
            b'-' | b'0'..=b'9' => self.number(depth > 1),
            _ => {
                let rest = &self.text[self.at..];
                let word = ["true", "false", "null"].into_iter().find(|word| rest.starts_with(word))?;
                self.at += word.len();
                Some(())
            }
        }
    }

    fn object(&mut self, depth: usize) -> Option<()> {
        let mut names = HashSet::new();
        self.items(b'{', b'}', |reader| {
            let name = reader.string()?;
            reader.members += 1;
            let fits = reader.members <= 256 && !name.starts_with("$serde_json::private::");
            reader.space();
            reader.eat(b':').filter(|()| fits && names.insert(name.clone()))?;
            reader.space();
            let start = reader.at;
            reader.value(depth)?;
            if depth == 1 {
                let text: &'a str = reader.text;
                reader.outermost.push((name, &text[start..reader.at]));
            }
            Some(())
        })
    }

    fn array(&mut self, depth: usize) -> Option<()> {
        self.items(b'[', b']', |reader| reader.value(depth))
    }

    fn items(&mut self, open: u8, close: u8, mut item: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.eat(open)?;
        self.space();
        if self.eat(close).is_some() {
            return Some(());
        }
        loop {
            self.space();
            item(self)?;
            self.space();
            if self.eat(close).is_some() {
                return Some(());
            }
            self.eat(b',')?;
        }
    }

    fn string(&mut self) -> Option<String> {
        self.eat(b'"')?;
        let mut units: Vec<u16> = Vec::new();
        loop {
            let char = self.text[self.at..].chars().next()?;
            self.at += char.len_utf8();
            match char {
                '"' => return String::from_utf16(&units).ok(),
                '\\' => units.push(self.escape()?),
                '\0'..='\u{1f}' => return None,
                _ => units.extend_from_slice(char.encode_utf16(&mut [0; 2])),
            }
        }
    }

    fn escape(&mut self) -> Option<u16> {
        let kind = self.peek()?;
        self.at += 1;
        if kind == b'u' {
            let digits = self.text.get(self.at..self.at + 4)?;
            self.at += 4;
            let hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
            return hex.then(|| u16::from_str_radix(digits, 16).ok()).flatten();
        }
        let meant = b"\"\\/\x08\x0c\n\r\t";
        b"\"\\/bfnrt".iter().position(|byte| *byte == kind).map(|index| u16::from(meant[index]))
    }

    fn number(&mut self, finite: bool) -> Option<()> {
        let start = self.at;
        let _ = self.eat(b'-');
        if self.eat(b'0').is_none() {
            self.digits()?;
        }
        if self.eat(b'.').is_some() {
            self.digits()?;
        }
        if self.eat(b'e').or_else(|| self.eat(b'E')).is_some() {
            let _ = self.eat(b'-').or_else(|| self.eat(b'+'));
            self.digits()?;
        }
        let value: f64 = self.text[start..self.at].parse().ok()?;
        (!finite || value.is_finite()).then_some(())
    }

    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }
}
