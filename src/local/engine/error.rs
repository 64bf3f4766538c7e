//! Why a stage could not be run at all.

use std::io;
use std::path::PathBuf;

use crate::exit::{Exit, Fault};

/// Why a stage could not be run at all. A stage that ran and failed is no error of the engine.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The process engine works on Linux only.
    #[error("failed to run stage `{stage}`: the process engine needs Linux, this is {system}")]
    Unsupported {
        /// The stage.
        stage: String,
        /// Name of this system.
        system: &'static str,
    },
    /// This system does not let us make namespaces.
    #[error("failed to run stage `{stage}`: this machine does not allow user and mount namespaces")]
    Namespaces {
        /// The stage.
        stage: String,
        /// What the system said.
        source: io::Error,
    },
    /// A mount of the container could not be made.
    #[error("failed to mount `{}` for stage `{stage}`", target.display())]
    Mount {
        /// The stage.
        stage: String,
        /// Path for the stage.
        target: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The container's `workingDir` cannot be entered.
    #[error("failed to enter the working directory `{}` of stage `{stage}`", path.display())]
    WorkingDir {
        /// The stage.
        stage: String,
        /// Path for the stage.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The command is not on this machine.
    #[error(
        "failed to find the command `{command}` of stage `{stage}` on this machine{}",
        searched(command, path)
    )]
    NotFound {
        /// The stage.
        stage: String,
        /// The first word of its command.
        command: String,
        /// Where it was looked for.
        path: String,
    },
    /// A byte that ends a text for the system stands in the middle of one.
    #[error("failed to start stage `{stage}`: {what} holds a NUL byte")]
    Nul {
        /// The stage.
        stage: String,
        /// Where.
        what: String,
    },
    /// The command is there and does not start.
    #[error("failed to start the command `{command}` of stage `{stage}`")]
    Exec {
        /// The stage.
        stage: String,
        /// The first word of its command.
        command: String,
        /// Why.
        source: io::Error,
    },
    /// The child that becomes the stage could not be made, or was lost before it did.
    #[error("failed to make a process for stage `{stage}`")]
    Start {
        /// The stage.
        stage: String,
        /// Why.
        source: io::Error,
    },
}

impl Fault for EngineError {
    fn exit(&self) -> Exit {
        match self {
            Self::Unsupported { .. } | Self::Namespaces { .. } => Exit::Usage,
            Self::Start { .. } => Exit::Bug,
            Self::Mount { .. }
            | Self::WorkingDir { .. }
            | Self::NotFound { .. }
            | Self::Nul { .. }
            | Self::Exec { .. } => Exit::Stage,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Unsupported { .. } => "run it on Linux, or in a Linux container or virtual machine".into(),
            Self::Namespaces { .. } => namespaces_hint(),
            Self::Mount { .. } => "check `volumeMounts` of the container: a path of this machine stands in the way".into(),
            Self::WorkingDir { .. } => "check `workingDir` of the container".into(),
            Self::Nul { .. } => "remove it: no program can be given one (a Secret with binary data fits a volume, not a variable)".into(),
            Self::NotFound { command, .. } if command.is_empty() => {
                "write the program as the first word of `command`".into()
            }
            Self::NotFound { command, .. } => format!(
                "install `{command}`: the process engine takes commands from this machine, not from the image"
            ),
            Self::Exec { .. } => "check that the file may be executed and that its interpreter (`#!`) is on this machine".into(),
            Self::Start { .. } => return None,
        })
    }
}

/// Only a command without `/` is looked for in the folders of `PATH`.
fn searched(command: &str, path: &str) -> String {
    if command.contains('/') { String::new() } else { format!("; PATH is `{path}`") }
}

fn namespaces_hint() -> String {
    "allow them, one of these is in the way:\n\
     Ubuntu: sysctl kernel.apparmor_restrict_unprivileged_userns=0\n\
     Debian: sysctl kernel.unprivileged_userns_clone=1\n\
     any: sysctl user.max_user_namespaces=10000\n\
     in a container: give it `--privileged`, or `--security-opt seccomp=unconfined --security-opt apparmor=unconfined`"
        .into()
}
