//! What every cluster does: one body for a folder, a failing cluster that does not fail, and an API server.
//!
//! `tests/cluster/main.rs` takes this file in with `#[path]` and runs it on a real API server.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "only tests call this")]

use bookend::cluster::{Cluster, ClusterError};
use bookend::contract::kinds::CONFIG_MAP;
use bookend::contract::{Kind, Object};
use serde_json::{Value, json};

/// Runs all of it with objects of `kind` in `namespace`, which must be there (`None` for a kind without namespaces).
///
/// The kind needs a status subresource and a schema that takes `spec` and a status with the fields of `spec`.
/// Objects are called `<prefix>-…` and are removed at the end.
pub(crate) async fn behaves_like_a_cluster(
    cluster: &impl Cluster,
    kind: &Kind,
    namespace: Option<&str>,
    spec: [Value; 2],
    status: [Value; 2],
    prefix: &str,
) {
    let object = |name: &str| {
        let mut object = Object::new(kind, namespace, &format!("{prefix}-{name}"));
        object.0.insert("spec".into(), spec[0].clone());
        object.set_label("app", "x");
        object
    };
    for name in ["one", "two", "three"] {
        cluster.delete(&object(name).key(kind)).await.unwrap();
    }
    creates(cluster, kind, &object("one")).await;
    replaces(cluster, kind, &object("one"), &spec[1]).await;
    keeps_status_apart(cluster, kind, &object("one"), &status).await;
    labels(cluster, kind, &object("one")).await;
    patches(cluster, kind, &object("one")).await;
    if let Some(namespace) = namespace {
        applies(cluster, Some(namespace), &format!("{prefix}applied")).await;
    }
    lists(cluster, kind, namespace, [&object("two"), &object("three")], prefix).await;
    refuses_what_is_missing(cluster, kind, &object("absent")).await;
    forgets_uids(cluster, kind, &object("one")).await;
    for name in ["one", "two", "three"] {
        cluster.delete(&object(name).key(kind)).await.unwrap();
        assert_eq!(cluster.get(&object(name).key(kind)).await.unwrap(), None);
    }
}

async fn current(cluster: &impl Cluster, kind: &Kind, object: &Object) -> Object {
    cluster.get(&object.key(kind)).await.unwrap().expect("the object is there")
}

fn with(mut object: Object, field: &str, value: &Value) -> Object {
    object.0.insert(field.to_owned(), value.clone());
    object
}

async fn creates(cluster: &impl Cluster, kind: &Kind, object: &Object) {
    assert_eq!(cluster.get(&object.key(kind)).await.unwrap(), None, "an absent object is none");
    let stored = cluster
        .create(kind, &with(object.clone(), "status", &json!({"kept": false})))
        .await
        .unwrap();
    assert!(stored.uid().is_some() && stored.creation_timestamp().is_some());
    assert!(stored.resource_version().is_some());
    assert_eq!(stored.generation(), Some(1));
    assert_eq!(stored.spec(), object.spec());
    assert_eq!(stored.status(), None, "a new object has no status");
    assert_eq!(current(cluster, kind, object).await, stored, "what is returned is what is stored");
    let again = cluster.create(kind, object).await;
    assert!(matches!(again, Err(ClusterError::Exists { .. })), "{again:?}");
    let with_version = cluster.create(kind, &stored).await;
    assert!(
        matches!(with_version, Err(ClusterError::Invalid { .. })),
        "a version has no place in a new object: {with_version:?}"
    );
}

async fn replaces(cluster: &impl Cluster, kind: &Kind, object: &Object, spec: &Value) {
    let first = current(cluster, kind, object).await;
    let same = cluster.replace(kind, &first).await.unwrap();
    assert_eq!(same, first, "writing what is there changes nothing");
    let second = cluster.replace(kind, &with(first.clone(), "spec", spec)).await.unwrap();
    assert_eq!(second.spec(), Some(spec));
    assert_eq!(second.generation(), Some(2), "a new spec is a new generation");
    assert_eq!(
        (second.uid(), second.creation_timestamp()),
        (first.uid(), first.creation_timestamp())
    );
    let mut late = with(first.clone(), "spec", spec);
    late.set_label("late", "yes");
    let conflict = cluster.replace(kind, &late).await;
    assert!(matches!(conflict, Err(ClusterError::Conflict { .. })), "{conflict:?}");
    late.metadata_mut().remove("resourceVersion");
    let without = cluster.replace(kind, &late).await;
    assert!(
        matches!(without, Err(ClusterError::Invalid { .. })),
        "a replace needs a version: {without:?}"
    );
    let mut labelled = second.clone();
    labelled.set_label("more", "1");
    labelled.set_annotation("note", "2");
    let third = cluster.replace(kind, &labelled).await.unwrap();
    assert_eq!((third.label("more"), third.annotation("note")), (Some("1"), Some("2")));
    assert_eq!(third.generation(), Some(2), "labels are no new generation");
    assert_ne!(third.resource_version(), second.resource_version());
}

