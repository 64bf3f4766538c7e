//! What is missing between the name of a Destination and its open store, and what to do about it.

use crate::cluster::ClusterError;
use crate::contract::ObjectKey;
use crate::core::placement::{DestinationError as SetupError, StoreRef};
use crate::exit::{Exit, Fault};
use crate::store::address::AddressError;
use crate::store::credentials::{AuthMethod, CredentialsError};

/// Names that a hint tells at most.
const NAMES_MAX: usize = 10;

/// Why a Destination cannot be written to. No text holds credentials.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DestinationError {
    /// The cluster did not answer, or does not allow it.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// There is no Destination of that name.
    #[error("there is no Destination `{name}`")]
    NoDestination {
        /// The name.
        name: String,
        /// Those that there are, as far as they may be listed.
        there: Vec<String>,
    },
    /// What it says of itself cannot be followed.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// Its state store cannot be used.
    #[error("the state store of the Destination `{destination}` cannot be used")]
    Store {
        /// The Destination.
        destination: String,
        /// Why.
        source: Box<Self>,
    },
    /// There is no such state store.
    #[error("there is no {store}")]
    NoStore {
        /// Its kind and name.
        store: StoreRef,
    },
    /// A state store has a method that is none.
    #[error("{store} says nothing that can be opened")]
    Method {
        /// Its kind and name.
        store: StoreRef,
        /// Why.
        source: Box<CredentialsError>,
    },
    /// A state store says where it is in words that cannot be followed.
    #[error("{store} says nothing that can be opened")]
    Address {
        /// Its kind and name.
        store: StoreRef,
        /// Why.
        source: Box<AddressError>,
    },
    /// A state store names no Secret, and needs one.
    #[error("{store} has no `spec.secretRef.name`, which `authMethod: {method}` needs")]
    NoSecretRef {
        /// Its kind and name.
        store: StoreRef,
        /// How it is opened.
        method: AuthMethod,
    },
    /// There is no such Secret.
    #[error("there is no Secret `{}/{}`, which {store} names", secret.namespace.as_deref().unwrap_or_default(), secret.name)]
    NoSecret {
        /// Kind and name of the state store.
        store: StoreRef,
        /// The Secret.
        secret: Box<ObjectKey>,
    },
    /// A Secret does not hold what it should.
    #[error("the Secret `{}/{}` of {store} cannot be used", secret.namespace.as_deref().unwrap_or_default(), secret.name)]
    Secret {
        /// Kind and name of the state store.
        store: StoreRef,
        /// The Secret.
        secret: Box<ObjectKey>,
        /// Why.
        source: Box<CredentialsError>,
    },
}

impl Fault for DestinationError {
    fn exit(&self) -> Exit {
        match self {
            Self::Cluster(error) => error.exit(),
            Self::Store { source, .. } => source.exit(),
            Self::NoDestination { .. } => Exit::Usage,
            Self::Setup(_)
            | Self::NoStore { .. }
            | Self::Method { .. }
            | Self::Address { .. }
            | Self::NoSecretRef { .. }
            | Self::NoSecret { .. }
            | Self::Secret { .. } => Exit::Refused,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Cluster(error) => error.hint(),
            Self::NoDestination { there, .. } if there.is_empty() => {
                Some("check the name with `kubectl get destinations`".to_owned())
            }
            Self::NoDestination { there, .. } => {
                let names: Vec<&str> = there.iter().take(NAMES_MAX).map(String::as_str).collect();
                Some(format!("name one of {}", names.join(", ")))
            }
            Self::Setup(error) => Some(error.hint()),
            Self::Store { source, .. } => source.hint(),
            Self::NoStore { store } => Some(format!(
                "create it, or name another in `spec.stateStoreRef` of the Destination: `kubectl get {}`",
                store.kind().plural
            )),
            Self::Method { source, .. } | Self::Secret { source, .. } => source.hint(),
            Self::Address { source, .. } => source.hint(),
            Self::NoSecretRef { store, .. } => Some(format!(
                "set `spec.secretRef` of the {} `{}` to a Secret with its credentials",
                store.kind().kind,
                store.name
            )),
            Self::NoSecret { secret, .. } => Some(format!(
                "create it with `kubectl create secret generic -n {} {}`, or correct `spec.secretRef`",
                secret.namespace.as_deref().unwrap_or_default(),
                secret.name
            )),
        }
    }
}
