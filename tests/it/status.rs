//! The status step: requests, conflicts, kills, refusals, files.

use std::path::Path;

use bookend::contract::{Kind, Layout, Object};
use bookend::core::status::Ending;
use bookend::exit::{Exit, Fault as _};
use bookend::report;
use bookend::steps::status::{FILE_BYTES_MAX, Outcome, Status, StatusError, run};
use bookend::steps::{Clock, Context};
use serde_json::{Value, json};

use crate::double::{ALWAYS, Double, Trouble, fault};

const SUSPENDED: &str = "kratix.io/workflow-suspended";

/// The metadata folder of one pipeline.
struct Pipeline {
    root: tempfile::TempDir,
}

impl Pipeline {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("metadata")).unwrap();
        Self { root }
    }

    fn reports(self, text: &str) -> Self {
        self.file("status.yaml", text)
    }

    fn controls(self, text: &str) -> Self {
        self.file("workflow-control.yaml", text)
    }

    fn file(self, name: &str, text: &str) -> Self {
        std::fs::write(self.path(name), text).unwrap();
        self
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.root.path().join("metadata").join(name)
    }

    /// Runs as a pipeline that is not the last.
    async fn run(&self, cluster: &Double) -> Result<Outcome, StatusError> {
        run(&context(self.root.path()), cluster, &args()).await
    }

    async fn run_last(&self, cluster: &Double) -> Result<Outcome, StatusError> {
        run(&context(self.root.path()), cluster, &Status { is_last: true, ..args() }).await
    }
}

fn context(root: &Path) -> Context {
    let now = "2026-01-02T03:04:05Z".parse().unwrap();
    Context { layout: Layout::writer_root(root), clock: Clock::Fixed(now) }
}

fn args() -> Status {
    let kind = Kind {
        group: "example.com".into(),
        version: "v1".into(),
        kind: "Widget".into(),
        plural: "widgets".into(),
        namespaced: true,
    };
    Status {
        key: kind.object(Some("team-a"), "sample"),
        workflow_type: "resource".into(),
        action: "configure".into(),
        pipeline: "main".into(),
        is_last: false,
        dry_run: false,
        file_bytes_max: FILE_BYTES_MAX,
    }
}

/// A cluster that holds the object with this status.
fn widget(status: Value) -> Double {
    let object = json!({
        "apiVersion": "example.com/v1", "kind": "Widget",
        "metadata": {"name": "sample", "namespace": "team-a", "uid": "u1", "generation": 7},
        "status": status,
    });
    Double::with(&args().key.kind, [object])
}

/// The same cluster, in which these calls go wrong.
fn troubled(call: usize, trouble: Trouble) -> Double {
    let cluster = widget(running());
    cluster.trouble(None, call..=call, trouble);
    cluster
}

fn object(cluster: &Double) -> Object {
    cluster.object(&args().key)
}

fn status(cluster: &Double) -> Value {
    object(cluster).status().cloned().unwrap_or_default()
}

fn label(cluster: &Double) -> Option<String> {
    object(cluster).label(SUSPENDED).map(str::to_owned)
}

fn running() -> Value {
    json!({"kratix": {"workflows": {"pipelines": [{"name": "main", "phase": "Running"}]}}})
}

/// What a suspension with `retryAfter: 1m` leaves.
fn retrying() -> Value {
    json!({"kratix": {"workflows": {"suspendedGeneration": 7, "pipelines": [
        {"name": "main", "phase": "Suspended", "attempts": 1, "nextRetryAt": "2026-01-02T03:05:05Z"},
    ]}}})
}

#[tokio::test(start_paused = true)]
async fn a_report_takes_two_requests() {
    let cluster = widget(running());
    let outcome = Pipeline::new().reports("a: 1\n").run(&cluster).await.unwrap();
    assert_eq!(cluster.requests(), ["get", "status"]);
    assert_eq!(status(&cluster)["a"], 1);
    assert_eq!((outcome.ending, outcome.is_written), (Ending::GoesOn, true));
}

#[tokio::test(start_paused = true)]
async fn nothing_to_write_takes_one_request() {
    for pipeline in [Pipeline::new(), Pipeline::new().reports(""), Pipeline::new().reports("{}\n")]
    {
        let cluster = widget(running());
        let outcome = pipeline.run(&cluster).await.unwrap();
        assert_eq!(cluster.requests(), ["get"]);
        assert!(!outcome.is_written);
    }
}

#[tokio::test(start_paused = true)]
async fn completion_is_written_each_time() {
    let cluster = widget(running());
    let outcome = Pipeline::new().run_last(&cluster).await.unwrap();
    assert_eq!(outcome.ending, Ending::Completed);
    assert_eq!(status(&cluster)["conditions"][0]["lastTransitionTime"], "2026-01-02T03:04:05Z");
}

#[tokio::test(start_paused = true)]
async fn a_suspension_takes_three_requests_with_the_label_last() {
    let cluster = widget(running());
    let outcome = Pipeline::new().controls("retryAfter: 1m\n").run(&cluster).await.unwrap();
    assert_eq!(cluster.requests(), ["get", "status", "label"]);
    assert_eq!((status(&cluster), label(&cluster).as_deref()), (retrying(), Some("true")));
    assert!(outcome.is_written && outcome.is_labelled);
}

