//! A Promise from its first day to its changes: conditions, events, and no action once it has settled.

use serde_json::json;

use super::super::*;
use super::kit::*;
use crate::contract::kinds;
use crate::core::workflow::JobState;

const AVAILABLE_TEXT: &str = "True/PromiseAvailable: Ready to fulfil resource requests";
const UNAVAILABLE_TEXT: &str = "False/PromiseUnavailable: Cannot fulfil resource requests";

#[test]
fn a_promise_with_an_api_settles_with_the_recorded_status() {
    let mut world = World::of(with_api());
    assert_eq!(world.settle().0, State::Settled);
    assert_eq!(world.condition("Available"), AVAILABLE_TEXT);
    assert_eq!(
        world.condition("WorksSucceeded"),
        "True/WorksSucceeded: All works associated with this promise are ready"
    );
    let mut status = world.status().clone();
    status.remove("conditions");
    let summary = json!({"kind": "Db", "apiVersion": "example.com/v1", "status": "Available", "lastAvailableTime": "1970-01-01T00:01:42Z"});
    let mut expected = summary.clone();
    expected["kratix"] = summary;
    expected["observedGeneration"] = 1.into();
    assert_eq!(Value::Object(status), expected);
    assert_eq!(
        world.finalizers(),
        [
            finalizers::RESOURCE_REQUEST_CLEANUP,
            finalizers::DEPENDANTS_CLEANUP,
            finalizers::API_CRD_CLEANUP,
            finalizers::DEPENDENCIES_CLEANUP,
            finalizers::WORKFLOWS_CLEANUP,
        ]
    );
    let kinds: Vec<_> = world.rights.iter().map(|one| (one.kind(), one.name())).collect();
    let name = "db-promise-controller";
    assert_eq!(kinds, [("ClusterRole", name), ("ClusterRoleBinding", name)]);
    assert_eq!(
        world.told,
        [
            "Available: Promise is available",
            "WorksSucceeded: All works associated with this promise are ready",
        ]
    );
}

#[test]
fn rights_and_crds_that_somebody_changed_are_mended() {
    let mut world = World::of(with_api());
    world.settle();
    world.rights[0].0.insert("rules".into(), json!([]));
    world.rights[1].0.insert("roleRef".into(), json!({"name": "other"}));
    let mut crd = world.crds[0].clone().into_value();
    crd["spec"]["versions"][0]["served"] = false.into();
    world.crds[0] = Object::from_value(crd).unwrap();
    // CRD, role, binding away and back.
    assert_eq!(world.settle(), (State::Settled, 4));
    assert_eq!(world.condition("Available"), AVAILABLE_TEXT);
}

#[test]
fn it_waits_until_its_api_is_served() {
    let mut world = World::of(with_api());
    world.establishes = false;
    assert_eq!(world.settle().0, State::Waiting);
    assert_eq!(world.condition("Available"), UNAVAILABLE_TEXT);
    world.crds[0].0.insert(
        "status".into(),
        json!({"conditions": [{"type": "NamesAccepted", "status": "False", "message": "taken"}]}),
    );
    assert_eq!(world.settle().0, State::Failed);
    assert!(
        world
            .condition("Available")
            .starts_with("False/ApiChangeRefused: the API server refuses the names")
    );
    world.crds.clear();
    world.establishes = true;
    assert_eq!(world.settle().0, State::Settled);
    assert_eq!(world.condition("Reconciled"), "True/Reconciled: Reconciled");
}

#[test]
fn an_invalid_promise_says_why_once_and_heals() {
    let mut world = World::of(with_api());
    world.settle();
    world.told.clear();
    let mut bad = with_api();
    bad["workflows"] = json!({"resource": {"configure": [{"kind": "Pipeline", "apiVersion": kinds::PROMISE.api_version(), "metadata": {"name": "a"}, "spec": {"containerz": []}}]}});
    world.set_spec(bad);
    assert_eq!(world.settle(), (State::Failed, 2), "status and event");
    let text = world.condition("Available");
    assert!(text.starts_with("False/PromiseInvalid: failed to read the pipeline"), "{text}");
    assert!(text.contains("containerz") && text.contains("containers"), "{text}");
    assert_eq!(world.status()["status"], "Unavailable");
    assert_eq!(world.told.len(), 1);
    world.set_spec(with_api());
    assert_eq!(world.settle().0, State::Settled);
    assert_eq!(world.condition("Available"), AVAILABLE_TEXT);
    assert_eq!(world.condition("Reconciled"), "True/Reconciled: Reconciled");
    assert_eq!(world.status()["observedGeneration"], 3);
}

#[test]
fn a_finding_stops_it_with_path_and_message() {
    let mut world = World::of(json!({"workflows": {"resource": {"configure": [a_pipeline("a")]}}}));
    assert_eq!(world.settle().0, State::Failed);
    let text = world.condition("Reconciled");
    assert!(
        text.starts_with("False/PromiseInvalid: `spec.workflows.resource.configure`"),
        "{text}"
    );
    assert!(world.finalizers().is_empty(), "nothing was made, so it may go at once");
}

