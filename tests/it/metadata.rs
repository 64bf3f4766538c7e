//! The three files that a pipeline leaves for the platform, in every form they can have.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use bookend::contract::{Kind, Layout, kinds};
use bookend::exit::{Exit, Fault as _};
use bookend::steps::status::{self, FILE_BYTES_MAX, Status};
use bookend::steps::writer::{self, Writer};
use bookend::steps::{Clock, Context};
use serde_json::json;

use crate::double::Double;
use crate::hostile::again_as_nobody;

const SELECTORS: &str = "destination-selectors.yaml";
const STATUS: &str = "status.yaml";
const CONTROL: &str = "workflow-control.yaml";
/// Each file with the steps that read it.
const READ_BY: [(&str, &str); 4] =
    [(SELECTORS, "writer"), (CONTROL, "writer"), (CONTROL, "status"), (STATUS, "status")];

/// A pod with an output folder, a folder of metadata and a secret beside them.
struct Pod(tempfile::TempDir);

impl Pod {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        for folder in ["input/foo", "metadata/folder"] {
            fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        fs::write(root.path().join("input/foo/a"), "1").unwrap();
        // What each of the steps could use if it read it.
        fs::write(root.path().join("secret"), "").unwrap();
        Self(root)
    }

    fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.path().join("metadata").join(name)
    }

    /// Runs a step; nothing may have been asked or written when it fails.
    async fn run(&self, step: &str) -> Result<(), (Exit, String)> {
        let context = Context { layout: Layout::writer_root(self.0.path()), clock: Clock::System };
        let kind: Kind = kinds::CONFIG_MAP;
        let cluster = Double::with(&kind, [json!({"metadata": {"name": "a", "namespace": "n"}})]);
        let result = if step == "writer" {
            let args = Writer::new("p", "main");
            let result = writer::run(&context, &cluster, &args).await;
            result.map(|_| ()).map_err(|error| (error.exit(), bookend::report::render(&error)))
        } else {
            let args = Status {
                key: kind.object(Some("n"), "a"),
                workflow_type: "resource".into(),
                action: "configure".into(),
                pipeline: "main".into(),
                is_last: true,
                dry_run: false,
                file_bytes_max: FILE_BYTES_MAX,
            };
            let result = status::run(&context, &cluster, &args).await;
            result.map(|_| ()).map_err(|error| (error.exit(), bookend::report::render(&error)))
        };
        if result.is_err() {
            assert_eq!(cluster.requests(), [""; 0], "no request before the files are known");
        }
        result
    }

    async fn check_refused(&self, name: &str, step: &str, expect: &str) {
        let (exit, text) = self.run(step).await.expect_err(expect);
        assert_eq!(exit, Exit::Input);
        assert!(text.contains(&*self.path(name).to_string_lossy()), "{text}");
        assert!(text.contains(expect), "{step}, {name}: {text}");
    }
}

/// What stands at the place of a file, and what is said about it.
#[tokio::test]
async fn what_is_no_file_of_its_folder_is_refused_at_once() {
    for (name, step) in READ_BY {
        for (target, expect) in [
            ("../secret", "the link leads out of its folder to `"),
            ("/dev/zero", "the link leads out of its folder to `/dev/zero`"),
            ("folder", "it is a folder, not a file"),
            (name, "Too many levels of symbolic links"),
        ] {
            let pod = Pod::new();
            symlink(target, pod.path(name)).unwrap();
            pod.check_refused(name, step, expect).await;
        }
        let pod = Pod::new();
        fs::create_dir(pod.path(name)).unwrap();
        pod.check_refused(name, step, "it is a folder, not a file").await;

        let pod = Pod::new();
        nix::unistd::mkfifo(&pod.path(name), nix::sys::stat::Mode::S_IRWXU).unwrap();
        pod.check_refused(name, step, "it is a pipe, not a file").await;

        let pod = Pod::new();
        let _listener = std::os::unix::net::UnixListener::bind(pod.path(name)).unwrap();
        pod.check_refused(name, step, "it is a socket, not a file").await;

        let pod = Pod::new();
        File::create(pod.path(name)).unwrap().set_len(1 << 30).unwrap();
        pod.check_refused(name, step, "1073741824 bytes, and the limit is 1048576").await;
    }
}

#[tokio::test]
async fn a_file_that_may_not_be_read_is_no_absent_one() {
    if nix::unistd::geteuid().is_root() {
        return again_as_nobody("metadata::a_file_that_may_not_be_read_is_no_absent_one");
    }
    for (name, step) in READ_BY {
        let pod = Pod::new();
        fs::write(pod.path(name), "").unwrap();
        fs::set_permissions(pod.path(name), fs::Permissions::from_mode(0o000)).unwrap();
        pod.check_refused(name, step, "Permission denied").await;
        fs::set_permissions(pod.path(""), fs::Permissions::from_mode(0o000)).unwrap();
        pod.run(step).await.unwrap_err();
        // A folder that may be passed through but not listed is enough.
        fs::set_permissions(pod.path(""), fs::Permissions::from_mode(0o100)).unwrap();
        fs::set_permissions(pod.path(name), fs::Permissions::from_mode(0o400)).unwrap();
        pod.run(step).await.unwrap();
        fs::set_permissions(pod.path(""), fs::Permissions::from_mode(0o700)).unwrap();
    }
}

#[tokio::test]
async fn absent_empty_wrong_too_large_unknown_and_valid_after_invalid() {
    let large = format!("# {}\n", "x".repeat(1 << 20));
    let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    for (name, step) in READ_BY {
        let valid = match name {
            SELECTORS => "- directory: foo\n  matchLabels: {a: b}\n",
            STATUS => "message: done\n",
            _ => "retryAfter: \"\"\n",
        };
        let unknown = match name {
            SELECTORS => "- unknown: {c: d}\n  matchLabels: {a: b}\n",
            _ => "unknown: {c: d}\n",
        };
        let wrong = if name == SELECTORS { "{a: b}\n" } else { "- a\n" };
        let pod = Pod::new();
        pod.run(step).await.unwrap();
        for (content, taken) in [
            ("", true),
            ("# nothing\n", true),
            ("null\n", true),
            (wrong, false),
            (valid, true),
            ("5\n", false),
            ("a: [\n", false),
            ("a: &a [*a]\n", false),
            (&deep, false),
            (unknown, true),
            (&large, false),
            (valid, true),
        ] {
            fs::write(pod.path(name), content).unwrap();
            let result = pod.run(step).await;
            let exit = result.as_ref().map_err(|(exit, _)| *exit);
            let expect = if taken { Ok(&()) } else { Err(Exit::Input) };
            assert_eq!(exit, expect, "{step}, {name}: {content:.40}: {result:?}");
        }
    }
}

#[tokio::test]
async fn other_files_beside_them_are_not_looked_at() {
    let pod = Pod::new();
    nix::unistd::mkfifo(&pod.path("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    fs::write(pod.path("destination_selectors.yaml"), "{").unwrap();
    fs::write(pod.path("Status.yaml"), "{").unwrap();
    fs::write(pod.path(OsStr::from_bytes(b"status.yaml\xff")), "{").unwrap();
    for index in 0..1000 {
        File::create(pod.path("folder").join(index.to_string())).unwrap();
    }
    pod.run("writer").await.unwrap();
    pod.run("status").await.unwrap();
}
