//! Labels, annotations and the field manager (contract.md 4.1, 4.2).

/// Name of the Promise; on requests, Jobs, Works and the rights of a pipeline.
pub const PROMISE_NAME: &str = "kratix.io/promise-name";
/// Name of the resource request; on Jobs and Works.
pub const RESOURCE_NAME: &str = "kratix.io/resource-name";
/// Namespace of the resource request; on Jobs and Works, only when `pipelineNamespace` is set.
pub const RESOURCE_NAMESPACE: &str = "kratix.io/resource-namespace";
/// Name of the Pipeline; on Jobs and Works.
pub const PIPELINE_NAME: &str = "kratix.io/pipeline-name";
/// `promise` or `resource`; on Jobs.
pub const WORKFLOW_TYPE: &str = "kratix.io/workflow-type";
/// `configure` or `delete`; on Jobs.
pub const WORKFLOW_ACTION: &str = "kratix.io/workflow-action";
/// Type of a Work: the `--workflow-type` it was written with.
pub const WORK_TYPE: &str = "kratix.io/work-type";
/// Value of [`WORK_TYPE`] of the Work that holds `spec.dependencies` of a Promise.
pub const STATIC_DEPENDENCY: &str = "static-dependency";
/// Hash of what a Job was made from (contract.md 6.2).
pub const HASH: &str = "kratix.io/hash";
/// `true` on requests and Works of a dry run.
pub const DRY_RUN: &str = "kratix.io/dry-run";
/// `true` on an object whose workflow waits (contract.md 8.5).
pub const WORKFLOW_SUSPENDED: &str = "kratix.io/workflow-suspended";
/// `true` on an object that the controller shall leave alone (contract.md 8.7).
pub const PAUSED: &str = "kratix.io/paused";
/// `true` on an object whose workflow shall start again with its first pipeline (contract.md 4.1).
pub const MANUAL_RECONCILIATION: &str = "kratix.io/manual-reconciliation";
/// `true` on an object whose workflow the controller shall start again with its first pipeline (contract.md 4.1).
pub const RUN_FROM_START: &str = "internal.workflows.kratix.io/run-from-start";
/// `true` on a Promise whose requests shall all run again (contract.md 4.1, 8.8).
pub const RECONCILE_RESOURCES: &str = "kratix.io/reconcile-resources";
/// How often workflows run again without a change; annotation of a Promise (contract.md 8.6).
pub const RECONCILIATION_INTERVAL: &str = "kratix.io/reconciliation-interval";
/// Namespace of a pipeline's Jobs; on the rights that it asks for (contract.md 4.6).
pub const PIPELINE_NAMESPACE: &str = "kratix.io/pipeline-namespace";
/// Value of [`RESOURCE_NAMESPACE`] on rights for all namespaces (contract.md 4.6).
pub const ALL_NAMESPACES: &str = "kratix_all_namespaces";
/// What stands for all namespaces in the name of a right (contract.md 4.6).
pub const ALL_NAMESPACES_NAME: &str = "kratix-all-namespaces";
/// Number of the run that a Job is; annotation, ours. No two Jobs of one workflow have the same.
pub const RUN: &str = "bookend/run";
/// By whose rules a Pipeline's pod is laid out; annotation of a Pipeline, ours. `early` or `xaas`; without it, today's.
pub const LAYOUT: &str = "bookend/layout";
/// `true` or `false`: whether a pipeline's pod publishes its status while it runs; annotation of a Pipeline, ours.
pub const STATUS_SIDECAR: &str = "bookend/status-sidecar";
/// Number of the run for which labels that ask for one were last taken off; annotation of the object, ours. A label that
/// is set after that asks for another run.
pub const ANSWERED_RUN: &str = "bookend/answered-run";
/// Version of a Promise.
pub const PROMISE_VERSION: &str = "kratix.io/promise-version";
/// Name of the Work that a WorkPlacement is of.
pub const WORK: &str = "kratix.io/work";
/// Id of the workload group that a WorkPlacement is of.
pub const WORKLOAD_GROUP_ID: &str = "kratix.io/workload-group-id";
/// Name of the Destination that a WorkPlacement is for.
pub const TARGET_DESTINATION: &str = "kratix.io/targetDestinationName";
/// `true` on a WorkPlacement whose Destination matches the selectors no more.
pub const MISPLACED: &str = "kratix.io/misplaced";
/// Folder of a WorkPlacement below its Destination's path, when another one has that of contract.md 10.4; annotation of a
/// WorkPlacement, ours. It stays when the other one goes.
pub const FOLDER: &str = "bookend/folder";
/// Who manages a Job; see [`MANAGED_BY_KRATIX`].
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// Value of [`MANAGED_BY`] without which Kratix does not see a Job (contract.md 3.4).
pub const MANAGED_BY_KRATIX: &str = "Kratix";

