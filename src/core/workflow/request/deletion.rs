//! A request goes: its delete workflow, its Works, its Jobs, and then itself (contract.md 8.9).

use super::{FINALIZERS, finalizers_of};
use crate::contract::{Kind, Object, finalizers, kinds, labels};
use crate::core::pipeline::{PipelineError, job_namespace};
use crate::core::workflow::engine::{self, Step};
use crate::core::workflow::{Action, Draft, Metadata, Plan, Seen, State, prune};

/// Returns the finalizers that hold a request and that we take off: our own, and that of a kind of Kratix's which nobody
/// makes here.
pub(super) fn held_by(object: &Object) -> Vec<&str> {
    let ours =
        |name: &&str| FINALIZERS.contains(name) || *name == finalizers::RESOURCE_BINDING_CLEANUP;
    finalizers_of(object).into_iter().filter(ours).collect()
}

/// Decides what to do next for a request that is being deleted.
pub(super) fn plan(seen: &Seen<'_>) -> Result<Plan, PipelineError> {
    let mut draft = Draft::new(seen);
    if let Step::Not(state) = engine::delete(seen, &mut draft)? {
        return Ok(draft.finish(state));
    }
    let works: Vec<_> = seen.works.iter().filter(|work| !work.is_going).collect();
    let jobs: Vec<_> = seen.jobs.iter().filter(|job| !job.is_going).collect();
    if !works.is_empty() || !jobs.is_empty() {
        // That the delete workflow is done must stand there before its Job, which tells it, goes.
        draft.guard();
    }
    for work in works {
        draft.push(Action::Delete {
            key: Box::new(kinds::WORK.object(Some(&work.namespace), &work.name)),
            uid: Some(work.uid.clone()),
        });
    }
    for job in jobs {
        prune::delete(job, &mut draft);
    }
    if !seen.works.is_empty() || !seen.jobs.is_empty() {
        return Ok(draft.finish(State::Waiting));
    }
    let namespace = job_namespace(seen.promise, Some(seen.object))?;
    for kind in [kinds::WORK, kinds::JOB] {
        let labels = own_labels(seen, &kind);
        draft.push(Action::NoneLeft {
            kind: Box::new(kind),
            namespace: namespace.to_owned(),
            labels,
        });
    }
    let ours = held_by(seen.object);
    let others = finalizers_of(seen.object).into_iter().filter(|name| !ours.contains(name));
    let finalizers = Some(others.map(str::to_owned).collect());
    draft.metadata(Metadata { finalizers, ..Metadata::default() });
    Ok(draft.finish(State::Gone))
}

/// The labels of this request's Works or Jobs, and of nobody else's. People copy labels (contract.md 12.D): a Job is known
/// by more of them.
fn own_labels(seen: &Seen<'_>, kind: &Kind) -> Vec<(&'static str, String)> {
    let mut all = vec![
        (labels::PROMISE_NAME, seen.promise.name.clone()),
        (labels::RESOURCE_NAME, seen.object.name().to_owned()),
    ];
    if kind.is_same(&kinds::JOB) {
        all.push((labels::MANAGED_BY, labels::MANAGED_BY_KRATIX.to_owned()));
        all.push((labels::WORKFLOW_TYPE, seen.workflow.as_str().to_owned()));
    }
    if seen.promise.pipeline_namespace.is_some() {
        let namespace = seen.object.namespace().unwrap_or_default().to_owned();
        all.push((labels::RESOURCE_NAMESPACE, namespace));
    }
    all
}
