//! What the probes share: their command line, a browser without a screen, and their report.

use std::collections::BTreeMap;
use std::env;
use std::fmt::Display;
use std::io;
use std::process::ExitCode;

use http::header::{ACCEPT, COOKIE, LOCATION, SET_COOKIE};
use http::{HeaderMap, Request, Response};
use oidc_core::error::{CallbackError, ConfigError, ProviderError, RequestError, UsageError};
use oidc_core::step::{FetchError, FetchResult, Purpose};
use oidc_core::{Callback, Error};
use serde_json::json;
use tracing_subscriber::EnvFilter;
use url::{Position, Url};

/// What the command line asks for.
pub(crate) struct Plan {
    pub(crate) logins: usize,
    pub(crate) userinfo: bool,
    pub(crate) refresh: bool,
    redirect_uri: Url,
    values: BTreeMap<String, String>,
}

/// Each option that is a setting, and the setting's name.
const SETTINGS: [(&str, &str); 11] = [
    ("--issuer", "issuer"),
    ("--client-id", "client_id"),
    ("--client-secret", "client_secret"),
    ("--redirect-uri", "redirect_uri"),
    ("--client-auth", "client_auth"),
    ("--scope", "scopes"),
    ("--alg", "algorithms"),
    ("--response-mode", "response_mode"),
    ("--ca-file", "ca_file"),
    ("--client-key-file", "client_key_file"),
    ("--client-key-id", "client_key_id"),
];

const USAGE: &str = "usage: --issuer I --client-id C [--client-secret S] --redirect-uri U [--client-auth basic|post|secret_jwt|private_key_jwt|none] \
    [--scope S] [--alg RS256,RS384] [--response-mode query|form_post] [--ca-file F] [--client-key-file F] [--client-key-id K] [--logins N] [--userinfo] [--refresh]";

impl Plan {
    /// # Errors
    /// What is wrong with the command line.
    pub(crate) fn from_args() -> Result<Self, String> {
        let mut arguments = env::args_os().skip(1).map(|text| text.to_string_lossy().into_owned());
        let mut values = BTreeMap::new();
        while let Some(option) = arguments.next() {
            let value = match option.as_str() {
                "--userinfo" | "--refresh" => String::new(),
                "--logins" => arguments.next().ok_or("--logins needs a value")?,
                option if SETTINGS.iter().any(|(known, _)| *known == option) => {
                    arguments.next().ok_or(format!("{option} needs a value"))?
                }
                unknown => return Err(format!("{unknown:?} is no option")),
            };
            if values.insert(option.clone(), value).is_some() {
                return Err(format!("{option} stands twice"));
            }
        }
        for required in ["--issuer", "--client-id", "--redirect-uri"] {
            values.contains_key(required).then_some(()).ok_or(format!("{required} is required"))?;
        }
        let logins = values.get("--logins").map_or("1", String::as_str);
        let logins = logins.parse().ok().filter(|logins| *logins > 0);
        Ok(Self {
            logins: logins.ok_or("--logins is not a whole number above zero")?,
            userinfo: values.contains_key("--userinfo"),
            refresh: values.contains_key("--refresh"),
            redirect_uri: Url::parse(&values["--redirect-uri"])
                .map_err(|error| format!("--redirect-uri: {error}"))?,
            values,
        })
    }

    /// The settings, by the names that they have as variables.
    pub(crate) fn variable(&self, name: &str) -> Option<String> {
        let same = |(_, setting): &&(&str, &str)| format!("OIDC_{}", setting.to_uppercase()) == name;
        SETTINGS.iter().find(same).and_then(|(option, _)| self.values.get(*option).cloned())
    }

    /// The file of `--ca-file`, which the browser's side trusts, too.
    pub(crate) fn extra_roots(&self) -> Result<Option<Vec<u8>>, String> {
        let read = |file| {
            std::fs::read(file).map_err(|error| format!("--ca-file: {file:?} cannot be read: {error}"))
        };
        self.values.get("--ca-file").map(read).transpose()
    }

