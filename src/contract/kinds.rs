//! Group, version, kind and plural of every kind that is used, and the key of one object.

use std::borrow::Cow;
use std::fmt;

use super::Object;

/// API group of Kratix's own kinds.
pub const KRATIX_GROUP: &str = "platform.kratix.io";
/// Version of Kratix's own kinds.
pub const KRATIX_VERSION: &str = "v1alpha1";
/// Namespace of the Kratix installation: Jobs of promise workflows and their Works live there.
pub const SYSTEM_NAMESPACE: &str = "kratix-platform-system";
/// Deployment, and service account, of Kratix's controller in [`SYSTEM_NAMESPACE`] (contract.md 4.6).
pub const CONTROLLER: &str = "kratix-platform-controller-manager";
/// ConfigMap with the settings of an installation, in [`SYSTEM_NAMESPACE`] (contract.md 11).
pub const SETTINGS: &str = "kratix";
/// Key in [`SETTINGS`] under which its document stands.
pub const SETTINGS_KEY: &str = "config";
/// Lease that the acting one of several controllers holds (contract.md 1.5).
pub const CONTROLLER_LEASE: &str = "2743c979.kratix.io";
/// End of the name of the controller's right to the requests of a Promise, after the Promise's (contract.md 4.5).
pub const CONTROLLER_RIGHT_SUFFIX: &str = "-promise-controller";

/// What a URL of the API server needs to know of a kind.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Kind {
    /// API group; empty for the core group.
    pub group: Cow<'static, str>,
    /// API version without the group.
    pub version: Cow<'static, str>,
    /// Kind in CamelCase; may be empty where only the URL matters.
    pub kind: Cow<'static, str>,
    /// Plural, as it stands in URLs.
    pub plural: Cow<'static, str>,
    /// Whether objects of this kind live in a namespace.
    pub namespaced: bool,
}

impl Kind {
    const fn fixed(
        group: &'static str,
        version: &'static str,
        kind: &'static str,
        plural: &'static str,
        namespaced: bool,
    ) -> Self {
        Self {
            group: Cow::Borrowed(group),
            version: Cow::Borrowed(version),
            kind: Cow::Borrowed(kind),
            plural: Cow::Borrowed(plural),
            namespaced,
        }
    }

    /// Whether it is the same kind of object, in whatever version, and also where `kind` is not known of one of them.
    pub fn is_same(&self, other: &Self) -> bool {
        (&self.group, &self.plural) == (&other.group, &other.plural)
    }

    /// Returns `group/version`, or `version` alone for the core group.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.to_string()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// Returns the key of an object of this kind; the namespace is dropped when the kind has none.
    pub fn object(&self, namespace: Option<&str>, name: &str) -> ObjectKey {
        ObjectKey {
            kind: self.clone(),
            namespace: namespace.filter(|_| self.namespaced).map(str::to_owned),
            name: name.to_owned(),
        }
    }
}

impl fmt::Display for Kind {
    /// Writes `plural.group`, as kubectl does.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.group.as_ref() {
            "" => write!(f, "{}", self.plural),
            group => write!(f, "{}.{group}", self.plural),
        }
    }
}

/// Names one object in a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectKey {
    /// Its kind.
    pub kind: Kind,
    /// Its namespace; `None` for a cluster-scoped kind.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
}

impl fmt::Display for ObjectKey {
    /// Writes `plural.group namespace/name`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{} {namespace}/{}", self.kind, self.name),
            None => write!(f, "{} {}", self.kind, self.name),
        }
    }
}

/// `promises.platform.kratix.io`.
pub const PROMISE: Kind = Kind::fixed(KRATIX_GROUP, KRATIX_VERSION, "Promise", "promises", false);
/// `works.platform.kratix.io`.
pub const WORK: Kind = Kind::fixed(KRATIX_GROUP, KRATIX_VERSION, "Work", "works", true);
/// `destinations.platform.kratix.io`.
pub const DESTINATION: Kind =
    Kind::fixed(KRATIX_GROUP, KRATIX_VERSION, "Destination", "destinations", false);
/// `workplacements.platform.kratix.io`.
pub const WORK_PLACEMENT: Kind =
    Kind::fixed(KRATIX_GROUP, KRATIX_VERSION, "WorkPlacement", "workplacements", true);
/// `gitstatestores.platform.kratix.io`.
pub const GIT_STATE_STORE: Kind =
    Kind::fixed(KRATIX_GROUP, KRATIX_VERSION, "GitStateStore", "gitstatestores", false);
