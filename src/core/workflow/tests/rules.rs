//! Rules of contract.md 7.7-7.9 and 8, one by one; statuses as Kratix's manager was recorded to write them.

use super::scene::Scene;
use crate::contract::labels;
use crate::core::workflow::{Action, JobState, Layout, Plan, State};
use jiff::SignedDuration;

const LAYOUTS: [Layout; 2] = [Layout::Flat, Layout::Keyed];
const RUNNING: [&str; 2] =
    ["ConfigureWorkflowCompleted False PipelinesInProgress", "Reconciled Unknown WorkflowPending"];

fn started(plan: &Plan) -> Vec<usize> {
    let of = |action: &Action| match action {
        Action::Start { of, .. } => Some(of.index),
        _ => None,
    };
    plan.actions.iter().filter_map(of).collect()
}

/// Runs everything to its end, at most so many passes.
fn settle(scene: &mut Scene) {
    for _ in 0..20 {
        if scene.running().is_some() {
            scene.finish(JobState::Complete);
        }
        let plan = scene.pass();
        if plan.actions.is_empty() && scene.running().is_none() {
            return;
        }
    }
    panic!("it does not settle: {:?}", scene.says());
}

/// Recorded as two-pipelines.
#[test]
fn pipelines_run_one_after_the_other() {
    for layout in LAYOUTS {
        let mut scene = Scene::new(&["one", "two"], &[], layout);
        assert_eq!(started(&scene.pass()), [0]);
        let (phases, conditions) = scene.says();
        assert_eq!(phases, ["one Running", "two Pending"]);
        assert_eq!(conditions, RUNNING);
        assert_eq!(scene.plan().actions, [], "it waits");
        scene.finish(JobState::Complete);
        assert_eq!(started(&scene.pass()), [1]);
        let (phases, conditions) = scene.says();
        assert_eq!(phases, ["one Succeeded", "two Running"]);
        assert_eq!(conditions, RUNNING);
        scene.finish(JobState::Complete);
        assert_eq!(scene.pass().state, State::Settled);
        let (phases, conditions) = scene.says();
        assert_eq!(phases, ["one Succeeded", "two Succeeded"]);
        assert_eq!(
            conditions,
            [
                "ConfigureWorkflowCompleted True PipelinesExecutedSuccessfully",
                "Reconciled True Reconciled",
                "WorksSucceeded True WorksSucceeded",
            ]
        );
        let status = scene.object.status().unwrap();
        assert_eq!(status["message"], "Resource requested");
        assert_eq!(status["observedGeneration"], 1);
        let has_counters = layout == Layout::Flat;
        assert_eq!(status.get("workflowsSucceeded").is_some(), has_counters);
        assert_eq!(scene.told, ["PipelineStarted", "PipelineStarted", "ReconcileSucceeded"]);
        assert_eq!(scene.plan().actions, [], "settled means that nothing is done");
    }
}

/// 7 calls of our own for a request with one pipeline: metadata, status, Job, status, event; status, event.
#[test]
fn a_request_with_one_pipeline_costs_seven_calls() {
    let mut scene = Scene::new(&["one"], &[], Layout::Keyed);
    settle(&mut scene);
    let grants = 1;
    assert_eq!(scene.actions - grants, 7);
}

/// Recorded as first-pipeline-fails.
#[test]
fn a_failure_halts_and_a_changed_spec_starts_again() {
    for layout in LAYOUTS {
        let mut scene = Scene::new(&["one", "two"], &[], layout);
        scene.pass();
        scene.finish(JobState::Failed);
        let plan = scene.pass();
        assert_eq!(plan.state, State::Failed);
        assert!(plan.wake_at.is_some(), "it is tried again after the interval");
        let (phases, conditions) = scene.says();
        assert_eq!(phases, ["one Failed", "two Pending"]);
        assert_eq!(
            conditions,
            [
                "ConfigureWorkflowCompleted False ConfigureWorkflowFailed",
                "Reconciled False ConfigureWorkflowFailed",
            ]
        );
        assert_eq!(scene.told, ["PipelineStarted", "ConfigureWorkflowFailed"]);
        assert_eq!(scene.plan().actions, [], "told once");
        scene.config.reconcile_after_failure = false;
        assert_eq!(scene.plan().wake_at, None);
        scene.edit(1);
        assert_eq!(started(&scene.pass()), [0]);
        assert_eq!(scene.says().0, ["one Running", "two Pending"]);
    }
}

