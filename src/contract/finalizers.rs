//! Finalizers (contract.md 4.3): each holds its object until one thing is cleaned up.

/// Jobs of the object's workflows; on Promises and requests.
pub const WORKFLOWS_CLEANUP: &str = "kratix.io/workflows-cleanup";
/// The delete workflow; on a Promise that has one and on every request.
pub const DELETE_WORKFLOWS: &str = "kratix.io/delete-workflows";
/// Works of a request; on a Work, its WorkPlacements.
pub const WORK_CLEANUP: &str = "kratix.io/work-cleanup";
/// Works of a Promise.
pub const DEPENDENCIES_CLEANUP: &str = "kratix.io/dependencies-cleanup";
/// Requests; on a Promise with an API.
pub const RESOURCE_REQUEST_CLEANUP: &str = "kratix.io/resource-request-cleanup";
/// Rights, service accounts and ConfigMaps; on a Promise with an API.
pub const DEPENDANTS_CLEANUP: &str = "kratix.io/dynamic-controller-dependant-resources-cleanup";
/// The CRD; on a Promise with an API.
pub const API_CRD_CLEANUP: &str = "kratix.io/api-crd-cleanup";
/// A kind of Kratix's that we do not make; on Promises that Kratix has seen.
pub const REVISION_CLEANUP: &str = "kratix.io/revision-cleanup";
/// A kind of Kratix's that we do not make; on requests that Kratix has seen.
pub const RESOURCE_BINDING_CLEANUP: &str = "kratix.io/resource-binding-cleanup";

/// Files in a state store; on a WorkPlacement.
pub const REPO_CLEANUP: &str = "finalizers.workplacement.kratix.io/repo-cleanup";
/// The state file of mode `none`; on a WorkPlacement.
pub const DOT_FILES_CLEANUP: &str = "finalizers.workplacement.kratix.io/kratix-dot-files-cleanup";
/// WorkPlacements and canaries; on a Destination with `cleanup: all`.
pub const DESTINATION_CLEANUP: &str = "kratix.io/destination-cleanup";

/// All of them; a test compares them with `docs/contract.md`.
pub const ALL: [&str; 12] = [
    WORKFLOWS_CLEANUP,
    DELETE_WORKFLOWS,
    WORK_CLEANUP,
    DEPENDENCIES_CLEANUP,
    RESOURCE_REQUEST_CLEANUP,
    DEPENDANTS_CLEANUP,
    API_CRD_CLEANUP,
    REVISION_CLEANUP,
    RESOURCE_BINDING_CLEANUP,
    REPO_CLEANUP,
    DOT_FILES_CLEANUP,
    DESTINATION_CLEANUP,
];
