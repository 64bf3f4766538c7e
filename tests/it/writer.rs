//! What the writer does to a cluster: which Work it writes, when, and in how many requests.

use std::fs;
use std::path::Path;

use bookend::cluster::ClusterError;
use bookend::contract::kinds::{PROMISE, WORK};
use bookend::contract::{Layout, Object, labels};
use bookend::exit::{Exit, Fault as _};
use bookend::report;
use bookend::steps::writer::{self, Outcome, Writer, WriterError, Written};
use bookend::steps::{Clock, Context};
use tempfile::TempDir;

use crate::memory::{Memory, work};

/// A pod of which only the writer's folders are there.
pub(crate) struct Pod {
    root: TempDir,
    pub(crate) args: Writer,
    clock: Clock,
}

impl Pod {
    /// Returns a pod with an output folder that holds these files.
    pub(crate) fn with(files: &[(&str, &str)]) -> Self {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("input")).unwrap();
        let args = Writer {
            namespace: "team-a".into(),
            resource_name: Some("sample".into()),
            workflow_type: "resource".into(),
            ..Writer::new("widget", "pipe-0")
        };
        let pod = Self { root, args, clock: Clock::System };
        for (path, content) in files {
            pod.write(&format!("input/{path}"), content);
        }
        pod
    }

    pub(crate) fn path(&self, path: &str) -> std::path::PathBuf {
        self.root.path().join(path)
    }

    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub(crate) async fn run(&self, cluster: &Memory) -> Result<Outcome, WriterError> {
        let layout = Layout::writer_root(self.root.path());
        writer::run(&Context { layout, clock: self.clock }, cluster, &self.args).await
    }

    /// Runs where it must fail, and returns what the user sees, without the temporary path.
    pub(crate) async fn refused(&self, exit: Exit) -> String {
        let cluster = Memory::default();
        let error = self.run(&cluster).await.unwrap_err();
        assert_eq!(cluster.requests(), [""; 0], "no request before the input is known to be good");
        assert_eq!(error.exit(), exit);
        report::render(&error).replace(&self.root.path().display().to_string(), "[ROOT]")
    }
}

async fn written(pod: &Pod, cluster: &Memory) -> Written {
    match pod.run(cluster).await.unwrap() {
        Outcome::Wrote(written) => written,
        Outcome::Stopped(control) => panic!("{control:?}"),
    }
}

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
    let cluster = Memory::default();
    let done = written(&pod, &cluster).await;
    assert_eq!(cluster.requests(), ["list", "create"]);
    let [work] = &cluster.objects()[..] else { panic!("one work") };
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
    let cluster = Memory::default();
    pod.clock = Clock::Fixed("2026-02-01T00:00:00Z".parse().unwrap());
    let first = written(&pod, &cluster).await;
    pod.clock = Clock::Fixed("2026-02-01T00:00:01.9Z".parse().unwrap());
    let second = written(&pod, &cluster).await;
    assert_eq!(cluster.requests(), ["list", "create", "list", "replace"]);
    assert_eq!((first.name, first.created), (second.name, true));
    assert!(!second.created);
    let works = cluster.objects();
    assert_eq!(timestamp(&works[0]), "2026-02-01T00:00:01Z");
}

#[tokio::test]
async fn an_existing_work_keeps_its_name_status_and_foreign_labels() {
    let pod = Pod::with(&[]);
    let mut before = work("team-a", "widget-sample-pipe-0-abcde", &with_label("team", "red"));
    before["status"] = serde_json::json!({ "workPlacements": 1 });
    let cluster = Memory::with(&WORK, [before]);
    let done = written(&pod, &cluster).await;
    assert_eq!(done.name, "widget-sample-pipe-0-abcde");
    let [after] = &cluster.objects()[..] else { panic!("one work") };
    assert_eq!(after.label("team"), Some("red"));
    assert_eq!(after.at(&["status", "workPlacements"]), Some(&1.into()));
    assert_eq!(after.at(&["spec", "workloadGroups"]), None, "the spec is replaced wholly");
}

