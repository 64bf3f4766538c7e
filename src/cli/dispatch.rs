//! From parsed arguments to a step on a cluster.

use std::path::PathBuf;
use std::time::Instant;

use tracing::info;

use super::args::{self, Cli, Command, Common};
use super::step::{self, Step};
use super::{AnyFault, direct, install, local, placed, reconcile, settings, sidecar};
use crate::cluster::Cluster;
use crate::cluster::folder::FolderCluster;
use crate::cluster::live::{Effort, LiveCluster};
use crate::exit::{Exit, Fault};
use crate::steps::Clock;
use crate::{logging, show};

/// A folder to look at that is not there. A step would make it; looking at it would tell that nothing is in it.
#[derive(Debug, thiserror::Error)]
#[error("failed to find the folder `{}` of `--cluster`", folder.display())]
pub(super) struct NoFolder {
    folder: PathBuf,
}

impl Fault for NoFolder {
    fn exit(&self) -> Exit {
        Exit::Usage
    }

    fn hint(&self) -> Option<String> {
        Some("name a folder that an earlier `run --cluster` has made".into())
    }
}

/// The result could not be printed.
#[derive(Debug, thiserror::Error)]
#[error("failed to write the result to stdout")]
pub(super) struct PrintError {
    source: std::io::Error,
}

impl Fault for PrintError {
    fn exit(&self) -> Exit {
        Exit::Input
    }

    fn hint(&self) -> Option<String> {
        Some("free space where the output goes".into())
    }
}

/// Prints a result.
pub(super) fn print(text: &str) -> Result<(), PrintError> {
    logging::to_stdout(text).map_err(|source| PrintError { source })
}

/// Does what the command says; `stop` asks those to end that end gracefully.
pub(super) async fn command(
    cli: Cli,
    stop: impl Future<Output = &'static str>,
) -> Result<Exit, AnyFault> {
    let Some(command) = cli.command else { return Ok(Exit::Done) };
    let common = &cli.common;
    let only_tells = step::is_preview(&command).unwrap_or_default();
    let step = match command {
        Command::Reader(args) => Step::reader(common, &args)?,
        Command::Writer(args) if args.direct.is_wanted() => {
            return direct::run(common, &args, stop).await;
        }
        Command::Writer(args) => Step::writer(common, &args)?,
        Command::Status(args) => Step::status(common, &args)?,
        Command::Run(args) => return local::run(common, *args).await,
        Command::Reconcile(args) => return reconcile::run(common, *args, stop).await,
        Command::Sidecar(args) => return sidecar::run(common, &args, stop).await,
        Command::Install(args) => {
            print(&install::text(args)?)?;
            return Ok(Exit::Done);
        }
        Command::Migrate(args) => return migrate(&args),
        Command::Show(args::Show { what: args::What::Work(args) }) => {
            return on_cluster(common, OnCluster::Show(args)).await;
        }
        Command::Show(args::Show { what: args::What::Placement(args) }) => {
            print(&placed::placement(common, &args.placed).await?)?;
            return Ok(Exit::Done);
        }
        Command::Show(args::Show { what: args::What::Diff(args) }) => {
            print(&placed::diff(common, &args.placed, args.summary).await?)?;
            return Ok(Exit::Done);
        }
        Command::Show(args::Show { what: args::What::Status(args) }) => {
            let status = settings::show_status(common, &args, Clock::System.now())?;
            return on_cluster(common, OnCluster::ShowStatus(status)).await;
        }
    };
    on_cluster(common, if only_tells { OnCluster::Preview(step) } else { OnCluster::Step(step) })
        .await
}

/// Prints Promises in today's form; what could not be translated is a note, not a part of the result.
fn migrate(args: &args::Migrate) -> Result<Exit, AnyFault> {
    let migrated = crate::local::migrate::migrate(&args.promise)?;
    migrated.notes.iter().for_each(|note| logging::to_stderr(&format!("note: {note}\n")));
    print(&migrated.text)?;
    Ok(Exit::Done)
}

enum OnCluster {
    /// Takes effect.
    Step(Step),
    /// Only tells what it would do.
    Preview(Step),
    Show(args::ShowWork),
    ShowStatus(show::status::ShowStatus),
}

/// Chooses the API server or a folder: the only place that knows the difference.
async fn on_cluster(common: &Common, what: OnCluster) -> Result<Exit, AnyFault> {
    let started = Instant::now();
    let only_looks = !matches!(what, OnCluster::Step(_));
    let (outcome, effort) = match &common.cluster {
        Some(folder) => (run_on(&FolderCluster::new(folder), common, what).await, None),
        None => match LiveCluster::connect(settings::retry_policy(common, only_looks)).await {
            Ok(cluster) => {
                let outcome = run_on(&cluster, common, what).await;
                (outcome, Some(cluster.effort()))
            }
            Err(error) => (Err(error.into()), None),
        },
    };
    has_ended(&outcome, started, effort);
    outcome
}

/// Says what it has cost, once, also where it has failed; where it could not even begin, there is nothing to say.
fn has_ended(outcome: &Result<Exit, AnyFault>, started: Instant, effort: Option<Effort>) {
    let exit_code = match outcome {
        Ok(exit) => *exit as u8,
        Err(fault) => fault.exit() as u8,
    };
    if exit_code == Exit::Usage as u8 {
        return;
    }
    info!(
        requests = effort.map(|effort| effort.requests),
        waited_ms = effort.map(|effort| effort.waited.as_millis() as u64),
        duration_ms = started.elapsed().as_millis() as u64,
        exit_code,
        "ended"
    );
}

async fn run_on(
    cluster: &impl Cluster,
    common: &Common,
    what: OnCluster,
) -> Result<Exit, AnyFault> {
    match what {
        OnCluster::Step(step) => step.run(cluster).await?,
        OnCluster::Preview(step) => {
            folder_is_there(common)?;
            print(&step.preview(cluster).await?)?;
        }
        OnCluster::Show(args) => {
            folder_is_there(common)?;
            let works = settings::show(&args, Clock::System.now());
            print(&show::run(cluster, &works).await?)?;
        }
        OnCluster::ShowStatus(status) => {
            folder_is_there(common)?;
            print(&show::status::run(cluster, &status).await?)?;
        }
    }
    Ok(Exit::Done)
}

/// Fails when there is no folder to look at.
pub(super) fn folder_is_there(common: &Common) -> Result<(), NoFolder> {
    match &common.cluster {
        Some(folder) if !folder.is_dir() => Err(NoFolder { folder: folder.clone() }),
        _ => Ok(()),
    }
}
