//! What must hold for any bytes as cookies, and for any text as an address to return to.
//!
//! The first line is the `Cookie` header, the rest an address. In the header `$S` stands for the sealed value of a
//! session, `$2` for that of another one, `$H` and `$I` for the halves of the first, `$E` for an expired one, `$T` for one
//! of another application, `$L` for a sign-in and `$N` for the name of its cookie.

use std::collections::BTreeSet;
use std::sync::LazyLock;
use std::time::Duration;

use http::Method;
use oidc_core::config::ConfigBuilder;
use oidc_core::time::UnixTime;
use oidc_core::{Guard, Incoming, LoginOptions, Step, Verdict};

use crate::common::{
    NOW, ORIGIN, Raw, SignedIn, client, config, documents, is_local, parameter, run, secret, sign_in,
};

static TRIAL: LazyLock<Trial> = LazyLock::new(Trial::new);
const SESSION: &str = "__Host-oidc-session";

/// Checks all that must hold, and tells whether the cookies hold a session.
///
/// # Panics
/// If something does not hold.
pub(crate) fn check(input: &[u8]) -> bool {
    let line = input.iter().position(|byte| *byte == b'\n');
    let (cookies, return_to) = line.map_or((input, None), |end| (&input[..end], Some(&input[end + 1..])));
    if let Some(return_to) = return_to {
        TRIAL.come_back(&String::from_utf8_lossy(return_to));
    }
    TRIAL.open(&TRIAL.expanded(cookies))
}

struct Trial {
    guard: Guard,
    signed_in: SignedIn,
    other: SignedIn,
    expired: SignedIn,
    foreign: SignedIn,
}

impl Trial {
    fn new() -> Self {
        let ago = NOW.saturating_sub(Duration::from_secs(864_000));
        let guard = guard(config());
        let (signed_in, other) = (sign_in(&guard, NOW), sign_in(&guard, NOW));
        let foreign = sign_in(&self::guard(config().cookie_secrets(&[secret(8)])), NOW);
        Self { signed_in, other, expired: expired(ago), foreign, guard }
    }

    fn expanded(&self, cookies: &[u8]) -> Vec<u8> {
        let mut expanded = Vec::new();
        let mut rest = cookies;
        while let Some((first, after)) = rest.split_first() {
            let session = &self.signed_in.session;
            let half = session.len() / 2;
            let value = match (first, after.first()) {
                (b'$', Some(b'S')) => session,
                (b'$', Some(b'2')) => &self.other.session,
                (b'$', Some(b'H')) => &session[..half],
                (b'$', Some(b'I')) => &session[half..],
                (b'$', Some(b'E')) => &self.expired.session,
                (b'$', Some(b'T')) => &self.foreign.session,
                (b'$', Some(b'L')) => &self.signed_in.login.1,
                (b'$', Some(b'N')) => &self.signed_in.login.0,
                _ => {
                    expanded.push(*first);
                    rest = after;
                    continue;
                }
            };
            expanded.extend_from_slice(value.as_bytes());
            rest = &after[1..];
        }
        expanded
    }

    fn ask(&self, target: &str, headers: &Raw) -> Verdict {
        let incoming = Incoming { method: &Method::GET, target, headers, body: None, presented: None };
        run(self.guard.check(incoming, NOW), |_| panic!("nothing is to be fetched"), NOW)
    }

    /// Nothing opens but what was sealed here, for this purpose, in its time, and alone.
    fn open(&self, cookies: &[u8]) -> bool {
        let own = own(cookies);
        let good = [&self.signed_in.session, &self.other.session];
        let sessions: BTreeSet<String> =
            joined(&own).into_iter().filter(|value| good.contains(&value)).collect();
        let headers = Raw::default().with("cookie", cookies);
        let Verdict::Allow { identity, .. } = self.ask("/page", &headers) else {
            panic!("cookies are no credentials that could be refused")
        };
        assert_eq!(identity.is_some(), sessions.len() == 1, "{sessions:?}");
        assert!(identity.as_ref().is_none_or(|identity| identity.sub() == "ada"));

        if own.iter().any(|(name, _)| name.starts_with("__Host-oidc-login")) {
            let (name, value) = &self.signed_in.login;
            let known = own.iter().any(|(found, sealed)| found == name && sealed == value);
            let target = format!("/callback?error=access_denied&state={}", self.signed_in.state);
            let response = self.ask(&target, &headers).into_response();
            assert_eq!(response.status(), if known { 403 } else { 400 });
        }
        identity.is_some()
    }

