//! The report of a run as text for people, and as JSON for programs. Pure: the same report gives the same text.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::engine::End;
use super::report::{Ending, PipelineReport, Placed, Report, WorkReport};
use crate::contract::Object;
use crate::core::promise::WorkflowAction;
use crate::core::unpack::File;
use crate::core::work_view;
use crate::files::yaml;

/// Returns the report for people. Warnings are not in it: they were told before the first stage ran.
pub fn render(report: &Report) -> String {
    let mut text = String::new();
    let Report { promise, object, workflow, action, .. } = report;
    let _ = writeln!(text, "{workflow} {action} workflow of Promise {promise} on {object}");
    pipelines(&mut text, report);
    for work in &report.works {
        one_work(&mut text, report, work);
    }
    if report.works.is_empty() {
        text.push_str("\nno Work\n");
    }
    if !report.status.is_empty() {
        let status = yaml::write(&Value::Object(report.status.clone()));
        let _ = write!(text, "\nstatus\n{}", indented(&status, "  "));
    }
    footer(&mut text, report);
    text
}

fn pipelines(text: &mut String, report: &Report) {
    text.push('\n');
    if let Some(name) = &report.resumed_at {
        let _ = writeln!(text, "resumed at pipeline {name}, where the last run had stopped");
    }
    let stages = report.pipelines.iter().flat_map(|pipeline| &pipeline.stages);
    let width = stages.map(|stage| stage.name.chars().count()).max().unwrap_or(0);
    let last = report.pipelines.len().saturating_sub(1);
    for (index, pipeline) in report.pipelines.iter().enumerate() {
        let ending = if index == last { ending(&report.ending) } else { "done".into() };
        let _ = writeln!(text, "pipeline {}: {ending}", pipeline.name);
        for stage in &pipeline.stages {
            let end = match stage.ended.end {
                End::Code(code) => format!("exit code {code}"),
                End::Signal(signal) => format!("signal {signal}"),
            };
            let _ = writeln!(text, "  {:width$}  {end}  {}", stage.name, time(stage.ended.elapsed));
        }
    }
}

fn ending(ending: &Ending) -> String {
    match ending {
        Ending::Done => "done".into(),
        Ending::Failed(_) => "failed".into(),
        Ending::Suspended { message, until } => {
            let until = match until {
                Some(until) => format!("suspended, wants to run again at {until}"),
                None => "suspended until somebody runs it again".into(),
            };
            if message.is_empty() { until } else { format!("{until}: {message}") }
        }
    }
}

fn one_work(text: &mut String, report: &Report, work: &WorkReport) {
    let (name, namespace) = (work.work.name(), work.work.namespace().unwrap_or_default());
    let _ = writeln!(text, "\nWork {namespace}/{name} of pipeline {}", work.pipeline);
    if work.groups.is_empty() {
        text.push_str("  no files\n");
    }
    for placed in &work.groups {
        let _ = writeln!(text, "  {}", where_to(report, placed));
        let files = placed.group.files.iter();
        let files = files.map(|file| (file.path.as_str(), work_view::size(file.content.len())));
        text.push_str(&work_view::file_tree(files, "    "));
    }
}

/// Says which Destinations a group is for.
fn where_to(report: &Report, placed: &Placed) -> String {
    let directory = match placed.group.directory.as_str() {
        "." => String::new(),
        directory => format!("directory {directory} "),
    };
    let labels = placed.group.labels.iter().map(|(key, value)| format!("{key}={value}"));
    let labels = labels.collect::<Vec<_>>().join(", ");
    let wanted = match labels.as_str() {
        "" => "any Destination".to_owned(),
        labels => format!("Destinations with {labels}"),
    };
    let found = match placed.destinations.as_slice() {
        [] if report.has_destinations => ": none matches".to_owned(),
        [] => String::new(),
        names => format!(": {}", names.join(", ")),
    };
    format!("{directory}to {wanted}{found}")
}

