//! The checkout way: each writer has a clone and does with the git program what Kratix does (contract.md 10.6).

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::Arguments;
use crate::figures::{Figures, peak};
use crate::remotes::repository::git;
use crate::repository::{folder, output_files};

/// The most memory of any git process that was seen, in KiB.
static PEAK: AtomicU64 = AtomicU64::new(0);

pub(crate) fn run(arguments: &Arguments) -> Figures {
    let clones = tempfile::tempdir().unwrap();
    for writer in 0..arguments.count {
        let clone = clones.path().join(writer.to_string());
        std::fs::create_dir(&clone).unwrap();
        let of = ["clone", "-q", "--depth=1", "--single-branch", "--no-tags", "--branch", "main"];
        let words: Vec<&str> = of.into_iter().chain([&*arguments.url, "."]).collect();
        assert!(ask(arguments, &clone, &words), "clone");
    }
    static DONE: AtomicBool = AtomicBool::new(false);
    let watcher = thread::spawn(|| {
        while !DONE.load(Ordering::Relaxed) {
            watch();
        }
    });
    let begun = Instant::now();
    let mut all = Figures::default();
    thread::scope(|scope| {
        let writers: Vec<_> = (0..arguments.count)
            .map(|writer| {
                let clone = clones.path().join(writer.to_string());
                scope.spawn(move || write(arguments, &clone, writer, begun))
            })
            .collect();
        for writer in writers {
            all.join(writer.join().unwrap());
        }
    });
    DONE.store(true, Ordering::Relaxed);
    watcher.join().unwrap();
    all.seconds = begun.elapsed().as_secs_f64();
    all.peak_kib = PEAK.load(Ordering::Relaxed);
    all
}

fn write(arguments: &Arguments, clone: &Path, writer: usize, begun: Instant) -> Figures {
    let end = begun + Duration::from_secs_f64(arguments.seconds);
    let mut figures = Figures::default();
    let mut round = 0;
    while Instant::now() < end {
        round += 1;
        let wanted = Instant::now();
        let mut attempts = 0;
        loop {
            attempts += 1;
            if once(arguments, clone, writer, round) {
                figures.add(wanted.elapsed(), attempts);
                break;
            }
            // It would be given up by its user at some time; here it is not counted.
            if begun.elapsed().as_secs_f64() > arguments.seconds * 3.0 {
                return figures;
            }
        }
    }
    figures
}

/// Fetches, resets, writes, commits and pushes; `false` when somebody else was first, or the fetch failed.
fn once(arguments: &Arguments, clone: &Path, writer: usize, round: usize) -> bool {
    let fetch = ["fetch", "-q", "origin", "main", "--depth=1", "--no-tags", "--force", "--prune"];
    // A fetch that fails, which happens now and then, is a try in vain.
    if !ask(arguments, clone, &fetch) {
        return false;
    }
    assert!(ask(arguments, clone, &["reset", "-q", "--hard", "origin/main"]), "reset");
    assert!(ask(arguments, clone, &["clean", "-ffdxq"]), "clean");
    let at = folder(writer);
    let _ = std::fs::remove_dir_all(clone.join(&at));
    std::fs::create_dir_all(clone.join(&at)).unwrap();
    for (name, text) in output_files(writer, round) {
        std::fs::write(clone.join(&at).join(name), text).unwrap();
    }
    assert!(ask(arguments, clone, &["add", &at]), "add");
    assert!(ask(arguments, clone, &["commit", "-q", "-m", "Update from: writer"]), "commit");
    ask(arguments, clone, &["push", "-q", "origin", "main"])
}

fn ask(arguments: &Arguments, clone: &Path, words: &[&str]) -> bool {
    let mut command = git();
    command
        .args(["-c", "gc.auto=0", "-c", "maintenance.auto=false"])
        .args(words)
        .current_dir(clone);
    if let Some(authority) = &arguments.authority {
        command.env("GIT_SSL_CAINFO", authority);
    }
    command.stderr(std::process::Stdio::null()).status().unwrap().success()
}

/// Looks at the memory of the git processes that writers have started.
fn watch() {
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(id) = name.to_str().filter(|name| name.bytes().all(|c| c.is_ascii_digit())) else {
            continue;
        };
        // The server's git processes are not the writers': those are children of this process, or of its children.
        let is_ours = |id: &str| parent(id).is_some_and(|of| of == std::process::id());
        if is_ours(id) || parent(id).is_some_and(|of| is_ours(&of.to_string())) {
            PEAK.fetch_max(peak(id).unwrap_or(0), Ordering::Relaxed);
        }
    }
    thread::sleep(Duration::from_millis(10));
}

fn parent(process: &str) -> Option<u32> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("PPid:"))?;
    line.trim().parse().ok()
}
