//! From parsed arguments to a step on a cluster.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use tracing::warn;

use super::AnyFault;
use super::args::{self, Cli, Command, Common, Output};
use super::settings;
use crate::cluster::Cluster;
use crate::cluster::folder::FolderCluster;
use crate::cluster::live::LiveCluster;
use crate::contract::{Layout, layout};
use crate::exit::{Exit, Fault};
use crate::local::engine::Process;
use crate::local::report::Ending;
use crate::local::{render, run};
use crate::steps::{Clock, Context, reader, status, writer};
use crate::{logging, show};

/// The machine gives no event loop.
#[derive(Debug, thiserror::Error)]
#[error("failed to start the event loop")]
struct RuntimeError {
    source: std::io::Error,
}

impl Fault for RuntimeError {
    fn exit(&self) -> Exit {
        Exit::Bug
    }

    fn hint(&self) -> Option<String> {
        Some("raise the limit of open files (`ulimit -n`) and try again".into())
    }
}

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

/// Runs the command to its end, or until the platform asks to stop.
pub(super) fn run(cli: Cli) -> Result<Exit, AnyFault> {
    // One thread: a step waits for a handful of requests, and starting threads costs more than they bring.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| RuntimeError { source })?;
    let is_local_run = matches!(cli.command, Some(Command::Run(_)));
    let outcome = runtime.block_on(async {
        tokio::select! {
            biased;
            signal = termination(is_local_run) => {
                warn!(signal, "stopped before the end; nothing is left half done");
                Ok(Exit::Terminated)
            }
            outcome = command(cli) => outcome,
        }
    });
    // Connections are dropped, not waited for: the process ends here.
    runtime.shutdown_background();
    outcome
}

async fn command(cli: Cli) -> Result<Exit, AnyFault> {
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
        Command::Show(args::Show { what: args::What::Status(args) }) => {
            let status = settings::show_status(common, &args, Clock::System.now())?;
            on_cluster(common, OnCluster::ShowStatus(&status)).await
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
    ShowStatus(&'a show::status::ShowStatus),
}

/// Chooses the API server or a folder: the only place that knows the difference.
async fn on_cluster(common: &Common, step: OnCluster<'_>) -> Result<Exit, AnyFault> {
    match &common.cluster {
        Some(folder) => run_step(&FolderCluster::new(folder), common, step).await,
        None => run_step(&LiveCluster::connect().await?, common, step).await,
    }
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
            need_folder(common)?;
            let works = settings::show(args, Clock::System.now());
            print(&show::run(cluster, &works).await?)?;
        }
        OnCluster::ShowStatus(status) => {
            need_folder(common)?;
            print(&show::status::run(cluster, status).await?)?;
        }
    }
    Ok(Exit::Done)
}

fn need_folder(common: &Common) -> Result<(), NoFolder> {
    match common.cluster.as_ref().filter(|folder| !folder.is_dir()) {
        Some(folder) => Err(NoFolder { folder: folder.clone() }),
        None => Ok(()),
    }
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

/// Ends when the platform (SIGTERM) or a person (SIGINT) asks to stop, or when the terminal of a local run is closed
/// (SIGHUP): its stages would outlive it. Returns the name of the signal.
fn termination(is_local_run: bool) -> impl Future<Output = &'static str> {
    use tokio::signal::unix::{Signal, SignalKind, signal};
    async fn next(signal: std::io::Result<Signal>) {
        match signal {
            Ok(mut signal) => {
                signal.recv().await;
            }
            // Where a handler cannot be set the default action stays: the process ends at once.
            Err(_) => std::future::pending().await,
        }
    }
    let (term, int) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()));
    let hangup = (is_local_run && !hangup_is_ignored()).then(|| signal(SignalKind::hangup()));
    async move {
        let hangup = async {
            match hangup {
                Some(hangup) => next(hangup).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = next(term) => "SIGTERM",
            () = next(int) => "SIGINT",
            () = hangup => "SIGHUP",
        }
    }
}

/// Whether we were started with `nohup`: a handler would undo it.
fn hangup_is_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // Bit 0 is signal 1, which is SIGHUP.
    mask.is_some_and(|mask| mask & 1 == 1)
}