    /// A new browser, which nobody has used yet.
    pub(crate) fn browser(&self) -> Browser {
        let form_post = self.values.get("--response-mode").is_some_and(|mode| mode == "form_post");
        let (at, redirect_uri) = (self.redirect_uri.clone(), self.redirect_uri.clone());
        Browser { redirect_uri, form_post, at, cookies: Vec::new(), hops: 0 }
    }

    /// Prints the outcome of a sign-in: of its subject or its failure.
    pub(crate) fn report(&self, outcome: &Result<String, Failure>) -> bool {
        match outcome {
            Ok(sub) => {
                let mut steps = vec!["discovery", "authorize", "callback", "token", "id_token"];
                steps.extend(self.userinfo.then_some("userinfo"));
                steps.extend(self.refresh.then_some("refresh"));
                println!(r#"{{"ok":true,"sub":{},"steps":{}}}"#, json!(sub), json!(steps));
            }
            Err(Failure { step, code, message }) => {
                let message = json!(message);
                println!(r#"{{"ok":false,"step":"{step}","code":"{code}","message":{message}}}"#);
            }
        }
        outcome.is_ok()
    }
}

/// What core warns of, unless `RUST_LOG` asks for more: a report has no room for every detail.
pub(crate) fn log_to_stderr() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("oidc_core=warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).init();
}

/// The exit code for who did not ask properly.
pub(crate) fn usage(problem: impl Display) -> ExitCode {
    eprintln!("{problem}; {USAGE}");
    ExitCode::from(2)
}

/// `OIDC_CLIENT_AUTH: …` is `--client-auth: …` here.
pub(crate) fn in_words_of_options(error: &ConfigError) -> String {
    let option =
        SETTINGS.iter().find(|(_, setting)| *setting == error.setting()).map_or("", |(option, _)| option);
    error.to_string().replacen(&format!("OIDC_{}", error.setting().to_uppercase()), option, 1)
}

/// Where a sign-in ended, and why.
pub(crate) struct Failure {
    step: &'static str,
    code: &'static str,
    message: String,
}

impl Failure {
    /// Of an operation that is one step.
    pub(crate) fn at(step: &'static str) -> impl Fn(Error) -> Self {
        move |error| Self { step, code: error.code(), message: error.to_string() }
    }

    /// Of the way from the callback to the session: the error tells how far it came.
    pub(crate) fn after_callback(error: Error) -> Self {
        let step = match &error {
            Error::Callback(_) | Error::Request(_) => "callback",
            Error::Provider(error) => step_of(error),
            Error::Usage(UsageError::NoEndpoint(_)) => "discovery",
            Error::Token(_) => "id_token",
            _ => "token",
        };
        Self::at(step)(error)
    }

    fn browser(code: &'static str, message: impl Into<String>) -> Self {
        Self { step: "authorize", code, message: message.into() }
    }
}

fn step_of(error: &ProviderError) -> &'static str {
    use ProviderError as E;
    match error {
        E::Fetch(purpose, _)
        | E::BackingOff(purpose, _)
        | E::Status(purpose, _)
        | E::ContentType(purpose, _)
        | E::Malformed(purpose, _)
        | E::Member(purpose, _) => match purpose {
            Purpose::Discovery => "discovery",
            Purpose::Keys => "id_token",
            Purpose::Userinfo => "userinfo",
            _ => "token",
        },
        E::IssuerMismatch { .. } | E::Insecure(_) | E::NoCommonAlgorithm { .. } => "discovery",
        E::IdToken(_) | E::NoUsableKeys => "id_token",
        E::UserinfoToken(_) | E::SubjectMismatch => "userinfo",
        _ => "token",
    }
}

/// The browser's side of a sign-in: it follows redirects and keeps cookies, and knows no scripts and no people.
///
/// It sends nothing itself: it says what to send, and is told what came.
pub(crate) struct Browser {
    redirect_uri: Url,
    form_post: bool,
    at: Url,
    cookies: Vec<Cookie>,
    hops: usize,
}

/// What the browser does next.
pub(crate) enum Next {
    Send(Request<Vec<u8>>),
    Arrived(Callback),
}

/// The most redirects followed.
const MAX_HOPS: usize = 20;
/// The longest page read, in bytes.
pub(crate) const MAX_PAGE: usize = 1024 * 1024;

impl Browser {
    /// Goes to this address, unless it is that of the callback.
    pub(crate) fn open(&mut self, url: Url) -> Result<Next, Failure> {
        if self.is_callback(&url) {
            return arrived(self.form_post, false, url.query().unwrap_or_default());
        }
        self.hops += 1;
        if self.hops > MAX_HOPS {
            return Err(Failure::browser("too_many_redirects", format!("over {MAX_HOPS} redirects")));
        }
        let mut request = Request::get(&url[..Position::AfterQuery]).header(ACCEPT, "text/html,*/*;q=0.8");
        let cookies =
            self.cookies.iter().filter(|cookie| cookie.fits(&url)).map(|cookie| cookie.pair.as_str());
        let cookies = cookies.collect::<Vec<_>>().join("; ");
        if !cookies.is_empty() {
            request = request.header(COOKIE, cookies);
        }
        let wrong = |_| {
            Failure::browser("provider_malformed", format!("leads to no address of the web: {}", shown(&url)))
        };
        let request = request.body(Vec::new()).map_err(wrong)?;
        self.at = url;
        Ok(Next::Send(request))
    }

