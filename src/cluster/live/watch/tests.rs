//! What a watch asks, says, and does when it is interrupted.

use std::time::Duration;

use futures::StreamExt as _;
use serde_json::{Value, json};

use super::super::tests::{QUICK, say, server_with, status};
use super::{Heard, Hearing, Watch};
use crate::cluster::ClusterError;
use crate::contract::kinds::WORK;

fn work(version: &str, more: Value) -> Value {
    let mut work = json!({"metadata": {
        "name": "w", "namespace": "team-a", "resourceVersion": version,
        "managedFields": [{"manager": "somebody", "fieldsV1": {"f:spec": {}}}],
    }});
    for (key, value) in more.as_object().into_iter().flatten() {
        work[key] = value.clone();
    }
    work
}

fn list(items: &[Value]) -> Value {
    json!({"kind": "WorkList", "apiVersion": "v1", "metadata": {"resourceVersion": "7"}, "items": items})
}

fn events(all: &[(&str, Value)]) -> String {
    // In the order in which Kubernetes writes them.
    let line = |(kind, object): &(&str, Value)| {
        format!(
            "{{\"type\":\"{kind}\",\"object\":{object}}}
"
        )
    };
    all.iter().map(line).collect()
}

/// What it says next, in short.
async fn next(hearing: &mut Hearing) -> String {
    let heard = tokio::time::timeout(Duration::from_secs(10), hearing.next()).await;
    let (word, object) = match heard.expect("it says something").expect("it does not end") {
        Ok(Heard::Listing) => return "listing".into(),
        Ok(Heard::Listed) => return "listed".into(),
        Ok(Heard::There(object)) => ("there", object),
        Ok(Heard::Changed(object)) => ("changed", object),
        Ok(Heard::Gone(object)) => ("gone", object),
        Err(error) => return format!("error: {error}"),
    };
    assert_eq!((object.kind(), object.api_version()), ("Work", &*WORK.api_version()));
    assert_eq!(object.at(&["metadata", "managedFields"]), Some(&json!([{"manager": "somebody"}])));
    format!("{word} {}", object.resource_version().unwrap())
}

#[tokio::test]
async fn a_watch_lists_and_goes_on_where_it_was_interrupted() {
    let typed = json!({"kind": "Work", "apiVersion": WORK.api_version()});
    let bookmark = json!({"kind": "Work", "apiVersion": WORK.api_version(),
        "metadata": {"resourceVersion": "9"}});
    let expired = json!({"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"});
    let (cluster, heard) = server_with(
        QUICK,
        vec![
            say(200, list(&[work("5", json!({}))])),
            say(200, events(&[("MODIFIED", work("8", typed.clone())), ("BOOKMARK", bookmark)])),
            say(200, events(&[("DELETED", work("10", typed))])),
            say(200, events(&[("ERROR", expired)])),
            say(200, list(&[])),
        ],
    );
    let watch = Watch {
        namespace: Some("team-a".into()),
        labels: "a,b!=c".into(),
        name: Some("w".into()),
        ..Watch::all(&WORK)
    };
    let mut hearing = cluster.watch(&watch);
    assert!(heard.lock().unwrap().is_empty(), "nobody listens yet");
    let mut said = Vec::new();
    while said.iter().filter(|one| *one == "listed").count() < 2 {
        said.push(next(&mut hearing).await);
    }
    let expected = ["listing", "there 5", "listed", "changed 8", "gone 10"];
    assert_eq!(said[..5], expected);
    assert!(
        said[5].starts_with("error: failed to watch works.platform.kratix.io team-a/*"),
        "{said:?}"
    );
    assert_eq!(said[6..], ["listing", "listed"]);
    let asked: Vec<String> =
        heard.lock().unwrap().iter().map(|(line, ..)| line.clone()).take(5).collect();
    let asks = |at: usize, words: &[&str]| {
        assert!(words.iter().all(|word| asked[at].contains(word)), "{words:?} in {}", asked[at]);
    };
    let path = "get /apis/platform.kratix.io/v1alpha1/namespaces/team-a/works?";
    asks(0, &[path, "limit=50", "labelselector=a%2cb%21%3dc", "fieldselector=metadata.name%3dw"]);
    asks(1, &["watch=true", "resourceversion=7", "allowwatchbookmarks=true"]);
    asks(2, &["watch=true", "resourceversion=9"]);
    asks(3, &["watch=true", "resourceversion=10"]);
    asks(4, &["limit=50"]);
}

