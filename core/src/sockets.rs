//! The open sockets of a process, and when each has to end: by one clock and one look at what has ended, however many there
//! are.
//!
//! A driver enters each socket with a way to tell it, asks [`next`](Sockets::next) when to look, and tells those that
//! [`due`](Sockets::due) gives out.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use crate::error::{Error, RequestError};
use crate::guard::{Guard, Identity};
use crate::time::UnixTime;

/// How soon a sign-out is seen that was told to this process or to the store, and a key that is gone.
const LOOK: Duration = Duration::from_millis(500);
/// How long before its end a socket is told of it, or for how much of a short life.
const WARNING: Duration = Duration::from_secs(30);
const WARNING_PART: u32 = 3;

/// Sockets, each with a way to tell it what becomes of it.
pub struct Sockets<T> {
    open: HashMap<u64, Open<T>>,
    by_time: BTreeSet<(UnixTime, u64)>,
    /// How many of them are by a session, which a sign-out may end, and by a token that ends with its key.
    by_session: usize,
    by_key: usize,
    entered: u64,
    /// Those that nobody has looked at yet: one may have ended between its admission and its entry.
    unseen: Vec<u64>,
    /// How much had ended, and when each provider's keys had been asked for, when it was last looked at.
    looked_at: (u64, Vec<Option<UnixTime>>),
}

struct Open<T> {
    identity: Identity,
    tell: T,
    /// When there is something to tell it: that its end is near, and then its end.
    next: UnixTime,
}

/// The name of an open socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SocketId(u64);

/// What a socket is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Notice {
    /// It ends in 30 seconds, or in the last third of a life that is shorter than 90: a fresh token lets it go on (see
    /// [`Guard::renew`]).
    Expiring,
    /// It has to be closed now.
    Ended(Ended),
}

/// Why a socket ends: with code 1008, since its policy is violated
/// ([RFC 6455 section 7.4.1](https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Ended {
    /// Token or session have reached their end.
    Expired,
    /// The session was ended here or by the provider.
    SignedOut,
    /// The provider no longer publishes the token's key: see
    /// [`sockets_end_with_key`](crate::config::ConfigBuilder::sockets_end_with_key).
    KeyWithdrawn,
    /// Somebody else's token was sent to renew it.
    SubjectMismatch,
}

impl Ended {
    /// Why a socket ends on which [`Guard::renew`] has come to this. `None`: it goes on as before.
    #[must_use]
    pub fn of(error: &Error) -> Option<Self> {
        matches!(error, Error::Request(RequestError::OtherSubject)).then_some(Self::SubjectMismatch)
    }

    /// The reason to close with.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::SignedOut => "signed_out",
            Self::KeyWithdrawn => "key_withdrawn",
            Self::SubjectMismatch => "subject_mismatch",
        }
    }
}

impl<T> Default for Sockets<T> {
    fn default() -> Self {
        Self {
            open: HashMap::new(),
            by_time: BTreeSet::new(),
            by_session: 0,
            by_key: 0,
            entered: 0,
            unseen: Vec::new(),
            looked_at: (0, Vec::new()),
        }
    }
}

impl<T: Clone> Sockets<T> {
    /// A socket was opened by this identity.
    pub fn enter(&mut self, identity: Identity, tell: T, now: UnixTime) -> SocketId {
        self.entered = self.entered.wrapping_add(1);
        self.insert(self.entered, identity, tell, now);
        SocketId(self.entered)
    }

    /// The identity of a socket was renewed. One that has ended stays so.
    pub fn renew(&mut self, id: SocketId, identity: Identity, now: UnixTime) -> bool {
        let Some(Open { tell, .. }) = self.remove(id.0) else { return false };
        self.insert(id.0, identity, tell, now);
        true
    }

    /// A socket was closed.
    pub fn leave(&mut self, id: SocketId) {
        self.remove(id.0);
    }

    /// How many are open.
    #[must_use]
    pub fn len(&self) -> usize {
        self.open.len()
    }

    /// None is open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// When to look again: at the next time that one is to be told something, and twice a second while sign-outs or keys
    /// matter. `None` while no socket is open.
    #[must_use]
    pub fn next(&self, now: UnixTime) -> Option<UnixTime> {
        let next = self.by_time.first().map(|(next, _)| *next)?;
        let looks = self.by_session > 0 || self.by_key > 0;
        Some(if looks { next.min(now.saturating_add(LOOK)) } else { next })
    }

    /// When this one is next to be told something. `None` if it has ended.
    #[must_use]
    pub fn next_of(&self, id: SocketId) -> Option<UnixTime> {
        self.open.get(&id.0).map(|open| open.next)
    }

    /// Whether a look at the store is worth while: see [`Guard::learn_endings`].
    #[must_use]
    pub fn heeds_sign_outs(&self) -> bool {
        self.by_session > 0
    }

    /// Those that are to be told something now. Whichever has ended is then gone from here.
    pub fn due(&mut self, guard: &Guard, now: UnixTime) -> Vec<(T, Notice)> {
        let mut due = Vec::new();
        for (id, why) in self.lost(guard, now) {
            due.extend(self.remove(id).map(|open| (open.tell, Notice::Ended(why))));
        }
        while let Some((_, id)) = self.by_time.first().copied().filter(|(next, _)| *next <= now) {
            let Some(open) = self.remove(id) else { break };
            let end = open.identity.expires_at();
            if end <= now {
                due.push((open.tell, Notice::Ended(Ended::Expired)));
            } else {
                due.push((open.tell.clone(), Notice::Expiring));
                self.put(id, Open { next: end, ..open });
            }
        }
        due
    }

    /// Those that end before their time: among those that nobody has looked at, and among all if anything has changed.
    fn lost(&mut self, guard: &Guard, now: UnixTime) -> Vec<(u64, Ended)> {
        let before = |at| self.looked_at.1.get(at).copied().flatten();
        let asked = guard.keys_asked_for(now).enumerate().map(|(at, asked)| asked.or_else(|| before(at)));
        let changes = (guard.endings(), asked.collect());
        let unseen = std::mem::take(&mut self.unseen);
        let lost = |id: u64| {
            let identity = &self.open.get(&id)?.identity;
            if guard.has_ended(identity) {
                return Some((id, Ended::SignedOut));
            }
            guard.has_lost_its_key(identity, now).then_some((id, Ended::KeyWithdrawn))
        };
        if self.looked_at == changes {
            return unseen.into_iter().filter_map(lost).collect();
        }
        self.looked_at = changes;
        self.open.keys().copied().filter_map(lost).collect()
    }

    fn insert(&mut self, id: u64, identity: Identity, tell: T, now: UnixTime) {
        let end = identity.expires_at();
        let part = end.saturating_since(now).checked_div(WARNING_PART).unwrap_or_default();
        let warning = WARNING.min(part);
        self.unseen.push(id);
        self.put(id, Open { identity, tell, next: end.saturating_sub(warning) });
    }

    fn put(&mut self, id: u64, open: Open<T>) {
        self.by_time.insert((open.next, id));
        self.by_session = self.by_session.saturating_add(usize::from(open.identity.session().is_some()));
        self.by_key = self.by_key.saturating_add(usize::from(open.identity.ends_with_key()));
        self.open.insert(id, open);
    }

    fn remove(&mut self, id: u64) -> Option<Open<T>> {
        let open = self.open.remove(&id)?;
        self.by_time.remove(&(open.next, id));
        self.by_session = self.by_session.saturating_sub(usize::from(open.identity.session().is_some()));
        self.by_key = self.by_key.saturating_sub(usize::from(open.identity.ends_with_key()));
        Some(open)
    }
}
