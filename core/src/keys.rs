//! The provider's key set: fetching it, and judging a token by it, now or after one more look at the provider.

use std::sync::Arc;

use crate::cache::Failure;
use crate::cache::shared::Load;
use crate::danger::Danger;
use crate::error::{Malformation, ProviderError};
use crate::jose::{Algorithm, KeySet, KeySetError, Verifier};
use crate::step::{Purpose, Step};
use crate::wire;

pub use crate::cache::{Freshness, KeyStatus};

/// How the key set at this address is fetched. A set without usable keys is no set: what is held stays.
pub(crate) fn load(
    jwks_uri: String,
    backend: Arc<dyn Verifier>,
    danger: Danger,
    algorithms: &[Algorithm],
) -> Load<KeySet> {
    let algorithms = algorithms.to_vec();
    Arc::new(move |ask, _| {
        let (backend, algorithms) = (Arc::clone(&backend), algorithms.clone());
        let conditional = ask.validators != Default::default();
        match wire::get_shared(&jwks_uri, Purpose::Keys, wire::MAX_KEY_SET, ask) {
            Some(fetch) => Step::fetch(fetch, move |result, _| {
                let types = ["application/json", "application/jwk-set+json"];
                let parse = |body: &[u8]| parse(body, &*backend, &danger, &algorithms);
                Step::Done(wire::loaded(Purpose::Keys, conditional, result, &types, parse))
            }),
            None => {
                let error = ProviderError::Member(Purpose::Discovery, "jwks_uri");
                Step::Done(Err(Failure { error, retry_after: None }))
            }
        }
    })
}

fn parse(
    body: &[u8],
    backend: &dyn Verifier,
    danger: &Danger,
    algorithms: &[Algorithm],
) -> Result<KeySet, ProviderError> {
    let keys = KeySet::parse_with(body, backend, danger).map_err(|error| match error {
        KeySetError::Malformed(reason) => ProviderError::Malformed(Purpose::Keys, reason),
        KeySetError::TooManyKeys => ProviderError::Malformed(Purpose::Keys, Malformation::TooManyMembers),
        KeySetError::Keys => ProviderError::Member(Purpose::Keys, "keys"),
    })?;
    let keys = keys.for_algorithms(algorithms);
    if keys.is_empty() { Err(ProviderError::NoUsableKeys) } else { Ok(keys) }
}
