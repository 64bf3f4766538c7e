//! Service accounts and rights: the examples of the seeds.

use bookend::contract::Object;
use bookend::core::promise::{WorkflowAction, WorkflowType};
use bookend::core::rbac::{self, Grantee, Rights};
use serde_json::{Value, json};

use super::{WORKFLOWS, pipeline, promise, request};

/// Everything that is granted to the one pipeline of a Promise in one of its workflows.
fn granted(
    pipeline: &Value,
    (workflow, action): (WorkflowType, WorkflowAction),
    namespace: &str,
) -> Vec<Object> {
    let (promise, request) = (promise(pipeline), request(namespace));
    rbac::grants(&Grantee {
        promise: &promise,
        request: (workflow == WorkflowType::Resource).then_some(&request),
        workflow,
        action,
        index: 0,
        rights: Rights::default(),
        sidecar: Default::default(),
    })
    .unwrap()
}

fn of_kind<'a>(all: &'a [Object], kind: &str) -> Vec<&'a Object> {
    all.iter().filter(|object| object.kind() == kind).collect()
}

/// Rules of the roles of a kind that name this resource.
fn rules(all: &[Object], kind: &str, resource: &str) -> Vec<Value> {
    let roles = of_kind(all, kind);
    let rules = roles.iter().flat_map(|role| role.at(&["rules"]).unwrap().as_array().unwrap());
    rules.filter(|rule| rule["resources"] == json!([resource])).cloned().collect()
}

#[test]
fn an_account_is_named_by_promise_type_action_and_pipeline() {
    let slack = pipeline("slack-notify", |_| {});
    for namespace in ["one", "two"] {
        let all = granted(&slack, WORKFLOWS[3], namespace);
        let [account] = of_kind(&all, "ServiceAccount")[..] else { panic!("one account") };
        assert_eq!(account.name(), "env-resource-delete-slack-notify");
        assert_eq!(account.namespace(), Some(namespace));
    }
    let all = granted(&pipeline("tf-workspace", |_| {}), WORKFLOWS[0], "one");
    let [account] = of_kind(&all, "ServiceAccount")[..] else { panic!("one account") };
    assert_eq!(account.name(), "env-promise-configure-tf-workspace");
    assert_eq!(account.namespace(), Some("kratix-platform-system"));
}

#[test]
fn an_account_of_ones_own_choice_takes_its_place() {
    let own = pipeline("slack-notify", |value| {
        value["spec"]["rbac"] = json!({"serviceAccount": "my-service-account"});
    });
    let all = granted(&own, WORKFLOWS[2], "team");
    let [account] = of_kind(&all, "ServiceAccount")[..] else { panic!("one account") };
    assert_eq!(account.name(), "my-service-account");
    for binding in of_kind(&all, "RoleBinding") {
        assert_eq!(binding.at(&["subjects"]).unwrap()[0]["name"], "my-service-account");
    }
}

#[test]
fn permissions_hold_in_the_namespace_of_the_pipeline() {
    let rule = |group: &str, verbs: Value, resource: &str| json!({"apiGroups": [group], "verbs": verbs, "resources": [resource]});
    let mut job = rule("batch", json!(["get"]), "jobs");
    job["resourceNames"] = json!(["my-job"]);
    let secrets = rule("", json!(["*"]), "secrets");
    let with = pipeline("slack-notify", |value| {
        value["spec"]["rbac"] = json!({"permissions": [secrets, job]});
    });
    let all = granted(&with, WORKFLOWS[2], "team");
    assert_eq!(rules(&all, "Role", "secrets"), [secrets]);
    assert_eq!(rules(&all, "Role", "jobs"), [job]);
    assert!(of_kind(&all, "Role").iter().all(|role| role.namespace() == Some("team")));
    assert!(of_kind(&all, "RoleBinding").iter().all(|one| one.namespace() == Some("team")));
    assert!(of_kind(&all, "ClusterRoleBinding").is_empty());
}

#[test]
fn permissions_reach_another_namespace_or_all_of_them() {
    let with = pipeline("slack-notify", |value| {
        value["spec"]["rbac"] = json!({"permissions": [
            {"apiGroups": [""], "verbs": ["get"], "resources": ["secrets"],
             "resourceNamespace": "ns-of-my-secrets"},
            {"apiGroups": ["batch"], "verbs": ["get", "list"], "resources": ["jobs"],
             "resourceNamespace": "*"},
        ]});
    });
    let all = granted(&with, WORKFLOWS[2], "team");
    let role_of = |binding: &Object| {
        let name = binding.text_at(&["roleRef", "name"]).unwrap().to_owned();
        let kind = binding.text_at(&["roleRef", "kind"]).unwrap().to_owned();
        all.iter().find(|role| role.name() == name && role.kind() == kind).unwrap().clone()
    };
    let subject = |binding: &Object| binding.at(&["subjects"]).unwrap()[0].clone();
    let abroad: Vec<_> = of_kind(&all, "RoleBinding")
        .into_iter()
        .filter(|one| one.namespace() == Some("ns-of-my-secrets"))
        .collect();
    let [abroad] = abroad[..] else { panic!("one binding there: {abroad:?}") };
    assert_eq!(rules(&[role_of(abroad)], "ClusterRole", "secrets").len(), 1);
    let [everywhere] = of_kind(&all, "ClusterRoleBinding")[..] else { panic!("one for all") };
    assert_eq!(
        rules(&[role_of(everywhere)], "ClusterRole", "jobs")[0]["verbs"],
        json!(["get", "list"])
    );
    for binding in [abroad, everywhere] {
        let subject = subject(binding);
        assert_eq!(subject["name"], "env-resource-configure-slack-notify");
        assert_eq!(subject["namespace"], "team");
    }
}
