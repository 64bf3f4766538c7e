//! What somebody on call sees of a failed pod, with nothing but kubectl.

use serde_json::Value;

use super::kit::{Recipe, kubectl, once, stage, together, words};

/// The part of a description that is about one container.
fn part<'a>(description: &'a str, container: &str) -> &'a str {
    let start = description.find(&format!("\n  {container}:\n")).unwrap();
    let rest = &description[start + 1..];
    // The next line that is indented as little as the container's name.
    let end = rest.match_indices("\n").map(|(at, _)| at).skip(1).find(|at| {
        let line = &rest[at + 1..];
        !line.starts_with("    ") && !line.starts_with('\n')
    });
    &rest[..end.unwrap_or(rest.len())]
}

#[test]
#[ignore = "needs a node: tests/cluster/run --node"]
fn the_description_of_a_pod_holds_what_a_failed_step_said() {
    let _others = together();
    let script = "echo 'kratix: {workflows: {}}' >/kratix/metadata/status.yaml";
    let flow = Recipe {
        name: "describe-step",
        pipelines: vec![vec![stage("one", script)]],
        pipeline_spec: once(),
        ..Recipe::default()
    };
    let run = flow.set_up().run(1).failed();
    let end = run.end_of("status-writer");
    assert_eq!(end["exitCode"], 3);
    let message = end["message"].as_str().unwrap();
    let description = run.describe();
    let expected = format!("Reason: Error Message: {} Exit Code: 3", words(message));
    assert!(words(&description).contains(&expected), "{description}");
}

/// A stage says what it says in its log; which one failed, and how, stands in the pod. The object stays readable.
#[test]
#[ignore = "needs a node: tests/cluster/run --node"]
fn a_failed_stage_is_named_by_the_pod_and_leaves_the_object_as_it_was() {
    let _others = together();
    let flow = Recipe {
        name: "describe-stage",
        pipelines: vec![vec![
            stage("fine", "echo 'a: 1' >/kratix/output/a.yaml"),
            stage("broken", "echo 'no such database' >&2; exit 7"),
        ]],
        pipeline_spec: once(),
        ..Recipe::default()
    };
    let flow = flow.set_up();
    let before = flow.object();
    let run = flow.run(1).failed();
    let ends: Vec<_> = ["reader", "fine", "broken"].iter().map(|name| run.end_of(name)).collect();
    let codes: Vec<_> = ends.iter().map(|end| end["exitCode"].clone()).collect();
    assert_eq!(codes, [0, 0, 7]);
    for later in ["work-writer", "status-writer"] {
        assert_eq!(run.end_of(later), Value::Null, "{later} does not run");
    }
    assert_eq!(run.log("broken"), "no such database\n");
    assert_eq!(flow.object(), before);
    assert_eq!(flow.works(), Vec::<Value>::new());

    let description = run.describe();
    println!("{}", part(&description, "broken"));
    assert!(part(&description, "broken").contains("Exit Code:    7"), "{description}");
    let namespace = ["-n", "describe-stage"];
    let pods = kubectl(&[["get", "pods"], namespace].concat());
    println!("{pods}");
    assert!(pods.contains("Init:Error"), "{pods}");
    let object = kubectl(&[["get", "widgets"], namespace].concat());
    assert!(object.contains("sample"), "{object}");
}
