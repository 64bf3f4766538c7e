//! What the controller may do (contract.md 4.6): what it uses, and of Secrets only to read one whose name it knows.

use serde_json::{Value, json};

use super::{Options, ours};
use crate::contract::{Kind, Object, kinds};

/// What it does with what it makes: by server-side apply, which is a patch, and for an object that is new a creation.
const MAKES: [&str; 6] = ["get", "list", "watch", "create", "patch", "delete"];
/// Name of the role that holds what others let the controller grant.
const GRANTABLE: &str = "kratix-platform-controller-manager-grantable";
/// Label of the roles that it is put together from.
const GRANTABLE_LABEL: &str = "bookend/grantable";
/// Name of the roles by which it reads the credentials of state stores, where it may not read all Secrets.
const STORE_SECRETS: &str = "kratix-platform-controller-manager-store-secrets";

/// Returns the roles of the controller, each with its binding.
///
/// With `escalate` it may grant what it does not have, as Kratix may: what a Promise's pipelines ask for, and its own
/// right to a Promise's requests. Without, it can grant only what somebody has given it, by a ClusterRole with the
/// label [`GRANTABLE_LABEL`].
pub(super) fn of_controller(options: &Options) -> Vec<Object> {
    let mut rules = cluster_rules(options.escalate);
    if options.placement {
        rules.extend(placement_rules());
        if options.secret_namespaces.is_empty() {
            rules.push(store_secrets());
        }
    }
    let cluster = with_rules(&kinds::CLUSTER_ROLE, rules);
    let namespaced = with_rules(&kinds::ROLE, namespaced_rules());
    let mut all = vec![
        cluster,
        bound(&kinds::CLUSTER_ROLE_BINDING, kinds::CONTROLLER, &kinds::CLUSTER_ROLE),
        namespaced,
        bound(&kinds::ROLE_BINDING, kinds::CONTROLLER, &kinds::ROLE),
    ];
    if options.placement {
        for namespace in &options.secret_namespaces {
            all.extend(in_namespace(namespace, store_secrets()));
        }
    }
    if !options.escalate {
        let mut role = ours(&kinds::CLUSTER_ROLE, GRANTABLE);
        let selector = json!({"matchLabels": {GRANTABLE_LABEL: "true"}});
        role.0.insert("aggregationRule".into(), json!({"clusterRoleSelectors": [selector]}));
        all.push(role);
        all.push(bound(&kinds::CLUSTER_ROLE_BINDING, GRANTABLE, &kinds::CLUSTER_ROLE));
    }
    all
}

fn cluster_rules(escalate: bool) -> Vec<Value> {
    let mut rules = vec![
        of(&kinds::PROMISE, &["get", "list", "watch", "patch"]),
        part(&kinds::PROMISE, "status", &["update"]),
        // Only where a cluster asks for it before an object may be held by another.
        part(&kinds::PROMISE, "finalizers", &["update"]),
        of(&kinds::WORK, &MAKES),
        of(&kinds::JOB, &MAKES),
        of(&kinds::POD, &["list", "delete"]),
        of(&kinds::CRD, &MAKES),
        of(&kinds::CONFIG_MAP, &MAKES),
        of(&kinds::SERVICE_ACCOUNT, &MAKES),
        of(&kinds::EVENT, &["create", "patch"]),
    ];
    for kind in [kinds::ROLE, kinds::CLUSTER_ROLE] {
        let mut verbs = MAKES.to_vec();
        if escalate {
            verbs.extend(["bind", "escalate"]);
        }
        rules.push(of(&kind, &verbs));
    }
    for kind in [kinds::ROLE_BINDING, kinds::CLUSTER_ROLE_BINDING] {
        rules.push(of(&kind, &MAKES));
    }
    if !escalate {
        // What its own steps and the status sidecar do: it must have it to grant it.
        rules.push(of(&kinds::WORK, &["update"]));
        rules.push(of(&kinds::POD, &["get"]));
    }
    rules
}

/// What placement needs besides: a WorkPlacement is made and written like a Work, Destinations and state stores are only
/// looked at, but for a finalizer and the status.
fn placement_rules() -> Vec<Value> {
    let mut rules = vec![
        part(&kinds::WORK, "status", &["update"]),
        // Only where a cluster asks for it before an object may be held by another: a WorkPlacement is held by its Work.
        part(&kinds::WORK, "finalizers", &["update"]),
        of(&kinds::WORK_PLACEMENT, &MAKES),
        part(&kinds::WORK_PLACEMENT, "status", &["update"]),
        of(&kinds::DESTINATION, &["get", "list", "watch", "patch"]),
        part(&kinds::DESTINATION, "status", &["update"]),
    ];
    for kind in [kinds::GIT_STATE_STORE, kinds::BUCKET_STATE_STORE] {
        rules.push(of(&kind, &["get", "list", "watch"]));
        rules.push(part(&kind, "status", &["update"]));
    }
    rules
}

/// One Secret at a time, and only by its name: a state store says which one.
fn store_secrets() -> Value {
    of(&kinds::SECRET, &["get"])
}

/// A role with this rule in that namespace, with its binding.
fn in_namespace(namespace: &str, rule: Value) -> [Object; 2] {
    let mut role = Object::new(&kinds::ROLE, Some(namespace), STORE_SECRETS);
    role.set_label(super::NAME_LABEL, super::NAME);
    role.0.insert("rules".into(), json!([rule]));
    let mut binding = bound(&kinds::ROLE_BINDING, STORE_SECRETS, &kinds::ROLE);
    binding.set_metadata("namespace", namespace);
    [role, binding]
}

fn namespaced_rules() -> Vec<Value> {
    vec![of(&kinds::LEASE, &["get", "create", "update"])]
}

fn of(kind: &Kind, verbs: &[&str]) -> Value {
    json!({"apiGroups": [kind.group], "resources": [kind.plural], "verbs": verbs})
}

fn part(kind: &Kind, part: &str, verbs: &[&str]) -> Value {
    json!({
        "apiGroups": [kind.group],
        "resources": [format!("{}/{part}", kind.plural)],
        "verbs": verbs,
    })
}

fn with_rules(kind: &Kind, rules: Vec<Value>) -> Object {
    let mut role = ours(kind, kinds::CONTROLLER);
    role.0.insert("rules".into(), rules.into());
    role
}

/// Binds the role of that name to the controller.
fn bound(kind: &Kind, name: &str, role: &Kind) -> Object {
    let mut binding = ours(kind, name);
    let subject = json!({
        "kind": kinds::SERVICE_ACCOUNT.kind,
        "name": kinds::CONTROLLER,
        "namespace": kinds::SYSTEM_NAMESPACE,
    });
    binding.0.insert("subjects".into(), json!([subject]));
    let role = json!({"apiGroup": kinds::RBAC_GROUP, "kind": role.kind, "name": name});
    binding.0.insert("roleRef".into(), role);
    binding
}