    /// Goes on with the answer to what it had sent.
    pub(crate) fn receive(&mut self, answer: FetchResult) -> Result<Next, Failure> {
        let here = shown(&self.at).to_owned();
        let answer = answer.map_err(|error| match error {
            FetchError::Timeout => {
                Failure::browser("provider_timeout", format!("no whole answer in time from {here}"))
            }
            FetchError::TooLarge => {
                Failure::browser("provider_too_large", format!("the page is too large: {here}"))
            }
            FetchError::Failed(text) => Failure::browser("provider_unreachable", format!("{here}: {text}")),
            _ => Failure::browser("provider_unreachable", here.clone()),
        })?;
        self.keep_cookies(answer.headers());
        let page = String::from_utf8_lossy(answer.body());
        match (answer.status().as_u16(), self.location(&answer)) {
            (301..=303 | 307 | 308, Some(url)) => self.open(url),
            (200..=299, _) => match self.callback_form(&page) {
                Some(form) => arrived(self.form_post, true, &form),
                None => Err(Failure::browser(
                    "interaction_required",
                    format!(
                        "{here} is a page for a person, who is to sign in or to agree: {:?}",
                        visible(&page)
                    ),
                )),
            },
            (status, _) => {
                let text = format!("{here} answered {status}: {:?}", visible(&page));
                Err(Failure::browser("provider_status", text))
            }
        }
    }

    fn is_callback(&self, url: &Url) -> bool {
        url[..Position::AfterPath] == self.redirect_uri[..Position::AfterPath]
    }

    fn location(&self, answer: &Response<Vec<u8>>) -> Option<Url> {
        let location = answer.headers().get(LOCATION)?.to_str().ok()?;
        self.at.join(location).ok()
    }

