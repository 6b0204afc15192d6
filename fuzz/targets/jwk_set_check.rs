//! What must hold for any text that is taken for a key set.

use std::collections::BTreeMap;
use std::sync::Mutex;

use oidc_core::config::Danger;
use oidc_core::error::TokenError;
use oidc_core::jose::{
    Algorithm, KeySet, KeySetError, MAX_KEYS, PreparedKey, PublicKey, SkipReason, Verifier,
};
use oidc_core::token::verify_signature;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::common::{Gullible, strict_object, string, token};

/// Checks all that must hold, and tells whether a key of the set can be used.
///
/// # Panics
/// If something does not hold.
pub(crate) fn check(input: &[u8]) -> bool {
    let noting = Noting::default();
    let set = match KeySet::parse(input, &noting) {
        Ok(set) => set,
        Err(error) => {
            refused(input, &error);
            return false;
        }
    };
    // A broken key does not take the others along, so that its text may be no strict JSON.
    let members: BTreeMap<String, &RawValue> = serde_json::from_slice(input).expect("a set is an object");
    let keys: Vec<&RawValue> = serde_json::from_str(members["keys"].get()).expect("a set has keys");
    assert!(keys.len() <= MAX_KEYS);
    let usable = set.len();
    assert_eq!(usable + set.skipped().len(), keys.len());
    assert_eq!(set.is_empty(), usable == 0);

    let prepared = noting.rsa.into_inner().expect("nobody panicked");
    let others = noting.others.into_inner().expect("nobody panicked");
    assert_eq!(prepared.len() + others, set.len(), "each key that can be used was prepared, and no other");
    assert!(prepared.iter().all(|(bits, e)| (2048..=4096).contains(bits) && (65_537..1 << 33).contains(e)));
    let kids: Vec<_> = keys.iter().filter_map(|key| kid(key)).collect();
    for skipped in set.skipped() {
        assert!(skipped.kid.as_ref().is_none_or(|kid| kids.contains(kid)));
        assert_ne!(skipped.reason, SkipReason::Backend);
        assert!(!matches!(skipped.reason, SkipReason::Size(2048..=4096)));
    }

    let none = KeySet::parse(input, &Picky).expect("the backend has no say in what is a set");
    assert!(none.is_empty() && none.skipped().len() == keys.len());
    let lax = Danger::new().rsa_bits_up_to(8192).small_exponents();
    let lax = KeySet::parse_with(input, &Gullible, &lax).expect("it is a set without danger too");
    assert!(lax.len() >= set.len() && lax.len() + lax.skipped().len() == keys.len());

    // The token's signature is as long as a modulus of 2048 bits, and names no key.
    let verdict = verify_signature(&token(br#"{"alg":"RS256"}"#, b"{}"), &[Algorithm::Rs256], &set);
    match verdict {
        Ok(payload) => assert!(payload == b"{}" && prepared.iter().any(|(bits, _)| bits.div_ceil(8) == 256)),
        Err(error) => assert!([TokenError::UnknownKey, TokenError::BadSignature].contains(&error), "{error}"),
    }
    !set.is_empty()
}

fn kid(key: &RawValue) -> Option<String> {
    let (_, kid) = strict_object(key.get().as_bytes())?.into_iter().find(|(name, _)| name == "kid")?;
    string(kid)
}

fn refused(input: &[u8], error: &KeySetError) {
    let shown = error.to_string();
    assert!(shown.len() < 128 && shown.bytes().all(|byte| (0x20..=0x7e).contains(&byte)), "{shown:?}");
    let keys = serde_json::from_slice::<Value>(input).ok().map(|read| read["keys"].as_array().map(Vec::len));
    match error {
        KeySetError::TooManyKeys => assert!(keys.flatten().is_none_or(|keys| keys > MAX_KEYS)),
        KeySetError::Keys => assert!(keys.flatten().is_none()),
        _ => {}
    }
}

/// Notes the size and the exponent of each RSA key, and counts those of other types.
#[derive(Debug, Default)]
struct Noting {
    rsa: Mutex<Vec<(usize, u64)>>,
    others: Mutex<usize>,
}

impl Verifier for Noting {
    fn prepare(&self, key: &PublicKey<'_>) -> Option<Box<dyn PreparedKey>> {
        let PublicKey::Rsa(components) = key else {
            *self.others.lock().expect("nobody panicked") += 1;
            return Gullible.prepare(key);
        };
        let leading = components.n.first().expect("a modulus is no empty text").leading_zeros() as usize;
        assert!(leading < 8, "a modulus starts with a zero");
        assert!(components.n.last().is_some_and(|last| last % 2 == 1), "a modulus is even");
        assert!(components.e.last().is_some_and(|last| last % 2 == 1), "an exponent is even");
        assert!(components.e.len() <= 8 && components.e[0] != 0);
        let e = components.e.iter().fold(0, |e, byte| (e << 8) | u64::from(*byte));
        self.rsa.lock().expect("nobody panicked").push((components.n.len() * 8 - leading, e));
        Gullible.prepare(key)
    }
}

/// A backend that takes no key.
#[derive(Debug)]
struct Picky;

impl Verifier for Picky {
    fn prepare(&self, _: &PublicKey<'_>) -> Option<Box<dyn PreparedKey>> {
        None
    }
}
