//! The controller's Deployment.

use serde_json::{Value, json};

use super::{Options, ours};
use crate::contract::{Object, env, kinds, layout};
use crate::core::workflow::Layout;

/// Where it answers for its health, and with its figures.
const PORT: u16 = 8080;
/// Where it keeps what it has fetched of repositories: all of the rest is read-only.
const SCRATCH: &str = "/tmp";
/// Most that it keeps there; more, and the kubelet starts it anew with nothing.
const SCRATCH_MAX: &str = "4Gi";

/// Returns the Deployment.
pub(super) fn deployment(options: &Options) -> Object {
    let mut deployment = ours(&kinds::DEPLOYMENT, kinds::CONTROLLER);
    let labels = json!({super::NAME_LABEL: super::NAME});
    let annotations = json!({"kubectl.kubernetes.io/default-container": "manager"});
    let spec = json!({
        "replicas": options.replicas,
        "selector": {"matchLabels": labels},
        "template": {
            "metadata": {"labels": labels, "annotations": annotations},
            "spec": pod(options),
        },
    });
    deployment.0.insert("spec".into(), spec);
    deployment
}

fn pod(options: &Options) -> Value {
    let mut command = vec![layout::ADAPTER_PATH, "reconcile"];
    // With placement it holds what Works want where, and what it is about to write.
    let (cpu, memory, memory_max) = match options.placement {
        true => ("100m", "64Mi", "512Mi"),
        false => ("50m", "32Mi", "256Mi"),
    };
    if !options.placement {
        command.push("--no-placement");
    }
    let mut container = json!({
        "name": "manager",
        "image": options.image,
        "command": command,
        "env": variables(options),
        "ports": [{"name": "http", "containerPort": PORT}],
        "livenessProbe": probe("/healthz"),
        "readinessProbe": probe("/readyz"),
        "resources": {
            "requests": {"cpu": cpu, "memory": memory},
            "limits": {"memory": memory_max},
        },
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": true,
            "runAsUser": 65532,
        },
    });
    let mut pod = json!({
        "serviceAccountName": kinds::CONTROLLER,
        "securityContext": {
            "runAsNonRoot": true,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    });
    if options.placement {
        container["volumeMounts"] = json!([{"name": "scratch", "mountPath": SCRATCH}]);
        pod["volumes"] = json!([{"name": "scratch", "emptyDir": {"sizeLimit": SCRATCH_MAX}}]);
    }
    pod["containers"] = json!([container]);
    pod
}

fn probe(path: &str) -> Value {
    json!({"httpGet": {"path": path, "port": "http"}, "periodSeconds": 10})
}

fn variables(options: &Options) -> Vec<Value> {
    let variable = |name: &str, value: &str| json!({"name": name, "value": value});
    let layout = match options.layout {
        Layout::Keyed => "keyed",
        Layout::Flat => "flat",
    };
    let mut all = vec![
        variable(env::ADAPTER_IMAGE, &options.image),
        variable("BOOKEND_RIGHTS", options.rights.as_str()),
        variable("BOOKEND_STATUS_LAYOUT", layout),
        // That of Kratix's controller: while one of it still runs, ours waits.
        variable("BOOKEND_LEASE", kinds::CONTROLLER_LEASE),
        variable("BOOKEND_LISTEN", &format!(":{PORT}")),
        variable("BOOKEND_LOG_FORMAT", "json"),
    ];
    if options.placement {
        all.push(variable("TMPDIR", SCRATCH));
    }
    if let Some(secret) = &options.pull_secret {
        all.push(variable(env::ADAPTER_PULL_SECRET, secret));
    }
    all
}
