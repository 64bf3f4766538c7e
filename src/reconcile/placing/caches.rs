//! All that is known for placing: Works, WorkPlacements, Destinations and state stores, and who is looked at when something in it
//! changes.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::super::cache::{Cache, Change, Source};
use super::super::known::without_managers;
use super::super::store::{Place, place};
use super::known::{KnownPlacement, KnownWork};
use crate::contract::{Kind, Object, kinds};
use crate::core::placement::{DestinationSeen, Folders, Placed, StoreRef, WorkSeen, Write};

/// What a watch or a write is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::reconcile) enum Fed {
    /// Works.
    Works,
    /// WorkPlacements.
    Placements,
    /// Destinations.
    Destinations,
    /// State stores.
    Stores {
        /// BucketStateStores, otherwise GitStateStores.
        is_bucket: bool,
    },
}

impl Fed {
    /// All of them.
    pub(super) const ALL: [Self; 5] = [
        Self::Works,
        Self::Placements,
        Self::Destinations,
        Self::Stores { is_bucket: false },
        Self::Stores { is_bucket: true },
    ];

    /// The kind of its objects.
    pub(super) fn kind(self) -> Kind {
        match self {
            Self::Works => kinds::WORK,
            Self::Placements => kinds::WORK_PLACEMENT,
            Self::Destinations => kinds::DESTINATION,
            Self::Stores { is_bucket: false } => kinds::GIT_STATE_STORE,
            Self::Stores { is_bucket: true } => kinds::BUCKET_STATE_STORE,
        }
    }

    /// That of a state store.
    pub(super) fn of_store(store: &StoreRef) -> Self {
        Self::Stores { is_bucket: store.is_bucket }
    }
}

/// Who is looked at.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::reconcile) enum Item {
    /// A Work, there or gone, and its WorkPlacements.
    Work(Place),
    /// A Destination.
    Destination(Arc<str>),
    /// A state store.
    Store(StoreRef),
}

/// Who is to be looked at because something has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wake {
    /// This one.
    One(Item),
    /// This one, which has just come: what has begun is finished first.
    New(Item),
    /// Every Work: a Destination has changed.
    Works,
}

/// All that is known.
#[derive(Debug, Default)]
pub(super) struct Caches {
    works: Cache<Place, KnownWork>,
    placements: Cache<Place, KnownPlacement>,
    of_work: HashMap<Place, BTreeSet<Place>>,
    of_destination: HashMap<Arc<str>, BTreeSet<Place>>,
    destinations: Cache<Arc<str>, (Arc<Object>, DestinationSeen)>,
    stores: [Cache<Arc<str>, Arc<Object>>; 2],
    /// Which WorkPlacement has which folder.
    pub(super) folders: Folders,
    /// All Destinations by name; made anew when one changes.
    all: Option<Arc<Vec<DestinationSeen>>>,
}

impl Caches {
    /// Takes an object.
    pub(super) fn put(&mut self, source: Source, fed: Fed, object: &Object) -> Vec<Wake> {
        let mut wakes = Vec::new();
        match fed {
            Fed::Works => {
                let place = place(object);
                let known = KnownWork::from_object(object);
                match self.works.put(source, place.clone(), object, known) {
                    Change::None => {}
                    Change::New => wakes.push(Wake::New(Item::Work(place))),
                    Change::Newer(_) => wakes.push(work(place)),
                }
            }
            Fed::Placements => self.put_placement(source, object, &mut wakes),
            Fed::Destinations => self.put_destination(source, object, &mut wakes),
            Fed::Stores { is_bucket } => {
                let kept = Arc::new(without_managers(object.clone()));
                let name: Arc<str> = object.name().into();
                let change = self.stores[usize::from(is_bucket)].put(source, name, object, kept);
                let is_news = match &change {
                    Change::None => false,
                    Change::New => true,
                    Change::Newer(old) => {
                        old.generation() != object.generation() || old.uid() != object.uid()
                    }
                };
                if is_news {
                    self.wake_store(is_bucket, object.name(), &mut wakes);
                }
            }
        }
        wakes
    }

    fn put_placement(&mut self, source: Source, object: &Object, wakes: &mut Vec<Wake>) {
        let place = place(object);
        let known = KnownPlacement::from_object(object);
        let (new, destination) = (of(&place, &known), Arc::clone(&known.destination));
        let seen = known.seen();
        match self.placements.put(source, place.clone(), object, known) {
            Change::None => return,
            Change::New => {}
            Change::Newer(old) => self.forget_placement(&place, &old),
        }
        self.folders.note(&seen);
        self.of_work.entry(new.clone()).or_default().insert(place.clone());
        self.of_destination.entry(destination).or_default().insert(place);
        wakes.push(work(new));
    }

