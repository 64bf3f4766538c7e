//! Every kind of mistake is told as `docs/bad-input.md` says.

use crate::bad_input::{TAKEN, in_status, in_status_of_placement, tables};

const HINT: &str = "write the page with BOOKEND_UPDATE=1 tests/cluster/run bad_input";

#[test]
fn the_status_says_what_the_page_says() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/bad-input.md");
    let page = std::fs::read_to_string(page).unwrap();
    let (promises, placement) = page.split_once("\n## ").unwrap();
    let rows = |text: &str| -> Vec<String> {
        text.lines().filter(|line| line.starts_with("| ")).skip(2).map(str::to_owned).collect()
    };
    let (table, others) = tables();
    let cases: Vec<_> = others.iter().flat_map(|group| &group.cases).collect();
    let told = rows(placement);
    assert_eq!(told.len(), cases.len(), "{HINT}");
    for (row, case) in told.iter().zip(cases) {
        let said = in_status_of_placement(&case.object);
        let said = said.as_deref().unwrap_or(TAKEN).replace('|', "\\|");
        assert!(row.starts_with(&format!("| {} | {said} | ", case.name)), "{row}\n{said}\n{HINT}");
    }
    for group in others {
        let said = in_status_of_placement(&group.good);
        assert_eq!(said, None, "{} `{}`", group.good.kind(), group.good.name());
    }
    let rows = rows(promises);
    assert_eq!(rows.len(), table.cases.len(), "{HINT}");
    for (case, row) in table.cases.iter().zip(rows) {
        let said = in_status(&table.good, case).unwrap_or_else(|| panic!("{}: taken", case.name));
        assert!(
            row.starts_with(&format!("| {} | {} | ", case.name, said.replace('|', "\\|"))),
            "{row}\n{said}"
        );
    }
}
