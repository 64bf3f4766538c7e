//! What the objects between a Work and a state store say: fields, conditions, files (contract.md 5.1-5.5, 7.9, 10.4).

use super::status::Condition;

/// Types of conditions of Works, WorkPlacements, Destinations and state stores.
pub mod kind {
    /// Whether it is where it should be.
    pub const READY: &str = "Ready";
    /// Whether Destinations were found that match.
    pub const SCHEDULED: &str = "ScheduleSucceeded";
    /// Whether the files of a WorkPlacement are in the state store.
    pub const WRITTEN: &str = "WriteSucceeded";
    /// Where files were written to last; of WorkPlacements and Destinations, ours.
    pub const WRITTEN_TO: &str = "bookend/WrittenTo";
}

/// Field of a condition: the generation it was decided for.
pub const OBSERVED_GENERATION: &str = "observedGeneration";
/// Field of a WorkPlacement's status: what holds its files.
pub const VERSION_ID: &str = "versionID";
/// Fields of a Work's status: how many groups, and how many of them have a WorkPlacement.
pub const COUNTS: [&str; 2] = ["workPlacements", "workPlacementsCreated"];
/// Field of a state store's status, [`STORE_READY`] or [`STORE_NOT_READY`].
pub const STORE_STATUS: &str = "status";
/// Value of [`STORE_STATUS`].
pub const STORE_READY: &str = "Ready";
/// Value of [`STORE_STATUS`].
pub const STORE_NOT_READY: &str = "NotReady";

/// Values of `spec.filepath.mode` of a Destination.
pub mod mode {
    /// A folder for each WorkPlacement; the default.
    pub const NESTED: &str = "nestedByMetadata";
    /// One file for all.
    pub const AGGREGATED: &str = "aggregatedYAML";
    /// Files as the pipeline names them.
    pub const NONE: &str = "none";
    /// Name of the one file, when the Destination gives none.
    pub const AGGREGATED_FILE: &str = "aggregated.yaml";
}

/// Value of `spec.cleanup` of a Destination that goes with all that is in it.
pub const CLEANUP_ALL: &str = "all";

/// Folders and files below the path of a Destination.
pub mod file {
    /// Files of requests, by metadata.
    pub const RESOURCES: &str = "resources";
    /// Files of Promises, by metadata.
    pub const DEPENDENCIES: &str = "dependencies";
    /// Folder of state files.
    pub const STATE: &str = ".kratix";
    /// Who writes canaries, in commit messages.
    pub const CANARY: &str = "kratix-canary";
    /// The canary in [`DEPENDENCIES`].
    pub const CANARY_NAMESPACE: &str = "kratix-canary-namespace.yaml";
    /// The canary in [`RESOURCES`].
    pub const CANARY_CONFIG_MAP: &str = "kratix-canary-configmap.yaml";
    /// Name of the Namespace of the canaries.
    pub const WORKER_NAMESPACE: &str = "kratix-worker-system";
    /// Name of the ConfigMap.
    pub const INFO: &str = "kratix-info";
    /// Its key.
    pub const INFO_KEY: &str = "canary";
    /// What it says.
    pub const INFO_TEXT: &str =
        "this confirms your infrastructure is reading from Kratix state stores";
}

