//! What is known of the objects of one kind: what watches say, and what our own writes have returned before the watch
//! has caught up.
//!
//! Versions of one kind are compared as numbers, as Kubernetes allows since 1.35: the newer one counts, whoever brings
//! it. So a decision never sees an object older than our own last write, and never conflicts with it.

use std::borrow::Borrow;
use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

use crate::contract::Object;

/// How many objects that are gone are remembered: an answer to a write of ours may come after the news of the end.
const GONE_MAX: usize = 4096;

/// The objects of one kind.
#[derive(Debug)]
pub(super) struct Cache<K, V> {
    items: HashMap<K, Item<V>>,
    gone: VecDeque<Box<str>>,
    /// The list that is being read, or was read last.
    list: u32,
    is_filled: bool,
}

#[derive(Debug)]
struct Item<V> {
    version: u64,
    uid: Box<str>,
    list: u32,
    /// Whether nobody has changed it since our own last write.
    is_ours: bool,
    value: V,
}

/// What an object meant for the cache.
#[derive(Debug, PartialEq)]
pub(super) enum Change<V> {
    /// It was known, or something newer was.
    None,
    /// It is new.
    New,
    /// It replaces this.
    Newer(V),
}

impl<V> Change<V> {
    /// Whether there is something new to think about.
    pub(super) fn is_news(&self) -> bool {
        !matches!(self, Self::None)
    }
}

/// Who says something of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// A watch, which is always right in the end.
    Watch,
    /// The answer to a write of ours.
    Write,
}

impl<K, V> Default for Cache<K, V> {
    fn default() -> Self {
        Self { items: HashMap::new(), gone: VecDeque::new(), list: 0, is_filled: false }
    }
}

impl<K: Hash + Eq + Clone, V> Cache<K, V> {
    /// Takes an object, if it is newer than what is known; `value` is what is kept of it.
    pub(super) fn put(&mut self, source: Source, key: K, object: &Object, value: V) -> Change<V> {
        let uid = object.uid().unwrap_or_default();
        match source {
            Source::Write if self.gone.iter().any(|gone| **gone == *uid) => return Change::None,
            Source::Write => {}
            Source::Watch => self.gone.retain(|gone| **gone != *uid),
        }
        let (version, list) = (version(object), self.list);
        let is_ours = source == Source::Write;
        let Some(known) = self.items.get_mut(&key) else {
            self.items.insert(key, Item { version, uid: uid.into(), list, is_ours, value });
            return Change::New;
        };
        known.list = list;
        if version <= known.version && *known.uid == *uid {
            return Change::None;
        }
        (known.version, known.is_ours) = (version, is_ours);
        if *known.uid != *uid {
            known.uid = uid.into();
        }
        Change::Newer(std::mem::replace(&mut known.value, value))
    }

    /// Forgets an object that is gone; another one of its name stays. Returns what was known.
    pub(super) fn remove<Q>(&mut self, key: &Q, object: &Object) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let uid = object.uid().unwrap_or_default();
        let is_it = self.items.get(key).is_some_and(|known| *known.uid == *uid);
        self.bury(uid.into());
        if is_it { self.items.remove(key).map(|item| item.value) } else { None }
    }

    /// Begins a list of all objects.
    pub(super) fn begin_list(&mut self) {
        self.list = self.list.wrapping_add(1);
    }

    /// Ends a list: whatever it did not name is gone, and is returned. What was written meanwhile may be among it; the
    /// watch will say so.
    pub(super) fn end_list(&mut self) -> Vec<(K, V)> {
        self.is_filled = true;
        let list = self.list;
        let gone: Vec<_> = self.items.extract_if(|_, item| item.list != list).collect();
        let bury = |(key, item): (K, Item<V>)| {
            self.bury(item.uid);
            (key, item.value)
        };
        gone.into_iter().map(bury).collect()
    }

    fn bury(&mut self, uid: Box<str>) {
        self.gone.push_back(uid);
        if self.gone.len() > GONE_MAX {
            self.gone.pop_front();
        }
    }

    /// Whether everything is known that was there when the watch began.
    pub(super) fn is_filled(&self) -> bool {
        self.is_filled
    }

    /// Returns what is known of an object.
    pub(super) fn get<Q>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.items.get(key).map(|item| &item.value)
    }

    /// Whether an object is as we have left it, for all that is known.
    pub(super) fn is_ours<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.items.get(key).is_some_and(|item| item.is_ours)
    }

    /// Returns what is known of an object, to be changed ahead of the news of the change.
    pub(super) fn get_mut<Q>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.items.get_mut(key).map(|item| &mut item.value)
    }

    /// Returns all that is known, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.items.iter().map(|(key, item)| (key, &item.value))
    }

    /// How many objects are known.
    pub(super) fn len(&self) -> usize {
        self.items.len()
    }
}

