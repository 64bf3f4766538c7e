//! What becomes of a Pipeline's fields, and what the platform adds.

use bookend::core::config::Config;
use bookend::core::promise::{WorkflowAction, WorkflowType, check};
use serde_json::{Value, json};

use super::{WORKFLOWS, job_of, pipeline, promise, stage};

const CONFIGURE: (WorkflowType, WorkflowAction) = WORKFLOWS[2];

#[test]
fn labels_and_annotations_of_a_pipeline_reach_its_pod() {
    let promise = promise(&pipeline("p", |value| {
        value["metadata"]["labels"] = json!({"team": "red"});
        value["metadata"]["annotations"] = json!({"example.com/why": "because"});
    }));
    for workflow in WORKFLOWS {
        let job = job_of(&promise, workflow, &Config::default());
        let metadata = &job["spec"]["template"]["metadata"];
        assert_eq!(metadata["labels"]["team"], "red");
        assert_eq!(metadata["annotations"]["example.com/why"], "because");
    }
}

#[test]
fn a_namespace_in_a_pipeline_is_taken_and_changes_nothing() {
    let with = promise(&pipeline("p", |value| value["metadata"]["namespace"] = "default".into()));
    let without = promise(&pipeline("p", |_| {}));
    assert_eq!(check(&with), []);
    for workflow in WORKFLOWS {
        let [with, without] =
            [&with, &without].map(|promise| job_of(promise, workflow, &Config::default()));
        assert_eq!(with["metadata"]["namespace"], without["metadata"]["namespace"]);
        assert_eq!(with["spec"]["template"]["spec"], without["spec"]["template"]["spec"]);
    }
}

#[test]
fn requests_run_in_their_namespace_and_promises_in_that_of_the_platform() {
    let promise = promise(&pipeline("p", |_| {}));
    for workflow in WORKFLOWS {
        let expect = match workflow.0 {
            WorkflowType::Promise => "kratix-platform-system",
            WorkflowType::Resource => "team",
        };
        let job = job_of(&promise, workflow, &Config::default());
        assert_eq!(job["metadata"]["namespace"], expect);
    }
}

#[test]
fn every_field_of_a_pipeline_reaches_the_pod() {
    let container = json!({
        "name": "stage",
        "image": "busybox:1",
        "command": ["sh"],
        "args": ["-c", "true"],
        "env": [{"name": "A", "value": "b"}],
        "envFrom": [{"secretRef": {"name": "s"}}],
        "volumeMounts": [{"name": "extra", "mountPath": "/extra"}],
        "imagePullPolicy": "Never",
        "securityContext": {"runAsNonRoot": false},
        "resources": {"limits": {"cpu": "1"}},
    });
    let volume = json!({"name": "extra", "emptyDir": {}});
    let promise = promise(&pipeline("p", |value| {
        value["spec"] = json!({
            "containers": [container],
            "volumes": [volume],
            "imagePullSecrets": [{"name": "registry"}],
            "nodeSelector": {"disk": "ssd"},
            "tolerations": [{"key": "k", "operator": "Exists"}],
        });
    }));
    assert_eq!(check(&promise), []);
    for workflow in WORKFLOWS {
        let job = job_of(&promise, workflow, &Config::default());
        let (pod, stage) = (&job["spec"]["template"]["spec"], stage(&job));
        for (key, value) in container.as_object().unwrap() {
            match value {
                // The platform's own come first.
                Value::Array(own) if key == "env" || key == "volumeMounts" => {
                    assert_eq!(stage[key].as_array().unwrap().last(), own.last(), "{key}");
                }
                value => assert_eq!(&stage[key], value, "{key}"),
            }
        }
        assert_eq!(pod["volumes"].as_array().unwrap().last(), Some(&volume));
        assert_eq!(pod["imagePullSecrets"], json!([{"name": "registry"}]));
        assert_eq!(pod["nodeSelector"], json!({"disk": "ssd"}));
        assert_eq!(pod["tolerations"], json!([{"key": "k", "operator": "Exists"}]));
    }
}

#[test]
fn the_platforms_containers_have_their_security_context_and_the_pod_has_none() {
    let promise = promise(&pipeline("p", |_| {}));
    let expect = json!({
        "allowPrivilegeEscalation": false,
        "capabilities": {"drop": ["ALL"]},
        "privileged": false,
        "runAsNonRoot": true,
        "seccompProfile": {"type": "RuntimeDefault"},
    });
    let global = json!({"workflows": {"defaultContainerSecurityContext": {"runAsNonRoot": false}}});
    for config in [Config::default(), Config::from_value(&global).unwrap()] {
        let job = job_of(&promise, CONFIGURE, &config);
        let pod = &job["spec"]["template"]["spec"];
        assert_eq!(pod.get("securityContext"), None);
        let all = [&pod["initContainers"], &pod["containers"]];
        let all: Vec<&Value> = all.iter().flat_map(|list| list.as_array().unwrap()).collect();
        let own: Vec<_> = all.iter().filter(|one| one["name"] != "stage").collect();
        assert_eq!(own.len(), 3);
        assert!(own.iter().all(|one| one["securityContext"] == expect), "{own:?}");
    }
}

#[test]
fn all_of_kratixs_variables_describe_the_object() {
    let promise = promise(&pipeline("p", |_| {}));
    for (workflow, action) in WORKFLOWS {
        let of_request = workflow == WorkflowType::Resource;
        let either = |request: &'static str, promise: &'static str| {
            if of_request { request } else { promise }
        };
        let job = job_of(&promise, (workflow, action), &Config::default());
        let pod = &job["spec"]["template"]["spec"];
        let expect = [
            ("KRATIX_WORKFLOW_ACTION", action.as_str()),
            ("KRATIX_WORKFLOW_TYPE", workflow.as_str()),
            ("KRATIX_PROMISE_NAME", "env"),
            ("KRATIX_PIPELINE_NAME", "p"),
            ("KRATIX_OBJECT_KIND", either("Env", "Promise")),
            ("KRATIX_OBJECT_GROUP", either("example.com", "platform.kratix.io")),
            ("KRATIX_OBJECT_VERSION", either("v1", "v1alpha1")),
            ("KRATIX_OBJECT_NAME", either("mine", "env")),
            ("KRATIX_OBJECT_NAMESPACE", either("team", "")),
            ("KRATIX_CRD_PLURAL", either("envs", "promises")),
            ("KRATIX_CLUSTER_SCOPED", either("false", "true")),
        ];
        for container in [&pod["initContainers"][0], stage(&job), &pod["containers"][0]] {
            for (name, value) in expect {
                let variables = container["env"].as_array().unwrap();
                let found = variables.iter().find(|variable| variable["name"] == name);
                let found = found.unwrap_or_else(|| panic!("{name}"));
                assert_eq!(found["value"].as_str().unwrap_or_default(), value, "{name}");
            }
        }
    }
}
