//! What is in the images, and what is not.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use tar::EntryType;

use crate::STEPS;
use crate::archive::{Entry, Image, PROCESSORS, read};

/// The binary, once, at the path that Kratix hard-codes.
const BINARY: &str = "bin/pipeline-adapter";

/// Runs a check on every image.
#[track_caller]
fn each(check: impl Fn(&str, &Image)) {
    for processor in PROCESSORS {
        for step in STEPS {
            check(&format!("{step} for {processor}"), &read(processor, step));
        }
    }
}

/// The paths of those entries that a condition holds for.
fn paths(image: &Image, condition: impl Fn(&Entry) -> bool) -> Vec<&str> {
    image.entries.iter().filter(|entry| condition(entry)).map(|entry| &*entry.path).collect()
}

#[test]
#[ignore = "needs the images: tests/images/run"]
fn they_hold_the_binary_its_names_and_four_files() {
    let mut expect = BTreeSet::from([
        "bin",
        BINARY,
        "bin/bookend",
        "etc",
        "etc/group",
        "etc/passwd",
        "etc/ssl",
        "etc/ssl/certs",
        "etc/ssl/certs/ca-certificates.crt",
        "tmp",
    ]);
    let names = bookend::cli::argv0::NAMES.map(|(name, _)| format!("bin/{name}"));
    expect.extend(names.iter().map(String::as_str));
    each(|which, image| {
        assert_eq!(image.layers.len(), 1, "{which}");
        let found: BTreeSet<&str> = paths(image, |_| true).into_iter().collect();
        assert_eq!(found, expect, "{which}");
        for entry in &image.entries {
            let is_link = entry.path.starts_with("bin/") && entry.path != BINARY;
            assert_eq!(entry.kind == EntryType::Symlink, is_link, "{which}: {}", entry.path);
            if is_link {
                let target = entry.link.as_deref();
                assert_eq!(target, Some(Path::new("pipeline-adapter")), "{which}: {}", entry.path);
            }
        }
    });
}

#[test]
#[ignore = "needs the images: tests/images/run"]
fn they_have_no_shell_and_nothing_that_gives_rights() {
    each(|which, image| {
        let shells = paths(image, |entry| {
            let name = entry.path.rsplit('/').next().unwrap();
            ["sh", "ash", "bash", "dash", "busybox", "env", "python3"].contains(&name)
        });
        assert!(shells.is_empty(), "{which}: {shells:?}");
        let programs =
            paths(image, |entry| entry.kind == EntryType::Regular && entry.mode & 0o111 != 0);
        assert_eq!(programs, [BINARY], "{which}");
        let with_rights = paths(image, |entry| entry.mode & 0o6000 != 0);
        assert!(with_rights.is_empty(), "setuid or setgid: {which}: {with_rights:?}");
        let of_others = paths(image, |entry| entry.owner != (0, 0));
        assert!(of_others.is_empty(), "not root's: {which}: {of_others:?}");
        let writable =
            paths(image, |entry| entry.kind != EntryType::Symlink && entry.mode & 0o022 != 0);
        assert_eq!(writable, ["tmp"], "writable: {which}");
        let tmp = image.entries.iter().find(|entry| entry.path == "tmp").unwrap();
        assert_eq!(tmp.mode & 0o7777, 0o1777, "{which}");
        let devices = paths(image, |entry| {
            let kinds = [EntryType::Regular, EntryType::Directory, EntryType::Symlink];
            !kinds.contains(&entry.kind)
        });
        assert!(devices.is_empty(), "{which}: {devices:?}");
    });
}

#[test]
#[ignore = "needs the images: tests/images/run"]
fn they_start_their_step_as_nobody_and_say_what_they_are() {
    for processor in PROCESSORS {
        for step in STEPS {
            let image = read(processor, step);
            let which = format!("{step} for {processor}");
            assert!(image.name.starts_with(&format!("localhost/bookend-{step}:")), "{which}");
            assert_eq!(image.config["architecture"], processor, "{which}");
            let config = &image.config["config"];
            assert_eq!(config["User"], "65532:65532", "{which}");
            let entry_point = serde_json::json!(["/bin/pipeline-adapter", step]);
            assert_eq!(config["Entrypoint"], entry_point, "{which}");
            let label = |name: &str| {
                config["Labels"][format!("org.opencontainers.image.{name}")].as_str().unwrap()
            };
            assert_eq!(label("version"), env!("CARGO_PKG_VERSION"), "{which}");
            assert_eq!(label("licenses"), "Apache-2.0", "{which}");
            // An older build would pass for this one.
            let revision = label("revision").trim_end_matches("-dirty");
            assert_eq!(revision, head(), "{which}: build the images of this commit first");
            assert!(!label("source").is_empty(), "{which}");
        }
    }
}

/// The commit that is tested.
fn head() -> String {
    let git = Command::new("git").args(["rev-parse", "HEAD"]).output().unwrap();
    String::from_utf8(git.stdout).unwrap().trim().to_owned()
}

#[test]
#[ignore = "needs the images: tests/images/run"]
fn the_three_share_their_layer_and_its_times_are_those_of_the_commit() {
    for processor in PROCESSORS {
        let [reader, writer, status] = STEPS.map(|step| read(processor, step));
        assert_eq!(reader.layers, writer.layers, "{processor}");
        assert_eq!(reader.layers, status.layers, "{processor}");
        let times: BTreeSet<u64> = reader.entries.iter().map(|entry| entry.time).collect();
        assert_eq!(times.len(), 1, "{processor}: {times:?}");
        assert_eq!(reader.config["created"], status.config["created"], "{processor}");
    }
}