async fn keeps_status_apart(
    cluster: &impl Cluster,
    kind: &Kind,
    object: &Object,
    status: &[Value; 2],
) {
    let before = current(cluster, kind, object).await;
    let mut given =
        with(with(before.clone(), "status", &status[0]), "spec", &json!({"ignored": true}));
    given.set_label("ignored", "yes");
    let after = cluster.replace_status(kind, &given).await.unwrap();
    assert_eq!(after.status(), Some(&status[0]));
    assert_eq!(after.spec(), before.spec(), "a status write keeps the spec");
    assert_eq!(after.label("ignored"), None, "a status write keeps the labels");
    assert_eq!(after.generation(), before.generation(), "a status is no new generation");
    let late = cluster.replace_status(kind, &with(before, "status", &status[1])).await;
    assert!(matches!(late, Err(ClusterError::Conflict { .. })), "{late:?}");
    let mut labelled = with(after.clone(), "status", &status[1]);
    labelled.set_label("more", "2");
    let replaced = cluster.replace(kind, &labelled).await.unwrap();
    assert_eq!(replaced.status(), Some(&status[0]), "a replace keeps the status");
    let next = cluster.replace_status(kind, &with(replaced, "status", &status[1])).await.unwrap();
    assert_eq!(next.status(), Some(&status[1]), "a status is replaced whole");
    assert_eq!(current(cluster, kind, object).await, next);
}

async fn labels(cluster: &impl Cluster, kind: &Kind, object: &Object) {
    let key = object.key(kind);
    let before = current(cluster, kind, object).await;
    cluster.set_label(&key, before.uid(), "suspended", "true").await.unwrap();
    cluster.set_label(&key, None, "other", "1").await.unwrap();
    let after = current(cluster, kind, object).await;
    assert_eq!((after.label("suspended"), after.label("other")), (Some("true"), Some("1")));
    assert_eq!(
        (after.label("app"), after.status()),
        (Some("x"), before.status()),
        "all else stays"
    );
    let wrong =
        cluster.set_label(&key, Some("00000000-0000-4000-8000-000000000000"), "a", "b").await;
    assert!(
        matches!(wrong, Err(ClusterError::Conflict { .. })),
        "another uid is another object: {wrong:?}"
    );
    assert_eq!(current(cluster, kind, object).await, after);
}

async fn patches(cluster: &impl Cluster, kind: &Kind, object: &Object) {
    let key = object.key(kind);
    let before = current(cluster, kind, object).await;
    let version = before.resource_version().unwrap();
    let patch = |version: &str| {
        json!({"metadata": {
            "resourceVersion": version, "labels": {"patched": "yes", "other": null}, "finalizers": ["a.b/c"],
        }})
    };
    let after = cluster.patch(&key, &patch(version)).await.unwrap();
    assert_eq!((after.label("patched"), after.label("other")), (Some("yes"), None));
    assert_eq!(after.at(&["metadata", "finalizers"]), Some(&json!(["a.b/c"])));
    assert_eq!((after.status(), after.spec()), (before.status(), before.spec()), "all else stays");
    assert_eq!(current(cluster, kind, object).await, after);
    let late = cluster.patch(&key, &patch(version)).await;
    assert!(matches!(late, Err(ClusterError::Conflict { .. })), "an old version: {late:?}");
    let other = json!({"metadata": {"uid": "00000000-0000-4000-8000-000000000000"}});
    let other = cluster.patch(&key, &other).await;
    assert!(matches!(other, Err(ClusterError::Conflict { .. })), "another uid: {other:?}");
    cluster.patch(&key, &json!({"metadata": {"finalizers": null}})).await.unwrap();
}

