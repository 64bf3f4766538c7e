//! Older systems: `xaasRequestPipeline` and the early layout, with real stages.

use bookend::contract::kinds;
use bookend::core::promise::WorkflowAction;
use bookend::exit::{Exit, Fault as _};
use bookend::local::report::Report;

use super::support::{Case, files, promise, resource, stages};

/// A case whose Promise is a list of this many images; each runs the script of its place.
fn xaas(scripts: &[&str]) -> Case {
    let images: Vec<String> = (1..=scripts.len()).map(|number| format!("image:{number}")).collect();
    let mut case = promise(&format!("  xaasRequestPipeline: [{}]\n", images.join(", ")));
    case.request("spec: {size: small}");
    scripted(&mut case, scripts);
    case
}

/// What an image starts does not stand in the Promise.
fn scripted(case: &mut Case, scripts: &[&str]) {
    for (number, script) in (1..).zip(scripts) {
        let command = ["sh", "-ec", script].map(str::to_owned).to_vec();
        case.args.commands.insert(format!("stage-{number}"), command);
    }
}

/// A case with one early pipeline under `action`.
fn early(action: &str, scripts: &[(&str, &str)]) -> Case {
    let pipeline = stages("p", scripts, "").replace(
        "metadata: {name: p}",
        "metadata: {name: p, annotations: {bookend/layout: early}}",
    );
    let mut case = resource(&pipeline);
    let path = case.args.promise.clone();
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("      configure:\n", &format!("      {action}:\n")))
        .unwrap();
    if action == "delete" {
        case.args.action = WorkflowAction::Delete;
    }
    case
}

const NAMESPACE: &str = "printf 'apiVersion: v1\\nkind: Namespace\\nmetadata: {name: a}\\n'";

/// Labels that the one group of a run selects by, without those of the Promise (`env`).
fn selected(report: &Report) -> Vec<String> {
    let labels = &report.works[0].groups[0].group.labels;
    labels
        .iter()
        .filter(|(key, _)| *key != "env")
        .map(|(key, value)| format!("{key}={value}"))
        .collect()
}

/// Returns message and causes of why the run failed.
#[track_caller]
fn refusal(case: &Case) -> String {
    let error = case.run().expect_err("the run fails");
    assert_eq!(error.exit(), Exit::Input);
    let text = bookend::report::render(&error);
    assert!(text.contains("hint"), "{text}");
    text
}

#[test]
fn what_one_image_leaves_is_what_the_next_finds() {
    needs_namespaces!();
    let case = xaas(&[
        "grep -q 'name: orders' /input/object.yaml; ls /input > /output/seen; cp /input/object.yaml /output/",
        "cat /input/seen; test -z \"$(ls /output)\"; echo two >> /input/seen; cp /input/seen /output/",
        &format!(
            "test ! -e /input/object.yaml; test \"$(cat /input/seen)\" = \"$(printf 'object.yaml\\ntwo')\"; {NAMESPACE} > /output/a.yaml"
        ),
    ]);
    let report = case.succeeds();
    let names: Vec<_> = report.pipelines[0].stages.iter().map(|ran| ran.name.as_str()).collect();
    assert_eq!(names, ["stage-1", "stage-2", "stage-3"]);
    let files = files(&report);
    assert_eq!(files.len(), 1, "only what the last one leaves is scheduled: {files:?}");
    assert_eq!(files[0].0, "a.yaml");
    assert!(
        report.warnings.iter().any(|line| line.contains("bookend migrate")),
        "{:?}",
        report.warnings
    );
}

#[test]
fn all_images_share_the_metadata_folder() {
    needs_namespaces!();
    let case = xaas(&[
        "echo 'message: from the first' > /metadata/status.yaml; echo x > /metadata/note",
        &format!(
            "test -e /metadata/note; printf 'pci: true\\nzone: a\\n' > /metadata/cluster-selectors.yaml; {NAMESPACE} > /output/a.yaml"
        ),
    ]);
    let report = case.succeeds();
    assert_eq!(report.status["message"], "from the first");
    assert_eq!(selected(&report), ["pci=true", "zone=a"]);
}

#[test]
fn cluster_selectors_come_in_every_old_shape_and_later_files_do_not_count() {
    needs_namespaces!();
    for shape in ["matchLabels: {zone: a}", "- matchLabels: {zone: a}"] {
        let case = xaas(&[&format!(
            "echo '{shape}' > /metadata/cluster-selectors.yaml; echo broken > /metadata/destination-selectors.yaml; {NAMESPACE} > /output/a.yaml"
        )]);
        assert_eq!(selected(&case.succeeds()), ["zone=a"], "{shape}");
    }
}

#[test]
fn a_failing_image_halts_the_chain() {
    needs_namespaces!();
    let case = xaas(&["exit 4", "touch /output/never"]);
    let report = case.run().unwrap();
    assert_eq!(report.failure().unwrap().stage, "stage-1");
    assert!(report.works.is_empty());
}

#[test]
fn an_old_pod_runs_under_the_account_that_bindings_know() {
    needs_namespaces!();
    let case = xaas(&[&format!("{NAMESPACE} > /output/a.yaml")]);
    case.succeeds();
    let job = &case.list(&kinds::JOB)[0];
    let account = job.text_at(&["spec", "template", "spec", "serviceAccountName"]);
    assert_eq!(account, Some("database-default-promise-pipeline"));
}

