//! What a Promise may look like, and what is said about one that cannot be used.

use serde_json::json;

use super::*;
use crate::contract::{kinds, labels};

fn promise(spec: Value) -> Value {
    json!({
        "apiVersion": kinds::PROMISE.api_version(),
        "kind": "Promise",
        "metadata": {"name": "redis"},
        "spec": spec,
    })
}

fn crd() -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "redises.db.example.com"},
        "spec": {
            "group": "db.example.com",
            "scope": "Namespaced",
            "names": {"kind": "Redis", "plural": "redises", "singular": "redis"},
            "versions": [
                {"name": "v1", "served": true, "storage": false},
                {"name": "v2", "served": true, "storage": true},
            ],
        },
    })
}

fn pipeline(name: &str) -> Value {
    json!({
        "apiVersion": kinds::PROMISE.api_version(),
        "kind": "Pipeline",
        "metadata": {"name": name},
        "spec": {"containers": [{"name": "main", "image": "busybox"}]},
    })
}

fn configure(pipelines: &Value) -> Value {
    promise(json!({"api": crd(), "workflows": {"resource": {"configure": pipelines}}}))
}

fn read(value: Value) -> Result<Promise, PromiseError> {
    Promise::from_object(&Object::from_value(value).unwrap())
}

/// Returns the message with its causes, and the hint.
fn refusal(value: Value) -> (String, String) {
    let error = read(value).unwrap_err();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    (text, error.hint().unwrap_or_default())
}

