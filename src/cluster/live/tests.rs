//! What goes over the wire, against a server on this machine that plays a script.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::json;

use super::*;
use crate::contract::kinds::{CONFIG_MAP, PROMISE, WORK};

pub(super) const QUICK: RetryPolicy = RetryPolicy {
    tries_max: 3,
    pause_first: Duration::from_millis(2),
    pause_max: Duration::from_millis(4),
    try_time_max: Duration::from_millis(500),
    total_time_max: Duration::from_secs(2),
    refusal_time_max: Duration::ZERO,
};

/// One answer of the script.
pub(super) enum Play {
    Say(u16, String),
    /// With a header `Retry-After: 0`.
    LaterNow(u16),
    /// Refuses, at this time.
    At(&'static str),
    /// Reads the request and closes the connection.
    HangUp,
    /// Reads the request and says nothing until the client gives up.
    BeSilent,
}

pub(super) fn say(code: u16, body: impl ToString) -> Play {
    Play::Say(code, body.to_string())
}

pub(super) fn status(code: u16, reason: &str) -> Play {
    say(code, json!({"kind": "Status", "message": "m", "reason": reason, "code": code}))
}

/// What was received: request line, the headers that matter, body.
pub(super) type Heard = Arc<Mutex<Vec<(String, Vec<String>, String)>>>;

/// Plays a script and returns the cluster behind it.
fn server(script: Vec<Play>) -> (LiveCluster, Heard) {
    server_with(QUICK, script)
}

pub(super) fn server_with(policy: RetryPolicy, script: Vec<Play>) -> (LiveCluster, Heard) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let heard = Heard::default();
    let hear = heard.clone();
    std::thread::spawn(move || {
        let script = Mutex::new(script.into_iter().peekable());
        let mut silent = Vec::new();
        for stream in listener.incoming().map_while(Result::ok) {
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            while let Some(request) = read_request(&mut reader) {
                hear.lock().unwrap().push(request);
                let play = script
                    .lock()
                    .unwrap()
                    .next()
                    .unwrap_or_else(|| status(500, "TheScriptHasEnded"));
                let (code, header, body) = match play {
                    Play::Say(code, body) => (code, "", body),
                    Play::LaterNow(code) => (code, "Retry-After: 0\r\n", "later".to_owned()),
                    Play::At(date) => (422, &*format!("Date: {date}\r\n"), "no".to_owned()),
                    Play::HangUp => break,
                    Play::BeSilent => {
                        silent.push(stream.try_clone().unwrap());
                        break;
                    }
                };
                let head =
                    format!("HTTP/1.1 {code} X\r\n{header}Content-Length: {}\r\n\r\n", body.len());
                (&stream).write_all((head + &body).as_bytes()).unwrap();
            }
        }
    });
    (LiveCluster::at(&address, policy).unwrap(), heard)
}

pub(super) fn read_request<R: std::io::Read>(
    reader: &mut BufReader<R>,
) -> Option<(String, Vec<String>, String)> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_lowercase()),
        }
    }
    let length = lines.iter().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    let first = lines.remove(0);
    lines.retain(|line| line.starts_with("accept") || line.starts_with("content-type"));
    Some((first, lines, String::from_utf8(body).unwrap()))
}

fn heard_lines(heard: &Heard) -> Vec<String> {
    heard.lock().unwrap().iter().map(|(line, _, _)| line.clone()).collect()
}

pub(super) fn work() -> Object {
    let mut work = Object::new(&WORK, Some("team-a"), "w");
    work.set_metadata("resourceVersion", "7");
    work
}

const WORKS: &str = "/apis/platform.kratix.io/v1alpha1/namespaces/team-a/works";

#[tokio::test]
async fn get_asks_for_one_object_as_json() {
    let (cluster, heard) =
        server(vec![say(200, json!({"kind": "Work", "spec": {"a": 9007199254740993_i64}}))]);
    let object = cluster.get(&work().key(&WORK)).await.unwrap().unwrap();
    assert_eq!(object.at(&["spec", "a"]), Some(&json!(9007199254740993_i64)));
    assert_eq!(
        *heard.lock().unwrap(),
        [(
            format!("get {WORKS}/w http/1.1"),
            vec!["accept: application/json".into()],
            String::new()
        )]
    );
}

#[tokio::test]
async fn an_object_that_is_not_there_is_none() {
    let body =
        json!({"kind": "Status", "reason": "NotFound", "details": {"name": "w", "kind": "works"}});
    let (cluster, _) = server(vec![say(404, body), say(404, "404 page not found")]);
    assert_eq!(cluster.get(&work().key(&WORK)).await.unwrap(), None);
    let kind_is_missing = cluster.get(&work().key(&WORK)).await.unwrap_err();
    assert!(matches!(kind_is_missing, ClusterError::Missing { .. }), "{kind_is_missing}");
}

