//! JSON as Go's encoder writes it: hashes are made of its bytes (contract.md 6.2).

use std::fmt::Write as _;

use serde_json::{Number, Value};

/// Appends `value` without spaces, keys in bytewise order.
pub(super) fn write(value: &Value, text: &mut String) {
    match value {
        Value::Null => text.push_str("null"),
        Value::Bool(value) => text.push_str(if *value { "true" } else { "false" }),
        Value::Number(number) => write_number(number, text),
        Value::String(value) => write_text(value, text),
        Value::Array(items) => {
            write_list(items, text, '[', ']', write);
        }
        Value::Object(map) => {
            write_list(map, text, '{', '}', |(key, value), text| {
                write_text(key, text);
                text.push(':');
                write(value, text);
            });
        }
    }
}

fn write_list<T>(
    items: impl IntoIterator<Item = T>,
    text: &mut String,
    open: char,
    close: char,
    write_item: impl Fn(T, &mut String),
) {
    text.push(open);
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        write_item(item, text);
    }
    text.push(close);
}

/// Writes integers as they are and floats in their shortest form, with an exponent outside 1e-6..1e21.
fn write_number(number: &Number, text: &mut String) {
    let float = match number.as_f64() {
        Some(float) if number.is_f64() => float,
        _ => {
            let _ = write!(text, "{number}");
            return;
        }
    };
    if float != 0.0 && !(1e-6..1e21).contains(&float.abs()) {
        let exponent = format!("{float:e}");
        // Rust writes `1e21` where Go writes `1e+21`; negative exponents look the same.
        let signed = if exponent.contains("e-") { exponent } else { exponent.replace('e', "e+") };
        text.push_str(&signed);
    } else {
        let _ = write!(text, "{float}");
    }
}

fn write_text(value: &str, text: &mut String) {
    text.push('"');
    for c in value.chars() {
        match c {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            '\u{8}' => text.push_str("\\b"),
            '\u{c}' => text.push_str("\\f"),
            '\0'..'\u{20}' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                let _ = write!(text, "\\u{:04x}", u32::from(c));
            }
            other => text.push(other),
        }
    }
    text.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn go(json: &str) -> String {
        let mut text = String::new();
        write(&serde_json::from_str(json).unwrap(), &mut text);
        text
    }

    #[test]
    fn keys_are_sorted_and_nothing_is_spaced() {
        assert_eq!(
            go(r#"{ "b": [1, null, true], "a": {}, "B": [] }"#),
            r#"{"B":[],"a":{},"b":[1,null,true]}"#
        );
    }

    #[test]
    fn numbers_are_as_short_as_in_go() {
        for (json, expected) in [
            ("1", "1"),
            ("-0.0", "-0"),
            ("1.0", "1"),
            ("1.50", "1.5"),
            ("1e20", "100000000000000000000"),
            ("1e21", "1e+21"),
            ("1.5e300", "1.5e+300"),
            ("0.000001", "0.000001"),
            ("0.0000001", "1e-7"),
            ("18446744073709551615", "18446744073709551615"),
            ("-9223372036854775808", "-9223372036854775808"),
        ] {
            assert_eq!(go(json), expected, "{json}");
        }
    }

    #[test]
    fn text_is_escaped_as_in_go() {
        assert_eq!(
            go(r#""<a&b>\"\\\n\r\t\b\f\u0001\u2028\u007fä😀/""#),
            "\"\\u003ca\\u0026b\\u003e\\\"\\\\\\n\\r\\t\\b\\f\\u0001\\u2028\u{7f}ä😀/\""
        );
    }
}
