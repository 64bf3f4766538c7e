//! Tables over the workflow control file and Go's durations.

use super::*;

fn map(entries: &[(&str, Node)]) -> Node {
    Node::Map(entries.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect())
}

fn text(value: &str) -> Node {
    Node::Text(value.to_owned())
}

#[test]
fn durations_are_read_as_go_reads_them() {
    const SECOND: i128 = 1_000_000_000;
    for (text, nanos) in [
        ("0", 0),
        ("-0", 0),
        ("+0", 0),
        ("0s", 0),
        ("100ns", 100),
        ("300us", 300_000),
        ("300\u{b5}s", 300_000),
        ("300\u{3bc}s", 300_000),
        ("500ms", SECOND / 2),
        ("90s", 90 * SECOND),
        ("+90s", 90 * SECOND),
        ("00005m", 300 * SECOND),
        ("1m1m", 120 * SECOND),
        ("1s1h", 3601 * SECOND),
        ("1h30m", 5400 * SECOND),
        ("1.5h", 5400 * SECOND),
        ("1.h", 3600 * SECOND),
        (".5h", 1800 * SECOND),
        ("-.5h", -1800 * SECOND),
        ("1.000000000000001h", 3600 * SECOND),
        ("0.3333333333333333333h", 1_200_000_000_000),
        ("0.100000000000000000000h", 360 * SECOND),
        ("0.9223372036854775807h", 3_320_413_933_267),
        ("9223372036s", 9_223_372_036 * SECOND),
        ("9223372036.854775807s", i128::from(i64::MAX)),
        ("-9223372036.854775808s", i128::from(i64::MIN)),
        ("-9223372036854775808ns", i128::from(i64::MIN)),
        ("9223372036854775807ns", i128::from(i64::MAX)),
    ] {
        assert_eq!(parse_go_duration(text).unwrap().as_nanos(), nanos, "{text}");
    }
}

#[test]
fn what_go_refuses_is_refused_with_a_reason() {
    use DurationError::*;
    let not_a_number = |found: &str| NotANumber { found: found.into() };
    let unknown = |unit: &str| UnknownUnit { unit: unit.into() };
    for (text, expected) in [
        ("", Empty),
        ("+", Empty),
        ("-", Empty),
        (".", not_a_number(".")),
        (".s", not_a_number(".s")),
        ("whale", not_a_number("whale")),
        ("PT5M", not_a_number("PT5M")),
        ("--5m", not_a_number("-5m")),
        (" 5m", not_a_number(" 5m")),
        ("\u{ff11}m", not_a_number("\u{ff11}m")),
        ("10", MissingUnit),
        ("1h30", MissingUnit),
        ("1.5.5s", MissingUnit),
        ("5 m", unknown(" m")),
        ("5m ", unknown("m ")),
        ("5M", unknown("M")),
        ("5min", unknown("min")),
        ("1d", unknown("d")),
        ("1e3s", unknown("e")),
        ("0x5m", unknown("x")),
        ("1_000s", unknown("_")),
        ("5,5m", unknown(",")),
        ("1:30", unknown(":")),
        ("5m-5m", unknown("m-")),
        ("3000000h", TooLong),
        ("9223372037s", TooLong),
        ("9223372036854775808ns", TooLong),
        ("9223372036.854775808s", TooLong),
        ("-9223372036854775809ns", TooLong),
        ("99999999999999999999h", TooLong),
        ("2562047h48m", TooLong),
    ] {
        assert_eq!(parse_go_duration(text).unwrap_err(), expected, "{text}");
    }
}

