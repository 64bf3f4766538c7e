//! All that is known for placing: Works, WorkPlacements, Destinations and state stores, and who is looked at when something in it
//! changes.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

use serde_json::{Value, json};

use super::super::cache::{Cache, Change, Source};
use super::super::store::{Place, place};
use super::known::{KnownPlacement, KnownWork};
use crate::contract::{Kind, Object, kinds};

/// What a watch or a write is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::reconcile) enum Fed {
    /// Works.
    Works,
    /// WorkPlacements.
    Placements,
    /// Destinations.
    Destinations,
    /// State stores of a kind.
    Stores(StoreKind),
}

/// Kinds of state stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::reconcile) enum StoreKind {
    /// GitStateStore.
    Git,
    /// BucketStateStore.
    Bucket,
}

impl StoreKind {
    /// Both.
    pub(super) const ALL: [Self; 2] = [Self::Git, Self::Bucket];

    /// The kind of its objects.
    pub(super) fn kind(self) -> &'static Kind {
        match self {
            Self::Git => &kinds::GIT_STATE_STORE,
            Self::Bucket => &kinds::BUCKET_STATE_STORE,
        }
    }
}

impl Fed {
    /// All of them.
    pub(super) const ALL: [Self; 5] = [
        Self::Works,
        Self::Placements,
        Self::Destinations,
        Self::Stores(StoreKind::Git),
        Self::Stores(StoreKind::Bucket),
    ];

    /// The kind of its objects.
    pub(super) fn kind(self) -> &'static Kind {
        match self {
            Self::Works => &kinds::WORK,
            Self::Placements => &kinds::WORK_PLACEMENT,
            Self::Destinations => &kinds::DESTINATION,
            Self::Stores(store) => store.kind(),
        }
    }
}

/// Names a state store.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::reconcile) struct StoreKey {
    /// Its kind.
    pub(super) kind: StoreKind,
    /// Its name.
    pub(super) name: Arc<str>,
}

impl StoreKey {
    /// The state store that a Destination names; `None` when it names none that there can be.
    pub(super) fn of_destination(destination: &Object) -> Option<Self> {
        let name = destination.text_at(&["spec", "stateStoreRef", "name"])?.into();
        let named = destination.text_at(&["spec", "stateStoreRef", "kind"])?;
        let kind = StoreKind::ALL.into_iter().find(|kind| kind.kind().kind == named)?;
        Some(Self { kind, name })
    }
}

impl fmt::Display for StoreKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind.kind().kind, self.name)
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
    Store(StoreKey),
}

/// Who is to be looked at because something has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wake {
    /// This one.
    One(Item),
    /// Every Work: a Destination has changed.
    Works,
}

/// All that is known.
#[derive(Debug, Default)]
pub(in crate::reconcile) struct Caches {
    pub(super) works: Cache<Place, KnownWork>,
    pub(super) placements: Cache<Place, KnownPlacement>,
    of_work: HashMap<Place, BTreeSet<Place>>,
    of_destination: HashMap<Arc<str>, BTreeSet<Place>>,
    destinations: Cache<Arc<str>, Arc<Object>>,
    stores: [Cache<Arc<str>, Arc<Object>>; 2],
    /// All Destinations by name; made anew when one changes.
    all: Option<Arc<Vec<Object>>>,
}

impl Caches {
    /// Takes an object.
    pub(super) fn put(&mut self, source: Source, fed: Fed, object: &Object) -> Vec<Wake> {
        let mut wakes = Vec::new();
        match fed {
            Fed::Works => {
                let place = place(object);
                let known = KnownWork::from_object(object);
                if self.works.put(source, place.clone(), object, known).is_news() {
                    wakes.push(work(place));
                }
            }
            Fed::Placements => self.put_placement(source, object, &mut wakes),
            Fed::Destinations => self.put_destination(source, object, &mut wakes),
            Fed::Stores(kind) => {
                let kept = Arc::new(without_managers(object));
                let name: Arc<str> = object.name().into();
                let change = self.stores[kind as usize].put(source, name.clone(), object, kept);
                if change.is_news() {
                    self.wake_store(StoreKey { kind, name }, &mut wakes);
                }
            }
        }
        wakes
    }

    fn put_placement(&mut self, source: Source, object: &Object, wakes: &mut Vec<Wake>) {
        let place = place(object);
        let known = KnownPlacement::from_object(object);
        let (new, destination) = (of(&place, &known), Arc::clone(&known.destination));
        let is_going = known.is_going;
        match self.placements.put(source, place.clone(), object, known) {
            Change::None => return,
            Change::New => {}
            Change::Newer(old) => self.forget_placement(&place, &old),
        }
        self.of_work.entry(new.clone()).or_default().insert(place.clone());
        self.of_destination.entry(Arc::clone(&destination)).or_default().insert(place);
        wakes.push(work(new));
        if is_going {
            wakes.push(Wake::One(Item::Destination(destination)));
        }
    }

