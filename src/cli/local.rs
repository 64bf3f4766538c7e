//! `run`: a workflow on this machine, its report, and, when asked, its files in a state store.

use serde_json::{Value, json};

use super::args::{self, Common, Output as Format};
use super::dispatch::print;
use super::{AnyFault, settings, stores};
use crate::contract::Layout;
use crate::contract::labels;
use crate::core::placement::direct::Output;
use crate::core::promise::{WorkflowAction, WorkflowType};
use crate::exit::Exit;
use crate::local::engine::Process;
use crate::local::report::{Ending, Report};
use crate::local::{render, run};
use crate::steps::Clock;
use crate::steps::writer::direct::{self, To};
use crate::store::open::AnyStore;
use crate::store::{Applied, Store as _};
use crate::{logging, show};

/// Runs a workflow here. The report is printed whether or not a stage failed; a failure is told after it.
pub(super) async fn run(common: &Common, args: args::Run) -> Result<Exit, AnyFault> {
    let echo = args.verbose.then_some(logging::to_stderr as fn(&str));
    let engine = Process { echo, ..Process::new(std::env::vars_os()) };
    let format = args.output;
    // Before anything runs: a URL that cannot be used is told at once.
    let opened = match &args.to {
        Some(url) => {
            let scratch = stores::scratch(&args.store, &Layout::pod());
            Some(stores::open_url(url, &args.files, &args.store, &scratch)?)
        }
        None => None,
    };
    let to = opened.as_ref().map(|opened| To {
        store: &opened.store,
        shown: opened.shown.clone(),
        base: opened.base.clone(),
        mode: opened.mode.clone(),
        destination: None,
    });
    let report = run::run(&settings::run(common, args), &engine, Clock::System).await?;
    let written = match &to {
        Some(to) => Some((to, write(to, &report).await)),
        None => None,
    };
    let wrote = match &written {
        Some((to, Ok(applied))) => Some(summary(to, applied)),
        _ => None,
    };
    print(&told(&report, format, wrote))?;
    if let Some((_, Err(fault))) = written {
        return Err(fault);
    }
    match report.ending {
        Ending::Failed(failure) => Err(failure.into()),
        Ending::Done | Ending::Suspended { .. } => Ok(Exit::Done),
    }
}

/// Puts the files of all Works into the store, or takes out those of an object that is gone; nothing after a failure.
async fn write(to: &To<'_, AnyStore>, report: &Report) -> Result<Vec<Applied>, AnyFault> {
    let is_dry_run = |work: &crate::local::report::WorkReport| {
        work.work.label(labels::DRY_RUN) == Some(labels::TRUE)
    };
    if matches!(report.ending, Ending::Failed(_)) || report.works.iter().any(is_dry_run) {
        return Ok(Vec::new());
    }
    let may_go_on = || true;
    if report.action == WorkflowAction::Delete {
        if matches!(report.ending, Ending::Suspended { .. }) {
            return Ok(Vec::new());
        }
        let is_request = report.workflow == WorkflowType::Resource;
        let output = Output {
            namespace: report.object.namespace.as_deref().unwrap_or_default(),
            promise: &report.promise,
            resource: is_request.then_some(report.object.name.as_str()),
            pipeline: "",
        };
        return Ok(vec![direct::remove_all(to, &output, &may_go_on).await?]);
    }
    let mut changes = Vec::new();
    for work in &report.works {
        let change = show::diff::asked_directly(&work.work, &to.base, &to.mode);
        changes.push(change.map_err(show::ShowError::from)?);
    }
    let applied = to.store.apply(&changes, &may_go_on).await;
    Ok(applied.into_iter().collect::<Result<_, _>>()?)
}

/// The report, and what was written besides.
fn told(report: &Report, format: Format, written: Option<Value>) -> String {
    match format {
        Format::Text => {
            let line = |one: Value| {
                let version = one["version"].as_str().map(|version| format!(", version {version}"));
                format!(
                    "files: {} written, {} deleted, {} unchanged in {}{}\n",
                    one["written"],
                    one["deleted"],
                    one["unchanged"],
                    one["store"].as_str().unwrap_or_default(),
                    version.unwrap_or_default()
                )
            };
            format!("{}{}", render::render(report), written.map(line).unwrap_or_default())
        }
        Format::Json => {
            let mut document = render::to_json(report);
            if let Some(written) = written {
                document["to"] = written;
            }
            format!("{document:#}\n")
        }
    }
}

/// All changes of a run as one; the last version holds them all.
fn summary(to: &To<'_, AnyStore>, applied: &[Applied]) -> Value {
    let sum = |of: fn(&Applied) -> usize| applied.iter().map(of).sum::<usize>();
    let mut summary = json!({
        "store": to.shown,
        "written": sum(|one| one.written),
        "deleted": sum(|one| one.deleted),
        "unchanged": sum(|one| one.unchanged),
    });
    if let Some(version) = applied.last().and_then(|one| one.version.as_ref()) {
        summary["version"] = version.0.as_str().into();
    }
    summary
}
