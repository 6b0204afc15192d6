//! The only seam to the outside: a flow is a value, and whoever holds it does its input and output.
//!
//! This file knows no protocol.

use std::fmt;
use std::time::Duration;

use crate::time::UnixTime;

/// What a flow needs next. A driver loops until `Done`:
///
/// ```text
/// loop {
///     step = match step {
///         Step::Done(value) => return value,
///         Step::Fetch(fetch, reply) => reply.resume(send(fetch), now()),
///         Step::Store(op, reply) => reply.resume(store.run(op), now()),
///         Step::Wait(duration, wake) => { sleep(duration); wake.resume(now()) }
///     }
/// }
/// ```
///
/// Dropping a step gives up its flow; what the flow had reserved is free again.
#[must_use = "a flow goes on only when its step is carried out and resumed"]
pub enum Step<T> {
    /// The flow has ended.
    Done(T),
    /// Send it, then `reply.resume(result, now)`.
    Fetch(Fetch, Reply<T>),
    /// Ask the server-side store, then `reply.resume(result, now)`.
    Store(StoreOp, StoreReply<T>),
    /// Someone else fetches what this flow needs: wait at most this long, then `wake.resume(now)`.
    Wait(Duration, Wake<T>),
}

/// One HTTP exchange: no redirect is followed, and no more than `max_body` bytes (after any decoding) are read,
/// all within `timeout`.
pub struct Fetch {
    /// What to send.
    pub request: http::Request<Vec<u8>>,
    /// What it is for, for logs and metrics.
    pub purpose: Purpose,
    /// The longest body to read, in bytes; a longer one is [`FetchError::TooLarge`].
    pub max_body: usize,
    /// The time for the whole exchange, from connecting to the last byte.
    pub timeout: Duration,
    /// Others wait for the answer too: an async driver runs it on a task of its own.
    pub shared: bool,
}

/// What a [`Fetch`] is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Purpose {
    /// The provider's metadata document.
    Discovery,
    /// The provider's key set.
    Keys,
    /// A token request.
    Token,
    /// A userinfo request.
    Userinfo,
    /// A pushed authorization request.
    PushedAuthorization,
    /// A question about a token.
    Introspection,
    /// The revocation of a token.
    Revocation,
}

impl Purpose {
    /// A stable name for logs and metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Discovery => "discovery",
            Self::Keys => "keys",
            Self::Token => "token",
            Self::Userinfo => "userinfo",
            Self::PushedAuthorization => "pushed_authorization",
            Self::Introspection => "introspection",
            Self::Revocation => "revocation",
        }
    }
}

/// Why no answer came.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FetchError {
    /// Not whole within the fetch's timeout.
    Timeout,
    /// The body was longer than the fetch's `max_body`.
    TooLarge,
    /// No connection, no TLS, or a broken exchange. The text is the HTTP client's, for logs only.
    Failed(String),
}

/// What a driver hands to [`Reply::resume`].
pub type FetchResult = Result<http::Response<Vec<u8>>, FetchError>;

/// One operation on the server-side store. What every store owes:
///
/// - Each operation is atomic: whatever else runs at the same time, in whichever process, runs wholly before or after it.
/// - What was answered is kept until its end (`until`), and no longer: at `now >= until` it is as if it had never been. The
///   clock may be the store's own. What has ended when it comes in is answered like any other, and not kept.
/// - Records, leases, used keys and revocations are apart: the same key may be one of each.
/// - A store that is bounded forgets early what ends first, of the same kind, and says so in its log.
/// - Keys are text, values bytes, each as they are; both are secrets.
/// - When it cannot tell, it says so ([`StoreError`]) within about a second, and never guesses: a record that cannot be
///   read is not one that is not there.
///
/// [`store::Memory`](crate::store::Memory) does all this; [`store::redis`](crate::store::redis) is how Redis does.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreOp {
    /// The record under `key`: [`Record`](StoreAnswer::Record).
    Get {
        /// The record's key.
        key: String,
    },
    /// Write `value` if the record's version is still `version` (`None`: if there is no record):
    /// [`Taken`](StoreAnswer::Taken), whether it was. A new record has version 1, and each write raises it by one.
    Put {
        /// The record's key.
        key: String,
        /// What to write.
        value: Vec<u8>,
        /// The version last read.
        version: Option<u64>,
        /// When the record is to be forgotten, in place of what was said before.
        until: UnixTime,
    },
    /// Forget the record and the lease under `key`: [`Taken`](StoreAnswer::Taken), whether there was either.
    Delete {
        /// The record's or the lease's key.
        key: String,
    },
    /// Reserve `key` for this caller until it is deleted or `until` has come: [`Taken`](StoreAnswer::Taken), true if nobody
    /// else holds it. It is not lengthened by asking again.
    Lease {
        /// What is reserved.
        key: String,
        /// When the reservation lapses.
        until: UnixTime,
    },
    /// Use `key` up: [`Taken`](StoreAnswer::Taken), true for the first caller, false for every later one until the first
    /// one's `until`.
    Consume {
        /// What is used up.
        key: String,
        /// When it may be used again.
        until: UnixTime,
    },
    /// Note that sessions matching `key` have ended: [`Taken`](StoreAnswer::Taken), always true. A key that is noted again
    /// comes after every cursor given out so far, and ends at the later of both ends.
    Revoke {
        /// What is revoked.
        key: String,
        /// When it may be forgotten.
        until: UnixTime,
    },
    /// The revocations noted after `cursor` that have not ended: [`Revoked`](StoreAnswer::Revoked).
    ///
    /// Cursors only grow, even where the store has lost its data, or who holds one from before would miss what comes after.
    /// So each revocation is given one more than the last, or the time in milliseconds since the epoch if that is more.
    RevokedSince {
        /// The cursor of the last answer, or zero for all there are.
        cursor: u64,
    },
}