    fn put_destination(&mut self, source: Source, object: &Object, wakes: &mut Vec<Wake>) {
        let name: Arc<str> = object.name().into();
        let kept = Arc::new(without_managers(object));
        let print = fingerprint(object);
        let change = self.destinations.put(source, name.clone(), object, kept);
        if !change.is_news() {
            return;
        }
        self.all = None;
        wakes.push(Wake::One(Item::Destination(name)));
        if !matches!(&change, Change::Newer(old) if fingerprint(old) == print) {
            // Paths that clashed with its own may not any more.
            self.wake_destinations(wakes);
            wakes.push(Wake::Works);
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
            Fed::Stores(kind) => {
                if self.stores[kind as usize].remove(object.name(), object).is_some() {
                    self.wake_store(StoreKey { kind, name: object.name().into() }, &mut wakes);
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
            Fed::Stores(kind) => self.stores[kind as usize].begin_list(),
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
            Fed::Stores(kind) => {
                for (name, _) in self.stores[kind as usize].end_list() {
                    self.wake_store(StoreKey { kind, name }, &mut wakes);
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
            Fed::Stores(kind) => self.stores[kind as usize].is_filled(),
        }
    }

    fn gone_placement(&mut self, place: &Place, gone: &KnownPlacement, wakes: &mut Vec<Wake>) {
        self.forget_placement(place, gone);
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
        self.wake_destinations(wakes);
        wakes.push(Wake::Works);
    }

    fn wake_destinations(&self, wakes: &mut Vec<Wake>) {
        let all = self.destinations.iter();
        wakes.extend(all.map(|(name, _)| Wake::One(Item::Destination(Arc::clone(name)))));
    }

    /// A state store has changed: so have its Destinations.
    fn wake_store(&self, key: StoreKey, wakes: &mut Vec<Wake>) {
        wakes.extend(self.destinations_of(&key).map(|name| Wake::One(Item::Destination(name))));
        wakes.push(Wake::One(Item::Store(key)));
    }

    /// Names of the Destinations in a state store.
    pub(super) fn destinations_of(&self, key: &StoreKey) -> impl Iterator<Item = Arc<str>> {
        let all = self.destinations.iter();
        all.filter(move |(_, one)| StoreKey::of_destination(one).as_ref() == Some(key))
            .map(|(name, _)| Arc::clone(name))
    }

    /// All Destinations, by name.
    pub(super) fn all_destinations(&mut self) -> Arc<Vec<Object>> {
        let all = self.all.get_or_insert_with(|| {
            let all = self.destinations.iter();
            let mut all: Vec<Object> = all.map(|(_, one)| Object::clone(one)).collect();
            all.sort_by(|one, other| one.name().cmp(other.name()));
            Arc::new(all)
        });
        Arc::clone(all)
    }

    /// A Destination.
    pub(super) fn destination(&self, name: &str) -> Option<Arc<Object>> {
        self.destinations.get(name).cloned()
    }

    /// A state store.
    pub(super) fn store(&self, key: &StoreKey) -> Option<Arc<Object>> {
        self.stores[key.kind as usize].get(&*key.name).cloned()
    }

    /// The WorkPlacements of a Work, by name.
    pub(super) fn placements_of(&self, work: &Place) -> Vec<(Place, KnownPlacement)> {
        self.named(self.of_work.get(work))
    }

    /// The WorkPlacements for a Destination, by namespace and name.
    pub(super) fn placements_for(&self, destination: &str) -> Vec<(Place, KnownPlacement)> {
        self.named(self.of_destination.get(destination))
    }

    fn named(&self, places: Option<&BTreeSet<Place>>) -> Vec<(Place, KnownPlacement)> {
        let all = places.into_iter().flatten();
        all.filter_map(|at| Some((at.clone(), self.placements.get(at)?.clone()))).collect()
    }

    /// Everybody: Works, those that are gone but have WorkPlacements, Destinations and state stores.
    pub(super) fn items(&self) -> Vec<Item> {
        let works: BTreeSet<&Place> =
            self.works.iter().map(|(place, _)| place).chain(self.of_work.keys()).collect();
        let stores = StoreKind::ALL.into_iter().flat_map(|kind| {
            let all = self.stores[kind as usize].iter();
            all.map(move |(name, _)| Item::Store(StoreKey { kind, name: Arc::clone(name) }))
        });
        let destinations = self.destinations.iter().map(|(name, _)| Arc::clone(name));
        stores
            .chain(destinations.map(Item::Destination))
            .chain(works.into_iter().cloned().map(Item::Work))
            .collect()
    }
}

/// What of a Destination matters to Works.
fn fingerprint(destination: &Object) -> Value {
    let metadata = |key| destination.at(&["metadata", key]).cloned().unwrap_or_default();
    json!([metadata("generation"), metadata("labels"), metadata("deletionTimestamp")])
}

fn without_managers(object: &Object) -> Object {
    super::super::known::without_managers(object.clone())
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
