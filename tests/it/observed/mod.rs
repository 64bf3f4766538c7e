//! What a step tells while it runs: JSON lines and the trace, of whole commands (docs/observability.md).

mod api;
mod collector;
mod lines;
mod pod;
mod trace;
