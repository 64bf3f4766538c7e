//! The reader: what it writes, what it asks, and how it fails (contract.md 2.1).

#![allow(clippy::unwrap_used, clippy::panic, reason = "a helper of a test may fail the test")]

use std::collections::BTreeMap;
use std::sync::Mutex;

use bookend::cluster::{Cluster, ClusterError, Selector};
use bookend::contract::{Kind, Layout, Object, ObjectKey, kinds, labels};
use bookend::exit::{Exit, Fault as _};
use bookend::files::yaml;
use bookend::report;
use bookend::steps::reader::{self, Outcome, Reader, ReaderError};
use bookend::steps::{Clock, Context};
use serde_json::{Value, json};

/// A cluster that only answers `get`, and notes what it was asked.
#[derive(Default)]
struct Answers {
    objects: BTreeMap<ObjectKey, Value>,
    forbidden: Vec<ObjectKey>,
    asked: Mutex<Vec<String>>,
}

impl Answers {
    fn with(mut self, key: &ObjectKey, object: Value) -> Self {
        self.objects.insert(key.clone(), object);
        self
    }
}

impl Cluster for Answers {
    async fn get(&self, key: &ObjectKey) -> Result<Option<Object>, ClusterError> {
        self.asked.lock().unwrap().push(key.to_string());
        if self.forbidden.contains(key) {
            let (key, detail) = (Box::new(key.clone()), String::new());
            return Err(ClusterError::Forbidden { verb: "get", key, detail });
        }
        Ok(self.objects.get(key).cloned().and_then(Object::from_value))
    }
    async fn list(
        &self,
        _: &Kind,
        _: Option<&str>,
        _: &Selector<'_>,
    ) -> Result<Vec<Object>, ClusterError> {
        unreachable!("the reader lists nothing")
    }
    async fn list_metadata(
        &self,
        _: &Kind,
        _: Option<&str>,
        _: &Selector<'_>,
    ) -> Result<Vec<Object>, ClusterError> {
        unreachable!("the reader lists nothing")
    }
    async fn create(&self, _: &Kind, _: &Object) -> Result<Object, ClusterError> {
        unreachable!("the reader changes nothing")
    }
    async fn replace(&self, _: &Kind, _: &Object) -> Result<Object, ClusterError> {
        unreachable!("the reader changes nothing")
    }
    async fn replace_status(&self, _: &Kind, _: &Object) -> Result<Object, ClusterError> {
        unreachable!("the reader changes nothing")
    }
    async fn set_label(
        &self,
        _: &ObjectKey,
        _: Option<&str>,
        _: &str,
        _: &str,
    ) -> Result<(), ClusterError> {
        unreachable!("the reader changes nothing")
    }
    async fn delete(&self, _: &ObjectKey) -> Result<(), ClusterError> {
        unreachable!("the reader changes nothing")
    }
}

/// Runs the step in an empty folder; returns what it wrote, or the error as a user sees it.
fn run(cluster: &Answers, key: &ObjectKey, dry_run: bool) -> Result<Value, (Exit, String)> {
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
            Ok(yaml::parse(&text).unwrap().to_json().unwrap())
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
        "metadata": { "name": "a", "managedFields": [{ "manager": "m" }], "uid": "1" },
        "data": { "<<": "=", "y": "1e1000", "\u{85}": "\u{7f}\u{2028}" }, "status": null,
    });
    let cluster = Answers::default().with(&key("a"), object.clone());
    let seen = run(&cluster, &key("a"), false).unwrap();
    object["metadata"].as_object_mut().unwrap().remove("managedFields");
    assert_eq!(seen, object);
    assert_eq!(*cluster.asked.lock().unwrap(), ["configmaps team-a/a"]);
}

#[test]
fn annotations_of_a_dry_run_count_in_a_dry_run_only() {
    let object = ephemeral(
        json!({ labels::DRY_RUN_RESOURCE_NAME: "real", labels::DRY_RUN_RESOURCE_NAMESPACE: "team-a" }),
    );
    let cluster =
        Answers::default().with(&key("try"), object.clone()).with(&key("real"), real("team-a"));
    assert_eq!(run(&cluster, &key("try"), false).unwrap(), object);
    assert_eq!(cluster.asked.lock().unwrap().len(), 1);
}

