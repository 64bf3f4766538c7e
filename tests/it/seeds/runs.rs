//! What stages find and leave, with real stages.

use bookend::core::promise::WorkflowAction;

use crate::run::support::{files, only_file, pipeline, resource, stages, workflows};

/// Ends the test where the machine does not let us make namespaces, and says so.
macro_rules! needs_namespaces {
    () => {
        if !crate::run::support::namespaces_are_allowed() {
            eprintln!("skipped: this machine does not allow user and mount namespaces");
            return;
        }
    };
}

#[test]
fn output_and_metadata_are_empty_at_first_and_the_input_holds_the_object_alone() {
    needs_namespaces!();
    let script = "seen=$(ls -A /kratix/output /kratix/metadata /kratix/input); \
                  echo \"$seen\" > /kratix/output/seen";
    let report = resource(&pipeline("p", script)).succeeds();
    assert_eq!(
        only_file(&report),
        "/kratix/input:\nobject.yaml\n\n/kratix/metadata:\n\n/kratix/output:\n"
    );
}

#[test]
fn any_stage_may_add_change_and_remove_output() {
    needs_namespaces!();
    let scripts = [
        ("one", "cd /kratix/output; echo 1 > stays; echo 1 > changes; echo 1 > goes"),
        ("two", "cd /kratix/output; echo 2 > changes; rm goes; mkdir new; echo 2 > new/one"),
    ];
    let report = resource(&stages("p", &scripts, "")).succeeds();
    let expect = [("changes", "2\n"), ("new/one", "2\n"), ("stays", "1\n")];
    assert_eq!(files(&report), expect.map(|(path, text)| (path.to_owned(), text.to_owned())));
}

#[test]
fn other_files_in_the_metadata_folder_reach_the_next_stage_and_nobody_else() {
    needs_namespaces!();
    let scripts = [
        (
            "one",
            "echo 'message: no' > /kratix/metadata/status.yml; mkdir /kratix/metadata/sub; echo x > /kratix/metadata/sub/note",
        ),
        ("two", "cat /kratix/metadata/sub/note > /kratix/output/note"),
    ];
    let report = resource(&stages("p", &scripts, "")).succeeds();
    assert_eq!(files(&report), [("note".into(), "x\n".into())]);
    assert_eq!(report.status["message"], "Resource requested");
}

#[test]
fn what_a_delete_pipeline_leaves_in_its_output_is_ignored() {
    needs_namespaces!();
    let script = pipeline("p", "echo x > /kratix/output/x");
    let mut case = workflows(&format!("    resource:\n      delete:\n{script}"));
    case.request("spec: {size: small}");
    case.args.action = WorkflowAction::Delete;
    assert!(case.succeeds().works.is_empty());
}

#[test]
fn one_image_knows_in_which_of_the_four_workflows_it_runs() {
    needs_namespaces!();
    let script = pipeline("p", "echo $KRATIX_WORKFLOW_TYPE.$KRATIX_WORKFLOW_ACTION >&2; exit 9");
    let both = format!("      configure:\n{script}      delete:\n{script}");
    for kind in ["promise", "resource"] {
        for action in [WorkflowAction::Configure, WorkflowAction::Delete] {
            let mut case = workflows(&format!("    promise:\n{both}    resource:\n{both}"));
            if kind == "resource" {
                case.request("spec: {size: small}");
            }
            case.args.action = action;
            let report = case.run().unwrap();
            let said = report.failure().unwrap().output.to_string();
            assert!(said.ends_with(&format!("{kind}.{action}")), "{said}");
        }
    }
}

#[test]
fn the_work_of_a_pipeline_is_there_before_the_next_one_starts() {
    needs_namespaces!();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().display();
    let first = pipeline("first", "echo 1 > /kratix/output/one");
    let second = pipeline("second", &format!("grep -rlq 'kratix.io/work-type: resource' {path}/"));
    let mut case = resource(&(first + &second));
    case.args.cluster = Some(folder.path().to_owned());
    assert_eq!(case.succeeds().pipelines.len(), 2);
}

#[test]
fn the_object_of_a_promise_workflow_is_the_whole_promise() {
    needs_namespaces!();
    let script = pipeline("p", "cat /kratix/input/object.yaml > /kratix/output/o");
    let text =
        only_file(&workflows(&format!("    promise:\n      configure:\n{script}")).succeeds());
    for line in ["kind: Promise\n", "destinationSelectors:\n", "workflows:\n", "openAPIV3Schema:\n"]
    {
        assert!(text.contains(line), "{line} in {text}");
    }
}
