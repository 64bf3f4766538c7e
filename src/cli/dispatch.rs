//! From parsed arguments to a step on a cluster.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Instant;

use tracing::{info, warn};

use super::AnyFault;
use super::args::{self, Cli, Command, Common, Output};
use super::settings;
use crate::cluster::Cluster;
use crate::cluster::folder::FolderCluster;
use crate::cluster::live::{Effort, LiveCluster};
use crate::contract::{Layout, layout};
use crate::exit::{Exit, Fault};
use crate::local::engine::Process;
use crate::local::report::Ending;
use crate::local::{render, run};
use crate::steps::{Clock, Context, reader, status, writer};
use crate::{logging, show};

/// A folder to look at that is not there. A step would make it; looking at it would tell that nothing is in it.
#[derive(Debug, thiserror::Error)]
#[error("failed to find the folder `{}` of `--cluster`", folder.display())]
struct NoFolder {
    folder: PathBuf,
}

impl Fault for NoFolder {
    fn exit(&self) -> Exit {
        Exit::Usage
    }

    fn hint(&self) -> Option<String> {
        Some("name a folder that an earlier `run --cluster` has made".into())
    }
}

/// The result could not be printed.
#[derive(Debug, thiserror::Error)]
#[error("failed to write the result to stdout")]
struct PrintError {
    source: std::io::Error,
}

impl Fault for PrintError {
    fn exit(&self) -> Exit {
        Exit::Input
    }

    fn hint(&self) -> Option<String> {
        Some("free space where the output goes".into())
    }
}

fn print(text: &str) -> Result<(), PrintError> {
    logging::to_stdout(text).map_err(|source| PrintError { source })
}

/// Does what the command says.
pub(super) async fn command(cli: Cli) -> Result<Exit, AnyFault> {
    let Some(command) = cli.command else { return Ok(Exit::Done) };
    let common = &cli.common;
    match command {
        Command::Reader(args) => on_cluster(common, OnCluster::Reader(&args)).await,
        Command::Writer(args) => on_cluster(common, OnCluster::Writer(&args)).await,
        Command::Status(args) => on_cluster(common, OnCluster::Status(&args)).await,
        Command::Run(args) => local_run(common, *args).await,
        Command::Show(args::Show { what: args::What::Work(args) }) => {
            on_cluster(common, OnCluster::Show(&args)).await
        }
    }
}

/// Runs a workflow here. The report is printed whether or not a stage failed; a failure is told after it.
async fn local_run(common: &Common, args: args::Run) -> Result<Exit, AnyFault> {
    let echo = args.verbose.then_some(logging::to_stderr as fn(&str));
    let engine = Process { echo, ..Process::new(std::env::vars_os()) };
    let output = args.output;
    let report = run::run(&settings::run(common, args), &engine, Clock::System).await?;
    print(&match output {
        Output::Text => render::render(&report),
        Output::Json => format!("{:#}\n", render::to_json(&report)),
    })?;
    match report.ending {
        Ending::Failed(failure) => Err(failure.into()),
        Ending::Done | Ending::Suspended { .. } => Ok(Exit::Done),
    }
}

enum OnCluster<'a> {
    Reader(&'a args::Reader),
    Writer(&'a args::Writer),
    Status(&'a args::Status),
    Show(&'a args::ShowWork),
}

/// Chooses the API server or a folder: the only place that knows the difference.
async fn on_cluster(common: &Common, step: OnCluster<'_>) -> Result<Exit, AnyFault> {
    let started = Instant::now();
    match &common.cluster {
        Some(folder) => {
            let outcome = run_step(&FolderCluster::new(folder), common, step).await;
            has_ended(&outcome, started, None);
            outcome
        }
        None => {
            let cluster = LiveCluster::connect().await?;
            let outcome = run_step(&cluster, common, step).await;
            has_ended(&outcome, started, Some(cluster.effort()));
            outcome
        }
    }
}

/// Says what it has cost, once, also where it has failed; where it could not even begin, there is nothing to say.
fn has_ended(outcome: &Result<Exit, AnyFault>, started: Instant, effort: Option<Effort>) {
    let exit_code = match outcome {
        Ok(exit) => *exit as u8,
        Err(fault) => fault.exit() as u8,
    };
    if exit_code == Exit::Usage as u8 {
        return;
    }
    info!(
        requests = effort.map(|effort| effort.requests),
        waited_ms = effort.map(|effort| effort.waited.as_millis() as u64),
        duration_ms = started.elapsed().as_millis() as u64,
        exit_code,
        "ended"
    );
}

async fn run_step(
    cluster: &impl Cluster,
    common: &Common,
    step: OnCluster<'_>,
) -> Result<Exit, AnyFault> {
    match step {
        OnCluster::Reader(args) => {
            ignore_surplus(&args.surplus);
            let context = context(Layout::pod().with_input_dir(input_dir(common, &args.input_dir)));
            reader::run(&context, cluster, &settings::reader(args)?).await?;
        }
        OnCluster::Writer(args) => {
            ignore_surplus(&args.surplus);
            let root = in_pod(common, &args.input_directory);
            let context = context(Layout::writer_root(&root));
            writer::run(&context, cluster, &settings::writer(args)).await?;
        }
        OnCluster::Status(args) => {
            ignore_surplus(&args.surplus);
            let root = in_pod(common, Path::new(layout::WORK_CREATOR_DIR));
            let context = context(Layout::writer_root(&root));
            status::run(&context, cluster, &settings::status(args)?).await?;
        }
        OnCluster::Show(args) => {
            if let Some(folder) = common.cluster.as_ref().filter(|folder| !folder.is_dir()) {
                return Err(NoFolder { folder: folder.clone() }.into());
            }
            let works = settings::show(args, Clock::System.now());
            print(&show::run(cluster, &works).await?)?;
        }
    }
    Ok(Exit::Done)
}

fn context(layout: Layout) -> Context {
    Context { layout, clock: Clock::System }
}

/// `INPUT_DIR`; set but empty means the pod's own, as in Go programs.
fn input_dir(common: &Common, given: &OsStr) -> PathBuf {
    let given = if given.is_empty() { OsStr::new(layout::INPUT_DIR) } else { given };
    in_pod(common, Path::new(given))
}

/// Puts `--pod-root` before an absolute path of the pod.
fn in_pod(common: &Common, path: &Path) -> PathBuf {
    match (&common.pod_root, path.strip_prefix("/")) {
        (Some(root), Ok(inside)) => root.join(inside),
        _ => path.to_owned(),
    }
}

fn ignore_surplus(surplus: &args::Surplus) {
    if !surplus.surplus.is_empty() {
        warn!(words = surplus.surplus.len(), "ignored arguments that no setting takes");
    }
}
