//! The pages that core itself answers with: what went wrong in words a person understands, and that one is signed out.
//! They work without JavaScript, and nothing of a request stands in them but an escaped local path, and what a form carries
//! on to the provider.

use crate::error::{CallbackError, Error, ProviderError, RequestError, TokenError};

/// What a person is told: a title, a sentence or two, and where to go from here.
pub(crate) struct Page<'a> {
    pub(crate) title: &'a str,
    pub(crate) text: &'a str,
    /// Address, `id` and label of the one link.
    pub(crate) link: (&'a str, &'a str, &'a str),
    /// The error's code, to be quoted to whoever runs the server.
    pub(crate) code: Option<&'a str>,
}

impl Page<'_> {
    pub(crate) fn html(&self) -> String {
        let (href, id, label) = self.link;
        let (main, code) = match self.code {
            Some(code) => (r#"<main id="error">"#, format!("<p class=\"code\">Code: {}</p>", escape(code))),
            None => ("<main>", String::new()),
        };
        let link = format!("<p><a id=\"{id}\" href=\"{}\">{}</a></p>", escape(href), escape(label));
        document(main, self.title, self.text, &format!("{link}\n{code}"))
    }
}

/// A form that posts itself, or is posted by a click where no script runs.
pub(crate) struct Onward<'a> {
    pub(crate) title: &'a str,
    pub(crate) text: &'a str,
    pub(crate) label: &'a str,
    pub(crate) action: &'a str,
    pub(crate) fields: &'a [(&'static str, String)],
}

impl Onward<'_> {
    const SCRIPT: &'static str = "document.forms[0].submit()";
    /// The hash is the script's; no other runs. Where the form may lead is not limited: browsers would hold that against the
    /// provider's redirects, too.
    pub(crate) const POLICY: &'static str = "default-src 'none'; style-src 'unsafe-inline'; \
         script-src 'sha256-ePniVEkSivX/c7XWBGafqh8tSpiRrKiqYeqbG7N1TOE='; base-uri 'none'; frame-ancestors 'none'";

    pub(crate) fn html(&self) -> String {
        let field = |(name, value): &(&str, String)| {
            format!("<input type=\"hidden\" name=\"{name}\" value=\"{}\">\n", escape(value))
        };
        let fields: String = self.fields.iter().map(field).collect();
        let form = format!(
            "<form method=\"post\" action=\"{}\">\n{fields}<button id=\"onward\">{}</button>\n</form>\n<script>{}</script>",
            escape(self.action),
            escape(self.label),
            Self::SCRIPT,
        );
        document("<main>", self.title, self.text, &form)
    }
}

/// `main` is a tag and `rest` markup; title and text are escaped here.
fn document(main: &str, title: &str, text: &str, rest: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n<style>{STYLE}</style>\n\
         {main}\n<h1>{title}</h1>\n<p>{text}</p>\n{rest}\n</main>\n</html>\n",
        title = escape(title),
        text = escape(text),
    )
}

const STYLE: &str = "\
:root{color-scheme:light dark}\
body{margin:0;min-height:100vh;display:grid;place-items:center;font:1.05rem/1.6 system-ui,sans-serif;\
background:light-dark(#f4f5f7,#16181d);color:light-dark(#1d2330,#e8eaf0)}\
main{max-width:30rem;margin:1.5rem;padding:2rem 2.5rem;border-radius:1rem;background:light-dark(#fff,#20242c);\
box-shadow:0 1px 2px #0002,0 8px 30px #0001}\
h1{margin:0 0 .5rem;font-size:1.5rem;line-height:1.25}\
a,button{display:inline-block;margin-top:.5rem;border:0;font:inherit;padding:.55rem 1.2rem;border-radius:.5rem;background:#2f5bd7;color:#fff;\
text-decoration:none;font-weight:600}\
a:hover,a:focus,button:hover,button:focus{background:#2449b4}\
.code{margin:1.5rem 0 0;font-size:.85rem;opacity:.65}";

