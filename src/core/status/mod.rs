//! Merges what a pipeline reports into the status of its object (contract.md 2.3, 7.3-7.9, 16).
//!
//! [`decide`] is the whole decision. It may be asked again with a newer object after a conflict: what somebody
//! else wrote meanwhile stays, and asking twice about what it decided itself changes nothing more.

mod changes;
mod complete;
mod conditions;
mod merge;
mod notice;
mod pipelines;
mod report;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::control::Control;
use super::sidecar::StageFailure;
use crate::contract::status::{self as names, workflow_action, workflow_type};
use crate::contract::{Object, kinds, labels};

pub use changes::{Change, changes};
pub use notice::{Notice, Refusal};
pub use report::parse as parse_report;

/// Which pipeline of which workflow has just run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run<'a> {
    /// `promise` or `resource`; for any other the list of pipelines stays as it is.
    pub workflow_type: &'a str,
    /// `configure` or `delete`.
    pub action: &'a str,
    /// Name of the pipeline.
    pub pipeline: &'a str,
    /// Whether no pipeline of this workflow comes after it.
    pub is_last: bool,
    /// Whether this is a dry run.
    pub dry_run: bool,
    /// Generation of the object when this run first saw it.
    pub generation: i64,
    /// The time, in whole seconds, when this run first saw the object.
    pub now: Timestamp,
}

/// What is to be written, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// The status to write; `None` when it stands like that already.
    pub status: Option<Map<String, Value>>,
    /// Whether the object must get the label that stops its workflow, after its status is written.
    pub label: bool,
    /// What happens with the workflow.
    pub ending: Ending,
    /// What somebody should know; for the log.
    pub notices: Vec<Notice>,
}

/// What happens with the workflow after this pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It goes on with the next pipeline, or ends without a mark.
    GoesOn,
    /// The last pipeline of a configure workflow is done.
    Completed,
    /// It waits for somebody, or until a time.
    Suspended {
        /// When it is tried again by itself.
        until: Option<Timestamp>,
    },
}

/// Decides what becomes of the object's status.
///
/// `report` is what the pipeline wrote into its status file, `control` its workflow control file.
pub fn decide(
    object: &Object,
    report: &Map<String, Value>,
    control: &Control,
    run: &Run<'_>,
) -> Result<Decision, Refusal> {
    let mut notices = Vec::new();
    let before = status_of(object, &mut notices);
    let mut status = before.clone();
    merge::merge(&mut status, report, is_promise(object), &mut notices)?;
    if run.workflow_type == workflow_type::PROMISE {
        notices.extend(merge::unsupported(report));
    }
    let ending = end(&mut status, control, run, &mut notices)?;
    if run.dry_run {
        status.insert(names::MESSAGE.into(), names::message::DRY_RUN_EXECUTED.into());
    }
    Ok(Decision {
        status: (status != before).then_some(status),
        label: matches!(ending, Ending::Suspended { .. }) && !is_labelled(object),
        ending,
        notices,
    })
}

/// Decides what becomes of the object's status while the pipeline runs: what it has reported so far, and the stage that
/// has failed. Nothing is completed, cleared or suspended by it.
///
/// Without a failure, one that an earlier run of this pipeline has left is taken away.
pub fn publish(
    object: &Object,
    report: &Map<String, Value>,
    failure: Option<&StageFailure>,
    pipeline: &str,
) -> Result<Decision, Refusal> {
    let mut notices = Vec::new();
    let before = status_of(object, &mut notices);
    let mut status = before.clone();
    merge::merge(&mut status, report, is_promise(object), &mut notices)?;
    let told = status.get(names::STAGE_FAILURE);
    let is_ours = told.is_some_and(|told| told[names::stage_failure::PIPELINE] == pipeline);
    match failure {
        Some(failure) => {
            status.insert(names::STAGE_FAILURE.into(), failure.to_value(pipeline));
        }
        None if is_ours => {
            status.remove(names::STAGE_FAILURE);
        }
        None => {}
    }
    let status = (status != before).then_some(status);
    Ok(Decision { status, label: false, ending: Ending::GoesOn, notices })
}

/// Returns the status of an object as a map; what is none counts as empty, and it is said.
fn status_of(object: &Object, notices: &mut Vec<Notice>) -> Map<String, Value> {
    match object.status() {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(status)) => status.clone(),
        Some(_) => {
            notices.push(Notice::StatusNotAMap);
            Map::new()
        }
    }
}

/// Completes, clears or suspends, in Kratix's order.
fn end(
    status: &mut Map<String, Value>,
    control: &Control,
    run: &Run<'_>,
    notices: &mut Vec<Notice>,
) -> Result<Ending, Refusal> {
    let known_type = [workflow_type::PROMISE, workflow_type::RESOURCE].contains(&run.workflow_type);
    if control.stops() {
        if !known_type {
            notices.push(Notice::ControlIgnored { workflow_type: run.workflow_type.to_owned() });
            return Ok(Ending::GoesOn);
        }
        let until = pipelines::suspend(status, control, run)?;
        notices.extend(control.unusable_retry_after.clone().map(Notice::RetryIgnored));
        return Ok(Ending::Suspended { until });
    }
    let completes = run.is_last && run.action != workflow_action::DELETE;
    if run.is_last {
        pipelines::forget_suspension(status, run);
    }
    if completes {
        complete::mark(status, run);
    }
    if known_type {
        notices.extend(pipelines::clear(status, run));
    }
    Ok(if completes { Ending::Completed } else { Ending::GoesOn })
}

/// Whether the pipeline's entry says `Suspended` in an answer of the server; also true where there is nothing to ask.
pub fn suspension_was_kept(answer: &Object, run: &Run<'_>) -> bool {
    answer
        .status()
        .and_then(Value::as_object)
        .is_some_and(|status| pipelines::is_suspended(status, run))
}

/// Whether what Kratix keeps of workflows stands in the server's answer as it was sent.
///
/// An old schema drops fields without a word (contract.md 16).
pub fn workflows_were_kept(sent: &Map<String, Value>, answer: &Object) -> bool {
    let sent = sent.get(names::KRATIX).and_then(|kratix| kratix.get(names::WORKFLOWS));
    sent.is_none() || sent == answer.at(&["status", names::KRATIX, names::WORKFLOWS])
}

fn is_promise(object: &Object) -> bool {
    let group = object.api_version().split('/').next().unwrap_or_default();
    object.kind() == kinds::PROMISE.kind && group == kinds::KRATIX_GROUP
}

fn is_labelled(object: &Object) -> bool {
    object.label(labels::WORKFLOW_SUSPENDED) == Some(labels::TRUE)
}
