//! The service account, rights and scheduling ConfigMap of a pipeline.

use super::{EffectError, Work};
use crate::cluster::{Cluster, ClusterError, Reads};
use crate::contract::kinds;
use crate::core::pipeline::{PipelineError, job_namespace, scheduling_config_map};
use crate::core::promise::WorkflowAction;
use crate::core::rbac::default_grants;
use crate::core::workflow::Pipelined;

impl<C: Cluster, K: Reads> Work<'_, C, K> {
    /// Makes everything be there that the pod of a pipeline needs beside its Job.
    pub(super) async fn grant(&self, of: Pipelined) -> Result<(), EffectError> {
        let (promise, workflow) = (self.seen.promise, self.seen.workflow);
        let pipelines = promise.pipelines(workflow, of.action);
        let pipeline = pipelines.get(of.index).ok_or_else(|| PipelineError::NoPipeline {
            promise: promise.name.clone(),
            workflow,
            action: of.action,
            index: of.index,
        })?;
        for object in default_grants(promise, self.request(), workflow, of.action, pipeline)? {
            if object.kind() == kinds::SERVICE_ACCOUNT.kind {
                let key = object.key(&kinds::SERVICE_ACCOUNT);
                let there = self.hands.known.get(&key).await;
                if there.map_err(EffectError::cluster("read what is there"))?.is_none() {
                    match self.hands.cluster.create(&kinds::SERVICE_ACCOUNT, &object).await {
                        Ok(_) | Err(ClusterError::Exists { .. }) => {}
                        Err(error) => {
                            return Err(EffectError::cluster("create a service account")(error));
                        }
                    }
                }
            } else {
                self.apply(&object).await?;
            }
        }
        if of.action == WorkflowAction::Configure {
            let namespace = job_namespace(promise, self.request())?;
            self.apply(&scheduling_config_map(promise, namespace)).await?;
        }
        Ok(())
    }
}
