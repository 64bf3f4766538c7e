//! A status as text for a person, and as JSON for a program.

use std::fmt::Write as _;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Outlook, StatusView};
use crate::core::text::{age, or_dash, table, visible};

/// Returns the text: what happens next first, then all that it follows from.
pub fn text(view: &StatusView, outlook: &Outlook, now: Timestamp) -> String {
    let place = match &view.key.namespace {
        Some(namespace) => format!("{namespace}/{}", view.key.name),
        None => view.key.name.clone(),
    };
    let mut text = format!("{} {}\n", visible(&view.kind), visible(&place));
    let _ = writeln!(text, "  {}: {}", outlook.state.word(), visible(&outlook.says));
    for todo in &outlook.todo {
        let _ = writeln!(text, "  {}: {}", todo.purpose, visible(&todo.command));
    }
    text.push('\n');
    for (name, value) in facts(view, now).iter().filter(|(_, value)| !value.is_empty()) {
        let _ = writeln!(text, "  {name:<10} {value}");
    }
    if !view.workflows.is_empty() {
        let _ = write!(text, "\n{}", pipelines(view, now));
    }
    if !view.conditions.is_empty() {
        let _ = write!(text, "\n{}", conditions(view, now));
    }
    text
}

fn facts(view: &StatusView, now: Timestamp) -> Vec<(&'static str, String)> {
    let generation = match (view.generation, view.observed_generation) {
        (Some(is), Some(seen)) => format!("{is}, finished {seen}"),
        (Some(is), None) => is.to_string(),
        (None, Some(seen)) => format!("finished {seen}"),
        (None, None) => String::new(),
    };
    let counters: Vec<String> =
        view.counters.iter().map(|(name, number)| format!("{name} {number}")).collect();
    let suspended: Vec<String> = view
        .workflows
        .iter()
        .filter_map(|workflow| Some(format!("generation {}", workflow.suspended_generation?)))
        .collect();
    let deleted = view.deleted_at.map(|time| age(Some(time), now)).unwrap_or_default();
    vec![
        ("message", visible(&view.message)),
        ("generation", generation),
        ("deleted", deleted),
        ("layout", view.layout.word().to_owned()),
        ("counters", counters.join(", ")),
        ("suspended", suspended.join(", ")),
        ("also holds", visible(&view.others.join(", "))),
    ]
}

fn pipelines(view: &StatusView, now: Timestamp) -> String {
    let head =
        ["WORKFLOW", "PIPELINE", "PHASE", "CHANGED", "ATTEMPTS", "NEXT RETRY", "HASH", "MESSAGE"];
    let mut rows = vec![head.map(str::to_owned)];
    for workflow in &view.workflows {
        for pipeline in &workflow.pipelines {
            rows.push([
                or_dash(workflow.key.as_deref().unwrap_or_default()),
                or_dash(&pipeline.name),
                or_dash(&pipeline.phase),
                age(pipeline.changed_at, now),
                or_dash(&pipeline.attempts.map(|count| count.to_string()).unwrap_or_default()),
                or_dash(&pipeline.next_retry_at.map(|time| time.to_string()).unwrap_or_default()),
                or_dash(&pipeline.hash),
                or_dash(&pipeline.message),
            ]);
        }
    }
    table(&without_empty_columns(&rows))
}

/// Columns that hold nothing but dashes are left out: most workflows are never suspended, and only one layout has
/// keys and hashes.
fn without_empty_columns(rows: &[[String; 8]]) -> Vec<Vec<String>> {
    let is_empty = |column: usize| rows.iter().skip(1).all(|row| row[column] == "-");
    let kept: Vec<usize> = (0..8).filter(|column| !is_empty(*column)).collect();
    rows.iter().map(|row| kept.iter().map(|column| row[*column].clone()).collect()).collect()
}

fn conditions(view: &StatusView, now: Timestamp) -> String {
    let mut rows = vec![["CONDITION", "STATUS", "REASON", "CHANGED", "MESSAGE"].map(str::to_owned)];
    for condition in &view.conditions {
        rows.push([
            or_dash(&condition.kind),
            or_dash(&condition.status),
            or_dash(&condition.reason),
            age(condition.changed_at, now),
            or_dash(&condition.message),
        ]);
    }
    table(&rows)
}

/// Returns the same for programs. Nothing is shortened, and times are absolute.
pub fn json(view: &StatusView, outlook: &Outlook) -> Value {
    let time = |time: Option<Timestamp>| time.map(|time| time.to_string());
    let workflows: Vec<Value> = view
        .workflows
        .iter()
        .map(|workflow| {
            let pipelines: Vec<Value> = workflow
                .pipelines
                .iter()
                .map(|pipeline| {
                    json!({
                        "name": pipeline.name, "phase": pipeline.phase, "hash": pipeline.hash,
                        "message": pipeline.message, "attempts": pipeline.attempts,
                        "nextRetryAt": time(pipeline.next_retry_at),
                        "lastTransitionTime": time(pipeline.changed_at),
                    })
                })
                .collect();
            json!({
                "key": workflow.key, "suspendedGeneration": workflow.suspended_generation,
                "pipelines": pipelines,
            })
        })
        .collect();
    let conditions: Vec<Value> = view
        .conditions
        .iter()
        .map(|condition| {
            json!({
                "type": condition.kind, "status": condition.status, "reason": condition.reason,
                "message": condition.message, "lastTransitionTime": time(condition.changed_at),
            })
        })
        .collect();
    let todo: Vec<Value> = outlook
        .todo
        .iter()
        .map(|todo| json!({"purpose": todo.purpose, "command": todo.command}))
        .collect();
    let counters: serde_json::Map<String, Value> =
        view.counters.iter().map(|(name, number)| ((*name).to_owned(), (*number).into())).collect();
    json!({
        "kind": view.kind, "apiVersion": view.key.kind.api_version(),
        "namespace": view.key.namespace, "name": view.key.name,
        "state": outlook.state.word(), "says": outlook.says, "todo": todo,
        "message": view.message, "layout": view.layout.word(),
        "generation": view.generation, "observedGeneration": view.observed_generation,
        "deletionTimestamp": time(view.deleted_at),
        "labelledSuspended": view.is_labelled_suspended, "paused": view.is_paused,
        "counters": counters, "workflows": workflows, "conditions": conditions,
        "alsoHolds": view.others,
    })
}
