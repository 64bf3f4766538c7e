//! Rules of the Job that the recorded Jobs (`tests/it/pipeline_golden.rs`) do not show, or not one by one.

use serde_json::{Value, json};

use super::*;

/// A Promise `redis` with one pipeline `main`, changed by `change`.
fn promise(change: impl FnOnce(&mut Value)) -> Promise {
    let pipeline = json!({
        "apiVersion": kinds::PROMISE.api_version(),
        "kind": "Pipeline",
        "metadata": {"name": "main"},
        "spec": {"containers": [{"name": "stage", "image": "busybox"}]},
    });
    let mut value = json!({
        "apiVersion": kinds::PROMISE.api_version(),
        "kind": "Promise",
        "metadata": {"name": "redis", "uid": "p"},
        "spec": {
            "api": {
                "apiVersion": "apiextensions.k8s.io/v1",
                "kind": "CustomResourceDefinition",
                "spec": {
                    "group": "db.example.com",
                    "scope": "Namespaced",
                    "names": {"kind": "Redis", "plural": "redises"},
                    "versions": [{"name": "v1", "storage": true}],
                },
            },
            "workflows": {
                "promise": {"configure": [pipeline], "delete": [pipeline]},
                "resource": {"configure": [pipeline], "delete": [pipeline]},
            },
        },
    });
    change(&mut value);
    Promise::from_object(&Object::from_value(value).unwrap()).unwrap()
}

fn request() -> Object {
    Object::from_value(json!({
        "apiVersion": "db.example.com/v1",
        "kind": "Redis",
        "metadata": {"name": "mine", "namespace": "team", "uid": "r"},
        "spec": {},
    }))
    .unwrap()
}

struct Case {
    promise: Promise,
    request: Option<Object>,
    action: WorkflowAction,
    config: Config,
    adapter: Adapter,
    run: i64,
}

impl Default for Case {
    fn default() -> Self {
        Self {
            promise: promise(|_| {}),
            request: Some(request()),
            action: WorkflowAction::Configure,
            config: Config::default(),
            adapter: Adapter { image: "adapter:1".into(), pull_secret: None },
            run: 1,
        }
    }
}

impl Case {
    fn try_build(&self) -> Result<Value, PipelineError> {
        job(&JobInput {
            promise: &self.promise,
            request: self.request.as_ref(),
            workflow: WorkflowType::Resource,
            action: self.action,
            index: 0,
            config: &self.config,
            adapter: &self.adapter,
            run: self.run,
        })
        .map(Object::into_value)
    }

    fn build(&self) -> Value {
        self.try_build().unwrap()
    }
}

fn at<'a>(job: &'a Value, pointer: &str) -> &'a Value {
    job.pointer(pointer).unwrap_or(&Value::Null)
}

fn stage(job: &Value) -> &Value {
    at(job, "/spec/template/spec/initContainers/1")
}

#[test]
fn a_run_has_one_name_and_another_run_another() {
    let name = |case: &Case| case.build()["metadata"]["name"].as_str().unwrap().to_owned();
    let first = name(&Case::default());
    assert_eq!(first, name(&Case::default()));
    assert!(first.starts_with("kratix-redis-mine-main-"));
    assert_eq!(first.len(), "kratix-redis-mine-main-".len() + 5);
    let mut other_uid = request();
    other_uid.set_metadata("uid", "s");
    let mut other_spec = request();
    other_spec.0.insert("spec".into(), json!({"size": 1}));
    for other in [
        Case { run: 2, ..Case::default() },
        Case { action: WorkflowAction::Delete, ..Case::default() },
        Case { request: Some(other_uid), ..Case::default() },
        Case { request: Some(other_spec), ..Case::default() },
    ] {
        assert_ne!(first, name(&other));
    }
}

#[test]
fn a_pipeline_cannot_set_kratix_labels() {
    let promise = promise(|value| {
        let labels = OWN_LABELS.iter().map(|key| ((*key).to_owned(), json!("spoofed")));
        let mut labels: serde_json::Map<_, _> = labels.collect();
        labels.insert("team".into(), "red".into());
        value["spec"]["workflows"]["resource"]["configure"][0]["metadata"]["labels"] =
            labels.into();
    });
    let job = Case { promise: promise.clone(), ..Case::default() }.build();
    for labels in ["/metadata/labels", "/spec/template/metadata/labels"] {
        let labels = at(&job, labels).as_object().unwrap();
        assert_eq!(labels["team"], "red");
        assert!(labels.values().all(|value| value != "spoofed"), "{labels:?}");
        assert!(!labels.contains_key(labels::RESOURCE_NAMESPACE));
    }
    let pipeline = &promise.pipelines(WorkflowType::Resource, WorkflowAction::Configure)[0];
    assert_eq!(overridden_labels(pipeline).len(), OWN_LABELS.len());
}

