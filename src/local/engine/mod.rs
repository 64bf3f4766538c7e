//! Runs one stage: a user's container.
//!
//! [`Process`] starts the stage's command on this machine, in a mount namespace of its own where the pod's folders
//! are at their real paths. Everything else is as the machine has it: tools, network, users. Nothing but this folder
//! starts processes.

#[cfg(target_os = "linux")]
mod child;
mod error;
#[cfg(target_os = "linux")]
mod process;
#[cfg(target_os = "linux")]
mod root;
pub mod tail;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::contract::env;
use crate::exit::Exit;
pub use error::EngineError;
pub use tail::Tail;

/// First argument of this program when it is the child that becomes a stage.
pub const STAGE_WORD: &str = "__stage";

/// One command, and the folders it sees besides those of the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// Name of the container.
    pub name: String,
    /// Program and arguments; never empty.
    pub command: Vec<String>,
    /// Variables of the container; they win over those of the machine.
    pub environment: Vec<(String, String)>,
    /// Where it starts; made when it is not there. `/` when the container says nothing.
    pub working_dir: PathBuf,
    /// What is mounted where.
    pub mounts: Vec<Mount>,
    /// An empty folder of this run, for the engine's own use.
    pub scratch: PathBuf,
}

/// A file or folder of this machine at another path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    /// Absolute path on this machine.
    pub source: PathBuf,
    /// Absolute path for the stage.
    pub target: PathBuf,
    /// Whether writing is refused.
    pub read_only: bool,
}

/// How a stage ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Its exit code or signal.
    pub end: End,
    /// From the start of its own command to its end.
    pub elapsed: Duration,
    /// The last lines it wrote, stdout and stderr together.
    pub tail: Tail,
}

/// Exit code or signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It ended by itself.
    Code(i32),
    /// A signal ended it.
    Signal(i32),
}

impl End {
    /// Whether the stage did what it should.
    pub fn is_success(self) -> bool {
        self == Self::Code(0)
    }

    /// Returns the code as a kubelet shows it: 128 and the signal's number for a signal.
    pub fn code(self) -> i32 {
        match self {
            Self::Code(code) => code,
            Self::Signal(signal) => signal.saturating_add(128),
        }
    }
}

impl std::fmt::Display for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Code(code) => write!(f, "ended with exit code {code}"),
            Self::Signal(signal) => write!(f, "was ended by signal {signal}"),
        }
    }
}

/// What runs stages.
pub trait Engine: Sync {
    /// Runs a stage to its end. An error means that it did not run; a failing stage is no error here.
    ///
    /// Dropping the future ends the stage.
    fn run(&self, stage: &Stage) -> impl Future<Output = Result<Ended, EngineError>> + Send;
}

/// Runs stages as processes of this machine; needs no image and no root (Linux only).
///
/// Image, user, capabilities and resources of the container are not imitated.
#[derive(Debug, Clone)]
pub struct Process {
    /// This program, which must call [`stage_main`] when its first argument is [`STAGE_WORD`].
    pub program: PathBuf,
    /// Variables of this machine that the stage sees; see [`host_environment`].
    pub environment: Vec<(OsString, OsString)>,
    /// Where the stage's lines go while it runs.
    pub echo: Option<fn(&str)>,
}

impl Process {
    /// Returns an engine that re-executes this very program, for a machine with these variables.
    pub fn new(environment: impl Iterator<Item = (OsString, OsString)>) -> Self {
        Self {
            program: PathBuf::from("/proc/self/exe"),
            environment: host_environment(environment),
            echo: None,
        }
    }
}

/// Returns the variables that a stage may see: all but those that would tell it about another run.
pub fn host_environment(
    variables: impl Iterator<Item = (OsString, OsString)>,
) -> Vec<(OsString, OsString)> {
    let of_a_run = |name: &OsString| {
        let name = name.to_string_lossy();
        name.starts_with(env::PREFIX)
            || name.starts_with("BOOKEND_")
            || env::ALL.contains(&name.as_ref())
    };
    variables.filter(|(name, _)| !of_a_run(name)).collect()
}

/// Becomes a stage: the part of [`Process`] that happens in the child. Returns only when that failed.
#[cfg(target_os = "linux")]
pub fn stage_main() -> Exit {
    child::main()
}

/// There is no stage to become on this system.
#[cfg(not(target_os = "linux"))]
pub fn stage_main() -> Exit {
    Exit::Usage
}

#[cfg(not(target_os = "linux"))]
impl Engine for Process {
    async fn run(&self, stage: &Stage) -> Result<Ended, EngineError> {
        let stage = stage.name.clone();
        Err(EngineError::Unsupported { stage, system: std::env::consts::OS })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_of_another_run_are_not_passed_on() {
        let kept = host_environment(
            ["PATH", env::OBJECT_NAME, "KUBECONFIG", env::IS_LAST_PIPELINE, "BOOKEND_LOG"]
                .into_iter()
                .map(|name| (name.into(), "x".into())),
        );
        let names: Vec<_> = kept.iter().map(|(name, _)| name.to_string_lossy()).collect();
        assert_eq!(names, ["PATH", "KUBECONFIG"]);
    }

    #[test]
    fn a_signal_counts_as_a_code_above_128() {
        assert_eq!(End::Signal(9).code(), 137);
        assert_eq!(End::Code(3).code(), 3);
        assert!(!End::Signal(9).is_success());
    }
}
