//! Suspend, retry, and giving the entry back.

use super::*;

/// The entry of `main` after the case.
fn entry(case: &Case) -> Value {
    case.status()["kratix"]["workflows"]["pipelines"][0].clone()
}

fn waiting() -> Value {
    json!({"name": "main", "phase": "Suspended", "message": "was waiting", "attempts": 3,
           "nextRetryAt": "2020-01-01T00:00:00Z", "lastTransitionTime": "2020-01-01T00:00:00Z"})
}

#[test]
fn suspend_marks_the_entry_and_the_generation_and_wants_the_label() {
    let status = flat(json!([{"name": "main", "phase": "Running", "x": 1}, {"name": "next"}]));
    let case = request(with(status, "message", json!("Pending"))).suspends("approve me").last();
    let decision = case.decide();
    assert_eq!(decision.ending, Ending::Suspended { until: None });
    assert!(decision.label);
    assert_eq!(
        case.status(),
        json!({"message": "Pending", "kratix": {"workflows": {"suspendedGeneration": 7, "pipelines": [
            {"name": "main", "phase": "Suspended", "message": "approve me", "x": 1},
            {"name": "next"},
        ]}}})
    );
}

#[test]
fn suspend_without_a_message_or_retry_removes_the_old_ones() {
    let case = request(flat(json!([waiting()]))).suspends("");
    let expected = json!({"name": "main", "phase": "Suspended",
                          "lastTransitionTime": "2020-01-01T00:00:00Z"});
    assert_eq!(entry(&case), expected);
}

#[test]
fn retry_sets_the_time_in_whole_seconds() {
    for (after, expected) in [
        ("0", NOW),
        ("100ns", NOW),
        ("999ms", NOW),
        ("10m", "2026-01-02T03:14:05Z"),
        ("1.5s", "2026-01-02T03:04:06Z"),
        ("8760h", "2027-01-02T03:04:05Z"),
        ("2562047h47m16.854775807s", "2318-04-14T02:51:21Z"),
    ] {
        let case = request(running()).retries(after);
        assert_eq!(entry(&case)["nextRetryAt"], expected, "{after}");
        let until = expected.parse().unwrap();
        assert_eq!(case.decide().ending, Ending::Suspended { until: Some(until) });
    }
}

#[test]
fn the_last_time_there_is_is_not_passed() {
    let mut case = request(running());
    case.control.retry_after = Some(jiff::SignedDuration::MAX);
    assert!(entry(&case)["nextRetryAt"].as_str().unwrap().starts_with("9999-12-30T"));
}

#[test]
fn retry_counts_attempts_and_odd_counts_are_none() {
    for (before, after) in [
        (json!(17), 18),
        (json!(0), 1),
        (json!(null), 1),
        (json!("3"), 1),
        (json!(2.5), 1),
        (json!([4]), 1),
        (json!(-4), 1),
        (json!(u64::MAX), 1),
        (json!(i64::MAX), i64::MAX),
    ] {
        let list = json!([{"name": "main", "phase": "Running", "attempts": before}]);
        assert_eq!(entry(&request(flat(list)).retries("1m"))["attempts"], after);
    }
    assert_eq!(entry(&request(running()).retries("1m"))["attempts"], 1);
}

#[test]
fn suspend_and_retry_together_keep_both() {
    let case = request(running()).suspends("both").retries("2h");
    assert_eq!(
        entry(&case),
        json!({"name": "main", "phase": "Suspended", "message": "both", "attempts": 1,
               "nextRetryAt": "2026-01-02T05:04:05Z"})
    );
}

#[test]
fn stopped_after_a_write_the_next_run_counts_the_same_attempt() {
    let first = request(running()).retries("1m").suspends("m");
    let before_label = first.again();
    assert_eq!(before_label.decide().status, None);
    assert!(before_label.decide().label);
    let after_label = before_label.labelled();
    assert_eq!((after_label.decide().status, after_label.decide().label), (None, false));
}

#[test]
fn any_other_suspended_entry_is_a_new_attempt() {
    let suspended = || request(running()).retries("1m").again();
    let attempts = |case: &Case| entry(case)["attempts"].as_i64().unwrap();
    assert_eq!(attempts(&suspended()), 1);
    let mut other_message = suspended();
    other_message.control.message = "other".into();
    assert_eq!(attempts(&other_message), 2);
    let mut other_generation = suspended();
    other_generation.object.0["status"]["kratix"]["workflows"]["suspendedGeneration"] = json!(6);
    assert_eq!(attempts(&other_generation), 2);
    assert_eq!(attempts(&request(flat(json!([waiting()]))).retries("1m")), 4);
}

#[test]
fn the_label_is_wanted_once() {
    let suspended = request(running()).suspends("m").again();
    assert!(suspended.decide().label);
    let labelled = suspended.labelled();
    assert_eq!((labelled.decide().label, labelled.decide().status), (false, None));
    let mut other = request(running()).suspends("m");
    other.object.set_label(labels::WORKFLOW_SUSPENDED, "false");
    assert!(other.decide().label);
    assert!(!request(running()).decide().label);
}

