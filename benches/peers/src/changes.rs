//! What is done to good tokens, each change under the name of the rule that it puts to the test.

mod claims;
mod signatures;
mod text;

use std::sync::LazyLock;

use fastrand::Rng;

use crate::draft::{Draft, Stage};

/// All of them.
pub static CHANGES: LazyLock<Vec<&Change>> =
    LazyLock::new(|| text::CHANGES.iter().chain(signatures::CHANGES).chain(claims::CHANGES).collect());

/// What a change makes of a token, if nothing else is done to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// As good as before.
    Good,
    /// To be refused.
    Bad,
}

/// One rule's changes; which of them it is, is drawn.
pub struct Change {
    /// The rule: T for text, S for signatures and keys, C for claims.
    pub id: &'static str,
    pub stage: Stage,
    /// What it touches. Two changes of the same place would undo each other.
    places: &'static [&'static str],
    pub apply: fn(&mut Draft<'_>, &mut Rng) -> Fate,
}

impl Change {
    pub fn goes_with(&self, other: &Self) -> bool {
        let alone = |change: &Self| change.places.contains(&ALONE);
        !alone(self) && !alone(other) && !self.places.iter().any(|place| other.places.contains(place))
    }
}

/// Goes with nothing else.
const ALONE: &str = "";
const HEADER: &str = "header";
const PAYLOAD: &str = "payload";
const SIGNATURE: &str = "signature";
const TOKEN: &str = "token";
const KID: &str = "kid";
const ALG: &str = "alg";
const TYP: &str = "typ";
const SIGN: &str = "sign";
const SET: &str = "set";
const EXP: &str = "exp";
const AUD: &str = "aud";
const ISS: &str = "iss";

const fn change(
    id: &'static str,
    stage: Stage,
    places: &'static [&'static str],
    apply: fn(&mut Draft<'_>, &mut Rng) -> Fate,
) -> Change {
    Change { id, stage, places, apply }
}

fn pick<T: Clone>(random: &mut Rng, choices: &[T]) -> T {
    choices[random.usize(..choices.len())].clone()
}

fn join(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}
