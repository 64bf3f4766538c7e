//! What the reader publishes of an object, and which object that is in a dry run (contract.md 2.1).

use serde_json::Value;

use crate::contract::{Kind, Object, ObjectKey, labels};

/// Returns what is written for users' containers: the object without the API server's bookkeeping of its fields.
///
/// The original keeps `managedFields`, often half of the file; `keep_managed_fields` does so too.
pub fn published(mut object: Object, keep_managed_fields: bool) -> Value {
    if !keep_managed_fields && let Some(Value::Object(metadata)) = object.0.get_mut("metadata") {
        metadata.remove("managedFields");
    }
    object.into_value()
}

/// Returns the real object that a dry run is about; `None` when the object names none and stands for itself.
pub fn dry_run_target(ephemeral: &Object, kind: &Kind) -> Option<ObjectKey> {
    let annotation = |key| ephemeral.annotation(key).filter(|value: &&str| !value.is_empty());
    let name = annotation(labels::DRY_RUN_RESOURCE_NAME)?;
    Some(kind.object(annotation(labels::DRY_RUN_RESOURCE_NAMESPACE), name))
}

/// Returns the object of a dry run: the real one as it would be with the proposed spec.
///
/// Without a real one it is the proposed object under the real one's name.
pub fn dry_run_object(ephemeral: Object, real: Option<Object>, target: &ObjectKey) -> Object {
    match real {
        Some(mut real) => {
            let spec = ephemeral.spec().cloned().unwrap_or(Value::Null);
            real.0.insert("spec".into(), spec);
            real
        }
        None => {
            let mut object = ephemeral;
            object.set_metadata("name", target.name.as_str());
            if let Some(namespace) = &target.namespace {
                object.set_metadata("namespace", namespace.as_str());
            }
            object
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::contract::kinds;

    fn object(value: Value) -> Object {
        Object::from_value(value).unwrap()
    }

    fn ephemeral(annotations: Value) -> Object {
        object(json!({
            "kind": "Job",
            "metadata": { "name": "try", "namespace": "a", "annotations": annotations },
            "spec": { "new": true },
        }))
    }

    #[test]
    fn managed_fields_are_left_out_unless_wanted() {
        let whole = json!({ "metadata": { "name": "a", "managedFields": [1] }, "status": {} });
        let seen = published(object(whole.clone()), false);
        assert_eq!(seen, json!({ "metadata": { "name": "a" }, "status": {} }));
        assert_eq!(published(object(whole.clone()), true), whole);
        assert_eq!(
            published(object(json!({ "metadata": null })), false),
            json!({ "metadata": null })
        );
        assert_eq!(published(object(json!({})), false), json!({}));
    }

    #[test]
    fn a_dry_run_is_about_the_object_that_the_annotations_name() {
        let name = labels::DRY_RUN_RESOURCE_NAME;
        let namespace = labels::DRY_RUN_RESOURCE_NAMESPACE;
        for (annotations, expected) in [
            (json!({ name: "real", namespace: "b" }), Some(kinds::JOB.object(Some("b"), "real"))),
            (json!({ name: "real", namespace: "" }), Some(kinds::JOB.object(None, "real"))),
            (json!({ name: "real" }), Some(kinds::JOB.object(None, "real"))),
            (json!({ name: "", namespace: "b" }), None),
            (json!({ namespace: "b" }), None),
            (json!(null), None),
            (json!({ name: 1 }), None),
        ] {
            assert_eq!(dry_run_target(&ephemeral(annotations), &kinds::JOB), expected);
        }
    }

    #[test]
    fn a_dry_run_shows_the_real_object_with_the_proposed_spec() {
        let target = kinds::JOB.object(Some("b"), "real");
        let real = object(json!({ "metadata": { "name": "real" }, "spec": 1, "status": 2 }));
        let seen = dry_run_object(ephemeral(json!({})), Some(real.clone()), &target);
        let expected =
            json!({ "metadata": { "name": "real" }, "spec": { "new": true }, "status": 2 });
        assert_eq!(seen.into_value(), expected);

        let without_spec = object(json!({ "metadata": {} }));
        let seen = dry_run_object(without_spec, Some(real), &target);
        assert_eq!(seen.spec(), Some(&Value::Null));
    }

    #[test]
    fn a_dry_run_of_a_new_object_shows_it_under_its_name() {
        let seen =
            dry_run_object(ephemeral(json!({})), None, &kinds::JOB.object(Some("b"), "real"));
        assert_eq!((seen.name(), seen.namespace()), ("real", Some("b")));
        let seen = dry_run_object(ephemeral(json!({})), None, &kinds::JOB.object(None, "real"));
        assert_eq!((seen.name(), seen.namespace()), ("real", Some("a")));
        assert_eq!(seen.spec(), Some(&json!({ "new": true })));
    }
}
