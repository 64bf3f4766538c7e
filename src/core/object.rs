//! What the reader publishes of an object, and which object that is in a dry run (contract.md 2.1).

use serde_json::Value;

use crate::contract::{Kind, Object, ObjectKey, env, labels};

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

/// A key that no object can have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// A part that every object has is empty.
    #[error("the object's {part} is not given")]
    Absent {
        /// Which part.
        part: &'static str,
        /// The variable that gives it.
        variable: &'static str,
    },
    /// A part that would change the URL it stands in.
    #[error("the object's {part} `{value}` holds what no name may hold: {found}")]
    Unsafe {
        /// Which part.
        part: &'static str,
        /// The variable that gives it.
        variable: &'static str,
        /// The part as given.
        value: String,
        /// What is wrong with it.
        found: &'static str,
    },
}

impl KeyError {
    /// Returns what to do next, starting with a verb.
    pub fn hint(&self) -> String {
        match self {
            Self::Absent { variable, .. } => format!("set {variable}"),
            Self::Unsafe { variable, .. } => format!("correct {variable}"),
        }
    }
}

/// Checks that a key names one object and nothing else, before it becomes part of a URL or path.
pub fn check_key(key: &ObjectKey) -> Result<(), KeyError> {
    let namespace = key.namespace.as_deref().unwrap_or_default();
    for (part, variable, value, needed) in [
        ("name", env::OBJECT_NAME, key.name.as_str(), true),
        ("namespace", env::OBJECT_NAMESPACE, namespace, false),
        ("plural", env::CRD_PLURAL, key.kind.plural.as_ref(), true),
        ("version", env::OBJECT_VERSION, key.kind.version.as_ref(), true),
        ("group", env::OBJECT_GROUP, key.kind.group.as_ref(), false),
    ] {
        if value.is_empty() && needed {
            return Err(KeyError::Absent { part, variable });
        }
        let found = match value {
            "." | ".." => "only dots",
            value if value.contains('/') => "`/`",
            value if value.contains('%') => "`%`",
            value if value.contains(char::is_control) => "a control character",
            _ => continue,
        };
        return Err(KeyError::Unsafe { part, variable, value: value.to_owned(), found });
    }
    Ok(())
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

    #[test]
    fn a_key_that_would_leave_its_url_is_refused() {
        let check = |kind: Kind, namespace: Option<&str>, name: &str, expected: &str| {
            let key =
                ObjectKey { kind, namespace: namespace.map(str::to_owned), name: name.into() };
            let seen = check_key(&key).map_or_else(|error| error.to_string(), |()| "fine".into());
            assert_eq!(seen, expected);
        };
        let job = || kinds::JOB;
        check(job(), Some("a"), "b.c-d", "fine");
        check(kinds::CONFIG_MAP, None, "b", "fine");
        check(job(), None, "", "the object's name is not given");
        check(
            job(),
            None,
            "a/status",
            "the object's name `a/status` holds what no name may hold: `/`",
        );
        check(job(), None, "a%2f", "the object's name `a%2f` holds what no name may hold: `%`");
        check(
            job(),
            Some(".."),
            "a",
            "the object's namespace `..` holds what no name may hold: only dots",
        );
        let kind = Kind { plural: "".into(), ..job() };
        check(kind, None, "a", "the object's plural is not given");
        let kind = Kind { version: "".into(), ..job() };
        check(kind, None, "a", "the object's version is not given");
    }
}
