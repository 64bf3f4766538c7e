//! Tables over [`decide`].

mod conditions;
mod layouts;
mod merging;
mod publishing;
mod suspension;

use serde_json::{Value, json};

use super::*;

/// The time of every run here.
const NOW: &str = "2026-01-02T03:04:05Z";

/// A decision to be made, written like a sentence: `request(status).reports(..).last().decide()`.
struct Case {
    object: Object,
    report: Value,
    control: Control,
    workflow_type: &'static str,
    action: &'static str,
    is_last: bool,
    dry_run: bool,
}

/// A resource request with this status, in the configure pipeline `main`, not the last one.
fn request(status: Value) -> Case {
    case("example.com/v1", "Widget", "resource", status)
}

/// A Promise with this status.
fn promise(status: Value) -> Case {
    case(&kinds::PROMISE.api_version(), "Promise", "promise", status)
}

fn case(api_version: &str, kind: &str, workflow_type: &'static str, status: Value) -> Case {
    let metadata = json!({"name": "sample", "generation": 7});
    let mut object =
        json!({"apiVersion": api_version, "kind": kind, "metadata": metadata, "status": status});
    if status_is_absent(&object) {
        object.as_object_mut().unwrap().remove("status");
    }
    Case {
        object: Object::from_value(object).unwrap(),
        report: json!({}),
        control: Control::default(),
        workflow_type,
        action: "configure",
        is_last: false,
        dry_run: false,
    }
}

fn status_is_absent(object: &Value) -> bool {
    object["status"].is_null()
}

impl Case {
    fn reports(self, report: Value) -> Self {
        Self { report, ..self }
    }

    fn last(self) -> Self {
        Self { is_last: true, ..self }
    }

    fn dry(self) -> Self {
        Self { dry_run: true, ..self }
    }

    fn action(self, action: &'static str) -> Self {
        Self { action, ..self }
    }

    fn workflow_type(self, workflow_type: &'static str) -> Self {
        Self { workflow_type, ..self }
    }

    fn suspends(mut self, message: &str) -> Self {
        self.control.suspend = true;
        self.control.message = message.to_owned();
        self
    }

    fn retries(mut self, after: &str) -> Self {
        self.control.retry_after = Some(crate::core::control::parse_go_duration(after).unwrap());
        self
    }

    fn labelled(mut self) -> Self {
        self.object.set_label(labels::WORKFLOW_SUSPENDED, "true");
        self
    }

    fn run(&self) -> Run<'static> {
        Run {
            workflow_type: self.workflow_type,
            action: self.action,
            pipeline: "main",
            is_last: self.is_last,
            dry_run: self.dry_run,
            generation: 7,
            now: NOW.parse().unwrap(),
        }
    }

    fn try_decide(&self) -> Result<Decision, Refusal> {
        decide(&self.object, self.report.as_object().unwrap(), &self.control, &self.run())
    }

    fn decide(&self) -> Decision {
        self.try_decide().unwrap()
    }

    /// The status afterwards, whether it is written or stands like that already.
    fn status(&self) -> Value {
        let before = || self.object.status().cloned().unwrap_or(json!({}));
        self.decide().status.map_or_else(before, Value::Object)
    }

    fn refusal(&self) -> Refusal {
        self.try_decide().unwrap_err()
    }

    /// Everything that is said, one line each.
    fn notices(&self) -> Vec<String> {
        self.decide().notices.iter().map(ToString::to_string).collect()
    }

    /// The same case with the status that this one leaves.
    fn again(mut self) -> Self {
        let status = self.status();
        self.object.0.insert("status".into(), status);
        self
    }
}

/// A status in the flat layout with these entries.
fn flat(entries: Value) -> Value {
    json!({"kratix": {"workflows": {"pipelines": entries}}})
}

/// A status in the flat layout with the pipeline `main` running.
fn running() -> Value {
    flat(json!([{"name": "main", "phase": "Running"}]))
}

/// Puts `key: value` beside what stands in a status.
fn with(mut status: Value, key: &str, value: Value) -> Value {
    status[key] = value;
    status
}

/// The condition that completion writes.
fn completed() -> Value {
    json!({
        "type": "ConfigureWorkflowCompleted",
        "status": "True",
        "reason": "PipelinesExecutedSuccessfully",
        "message": "Pipelines completed",
        "lastTransitionTime": NOW,
    })
}
