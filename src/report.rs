//! Tells an error once: to stderr, and to the kubelet for `kubectl describe pod`.

use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;

use tracing::error;

use crate::exit::{Exit, Fault, causes};
use crate::logging::{self, Format, REPORT};

/// The kubelet keeps this many bytes of a termination message.
pub const TERMINATION_LOG_BYTES_MAX: usize = 4096;

/// Returns the block that is shown for an error: what, causes, hint.
pub fn render(fault: &dyn Fault) -> String {
    let mut text = format!("error: {fault}\n");
    for cause in causes(fault) {
        let _ = writeln!(text, "  caused by: {}", cause.replace('\n', "\n    "));
    }
    if let Some(hint) = fault.hint() {
        let _ = writeln!(text, "  hint: {}", hint.replace('\n', "\n    "));
    }
    text
}

/// Tells an error as a log line or as a block, and where the kubelet made one, in the termination log.
pub fn tell(fault: &(dyn Fault + 'static), format: Format, termination_log: &Path) {
    let source: &(dyn Error + 'static) = fault;
    let exit_code = fault.exit() as u8;
    // In `Plain` nobody but a trace hears of it.
    error!(target: REPORT, exit_code, error = source, hint = fault.hint(), "{fault}");
    let text = render(fault);
    if format == Format::Plain {
        logging::to_stderr(&text);
    }
    leave(&text, termination_log);
}

/// Does the same with a usage error, whose text is ready: what is wrong, an empty line, how it is used.
pub fn tell_usage(text: &str, format: Format, termination_log: &Path) {
    match format {
        Format::Plain => logging::to_stderr(text),
        Format::Json => {
            let (what, usage) = text.split_once("\n\n").unwrap_or((text, ""));
            let what = what.strip_prefix("error: ").unwrap_or(what).trim_end();
            let exit_code = Exit::Usage as u8;
            error!(target: REPORT, exit_code, hint = usage.trim(), "{what}");
        }
    }
    leave(text, termination_log);
}

/// Leaves the result of a step for the kubelet, which shows it with the container.
pub fn tell_result(text: &str, termination_log: &Path) {
    leave(text, termination_log);
}

/// Only a file that is there already is written: on a laptop there is none, and nothing shall be made in /dev.
fn leave(text: &str, termination_log: &Path) {
    if termination_log.is_file() {
        let end = text.floor_char_boundary(TERMINATION_LOG_BYTES_MAX);
        let _ = std::fs::write(termination_log, &text[..end]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let path = tempfile::NamedTempFile::new().unwrap();
        leave(&format!("a{}", "ä".repeat(TERMINATION_LOG_BYTES_MAX)), path.path());
        let left = std::fs::read_to_string(path.path()).unwrap();
        assert_eq!(left.len(), TERMINATION_LOG_BYTES_MAX - 1);
        leave("ab", path.path());
        assert_eq!(std::fs::read_to_string(path.path()).unwrap(), "ab");
    }

    #[test]
    fn the_termination_log_is_written_only_where_it_exists() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("termination-log");
        tell(&Outer { source: Inner { source: Leaf } }, Format::Plain, &path);
        assert!(!path.exists());
        std::fs::write(&path, "").unwrap();
        tell(&Outer { source: Inner { source: Leaf } }, Format::Plain, &path);
        assert!(std::fs::read_to_string(&path).unwrap().starts_with("error: failed to read `a`"));
    }
}