#[test]
fn a_change_of_the_api_that_loses_requests_is_refused() {
    let mut world = World::of(with_api());
    world.settle();
    let mut renamed = with_api();
    renamed["api"]["metadata"]["name"] = "stores.Example.com".into();
    renamed["api"]["spec"]["names"]["plural"] = "stores".into();
    for (spec, expected) in
        [(json!({}), "`spec.api` is gone"), (renamed, "`spec.api` is now `stores.Example.com`")]
    {
        world.set_spec(spec);
        assert_eq!(world.settle().0, State::Failed);
        let text = world.condition("Available");
        assert!(text.starts_with(&format!("False/ApiChangeRefused: {expected}")), "{text}");
        assert_eq!(world.crds.len(), 1);
    }
    // Somebody else's CRD with our label is no API of ours.
    let mut copied = World::of(json!({}));
    copied.crds.push(world.crds[0].clone());
    assert_eq!(copied.settle().0, State::Settled);
}

#[test]
fn requirements_are_told_once_and_do_not_flap() {
    let mut spec = with_api();
    spec["requiredPromises"] = json!([{"name": "base", "version": "v1"}, {"name": "net"}]);
    let mut world = World::of(spec);
    let state = |world: &World| world.status()["requiredPromises"][0]["state"].clone();
    assert_eq!(world.settle().0, State::Waiting);
    assert_eq!(world.condition("Available"), UNAVAILABLE_TEXT);
    assert_eq!(
        world.condition("RequirementsFulfilled"),
        "False/RequirementsNotInstalled: Requirements not fulfilled"
    );
    assert_eq!(world.condition("Reconciled"), "Unknown/RequirementsNotFulfilled: Pending");
    assert_eq!(state(&world), "Requirement not installed");
    assert_eq!(
        world.told,
        [
            "RequirementsNotInstalled: Required Promise base not installed or unknown state",
            "WorksSucceeded: All works associated with this promise are ready"
        ]
    );
    world.told.clear();
    world.others = vec![other("base", "v2"), other("net", "")];
    assert_eq!(world.settle().0, State::Waiting);
    assert_eq!(state(&world), "Requirement not installed at the specified version");
    assert!(world.told.is_empty(), "nothing new for people");
    world.others =
        vec![OtherPromise { is_available: false, ..other("base", "v1") }, other("net", "")];
    assert_eq!(world.settle().0, State::Waiting);
    assert_eq!(state(&world), "Requirement not available");
    assert_eq!(world.told, ["RequirementsNotAvailable: Required Promise base not available"]);
    world.told.clear();
    world.others[0].is_available = true;
    assert_eq!(world.settle().0, State::Settled);
    assert_eq!(world.condition("Available"), AVAILABLE_TEXT);
    assert_eq!(
        world.condition("RequirementsFulfilled"),
        "True/RequirementsInstalled: Requirements fulfilled"
    );
    assert_eq!(
        world.told,
        [
            "RequirementsFulfilled: All required promises are available",
            "Available: Promise is available",
            "ReconcileSucceeded: Successfully reconciled",
        ]
    );
    // Its workflow runs again, and its version moves on: nothing changes here.
    for change in [
        OtherPromise { is_available: false, is_busy: true, ..other("base", "v1") },
        other("base", "v2"),
    ] {
        world.others[0] = change;
        assert_eq!(world.settle(), (State::Settled, 0));
    }
    world.others[0] = OtherPromise { is_going: true, ..other("base", "v1") };
    assert_eq!(world.settle().0, State::Waiting);
    assert_eq!(world.condition("Available"), UNAVAILABLE_TEXT);
}

#[test]
fn it_says_who_requires_it() {
    let mut world = World::of(json!({}));
    world.others = vec![
        OtherPromise {
            requires: vec![requires("db", "v1"), requires("net", "")],
            ..other("app", "v7")
        },
        OtherPromise { requires: vec![requires("db", "")], ..other("aaa", "") },
        other("net", ""),
    ];
    world.settle();
    assert_eq!(
        world.status()["requiredBy"],
        json!([
            {"promise": {"name": "aaa"}},
            {"promise": {"name": "app", "version": "v7"}, "requiredVersion": "v1"},
        ])
    );
    world.others.clear();
    assert_eq!(world.settle(), (State::Settled, 1));
    assert_eq!(world.status().get("requiredBy"), None);
}

