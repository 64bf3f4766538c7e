//! `show work`: what a pipeline has produced, from a folder cluster or a live one.

pub mod diff;
pub mod placement;
pub mod status;
pub mod targets;

use std::fmt::Write as _;

use jiff::Timestamp;

use crate::cluster::{ClusterError, Reads};
use crate::contract::Object;
use crate::contract::kinds::WORK;
use crate::core::placement::{LayoutError, PathError};
use crate::core::work_view::{self, FileView, UnpackError, WorkView};
use crate::destination::DestinationError;
use crate::exit::{Exit, Fault};
use crate::store::StoreError;

/// What to show.
#[derive(Debug, Clone)]
pub struct ShowWork {
    /// The Work: `name` or `namespace/name`, or the start of a name if only one Work begins so. `None` lists them.
    pub name: Option<String>,
    /// A second Work, named likewise: shows what leads from the first to it.
    pub other: Option<String>,
    /// Where to look; `None` looks in all namespaces.
    pub namespace: Option<String>,
    /// Path of the one file to show.
    pub file: Option<String>,
    /// The time that ages are counted from where the cluster does not tell its own.
    pub now: Timestamp,
}

/// Why there is nothing to show.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ShowError {
    /// The cluster did not answer.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// No Work of that name.
    #[error("no work is called `{name}`{}", in_namespace(namespace.as_deref()))]
    NoWork {
        /// The name, or its start.
        name: String,
        /// Where was looked.
        namespace: Option<String>,
        /// Names of those that are there.
        works: Vec<String>,
    },
    /// Several Works of that name.
    #[error("`{name}` can be any of {}", works.join(", "))]
    SeveralWorks {
        /// The name, or its start.
        name: String,
        /// All of them.
        works: Vec<String>,
    },
    /// No such file in the Work.
    #[error("`{work}` holds no file `{path}`")]
    NoFile {
        /// The Work.
        work: String,
        /// The path.
        path: String,
        /// Paths that are there.
        paths: Vec<String>,
    },
    /// The file cannot be unpacked.
    #[error("failed to unpack `{path}` of `{work}`")]
    Unpack {
        /// The Work.
        work: String,
        /// The path.
        path: String,
        /// What is wrong with it.
        source: UnpackError,
    },
    /// The file is no text.
    #[error("`{path}` is no text: {bytes} bytes")]
    NotText {
        /// The path.
        path: String,
        /// Its size.
        bytes: usize,
    },
    /// The state store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The state store cannot be found.
    #[error(transparent)]
    Destination(#[from] Box<DestinationError>),
    /// The files of a Work have no place.
    #[error(transparent)]
    Layout(#[from] Box<LayoutError>),
    /// The names of a Work make no path.
    #[error("the files have no place")]
    Path(#[from] PathError),
}

fn in_namespace(namespace: Option<&str>) -> String {
    namespace.map(|namespace| format!(" in namespace `{namespace}`")).unwrap_or_default()
}

/// Names shown in a hint at most.
const NAMES_MAX: usize = 20;

impl Fault for ShowError {
    fn exit(&self) -> Exit {
        match self {
            Self::Cluster(error) => error.exit(),
            Self::NoWork { .. } | Self::SeveralWorks { .. } | Self::NoFile { .. } => Exit::Usage,
            Self::Unpack { .. } | Self::NotText { .. } | Self::Layout(_) | Self::Path(_) => {
                Exit::Input
            }
            Self::Store(error) => error.exit(),
            Self::Destination(error) => error.exit(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Cluster(error) => error.hint(),
            Self::NoWork { works, .. } if works.is_empty() => {
                Some("run a pipeline first: there are no works here".to_owned())
            }
            Self::NoWork { works, .. } => Some(format!("choose one of {}", some_of(works))),
            Self::SeveralWorks { .. } => {
                Some("give the whole name, as `namespace/name`".to_owned())
            }
            Self::NoFile { paths, .. } if paths.is_empty() => {
                Some("look elsewhere: it holds no files at all".to_owned())
            }
            Self::NoFile { paths, .. } => Some(format!("choose one of {}", some_of(paths))),
            Self::Store(error) => error.hint(),
            Self::Destination(error) => error.hint(),
            Self::Layout(error) => Some(error.hint().to_owned()),
            Self::Path(_) => Some("give the Work names that paths can have".to_owned()),
            Self::Unpack { .. } => {
                Some("run the pipeline again: its writer makes the work anew".to_owned())
            }
            Self::NotText { .. } => Some(
                "take the content from the work itself, and decode it with `base64 -d | gunzip`"
                    .to_owned(),
            ),
        }
    }
}

fn some_of(names: &[String]) -> String {
    let mut text = names.iter().take(NAMES_MAX).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > NAMES_MAX {
        let _ = write!(text, " and {} more", names.len() - NAMES_MAX);
    }
    text
}

/// Returns what `show work` prints: a list, one Work, one file, or what differs between two Works or two versions
/// of one file.
pub async fn run(cluster: &impl Reads, args: &ShowWork) -> Result<String, ShowError> {
    let namespace = args.namespace.as_deref();
    let Some(name) = &args.name else {
        let works = cluster.list(&WORK, namespace, &[]).await?;
        if works.is_empty() {
            return Ok(format!("there are no works{}\n", in_namespace(namespace)));
        }
        let works: Vec<WorkView> = works.iter().map(WorkView::of).collect();
        return Ok(work_view::listing(&works, now_of(cluster, args.now)));
    };
    let work = find(cluster, namespace, name).await?;
    let Some(other) = &args.other else {
        return match &args.file {
            Some(path) => Ok(text_of(&work, path)?.to_owned()),
            None => Ok(work_view::tree(&work, now_of(cluster, args.now))),
        };
    };
    let other = find(cluster, namespace, other).await?;
    let difference = match &args.file {
        Some(path) => work_view::unified(path, text_of(&work, path)?, text_of(&other, path)?),
        None => work_view::difference(&work, &other),
    };
    if difference.is_empty() {
        return Ok(format!("{} and {} hold the same\n", work.title, other.title));
    }
    Ok(difference)
}

/// Returns the time by the clock of the cluster, which is also that of what was read from it; a machine's may be wrong.
fn now_of(cluster: &impl Reads, machine: Timestamp) -> Timestamp {
    cluster.time().unwrap_or(machine)
}

async fn find(
    cluster: &impl Reads,
    namespace: Option<&str>,
    name: &str,
) -> Result<WorkView, ShowError> {
    Ok(WorkView::of(&find_work(cluster, namespace, name).await?))
}

/// Returns the Work of that name, or `namespace/name`; if there is none, the only one whose name begins so.
pub async fn find_work(
    cluster: &impl Reads,
    namespace: Option<&str>,
    name: &str,
) -> Result<Object, ShowError> {
    let (namespace, name) = match name.split_once('/') {
        Some((namespace, name)) => (Some(namespace), name),
        None => (namespace, name),
    };
    let known = cluster.list_metadata(&WORK, namespace, &[]).await?;
    let matching = |matches: &dyn Fn(&str) -> bool| -> Vec<&Object> {
        known.iter().filter(|work| matches(work.name())).collect()
    };
    let mut found = matching(&|candidate| candidate == name);
    if found.is_empty() {
        found = matching(&|candidate| candidate.starts_with(name));
    }
    let titles = |works: &[&Object]| works.iter().map(|work| WorkView::of(work).title).collect();
    let name = name.to_owned();
    let nothing = |works| {
        let namespace = namespace.map(str::to_owned);
        ShowError::NoWork { name: name.clone(), namespace, works }
    };
    match found.as_slice() {
        [] => Err(nothing(titles(&known.iter().collect::<Vec<_>>()))),
        [work] => match cluster.get(&work.key(&WORK)).await? {
            Some(work) => Ok(work),
            None => Err(nothing(Vec::new())),
        },
        several => Err(ShowError::SeveralWorks { works: titles(several), name }),
    }
}

fn text_of<'a>(work: &'a WorkView, path: &str) -> Result<&'a str, ShowError> {
    let Some(file) = work.file(path) else {
        let paths = work.files().map(|file: &FileView| file.path.clone()).collect();
        return Err(ShowError::NoFile { work: work.title.clone(), path: path.to_owned(), paths });
    };
    let content = file.content.as_ref().map_err(|source| ShowError::Unpack {
        work: work.title.clone(),
        path: path.to_owned(),
        source: source.clone(),
    })?;
    std::str::from_utf8(content)
        .map_err(|_| ShowError::NotText { path: path.to_owned(), bytes: content.len() })
}