/// Recorded as manual-when-idle and manual-while-running.
#[test]
fn the_manual_label_stops_what_runs_and_starts_again() {
    for layout in LAYOUTS {
        let mut scene = Scene::new(&["one", "two"], &[], layout);
        scene.pass();
        scene.finish(JobState::Complete);
        scene.pass();
        scene.set(labels::MANUAL_RECONCILIATION);
        let plan = scene.pass();
        assert!(plan.actions.iter().any(|action| matches!(action, Action::Stop { .. })));
        assert_eq!(started(&plan), [0; 0]);
        assert!(scene.has(labels::MANUAL_RECONCILIATION), "until the new Job is there");
        assert_eq!(scene.plan().actions, [], "it stops");
        scene.finish(JobState::Stopped);
        let plan = scene.pass();
        assert_eq!(started(&plan), [0]);
        let place = |is: fn(&Action) -> bool| plan.actions.iter().position(is).unwrap();
        let start = place(|action| matches!(action, Action::Start { .. }));
        assert!(place(|action| matches!(action, Action::Metadata(_))) > start);
        assert!(!scene.has(labels::MANUAL_RECONCILIATION));
        settle(&mut scene);
        scene.set(labels::MANUAL_RECONCILIATION);
        assert_eq!(started(&scene.pass()), [0], "when idle too");
    }
}

/// Recorded as spec-update-while-running.
#[test]
fn a_spec_that_changes_meanwhile_waits_for_the_job_that_runs() {
    for layout in LAYOUTS {
        let mut scene = Scene::new(&["one", "two"], &[], layout);
        scene.pass();
        scene.edit(1);
        assert_eq!(scene.pass().actions, []);
        scene.finish(JobState::Complete);
        assert_eq!(started(&scene.pass()), [0]);
        scene.label("colour", Some("red"));
        assert_eq!(scene.plan().actions, [], "labels change nothing");
    }
}

/// Recorded as suspend-then-manual.
#[test]
fn a_workflow_that_waits_goes_on_when_its_label_goes() {
    for layout in LAYOUTS {
        let mut scene = Scene::new(&["one", "two"], &[], layout);
        scene.pass();
        scene.finish(JobState::Complete);
        scene.pass();
        scene.suspend("waiting for approval", None);
        assert_eq!(scene.pass().state, State::Suspended);
        let (phases, conditions) = scene.says();
        assert_eq!(phases, ["one Succeeded", "two Suspended"]);
        assert_eq!(conditions[1], "Reconciled Unknown WorkflowSuspended");
        assert_eq!(scene.plan().actions, []);
        scene.label(labels::WORKFLOW_SUSPENDED, None);
        assert_eq!(started(&scene.pass()), [1]);
        scene.suspend("again", None);
        scene.pass();
        scene.set(labels::MANUAL_RECONCILIATION);
        assert_eq!(started(&scene.pass()), [0]);
        assert!(!scene.has(labels::WORKFLOW_SUSPENDED));
        assert_eq!(scene.says().0, ["one Running", "two Pending"]);
    }
}

/// Recorded as retry-resource.
#[test]
fn a_retry_comes_at_its_time_and_counts() {
    for layout in LAYOUTS {
        let mut scene = Scene::new(&["one"], &[], layout);
        for attempts in 1..4 {
            scene.pass();
            scene.suspend("not yet", Some(60));
            let plan = scene.pass();
            assert_eq!(plan.state, State::Suspended);
            let status = scene.object.status().unwrap().to_string();
            assert!(status.contains(&format!("\"attempts\":{attempts}")), "{status}");
            scene.now = plan.wake_at.unwrap();
        }
        assert_eq!(started(&scene.pass()), [0]);
        assert!(!scene.has(labels::WORKFLOW_SUSPENDED));
    }
}

