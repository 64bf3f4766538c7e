//! What a run leaves: Works unpacked, matched with Destinations, and written where the user wants them.

use std::path::{Component, Path, PathBuf};

use serde_json::Value;

use super::workflow::Ran;
use super::{Prepared, Run, RunError};
use crate::cluster::folder::FolderCluster;
use crate::cluster::{Cluster as _, Reads as _};
use crate::contract::{Object, kinds, labels, layout};
use crate::core::promise::{WorkflowAction, WorkflowType};
use crate::core::{placement, unpack};
use crate::files::{FileError, folder, write as files, yaml};
use crate::local::report::{Ending, Placed, Report, WorkReport};

/// Name of the file with a Work below the folder of its pipeline.
const WORK_FILE: &str = "work.yaml";
/// Name of the folder with the files of a Work below the folder of its pipeline.
const OUTPUT_DIR: &str = "output";

/// Collects the results of a run.
pub(super) async fn gather(
    prepared: &Prepared,
    args: &Run,
    cluster: &FolderCluster,
    ran: Ran,
) -> Result<Report, RunError> {
    let destinations = cluster.list(&kinds::DESTINATION, None, &[]).await?;
    let mut works = Vec::new();
    for work in own_works(prepared, args.action, cluster, &ran).await? {
        let place = |group: unpack::Group| Placed {
            destinations: placement::candidates(&group.labels, prepared.dry_run, &destinations)
                .into_iter()
                .map(str::to_owned)
                .collect(),
            group,
        };
        works.push(WorkReport {
            groups: unpack::groups(&work)?.into_iter().map(place).collect(),
            pipeline: work.label(labels::PIPELINE_NAME).unwrap_or_default().to_owned(),
            work,
        });
    }
    let order = prepared.promise.pipelines(prepared.kind, WorkflowAction::Configure);
    works.sort_by_key(|work| order.iter().position(|pipeline| pipeline.name == work.pipeline));
    let object = cluster.get(&prepared.key).await?;
    let status = object.as_ref().and_then(Object::status).and_then(Value::as_object);
    Ok(Report {
        promise: prepared.promise.name.clone(),
        object: prepared.key.clone(),
        workflow: prepared.kind,
        action: args.action,
        pipelines: ran.pipelines,
        resumed_at: ran.resumed_at,
        ending: ran.ending,
        works,
        has_destinations: !destinations.is_empty(),
        status: status.cloned().unwrap_or_default(),
        warnings: prepared.warnings.iter().cloned().chain(ran.warnings).collect(),
        cluster: args.cluster.clone(),
        out: args.out.clone(),
        elapsed: std::time::Duration::ZERO,
    })
}

/// Returns the Works of the object. Those of pipelines that are no longer in the Promise go, as Kratix removes them
/// when a configure workflow is done (contract.md 8.3).
async fn own_works(
    prepared: &Prepared,
    action: WorkflowAction,
    cluster: &FolderCluster,
    ran: &Ran,
) -> Result<Vec<Object>, RunError> {
    let works = list_works(prepared, cluster).await?;
    if action != WorkflowAction::Configure || !matches!(ran.ending, Ending::Done) {
        return Ok(works);
    }
    let pipelines = prepared.promise.pipelines(prepared.kind, action);
    let mut own = Vec::new();
    for work in works {
        let name = work.label(labels::PIPELINE_NAME).unwrap_or_default();
        if pipelines.iter().any(|pipeline| pipeline.name == name) {
            own.push(work);
        } else {
            cluster.delete(&work.key(&kinds::WORK)).await?;
        }
    }
    Ok(own)
}

async fn list_works(prepared: &Prepared, cluster: &FolderCluster) -> Result<Vec<Object>, RunError> {
    let mut selector = vec![
        (labels::PROMISE_NAME, Some(prepared.promise.name.as_str())),
        (labels::WORK_TYPE, Some(prepared.kind.as_str())),
        (labels::DRY_RUN, prepared.dry_run.then_some(labels::TRUE)),
    ];
    if prepared.kind == WorkflowType::Resource {
        let said = prepared.promise.pipeline_namespace.as_ref();
        let namespace = said.and(prepared.key.namespace.as_deref());
        selector.push((labels::RESOURCE_NAME, Some(&prepared.key.name)));
        selector.push((labels::RESOURCE_NAMESPACE, namespace));
    }
    Ok(cluster.list(&kinds::WORK, Some(&prepared.namespace), &selector).await?)
}

/// Removes the object and its Works, as Kratix does when a delete workflow is done (contract.md 8.9).
pub(super) async fn remove(prepared: &Prepared, cluster: &FolderCluster) -> Result<(), RunError> {
    for work in list_works(prepared, cluster).await? {
        cluster.delete(&work.key(&kinds::WORK)).await?;
    }
    Ok(cluster.delete(&prepared.key).await?)
}

/// Writes `status.yaml`, and for each Work `<pipeline>/work.yaml` and its files in `<pipeline>/output`.
pub(super) fn write(out: &Path, report: &Report) -> Result<(), RunError> {
    folder::make(out)?;
    let status = Value::Object(report.status.clone());
    files::atomic(&out.join(layout::STATUS_FILE), yaml::write(&status).as_bytes())?;
    for work in &report.works {
        // A label of a file that anybody may have edited.
        let dir = inside(out, &work.pipeline)?;
        let output = dir.join(OUTPUT_DIR);
        clear(&dir, &output)?;
        folder::make(&output)?;
        let text = yaml::write(&work.work.clone().into_value());
        files::atomic(&dir.join(WORK_FILE), text.as_bytes())?;
        for file in work.groups.iter().flat_map(|placed| &placed.group.files) {
            let path = inside(&output, &file.path)?;
            path.parent().map_or(Ok(()), folder::make)?;
            files::atomic(&path, &file.content)?;
        }
    }
    Ok(())
}

/// Removes the files of an earlier run; they are known by the Work beside them.
fn clear(dir: &Path, output: &Path) -> Result<(), FileError> {
    if !dir.join(WORK_FILE).exists() || !output.exists() {
        return Ok(());
    }
    std::fs::remove_dir_all(output)
        .map_err(|source| FileError::Write { path: output.to_owned(), source })
}

fn inside(dir: &Path, path: &str) -> Result<PathBuf, RunError> {
    let is_normal = |component: Component<'_>| matches!(component, Component::Normal(_));
    if Path::new(path).components().all(is_normal) {
        return Ok(dir.join(path));
    }
    Err(RunError::OutsidePath { path: path.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_work_is_written_below_the_folder_or_not_at_all() {
        let root = tempfile::tempdir().unwrap();
        let out = root.path().join("out");
        for (pipeline, is_written) in [("one", true), ("../one", false), ("/one", false)] {
            let work = WorkReport {
                work: Object::new(&kinds::WORK, Some("team-a"), "w"),
                pipeline: pipeline.into(),
                groups: vec![],
            };
            let report = Report {
                promise: "p".into(),
                object: kinds::PROMISE.object(None, "p"),
                workflow: WorkflowType::Promise,
                action: WorkflowAction::Configure,
                pipelines: vec![],
                resumed_at: None,
                ending: Ending::Done,
                works: vec![work],
                has_destinations: false,
                status: serde_json::Map::new(),
                warnings: vec![],
                cluster: None,
                out: None,
                elapsed: std::time::Duration::ZERO,
            };
            assert_eq!(write(&out, &report).is_ok(), is_written, "{pipeline}");
        }
        assert!(out.join("one").join(WORK_FILE).is_file());
        assert!(!root.path().join("one").exists());
    }
}
