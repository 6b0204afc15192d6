//! What every websocket behind a guard must do alike, over real sockets: `/ws` says back what it is told, and takes a fresh
//! token after `renew `. Each driver's tests include this file and give it `websockets_of`, the host and port of the sockets
//! of an origin.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use oidc_dev_provider::AccessTokenRequest;
use tungstenite::client::IntoClientRequest as _;
use tungstenite::http::HeaderName;
use tungstenite::{Error, Message, WebSocket};

use super::over_sockets::{World, now};

pub(crate) type Client = WebSocket<TcpStream>;

/// No leeway, so that a token's end is near.
const STRICT: &[(&str, &str)] = &[("OIDC_LEEWAY", "0")];

fn token(world: &World, sub: &str, lifetime: u64) -> String {
    let request = AccessTokenRequest { sub: sub.into(), lifetime, ..AccessTokenRequest::default() };
    world.provider.with(|provider| provider.access_token(request, now()))
}

/// The open socket and the subprotocol that was chosen, or the status of the refusal.
pub(crate) fn open(
    world: &World,
    path: &str,
    headers: &[(&str, &str)],
) -> Result<(Client, Option<String>), u16> {
    let address = &super::websockets_of(&world.origin);
    let mut request = format!("ws://{address}{path}").into_client_request().unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(HeaderName::try_from(*name).unwrap(), value.parse().unwrap());
    }
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    match tungstenite::client(request, stream) {
        Ok((client, response)) => {
            let chosen = response.headers().get("sec-websocket-protocol");
            Ok((client, chosen.map(|chosen| chosen.to_str().unwrap().to_owned())))
        }
        Err(tungstenite::HandshakeError::Failure(Error::Http(response))) => Err(response.status().as_u16()),
        Err(other) => panic!("{other}"),
    }
}

pub(crate) fn with_token(world: &World, token: &str) -> Client {
    open(world, "/ws", &[("authorization", &format!("Bearer {token}"))]).unwrap().0
}

fn with_session(world: &World) -> Result<Client, u16> {
    let cookies: Vec<String> = world.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let headers = [("cookie", cookies.join("; ")), ("origin", world.origin.clone())];
    let headers = [(headers[0].0, headers[0].1.as_str()), (headers[1].0, headers[1].1.as_str())];
    open(world, "/ws", &headers).map(|(client, _)| client)
}

pub(crate) fn echoes(client: &mut Client, text: &str) -> String {
    client.send(Message::text(text)).unwrap();
    client.read().unwrap().into_text().unwrap().to_string()
}

