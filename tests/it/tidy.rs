//! The style of the house, checked: who may import whom, what is spelled where, no file forgotten.

use std::fs;
use std::path::{Path, PathBuf};

/// Module of `src` -> modules it may name. The order is that of ARCHITECTURE.md.
const DIRECTIONS: &[(&str, &[&str])] = &[
    ("contract", &[]),
    ("exit", &[]),
    ("net", &[]),
    ("logging", &["exit"]),
    ("report", &["exit", "logging"]),
    ("core", &["contract"]),
    ("telemetry", &["exit", "net", "logging", "core"]),
    ("files", &["contract", "exit"]),
    ("cluster", &["contract", "exit", "net", "files"]),
    ("store", &["contract", "exit", "files", "core"]),
    ("destination", &["contract", "exit", "files", "cluster", "core", "store"]),
    ("effect", &["contract", "exit", "cluster", "core"]),
    ("steps", &["contract", "exit", "files", "cluster", "core", "store", "destination"]),
    ("show", &["contract", "exit", "files", "cluster", "core", "store", "destination"]),
    (
        "local",
        &[
            "contract",
            "exit",
            "files",
            "cluster",
            "core",
            "store",
            "destination",
            "steps",
            "effect",
        ],
    ),
    (
        "reconcile",
        &["contract", "exit", "files", "cluster", "core", "store", "destination", "effect"],
    ),
    ("install", &["contract", "exit", "files", "core", "destination"]),
    (
        "cli",
        &[
            "contract",
            "exit",
            "files",
            "cluster",
            "core",
            "store",
            "destination",
            "steps",
            "install",
            "local",
            "reconcile",
            "show",
            "logging",
            "report",
            "telemetry",
        ],
    ),
    ("lib", &[]),
    ("main", &["cli"]),
];

/// What `core` may not name: it has no files, no environment, no clock, no client, no randomness and no log.
const IMPURE: &[&str] = &[
    "std::fs",
    "std::env",
    "std::net",
    "std::process",
    "std::thread",
    "std::time::SystemTime",
    "std::time::Instant",
    "tokio",
    "tracing",
    "kube::",
    "SystemTime::now",
    "Instant::now",
    "Timestamp::now",
    "fastrand",
    "RandomState",
];

/// What only one file or folder may name.
const ONLY_IN: &[(&str, &str)] = &[
    ("granit_parser", "src/files/yaml"),
    ("kube::", "src/cluster/live"),
    ("opentelemetry", "src/telemetry"),
    ("git2::", "src/store/git"),
    ("russh", "src/store/git"),
    ("object_store::", "src/store/bucket"),
    ("walkdir", "src/files/tree"),
    ("Command::new(", "src/local/engine"),
    ("unsafe", "src/store/git/transport"),
];

/// Starts of text that belong to the contract.
const CONTRACT_NAMES: &[&str] = &["\"KRATIX_", "\"/kratix", "\"/work-creator-files", "kratix.io/"];

/// A file with more lines has a second idea in it.
const LINES_MAX: usize = 400;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(folder: &str) -> Vec<PathBuf> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(&root().join(folder), &mut found);
    found.sort();
    assert!(found.len() > 3, "{folder} was walked");
    found
}

/// Lines of a file that are code of the product: no comments, nothing from its test module on.
fn code(path: &Path) -> Vec<(usize, String)> {
    if relative(path).contains("/tests/") || path.file_name().is_some_and(|name| name == "tests.rs")
    {
        return Vec::new();
    }
    fs::read_to_string(path)
        .unwrap()
        .lines()
        .enumerate()
        .take_while(|(_, line)| !line.trim_start().starts_with("#[cfg(test)]"))
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
        .map(|(index, line)| (index + 1, line.to_owned()))
        .collect()
}

fn relative(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().display().to_string()
}

/// `src/core/status/merge.rs` -> `core`; `src/exit.rs` -> `exit`.
fn room(path: &Path) -> String {
    let path = relative(path);
    let inside = path.trim_start_matches("src/");
    inside.split('/').next().unwrap().trim_end_matches(".rs").to_owned()
}

