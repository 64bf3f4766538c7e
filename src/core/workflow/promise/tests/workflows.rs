//! A Promise with workflows of its own: when it is available, and that it stays so.

use serde_json::json;

use super::super::*;
use super::kit::*;
use crate::core::workflow::JobState;

fn spec(pipelines: &[&str]) -> Value {
    let mut spec = with_api();
    let list: Vec<_> = pipelines.iter().map(|name| a_pipeline(name)).collect();
    spec["workflows"] = json!({"promise": {"configure": list}});
    spec
}

/// Lets Jobs succeed until none runs.
fn succeed(world: &mut World) -> State {
    loop {
        let state = world.settle().0;
        if !world.runs().1 {
            return state;
        }
        world.end(JobState::Complete);
    }
}

fn is_up(world: &World) -> bool {
    let is = is_available(&world.object);
    let word = if is { "Available" } else { "Unavailable" };
    assert_eq!(world.status()["status"], word);
    assert_eq!(world.status()["kratix"]["status"], word);
    is
}

#[test]
fn it_is_available_once_its_workflow_has_succeeded() {
    let mut world = World::of(spec(&["up", "more"]));
    assert_eq!(world.settle().0, State::Running);
    assert!(!is_up(&world));
    assert_eq!(world.condition("Reconciled"), "Unknown/WorkflowPending: Pending");
    world.end(JobState::Complete);
    assert_eq!(world.settle().0, State::Running);
    assert!(!is_up(&world));
    assert_eq!(succeed(&mut world), State::Settled);
    assert!(is_up(&world));
    assert_eq!(
        world.condition("ConfigureWorkflowCompleted"),
        "True/PipelinesExecutedSuccessfully: Pipelines completed"
    );
    assert_eq!(world.condition("Reconciled"), "True/Reconciled: Reconciled");
    assert_eq!(world.status()["message"], "Promise configured");
    assert_eq!(world.status()["observedGeneration"], 1);
    let mut told = world.told.clone();
    told.sort();
    assert_eq!(
        told,
        [
            "Available: Promise is available",
            "ConfigureWorkflowCompleted: All workflows completed",
            "PipelineStarted: Configure Pipeline started: more",
            "PipelineStarted: Configure Pipeline started: up",
            "ReconcileSucceeded: Successfully reconciled",
            "WorksSucceeded: All works associated with this promise are ready",
        ]
    );
    assert_eq!(world.settle(), (State::Settled, 0));
}

#[test]
fn running_the_same_again_does_not_make_it_unavailable_even_if_it_fails() {
    let mut world = World::of(spec(&["up"]));
    succeed(&mut world);
    world.told.clear();
    world.object.set_label(labels::MANUAL_RECONCILIATION, "true");
    assert_eq!(world.settle().0, State::Running);
    assert!(is_up(&world));
    world.end(JobState::Failed);
    assert_eq!(world.settle().0, State::Failed);
    assert!(is_up(&world));
    assert_eq!(world.condition("Reconciled"), "False/ConfigureWorkflowFailed: Failing");
    world.object.set_label(labels::MANUAL_RECONCILIATION, "true");
    assert_eq!(succeed(&mut world), State::Settled);
    assert!(!world.told.iter().any(|told| told.contains("vailable")), "{:?}", world.told);
}

#[test]
fn a_change_makes_it_unavailable_until_its_workflow_has_succeeded() {
    let mut world = World::of(spec(&["up"]));
    succeed(&mut world);
    for pipelines in [&["up", "next"][..], &["other"]] {
        world.told.clear();
        world.set_spec(spec(pipelines));
        assert_eq!(world.settle().0, State::Running);
        assert!(!is_up(&world));
        assert!(world.told.iter().any(|told| told.starts_with("Unavailable: ")));
        assert_eq!(succeed(&mut world), State::Settled);
        assert!(is_up(&world));
    }
    // Failed for the new: it stays unavailable until that is mended.
    world.set_spec(spec(&["bad"]));
    world.settle();
    world.end(JobState::Failed);
    assert_eq!(world.settle().0, State::Failed);
    assert!(!is_up(&world));
    world.set_spec(spec(&[]));
    assert_eq!(world.settle().0, State::Settled);
    assert!(is_up(&world), "without workflow there is nothing to wait for");
}

#[test]
fn one_that_waits_says_so() {
    let mut world = World::of(spec(&["up"]));
    world.settle();
    let mut status = world.status().clone();
    let entry = &mut status["kratix"]["workflows"]["configure"]["pipelines"][0];
    entry["phase"] = "Suspended".into();
    entry["message"] = "waiting for approval".into();
    world.object.0.insert("status".into(), status.into());
    world.object.set_label(labels::WORKFLOW_SUSPENDED, "true");
    world.end(JobState::Complete);
    assert_eq!(world.settle().0, State::Suspended);
    assert_eq!(world.condition("Available"), "False/WorkflowSuspended: Suspended");
    assert_eq!(world.settle().1, 0);
    world.object.metadata_mut()["labels"]
        .as_object_mut()
        .unwrap()
        .remove(labels::WORKFLOW_SUSPENDED);
    assert_eq!(world.settle().0, State::Running);
    assert_eq!(
        world.condition("Available"),
        "False/PromiseUnavailable: Cannot fulfil resource requests"
    );
    assert_eq!(succeed(&mut world), State::Settled);
    assert!(is_up(&world));
}

