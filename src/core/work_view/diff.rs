//! What differs between two Works.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::tree::size;
use super::{FileView, WorkView};
use crate::core::text::visible;

/// Unchanged lines shown around a change.
const CONTEXT: usize = 3;
/// Most cells of the table that finds what two texts have in common; 4 bytes each. Larger texts are shown as
/// replaced between their common start and end.
const CELLS_MAX: usize = 8 << 20;

/// Returns what leads from one Work to the other: groups and their selectors, files added, removed and changed, the
/// latter as a unified diff. Empty when nothing differs.
pub fn difference(from: &WorkView, to: &WorkView) -> String {
    let mut text = String::new();
    let groups = |work: &WorkView| -> String {
        let mut lines = BTreeSet::new();
        for group in &work.groups {
            lines.insert(format!("{}\n", visible(&group.directory)));
            for selector in &group.selectors {
                lines.insert(format!("{} to {}\n", visible(&group.directory), visible(selector)));
            }
        }
        lines.into_iter().collect()
    };
    text.push_str(&unified("(groups)", &groups(from), &groups(to)));
    let (before, after) = (from.by_path(), to.by_path());
    let paths: BTreeSet<&str> = before.keys().chain(after.keys()).copied().collect();
    for path in paths {
        match (before.get(path), after.get(path)) {
            (Some(old), Some(new)) => text.push_str(&changed(path, old, new)),
            (Some(old), None) => one_sided(&mut text, "removed", path, old),
            (None, Some(new)) => one_sided(&mut text, "added", path, new),
            (None, None) => {}
        }
    }
    text
}

/// A file that differs between two Works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileChange<'a> {
    /// `added`, `removed` or `changed`.
    pub what: &'static str,
    /// Its path.
    pub path: &'a str,
}

/// Returns the files that differ, by path; nothing of their content.
pub fn file_changes<'a>(from: &'a WorkView, to: &'a WorkView) -> Vec<FileChange<'a>> {
    let (before, after) = (from.by_path(), to.by_path());
    let paths: BTreeSet<&str> = before.keys().chain(after.keys()).copied().collect();
    let change = |path| {
        let what = match (before.get(path), after.get(path)) {
            (Some(old), Some(new)) if old.content == new.content => return None,
            (Some(_), Some(_)) => "changed",
            (Some(_), None) => "removed",
            (None, _) => "added",
        };
        Some(FileChange { what, path })
    };
    paths.into_iter().filter_map(change).collect()
}

fn one_sided(text: &mut String, what: &str, path: &str, file: &FileView) {
    let _ = writeln!(text, "{what} {}  {}", visible(path), described(file));
}

fn described(file: &FileView) -> String {
    file.size().map_or_else(|| "unreadable".to_owned(), size)
}

fn changed(path: &str, old: &FileView, new: &FileView) -> String {
    if old.content == new.content {
        return String::new();
    }
    let read =
        |file: &FileView| file.content.clone().ok().and_then(|bytes| String::from_utf8(bytes).ok());
    match (read(old), read(new)) {
        (Some(old), Some(new)) => unified(path, &old, &new),
        _ => format!(
            "changed {}  {} to {}, no text\n",
            visible(path),
            described(old),
            described(new)
        ),
    }
}

