//! A list of Works, and one Work as a tree.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::Timestamp;

use super::{FileView, GroupView, WorkView};
use crate::core::text::{age, count, or_dash, table, visible};

/// Returns a table with one line for each Work.
pub fn listing(works: &[WorkView], now: Timestamp) -> String {
    let mut rows = vec![
        ["WORK", "PROMISE", "RESOURCE", "PIPELINE", "GROUPS", "FILES", "SIZE", "LAST RUN"]
            .map(str::to_owned),
    ];
    for work in works {
        let dry_run = if work.dry_run { " (dry run)" } else { "" };
        rows.push([
            format!("{}{dry_run}", visible(&work.title)),
            or_dash(&work.promise),
            or_dash(&work.resource),
            or_dash(&work.pipeline),
            work.groups.len().to_string(),
            work.files().count().to_string(),
            size(work.bytes()),
            age(work.executed_at, now),
        ]);
    }
    table(&rows)
}

/// Returns one Work: what it is, and each group with its selectors and the tree of its files.
pub fn tree(work: &WorkView, now: Timestamp) -> String {
    let mut text = format!("{}\n", visible(&work.title));
    let facts = [
        ("promise", or_dash(&work.promise)),
        ("resource", or_dash(&work.resource)),
        ("pipeline", or_dash(&work.pipeline)),
        ("dry run", if work.dry_run { "yes".to_owned() } else { String::new() }),
        ("last run", age(work.executed_at, now)),
        ("holds", holding(work)),
    ];
    for (name, value) in facts.iter().filter(|(_, value)| !value.is_empty()) {
        let _ = writeln!(text, "  {name:<9} {value}");
    }
    for group in &work.groups {
        let _ = write!(text, "\n{}", group_tree(group, ""));
    }
    text
}

/// Returns how much is in a Work, on one line.
pub fn holding(work: &WorkView) -> String {
    let stored = work.files().map(|file| file.stored).fold(0, usize::saturating_add);
    format!(
        "{} in {}: {}, {} stored",
        count(work.files().count(), "file"),
        count(work.groups.len(), "group"),
        size(work.bytes()),
        size(stored)
    )
}

/// Returns one group: its selectors, what else is to say of it (empty for nothing), and the tree of its files.
pub fn group_tree(group: &GroupView, note: &str) -> String {
    let mut text = format!("{}\n", visible(&group.directory));
    for selector in &group.selectors {
        let _ = writeln!(text, "  to {}", visible(selector));
    }
    if group.selectors.is_empty() {
        text.push_str("  no selectors\n");
    }
    if !note.is_empty() {
        let _ = writeln!(text, "  {}", visible(note));
    }
    text.push_str(&file_tree(group.files.iter().map(captioned), ""));
    text
}

/// Deepest folder that is drawn as one; what lies deeper is shown with its path. A Work can hold any path, and a
/// tree is walked by calls.
const DEPTH_MAX: usize = 32;

/// Draws files as a tree with folders first, each line after `indent`. A file is its path and what to say of it.
pub fn file_tree<'a>(files: impl Iterator<Item = (&'a str, String)>, indent: &str) -> String {
    let mut root = Branch::default();
    for (path, caption) in files {
        let mut branch = &mut root;
        let mut rest = path;
        for _ in 0..DEPTH_MAX {
            let Some((folder, below)) = rest.split_once('/') else { break };
            branch = branch.folders.entry(folder).or_default();
            rest = below;
        }
        branch.files.insert(rest, caption);
    }
    let mut text = String::new();
    root.write(&mut text, indent);
    text
}

fn captioned(file: &FileView) -> (&str, String) {
    let caption = match &file.content {
        Ok(content) => size(content.len()),
        Err(error) => format!("unreadable: {error}"),
    };
    (&file.path, caption)
}

/// A folder of the tree.
#[derive(Default)]
struct Branch<'a> {
    folders: BTreeMap<&'a str, Self>,
    files: BTreeMap<&'a str, String>,
}

