//! Pods and the Job controller: Works are written, statuses decided by the real status step, Jobs end.

use serde_json::{Map, Value};

use super::World;
use super::server::{Pod, Wish};
use crate::contract::labels;
use crate::core::control::Control;
use crate::core::promise::WorkflowAction;
use crate::core::status::{self, Run};
use crate::core::workflow::JobState;
use jiff::SignedDuration;

impl World<'_> {
    /// Takes the pod of a Job that runs one step further.
    pub(super) fn pod_step(&mut self, may_fail: bool) {
        let running = |job: &super::server::Job| job.seen.state == JobState::Running;
        let mut names = self.server.jobs.iter().filter(|(_, job)| running(job));
        let Some((name, job)) = names.next().map(|(name, job)| (name.clone(), job.clone())) else {
            return;
        };
        match job.pod {
            Pod::Working => {
                let wish = match self.random.below(if may_fail { 100 } else { 70 }) {
                    0..70 => Wish::GoOn,
                    70..78 => Wish::Suspend,
                    78..86 => Wish::Retry,
                    86..96 => return self.end(&name, JobState::Failed),
                    // The Job is complete, but its status container did not run.
                    _ => return self.end(&name, JobState::Complete),
                };
                if wish == Wish::GoOn && job.seen.action == Some(WorkflowAction::Configure) {
                    let has_namespace = self.promises.has_namespace();
                    self.server.write_work(&job.seen.pipeline, "r", "team", has_namespace, false);
                }
                self.set_pod(&name, Pod::Written(wish));
            }
            Pod::Written(wish) => {
                let suspends = wish != Wish::GoOn;
                match self.write_status(&job, wish) {
                    true if suspends => self.set_pod(&name, Pod::Labelling),
                    true => self.end(&name, JobState::Complete),
                    false => self.end(&name, JobState::Failed),
                }
            }
            Pod::Labelling => {
                if may_fail && self.random.percent(5) {
                    return self.end(&name, JobState::Failed);
                }
                self.server.label(labels::WORKFLOW_SUSPENDED, true);
                self.end(&name, JobState::Complete);
            }
            Pod::Over => self.end(&name, JobState::Complete),
        }
    }

    /// Lets a Job that was told to stop do so.
    pub(super) fn stop_step(&mut self) {
        for job in self.server.jobs.values_mut() {
            if job.seen.state == JobState::Stopping {
                job.seen.state = JobState::Stopped;
            }
        }
    }

    fn set_pod(&mut self, name: &str, pod: Pod) {
        self.server.jobs.get_mut(name).unwrap().pod = pod;
    }

    fn end(&mut self, name: &str, state: JobState) {
        let job = self.server.jobs.get_mut(name).unwrap();
        let waits = job.pod == Pod::Labelling;
        job.seen.state = state;
        job.seen.finished = Some(self.now);
        job.pod = Pod::Over;
        let is_delete = job.seen.action == Some(WorkflowAction::Delete);
        if is_delete && state == JobState::Complete && !waits {
            self.ledger.delete_succeeded();
        }
        self.note(|| format!("{name} {state:?}"));
    }

    /// Writes the status as the status step does; returns whether it could.
    fn write_status(&mut self, job: &super::server::Job, wish: Wish) -> bool {
        let Some(object) = self.server.object.clone() else { return false };
        let control = match wish {
            Wish::GoOn => Control::default(),
            Wish::Suspend => {
                Control { suspend: true, message: "wait".into(), ..Control::default() }
            }
            Wish::Retry => {
                Control { retry_after: Some(SignedDuration::from_secs(60)), ..Control::default() }
            }
        };
        let run = Run {
            workflow_type: "resource",
            action: job.seen.action.unwrap().as_str(),
            pipeline: &job.seen.pipeline,
            is_last: job.is_last,
            dry_run: false,
            generation: object.generation().unwrap(),
            now: self.now,
        };
        let mut report = Map::new();
        report.insert("by".into(), Value::from(job.seen.run));
        match status::decide(&object, &report, &control, &run) {
            Ok(decision) => {
                if let Some(status) = decision.status {
                    self.server.put_status(&object, &status).unwrap();
                }
                if matches!(decision.ending, status::Ending::Suspended { .. })
                    && job.seen.action == Some(WorkflowAction::Delete)
                {
                    self.ledger.excuse_delete();
                }
                true
            }
            Err(_) => false,
        }
    }
}
