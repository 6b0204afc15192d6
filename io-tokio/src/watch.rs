//! Watches over open sockets: one task for all of a handle's, which tells each what becomes of it. There is none while no
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
    sockets: Sockets<Arc<dyn Tell>>,
    /// The task runs.
    attended: bool,
}

/// How a socket is told.
pub(crate) trait Tell: Send + Sync {
    fn tell(&self, notice: Notice);
}

/// The place of an open socket in the watch, which it leaves when it is dropped.
pub(crate) struct Seat {
    oidc: Oidc,
    id: SocketId,
    identity: Mutex<Identity>,
    tell: Arc<dyn Tell>,
}

/// The life of one open socket. It leaves the watch when it is dropped.
pub struct Life {
    seat: Seat,
    bell: Arc<Bell>,
}

/// Tells whoever waits.
#[derive(Default)]
struct Bell {
    /// What has not been heard yet. That it has ended stays.
    notice: Mutex<Option<Notice>>,
    rung: Notify,
}

impl Oidc {
    /// Watches over a socket that this identity has opened. To be called on a tokio runtime.
    #[must_use]
    pub fn watch(&self, identity: Identity) -> Life {
        let bell = Arc::<Bell>::default();
        Life { seat: self.seat(identity, Arc::clone(&bell) as _), bell }
    }

    pub(crate) fn seat(&self, identity: Identity, tell: Arc<dyn Tell>) -> Seat {
        let mut state = self.watch.state();
        let id = state.sockets.enter(identity.clone(), Arc::clone(&tell), now());
        if !state.attended {
            tokio::spawn(attend(self.clone()));
            state.attended = true;
        }
        drop(state);
        self.watch.changed.notify_one();
        Seat { oidc: self.clone(), id, identity: Mutex::new(identity), tell }
    }
}

impl Life {
    /// Who is there. It changes in its end and its claims by [`renew`](Self::renew), and never in whose it is.
    #[must_use]
    pub fn identity(&self) -> Identity {
        self.seat.identity()
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

    /// Waits until the socket has to be closed. What else there is to hear stays for [`notice`](Self::notice).
    pub async fn ended(&mut self) -> Ended {
        loop {
            if let Some(Notice::Ended(why)) = *self.bell.notice() {
                return why;
            }
            self.bell.rung.notified().await;
        }
    }

    /// Lets the socket go on by a fresh token of the same subject: see [`Guard::renew`](oidc_core::Guard::renew).
    ///
    /// # Errors
    /// [`Error`] when the token is not good: the socket then ends when it would have ended anyway; or somebody else's: it has
    /// to be closed now.
    pub async fn renew(&self, token: &Secret) -> Result<(), Error> {
        self.seat.renew(token).await
    }
}

impl Seat {
    pub(crate) fn identity(&self) -> Identity {
        self.identity.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) async fn renew(&self, token: &Secret) -> Result<(), Error> {
        let present = self.identity();
        let renewed = self.oidc.run(|now| self.oidc.guard.renew(&present, token, now)).await;
        if let Some(why) = renewed.as_ref().err().and_then(Ended::of) {
            self.tell.tell(Notice::Ended(why));
        }
        let renewed = renewed?;
        if self.oidc.watch.state().sockets.renew(self.id, renewed.clone(), now()) {
            *self.identity.lock().unwrap_or_else(PoisonError::into_inner) = renewed;
        }
        self.oidc.watch.changed.notify_one();
        Ok(())
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.oidc.watch.state().sockets.leave(self.id);
        self.oidc.watch.changed.notify_one();
    }
}

impl Tell for Bell {
    fn tell(&self, notice: Notice) {
        // After the end nothing else is to be said.
        self.notice().take_if(|before| !matches!(before, Notice::Ended(_)));
        self.notice().get_or_insert(notice);
        self.rung.notify_one();
    }
}

impl Bell {
    fn notice(&self) -> MutexGuard<'_, Option<Notice>> {
        self.notice.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn heard(&self) -> Option<Notice> {
        let mut notice = self.notice();
        notice.take_if(|notice| *notice == Notice::Expiring).or(*notice)
    }
}

impl Watch {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// That somebody attends, until this is dropped. Whoever opens a socket after that sees to it anew.
struct Attendance(Arc<Watch>);

impl Drop for Attendance {
    fn drop(&mut self) {
        let mut state = self.0.state();
        if !state.sockets.is_empty() {
            tracing::error!(
                "nobody watches over the open sockets: the task has been dropped, or has panicked"
            );
        }
        state.attended = false;
    }
}

/// As long as a socket is open.
async fn attend(oidc: Oidc) {
    let attendance = Attendance(Arc::clone(&oidc.watch));
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
        due.into_iter().for_each(|(socket, notice)| socket.tell(notice));
    }
    // It has said so itself, under the lock; another may attend by now.
    std::mem::forget(attendance);
}

fn next(watch: &Arc<Watch>) -> Option<oidc_core::time::UnixTime> {
    let mut state = watch.state();
    let next = state.sockets.next(now());
    state.attended = next.is_some();
    next
}

#[cfg(test)]
mod tests {
    use super::*;
    use oidc_core::Config;

    /// A life that nobody but the test rings.
    fn life() -> Life {
        let mut provider = oidc_dev_provider::DevProvider::new("https://op.example");
        let request = oidc_dev_provider::AccessTokenRequest::default();
        let token = provider.access_token(request, now().as_secs());
        let config = Config::resource_server("https://op.example", "demo-client");
        let oidc = crate::Builder::new(config.static_keys(&provider.jwks().to_string())).build().unwrap();
        let presented = Some((&Secret::new(token), oidc_core::guard::Source::Message));
        let (method, headers) = (http::Method::GET, http::HeaderMap::new());
        let incoming =
            oidc_core::Incoming { method: &method, target: "/", headers: &headers, body: None, presented };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let admitted = runtime.block_on(oidc.admit_socket(incoming, None));
        let oidc_core::Verdict::Allow { identity: Some(identity), .. } = admitted else {
            panic!("it is good")
        };
        oidc.watch.state().attended = true;
        oidc.watch(identity)
    }

    #[test]
    fn who_waits_for_the_end_leaves_the_warning_to_others() {
        use std::future::Future as _;
        use std::pin::pin;
        use std::task::{Context, Poll, Waker};

        let mut life = life();
        let bell = Arc::clone(&life.bell);
        let context = &mut Context::from_waker(Waker::noop());
        {
            let mut ended = pin!(life.ended());
            assert_eq!(ended.as_mut().poll(context), Poll::Pending);
            bell.tell(Notice::Expiring);
            assert_eq!(ended.as_mut().poll(context), Poll::Pending);
        }
        assert_eq!(pin!(life.notice()).poll(context), Poll::Ready(Notice::Expiring));
        assert_eq!(pin!(life.notice()).poll(context), Poll::Pending, "once");
        bell.tell(Notice::Ended(Ended::Expired));
        bell.tell(Notice::Expiring);
        for _ in 0..2 {
            assert_eq!(pin!(life.ended()).poll(context), Poll::Ready(Ended::Expired));
            assert_eq!(pin!(life.notice()).poll(context), Poll::Ready(Notice::Ended(Ended::Expired)));
        }
    }
}
