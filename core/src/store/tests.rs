use super::*;

fn at(seconds: u64) -> UnixTime {
    UnixTime::from_secs(seconds)
}

fn put(key: &str, value: &[u8], version: Option<u64>, until: u64) -> StoreOp {
    StoreOp::Put { key: key.into(), value: value.into(), version, until: at(until) }
}

fn get(key: &str) -> StoreOp {
    StoreOp::Get { key: key.into() }
}

fn consume(key: &str, until: u64) -> StoreOp {
    StoreOp::Consume { key: key.into(), until: at(until) }
}

fn revoke(key: &str, until: u64) -> StoreOp {
    StoreOp::Revoke { key: key.into(), until: at(until) }
}

fn taken(memory: &mut Memory, op: StoreOp, now: u64) -> bool {
    memory.run(op, at(now)) == Ok(StoreAnswer::Taken(true))
}

fn is_there(memory: &mut Memory, key: &str, now: u64) -> bool {
    memory.run(get(key), at(now)) != Ok(StoreAnswer::Record(None))
}

fn revoked(memory: &mut Memory, cursor: u64, now: u64) -> (Vec<String>, u64) {
    match memory.run(StoreOp::RevokedSince { cursor }, at(now)) {
        Ok(StoreAnswer::Revoked(keys, cursor)) => (keys, cursor),
        _ => panic!("not an answer to that"),
    }
}

#[test]
fn where_there_are_too_many_what_ends_first_gives_way() {
    let mut memory = Memory::with_limits(2, 1_000);
    assert!(taken(&mut memory, put("later", b"", None, 30), 1));
    assert!(taken(&mut memory, put("first", b"", None, 20), 1));
    assert!(taken(&mut memory, put("later", b"again", Some(1), 30), 1), "that takes no more room");
    assert!(!memory.records.overflowing);
    assert!(taken(&mut memory, put("new", b"", None, 10), 1));
    assert!(memory.records.overflowing);
    assert!(!is_there(&mut memory, "first", 1) && is_there(&mut memory, "later", 1));
    assert!(is_there(&mut memory, "new", 1));
    assert!(!is_there(&mut memory, "new", 10));
    assert!(!memory.records.overflowing, "there is room again");
}

#[test]
fn bytes_are_counted_and_given_back() {
    let mut memory = Memory::with_limits(100, 10);
    assert!(taken(&mut memory, put("a", b"1234", None, 10), 1));
    assert!(taken(&mut memory, put("b", b"1234", None, 20), 1));
    assert_eq!(memory.records.bytes, 10);
    assert!(taken(&mut memory, put("a", b"12345678", Some(1), 10), 1));
    assert!(!is_there(&mut memory, "b", 1));
    assert_eq!(memory.records.bytes, 9);
    assert!(taken(&mut memory, StoreOp::Delete { key: "a".into() }, 1));
    assert_eq!((memory.records.bytes, memory.records.by_end.len()), (0, 0));
}

#[test]
fn what_never_fits_is_an_error_and_throws_nothing_out() {
    let mut memory = Memory::with_limits(100, 10);
    assert!(taken(&mut memory, put("a", b"1234", None, 10), 1));
    assert!(memory.run(put("b", &[0; 10], None, 20), at(1)).is_err());
    assert!(memory.run(put("a", &[0; 10], Some(1), 20), at(1)).is_err());
    assert!(memory.run(consume("a key of its own", 20), at(1)).is_err());
    assert!(memory.run(revoke("a key of its own", 20), at(1)).is_err());
    assert!(is_there(&mut memory, "a", 1));
}

#[test]
fn a_kind_does_not_crowd_out_another() {
    let mut memory = Memory::with_limits(3, 1_000);
    assert!(taken(&mut memory, put("session", b"", None, 50), 1));
    for number in 0..10 {
        assert!(taken(&mut memory, consume(&number.to_string(), 100), 1));
        assert!(taken(&mut memory, revoke(&number.to_string(), 100), 1));
        assert!(taken(&mut memory, StoreOp::Lease { key: number.to_string(), until: at(100) }, 1));
    }
    assert!(is_there(&mut memory, "session", 1));
    assert_eq!((memory.used.by_key.len(), memory.revoked.by_key.len()), (3, 3));
    assert_eq!((memory.leases.by_key.len(), memory.in_order.len()), (3, 3));
}

#[test]
fn a_cursor_is_the_time_in_milliseconds_or_one_more_than_the_last() {
    let mut memory = Memory::new();
    assert_eq!(revoked(&mut memory, 0, 1), (vec![], 0));
    assert_eq!(revoked(&mut memory, 77, 1), (vec![], 77));
    for (key, now, place) in [("a", 1, 1_000), ("b", 1, 1_001), ("c", 2, 2_000), ("a", 1, 2_001)] {
        assert!(taken(&mut memory, revoke(key, 9), now));
        assert_eq!(revoked(&mut memory, place - 1, 2), (vec![key.to_owned()], place));
    }
    assert_eq!(revoked(&mut memory, 0, 2).0, ["b", "c", "a"]);
    assert_eq!(revoked(&mut memory, 0, 9), (vec![], 2_001));
}

#[test]
fn nothing_of_keys_and_values_is_shown() {
    let mut memory = Memory::new();
    assert!(taken(&mut memory, put("key", b"value", None, 9), 1));
    let shown = format!("{memory:?}");
    assert!(shown.contains("1 records, 8 bytes") && !shown.contains("key\""), "{shown}");
    assert!(taken(&mut memory, revoke("a-revoked-key", 9), 1));
    assert!(!format!("{memory:?}").contains("a-revoked-key"));
}
