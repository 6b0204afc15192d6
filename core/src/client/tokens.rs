//! Questions to the provider about a token, and its end.

use super::{Client, PATIENCE, left, requested};
use crate::error::{Error, ProviderError};
use crate::exchange::{Sent, error_of};
use crate::introspection::{Introspection, TokenHint};
use crate::secret::Secret;
use crate::step::{FetchResult, Purpose, Step};
use crate::time::UnixTime;
use crate::wire;

impl Client {
    /// Asks the provider about an access token: the way for those that are opaque, and for those that may have been revoked
    /// ([RFC 7662](https://www.rfc-editor.org/rfc/rfc7662)). Each call is a request; nothing is remembered.
    ///
    /// Its output is `None` for a token that does not live, and an [`Error`] when it is for somebody else ([`Error::Token`]), or
    /// the provider cannot be asked.
    pub fn introspect(&self, token: &Secret, now: UnixTime) -> Step<Result<Option<Introspection>, Error>> {
        const PURPOSE: Purpose = Purpose::Introspection;
        let (this, token, deadline) = (self.clone(), token.clone(), now.saturating_add(PATIENCE));
        self.metadata(deadline, now).and_then(now, move |metadata, now| {
            let fetch = this.asker(&metadata, now).and_then(|asker| {
                let hint = TokenHint::AccessToken.name();
                let parameters = [("token", token.expose()), ("token_type_hint", hint)];
                let endpoint = &metadata.introspection_endpoint;
                asker.request(endpoint, PURPOSE, &parameters, [&token], left(PURPOSE, deadline, now)?)
            });
            requested(fetch, Introspection::parse, move |answer, now| {
                let checked = answer.map(|answer| answer.check(&this.inner.config, now)).transpose();
                Step::Done(checked.map_err(Error::from))
            })
        })
    }

    /// Tells the provider that a token is not needed any more ([RFC 7009](https://www.rfc-editor.org/rfc/rfc7009)): the end of
    /// a refresh token is that of the access tokens it gave, as far as the provider asks itself about them. A token that the
    /// provider does not know is as good as revoked.
    ///
    /// Its output is an [`Error`] when the provider has no such endpoint, or cannot be asked.
    pub fn revoke(&self, token: &Secret, hint: TokenHint, now: UnixTime) -> Step<Result<(), Error>> {
        const PURPOSE: Purpose = Purpose::Revocation;
        let (this, token, deadline) = (self.clone(), token.clone(), now.saturating_add(PATIENCE));
        self.metadata(deadline, now).and_then(now, move |metadata, now| {
            let fetch = this.asker(&metadata, now).and_then(|asker| {
                let parameters = [("token", token.expose()), ("token_type_hint", hint.name())];
                let endpoint = &metadata.revocation_endpoint;
                asker.request(endpoint, PURPOSE, &parameters, [&token], left(PURPOSE, deadline, now)?)
            });
            requested(fetch, revoked, |(), _| Step::Done(Ok(())))
        })
    }
}

/// Whatever the body is ([section 2.2](https://www.rfc-editor.org/rfc/rfc7009#section-2.2)).
fn revoked(result: FetchResult, sent: &Sent) -> Result<(), ProviderError> {
    let response = wire::arrived(Purpose::Revocation, result)?;
    match error_of(&response, sent) {
        Some(error) => Err(error),
        None if response.status().is_success() => Ok(()),
        None => Err(ProviderError::Status(Purpose::Revocation, response.status().as_u16())),
    }
}
