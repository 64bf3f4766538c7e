//! The decoder over one JSON value: what a value may become, and where it stands.

use std::cell::RefCell;
use std::fmt;
use std::fmt::Write as _;

use serde::de::{self, Deserializer, Unexpected, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::{Number, Value};

use super::access::{Entries, Items};
use super::{Fault, Problem};

/// One step of a path.
#[derive(Debug, Clone)]
pub(super) enum Segment {
    Key(String),
    Index(usize),
}

/// Where the decoder stands, and what it has found so far.
#[derive(Debug, Default)]
pub(super) struct Trail {
    segments: RefCell<Vec<Segment>>,
    pub(super) problems: RefCell<Vec<Problem>>,
}

impl Trail {
    /// Runs `inner` one segment deeper. After an error the segment stays: it tells where the error was.
    pub(super) fn within<T>(
        &self,
        segment: Segment,
        inner: impl FnOnce() -> Result<T, Mismatch>,
    ) -> Result<T, Mismatch> {
        self.segments.borrow_mut().push(segment);
        let result = inner()?;
        self.segments.borrow_mut().pop();
        Ok(result)
    }

    pub(super) fn path(&self) -> String {
        self.segments.borrow().iter().fold(String::new(), |mut path, segment| {
            let dot = if path.is_empty() { "" } else { "." };
            let _ = match segment {
                Segment::Key(key) => write!(path, "{dot}{key}"),
                Segment::Index(index) => write!(path, "[{index}]"),
            };
            path
        })
    }

    /// Notes a fault of the field `key` of the map the decoder stands at.
    pub(super) fn note(&self, key: &str, fault: Fault) {
        let path = self.path();
        let dot = if path.is_empty() { "" } else { "." };
        self.problems.borrow_mut().push(Problem { path: format!("{path}{dot}{key}"), fault });
    }
}

/// A value that does not fit: the text of [`Fault::Value`].
#[derive(Debug)]
pub(super) struct Mismatch(pub(super) String);

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Mismatch {}

impl de::Error for Mismatch {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }

    // serde's own texts print the value, and values may be secrets.
    fn invalid_type(_: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self(format!("expected {expected}, found something else"))
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self(format!("expected {expected}"))
    }
}

/// Decodes one value.
#[derive(Clone, Copy)]
pub(super) struct Decoder<'a> {
    value: &'a Value,
    trail: &'a Trail,
    /// Numbers pass as text: a quantity may be written either way.
    number_as_text: bool,
}

impl<'a> Decoder<'a> {
    pub(super) fn new(value: &'a Value, trail: &'a Trail) -> Self {
        Self { value, trail, number_as_text: false }
    }

    fn mismatch<T>(&self, expected: &str) -> Result<T, Mismatch> {
        Err(Mismatch(format!("expected {expected}, found {}", describe(self.value))))
    }

    fn integer<'de, V: Visitor<'de>>(
        self,
        visitor: V,
        min: i64,
        max: i64,
        expected: &str,
    ) -> Result<V::Value, Mismatch> {
        let number = match self.value {
            Value::Null => Some(0),
            Value::Number(number) => whole(number),
            _ => None,
        };
        match number {
            Some(number) if (min..=max).contains(&number) => visitor.visit_i64(number),
            _ => self.mismatch(expected),
        }
    }

    fn text<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        match self.value {
            Value::Null => visitor.visit_str(""),
            Value::String(text) => visitor.visit_str(text),
            Value::Number(number) if self.number_as_text => {
                visitor.visit_string(number.to_string())
            }
            _ => self.mismatch("text"),
        }
    }
}

/// Returns what a value is, for messages.
fn describe(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a boolean",
        Value::Number(number) if number.is_f64() => "a number with a fraction",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a map",
    }
}

/// Returns a number without fraction: Go writes `2.0` as `2` on the way to its decoder.
fn whole(number: &Number) -> Option<i64> {
    /// Beyond this a float no longer names one integer.
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
    number.as_i64().or_else(|| {
        let float = number.as_f64()?;
        (float.fract() == 0.0 && float.abs() <= EXACT_MAX).then_some(float as i64)
    })
}

impl<'de> Deserializer<'de> for Decoder<'_> {
    type Error = Mismatch;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        match self.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Number(number) => match (whole(number), number.as_u64(), number.as_f64()) {
                (Some(value), ..) => visitor.visit_i64(value),
                (_, Some(value), _) => visitor.visit_u64(value),
                (.., Some(value)) => visitor.visit_f64(value),
                _ => self.mismatch("a number"),
            },
            Value::String(text) => visitor.visit_str(text),
            Value::Array(items) => visitor.visit_seq(Items::new(items, self.trail)),
            Value::Object(map) => visitor.visit_map(Entries::free(map, self.trail)),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        match self.value {
            Value::Null => visitor.visit_bool(false),
            Value::Bool(value) => visitor.visit_bool(*value),
            _ => self.mismatch("`true` or `false`"),
        }
    }

    fn deserialize_i32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        self.integer(visitor, i32::MIN.into(), i32::MAX.into(), "a whole number of 32 bits")
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        self.integer(visitor, i64::MIN, i64::MAX, "a whole number")
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        self.text(visitor)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        self.text(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        if self.value.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        visitor.visit_newtype_struct(Self { number_as_text: name == "Quantity", ..self })
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        match self.value {
            Value::Null => visitor.visit_seq(Items::new(&[], self.trail)),
            Value::Array(items) => visitor.visit_seq(Items::new(items, self.trail)),
            _ => self.mismatch("a list"),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        match self.value {
            Value::Null => visitor.visit_map(Entries::none(self.trail)),
            Value::Object(map) => visitor.visit_map(Entries::free(map, self.trail)),
            _ => self.mismatch("a map"),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        match self.value {
            Value::Null => visitor.visit_map(Entries::none(self.trail)),
            Value::Object(map) => visitor.visit_map(Entries::known(map, fields, self.trail)),
            _ => self.mismatch("a map"),
        }
    }

    forward_to_deserialize_any! {
        i8 i16 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit unit_struct tuple
        tuple_struct enum identifier ignored_any
    }
}
