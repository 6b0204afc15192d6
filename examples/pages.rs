//! The examples' pages: plain HTML and CSS that work without JavaScript, but for the one about the websocket. Whatever comes
//! from a token is escaped.

use http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY};
use http::{HeaderValue, Response, StatusCode};
use oidc_core::Identity;
use oidc_core::guard::Source;
use serde_json::Value;

/// Open to everybody.
pub(crate) fn home(who: Option<&Identity>) -> Response<String> {
    let Some(who) = who else { return page(StatusCode::OK, "OpenID Connect demo", SIGNED_OUT) };
    let content = format!(
        "<p>You are signed in, and this server knows you by a cookie that only it can open.</p>\n\
         <div class=\"actions\"><a class=\"button\" href=\"/profile\">Your profile</a>\
         <a class=\"button plain\" href=\"/socket\">A websocket</a>{}</div>\n",
        sign_out(who)
    );
    page(StatusCode::OK, &format!("Hello, {}", name(who)), &content)
}

const SIGNED_OUT: &str = "\
<p>Everybody may see this page. Your profile is yours alone: sign in at your identity provider to see it.</p>\n\
<div class=\"actions\"><a class=\"button\" id=\"sign-in\" href=\"/login?return_to=/profile\">Sign in</a></div>\n";

/// Who has signed in, and what the provider says about them.
pub(crate) fn profile(who: &Identity) -> Response<String> {
    let (about_sign_in, about_person): (Vec<_>, Vec<_>) =
        who.claims().all().iter().partition(|(name, _)| SIGN_IN_CLAIMS.contains(&name.as_str()));
    let rows = |claims: Vec<(&String, &Value)>| claims.into_iter().map(row).collect::<String>();
    let content = format!(
        "<p>Signed in until {}</p>\n<table id=\"claims\">\n<thead><tr><th>Claim</th><th>Value</th></tr></thead>\n\
         <tbody>\n{}</tbody>\n<tbody>\n{}</tbody>\n</table>\n\
         <div class=\"actions\"><a class=\"button plain\" href=\"/\">Home</a>{}</div>\n",
        time(who.expires_at().as_secs()),
        rows(about_person),
        rows(about_sign_in),
        sign_out(who),
    );
    page(StatusCode::OK, &name(who), &content)
}

/// Claims that speak of the sign-in or the token, rather than of the person.
const SIGN_IN_CLAIMS: [&str; 14] = [
    "iss",
    "aud",
    "azp",
    "client_id",
    "scope",
    "iat",
    "nbf",
    "exp",
    "auth_time",
    "acr",
    "amr",
    "sid",
    "jti",
    "cnf",
];

/// A websocket of this person's, and what becomes of it. `address`: of a server of its own, where it has one.
pub(crate) fn socket(who: &Identity, address: Option<&str>) -> Response<String> {
    let content = format!(
        "<p>This page talks by a websocket, and hears what it says. It closes when you sign out, in any tab, and at the end \
         of your session: {}</p>\n<p id=\"socket\" data-address=\"{}\">It is <strong id=\"state\">not open: it takes \
         JavaScript</strong>.</p>\n<ul id=\"log\"></ul>\n<form id=\"say\" class=\"actions\" hidden>\
         <input id=\"text\" required autocomplete=\"off\" aria-label=\"What to say\">\
         <button class=\"button\">Say</button></form>\n<div class=\"actions\">\
         <button class=\"button\" id=\"again\" hidden>Open it again</button>\
         <a class=\"button plain\" href=\"/\">Home</a>{}</div>\n<script src=\"/socket.js\"></script>\n",
        time(who.expires_at().as_secs()),
        escape(address.unwrap_or_default()),
        sign_out(who),
    );
    let mut response = page(StatusCode::OK, &format!("{}'s websocket", name(who)), &content);
    let policy = format!("{POLICY}; script-src 'self'; connect-src 'self' {}", address.unwrap_or_default());
    if let Ok(policy) = HeaderValue::try_from(policy.trim()) {
        response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// What the page about the websocket does.
pub(crate) fn socket_script() -> Response<String> {
    super::answer(StatusCode::OK, "text/javascript; charset=utf-8", include_str!("socket.js").to_owned())
}

/// For a path that nothing is at.
pub(crate) fn not_found() -> Response<String> {
    let content = "<p>Nothing is at this address.</p>\n\
                   <div class=\"actions\"><a class=\"button\" id=\"home\" href=\"/\">Home</a></div>\n";
    page(StatusCode::NOT_FOUND, "Not found", content)
}

/// By what people call themselves; `sub` alone is sure to be there.
fn name(who: &Identity) -> String {
    let claims = ["name", "preferred_username", "email"].iter();
    let names = claims.filter_map(|claim| who.claims().get::<String>(claim));
    names.into_iter().find(|name| !name.trim().is_empty()).unwrap_or_else(|| who.sub().to_owned())
}

/// Only a session can be ended: whoever sends a token sends it again.
fn sign_out(who: &Identity) -> &'static str {
    if who.source() != Source::Session {
        return "";
    }
    "<form method=\"post\" action=\"/logout\"><button class=\"button plain\" id=\"sign-out\">Sign out</button></form>"
}

fn row((name, value): (&String, &Value)) -> String {
    let shown = match value.as_f64() {
        Some(seconds) if TIMES.contains(&name.as_str()) && seconds >= 0.0 => {
            format!("{} <small>{value}</small>", time(seconds as u64))
        }
        _ => readable(value),
    };
    format!("<tr><th scope=\"row\">{}</th><td>{shown}</td></tr>\n", escape(name))
}

const TIMES: [&str; 5] = ["iat", "nbf", "exp", "auth_time", "updated_at"];

/// A claim's value in HTML.
fn readable(value: &Value) -> String {
    match value {
        Value::Null => "–".to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => escape(text),
        Value::Array(items) => items.iter().map(readable).collect::<Vec<_>>().join(", "),
        Value::Object(members) => {
            let members = members.iter();
            let rows =
                members.map(|(name, value)| format!("<dt>{}</dt><dd>{}</dd>", escape(name), readable(value)));
            format!("<dl>{}</dl>", rows.collect::<String>())
        }
    }
}

/// Seconds since 1970 as a date in UTC.
fn time(seconds: u64) -> String {
    if seconds > LAST_SECOND {
        return "the end of time".to_owned();
    }
    let (days, seconds) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = date(days);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("<time>{year}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC</time>")
}

/// 9999-12-31T23:59:59Z.
const LAST_SECOND: u64 = 253_402_300_799;

/// Year, month and day of a day since 1970-01-01: years are counted from March, so that a leap day is the last of one.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let march = (5 * day + 2) / 153;
    let month = if march < 10 { march + 3 } else { march - 9 };
    (era * 400 + year + u64::from(month <= 2), month, day - (153 * march + 2) / 5 + 1)
}

/// No `form-action`: browsers apply it to the sign-out's redirect to the provider, too. And a referrer policy of
/// `no-referrer` would blank the `Origin` by which the sign-out knows its own pages.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'";

fn page(status: StatusCode, title: &str, content: &str) -> Response<String> {
    let title = escape(title);
    let html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n<style>{STYLE}</style>\n\
         <main>\n<h1>{title}</h1>\n{content}</main>\n</html>\n"
    );
    let mut response = super::answer(status, "text/html; charset=utf-8", html);
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    response.headers_mut().insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    response
}

const STYLE: &str = include_str!("pages.css");

/// For text and for attribute values in quotes.
fn escape(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut escaped, char| {
        match char {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
        escaped
    })
}
