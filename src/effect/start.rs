//! Jobs: created once, looked for, told to stop.

use serde_json::json;

use super::{EffectError, Work};
use crate::cluster::{Cluster, ClusterError, Reads};
use crate::contract::{Object, kinds, labels};
use crate::core::pipeline::{self, JobInput};
use crate::core::workflow::Pipelined;

impl<C: Cluster, K: Reads> Work<'_, C, K> {
    /// Creates the Job of a run. One that is there already is the same run, or lies there for another object.
    pub(super) async fn start(&mut self, of: Pipelined, run: i64) -> Result<bool, EffectError> {
        let job = pipeline::job(&JobInput {
            promise: self.seen.promise,
            request: self.request(),
            workflow: self.seen.workflow,
            action: of.action,
            index: of.index,
            config: self.seen.config,
            adapter: self.hands.adapter,
            run,
        })?;
        match self.hands.cluster.create(&kinds::JOB, &job).await {
            Ok(job) => self.carried.jobs.push(job),
            Err(ClusterError::Exists { .. }) => {
                let there = self.hands.cluster.get(&job.key(&kinds::JOB)).await;
                match there.map_err(EffectError::cluster("read a Job"))? {
                    Some(there) if is_same_run(&job, &there) => self.carried.jobs.push(there),
                    Some(there) => {
                        self.carried.taken.push(there.name().to_owned());
                        return Ok(false);
                    }
                    // It went between the two calls: the next plan sees what that means.
                    None => return Ok(false),
                }
            }
            Err(error) => return Err(EffectError::cluster("create a Job")(error)),
        }
        Ok(true)
    }

    /// Asks the cluster itself for a Job. What is found decides the next plan.
    pub(super) async fn look(&mut self, namespace: &str, name: &str) -> Result<bool, EffectError> {
        let key = kinds::JOB.object(Some(namespace), name);
        let there = self.hands.cluster.get(&key).await;
        match there.map_err(EffectError::cluster("read a Job"))? {
            Some(job) => self.carried.jobs.push(job),
            None => self.carried.absent.push(name.to_owned()),
        }
        Ok(false)
    }

    /// Tells a Job to stop. One that is gone has stopped.
    pub(super) async fn stop(&self, namespace: &str, name: &str) -> Result<(), EffectError> {
        let key = kinds::JOB.object(Some(namespace), name);
        match self.hands.cluster.patch(&key, &json!({"spec": {"suspend": true}})).await {
            Ok(_) | Err(ClusterError::Missing { .. }) => Ok(()),
            Err(error) => Err(EffectError::cluster("stop a Job")(error)),
        }
    }
}

/// Whether two Jobs of one name are the same run of the same object.
fn is_same_run(ours: &Object, there: &Object) -> bool {
    let by_label =
        [labels::HASH, labels::PIPELINE_NAME, labels::WORKFLOW_ACTION, labels::WORKFLOW_TYPE];
    let by_annotation = [
        labels::RUN,
        labels::JOB_RESOURCE_NAMESPACE,
        labels::JOB_RESOURCE_NAME,
        labels::JOB_RESOURCE_KIND,
    ];
    by_label.iter().all(|key| ours.label(key) == there.label(key))
        && by_annotation.iter().all(|key| ours.annotation(key) == there.annotation(key))
}