fn named_rooms(line: &str) -> Vec<String> {
    line.match_indices("crate::")
        .filter(|(at, _)| !line[..*at].ends_with("pub(in "))
        .map(|(at, found)| {
            line[at + found.len()..]
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect::<String>()
        })
        .filter(|name| !name.is_empty())
        .collect()
}

#[test]
fn dependencies_point_one_way() {
    let mut wrong = Vec::new();
    for path in rust_files("src") {
        let room = room(&path);
        let Some((_, allowed)) = DIRECTIONS.iter().find(|(name, _)| *name == room) else {
            wrong.push(format!("{}: the room `{room}` is not in DIRECTIONS", relative(&path)));
            continue;
        };
        for (number, line) in code(&path) {
            for named in named_rooms(&line) {
                if named != room && !allowed.contains(&named.as_str()) {
                    wrong.push(format!(
                        "{}:{number}: `{room}` may not import `{named}`",
                        relative(&path)
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn the_core_is_pure() {
    let mut wrong = Vec::new();
    for path in rust_files("src/core") {
        for (number, line) in code(&path) {
            for word in IMPURE {
                if line.contains(word) {
                    wrong.push(format!("{}:{number}: core names `{word}`", relative(&path)));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn some_crates_are_named_in_one_place() {
    let mut wrong = Vec::new();
    for path in rust_files("src") {
        for (number, line) in code(&path) {
            for (word, place) in ONLY_IN {
                if line.contains(word) && !relative(&path).starts_with(place) {
                    wrong
                        .push(format!("{}:{number}: `{word}` belongs in {place}", relative(&path)));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn names_of_the_contract_are_spelled_in_contract() {
    let mut wrong = Vec::new();
    for path in rust_files("src") {
        if room(&path) == "contract" {
            continue;
        }
        for (number, line) in code(&path) {
            for name in CONTRACT_NAMES {
                if line.contains(name) {
                    wrong.push(format!("{}:{number}: {}", relative(&path), line.trim()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn files_are_short_enough_to_finish() {
    let long: Vec<String> = ["src", "tests"]
        .into_iter()
        .flat_map(rust_files)
        .map(|path| (fs::read_to_string(&path).unwrap().lines().count(), path))
        .filter(|(lines, _)| *lines > LINES_MAX)
        .map(|(lines, path)| format!("{}: {lines} lines", relative(&path)))
        .collect();
    assert!(long.is_empty(), "\n{}", long.join("\n"));
}

#[test]
fn every_file_says_what_it_is_for() {
    let silent: Vec<String> = ["src", "tests"]
        .into_iter()
        .flat_map(rust_files)
        .filter(|path| !fs::read_to_string(path).unwrap().starts_with("//!"))
        .map(|path| relative(&path))
        .collect();
    assert!(silent.is_empty(), "no `//!` line at the top:\n{}", silent.join("\n"));
}

#[test]
fn no_test_file_is_forgotten() {
    for folder in ["tests/it", "tests/cluster", "tests/images", "tests/stores"] {
        let Ok(listed) = fs::read_to_string(root().join(folder).join("main.rs")) else { continue };
        for entry in fs::read_dir(root().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            let is_module = path.extension().is_some_and(|extension| extension == "rs")
                || path.join("mod.rs").exists();
            if is_module && name != "main" {
                assert!(
                    listed.contains(&format!("mod {name};")),
                    "{folder}/main.rs does not list `{name}`"
                );
            }
        }
    }
}

#[test]
fn nothing_is_left_to_do_in_the_code() {
    let words = [["to", "do!("].concat(), ["unimplem", "ented!("].concat(), ["FIX", "ME"].concat()];
    for path in ["src", "tests"].into_iter().flat_map(rust_files) {
        let text = fs::read_to_string(&path).unwrap();
        for word in &words {
            assert!(!text.contains(word), "{} holds `{word}`", relative(&path));
        }
    }
}
