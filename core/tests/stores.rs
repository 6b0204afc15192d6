//! The stores: that in memory against the contract and against its restatement, and what a Redis server's answers mean.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use oidc_core::step::{StoreAnswer, StoreError, StoreOp, StoreResult};
use oidc_core::store::Memory;
use oidc_core::store::redis::Script;
use oidc_core::time::UnixTime;
use proptest::prelude::*;

#[path = "../../tests/store_contract.rs"]
mod store_contract;

use store_contract::{SOON, store_contract};

#[test]
fn memory_keeps_the_contract() {
    let (memory, start) = (RefCell::new(Memory::new()), UnixTime::from_secs(1_800_000_000));
    let now = Cell::new(start);
    store_contract(
        |op| memory.borrow_mut().run(op, now.get()),
        || now.set(start.saturating_add(SOON)),
        start,
    );
}

/// The contract once more, without a thought of time and room: nothing is ever thrown away.
#[derive(Default)]
struct Restated {
    records: HashMap<String, (Vec<u8>, u64, UnixTime)>,
    leases: HashMap<String, UnixTime>,
    used: HashMap<String, UnixTime>,
    noted: Vec<(u64, String, UnixTime)>,
}

impl Restated {
    fn run(&mut self, op: StoreOp, now: UnixTime) -> StoreAnswer {
        match op {
            StoreOp::Get { key } => StoreAnswer::Record(self.live(&key, now)),
            StoreOp::Put { key, value, version, until } => {
                let found = self.live(&key, now).map(|(_, version)| version);
                let same = found == version;
                if same {
                    self.records.insert(key, (value, version.unwrap_or(0) + 1, until));
                }
                StoreAnswer::Taken(same)
            }
            StoreOp::Delete { key } => {
                let record = self.live(&key, now).is_some();
                let lease = self.leases.remove(&key).is_some_and(|until| now < until);
                self.records.remove(&key);
                StoreAnswer::Taken(record || lease)
            }
            StoreOp::Lease { key, until } => first(&mut self.leases, key, until, now),
            StoreOp::Consume { key, until } => first(&mut self.used, key, until, now),
            StoreOp::Revoke { key, until } => {
                let last = self.noted.iter().map(|(place, ..)| *place).max().unwrap_or(0);
                let earlier = self.noted.iter().filter(|(_, noted, until)| *noted == key && now < *until);
                let until = earlier.map(|(.., until)| *until).chain([until]).max().unwrap();
                self.noted.push(((last + 1).max(now.as_secs() * 1_000), key, until));
                StoreAnswer::Taken(true)
            }
            StoreOp::RevokedSince { cursor } => {
                let last = self.noted.last().map_or(0, |(place, ..)| *place);
                let mut keys = Vec::new();
                for (at, (place, key, until)) in self.noted.iter().enumerate() {
                    let again = self.noted[at + 1..].iter().any(|(_, later, _)| later == key);
                    if *place > cursor && now < *until && !again {
                        keys.push(key.clone());
                    }
                }
                StoreAnswer::Revoked(keys, last.max(cursor))
            }
            _ => unreachable!("there are no other operations"),
        }
    }

    fn live(&self, key: &str, now: UnixTime) -> Option<(Vec<u8>, u64)> {
        let (value, version, _) = self.records.get(key).filter(|(.., until)| now < *until)?;
        Some((value.clone(), *version))
    }
}

fn first(taken: &mut HashMap<String, UnixTime>, key: String, until: UnixTime, now: UnixTime) -> StoreAnswer {
    let first = taken.get(&key).is_none_or(|until| now >= *until);
    if first {
        taken.insert(key, until);
    }
    StoreAnswer::Taken(first)
}

/// Of few keys, versions and ends, so that they meet; the end is from the present.
fn op() -> impl Strategy<Value = (u64, StoreOp)> {
    let key = || prop::sample::select(vec!["a", "b", "c"]).prop_map(str::to_owned);
    let until = || (0_u64..8).prop_map(UnixTime::from_secs);
    let version = prop_oneof![Just(None), (1_u64..4).prop_map(Some)];
    let value = prop::collection::vec(any::<u8>(), 0..3);
    let ops = prop_oneof![
        key().prop_map(|key| StoreOp::Get { key }),
        (key(), value, version, until()).prop_map(|(key, value, version, until)| StoreOp::Put {
            key,
            value,
            version,
            until
        }),
        key().prop_map(|key| StoreOp::Delete { key }),
        (key(), until()).prop_map(|(key, until)| StoreOp::Lease { key, until }),
        (key(), until()).prop_map(|(key, until)| StoreOp::Consume { key, until }),
        (key(), until()).prop_map(|(key, until)| StoreOp::Revoke { key, until }),
        (0_u64..30_000).prop_map(|cursor| StoreOp::RevokedSince { cursor }),
    ];
    (0_u64..3, ops)
}

