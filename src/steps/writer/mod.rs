//! Takes the results out: output folder to Work (contract.md 2.2).

pub mod direct;
mod error;
mod input;
mod preview;
mod put;

use tracing::{debug_span, info};

use super::Context;
use crate::cluster::Cluster;
use crate::contract::Object;
use crate::contract::kinds::SYSTEM_NAMESPACE;
use crate::contract::object::OBJECT_BYTES_MAX;
use crate::core::control::Control;
use crate::core::legacy::PodLayout;
use crate::core::selectors::Entry;
use crate::core::work::{self, Identity, Trace};
use crate::core::workloads::{Group, Packer, Workload};
use crate::files::tree::{Limits, Tree, TreeFile};
use input::Begun;

pub use error::WriterError;
pub use preview::{Preview, preview, stopped};

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

/// Returns the Work that the files make, under the name that a new one would have; `None` where the pipeline asks its workflow
/// to wait. Nothing is asked of a cluster.
pub fn draft(context: &Context, args: &Writer) -> Result<Option<Object>, WriterError> {
    let Plan::Put(Draft { identity, mut work, .. }) = plan(context, args)? else { return Ok(None) };
    work::place(&mut work, &identity, args.trace(), work::Place::New(&identity.name(0)?));
    Ok(Some(work))
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
    let identity = args.identity();
    let entries = match input::begin(context, args, &identity)? {
        Begun::Stop(control) => return Ok(Plan::Stop(control)),
        Begun::Go(entries) => entries,
    };
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
    let tree = input::walk(context, args)?;
    let groups = input::groups(context, args, &tree, entries)?;
    let numbers = (groups.len(), tree.files.len());
    let work = work::build(identity, pack(&tree, groups, args.layout)?, executed_at);
    Ok((work, numbers.0, numbers.1))
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
                input::check_documents(&file.path, bytes)?;
            }
            let content = packer.pack(bytes).map_err(WriterError::Compress)?;
            workloads.push(Workload { filepath: file.path.clone(), content });
        }
        packed.push(Group { directory, selectors, files: workloads });
    }
    Ok(packed)
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