#[tokio::test]
async fn create_posts_to_the_collection() {
    let (cluster, heard) = server(vec![say(201, json!({"stored": true}))]);
    let stored = cluster.create(&WORK, &work()).await.unwrap();
    assert_eq!(stored.at(&["stored"]), Some(&json!(true)));
    let (line, headers, body) = heard.lock().unwrap()[0].clone();
    assert_eq!(line, format!("post {WORKS}?fieldmanager=bookend http/1.1"));
    assert_eq!(headers, ["accept: application/json", "content-type: application/json"]);
    assert_eq!(serde_json::from_str::<Object>(&body).unwrap(), work());
}

#[tokio::test]
async fn replace_puts_the_object_and_replace_status_its_subresource() {
    let (cluster, heard) = server(vec![say(200, "{}"), say(200, "{}")]);
    cluster.replace(&WORK, &work()).await.unwrap();
    cluster.replace_status(&WORK, &work()).await.unwrap();
    assert_eq!(
        heard_lines(&heard),
        [
            format!("put {WORKS}/w?fieldmanager=bookend http/1.1"),
            format!("put {WORKS}/w/status?fieldmanager=bookend http/1.1")
        ]
    );
}

#[tokio::test]
async fn set_label_patches_the_label_alone() {
    let (cluster, heard) = server(vec![say(200, "{}"), say(200, "{}")]);
    let key = PROMISE.object(None, "p");
    cluster.set_label(&key, Some("u-1"), "k", "v").await.unwrap();
    cluster.set_label(&key, None, "k", "v").await.unwrap();
    let heard = heard.lock().unwrap().clone();
    assert_eq!(
        heard[0].0,
        "patch /apis/platform.kratix.io/v1alpha1/promises/p?fieldmanager=bookend http/1.1"
    );
    assert_eq!(
        heard[0].1,
        ["accept: application/json", "content-type: application/merge-patch+json"]
    );
    assert_eq!(heard[0].2, r#"{"metadata":{"labels":{"k":"v"},"uid":"u-1"}}"#);
    assert_eq!(heard[1].2, r#"{"metadata":{"labels":{"k":"v"}}}"#);
}

#[tokio::test]
async fn a_label_for_an_object_that_is_another_one_now_is_a_conflict() {
    let body =
        json!({"kind": "Status", "message": "metadata.uid: Invalid value: field is immutable"});
    let (cluster, _) = server(vec![say(422, &body), say(422, &body)]);
    let key = PROMISE.object(None, "p");
    let outcome = cluster.set_label(&key, Some("u-1"), "k", "v").await;
    assert!(matches!(outcome, Err(ClusterError::Conflict { .. })), "{outcome:?}");
    let outcome = cluster.set_label(&key, None, "k", "v").await;
    assert!(matches!(outcome, Err(ClusterError::Invalid { .. })), "{outcome:?}");
}

#[tokio::test]
async fn delete_leaves_dependents_to_the_collector_and_forgives_absence() {
    let (cluster, heard) =
        server(vec![say(200, "{}"), status(404, "NotFound"), status(403, "Forbidden")]);
    let key = CONFIG_MAP.object(Some("a"), "c");
    cluster.delete(&key).await.unwrap();
    cluster.delete(&key).await.unwrap();
    assert!(matches!(cluster.delete(&key).await, Err(ClusterError::Forbidden { .. })));
    assert_eq!(
        heard_lines(&heard)[0],
        "delete /api/v1/namespaces/a/configmaps/c?propagationpolicy=background http/1.1"
    );
}

#[tokio::test]
async fn lists_are_read_page_by_page_and_sorted() {
    let page = |names: &[&str], next: &str| {
        let items: Vec<_> = names.iter().map(|name| json!({"metadata": {"name": name}})).collect();
        say(200, json!({"kind": "ConfigMapList", "items": items, "metadata": {"continue": next}}))
    };
    let (cluster, heard) = server(vec![page(&["b", "c"], "n+1"), page(&["a"], "")]);
    let found =
        cluster.list(&CONFIG_MAP, Some("n"), &[("a/b", Some("c")), ("d", None)]).await.unwrap();
    assert_eq!(found.iter().map(Object::name).collect::<Vec<_>>(), ["a", "b", "c"]);
    assert_eq!((found[0].kind(), found[0].api_version()), ("ConfigMap", "v1"));
    assert_eq!(
        heard_lines(&heard),
        [
            "get /api/v1/namespaces/n/configmaps?limit=500&labelselector=a%2fb%3dc%2c%21d http/1.1",
            "get /api/v1/namespaces/n/configmaps?limit=500&labelselector=a%2fb%3dc%2c%21d&continue=n%2b1 http/1.1"
        ]
    );
}

#[tokio::test]
async fn a_list_whose_continuation_expired_begins_anew() {
    let items = |name: &str, next: &str| {
        say(200, json!({"items": [{"metadata": {"name": name}}], "metadata": {"continue": next}}))
    };
    let (cluster, heard) = server(vec![items("a", "n"), status(410, "Expired"), items("b", "")]);
    let found = cluster.list(&WORK, None, &[]).await.unwrap();
    assert_eq!(found.iter().map(Object::name).collect::<Vec<_>>(), ["b"]);
    assert_eq!(
        heard_lines(&heard)[2],
        "get /apis/platform.kratix.io/v1alpha1/works?limit=500 http/1.1"
    );
}

#[tokio::test]
async fn metadata_is_all_that_is_asked_for_and_kept() {
    let full = json!({"items": [{"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1",
        "metadata": {"name": "w"}, "spec": {"big": true}}]});
    let (cluster, heard) = server(vec![say(200, full)]);
    let found = cluster.list_metadata(&WORK, Some("team-a"), &[]).await.unwrap();
    assert_eq!(
        found[0].clone().into_value(),
        json!({"kind": "Work", "apiVersion": WORK.api_version(), "metadata": {"name": "w"}})
    );
    assert!(
        heard.lock().unwrap()[0].1[0]
            .starts_with("accept: application/json;as=partialobjectmetadatalist;")
    );
}

#[tokio::test]
async fn what_may_pass_is_asked_again() {
    let bad_days = [
        vec![status(500, "InternalError")],
        vec![status(429, "TooManyRequests"), status(503, "")],
        vec![Play::LaterNow(429)],
        vec![say(502, "<html>bad gateway</html>")],
        vec![Play::HangUp, Play::HangUp],
        vec![Play::BeSilent],
    ];
    for mut script in bad_days {
        let tries = script.len() + 1;
        script.push(say(200, json!({"metadata": {"name": "w"}})));
        let (cluster, heard) = server(script);
        cluster.replace(&WORK, &work()).await.unwrap();
        let heard = heard.lock().unwrap();
        assert_eq!(heard.len(), tries);
        assert!(
            heard.iter().all(|request| request == &heard[0]),
            "the body is sent again: {heard:?}"
        );
    }
}

#[tokio::test]
async fn what_will_not_pass_is_asked_once() {
    for code in [400, 401, 403, 409, 413, 422, 404] {
        let (cluster, heard) = server(vec![status(code, "")]);
        assert!(cluster.replace(&WORK, &work()).await.is_err());
        assert_eq!(heard.lock().unwrap().len(), 1, "{code}");
    }
    let body =
        json!({"kind": "Status", "message": "etcdserver: request is too large", "code": 500});
    let (cluster, heard) = server(vec![say(500, body)]);
    let error = cluster.create(&WORK, &work()).await.unwrap_err();
    assert!(matches!(error, ClusterError::TooLarge { .. }), "{error}");
    assert_eq!(heard.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn an_answer_tells_the_time_whatever_else_it_says() {
    let (cluster, _) = server(vec![Play::At("Sun, 06 Nov 1994 08:49:37 GMT"), say(200, "{}")]);
    assert_eq!(cluster.time(), None);
    assert!(cluster.get(&work().key(&WORK)).await.is_err());
    let told = cluster.time().unwrap();
    cluster.get(&work().key(&WORK)).await.unwrap();
    let later = cluster.time().unwrap();
    assert!(later.as_second() - told.as_second() < 60, "{told} {later}");
    assert!(told.to_string().starts_with("1994-11-06T08:49:3"), "{told}");
}

#[tokio::test]
async fn patience_ends() {
    let (cluster, heard) = server(vec![]);
    let error = cluster.get(&work().key(&WORK)).await.unwrap_err();
    assert_eq!(heard.lock().unwrap().len(), 3);
    let ClusterError::Unreachable { verb: "get", tries: 3, detail, .. } = error else {
        panic!("{error}")
    };
    assert_eq!(detail, "m");
}

#[tokio::test]
async fn an_address_where_nobody_listens_is_named() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let cluster = LiveCluster::at(&format!("http://127.0.0.1:{port}/"), QUICK).unwrap();
    let error = cluster.get(&work().key(&WORK)).await.unwrap_err().to_string();
    assert!(error.contains(&format!("failed to connect to http://127.0.0.1:{port}")), "{error}");
    assert!(error.contains("after 3 tries"), "{error}");
}

#[tokio::test]
async fn nothing_is_asked_for_a_name_that_would_ask_for_something_else() {
    let (cluster, heard) = server(vec![]);
    for name in ["", "w/status", "..", "a%2fb"] {
        let error = cluster.get(&WORK.object(Some("team-a"), name)).await.unwrap_err();
        assert!(matches!(error, ClusterError::BadName { .. }), "{error}");
    }
    assert!(cluster.list(&WORK, None, &[("a", Some("b,c=d"))]).await.is_err());
    assert!(heard.lock().unwrap().is_empty());
}

#[tokio::test]
async fn one_connection_serves_requests_one_after_the_other() {
    let (cluster, _) = server((0..20).map(|_| say(200, "{}")).collect());
    for _ in 0..20 {
        cluster.get(&work().key(&WORK)).await.unwrap();
    }
}

#[tokio::test]
async fn an_address_that_is_none_is_no_cluster() {
    for address in ["", "not a url", "/only/a/path"] {
        let error = LiveCluster::at(address, QUICK).err().unwrap();
        assert!(matches!(error, ClusterError::NotConfigured { .. }), "{error}");
    }
}
