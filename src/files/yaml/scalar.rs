//! What a scalar means: the YAML 1.1 rules of Kratix's parser (contract.md 7, 17.1), which differ from every crate's.

use base64::Engine as _;

use crate::contract::Node;

/// A tag that changes what a scalar means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tag {
    /// None: quotes decide.
    Absent,
    /// `!!str`, and every tag that is not known: the text as it stands.
    Text,
    /// `!!binary`: base64 of text.
    Binary,
    /// `!!int`.
    Int,
    /// `!!float`.
    Float,
    /// `!!bool`.
    Bool,
    /// `!!null`.
    Null,
}

impl Tag {
    /// Returns what a tag of YAML's own namespace asks for.
    pub fn standard(name: &str) -> Self {
        match name {
            "binary" => Self::Binary,
            "int" => Self::Int,
            "float" => Self::Float,
            "bool" => Self::Bool,
            "null" => Self::Null,
            _ => Self::Text,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Absent | Self::Text => "!!str",
            Self::Binary => "!!binary",
            Self::Int => "!!int",
            Self::Float => "!!float",
            Self::Bool => "!!bool",
            Self::Null => "!!null",
        }
    }
}

/// Returns the value of a scalar, or the name of the tag that it does not fit.
pub fn resolve(text: &str, plain: bool, tag: Tag) -> Result<Node, &'static str> {
    match (tag, untagged(text)) {
        (Tag::Absent, node) if plain => Ok(node),
        (Tag::Absent | Tag::Text, _) => Ok(Node::Text(text.to_owned())),
        (Tag::Binary, _) => binary(text).ok_or(tag.name()),
        (Tag::Int, node @ (Node::Int(_) | Node::Uint(_)))
        | (Tag::Float, node @ (Node::Float(_) | Node::BigInt(_)))
        | (Tag::Bool, node @ Node::Bool(_))
        | (Tag::Null, node @ Node::Null) => Ok(node),
        (Tag::Float, Node::Int(value)) => Ok(Node::Float(value as f64)),
        (Tag::Float, Node::Uint(value)) => Ok(Node::Float(value as f64)),
        _ => Err(tag.name()),
    }
}

/// Returns the value of a plain scalar.
///
/// Dates and base-60 numbers stay text, as does a number that is too large for a float.
pub fn untagged(text: &str) -> Node {
    word(text).or_else(|| number(text)).unwrap_or_else(|| Node::Text(text.to_owned()))
}

fn word(text: &str) -> Option<Node> {
    Some(match text {
        "" | "~" | "null" | "Null" | "NULL" => Node::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            Node::Bool(true)
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            Node::Bool(false)
        }
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Node::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => Node::Float(f64::NEG_INFINITY),
        ".nan" | ".NaN" | ".NAN" => Node::Float(f64::NAN),
        _ => return None,
    })
}

fn number(text: &str) -> Option<Node> {
    if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.')) {
        return None;
    }
    if text.starts_with('.') && !underscores_stand_between_digits(text) {
        return None;
    }
    let digits = text.replace('_', "");
    integer(&digits).or_else(|| float(&digits))
}

/// Underscores may stand anywhere in a number, unless it starts with its point.
fn underscores_stand_between_digits(text: &str) -> bool {
    let is_digit = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_digit);
    let bytes = text.as_bytes();
    bytes.iter().enumerate().filter(|(_, byte)| **byte == b'_').all(|(index, _)| {
        index.checked_sub(1).is_some_and(|before| is_digit(bytes.get(before)))
            && is_digit(bytes.get(index.saturating_add(1)))
    })
}

fn integer(text: &str) -> Option<Node> {
    let (negative, unsigned) = match text.as_bytes().first()? {
        b'-' => (true, text.get(1..)?),
        b'+' => (false, text.get(1..)?),
        _ => (false, text),
    };
    let (radix, digits) = match unsigned.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, unsigned.get(2..)?),
        [b'0', b'o' | b'O', ..] => (8, unsigned.get(2..)?),
        [b'0', b'b' | b'B', ..] => (2, unsigned.get(2..)?),
        [b'0', _, ..] => (8, unsigned.get(1..)?),
        _ => (10, unsigned),
    };
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return None;
    }
    let magnitude = match u64::from_str_radix(digits, radix) {
        Ok(magnitude) => magnitude,
        // Longer than 64 bits: in another base it is text, or a float by its decimal digits.
        Err(_) if radix != 10 => return None,
        Err(_) => return big_integer(negative, digits),
    };
    match (negative, i64::try_from(magnitude)) {
        (false, Ok(value)) => Some(Node::Int(value)),
        (false, Err(_)) => Some(Node::Uint(magnitude)),
        (true, _) => match 0_i64.checked_sub_unsigned(magnitude) {
            Some(value) => Some(Node::Int(value)),
            None => big_integer(true, digits),
        },
    }
}

/// Keeps the digits of an integer that a 64-bit number would change; `None` when not even a float can hold it.
fn big_integer(negative: bool, digits: &str) -> Option<Node> {
    let text = if negative { format!("-{digits}") } else { digits.to_owned() };
    text.parse::<f64>().ok().filter(|value| value.is_finite()).map(|_| Node::BigInt(text))
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`, and finite.
fn float(text: &str) -> Option<Node> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let exponent_fits = exponent.is_none_or(|exponent| {
        let digits = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        !digits.is_empty() && all_digits(digits)
    });
    if !all_digits(whole)
        || !all_digits(fraction)
        || whole.is_empty() && fraction.is_empty()
        || !exponent_fits
    {
        return None;
    }
    text.parse::<f64>().ok().filter(|value| value.is_finite()).map(Node::Float)
}

/// Base64, also over several lines. Bytes that are no UTF-8 become U+FFFD, as in the original.
fn binary(text: &str) -> Option<Node> {
    let compact: String = text.chars().filter(|c| !matches!(c, '\n' | '\r')).collect();
    let bytes = base64::engine::general_purpose::STANDARD.decode(compact).ok()?;
    Some(Node::Text(String::from_utf8_lossy(&bytes).into_owned()))
}