/// Names of those who wait for a Lease, in order, with blanks between them; ours.
pub const WAITING: &str = "bookend/waiting";
/// Trace parent; on Works, Jobs and pods.
pub const TRACE_PARENT: &str = "kratix.io/trace-parent";
/// Trace state; on Works, Jobs and pods.
pub const TRACE_STATE: &str = "kratix.io/trace-state";
/// Name of the real object of a dry run; on the ephemeral one.
pub const DRY_RUN_RESOURCE_NAME: &str = "kratix.io/dry-run-resource-name";
/// Namespace of the real object of a dry run; on the ephemeral one.
pub const DRY_RUN_RESOURCE_NAMESPACE: &str = "kratix.io/dry-run-resource-namespace";
/// Namespace of a Job's parent; empty for a Promise.
pub const JOB_RESOURCE_NAMESPACE: &str = "kratix.io/job-resource-namespace";
/// Name of a Job's parent.
pub const JOB_RESOURCE_NAME: &str = "kratix.io/job-resource-name";
/// Kind of a Job's parent.
pub const JOB_RESOURCE_KIND: &str = "kratix.io/job-resource-kind";
/// `group/version` of a Job's parent.
pub const JOB_RESOURCE_API_VERSION: &str = "kratix.io/job-resource-api-version";

/// Labels and annotations of this file that a test compares with `docs/contract.md`.
pub const ALL: [&str; 36] = [
    PROMISE_NAME,
    RESOURCE_NAME,
    RESOURCE_NAMESPACE,
    PIPELINE_NAME,
    WORKFLOW_TYPE,
    WORKFLOW_ACTION,
    WORK_TYPE,
    HASH,
    DRY_RUN,
    WORKFLOW_SUSPENDED,
    PAUSED,
    MANUAL_RECONCILIATION,
    RUN_FROM_START,
    RECONCILE_RESOURCES,
    RECONCILIATION_INTERVAL,
    PIPELINE_NAMESPACE,
    RUN,
    LAYOUT,
    STATUS_SIDECAR,
    ANSWERED_RUN,
    PROMISE_VERSION,
    WORK,
    WORKLOAD_GROUP_ID,
    TARGET_DESTINATION,
    MISPLACED,
    FOLDER,
    MANAGED_BY,
    WAITING,
    TRACE_PARENT,
    TRACE_STATE,
    DRY_RUN_RESOURCE_NAME,
    DRY_RUN_RESOURCE_NAMESPACE,
    JOB_RESOURCE_NAMESPACE,
    JOB_RESOURCE_NAME,
    JOB_RESOURCE_KIND,
    JOB_RESOURCE_API_VERSION,
];

/// The value of every label that is a switch.
pub const TRUE: &str = "true";

/// The name under which the API server records our writes.
pub const FIELD_MANAGER: &str = "bookend";

/// Longest label value, and longest name part of a label's key, in bytes.
pub const VALUE_BYTES_MAX: usize = 63;

/// Returns what is wrong with a label's value, by the API server's rules.
pub fn value_fault(value: &str) -> Option<&'static str> {
    let ends = |byte: Option<&u8>| byte.is_none_or(u8::is_ascii_alphanumeric);
    let bytes = value.as_bytes();
    if bytes.len() > VALUE_BYTES_MAX {
        Some("it has more than 63 bytes")
    } else if !bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte)) {
        Some("only letters, digits, `-`, `_` and `.` are allowed")
    } else if !ends(bytes.first()) || !ends(bytes.last()) {
        Some("it must begin and end with a letter or digit")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_short_and_begin_and_end_with_a_letter_or_digit() {
        let longest = "a".repeat(VALUE_BYTES_MAX);
        for value in ["", "a", "0", "a-b_c.d", "A..b", &longest] {
            assert_eq!(value_fault(value), None, "{value}");
        }
        for value in ["a,b=c", "a b", "-a", "a.", "_", "\u{e4}", "a\n", &format!("{longest}a")] {
            assert!(value_fault(value).is_some(), "{value}");
        }
    }
}
