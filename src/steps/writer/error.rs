//! Why the writer failed, and what to do about it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::cluster::ClusterError;
use crate::contract::ObjectKey;
use crate::contract::pod::flag;
use crate::core::control::ControlError;
use crate::core::legacy::OutputError;
use crate::core::placement::PathError;
use crate::core::selectors::SelectorsError;
use crate::core::work::{Share, WorkError};
use crate::core::workloads::WorkloadsError;
use crate::exit::{Exit, Fault};
use crate::files::FileError;
use crate::files::tree::{TreeError, shown};
use crate::files::yaml::YamlError;
use crate::store::StoreError;

/// Why no Work was written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriterError {
    /// A metadata file could not be read, or is no YAML.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file of selectors cannot be used.
    #[error("failed to parse `{}` as destination selectors", path.display())]
    Selectors {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: SelectorsError,
    },
    /// The workflow control cannot be used.
    #[error("failed to parse `{}` as workflow control", path.display())]
    Control {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: ControlError,
    },
    /// An output file is no YAML, where older rules ask for Kubernetes documents.
    #[error("the output file `{}` is no Kubernetes document", shown(Path::new(file)))]
    NotDocuments {
        /// Its path below the output folder.
        file: String,
        /// Why.
        source: YamlError,
    },
    /// The output breaks older rules.
    #[error(transparent)]
    Output(OutputError),
    /// The output folder cannot be published.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// The selectors do not fit the output folder.
    #[error("failed to group the output")]
    Workloads(#[source] WorkloadsError),
    /// The compressor refused a file: a fault of this program.
    #[error("failed to compress a file")]
    Compress(#[source] flate2::CompressError),
    /// There can be no Work of that name.
    #[error(transparent)]
    Work(#[from] WorkError),
    /// The Work is larger than the limit.
    #[error(
        "the work `{identifier}` has {bytes} bytes, more than the {max} that the cluster takes"
    )]
    WorkTooLarge {
        /// What its name begins with.
        identifier: String,
        /// Its size as JSON.
        bytes: u64,
        /// The limit.
        max: u64,
        /// The five biggest files.
        biggest: Vec<Share>,
    },
    /// The cluster found the Work too large.
    #[error("the work has {bytes} bytes, more than the cluster takes")]
    RefusedAsTooLarge {
        /// Its size as JSON.
        bytes: u64,
        /// The five biggest files.
        biggest: Vec<Share>,
        /// What the cluster said.
        source: ClusterError,
    },
    /// Somebody else wrote the Work again and again.
    #[error("failed to write {key}: somebody else was faster, {tries} times in {waited:.1?}")]
    Contended {
        /// The Work.
        key: Box<ObjectKey>,
        /// How often.
        tries: u32,
        /// For how long.
        waited: Duration,
        /// The last refusal.
        source: ClusterError,
    },
    /// The cluster refused.
    #[error("failed to write the work")]
    Cluster(#[source] ClusterError),
    /// The names of the output, or of one of its files, make no path in a store.
    #[error("the output has no place in {store}")]
    Place {
        /// Which store.
        store: String,
        /// What is wrong.
        source: PathError,
    },
    /// Parts of the output may not go to the Destination that was named.
    #[error("{} may not go to the Destination `{destination}`", groups_of(groups))]
    Mismatch {
        /// The Destination.
        destination: String,
        /// Directories of the groups, each with the labels that it asks for.
        groups: Vec<(String, String)>,
        /// Why not.
        why: String,
    },
    /// The state store did not do it.
    #[error("failed to write the output")]
    Store(#[source] StoreError),
    /// The result could not be told in the status file.
    #[error("the output is written, but `{}` could not take the version", path.display())]
    Told {
        /// The file.
        path: PathBuf,
        /// Why.
        source: FileError,
    },
    /// The status file is none, which the status step would refuse.
    #[error("`{}` is no map of a status", path.display())]
    NoReport {
        /// The file.
        path: PathBuf,
    },
}

fn groups_of(groups: &[(String, String)]) -> String {
    let one = |(directory, labels): &(String, String)| match directory.as_str() {
        "." => format!("the output ({labels})"),
        directory => format!("the directory `{directory}` ({labels})"),
    };
    groups.iter().map(one).collect::<Vec<_>>().join(" and ")
}

impl Fault for WriterError {
    fn exit(&self) -> Exit {
        match self {
            Self::File(error) => error.exit(),
            Self::Tree(error) => error.exit(),
            Self::Selectors { .. }
            | Self::Control { .. }
            | Self::NotDocuments { .. }
            | Self::Output(_)
            | Self::Workloads(_) => Exit::Input,
            Self::Compress(_) => Exit::Bug,
            Self::Work(_) => Exit::Usage,
            Self::WorkTooLarge { .. } | Self::RefusedAsTooLarge { .. } | Self::Contended { .. } => {
                Exit::Refused
            }
            Self::Cluster(error) => error.exit(),
            Self::Place { .. } | Self::NoReport { .. } => Exit::Input,
            Self::Mismatch { .. } => Exit::Refused,
            Self::Store(error) => error.exit(),
            Self::Told { source, .. } => source.exit(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::File(error) => error.hint(),
            Self::Tree(error) => error.hint(),
            Self::Selectors { source, .. } => Some(source.hint().to_owned()),
            Self::Workloads(source) => Some(source.hint()),
            Self::Output(source) => Some(source.hint()),
            Self::NotDocuments { .. } => Some(
                "write Kubernetes objects only, or move the pipeline to today's layout, which takes files of any kind".into(),
            ),
            Self::Work(error) => Some(error.hint().to_owned()),
            Self::WorkTooLarge { biggest, .. } => {
                let advice = "write less to the output folder, or raise `--max-work-bytes` if the cluster takes more";
                Some(with_biggest(advice, biggest))
            }
            Self::RefusedAsTooLarge { biggest, .. } => {
                Some(with_biggest("write less to the output folder", biggest))
            }
            Self::Contended { .. } => Some(
                "look for another run of the same pipeline, or for what else changes the work"
                    .into(),
            ),
            // All other names come from flags that were checked before.
            Self::Cluster(ClusterError::BadName { .. }) => {
                Some(format!("correct the flag `{}`", flag::NAMESPACE))
            }
            Self::Cluster(error) => error.hint(),
            Self::Control { source, .. } => source.hint(),
            Self::Place { .. } => {
                Some("name files by paths below the output folder, without `..` and `.git`".into())
            }
            Self::Mismatch { why, .. } => Some(format!(
                "{why}; change the labels of the one or the selectors of the other, or write with `--to`, which looks at \
                 no labels"
            )),
            Self::Store(error) => error.hint(),
            Self::Told { source, .. } => source.hint(),
            Self::NoReport { .. } => Some("write `key: value` lines into it, or nothing".into()),
            Self::Compress(_) => None,
        }
    }
}

fn with_biggest(advice: &str, biggest: &[Share]) -> String {
    let line = |share: &Share| {
        let Share { filepath, bytes, percent } = share;
        format!("\n`{}`: {bytes} bytes, {percent} %", shown(Path::new(filepath)))
    };
    let list: String = biggest.iter().map(line).collect();
    format!("{advice}; the biggest files in it are{list}")
}
