//! Decides what is to be done for an object, and what its status says meanwhile (contract.md 7.7-7.9, 8, 16).
//!
//! Everything here is one pure function: from what is [`Seen`] of an object to a [`Plan`]. [`request::plan`] is that of a
//! resource request; [`engine`] is what the workflows of requests and Promises have in common. Nothing is remembered but
//! what stands in the object's status, so a plan may be cut off anywhere, and be made again by somebody else.

pub mod conditions;
mod draft;
pub mod engine;
mod list;
mod plan;
pub mod promise;
pub mod prune;
pub mod request;
mod seen;
#[cfg(test)]
mod tests;
mod trouble;
pub mod works;

pub use draft::Draft;
pub use list::{Entry, Layout, List, Phase, Trigger};
pub use plan::{Action, Event, Metadata, Pipelined, Plan, State};
pub use seen::{JobSeen, JobState, Seen, WorkSeen};
pub use trouble::trouble;
pub(in crate::core) use trouble::without_numbers;
