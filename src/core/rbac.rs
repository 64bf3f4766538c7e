//! The rights of a pipeline's pod, those that every pipeline has (contract.md 4.6): only tests ask for them today, to
//! run pods under Kratix' own rights and to compare with the recorded ones; a reconciler will.

use serde_json::{Value, json};

use super::pipeline::{PipelineError, job_namespace};
use super::promise::{Pipeline, Promise, WorkflowAction, WorkflowType, pipeline_id};
use crate::contract::{Kind, Object, kinds, labels};

/// What the reader and the status step do with the object.
const ON_OBJECTS: [&str; 5] = ["get", "list", "update", "create", "patch"];

/// Builds the service account of a pipeline and the rights that every pipeline has, in the order in which they are
/// applied: account, role, its binding, and where the request lives elsewhere (`pipelineNamespace`) the right to it.
///
/// What a pipeline asks for beyond that (`spec.rbac.permissions`) is not here. An account of the pipeline's own
/// choice (`spec.rbac.serviceAccount`) that exists and is not labelled as a Promise's is to be left as it is.
pub fn default_grants(
    promise: &Promise,
    request: Option<&Object>,
    workflow: WorkflowType,
    action: WorkflowAction,
    pipeline: &Pipeline,
) -> Result<Vec<Object>, PipelineError> {
    let id = pipeline_id(&promise.name, workflow, action, &pipeline.name);
    let namespace = job_namespace(promise, request)?;
    let account = match pipeline.spec.rbac.service_account.as_str() {
        "" => &id,
        own => own,
    };
    let grants = Grants { promise: &promise.name, account, namespace };
    let mut all = vec![grants.object(&kinds::SERVICE_ACCOUNT, Some(namespace), account)];
    match workflow {
        WorkflowType::Promise => {
            let resources = [
                kinds::PROMISE.plural.to_string(),
                status_of(&kinds::PROMISE),
                kinds::WORK.plural.to_string(),
            ];
            let rule = rule(kinds::KRATIX_GROUP, &resources, &ON_OBJECTS);
            all.extend(grants.everywhere(&id, &[rule]));
        }
        WorkflowType::Resource => {
            let kind = promise
                .request_kind()
                .ok_or_else(|| PipelineError::NoApi { promise: promise.name.clone() })?;
            let on_objects =
                rule(&kind.group, &[kind.plural.to_string(), status_of(kind)], &ON_OBJECTS);
            let on_works = rule(kinds::KRATIX_GROUP, &[kinds::WORK.plural.to_string()], &["*"]);
            all.extend(grants.here(&id, &[on_objects.clone(), on_works]));
            let home = request.and_then(Object::namespace).unwrap_or_default();
            if home != namespace {
                all.extend(grants.everywhere(&format!("{id}-{home}"), &[on_objects]));
            }
        }
    }
    Ok(all)
}

/// Whom the rights are for.
struct Grants<'a> {
    promise: &'a str,
    account: &'a str,
    namespace: &'a str,
}

impl Grants<'_> {
    /// A role in the namespace of the Job, and its binding.
    fn here(&self, name: &str, rules: &[Value]) -> [Object; 2] {
        let namespace = Some(self.namespace);
        [
            self.role(&kinds::ROLE, namespace, name, rules),
            self.binding(&kinds::ROLE_BINDING, namespace, name, &kinds::ROLE),
        ]
    }

    /// A role for the whole cluster, and its binding.
    fn everywhere(&self, name: &str, rules: &[Value]) -> [Object; 2] {
        [
            self.role(&kinds::CLUSTER_ROLE, None, name, rules),
            self.binding(&kinds::CLUSTER_ROLE_BINDING, None, name, &kinds::CLUSTER_ROLE),
        ]
    }

    fn role(&self, kind: &Kind, namespace: Option<&str>, name: &str, rules: &[Value]) -> Object {
        let mut role = self.object(kind, namespace, name);
        role.0.insert("rules".into(), rules.into());
        role
    }

    fn binding(&self, kind: &Kind, namespace: Option<&str>, name: &str, role: &Kind) -> Object {
        let mut binding = self.object(kind, namespace, name);
        let subject = json!({
            "kind": kinds::SERVICE_ACCOUNT.kind,
            "name": self.account,
            "namespace": self.namespace,
        });
        binding.0.insert("subjects".into(), json!([subject]));
        let role = json!({"apiGroup": kinds::RBAC_GROUP, "kind": role.kind, "name": name});
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What is granted is compared with recordings in `tests/it/pipeline_golden`.
    #[test]
    fn a_promise_without_api_has_no_rights_for_requests() {
        let promise = json!({
            "apiVersion": kinds::PROMISE.api_version(), "kind": "Promise",
            "metadata": {"name": "p"},
            "spec": {"workflows": {"resource": {"configure": [{
                "apiVersion": kinds::PROMISE.api_version(), "kind": "Pipeline",
                "metadata": {"name": "one"}, "spec": {"containers": []},
            }]}}},
        });
        let promise = Promise::from_object(&Object::from_value(promise).unwrap()).unwrap();
        let request = Object::new(&kinds::SECRET, Some("team-a"), "r");
        let (workflow, action) = (WorkflowType::Resource, WorkflowAction::Configure);
        let pipeline = &promise.pipelines(workflow, action)[0];
        let granted = default_grants(&promise, Some(&request), workflow, action, pipeline);
        assert_eq!(granted, Err(PipelineError::NoApi { promise: "p".into() }));
    }
}
