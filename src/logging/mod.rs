//! Log lines, on stderr; stdout is for results.

mod json;

use std::io::{IsTerminal as _, Write as _};

use tracing::Metadata;
use tracing_subscriber::filter::{FilterFn, LevelFilter, Targets, filter_fn};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer, Registry};

pub use json::TraceId;

/// Target of the event that tells why the program failed. `Plain` leaves it to `report`, which writes a block of lines.
pub const REPORT: &str = "bookend::report";

/// Somebody else who is told of events and spans.
pub type Listener = Box<dyn Layer<Registry> + Send + Sync>;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// One readable line each.
    Plain,
    /// One JSON object each.
    Json,
}

/// Starts logging: our own lines from `level` on, other crates' from `warn` on. A listener chooses by itself.
///
/// Lines have no time: whoever keeps the log of a pod adds one.
pub fn start(format: Format, level: LevelFilter, listener: Option<Listener>) {
    let filter = lines_of(format, level);
    let lines = match format {
        Format::Json => json::Lines.with_filter(filter).boxed(),
        Format::Plain => tracing_subscriber::fmt::layer()
            .with_writer(std::io::stderr)
            .with_target(false)
            .without_time()
            .with_ansi(std::io::stderr().is_terminal())
            .with_filter(filter)
            .boxed(),
    };
    // The listener comes first: a line says the trace that it has begun.
    let layers: Vec<Listener> = listener.into_iter().chain([lines]).collect();
    // A second start in one process (tests) keeps the first.
    let _ = tracing_subscriber::registry().with(layers).try_init();
}

/// Chooses the events of a format. What stands in spans is a part of JSON lines only, whatever their level.
fn lines_of(
    format: Format,
    level: LevelFilter,
) -> FilterFn<impl Fn(&Metadata<'_>) -> bool + use<>> {
    let targets = Targets::new()
        .with_default(level.min(LevelFilter::WARN))
        // A watch that fails is told by who listens to it, in words that say what to do.
        .with_target("kube_runtime", level.min(LevelFilter::ERROR))
        .with_target(env!("CARGO_CRATE_NAME"), level);
    let is_json = format == Format::Json;
    filter_fn(move |metadata| {
        if metadata.is_span() {
            return is_json && json::is_context(metadata);
        }
        targets.would_enable(metadata.target(), metadata.level())
            && (is_json || metadata.target() != REPORT)
    })
    .with_max_level_hint(if is_json { level.max(LevelFilter::INFO) } else { level })
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
