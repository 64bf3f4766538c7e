//! Who is looked at when something changes.

use serde_json::{Value, json};

use super::super::cache::Source;
use super::super::queue::Priority;
use super::super::target::Target;
use super::{Feed, Store, Wake};
use crate::contract::{Object, kinds, labels};

fn object(value: Value) -> Object {
    Object::from_value(value).unwrap()
}

fn promise(name: &str, version: u64, more: Value) -> Object {
    let mut promise = json!({
        "apiVersion": kinds::PROMISE.api_version(), "kind": "Promise",
        "metadata": {"name": name, "uid": name, "resourceVersion": version.to_string(), "generation": 1},
        "spec": {},
    });
    merge(&mut promise, more);
    object(promise)
}

fn merge(into: &mut Value, more: Value) {
    match (into, more) {
        (Value::Object(into), Value::Object(more)) => {
            for (key, value) in more {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, more) => *into = more,
    }
}

fn request(name: &str, version: u64) -> Object {
    object(json!({"metadata": {
        "name": name, "namespace": "a", "uid": name, "resourceVersion": version.to_string(),
        "managedFields": [{"manager": "kubectl"}],
    }}))
}

fn job(name: &str, of: &str, version: u64, status: Value) -> Object {
    let mut job = object(json!({
        "metadata": {"name": name, "namespace": "a", "uid": name, "resourceVersion": version.to_string()},
        "status": status,
    }));
    job.set_label(labels::PROMISE_NAME, "redis");
    job.set_label(labels::WORKFLOW_ACTION, "configure");
    job.set_annotation(labels::JOB_RESOURCE_NAMESPACE, "a");
    job.set_annotation(labels::JOB_RESOURCE_NAME, of);
    job
}

fn complete() -> Value {
    json!({"conditions": [{"type": "Complete", "status": "True"}]})
}

/// What was woken, in short.
fn told(wakes: &[Wake]) -> Vec<String> {
    let told = |wake: &Wake| match wake {
        Wake::One(target, Priority::Urgent) => format!("{target}"),
        Wake::One(target, Priority::Ordinary) => format!("{target}, some time"),
        Wake::Soon(target) => format!("{target}, soon"),
        Wake::RequestsOf(promise) => format!("requests of {promise}"),
        Wake::Apis => "apis".to_owned(),
        Wake::Ended { of, is_well, .. } => format!("{of} ended {is_well}"),
    };
    wakes.iter().map(told).collect()
}

fn requests() -> Feed {
    Feed::Requests("redis".into())
}

#[test]
fn a_request_waits_its_turn_until_it_has_a_job() {
    let mut store = Store::default();
    let put = |store: &mut Store, version| {
        told(&store.put(Source::Watch, &requests(), request("one", version)))
    };
    assert_eq!(put(&mut store, 1), ["redis a/one, some time"]);
    assert_eq!(put(&mut store, 1), Vec::<String>::new());
    let running = job("j", "one", 5, json!({}));
    assert_eq!(told(&store.put(Source::Write, &Feed::Jobs, running)), ["redis a/one"]);
    assert_eq!(put(&mut store, 6), ["redis a/one"]);
    let kept = store.request(&Target::request("redis", "a", "one")).unwrap();
    assert!(!String::from_utf8_lossy(&kept).contains("managedFields"));
}

#[test]
fn a_job_wakes_its_object_when_what_matters_of_it_changes() {
    let mut store = Store::default();
    let put = |store: &mut Store, version, status| {
        told(&store.put(Source::Watch, &Feed::Jobs, job("j", "one", version, status)))
    };
    assert_eq!(put(&mut store, 5, json!({})), ["redis a/one"]);
    assert_eq!(put(&mut store, 6, json!({"active": 1, "ready": 0})), Vec::<String>::new());
    assert_eq!(store.running(), [Target::request("redis", "a", "one")]);
    assert_eq!(put(&mut store, 7, complete()), ["redis a/one ended true", "redis a/one"]);
    assert!(store.running().is_empty());
    let target = Target::request("redis", "a", "one");
    assert_eq!(store.jobs_of(&target).len(), 1);
    let gone = store.remove(&Feed::Jobs, &job("j", "one", 8, complete()));
    assert_eq!(told(&gone), ["redis a/one"]);
    assert!(store.jobs_of(&target).is_empty() && store.jobs_of.is_empty());
}

#[test]
fn news_of_the_pod_is_awaited_when_its_job_ends_before_it() {
    for (version, expected) in [(6, "redis a/one, soon"), (7, "redis a/one")] {
        let mut store = Store::default();
        store.put(Source::Write, &requests(), request("one", 6));
        store.put(Source::Watch, &Feed::Jobs, job("j", "one", 5, json!({})));
        // Our own word, or that of the status container.
        store.put(Source::Watch, &requests(), request("one", version));
        let ended = store.put(Source::Watch, &Feed::Jobs, job("j", "one", 8, complete()));
        assert_eq!(told(&ended), ["redis a/one ended true", expected]);
    }
}

#[test]
fn requests_are_looked_at_when_what_matters_of_their_promise_changes() {
    let mut store = Store::default();
    let put = |store: &mut Store, version, more| {
        told(&store.put(Source::Watch, &Feed::Promises, promise("redis", version, more)))
    };
    let all = ["redis", "apis", "requests of redis"];
    assert_eq!(put(&mut store, 1, json!({})), all);
    // Its own workflow goes on.
    assert_eq!(put(&mut store, 2, json!({"status": {"message": "Pending"}})), ["redis"]);
    let available = json!({"status": {"conditions": [{
        "type": "Available", "status": "True", "reason": "PromiseAvailable",
    }]}});
    assert_eq!(put(&mut store, 3, available.clone()), all);
    let mut changed = available;
    merge(&mut changed, json!({"metadata": {"generation": 2}}));
    assert_eq!(put(&mut store, 4, changed), all);
}

#[test]
fn promises_that_need_each_other_are_looked_at_together() {
    let mut store = Store::default();
    let needs = json!({"spec": {"requiredPromises": [{"name": "redis"}]}});
    store.put(Source::Watch, &Feed::Promises, promise("app", 1, needs));
    store.put(Source::Watch, &Feed::Promises, promise("other", 2, json!({})));
    let wakes = told(&store.put(Source::Watch, &Feed::Promises, promise("redis", 3, json!({}))));
    assert!(wakes.contains(&"app".to_owned()) && !wakes.contains(&"other".to_owned()), "{wakes:?}");
    let gone = told(&store.remove(&Feed::Promises, &promise("redis", 4, json!({}))));
    assert!(gone.contains(&"app".to_owned()), "{gone:?}");
}

#[test]
fn what_a_promise_requires_no_more_is_looked_at() {
    let mut store = Store::default();
    let needs = |names: Value| json!({"spec": {"requiredPromises": names}});
    store.put(Source::Watch, &Feed::Promises, promise("redis", 1, json!({})));
    let all = needs(json!([{"name": "redis"}]));
    store.put(Source::Watch, &Feed::Promises, promise("app", 2, all));
    let none = promise("app", 3, needs(json!([])));
    let wakes = told(&store.put(Source::Watch, &Feed::Promises, none));
    assert!(wakes.contains(&"redis".to_owned()), "{wakes:?}");
}

#[test]
fn a_promise_that_goes_hears_of_everything_of_its_requests() {
    let mut store = Store::default();
    let going = json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}});
    store.put(Source::Watch, &Feed::Promises, promise("redis", 1, going));
    store.put(Source::Watch, &requests(), request("one", 2));
    store.put(Source::Watch, &Feed::Jobs, job("j", "one", 3, json!({})));
    assert!(store.a_request_runs("redis"));
    let wakes = told(&store.put(Source::Watch, &Feed::Jobs, job("j", "one", 4, complete())));
    assert!(wakes.contains(&"redis".to_owned()), "{wakes:?}");
    assert!(!store.a_request_runs("redis"));
    let gone = store.remove(&requests(), &request("one", 5));
    assert_eq!(told(&gone), ["redis a/one", "redis"]);
}

