//! Renewal of metadata and keys in the background.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;

use crate::Oidc;
use crate::engine::now;

/// Renews metadata and keys on a thread of its own, ahead of their expiry, as long as the returned value lives.
pub(crate) fn renew_in_background(oidc: Oidc) -> Result<Sender<()>, std::io::Error> {
    let (alive, ended) = mpsc::channel();
    thread::Builder::new().name("oidc-renewal".to_owned()).spawn(move || {
        loop {
            let (renewed, next) = oidc.run(|now| oidc.guard.renew_keys(now));
            if let Err(error) = renewed {
                tracing::warn!(code = error.code(), %error, "keys could not be renewed");
            }
            if ended.recv_timeout(next.saturating_since(now())) != Err(RecvTimeoutError::Timeout) {
                return;
            }
        }
    })?;
    Ok(alive)
}
