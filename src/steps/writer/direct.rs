//! Writes the output folder into a state store itself: no Work, and no limit but those of the output.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};
use tracing::{debug_span, info};

use super::input::{self, Begun};
use super::{Writer, WriterError};
use crate::contract::kinds::SYSTEM_NAMESPACE;
use crate::contract::{Node, Object, labels};
use crate::core::control::Control;
use crate::core::placement::direct::{Output, OutputFile, Trace};
use crate::core::placement::{self, Change, Content, Edit, Mode, PathError, StorePath};
use crate::core::promise::WorkflowAction;
use crate::core::status;
use crate::core::workloads::Group;
use crate::files::tree::{Tree, TreeFile};
use crate::files::{read, write, yaml};
use crate::steps::Context;
use crate::steps::status::FILE_BYTES_MAX;
use crate::store::foresee::{Foreseen, foresee};
use crate::store::{Applied, FILE_BYTES_MAX as STORE_FILE_BYTES_MAX, Store, StoreError, edits};

/// Largest file of an object that is looked into: etcd takes none of a tenth of it, whoever indented it.
const OBJECT_FILE_BYTES_MAX: u64 = 16 << 20;

/// Where the writer writes itself.
#[derive(Debug)]
pub struct To<'a, S> {
    /// The state store.
    pub store: &'a S,
    /// Names it for people, without credentials.
    pub shown: String,
    /// Path of all that is written, below the store's root.
    pub base: StorePath,
    /// Which files are written.
    pub mode: Mode,
    /// The Destination whose labels decide what may be written; without it everything may.
    pub destination: Option<Object>,
}

/// What is asked of a direct writer, beyond what is asked of any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// Whether the output is to be there, or all that the object has written is to be gone.
    pub action: WorkflowAction,
    /// Top-level key of the status under which the result is told; `None` for nowhere.
    pub status_key: Option<String>,
}

/// What a direct writer did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Published {
    /// Nothing: the pipeline asked its workflow to wait.
    Stopped(Control),
    /// Nothing: it is a dry run of Kratix, and this is what would have been done.
    Foreseen(Foreseen),
    /// The store is as it was asked to be.
    Done(Applied),
}

/// Publishes the output folder in a state store, or takes out what is there of the object.
///
/// `may_go_on` is asked before every step that others can see.
pub async fn publish<S: Store>(
    context: &Context,
    args: &Writer,
    ask: &Ask,
    to: &To<'_, S>,
    may_go_on: &(dyn Fn() -> bool + Send + Sync),
) -> Result<Published, WriterError> {
    let report = match &ask.status_key {
        Some(key) => Some((key, report(context)?)),
        None => None,
    };
    let change = match change(context, args, ask.action, to).await? {
        Asked::Stop(control) => {
            info!(
                suspend = control.suspend,
                retry = control.retry_after.is_some(),
                "the pipeline stops the workflow here: nothing is written"
            );
            return Ok(Published::Stopped(control));
        }
        Asked::Change(change) => change,
    };
    if args.dry_run && !to.is_for_dry_runs() {
        let foreseen = foresee(to.store, &change, &to.shown).await.map_err(WriterError::Store)?;
        info!(
            store = to.shown,
            would_write = foreseen.written(),
            would_delete = foreseen.deleted(),
            unchanged = foreseen.unchanged,
            "a dry run of Kratix: nothing is written"
        );
        return Ok(Published::Foreseen(foreseen));
    }
    let mut answers = to.store.apply(&[change], may_go_on).await;
    let applied = answers.pop().unwrap_or_else(|| Err(no_answer(&to.shown)));
    let applied = applied.map_err(WriterError::Store)?;
    info!(
        store = to.shown,
        version = applied.version.as_ref().map(|version| version.0.as_str()),
        written = applied.written,
        deleted = applied.deleted,
        unchanged = applied.unchanged,
        bytes = applied.bytes,
        attempts = applied.attempts,
        "{}",
        if applied.written + applied.deleted == 0 {
            "all is there already"
        } else {
            "wrote the output"
        }
    );
    if let Some((key, report)) = report {
        tell_status(context, report, key, to.result(&applied))?;
    }
    Ok(Published::Done(applied))
}

/// Says what [`publish`] would do now, and writes nothing.
pub async fn survey<S: Store>(
    context: &Context,
    args: &Writer,
    ask: &Ask,
    to: &To<'_, S>,
) -> Result<Published, WriterError> {
    match change(context, args, ask.action, to).await? {
        Asked::Stop(control) => Ok(Published::Stopped(control)),
        Asked::Change(change) => {
            let foreseen = foresee(to.store, &change, &to.shown).await;
            Ok(Published::Foreseen(foreseen.map_err(WriterError::Store)?))
        }
    }
}

