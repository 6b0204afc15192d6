//! Work that one flow does for all who need it: who has the turn, what the last turn gave, and when the next may begin.
//!
//! This file knows no protocol.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::error::Error;
use crate::time::UnixTime;

/// How often a flow looks whether another flow's turn has ended.
const LOOK_AGAIN: Duration = Duration::from_millis(10);
/// The longest back-off after failures; they are counted for so long after the last one's.
const MAX_BACKOFF: Duration = Duration::from_secs(60);

/// Turns by key, at most one at a time for each. A clone shares them.
///
/// It is locked only while one of its methods runs, never across a step.
pub(crate) struct Turns<V> {
    book: Arc<Mutex<Book<V>>>,
    /// When a turn ends by itself: its flow is taken for stuck.
    lapse: Duration,
}

impl<V> Clone for Turns<V> {
    fn clone(&self) -> Self {
        Self { book: Arc::clone(&self.book), lapse: self.lapse }
    }
}

/// What a flow is to do.
pub(crate) enum Turn<V> {
    /// The work.
    Yours(Ticket<V>),
    /// None: this is what it gave.
    Known(V),
    /// None: it failed with this error, and nobody is to try again before `until`.
    BackingOff { error: Error, until: UnixTime },
    /// Ask again after this time: another flow does the work.
    Wait(Duration),
}

/// The right to do the work. It is given back when it is dropped.
pub(crate) struct Ticket<V> {
    turns: Turns<V>,
    key: Arc<str>,
    number: u64,
}

/// How long what was obtained is remembered.
#[derive(Clone, Copy)]
pub(crate) struct Keep {
    /// From then on somebody is to obtain it anew; until they have, it serves on.
    pub(crate) renew_at: UnixTime,
    /// It serves no more.
    pub(crate) until: UnixTime,
}

impl Keep {
    /// Until then, and not to be renewed before.
    pub(crate) fn until(until: UnixTime) -> Self {
        Self { renew_at: until, until }
    }
}

impl<V: Clone> Turns<V> {
    /// A turn ends by itself after `lapse`.
    pub(crate) fn new(lapse: Duration) -> Self {
        Self { book: Arc::default(), lapse }
    }

    /// Where nothing that serves is known, the first who asks gets the turn, and others wait for its end.
    pub(crate) fn take(&self, key: &str, now: UnixTime) -> Turn<V> {
        let mut book = self.book();
        book.forget_ended(now);
        match book.entries.get(key).and_then(|entry| entry.answer(now)) {
            Some(answer) => answer,
            None => Turn::Yours(self.ticket(&mut book, key, now)),
        }
    }

    fn ticket(&self, book: &mut Book<V>, key: &str, now: UnixTime) -> Ticket<V> {
        book.last_number = book.last_number.wrapping_add(1);
        let (key, number) = (Arc::from(key), book.last_number);
        let held = Held { number, lapses_at: now.saturating_add(self.lapse) };
        book.change(&key, |entry| entry.held = Some(held));
        Ticket { turns: self.clone(), key, number }
    }
}

impl<V> Turns<V> {
    /// A thread that panicked while it held the book has left it whole, since its methods do not panic.
    fn book(&self) -> MutexGuard<'_, Book<V>> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<V> Ticket<V> {
    /// The work is done. Whatever became of the turn meanwhile, what it gave is worth knowing.
    pub(crate) fn done(self, value: V, keep: Keep) {
        self.turns.book().change(&self.key, |entry| {
            entry.served = Some(Served { value, keep });
            entry.failed = None;
        });
    }

    /// The work failed: the next turn is in 1, 2, 4 … 60 s. A turn that had lapsed counts for nothing.
    pub(crate) fn failed(self, error: Error, now: UnixTime) {
        self.turns.book().change(&self.key, |entry| {
            if entry.held.is_some_and(|held| held.number == self.number) {
                let times = entry.failed.as_ref().map_or(0, |failed| failed.times).saturating_add(1);
                entry.failed = Some(Failed { error, times, retry_at: now.saturating_add(back_off(times)) });
            }
        });
    }
}

/// Gives the turn back, if it is still this one's.
impl<V> Drop for Ticket<V> {
    fn drop(&mut self) {
        self.turns.book().change(&self.key, |entry| {
            entry.held = entry.held.filter(|held| held.number != self.number);
        });
    }
}

fn back_off(times: u32) -> Duration {
    Duration::from_secs(1 << times.saturating_sub(1).min(6)).min(MAX_BACKOFF)
}

/// All entries, and the order in which they end; bounded.
struct Book<V> {
    entries: HashMap<Arc<str>, Entry<V>>,
    by_end: BTreeSet<(UnixTime, Arc<str>)>,
    last_number: u64,
}

impl<V> Default for Book<V> {
    fn default() -> Self {
        Self { entries: HashMap::new(), by_end: BTreeSet::new(), last_number: 0 }
    }
}

impl<V> Book<V> {
    /// The most keys that anything is known of.
    const MOST: usize = 65_536;

