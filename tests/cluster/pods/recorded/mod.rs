//! Pods that Kratix made, with our image in the three places, under a real kubelet: what they leave is what the
//! original's containers left, by meaning.
//!
//! The recordings that are ours stand in `fixtures/recorded`. Where the whole of them stands beside the project, those
//! of other people's Promises are run too.

mod case;
mod meaning;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::thread;
use std::time::Instant;

use bookend::contract::pod::{container, volume as volumes};
use bookend::contract::{Object, kinds, labels};
use serde_json::{Value, json};

use super::kit::{STAGE_IMAGE, Started, path, together, wait_for};
use super::node::tell;
use crate::api::{Api, node};
use case::{Case, Pod, cases};

/// Pods at a time; more only wait for each other on two cores.
const AT_A_TIME: usize = 5;

/// Any of the three images can do all three steps, whatever its entry point.
const IMAGES: [&str; 3] = [
    "localhost/bookend-reader:dev",
    "localhost/bookend-writer:dev",
    "localhost/bookend-status:dev",
];

/// What is different on purpose: part of `case/step`, and why.
const RULINGS: &[(&str, &str)] = &[];

struct Line {
    title: String,
    differences: Vec<String>,
}

#[test]
#[ignore = "needs a node: tests/cluster/run --node"]
fn recorded_pods_leave_what_the_originals_containers_left() {
    let _others = together();
    let began = Instant::now();
    // Cases of the same Promise would meet in the cluster: they run one after the other.
    let mut groups: BTreeMap<String, Vec<Case>> = BTreeMap::new();
    for case in cases() {
        groups.entry(case.promise()).or_default().push(case);
    }
    // The last one is taken first: the longest, or the others would be done before it.
    let mut groups: Vec<_> = groups.into_values().collect();
    groups.sort_by_key(|group| group.iter().map(|case| case.pods.len()).sum::<usize>());
    let waiting = Mutex::new(groups);
    let lines = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                loop {
                    let Some(group) = waiting.lock().unwrap().pop() else { return };
                    for case in &group {
                        // The lock is taken when the pods are over, not around them.
                        let done: Vec<Line> =
                            case.pods.iter().map(|pod| run(node(), case, pod)).collect();
                        lines.lock().unwrap().extend(done);
                    }
                }
            });
        }
    });
    let mut lines = lines.into_inner().unwrap();
    lines.sort_by(|a: &Line, b: &Line| a.title.cmp(&b.title));
    report(&lines, began);
}

