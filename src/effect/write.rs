//! Writes to the object itself and to whatever else is made to be as given.

use serde_json::{Map, Value, json};

use super::{EffectError, Hands, Work, event};
use crate::cluster::{Cluster, Reads};
use crate::contract::{Kind, Object, ObjectKey, kinds, labels, pod};
use crate::core::status;
use crate::core::workflow::{Event, Metadata};

impl<C: Cluster, K: Reads> Work<'_, C, K> {
    /// Changes labels, annotations and finalizers.
    pub(super) async fn metadata(&mut self, change: &Metadata) -> Result<(), EffectError> {
        let object = self.object();
        let mut metadata = json!({});
        for (key, map) in [("labels", &change.labels), ("annotations", &change.annotations)] {
            if !map.is_empty() {
                metadata[key] = json!(map);
            }
        }
        if let Some(finalizers) = &change.finalizers {
            metadata["finalizers"] = json!(finalizers);
        }
        for (key, value) in [("resourceVersion", object.resource_version()), ("uid", object.uid())]
        {
            if let Some(value) = value {
                metadata[key] = value.into();
            }
        }
        let key = object.key(&self.kind()?);
        let patch = json!({"metadata": metadata});
        let answer = self.hands.cluster.patch(&key, &patch).await;
        self.carried.object =
            Some(answer.map_err(EffectError::cluster("change labels or finalizers"))?);
        Ok(())
    }

    /// Replaces the status, and finds out whether the server has kept it.
    pub(super) async fn status(&mut self, status: &Map<String, Value>) -> Result<(), EffectError> {
        let kind = self.kind()?;
        let mut object = self.object().clone();
        object.0.insert("status".into(), Value::Object(status.clone()));
        let answer = self.hands.cluster.replace_status(&kind, &object).await;
        let answer = answer.map_err(EffectError::cluster("write the status"))?;
        if !status::workflows_were_kept(status, &answer) {
            return Err(EffectError::Pruned { key: Box::new(object.key(&kind)) });
        }
        self.carried.object = Some(answer);
        Ok(())
    }

    /// Applies an object. It was decided that what there is differs, be it by a field that is wanted no more; so what
    /// there is is not asked for again.
    pub(super) async fn apply(&self, object: &Object) -> Result<(), EffectError> {
        let kind = kinds::of(object).ok_or_else(|| EffectError::UnknownKind {
            kind: object.kind().to_owned(),
            api_version: object.api_version().to_owned(),
        })?;
        let applied = self.hands.cluster.apply(&kind, object).await;
        applied.map(|_| ()).map_err(EffectError::cluster("apply an object"))
    }

    /// Deletes an object.
    pub(super) async fn delete(
        &self,
        key: &ObjectKey,
        uid: Option<&str>,
    ) -> Result<(), EffectError> {
        let failed = || EffectError::cluster("delete an object");
        if let Some(uid) = uid {
            let there = self.hands.cluster.get(key).await.map_err(failed())?;
            if there.is_none_or(|there| there.uid() != Some(uid)) {
                return Ok(());
            }
        }
        self.hands.cluster.delete(key).await.map_err(failed())
    }

    /// Deletes what is left of a kind, save what a label says to be of a namesake in another namespace; returns whether
    /// there was nothing.
    pub(super) async fn none_left(
        &mut self,
        kind: &Kind,
        namespace: &str,
        wanted: &[(&'static str, String)],
    ) -> Result<bool, EffectError> {
        let selector: Vec<_> = wanted.iter().map(|(key, value)| (*key, Some(&**value))).collect();
        let left = self.hands.cluster.list_metadata(kind, Some(namespace), &selector).await;
        let mut left = left.map_err(EffectError::cluster("list what is left"))?;
        let own = self.seen.object.namespace();
        let is_own = |found: &Object| {
            found.label(labels::RESOURCE_NAMESPACE).is_none_or(|of| Some(of) == own)
        };
        left.retain(is_own);
        let is_going =
            |object: &Object| object.text_at(&["metadata", "deletionTimestamp"]).is_some();
        for object in left.iter().filter(|object| !is_going(object)) {
            self.delete(&object.key(kind), None).await?;
        }
        self.carried.waits_for_ends = !left.is_empty() && left.iter().all(is_going);
        Ok(left.is_empty())
    }

    /// Deletes the pods of a Job.
    pub(super) async fn delete_pods(
        &mut self,
        namespace: &str,
        job: &str,
    ) -> Result<(), EffectError> {
        let selector = [(pod::JOB_NAME_LABEL, Some(job))];
        let pods = self.hands.cluster.list_metadata(&kinds::POD, Some(namespace), &selector).await;
        for pod in pods.map_err(EffectError::cluster("list the pods of a Job"))? {
            self.delete(&pod.key(&kinds::POD), None).await?;
        }
        self.carried.without_pods.push((namespace.to_owned(), job.to_owned()));
        Ok(())
    }

    /// Tells people.
    pub(super) async fn tell(&self, event: &Event) -> Result<(), EffectError> {
        let Hands { cluster, instance, .. } = self.hands;
        event::tell(*cluster, self.object(), event, instance, self.seen.now).await;
        Ok(())
    }
}
