//! The folders of a pipeline's pod, with a cluster that is a folder too.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::container::Container;

/// Where a container finds the cluster.
pub(crate) const CLUSTER: &str = "/cluster";

/// What Kratix sets in its three containers.
pub(crate) const ENVIRONMENT: [(&str, &str); 10] = [
    ("KRATIX_OBJECT_GROUP", "example.org"),
    ("KRATIX_OBJECT_VERSION", "v1"),
    ("KRATIX_OBJECT_KIND", "Database"),
    ("KRATIX_CRD_PLURAL", "databases"),
    ("KRATIX_OBJECT_NAME", "orders"),
    ("KRATIX_OBJECT_NAMESPACE", "team-a"),
    ("KRATIX_WORKFLOW_ACTION", "configure"),
    ("KRATIX_WORKFLOW_TYPE", "resource"),
    ("KRATIX_PROMISE_NAME", "database"),
    ("KRATIX_PIPELINE_NAME", "instance"),
];

/// Arguments of a step, as Kratix gives them to the writer.
pub(crate) fn arguments(step: &str) -> &'static [&'static str] {
    match step {
        "writer" => &[
            "--input-directory=/work-creator-files",
            "--namespace=team-a",
            "--resource-name=orders",
        ],
        _ => &[],
    }
}

/// Folders in the middle of a workflow: the user's stages are done.
pub(crate) struct Pod {
    dir: tempfile::TempDir,
}

impl Pod {
    /// Lays out an object, a document to schedule and a status.
    pub(crate) fn new() -> Self {
        Self::with_object_of(0)
    }

    /// The same, with an object that holds this many bytes more.
    pub(crate) fn with_object_of(bytes: usize) -> Self {
        let pod = Self { dir: tempfile::tempdir().unwrap() };
        for folder in ["cluster", "input", "output", "metadata", "system"] {
            fs::create_dir(pod.path(folder)).unwrap();
        }
        pod.write_object(&pod.path("cluster"), bytes);
        fs::write(pod.path("output/service.yaml"), "kind: Service\nport: 5432\n").unwrap();
        fs::write(pod.path("metadata/status.yaml"), "message: ready\nendpoint: db:5432\n").unwrap();
        pod.allow(0o777);
        pod
    }

    /// Puts the object into a folder that is a cluster.
    pub(crate) fn write_object(&self, cluster: &Path, bytes: usize) {
        let folder = cluster.join("team-a/databases.example.org");
        fs::create_dir_all(&folder).unwrap();
        let object = format!(
            "apiVersion: example.org/v1\nkind: Database\n\
             metadata: {{name: orders, namespace: team-a, uid: u, resourceVersion: '1'}}\n\
             spec: {{size: small, notes: {}}}\n",
            "n".repeat(bytes)
        );
        fs::write(folder.join("orders.yaml"), object).unwrap();
    }

    /// Path below the pod's own folder on this machine.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    /// Gives every folder these rights, and files the same without execution.
    pub(crate) fn allow(&self, mode: u32) {
        allow_below(self.dir.path(), mode);
    }

    /// A container of `image` with the folders, but for those named, and everything that Kratix sets.
    pub(crate) fn container_without(&self, image: &str, without: &[&str]) -> Container {
        let mut container = Container::of(image).env("BOOKEND_CLUSTER", CLUSTER);
        for (name, value) in ENVIRONMENT {
            container = container.env(name, value);
        }
        for (folder, at) in [
            ("cluster", CLUSTER),
            ("input", "/kratix/input"),
            ("output", "/work-creator-files/input"),
            ("metadata", "/work-creator-files/metadata"),
            ("system", "/work-creator-files/kratix-system"),
        ] {
            if !without.contains(&folder) {
                container = container.mount(&self.path(folder), at);
            }
        }
        container
    }

    /// A container of a step's image, ready to do its step.
    pub(crate) fn container(&self, step: &str) -> Container {
        self.container_without(step, &[]).arguments(arguments(step))
    }

    /// Panics unless a step has done what it is for.
    #[track_caller]
    pub(crate) fn expect_done(&self, step: &str) {
        match step {
            "reader" => {
                let written = fs::read_to_string(self.path("input/object.yaml")).unwrap();
                assert!(written.contains("size: small"), "{written}");
            }
            "writer" => {
                let works = self.works();
                assert_eq!(works.len(), 1, "{works:?}");
                let work = fs::read_to_string(&works[0]).unwrap();
                assert!(work.contains("filepath: service.yaml"), "{work}");
            }
            "status" => {
                let object = self.path("cluster/team-a/databases.example.org/orders.yaml");
                let object = fs::read_to_string(object).unwrap();
                assert!(object.contains("endpoint: db:5432"), "{object}");
            }
            _ => panic!("there is no step `{step}`"),
        }
    }

    fn works(&self) -> Vec<PathBuf> {
        let folder = self.path("cluster/team-a/works.platform.kratix.io");
        let files = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
        files.filter(|path| path.extension().is_some_and(|ending| ending == "yaml")).collect()
    }
}

fn allow_below(path: &Path, mode: u32) {
    let is_dir = path.is_dir();
    let own = if is_dir { mode } else { mode & 0o666 };
    fs::set_permissions(path, Permissions::from_mode(own)).unwrap();
    if is_dir {
        for entry in fs::read_dir(path).unwrap() {
            allow_below(&entry.unwrap().path(), mode);
        }
    }
}
