//! What the pod of a pipeline may do, and the objects that say so (contract.md 4.5, 4.6).
//!
//! [`grants`] is everything that must be there before a Job of a pipeline starts, in the order in which it is applied.
//! [`changes`] compares it with what is there, and says what to write and what to remove. It can be asked after any
//! interruption: what is done is not done again.

mod changes;
mod defaults;
mod permissions;
#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

use serde_json::{Value, json};

use super::naming::NamingError;
use super::pipeline::{PipelineError, job_namespace, scheduling_config_map};
use super::promise::{Pipeline, Promise, WorkflowAction, WorkflowType, pipeline_id};
use super::sidecar;
use crate::contract::{Kind, Object, kinds, labels};

pub use changes::{Change, KINDS, changes, differs, kind_of, obsolete};
pub use permissions::{Fault, has_no_effect, permission_fault};

/// How much the pods of every pipeline may do without asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Rights {
    /// What the three containers around the user's own need, on the object itself where Kubernetes can say so
    /// (docs/reconcile.md).
    #[default]
    Least,
    /// What Kratix gives, to the letter.
    Kratix,
}

impl Rights {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Least, Self::Kratix];

    /// The word for it in settings.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Least => "least",
            Self::Kratix => "kratix",
        }
    }
}

impl fmt::Display for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Rights {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.into_iter().find(|one| one.as_str() == text);
        known.ok_or_else(|| format!("`{text}` is not `least` or `kratix`"))
    }
}

/// A pipeline whose pod is to be given its rights.
#[derive(Debug, Clone, Copy)]
pub struct Grantee<'a> {
    /// The Promise.
    pub promise: &'a Promise,
    /// The request; only in a resource workflow.
    pub request: Option<&'a Object>,
    /// Which of the Promise's workflows.
    pub workflow: WorkflowType,
    /// Which of its two lists.
    pub action: WorkflowAction,
    /// Which pipeline of the list, from 0.
    pub index: usize,
    /// How much it may do without asking.
    pub rights: Rights,
    /// What the installation says about status sidecars: one reads its own pod.
    pub sidecar: sidecar::Settings,
}

/// Why a pipeline cannot be given its rights. Nothing has been made of them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RbacError {
    /// There is no such pipeline, or nowhere to run it.
    #[error("failed to find whose rights they are")]
    Pipeline {
        /// Why.
        source: PipelineError,
    },

    /// A permission that Kubernetes refuses.
    #[error("`{path}` is refused by Kubernetes: {fault}")]
    Permission {
        /// Where in the Promise.
        path: String,
        /// What is wrong with it.
        fault: Fault,
    },

    /// No name can be made.
    #[error("failed to name the rights of pipeline `{pipeline}`")]
    Name {
        /// Id of the pipeline.
        pipeline: String,
        /// Why.
        source: NamingError,
    },

    /// Rights of this name are another Promise's.
    #[error("{kind} `{name}` belongs to Promise `{owner}`")]
    Taken {
        /// Kind of the object.
        kind: String,
        /// Its name.
        name: String,
        /// The other Promise.
        owner: String,
    },
}

impl RbacError {
    /// Returns what to do next.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Pipeline { source } => source.hint(),
            Self::Permission { fault, .. } => Some(fault.hint().into()),
            Self::Name { .. } => None,
            Self::Taken { .. } => Some("give the pipeline another name".into()),
        }
    }
}

/// Returns everything that a run of a pipeline needs beside its Job, in the order in which it is applied: service
/// account, scheduling ConfigMap (configure), the rights that every pipeline has, those that it asks for.
///
/// The service account is to be created, and never changed when it is there ([`changes`]).
pub fn grants(grantee: &Grantee<'_>) -> Result<Vec<Object>, RbacError> {
    let plan = Plan::new(grantee)?;
    permissions::check(&plan)?;
    let mut all = vec![plan.account_object()];
    if grantee.action == WorkflowAction::Configure {
        all.push(scheduling_config_map(grantee.promise, plan.namespace));
    }
    let mut rights = defaults::rights(&plan, grantee.rights)?;
    rights.extend(permissions::rights(&plan)?);
    // Roles before what binds them, those of a namespace before those of the cluster: as the original does.
    let place = |object: &Object| KINDS.iter().position(|kind| kind.kind == object.kind());
    rights.sort_by_key(place);
    all.extend(rights);
    Ok(all)
}

/// Returns the name of the ClusterRole, and of its binding, by which the controller may work with the requests of a
/// Promise (contract.md 4.5).
pub fn controller_rights_name(promise: &str) -> String {
    format!("{promise}{}", kinds::CONTROLLER_RIGHT_SUFFIX)
}

