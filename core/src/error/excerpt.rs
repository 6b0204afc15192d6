//! Text of a peer, made harmless.

use std::fmt;

/// A peer's text, for a message: at most 128 characters, shown quoted and escaped.
#[derive(Clone, PartialEq, Eq)]
pub struct Excerpt(pub(super) String);

impl Excerpt {
    pub(crate) fn of(text: &str) -> Self {
        Self(text.chars().take(128).collect())
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
