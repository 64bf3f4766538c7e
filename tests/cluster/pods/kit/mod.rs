//! What the tests of pods share: workflows in the cluster, their Jobs, what is left of them, and waiting.

mod flow;
mod run;

pub(crate) use flow::{Flow, Recipe};
pub(crate) use run::{Finished, Started};

use std::process::Command;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread;
use std::time::{Duration, Instant};

use bookend::contract::{Kind, Object, kinds};
use bookend::core::promise::Api as PromiseApi;
use serde_json::{Value, json};

use crate::api::Api;

/// The image that all three containers run: one is enough for Kratix.
pub(crate) const ADAPTER_IMAGE: &str = "localhost/bookend-reader:dev";
/// The image of the users' containers.
pub(crate) const STAGE_IMAGE: &str = "localhost/stage:1";
/// How long a Job may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);
const BETWEEN_LOOKS: Duration = Duration::from_millis(150);

static ORDER: RwLock<()> = RwLock::new(());

/// Lets this test run beside others, but not beside one that is [`alone`].
pub(crate) fn together() -> RwLockReadGuard<'static, ()> {
    ORDER.read().unwrap_or_else(PoisonError::into_inner)
}

/// Lets no other test run: for one that harms the API server, or measures.
pub(crate) fn alone() -> RwLockWriteGuard<'static, ()> {
    ORDER.write().unwrap_or_else(PoisonError::into_inner)
}

/// Looks until there is something, and returns it.
pub(crate) fn wait_for<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    look_for(look).unwrap_or_else(|| panic!("gave up waiting for {what}"))
}

/// Looks until there is something, but not for ever.
fn look_for<T>(mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        if let found @ Some(_) = look() {
            return found;
        }
        thread::sleep(BETWEEN_LOOKS);
    }
    None
}

/// A user's container: a shell script. `restricted` wants every container to say what it does without.
pub(crate) fn stage(name: &str, script: &str) -> Value {
    json!({ "name": name, "image": STAGE_IMAGE, "command": ["sh", "-euc", script] })
}

/// Keys of a pipeline's `spec` with which a failed container ends the Job.
pub(crate) fn once() -> Value {
    json!({ "restartPolicy": "Never", "jobOptions": { "backoffLimit": 0 } })
}

/// The status of an object whose only pipeline has been started, in the flat layout.
pub(crate) fn flat() -> Value {
    json!({
        "message": "Pending", "workflows": 1, "workflowsSucceeded": 0, "workflowsFailed": 0,
        "kratix": { "workflows": { "pipelines": [{ "name": "pipe-0", "phase": "Running" }] } },
    })
}

/// A text with its spaces and line breaks made one: kubectl aligns what it prints.
pub(crate) fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Asks kubectl, as somebody on call would.
pub(crate) fn kubectl(args: &[&str]) -> String {
    let output = Command::new("kubectl").args(args).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "kubectl {args:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

/// The CRD of a kind, from the files of this folder.
fn crd(kind: &str) -> Value {
    let files =
        [include_bytes!("../../crds.yaml").as_slice(), include_bytes!("../crds.yaml").as_slice()];
    let crds = files.iter().flat_map(|file| bookend::files::yaml::parse_objects(file).unwrap());
    let crds = crds.map(Object::into_value);
    let mut crds = crds.filter(|crd| crd["spec"]["names"]["kind"] == kind);
    crds.next().unwrap_or_else(|| panic!("no CRD of kind {kind}"))
}

/// Makes a namespace in which Pod Security lets nothing pass that is not `restricted`.
pub(super) fn make_namespace(api: &Api, name: &str) {
    let namespace = json!({
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": { "name": name, "labels": { "pod-security.kubernetes.io/enforce": "restricted" } },
    });
    let (status, answer) = api.ask("POST", "/api/v1/namespaces", &namespace);
    assert!(status == 201 || status == 409, "{answer}");
}

/// Installs the CRD of a kind, as Kratix does when it meets the Promise.
fn make_kind(api: &Api, kind: &str) {
    let crd = crd(kind);
    let (status, answer) = api.ask("POST", &path(&kinds::CRD, &Object::default(), false), &crd);
    assert!(status == 201 || status == 409, "{answer}");
    let kind = PromiseApi::read(&crd).unwrap().kind;
    let list = path(&kind, &Object::default(), false);
    wait_for(&list, || (api.ask("GET", &list, &Value::Null).0 == 200).then_some(()));
}

/// Creates an object with its status, and returns it as stored.
fn put(api: &Api, kind: &Kind, object: &Object, status: Option<Value>) -> Object {
    let mut stored = api.must("POST", &path(kind, object, false), &object.clone().into_value());
    if let Some(status) = status {
        stored["status"] = status;
        stored = api.must("PUT", &format!("{}/status", path(kind, object, true)), &stored);
    }
    Object::from_value(stored).unwrap()
}

pub(crate) fn kind_of_grant(grant: &Object) -> &'static Kind {
    static KINDS: [Kind; 5] = [
        kinds::SERVICE_ACCOUNT,
        kinds::ROLE,
        kinds::ROLE_BINDING,
        kinds::CLUSTER_ROLE,
        kinds::CLUSTER_ROLE_BINDING,
    ];
    KINDS.iter().find(|kind| kind.kind == grant.kind()).unwrap()
}

/// Path of an object, or of the collection it is in.
pub(crate) fn path(kind: &Kind, object: &Object, is_one: bool) -> String {
    let root = if kind.group.is_empty() { "/api".into() } else { format!("/apis/{}", kind.group) };
    let home = match object.namespace() {
        Some(namespace) => format!("namespaces/{namespace}/"),
        None => String::new(),
    };
    let name = if is_one { format!("/{}", object.name()) } else { String::new() };
    format!("{root}/{}/{home}{}{name}", kind.version, kind.plural)
}
