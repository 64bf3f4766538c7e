//! Carries out what was decided for one Work: every answer of the cluster is known at once.

use std::collections::HashMap;

use serde_json::{Map, Value, json};
use tracing::{debug, warn};

use super::super::cache::Source;
use super::super::shared::Shared;
use super::super::store::Place;
use super::caches::Fed;
use super::writes::said;
use super::{Placing, counts};
use crate::cluster::{Cluster as _, ClusterError, Reads as _};
use crate::contract::{Object, finalizers, kinds};
use crate::core::placement::{self, Plan, Relabel, StatusOf, WorkSeen, Write};
use crate::effect;
use crate::exit;

/// How often a status or finalizers are written anew that somebody else's write has crossed.
pub(super) const TRIES_MAX: u32 = 4;

/// What has come of a plan.
#[derive(Debug, Default)]
pub(super) struct Carried {
    /// WorkPlacements with their files, by name, as the cluster has answered with them.
    pub(super) whole: HashMap<String, Object>,
    /// Names that another Work's WorkPlacements have.
    pub(super) taken: Vec<String>,
    /// Ids of groups whose WorkPlacement the cluster does not take as it is, and why.
    pub(super) refused: Vec<(String, String)>,
    /// Whether it was cut short: somebody else may lead, or what was decided on has changed.
    pub(super) is_cut_short: bool,
}

/// Carries out one plan.
pub(super) struct Carry<'a> {
    pub(super) shared: &'a Shared,
    pub(super) placing: &'a Placing,
    pub(super) at: &'a Place,
    pub(super) seen: &'a WorkSeen,
    /// The Work with its files, once it was needed.
    work: Option<Object>,
    carried: Carried,
}

impl<'a> Carry<'a> {
    pub(super) fn new(
        shared: &'a Shared,
        placing: &'a Placing,
        at: &'a Place,
        seen: &'a WorkSeen,
    ) -> Self {
        Self { shared, placing, at, seen, work: None, carried: Carried::default() }
    }

    /// Does all of it, in the order that [`Plan`] asks for.
    pub(super) async fn out(mut self, plan: &Plan) -> Result<Carried, ClusterError> {
        let holds = plan.finalizers.as_ref().filter(|_| !self.seen.is_going);
        if let Some(finalizers) = holds {
            self.finalizers(finalizers).await?;
        }
        for status in &plan.moved {
            if self.may_go_on() {
                self.placement_status(status).await?;
            }
        }
        for write in &plan.creates {
            if self.may_go_on() {
                self.create(write).await?;
            }
        }
        for write in &plan.updates {
            if self.may_go_on() {
                self.update(write).await?;
            }
        }
        if !self.carried.refused.is_empty() {
            // The rest is decided anew, with that in mind.
            self.carried.is_cut_short = true;
            return Ok(self.carried);
        }
        for relabel in &plan.relabels {
            if self.may_go_on() {
                self.relabel(relabel).await?;
            }
        }
        for (name, uid) in &plan.deletes {
            if self.may_go_on() {
                self.delete(name, uid).await?;
            }
        }
        for status in &plan.statuses {
            if self.may_go_on() {
                self.placement_status(status).await?;
            }
        }
        for (name, event) in &plan.placement_events {
            let about = self.placing.caches().placement(&self.place(name));
            if self.may_go_on()
                && let Some(about) = about
            {
                let instance = &self.shared.settings.instance;
                let now = self.shared.now();
                effect::tell(&self.shared.cluster, &about.object(), event, instance, now).await;
            }
        }
        let about = self.placing.caches().work(self.at);
        for event in &plan.events {
            if self.may_go_on()
                && let Some(about) = &about
            {
                let instance = &self.shared.settings.instance;
                let now = self.shared.now();
                counts::told(&self.shared.metrics, self.seen, event);
                effect::tell(&self.shared.cluster, &about.object(), event, instance, now).await;
            }
        }
        let about = self.placing.caches().work(self.at);
        if let Some(status) = &plan.status
            && self.may_go_on()
            && let Some(about) = about
        {
            let answer = status_of(self.shared, Fed::Works, &about.object(), status).await?;
            self.carried.is_cut_short |= answer.is_none();
        }
        let lets_go = plan.finalizers.as_ref().filter(|_| self.seen.is_going);
        if let Some(finalizers) = lets_go
            && self.may_go_on()
        {
            self.finalizers(finalizers).await?;
        }
        Ok(self.carried)
    }

    fn may_go_on(&mut self) -> bool {
        let may = !self.carried.is_cut_short && self.shared.tenure.holds();
        self.carried.is_cut_short |= !may;
        may
    }

    fn place(&self, name: &str) -> Place {
        (self.at.0.clone(), name.into())
    }

