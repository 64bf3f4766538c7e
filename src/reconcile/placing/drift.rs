//! What stands where, as far as this process knows: so that what somebody has deleted or changed in a store comes back at the
//! interval, and what a Destination gets is written anew when it moves.
//!
//! Times are not in statuses, which move only when they change: they come from uids and the clock. Places are: who is seen for
//! the first time stands where its status says that it was written to, so a move while nobody led is noticed at once.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};

use super::super::store::Place;
use crate::contract::Object;
use crate::core::placement::{
    DestinationSeen, PlacementSeen, Setup, Site, StoreRef, address, next_rewrite,
};

/// By WorkPlacement, and by Destination with an empty namespace.
#[derive(Debug, Default)]
pub(super) struct Drift {
    written: Mutex<HashMap<Place, Written>>,
    /// Where each state store is; `None` when somebody has asked and nobody knows.
    stores: Mutex<HashMap<StoreRef, Option<String>>>,
}

#[derive(Debug, Clone, Copy)]
struct Written {
    /// Print of where it stands.
    site: u64,
    /// When it was written last, or first seen.
    since: Timestamp,
}

/// Whose time it may be to be written again.
#[derive(Debug, Clone, Copy)]
pub(super) struct Whom<'a> {
    at: &'a Place,
    /// Its own time follows from it.
    uid: &'a str,
    /// Where its status says that it was written to.
    written_to: Option<u64>,
}

impl<'a> Whom<'a> {
    /// A WorkPlacement.
    pub(super) fn placement(at: &'a Place, seen: &'a PlacementSeen) -> Self {
        Self { at, uid: &seen.owner, written_to: seen.written_to() }
    }

    /// A Destination.
    pub(super) fn destination(at: &'a Place, seen: &'a DestinationSeen) -> Self {
        Self { at, uid: &seen.uid, written_to: seen.written_to() }
    }
}

/// Why a WorkPlacement is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// It is new, has changed, could not be written, or goes.
    News,
    /// It is written, elsewhere.
    Moved,
    /// It is written, and somebody may have changed what is there.
    Again,
}

/// Whether somebody whose status says that all is written is written again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// Now: it stands elsewhere.
    Moved,
    /// Now: it is its time.
    Again,
    /// Then, or never.
    At(Option<Timestamp>),
}

impl Drift {
    fn lock(&self) -> MutexGuard<'_, HashMap<Place, Written>> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stores(&self) -> MutexGuard<'_, HashMap<StoreRef, Option<String>>> {
        self.stores.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a state store was opened as this object says; returns whether somebody who has asked was told otherwise: then
    /// all in it may be due.
    pub(super) fn opened(&self, store: &StoreRef, object: &Object) -> bool {
        let address = address(object);
        let known = self.stores().insert(store.clone(), Some(address.clone()));
        known.is_some_and(|known| known != Some(address))
    }

    /// Where files stand, of all that a Destination and its state store say; `None` when the state store is not known. Until it is
    /// opened, it is where `known` says.
    fn site(&self, setup: &Setup, known: impl FnOnce() -> Option<String>) -> Option<Site> {
        if let Some(Some(address)) = self.stores().get(&setup.store) {
            return Some(Site::of(setup, address));
        }
        let known = known();
        let mut stores = self.stores();
        let address = stores.entry(setup.store.clone()).or_default();
        if address.is_none() {
            *address = known;
        }
        address.as_ref().map(|address| Site::of(setup, address))
    }

    /// Decides about somebody that is written. Who is seen for the first time stands where it says, or else where it should.
    pub(super) fn due(
        &self,
        whom: Whom<'_>,
        setup: &Setup,
        known: impl FnOnce() -> Option<String>,
        interval: Option<SignedDuration>,
        now: Timestamp,
    ) -> Due {
        let Some(site) = self.site(setup, known) else { return Due::At(None) };
        let first =
            || Written { site: whom.written_to.unwrap_or_else(|| site.print()), since: now };
        let known = *self.lock().entry(whom.at.clone()).or_insert_with(first);
        if known.site != site.print() {
            return Due::Moved;
        }
        match next_rewrite(whom.uid, interval, known.since) {
            Some(time) if time <= now => Due::Again,
            time => Due::At(time),
        }
    }

    /// Notes that somebody was written there.
    pub(super) fn wrote(&self, at: &Place, site: &Site, now: Timestamp) {
        self.lock().insert(at.clone(), Written { site: site.print(), since: now });
    }

    /// Forgets somebody that is gone.
    pub(super) fn forget(&self, at: &Place) {
        self.lock().remove(at);
    }

    /// Begins anew.
    pub(super) fn clear(&self) {
        self.lock().clear();
        self.stores().clear();
    }
}

#[cfg(test)]
mod tests;