    fn put_destination(&mut self, source: Source, object: &Object, wakes: &mut Vec<Wake>) {
        let name: Arc<str> = object.name().into();
        let seen = DestinationSeen::from_object(object);
        let kept = (Arc::new(without_managers(object.clone())), seen.clone());
        let change = self.destinations.put(source, name.clone(), object, kept);
        if !change.is_news() {
            return;
        }
        self.all = None;
        wakes.push(Wake::One(Item::Destination(name)));
        if !matches!(&change, Change::Newer((_, old)) if old.places_like(&seen)) {
            self.wake_all(wakes);
        }
    }

    /// Forgets an object that is gone.
    pub(super) fn remove(&mut self, fed: Fed, object: &Object) -> Vec<Wake> {
        let mut wakes = Vec::new();
        match fed {
            Fed::Works => {
                if self.works.remove(&place(object), object).is_some() {
                    wakes.push(work(place(object)));
                }
            }
            Fed::Placements => {
                if let Some(gone) = self.placements.remove(&place(object), object) {
                    self.gone_placement(&place(object), &gone, &mut wakes);
                }
            }
            Fed::Destinations => {
                if self.destinations.remove(object.name(), object).is_some() {
                    self.gone_destination(object.name(), &mut wakes);
                }
            }
            Fed::Stores { is_bucket } => {
                let cache = &mut self.stores[usize::from(is_bucket)];
                if cache.remove(object.name(), object).is_some() {
                    self.wake_store(is_bucket, object.name(), &mut wakes);
                }
            }
        }
        wakes
    }

    /// Begins a list of all objects.
    pub(super) fn begin_list(&mut self, fed: Fed) {
        match fed {
            Fed::Works => self.works.begin_list(),
            Fed::Placements => self.placements.begin_list(),
            Fed::Destinations => self.destinations.begin_list(),
            Fed::Stores { is_bucket } => self.stores[usize::from(is_bucket)].begin_list(),
        }
    }

    /// Ends it: what it did not name is gone.
    pub(super) fn end_list(&mut self, fed: Fed) -> Vec<Wake> {
        let mut wakes = Vec::new();
        match fed {
            Fed::Works => {
                wakes.extend(self.works.end_list().into_iter().map(|(place, _)| work(place)));
            }
            Fed::Placements => {
                for (place, gone) in self.placements.end_list() {
                    self.gone_placement(&place, &gone, &mut wakes);
                }
            }
            Fed::Destinations => {
                for (name, _) in self.destinations.end_list() {
                    self.gone_destination(&name, &mut wakes);
                }
            }
            Fed::Stores { is_bucket } => {
                for (name, _) in self.stores[usize::from(is_bucket)].end_list() {
                    self.wake_store(is_bucket, &name, &mut wakes);
                }
            }
        }
        wakes
    }

    /// Whether all is known that was there when the watch began.
    pub(super) fn is_filled(&self, fed: Fed) -> bool {
        match fed {
            Fed::Works => self.works.is_filled(),
            Fed::Placements => self.placements.is_filled(),
            Fed::Destinations => self.destinations.is_filled(),
            Fed::Stores { is_bucket } => self.stores[usize::from(is_bucket)].is_filled(),
        }
    }

    fn gone_placement(&mut self, place: &Place, gone: &KnownPlacement, wakes: &mut Vec<Wake>) {
        self.forget_placement(place, gone);
        self.folders.forget(&place.0, &place.1);
        wakes.push(work(of(place, gone)));
        wakes.push(Wake::One(Item::Destination(Arc::clone(&gone.destination))));
    }

    fn forget_placement(&mut self, place: &Place, known: &KnownPlacement) {
        forget(&mut self.of_work, &of(place, known), place);
        forget(&mut self.of_destination, &known.destination, place);
    }

    fn gone_destination(&mut self, name: &str, wakes: &mut Vec<Wake>) {
        self.all = None;
        wakes.push(Wake::One(Item::Destination(name.into())));
        self.wake_all(wakes);
    }

    /// A Destination has changed: paths that clashed with its own may not any more, and Works may go there.
    fn wake_all(&self, wakes: &mut Vec<Wake>) {
        let all = self.destinations.iter();
        wakes.extend(all.map(|(name, _)| Wake::One(Item::Destination(Arc::clone(name)))));
        wakes.push(Wake::Works);
    }

    fn wake_store(&self, is_bucket: bool, name: &str, wakes: &mut Vec<Wake>) {
        let store = StoreRef { is_bucket, name: name.to_owned() };
        wakes.extend(self.destinations_of(&store).into_iter().map(Wake::One));
        wakes.push(Wake::One(Item::Store(store)));
    }

    /// The Destinations in a state store.
    pub(super) fn destinations_of(&self, store: &StoreRef) -> Vec<Item> {
        let is_in =
            |seen: &DestinationSeen| seen.setup.as_ref().is_ok_and(|setup| setup.store == *store);
        let all = self.destinations.iter().filter(|(_, (_, seen))| is_in(seen));
        all.map(|(name, _)| Item::Destination(Arc::clone(name))).collect()
    }

