//! A step started by a person: with `--dry-run`, and with settings missing.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A folder with a folder cluster in `cluster` and the folders of a pod in `pod`.
struct Hand(tempfile::TempDir);

/// What a call brings: exit code, stdout, stderr.
type Seen = (Option<i32>, String, String);

const OBJECT: [&str; 10] = [
    "--object-group",
    "example.org",
    "--object-version",
    "v1",
    "--crd-plural",
    "databases",
    "--object-name",
    "orders",
    "--object-namespace",
    "team-a",
];
const WORK: [&str; 8] = [
    "--input-directory",
    "/work-creator-files",
    "--promise-name",
    "p",
    "--pipeline-name",
    "n",
    "--resource-name",
    "r",
];

impl Hand {
    fn new() -> Self {
        let hand = Self(tempfile::tempdir().unwrap());
        hand.file(
            "cluster/team-a/databases.example.org/orders.yaml",
            "apiVersion: example.org/v1\nkind: Database\n\
             metadata: {name: orders, namespace: team-a, uid: u, resourceVersion: '1'}\n",
        );
        hand.file("pod/work-creator-files/input/a.yaml", "a: 1\n");
        hand.file("pod/work-creator-files/metadata/status.yaml", "message: done\n");
        hand
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn file(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Everything below the folder: files with their content and time, and folders.
    fn all(&self) -> BTreeMap<PathBuf, String> {
        fn walk(folder: &Path, found: &mut BTreeMap<PathBuf, String>) {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let changed = fs::metadata(&path).unwrap().modified().unwrap();
                if path.is_dir() {
                    walk(&path, found);
                    found.insert(path, format!("{changed:?}"));
                } else {
                    let text = fs::read_to_string(&path).unwrap();
                    found.insert(path, format!("{changed:?} {text}"));
                }
            }
        }
        let mut found = BTreeMap::new();
        walk(self.0.path(), &mut found);
        found
    }

    fn call(&self, arguments: &[&str]) -> Seen {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bookend"));
        command.env_clear().stdin(Stdio::null()).args(arguments);
        command.env("BOOKEND_CLUSTER", self.path("cluster"));
        let output = command.env("BOOKEND_POD_ROOT", self.path("pod")).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    }
}

#[test]
fn a_dry_run_prints_and_changes_no_file() {
    let hand = Hand::new();
    let before = hand.all();
    let with = |step: &[&'static str], more: &[&'static str]| [step, more].concat();
    for (arguments, expect) in [
        (with(&["reader", "--dry-run"], &OBJECT), "# would write "),
        (
            with(&["writer", "--dry-run"], &WORK),
            "would create the Work kratix-platform-system/p-r-n-",
        ),
        (
            with(&["writer", "--dry-run", "-o", "json"], &WORK),
            "{\n  \"apiVersion\": \"platform.kratix.io/v1alpha1\"",
        ),
        (
            with(&["writer", "--dry-run", "-o", "yaml"], &WORK),
            "apiVersion: platform.kratix.io/v1alpha1\n",
        ),
        (
            with(
                &[
                    "status",
                    "--dry-run",
                    "--is-last-pipeline",
                    "true",
                    "--workflow-action",
                    "configure",
                ],
                &OBJECT,
            ),
            "would update the status of databases.example.org team-a/orders\n",
        ),
    ] {
        let (code, out, errors) = hand.call(&arguments);
        assert_eq!(code, Some(0), "{arguments:?}: {errors}");
        assert!(out.starts_with(expect), "{arguments:?}: {out}");
        assert!(!errors.contains("INFO"), "{errors}");
    }
    assert_eq!(hand.all(), before);
}

#[test]
fn a_dry_run_makes_no_folder_of_a_cluster() {
    let hand = Hand::new();
    let (code, out, errors) =
        hand.call(&[&["writer", "--dry-run", "--cluster", "/none/such"], &WORK[..]].concat());
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(
        errors.starts_with("error: failed to find the folder `/none/such` of `--cluster`\n"),
        "{errors}"
    );
}

#[test]
fn what_is_missing_is_told_at_once_with_its_flag() {
    let hand = Hand::new();
    let (code, out, errors) = hand.call(&["status", "--object-name", "orders"]);
    assert_eq!((code, out.as_str()), (Some(2), ""));
    let expected = "\
error: the status step is not told whose status to update: KRATIX_OBJECT_GROUP, KRATIX_OBJECT_VERSION, KRATIX_CRD_PLURAL, KRATIX_OBJECT_NAMESPACE, KRATIX_WORKFLOW_ACTION, KRATIX_WORKFLOW_TYPE, KRATIX_PIPELINE_NAME, IS_LAST_PIPELINE not set
  hint: Kratix sets these variables on the container `status-writer` of its pods; see them in a pod with
      kubectl get pod POD -o jsonpath='{range .spec.containers[?(@.name==\"status-writer\")].env[*]}{.name}={.value}{\"\\n\"}{end}'
    and give by hand
      --object-group for KRATIX_OBJECT_GROUP
      --object-version for KRATIX_OBJECT_VERSION
      --crd-plural for KRATIX_CRD_PLURAL
      --object-namespace for KRATIX_OBJECT_NAMESPACE
      --workflow-action for KRATIX_WORKFLOW_ACTION
      --workflow-type for KRATIX_WORKFLOW_TYPE
      --pipeline-name for KRATIX_PIPELINE_NAME
      --is-last-pipeline for IS_LAST_PIPELINE
";
    assert_eq!(errors, expected);
}

#[test]
fn what_is_missing_is_told_before_a_cluster_is_looked_for() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bookend"));
    let output = command.env_clear().arg("writer").stdin(Stdio::null()).output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    let expected = "error: the writer is not told what to write: --input-directory, --promise-name, --pipeline-name not given\n";
    assert!(errors.starts_with(expected), "{errors}");
}

#[test]
fn what_is_useful_only_is_a_warning() {
    let hand = Hand::new();
    let (code, _, errors) = hand.call(&[&["status", "--dry-run"], &OBJECT[..]].concat());
    assert_eq!(code, Some(0), "{errors}");
    assert!(errors.contains("WARN some variables are not set"), "{errors}");
}
