//! The pods of older layouts (contract.md 14).

use serde_json::{Value, json};

use crate::contract::{Object, kinds};
use crate::core::config::Config;
use crate::core::pipeline::{Adapter, JobInput, job, run_hash};
use crate::core::promise::{Promise, WorkflowAction, WorkflowType};

/// Returns the pod of the first pipeline of a Promise whose `spec` is this beside its API.
fn pod(spec: Value, action: WorkflowAction) -> Value {
    pod_with(spec, action, &Config::default())
}

fn pod_with(spec: Value, action: WorkflowAction, config: &Config) -> Value {
    let mut promise = json!({
        "apiVersion": kinds::PROMISE.api_version(),
        "kind": "Promise",
        "metadata": {"name": "redis"},
        "spec": {"api": {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "spec": {
                "group": "db.example.com",
                "scope": "Namespaced",
                "names": {"kind": "Redis", "plural": "redises"},
                "versions": [{"name": "v1", "storage": true}],
            },
        }},
    });
    let fields = promise["spec"].as_object_mut().unwrap();
    fields.extend(spec.as_object().unwrap().clone());
    let promise = Promise::from_object(&Object::from_value(promise).unwrap()).unwrap();
    let request = json!({
        "apiVersion": "db.example.com/v1",
        "kind": "Redis",
        "metadata": {"name": "mine", "namespace": "team"},
    });
    let job = job(&JobInput {
        promise: &promise,
        request: Object::from_value(request).as_ref(),
        workflow: WorkflowType::Resource,
        action,
        index: 0,
        config,
        adapter: &Adapter { image: "adapter:1".into(), pull_secret: None },
        run: 1,
    });
    job.unwrap().at(&["spec", "template", "spec"]).unwrap().clone()
}

fn early(action: WorkflowAction) -> Value {
    let stage = |name: &str| json!({"name": name, "image": "busybox"});
    let pipeline = json!({
        "apiVersion": kinds::PROMISE.api_version(),
        "kind": "Pipeline",
        "metadata": {"name": "main", "annotations": {"bookend/layout": "early"}},
        "spec": {"containers": [stage("one"), stage("two")]},
    });
    let spec = json!({"workflows": {"resource": {action.as_str(): [pipeline]}}});
    pod(spec, action)
}

fn names<'a>(pod: &'a Value, list: &str) -> Vec<&'a str> {
    pod[list].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect()
}

/// Mounts of a container as `volume path`, with `!` where it may write.
fn mounts(container: &Value) -> Vec<String> {
    let line = |mount: &Value| {
        let (name, path) = (mount["name"].as_str().unwrap(), mount["mountPath"].as_str().unwrap());
        let writes = if mount["readOnly"] == true { "" } else { "!" };
        format!("{name} {path}{writes}")
    };
    container["volumeMounts"].as_array().unwrap().iter().map(line).collect()
}

fn variable<'a>(container: &'a Value, name: &str) -> Option<&'a str> {
    let all = container["env"].as_array().unwrap();
    all.iter().find(|one| one["name"] == name)?["value"].as_str()
}

#[test]
fn a_chained_pod_has_a_volume_for_each_hop() {
    let pod = pod(json!({"xaasRequestPipeline": ["a", "b", "c"]}), WorkflowAction::Configure);
    assert_eq!(
        names(&pod, "volumes"),
        [
            "promise-scheduling",
            "shared-input",
            "shared-output",
            "shared-metadata",
            "hop-1",
            "hop-2"
        ]
    );
    assert_eq!(
        names(&pod, "initContainers"),
        ["reader", "stage-1", "stage-2", "stage-3", "work-writer"]
    );
    let chained: Vec<Vec<String>> =
        (1..=3).map(|stage| mounts(&pod["initContainers"][stage]).split_off(3)).collect();
    let metadata = "shared-metadata /metadata!".to_owned();
    assert_eq!(
        chained,
        [
            ["shared-input /input!".to_owned(), "hop-1 /output!".to_owned(), metadata.clone()],
            ["hop-1 /input!".to_owned(), "hop-2 /output!".to_owned(), metadata.clone()],
            ["hop-2 /input!".to_owned(), "shared-output /output!".to_owned(), metadata],
        ]
    );
    assert_eq!(mounts(&pod["initContainers"][4])[0], "shared-output /work-creator-files/input!");
    assert_eq!(pod["serviceAccountName"], "redis-default-promise-pipeline");
    let flags = pod["initContainers"][4]["args"].as_array().unwrap();
    assert!(flags.ends_with(&["--layout".into(), "xaas".into()]), "{flags:?}");
}

#[test]
fn volumes_between_stages_are_limited_as_the_shared_ones() {
    let config = Config { volume_size: Some("1Gi".into()), ..Config::default() };
    let spec = json!({"xaasRequestPipeline": ["a", "b"]});
    let pod = pod_with(spec, WorkflowAction::Configure, &config);
    let limited = pod["volumes"].as_array().unwrap().iter();
    let limited = limited.filter(|volume| volume["emptyDir"]["sizeLimit"] == "1Gi");
    assert_eq!(limited.count(), 4, "{}", pod["volumes"]);
}

#[test]
fn an_early_configure_pod_tells_its_operation() {
    let pod = early(WorkflowAction::Configure);
    assert_eq!(names(&pod, "initContainers"), ["reader", "one", "two", "work-writer"]);
    assert_eq!(names(&pod, "containers"), ["status-writer"]);
    let stage = &pod["initContainers"][1];
    assert_eq!(variable(stage, "KRATIX_OPERATION"), Some("configure"));
    assert_eq!(
        mounts(stage),
        [
            "shared-input /kratix/input!",
            "shared-output /kratix/output!",
            "shared-metadata /kratix/metadata!"
        ]
    );
    let flags = pod["initContainers"][3]["args"].as_array().unwrap();
    assert!(flags.ends_with(&["--layout".into(), "early".into()]), "{flags:?}");
    assert_eq!(variable(&pod["initContainers"][0], "KRATIX_OPERATION"), None);
}

#[test]
fn after_the_stages_of_an_early_delete_nothing_happens() {
    let pod = early(WorkflowAction::Delete);
    assert_eq!(names(&pod, "initContainers"), ["reader", "one"]);
    assert_eq!(names(&pod, "containers"), ["two"]);
    assert_eq!(names(&pod, "volumes"), ["shared-input", "shared-output"]);
    let last = &pod["containers"][0];
    assert_eq!(variable(last, "KRATIX_OPERATION"), Some("delete"));
    assert_eq!(mounts(last), ["shared-input /kratix/input!", "shared-output /kratix/output!"]);
}

#[test]
fn the_hash_follows_the_images() {
    let hash = |images: Value| {
        let promise = Object::from_value(json!({
            "apiVersion": kinds::PROMISE.api_version(),
            "kind": "Promise",
            "metadata": {"name": "redis"},
            "spec": {"xaasRequestPipeline": images},
        }));
        run_hash(&Promise::from_object(&promise.unwrap()).unwrap(), None)
    };
    assert_eq!(hash(json!(["a"])), hash(json!(["a"])));
    assert_ne!(hash(json!(["a"])), hash(json!(["b"])));
}
