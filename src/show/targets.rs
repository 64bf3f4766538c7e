//! Where a Work goes: the same decision as that of the reconciler, and nothing but reads.

use jiff::Timestamp;

use crate::cluster::{ClusterError, Reads};
use crate::contract::kinds::{DESTINATION, WORK_PLACEMENT};
use crate::contract::{Kind, Object, labels};
use crate::core::placement::{
    Chooser, DestinationSeen, Folders, PlacementSeen, Plan, Seen, WorkSeen, created, schedule,
};

/// In a place of its own, so that a call can be made twice.
const PLACEMENTS: &Kind = &WORK_PLACEMENT;

/// A Work, and all that decides where it goes.
#[derive(Debug)]
pub struct Subject {
    /// The Work, whole.
    pub work: Object,
    /// All Destinations.
    pub destinations: Vec<Object>,
    /// WorkPlacements of all Works, as far as they may be listed.
    pub placements: Vec<Object>,
}

/// One place where files of a group are, or would be.
#[derive(Debug)]
pub struct Target {
    /// The WorkPlacement, as it would be written, with the status that it has; of one that goes, as it is.
    pub placement: Object,
    /// The same, read.
    pub seen: PlacementSeen,
    /// What becomes of it.
    pub fate: Fate,
}

/// What becomes of a WorkPlacement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It would be created.
    Created,
    /// It is there, and its files would be written anew.
    Updated,
    /// It is there, with the files of the Work.
    Stays,
    /// Its group is gone, and so it goes.
    Goes,
}

impl Subject {
    /// Reads what decides about a Work. WorkPlacements in other namespaces only matter where two would share a folder, so it
    /// is no error when they may not be listed.
    pub async fn read(
        work: Object,
        works: Option<&impl Reads>,
        places: &impl Reads,
    ) -> Result<Self, ClusterError> {
        let destinations = places.list(&DESTINATION, None, &[]).await?;
        let placements = match works {
            None => Vec::new(),
            Some(cluster) => match cluster.list(PLACEMENTS, None, &[]).await {
                Err(ClusterError::Forbidden { .. }) => {
                    cluster.list(PLACEMENTS, work.namespace(), &[]).await.unwrap_or_default()
                }
                listed => listed?,
            },
        };
        Ok(Self { work, destinations, placements })
    }

    /// Returns what would be done for the Work, and where its files are or would be, by group and Destination.
    pub fn targets(&self, now: Timestamp) -> (WorkSeen, Vec<DestinationSeen>, Vec<Target>) {
        let work = WorkSeen::from_object(&self.work);
        let destinations: Vec<DestinationSeen> =
            self.destinations.iter().map(DestinationSeen::from_object).collect();
        let mut folders = Folders::default();
        let mut own = Vec::new();
        for object in &self.placements {
            let placement = PlacementSeen::from_object(object);
            folders.note(&placement);
            let is_own = placement.namespace == work.namespace
                && placement.labels.get(labels::WORK) == Some(&work.label());
            if is_own {
                own.push((object, placement));
            }
        }
        let placements: Vec<PlacementSeen> = own.iter().map(|(_, seen)| seen.clone()).collect();
        let plan = schedule(&Seen {
            work: &work,
            destinations: &destinations,
            placements: &placements,
            folders: &folders,
            taken: &[],
            refused: &[],
            chooser: Chooser::Stable,
            now,
        });
        let targets = targets(&self.work, &own, &plan);
        (work, destinations, targets)
    }
}

fn targets(work: &Object, own: &[(&Object, PlacementSeen)], plan: &Plan) -> Vec<Target> {
    let mut all = Vec::new();
    let writes = plan.creates.iter().map(|write| (write, Fate::Created));
    for (write, fate) in writes.chain(plan.updates.iter().map(|write| (write, Fate::Updated))) {
        if let Some(mut placement) = created(write, work) {
            let seen = PlacementSeen::from_object(&placement);
            let there = own.iter().find(|(_, own)| own.name == seen.name);
            let status = there.and_then(|(object, _)| object.0.get("status"));
            placement.0.extend(status.map(|status| ("status".to_owned(), status.clone())));
            all.push(Target { placement, seen, fate });
        }
    }
    for (object, seen) in own {
        if !plan.updates.iter().any(|write| write.name == seen.name) {
            let goes = seen.is_going || plan.deletes.iter().any(|(name, _)| *name == seen.name);
            let fate = if goes { Fate::Goes } else { Fate::Stays };
            all.push(Target { placement: (*object).clone(), seen: seen.clone(), fate });
        }
    }
    all.sort_by(|a, b| {
        (&a.seen.group, &a.seen.destination, &a.seen.name).cmp(&(
            &b.seen.group,
            &b.seen.destination,
            &b.seen.name,
        ))
    });
    all
}
