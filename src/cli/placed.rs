//! `show placement` and `show diff`: finds what is to be looked at, and what decides where it goes.

use std::path::Path;

use super::args::{Common, Placed, Whose};
use super::dispatch::folder_is_there;
use super::{AnyFault, settings, step, stores};
use crate::cluster::Reads;
use crate::cluster::folder::FolderCluster;
use crate::cluster::given::Given;
use crate::cluster::live::LiveCluster;
use crate::contract::kinds::{DESTINATION, WORK};
use crate::contract::{Layout, Object};
use crate::core::placement::{Change, Edit, Mode};
use crate::destination;
use crate::exit::{Exit, Fault};
use crate::local::run::input::objects;
use crate::show::targets::Subject;
use crate::show::{self, diff, placement};
use crate::steps::Clock;
use crate::steps::writer::{self, Writer};

/// What was named is not there.
#[derive(Debug, thiserror::Error)]
enum Nothing {
    #[error("the file `{path}` holds no Work")]
    NoWork { path: String },
    #[error("there is no Destination `{name}`")]
    NoDestination { name: String },
    #[error("the pipeline asks its workflow to wait: nothing would be placed")]
    Waits,
}

impl Fault for Nothing {
    fn exit(&self) -> Exit {
        match self {
            Self::NoWork { .. } => Exit::Input,
            Self::NoDestination { .. } => Exit::Usage,
            Self::Waits => Exit::Input,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NoWork { .. } => "write a Work into it: `kubectl get work NAME -o yaml`",
            Self::NoDestination { .. } => "name one that is there: `show placement` lists all",
            Self::Waits => "look at `workflow-control.yaml` in its metadata folder",
        };
        Some(hint.to_owned())
    }
}

/// What is to be told.
#[derive(Clone, Copy)]
enum Wanted {
    Placement,
    Diff { summary: bool },
}

/// Returns what `show placement` prints.
pub(super) async fn placement(common: &Common, args: &Placed) -> Result<String, AnyFault> {
    told(common, args, Wanted::Placement).await
}

/// Returns what `show diff` prints.
pub(super) async fn diff(
    common: &Common,
    args: &Placed,
    summary: bool,
) -> Result<String, AnyFault> {
    told(common, args, Wanted::Diff { summary }).await
}

async fn told(common: &Common, args: &Placed, wanted: Wanted) -> Result<String, AnyFault> {
    let is_all_given = args.name.is_none() && (args.to.is_some() || !args.destinations.is_empty());
    if is_all_given {
        return on(args, wanted, None::<&Given>).await;
    }
    folder_is_there(common)?;
    match &common.cluster {
        Some(folder) => on(args, wanted, Some(&FolderCluster::new(folder))).await,
        None => {
            let cluster = LiveCluster::connect(settings::retry_policy(common, true)).await?;
            on(args, wanted, Some(&cluster)).await
        }
    }
}

async fn on(
    args: &Placed,
    wanted: Wanted,
    cluster: Option<&impl Reads>,
) -> Result<String, AnyFault> {
    let work = match (&args.work, &args.folder, &args.name, cluster) {
        (Some(file), ..) => work_in(file)?,
        (_, Some(folder), ..) => work_of(folder, &args.whose)?,
        (_, _, Some(name), Some(cluster)) => {
            show::find_work(cluster, args.namespace.as_deref(), name).await?
        }
        _ => return Err(Nothing::NoWork { path: String::new() }.into()),
    };
    if let Some(url) = &args.to {
        return by_url(args, wanted, &work, url).await;
    }
    if args.destinations.is_empty() {
        let given = Given::default();
        return match cluster {
            Some(places) => of_work(args, wanted, work, cluster, places).await,
            None => of_work(args, wanted, work, cluster, &given).await,
        };
    }
    let mut all = Vec::new();
    for path in &args.destinations {
        all.extend(objects(path)?);
    }
    of_work(args, wanted, work, cluster, &Given::new(all)).await
}