impl Branch<'_> {
    fn write(&self, text: &mut String, indent: &str) {
        let mut left = self.folders.len() + self.files.len();
        let mut lead = || {
            left = left.saturating_sub(1);
            if left == 0 { ("└── ", "    ") } else { ("├── ", "│   ") }
        };
        for (name, folder) in &self.folders {
            let (branch, below) = lead();
            let _ = writeln!(text, "{indent}{branch}{}/", visible(name));
            folder.write(text, &format!("{indent}{below}"));
        }
        for (name, caption) in &self.files {
            let (branch, _) = lead();
            let _ = writeln!(text, "{indent}{branch}{}  {caption}", visible(name));
        }
    }
}

/// Returns a size with three digits or so.
pub fn size(bytes: usize) -> String {
    let kilobytes = bytes as f64 / 1e3;
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..100_000 => format!("{kilobytes:.1} kB"),
        100_000..1_000_000 => format!("{kilobytes:.0} kB"),
        _ => format!("{:.1} MB", kilobytes / 1e3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, bytes: usize) -> FileView {
        FileView { path: path.into(), stored: 7, content: Ok(vec![0; bytes]) }
    }

    fn work() -> WorkView {
        let broken = super::super::UnpackError::NotBase64;
        WorkView {
            title: "team-a/w-1".into(),
            promise: "redis".into(),
            executed_at: "2026-01-02T03:04:05Z".parse().ok(),
            groups: vec![
                GroupView {
                    directory: "big".into(),
                    selectors: vec!["env=dev (from promise)".into()],
                    files: vec![
                        file("big/sub/b.yaml", 1_234),
                        file("big/a.yaml", 5),
                        file("big/sub/c", 0),
                    ],
                },
                GroupView {
                    directory: ".".into(),
                    selectors: Vec::new(),
                    files: vec![FileView {
                        path: "x\u{1b}".into(),
                        stored: 1,
                        content: Err(broken),
                    }],
                },
            ],
            ..WorkView::default()
        }
    }

    const NOW: &str = "2026-01-02T03:09:05Z";

    #[test]
    fn a_work_is_a_tree_with_sizes_and_selectors() {
        let expected = "\
team-a/w-1
  promise   redis
  resource  -
  pipeline  -
  last run  5m ago
  holds     4 files in 2 groups: 1.2 kB, 22 B stored

big
  to env=dev (from promise)
└── big/
    ├── sub/
    │   ├── b.yaml  1.2 kB
    │   └── c  0 B
    └── a.yaml  5 B

.
  no selectors
└── x\\u{1b}  unreadable: it is no base64
";
        assert_eq!(tree(&work(), NOW.parse().unwrap()), expected);
    }

    #[test]
    fn works_are_a_table() {
        let other = WorkView {
            title: "n/x".into(),
            resource: "r".into(),
            dry_run: true,
            ..WorkView::default()
        };
        let expected = "\
WORK           PROMISE  RESOURCE  PIPELINE  GROUPS  FILES  SIZE    LAST RUN
team-a/w-1     redis    -         -         2       4      1.2 kB  5m ago
n/x (dry run)  -        r         -         0       0      0 B     -
";
        assert_eq!(listing(&[work(), other], NOW.parse().unwrap()), expected);
    }

    #[test]
    fn a_path_of_any_depth_is_drawn() {
        let group =
            GroupView { files: vec![file(&"a/".repeat(100_000), 1)], ..GroupView::default() };
        let text =
            tree(&WorkView { groups: vec![group], ..WorkView::default() }, NOW.parse().unwrap());
        assert_eq!(text.lines().filter(|line| line.ends_with("└── a/")).count(), DEPTH_MAX);
    }

    #[test]
    fn sizes_are_short() {
        assert_eq!(
            [size(999), size(99_949), size(123_456), size(2_500_000)],
            ["999 B", "99.9 kB", "123 kB", "2.5 MB"]
        );
    }
}
