//! What happens to an object next: by itself, or only when somebody does something.

use jiff::Timestamp;

use super::{Layout, PipelineView, StatusView, WorkflowView};
use crate::contract::status::{counter, phase, workflow_action, workflow_type};
use crate::contract::{kinds, labels};
use crate::core::text::span;

/// Where the object stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outlook {
    /// In one word.
    pub state: State,
    /// In a sentence.
    pub says: String,
    /// What a person can do.
    pub todo: Vec<Todo>,
}

/// Where the object stands, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// No controller has touched it, or it has no workflow.
    Untouched,
    /// The controller leaves it alone.
    Paused,
    /// A pipeline asked to wait.
    Suspended,
    /// A pipeline failed.
    Failed,
    /// A pipeline runs.
    Running,
    /// The next pipeline has not started.
    Pending,
    /// The workflow is done, its Works are not.
    Placing,
    /// Nothing is left to do.
    Done,
}

impl State {
    /// Returns the word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Untouched => "untouched",
            Self::Paused => "paused",
            Self::Suspended => "suspended",
            Self::Failed => "failed",
            Self::Running => "running",
            Self::Pending => "pending",
            Self::Placing => "placing",
            Self::Done => "done",
        }
    }
}

/// One thing that a person can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Todo {
    /// What for.
    pub purpose: &'static str,
    /// The command.
    pub command: String,
}

/// Returns what becomes of the object.
pub fn outlook(view: &StatusView, now: Timestamp) -> Outlook {
    let workflows = current(view);
    let first = |wanted: &str| {
        let found = |workflow: &&WorkflowView| {
            workflow.pipelines.iter().any(|pipeline| pipeline.phase == wanted)
        };
        let workflow = *workflows.iter().find(|workflow| found(workflow))?;
        let pipeline = workflow.pipelines.iter().find(|pipeline| pipeline.phase == wanted)?;
        Some((workflow, pipeline))
    };
    if view.is_paused {
        return paused(view);
    }
    match (first(phase::SUSPENDED), view.is_labelled_suspended) {
        (Some((workflow, pipeline)), true) => return suspended(view, workflow, pipeline, now),
        (Some((_, pipeline)), false) => return resumed(view, pipeline),
        (None, true) => return labelled_only(view),
        (None, false) => {}
    }
    if let Some((_, pipeline)) = first(phase::FAILED) {
        return failed(view, pipeline);
    }
    if let Some((_, pipeline)) = first(phase::RUNNING) {
        return running(view, pipeline, now);
    }
    if let Some(condition) = view.condition("PromiseAvailable").filter(|it| it.status == "False") {
        let says = format!("waits for its Promise `{}`: {}", view.promise, condition.message);
        let todo = vec![see(format!("kubectl get {} {}", kinds::PROMISE, view.promise))];
        return Outlook { state: State::Pending, says, todo };
    }
    if let Some((_, pipeline)) = first(phase::PENDING) {
        let says = format!("waits for the controller to start pipeline `{}`", pipeline.name);
        return Outlook { state: State::Pending, says, todo: vec![see(controller_log())] };
    }
    if view.layout == Layout::None {
        return untouched(view);
    }
    finished(view)
}

/// The workflows that matter now: of an object that goes, the one that deletes it, and else all others.
fn current(view: &StatusView) -> Vec<&WorkflowView> {
    let is_delete =
        |workflow: &&WorkflowView| workflow.key.as_deref() == Some(workflow_action::DELETE);
    let goes = view.deleted_at.is_some() && view.workflows.iter().any(|it| is_delete(&it));
    view.workflows.iter().filter(|workflow| is_delete(workflow) == goes).collect()
}

fn paused(view: &StatusView) -> Outlook {
    Outlook {
        state: State::Paused,
        says: "paused by a label: the controller starts nothing and deletes nothing".into(),
        todo: vec![Todo { purpose: "to go on", command: unlabel(view, labels::PAUSED) }],
    }
}

fn suspended(
    view: &StatusView,
    workflow: &WorkflowView,
    pipeline: &PipelineView,
    now: Timestamp,
) -> Outlook {
    let mut says = format!("suspended by pipeline `{}`", pipeline.name);
    match pipeline.next_retry_at {
        Some(time) => {
            let seconds = time.as_second().saturating_sub(now.as_second());
            says.push_str(&if seconds > 0 {
                format!(" until {time} (in {})", span(seconds))
            } else {
                format!("; it was to go on at {time} ({} ago)", span(seconds.saturating_neg()))
            });
        }
        None => says.push_str(" until somebody takes the label away"),
    }
    if let Some(attempts) = pipeline.attempts {
        says.push_str(&format!(", attempt {attempts}"));
    }
    if !pipeline.message.is_empty() {
        says.push_str(&format!(": {}", pipeline.message));
    }
    let is_outdated = workflow.suspended_generation.zip(view.generation);
    if is_outdated.is_some_and(|(suspended, generation)| suspended != 0 && generation > suspended) {
        says.push_str("; its spec has changed since, so the controller starts again by itself");
    }
    Outlook { state: State::Suspended, says, todo: vec![go_on(view), start_again(view)] }
}

