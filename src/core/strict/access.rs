//! The maps and lists that the decoder walks.

use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, MapAccess, SeqAccess};
use serde_json::{Map, Value};

use super::decoder::{Decoder, Mismatch, Segment, Trail};
use super::{Fault, nearest};

/// The entries of a map: the name the type knows, the key as written, the value.
pub(super) struct Entries<'a> {
    rest: std::vec::IntoIter<(&'a str, &'a str, &'a Value)>,
    next: Option<(&'a str, &'a Value)>,
    trail: &'a Trail,
}

impl<'a> Entries<'a> {
    fn new(entries: Vec<(&'a str, &'a str, &'a Value)>, trail: &'a Trail) -> Self {
        Self { rest: entries.into_iter(), next: None, trail }
    }

    /// No entries: what `null` stands for.
    pub(super) fn none(trail: &'a Trail) -> Self {
        Self::new(Vec::new(), trail)
    }

    /// The entries of a map whose keys are free.
    pub(super) fn free(map: &'a Map<String, Value>, trail: &'a Trail) -> Self {
        Self::new(
            map.iter().map(|(key, value)| (key.as_str(), key.as_str(), value)).collect(),
            trail,
        )
    }

    /// The entries that a type knows; the others are noted.
    pub(super) fn known(
        map: &'a Map<String, Value>,
        fields: &'static [&'static str],
        trail: &'a Trail,
    ) -> Self {
        let mut entries: Vec<(&str, &str, &Value)> = Vec::with_capacity(map.len());
        for (key, value) in map {
            let exact = fields.iter().find(|field| *field == key);
            let Some(name) =
                exact.or_else(|| fields.iter().find(|field| field.eq_ignore_ascii_case(key)))
            else {
                trail.note(key, Fault::Unknown { nearest: nearest(key, fields.iter().copied()) });
                continue;
            };
            if entries.iter().any(|(taken, ..)| taken == name) {
                trail.note(key, Fault::Twice { name });
            } else {
                entries.push((name, key, value));
            }
        }
        Self::new(entries, trail)
    }
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Mismatch;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Mismatch> {
        let Some((name, key, value)) = self.rest.next() else { return Ok(None) };
        self.next = Some((key, value));
        seed.deserialize(StrDeserializer::new(name)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Mismatch> {
        let Some((key, value)) = self.next.take() else {
            return Err(Mismatch("expected a key before its value".into()));
        };
        let segment = Segment::Key(key.to_owned());
        self.trail.within(segment, || seed.deserialize(Decoder::new(value, self.trail)))
    }
}

/// The items of a list.
pub(super) struct Items<'a> {
    rest: std::iter::Enumerate<std::slice::Iter<'a, Value>>,
    trail: &'a Trail,
}

impl<'a> Items<'a> {
    pub(super) fn new(items: &'a [Value], trail: &'a Trail) -> Self {
        Self { rest: items.iter().enumerate(), trail }
    }
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Mismatch;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Mismatch> {
        let Some((index, value)) = self.rest.next() else { return Ok(None) };
        let decoder = Decoder::new(value, self.trail);
        self.trail.within(Segment::Index(index), || seed.deserialize(decoder)).map(Some)
    }
}
