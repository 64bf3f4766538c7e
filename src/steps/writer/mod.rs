//! Takes the results out: output folder to Work (contract.md 2.2).

mod error;
mod preview;
mod put;

use std::path::Path;

use tracing::{debug, debug_span, info, warn};

use super::status::FILE_BYTES_MAX;
use super::{Context, observed};
use crate::cluster::Cluster;
use crate::contract::kinds::SYSTEM_NAMESPACE;
use crate::contract::object::OBJECT_BYTES_MAX;
use crate::contract::{Node, Object};
use crate::core::control::{self, Control};
use crate::core::legacy::{self, PodLayout};
use crate::core::selectors::{self, Entry, Selector};
use crate::core::work::{self, Identity, Trace};
use crate::core::workloads::{self, Group, Packer, Workload};
use crate::files::tree::{Limits, Tree, TreeFile};
use crate::files::{read, tree, yaml};

pub use error::WriterError;
pub use preview::{Preview, preview};

/// What the writer is asked to do.
#[derive(Debug, Clone)]
pub struct Writer {
    /// Name of the Promise.
    pub promise: String,
    /// Name of the Pipeline.
    pub pipeline: String,
    /// Namespace of the Work; empty means that of the Kratix installation.
    pub namespace: String,
    /// Name of the resource request; none, or empty, in a promise workflow.
    pub resource_name: Option<String>,
    /// Namespace of the resource request, when the Work lives in another one.
    pub resource_namespace: Option<String>,
    /// Any text; the prefix `resource` decides how the Work is named.
    pub workflow_type: String,
    /// Whether the Work shall go to dry-run Destinations only.
    pub dry_run: bool,
    /// By whose rules the output is taken.
    pub layout: PodLayout,
    /// W3C trace parent, empty for none. Not checked.
    pub trace_parent: String,
    /// W3C trace state, empty for none; without parent it is ignored.
    pub trace_state: String,
    /// How much the output folder may hold.
    pub limits: Limits,
    /// Largest Work to send, in bytes; [`OBJECT_BYTES_MAX`] unless the cluster takes more.
    pub work_bytes_max: u64,
}

impl Writer {
    /// Returns a writer for a promise workflow with every setting at its default.
    pub fn new(promise: &str, pipeline: &str) -> Self {
        Self {
            promise: promise.to_owned(),
            pipeline: pipeline.to_owned(),
            namespace: SYSTEM_NAMESPACE.to_owned(),
            resource_name: None,
            resource_namespace: None,
            workflow_type: "promise".to_owned(),
            dry_run: false,
            layout: PodLayout::Today,
            trace_parent: String::new(),
            trace_state: String::new(),
            limits: Limits::default(),
            work_bytes_max: OBJECT_BYTES_MAX,
        }
    }

    fn identity(&self) -> Identity {
        let namespace = match self.namespace.as_str() {
            "" => SYSTEM_NAMESPACE,
            given => given,
        };
        Identity {
            promise: self.promise.clone(),
            pipeline: self.pipeline.clone(),
            namespace: namespace.to_owned(),
            resource_name: self.resource_name.clone().unwrap_or_default(),
            resource_namespace: self.resource_namespace.clone().unwrap_or_default(),
            workflow_type: self.workflow_type.clone(),
            dry_run: self.dry_run,
        }
    }

    fn trace(&self) -> Trace<'_> {
        Trace { parent: &self.trace_parent, state: &self.trace_state }
    }
}

/// What the writer did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing: the pipeline asked its workflow to wait, and no Work was touched.
    Stopped(Control),
    /// Wrote the Work.
    Wrote(Written),
}

/// The Work that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Whether it is new.
    pub created: bool,
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// How many workload groups it has.
    pub groups: usize,
    /// How many files it has.
    pub files: usize,
    /// Its size, in bytes of JSON.
    pub bytes: u64,
}