    /// Where the book is full, what ends first gives way: its turn is as if it had lapsed.
    fn change(&mut self, key: &Arc<str>, change: impl FnOnce(&mut Entry<V>)) {
        let mut entry = self.remove(key).unwrap_or_default();
        change(&mut entry);
        let Some(end) = entry.end() else { return };
        while self.entries.len() >= Self::MOST {
            let Some((_, first)) = self.by_end.pop_first() else { break };
            self.entries.remove(&first);
        }
        self.by_end.insert((end, Arc::clone(key)));
        self.entries.insert(Arc::clone(key), entry);
    }

    fn remove(&mut self, key: &Arc<str>) -> Option<Entry<V>> {
        let entry = self.entries.remove(key)?;
        self.by_end.remove(&(entry.end().unwrap_or_default(), Arc::clone(key)));
        Some(entry)
    }

    fn forget_ended(&mut self, now: UnixTime) {
        while self.by_end.first().is_some_and(|(end, _)| *end <= now) {
            if let Some((_, key)) = self.by_end.pop_first() {
                self.entries.remove(&key);
            }
        }
    }
}

impl Failed {
    /// A clock that was set back prolongs nothing.
    fn backs_off(&self, now: UnixTime) -> bool {
        now < self.retry_at && self.retry_at.saturating_since(now) <= MAX_BACKOFF
    }

    fn told<V>(&self) -> Turn<V> {
        Turn::BackingOff { error: self.error.clone(), until: self.retry_at }
    }
}

/// What is known of one key.
struct Entry<V> {
    held: Option<Held>,
    served: Option<Served<V>>,
    failed: Option<Failed>,
}

#[derive(Clone, Copy)]
struct Held {
    number: u64,
    lapses_at: UnixTime,
}

struct Served<V> {
    value: V,
    keep: Keep,
}

struct Failed {
    error: Error,
    times: u32,
    retry_at: UnixTime,
}

impl<V> Entry<V> {
    /// What to tell a flow that asks; `None`: it is to do the work.
    fn answer(&self, now: UnixTime) -> Option<Turn<V>>
    where
        V: Clone,
    {
        let held = self.held.filter(|held| now < held.lapses_at);
        let failed = self.failed.as_ref().filter(|failed| failed.backs_off(now));
        let served = self.served.as_ref().filter(|served| now < served.keep.until);
        let enough = |served: &&Served<V>| held.is_some() || failed.is_some() || now < served.keep.renew_at;
        let known = served.filter(enough).map(|served| Turn::Known(served.value.clone()));
        known.or(held.map(|_| Turn::Wait(LOOK_AGAIN))).or_else(|| failed.map(Failed::told))
    }

    /// When nothing of it matters any more.
    fn end(&self) -> Option<UnixTime> {
        let held = self.held.map(|held| held.lapses_at);
        let served = self.served.as_ref().map(|served| served.keep.until);
        let failed = self.failed.as_ref().map(|failed| failed.retry_at.saturating_add(MAX_BACKOFF));
        [held, served, failed].into_iter().flatten().max()
    }
}

