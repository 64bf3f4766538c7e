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
/// A cause whose text already stands in a line above is left out: some libraries print their source in their own text.
pub fn causes(error: &dyn Error) -> Vec<String> {
    lines(error).split_off(1)
}

/// Returns an error and its [`causes`] on one line.
pub fn chain(error: &dyn Error) -> String {
    lines(error).join(": ")
}

/// The error itself comes first.
fn lines(error: &dyn Error) -> Vec<String> {
    let mut lines = vec![error.to_string()];
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        let text = text.trim_end();
        if !lines.iter().any(|above| above.contains(text)) {
            lines.push(text.to_owned());
        }
        next = cause.source();
    }
    lines
}

impl<E: Fault + 'static> From<E> for Box<dyn Fault> {
    fn from(error: E) -> Self {
        Box::new(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Said {
        text: &'static str,
        source: Option<Box<Self>>,
    }

    #[test]
    fn what_stands_in_any_line_above_is_not_said_again() {
        let check = |texts: &[&'static str], expect: &str| {
            let wrap = |source, text: &&'static str| Some(Box::new(Said { text, source }));
            let error = texts.iter().rev().fold(None, wrap).unwrap();
            assert_eq!(chain(&error), expect);
            assert_eq!(causes(&error).len(), expect.matches(": ").count());
        };
        check(&["failed"], "failed");
        check(&["failed", "lost", "timed out\n"], "failed: lost: timed out");
        check(&["failed (timed out)", "lost", "timed out"], "failed (timed out): lost");
    }
}
