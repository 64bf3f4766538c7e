//! The shape of the document.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ResourceRequirements, SecurityContext};
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Document {
    pub(super) workflows: Workflows,
    pub(super) number_of_jobs_to_keep: i64,
    pub(super) reconciliation_interval: String,
    pub(super) state_store_reconciliation_interval: String,
    pub(super) git: Git,
    pub(super) bookend: Own,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Workflows {
    pub(super) default_container_security_context: SecurityContext,
    pub(super) default_image_pull_policy: String,
    pub(super) default_container_resources: Option<ResourceRequirements>,
    pub(super) job_options: JobOptions,
    pub(super) reconcile_after_failure: Option<bool>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct JobOptions {
    pub(super) default_backoff_limit: Option<i32>,
    pub(super) pod_ttl_seconds_after_finished: Option<i32>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Git {
    pub(super) minimum_fetch_interval: String,
    pub(super) commits: CommitTexts,
}

/// How commits are made: templates that nobody has read yet (docs/repositories.md). What is empty is as in Kratix, which passes
/// all of it over.
#[derive(Deserialize, Debug, Clone, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct CommitTexts {
    /// Message of a commit that writes.
    pub message: String,
    /// Message of a commit that only deletes.
    pub delete_message: String,
    /// The author.
    pub author: AuthorTexts,
    /// Trailers: keys, and templates of their values.
    pub trailers: BTreeMap<String, String>,
    /// Whether changes that are made at once share one commit.
    pub together: bool,
    /// The Secret with the ssh key that signs commits.
    pub signing_key_secret_ref: SecretName,
}

/// Names a Secret; none when it is empty.
#[derive(Deserialize, Debug, Clone, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct SecretName {
    /// Its name.
    pub name: String,
    /// Its namespace; that of the installation when it is empty.
    pub namespace: String,
}

/// Who is named as author of a commit: templates.
#[derive(Deserialize, Debug, Clone, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct AuthorTexts {
    /// Name.
    pub name: String,
    /// Address.
    pub email: String,
}

/// Settings that Kratix does not have, and passes over.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Own {
    pub(super) job_deadline_seconds: Option<i64>,
    pub(super) volume_size_limit: String,
    pub(super) status_sidecar: StatusSidecar,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct StatusSidecar {
    pub(super) enabled: bool,
    pub(super) failure: Failure,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Failure {
    pub(super) lines: u32,
    pub(super) bytes: Option<u32>,
}

pub(super) fn to_json<T: serde::Serialize>(value: &T) -> Option<Value> {
    serde_json::to_value(value).ok()
}
