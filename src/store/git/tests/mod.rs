//! Stores in real repositories, looked at with the git program.

mod commits;
mod here;
mod remote;
mod support;
