//! Commits per second into a Git repository: many writers of one process, of processes of their own, and the checkout way
//! with the git program.
//!
//! `cargo bench --bench stores` runs it, about ten minutes; `-- --write` puts the rows that were run into docs/benchmarks.md, in
//! place of those of the same name. It needs git, unshare and ip; as root it has loopback for itself and so can count the bytes that
//! went over it, and starts an API server there (`tests/cluster/up`) for rows with a Lease. Measure on an idle machine.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a tool for measuring: what it does not expect ends it, with a message"
)]
#![allow(dead_code, reason = "servers are shared with tests/stores")]

mod checkout;
mod figures;
mod lease;
mod repository;
mod table;
mod writers;

#[path = "../../tests/support/remotes/mod.rs"]
mod remotes;

use std::path::PathBuf;
use std::process::Command;

use clap::{Parser, ValueEnum};

/// What is run, and for how long.
#[derive(Debug, Clone, Parser)]
struct Arguments {
    /// Puts the tables into docs/benchmarks.md
    #[arg(long)]
    write: bool,
    /// Seconds of each row
    #[arg(long, default_value_t = 6.0)]
    seconds: f64,
    /// Only rows whose name has all of these words
    #[arg(long, num_args = 0..)]
    only: Vec<String>,
    /// Sizes of repositories, in files
    #[arg(long, num_args = 1.., default_values_t = [300, 10_000])]
    files: Vec<usize>,
    /// How many writers
    #[arg(long, num_args = 1.., default_values_t = [1, 8, 32])]
    writers: Vec<usize>,
    /// Cargo gives it to each bench
    #[arg(long, hide = true)]
    bench: bool,
    /// What a process that this one starts is to do
    #[arg(long, hide = true)]
    role: Option<Role>,
    /// Whether it is in a network of its own
    #[arg(long, hide = true)]
    inside: bool,
    #[arg(long, hide = true, default_value = "")]
    url: String,
    #[arg(long, hide = true)]
    authority: Option<PathBuf>,
    /// Whether writers take turns by a Lease
    #[arg(long, hide = true)]
    lease: bool,
    /// Number of the first writer
    #[arg(long, hide = true, default_value_t = 0)]
    first: usize,
    #[arg(long, hide = true, default_value_t = 1)]
    count: usize,
    /// Into how many files 50 MB are put
    #[arg(long, hide = true, default_value_t = 5_000)]
    parts: usize,
}

/// What a process is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Role {
    /// Writers of one process, grouped.
    Grouped,
    /// One writer.
    Alone,
    /// One writer that begins with nothing for each commit, as a pod does.
    Pod,
    /// Writers with a checkout each.
    Checkout,
    /// 50 MB in one change.
    Large,
}

impl Arguments {
    fn is_wanted(&self, name: &str) -> bool {
        self.only.iter().all(|word| name.contains(word.as_str()))
    }
}

fn main() {
    let arguments = Arguments::parse();
    match arguments.role {
        Some(Role::Checkout) => checkout::run(&arguments).print(),
        Some(Role::Grouped) => writers::grouped(&arguments).print(),
        Some(Role::Alone | Role::Pod) => writers::alone(&arguments).print(),
        Some(Role::Large) => writers::large(&arguments).print(),
        None if !arguments.inside && into_own_network() => {}
        None => table::run(&arguments),
    }
}

/// Starts this program again where loopback is its own; `false` when that cannot be.
fn into_own_network() -> bool {
    let may = Command::new("unshare").args(["-n", "ip", "link", "set", "lo", "up"]).status();
    if !may.is_ok_and(|status| status.success()) {
        eprintln!("no network of its own: bytes are those of everything on loopback");
        return false;
    }
    let own = std::env::current_exe().unwrap();
    let script = "ip link set lo up && exec \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["-n", "sh", "-c", script, "sh"]).arg(own).arg("--inside");
    let status = command.args(std::env::args_os().skip(1)).status().unwrap();
    assert!(status.success(), "the measurement failed");
    true
}