#[test]
fn a_paused_promise_runs_again_from_the_start_when_it_is_not_any_more() {
    let mut world = World::of(spec(&["up"]));
    succeed(&mut world);
    world.object.set_label(labels::PAUSED, "true");
    assert_eq!(world.settle().0, State::Paused);
    world.object.set_label(labels::PAUSED, "false");
    assert_eq!(world.settle().0, State::Running);
    assert!(!is_up(&world));
    assert_eq!(succeed(&mut world), State::Settled);
    assert_eq!(world.runs(), (2, false));
    assert!(is_up(&world));
}

#[test]
fn requirements_do_not_keep_its_own_workflow_from_running() {
    let mut spec = spec(&["up"]);
    spec["requiredPromises"] = json!([{"name": "base"}]);
    let mut world = World::of(spec);
    assert_eq!(succeed(&mut world), State::Waiting);
    assert!(!is_up(&world));
    assert_eq!(world.condition("Reconciled"), "Unknown/RequirementsNotFulfilled: Pending");
    world.others = vec![other("base", "")];
    assert_eq!(world.settle().0, State::Settled);
    assert!(is_up(&world));
    assert_eq!(world.runs(), (1, false));
}

#[test]
fn the_delete_workflow_runs_once_and_before_anything_goes() {
    let mut with_delete = spec(&["up"]);
    with_delete["workflows"]["promise"]["delete"] = json!([a_pipeline("down")]);
    let mut world = World::of(with_delete);
    succeed(&mut world);
    world.delete();
    world.requests = vec![owned(crate::contract::kinds::SECRET.object(Some("a"), "r"), false)];
    assert_eq!(world.settle().0, State::Running);
    assert_eq!((world.runs(), world.requests.len()), ((2, true), 1));
    world.end(JobState::Failed);
    assert_eq!(world.settle().0, State::Failed);
    assert_eq!(
        world.condition("DeleteWorkflowCompleted"),
        "False/DeleteWorkflowFailed: The Delete Pipeline has failed"
    );
    assert_eq!(world.requests.len(), 1);
    world.object.set_label(labels::MANUAL_RECONCILIATION, "true");
    assert_eq!(world.settle().0, State::Running);
    world.end(JobState::Complete);
    assert_eq!(world.settle().0, State::Gone);
    assert!(world.jobs.is_empty() && world.requests.is_empty() && world.crds.is_empty());
    assert!(world.finalizers().is_empty());
}

#[test]
fn a_request_runs_again_when_its_promise_says_so_and_once() {
    use crate::core::config::Config;
    use crate::core::pipeline::run_hash;
    use crate::core::workflow::{Action, Layout, Seen, request};

    let mut spec = with_api();
    spec["workflows"] = json!({"resource": {"configure": [a_pipeline("one")]}});
    let mut object = promise(spec);
    object.0.insert("status".into(), json!({"kratix": {"resourcesRun": 2}}));
    let promise = Promise::from_object(&object).unwrap();
    let request = |resources_run: i64| {
        let mut request = Object::from_value(json!({
            "apiVersion": "Example.com/v1", "kind": "Db",
            "metadata": {
                "name": "r", "namespace": "a", "uid": "u", "generation": 1,
                "labels": {labels::PROMISE_NAME: "db"}, "finalizers": request::FINALIZERS,
            },
        }))
        .unwrap();
        let entry = json!({
            "name": "one", "phase": "Succeeded", "run": 1, "hash": run_hash(&promise, Some(&request)),
        });
        let holder = json!({"pipelines": [entry], "run": 1, "resourcesRun": resources_run});
        let status = json!({"kratix": {"workflows": {"configure": holder}}});
        request.0.insert("status".into(), status);
        request
    };
    let starts = |request: &Object| -> Option<Value> {
        let seen = Seen {
            promise: &promise,
            object: request,
            workflow: WorkflowType::Resource,
            jobs: &[],
            absent: &[],
            taken: &[],
            works: &[],
            config: &Config::default(),
            layout: Layout::Keyed,
            may_start: true,
            promise_is_available: true,
            now: jiff::Timestamp::from_second(5).unwrap(),
        };
        let plan = request::plan(&seen).unwrap();
        let is_started = plan.actions.iter().any(|one| matches!(one, Action::Start { .. }));
        is_started.then(|| match &plan.actions[0] {
            Action::Status(status) => status["kratix"]["workflows"]["configure"].clone(),
            other => panic!("{other:?}"),
        })
    };
    assert_eq!(starts(&request(2)), None);
    let holder = starts(&request(1)).expect("it is behind");
    assert_eq!((&holder["resourcesRun"], &holder["trigger"]), (&json!(2), &json!("promise")));
}
