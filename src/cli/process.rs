//! The life of the process: its event loop, the signals that end it, and what it tells at the end.

use std::convert::Infallible;
use std::path::Path;

use tracing::{Instrument as _, Span, info_span, warn};

use super::args::{Cli, Command};
use super::dispatch;
use super::telemetry::Choice;
use crate::contract::layout;
use crate::exit::{Exit, Fault};
use crate::logging::Format;
use crate::{report, steps, telemetry};

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

/// Runs the command to its end, or until the platform asks to stop, and tells how it went.
pub(super) fn run(cli: Cli, trace: Choice) -> Exit {
    let format = cli.common.log_format;
    let runtime = match builder(&cli).enable_all().build() {
        Ok(runtime) => runtime,
        Err(source) => return tell(&RuntimeError { source }, format),
    };
    let (span, is_local_run) = (span_of(&cli), matches!(cli.command, Some(Command::Run(_))));
    let lives_long = matches!(cli.command, Some(Command::Reconcile(_)));
    let exit = runtime.block_on(async {
        let exit = tokio::select! {
            exit = to_the_end(cli, is_local_run).instrument(span) => exit,
            never = send_now_and_then(lives_long, &trace) => match never {},
        };
        send(trace, exit).await;
        exit
    });
    // Connections are dropped, not waited for: the process ends here.
    runtime.shutdown_background();
    exit
}

/// One thread: a step waits for a handful of requests, and starting threads costs more than they bring. A reconciler
/// has two, so that many answers are decoded while others are decided on.
fn builder(cli: &Cli) -> tokio::runtime::Builder {
    use tokio::runtime::Builder;
    if !matches!(cli.command, Some(Command::Reconcile(_))) {
        return Builder::new_current_thread();
    }
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(2);
    builder
}

async fn to_the_end(cli: Cli, is_local_run: bool) -> Exit {
    let format = cli.common.log_format;
    if ends_itself(&cli) {
        let outcome = dispatch::command(cli, termination(false)).await;
        return outcome.unwrap_or_else(|fault| tell(fault.as_ref(), format));
    }
    tokio::select! {
        biased;
        signal = termination(is_local_run) => {
            warn!(signal, "stopped before the end; nothing is left half done");
            Exit::Terminated
        }
        outcome = dispatch::command(cli, std::future::pending()) => outcome.unwrap_or_else(|fault| tell(fault.as_ref(), format)),
    }
}

/// Whether a command ends by itself when it is asked to stop: it has something to bring to an end.
fn ends_itself(cli: &Cli) -> bool {
    match &cli.command {
        Some(Command::Reconcile(_) | Command::Sidecar(_)) => true,
        Some(Command::Writer(args)) => args.direct.is_wanted() && !args.preview.preview,
        _ => false,
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
        Some(Command::Sidecar(_)) => steps::span("status-sidecar"),
        Some(Command::Run(_)) => info_span!("run", trace.parent = ""),
        Some(
            Command::Show(_) | Command::Migrate(_) | Command::Install(_) | Command::Reconcile(_),
        )
        | None => Span::none(),
    }
}

/// Sends the traces of a process that lives long, now and then.
async fn send_now_and_then(lives_long: bool, trace: &Choice) -> Infallible {
    let Choice::On(trace) = trace else { return std::future::pending().await };
    if !lives_long {
        return std::future::pending().await;
    }
    let mut is_lost = false;
    loop {
        tokio::time::sleep(telemetry::PAUSE).await;
        let sent = trace.send_so_far(telemetry::TIME_MAX).await;
        // Said once, until it is well again.
        match &sent {
            Err(error) if !is_lost => warn!("failed to send traces: {error}"),
            Ok(()) | Err(_) => {}
        }
        is_lost = sent.is_err();
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
