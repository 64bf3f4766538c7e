//! The settings of a Kratix installation: the ConfigMap `kratix`, key `config` (contract.md 11).

use jiff::SignedDuration;
use k8s_openapi::api::core::v1::{ResourceRequirements, SecurityContext};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::control::{DurationError, parse_go_duration};
use super::strict::{self, StrictError};

/// Jobs kept of each pipeline when nothing else is said.
const JOBS_KEPT: u32 = 5;
/// Time after which workflows run again when nothing else is said.
const INTERVAL: SignedDuration = SignedDuration::from_hours(10);

/// What an installation sets for all Promises. The default is that of one without the ConfigMap.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Security settings of a user's container without own; `None` sets nothing at all.
    pub container_security_context: Option<Value>,
    /// When to pull images: of Kratix's containers, and of a user's without own. Empty sets nothing.
    pub image_pull_policy: String,
    /// Requests and limits: of Kratix's containers, and of a user's without own.
    pub container_resources: Value,
    /// How often a failed pod is tried again, for a pipeline without own; `None` leaves it to Kubernetes.
    pub backoff_limit: Option<i32>,
    /// How long the pods of a finished Job stay; `None` for as long as the Job.
    pub pod_ttl_after_finished: Option<SignedDuration>,
    /// Whether a failed workflow runs again after the interval.
    pub reconcile_after_failure: bool,
    /// How many Jobs are kept of each pipeline.
    pub jobs_kept: u32,
    /// After which time workflows run again without a change.
    pub reconciliation_interval: SignedDuration,
    /// Whether a new request follows the latest version of its Promise (otherwise it stays at the one it met).
    pub follow_latest_version: bool,
    /// Whether the dry run of requests is on.
    pub dry_run: bool,
    /// What was found and not used, a sentence each.
    pub ignored: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            container_security_context: None,
            image_pull_policy: String::new(),
            container_resources: json!({
                "requests": {"cpu": "100m", "memory": "128Mi", "ephemeral-storage": "128Mi"},
                "limits": {"cpu": "200m", "memory": "256Mi", "ephemeral-storage": "256Mi"},
            }),
            backoff_limit: None,
            pod_ttl_after_finished: None,
            reconcile_after_failure: true,
            jobs_kept: JOBS_KEPT,
            reconciliation_interval: INTERVAL,
            follow_latest_version: true,
            dry_run: false,
            ignored: Vec::new(),
        }
    }
}

/// A document that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A value of the wrong type.
    #[error("failed to read the configuration")]
    Shape {
        /// What is wrong.
        source: StrictError,
    },
    /// A text that is no Go duration.
    #[error("failed to read the duration `{key}`")]
    Interval {
        /// Which key.
        key: &'static str,
        /// Why it is none.
        source: DurationError,
    },
}

