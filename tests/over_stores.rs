//! Session stores by their setting, and servers that are not there or not what they should be: the same for every driver,
//! whose tests include this file and give it their `Builder` and, with the feature `redis`, their `RedisStore`.

use super::Builder;
#[cfg(feature = "redis")]
pub(crate) use servers::*;

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
mod servers {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::thread;

    use super::super::RedisStore;
    use super::error_of;

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

    fn listen() -> (TcpListener, String) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        (listener, address)
    }

    /// Nobody listens there.
    pub(crate) fn absent() -> String {
        listen().1
    }

    /// It takes connections, and says nothing for as long as this lives.
    pub(crate) fn silent() -> (TcpListener, String) {
        listen()
    }

    /// It answers each connection's first question with this.
    pub(crate) fn answering(answer: &'static [u8], keeps_open: bool) -> String {
        let (listener, address) = listen();
        thread::spawn(move || {
            loop {
                let (mut stream, _) = listener.accept().unwrap();
                let _ = stream.read(&mut [0; 1_000]);
                let _ = stream.write_all(answer);
                if keeps_open {
                    let _ = stream.read(&mut [0; 1_000]);
                }
            }
        });
        address
    }

    /// That the key was free.
    pub(crate) const TAKEN: &[u8] = b"*1\r\n$1\r\n1\r\n";

    /// What is no answer of Redis, or one to something else.
    pub(crate) const NO_ANSWERS: [&[u8]; 6] = [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"-ERR unknown command, with args beginning with: a secret key\r\n",
        b"+OK\r\n*1\r\n$1\r\n7\r\n",
        b"+OK\r\n:1\r\n",
        b"+OK\r\n*1\r\n$12\r\na secret key\r\n",
        b"",
    ];
}