fn report(lines: &[Line], began: Instant) {
    let ruling = |line: &Line| RULINGS.iter().find(|(part, _)| line.title.contains(part));
    let mut wrong = Vec::new();
    let mut on_purpose = 0;
    for line in lines {
        let verdict = match (line.differences.is_empty(), ruling(line)) {
            (true, _) => "equal".to_owned(),
            (false, Some((_, why))) => {
                on_purpose += 1;
                format!("differs on purpose: {why}")
            }
            (false, None) => {
                wrong.push(format!("{}\n    {}", line.title, line.differences.join("\n    ")));
                "DIFFERS".to_owned()
            }
        };
        println!("{:<78} {verdict}", line.title);
    }
    tell(&format!(
        "{} recorded pods ran in {:.0} s: {} equal, {on_purpose} different on purpose, {} wrong",
        lines.len(),
        began.elapsed().as_secs_f64(),
        lines.len() - on_purpose - wrong.len(),
        wrong.len()
    ));
    assert!(!lines.is_empty(), "no recording was found");
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// Runs one pod and says how it went; what panics is a difference like any other, and stops nothing else.
fn run(api: &'static Api, case: &Case, pod: &Pod) -> Line {
    let began = Instant::now();
    let job = case.object(pod.job);
    let title = format!("{} {} {}", case.name, pod.step, job.label(labels::PIPELINE_NAME).unwrap());
    let turn = title.len();
    let differences = catch_unwind(AssertUnwindSafe(|| compare(api, case, pod, turn)));
    let differences = differences.unwrap_or_else(|_| vec!["panicked, see above".to_owned()]);
    // Shown only with --nocapture: who waits wants to see that it goes on.
    println!("{title}: {:.1} s {}", began.elapsed().as_secs_f64(), differences.join("\n    "));
    Line { title, differences }
}

/// Sets up the cluster as it was, runs the pod, and compares.
fn compare(api: &'static Api, case: &Case, pod: &Pod, turn: usize) -> Vec<String> {
    let job = case.object(pod.job);
    case.set_up(api, pod);
    let job = ours(&job, pod, turn);
    let jobs = path(&kinds::JOB, &job, false);
    api.must("POST", &jobs, &job.clone().into_value());
    let started = Started::new(api, format!("{jobs}/{}", job.name()), job.name().to_owned());
    let failing =
        pod.exit_codes.iter().find(|(_, code)| **code != 0).map(|(name, _)| name.as_str());
    let mut differences = match failing {
        Some(container) => fails_in(&started, container),
        None => ended_well(&started),
    };
    if differences.is_empty() {
        differences = meaning::differences(api, case, pod, &job);
    }
    if failing.is_some() {
        // It would be tried again and again. The others stay, to be counted.
        api.ask("DELETE", &format!("{}?propagationPolicy=Background", started.path), &Value::Null);
    }
    differences
}

fn ended_well(started: &Started) -> Vec<String> {
    let finished = started.clone().wait();
    let complete = finished.job["status"]["succeeded"] == 1;
    let restarts = |status: &Value| status["restartCount"].as_u64().unwrap_or_default();
    let restarts: u64 = finished.containers().iter().map(restarts).sum();
    match (complete, restarts) {
        (true, 0) => Vec::new(),
        (true, _) => vec![format!("{restarts} restarts")],
        (false, _) => vec![format!("the Job failed: {}", json!(finished.containers()))],
    }
}

/// A container that failed under the original fails with a code and words of ours.
fn fails_in(started: &Started, container: &str) -> Vec<String> {
    let ended = |status: &Value| {
        let of = |state: &str| status[state]["terminated"].clone();
        [of("state"), of("lastState")]
            .into_iter()
            .find(|end| end["exitCode"].as_i64().is_some_and(|code| code != 0))
    };
    let (name, end) = wait_for("a container that fails", || {
        let pod = started.pod()?;
        ["initContainerStatuses", "containerStatuses"]
            .iter()
            .filter_map(|list| pod["status"][list].as_array())
            .flatten()
            .find_map(|status| Some((status["name"].as_str()?.to_owned(), ended(status)?)))
    });
    let said = end["message"].as_str().unwrap_or_default();
    if name == container
        && [3, 4].contains(&end["exitCode"].as_i64().unwrap())
        && said.contains("error: ")
    {
        return Vec::new();
    }
    vec![format!(
        "expected {container} to fail with code 3 or 4 and a message, but {name} ended: {end}"
    )]
}

/// The recorded Job with our image in the three places, and stages that leave what the recorded ones left.
fn ours(job: &Object, pod: &Pod, turn: usize) -> Object {
    let mut job = job.clone().into_value();
    let spec = &mut job["spec"]["template"]["spec"];
    // This node has no labels and no registry, and nobody has made what users' volumes are of.
    spec.as_object_mut().unwrap().remove("nodeSelector");
    for volume in spec["volumes"].as_array_mut().into_iter().flatten() {
        if volume["emptyDir"].is_null() && volume["name"] != volumes::PROMISE_SCHEDULING {
            *volume = json!({ "name": volume["name"], "emptyDir": {} });
        }
    }
    let mut files = Some(pod);
    for list in ["initContainers", "containers"] {
        for found in spec[list].as_array_mut().into_iter().flatten() {
            found["imagePullPolicy"] = json!("IfNotPresent");
            let name = found["name"].as_str().unwrap();
            if container::ALL.contains(&name) {
                found["image"] = json!(IMAGES[turn % IMAGES.len()]);
            } else {
                stand_in(found, files.take());
            }
        }
    }
    Object::from_value(job).unwrap()
}

/// A stage for a recorded one, with its variables, mounts and limits. The first leaves what all of them left.
fn stand_in(container: &mut Value, files: Option<&Pod>) {
    container["image"] = json!(STAGE_IMAGE);
    container["command"] = json!(["sh", "-euc", files.map_or("true".to_owned(), Pod::script)]);
    for field in ["args", "envFrom"] {
        container.as_object_mut().unwrap().remove(field);
    }
    for variable in container["env"].as_array_mut().into_iter().flatten() {
        for source in ["configMapKeyRef", "secretKeyRef"] {
            if let Some(source) =
                variable.get_mut("valueFrom").and_then(|from| from.get_mut(source))
            {
                source["optional"] = json!(true);
            }
        }
    }
    // What `restricted` wants: other tests enforce it in the namespace of the installation.
    container["securityContext"] = json!({
        "allowPrivilegeEscalation": false, "capabilities": { "drop": ["ALL"] },
        "runAsNonRoot": true, "seccompProfile": { "type": "RuntimeDefault" },
    });
}
