//! Names inside an object's status that Kratix owns (contract.md 5.6, 7.5-7.9, 9, 16).

/// Top-level key that no pipeline may write.
pub const KRATIX: &str = "kratix";
/// Below [`KRATIX`].
pub const WORKFLOWS: &str = "workflows";
/// List of pipeline entries.
pub const PIPELINES: &str = "pipelines";
/// Generation for which a workflow was suspended.
pub const SUSPENDED_GENERATION: &str = "suspendedGeneration";
/// What a person sees first; pipelines may write it.
pub const MESSAGE: &str = "message";
/// List of conditions; pipelines may add their own types.
pub const CONDITIONS: &str = "conditions";

/// The stage that has failed, as the status sidecar tells it; ours. No pipeline entry: an old schema drops what it does
/// not know there.
pub const STAGE_FAILURE: &str = "stageFailure";

/// Fields of [`STAGE_FAILURE`].
pub mod stage_failure {
    /// `metadata.name` of the Pipeline.
    pub const PIPELINE: &str = "pipeline";
    /// Name of the container.
    pub const STAGE: &str = "stage";
    /// How it ended.
    pub const EXIT_CODE: &str = "exitCode";
    /// A word of Kubernetes for it.
    pub const REASON: &str = "reason";
    /// When.
    pub const AT: &str = "at";
    /// Its last lines.
    pub const LINES: &str = "lines";
}

/// Fields of a pipeline entry (contract.md 5.6).
pub mod entry {
    /// `metadata.name` of the Pipeline.
    pub const NAME: &str = "name";
    /// One of [`super::phase`].
    pub const PHASE: &str = "phase";
    /// What the pipeline said when it suspended the workflow.
    pub const MESSAGE: &str = "message";
    /// How often the pipeline has asked to be tried again.
    pub const ATTEMPTS: &str = "attempts";
    /// When the controller runs it again, RFC 3339, whole seconds, UTC.
    pub const NEXT_RETRY_AT: &str = "nextRetryAt";
}

/// Phase of a pipeline entry (contract.md 7.7).
pub mod phase {
    /// Not started.
    pub const PENDING: &str = "Pending";
    /// Started, or not yet seen as finished by the controller.
    pub const RUNNING: &str = "Running";
    /// Finished.
    pub const SUCCEEDED: &str = "Succeeded";
    /// Its Job failed.
    pub const FAILED: &str = "Failed";
    /// Waits for somebody or for a time.
    pub const SUSPENDED: &str = "Suspended";
}

/// What an object's message says (contract.md 7.5, 8.11).
pub mod message {
    /// Set by the controller when a workflow starts.
    pub const PENDING: &str = "Pending";
    /// Replaces [`PENDING`] when the workflow of a request is complete.
    pub const RESOURCE_REQUESTED: &str = "Resource requested";
    /// Replaces [`PENDING`] when the workflow of a Promise is complete.
    pub const PROMISE_CONFIGURED: &str = "Promise configured";
    /// After every pipeline of a dry run.
    pub const DRY_RUN_EXECUTED: &str = "Dry run executed";
}

/// Whose workflow runs: the values of [`super::env::WORKFLOW_TYPE`].
pub mod workflow_type {
    /// That of a Promise.
    pub const PROMISE: &str = "promise";
    /// That of a resource request.
    pub const RESOURCE: &str = "resource";
}

/// Why it runs: the values of [`super::env::WORKFLOW_ACTION`].
pub mod workflow_action {
    /// The object was made or changed.
    pub const CONFIGURE: &str = "configure";
    /// The object goes.
    pub const DELETE: &str = "delete";
}

/// Conditions that the controller or the status step own (contract.md 7.9).
pub mod condition {
    /// Field: which condition it is.
    pub const TYPE: &str = "type";
    /// Set by the status step when the last configure pipeline has finished.
    pub const CONFIGURE_WORKFLOW_COMPLETED: &str = "ConfigureWorkflowCompleted";
    /// Reason with which it is set.
    pub const COMPLETED_REASON: &str = "PipelinesExecutedSuccessfully";
    /// Message with which it is set.
    pub const COMPLETED_MESSAGE: &str = "Pipelines completed";
    /// Fields that every schema Kratix writes has as text.
    pub const TEXT_FIELDS: [&str; 4] = ["status", "reason", "message", "lastTransitionTime"];
    /// Types that a pipeline cannot write on a resource request.
    pub const OWNED_ON_RESOURCES: [&str; 5] = [
        CONFIGURE_WORKFLOW_COMPLETED,
        "DeleteWorkflowCompleted",
        "PromiseAvailable",
        "Reconciled",
        "WorksSucceeded",
    ];
    /// Types that a pipeline cannot write on a Promise.
    pub const OWNED_ON_PROMISES: [&str; 6] = [
        "Available",
        CONFIGURE_WORKFLOW_COMPLETED,
        "DeleteWorkflowCompleted",
        "Reconciled",
        "RequirementsFulfilled",
        "WorksSucceeded",
    ];
}

