//! The kinds that come with an installation (contract.md 5).

mod promise;
mod schema;
mod stores;
mod work;

use crate::contract::Object;

/// Returns the CRDs of an installation, as they are applied.
pub fn own() -> Vec<Object> {
    let mut all = for_workflows();
    all.extend(for_placement());
    all
}

/// Those that workflows need: Promise and Work.
pub fn for_workflows() -> Vec<Object> {
    vec![promise::promises(), work::works()]
}

/// Those that placement needs besides: WorkPlacement, Destination and the two kinds of state stores.
pub fn for_placement() -> Vec<Object> {
    vec![
        work::work_placements(),
        stores::destinations(),
        stores::git_state_stores(),
        stores::bucket_state_stores(),
    ]
}
