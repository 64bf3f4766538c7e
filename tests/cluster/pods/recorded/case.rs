//! One recorded case: its objects, and how they come into a cluster.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bookend::contract::{Kind, Object, kinds, labels};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::kit::{path, wait_for};
use super::super::node::tell;
use crate::api::Api;

/// A file of `fixtures/recorded`.
#[derive(Deserialize)]
pub(super) struct Case {
    #[serde(rename = "case")]
    pub(super) name: String,
    /// Every object once; pods name them by position.
    objects: Vec<Value>,
    pub(super) pods: Vec<Pod>,
}

/// A pod that the original's controller started.
#[derive(Deserialize)]
pub(super) struct Pod {
    pub(super) step: String,
    pub(super) job: usize,
    rights: Vec<usize>,
    crds: Vec<usize>,
    pub(super) before: Vec<usize>,
    pub(super) after: Vec<usize>,
    /// What the users' containers left in the output folder.
    output: BTreeMap<String, String>,
    /// What they left in the metadata folder.
    metadata: BTreeMap<String, String>,
    /// How the original's containers ended.
    pub(super) exit_codes: BTreeMap<String, i64>,
}

/// Every case, or those with one of the words of `BOOKEND_RECORDED` (a,b,c) in their name: all of them where the
/// recordings stand beside the project, else those of `fixtures/recorded`.
pub(super) fn cases() -> Vec<Case> {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/recorded");
    let beside = ["../shared/golden/manager", "../../shared/golden/manager"];
    let beside = beside.map(|place| Path::new(env!("CARGO_MANIFEST_DIR")).join(place));
    let Some(golden) = beside.iter().find(|place| place.is_dir()) else {
        tell("recorded pods of other people's Promises: skipped, ../shared/golden is not there");
        return read(&fixtures);
    };
    let all = tempfile::tempdir().unwrap();
    let mut convert = Command::new("python3");
    let convert = convert.arg(fixtures.join("convert.py")).arg(golden).arg(all.path()).arg("--all");
    assert!(convert.status().unwrap().success());
    read(all.path())
}

fn read(folder: &Path) -> Vec<Case> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let wanted = env::var_os("BOOKEND_RECORDED").unwrap_or_default().into_string().unwrap();
    let files = files.filter(|path: &PathBuf| {
        let name = path.file_stem().unwrap().to_string_lossy();
        path.extension().is_some_and(|it| it == "json")
            && wanted.split(',').any(|word| name.contains(word))
    });
    files.map(|path| serde_json::from_slice(&fs::read(path).unwrap()).unwrap()).collect()
}

impl Case {
    pub(super) fn object(&self, index: usize) -> Object {
        Object::from_value(self.objects[index].clone()).unwrap()
    }

    pub(super) fn promise(&self) -> String {
        self.object(self.pods[0].job).label(labels::PROMISE_NAME).unwrap().to_owned()
    }

    /// Makes the cluster as it was before the pod: kinds, rights, and the objects with their status.
    pub(super) fn set_up(&self, api: &Api, pod: &Pod) {
        for crd in pod.crds.iter().map(|index| self.object(*index)) {
            apply(api, &kinds::CRD, &crd);
            let kind = offered(&crd);
            let list = path(&kind, &Object::default(), false);
            wait_for(&list, || (api.ask("GET", &list, &Value::Null).0 == 200).then_some(()));
        }
        let job = self.object(pod.job);
        make_namespace(api, job.namespace().unwrap());
        for object in pod.rights.iter().map(|index| self.object(*index)) {
            object.namespace().into_iter().for_each(|name| make_namespace(api, name));
            apply(api, &self.kind_of(pod, &object), &object);
        }
        self.remove_works(api);
        // What an earlier pod of this Promise has left is not what was there.
        let gone = self.pods.iter().flat_map(|pod| &pod.before).map(|index| self.object(*index));
        for object in gone.filter(|object| object.kind() != kinds::WORK.kind) {
            let kind = self.kind_of(pod, &object);
            api.ask("DELETE", &path(&kind, &object, true), &Value::Null);
        }
        for object in pod.before.iter().map(|index| self.object(*index)) {
            object.namespace().into_iter().for_each(|name| make_namespace(api, name));
            put(api, &self.kind_of(pod, &object), &object);
        }
    }

