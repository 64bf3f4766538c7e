//! A folder with a Promise, a request and whatever else, and a run in it.

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

use bookend::cluster::Reads as _;
use bookend::cluster::folder::FolderCluster;
use bookend::contract::{Kind, Object};
use bookend::core::promise::WorkflowAction;
use bookend::local::engine::{Engine as _, EngineError, Process, Stage};
use bookend::local::report::Report;
use bookend::local::run::{self, Run, RunError};
use bookend::steps::Clock;

/// The kind that every Promise here offers.
pub(crate) const DATABASE: Kind = Kind {
    group: std::borrow::Cow::Borrowed("example.org"),
    version: std::borrow::Cow::Borrowed("v1"),
    kind: std::borrow::Cow::Borrowed("Database"),
    plural: std::borrow::Cow::Borrowed("databases"),
    namespaced: true,
};

/// One folder, its files, and the arguments of a run.
pub(crate) struct Case {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) args: Run,
}

/// A case with these pipelines as `workflows.resource.configure`, and a request for it.
pub(crate) fn resource(pipelines: &str) -> Case {
    let mut case = workflows(&format!("    resource:\n      configure:\n{pipelines}"));
    case.request("spec: {size: small}");
    case
}

/// A case with these workflows and no request.
pub(crate) fn workflows(workflows: &str) -> Case {
    promise(&format!("  workflows:\n{workflows}"))
}

/// A case with this text below the API in `spec`.
pub(crate) fn promise(spec: &str) -> Case {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("promise.yaml");
    fs::write(&path, format!("{PROMISE}{spec}")).unwrap();
    let args = Run {
        promise: path,
        request: None,
        with: vec![],
        action: WorkflowAction::Configure,
        workflow: None,
        cluster: Some(dir.path().join("cluster")),
        out: None,
        commands: [].into(),
    };
    Case { dir, args }
}

/// A pipeline with one container `stage` that runs this script.
pub(crate) fn pipeline(name: &str, script: &str) -> String {
    stages(name, &[("stage", script)], "")
}

/// A pipeline with one container for each script, and more fields for each.
pub(crate) fn stages(name: &str, scripts: &[(&str, &str)], more: &str) -> String {
    let mut text = format!(
        "      - apiVersion: platform.kratix.io/v1alpha1\n        kind: Pipeline\n        metadata: {{name: {name}}}\n        spec:\n          containers:\n"
    );
    for (stage, script) in scripts {
        let script = serde_json::to_string(script).unwrap();
        text += &format!(
            "          - name: {stage}\n            image: none\n            command: [sh, -ec, {script}]\n{more}"
        );
    }
    text
}

const PROMISE: &str = "\
apiVersion: platform.kratix.io/v1alpha1
kind: Promise
metadata: {name: database}
spec:
  destinationSelectors: [{matchLabels: {env: dev}}]
  api:
    apiVersion: apiextensions.k8s.io/v1
    kind: CustomResourceDefinition
    metadata: {name: databases.example.org}
    spec:
      group: example.org
      names: {kind: Database, plural: databases, singular: database}
      scope: Namespaced
      versions:
      - name: v1
        served: true
        storage: true
        schema:
          openAPIV3Schema:
            type: object
            properties:
              spec:
                type: object
                required: [size]
                properties:
                  size: {type: string, enum: [small, large]}
                  replicas: {type: integer, default: 2}
";

impl Case {
    /// Writes the request `orders` in `team-a`.
    pub(crate) fn request(&mut self, spec: &str) {
        let head = "apiVersion: example.org/v1\nkind: Database\nmetadata: {name: orders, namespace: team-a}\n";
        self.args.request = Some(self.write("request.yaml", &format!("{head}{spec}\n")));
    }

    /// Writes a file with objects that are put into the cluster before.
    pub(crate) fn with(&mut self, objects: &str) {
        let name = format!("with-{}.yaml", self.args.with.len());
        self.args.with.push(self.write(&name, objects));
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    pub(crate) fn run(&self) -> Result<Report, RunError> {
        self.run_with(&self.args)
    }

    /// Runs with other arguments in the same folder.
    pub(crate) fn run_with(&self, args: &Run) -> Result<Report, RunError> {
        block_on(run::run(args, &engine(), Clock::System))
    }

    /// Runs, and shows what went wrong when it did.
    #[track_caller]
    pub(crate) fn succeeds(&self) -> Report {
        let report =
            self.run().unwrap_or_else(|error| panic!("{}", bookend::report::render(&error)));
        if let Some(failure) = report.failure() {
            panic!("{}", bookend::report::render(failure));
        }
        report
    }

    pub(crate) fn cluster(&self) -> FolderCluster {
        FolderCluster::new(self.dir.path().join("cluster"))
    }

    pub(crate) fn list(&self, kind: &Kind) -> Vec<Object> {
        block_on(self.cluster().list(kind, None, &[])).unwrap()
    }
}

/// Paths and text of all files that a run wrote.
pub(crate) fn files(report: &Report) -> Vec<(String, String)> {
    let works = report.works.iter().flat_map(|work| &work.groups);
    let files = works.flat_map(|placed| &placed.group.files);
    files.map(|file| (file.path.clone(), String::from_utf8_lossy(&file.content).into())).collect()
}

/// The text of the one file that a run wrote.
#[track_caller]
pub(crate) fn only_file(report: &Report) -> String {
    let files = files(report);
    assert_eq!(files.len(), 1, "{files:?}");
    files[0].1.clone()
}

/// Whether this machine lets us make namespaces; found out once, with a stage that does nothing.
pub(crate) fn namespaces_are_allowed() -> bool {
    static ALLOWED: OnceLock<bool> = OnceLock::new();
    *ALLOWED.get_or_init(|| {
        let scratch = tempfile::tempdir().unwrap();
        let stage = Stage {
            name: "probe".into(),
            command: vec!["true".into()],
            environment: vec![],
            working_dir: "/".into(),
            mounts: vec![],
            scratch: scratch.path().to_owned(),
        };
        let ended = block_on(engine().run(&stage));
        !matches!(ended, Err(EngineError::Namespaces { .. }))
    })
}

/// The engine of every test: nothing of the machine's environment but a PATH.
pub(crate) fn engine() -> Process {
    let variables = [("PATH", "/usr/bin:/bin")].into_iter();
    let mut engine = Process::new(variables.map(|(name, value)| (name.into(), value.into())));
    engine.program = PathBuf::from(env!("CARGO_BIN_EXE_bookend"));
    engine
}

/// Runs on one thread, as the program does.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.unwrap().block_on(future)
}
