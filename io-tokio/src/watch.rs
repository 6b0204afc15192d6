//! Watches over open sockets: one task for all of a handle's, which tells each when it has to end. There is none while no
//! socket is open.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use oidc_core::sockets::{Ended, Notice, SocketId, Sockets};
use oidc_core::{Error, Identity, Secret};
use tokio::sync::Notify;

use crate::Oidc;
use crate::engine::now;

/// The open sockets of a handle and its clones.
#[derive(Default)]
pub(crate) struct Watch {
    state: Mutex<State>,
    /// One was opened or renewed: its end may be the next.
    changed: Notify,
}

#[derive(Default)]
struct State {
    sockets: Sockets<Arc<Bell>>,
    /// The task runs.
    attended: bool,
}

/// How a socket is told.
#[derive(Default)]
struct Bell {
    /// What it has not yet heard. That it has ended stays.
    notice: Mutex<Option<Notice>>,
    rung: Notify,
}

impl Bell {
    fn ring(&self, notice: Notice) {
        *self.notice.lock().unwrap_or_else(PoisonError::into_inner) = Some(notice);
        self.rung.notify_one();
    }

    fn heard(&self) -> Option<Notice> {
        let mut notice = self.notice.lock().unwrap_or_else(PoisonError::into_inner);
        notice.take_if(|notice| *notice == Notice::Expiring).or(*notice)
    }
}

/// The life of one open socket. It leaves the watch when it is dropped.
pub struct Life {
    oidc: Oidc,
    id: SocketId,
    identity: Identity,
    bell: Arc<Bell>,
}

impl Oidc {
    /// Watches over a socket that this identity has opened. To be called on a tokio runtime.
    #[must_use]
    pub fn watch(&self, identity: Identity) -> Life {
        let bell = Arc::<Bell>::default();
        let mut state = self.watch.state();
        let id = state.sockets.enter(identity.clone(), Arc::clone(&bell), now());
        if !std::mem::replace(&mut state.attended, true) {
            tokio::spawn(attend(self.clone()));
        }
        drop(state);
        self.watch.changed.notify_one();
        Life { oidc: self.clone(), id, identity, bell }
    }
}

impl Life {
    /// Who is there. It changes in its end and its claims by [`renew`](Self::renew), and never in whose it is.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Waits for what becomes of the socket: that its end is near, and then that it has to be closed, with 1008 and the
    /// reason. Whoever stops waiting misses nothing.
    pub async fn notice(&mut self) -> Notice {
        loop {
            if let Some(notice) = self.bell.heard() {
                return notice;
            }
            self.bell.rung.notified().await;
        }
    }

    /// Waits until the socket has to be closed.
    pub async fn ended(&mut self) -> Ended {
        loop {
            if let Notice::Ended(why) = self.notice().await {
                return why;
            }
        }
    }

    /// Lets the socket go on by a fresh token of the same subject: see [`Guard::renew`](oidc_core::Guard::renew).
    ///
    /// # Errors
    /// [`Error`] when the token is not good: the socket then ends when it would have ended anyway; or somebody else's: it has
    /// to be closed now.
    pub async fn renew(&mut self, token: &Secret) -> Result<(), Error> {
        let renewed = self.oidc.run(|now| self.oidc.guard.renew(&self.identity, token, now)).await;
        if let Some(why) = renewed.as_ref().err().and_then(Ended::of) {
            self.bell.ring(Notice::Ended(why));
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
}

/// As long as a socket is open.
async fn attend(oidc: Oidc) {
    while let Some(next) = next(&oidc.watch) {
        tokio::select! {
            () = tokio::time::sleep(next.saturating_since(now())) => {}
            () = oidc.watch.changed.notified() => {}
        }
        let heeds_sign_outs = oidc.watch.state().sockets.heeds_sign_outs();
        if heeds_sign_outs {
            // What the store cannot tell now, it tells the next time. Its failure is in the log.
            let _ = oidc.run(|now| oidc.guard.learn_endings(now)).await;
        }
        let due = oidc.watch.state().sockets.due(&oidc.guard, now());
        due.into_iter().for_each(|(bell, notice)| bell.ring(notice));
    }
}

fn next(watch: &Arc<Watch>) -> Option<oidc_core::time::UnixTime> {
    let mut state = watch.state();
    let next = state.sockets.next(now());
    state.attended = next.is_some();
    next
}
