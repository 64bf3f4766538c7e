//! How Jobs end, in the words of the Job controller.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::batch::v1::Job;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client};
use serde_json::{Value, json};

use super::Run;

/// Pause before a server is asked again that was not there.
const PAUSE: Duration = Duration::from_millis(300);
/// How often it is asked.
const TRIES: usize = 200;

/// How a Job ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Its status container has done its work.
    Complete,
    /// It is complete, but its status container never ran.
    Silent,
    /// A container of it has failed before the status container.
    Failed,
    /// Not at all.
    Never,
    /// Somebody has told it to stop.
    Stopped,
}

/// Whether the Job's status says that it has ended.
pub(super) fn has_ended(job: &Job) -> bool {
    let conditions = job.status.as_ref().and_then(|status| status.conditions.as_ref());
    let ends = |kind: &str, status: &str| matches!(kind, "Complete" | "Failed") && status == "True";
    conditions.into_iter().flatten().any(|one| ends(&one.type_, &one.status))
}

/// Writes the ending to the Job's status; returns whether the Job was there to write it to, or why it cannot be written.
pub(super) async fn tell(client: &Client, run: &Run, ending: Ending) -> Result<bool, String> {
    let jobs: Api<Job> = Api::namespaced(client.clone(), &run.namespace);
    // The uid is a condition: another Job of that name is another run.
    let patch = json!({ "metadata": { "uid": run.uid }, "status": status(ending) });
    let mut last = String::new();
    for _ in 0..TRIES {
        match jobs.patch_status(&run.job, &PatchParams::default(), &Patch::Merge(&patch)).await {
            Ok(_) => return Ok(true),
            Err(kube::Error::Api(answer)) if matches!(answer.code, 404 | 409) => return Ok(false),
            Err(kube::Error::Api(answer)) if answer.code == 422 => return Err(answer.message),
            Err(error) => last = error.to_string(),
        }
        tokio::time::sleep(PAUSE).await;
    }
    Err(last)
}

fn status(ending: Ending) -> Value {
    let now = Timestamp::from_second(Timestamp::now().as_second()).unwrap().to_string();
    let condition = |kind: &str, reason: &str| {
        json!({ "type": kind, "status": "True", "reason": reason, "message": "by the stand-in",
                "lastProbeTime": now, "lastTransitionTime": now })
    };
    match ending {
        Ending::Complete | Ending::Silent => json!({
            "startTime": now, "completionTime": now, "succeeded": 1, "ready": 0, "terminating": 0,
            "conditions": [
                condition("SuccessCriteriaMet", "CompletionsReached"),
                condition("Complete", "CompletionsReached"),
            ],
        }),
        Ending::Failed => json!({
            "startTime": now, "failed": 1, "ready": 0, "terminating": 0,
            "conditions": [
                condition("FailureTarget", "BackoffLimitExceeded"),
                condition("Failed", "BackoffLimitExceeded"),
            ],
        }),
        Ending::Stopped => {
            json!({ "active": 0, "conditions": [condition("Suspended", "JobSuspended")] })
        }
        Ending::Never => json!({}),
    }
}
