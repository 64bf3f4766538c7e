//! `status-sidecar`: a step that runs until it is told to stop.

use std::ffi::OsStr;

use super::args::{self, Common};
use super::{AnyFault, settings, step};
use crate::cluster::folder::FolderCluster;
use crate::cluster::live::LiveCluster;
use crate::contract::{Layout, layout};
use crate::exit::Exit;
use crate::steps::{Clock, Context, sidecar};

/// Publishes until `stop`.
pub(super) async fn run(
    common: &Common,
    args: &args::Sidecar,
    stop: impl Future<Output = &'static str>,
) -> Result<Exit, AnyFault> {
    let args = settings::sidecar(args)?;
    let root = step::in_pod(common, OsStr::new(layout::WORK_CREATOR_DIR));
    let context = Context { layout: Layout::writer_root(&root), clock: Clock::System };
    let stop = async {
        stop.await;
    };
    match &common.cluster {
        Some(folder) => sidecar::run(&context, &FolderCluster::new(folder), &args, stop).await,
        None => {
            let cluster = LiveCluster::connect(settings::retry_policy(common, false)).await?;
            sidecar::run(&context, &cluster, &args, stop).await;
        }
    }
    Ok(Exit::Done)
}
