//! Intervals as Go writes and reads them: `10h`, `1h30m`, `1.5s` (contract.md 6.2, 7.2).

use std::fmt::Write as _;

use jiff::SignedDuration;

/// Units by length in nanoseconds. Both micro signs are read.
const UNITS: [(&str, u64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// Reads a Go duration; `None` when it is none or longer than 64 bits of nanoseconds.
pub fn parse_interval(text: &str) -> Option<SignedDuration> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(SignedDuration::ZERO);
    }
    let mut total: i128 = 0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let number_end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, tail) = rest.split_at(number_end);
        let unit_end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_end);
        let (_, unit_ns) = UNITS.iter().find(|(name, _)| *name == unit)?;
        total = total.checked_add(amount_ns(number, *unit_ns)?)?;
        rest = tail;
    }
    let total = i64::try_from(if negative { -total } else { total }).ok()?;
    Some(SignedDuration::from_nanos(total))
}

/// Returns `number` units in nanoseconds; what is smaller than one is cut off, as in Go.
fn amount_ns(number: &str, unit_ns: u64) -> Option<i128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
        return None;
    }
    let whole: i128 = if whole.is_empty() { 0 } else { whole.parse::<i64>().ok()?.into() };
    let mut part: i128 = 0;
    let mut scale: i128 = 1;
    // No unit has more than 13 places in nanoseconds; 18 stay within the type.
    for digit in fraction.bytes().take(18) {
        part = part * 10 + i128::from(digit - b'0');
        scale *= 10;
    }
    let unit = i128::from(unit_ns);
    whole.checked_mul(unit)?.checked_add(part * unit / scale)
}

/// Writes a duration as Go does: `10h0m0s`, `1m30s`, `1.5s`, `100ms`, `0s`.
pub fn format_interval(interval: SignedDuration) -> String {
    let ns = interval.as_nanos().unsigned_abs();
    let sign = if interval.is_negative() { "-" } else { "" };
    let mut text = sign.to_owned();
    if ns < 1_000_000_000 {
        let (unit, unit_ns) = match ns {
            0 => return "0s".into(),
            1..1_000 => ("ns", 1),
            1_000..1_000_000 => ("µs", 1_000),
            _ => ("ms", 1_000_000),
        };
        text.push_str(&decimal(ns, unit_ns));
        text.push_str(unit);
        return text;
    }
    let (hours, minutes) = (ns / 3_600_000_000_000, ns / 60_000_000_000 % 60);
    if hours > 0 {
        let _ = write!(text, "{hours}h");
    }
    if hours > 0 || minutes > 0 {
        let _ = write!(text, "{minutes}m");
    }
    let _ = write!(text, "{}s", decimal(ns % 60_000_000_000, 1_000_000_000));
    text
}

/// Writes `ns` in units of `unit_ns`, a power of ten, without trailing zeros.
fn decimal(ns: u128, unit_ns: u128) -> String {
    let (whole, part) = (ns / unit_ns, ns % unit_ns);
    if part == 0 {
        return whole.to_string();
    }
    let places = unit_ns.ilog10() as usize;
    format!("{whole}.{}", format!("{part:0places$}").trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_written_as_go_writes_them() {
        for (text, written) in [
            ("10h", "10h0m0s"),
            ("600m", "10h0m0s"),
            ("90s", "1m30s"),
            ("60m", "1h0m0s"),
            ("1m", "1m0s"),
            ("1500ms", "1.5s"),
            ("1.5h", "1h30m0s"),
            ("100ms", "100ms"),
            ("1.5ms", "1.5ms"),
            ("2us", "2µs"),
            ("2µs", "2µs"),
            ("7ns", "7ns"),
            ("0", "0s"),
            ("-1.5s", "-1.5s"),
            ("+.5s", "500ms"),
            ("1.s", "1s"),
            ("1h1s", "1h0m1s"),
            ("0.9999999999s", "999.999999ms"),
            ("2562047h47m16.854775807s", "2562047h47m16.854775807s"),
        ] {
            let interval = parse_interval(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(format_interval(interval), written, "{text}");
        }
    }

    #[test]
    fn what_is_no_interval_is_refused() {
        for text in [
            "",
            "10",
            "1d",
            "5 m",
            "m",
            ".s",
            "1..5s",
            "--1s",
            "1h-5m",
            "1 s",
            "-",
            "9e9s",
            "2562048h",
            "99999999999999999999h",
            "1ä",
        ] {
            assert_eq!(parse_interval(text), None, "{text}");
        }
    }
}
