//! Every path in a pipeline's pod (contract.md 3.2), for a pod or below any other root.

use std::path::{Path, PathBuf};

/// Folder of the folders that users' containers see.
pub const POD_DIR: &str = "/kratix";
/// Where the reader writes and users' containers read.
pub const INPUT_DIR: &str = "/kratix/input";
/// Where users' containers write what shall be scheduled.
pub const OUTPUT_DIR: &str = "/kratix/output";
/// Where users' containers write status, selectors and workflow control.
pub const METADATA_DIR: &str = "/kratix/metadata";
/// [`INPUT_DIR`] of `xaasRequestPipeline`: the object, then what the stage before has left (contract.md 14).
pub const XAAS_INPUT_DIR: &str = "/input";
/// [`OUTPUT_DIR`] of `xaasRequestPipeline`; each stage has its own.
pub const XAAS_OUTPUT_DIR: &str = "/output";
/// [`METADATA_DIR`] of `xaasRequestPipeline`.
pub const XAAS_METADATA_DIR: &str = "/metadata";
/// Root of the folders that the writer and the status updater see.
pub const WORK_CREATOR_DIR: &str = "/work-creator-files";
/// Path of the binary in every image; Kratix hard-codes it.
pub const ADAPTER_PATH: &str = "/bin/pipeline-adapter";
/// Where the kubelet reads the last words of a container.
pub const TERMINATION_LOG: &str = "/dev/termination-log";
/// Where Kubernetes tells a pod its namespace.
pub const SERVICE_ACCOUNT_NAMESPACE: &str =
    "/var/run/secrets/kubernetes.io/serviceaccount/namespace";

/// Name of the object's file in the input folder.
pub const OBJECT_FILE: &str = "object.yaml";
/// Name of the status file in the metadata folder (contract.md 7.3).
pub const STATUS_FILE: &str = "status.yaml";
/// Name of the destination selectors' file in the metadata folder (contract.md 7.1).
pub const DESTINATION_SELECTORS_FILE: &str = "destination-selectors.yaml";
/// Name of the selectors' file of `xaasRequestPipeline` in the metadata folder (contract.md 14).
pub const CLUSTER_SELECTORS_FILE: &str = "cluster-selectors.yaml";
/// Name of the workflow control file in the metadata folder (contract.md 7.2).
pub const WORKFLOW_CONTROL_FILE: &str = "workflow-control.yaml";
/// Name of the Promise's selectors' file in the writer's `kratix-system` folder (contract.md 3.1).
pub const PROMISE_SCHEDULING_FILE: &str = "promise-scheduling";

/// The folders that one step sees.
///
/// The writer's view has an oddity that is Kratix's: what users' containers know as `output` is mounted as
/// `input` below the writer's root. It is written down here and nowhere else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// Folder of `object.yaml`.
    pub input_dir: PathBuf,
    /// Folder of the files to schedule.
    pub output_dir: PathBuf,
    /// Folder of status, selectors and workflow control.
    pub metadata_dir: PathBuf,
    /// Folder of the Promise's own selectors.
    pub system_dir: PathBuf,
}

impl Layout {
    /// Returns the folders as Kratix mounts them in a pod.
    pub fn pod() -> Self {
        Self::writer_root(Path::new(WORK_CREATOR_DIR))
    }

    /// Returns the writer's folders below `root` (`--input-directory`), the reader's as in a pod.
    pub fn writer_root(root: &Path) -> Self {
        Self {
            input_dir: PathBuf::from(INPUT_DIR),
            output_dir: root.join("input"),
            metadata_dir: root.join("metadata"),
            system_dir: root.join("kratix-system"),
        }
    }

    /// Returns the folders below `root` by the names that users' containers know: `input`, `output`, `metadata`.
    pub fn under(root: &Path) -> Self {
        Self {
            input_dir: root.join("input"),
            output_dir: root.join("output"),
            metadata_dir: root.join("metadata"),
            system_dir: root.join("kratix-system"),
        }
    }

    /// Returns the same folders with another one for the object.
    pub fn with_input_dir(self, input_dir: PathBuf) -> Self {
        Self { input_dir, ..self }
    }

    /// Path of the object's file.
    pub fn object_path(&self) -> PathBuf {
        self.input_dir.join(OBJECT_FILE)
    }

    /// Path of the status file.
    pub fn status_path(&self) -> PathBuf {
        self.metadata_dir.join(STATUS_FILE)
    }

    /// Path of the destination selectors.
    pub fn destination_selectors_path(&self) -> PathBuf {
        self.metadata_dir.join(DESTINATION_SELECTORS_FILE)
    }

    /// Path of a file in the metadata folder.
    pub fn metadata_path(&self, file: &str) -> PathBuf {
        self.metadata_dir.join(file)
    }

    /// Path of the workflow control file.
    pub fn workflow_control_path(&self) -> PathBuf {
        self.metadata_dir.join(WORKFLOW_CONTROL_FILE)
    }

    /// Path of the Promise's selectors.
    pub fn promise_scheduling_path(&self) -> PathBuf {
        self.system_dir.join(PROMISE_SCHEDULING_FILE)
    }
}
