//! A cluster whose CRDs are older than the program: they drop the keyed list of a status.

use bookend::cluster::folder::FolderCluster;
use bookend::cluster::{Cluster, ClusterError, Reads, Selector};
use bookend::contract::{Kind, Object, ObjectKey};
use jiff::Timestamp;
use serde_json::Value;

pub(super) struct Pruning<'a>(pub(super) &'a FolderCluster);

impl Reads for Pruning<'_> {
    async fn get(&self, key: &ObjectKey) -> Result<Option<Object>, ClusterError> {
        self.0.get(key).await
    }

    async fn list(
        &self,
        kind: &Kind,
        namespace: Option<&str>,
        labels: &Selector<'_>,
    ) -> Result<Vec<Object>, ClusterError> {
        self.0.list(kind, namespace, labels).await
    }

    fn time(&self) -> Option<Timestamp> {
        None
    }
}

impl Cluster for Pruning<'_> {
    async fn create(&self, kind: &Kind, object: &Object) -> Result<Object, ClusterError> {
        self.0.create(kind, object).await
    }

    async fn replace(&self, kind: &Kind, object: &Object) -> Result<Object, ClusterError> {
        self.0.replace(kind, object).await
    }

    async fn replace_status(&self, kind: &Kind, object: &Object) -> Result<Object, ClusterError> {
        let mut object = object.clone();
        let workflows =
            object.0.get_mut("status").and_then(|status| status.pointer_mut("/kratix/workflows"));
        if let Some(Value::Object(workflows)) = workflows {
            workflows.remove("configure");
        }
        self.0.replace_status(kind, &object).await
    }

    async fn set_label(
        &self,
        key: &ObjectKey,
        uid: Option<&str>,
        label: &str,
        value: &str,
    ) -> Result<(), ClusterError> {
        self.0.set_label(key, uid, label, value).await
    }

    async fn patch(&self, key: &ObjectKey, patch: &Value) -> Result<Object, ClusterError> {
        self.0.patch(key, patch).await
    }

    async fn apply(&self, kind: &Kind, object: &Object) -> Result<Object, ClusterError> {
        self.0.apply(kind, object).await
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), ClusterError> {
        self.0.delete(key).await
    }
}
