//! What only a folder can do; what every cluster does is tested in `tests/it/cluster_body.rs`.

use std::fs;

use serde_json::json;

use super::*;
use crate::contract::kinds::{PROMISE, WORK};
use crate::exit::{Exit, Fault as _};

fn cluster() -> (tempfile::TempDir, FolderCluster) {
    let root = tempfile::tempdir().unwrap();
    let cluster = FolderCluster::new(root.path().join("cluster"))
        .with_clock(|| "2026-01-02T03:04:05.9Z".parse().unwrap());
    (root, cluster)
}

fn work(name: &str) -> Object {
    let mut work = Object::new(&WORK, Some("team-a"), name);
    work.0.insert("spec".into(), json!({"a": 1}));
    work
}

fn lay(cluster: &FolderCluster, name: &str, text: &str) -> PathBuf {
    let path = cluster.path(&WORK.object(Some("team-a"), name)).unwrap();
    folder::make(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    path
}

#[tokio::test]
async fn the_file_holds_what_kubectl_would_apply() {
    let (_root, cluster) = cluster();
    let stored = cluster.create(&WORK, &work("w")).await.unwrap();
    assert!(stored.resource_version().is_some());
    assert_eq!(stored.creation_timestamp(), Some("2026-01-02T03:04:05Z"));
    let bytes = fs::read(cluster.path(&stored.key(&WORK)).unwrap()).unwrap();
    let mut in_file = yaml::parse_objects(&bytes).unwrap().remove(0);
    assert_eq!(in_file.resource_version(), None);
    in_file.set_metadata("resourceVersion", stored.resource_version().unwrap());
    assert_eq!(in_file, stored);
}

#[tokio::test]
async fn an_edit_by_hand_is_a_change() {
    let (_root, cluster) = cluster();
    let mut stored = cluster.create(&WORK, &work("w")).await.unwrap();
    lay(
        &cluster,
        "w",
        r#"{"kind": "Work", "metadata": {"resourceVersion": "from elsewhere"}, "spec": {"a": 2}}"#,
    );
    stored.set_label("a", "b");
    assert!(matches!(cluster.replace(&WORK, &stored).await, Err(ClusterError::Conflict { .. })));
    let edited = cluster.get(&stored.key(&WORK)).await.unwrap().unwrap();
    assert_eq!((edited.name(), edited.namespace()), ("w", Some("team-a")));
    assert_ne!(edited.resource_version(), Some("from elsewhere"));
    let next = cluster.replace(&WORK, &edited).await.unwrap();
    assert_eq!(next.spec(), Some(&json!({"a": 2})));
}

#[tokio::test]
async fn a_file_that_holds_no_object_is_named() {
    let (_root, cluster) = cluster();
    for text in ["", "[", "[]", "{}{}", r#"{"metadata": {"name": "other"}}"#] {
        let path = lay(&cluster, "w", text);
        let error = cluster.get(&WORK.object(Some("team-a"), "w")).await.unwrap_err();
        assert_eq!(error.exit(), Exit::Input, "{text}");
        assert!(error.to_string().contains(&path.display().to_string()), "{error}");
    }
    assert!(
        cluster.list(&WORK, None, &[]).await.is_ok(),
        "a name of its own is no matter in a list"
    );
    lay(&cluster, "w", "[");
    assert!(matches!(cluster.list(&WORK, None, &[]).await, Err(ClusterError::BadFile { .. })));
}

#[tokio::test]
async fn a_folder_in_place_of_a_file_is_an_error() {
    let (_root, cluster) = cluster();
    folder::make(&cluster.path(&WORK.object(Some("team-a"), "w")).unwrap()).unwrap();
    assert!(matches!(
        cluster.get(&WORK.object(Some("team-a"), "w")).await,
        Err(ClusterError::File(_))
    ));
}

#[tokio::test]
async fn objects_larger_than_etcd_takes_are_refused() {
    let (_root, cluster) = cluster();
    let mut large = work("w");
    large.0.insert(
        "spec".into(),
        json!({"a": "x".repeat(usize::try_from(OBJECT_BYTES_MAX).unwrap())}),
    );
    assert!(matches!(cluster.create(&WORK, &large).await, Err(ClusterError::TooLarge { .. })));
    assert!(cluster.get(&large.key(&WORK)).await.unwrap().is_none());
}

#[tokio::test]
async fn namespaces_count_once_there_are_any() {
    let (_root, cluster) = cluster();
    cluster.create(&WORK, &work("a")).await.unwrap();
    cluster.create(&NAMESPACE, &Object::new(&NAMESPACE, None, "other")).await.unwrap();
    let error = cluster.create(&WORK, &work("b")).await.unwrap_err();
    assert!(error.to_string().ends_with("namespaces \"team-a\" not found"), "{error}");
    cluster.create(&PROMISE, &Object::new(&PROMISE, None, "p")).await.unwrap();
    cluster.create(&NAMESPACE, &Object::new(&NAMESPACE, None, "team-a")).await.unwrap();
    cluster.create(&WORK, &work("b")).await.unwrap();
}

#[tokio::test]
async fn apply_creates_and_then_keeps_what_others_wrote() {
    let (_root, cluster) = cluster();
    let first = cluster.put(&WORK, &work("w")).unwrap();
    let mut with_status = first.clone();
    with_status.0.insert("status".into(), json!({"done": true}));
    cluster.replace_status(&WORK, &with_status).await.unwrap();
    cluster.set_label(&first.key(&WORK), None, "theirs", "1").await.unwrap();
    let unchanged = cluster.put(&WORK, &work("w")).unwrap();
    assert_eq!(unchanged.generation(), Some(1));
    let mut mine = work("w");
    mine.set_label("mine", "2");
    mine.0.insert("spec".into(), json!({"b": 1}));
    let next = cluster.put(&WORK, &mine).unwrap();
    assert_eq!(next.spec(), Some(&json!({"b": 1})));
    assert_eq!(next.status(), Some(&json!({"done": true})));
    assert_eq!((next.label("theirs"), next.label("mine")), (Some("1"), Some("2")));
    assert_eq!((next.uid(), next.generation()), (first.uid(), Some(2)));
}

#[tokio::test]
async fn an_object_is_placed_as_it_is() {
    let (_root, cluster) = cluster();
    let mut object = work("w");
    object.set_metadata("uid", "u-1");
    object.set_metadata("resourceVersion", "493");
    object.0.insert("status".into(), json!({"a": 1}));
    let placed = cluster.place(&WORK, &object).unwrap();
    assert_eq!((placed.uid(), placed.status()), (Some("u-1"), Some(&json!({"a": 1}))));
    assert_eq!(cluster.get(&object.key(&WORK)).await.unwrap(), Some(placed));
}

#[test]
fn uids_are_of_version_four_and_differ() {
    let uid = new_uid();
    assert_eq!(uid.len(), 36);
    assert_eq!(uid.as_bytes()[14], b'4');
    assert!(b"89ab".contains(&uid.as_bytes()[19]), "{uid}");
    assert_ne!(uid, new_uid());
}

#[test]
fn threads_that_change_one_object_lose_nothing() {
    let (_root, cluster) = cluster();
    let stored = cluster.put(&WORK, &work("w")).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (cluster, key) = (&cluster, stored.key(&WORK));
            scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                for round in 0..10 {
                    let label = format!("l-{thread}-{round}");
                    runtime.block_on(cluster.set_label(&key, None, &label, "x")).unwrap();
                }
            });
        }
    });
    let object = cluster.read(&stored.key(&WORK)).unwrap().unwrap().object;
    assert_eq!(object.at(&["metadata", "labels"]).unwrap().as_object().unwrap().len(), 40);
}
