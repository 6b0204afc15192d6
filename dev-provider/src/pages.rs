//! What a person sees: plain HTML that works without scripts, every value escaped.

use serde_json::Value;

use crate::model::DevUser;
use crate::provider::DevProvider;

pub(crate) fn login(
    users: &[DevUser],
    client: &str,
    hint: Option<&str>,
    form: &Form,
    complaint: Option<&str>,
) -> String {
    let mut buttons: Vec<String> = Vec::new();
    for user in users {
        let hinted = hint.is_some_and(|hint| hint == user.sub || hint == text_claim(user, "email"));
        // What was hinted at is the first button, which is also the one that Enter presses.
        let place = if hinted { 0 } else { buttons.len() };
        buttons.insert(place, user_button(user, hinted));
    }
    // Only claims of one's own can be wrong.
    let open = if complaint.is_some() { " open" } else { "" };
    let complaint =
        complaint.map(|text| format!("<p class=complaint>{}</p>", escape(text))).unwrap_or_default();
    let opening = form.opening();
    page(&format!(
        "<h1>Who are you today?</h1>{complaint}\
         <p class=soft><code>{}</code> asks you to sign in.</p>\
         {opening}{}</form>\
         <details id=custom{open}><summary>Somebody else, with claims of your own</summary>{opening}{CUSTOM}</form></details>",
        escape(client),
        buttons.concat(),
    ))
}

const CUSTOM: &str = "\
    <label>Subject (sub)<input id=custom-sub name=sub required value=custom></label>\
    <label>Name<input id=custom-name name=name></label>\
    <label>Email<input id=custom-email name=email type=email></label>\
    <label>Further claims, a JSON object<textarea id=custom-claims name=claims spellcheck=false>{ \"roles\": [\"guest\"] }</textarea></label>\
    <button class=primary id=user-custom name=user value=custom>Sign in</button>";

fn user_button(user: &DevUser, hinted: bool) -> String {
    let sub = escape(&user.sub);
    let name = text_claim(user, "name");
    let name = if name.is_empty() { &user.sub } else { name };
    let class = if hinted { " class=hinted" } else { "" };
    format!(
        "<button{class} id=\"user-{sub}\" name=user value=\"{sub}\">{}<small>{}</small></button>",
        escape(name),
        escape(text_claim(user, "email")),
    )
}

fn text_claim<'a>(user: &'a DevUser, name: &str) -> &'a str {
    user.claims.get(name).and_then(Value::as_str).unwrap_or_default()
}

pub(crate) fn consent(user: &DevUser, client: &str, scope: &str, form: &Form) -> String {
    let name = text_claim(user, "name");
    let name = if name.is_empty() { &user.sub } else { name };
    let scopes = scope.split(' ').filter(|scope| !scope.is_empty());
    let items: String =
        scopes.map(|scope| format!("<li><code>{}</code> {}</li>", escape(scope), meaning(scope))).collect();
    page(&format!(
        "<h1>Allow <code>{}</code>?</h1><p>You are signed in as <strong>{}</strong>. The application asks for:</p>\
         <ul>{items}</ul>{}\
         <button class=primary id=allow name=decision value=allow>Allow</button>\
         <button class=plain id=deny name=decision value=deny>Deny</button></form>",
        escape(client),
        escape(name),
        form.opening(),
    ))
}

fn meaning(scope: &str) -> &'static str {
    match scope {
        "openid" => "who you are",
        "profile" => "your name and profile",
        "email" => "your email address",
        "phone" => "your phone number",
        "address" => "your postal address",
        "offline_access" => "access while you are away",
        _ => "",
    }
}

pub(crate) fn error(reason: &str) -> String {
    page(&format!("<h1>This does not work</h1><p class=complaint id=error>{}</p>", escape(reason)))
}

/// [OAuth 2.0 Form Post Response Mode](https://openid.net/specs/oauth-v2-form-post-response-mode-1_0.html)
pub(crate) fn form_post(action: &str, params: &[(&str, String)]) -> String {
    let fields: String = params.iter().map(|(name, value)| hidden(name, value)).collect();
    page(&format!(
        "<h1>One moment</h1><form id=form-post method=post action=\"{}\">{fields}\
         <button class=primary id=continue>Continue</button></form>\
         <script>document.getElementById('form-post').submit()</script>",
        escape(action),
    ))
}

pub(crate) fn confirm_logout(client: Option<&str>, form: &Form) -> String {
    let who = client.map(|client| format!("<p class=soft><code>{}</code> asks for it.</p>", escape(client)));
    page(&format!(
        "<h1>Sign out?</h1>{}{}<button class=primary id=confirm-logout>Sign out</button></form>",
        who.unwrap_or_default(),
        form.opening(),
    ))
}

/// Loads what signed-out clients want loaded, then goes on
/// ([Front-Channel Logout 1.0](https://openid.net/specs/openid-connect-frontchannel-1_0.html)).
pub(crate) fn signed_out(frames: &[String], next: Option<&str>) -> String {
    let frames: String =
        frames.iter().map(|uri| format!("<iframe src=\"{}\"></iframe>", escape(uri))).collect();
    let next = next.map(escape).map(|uri| {
        format!("<p><a id=continue href=\"{uri}\">Continue</a></p><meta http-equiv=refresh content=\"2; url={uri}\">")
    });
    page(&format!("<h1 id=signed-out>You are signed out</h1>{frames}{}", next.unwrap_or_default()))
}

pub(crate) fn index(provider: &DevProvider) -> String {
    let items = |names: Vec<&str>| -> String {
        names.iter().map(|name| format!("<li><code>{}</code></li>", escape(name))).collect()
    };
    page(&format!(
        "<h1>An OpenID provider for demos and tests</h1>\
         <p>Anyone can sign in as anybody here, and its private keys are public. Never let anything real trust it.</p>\
         <h2>Issuer</h2><p><code>{}</code></p><p><a href=\"{}\">Its metadata</a></p>\
         <h2>Clients</h2><ul>{}</ul><p class=soft>The secret of <code>demo-client</code> is <code>demo-secret</code>.</p>\
         <h2>Users</h2><ul>{}</ul>\
         <h2>For a terminal</h2><p><code>curl {}</code> prints an access token.</p>",
        escape(provider.issuer()),
        escape(&provider.url("/.well-known/openid-configuration")),
        items(provider.clients.iter().map(|client| client.id.as_str()).collect()),
        items(provider.users.iter().map(|user| user.sub.as_str()).collect()),
        escape(&provider.url("/dev/token")),
    ))
}

fn page(body: &str) -> String {
    format!(
        "<!doctype html><html lang=en><head><meta charset=utf-8><title>Dev provider</title>\
         <meta name=viewport content=\"width=device-width, initial-scale=1\"><style>{CSS}</style></head>\
         <body><main><p class=brand>Dev provider</p>{body}</main></body></html>\n"
    )
}

const CSS: &str = include_str!("pages.css");

/// Where a page's form goes, and what it continues.
pub(crate) struct Form {
    pub(crate) action: String,
    pub(crate) transaction: String,
}

impl Form {
    fn opening(&self) -> String {
        let transaction = hidden("transaction", &self.transaction);
        format!("<form method=post action=\"{}\">{transaction}", escape(&self.action))
    }
}

fn hidden(name: &str, value: &str) -> String {
    format!("<input type=hidden name=\"{}\" value=\"{}\">", escape(name), escape(value))
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}
