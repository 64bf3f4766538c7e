//! What the writer does to a cluster: which Work it writes, when, and in how many requests.

use bookend::contract::kinds::{PROMISE, WORK};
use bookend::contract::{Object, labels};
use bookend::exit::{Exit, Fault as _};
use bookend::report;
use bookend::steps::Clock;

use crate::double::{Double, fault, work};
use crate::pod::Pod;

const SAMPLE: [(&str, &str); 4] = [
    (labels::PROMISE_NAME, "widget"),
    (labels::PIPELINE_NAME, "pipe-0"),
    (labels::RESOURCE_NAME, "sample"),
    (labels::WORK_TYPE, "resource"),
];

fn with_label(label: &'static str, value: &'static str) -> Vec<(&'static str, &'static str)> {
    [&SAMPLE[..], &[(label, value)]].concat()
}

fn timestamp(work: &Object) -> &str {
    work.text_at(&["spec", "lastExecutionTimestamp"]).unwrap()
}

#[tokio::test]
async fn a_first_run_creates_the_work_in_two_requests() {
    let pod = Pod::with(&[("a.yaml", "a: 1\n"), ("foo/b.yaml", "")]);
    let cluster = Double::default();
    let done = pod.written(&cluster).await;
    assert_eq!(cluster.requests(), ["list", "create"]);
    let [work] = &cluster.works()[..] else { panic!("one work") };
    assert!(done.created);
    assert_eq!((done.groups, done.files), (1, 2));
    assert_eq!((done.name.as_str(), done.namespace.as_str()), (work.name(), "team-a"));
    assert_eq!(work.name().len(), "widget-sample-pipe-0-".len() + 5);
    assert_eq!(work.api_version(), "platform.kratix.io/v1alpha1");
    for (label, value) in SAMPLE {
        assert_eq!(work.label(label), Some(value));
    }
}

#[tokio::test]
async fn a_second_run_updates_the_same_work_and_renews_its_time() {
    let mut pod = Pod::with(&[("a.yaml", "a: 1\n")]);
    let cluster = Double::default();
    pod.clock = Clock::Fixed("2026-02-01T00:00:00Z".parse().unwrap());
    let first = pod.written(&cluster).await;
    pod.clock = Clock::Fixed("2026-02-01T00:00:01.9Z".parse().unwrap());
    let second = pod.written(&cluster).await;
    assert_eq!(cluster.requests(), ["list", "create", "list", "replace"]);
    assert_eq!((first.name, first.created), (second.name, true));
    assert!(!second.created);
    let works = cluster.works();
    assert_eq!(timestamp(&works[0]), "2026-02-01T00:00:01Z");
}

#[tokio::test]
async fn an_existing_work_keeps_its_name_status_and_foreign_labels() {
    let pod = Pod::with(&[]);
    let mut before = work("team-a", "widget-sample-pipe-0-abcde", &with_label("team", "red"));
    before["status"] = serde_json::json!({ "workPlacements": 1 });
    let cluster = Double::with(&WORK, [before]);
    let done = pod.written(&cluster).await;
    assert_eq!(done.name, "widget-sample-pipe-0-abcde");
    let [after] = &cluster.works()[..] else { panic!("one work") };
    assert_eq!(after.label("team"), Some("red"));
    assert_eq!(after.at(&["status", "workPlacements"]), Some(&1.into()));
    assert_eq!(after.at(&["spec", "workloadGroups"]), None, "the spec is replaced wholly");
}

#[tokio::test]
async fn a_work_that_differs_in_an_identity_label_is_not_touched() {
    for (label, value) in
        [(labels::DRY_RUN, "true"), (labels::RESOURCE_NAMESPACE, "team-b"), (labels::DRY_RUN, "")]
    {
        let cluster = Double::with(&WORK, [work("team-a", "other", &with_label(label, value))]);
        let before = cluster.works();
        let done = Pod::with(&[]).written(&cluster).await;
        assert!(done.created, "{label}={value}");
        assert!(cluster.works().contains(&before[0]), "{label}={value}");
    }
    let elsewhere = Double::with(&WORK, [work("team-b", "other", &SAMPLE)]);
    assert!(Pod::with(&[]).written(&elsewhere).await.created);
}