/// `bucketstatestores.platform.kratix.io`.
pub const BUCKET_STATE_STORE: Kind =
    Kind::fixed(KRATIX_GROUP, KRATIX_VERSION, "BucketStateStore", "bucketstatestores", false);
/// `jobs.batch`.
pub const JOB: Kind = Kind::fixed("batch", "v1", "Job", "jobs", true);
/// `configmaps`.
pub const CONFIG_MAP: Kind = Kind::fixed("", "v1", "ConfigMap", "configmaps", true);
/// `namespaces`.
pub const NAMESPACE: Kind = Kind::fixed("", "v1", "Namespace", "namespaces", false);
/// `secrets`.
pub const SECRET: Kind = Kind::fixed("", "v1", "Secret", "secrets", true);
/// `serviceaccounts`.
pub const SERVICE_ACCOUNT: Kind = Kind::fixed("", "v1", "ServiceAccount", "serviceaccounts", true);
/// API group of the four kinds of rights.
pub const RBAC_GROUP: &str = "rbac.authorization.k8s.io";
/// `roles.rbac.authorization.k8s.io`.
pub const ROLE: Kind = Kind::fixed(RBAC_GROUP, "v1", "Role", "roles", true);
/// `rolebindings.rbac.authorization.k8s.io`.
pub const ROLE_BINDING: Kind = Kind::fixed(RBAC_GROUP, "v1", "RoleBinding", "rolebindings", true);
/// `clusterroles.rbac.authorization.k8s.io`.
pub const CLUSTER_ROLE: Kind = Kind::fixed(RBAC_GROUP, "v1", "ClusterRole", "clusterroles", false);
/// `clusterrolebindings.rbac.authorization.k8s.io`.
pub const CLUSTER_ROLE_BINDING: Kind =
    Kind::fixed(RBAC_GROUP, "v1", "ClusterRoleBinding", "clusterrolebindings", false);
/// `customresourcedefinitions.apiextensions.k8s.io`.
pub const CRD: Kind = Kind::fixed(
    "apiextensions.k8s.io",
    "v1",
    "CustomResourceDefinition",
    "customresourcedefinitions",
    false,
);

/// `validatingadmissionpolicies.admissionregistration.k8s.io`.
pub const ADMISSION_POLICY: Kind = Kind::fixed(
    "admissionregistration.k8s.io",
    "v1",
    "ValidatingAdmissionPolicy",
    "validatingadmissionpolicies",
    false,
);
/// `validatingadmissionpolicybindings.admissionregistration.k8s.io`.
pub const ADMISSION_POLICY_BINDING: Kind = Kind::fixed(
    "admissionregistration.k8s.io",
    "v1",
    "ValidatingAdmissionPolicyBinding",
    "validatingadmissionpolicybindings",
    false,
);
/// `events.events.k8s.io`.
pub const EVENT: Kind = Kind::fixed("events.k8s.io", "v1", "Event", "events", true);
/// `leases.coordination.k8s.io`.
pub const LEASE: Kind = Kind::fixed("coordination.k8s.io", "v1", "Lease", "leases", true);
/// `pods`.
pub const POD: Kind = Kind::fixed("", "v1", "Pod", "pods", true);
/// `deployments.apps`.
pub const DEPLOYMENT: Kind = Kind::fixed("apps", "v1", "Deployment", "deployments", true);

/// Returns the kind of an object that is of one of the kinds of this file.
pub fn of(object: &Object) -> Option<Kind> {
    const ALL: [Kind; 22] = [
        PROMISE,
        WORK,
        DESTINATION,
        WORK_PLACEMENT,
        GIT_STATE_STORE,
        BUCKET_STATE_STORE,
        JOB,
        CONFIG_MAP,
        NAMESPACE,
        SECRET,
        SERVICE_ACCOUNT,
        ROLE,
        ROLE_BINDING,
        CLUSTER_ROLE,
        CLUSTER_ROLE_BINDING,
        CRD,
        ADMISSION_POLICY,
        ADMISSION_POLICY_BINDING,
        EVENT,
        LEASE,
        POD,
        DEPLOYMENT,
    ];
    ALL.into_iter()
        .find(|kind| kind.kind == object.kind() && kind.api_version() == object.api_version())
}

/// Kind of a Pipeline document. It is no CRD: Pipelines stand inside a Promise (contract.md 5.7).
pub const PIPELINE_KIND: &str = "Pipeline";
