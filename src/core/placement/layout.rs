//! Which files of a state store something is (contract.md 10.4), as a change of the store.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::change::{Change, Content, Edit, File};
use super::destination::{Mode, Setup};
use super::folders::{FolderError, Placed};
use super::path::{PathError, StorePath};
use crate::contract::Object;
use crate::contract::kinds::{CONFIG_MAP, NAMESPACE};
use crate::contract::placement::file;
use crate::core::work_view;

/// Files of one workload group at one Destination.
#[derive(Debug, Clone)]
pub struct Piece<'a> {
    /// What they are of.
    pub placed: Placed<'a>,
    /// Paths as in the Work, and contents. None, when it goes.
    pub files: Vec<(String, Content)>,
}

/// Why something cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LayoutError {
    /// There is no folder for it.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// A file has a path that leads out of its folder, or nowhere.
    #[error("`{of}` has a file that cannot be written")]
    File {
        /// Name of the WorkPlacement.
        of: String,
        /// What is wrong with the path.
        source: PathError,
    },
    /// A file stands where files of ours stand.
    #[error("`{of}` has a file `{path}`, where bookend and Kratix keep their own")]
    Reserved {
        /// Name of the WorkPlacement.
        of: String,
        /// The path.
        path: String,
    },
    /// The name of the state file makes no path.
    #[error("the names of `{of}` make no state file")]
    StateFile {
        /// Name of the WorkPlacement.
        of: String,
        /// What is wrong with it.
        source: PathError,
    },
}

impl LayoutError {
    /// Returns what to do next.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Folder(error) => error.hint(),
            Self::File { .. } => {
                "name files by paths below the output folder, without `..` and `.git`"
            }
            Self::Reserved { .. } => {
                "give the file another name, or use a Destination with another `spec.filepath.mode`"
            }
            Self::StateFile { .. } => "give the request or the Destination a shorter name",
        }
    }
}

/// Where files of something stand at a Destination, for people and for listings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Home {
    /// A folder of its own.
    Folder(StorePath),
    /// Between those of others, named in a state file.
    Listed {
        /// The Destination's own folder.
        base: StorePath,
        /// The state file.
        state: StorePath,
    },
    /// In one file with others.
    Part(StorePath),
}

/// Returns where the files of something stand, below the root of the state store.
pub fn home(setup: &Setup, placed: &Placed<'_>) -> Result<Home, LayoutError> {
    let of = || placed.name.to_owned();
    Ok(match &setup.mode {
        Mode::Nested => {
            let folder = placed.folder()?;
            let at = setup.base.join(folder.as_str());
            Home::Folder(at.map_err(|source| FolderError::Path { of: of(), source })?)
        }
        Mode::Plain => {
            let name = format!("{}-{}.yaml", placed.namespace, placed.name);
            let bad = |source| LayoutError::StateFile { of: of(), source };
            if name.contains('/') {
                return Err(bad(PathError { path: name, fault: "has `/` in a name".into() }));
            }
            let state = setup.base.join(file::STATE).and_then(|folder| folder.join(&name));
            Home::Listed { base: setup.base.clone(), state: state.map_err(bad)? }
        }
        Mode::Aggregated { file } => Home::Part(aggregated_file(setup, file, placed.name)?),
    })
}

fn aggregated_file(setup: &Setup, file: &StorePath, of: &str) -> Result<StorePath, LayoutError> {
    let bad = |source| LayoutError::File { of: of.to_owned(), source };
    setup.base.join(file.as_str()).map_err(bad)
}

