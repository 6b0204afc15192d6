//! How bytes leave: an answer in the way it asks for, and a logout token to a client.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use socket2::SockRef;

use crate::answer::{Answer, Delivery, Reply};
use crate::http1::write_head;
use crate::logout::BackChannelCall;

/// Delivers an answer. `pause` waits, and says whether to go on.
pub(crate) fn deliver(
    mut stream: TcpStream,
    answer: &Answer,
    pause: impl Fn(Duration) -> bool,
) -> io::Result<()> {
    let reply = &answer.response;
    match answer.delivery {
        Delivery::Whole => whole(&mut stream, reply),
        Delivery::Drip => drip(&mut stream, reply, pause),
        Delivery::Hang => hang(&mut stream),
        Delivery::Reset => SockRef::from(&stream).set_linger(Some(Duration::ZERO)),
        Delivery::Cut => {
            write_head(&mut stream, reply, Some(reply.body().len()))?;
            stream.write_all(&reply.body()[..reply.body().len() / 2])
        }
        Delivery::Endless => endless(&mut stream, reply),
    }
}

pub(crate) fn whole(stream: &mut TcpStream, reply: &Reply) -> io::Result<()> {
    write_head(stream, reply, Some(reply.body().len()))?;
    stream.write_all(reply.body())
}

fn drip(stream: &mut TcpStream, reply: &Reply, pause: impl Fn(Duration) -> bool) -> io::Result<()> {
    stream.set_nodelay(true)?;
    write_head(stream, reply, Some(reply.body().len()))?;
    for byte in reply.body() {
        if !pause(DRIP) {
            break;
        }
        stream.write_all(&[*byte])?;
    }
    Ok(())
}

/// Until the peer hangs up, or the server stops and shuts the stream.
fn hang(stream: &mut TcpStream) -> io::Result<()> {
    stream.set_read_timeout(None)?;
    while stream.read(&mut [0; 1024])? > 0 {}
    Ok(())
}

fn endless(stream: &mut TcpStream, reply: &Reply) -> io::Result<()> {
    write_head(stream, reply, None)?;
    stream.write_all(reply.body())?;
    loop {
        stream.write_all(&[b' '; 16 * 1024])?;
    }
}

/// Posts a logout token; plain `http` only, and whatever comes back is not read beyond its beginning.
pub(crate) fn call(call: &BackChannelCall) -> io::Result<()> {
    let Some(url) = url::Url::parse(&call.uri).ok().filter(|url| url.scheme() == "http") else {
        return Ok(());
    };
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or(80);
    let Some(address) = (host.trim_matches(['[', ']']), port).to_socket_addrs()?.next() else {
        return Ok(());
    };
    let mut stream = TcpStream::connect_timeout(&address, CALL_TIMEOUT)?;
    stream.set_read_timeout(Some(CALL_TIMEOUT))?;
    stream.set_write_timeout(Some(CALL_TIMEOUT))?;
    let body = format!("logout_token={}", call.logout_token);
    let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
    let head = format!(
        "POST {target} HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes())?;
    stream.read(&mut [0; 64]).map(|_| ())
}

const DRIP: Duration = Duration::from_millis(200);
const CALL_TIMEOUT: Duration = Duration::from_secs(2);
