//! The tokens that come to the fleet.

use crate::day::FLOOD;
use crate::provider::{DAY, MINUTE, token};

/// All tokens of the day, minted ahead.
pub(crate) struct Tokens {
    /// One of each minute.
    pub(crate) good: Vec<String>,
    /// Each with a `kid` of its own, and good for the whole flood.
    pub(crate) made_up: Vec<String>,
}

impl Tokens {
    pub(crate) const MADE_UP: u64 = 10_000;

    pub(crate) fn new() -> Self {
        let made_up = |number| token(Some(&format!("made-up-{number}")), FLOOD.start);
        Self {
            good: (0..DAY / MINUTE).map(|minute| token(None, minute * MINUTE)).collect(),
            made_up: (0..Self::MADE_UP).map(made_up).collect(),
        }
    }
}