/// What the schema that Kratix writes says of a field (contract.md 5.6, 9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A 64-bit integer.
    Integer,
    /// Text.
    Text,
    /// A list.
    List,
    /// The schema says nothing.
    Any,
}

/// Top-level keys of a request's status that only the controller writes (contract.md 7.8), [`KRATIX`] apart.
pub const OWNED_ON_RESOURCES: [(&str, Shape); 8] = [
    ("observedGeneration", Shape::Integer),
    ("workflows", Shape::Integer),
    ("workflowsSucceeded", Shape::Integer),
    ("workflowsFailed", Shape::Integer),
    ("promiseVersion", Shape::Any),
    ("resourceBindingVersion", Shape::Any),
    ("lastSuccessfulConfigureWorkflowTime", Shape::Any),
    ("healthStatus", Shape::Any),
];

/// Top-level keys of a Promise's status that only the controller writes (contract.md 5.6), [`KRATIX`] apart.
pub const OWNED_ON_PROMISES: [(&str, Shape); 11] = [
    ("observedGeneration", Shape::Integer),
    ("workflows", Shape::Integer),
    ("workflowsSucceeded", Shape::Integer),
    ("workflowsFailed", Shape::Integer),
    ("status", Shape::Text),
    ("version", Shape::Text),
    ("kind", Shape::Text),
    ("apiVersion", Shape::Text),
    ("lastAvailableTime", Shape::Text),
    ("requiredPromises", Shape::List),
    ("requiredBy", Shape::List),
];

/// More fields of a pipeline entry (contract.md 7.7, 16).
pub mod entry_more {
    /// When the controller last changed the phase, RFC 3339, whole seconds, UTC.
    pub const LAST_TRANSITION_TIME: &str = "lastTransitionTime";
    /// Label `kratix.io/hash` of the last run; only in the keyed layout.
    pub const HASH: &str = "hash";
}

/// Fields of the engine beside [`PIPELINES`], and of an entry; ours (`docs/contract.md`).
pub mod engine {
    /// Number of a run: in an entry its last, beside the list the highest that was given.
    pub const RUN: &str = "run";
    /// Why the run that is being started starts; gone once the labels that asked for it are off.
    pub const TRIGGER: &str = "trigger";
    /// Of which workflow a flat list is, when it is not `configure`.
    pub const ACTION: &str = "action";
}

/// Fields of a status outside the list of pipelines that say what has been done (contract.md 7.8).
pub mod done {
    /// The generation for which the workflow has been done.
    pub const OBSERVED_GENERATION: &str = "observedGeneration";
    /// When a configure workflow last ended well; in the status and in what holds the list.
    pub const LAST_SUCCESS: &str = "lastSuccessfulConfigureWorkflowTime";
    /// Version of the Promise that was used.
    pub const PROMISE_VERSION: &str = "promiseVersion";
    /// Version of a Promise without one.
    pub const NO_VERSION: &str = "not-set";
}

/// Counters beside the flat list of pipelines (contract.md 7.8, 16).
pub mod counter {
    /// How many pipelines the workflow has.
    pub const WORKFLOWS: &str = "workflows";
    /// How many of them have succeeded.
    pub const SUCCEEDED: &str = "workflowsSucceeded";
    /// 1 once one of them has failed.
    pub const FAILED: &str = "workflowsFailed";
    /// All of them.
    pub const ALL: [&str; 3] = [WORKFLOWS, SUCCEEDED, FAILED];
}

/// A condition that the controller writes while a workflow runs (contract.md 7.9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Condition {
    /// Its type.
    pub kind: &'static str,
    /// `True`, `False` or `Unknown`.
    pub status: &'static str,
    /// Its reason.
    pub reason: &'static str,
    /// Its message; a name may follow.
    pub message: &'static str,
}

/// The condition that says why nothing could be done; ours.
pub mod trouble {
    use super::Condition;

