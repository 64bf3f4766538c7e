//! Who is reconciled: a Promise or a request, and whose Jobs and Works are which.

use std::fmt;
use std::sync::Arc;

use crate::contract::{Object, labels};
use crate::core::promise::WorkflowType;

/// A Promise, or a request of it. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Target {
    /// Name of the Promise.
    pub(super) promise: Arc<str>,
    /// Namespace (empty for an API without) and name of the request; `None` for the Promise itself.
    pub(super) request: Option<(Arc<str>, Arc<str>)>,
}

impl Target {
    /// The Promise of that name.
    pub(super) fn promise(name: &str) -> Self {
        Self { promise: name.into(), request: None }
    }

    /// A request of the Promise of that name.
    pub(super) fn request(promise: &str, namespace: &str, name: &str) -> Self {
        Self { promise: promise.into(), request: Some((namespace.into(), name.into())) }
    }

    /// For whom its workflows run.
    pub(super) fn workflow(&self) -> WorkflowType {
        match self.request {
            None => WorkflowType::Promise,
            Some(_) => WorkflowType::Resource,
        }
    }

    /// Whose Job it is, by the annotations that name its object (contract.md 4.2); `None` for a Job of nobody.
    ///
    /// The Promise is taken from the label: two Promises cannot share an API.
    pub(super) fn of_job(job: &Object) -> Option<Self> {
        let promise = label(job, labels::PROMISE_NAME)?;
        if job.label(labels::WORKFLOW_TYPE) == Some(WorkflowType::Promise.as_str()) {
            return Some(Self::promise(promise));
        }
        let name = job.annotation(labels::JOB_RESOURCE_NAME).filter(|name| !name.is_empty())?;
        let namespace = job.annotation(labels::JOB_RESOURCE_NAMESPACE).unwrap_or_default();
        Some(Self::request(promise, namespace, name))
    }

    /// Whose Work it is, by its labels (contract.md 4.1): the namespace of the request is that of the Work unless a
    /// label says another one.
    pub(super) fn of_work(work: &Object) -> Option<Self> {
        let promise = label(work, labels::PROMISE_NAME)?;
        let Some(name) = label(work, labels::RESOURCE_NAME) else {
            return Some(Self::promise(promise));
        };
        let namespace = label(work, labels::RESOURCE_NAMESPACE).or(work.namespace());
        Some(Self::request(promise, namespace.unwrap_or_default(), name))
    }
}

fn label<'a>(object: &'a Object, key: &str) -> Option<&'a str> {
    object.label(key).filter(|value| !value.is_empty())
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.request {
            None => write!(f, "{}", self.promise),
            Some((namespace, name)) => write!(f, "{} {namespace}/{name}", self.promise),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(namespace: &str, labels: &[(&str, &str)], annotations: &[(&str, &str)]) -> Object {
        let mut object =
            Object::from_value(json!({"metadata": {"name": "x", "namespace": namespace}})).unwrap();
        for (key, value) in labels {
            object.set_label(key, value);
        }
        for (key, value) in annotations {
            object.set_annotation(key, value);
        }
        object
    }

    #[test]
    fn a_job_belongs_to_the_object_that_its_annotations_name() {
        let of = |labels: &[_], annotations: &[_]| {
            Target::of_job(&object("jobs", labels, annotations)).map(|target| target.to_string())
        };
        let mine = (labels::PROMISE_NAME, "redis");
        let named = [(labels::JOB_RESOURCE_NAMESPACE, "a"), (labels::JOB_RESOURCE_NAME, "one")];
        assert_eq!(of(&[mine], &named).as_deref(), Some("redis a/one"));
        let promise = [mine, (labels::WORKFLOW_TYPE, "promise")];
        assert_eq!(of(&promise, &[(labels::JOB_RESOURCE_NAME, "redis")]).as_deref(), Some("redis"));
        assert_eq!(of(&[mine], &[]), None);
        assert_eq!(of(&[], &named), None);
    }

    #[test]
    fn a_work_belongs_to_the_request_of_its_namespace_or_of_that_which_a_label_names() {
        let of = |labels: &[_]| {
            Target::of_work(&object("a", labels, &[])).map(|target| target.to_string())
        };
        let mine = (labels::PROMISE_NAME, "redis");
        let request = (labels::RESOURCE_NAME, "one");
        assert_eq!(of(&[mine]).as_deref(), Some("redis"));
        assert_eq!(of(&[mine, request]).as_deref(), Some("redis a/one"));
        let elsewhere = (labels::RESOURCE_NAMESPACE, "b");
        assert_eq!(of(&[mine, request, elsewhere]).as_deref(), Some("redis b/one"));
        assert_eq!(of(&[request]), None);
    }
}