async fn of_work(
    args: &Placed,
    wanted: Wanted,
    work: Object,
    works: Option<&impl Reads>,
    places: &impl Reads,
) -> Result<String, AnyFault> {
    let now = works.and_then(Reads::time).unwrap_or_else(|| Clock::System.now());
    let mut subject = Subject::read(work, works, places).await?;
    if let Some(name) = &args.destination {
        if !subject.destinations.iter().any(|one| one.name() == name) {
            return Err(Nothing::NoDestination { name: name.clone() }.into());
        }
        subject.destinations.retain(|one| one.name() == name);
    }
    let Wanted::Diff { summary } = wanted else {
        return Ok(placement::describe(&subject, now));
    };
    let asked =
        diff::asked(&subject, now).map_err(|error| show::ShowError::from(Box::new(error)))?;
    let mut text = String::new();
    let flags = stores::only_looking();
    for one in asked {
        let place = destination::find_store(places, &one.setup.store).await?;
        let store = stores::open_place(&place, &flags, &std::env::temp_dir())?;
        let shown = place.address.to_string();
        let title = format!("{} {} in {shown}", DESTINATION.kind, one.destination);
        text.push_str(&diff::describe(&store, &title, &shown, &one.change, summary).await?);
    }
    if text.is_empty() {
        text.push_str("no Destination: nothing would change anywhere\n");
    }
    Ok(text)
}

async fn by_url(
    args: &Placed,
    wanted: Wanted,
    work: &Object,
    url: &str,
) -> Result<String, AnyFault> {
    let flags = stores::only_looking();
    let opened = stores::open_url(url, &args.files, &flags, &std::env::temp_dir())?;
    let change = diff::asked_directly(work, &opened.base, &opened.mode);
    let change = change.map_err(show::ShowError::from)?;
    match wanted {
        Wanted::Diff { summary } => {
            let (shown, store) = (&opened.shown, &opened.store);
            Ok(diff::describe(store, shown, shown, &change, summary).await?)
        }
        Wanted::Placement => Ok(everything_to(&opened.shown, &opened.mode, &change)),
    }
}

/// Says where files go when everything goes to one place.
fn everything_to(shown: &str, mode: &Mode, change: &Change) -> String {
    let place = change.edits.first().map(|edit| match edit {
        Edit::Folder { at, files } => format!("{} files at {at}/", files.len()),
        Edit::Listed { state, files, .. } => format!("{} files, listed in {state}", files.len()),
        Edit::Part { at, of, .. } => format!("in {at}, as the part `{of}`"),
        Edit::Whole { at, .. } => format!("as {at}"),
    });
    let note = match mode {
        Mode::Nested => "",
        Mode::Plain | Mode::Aggregated { .. } => "  between those of others\n",
    };
    let place = place.unwrap_or_default();
    format!("all goes to {shown}, whatever the selectors say\n  {place}\n{note}")
}

fn work_in(path: &Path) -> Result<Object, AnyFault> {
    let all = objects(path)?;
    let is_work =
        |object: &Object| object.kind() == WORK.kind && object.api_version() == WORK.api_version();
    let nothing = || Nothing::NoWork { path: path.display().to_string() };
    let mut work = all.into_iter().find(is_work).ok_or_else(nothing)?;
    if work.namespace().is_none() {
        work.set_metadata("namespace", "default");
    }
    Ok(work)
}

/// Makes the Work that the writer would make of a folder, whatever its size.
fn work_of(folder: &Path, whose: &Whose) -> Result<Object, AnyFault> {
    let (under, writers) = (Layout::under(folder), Layout::writer_root(folder));
    let layout = match (under.output_dir.is_dir(), writers.output_dir.is_dir()) {
        (true, _) => under,
        (false, true) if writers.metadata_dir.is_dir() => writers,
        _ => Layout { output_dir: folder.to_owned(), ..under },
    };
    let given = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    settings::told_whose(whose)?;
    let is_resource = whose.workflow_type.starts_with("resource");
    let args = Writer {
        resource_name: given(&whose.resource_name).filter(|_| is_resource),
        namespace: match is_resource {
            true => given(&whose.resource_namespace).unwrap_or_else(|| "default".to_owned()),
            false => String::new(),
        },
        workflow_type: whose.workflow_type.clone(),
        dry_run: settings::is_dry_run(&whose.dry_run),
        layout: settings::pod_layout(whose.layout),
        work_bytes_max: u64::MAX,
        ..Writer::new(&whose.promise_name, &whose.pipeline_name)
    };
    match writer::draft(&step::context(layout), &args)? {
        Some(work) => Ok(work),
        None => Err(Nothing::Waits.into()),
    }
}
