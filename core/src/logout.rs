//! Sign-out at the provider, started here
//! ([RP-Initiated Logout](https://openid.net/specs/openid-connect-rpinitiated-1_0.html#RPLogout)).

use url::Url;

use crate::config::Registration;
use crate::discovery::Metadata;
use crate::error::Error;
use crate::secret::Secret;

/// Where to send the browser, if the provider has a place for it.
pub(crate) fn end_session_url(
    metadata: &Metadata,
    registration: &Registration,
    id_token: Option<&Secret>,
    state: &str,
) -> Result<Option<Url>, Error> {
    let Some(mut url) = metadata.end_session_endpoint.optional()?.cloned() else { return Ok(None) };
    let mut query = url.query_pairs_mut();
    if let Some(id_token) = id_token {
        query.append_pair("id_token_hint", id_token.expose());
    }
    query
        .append_pair("client_id", &registration.client_id)
        .append_pair("post_logout_redirect_uri", &post_logout_redirect_uri(registration))
        .append_pair("state", state);
    drop(query);
    Ok(Some(url))
}

/// `/logged-out` on the origin of the redirect URI.
fn post_logout_redirect_uri(registration: &Registration) -> String {
    format!("{}{}", registration.redirect_uri.origin().ascii_serialization(), crate::guard::LOGGED_OUT)
}
