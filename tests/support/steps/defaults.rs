//! What Kubernetes fills into a Job by itself.

use serde_json::{Value, json};

/// Takes out of a Job what the API server adds or fills in.
pub(crate) fn without_defaults(job: &mut Value) {
    for key in ["uid", "resourceVersion", "generation", "creationTimestamp"] {
        remove(job, "/metadata", key);
    }
    remove(job, "", "status");
    for key in ["selector", "suspend", "manualSelector"] {
        remove(job, "/spec", key);
    }
    for (key, default) in [
        ("parallelism", json!(1)),
        ("completions", json!(1)),
        ("backoffLimit", json!(6)),
        ("completionMode", json!("NonIndexed")),
        ("podReplacementPolicy", json!("TerminatingOrFailed")),
    ] {
        remove_if(job, "/spec", key, &default);
    }
    let uid_labels = [
        "batch.kubernetes.io/controller-uid",
        "batch.kubernetes.io/job-name",
        "controller-uid",
        "job-name",
    ];
    for label in uid_labels {
        remove(job, "/spec/template/metadata/labels", label);
    }
    let pod = "/spec/template/spec";
    remove(job, pod, "serviceAccount");
    for (key, default) in [
        ("terminationGracePeriodSeconds", json!(30)),
        ("dnsPolicy", json!("ClusterFirst")),
        ("securityContext", json!({})),
        ("schedulerName", json!("default-scheduler")),
    ] {
        remove_if(job, pod, key, &default);
    }
    for list in ["initContainers", "containers"] {
        each(job, &format!("{pod}/{list}"), |container| {
            let image = container["image"].as_str().unwrap();
            let latest = !image.contains(':') || image.ends_with(":latest");
            let policy = json!(if latest { "Always" } else { "IfNotPresent" });
            remove_if(container, "", "imagePullPolicy", &policy);
            remove_if(container, "", "terminationMessagePath", &json!("/dev/termination-log"));
            remove_if(container, "", "terminationMessagePolicy", &json!("File"));
            remove_if(container, "", "resources", &json!({}));
            each(container, "/env", |variable| {
                remove_if(variable, "/valueFrom/fieldRef", "apiVersion", &json!("v1"));
            });
        });
    }
    each(job, &format!("{pod}/volumes"), |volume| {
        for source in ["/configMap", "/secret", "/projected"] {
            remove_if(volume, source, "defaultMode", &json!(0o644));
        }
    });
}

pub(crate) fn remove(value: &mut Value, parent: &str, key: &str) {
    if let Some(Value::Object(map)) = value.pointer_mut(parent) {
        map.remove(key);
    }
}

fn remove_if(value: &mut Value, parent: &str, key: &str, default: &Value) {
    if value.pointer(parent).and_then(|parent| parent.get(key)) == Some(default) {
        remove(value, parent, key);
    }
}

fn each(value: &mut Value, list: &str, change: impl FnMut(&mut Value)) {
    if let Some(Value::Array(items)) = value.pointer_mut(list) {
        items.iter_mut().for_each(change);
    }
}
