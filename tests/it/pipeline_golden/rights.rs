//! Our service accounts and rights against the recorded ones, step by step.

use std::collections::{BTreeMap, BTreeSet};

use bookend::contract::{Object, labels};
use bookend::core::promise::Promise;
use bookend::core::rbac::{
    Change, Grantee, Rights, changes, controller_grants, differs, grants, kind_of,
};

use super::{Case, Counts, find_inputs, object, place_of};

/// What was there after a step.
#[derive(Default)]
pub(super) struct Step {
    pub(super) name: String,
    /// Places of the Promises in [`Case::promises`].
    pub(super) promises: Vec<usize>,
    /// Whether a Promise was being deleted.
    pub(super) going: bool,
    /// Names of the Jobs that were not there before, in order.
    pub(super) started: Vec<String>,
    /// Places of the rights in [`Case::rights`].
    pub(super) rights: Vec<usize>,
}

/// Plays the case: each Job that was started is granted its rights, on what our grants have left so far.
pub(super) fn compare(
    name: &str,
    case: &Case,
    promises: &[Promise],
    requests: &[Object],
    counts: &mut Counts,
) {
    let mut there = Cluster::default();
    there.add(case.before.iter().map(object));
    for step in &case.steps {
        let present: Vec<_> = step
            .promises
            .iter()
            .filter_map(|place| Promise::from_object(&object(&case.promises[*place])).ok())
            .collect();
        for promise in &present {
            there.add(controller_grants(promise).into_iter().flatten());
        }
        for job in &step.started {
            let job = case.jobs.iter().find(|one| one["metadata"]["name"] == **job).unwrap();
            grant(&object(job), promises, requests, &mut there);
        }
        // What goes with a Promise is decided elsewhere: here, only that nothing of it was missing.
        there.of_promises(&present);
        let recorded = step.rights.iter().map(|place| object(&case.rights[*place]));
        let context = format!("{name} {}", step.name);
        compare_step(&context, &there, recorded.collect(), step.going, counts);
    }
}

/// Gives the pod of a Job its rights, as the original does.
fn grant(job: &Object, promises: &[Promise], requests: &[Object], there: &mut Cluster) {
    let (promise, request) = find_inputs(job, promises, requests).unwrap();
    let (workflow, action, index) = place_of(job, promise, request);
    let rights = Rights::Kratix;
    let grantee =
        Grantee { promise, request, workflow, action, index, rights, sidecar: Default::default() };
    // Refused before anything is made; the original makes all but the Role, and starts the Job.
    let Ok(mut wanted) = grants(&grantee) else { return };
    wanted.retain(|object| object.kind() != "ConfigMap");
    let existing: Vec<_> = there.0.values().cloned().collect();
    for change in changes(&grantee, &wanted, &existing).unwrap() {
        match change {
            Change::Create(object) | Change::Apply(object) => there.add([*object]),
            Change::Delete { key, .. } => {
                there.0.retain(|_, object| object.key(kind_of(object).unwrap()) != key);
            }
        }
    }
}

fn compare_step(
    context: &str,
    there: &Cluster,
    recorded: Vec<Object>,
    going: bool,
    counts: &mut Counts,
) {
    let recorded: BTreeMap<_, _> =
        recorded.into_iter().map(|object| (identity(&object), object)).collect();
    let ours: BTreeMap<_, _> =
        there.0.iter().filter(|(_, object)| object.label(labels::PROMISE_NAME).is_some()).collect();
    counts.rights += recorded.len();
    let identities: BTreeSet<_> = ours.keys().copied().chain(recorded.keys()).collect();
    for identity in identities {
        let same = match (ours.get(identity), recorded.get(identity)) {
            (Some(ours), Some(recorded)) => {
                !differs(ours, recorded, Rights::Kratix) && !differs(recorded, ours, Rights::Kratix)
            }
            (Some(_), None) => going,
            _ => false,
        };
        if !same {
            let (ours, recorded) = (ours.get(identity), recorded.get(identity));
            let reason = reason(context, identity);
            assert!(
                reason.is_some(),
                "{context} {identity}:\n ours {ours:?}\n recorded {recorded:?}"
            );
            counts.deviations += 1;
        }
    }
}

/// Why these rights differ from the recorded ones on purpose.
fn reason(context: &str, identity: &str) -> Option<&'static str> {
    let (case, _) = context.split_once(' ').unwrap();
    match case {
        "permissions-promise-workflow" | "full-pod-promise" | "promise-delete-fails"
            if context.ends_with("-finished") || context.ends_with("-gone") =>
        {
            Some("the Promise has no API and is gone: there, what it was given outlives it")
        }
        "permissions" if identity.contains("-kube-public-") => {
            Some("its rules equal those of another: the original does not see that it is obsolete")
        }
        "pipeline-namespace-missing" => {
            Some("the namespace is missing: the account cannot be made, and nothing is without it")
        }
        "unknown-pipeline-field" => Some("the Promise is refused: nothing is made for it"),
        "permissions-nonresource-urls-in-role" => Some(
            "the Role is refused: the original makes its binding and starts the Job all the same",
        ),
        _ => None,
    }
}

/// Kind, namespace and name of an object, as text.
fn identity(object: &Object) -> String {
    format!("{} {} {}", object.kind(), object.namespace().unwrap_or_default(), object.name())
}

/// What is there.
#[derive(Default)]
struct Cluster(BTreeMap<String, Object>);

impl Cluster {
    fn add(&mut self, objects: impl IntoIterator<Item = Object>) {
        self.0.extend(objects.into_iter().map(|object| (identity(&object), object)));
    }

    /// Drops what is of Promises that are not there any more.
    fn of_promises(&mut self, present: &[Promise]) {
        self.0.retain(|_, object| {
            let owner = object.label(labels::PROMISE_NAME);
            owner.is_none_or(|owner| present.iter().any(|promise| promise.name == owner))
        });
    }
}