#[tokio::test]
async fn of_two_works_the_newest_is_adopted() {
    let mut newer = work("team-a", "a-newer", &SAMPLE);
    newer["metadata"]["creationTimestamp"] = "2026-01-02T00:00:00Z".into();
    let cluster = Double::with(&WORK, [newer, work("team-a", "b-older", &SAMPLE)]);
    let done = Pod::with(&[]).written(&cluster).await;
    assert_eq!((done.name.as_str(), done.created), ("a-newer", false));
    assert_eq!(timestamp(&cluster.works()[1]), "2026-01-01T00:00:00Z");
}

#[tokio::test(start_paused = true)]
async fn a_conflict_is_tried_again() {
    let cluster = Double::with(&WORK, [work("team-a", "w", &SAMPLE)]);
    cluster.fail("replace", 3, fault::conflict);
    Pod::with(&[]).written(&cluster).await;
    assert_eq!(cluster.requests().len(), 8);
}

#[tokio::test(start_paused = true)]
async fn a_conflict_without_end_is_given_up_after_thirty_seconds() {
    let cluster = Double::with(&WORK, [work("team-a", "w", &SAMPLE)]);
    cluster.fail("replace", usize::MAX, fault::conflict);
    let error = Pod::with(&[]).run(&cluster).await.unwrap_err();
    assert_eq!(error.exit(), Exit::Refused);
    let text = report::render(&error);
    let rest = text
        .strip_prefix(
            "error: failed to write works.platform.kratix.io team-a/w: somebody else was faster, ",
        )
        .unwrap();
    let (tries, rest) = rest.split_once(" times in ").unwrap();
    let (seconds, rest) = rest.split_once("s\n").unwrap();
    assert!(tries.parse::<u32>().unwrap() > 20, "{text}");
    assert!((28.0..=30.0).contains(&seconds.parse::<f64>().unwrap()), "{text}");
    assert_eq!(
        rest,
        "  caused by: works.platform.kratix.io team-a/w has been changed by somebody else meanwhile: 409\n  \
         hint: look for another run of the same pipeline, or for what else changes the work\n"
    );
}

