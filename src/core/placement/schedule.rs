//! Which WorkPlacements a Work has (contract.md 10.3).

use std::collections::{BTreeMap, BTreeSet};

use super::choose::choose;
use super::destination::{DestinationSeen, Mode};
use super::folders::{Folders, Placed};
use super::plan::{Event, Plan, Relabel, StatusOf, Write};
use super::seen::{GroupSeen, PlacementSeen, Seen};
use super::work_status::{self, Tally};
use super::{name, selectors, status};
use crate::contract::placement::event;
use crate::contract::{finalizers, labels};

/// Annotations that stay on a WorkPlacement as they are once they are there: a trace is that of its first write.
const TRACE: [&str; 2] = [labels::TRACE_PARENT, labels::TRACE_STATE];
/// What `kubectl` notes on an object is about that object alone.
pub(super) const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Decides which WorkPlacements a Work has, and what it says of itself. One group that cannot be placed does not hold back the
/// others.
pub fn schedule(seen: &Seen<'_>) -> Plan {
    let mut scheduler = Scheduler {
        seen,
        plan: Plan::default(),
        tally: Tally::default(),
        planned: Folders::default(),
        names: seen.placements.iter().map(|one| one.name.clone()).collect(),
    };
    if seen.work.is_going {
        scheduler.go();
    } else {
        scheduler.place();
    }
    scheduler.plan
}

struct Scheduler<'a> {
    seen: &'a Seen<'a>,
    plan: Plan,
    tally: Tally,
    /// Folders of what this plan creates.
    planned: Folders,
    /// Names of the Work's WorkPlacements, those that are planned included.
    names: BTreeSet<String>,
}

impl<'a> Scheduler<'a> {
    /// The WorkPlacements go, and the Work does not wait for them: each is held by its own finalizer until its files are gone.
    fn go(&mut self) {
        self.delete(|_| true);
        let work = self.seen.work;
        if work.finalizers.iter().any(|one| one == finalizers::WORK_CLEANUP) {
            let left = work.finalizers.iter().filter(|one| *one != finalizers::WORK_CLEANUP);
            self.plan.finalizers = Some(left.cloned().collect());
        }
    }

    fn place(&mut self) {
        let work = self.seen.work;
        if !work.finalizers.iter().any(|one| one == finalizers::WORK_CLEANUP) {
            let mut all = work.finalizers.clone();
            all.push(finalizers::WORK_CLEANUP.to_owned());
            self.plan.finalizers = Some(all);
        }
        // By id, so that the order in the Work decides nothing; of two with one id the first counts.
        let mut groups: BTreeMap<&str, &'a GroupSeen> = BTreeMap::new();
        for group in &work.groups {
            groups.entry(&group.id).or_insert(group);
        }
        self.tally.groups = groups.len();
        for group in groups.values() {
            if let Err(why) = self.group(group) {
                self.tally.failed.push((group.id.clone(), why));
            }
        }
        self.delete(|one| !groups.contains_key(one.group.as_str()));
        let (status, events) = work_status::of(self.seen, &self.tally);
        self.plan.status = status;
        self.plan.events.extend(events);
    }

    fn delete(&mut self, is_wanted: impl Fn(&PlacementSeen) -> bool) {
        let all = self.seen.placements.iter().filter(|one| !one.is_going && is_wanted(one));
        self.plan.deletes.extend(all.map(|one| (one.name.clone(), one.uid.clone())));
    }

