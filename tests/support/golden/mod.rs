//! The recorded cases: how they are read, laid out, run and compared. Shared by `tests/it` and `tests/cluster`.

pub(crate) mod case;
pub(crate) mod compare;
pub(crate) mod expect;
pub(crate) mod generated;
pub(crate) mod harness;
pub(crate) mod http;
pub(crate) mod objects;
pub(crate) mod pod;
pub(crate) mod rulings;
pub(crate) mod server;
pub(crate) mod store;
pub(crate) mod tally;

use std::path::PathBuf;

/// Folder of the recorded cases.
pub(crate) fn cases_dir() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/golden")
}
