//! `docs/seeds.md`, and what `docs/contract.md` says of placement: every row has a test, and the test is there.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// Least rows for each seed: fewer, and a part of it was forgotten.
const ROWS_MIN: [(&str, usize); 5] =
    [("000", 24), ("001", 40), ("002", 18), ("003", 20), ("004", 18)];

/// Names of all test functions below a folder.
fn tests_below(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            tests_below(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.extend(tests_in(&fs::read_to_string(path).unwrap()));
        }
    }
}

fn tests_in(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut after_attribute = false;
    for line in text.lines().map(str::trim) {
        if line == "#[test]" || line.starts_with("#[tokio::test") {
            after_attribute = true;
        } else if let Some((_, rest)) = line.split_once("fn ").filter(|_| after_attribute) {
            found.extend(rest.split('(').next().map(str::to_owned));
            after_attribute = false;
        }
    }
    found
}

/// One row: its id, and the tests that its last cell names.
struct Row {
    id: String,
    cells: usize,
    tests: Vec<String>,
}

fn rows(document: &str, start: &str) -> Vec<Row> {
    document
        .lines()
        .filter(|line| line.strip_prefix("| ").is_some_and(|line| line.starts_with(start)))
        .map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
            let last = cells.last().copied().unwrap_or_default();
            let tests = last.split('`').skip(1).step_by(2).map(str::to_owned).collect();
            Row { id: cells[0].to_owned(), cells: cells.len(), tests }
        })
        .collect()
}

/// Whatever is wrong with these rows.
fn faults(rows: &[Row]) -> Vec<String> {
    let mut known = BTreeSet::new();
    for folder in ["src", "tests"] {
        tests_below(&Path::new(ROOT).join(folder), &mut known);
    }
    assert!(known.len() > 300, "the sources were read");
    let mut wrong = Vec::new();
    for row in rows {
        if row.cells != 4 {
            wrong.push(format!("{}: {} cells, not 4", row.id, row.cells));
        }
        if row.tests.is_empty() {
            wrong.push(format!("{}: names no test", row.id));
        }
        for test in row.tests.iter().filter(|test| !known.contains(*test)) {
            wrong.push(format!("{}: there is no test `{test}`", row.id));
        }
    }
    wrong
}

#[test]
fn every_statement_of_the_seeds_has_a_test_that_exists() {
    let document = fs::read_to_string(Path::new(ROOT).join("docs/seeds.md")).unwrap();
    let rows = rows(&document, "0");
    let wrong = faults(&rows);
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    let ids: BTreeSet<_> = rows.iter().map(|row| &row.id).collect();
    assert_eq!(ids.len(), rows.len(), "an id is used twice");
    for (seed, min) in ROWS_MIN {
        let count = rows.iter().filter(|row| row.id.starts_with(seed)).count();
        assert!(count >= min, "seed {seed}: {count} rows, at least {min}");
    }
}

/// The faults of the original in placing and in writing to state stores (contract.md 12.E, 12.F), each of which is done
/// better.
#[test]
fn every_fault_in_placement_has_a_test_that_shows_it_is_none_of_ours() {
    let document = fs::read_to_string(Path::new(ROOT).join("docs/contract.md")).unwrap();
    for (section, count) in [("12.E.", 10), ("12.F.", 25)] {
        let rows = rows(&document, section);
        let wrong = faults(&rows);
        assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
        let ids: Vec<_> = rows.iter().map(|row| row.id.clone()).collect();
        assert_eq!(ids, (1..=count).map(|at| format!("{section}{at}")).collect::<Vec<_>>());
    }
    let (_, ours) = document.split_once("Beyond that, ours:").unwrap();
    let (ours, _) = ours.split_once("\n#").unwrap();
    let named: Vec<_> = rows(ours, "").into_iter().skip(2).collect();
    assert!(named.len() >= 5);
    let wrong: Vec<_> = faults(&named).into_iter().filter(|one| !one.contains("cells")).collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn a_row_without_a_test_would_be_found() {
    let rows =
        rows("| 000.1 | a `b` | c | `one`, `two` |\n| id | x |\n| 000.2 | a | b | none |", "0");
    let [one, two] = &rows[..] else { panic!("two rows") };
    assert_eq!((one.id.as_str(), one.cells, one.tests.len()), ("000.1", 4, 2));
    assert!(two.tests.is_empty());
    let text = "#[test]\nfn a() {}\n#[tokio::test(x)]\n    async fn b() {\nfn c() {}";
    assert_eq!(tests_in(text), ["a".to_owned(), "b".to_owned()].into());
}
