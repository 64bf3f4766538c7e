//! The reader: what it writes, what it asks, and how it fails (contract.md 2.1).

use bookend::contract::{Layout, ObjectKey, kinds, labels};
use bookend::exit::{Exit, Fault as _};
use bookend::files::yaml;
use bookend::report;
use bookend::steps::reader::{self, Outcome, Reader, ReaderError};
use bookend::steps::{Clock, Context};
use serde_json::{Value, json};

use crate::double::{Double, Trouble, fault};

/// Runs the step in an empty folder; returns what it wrote, or the error as a user sees it.
fn run(cluster: &Double, key: &ObjectKey, dry_run: bool) -> Result<Value, (Exit, String)> {
    let dir = tempfile::tempdir().unwrap();
    let context = Context {
        layout: Layout::pod().with_input_dir(dir.path().to_owned()),
        clock: Clock::System,
    };
    let args = Reader { key: key.clone(), dry_run, keep_managed_fields: false };
    let path = context.layout.object_path();
    match block_on(reader::run(&context, cluster, &args)) {
        Ok(outcome) => {
            let text = std::fs::read(&path).unwrap();
            assert_eq!(outcome, Outcome { path, bytes: text.len() });
            let mut object = yaml::parse(&text).unwrap().to_json().unwrap();
            // Given by the cluster, and different each time.
            object["metadata"].as_object_mut().unwrap().remove("resourceVersion").unwrap();
            Ok(object)
        }
        Err(error) => {
            assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "something was written");
            Err((error.exit(), report::render(&error)))
        }
    }
}

fn block_on<T>(future: impl Future<Output = Result<T, ReaderError>>) -> Result<T, ReaderError> {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn cluster_with<const N: usize>(objects: [Value; N]) -> Double {
    Double::with(&kinds::CONFIG_MAP, objects)
}

fn key(name: &str) -> ObjectKey {
    kinds::CONFIG_MAP.object(Some("team-a"), name)
}

fn ephemeral(annotations: Value) -> Value {
    json!({ "metadata": { "name": "try", "namespace": "team-a", "annotations": annotations }, "spec": { "size": "large" } })
}

fn real(namespace: &str) -> Value {
    json!({ "metadata": { "name": "real", "namespace": namespace }, "spec": { "old": true }, "status": { "message": "m" } })
}

#[test]
fn the_object_is_written_whole_but_for_managed_fields() {
    let mut object = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": { "name": "a", "namespace": "team-a", "managedFields": [{ "manager": "m" }], "uid": "1" },
        "data": { "<<": "=", "y": "1e1000", "\u{85}": "\u{7f}\u{2028}" }, "status": null,
    });
    let cluster = cluster_with([object.clone()]);
    let seen = run(&cluster, &key("a"), false).unwrap();
    object["metadata"].as_object_mut().unwrap().remove("managedFields");
    assert_eq!(seen, object);
    assert_eq!(cluster.keys(), ["configmaps team-a/a"]);
}

#[test]
fn annotations_of_a_dry_run_count_in_a_dry_run_only() {
    let object = ephemeral(
        json!({ labels::DRY_RUN_RESOURCE_NAME: "real", labels::DRY_RUN_RESOURCE_NAMESPACE: "team-a" }),
    );
    let cluster = cluster_with([object.clone(), real("team-a")]);
    assert_eq!(run(&cluster, &key("try"), false).unwrap(), object);
    assert_eq!(cluster.requests().len(), 1);
}

#[test]
fn a_dry_run_shows_the_real_object_with_the_proposed_spec() {
    for namespace in ["team-a", "team-b"] {
        let object = ephemeral(
            json!({ labels::DRY_RUN_RESOURCE_NAME: "real", labels::DRY_RUN_RESOURCE_NAMESPACE: namespace }),
        );
        let cluster = cluster_with([object, real(namespace)]);
        let mut expected = real(namespace);
        expected["spec"] = json!({ "size": "large" });
        assert_eq!(run(&cluster, &key("try"), true).unwrap(), expected);
    }
}

