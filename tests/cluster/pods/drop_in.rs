//! The commands of `docs/drop-in.md`, in their order, against a stand-in for Kratix' controller and its ConfigMap.

use std::process::Command;

use bookend::contract::{Object, env, kinds};
use serde_json::json;

use super::kit::{ADAPTER_IMAGE, Recipe, STAGE_IMAGE, make_namespace, path, together};
use crate::api::{Api, node};

const PAGE: &str = include_str!("../../../docs/drop-in.md");
const ORIGINAL: &str = "docker.io/syntasso/kratix-platform:v1";
const CONFIG_MAP: &str = "kratix-platform-pipeline-adapter-config";

/// Blocks marked `sh`; those marked `text` are not for this machine.
fn blocks() -> Vec<&'static str> {
    PAGE.split("\n```sh\n").skip(1).map(|rest| rest.split("\n```").next().unwrap()).collect()
}

/// What the distribution installs, as far as its documentation says; the controller only sleeps.
fn stand_in(api: &Api) {
    make_namespace(api, kinds::SYSTEM_NAMESPACE);
    let metadata = |name: &str| json!({ "name": name, "namespace": kinds::SYSTEM_NAMESPACE });
    let map = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata(CONFIG_MAP),
        "data": { env::ADAPTER_IMAGE: ORIGINAL },
    });
    let object = Object::from_value(map.clone()).unwrap();
    api.must("POST", &path(&kinds::CONFIG_MAP, &object, false), &map);
    let from = json!({ "configMapKeyRef": { "name": CONFIG_MAP, "key": env::ADAPTER_IMAGE } });
    let manager = json!({
        "name": "manager", "image": STAGE_IMAGE, "command": ["sleep", "3600"],
        "env": [{ "name": env::ADAPTER_IMAGE, "valueFrom": from }],
        "securityContext": {
            "allowPrivilegeEscalation": false, "capabilities": { "drop": ["ALL"] },
            "runAsNonRoot": true, "seccompProfile": { "type": "RuntimeDefault" },
        },
    });
    let labels = json!({ "app": "kratix" });
    let pod = json!({ "terminationGracePeriodSeconds": 0, "containers": [manager] });
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata(kinds::CONTROLLER),
        "spec": {
            "selector": { "matchLabels": labels },
            "template": { "metadata": { "labels": labels }, "spec": pod },
        },
    });
    let namespace = kinds::SYSTEM_NAMESPACE;
    api.must("POST", &format!("/apis/apps/v1/namespaces/{namespace}/deployments"), &deployment);
}

#[test]
#[ignore = "needs a node: tests/cluster/run --node"]
fn the_commands_of_the_drop_in_page_do_what_it_says() {
    let _others = together();
    let flow = Recipe { name: "drop-in", ..Recipe::default() }.set_up();
    let run = flow.run(1).succeeded();
    let job = run.job["metadata"]["name"].as_str().unwrap();
    stand_in(node());
    let blocks = blocks();
    let run = |block: &str| {
        let output = Command::new("bash")
            .args(["-euc", block])
            .envs([
                ("IMAGE", ADAPTER_IMAGE),
                ("ORIGINAL", ORIGINAL),
                ("NAMESPACE", "drop-in"),
                ("JOB", job),
            ])
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(
            output.status.success(),
            "{block}\n{text}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        text
    };
    let ours = format!("{}={ADAPTER_IMAGE}", env::ADAPTER_IMAGE);
    let three = [ADAPTER_IMAGE; 3].join("   ");
    let expected: [&[&str]; 8] = [
        &[CONFIG_MAP, ORIGINAL],                          // which setting
        &["patched", "successfully rolled out"],          // set it
        &[&ours],                                         // on the Deployment
        &[job, &three],                                   // check it
        &["wrote the file", "work=", "wrote the status"], // its logs
        &["env updated", "restarted"],                    // go back
        &["/bin/pipeline-adapter"],                       // versions
        &["env updated"],                                 // pull secret
    ];
    assert_eq!(blocks.len(), expected.len());
    for (block, words) in blocks.iter().zip(expected) {
        let text = run(block);
        for word in words {
            assert!(text.contains(word), "`{word}` is not in what this printed:\n{block}\n{text}");
        }
    }
    let back = run(blocks[0]);
    assert!(back.contains("configMapKeyRef") && back.contains(ORIGINAL), "{back}");
}
