//! From parsed arguments to a step on a cluster.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Instant;

use tracing::{Instrument as _, Span, info, info_span, warn};

use super::AnyFault;
use super::args::{self, Cli, Command, Common, Output};
use super::settings;
use super::telemetry::Choice;
use crate::cluster::Cluster;
use crate::cluster::folder::FolderCluster;
use crate::cluster::live::{Effort, LiveCluster};
use crate::contract::{Layout, layout};
use crate::exit::{Exit, Fault};
use crate::local::engine::Process;
use crate::local::report::Ending;
use crate::local::{render, run};
use crate::logging::Format;
use crate::steps::{Clock, Context, reader, status, writer};
use crate::{logging, report, show, steps, telemetry};

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

/// Runs the command to its end, or until the platform asks to stop, and tells how it went.
pub(super) fn run(cli: Cli, trace: Choice) -> Exit {
    let format = cli.common.log_format;
    // One thread: a step waits for a handful of requests, and starting threads costs more than they bring.
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(source) => return tell(&RuntimeError { source }, format),
    };
    let (span, is_local_run) = (span_of(&cli), matches!(cli.command, Some(Command::Run(_))));
    let exit = runtime.block_on(async {
        let exit = to_the_end(cli, is_local_run).instrument(span).await;
        send(trace, exit).await;
        exit
    });
    // Connections are dropped, not waited for: the process ends here.
    runtime.shutdown_background();
    exit
}

async fn to_the_end(cli: Cli, is_local_run: bool) -> Exit {
    let format = cli.common.log_format;
    tokio::select! {
        biased;
        signal = termination(is_local_run) => {
            warn!(signal, "stopped before the end; nothing is left half done");
            Exit::Terminated
        }
        outcome = command(cli) => outcome.unwrap_or_else(|fault| tell(fault.as_ref(), format)),
    }
}

fn tell(fault: &(dyn Fault + 'static), format: Format) -> Exit {
    report::tell(fault, format, Path::new(layout::TERMINATION_LOG));
    fault.exit()
}

/// The span of everything that a command does.
fn span_of(cli: &Cli) -> Span {
    match &cli.command {
        Some(Command::Reader(_)) => steps::span("reader"),
        Some(Command::Writer(_)) => steps::span("writer"),
        Some(Command::Status(_)) => steps::span("status"),
        Some(Command::Run(_)) => info_span!("run", trace.parent = ""),
        Some(Command::Show(_)) | None => Span::none(),
    }
}

/// Sends the trace, if there is one. It changes nothing of how the program ends, and a signal ends it at once.
async fn send(trace: Choice, exit: Exit) {
    let trace = match trace {
        Choice::Off => return,
        Choice::Unsupported(instead) => return warn!("{instead}"),
        Choice::On(trace) => trace,
    };
    let is_stopped = exit == Exit::Terminated;
    let time_max = if is_stopped { telemetry::TIME_MAX_STOPPED } else { telemetry::TIME_MAX };
    tokio::select! {
        _ = termination(false) => {}
        sent = trace.send(time_max) => {
            if let Err(error) = sent {
                warn!("failed to send the trace: {error}");
            }
        }
    }
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
