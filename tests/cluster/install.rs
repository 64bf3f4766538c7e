//! A real API server takes what `bookend install` prints, and the rights in it are those that a reconciler needs.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use bookend::contract::{Object, kinds};
use bookend::core::rbac::Rights;
use bookend::core::workflow::Layout;
use bookend::install::{Options, objects};
use serde_json::{Value, json};

use crate::api::{Api, api};

/// What is installed: all rights and placement, or as little as can be.
fn options(all: bool) -> Options {
    Options {
        image: "localhost/bookend:1".into(),
        pull_secret: Some("pull".into()),
        replicas: 2,
        rights: Rights::Least,
        layout: Layout::Keyed,
        escalate: all,
        placement: all,
        secret_namespaces: BTreeSet::new(),
        config: None,
    }
}

/// Path of an object in the API.
fn path(object: &Object) -> String {
    let kind = kinds::of(object).unwrap();
    let root = match kind.group.as_ref() {
        "" => format!("/api/{}", kind.version),
        group => format!("/apis/{group}/{}", kind.version),
    };
    match object.namespace() {
        Some(namespace) => {
            format!("{root}/namespaces/{namespace}/{}/{}", kind.plural, object.name())
        }
        None => format!("{root}/{}/{}", kind.plural, object.name()),
    }
}

/// Applies it as `kubectl apply --server-side` does, and returns it as stored.
pub(crate) fn apply(api: &Api, object: &Object, parameters: &str) -> Value {
    let path = format!("{}?fieldManager=kubectl&fieldValidation=Strict&{parameters}", path(object));
    let headers = [("content-type", "application/apply-patch+yaml")];
    let reply = api.send("PATCH", &path, &headers, serde_json::to_vec(object).unwrap());
    let text = String::from_utf8_lossy(&reply.body);
    assert!((200..300).contains(&reply.status), "{path}: {} {text}", reply.status);
    serde_json::from_slice(&reply.body).unwrap()
}

/// Gives the account of the controller the rights that `install` prints, and returns the administrator's kubeconfig
/// with the account in his place.
pub(crate) fn controller(api: &Api, admin: &Path) -> Value {
    let all = objects(&options(true)).unwrap();
    for object in all.iter().filter(|object| {
        object.kind() == "ServiceAccount" || object.api_version().starts_with("rbac.")
    }) {
        apply(api, object, "force=true");
    }
    as_account(api, admin, kinds::SYSTEM_NAMESPACE, kinds::CONTROLLER)
}

/// Returns the kubeconfig of the tests with a service account in the place of the administrator.
pub(crate) fn with_account(api: &Api, namespace: &str, name: &str) -> Value {
    as_account(api, Path::new(&std::env::var_os("KUBECONFIG").unwrap()), namespace, name)
}

fn as_account(api: &Api, admin: &Path, namespace: &str, name: &str) -> Value {
    let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token");
    let request = json!({
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
        "spec": {"expirationSeconds": 14400},
    });
    let token = api.must("POST", &path, &request)["status"]["token"].clone();
    let config = bookend::files::yaml::parse(&fs::read(admin).unwrap()).unwrap();
    let mut config = config.into_json().unwrap();
    config["users"] = json!([{ "name": "test", "user": { "token": token } }]);
    config["contexts"][0]["context"]["user"] = json!("test");
    config
}

#[test]
#[ignore = "needs a real API server: tests/cluster/run"]
fn a_real_api_server_takes_what_install_prints_and_the_second_time_changes_nothing() {
    let api = api();
    let mut of_few_secrets = options(true);
    of_few_secrets.secret_namespaces = BTreeSet::from(["default".to_owned()]);
    let ways = [&options(true), &of_few_secrets, &options(false)].map(|one| objects(one).unwrap());
    let is_in_default = |object: &&Object| object.namespace() == Some("default");
    assert_eq!(ways[1].iter().filter(is_in_default).count(), 2, "a role and its binding");
    let mut made = BTreeSet::new();
    for object in ways.iter().flatten() {
        if object.kind() == "CustomResourceDefinition" {
            // The tests have their own of the same name: it is only asked for.
            apply(api, object, "force=true&dryRun=All");
            continue;
        }
        let first = apply(api, object, "force=true");
        let second = apply(api, object, "force=true");
        // Where controllers run, a Deployment's status changes all the time.
        let field = if object.kind() == "Deployment" { "generation" } else { "resourceVersion" };
        let version = |value: &Value| value["metadata"][field].clone();
        assert_eq!(version(&first), version(&second), "{} {}", object.kind(), object.name());
        if object.kind() != "Namespace" {
            made.insert(path(object));
        }
    }
    for path in made {
        api.must("DELETE", &path, &Value::Null);
    }
}
