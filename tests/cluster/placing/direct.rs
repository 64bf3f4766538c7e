//! `writer --destination`: under the rights that docs/placement.md names, into a real bucket, one after the other.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use bookend::contract::{Object, kinds};
use bookend::core::promise::{Promise, WorkflowAction, WorkflowType};
use bookend::core::rbac::{Grantee, Rights, grants};
use bookend::destination::lease;
use bookend::files::yaml;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::kit::World;
use crate::api::{Api, api};
use crate::bucket::KEY;
use crate::install::{apply, with_account};

const LEASES: &str = "/apis/coordination.k8s.io/v1/namespaces/kratix-platform-system/leases";

/// What docs/placement.md has a Promise ask for, for the Secret of these tests.
fn documented() -> Vec<Value> {
    let page = include_str!("../../../docs/placement.md");
    let rights = page.split("## Rights").nth(1).unwrap();
    let block = rights.split("```yaml").nth(1).unwrap().split("```").next().unwrap();
    let spec = yaml::parse(block.as_bytes()).unwrap().into_json().unwrap();
    let mut all = spec["spec"]["rbac"]["permissions"].as_array().unwrap().clone();
    for rule in &mut all {
        if rule["resources"] == json!(["secrets"]) {
            rule["resourceNames"] = json!(["keys"]);
            rule["resourceNamespace"] = json!("team-a");
        }
    }
    all
}

/// Each single right of rules: a resource and a verb.
fn single(rules: &[Value]) -> Vec<(String, String)> {
    let texts = |rule: &Value, key: &str| -> Vec<String> {
        rule[key].as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()).collect()
    };
    let pairs = rules.iter().flat_map(|rule| {
        let resources = texts(rule, "resources");
        resources.into_iter().flat_map(move |resource| {
            texts(rule, "verbs").into_iter().map(move |verb| (resource.clone(), verb))
        })
    });
    pairs.collect()
}

/// Rules without one single right.
fn without(rules: &[Value], (resource, verb): &(String, String)) -> Vec<Value> {
    let mut left = Vec::new();
    for rule in rules {
        for one in rule["resources"].as_array().unwrap() {
            let mut verbs = rule["verbs"].as_array().unwrap().clone();
            verbs.retain(|other| (one, other) != (&json!(resource), &json!(verb)));
            let mut rule = rule.clone();
            (rule["resources"], rule["verbs"]) = (json!([one]), json!(verbs));
            left.extend((!verbs.is_empty()).then_some(rule));
        }
    }
    left
}

/// A kubeconfig for the account of a pipeline that asks for these permissions, as the controller makes it.
fn account(api: &Api, folder: &Path, pipeline: &str, permissions: &[Value]) -> PathBuf {
    let promise = json!({
        "apiVersion": "platform.kratix.io/v1alpha1", "kind": "Promise", "metadata": {"name": "vault"},
        "spec": {
            "api": {
                "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
                "metadata": {"name": "widgets.gold.example.com"},
                "spec": {
                    "group": "gold.example.com", "scope": "Namespaced",
                    "names": {"plural": "widgets", "singular": "widget", "kind": "Widget"},
                    "versions": [{"name": "v1", "served": true, "storage": true,
                        "schema": {"openAPIV3Schema": {"type": "object"}}}],
                },
            },
            "workflows": {"resource": {"configure": [{
                "apiVersion": "platform.kratix.io/v1alpha1", "kind": "Pipeline",
                "metadata": {"name": pipeline},
                "spec": {
                    "containers": [{"name": "one", "image": "localhost/stage:1"}],
                    "rbac": {"permissions": permissions},
                },
            }]}},
        },
    });
    let promise = Promise::from_object(&Object::from_value(promise).unwrap()).unwrap();
    let request = json!({
        "apiVersion": "gold.example.com/v1", "kind": "Widget",
        "metadata": {"name": "one", "namespace": "team-a", "uid": "u"},
    });
    let request = Object::from_value(request).unwrap();
    let all = grants(&Grantee {
        promise: &promise,
        request: Some(&request),
        workflow: WorkflowType::Resource,
        action: WorkflowAction::Configure,
        index: 0,
        rights: Rights::Least,
        sidecar: Default::default(),
    });
    let all = all.unwrap();
    for object in &all {
        if object.kind() != kinds::CONFIG_MAP.kind {
            apply(api, object, "force=true");
        }
    }
    let own = all.iter().find(|object| object.kind() == "ServiceAccount").unwrap();
    let config = with_account(api, "team-a", own.name());
    let path = folder.join(format!("{pipeline}.kubeconfig"));
    fs::write(&path, config.to_string()).unwrap();
    path
}

