//! Bearer tokens: out of `Authorization`, and the challenge in `WWW-Authenticate`
//! ([RFC 6750](https://www.rfc-editor.org/rfc/rfc6750)).

use http::HeaderValue;

use crate::error::{Error, RequestError};

/// The protection space that challenges name.
const REALM: &str = "oidc";

/// The token of the `Authorization` headers of a request: `None` if none is of this scheme. One of another scheme is
/// somebody else's.
///
/// # Errors
/// [`RequestError::TwoCredentials`] when there are two, [`RequestError::NoCredentials`] when the scheme stands alone: then
/// no session takes the token's place either.
pub(crate) fn token<'a>(authorization: &[&'a [u8]]) -> Result<Option<&'a str>, RequestError> {
    let mut tokens = authorization.iter().filter_map(|value| bearer(value));
    match (tokens.next(), tokens.next()) {
        (Some(""), None) => Err(RequestError::NoCredentials),
        (first, None) => Ok(first),
        (_, Some(_)) => Err(RequestError::TwoCredentials),
    }
}

/// What follows the scheme `Bearer`, in any case ([RFC 9110 section 11.1](https://www.rfc-editor.org/rfc/rfc9110#section-11.1)).
/// Text that is no token at all is passed on, and refused as one.
fn bearer(value: &[u8]) -> Option<&str> {
    let is_bearer = value.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"bearer"));
    let separated = matches!(value.get(6), None | Some(b' ' | b'\t'));
    if !is_bearer || !separated {
        return None;
    }
    let rest = value.get(6..).unwrap_or_default();
    // Not UTF-8: no token either, so any text will do that is refused as malformed.
    Some(std::str::from_utf8(rest).unwrap_or("\u{fffd}").trim_matches(' '))
}

/// The value of `WWW-Authenticate` that goes with an error
/// ([RFC 6750 section 3](https://www.rfc-editor.org/rfc/rfc6750#section-3)). The description is the error's code.
pub(crate) fn challenge(error: &Error) -> Option<HeaderValue> {
    let (name, more) = match error {
        Error::Request(RequestError::NoCredentials) => {
            return HeaderValue::try_from(format!("Bearer realm=\"{REALM}\"")).ok();
        }
        Error::Token(_) => ("invalid_token", String::new()),
        Error::Request(RequestError::TwoCredentials) => ("invalid_request", String::new()),
        Error::Request(RequestError::InsufficientScope(required)) => {
            ("insufficient_scope", parameter("scope", Some(required)))
        }
        // https://www.rfc-editor.org/rfc/rfc9470#section-3
        Error::Request(RequestError::InsufficientAuthentication { acr_values, max_age }) => {
            let max_age = max_age.map(|age| age.as_secs().to_string());
            let more = parameter("acr_values", acr_values.as_ref()) + &parameter("max_age", max_age.as_ref());
            ("insufficient_user_authentication", more)
        }
        _ => return None,
    };
    let code = error.code();
    let challenge = format!("Bearer realm=\"{REALM}\", error=\"{name}\", error_description=\"{code}\"{more}");
    HeaderValue::try_from(challenge).ok()
}

/// A value is of a [`Policy`](crate::guard::Policy), where no quote or backslash can be.
fn parameter(name: &str, value: Option<&String>) -> String {
    value.map_or_else(String::new, |value| format!(", {name}=\"{value}\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheme_is_found_in_any_case_and_the_token_is_what_follows() {
        for (header, found) in [
            ("Bearer a.b.c", Some("a.b.c")),
            ("bearer a.b.c", Some("a.b.c")),
            ("BEARER  a.b.c", Some("a.b.c")),
            ("Bearer \ta.b.c", Some("\ta.b.c")),
            ("Bearer a b", Some("a b")),
            ("Basic abc", None),
            ("Bearertoken", None),
            ("", None),
        ] {
            assert_eq!(token(&[header.as_bytes()]), Ok(found), "{header:?}");
        }
        assert_eq!(token(&[b"Bearer \xff"]), Ok(Some("\u{fffd}")));
        for alone in ["Bearer", "bearer  "] {
            assert_eq!(token(&[alone.as_bytes()]), Err(RequestError::NoCredentials));
        }
    }

    #[test]
    fn two_bearer_tokens_are_refused_and_another_scheme_beside_one_is_not() {
        assert_eq!(token(&[b"Bearer a", b"Bearer a"]), Err(RequestError::TwoCredentials));
        assert_eq!(token(&[b"Basic a", b"Bearer b"]), Ok(Some("b")));
        assert_eq!(token(&[]), Ok(None));
    }
}
