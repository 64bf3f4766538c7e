//! The names and shapes that Kratix fixes: nothing in this folder is ours to change.
//!
//! Every environment variable, path, label and kind of the contract is spelled here once, and nowhere else
//! (`tests/it/tidy.rs` looks). `docs/contract.md` holds the same names in tables; a test compares the two.

pub mod document;
pub mod env;
pub mod finalizers;
pub mod kinds;
pub mod labels;
pub mod layout;
pub mod object;
pub mod placement;
pub mod pod;
pub mod promise_status;
pub mod status;

pub use document::Node;
pub use kinds::{Kind, ObjectKey};
pub use layout::Layout;
pub use object::Object;
