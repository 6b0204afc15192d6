//! The provider behind a real socket: what it serves, how it misdelivers, and that it ends.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use oidc_dev_provider::{Delivery, DevClient, DevProvider, Endpoint, Fault, Running};
use serde_json::Value;

/// Longer than anything here takes; only a failing test waits for so long.
const PATIENCE: Duration = Duration::from_secs(20);

fn send(running: &Running, request: &str) -> TcpStream {
    let mut stream = TcpStream::connect(running.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    stream
}

fn exchange(running: &Running, request: &str) -> (u16, String, String) {
    let mut answer = String::new();
    send(running, request).read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_ascii_lowercase(), body.to_owned())
}

fn get(running: &Running, path: &str) -> (u16, String, String) {
    exchange(running, &format!("GET {path} HTTP/1.1\r\nhost: op\r\n\r\n"))
}

/// A server that delivers its key set so, and a connection that asked for it.
fn delivering(delivery: Delivery) -> (Running, TcpStream) {
    let running = DevProvider::serve("127.0.0.1:0").unwrap();
    running.with(|provider| provider.set_fault(Some(Fault::Deliver(Endpoint::Jwks, delivery))));
    let stream = send(&running, "GET /jwks HTTP/1.1\r\nhost: op\r\n\r\n");
    (running, stream)
}

fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

fn content_length(head: &str) -> usize {
    let line = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
    line.unwrap().parse().unwrap()
}

#[test]
fn discovery_is_served_under_the_address_bound() {
    let running = DevProvider::serve("127.0.0.1:0").unwrap();
    assert_eq!(running.issuer(), format!("http://{}", running.address()));
    let (status, head, body) = get(&running, "/.well-known/openid-configuration");
    assert_eq!(status, 200);
    assert!(head.contains("content-type: application/json") && head.contains("cache-control: public"));
    let metadata: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(metadata["issuer"], running.issuer());
    assert_eq!(running.with(|provider| provider.requests("/openid-configuration")), 1);
}

#[test]
fn a_built_provider_is_served_and_its_clock_is_the_systems() {
    let build = |issuer: &str| DevProvider::with_seed(&format!("{issuer}/tenant/"), 3);
    let running = DevProvider::serve_as(build, "127.0.0.1:0").unwrap();
    assert_eq!(running.issuer(), format!("http://{}/tenant/", running.address()));
    let (status, _, token) = get(&running, "/tenant/dev/token?lifetime=60");
    assert_eq!(status, 200);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let iat = crate::browser::claims(&token)["iat"].as_u64().unwrap();
    assert!(now.abs_diff(iat) < 60);
    let form = "grant_type=client_credentials&client_id=demo-client&client_secret=demo-secret";
    let posted = format!(
        "POST /tenant/token HTTP/1.1\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
        form.len()
    );
    let (status, _, body) = exchange(&running, &posted);
    assert!(status == 200 && body.contains("access_token"), "{body}");
}

#[test]
fn requests_are_served_side_by_side() {
    let (running, _hanging) = delivering(Delivery::Hang);
    assert_eq!(get(&running, "/.well-known/openid-configuration").0, 200);
}

#[test]
fn what_is_no_request_or_too_much_is_refused() {
    let running = DevProvider::serve("127.0.0.1:0").unwrap();
    assert_eq!(exchange(&running, "nonsense\r\n\r\n").0, 400);
    assert_eq!(exchange(&running, "GET http://[ HTTP/1.1\r\n\r\n").0, 400);
    assert_eq!(exchange(&running, "POST /token HTTP/1.1\r\ncontent-length: 1048577\r\n\r\n").0, 413);
    assert_eq!(exchange(&running, "POST /token HTTP/1.1\r\ncontent-length: -1\r\n\r\n").0, 400);
    assert_eq!(exchange(&running, "POST /token HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n").0, 411);
    // Exactly one byte too many is sent, so that none is left unread when the connection closes.
    let start = "GET / HTTP/1.1\r\nx: ";
    let endless = format!("{start}{}", "x".repeat(64 * 1024 + 1 - start.len()));
    assert_eq!(exchange(&running, &endless).0, 431);
}

#[test]
fn drip_gives_a_byte_every_200_ms() {
    let (_running, mut stream) = delivering(Delivery::Drip);
    read_head(&mut stream);
    let start = Instant::now();
    stream.read_exact(&mut [0; 3]).unwrap();
    assert!(start.elapsed() >= Duration::from_millis(390), "{:?}", start.elapsed());
}

