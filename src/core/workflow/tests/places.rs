//! Namespaces that go while something is to run in them, and Works in namespaces of before.

use super::scene::Scene;
use crate::core::promise::WorkflowType;
use crate::core::workflow::{Action, JobState, Layout, Plan, State, WorkSeen, trouble};

fn starts(plan: &Plan) -> bool {
    plan.actions.iter().any(|action| matches!(action, Action::Start { .. }))
}

/// Carries out what stands in a plan before its Job, which is refused with these words.
fn refuse(scene: &mut Scene, words: &str) {
    for action in scene.plan().actions {
        match action {
            Action::Start { .. } => break,
            Action::Status(status) => {
                scene.object.0.insert("status".into(), status.into());
            }
            _ => {}
        }
    }
    tell(scene, words);
}

fn tell(scene: &mut Scene, words: &str) {
    let status = scene.object.status().and_then(|status| status.as_object()).unwrap();
    let (status, _) = trouble(WorkflowType::Resource, status, words, scene.now).unwrap();
    scene.object.0.insert("status".into(), status.into());
}

/// A request that is done, and then deleted.
fn deleted(layout: Layout) -> Scene {
    let mut scene = Scene::new(&["one"], &["gone"], layout);
    scene.pass();
    scene.finish(JobState::Complete);
    scene.pass();
    scene.delete();
    scene
}

#[test]
fn a_delete_workflow_is_skipped_when_its_namespace_goes() {
    let going = "unable to create new content in namespace team because it is being terminated";
    let gone = "jobs.batch team/j not found: namespaces \"team\" not found";
    for (layout, words) in [(Layout::Flat, going), (Layout::Keyed, going), (Layout::Keyed, gone)] {
        let mut scene = deleted(layout);
        refuse(&mut scene, words);
        let plan = scene.pass();
        assert!(!starts(&plan), "{plan:?}");
        assert_eq!(scene.told.last(), Some(&"NamespaceTerminating"));
        let skipped = "DeleteWorkflowCompleted False NamespaceTerminating".to_owned();
        assert!(scene.says().1.contains(&skipped), "{:?}", scene.says());
        // Something else goes wrong on the way.
        tell(&mut scene, "no answer");
        assert_eq!(scene.pass().state, State::Gone);
        let told = scene.told.iter().filter(|told| **told == "NamespaceTerminating");
        assert_eq!(told.count(), 1);
    }
}

#[test]
fn a_delete_workflow_is_not_skipped_for_another_reason() {
    let other = "unable to create new content in namespace team2 because it is being terminated";
    for words in [other, "exceeded quota", "namespaces \"other\" not found"] {
        let mut scene = deleted(Layout::Keyed);
        refuse(&mut scene, words);
        assert!(starts(&scene.pass()), "{words}");
    }
    // What the status says may be old: its Job runs.
    let mut scene = deleted(Layout::Keyed);
    scene.pass();
    tell(&mut scene, "namespaces \"team\" not found");
    let plan = scene.pass();
    assert_eq!((plan.actions, plan.state), (vec![], State::Running));
}

#[test]
fn works_of_before_the_namespace_changed_go() {
    let mut scene = Scene::new(&["one"], &[], Layout::Keyed);
    let work = |name: &str, namespace: &str| WorkSeen {
        name: name.into(),
        namespace: namespace.into(),
        uid: name.into(),
        work_type: "resource".into(),
        pipeline: "one".into(),
        ready: "Ready".into(),
        is_going: false,
    };
    scene.works = vec![work("old", "jobs"), work("new", "team")];
    let names = |scene: &Scene| scene.works.iter().map(|one| one.name.clone()).collect::<Vec<_>>();
    scene.pass();
    assert_eq!(names(&scene), ["old", "new"], "what is to replace it is not there yet");
    scene.finish(JobState::Complete);
    scene.pass();
    assert_eq!(names(&scene), ["new"]);
}
