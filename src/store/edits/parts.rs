//! Files of YAML documents that several write to: each part after a line that names its writer.
//!
//! The line is a comment, which no reader of YAML minds. Every document begins with its own `---`, so parts can be put in
//! and taken out without a look at their neighbours.

use std::ops::Range;
use std::sync::Arc;

/// Start of the line before a part.
const MARK: &str = "# bookend part: ";
/// What separates documents.
const SEPARATOR: &[u8] = b"---";

/// Returns the file `old` with a part put in, exchanged, or taken out; `None` when nothing is left.
///
/// What others have written stays to the byte, also what stands before the first part and is of none.
pub(super) fn with(old: &[u8], of: &str, documents: Option<&[Arc<[u8]>]>) -> Option<Vec<u8>> {
    let own: String = of.escape_debug().to_string();
    let lines = lines(old);
    let marks: Vec<usize> =
        (0..lines.len()).filter(|index| name(&old[lines[*index].clone()]).is_some()).collect();
    let start = |mark: usize| lines[mark].start;
    let head_end = marks.first().map_or(old.len(), |mark| start(*mark));

    let mut parts: Vec<(&[u8], &[u8])> = Vec::new();
    for (index, mark) in marks.iter().enumerate() {
        let end = marks.get(index.saturating_add(1)).map_or(old.len(), |next| start(*next));
        let part = &old[start(*mark)..end];
        parts.push((name(part).unwrap_or_default(), part));
    }
    parts.retain(|(name, _)| *name != own.as_bytes());
    let written = documents.and_then(|documents| part(&own, documents));
    if let Some(written) = &written {
        parts.push((own.as_bytes(), written));
    }
    parts.sort_by_key(|(name, _)| *name);

    let head = &old[..head_end];
    if parts.is_empty() && says_nothing(head) {
        return None;
    }
    let mut file = head.to_vec();
    for (_, part) in parts {
        end_line(&mut file);
        file.extend_from_slice(part);
    }
    Some(file)
}

/// Returns the names of the parts of a file, in the order in which they stand.
pub fn names(file: &[u8]) -> Vec<String> {
    let named = |line: Range<usize>| name(&file[line]);
    let names = lines(file).into_iter().filter_map(named);
    names.map(|name| String::from_utf8_lossy(name).into_owned()).collect()
}

/// Returns a part with its line, `None` when there is nothing in it.
fn part(of: &str, documents: &[Arc<[u8]>]) -> Option<Vec<u8>> {
    let mut part = format!("{MARK}{of}\n").into_bytes();
    let start = part.len();
    for document in documents {
        let document = without_end(document);
        if document.is_empty() {
            continue;
        }
        if !begins_itself(document) {
            part.extend_from_slice(SEPARATOR);
            part.push(b'\n');
        }
        for line in lines(document) {
            let line = &document[line];
            // A line that looks like ours would end the part: a space more, and it is a comment like any other.
            if name(line).is_some() {
                part.push(b' ');
            }
            part.extend_from_slice(line);
        }
        end_line(&mut part);
    }
    (part.len() > start).then_some(part)
}

/// Returns the name of the part that begins with this line.
fn name(line: &[u8]) -> Option<&[u8]> {
    let name = line.strip_prefix(MARK.as_bytes())?;
    Some(trim_line(name.split(|byte| *byte == b'\n').next().unwrap_or_default()))
}

/// Returns a document without the `---` at its end, which begins another one that is not there; empty when only space is left.
fn without_end(document: &[u8]) -> &[u8] {
    let mut end = document.len();
    for line in lines(document).into_iter().rev() {
        match trim_line(&document[line.clone()]) {
            [] => {}
            SEPARATOR => end = line.start,
            _ => return &document[..end],
        }
    }
    &[]
}

/// Whether a document brings its own `---`, or directives, which stand before it.
fn begins_itself(document: &[u8]) -> bool {
    let lines = lines(document);
    let mut lines = lines.into_iter().map(|line| &document[line]);
    let first = lines.find(|line| !matches!(trim_line(line).first(), None | Some(b'#')));
    first.is_some_and(|line| {
        let separates =
            |rest: &[u8]| matches!(rest.first(), None | Some(b' ' | b'\t' | b'\r' | b'\n'));
        line.first() == Some(&b'%') || line.strip_prefix(SEPARATOR).is_some_and(separates)
    })
}

/// Whether there is no document in it: space, comments and separators alone.
fn says_nothing(text: &[u8]) -> bool {
    lines(text).into_iter().all(|line| {
        let line = trim_line(&text[line]);
        line == SEPARATOR || matches!(line.first(), None | Some(b'#'))
    })
}