/// Returns the change that brings files to a Destination, and takes those away that are of something that goes. What goes,
/// goes first: a file that moves from one to another stays.
///
/// In mode `aggregatedYAML` each writes its own part, which is for who knows nobody else; the file as a whole is
/// [`aggregated`].
pub fn change(
    setup: &Setup,
    name: &str,
    about: BTreeMap<String, String>,
    pieces: &[Piece<'_>],
) -> Result<Change, LayoutError> {
    let (going, coming): (Vec<_>, Vec<_>) = pieces.iter().partition(|piece| piece.files.is_empty());
    let edits = going.into_iter().chain(coming).map(|piece| edit(setup, piece));
    Ok(Change { name: name.to_owned(), about, edits: edits.collect::<Result<_, _>>()? })
}

fn edit(setup: &Setup, piece: &Piece<'_>) -> Result<Edit, LayoutError> {
    let placed = &piece.placed;
    Ok(match home(setup, placed)? {
        Home::Folder(at) => {
            let files = below(&at, placed, &piece.files)?;
            Edit::Folder { at, files }
        }
        Home::Listed { base, state } => {
            let files = below(&base, placed, &piece.files)?;
            let reserved = base.join(file::STATE).map(|state| state.folded()).unwrap_or_default();
            let is_reserved = |one: &&File| {
                let path = one.at.folded();
                path.strip_prefix(&reserved)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            };
            if let Some(found) = files.iter().find(is_reserved) {
                let path = found.at.as_str().to_owned();
                return Err(LayoutError::Reserved { of: placed.name.to_owned(), path });
            }
            Edit::Listed { base, state, files }
        }
        Home::Part(at) => {
            let contents: Vec<_> = piece.files.iter().map(|(_, content)| content.clone()).collect();
            let content = (!contents.is_empty()).then_some(contents);
            Edit::Part { at, of: format!("{}/{}", placed.namespace, placed.name), content }
        }
    })
}

fn below(
    folder: &StorePath,
    placed: &Placed<'_>,
    files: &[(String, Content)],
) -> Result<Vec<File>, LayoutError> {
    let bad = |source| LayoutError::File { of: placed.name.to_owned(), source };
    let file = |(path, content): &(String, Content)| {
        // Empty would be the folder itself.
        let below = match path.as_str() {
            "" => Err(PathError { path: String::new(), fault: "has an empty name in it".into() }),
            path => folder.join(path),
        };
        below.map(|at| File { at, content: content.clone() }).map_err(bad)
    };
    files.iter().map(file).collect()
}

/// What is told of a change in the templates of commit messages: names, and with `label:` and `annotation:` before their
/// key what the request says of itself.
pub fn about(
    placed: &Placed<'_>,
    work: &str,
    destination: &str,
    request: Option<&Object>,
) -> BTreeMap<String, String> {
    let mut about = BTreeMap::new();
    let mut tell = |key: String, value: &str| {
        if !value.is_empty() {
            about.insert(key, value.to_owned());
        }
    };
    tell("promise".into(), placed.promise);
    tell("resource".into(), placed.resource);
    tell("namespace".into(), placed.request_namespace);
    tell("pipeline".into(), placed.pipeline);
    tell("destination".into(), destination);
    tell("work".into(), work);
    for (field, prefix) in [("labels", "label:"), ("annotations", "annotation:")] {
        let map = request.and_then(|request| request.at(&["metadata", field])?.as_object());
        for (key, value) in map.into_iter().flatten() {
            tell(format!("{prefix}{key}"), value.as_str().unwrap_or_default());
        }
    }
    about
}

/// Returns the change that writes the canaries of a Destination, or takes them away (contract.md 10.4).
pub fn canaries(setup: &Setup, destination: &str, on: bool) -> Result<Change, LayoutError> {
    let nested = |folder: &str, name: &str| match setup.mode {
        Mode::Nested => format!("{folder}/{name}"),
        Mode::Plain | Mode::Aggregated { .. } => name.to_owned(),
    };
    let bad = |source| LayoutError::File { of: destination.to_owned(), source };
    let one = |folder, name, document: Value| {
        let at = setup.base.join(&nested(folder, name)).map_err(bad)?;
        Ok::<_, LayoutError>(Edit::Whole {
            at,
            content: on.then(|| Content::Bytes(yaml(&document).into())),
        })
    };
    let namespace = json!({
        "apiVersion": NAMESPACE.api_version(),
        "kind": NAMESPACE.kind,
        "metadata": {"name": file::WORKER_NAMESPACE},
    });
    let config_map = json!({
        "apiVersion": CONFIG_MAP.api_version(),
        "data": {file::INFO_KEY: file::INFO_TEXT},
        "kind": CONFIG_MAP.kind,
        "metadata": {"name": file::INFO, "namespace": file::WORKER_NAMESPACE},
    });
    Ok(Change {
        name: file::CANARY.to_owned(),
        about: BTreeMap::from([("destination".to_owned(), destination.to_owned())]),
        edits: vec![
            one(file::DEPENDENCIES, file::CANARY_NAMESPACE, namespace)?,
            one(file::RESOURCES, file::CANARY_CONFIG_MAP, config_map)?,
        ],
    })
}

/// Writes maps of plain texts as YAML. Ours are fixed: none needs a quote.
fn yaml(value: &Value) -> Vec<u8> {
    fn write(value: &Value, depth: usize, text: &mut String) {
        for (key, value) in value.as_object().into_iter().flatten() {
            text.push_str(&"  ".repeat(depth));
            text.push_str(key);
            match value.as_str() {
                Some(value) => text.push_str(&format!(": {value}\n")),
                None => {
                    text.push_str(":\n");
                    write(value, depth + 1, text);
                }
            }
        }
    }
    let mut text = String::new();
    write(value, 0, &mut text);
    text.into_bytes()
}

/// A file that could not be put into the one file of a Destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Namespace of its WorkPlacement.
    pub namespace: String,
    /// Name of its WorkPlacement.
    pub name: String,
    /// Path of the file.
    pub path: String,
    /// Why.
    pub why: String,
}

