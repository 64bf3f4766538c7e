//! Removes what is not needed any more: old Jobs, their pods, Works of pipelines that are gone (contract.md 8.3, 11).

use std::collections::BTreeMap;

use super::{Action, Draft, JobSeen, Seen};
use crate::contract::kinds;
use crate::core::pipeline::job_namespace;
use crate::core::promise::{WorkflowAction, WorkflowType};

/// Deletes all but the newest finished Jobs of each pipeline.
pub fn jobs(seen: &Seen<'_>, draft: &mut Draft) {
    let mut by_pipeline: BTreeMap<_, Vec<&JobSeen>> = BTreeMap::new();
    for job in seen.jobs.iter().filter(|job| !job.state.is_running()) {
        by_pipeline.entry((job.action, &job.pipeline)).or_default().push(job);
    }
    let kept = usize::try_from(seen.config.jobs_kept).unwrap_or(usize::MAX);
    for mut all in by_pipeline.into_values() {
        all.sort_by_key(|job| std::cmp::Reverse((job.run, job.created, &job.name)));
        for job in all.into_iter().skip(kept).filter(|job| !job.is_going) {
            delete(job, draft);
        }
    }
}

/// Deletes a Job.
pub fn delete(job: &JobSeen, draft: &mut Draft) {
    draft.aside(Action::Delete {
        key: Box::new(kinds::JOB.object(Some(&job.namespace), &job.name)),
        uid: Some(job.uid.clone()),
    });
}

/// Deletes the Works of pipelines that the configure workflow has no more, and those of before its Jobs ran in another
/// namespace: what has run since has written others.
pub fn works(seen: &Seen<'_>, draft: &mut Draft) {
    let pipelines = seen.promise.pipelines(seen.workflow, WorkflowAction::Configure);
    let request = (seen.workflow == WorkflowType::Resource).then_some(seen.object);
    let home = job_namespace(seen.promise, request).ok();
    for work in seen.works.iter().filter(|work| !work.is_going) {
        let is_of_this = work.work_type == seen.workflow.as_str();
        let is_current = pipelines.iter().any(|pipeline| pipeline.name == work.pipeline)
            && home.is_none_or(|home| home == work.namespace);
        if is_of_this && !is_current {
            draft.aside(Action::Delete {
                key: Box::new(kinds::WORK.object(Some(&work.namespace), &work.name)),
                uid: Some(work.uid.clone()),
            });
        }
    }
}

/// Deletes the pods of Jobs that have been finished for long enough.
pub fn pods(seen: &Seen<'_>, draft: &mut Draft) {
    let Some(time) = seen.config.pod_ttl_after_finished else { return };
    for job in seen.jobs.iter().filter(|job| !job.pods_are_gone && !job.is_going) {
        let Some(due) = job.finished.and_then(|end| end.checked_add(time).ok()) else { continue };
        if due > seen.now {
            draft.wake_at(due);
        } else {
            let (namespace, job) = (job.namespace.clone(), job.name.clone());
            draft.aside(Action::DeletePods { namespace, job });
        }
    }
}
