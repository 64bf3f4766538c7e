//! Chance, where no secret depends on it: pauses that shall differ, uids of a folder.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};

/// Returns a number that differs from process to process and from call to call: the standard library seeds its hasher
/// anew each time.
pub fn number() -> u64 {
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_number_comes_twice_in_a_row() {
        assert_ne!(number(), number());
    }
}
