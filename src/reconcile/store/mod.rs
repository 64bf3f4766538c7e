//! Everything that is known of the cluster: one cache for each kind, trimmed to what decisions need, and who is to be
//! looked at when something in it changes.

mod look;
mod put;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::contract::{Kind, Object, kinds, labels};
use crate::core::promise::WorkflowAction;
use crate::core::workflow::promise::{Owned, StaticWork};
use crate::core::workflow::{JobSeen, WorkSeen};

use super::cache::{Cache, Change, Source};
use super::known::{KnownPromise, without_managers};
use super::queue::Priority;
use super::target::Target;

/// Kinds of what carries the name of a Promise as label and is made to be as given.
pub(super) const LABELLED: [&Kind; 6] = [
    &kinds::SERVICE_ACCOUNT,
    &kinds::ROLE,
    &kinds::ROLE_BINDING,
    &kinds::CLUSTER_ROLE,
    &kinds::CLUSTER_ROLE_BINDING,
    &kinds::CONFIG_MAP,
];

/// Namespace (empty for none) and name.
pub(super) type Place = (Box<str>, Box<str>);

/// What a watch or a write is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Feed {
    /// Promises.
    Promises,
    /// CRDs with the label of a Promise.
    Crds,
    /// Jobs that Kratix or we manage.
    Jobs,
    /// Works of pipelines.
    Works,
    /// Works of `spec.dependencies`.
    StaticWorks,
    /// One of [`LABELLED`].
    Labelled(usize),
    /// Requests of this Promise.
    Requests(Arc<str>),
}

/// Who is to be looked at because something has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wake {
    /// One object.
    One(Target, Priority),
    /// One object, once what its pod has written to it must have been heard of.
    Soon(Target),
    /// All requests of a Promise.
    RequestsOf(Arc<str>),
    /// It may be time to begin or end watches of requests.
    Apis,
    /// A Job has ended.
    Ended {
        /// For whom it ran.
        of: Target,
        /// In which workflow, when its label says so.
        action: Option<WorkflowAction>,
        /// Whether it has succeeded.
        is_well: bool,
    },
}

/// A Job, and whose it is.
type KnownJob = (Target, JobSeen);

/// A Work, and whose it is.
#[derive(Debug, Clone, PartialEq)]
struct KnownWork {
    of: Target,
    seen: WorkSeen,
    owned: Owned,
}

/// Something with the label of a Promise.
#[derive(Debug, Clone, PartialEq)]
struct KnownLabelled {
    promise: Arc<str>,
    owned: Owned,
    /// The object as compact JSON.
    json: Box<[u8]>,
}

/// All that is known.
#[derive(Debug, Default)]
pub(super) struct Store {
    pub(super) promises: Cache<Arc<str>, Arc<KnownPromise>>,
    crds: Cache<Box<str>, (Arc<str>, Arc<Object>)>,
    /// Compact JSON without `managedFields`.
    requests: HashMap<Arc<str>, Cache<Target, Arc<[u8]>>>,
    jobs: Cache<Place, KnownJob>,
    jobs_of: HashMap<Target, BTreeSet<Place>>,
    works: Cache<Place, KnownWork>,
    works_of: HashMap<Target, BTreeSet<Place>>,
    static_works: Cache<Place, (Arc<str>, StaticWork)>,
    labelled: [Cache<Place, KnownLabelled>; LABELLED.len()],
}

pub(super) fn place(object: &Object) -> Place {
    (object.namespace().unwrap_or_default().into(), object.name().into())
}

fn promise_of(object: &Object) -> Arc<str> {
    object.label(labels::PROMISE_NAME).unwrap_or_default().into()
}

impl Store {
    /// Takes an object.
    pub(super) fn put(&mut self, source: Source, feed: &Feed, object: Object) -> Vec<Wake> {
        let mut wakes = Vec::new();
        match feed {
            Feed::Promises => self.put_promise(source, object, &mut wakes),
            Feed::Crds => {
                let (promise, object) = (promise_of(&object), without_managers(object));
                let key = object.name().into();
                let kept = Arc::new(object);
                let value = (Arc::clone(&promise), Arc::clone(&kept));
                if self.crds.put(source, key, &kept, value).is_news() {
                    wakes.extend([Wake::Apis, of_promise(&promise)]);
                }
            }
            Feed::Jobs => self.put_job(source, &object, &mut wakes),
            Feed::Works => self.put_work(source, &object, &mut wakes),
            Feed::StaticWorks => {
                let promise = promise_of(&object);
                let value = (Arc::clone(&promise), StaticWork::from_object(&object));
                let new = value.clone();
                let change = self.static_works.put(source, place(&object), &object, value);
                if is_different(&change, &new) {
                    wakes.push(of_promise(&promise));
                }
            }
            Feed::Labelled(at) => {
                let Some(cache) = self.labelled.get_mut(*at) else { return wakes };
                let promise = promise_of(&object);
                let owned = Owned::from_object(LABELLED[*at], &object);
                let object = without_managers(object);
                let json = compact(&object);
                cache.put(source, place(&object), &object, KnownLabelled { promise, owned, json });
            }
            Feed::Requests(promise) => self.put_request(source, promise, object, &mut wakes),
        }
        wakes
    }

