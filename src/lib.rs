//! The two ends of a Kratix pipeline, and the pipeline itself on a laptop.
//!
//! In a pipeline's pod users' containers run between three containers of the platform. This library is those
//! three ([`steps`]), the decisions they make ([`core`], which touches nothing), the seams to the world
//! ([`cluster`], [`files`], [`store`]), a runner that needs no cluster ([`local`]), a controller
//! ([`reconcile`]) with what it needs in a cluster ([`install`]), and the command line ([`cli`]).
//! The names that Kratix fixes stand in [`contract`].

pub mod cli;
pub mod cluster;
pub mod contract;
pub mod core;
pub mod destination;
pub mod effect;
pub mod exit;
pub mod files;
pub mod install;
pub mod local;
pub mod logging;
pub mod net;
pub mod reconcile;
pub mod report;
pub mod show;
pub mod steps;
pub mod store;
pub mod telemetry;