/// Takes out all that an object has written here, by whatever pipeline.
pub async fn remove_all<S: Store>(
    to: &To<'_, S>,
    output: &Output<'_>,
    may_go_on: &(dyn Fn() -> bool + Send + Sync),
) -> Result<Applied, WriterError> {
    let no_place = |source: PathError| WriterError::Place { store: to.shown.clone(), source };
    let trace = output.trace(&to.base, &to.mode).map_err(no_place)?;
    let edits = removal(to, trace).await.map_err(WriterError::Store)?;
    let name = output.resource.unwrap_or(output.promise).to_owned();
    let change = Change { name, about: about(output, None), edits };
    let mut answers = to.store.apply(&[change], may_go_on).await;
    answers.pop().unwrap_or_else(|| Err(no_answer(&to.shown))).map_err(WriterError::Store)
}

impl<S> To<'_, S> {
    /// Whether what is written here comes to nothing but a look.
    fn is_for_dry_runs(&self) -> bool {
        let label = self.destination.as_ref().and_then(|object| object.label(labels::DRY_RUN));
        label == Some(labels::TRUE)
    }

    /// Returns what is told of a result: in the status, and as the termination message.
    pub fn result(&self, applied: &Applied) -> Value {
        let mut result = json!({
            "store": self.shown,
            "path": self.base.as_str(),
            "written": applied.written,
            "deleted": applied.deleted,
            "unchanged": applied.unchanged,
        });
        if let Some(version) = &applied.version {
            result["version"] = version.0.as_str().into();
        }
        if let Some(destination) = &self.destination {
            result["destination"] = destination.name().into();
        }
        result
    }
}

/// What is to become of a store, as far as files and labels decide it.
pub(super) enum Asked {
    /// Nothing: the pipeline asks its workflow to wait.
    Stop(Control),
    /// This.
    Change(Change),
}

/// Reads the files, and decides. The store is only asked what the object has written before, when all of it goes.
async fn change<S: Store>(
    context: &Context,
    args: &Writer,
    action: WorkflowAction,
    to: &To<'_, S>,
) -> Result<Asked, WriterError> {
    let identity = args.identity();
    let entries = match input::begin(context, args, &identity)? {
        Begun::Stop(control) => return Ok(Asked::Stop(control)),
        Begun::Go(entries) => entries,
    };
    let output = output_of(args);
    let no_place = |source: PathError| WriterError::Place { store: to.shown.clone(), source };
    let edits = match action {
        WorkflowAction::Delete => {
            let trace = output.trace(&to.base, &to.mode).map_err(no_place)?;
            removal(to, trace).await.map_err(WriterError::Store)?
        }
        WorkflowAction::Configure => {
            let (tree, groups) = debug_span!("read the output folder").in_scope(|| {
                let tree = input::walk(context, args)?;
                let groups = contents(&tree, args, input::groups(context, args, &tree, entries)?)?;
                Ok::<_, WriterError>((tree, groups))
            })?;
            if let Some(destination) = &to.destination {
                check_match(args, destination, &groups)?;
            }
            drop(tree);
            vec![output.put(&to.base, &to.mode, groups).map_err(no_place)?]
        }
    };
    let mut about = about(&output, to.destination.as_ref());
    about.extend(words_of_object(context));
    Ok(Asked::Change(Change { name: identity.identifier(), about, edits }))
}

/// Whose output it is. The namespace is that of the request, also where its Work would live in another one.
fn output_of(args: &Writer) -> Output<'_> {
    let own = match args.namespace.as_str() {
        "" => SYSTEM_NAMESPACE,
        given => given,
    };
    let given = args.resource_namespace.as_deref().filter(|given| !given.is_empty());
    Output {
        namespace: given.unwrap_or(own),
        promise: &args.promise,
        resource: args.resource_name.as_deref().filter(|name| !name.is_empty()),
        pipeline: &args.pipeline,
    }
}