    /// Forgets an object that is gone.
    pub(super) fn remove(&mut self, feed: &Feed, object: &Object) -> Vec<Wake> {
        let mut wakes = Vec::new();
        match feed {
            Feed::Promises => {
                if let Some(gone) = self.promises.remove(object.name(), object) {
                    self.gone_promise(object.name(), &gone, &mut wakes);
                }
            }
            Feed::Crds => {
                if let Some((promise, _)) = self.crds.remove(object.name(), object) {
                    wakes.extend([Wake::Apis, of_promise(&promise)]);
                }
            }
            Feed::Jobs => {
                if let Some(gone) = self.jobs.remove(&place(object), object) {
                    self.gone_job(&place(object), gone, &mut wakes);
                }
            }
            Feed::Works => {
                if let Some(gone) = self.works.remove(&place(object), object) {
                    self.gone_work(&place(object), gone, &mut wakes);
                }
            }
            Feed::StaticWorks => {
                if let Some((promise, _)) = self.static_works.remove(&place(object), object) {
                    wakes.push(of_promise(&promise));
                }
            }
            Feed::Labelled(at) => {
                let cache = self.labelled.get_mut(*at);
                if let Some(gone) = cache.and_then(|cache| cache.remove(&place(object), object)) {
                    wakes.push(of_promise(&gone.promise));
                }
            }
            Feed::Requests(promise) => {
                let target = request_target(promise, object);
                let cache = self.requests.get_mut(promise);
                if cache.and_then(|cache| cache.remove(&target, object)).is_some() {
                    wakes.extend([one(target), of_promise(promise)]);
                }
            }
        }
        wakes
    }

    /// Begins a list of all objects of a feed.
    pub(super) fn begin_list(&mut self, feed: &Feed) {
        match feed {
            Feed::Promises => self.promises.begin_list(),
            Feed::Crds => self.crds.begin_list(),
            Feed::Jobs => self.jobs.begin_list(),
            Feed::Works => self.works.begin_list(),
            Feed::StaticWorks => self.static_works.begin_list(),
            Feed::Labelled(at) => {
                if let Some(cache) = self.labelled.get_mut(*at) {
                    cache.begin_list();
                }
            }
            Feed::Requests(promise) => {
                self.requests.entry(Arc::clone(promise)).or_default().begin_list();
            }
        }
    }

    /// Ends it: what it did not name is gone.
    pub(super) fn end_list(&mut self, feed: &Feed) -> Vec<Wake> {
        let mut wakes = Vec::new();
        match feed {
            Feed::Promises => {
                for (name, gone) in self.promises.end_list() {
                    self.gone_promise(&name, &gone, &mut wakes);
                }
            }
            Feed::Crds => {
                let gone = self.crds.end_list();
                wakes.extend(gone.iter().map(|(_, (promise, _))| of_promise(promise)));
                wakes.push(Wake::Apis);
            }
            Feed::Jobs => {
                for (place, gone) in self.jobs.end_list() {
                    self.gone_job(&place, gone, &mut wakes);
                }
            }
            Feed::Works => {
                for (place, gone) in self.works.end_list() {
                    self.gone_work(&place, gone, &mut wakes);
                }
            }
            Feed::StaticWorks => {
                let gone = self.static_works.end_list();
                wakes.extend(gone.iter().map(|(_, (promise, _))| of_promise(promise)));
            }
            Feed::Labelled(at) => {
                let gone = self.labelled.get_mut(*at).map(Cache::end_list).unwrap_or_default();
                wakes.extend(gone.iter().map(|(_, gone)| of_promise(&gone.promise)));
            }
            Feed::Requests(promise) => {
                let cache = self.requests.entry(Arc::clone(promise)).or_default();
                wakes.extend(cache.end_list().into_iter().map(|(target, _)| one(target)));
                // It may have waited for the list.
                wakes.push(of_promise(promise));
            }
        }
        wakes
    }

    /// Whether all is known that was there when the watch began.
    pub(super) fn is_filled(&self, feed: &Feed) -> bool {
        match feed {
            Feed::Promises => self.promises.is_filled(),
            Feed::Crds => self.crds.is_filled(),
            Feed::Jobs => self.jobs.is_filled(),
            Feed::Works => self.works.is_filled(),
            Feed::StaticWorks => self.static_works.is_filled(),
            Feed::Labelled(at) => self.labelled.get(*at).is_some_and(Cache::is_filled),
            Feed::Requests(promise) => self.requests.get(promise).is_some_and(Cache::is_filled),
        }
    }

    /// Forgets all requests of a Promise: nobody watches them any more.
    pub(super) fn forget_requests(&mut self, promise: &str) {
        self.requests.remove(promise);
    }
}

/// Objects as compact JSON take a tenth of what they take as trees of values.
pub(super) fn compact(object: &Object) -> Box<[u8]> {
    // Every key of a JSON object is text, so it can be written.
    serde_json::to_vec(object).unwrap_or_default().into()
}

fn request_target(promise: &Arc<str>, object: &Object) -> Target {
    Target::request(promise, object.namespace().unwrap_or_default(), object.name())
}

fn one(target: Target) -> Wake {
    Wake::One(target, Priority::Urgent)
}

fn of_promise(promise: &Arc<str>) -> Wake {
    one(Target { promise: Arc::clone(promise), request: None })
}

/// Whether a change is one of what is kept.
fn is_different<V: PartialEq>(change: &Change<V>, new: &V) -> bool {
    match change {
        Change::None => false,
        Change::New => true,
        Change::Newer(old) => old != new,
    }
}
