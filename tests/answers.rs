//! What the guard answers, byte for byte as it is written in `answers.txt`: so it is the same on every web server.

use super::{Answer, World};

#[test]
fn the_guard_answers_the_same_on_every_web_server() {
    let mut transcript = Transcript { world: World::new(), text: String::new() };
    let html = ("accept", "text/html");
    let form = ("content-type", "application/x-www-form-urlencoded");
    let here = transcript.world.origin.clone();

    transcript.note("GET", "/profile", &[html], "");
    transcript.note("GET", "/profile", &[("accept", "application/json")], "");
    transcript.note("GET", "/transfer?to=bob", &[html], "");
    transcript.note("GET", "/login?return_to=/profile", &[html], "");
    transcript.note("POST", "/login", &[], "");
    transcript.note("GET", "/callback", &[], "");
    transcript.note("GET", "/callback?code=c&state=s", &[html], "");
    transcript.note("POST", "/callback", &[form], "code=c&state=s");
    transcript.note("GET", "/logout", &[html], "");
    transcript.note("POST", "/logout", &[("origin", "https://evil.example")], "");
    transcript.note("GET", "/logged-out?state=s", &[html], "");
    transcript.note("GET", "/frontchannel-logout?iss=https://evil.example&sid=s", &[], "");
    transcript.note("POST", "/backchannel-logout", &[form], "logout_token=junk");
    transcript.note("POST", "/backchannel-logout", &[form], &"a".repeat(100_000));
    transcript.note("POST", "/backchannel-logout", &[("content-type", "text/plain")], "logout_token=junk");
    transcript.note("GET", "/api/whoami", &[], "");
    transcript.note("GET", "/api/whoami", &[("authorization", "Bearer junk")], "");
    transcript.note("GET", "/", &[("authorization", "Bearer junk")], "");

    transcript.world.cookies.clear();
    let callback = transcript.world.callback();
    transcript.note("GET", callback.strip_prefix(&here).unwrap(), &[html], "");
    transcript.note("POST", "/logout", &[("origin", &here), html], "");

    let found = transcript.text;
    assert!(found == include_str!("answers.txt"), "{found}\nis not what tests/answers.txt says");
}

struct Transcript {
    world: World,
    text: String,
}

impl Transcript {
    fn note(&mut self, method: &str, target: &str, headers: &[(&str, &str)], body: &str) {
        let url = format!("{}{target}", self.world.origin);
        let answer = self.world.send(method, &url, headers, body);
        let headers: String = headers.iter().map(|(name, value)| format!("> {name}: {value}\n")).collect();
        let body = match body.len() {
            0 => String::new(),
            1..100 => format!("> {body}\n"),
            length => format!("> {length} bytes\n"),
        };
        let noted = format!("> {method} {target}\n{headers}{body}{}\n", written(&answer));
        self.text += &self.without_chance(&noted);
    }

    /// Without what is another in each run, and without the pages' style.
    fn without_chance(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (url, name) in [(&self.world.origin, "APP"), (&self.world.provider.issuer(), "OP")] {
            let (_, port) = url.rsplit_once(':').unwrap();
            for before in [":", "%3A", "oidc-"] {
                text = text.replace(&format!("{before}{port}"), &format!("{before}{name}"));
            }
        }
        for parameter in ["state=", "nonce=", "code_challenge=", "code=", "id_token_hint="] {
            text = blanked(&text, parameter, "&\n");
        }
        text = blanked(&text, "oidc-APP-login-", "=");
        for cookie in ["oidc-APP-login-…=", "oidc-APP-session=", "oidc-APP-logout="] {
            text = blanked(&text, cookie, ";");
        }
        blanked(&text, "<style>", "<")
    }
}

/// Headers are sorted, and those of the server's own are left out.
fn written(answer: &Answer) -> String {
    const OF_THE_SERVER: [&str; 6] =
        ["connection", "content-length", "date", "keep-alive", "server", "transfer-encoding"];
    let headers = answer.headers.iter().filter(|(name, _)| !OF_THE_SERVER.contains(&name.as_str()));
    let mut headers: Vec<String> =
        headers.map(|(name, value)| format!("< {name}: {}\n", value.to_str().unwrap())).collect();
    headers.sort();
    format!("< {}\n{}{}\n", answer.status, headers.concat(), answer.body)
}

/// With `…` in place of what stands between `before` and one of the ends.
fn blanked(text: &str, before: &str, ends: &str) -> String {
    let mut parts = text.split(before);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        let (hidden, rest) = part.split_at(part.find(|char| ends.contains(char)).unwrap_or(part.len()));
        let hidden = if hidden.is_empty() { "" } else { "…" };
        format!("{text}{before}{hidden}{rest}")
    })
}
