//! What the templates of commits may tell of a WorkPlacement.

use std::collections::BTreeMap;

use super::super::shared::Shared;
use super::super::store::Place;
use super::super::target::Target;
use crate::contract::Object;
use crate::core::config::CommitTexts;
use crate::core::placement::{self, PlacementSeen};

/// Returns what the templates of a WorkPlacement's commit may tell. Labels and annotations are looked up only when there are
/// templates that may ask for them.
pub(super) fn about(
    shared: &Shared,
    placement: &PlacementSeen,
    work: Option<&Place>,
) -> BTreeMap<String, String> {
    let asks = shared.config().commits != CommitTexts::default();
    let request = work.filter(|_| asks).and_then(|work| said(shared, work));
    let work = work.map_or("", |(_, name)| name);
    placement::about(&placement.placed(), work, &placement.destination, request.as_ref())
}

/// Labels and annotations of a Work and of its request.
fn said(shared: &Shared, work: &Place) -> Option<Object> {
    let work = shared.placing.as_ref()?.caches().work(work)?.object();
    let request = Target::of_work(&work).and_then(|target| shared.store().request(&target));
    let request = request.and_then(|json| serde_json::from_slice::<Object>(&json).ok());
    Some(placement::said_of_request(&work, request.as_ref()))
}
