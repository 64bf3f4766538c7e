//! Arguments of every command: what Kratix passes, as flags and as the variables it sets. No logic.
//!
//! Settings that Kratix does not know are ours: `BOOKEND_` variables, or flags alone (`run`, `show`).

mod show;
mod steps;
mod store;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::install::Install;
use super::reconcile::Reconcile;
use crate::logging::Format;
pub use show::{Placed, ShowDiff, ShowPlacement, Whose};
pub use steps::{
    DryRun, OutputLayout, Preview, Reader, Sidecar, Status, Surplus, Target, WorkOutput, Writer,
    WriterLimits,
};
pub use store::{Direct, PathMode, StoreFiles, StoreFlags};

/// The two ends of a Kratix pipeline, and the pipeline itself on a laptop
#[derive(Debug, Parser)]
#[command(name = "bookend", version, propagate_version = true, args_override_self = true)]
pub struct Cli {
    /// What to do
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Settings of every command
    #[command(flatten)]
    pub common: Common,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write the object that triggered the pipeline to object.yaml
    Reader(Reader),
    /// Turn the output folder into a Work
    #[command(alias = "work-creator")]
    Writer(Box<Writer>),
    /// Merge status.yaml into the status of the object
    #[command(alias = "update-status")]
    Status(Status),
    /// Publish status.yaml while stages still run, and which of them has failed; for a sidecar container
    #[command(name = "status-sidecar")]
    Sidecar(Sidecar),
    /// Run a workflow on this machine, from a Promise and a request
    Run(Box<Run>),
    /// Look at what a pipeline produced
    Show(Show),
    /// Run Promises and requests in a cluster, with no other controller
    Reconcile(Box<Reconcile>),
    /// Print what `reconcile` needs in a cluster, for `kubectl apply -f -`
    Install(Install),
    /// Rewrite a Promise with `xaasRequestPipeline` in today's form
    Migrate(Migrate),
}

/// Settings of every command; all ours.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options of every command")]
pub struct Common {
    /// Keep objects in this folder; without it in an API server, or for `run` in a folder that is removed afterwards
    #[arg(long, global = true, env = "BOOKEND_CLUSTER", value_name = "DIR")]
    pub cluster: Option<PathBuf>,
    /// Put this before every absolute path of the pod
    #[arg(long, global = true, env = "BOOKEND_POD_ROOT", value_name = "DIR", hide = true)]
    pub pod_root: Option<PathBuf>,
    /// Ask again for so many seconds when an API server refuses access: one that has just started refuses what it allows
    /// a moment later; without it 3 in a step that takes effect, 0 elsewhere
    #[arg(
        long,
        global = true,
        env = "BOOKEND_REFUSAL_WAIT",
        value_name = "SECONDS",
        value_parser = clap::value_parser!(u64).range(..=60)
    )]
    pub refusal_wait: Option<u64>,
    /// Show log lines from this level on; without it `info` in a step, `warn` elsewhere
    #[arg(long, global = true, env = "BOOKEND_LOG", value_name = "LEVEL")]
    pub log: Option<Level>,
    /// Write log lines like this
    #[arg(
        long,
        global = true,
        env = "BOOKEND_LOG_FORMAT",
        value_name = "FORMAT",
        default_value = "plain"
    )]
    pub log_format: Format,
}

/// Levels of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Level {
    /// The step failed
    Error,
    /// Somebody should look
    Warn,
    /// One line for each effect
    Info,
    /// Decisions
    Debug,
    /// Requests
    Trace,
}

/// Arguments of `run`; all ours.
#[derive(Debug, Args)]
pub struct Run {
    /// File with the Promise; `-` reads stdin
    pub promise: PathBuf,
    /// File with the request; `-` reads stdin
    pub request: Option<PathBuf>,
    /// Put the objects of this file into the cluster first: ConfigMaps, Secrets, Destinations
    #[arg(long, value_name = "FILE")]
    pub with: Vec<PathBuf>,
    /// Choose the list of pipelines
    #[arg(long, value_name = "ACTION", default_value = "configure")]
    pub action: Action,
    /// Choose whose pipelines; without it the request's where one is given, else the Promise's
    #[arg(long = "type", value_name = "TYPE")]
    pub workflow_type: Option<WorkflowKind>,
    /// Write status.yaml, and each Work with its files, into this folder
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Write the files of all Works into this state store too, once no stage has failed; `--action delete` takes them out.
    /// URLs and credentials are those of `writer --to`
    #[arg(long, value_name = "URL")]
    pub to: Option<String>,
    /// Which files
    #[command(flatten)]
    pub files: StoreFiles,
    /// How
    #[command(flatten)]
    pub store: StoreFlags,
    /// Start this for the container NAME, instead of its `command` or of what its image starts
    #[arg(long = "stage", value_name = "NAME=COMMAND", value_parser = crate::local::run::parse_stage_command)]
    pub stages: Vec<(String, Vec<String>)>,
    /// Print the result like this
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    pub output: Output,
    /// Show what stages write while they run
    #[arg(short, long)]
    pub verbose: bool,
}

/// Arguments of `migrate`; all ours.
#[derive(Debug, Args)]
pub struct Migrate {
    /// File with the Promise; `-` reads stdin. Other objects in it are printed as they are
    pub promise: PathBuf,
}

/// Arguments of `show`; all ours.
#[derive(Debug, Args)]
pub struct Show {
    /// What to look at
    #[command(subcommand)]
    pub what: What,
}

/// What to look at.
#[derive(Debug, Subcommand)]
pub enum What {
    /// List Works, show one as a tree, print one of its files, or compare two
    Work(ShowWork),
    /// Show what an object's workflow does and waits for; without arguments that of the pod
    Status(Box<ShowStatus>),
    /// Show which Destinations a Work goes to and which not, where its files are or would be, and in which version
    Placement(Box<ShowPlacement>),
    /// Show what would change in state stores, before anything is written
    Diff(Box<ShowDiff>),
}

/// Arguments of `show work`.
#[derive(Debug, Args)]
pub struct ShowWork {
    /// Name of a Work, or the start of it, or `NAMESPACE/NAME`; without it, all are listed
    pub name: Option<String>,
    /// Show what leads from the first Work to this one
    #[arg(long, value_name = "OTHER", requires = "name")]
    pub diff: Option<String>,
    /// Print this file of the Work; with `--diff`, what differs in it
    #[arg(long, value_name = "PATH", requires = "name")]
    pub file: Option<String>,
    /// Look in this namespace only
    #[arg(short, long)]
    pub namespace: Option<String>,
}

/// Arguments of `show status`.
#[derive(Debug, Args)]
pub struct ShowStatus {
    /// Kind of the object: as kubectl takes it, or `PLURAL.VERSION.GROUP`, which is not looked up
    #[arg(requires = "name")]
    pub kind: Option<String>,
    /// Name of the object
    pub name: Option<String>,
    /// Its namespace; without it `default`
    #[arg(short, long, requires = "kind")]
    pub namespace: Option<String>,
    /// Print it like this
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    pub output: Output,
    /// The object of the pod
    #[command(flatten)]
    pub target: Target,
}

/// Which list of pipelines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Action {
    /// The object is new or has changed
    Configure,
    /// The object is going
    Delete,
}

/// Whose pipelines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum WorkflowKind {
    /// Those of the Promise itself
    Promise,
    /// Those of a request
    Resource,
}

/// How a result is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people
    Text,
    /// For programs
    Json,
}
