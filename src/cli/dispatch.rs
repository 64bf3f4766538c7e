//! From parsed arguments to a step on a cluster.

use std::path::PathBuf;

use tracing::warn;

use super::AnyFault;
use super::args::{self, Cli, Command, Common, Output};
use super::settings;
use super::step::{self, Step};
use crate::cluster::Cluster;
use crate::cluster::folder::FolderCluster;
use crate::cluster::live::LiveCluster;
use crate::exit::{Exit, Fault};
use crate::local::engine::Process;
use crate::local::report::Ending;
use crate::local::{render, run};
use crate::steps::Clock;
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
    let only_tells = step::is_preview(&command).unwrap_or_default();
    let step = match command {
        Command::Reader(args) => Step::reader(common, &args)?,
        Command::Writer(args) => Step::writer(common, &args)?,
        Command::Status(args) => Step::status(common, &args)?,
        Command::Run(args) => return local_run(common, *args).await,
        Command::Show(args::Show { what: args::What::Work(args) }) => {
            return on_cluster(common, OnCluster::Show(args)).await;
        }
        Command::Show(args::Show { what: args::What::Status(args) }) => {
            let status = settings::show_status(common, &args, Clock::System.now())?;
            return on_cluster(common, OnCluster::ShowStatus(status)).await;
        }
    };
    on_cluster(common, if only_tells { OnCluster::Preview(step) } else { OnCluster::Step(step) })
        .await
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

enum OnCluster {
    /// Takes effect.
    Step(Step),
    /// Only tells what it would do.
    Preview(Step),
    Show(args::ShowWork),
    ShowStatus(show::status::ShowStatus),
}

/// Chooses the API server or a folder: the only place that knows the difference.
async fn on_cluster(common: &Common, what: OnCluster) -> Result<Exit, AnyFault> {
    match &common.cluster {
        Some(folder) => run_on(&FolderCluster::new(folder), common, what).await,
        None => {
            let cluster = LiveCluster::connect(settings::retry_policy(common)).await?;
            run_on(&cluster, common, what).await
        }
    }
}

async fn run_on(
    cluster: &impl Cluster,
    common: &Common,
    what: OnCluster,
) -> Result<Exit, AnyFault> {
    match what {
        OnCluster::Step(step) => step.run(cluster).await?,
        OnCluster::Preview(step) => {
            folder_is_there(common)?;
            print(&step.preview(cluster).await?)?;
        }
        OnCluster::Show(args) => {
            folder_is_there(common)?;
            let works = settings::show(&args, Clock::System.now());
            print(&show::run(cluster, &works).await?)?;
        }
        OnCluster::ShowStatus(status) => {
            folder_is_there(common)?;
            print(&show::status::run(cluster, &status).await?)?;
        }
    }
    Ok(Exit::Done)
}

fn folder_is_there(common: &Common) -> Result<(), NoFolder> {
    match &common.cluster {
        Some(folder) if !folder.is_dir() => Err(NoFolder { folder: folder.clone() }),
        _ => Ok(()),
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
