//! Text of a peer, made harmless.

use std::fmt;

/// A peer's text, for a message: at most 128 characters, shown quoted and escaped in at most 512.
#[derive(Clone, PartialEq, Eq)]
pub struct Excerpt(pub(super) String);

/// The most characters shown of it: an escape can take ten for one.
const LONGEST: usize = 512;

impl Excerpt {
    pub(crate) fn of(text: &str) -> Self {
        let mut room = LONGEST;
        let fits = |char: &char| {
            let shown = char.escape_default().count();
            let fits = shown <= room;
            room = room.saturating_sub(shown);
            fits
        };
        Self(text.chars().take(128).take_while(fits).collect())
    }

    /// Whether it is exactly this text.
    #[must_use]
    pub fn is(&self, text: &str) -> bool {
        self.0 == text
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_default())
    }
}

impl fmt::Debug for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