#[test]
fn the_work_of_dependencies_is_written_when_its_content_changes() {
    let mut world = World::of(json!({
        "dependencies": [{"kind": "A"}, {"kind": "B"}],
        "destinationSelectors": [{"matchLabels": {"a": "1"}}, {"matchLabels": {"a": "2", "b": "2"}}],
    }));
    assert_eq!(world.settle().0, State::Settled);
    let [work] = &world.static_works[..] else { panic!("one Work") };
    assert!(work.name().starts_with("db-static-deps-"));
    assert_eq!(work.namespace(), Some("kratix-platform-system"));
    assert_eq!(work.label(labels::WORK_TYPE), Some(labels::STATIC_DEPENDENCY));
    let spec = work.spec().unwrap();
    let group = &spec["workloadGroups"][0];
    assert_eq!(spec["promiseName"], "db");
    assert_eq!(group["id"], "5058f1af8388633f609cadb75a75dc9d");
    assert_eq!(
        group["destinationSelectors"],
        json!([{"matchLabels": {"a": "1", "b": "2"}, "source": "promise"}])
    );
    assert_eq!(group["workloads"][0]["filepath"], "static/db-dependencies.yaml");
    let content = group["workloads"][0]["content"].as_str().unwrap();
    let content = crate::core::work_view::unpack(content, 1000).unwrap();
    assert_eq!(String::from_utf8(content).unwrap(), "{\"kind\":\"A\"}\n---\n{\"kind\":\"B\"}\n");
    // An edit by hand is undone, under the name that it has.
    let mut edited = work.clone().into_value();
    edited["spec"]["promiseName"] = "x".into();
    edited["metadata"]["name"] = "db-static-deps-abcde".into();
    world.static_works = vec![Object::from_value(edited).unwrap()];
    assert_eq!(world.settle(), (State::Settled, 1));
    assert_eq!(world.static_works[0].name(), "db-static-deps-abcde");
    assert_eq!(world.static_works[0].spec().unwrap()["promiseName"], "db");
    // What somebody has added is theirs: applying ours would not take it away.
    let mut added = world.static_works[0].clone().into_value();
    added["spec"]["resourceName"] = "x".into();
    world.static_works = vec![Object::from_value(added).unwrap()];
    assert_eq!(world.settle(), (State::Settled, 0));
    world.set_spec(json!({}));
    world.settle();
    assert!(world.static_works.is_empty());
}

#[test]
fn pausing_stops_everything_and_is_said_once() {
    let mut world = World::of(with_api());
    world.settle();
    world.told.clear();
    world.object.set_label(labels::PAUSED, "true");
    assert_eq!(world.settle().0, State::Paused);
    assert_eq!(world.condition("Available"), "False/PausedReconciliation: Paused");
    assert_eq!(world.condition("Reconciled"), "Unknown/PausedReconciliation: Paused");
    assert_eq!(
        world.told.iter().filter(|told| told.starts_with("PausedReconciliation")).count(),
        1
    );
    world.delete();
    assert_eq!(world.settle().0, State::Paused);
    assert!(world.condition("Reconciled").contains("it goes when the label"));
    world.object.metadata_mut().remove("deletionTimestamp");
    world.settle();
    world.object.set_label(labels::PAUSED, "false");
    assert_eq!(world.settle().0, State::Settled);
    assert_eq!(world.condition("Available"), AVAILABLE_TEXT);
    assert_eq!(world.condition("Reconciled"), "True/Reconciled: Reconciled");
}

#[test]
fn the_label_makes_all_requests_run_again_once() {
    let mut world = World::of(with_api());
    world.settle();
    world.told.clear();
    world.object.set_label(labels::RECONCILE_RESOURCES, "true");
    assert_eq!(world.settle(), (State::Settled, 3), "status, event, label");
    assert_eq!(resources_run(&world.object), 1);
    assert_eq!(world.object.label(labels::RECONCILE_RESOURCES), None);
    assert_eq!(world.told, ["ReconcilingResources: Reconciling all resource requests"]);
    assert_eq!(world.condition("Available"), AVAILABLE_TEXT);
}

#[test]
fn works_decide_how_it_stands_as_a_whole() {
    let mut world = World::of(json!({"workflows": {"promise": {"configure": [a_pipeline("a")]}}}));
    let work = |name: &str, ready: &str| crate::core::workflow::WorkSeen {
        name: name.into(),
        namespace: kinds::SYSTEM_NAMESPACE.into(),
        uid: String::new(),
        work_type: "promise".into(),
        pipeline: "a".into(),
        ready: ready.into(),
        is_going: false,
    };
    for (works, expected, whole) in [
        (
            vec![],
            "True/WorksSucceeded: All works associated with this promise are ready",
            "True/Reconciled: Reconciled",
        ),
        (
            vec![work("w", "Failing"), work("v", "")],
            "False/WorksFailing: Some works associated with this promise failed: [w]",
            "False/WorksFailing: Failing",
        ),
        (
            vec![work("w", "Misplaced"), work("v", ""), work("u", "Pending")],
            "Unknown/WorksPending: Some works associated with this promise are not ready: [u v]",
            "Unknown/WorksPending: Pending",
        ),
        (
            vec![work("w", "Misplaced"), work("v", "Ready")],
            "False/WorksMisplaced: Some works associated with this promise are misplaced: [w]",
            "False/WorksFailing: Failing",
        ),
    ] {
        world.works = works;
        world.settle();
        if world.runs() == (1, true) {
            world.end(JobState::Complete);
            world.settle();
        }
        assert_eq!(world.condition("WorksSucceeded"), expected);
        assert_eq!(world.condition("Reconciled"), whole);
        assert_eq!(world.settle().1, 0);
    }
}