    fn remove_works(&self, api: &Api) {
        for work in self.works(api) {
            let work = Object::from_value(work).unwrap();
            api.must("DELETE", &path(&kinds::WORK, &work, true), &Value::Null);
        }
    }

    /// The Works of this Promise, in whatever namespace.
    pub(super) fn works(&self, api: &Api) -> Vec<Value> {
        let all = path(&kinds::WORK, &Object::default(), false);
        let list = format!("{all}?labelSelector={}={}", labels::PROMISE_NAME, self.promise());
        api.must("GET", &list, &Value::Null)["items"].as_array().unwrap().clone()
    }

    pub(super) fn kind_of(&self, pod: &Pod, object: &Object) -> Kind {
        const KNOWN: [Kind; 8] = [
            kinds::PROMISE,
            kinds::WORK,
            kinds::CONFIG_MAP,
            kinds::SERVICE_ACCOUNT,
            kinds::ROLE,
            kinds::ROLE_BINDING,
            kinds::CLUSTER_ROLE,
            kinds::CLUSTER_ROLE_BINDING,
        ];
        let known = KNOWN.into_iter().find(|kind| kind.kind == object.kind());
        let offered = pod.crds.iter().map(|index| offered(&self.object(*index)));
        known
            .or_else(|| offered.into_iter().find(|kind| kind.kind == object.kind()))
            .unwrap_or_else(|| panic!("no kind {}", object.kind()))
    }
}

impl Pod {
    /// A script that leaves the recorded files. In base64 nothing in them means anything to the kubelet or the shell.
    pub(super) fn script(&self) -> String {
        let folders = [("/kratix/output", &self.output), ("/kratix/metadata", &self.metadata)];
        let files =
            folders.iter().flat_map(|(folder, files)| files.iter().map(move |file| (folder, file)));
        let lines = files.map(|(folder, (name, content))| {
            let content = STANDARD.encode(content);
            format!("mkdir -p \"$(dirname '{folder}/{name}')\"; echo '{content}' | base64 -d >'{folder}/{name}'")
        });
        lines.chain(["true".to_owned()]).collect::<Vec<_>>().join("\n")
    }
}

fn offered(crd: &Object) -> Kind {
    bookend::core::promise::Api::read(&crd.clone().into_value()).unwrap().kind
}

fn make_namespace(api: &Api, name: &str) {
    let namespace =
        json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } });
    let (code, answer) = api.ask("POST", "/api/v1/namespaces", &namespace);
    assert!(code == 201 || code == 409, "{answer}");
}

/// Makes the object, or replaces it.
fn apply(api: &Api, kind: &Kind, object: &Object) {
    let mut wanted = object.clone().into_value();
    let (code, answer) = api.ask("POST", &path(kind, object, false), &wanted);
    if code == 409 {
        let there = api.must("GET", &path(kind, object, true), &Value::Null);
        wanted["metadata"]["resourceVersion"] = there["metadata"]["resourceVersion"].clone();
        api.must("PUT", &path(kind, object, true), &wanted);
    } else {
        assert!(code == 201, "{answer}");
    }
}

/// Makes the object with its status.
fn put(api: &Api, kind: &Kind, object: &Object) {
    let mut wanted = object.clone().into_value();
    for field in ["generation", "deletionTimestamp", "deletionGracePeriodSeconds"] {
        wanted["metadata"].as_object_mut().map(|metadata: &mut Map<_, _>| metadata.remove(field));
    }
    let mut stored = api.must("POST", &path(kind, object, false), &wanted);
    if !wanted["status"].is_null() {
        stored["status"] = wanted["status"].take();
        api.must("PUT", &format!("{}/status", path(kind, object, true)), &stored);
    }
}
