//! One pass over one object: what is known of it, what is to be done, and doing it.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tracing::field::Empty;
use tracing::{Instrument as _, Span, debug, info_span, warn};

use super::acting::{Acting, Known};
use super::granting::Place;
use super::queue::Outcome;
use super::shared::Shared;
use super::target::Target;
use super::trouble::{is_no_more, is_of_missing, message};
use crate::contract::{Kind, Object, labels};
use crate::core::pipeline::job_namespace;
use crate::core::promise::{Promise, WorkflowType};
use crate::core::workflow::promise::{self, PromiseSeen};
use crate::core::workflow::{Action, Plan, Seen, State, request};
use crate::effect::{self, Carried, EffectError, Hands};
use crate::exit::{self, Fault as _};
use crate::files::yaml;

/// How often a plan is made anew within one pass because of what was found on the way.
const ROUNDS_MAX: u32 = 4;

/// When to look again for the end of objects that are being deleted.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Looks at one object, and does what is to be done.
pub(super) async fn over(shared: &Shared, target: &Target) -> Outcome {
    let (namespace, name) = match &target.request {
        Some((namespace, name)) => (Some(&**namespace), &**name),
        None => (None, &*target.promise),
    };
    let workflow = target.workflow();
    let span = info_span!(
        "reconcile",
        otel.name = %format_args!("reconcile {workflow}"),
        trace.parent = Empty,
        trace.state = Empty,
        promise = &*target.promise,
        namespace,
        name,
    );
    let begun = Instant::now();
    let pass = Pass { shared, target, found: Found::default() };
    let (outcome, word) = match pass.run().instrument(span).await {
        End::Settled(wake_at) => (Outcome::Done(wake_at), "settled"),
        End::Acted => (Outcome::Again, "acted"),
        End::Failed => (Outcome::Failed, "failed"),
    };
    shared.metrics.pass(workflow, word, begun.elapsed());
    outcome
}

/// How a pass ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// There was nothing to do.
    Settled(Option<Instant>),
    /// Something was done, or has changed meanwhile.
    Acted,
    /// Something went wrong.
    Failed,
}

/// What was found by asking the cluster itself.
#[derive(Debug, Clone, Default)]
struct Found {
    absent: Vec<String>,
    taken: Vec<String>,
}

pub(super) struct Pass<'a> {
    pub(super) shared: &'a Shared,
    pub(super) target: &'a Target,
    found: Found,
}

