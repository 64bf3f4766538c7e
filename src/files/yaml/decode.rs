//! Bytes to text: UTF-8 or, with a byte order mark, UTF-16; no control characters (contract.md 17.2, 7.1).

use std::borrow::Cow;

use super::{Position, YamlError};

const BYTE_ORDER_MARK: char = '\u{feff}';

/// Returns the text of a document without its byte order mark.
pub(super) fn text(bytes: &[u8]) -> Result<Cow<'_, str>, YamlError> {
    let text = match bytes {
        [0xff, 0xfe, rest @ ..] => Cow::Owned(utf16(rest, u16::from_le_bytes)?),
        [0xfe, 0xff, rest @ ..] => Cow::Owned(utf16(rest, u16::from_be_bytes)?),
        _ => Cow::Borrowed(utf8(bytes)?),
    };
    match text.char_indices().find(|(_, c)| is_forbidden(*c)) {
        None => Ok(text),
        Some((offset, c)) => {
            let at = end_of(text.get(..offset).unwrap_or_default());
            Err(YamlError::ControlCharacter { at, code: c.into() })
        }
    }
}

fn utf8(bytes: &[u8]) -> Result<&str, YamlError> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let (good, _) = bytes.split_at(error.valid_up_to());
        let at = end_of(std::str::from_utf8(good).unwrap_or_default());
        YamlError::Encoding { at, encoding: "UTF-8" }
    })?;
    Ok(text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text))
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, YamlError> {
    let (pairs, odd) = bytes.as_chunks::<2>();
    let mut text = String::with_capacity(bytes.len());
    for decoded in char::decode_utf16(pairs.iter().map(|pair| unit(*pair))) {
        match decoded {
            Ok(c) => text.push(c),
            Err(_) => return Err(YamlError::Encoding { at: end_of(&text), encoding: "UTF-16" }),
        }
    }
    match odd {
        [] => Ok(text),
        _ => Err(YamlError::Encoding { at: end_of(&text), encoding: "UTF-16" }),
    }
}

/// Whether YAML refuses the character outside an escape.
fn is_forbidden(c: char) -> bool {
    match c {
        '\t' | '\n' | '\r' | '\u{85}' => false,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}' => true,
        _ => false,
    }
}

/// Returns the place right after a text.
fn end_of(text: &str) -> Position {
    let last = text.rsplit('\n').next().unwrap_or_default();
    Position {
        line: text.matches('\n').count().saturating_add(1),
        column: last.chars().count().saturating_add(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], expected: &str) {
        let seen = match text(bytes) {
            Ok(text) => text.into_owned(),
            Err(error) => error.to_string(),
        };
        assert_eq!(seen, expected, "{bytes:?}");
    }

    #[test]
    fn a_byte_order_mark_says_how_to_read_and_is_no_text() {
        check(b"a", "a");
        check(b"\xef\xbb\xbfa", "a");
        check(b"\xff\xfea\0\x3d\xd8\0\xde", "a😀");
        check(b"\xfe\xff\0a", "a");
        check(b"", "");
    }

    #[test]
    fn what_is_no_text_is_refused_with_its_place() {
        check(b"a\nb\xffc", "line 2, column 2: the file is not UTF-8 text");
        check(b"\xff\xfea\0\x3d\xd8", "line 1, column 2: the file is not UTF-16 text");
        check(b"\xff\xfea\0b", "line 1, column 2: the file is not UTF-16 text");
        check("ä\u{7f}".as_bytes(), "line 1, column 2: control character U+007F");
        check(b"a\0", "line 1, column 2: control character U+0000");
        check("\u{ffff}".as_bytes(), "line 1, column 1: control character U+FFFF");
    }

    #[test]
    fn line_ends_tabs_and_other_text_are_kept() {
        check("a\t\r\n\u{85}\u{2028}😀".as_bytes(), "a\t\r\n\u{85}\u{2028}😀");
    }
}
