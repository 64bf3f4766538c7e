//! Refusals that may be of the moment, and those that are believed at once.

use std::time::Duration;

use serde_json::json;

use super::tests::{Play, QUICK, say, server_with, status, work};
use super::*;
use crate::contract::kinds::WORK;

fn forbidden(code: u16, message: &str) -> Play {
    say(code, json!({"kind": "Status", "message": message, "code": code}))
}

#[tokio::test]
async fn a_refusal_is_put_to_the_test_when_the_policy_says_so() {
    let policy = RetryPolicy { refusal_time_max: Duration::from_millis(300), ..QUICK };
    for code in [401, 403] {
        let no = || forbidden(code, "User \"u\" cannot update resource \"works\"");
        let (cluster, heard) = server_with(policy, vec![no(), no(), say(200, "{}")]);
        cluster.replace(&WORK, &work()).await.unwrap();
        assert_eq!(heard.lock().unwrap().len(), 3, "{code}");

        let (cluster, heard) = server_with(policy, (0..200).map(|_| no()).collect());
        let start = std::time::Instant::now();
        let error = cluster.replace(&WORK, &work()).await.unwrap_err();
        assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
        assert!(heard.lock().unwrap().len() > 3);
        let is_said = matches!(
            error,
            ClusterError::Unauthorized { .. } | ClusterError::Forbidden { verb: "update", .. }
        );
        assert!(is_said, "{error}");
    }
}

#[tokio::test]
async fn what_a_webhook_or_a_quota_forbids_is_believed_at_once() {
    let policy = RetryPolicy { refusal_time_max: Duration::from_secs(60), ..QUICK };
    let (cluster, heard) = server_with(policy, vec![forbidden(403, "exceeded quota: works")]);
    let error = cluster.replace(&WORK, &work()).await.unwrap_err();
    assert!(matches!(error, ClusterError::Forbidden { .. }), "{error}");
    assert_eq!(heard.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn refusals_cost_no_patience_with_a_server_that_is_away() {
    let policy = RetryPolicy { refusal_time_max: Duration::from_secs(1), tries_max: 3, ..QUICK };
    let no = || forbidden(403, "namespaces: not yet ready to handle request");
    let script =
        vec![no(), no(), no(), status(503, ""), no(), no(), status(503, ""), say(200, "{}")];
    let (cluster, heard) = server_with(policy, script);
    cluster.replace(&WORK, &work()).await.unwrap();
    assert_eq!(heard.lock().unwrap().len(), 8);
}

#[tokio::test]
async fn a_refusal_after_an_outage_is_put_to_the_test_again() {
    let policy = RetryPolicy { refusal_time_max: Duration::from_millis(200), ..QUICK };
    let no = || forbidden(401, "Unauthorized");
    // The outage takes longer than a refusal is doubted.
    let script = vec![no(), Play::BeSilent, no(), no(), say(200, "{}")];
    let (cluster, heard) = server_with(policy, script);
    cluster.replace(&WORK, &work()).await.unwrap();
    assert_eq!(heard.lock().unwrap().len(), 5);
}
