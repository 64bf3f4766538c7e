//! What the status of an object says while its workflow runs, as Kratix's controller writes it.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::contract::object::map_entry;
use crate::contract::status::{
    CONDITIONS, Condition, KRATIX, MESSAGE, PIPELINES, SUSPENDED_GENERATION, WORKFLOWS, condition,
    counter, entry, entry_more, message, phase, running,
};
use crate::core::promise::{WorkflowAction, WorkflowType};

/// Where the list of pipelines stands in the status (contract.md 16).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// One list for whichever workflow runs, and counters beside it.
    Flat,
    /// One list for each action, each entry with the hash of its last run, and no counters.
    Keyed,
}

/// One pipeline's entry, as the status step left it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Entry {
    /// One of [`phase`]; empty when there is none.
    pub phase: String,
    /// What the pipeline said when it asked to wait.
    pub message: String,
    /// When it shall be tried again by itself.
    pub next_retry_at: Option<Timestamp>,
    /// How often it has asked to be tried again.
    pub attempts: i64,
}

impl Entry {
    /// Whether the pipeline has asked the workflow to wait.
    pub fn is_suspended(&self) -> bool {
        self.phase == phase::SUSPENDED
    }
}

/// Edits the status of one object for one of its workflows. Whatever else stands in the status is kept.
#[derive(Debug, Clone, Copy)]
pub struct Progress<'a> {
    /// Whose workflow.
    pub workflow: WorkflowType,
    /// Which list.
    pub action: WorkflowAction,
    /// How the status is laid out.
    pub layout: Layout,
    /// Names of the workflow's pipelines, in order.
    pub pipelines: &'a [&'a str],
    /// Label `kratix.io/hash` of this run's Jobs; used in the keyed layout.
    pub hash: &'a str,
}

