//! A pod whose clock is an hour off writes times that are right for the API server.
//!
//! The clock of a container is that of the machine, which others use. So the other side is moved: answers tell a time
//! that is an hour ahead or behind, which for the step is the same.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::kit::{Recipe, stage, together};
use super::middle::Middle;

/// How much later than expected a written time may be: what a pod takes from the start of its Job.
const SECONDS_MAX: i64 = 90;

fn seconds_after(time: Timestamp, written: &Value) -> i64 {
    let written: Timestamp = written.as_str().unwrap().parse().unwrap();
    written.as_second() - time.as_second()
}

#[test]
#[ignore = "needs a node: tests/cluster/run --node"]
fn times_are_the_api_servers_though_the_pods_clock_is_an_hour_off() {
    let _others = together();
    for (name, hours) in [("clock-ahead", 1), ("clock-behind", -1)] {
        let offset = SignedDuration::from_hours(hours);
        let suspends = "echo 'retryAfter: 10m' >/kratix/metadata/workflow-control.yaml";
        let status = json!({ "kratix": { "workflows": { "pipelines": [
            { "name": "pipe-0", "phase": "Running" }, { "name": "pipe-1", "phase": "Running" },
        ] } } });
        let recipe = Recipe {
            name,
            pipelines: vec![vec![stage("suspends", suspends)], vec![stage("completes", "true")]],
            status,
            ..Recipe::default()
        };
        let flow = recipe.set_up();
        let begin = Timestamp::now() + offset;
        let middle = Middle::with_clock(offset);
        let status = |index| {
            flow.start(middle.lead(flow.job(index, 1))).wait().succeeded();
            flow.object().0["status"].clone()
        };
        let retry = status(0)["kratix"]["workflows"]["pipelines"][0]["nextRetryAt"].clone();
        let done = status(1)["conditions"][0]["lastTransitionTime"].clone();
        let executed = flow.works()[0]["spec"]["lastExecutionTimestamp"].clone();
        for (what, written, wait) in
            [("nextRetryAt", retry, 600), ("completion", done, 0), ("execution", executed, 0)]
        {
            let late = seconds_after(begin, &written) - wait;
            println!("clock {hours} h off: {what} is {written}, {late} s after the Job's start");
            assert!((-1..SECONDS_MAX).contains(&late), "{what}: {written}, {late} s");
        }
    }
}
