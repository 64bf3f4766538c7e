//! The end of a Promise: what goes, what stays, and in which order.

use serde_json::json;

use super::super::*;
use super::kit::*;
use crate::contract::kinds;
use crate::core::workflow::Action;

fn going() -> World {
    let mut world = World::of(with_api());
    world.settle();
    world.delete();
    world
}

fn deleted(plan: &Plan) -> Vec<String> {
    let key = |action: &Action| match action {
        Action::Delete { key, .. } => Some(key.to_string()),
        _ => None,
    };
    plan.actions.iter().filter_map(key).collect()
}

#[test]
fn a_job_of_a_request_is_awaited() {
    let mut world = going();
    world.a_request_runs = true;
    world.requests = vec![owned(kinds::SECRET.object(Some("a"), "r"), false)];
    assert_eq!(world.settle(), (State::Waiting, 0));
}

#[test]
fn requests_go_first_and_the_crd_last() {
    let mut world = going();
    let request = |namespace| owned(kinds::SECRET.object(Some(namespace), "r"), false);
    world.requests = vec![request("a"), Owned { is_going: true, ..request("b") }];
    world.labelled = vec![owned(kinds::WORK.object(Some("a"), "w"), false)];
    let plan = world.plan();
    assert_eq!((deleted(&plan), plan.state), (vec!["secrets a/r".to_owned()], State::Waiting));
    world.requests.clear();
    let plan = world.plan();
    assert_eq!(deleted(&plan), ["works.platform.kratix.io a/w"]);
    world.labelled.clear();
    let plan = world.plan();
    assert_eq!(deleted(&plan), ["customresourcedefinitions.apiextensions.k8s.io dbs.Example.com"]);
    assert_eq!(plan.state, State::Waiting);
    assert!(!world.finalizers().is_empty());
    assert_eq!(world.settle().0, State::Gone);
    assert!(world.finalizers().is_empty() && world.crds.is_empty());
}

#[test]
fn its_dependencies_go_with_it() {
    let mut world = World::of(json!({"dependencies": [{"kind": "Namespace"}]}));
    world.settle();
    let name = world.static_works[0].name().to_owned();
    world.delete();
    let plan = world.plan();
    assert_eq!(deleted(&plan), [format!("works.platform.kratix.io kratix-platform-system/{name}")]);
    assert_eq!(plan.state, State::Waiting);
    // It is going, and awaited.
    world.static_works[0].set_metadata("deletionTimestamp", "2026-01-01T00:00:00Z");
    assert_eq!(world.settle().0, State::Waiting);
    assert!(world.finalizers().contains(&finalizers::DEPENDENCIES_CLEANUP));
    world.static_works.clear();
    assert_eq!(world.settle().0, State::Gone);
}

#[test]
fn only_what_was_made_for_it_goes() {
    let mut world = going();
    let place = Some("a");
    world.labelled = vec![
        owned(kinds::SERVICE_ACCOUNT.object(place, "db-resource-configure-one"), false),
        owned(kinds::SERVICE_ACCOUNT.object(place, "own-account"), false),
        owned(kinds::SERVICE_ACCOUNT.object(place, "made-account"), true),
        owned(kinds::CONFIG_MAP.object(place, "destination-selectors-db"), false),
        owned(kinds::CONFIG_MAP.object(place, "notes"), false),
        owned(kinds::ROLE.object(place, "db2-resource-configure-one"), false),
        owned(kinds::CLUSTER_ROLE.object(None, "db-promise-controller"), false),
    ];
    assert_eq!(world.settle().0, State::Gone);
    let names: Vec<_> = world.labelled.iter().map(|one| one.key.name.as_str()).collect();
    assert_eq!(names, ["own-account", "notes", "db2-resource-configure-one"]);
}

#[test]
fn somebody_elses_crd_stays() {
    let mut world = going();
    let mut copied = world.crds[0].clone().into_value();
    copied["metadata"]["name"] = "copies.other.com".into();
    copied["spec"]["group"] = "other.com".into();
    world.crds.push(Object::from_value(copied).unwrap());
    assert_eq!(world.settle().0, State::Gone);
    assert_eq!(world.crds.len(), 1);
}

#[test]
fn one_that_cannot_be_read_goes_unless_its_delete_workflow_would_be_lost() {
    let bad = json!({"workflows": {"promise": {"delete": [{"kind": "X"}]}}});
    let mut never = World::of(bad.clone());
    never.settle();
    never.delete();
    assert_eq!(never.settle().0, State::Gone);

    let spec = json!({"workflows": {"promise": {"delete": [a_pipeline("bye")]}}});
    let mut world = World::of(spec);
    world.settle();
    assert!(world.finalizers().contains(&finalizers::DELETE_WORKFLOWS));
    world.set_spec(bad);
    world.delete();
    assert_eq!(world.settle().0, State::Failed);
    let mut with_requests = World::of(with_api());
    with_requests.settle();
    with_requests.set_spec(json!({"workflows": 1}));
    with_requests.delete();
    assert_eq!(with_requests.settle().0, State::Failed);
    assert!(with_requests.condition("Reconciled").contains("of its requests can run"));

    let text = world.condition("Reconciled");
    assert!(text.contains("mend it") && text.contains(finalizers::DELETE_WORKFLOWS), "{text}");
}

#[test]
fn a_promise_of_kratix_loses_the_finalizers_of_kinds_that_we_do_not_make() {
    let mut world = going();
    let mut all: Vec<_> = world.finalizers().iter().map(|one| (*one).to_owned()).collect();
    all.extend([finalizers::REVISION_CLEANUP.to_owned(), "example.com/mine".to_owned()]);
    world.object.set_metadata("finalizers", all);
    assert_eq!(world.settle().0, State::Gone);
    assert_eq!(world.finalizers(), ["example.com/mine"]);
}