#[test]
fn hang_says_nothing_and_ends_with_the_server() {
    let (running, mut stream) = delivering(Delivery::Hang);
    stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let silence = stream.read(&mut [0]).unwrap_err();
    assert!(matches!(silence.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{silence}");
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    running.stop();
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
}

#[test]
fn reset_resets() {
    let (_running, mut stream) = delivering(Delivery::Reset);
    assert_eq!(stream.read(&mut [0]).unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[test]
fn cut_promises_all_and_gives_half() {
    let (_running, mut stream) = delivering(Delivery::Cut);
    let promised = content_length(&read_head(&mut stream));
    let mut body = Vec::new();
    stream.read_to_end(&mut body).unwrap();
    assert_eq!(body.len(), promised / 2);
}

#[test]
fn endless_does_not_end() {
    let (running, mut stream) = delivering(Delivery::Endless);
    assert!(!read_head(&mut stream).contains("Content-Length"));
    let mut body = vec![0; 8 * 1024 * 1024];
    stream.read_exact(&mut body).unwrap();
    assert!(body.starts_with(b"{") && body.ends_with(b"  "));
    drop(running);
    // It ends with the server: what is left in buffers, then the end or an error.
    let left = std::io::copy(&mut stream, &mut std::io::sink());
    assert!(left.map_or(true, |left| left < 64 * 1024 * 1024));
}

#[test]
fn whole_is_whole() {
    let (_running, mut stream) = delivering(Delivery::Whole);
    let promised = content_length(&read_head(&mut stream));
    let mut body = Vec::new();
    stream.read_to_end(&mut body).unwrap();
    assert_eq!(body.len(), promised);
    assert!(serde_json::from_slice::<Value>(&body).unwrap()["keys"].is_array());
}

#[test]
fn dropping_frees_the_port_at_once() {
    let running = DevProvider::serve("127.0.0.1:0").unwrap();
    let address = running.address();
    let start = Instant::now();
    drop(running);
    assert!(TcpStream::connect(address).is_err());
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

#[test]
fn a_server_can_be_shared_by_threads() {
    fn shared<T: Send + Sync>(_: &T) {}
    let running = DevProvider::serve("127.0.0.1:0").unwrap();
    shared(&running);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert_eq!(get(&running, "/jwks").0, 200));
        }
    });
    assert_eq!(running.with(|provider| provider.requests("/jwks")), 8);
}

#[test]
fn a_panic_while_it_is_changed_does_not_stop_it() {
    let running = DevProvider::serve("127.0.0.1:0").unwrap();
    let attempt =
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| running.with(|p| p.sign_with("HS256"))));
    assert!(attempt.is_err());
    assert_eq!(get(&running, "/jwks").0, 200);
}

#[test]
fn signing_out_posts_a_logout_token_to_the_client() {
    let client = TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("http://{}/back?x=1", client.local_addr().unwrap());
    let (sender, received) = mpsc::channel();
    thread::spawn(move || {
        let (mut stream, _) = client.accept().unwrap();
        let mut request = Vec::new();
        let mut chunk = [0; 4096];
        while !String::from_utf8_lossy(&request).contains("logout_token=") {
            let count = stream.read(&mut chunk).unwrap();
            request.extend_from_slice(&chunk[..count]);
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
        sender.send(String::from_utf8(request).unwrap()).unwrap();
    });
    let running = DevProvider::serve("127.0.0.1:0").unwrap();
    running.with(|provider| {
        provider.auto_login(Some("ada"));
        provider.add_client(DevClient {
            back_channel_logout_uri: Some(uri),
            ..DevClient::confidential("demo-client", "demo-secret")
        });
    });
    let ask = "client_id=demo-client&redirect_uri=http://localhost/&response_type=code&scope=openid";
    let (_, head, _) = get(&running, &format!("/authorize?{ask}"));
    let cookie = head_cookie(&running, ask).unwrap_or_else(|| panic!("no cookie: {head}"));
    let (_, _, page) = exchange(&running, &format!("GET /end-session HTTP/1.1\r\ncookie: {cookie}\r\n\r\n"));
    let transaction = page.split("name=\"transaction\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let form = format!("transaction={transaction}");
    let confirm = format!(
        "POST /end-session/confirm HTTP/1.1\r\ncookie: {cookie}\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
        form.len()
    );
    assert_eq!(exchange(&running, &confirm).0, 200);
    let request = received.recv_timeout(PATIENCE).unwrap();
    assert!(request.starts_with("POST /back?x=1 HTTP/1.1\r\n"), "{request}");
}

/// The cookie of a fresh sign-in, its letters as they came.
fn head_cookie(running: &Running, ask: &str) -> Option<String> {
    let mut answer = String::new();
    let request = format!("GET /authorize?{ask} HTTP/1.1\r\nhost: op\r\n\r\n");
    send(running, &request).read_to_string(&mut answer).unwrap();
    let line = answer.lines().find_map(|line| line.strip_prefix("set-cookie: "))?;
    line.split(';').next().map(str::to_owned)
}
