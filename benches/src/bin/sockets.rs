//! What an idle websocket costs in axum, with the guard and without: `sockets [NUMBER]`, 50,000 unless told otherwise. Prints
//! bytes of resident memory for each, and the processor's time while nothing happens.
//!
//! The connections are pipes within the process, so that no limit of open files matters; their clients' ends count on both
//! sides of the comparison.

use std::io;
use std::time::{Duration, SystemTime};
use std::{env, fs};

use axum::Router;
use axum::extract::WebSocketUpgrade;
use axum::response::Response;
use axum::routing::get;
use axum::serve::Listener;
use oidc_benches::Fixtures;
use oidc_core::jose::{Algorithm, RustCrypto};
use oidc_tokio::axum::ws::Socket;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::mpsc;

/// Of each socket, for what it reads. axum's own 128 KiB would hide everything else.
const BUFFER: usize = 4096;
/// How long nothing happens.
const IDLE: Duration = Duration::from_secs(10);

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let number = env::args().nth(1).map_or(50_000, |number| number.parse().expect("a number"));
    let now = SystemTime::UNIX_EPOCH.elapsed().expect("the clock is set");
    let fixtures = Fixtures::issued(now.as_secs(), Algorithm::Rs256, &RustCrypto);
    let oidc = oidc_tokio::Builder::new(fixtures.config(None)).build().expect("the settings are whole");

    let open = Router::new().route("/ws", get(open));
    let guarded = Router::new().route("/ws", get(guarded)).layer(oidc.layer());
    let open = measure("without the guard", open, &fixtures.access_token, number).await?;
    let guarded = measure("with the guard", guarded, &fixtures.access_token, number).await?;
    println!("a token of {} bytes; guarded is {:.2} × open", fixtures.access_token.len(), guarded / open);
    Ok(())
}

async fn open(upgrade: WebSocketUpgrade) -> Response {
    upgrade
        .read_buffer_size(BUFFER)
        .on_upgrade(async |mut socket| while let Some(Ok(_)) = socket.recv().await {})
}

async fn guarded(socket: Socket) -> Response {
    socket
        .upgrade(|upgrade| upgrade.read_buffer_size(BUFFER))
        .on_upgrade(async |mut socket| while let Some(Ok(_)) = socket.recv().await {})
}

/// Bytes for each socket. The sockets stay open, so that what comes next finds no memory that was used before.
async fn measure(name: &str, app: Router, token: &str, number: usize) -> io::Result<f64> {
    let (connect, connections) = mpsc::channel(1);
    tokio::spawn(axum::serve(Pipes(connections), app).into_future());
    let mut clients = Vec::with_capacity(number);
    clients.push(handshake(&connect, token).await?);
    let before = resident()?;
    while clients.len() < number {
        clients.push(handshake(&connect, token).await?);
    }
    let each = (resident()?.saturating_sub(before)) as f64 / number as f64;
    let busy = processor_time()?;
    tokio::time::sleep(IDLE).await;
    let busy = processor_time()?.saturating_sub(busy);
    println!("{number} sockets {name}: {each:.0} bytes each; {busy:?} of processor time in {IDLE:?} of rest");
    std::mem::forget(clients);
    Ok(each)
}

async fn handshake(connect: &mpsc::Sender<DuplexStream>, token: &str) -> io::Result<DuplexStream> {
    let (mut client, server) = duplex(4096);
    connect.send(server).await.map_err(io::Error::other)?;
    let request = format!(
        "GET /ws HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
         sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nauthorization: Bearer {token}\r\n\r\n"
    );
    client.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(client.read_u8().await?);
    }
    assert!(answer.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&answer));
    Ok(client)
}

struct Pipes(mpsc::Receiver<DuplexStream>);

impl Listener for Pipes {
    type Io = DuplexStream;
    type Addr = ();

    async fn accept(&mut self) -> (DuplexStream, ()) {
        match self.0.recv().await {
            Some(server) => (server, ()),
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<()> {
        Ok(())
    }
}

/// Bytes of this process that are in memory.
fn resident() -> io::Result<usize> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<usize>().ok());
    kibibytes.map(|kibibytes| kibibytes * 1024).ok_or_else(|| io::Error::other("no VmRSS"))
}

/// What this thread, which does everything, has used of the processor.
fn processor_time() -> io::Result<Duration> {
    let text = fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds = text.split(' ').next().and_then(|first| first.parse().ok());
    nanoseconds.map(Duration::from_nanos).ok_or_else(|| io::Error::other("no schedstat"))
}
