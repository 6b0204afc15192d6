//! Sign-outs that the provider sends here itself
//! ([Back-Channel Logout](https://openid.net/specs/openid-connect-backchannel-1_0.html#BCRequest)). No browser takes part:
//! no cookie is read or set.

use http::Method;

use super::answer::{Answer, Shape};
use super::{Guard, Incoming, Verdict, only_value};
use crate::error::{Error, RequestError};
use crate::step::Step;
use crate::time::UnixTime;

/// The longest form taken, in bytes.
pub(super) const MAX_LOGOUT_FORM: usize = 64 * 1024;

impl Guard {
    /// Ends what a logout token names. The provider is told how it went, and nothing else.
    pub(super) fn end_by_back_channel(&self, incoming: &Incoming<'_>, now: UnixTime) -> Step<Verdict> {
        let token = match logout_token(incoming) {
            Ok(token) => token,
            Err(error) => return Step::Done(refused(&error.into())),
        };
        self.home.end_by_token(self.judge_of_sign_in(&token), &token, now).map(now, |ended| match ended {
            Ok(()) => Answer::empty().into(),
            Err(Error::Token(error)) => refused(&RequestError::LogoutToken(error).into()),
            Err(error) => refused(&error),
        })
    }
}

fn logout_token(incoming: &Incoming<'_>) -> Result<String, RequestError> {
    if incoming.method != Method::POST {
        return Err(RequestError::Method("POST"));
    }
    if !incoming.is_form() {
        return Err(RequestError::MediaType);
    }
    let body = incoming.body.unwrap_or_default();
    if body.len() > MAX_LOGOUT_FORM {
        return Err(RequestError::BodyTooLarge(MAX_LOGOUT_FORM));
    }
    only_value(body, "logout_token")
}

fn refused(error: &Error) -> Verdict {
    Answer::failure_as(Shape::Json, error, "/").into()
}
