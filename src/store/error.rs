//! Why a state store does not do what it is asked to, and what to do about it.

use std::error::Error;
use std::time::Duration;

use crate::core::placement::PathError;
use crate::exit::{Exit, Fault};

/// Cause of a failure, from below.
pub type Cause = Box<dyn Error + Send + Sync>;

/// Why a state store does not do what it is asked to. No text holds credentials.
#[derive(Debug, thiserror::Error)]
#[error("failed to {doing} {store}")]
pub struct StoreError {
    /// What was being done: `fetch from`, `push to`, `write to`.
    pub doing: &'static str,
    /// Which store: its address without credentials, and the branch.
    pub store: String,
    /// Why.
    #[source]
    pub trouble: Trouble,
}

/// What goes wrong with a state store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Trouble {
    /// Nobody answers, or the connection broke.
    #[error("it cannot be reached")]
    Unreachable(#[source] Cause),
    /// A step of the network took too long.
    #[error("no answer within {0:?}")]
    Late(Duration),
    /// Who answers is not who it should be: certificate, name, host key.
    #[error("it is not to be trusted")]
    Untrusted(#[source] Cause),
    /// The credentials are missing, wrong, or not of a kind that can be used.
    #[error("the credentials are refused: {0}")]
    Credentials(String),
    /// The credentials do not allow it.
    #[error("that is not allowed: {0}")]
    Forbidden(String),
    /// There is no such repository, bucket or folder.
    #[error("there is no {0}")]
    Missing(String),
    /// A rule of the store: a pre-receive hook, a protected branch. Trying again does not help.
    #[error("it was refused: {0}")]
    Refused(String),
    /// Others wrote at the same time, each time it was tried.
    #[error("others wrote first, {attempts} times in a row")]
    Raced {
        /// How often it was tried.
        attempts: u32,
    },
    /// A path that no store may have.
    #[error(transparent)]
    Path(#[from] PathError),
    /// Two files of which there can be only one.
    #[error("`{one}` and `{other}` cannot both be there: {why}")]
    Clash {
        /// One of them.
        one: String,
        /// The other.
        other: String,
        /// Why not.
        why: &'static str,
    },
    /// A file is more than a limit.
    #[error("`{path}` has more than {bytes_max} bytes")]
    TooLarge {
        /// Which one.
        path: String,
        /// The limit.
        bytes_max: u64,
    },
    /// The content of a file that is to be written cannot be had.
    #[error("failed to read `{path}`, which is to be written")]
    Content {
        /// Which one.
        path: String,
        /// Why.
        #[source]
        cause: Cause,
    },
    /// The store itself cannot be used: a repository that is damaged.
    #[error("what is there cannot be used: {0}")]
    Damaged(String),
    /// One file in it cannot be understood: a state file that is no YAML. That concerns those alone who need it.
    #[error("what is there cannot be used: {0}")]
    DamagedFile(String),
    /// This machine's own disk.
    #[error("this machine's disk")]
    Disk(#[source] Cause),
    /// It was asked to stop.
    #[error("stopped before it was done")]
    Stopped,
    /// Anything else that it says.
    #[error("it says: {0}")]
    Other(String),
}

impl Trouble {
    /// Whether the same may succeed later without anybody's help.
    pub fn may_pass(&self) -> bool {
        matches!(
            self,
            Self::Unreachable(_)
                | Self::Late(_)
                | Self::Raced { .. }
                | Self::Stopped
                | Self::Other(_)
                | Self::Disk(_)
        )
    }
}

impl Fault for StoreError {
    fn exit(&self) -> Exit {
        match self.trouble {
            Trouble::Unreachable(_)
            | Trouble::Late(_)
            | Trouble::Raced { .. }
            | Trouble::Other(_) => Exit::Unreachable,
            Trouble::Stopped => Exit::Terminated,
            Trouble::Path(_)
            | Trouble::Clash { .. }
            | Trouble::TooLarge { .. }
            | Trouble::Content { .. }
            | Trouble::Disk(_) => Exit::Input,
            Trouble::Untrusted(_)
            | Trouble::Credentials(_)
            | Trouble::Forbidden(_)
            | Trouble::Missing(_)
            | Trouble::Refused(_)
            | Trouble::Damaged(_)
            | Trouble::DamagedFile(_) => Exit::Refused,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match &self.trouble {
            Trouble::Unreachable(_) | Trouble::Late(_) => {
                "check address, network, proxy variables and firewall; trying again may help"
            }
            Trouble::Untrusted(_) => {
                "check the address; give the CA of the server's certificate (`SSL_CERT_FILE`), or its host key in `known_hosts`"
            }
            Trouble::Credentials(_) => {
                "check the Secret or the variables that hold them, and whether they have expired"
            }
            Trouble::Forbidden(_) => "give the account the right to read and write there",
            Trouble::Missing(_) => "check its name; it must be there before it is written to",
            Trouble::Refused(_) => {
                "see what the server says; settings of the commit (message, author, trailers) may satisfy it"
            }
            Trouble::Raced { .. } => {
                "try again; fewer writers at once, or one reconciler for all, avoids it"
            }
            Trouble::Path(_) | Trouble::Clash { .. } => "rename the file in the pipeline's output",
            Trouble::TooLarge { .. } => "split the file",
            Trouble::Damaged(_) | Trouble::DamagedFile(_) => "mend or remove it in the store",
            Trouble::Disk(_) => {
                "check space and rights of that folder; for a repository, of the scratch folder"
            }
            Trouble::Content { .. } | Trouble::Stopped | Trouble::Other(_) => return None,
        };
        Some(hint.to_owned())
    }
}