impl<V> Default for Entry<V> {
    fn default() -> Self {
        Self { held: None, served: None, failed: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LAPSE: Duration = Duration::from_secs(10);

    fn at(seconds: u64) -> UnixTime {
        UnixTime::from_secs(seconds)
    }

    fn turns() -> Turns<u32> {
        Turns::new(LAPSE)
    }

    fn yours(turns: &Turns<u32>, key: &str, now: UnixTime) -> Ticket<u32> {
        match turns.take(key, now) {
            Turn::Yours(ticket) => ticket,
            other => panic!("{}", told(&other)),
        }
    }

    /// A turn in one word, and its number.
    fn told(turn: &Turn<u32>) -> String {
        match turn {
            Turn::Yours(_) => "yours".into(),
            Turn::Known(value) => format!("known {value}"),
            Turn::BackingOff { until, .. } => format!("backing off until {}", until.as_secs()),
            Turn::Wait(_) => "wait".into(),
        }
    }

    fn ask(turns: &Turns<u32>, now: u64) -> String {
        told(&turns.take("a", at(now)))
    }

    #[test]
    fn one_has_the_turn_and_the_others_wait_for_what_it_gives() {
        let turns = turns();
        let ticket = yours(&turns, "a", at(0));
        assert_eq!(ask(&turns, 0), "wait");
        assert_eq!(told(&turns.take("b", at(0))), "yours", "another key is another matter");
        ticket.done(7, Keep::until(at(60)));
        assert_eq!(ask(&turns, 59), "known 7");
        assert_eq!(ask(&turns, 60), "yours", "it is remembered no longer");
    }

    #[test]
    fn a_dropped_ticket_gives_the_turn_back_and_leaves_nothing() {
        let turns = turns();
        drop(yours(&turns, "a", at(0)));
        assert_eq!(turns.book().entries.len(), 0);
        assert_eq!(ask(&turns, 0), "yours");
    }

    #[test]
    fn a_turn_lapses_and_its_late_ticket_disturbs_nobody() {
        let turns = turns();
        let late = yours(&turns, "a", at(0));
        assert_eq!(ask(&turns, 9), "wait");
        let next = yours(&turns, "a", at(10));
        late.failed(Error::Entropy, at(11));
        assert_eq!(ask(&turns, 11), "wait", "the turn is the next one's");
        next.done(1, Keep::until(at(60)));
        assert_eq!(ask(&turns, 12), "known 1");
    }

    #[test]
    fn what_a_late_ticket_brings_serves_all_the_same() {
        let turns = turns();
        let late = yours(&turns, "a", at(0));
        let next = yours(&turns, "a", at(10));
        late.done(1, Keep::until(at(60)));
        assert_eq!(ask(&turns, 11), "known 1");
        next.done(2, Keep::until(at(60)));
        assert_eq!(ask(&turns, 11), "known 2");
    }

    #[test]
    fn what_is_to_be_renewed_serves_on_meanwhile() {
        let turns = turns();
        yours(&turns, "a", at(0)).done(1, Keep { renew_at: at(30), until: at(60) });
        let renewal = yours(&turns, "a", at(30));
        assert_eq!(ask(&turns, 30), "known 1", "nobody waits for a renewal");
        renewal.failed(Error::Entropy, at(31));
        assert_eq!(ask(&turns, 31), "known 1", "nor for an outage, while it lives");
        assert_eq!(ask(&turns, 32), "yours");
        yours(&turns, "a", at(32)).failed(Error::Entropy, at(59));
        assert_eq!(ask(&turns, 60), "backing off until 61");
    }

    #[test]
    fn failures_back_off_up_to_a_minute_until_one_succeeds_or_all_is_long_ago() {
        let turns = turns();
        let mut now = 0;
        for pause in [1, 2, 4, 8, 16, 32, 60, 60] {
            yours(&turns, "a", at(now)).failed(Error::Store, at(now));
            let until = now + pause;
            assert_eq!(ask(&turns, until - 1), format!("backing off until {until}"));
            assert!(matches!(turns.take("a", at(now)), Turn::BackingOff { error: Error::Store, .. }));
            now = until;
        }
        yours(&turns, "a", at(now)).done(1, Keep::until(at(now)));
        yours(&turns, "a", at(now)).failed(Error::Store, at(now));
        assert_eq!(
            ask(&turns, now),
            format!("backing off until {}", now + 1),
            "a success has ended the count"
        );
        now += 1 + 60;
        yours(&turns, "a", at(now)).failed(Error::Store, at(now));
        assert_eq!(ask(&turns, now), format!("backing off until {}", now + 1), "and so has a minute");
    }

    #[test]
    fn memory_is_bounded_and_what_ends_first_gives_way() {
        let turns = turns();
        let most = Book::<u32>::MOST as u64;
        for number in 0..most {
            yours(&turns, &number.to_string(), at(0)).done(0, Keep::until(at(1_000 + number)));
        }
        drop(yours(&turns, "one more", at(0)));
        assert_eq!(told(&turns.take("0", at(0))), "yours");
        assert_eq!(told(&turns.take((most - 1).to_string().as_str(), at(0))), "known 0");
        assert!(turns.book().entries.len() < Book::<u32>::MOST);
        assert_eq!(told(&turns.take("late", at(1_000 + most))), "yours");
        assert_eq!(turns.book().entries.len(), 0, "the ended are forgotten, and that turn was given back");
    }

    proptest! {
        /// Whatever flows do, at most one has a turn that has not lapsed, and the book's two halves agree.
        #[test]
        fn at_most_one_has_the_turn(deeds in proptest::collection::vec((0..5u8, 0..4u64, 0..2u8), 1..60)) {
            let turns = turns();
            let mut tickets: Vec<(u64, u8, Ticket<u32>)> = Vec::new();
            let mut now = 0;
            for (deed, pause, key) in deeds {
                now += pause;
                let mine = tickets.iter().position(|(_, of, _)| *of == key);
                match (deed, mine) {
                    (0, Some(mine)) => tickets.remove(mine).2.done(1, Keep { renew_at: at(now + 2), until: at(now + 5) }),
                    (1, Some(mine)) => tickets.remove(mine).2.failed(Error::Entropy, at(now)),
                    (2, Some(mine)) => drop(tickets.remove(mine)),
                    _ => {
                        if let Turn::Yours(ticket) = turns.take(&key.to_string(), at(now)) {
                            let live = tickets.iter().filter(|(taken, of, _)| *of == key && now < taken + 10);
                            prop_assert_eq!(live.count(), 0);
                            tickets.push((now, key, ticket));
                        }
                    }
                }
                let book = turns.book();
                let ends: BTreeSet<_> =
                    book.entries.iter().map(|(key, entry)| (entry.end().unwrap(), Arc::clone(key))).collect();
                prop_assert_eq!(&ends, &book.by_end);
            }
        }
    }
}
