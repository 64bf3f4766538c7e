//! What is published while a pipeline runs.

use super::*;

fn failure() -> StageFailure {
    StageFailure {
        stage: "two".into(),
        exit_code: 3,
        reason: String::new(),
        at: String::new(),
        lines: Vec::new(),
    }
}

/// Returns the status after publishing on this one.
fn published(status: Value, report: Value, failure: Option<&StageFailure>) -> Option<Value> {
    let object = request(status).object;
    let report = report.as_object().unwrap();
    publish(&object, report, failure, "main").unwrap().status.map(Value::Object)
}

#[test]
fn a_report_is_merged_and_nothing_is_completed_or_cleared() {
    let workflows = json!({"workflows": {"pipelines": [{"name": "main", "phase": "Suspended", "message": "m"}]}});
    let before = json!({"message": "Pending", "kratix": workflows});
    let after = json!({"message": "Pending", "kratix": workflows, "port": 5432});
    assert_eq!(published(before.clone(), json!({"port": 5432}), None), Some(after.clone()));
    assert_eq!(published(after, json!({"port": 5432}), None), None, "it stands like that");
    assert_eq!(published(before, json!({}), None), None);
}

#[test]
fn a_failed_stage_stands_there_until_its_pipeline_runs_again() {
    let told = json!({"stageFailure": {"pipeline": "main", "stage": "two", "exitCode": 3}});
    assert_eq!(published(json!({}), json!({}), Some(&failure())), Some(told.clone()));
    assert_eq!(published(told.clone(), json!({}), Some(&failure())), None);
    assert_eq!(published(told, json!({}), None), Some(json!({})));
    let other = json!({"stageFailure": {"pipeline": "other", "stage": "two", "exitCode": 3}});
    assert_eq!(published(other, json!({}), None), None);
}

#[test]
fn what_the_controller_owns_is_kept() {
    let object = request(json!({"observedGeneration": 7})).object;
    let report = json!({"observedGeneration": 1});
    let decision = publish(&object, report.as_object().unwrap(), None, "main").unwrap();
    assert_eq!((decision.status, decision.notices.len()), (None, 1));
    let refused = json!({"kratix": {}});
    assert!(publish(&object, refused.as_object().unwrap(), None, "main").is_err());
}
