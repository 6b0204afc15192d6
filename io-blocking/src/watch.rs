//! Watches over open sockets: one thread for all of a handle's, which tells each when it has to end. There is none while no
//! socket is open.

use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use std::{io, thread};

use oidc_core::sockets::{Ended, Notice, SocketId, Sockets};
use oidc_core::{Error, Identity, Secret};

use crate::Oidc;
use crate::engine::now;

/// The open sockets of a handle and its clones.
#[derive(Default)]
pub(crate) struct Watch {
    state: Mutex<State>,
    /// One was opened, renewed or closed: the next end may be another one.
    changed: Condvar,
}

#[derive(Default)]
struct State {
    sockets: Sockets<Arc<End>>,
    /// The thread runs.
    attended: bool,
}

/// How a socket is told. When it has to end, whoever waits for its next bytes wakes up, and finds why.
pub(crate) struct End {
    near: AtomicBool,
    why: OnceLock<Ended>,
    stream: TcpStream,
}

impl End {
    /// Why the socket has to end, if it has.
    pub(crate) fn why(&self) -> Option<Ended> {
        self.why.get().copied()
    }

    /// Once, that the end is near.
    pub(crate) fn is_near(&self) -> bool {
        self.near.swap(false, Ordering::Relaxed)
    }

    fn tell(&self, notice: Notice) {
        match notice {
            Notice::Ended(why) => {
                let _ = self.why.set(why);
                // Whoever is gone need not be told.
                let _ = self.stream.shutdown(Shutdown::Read);
            }
            _ => self.near.store(true, Ordering::Relaxed),
        }
    }
}

/// The life of one open socket. It leaves the watch when it is dropped.
pub(crate) struct Life {
    oidc: Oidc,
    id: SocketId,
    identity: Identity,
    end: Arc<End>,
}

impl Oidc {
    /// Watches over a socket that this identity has opened.
    pub(crate) fn watch(&self, identity: Identity, stream: &TcpStream) -> io::Result<Life> {
        let (near, why) = (AtomicBool::new(false), OnceLock::new());
        let end = Arc::new(End { near, why, stream: stream.try_clone()? });
        let mut state = self.watch.state();
        if !state.attended {
            let oidc = self.clone();
            thread::Builder::new().name("oidc-sockets".to_owned()).spawn(move || attend(&oidc))?;
            state.attended = true;
        }
        let id = state.sockets.enter(identity.clone(), Arc::clone(&end), now());
        drop(state);
        self.watch.changed.notify_one();
        Ok(Life { oidc: self.clone(), id, identity, end })
    }
}

impl Life {
    pub(crate) fn identity(&self) -> &Identity {
        &self.identity
    }

    pub(crate) fn end(&self) -> &Arc<End> {
        &self.end
    }

    /// How long it will be until there is something to tell.
    pub(crate) fn quiet(&self) -> Duration {
        let next = self.oidc.watch.state().sockets.next_of(self.id);
        next.map(|next| next.saturating_since(now())).unwrap_or_default()
    }

    pub(crate) fn renew(&mut self, token: &Secret) -> Result<(), Error> {
        let renewed = self.oidc.run(|now| self.oidc.guard.renew(&self.identity, token, now));
        if let Some(why) = renewed.as_ref().err().and_then(Ended::of) {
            self.end.tell(Notice::Ended(why));
        }
        let renewed = renewed?;
        if self.oidc.watch.state().sockets.renew(self.id, renewed.clone(), now()) {
            self.identity = renewed;
        }
        self.oidc.watch.changed.notify_one();
        Ok(())
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        self.oidc.watch.state().sockets.leave(self.id);
        self.oidc.watch.changed.notify_one();
    }
}

impl Watch {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until it is time to look, or a socket has changed. False: none is open.
    fn wait(&self) -> bool {
        let mut state = self.state();
        let Some(next) = state.sockets.next(now()) else {
            state.attended = false;
            return false;
        };
        drop(self.changed.wait_timeout(state, next.saturating_since(now())));
        true
    }
}

/// As long as a socket is open.
fn attend(oidc: &Oidc) {
    while oidc.watch.wait() {
        let heeds_sign_outs = oidc.watch.state().sockets.heeds_sign_outs();
        if heeds_sign_outs {
            // What the store cannot tell now, it tells the next time. Its failure is in the log.
            let _ = oidc.run(|now| oidc.guard.learn_endings(now));
        }
        let due = oidc.watch.state().sockets.due(&oidc.guard, now());
        due.into_iter().for_each(|(end, notice)| end.tell(notice));
    }
}
