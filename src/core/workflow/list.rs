//! The list of pipelines in a status, from which progress is read (contract.md 5.6, 7.7, 16).

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::conditions::seconds;
use crate::contract::object::map_entry;
use crate::contract::promise_status::field::RESOURCES_RUN;
use crate::contract::status::{
    KRATIX, PIPELINES, SUSPENDED_GENERATION, WORKFLOWS, counter, engine, entry, entry_more, phase,
};
use crate::core::promise::WorkflowAction;

/// Where the list of pipelines stands in the status (contract.md 16).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// One list for whichever workflow runs, and counters beside it.
    Flat,
    /// One list for each action, and no counters.
    Keyed,
}

/// Why a run is started that does not just follow the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// The object or its Promise says something else than what has been run.
    Spec,
    /// Somebody has set the label for it.
    Manual,
    /// A controller has.
    Start,
    /// Both have.
    ManualAndStart,
    /// It has been long.
    Interval,
    /// It was paused.
    Unpaused,
    /// The Promise has told all its requests to.
    Promise,
    /// A pipeline that asked to wait is run again.
    Resume,
    /// The object is being deleted.
    Delete,
}

impl Trigger {
    const ALL: [Self; 9] = [
        Self::Spec,
        Self::Manual,
        Self::Start,
        Self::ManualAndStart,
        Self::Interval,
        Self::Unpaused,
        Self::Promise,
        Self::Resume,
        Self::Delete,
    ];

    /// Whether it answers the label that somebody has set.
    pub fn is_manual(self) -> bool {
        matches!(self, Self::Manual | Self::ManualAndStart)
    }

    /// Whether it answers the label that a controller has set.
    pub fn is_start(self) -> bool {
        matches!(self, Self::Start | Self::ManualAndStart)
    }

    /// The word for it in a status.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Spec => "spec",
            Self::Manual => "manual",
            Self::Start => "start",
            Self::ManualAndStart => "manual+start",
            Self::Interval => "interval",
            Self::Unpaused => "unpaused",
            Self::Promise => "promise",
            Self::Resume => "resume",
            Self::Delete => "delete",
        }
    }
}

/// How far a pipeline is (contract.md 7.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// It has not run, or is being started when it has the number of a run.
    Pending,
    /// Its Job has been started.
    Running,
    /// Its Job has succeeded.
    Succeeded,
    /// Its Job has failed.
    Failed,
    /// It has asked the workflow to wait.
    Suspended,
}

impl Phase {
    const ALL: [(Self, &'static str); 5] = [
        (Self::Pending, phase::PENDING),
        (Self::Running, phase::RUNNING),
        (Self::Succeeded, phase::SUCCEEDED),
        (Self::Failed, phase::FAILED),
        (Self::Suspended, phase::SUSPENDED),
    ];

    /// The word for it in a status.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(one, _)| *one == self).map_or(phase::PENDING, |(_, word)| word)
    }
}

/// One pipeline's entry; fields that nobody here knows are kept.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Entry(Map<String, Value>);

impl Entry {
    /// Returns the entry of a pipeline that has not run.
    pub fn pending(name: &str, now: Timestamp) -> Self {
        let mut new = Self::default();
        new.0.insert(entry::NAME.into(), name.into());
        new.enter(Phase::Pending, now);
        new
    }

    fn text(&self, key: &str) -> &str {
        self.0.get(key).and_then(Value::as_str).unwrap_or_default()
    }

    /// Name of the pipeline.
    pub fn name(&self) -> &str {
        self.text(entry::NAME)
    }

    /// How far it is; what is no phase is none.
    pub fn phase(&self) -> Phase {
        let word = self.text(entry::PHASE);
        Phase::ALL.iter().find(|(_, one)| *one == word).map_or(Phase::Pending, |(phase, _)| *phase)
    }

    /// Hash of its last run; empty for none.
    pub fn hash(&self) -> &str {
        self.text(entry_more::HASH)
    }

    /// Number of its last run.
    pub fn run(&self) -> Option<i64> {
        self.0.get(engine::RUN).and_then(Value::as_i64)
    }

    /// What the pipeline said when it asked to wait.
    pub fn message(&self) -> &str {
        self.text(entry::MESSAGE)
    }

    /// When it shall be tried again by itself.
    pub fn next_retry_at(&self) -> Option<Timestamp> {
        self.text(entry::NEXT_RETRY_AT).parse().ok()
    }

    /// Whether a Job of it may be there whose end is not known.
    pub fn is_in_flight(&self) -> bool {
        match self.phase() {
            Phase::Pending => self.run().is_some(),
            Phase::Running => true,
            Phase::Succeeded | Phase::Failed | Phase::Suspended => false,
        }
    }

    /// Moves it into a phase. What it said when it was suspended goes; its count of attempts stays.
    pub fn enter(&mut self, phase: Phase, now: Timestamp) {
        self.0.insert(entry::PHASE.into(), phase.as_str().into());
        self.0.insert(entry_more::LAST_TRANSITION_TIME.into(), seconds(now));
        self.0.remove(entry::MESSAGE);
    }

    /// Says which run is its last.
    pub fn set_run(&mut self, hash: &str, run: Option<i64>) {
        self.0.insert(entry_more::HASH.into(), hash.into());
        if let Some(run) = run {
            self.0.insert(engine::RUN.into(), run.into());
        }
    }
}

/// The list of one workflow, with what stands beside it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct List {
    /// One for each pipeline, in order.
    pub entries: Vec<Entry>,
    /// Generation for which the workflow was suspended.
    pub suspended_generation: Option<i64>,
    /// Highest number that was given to a run of the object.
    pub run: i64,
    /// How often its Promise had told all requests to run again when it last started from its first pipeline.
    pub resources_run: i64,
    /// Why the run that is being started starts.
    pub trigger: Option<Trigger>,
    /// Whether it was written in the other layout, or by Kratix's flat one: to be written anew.
    pub is_foreign: bool,
}

