//! The open sockets of a process, and when each has to end: by one clock and one look at what has ended, however many there
//! are.
//!
//! A driver enters each socket with a way to tell it, asks [`next`](Sockets::next) when to look, and tells those that
//! [`ended`](Sockets::ended) gives out.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use crate::guard::{Guard, Identity};
use crate::time::UnixTime;

/// How soon a sign-out is seen that was told to this process or to the store.
const LOOK: Duration = Duration::from_millis(500);

/// Sockets, each with a way to tell it that it has to end.
pub struct Sockets<T> {
    open: HashMap<u64, (Identity, T)>,
    by_end: BTreeSet<(UnixTime, u64)>,
    /// How many of them are by a session, which a sign-out may end.
    by_session: usize,
    entered: u64,
    /// Those that nobody has looked at yet: one may have ended between its admission and its entry.
    unseen: Vec<u64>,
    /// How much had ended when it was last looked at.
    looked_at: u64,
}

/// The name of an open socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SocketId(u64);

/// Why a socket ends: with code 1008, since its policy is violated
/// ([RFC 6455 section 7.4.1](https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Ended {
    /// Token or session have reached their end.
    Expired,
    /// The session was ended here or by the provider.
    SignedOut,
}

impl Ended {
    /// The reason to close with.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::SignedOut => "signed_out",
        }
    }
}

impl<T> Default for Sockets<T> {
    fn default() -> Self {
        Self {
            open: HashMap::new(),
            by_end: BTreeSet::new(),
            by_session: 0,
            entered: 0,
            unseen: Vec::new(),
            looked_at: 0,
        }
    }
}

impl<T> Sockets<T> {
    /// A socket was opened by this identity.
    pub fn enter(&mut self, identity: Identity, tell: T) -> SocketId {
        self.entered = self.entered.wrapping_add(1);
        self.unseen.push(self.entered);
        self.insert(self.entered, identity, tell);
        SocketId(self.entered)
    }

    /// The identity of a socket was renewed. One that has ended stays so.
    pub fn renew(&mut self, id: SocketId, identity: Identity) -> bool {
        let Some((_, tell)) = self.remove(id.0) else { return false };
        self.insert(id.0, identity, tell);
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

    /// When to look again: at the next end, and twice a second while sign-outs matter. `None` while no socket is open.
    #[must_use]
    pub fn next(&self, now: UnixTime) -> Option<UnixTime> {
        let end = self.by_end.first().map(|(end, _)| *end)?;
        let look = if self.by_session > 0 { now.saturating_add(LOOK) } else { UnixTime::END };
        Some(end.min(look))
    }

    /// Whether a look at the store is worth while: see [`Guard::learn_endings`].
    #[must_use]
    pub fn heeds_sign_outs(&self) -> bool {
        self.by_session > 0
    }

    /// Those that have to end now, which are then gone from here.
    pub fn ended(&mut self, guard: &Guard, now: UnixTime) -> Vec<(T, Ended)> {
        let mut ended = Vec::new();
        while let Some((_, id)) = self.by_end.first().copied().filter(|(end, _)| *end <= now) {
            ended.extend(self.remove(id).map(|(_, tell)| (tell, Ended::Expired)));
        }
        for id in self.signed_out(guard) {
            ended.extend(self.remove(id).map(|(_, tell)| (tell, Ended::SignedOut)));
        }
        ended
    }

    /// Among those that nobody has looked at, and among all if anything has ended since.
    fn signed_out(&mut self, guard: &Guard) -> Vec<u64> {
        let (unseen, endings) = (std::mem::take(&mut self.unseen), guard.endings());
        let has_ended = |id: &u64| self.open.get(id).is_some_and(|(identity, _)| guard.has_ended(identity));
        if self.looked_at == endings {
            return unseen.into_iter().filter(has_ended).collect();
        }
        self.looked_at = endings;
        self.open.keys().copied().filter(has_ended).collect()
    }

    fn insert(&mut self, id: u64, identity: Identity, tell: T) {
        self.by_end.insert((identity.expires_at(), id));
        self.by_session = self.by_session.saturating_add(usize::from(identity.session().is_some()));
        self.open.insert(id, (identity, tell));
    }

    fn remove(&mut self, id: u64) -> Option<(Identity, T)> {
        let (identity, tell) = self.open.remove(&id)?;
        self.by_end.remove(&(identity.expires_at(), id));
        self.by_session = self.by_session.saturating_sub(usize::from(identity.session().is_some()));
        Some((identity, tell))
    }
}
