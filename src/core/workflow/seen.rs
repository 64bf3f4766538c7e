//! What is seen of an object before its next step is decided.

use jiff::Timestamp;
use serde_json::Value;

use super::Layout;
use crate::contract::placement::OBSERVED_GENERATION;
use crate::contract::{Object, labels};
use crate::core::config::Config;
use crate::core::promise::{Promise, WorkflowAction, WorkflowType};

/// Everything that is known of one object: a request, or a Promise as the object of its own workflows.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// The Promise, as it is now.
    pub promise: &'a Promise,
    /// The request, or the Promise itself.
    pub object: &'a Object,
    /// Which of the two.
    pub workflow: WorkflowType,
    /// Its Jobs, of both actions, in any order.
    pub jobs: &'a [JobSeen],
    /// Names of Jobs that were looked for just now ([`super::Action::Look`]) and are not there.
    pub absent: &'a [String],
    /// Names under which another object's Job was found when ours was to be created: five hex digits of a hash can be
    /// the same twice.
    pub taken: &'a [String],
    /// Its Works.
    pub works: &'a [WorkSeen],
    /// Settings of the installation.
    pub config: &'a Config,
    /// How a status is laid out.
    pub layout: Layout,
    /// Whether one more workflow may start now: what limits how many run at once. One that runs goes on anyway.
    pub may_start: bool,
    /// Whether the Promise can fulfil requests: its API is there and what it requires is installed.
    pub promise_is_available: bool,
    /// The time now, by the clock of the cluster.
    pub now: Timestamp,
}

/// How far a Job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobState {
    /// It runs, or will.
    Running,
    /// It has been told to stop and has not stopped yet.
    Stopping,
    /// It has been stopped: no pod of it runs.
    Stopped,
    /// It has succeeded.
    Complete,
    /// It has failed.
    Failed,
}

impl JobState {
    /// Whether a pod of it may run.
    pub fn is_running(self) -> bool {
        matches!(self, Self::Running | Self::Stopping)
    }
}

/// What is known of a Job. A cache keeps no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobSeen {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Its uid.
    pub uid: String,
    /// Label `kratix.io/workflow-action`; `None` when it is neither of the two.
    pub action: Option<WorkflowAction>,
    /// Label `kratix.io/pipeline-name`.
    pub pipeline: String,
    /// Label `kratix.io/hash`.
    pub hash: String,
    /// Number of its run; `None` for a Job of Kratix.
    pub run: Option<i64>,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// When it ended, well or not.
    pub finished: Option<Timestamp>,
    /// How far it is.
    pub state: JobState,
    /// Whether it is being deleted.
    pub is_going: bool,
    /// Whether nothing is left of its pods as far as is known.
    pub pods_are_gone: bool,
}

impl JobSeen {
    /// Reads what is known from a Job; a condition counts only when its status is `True` (contract.md 12.C).
    pub fn from_object(job: &Object) -> Self {
        let label = |key| job.label(key).unwrap_or_default().to_owned();
        let action = job.label(labels::WORKFLOW_ACTION);
        let time = |path: &[&str]| job.text_at(path).and_then(|text| text.parse().ok());
        Self {
            name: job.name().to_owned(),
            namespace: job.namespace().unwrap_or_default().to_owned(),
            uid: job.uid().unwrap_or_default().to_owned(),
            action: WorkflowAction::ALL.into_iter().find(|one| Some(one.as_str()) == action),
            pipeline: label(labels::PIPELINE_NAME),
            hash: label(labels::HASH),
            run: job.annotation(labels::RUN).and_then(|text| text.parse().ok()),
            created: time(&["metadata", "creationTimestamp"]),
            finished: time(&["status", "completionTime"]).or_else(|| {
                condition(job, "Failed")?.get("lastTransitionTime")?.as_str()?.parse().ok()
            }),
            state: state(job),
            is_going: job.text_at(&["metadata", "deletionTimestamp"]).is_some(),
            pods_are_gone: false,
        }
    }
}

/// Returns the condition of that type when it is true.
fn condition<'a>(job: &'a Object, kind: &str) -> Option<&'a Value> {
    let conditions = job.at(&["status", "conditions"])?.as_array()?;
    let at = |condition: &Value, key: &str| {
        condition.get(key).and_then(Value::as_str)
            == Some(match key {
                "type" => kind,
                _ => "True",
            })
    };
    conditions.iter().find(|one| at(one, "type") && at(one, "status"))
}

fn state(job: &Object) -> JobState {
    let wants_to_stop = job.at(&["spec", "suspend"]).and_then(Value::as_bool) == Some(true);
    if condition(job, "Complete").is_some() {
        JobState::Complete
    } else if condition(job, "Failed").is_some() {
        JobState::Failed
    } else if !wants_to_stop {
        JobState::Running
    } else if condition(job, "Suspended").is_some() {
        JobState::Stopped
    } else {
        JobState::Stopping
    }
}

/// What is known of a Work. A cache keeps no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkSeen {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Its uid.
    pub uid: String,
    /// Label `kratix.io/work-type`.
    pub work_type: String,
    /// Label `kratix.io/pipeline-name`.
    pub pipeline: String,
    /// Message of its condition `Ready`; empty when it has none yet, or one of another generation.
    pub ready: String,
    /// Whether it is being deleted.
    pub is_going: bool,
}

impl WorkSeen {
    /// Reads what is known from a Work.
    pub fn from_object(work: &Object) -> Self {
        let label = |key| work.label(key).unwrap_or_default().to_owned();
        let conditions = work.at(&["status", "conditions"]).and_then(Value::as_array);
        let ready =
            conditions.into_iter().flatten().find(|one| one.get("type") == Some(&"Ready".into()));
        // What it said of its generation before says nothing of what is to be written now.
        let observed = |one: &&Value| one.get(OBSERVED_GENERATION).and_then(Value::as_i64);
        let is_of_now = |one: &&Value| observed(one).is_none_or(|of| Some(of) == work.generation());
        let message = ready.filter(is_of_now).and_then(|one| one.get("message")?.as_str());
        Self {
            name: work.name().to_owned(),
            namespace: work.namespace().unwrap_or_default().to_owned(),
            uid: work.uid().unwrap_or_default().to_owned(),
            work_type: label(labels::WORK_TYPE),
            pipeline: label(labels::PIPELINE_NAME),
            ready: message.unwrap_or_default().to_owned(),
            is_going: work.text_at(&["metadata", "deletionTimestamp"]).is_some(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_work_is_ready_only_in_its_present_generation() {
        for (observed, expect) in [(json!(null), "Ready"), (json!(2), "Ready"), (json!(1), "")] {
            let condition =
                json!({"type": "Ready", "message": "Ready", "observedGeneration": observed});
            let work =
                json!({"metadata": {"generation": 2}, "status": {"conditions": [condition]}});
            let seen = WorkSeen::from_object(&Object::from_value(work).unwrap());
            assert_eq!(seen.ready, expect);
        }
    }
}
