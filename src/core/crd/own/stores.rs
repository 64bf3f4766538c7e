//! The CRDs of Destinations and of the two kinds of state stores (contract.md 5.3-5.5).

use serde_json::{Value, json};

use super::schema::{
    Column, column, conditions, crd, default, flag, kind_schema, one_of, told, with_required,
};
use crate::contract::{Object, kinds};
use crate::core::crd::status_schema::{integer, map, text};

const READY: Column = column("Ready", r#".status.conditions[?(@.type=="Ready")].status"#);
const DESTINATION_COLUMNS: [Column; 3] = [
    column("StateStoreKind", ".spec.stateStoreRef.kind"),
    column("StateStoreName", ".spec.stateStoreRef.name"),
    READY,
];
const GIT_COLUMNS: [Column; 3] =
    [column("URL", ".spec.url"), column("Branch", ".spec.branch"), READY];
const BUCKET_COLUMNS: [Column; 3] =
    [column("Name", ".spec.bucketName"), column("Endpoint", ".spec.endpoint"), READY];

/// Returns the CRD of Destinations.
pub(super) fn destinations() -> Object {
    crd(&kinds::DESTINATION, &["dest", "dests"], destination(), &DESTINATION_COLUMNS)
}

/// Returns the CRD of GitStateStores.
pub(super) fn git_state_stores() -> Object {
    crd(&kinds::GIT_STATE_STORE, &[], git_state_store(), &GIT_COLUMNS)
}

/// Returns the CRD of BucketStateStores.
pub(super) fn bucket_state_stores() -> Object {
    crd(&kinds::BUCKET_STATE_STORE, &[], bucket_state_store(), &BUCKET_COLUMNS)
}

fn destination() -> Value {
    let reference = map(json!({
        "kind": one_of(&[&kinds::BUCKET_STATE_STORE.kind, &kinds::GIT_STATE_STORE.kind]),
        "name": text(),
    }));
    let mut mode = one_of(&["nestedByMetadata", "aggregatedYAML", "none"]);
    // What was written in one mode is not found again in another.
    mode["x-kubernetes-validations"] =
        json!([{"rule": "self == oldSelf", "message": "filepath.mode is immutable"}]);
    let filepath = map(json!({
        "mode": told(mode, "`nestedByMetadata`: a folder for each request; `aggregatedYAML`: one file for all; `none`: paths as the pipeline gives them."),
        "filename": told(text(), "Name of the file with everything, in the mode `aggregatedYAML`; `aggregated.yaml` when not given."),
    }));
    let enabled = told(
        default(flag(), json!(true)),
        "Write two small files, by which one can see that a cluster reads this Destination.",
    );
    let spec = with_required(
        map(json!({
            "path": told(text(), "Folder below `spec.path` of the state store; `.` or `/` for all of it."),
            "stateStoreRef": told(with_required(reference, &["kind", "name"]), "State store that holds the files."),
            "strictMatchLabels": told(flag(), "Take only Works that select this Destination by a label; matters for those with labels of its own."),
            "filepath": told(default(filepath, json!({"mode": "nestedByMetadata"})), "How files are laid out; `mode` cannot change."),
            "cleanup": told(default(one_of(&["none", "all"]), json!("none")), "`all`: its files go when it is deleted."),
            "initWorkloads": default(map(json!({"enabled": enabled})), json!({})),
        })),
        &["path"],
    );
    kind_schema(spec, map(json!({"conditions": conditions()})))
}

/// Name and namespace of the Secret with the credentials.
fn secret() -> Value {
    let mut secret = map(json!({"name": text(), "namespace": text()}));
    secret["x-kubernetes-map-type"] = "atomic".into();
    told(secret, "Secret with the credentials; in the namespace `default` when none is given.")
}

fn path() -> Value {
    told(text(), "Folder that all Destinations of this state store are below.")
}

fn state_store_status() -> Value {
    let status = map(json!({
        "conditions": conditions(),
        "observedGeneration": integer(),
        "status": told(text(), "`Ready` or `NotReady`."),
    }));
    with_required(status, &["status"])
}

fn git_state_store() -> Value {
    let author = map(json!({"name": text(), "email": text()}));
    let method = default(one_of(&["basicAuth", "ssh", "githubApp"]), json!("basicAuth"));
    let spec = map(json!({
        "url": told(text(), "`https://HOST/REPOSITORY`, or for the method `ssh` `ssh://USER@HOST/REPOSITORY` or `USER@HOST:REPOSITORY`."),
        "path": path(),
        "secretRef": secret(),
        "branch": told(default(text(), json!("main")), "Branch that is written to."),
        "authMethod": told(method, "What the Secret holds: `username` and `password`; `sshPrivateKey` and `knownHosts`; `appID`, `installationID` and `privateKey`."),
        "gitAuthor": told(default(author, json!({"name": "kratix"})), "Author of the commits."),
    }));
    kind_schema(spec, state_store_status())
}

fn bucket_state_store() -> Value {
    let method = default(one_of(&["accessKey", "IAM"]), json!("accessKey"));
    let spec = map(json!({
        "bucketName": text(),
        "endpoint": told(text(), "`HOST` or `HOST:PORT`, without scheme."),
        "path": path(),
        "secretRef": secret(),
        "insecure": told(flag(), "Plain HTTP."),
        "useDualStack": told(flag(), "The endpoints of AWS that are reached by IPv6 too."),
        "authMethod": told(method, "`accessKey`: the Secret holds `accessKeyID` and `secretAccessKey`; `IAM`: what the pod is given."),
    }));
    kind_schema(with_required(spec, &["bucketName", "endpoint"]), state_store_status())
}
