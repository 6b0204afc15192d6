//! The provider's key set: fetching it, and judging a token by it, now or after one more look at the provider.

use std::sync::Arc;

use crate::cache::Load;
use crate::error::{Malformation, ProviderError};
use crate::jose::{KeySet, KeySetError, Verifier};
use crate::step::{Purpose, Step};
use crate::wire;

pub use crate::cache::Freshness;

/// How the key set at this address is fetched. A set without usable keys is no set: what is held stays.
pub(crate) fn load(jwks_uri: String, backend: Arc<dyn Verifier>) -> Load<KeySet> {
    Arc::new(move |timeout, _| {
        let backend = Arc::clone(&backend);
        let Some(fetch) = wire::get_shared(&jwks_uri, Purpose::Keys, wire::MAX_KEY_SET, timeout) else {
            return Step::Done(Err(ProviderError::Member(Purpose::Discovery, "jwks_uri")));
        };
        Step::fetch(fetch, move |result, _| {
            let types = ["application/json", "application/jwk-set+json"];
            let body = wire::body_of(Purpose::Keys, result, &types);
            Step::Done(body.and_then(|body| parse(&body, &*backend)))
        })
    })
}

fn parse(body: &[u8], backend: &dyn Verifier) -> Result<KeySet, ProviderError> {
    let keys = KeySet::parse(body, backend).map_err(|error| match error {
        KeySetError::Malformed(reason) => ProviderError::Malformed(Purpose::Keys, reason),
        KeySetError::TooManyKeys => ProviderError::Malformed(Purpose::Keys, Malformation::TooManyMembers),
        KeySetError::Keys => ProviderError::Member(Purpose::Keys, "keys"),
    })?;
    if keys.is_empty() { Err(ProviderError::NoUsableKeys) } else { Ok(keys) }
}
