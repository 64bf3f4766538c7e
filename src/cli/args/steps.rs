//! Arguments of the three container steps: what Kratix passes, as flags and as the variables it sets. No logic.

use std::ffi::OsString;

use clap::{Args, ValueEnum};

use super::store::Direct;
use crate::contract::env;
use crate::contract::object::OBJECT_BYTES_MAX;
use crate::core::sidecar::BYTES_MAX;

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
    /// Take the output by the rules of an older system
    #[arg(long, value_name = "LAYOUT", default_value = "today")]
    pub layout: OutputLayout,
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
    /// Where to write itself
    #[command(flatten)]
    pub direct: Direct,
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

/// Arguments of `status-sidecar`; all ours but those of the object.
#[derive(Debug, Args)]
pub struct Sidecar {
    /// The object
    #[command(flatten)]
    pub target: Target,
    /// Name of the Pipeline
    #[arg(long, env = env::PIPELINE_NAME, value_name = "NAME", default_value = "", hide_default_value = true)]
    pub pipeline_name: String,
    /// Name of the pod whose stages are watched; without it no failed stage is told
    #[arg(long, env = env::POD_NAME, value_name = "NAME")]
    pub pod_name: Option<String>,
    /// Namespace of the pod
    #[arg(long, env = env::POD_NAMESPACE, value_name = "NAMESPACE", default_value = "", hide_default_value = true)]
    pub pod_namespace: String,
    /// Tell at most so many of the last lines of a failed stage
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    pub failure_lines: u32,
    /// Tell at most so many bytes of them
    #[arg(long, value_name = "BYTES", default_value_t = BYTES_MAX)]
    pub failure_bytes: u32,
}

/// By whose rules an output is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OutputLayout {
    /// Files of any kind, in folders or not
    Today,
    /// Kubernetes documents, all at the root
    Early,
    /// The same, with selectors from `cluster-selectors.yaml`
    Xaas,
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
