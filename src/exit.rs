//! Exit codes, and what every error of this program can say about itself.

use std::error::Error;
use std::process::ExitCode;

/// How the program ends (`docs/contract.md`, "Exit codes").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// The work is done, or there was nothing to do.
    Done = 0,
    /// A fault of this program.
    Bug = 1,
    /// A wrong command line or environment.
    Usage = 2,
    /// A file of the pipeline, or a local folder, is missing or wrong. Trying again does not help.
    Input = 3,
    /// The cluster said no: rights, conflict, invalid, too large.
    Refused = 4,
    /// The cluster could not be reached after our retries. Trying again may help.
    Unreachable = 5,
    /// A user's container failed in a local run.
    Stage = 6,
    /// SIGTERM or SIGINT came before the end (128 + 15, as shells say it). Trying again helps.
    Terminated = 143,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// An error that knows its exit code and what the reader can do next.
///
/// Messages are in lower case without a full stop and never repeat their source: `report` prints the chain.
pub trait Fault: Error {
    /// Returns the code to end with.
    fn exit(&self) -> Exit;

    /// Returns what to do next, starting with a verb.
    fn hint(&self) -> Option<String> {
        None
    }
}

/// Returns why an error came about, the nearest cause first.
///
/// A cause whose text already stands in the line above is left out: some libraries print their source in their own text.
pub fn causes(error: &dyn Error) -> Vec<String> {
    let mut causes = Vec::new();
    let mut above = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        if !above.contains(&text) {
            causes.push(text.trim_end().to_owned());
            above = text;
        }
        next = cause.source();
    }
    causes
}

impl<E: Fault + 'static> From<E> for Box<dyn Fault> {
    fn from(error: E) -> Self {
        Box::new(error)
    }
}
