//! The value of one YAML document as Kratix's parser reads it (contract.md 7 and 17).
//!
//! JSON cannot hold what a label value needs: `.inf`, `-0.0`, integers beyond 64 bits and which of two spellings of
//! a key came last. The YAML itself is read in `files::yaml`.

use serde_json::{Number, Value};

/// One value of a document.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    /// `null`, `~`, or nothing.
    Null,
    /// A YAML 1.1 boolean.
    Bool(bool),
    /// An integer that fits 64 bits with sign.
    Int(i64),
    /// An integer that only fits 64 bits without sign.
    Uint(u64),
    /// An integer beyond 64 bits, in decimal digits: a float would change it.
    BigInt(String),
    /// Any other number, including infinity and NaN.
    Float(f64),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Self>),
    /// A map. Keys are unique (the last of several won) and in the order of the document.
    Map(Vec<(String, Self)>),
}

impl Node {
    /// Returns the value of a map's field, whose name may be spelled in any case.
    ///
    /// Of several spellings the last in bytewise order that is not null wins, as in Kratix (contract.md 17.2, 7.1).
    pub fn field(&self, name: &str) -> Option<&Self> {
        let fields = self.fields(name);
        fields.iter().rfind(|value| ***value != Self::Null).or(fields.last()).copied()
    }

    /// Returns the values of every spelling of a map's field, in bytewise order of the spellings.
    pub fn fields(&self, name: &str) -> Vec<&Self> {
        let Self::Map(entries) = self else { return Vec::new() };
        let mut found: Vec<_> =
            entries.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name)).collect();
        found.sort_by_key(|(key, _)| key);
        found.into_iter().map(|(_, value)| value).collect()
    }

    /// Returns what this is, for messages: `a list`, `a map`, `text`, …
    pub fn describe(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "a boolean",
            Self::Int(_) | Self::Uint(_) | Self::BigInt(_) | Self::Float(_) => "a number",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
        }
    }

    /// Returns the text of a scalar by Kratix's coercion (contract.md 7 and 17.1), `None` for a list or map.
    ///
    /// Where the original changes a number because it thinks in 32 bits, the number is kept.
    pub fn text(&self) -> Option<String> {
        match self {
            Self::Text(text) | Self::BigInt(text) => Some(text.clone()),
            Self::Null => Some(String::new()),
            Self::Bool(value) => Some(value.to_string()),
            Self::Int(value) => Some(value.to_string()),
            Self::Uint(value) => Some(value.to_string()),
            Self::Float(value) => Some(float_text(*value)),
            Self::List(_) | Self::Map(_) => None,
        }
    }

    /// Returns the JSON value; `None` when a number in it has no JSON form (infinity, NaN).
    pub fn to_json(&self) -> Option<Value> {
        self.clone().into_json()
    }

    /// Turns this into its JSON value; `None` when a number in it has no JSON form (infinity, NaN).
    pub fn into_json(self) -> Option<Value> {
        Some(match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(value),
            Self::Int(value) => Value::from(value),
            Self::Uint(value) => Value::from(value),
            Self::BigInt(digits) => Value::Number(Number::from_f64(digits.parse().ok()?)?),
            Self::Float(value) => Value::Number(number(value)?),
            Self::Text(value) => Value::String(value),
            Self::List(items) => {
                Value::Array(items.into_iter().map(Self::into_json).collect::<Option<_>>()?)
            }
            Self::Map(entries) => Value::Object(
                entries
                    .into_iter()
                    .map(|(key, value)| Some((key, value.into_json()?)))
                    .collect::<Option<_>>()?,
            ),
        })
    }
}

/// Whole numbers up to this size are exact as floats and as integers.
const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;

/// Returns the JSON number. A whole one is an integer, as the API server stores it: `1.0` is 1.
fn number(value: f64) -> Option<Number> {
    if value.fract() == 0.0 && value.abs() <= WHOLE_MAX {
        return Some(Number::from(value as i64));
    }
    Number::from_f64(value)
}

/// Returns a float's text: Go's `%g` of 32 bits where these hold the number, else the shortest decimal that does.
fn float_text(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let short = format!("{:e}", value as f32);
    // Go writes an exponent from 10^6 on, Kubernetes' JSON from 10^21 on; the latter keeps what an author wrote.
    let (scientific, exponent_max) =
        if short.parse() == Ok(value) { (short, 6) } else { (format!("{value:e}"), 21) };
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..exponent_max).contains(&exponent) {
        return value.to_string();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_become_text_as_in_go_where_32_bits_hold_them() {
        for (value, expected) in [
            (1e3, "1000"),
            (1.0, "1"),
            (1.5, "1.5"),
            (-0.0, "-0"),
            (0.5, "0.5"),
            (1e5, "100000"),
            (1e6, "1e+06"),
            (1e21, "1e+21"),
            (1e-4, "0.0001"),
            (-1e-7, "-1e-07"),
            (6.02e23, "6.02e+23"),
            (1_234_567.5, "1.2345675e+06"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(Node::Float(value).text().unwrap(), expected);
        }
    }

    #[test]
    fn floats_that_32_bits_would_change_are_kept() {
        for (value, expected) in [
            (123_456_789.5, "123456789.5"),
            (16_777_217.5, "16777217.5"),
            (std::f64::consts::PI, "3.141592653589793"),
            (123_456_789_012.0, "123456789012"),
            (1.234_567_890_123e30, "1.234567890123e+30"),
            (1e300, "1e+300"),
        ] {
            assert_eq!(Node::Float(value).text().unwrap(), expected);
        }
    }

    #[test]
    fn a_field_is_found_in_any_case_and_the_last_spelling_wins() {
        let node = Node::Map(vec![
            ("retryafter".into(), Node::Int(2)),
            ("retryAfter".into(), Node::Int(1)),
            ("RETRYAFTER".into(), Node::Null),
            ("suspend".into(), Node::Null),
        ]);
        assert_eq!(node.field("retryAfter"), Some(&Node::Int(2)));
        assert_eq!(node.fields("retryAfter"), [&Node::Null, &Node::Int(1), &Node::Int(2)]);
        assert_eq!(node.field("suspend"), Some(&Node::Null));
        assert_eq!(node.field("message"), None);
        assert_eq!(Node::Null.field("message"), None);
    }

    #[test]
    fn whole_floats_are_integers_in_json_and_infinity_has_none() {
        assert_eq!(Node::Float(-0.0).to_json().unwrap().to_string(), "0");
        assert_eq!(Node::Float(1e3).to_json().unwrap().to_string(), "1000");
        assert_eq!(Node::Float(1e21).to_json().unwrap().as_f64(), Some(1e21));
        assert_eq!(Node::Int(i64::MIN).to_json().unwrap().to_string(), i64::MIN.to_string());
        assert_eq!(Node::List(vec![Node::Float(f64::NAN)]).to_json(), None);
    }
}
