//! What the writer reads before it writes anywhere: selectors, workflow control, the output folder in groups.

use std::path::Path;

use tracing::{debug, warn};

use super::{Writer, WriterError};
use crate::contract::Node;
use crate::core::control::{self, Control};
use crate::core::legacy::{self, PodLayout};
use crate::core::selectors::{self, Entry, Selector};
use crate::core::work::Identity;
use crate::core::workloads::{self, Group};
use crate::files::tree::{Tree, TreeFile};
use crate::files::{read, tree, yaml};
use crate::steps::status::FILE_BYTES_MAX;
use crate::steps::{Context, observed};

/// What the metadata files say.
pub(super) enum Begun {
    /// The pipeline asks its workflow to wait.
    Stop(Control),
    /// The output is to be written, in groups by these entries.
    Go(Vec<Entry>),
}

/// Reads the metadata files, and refuses names that nothing can have.
pub(super) fn begin(
    context: &Context,
    args: &Writer,
    identity: &Identity,
) -> Result<Begun, WriterError> {
    observed::is_of(&args.promise, &args.pipeline);
    observed::joins(&args.trace_parent, &args.trace_state);
    identity.check()?;
    let entries = read_selectors(context, args.layout)?;
    let control = read_control(&context.layout.workflow_control_path())?;
    Ok(if control.stops() { Begun::Stop(control) } else { Begun::Go(entries) })
}

/// Lists the output folder.
pub(super) fn walk(context: &Context, args: &Writer) -> Result<Tree, WriterError> {
    let tree = tree::walk(&context.layout.output_dir, args.limits)?;
    debug!(files = tree.files.len(), bytes = tree.bytes(), "walked the output folder");
    if args.layout.takes_only_documents() {
        legacy::check_paths(tree.folders.iter().map(String::as_str))
            .map_err(WriterError::Output)?;
    }
    Ok(tree)
}

/// Divides the files among the entries; the default group comes last, with the Promise's selectors.
pub(super) fn groups<'t>(
    context: &Context,
    args: &Writer,
    tree: &'t Tree,
    entries: Vec<Entry>,
) -> Result<Vec<Group<&'t TreeFile>>, WriterError> {
    let promise = read_promise_selectors(&context.layout.promise_scheduling_path());
    warn_of_contradictions(&entries, promise.as_deref().unwrap_or_default());
    let source = format!("{}-workflow", args.workflow_type);
    let mut groups =
        workloads::group(&tree.files, |file| &file.path, &tree.folders, entries, &source)
            .map_err(WriterError::Workloads)?;
    // As in the original, the Promise's selectors may be wrong as long as no group needs them.
    if let Some(default) = groups.last_mut().filter(|group| group.directory == selectors::ROOT) {
        default.selectors.extend(promise?);
    }
    Ok(groups)
}

/// Fails unless a file holds Kubernetes documents and nothing else.
pub(super) fn check_documents(file: &str, bytes: &[u8]) -> Result<(), WriterError> {
    let objects = yaml::parse_objects(bytes)
        .map_err(|source| WriterError::NotDocuments { file: file.to_owned(), source })?;
    legacy::check_objects(file, &objects).map_err(WriterError::Output)
}

fn read_selectors(context: &Context, layout: PodLayout) -> Result<Vec<Entry>, WriterError> {
    let file = layout.selectors_file();
    let path = context.layout.metadata_path(file);
    let document = read_document(&path)?;
    let entries = match layout {
        PodLayout::Today => selectors::parse(&document),
        PodLayout::Early | PodLayout::Xaas => legacy::parse_selectors(file, &document),
    };
    entries.map_err(|source| WriterError::Selectors { path, source })
}

fn read_promise_selectors(path: &Path) -> Result<Vec<Selector>, WriterError> {
    selectors::parse_promise(&read_document(path)?)
        .map_err(|source| WriterError::Selectors { path: path.to_owned(), source })
}

fn read_control(path: &Path) -> Result<Control, WriterError> {
    control::parse(&read_document(path)?)
        .map_err(|source| WriterError::Control { path: path.to_owned(), source })
}

/// Returns the file's document; an absent file is like an empty one.
fn read_document(path: &Path) -> Result<Node, WriterError> {
    Ok(read::document(path, FILE_BYTES_MAX)?.unwrap_or(Node::Null))
}

fn warn_of_contradictions(entries: &[Entry], promise: &[Selector]) {
    for (directory, key) in selectors::contradictions(entries, promise) {
        warn!(
            directory,
            key,
            "the directory's selectors contradict the Promise's, which do not apply to directories"
        );
    }
}
