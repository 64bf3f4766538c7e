//! Arguments of what writes into a state store itself; all ours. No logic.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::contract::env;
use crate::contract::kinds::SYSTEM_NAMESPACE;
use crate::contract::placement::mode;

/// Where the writer writes itself.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options for writing into a state store, without a Work")]
pub struct Direct {
    /// Write into this state store: `dir:PATH`, `git+https://HOST/REPO#BRANCH:PATH`, `git+ssh:`, `git+file:`,
    /// `s3://BUCKET/PATH?endpoint=HOST`, `gs:`, `az:`
    #[arg(
        long,
        env = "BOOKEND_TO",
        value_name = "URL",
        hide_env_values = true,
        conflicts_with = "destination"
    )]
    pub to: Option<String>,
    /// Write into the state store of this Destination, if its labels match
    #[arg(long, env = "BOOKEND_DESTINATION", value_name = "NAME")]
    pub destination: Option<String>,
    /// In a `delete` workflow all that the object has written is removed
    #[arg(long, env = env::WORKFLOW_ACTION, value_name = "ACTION", default_value = "", hide_default_value = true)]
    pub workflow_action: String,
    /// Name of the object: in a stage that is not told `--resource-name`
    #[arg(long, env = env::OBJECT_NAME, value_name = "NAME", default_value = "", hide = true)]
    pub object_name: String,
    /// Namespace of the object: in a stage that is not told `--namespace`
    #[arg(long, env = env::OBJECT_NAMESPACE, value_name = "NAMESPACE", default_value = "", hide = true)]
    pub object_namespace: String,
    /// Tell store, version and numbers of files under this key of the object's status
    #[arg(long, env = "BOOKEND_VERSION_STATUS", value_name = "KEY", value_parser = status_key)]
    pub version_status: Option<String>,
    /// Take turns with other pods by a Lease in this namespace; `--destination` does so in that of the Kratix installation
    #[arg(long, env = "BOOKEND_LEASE_NAMESPACE", value_name = "NAMESPACE")]
    pub lease_namespace: Option<String>,
    /// Which files
    #[command(flatten)]
    pub files: StoreFiles,
    /// How
    #[command(flatten)]
    pub store: StoreFlags,
}

impl Direct {
    /// Whether the writer writes itself.
    pub fn is_wanted(&self) -> bool {
        self.to.is_some() || self.destination.is_some()
    }

    /// Namespace of the Lease, if there is to be one.
    pub fn lease_namespace(&self) -> Option<&str> {
        let default = self.destination.as_ref().map(|_| SYSTEM_NAMESPACE);
        self.lease_namespace.as_deref().or(default)
    }
}

/// Which files are written below a URL; a Destination says it itself.
#[derive(Debug, Clone, Args)]
pub struct StoreFiles {
    /// Lay files out like this below the URL; a Destination says it itself
    #[arg(long, env = "BOOKEND_PATH_MODE", value_name = "MODE", default_value = mode::NESTED)]
    pub path_mode: PathMode,
    /// Name of the one file of `--path-mode aggregatedYAML`
    #[arg(long, env = "BOOKEND_AGGREGATED_FILE", value_name = "PATH", default_value = mode::AGGREGATED_FILE)]
    pub aggregated_file: String,
}

/// How a store is written to.
#[derive(Debug, Clone, Args)]
pub struct StoreFlags {
    /// Keep a repository for the time of the write in this folder; without it where temporary files go
    #[arg(long, env = "BOOKEND_SCRATCH", value_name = "DIR")]
    pub scratch: Option<PathBuf>,
    /// Create the branch when the repository has others but not this one
    #[arg(long, env = "BOOKEND_CREATE_BRANCH")]
    pub create_branch: bool,
    /// Message of commits; `{promise}`, `{resource}`, `{namespace}`, `{pipeline}`, `{destination}`, `{name}`, `{label:KEY}`
    /// and `{annotation:KEY}` are filled in
    #[arg(long, env = "BOOKEND_COMMIT_MESSAGE", value_name = "TEMPLATE")]
    pub commit_message: Option<String>,
    /// Author of commits, a template as well
    #[arg(long, env = "BOOKEND_COMMIT_AUTHOR", value_name = "NAME <EMAIL>")]
    pub commit_author: Option<String>,
    /// Committer
    #[arg(long, env = "BOOKEND_COMMITTER", value_name = "NAME <EMAIL>")]
    pub committer: Option<String>,
    /// Trailer of commits, its text is a template as well; a line each. Repeatable
    #[arg(
        long = "commit-trailer",
        env = "BOOKEND_COMMIT_TRAILERS",
        value_name = "KEY: TEXT",
        value_delimiter = '\n'
    )]
    pub commit_trailers: Vec<String>,
    /// Sign commits with the private ssh key in this file
    #[arg(long, env = "BOOKEND_COMMIT_SIGNING_KEY_FILE", value_name = "FILE")]
    pub commit_signing_key_file: Option<PathBuf>,
}

/// How files are laid out (contract.md 10.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PathMode {
    /// A folder for each object and pipeline
    #[value(name = mode::NESTED)]
    Nested,
    /// One file for all
    #[value(name = mode::AGGREGATED)]
    Aggregated,
    /// Paths as the pipeline names them, and a state file that lists them
    #[value(name = mode::NONE)]
    Plain,
}

/// The key `kratix` of a status is the platform's own, and refused by the status step (contract.md 7.3).
fn status_key(text: &str) -> Result<String, &'static str> {
    match text {
        "kratix" | "conditions" => Err("the platform keeps that key for itself"),
        key => Ok(key.to_owned()),
    }
}