macro_rules! conditions {
    ($($(#[$doc:meta])* $name:ident = $kind:expr, $status:literal, $reason:expr, $message:literal;)*) => {
        $($(#[$doc])* pub const $name: Condition =
            Condition { kind: $kind, status: $status, reason: $reason, message: $message };)*
    };
}

conditions! {
    /// Where files were written to last; the place is given. Ours: Kratix leaves conditions of others as they are.
    WRITTEN_TO = kind::WRITTEN_TO, "True", "Written", "";
}

/// Conditions of a Work. A list follows where a message ends in `: `.
pub mod work {
    use super::Condition;
    use super::kind::{READY, SCHEDULED};

    /// Everything has a Destination.
    pub const ALL_SCHEDULED: &str = "AllWorkplacementsScheduled";
    /// Something has none.
    pub const UNSCHEDULED: &str = "UnscheduledWorkloads";
    /// Something could not be given one.
    pub const SCHEDULE_FAILED: &str = "FailedToScheduleWorkloads";
    /// Something could not be written.
    pub const WRITE_FAILED: &str = "WorkplacementsFailing";
    /// Something is where it may not go any more.
    pub const MISPLACED: &str = "Misplaced";
    /// Something is not written yet; ours.
    pub const WRITE_PENDING: &str = "WorkplacementsPending";
    /// A Destination matches no more.
    pub const MISMATCH: &str = "DestinationSelectorMismatch";

    conditions! {
        /// Everything has a Destination.
        SCHEDULED_ALL = SCHEDULED, "True", ALL_SCHEDULED, "All workplacements scheduled successfully";
        /// Everything is written.
        READY_ALL = READY, "True", ALL_SCHEDULED, "Ready";
        /// Something is not written yet; ours.
        READY_PENDING = READY, "False", WRITE_PENDING, "Pending";
        /// Something has no Destination.
        SCHEDULED_NOT = SCHEDULED, "False", UNSCHEDULED, "No matching destination found for workloadGroups: ";
        /// The same, in short.
        READY_UNSCHEDULED = READY, "False", UNSCHEDULED, "Pending";
        /// Something is where it may not go any more.
        SCHEDULED_MISPLACED = SCHEDULED, "False", MISMATCH, "Target destination no longer matches destinationSelectors for workloadGroups: ";
        /// The same, in short.
        READY_MISPLACED = READY, "False", MISPLACED, "Misplaced";
        /// Something could not be given a Destination.
        SCHEDULED_FAILED = SCHEDULED, "False", SCHEDULE_FAILED, "Failed to schedule or update for workloadGroups: ";
        /// The same, in short.
        READY_SCHEDULE_FAILED = READY, "False", SCHEDULE_FAILED, "Pending";
        /// Something could not be written.
        SCHEDULED_WRITE_FAILED = SCHEDULED, "False", WRITE_FAILED, "Workplacements failed to write: ";
        /// The same, in short.
        READY_WRITE_FAILED = READY, "False", WRITE_FAILED, "Failing";
    }
}

/// Conditions of a WorkPlacement.
pub mod placed {
    use super::Condition;
    use super::kind::{READY, SCHEDULED, WRITTEN};

    const TO_DESTINATION: &str = "ScheduledToDestination";
    const FAILED: &str = "WorkloadsFailedWrite";

    conditions! {
        /// Its Destination matches.
        SCHEDULED_RIGHT = SCHEDULED, "True", TO_DESTINATION, "Scheduled to correct Destination";
        /// Its Destination matches no more.
        SCHEDULED_WRONG = SCHEDULED, "False", super::work::MISMATCH, "Target destination no longer matches destinationSelectors";
        /// Its files are in the state store.
        WRITE_DONE = WRITTEN, "True", "WorkloadsWrittenToStateStore", "Workloads written to State Store";
        /// They could not be written; the message is the error.
        WRITE_FAILED = WRITTEN, "False", FAILED, "";
        /// It is written, where it should be.
        READY_YES = READY, "True", "WorkloadsWrittenToTargetDestination", "Ready";
        /// It is not written yet.
        READY_PENDING = READY, "False", TO_DESTINATION, "Pending";
        /// It is where it may not go any more.
        READY_MISPLACED = READY, "False", super::work::MISPLACED, "Misplaced";
        /// It could not be written.
        READY_FAILED = READY, "False", FAILED, "Failing";
    }
}

/// Conditions of Destinations.
pub mod destination {
    use super::Condition;
    use super::kind::READY;

    conditions! {
        /// Nothing is known of it yet.
        NOT_YET = READY, "False", "DestinationNotReady", "Destination is not ready";
        /// Its state store is not there; the message is given.
        STORE_NOT_FOUND = READY, "False", "StateStoreNotFound", "";
        /// Its state store is not ready; the message is given.
        STORE_NOT_READY = READY, "False", "StateStoreNotReady", "";
        /// Canaries could not be written; the message is given.
        WRITE_FAILED = READY, "False", "StateStoreWriteFailed", "";
        /// Its finalizer could not be set or taken off; the message is given.
        FINALIZER_FAILED = READY, "False", "DestinationFinalizerUpdateFailed", "";
        /// What it says of itself cannot be followed; ours. The message is given.
        INVALID = READY, "False", "InvalidDestination", "";
        /// Another Destination has its path; ours. The message is given.
        PATH_TAKEN = READY, "False", "PathTaken", "";
        /// The canaries are written.
        WRITTEN = READY, "True", "TestDocumentsWritten", "Test documents written to State Store";
        /// It has no canaries.
        READY_YES = READY, "True", "DestinationReady", "Destination is ready";
    }
}

/// Conditions of state stores.
pub mod store {
    use super::Condition;
    use super::kind::READY;

    conditions! {
        /// It can be written.
        READY_YES = READY, "True", "StateStoreReady", "State store is ready";
        /// It says nothing that can be opened; the message is given.
        NOT_OPENED = READY, "False", "ErrorInitialisingWriter", "";
        /// It may not be written; the cause follows.
        NOT_PERMITTED = READY, "False", "ErrorValidatingPermissions", "Error validating state store permissions: ";
        /// Its Secret is not there; the message is given.
        SECRET_NOT_FOUND = READY, "False", "SecretNotFound", "";
        /// Anything else; the message is given.
        FAILED = READY, "False", "StateStoreError", "";
    }
}

/// Reasons of events (contract.md 15.1).
pub mod event {
    /// A request's group has no Destination.
    pub const NO_DESTINATION: &str = "NoMatchingDestination";
    /// A Promise's group has no Destination.
    pub const WAITING: &str = "WaitingDestination";
    /// A WorkPlacement was made or changed.
    pub const PLACED: &str = "WorkplacementReconciled";
    /// A WorkPlacement could not be written.
    pub const WRITE_FAILED: &str = "FailedWriteToDestination";
    /// The files of a WorkPlacement that goes could not be deleted.
    pub const DELETE_FAILED: &str = "FailedDeleteFilesFromRepository";
    /// A Destination has become ready.
    pub const DESTINATION_READY: &str = "DestinationReady";
    /// A Destination is not ready.
    pub const DESTINATION_NOT_READY: &str = "DestinationNotReady";
    /// A state store has become ready.
    pub const STORE_READY: &str = "Ready";
    /// A state store is not ready.
    pub const STORE_NOT_READY: &str = "NotReady";
}