/// The code and reason with which the server closes, and how long that took.
fn close(client: &mut Client) -> ((u16, String), Duration) {
    let begun = Instant::now();
    loop {
        match client.read() {
            Ok(Message::Close(Some(frame))) => {
                return ((frame.code.into(), frame.reason.to_string()), begun.elapsed());
            }
            Ok(Message::Close(None)) => panic!("it is closed without a reason"),
            Ok(_) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

fn violated(reason: &str) -> (u16, String) {
    (1008, reason.to_owned())
}

#[test]
fn w01_a_handshake_without_credentials_is_refused() {
    let world = World::with(&[]);
    assert_eq!(open(&world, "/ws", &[]).err(), Some(401));
    assert_eq!(open(&world, "/ws", &[("authorization", "Bearer a.b.c")]).err(), Some(401));
}

#[test]
fn w02_a_session_opens_a_socket_for_this_server_s_pages_only() {
    let mut world = World::with(&[]);
    assert_eq!(world.sign_in().status, 303);
    assert_eq!(echoes(&mut with_session(&world).unwrap(), "hello"), "hello");
    let cookies: Vec<String> = world.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let cookies = cookies.join("; ");
    for origin in [None, Some("http://evil.example"), Some("null")] {
        let mut headers = vec![("cookie", cookies.as_str())];
        headers.extend(origin.map(|origin| ("origin", origin)));
        assert_eq!(open(&world, "/ws", &headers).err(), Some(403), "{origin:?}");
    }
}

#[test]
fn w05_a_token_in_the_query_opens_a_socket_only_if_that_is_configured() {
    let world = World::with(&[]);
    assert_eq!(open(&world, &format!("/ws?access_token={}", world.access_token()), &[]).err(), Some(401));
    let world = World::with(&[("OIDC_QUERY_TOKEN", "1")]);
    let path = format!("/ws?access_token={}", world.access_token());
    assert_eq!(echoes(&mut open(&world, &path, &[]).unwrap().0, "hello"), "hello");
}

#[test]
fn w06_a_token_among_the_subprotocols_opens_a_socket_and_is_not_chosen() {
    let world = World::with(&[]);
    let protocols = format!("bearer, {}", world.access_token());
    let (mut client, chosen) = open(&world, "/ws", &[("sec-websocket-protocol", &protocols)]).unwrap();
    assert_eq!(chosen.as_deref(), Some("bearer"));
    assert_eq!(echoes(&mut client, "hello"), "hello");
}

#[test]
fn w07_a_socket_is_closed_within_a_second_of_its_token_s_end() {
    let world = World::with(STRICT);
    let mut client = with_token(&world, &token(&world, "ada", 2));
    assert_eq!(echoes(&mut client, "hello"), "hello");
    let (closed, after) = close(&mut client);
    assert_eq!(closed, violated("expired"));
    assert!(after < Duration::from_millis(3_000), "{after:?}");
}

#[test]
fn w08_a_sign_out_closes_the_session_s_sockets_within_a_second() {
    for store in ["cookie", "memory"] {
        let mut world = World::with(&[("OIDC_SESSION_STORE", store)]);
        assert_eq!(world.sign_in().status, 303);
        let mut client = with_session(&world).unwrap();
        let mut by_token = with_token(&world, &world.access_token());
        let (origin, out) = (world.origin.clone(), format!("{}/logout", world.origin));
        assert_eq!(world.send("POST", &out, &[("origin", &origin)], "").status, 303);
        let (closed, after) = close(&mut client);
        assert_eq!(closed, violated("signed_out"), "{store}");
        assert!(after < Duration::from_secs(1), "{store}: {after:?}");
        assert_eq!(echoes(&mut by_token, "still here"), "still here");
    }
}

#[test]
fn w08_a_sign_out_by_the_provider_closes_the_session_s_sockets_within_a_second() {
    let mut world = World::with(&[]);
    assert_eq!(world.sign_in().status, 303);
    let mut client = with_session(&world).unwrap();
    let origin = world.origin.clone();
    let call = world.provider.with(|provider| {
        provider.add_client(oidc_dev_provider::DevClient {
            back_channel_logout_uri: Some(format!("{origin}/backchannel-logout")),
            ..oidc_dev_provider::DevClient::confidential("demo-client", "demo-secret")
        });
        provider.back_channel_logout(Some("ada"), None, "demo-client", now()).remove(0)
    });
    let form = format!("logout_token={}", call.logout_token);
    let form_type = [("content-type", "application/x-www-form-urlencoded")];
    let answer = world.send("POST", &format!("{origin}/backchannel-logout"), &form_type, &form);
    assert_eq!(answer.status, 200);
    let (closed, after) = close(&mut client);
    assert_eq!(closed, violated("signed_out"));
    assert!(after < Duration::from_secs(1), "{after:?}");
}

#[test]
fn w09_a_fresh_token_of_the_same_person_lets_a_socket_go_on() {
    let world = World::with(STRICT);
    let mut client = with_token(&world, &token(&world, "ada", 3));
    assert_eq!(echoes(&mut client, "renew a.b.c"), "malformed");
    assert_eq!(echoes(&mut client, &format!("renew {}", token(&world, "ada", 6))), "renewed");
    let (closed, after) = close(&mut client);
    assert_eq!(closed, violated("expired"));
    assert!(after > Duration::from_secs(3), "it went on: {after:?}");
}

#[test]
fn w09_a_token_of_somebody_else_closes_the_socket() {
    let world = World::with(&[]);
    let mut client = with_token(&world, &world.access_token());
    client.send(Message::text(format!("renew {}", token(&world, "alan", 60)))).unwrap();
    assert_eq!(close(&mut client).0, violated("subject_mismatch"));
}

#[test]
fn a_socket_says_in_time_that_its_end_is_near() {
    let world = World::with(STRICT);
    let mut client = with_token(&world, &token(&world, "ada", 3));
    assert_eq!(client.read().unwrap().into_text().unwrap(), "renew?");
    assert_eq!(echoes(&mut client, &format!("renew {}", token(&world, "ada", 9))), "renewed");
    assert_eq!(echoes(&mut client, "hello"), "hello");
}

/// What a client sends faster than it is taken stays in its own connection.
#[cfg(target_os = "linux")]
#[test]
fn w16_a_flood_of_small_frames_is_not_kept() {
    use std::io::Write as _;

    let world = World::with(&[]);
    let mut client = with_token(&world, &world.access_token());
    let before = resident();
    let pings = b"\x89\x80\0\0\0\0".repeat(1_000);
    for _ in 0..500 {
        client.get_mut().write_all(&pings).unwrap();
    }
    client.send(Message::text("x")).unwrap();
    while !client.read().unwrap().is_text() {}
    let grown = resident().saturating_sub(before);
    assert!(grown < 16 << 20, "half a million frames of 6 bytes took {grown} bytes");
}

/// Bytes of this process that are in memory.
#[cfg(target_os = "linux")]
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<usize>().unwrap() * 1024
}
