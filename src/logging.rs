//! Log lines, on stderr; stdout is for results.

use std::io::{IsTerminal as _, Write as _};

use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// One readable line each.
    Plain,
    /// One JSON object each.
    Json,
}

/// Starts logging: our own lines from `level` on, other crates' from `warn` on.
///
/// Lines have no time: whoever keeps the log of a pod adds one.
pub fn start(format: Format, level: LevelFilter) {
    let filter = Targets::new()
        .with_default(level.min(LevelFilter::WARN))
        .with_target(env!("CARGO_CRATE_NAME"), level);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_target(false);
    let lines = match format {
        Format::Json => lines.json().flatten_event(true).without_time().boxed(),
        Format::Plain => lines.without_time().with_ansi(std::io::stderr().is_terminal()).boxed(),
    };
    // A second start in one process (tests) keeps the first.
    let _ = tracing_subscriber::registry().with(lines.with_filter(filter)).try_init();
}

/// Writes text to stderr; a closed stderr is no error.
pub fn to_stderr(text: &str) {
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

/// Writes a result to stdout; a reader that went away is no error (`bookend show … | head`), a full disk is one.
pub fn to_stdout(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}
