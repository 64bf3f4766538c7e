//! Tells an error once: to stderr, and to the kubelet for `kubectl describe pod`.

use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;

use crate::exit::Fault;

/// The kubelet keeps this many bytes of a termination message.
pub const TERMINATION_LOG_BYTES_MAX: usize = 4096;

/// Returns the block that is shown for an error: what, causes, hint.
///
/// A cause whose text already stands in the line above is left out: some libraries print their source in their own text.
pub fn render(fault: &dyn Fault) -> String {
    let mut text = format!("error: {fault}\n");
    let mut above = fault.to_string();
    let mut cause: Option<&(dyn Error + 'static)> = fault.source();
    while let Some(error) = cause {
        let line = error.to_string();
        if !above.contains(&line) {
            let _ = writeln!(text, "  caused by: {}", line.trim_end().replace('\n', "\n    "));
            above = line;
        }
        cause = error.source();
    }
    if let Some(hint) = fault.hint() {
        let _ = writeln!(text, "  hint: {}", hint.replace('\n', "\n    "));
    }
    text
}

/// Writes the block to stderr and, where the kubelet made one, to the termination log.
pub fn tell(fault: &dyn Fault, termination_log: &Path) {
    tell_text(&render(fault), termination_log);
}

/// Does the same with a text that is ready, such as a usage error.
pub fn tell_text(text: &str, termination_log: &Path) {
    crate::logging::to_stderr(text);
    // Only a file that is there already: on a laptop there is none, and nothing shall be made in /dev.
    if termination_log.is_file() {
        let _ = std::fs::write(termination_log, cut(text, TERMINATION_LOG_BYTES_MAX));
    }
}

/// Returns the longest start of `text` within `bytes_max` that ends at a character.
fn cut(text: &str, bytes_max: usize) -> &str {
    let mut end = text.len().min(bytes_max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;

    #[derive(Debug, thiserror::Error)]
    #[error("failed to read `a`")]
    struct Outer {
        source: Inner,
    }
    #[derive(Debug, thiserror::Error)]
    #[error("wrapped: {source}")]
    struct Inner {
        source: Leaf,
    }
    #[derive(Debug, thiserror::Error)]
    #[error("no such file")]
    struct Leaf;
    impl Fault for Outer {
        fn exit(&self) -> Exit {
            Exit::Input
        }
        fn hint(&self) -> Option<String> {
            Some("make it".into())
        }
    }

    #[test]
    fn a_cause_is_said_once() {
        let text = render(&Outer { source: Inner { source: Leaf } });
        assert_eq!(
            text,
            "error: failed to read `a`\n  caused by: wrapped: no such file\n  hint: make it\n"
        );
    }

    #[test]
    fn a_long_message_is_cut_at_a_character() {
        assert_eq!(cut("aäb", 2), "a");
        assert_eq!(cut("aäb", 3), "aä");
        assert_eq!(cut("ab", 10), "ab");
    }

    #[test]
    fn the_termination_log_is_written_only_where_it_exists() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("termination-log");
        tell(&Outer { source: Inner { source: Leaf } }, &path);
        assert!(!path.exists());
        std::fs::write(&path, "").unwrap();
        tell(&Outer { source: Inner { source: Leaf } }, &path);
        assert!(std::fs::read_to_string(&path).unwrap().starts_with("error: failed to read `a`"));
    }
}