#[tokio::test]
async fn a_spec_that_is_not_wanted_is_left_out() {
    let with_spec =
        || list(&[work("5", json!({"spec": {"big": [1, {"a": "b"}]}, "status": {"s": 1}}))]);
    for without_spec in [true, false] {
        let (cluster, _) = server_with(QUICK, vec![say(200, with_spec())]);
        let mut hearing = cluster.watch(&Watch { without_spec, ..Watch::all(&WORK) });
        assert_eq!(next(&mut hearing).await, "listing");
        let Some(Ok(Heard::There(object))) = hearing.next().await else { panic!("it is there") };
        assert_eq!(object.spec().is_none(), without_spec);
        assert_eq!(object.status(), Some(&json!({"s": 1})));
    }
}

#[tokio::test]
async fn one_object_that_is_nested_too_deep_does_not_end_the_watch_of_all() {
    let deep = format!("{}{}", "[".repeat(1000), "]".repeat(1000));
    let list =
        list(&[work("5", json!({"spec": "DEEP", "status": {"s": 1}})), work("6", json!({}))]);
    let list = list.to_string().replace("\"DEEP\"", &deep);
    let changed = events(&[("MODIFIED", work("8", json!({"spec": "DEEP"})))]);
    let changed = changed.replace("\"DEEP\"", &deep);
    let (cluster, _) = server_with(QUICK, vec![say(200, list), say(200, changed)]);
    let mut hearing = cluster.watch(&Watch::all(&WORK));
    let mut said = Vec::new();
    for _ in 0..5 {
        said.push(match hearing.next().await.unwrap() {
            Ok(Heard::There(object) | Heard::Changed(object)) => {
                (object.resource_version().unwrap().to_owned(), object.spec().is_some())
            }
            Ok(other) => (format!("{other:?}"), false),
            Err(error) => (error.to_string(), false),
        });
    }
    let expected = ["Listing", "5", "6", "Listed", "8"].map(|word| (word.to_owned(), false));
    assert_eq!(said, expected);
}

#[tokio::test]
async fn what_the_server_refuses_is_told_and_asked_again() {
    let (cluster, heard) = server_with(QUICK, vec![status(403, "Forbidden"), say(200, list(&[]))]);
    let mut hearing = cluster.watch(&Watch::all(&WORK));
    assert_eq!(next(&mut hearing).await, "listing");
    let Some(Err(error)) = hearing.next().await else { panic!("it is refused") };
    assert!(matches!(error, ClusterError::Forbidden { verb: "list", .. }), "{error:?}");
    while next(&mut hearing).await != "listed" {}
    assert!(heard.lock().unwrap().len() >= 2);
}

#[tokio::test]
async fn a_watch_does_not_keep_others_waiting() {
    // The second answer is the watch's: it says nothing and does not end.
    let (cluster, heard) = server_with(
        QUICK,
        vec![
            say(200, list(&[])),
            super::super::tests::Play::BeSilent,
            say(200, json!({"kind": "Work"})),
        ],
    );
    let mut hearing = cluster.watch(&Watch::all(&WORK));
    while next(&mut hearing).await != "listed" {}
    let key = WORK.object(Some("team-a"), "w");
    let both = async {
        tokio::select! {
            _ = hearing.next() => panic!("it says nothing"),
            found = async {
                // Once the watch has its connection.
                while heard.lock().unwrap().len() < 2 {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                crate::cluster::Reads::get(&cluster, &key).await
            } => found.unwrap(),
        }
    };
    let found = tokio::time::timeout(Duration::from_secs(10), both).await;
    assert!(found.expect("it does not wait for the watch").is_some());
}

#[tokio::test]
async fn requests_of_watches_are_counted_too() {
    let (cluster, _) = server_with(QUICK, vec![say(200, list(&[])), say(200, "")]);
    let counted = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let counts = counted.clone();
    let cluster = cluster.telling(move |call| {
        counts.lock().unwrap().push(format!("{} {} {}", call.verb, call.kind, call.code));
    });
    let mut hearing = cluster.watch(&Watch::all(&WORK));
    while next(&mut hearing).await != "listed" {}
    let _ = tokio::time::timeout(Duration::from_secs(1), hearing.next()).await;
    let counted = counted.lock().unwrap();
    let expected = ["list works.platform.kratix.io 200", "watch works.platform.kratix.io 200"];
    assert_eq!(counted[..2], expected);
}
