//! What a cluster needs before `bookend reconcile` can work in it, as objects and as text for `kubectl apply -f -`.
//!
//! Nothing is read from a cluster, so the same options always give the same text. Namespace and names are those of
//! Kratix (contract.md 4.6): our objects take the place of its controller.

mod deployment;
mod rights;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::contract::{Kind, Object, kinds};
use crate::core::admission;
use crate::core::config::{Config, ConfigError};
use crate::core::crd;
use crate::core::rbac::Rights;
use crate::core::workflow::Layout;
use crate::destination::commits::{self, CommitError};
use crate::exit::{Exit, Fault};
use crate::files::yaml::{self, YamlError};

/// What a namespace allows in pods: our own need no more than `restricted`, those of pipelines that say nothing of
/// security are `baseline`.
const POD_SECURITY: [(&str, &str); 3] = [
    ("pod-security.kubernetes.io/enforce", "baseline"),
    ("pod-security.kubernetes.io/audit", "restricted"),
    ("pod-security.kubernetes.io/warn", "restricted"),
];
/// Name of every object of ours, as label.
const NAME_LABEL: &str = "app.kubernetes.io/name";
/// Value of [`NAME_LABEL`].
const NAME: &str = "bookend";
/// What stands under the key `config` when nothing is given: every setting is at its default.
const NO_SETTINGS: &str = "workflows: {}\n";

/// What an installation is like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Image of the controller, and of the three containers around a user's own.
    pub image: String,
    /// Secret to pull it with, in every namespace that pods run in.
    pub pull_secret: Option<String>,
    /// How many controllers run, of which one acts.
    pub replicas: u16,
    /// How much the pods of every pipeline may do without asking.
    pub rights: Rights,
    /// How statuses are laid out.
    pub layout: Layout,
    /// Whether the controller may grant rights that it does not have (docs/reconcile.md).
    pub escalate: bool,
    /// Whether it places Works, too: without, it makes them and another controller places them.
    pub placement: bool,
    /// The namespaces in which it may read Secrets, which hold the credentials of state stores; empty for all.
    pub secret_namespaces: BTreeSet<String>,
    /// The document of settings; `None` for that of an installation without own.
    pub config: Option<String>,
}

/// Why there is nothing to install.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InstallError {
    /// Settings that are no YAML.
    #[error("failed to read the settings")]
    Yaml {
        /// Why.
        source: YamlError,
    },
    /// Settings that the controller would refuse.
    #[error("the settings cannot be used")]
    Config {
        /// Why.
        source: ConfigError,
    },
    /// Templates of commits that the controller would refuse.
    #[error("`git.commits` of the settings cannot be used")]
    Commits {
        /// Why.
        source: CommitError,
    },
    /// A key that signs commits in a Secret that the controller may not read.
    #[error(
        "`git.commits.signingKeySecretRef` is in the namespace `{namespace}`, where the controller may read no Secret"
    )]
    SigningKey {
        /// The namespace of the Secret.
        namespace: String,
    },
}

impl Fault for InstallError {
    fn exit(&self) -> Exit {
        Exit::Input
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Yaml { source } => source.hint().map(str::to_owned),
            Self::Config { source } => source.hint(),
            Self::Commits { .. } => {
                Some("docs/repositories.md says what templates and trailers may hold".to_owned())
            }
            Self::SigningKey { namespace } => Some(format!("add `--secrets-in {namespace}`")),
        }
    }
}

/// Returns everything that `bookend reconcile` needs, in the order in which it is applied.
///
/// # Errors
/// When the settings cannot be used: better here than in the log of a controller.
pub fn objects(options: &Options) -> Result<Vec<Object>, InstallError> {
    let settings = options.config.as_deref().unwrap_or(NO_SETTINGS);
    check(settings, options)?;
    let mut all = vec![namespace()];
    all.extend(crd::for_workflows());
    if options.placement {
        all.extend(crd::for_placement());
    }
    all.extend(admission::for_workflows());
    if options.placement {
        all.extend(admission::for_placement());
    }
    all.push(service_account(options));
    all.extend(rights::of_controller(options));
    all.push(config_map(settings));
    all.push(deployment::deployment(options));
    Ok(all)
}

/// Returns the objects as YAML documents.
pub fn text(objects: &[Object]) -> String {
    let documents: Vec<_> =
        objects.iter().map(|object| yaml::write(&Value::Object(object.0.clone()))).collect();
    documents.join("---\n")
}

/// Refuses settings that the controller would refuse.
fn check(settings: &str, options: &Options) -> Result<(), InstallError> {
    let documents =
        yaml::parse_objects(settings.as_bytes()).map_err(|source| InstallError::Yaml { source })?;
    let document = documents.into_iter().next().unwrap_or_default();
    let config = Config::from_value(&document.into_value())
        .map_err(|source| InstallError::Config { source })?;
    commits::check(&config.commits).map_err(|source| InstallError::Commits { source })?;
    let allowed = &options.secret_namespaces;
    let secret = commits::signing_secret(&config.commits, kinds::SYSTEM_NAMESPACE);
    match secret.and_then(|secret| secret.namespace) {
        Some(namespace) if !allowed.is_empty() && !allowed.contains(&*namespace) => {
            Err(InstallError::SigningKey { namespace })
        }
        _ => Ok(()),
    }
}

fn namespace() -> Object {
    let mut namespace = ours(&kinds::NAMESPACE, kinds::SYSTEM_NAMESPACE);
    for (label, level) in POD_SECURITY {
        namespace.set_label(label, level);
    }
    namespace
}

fn service_account(options: &Options) -> Object {
    let mut account = ours(&kinds::SERVICE_ACCOUNT, kinds::CONTROLLER);
    if let Some(secret) = &options.pull_secret {
        account.0.insert("imagePullSecrets".into(), json!([{"name": secret}]));
    }
    account
}

fn config_map(settings: &str) -> Object {
    let mut map = ours(&kinds::CONFIG_MAP, kinds::SETTINGS);
    map.0.insert("data".into(), json!({kinds::SETTINGS_KEY: settings}));
    map
}

/// An object of the installation, in its namespace where it has one.
fn ours(kind: &Kind, name: &str) -> Object {
    let mut object = Object::new(kind, Some(kinds::SYSTEM_NAMESPACE), name);
    object.set_label(NAME_LABEL, NAME);
    object
}