/// The store's answer to a [`StoreOp`].
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreAnswer {
    /// `Get`: the record and its version, if there is one.
    Record(Option<(Vec<u8>, u64)>),
    /// `Put`, `Delete`, `Lease`, `Consume`, `Revoke`: whether it took effect.
    Taken(bool),
    /// `RevokedSince`: the keys in the order in which they were noted, each once, and the cursor to ask with next, which is
    /// never less than the one that was asked with.
    Revoked(Vec<String>, u64),
}

/// The store could not answer. The text is the store's, for logs only, without addresses' passwords, keys and values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreError(pub String);

/// What a driver hands to [`StoreReply::resume`].
pub type StoreResult = Result<StoreAnswer, StoreError>;

type Continue<I, T> = Box<dyn FnOnce(I, UnixTime) -> Step<T> + Send>;

/// The rest of a flow that waits for an HTTP answer.
#[must_use]
pub struct Reply<T>(Continue<FetchResult, T>);

/// The rest of a flow that waits for the store.
#[must_use]
pub struct StoreReply<T>(Continue<StoreResult, T>);

/// The rest of a flow that waits for another flow's fetch.
#[must_use]
pub struct Wake<T>(Continue<(), T>);

impl<T> Reply<T> {
    /// Goes on with the answer.
    pub fn resume(self, result: FetchResult, now: UnixTime) -> Step<T> {
        (self.0)(result, now)
    }
}

impl<T> StoreReply<T> {
    /// Goes on with the store's answer.
    pub fn resume(self, result: StoreResult, now: UnixTime) -> Step<T> {
        (self.0)(result, now)
    }
}

impl<T> Wake<T> {
    /// Goes on after the wait.
    pub fn resume(self, now: UnixTime) -> Step<T> {
        (self.0)((), now)
    }
}

impl<T: Send + 'static> Step<T> {
    /// A fetch, then `next`.
    pub(crate) fn fetch(
        fetch: Fetch,
        next: impl FnOnce(FetchResult, UnixTime) -> Step<T> + Send + 'static,
    ) -> Self {
        Self::Fetch(fetch, Reply(Box::new(next)))
    }

    /// A store operation, then `next`.
    pub(crate) fn store(
        op: StoreOp,
        next: impl FnOnce(StoreResult, UnixTime) -> Step<T> + Send + 'static,
    ) -> Self {
        Self::Store(op, StoreReply(Box::new(next)))
    }

    /// A wait, then `next`.
    pub(crate) fn wait(duration: Duration, next: impl FnOnce(UnixTime) -> Step<T> + Send + 'static) -> Self {
        Self::Wait(duration, Wake(Box::new(move |(), now| next(now))))
    }

    /// This flow, then the one that `next` makes of its whole output.
    pub(crate) fn then<U: Send + 'static>(
        self,
        now: UnixTime,
        next: impl FnOnce(T, UnixTime) -> Step<U> + Send + 'static,
    ) -> Step<U> {
        match self {
            Self::Done(value) => next(value, now),
            Self::Fetch(fetch, reply) => {
                Step::fetch(fetch, move |result, now| reply.resume(result, now).then(now, next))
            }
            Self::Store(op, reply) => {
                Step::store(op, move |result, now| reply.resume(result, now).then(now, next))
            }
            Self::Wait(duration, wake) => Step::wait(duration, move |now| wake.resume(now).then(now, next)),
        }
    }

    /// This flow with its output changed.
    pub(crate) fn map<U: Send + 'static>(
        self,
        now: UnixTime,
        change: impl FnOnce(T) -> U + Send + 'static,
    ) -> Step<U> {
        self.then(now, |value, _| Step::Done(change(value)))
    }
}

impl<T: Send + 'static, E: Send + 'static> Step<Result<T, E>> {
    /// This flow, then `next` if it succeeded; what failed passes on as it is.
    pub(crate) fn and_then<U: Send + 'static>(
        self,
        now: UnixTime,
        next: impl FnOnce(T, UnixTime) -> Step<Result<U, E>> + Send + 'static,
    ) -> Step<Result<U, E>> {
        self.then(now, |result, now| match result {
            Ok(value) => next(value, now),
            Err(error) => Step::Done(Err(error)),
        })
    }
}

/// Shows purpose, method and host: headers, query and body carry secrets.
impl fmt::Debug for Fetch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.request.uri().host().unwrap_or_default();
        write!(f, "Fetch({} {} {host})", self.purpose.name(), self.request.method())
    }
}

/// Shows which operation it is: keys and values are secrets.
impl fmt::Debug for StoreOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Get { .. } => "Get",
            Self::Put { .. } => "Put",
            Self::Delete { .. } => "Delete",
            Self::Lease { .. } => "Lease",
            Self::Consume { .. } => "Consume",
            Self::Revoke { .. } => "Revoke",
            Self::RevokedSince { .. } => "RevokedSince",
        })
    }
}

/// Shows which step it is, not the output.
impl<T> fmt::Debug for Step<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done(_) => f.write_str("Done"),
            Self::Fetch(fetch, _) => fetch.fmt(f),
            Self::Store(op, _) => write!(f, "Store({op:?})"),
            Self::Wait(duration, _) => write!(f, "Wait({duration:?})"),
        }
    }
}