impl List {
    /// Reads the list of a workflow; an empty one where there is none.
    ///
    /// A flat list that does not say whose it is, Kratix's, is that of the configure workflow; `is_delete` says that the
    /// Jobs tell otherwise.
    pub fn read(
        status: &Map<String, Value>,
        layout: Layout,
        action: WorkflowAction,
        is_delete: bool,
    ) -> Self {
        let none = Map::new();
        let workflows = status.get(KRATIX).and_then(|kratix| kratix.get(WORKFLOWS)?.as_object());
        let workflows = workflows.unwrap_or(&none);
        let keyed =
            |action: WorkflowAction| workflows.get(action.as_str()).and_then(Value::as_object);
        let said = workflows.get(engine::ACTION).and_then(Value::as_str);
        let flat_action = match said {
            Some(word) => WorkflowAction::ALL.into_iter().find(|one| one.as_str() == word),
            // One of ours has a number beside it, and says when it is of a delete workflow.
            None if is_delete && !workflows.contains_key(engine::RUN) => {
                Some(WorkflowAction::Delete)
            }
            None => Some(WorkflowAction::Configure),
        };
        let flat = Some(workflows)
            .filter(|flat| flat_action == Some(action) && flat.contains_key(PIPELINES));
        let (found, is_foreign) = match layout {
            Layout::Flat => (flat.or_else(|| keyed(action)), flat.is_none()),
            Layout::Keyed => (keyed(action).or(flat), keyed(action).is_none()),
        };
        let number = |map: &Map<String, Value>| map.get(engine::RUN).and_then(Value::as_i64);
        let holders = WorkflowAction::ALL.into_iter().filter_map(keyed).chain([workflows]);
        let mut list =
            Self { run: holders.filter_map(number).max().unwrap_or(0), ..Self::default() };
        let Some(found) = found else { return list };
        list.is_foreign = is_foreign;
        let entries = found.get(PIPELINES).and_then(Value::as_array).into_iter().flatten();
        list.entries =
            entries.map(|one| Entry(one.as_object().cloned().unwrap_or_default())).collect();
        list.suspended_generation = found.get(SUSPENDED_GENERATION).and_then(Value::as_i64);
        list.resources_run = found.get(RESOURCES_RUN).and_then(Value::as_i64).unwrap_or_default();
        let trigger = found.get(engine::TRIGGER).and_then(Value::as_str);
        list.trigger = Trigger::ALL.into_iter().find(|one| Some(one.as_str()) == trigger);
        let runs = list.entries.iter().filter_map(Entry::run);
        list.run = runs.fold(list.run, i64::max);
        list
    }

    /// Writes the list into a status; whatever else stands there is kept, but what the other layout left.
    pub fn write(&self, status: &mut Map<String, Value>, layout: Layout, action: WorkflowAction) {
        let workflows = map_entry(map_entry(status, KRATIX), WORKFLOWS);
        let holder = match layout {
            Layout::Flat => {
                for action in WorkflowAction::ALL {
                    workflows.remove(action.as_str());
                }
                match action {
                    WorkflowAction::Configure => workflows.remove(engine::ACTION),
                    WorkflowAction::Delete => {
                        workflows.insert(engine::ACTION.into(), action.as_str().into())
                    }
                };
                workflows
            }
            Layout::Keyed => {
                for key in [
                    PIPELINES,
                    SUSPENDED_GENERATION,
                    RESOURCES_RUN,
                    engine::RUN,
                    engine::TRIGGER,
                    engine::ACTION,
                ] {
                    workflows.remove(key);
                }
                map_entry(workflows, action.as_str())
            }
        };
        holder.insert(PIPELINES.into(), self.entries.iter().map(|one| one.0.clone()).collect());
        let mut set = |key: &str, value: Option<Value>| match value {
            Some(value) => holder.insert(key.into(), value),
            None => holder.remove(key),
        };
        set(SUSPENDED_GENERATION, self.suspended_generation.map(Value::from));
        set(engine::RUN, (self.run > 0).then(|| self.run.into()));
        set(RESOURCES_RUN, (self.resources_run > 0).then(|| self.resources_run.into()));
        set(engine::TRIGGER, self.trigger.map(|trigger| trigger.as_str().into()));
        match (layout, action) {
            (Layout::Flat, WorkflowAction::Configure) => self.count(status),
            // The counters are those of the configure workflow.
            (Layout::Flat, WorkflowAction::Delete) => {}
            (Layout::Keyed, _) => counter::ALL.into_iter().for_each(|key| {
                status.remove(key);
            }),
        }
    }

    /// Writes the counters of the flat layout.
    pub(super) fn count(&self, status: &mut Map<String, Value>) {
        map_entry(map_entry(status, KRATIX), WORKFLOWS);
        let count = |phase: Phase| self.entries.iter().filter(|one| one.phase() == phase).count();
        status.insert(counter::WORKFLOWS.into(), self.entries.len().into());
        status.insert(counter::SUCCEEDED.into(), count(Phase::Succeeded).into());
        status.insert(counter::FAILED.into(), count(Phase::Failed).into());
    }

    /// Whether it lists exactly these pipelines.
    pub fn is_of(&self, names: &[&str]) -> bool {
        self.entries.iter().map(Entry::name).eq(names.iter().copied())
    }

    /// Lists these pipelines, none of which has run.
    pub fn reset(&mut self, names: &[&str], now: Timestamp) {
        self.entries = names.iter().map(|name| Entry::pending(name, now)).collect();
        self.suspended_generation = None;
    }
}