/// The folders of one pod after its stages.
struct Pod {
    folder: TempDir,
    request: String,
}

impl Pod {
    fn of(request: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for one in ["work-creator-files/input", "work-creator-files/metadata", "dev", "tmp"] {
            fs::create_dir_all(folder.path().join(one)).unwrap();
        }
        let pod = Self { folder, request: request.to_owned() };
        pod.write("work-creator-files/input/a.yaml", &format!("of: {request}\n"));
        pod.write(
            "work-creator-files/metadata/destination-selectors.yaml",
            "- matchLabels: {env: dev}\n",
        );
        pod.write("work-creator-files/metadata/status.yaml", "url: http://x\n");
        pod.write("dev/termination-log", "");
        pod
    }

    fn write(&self, path: &str, content: &str) {
        fs::write(self.folder.path().join(path), content).unwrap();
    }

    fn program(&self, kubeconfig: &Path) -> Command {
        let mut program = Command::new(env!("CARGO_BIN_EXE_bookend"));
        program.env_clear().env("KUBECONFIG", kubeconfig).stdin(Stdio::null());
        program.env("BOOKEND_POD_ROOT", self.folder.path());
        program.env("TMPDIR", self.folder.path().join("tmp"));
        for (name, value) in [
            ("KRATIX_OBJECT_GROUP", "gold.example.com"),
            ("KRATIX_OBJECT_VERSION", "v1"),
            ("KRATIX_OBJECT_KIND", "Widget"),
            ("KRATIX_CRD_PLURAL", "widgets"),
            ("KRATIX_OBJECT_NAME", &self.request),
            ("KRATIX_OBJECT_NAMESPACE", "team-a"),
            ("KRATIX_WORKFLOW_TYPE", "resource"),
            ("KRATIX_WORKFLOW_ACTION", "configure"),
            ("KRATIX_PROMISE_NAME", "vault"),
            ("KRATIX_PIPELINE_NAME", "main"),
        ] {
            program.env(name, value);
        }
        program.stdout(Stdio::piped()).stderr(Stdio::piped());
        program
    }

    /// The writer, as Kratix starts it, with what its image was made to say.
    fn writer(&self, kubeconfig: &Path, destination: &str) -> Command {
        let mut writer = self.program(kubeconfig);
        writer.args(["writer", "--input-directory", "/work-creator-files"]);
        writer.args(["--namespace", "team-a", "--resource-name", &self.request]);
        writer.args(["--destination", destination, "--version-status", "published"]);
        writer
    }

    fn message(&self) -> Value {
        let text = fs::read(self.folder.path().join("dev/termination-log")).unwrap();
        serde_json::from_slice(&text).unwrap_or_default()
    }
}

/// What it has said. No credentials are in it.
#[track_caller]
fn said(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!text.contains(KEY), "{text}");
    text
}

fn home(request: &str) -> String {
    format!("dev/resources/team-a/vault/{request}/main/5058f/a.yaml")
}

/// The Leases by which writers have taken turns.
fn leases(api: &Api) -> Vec<Value> {
    let all = api.must("GET", LEASES, &Value::Null)["items"].as_array().unwrap().clone();
    let is_ours =
        |one: &Value| one["metadata"]["name"].as_str().unwrap().starts_with("bookend-store-");
    all.into_iter().filter(is_ours).collect()
}

fn no_leases(api: &Api) {
    for one in leases(api) {
        let name = one["metadata"]["name"].as_str().unwrap();
        api.must("DELETE", &format!("{LEASES}/{name}"), &Value::Null);
    }
}

