//! Rules that recordings do not show; what is granted is compared with them in `tests/it/pipeline_golden`.

use super::*;
use crate::contract::ObjectKey;

/// A Promise `p` with an API and one pipeline `one` in each of its lists.
fn promise(spec: &Value, permissions: &Value) -> Promise {
    let pipeline = json!([{
        "apiVersion": kinds::PROMISE.api_version(), "kind": "Pipeline",
        "metadata": {"name": "one"},
        "spec": {"containers": [], "rbac": {"permissions": permissions}},
    }]);
    let both = json!({"configure": pipeline, "delete": pipeline});
    let mut promise = json!({
        "apiVersion": kinds::PROMISE.api_version(), "kind": "Promise",
        "metadata": {"name": "p"},
        "spec": {
            "api": {
                "apiVersion": kinds::CRD.api_version(), "kind": "CustomResourceDefinition",
                "metadata": {"name": "ps.example.com"},
                "spec": {
                    "group": "example.com", "scope": "Namespaced",
                    "names": {"kind": "P", "plural": "ps", "singular": "p"},
                    "versions": [{"name": "v1", "served": true, "storage": true,
                        "schema": {"openAPIV3Schema": {"type": "object"}}}],
                },
            },
            "workflows": {"promise": both, "resource": both, "config": spec},
        },
    });
    promise["metadata"]["uid"] = "1".into();
    Promise::from_object(&Object::from_value(promise).unwrap()).unwrap()
}

fn request(namespace: &str) -> Object {
    let kind = Object::from_value(json!({"apiVersion": "example.com/v1", "kind": "P"})).unwrap();
    let mut request = kind;
    request.set_metadata("name", "r");
    request.set_metadata("namespace", namespace);
    request
}

fn grantee<'a>(promise: &'a Promise, request: Option<&'a Object>, rights: Rights) -> Grantee<'a> {
    let workflow = if request.is_some() { WorkflowType::Resource } else { WorkflowType::Promise };
    Grantee {
        promise,
        request,
        workflow,
        action: WorkflowAction::Configure,
        index: 0,
        rights,
        sidecar: sidecar::Settings::default(),
    }
}

fn names(objects: &[Object]) -> Vec<String> {
    let name = |object: &Object| format!("{} {}", object.kind(), key(object));
    objects.iter().map(name).collect()
}

fn key(object: &Object) -> String {
    match object.namespace() {
        Some(namespace) => format!("{namespace}/{}", object.name()),
        None => object.name().to_owned(),
    }
}

fn deleted(changes: &[Change]) -> Vec<ObjectKey> {
    let key = |change: &Change| match change {
        Change::Delete { key, .. } => Some(key.clone()),
        _ => None,
    };
    changes.iter().filter_map(key).collect()
}

/// What a cluster holds after the changes.
fn carry_out(changes: &[Change], there: &[Object]) -> Vec<Object> {
    let mut there = there.to_vec();
    let key_of = |object: &Object| object.key(kind_of(object).unwrap());
    for change in changes {
        match change {
            Change::Create(object) => there.push(object.as_ref().clone()),
            Change::Apply(object) => {
                there.retain(|one| key_of(one) != key_of(object));
                there.push(object.as_ref().clone());
            }
            Change::Delete { key, .. } => there.retain(|one| key_of(one) != *key),
        }
    }
    there
}

#[test]
fn a_promise_without_api_has_no_rights_for_requests() {
    let mut without = promise(&json!({}), &json!([]));
    without.api = None;
    let request = request("team-a");
    let granted = grants(&grantee(&without, Some(&request), Rights::Least));
    let source = PipelineError::NoApi { promise: "p".into() };
    assert_eq!(granted, Err(RbacError::Pipeline { source }));
}

