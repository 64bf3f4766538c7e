//! Everything that is known of the cluster: one cache for each kind, trimmed to what decisions need, and who is to be
//! looked at when something in it changes.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use jiff::Timestamp;

use crate::contract::{Kind, Object, ObjectKey, kinds, labels};
use crate::core::promise::WorkflowAction;
use crate::core::workflow::promise::{OtherPromise, Owned, StaticWork};
use crate::core::workflow::{JobSeen, JobState, WorkSeen};

use super::cache::{Cache, Change, Source};
use super::known::{KnownPromise, fingerprint, is_going, without_managers};
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

fn place(object: &Object) -> Place {
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

    fn put_promise(&mut self, source: Source, object: Object, wakes: &mut Vec<Wake>) {
        let object = without_managers(object);
        let name: Arc<str> = object.name().into();
        let new = Arc::new(KnownPromise::from_object(&object));
        let old = match self.promises.put(source, Arc::clone(&name), &object, Arc::clone(&new)) {
            Change::None => return,
            Change::New => None,
            Change::Newer(old) => Some(old),
        };
        wakes.push(of_promise(&name));
        let old_print = old.as_ref().map(|old| fingerprint(old.object()));
        if old_print != Some(fingerprint(new.object())) {
            wakes.extend([Wake::Apis, Wake::RequestsOf(Arc::clone(&name))]);
        }
        if old.as_ref().is_none_or(|old| old.other != new.other) {
            self.related(&new.other, wakes);
        }
    }

    fn gone_promise(&self, name: &str, gone: &KnownPromise, wakes: &mut Vec<Wake>) {
        wakes.extend([Wake::Apis, of_promise(&name.into())]);
        self.related(&gone.other, wakes);
    }

    /// Promises that require this one, and those that it requires.
    fn related(&self, this: &OtherPromise, wakes: &mut Vec<Wake>) {
        for (name, known) in self.promises.iter() {
            let requires = |one: &OtherPromise, other: &str| {
                one.requires.iter().any(|required| required.name == other)
            };
            if **name != *this.name && (requires(&known.other, &this.name) || requires(this, name))
            {
                wakes.push(of_promise(name));
            }
        }
    }

    fn put_job(&mut self, source: Source, object: &Object, wakes: &mut Vec<Wake>) {
        let Some(target) = Target::of_job(object) else { return };
        let seen = JobSeen::from_object(object);
        let place = place(object);
        let new = (target.clone(), seen.clone());
        let old = match self.jobs.put(source, place.clone(), object, new) {
            Change::None => return,
            Change::New => None,
            Change::Newer((of, old)) => {
                if of != target {
                    forget_place(&mut self.jobs_of, &of, &place);
                }
                Some(old)
            }
        };
        self.jobs_of.entry(target.clone()).or_default().insert(place);
        if old.as_ref() == Some(&seen) {
            return;
        }
        let has_ended = |job: &JobSeen| matches!(job.state, JobState::Complete | JobState::Failed);
        if has_ended(&seen) && old.is_some_and(|old| !has_ended(&old)) {
            let is_well = seen.state == JobState::Complete;
            wakes.push(Wake::Ended { of: target.clone(), action: seen.action, is_well });
        }
        if target.request.is_some() && self.promise_is_going(&target) {
            wakes.push(of_promise(&target.promise));
        }
        wakes.push(one(target));
    }

    fn gone_job(&mut self, place: &Place, (target, _): KnownJob, wakes: &mut Vec<Wake>) {
        forget_place(&mut self.jobs_of, &target, place);
        if target.request.is_some() && self.promise_is_going(&target) {
            wakes.push(of_promise(&target.promise));
        }
        wakes.push(one(target));
    }

    fn put_work(&mut self, source: Source, object: &Object, wakes: &mut Vec<Wake>) {
        let Some(of) = Target::of_work(object) else { return };
        let place = place(object);
        let owned = Owned::from_object(&kinds::WORK, object);
        let new = KnownWork { of: of.clone(), seen: WorkSeen::from_object(object), owned };
        let change = self.works.put(source, place.clone(), object, new.clone());
        if let Change::Newer(old) = &change
            && old.of != of
        {
            forget_place(&mut self.works_of, &old.of, &place);
        }
        if change.is_news() {
            self.works_of.entry(of.clone()).or_default().insert(place);
        }
        if is_different(&change, &new) {
            wakes.push(one(of));
        }
    }

    fn gone_work(&mut self, place: &Place, gone: KnownWork, wakes: &mut Vec<Wake>) {
        forget_place(&mut self.works_of, &gone.of, place);
        if gone.of.request.is_some() && self.promise_is_going(&gone.of) {
            wakes.push(of_promise(&gone.of.promise));
        }
        wakes.push(one(gone.of));
    }

    fn put_request(
        &mut self,
        source: Source,
        promise: &Arc<str>,
        object: Object,
        wakes: &mut Vec<Wake>,
    ) {
        let target = request_target(promise, &object);
        let object = without_managers(object);
        let cache = self.requests.entry(Arc::clone(promise)).or_default();
        if !cache.put(source, target.clone(), &object, compact(&object).into()).is_news() {
            return;
        }
        // Whoever has begun comes first.
        let has_begun = self.jobs_of.contains_key(&target);
        let priority = if has_begun { Priority::Urgent } else { Priority::Ordinary };
        wakes.push(Wake::One(target, priority));
    }

    fn promise_is_going(&self, target: &Target) -> bool {
        self.promises.get(&target.promise).is_some_and(|promise| is_going(promise.object()))
    }

    /// Jobs of an object.
    pub(super) fn jobs_of(&self, target: &Target) -> Vec<JobSeen> {
        let places = self.jobs_of.get(target).into_iter().flatten();
        places.filter_map(|place| Some(self.jobs.get(place)?.1.clone())).collect()
    }

    /// Works of an object.
    pub(super) fn works_of(&self, target: &Target) -> Vec<WorkSeen> {
        let places = self.works_of.get(target).into_iter().flatten();
        places.filter_map(|place| Some(self.works.get(place)?.seen.clone())).collect()
    }

    /// Works of the dependencies of a Promise.
    pub(super) fn static_works_of(&self, promise: &str) -> Vec<StaticWork> {
        let of_it = self.static_works.iter().filter(|(_, (of, _))| **of == *promise);
        of_it.map(|(_, (_, work))| work.clone()).collect()
    }

    /// CRDs with the label of a Promise.
    pub(super) fn crds_of(&self, promise: &str) -> Vec<Object> {
        let of_it = self.crds.iter().filter(|(_, (of, _))| **of == *promise);
        of_it.map(|(_, (_, crd))| Object::clone(crd)).collect()
    }

    /// A CRD, if it has the label of a Promise.
    pub(super) fn crd(&self, name: &str) -> Option<Arc<Object>> {
        Some(Arc::clone(&self.crds.get(name)?.1))
    }

    /// A request.
    pub(super) fn request(&self, target: &Target) -> Option<Arc<[u8]>> {
        self.requests.get(&target.promise)?.get(target).map(Arc::clone)
    }

    /// Requests of a Promise.
    pub(super) fn requests_of(&self, promise: &str) -> Vec<(Target, Arc<[u8]>)> {
        let all = self.requests.get(promise).into_iter().flat_map(Cache::iter);
        all.map(|(target, json)| (target.clone(), Arc::clone(json))).collect()
    }

    /// How many requests are known.
    pub(super) fn requests_len(&self) -> usize {
        self.requests.values().map(Cache::len).sum()
    }

    /// All that is reconciled.
    pub(super) fn targets(&self) -> Vec<Target> {
        let promises = self.promises.iter().map(|(name, _)| Target::promise(name));
        let requests = self.requests.values().flat_map(Cache::iter);
        promises.chain(requests.map(|(target, _)| target.clone())).collect()
    }

    /// Whose Jobs run.
    pub(super) fn running(&self) -> Vec<Target> {
        let running = self.jobs.iter().filter(|(_, (_, job))| job.state.is_running());
        running.map(|(_, (target, _))| target.clone()).collect()
    }

    /// Whether a Job of a configure workflow of a request of the Promise runs.
    pub(super) fn a_request_runs(&self, promise: &str) -> bool {
        self.jobs.iter().any(|(_, (target, job))| {
            *target.promise == *promise
                && target.request.is_some()
                && job.action == Some(WorkflowAction::Configure)
                && job.state.is_running()
        })
    }

    /// Everything else that carries the name of a Promise as label.
    pub(super) fn labelled_of(&self, promise: &str) -> Vec<Owned> {
        let works = self.works.iter().filter(|(_, work)| *work.of.promise == *promise);
        let others = self.labelled.iter().flat_map(Cache::iter);
        let others = others.filter(|(_, known)| *known.promise == *promise);
        works
            .map(|(_, work)| work.owned.clone())
            .chain(others.map(|(_, known)| known.owned.clone()))
            .collect()
    }

    /// Notes that we have deleted an object, before a watch says that it is going or gone. What is of no kind that is
    /// named here is a request of the Promise.
    pub(super) fn mark_going(&mut self, promise: &str, key: &ObjectKey, now: Timestamp) {
        let place: Place =
            (key.namespace.as_deref().unwrap_or_default().into(), key.name.as_str().into());
        if key.kind.is_same(&kinds::JOB) {
            if let Some((_, job)) = self.jobs.get_mut(&place) {
                job.is_going = true;
            }
        } else if key.kind.is_same(&kinds::WORK) {
            if let Some(work) = self.works.get_mut(&place) {
                work.seen.is_going = true;
                work.owned.is_going = true;
            }
            if let Some((_, work)) = self.static_works.get_mut(&place) {
                work.is_going = true;
            }
        } else if let Some(at) = LABELLED.iter().position(|kind| kind.is_same(&key.kind)) {
            if let Some(known) = self.labelled[at].get_mut(&place) {
                known.owned.is_going = true;
            }
        } else {
            self.mark_request_going(promise, &place, now);
        }
    }

    fn mark_request_going(&mut self, promise: &str, (namespace, name): &Place, now: Timestamp) {
        let target = Target::request(promise, namespace, name);
        let json = self.requests.get_mut(promise).and_then(|all| all.get_mut(&target));
        let Some(json) = json else { return };
        let Ok(mut object) = serde_json::from_slice::<Object>(json) else { return };
        if !is_going(&object) {
            object.set_metadata("deletionTimestamp", now.to_string());
            *json = compact(&object).into();
        }
    }

    /// An object of [`LABELLED`]; `None` also for one that carries no label.
    pub(super) fn labelled(&self, key: &ObjectKey) -> Option<Object> {
        let at = LABELLED.iter().position(|kind| kind.is_same(&key.kind))?;
        let place = (key.namespace.as_deref().unwrap_or_default().into(), key.name.as_str().into());
        serde_json::from_slice(&self.labelled[at].get(&place as &Place)?.json).ok()
    }

    /// All objects of one of [`LABELLED`], in one namespace or in all.
    pub(super) fn all_labelled(&self, kind: &Kind, namespace: Option<&str>) -> Vec<Object> {
        let Some(at) = LABELLED.iter().position(|one| one.is_same(kind)) else {
            return Vec::new();
        };
        let all = self.labelled[at].iter();
        let here = all.filter(|((of, _), _)| namespace.is_none_or(|one| **of == *one));
        let mut found: Vec<Object> =
            here.filter_map(|(_, known)| serde_json::from_slice(&known.json).ok()).collect();
        found.sort_by(|a, b| (a.namespace(), a.name()).cmp(&(b.namespace(), b.name())));
        found
    }
}

/// Objects as compact JSON take a tenth of what they take as trees of values.
fn compact(object: &Object) -> Box<[u8]> {
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

fn forget_place(index: &mut HashMap<Target, BTreeSet<Place>>, target: &Target, place: &Place) {
    if let Some(places) = index.get_mut(target) {
        places.remove(place);
        if places.is_empty() {
            index.remove(target);
        }
    }
}
