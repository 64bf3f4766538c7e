//! The service account, rights and scheduling ConfigMap of a pipeline.

use super::{EffectError, Work};
use crate::cluster::{Cluster, ClusterError, Reads};
use crate::contract::{Object, labels};
use crate::core::rbac::{self, Change, Grantee};
use crate::core::workflow::Pipelined;

impl<C: Cluster, K: Reads> Work<'_, C, K> {
    /// Makes everything be there that the pod of a pipeline needs beside its Job, and removes the rights that it asks
    /// for no more.
    pub(super) async fn grant(&self, of: Pipelined) -> Result<(), EffectError> {
        let grantee = Grantee {
            promise: self.seen.promise,
            request: self.request(),
            workflow: self.seen.workflow,
            action: of.action,
            index: of.index,
            rights: self.hands.rights,
            sidecar: self.seen.config.status_sidecar,
        };
        let wanted = rbac::grants(&grantee)?;
        for change in rbac::changes(&grantee, &wanted, &self.existing().await?)? {
            match change {
                Change::Create(object) => self.create(&object).await?,
                Change::Apply(object) => self.apply(&object).await?,
                Change::Delete { key, uid } => self.delete(&key, uid.as_deref()).await?,
            }
        }
        Ok(())
    }

    /// What there is of rights with the label of the Promise.
    async fn existing(&self) -> Result<Vec<Object>, EffectError> {
        let selector = [(labels::PROMISE_NAME, Some(&*self.seen.promise.name))];
        let mut all = Vec::new();
        for kind in &rbac::KINDS {
            let found = self.hands.known.list(kind, None, &selector).await;
            all.extend(found.map_err(EffectError::cluster("list rights"))?);
        }
        Ok(all)
    }

    /// Creates an object, unless there is one, whatever it looks like.
    async fn create(&self, object: &Object) -> Result<(), EffectError> {
        let Some(kind) = rbac::kind_of(object) else { return Ok(()) };
        match self.hands.cluster.create(kind, object).await {
            Ok(_) | Err(ClusterError::Exists { .. }) => Ok(()),
            Err(error) => Err(EffectError::cluster("create a service account")(error)),
        }
    }
}