fn footer(text: &mut String, report: &Report) {
    text.push('\n');
    let (all, stages) = (time(report.elapsed), time(report.stages_elapsed()));
    let _ = writeln!(text, "{all}: {stages} in stages, {} around them", time(report.overhead()));
    if let Some(out) = &report.out {
        let _ = writeln!(text, "results in {}", out.display());
    }
    if let Some(cluster) = &report.cluster {
        let _ = writeln!(text, "objects in {}", cluster.display());
    }
    if report.action == WorkflowAction::Delete && matches!(report.ending, Ending::Done) {
        let _ = writeln!(text, "{} and its Works are removed", report.object);
    }
}

fn indented(text: &str, indent: &str) -> String {
    text.lines().fold(String::new(), |all, line| all + indent + line + "\n")
}

/// Three digits are enough to see where the time goes.
fn time(duration: Duration) -> String {
    match duration.as_secs_f64() {
        seconds if seconds >= 10.0 => format!("{seconds:.0} s"),
        seconds if seconds >= 1.0 => format!("{seconds:.2} s"),
        seconds => format!("{:.0} ms", seconds * 1000.0),
    }
}

/// Returns the report for programs.
pub fn to_json(report: &Report) -> Value {
    let mut document = json!({
        "promise": report.promise,
        "object": object(report),
        "workflow": report.workflow.as_str(),
        "action": report.action.as_str(),
        "pipelines": report.pipelines.iter().map(pipeline_json).collect::<Vec<_>>(),
        "ending": ending_json(&report.ending),
        "works": report.works.iter().map(work_json).collect::<Vec<_>>(),
        "status": report.status,
        "warnings": report.warnings,
        "seconds": report.elapsed.as_secs_f64(),
        "stageSeconds": report.stages_elapsed().as_secs_f64(),
    });
    let paths = [("cluster", &report.cluster), ("out", &report.out)];
    for (key, path) in paths.into_iter().filter_map(|(key, path)| Some((key, path.as_ref()?))) {
        document[key] = path.display().to_string().into();
    }
    if let Some(name) = &report.resumed_at {
        document["resumedAt"] = name.clone().into();
    }
    document
}

fn object(report: &Report) -> Value {
    let kind = &report.object.kind;
    let mut object = Object::new(kind, report.object.namespace.as_deref(), &report.object.name);
    let metadata = std::mem::take(object.metadata_mut());
    let mut flat = Map::from_iter([("apiVersion".into(), kind.api_version().into())]);
    flat.insert("kind".into(), kind.kind.as_ref().into());
    flat.extend(metadata);
    Value::Object(flat)
}

fn pipeline_json(pipeline: &PipelineReport) -> Value {
    let stage = |stage: &super::pod::Ran| {
        json!({
            "name": stage.name,
            "exitCode": stage.ended.end.code(),
            "seconds": stage.ended.elapsed.as_secs_f64(),
            "output": stage.ended.tail.lines().collect::<Vec<_>>(),
        })
    };
    json!({"name": pipeline.name, "stages": pipeline.stages.iter().map(stage).collect::<Vec<_>>()})
}

fn ending_json(ending: &Ending) -> Value {
    match ending {
        Ending::Done => json!({"result": "done"}),
        Ending::Failed(failed) => json!({
            "result": "failed",
            "pipeline": failed.pipeline,
            "stage": failed.stage,
            "exitCode": failed.end.code(),
        }),
        Ending::Suspended { message, until } => json!({
            "result": "suspended",
            "message": message,
            "until": until.map(|until| until.to_string()),
        }),
    }
}

fn work_json(work: &WorkReport) -> Value {
    let file = |file: &File| json!({"path": file.path, "bytes": file.content.len()});
    let group = |placed: &Placed| {
        json!({
            "directory": placed.group.directory,
            "labels": placed.group.labels,
            "destinations": placed.destinations,
            "files": placed.group.files.iter().map(file).collect::<Vec<_>>(),
        })
    };
    json!({
        "name": work.work.name(),
        "namespace": work.work.namespace(),
        "pipeline": work.pipeline,
        "groups": work.groups.iter().map(group).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests;
