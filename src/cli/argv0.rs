//! One binary, many names: a link's name chooses the subcommand.

use std::ffi::{OsStr, OsString};
use std::path::Path;

/// Names that a link to the binary may have, and the subcommand each stands for.
///
/// The Kratix CLI runs any `kratix-<name>` on PATH as `kratix <name>`. Only exact names count: a binary called
/// `my-reader` is not a reader. `bookend` and `pipeline-adapter` take the subcommand from their first argument.
pub const NAMES: [(&str, &str); 7] = [
    ("reader", "reader"),
    ("writer", "writer"),
    ("work-creator", "writer"),
    ("status", "status"),
    ("update-status", "status"),
    ("kratix-run", "run"),
    ("kratix-show", "show"),
];

/// Returns the arguments with the subcommand put in that the program's own name stands for.
pub fn with_subcommand(mut arguments: Vec<OsString>) -> Vec<OsString> {
    let called = arguments.first().map(Path::new).and_then(Path::file_name);
    if let Some(subcommand) = called.and_then(subcommand) {
        // The program's real name, or the usage would read `reader reader`.
        arguments.splice(..1, ["bookend".into(), subcommand.into()]);
    }
    arguments
}

fn subcommand(called: &OsStr) -> Option<&'static str> {
    NAMES.iter().find(|(name, _)| called == *name).map(|(_, subcommand)| *subcommand)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(arguments: &[&str], expect: &[&str]) {
        let arguments = arguments.iter().map(OsString::from).collect();
        assert_eq!(with_subcommand(arguments), expect);
    }

    #[test]
    fn a_link_name_becomes_the_subcommand() {
        check(&["/usr/bin/reader", "--dry-run", "x"], &["bookend", "reader", "--dry-run", "x"]);
        check(&["work-creator"], &["bookend", "writer"]);
        check(&["kratix-run", "p.yaml"], &["bookend", "run", "p.yaml"]);
    }

    #[test]
    fn other_names_change_nothing() {
        check(&["/bin/pipeline-adapter", "reader"], &["/bin/pipeline-adapter", "reader"]);
        check(&["my-reader"], &["my-reader"]);
        check(&[], &[]);
    }
}