impl Pass<'_> {
    async fn run(mut self) -> End {
        for _ in 0..ROUNDS_MAX {
            let end = match self.target.workflow() {
                WorkflowType::Promise => self.promise().await,
                WorkflowType::Resource => self.request().await,
            };
            match end {
                Ok(Some(end)) => return end,
                // Look again, with what was found.
                Ok(None) => {}
                Err(end) => return end,
            }
        }
        End::Acted
    }

    /// `None` when a plan is to be made anew.
    async fn request(&mut self) -> Result<Option<End>, End> {
        let (shared, target, found) = (self.shared, self.target, self.found.clone());
        let (known, json, jobs, works) = {
            let store = shared.store();
            let known = store.promises.get(&target.promise).cloned();
            (known, store.request(target), store.jobs_of(target), store.works_of(target))
        };
        let object = json.and_then(|json| serde_json::from_slice::<Object>(&json).ok());
        let Some((known, object)) = known.zip(object) else { return Ok(Some(self.gone())) };
        // Until the Promise is mended nothing can be said of its requests; then they are looked at again.
        let Ok(promise) = known.promise() else { return Ok(Some(self.gone())) };
        let config = shared.config();
        let seen = Seen {
            promise,
            object: &object,
            workflow: WorkflowType::Resource,
            jobs: &jobs,
            absent: &found.absent,
            taken: &found.taken,
            works: &works,
            config: &config,
            layout: shared.settings.layout,
            may_start: shared.running.may_start(target),
            promise_is_available: promise::is_available(known.object()),
            now: shared.now(),
        };
        joins_trace(&object);
        let kind = promise.request_kind();
        match request::plan(&seen) {
            Ok(plan) => {
                let carried = self.carry_out(&seen, &plan, kind).await;
                self.ends(&seen, &plan, kind, carried).await
            }
            Err(error) => {
                self.stands(State::Failed);
                let message = message(&error, error.hint());
                self.tell(&seen, kind, &message).await;
                Err(End::Failed)
            }
        }
    }

    async fn promise(&mut self) -> Result<Option<End>, End> {
        let (shared, target, found) = (self.shared, self.target, self.found.clone());
        let name = &*target.promise;
        let Some(known) = shared.store().promises.get(name).cloned() else {
            return Ok(Some(self.gone()));
        };
        let Some(view) = self.view(&known).await? else {
            // Woken when the list of its requests is complete.
            return Ok(Some(End::Settled(None)));
        };
        let config = shared.config();
        let seen = PromiseSeen {
            object: known.object(),
            promise: known.promise(),
            jobs: &view.jobs,
            absent: &found.absent,
            taken: &found.taken,
            works: &view.works,
            others: &view.others,
            crds: &view.crds,
            rights: &view.rights,
            static_works: &view.static_works,
            requests: &view.requests,
            a_request_runs: view.a_request_runs,
            labelled: &view.labelled,
            config: &config,
            to_yaml: yaml::write,
            layout: shared.settings.layout,
            may_start: shared.running.may_start(target),
            now: shared.now(),
        };
        joins_trace(known.object());
        let plan = promise::plan(&seen);
        // One that cannot be read has no pipelines, so nobody asks what they are.
        let unread;
        let readable = match known.promise() {
            Ok(promise) => promise,
            Err(_) => {
                unread = Promise::unread(known.object());
                &unread
            }
        };
        let of_workflow = seen.of_workflow(readable);
        let kind = readable.request_kind();
        let carried = self.carry_out(&of_workflow, &plan, kind).await;
        self.ends(&of_workflow, &plan, kind, carried).await
    }

    pub(super) async fn carry_out(
        &self,
        seen: &Seen<'_>,
        plan: &Plan,
        request_kind: Option<&Kind>,
    ) -> Result<Carried, EffectError> {
        if plan.actions.is_empty() {
            return Ok(Carried::default());
        }
        debug!(actions = plan.actions.len(), state = ?plan.state, "acting");
        let shared = self.shared;
        let cluster = Acting { shared, target: self.target, request_kind };
        let known = Known(shared);
        let may_go_on = || shared.tenure.holds();
        let hands = Hands {
            cluster: &cluster,
            known: &known,
            adapter: &shared.settings.adapter,
            rights: shared.settings.rights,
            may_go_on: &may_go_on,
            instance: &shared.settings.instance,
        };
        let grant = self.grant_of(seen, plan);
        let turn = match &grant {
            Some((place, generation)) => shared.granting.turn(place, *generation).await,
            None => None,
        };
        let carried = effect::carry_out(&hands, seen, plan).await?;
        shared.store().mark_without_pods(&carried.without_pods);
        if let Some((place, generation)) = grant.filter(|_| turn.is_some()) {
            shared.granting.granted(place, generation);
        }
        Ok(carried)
    }

    /// Whose rights a plan makes, and at which generation of the Promise.
    fn grant_of(&self, seen: &Seen<'_>, plan: &Plan) -> Option<(Place, i64)> {
        let of = plan.actions.iter().find_map(|action| match action {
            Action::Grant(of) => Some(*of),
            _ => None,
        })?;
        let request = (seen.workflow == WorkflowType::Resource).then_some(seen.object);
        let namespace = job_namespace(seen.promise, request).ok()?.into();
        let promise = Arc::clone(&self.target.promise);
        let generation = seen.promise.object.generation().unwrap_or_default();
        Some((Place { promise, namespace, of }, generation))
    }

    /// Decides how to go on after a plan was carried out, or was not.
    async fn ends(
        &mut self,
        seen: &Seen<'_>,
        plan: &Plan,
        kind: Option<&Kind>,
        carried: Result<Carried, EffectError>,
    ) -> Result<Option<End>, End> {
        match carried {
            Ok(carried) => {
                self.stands(plan.state);
                if let Some(object) = &carried.object
                    && is_no_more(object)
                {
                    self.forget(object);
                    return Ok(Some(End::Settled(None)));
                }
                if plan.actions.is_empty() {
                    let wake_at = plan.wake_at.map(|at| self.shared.instant_of(at));
                    return Ok(Some(End::Settled(wake_at)));
                }
                if carried.waits_for_ends {
                    // Some of them nobody watches.
                    return Ok(Some(End::Settled(Some(Instant::now() + LOOK_AGAIN))));
                }
                if carried.absent.is_empty() && carried.taken.is_empty() {
                    return Ok(Some(End::Acted));
                }
                self.found.absent.extend(carried.absent);
                self.found.taken.extend(carried.taken);
                Ok(None)
            }
            Err(error) if error.is_conflict() || is_of_missing(&error, seen.object) => {
                debug!("changed or gone meanwhile: {}", exit::chain(&error));
                self.refresh(seen, kind).await?;
                Ok(None)
            }
            Err(error) => {
                // What was begun may run. What was refused keeps no place: others may start meanwhile.
                if !self.a_job_runs() {
                    self.stands(State::Failed);
                }
                warn!("failed, will be tried again: {}", exit::chain(&error));
                if !error.is_unreachable() {
                    let message = message(&error, error.hint());
                    self.tell(seen, kind, &message).await;
                }
                Err(End::Failed)
            }
        }
    }

    /// Whether a Job of the object runs, as far as is known.
    fn a_job_runs(&self) -> bool {
        self.shared.store().jobs_of(self.target).iter().any(|job| job.state.is_running())
    }

    /// There is nothing to look at.
    fn gone(&self) -> End {
        if self.target.request.is_none() {
            self.shared.granting.forget(&self.target.promise);
        }
        self.stands(State::Gone);
        End::Settled(None)
    }

    /// Notes how the object stands, and lets somebody else begin if there is room.
    pub(super) fn stands(&self, state: State) {
        if let Some(next) = self.shared.running.stands(self.target, state) {
            self.shared.add(next, super::queue::Priority::Ordinary);
        }
    }
}

/// Puts the pass into the trace of its object, if it has one.
fn joins_trace(object: &Object) {
    let span = Span::current();
    for (field, annotation) in
        [("trace.state", labels::TRACE_STATE), ("trace.parent", labels::TRACE_PARENT)]
    {
        span.record(field, object.annotation(annotation).unwrap_or_default());
    }
}
