//! What is known of a Destination (contract.md 5.3), read so that nothing odd in it can do harm.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::path::{PathError, StorePath};
use super::{conditions, site};
use crate::contract::placement::{CLEANUP_ALL, destination, kind, mode};
use crate::contract::{Kind, Object, kinds, labels};

/// Longest `spec.path` that leaves room for the files below it, in bytes.
const PATH_BYTES_MAX: usize = 256;

/// What is known of a Destination. A cache keeps no more.
#[derive(Debug, Clone, PartialEq)]
pub struct DestinationSeen {
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// Its generation.
    pub generation: Option<i64>,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// `spec.strictMatchLabels`.
    pub is_strict: bool,
    /// Whether it is being deleted.
    pub is_going: bool,
    /// Its finalizers.
    pub finalizers: Vec<String>,
    /// How files are written to it; an error where that cannot be told.
    pub setup: Result<Setup, DestinationError>,
    /// Its status.
    pub status: Map<String, Value>,
}

/// How files are written to a Destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setup {
    /// Its state store.
    pub store: StoreRef,
    /// Its path below the root of the state store.
    pub base: StorePath,
    /// Which files it gets.
    pub mode: Mode,
    /// Whether it has canaries (`spec.initWorkloads.enabled`).
    pub canaries: bool,
    /// Whether its files go with it (`spec.cleanup: all`).
    pub cleanup: bool,
}

/// Which files a Destination gets (contract.md 10.4).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum Mode {
    /// A folder for each WorkPlacement.
    #[default]
    Nested,
    /// Files as the pipeline names them, and a state file that lists them.
    Plain,
    /// One file for all.
    Aggregated {
        /// Its name below the path of the Destination.
        file: StorePath,
    },
}

/// Names a state store.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StoreRef {
    /// Whether it is a bucket, otherwise a Git repository.
    pub is_bucket: bool,
    /// Its name.
    pub name: String,
}

impl StoreRef {
    /// Returns its kind.
    pub fn kind(&self) -> Kind {
        if self.is_bucket { kinds::BUCKET_STATE_STORE } else { kinds::GIT_STATE_STORE }
    }
}

impl std::fmt::Display for StoreRef {
    /// Writes `Kind/name`, as statuses do (contract.md 7.9).
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.kind().kind, self.name)
    }
}

/// Why nothing can be written to a Destination.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DestinationError {
    /// It names no state store.
    #[error("Destination `{name}` has no `spec.stateStoreRef.{field}`")]
    NoStore {
        /// Name of the Destination.
        name: String,
        /// What is missing.
        field: &'static str,
    },
    /// It names a kind of state store that is not known.
    #[error("Destination `{name}` has `spec.stateStoreRef.kind: {found}`")]
    UnknownStoreKind {
        /// Name of the Destination.
        name: String,
        /// What was found.
        found: String,
    },
    /// It has a mode that is not known.
    #[error("Destination `{name}` has `spec.filepath.mode: {found}`")]
    UnknownMode {
        /// Name of the Destination.
        name: String,
        /// What was found.
        found: String,
    },
    /// It has no path.
    #[error("Destination `{name}` has no `spec.path`")]
    NoPath {
        /// Name of the Destination.
        name: String,
    },
    /// A path in it leads out of the state store, or nowhere.
    #[error("Destination `{name}` has a `{field}` that cannot be used")]
    BadPath {
        /// Name of the Destination.
        name: String,
        /// Where the path stands.
        field: &'static str,
        /// What is wrong with it.
        source: PathError,
    },
}

impl DestinationError {
    /// Returns what to do next.
    pub fn hint(&self) -> String {
        match self {
            Self::NoStore { .. } | Self::UnknownStoreKind { .. } => format!(
                "name a `{}` or `{}` that is there in `spec.stateStoreRef`",
                kinds::GIT_STATE_STORE.kind,
                kinds::BUCKET_STATE_STORE.kind
            ),
            Self::UnknownMode { .. } => format!(
                "set it to `{}`, `{}` or `{}`; as it cannot be changed later, make the Destination anew",
                mode::NESTED,
                mode::AGGREGATED,
                mode::NONE
            ),
            Self::NoPath { .. } => {
                "give it a path of its own in the state store, or `.` for all of it".to_owned()
            }
            Self::BadPath { .. } => {
                "give a path below the state store's own, without `..`, of at most 256 bytes"
                    .to_owned()
            }
        }
    }
}

