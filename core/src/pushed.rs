//! Pushed authorization requests: the provider is told beforehand, and the browser carries a name
//! ([RFC 9126](https://www.rfc-editor.org/rfc/rfc9126)).

use http::{Response, StatusCode};

use crate::error::ProviderError;
use crate::exchange::{Sent, error_of};
use crate::jose::json::{MAX_MEMBERS, Object, WrongType};
use crate::step::{FetchResult, Purpose};
use crate::wire;

/// The name that the provider has given to a request: good for the one browser that is sent there with it, at once.
pub(crate) fn request_uri(result: FetchResult, sent: &Sent) -> Result<String, ProviderError> {
    let response = wire::arrived(Purpose::PushedAuthorization, result)?;
    if let Some(error) = error_of(&response, sent) {
        return Err(error);
    }
    let body = wire::body_of(Purpose::PushedAuthorization, Ok(as_ok(response)), &["application/json"])?;
    let answer = Object::parse(&body, MAX_MEMBERS)
        .map_err(|reason| ProviderError::Malformed(Purpose::PushedAuthorization, reason))?;
    let wrong = || ProviderError::Member(Purpose::PushedAuthorization, "request_uri");
    let name: Option<String> = answer.get("request_uri").map_err(|WrongType| wrong())?;
    name.filter(|name| (1..=MAX_NAME).contains(&name.len())).ok_or_else(wrong)
}

/// The longest name taken, in bytes: it goes into an address.
const MAX_NAME: usize = 1024;

/// Success is 201 here ([section 2.2](https://www.rfc-editor.org/rfc/rfc9126#section-2.2)); some answer 200.
fn as_ok(mut response: Response<Vec<u8>>) -> Response<Vec<u8>> {
    if response.status() == StatusCode::CREATED {
        *response.status_mut() = StatusCode::OK;
    }
    response
}
