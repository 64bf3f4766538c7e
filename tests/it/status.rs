//! The status step: requests, conflicts, kills, refusals, files.

mod one_object;

use std::path::Path;

use bookend::contract::{Kind, Layout};
use bookend::core::status::Ending;
use bookend::exit::{Exit, Fault as _};
use bookend::report;
use bookend::steps::status::{FILE_BYTES_MAX, Outcome, Status, StatusError, run};
use bookend::steps::{Clock, Context};
use serde_json::{Value, json};

use self::one_object::{OneObject, Trouble};

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

    async fn run(&self, cluster: &OneObject) -> Result<Outcome, StatusError> {
        run(&context(self.root.path()), cluster, &args()).await
    }

    async fn run_last(&self, cluster: &OneObject) -> Result<Outcome, StatusError> {
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
    let cluster = OneObject::new(running());
    let outcome = Pipeline::new().reports("a: 1\n").run(&cluster).await.unwrap();
    assert_eq!(cluster.calls(), ["get", "status"]);
    assert_eq!(cluster.status()["a"], 1);
    assert_eq!((outcome.ending, outcome.is_written), (Ending::GoesOn, true));
}

#[tokio::test(start_paused = true)]
async fn nothing_to_write_takes_one_request() {
    for pipeline in [Pipeline::new(), Pipeline::new().reports(""), Pipeline::new().reports("{}\n")]
    {
        let cluster = OneObject::new(running());
        let outcome = pipeline.run(&cluster).await.unwrap();
        assert_eq!(cluster.calls(), ["get"]);
        assert!(!outcome.is_written);
    }
}

#[tokio::test(start_paused = true)]
async fn completion_is_written_each_time() {
    let cluster = OneObject::new(running());
    let outcome = Pipeline::new().run_last(&cluster).await.unwrap();
    assert_eq!(outcome.ending, Ending::Completed);
    assert_eq!(cluster.status()["conditions"][0]["lastTransitionTime"], "2026-01-02T03:04:05Z");
}

#[tokio::test(start_paused = true)]
async fn a_suspension_takes_three_requests_with_the_label_last() {
    let cluster = OneObject::new(running());
    let outcome = Pipeline::new().controls("retryAfter: 1m\n").run(&cluster).await.unwrap();
    assert_eq!(cluster.calls(), ["get", "status", "label"]);
    assert_eq!((cluster.status(), cluster.label().as_deref()), (retrying(), Some("true")));
    assert!(outcome.is_written && outcome.is_labelled);
}

#[tokio::test(start_paused = true)]
async fn a_label_that_is_there_takes_no_request() {
    let cluster = OneObject::new(running());
    cluster.object.lock().unwrap().as_mut().unwrap().set_label(SUSPENDED, "true");
    let outcome = Pipeline::new().controls("suspend: true\n").run(&cluster).await.unwrap();
    assert_eq!(cluster.calls(), ["get", "status"]);
    assert!(!outcome.is_labelled);
}

