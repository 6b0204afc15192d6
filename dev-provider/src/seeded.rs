//! Values that nobody outside can guess and every run with the same seed repeats.

use sha2::{Digest, Sha256};

use crate::keys::base64url;

pub(crate) struct Seeded {
    seed: u64,
    drawn: u64,
}

impl Seeded {
    pub(crate) fn new(seed: u64) -> Self {
        Seeded { seed, drawn: 0 }
    }

    /// The next value: 32 characters of base64url.
    pub(crate) fn token(&mut self) -> String {
        self.drawn = self.drawn.wrapping_add(1);
        let digest =
            Sha256::new().chain_update(self.seed.to_be_bytes()).chain_update(self.drawn.to_be_bytes());
        base64url(&digest.finalize()[..24])
    }
}
