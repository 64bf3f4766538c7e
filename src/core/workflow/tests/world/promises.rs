//! Promises of the world: they differ in their pipelines, and in where their Jobs run.

use serde_json::{Value, json};

use crate::contract::{Object, kinds};
use crate::core::promise::Promise;

/// Versions of one Promise.
pub(crate) struct Promises {
    all: Vec<Promise>,
    has_namespace: bool,
}

impl Promises {
    pub(crate) fn new(has_namespace: bool) -> Self {
        let configure: [&[&str]; 6] = [
            &["one"],
            &["one", "two"],
            &["one", "two", "three"],
            &["two", "one"],
            &["one", "new"],
            &[],
        ];
        let delete: [&[&str]; 3] = [&["gone"], &["one", "never"], &[]];
        let mut all = Vec::new();
        for configure in configure {
            for delete in delete {
                all.push(promise(configure, delete, has_namespace));
            }
        }
        Self { all, has_namespace }
    }

    pub(crate) fn count(&self) -> usize {
        self.all.len()
    }

    pub(crate) fn has_namespace(&self) -> bool {
        self.has_namespace
    }

    pub(crate) fn at(&self, index: usize) -> &Promise {
        &self.all[index]
    }
}

/// A Promise `p` with these pipelines for its requests.
pub(crate) fn promise(configure: &[&str], delete: &[&str], has_namespace: bool) -> Promise {
    let list = |names: &[&str]| -> Value {
        names
            .iter()
            .map(|name| {
                json!({
                    "apiVersion": kinds::PROMISE.api_version(), "kind": "Pipeline",
                    "metadata": {"name": name}, "spec": {"containers": []},
                })
            })
            .collect()
    };
    let mut value = json!({
        "apiVersion": kinds::PROMISE.api_version(), "kind": "Promise",
        "metadata": {"name": "p", "uid": "promise"},
        "spec": {
            "api": {
                "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
                "spec": {
                    "group": "g.io", "scope": "Namespaced",
                    "names": {"kind": "Thing", "plural": "things"},
                    "versions": [{"name": "v1", "storage": true}],
                },
            },
            "workflows": {"resource": {"configure": list(configure), "delete": list(delete)}},
        },
    });
    if has_namespace {
        value["spec"]["workflows"]["config"] = json!({"pipelineNamespace": "pipes"});
    }
    Promise::from_object(&Object::from_value(value).unwrap()).unwrap()
}