/// What went wrong with a sign-in, for the person who tried it. The log has the details.
pub(crate) fn explain(error: &Error) -> (&'static str, &'static str) {
    match error {
        Error::Callback(CallbackError::Provider { code, .. }) if code.is("access_denied") => (
            "Sign-in was declined",
            "You were not signed in, because access was declined at the sign-in page. Nothing was shared.",
        ),
        Error::Callback(CallbackError::Provider { .. }) => (
            "The sign-in page reported a problem",
            "You were not signed in. Trying again often helps; if it does not, tell the people who run this site.",
        ),
        Error::Callback(CallbackError::SignedOut) => (
            "You were signed out meanwhile",
            "The sign-in service ended your session while you were signing in. Please start again.",
        ),
        Error::Callback(_) => (
            "This sign-in cannot be finished",
            "It was started too long ago, in another browser, or has been used already. Please start again.",
        ),
        Error::Token(TokenError::KeysUnavailable { .. })
        | Error::Provider(ProviderError::IdToken(TokenError::KeysUnavailable { .. })) => OUTAGE,
        Error::Provider(error)
            if error.code().starts_with("provider_") && error.code() != "provider_error" =>
        {
            OUTAGE
        }
        Error::Provider(_) | Error::Token(_) => (
            "Your sign-in could not be verified",
            "The sign-in page's answer did not pass our checks, so you were not signed in. Please try again; if it \
             happens again, tell the people who run this site.",
        ),
        Error::Request(RequestError::NoCredentials) => (
            "Please sign in",
            "This address is for people who have signed in, and programs that present a token.",
        ),
        Error::Request(RequestError::OriginMismatch) => (
            "This request came from another site",
            "To protect you, nothing was changed. If you meant to do this, do it from this site.",
        ),
        Error::Request(RequestError::InsufficientAuthentication { .. }) => (
            "Please sign in again",
            "This address needs a more recent or a stronger sign-in than yours. Nothing was changed.",
        ),
        Error::Request(
            RequestError::InsufficientScope(_)
            | RequestError::InsufficientRole(_)
            | RequestError::OtherIssuer,
        ) => (
            "This is not permitted",
            "What you have been granted does not cover this address. Nothing was changed.",
        ),
        Error::Request(_) => ("This request is not understood", "Nothing was changed. Please start again."),
        Error::Usage(_) | Error::Entropy | Error::Store => (
            "Something is wrong on this site",
            "You were not signed in. Please try again in a moment; if it does not help, tell the people who run this site.",
        ),
    }
}

const OUTAGE: (&str, &str) = (
    "The sign-in service is not answering",
    "You were not signed in, because the sign-in service could not be reached or gave no proper answer. Please try \
     again in a moment.",
);

/// For text and for attribute values in double quotes.
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

#[cfg(test)]
mod tests {
    use super::*;
    use base64ct::{Base64, Encoding};
    use sha2::{Digest, Sha256};

    #[test]
    fn the_one_script_that_may_run_is_the_form_s_own() {
        let hash = Base64::encode_string(&Sha256::digest(Onward::SCRIPT));
        assert!(Onward::POLICY.contains(&format!("script-src 'sha256-{hash}';")), "{hash}");
    }

    #[test]
    fn nothing_breaks_out_of_a_form_that_is_posted_on() {
        let fields = [("state", "\"><script>alert(1)</script>".to_owned())];
        let action = "https://op.example/?a=1&b=\"'<";
        let html = Onward { title: "<t>", text: "<p>", label: "<l>", action, fields: &fields }.html();
        assert_eq!(html.matches("<script>").count(), 1);
        assert!(html.contains("action=\"https://op.example/?a=1&amp;b=&quot;&#39;&lt;\""));
        assert!(html.contains("value=\"&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;\""));
    }
}
