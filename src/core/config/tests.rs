//! Settings, each with what it becomes.

use std::error::Error as _;

use serde_json::json;

use super::*;

fn read(value: &Value) -> Config {
    Config::from_value(value).unwrap()
}

#[test]
fn an_empty_document_differs_from_none_in_the_security_settings_only() {
    for value in [json!({}), Value::Null, json!({"unknown": {"key": 1}})] {
        let expected = Config { container_security_context: Some(json!({})), ..Config::default() };
        assert_eq!(read(&value), expected);
    }
}

#[test]
fn every_setting_is_read() {
    let config = read(&json!({
        "workflows": {
            "defaultContainerSecurityContext": {"runAsUser": 7},
            "defaultImagePullPolicy": "Never",
            "defaultContainerResources": {"limits": {"cpu": 1}},
            "jobOptions": {"defaultBackoffLimit": 0, "podTTLSecondsAfterFinished": 60},
            "reconcileAfterFailure": false,
        },
        "numberOfJobsToKeep": 2,
        "reconciliationInterval": "90m",
        "stateStoreReconciliationInterval": "20m",
        "git": {"minimumFetchInterval": "0s", "commits": {
            "message": "{promise}", "deleteMessage": "gone", "together": true,
            "author": {"name": "{work}", "email": "a@b"}, "trailers": {"Ticket": "{annotation:t}"},
            "signingKeySecretRef": {"name": "signer", "namespace": "platform"},
        }},
        "bookend": {"jobDeadlineSeconds": 600, "volumeSizeLimit": "1Gi", "statusSidecar": {
            "enabled": true, "failure": {"lines": 1000, "bytes": 100},
        }},
    }));
    let expected = Config {
        container_security_context: Some(json!({"runAsUser": 7})),
        image_pull_policy: "Never".into(),
        container_resources: json!({"limits": {"cpu": "1"}}),
        backoff_limit: Some(0),
        pod_ttl_after_finished: Some(SignedDuration::from_mins(1)),
        reconcile_after_failure: false,
        jobs_kept: 2,
        reconciliation_interval: SignedDuration::from_mins(90),
        state_store_interval: Some(SignedDuration::from_mins(20)),
        git_fetch_interval: SignedDuration::ZERO,
        commits: CommitTexts {
            message: "{promise}".into(),
            delete_message: "gone".into(),
            author: AuthorTexts { name: "{work}".into(), email: "a@b".into() },
            trailers: [("Ticket".to_owned(), "{annotation:t}".to_owned())].into(),
            together: true,
            signing_key_secret_ref: SecretName {
                name: "signer".into(),
                namespace: "platform".into(),
            },
        },
        job_deadline: Some(SignedDuration::from_mins(10)),
        volume_size: Some("1Gi".into()),
        status_sidecar: sidecar::Settings {
            is_enabled: true,
            words: sidecar::Words { lines: 80, bytes: 100 },
        },
        ignored: Vec::new(),
    };
    assert_eq!(config, expected);
}

#[test]
fn what_cannot_be_used_is_told_and_the_default_holds() {
    let config = read(&json!({
        "numberOfJobsToKeep": -1,
        "workflows": {"jobOptions": {"podTTLSecondsAfterFinished": 0}},
        "resourceBindingVersionStrategy": "pinned",
        "logging": {"level": "debug"},
        "telemetry": null,
    }));
    let expected = [
        "`numberOfJobsToKeep` cannot be used: 5 are kept",
        "`workflows.jobOptions.podTTLSecondsAfterFinished` cannot be used: pods are kept",
        "`logging` has no effect: flags and variables set the log (docs/cli.md)",
        "`resourceBindingVersionStrategy` has no effect: every request follows its Promise",
    ];
    assert_eq!(config.ignored, expected);
    assert_eq!(config.jobs_kept, 5);
    assert_eq!(config.pod_ttl_after_finished, None);
    assert_eq!(read(&json!({"numberOfJobsToKeep": 0})).ignored, Vec::<String>::new());
}

#[test]
fn times_of_state_stores_may_be_0_or_nonsense() {
    let times = |interval: &str, fetch: &str| {
        let config = read(&json!({
            "stateStoreReconciliationInterval": interval, "git": {"minimumFetchInterval": fetch},
        }));
        (config.state_store_interval, config.git_fetch_interval)
    };
    let (hours, seconds) = (SignedDuration::from_hours(10), SignedDuration::from_secs(5));
    assert_eq!(times("", ""), (Some(hours), seconds));
    assert_eq!(times("0", "-1s"), (None, seconds));
    assert_eq!(
        times("1m", "1m"),
        (Some(SignedDuration::from_mins(1)), SignedDuration::from_mins(1))
    );
}

#[test]
fn what_is_wrong_is_named() {
    for (document, expected) in [
        (
            json!([]),
            "failed to read the configuration: `the document`: expected a map, found a list",
        ),
        (json!({"workflows": "x"}), "failed to read the configuration: `workflows`"),
        (
            json!({"numberOfJobsToKeep": "5"}),
            "failed to read the configuration: `numberOfJobsToKeep`",
        ),
        (
            json!({"reconciliationInterval": "10"}),
            "failed to read the duration `reconciliationInterval`: the unit is missing",
        ),
        (
            json!({"reconciliationInterval": "-1h"}),
            "`reconciliationInterval` is `-1h`, expected a duration above 0",
        ),
        (
            json!({"workflows": {"defaultContainerSecurityContext": 1}}),
            "failed to read the configuration: `workflows.defaultContainerSecurityContext`",
        ),
        (
            json!({"workflows": {"defaultImagePullPolicy": "never"}}),
            "`workflows.defaultImagePullPolicy` is `never`, expected `Always`, `IfNotPresent` or `Never`",
        ),
        (
            json!({"workflows": {"jobOptions": {"defaultBackoffLimit": -1}}}),
            "`workflows.jobOptions.defaultBackoffLimit` is `-1`, expected a number, 0 or more",
        ),
        (
            json!({"git": {"commits": {"trailers": ["a"]}}}),
            "failed to read the configuration: `git.commits.trailers`",
        ),
        (
            json!({"git": {"commits": {"together": "yes"}}}),
            "failed to read the configuration: `git.commits.together`",
        ),
        (
            json!({"bookend": {"jobDeadlineSeconds": 0}}),
            "`bookend.jobDeadlineSeconds` is `0`, expected a number of seconds above 0",
        ),
    ] {
        let error = Config::from_value(&document).unwrap_err();
        let mut told = error.to_string();
        if let Some(source) = error.source() {
            told = format!("{told}: {source}");
        }
        assert!(told.starts_with(expected), "{document}: {told}");
    }
}
