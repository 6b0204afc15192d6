//! What the provider says, and how a server is to deliver it.

use http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION, SET_COOKIE};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use serde_json::Value;

/// A response and how it goes over the wire.
#[derive(Debug)]
pub struct Answer {
    /// What a well-behaved server sends.
    pub response: Response<Vec<u8>>,
    /// How it is sent. Who calls the provider without a socket decides what that means.
    pub delivery: Delivery,
}

/// How a response goes over the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Delivery {
    /// All of it, at once.
    Whole,
    /// The head at once, then one byte of the body every 200 ms.
    Drip,
    /// Nothing, on a connection that stays open.
    Hang,
    /// Nothing: the connection is reset.
    Reset,
    /// The head and half of the body, then the connection is closed.
    Cut,
    /// The head, the body, and spaces without end.
    Endless,
}

impl Delivery {
    pub(crate) const NAMES: [(Delivery, &'static str); 6] = [
        (Delivery::Whole, "whole"),
        (Delivery::Drip, "drip"),
        (Delivery::Hang, "hang"),
        (Delivery::Reset, "reset"),
        (Delivery::Cut, "cut"),
        (Delivery::Endless, "endless"),
    ];

    pub(crate) fn name(self) -> &'static str {
        Delivery::NAMES.iter().find(|(delivery, _)| *delivery == self).map_or("", |(_, name)| name)
    }

    pub(crate) fn explain(self) -> &'static str {
        match self {
            Delivery::Whole => "The right answer, whole.",
            Delivery::Drip => "The right answer, by one byte every 200 ms.",
            Delivery::Hang => "No answer, on a connection that stays open.",
            Delivery::Reset => "No answer: the connection is reset.",
            Delivery::Cut => "Half of the right answer, then the connection is closed.",
            Delivery::Endless => "The right answer, and spaces without end.",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Delivery> {
        Delivery::NAMES.iter().find(|(_, known)| *known == name).map(|(delivery, _)| *delivery)
    }
}

pub(crate) type Reply = Response<Vec<u8>>;

pub(crate) fn json(status: StatusCode, body: &Value) -> Reply {
    reply(status, "application/json", body.to_string().into_bytes())
}

pub(crate) fn html(status: StatusCode, page: String) -> Reply {
    let page = reply(status, "text/html; charset=utf-8", page.into_bytes());
    no_store(with(page, HeaderName::from_static("x-frame-options"), "DENY"))
}

pub(crate) fn text(status: StatusCode, text: String) -> Reply {
    reply(status, "text/plain; charset=utf-8", text.into_bytes())
}

pub(crate) fn redirect(to: &str) -> Reply {
    no_store(with(text(StatusCode::FOUND, String::new()), LOCATION, to))
}

pub(crate) fn reply(status: StatusCode, content_type: &'static str, body: Vec<u8>) -> Reply {
    let mut reply = Response::new(body);
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    reply
}

pub(crate) fn no_store(reply: Reply) -> Reply {
    with(reply, CACHE_CONTROL, "no-store")
}

pub(crate) fn cached(reply: Reply) -> Reply {
    with(reply, CACHE_CONTROL, "public, max-age=300")
}

/// Adds a header; a value that no header can carry is left out.
pub(crate) fn with(mut reply: Reply, name: HeaderName, value: &str) -> Reply {
    if let Ok(value) = HeaderValue::from_str(value) {
        if name == SET_COOKIE {
            reply.headers_mut().append(name, value);
        } else {
            reply.headers_mut().insert(name, value);
        }
    }
    reply
}