#[test]
fn the_least_rights_are_those_of_the_three_steps() {
    let promise = promise(&json!({}), &json!([]));
    let request = request("team-a");
    let mut grantee = grantee(&promise, Some(&request), Rights::Least);
    let granted = grants(&grantee).unwrap();
    assert_eq!(
        names(&granted),
        [
            "ServiceAccount team-a/p-resource-configure-one",
            "ConfigMap team-a/destination-selectors-p",
            "Role team-a/p-resource-configure-one",
            "RoleBinding team-a/p-resource-configure-one",
        ]
    );
    let on_the_object = [
        rule("example.com", &["ps".into()], &["get", "patch"]),
        rule("example.com", &["ps/status".into()], &["update"]),
    ];
    let on_works = rule("platform.kratix.io", &["works".into()], &["list", "create", "update"]);
    let [get, status] = on_the_object.clone();
    assert_eq!(granted[2].0["rules"], json!([get, status, on_works]));
    // Nothing writes a Work in a delete workflow.
    grantee.action = WorkflowAction::Delete;
    let granted = grants(&grantee).unwrap();
    assert_eq!(granted[1].0["rules"], json!(on_the_object));
}

#[test]
fn the_least_rights_of_a_promise_workflow_are_on_this_promise_only() {
    let promise = promise(&json!({}), &json!([]));
    let granted = grants(&grantee(&promise, None, Rights::Least)).unwrap();
    let id = "p-promise-configure-one";
    assert_eq!(
        names(&granted),
        [
            format!("ServiceAccount kratix-platform-system/{id}"),
            "ConfigMap kratix-platform-system/destination-selectors-p".into(),
            format!("Role kratix-platform-system/{id}"),
            format!("RoleBinding kratix-platform-system/{id}"),
            format!("ClusterRole {id}"),
            format!("ClusterRoleBinding {id}"),
        ]
    );
    let rules = granted[4].0["rules"].as_array().unwrap();
    assert!(rules.iter().all(|rule| rule["resourceNames"] == json!(["p"])), "{rules:?}");
}

#[test]
fn with_a_namespace_for_pipelines_the_least_rights_reach_no_further_than_the_request() {
    let promise = promise(&json!({"pipelineNamespace": "jobs"}), &json!([]));
    let id = "p-resource-configure-one";
    for home in ["team-a", "jobs"] {
        let request = request(home);
        let granted = grants(&grantee(&promise, Some(&request), Rights::Least)).unwrap();
        let mut expected = vec![
            format!("Role jobs/{id}"),
            format!("Role {home}/{id}-{home}"),
            format!("RoleBinding jobs/{id}"),
            format!("RoleBinding {home}/{id}-{home}"),
        ];
        let mut found = names(&granted[2..]);
        expected.sort();
        found.sort();
        assert_eq!(found, expected);
        for binding in granted.iter().filter(|object| object.kind() == "RoleBinding") {
            assert_eq!(binding.0["subjects"][0]["namespace"], "jobs");
        }
    }
}

#[test]
fn what_is_as_wanted_is_left_alone_and_every_interruption_heals() {
    let permissions = json!([
        {"apiGroups": [""], "resources": ["configmaps", "secrets"], "verbs": ["get"]},
        {"apiGroups": [""], "resources": ["secrets"], "verbs": ["list"], "resourceNamespace": "b"},
        {"nonResourceURLs": ["/healthz"], "verbs": ["get"], "resourceNamespace": "*"},
    ]);
    let promise = promise(&json!({"pipelineNamespace": "jobs"}), &permissions);
    let request = request("team-a");
    for (before, after) in [(Rights::Kratix, Rights::Least), (Rights::Least, Rights::Kratix)] {
        let before = grants(&grantee(&promise, Some(&request), before)).unwrap();
        let grantee = grantee(&promise, Some(&request), after);
        let wanted = grants(&grantee).unwrap();
        let all = changes(&grantee, &wanted, &before).unwrap();
        assert!(!deleted(&all).is_empty(), "the other form leaves something to remove");
        for done in 0..=all.len() {
            let there = carry_out(&all[..done], &before);
            let rest = changes(&grantee, &wanted, &there).unwrap();
            let there = carry_out(&rest, &there);
            assert_eq!(changes(&grantee, &wanted, &there).unwrap(), []);
            let (mut there, mut wanted) = (names(&there), names(&wanted));
            there.sort();
            wanted.sort();
            assert_eq!(there, wanted);
        }
    }
}

