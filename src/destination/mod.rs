//! Finds out from a cluster where a Destination is and with which credentials, and opens its store.

pub mod commits;
mod error;
pub mod lease;

use crate::cluster::Reads;
use crate::contract::{Kind, Object, ObjectKey, kinds};
use crate::core::placement::{DestinationSeen, Setup, StoreRef};
use crate::store::address::Address;
use crate::store::credentials::{AuthMethod, Credentials, secret_data};

pub use error::DestinationError;

/// Namespace of a Secret that a state store names without one (contract.md 5.4).
const SECRET_NAMESPACE: &str = "default";
/// In a place of its own, so that a call can be made twice.
const DESTINATIONS: &Kind = &kinds::DESTINATION;

/// A Destination with all that is needed to write to it.
#[derive(Debug)]
pub struct Found {
    /// The Destination.
    pub destination: Object,
    /// How files are written to it.
    pub setup: Setup,
    /// Where its state store is.
    pub place: Place,
}

/// Where a state store is, and what opens it.
#[derive(Debug)]
pub struct Place {
    /// The GitStateStore or BucketStateStore.
    pub store: Object,
    /// Where it is.
    pub address: Address,
    /// What opens it.
    pub credentials: Credentials,
}

/// Finds a Destination, its state store and its Secret, in three requests.
///
/// # Errors
/// Whichever of them is missing, may not be read, or cannot be used.
pub async fn find(cluster: &impl Reads, name: &str) -> Result<Found, DestinationError> {
    let Some(destination) = cluster.get(&DESTINATIONS.object(None, name)).await? else {
        // Only for the hint: who may read one may not list all.
        let there = cluster.list_metadata(DESTINATIONS, None, &[]).await.unwrap_or_default();
        let there = there.iter().map(|one| one.name().to_owned()).collect();
        return Err(DestinationError::NoDestination { name: name.to_owned(), there });
    };
    let setup = DestinationSeen::from_object(&destination).setup?;
    let place = find_store(cluster, &setup.store).await.map_err(|source| {
        DestinationError::Store { destination: name.to_owned(), source: Box::new(source) }
    })?;
    Ok(Found { destination, setup, place })
}

/// Finds a state store and its Secret, in two requests.
///
/// # Errors
/// Whichever of them is missing, may not be read, or cannot be used.
pub async fn find_store(cluster: &impl Reads, store: &StoreRef) -> Result<Place, DestinationError> {
    let missing = || DestinationError::NoStore { store: store.clone() };
    let key = store.kind().object(None, &store.name);
    let object = cluster.get(&key).await?.ok_or_else(missing)?;
    let secret = match secret_of(store, &object)? {
        Some(key) => cluster.get(&key).await?,
        None => None,
    };
    place(store, object, secret.as_ref())
}

/// Returns the Secret that a state store needs; `None` when it needs none.
///
/// # Errors
/// When it needs one and names none, or has a method that is none.
pub fn secret_of(store: &StoreRef, object: &Object) -> Result<Option<ObjectKey>, DestinationError> {
    let method = method(store, object)?;
    if method == AuthMethod::Iam {
        return Ok(None);
    }
    let named = |field| object.text_at(&["spec", "secretRef", field]);
    let Some(name) = named("name") else {
        return Err(DestinationError::NoSecretRef { store: store.clone(), method });
    };
    let namespace = named("namespace").unwrap_or(SECRET_NAMESPACE);
    Ok(Some(kinds::SECRET.object(Some(namespace), name)))
}

/// Puts together what a state store and its Secret say.
///
/// # Errors
/// When the Secret is needed and not there, and when what they say cannot be used.
pub fn place(
    store: &StoreRef,
    object: Object,
    secret: Option<&Object>,
) -> Result<Place, DestinationError> {
    let address = match store.is_bucket {
        true => Address::of_bucket_state_store(&object),
        false => Address::of_git_state_store(&object),
    };
    let address = address.map_err(|source| DestinationError::Address {
        store: store.clone(),
        source: Box::new(source),
    })?;
    let unusable = |secret: &ObjectKey| {
        let (store, secret) = (store.clone(), secret.clone());
        move |source| DestinationError::Secret {
            store,
            secret: Box::new(secret),
            source: Box::new(source),
        }
    };
    let credentials = match secret_of(store, &object)? {
        None => Credentials::Ambient,
        Some(key) => {
            let missing = || DestinationError::NoSecret {
                store: store.clone(),
                secret: Box::new(key.clone()),
            };
            let data = secret_data(secret.ok_or_else(missing)?).map_err(unusable(&key))?;
            Credentials::from_secret(method(store, &object)?, &data).map_err(unusable(&key))?
        }
    };
    Ok(Place { store: object, address, credentials })
}

fn method(store: &StoreRef, object: &Object) -> Result<AuthMethod, DestinationError> {
    let said = object.text_at(&["spec", "authMethod"]);
    let method =
        if store.is_bucket { AuthMethod::of_bucket(said) } else { AuthMethod::of_git(said) };
    method.map_err(|source| DestinationError::Method {
        store: store.clone(),
        source: Box::new(source),
    })
}