#[tokio::test(start_paused = true)]
async fn a_conflict_at_any_call_is_merged_again() {
    for call in 1..=3 {
        for trouble in [Trouble::Conflict, Trouble::Lost, Trouble::AnswerLost] {
            let cluster = OneObject::new(running()).trouble(call, trouble);
            let pipeline = Pipeline::new().reports("a: 1\n").controls("retryAfter: 1m\n");
            pipeline.run(&cluster).await.unwrap();
            let mut expected = retrying();
            expected["a"] = json!(1);
            assert_eq!(cluster.status(), expected, "{trouble:?} at call {call}");
            assert_eq!(cluster.label().as_deref(), Some("true"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn killed_anywhere_and_run_again_the_end_is_the_same() {
    for call in 1..=3 {
        for trouble in [Trouble::KilledBefore, Trouble::KilledAfter] {
            for control in ["retryAfter: 1m\n", "suspend: true\n", "suspend: false\n"] {
                let pipeline = Pipeline::new().reports("a: 1\n").controls(control);
                let undisturbed = OneObject::new(running());
                pipeline.run(&undisturbed).await.unwrap();

                let cluster = OneObject::new(running()).trouble(call, trouble);
                let killed = pipeline.run(&cluster).await;
                assert_eq!(killed.is_err(), call <= cluster.calls().len());
                assert!(
                    cluster.label().is_none() || cluster.status() == undisturbed.status(),
                    "no label without its status"
                );
                let cluster = cluster.healthy();
                pipeline.run(&cluster).await.unwrap();
                assert_eq!(
                    cluster.status(),
                    undisturbed.status(),
                    "{trouble:?} at call {call}, {control}"
                );
                assert_eq!(cluster.label(), undisturbed.label());
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn eight_at_once_lose_no_key() {
    let pipelines: Vec<_> =
        (0..8).map(|n| Pipeline::new().reports(&format!("key{n}: {n}\n"))).collect();
    let cluster = OneObject::new(running()).trouble(3, Trouble::Conflict);
    let [a, b, c, d, e, f, g, h] = pipelines.as_slice() else { panic!("eight") };
    let results = tokio::join!(
        a.run_last(&cluster),
        b.run_last(&cluster),
        c.run_last(&cluster),
        d.run_last(&cluster),
        e.run_last(&cluster),
        f.run_last(&cluster),
        g.run_last(&cluster),
        h.run_last(&cluster),
    );
    let results = <[_; 8]>::from(results);
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    for n in 0..8 {
        assert_eq!(cluster.status()[format!("key{n}")], n);
    }
    assert!(cluster.calls().len() > 16, "they did meet");
}

#[tokio::test(start_paused = true)]
async fn conflicts_without_end_end_after_thirty_seconds() {
    for (verb, trouble, exit) in [
        ("status", Trouble::Conflict, Exit::Refused),
        ("get", Trouble::Lost, Exit::Unreachable),
        ("label", Trouble::Lost, Exit::Unreachable),
    ] {
        let cluster = OneObject::new(running()).on(verb).trouble(0, trouble);
        let start = tokio::time::Instant::now();
        let error = Pipeline::new().controls("suspend: true\n").run(&cluster).await.unwrap_err();
        assert!(matches!(error, StatusError::GaveUp { .. }), "{error:?}");
        assert_eq!(error.exit(), exit);
        assert!((28..=30).contains(&start.elapsed().as_secs()));
        assert_eq!(cluster.label(), None);
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_status_leaves_no_label() {
    let cluster = OneObject::new(running()).on("status").trouble(0, Trouble::Invalid);
    let pipeline = Pipeline::new().reports("a: x\n").controls("suspend: true\n");
    let error = pipeline.run(&cluster).await.unwrap_err();
    assert_eq!(error.exit(), Exit::Refused);
    assert_eq!((cluster.status(), cluster.label()), (running(), None));
    assert_eq!(cluster.calls(), ["get", "status"]);
}

#[tokio::test(start_paused = true)]
async fn a_kind_without_a_status_subresource_is_named_as_such() {
    let cluster = OneObject::new(running()).on("status").trouble(0, Trouble::NotFound);
    let error = Pipeline::new().controls("suspend: true\n").run(&cluster).await.unwrap_err();
    assert_eq!(
        report::render(&error),
        "error: widgets.example.com team-a/sample has no status subresource; nothing was written\n  \
         hint: add `subresources: {status: {}}` to the version in the object's CRD\n"
    );
    assert_eq!(error.exit(), Exit::Refused);
    assert_eq!(cluster.label(), None);
}

#[tokio::test(start_paused = true)]
async fn an_object_that_is_not_there_or_goes_is_said() {
    let gone = OneObject::new(running());
    *gone.object.lock().unwrap() = None;
    let error = Pipeline::new().reports("a: 1\n").run(&gone).await.unwrap_err();
    assert!(matches!(error, StatusError::Missing { .. }));
    assert_eq!(error.exit(), Exit::Refused);

    let goes = OneObject::new(running()).on("label").trouble(0, Trouble::NotFound);
    let error = Pipeline::new().controls("suspend: true\n").run(&goes).await.unwrap_err();
    assert!(matches!(error, StatusError::Gone { .. }));
}

#[tokio::test(start_paused = true)]
async fn a_new_object_with_the_old_name_is_left_alone() {
    let cluster = OneObject::new(running()).on("status").trouble(1, Trouble::Conflict);
    let pipeline = Pipeline::new().reports("a: 1\n");
    let is_replaced_meanwhile = async {
        while cluster.calls().len() < 2 {
            tokio::task::yield_now().await;
        }
        cluster.object.lock().unwrap().as_mut().unwrap().set_metadata("uid", "u2");
    };
    let (result, ()) = tokio::join!(pipeline.run(&cluster), is_replaced_meanwhile);
    assert!(matches!(result, Err(StatusError::Replaced { .. })), "{result:?}");
    assert_eq!(cluster.status(), running());
}

#[tokio::test(start_paused = true)]
async fn a_suspension_that_the_server_drops_is_not_labelled() {
    let cluster = OneObject::new(running()).old();
    let error = Pipeline::new().controls("suspend: true\n").run(&cluster).await.unwrap_err();
    assert!(matches!(error, StatusError::Dropped { .. }));
    assert_eq!(cluster.label(), None);
    // Without a suspension it is a warning only.
    let cluster = OneObject::new(running()).old();
    Pipeline::new().reports("a: 1\n").run(&cluster).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_suspension_without_an_entry_writes_nothing() {
    for status in [json!(null), json!({}), json!({"kratix": {"workflows": {"pipelines": []}}})] {
        let cluster = OneObject::new(status.clone());
        let pipeline = Pipeline::new().reports("a: 1\n").controls("suspend: true\n");
        let error = pipeline.run(&cluster).await.unwrap_err();
        assert_eq!(error.exit(), Exit::Refused);
        assert_eq!((cluster.status(), cluster.label()), (status, None));
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
    for (status, control) in [
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
        let cluster = OneObject::new(running());
        let pipeline = Pipeline::new().reports(status).controls(control);
        let error = pipeline.run_last(&cluster).await.unwrap_err();
        assert_eq!(error.exit(), Exit::Input, "{error:?}");
        assert!(cluster.calls().iter().all(|call| *call == "get"));
        assert_eq!((cluster.status(), cluster.label()), (running(), None));
        // Repaired, the same run works.
        pipeline.reports("a: 1\n").controls("").run_last(&cluster).await.unwrap();
        assert_eq!(cluster.status()["a"], 1);
    }
}

#[tokio::test(start_paused = true)]
async fn an_unusable_duration_is_shown_with_its_reason() {
    let cluster = OneObject::new(running());
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
    let cluster = OneObject::new(running());
    run(&context(root.path()), &cluster, &args()).await.unwrap();
    assert_eq!(cluster.calls(), ["get"]);
}
