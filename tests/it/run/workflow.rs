//! Whole workflows: order, status, endings.

use bookend::contract::{Object, kinds};
use bookend::core::promise::{WorkflowAction, WorkflowType};
use bookend::exit::{Exit, Fault as _};
use bookend::local::engine::End;
use bookend::local::report::Ending;
use serde_json::json;

use super::support::{
    Case, DATABASE, files, only_file, pipeline, promise, resource, stages, workflows,
};

#[test]
fn one_stage_reads_the_object_and_writes_a_work() {
    needs_namespaces!();
    let case = resource(&pipeline(
        "instance",
        "cat /kratix/input/object.yaml > /kratix/output/a.yaml; printf 'message: made\n' > /kratix/metadata/status.yaml",
    ));
    let report = case.succeeds();
    let object = only_file(&report);
    for line in ["  name: orders\n", "  namespace: team-a\n", "  size: small\n", "  replicas: 2\n"]
    {
        assert!(object.contains(line), "{line} in {object}");
    }
    assert_eq!(report.status["message"], "made");
    assert_eq!(report.status["kratix"]["workflows"]["pipelines"][0]["phase"], "Succeeded");
    assert_eq!(report.works[0].groups[0].group.labels, [("env".into(), "dev".into())].into());
    assert_eq!(report.exit(), Exit::Done);
    assert_eq!(case.list(&kinds::WORK).len(), 1);
    assert_eq!(case.list(&kinds::JOB)[0].at(&["status", "succeeded"]), Some(&json!(1)));
}

#[test]
fn the_second_pipeline_sees_the_status_of_the_first() {
    needs_namespaces!();
    let first = pipeline("first", "echo 'port: 5432' > /kratix/metadata/status.yaml");
    let second =
        pipeline("second", "grep -o 'port: .*' /kratix/input/object.yaml > /kratix/output/port");
    let report = resource(&(first + &second)).succeeds();
    assert_eq!(files(&report), [("port".into(), "port: 5432\n".into())]);
    let names: Vec<_> = report.pipelines.iter().map(|pipeline| pipeline.name.as_str()).collect();
    assert_eq!(names, ["first", "second"]);
    assert_eq!(report.status["workflowsSucceeded"], 2);
}

#[test]
fn stages_share_output_and_metadata_and_run_in_order() {
    needs_namespaces!();
    let scripts = [
        ("one", "echo 1 > /kratix/output/n"),
        (
            "two",
            "echo 2 >> /kratix/output/n; echo $KRATIX_PIPELINE_NAME $KRATIX_OBJECT_NAMESPACE >> /kratix/output/n",
        ),
    ];
    let report = resource(&stages("p", &scripts, "")).succeeds();
    assert_eq!(only_file(&report), "1\n2\np team-a\n");
}

#[test]
fn a_failing_stage_halts_with_its_last_lines() {
    needs_namespaces!();
    let scripts =
        [("one", "echo out; echo err >&2; exit 3"), ("two", "touch /kratix/output/never")];
    let case = resource(&(stages("p", &scripts, "") + &pipeline("later", "true")));
    let report = case.run().unwrap();
    let failure = report.failure().unwrap();
    assert_eq!((failure.stage.as_str(), failure.end), ("one", End::Code(3)));
    assert_eq!(failure.output.to_string(), "its output:\nout\nerr");
    assert_eq!(report.exit(), Exit::Stage);
    assert_eq!(report.pipelines.len(), 1);
    assert!(report.works.is_empty());
    assert_eq!(report.status["kratix"]["workflows"]["pipelines"][0]["phase"], "Failed");
    assert_eq!(case.list(&kinds::JOB)[0].at(&["status", "failed"]), Some(&json!(1)));
}