    async fn finalizers(&mut self, finalizers: &[String]) -> Result<(), ClusterError> {
        let Some(known) = self.placing.caches().work(self.at) else { return Ok(()) };
        self.work = let_go(self.shared, Fed::Works, &known.object(), finalizers).await?;
        self.carried.is_cut_short |= self.work.is_none();
        Ok(())
    }

    /// The Work with its files; `None` when it is gone.
    async fn work(&mut self) -> Result<Option<&Object>, ClusterError> {
        if self.work.is_none() {
            let key = kinds::WORK.object(Some(&self.at.0), &self.at.1);
            self.work = self.shared.cluster.get(&key).await?;
            match &self.work {
                Some(work) if work.uid() == Some(&self.seen.uid) => {
                    note(self.shared, Fed::Works, work);
                }
                Some(_) | None => {
                    debug!("the Work has gone meanwhile");
                    (self.work, self.carried.is_cut_short) = (None, true);
                }
            }
        }
        Ok(self.work.as_ref())
    }

    async fn create(&mut self, write: &Write) -> Result<(), ClusterError> {
        let Some(work) = self.work().await? else { return Ok(()) };
        let Some(object) = placement::created(write, work) else {
            self.carried.is_cut_short = true;
            return Ok(());
        };
        match self.shared.cluster.create(&kinds::WORK_PLACEMENT, &object).await {
            Ok(answer) => {
                counts::placed(&self.shared.metrics, self.seen, write);
                self.keep(answer);
            }
            Err(ClusterError::Exists { .. }) => {
                // We made it before the watch has told of it, or it is another Work's.
                let key = object.key(&kinds::WORK_PLACEMENT);
                if let Some(there) = self.shared.cluster.get(&key).await? {
                    let seen = placement::PlacementSeen::from_object(&there);
                    note(self.shared, Fed::Placements, &there);
                    if seen.owner != self.seen.uid {
                        self.carried.taken.push(write.name.clone());
                    }
                }
                self.carried.is_cut_short = true;
            }
            Err(error) => self.refused(write, error)?,
        }
        Ok(())
    }

    /// Notes a WorkPlacement that the cluster does not take as it is: that holds back nobody else. Any other error is returned.
    fn refused(&mut self, write: &Write, error: ClusterError) -> Result<(), ClusterError> {
        match error {
            ClusterError::Forbidden { .. }
            | ClusterError::Invalid { .. }
            | ClusterError::TooLarge { .. } => {
                warn!(workplacement = write.name, "is refused: {}", exit::chain(&error));
                self.carried.refused.push((write.group.clone(), said(&error)));
                Ok(())
            }
            error => Err(error),
        }
    }

    async fn update(&mut self, write: &Write) -> Result<(), ClusterError> {
        let Some(work) = self.work().await? else { return Ok(()) };
        let Some(patch) = placement::patch(write, work) else {
            self.carried.is_cut_short = true;
            return Ok(());
        };
        let key = kinds::WORK_PLACEMENT.object(Some(&self.at.0), &write.name);
        let answer = self.shared.cluster.patch(&key, &patch).await;
        match self.changed(&write.name, answer).await {
            Ok(Some(answer)) => {
                counts::placed(&self.shared.metrics, self.seen, write);
                self.keep(answer);
            }
            Ok(None) => {}
            Err(error) => self.refused(write, error)?,
        }
        Ok(())
    }

    async fn relabel(&mut self, relabel: &Relabel) -> Result<(), ClusterError> {
        let key = kinds::WORK_PLACEMENT.object(Some(&self.at.0), &relabel.name);
        let patch = json!({"metadata": {
            "uid": relabel.uid,
            "labels": relabel.labels,
            "annotations": relabel.annotations,
        }});
        let answer = self.shared.cluster.patch(&key, &patch).await;
        if let Some(answer) = self.changed(&relabel.name, answer).await? {
            let destination = answer.text_at(&["spec", "targetDestinationName"]);
            let destination = destination.unwrap_or_default();
            counts::relabelled(&self.shared.metrics, self.seen, relabel, destination);
            self.keep(answer);
        }
        Ok(())
    }

    /// Takes the answer to a change of a WorkPlacement. One that has gone or changed meanwhile is looked at anew.
    async fn changed(
        &mut self,
        name: &str,
        answer: Result<Object, ClusterError>,
    ) -> Result<Option<Object>, ClusterError> {
        let known = self.placing.caches().placement(&self.place(name));
        let changed = again(self.shared, Fed::Placements, known.map(|one| one.object()), answer);
        let answer = changed.await?;
        self.carried.is_cut_short |= answer.is_none();
        Ok(answer)
    }

    fn keep(&mut self, placement: Object) {
        note(self.shared, Fed::Placements, &placement);
        self.carried.whole.insert(placement.name().to_owned(), placement);
    }