/// One line of a diff.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line<'a> {
    Same(&'a str),
    Old(&'a str),
    New(&'a str),
}

/// Returns the unified diff of two texts, empty when they are equal.
pub fn unified(path: &str, old: &str, new: &str) -> String {
    if old == new {
        return String::new();
    }
    let (old, new): (Vec<&str>, Vec<&str>) =
        (old.split_inclusive('\n').collect(), new.split_inclusive('\n').collect());
    let lines = script(&old, &new);
    let path = visible(path);
    let mut text = format!("--- a/{path}\n+++ b/{path}\n");
    for (start, end) in hunks(&lines) {
        let before = lines.get(..start).unwrap_or_default();
        let hunk = lines.get(start..end).unwrap_or_default();
        let _ = writeln!(
            text,
            "@@ -{} +{} @@",
            range(count(before, is_old), count(hunk, is_old)),
            range(count(before, is_new), count(hunk, is_new))
        );
        for line in hunk {
            let (mark, line) = match line {
                Line::Same(line) => (' ', line),
                Line::Old(line) => ('-', line),
                Line::New(line) => ('+', line),
            };
            text.push(mark);
            text.push_str(line);
            if !line.ends_with('\n') {
                text.push_str("\n\\ no newline at the end\n");
            }
        }
    }
    text
}

fn is_old(line: &Line<'_>) -> bool {
    !matches!(line, Line::New(_))
}

fn is_new(line: &Line<'_>) -> bool {
    !matches!(line, Line::Old(_))
}

fn count(lines: &[Line<'_>], of: fn(&Line<'_>) -> bool) -> usize {
    lines.iter().filter(|line| of(line)).count()
}

/// `first,length` as diff writes it: the line before for an empty range, no length for one line.
fn range(before: usize, length: usize) -> String {
    match length {
        0 => format!("{before},0"),
        1 => format!("{}", before + 1),
        _ => format!("{},{length}", before + 1),
    }
}

/// Returns ranges of lines that hold the changes with their context; near ones are joined.
fn hunks(lines: &[Line<'_>]) -> Vec<(usize, usize)> {
    let mut hunks: Vec<(usize, usize)> = Vec::new();
    for (at, _) in lines.iter().enumerate().filter(|(_, line)| !matches!(line, Line::Same(_))) {
        let (start, end) = (at.saturating_sub(CONTEXT), (at + 1 + CONTEXT).min(lines.len()));
        match hunks.last_mut() {
            Some(last) if start <= last.1 => last.1 = end,
            _ => hunks.push((start, end)),
        }
    }
    hunks
}

/// Returns how one text becomes the other, by their longest common subsequence of lines.
fn script<'a>(old: &[&'a str], new: &[&'a str]) -> Vec<Line<'a>> {
    let start = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let (old_rest, new_rest) =
        (old.get(start..).unwrap_or_default(), new.get(start..).unwrap_or_default());
    let end = old_rest.iter().rev().zip(new_rest.iter().rev()).take_while(|(a, b)| a == b).count();
    let (old_middle, tail) = old_rest.split_at(old_rest.len() - end);
    let (new_middle, _) = new_rest.split_at(new_rest.len() - end);
    let mut lines: Vec<Line<'a>> = old.iter().take(start).map(|line| Line::Same(line)).collect();
    lines.extend(middle(old_middle, new_middle));
    lines.extend(tail.iter().map(|line| Line::Same(line)));
    lines
}

fn middle<'a>(old: &[&'a str], new: &[&'a str]) -> Vec<Line<'a>> {
    let width = new.len() + 1;
    let cells = width.saturating_mul(old.len() + 1);
    if cells > CELLS_MAX {
        let removed = old.iter().map(|line| Line::Old(line));
        return removed.chain(new.iter().map(|line| Line::New(line))).collect();
    }
    // common[i * width + j]: length of the longest common subsequence of old[i..] and new[j..].
    let mut common = vec![0_u32; cells];
    let at = |table: &[u32], i: usize, j: usize| table.get(i * width + j).copied().unwrap_or(0);
    for (i, a) in old.iter().enumerate().rev() {
        for (j, b) in new.iter().enumerate().rev() {
            let length = if a == b {
                at(&common, i + 1, j + 1) + 1
            } else {
                at(&common, i + 1, j).max(at(&common, i, j + 1))
            };
            if let Some(cell) = common.get_mut(i * width + j) {
                *cell = length;
            }
        }
    }
    let mut lines = Vec::with_capacity(old.len() + new.len());
    let (mut i, mut j) = (0, 0);
    loop {
        match (old.get(i), new.get(j)) {
            (Some(a), Some(b)) if a == b => {
                lines.push(Line::Same(a));
                (i, j) = (i + 1, j + 1);
            }
            // Of two equally good ways, removals come first.
            (Some(a), Some(_)) if at(&common, i + 1, j) >= at(&common, i, j + 1) => {
                lines.push(Line::Old(a));
                i += 1;
            }
            (_, Some(b)) => {
                lines.push(Line::New(b));
                j += 1;
            }
            (Some(a), None) => {
                lines.push(Line::Old(a));
                i += 1;
            }
            (None, None) => return lines,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{GroupView, UnpackError};
    use super::*;

    #[test]
    fn texts_are_compared_line_by_line() {
        assert_eq!(unified("p", "a\nb\n", "a\nb\n"), "");
        assert_eq!(
            unified("p", "a\nb\nc\n", "a\nB\nc\n"),
            "--- a/p\n+++ b/p\n@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n"
        );
        assert_eq!(unified("p", "", "a\n"), "--- a/p\n+++ b/p\n@@ -0,0 +1 @@\n+a\n");
        assert_eq!(unified("p", "a\nb\n", ""), "--- a/p\n+++ b/p\n@@ -1,2 +0,0 @@\n-a\n-b\n");
        assert_eq!(
            unified("p", "a", "a\n"),
            "--- a/p\n+++ b/p\n@@ -1 +1 @@\n-a\n\\ no newline at the end\n+a\n"
        );
    }

    #[test]
    fn changes_far_apart_are_hunks_of_their_own() {
        let old: String = (1..=20).map(|n| format!("{n}\n")).collect();
        let new = old.replace("2\n3\n", "3\n").replace("19\n", "19\nx\n");
        let text = unified("p", &old, &new);
        let heads: Vec<&str> = text.lines().filter(|line| line.starts_with("@@")).collect();
        assert_eq!(heads, ["@@ -1,5 +1,4 @@", "@@ -17,4 +16,5 @@"]);
    }

    #[test]
    fn texts_without_anything_in_common_are_replaced() {
        let (old, new) = ("a\n".repeat(3_000), "b\n".repeat(3_000));
        let text = unified("p", &old, &new);
        assert_eq!(text.lines().filter(|line| line.starts_with('-')).count(), 3_001);
        assert_eq!(text.lines().filter(|line| line.starts_with('+')).count(), 3_001);
    }

    #[test]
    fn a_script_leads_from_one_text_to_the_other() {
        let texts = ["", "a", "ab", "abcabba", "cbabac", "xaxbxcx", "abc"];
        for old in texts {
            for new in texts {
                let split = |text: &'static str| -> Vec<&str> {
                    text.split("").filter(|c| !c.is_empty()).collect()
                };
                let lines = script(&split(old), &split(new));
                let side = |of: fn(&Line<'_>) -> bool| -> String {
                    let texts = lines.iter().filter(|line| of(line));
                    texts
                        .map(|line| match line {
                            Line::Same(t) | Line::Old(t) | Line::New(t) => *t,
                        })
                        .collect()
                };
                assert_eq!((side(is_old), side(is_new)), (old.to_owned(), new.to_owned()));
            }
        }
    }

    fn work(files: &[(&str, Result<&[u8], UnpackError>)], selector: &str) -> WorkView {
        let files = files
            .iter()
            .map(|(path, content)| FileView {
                path: (*path).into(),
                stored: 1,
                content: content.clone().map(<[u8]>::to_vec),
            })
            .collect();
        let group = GroupView { directory: ".".into(), selectors: vec![selector.into()], files };
        WorkView { groups: vec![group], ..WorkView::default() }
    }

    #[test]
    fn works_are_compared_file_by_file() {
        let from = work(
            &[
                ("a", Ok(b"1\n")),
                ("bin", Ok(&[0xff])),
                ("gone", Ok(b"1")),
                ("odd", Err(UnpackError::NotBase64)),
            ],
            "env=dev",
        );
        let to = work(
            &[
                ("a", Ok(b"2\n")),
                ("bin", Ok(&[0xfe, 0xff])),
                ("new", Ok(b"")),
                ("odd", Err(UnpackError::NotBase64)),
            ],
            "env=prod",
        );
        let expected = "\
--- a/(groups)
+++ b/(groups)
@@ -1,2 +1,2 @@
 .
-. to env=dev
+. to env=prod
--- a/a
+++ b/a
@@ -1 +1 @@
-1
+2
changed bin  1 B to 2 B, no text
removed gone  1 B
added new  0 B
";
        assert_eq!(difference(&from, &to), expected);
        assert_eq!(difference(&from, &from), "");
    }
}
