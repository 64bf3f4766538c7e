//! Names inside a pipeline's pod (contract.md 3.1-3.3).

/// Containers that Kratix adds around the user's own.
pub mod container {
    /// Puts the object in; the first one.
    pub const READER: &str = "reader";
    /// Takes the files out; after the user's containers, only in a configure workflow.
    pub const WORK_WRITER: &str = "work-writer";
    /// Takes the status out; the only one that is no init container.
    pub const STATUS_WRITER: &str = "status-writer";
    /// Start of the names of the containers of `xaasRequestPipeline`, which has images only; a number from 1 follows.
    pub const STAGE_PREFIX: &str = "stage-";
    /// Publishes the status while stages run; ours, only where it is asked for.
    pub const SIDECAR: &str = "status-sidecar";
    /// All that Kratix adds.
    pub const ALL: [&str; 3] = [READER, STATUS_WRITER, WORK_WRITER];
}

/// Label that Kubernetes puts onto the pods of a Job: its name.
pub const JOB_NAME_LABEL: &str = "batch.kubernetes.io/job-name";

/// Commands of the adapter, as its first argument.
pub mod command {
    /// Runs the reader.
    pub const READER: &str = "reader";
    /// Runs the writer.
    pub const WORK_CREATOR: &str = "work-creator";
    /// Runs the status step.
    pub const UPDATE_STATUS: &str = "update-status";
    /// Runs the status sidecar; ours.
    pub const SIDECAR: &str = "status-sidecar";
}

/// Flags of `work-creator`, in the order in which Kratix gives them (contract.md 3.3).
pub mod flag {
    /// Root of the writer's folders.
    pub const INPUT_DIRECTORY: &str = "--input-directory";
    /// Name of the Promise.
    pub const PROMISE_NAME: &str = "--promise-name";
    /// Name of the Pipeline.
    pub const PIPELINE_NAME: &str = "--pipeline-name";
    /// Namespace of the Work.
    pub const NAMESPACE: &str = "--namespace";
    /// `promise` or `resource`.
    pub const WORKFLOW_TYPE: &str = "--workflow-type";
    /// Name of the request; only in a resource workflow.
    pub const RESOURCE_NAME: &str = "--resource-name";
    /// Namespace of the request; only when the Promise sets `pipelineNamespace`.
    pub const RESOURCE_NAMESPACE: &str = "--resource-namespace";
    /// By whose rules the output is taken; ours, only for a Pipeline with [`crate::contract::labels::LAYOUT`].
    pub const LAYOUT: &str = "--layout";
    /// Most lines that the status sidecar tells of a failed stage; ours.
    pub const FAILURE_LINES: &str = "--failure-lines";
    /// Most bytes of them; ours.
    pub const FAILURE_BYTES: &str = "--failure-bytes";
}

/// Volumes that Kratix adds before the user's own.
pub mod volume {
    /// The Promise's selectors; only in a configure workflow.
    pub const PROMISE_SCHEDULING: &str = "promise-scheduling";
    /// What the reader writes.
    pub const SHARED_INPUT: &str = "shared-input";
    /// What users' containers write.
    pub const SHARED_OUTPUT: &str = "shared-output";
    /// Status, selectors and workflow control.
    pub const SHARED_METADATA: &str = "shared-metadata";
    /// Start of the names of volumes between two stages of `xaasRequestPipeline`; the number of the first follows.
    pub const HOP_PREFIX: &str = "hop-";
}

/// Where the writer and the status step find the shared volumes.
pub mod mount {
    /// [`super::volume::SHARED_OUTPUT`]: Kratix names it `input` here.
    pub const WRITER_INPUT: &str = "/work-creator-files/input";
    /// [`super::volume::SHARED_METADATA`].
    pub const WRITER_METADATA: &str = "/work-creator-files/metadata";
    /// [`super::volume::PROMISE_SCHEDULING`].
    pub const WRITER_SYSTEM: &str = "/work-creator-files/kratix-system";
}

/// Key of the scheduling ConfigMap that holds the Promise's selectors (contract.md 4.5).
pub const SCHEDULING_KEY: &str = "destinationSelectors";
/// Start of the scheduling ConfigMap's name; the name of the Promise follows.
pub const SCHEDULING_PREFIX: &str = "destination-selectors-";
/// `source` of a selector that stands in the Promise itself.
pub const SOURCE_PROMISE: &str = "promise";
/// `source` of a selector that a promise workflow wrote.
pub const SOURCE_PROMISE_WORKFLOW: &str = "promise-workflow";
/// End of the service account's name of `xaasRequestPipeline`, after that of the Promise (contract.md 14).
pub const XAAS_ACCOUNT_SUFFIX: &str = "-default-promise-pipeline";
/// Start of every Job's name.
pub const JOB_PREFIX: &str = "kratix-";
