//! The CRD of Promises (contract.md 5.6), with the form before `workflows`.

use serde_json::{Map, Value, json};

use super::schema::{Column, anything, column, crd, kind_schema, labels, time};
use crate::contract::promise_status::field;
use crate::contract::status::KRATIX;
use crate::contract::{Object, kinds};
use crate::core::crd::status_schema::{self, PRESERVE, integer, list, map, text};

/// Says of a field that it holds a whole object.
const EMBEDDED: &str = "x-kubernetes-embedded-resource";

const COLUMNS: [Column; 5] = [
    column("Status", ".status.status"),
    column("Kind", ".status.kind"),
    column("API Version", ".status.apiVersion"),
    column("Version", ".status.version"),
    column("Message", ".status.message"),
];

/// Returns the CRD.
pub(super) fn promises() -> Object {
    crd(&kinds::PROMISE, &[], promise_schema(), &COLUMNS)
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
