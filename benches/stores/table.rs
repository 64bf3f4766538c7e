//! Runs the rows, and makes tables of them.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::figures::{Figures, loopback};
use crate::lease::ControlPlane;
use crate::remotes::certificates::Authority;
use crate::remotes::https::Server;
use crate::repository::make;
use crate::{Arguments, Role};

const START: &str = "<!-- stores -->";
const END: &str = "<!-- end of stores -->";

/// Who writes, and whether in turns by a Lease.
const WAYS: [(&str, Role, bool); 5] = [
    ("one process", Role::Grouped, false),
    ("processes, by a Lease", Role::Alone, true),
    ("pods, by a Lease", Role::Pod, true),
    ("processes, racing", Role::Alone, false),
    ("checkout", Role::Checkout, false),
];

const HEAD: &str = "| | commits/s | commits | p50 ms | p99 ms | attempts | of one writer | peak MiB | kB per commit |\n\
                    | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n";

pub(crate) fn run(arguments: &Arguments) {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let pem = folder.path().join("authority.pem");
    std::fs::write(&pem, authority.pem()).unwrap();
    let server = Server::start(folder.path(), &authority.certify("localhost", false));
    // Beside other clusters there may be no port for it; in a network of its own there is.
    let start = || ControlPlane::start(folder.path().join("control-plane"));
    let plane = arguments.inside.then(start).flatten();
    let tell = |line: &str| {
        println!("{line}");
        if arguments.write {
            put(line);
        }
    };
    let mut number = 0;
    for files in &arguments.files {
        for scheme in ["https", "file"] {
            for writers in &arguments.writers {
                for (way, role, by_lease) in WAYS {
                    let name = format!("{files} files, {scheme}, {writers} writers, {way}");
                    // On one machine without a network nobody runs pods.
                    let can_be = !by_lease || (scheme == "https" && plane.is_some());
                    if !can_be || !arguments.is_wanted(&name) {
                        continue;
                    }
                    number += 1;
                    let repository = make(&folder.path().join(format!("{number}.git")), *files);
                    let row = Row {
                        url: url(scheme, &server, &repository.path),
                        authority: (scheme == "https").then(|| pem.clone()),
                        lease: plane.as_ref().filter(|_| by_lease).map(ControlPlane::kubeconfig),
                        role,
                        parts: 0,
                        writers: *writers,
                        seconds: arguments.seconds,
                    };
                    let line = line(&name, &row.run(), scheme == "https");
                    repository.is_sound();
                    tell(&line);
                    std::fs::remove_dir_all(&repository.path).unwrap();
                }
            }
        }
    }
    for scheme in ["https", "file"] {
        for (parts, of) in [(5_000, "5,000 files"), (1, "one file")] {
            let name = format!("50 MB in {of} at once, {scheme}");
            if !arguments.is_wanted(&name) {
                continue;
            }
            let repository = make(&folder.path().join("large.git"), 300);
            let row = Row {
                url: url(scheme, &server, &repository.path),
                authority: (scheme == "https").then(|| pem.clone()),
                lease: None,
                role: Role::Large,
                parts,
                writers: 1,
                seconds: 0.0,
            };
            let line = line(&name, &row.run(), scheme == "https");
            repository.is_sound();
            tell(&line);
            std::fs::remove_dir_all(&repository.path).unwrap();
        }
    }
}

fn url(scheme: &str, server: &Server, path: &Path) -> String {
    match scheme {
        "https" => server.url(&path.file_name().unwrap().to_string_lossy()),
        _ => format!("file://{}", path.display()),
    }
}

struct Row {
    url: String,
    authority: Option<PathBuf>,
    /// The kubeconfig of where the Lease is.
    lease: Option<PathBuf>,
    role: Role,
    parts: usize,
    writers: usize,
    seconds: f64,
}

impl Row {
    /// Returns what was done, and the bytes that were moved.
    fn run(&self) -> (Figures, u64) {
        let before = loopback();
        let is_alone = matches!(self.role, Role::Alone | Role::Pod);
        let processes = if is_alone { self.writers } else { 1 };
        let count = self.writers / processes;
        let children: Vec<Child> = (0..processes).map(|first| self.start(first, count)).collect();
        let mut all = Figures::default();
        for child in children {
            let output = child.wait_with_output().unwrap();
            assert!(output.status.success(), "a writer failed");
            all.join(Figures::read(&String::from_utf8_lossy(&output.stdout)));
        }
        (all, loopback().saturating_sub(before))
    }

    fn start(&self, first: usize, count: usize) -> Child {
        let role = match self.role {
            Role::Grouped => "grouped",
            Role::Alone => "alone",
            Role::Pod => "pod",
            Role::Checkout => "checkout",
            Role::Large => "large",
        };
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--role", role, "--url", &self.url, "--seconds", &self.seconds.to_string()]);
        command.args(["--first", &first.to_string(), "--count", &count.to_string()]);
        command.args(["--parts", &self.parts.to_string()]);
        if let Some(file) = &self.authority {
            command.arg("--authority").arg(file);
        }
        if let Some(file) = &self.lease {
            command.arg("--lease").env("KUBECONFIG", file);
        }
        command.stdout(Stdio::piped()).spawn().unwrap()
    }
}

fn line(name: &str, (figures, bytes): &(Figures, u64), is_moved: bool) -> String {
    let commits = figures.waits.len() as f64;
    let moved = match is_moved {
        true => format!("{:.1}", *bytes as f64 / 1000.0 / commits),
        false => String::new(),
    };
    let each = figures.each.iter();
    format!(
        "| {name} | {:.1} | {commits:.0} | {:.0} | {:.0} | {:.2} | {}-{} | {:.0} | {moved} |",
        commits / figures.seconds,
        figures.wait(0.5),
        figures.wait(0.99),
        figures.attempts as f64 / commits,
        each.clone().min().unwrap(),
        each.max().unwrap(),
        figures.peak_kib as f64 / 1024.0,
    )
}

/// Puts a row into the table of the document, in place of one of that name if there is one.
fn put(line: &str) {
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/benchmarks.md");
    let text = std::fs::read_to_string(&document).unwrap();
    let (before, rest) = text.split_once(START).expect("the mark in docs/benchmarks.md");
    let (old, after) = rest.split_once(END).expect("the end mark in docs/benchmarks.md");
    let mut rows: Vec<&str> = old.lines().filter(|line| line.starts_with('|')).skip(2).collect();
    let name = |row: &str| row.split('|').nth(1).map(str::to_owned);
    match rows.iter_mut().find(|row| name(row) == name(line)) {
        Some(row) => *row = line,
        None => rows.push(line),
    }
    let table: String = rows.iter().map(|row| format!("{row}\n")).collect();
    std::fs::write(document, format!("{before}{START}\n{HEAD}{table}{END}{after}")).unwrap();
}