/// The version of an object; 0 for one that has none.
fn version(object: &Object) -> u64 {
    object.resource_version().and_then(|text| text.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(uid: &str, version: u64) -> Object {
        Object::from_value(
            json!({"metadata": {"uid": uid, "resourceVersion": version.to_string()}}),
        )
        .unwrap()
    }

    fn put(cache: &mut Cache<String, u64>, source: Source, uid: &str, version: u64) -> Change<u64> {
        cache.put(source, "a".into(), &object(uid, version), version)
    }

    #[test]
    fn the_newer_version_counts_whoever_brings_it() {
        let mut cache = Cache::default();
        assert_eq!(put(&mut cache, Source::Watch, "u", 9), Change::New);
        assert_eq!(put(&mut cache, Source::Write, "u", 10), Change::Newer(9));
        // The watch catches up, in two steps.
        assert_eq!(put(&mut cache, Source::Watch, "u", 9), Change::None);
        assert_eq!(put(&mut cache, Source::Watch, "u", 10), Change::None);
        assert_eq!(cache.get("a"), Some(&10));
        assert_eq!(put(&mut cache, Source::Watch, "u", 100), Change::Newer(10));
    }

    #[test]
    fn an_answer_that_comes_after_the_end_does_not_bring_an_object_back() {
        let mut cache = Cache::default();
        put(&mut cache, Source::Watch, "u", 9);
        assert_eq!(cache.remove("a", &object("u", 12)), Some(9));
        assert_eq!(put(&mut cache, Source::Write, "u", 10), Change::None);
        assert_eq!(cache.len(), 0);
        // Another object of that name is another object, also with a smaller number (another etcd).
        assert_eq!(put(&mut cache, Source::Write, "v", 5), Change::New);
        assert_eq!(cache.remove("a", &object("u", 12)), None);
        assert_eq!(cache.get("a"), Some(&5));
    }

    #[test]
    fn what_a_list_does_not_name_is_gone() {
        let mut cache: Cache<String, u64> = Cache::default();
        assert!(!cache.is_filled());
        cache.begin_list();
        cache.put(Source::Watch, "a".into(), &object("1", 1), 1);
        cache.put(Source::Watch, "b".into(), &object("2", 2), 2);
        assert_eq!(cache.end_list(), []);
        assert!(cache.is_filled());
        cache.begin_list();
        cache.put(Source::Watch, "b".into(), &object("2", 2), 2);
        cache.put(Source::Write, "c".into(), &object("3", 3), 3);
        assert_eq!(cache.end_list(), [("a".to_owned(), 1)]);
        assert_eq!(cache.len(), 2);
        assert_eq!(cache.put(Source::Write, "a".into(), &object("1", 4), 4), Change::None);
        assert_eq!(cache.put(Source::Watch, "a".into(), &object("1", 4), 4), Change::New);
    }

    #[test]
    fn an_object_of_the_same_name_replaces_the_one_before() {
        let mut cache = Cache::default();
        put(&mut cache, Source::Watch, "u", 9);
        assert_eq!(put(&mut cache, Source::Watch, "v", 3), Change::Newer(9));
    }
}
