//! The three containers of the platform, in this process, through the same steps as in their image.

use std::collections::BTreeMap;
use std::path::Path;

use k8s_openapi::api::core::v1::Container;

use super::env::Variables;
use super::mount::on_this_machine;
use crate::cluster::Cluster;
use crate::contract::{Layout, layout};
use crate::exit::{Exit, Fault};
use crate::local::engine::Mount;
use crate::steps::reader::{self, ReaderError};
use crate::steps::settings::{self, SettingsError, Step};
use crate::steps::status::{self, StatusError};
use crate::steps::writer::{self, WriterError};
use crate::steps::{self, Clock, Context};

/// Why a container of the platform failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum StepError {
    /// Its arguments or variables are wrong.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The reader failed.
    #[error(transparent)]
    Reader(#[from] ReaderError),
    /// The writer failed.
    #[error(transparent)]
    Writer(#[from] WriterError),
    /// The status step failed.
    #[error(transparent)]
    Status(#[from] StatusError),
}

impl StepError {
    fn fault(&self) -> &dyn Fault {
        match self {
            Self::Settings(error) => error,
            Self::Reader(error) => error,
            Self::Writer(error) => error,
            Self::Status(error) => error,
        }
    }
}

impl Fault for StepError {
    fn exit(&self) -> Exit {
        self.fault().exit()
    }

    fn hint(&self) -> Option<String> {
        self.fault().hint()
    }
}

/// Whether a container is one of the platform's: Kratix hard-codes the path of their program.
pub(super) fn is_step(container: &Container) -> bool {
    container.command.as_deref().is_some_and(|command| command == [layout::ADAPTER_PATH])
}

/// Runs one of the three; its folders are those of its mounts.
pub(super) async fn run(
    cluster: &impl Cluster,
    clock: Clock,
    container: &Container,
    variables: &Variables,
    mounts: &[Mount],
) -> Result<(), StepError> {
    let arguments: Vec<String> =
        container.args.iter().flatten().map(|text| variables.expand(text)).collect();
    let by_name: BTreeMap<String, String> = variables.0.iter().cloned().collect();
    let context = |root: &Path| Context { layout: folders(root, mounts), clock };
    match settings::parse(&arguments, &by_name)? {
        Step::Reader(args, dir) => {
            let mut context = context(Path::new(layout::WORK_CREATOR_DIR));
            context.layout = context.layout.with_input_dir(on_this_machine(mounts, &dir));
            steps::within("reader", reader::run(&context, cluster, &args)).await?;
        }
        Step::Writer(args, root) => {
            steps::within("writer", writer::run(&context(&root), cluster, &args)).await?;
        }
        Step::Status(args) => {
            let context = context(Path::new(layout::WORK_CREATOR_DIR));
            steps::within("status", status::run(&context, cluster, &args)).await?;
        }
    }
    Ok(())
}

fn folders(root: &Path, mounts: &[Mount]) -> Layout {
    let pod = Layout::writer_root(root);
    let here = |path: &Path| on_this_machine(mounts, path);
    Layout {
        input_dir: here(&pod.input_dir),
        output_dir: here(&pod.output_dir),
        metadata_dir: here(&pod.metadata_dir),
        system_dir: here(&pod.system_dir),
    }
}
