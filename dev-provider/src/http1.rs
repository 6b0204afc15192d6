//! As much of HTTP/1.1 as a dev server needs: one bounded request, one response, then the connection closes.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use http::{Request, StatusCode};

use crate::answer::Reply;

/// Why no request came of a connection.
pub(crate) enum Unread {
    /// The peer is gone, or too slow.
    Gone,
    /// The peer is told so.
    Refused(StatusCode),
}

impl From<io::Error> for Unread {
    fn from(_: io::Error) -> Self {
        Unread::Gone
    }
}

impl From<StatusCode> for Unread {
    fn from(status: StatusCode) -> Self {
        Unread::Refused(status)
    }
}

pub(crate) fn read_request(stream: &mut TcpStream) -> Result<Request<Vec<u8>>, Unread> {
    let deadline = Instant::now() + READ_DEADLINE;
    let mut bytes = Vec::new();
    let (head, head_length) = loop {
        if let Some(parsed) = parse_head(&bytes)? {
            break parsed;
        }
        if bytes.len() > MAX_HEAD {
            return Err(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE.into());
        }
        read_more(stream, &mut bytes, deadline)?;
    };
    let length = body_length(&head)?;
    while bytes.len() - head_length < length {
        read_more(stream, &mut bytes, deadline)?;
    }
    let body = bytes[head_length..head_length + length].to_vec();
    Ok(head.map(|()| body))
}

fn read_more(stream: &mut TcpStream, bytes: &mut Vec<u8>, deadline: Instant) -> Result<(), Unread> {
    // A timeout of zero would be none at all.
    let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
    stream.set_read_timeout(Some(left))?;
    let mut chunk = [0; 8192];
    match stream.read(&mut chunk)? {
        0 => Err(Unread::Gone),
        count => {
            bytes.extend_from_slice(&chunk[..count]);
            Ok(())
        }
    }
}

fn parse_head(bytes: &[u8]) -> Result<Option<(Request<()>, usize)>, StatusCode> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    let Ok(status) = parsed.parse(bytes) else { return Err(StatusCode::BAD_REQUEST) };
    let httparse::Status::Complete(length) = status else { return Ok(None) };
    let mut head =
        Request::builder().method(parsed.method.unwrap_or_default()).uri(parsed.path.unwrap_or_default());
    for header in parsed.headers.iter() {
        head = head.header(header.name, header.value);
    }
    let head = head.body(()).map_err(|_| StatusCode::BAD_REQUEST)?;
    Ok(Some((head, length)))
}

fn body_length(head: &Request<()>) -> Result<usize, StatusCode> {
    if head.headers().contains_key(http::header::TRANSFER_ENCODING) {
        return Err(StatusCode::LENGTH_REQUIRED);
    }
    let Some(length) = head.headers().get(http::header::CONTENT_LENGTH) else { return Ok(0) };
    let length = length.to_str().ok().and_then(|text| text.parse().ok()).ok_or(StatusCode::BAD_REQUEST)?;
    if length > MAX_BODY { Err(StatusCode::PAYLOAD_TOO_LARGE) } else { Ok(length) }
}

/// The head; a body without a length ends with the connection.
pub(crate) fn write_head(stream: &mut TcpStream, reply: &Reply, length: Option<usize>) -> io::Result<()> {
    let status = reply.status();
    let reason = status.canonical_reason().unwrap_or_default();
    let mut head = format!("HTTP/1.1 {} {reason}\r\nConnection: close\r\n", status.as_str()).into_bytes();
    if let Some(length) = length {
        head.extend_from_slice(format!("Content-Length: {length}\r\n").as_bytes());
    }
    for (name, value) in reply.headers() {
        head.extend_from_slice(name.as_str().as_bytes());
        head.extend_from_slice(b": ");
        head.extend_from_slice(value.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"\r\n");
    stream.write_all(&head)
}

const MAX_HEAD: usize = 64 * 1024;
const MAX_BODY: usize = 1024 * 1024;
const MAX_HEADERS: usize = 128;
const READ_DEADLINE: Duration = Duration::from_secs(10);
