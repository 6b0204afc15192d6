//! Stores for what several processes, or several requests of one, must agree on: [`Memory`] keeps it in this process, and
//! [`redis`] is what a Redis server is asked. Neither does input or output.
//!
//! What a store owes its callers is written at [`StoreOp`].

pub mod redis;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

use crate::step::{StoreAnswer, StoreError, StoreOp, StoreResult};
use crate::time::UnixTime;

/// What the key of a used sign-in begins with.
pub(crate) const LOGIN: &str = "login:";

/// A store in memory, bounded.
///
/// Records, leases, used keys and revocations have a room each, of the same size, so that none crowds out another; so have
/// used sign-ins, of which anybody can start any number. Where a room is full, what ends first gives way, and the log is told once.
pub struct Memory {
    records: Room<Record>,
    leases: Room<()>,
    used: Room<()>,
    used_logins: Room<()>,
    /// By key, with the place in `in_order`.
    revoked: Room<u64>,
    in_order: BTreeMap<u64, String>,
    /// The last place given away.
    cursor: u64,
}

struct Record {
    value: Vec<u8>,
    version: u64,
}

impl Memory {
    const ENTRIES: usize = 65_536;
    const BYTES: usize = 64 * 1024 * 1024;

    /// With room for 65,536 entries of each kind, and 64 MiB of keys and values of each kind.
    #[must_use]
    pub fn new() -> Self {
        Self::with_limits(Self::ENTRIES, Self::BYTES)
    }

    /// With room for this many entries of each of the five kinds (at least one), and for this many bytes of keys and values
    /// of each kind. What the maps themselves take comes on top: some 200 bytes an entry.
    #[must_use]
    pub fn with_limits(entries: usize, bytes: usize) -> Self {
        Self {
            records: Room::new("records", entries, bytes),
            leases: Room::new("leases", entries, bytes),
            used: Room::new("used keys", entries, bytes),
            used_logins: Room::new("used sign-ins", entries, bytes),
            revoked: Room::new("revocations", entries, bytes),
            in_order: BTreeMap::new(),
            cursor: 0,
        }
    }

    /// Carries out one operation.
    ///
    /// # Errors
    /// [`StoreError`] when an entry is larger than the room of its kind.
    pub fn run(&mut self, op: StoreOp, now: UnixTime) -> StoreResult {
        self.forget_ended(now);
        match op {
            StoreOp::Get { key } => Ok(StoreAnswer::Record(self.record(&key))),
            StoreOp::Put { key, value, version, until } => self.put(key, value, version, until),
            StoreOp::Delete { key } => Ok(StoreAnswer::Taken(self.delete(&key))),
            StoreOp::Lease { key, until } => self.leases.take(key, until),
            StoreOp::Consume { key, until } if key.starts_with(LOGIN) => self.used_logins.take(key, until),
            StoreOp::Consume { key, until } => self.used.take(key, until),
            StoreOp::Revoke { key, until } => self.revoke(key, until, now),
            StoreOp::RevokedSince { cursor } => Ok(self.revoked_since(cursor)),
        }
    }

    fn forget_ended(&mut self, now: UnixTime) {
        while self.records.forget_ended(now).is_some() {}
        while self.leases.forget_ended(now).is_some() {}
        while self.used.forget_ended(now).is_some() {}
        while self.used_logins.forget_ended(now).is_some() {}
        while let Some(place) = self.revoked.forget_ended(now) {
            self.in_order.remove(&place);
        }
    }

    fn record(&self, key: &str) -> Option<(Vec<u8>, u64)> {
        self.records.get(key).map(|Record { value, version }| (value.clone(), *version))
    }

    fn put(&mut self, key: String, value: Vec<u8>, version: Option<u64>, until: UnixTime) -> StoreResult {
        if self.records.get(&key).map(|record| record.version) != version {
            return Ok(StoreAnswer::Taken(false));
        }
        let (version, bytes) = (version.unwrap_or(0).saturating_add(1), value.len());
        self.records.check(&key, bytes)?;
        self.records.remove(&key);
        while self.records.make_room(&key, bytes).is_some() {}
        self.records.insert(key, Record { value, version }, bytes, until);
        Ok(StoreAnswer::Taken(true))
    }

    fn delete(&mut self, key: &str) -> bool {
        let record = self.records.remove(key);
        let lease = self.leases.remove(key);
        record.is_some() || lease.is_some()
    }

    /// Whoever has asked before, asks for later places: so a key that is noted again gets a new one.
    fn revoke(&mut self, key: String, until: UnixTime, now: UnixTime) -> StoreResult {
        self.revoked.check(&key, 0)?;
        let noted = self.revoked.until(&key);
        if let Some(place) = self.revoked.remove(&key) {
            self.in_order.remove(&place);
        }
        while let Some(place) = self.revoked.make_room(&key, 0) {
            self.in_order.remove(&place);
        }
        self.cursor = self.cursor.saturating_add(1).max(milliseconds(now));
        self.in_order.insert(self.cursor, key.clone());
        self.revoked.insert(key, self.cursor, 0, noted.map_or(until, |noted| noted.max(until)));
        Ok(StoreAnswer::Taken(true))
    }

