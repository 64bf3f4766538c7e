//! Names inside an object's status that Kratix owns (contract.md 7.5-7.9, 16).

/// Top-level key that no pipeline may write.
pub const KRATIX: &str = "kratix";
/// Below [`KRATIX`].
pub const WORKFLOWS: &str = "workflows";
/// List of pipeline entries.
pub const PIPELINES: &str = "pipelines";
/// Generation for which a workflow was suspended.
pub const SUSPENDED_GENERATION: &str = "suspendedGeneration";

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

/// Condition types that the controller or the status step own (contract.md 7.9).
pub mod condition {
    /// Set by the status step when the last configure pipeline has finished.
    pub const CONFIGURE_WORKFLOW_COMPLETED: &str = "ConfigureWorkflowCompleted";
    /// Every owned type; a pipeline cannot write these.
    pub const OWNED: [&str; 7] = [
        "Available",
        CONFIGURE_WORKFLOW_COMPLETED,
        "DeleteWorkflowCompleted",
        "PromiseAvailable",
        "Reconciled",
        "RequirementsFulfilled",
        "WorksSucceeded",
    ];
}
