//! The differences between the libraries that are known, with the rule that each comes from.

use std::collections::BTreeMap;

use serde::Deserialize;

/// Also read by `e2e/differential`, which adds a third library to the two here.
const KNOWN: &str = include_str!("../known.json");

/// A difference to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Difference {
    /// It takes what we refuse.
    Takes,
    /// It refuses what we take.
    Refuses,
}

/// A rule, and who differs on it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// What the tokens are.
    pub what: String,
    #[serde(default)]
    openidconnect: Vec<Difference>,
    #[serde(default)]
    jsonwebtoken: Vec<Difference>,
    /// Not asked here.
    #[serde(default, rename = "jose")]
    _jose: Vec<Difference>,
}

pub fn rules() -> BTreeMap<String, Rule> {
    serde_json::from_str(KNOWN).expect("known.json is a table of rules")
}

impl Rule {
    pub fn explains(&self, peer: Peer, difference: Difference) -> bool {
        self.known(peer).contains(&difference)
    }

    pub fn known(&self, peer: Peer) -> &[Difference] {
        match peer {
            Peer::Openidconnect => &self.openidconnect,
            Peer::Jsonwebtoken => &self.jsonwebtoken,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Peer {
    Openidconnect,
    Jsonwebtoken,
}

impl Peer {
    pub const ALL: [Self; 2] = [Self::Openidconnect, Self::Jsonwebtoken];

    pub fn name(self) -> &'static str {
        match self {
            Self::Openidconnect => "openidconnect",
            Self::Jsonwebtoken => "jsonwebtoken",
        }
    }
}