    fn revoked_since(&self, cursor: u64) -> StoreAnswer {
        let later = self.in_order.range(cursor.saturating_add(1)..);
        StoreAnswer::Revoked(later.map(|(_, key)| key.clone()).collect(), self.cursor.max(cursor))
    }
}

/// Shows how full it is: keys and values are secrets.
impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory")
            .field("records", &self.records)
            .field("leases", &self.leases)
            .field("used", &self.used)
            .field("used_logins", &self.used_logins)
            .field("revoked", &self.revoked)
            .finish_non_exhaustive()
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

/// Milliseconds since the epoch, rounded down.
fn milliseconds(time: UnixTime) -> u64 {
    time.saturating_since(UnixTime::EPOCH).as_millis().try_into().unwrap_or(u64::MAX)
}

/// Entries of one kind, each with its end; bounded.
struct Room<V> {
    kind: &'static str,
    most: usize,
    most_bytes: usize,
    by_key: HashMap<String, Entry<V>>,
    by_end: BTreeSet<(UnixTime, String)>,
    /// Of keys and values.
    bytes: usize,
    /// Something had to be forgotten too early, and has been complained about.
    overflowing: bool,
}

struct Entry<V> {
    value: V,
    bytes: usize,
    until: UnixTime,
}

impl<V> Room<V> {
    fn new(kind: &'static str, most: usize, most_bytes: usize) -> Self {
        let (by_key, by_end) = (HashMap::new(), BTreeSet::new());
        Self { kind, most: most.max(1), most_bytes, by_key, by_end, bytes: 0, overflowing: false }
    }

    fn get(&self, key: &str) -> Option<&V> {
        self.by_key.get(key).map(|entry| &entry.value)
    }

    fn until(&self, key: &str) -> Option<UnixTime> {
        self.by_key.get(key).map(|entry| entry.until)
    }

    /// What can be had even in an empty room.
    fn check(&self, key: &str, bytes: usize) -> Result<(), StoreError> {
        if key.len().saturating_add(bytes) <= self.most_bytes {
            return Ok(());
        }
        Err(StoreError(format!("larger than all the room for {}, {} bytes", self.kind, self.most_bytes)))
    }

    /// Forgets one entry that is in the way of a new one, if any is. The log is told when that begins.
    fn make_room(&mut self, key: &str, bytes: usize) -> Option<V> {
        let bytes = self.bytes.saturating_add(key.len()).saturating_add(bytes);
        if self.by_key.len() < self.most && bytes <= self.most_bytes {
            return None;
        }
        if !self.overflowing {
            tracing::warn!(
                kind = self.kind,
                "the session store is full: what ends first is forgotten too early"
            );
        }
        self.overflowing = true;
        self.forget_first()
    }

    /// Where there is room for it.
    fn insert(&mut self, key: String, value: V, bytes: usize, until: UnixTime) {
        let bytes = bytes.saturating_add(key.len());
        self.bytes = self.bytes.saturating_add(bytes);
        self.by_end.insert((until, key.clone()));
        self.by_key.insert(key, Entry { value, bytes, until });
    }

    fn remove(&mut self, key: &str) -> Option<V> {
        let (key, entry) = self.by_key.remove_entry(key)?;
        self.bytes = self.bytes.saturating_sub(entry.bytes);
        self.by_end.remove(&(entry.until, key));
        Some(entry.value)
    }

    /// Forgets one entry that has ended, if one has. There is room again.
    fn forget_ended(&mut self, now: UnixTime) -> Option<V> {
        if self.by_end.first()?.0 > now {
            return None;
        }
        self.overflowing = false;
        self.forget_first()
    }

    fn forget_first(&mut self) -> Option<V> {
        let (_, key) = self.by_end.first().cloned()?;
        self.remove(&key)
    }
}

impl Room<()> {
    /// True for the first caller.
    fn take(&mut self, key: String, until: UnixTime) -> StoreResult {
        if self.get(&key).is_some() {
            return Ok(StoreAnswer::Taken(false));
        }
        self.check(&key, 0)?;
        while self.make_room(&key, 0).is_some() {}
        self.insert(key, (), 0, until);
        Ok(StoreAnswer::Taken(true))
    }
}

/// Shows how full it is: keys and values are secrets.
impl<V> std::fmt::Debug for Room<V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}, {} bytes", self.by_key.len(), self.kind, self.bytes)
    }
}

#[cfg(test)]
mod tests;