#[test]
fn an_old_output_holds_documents_at_its_root_and_nothing_else() {
    needs_namespaces!();
    for (script, expect) in [
        ("mkdir /output/sub", "the output has the folder `sub`; every file must be at its root"),
        ("echo '{' > /output/a.yaml", "the output file `a.yaml` is no Kubernetes document"),
        ("echo text > /output/notes.txt", "document 1: expected a map, found text"),
        ("touch /output/empty", "the output file `empty` holds no Kubernetes document"),
        (
            "printf 'apiVersion: v1\\nkind: Namespace\\n' > /output/a",
            "document 1 of the output file `a` is no Kubernetes document: `metadata.name` is missing",
        ),
        ("echo 3 > /metadata/cluster-selectors.yaml", "expected a map of labels, found a number"),
    ] {
        let text = refusal(&xaas(&[script]));
        assert!(text.contains(expect), "{text}");
    }
}

#[test]
fn early_stages_are_told_the_operation_and_share_their_folders() {
    needs_namespaces!();
    let first = "test $KRATIX_OPERATION = configure; echo hello > /kratix/input/greeting; \
                 echo 'message: early' > /kratix/metadata/status.yaml; \
                 printf 'zone: a\\n' > /kratix/metadata/destination-selectors.yaml";
    let second = format!(
        "grep -q hello /kratix/input/greeting; grep -q 'name: orders' /kratix/input/object.yaml; {NAMESPACE} > /kratix/output/a.yaml"
    );
    let report = early("configure", &[("one", first), ("two", &second)]).succeeds();
    assert_eq!(files(&report)[0].0, "a.yaml");
    assert_eq!(report.status["message"], "early");
    assert_eq!(selected(&report), ["zone=a"]);
}

#[test]
fn an_early_output_holds_documents_at_its_root_and_nothing_else() {
    needs_namespaces!();
    let text = refusal(&early("configure", &[("one", "mkdir /kratix/output/sub")]));
    assert!(text.contains("the output has the folder `sub`"), "{text}");
    let text = refusal(&early("configure", &[("one", "echo text > /kratix/output/a.txt")]));
    assert!(text.contains("the output file `a.txt` is no Kubernetes document"), "{text}");
}

#[test]
fn nothing_happens_after_the_stages_of_an_early_delete() {
    needs_namespaces!();
    let script = "test $KRATIX_OPERATION = delete; test ! -e /kratix/metadata; \
                  mkdir /kratix/output/any; echo x > /kratix/output/any/x";
    let case = early("delete", &[("one", script), ("two", "test -e /kratix/output/any/x")]);
    let report = case.succeeds();
    assert!(report.works.is_empty());
    assert_eq!(report.pipelines[0].stages.len(), 2);
}

#[test]
fn a_migrated_promise_leaves_what_the_old_one_leaves() {
    needs_namespaces!();
    let last = format!(
        "cat /input/seen >> /metadata/status.yaml; {NAMESPACE} > /output/a.yaml; echo 'zone: a' > /metadata/cluster-selectors.yaml"
    );
    let scripts = ["echo 'message: seen' > /output/seen", last.as_str()];
    let old = xaas(&scripts);
    let migrated = bookend::local::migrate::migrate(&old.args.promise).unwrap();
    assert!(!migrated.text.contains("xaasRequestPipeline"), "{}", migrated.text);
    let mut new = xaas(&scripts);
    new.args.promise = new.write("migrated.yaml", &migrated.text);
    let [old, new] = [old.succeeds(), new.succeeds()];
    assert_eq!(new.warnings, Vec::<String>::new(), "nothing of the old form is left");
    assert_eq!(files(&old), files(&new));
    assert_eq!(selected(&old), selected(&new));
    assert_eq!(old.status["message"], new.status["message"]);
    assert_eq!(old.status["message"], "seen");
}

#[test]
fn a_file_is_migrated_whole_and_once() {
    let case = xaas(&["true"]);
    let text = std::fs::read_to_string(&case.args.promise).unwrap();
    let more = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: other}\n";
    let path = case.write("both.yaml", &(text + more));
    let once = bookend::local::migrate::migrate(&path).unwrap();
    assert!(once.text.contains("kind: ConfigMap"), "{}", once.text);
    assert!(
        once.notes.iter().any(|note| note.contains("cluster-selectors.yaml")),
        "{:?}",
        once.notes
    );
    let again = bookend::local::migrate::migrate(&case.write("once.yaml", &once.text)).unwrap();
    assert_eq!(again.text, once.text);
    assert_eq!(again.notes, ["Promise `database` is in today's form already"]);
    let none = bookend::local::migrate::migrate(&case.write("none.yaml", more)).unwrap_err();
    assert!(none.to_string().contains("failed to find a Promise"), "{none}");
}

#[test]
fn the_command_prints_the_promise_alone_and_notes_beside_it() {
    let case = xaas(&["true"]);
    let run = |path: &std::path::Path| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_bookend"));
        let output = command.env_clear().arg("migrate").arg(path).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let (code, out, notes) = run(&case.args.promise);
    assert_eq!(code, Some(0));
    assert!(out.starts_with("apiVersion: platform.kratix.io/v1alpha1\nkind: Promise\n"), "{out}");
    assert!(!out.contains("note:"), "{out}");
    assert!(notes.lines().all(|line| line.starts_with("note: Promise `database`: ")), "{notes}");
    assert_eq!(notes.lines().count(), 3, "{notes}");
    let both = "kind: Promise\napiVersion: platform.kratix.io/v1alpha1\nmetadata: {name: a}\n\
                spec: {xaasRequestPipeline: [a], workflows: {resource: {delete: [b]}}}\n";
    let (code, out, errors) = run(&case.write("both-forms.yaml", both));
    assert_eq!((code, out.as_str()), (Some(3), ""));
    assert!(
        errors.contains("both `spec.xaasRequestPipeline` and `spec.workflows` are set"),
        "{errors}"
    );
}