impl ConfigError {
    /// Returns what to do next.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Shape { source } => source.hint(),
            Self::Interval { source, .. } => Some(source.hint()),
        }
    }
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Document {
    workflows: Workflows,
    number_of_jobs_to_keep: i64,
    reconciliation_interval: String,
    resource_binding_version_strategy: String,
    feature_flags: FeatureFlags,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Workflows {
    default_container_security_context: SecurityContext,
    default_image_pull_policy: String,
    default_container_resources: Option<ResourceRequirements>,
    job_options: JobOptions,
    reconcile_after_failure: Option<bool>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct JobOptions {
    default_backoff_limit: Option<i32>,
    pod_ttl_seconds_after_finished: Option<i32>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct FeatureFlags {
    dry_run: bool,
}

impl Config {
    /// Reads the document under the key `config`; keys that nobody knows are passed over, as Kratix does.
    ///
    /// A document without security settings is not the same as no document: it gives every container empty ones.
    pub fn from_value(value: &Value) -> Result<Self, ConfigError> {
        let document: Document =
            strict::decode_known(value).map_err(|source| ConfigError::Shape { source })?;
        let workflows = document.workflows;
        let defaults = Self::default();
        let mut config = Self {
            container_security_context: Some(
                to_json(&workflows.default_container_security_context)
                    .unwrap_or_else(|| Value::Object(Map::new())),
            ),
            image_pull_policy: workflows.default_image_pull_policy,
            container_resources: workflows
                .default_container_resources
                .and_then(|resources| to_json(&resources))
                .unwrap_or(defaults.container_resources),
            backoff_limit: workflows.job_options.default_backoff_limit,
            reconcile_after_failure: workflows.reconcile_after_failure.unwrap_or(true),
            dry_run: document.feature_flags.dry_run,
            ..Self::default()
        };
        config.set_jobs_kept(document.number_of_jobs_to_keep);
        config.set_pod_ttl(workflows.job_options.pod_ttl_seconds_after_finished);
        config.set_interval(&document.reconciliation_interval)?;
        config.set_version_strategy(&document.resource_binding_version_strategy);
        Ok(config)
    }

    fn set_jobs_kept(&mut self, number: i64) {
        match u32::try_from(number) {
            Ok(0) => {}
            Ok(number) => self.jobs_kept = number,
            Err(_) => self.ignore("numberOfJobsToKeep", &format!("{JOBS_KEPT} are kept")),
        }
    }

    fn set_pod_ttl(&mut self, seconds: Option<i32>) {
        match seconds {
            None => {}
            Some(seconds @ 1..) => {
                self.pod_ttl_after_finished = Some(SignedDuration::from_secs(seconds.into()));
            }
            Some(_) => {
                self.ignore("workflows.jobOptions.podTTLSecondsAfterFinished", "pods are kept");
            }
        }
    }

    fn set_interval(&mut self, text: &str) -> Result<(), ConfigError> {
        const KEY: &str = "reconciliationInterval";
        if !text.is_empty() {
            self.reconciliation_interval = parse_go_duration(text)
                .map_err(|source| ConfigError::Interval { key: KEY, source })?;
        }
        Ok(())
    }

    fn set_version_strategy(&mut self, strategy: &str) {
        match strategy {
            "" | "floating" => {}
            "pinned" => self.follow_latest_version = false,
            _ => self.ignore("resourceBindingVersionStrategy", "`floating` holds"),
        }
    }

    fn ignore(&mut self, key: &str, instead: &str) {
        self.ignored.push(format!("`{key}` cannot be used: {instead}"));
    }
}

fn to_json<T: serde::Serialize>(value: &T) -> Option<Value> {
    serde_json::to_value(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &Value) -> Config {
        Config::from_value(value).unwrap()
    }

    #[test]
    fn an_empty_document_differs_from_none_in_the_security_settings_only() {
        for value in [json!({}), Value::Null, json!({"unknown": {"key": 1}})] {
            let expected =
                Config { container_security_context: Some(json!({})), ..Config::default() };
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
            "resourceBindingVersionStrategy": "pinned",
            "featureFlags": {"dryRun": true, "promiseUpgrade": 1},
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
            follow_latest_version: false,
            dry_run: true,
            ignored: Vec::new(),
        };
        assert_eq!(config, expected);
    }

    #[test]
    fn what_cannot_be_used_is_told_and_the_default_holds() {
        let config = read(&json!({
            "numberOfJobsToKeep": -1,
            "workflows": {"jobOptions": {"podTTLSecondsAfterFinished": 0}},
            "resourceBindingVersionStrategy": "sinking",
        }));
        assert_eq!(config.ignored.len(), 3);
        assert_eq!(config.jobs_kept, 5);
        assert_eq!(config.pod_ttl_after_finished, None);
        assert!(config.follow_latest_version);
        assert_eq!(read(&json!({"numberOfJobsToKeep": 0})).ignored, Vec::<String>::new());
    }

    #[test]
    fn a_wrong_type_is_an_error() {
        for value in [
            json!([]),
            json!({"workflows": "x"}),
            json!({"numberOfJobsToKeep": "5"}),
            json!({"reconciliationInterval": "10"}),
            json!({"workflows": {"defaultContainerSecurityContext": 1}}),
        ] {
            assert!(Config::from_value(&value).is_err(), "{value}");
        }
    }
}