    /// Something was refused, or could not be reached; the message says what, why and what to do.
    pub const APPLY_FAILED: Condition = Condition {
        kind: super::running::RECONCILED,
        status: "False",
        reason: "ApplyFailed",
        message: "",
    };
}

/// Conditions that the controller writes while a workflow runs (contract.md 7.9).
pub mod running {
    use super::Condition;
    use super::condition::CONFIGURE_WORKFLOW_COMPLETED;

    const DELETE_WORKFLOW_COMPLETED: &str = "DeleteWorkflowCompleted";
    /// Whether the object is where it should be.
    pub const RECONCILED: &str = "Reconciled";

    /// A configure pipeline has started.
    pub const CONFIGURE_STARTED: Condition = Condition {
        kind: CONFIGURE_WORKFLOW_COMPLETED,
        status: "False",
        reason: "PipelinesInProgress",
        message: "Pipelines are still in progress",
    };
    /// The same, for the object as a whole.
    pub const STARTED: Condition = Condition {
        kind: RECONCILED,
        status: "Unknown",
        reason: "WorkflowPending",
        message: "Pending",
    };
    /// A configure pipeline has failed; its name follows.
    pub const CONFIGURE_FAILED: Condition = Condition {
        kind: CONFIGURE_WORKFLOW_COMPLETED,
        status: "False",
        reason: "ConfigureWorkflowFailed",
        message: "A Configure Pipeline has failed: ",
    };
    /// The same, for the object as a whole.
    pub const FAILED: Condition = Condition {
        kind: RECONCILED,
        status: "False",
        reason: "ConfigureWorkflowFailed",
        message: "Failing",
    };
    /// The delete pipeline has failed.
    pub const DELETE_FAILED: Condition = Condition {
        kind: DELETE_WORKFLOW_COMPLETED,
        status: "False",
        reason: "DeleteWorkflowFailed",
        message: "The Delete Pipeline has failed",
    };
    /// The delete workflow is not run: no Job can run where it should. A condition of ours.
    pub const DELETE_SKIPPED: Condition = Condition {
        kind: DELETE_WORKFLOW_COMPLETED,
        status: "False",
        reason: "NamespaceTerminating",
        message: "The delete workflow is skipped: its namespace is being deleted, or gone: ",
    };
    /// The workflow waits.
    pub const SUSPENDED: Condition = Condition {
        kind: RECONCILED,
        status: "Unknown",
        reason: "WorkflowSuspended",
        message: "Suspended",
    };
    /// Somebody has paused the object.
    pub const PAUSED: Condition = Condition {
        kind: RECONCILED,
        status: "Unknown",
        reason: "PausedReconciliation",
        message: "Paused",
    };
    /// The object is where it should be.
    pub const DONE: Condition =
        Condition { kind: RECONCILED, status: "True", reason: RECONCILED, message: "Reconciled" };
    /// Its Works are not all where they should be yet.
    pub const WORKS_PENDING: Condition = Condition {
        kind: RECONCILED,
        status: "Unknown",
        reason: "WorksPending",
        message: "Pending",
    };
    /// One of its Works cannot be brought to where it should be.
    pub const WORKS_FAILING: Condition =
        Condition { kind: RECONCILED, status: "False", reason: "WorksFailing", message: "Failing" };
    /// The Promise cannot fulfil requests.
    pub const PROMISE_UNAVAILABLE: Condition = Condition {
        kind: "PromiseAvailable",
        status: "False",
        reason: "PromiseRequirementsNotInstalled",
        message: "Promise Requirements are not installed",
    };
    /// It can again.
    pub const PROMISE_AVAILABLE: Condition = Condition {
        kind: "PromiseAvailable",
        status: "True",
        reason: "PromiseAvailable",
        message: "Promise Requirements are met",
    };
    /// The configure workflow is complete.
    pub const CONFIGURE_DONE: Condition = Condition {
        kind: CONFIGURE_WORKFLOW_COMPLETED,
        status: "True",
        reason: super::condition::COMPLETED_REASON,
        message: super::condition::COMPLETED_MESSAGE,
    };
    /// Type of the condition that sums up the Works.
    pub const WORKS_SUCCEEDED: &str = "WorksSucceeded";
    /// The delete workflow waits.
    pub const DELETE_SUSPENDED: Condition = Condition {
        kind: DELETE_WORKFLOW_COMPLETED,
        status: "False",
        reason: "DeleteWorkflowSuspended",
        message: "The delete workflow is suspended",
    };
}