#[tokio::test]
async fn a_work_that_differs_in_an_identity_label_is_not_touched() {
    for (label, value) in
        [(labels::DRY_RUN, "true"), (labels::RESOURCE_NAMESPACE, "team-b"), (labels::DRY_RUN, "")]
    {
        let cluster = Memory::with(&WORK, [work("team-a", "other", &with_label(label, value))]);
        let before = cluster.objects();
        let done = written(&Pod::with(&[]), &cluster).await;
        assert!(done.created, "{label}={value}");
        assert!(cluster.objects().contains(&before[0]), "{label}={value}");
    }
    let elsewhere = Memory::with(&WORK, [work("team-b", "other", &SAMPLE)]);
    assert!(written(&Pod::with(&[]), &elsewhere).await.created);
}

#[tokio::test]
async fn of_two_works_the_newest_is_adopted() {
    let mut newer = work("team-a", "a-newer", &SAMPLE);
    newer["metadata"]["creationTimestamp"] = "2026-01-02T00:00:00Z".into();
    let cluster = Memory::with(&WORK, [newer, work("team-a", "b-older", &SAMPLE)]);
    let done = written(&Pod::with(&[]), &cluster).await;
    assert_eq!((done.name.as_str(), done.created), ("a-newer", false));
    assert_eq!(timestamp(&cluster.objects()[1]), "2026-01-01T00:00:00Z");
}

fn conflict(key: &bookend::contract::ObjectKey) -> ClusterError {
    ClusterError::Conflict { key: Box::new(key.clone()), detail: "changed".into() }
}

#[tokio::test(start_paused = true)]
async fn a_conflict_is_tried_again() {
    let cluster = Memory::with(&WORK, [work("team-a", "w", &SAMPLE)]);
    cluster.fail("replace", 3, conflict);
    written(&Pod::with(&[]), &cluster).await;
    assert_eq!(cluster.requests().len(), 8);
}

