//! Many flows of one client at once, whatever they come to.

#![allow(dead_code, reason = "each target uses its own part of it")]

use std::time::Duration;

use oidc_core::error::Error;
use oidc_core::login::Redirect;
use oidc_core::step::{Fetch, FetchResult, Purpose, StoreOp, StoreResult};
use oidc_core::time::UnixTime;
use oidc_core::{Claims, Session, Step, Verdict};

/// What a flow comes to.
pub(crate) enum Gain {
    Redirect(Redirect),
    Session(Box<Session>),
    Claims(Claims),
    Verdict(Verdict),
    Other,
}

pub(crate) type Outcome = Result<Gain, Error>;
type Rest<I> = Box<dyn FnOnce(I, UnixTime) -> Flow>;

/// A step of a flow, whatever its output.
pub(crate) enum Flow {
    Done(Box<Outcome>),
    Fetch(Fetch, Rest<FetchResult>),
    Store(StoreOp, Rest<StoreResult>),
    Wait(Duration, Rest<()>),
}

impl Flow {
    pub(crate) fn of<T: 'static>(step: Step<T>, end: fn(T) -> Outcome) -> Self {
        match step {
            Step::Done(value) => Self::Done(Box::new(end(value))),
            Step::Fetch(fetch, reply) => {
                Self::Fetch(fetch, Box::new(move |result, now| Self::of(reply.resume(result, now), end)))
            }
            Step::Store(op, reply) => {
                Self::Store(op, Box::new(move |result, now| Self::of(reply.resume(result, now), end)))
            }
            Step::Wait(duration, wake) => {
                Self::Wait(duration, Box::new(move |(), now| Self::of(wake.resume(now), end)))
            }
        }
    }
}

/// A flow under way.
pub(crate) struct Running {
    pub(crate) flow: Flow,
    /// When it must have ended, if its fetches end in their time.
    pub(crate) deadline: UnixTime,
    /// When its present step began.
    pub(crate) since: UnixTime,
}

/// A fetch of a document that flows share is under way at most once.
pub(crate) fn one_at_a_time<'a>(flows: impl Iterator<Item = &'a Running>, now: UnixTime) {
    let (mut discovery, mut keys) = (0, 0);
    for running in flows {
        let Flow::Fetch(fetch, _) = &running.flow else { continue };
        if now < running.since.saturating_add(fetch.timeout) {
            discovery += usize::from(fetch.purpose == Purpose::Discovery);
            keys += usize::from(fetch.purpose == Purpose::Keys);
        }
    }
    assert!(discovery <= 1 && keys <= 1, "{discovery} fetches of metadata and {keys} of keys at once");
}

/// A step that asks for no more than its flow may take.
pub(crate) fn in_bounds(running: &Running, now: UnixTime) {
    match &running.flow {
        Flow::Fetch(fetch, _) => {
            assert!(!fetch.timeout.is_zero() && fetch.timeout <= Duration::from_secs(5));
            assert!(now.saturating_add(fetch.timeout) <= running.deadline, "{fetch:?} may take too long");
        }
        Flow::Wait(duration, _) => {
            assert!(!duration.is_zero() && *duration <= Duration::from_millis(10));
            assert!(now.saturating_add(*duration) <= running.deadline, "a flow waits too long");
        }
        Flow::Done(_) | Flow::Store(..) => {}
    }
}
