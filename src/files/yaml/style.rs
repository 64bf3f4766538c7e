//! How a text must be written so that no reader takes it for anything else.
//!
//! The rules are narrower than YAML's: what is written plain must be text to YAML 1.1 and 1.2 readers alike
//! (`PyYAML`, Go, `yq`), whatever their tables of special words and numbers hold.

/// How a text is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// As it stands.
    Plain,
    /// In single quotes: nothing but `'` needs doubling.
    Single,
    /// In double quotes, with escapes.
    Double,
    /// As a block of lines after `|`.
    Literal,
}

/// Returns the style of a value.
pub(super) fn of_value(text: &str) -> Style {
    if is_literal(text) { Style::Literal } else { of_key(text) }
}

/// Returns the style of a key.
pub(super) fn of_key(text: &str) -> Style {
    if is_plain(text) {
        Style::Plain
    } else if text.contains(['"', '\\']) && text.chars().all(is_visible) {
        Style::Single
    } else {
        Style::Double
    }
}

/// Whether every reader takes the character as it stands, and people can see it.
///
/// Left out: control characters, line breaks of YAML 1.1, byte order marks, what Unicode calls no character,
/// and what is invisible or changes the direction of text around it.
pub(super) fn is_visible(c: char) -> bool {
    match c {
        ' '..='~' => true,
        '\u{a1}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' => !matches!(
            c,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{2000}'..='\u{200f}'
                | '\u{2028}'..='\u{202f}'
                | '\u{205f}'..='\u{206f}'
                | '\u{3000}'
                | '\u{fdd0}'..='\u{fdef}'
                | '\u{fe00}'..='\u{fe0f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
        ),
        '\u{10000}'.. => !matches!(u32::from(c) & 0xffff, 0xfffe | 0xffff),
        _ => false,
    }
}

fn is_plain(text: &str) -> bool {
    let Some(first) = text.chars().next() else { return false };
    let starts_well = first.is_alphanumeric()
        || matches!(first, '/' | '_' | '$' | '(' | '^' | ';')
        || matches!(first, '.' | '+' | '-') && !text.starts_with("---") && !text.starts_with("...");
    starts_well
        && !text.ends_with([' ', ':'])
        && !text.contains(": ")
        && !text.contains(" #")
        && !text.starts_with("- ")
        && text.chars().all(is_visible)
        && !is_word(text)
        && !is_number_like(text)
}

/// A word that some reader takes for a boolean, nothing or a number.
fn is_word(text: &str) -> bool {
    const WORDS: [&str; 11] =
        ["y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"];
    text.len() <= 5 && WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// Whether the text starts like a number and holds nothing that no number, date or time of any reader holds.
fn is_number_like(text: &str) -> bool {
    let number_like = |byte: u8| {
        byte.is_ascii_hexdigit()
            || matches!(byte, b'_' | b'.' | b'+' | b'-' | b':' | b' ')
            || matches!(byte.to_ascii_lowercase(), b'x' | b'o' | b'p' | b't' | b'z' | b'i' | b'n')
    };
    text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '.' | '+' | '-'))
        && text.bytes().all(number_like)
}

/// Whether the text has several lines (or one with its end) that all readers take as a block.
///
/// A line of spaces only is left to escapes: readers disagree on which of them are indentation.
fn is_literal(text: &str) -> bool {
    text.contains('\n')
        && text.bytes().any(|byte| byte != b'\n')
        && text.split('\n').all(|line| {
            line.is_empty()
                || !line.bytes().all(|byte| matches!(byte, b' ' | b'\t'))
                    && line.chars().all(|c| c == '\t' || is_visible(c))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn harmless_text_is_plain() {
        for text in [
            "a",
            "redis",
            "example.io/v1",
            "a b",
            "it's",
            "10.0.0.1/8",
            "500m",
            "2Gi",
            "v1.2.3",
            "a:b",
            "http://x.y/z?a=b#c",
            "--flag=x",
            "-Xmx1g",
            "/bin/sh",
            "$(VAR)",
            "äöü",
            "日本",
            "a😀",
            "nothing",
            "yes please",
            "12 monkeys",
            "a, b",
            "a [b]",
        ] {
            assert_eq!(of_value(text), Style::Plain, "{text:?}");
        }
    }

    #[test]
    fn what_a_reader_may_misread_is_quoted() {
        for text in [
            "",
            " ",
            "a ",
            " a",
            "y",
            "N",
            "Yes",
            "NO",
            "on",
            "Off",
            "true",
            "FALSE",
            "null",
            "Null",
            "~",
            "<<",
            "=",
            "1",
            "-1",
            "+1",
            "1.5",
            "1e3",
            "1e1000",
            "12e4567",
            "0x1F",
            "0o17",
            "0b11",
            "010",
            "08",
            "1_000",
            "1:60",
            "12:30:45",
            "2026-01-01",
            "2026-13-45",
            "2026-01-01T00:00:00Z",
            "2026-01-01 00:00:00 +01:00",
            ".inf",
            "-.Inf",
            "+.INF",
            ".nan",
            "NaN",
            ".",
            "-",
            "+",
            "..",
            "...",
            "---",
            "--- a",
            "... a",
            "- a",
            "a: b",
            "a:",
            "a #b",
            "#a",
            "*a",
            "&a",
            "!a",
            "%a",
            "@a",
            "`a",
            "?",
            "? a",
            "|",
            ">",
            "[a]",
            "{a}",
            ",a",
            "'a'",
            "a\tb",
            "a\rb",
            "\u{7f}",
            "\u{85}",
            "a\u{a0}b",
            "\u{2028}",
            "\u{feff}",
            "\u{fffe}",
            "1.2.3",
            "0x1p-2",
            ": a",
            "::",
        ] {
            assert_ne!(of_value(text), Style::Plain, "{text:?}");
        }
    }

    #[test]
    fn single_quotes_spare_escapes() {
        assert_eq!(of_value(r#"{"a": "b"}"#), Style::Single);
        assert_eq!(of_value(r"\d: "), Style::Single);
        assert_eq!(of_value("\"\u{85}"), Style::Double);
    }

    #[test]
    fn lines_are_a_block_and_keys_never_are() {
        for text in ["a\nb", "a\n", "\na", "a\n\n", " a\n  b\n", "\tb\n", "a \nb"] {
            assert_eq!(of_value(text), Style::Literal, "{text:?}");
            assert_eq!(of_key(text), Style::Double, "{text:?}");
        }
        for text in ["\n", "\n\n", "a\n \nb", "a\r\nb", "a\n\u{85}", "a\n\t", "a\n "] {
            assert_eq!(of_value(text), Style::Double, "{text:?}");
        }
    }
}