impl Progress<'_> {
    /// Lists all pipelines as `Pending`, before the first one starts.
    pub fn prepare(&self, status: &mut Map<String, Value>, now: Timestamp) {
        let entries = self.pipelines.iter().map(|name| {
            json!({
                entry::NAME: name,
                entry::PHASE: phase::PENDING,
                entry_more::LAST_TRANSITION_TIME: seconds(now),
            })
        });
        let holder = self.holder(status);
        holder.insert(PIPELINES.into(), entries.collect());
        holder.remove(SUSPENDED_GENERATION);
        match (self.layout, self.action) {
            (Layout::Flat, WorkflowAction::Configure) => {
                status.insert(counter::WORKFLOWS.into(), self.pipelines.len().into());
                status.insert(counter::SUCCEEDED.into(), 0.into());
                status.insert(counter::FAILED.into(), 0.into());
            }
            // The counters are those of the configure workflow.
            (Layout::Flat, WorkflowAction::Delete) => {}
            (Layout::Keyed, _) => self.drop_flat(status),
        }
    }

    /// Marks a pipeline as started, before its Job is created.
    pub fn started(&self, status: &mut Map<String, Value>, index: usize, now: Timestamp) {
        self.enter(status, index, phase::RUNNING, now);
        if self.layout == Layout::Keyed
            && let Some(entry) = self.entry_mut(status, index)
        {
            entry.insert(entry_more::HASH.into(), self.hash.into());
        }
        if self.action == WorkflowAction::Configure {
            status.insert(MESSAGE.into(), message::PENDING.into());
            self.set(status, running::CONFIGURE_STARTED, "", now);
            self.set(status, running::STARTED, "", now);
        }
    }

    /// Marks a pipeline as succeeded, after its Job and with it the status step.
    pub fn succeeded(&self, status: &mut Map<String, Value>, index: usize, now: Timestamp) {
        self.enter(status, index, phase::SUCCEEDED, now);
        if (self.layout, self.action) == (Layout::Flat, WorkflowAction::Configure) {
            status.insert(counter::SUCCEEDED.into(), index.saturating_add(1).into());
        }
    }

    /// Marks a pipeline as failed: nothing after it runs.
    pub fn failed(&self, status: &mut Map<String, Value>, index: usize, now: Timestamp) {
        self.enter(status, index, phase::FAILED, now);
        match self.action {
            WorkflowAction::Delete => self.set(status, running::DELETE_FAILED, "", now),
            WorkflowAction::Configure => {
                if self.layout == Layout::Flat {
                    status.insert(counter::FAILED.into(), 1.into());
                }
                let name = self.pipelines.get(index).copied().unwrap_or_default();
                self.set(status, running::CONFIGURE_FAILED, name, now);
                self.set(status, running::FAILED, "", now);
            }
        }
    }

    /// Says for the object as a whole that its workflow waits; the entry was written by the status step.
    pub fn suspended(&self, status: &mut Map<String, Value>, now: Timestamp) {
        if self.action == WorkflowAction::Delete {
            self.set(status, running::DELETE_SUSPENDED, "", now);
        }
        self.set(status, running::SUSPENDED, "", now);
    }

    /// Returns a pipeline's entry, `None` when the status lists none.
    pub fn entry(&self, status: &Map<String, Value>, index: usize) -> Option<Entry> {
        let workflows = status.get(KRATIX)?.get(WORKFLOWS)?;
        let holder = match self.layout {
            Layout::Flat => workflows,
            Layout::Keyed => workflows.get(self.action.as_str())?,
        };
        let list = holder.get(PIPELINES)?.as_array()?;
        let found = list.iter().find(|entry| self.is_named(entry, index))?;
        let text = |key: &str| found.get(key).and_then(Value::as_str).unwrap_or_default();
        Some(Entry {
            phase: text(entry::PHASE).to_owned(),
            message: text(entry::MESSAGE).to_owned(),
            next_retry_at: text(entry::NEXT_RETRY_AT).parse().ok(),
            attempts: found.get(entry::ATTEMPTS).and_then(Value::as_i64).unwrap_or(0),
        })
    }

    /// The map that holds this workflow's list; whatever is no map on the way is replaced.
    fn holder<'s>(&self, status: &'s mut Map<String, Value>) -> &'s mut Map<String, Value> {
        let workflows = map_entry(map_entry(status, KRATIX), WORKFLOWS);
        match self.layout {
            Layout::Flat => workflows,
            Layout::Keyed => map_entry(workflows, self.action.as_str()),
        }
    }

    /// Removes what the flat layout left: nobody keeps it up any more.
    fn drop_flat(&self, status: &mut Map<String, Value>) {
        for key in counter::ALL {
            status.remove(key);
        }
        let workflows = map_entry(map_entry(status, KRATIX), WORKFLOWS);
        workflows.remove(PIPELINES);
        workflows.remove(SUSPENDED_GENERATION);
    }

    /// Moves an entry into a phase. What it said when it was suspended goes; its count of attempts stays.
    fn enter(&self, status: &mut Map<String, Value>, index: usize, phase: &str, now: Timestamp) {
        if let Some(entry) = self.entry_mut(status, index) {
            entry.insert(entry::PHASE.into(), phase.into());
            entry.insert(entry_more::LAST_TRANSITION_TIME.into(), seconds(now));
            entry.remove(entry::MESSAGE);
        }
    }

    fn is_named(&self, entry: &Value, index: usize) -> bool {
        let name = entry.get(entry::NAME).and_then(Value::as_str);
        name.is_some() && name == self.pipelines.get(index).copied()
    }

    fn entry_mut<'s>(
        &self,
        status: &'s mut Map<String, Value>,
        index: usize,
    ) -> Option<&'s mut Map<String, Value>> {
        let list = self.holder(status).get_mut(PIPELINES)?.as_array_mut()?;
        list.iter_mut().find(|entry| self.is_named(entry, index))?.as_object_mut()
    }

    /// Sets a condition at its place, or appends it.
    ///
    /// Its time moves with its status; on a request also with its reason and message (contract.md 7.9).
    fn set(&self, status: &mut Map<String, Value>, wanted: Condition, name: &str, now: Timestamp) {
        const TIME: &str = "lastTransitionTime";
        let text = format!("{}{name}", wanted.message);
        let mut new = json!({
            condition::TYPE: wanted.kind,
            "status": wanted.status,
            "reason": wanted.reason,
            "message": text,
            TIME: seconds(now),
        });
        let Some(Value::Array(conditions)) = status.get_mut(CONDITIONS) else {
            status.insert(CONDITIONS.into(), vec![new].into());
            return;
        };
        let kind = Some(wanted.kind);
        let same_kind = |old: &&mut Value| old.get(condition::TYPE).and_then(Value::as_str) == kind;
        match conditions.iter_mut().find(same_kind) {
            None => conditions.push(new),
            Some(old) => {
                let fields: &[&str] = match self.workflow {
                    WorkflowType::Promise => &["status"],
                    WorkflowType::Resource => &["status", "reason", "message"],
                };
                if fields.iter().all(|field| old.get(field) == new.get(field))
                    && let Some(time) = old.get(TIME)
                {
                    new[TIME] = time.clone();
                }
                *old = new;
            }
        }
    }
}

/// A time as statuses hold it: UTC, whole seconds.
fn seconds(time: Timestamp) -> Value {
    Timestamp::from_second(time.as_second()).unwrap_or(time).to_string().into()
}
