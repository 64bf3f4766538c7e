//! The rights that every pipeline has (contract.md 4.6), in Kratix's form and in the least.

use serde_json::{Value, json};

use super::{Plan, RbacError, Rights, rule, status_of};
use crate::contract::{Kind, Object, kinds, pod};
use crate::core::pipeline::PipelineError;
use crate::core::promise::{WorkflowAction, WorkflowType};
use crate::core::sidecar;

/// What Kratix allows on the object.
const ON_OBJECTS: [&str; 5] = ["get", "list", "update", "create", "patch"];
/// What the reader and the status step do with the object: read it, and set the label of a suspension.
const ON_THE_OBJECT: [&str; 2] = ["get", "patch"];
/// What the status step does with the status of the object.
const ON_ITS_STATUS: [&str; 1] = ["update"];
/// What the writer does with Works: find the one it wrote before, and write it.
const ON_WORKS: [&str; 3] = ["list", "create", "update"];

/// Returns the rights of a pipeline's pod that it need not ask for.
pub(super) fn rights(plan: &Plan<'_>, rights: Rights) -> Result<Vec<Object>, RbacError> {
    let mut all = of_the_steps(plan, rights)?;
    if sidecar::is_on(plan.pipeline, &plan.grantee.sidecar) {
        all.extend(of_the_sidecar(plan));
    }
    Ok(all)
}

/// Returns the right of the status sidecar to read its own pod. The names of pods are not known before, so Kubernetes
/// cannot allow that one alone.
pub(super) fn of_the_sidecar(plan: &Plan<'_>) -> [Object; 2] {
    let rule = rule(&kinds::POD.group, &[kinds::POD.plural.to_string()], &["get"]);
    let name = format!("{}-{}", plan.id, pod::container::SIDECAR);
    plan.grants().within(plan.namespace, &name, &[rule])
}

fn of_the_steps(plan: &Plan<'_>, rights: Rights) -> Result<Vec<Object>, RbacError> {
    match (plan.grantee.workflow, rights) {
        (WorkflowType::Promise, Rights::Kratix) => Ok(promise_as_kratix(plan)),
        (WorkflowType::Promise, Rights::Least) => Ok(promise_least(plan)),
        (WorkflowType::Resource, Rights::Kratix) => resource_as_kratix(plan),
        (WorkflowType::Resource, Rights::Least) => resource_least(plan),
    }
}

fn promise_as_kratix(plan: &Plan<'_>) -> Vec<Object> {
    let resources = [
        kinds::PROMISE.plural.to_string(),
        status_of(&kinds::PROMISE),
        kinds::WORK.plural.to_string(),
    ];
    let rule = rule(kinds::KRATIX_GROUP, &resources, &ON_OBJECTS);
    plan.grants().everywhere(&plan.id, &[rule]).into()
}

/// One Promise, and Works where the Job runs.
fn promise_least(plan: &Plan<'_>) -> Vec<Object> {
    let mut rules = on_the_object(&kinds::PROMISE);
    for rule in &mut rules {
        rule["resourceNames"] = json!([plan.grantee.promise.name]);
    }
    let mut all = Vec::from(plan.grants().everywhere(&plan.id, &rules));
    if let Some(on_works) = on_works(plan) {
        all.extend(plan.grants().within(plan.namespace, &plan.id, &[on_works]));
    }
    all
}

fn resource_as_kratix(plan: &Plan<'_>) -> Result<Vec<Object>, RbacError> {
    let kind = request_kind(plan)?;
    let resources = [kind.plural.to_string(), status_of(kind)];
    let on_objects = rule(&kind.group, &resources, &ON_OBJECTS);
    let on_works = rule(kinds::KRATIX_GROUP, &[kinds::WORK.plural.to_string()], &["*"]);
    let rules = [on_objects.clone(), on_works];
    let mut all = Vec::from(plan.grants().within(plan.namespace, &plan.id, &rules));
    let home = home(plan);
    if home != plan.namespace {
        all.extend(plan.grants().everywhere(&beside(plan, home), &[on_objects]));
    }
    Ok(all)
}

/// The requests of the namespace in which this one lives: all pods there have one account, whose name the contract
/// fixes, and so a list of names would be the list of all.
fn resource_least(plan: &Plan<'_>) -> Result<Vec<Object>, RbacError> {
    let kind = request_kind(plan)?;
    let mut on_requests = on_the_object(kind);
    let on_works = on_works(plan);
    let grants = plan.grants();
    if plan.grantee.promise.pipeline_namespace.is_none() {
        on_requests.extend(on_works);
        return Ok(grants.within(plan.namespace, &plan.id, &on_requests).into());
    }
    // Never in one role with the right to Works: that is shared by requests of all namespaces.
    let mut all = Vec::new();
    if let Some(on_works) = on_works {
        all.extend(grants.within(plan.namespace, &plan.id, &[on_works]));
    }
    let home = home(plan);
    let name = beside(plan, home);
    all.extend(match home {
        "" => grants.everywhere(&name, &on_requests),
        home => grants.within(home, &name, &on_requests),
    });
    Ok(all)
}

fn on_the_object(kind: &Kind) -> Vec<Value> {
    vec![
        rule(&kind.group, &[kind.plural.to_string()], &ON_THE_OBJECT),
        rule(&kind.group, &[status_of(kind)], &ON_ITS_STATUS),
    ]
}

/// The right to Works; the pod of a delete pipeline has no writer.
fn on_works(plan: &Plan<'_>) -> Option<Value> {
    let has_writer = plan.grantee.action == WorkflowAction::Configure;
    has_writer.then(|| rule(kinds::KRATIX_GROUP, &[kinds::WORK.plural.to_string()], &ON_WORKS))
}

fn request_kind<'a>(plan: &Plan<'a>) -> Result<&'a Kind, RbacError> {
    let promise = plan.grantee.promise;
    promise.request_kind().ok_or_else(|| RbacError::Pipeline {
        source: PipelineError::NoApi { promise: promise.name.clone() },
    })
}

/// Namespace of the request; empty when it has none.
fn home<'a>(plan: &Plan<'a>) -> &'a str {
    plan.grantee.request.and_then(Object::namespace).unwrap_or_default()
}

/// Name of the rights to requests that live elsewhere than their Jobs.
fn beside(plan: &Plan<'_>, home: &str) -> String {
    format!("{}-{home}", plan.id)
}
