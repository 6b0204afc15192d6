//! Session stores: in memory among threads, by their setting, and in servers that are not there or not what they should be.
//! With a real Redis: `e2e/stores`.

use std::sync::Arc;
use std::thread;

use oidc_blocking::oidc_core::step::{StoreAnswer, StoreOp};
use oidc_blocking::oidc_core::store::Memory;
use oidc_blocking::oidc_core::time::UnixTime;
use oidc_blocking::{Builder, MemoryStore, SessionStore};

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

fn error_of(store: &str) -> Option<String> {
    let variable = |name: &str| match name {
        "OIDC_ISSUER" => Some("https://op.example".to_owned()),
        "OIDC_CLIENT_ID" => Some("web".to_owned()),
        "OIDC_REDIRECT_URI" => Some("https://rp.example/callback".to_owned()),
        "OIDC_SESSION_STORE" => Some(store.to_owned()),
        _ => None,
    };
    Builder::from_vars(variable).err().map(|error| error.to_string())
}

#[test]
fn the_setting_is_taken_or_refused_without_its_password() {
    for taken in ["cookie", "memory"] {
        assert_eq!(error_of(taken), None, "{taken}");
    }
    for refused in
        ["", "Memory", "redis", "redis:", "http://a:secret@b", "rediss://a:secret@b", "redis://:secret@:1:2"]
    {
        let error = error_of(refused).unwrap();
        assert!(error.starts_with("OIDC_SESSION_STORE: ") && !error.contains("secret"), "{refused}: {error}");
    }
    assert!(error_of("rediss://b").unwrap().contains("TLS"));
}

#[cfg(not(feature = "redis"))]
#[test]
fn without_the_feature_the_error_names_it() {
    let error = error_of("redis://a:secret@localhost").unwrap();
    assert!(error.contains("feature `redis`") && !error.contains("secret"), "{error}");
}

#[cfg(feature = "redis")]
mod redis {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::time::{Duration, Instant};

    use oidc_blocking::RedisStore;

    use super::*;

    #[test]
    fn a_url_is_checked_at_once_and_nothing_is_connected() {
        for taken in ["redis://localhost", "redis://user:secret@[::1]:7000/3", "redis://192.0.2.1:1"] {
            assert_eq!(error_of(taken), None, "{taken}");
        }
        for refused in [
            "redis://",
            "redis://:secret@",
            "redis://:secret@h:port",
            "redis://:secret@h/x",
            "redis://:secret@h:99999",
        ] {
            let error = error_of(refused).unwrap();
            assert!(
                error.starts_with("OIDC_SESSION_STORE: ") && !error.contains("secret"),
                "{refused}: {error}"
            );
        }
        let shown = format!("{:?}", RedisStore::new("redis://:secret@h").unwrap().prefix("mine:"));
        assert!(shown.contains("mine:") && !shown.contains("secret"), "{shown}");
    }

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
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        drop(listener);
        assert!(complaint(&address).contains("refused"));
    }

    #[test]
    fn a_silent_server_is_an_error_in_time() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        complaint(&listener.local_addr().unwrap().to_string());
    }

    #[test]
    fn a_connection_that_was_cut_while_idle_is_replaced() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let store = RedisStore::new(&format!("redis://{}", listener.local_addr().unwrap())).unwrap();
        thread::spawn(move || {
            loop {
                let (mut stream, _) = listener.accept().unwrap();
                let _ = stream.read(&mut [0; 1_000]);
                let _ = stream.write_all(b"*1\r\n$1\r\n1\r\n");
            }
        });
        assert!(store.run(consume("a"), NOW) == Ok(StoreAnswer::Taken(true)));
        thread::sleep(Duration::from_millis(1_100));
        assert!(store.run(consume("b"), NOW) == Ok(StoreAnswer::Taken(true)));
    }

    #[test]
    fn what_is_no_answer_of_redis_is_an_error() {
        let answers: [&[u8]; 6] = [
            b"HTTP/1.1 400 Bad Request\r\n\r\n",
            b"-ERR unknown command, with args beginning with: a secret key\r\n",
            b"+OK\r\n*1\r\n$1\r\n7\r\n",
            b"+OK\r\n:1\r\n",
            b"+OK\r\n*1\r\n$12\r\na secret key\r\n",
            b"",
        ];
        for answer in answers {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap().to_string();
            thread::spawn(move || {
                let (mut stream, _) = listener.accept().unwrap();
                let _ = stream.read(&mut [0; 1_000]);
                let _ = stream.write_all(answer);
                let _ = stream.read(&mut [0; 1_000]);
            });
            complaint(&address);
        }
    }
}