#[test]
fn a_suspended_workflow_stops_and_resumes_where_it_stopped() {
    needs_namespaces!();
    let script = "if [ -e GATE ]; then touch /kratix/output/open; else printf 'suspend: true\nmessage: wait for it\n' > /kratix/metadata/workflow-control.yaml; fi";
    let first = pipeline("first", "touch /kratix/output/first; echo x >> COUNT");
    let gate = tempfile::tempdir().unwrap();
    let path = gate.path().join("gate");
    let count = gate.path().join("count");
    let all =
        first + &pipeline("second", script) + &pipeline("third", "touch /kratix/output/third");
    let all = all.replace("GATE", path.to_str().unwrap()).replace("COUNT", count.to_str().unwrap());
    let case = resource(&all);
    let report = case.succeeds();
    assert!(
        matches!(&report.ending, Ending::Suspended { message, until: None } if message == "wait for it")
    );
    assert_eq!(files(&report).len(), 1);
    assert_eq!(report.exit(), Exit::Done);
    assert_eq!(case.list(&DATABASE)[0].label("kratix.io/workflow-suspended"), Some("true"));

    std::fs::write(&path, "").unwrap();
    let report = case.succeeds();
    assert_eq!(report.resumed_at.as_deref(), Some("second"));
    assert!(matches!(report.ending, Ending::Done));
    assert_eq!(files(&report).len(), 3);
    assert_eq!(std::fs::read_to_string(&count).unwrap(), "x\n", "the first pipeline ran once");
    assert_eq!(case.list(&DATABASE)[0].label("kratix.io/workflow-suspended"), None);
}

#[test]
fn a_workflow_that_goes_on_leaves_one_job_for_each_pipeline() {
    needs_namespaces!();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gate");
    let suspend = "test -e GATE || echo 'suspend: true' > /kratix/metadata/workflow-control.yaml";
    let suspend = suspend.replace("GATE", path.to_str().unwrap());
    let case = resource(&(pipeline("first", "true") + &pipeline("second", &suspend)));
    case.succeeds();
    std::fs::write(&path, "").unwrap();
    assert_eq!(case.succeeds().resumed_at.as_deref(), Some("second"));
    assert_eq!(pipelines_of_jobs(&case), ["first", "second"]);
}

/// As in a cluster: what ran before ran for another Promise.
#[test]
fn a_promise_that_was_mended_runs_from_its_first_pipeline() {
    needs_namespaces!();
    let suspend = "echo 'suspend: true' > /kratix/metadata/workflow-control.yaml";
    let case = resource(&(pipeline("first", "true") + &pipeline("second", suspend)));
    case.succeeds();
    let text = std::fs::read_to_string(&case.args.promise).unwrap();
    std::fs::write(&case.args.promise, text.replace(suspend, "true")).unwrap();
    let report = case.succeeds();
    assert_eq!(report.resumed_at, None);
    assert_eq!(report.pipelines.len(), 2);
    assert_eq!(pipelines_of_jobs(&case), ["first", "second"]);
}

fn pipelines_of_jobs(case: &Case) -> Vec<String> {
    let of = |job: &Object| job.label("kratix.io/pipeline-name").unwrap().to_owned();
    let mut jobs: Vec<String> = case.list(&kinds::JOB).iter().map(of).collect();
    jobs.sort();
    jobs
}

#[test]
fn a_changed_request_starts_a_suspended_workflow_anew() {
    needs_namespaces!();
    let suspend = "echo 'suspend: true' > /kratix/metadata/workflow-control.yaml";
    let mut case = resource(&(pipeline("first", "true") + &pipeline("second", suspend)));
    case.succeeds();
    case.request("spec: {size: large}");
    let report = case.succeeds();
    assert_eq!(report.resumed_at, None);
    assert_eq!(report.pipelines.len(), 2);
}

#[test]
fn a_retry_says_when_and_counts() {
    needs_namespaces!();
    let script = "echo 'retryAfter: 10m' > /kratix/metadata/workflow-control.yaml";
    let case = resource(&pipeline("p", script));
    for attempts in 1..=2 {
        let report = case.succeeds();
        let Ending::Suspended { until: Some(until), .. } = report.ending else {
            panic!("{report:?}")
        };
        assert!(until > jiff::Timestamp::now());
        assert_eq!(report.status["kratix"]["workflows"]["pipelines"][0]["attempts"], attempts);
    }
}

