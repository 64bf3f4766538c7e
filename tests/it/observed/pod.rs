//! The folders and variables of a step whose API server is [`super::api::Api`].

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

/// Stands in everything that must not be told: the object, the files, the token.
pub(super) const CANARY: &str = "canary-7d1f";

/// The trace that the object belongs to.
pub(super) const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
/// The span in it that caused the run.
pub(super) const SPAN: &str = "00f067aa0ba902b7";

/// Arguments of the three steps, as Kratix gives them.
pub(super) const READER: &[&str] = &["reader"];
pub(super) const WRITER: &[&str] = &[
    "writer",
    "--input-directory",
    "/work-creator-files",
    "--promise-name",
    "database",
    "--pipeline-name",
    "p",
    "--namespace",
    "team-a",
    "--resource-name",
    "orders",
    "--workflow-type",
    "resource",
];
pub(super) const STATUS: &[&str] = &["status", "--is-last-pipeline", "true"];

/// Where a step runs.
pub(super) struct Pod(tempfile::TempDir);

/// How a step has ended.
pub(super) struct Ran {
    pub(super) code: Option<i32>,
    pub(super) errors: String,
}

pub(super) fn traceparent() -> String {
    format!("00-{TRACE}-{SPAN}-01")
}

/// The object, in this trace.
pub(super) fn object(traceparent: &str) -> Value {
    json!({
        "apiVersion": "example.org/v1",
        "kind": "Database",
        "metadata": {
            "name": "orders", "namespace": "team-a", "uid": "u", "resourceVersion": "1", "generation": 1,
            "annotations": {
                "kratix.io/trace-parent": traceparent, "kratix.io/trace-state": "vendor=1", "note": CANARY,
            },
        },
        "spec": {"password": CANARY},
        "status": {
            "note": CANARY,
            "kratix": {"workflows": {"pipelines": [{"name": "p", "phase": "Running"}]}},
        },
    })
}

impl Pod {
    pub(super) fn new(server: &str) -> Self {
        let pod = Self(tempfile::tempdir().unwrap());
        for folder in ["kratix/input", "work-creator-files/input", "work-creator-files/metadata"] {
            fs::create_dir_all(pod.path(folder)).unwrap();
        }
        fs::write(pod.path("work-creator-files/input/a.yaml"), format!("a: {CANARY}\n")).unwrap();
        pod.metadata("status.yaml", &format!("message: {CANARY}\n"));
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "c",
            "clusters": [{"name": "c", "cluster": {"server": server}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
            "users": [{"name": "u", "user": {"token": CANARY}}],
        });
        fs::write(pod.path("kubeconfig"), config.to_string()).unwrap();
        pod
    }

    pub(super) fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    /// Writes a file that the pipeline leaves for the platform.
    pub(super) fn metadata(&self, name: &str, text: &str) {
        fs::write(self.path("work-creator-files/metadata").join(name), text).unwrap();
    }

    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bookend"));
        command.env_clear().stdin(Stdio::null()).args(arguments);
        for (name, value) in [
            ("KRATIX_OBJECT_GROUP", "example.org"),
            ("KRATIX_OBJECT_VERSION", "v1"),
            ("KRATIX_OBJECT_KIND", "Database"),
            ("KRATIX_CRD_PLURAL", "databases"),
            ("KRATIX_OBJECT_NAME", "orders"),
            ("KRATIX_OBJECT_NAMESPACE", "team-a"),
            ("KRATIX_WORKFLOW_ACTION", "configure"),
            ("KRATIX_WORKFLOW_TYPE", "resource"),
            ("KRATIX_PROMISE_NAME", "database"),
            ("KRATIX_PIPELINE_NAME", "p"),
        ] {
            command.env(name, value);
        }
        command.env("KUBECONFIG", self.path("kubeconfig")).env("BOOKEND_POD_ROOT", self.0.path());
        command
    }

    /// Runs a command; what it writes to stderr has `POD` for this folder.
    pub(super) fn run(&self, command: &mut Command) -> Ran {
        let output = command.output().unwrap();
        assert_eq!(output.stdout, b"", "stdout is for results");
        let errors = String::from_utf8(output.stderr).unwrap();
        let errors = errors.replace(&self.0.path().display().to_string(), "POD");
        Ran { code: output.status.code(), errors }
    }
}
