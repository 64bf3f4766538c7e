//! Rulings on the status step.

use bookend::exit::Exit;
use serde_json::{Value, json};

use super::super::case::Case;
use super::super::expect::{End, Expect};
use super::Because::{Better, Decision, Kept};
use super::{Ruling, as_recorded, changes_nothing, refused, rename, ruling};

const TEXT_KEYS: &str = "the keys y and n of a map stay text";
const RETRIED: &str = "a conflict is read, merged and tried again";
const OWNED: &str = "what the controller owns stays, with a warning";
const SETTLED: &str = "a phase that the controller has settled stays";
const NO_ENTRY: &str = "a missing entry is a warning: the work is done and the rest is written";
const NOT_PREPARED: &str = "without an entry to suspend nothing is written, not even the label";
const NEGATIVE: &str =
    "a negative duration is refused: it would start the pipeline again without end";
const NOT_COMPLETE: &str = "a delete workflow does not complete the configure workflow";
const COUNTED: &str = "attempts that are no number count as none";
const NO_SUBRESOURCE: &str =
    "the error says that the CRD lacks the status subresource; nothing is written";

pub(super) fn all() -> Vec<Ruling> {
    [of_values(), of_ownership(), of_conflicts(), of_suspension()].into_iter().flatten().collect()
}

fn of_values() -> Vec<Ruling> {
    vec![
        ruling("update-status/anchors", Better, TEXT_KEYS, |_, expect| {
            for key in ["alias", "base", "copy"] {
                rename(&mut expect.status()[key], "true", "y");
            }
        }),
        ruling("update-status/yaml11", Better, TEXT_KEYS, |_, expect| {
            rename(expect.status(), "false", "n");
        }),
        ruling(
            "update-status/nested-replaces",
            Kept,
            "top-level keys replace, as Kratix documents",
            as_recorded,
        ),
        ruling(
            "update-status/numbers-beyond-2-53",
            Better,
            "integers of 64 bits keep every digit",
            |_, expect| {
                let status = expect.status();
                status["a"] = json!(9_007_199_254_740_993_u64);
                status["b"] = json!(123_456_789_012_345_678_u64);
                status["c"] = json!(9_223_372_036_854_775_807_u64);
                status["d"] = json!(-9_007_199_254_740_993_i64);
            },
        ),
        ruling(
            "update-status/numbers-beyond-int64",
            Kept,
            "sent exactly, but the API server itself keeps larger integers as floats",
            as_recorded,
        ),
        ruling(
            "update-status/status-not-a-map",
            Better,
            "a status that is no map is an error, no crash",
            as_recorded,
        ),
    ]
}

fn of_ownership() -> Vec<Ruling> {
    vec![
        ruling("update-status/overwrites-counters", Better, OWNED, changes_nothing),
        ruling("update-status/promise-overwrites-status", Better, OWNED, changes_nothing),
        ruling("update-status/conditions-null", Decision, OWNED, |case, expect| {
            expect.status()["conditions"] = owned_conditions(case);
        }),
        ruling("update-status/conditions-null-last", Decision, OWNED, |case, expect| {
            let completed = expect.status()["conditions"][0].take();
            let mut conditions = owned_conditions(case);
            conditions[0] = completed;
            expect.status()["conditions"] = conditions;
        }),
        ruling(
            "update-status/conditions-existing-without-type",
            Better,
            "existing conditions without a type stay",
            |case, expect| {
                let untyped = case_status(case)["conditions"][0].clone();
                expect.status()["conditions"].as_array_mut().unwrap().push(untyped);
            },
        ),
        ruling("update-status/delete-action", Better, NOT_COMPLETE, changes_nothing),
        ruling("update-status/deleting-object", Decision, NOT_COMPLETE, |case, expect| {
            expect.status()["conditions"] = case_status(case)["conditions"].clone();
        }),
        ruling("update-status/pipelines-clear-failed", Better, SETTLED, changes_nothing),
        ruling("update-status/pipelines-clear-succeeded", Better, SETTLED, changes_nothing),
        ruling("update-status/pipelines-missing-entry", Better, NO_ENTRY, changes_nothing),
        ruling("update-status/pipelines-case", Decision, NO_ENTRY, changes_nothing),
        ruling("update-status/pipelines-empty-list", Decision, NO_ENTRY, changes_nothing),
        ruling("update-status/pipelines-missing-entry-with-file", Decision, NO_ENTRY, merges_a),
        ruling("update-status/pipelines-not-maps", Decision, NO_ENTRY, merges_a),
    ]
}

