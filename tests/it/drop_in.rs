//! The files that set the image in an installed Kratix: their names are those of the contract, and they render.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use bookend::contract::{env, kinds};
use bookend::files::yaml::parse_objects;
use serde_json::Value;

const CONFIG_MAP: &str = "kratix-platform-pipeline-adapter-config";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// The one YAML document of a file.
fn yaml(path: &str) -> Value {
    let documents = parse_objects(read(path).as_bytes()).unwrap();
    let [document] = documents.as_slice() else { panic!("{path}: {} documents", documents.len()) };
    document.clone().into_value()
}

/// A stand-in for what installs Kratix, in the shape that its documentation describes.
const INSTALLED: &str = "\
apiVersion: v1
kind: ConfigMap
metadata: {name: kratix-platform-pipeline-adapter-config, namespace: kratix-platform-system}
data: {PIPELINE_ADAPTER_IMG: docker.io/syntasso/kratix-platform:v1}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: kratix-platform-controller-manager, namespace: kratix-platform-system}
spec:
  selector: {matchLabels: {a: b}}
  template:
    metadata: {labels: {a: b}}
    spec:
      containers:
      - name: manager
        image: docker.io/syntasso/kratix-platform:v1
";

#[test]
fn the_component_names_what_the_contract_names() {
    let image = yaml("images/kustomize/image.yaml");
    assert_eq!(image["kind"], "ConfigMap");
    assert_eq!(image["metadata"]["name"], CONFIG_MAP);
    assert_eq!(image["metadata"]["namespace"], kinds::SYSTEM_NAMESPACE);
    let (name, digest) =
        image["data"][env::ADAPTER_IMAGE].as_str().unwrap().split_once("@sha256:").unwrap();
    assert_eq!(digest.len(), 64, "pinned by its digest");
    let step = name.rsplit_once("/bookend-").unwrap().1;
    assert!(root().join(format!("Dockerfile.{step}")).is_file(), "{name} is one of ours");

    let component = yaml("images/kustomize/kustomization.yaml");
    assert_eq!(component["patches"][0]["path"], "image.yaml");
    let replacement = &component["replacements"][0];
    assert_eq!(replacement["source"]["name"], CONFIG_MAP);
    assert_eq!(replacement["source"]["fieldPath"], format!("data.{}", env::ADAPTER_IMAGE));
    assert_eq!(replacement["targets"][0]["select"]["name"], kinds::CONTROLLER);
}

#[test]
fn the_values_for_helm_hold_documented_keys_only() {
    let values = yaml("images/helm/values.yaml");
    let keys: Vec<&String> = values.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["additionalResources"]);
}

#[test]
fn the_page_names_what_the_contract_names() {
    let page = read("docs/drop-in.md");
    for name in [CONFIG_MAP, kinds::SYSTEM_NAMESPACE, kinds::CONTROLLER, env::ADAPTER_IMAGE] {
        assert!(page.contains(name), "{name}");
    }
}

/// Where there is a kubectl: what the post-renderer makes of an installation. It is the component in use.
#[test]
#[ignore = "needs kubectl on PATH; tests/cluster/run --node runs the commands of docs/drop-in.md too"]
fn the_post_renderer_sets_the_image_and_starts_the_controller_anew() {
    let mut renderer = Command::new(root().join("images/helm/post-render"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    renderer.stdin.take().unwrap().write_all(INSTALLED.as_bytes()).unwrap();
    let rendered = renderer.wait_with_output().unwrap();
    assert!(rendered.status.success());
    let objects = parse_objects(&rendered.stdout).unwrap();
    let of_kind = |kind: &str| objects.iter().find(|object| object.kind() == kind).unwrap();
    let image = yaml("images/kustomize/image.yaml")["data"][env::ADAPTER_IMAGE].clone();
    assert_eq!(of_kind("ConfigMap").at(&["data", env::ADAPTER_IMAGE]), Some(&image));
    let annotations = ["spec", "template", "metadata", "annotations", "pipeline-adapter-image"];
    assert_eq!(of_kind("Deployment").at(&annotations), Some(&image));
    let containers = of_kind("Deployment").at(&["spec", "template", "spec", "containers"]).unwrap();
    assert_eq!(
        containers[0]["image"], "docker.io/syntasso/kratix-platform:v1",
        "the controller stays"
    );
}
