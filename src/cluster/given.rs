//! Objects that were given, in files: a cluster that can only be looked at, and holds nothing else.

use jiff::Timestamp;

use super::{ClusterError, Reads, Selector, selects};
use crate::contract::{Kind, Object, ObjectKey};

/// Objects that can be looked at like those of a cluster.
#[derive(Debug, Default)]
pub struct Given(Vec<Object>);

impl Given {
    /// Returns a cluster of these objects.
    pub fn new(objects: Vec<Object>) -> Self {
        Self(objects)
    }

    fn of<'a>(&'a self, kind: &'a Kind) -> impl Iterator<Item = &'a Object> {
        self.0.iter().filter(|object| {
            object.kind() == kind.kind && object.api_version() == kind.api_version()
        })
    }
}

/// Whether an object is in a namespace; one that names none is in `default`, where `kubectl apply` would put it.
fn is_in(object: &Object, kind: &Kind, namespace: Option<&str>) -> bool {
    match namespace.filter(|_| kind.namespaced) {
        None => true,
        Some(namespace) => object.namespace().unwrap_or("default") == namespace,
    }
}

impl Reads for Given {
    async fn get(&self, key: &ObjectKey) -> Result<Option<Object>, ClusterError> {
        let found = self.of(&key.kind).filter(|object| object.name() == key.name);
        // Of two with one name the last was meant.
        Ok(found
            .filter(|object| is_in(object, &key.kind, key.namespace.as_deref()))
            .last()
            .cloned())
    }

    async fn list(
        &self,
        kind: &Kind,
        namespace: Option<&str>,
        labels: &Selector<'_>,
    ) -> Result<Vec<Object>, ClusterError> {
        let found = self.of(kind).filter(|object| is_in(object, kind, namespace));
        let found = found.filter(|object| selects(labels, object));
        let mut found: Vec<Object> = found.cloned().collect();
        found.sort_by(|a, b| (a.namespace(), a.name()).cmp(&(b.namespace(), b.name())));
        Ok(found)
    }

    fn time(&self) -> Option<Timestamp> {
        None
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::contract::kinds::{DESTINATION, SECRET};

    #[tokio::test]
    async fn what_was_given_is_found_and_nothing_else() {
        let object = |value| Object::from_value(value).unwrap();
        let secret =
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": {}});
        let mut destination = Object::new(&DESTINATION, None, "d");
        destination.set_label("env", "dev");
        let given = Given::new(vec![object(secret), destination]);
        assert!(given.get(&SECRET.object(Some("default"), "s")).await.unwrap().is_some());
        assert!(given.get(&SECRET.object(Some("other"), "s")).await.unwrap().is_none());
        assert!(given.get(&DESTINATION.object(None, "d")).await.unwrap().is_some());
        let listed = async |labels: &Selector<'_>| {
            given.list(&DESTINATION, None, labels).await.unwrap().len()
        };
        assert_eq!(listed(&[("env", Some("dev"))]).await, 1);
        assert_eq!(listed(&[("env", None)]).await, 0);
        let metadata = given.list_metadata(&SECRET, None, &[]).await.unwrap();
        assert_eq!(metadata[0].at(&["data"]), None);
    }
}