#[tokio::test(start_paused = true)]
async fn a_conflict_without_end_is_given_up_after_thirty_seconds() {
    let cluster = Memory::with(&WORK, [work("team-a", "w", &SAMPLE)]);
    cluster.fail("replace", usize::MAX, conflict);
    let error = Pod::with(&[]).run(&cluster).await.unwrap_err();
    assert_eq!(error.exit(), Exit::Refused);
    let WriterError::Contended { waited, .. } = error else { panic!("{error:?}") };
    assert!((25..=30).contains(&waited.as_secs()), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn somebody_who_changes_the_work_meanwhile_loses_nothing_but_the_spec() {
    let cluster = Memory::with(&WORK, [work("team-a", "w", &SAMPLE)]);
    cluster.meanwhile("replace", work("team-a", "w", &with_label("team", "red")));
    written(&Pod::with(&[]), &cluster).await;
    assert_eq!(cluster.objects()[0].label("team"), Some("red"));
    assert_eq!(cluster.requests(), ["list", "replace", "list", "replace"]);
}

#[tokio::test(start_paused = true)]
async fn two_runs_that_race_make_one_work() {
    let pod = Pod::with(&[]);
    let alone = Memory::default();
    let name = written(&pod, &alone).await.name;
    let cluster = Memory::default();
    cluster.meanwhile("create", work("team-a", &name, &SAMPLE));
    let done = written(&pod, &cluster).await;
    assert_eq!((done.name, done.created), (name, false));
    assert_eq!(cluster.requests(), ["list", "create", "list", "replace"]);
}

#[tokio::test(start_paused = true)]
async fn a_name_that_belongs_to_another_work_is_left_to_it() {
    let pod = Pod::with(&[]);
    let name = written(&pod, &Memory::default()).await.name;
    let cluster = Memory::with(&WORK, [work("team-a", &name, &[])]);
    let done = written(&pod, &cluster).await;
    assert!(done.created);
    assert_ne!(done.name, name);
    assert_eq!(cluster.objects().len(), 2);
    assert_eq!(cluster.requests(), ["list", "create", "list", "create"]);
}

#[tokio::test(start_paused = true)]
async fn a_work_that_is_deleted_meanwhile_is_made_anew() {
    let cluster = Memory::with(&WORK, [work("team-a", "w", &SAMPLE)]);
    cluster.fail("replace", 1, |key| ClusterError::Missing {
        key: Box::new(key.clone()),
        detail: "gone".into(),
    });
    written(&Pod::with(&[]), &cluster).await;
    assert_eq!(cluster.requests(), ["list", "replace", "list", "replace"]);
}

#[tokio::test]
async fn a_refusal_is_final() {
    for verb in ["list", "create"] {
        let cluster = Memory::default();
        cluster.fail(verb, 1, |key| ClusterError::Forbidden {
            verb: "create",
            key: Box::new(key.clone()),
            detail: "no".into(),
        });
        let error = Pod::with(&[]).run(&cluster).await.unwrap_err();
        assert_eq!(error.exit(), Exit::Refused);
        assert!(cluster.objects().is_empty());
    }
}

#[tokio::test]
async fn suspension_and_retry_touch_no_work() {
    for control in ["suspend: true", "suspend: true\nmessage: wait", "retryAfter: 5m"] {
        let mut pod = Pod::with(&[]);
        pod.write("metadata/workflow-control.yaml", control);
        // Not even looked at.
        fs::remove_dir(pod.path("input")).unwrap();
        pod.args.limits.files_max = 0;
        let cluster = Memory::with(&WORK, [work("team-a", "w", &SAMPLE)]);
        assert!(matches!(pod.run(&cluster).await.unwrap(), Outcome::Stopped(_)), "{control}");
        assert_eq!(cluster.requests(), [""; 0]);
    }
}

#[tokio::test]
async fn an_invalid_retry_fails_here_already() {
    let pod = Pod::with(&[]);
    pod.write("metadata/workflow-control.yaml", "retryAfter: whale");
    let text = pod.refused(Exit::Input).await;
    assert!(text.contains("workflow-control.yaml` as workflow control"), "{text}");
    assert!(text.contains("failed to parse retry duration: \"whale\""), "{text}");
}

#[tokio::test]
async fn selectors_are_checked_before_workflow_control() {
    let pod = Pod::with(&[]);
    pod.write("metadata/workflow-control.yaml", "suspend: true");
    pod.write("metadata/destination-selectors.yaml", "- directory: a/b\n  matchLabels: {a: b}");
    assert_eq!(
        pod.refused(Exit::Input).await,
        "error: failed to parse `[ROOT]/metadata/destination-selectors.yaml` as destination selectors\n  \
         caused by: invalid directory in destination-selectors.yaml: a/b, sub-directories are not allowed\n  \
         hint: name a directory at the top of the output folder; its sub-directories come with it\n"
    );
}

#[tokio::test]
async fn selectors_of_all_sources_stand_in_the_order_of_the_original() {
    let pod = Pod::with(&[("foo/a", "1"), ("root", "2")]);
    pod.write(
        "metadata/destination-selectors.yaml",
        "- directory: foo\n  matchLabels: {d: x}\n- matchLabels: {w: x}",
    );
    pod.write(
        "kratix-system/promise-scheduling",
        "- matchlabels: {p: x}\n  source: promise\n- matchlabels: {pw: x}\n  source: promise-workflow",
    );
    let cluster = Memory::default();
    assert_eq!(written(&pod, &cluster).await.groups, 2);
    let works = cluster.objects();
    let groups = works[0].at(&["spec", "workloadGroups"]).unwrap();
    assert_eq!(groups[0]["directory"], "foo");
    assert_eq!(groups[0]["destinationSelectors"].as_array().unwrap().len(), 1);
    let sources: Vec<_> = groups[1]["destinationSelectors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|selector| selector["source"].as_str().unwrap())
        .collect();
    assert_eq!(sources, ["resource-workflow", "promise-workflow", "promise"]);
}

#[tokio::test]
async fn selectors_of_the_promise_may_be_wrong_only_where_no_group_needs_them() {
    let pod = Pod::with(&[("foo/a", "1")]);
    pod.write("kratix-system/promise-scheduling", "{}");
    pod.write("metadata/destination-selectors.yaml", "- directory: foo\n  matchLabels: {a: b}");
    written(&pod, &Memory::default()).await;
    pod.write("input/root", "2");
    let text = pod.refused(Exit::Input).await;
    assert!(text.contains("invalid promise-scheduling"), "{text}");
}

#[tokio::test]
async fn a_selected_directory_that_is_not_there_is_named() {
    let pod = Pod::with(&[("foo/a", "1")]);
    pod.write("metadata/destination-selectors.yaml", "- directory: nope\n  matchLabels: {a: b}");
    assert_eq!(
        pod.refused(Exit::Input).await,
        "error: failed to group the output\n  \
         caused by: destination-selectors.yaml names the directory `nope`, \
         but the output folder has none of that name\n  \
         hint: name one of `foo`, or take the entry out\n"
    );
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
    let cluster = Memory::default();
    cluster.fail("create", 1, |key| ClusterError::TooLarge {
        key: Box::new(key.clone()),
        detail: "etcdserver: request is too large".into(),
    });
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
    let cluster = Memory::default();
    let error = pod.run(&cluster).await.unwrap_err();
    assert!(error.to_string().contains("cannot be the name of a work"), "{error}");
    assert_eq!(cluster.requests(), ["list"]);
}

#[tokio::test]
async fn an_empty_namespace_is_that_of_the_installation() {
    let mut pod = Pod::with(&[]);
    pod.args.namespace = String::new();
    assert_eq!(written(&pod, &Memory::default()).await.namespace, "kratix-platform-system");
}

#[tokio::test]
async fn a_missing_output_folder_is_an_error() {
    let pod = Pod::with(&[]);
    fs::remove_dir(pod.path("input")).unwrap();
    let text = pod.refused(Exit::Input).await;
    assert!(text.starts_with("error: failed to read `[ROOT]/input`\n"), "{text}");
    fs::write(pod.path("input"), "x").unwrap();
    let text = pod.refused(Exit::Input).await;
    assert!(text.starts_with("error: expected a folder at `[ROOT]/input`\n"), "{text}");
}

#[tokio::test]
async fn objects_of_other_kinds_are_no_works() {
    let cluster = Memory::default();
    let mut promise = Object::new(&PROMISE, None, "widget");
    for (label, value) in SAMPLE {
        promise.set_label(label, value);
    }
    cluster.insert(&PROMISE, promise);
    assert!(written(&Pod::with(&[]), &cluster).await.created);
}

/// A metadata file, what it holds in turn, and whether the writer takes it.
async fn check_metadata(file: &str, contents: &[(&str, bool)]) {
    let pod = Pod::with(&[("foo/a", "1")]);
    assert!(!Path::new(&pod.path(file)).exists());
    written(&pod, &Memory::default()).await;
    for (content, taken) in contents {
        pod.write(file, content);
        let outcome = pod.run(&Memory::default()).await;
        assert_eq!(outcome.is_ok(), *taken, "{file}: {content:.40}: {outcome:?}");
    }
}

#[tokio::test]
async fn selectors_absent_empty_wrong_too_large_unknown_valid_and_valid_after_invalid() {
    let large = format!("- matchLabels: {{a: b}}\n#{}", "x".repeat(1 << 20));
    let file = "metadata/destination-selectors.yaml";
    let contents = [
        ("", true),
        ("null", true),
        ("- matchLabels: {a: b}\n", true),
        ("{}", false),
        ("- matchLabels: [a]\n", false),
        (": : :\n  - [", false),
        ("- matchLabels: {a: b}\n  unknown: {c: d}\n", true),
        (&large, false),
        ("- directory: foo\n  matchLabels: {a: b}\n", true),
    ];
    check_metadata(file, &contents).await;
}

#[tokio::test]
async fn control_absent_empty_wrong_too_large_unknown_valid_and_valid_after_invalid() {
    let large = format!("suspend: false\n#{}", "x".repeat(1 << 20));
    let file = "metadata/workflow-control.yaml";
    let contents = [
        ("", true),
        ("null", true),
        ("suspend: false", true),
        ("[]", false),
        ("suspend: perhaps", false),
        ("retryAfter: 5 m", false),
        ("{", false),
        ("unknown: 1", true),
        (&large, false),
        ("retryAfter: 5m", true),
    ];
    check_metadata(file, &contents).await;
}