    /// All Destinations, by name.
    pub(super) fn all_destinations(&mut self) -> Arc<Vec<DestinationSeen>> {
        let all = self.all.get_or_insert_with(|| {
            let all = self.destinations.iter();
            let mut all: Vec<_> = all.map(|(_, (_, seen))| seen.clone()).collect();
            all.sort_by(|one, other| one.name.cmp(&other.name));
            Arc::new(all)
        });
        Arc::clone(all)
    }

    /// A Destination.
    pub(super) fn destination(&self, name: &str) -> Option<(Arc<Object>, DestinationSeen)> {
        self.destinations.get(name).cloned()
    }

    /// A state store.
    pub(super) fn store(&self, store: &StoreRef) -> Option<Arc<Object>> {
        self.stores[usize::from(store.is_bucket)].get(&*store.name).cloned()
    }

    /// A Work.
    pub(super) fn work(&self, work: &Place) -> Option<KnownWork> {
        self.works.get(work).cloned()
    }

    /// Whether the Work of a WorkPlacement is there.
    pub(super) fn has_work_of(&self, placement: &Object) -> bool {
        let known = KnownPlacement::from_object(placement);
        self.works.get(&of(&place(placement), &known)).is_some()
    }

    /// Notes where a WorkPlacement is going to be: the next plan must know of it before it is there.
    pub(super) fn plan_folder(&mut self, work: &WorkSeen, write: &Write) {
        let placed = Placed {
            name: &write.name,
            namespace: &work.namespace,
            request_namespace: work.request_namespace(),
            promise: &work.promise,
            resource: &work.resource,
            pipeline: work.pipeline(),
            group: &write.group,
            folder: write.folder.as_deref(),
        };
        self.folders.plan(&write.destination, &placed);
    }

    /// Forgets where one was going to be that was not made after all: nobody else shall go elsewhere because of it.
    pub(super) fn forget_unmade(&mut self, placement: &Place) {
        if self.placements.get(placement).is_none() {
            self.folders.forget(&placement.0, &placement.1);
        }
    }

    /// A WorkPlacement.
    pub(super) fn placement(&self, placement: &Place) -> Option<KnownPlacement> {
        self.placements.get(placement).cloned()
    }

    /// The WorkPlacements of a Work, by name.
    pub(super) fn placements_of(&self, work: &Place) -> Vec<KnownPlacement> {
        self.named(self.of_work.get(work))
    }

    /// The WorkPlacements for a Destination, by namespace and name.
    pub(super) fn placements_for(&self, destination: &str) -> Vec<KnownPlacement> {
        self.named(self.of_destination.get(destination))
    }

    fn named(&self, places: Option<&BTreeSet<Place>>) -> Vec<KnownPlacement> {
        let all = places.into_iter().flatten();
        all.filter_map(|at| self.placements.get(at).cloned()).collect()
    }

    /// All Works, and those that are gone but have WorkPlacements.
    pub(super) fn all_works(&self) -> Vec<Item> {
        let works = self.works.iter().map(|(place, _)| place);
        let works: BTreeSet<&Place> = works.chain(self.of_work.keys()).collect();
        works.into_iter().cloned().map(Item::Work).collect()
    }

    /// Everybody, state stores first: the others wait for them.
    pub(super) fn items(&self) -> Vec<Item> {
        let stores = self.stores.iter().zip([false, true]).flat_map(|(cache, is_bucket)| {
            let named = move |name: &Arc<str>| StoreRef { is_bucket, name: name.to_string() };
            cache.iter().map(move |(name, _)| Item::Store(named(name)))
        });
        let destinations = self.destinations.iter().map(|(name, _)| Arc::clone(name));
        stores.chain(destinations.map(Item::Destination)).chain(self.all_works()).collect()
    }

    /// How many Works, WorkPlacements and Destinations are known.
    pub(super) fn counts(&self) -> [(&'static str, usize); 3] {
        [
            ("work", self.works.len()),
            ("workplacement", self.placements.len()),
            ("destination", self.destinations.len()),
        ]
    }
}

/// The Work of a WorkPlacement: it lives in the same namespace.
fn of(place: &Place, known: &KnownPlacement) -> Place {
    (place.0.clone(), known.work.clone())
}

fn work(place: Place) -> Wake {
    Wake::One(Item::Work(place))
}

fn forget<K: std::hash::Hash + Eq>(
    index: &mut HashMap<K, BTreeSet<Place>>,
    key: &K,
    place: &Place,
) {
    if let Some(places) = index.get_mut(key) {
        places.remove(place);
        if places.is_empty() {
            index.remove(key);
        }
    }
}

#[cfg(test)]
mod tests;