/// The same operation with its end counted from `now`.
fn from(now: u64, mut op: StoreOp) -> StoreOp {
    match &mut op {
        StoreOp::Put { until, .. }
        | StoreOp::Lease { until, .. }
        | StoreOp::Consume { until, .. }
        | StoreOp::Revoke { until, .. } => *until = UnixTime::from_secs(now + until.as_secs()),
        _ => {}
    }
    op
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn memory_does_what_its_restatement_does(ops in prop::collection::vec(op(), 1..60)) {
        let (mut memory, mut restated, mut now) = (Memory::new(), Restated::default(), 0);
        for (passed, op) in ops {
            now += passed;
            let (op, at) = (from(now, op), UnixTime::from_secs(now));
            let expected = restated.run(op.clone(), at);
            prop_assert!(memory.run(op.clone(), at) == Ok(expected), "{op:?} at {now}");
        }
    }
}

fn ops() -> [StoreOp; 7] {
    let (key, until) = (|| "k".to_owned(), UnixTime::from_secs(5));
    [
        StoreOp::Get { key: key() },
        StoreOp::Put { key: key(), value: vec![0xff], version: Some(u64::MAX), until },
        StoreOp::Delete { key: key() },
        StoreOp::Lease { key: key(), until },
        StoreOp::Consume { key: key(), until },
        StoreOp::Revoke { key: key(), until },
        StoreOp::RevokedSince { cursor: 7 },
    ]
}

#[test]
fn every_key_in_redis_has_the_prefix_and_the_same_hash_tag() {
    for op in ops() {
        let script = Script::new(op, "mine:");
        assert!(!script.keys().is_empty());
        for key in script.keys() {
            assert!(key.starts_with("mine:{sessions}:"), "{key}");
        }
    }
}

#[test]
fn an_end_beyond_what_redis_takes_is_its_last() {
    let end = |until| {
        let script = Script::new(StoreOp::Lease { key: "k".into(), until }, "");
        String::from_utf8(script.arguments()[0].clone()).unwrap()
    };
    assert_eq!(end(UnixTime::from_secs(5)), "5000");
    assert_eq!(end(UnixTime::from_secs(u64::MAX)), "253402300799000");
}

fn read(op: StoreOp, answer: &[&[u8]]) -> StoreResult {
    Script::new(op, "").answer(answer.iter().map(|text| text.to_vec()).collect())
}

#[test]
fn answers_of_redis_are_read() {
    let [get, put, .., since] = ops();
    assert!(read(get.clone(), &[]) == Ok(StoreAnswer::Record(None)));
    assert!(read(get, &[b"\xff", b"2"]) == Ok(StoreAnswer::Record(Some((vec![0xff], 2)))));
    assert!(read(put.clone(), &[b"1"]) == Ok(StoreAnswer::Taken(true)));
    assert!(read(put, &[b"0"]) == Ok(StoreAnswer::Taken(false)));
    let told = StoreAnswer::Revoked(vec!["a".into(), "b".into()], 9);
    assert!(read(since, &[b"9", b"a", b"b"]) == Ok(told));
}

#[test]
fn what_is_no_answer_is_an_error_that_shows_nothing_of_it() {
    let [get, put, .., since] = ops();
    let refused: [(&StoreOp, &[&[u8]]); 10] = [
        (&get, &[b"value"]),
        (&get, &[b"value", b"-1"]),
        (&get, &[b"value", b"1", b"more"]),
        (&get, &[b"value", b"\xff"]),
        (&put, &[]),
        (&put, &[b"2"]),
        (&put, &[b"1", b"1"]),
        (&since, &[]),
        (&since, &[b"x", b"a"]),
        (&since, &[b"1", b"\xff"]),
    ];
    for (op, answer) in refused {
        let expected = StoreError("not an answer to what was asked".into());
        assert!(read(op.clone(), answer) == Err(expected), "{op:?} {answer:?}");
    }
}
