//! What session stores keep with a real Redis, which this program starts, pauses, stops and empties. `e2e/run` runs it.
//!
//! Prints a line for each check; ends with 1 if one failed. `redis-server` (or `valkey-server`, by `REDIS_SERVER`) must be
//! installed.

mod server;
#[path = "../../../tests/store_contract.rs"]
mod store_contract;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use oidc_core::step::{StoreAnswer, StoreOp, StoreResult};
use oidc_core::store::redis::Script;
use oidc_core::time::UnixTime;
use server::Server;
use store_contract::{SOON, store_contract};

const TAKEN: StoreAnswer = StoreAnswer::Taken(true);
/// Within this, an operation of a store without a server has failed.
const DEADLINE: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    let checks: [(&str, Check); 8] = [
        ("the contract holds", contract),
        ("of many at once one is the first", one_of_many),
        ("a paused server is an error, and no more once it goes on", paused),
        ("a stopped server is an error, and no more once it is back", stopped),
        ("every key has its prefix and its end", keys),
        ("a cursor outlives the server's data", emptied),
        ("revocations are bounded", bounded),
        ("a password is needed, and not shown", password),
    ];
    let mut failed = 0;
    for (driver, connect) in [("blocking", blocking as Connect), ("tokio", tokio)] {
        for (what, check) in checks {
            failed += u32::from(!passes(&format!("{driver}: {what}"), || check(connect)));
        }
    }
    failed += u32::from(!passes("both: what one writes the other reads", both));
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn passes(what: &str, check: impl FnOnce()) -> bool {
    let begun = Instant::now();
    let passed = catch_unwind(AssertUnwindSafe(check)).is_ok();
    println!("{} {what} ({:?})", if passed { "ok" } else { "FAILED" }, begun.elapsed());
    passed
}

type Store = Box<dyn Fn(StoreOp) -> StoreResult + Sync>;
type Connect = fn(&str) -> Store;
type Check = fn(Connect);

fn blocking(url: &str) -> Store {
    use oidc_blocking::{RedisStore, SessionStore as _};
    let store = RedisStore::new(url).unwrap().prefix("mine:");
    Box::new(move |op| store.run(op, UnixTime::EPOCH))
}

fn tokio(url: &str) -> Store {
    use oidc_tokio::{RedisStore, SessionStore as _};
    let store = RedisStore::new(url).unwrap().prefix("mine:");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    Box::new(move |op| runtime.block_on(store.run(op, UnixTime::EPOCH)))
}

fn contract(connect: Connect) {
    let server = Server::start(&[]);
    let start = now();
    store_contract(connect(&server.url()), || sleep_until(start.saturating_add(SOON)), start);
}

fn one_of_many(connect: Connect) {
    let server = Server::start(&[]);
    let stores = [connect(&server.url()), connect(&server.url())];
    let (key, until) = (|| "a".to_owned(), later());
    for op in [
        StoreOp::Consume { key: key(), until },
        StoreOp::Lease { key: key(), until },
        StoreOp::Put { key: key(), value: vec![1], version: None, until },
        StoreOp::Put { key: key(), value: vec![2], version: Some(1), until },
    ] {
        let first = thread::scope(|scope| {
            let ask = |at: usize| {
                let (store, op) = (&stores[at % 2], op.clone());
                scope.spawn(move || store(op).unwrap() == TAKEN)
            };
            let threads: Vec<_> = (0..100).map(ask).collect();
            threads.into_iter().filter_map(|thread| thread.join().unwrap().then_some(())).count()
        });
        assert_eq!(first, 1, "{op:?}");
    }
}

fn paused(connect: Connect) {
    let server = Server::start(&[]);
    let store = connect(&server.url());
    assert!(store(put("a", None)).unwrap() == TAKEN);
    server.pause();
    fails_in_time(&store);
    fails_in_time(&store);
    server.go_on();
    assert!(store(put("a", Some(1))).unwrap() == TAKEN, "the first operation that follows works");
    // Long enough for the connection to be looked at before it is used again.
    thread::sleep(Duration::from_millis(1_100));
    server.pause();
    fails_in_time(&store);
    server.go_on();
    assert!(store(put("a", Some(2))).unwrap() == TAKEN);
}

fn stopped(connect: Connect) {
    let mut server = Server::start(&[]);
    let store = connect(&server.url());
    let record = || store(StoreOp::Get { key: "a".into() }).unwrap();
    assert!(store(put("a", None)).unwrap() == TAKEN);
    server.stop();
    fails_in_time(&store);
    fails_in_time(&store);
    server.start_again();
    assert!(record() == StoreAnswer::Record(Some((vec![1], 1))), "the first operation that follows works");
    server.stop();
    server.start_again();
    thread::sleep(Duration::from_millis(1_100));
    assert!(record() == StoreAnswer::Record(Some((vec![1], 1))), "an outage that nobody noticed");
}

