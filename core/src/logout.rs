//! Sign-out at the provider, started here
//! ([RP-Initiated Logout](https://openid.net/specs/openid-connect-rpinitiated-1_0.html#RPLogout)).

use url::Url;

use crate::config::{Config, Registration, SignIn};
use crate::discovery::Metadata;
use crate::error::Error;
use crate::profile::Logout;
use crate::secret::Secret;

/// The longest address that every browser, proxy and server on its way takes, in bytes.
const MAX_ADDRESS: usize = 2_000;

/// What is asked of the provider, and where.
pub(crate) struct EndSession {
    pub(crate) endpoint: Url,
    pub(crate) parameters: Vec<(&'static str, String)>,
}

impl EndSession {
    /// `None` if the provider has no place for it.
    pub(crate) fn new(
        metadata: &Metadata,
        config: &Config,
        registration: &Registration,
        sign_in: &SignIn,
        id_token: Option<&Secret>,
        state: &str,
    ) -> Result<Option<Self>, Error> {
        let endpoint = match &config.profile.logout {
            Logout::Local => return Ok(None),
            Logout::Address { url, client_id_parameter, return_to_parameter } => {
                let Ok(endpoint) = Url::parse(url) else { return Ok(None) };
                let named = [
                    (*client_id_parameter, registration.client_id.clone()),
                    (*return_to_parameter, post_logout_redirect_uri(sign_in)),
                ];
                return Ok(Some(Self { endpoint, parameters: named.to_vec() }));
            }
            Logout::RpInitiated => metadata.end_session_endpoint.optional()?.cloned(),
        };
        let Some(endpoint) = endpoint else { return Ok(None) };
        let hint = id_token.map(|id_token| ("id_token_hint", id_token.expose().to_owned()));
        let parameters = hint.into_iter().chain([
            ("client_id", registration.client_id.clone()),
            ("post_logout_redirect_uri", post_logout_redirect_uri(sign_in)),
            ("state", state.to_owned()),
        ]);
        Ok(Some(Self { endpoint, parameters: parameters.collect() }))
    }

    /// By GET.
    pub(crate) fn url(&self) -> Url {
        let mut url = self.endpoint.clone();
        url.query_pairs_mut().extend_pairs(&self.parameters);
        url
    }

    /// By GET, unless the ID token makes the address too long. The provider then must take a POST.
    pub(crate) fn short_url(&self) -> Option<Url> {
        Some(self.url()).filter(|url| url.as_str().len() <= MAX_ADDRESS)
    }
}

/// `/logged-out` on the origin of the redirect URI.
fn post_logout_redirect_uri(sign_in: &SignIn) -> String {
    format!("{}{}", sign_in.origin(), crate::guard::LOGGED_OUT)
}
