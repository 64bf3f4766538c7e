//! The command line: the only reader of arguments and environment.

pub mod args;
pub mod argv0;
mod direct;
mod dispatch;
pub mod install;
mod local;
mod placed;
mod process;
pub mod reconcile;
mod settings;
mod sidecar;
mod step;
mod stores;
mod telemetry;

use std::ffi::OsString;
use std::path::Path;

use clap::{CommandFactory as _, FromArgMatches as _};
use tracing_subscriber::filter::LevelFilter;

use crate::contract::layout;
use crate::exit::{Exit, Fault};
use crate::logging::Format;
use crate::telemetry::Telemetry;
use crate::{logging, report};
use args::{Cli, Level};

/// Runs the program with these arguments, the first of which is its own name, and returns how it ended.
pub fn main(arguments: Vec<OsString>) -> Exit {
    // The child of the process engine: it must be alone in its process when it enters its namespaces.
    if arguments.get(1).is_some_and(|word| word == crate::local::engine::STAGE_WORD) {
        return crate::local::engine::stage_main();
    }
    let cli = match parse(argv0::with_subcommand(arguments)) {
        Ok(cli) => cli,
        Err(exit) => return exit,
    };
    let choice = telemetry::choose(&cli);
    let listener = choice.telemetry().map(Telemetry::listener);
    logging::start(cli.common.log_format, level(&cli), listener);
    process::run(cli, choice)
}

/// Parses the arguments; help, version and usage errors are printed here.
fn parse(arguments: Vec<OsString>) -> Result<Cli, Exit> {
    let format = wished_format(&arguments);
    let outcome = definition()
        .try_get_matches_from(arguments)
        .and_then(|matches| Cli::from_arg_matches(&matches));
    match outcome {
        Ok(Cli { command: None, .. }) => Err(print(&Cli::command().render_help().to_string())),
        Ok(cli) => Ok(cli),
        Err(error) if error.use_stderr() => {
            logging::start(format, LevelFilter::ERROR, None);
            let text = error.render().to_string();
            report::tell_usage(&text, format, Path::new(layout::TERMINATION_LOG));
            Err(Exit::Usage)
        }
        Err(help_or_version) => Err(print(&help_or_version.render().to_string())),
    }
}

/// Returns the format of log lines that arguments ask for which cannot be parsed.
fn wished_format(arguments: &[OsString]) -> Format {
    let is_json = |word: &OsString| word == "json";
    let flag = arguments.iter().position(|word| word == "--log-format");
    let is_flagged = flag.and_then(|at| arguments.get(at + 1)).is_some_and(is_json)
        || arguments.iter().any(|word| word == "--log-format=json");
    let is_set = || std::env::var_os("BOOKEND_LOG_FORMAT").as_ref().is_some_and(is_json);
    if is_flagged || (flag.is_none() && is_set()) { Format::Json } else { Format::Plain }
}

/// Returns the definition of the arguments, in which a variable of ours that is set but empty counts as not set: a
/// template that fills in nothing shall not stop a pod. Kratix's own variables have rules of their own.
fn definition() -> clap::Command {
    fn without(command: clap::Command, empty: &[OsString]) -> clap::Command {
        let is_empty = |arg: &clap::Arg| empty.iter().any(|name| arg.get_env() == Some(name));
        command
            .mut_args(|arg| if is_empty(&arg) { arg.env(None::<&'static str>) } else { arg })
            .mut_subcommands(|command| without(command, empty))
    }
    let is_ours = |name: &OsString| name.as_encoded_bytes().starts_with(b"BOOKEND_");
    let empty: Vec<OsString> = std::env::vars_os()
        .filter(|(name, value)| value.is_empty() && is_ours(name))
        .map(|(name, _)| name)
        .collect();
    if empty.is_empty() { Cli::command() } else { without(Cli::command(), &empty) }
}

/// Prints a text that was asked for.
fn print(text: &str) -> Exit {
    match logging::to_stdout(text) {
        Ok(()) => Exit::Done,
        Err(_) => Exit::Input,
    }
}

/// A step and a reconciler tell their effects, for the log of their pod; other commands, and a dry run, print a result instead.
fn level(cli: &Cli) -> LevelFilter {
    match cli.common.log {
        Some(Level::Error) => LevelFilter::ERROR,
        Some(Level::Warn) => LevelFilter::WARN,
        Some(Level::Info) => LevelFilter::INFO,
        Some(Level::Debug) => LevelFilter::DEBUG,
        Some(Level::Trace) => LevelFilter::TRACE,
        None if matches!(cli.command, Some(args::Command::Reconcile(_))) => LevelFilter::INFO,
        None => match cli.command.as_ref().and_then(step::is_preview) {
            Some(false) => LevelFilter::INFO,
            Some(true) | None => LevelFilter::WARN,
        },
    }
}

/// Any error of this program, with its exit code and hint.
type AnyFault = Box<dyn Fault>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_of_the_arguments_is_sound() {
        Cli::command().debug_assert();
    }
}
