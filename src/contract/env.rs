//! Environment variables that Kratix sets on the containers of a pipeline's pod (contract.md 1).

/// Start of every name that is Kratix's own.
pub const PREFIX: &str = "KRATIX_";
/// `configure` or `delete`.
pub const WORKFLOW_ACTION: &str = "KRATIX_WORKFLOW_ACTION";
/// `promise` or `resource`.
pub const WORKFLOW_TYPE: &str = "KRATIX_WORKFLOW_TYPE";
/// Name of the Promise.
pub const PROMISE_NAME: &str = "KRATIX_PROMISE_NAME";
/// `metadata.name` of the Pipeline.
pub const PIPELINE_NAME: &str = "KRATIX_PIPELINE_NAME";
/// Kind of the object that triggered the pipeline; informative only.
pub const OBJECT_KIND: &str = "KRATIX_OBJECT_KIND";
/// API group of the object.
pub const OBJECT_GROUP: &str = "KRATIX_OBJECT_GROUP";
/// API version of the object, without the group.
pub const OBJECT_VERSION: &str = "KRATIX_OBJECT_VERSION";
/// Name of the object.
pub const OBJECT_NAME: &str = "KRATIX_OBJECT_NAME";
/// Namespace of the object; empty means `default` unless the object is cluster-scoped (contract.md 1.4).
pub const OBJECT_NAMESPACE: &str = "KRATIX_OBJECT_NAMESPACE";
/// Plural of the object's kind, as it stands in URLs.
pub const CRD_PLURAL: &str = "KRATIX_CRD_PLURAL";
/// Exactly `true` for an object without namespace; anything else means namespaced.
pub const CLUSTER_SCOPED: &str = "KRATIX_CLUSTER_SCOPED";
/// `configure` or `delete`; only in the early layout (contract.md 14).
pub const OPERATION: &str = "KRATIX_OPERATION";
/// Exactly `true` in a dry run; otherwise absent.
pub const DRY_RUN: &str = "KRATIX_DRY_RUN";
/// Exactly `true` on the status container of the last pipeline of a workflow.
pub const IS_LAST_PIPELINE: &str = "IS_LAST_PIPELINE";
/// Folder that the reader writes to; default [`super::layout::INPUT_DIR`].
pub const INPUT_DIR: &str = "INPUT_DIR";
/// Read by the original and never used; accepted for the same reason.
pub const OUTPUT_DIR: &str = "OUTPUT_DIR";
/// W3C trace parent, from a pod annotation; empty when there is none.
pub const TRACE_PARENT: &str = "KRATIX_TRACE_PARENT";
/// W3C trace state, from a pod annotation; empty when there is none.
pub const TRACE_STATE: &str = "KRATIX_TRACE_STATE";
/// Prefix of log names in the original; accepted, without effect.
pub const LOGGER_PREFIX: &str = "KRATIX_LOGGER_PREFIX";
/// Name of the pod; only on the status sidecar, ours.
pub const POD_NAME: &str = "BOOKEND_POD_NAME";
/// Namespace of the pod; only on the status sidecar, ours.
pub const POD_NAMESPACE: &str = "BOOKEND_POD_NAMESPACE";
/// Image of the three containers; read where Jobs are made, not in a pod (contract.md 1.5).
pub const ADAPTER_IMAGE: &str = "PIPELINE_ADAPTER_IMG";
/// Secret to pull that image with; read where Jobs are made, not in a pod (contract.md 1.5).
pub const ADAPTER_PULL_SECRET: &str = "PIPELINE_ADAPTER_PULL_SECRET";

/// The eleven variables of contract.md 1.1, in the order in which Kratix writes them.
pub const OBJECT_VARIABLES: [&str; 11] = [
    WORKFLOW_ACTION,
    WORKFLOW_TYPE,
    PROMISE_NAME,
    PIPELINE_NAME,
    OBJECT_KIND,
    OBJECT_GROUP,
    OBJECT_VERSION,
    OBJECT_NAME,
    OBJECT_NAMESPACE,
    CRD_PLURAL,
    CLUSTER_SCOPED,
];

/// Every variable of a pod.
pub const ALL: [&str; 19] = [
    WORKFLOW_ACTION,
    WORKFLOW_TYPE,
    PROMISE_NAME,
    PIPELINE_NAME,
    OBJECT_KIND,
    OBJECT_GROUP,
    OBJECT_VERSION,
    OBJECT_NAME,
    OBJECT_NAMESPACE,
    CRD_PLURAL,
    CLUSTER_SCOPED,
    OPERATION,
    DRY_RUN,
    IS_LAST_PIPELINE,
    INPUT_DIR,
    OUTPUT_DIR,
    TRACE_PARENT,
    TRACE_STATE,
    LOGGER_PREFIX,
];
