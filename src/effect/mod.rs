//! Carries out a plan of `core::workflow` on a cluster: in order, and no further than the first thing that fails.
//!
//! It decides nothing. What is seen the next time tells where to go on, so it may stop, or be killed, anywhere.

mod error;
mod event;
mod grant;
mod start;
mod write;

use crate::cluster::{Cluster, Reads};
use crate::contract::{Kind, Object, kinds};
use crate::core::pipeline::Adapter;
use crate::core::promise::WorkflowType;
use crate::core::rbac::Rights;
use crate::core::workflow::{Action, Plan, Seen};

pub use error::EffectError;
pub use event::tell;

/// With what a plan is carried out.
#[derive(Clone, Copy)]
pub struct Hands<'a, C, K> {
    /// Where it is carried out.
    pub cluster: &'a C,
    /// Answers what is there of accounts, rights, ConfigMaps and other objects that are made to be as given: a cache of
    /// them, or the cluster itself. What it does not know is created, and what differs is changed.
    pub known: &'a K,
    /// Where the three containers around the user's own come from.
    pub adapter: &'a Adapter,
    /// How much the pods of every pipeline may do without asking.
    pub rights: Rights,
    /// Asked before each action: whether we may still act. Somebody else leads when we may not.
    pub may_go_on: &'a (dyn Fn() -> bool + Sync),
    /// Who reports events: the name of the pod or machine.
    pub instance: &'a str,
}

/// What has come of a plan.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Carried {
    /// The object as the cluster last answered with it; `None` when nothing was written to it. A cache that is behind
    /// it would only lead to conflicts.
    pub object: Option<Object>,
    /// Jobs that were created or found, which a cache may not know yet.
    pub jobs: Vec<Object>,
    /// Names of Jobs that were looked for and are not there: to be given to the next plan as [`Seen::absent`].
    pub absent: Vec<String>,
    /// Names under which another object's Job lies: to be given to the next plan as [`Seen::taken`].
    pub taken: Vec<String>,
    /// Finished Jobs whose pods were deleted, by namespace and name: to be given to the next plan as
    /// [`JobSeen::pods_are_gone`](crate::core::workflow::JobSeen::pods_are_gone), or it deletes them again.
    pub without_pods: Vec<(String, String)>,
    /// Whether actions are left that were not done, and nothing has failed: the next plan is due at once, unless we
    /// may not act any more.
    pub is_cut_short: bool,
    /// Whether it was cut short by objects that are being deleted already: there is nothing to do but to wait for their
    /// end.
    pub waits_for_ends: bool,
}

/// Carries out a plan. An error ends it; what was done before it stays done.
pub async fn carry_out<C: Cluster, K: Reads>(
    hands: &Hands<'_, C, K>,
    seen: &Seen<'_>,
    plan: &Plan,
) -> Result<Carried, EffectError> {
    let mut work = Work { hands, seen, carried: Carried::default() };
    for action in &plan.actions {
        if !(hands.may_go_on)() || !work.one(action).await? {
            work.carried.is_cut_short = true;
            break;
        }
    }
    Ok(work.carried)
}

/// A plan that is being carried out.
struct Work<'a, C, K> {
    hands: &'a Hands<'a, C, K>,
    seen: &'a Seen<'a>,
    carried: Carried,
}

impl<C: Cluster, K: Reads> Work<'_, C, K> {
    /// Does one action; returns whether to go on.
    async fn one(&mut self, action: &Action) -> Result<bool, EffectError> {
        match action {
            Action::Metadata(change) => self.metadata(change).await?,
            Action::Status(status) => self.status(status).await?,
            Action::Grant(of) => self.grant(*of).await?,
            Action::Start { of, run } => return self.start(*of, *run).await,
            Action::Look { namespace, name } => return self.look(namespace, name).await,
            Action::NoneLeft { kind, namespace, labels } => {
                return self.none_left(kind, namespace, labels).await;
            }
            Action::Stop { namespace, name } => self.stop(namespace, name).await?,
            Action::Apply(object) => self.apply(object).await?,
            Action::Delete { key, uid } => self.delete(key, uid.as_deref()).await?,
            Action::DeletePods { namespace, job } => self.delete_pods(namespace, job).await?,
            Action::Tell(event) => self.tell(event).await?,
        }
        Ok(true)
    }

    /// The object as it is known now.
    fn object(&self) -> &Object {
        self.carried.object.as_ref().unwrap_or(self.seen.object)
    }

    /// Kind of the object.
    fn kind(&self) -> Result<Kind, EffectError> {
        match self.seen.workflow {
            WorkflowType::Promise => Ok(kinds::PROMISE),
            WorkflowType::Resource => self
                .seen
                .promise
                .request_kind()
                .cloned()
                .ok_or_else(|| EffectError::NoApi { promise: self.seen.promise.name.clone() }),
        }
    }

    /// The request, in a resource workflow, as it is known now.
    fn request(&self) -> Option<&Object> {
        (self.seen.workflow == WorkflowType::Resource).then(|| self.object())
    }
}
