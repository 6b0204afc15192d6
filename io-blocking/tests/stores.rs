//! Session stores: in memory among threads, by their setting, and in servers that are not there or not what they should be.
//! With a real Redis: `e2e/stores`.

use std::sync::Arc;
use std::thread;

#[cfg(feature = "redis")]
use oidc_blocking::RedisStore;
use oidc_blocking::oidc_core::step::{StoreAnswer, StoreOp};
use oidc_blocking::oidc_core::store::Memory;
use oidc_blocking::oidc_core::time::UnixTime;
use oidc_blocking::{Builder, MemoryStore, SessionStore};

#[path = "../../tests/over_stores.rs"]
mod over_stores;

const NOW: UnixTime = UnixTime::from_secs(1);
const UNTIL: UnixTime = UnixTime::from_secs(100);

fn consume(key: &str) -> StoreOp {
    StoreOp::Consume { key: key.into(), until: UNTIL }
}

fn lease(key: &str) -> StoreOp {
    StoreOp::Lease { key: key.into(), until: UNTIL }
}

#[test]
fn of_100_threads_one_uses_a_key_up_and_one_holds_its_lease() {
    let store = Arc::new(MemoryStore::new());
    for op in [consume("a"), lease("a")] {
        let ask = || {
            let (store, op) = (store.clone(), op.clone());
            thread::spawn(move || store.run(op, NOW) == Ok(StoreAnswer::Taken(true)))
        };
        let threads: Vec<_> = (0..100).map(|_| ask()).collect();
        let first = threads.into_iter().map(|thread| thread.join().unwrap()).filter(|first| *first);
        assert_eq!(first.count(), 1, "{op:?}");
    }
}

#[test]
fn a_memory_of_ones_own_size_is_kept_to() {
    let store = MemoryStore::from(Memory::with_limits(1, 100));
    for key in ["a", "b", "a"] {
        assert!(store.run(consume(key), NOW) == Ok(StoreAnswer::Taken(true)), "{key}");
    }
}

#[cfg(feature = "redis")]
mod redis {
    use std::thread;
    use std::time::{Duration, Instant};

    use super::over_stores::{NO_ANSWERS, TAKEN, absent, answering, silent};
    use super::*;

    /// What a store says of a server, within its time.
    fn complaint(address: &str) -> String {
        let store = RedisStore::new(&format!("redis://:secret@{address}")).unwrap();
        let begun = Instant::now();
        let error = store.run(consume("a secret key"), NOW).err().expect("no answer");
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
        assert!(!error.0.is_empty() && !error.0.contains("secret"), "{error:?}");
        error.0
    }

    #[test]
    fn no_server_is_an_error_at_once() {
        assert!(complaint(&absent()).contains("refused"));
    }

    #[test]
    fn a_silent_server_is_an_error_in_time() {
        let (_listener, address) = silent();
        complaint(&address);
    }

    #[test]
    fn a_connection_that_was_cut_while_idle_is_replaced() {
        let store = RedisStore::new(&format!("redis://{}", answering(TAKEN, false))).unwrap();
        assert!(store.run(consume("a"), NOW) == Ok(StoreAnswer::Taken(true)));
        thread::sleep(Duration::from_millis(1_100));
        assert!(store.run(consume("b"), NOW) == Ok(StoreAnswer::Taken(true)));
    }

    #[test]
    fn what_is_no_answer_of_redis_is_an_error() {
        for answer in NO_ANSWERS {
            complaint(&answering(answer, true));
        }
    }
}
