//! A leader: plans from caches that may be behind, and carries plans out, as far as nothing comes between.

use std::rc::Rc;

use super::World;
use super::server::{Job, Pod};
use crate::contract::{Object, kinds};
use crate::core::pipeline::{self, job_namespace, run_hash};
use crate::core::promise::{WorkflowAction, WorkflowType};
use crate::core::workflow::{
    Action, JobSeen, JobState, Pipelined, Plan, Seen, WorkSeen, request, trouble,
};

/// What a leader knows.
#[derive(Debug, Clone, Default)]
pub(super) struct Leader {
    object: Option<Object>,
    jobs: Vec<JobSeen>,
    works: Vec<WorkSeen>,
    absent: Vec<String>,
    taken: Vec<String>,
}

/// How a plan goes on after one of its actions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum After {
    Next,
    /// It ends here, and nothing is wrong.
    Cut,
    /// The cluster refused it.
    Refused,
}

impl World<'_> {
    pub(super) fn sync(&mut self, index: usize) {
        self.sync_object(index);
        self.sync_jobs(index);
        self.sync_works(index);
    }

    pub(super) fn sync_some(&mut self, index: usize) {
        match self.random.below(4) {
            0 => self.sync_object(index),
            1 => self.sync_jobs(index),
            2 => self.sync_works(index),
            _ => {}
        }
    }

    fn sync_object(&mut self, index: usize) {
        self.leaders[index].object = self.server.object.clone();
    }

    fn sync_jobs(&mut self, index: usize) {
        self.leaders[index].jobs = self.server.jobs.values().map(|job| job.seen.clone()).collect();
    }

    fn sync_works(&mut self, index: usize) {
        let own = self.server.works.values().filter(|work| !work.is_namesakes);
        self.leaders[index].works = own.map(|work| work.seen.clone()).collect();
    }

    /// Plans and acts once; returns the plan.
    pub(super) fn reconcile(&mut self, index: usize, may_fail: bool) -> Plan {
        let leader = self.leaders[index].clone();
        self.leaders[index].absent.clear();
        self.leaders[index].taken.clear();
        let Some(object) = &leader.object else { return Plan::default() };
        let promise = self.promise();
        let config = Rc::clone(&self.config);
        let seen = Seen {
            promise,
            object,
            workflow: WorkflowType::Resource,
            jobs: &leader.jobs,
            absent: &leader.absent,
            taken: &leader.taken,
            works: &leader.works,
            config: &config,
            layout: self.layout,
            may_start: self.may_start,
            promise_is_available: self.available,
            now: self.now,
        };
        let plan = request::plan(&seen).unwrap();
        if !plan.actions.is_empty() {
            self.note(|| {
                let jobs: Vec<_> = leader.jobs.iter().map(|job| (&job.name, job.state)).collect();
                format!(
                    "-- sees {jobs:?}, absent {:?}, version {:?}",
                    leader.absent,
                    object.resource_version()
                )
            });
        }
        self.ledger.plans += 1;
        let mut base = object.clone();
        for action in &plan.actions {
            self.ledger.actions += 1;
            let chance = if may_fail { self.random.below(100) } else { 99 };
            if chance < 4 {
                self.note(|| "killed".into());
                return plan;
            }
            if chance < 7 {
                self.note(|| "unreachable".into());
                self.in_trouble(&base);
                return plan;
            }
            let after = self.act(index, action, &mut base);
            self.note(|| format!("{} {after:?}", said(action)));
            match after {
                After::Next if chance < 10 => {
                    self.note(|| "answer lost".into());
                    return plan;
                }
                After::Next => {}
                After::Cut | After::Refused => return plan,
            }
        }
        plan
    }

    /// Writes into the status that something failed, as whoever carries out plans does.
    fn in_trouble(&mut self, base: &Object) {
        let status =
            base.status().and_then(|status| status.as_object().cloned()).unwrap_or_default();
        let told = trouble(WorkflowType::Resource, &status, "failed to reach it", self.now);
        if let Some((status, _)) = told {
            let _ = self.server.put_status(base, &status);
        }
    }

    fn act(&mut self, index: usize, action: &Action, base: &mut Object) -> After {
        let written = match action {
            Action::Metadata(change) => {
                let is_seen = self.server.object.as_ref().map(Object::resource_version)
                    == Some(base.resource_version());
                if is_seen {
                    self.check_metadata(change);
                }
                self.server.put_metadata(base, change)
            }
            Action::Status(status) => self.server.put_status(base, status),
            Action::Start { of, run } => return self.start(index, *of, *run, base),
            Action::Look { name, .. } => return self.look(index, name),
            Action::NoneLeft { kind, .. } if kind.is_same(&kinds::JOB) => {
                return self.no_job_left();
            }
            Action::NoneLeft { namespace, labels, .. } => return self.none_left(namespace, labels),
            Action::Stop { name, .. } => {
                if let Some(job) = self.server.jobs.get_mut(name)
                    && job.seen.state == JobState::Running
                {
                    job.seen.state = JobState::Stopping;
                    if job.seen.action == Some(WorkflowAction::Delete) {
                        self.ledger.excuse_delete();
                    }
                }
                Ok(())
            }
            Action::Delete { key, uid } => {
                self.delete(key.kind.is_same(&kinds::JOB), &key.name, uid.as_deref());
                Ok(())
            }
            Action::DeletePods { job, .. } => {
                if let Some(job) = self.server.jobs.get_mut(job) {
                    job.seen.pods_are_gone = true;
                }
                Ok(())
            }
            Action::Grant(_) | Action::Tell(_) | Action::Apply(_) => Ok(()),
        };
        match written {
            Ok(()) => {
                if let (Action::Metadata(_) | Action::Status(_), Some(object)) =
                    (action, &self.server.object)
                {
                    base.clone_from(object);
                }
                After::Next
            }
            Err(_) => After::Refused,
        }
    }

    fn start(&mut self, index: usize, of: Pipelined, run: i64, base: &Object) -> After {
        let promise = self.promise();
        let pipelines = promise.pipelines(WorkflowType::Resource, of.action);
        let Some(pipeline) = pipelines.get(of.index) else { return After::Refused };
        let hash = run_hash(promise, Some(base));
        let name = pipeline::Run {
            promise,
            request: Some(base),
            workflow: WorkflowType::Resource,
            action: of.action,
            pipeline: &pipeline.name,
            hash: &hash,
            number: run,
        }
        .job_name()
        .unwrap();
        if let Some(there) = self.server.jobs.get(&name) {
            if there.seen.run == Some(run) && there.seen.hash == hash {
                let found = there.seen.clone();
                self.leaders[index].jobs.retain(|job| job.name != name);
                self.leaders[index].jobs.push(found);
                return After::Next;
            }
            self.leaders[index].taken.push(name);
            return After::Cut;
        }
        self.check_start(of.action, of.index, &hash);
        let seen = JobSeen {
            name: name.clone(),
            namespace: job_namespace(promise, Some(base)).unwrap().to_owned(),
            uid: self.server.uid(),
            action: Some(of.action),
            pipeline: pipeline.name.clone(),
            hash,
            run: Some(run),
            created: Some(self.now),
            finished: None,
            state: JobState::Running,
            is_going: false,
            pods_are_gone: false,
        };
        self.ledger.job_created(&seen);
        let is_last = of.action == WorkflowAction::Delete || of.index + 1 == pipelines.len();
        self.leaders[index].jobs.push(seen.clone());
        self.server.jobs.insert(name, Job { seen, is_last, pod: Pod::Working });
        After::Next
    }

    fn look(&mut self, index: usize, name: &str) -> After {
        match self.server.jobs.get(name) {
            Some(job) => {
                let found = job.seen.clone();
                self.leaders[index].jobs.retain(|job| job.name != name);
                self.leaders[index].jobs.push(found);
            }
            None => self.leaders[index].absent.push(name.to_owned()),
        }
        After::Cut
    }

    fn no_job_left(&mut self) -> After {
        let is_empty = self.server.jobs.is_empty();
        let is_running = self.server.jobs.values().any(|job| job.seen.state.is_running());
        assert!(!is_running, "a Job that runs is deleted");
        self.server.jobs.clear();
        if is_empty { After::Next } else { After::Cut }
    }

    fn none_left(&mut self, namespace: &str, labels: &[(&'static str, String)]) -> After {
        let left: Vec<_> = self
            .server
            .works
            .iter()
            .filter(|(_, work)| {
                work.seen.namespace == namespace
                    && labels.iter().all(|(key, value)| work.labels.get(key) == Some(value))
            })
            .map(|(name, _)| name.clone())
            .collect();
        for name in &left {
            self.delete(false, name, None);
        }
        if left.is_empty() { After::Next } else { After::Cut }
    }

    fn delete(&mut self, is_job: bool, name: &str, uid: Option<&str>) {
        if is_job {
            let Some(job) = self.server.jobs.get(name) else { return };
            if uid == Some(&job.seen.uid) {
                assert!(!job.seen.state.is_running(), "a Job that runs is deleted");
                self.server.jobs.remove(name);
            }
            return;
        }
        let Some(work) = self.server.works.get(name) else { return };
        assert!(!work.is_namesakes, "a namesake's Work is deleted");
        if uid.is_none_or(|uid| uid == work.seen.uid) {
            self.server.works.remove(name);
        }
    }
}

/// An action in a few words.
fn said(action: &Action) -> String {
    match action {
        Action::Status(status) => {
            format!("status {}", serde_json::to_string(&status.get("kratix")).unwrap_or_default())
        }
        other => format!("{other:?}"),
    }
}
