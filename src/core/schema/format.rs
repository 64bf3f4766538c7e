//! Formats of text, as far as they are checked.

// Addresses only: the crate `core` has no network.
use ::core::net::{Ipv4Addr, Ipv6Addr};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::civil::Date;

/// Whether a text has a format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fit {
    Yes,
    No,
    /// The server checks it and we do not.
    NotChecked,
}

/// Formats that the server checks and that are rare enough to leave to it.
const NOT_CHECKED: [&str; 17] = [
    "bsonobjectid",
    "creditcard",
    "duration",
    "email",
    "hexcolor",
    "hostname",
    "isbn",
    "isbn10",
    "isbn13",
    "k8s-long-name",
    "k8s-short-name",
    "mac",
    "rgbcolor",
    "ssn",
    "uri",
    "uuid3",
    "uuid5",
];

/// Checks a text; a format that nobody knows is met by any.
pub(super) fn fits(format: &str, text: &str) -> Fit {
    let fits = match format {
        "date-time" | "datetime" => is_date_time(text),
        "date" => is_date(text),
        "ipv4" => text.parse::<Ipv4Addr>().is_ok(),
        "ipv6" => text.parse::<Ipv6Addr>().is_ok(),
        "cidr" => is_cidr(text),
        "uuid" => is_uuid(text),
        "byte" => STANDARD.decode(text).is_ok(),
        other if NOT_CHECKED.contains(&other) => return Fit::NotChecked,
        _ => true,
    };
    if fits { Fit::Yes } else { Fit::No }
}

/// `2020-01-31`.
fn is_date(text: &str) -> bool {
    has_shape(text, "dddd-dd-dd") && text.parse::<Date>().is_ok()
}

/// RFC 3339: date, `T`, time with seconds, and a zone.
fn is_date_time(text: &str) -> bool {
    let Some((date, time)) = text.split_once(['T', 't']) else { return false };
    let Some(zone_start) = time.find(['Z', 'z', '+', '-']) else { return false };
    let (time, zone) = time.split_at(zone_start);
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    is_date(date)
        && has_shape(time, "dd:dd:dd")
        && clock_fits(time)
        && !fraction.is_empty()
        && fraction.bytes().all(|byte| byte.is_ascii_digit())
        && (zone.eq_ignore_ascii_case("z") || has_shape(&zone[1..], "dd:dd"))
}

/// Whether hours, minutes and seconds are within their ranges.
fn clock_fits(time: &str) -> bool {
    let parts = time.split(':').map(|part| part.parse::<u8>().unwrap_or(u8::MAX));
    parts.zip([23, 59, 59]).all(|(part, max)| part <= max)
}

fn is_cidr(text: &str) -> bool {
    let Some((address, bits)) = text.split_once('/') else { return false };
    let max = match (address.parse::<Ipv4Addr>(), address.parse::<Ipv6Addr>()) {
        (Ok(_), _) => 32,
        (_, Ok(_)) => 128,
        _ => return false,
    };
    bits.bytes().all(|byte| byte.is_ascii_digit())
        && bits.parse::<u8>().is_ok_and(|bits| bits <= max)
}

fn is_uuid(text: &str) -> bool {
    let hex: Vec<_> = text.bytes().filter(|byte| *byte != b'-').collect();
    let groups: Vec<_> = text.split('-').map(str::len).collect();
    hex.len() == 32
        && hex.iter().all(u8::is_ascii_hexdigit)
        && (groups == [8, 4, 4, 4, 12] || groups == [32])
}

/// Whether a text is as long as `shape` and has a digit wherever that has a `d`.
fn has_shape(text: &str, shape: &str) -> bool {
    text.len() == shape.len()
        && text.bytes().zip(shape.bytes()).all(|(byte, wanted)| match wanted {
            b'd' => byte.is_ascii_digit(),
            other => byte == other,
        })
}