#[tokio::test(start_paused = true)]
async fn a_conflict_at_a_create_is_tried_again() {
    // A quota that changes while it is counted answers so.
    let cluster = Double::default();
    cluster.fail("create", 2, fault::conflict);
    assert!(Pod::with(&[]).written(&cluster).await.created);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_the_cluster_has_waited_for_is_not_asked_again() {
    for verb in ["list", "create"] {
        let cluster = Double::default();
        cluster.fail(verb, 1, fault::down);
        let error = Pod::with(&[]).run(&cluster).await.unwrap_err();
        assert_eq!(error.exit(), Exit::Unreachable);
        assert_eq!(cluster.requests().iter().filter(|asked| **asked == verb).count(), 1);
        let hint = error.hint().unwrap();
        assert!(hint.starts_with("check that the API server runs"), "{hint}");
    }
}

#[tokio::test]
async fn a_namespace_that_is_none_is_refused_before_any_request() {
    for namespace in ["a/b", "..", "a%2fb", "a\nb"] {
        let mut pod = Pod::with(&[]);
        pod.args.namespace = namespace.into();
        let text = pod.refused(Exit::Usage).await;
        assert!(text.contains("cannot be the namespace of an object"), "{text}");
        assert!(text.ends_with("hint: correct the flag `--namespace`\n"), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn somebody_who_changes_the_work_meanwhile_loses_nothing_but_the_spec() {
    let cluster = Double::with(&WORK, [work("team-a", "w", &SAMPLE)]);
    cluster.meanwhile("replace", work("team-a", "w", &with_label("team", "red")));
    Pod::with(&[]).written(&cluster).await;
    assert_eq!(cluster.works()[0].label("team"), Some("red"));
    assert_eq!(cluster.requests(), ["list", "replace", "list", "replace"]);
}

#[tokio::test(start_paused = true)]
async fn two_runs_that_race_make_one_work() {
    let pod = Pod::with(&[]);
    let alone = Double::default();
    let name = pod.written(&alone).await.name;
    let cluster = Double::default();
    cluster.meanwhile("create", work("team-a", &name, &SAMPLE));
    let done = pod.written(&cluster).await;
    assert_eq!((done.name, done.created), (name, false));
    assert_eq!(cluster.requests(), ["list", "create", "list", "replace"]);
}

#[tokio::test(start_paused = true)]
async fn a_name_that_belongs_to_another_work_is_left_to_it() {
    let pod = Pod::with(&[]);
    let name = pod.written(&Double::default()).await.name;
    let cluster = Double::with(&WORK, [work("team-a", &name, &[])]);
    let done = pod.written(&cluster).await;
    assert!(done.created);
    assert_ne!(done.name, name);
    assert_eq!(cluster.works().len(), 2);
    assert_eq!(cluster.requests(), ["list", "create", "list", "create"]);
}

#[tokio::test(start_paused = true)]
async fn a_work_that_is_deleted_meanwhile_is_made_anew() {
    let cluster = Double::with(&WORK, [work("team-a", "w", &SAMPLE)]);
    cluster.fail("replace", 1, fault::missing);
    Pod::with(&[]).written(&cluster).await;
    assert_eq!(cluster.requests(), ["list", "replace", "list", "replace"]);
}

#[tokio::test]
async fn a_refusal_is_final() {
    for verb in ["list", "create"] {
        let cluster = Double::default();
        cluster.fail(verb, 1, fault::forbidden);
        let error = Pod::with(&[]).run(&cluster).await.unwrap_err();
        assert_eq!(error.exit(), Exit::Refused);
        assert!(cluster.works().is_empty());
    }
}

#[tokio::test]
async fn a_work_that_is_too_large_is_refused_with_its_biggest_files() {
    let mut pod = Pod::with(&[("small", "x"), ("dir/big", "0123456789abcdefghijklmnopqrstuvwxyz")]);
    pod.args.work_bytes_max = 300;
    let text = pod.refused(Exit::Refused).await;
    assert!(text.starts_with("error: the work `widget-sample-pipe-0` has "), "{text}");
    assert!(text.contains("bytes, more than the 300 that the cluster takes\n"), "{text}");
    let big = text.find("`dir/big`: ").unwrap();
    assert!(big < text.find("`small`: ").unwrap(), "{text}");
    assert!(text.trim_end().ends_with('%'), "{text}");
}

#[tokio::test]
async fn a_server_that_takes_less_gives_the_same_report() {
    let cluster = Double::default();
    cluster.fail("create", 1, fault::too_large);
    let error = Pod::with(&[("dir/big", "x")]).run(&cluster).await.unwrap_err();
    assert_eq!(error.exit(), Exit::Refused);
    let text = report::render(&error);
    assert!(
        text.contains("`dir/big`: ") && text.contains("etcdserver: request is too large"),
        "{text}"
    );
}

#[tokio::test]
async fn names_that_cannot_be_labels_fail_before_any_request() {
    for (promise, resource) in [("prömise", "sample"), ("widget", &*"r".repeat(64)), ("---", "--")]
    {
        let mut pod = Pod::with(&[]);
        pod.args.promise = promise.into();
        pod.args.resource_name = Some(resource.into());
        let text = pod.refused(Exit::Usage).await;
        assert!(text.contains("cannot be the value of the label `kratix.io/"), "{text}");
    }
}

#[tokio::test]
async fn an_upper_case_name_is_refused_before_it_is_sent() {
    let mut pod = Pod::with(&[]);
    pod.args.promise = "Widget".into();
    let cluster = Double::default();
    let error = pod.run(&cluster).await.unwrap_err();
    assert!(error.to_string().contains("cannot be the name of a work"), "{error}");
    assert_eq!(cluster.requests(), ["list"]);
}

#[tokio::test]
async fn an_empty_namespace_is_that_of_the_installation() {
    let mut pod = Pod::with(&[]);
    pod.args.namespace = String::new();
    assert_eq!(pod.written(&Double::default()).await.namespace, "kratix-platform-system");
}

#[tokio::test]
async fn objects_of_other_kinds_are_no_works() {
    let cluster = Double::default();
    let mut promise = Object::new(&PROMISE, None, "widget");
    for (label, value) in SAMPLE {
        promise.set_label(label, value);
    }
    cluster.insert(&PROMISE, promise);
    assert!(Pod::with(&[]).written(&cluster).await.created);
}