#[test]
fn security_settings_come_from_the_container_then_the_installation() {
    let own = |value: &mut Value| {
        let pipeline = &mut value["spec"]["workflows"]["resource"]["configure"][0];
        pipeline["spec"]["containers"][0]["securityContext"] = json!({"runAsUser": 1});
    };
    for (config, without_own) in [
        (Config::default(), Value::Null),
        (Config::from_value(&json!({})).unwrap(), json!({})),
        (
            Config::from_value(
                &json!({"workflows": {"defaultContainerSecurityContext": {"runAsUser": 7}}}),
            )
            .unwrap(),
            json!({"runAsUser": 7}),
        ),
    ] {
        let job = Case { config: config.clone(), ..Case::default() }.build();
        assert_eq!(*at(stage(&job), "/securityContext"), without_own);
        let job = Case { config, promise: promise(own), ..Case::default() }.build();
        assert_eq!(*at(stage(&job), "/securityContext"), json!({"runAsUser": 1}));
    }
}

#[test]
fn settings_of_the_installation_reach_every_container() {
    let config = Config::from_value(&json!({"workflows": {
        "defaultImagePullPolicy": "Never",
        "defaultContainerResources": {"limits": {"cpu": "1"}},
        "jobOptions": {"defaultBackoffLimit": 0},
    }, "bookend": {"jobDeadlineSeconds": 600, "volumeSizeLimit": "1Gi"}}));
    let case = Case { config: config.unwrap(), ..Case::default() };
    let job = case.build();
    assert_eq!(job["spec"]["backoffLimit"], 0);
    assert_eq!(job["spec"]["activeDeadlineSeconds"], 600);
    let volumes = at(&job, "/spec/template/spec/volumes").as_array().unwrap();
    let limited = volumes.iter().filter(|one| one["emptyDir"] == json!({"sizeLimit": "1Gi"}));
    assert_eq!(limited.count(), 3);
    for container in ["initContainers/0", "initContainers/1", "initContainers/2", "containers/0"] {
        let container = at(&job, &format!("/spec/template/spec/{container}")).clone();
        assert_eq!(container["imagePullPolicy"], "Never");
        assert_eq!(container["resources"], json!({"limits": {"cpu": "1"}}));
    }
    let own = promise(|value| {
        let spec = &mut value["spec"]["workflows"]["resource"]["configure"][0]["spec"];
        spec["jobOptions"] = json!({"backoffLimit": 3});
        spec["containers"][0]["imagePullPolicy"] = "Always".into();
        spec["containers"][0]["resources"] = json!({});
    });
    let job = Case { promise: own, ..case }.build();
    assert_eq!(job["spec"]["backoffLimit"], 3);
    assert_eq!(stage(&job)["imagePullPolicy"], "Always");
    assert_eq!(stage(&job)["resources"], json!({}));
}

#[test]
fn without_settings_nothing_is_said_that_kubernetes_defaults() {
    let job = Case::default().build();
    assert_eq!(job["spec"]["backoffLimit"], Value::Null);
    assert_eq!(stage(&job)["imagePullPolicy"], Value::Null);
    assert_eq!(at(&job, "/spec/template/spec/restartPolicy"), "OnFailure");
    assert_eq!(at(&job, "/spec/template/spec/serviceAccountName"), "redis-resource-configure-main");
    assert_eq!(*at(&job, "/spec/template/spec/imagePullSecrets"), Value::Null);
    assert_eq!(*at(&job, "/spec/template/metadata/annotations"), Value::Null);
}

#[test]
fn a_pipeline_namespace_moves_the_job_and_drops_its_owner() {
    let elsewhere = promise(|value| {
        value["spec"]["workflows"]["config"] = json!({"pipelineNamespace": "work"});
    });
    let job = Case { promise: elsewhere, ..Case::default() }.build();
    assert_eq!(job["metadata"]["namespace"], "work");
    assert_eq!(job["metadata"]["labels"][labels::RESOURCE_NAMESPACE], "team");
    assert_eq!(job["metadata"]["ownerReferences"], Value::Null);
    assert!(job["metadata"]["name"].as_str().unwrap().starts_with("kratix-redis-mine-team-main-"));
    let args = at(&job, "/spec/template/spec/initContainers/2/args").as_array().unwrap();
    assert_eq!(args[args.len() - 2..], ["--resource-namespace", "team"]);
    let same = promise(|value| {
        value["spec"]["workflows"]["config"] = json!({"pipelineNamespace": "team"});
    });
    let job = Case { promise: same, ..Case::default() }.build();
    assert_eq!(job["metadata"]["ownerReferences"][0]["uid"], "r");
}

