//! What may be used once only, remembered until it would have expired anyway. It holds for this process; across processes a
//! session store does it.

use std::collections::{BTreeSet, HashSet};

use crate::time::UnixTime;

/// The names of what has been used; bounded.
#[derive(Default)]
pub(crate) struct UsedOnce {
    ids: HashSet<String>,
    by_end: BTreeSet<(UnixTime, String)>,
}

impl UsedOnce {
    /// The most remembered.
    pub(crate) const MOST: usize = 65_536;

    /// Whether this is the first use. Where memory is full, what ends first is forgotten.
    pub(crate) fn consume(&mut self, id: String, until: UnixTime, now: UnixTime) -> bool {
        if self.is_full(now) {
            self.forget_first();
        }
        let first = self.ids.insert(id.clone());
        if first {
            self.by_end.insert((until, id));
        }
        first
    }

    /// Nothing more can be remembered without forgetting what has not ended.
    pub(crate) fn is_full(&mut self, now: UnixTime) -> bool {
        while self.by_end.first().is_some_and(|(until, _)| *until <= now) {
            self.forget_first();
        }
        self.by_end.len() >= Self::MOST
    }

    fn forget_first(&mut self) {
        if let Some((_, id)) = self.by_end.pop_first() {
            self.ids.remove(&id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNTIL: UnixTime = UnixTime::from_secs(600);

    #[test]
    fn a_second_use_is_known_until_the_end_and_no_longer() {
        let mut used = UsedOnce::default();
        assert!(used.consume("a".into(), UNTIL, UnixTime::EPOCH));
        assert!(used.consume("later".into(), UnixTime::from_secs(900), UnixTime::EPOCH));
        assert!(!used.consume("a".into(), UNTIL, UnixTime::from_secs(599)));
        assert!(used.consume("b".into(), UnixTime::from_secs(1200), UNTIL));
        assert_eq!((used.ids.len(), used.by_end.len()), (2, 2), "a is forgotten");
    }

    #[test]
    fn memory_is_bounded_and_full_before_anything_is_forgotten() {
        let mut used = UsedOnce::default();
        for number in 0..UsedOnce::MOST {
            assert!(!used.is_full(UnixTime::EPOCH));
            used.consume(number.to_string(), UNTIL, UnixTime::EPOCH);
        }
        assert!(used.is_full(UnixTime::EPOCH));
        used.consume("one more".into(), UNTIL, UnixTime::EPOCH);
        assert_eq!((used.ids.len(), used.by_end.len()), (UsedOnce::MOST, UsedOnce::MOST));
        assert!(!used.is_full(UNTIL));
        assert_eq!((used.ids.len(), used.by_end.len()), (0, 0));
    }
}
