//! What the writer sees of a pod: its folders, its arguments and its clock.

use std::fs;
use std::path::PathBuf;

use bookend::contract::Layout;
use bookend::exit::{Exit, Fault as _};
use bookend::report;
use bookend::steps::writer::{self, Outcome, Writer, WriterError, Written};
use bookend::steps::{Clock, Context};
use tempfile::TempDir;

use crate::double::Double;

/// A pod of which only the writer's folders are there.
pub(crate) struct Pod {
    root: TempDir,
    pub(crate) args: Writer,
    pub(crate) clock: Clock,
}

impl Pod {
    /// Returns a pod with an output folder that holds these files.
    pub(crate) fn with(files: &[(&str, &str)]) -> Self {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("input")).unwrap();
        let args = Writer {
            namespace: "team-a".into(),
            resource_name: Some("sample".into()),
            workflow_type: "resource".into(),
            ..Writer::new("widget", "pipe-0")
        };
        let pod = Self { root, args, clock: Clock::System };
        for (path, content) in files {
            pod.write(&format!("input/{path}"), content);
        }
        pod
    }

    /// Returns where something of the pod is.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    /// Writes a file and the folders above it.
    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Runs the writer.
    pub(crate) async fn run(&self, cluster: &Double) -> Result<Outcome, WriterError> {
        let layout = Layout::writer_root(self.root.path());
        writer::run(&Context { layout, clock: self.clock }, cluster, &self.args).await
    }

    /// Runs where it must fail, and returns what the user sees, without the temporary path.
    pub(crate) async fn refused(&self, exit: Exit) -> String {
        let cluster = Double::default();
        let error = self.run(&cluster).await.unwrap_err();
        assert_eq!(cluster.requests(), [""; 0], "no request before the input is known to be good");
        assert_eq!(error.exit(), exit);
        report::render(&error).replace(&self.root.path().display().to_string(), "[ROOT]")
    }

    /// Runs where a Work must come of it.
    pub(crate) async fn written(&self, cluster: &Double) -> Written {
        match self.run(cluster).await.unwrap() {
            Outcome::Wrote(written) => written,
            Outcome::Stopped(control) => panic!("{control:?}"),
        }
    }
}
