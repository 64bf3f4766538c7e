//! Puts the object in: cluster to object.yaml (contract.md 2.1).

use std::path::PathBuf;

use tracing::{debug_span, info};

use super::backoff::answered;
use super::{Context, observed};
use crate::cluster::{Cluster, ClusterError, Reads};
use crate::contract::{Object, ObjectKey, env, labels};
use crate::core::object;
use crate::exit::{Exit, Fault};
use crate::files::tree::shown;
use crate::files::{self, FileError};

/// What the step is asked to do.
#[derive(Debug, Clone)]
pub struct Reader {
    /// The object that triggered the pipeline.
    pub key: ObjectKey,
    /// Whether the object stands for another one that is not to be changed.
    pub dry_run: bool,
    /// Whether `metadata.managedFields` is written too.
    pub keep_managed_fields: bool,
}

/// What the step did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The file that was written.
    pub path: PathBuf,
    /// Its size.
    pub bytes: usize,
}

/// Why the step failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReaderError {
    /// The object could not be read.
    #[error("failed to get the object {key}")]
    Get {
        /// Which one.
        key: Box<ObjectKey>,
        /// Why.
        source: ClusterError,
    },
    /// The object is not there.
    #[error("failed to get the object {key}: not found")]
    NotFound {
        /// Which one.
        key: Box<ObjectKey>,
    },
    /// The annotations of a dry run's object name no object.
    #[error("failed to find the object that the dry run is about")]
    Target {
        /// Why.
        source: ClusterError,
    },
    /// The object that a dry run is about could not be read.
    #[error("failed to get {key}, which the dry run is about")]
    GetReal {
        /// Which one.
        key: Box<ObjectKey>,
        /// Why.
        source: ClusterError,
    },
    /// The file could not be written.
    #[error(transparent)]
    File(#[from] FileError),
}

impl Fault for ReaderError {
    fn exit(&self) -> Exit {
        match self {
            Self::NotFound { .. } | Self::Target { .. } => Exit::Refused,
            Self::Get { source, .. } | Self::GetReal { source, .. } => source.exit(),
            Self::File(error) => error.exit(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NotFound { .. } => Some(format!(
                "check that the object was not deleted, and `{}`, `{}` and `{}` that name it",
                env::OBJECT_NAME,
                env::OBJECT_NAMESPACE,
                env::CLUSTER_SCOPED
            )),
            Self::Get { source, .. } => source.hint(),
            Self::Target { .. } => Some(format!(
                "correct the annotations `{}` and `{}` of the object",
                labels::DRY_RUN_RESOURCE_NAME,
                labels::DRY_RUN_RESOURCE_NAMESPACE
            )),
            Self::GetReal { source, .. } => source.hint(),
            Self::File(error) => error.hint(),
        }
    }
}

/// Reads the object and writes it for users' containers; nothing of its content is logged.
///
/// # Errors
/// Nothing is written when anything fails, also in a dry run: only a real object that is not there is no error.
pub async fn run(
    context: &Context,
    cluster: &impl Cluster,
    args: &Reader,
) -> Result<Outcome, ReaderError> {
    let Plan { path, text } = plan(context, cluster, args).await?;
    debug_span!("write the file", bytes = text.len())
        .in_scope(|| files::write::atomic(&path, text.as_bytes()))?;
    info!(path = %path.display(), bytes = text.len(), "wrote the file");
    Ok(Outcome { path, bytes: text.len() })
}

/// What the step is about to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Where.
    pub path: PathBuf,
    /// The object, as YAML.
    pub text: String,
}

impl Plan {
    /// Describes it for people: a comment, so that the whole is still YAML.
    pub fn describe(&self) -> String {
        let Self { path, text } = self;
        format!("# would write {} bytes to {}\n{text}", text.len(), shown(path))
    }
}

/// Reads the object and decides what to write, and writes nothing.
///
/// # Errors
/// All of [`run`] but those of the file.
pub async fn plan(
    context: &Context,
    cluster: &impl Reads,
    args: &Reader,
) -> Result<Plan, ReaderError> {
    observed::is_about(&args.key);
    let object = fetch(cluster, args).await?;
    let document = object::published(object, args.keep_managed_fields);
    Ok(Plan { path: context.layout.object_path(), text: files::yaml::write(&document) })
}

async fn fetch(cluster: &impl Reads, args: &Reader) -> Result<Object, ReaderError> {
    let key = &args.key;
    let found = answered(|| cluster.get(key))
        .await
        .map_err(|source| ReaderError::Get { key: Box::new(key.clone()), source })?;
    let object = found.ok_or_else(|| ReaderError::NotFound { key: Box::new(key.clone()) })?;
    observed::joins_trace_of(&object);
    info!(object = %key, dry_run = args.dry_run, "read the object");
    if !args.dry_run {
        return Ok(object);
    }
    let Some(target) = object::dry_run_target(&object, &key.kind) else { return Ok(object) };
    let real = fetch_real(cluster, &target).await?;
    match &real {
        Some(_) => info!(object = %target, "dry run: using the real object with the proposed spec"),
        None => info!(object = %target, "dry run: no real object, using its name"),
    }
    Ok(object::dry_run_object(object, real, &target))
}

async fn fetch_real(
    cluster: &impl Reads,
    target: &ObjectKey,
) -> Result<Option<Object>, ReaderError> {
    // Without a namespace there is no such object, and the URL without one belongs to no object either.
    if target.kind.namespaced && target.namespace.is_none() {
        return Ok(None);
    }
    answered(|| cluster.get(target)).await.map_err(|source| match source {
        ClusterError::BadName { .. } => ReaderError::Target { source },
        source => ReaderError::GetReal { key: Box::new(target.clone()), source },
    })
}
