//! Arguments of `reconcile`, and what it is told by them.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::args::Common;
use super::{AnyFault, settings};
use crate::cluster::live::LiveCluster;
use crate::contract::{env, kinds};
use crate::core::pipeline::Adapter;
use crate::core::rbac::Rights;
use crate::core::workflow::Layout;
use crate::exit::{Exit, Fault};
use crate::reconcile::{self, Metrics, Placement, Settings};

/// Arguments of `reconcile`; the two that Kratix' own controller reads are read from its variables.
#[derive(Debug, Args)]
pub struct Reconcile {
    /// Namespace of the installation
    #[arg(long, env = "BOOKEND_NAMESPACE", value_name = "NAMESPACE", default_value = kinds::SYSTEM_NAMESPACE)]
    pub namespace: String,
    /// Image of the three containers around the user's own
    #[arg(long, env = env::ADAPTER_IMAGE, value_name = "IMAGE")]
    pub adapter_image: String,
    /// Secret to pull it with
    #[arg(long, env = env::ADAPTER_PULL_SECRET, value_name = "NAME", default_value = "", hide_default_value = true)]
    pub pull_secret: String,
    /// Where a status says how far each pipeline is
    #[arg(long, env = "BOOKEND_STATUS_LAYOUT", value_name = "LAYOUT", default_value = "keyed")]
    pub status_layout: StatusLayout,
    /// How much the pods of every pipeline may do
    #[arg(long, env = "BOOKEND_RIGHTS", value_name = "RIGHTS", default_value = "least")]
    pub rights: RightsForm,
    /// Look at so many Promises at once
    #[arg(long, env = "BOOKEND_PROMISE_WORKERS", value_name = "COUNT", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub promise_workers: u16,
    /// Look at so many requests at once
    #[arg(long, env = "BOOKEND_REQUEST_WORKERS", value_name = "COUNT", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub request_workers: u16,
    /// Let so many workflows run at once
    #[arg(long, env = "BOOKEND_MAX_RUNNING", value_name = "COUNT", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    pub max_running: u32,
    /// Leave Works and state stores to another scheduler
    #[arg(long, env = "BOOKEND_NO_PLACEMENT")]
    pub no_placement: bool,
    /// How one of several Destinations is chosen for a request
    #[arg(long, env = "BOOKEND_CHOOSER", value_name = "CHOOSER", default_value = "stable")]
    pub chooser: Chooser,
    /// Look at so many Works, Destinations and state stores at once
    #[arg(long, env = "BOOKEND_PLACEMENT_WORKERS", value_name = "COUNT", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub placement_workers: u16,
    /// Keep copies of repositories below this folder; the system's own for temporary files by default
    #[arg(long, env = "BOOKEND_SCRATCH", value_name = "DIR")]
    pub scratch: Option<PathBuf>,
    /// Name of the Lease that only one of several holds
    #[arg(long, env = "BOOKEND_LEASE", value_name = "NAME", default_value = "bookend")]
    pub lease: String,
    /// Take no Lease: there is no other one
    #[arg(long, env = "BOOKEND_ALONE")]
    pub alone: bool,
    /// Our name, in events and in the Lease; in a pod that of the pod
    #[arg(
        long,
        env = "HOSTNAME",
        value_name = "NAME",
        default_value = "",
        hide_default_value = true,
        hide_env_values = true
    )]
    pub instance: String,
    /// Answer `/healthz`, `/readyz` and `/metrics` here; `none` for nowhere
    #[arg(long, env = "BOOKEND_LISTEN", value_name = "ADDRESS", default_value = "0.0.0.0:8080", value_parser = listen)]
    pub listen: Listen,
}

/// An address to listen at, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listen(pub Option<SocketAddr>);

fn listen(text: &str) -> Result<Listen, String> {
    if text == "none" {
        return Ok(Listen(None));
    }
    let address = text.strip_prefix(':').map(|port| format!("0.0.0.0:{port}"));
    let address = address.as_deref().unwrap_or(text).parse();
    address
        .map(|address| Listen(Some(address)))
        .map_err(|_| "an IP address and a port are wanted, as in `127.0.0.1:8080`".to_owned())
}

/// How statuses are laid out (docs/reconcile.md).
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StatusLayout {
    /// One list of pipelines for each action
    Keyed,
    /// One list, and counters: as Kratix writes it today
    Flat,
}

impl From<StatusLayout> for Layout {
    fn from(layout: StatusLayout) -> Self {
        match layout {
            StatusLayout::Keyed => Self::Keyed,
            StatusLayout::Flat => Self::Flat,
        }
    }
}

/// Rights of pods (docs/reconcile.md).
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RightsForm {
    /// What they need
    Least,
    /// What Kratix gives
    Kratix,
}

impl From<RightsForm> for Rights {
    fn from(rights: RightsForm) -> Self {
        match rights {
            RightsForm::Least => Self::Least,
            RightsForm::Kratix => Self::Kratix,
        }
    }
}

/// How a Destination is chosen (docs/reconcile.md).
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Chooser {
    /// The same request comes to the same place, and all are used evenly
    Stable,
    /// By chance, as Kratix does
    Random,
}

/// It works on an API server only.
#[derive(Debug, thiserror::Error)]
#[error("`reconcile` needs an API server, and `--cluster` names a folder")]
struct OnFolder;

impl Fault for OnFolder {
    fn exit(&self) -> Exit {
        Exit::Usage
    }

    fn hint(&self) -> Option<String> {
        Some("leave `--cluster` (`BOOKEND_CLUSTER`) out, or use `bookend run`".into())
    }
}

/// Reconciles until `stop` ends.
pub(super) async fn run(
    common: &Common,
    args: Reconcile,
    stop: impl Future<Output = &'static str>,
) -> Result<Exit, AnyFault> {
    if common.cluster.is_some() {
        return Err(OnFolder.into());
    }
    let metrics = Metrics::default();
    let counted = metrics.clone();
    let policy = settings::refusals(common, reconcile::retry_policy());
    let cluster = LiveCluster::connect(policy).await?.telling(move |call| counted.call(call));
    reconcile::run(told(args), cluster, metrics, stop).await?;
    Ok(Exit::Done)
}

fn told(args: Reconcile) -> Settings {
    Settings {
        namespace: args.namespace,
        adapter: Adapter {
            image: args.adapter_image,
            pull_secret: Some(args.pull_secret).filter(|name| !name.is_empty()),
        },
        layout: args.status_layout.into(),
        rights: args.rights.into(),
        promise_workers: args.promise_workers.into(),
        request_workers: args.request_workers.into(),
        running_max: args.max_running as usize,
        placement: (!args.no_placement).then(|| Placement {
            workers: args.placement_workers.into(),
            is_random: args.chooser == Chooser::Random,
            scratch: args.scratch.unwrap_or_else(std::env::temp_dir),
        }),
        lease: (!args.alone).then_some(args.lease),
        times: None,
        listen: args.listen.0,
        instance: if args.instance.is_empty() { "bookend".to_owned() } else { args.instance },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_be_a_port_alone_or_none() {
        for (text, expected) in [
            ("none", Some(None)),
            (":8080", Some(Some("0.0.0.0:8080"))),
            ("127.0.0.1:1", Some(Some("127.0.0.1:1"))),
            ("[::]:1", Some(Some("[::]:1"))),
            ("localhost:1", None),
            ("8080", None),
        ] {
            let expected = expected.map(|address| address.map(|text| text.parse().unwrap()));
            assert_eq!(listen(text).ok().map(|listen| listen.0), expected, "{text}");
        }
    }
}
