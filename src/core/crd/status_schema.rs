//! What a schema says of the part of a status that Kratix owns (contract.md 5.6, 9.2, 16), with what we add.

use serde_json::{Map, Value, json};

use crate::contract::object::map_entry;
use crate::contract::promise_status::field;
use crate::contract::status::{
    CONDITIONS, KRATIX, MESSAGE, PIPELINES, SUSPENDED_GENERATION, WORKFLOWS, condition, counter,
    done, engine, entry, entry_more, workflow_action,
};

/// Keyword: fields that the schema does not name are kept.
pub(super) const PRESERVE: &str = "x-kubernetes-preserve-unknown-fields";

/// Schema of a text.
pub(super) fn text() -> Value {
    json!({"type": "string"})
}

/// Schema of a 64-bit integer.
pub(super) fn integer() -> Value {
    json!({"type": "integer", "format": "int64"})
}

/// Schema of a map with these fields.
pub(super) fn map(properties: Value) -> Value {
    json!({"type": "object", "properties": properties})
}

/// Schema of a list.
pub(super) fn list(items: Value) -> Value {
    json!({"type": "array", "items": items})
}

/// Fields of `status` that the controller and the status step write for every object with workflows.
///
/// Times are plain text: the original's format `datetime` is unknown to every API server and so checks nothing either.
pub(super) fn common() -> Map<String, Value> {
    let mut properties = Map::new();
    properties.insert(MESSAGE.into(), text());
    properties.insert(done::OBSERVED_GENERATION.into(), integer());
    for counter in counter::ALL {
        properties.insert(counter.into(), integer());
    }
    let mut fields = Map::from_iter([(condition::TYPE.to_owned(), text())]);
    fields.extend(condition::TEXT_FIELDS.map(|field| (field.to_owned(), text())));
    properties.insert(CONDITIONS.into(), list(map(fields.into())));
    properties.insert(KRATIX.into(), map(json!({WORKFLOWS: workflows()})));
    properties
}

/// The flat layout with the keyed one in it, under the keys that we write; those of other controllers are kept.
fn workflows() -> Value {
    let mut flat = holder();
    let keyed = map(Value::Object(holder()));
    for action in [workflow_action::CONFIGURE, workflow_action::DELETE] {
        flat.insert(action.into(), keyed.clone());
    }
    flat.insert(done::LAST_SUCCESS.into(), text());
    flat.insert(engine::ACTION.into(), text());
    let mut schema = map(Value::Object(flat));
    if let Value::Object(schema) = &mut schema {
        schema.insert(PRESERVE.into(), true.into());
    }
    schema
}

/// What holds a list of pipelines: with number and cause of its present run, which are ours.
fn holder() -> Map<String, Value> {
    let mut pipeline = Map::new();
    for field in [
        entry::NAME,
        entry::PHASE,
        entry::MESSAGE,
        entry::NEXT_RETRY_AT,
        entry_more::LAST_TRANSITION_TIME,
        entry_more::HASH,
    ] {
        pipeline.insert(field.into(), text());
    }
    for field in [entry::ATTEMPTS, engine::RUN] {
        pipeline.insert(field.into(), integer());
    }
    let mut holder = Map::new();
    holder.insert(PIPELINES.into(), list(map(pipeline.into())));
    holder.insert(SUSPENDED_GENERATION.into(), integer());
    holder.insert(engine::RUN.into(), integer());
    holder.insert(field::RESOURCES_RUN.into(), integer());
    holder.insert(engine::TRIGGER.into(), text());
    holder
}

/// Puts these properties into the schema of a status, in place of those of the same name; conditions keep the fields
/// that were declared besides.
pub(super) fn merge(status: &mut Map<String, Value>, ours: Map<String, Value>) {
    status.insert("type".into(), "object".into());
    let declared = map_entry(status, "properties");
    for (name, mut schema) in ours {
        if name == CONDITIONS
            && let Some(Value::Object(fields)) =
                declared.get(CONDITIONS).and_then(|found| found.pointer("/items/properties"))
            && let Some(Value::Object(wanted)) = schema.pointer_mut("/items/properties")
        {
            for (field, found) in fields {
                wanted.entry(field.clone()).or_insert_with(|| found.clone());
            }
        }
        declared.insert(name, schema);
    }
}
