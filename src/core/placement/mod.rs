//! Where the files of a Work go: which Destinations, below which paths, and what must be changed there (contract.md 10).

pub mod change;
mod choose;
mod clashes;
mod conditions;
mod destination;
pub mod direct;
mod folders;
mod layout;
mod name;
mod object;
pub mod path;
mod plan;
mod request;
mod rewrite;
mod schedule;
mod seen;
mod selectors;
mod site;
mod status;
mod store_status;
mod turn;
mod work_status;

pub use change::{Change, Content, Edit, File};
pub use clashes::{Clash, clashes};
pub use destination::{DestinationError, DestinationSeen, Mode, Setup, StoreRef};
pub use folders::{FolderError, Folders, Placed};
pub use layout::{Home, LayoutError, LeftOut, Piece, about, aggregated, canaries, change, home};
pub use name::label_value;
pub use object::{created, files, patch};
pub use path::{PathError, StorePath};
pub use plan::{Event, Plan, Relabel, StatusOf, Write};
pub use request::said_of_request;
pub use rewrite::next_rewrite;
pub use schedule::schedule;
pub use seen::{Chooser, GroupSeen, PlacementSeen, Seen, WorkSeen, trim};
pub use selectors::{candidates, combine};
pub use site::{Site, address};
pub use status::{Outcome, after_write};
pub use store_status::{Health, StoreHealth, Told, destination_status, store_gone, store_status};
pub use turn::{Turn, turn};

#[cfg(test)]
mod tests;