#[test]
#[ignore = "needs a cluster and versitygw: tests/cluster/run"]
fn a_writer_needs_the_documented_rights_and_each_of_them() {
    let world = World::new();
    let (api, folder) = (api(), tempfile::tempdir().unwrap());
    no_leases(api);
    world.destination("dev-1", json!({"env": "dev"}), json!({"path": "dev"}));
    let rules = documented();
    let full = account(api, folder.path(), "full", &rules);
    let pod = Pod::of("one");
    let widget = json!({
        "apiVersion": "gold.example.com/v1", "kind": "Widget",
        "metadata": {"name": "one", "namespace": "team-a"}, "spec": {},
    });
    api.create(&widget);
    let done = pod.writer(&full, "dev-1").output().unwrap();
    let text = said(&done);
    assert_eq!(done.status.code(), Some(0), "{text}");
    assert!(!text.contains("without waiting"), "{text}");
    assert_eq!(world.files(), [home("one")].into());
    assert_eq!(world.read(&home("one")), "of: one\n");
    let told = pod.message();
    let version = told["version"].as_str().unwrap().to_owned();
    assert_eq!(told["written"], 1, "{told}");
    assert_eq!((&told["destination"], &told["path"]), (&json!("dev-1"), &json!("dev")), "{told}");
    // Our turn was taken and given back.
    let all = leases(api);
    assert_eq!(all.len(), 1);
    assert_eq!(all[0]["metadata"]["name"], lease::name_of(told["store"].as_str().unwrap()));
    assert_eq!(all[0]["spec"]["leaseTransitions"], 0, "{}", all[0]);
    assert_eq!(all[0]["spec"]["holderIdentity"].as_str().unwrap_or_default(), "", "{}", all[0]);
    // The status step, which comes after and has the right to, brings the result into the object.
    let status = pod.program(&full).arg("status").output().unwrap();
    assert_eq!(status.status.code(), Some(0), "{}", said(&status));
    let status = api.get(&widget)["status"].clone();
    assert_eq!(
        (&status["url"], &status["published"]["version"]),
        (&json!("http://x"), &json!(version))
    );

    // A state store is of one kind: that of the other is not asked for.
    let (other, needed): (Vec<_>, Vec<_>) =
        single(&rules).into_iter().partition(|(resource, _)| resource == "gitstatestores");
    assert_eq!((other.len(), needed.len()), (1, 6), "{needed:?}");
    for right in needed {
        let (resource, verb) = &right;
        match (resource.as_str(), verb.as_str()) {
            ("leases", "create") => no_leases(api),
            // There is one now, and it is free.
            ("leases", _) => assert!(pod.writer(&full, "dev-1").status().unwrap().success()),
            _ => {}
        }
        let name = format!("no-{verb}-{resource}");
        let fewer = account(api, folder.path(), &name, &without(&rules, &right));
        let done = Pod::of("one").writer(&fewer, "dev-1").output().unwrap();
        let text = said(&done);
        let rule = format!("resources [\"{resource}\"], verbs [\"{verb}\"]");
        if resource == "leases" {
            assert_eq!(done.status.code(), Some(0), "{name}: {text}");
            assert!(text.contains("writing without waiting for other pods"), "{name}: {text}");
        } else {
            assert_eq!(done.status.code(), Some(4), "{name}: {text}");
            assert!(text.contains(&rule), "{name}: {text}");
        }
    }
}

#[test]
#[ignore = "needs a cluster and versitygw: tests/cluster/run"]
fn writers_of_one_destination_take_turns_and_nobody_writes_twice() {
    const WRITERS: usize = 6;
    let world = World::new();
    let (api, folder) = (api(), tempfile::tempdir().unwrap());
    no_leases(api);
    let full = account(api, folder.path(), "full", &documented());
    // All write the same file.
    let spec = json!({"path": "dev", "filepath": {"mode": "aggregatedYAML"}});
    world.destination("dev-1", json!({"env": "dev"}), spec);
    let pods: Vec<Pod> = (0..WRITERS).map(|number| Pod::of(&format!("r{number}"))).collect();
    let writers: Vec<Child> =
        pods.iter().map(|pod| pod.writer(&full, "dev-1").spawn().unwrap()).collect();
    for writer in writers {
        let done = writer.wait_with_output().unwrap();
        let text = said(&done);
        assert_eq!(done.status.code(), Some(0), "{text}");
        assert!(text.contains("attempts=1"), "nobody was in the way: {text}");
    }
    let file = world.read("dev/aggregated.yaml");
    for pod in &pods {
        assert_eq!(file.matches(&format!("of: {}\n", pod.request)).count(), 1, "{file}");
    }
    let all = leases(api);
    assert_eq!(all.len(), 1);
    let transitions = all[0]["spec"]["leaseTransitions"].as_u64();
    assert_eq!(transitions, Some(WRITERS as u64 - 1), "each had it once: {}", all[0]);
    assert_eq!(all[0]["spec"]["holderIdentity"].as_str().unwrap_or_default(), "");
}
