//! Cases where something else than the recorded behaviour is right: what, and why.
//!
//! Every row is in `docs/contract.md` too. A case with `upstream_bug` needs a row; a test checks it.

mod reader;
mod status;
mod writer;

use serde_json::Value;

use super::case::Case;
use super::expect::{End, Expect};

/// Why a case does not end as recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Because {
    /// The original is wrong (`upstream_bug`), and this is right.
    Better,
    /// The original is wrong (`upstream_bug`), but not in what is recorded here, or we keep it on purpose.
    Kept,
    /// The original is not wrong; this is a decision of ours.
    Decision,
}

/// What holds instead for one case.
pub(crate) struct Ruling {
    pub(crate) case: &'static str,
    pub(crate) because: Because,
    /// What happens instead, as a sentence.
    pub(crate) instead: &'static str,
    pub(crate) apply: fn(&Case, &mut Expect),
}

/// Returns every ruling.
pub(crate) fn all() -> Vec<Ruling> {
    let commands =
        ruling("cli/version", Because::Decision, "`--version` prints the version", |_, expect| {
            expect.end = End::Success;
        });
    [vec![commands], reader::all(), status::all(), writer::all()].into_iter().flatten().collect()
}

const fn ruling(
    case: &'static str,
    because: Because,
    instead: &'static str,
    apply: fn(&Case, &mut Expect),
) -> Ruling {
    Ruling { case, because, instead, apply }
}

/// What is recorded holds as well: the difference is elsewhere, as `instead` says.
fn as_recorded(_: &Case, _: &mut Expect) {}

/// The step succeeds and leaves every object as it was.
fn changes_nothing(case: &Case, expect: &mut Expect) {
    expect.end = End::Success;
    expect.objects = case.objects.clone();
}

/// Returns a ruling's effect: ends with an exit code of `exit.rs`, says these words, and nothing is written.
macro_rules! refused {
    ($code:expr, $($says:expr),+) => {
        |case, expect| expect.refuses(case, $code as i32, &[$($says),+])
    };
}
use refused;

/// Gives a value another key.
fn rename(map: &mut Value, from: &str, to: &str) {
    let map = map.as_object_mut().unwrap();
    let value = map.remove(from).unwrap();
    map.insert(to.to_owned(), value);
}
