//! What a run says about wrong input: the whole block, and the exit code.

use std::fs;

use bookend::exit::{Exit, Fault as _};
use bookend::report;

use super::support::{Case, pipeline, promise, resource, stages, workflows};

/// Returns exit code and block, without the folder of the case.
#[track_caller]
fn refusal(case: &Case) -> (Exit, String) {
    let error = case.run().unwrap_err();
    let folder = format!("{}/", case.dir.path().display());
    (error.exit(), report::render(&error).replace(&folder, ""))
}

#[test]
fn a_file_that_holds_something_else_is_told_by_what_it_holds() {
    let file = |text: &str| {
        let case = resource(&pipeline("p", "true"));
        fs::write(&case.args.promise, text).unwrap();
        refusal(&case)
    };
    let hint =
        "  hint: check `apiVersion` and `kind`, and give the Promise first, then its request\n";
    for (text, holds) in [
        ("", "it holds no object"),
        ("---\n---\n", "it holds no object"),
        ("kind: Promise\nplatform: x\n", "it holds kind `Promise` of apiVersion none"),
        ("a: 1\n", "it holds kind none of apiVersion none"),
        ("apiVersion: v1\nkind: Secret\n", "it holds kind `Secret` of apiVersion `v1`"),
    ] {
        let expect = format!("error: failed to find a Promise in `promise.yaml`: {holds}\n{hint}");
        assert_eq!(file(text), (Exit::Input, expect));
    }
    let objects = "write Kubernetes objects, each with `apiVersion`, `kind` and `metadata`";
    let start = "error: failed to parse `promise.yaml` as Kubernetes objects\n  caused by: ";
    for (text, cause, hint) in [
        ("hello\n", "document 1: expected a map, found text", objects),
        ("- a\n", "document 1: expected a map, found a list", objects),
        (
            "a: [\n",
            "line 1, column 4: unclosed bracket '['",
            "check the indentation and the quotes there",
        ),
    ] {
        assert_eq!(file(text), (Exit::Input, format!("{start}{cause}\n  hint: {hint}\n")));
    }
}

#[test]
fn a_path_that_is_no_file_or_no_folder_is_told_before_anything_runs() {
    let mut case = resource(&pipeline("p", "true"));
    let file = case.args.promise.clone();
    case.args.out = Some(file);
    let expect = "error: failed to use `promise.yaml` as the folder of `--out`: it is no folder\n  \
                  hint: give `--out` the name of a folder\n";
    assert_eq!(refusal(&case), (Exit::Usage, expect.into()));
    assert!(!case.dir.path().join("cluster/team-a").exists());
    (case.args.out, case.args.promise) = (None, case.dir.path().join("none"));
    let (exit, text) = refusal(&case);
    assert_eq!(exit, Exit::Input);
    assert!(text.starts_with("error: failed to read `none`\n"), "{text}");
    assert!(text.contains("  hint: check that `none` is there"), "{text}");
}

#[test]
fn a_workflow_that_is_not_there_is_answered_with_those_that_are() {
    let mut case = resource(&pipeline("p", "true"));
    case.args.request = None;
    let expect = "error: Promise `database` has no promise configure pipeline\n  \
                  hint: run one that it has: `--type resource --action configure` with a request\n";
    assert_eq!(refusal(&case), (Exit::Usage, expect.into()));
    let case = promise("  workflow: {}\n");
    let expect = "error: Promise `database` has no promise configure pipeline\n  \
                  hint: check `spec.workflow`: no Promise has this field\n";
    assert_eq!(refusal(&case), (Exit::Usage, expect.into()));
}

#[test]
fn a_promise_that_a_cluster_would_refuse_is_refused() {
    let outside = tempfile::tempdir().unwrap();
    let target = outside.path().join("made");
    let more = format!("          volumes: [{{name: {target:?}, emptyDir: {{}}}}]\n");
    let case = resource(&(pipeline("p", "true") + &more));
    let (exit, text) = refusal(&case);
    assert_eq!(exit, Exit::Input);
    assert!(text.starts_with("error: failed to accept the Promise in `promise.yaml`\n"), "{text}");
    let field = "spec.workflows.resource.configure[0].spec.volumes[0].name";
    assert!(text.contains(&format!("caused by: `{field}`: ")), "{text}");
    assert!(text.ends_with(&format!("hint: change `{field}`\n")), "{text}");
    assert!(!target.exists(), "nothing is made outside");

    let twice = resource(&(pipeline("p", "true") + &pipeline("p", "true")));
    assert!(refusal(&twice).1.contains("another pipeline of this workflow is named `p`"));
    let escape = resource(&pipeline("../../p", "true"));
    assert_eq!(refusal(&escape).0, Exit::Input);
}

