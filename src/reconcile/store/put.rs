//! What each kind of object means for the store when it comes, changes or goes.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use jiff::Timestamp;

use super::super::cache::{Change, Source};
use super::super::known::{KnownPromise, fingerprint, is_going, without_managers};
use super::super::queue::Priority;
use super::super::target::Target;
use super::{
    KnownJob, KnownWork, LABELLED, Place, Store, Wake, compact, is_different, of_promise, one,
    place, request_target,
};
use crate::contract::{Object, ObjectKey, kinds};
use crate::core::workflow::promise::{OtherPromise, Owned};
use crate::core::workflow::{JobSeen, JobState, WorkSeen};

impl Store {
    pub(super) fn put_promise(&mut self, source: Source, object: Object, wakes: &mut Vec<Wake>) {
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
            if let Some(old) = &old {
                // What it requires no more has it on its list.
                self.related(&old.other, wakes);
            }
        }
    }

    pub(super) fn gone_promise(&self, name: &str, gone: &KnownPromise, wakes: &mut Vec<Wake>) {
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

    pub(super) fn put_job(&mut self, source: Source, object: &Object, wakes: &mut Vec<Wake>) {
        let Some(target) = Target::of_job(object) else { return };
        let mut seen = JobSeen::from_object(object);
        let place = place(object);
        if let Some((_, known)) = self.jobs.get(&place) {
            // No object says so.
            seen.pods_are_gone = known.pods_are_gone && known.uid == seen.uid;
        }
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
        let ends = has_ended(&seen) && old.is_some_and(|old| !has_ended(&old));
        if ends {
            let is_well = seen.state == JobState::Complete;
            wakes.push(Wake::Ended { of: target.clone(), action: seen.action, is_well });
        }
        if target.request.is_some() && self.promise_is_going(&target) {
            wakes.push(of_promise(&target.promise));
        }
        // The status container has written before its Job ended, but that may be heard of after it. Who decided now
        // would meet a conflict.
        let requests = self.requests.get(&target.promise);
        let is_ours = requests.is_some_and(|requests| requests.is_ours(&target));
        wakes.push(if ends && is_ours { Wake::Soon(target) } else { one(target) });
    }

    pub(super) fn gone_job(&mut self, place: &Place, (target, _): KnownJob, wakes: &mut Vec<Wake>) {
        forget_place(&mut self.jobs_of, &target, place);
        if target.request.is_some() && self.promise_is_going(&target) {
            wakes.push(of_promise(&target.promise));
        }
        wakes.push(one(target));
    }

    pub(super) fn put_work(&mut self, source: Source, object: &Object, wakes: &mut Vec<Wake>) {
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

    pub(super) fn gone_work(&mut self, place: &Place, gone: KnownWork, wakes: &mut Vec<Wake>) {
        forget_place(&mut self.works_of, &gone.of, place);
        if gone.of.request.is_some() && self.promise_is_going(&gone.of) {
            wakes.push(of_promise(&gone.of.promise));
        }
        wakes.push(one(gone.of));
    }

    pub(super) fn put_request(
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

    /// Notes that we have deleted an object, before a watch says that it is going or gone. What is of no kind that is
    /// named here is a request of the Promise.
    pub(in crate::reconcile) fn mark_going(
        &mut self,
        promise: &str,
        key: &ObjectKey,
        now: Timestamp,
    ) {
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

    /// Notes that the pods of finished Jobs were deleted. Whoever leads next looks for them once more.
    pub(in crate::reconcile) fn mark_without_pods(&mut self, jobs: &[(String, String)]) {
        for (namespace, name) in jobs {
            let place: Place = (namespace.as_str().into(), name.as_str().into());
            if let Some((_, job)) = self.jobs.get_mut(&place) {
                job.pods_are_gone = true;
            }
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
}

fn forget_place(index: &mut HashMap<Target, BTreeSet<Place>>, target: &Target, place: &Place) {
    if let Some(places) = index.get_mut(target) {
        places.remove(place);
        if places.is_empty() {
            index.remove(target);
        }
    }
}
