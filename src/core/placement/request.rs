//! What labels and annotations say of the request that a Work is of.

use serde_json::{Map, Value, json};

use super::schedule::LAST_APPLIED;
use crate::contract::Object;

/// Returns labels and annotations of a Work, laid over by those of its request: what [`about`](super::about()) tells.
pub fn said_of_request(work: &Object, request: Option<&Object>) -> Object {
    let both = |field: &str| {
        let mut all = Map::new();
        for object in [Some(work), request].into_iter().flatten() {
            let own = object.at(&["metadata", field]).and_then(Value::as_object);
            all.extend(own.into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())));
        }
        // A whole copy of the object, which says nothing of its own.
        all.remove(LAST_APPLIED);
        Value::Object(all)
    };
    let metadata = json!({"labels": both("labels"), "annotations": both("annotations")});
    Object(Map::from_iter([("metadata".to_owned(), metadata)]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_has_the_last_word() {
        let object = |labels: Value, annotations: Value| {
            let metadata = json!({"labels": labels, "annotations": annotations});
            Object::from_value(json!({"metadata": metadata})).unwrap()
        };
        let work = object(json!({"team": "work", "a": "1"}), json!({"ticket": "T-1"}));
        let request = object(json!({"team": "request"}), json!({"b": "2", LAST_APPLIED: "{}"}));
        let both = said_of_request(&work, Some(&request));
        let expected =
            object(json!({"team": "request", "a": "1"}), json!({"ticket": "T-1", "b": "2"}));
        assert_eq!(both, expected);
        assert_eq!(said_of_request(&work, None), work);
        let nothing = said_of_request(&Object::default(), None);
        assert_eq!(nothing, object(json!({}), json!({})));
    }
}
