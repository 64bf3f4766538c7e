//! A step with all that it was told: takes effect on a cluster, or tells what it would do.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use tracing::warn;

use super::args::{self, Command, Common, WorkOutput};
use super::{AnyFault, settings};
use crate::cluster::{Cluster, Reads};
use crate::contract::{Layout, layout};
use crate::files::yaml;
use crate::steps::settings::SettingsError;
use crate::steps::{Clock, Context, reader, status, writer};

/// One of the three steps.
pub(super) struct Step {
    context: Context,
    what: What,
}

enum What {
    Reader(reader::Reader),
    Writer(Box<writer::Writer>, WorkOutput),
    Status(status::Status),
}

impl Step {
    /// Reads the arguments of `reader`.
    pub(super) fn reader(common: &Common, args: &args::Reader) -> Result<Self, SettingsError> {
        ignore_surplus(&args.surplus);
        // Set but empty means the pod's own, as in Go programs.
        let given = Some(args.input_dir.as_os_str()).filter(|dir| !dir.is_empty());
        let dir = in_pod(common, given.unwrap_or(OsStr::new(layout::INPUT_DIR)));
        let what = What::Reader(settings::reader(args)?);
        Ok(Self { context: context(Layout::pod().with_input_dir(dir)), what })
    }

    /// Reads the arguments of `writer`.
    pub(super) fn writer(common: &Common, args: &args::Writer) -> Result<Self, SettingsError> {
        ignore_surplus(&args.surplus);
        let root = in_pod(common, &args.input_directory);
        let what = What::Writer(Box::new(settings::writer(args)?), args.output);
        Ok(Self { context: context(Layout::writer_root(&root)), what })
    }

    /// Reads the arguments of `status`.
    pub(super) fn status(common: &Common, args: &args::Status) -> Result<Self, SettingsError> {
        ignore_surplus(&args.surplus);
        let root = in_pod(common, OsStr::new(layout::WORK_CREATOR_DIR));
        let what = What::Status(settings::status(args)?);
        Ok(Self { context: context(Layout::writer_root(&root)), what })
    }

    /// Takes effect.
    pub(super) async fn run(&self, cluster: &impl Cluster) -> Result<(), AnyFault> {
        let Self { context, what } = self;
        match what {
            What::Reader(args) => drop(reader::run(context, cluster, args).await?),
            What::Writer(args, _) => drop(writer::run(context, cluster, args).await?),
            What::Status(args) => drop(status::run(context, cluster, args).await?),
        }
        Ok(())
    }

    /// Returns what it would do. It is given what can only read, so nothing is written.
    pub(super) async fn preview(&self, cluster: &impl Reads) -> Result<String, AnyFault> {
        let Self { context, what } = self;
        Ok(match what {
            What::Reader(args) => reader::plan(context, cluster, args).await?.describe(),
            What::Writer(args, output) => {
                let preview = writer::preview(context, cluster, args).await?;
                match output {
                    WorkOutput::Text => preview.describe(),
                    WorkOutput::Json => format!("{:#}\n", preview.to_value()),
                    WorkOutput::Yaml => yaml::write(&preview.to_value()),
                }
            }
            What::Status(args) => status::preview(context, cluster, args).await?.describe(),
        })
    }
}

/// Whether a command is a step, and if so, whether it only tells.
pub(super) fn is_preview(command: &Command) -> Option<bool> {
    match command {
        Command::Reader(args::Reader { preview, .. })
        | Command::Status(args::Status { preview, .. }) => Some(preview.preview),
        Command::Writer(args) => Some(args.preview.preview),
        Command::Run(_)
        | Command::Sidecar(_)
        | Command::Show(_)
        | Command::Migrate(_)
        | Command::Install(_)
        | Command::Reconcile(_) => None,
    }
}

/// The folders of a step, and the machine's clock.
pub(super) fn context(layout: Layout) -> Context {
    Context { layout, clock: Clock::System }
}

/// Puts `--pod-root` before an absolute path of the pod.
pub(super) fn in_pod(common: &Common, path: &OsStr) -> PathBuf {
    let path = Path::new(path);
    match (&common.pod_root, path.strip_prefix("/")) {
        (Some(root), Ok(inside)) => root.join(inside),
        _ => path.to_owned(),
    }
}

pub(super) fn ignore_surplus(surplus: &args::Surplus) {
    if !surplus.surplus.is_empty() {
        warn!(words = surplus.surplus.len(), "ignored arguments that no setting takes");
    }
}