    fn group(&mut self, group: &GroupSeen) -> Result<(), String> {
        let seen = self.seen;
        let is_dry_run = seen.work.is_dry_run();
        let fit = |one: &&DestinationSeen| selectors::fits(&group.wanted, is_dry_run, one);
        let mut candidates: Vec<_> = seen.destinations.iter().filter(fit).collect();
        candidates.sort_by(|a, b| a.name.cmp(&b.name));
        let of_group = || seen.placements.iter().filter(|one| one.group == group.id);
        let existing: Vec<_> = of_group().filter(|one| !one.is_going).collect();
        if existing.is_empty() && candidates.is_empty() {
            self.tally.unscheduled.insert(group.id.clone());
            return Ok(());
        }
        if let Some(fault) = labels::value_fault(&group.id) {
            return Err(format!("the id `{}` cannot be a label: {fault}", group.id.escape_debug()));
        }
        if let Some((_, why)) = seen.refused.iter().find(|(id, _)| *id == group.id) {
            return Err(why.clone());
        }
        for placement in &existing {
            let matches = candidates.iter().any(|one| one.name == placement.destination);
            self.keep(group, placement, matches)?;
        }
        let chosen = if seen.work.resource.is_empty() {
            candidates
        } else if existing.is_empty() {
            choose(seen.chooser, seen.work, group, &candidates).into_iter().collect()
        } else {
            Vec::new()
        };
        let mut failed = None;
        for destination in chosen {
            if existing.iter().any(|one| one.destination == destination.name) {
                continue;
            }
            self.tally.is_pending = true;
            // The one before it goes first: it has the name, and the folder.
            if of_group().any(|one| one.destination == destination.name) {
                continue;
            }
            if let Err(why) = self.create(group, destination) {
                failed = Some(why);
            }
        }
        failed.map_or(Ok(()), Err)
    }

    fn create(&mut self, group: &GroupSeen, destination: &DestinationSeen) -> Result<(), String> {
        let work = self.seen.work;
        let is_taken = |name: &str| {
            self.names.contains(name) || self.seen.taken.iter().any(|taken| taken == name)
        };
        let name =
            name::placement(&work.namespace, &work.name, &destination.name, &group.id, is_taken);
        let folder = self.folder(group, &destination.name, &name, None)?;
        self.names.insert(name.clone());
        let write = Write {
            destination: destination.name.clone(),
            group: group.id.clone(),
            labels: self.labels(group, &destination.name),
            is_misplaced: false,
            annotations: self.annotations(&BTreeMap::new()),
            folder,
            finalizers: finalizers_of(Some(destination), &[]),
            uid: None,
            name,
        };
        let message = format!("workplacement reconciled: {}, operation: created", write.name);
        self.plan.events.push(Event::normal(event::PLACED, message));
        self.plan.creates.push(write);
        Ok(())
    }

    /// Keeps a WorkPlacement where it is, whether it matches or not, and brings it up to date.
    fn keep(
        &mut self,
        group: &GroupSeen,
        placement: &PlacementSeen,
        matches: bool,
    ) -> Result<(), String> {
        let Seen { work, destinations, now, .. } = *self.seen;
        let destination = destinations.iter().find(|one| one.name == placement.destination);
        if !matches {
            self.tally.misplaced.insert(group.id.clone());
        }
        if placement.is_failing() {
            self.tally.failing.insert(placement.name.clone());
        }
        let recorded = placement.annotations.get(labels::FOLDER).cloned();
        let folder =
            self.folder(group, &placement.destination, &placement.name, recorded.as_deref())?;
        let write = Write {
            name: placement.name.clone(),
            uid: Some(placement.uid.clone()),
            destination: placement.destination.clone(),
            group: group.id.clone(),
            labels: self.labels(group, &placement.destination),
            is_misplaced: !matches,
            annotations: self.annotations(&placement.annotations),
            folder,
            finalizers: finalizers_of(destination, &placement.finalizers),
        };
        let is_current = placement.work_generation == work.generation
            && placement.digest == group.digest
            && (&placement.promise, &placement.resource) == (&work.promise, &work.resource)
            && placement.owner == work.uid
            && placement.finalizers == write.finalizers;
        let is_moved = recorded != write.folder;
        if !is_current {
            let message = format!("workplacement reconciled: {}, operation: updated", write.name);
            self.plan.events.push(Event::normal(event::PLACED, message));
            self.plan.updates.push(write);
        } else if let Some(relabel) = relabel(placement, &write) {
            self.plan.relabels.push(relabel);
        }
        self.tally.is_pending |= !is_current || is_moved || !placement.is_written();
        let (name, uid) = (placement.name.clone(), placement.uid.clone());
        if is_moved {
            let status = status::moved(placement, matches, now);
            self.plan.moved.push(StatusOf { name, uid, status });
        } else if let Some((status, told)) = status::scheduled(placement, matches, now) {
            let told = told.map(|told| (name.clone(), told));
            self.plan.placement_events.extend(told);
            self.plan.statuses.push(StatusOf { name, uid, status });
        }
        Ok(())
    }

