//! Whether a Promise can fulfil requests, and the summary of it in the status (contract.md 5.6, 7.9).
//!
//! It can once its workflow has succeeded for what it says now. Running the same again changes nothing of that, so it
//! stays available then, and when that fails too: what has been set up is still there. The original turns every
//! Promise unavailable on the way (contract.md 12.D, 17.1).

use serde_json::{Map, Value};

use super::super::conditions::{self, seconds};
use super::{Pass, api, is_available, set};
use crate::contract::labels;
use crate::contract::object::map_entry;
use crate::contract::promise_status::{
    AVAILABLE, AVAILABLE_SUSPENDED, AVAILABLE_WORD, IS_AVAILABLE, IS_UNAVAILABLE, UNAVAILABLE_WORD,
    event, field,
};
use crate::contract::status::{
    CONDITIONS, Condition, KRATIX, PIPELINES, WORKFLOWS, condition, entry_more, workflow_action,
};
use crate::core::pipeline;
use crate::core::promise::{Promise, WorkflowAction, WorkflowType};
use crate::core::workflow::Event;

impl Pass<'_, '_> {
    /// Puts kind and version into the status, and says that it cannot fulfil requests when that is so.
    pub(super) fn summary(&mut self, promise: &Promise, is_fulfilled: bool) {
        let (kind, api_version) = match &promise.api {
            Some(api) => (api.kind.kind.to_string(), api::api_version(api)),
            None => Default::default(),
        };
        let version = self.seen.object.label(labels::PROMISE_VERSION).unwrap_or_default();
        for (key, value) in [
            (field::KIND, kind.as_str()),
            (field::API_VERSION, &api_version),
            (field::VERSION, version),
        ] {
            self.say(key, value);
        }
        // What a pipeline that waits has said stays until it goes on.
        let waits = self.is_labelled(labels::WORKFLOW_SUSPENDED)
            && conditions::is(&self.draft.status, &AVAILABLE_SUSPENDED);
        let can = is_fulfilled && self.was_available() && !self.says_something_new(promise);
        if !can && !waits {
            self.unavailable(&IS_UNAVAILABLE);
        }
    }

    /// Whether the status says that it can fulfil requests.
    fn was_available(&self) -> bool {
        conditions::is(&self.draft.status, &IS_AVAILABLE)
    }

    /// Whether its workflow has run for something else than what it says now.
    fn says_something_new(&self, promise: &Promise) -> bool {
        let pipelines = promise.pipelines(WorkflowType::Promise, WorkflowAction::Configure);
        let hash = pipeline::run_hash(promise, None);
        let entries = entries(&self.draft.status);
        let is_other = |entry: &Value| {
            let found = entry.get(entry_more::HASH).and_then(Value::as_str);
            found.is_some_and(|found| found != hash)
        };
        !pipelines.is_empty() && (entries.is_empty() || entries.iter().any(is_other))
    }

    /// Says that it can fulfil requests, if what it requires is there.
    pub(super) fn available(&mut self, is_fulfilled: bool) {
        if !is_fulfilled {
            return self.unavailable(&IS_UNAVAILABLE);
        }
        if is_available(self.seen.object) {
            self.still_available();
        } else if set(self.seen, &mut self.draft, &IS_AVAILABLE) {
            self.news.push(Event::normal(event::AVAILABLE, "Promise is available"));
            if let Some(now) = seconds(self.seen.now).as_str() {
                self.say(field::LAST_AVAILABLE_TIME, now);
            }
        }
        self.say(field::STATUS, AVAILABLE_WORD);
    }

    /// Takes back what this pass was about to say: it turned out that everything is done for what it says now.
    fn still_available(&mut self) {
        let before = self.seen.object.at(&["status", CONDITIONS]).and_then(Value::as_array);
        let is_it = |one: &&Value| one.get(condition::TYPE) == Some(&AVAILABLE.into());
        let condition = before.into_iter().flatten().find(is_it);
        let now = self.draft.status.get_mut(CONDITIONS).and_then(Value::as_array_mut);
        let found = now.into_iter().flatten().find(|one| is_it(&&**one));
        if let (Some(condition), Some(found)) = (condition, found) {
            *found = condition.clone();
        }
        self.news.retain(|told| told.reason != event::UNAVAILABLE);
    }

    /// Says that it cannot fulfil requests.
    pub(super) fn unavailable(&mut self, why: &Condition) {
        let was_available = self.was_available();
        set(self.seen, &mut self.draft, why);
        if was_available {
            let text = format!("Promise is unavailable: {}", why.message);
            self.news.push(Event::warning(event::UNAVAILABLE, text));
        }
        self.say_unavailable();
    }

    pub(super) fn say_unavailable(&mut self) {
        self.say(field::STATUS, UNAVAILABLE_WORD);
    }

    /// Says that a pipeline has asked to wait. One that ran again only because somebody wanted it to stops nothing.
    pub(super) fn suspended(&mut self) {
        if !self.was_available() {
            self.unavailable(&AVAILABLE_SUSPENDED);
        }
    }

    /// Puts a text into the status, here and below `kratix`; an empty one is taken out.
    fn say(&mut self, key: &str, value: &str) {
        let status = &mut self.draft.status;
        put(status, key, value);
        put(map_entry(status, KRATIX), key, value);
    }
}

fn put(map: &mut Map<String, Value>, key: &str, value: &str) {
    if value.is_empty() {
        map.remove(key);
    } else {
        map.insert(key.into(), value.into());
    }
}

/// Entries of the configure workflow, in whichever layout they are.
fn entries(status: &Map<String, Value>) -> &[Value] {
    let list = || {
        let workflows = status.get(KRATIX)?.get(WORKFLOWS)?;
        let keyed = workflows.get(workflow_action::CONFIGURE).and_then(|one| one.get(PIPELINES));
        keyed.or_else(|| workflows.get(PIPELINES))?.as_array()
    };
    list().map_or(&[], Vec::as_slice)
}
