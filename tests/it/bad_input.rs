//! Every kind of mistake in a Promise is told as `docs/bad-input.md` says.

use crate::bad_input::{in_status, table};

#[test]
fn the_status_says_what_the_page_says() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/bad-input.md");
    let page = std::fs::read_to_string(page).unwrap();
    let rows: Vec<_> = page.lines().filter(|line| line.starts_with("| ")).skip(2).collect();
    let (good, cases) = table();
    assert_eq!(
        rows.len(),
        cases.len(),
        "write the page with BOOKEND_UPDATE=1 tests/cluster/run bad_input"
    );
    for (case, row) in cases.iter().zip(rows) {
        let said = in_status(&good, case).unwrap_or_else(|| panic!("{}: taken", case.name));
        assert!(
            row.starts_with(&format!("| {} | {} | ", case.name, said.replace('|', "\\|"))),
            "{row}\n{said}"
        );
    }
}
