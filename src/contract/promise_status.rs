//! What the status of a Promise says, and what is told of it (contract.md 5.6, 7.9, 15.1).

use super::status::Condition;

/// Fields of `status`, and of `status.kratix` once more.
pub mod field {
    /// [`super::AVAILABLE_WORD`] or [`super::UNAVAILABLE_WORD`].
    pub const STATUS: &str = "status";
    /// Kind of the requests.
    pub const KIND: &str = "kind";
    /// `group/version` of the requests.
    pub const API_VERSION: &str = "apiVersion";
    /// Version of the Promise.
    pub const VERSION: &str = "version";
    /// When it last became available.
    pub const LAST_AVAILABLE_TIME: &str = "lastAvailableTime";
    /// Generation that was brought about last; only below `status`.
    pub const OBSERVED_GENERATION: &str = "observedGeneration";
    /// What it requires, with the state of each; only below `status`.
    pub const REQUIRED_PROMISES: &str = "requiredPromises";
    /// Who requires it; only below `status`.
    pub const REQUIRED_BY: &str = "requiredBy";
    /// How often all requests were told to run again; only below `status.kratix`, and ours.
    pub const RESOURCES_RUN: &str = "resourcesRun";
}

/// A Promise that can fulfil requests.
pub const AVAILABLE_WORD: &str = "Available";
/// A Promise that cannot.
pub const UNAVAILABLE_WORD: &str = "Unavailable";

/// Type: whether it can fulfil requests.
pub const AVAILABLE: &str = "Available";
/// Type: whether what it requires is there.
pub const REQUIREMENTS_FULFILLED: &str = "RequirementsFulfilled";
/// Type: the object as a whole.
pub const RECONCILED: &str = "Reconciled";

/// It can fulfil requests.
pub const IS_AVAILABLE: Condition = Condition {
    kind: AVAILABLE,
    status: "True",
    reason: "PromiseAvailable",
    message: "Ready to fulfil resource requests",
};
/// It cannot.
pub const IS_UNAVAILABLE: Condition = Condition {
    kind: AVAILABLE,
    status: "False",
    reason: "PromiseUnavailable",
    message: "Cannot fulfil resource requests",
};
/// It cannot because a pipeline has asked to wait.
pub const AVAILABLE_SUSPENDED: Condition = Condition {
    kind: AVAILABLE,
    status: "False",
    reason: "WorkflowSuspended",
    message: "Suspended",
};
/// It cannot because somebody has paused it.
pub const AVAILABLE_PAUSED: Condition = Condition {
    kind: AVAILABLE,
    status: "False",
    reason: "PausedReconciliation",
    message: "Paused",
};
/// What it requires is there.
pub const REQUIREMENTS_MET: Condition = Condition {
    kind: REQUIREMENTS_FULFILLED,
    status: "True",
    reason: "RequirementsInstalled",
    message: "Requirements fulfilled",
};
/// Something that it requires is not there, or not in that version.
pub const REQUIREMENTS_NOT_INSTALLED: Condition = Condition {
    kind: REQUIREMENTS_FULFILLED,
    status: "False",
    reason: "RequirementsNotInstalled",
    message: "Requirements not fulfilled",
};
/// Something that it requires is there and cannot fulfil requests.
pub const REQUIREMENTS_NOT_AVAILABLE: Condition = Condition {
    kind: REQUIREMENTS_FULFILLED,
    status: "False",
    reason: "RequirementsNotAvailable",
    message: "Requirements not fulfilled",
};
/// It waits for what it requires.
pub const WAITS_FOR_REQUIREMENTS: Condition = Condition {
    kind: RECONCILED,
    status: "Unknown",
    reason: "RequirementsNotFulfilled",
    message: "Pending",
};

/// Reason, ours: the Promise cannot be used as it is.
pub const INVALID: &str = "PromiseInvalid";
/// Reason, ours: its API cannot be changed so.
pub const API_REFUSED: &str = "ApiChangeRefused";

/// State of a required Promise (contract.md 5.6).
pub mod requirement {
    /// It is there.
    pub const INSTALLED: &str = "Requirement installed";
    /// It is not there.
    pub const NOT_INSTALLED: &str = "Requirement not installed";
    /// It is there in another version.
    pub const OTHER_VERSION: &str = "Requirement not installed at the specified version";
    /// It is there and cannot fulfil requests.
    pub const NOT_AVAILABLE: &str = "Requirement not available";
}

/// Reasons of events about a Promise.
pub mod event {
    /// It can fulfil requests.
    pub const AVAILABLE: &str = "Available";
    /// It cannot any more.
    pub const UNAVAILABLE: &str = "Unavailable";
    /// What it requires is there.
    pub const REQUIREMENTS_FULFILLED: &str = "RequirementsFulfilled";
    /// All its requests run again.
    pub const RECONCILING_RESOURCES: &str = "ReconcilingResources";
    /// Its configure workflow has succeeded.
    pub const CONFIGURE_WORKFLOW_COMPLETED: &str = "ConfigureWorkflowCompleted";
    /// Everything is as it should be.
    pub const RECONCILE_SUCCEEDED: &str = "ReconcileSucceeded";
}