async fn applies(cluster: &impl Cluster, namespace: Option<&str>, name: &str) {
    let object = |data: Value| {
        let mut map = Object::new(&CONFIG_MAP, namespace, name);
        map.0.insert("data".into(), data);
        map
    };
    let made = cluster.apply(&CONFIG_MAP, &object(json!({"a": "1"}))).await.unwrap();
    assert_eq!(made.at(&["data"]), Some(&json!({"a": "1"})), "what is not there is made");
    let key = made.key(&CONFIG_MAP);
    cluster.patch(&key, &json!({"data": {"theirs": "2"}})).await.unwrap();
    let next = cluster.apply(&CONFIG_MAP, &object(json!({"a": "3"}))).await.unwrap();
    assert_eq!(next.at(&["data"]), Some(&json!({"a": "3", "theirs": "2"})), "others keep theirs");
    assert_eq!(next.uid(), made.uid());
    cluster.delete(&key).await.unwrap();
}

async fn lists(
    cluster: &impl Cluster,
    kind: &Kind,
    namespace: Option<&str>,
    [two, three]: [&Object; 2],
    prefix: &str,
) {
    let mut two = two.clone();
    two.set_label("more", "2");
    two.set_label("extra", "1");
    cluster.create(kind, &two).await.unwrap();
    let three = cluster.create(kind, three).await.unwrap();
    let names = |objects: &[Object]| -> Vec<String> {
        let ours = objects.iter().map(Object::name).filter(|name| name.starts_with(prefix));
        ours.map(|name| name.trim_start_matches(prefix).trim_start_matches('-').to_owned())
            .collect()
    };
    let all = cluster.list(kind, namespace, &[]).await.unwrap();
    assert_eq!(names(&all), ["one", "three", "two"], "sorted by name");
    assert!(all.contains(&three), "a list holds whole objects");
    let selected =
        cluster.list(kind, namespace, &[("app", Some("x")), ("more", Some("2"))]).await.unwrap();
    assert_eq!(names(&selected), ["one", "two"]);
    let without = cluster.list(kind, None, &[("more", Some("2")), ("extra", None)]).await.unwrap();
    assert_eq!(names(&without), ["one"], "in all namespaces, without a label");
    assert!(cluster.list(kind, namespace, &[("app", Some("y"))]).await.unwrap().is_empty());
    let metadata = cluster.list_metadata(kind, namespace, &[("extra", Some("1"))]).await.unwrap();
    assert_eq!(names(&metadata), ["two"]);
    let fields: Vec<&str> = metadata[0].0.keys().map(String::as_str).collect();
    assert_eq!(fields, ["apiVersion", "kind", "metadata"]);
    assert_eq!(metadata[0].kind(), kind.kind);
    assert!(metadata[0].resource_version().is_some() && metadata[0].creation_timestamp().is_some());
}

async fn refuses_what_is_missing(cluster: &impl Cluster, kind: &Kind, absent: &Object) {
    let mut given = absent.clone();
    given.set_metadata("resourceVersion", "1");
    let key = absent.key(kind);
    let missing = [
        cluster.replace(kind, &given).await.map(|_| ()),
        cluster.replace_status(kind, &given).await.map(|_| ()),
        cluster.set_label(&key, None, "a", "b").await,
    ];
    for outcome in missing {
        assert!(matches!(outcome, Err(ClusterError::Missing { .. })), "{outcome:?}");
    }
    cluster.delete(&key).await.expect("deleting what is not there is no error");
    for name in ["", "..", "a/b", "a%2fb"] {
        let outcome = cluster.get(&kind.object(key.namespace.as_deref(), name)).await;
        assert!(matches!(outcome, Err(ClusterError::BadName { .. })), "{name}: {outcome:?}");
    }
}

/// An object that was deleted and made again is another one, and what was read of the first cannot overwrite it.
async fn forgets_uids(cluster: &impl Cluster, kind: &Kind, object: &Object) {
    let old = current(cluster, kind, object).await;
    cluster.delete(&object.key(kind)).await.unwrap();
    let new = cluster.create(kind, object).await.unwrap();
    assert_ne!(new.uid(), old.uid());
    assert_eq!((new.generation(), new.status()), (Some(1), None));
    let outcome = cluster.replace(kind, &old).await;
    assert!(matches!(outcome, Err(ClusterError::Conflict { .. })), "{outcome:?}");
    let outcome = cluster.set_label(&object.key(kind), old.uid(), "a", "b").await;
    assert!(matches!(outcome, Err(ClusterError::Conflict { .. })), "{outcome:?}");
}
