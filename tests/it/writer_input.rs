//! What the writer makes of the files it is given: selectors, workflow control, and what is missing.

use std::fs;
use std::path::Path;

use bookend::contract::kinds::WORK;
use bookend::exit::Exit;
use bookend::steps::writer::Outcome;

use crate::double::{Double, work};
use crate::pod::Pod;

#[tokio::test]
async fn suspension_and_retry_touch_no_work() {
    for control in ["suspend: true", "suspend: true\nmessage: wait", "retryAfter: 5m"] {
        let mut pod = Pod::with(&[]);
        pod.write("metadata/workflow-control.yaml", control);
        // Not even looked at.
        fs::remove_dir(pod.path("input")).unwrap();
        pod.args.limits.files_max = 0;
        let cluster = Double::with(&WORK, [work("team-a", "w", &[])]);
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
    let cluster = Double::default();
    assert_eq!(pod.written(&cluster).await.groups, 2);
    let works = cluster.works();
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
    pod.written(&Double::default()).await;
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
async fn a_missing_output_folder_is_an_error() {
    let pod = Pod::with(&[]);
    fs::remove_dir(pod.path("input")).unwrap();
    let text = pod.refused(Exit::Input).await;
    assert!(text.starts_with("error: failed to read `[ROOT]/input`\n"), "{text}");
    fs::write(pod.path("input"), "x").unwrap();
    let text = pod.refused(Exit::Input).await;
    assert!(text.starts_with("error: expected a folder at `[ROOT]/input`\n"), "{text}");
}

/// A metadata file, what it holds in turn, and whether the writer takes it.
async fn check_metadata(file: &str, contents: &[(&str, bool)]) {
    let pod = Pod::with(&[("foo/a", "1")]);
    assert!(!Path::new(&pod.path(file)).exists());
    pod.written(&Double::default()).await;
    for (content, taken) in contents {
        pod.write(file, content);
        let outcome = pod.run(&Double::default()).await;
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