/// Somebody took the label away, or the retry is due: the controller has not started the pipeline yet.
fn resumed(view: &StatusView, pipeline: &PipelineView) -> Outlook {
    let says = format!(
        "pipeline `{}` was suspended and may go on: waits for the controller to start it",
        pipeline.name
    );
    Outlook { state: State::Pending, says, todo: vec![see(controller_log()), start_again(view)] }
}

fn labelled_only(view: &StatusView) -> Outlook {
    Outlook {
        state: State::Suspended,
        says: "suspended by its label, but no pipeline says so: nothing will ever take it away"
            .into(),
        todo: vec![go_on(view), start_again(view)],
    }
}

fn failed(view: &StatusView, pipeline: &PipelineView) -> Outlook {
    Outlook {
        state: State::Failed,
        says: format!("pipeline `{}` failed{}", pipeline.name, since(pipeline)),
        todo: vec![see(pods(view, "describe", pipeline)), start_again(view)],
    }
}

fn running(view: &StatusView, pipeline: &PipelineView, now: Timestamp) -> Outlook {
    let mut says = format!("pipeline `{}` runs", pipeline.name);
    if let Some(time) = pipeline.changed_at {
        let seconds = now.as_second().saturating_sub(time.as_second());
        says.push_str(&format!(", for {}", span(seconds.max(0))));
    }
    Outlook { state: State::Running, says, todo: vec![see(pods(view, "get", pipeline))] }
}

/// No list of pipelines. The controller says in other ways that it was there.
fn untouched(view: &StatusView) -> Outlook {
    let is_true = |kind| view.condition(kind).is_some_and(|condition| condition.status == "True");
    let has_none = view.counters.contains(&(counter::WORKFLOWS, 0));
    if is_true("Reconciled") || is_true("Available") || has_none {
        return finished(view);
    }
    let says = "no controller has prepared it: its status has no list of pipelines".into();
    Outlook { state: State::Untouched, says, todo: vec![see(controller_log())] }
}

fn finished(view: &StatusView) -> Outlook {
    let works = view.condition("WorksSucceeded").filter(|condition| condition.status != "True");
    if view.deleted_at.is_some() {
        let says = "its pipelines are done; the controller is removing it".into();
        return Outlook { state: State::Running, says, todo: vec![see(controller_log())] };
    }
    match works {
        Some(condition) => Outlook {
            state: State::Placing,
            says: format!("its pipelines are done; {}", condition.message),
            todo: vec![see(format!("kubectl get {} -A -l {}", kinds::WORK, selector(view)))],
        },
        None => {
            Outlook { state: State::Done, says: "nothing is left to do".into(), todo: Vec::new() }
        }
    }
}

fn since(pipeline: &PipelineView) -> String {
    pipeline.changed_at.map(|time| format!(" at {time}")).unwrap_or_default()
}

fn see(command: String) -> Todo {
    Todo { purpose: "to see more", command }
}

fn go_on(view: &StatusView) -> Todo {
    Todo { purpose: "to go on now", command: unlabel(view, labels::WORKFLOW_SUSPENDED) }
}

fn start_again(view: &StatusView) -> Todo {
    Todo {
        purpose: "to start again with the first pipeline",
        command: format!("{}={}", label(view, labels::MANUAL_RECONCILIATION), labels::TRUE),
    }
}

fn unlabel(view: &StatusView, key: &str) -> String {
    format!("{}-", label(view, key))
}

fn label(view: &StatusView, key: &str) -> String {
    let namespace = view.key.namespace.as_ref().map(|name| format!(" -n {name}"));
    let namespace = namespace.unwrap_or_default();
    format!("kubectl label {} {}{namespace} {key}", view.key.kind, view.key.name)
}

/// Labels that the object's Jobs, pods and Works have (contract.md 4.1); the Promise's only where it is known.
fn selector(view: &StatusView) -> String {
    let promise = format!("{}={}", labels::PROMISE_NAME, view.promise);
    let request = format!("{}={}", labels::RESOURCE_NAME, view.key.name);
    match (view.is_promise, view.promise.as_str()) {
        (true, _) => promise,
        (false, "") => request,
        (false, _) => format!("{promise},{request}"),
    }
}

fn pods(view: &StatusView, verb: &str, pipeline: &PipelineView) -> String {
    let workflow = if view.is_promise { workflow_type::PROMISE } else { workflow_type::RESOURCE };
    format!(
        "kubectl {verb} pods -A -l {},{}={workflow},{}={}",
        selector(view),
        labels::WORKFLOW_TYPE,
        labels::PIPELINE_NAME,
        pipeline.name
    )
}

fn controller_log() -> String {
    format!("kubectl logs -n {} deployment/{}", kinds::SYSTEM_NAMESPACE, kinds::CONTROLLER)
}
