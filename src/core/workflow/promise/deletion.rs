//! The end of a Promise (contract.md 8.9): its delete workflow, its requests, and everything that was made for it.
//!
//! Each finalizer goes when its part is done and something else is waited for; the last of them together.

use super::super::{Action, State, engine};
use super::{Owned, Pass, Trouble, api};
use crate::contract::promise_status::INVALID;
use crate::contract::{Kind, ObjectKey, finalizers, kinds, labels};
use crate::core::promise::{WorkflowAction, WorkflowType};
use crate::core::rbac;

/// What is ours of the finalizers of a Promise, by the order in which the parts are done.
const DELETE_WORKFLOWS: &[&str] = &[finalizers::DELETE_WORKFLOWS];
const REQUESTS: &[&str] = &[
    finalizers::DELETE_WORKFLOWS,
    finalizers::RESOURCE_REQUEST_CLEANUP,
    finalizers::REVISION_CLEANUP,
];
const EVERYTHING: &[&str] = &[
    finalizers::DELETE_WORKFLOWS,
    finalizers::RESOURCE_REQUEST_CLEANUP,
    finalizers::REVISION_CLEANUP,
    finalizers::WORKFLOWS_CLEANUP,
    finalizers::DEPENDANTS_CLEANUP,
    finalizers::DEPENDENCIES_CLEANUP,
    finalizers::API_CRD_CLEANUP,
];

impl Pass<'_, '_> {
    /// Goes on with the deletion as far as it can now.
    pub(super) fn delete(&mut self) -> Result<State, Trouble> {
        let seen = self.seen;
        // A configure Job may still be making what the delete workflow shall take away.
        if seen.a_request_runs {
            return Ok(State::Waiting);
        }
        if self.finalizers().iter().any(|name| name == finalizers::DELETE_WORKFLOWS) {
            let promise = seen.promise.map_err(|error| Trouble {
                hint: Some(format!(
                    "mend it, so that its delete workflow can run; or take the finalizer `{}` off, and it does not run",
                    finalizers::DELETE_WORKFLOWS
                )),
                ..Trouble::unreadable(error)
            })?;
            let step = engine::delete(&seen.of_workflow(promise), &mut self.draft)
                .map_err(|error| Trouble::of(INVALID, &error, error.hint()))?;
            if let engine::Step::Not(state) = step {
                return Ok(state);
            }
        }
        if let Err(error) = seen.promise
            && seen.crds.iter().any(|crd| api::is_of(seen, crd))
        {
            // Its requests have delete workflows too.
            let hint = "mend it, so that the delete workflows of its requests can run".into();
            return Err(Trouble { hint: Some(hint), ..Trouble::unreadable(error) });
        }
        if self.is_some_left(seen.requests.iter()) {
            self.release(DELETE_WORKFLOWS);
            return Ok(State::Waiting);
        }
        for job in seen.jobs.iter().filter(|job| !job.is_going) {
            let key = kinds::JOB.object(Some(&job.namespace), &job.name);
            self.remove(key, &job.uid);
        }
        for work in seen.static_works.iter().filter(|work| !work.is_going) {
            self.remove(work.key.clone(), &work.uid);
        }
        let is_left =
            self.is_some_left(seen.labelled.iter().filter(|one| is_ours(seen.name(), one)));
        if !seen.jobs.is_empty() || !seen.static_works.is_empty() || is_left {
            self.release(REQUESTS);
            return Ok(State::Waiting);
        }
        let name = match seen.promise {
            Ok(promise) => promise.api.as_ref().map(|api| api.crd_name()),
            Err(_) => None,
        };
        let crds: Vec<_> = seen
            .crds
            .iter()
            .filter(|crd| {
                crd.label(labels::PROMISE_NAME) == Some(seen.name())
                    && (api::is_of(seen, crd) || name.as_deref() == Some(crd.name()))
            })
            .map(|crd| Owned::from_object(&kinds::CRD, crd))
            .collect();
        if self.is_some_left(crds.iter()) {
            self.release(REQUESTS);
            return Ok(State::Waiting);
        }
        self.release(EVERYTHING);
        Ok(State::Gone)
    }

    /// Deletes what is not going yet; returns whether anything is left.
    fn is_some_left<'o>(&mut self, objects: impl Iterator<Item = &'o Owned>) -> bool {
        let mut is_left = false;
        for object in objects {
            is_left = true;
            if !object.is_going {
                self.remove(object.key.clone(), &object.uid);
            }
        }
        is_left
    }

    fn remove(&mut self, key: ObjectKey, uid: &str) {
        let uid = Some(uid.to_owned()).filter(|uid| !uid.is_empty());
        self.draft.push(Action::Delete { key: Box::new(key), uid });
    }

    /// Takes finalizers off.
    fn release(&mut self, done: &[&str]) {
        self.flush();
        let mut left = self.finalizers();
        left.retain(|name| !done.contains(&name.as_str()));
        self.set_finalizers(left);
    }
}

/// Whether an object with the label of a Promise was made for it. People copy labels, and what is theirs stays: the
/// original deletes it (contract.md 12.D).
fn is_ours(promise: &str, object: &Owned) -> bool {
    let Owned { key, is_applied_by_us, .. } = object;
    *is_applied_by_us
        || key.kind.is_same(&kinds::WORK)
        || is_name_of_ours(promise, &key.kind, &key.name)
}

/// Whether it has a name that only things made for that Promise have (contract.md 4.5). This is how those of Kratix are
/// known.
fn is_name_of_ours(promise: &str, kind: &Kind, name: &str) -> bool {
    if kind.is_same(&kinds::CONFIG_MAP) {
        let scheduling = format!("destination-selectors-{promise}");
        return name == scheduling || name.starts_with(&format!("{scheduling}-"));
    }
    name == rbac::controller_rights_name(promise)
        || WorkflowType::ALL.into_iter().any(|workflow| {
            WorkflowAction::ALL
                .into_iter()
                .any(|action| name.starts_with(&format!("{promise}-{workflow}-{action}-")))
        })
}