    /// Whatever was asked for, the browser comes back to this server.
    fn come_back(&self, wanted: &str) {
        let options = LoginOptions { return_to: Some(wanted.to_owned()), ..LoginOptions::default() };
        let Step::Done(Ok(redirect)) = self.guard.client().begin_login(options, NOW) else {
            panic!("the metadata is at hand")
        };
        let kept = redirect.login.return_to();
        is_local(kept);
        assert!(kept == wanted || kept == "/");
        if kept == "/" {
            return;
        }
        let query: String =
            url::form_urlencoded::Serializer::new(String::new()).append_pair("return_to", wanted).finish();
        let response = self.ask(&format!("/login?{query}"), &Raw::default()).into_response();
        let header =
            |name| response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let cookie = header("set-cookie").split(';').next().unwrap_or_default();
        let state = parameter(header("location").split_once('?').unwrap_or_default().1, "state");
        let headers = Raw::default().with("cookie", cookie).with("accept", "text/html");
        let target = format!("/callback?error=access_denied&state={}", state.expect("there is one"));
        let response = self.ask(&target, &headers).into_response();
        assert_eq!(response.status(), 403);
        let page = String::from_utf8(response.into_body()).expect("a page is text");
        let link =
            page.split("href=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("there is a link");
        let again =
            parameter(link.split_once('?').unwrap_or_default().1, "return_to").expect("it says where to");
        is_local(&again);
        assert!(again == wanted || again == "/");
        let path =
            url::Url::parse(ORIGIN).and_then(|origin| origin.join(&again)).map(|url| url.path().to_owned());
        assert!(
            !["/login", "/logout", "/logged-out", "/callback"].contains(&path.expect("it is one").as_str())
        );
    }
}

fn guard(config: ConfigBuilder) -> Guard {
    let config =
        config.session_store(true).sessions_in_cookies(true).build().expect("the settings are right");
    let guard = Guard::new(client(&config)).expect("there is a cookie secret");
    let begun = run(guard.client().begin_login(LoginOptions::default(), NOW), documents, NOW);
    assert!(begun.is_ok(), "the provider is good");
    guard
}

/// A session of so long ago that its time is over.
fn expired(ago: UnixTime) -> SignedIn {
    let config =
        config().session_store(true).sessions_in_cookies(true).build().expect("the settings are right");
    sign_in(&Guard::new(client(&config)).expect("there is a cookie secret"), ago)
}

/// A second reading of a `Cookie` header.
fn own(header: &[u8]) -> Vec<(&str, &str)> {
    let texts = header.split(|byte| *byte == b';').filter_map(|pair| std::str::from_utf8(pair).ok());
    let pairs = texts.filter_map(|pair| pair.trim().split_once('='));
    let own =
        pairs.filter(|(name, value)| name.starts_with("__Host-oidc-") && name.len() + value.len() <= 4096);
    own.take(32).collect()
}

/// The session values of these cookies, each put together from its parts.
fn joined(own: &[(&str, &str)]) -> Vec<String> {
    let part = |number: usize| {
        let name = format!("{SESSION}.{number}");
        own.iter().find(|(found, _)| *found == name).map(|(_, value)| *value)
    };
    let whole = |value: &str| {
        let (count, first) = value.split_once('~')?;
        let count = count.parse::<usize>().ok().filter(|count| (1..=5).contains(count))?;
        let rest: Option<String> = (1..count).map(part).collect();
        Some(format!("{first}{}", rest?))
    };
    own.iter().filter(|(name, _)| *name == SESSION).filter_map(|(_, value)| whole(value)).collect()
}
