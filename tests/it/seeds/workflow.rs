//! When workflows run: the sentences of the seeds about triggers, order, failure and deletion, on the planner itself.
//!
//! The world here is one in which nothing goes wrong: every action of a plan is done, and seen at once. What may go wrong
//! is the matter of `core::workflow`'s random histories.

use bookend::contract::{Object, labels};
use bookend::core::config::Config;
use bookend::core::control::Control;
use bookend::core::pipeline::{Run, job_namespace, run_hash};
use bookend::core::promise::{Promise, WorkflowAction, WorkflowType};
use bookend::core::status;
use bookend::core::workflow::{
    Action, JobSeen, JobState, Layout, Metadata, Pipelined, Plan, Seen, State, request,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::{pipeline, promise_with, request as a_request};

/// Actions after which a plan must have settled.
const TURNS_MAX: usize = 60;

/// A request of a Promise with the configure pipelines `one` and `two`, and the delete pipelines `gone` and `never`.
struct World {
    promise: Promise,
    object: Object,
    jobs: Vec<JobSeen>,
    absent: Vec<String>,
    config: Config,
    now: Timestamp,
    /// What was done, in order.
    log: Vec<String>,
    is_gone: bool,
}

/// The Promise, with this text in its pipelines.
fn promise(image: &str) -> Promise {
    let stage =
        |name: &str| pipeline(name, |value| value["spec"]["containers"][0]["image"] = image.into());
    promise_with(&json!({
        "resource": {"configure": [stage("one"), stage("two")], "delete": [stage("gone"), stage("never")]},
    }))
}

impl World {
    fn new() -> Self {
        let mut object = a_request("team");
        object.set_metadata("generation", 1);
        object.0.insert("spec".into(), json!({"size": 1}));
        Self {
            promise: promise("busybox"),
            object,
            jobs: Vec::new(),
            absent: Vec::new(),
            config: Config::default(),
            now: Timestamp::from_second(1_800_000_000).unwrap(),
            log: Vec::new(),
            is_gone: false,
        }
    }

    /// One whose two pipelines have run.
    fn settled() -> Self {
        let mut world = Self::new();
        world.runs(&["one", "two"]);
        world
    }

    /// Lets the planner go on until it has nothing to do, and returns what was started and stopped.
    fn go(&mut self) -> Vec<String> {
        let from = self.log.len();
        for _ in 0..TURNS_MAX {
            let plan = self.plan();
            if plan.actions.is_empty() || self.is_gone {
                return self.log.split_off(from);
            }
            for action in &plan.actions {
                if !self.act(action) {
                    break;
                }
            }
        }
        panic!("it does not settle: {:?}", self.log);
    }

    fn plan(&mut self) -> Plan {
        let absent = std::mem::take(&mut self.absent);
        let seen = Seen {
            promise: &self.promise,
            object: &self.object,
            workflow: WorkflowType::Resource,
            jobs: &self.jobs,
            absent: &absent,
            taken: &[],
            works: &[],
            config: &self.config,
            layout: Layout::Keyed,
            may_start: true,
            promise_is_available: true,
            now: self.now,
        };
        request::plan(&seen).unwrap()
    }

    /// Does one thing; false when what is seen afterwards decides how to go on.
    fn act(&mut self, action: &Action) -> bool {
        match action {
            Action::Metadata(change) => self.change(change),
            Action::Status(status) => {
                self.object.0.insert("status".into(), Value::Object(status.clone()));
            }
            Action::Grant(of) => self.log.push(format!("grant {}", self.name(*of))),
            Action::Start { of, run } => self.start(*of, *run),
            Action::Stop { name, .. } => {
                let job = self.jobs.iter_mut().find(|job| job.name == *name).unwrap();
                job.state = JobState::Stopped;
                self.log.push(format!("stop {}", job.pipeline));
                return false;
            }
            Action::Look { name, .. } => {
                self.absent.push(name.clone());
                return false;
            }
            Action::NoneLeft { kind, .. } if kind.plural == "jobs" => {
                let had = !self.jobs.is_empty();
                self.jobs.clear();
                return !had;
            }
            Action::Delete { key, .. } => self.jobs.retain(|job| job.name != key.name),
            _ => {}
        }
        true
    }

    fn change(&mut self, change: &Metadata) {
        for (key, values) in [("labels", &change.labels), ("annotations", &change.annotations)] {
            let map = self.object.metadata_mut().entry(key).or_insert_with(|| json!({}));
            let map = map.as_object_mut().unwrap();
            for (key, value) in values {
                match value {
                    Some(value) => drop(map.insert(key.clone(), value.clone().into())),
                    None => {
                        if map.remove(key).is_some() && key == labels::MANUAL_RECONCILIATION {
                            self.log.push("label off".into());
                        }
                    }
                }
            }
        }
        if let Some(finalizers) = &change.finalizers {
            self.object.set_metadata("finalizers", finalizers.clone());
            self.is_gone = finalizers.is_empty();
        }
    }

    fn name(&self, of: Pipelined) -> String {
        self.promise.pipelines(WorkflowType::Resource, of.action)[of.index].name.clone()
    }

    fn start(&mut self, of: Pipelined, number: i64) {
        assert!(!self.jobs.iter().any(|job| job.state.is_running()), "two run at once");
        let (pipeline, hash) = (self.name(of), run_hash(&self.promise, Some(&self.object)));
        let name = Run {
            promise: &self.promise,
            request: Some(&self.object),
            workflow: WorkflowType::Resource,
            action: of.action,
            pipeline: &pipeline,
            hash: &hash,
            number,
        }
        .job_name()
        .unwrap();
        self.log.push(format!("start {pipeline}"));
        self.jobs.push(JobSeen {
            name,
            namespace: job_namespace(&self.promise, Some(&self.object)).unwrap().to_owned(),
            uid: number.to_string(),
            action: Some(of.action),
            pipeline,
            hash,
            run: Some(number),
            created: Some(self.now),
            finished: None,
            state: JobState::Running,
            is_going: false,
            pods_are_gone: false,
        });
    }

    /// Lets the Job that runs end, with the decision of the real status step when it ends well.
    fn ends(&mut self, state: JobState) {
        let now = self.now;
        let job = self.jobs.iter_mut().find(|job| job.state.is_running()).expect("a Job runs");
        job.state = state;
        job.finished = Some(now);
        if state != JobState::Complete {
            return;
        }
        let action = job.action.unwrap();
        let run = status::Run {
            workflow_type: "resource",
            action: action.as_str(),
            pipeline: &job.pipeline.clone(),
            is_last: job.pipeline != "one",
            dry_run: false,
            generation: self.object.generation().unwrap(),
            now,
        };
        let decided = status::decide(&self.object, &Map::new(), &Control::default(), &run).unwrap();
        if let Some(status) = decided.status {
            self.object.0.insert("status".into(), Value::Object(status));
        }
    }

    /// Checks that exactly these pipelines run now, one after the other, each well, and then nothing more.
    #[track_caller]
    fn runs(&mut self, pipelines: &[&str]) {
        for pipeline in pipelines {
            assert_eq!(self.starts(), [format!("start {pipeline}")]);
            self.ends(JobState::Complete);
        }
        assert_eq!(self.starts(), Vec::<String>::new());
    }

    /// Goes on, and returns what was started.
    fn starts(&mut self) -> Vec<String> {
        self.go().into_iter().filter(|line| line.starts_with("start")).collect()
    }

    fn set_spec(&mut self, size: i64) {
        self.object.0.insert("spec".into(), json!({"size": size}));
        let generation = self.object.generation().unwrap();
        self.object.set_metadata("generation", generation + 1);
    }

    fn asks_by_label(&mut self) {
        self.object.set_label(labels::MANUAL_RECONCILIATION, labels::TRUE);
    }

    fn deletes(&mut self) {
        self.object.set_metadata("deletionTimestamp", self.now.to_string());
        let generation = self.object.generation().unwrap();
        self.object.set_metadata("generation", generation + 1);
    }
}

#[test]
fn a_request_runs_when_it_is_created() {
    World::new().runs(&["one", "two"]);
}

#[test]
fn rights_are_granted_before_the_job_starts() {
    let mut world = World::new();
    assert_eq!(world.go(), ["grant one", "start one"]);
    world.ends(JobState::Complete);
    assert_eq!(world.go(), ["grant two", "start two"]);
}

#[test]
fn a_request_runs_again_when_its_spec_changes() {
    let mut world = World::settled();
    world.object.set_label("team", "red");
    world.object.set_annotation("why", "because");
    world.runs(&[]);
    world.set_spec(2);
    world.runs(&["one", "two"]);
}

#[test]
fn a_request_runs_again_when_its_promise_changes() {
    let mut world = World::settled();
    world.promise = promise("busybox:2");
    world.runs(&["one", "two"]);
}

#[test]
fn a_request_runs_again_after_the_interval() {
    let mut world = World::settled();
    let due = world.plan().wake_at.expect("it knows when");
    let after = due.duration_since(world.now);
    let ten_hours = SignedDuration::from_hours(10);
    assert!(after >= ten_hours && after <= ten_hours * 11 / 10, "{after}");
    world.now = due - SignedDuration::from_secs(1);
    world.runs(&[]);
    world.now = due;
    world.runs(&["one", "two"]);
    world.config.reconciliation_interval = SignedDuration::from_hours(1);
    world.now += SignedDuration::from_mins(70);
    world.runs(&["one", "two"]);
}

#[test]
fn a_restart_runs_nothing_again() {
    let mut world = World::settled();
    // All that a controller keeps is in the cluster, and Jobs need not be.
    world.jobs.clear();
    world.runs(&[]);
    assert_eq!(world.plan().state, State::Settled);
}

#[test]
fn pipelines_follow_one_another_and_a_failure_halts() {
    let mut world = World::new();
    assert_eq!(world.starts(), ["start one"]);
    world.runs(&[]);
    world.ends(JobState::Failed);
    world.runs(&[]);
    assert_eq!(world.plan().state, State::Failed);
}

#[test]
fn a_failed_request_starts_over_by_the_label() {
    let mut world = World::new();
    assert_eq!(world.starts(), ["start one"]);
    world.ends(JobState::Complete);
    assert_eq!(world.starts(), ["start two"]);
    world.ends(JobState::Failed);
    world.runs(&[]);
    world.asks_by_label();
    world.runs(&["one", "two"]);
}

#[test]
fn a_manual_label_starts_over_and_goes_when_the_job_is_there() {
    let mut world = World::settled();
    world.asks_by_label();
    assert_eq!(world.go(), ["grant one", "start one", "label off"]);
    assert_eq!(world.object.label(labels::MANUAL_RECONCILIATION), None);
    world.ends(JobState::Complete);
    world.runs(&["two"]);
    world.asks_by_label();
    world.runs(&["one", "two"]);
}

#[test]
fn a_manual_label_stops_what_runs() {
    let mut world = World::new();
    assert_eq!(world.starts(), ["start one"]);
    world.ends(JobState::Complete);
    assert_eq!(world.starts(), ["start two"]);
    world.asks_by_label();
    assert_eq!(world.go(), ["stop two", "grant one", "start one", "label off"]);
}

#[test]
fn a_delete_runs_once_and_again_only_by_the_label() {
    let mut world = World::settled();
    world.deletes();
    assert_eq!(world.starts(), ["start gone"]);
    world.ends(JobState::Failed);
    world.runs(&[]);
    world.now += SignedDuration::from_hours(24);
    world.set_spec(9);
    world.runs(&[]);
    world.asks_by_label();
    assert_eq!(world.go(), ["grant gone", "start gone", "label off"]);
    world.asks_by_label();
    assert_eq!(world.go(), ["stop gone", "grant gone", "start gone", "label off"]);
    world.ends(JobState::Complete);
    assert_eq!(world.starts(), Vec::<String>::new());
    assert!(world.is_gone && world.jobs.is_empty());
}

#[test]
fn only_the_first_delete_pipeline_runs() {
    let mut world = World::settled();
    world.deletes();
    world.runs(&["gone"]);
    assert!(world.is_gone);
}

#[test]
fn a_configure_that_runs_is_awaited_before_the_delete_starts() {
    let mut world = World::new();
    assert_eq!(world.starts(), ["start one"]);
    world.deletes();
    world.runs(&[]);
    world.ends(JobState::Complete);
    assert_eq!(world.starts(), ["start gone"]);
    assert_eq!(world.jobs.last().unwrap().action, Some(WorkflowAction::Delete));
}
