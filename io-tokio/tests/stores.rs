//! Session stores: in memory among tasks, by their setting, and in servers that are not there or not what they should be.
//! With a real Redis: `e2e/stores`.

use std::sync::Arc;

#[cfg(feature = "redis")]
use oidc_tokio::RedisStore;
use oidc_tokio::oidc_core::step::{StoreAnswer, StoreOp};
use oidc_tokio::oidc_core::store::Memory;
use oidc_tokio::oidc_core::time::UnixTime;
use oidc_tokio::{Builder, MemoryStore, SessionStore};

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

#[tokio::test(flavor = "multi_thread")]
async fn of_100_tasks_one_uses_a_key_up_and_one_holds_its_lease() {
    let store = Arc::new(MemoryStore::new());
    for op in [consume("a"), lease("a")] {
        let ask = || {
            let (store, op) = (store.clone(), op.clone());
            tokio::spawn(async move { store.run(op, NOW).await == Ok(StoreAnswer::Taken(true)) })
        };
        let tasks: Vec<_> = (0..100).map(|_| ask()).collect();
        let mut first = 0;
        for task in tasks {
            first += u32::from(task.await.unwrap());
        }
        assert_eq!(first, 1, "{op:?}");
    }
}

#[tokio::test]
async fn a_memory_of_ones_own_size_is_kept_to() {
    let store = MemoryStore::from(Memory::with_limits(1, 100));
    for key in ["a", "b", "a"] {
        assert!(store.run(consume(key), NOW).await == Ok(StoreAnswer::Taken(true)), "{key}");
    }
}

#[cfg(feature = "redis")]
mod redis {
    use std::time::{Duration, Instant};

    use super::over_stores::{NO_ANSWERS, TAKEN, absent, answering, silent};
    use super::*;

    /// What a store says of a server, within its time.
    async fn complaint(address: &str) -> String {
        let store = RedisStore::new(&format!("redis://:secret@{address}")).unwrap();
        let begun = Instant::now();
        let error = store.run(consume("a secret key"), NOW).await.err().expect("no answer");
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
        assert!(!error.0.is_empty() && !error.0.contains("secret"), "{error:?}");
        error.0
    }

    #[tokio::test]
    async fn no_server_is_an_error_at_once() {
        assert!(complaint(&absent()).await.contains("refused"));
    }

    #[tokio::test]
    async fn a_silent_server_is_an_error_in_time() {
        let (_listener, address) = silent();
        complaint(&address).await;
    }

    #[tokio::test]
    async fn a_connection_that_was_cut_while_idle_is_replaced() {
        let store = RedisStore::new(&format!("redis://{}", answering(TAKEN, false))).unwrap();
        assert!(store.run(consume("a"), NOW).await == Ok(StoreAnswer::Taken(true)));
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        assert!(store.run(consume("b"), NOW).await == Ok(StoreAnswer::Taken(true)));
    }

    #[tokio::test]
    async fn what_is_no_answer_of_redis_is_an_error() {
        for answer in NO_ANSWERS {
            complaint(&answering(answer, true)).await;
        }
    }
}
