//! The settings of a Kratix installation: the ConfigMap `kratix`, key `config` (contract.md 11).

mod document;
#[cfg(test)]
mod tests;

use jiff::SignedDuration;
use serde_json::{Map, Value, json};

use super::control::{DurationError, parse_go_duration};
use super::sidecar;
use super::strict::{self, StrictError};
pub use document::{AuthorTexts, CommitTexts, SecretName};
use document::{Document, Git, StatusSidecar, to_json};

/// Jobs kept of each pipeline when nothing else is said.
const JOBS_KEPT: u32 = 5;
/// Time after which workflows run again when nothing else is said.
const INTERVAL: SignedDuration = SignedDuration::from_hours(10);

/// How old what is known of a branch may be when nothing else is said.
const FETCH_INTERVAL: SignedDuration = SignedDuration::from_secs(5);

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
    /// How often a state store is looked at though nothing has changed; `None` for never.
    pub state_store_interval: Option<SignedDuration>,
    /// How old what is known of a branch may be before it is fetched again.
    pub git_fetch_interval: SignedDuration,
    /// How commits are made. Ours.
    pub commits: CommitTexts,
    /// How long a Job may run before it has failed; `None` for as long as it likes. Ours: Kratix has no limit.
    pub job_deadline: Option<SignedDuration>,
    /// How much each of the three shared volumes of a pod may hold, a quantity of Kubernetes; `None` for no limit. Ours.
    pub volume_size: Option<String>,
    /// Whether pods publish their status while they run. Ours.
    pub status_sidecar: sidecar::Settings,
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
            state_store_interval: Some(INTERVAL),
            git_fetch_interval: FETCH_INTERVAL,
            commits: CommitTexts::default(),
            job_deadline: None,
            volume_size: None,
            status_sidecar: sidecar::Settings::default(),
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
    Duration {
        /// Which key.
        key: &'static str,
        /// Why it is none.
        source: DurationError,
    },
    /// A value that Kubernetes would refuse in every Job, or that nobody could work with.
    #[error("`{key}` is `{found}`, expected {expected}")]
    Value {
        /// Which key.
        key: &'static str,
        /// What it is.
        found: String,
        /// What it should be.
        expected: &'static str,
    },
}

impl ConfigError {
    /// Returns what to do next.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Shape { source } => source.hint(),
            Self::Duration { source, .. } => Some(source.hint()),
            Self::Value { .. } => None,
        }
    }
}

/// What the kubelet keeps is the most that can be had; asking for more gets that.
fn status_sidecar(given: &StatusSidecar) -> sidecar::Settings {
    let bytes = given.failure.bytes.unwrap_or(sidecar::BYTES_MAX);
    sidecar::Settings {
        is_enabled: given.enabled,
        words: sidecar::Words {
            lines: given.failure.lines.min(sidecar::LINES_MAX),
            bytes: bytes.min(sidecar::BYTES_MAX),
        },
    }
}

