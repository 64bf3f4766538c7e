//! What a pass does when something went wrong, or an object is gone.

use serde_json::{Map, Value};
use tracing::debug;

use super::known::{KnownPromise, is_going};
use super::pass::{End, Pass};
use super::store::Feed;
use crate::cluster::{ClusterError, Reads as _};
use crate::contract::{Kind, Object, kinds};
use crate::core::promise::WorkflowType;
use crate::core::workflow::{Action, Plan, Seen, State, trouble};
use crate::effect::EffectError;
use crate::exit;

impl Pass<'_> {
    /// Reads the object anew: the watch will bring it too, but later.
    pub(super) async fn refresh(
        &self,
        seen: &Seen<'_>,
        request_kind: Option<&Kind>,
    ) -> Result<(), End> {
        let shared = self.shared;
        let kind = match (seen.workflow, request_kind) {
            (WorkflowType::Promise, _) => &kinds::PROMISE,
            (WorkflowType::Resource, Some(kind)) => kind,
            (WorkflowType::Resource, None) => return Err(End::Failed),
        };
        match shared.cluster.get(&seen.object.key(kind)).await {
            Ok(Some(object)) => {
                shared.note(&self.feed(), object);
                Ok(())
            }
            Ok(None) => {
                self.forget(seen.object);
                self.stands(State::Gone);
                Err(End::Settled(None))
            }
            Err(error) => {
                debug!("failed to read the object anew: {}", exit::chain(&error));
                Err(End::Failed)
            }
        }
    }

    /// Which cache has the object.
    pub(super) fn feed(&self) -> Feed {
        match self.target.workflow() {
            WorkflowType::Promise => Feed::Promises,
            WorkflowType::Resource => Feed::Requests(self.target.promise.clone()),
        }
    }

    /// Forgets the object, which is gone: the watch says so too, but later.
    pub(super) fn forget(&self, object: &Object) {
        let wakes = self.shared.store().remove(&self.feed(), object);
        self.shared.wake(wakes);
    }

    /// Says in the status what went wrong, and tells people once.
    pub(super) async fn tell(&self, seen: &Seen<'_>, kind: Option<&Kind>, message: &str) {
        // What was written before it went wrong is known by now.
        let object = self.object().unwrap_or_else(|| seen.object.clone());
        let empty = Map::new();
        let status = object.status().and_then(Value::as_object).unwrap_or(&empty);
        let Some((status, event)) = trouble(seen.workflow, status, message, seen.now) else {
            return;
        };
        let plan = Plan {
            actions: vec![Action::Status(status), Action::Tell(event)],
            state: State::Failed,
            wake_at: None,
        };
        let seen = Seen { object: &object, ..*seen };
        if let Err(error) = self.carry_out(&seen, &plan, kind).await {
            debug!("failed to say so in the status: {}", exit::chain(&error));
        }
    }

    /// The object as it is known now.
    pub(super) fn object(&self) -> Option<Object> {
        let store = self.shared.store();
        match self.target.workflow() {
            WorkflowType::Promise => {
                let known: &KnownPromise = store.promises.get(&self.target.promise)?;
                Some(known.object().clone())
            }
            WorkflowType::Resource => serde_json::from_slice(&store.request(self.target)?).ok(),
        }
    }
}

/// Whether an answer is the last that will be heard of an object: it was to go, and nothing held it any more. It is
/// no newer than the answer before, so no cache can tell by its version.
pub(super) fn is_no_more(object: &Object) -> bool {
    let finalizers = object.at(&["metadata", "finalizers"]).and_then(Value::as_array);
    is_going(object) && finalizers.is_none_or(Vec::is_empty)
}

/// Whether the object itself was not there.
pub(super) fn is_of_missing(error: &EffectError, object: &Object) -> bool {
    let EffectError::Cluster { source, .. } = error else { return false };
    matches!(&**source, ClusterError::Missing { key, detail }
        if detail.is_empty()
            && key.name == object.name()
            && key.namespace.as_deref() == object.namespace())
}

/// What went wrong and what to do about it, on one line.
pub(super) fn message(error: &(dyn std::error::Error + 'static), hint: Option<String>) -> String {
    match hint {
        Some(hint) => format!("{}; {hint}", exit::chain(error)),
        None => exit::chain(error),
    }
}