/// What templates of commit messages may say.
fn about(output: &Output<'_>, destination: Option<&Object>) -> BTreeMap<String, String> {
    let all = [
        ("promise", Some(output.promise)),
        ("resource", output.resource),
        ("namespace", output.resource.map(|_| output.namespace)),
        ("pipeline", Some(output.pipeline)),
        ("destination", destination.map(Object::name)),
    ];
    let known = all.into_iter().filter_map(|(key, value)| Some((key, value?)));
    known.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

/// What the object says of itself, where it can be seen: a stage has its file, the writer's own container has not.
fn words_of_object(context: &Context) -> BTreeMap<String, String> {
    let mut words = BTreeMap::new();
    let document = read::document(&context.layout.object_path(), OBJECT_FILE_BYTES_MAX);
    let Ok(Some(document)) = document else { return words };
    for (map, family) in [("labels", "label"), ("annotations", "annotation")] {
        let Some(Node::Map(entries)) = document.field("metadata").and_then(|one| one.field(map))
        else {
            continue;
        };
        for (key, value) in entries {
            words.extend(value.text().map(|text| (format!("{family}:{key}"), text)));
        }
    }
    words
}

/// Returns the groups with files that are read when they are written.
fn contents(
    tree: &Tree,
    args: &Writer,
    groups: Vec<Group<&TreeFile>>,
) -> Result<Vec<Group<OutputFile>>, WriterError> {
    if args.layout.takes_only_documents() {
        let mut reader = tree.reader()?;
        for file in groups.iter().flat_map(|group| &group.files) {
            input::check_documents(&file.path, reader.read(file)?)?;
        }
    }
    let root = Arc::new(tree.canonical_root().to_owned());
    let file = |file: &TreeFile| {
        let path = file.real_path().to_owned();
        (file.path.clone(), Content::Disk { root: root.clone(), path, bytes: file.bytes })
    };
    let group = |group: Group<&TreeFile>| Group {
        files: group.files.into_iter().map(file).collect(),
        directory: group.directory,
        selectors: group.selectors,
    };
    Ok(groups.into_iter().map(group).collect())
}

/// Fails when a group with files in it may not go to the Destination.
fn check_match(
    args: &Writer,
    destination: &Object,
    groups: &[Group<OutputFile>],
) -> Result<(), WriterError> {
    // In a dry run the selectors of the output are not looked at (contract.md 10.2), and nothing is written elsewhere.
    if args.dry_run {
        return Ok(());
    }
    let mut wrong = Vec::new();
    for group in groups.iter().filter(|group| !group.files.is_empty()) {
        let selectors: Vec<Value> = group
            .selectors
            .iter()
            .map(|one| json!({"matchLabels": one.match_labels, "source": one.source}))
            .collect();
        let wanted = placement::combine(&selectors);
        if placement::candidates(&wanted, false, std::slice::from_ref(destination)).is_empty() {
            let terms: Vec<String> =
                wanted.iter().map(|(key, value)| format!("{key}={value}")).collect();
            let terms = if terms.is_empty() { "no selectors".to_owned() } else { terms.join(", ") };
            wrong.push((group.directory.clone(), terms));
        }
    }
    if wrong.is_empty() {
        return Ok(());
    }
    let why = why_not(destination);
    Err(WriterError::Mismatch { destination: destination.name().to_owned(), groups: wrong, why })
}

/// Says what keeps things away from a Destination.
fn why_not(destination: &Object) -> String {
    if destination.at(&["metadata", "deletionTimestamp"]).is_some() {
        return "it is being deleted".to_owned();
    }
    if destination.label(labels::DRY_RUN) == Some(labels::TRUE) {
        return "it is for dry runs only".to_owned();
    }
    let own = destination.at(&["metadata", "labels"]).and_then(Value::as_object);
    let own: Vec<String> = own
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
        .collect();
    match own.as_slice() {
        [] => "it has no labels".to_owned(),
        own => format!("it has {}", own.join(", ")),
    }
}

/// Returns what takes out all that the object has written, by any pipeline.
async fn removal<S: Store>(to: &To<'_, S>, trace: Trace) -> Result<Vec<Edit>, StoreError> {
    Ok(match trace {
        Trace::Folder(at) => vec![Edit::Folder { at, files: Vec::new() }],
        Trace::StateFiles { folder, names } => {
            let listed = to.store.list(&folder).await?.files.into_iter();
            let is_ours = |at: &StorePath| {
                at.split().is_some_and(|(parent, name)| parent == folder && names.has(name))
            };
            let states = listed.map(|file| file.at).filter(is_ours);
            let base = || to.base.clone();
            states.map(|state| Edit::Listed { base: base(), state, files: Vec::new() }).collect()
        }
        Trace::Parts { file, names } => {
            let content = to.store.read(&file, STORE_FILE_BYTES_MAX).await?.unwrap_or_default();
            let mut parts = edits::part_names(&content);
            parts.retain(|name| names.has(name));
            // Somebody may have doubled one, and disordered all.
            parts.sort();
            parts.dedup();
            let gone = |of| Edit::Part { at: file.clone(), of, content: None };
            parts.into_iter().map(gone).collect()
        }
    })
}

/// Returns what the pipeline reports: the status step would refuse a file that is no map, so it is refused before anything
/// is written.
fn report(context: &Context) -> Result<Map<String, Value>, WriterError> {
    let path = context.layout.status_path();
    let document = read::document(&path, FILE_BYTES_MAX)?.unwrap_or(Node::Null);
    status::parse_report(&document).map_err(|_| WriterError::NoReport { path })
}

/// Puts the result into the status file, for the status step of the pod to merge: it has the rights, and writes once.
fn tell_status(
    context: &Context,
    mut report: Map<String, Value>,
    key: &str,
    result: Value,
) -> Result<(), WriterError> {
    let path = context.layout.status_path();
    report.insert(key.to_owned(), result);
    write::atomic(&path, yaml::write(&Value::Object(report)).as_bytes())
        .map_err(|source| WriterError::Told { path, source })
}

fn no_answer(shown: &str) -> StoreError {
    let trouble = crate::store::Trouble::Other("nothing".to_owned());
    StoreError { doing: "write to", store: shown.to_owned(), trouble }
}