/// Publishes the output folder as a Work.
pub async fn run(
    context: &Context,
    cluster: &impl Cluster,
    args: &Writer,
) -> Result<Outcome, WriterError> {
    let draft = match plan(context, args)? {
        Plan::Stop(control) => {
            info!(
                suspend = control.suspend,
                retry = control.retry_after.is_some(),
                "the pipeline stops the workflow here: no work is written"
            );
            return Ok(Outcome::Stopped(control));
        }
        Plan::Put(draft) => draft,
    };
    let Draft { identity, groups, files, bytes, .. } = &draft;
    let (groups, files, bytes, namespace) = (*groups, *files, *bytes, identity.namespace.clone());
    let put = put::put(cluster, draft, args.trace()).await?;
    let written = Written { created: put.created, name: put.name, namespace, groups, files, bytes };
    let verb = if written.created { "created the work" } else { "updated the work" };
    let Written { name, namespace, .. } = &written;
    info!(work = name, namespace, groups, files, bytes, "{verb}");
    Ok(Outcome::Wrote(written))
}

/// What the writer is about to do, as far as the files decide it.
enum Plan {
    /// Nothing: the pipeline asks its workflow to wait.
    Stop(Control),
    /// Put this.
    Put(Draft),
}

/// A Work without a place.
struct Draft {
    identity: Identity,
    work: Object,
    groups: usize,
    files: usize,
    /// Its size, in bytes of JSON.
    bytes: u64,
}

/// Reads the files and decides; nothing is asked of the cluster.
fn plan(context: &Context, args: &Writer) -> Result<Plan, WriterError> {
    observed::is_of(&args.promise, &args.pipeline);
    observed::joins(&args.trace_parent, &args.trace_state);
    let identity = args.identity();
    identity.check()?;
    let entries = read_selectors(context, args.layout)?;
    let control = read_control(&context.layout.workflow_control_path())?;
    if control.stops() {
        return Ok(Plan::Stop(control));
    }
    let executed_at = context.clock.now().to_string();
    let (work, groups, files) = debug_span!("read the output folder")
        .in_scope(|| gather(context, args, &identity, entries, &executed_at))?;
    let bytes = check_size(args, &identity, &work)?;
    Ok(Plan::Put(Draft { identity, work, groups, files, bytes }))
}

/// Reads the output folder into a Work without metadata; also returns the numbers of groups and files.
fn gather(
    context: &Context,
    args: &Writer,
    identity: &Identity,
    entries: Vec<Entry>,
    executed_at: &str,
) -> Result<(Object, usize, usize), WriterError> {
    let tree = tree::walk(&context.layout.output_dir, args.limits)?;
    debug!(files = tree.files.len(), bytes = tree.bytes(), "walked the output folder");
    if args.layout.takes_only_documents() {
        legacy::check_paths(tree.folders.iter().map(String::as_str))
            .map_err(WriterError::Output)?;
    }
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
    let numbers = (groups.len(), tree.files.len());
    Ok((
        work::build(identity, pack(&tree, groups, args.layout)?, executed_at),
        numbers.0,
        numbers.1,
    ))
}

/// Reads and compresses one file after the other: no two contents are in memory uncompressed.
fn pack(
    tree: &Tree,
    groups: Vec<Group<&TreeFile>>,
    layout: PodLayout,
) -> Result<Vec<Group<Workload>>, WriterError> {
    let mut reader = tree.reader()?;
    let mut packer = Packer::default();
    let mut packed = Vec::with_capacity(groups.len());
    for Group { directory, selectors, files } in groups {
        let mut workloads = Vec::with_capacity(files.len());
        for file in files {
            let bytes = reader.read(file)?;
            if layout.takes_only_documents() {
                check_documents(&file.path, bytes)?;
            }
            let content = packer.pack(bytes).map_err(WriterError::Compress)?;
            workloads.push(Workload { filepath: file.path.clone(), content });
        }
        packed.push(Group { directory, selectors, files: workloads });
    }
    Ok(packed)
}

/// Fails unless a file holds Kubernetes documents and nothing else.
fn check_documents(file: &str, bytes: &[u8]) -> Result<(), WriterError> {
    let objects = yaml::parse_objects(bytes)
        .map_err(|source| WriterError::NotDocuments { file: file.to_owned(), source })?;
    legacy::check_objects(file, &objects).map_err(WriterError::Output)
}

/// Returns the size of the Work as it would be created, if that is not too large.
fn check_size(args: &Writer, identity: &Identity, work: &Object) -> Result<u64, WriterError> {
    let bytes = work.json_bytes();
    let max = args.work_bytes_max;
    if bytes <= max {
        return Ok(bytes);
    }
    let biggest = work::biggest(work, bytes);
    Err(WriterError::WorkTooLarge { identifier: identity.identifier(), bytes, max, biggest })
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
