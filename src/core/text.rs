//! Small pieces of text for people: tables, names from elsewhere, spans of time.

use std::fmt::Write as _;

use jiff::Timestamp;

/// Returns rows as columns of equal width, two spaces between them.
pub(super) fn table<R: AsRef<[String]>>(rows: &[R]) -> String {
    let mut widths: Vec<usize> = Vec::new();
    for row in rows {
        for (column, cell) in row.as_ref().iter().enumerate() {
            let width = cell.chars().count();
            match widths.get_mut(column) {
                Some(widest) => *widest = width.max(*widest),
                None => widths.push(width),
            }
        }
    }
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (width, cell) in widths.iter().zip(row.as_ref()) {
            let _ = write!(line, "{cell:<width$}  ");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Returns the text, or a dash where there is none.
pub(super) fn or_dash(text: &str) -> String {
    if text.is_empty() { "-".to_owned() } else { visible(text) }
}

/// Writes control characters out: text from elsewhere must not move the cursor of a terminal. All else stays as it is,
/// quotes and backslashes, too.
pub fn visible(text: &str) -> String {
    text.chars()
        .flat_map(|c| if c.is_control() { c.escape_debug().collect() } else { vec![c] })
        .collect()
}

/// Returns `1 file`, `2 files`.
pub(super) fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// Returns a number of seconds in its largest unit.
pub(super) fn span(seconds: i64) -> String {
    match seconds {
        ..120 => format!("{seconds}s"),
        120..7_200 => format!("{}m", seconds / 60),
        7_200..172_800 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// Returns how long ago a time was; what lies ahead is given as it is.
pub(super) fn age(then: Option<Timestamp>, now: Timestamp) -> String {
    let Some(then) = then else { return "-".to_owned() };
    let seconds = now.as_second().saturating_sub(then.as_second());
    if seconds < 0 { format!("at {then}") } else { format!("{} ago", span(seconds)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_short() {
        let then = "2026-01-02T03:04:05Z".parse().ok();
        let age_at = |now: &str| age(then, now.parse().unwrap());
        assert_eq!(age_at("2026-01-02T03:04:05Z"), "0s ago");
        assert_eq!(age_at("2026-01-02T05:04:04Z"), "119m ago");
        assert_eq!(age_at("2026-01-03T03:04:05Z"), "24h ago");
        assert_eq!(age_at("2026-02-02T03:04:05Z"), "31d ago");
        assert_eq!(age_at("2025-02-02T03:04:05Z"), "at 2026-01-02T03:04:05Z");
        assert_eq!(age(None, Timestamp::UNIX_EPOCH), "-");
    }

    #[test]
    fn control_characters_are_written_out() {
        assert_eq!(visible("a\u{1b}[2J\n"), "a\\u{1b}[2J\\n");
    }
}