#[test]
fn what_we_have_deleted_is_going_before_a_watch_says_so() {
    let mut store = Store::default();
    let now = jiff::Timestamp::UNIX_EPOCH;
    store.put(Source::Watch, &Feed::Jobs, job("j", "one", 3, json!({})));
    store.put(Source::Watch, &requests(), request("one", 2));
    store.mark_going("redis", &kinds::JOB.object(Some("a"), "j"), now);
    let target = Target::request("redis", "a", "one");
    assert!(store.jobs_of(&target)[0].is_going);
    let kind = crate::contract::Kind { plural: "redis".into(), ..kinds::WORK };
    store.mark_going("redis", &kind.object(Some("a"), "one"), now);
    let kept = store.request(&target).unwrap();
    let kept: Object = serde_json::from_slice(&kept).unwrap();
    assert_eq!(kept.text_at(&["metadata", "deletionTimestamp"]), Some("1970-01-01T00:00:00Z"));
}

#[test]
fn pods_that_were_deleted_stay_deleted_for_that_job() {
    let mut store = Store::default();
    let target = Target::request("redis", "a", "one");
    let is_without = |store: &Store| store.jobs_of(&target)[0].pods_are_gone;
    store.put(Source::Watch, &Feed::Jobs, job("j", "one", 3, complete()));
    store.mark_without_pods(&[("b".into(), "j".into())]);
    assert!(!is_without(&store), "a namesake");
    store.mark_without_pods(&[("a".into(), "j".into())]);
    let wakes = store.put(Source::Watch, &Feed::Jobs, job("j", "one", 4, complete()));
    assert!(is_without(&store) && wakes.is_empty(), "{wakes:?}");
    let mut another = job("j", "one", 9, complete());
    another.set_metadata("uid", "another");
    store.put(Source::Watch, &Feed::Jobs, another);
    assert!(!is_without(&store));
}

#[test]
fn a_list_of_requests_ends_those_it_does_not_name() {
    let mut store = Store::default();
    store.put(Source::Watch, &requests(), request("one", 2));
    assert!(!store.is_filled(&requests()));
    store.begin_list(&requests());
    store.put(Source::Watch, &requests(), request("two", 3));
    assert_eq!(told(&store.end_list(&requests())), ["redis a/one", "redis"]);
    assert!(store.is_filled(&requests()));
    assert_eq!(store.requests_len(), 1);
}