#[test]
fn a_deletion_runs_its_pipeline_once_and_cleans_up() {
    for layout in LAYOUTS {
        let mut scene = Scene::new(&["one"], &["gone", "never"], layout);
        settle(&mut scene);
        scene.delete();
        assert_eq!(started(&scene.pass()), [0]);
        assert_eq!(scene.told.last(), Some(&"PipelineStarted"));
        scene.edit(5);
        assert_eq!(scene.plan().actions, [], "a changed spec does not run it again");
        scene.finish(JobState::Complete);
        let plan = scene.pass();
        assert_eq!(plan.state, State::Waiting);
        assert!(scene.jobs.is_empty());
        let plan = scene.pass();
        assert_eq!(plan.state, State::Gone);
        assert!(matches!(plan.actions[0], Action::NoneLeft { .. }), "Works that no cache knows");
        let Action::NoneLeft { labels, .. } = &plan.actions[1] else { panic!("{plan:?}") };
        for own in [(labels::MANAGED_BY, "Kratix"), (labels::WORKFLOW_TYPE, "resource")] {
            assert!(labels.contains(&(own.0, own.1.to_owned())), "a Job of ours: {labels:?}");
        }
        assert_eq!(
            scene.object.at(&["metadata", "finalizers"]).unwrap().as_array().unwrap().len(),
            0
        );
        assert_eq!(scene.plan().state, State::Gone);
    }
}

/// Recorded as delete-workflow-fails and delete-while-running.
#[test]
fn a_deletion_waits_for_what_runs_and_halts_when_it_fails() {
    for layout in LAYOUTS {
        let mut scene = Scene::new(&["one"], &["gone"], layout);
        scene.pass();
        scene.delete();
        assert_eq!(scene.pass().actions, [], "the configure Job is awaited");
        scene.finish(JobState::Complete);
        assert_eq!(started(&scene.pass()), [0]);
        scene.finish(JobState::Failed);
        assert_eq!(scene.pass().state, State::Failed);
        assert!(
            scene.says().1.contains(&"DeleteWorkflowCompleted False DeleteWorkflowFailed".into())
        );
        assert_eq!(scene.told.last(), Some(&"Failed Pipeline"));
        assert_eq!(scene.plan().actions, []);
        scene.set(labels::MANUAL_RECONCILIATION);
        assert_eq!(started(&scene.pass()), [0], "again only when somebody asks");
    }
}

/// Recorded as interval and config-reconcile-after-failure.
#[test]
fn a_workflow_runs_again_after_its_interval() {
    let mut scene = Scene::new(&["one"], &[], Layout::Keyed);
    settle(&mut scene);
    let due = scene.plan().wake_at.unwrap();
    let waits = due.duration_since(scene.now);
    assert!(waits > SignedDuration::from_mins(599) && waits < SignedDuration::from_mins(661));
    scene.now = due;
    assert_eq!(started(&scene.pass()), [0]);
}

#[test]
fn a_paused_request_says_when_its_deletion_waits() {
    let mut scene = Scene::new(&["one"], &["gone"], Layout::Keyed);
    settle(&mut scene);
    scene.set(labels::PAUSED);
    scene.pass();
    scene.told.clear();
    scene.delete();
    assert_eq!(scene.pass().state, State::Paused);
    assert_eq!(scene.told, ["PausedReconciliation"]);
    let conditions = scene.object.status().unwrap()["conditions"].to_string();
    assert!(conditions.contains("Paused: it goes when"), "{conditions}");
    assert_eq!(scene.plan().actions, [], "it is said once");
}

