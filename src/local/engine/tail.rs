//! The last lines of a stage's output, in bounded memory however much it writes.

use std::collections::VecDeque;

/// Lines that are kept: enough to see a stack trace, little enough to read.
pub const LINES_MAX: usize = 40;
/// Bytes of a line that are kept; the rest of a longer one is dropped.
pub const LINE_BYTES_MAX: usize = 2_000;

/// The last lines of some output.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tail {
    lines: VecDeque<String>,
    dropped: u64,
    partial: Vec<u8>,
}

impl Tail {
    /// Takes the next bytes; `each` sees every line that they complete.
    pub fn push(&mut self, bytes: &[u8], mut each: impl FnMut(&str)) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (text, ended) = match piece.strip_suffix(b"\n") {
                Some(text) => (text, true),
                None => (piece, false),
            };
            let room = LINE_BYTES_MAX.saturating_sub(self.partial.len());
            self.partial.extend(text.iter().take(room));
            if ended {
                self.end_line(&mut each);
            }
        }
    }

    /// Ends the last line, when the output does not end with a newline.
    pub fn finish(&mut self, mut each: impl FnMut(&str)) {
        if !self.partial.is_empty() {
            self.end_line(&mut each);
        }
    }

    fn end_line(&mut self, each: &mut impl FnMut(&str)) {
        // Colours (escape) and progress bars (carriage return) may stay; anything else could upset a terminal.
        let is_odd = |c: char| c.is_control() && !matches!(c, '\t' | '\x1b' | '\r');
        let line = String::from_utf8_lossy(&self.partial);
        let line = line.trim_end_matches('\r').replace(is_odd, "\u{fffd}");
        self.partial.clear();
        each(&line);
        if self.lines.len() == LINES_MAX {
            self.lines.pop_front();
            self.dropped = self.dropped.saturating_add(1);
        }
        self.lines.push_back(line);
    }

    /// Returns the kept lines, oldest first.
    pub fn lines(&self) -> impl ExactSizeIterator<Item = &str> {
        self.lines.iter().map(String::as_str)
    }

    /// Returns how many lines came before the kept ones.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tail(pieces: &[&[u8]]) -> (Vec<String>, Vec<String>) {
        let mut tail = Tail::default();
        let mut seen = Vec::new();
        for piece in pieces {
            tail.push(piece, |line| seen.push(line.to_owned()));
        }
        tail.finish(|line| seen.push(line.to_owned()));
        (tail.lines().map(str::to_owned).collect(), seen)
    }

    #[test]
    fn lines_are_put_together_from_pieces() {
        let (kept, seen) = tail(&[b"on", b"e\ntwo\r\n\nthr", b"ee"]);
        assert_eq!(kept, ["one", "two", "", "three"]);
        assert_eq!(seen, kept);
    }

    #[test]
    fn only_the_last_lines_are_kept_and_the_others_counted() {
        let mut tail = Tail::default();
        for number in 0..1000 {
            tail.push(format!("{number}\n").as_bytes(), |_| ());
        }
        assert_eq!(tail.lines().len(), LINES_MAX);
        assert_eq!(tail.lines().last(), Some("999"));
        assert_eq!(tail.dropped(), 1000 - LINES_MAX as u64);
    }

    #[test]
    fn a_line_without_end_is_cut() {
        let (kept, _) = tail(&[&[b'x'; 1 << 20], b"y\nz"]);
        assert_eq!(kept[0].len(), LINE_BYTES_MAX);
        assert_eq!(kept[1], "z");
    }

    #[test]
    fn bytes_that_are_no_text_are_shown_as_such() {
        let (kept, _) = tail(&[b"a\xffb\n\0\x07\t\x1b[1mx\n"]);
        assert_eq!(kept, ["a\u{fffd}b", "\u{fffd}\u{fffd}\t\x1b[1mx"]);
    }
}
