//! Runs the rows, and makes tables of them.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::figures::{Figures, loopback};
use crate::remotes::certificates::Authority;
use crate::remotes::https::Server;
use crate::repository::make;
use crate::{Arguments, Role};

const START: &str = "<!-- stores -->";
const END: &str = "<!-- end of stores -->";

/// Who writes.
const WAYS: [(&str, Role, bool); 4] = [
    ("one process", Role::Grouped, false),
    ("processes, in turns", Role::Alone, true),
    ("processes, racing", Role::Alone, false),
    ("checkout", Role::Checkout, false),
];

pub(crate) fn run(arguments: &Arguments) {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let pem = folder.path().join("authority.pem");
    std::fs::write(&pem, authority.pem()).unwrap();
    let server = Server::start(folder.path(), &authority.certify("localhost", false));
    let mut table = String::from(
        "| | commits/s | p50 ms | p99 ms | attempts | peak MiB | kB moved per commit |\n| --- | --- | --- | --- | --- | --- | --- |\n",
    );
    let mut number = 0;
    for files in &arguments.files {
        for scheme in ["https", "file"] {
            for writers in &arguments.writers {
                for (way, role, in_turns) in WAYS {
                    let name = format!("{files} files, {scheme}, {writers} writers, {way}");
                    let is_wanted = |word: &String| name.contains(word.as_str());
                    if !arguments.only.is_empty() && !arguments.only.iter().all(is_wanted) {
                        continue;
                    }
                    number += 1;
                    let repository = make(&folder.path().join(format!("{number}.git")), *files);
                    let row = Row {
                        url: url(scheme, &server, &repository.path),
                        authority: (scheme == "https").then(|| pem.clone()),
                        turn: in_turns.then(|| folder.path().join("turn")),
                        role,
                        writers: *writers,
                        seconds: arguments.seconds,
                    };
                    let line = line(&name, &row.run(), scheme == "https");
                    repository.is_sound();
                    println!("{line}");
                    table.push_str(&format!("{line}\n"));
                    std::fs::remove_dir_all(&repository.path).unwrap();
                }
            }
        }
    }
    if arguments.only.is_empty() || arguments.only.iter().any(|word| word == "50 MB") {
        for scheme in ["https", "file"] {
            let repository = make(&folder.path().join("large.git"), 300);
            let row = Row {
                url: url(scheme, &server, &repository.path),
                authority: (scheme == "https").then(|| pem.clone()),
                turn: None,
                role: Role::Large,
                writers: 1,
                seconds: 0.0,
            };
            let name = format!("50 MB in 5,000 files at once, {scheme}");
            let line = line(&name, &row.run(), scheme == "https");
            repository.is_sound();
            println!("{line}");
            table.push_str(&format!("{line}\n"));
            std::fs::remove_dir_all(&repository.path).unwrap();
        }
    }
    if arguments.write {
        put(&table);
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
    turn: Option<PathBuf>,
    role: Role,
    writers: usize,
    seconds: f64,
}

impl Row {
    /// Returns what was done, and the bytes that were moved.
    fn run(&self) -> (Figures, u64) {
        let before = loopback();
        let processes = if self.role == Role::Alone { self.writers } else { 1 };
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
            Role::Checkout => "checkout",
            Role::Large => "large",
        };
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--role", role, "--url", &self.url, "--seconds", &self.seconds.to_string()]);
        command.args(["--first", &first.to_string(), "--count", &count.to_string()]);
        if let Some(file) = &self.authority {
            command.arg("--authority").arg(file);
        }
        if let Some(file) = &self.turn {
            command.arg("--turn").arg(file);
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
    format!(
        "| {name} | {:.1} | {:.0} | {:.0} | {:.2} | {:.0} | {moved} |",
        commits / figures.seconds,
        figures.wait(0.5),
        figures.wait(0.99),
        figures.attempts as f64 / commits,
        figures.peak_kib as f64 / 1024.0,
    )
}

/// Puts the table into the document.
fn put(table: &str) {
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/benchmarks.md");
    let text = std::fs::read_to_string(&document).unwrap();
    let (before, rest) = text.split_once(START).expect("the mark in docs/benchmarks.md");
    let (_, after) = rest.split_once(END).expect("the end mark in docs/benchmarks.md");
    std::fs::write(document, format!("{before}{START}\n{table}{END}{after}")).unwrap();
}
