//! Renewal of metadata and keys in the background.

use tokio::task::JoinHandle;

use crate::Oidc;
use crate::engine::now;

/// A task that ends with the value.
pub(crate) struct Renewal(JoinHandle<()>);

impl Renewal {
    /// Renews metadata and keys in the background, ahead of their expiry.
    pub(crate) fn start(oidc: Oidc) -> Self {
        Self(tokio::spawn(async move {
            loop {
                let (renewed, next) = oidc.carry_out(oidc.guard.renew_keys(now()), false).await;
                if let Err(error) = renewed {
                    tracing::warn!(code = error.code(), %error, "keys could not be renewed");
                }
                tokio::time::sleep(next.saturating_since(now())).await;
            }
        }))
    }
}

impl Drop for Renewal {
    fn drop(&mut self) {
        self.0.abort();
    }
}
