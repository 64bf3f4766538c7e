//! A real API server does what every cluster does.

use bookend::cluster::live::{LiveCluster, RetryPolicy};
use bookend::contract::Kind;
use serde_json::json;

use crate::api::api;
use crate::cluster_body::behaves_like_a_cluster;

#[tokio::test]
#[ignore = "needs a cluster: tests/cluster/run"]
async fn an_api_server_behaves_like_a_cluster() {
    tokio::task::spawn_blocking(api).await.unwrap();
    let cluster = LiveCluster::connect(RetryPolicy::default()).await.unwrap();
    for (plural, kind, namespace) in
        [("openthings", "OpenThing", Some("team-a")), ("gadgets", "Gadget", None)]
    {
        let kind = Kind {
            group: "gold.example.com".into(),
            version: "v1".into(),
            kind: kind.into(),
            plural: plural.into(),
            namespaced: namespace.is_some(),
        };
        let spec = [json!({ "a": 1 }), json!({ "a": 2, "b": "c" })];
        let status = [json!({ "phase": "one" }), json!({ "phase": "two" })];
        behaves_like_a_cluster(&cluster, &kind, namespace, spec, status, "t").await;
    }
}
