//! The rights that a pipeline asks for: `spec.rbac.permissions` (contract.md 4.6).

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value};

use super::{Plan, RbacError};
use crate::contract::{Object, kinds, labels};
use crate::core::naming;
use crate::core::promise::{Permission, is_dns_label};

/// `resourceNamespace` of a right to all namespaces.
const EVERYWHERE: &str = "*";

/// What is wrong with a permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// No verbs.
    NoVerbs,
    /// URLs beside resources.
    UrlsAndResources,
    /// URLs, in a namespace.
    UrlsInNamespace,
    /// No API groups.
    NoGroups,
    /// No resources.
    NoResources,
    /// No name of a namespace.
    Namespace,
}

impl Fault {
    /// Returns what to do next.
    pub fn hint(self) -> &'static str {
        match self {
            Self::NoVerbs => "list what may be done in `verbs`",
            Self::UrlsAndResources => "make two permissions of it",
            Self::UrlsInNamespace => "set `resourceNamespace: \"*\"`",
            Self::NoGroups => "set `apiGroups`; `\"\"` is the core group",
            Self::NoResources => "set `resources`",
            Self::Namespace => {
                "name one namespace, `\"*\"` for all, or nothing for that of the Job"
            }
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoVerbs => "it has no `verbs`",
            Self::UrlsAndResources => "it has `nonResourceURLs` and resources",
            Self::UrlsInNamespace => "`nonResourceURLs` are in no namespace",
            Self::NoGroups => "it has no `apiGroups`",
            Self::NoResources => "it has no `resources`",
            Self::Namespace => "its `resourceNamespace` is no name of a namespace",
        })
    }
}

/// Returns why Kubernetes refuses a permission.
pub fn permission_fault(permission: &Permission) -> Option<Fault> {
    let namespace = permission.resource_namespace.as_str();
    let is_everywhere = namespace == EVERYWHERE;
    if permission.verbs.is_empty() {
        Some(Fault::NoVerbs)
    } else if !permission.non_resource_urls.is_empty() {
        let lists = [&permission.api_groups, &permission.resources, &permission.resource_names];
        if lists.iter().any(|list| !list.is_empty()) {
            Some(Fault::UrlsAndResources)
        } else {
            namespace.is_empty().then_some(Fault::UrlsInNamespace)
        }
    } else if permission.api_groups.is_empty() {
        Some(Fault::NoGroups)
    } else if permission.resources.is_empty() {
        Some(Fault::NoResources)
    } else {
        let is_name = namespace.is_empty() || is_everywhere || is_dns_label(namespace);
        (!is_name).then_some(Fault::Namespace)
    }
}

/// Whether a permission is accepted and allows nothing: URLs are in no namespace.
pub fn has_no_effect(permission: &Permission) -> bool {
    !permission.non_resource_urls.is_empty()
        && !matches!(permission.resource_namespace.as_str(), "" | EVERYWHERE)
}

/// Refuses all of them when Kubernetes refuses one.
pub(super) fn check(plan: &Plan<'_>) -> Result<(), RbacError> {
    let grantee = plan.grantee;
    for (index, permission) in plan.pipeline.spec.rbac.permissions.iter().enumerate() {
        if let Some(fault) = permission_fault(permission) {
            let (workflow, action, pipeline) = (grantee.workflow, grantee.action, grantee.index);
            let path = format!(
                "spec.workflows.{workflow}.{action}[{pipeline}].spec.rbac.permissions[{index}]"
            );
            return Err(RbacError::Permission { path, fault });
        }
    }
    Ok(())
}

/// Returns the rights that a pipeline asks for, each under the labels by which it is found when it is asked for no more.
pub(super) fn rights(plan: &Plan<'_>) -> Result<Vec<Object>, RbacError> {
    let mut by_namespace: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for permission in &plan.pipeline.spec.rbac.permissions {
        let rules = by_namespace.entry(&permission.resource_namespace).or_default();
        rules.push(policy_rule(permission));
    }
    let name = |suffix: Option<&str>| {
        let name = match suffix {
            Some(suffix) => format!("{}-{suffix}", plan.id),
            None => plan.id.clone(),
        };
        naming::deterministic(&name, &[])
            .map_err(|source| RbacError::Name { pipeline: plan.id.clone(), source })
    };
    let grants = plan.grants();
    let mut all = Vec::new();
    for (namespace, rules) in by_namespace {
        let mut objects = match namespace {
            "" => grants.within(plan.namespace, &name(None)?, &rules),
            EVERYWHERE => {
                let role = name(Some(labels::ALL_NAMESPACES_NAME))?;
                let binding = name(Some(plan.namespace))?;
                let to = (&kinds::CLUSTER_ROLE, role.as_str());
                [
                    grants.role(&kinds::CLUSTER_ROLE, None, &role, &rules),
                    grants.binding(&kinds::CLUSTER_ROLE_BINDING, None, &binding, to),
                ]
            }
            namespace => {
                let role = name(Some(namespace))?;
                let binding = name(Some(plan.namespace))?;
                let to = (&kinds::CLUSTER_ROLE, role.as_str());
                [
                    grants.role(&kinds::CLUSTER_ROLE, None, &role, &rules),
                    grants.binding(&kinds::ROLE_BINDING, Some(namespace), &binding, to),
                ]
            }
        };
        for object in &mut objects {
            label(object, plan, namespace);
        }
        all.extend(objects);
    }
    Ok(all)
}

fn label(object: &mut Object, plan: &Plan<'_>, namespace: &str) {
    object.set_label(labels::PIPELINE_NAME, &plan.pipeline.name);
    object.set_label(labels::PIPELINE_NAMESPACE, plan.namespace);
    object.set_label(labels::WORKFLOW_TYPE, plan.grantee.workflow.as_str());
    object.set_label(labels::WORKFLOW_ACTION, plan.grantee.action.as_str());
    match namespace {
        "" => {}
        // Only on the role; the original leaves it off the binding.
        EVERYWHERE if object.kind() == kinds::CLUSTER_ROLE_BINDING.kind => {}
        EVERYWHERE => object.set_label(labels::RESOURCE_NAMESPACE, labels::ALL_NAMESPACES),
        namespace => object.set_label(labels::RESOURCE_NAMESPACE, namespace),
    }
}

fn policy_rule(permission: &Permission) -> Value {
    let lists = [
        ("apiGroups", &permission.api_groups),
        ("resources", &permission.resources),
        ("verbs", &permission.verbs),
        ("resourceNames", &permission.resource_names),
        ("nonResourceURLs", &permission.non_resource_urls),
    ];
    let given = lists.into_iter().filter(|(_, list)| !list.is_empty());
    Value::Object(
        given.map(|(key, list)| (key.to_owned(), list.clone().into())).collect::<Map<_, _>>(),
    )
}
