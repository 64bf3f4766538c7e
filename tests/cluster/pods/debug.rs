//! Every command of `docs/debug.md`, run on a node, with the output that stands there.
//!
//! `BOOKEND_UPDATE=1` writes the outputs into the document instead of comparing them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;

use bookend::contract::{Object, kinds};
use serde_json::{Value, json};

use super::kit::{
    ADAPTER_IMAGE, Flow, Recipe, Started, kind_of_grant, once, path, stage, together, wait_for,
};

const UPDATE: &str = "BOOKEND_UPDATE";
/// What differs from run to run, made equal. Nothing of the shell or of the steps is left out.
const NORMAL: &str = "s/[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z/2026-01-02T03:04:05Z/g; \
                      s/\"?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\"?/01234567-89ab-cdef-0123-456789abcdef/g; \
                      s/resourceVersion: \"[0-9]+\"/resourceVersion: \"1\"/; s/^# would write [0-9]+/# would write 500/";

/// Where the commands of a block run: the name of the comment above it.
struct Scene {
    /// Namespace, and variables of the shell.
    variables: BTreeMap<&'static str, String>,
    /// A pod that ends is over with its Job.
    _job: Option<Started>,
}

#[test]
#[ignore = "needs a node: tests/cluster/run --node"]
fn the_commands_of_the_debug_page_print_what_stands_there() {
    let _others = together();
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/debug.md");
    let document = std::fs::read_to_string(&path).unwrap();
    let functions = functions(&document);
    let scenes = [
        ("waits", waits()),
        ("suspends", suspends()),
        ("rights", rights()),
        ("failed", failed()),
        ("bare", bare()),
    ];
    let scenes = BTreeMap::from(scenes);
    let seen = filled(&document, |scene, commands| {
        let scene = scenes.get(scene).unwrap_or_else(|| panic!("no scene `{scene}`"));
        commands.iter().fold(String::new(), |mut text, command| {
            let _ = write!(text, "$ {command}\n{}", run(&functions, scene, command));
            text
        })
    });
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(&path, &seen).unwrap();
        return;
    }
    let differs = seen.lines().zip(document.lines()).find(|(seen, written)| seen != written);
    assert!(seen == document, "first difference (seen, written): {differs:#?}");
}

/// The blocks of shell functions and variables.
fn functions(document: &str) -> String {
    let blocks = document.split("```sh\n").skip(1);
    blocks.map(|block| block.split("```").next().unwrap()).collect()
}

/// The document with the outputs of its commands, which `run` gives for a scene and the commands of a block.
fn filled(document: &str, run: impl Fn(&str, &[&str]) -> String) -> String {
    let mut text = String::new();
    let mut rest = document;
    while let Some((before, block)) = rest.split_once("```console\n") {
        let scene = before.trim_end().lines().last().unwrap();
        let scene = scene.trim_start_matches("<!-- ").trim_end_matches(" -->");
        let (block, after) = block.split_once("```").unwrap();
        let commands: Vec<_> = block.lines().filter_map(|line| line.strip_prefix("$ ")).collect();
        let _ = write!(text, "{before}```console\n{}```", run(scene, &commands));
        rest = after;
    }
    text + rest
}