impl DestinationSeen {
    /// Reads what is known from a Destination.
    pub fn from_object(object: &Object) -> Self {
        Self {
            name: object.name().to_owned(),
            uid: object.uid().unwrap_or_default().to_owned(),
            generation: object.generation(),
            created: object.creation_timestamp().and_then(|time| time.parse().ok()),
            labels: texts(object.at(&["metadata", "labels"])),
            is_strict: object.at(&["spec", "strictMatchLabels"]) == Some(&Value::Bool(true)),
            is_going: object.text_at(&["metadata", "deletionTimestamp"]).is_some(),
            finalizers: list(object.at(&["metadata", "finalizers"])),
            setup: setup(object),
            status: object.status().and_then(Value::as_object).cloned().unwrap_or_default(),
        }
    }

    /// Whether it is one of dry runs, which gets nothing else (contract.md 10.2).
    pub fn is_for_dry_runs(&self) -> bool {
        self.labels.get(labels::DRY_RUN).is_some_and(|value| value == labels::TRUE)
    }

    /// Whether something new had better go elsewhere: it cannot be written to, and somebody has found that out. One of which
    /// nothing is known yet is as good as any.
    pub fn is_known_bad(&self) -> bool {
        let said = |known| conditions::is(&self.status, known);
        self.setup.is_err()
            || (conditions::has_status(&self.status, kind::READY, "False")
                && !said(&destination::NOT_YET))
    }

    /// Returns the print of where its canaries were written last ([`super::Site`]); `None` when nobody has said so.
    pub fn written_to(&self) -> Option<u64> {
        site::noted(&self.status)
    }

    /// Whether two states of a Destination are the same for what is placed: nothing has to be looked at again when they are.
    pub fn places_like(&self, other: &Self) -> bool {
        (&self.labels, self.is_strict, self.is_going, &self.setup)
            == (&other.labels, other.is_strict, other.is_going, &other.setup)
            && self.uid == other.uid
    }
}

fn setup(object: &Object) -> Result<Setup, DestinationError> {
    let name = || object.name().to_owned();
    let store = |field| object.text_at(&["spec", "stateStoreRef", field]);
    let missing = |field| DestinationError::NoStore { name: name(), field };
    let kind = store("kind").ok_or_else(|| missing("kind"))?;
    let is_bucket = match kind {
        _ if kind == kinds::BUCKET_STATE_STORE.kind => true,
        _ if kind == kinds::GIT_STATE_STORE.kind => false,
        _ => {
            return Err(DestinationError::UnknownStoreKind {
                name: name(),
                found: kind.to_owned(),
            });
        }
    };
    let store =
        StoreRef { is_bucket, name: store("name").ok_or_else(|| missing("name"))?.to_owned() };
    let path = object.text_at(&["spec", "path"]);
    let path = path.ok_or_else(|| DestinationError::NoPath { name: name() })?;
    let bad = |field| move |source| DestinationError::BadPath { name: name(), field, source };
    let base = StorePath::of_setting(path).and_then(short).map_err(bad("spec.path"))?;
    let mode = match object.text_at(&["spec", "filepath", "mode"]) {
        None | Some(mode::NESTED) => Mode::Nested,
        Some(mode::NONE) => Mode::Plain,
        Some(mode::AGGREGATED) => {
            let file = object.text_at(&["spec", "filepath", "filename"]);
            let file = StorePath::exact(file.unwrap_or(mode::AGGREGATED_FILE)).and_then(short);
            Mode::Aggregated { file: file.map_err(bad("spec.filepath.filename"))? }
        }
        Some(other) => {
            return Err(DestinationError::UnknownMode { name: name(), found: other.to_owned() });
        }
    };
    let disabled = object.at(&["spec", "initWorkloads", "enabled"]) == Some(&Value::Bool(false));
    let cleanup = object.text_at(&["spec", "cleanup"]) == Some(CLEANUP_ALL);
    Ok(Setup { store, base, mode, canaries: !disabled, cleanup })
}

fn short(path: StorePath) -> Result<StorePath, PathError> {
    if path.as_str().len() <= PATH_BYTES_MAX {
        return Ok(path);
    }
    Err(PathError { path: path.as_str().to_owned(), fault: "has more than 256 bytes".into() })
}

/// Returns a map of texts; what is no text is left out.
pub(super) fn texts(value: Option<&Value>) -> BTreeMap<String, String> {
    let map = value.and_then(Value::as_object).into_iter().flatten();
    map.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}

/// Returns a list of texts; what is no text is left out.
pub(super) fn list(value: Option<&Value>) -> Vec<String> {
    let all = value.and_then(Value::as_array).into_iter().flatten();
    all.filter_map(|one| one.as_str().map(str::to_owned)).collect()
}