/// Returns the right of the controller to the requests of a Promise, and its binding (contract.md 4.6).
pub fn controller_grants(promise: &Promise) -> Option<[Object; 2]> {
    let kind = promise.request_kind()?;
    let name = controller_rights_name(&promise.name);
    let rules = [
        rule(&kind.group, &[kind.plural.to_string()], &["*"]),
        rule(&kind.group, &[format!("{}/finalizers", kind.plural)], &["update"]),
        rule(&kind.group, &[status_of(kind)], &["get", "update", "patch"]),
    ];
    let grants = Grants {
        promise: &promise.name,
        account: kinds::CONTROLLER,
        namespace: kinds::SYSTEM_NAMESPACE,
    };
    Some(grants.everywhere(&name, &rules))
}

/// A grantee with everything found that more than one part needs.
struct Plan<'a> {
    grantee: &'a Grantee<'a>,
    pipeline: &'a Pipeline,
    /// Name of the account's and rights' default.
    id: String,
    /// Namespace of the Job.
    namespace: &'a str,
}

impl<'a> Plan<'a> {
    fn new(grantee: &'a Grantee<'a>) -> Result<Self, RbacError> {
        let Grantee { promise, request, workflow, action, index, .. } = *grantee;
        let pipeline = promise.pipelines(workflow, action).get(index).ok_or_else(|| {
            let promise = promise.name.clone();
            let source = PipelineError::NoPipeline { promise, workflow, action, index };
            RbacError::Pipeline { source }
        })?;
        Ok(Self {
            grantee,
            pipeline,
            id: pipeline_id(&promise.name, workflow, action, &pipeline.name),
            namespace: job_namespace(promise, request)
                .map_err(|source| RbacError::Pipeline { source })?,
        })
    }

    /// Name of the account: the pipeline's own choice, or its id.
    fn account(&self) -> &str {
        match self.pipeline.spec.rbac.service_account.as_str() {
            "" => &self.id,
            own => own,
        }
    }

    fn account_object(&self) -> Object {
        self.grants().object(&kinds::SERVICE_ACCOUNT, Some(self.namespace), self.account())
    }

    fn grants(&self) -> Grants<'_> {
        Grants {
            promise: &self.grantee.promise.name,
            account: self.account(),
            namespace: self.namespace,
        }
    }
}

/// Whom the rights are for.
struct Grants<'a> {
    promise: &'a str,
    account: &'a str,
    /// Namespace of the account.
    namespace: &'a str,
}

impl Grants<'_> {
    /// A role in a namespace, and its binding.
    fn within(&self, namespace: &str, name: &str, rules: &[Value]) -> [Object; 2] {
        let namespace = Some(namespace);
        [
            self.role(&kinds::ROLE, namespace, name, rules),
            self.binding(&kinds::ROLE_BINDING, namespace, name, (&kinds::ROLE, name)),
        ]
    }

    /// A role for the whole cluster, and its binding.
    fn everywhere(&self, name: &str, rules: &[Value]) -> [Object; 2] {
        [
            self.role(&kinds::CLUSTER_ROLE, None, name, rules),
            self.binding(&kinds::CLUSTER_ROLE_BINDING, None, name, (&kinds::CLUSTER_ROLE, name)),
        ]
    }

    fn role(&self, kind: &Kind, namespace: Option<&str>, name: &str, rules: &[Value]) -> Object {
        let mut role = self.object(kind, namespace, name);
        role.0.insert("rules".into(), rules.into());
        role
    }

    fn binding(
        &self,
        kind: &Kind,
        namespace: Option<&str>,
        name: &str,
        (role, role_name): (&Kind, &str),
    ) -> Object {
        let mut binding = self.object(kind, namespace, name);
        let subject = json!({
            "kind": kinds::SERVICE_ACCOUNT.kind,
            "name": self.account,
            "namespace": self.namespace,
        });
        binding.0.insert("subjects".into(), json!([subject]));
        let role = json!({"apiGroup": kinds::RBAC_GROUP, "kind": role.kind, "name": role_name});
        binding.0.insert("roleRef".into(), role);
        binding
    }

    fn object(&self, kind: &Kind, namespace: Option<&str>, name: &str) -> Object {
        let mut object = Object::new(kind, namespace, name);
        object.set_label(labels::PROMISE_NAME, self.promise);
        object
    }
}

fn status_of(kind: &Kind) -> String {
    format!("{}/status", kind.plural)
}

fn rule(group: &str, resources: &[String], verbs: &[&str]) -> Value {
    json!({"apiGroups": [group], "resources": resources, "verbs": verbs})
}
