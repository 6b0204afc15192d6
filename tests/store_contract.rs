//! What every store owes (see `StoreOp`), in rows. Each store's tests include this file with core's types, give it `ask`, and
//! let `wait` pass the time until what ends soon has ended.

use std::time::Duration;

use super::{StoreAnswer, StoreOp, StoreResult, UnixTime};

/// When what ends soon does, from the start. Everything before `wait` takes less.
pub(crate) const SOON: Duration = Duration::from_millis(1_500);

/// The store must be empty, and `start` the present.
pub(crate) fn store_contract(ask: impl Fn(StoreOp) -> StoreResult, wait: impl FnOnce(), start: UnixTime) {
    let ends = Ends { soon: start.saturating_add(SOON), late: start.saturating_add(SOON * 100) };
    let ask = |op| ask(op).expect("the store answers");
    let hold = |rows: Vec<Row>| {
        for (what, op, answer) in rows {
            assert!(ask(op.clone()) == answer, "{what}: {op:?}");
        }
    };
    hold(ends.records());
    hold(ends.leases());
    hold(ends.used_keys());
    let before = ends.revocations(&ask);
    wait();
    hold(ends.afterwards());
    assert_eq!(since(&ask, 0).0, ["long", "again"], "revocations that have ended are not told");
    assert!(ask(revoke("new", ends.late)) == TAKEN);
    assert_eq!(since(&ask, before).0, ["new"], "cursors hold on");
}