#[test]
fn a_dry_run_without_a_real_object_takes_its_name() {
    for (annotations, namespace, requests) in [
        (
            json!({ labels::DRY_RUN_RESOURCE_NAME: "real", labels::DRY_RUN_RESOURCE_NAMESPACE: "team-b" }),
            "team-b",
            2,
        ),
        (json!({ labels::DRY_RUN_RESOURCE_NAME: "real" }), "team-a", 1),
    ] {
        let cluster = cluster_with([ephemeral(annotations.clone())]);
        let mut expected = ephemeral(annotations);
        expected["metadata"]["name"] = json!("real");
        expected["metadata"]["namespace"] = json!(namespace);
        assert_eq!(run(&cluster, &key("try"), true).unwrap(), expected);
        assert_eq!(cluster.requests().len(), requests);
    }
}

#[test]
fn a_dry_run_that_names_no_real_object_shows_the_object_itself() {
    for annotations in [json!({}), json!({ labels::DRY_RUN_RESOURCE_NAME: "" })] {
        let object = ephemeral(annotations);
        let cluster = cluster_with([object.clone()]);
        assert_eq!(run(&cluster, &key("try"), true).unwrap(), object);
    }
}

#[test]
fn a_dry_run_never_falls_back_on_an_error() {
    let object = ephemeral(
        json!({ labels::DRY_RUN_RESOURCE_NAME: "real", labels::DRY_RUN_RESOURCE_NAMESPACE: "team-a" }),
    );
    let cluster = cluster_with([object, real("team-a")]);
    cluster.trouble(Some("get"), 2..=2, Trouble::Fails(fault::forbidden));
    let (exit, text) = run(&cluster, &key("try"), true).unwrap_err();
    assert_eq!(exit, Exit::Refused);
    assert_eq!(
        text,
        "error: failed to get configmaps team-a/real, which the dry run is about\n  \
         caused by: not allowed to get configmaps team-a/real: no\n  \
         hint: ask whoever set the policy or quota that the server names\n"
    );

    let cluster = cluster_with([ephemeral(
        json!({ labels::DRY_RUN_RESOURCE_NAME: "../x", labels::DRY_RUN_RESOURCE_NAMESPACE: "a" }),
    )]);
    let (exit, text) = run(&cluster, &key("try"), true).unwrap_err();
    assert_eq!(exit, Exit::Refused);
    assert!(
        text.starts_with("error: failed to find the object that the dry run is about\n"),
        "{text}"
    );
}

#[test]
fn an_object_that_cannot_be_read_says_what_names_it() {
    let (exit, text) = run(&Double::default(), &key("a"), false).unwrap_err();
    assert_eq!(exit, Exit::Refused);
    let expected = format!(
        "error: failed to get the object configmaps team-a/a: not found\n  \
         hint: check that the object was not deleted, and `{0}NAME`, `{0}NAMESPACE` and `{1}` that name it\n",
        bookend::contract::env::OBJECT_NAME.trim_end_matches("NAME"),
        bookend::contract::env::CLUSTER_SCOPED,
    );
    assert_eq!(text, expected);

    let cluster = Double::default();
    cluster.fail("get", 1, fault::forbidden);
    let (exit, text) = run(&cluster, &key("a"), false).unwrap_err();
    assert_eq!(exit, Exit::Refused);
    assert!(
        text.ends_with("hint: ask whoever set the policy or quota that the server names\n"),
        "{text}"
    );
}

#[test]
fn a_name_that_is_no_name_is_never_sent() {
    for name in ["", "a/status", "a%2f", ".."] {
        let cluster = Double::default();
        let (exit, _) = run(&cluster, &key(name), false).unwrap_err();
        assert_eq!(exit, Exit::Usage, "{name}");
        assert_eq!(cluster.requests().len(), 0, "{name}");
    }
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let cluster = cluster_with([json!({ "metadata": { "name": "a", "namespace": "team-a" } })]);
    let dir = tempfile::tempdir().unwrap();
    let layout = Layout::pod().with_input_dir(dir.path().join("none"));
    let context = Context { layout, clock: Clock::System };
    let args = Reader { key: key("a"), dry_run: false, keep_managed_fields: true };
    let error = block_on(reader::run(&context, &cluster, &args)).unwrap_err();
    assert_eq!(error.exit(), Exit::Input);
    assert_eq!(
        error.hint().unwrap(),
        format!("create the folder `{}`", dir.path().join("none").display())
    );
}