#[test]
fn a_second_run_updates_the_same_work() {
    needs_namespaces!();
    let mut case =
        resource(&pipeline("p", "grep size: /kratix/input/object.yaml > /kratix/output/size"));
    let first = case.succeeds();
    case.request("spec: {size: large}");
    let second = case.succeeds();
    assert_eq!(first.works[0].work.name(), second.works[0].work.name());
    assert!(only_file(&second).contains("large"));
    assert_eq!(case.list(&kinds::WORK).len(), 1);
    assert_eq!(case.list(&kinds::JOB).len(), 1);
}

#[test]
fn works_of_pipelines_that_are_gone_are_removed() {
    needs_namespaces!();
    let case = resource(
        &(pipeline("stays", "touch /kratix/output/a")
            + &pipeline("goes", "touch /kratix/output/b")),
    );
    assert_eq!(case.succeeds().works.len(), 2);
    let mut next = resource(&pipeline("stays", "touch /kratix/output/a"));
    next.args.cluster = case.args.cluster.clone();
    assert_eq!(next.succeeds().works.len(), 1);
    assert_eq!(case.list(&kinds::WORK).len(), 1);
}

#[test]
fn a_delete_workflow_runs_its_first_pipeline_and_removes_the_rest() {
    needs_namespaces!();
    let configure = pipeline("make", "touch /kratix/output/a");
    let delete =
        pipeline("unmake", "echo gone $KRATIX_WORKFLOW_ACTION; test ! -e /kratix/output/a")
            + &pipeline("never", "exit 1");
    let mut case =
        workflows(&format!("    resource:\n      configure:\n{configure}      delete:\n{delete}"));
    case.request("spec: {size: small}");
    case.succeeds();
    case.args.action = WorkflowAction::Delete;
    let report = case.succeeds();
    assert_eq!(report.pipelines.len(), 1);
    let lines: Vec<_> = report.pipelines[0].stages[0].ended.tail.lines().collect();
    assert_eq!(lines, ["gone delete"]);
    assert!(case.list(&kinds::WORK).is_empty());
    assert!(case.list(&DATABASE).is_empty());
}

#[test]
fn a_promise_workflow_runs_without_a_request() {
    needs_namespaces!();
    let configure = pipeline(
        "setup",
        "grep -c '^kind: Promise' /kratix/input/object.yaml > /kratix/output/count",
    );
    let case = workflows(&format!("    promise:\n      configure:\n{configure}"));
    let report = case.succeeds();
    assert_eq!(only_file(&report), "1\n");
    assert_eq!(report.workflow, WorkflowType::Promise);
    assert_eq!(report.works[0].work.namespace(), Some("kratix-platform-system"));
    assert_eq!(report.status["message"], "Promise configured");
}

#[test]
fn the_pipeline_namespace_is_honoured() {
    needs_namespaces!();
    let configure = pipeline("p", "touch /kratix/output/a");
    let mut case = promise(&format!(
        "  workflows:\n    config: {{pipelineNamespace: jobs}}\n    resource:\n      configure:\n{configure}"
    ));
    case.request("spec: {size: small}");
    let report = case.succeeds();
    assert_eq!(report.works[0].work.namespace(), Some("jobs"));
    assert_eq!(report.works[0].work.label("kratix.io/resource-namespace"), Some("team-a"));
    assert_eq!(case.list(&kinds::JOB)[0].namespace(), Some("jobs"));
    case.succeeds();
    assert_eq!(case.list(&kinds::WORK).len(), 1);
}

#[test]
fn a_request_that_does_not_fit_is_refused_with_the_field() {
    needs_namespaces!();
    let mut case = resource(&pipeline("p", "true"));
    case.request("spec: {size: huge}");
    let error = case.run().unwrap_err();
    let text = bookend::report::render(&error);
    assert!(
        text.starts_with("error: failed to accept the request `orders` for Promise `database`\n"),
        "{text}"
    );
    assert!(text.contains("spec.size"), "{text}");
    assert_eq!(error.exit(), Exit::Input);
    assert!(case.list(&DATABASE).is_empty());
}

#[test]
fn fields_that_the_schema_does_not_know_are_dropped_with_a_warning() {
    needs_namespaces!();
    let mut case = resource(&pipeline("p", "cp /kratix/input/object.yaml /kratix/output/"));
    case.request("spec: {size: small, colour: red}");
    let report = case.succeeds();
    assert!(report.warnings[0].contains("spec.colour"), "{:?}", report.warnings);
    assert!(!only_file(&report).contains("red"));
}

