//! Plans for Promises: played against a store that does what the plans say, until they settle.

mod deletion;
mod kit;
mod states;
mod workflows;