type Row = (&'static str, StoreOp, StoreAnswer);

const TAKEN: StoreAnswer = StoreAnswer::Taken(true);
const REFUSED: StoreAnswer = StoreAnswer::Taken(false);
const NOTHING: StoreAnswer = StoreAnswer::Record(None);
/// Not UTF-8, and with every byte that a text protocol may stumble over.
const BINARY: &[u8] = b"\0\r\n$-1\r\n\xff\xfe'\"\\{}";

fn record(value: &[u8], version: u64) -> StoreAnswer {
    StoreAnswer::Record(Some((value.to_vec(), version)))
}

struct Ends {
    soon: UnixTime,
    late: UnixTime,
}

impl Ends {
    fn records(&self) -> Vec<Row> {
        vec![
            ("no record", get("a"), NOTHING),
            ("a write that expects a record needs one", put("a", b"x", Some(1), self.late), REFUSED),
            ("a new record", put("a", BINARY, None, self.late), TAKEN),
            ("has version 1, and its bytes", get("a"), record(BINARY, 1)),
            ("another new one under its key", put("a", b"x", None, self.late), REFUSED),
            ("a write to another version", put("a", b"x", Some(2), self.late), REFUSED),
            ("a write to the version read", put("a", b"2", Some(1), self.late), TAKEN),
            ("a second one to the same version", put("a", b"3", Some(1), self.late), REFUSED),
            ("versions rise by one", get("a"), record(b"2", 2)),
            ("again", put("a", b"", Some(2), self.late), TAKEN),
            ("an empty value is one", get("a"), record(b"", 3)),
            ("keys are bytes of text", put("é {}\r\n a", b"4", None, self.late), TAKEN),
            ("each for itself", get("é {}\r\n a"), record(b"4", 1)),
            ("forgotten", delete("a"), TAKEN),
            ("nothing to forget", delete("a"), REFUSED),
            ("it is gone", get("a"), NOTHING),
            ("and can be new", put("a", b"5", None, self.late), TAKEN),
            ("from version 1", get("a"), record(b"5", 1)),
            ("one that ends soon", put("soon", b"6", None, self.soon), TAKEN),
            ("is there until then", get("soon"), record(b"6", 1)),
            ("one that would end soon", put("longer", b"7", None, self.soon), TAKEN),
            ("ends when the last write says", put("longer", b"8", Some(1), self.late), TAKEN),
            ("one that would end late", put("shorter", b"9", None, self.late), TAKEN),
            ("does, too", put("shorter", b"9", Some(1), self.soon), TAKEN),
            ("one that has ended when it comes", put("past", b"", None, UnixTime::from_secs(1)), TAKEN),
            ("is not kept", get("past"), NOTHING),
            ("one without an end", put("for ever", b"", None, UnixTime::from_secs(u64::MAX)), TAKEN),
            ("is kept", get("for ever"), record(b"", 1)),
        ]
    }

    fn leases(&self) -> Vec<Row> {
        vec![
            ("free", lease("a", self.late), TAKEN),
            ("held", lease("a", self.late), REFUSED),
            ("a record of that key is another thing", get("a"), record(b"5", 1)),
            ("another key", lease("b", self.late), TAKEN),
            ("given back", delete("b"), TAKEN),
            ("once", delete("b"), REFUSED),
            ("free again", lease("b", self.late), TAKEN),
            ("one that lapses soon", lease("soon to lapse", self.soon), TAKEN),
            ("is held until then", lease("soon to lapse", self.late), REFUSED),
            ("one that has lapsed", lease("past", UnixTime::from_secs(1)), TAKEN),
            ("is free", lease("past", self.late), TAKEN),
        ]
    }

    fn used_keys(&self) -> Vec<Row> {
        vec![
            ("the first", consume("a", self.late), TAKEN),
            ("the second", consume("a", self.late), REFUSED),
            ("the third", consume("a", self.soon), REFUSED),
            ("nothing gives it back", delete("used"), REFUSED),
            ("one that ends soon", consume("soon", self.soon), TAKEN),
            ("is used until then, whoever asks for longer", consume("soon", self.late), REFUSED),
        ]
    }

    /// The last cursor.
    fn revocations(&self, ask: &impl Fn(StoreOp) -> StoreAnswer) -> u64 {
        assert_eq!(since(ask, 0).0, [""; 0]);
        for (key, until) in [("long", self.late), ("soon", self.soon), ("again", self.late)] {
            assert!(ask(revoke(key, until)) == TAKEN);
        }
        let (keys, first) = since(ask, 0);
        assert_eq!(keys, ["long", "soon", "again"], "all, in their order");
        assert!(first >= 1_700_000_000_000, "a cursor is never less than the time in milliseconds");
        assert_eq!(since(ask, first), (vec![], first), "nothing new");
        assert!(ask(revoke("again", self.soon)) == TAKEN);
        let (keys, second) = since(ask, first);
        assert_eq!(keys, ["again"], "what is noted again is told again");
        assert!(second > first);
        assert_eq!(since(ask, 0).0, ["long", "soon", "again"], "each is told once");
        assert!(ask(revoke("past", UnixTime::from_secs(1))) == TAKEN);
        assert_eq!(since(ask, first).0, ["again"], "what has ended is not told");
        assert_eq!(since(ask, second + (1 << 40)).1, second + (1 << 40), "no cursor goes back");
        since(ask, 0).1
    }

    fn afterwards(&self) -> Vec<Row> {
        vec![
            ("a record that has ended", get("soon"), NOTHING),
            ("cannot be written to", put("soon", b"", Some(1), self.late), REFUSED),
            ("and can be new", put("soon", b"", None, self.late), TAKEN),
            ("one that was written to last longer", get("longer"), record(b"8", 2)),
            ("one that was written to end sooner", get("shorter"), NOTHING),
            ("a lease that has lapsed", lease("soon to lapse", self.late), TAKEN),
            ("one that has not", lease("a", self.late), REFUSED),
            ("a used key that has ended", consume("soon", self.late), TAKEN),
            ("one that has not", consume("a", self.late), REFUSED),
        ]
    }
}

fn get(key: &str) -> StoreOp {
    StoreOp::Get { key: key.into() }
}

fn put(key: &str, value: &[u8], version: Option<u64>, until: UnixTime) -> StoreOp {
    StoreOp::Put { key: key.into(), value: value.into(), version, until }
}

fn delete(key: &str) -> StoreOp {
    StoreOp::Delete { key: key.into() }
}

fn lease(key: &str, until: UnixTime) -> StoreOp {
    StoreOp::Lease { key: key.into(), until }
}

fn consume(key: &str, until: UnixTime) -> StoreOp {
    StoreOp::Consume { key: key.into(), until }
}

fn revoke(key: &str, until: UnixTime) -> StoreOp {
    StoreOp::Revoke { key: key.into(), until }
}

fn since(ask: &impl Fn(StoreOp) -> StoreAnswer, cursor: u64) -> (Vec<String>, u64) {
    match ask(StoreOp::RevokedSince { cursor }) {
        StoreAnswer::Revoked(keys, cursor) => (keys, cursor),
        _ => panic!("RevokedSince is answered by Revoked"),
    }
}
