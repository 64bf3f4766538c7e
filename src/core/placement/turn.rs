//! How a WorkPlacement is written, or its files deleted, without harm to those of others.

use super::destination::{Mode, Setup};
use super::folders::Folders;
use super::seen::PlacementSeen;

/// What is to be done for a WorkPlacement that has to be written, or that goes.
#[derive(Debug, Clone, PartialEq)]
pub enum Turn<'a> {
    /// [`change`](super::change()) of it, together with these others of the same Work: a file may have moved between them, and
    /// whoever had it must not delete it where it has come.
    Write(Vec<&'a PlacementSeen>),
    /// The one file of the Destination ([`aggregated`](super::aggregated())), of all its WorkPlacements that do not go.
    Aggregate,
    /// Nothing yet: somebody else was in its folder before it. The next plan of its Work gives it another one.
    NotYet,
    /// Nothing at all: it goes, and its folder is somebody else's or none.
    Nothing,
}

/// Decides what is done for a WorkPlacement. `of_work` are those of the same Work.
pub fn turn<'a>(
    placement: &PlacementSeen,
    setup: &Setup,
    folders: &Folders,
    of_work: &'a [PlacementSeen],
) -> Turn<'a> {
    let has_folder = placement.placed().folder().is_ok();
    match (&setup.mode, placement.is_going) {
        (Mode::Aggregated { .. }, _) => Turn::Aggregate,
        (Mode::Nested, true) if !has_folder || folders.is_shared(placement) => Turn::Nothing,
        // One without a folder is tried, so that it is told why.
        (Mode::Nested, false) if has_folder && !folders.may_write(placement) => Turn::NotYet,
        (Mode::Plain, _) => {
            let stays = |one: &&PlacementSeen| {
                !one.is_going
                    && one.destination == placement.destination
                    && one.name != placement.name
            };
            Turn::Write(of_work.iter().filter(stays).collect())
        }
        (Mode::Nested, _) => Turn::Write(Vec::new()),
    }
}
