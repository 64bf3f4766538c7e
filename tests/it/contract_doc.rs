//! `docs/contract.md` and `src/contract` hold the same names.

use std::collections::BTreeSet;
use std::fs;

use bookend::contract::{env, finalizers, labels, layout};

fn document() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/contract.md");
    fs::read_to_string(path).unwrap()
}

/// Words in back-quotes at the start of a table row: `| `NAME` | …`.
fn named_in_tables(document: &str) -> BTreeSet<&str> {
    document
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`').map(|(name, _)| name))
        .collect()
}

fn in_code() -> BTreeSet<&'static str> {
    let paths = [
        layout::INPUT_DIR,
        layout::OUTPUT_DIR,
        layout::METADATA_DIR,
        layout::WORK_CREATOR_DIR,
        layout::ADAPTER_PATH,
        layout::TERMINATION_LOG,
        layout::OBJECT_FILE,
        layout::STATUS_FILE,
        layout::DESTINATION_SELECTORS_FILE,
        layout::WORKFLOW_CONTROL_FILE,
        layout::PROMISE_SCHEDULING_FILE,
    ];
    env::ALL.into_iter().chain(labels::ALL).chain(finalizers::ALL).chain(paths).collect()
}

#[test]
fn every_name_in_the_code_is_in_the_document() {
    let document = document();
    let named = named_in_tables(&document);
    let missing: Vec<_> = in_code().into_iter().filter(|name| !named.contains(name)).collect();
    assert!(missing.is_empty(), "docs/contract.md has no table row for: {missing:?}");
}

#[test]
fn every_name_in_the_document_is_in_the_code() {
    let document = document();
    let code = in_code();
    let unknown: Vec<_> = named_in_tables(&document)
        .into_iter()
        .filter(|name| {
            name.starts_with("KRATIX_")
                || name.starts_with("kratix.io/")
                || name.starts_with("/kratix")
        })
        .filter(|name| !code.contains(name))
        .collect();
    assert!(unknown.is_empty(), "src/contract does not know: {unknown:?}");
}