    /// Returns the folder to record; `None` for the usual one, and where there are no folders.
    fn folder(
        &mut self,
        group: &GroupSeen,
        destination: &str,
        name: &str,
        recorded: Option<&str>,
    ) -> Result<Option<String>, String> {
        let seen = self.seen;
        let setup = seen.destinations.iter().find(|one| one.name == destination);
        let setup = setup.and_then(|one| one.setup.as_ref().ok());
        // Of a Destination that says nothing, nothing is known that could be changed.
        if setup.is_none_or(|setup| setup.mode != Mode::Nested) {
            return Ok(recorded.map(str::to_owned));
        }
        let work = seen.work;
        let mut placed = Placed {
            name,
            namespace: &work.namespace,
            request_namespace: work.request_namespace(),
            promise: &work.promise,
            resource: &work.resource,
            pipeline: work.pipeline(),
            group: &group.id,
            folder: recorded,
        };
        let said = |error: super::FolderError| format!("{error}; {}", error.hint());
        let chosen = seen.folders.choose(&self.planned, destination, &placed).map_err(said)?;
        let is_usual = placed.plain_folder().is_ok_and(|usual| usual == chosen);
        placed.folder = (!is_usual).then(|| chosen.as_str());
        self.planned.plan(destination, &placed);
        Ok(placed.folder.map(str::to_owned))
    }

    fn labels(&self, group: &GroupSeen, destination: &str) -> BTreeMap<String, String> {
        let work = self.seen.work;
        let mut all = BTreeMap::from([
            (labels::WORK.to_owned(), work.label()),
            (labels::WORKLOAD_GROUP_ID.to_owned(), group.id.clone()),
            (labels::TARGET_DESTINATION.to_owned(), name::label_value(destination)),
        ]);
        for key in [labels::PIPELINE_NAME, labels::RESOURCE_NAMESPACE] {
            all.extend(work.labels.get(key).map(|value| (key.to_owned(), value.clone())));
        }
        all
    }

    /// Returns the annotations of the Work that a WorkPlacement with these shall have.
    fn annotations(&self, existing: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let has_trace = existing.contains_key(labels::TRACE_PARENT);
        let is_copied = |key: &str| match key {
            // A folder is ours to choose: what a pipeline says must not lead into that of another.
            labels::FOLDER | LAST_APPLIED => false,
            key => !(has_trace && TRACE.contains(&key)),
        };
        let all = self.seen.work.annotations.iter().filter(|(key, _)| is_copied(key));
        all.map(|(key, value)| (key.clone(), value.clone())).collect()
    }
}

/// Returns all finalizers that a WorkPlacement shall have: those it has, and ours.
fn finalizers_of(destination: Option<&DestinationSeen>, existing: &[String]) -> Vec<String> {
    let has_state_file = destination
        .and_then(|one| one.setup.as_ref().ok())
        .is_some_and(|setup| setup.mode == Mode::Plain);
    let ours = [(finalizers::REPO_CLEANUP, true), (finalizers::DOT_FILES_CLEANUP, has_state_file)];
    let mut all = existing.to_vec();
    for (finalizer, is_wanted) in ours {
        if is_wanted && !all.iter().any(|one| one == finalizer) {
            all.push(finalizer.to_owned());
        }
    }
    all
}

/// Returns what is to be changed of labels and annotations alone.
fn relabel(placement: &PlacementSeen, write: &Write) -> Option<Relabel> {
    let differs = |have: &BTreeMap<String, String>, want: &BTreeMap<String, String>| {
        let new = want.iter().filter(|(key, value)| have.get(*key) != Some(*value));
        new.map(|(key, value)| (key.clone(), Some(value.clone()))).collect::<BTreeMap<_, _>>()
    };
    let mut labels = differs(&placement.labels, &write.labels);
    if placement.is_marked_misplaced() != write.is_misplaced {
        let value = write.is_misplaced.then(|| labels::TRUE.to_owned());
        labels.insert(labels::MISPLACED.to_owned(), value);
    }
    let mut annotations = differs(&placement.annotations, &write.annotations);
    if placement.annotations.get(labels::FOLDER) != write.folder.as_ref() {
        annotations.insert(labels::FOLDER.to_owned(), write.folder.clone());
    }
    if labels.is_empty() && annotations.is_empty() {
        return None;
    }
    let (name, uid) = (placement.name.clone(), placement.uid.clone());
    Some(Relabel { name, uid, labels, annotations })
}
