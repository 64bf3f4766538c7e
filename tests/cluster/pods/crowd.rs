//! Many Jobs at once: each at its own object, and all at the same one.

use bookend::contract::{Object, labels};
use serde_json::{Value, json};

use super::kit::{Finished, Recipe, Started, alone, stage};
use super::node::tell;

const OBJECTS: usize = 30;
const WRITERS: usize = 8;

/// Asks for so little that all pods fit on the node at once.
pub(super) fn small(mut job: Object) -> Object {
    let spec = &mut job.0["spec"]["template"]["spec"];
    for list in ["initContainers", "containers"] {
        for container in spec[list].as_array_mut().unwrap() {
            container["resources"]["requests"] = json!({ "cpu": "1m", "memory": "1Mi" });
        }
    }
    job
}

/// Waits for all of them and returns how many ran at once at the most, and how many containers were started again.
fn finish(started: Vec<Started>) -> (usize, i64) {
    let finished: Vec<_> = started.into_iter().map(|job| job.wait().succeeded()).collect();
    let time = |text: &Value| text.as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let spans: Vec<_> = finished
        .iter()
        .map(|run| {
            let ends =
                run.containers().into_iter().map(|status| status["state"]["terminated"].clone());
            let ends: Vec<_> = ends.collect();
            let first = ends.iter().map(|end| time(&end["startedAt"])).min().unwrap();
            (first, ends.iter().map(|end| time(&end["finishedAt"])).max().unwrap())
        })
        .collect();
    let at =
        |moment| spans.iter().filter(|(start, end)| *start <= moment && moment <= *end).count();
    let at_once = spans.iter().map(|(start, _)| at(*start)).max().unwrap();
    (at_once, finished.iter().map(restarts).sum())
}

fn restarts(run: &Finished) -> i64 {
    run.containers().iter().map(|status| status["restartCount"].as_i64().unwrap()).sum()
}

#[test]
#[ignore = "needs a node: tests/cluster/run --node"]
fn thirty_jobs_at_once_update_thirty_objects() {
    let _nobody = alone();
    let script = "sed -n 's/^  name: /name: /p' /kratix/input/object.yaml | head -n 1 >/kratix/metadata/status.yaml; \
                  cp /kratix/input/object.yaml /kratix/output/";
    let recipe = Recipe {
        name: "thirty",
        pipelines: vec![vec![stage("copy", script)]],
        ..Recipe::default()
    };
    let mut flow = recipe.set_up();
    let sample = flow.request.clone().unwrap();
    let collection = flow.object_path().rsplit_once('/').unwrap().0.to_owned();
    let requests: Vec<Object> = (0..OBJECTS)
        .map(|number| {
            let name = format!("object-{number}");
            let body = json!({
                "apiVersion": sample.api_version(), "kind": sample.kind(),
                "metadata": { "name": name }, "spec": { "size": number },
            });
            let mut stored = flow.api.must("POST", &collection, &body);
            stored["status"] = sample.0["status"].clone();
            let place = format!("{collection}/{name}/status");
            Object::from_value(flow.api.must("PUT", &place, &stored)).unwrap()
        })
        .collect();
    let jobs: Vec<_> = requests
        .iter()
        .map(|request| {
            flow.request = Some(request.clone());
            small(flow.job(0, 1))
        })
        .collect();
    let (at_once, restarts) = finish(jobs.into_iter().map(|job| flow.start(job)).collect());
    let mut lost = 0;
    for request in &requests {
        flow.request = Some(request.clone());
        let status = &flow.object().0["status"];
        lost += usize::from(
            status["name"] != request.name() || status["message"] != "Resource requested",
        );
    }
    let works = flow.works();
    let named = |request: &&Object| {
        let is_its =
            |work: &&Value| work["metadata"]["labels"][labels::RESOURCE_NAME] == request.name();
        works.iter().filter(is_its).count() == 1
    };
    let named = requests.iter().filter(named).count();
    tell(&format!(
        "{OBJECTS} Jobs on {OBJECTS} objects: {at_once} at once, {restarts} restarts, {lost} lost updates"
    ));
    assert_eq!((lost, works.len(), named), (0, OBJECTS, OBJECTS));
    assert!(at_once > OBJECTS / 2, "{at_once} at once");
}

#[test]
#[ignore = "needs a node: tests/cluster/run --node"]
fn eight_jobs_at_once_update_one_object() {
    let _nobody = alone();
    let pipelines = (0..WRITERS).map(|number| {
        let report = format!("echo 'key{number}: {number}' >/kratix/metadata/status.yaml");
        vec![stage("report", &format!("{report}; echo 'a: {number}' >/kratix/output/a.yaml"))]
    });
    let entries: Vec<_> = (0..WRITERS)
        .map(|number| json!({ "name": format!("pipe-{number}"), "phase": "Running" }))
        .collect();
    let recipe = Recipe {
        name: "eight",
        pipelines: pipelines.collect(),
        status: json!({ "kratix": { "workflows": { "pipelines": entries } } }),
        ..Recipe::default()
    };
    let flow = recipe.set_up();
    let jobs: Vec<_> = (0..WRITERS).map(|index| small(flow.job(index, 1))).collect();
    let (at_once, restarts) = finish(jobs.into_iter().map(|job| flow.start(job)).collect());
    let status = &flow.object().0["status"];
    let lost =
        (0..WRITERS).filter(|number| status[format!("key{number}")] != json!(number)).count();
    tell(&format!(
        "{WRITERS} Jobs on one object: {at_once} at once, {restarts} restarts, {lost} lost keys"
    ));
    assert_eq!(lost, 0, "{status}");
    assert_eq!(flow.works().len(), WRITERS);
    assert!(at_once > WRITERS / 2, "{at_once} at once: they hardly met");
}