    /// The fields of a form that posts itself to the callback, as a form's body.
    fn callback_form(&self, html: &str) -> Option<String> {
        let (mut fields, mut inside) = (None, false);
        for tag in (Tags { html }) {
            let posts =
                |tag: &Tag| tag.value("method").is_some_and(|method| method.eq_ignore_ascii_case("post"));
            match tag.name.as_str() {
                "form" if fields.is_none() && posts(&tag) => {
                    let action = self.at.join(tag.value("action").unwrap_or_default()).ok();
                    inside = action.is_some_and(|action| self.is_callback(&action));
                    fields = inside.then(|| url::form_urlencoded::Serializer::new(String::new()));
                }
                "/form" => inside = false,
                "input"
                    if inside
                        && tag.value("type").is_some_and(|kind| kind.eq_ignore_ascii_case("hidden")) =>
                {
                    if let (Some(fields), Some(name)) = (&mut fields, tag.value("name")) {
                        fields.append_pair(name, tag.value("value").unwrap_or_default());
                    }
                }
                _ => {}
            }
        }
        fields.map(|mut fields| fields.finish())
    }

    fn keep_cookies(&mut self, headers: &HeaderMap) {
        for header in headers.get_all(SET_COOKIE).iter().filter_map(|value| value.to_str().ok()) {
            let Some((cookie, dead)) = Cookie::parse(header, &self.at) else { continue };
            self.cookies.retain(|known| !known.is_replaced_by(&cookie));
            self.cookies.extend((!dead).then_some(cookie));
        }
    }
}

/// By a redirect or by a form, and only as it was asked for: a server would take it no other way.
fn arrived(form_post: bool, by_form: bool, text: &str) -> Result<Next, Failure> {
    let callback = match (form_post, by_form) {
        (true, false) => Err(Error::from(RequestError::Method("POST"))),
        (false, true) => Err(Error::from(RequestError::Method("GET"))),
        _ => Callback::parse(text).map_err(|error: CallbackError| error.into()),
    };
    callback.map(Next::Arrived).map_err(Failure::after_callback)
}

/// An address without its query, where secrets may be.
fn shown(url: &Url) -> &str {
    &url[..Position::AfterPath]
}

/// A cookie, as far as a sign-in needs it.
struct Cookie {
    pair: String,
    domain: String,
    subdomains: bool,
    path: String,
}

impl Cookie {
    /// The cookie, and whether it is set only to be removed ([RFC 6265 section 5.2](https://www.rfc-editor.org/rfc/rfc6265#section-5.2)).
    fn parse(header: &str, at: &Url) -> Option<(Self, bool)> {
        let mut parts = header.split(';').map(str::trim);
        let pair = parts.next().filter(|pair| pair.contains('='))?.to_owned();
        let host = at.host_str()?;
        let (directory, _) = at.path().rsplit_once('/')?;
        let mut cookie =
            Self { pair, domain: host.to_owned(), subdomains: false, path: format!("{directory}/") };
        let mut dead = false;
        for (name, value) in parts.filter_map(|part| part.split_once('=')) {
            match name.to_ascii_lowercase().as_str() {
                "path" if value.starts_with('/') => value.clone_into(&mut cookie.path),
                "domain" => {
                    let domain = value.trim_start_matches('.').to_ascii_lowercase();
                    if !is_below(host, &domain) {
                        return None;
                    }
                    (cookie.domain, cookie.subdomains) = (domain, true);
                }
                "max-age" => dead = value.starts_with('-') || value == "0",
                "expires" => dead |= value.contains(" 1970 ") || value.contains("-1970 "),
                _ => {}
            }
        }
        Some((cookie, dead))
    }

    fn name(&self) -> &str {
        self.pair.split('=').next().unwrap_or_default()
    }

    fn is_replaced_by(&self, other: &Self) -> bool {
        (self.name(), &self.domain, &self.path) == (other.name(), &other.domain, &other.path)
    }

    fn fits(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default();
        let host_fits = if self.subdomains { is_below(host, &self.domain) } else { host == self.domain };
        let prefix = self.path.trim_end_matches('/');
        let rest = url.path().strip_prefix(prefix);
        host_fits && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

fn is_below(host: &str, domain: &str) -> bool {
    host == domain || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))
}

/// The tags of a page, in order; comments and what stands in scripts and styles are none.
struct Tags<'a> {
    html: &'a str,
}

