//! Stages of Kratix's own examples run unchanged, with exactly the rights that their Promises declare.
//!
//! The examples are other people's and not part of this repository: `BOOKEND_INPUTS` names the folder, else
//! `../shared/inputs` beside the checkout is looked for. Needs `kubectl` and `yq` on PATH, as the stages do.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

use bookend::files::yaml;
use serde_json::{Value, json};

use crate::api::{Api, api};

const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn stages_that_use_their_rights_run_unchanged() {
    let dir = inputs("kratix/rbac");
    let api = api();
    for object in documents(&dir.join("resources.yaml")) {
        let plural = format!("{}s", object["kind"].as_str().unwrap().to_lowercase());
        let namespace = object["metadata"]["namespace"].as_str().unwrap();
        post(api, &format!("/api/v1/namespaces/{namespace}/{plural}"), &object);
    }
    let example = Example::new(&dir, "promise.yaml", "resource-request.yaml");
    let of_promise = example.permissions("promise", "configure");
    let config = act_as(api, example.home(), "kratix-platform-system", &of_promise);
    succeeds(&example.run(&config, &["--type", "promise"]));

    let of_resource = example.permissions("resource", "configure");
    let config = act_as(api, example.home(), "default", &of_resource);
    succeeds(&example.run(&config, &[]));

    let config = act_as(api, example.home(), "default", &[]);
    let refused = example.run(&config, &[]);
    assert_eq!(refused.status.code(), Some(6), "without rights the same stage fails");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("orbidden"), "and says why");
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn stages_in_a_namespace_of_their_own_run_unchanged() {
    let dir = inputs("kratix/promise-features");
    let api = api();
    let request = "namespaced-workflow-resource-request.yaml";
    let example = Example::new(&dir, "namespaced-workflow-promise.yaml", request);
    let secret = "/api/v1/namespaces/kube-public/secrets/promise-test";
    let is_there = || api.ask("GET", secret, &Value::Null).0 == 200;
    assert!(!is_there(), "the secret is the stage's");

    let config = act_as(api, example.home(), "kube-public", &[]);
    succeeds(&example.run(&config, &["--type", "promise"]));
    let rights = example.permissions("resource", "configure");
    let config = act_as(api, example.home(), "kube-public", &rights);
    let run = example.run(&config, &[]);
    succeeds(&run);
    assert!(String::from_utf8_lossy(&run.stdout).contains("namespace-resource.yaml"));
    assert!(is_there(), "the stage made it");

    let rights = example.permissions("resource", "delete");
    let config = act_as(api, example.home(), "kube-public", &rights);
    succeeds(&example.run(&config, &["--action", "delete"]));
    assert!(!is_there(), "the delete stage found it by the downward API's namespace");
}

/// Returns a folder of examples; `tests/cluster/run` leaves these tests out, aloud, where there is none.
fn inputs(folder: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let named = std::env::var_os("BOOKEND_INPUTS").map(PathBuf::from);
    let beside = ["../shared/inputs", "../../shared/inputs"].map(|path| root.join(path));
    let dirs = named.into_iter().chain(beside).map(|dir| dir.join(folder));
    let found = dirs.into_iter().find(|dir| dir.is_dir());
    found.unwrap_or_else(|| panic!("there is no {folder} here, see BOOKEND_INPUTS"))
}

fn documents(path: &Path) -> Vec<Value> {
    let objects = yaml::parse_objects(&std::fs::read(path).unwrap()).unwrap();
    objects.into_iter().map(bookend::contract::Object::into_value).collect()
}

/// A Promise, a request, and a home for the stages.
struct Example {
    promise: PathBuf,
    request: PathBuf,
    home: tempfile::TempDir,
}

impl Example {
    fn new(dir: &Path, promise: &str, request: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        Self { promise: dir.join(promise), request: dir.join(request), home }
    }

    fn home(&self) -> &Path {
        self.home.path()
    }

    /// Returns what the first pipeline of a workflow may do, as its Promise says.
    fn permissions(&self, workflow: &str, action: &str) -> Vec<Value> {
        let promise = &documents(&self.promise)[0];
        let pipeline = &promise["spec"]["workflows"][workflow][action][0];
        pipeline["spec"]["rbac"]["permissions"].as_array().cloned().unwrap_or_default()
    }

    /// Runs a workflow with stages that act as the kubeconfig says.
    fn run(&self, kubeconfig: &Path, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bookend"));
        command.arg("run").arg(&self.promise);
        if !arguments.contains(&"promise") {
            command.arg(&self.request);
        }
        command.args(arguments).env("KUBECONFIG", kubeconfig).env("HOME", self.home());
        command.output().unwrap()
    }
}

fn succeeds(output: &Output) {
    let [said, failed] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    assert!(output.status.success(), "{}\n{said}\n{failed}", output.status);
}

/// Makes a service account with these permissions, as Kratix would, and returns a kubeconfig for it.
fn act_as(api: &Api, home: &Path, namespace: &str, permissions: &[Value]) -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("stage-{}-{count}", std::process::id());
    let accounts = format!("/api/v1/namespaces/{namespace}/serviceaccounts");
    post(api, &accounts, &json!({ "metadata": { "name": name } }));
    let subjects = json!([{ "kind": "ServiceAccount", "name": name, "namespace": namespace }]);
    for (index, permission) in permissions.iter().enumerate() {
        let metadata = json!({ "name": format!("{name}-{index}") });
        let mut rule = permission.clone();
        let place = rule.as_object_mut().unwrap().remove("resourceNamespace");
        let place = place.as_ref().map_or(namespace, |place| place.as_str().unwrap());
        let (folder, kind) = match place {
            "*" => (RBAC.to_owned(), "ClusterRole"),
            place => (format!("{RBAC}/namespaces/{place}"), "Role"),
        };
        let plural = kind.to_lowercase();
        post(
            api,
            &format!("{folder}/{plural}s"),
            &json!({ "metadata": metadata, "rules": [rule] }),
        );
        let role = json!({ "apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": metadata["name"] });
        let binding = json!({ "metadata": metadata, "roleRef": role, "subjects": subjects });
        post(api, &format!("{folder}/{plural}bindings"), &binding);
    }
    let request =
        json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {} });
    let token = post(api, &format!("{accounts}/{name}/token"), &request)["status"]["token"].clone();

    let admin = PathBuf::from(std::env::var_os("KUBECONFIG").unwrap());
    let mut config = yaml::parse(&std::fs::read(admin).unwrap()).unwrap().into_json().unwrap();
    let cluster = config["clusters"][0]["name"].clone();
    config["users"] = json!([{ "name": "stage", "user": { "token": token } }]);
    config["contexts"] = json!([{
        "name": "stage", "context": { "cluster": cluster, "user": "stage", "namespace": namespace },
    }]);
    config["current-context"] = json!("stage");
    let path = home.join(format!("{name}.kubeconfig"));
    std::fs::write(&path, serde_json::to_vec(&config).unwrap()).unwrap();
    path
}

fn post(api: &Api, path: &str, object: &Value) -> Value {
    let (status, answer) = api.ask("POST", path, object);
    assert!(status == 201 || status == 409, "{path}: {answer}");
    answer
}
