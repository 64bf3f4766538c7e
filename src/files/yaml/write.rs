//! Writes a value as YAML that every reader reads back with the same value (contract.md 2.1, 17.2).
//!
//! Block style, keys in bytewise order, never folded: a long line stays one line.

use std::fmt::Write as _;

use serde_json::{Map, Number, Value};

use super::style::{self, Style};

/// Longest key written before its `:`, in bytes; longer ones follow `?`, as readers give up looking for the `:`.
const SIMPLE_KEY_BYTES_MAX: usize = 128;
/// Spaces by which a level is indented.
const INDENT: usize = 2;
/// Whole floats below this size are written as integers, which they are to JSON.
const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;

/// Returns the YAML of a value, with a line break at its end.
pub fn write(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Object(map) if !map.is_empty() => write_map(&mut out, map, 0),
        Value::Array(items) if !items.is_empty() => write_list(&mut out, items, 0),
        // A block needs a parent to be indented against.
        Value::String(text) => write_inline(&mut out, text, style::of_key(text)),
        scalar => write_scalar(&mut out, scalar, 0),
    }
    if !out.ends_with('\n') {
        out.push('\n');
    }
    out
}

/// Writes the entries of a map; the cursor already stands at `indent` of the first line.
fn write_map(out: &mut String, map: &Map<String, Value>, indent: usize) {
    for (index, (key, value)) in map.iter().enumerate() {
        if index > 0 {
            pad(out, indent);
        }
        let start = out.len();
        write_inline(out, key, style::of_key(key));
        if out.len().saturating_sub(start) > SIMPLE_KEY_BYTES_MAX {
            out.insert_str(start, "? ");
            out.push('\n');
            pad(out, indent);
        }
        out.push(':');
        write_after_key(out, value, indent);
    }
}

fn write_after_key(out: &mut String, value: &Value, indent: usize) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            let indent = indent.saturating_add(INDENT);
            out.push('\n');
            pad(out, indent);
            write_map(out, map, indent);
        }
        Value::Array(items) if !items.is_empty() => {
            out.push('\n');
            pad(out, indent);
            write_list(out, items, indent);
        }
        scalar => {
            out.push(' ');
            write_scalar(out, scalar, indent);
            out.push('\n');
        }
    }
}

/// Writes the items of a list; the cursor already stands at `indent` of the first line.
fn write_list(out: &mut String, items: &[Value], indent: usize) {
    let inner = indent.saturating_add(INDENT);
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            pad(out, indent);
        }
        out.push_str("- ");
        match item {
            Value::Object(map) if !map.is_empty() => write_map(out, map, inner),
            Value::Array(items) if !items.is_empty() => write_list(out, items, inner),
            scalar => {
                write_scalar(out, scalar, indent);
                out.push('\n');
            }
        }
    }
}

/// Writes anything that fits behind a key; of several lines, those after the first are indented below `indent`.
fn write_scalar(out: &mut String, value: &Value, indent: usize) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => write_number(out, number),
        Value::Array(_) => out.push_str("[]"),
        Value::Object(_) => out.push_str("{}"),
        Value::String(text) => match style::of_value(text) {
            Style::Literal => write_literal(out, text, indent.saturating_add(INDENT)),
            style => write_inline(out, text, style),
        },
    }
}

/// Writes a number so that YAML 1.1 takes it for the same kind: a float has a point, an exponent a sign.
fn write_number(out: &mut String, number: &Number) {
    let float = match number.as_f64() {
        Some(float) if number.is_f64() || is_float_in_digits(number, float) => float,
        _ => {
            let _ = write!(out, "{number}");
            return;
        }
    };
    if float.fract() == 0.0 && float.abs() < WHOLE_MAX {
        let _ = write!(out, "{}", float as i64);
        return;
    }
    let text = format!("{float:e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-5..15).contains(&exponent) {
        let _ = write!(out, "{float}");
        return;
    }
    let point = if mantissa.contains('.') { "" } else { ".0" };
    let sign = if exponent < 0 { '-' } else { '+' };
    let _ = write!(out, "{mantissa}{point}e{sign}{:02}", exponent.unsigned_abs());
}

/// Whether an integer beyond 64 bits with sign is how the API server prints a float: readers in Go expect that.
fn is_float_in_digits(number: &Number, float: f64) -> bool {
    if number.is_i64() {
        return false;
    }
    let digits = number.to_string();
    let shortest = format!("{float:e}");
    let mantissa = shortest.split('e').next().unwrap_or_default().replace('.', "");
    digits.strip_prefix(&mantissa).is_some_and(|rest| rest.bytes().all(|byte| byte == b'0'))
}

fn write_inline(out: &mut String, text: &str, style: Style) {
    match style {
        Style::Plain => out.push_str(text),
        Style::Single => {
            out.push('\'');
            out.push_str(&text.replace('\'', "''"));
            out.push('\'');
        }
        Style::Double | Style::Literal => write_double(out, text),
    }
}

fn write_double(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if style::is_visible(c) => out.push(c),
            c => {
                let code = u32::from(c);
                let _ = match code {
                    0..=0xff => write!(out, "\\x{code:02x}"),
                    0x100..=0xffff => write!(out, "\\u{code:04x}"),
                    _ => write!(out, "\\U{code:08x}"),
                };
            }
        }
    }
    out.push('"');
}

/// Writes `|`, how the text begins and ends, and its lines; the last line break is left to the caller.
fn write_literal(out: &mut String, text: &str, indent: usize) {
    out.push('|');
    if text.starts_with([' ', '\t', '\n']) {
        let _ = write!(out, "{INDENT}");
    }
    let body = match text.strip_suffix('\n') {
        None => {
            out.push('-');
            text
        }
        Some(body) if body.ends_with('\n') => {
            out.push('+');
            body
        }
        Some(body) => body,
    };
    for line in body.split('\n') {
        out.push('\n');
        if !line.is_empty() {
            pad(out, indent);
            out.push_str(line);
        }
    }
}

fn pad(out: &mut String, spaces: usize) {
    out.extend(std::iter::repeat_n(' ', spaces));
}
