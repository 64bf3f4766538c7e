//! The kinds that come with an installation: Promise and Work (contract.md 5.1, 5.6).

use serde_json::{Map, Value, json};

use super::status_schema::{self, PRESERVE, integer, list, map, text};
use crate::contract::promise_status::field;
use crate::contract::status::KRATIX;
use crate::contract::{Kind, Object, kinds};

/// Says of a field that it holds a whole object.
const EMBEDDED: &str = "x-kubernetes-embedded-resource";

/// Returns the CRDs of an installation, as they are applied.
pub fn own() -> Vec<Object> {
    vec![
        crd(&kinds::PROMISE, promise_schema(), &PROMISE_COLUMNS),
        crd(&kinds::WORK, work_schema(), &WORK_COLUMNS),
    ]
}

/// Name and path of a column.
type Column = (&'static str, &'static str);

const PROMISE_COLUMNS: [Column; 5] = [
    ("Status", ".status.status"),
    ("Kind", ".status.kind"),
    ("API Version", ".status.apiVersion"),
    ("Version", ".status.version"),
    ("Message", ".status.message"),
];
const WORK_COLUMNS: [Column; 1] = [("STATUS", r#".status.conditions[?(@.type=="Ready")].message"#)];

fn crd(kind: &Kind, schema: Value, columns: &[Column]) -> Object {
    let mut crd = Object::new(&kinds::CRD, None, &kind.to_string());
    let columns = columns
        .iter()
        .map(|(name, path)| json!({"name": name, "type": "string", "jsonPath": path}));
    let spec = json!({
        "group": kind.group,
        "scope": if kind.namespaced { "Namespaced" } else { "Cluster" },
        "names": {
            "kind": kind.kind,
            "listKind": format!("{}List", kind.kind),
            "plural": kind.plural,
            "singular": kind.kind.to_lowercase(),
            "categories": ["kratix"],
        },
        "versions": [{
            "name": kind.version,
            "served": true,
            "storage": true,
            "subresources": {"status": {}},
            "additionalPrinterColumns": columns.collect::<Vec<_>>(),
            "schema": {"openAPIV3Schema": schema},
        }],
    });
    crd.0.insert("spec".into(), spec);
    crd
}

/// The schema of a kind with this `spec` and `status`.
fn kind_schema(spec: Value, status: Value) -> Value {
    map(json!({
        "apiVersion": text(),
        "kind": text(),
        "metadata": {"type": "object"},
        "spec": spec,
        "status": status,
    }))
}

/// A map that may hold anything.
fn anything() -> Value {
    json!({"type": "object", PRESERVE: true})
}

fn labels() -> Value {
    json!({"type": "object", "additionalProperties": text()})
}

fn time() -> Value {
    json!({"type": "string", "format": "date-time"})
}

fn promise_schema() -> Value {
    let workflow = map(json!({"configure": list(anything()), "delete": list(anything())}));
    let spec = map(json!({
        // An object of its own, as in Kratix: its empty `creationTimestamp` is dropped, and the hash of a run with it.
        "api": {"type": "object", "nullable": true, PRESERVE: true, EMBEDDED: true},
        "dependencies": list(anything()),
        "destinationSelectors": list(map(json!({"matchLabels": labels()}))),
        "requiredPromises": list(map(json!({"name": text(), "version": text()}))),
        "workflows": map(json!({
            "config": map(json!({"pipelineNamespace": text(), "reconciliationInterval": text()})),
            "promise": workflow,
            "resource": workflow,
        })),
        // The form before `workflows`, which `core::legacy` reads: what a schema does not know is dropped.
        "xaasRequestPipeline": {"type": "array", "nullable": true, "items": text()},
        "xaasCrd": {"type": "object", "nullable": true, PRESERVE: true},
        "workerClusterResources": list(anything()),
        "clusterSelector": labels(),
    }));
    kind_schema(spec, promise_status())
}

fn promise_status() -> Value {
    let named = || json!({"name": text(), "version": text()});
    let summary = || {
        Map::from_iter([
            ("status".to_owned(), text()),
            ("kind".to_owned(), text()),
            ("apiVersion".to_owned(), text()),
            ("version".to_owned(), text()),
            ("lastAvailableTime".to_owned(), time()),
        ])
    };
    let mut properties = summary();
    properties.insert(
        "requiredPromises".into(),
        list(map(json!({"name": text(), "version": text(), "state": text()}))),
    );
    properties.insert(
        "requiredBy".into(),
        list(map(json!({"promise": map(named()), "requiredVersion": text()}))),
    );
    let mut ours = status_schema::common();
    if let Some(Value::Object(kratix)) =
        ours.get_mut(KRATIX).and_then(|one| one.get_mut("properties"))
    {
        kratix.extend(summary());
        kratix.insert(field::RESOURCES_RUN.into(), integer());
    }
    let mut status = map(Value::Object(properties));
    if let Value::Object(status) = &mut status {
        status_schema::merge(status, ours);
        // What a promise workflow publishes is kept, as for requests.
        status.insert(PRESERVE.into(), true.into());
    }
    status
}

fn work_schema() -> Value {
    let selector = map(json!({"matchLabels": labels(), "source": text()}));
    let group = map(json!({
        "id": text(),
        "directory": text(),
        "destinationSelectors": list(selector),
        "workloads": list(map(json!({"filepath": text(), "content": text()}))),
    }));
    let spec = map(json!({
        "lastExecutionTimestamp": {"type": "string", "format": "date-time", "nullable": true},
        "promiseName": text(),
        "resourceName": text(),
        "workloadGroups": list(group),
    }));
    let condition = map(json!({
        "type": text(),
        "status": {"type": "string", "enum": ["True", "False", "Unknown"]},
        "reason": text(),
        "message": text(),
        "lastTransitionTime": time(),
        "observedGeneration": {"type": "integer", "format": "int64", "minimum": 0},
    }));
    let status = map(json!({
        "conditions": list(condition),
        "workPlacements": integer(),
        "workPlacementsCreated": integer(),
    }));
    kind_schema(spec, status)
}