#[test]
fn a_paused_request_is_left_alone_and_then_runs_from_the_start() {
    let mut scene = Scene::new(&["one", "two"], &[], Layout::Keyed);
    settle(&mut scene);
    scene.set(labels::PAUSED);
    scene.edit(7);
    assert_eq!(scene.pass().state, State::Paused);
    assert_eq!(scene.told.last(), Some(&"PausedReconciliation"));
    assert_eq!(scene.plan().actions, []);
    scene.edit(0);
    scene.label(labels::PAUSED, None);
    assert_eq!(started(&scene.pass()), [0]);
}

#[test]
fn only_a_start_from_the_first_pipeline_waits_for_its_turn() {
    let mut scene = Scene::new(&["one", "two"], &["gone"], Layout::Keyed);
    scene.may_start = false;
    assert_eq!((scene.plan().state, scene.plan().actions), (State::Queued, vec![]));
    scene.may_start = true;
    scene.pass();
    scene.may_start = false;
    scene.finish(JobState::Complete);
    assert_eq!(started(&scene.pass()), [1]);
    scene.delete();
    scene.finish(JobState::Complete);
    assert_eq!(started(&scene.pass()), [0], "a deletion does not wait");
}

/// Recorded as required-missing.
#[test]
fn a_promise_that_is_not_available_holds_its_requests_and_says_so() {
    let mut scene = Scene::new(&["one"], &[], Layout::Flat);
    scene.available = false;
    assert_eq!(scene.pass().state, State::Waiting);
    assert_eq!(scene.says().1, ["PromiseAvailable False PromiseRequirementsNotInstalled"]);
    assert_eq!(scene.object.status().unwrap()["message"], "Pending");
    assert_eq!(scene.object.at(&["metadata", "finalizers"]), None);
    assert_eq!(scene.plan().actions, []);
    scene.available = true;
    assert_eq!(started(&scene.pass()), [0]);
    assert!(scene.says().1.contains(&"PromiseAvailable True PromiseAvailable".into()));
}

/// Recorded as no-workflows.
#[test]
fn a_promise_without_pipelines_settles_at_once() {
    let mut scene = Scene::new(&[], &[], Layout::Flat);
    assert_eq!(scene.pass().state, State::Settled);
    let status = scene.object.status().unwrap();
    assert_eq!(status["observedGeneration"], 1);
    assert_eq!(status["workflows"], 0);
    assert_eq!(status["kratix"]["workflows"]["pipelines"], serde_json::json!([]));
    assert_eq!(status.get("conditions"), None);
    assert_eq!(scene.plan().actions, []);
}

/// What Kratix has brought to its end stays as it is; what changes later runs again.
#[test]
fn a_request_of_kratix_is_taken_over_as_it_is() {
    for layout in LAYOUTS {
        let mut scene = Scene::new(&["one"], &[], layout);
        let time = scene.now.to_string();
        let status = serde_json::json!({
            "observedGeneration": 1, "message": "ready: db-1", "workflows": 1,
            "conditions": [{
                "type": "ConfigureWorkflowCompleted", "status": "True", "message": "Pipelines completed",
                "reason": "PipelinesExecutedSuccessfully", "lastTransitionTime": time,
            }],
            "kratix": {"workflows": {"pipelines": [{"name": "one", "phase": "Succeeded"}]}},
        });
        scene.object.0.insert("status".into(), status);
        let plan = scene.pass();
        assert_eq!((started(&plan), plan.state), (vec![], State::Settled));
        assert_eq!(scene.object.status().unwrap()["message"], "ready: db-1");
        assert_eq!(scene.plan().actions, []);
        scene.promise = super::world::promise(&["one", "two"], &[], false);
        assert_eq!(started(&scene.pass()), [0], "the Promise has changed");
    }
}

#[test]
fn a_job_that_is_gone_is_looked_for_and_run_again_under_a_new_number() {
    let mut scene = Scene::new(&["one"], &[], Layout::Keyed);
    scene.pass();
    scene.jobs.clear();
    let plan = scene.plan();
    assert!(matches!(plan.actions[..], [Action::Look { .. }]), "a cache may be behind");
    scene.pass();
    assert_eq!(started(&scene.pass()), [0]);
    assert_eq!(scene.jobs[0].run, Some(2));
}