/// Returns the change that makes the one file of a Destination hold what is given and nothing else, in the order of the names
/// of the WorkPlacements, then of their namespaces. `None` when the Destination has no such file.
///
/// What is no text cannot stand in YAML; it is left out, and told.
pub fn aggregated(
    setup: &Setup,
    destination: &str,
    pieces: &[Piece<'_>],
) -> Result<Option<(Change, Vec<LeftOut>)>, LayoutError> {
    let Mode::Aggregated { file } = &setup.mode else { return Ok(None) };
    let at = aggregated_file(setup, file, destination)?;
    let mut pieces: Vec<_> = pieces.iter().collect();
    pieces.sort_by_key(|piece| (piece.placed.name, piece.placed.namespace));
    let (mut documents, mut left_out) = (Vec::<u8>::new(), Vec::new());
    let mut is_first = true;
    for piece in pieces {
        for (path, content) in &piece.files {
            match text_of(content) {
                Ok(text) => {
                    append(&mut documents, text.as_bytes(), is_first);
                    is_first = false;
                }
                Err(why) => left_out.push(LeftOut {
                    namespace: piece.placed.namespace.to_owned(),
                    name: piece.placed.name.to_owned(),
                    path: path.clone(),
                    why,
                }),
            }
        }
    }
    let content = (!is_first).then(|| Content::Bytes(Arc::from(documents)));
    let change = Change {
        name: destination.to_owned(),
        about: BTreeMap::from([("destination".to_owned(), destination.to_owned())]),
        edits: vec![Edit::Whole { at, content }],
    };
    Ok(Some((change, left_out)))
}

/// Appends a file as the original does, with newline, `---`, newline before it; one that begins with `---` needs no other.
fn append(documents: &mut Vec<u8>, text: &[u8], is_first: bool) {
    if !is_first {
        documents.push(b'\n');
        if !text.starts_with(b"---\n") && !text.starts_with(b"---\r\n") {
            documents.extend_from_slice(b"---\n");
        }
    }
    documents.extend_from_slice(text);
}

fn text_of(content: &Content) -> Result<String, String> {
    let bytes = match content {
        Content::Bytes(bytes) => bytes.to_vec(),
        Content::Packed(packed) => work_view::unpack(packed, work_view::FILE_BYTES_MAX)
            .map_err(|error| error.to_string())?,
        Content::Disk { .. } => {
            return Err("it is on a disk, and is read when it is written".into());
        }
    };
    String::from_utf8(bytes).map_err(|_| "it is no text".to_owned())
}
