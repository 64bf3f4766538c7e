//! What is left of a request when it goes: all of it is deleted, and nothing of anybody else.

use super::*;

/// Lays down an object with these labels.
async fn put(cluster: &FolderCluster, kind: &Kind, name: &str, labels: &[(&str, &str)]) {
    let mut object = Object::new(kind, Some("team"), name);
    labels.iter().for_each(|(key, value)| object.set_label(key, value));
    cluster.create(kind, &object).await.unwrap();
}

fn plan(action: Action) -> Option<Plan> {
    Some(Plan { actions: vec![action], ..Plan::default() })
}

#[tokio::test]
async fn works_of_a_namesake_in_another_namespace_stay() {
    let (scene, real) = Scene::new().await;
    let own = ("kratix.io/resource-name", "r");
    let of = |namespace| ("kratix.io/resource-namespace", namespace);
    put(&real, &kinds::WORK, "plain", &[own]).await;
    put(&real, &kinds::WORK, "here", &[own, of("team")]).await;
    put(&real, &kinds::WORK, "namesake", &[own, of("other")]).await;
    let none_left = || Action::NoneLeft {
        kind: Box::new(kinds::WORK),
        namespace: "team".into(),
        labels: vec![("kratix.io/resource-name", "r".to_owned())],
    };
    let carried = scene.pass_with(&real, &real, &[], plan(none_left())).await.1.unwrap();
    assert!(carried.is_cut_short, "there were some");
    let left = real.list(&kinds::WORK, Some("team"), &[]).await.unwrap();
    assert_eq!(left.iter().map(Object::name).collect::<Vec<_>>(), ["namesake"]);
    let carried = scene.pass_with(&real, &real, &[], plan(none_left())).await.1.unwrap();
    assert!(!carried.is_cut_short, "nothing of its own is left");
    let mut going = Object::new(&kinds::WORK, Some("team"), "going");
    going.set_label(own.0, own.1);
    going.set_metadata("deletionTimestamp", "2026-01-01T00:00:00Z");
    real.place(&kinds::WORK, &going).unwrap();
    let carried = scene.pass_with(&real, &real, &[], plan(none_left())).await.1.unwrap();
    assert!(carried.is_cut_short && carried.waits_for_ends, "it goes by itself");
}

#[tokio::test]
async fn pods_that_were_deleted_are_told() {
    let (scene, real) = Scene::new().await;
    let label = "batch.kubernetes.io/job-name";
    put(&real, &kinds::POD, "one", &[(label, "j")]).await;
    put(&real, &kinds::POD, "two", &[(label, "k")]).await;
    let action = Action::DeletePods { namespace: "team".into(), job: "j".into() };
    let carried = scene.pass_with(&real, &real, &[], plan(action)).await.1.unwrap();
    assert_eq!(carried.without_pods, [("team".to_owned(), "j".to_owned())]);
    let left = real.list(&kinds::POD, Some("team"), &[]).await.unwrap();
    assert_eq!(left.iter().map(Object::name).collect::<Vec<_>>(), ["two"]);
}