fn fails_in_time(store: &Store) {
    let begun = Instant::now();
    assert!(store(StoreOp::Get { key: "a".into() }).is_err());
    assert!(begun.elapsed() < DEADLINE, "{:?}", begun.elapsed());
}

fn keys(connect: Connect) {
    let server = Server::start(&[]);
    let store = connect(&server.url());
    let (key, until) = (|| "k".to_owned(), later());
    assert!(store(put("a", None)).unwrap() == TAKEN);
    assert!(store(StoreOp::Lease { key: key(), until }).unwrap() == TAKEN);
    assert!(store(StoreOp::Consume { key: key(), until }).unwrap() == TAKEN);
    assert!(store(revoke("k", until)).unwrap() == TAKEN);
    let mut connection = server.connection();
    let keys: Vec<String> = redis::cmd("KEYS").arg("*").query(&mut connection).unwrap();
    assert_eq!(keys.len(), 6, "{keys:?}");
    for key in keys {
        let left: i64 = redis::cmd("TTL").arg(&key).query(&mut connection).unwrap();
        assert!(key.starts_with("mine:{sessions}:") && (55..=60).contains(&left), "{key}: {left}");
    }
}

fn emptied(connect: Connect) {
    let server = Server::start(&[]);
    let store = connect(&server.url());
    let since = |cursor| match store(StoreOp::RevokedSince { cursor }).unwrap() {
        StoreAnswer::Revoked(keys, cursor) => (keys, cursor),
        _ => panic!("RevokedSince is answered by Revoked"),
    };
    assert!(store(revoke("before", later())).unwrap() == TAKEN);
    let (_, cursor) = since(0);
    redis::cmd("FLUSHALL").exec(&mut server.connection()).unwrap();
    assert_eq!(since(cursor), (vec![], cursor));
    thread::sleep(Duration::from_millis(2));
    assert!(store(revoke("after", later())).unwrap() == TAKEN);
    assert_eq!(since(cursor).0, ["after"]);
}

fn bounded(connect: Connect) {
    let server = Server::start(&["--appendonly", "no"]);
    let store = connect(&server.url());
    assert!(store(revoke("first", later())).unwrap() == TAKEN);
    let until = later().saturating_add(Duration::from_secs(60));
    for number in 0..Script::MOST_REVOCATIONS {
        assert!(store(revoke(&number.to_string(), until)).unwrap() == TAKEN);
    }
    let StoreAnswer::Revoked(keys, _) = store(StoreOp::RevokedSince { cursor: 0 }).unwrap() else {
        panic!("RevokedSince is answered by Revoked");
    };
    assert_eq!(keys.len(), Script::MOST_REVOCATIONS);
    assert_eq!(keys[0], "0", "what ends first has given way");
}

fn password(connect: Connect) {
    let server = Server::start(&["--requirepass", "sesame"]);
    let address = server.address();
    let at = |who: &str| connect(&format!("redis://{who}{address}/1"));
    assert!(at(":sesame@")(put("a", None)).unwrap() == TAKEN);
    for who in ["", ":secret@", "secret:secret@"] {
        let error = at(who)(put("a", None)).err().expect("it is refused");
        assert!(!error.0.is_empty() && !error.0.contains("secret"), "{error:?}");
    }
}

fn both() {
    let server = Server::start(&[]);
    let (one, other) = (blocking(&server.url()), tokio(&server.url()));
    assert!(one(put("a", None)).unwrap() == TAKEN);
    assert!(other(StoreOp::Get { key: "a".into() }).unwrap() == StoreAnswer::Record(Some((vec![1], 1))));
    assert!(other(put("a", Some(1))).unwrap() == TAKEN);
    assert!(one(put("a", Some(2))).unwrap() == TAKEN);
}

fn put(key: &str, version: Option<u64>) -> StoreOp {
    StoreOp::Put { key: key.into(), value: vec![1], version, until: later() }
}

fn revoke(key: &str, until: UnixTime) -> StoreOp {
    StoreOp::Revoke { key: key.into(), until }
}

fn now() -> UnixTime {
    UnixTime::since_epoch(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap())
}

fn later() -> UnixTime {
    now().saturating_add(Duration::from_secs(60))
}

fn sleep_until(time: UnixTime) {
    thread::sleep(time.saturating_since(now()) + Duration::from_millis(20));
}
