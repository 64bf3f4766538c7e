//! Arguments of `show placement` and `show diff`; all ours. No logic.

use std::path::PathBuf;

use clap::Args;

use super::steps::{DryRun, OutputLayout};
use super::store::StoreFiles;
use crate::contract::env;

/// What is looked at, and where it may go.
#[derive(Debug, Args)]
pub struct Placed {
    /// Name of a Work, or the start of it, or `NAMESPACE/NAME`
    #[arg(required_unless_present_any = ["work", "folder"], conflicts_with_all = ["work", "folder"])]
    pub name: Option<String>,
    /// Look at the Work in this file instead; `-` reads stdin
    #[arg(long, value_name = "FILE", conflicts_with = "folder")]
    pub work: Option<PathBuf>,
    /// Look at what stages have left in this folder: its `output` and `metadata`, or else all of it
    #[arg(long, value_name = "DIR")]
    pub folder: Option<PathBuf>,
    /// Look in this namespace only
    #[arg(short, long)]
    pub namespace: Option<String>,
    /// Take Destinations, state stores and Secrets from these files, not from the cluster. Repeatable
    #[arg(long, value_name = "FILE")]
    pub destinations: Vec<PathBuf>,
    /// Look at this Destination only
    #[arg(long, value_name = "NAME")]
    pub destination: Option<String>,
    /// All goes into this state store, as with `writer --to`
    #[arg(long, value_name = "URL", conflicts_with_all = ["destinations", "destination"])]
    pub to: Option<String>,
    /// Which files
    #[command(flatten)]
    pub files: StoreFiles,
    /// Whose it is
    #[command(flatten)]
    pub whose: Whose,
}

/// Whose files are in a folder.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options for `--folder`: whose files these are")]
pub struct Whose {
    /// Name of the Promise
    #[arg(long, env = env::PROMISE_NAME, value_name = "NAME", default_value = "", hide_default_value = true)]
    pub promise_name: String,
    /// Name of the Pipeline
    #[arg(long, env = env::PIPELINE_NAME, value_name = "NAME", default_value = "", hide_default_value = true)]
    pub pipeline_name: String,
    /// `promise` or `resource`
    #[arg(long, env = env::WORKFLOW_TYPE, value_name = "TYPE", default_value = "resource")]
    pub workflow_type: String,
    /// Name of the request
    #[arg(long, env = env::OBJECT_NAME, value_name = "NAME", default_value = "", hide_default_value = true)]
    pub resource_name: String,
    /// Namespace of the request; empty means `default`
    #[arg(long, env = env::OBJECT_NAMESPACE, value_name = "NAMESPACE", default_value = "", hide_default_value = true)]
    pub resource_namespace: String,
    /// Take the output by the rules of an older system
    #[arg(long, value_name = "LAYOUT", default_value = "today")]
    pub layout: OutputLayout,
    /// Dry run
    #[command(flatten)]
    pub dry_run: DryRun,
}

/// Arguments of `show placement`.
#[derive(Debug, Args)]
pub struct ShowPlacement {
    /// What, and where
    #[command(flatten)]
    pub placed: Placed,
}

/// Arguments of `show diff`.
#[derive(Debug, Args)]
pub struct ShowDiff {
    /// What, and where
    #[command(flatten)]
    pub placed: Placed,
    /// Name files only, and nothing of what is in them
    #[arg(short, long)]
    pub summary: bool,
}
