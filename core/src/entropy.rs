//! Random bytes, given by whoever builds the client: core has no random source.

use crate::error::Error;
use crate::jose::base64url;

/// A cryptographically secure source of random bytes.
///
/// The drivers give the operating system's; tests give a seeded one. Verifying a bearer token draws none.
pub trait EntropySource: Send + Sync {
    /// Fills all of `out`.
    ///
    /// # Errors
    /// [`EntropyFailed`] when not all of `out` could be filled; nothing is then issued.
    fn fill(&self, out: &mut [u8]) -> Result<(), EntropyFailed>;
}

/// The random source could not fill the buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntropyFailed;

/// 256 random bits as 43 characters, which suits `state`, `nonce` and a
/// [PKCE verifier](https://www.rfc-editor.org/rfc/rfc7636#section-4.1).
pub(crate) fn token(source: &dyn EntropySource) -> Result<String, Error> {
    let mut bytes = [0; 32];
    source.fill(&mut bytes).map_err(|EntropyFailed| Error::Entropy)?;
    Ok(base64url::encode(&bytes))
}
