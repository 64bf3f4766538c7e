//! Limits of text, numbers, lists and maps.

use std::collections::HashMap;

use regex_lite::Regex;
use serde_json::{Number, Value};

use super::format::{self, Fit};
use super::is_on;
use super::validate::Walk;

fn count(schema: &Value, key: &str) -> Option<u64> {
    schema.get(key).and_then(Value::as_u64)
}

fn plural(count: u64, one: &'static str, many: &'static str) -> &'static str {
    if count == 1 { one } else { many }
}

impl Walk {
    pub(super) fn text(&mut self, schema: &Value, text: &str, path: &str) {
        let found = Value::from(text);
        let length = u64::try_from(text.chars().count()).unwrap_or(u64::MAX);
        if let Some(max) = count(schema, "maxLength").filter(|max| length > *max) {
            // Characters are counted, whatever the server's text says.
            let unit = plural(max, "byte", "bytes");
            self.refuse(path, format!("Too long: may not be more than {max} {unit}"));
        }
        if let Some(min) = count(schema, "minLength").filter(|min| length < *min) {
            self.invalid(path, &found, &format!("should be at least {min} chars long"));
        }
        if let Some(pattern) = schema.get("pattern").and_then(Value::as_str) {
            self.pattern(pattern, text, path);
        }
        if let Some(name) = schema.get("format").and_then(Value::as_str) {
            match format::fits(name, text) {
                Fit::Yes => {}
                Fit::No => {
                    self.invalid(path, &found, &format!("must be of type {name}: {found}"));
                }
                Fit::NotChecked => {
                    self.note(format!("the format `{name}` at `{path}` is not checked"));
                }
            }
        }
    }

    fn pattern(&mut self, pattern: &str, text: &str, path: &str) {
        match Regex::new(pattern) {
            Ok(regex) if regex.is_match(text) => {}
            Ok(_) => self.invalid(path, &text.into(), &format!("should match '{pattern}'")),
            Err(_) => self.note(format!("the pattern at `{path}` is not checked: `{pattern}`")),
        }
    }

    pub(super) fn number(&mut self, schema: &Value, number: &Number, path: &str) {
        let found = Value::Number(number.clone());
        let float = number.as_f64().unwrap_or(f64::NAN);
        let limit = |key: &str| schema.get(key).filter(|limit| limit.is_number());
        if let Some(limit) = limit("minimum") {
            let (min, open) =
                (limit.as_f64().unwrap_or(f64::NAN), is_on(schema, "exclusiveMinimum"));
            if float < min || (open && float == min) {
                let rule = if open { "greater than" } else { "greater than or equal to" };
                self.invalid(path, &found, &format!("should be {rule} {limit}"));
            }
        }
        if let Some(limit) = limit("maximum") {
            let (max, open) =
                (limit.as_f64().unwrap_or(f64::NAN), is_on(schema, "exclusiveMaximum"));
            if float > max || (open && float == max) {
                let rule = if open { "less than" } else { "less than or equal to" };
                self.invalid(path, &found, &format!("should be {rule} {limit}"));
            }
        }
        if let Some(factor) = limit("multipleOf")
            && !is_multiple(float, factor.as_f64().unwrap_or(f64::NAN))
        {
            self.invalid(path, &found, &format!("should be a multiple of {factor}"));
        }
        self.number_format(schema, number, path);
    }

    fn number_format(&mut self, schema: &Value, number: &Number, path: &str) {
        let format = schema.get("format").and_then(Value::as_str).unwrap_or_default();
        let float = number.as_f64().unwrap_or(f64::NAN);
        let (kind, fits) = match format {
            "int32" => ("integer", (f64::from(i32::MIN)..=f64::from(i32::MAX)).contains(&float)),
            "int64" => (
                "integer",
                number.as_i64().is_some() || (number.is_f64() && float.abs() < 2f64.powi(63)),
            ),
            "float" => ("number", float.abs() <= f64::from(f32::MAX)),
            _ => return,
        };
        if !fits {
            self.refuse(
                path,
                format!("Invalid value: \"\": Checked value must be of type {kind} with format {format} in {path}"),
            );
        }
    }

    pub(super) fn list_size(&mut self, schema: &Value, size: usize, path: &str) {
        let size = u64::try_from(size).unwrap_or(u64::MAX);
        if let Some(max) = count(schema, "maxItems").filter(|max| size > *max) {
            let unit = plural(max, "item", "items");
            self.refuse(path, format!("Too many: {size}: must have at most {max} {unit}"));
        }
        if let Some(min) = count(schema, "minItems").filter(|min| size < *min) {
            self.invalid(path, &size.into(), &format!("should have at least {min} items"));
        }
    }

    pub(super) fn map_size(&mut self, schema: &Value, size: usize, path: &str) {
        let size = u64::try_from(size).unwrap_or(u64::MAX);
        if let Some(max) = count(schema, "maxProperties").filter(|max| size > *max) {
            let unit = plural(max, "item", "items");
            self.refuse(path, format!("Too many: {size}: must have at most {max} {unit}"));
        }
        if let Some(min) = count(schema, "minProperties").filter(|min| size < *min) {
            self.invalid(path, &size.into(), &format!("should have at least {min} properties"));
        }
    }

    /// Refuses items that stand twice in a set, or twice with the same keys in a list that is a map.
    pub(super) fn duplicates(&mut self, schema: &Value, items: &[Value], path: &str) {
        let kind = schema.get("x-kubernetes-list-type").and_then(Value::as_str).unwrap_or_default();
        let keys = schema.get("x-kubernetes-list-map-keys").and_then(Value::as_array);
        let identity = |item: &Value| match (kind, keys) {
            ("set", _) => Some(item.clone()),
            ("map", Some(keys)) => {
                let keys = keys.iter().filter_map(Value::as_str);
                let pairs = keys.filter_map(|key| Some((key.to_owned(), item.get(key)?.clone())));
                Some(Value::Object(pairs.collect()))
            }
            _ if is_on(schema, "uniqueItems") => Some(item.clone()),
            _ => None,
        };
        // How often each was seen: one that stands three times is told once.
        let mut seen: HashMap<String, u32> = HashMap::new();
        for (index, item) in items.iter().enumerate() {
            let Some(identity) = identity(item) else { return };
            let times = seen.entry(identity.to_string()).or_default();
            *times = times.saturating_add(1);
            if *times == 2 {
                self.refuse(&format!("{path}[{index}]"), format!("Duplicate value: {identity}"));
            }
        }
    }
}

/// Whether a number is a multiple of another, as far as floats can tell.
fn is_multiple(number: f64, factor: f64) -> bool {
    /// Floats of decimal fractions miss by about this much.
    const TOLERANCE: f64 = 1e-9;
    let times = number / factor;
    times.is_finite() && (times - times.round()).abs() <= TOLERANCE * times.abs().max(1.0)
}
