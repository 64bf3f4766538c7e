//! When what is placed is written again though nothing has changed (contract.md 10.5).

use jiff::{SignedDuration, Timestamp};

use crate::core::hash::md5_hex;

/// Shortest interval that is kept to: a shorter one would be a loop.
const INTERVAL_MIN: i64 = 1;

/// Returns when somebody is written again that was written, or first seen, at `since`; `None` for never.
///
/// Everybody has a time of its own in each interval, by its uid and the clock alone: they are spread over the interval, and who
/// leads next keeps to the same times. One that comes within a tenth of the interval is passed over, so that neither a write
/// nor a restart is followed by another write at once.
pub fn next_rewrite(
    uid: &str,
    interval: Option<SignedDuration>,
    since: Timestamp,
) -> Option<Timestamp> {
    let interval = interval?.as_secs().max(INTERVAL_MIN);
    let number = md5_hex(uid).get(..15).and_then(|hex| i64::from_str_radix(hex, 16).ok());
    let phase = number.unwrap_or(0).checked_rem(interval)?;
    let earliest = since.as_second().checked_add(interval / 10)?;
    let past = earliest.checked_sub(phase)?.rem_euclid(interval);
    Timestamp::from_second(earliest.checked_add(interval - past)?).ok()
}