#[test]
fn a_dry_run_shows_the_real_object_with_the_proposed_spec() {
    for namespace in ["team-a", "team-b"] {
        let object = ephemeral(
            json!({ labels::DRY_RUN_RESOURCE_NAME: "real", labels::DRY_RUN_RESOURCE_NAMESPACE: namespace }),
        );
        let target = kinds::CONFIG_MAP.object(Some(namespace), "real");
        let cluster = Answers::default().with(&key("try"), object).with(&target, real(namespace));
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
        let cluster = Answers::default().with(&key("try"), ephemeral(annotations.clone()));
        let mut expected = ephemeral(annotations);
        expected["metadata"]["name"] = json!("real");
        expected["metadata"]["namespace"] = json!(namespace);
        assert_eq!(run(&cluster, &key("try"), true).unwrap(), expected);
        assert_eq!(cluster.asked.lock().unwrap().len(), requests);
    }
}

#[test]
fn a_dry_run_that_names_no_real_object_shows_the_object_itself() {
    for annotations in [json!({}), json!({ labels::DRY_RUN_RESOURCE_NAME: "" })] {
        let object = ephemeral(annotations);
        let cluster = Answers::default().with(&key("try"), object.clone());
        assert_eq!(run(&cluster, &key("try"), true).unwrap(), object);
    }
}

#[test]
fn a_dry_run_never_falls_back_on_an_error() {
    let object = ephemeral(
        json!({ labels::DRY_RUN_RESOURCE_NAME: "real", labels::DRY_RUN_RESOURCE_NAMESPACE: "team-a" }),
    );
    let mut cluster =
        Answers::default().with(&key("try"), object).with(&key("real"), real("team-a"));
    cluster.forbidden.push(key("real"));
    let (exit, text) = run(&cluster, &key("try"), true).unwrap_err();
    assert_eq!(exit, Exit::Refused);
    assert_eq!(
        text,
        "error: failed to get configmaps team-a/real, which the dry run is about\n  \
         caused by: not allowed to get configmaps team-a/real\n  \
         hint: allow the pipeline's service account to get configmaps in team-a\n"
    );

    let cluster = Answers::default()
        .with(&key("try"), ephemeral(json!({ labels::DRY_RUN_RESOURCE_NAME: "../x" })));
    let (exit, text) = run(&cluster, &key("try"), true).unwrap_err();
    assert_eq!(exit, Exit::Refused);
    assert!(
        text.starts_with("error: failed to find the object that the dry run is about\n"),
        "{text}"
    );
}

#[test]
fn an_object_that_cannot_be_read_says_what_names_it() {
    let (exit, text) = run(&Answers::default(), &key("a"), false).unwrap_err();
    assert_eq!(exit, Exit::Refused);
    let expected = format!(
        "error: failed to get the object configmaps team-a/a: not found\n  \
         hint: check that the object was not deleted, and {0}NAME, {0}NAMESPACE and {1} that name it\n",
        bookend::contract::env::OBJECT_NAME.trim_end_matches("NAME"),
        bookend::contract::env::CLUSTER_SCOPED,
    );
    assert_eq!(text, expected);

    let cluster = Answers { forbidden: vec![key("a")], ..Answers::default() };
    let (exit, text) = run(&cluster, &key("a"), false).unwrap_err();
    assert_eq!(exit, Exit::Refused);
    assert!(
        text.ends_with("hint: allow the pipeline's service account to get configmaps in team-a\n"),
        "{text}"
    );
}

#[test]
fn a_name_that_is_no_name_is_never_sent() {
    for name in ["", "a/status", "a%2f", ".."] {
        let cluster = Answers::default();
        let (exit, _) = run(&cluster, &key(name), false).unwrap_err();
        assert_eq!(exit, Exit::Usage, "{name}");
        assert_eq!(cluster.asked.lock().unwrap().len(), 0, "{name}");
    }
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let cluster = Answers::default().with(&key("a"), json!({ "metadata": {} }));
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