#[test]
fn durations_are_written_as_go_writes_them() {
    for (nanos, expected) in [
        (0, "0s"),
        (1, "1ns"),
        (1_100, "1.1\u{b5}s"),
        (2_200_000, "2.2ms"),
        (3_300_000_000, "3.3s"),
        (60_500_000_000, "1m0.5s"),
        (36_000_000_000_000, "10h0m0s"),
        (-300_000_000_000, "-5m0s"),
        (i128::from(i64::MAX), "2562047h47m16.854775807s"),
        (i128::from(i64::MIN), "-2562047h47m16.854775808s"),
    ] {
        let duration = SignedDuration::from_nanos_i128(nanos);
        assert_eq!(format_go_duration(duration), expected);
        assert_eq!(parse_go_duration(expected).unwrap(), duration);
    }
}

#[test]
fn an_absent_empty_or_foreign_document_asks_for_nothing() {
    for document in [
        Node::Null,
        map(&[]),
        map(&[("pause", Node::Bool(true))]),
        map(&[("suspend", Node::Null), ("retryAfter", Node::Null), ("message", Node::Null)]),
        map(&[("suspend", Node::Bool(false)), ("retryAfter", text(""))]),
    ] {
        let control = parse(&document).unwrap();
        assert_eq!(control, Control::default());
        assert!(!control.stops());
    }
}

#[test]
fn keys_match_whatever_their_case_and_scalars_become_text() {
    let document = map(&[
        ("Suspend", Node::Bool(true)),
        ("MESSAGE", Node::Int(5)),
        ("RETRYAFTER", Node::Int(0)),
    ]);
    let control = parse(&document).unwrap();
    assert!(control.suspend && control.stops());
    assert_eq!(control.message, "5");
    assert_eq!(control.retry_after, Some(SignedDuration::ZERO));
}

#[test]
fn a_retry_alone_stops_the_workflow() {
    let control = parse(&map(&[("retryAfter", text("10m"))])).unwrap();
    assert_eq!(control.retry_after, Some(SignedDuration::from_mins(10)));
    assert!(control.stops() && !control.suspend);
}

#[test]
fn wrong_types_are_refused_by_name() {
    for (document, expected) in [
        (
            Node::List(vec![]),
            "expected a map with `suspend`, `message` and `retryAfter`, found a list",
        ),
        (text("stop"), "expected a map with `suspend`, `message` and `retryAfter`, found text"),
        (map(&[("suspend", text("yes"))]), "expected `true` or `false` for `suspend`, found text"),
        (
            map(&[("suspend", Node::Int(1))]),
            "expected `true` or `false` for `suspend`, found a number",
        ),
        (map(&[("message", Node::List(vec![]))]), "expected text for `message`, found a list"),
        (map(&[("retryAfter", map(&[]))]), "expected text for `retryAfter`, found a map"),
    ] {
        assert_eq!(parse(&document).unwrap_err().to_string(), expected);
    }
}

#[test]
fn an_invalid_or_negative_retry_alone_is_refused() {
    for (value, reason) in [
        (text("whale"), "expected a number, found \"whale\""),
        (Node::Bool(true), "expected a number, found \"true\""),
        (Node::Int(10), "the unit is missing after the last number"),
        (text("-5m"), DurationError::Negative.to_string().as_str()),
        (text("-1ns"), DurationError::Negative.to_string().as_str()),
    ] {
        let error = parse(&map(&[("retryAfter", value.clone())])).unwrap_err();
        let expected = format!("failed to parse retry duration: \"{}\"", value.text().unwrap());
        assert_eq!(error.to_string(), expected);
        assert_eq!(std::error::Error::source(&error).unwrap().to_string(), reason);
        assert!(error.hint().unwrap().starts_with("write the duration"));
    }
}

#[test]
fn an_invalid_retry_beside_suspend_suspends_without_retry() {
    for value in ["soon", "-5m"] {
        let document = map(&[("suspend", Node::Bool(true)), ("retryAfter", text(value))]);
        let control = parse(&document).unwrap();
        assert!(control.suspend);
        assert_eq!(control.retry_after, None);
        assert!(matches!(control.unusable_retry_after, Some(ControlError::Duration { .. })));
    }
}