#[tokio::test(start_paused = true)]
async fn a_label_that_is_there_takes_no_request() {
    let cluster = widget(running());
    let mut labelled = object(&cluster);
    labelled.set_label(SUSPENDED, "true");
    cluster.insert(&args().key.kind, labelled);
    let outcome = Pipeline::new().controls("suspend: true\n").run(&cluster).await.unwrap();
    assert_eq!(cluster.requests(), ["get", "status"]);
    assert!(!outcome.is_labelled);
}

#[tokio::test(start_paused = true)]
async fn trouble_at_any_call_is_got_over() {
    for call in 1..=3 {
        for trouble in [
            Trouble::Relabelled,
            Trouble::Fails(fault::conflict),
            Trouble::Fails(fault::lost),
            Trouble::FailsAfter(fault::lost),
        ] {
            let cluster = troubled(call, trouble.clone());
            let pipeline = Pipeline::new().reports("a: 1\n").controls("retryAfter: 1m\n");
            pipeline.run(&cluster).await.unwrap();
            let mut expected = retrying();
            expected["a"] = json!(1);
            assert_eq!(status(&cluster), expected, "{trouble:?} at call {call}");
            assert_eq!(label(&cluster).as_deref(), Some("true"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn conflicts_without_end_end_after_thirty_seconds() {
    for (verb, trouble) in [
        ("status", Trouble::Relabelled),
        ("status", Trouble::Fails(fault::conflict)),
        ("label", Trouble::Fails(fault::conflict)),
    ] {
        let cluster = widget(running());
        cluster.trouble(Some(verb), ALWAYS, trouble);
        let start = tokio::time::Instant::now();
        let error = Pipeline::new().controls("suspend: true\n").run(&cluster).await.unwrap_err();
        assert!(matches!(error, StatusError::GaveUp { .. }), "{error:?}");
        assert_eq!(error.exit(), Exit::Refused);
        assert!((28..=30).contains(&start.elapsed().as_secs()));
        assert_eq!(label(&cluster), None);
        let text = report::render(&error);
        assert!(
            text.starts_with(
                "error: failed to update the status of widgets.example.com team-a/sample within "
            ),
            "{text}"
        );
        assert!(text.contains("s\n  caused by: widgets.example.com team-a/sample has been changed by somebody else meanwhile"), "{text}");
        assert!(
            text.ends_with(
                "hint: find out who keeps changing the object, and stop it for a moment\n"
            ),
            "{text}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_the_cluster_has_waited_for_is_not_asked_again() {
    for call in 1..=3 {
        let cluster = troubled(call, Trouble::Fails(fault::down));
        let start = tokio::time::Instant::now();
        let error = Pipeline::new().controls("suspend: true\n").run(&cluster).await.unwrap_err();
        assert_eq!(error.exit(), Exit::Unreachable);
        assert_eq!((cluster.requests().len(), start.elapsed().as_secs()), (call, 0));
        assert_eq!(
            report::render(&error),
            "error: failed to update the status\n  \
             caused by: failed to get widgets.example.com team-a/sample: no usable answer from the cluster after 10 \
             tries in 0 ms: reset\n  \
             hint: check that the API server runs and can be reached from here without a proxy, then try again\n"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_none_is_refused_before_any_request() {
    for name in ["", "..", "a/status", "a%2fb", "a\nb"] {
        let cluster = widget(running());
        let mut args = args();
        args.key.name = name.into();
        let error = run(&context(Path::new("/nowhere")), &cluster, &args).await.unwrap_err();
        assert_eq!(error.exit(), Exit::Usage, "{name:?}");
        let variable = bookend::contract::env::OBJECT_NAME;
        assert_eq!(error.hint().unwrap(), format!("correct the variable `{variable}`"));
        assert_eq!(cluster.requests(), [""; 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_status_leaves_no_label() {
    let cluster = widget(running());
    cluster.trouble(Some("status"), ALWAYS, Trouble::Fails(fault::invalid));
    let pipeline = Pipeline::new().reports("a: x\n").controls("suspend: true\n");
    let error = pipeline.run(&cluster).await.unwrap_err();
    assert_eq!(error.exit(), Exit::Refused);
    assert_eq!((status(&cluster), label(&cluster)), (running(), None));
    assert_eq!(cluster.requests(), ["get", "status"]);
}

#[tokio::test(start_paused = true)]
async fn a_kind_without_a_status_subresource_is_named_as_such() {
    let cluster = widget(running());
    cluster.trouble(Some("status"), ALWAYS, Trouble::Fails(fault::missing));
    let error = Pipeline::new().controls("suspend: true\n").run(&cluster).await.unwrap_err();
    assert_eq!(
        report::render(&error),
        "error: widgets.example.com team-a/sample has no status subresource; nothing was written\n  \
         hint: add `subresources: {status: {}}` to the version in the object's CRD\n"
    );
    assert_eq!(error.exit(), Exit::Refused);
    assert_eq!(label(&cluster), None);
}

#[tokio::test(start_paused = true)]
async fn an_object_that_is_not_there_or_goes_is_said() {
    let gone = Double::default();
    let error = Pipeline::new().reports("a: 1\n").run(&gone).await.unwrap_err();
    assert!(matches!(error, StatusError::Missing { .. }));
    assert_eq!(error.exit(), Exit::Refused);

    let goes = widget(running());
    goes.trouble(Some("label"), ALWAYS, Trouble::Fails(fault::missing));
    let error = Pipeline::new().controls("suspend: true\n").run(&goes).await.unwrap_err();
    assert!(matches!(error, StatusError::Gone { .. }));
}

#[tokio::test(start_paused = true)]
async fn a_new_object_with_the_old_name_is_left_alone() {
    let cluster = widget(running());
    let mut new = object(&cluster);
    new.set_metadata("uid", "u2");
    cluster.trouble(Some("status"), 1..=1, Trouble::Meanwhile(args().key.kind, new));
    let result = Pipeline::new().reports("a: 1\n").run(&cluster).await;
    assert!(matches!(result, Err(StatusError::Replaced { .. })), "{result:?}");
    assert_eq!(status(&cluster), running());
}

#[tokio::test(start_paused = true)]
async fn a_suspension_that_the_server_drops_is_not_labelled() {
    let cluster = widget(running()).old();
    let error = Pipeline::new().controls("suspend: true\n").run(&cluster).await.unwrap_err();
    assert!(matches!(error, StatusError::Dropped { .. }));
    assert_eq!(label(&cluster), None);
    // Without a suspension it is a warning only.
    let cluster = widget(running()).old();
    Pipeline::new().reports("a: 1\n").run(&cluster).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_suspension_without_an_entry_writes_nothing() {
    for before in [json!(null), json!({}), json!({"kratix": {"workflows": {"pipelines": []}}})] {
        let cluster = widget(before.clone());
        let pipeline = Pipeline::new().reports("a: 1\n").controls("suspend: true\n");
        let error = pipeline.run(&cluster).await.unwrap_err();
        assert_eq!(error.exit(), Exit::Refused);
        assert_eq!((status(&cluster), label(&cluster)), (before, None));
        assert_eq!(
            report::render(&error),
            "error: the status of widgets.example.com team-a/sample is not prepared for this pipeline; nothing was written\n  \
             caused by: failed to suspend: pipeline \"main\" not found in `status.kratix.workflows.pipelines`\n  \
             hint: let the controller start the workflow again: the Promise's pipelines have changed \
             since this one started, or no controller has prepared the object\n"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_wrong_file_fails_before_anything_is_written() {
    let big = format!("a: {}\n", "x".repeat(1 << 20));
    for (report, control) in [
        ("- a\n", ""),
        ("text\n", ""),
        ("a: [\n", ""),
        (big.as_str(), ""),
        ("kratix: null\n", ""),
        ("workflows: many\n", ""),
        ("a: .nan\n", ""),
        ("a: 1\n", "- suspend\n"),
        ("a: 1\n", "suspend: \"yes\"\n"),
        ("a: 1\n", "retryAfter: whale\n"),
        ("a: 1\n", "retryAfter: -5m\n"),
        ("a: 1\n", "retryAfter: {minutes: 5}\n"),
        ("a: 1\n", &big),
    ] {
        let cluster = widget(running());
        let pipeline = Pipeline::new().reports(report).controls(control);
        let error = pipeline.run_last(&cluster).await.unwrap_err();
        assert_eq!(error.exit(), Exit::Input, "{error:?}");
        assert!(cluster.requests().iter().all(|call| *call == "get"));
        assert_eq!((status(&cluster), label(&cluster)), (running(), None));
        // Repaired, the same run works.
        pipeline.reports("a: 1\n").controls("").run_last(&cluster).await.unwrap();
        assert_eq!(status(&cluster)["a"], 1);
    }
}

#[tokio::test(start_paused = true)]
async fn an_unusable_duration_is_shown_with_its_reason() {
    let cluster = widget(running());
    let pipeline = Pipeline::new().controls("retryAfter: 5 m\n");
    let error = pipeline.run(&cluster).await.unwrap_err();
    let path = pipeline.path("workflow-control.yaml");
    assert_eq!(
        report::render(&error),
        format!(
            "error: failed to use `{}` as workflow control\n  \
             caused by: failed to parse retry duration: \"5 m\"\n  \
             caused by: unknown unit \" m\"\n  \
             hint: write the duration like `90s`, `10m` or `1h30m`; the units are ns, us, ms, s, m and h\n",
            path.display()
        )
    );
}

#[tokio::test(start_paused = true)]
async fn absent_folders_and_files_are_empty_ones() {
    let root = tempfile::tempdir().unwrap();
    let cluster = widget(running());
    run(&context(root.path()), &cluster, &args()).await.unwrap();
    assert_eq!(cluster.requests(), ["get"]);
}