impl Config {
    /// Reads the document under the key `config`; keys that nobody knows are passed over, as Kratix does, and those that
    /// Kratix knows and that have no effect here are told in [`Config::ignored`].
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
            image_pull_policy: pull_policy(workflows.default_image_pull_policy)?,
            container_resources: workflows
                .default_container_resources
                .and_then(|resources| to_json(&resources))
                .unwrap_or(defaults.container_resources),
            backoff_limit: not_negative(
                "workflows.jobOptions.defaultBackoffLimit",
                workflows.job_options.default_backoff_limit,
            )?,
            reconcile_after_failure: workflows.reconcile_after_failure.unwrap_or(true),
            status_sidecar: status_sidecar(&document.bookend.status_sidecar),
            volume_size: Some(document.bookend.volume_size_limit).filter(|size| !size.is_empty()),
            ..Self::default()
        };
        config.set_jobs_kept(document.number_of_jobs_to_keep);
        config.set_pod_ttl(workflows.job_options.pod_ttl_seconds_after_finished);
        config.set_interval(&document.reconciliation_interval)?;
        config.set_stores(&document.state_store_reconciliation_interval, &document.git)?;
        config.commits = with_whole_name(document.git.commits)?;
        config.set_job_deadline(document.bookend.job_deadline_seconds)?;
        config.ignore_known(value);
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
        if let Some(interval) = duration(KEY, text)? {
            self.reconciliation_interval = interval;
        }
        Ok(())
    }

    /// Of both, 0 has a meaning of its own: never, and always (contract.md 11).
    fn set_stores(&mut self, interval: &str, git: &Git) -> Result<(), ConfigError> {
        if let Some(read) = any_duration("stateStoreReconciliationInterval", interval)? {
            self.state_store_interval = Some(read).filter(|read| *read > SignedDuration::ZERO);
        }
        let read = any_duration("git.minimumFetchInterval", &git.minimum_fetch_interval)?;
        if let Some(read) = read.filter(|read| *read >= SignedDuration::ZERO) {
            self.git_fetch_interval = read;
        }
        Ok(())
    }

    fn set_job_deadline(&mut self, seconds: Option<i64>) -> Result<(), ConfigError> {
        const KEY: &str = "bookend.jobDeadlineSeconds";
        self.job_deadline = match seconds {
            None => None,
            Some(seconds @ 1..) => Some(SignedDuration::from_secs(seconds)),
            Some(seconds) => return Err(value(KEY, seconds, "a number of seconds above 0")),
        };
        Ok(())
    }

    /// Tells of keys that Kratix reads and that have no effect here.
    fn ignore_known(&mut self, document: &Value) {
        const WITHOUT_EFFECT: [(&str, &str); 5] = [
            ("logging", "flags and variables set the log (docs/cli.md)"),
            ("telemetry", "variables set it (docs/observability.md)"),
            (
                "selectiveCache",
                "no Secret is kept: those of state stores are read when they are needed",
            ),
            ("resourceBindingVersionStrategy", "every request follows its Promise"),
            ("featureFlags", "there are none"),
        ];
        for (key, instead) in WITHOUT_EFFECT {
            if document.get(key).is_some_and(|value| !value.is_null()) {
                self.ignored.push(format!("`{key}` has no effect: {instead}"));
            }
        }
    }

    fn ignore(&mut self, key: &str, instead: &str) {
        self.ignored.push(format!("`{key}` cannot be used: {instead}"));
    }
}

fn pull_policy(policy: String) -> Result<String, ConfigError> {
    match policy.as_str() {
        "" | "Always" | "IfNotPresent" | "Never" => Ok(policy),
        _ => {
            let expected = "`Always`, `IfNotPresent` or `Never`";
            Err(value("workflows.defaultImagePullPolicy", policy, expected))
        }
    }
}

/// A namespace alone names no Secret; commits would go unsigned that should be signed.
fn with_whole_name(commits: CommitTexts) -> Result<CommitTexts, ConfigError> {
    let SecretName { name, namespace } = &commits.signing_key_secret_ref;
    if name.is_empty() && !namespace.is_empty() {
        const KEY: &str = "git.commits.signingKeySecretRef.name";
        return Err(value(KEY, name, "the name of a Secret"));
    }
    Ok(commits)
}

fn not_negative(key: &'static str, number: Option<i32>) -> Result<Option<i32>, ConfigError> {
    match number {
        Some(number @ ..=-1) => Err(value(key, number, "a number, 0 or more")),
        number => Ok(number),
    }
}

/// Reads a time that is above 0; `None` for an empty text.
fn duration(key: &'static str, text: &str) -> Result<Option<SignedDuration>, ConfigError> {
    match any_duration(key, text)? {
        Some(read) if read <= SignedDuration::ZERO => Err(value(key, text, "a duration above 0")),
        read => Ok(read),
    }
}

/// Reads a time; `None` for an empty text.
fn any_duration(key: &'static str, text: &str) -> Result<Option<SignedDuration>, ConfigError> {
    if text.is_empty() {
        return Ok(None);
    }
    parse_go_duration(text).map(Some).map_err(|source| ConfigError::Duration { key, source })
}

fn value(key: &'static str, found: impl ToString, expected: &'static str) -> ConfigError {
    ConfigError::Value { key, found: found.to_string(), expected }
}