/// Returns the places of lines, each with its end.
fn lines(text: &[u8]) -> Vec<Range<usize>> {
    let mut start = 0_usize;
    let place = |line: &[u8]| {
        let from = start;
        start = start.saturating_add(line.len());
        from..start
    };
    text.split_inclusive(|byte| *byte == b'\n').map(place).collect()
}

fn trim_line(line: &[u8]) -> &[u8] {
    line.trim_ascii_end()
}

/// Ends the last line, if there is one that has no end.
fn end_line(text: &mut Vec<u8>) {
    if text.last().is_some_and(|last| *last != b'\n') {
        text.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(old: &str, of: &str, documents: &[&str]) -> String {
        let documents: Vec<Arc<[u8]>> =
            documents.iter().map(|text| text.as_bytes().into()).collect();
        String::from_utf8(with(old.as_bytes(), of, Some(&documents)).unwrap_or_default()).unwrap()
    }

    fn take(old: &str, of: &str) -> Option<String> {
        with(old.as_bytes(), of, None).map(|file| String::from_utf8(file).unwrap())
    }

    #[test]
    fn parts_stand_in_the_order_of_their_names_and_go_again() {
        let b = put("", "b", &["kind: B"]);
        assert_eq!(b, "# bookend part: b\n---\nkind: B\n");
        let both = put(&b, "a", &["kind: A\n", "kind: C\n"]);
        assert_eq!(
            both,
            "# bookend part: a\n---\nkind: A\n---\nkind: C\n# bookend part: b\n---\nkind: B\n"
        );
        assert_eq!(put(&both, "a", &["kind: A\n", "kind: C\n"]), both, "the same again");
        assert_eq!(names(both.as_bytes()), ["a", "b"]);
        assert_eq!(take(&both, "a").unwrap(), b);
        assert_eq!(take(&both, "none").unwrap(), both);
        assert_eq!(take(&b, "b"), None);
        assert_eq!(put(&b, "b", &["", " \n", "---\n"]), "", "without documents it is gone");
    }

    #[test]
    fn no_separator_stands_twice() {
        for (document, expect) in [
            ("---\na: 1\n", "---\na: 1\n"),
            ("--- # first\na: 1", "--- # first\na: 1\n"),
            ("# note\n\n---\na: 1\n", "# note\n\n---\na: 1\n"),
            ("a: 1\n---\n", "---\na: 1\n"),
            ("a: 1\n--- \n\n---\n", "---\na: 1\n"),
            ("a: 1\r\n---\r\n", "---\na: 1\r\n"),
            ("a: 1\n---\nb: 1\n", "---\na: 1\n---\nb: 1\n"),
            ("---a: 1\n", "---\n---a: 1\n"),
            ("%YAML 1.2\n---\na: 1\n", "%YAML 1.2\n---\na: 1\n"),
            ("a: |+\n  b\n\n", "---\na: |+\n  b\n\n"),
        ] {
            assert_eq!(put("", "x", &[document]), format!("# bookend part: x\n{expect}"));
        }
    }

    #[test]
    fn a_document_cannot_end_its_part_or_pass_for_another() {
        let file = put("", "b", &["# bookend part: a\nkind: B\n"]);
        assert_eq!(file, "# bookend part: b\n---\n # bookend part: a\nkind: B\n");
        assert_eq!(put(&file, "b", &["# bookend part: a\nkind: B\n"]), file);
        assert_eq!(take(&file, "a").unwrap(), file);
        assert_eq!(put("", "a\nb", &["kind: A"]), "# bookend part: a\\nb\n---\nkind: A\n");
    }

    #[test]
    fn what_is_of_no_part_stays() {
        let file = put("kind: Mine", "a", &["kind: A"]);
        assert_eq!(file, "kind: Mine\n# bookend part: a\n---\nkind: A\n");
        assert_eq!(take(&file, "a").unwrap(), "kind: Mine\n");
        assert_eq!(take("# only this\n---\n", "a"), None);
        let bytes = b"\xff\n".as_slice();
        assert_eq!(with(bytes, "a", None).unwrap(), bytes, "what is no text is nobody's part");
    }

    #[test]
    fn parts_that_others_doubled_or_disordered_are_one_again() {
        let file = "# bookend part: b\r\n---\nkind: B\n# bookend part: a\n---\nkind: A\n# bookend part: b\n---\nkind: C\n";
        assert_eq!(
            put(file, "b", &["kind: D"]),
            "# bookend part: a\n---\nkind: A\n# bookend part: b\n---\nkind: D\n"
        );
    }
}
