//! `show placement` and `show diff` on a live cluster: what they say, and that they only look.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use bookend::contract::Object;
use bookend::files::yaml;
use serde_json::{Value, json};

use super::kit::{World, group, work};
use crate::api::{Api, api};
use crate::install::{apply, with_account};

const OURS: &str = "/apis/platform.kratix.io/v1alpha1";
/// All that these commands may touch, and the Leases of writers.
const KINDS: [&str; 6] = [
    "/apis/platform.kratix.io/v1alpha1/works",
    "/apis/platform.kratix.io/v1alpha1/workplacements",
    "/apis/platform.kratix.io/v1alpha1/destinations",
    "/apis/platform.kratix.io/v1alpha1/bucketstatestores",
    "/api/v1/namespaces/team-a/secrets",
    "/apis/coordination.k8s.io/v1/leases",
];

/// A kubeconfig for somebody who may look, and nothing else: the rights in docs/writing.md.
fn looker(api: &Api, folder: &Path) -> std::path::PathBuf {
    let page = include_str!("../../../docs/writing.md").split("## Looking before").nth(1).unwrap();
    let block = page.split("```yaml").nth(1).unwrap().split("```").next().unwrap();
    let rules = yaml::parse(block.as_bytes()).unwrap().into_json().unwrap();
    for object in [
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "looker", "namespace": "team-a"}}),
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "looker"}, "rules": rules}),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "looker"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "looker"},
            "subjects": [{"kind": "ServiceAccount", "name": "looker", "namespace": "team-a"}],
        }),
    ] {
        apply(api, &Object::from_value(object).unwrap(), "force=true");
    }
    let path = folder.join("looker.kubeconfig");
    fs::write(&path, with_account(api, "team-a", "looker").to_string()).unwrap();
    path
}

/// The version of everything that is there.
fn versions(api: &Api) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for kind in KINDS {
        let list = api.must("GET", kind, &Value::Null);
        for one in list["items"].as_array().unwrap() {
            let of = &one["metadata"];
            let key = format!("{kind} {} {}", of["namespace"], of["name"]);
            all.insert(key, of["resourceVersion"].as_str().unwrap().to_owned());
        }
    }
    all
}

#[test]
#[ignore = "needs a cluster and versitygw: tests/cluster/run"]
fn it_is_shown_where_works_go_and_what_would_change_and_nothing_is_written() {
    let world = World::new();
    let (api, folder) = (api(), tempfile::tempdir().unwrap());
    let quiet = |path: &str| json!({"path": path, "initWorkloads": {"enabled": false}});
    world.destination("dev-1", json!({"env": "dev"}), quiet("dev"));
    world.destination("prod-1", json!({"env": "prod"}), quiet("prod"));
    let reconciler = world.reconcile();
    world.put(&work("one", &[group(".", "dev", &["a.yaml", "b.yaml"])]));
    world.wait_says("one", "Ready", "All workplacements scheduled successfully");
    reconciler.ends_well();
    // Nobody places what comes now.
    world.put(&work("one", &[group(".", "dev", &["a.yaml", "c.yaml"])]));
    world.put(&work("two", &[group(".", "prod", &["a.yaml"]), group("x", "lab", &["x/y.yaml"])]));
    let kubeconfig = looker(api, folder.path());
    let before = (versions(api), world.stamps());
    let show = |arguments: &[&str]| {
        let mut show = Command::new(env!("CARGO_BIN_EXE_bookend"));
        show.env_clear().env("KUBECONFIG", &kubeconfig).arg("show").args(arguments);
        let done = show.stdin(Stdio::null()).output().unwrap();
        let errors = String::from_utf8(done.stderr).unwrap();
        assert_eq!(done.status.code(), Some(0), "{errors}");
        String::from_utf8(done.stdout).unwrap()
    };
    let has = |text: &str, lines: &[&str]| {
        for line in lines {
            assert!(text.lines().any(|one| one == *line), "no `{line}` in\n{text}");
        }
    };
    let placements = api.must("GET", &format!("{OURS}/workplacements"), &Value::Null);
    let version = placements["items"][0]["status"]["versionID"].as_str().unwrap().to_owned();
    let home = "dev/resources/team-a/vault/one/main/5058f";
    has(
        &show(&["placement", "team-a/one"]),
        &[
            "  of one of vault, pipeline main",
            "  matches    dev-1",
            "  no match   prod-1: it has env=prod",
            &format!("  goes to    dev-1: BucketStateStore/store at {home}/"),
            &format!("             team-a/one.dev-1-5058f would be written anew, now in {version}"),
        ],
    );
    has(
        &show(&["placement", "two"]),
        &[
            "  goes to    prod-1: BucketStateStore/store at prod/resources/team-a/vault/two/main/5058f/",
            "             team-a/two.prod-1-5058f would be created",
            "  goes nowhere: no Destination matches",
        ],
    );
    let text = show(&["diff", "one"]);
    has(
        &text,
        &[
            &format!("  added    {home}/c.yaml  13 B"),
            &format!("  removed  {home}/b.yaml  13 B"),
            "+file: c.yaml",
            "-file: b.yaml",
        ],
    );
    assert!(!text.contains("a.yaml"), "{text}");
    let added = "  added    prod/resources/team-a/vault/two/main/5058f/a.yaml  13 B";
    has(&show(&["diff", "--summary", "two"]), &[added]);
    assert_eq!((versions(api), world.stamps()), before, "something was written");
    // And so it comes.
    let _reconciler = world.reconcile();
    world.wait_files(&[
        &format!("{home}/a.yaml"),
        &format!("{home}/c.yaml"),
        "prod/resources/team-a/vault/two/main/5058f/a.yaml",
    ]);
    world.wait_says("one", "Ready", "All workplacements scheduled successfully");
    has(&show(&["diff", "one"]), &["  nothing: 2 files are there already"]);
}
