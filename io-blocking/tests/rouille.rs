//! A rouille server, over real sockets.
#![cfg(feature = "rouille")]

use std::sync::{Arc, OnceLock};

use oidc_blocking::oidc_core;
use oidc_blocking::oidc_core::guard::Policy;
use oidc_blocking::{Builder, Oidc};
use rouille::{Request, Response, Server};

#[path = "../../tests/over_sockets.rs"]
mod over_sockets;
#[cfg(feature = "ws")]
#[path = "../../tests/over_websockets.rs"]
mod over_websockets;

/// Serves on a free port until the test process ends. The settings may depend on the origin.
fn start(variable: &dyn Fn(&str, &str) -> Option<String>) -> String {
    let oidc: Arc<OnceLock<Oidc>> = Arc::default();
    let handle = Arc::clone(&oidc);
    let server = Server::new("127.0.0.1:0", move |request| serve(handle.wait(), request)).unwrap();
    let origin = format!("http://{}", server.server_addr());
    let builder = Builder::from_vars(|name| variable(&origin, name)).unwrap();
    let others = over_sockets::second_provider(variable, &origin);
    let built = others.into_iter().fold(builder, Builder::also).build().unwrap();
    #[cfg(feature = "ws")]
    websockets::serve(&origin, built.clone());
    assert!(oidc.set(built).is_ok());
    std::thread::spawn(move || server.run());
    origin
}

fn serve(oidc: &Oidc, request: &Request) -> Response {
    oidc.protect(request, |visitor| {
        Ok(match request.url().as_str() {
            "/" => Response::text(visitor.identity.map_or("nobody".into(), |me| me.sub().to_owned())),
            "/transfer" => Response::text(visitor.meets(&over_sockets::transfers())?.sub()),
            "/profile" => Response::text(visitor.required()?.sub()),
            "/api/whoami" => {
                let claims = serde_json::to_vec(&visitor.required()?).unwrap();
                Response::from_data("application/json", claims)
            }
            _ => Response::empty_404(),
        })
    })
}

/// Websockets beside rouille, on a listener of their own.
#[cfg(feature = "ws")]
mod websockets {
    use std::collections::HashMap;
    use std::net::TcpListener;
    use std::sync::{LazyLock, Mutex};

    use oidc_blocking::Oidc;
    use oidc_blocking::oidc_core::Secret;
    use oidc_blocking::ws::{Message, OpenSocket};

    /// By the origin that they are beside.
    static ADDRESSES: LazyLock<Mutex<HashMap<String, String>>> = LazyLock::new(Mutex::default);

    pub(crate) fn serve(origin: &str, oidc: Oidc) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        ADDRESSES.lock().unwrap().insert(origin.to_owned(), address);
        std::thread::spawn(move || oidc.serve_websockets(&listener, echo));
    }

    pub(crate) fn of(origin: &str) -> String {
        ADDRESSES.lock().unwrap()[origin].clone()
    }

    /// Says back what it is told; a token after `renew ` lets it go on.
    fn echo(mut socket: OpenSocket) {
        socket.warn_with(Message::text("renew?"));
        while let Some(Ok(message)) = socket.recv() {
            let answer = match &message {
                Message::Text(text) if text.starts_with("renew ") => {
                    let renewed = socket.renew(&Secret::new(&text["renew ".len()..]));
                    Message::text(renewed.map_or_else(|error| error.code(), |()| "renewed"))
                }
                Message::Text(_) => message,
                _ => continue,
            };
            if socket.send(answer).is_err() {
                break;
            }
        }
    }
}

#[cfg(feature = "ws")]
fn websockets_of(origin: &str) -> String {
    websockets::of(origin)
}

#[cfg(feature = "ws")]
mod handshakes {
    use std::io::{ErrorKind, Read as _, Write as _};
    use std::net::TcpStream;
    use std::time::{Duration, Instant};

    use super::over_sockets::World;
    use super::over_websockets::{echoes, with_token};
    use super::websockets_of;

    const SOME: &[u8] = b"GET /ws HTTP/1.1\r\nHost: rp.example\r\nX-Slow: ";

    /// It sends a byte from time to time, and never an end.
    #[test]
    fn w11_a_handshake_that_drips_is_cut_off_within_ten_seconds() {
        let world = World::with(&[]);
        let mut stream = TcpStream::connect(websockets_of(&world.origin)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
        stream.write_all(SOME).unwrap();
        let begun = Instant::now();
        let after = loop {
            let dripped = stream.write_all(b"x").is_ok();
            let read = stream.read(&mut [0; 64]);
            let waits = matches!(&read, Err(error) if error.kind() == ErrorKind::WouldBlock);
            if !dripped || !waits {
                break begun.elapsed();
            }
            assert!(begun.elapsed() < Duration::from_secs(20), "it is never cut off");
        };
        assert!(after < Duration::from_secs(12), "{after:?}");
    }

    #[test]
    fn w11_headers_without_end_are_cut_off() {
        let world = World::with(&[]);
        let mut stream = TcpStream::connect(websockets_of(&world.origin)).unwrap();
        stream.write_all(SOME).unwrap();
        let mut sent = 0;
        while sent < 16 << 20 && stream.write_all(&[b'x'; 4096]).is_ok() {
            sent += 4096;
        }
        assert!(sent < 16 << 20, "somebody takes it all");
    }

    #[test]
    fn w12_of_many_handshakes_the_oldest_give_way_and_open_sockets_live_on() {
        let world = World::with(&[]);
        let mut open = with_token(&world, &world.access_token());
        let address = websockets_of(&world.origin);
        let half_open: Vec<TcpStream> = (0..400).map(|_| TcpStream::connect(&address).unwrap()).collect();
        half_open[0].set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        assert_eq!(
            (&half_open[0]).read(&mut [0; 8]).unwrap(),
            0,
            "the oldest is cut off, and not after ten seconds"
        );
        assert_eq!(echoes(&mut open, "still here"), "still here");
        assert_eq!(echoes(&mut with_token(&world, &world.access_token()), "welcome"), "welcome");
        drop(half_open);
    }
}