#[test]
fn an_object_without_uid_owns_nothing() {
    let mut request = request();
    request.metadata_mut().remove("uid");
    let job = Case { request: Some(request), ..Case::default() }.build();
    assert_eq!(job["metadata"]["ownerReferences"], Value::Null);
}

#[test]
fn a_dry_run_is_told_to_every_container_and_changes_the_hash() {
    let mut dry = request();
    dry.set_label(labels::DRY_RUN, "true");
    let plain = Case::default().build();
    let job = Case { request: Some(dry.clone()), ..Case::default() }.build();
    assert_ne!(job["metadata"]["labels"][labels::HASH], plain["metadata"]["labels"][labels::HASH]);
    let variable = json!({"name": env_names::DRY_RUN, "value": "true"});
    for container in ["initContainers/0", "initContainers/1", "initContainers/2", "containers/0"] {
        let env = at(&job, &format!("/spec/template/spec/{container}/env")).as_array().unwrap();
        assert_eq!(env.last(), Some(&variable));
        let env = at(&plain, &format!("/spec/template/spec/{container}/env")).as_array().unwrap();
        assert!(!env.contains(&variable));
    }
    dry.set_label(labels::DRY_RUN, "True");
    assert_eq!(
        Case { request: Some(dry), ..Case::default() }.build()["metadata"]["labels"][labels::HASH],
        plain["metadata"]["labels"][labels::HASH]
    );
}

#[test]
fn the_trace_goes_from_the_object_to_job_and_pod() {
    let mut traced = request();
    traced.set_annotation(labels::TRACE_PARENT, "00-a-b-01");
    let job = Case { request: Some(traced), ..Case::default() }.build();
    assert_eq!(job["metadata"]["annotations"][labels::TRACE_PARENT], "00-a-b-01");
    assert_eq!(
        *at(&job, "/spec/template/metadata/annotations"),
        json!({labels::TRACE_PARENT: "00-a-b-01"})
    );
}

#[test]
fn a_delete_workflow_has_no_writer_and_no_selectors() {
    let job = Case { action: WorkflowAction::Delete, ..Case::default() }.build();
    let names = |pointer| {
        let list = at(&job, pointer).as_array().unwrap().iter();
        list.map(|item| item["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names("/spec/template/spec/initContainers"), ["reader", "stage"]);
    assert_eq!(
        names("/spec/template/spec/volumes"),
        ["shared-input", "shared-output", "shared-metadata"]
    );
}

#[test]
fn the_pull_secret_of_the_adapter_comes_first() {
    let promise = promise(|value| {
        let spec = &mut value["spec"]["workflows"]["resource"]["configure"][0]["spec"];
        spec["imagePullSecrets"] = json!([{"name": "own"}]);
    });
    let adapter = |secret: &str| Adapter { image: "a".into(), pull_secret: Some(secret.into()) };
    for (secret, expected) in
        [("pull", json!([{"name": "pull"}, {"name": "own"}])), ("", json!([{"name": "own"}]))]
    {
        let case = Case { promise: promise.clone(), adapter: adapter(secret), ..Case::default() };
        assert_eq!(*at(&case.build(), "/spec/template/spec/imagePullSecrets"), expected);
    }
}

#[test]
fn what_cannot_become_a_job_is_told() {
    let mut elsewhere = request();
    elsewhere.0.insert("kind".into(), "Postgres".into());
    let mut unnamed = request();
    unnamed.metadata_mut().remove("name");
    let mut homeless = request();
    homeless.metadata_mut().remove("namespace");
    for (case, expected) in [
        (
            Case { adapter: Adapter::default(), ..Case::default() },
            "the image of the reader, writer and status containers is not set",
        ),
        (
            Case { request: None, ..Case::default() },
            "a resource workflow of Promise `redis` needs a request with a name",
        ),
        (
            Case { request: Some(unnamed), ..Case::default() },
            "a resource workflow of Promise `redis` needs a request with a name",
        ),
        (
            Case { request: Some(elsewhere), ..Case::default() },
            "the request is a `Postgres.db.example.com`, Promise `redis` offers `Redis.db.example.com`",
        ),
        (
            Case { request: Some(homeless), ..Case::default() },
            "request `mine` has no namespace, and Promise `redis` names none to run in",
        ),
        (
            Case {
                promise: promise(|value| value["spec"]["api"] = Value::Null),
                ..Case::default()
            },
            "Promise `redis` has no API, and so no resource workflow",
        ),
        (
            Case {
                promise: promise(|value| value["spec"]["workflows"] = Value::Null),
                ..Case::default()
            },
            "Promise `redis` has no pipeline 0 in its resource configure workflow",
        ),
    ] {
        assert_eq!(case.try_build().unwrap_err().to_string(), expected);
    }
}