#[test]
fn a_suspension_without_an_entry_is_refused_and_says_where_it_looked() {
    let flat_path = "status.kratix.workflows.pipelines";
    for (status, path) in [
        (json!(null), flat_path),
        (json!({}), flat_path),
        (json!({"kratix": {}}), flat_path),
        (json!({"kratix": {"workflows": {}}}), flat_path),
        (json!({"kratix": {"workflows": "x"}}), flat_path),
        (json!("text"), flat_path),
        (flat(json!([])), flat_path),
        (flat(json!(["main"])), flat_path),
        (flat(json!({"main": {}})), flat_path),
        (flat(json!([{"name": "Main"}])), flat_path),
        (
            json!({"kratix": {"workflows": {"configure": {"pipelines": [{"name": "other"}]}}}}),
            "status.kratix.workflows.configure.pipelines",
        ),
    ] {
        for case in [request(status.clone()).suspends("m"), request(status).retries("1m")] {
            let expected = format!("failed to suspend: pipeline \"main\" not found in `{path}`");
            assert_eq!(case.refusal().to_string(), expected);
        }
    }
}

#[test]
fn other_workflow_types_do_not_suspend_and_do_not_complete() {
    let case = request(running()).workflow_type("banana").suspends("m").last();
    assert_eq!(case.decide().status, None);
    assert_eq!(case.decide().ending, Ending::GoesOn);
    assert!(!case.decide().label);
    assert_eq!(case.notices(), ["workflow control is ignored for workflow type `banana`"]);
}

#[test]
fn a_retry_that_cannot_be_used_beside_suspend_is_said() {
    let document = crate::contract::Node::Map(vec![
        ("suspend".into(), crate::contract::Node::Bool(true)),
        ("retryAfter".into(), crate::contract::Node::Text("soon".into())),
    ]);
    let mut case = request(running());
    case.control = crate::core::control::parse(&document).unwrap();
    assert_eq!(case.decide().ending, Ending::Suspended { until: None });
    assert_eq!(
        case.notices(),
        ["the workflow is suspended without a retry: failed to parse retry duration: \"soon\": \
          expected a number, found \"soon\""]
    );
}

#[test]
fn the_entry_is_given_back_without_what_a_suspension_left() {
    for (before, after) in [
        (
            waiting(),
            json!({"name": "main", "phase": "Running", "lastTransitionTime": "2020-01-01T00:00:00Z"}),
        ),
        (json!({"name": "main"}), json!({"name": "main", "phase": "Running"})),
        (json!({"name": "main", "phase": 5}), json!({"name": "main", "phase": "Running"})),
        (json!({"name": "main", "phase": "Pending"}), json!({"name": "main", "phase": "Running"})),
        (
            json!({"name": "main", "phase": "Succeeded", "attempts": 2}),
            json!({"name": "main", "phase": "Succeeded"}),
        ),
        (json!({"name": "main", "phase": "Failed"}), json!({"name": "main", "phase": "Failed"})),
    ] {
        let case = request(flat(json!([before, {"name": "main", "phase": "Suspended"}])));
        assert_eq!(case.status(), flat(json!([after, {"name": "main", "phase": "Suspended"}])));
        assert_eq!(case.notices(), [""; 0]);
    }
}

#[test]
fn a_missing_entry_does_not_fail_the_run_and_stays_missing() {
    for list in
        [json!([]), json!([{"name": "other"}]), json!([{"name": "Main"}]), json!(["main", null])]
    {
        let status = flat(list);
        let case = request(status.clone()).reports(json!({"a": 1})).last();
        let mut expected = with(status, "a", json!(1));
        expected["conditions"] = json!([completed()]);
        assert_eq!(case.status(), expected);
        assert_eq!(
            case.notices(),
            [
                "pipeline \"main\" not found in `status.kratix.workflows.pipelines`, which stays as it is"
            ]
        );
    }
}

#[test]
fn odd_entries_do_not_hide_the_right_one() {
    let case = request(flat(json!([5, "main", null, {"name": 5}, {"name": "main"}, "x"])));
    let expected = json!([5, "main", null, {"name": 5}, {"name": "main", "phase": "Running"}, "x"]);
    assert_eq!(case.status(), flat(expected));
}

#[test]
fn completion_forgets_the_suspended_generation_and_nothing_before_does() {
    let mut status = running();
    status["kratix"]["workflows"]["suspendedGeneration"] = json!(7);
    assert_eq!(request(status.clone()).status(), status);
    for case in [request(status.clone()).last(), request(status).action("delete").last()] {
        assert_eq!(case.status()["kratix"], running()["kratix"]);
    }
    let bare = json!({"kratix": {"workflows": {"suspendedGeneration": 7}}});
    assert_eq!(request(bare).last().status()["kratix"], json!({"workflows": {}}));
}