#[test]
fn a_promise_is_read_whole() {
    let read = read(promise(json!({
        "api": crd(),
        "dependencies": [{"kind": "Namespace"}],
        "destinationSelectors": [{"matchLabels": {"env": "dev"}}, {}],
        "requiredPromises": [{"name": "postgres", "version": "v1"}, {"name": "kafka"}],
        "workflows": {
            "config": {"pipelineNamespace": "work", "reconciliationInterval": "90m"},
            "promise": {"configure": [pipeline("up")], "delete": [pipeline("down")]},
            "resource": {"configure": [pipeline("one"), pipeline("two")]},
        },
    })))
    .unwrap();
    let names = |workflow, action| {
        read.pipelines(workflow, action).iter().map(|found| found.name.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(names(WorkflowType::Promise, WorkflowAction::Configure), ["up"]);
    assert_eq!(names(WorkflowType::Promise, WorkflowAction::Delete), ["down"]);
    assert_eq!(names(WorkflowType::Resource, WorkflowAction::Configure), ["one", "two"]);
    assert!(names(WorkflowType::Resource, WorkflowAction::Delete).is_empty());
    assert_eq!(read.name, "redis");
    assert_eq!(read.request_kind().unwrap().to_string(), "redises.db.example.com");
    assert_eq!(read.request_kind().unwrap().version, "v2");
    assert_eq!(
        read.destination_selectors,
        [[("env".into(), "dev".into())].into(), BTreeMap::new()]
    );
    assert_eq!(read.required_promises[1].name, "kafka");
    assert_eq!(read.dependencies, [json!({"kind": "Namespace"})]);
    assert_eq!(read.pipeline_namespace.as_deref(), Some("work"));
    assert_eq!(read.reconciliation_interval, Some(SignedDuration::from_mins(90)));
    assert_eq!(check(&read), []);
}

#[test]
fn nothing_needs_to_be_there_but_the_name() {
    for spec in [
        Value::Null,
        json!({}),
        json!({"api": null, "workflows": null, "destinationSelectors": null}),
        json!({"api": {}, "workflows": {"promise": null, "config": {}, "resource": {"delete": null}}}),
    ] {
        let read = read(promise(spec)).unwrap();
        assert_eq!(read.request_kind(), None);
        assert!(read.pipelines(WorkflowType::Resource, WorkflowAction::Configure).is_empty());
    }
}

#[test]
fn the_first_version_is_stored_when_none_says_so() {
    let mut crd = crd();
    crd["spec"]["versions"][1]["storage"] = false.into();
    assert_eq!(Api::read(&crd).unwrap().kind.version, "v1");
}

#[test]
fn an_unusable_api_is_told() {
    for (pointer, value, expected) in [
        (
            "/kind",
            json!("Redis"),
            "expected a CustomResourceDefinition of `apiextensions.k8s.io/v1`, found kind `Redis` of `apiextensions.k8s.io/v1`",
        ),
        ("/spec/versions", json!([]), "`spec.versions` is missing"),
        ("/spec/group", json!(1), "`spec.group` is missing"),
        ("/spec/names/plural", json!(""), "`spec.names.plural` is missing"),
        (
            "/spec/scope",
            json!("Global"),
            "`spec.scope` is `Global`, expected `Namespaced` or `Cluster`",
        ),
    ] {
        let mut crd = crd();
        *crd.pointer_mut(pointer).unwrap() = value;
        let (text, hint) = refusal(promise(json!({"api": crd})));
        assert_eq!(
            text,
            format!("failed to read the API in `spec.api` of Promise `redis`: {expected}")
        );
        assert!(!hint.is_empty());
    }
}

#[test]
fn what_is_no_promise_is_refused() {
    let mut other = promise(json!({}));
    other["kind"] = "Redis".into();
    assert_eq!(
        refusal(other).0,
        "expected a Promise of `platform.kratix.io/v1alpha1`, found kind `Redis` of `platform.kratix.io/v1alpha1`"
    );
    let mut unnamed = promise(json!({}));
    unnamed["metadata"] = json!({});
    assert_eq!(refusal(unnamed).0, "the Promise has no `metadata.name`");
    let (text, hint) =
        refusal(promise(json!({"xaasRequestPipeline": ["a"], "workflows": {"a": 1}})));
    assert_eq!(
        text,
        "failed to read the old form of Promise `redis`: both `spec.xaasRequestPipeline` and `spec.workflows` are set"
    );
    assert!(hint.contains("remove `spec.xaasRequestPipeline`"), "{hint}");
}

#[test]
fn a_misspelled_workflow_is_named() {
    for (workflows, path, nearest) in [
        (json!({"resources": {}}), "spec.workflows.resources", Some("resource")),
        (json!({"Promise": {}}), "spec.workflows.Promise", Some("promise")),
        (
            json!({"resource": {"configur": []}}),
            "spec.workflows.resource.configur",
            Some("configure"),
        ),
        (json!({"resource": {"update": []}}), "spec.workflows.resource.update", None),
        (
            json!({"config": {"pipelinesNamespace": "a"}}),
            "spec.workflows.config.pipelinesNamespace",
            Some("pipelineNamespace"),
        ),
    ] {
        let (text, hint) = refusal(promise(json!({"workflows": workflows})));
        assert_eq!(text, format!("unknown workflow `{path}`"));
        assert_eq!(nearest.is_some(), hint.starts_with("write"), "{hint}");
        assert!(hint.contains(nearest.unwrap_or("use")), "{hint}");
    }
}

#[test]
fn a_wrong_type_is_told_with_its_place() {
    for (spec, expected) in [
        (
            json!("x"),
            "failed to read `spec` of Promise `redis`: `spec`: expected a map, found text",
        ),
        (
            json!({"workflows": []}),
            "failed to read `spec.workflows` of Promise `redis`: `spec.workflows`: expected a map, found a list",
        ),
        (
            json!({"workflows": {"resource": {"configure": {}}}}),
            "failed to read `spec.workflows.resource.configure` of Promise `redis`: `spec.workflows.resource.configure`: expected a list, found a map",
        ),
        (
            json!({"destinationSelectors": [{"matchLabels": {"a": 1}}]}),
            "failed to read `spec.destinationSelectors` of Promise `redis`: `spec.destinationSelectors[0].matchLabels.a`: expected text, found a number",
        ),
        (
            json!({"workflows": {"config": {"reconciliationInterval": "1d"}}}),
            "failed to read the duration `spec.workflows.config.reconciliationInterval`: unknown unit \"d\"",
        ),
    ] {
        assert_eq!(refusal(promise(spec)).0, expected);
    }
}

#[test]
fn a_pipeline_is_decoded_strictly() {
    let mut imagee = pipeline("one");
    imagee["spec"]["containers"][0]["imagee"] = "x".into();
    let (text, hint) = refusal(configure(&json!([pipeline("zero"), imagee])));
    assert_eq!(
        text,
        "failed to read the pipeline `spec.workflows.resource.configure[1]` (`one`): unknown field `spec.containers[0].imagee`"
    );
    assert_eq!(hint, "write `image`, or remove `spec.containers[0].imagee`");
    for (change, expected) in [
        (json!({"status": {}}), "unknown field `status`"),
        (
            json!({"spec": {"containers": [{"ports": []}]}}),
            "unknown field `spec.containers[0].ports`",
        ),
        (
            json!({"spec": {"rbac": {"permissions": [{"verb": []}]}}}),
            "unknown field `spec.rbac.permissions[0].verb`",
        ),
        (
            json!({"spec": {"volumes": [{"emptyDir": {"size": 1}}]}}),
            "unknown field `spec.volumes[0].emptyDir.size`",
        ),
    ] {
        let mut document = pipeline("one");
        document.as_object_mut().unwrap().append(&mut change.as_object().unwrap().clone());
        let (text, _) = refusal(configure(&json!([document])));
        assert!(text.ends_with(expected), "{text}");
    }
}

#[test]
fn a_pipeline_may_be_spelled_in_any_case() {
    let mut document = pipeline("one");
    document["spec"] =
        json!({"Containers": [{"NAME": "main", "image": "a", "imagepullpolicy": "Never"}]});
    let read = read(configure(&json!([document]))).unwrap();
    let container =
        &read.pipelines(WorkflowType::Resource, WorkflowAction::Configure)[0].spec.containers[0];
    assert_eq!((container.name.as_str(), container.image_pull_policy.as_str()), ("main", "Never"));
}

#[test]
fn permissions_keep_their_namespace() {
    let mut document = pipeline("one");
    document["spec"]["rbac"] = json!({"serviceAccount": "sa", "permissions": [
        {"resourceNamespace": "*", "apiGroups": [""], "verbs": ["get"], "resources": ["pods"], "nonResourceURLs": ["/x"]},
    ]});
    let read = read(configure(&json!([document]))).unwrap();
    let rbac = &read.pipelines(WorkflowType::Resource, WorkflowAction::Configure)[0].spec.rbac;
    assert_eq!(rbac.service_account, "sa");
    assert_eq!(rbac.permissions[0].resource_namespace, "*");
    assert_eq!(rbac.permissions[0].non_resource_urls, ["/x"]);
}

#[test]
fn what_is_no_pipeline_is_refused() {
    for (key, value, expected) in [
        (
            "kind",
            json!("Job"),
            "`spec.workflows.resource.configure[0]` is no Pipeline: found kind `Job` of `platform.kratix.io/v1alpha1`",
        ),
        (
            "apiVersion",
            json!("v1"),
            "`spec.workflows.resource.configure[0]` is no Pipeline: found kind `Pipeline` of `v1`",
        ),
        (
            "kind",
            Value::Null,
            "`spec.workflows.resource.configure[0]` is no Pipeline: found kind `` of `platform.kratix.io/v1alpha1`",
        ),
        (
            "metadata",
            json!({}),
            "the pipeline `spec.workflows.resource.configure[0]` has no `metadata.name`",
        ),
    ] {
        let mut document = pipeline("one");
        document[key] = value;
        assert_eq!(refusal(configure(&json!([document]))).0, expected);
    }
    assert!(refusal(configure(&json!(["text"]))).0.contains("is no Pipeline"));
}

/// Returns `fatal path: message` of every finding.
fn findings(value: Value) -> Vec<String> {
    let all = check(&read(value).unwrap());
    all.iter().map(|found| format!("{} {}: {}", found.fatal, found.path, found.message)).collect()
}

#[test]
fn a_pipeline_that_cannot_run_is_found() {
    let mut labelled = pipeline("one");
    labelled["metadata"]["labels"] = json!({labels::HASH: "x", "a/b/c": "-", "team": "red"});
    labelled["spec"]["containers"][0]["name"] = "reader".into();
    labelled["spec"]["restartPolicy"] = "Always".into();
    let path = "spec.workflows.resource.configure";
    assert_eq!(
        findings(configure(&json!([
            labelled,
            pipeline("one"),
            pipeline(&"x".repeat(37)),
            pipeline("a b")
        ]))),
        [
            format!("true {path}[0].metadata.labels.a/b/c: this is no label key"),
            format!("true {path}[0].metadata.labels.a/b/c: `-` is no label value"),
            format!(
                "false {path}[0].metadata.labels.kratix.io/hash: this label is Kratix's own: the value is not used"
            ),
            format!(
                "true {path}[0].spec.containers[0].name: the pod has another container named `reader`"
            ),
            format!("true {path}[0].spec.restartPolicy: `Always` is not `Never` or `OnFailure`"),
            format!(
                "true {path}[1].metadata.name: another pipeline of this workflow is named `one`"
            ),
            format!(
                "true {path}[2].metadata.name: its id `redis-resource-configure-{}` has 62 characters, 60 may be",
                "x".repeat(37)
            ),
            format!("true {path}[3].metadata.name: `a b` is no label value, and becomes one"),
        ]
    );
}

#[test]
fn what_does_not_happen_as_written_is_found() {
    assert_eq!(
        findings(promise(json!({
            "destinationSelector": [],
            "workflows": {
                "config": {"reconciliationInterval": "59s"},
                "resource": {"delete": [pipeline("a"), pipeline("b")]},
            },
        }))),
        [
            "false spec.destinationSelector: no Promise has this field; an API server drops it",
            "true spec.workflows.config.reconciliationInterval: shorter than one minute",
            "true spec.workflows.resource.delete: there is no `spec.api` whose requests could start it",
            "false spec.workflows.resource.delete: only the first pipeline of a delete workflow runs",
        ]
    );
}

#[test]
fn labels_follow_the_syntax_of_kubernetes() {
    for (text, is_key, is_value) in [
        ("a", true, true),
        ("", false, true),
        ("a.b_c-d", true, true),
        ("-a", false, false),
        ("a-", false, false),
        ("a/b", true, false),
        ("A/b", false, false),
        ("example.com/B", true, false),
        ("example..com/b", false, false),
        ("/b", false, false),
        ("a/", false, false),
        ("ä", false, false),
        ("a\n", false, false),
        (&"a".repeat(63), true, true),
        (&"a".repeat(64), false, false),
    ] {
        assert_eq!((is_label_key(text), is_label_value(text)), (is_key, is_value), "{text:?}");
    }
}
