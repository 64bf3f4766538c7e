//! Where the files of a Work go: which Destinations, below which paths, and what must be changed there (contract.md 10).

pub mod change;
mod conditions;
pub mod destination;
pub mod direct;
pub mod path;
mod selectors;

pub use change::{Change, Content, Edit, File};
pub use path::{PathError, StorePath};
pub use selectors::{candidates, combine};
