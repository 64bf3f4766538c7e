//! Durations as Go writes and reads them: `1h30m`, `1.5s`, `-2m` (contract.md 7.2).

use jiff::SignedDuration;

/// Nanoseconds of each unit. Both micro signs of Unicode are in use.
const UNITS: [(&str, u64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("\u{b5}s", 1_000),
    ("\u{3bc}s", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];
/// Go counts nanoseconds in 64 bits with sign, so that the lowest duration is one longer than the highest.
const NANOS_MAX: u64 = 1 << 63;

/// Why a text is no duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DurationError {
    /// Nothing, or only a sign.
    #[error("it holds no number")]
    Empty,
    /// Something else where a number should start.
    #[error("expected a number, found {found:?}")]
    NotANumber {
        /// What stands there.
        found: String,
    },
    /// A number at the end.
    #[error("the unit is missing after the last number")]
    MissingUnit,
    /// A unit that Go does not know: days, for example.
    #[error("unknown unit {unit:?}")]
    UnknownUnit {
        /// What stands there.
        unit: String,
    },
    /// Over 292 years.
    #[error("it is longer than 2562047h47m16s, the longest duration there is")]
    TooLong,
    /// A time in the past, where one in the future is needed.
    #[error("it is negative, which would start the pipeline again at once and without end")]
    Negative,
}

impl DurationError {
    /// Returns what to write instead.
    pub fn hint(&self) -> String {
        "write the duration like `90s`, `10m` or `1h30m`; the units are ns, us, ms, s, m and h"
            .into()
    }
}

/// Reads a duration exactly as Go's `time.ParseDuration` does, negative ones included.
pub fn parse_go_duration(text: &str) -> Result<SignedDuration, DurationError> {
    let (negative, unsigned) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    if unsigned == "0" {
        return Ok(SignedDuration::ZERO);
    }
    if unsigned.is_empty() {
        return Err(DurationError::Empty);
    }
    let mut nanos = 0_u64;
    let mut rest = unsigned;
    while !rest.is_empty() {
        let (part, after) = part(rest)?;
        nanos = within(nanos.checked_add(part))?;
        rest = after;
    }
    if negative {
        Ok(SignedDuration::from_nanos_i128(-i128::from(nanos)))
    } else if nanos < NANOS_MAX {
        Ok(SignedDuration::from_nanos_i128(i128::from(nanos)))
    } else {
        Err(DurationError::TooLong)
    }
}

/// Reads one number with its unit: its nanoseconds, and the text after it.
fn part(text: &str) -> Result<(u64, &str), DurationError> {
    let (whole, rest) = digits(text);
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(rest) => digits(rest),
        None => ("", rest),
    };
    if whole.is_empty() && fraction.is_empty() {
        return Err(DurationError::NotANumber { found: text.chars().take(20).collect() });
    }
    let (unit, rest) = split_at(rest, |c| c == '.' || c.is_ascii_digit());
    if unit.is_empty() {
        return Err(DurationError::MissingUnit);
    }
    let unit_nanos = UNITS
        .iter()
        .find(|(name, _)| *name == unit)
        .map(|(_, nanos)| *nanos)
        .ok_or_else(|| DurationError::UnknownUnit { unit: unit.chars().take(20).collect() })?;
    let count = if whole.is_empty() {
        0
    } else {
        whole.parse::<u64>().map_err(|_| DurationError::TooLong)?
    };
    let nanos = within(count.checked_mul(unit_nanos))?;
    Ok((within(nanos.checked_add(fraction_nanos(fraction, unit_nanos)))?, rest))
}

/// Returns the nanoseconds of a fraction, cut off as Go does: digits beyond 63 bits do not count.
fn fraction_nanos(digits: &str, unit_nanos: u64) -> u64 {
    let (mut value, mut scale) = (0_u64, 1_f64);
    for digit in digits.bytes().map(|digit| u64::from(digit - b'0')) {
        match value.checked_mul(10).and_then(|tens| tens.checked_add(digit)) {
            Some(more) if more <= NANOS_MAX => value = more,
            _ => break,
        }
        scale *= 10.0;
    }
    // In floating point because Go does so: the result may differ from the exact one by a nanosecond.
    (value as f64 * (unit_nanos as f64 / scale)) as u64
}

/// Returns a sum or product that stays within what Go can hold.
fn within(nanos: Option<u64>) -> Result<u64, DurationError> {
    nanos.filter(|nanos| *nanos <= NANOS_MAX).ok_or(DurationError::TooLong)
}

/// Splits off the leading ASCII digits.
fn digits(text: &str) -> (&str, &str) {
    split_at(text, |c| !c.is_ascii_digit())
}

/// Splits before the first character that `ends` says yes to.
fn split_at(text: &str, ends: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(ends).unwrap_or(text.len()))
}

/// Writes a duration as Go does: `10h0m0s`, `1m0.5s`, `1.5ms`, `0s`.
pub fn format_go_duration(duration: SignedDuration) -> String {
    let nanos = duration.as_nanos();
    let sign = if nanos < 0 { "-" } else { "" };
    let nanos = nanos.unsigned_abs();
    let text = match nanos {
        0 => "0s".to_owned(),
        1..1_000 => format!("{nanos}ns"),
        1_000..1_000_000 => format!("{}\u{b5}s", decimal(nanos, 1_000)),
        1_000_000..1_000_000_000 => format!("{}ms", decimal(nanos, 1_000_000)),
        _ => {
            let minutes = nanos / 60_000_000_000;
            let seconds = decimal(nanos % 60_000_000_000, 1_000_000_000);
            match (minutes / 60, minutes % 60) {
                (0, 0) => format!("{seconds}s"),
                (0, minutes) => format!("{minutes}m{seconds}s"),
                (hours, minutes) => format!("{hours}h{minutes}m{seconds}s"),
            }
        }
    };
    format!("{sign}{text}")
}

/// Returns `value / unit` as a decimal without zeros at its end; `unit` is a power of ten.
fn decimal(value: u128, unit: u128) -> String {
    let width = unit.ilog10() as usize;
    let text = format!("{}.{:0width$}", value / unit, value % unit);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
