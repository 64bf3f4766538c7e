//! The four workflows, each a Job as Kratix makes it, with exactly the rights that Kratix gives.

use bookend::contract::labels;

use serde_json::Value;

use super::kit::{Finished, Recipe, stage, together};

/// Two stages: the first takes the object, the second adds to what the first left.
fn two_stages() -> Vec<Value> {
    vec![
        stage(
            "first",
            "grep -q '^kind: ' /kratix/input/object.yaml; echo 'a: 1' >/kratix/output/a.yaml",
        ),
        stage(
            "second",
            "mkdir /kratix/output/sub; cp /kratix/output/a.yaml /kratix/output/sub/b.yaml; \
             echo 'seen: by the second' >/kratix/metadata/status.yaml",
        ),
    ]
}

fn names(run: &Finished) -> Vec<String> {
    run.containers().iter().map(|status| status["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
#[ignore = "needs a node: tests/cluster/run --node"]
fn a_resource_is_configured() {
    let _others = together();
    let flow =
        Recipe { name: "configure-resource", pipelines: vec![two_stages()], ..Recipe::default() };
    let flow = flow.set_up();
    let run = flow.run("1").succeeded();
    assert_eq!(names(&run), ["reader", "first", "second", "work-writer", "status-writer"]);
    let works = flow.works();
    let [work] = works.as_slice() else { panic!("{works:?}") };
    assert_eq!(work["metadata"]["namespace"], "configure-resource");
    assert_eq!(work["metadata"]["labels"][labels::RESOURCE_NAME], "sample");
    let files = work["spec"]["workloadGroups"][0]["workloads"].as_array().unwrap();
    let files: Vec<_> = files.iter().map(|file| file["filepath"].as_str().unwrap()).collect();
    assert_eq!(files, ["a.yaml", "sub/b.yaml"]);
    let status = flow.object().0["status"].clone();
    assert_eq!(status["seen"], "by the second");
    assert_eq!(status["message"], "Resource requested");
}
