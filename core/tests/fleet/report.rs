//! What a day has come to.

use std::ops::Range;

use oidc_core::Claims;
use oidc_core::error::TokenError;

use crate::day::{FLOOD, RESTART};
use crate::provider::{DAY, HOUR, KEYS, MINUTE, Millis, OUTAGE, ROTATIONS, SECOND, WITHDRAWAL};

/// In how long a flooded instance has to notice a rotation.
const NOTICE: Millis = 5 * SECOND;

pub(crate) struct Report {
    /// For how many instances each one stands.
    weight: u64,
    /// Requests to the provider in each second, whether or not it answered.
    fetches: Vec<u64>,
    /// Good tokens: their keys were published from their arrival to the answer.
    pub(crate) good: Answers,
    /// Those of them that came while the provider was down.
    pub(crate) good_in_outage: Answers,
    /// Tokens of the new key at a flooded instance, in the first five seconds after the old one was withdrawn. They are not
    /// counted among the others.
    pub(crate) good_before_notice: Answers,
    /// Tokens whose key was withdrawn before the answer.
    pub(crate) withdrawn: Answers,
    /// How long after the withdrawal such a token was accepted last.
    pub(crate) withdrawn_accepted_until: Millis,
    /// Tokens with a `kid` that nobody has heard of.
    pub(crate) made_up: Answers,
    /// Tokens whose instance went down before it answered.
    pub(crate) lost: u64,
    /// The longest that a good token had to wait.
    pub(crate) longest_wait: Millis,
    /// The most requests of a flooded instance in a minute of the flood.
    pub(crate) most_in_a_minute: usize,
    /// The instances without fresh keys when the provider was long enough back.
    pub(crate) not_fresh_after_outage: usize,
}

/// How many tokens were answered how.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Answers {
    pub(crate) accepted: u64,
    pub(crate) refused: u64,
    pub(crate) unavailable: u64,
}

/// A token at an instance.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Presented {
    /// Which key has signed it; `None`: it is made up.
    pub(crate) key: Option<usize>,
    pub(crate) arrived: Millis,
    pub(crate) at_flooded: bool,
}

impl Report {
    pub(crate) fn new(weight: u64) -> Self {
        Self {
            weight,
            fetches: vec![0; (DAY / SECOND) as usize],
            good: Answers::default(),
            good_in_outage: Answers::default(),
            good_before_notice: Answers::default(),
            withdrawn: Answers::default(),
            withdrawn_accepted_until: 0,
            made_up: Answers::default(),
            lost: 0,
            longest_wait: 0,
            most_in_a_minute: 0,
            not_fresh_after_outage: 0,
        }
    }

    /// This and the report of other instances.
    pub(crate) fn and(mut self, other: &Self) -> Self {
        for (sum, more) in self.fetches.iter_mut().zip(&other.fetches) {
            *sum += more;
        }
        self.good.add_all(other.good);
        self.good_in_outage.add_all(other.good_in_outage);
        self.good_before_notice.add_all(other.good_before_notice);
        self.withdrawn.add_all(other.withdrawn);
        self.withdrawn_accepted_until = self.withdrawn_accepted_until.max(other.withdrawn_accepted_until);
        self.made_up.add_all(other.made_up);
        self.lost += other.lost;
        self.longest_wait = self.longest_wait.max(other.longest_wait);
        self.most_in_a_minute = self.most_in_a_minute.max(other.most_in_a_minute);
        self.not_fresh_after_outage += other.not_fresh_after_outage;
        self
    }

    pub(crate) fn count_fetch(&mut self, now: Millis) {
        self.fetches[(now / SECOND) as usize] += self.weight;
    }

    pub(crate) fn count_fetch_of_flooded(&mut self, in_a_minute: usize, now: Millis) {
        if FLOOD.contains(&now) {
            self.most_in_a_minute = self.most_in_a_minute.max(in_a_minute);
        }
    }

    pub(crate) fn record(&mut self, token: Presented, answer: &Result<Claims, TokenError>, now: Millis) {
        let Some(key) = token.key else { return self.made_up.add(answer) };
        let withdrawn = KEYS[key].published.end;
        if withdrawn <= now {
            self.withdrawn.add(answer);
            if answer.is_ok() {
                self.withdrawn_accepted_until = self.withdrawn_accepted_until.max(now - withdrawn);
            }
            return;
        }
        self.longest_wait = self.longest_wait.max(now - token.arrived);
        if OUTAGE.contains(&token.arrived) {
            self.good_in_outage.add(answer);
        }
        if token.at_flooded && (WITHDRAWAL..WITHDRAWAL + NOTICE).contains(&token.arrived) {
            self.good_before_notice.add(answer);
        } else {
            self.good.add(answer);
        }
    }

    pub(crate) fn total(&self, time: &Range<Millis>) -> u64 {
        self.seconds(time).iter().sum()
    }

    /// The most requests in a second of this time.
    pub(crate) fn peak(&self, time: &Range<Millis>) -> u64 {
        self.seconds(time).iter().copied().max().unwrap()
    }

    fn seconds(&self, time: &Range<Millis>) -> &[u64] {
        &self.fetches[(time.start / SECOND) as usize..(time.end / SECOND) as usize]
    }

    pub(crate) fn by_minute(&self) -> Vec<u64> {
        self.fetches.chunks((MINUTE / SECOND) as usize).map(|minute| minute.iter().sum()).collect()
    }
}

impl Answers {
    fn add(&mut self, answer: &Result<Claims, TokenError>) {
        match answer {
            Ok(_) => self.accepted += 1,
            Err(TokenError::KeysUnavailable { .. }) => self.unavailable += 1,
            Err(_) => self.refused += 1,
        }
    }

    fn add_all(&mut self, other: Self) {
        self.accepted += other.accepted;
        self.refused += other.refused;
        self.unavailable += other.unavailable;
    }
}

/// What happens in the day, one after the other.
pub(crate) const PERIODS: [(&str, Range<Millis>); 9] = [
    ("everyone starts", 0..MINUTE),
    (PERIODIC, MINUTE..OUTAGE.start),
    ("the provider is down", OUTAGE),
    ("the provider is back", OUTAGE.end..OUTAGE.end + 2 * MINUTE),
    (PERIODIC, OUTAGE.end + 2 * MINUTE..ROTATIONS[1]),
    ("a key announced 5 minutes ago comes into use", ROTATIONS[1]..ROTATIONS[1] + HOUR),
    ("1 % are flooded; a key is replaced at once", FLOOD),
    ("everyone restarts", RESTART..RESTART + MINUTE),
    (PERIODIC, RESTART + MINUTE..DAY),
];
/// When nothing is fetched but because it is time.
pub(crate) const PERIODIC: &str = "nothing happens: periodic refresh";
