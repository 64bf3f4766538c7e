//! What is counted of placing, with the names and labels of Kratix (contract.md 15.2).

use super::super::metrics::{Metrics, OutcomeLabels, WriteLabels};
use crate::contract::placement::event;
use crate::contract::{Object, labels};
use crate::core::placement::{Event, PlacementSeen, Relabel, WorkSeen, Write};

const SUCCESS: &str = "success";
const FAILURE: &str = "failure";
const SCHEDULED: &str = "scheduled";
const UNSCHEDULED: &str = "unscheduled";
const MISPLACED: &str = "misplaced";

/// Counts a try to write the files of a WorkPlacement. That they are taken away is no write.
pub(super) fn written(metrics: &Metrics, placement: &PlacementSeen, is_well: bool) {
    if !placement.is_going {
        metrics.write(&write_of(placement, if is_well { SUCCESS } else { FAILURE }));
    }
}

fn write_of(placement: &PlacementSeen, result: &'static str) -> WriteLabels {
    WriteLabels {
        result,
        promise: placement.promise.clone(),
        resource: placement.resource.clone(),
        destination: placement.destination.clone(),
        pipeline: placement.placed().pipeline.to_owned(),
    }
}

/// Counts a WorkPlacement that was made or changed.
pub(super) fn placed(metrics: &Metrics, work: &WorkSeen, write: &Write) {
    let result = if write.is_misplaced { MISPLACED } else { SCHEDULED };
    count(metrics, work, result, &write.destination);
}

/// Counts a WorkPlacement whose Destination matches no more.
pub(super) fn relabelled(metrics: &Metrics, work: &WorkSeen, relabel: &Relabel, destination: &str) {
    if relabel.labels.get(labels::MISPLACED).is_some_and(Option::is_some) {
        count(metrics, work, MISPLACED, destination);
    }
}

/// Counts a group without a Destination, when that is told.
pub(super) fn told(metrics: &Metrics, work: &WorkSeen, told: &Event) {
    if told.reason == event::NO_DESTINATION {
        count(metrics, work, UNSCHEDULED, "");
    }
}

fn count(metrics: &Metrics, work: &WorkSeen, result: &'static str, destination: &str) {
    metrics.outcome(&outcome_of(
        &work.promise,
        &work.resource,
        &work.namespace,
        result,
        destination,
    ));
}

fn outcome_of(
    promise: &str,
    resource: &str,
    namespace: &str,
    result: &'static str,
    destination: &str,
) -> OutcomeLabels {
    OutcomeLabels {
        result,
        promise: promise.to_owned(),
        resource: resource.to_owned(),
        namespace: namespace.to_owned(),
        destination: destination.to_owned(),
    }
}

/// Forgets what was counted for a Work that is gone: memory shall grow with what is there.
pub(super) fn forget_work(metrics: &Metrics, work: &Object) {
    let work = WorkSeen::from_object(work);
    let WorkSeen { promise, resource, namespace, .. } = &work;
    metrics.forget_outcome(&outcome_of(promise, resource, namespace, UNSCHEDULED, ""));
}

/// Forgets what was counted for a WorkPlacement that is gone, after its Work. Others of the request at the same Destination go as
/// well, or begin anew.
pub(super) fn forget_placement(metrics: &Metrics, placement: &Object) {
    let seen = PlacementSeen::from_object(placement);
    for result in [SUCCESS, FAILURE] {
        metrics.forget_write(&write_of(&seen, result));
    }
    let PlacementSeen { promise, resource, namespace, destination, .. } = &seen;
    for result in [SCHEDULED, MISPLACED] {
        metrics.forget_outcome(&outcome_of(promise, resource, namespace, result, destination));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(json: serde_json::Value) -> Object {
        Object::from_value(json).unwrap()
    }

    fn work() -> Object {
        object(json!({
            "metadata": {"name": "w", "namespace": "team-a"},
            "spec": {"promiseName": "redis", "resourceName": "one"},
        }))
    }

    fn placement() -> Object {
        object(json!({
            "metadata": {
                "name": "w.dev-1", "namespace": "team-a",
                "labels": {(labels::PIPELINE_NAME): "main"},
            },
            "spec": {
                "promiseName": "redis", "resourceName": "one", "targetDestinationName": "dev",
            },
        }))
    }

    /// All lines of these metrics, as Prometheus reads them.
    fn lines(metrics: &Metrics) -> Vec<String> {
        let text = metrics.text();
        let mut all: Vec<_> = text
            .lines()
            .filter_map(|line| line.strip_prefix("kratix_workplacement_"))
            .map(str::to_owned)
            .collect();
        all.sort();
        all
    }

    fn write(is_misplaced: bool) -> Write {
        Write {
            name: "w.dev-1".into(),
            uid: None,
            destination: "dev".into(),
            group: "g".into(),
            labels: Default::default(),
            is_misplaced,
            annotations: Default::default(),
            folder: None,
            finalizers: Vec::new(),
        }
    }

    #[test]
    fn what_comes_of_works_is_counted_as_kratix_counts_it() {
        let (metrics, work) = (Metrics::default(), WorkSeen::from_object(&work()));
        placed(&metrics, &work, &write(false));
        placed(&metrics, &work, &write(false));
        placed(&metrics, &work, &write(true));
        let relabel = |value: Option<&str>, key: &str| Relabel {
            name: "w.dev-1".into(),
            uid: String::new(),
            labels: [(key.to_owned(), value.map(str::to_owned))].into(),
            annotations: Default::default(),
        };
        relabelled(&metrics, &work, &relabel(Some(labels::TRUE), labels::MISPLACED), "dev");
        // Neither of these says that it matches no more.
        relabelled(&metrics, &work, &relabel(None, labels::MISPLACED), "dev");
        relabelled(&metrics, &work, &relabel(Some("x"), labels::WORK), "dev");
        told(&metrics, &work, &Event::normal(event::NO_DESTINATION, "waiting"));
        told(&metrics, &work, &Event::normal(event::WAITING, "waiting"));
        let all = r#"promise="redis",resource="one",namespace="team-a",destination="#;
        let expected = [
            format!(r#"outcomes_total{{result="misplaced",{all}"dev"}} 2"#),
            format!(r#"outcomes_total{{result="scheduled",{all}"dev"}} 2"#),
            format!(r#"outcomes_total{{result="unscheduled",{all}""}} 1"#),
        ];
        assert_eq!(lines(&metrics), expected);
    }

    #[test]
    fn tries_to_write_are_counted_and_forgotten_with_what_is_gone() {
        let (metrics, seen) = (Metrics::default(), PlacementSeen::from_object(&placement()));
        written(&metrics, &seen, true);
        written(&metrics, &seen, false);
        written(&metrics, &seen, true);
        written(&metrics, &PlacementSeen { is_going: true, ..seen }, true);
        let all = r#"promise="redis",resource="one",destination="dev",pipeline="main""#;
        let expected = [
            format!(r#"writes_total{{result="failure",{all}}} 1"#),
            format!(r#"writes_total{{result="success",{all}}} 2"#),
        ];
        assert_eq!(lines(&metrics), expected);
        let of_work = WorkSeen::from_object(&work());
        placed(&metrics, &of_work, &write(false));
        placed(&metrics, &of_work, &write(true));
        told(&metrics, &of_work, &Event::normal(event::NO_DESTINATION, "waiting"));
        forget_work(&metrics, &work());
        assert_eq!(lines(&metrics).len(), 4, "{:?}", lines(&metrics));
        forget_placement(&metrics, &placement());
        assert_eq!(lines(&metrics), Vec::<String>::new());
    }
}