#[test]
fn a_name_that_leads_elsewhere_is_refused_in_a_request_and_beside_it() {
    let mut case = resource(&pipeline("p", "true"));
    let text = "apiVersion: example.org/v1\nkind: Database\nmetadata: {name: ../../x}\nspec: {size: small}\n";
    case.args.request = Some(case.write("request.yaml", text));
    assert!(refusal(&case).1.contains("metadata.name: Invalid value"));
    case.request("spec: {size: small}");
    case.with("apiVersion: v1\nkind: Secret\nmetadata: {name: ../x}\n");
    let expect = "error: `../x` cannot be the name of an object: it holds `/`\n  \
                  hint: change the name in the file that holds it\n";
    assert_eq!(refusal(&case), (Exit::Input, expect.into()));
}

#[test]
fn an_unknown_field_of_the_promise_is_a_warning_with_its_path() {
    needs_namespaces!();
    let case = promise(&format!(
        "  colour: red\n  workflows:\n    promise:\n      configure:\n{}",
        pipeline("p", "true")
    ));
    let expect = ["`spec.colour`: no Promise has this field; an API server drops it"];
    assert_eq!(case.succeeds().warnings, expect);
}

#[test]
fn what_the_writer_refuses_has_the_paths_that_the_stage_knows() {
    needs_namespaces!();
    for (script, path) in [
        ("mkfifo /kratix/output/pipe", "`/kratix/output/pipe`"),
        ("echo '- a' > /kratix/metadata/status.yaml", "`/kratix/metadata/status.yaml`"),
        ("echo 'a: b' > /kratix/metadata/destination-selectors.yaml", "`/kratix/metadata/dest"),
        ("echo 'retryAfter: x' > /kratix/metadata/workflow-control.yaml", "`/kratix/metadata/work"),
    ] {
        let (exit, text) = refusal(&resource(&pipeline("p", script)));
        assert_eq!(exit, Exit::Input, "{text}");
        assert!(text.contains(path), "{text}");
        assert!(!text.contains("volumes"), "{text}");
    }
}

#[test]
fn a_stage_that_no_system_can_start_is_a_fault_of_the_stage() {
    needs_namespaces!();
    let env = "            env: [{name: A, value: \"x\\0y\"}]\n";
    let (exit, text) = refusal(&resource(&stages("p", &[("stage", "true")], env)));
    assert_eq!(exit, Exit::Stage);
    assert!(
        text.contains("failed to start stage `stage`: the variable `A` holds a NUL byte"),
        "{text}"
    );
    let case = workflows(
        "    promise:\n      configure:\n      - apiVersion: platform.kratix.io/v1alpha1\n        \
         kind: Pipeline\n        metadata: {name: p}\n        \
         spec: {containers: [{name: a, image: i, command: [\"\"]}]}\n",
    );
    let (exit, text) = refusal(&case);
    assert_eq!(exit, Exit::Stage);
    assert!(text.ends_with("hint: write the program as the first word of `command`\n"), "{text}");
}

#[test]
fn two_runs_of_one_object_take_turns() {
    needs_namespaces!();
    // Each fails when another one is between its two lines.
    let case = resource("");
    let lock = case.dir.path().join("busy");
    let script = format!("mkdir {0}; echo x > /kratix/output/x; rmdir {0}", lock.display());
    let text = fs::read_to_string(&case.args.promise).unwrap() + &pipeline("p", &script);
    fs::write(&case.args.promise, text).unwrap();
    std::thread::scope(|scope| {
        let runs: Vec<_> = (0..4).map(|_| scope.spawn(|| case.succeeds())).collect();
        for run in runs {
            assert_eq!(run.join().unwrap().works.len(), 1);
        }
    });
}
