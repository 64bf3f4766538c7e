//! Arguments of every command: what Kratix passes, as flags and as the variables it sets. No logic.
//!
//! Settings that Kratix does not know are ours: `BOOKEND_` variables, or flags alone (`run`, `show`).

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::reconcile::Reconcile;
use crate::contract::env;
use crate::contract::object::OBJECT_BYTES_MAX;
use crate::logging::Format;

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
    Writer(Writer),
    /// Merge status.yaml into the status of the object
    #[command(alias = "update-status")]
    Status(Status),
    /// Run a workflow on this machine, from a Promise and a request
    Run(Box<Run>),
    /// Look at what a pipeline produced
    Show(Show),
    /// Run Promises and requests in a cluster, with no other controller
    Reconcile(Box<Reconcile>),
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

/// The object that triggered the pipeline (contract.md 1.1).
#[derive(Debug, Args)]
pub struct Target {
    /// API group of the object
    #[arg(long, env = env::OBJECT_GROUP, value_name = "GROUP", default_value = "", hide_default_value = true)]
    pub object_group: String,
    /// API version of the object, without the group
    #[arg(long, env = env::OBJECT_VERSION, value_name = "VERSION", default_value = "", hide_default_value = true)]
    pub object_version: String,
    /// Kind of the object; only to tell a missing object from a missing kind
    #[arg(long, env = env::OBJECT_KIND, value_name = "KIND", default_value = "", hide_default_value = true)]
    pub object_kind: String,
    /// Plural of the object's kind
    #[arg(long, env = env::CRD_PLURAL, value_name = "PLURAL", default_value = "", hide_default_value = true)]
    pub crd_plural: String,
    /// Name of the object
    #[arg(long, env = env::OBJECT_NAME, value_name = "NAME", default_value = "", hide_default_value = true)]
    pub object_name: String,
    /// Namespace of the object; empty means `default`
    #[arg(long, env = env::OBJECT_NAMESPACE, value_name = "NAMESPACE", default_value = "", hide_default_value = true)]
    pub object_namespace: String,
    /// Exactly `true` for an object without namespace
    #[arg(long, env = env::CLUSTER_SCOPED, value_name = "BOOL", default_value = "", hide_default_value = true)]
    pub cluster_scoped: String,
}

/// Whether this is a dry run.
#[derive(Debug, Args)]
pub struct DryRun {
    /// Exactly `true` in a dry run of Kratix
    #[arg(long = "kratix-dry-run", env = env::DRY_RUN, value_name = "BOOL", default_value = "", hide_default_value = true)]
    pub dry_run: String,
}

/// Whether to act, or only to tell.
#[derive(Debug, Args)]
pub struct Preview {
    /// Print what would be done, and write nothing; not to be confused with a dry run of Kratix
    #[arg(long = "dry-run")]
    pub preview: bool,
}

/// Words that the original takes and does not use.
#[derive(Debug, Args)]
pub struct Surplus {
    /// Ignored, with a warning
    #[arg(hide = true)]
    pub surplus: Vec<String>,
}

/// Arguments of `reader`.
#[derive(Debug, Args)]
pub struct Reader {
    /// The object
    #[command(flatten)]
    pub target: Target,
    /// Dry run
    #[command(flatten)]
    pub dry_run: DryRun,
    /// Folder to write object.yaml to; empty means the pod's own
    #[arg(long, env = env::INPUT_DIR, value_name = "DIR", default_value = "", hide_default_value = true)]
    pub input_dir: OsString,
    /// Keep `metadata.managedFields` in object.yaml
    #[arg(long, env = "BOOKEND_KEEP_MANAGED_FIELDS")]
    pub keep_managed_fields: bool,
    /// Act or tell
    #[command(flatten)]
    pub preview: Preview,
    /// Words without use
    #[command(flatten)]
    pub surplus: Surplus,
}

