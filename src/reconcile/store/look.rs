//! What is known, for whoever decides.

use std::sync::Arc;

use super::super::cache::Cache;
use super::super::target::Target;
use super::{LABELLED, Place, Store};
use crate::contract::{Kind, Object, ObjectKey};
use crate::core::promise::WorkflowAction;
use crate::core::workflow::promise::{Owned, StaticWork};
use crate::core::workflow::{JobSeen, WorkSeen};

impl Store {
    /// Jobs of an object.
    pub(in crate::reconcile) fn jobs_of(&self, target: &Target) -> Vec<JobSeen> {
        let places = self.jobs_of.get(target).into_iter().flatten();
        places.filter_map(|place| Some(self.jobs.get(place)?.1.clone())).collect()
    }

    /// Works of an object.
    pub(in crate::reconcile) fn works_of(&self, target: &Target) -> Vec<WorkSeen> {
        let places = self.works_of.get(target).into_iter().flatten();
        places.filter_map(|place| Some(self.works.get(place)?.seen.clone())).collect()
    }

    /// Works of the dependencies of a Promise.
    pub(in crate::reconcile) fn static_works_of(&self, promise: &str) -> Vec<StaticWork> {
        let of_it = self.static_works.iter().filter(|(_, (of, _))| **of == *promise);
        of_it.map(|(_, (_, work))| work.clone()).collect()
    }

    /// CRDs with the label of a Promise.
    pub(in crate::reconcile) fn crds_of(&self, promise: &str) -> Vec<Object> {
        let of_it = self.crds.iter().filter(|(_, (of, _))| **of == *promise);
        of_it.map(|(_, (_, crd))| Object::clone(crd)).collect()
    }

    /// A CRD, if it has the label of a Promise.
    pub(in crate::reconcile) fn crd(&self, name: &str) -> Option<Arc<Object>> {
        Some(Arc::clone(&self.crds.get(name)?.1))
    }

    /// A request.
    pub(in crate::reconcile) fn request(&self, target: &Target) -> Option<Arc<[u8]>> {
        self.requests.get(&target.promise)?.get(target).map(Arc::clone)
    }

    /// Requests of a Promise.
    pub(in crate::reconcile) fn requests_of(&self, promise: &str) -> Vec<(Target, Arc<[u8]>)> {
        let all = self.requests.get(promise).into_iter().flat_map(Cache::iter);
        all.map(|(target, json)| (target.clone(), Arc::clone(json))).collect()
    }

    /// How many requests are known.
    pub(in crate::reconcile) fn requests_len(&self) -> usize {
        self.requests.values().map(Cache::len).sum()
    }

    /// All that is reconciled.
    pub(in crate::reconcile) fn targets(&self) -> Vec<Target> {
        let promises = self.promises.iter().map(|(name, _)| Target::promise(name));
        let requests = self.requests.values().flat_map(Cache::iter);
        promises.chain(requests.map(|(target, _)| target.clone())).collect()
    }

    /// Whose Jobs run.
    pub(in crate::reconcile) fn running(&self) -> Vec<Target> {
        let running = self.jobs.iter().filter(|(_, (_, job))| job.state.is_running());
        running.map(|(_, (target, _))| target.clone()).collect()
    }

    /// Whether a Job of a configure workflow of a request of the Promise runs.
    pub(in crate::reconcile) fn a_request_runs(&self, promise: &str) -> bool {
        self.jobs.iter().any(|(_, (target, job))| {
            *target.promise == *promise
                && target.request.is_some()
                && job.action == Some(WorkflowAction::Configure)
                && job.state.is_running()
        })
    }

    /// Everything else that carries the name of a Promise as label.
    pub(in crate::reconcile) fn labelled_of(&self, promise: &str) -> Vec<Owned> {
        let works = self.works.iter().filter(|(_, work)| *work.of.promise == *promise);
        let others = self.labelled.iter().flat_map(Cache::iter);
        let others = others.filter(|(_, known)| *known.promise == *promise);
        works
            .map(|(_, work)| work.owned.clone())
            .chain(others.map(|(_, known)| known.owned.clone()))
            .collect()
    }

    /// An object of [`LABELLED`]; `None` also for one that carries no label.
    pub(in crate::reconcile) fn labelled(&self, key: &ObjectKey) -> Option<Object> {
        let at = LABELLED.iter().position(|kind| kind.is_same(&key.kind))?;
        let place = (key.namespace.as_deref().unwrap_or_default().into(), key.name.as_str().into());
        serde_json::from_slice(&self.labelled[at].get(&place as &Place)?.json).ok()
    }

    /// All objects of one of [`LABELLED`] of a Promise, in one namespace or in all.
    pub(in crate::reconcile) fn all_labelled(
        &self,
        kind: &Kind,
        promise: &str,
        namespace: Option<&str>,
    ) -> Vec<Object> {
        let Some(at) = LABELLED.iter().position(|one| one.is_same(kind)) else {
            return Vec::new();
        };
        let all = self.labelled[at].iter();
        let of_it = all.filter(|(_, known)| *known.promise == *promise);
        let here = of_it.filter(|((of, _), _)| namespace.is_none_or(|one| **of == *one));
        let mut found: Vec<Object> =
            here.filter_map(|(_, known)| serde_json::from_slice(&known.json).ok()).collect();
        found.sort_by(|a, b| (a.namespace(), a.name()).cmp(&(b.namespace(), b.name())));
        found
    }
}
