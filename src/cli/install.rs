//! Arguments of `install`, and what it prints.

use std::path::{Path, PathBuf};

use clap::Args;

use super::AnyFault;
use super::reconcile::{RightsForm, StatusLayout};
use crate::core::promise::is_dns_label;
use crate::exit::{Exit, Fault};
use crate::files::{FileError, read};
use crate::install::{self, Options};

/// Largest file of settings: what fits into a ConfigMap.
const CONFIG_BYTES_MAX: u64 = 1_048_576;

/// Arguments of `install`; all ours.
#[derive(Debug, Args)]
pub struct Install {
    /// Image of bookend: the controller runs in it, and so do the three containers around a user's own
    #[arg(long, value_name = "IMAGE")]
    pub image: String,
    /// Secret to pull it with, in every namespace that pods run in
    #[arg(long, value_name = "NAME")]
    pub pull_secret: Option<String>,
    /// Run so many controllers; one acts, the others take its place when it ends
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=16))]
    pub replicas: u16,
    /// Where a status says how far each pipeline is
    #[arg(long, value_name = "LAYOUT", default_value = "keyed")]
    pub status_layout: StatusLayout,
    /// How much the pods of every pipeline may do
    #[arg(long, value_name = "RIGHTS", default_value = "least")]
    pub rights: RightsForm,
    /// Let the controller grant only what it has: what ClusterRoles with the label `bookend/grantable: "true"` hold
    #[arg(long)]
    pub no_escalate: bool,
    /// Do not place Works: another controller writes them to state stores
    #[arg(long)]
    pub no_placement: bool,
    /// Let the controller read Secrets in this namespace alone; may be given more than once
    #[arg(long = "secrets-in", value_name = "NAMESPACE", value_parser = namespace, conflicts_with = "no_placement")]
    pub secrets_in: Vec<String>,
    /// File with the settings of the installation: the document under the key `config` of the ConfigMap `kratix`
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

fn namespace(text: &str) -> Result<String, String> {
    match is_dns_label(text) {
        true => Ok(text.to_owned()),
        false => Err("this is no name of a namespace".to_owned()),
    }
}

/// The file with the settings is not there or cannot be read.
#[derive(Debug, thiserror::Error)]
enum ConfigFileError {
    #[error("there is no file `{}`", path.display())]
    Absent { path: PathBuf },
    #[error("failed to read the settings")]
    File { source: FileError },
    #[error("`{}` is no UTF-8 text", path.display())]
    NotText { path: PathBuf },
}

impl Fault for ConfigFileError {
    fn exit(&self) -> Exit {
        Exit::Input
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::File { source } => source.hint(),
            Self::Absent { .. } | Self::NotText { .. } => {
                Some("name a YAML file, as in docs/reconcile.md".into())
            }
        }
    }
}

/// Returns what is printed.
pub(super) fn text(args: Install) -> Result<String, AnyFault> {
    let config = args.config.as_deref().map(settings).transpose()?;
    let objects = install::objects(&Options {
        image: args.image,
        pull_secret: args.pull_secret.filter(|name| !name.is_empty()),
        replicas: args.replicas,
        rights: args.rights.into(),
        layout: args.status_layout.into(),
        escalate: !args.no_escalate,
        placement: !args.no_placement,
        secret_namespaces: args.secrets_in.into_iter().collect(),
        config,
    })?;
    Ok(install::text(&objects))
}

fn settings(path: &Path) -> Result<String, ConfigFileError> {
    let bytes = read::limited(path, CONFIG_BYTES_MAX)
        .map_err(|source| ConfigFileError::File { source })?
        .ok_or_else(|| ConfigFileError::Absent { path: path.to_owned() })?;
    String::from_utf8(bytes).map_err(|_| ConfigFileError::NotText { path: path.to_owned() })
}