#[test]
fn rights_of_namesakes_stay() {
    let permissions = json!([{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"], "resourceNamespace": "b"}]);
    let with = promise(&json!({}), &permissions);
    let without = promise(&json!({}), &json!([]));
    let request = [request("team-a"), request("team-b")];
    let all: Vec<_> = [
        (&request[0], WorkflowAction::Configure),
        (&request[0], WorkflowAction::Delete),
        (&request[1], WorkflowAction::Configure),
    ]
    .into_iter()
    .flat_map(|(request, action)| {
        grants(&Grantee { action, ..grantee(&with, Some(request), Rights::Least) }).unwrap()
    })
    .chain(grants(&grantee(&with, None, Rights::Least)).unwrap())
    .collect();
    let all: Vec<_> = all.into_iter().map(|object| Change::Apply(Box::new(object))).collect();
    let all = carry_out(&all, &[]);
    let grantee = grantee(&without, Some(&request[0]), Rights::Least);
    let wanted = grants(&grantee).unwrap();
    let found = deleted(&changes(&grantee, &wanted, &all).unwrap());
    let found: Vec<_> = found.iter().map(ToString::to_string).collect();
    assert_eq!(
        found,
        [
            "clusterroles.rbac.authorization.k8s.io p-resource-configure-one-b-f6ce3",
            "rolebindings.rbac.authorization.k8s.io b/p-resource-configure-one-team-a-4edd7",
        ]
    );
}

#[test]
fn a_binding_to_another_role_is_made_anew() {
    let promise = promise(&json!({}), &json!([]));
    let request = request("team-a");
    let grantee = grantee(&promise, Some(&request), Rights::Least);
    let wanted = grants(&grantee).unwrap();
    let mut there = wanted.clone();
    there[3].0["roleRef"]["name"] = "other".into();
    there[3].set_metadata("uid", "7");
    let all = changes(&grantee, &wanted, &there).unwrap();
    let key = wanted[3].key(&kinds::ROLE_BINDING);
    let expected =
        [Change::Delete { key, uid: Some("7".into()) }, Change::Apply(Box::new(wanted[3].clone()))];
    assert_eq!(all, expected);
}

#[test]
fn a_service_account_that_is_there_is_never_changed() {
    let promise = promise(&json!({}), &json!([]));
    let request = request("team-a");
    let grantee = grantee(&promise, Some(&request), Rights::Least);
    let wanted = grants(&grantee).unwrap();
    let without = changes(&grantee, &wanted, &wanted[1..]).unwrap();
    assert_eq!(without, [Change::Create(Box::new(wanted[0].clone()))]);
    let mut there = wanted.clone();
    for owner in [None, Some("other")] {
        there[0].metadata_mut().remove("labels");
        if let Some(owner) = owner {
            there[0].set_label(labels::PROMISE_NAME, owner);
        }
        assert_eq!(changes(&grantee, &wanted, &there).unwrap(), []);
    }
}

#[test]
fn rights_of_another_promise_are_not_taken() {
    let promise = promise(&json!({}), &json!([]));
    let request = request("team-a");
    let grantee = grantee(&promise, Some(&request), Rights::Least);
    let wanted = grants(&grantee).unwrap();
    let mut there = wanted.clone();
    there[2].set_label(labels::PROMISE_NAME, "other");
    let error = changes(&grantee, &wanted, &there).unwrap_err();
    let text = "Role `p-resource-configure-one` belongs to Promise `other`";
    assert_eq!(error.to_string(), text);
}

#[test]
fn order_and_what_others_have_set_count_for_nothing() {
    let permissions = json!([
        {"apiGroups": ["", "apps"], "resources": ["configmaps", "secrets"], "verbs": ["get"]},
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]},
    ]);
    let promise = promise(&json!({}), &permissions);
    let request = request("team-a");
    let wanted = grants(&grantee(&promise, Some(&request), Rights::Least)).unwrap();
    for object in wanted {
        let mut there = object.clone();
        there.set_label("theirs", "x");
        there.set_annotation("theirs", "x");
        if let Some(rules) = there.0.get_mut("rules").and_then(Value::as_array_mut) {
            rules.reverse();
            for rule in rules {
                for list in rule.as_object_mut().unwrap().values_mut() {
                    list.as_array_mut().unwrap().reverse();
                }
            }
        }
        if let Some(data) = there.0.get_mut("data") {
            data["theirs"] = "x".into();
        }
        assert!(!differs(&object, &there, Rights::Kratix), "{there:?}");
        if let Some(rules) = there.0.get_mut("rules").and_then(Value::as_array_mut) {
            rules[0]["verbs"] = json!(["watch"]);
            assert!(differs(&object, &there, Rights::Kratix), "{there:?}");
        }
    }
}

#[test]
fn a_shared_cluster_role_does_not_change_hands_for_ever() {
    let permissions = json!([{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"], "resourceNamespace": "*"}]);
    let promise = promise(&json!({}), &permissions);
    let requests = [request("team-a"), request("team-b")];
    let of =
        |index: usize, rights| grants(&grantee(&promise, Some(&requests[index]), rights)).unwrap();
    let role = |index, rights| {
        let mut all = of(index, rights);
        all.retain(|object| object.kind() == "ClusterRole");
        all.remove(0)
    };
    assert!(!differs(&role(0, Rights::Least), &role(1, Rights::Least), Rights::Least));
    assert!(differs(&role(0, Rights::Kratix), &role(1, Rights::Kratix), Rights::Kratix));
}

#[test]
fn what_kubernetes_refuses_is_named_before_anything_is_made() {
    let fine = json!({"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]});
    let faulty = [
        (
            json!({"nonResourceURLs": ["/x"], "verbs": ["get"]}),
            "`nonResourceURLs` are in no namespace",
        ),
        (
            json!({"nonResourceURLs": ["/x"], "verbs": ["get"], "resources": ["pods"], "resourceNamespace": "*"}),
            "it has `nonResourceURLs` and resources",
        ),
        (json!({"apiGroups": [""], "resources": ["pods"]}), "it has no `verbs`"),
        (json!({"resources": ["pods"], "verbs": ["get"]}), "it has no `apiGroups`"),
        (json!({"apiGroups": [""], "verbs": ["get"]}), "it has no `resources`"),
        (
            json!({"apiGroups": [""], "resources": ["pods"], "verbs": ["get"], "resourceNamespace": "A b"}),
            "its `resourceNamespace` is no name of a namespace",
        ),
    ];
    for (permission, message) in faulty {
        let promise = promise(&json!({}), &json!([fine, permission]));
        let error = grants(&grantee(&promise, None, Rights::Least)).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "`spec.workflows.promise.configure[0].spec.rbac.permissions[1]` is refused by Kubernetes: {message}"
            )
        );
        assert!(error.hint().is_some());
    }
}

#[test]
fn every_word_of_the_setting_is_read() {
    for rights in Rights::ALL {
        assert_eq!(rights.as_str().parse(), Ok(rights));
    }
    assert!("all".parse::<Rights>().is_err());
}

#[test]
fn urls_in_a_namespace_of_their_own_are_accepted_and_allow_nothing() {
    let urls = json!({"nonResourceURLs": ["/x"], "verbs": ["get"], "resourceNamespace": "b"});
    let promise = promise(&json!({}), &json!([urls]));
    assert!(grants(&grantee(&promise, None, Rights::Least)).is_ok());
    let findings = crate::core::promise::check(&promise);
    assert_eq!(findings.iter().filter(|finding| finding.fatal).count(), 0, "{findings:?}");
    let path = "spec.workflows.promise.configure[0].spec.rbac.permissions[0].nonResourceURLs";
    assert!(findings.iter().any(|finding| finding.path == path), "{findings:?}");
}