fn run(functions: &str, scene: &Scene, command: &str) -> String {
    let tools = tempfile::tempdir().unwrap();
    symlink(env!("CARGO_BIN_EXE_bookend"), tools.path().join("bookend")).unwrap();
    // The function is in the place of `kubectl config set-context`, which all tests would share.
    let script = format!(
        "PATH={}:$PATH\nkubectl() {{ command kubectl --namespace \"$namespace\" \"$@\"; }}\n\
         {functions}\n{{ {command}\n}} 2>&1 | sed -E '{NORMAL}'",
        tools.path().display()
    );
    let mut shell = Command::new("bash");
    shell.args(["-c", &script]).envs(&scene.variables).env("image", ADAPTER_IMAGE);
    let output = shell.output().unwrap();
    let mut text = String::from_utf8(output.stdout).unwrap();
    text += &String::from_utf8(output.stderr).unwrap();
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

fn recipe(name: &'static str, script: &str) -> Recipe {
    let selectors = json!([{ "matchLabels": { "environment": "moon" } }]);
    Recipe {
        name,
        pipelines: vec![vec![stage("one", script)]],
        promise_spec: json!({ "destinationSelectors": selectors }),
        ..Recipe::default()
    }
}

fn scene(flow: &Flow, job: Started, is_there: impl Fn(&Value) -> bool) -> Scene {
    let pod = wait_for("the pod of the scene", || job.pod().filter(|pod| is_there(pod)));
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let variables = BTreeMap::from([
        ("namespace", flow.job_namespace().to_owned()),
        ("pod", text(&pod["metadata"]["name"])),
        ("account", text(&pod["spec"]["serviceAccountName"])),
    ]);
    Scene { variables, _job: Some(job) }
}

/// Whether the stage has done all but to end.
fn hangs(flow: &Flow, pod: &Value) -> bool {
    let (namespace, name) = (flow.job_namespace(), pod["metadata"]["name"].as_str().unwrap());
    let log = format!("/api/v1/namespaces/{namespace}/pods/{name}/log?container=one");
    let answer = flow.api.send("GET", &log, &[], Vec::new());
    answer.status == 200 && answer.body.starts_with(b"ready")
}

fn waits() -> Scene {
    install_destinations();
    let script = "echo 'a: 1' >/kratix/output/a.yaml; mkdir /kratix/output/sub; echo 'b: 2' >/kratix/output/sub/b.yaml; \
                  echo 'message: nearly there' >/kratix/metadata/status.yaml; echo ready; sleep 3600";
    let flow = recipe("debug-waits", script).set_up();
    let job = flow.start(flow.job(0, 1));
    scene(&flow, job, |pod| hangs(&flow, pod))
}

fn suspends() -> Scene {
    let script = "printf 'retryAfter: 90m\\nmessage: waits for an approval\\n' \
                  >/kratix/metadata/workflow-control.yaml; echo ready; sleep 3600";
    let flow = recipe("debug-suspends", script).set_up();
    let job = flow.start(flow.job(0, 1));
    scene(&flow, job, |pod| hangs(&flow, pod))
}

/// A pod whose account may do all with Works but create them.
fn rights() -> Scene {
    let flow = recipe("debug-rights", "echo 'a: 1' >/kratix/output/a.yaml").set_up();
    let mut role =
        flow.grants().into_iter().find(|grant| grant.kind() == kinds::ROLE.kind).unwrap();
    let mut rules = role.0["rules"].clone();
    for rule in rules.as_array_mut().unwrap() {
        if rule["resources"][0] == "works" {
            rule["verbs"] = json!(["get", "list", "update", "patch"]);
        }
    }
    role.0.insert("rules".into(), rules);
    let place = path(kind_of_grant(&role), &role, true);
    flow.api.must("PUT", &place, &role.into_value());
    let job = flow.start(flow.job(0, 1));
    scene(&flow, job, |pod| {
        let statuses = pod["status"]["initContainerStatuses"].as_array();
        statuses
            .into_iter()
            .flatten()
            .any(|status| status["lastState"]["terminated"]["exitCode"] == 4)
    })
}

fn failed() -> Scene {
    let script = "echo no more disks >&2; exit 9";
    let flow = Recipe { pipeline_spec: once(), ..recipe("debug-failed", script) }.set_up();
    let job = flow.start(flow.job(0, 1));
    scene(&flow, job, |pod| pod["status"]["phase"] == "Failed")
}

fn bare() -> Scene {
    Scene { variables: BTreeMap::from([("namespace", "default".to_owned())]), _job: None }
}

/// Serves Destinations; there are none.
fn install_destinations() {
    let (kind, schema) = (kinds::DESTINATION, json!({ "type": "object" }));
    let version = json!({ "name": kind.version, "served": true, "storage": true, "schema": { "openAPIV3Schema": schema } });
    let crd = json!({
        "apiVersion": kinds::CRD.api_version(), "kind": kinds::CRD.kind,
        "metadata": { "name": kind.to_string() },
        "spec": {
            "group": kind.group, "scope": "Cluster", "versions": [version],
            "names": { "plural": kind.plural, "singular": "destination", "kind": kind.kind },
        },
    });
    let api = crate::api::node();
    let (status, answer) = api.ask("POST", &path(&kinds::CRD, &Object::default(), false), &crd);
    assert!(status == 201 || status == 409, "{answer}");
    let list = path(&kind, &Object::default(), false);
    wait_for(&list, || (api.ask("GET", &list, &Value::Null).0 == 200).then_some(()));
}