/// A tag; the name of a closing one starts with a slash.
struct Tag {
    name: String,
    attributes: Vec<(String, String)>,
}

impl Tag {
    fn value(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}

impl Iterator for Tags<'_> {
    type Item = Tag;

    fn next(&mut self) -> Option<Tag> {
        loop {
            self.html = self.html.split_once('<')?.1;
            if let Some(comment) = self.html.strip_prefix("!--") {
                self.html = comment.split_once("-->")?.1;
                continue;
            }
            let slash = usize::from(self.html.starts_with('/'));
            let end =
                self.html[slash..].find(|char: char| char.is_whitespace() || "/>".contains(char))? + slash;
            let name = self.html[..end].to_ascii_lowercase();
            self.html = &self.html[end..];
            let attributes = self.attributes()?;
            if name == "script" || name == "style" {
                let closes = |text: &str| {
                    text.get(..name.len()).is_some_and(|found| found.eq_ignore_ascii_case(&name))
                };
                let end = self
                    .html
                    .match_indices("</")
                    .find(|(at, slash)| closes(&self.html[at + slash.len()..]))?
                    .0;
                self.html = &self.html[end..];
            }
            return Some(Tag { name, attributes });
        }
    }
}

impl Tags<'_> {
    fn attributes(&mut self) -> Option<Vec<(String, String)>> {
        let mut attributes = Vec::new();
        loop {
            self.html = self.html.trim_start_matches(|char: char| char.is_whitespace() || char == '/');
            if let Some(rest) = self.html.strip_prefix('>') {
                self.html = rest;
                return Some(attributes);
            }
            // A name may start with `=`, which no name has in earnest: something is taken in any case.
            let end = self
                .html
                .char_indices()
                .skip(1)
                .find(|(_, char)| char.is_whitespace() || "=/>".contains(*char))?
                .0;
            let name = self.html[..end].to_ascii_lowercase();
            self.html = self.html[end..].trim_start();
            let value = match self.html.strip_prefix('=') {
                Some(value) => self.value(value.trim_start())?,
                None => "",
            };
            attributes.push((name, decoded(value)));
        }
    }
}

impl<'a> Tags<'a> {
    fn value(&mut self, html: &'a str) -> Option<&'a str> {
        let quote = html.chars().next().filter(|quote| "\"'".contains(*quote));
        let (value, rest) = match quote {
            Some(quote) => html[1..].split_once(quote)?,
            None => html.split_at(html.find(|char: char| char.is_whitespace() || char == '>')?),
        };
        self.html = rest;
        Some(value)
    }
}

/// The text with its character references resolved, as far as a form's values have any.
fn decoded(text: &str) -> String {
    let mut parts = text.split('&');
    let mut decoded = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once(';').and_then(|(name, rest)| Some((reference(name)?, rest))) {
            Some((char, rest)) => {
                decoded.push(char);
                decoded.push_str(rest);
            }
            None => {
                decoded.push('&');
                decoded.push_str(part);
            }
        }
    }
    decoded
}

fn reference(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hexadecimal) => u32::from_str_radix(hexadecimal, 16),
                None => number.parse(),
            };
            char::from_u32(code.ok()?)
        }
    }
}

/// The start of what a person would read on a page.
fn visible(html: &str) -> String {
    let body = html.split_once("<body").map_or(html, |(_, body)| body);
    let mut text = String::new();
    for (at, part) in body.split('<').enumerate() {
        let hidden = ["script", "style", "title"].iter().any(|tag| part.starts_with(tag));
        let part = part.split_once('>').map_or(if at == 0 { part } else { "" }, |(_, text)| text);
        text.push_str(if hidden { "" } else { part });
        text.push(' ');
    }
    decoded(&text).split_whitespace().collect::<Vec<_>>().join(" ").chars().take(128).collect()
}