/// Arguments of `writer` (contract.md 2).
#[derive(Debug, Args)]
pub struct Writer {
    /// Folder that holds `input`, `metadata` and `kratix-system`
    #[arg(long, value_name = "DIR", default_value = "", hide_default_value = true)]
    pub input_directory: OsString,
    /// Name of the Promise
    #[arg(long, env = env::PROMISE_NAME, value_name = "NAME", default_value = "", hide_default_value = true)]
    pub promise_name: String,
    /// Name of the Pipeline
    #[arg(long, env = env::PIPELINE_NAME, value_name = "NAME", default_value = "", hide_default_value = true)]
    pub pipeline_name: String,
    /// Namespace of the Work; empty means that of the Kratix installation
    #[arg(long, default_value = "", hide_default_value = true)]
    pub namespace: String,
    /// Name of the resource request
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    pub resource_name: String,
    /// Namespace of the resource request, where the Work lives in another one
    #[arg(long, value_name = "NAMESPACE", default_value = "", hide_default_value = true)]
    pub resource_namespace: String,
    /// `promise` or `resource`
    #[arg(long, env = env::WORKFLOW_TYPE, value_name = "TYPE", default_value = "resource")]
    pub workflow_type: String,
    /// Dry run
    #[command(flatten)]
    pub dry_run: DryRun,
    /// W3C trace parent for the Work
    #[arg(long, env = env::TRACE_PARENT, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub trace_parent: String,
    /// W3C trace state for the Work
    #[arg(long, env = env::TRACE_STATE, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub trace_state: String,
    /// Limits
    #[command(flatten)]
    pub limits: WriterLimits,
    /// Act or tell
    #[command(flatten)]
    pub preview: Preview,
    /// Print the dry run like this
    #[arg(short, long, value_name = "FORMAT", default_value = "text", requires = "preview")]
    pub output: WorkOutput,
    /// Words without use
    #[command(flatten)]
    pub surplus: Surplus,
}

/// Limits of `writer`; all ours.
#[derive(Debug, Args)]
pub struct WriterLimits {
    /// Refuse more files than this
    #[arg(long, env = "BOOKEND_MAX_FILES", value_name = "COUNT", default_value_t = 10_000)]
    pub max_files: u64,
    /// Refuse a file with more bytes than this
    #[arg(long, env = "BOOKEND_MAX_FILE_BYTES", value_name = "BYTES", default_value_t = 16 << 20)]
    pub max_file_bytes: u64,
    /// Refuse more bytes than this in all files together
    #[arg(long, env = "BOOKEND_MAX_TOTAL_BYTES", value_name = "BYTES", default_value_t = 64 << 20)]
    pub max_total_bytes: u64,
    /// Refuse a Work with more bytes than this; the default is etcd's own limit
    #[arg(long, env = "BOOKEND_MAX_WORK_BYTES", value_name = "BYTES", default_value_t = OBJECT_BYTES_MAX)]
    pub max_work_bytes: u64,
}

/// Arguments of `status`.
#[derive(Debug, Args)]
pub struct Status {
    /// The object
    #[command(flatten)]
    pub target: Target,
    /// `configure` or `delete`
    #[arg(long, env = env::WORKFLOW_ACTION, value_name = "ACTION", default_value = "", hide_default_value = true)]
    pub workflow_action: String,
    /// `promise` or `resource`
    #[arg(long, env = env::WORKFLOW_TYPE, value_name = "TYPE", default_value = "", hide_default_value = true)]
    pub workflow_type: String,
    /// Name of the Promise; accepted, without effect
    #[arg(long, env = env::PROMISE_NAME, value_name = "NAME", default_value = "", hide_default_value = true)]
    pub promise_name: String,
    /// Name of the Pipeline
    #[arg(long, env = env::PIPELINE_NAME, value_name = "NAME", default_value = "", hide_default_value = true)]
    pub pipeline_name: String,
    /// Exactly `true` for the last pipeline of a workflow
    #[arg(long, env = env::IS_LAST_PIPELINE, value_name = "BOOL", default_value = "", hide_default_value = true)]
    pub is_last_pipeline: String,
    /// Dry run
    #[command(flatten)]
    pub dry_run: DryRun,
    /// Act or tell
    #[command(flatten)]
    pub preview: Preview,
    /// Words without use
    #[command(flatten)]
    pub surplus: Surplus,
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

/// How a Work that would be sent is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum WorkOutput {
    /// What it is, for people
    Text,
    /// The Work whole
    Json,
    /// The Work whole
    Yaml,
}
