//! A text that is used and never shown.

use std::fmt;
use std::sync::Arc;

/// A password, key or token.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<str>);

impl Secret {
    /// Takes a text, without space and line breaks at its ends: editors and `echo` leave them there.
    pub fn new(text: &str) -> Self {
        Self(text.trim().into())
    }

    /// Returns the text, to be used and not kept.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}