    async fn delete(&self, name: &str, uid: &str) -> Result<(), ClusterError> {
        let known = self.placing.caches().placement(&self.place(name));
        // Another one of that name is somebody else's business.
        if known.is_some_and(|known| known.object().uid() == Some(uid)) {
            let key = kinds::WORK_PLACEMENT.object(Some(&self.at.0), name);
            self.shared.cluster.delete(&key).await?;
        }
        Ok(())
    }

    async fn placement_status(&mut self, status: &StatusOf) -> Result<(), ClusterError> {
        let known = self.placing.caches().placement(&self.place(&status.name));
        let Some(known) = known.map(|known| known.object()) else { return Ok(()) };
        if known.uid() == Some(&status.uid)
            && status_of(self.shared, Fed::Placements, &known, &status.status).await?.is_none()
        {
            self.carried.is_cut_short = true;
        }
        Ok(())
    }
}

/// Takes what the cluster has answered to a write.
pub(super) fn note(shared: &Shared, fed: Fed, object: &Object) {
    if let Some(placing) = &shared.placing {
        let wakes = placing.caches().put(Source::Write, fed, object);
        placing.wake(shared, wakes);
    }
}

/// Replaces the status of an object; `None` when it has gone or changed meanwhile, which is known now.
pub(super) async fn status_of(
    shared: &Shared,
    fed: Fed,
    known: &Object,
    status: &Map<String, Value>,
) -> Result<Option<Object>, ClusterError> {
    let mut object = known.clone();
    // A status is written without the rest; what is kept of it is not all there is.
    if matches!(fed, Fed::Works | Fed::Placements) {
        object.0.remove("spec");
    }
    object.0.insert("status".into(), Value::Object(status.clone()));
    let answer = shared.cluster.replace_status(&fed.kind(), &object).await;
    again(shared, fed, Some(object), answer).await
}

/// Replaces all finalizers of an object; `None` when it has gone or changed meanwhile, which is known now.
pub(super) async fn let_go(
    shared: &Shared,
    fed: Fed,
    known: &Object,
    finalizers: &[String],
) -> Result<Option<Object>, ClusterError> {
    let patch = json!({"metadata": {
        "uid": known.uid(),
        "resourceVersion": known.resource_version(),
        "finalizers": finalizers,
    }});
    let answer = shared.cluster.patch(&known.key(&fed.kind()), &patch).await;
    again(shared, fed, Some(known.clone()), answer).await
}

/// Notes an answer. What has gone or changed meanwhile is read anew, and there is no answer.
async fn again(
    shared: &Shared,
    fed: Fed,
    known: Option<Object>,
    answer: Result<Object, ClusterError>,
) -> Result<Option<Object>, ClusterError> {
    let error = match answer {
        Ok(answer) if super::super::trouble::is_no_more(&answer) => {
            forget(shared, fed, &answer);
            return Ok(Some(answer));
        }
        Ok(answer) => {
            note(shared, fed, &answer);
            return Ok(Some(answer));
        }
        Err(error) => error,
    };
    let is_stale = matches!(error, ClusterError::Conflict { .. } | ClusterError::Missing { .. });
    let Some(known) = known.filter(|_| is_stale) else { return Err(error) };
    let there = shared.cluster.get(&known.key(&fed.kind())).await?;
    found(shared, fed, &known, there.as_ref());
    Ok(None)
}

/// Takes what was found in place of an object that is not as it was known: the watch says so too, but later.
pub(super) fn found(shared: &Shared, fed: Fed, known: &Object, there: Option<&Object>) {
    match there {
        Some(there) if there.uid() == known.uid() => note(shared, fed, there),
        Some(_) | None => forget(shared, fed, known),
    }
}

/// Forgets an object that is gone: the watch says so too, but later.
fn forget(shared: &Shared, fed: Fed, object: &Object) {
    if let Some(placing) = &shared.placing {
        let wakes = placing.caches().remove(fed, object);
        placing.wake(shared, wakes);
    }
}

/// Lets a WorkPlacement go: its files are gone, or the Destination that they were in.
pub(super) async fn drop_finalizers(
    shared: &Shared,
    at: &Place,
    uid: &str,
) -> Result<(), ClusterError> {
    for _ in 0..TRIES_MAX {
        let known = shared.placing.as_ref().and_then(|one| one.caches().placement(at));
        let Some(known) = known.filter(|_| shared.tenure.holds()) else { return Ok(()) };
        let seen = known.seen();
        let is_ours =
            |one: &str| one == finalizers::REPO_CLEANUP || one == finalizers::DOT_FILES_CLEANUP;
        if seen.uid != uid || !seen.finalizers.iter().any(|one| is_ours(one)) {
            return Ok(());
        }
        let left: Vec<_> = seen.finalizers.iter().filter(|one| !is_ours(one)).cloned().collect();
        if let_go(shared, Fed::Placements, &known.object(), &left).await?.is_some() {
            return Ok(());
        }
    }
    Ok(())
}
