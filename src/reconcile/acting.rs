//! The cluster as a plan is carried out on it: answers of writes are known at once, and what is known is not asked for.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use super::shared::Shared;
use super::store::{Feed, LABELLED};
use super::target::Target;
use crate::cluster::{Cluster, ClusterError, Reads, Selector, selects};
use crate::contract::{Kind, Object, ObjectKey, kinds, labels};

/// The API server, for one object: every answer to a write is put into the store.
pub(super) struct Acting<'a> {
    pub(super) shared: &'a Shared,
    pub(super) target: &'a Target,
    /// Kind of the requests of its Promise.
    pub(super) request_kind: Option<&'a Kind>,
}

impl Acting<'_> {
    /// Which cache is told of an object.
    fn feed(&self, kind: &Kind, object: &Object) -> Option<Feed> {
        if kind.is_same(&kinds::PROMISE) {
            Some(Feed::Promises)
        } else if kind.is_same(&kinds::JOB) {
            Some(Feed::Jobs)
        } else if self.request_kind.is_some_and(|one| one.is_same(kind)) {
            Some(Feed::Requests(Arc::clone(&self.target.promise)))
        } else if object.label(labels::PROMISE_NAME).is_none() {
            None
        } else if kind.is_same(&kinds::CRD) {
            Some(Feed::Crds)
        } else if kind.is_same(&kinds::WORK) {
            let is_static = object.label(labels::WORK_TYPE) == Some(labels::STATIC_DEPENDENCY);
            Some(if is_static { Feed::StaticWorks } else { Feed::Works })
        } else {
            LABELLED.iter().position(|one| one.is_same(kind)).map(Feed::Labelled)
        }
    }

    fn note(
        &self,
        kind: &Kind,
        answer: Result<Object, ClusterError>,
    ) -> Result<Object, ClusterError> {
        if let Ok(object) = &answer
            && let Some(feed) = self.feed(kind, object)
        {
            self.shared.note(&feed, object.clone());
        }
        answer
    }
}

impl Reads for Acting<'_> {
    async fn get(&self, key: &ObjectKey) -> Result<Option<Object>, ClusterError> {
        let found = self.shared.cluster.get(key).await?;
        if let Some(object) = found {
            return self.note(&key.kind, Ok(object)).map(Some);
        }
        Ok(None)
    }

    async fn list(
        &self,
        kind: &Kind,
        namespace: Option<&str>,
        labels: &Selector<'_>,
    ) -> Result<Vec<Object>, ClusterError> {
        self.shared.cluster.list(kind, namespace, labels).await
    }

    async fn list_metadata(
        &self,
        kind: &Kind,
        namespace: Option<&str>,
        labels: &Selector<'_>,
    ) -> Result<Vec<Object>, ClusterError> {
        self.shared.cluster.list_metadata(kind, namespace, labels).await
    }

    fn time(&self) -> Option<Timestamp> {
        self.shared.cluster.time()
    }
}

impl Cluster for Acting<'_> {
    async fn create(&self, kind: &Kind, object: &Object) -> Result<Object, ClusterError> {
        self.note(kind, self.shared.cluster.create(kind, object).await)
    }

    async fn replace(&self, kind: &Kind, object: &Object) -> Result<Object, ClusterError> {
        self.note(kind, self.shared.cluster.replace(kind, object).await)
    }

    async fn replace_status(&self, kind: &Kind, object: &Object) -> Result<Object, ClusterError> {
        self.note(kind, self.shared.cluster.replace_status(kind, object).await)
    }

    async fn set_label(
        &self,
        key: &ObjectKey,
        uid: Option<&str>,
        label: &str,
        value: &str,
    ) -> Result<(), ClusterError> {
        self.shared.cluster.set_label(key, uid, label, value).await
    }

    async fn patch(&self, key: &ObjectKey, patch: &Value) -> Result<Object, ClusterError> {
        self.note(&key.kind, self.shared.cluster.patch(key, patch).await)
    }

    async fn apply(&self, kind: &Kind, object: &Object) -> Result<Object, ClusterError> {
        self.note(kind, self.shared.cluster.apply(kind, object).await)
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), ClusterError> {
        self.shared.cluster.delete(key).await?;
        let now = self.shared.now();
        if self.request_kind.is_some_and(|kind| kind.is_same(&key.kind)) || Known::keeps(&key.kind)
        {
            self.shared.store().mark_going(&self.target.promise, key, now);
        }
        Ok(())
    }
}

/// What is known of the cluster, without asking it. What is not known is asked for: an account that carries no label
/// may be there.
pub(super) struct Known<'a>(pub(super) &'a Shared);

impl Known<'_> {
    /// Whether objects of that kind are kept, requests aside.
    fn keeps(kind: &Kind) -> bool {
        Self::is_labelled(kind) || kind.is_same(&kinds::JOB) || kind.is_same(&kinds::WORK)
    }

    fn is_labelled(kind: &Kind) -> bool {
        LABELLED.iter().any(|one| one.is_same(kind))
    }

    /// What is known of a kind, if that is all there is with these labels.
    fn all(
        &self,
        kind: &Kind,
        namespace: Option<&str>,
        selector: &Selector<'_>,
    ) -> Option<Vec<Object>> {
        let promise = selector.iter().find(|(key, _)| *key == labels::PROMISE_NAME)?.1;
        let promise = promise.filter(|name| !name.is_empty())?;
        if !Self::is_labelled(kind) {
            return None;
        }
        let mut all = self.0.store().all_labelled(kind, promise, namespace);
        all.retain(|object| selects(selector, object));
        Some(all)
    }
}

impl Reads for Known<'_> {
    async fn get(&self, key: &ObjectKey) -> Result<Option<Object>, ClusterError> {
        let known = if Self::is_labelled(&key.kind) {
            self.0.store().labelled(key)
        } else if key.kind.is_same(&kinds::CRD) {
            self.0.store().crd(&key.name).map(|crd| Object::clone(&crd))
        } else {
            None
        };
        match known {
            Some(object) => Ok(Some(object)),
            None => self.0.cluster.get(key).await,
        }
    }

    async fn list(
        &self,
        kind: &Kind,
        namespace: Option<&str>,
        labels: &Selector<'_>,
    ) -> Result<Vec<Object>, ClusterError> {
        match self.all(kind, namespace, labels) {
            Some(all) => Ok(all),
            None => self.0.cluster.list(kind, namespace, labels).await,
        }
    }

    async fn list_metadata(
        &self,
        kind: &Kind,
        namespace: Option<&str>,
        labels: &Selector<'_>,
    ) -> Result<Vec<Object>, ClusterError> {
        match self.all(kind, namespace, labels) {
            Some(all) => Ok(all),
            None => self.0.cluster.list_metadata(kind, namespace, labels).await,
        }
    }

    fn time(&self) -> Option<Timestamp> {
        self.0.cluster.time()
    }
}
