//! What is different on purpose from what Kratix's manager does, and why.
//!
//! A place is `case step Kind/namespace/name/path`, or `case step Event/type reason Kind/namespace/name: text`; `*`
//! stands for anything. A place that comes up no more has to go: the test says so.

/// A reason, and where it shows.
pub(super) struct Ruling {
    pub(super) because: &'static str,
    pub(super) places: &'static [&'static str],
}

pub(super) const RULINGS: &[Ruling] = &[];
