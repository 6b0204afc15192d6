//! Watches over open sockets: one task for all of a handle's, which tells each when it has to end. There is none while no
//! socket is open.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use oidc_core::sockets::{Ended, SocketId, Sockets};
use oidc_core::{Error, Identity, Secret};
use tokio::sync::{Notify, oneshot};

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
    sockets: Sockets<oneshot::Sender<Ended>>,
    /// The task runs.
    attended: bool,
}

/// The life of one open socket. It leaves the watch when it is dropped.
pub struct Life {
    oidc: Oidc,
    id: SocketId,
    identity: Identity,
    end: oneshot::Receiver<Ended>,
}

impl Oidc {
    /// Watches over a socket that this identity has opened. To be called on a tokio runtime.
    #[must_use]
    pub fn watch(&self, identity: Identity) -> Life {
        let (tell, end) = oneshot::channel();
        let mut state = self.watch.state();
        let id = state.sockets.enter(identity.clone(), tell);
        if !std::mem::replace(&mut state.attended, true) {
            tokio::spawn(attend(self.clone()));
        }
        drop(state);
        self.watch.changed.notify_one();
        Life { oidc: self.clone(), id, identity, end }
    }
}

impl Life {
    /// Who is there. It changes in its end and its claims by [`renew`](Self::renew), and never in whose it is.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Waits until the socket has to end: to be closed with 1008 and the reason. To be waited for once.
    pub async fn ended(&mut self) -> Ended {
        (&mut self.end).await.unwrap_or(Ended::Expired)
    }

    /// Lets the socket go on by a fresh token of the same subject: see [`Guard::renew`](oidc_core::Guard::renew).
    ///
    /// # Errors
    /// [`Error`] when the token is not good, or somebody else's. The socket then ends when it would have ended anyway.
    pub async fn renew(&mut self, token: &Secret) -> Result<(), Error> {
        let renewed = self.oidc.run(|now| self.oidc.guard.renew(&self.identity, token, now)).await?;
        if self.oidc.watch.state().sockets.renew(self.id, renewed.clone()) {
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
        let ended = oidc.watch.state().sockets.ended(&oidc.guard, now());
        for (tell, ended) in ended {
            // Whoever is gone need not be told.
            let _ = tell.send(ended);
        }
    }
}

fn next(watch: &Arc<Watch>) -> Option<oidc_core::time::UnixTime> {
    let mut state = watch.state();
    let next = state.sockets.next(now());
    state.attended = next.is_some();
    next
}
