//! The clusters that need no Kubernetes do what every cluster does; the failing one fails as told.
#![allow(clippy::unwrap_used, reason = "a test may panic, and so may its helpers")]

use bookend::cluster::failing::{Call, FailingCluster, Failure, When};
use bookend::cluster::folder::FolderCluster;
use bookend::cluster::{Cluster, ClusterError, Reads as _};
use bookend::contract::kinds::{PROMISE, WORK};
use bookend::contract::{Kind, Object};
use serde_json::{Value, json};

use crate::cluster_body::behaves_like_a_cluster;

fn folder() -> (tempfile::TempDir, FolderCluster) {
    let root = tempfile::tempdir().unwrap();
    let cluster = FolderCluster::new(root.path());
    (root, cluster)
}

async fn behaves(cluster: &impl Cluster, kind: &Kind, namespace: Option<&str>) {
    let spec: [Value; 2] = [json!({"a": 1}), json!({"a": 2, "b": null})];
    let status = [json!({"phase": "one"}), json!({"phase": "two"})];
    behaves_like_a_cluster(cluster, kind, namespace, spec, status, "t").await;
}

#[tokio::test]
async fn a_folder_behaves_like_a_cluster() {
    let (_root, cluster) = folder();
    behaves(&cluster, &WORK, Some("team-a")).await;
    behaves(&cluster, &PROMISE, None).await;
}

#[tokio::test]
async fn a_failing_cluster_that_does_not_fail_behaves_like_a_cluster() {
    let (_root, cluster) = folder();
    let cluster = FailingCluster::transparent(cluster);
    behaves(&cluster, &WORK, Some("team-a")).await;
    assert!(cluster.calls() > 30);
    assert_eq!(cluster.failures(), 0);
}

fn work() -> Object {
    Object::new(&WORK, Some("team-a"), "w")
}

async fn failing(
    when: When,
    failure: Failure,
) -> (tempfile::TempDir, FailingCluster<FolderCluster>) {
    let (root, cluster) = folder();
    cluster.create(&WORK, &work()).await.unwrap();
    (root, FailingCluster::new(cluster, when, failure))
}

#[tokio::test]
async fn the_call_that_was_named_fails() {
    let (_root, cluster) = failing(When::Nth(2), Failure::Unreachable).await;
    let key = work().key(&WORK);
    assert!(cluster.get(&key).await.is_ok());
    assert!(matches!(cluster.get(&key).await, Err(ClusterError::Unreachable { .. })));
    assert!(cluster.get(&key).await.is_ok());
    assert_eq!((cluster.calls(), cluster.calls_of(Call::Get), cluster.failures()), (3, 3, 1));

    let (_root, cluster) = failing(When::NthOf(Call::SetLabel, 1), Failure::Forbidden).await;
    assert!(cluster.get(&key).await.is_ok());
    let error = cluster.set_label(&key, None, "a", "b").await;
    assert!(matches!(error, Err(ClusterError::Forbidden { verb: "patch", .. })), "{error:?}");
    assert!(cluster.set_label(&key, None, "a", "b").await.is_ok());
}

#[tokio::test]
async fn a_lost_answer_comes_after_the_effect_and_a_failure_before_it() {
    let key = work().key(&WORK);
    for (failure, expected) in [(Failure::AnswerLost, Some("b")), (Failure::Unreachable, None)] {
        let (_root, cluster) = failing(When::Nth(1), failure).await;
        assert!(matches!(
            cluster.set_label(&key, None, "a", "b").await,
            Err(ClusterError::Unreachable { .. })
        ));
        assert_eq!(cluster.get(&key).await.unwrap().unwrap().label("a"), expected);
    }
}

#[tokio::test]
async fn only_what_needs_a_version_can_conflict() {
    let (_root, cluster) = failing(When::Always, Failure::Conflict).await;
    let stored = cluster.inner().get(&work().key(&WORK)).await.unwrap().unwrap();
    assert!(matches!(cluster.replace(&WORK, &stored).await, Err(ClusterError::Conflict { .. })));
    assert!(matches!(
        cluster.replace_status(&WORK, &stored).await,
        Err(ClusterError::Conflict { .. })
    ));
    assert!(matches!(cluster.list(&WORK, None, &[]).await, Err(ClusterError::Unreachable { .. })));
}

#[tokio::test]
async fn every_call_fails_once_or_every_second_time_or_from_a_point_on() {
    let key = work().key(&WORK);
    let outcomes = async |when| {
        let (_root, cluster) = failing(when, Failure::Unreachable).await;
        let mut outcomes = Vec::new();
        for _ in 0..3 {
            outcomes.push(cluster.get(&key).await.is_ok());
            outcomes.push(cluster.delete(&key).await.is_ok());
        }
        outcomes
    };
    assert_eq!(outcomes(When::FirstOfEach).await, [false, false, true, true, true, true]);
    assert_eq!(outcomes(When::EverySecond).await, [false, true, false, true, false, true]);
    assert_eq!(outcomes(When::From(4)).await, [true, true, true, false, false, false]);
}