#[test]
fn destinations_in_the_cluster_are_matched() {
    needs_namespaces!();
    let script = "mkdir /kratix/output/infra; touch /kratix/output/a /kratix/output/infra/b; printf -- '- {directory: infra, matchLabels: {env: prod}}\n- {matchLabels: {env: nowhere, zone: eu}}\n' > /kratix/metadata/destination-selectors.yaml";
    let mut case = resource(&pipeline("p", script));
    let destination = |name: &str, labels: &str| {
        format!(
            "---\napiVersion: platform.kratix.io/v1alpha1\nkind: Destination\nmetadata: {{name: {name}, labels: {labels}}}\nspec: {{path: x}}\n"
        )
    };
    case.with(
        &(destination("dev-eu", "{env: dev, zone: eu}") + &destination("prod", "{env: prod}")),
    );
    let report = case.succeeds();
    let placed: Vec<_> = report.works[0]
        .groups
        .iter()
        .map(|placed| (placed.group.directory.as_str(), placed.destinations.clone()))
        .collect();
    assert_eq!(placed, [("infra", vec!["prod".to_owned()]), (".", vec!["dev-eu".to_owned()])]);
}

#[test]
fn results_are_written_where_they_are_wanted() {
    needs_namespaces!();
    let mut case = resource(&pipeline(
        "p",
        "mkdir /kratix/output/d; grep size: /kratix/input/object.yaml > /kratix/output/d/$(sed -n 's/.*size: //p' /kratix/input/object.yaml)",
    ));
    let out = case.dir.path().join("out");
    case.args.out = Some(out.clone());
    case.succeeds();
    case.request("spec: {size: large}");
    case.succeeds();
    let names: Vec<_> = std::fs::read_dir(out.join("p/output/d"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names, ["large"], "files of the run before are gone");
    assert!(
        std::fs::read_to_string(out.join("status.yaml")).unwrap().contains("Resource requested")
    );
    assert!(std::fs::read_to_string(out.join("p/work.yaml")).unwrap().contains("kind: Work"));
}

#[test]
fn runs_at_once_on_one_cluster_do_not_disturb_each_other() {
    needs_namespaces!();
    let case = resource(&pipeline("p", "echo $KRATIX_OBJECT_NAME > /kratix/output/name"));
    let run = |number: usize| {
        let mut args = case.args.clone();
        let name = format!("orders-{number}");
        let text = format!(
            "apiVersion: example.org/v1\nkind: Database\nmetadata: {{name: {name}}}\nspec: {{size: small}}\n"
        );
        args.request = Some(case.write(&format!("{name}.yaml"), &text));
        args
    };
    let all: Vec<_> = (0..6).map(run).collect();
    std::thread::scope(|scope| {
        let runs: Vec<_> =
            all.iter().map(|args| scope.spawn(|| case.run_with(args).unwrap())).collect();
        for (number, run) in runs.into_iter().enumerate() {
            assert_eq!(only_file(&run.join().unwrap()), format!("orders-{number}\n"));
        }
    });
    assert_eq!(case.list(&kinds::WORK).len(), 6);
}

/// A Job that lies under the name of the next run and is somebody else's: the run takes the next number.
#[test]
fn a_name_that_is_taken_is_passed_over() {
    needs_namespaces!();
    let case = resource(&pipeline("p", "echo made > /kratix/output/name"));
    case.succeeds();
    let cluster = case.cluster();
    let mut request = case.list(&DATABASE)[0].clone();
    request.0.remove("status");
    let mut job = case.list(&kinds::JOB)[0].clone();
    for field in ["labels", "annotations"] {
        job.metadata_mut().remove(field);
    }
    // The first run is forgotten, so the next one has its number again, but its Job belongs to nobody that is known.
    cluster.place(&DATABASE, &request).unwrap();
    cluster.place(&kinds::JOB, &job).unwrap();
    case.succeeds();
    let names: Vec<_> = case.list(&kinds::JOB).iter().map(|job| job.name().to_owned()).collect();
    assert_eq!((names.len(), names.contains(&job.name().to_owned())), (2, true), "{names:?}");
}