fn of_conflicts() -> Vec<Ruling> {
    vec![
        ruling("update-status/conflict", Better, RETRIED, |case, expect| {
            merges_a(case, expect);
            expect.more_requests = true;
        }),
        ruling("update-status/conflict-label", Better, RETRIED, |_, expect| {
            suspends(expect);
            expect.more_requests = true;
        }),
        ruling(
            "update-status/no-status-subresource",
            Better,
            NO_SUBRESOURCE,
            refused!(Exit::Refused, "status subresource"),
        ),
        ruling(
            "update-status/no-status-subresource-suspend",
            Better,
            NO_SUBRESOURCE,
            refused!(Exit::Refused, "status subresource"),
        ),
    ]
}

fn of_suspension() -> Vec<Ruling> {
    let not_prepared: fn(&Case, &mut Expect) = refused!(Exit::Refused, "failed to suspend");
    let negative: fn(&Case, &mut Expect) = refused!(Exit::Input, "it is negative");
    vec![
        ruling("update-status/control-duration-min-int64", Better, NEGATIVE, negative),
        ruling("update-status/control-duration-minus-1-5h", Better, NEGATIVE, negative),
        ruling("update-status/control-duration-minus-5m", Better, NEGATIVE, negative),
        ruling(
            "update-status/control-invalid-retry-with-suspend",
            Better,
            "what can be done is done: suspended without a retry, with a warning",
            |_, expect| suspends(expect),
        ),
        ruling("update-status/control-retry-attempts-null", Better, COUNTED, counts_one),
        ruling("update-status/control-retry-attempts-string", Better, COUNTED, counts_one),
        ruling("update-status/control-suspend-missing-entry", Better, NOT_PREPARED, not_prepared),
        ruling("update-status/control-suspend-no-kratix", Better, NOT_PREPARED, not_prepared),
        ruling("update-status/control-suspend-no-pipelines", Better, NOT_PREPARED, not_prepared),
        ruling("update-status/control-suspend-no-status", Better, NOT_PREPARED, not_prepared),
    ]
}

fn case_status(case: &Case) -> &Value {
    &case.objects.values().next().unwrap()["status"]
}

/// The conditions that are the controller's; the completion of the workflow is the first.
fn owned_conditions(case: &Case) -> Value {
    let all = case_status(case)["conditions"].as_array().unwrap().iter();
    all.filter(|condition| condition["type"] != "Healthy").cloned().collect()
}

/// The status file holds `a: 1`.
fn merges_a(_: &Case, expect: &mut Expect) {
    expect.end = End::Success;
    expect.status()["a"] = json!(1);
}

/// The pipeline is the first of the list.
fn suspends(expect: &mut Expect) {
    expect.end = End::Success;
    expect.object()["metadata"]["labels"]["kratix.io/workflow-suspended"] = json!("true");
    let workflows = &mut expect.status()["kratix"]["workflows"];
    workflows["suspendedGeneration"] = json!(1);
    workflows["pipelines"][0]["phase"] = json!("Suspended");
}

fn counts_one(_: &Case, expect: &mut Expect) {
    suspends(expect);
    let entry = &mut expect.status()["kratix"]["workflows"]["pipelines"][0];
    entry["attempts"] = json!(1);
    entry["nextRetryAt"] = json!("<NOW+60s>");
}
