//! Refuses a change of an API that would lose requests.

use serde_json::Value;

use crate::contract::{Object, labels};

/// Why a CRD must not be applied over the one that is there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChangeError {
    /// The CRD belongs to another Promise.
    #[error("the API `{crd}` belongs to Promise `{owner}`")]
    Taken {
        /// Name of the CRD.
        crd: String,
        /// The other Promise.
        owner: String,
    },
    /// The CRD belongs to no Promise.
    #[error("the API `{crd}` is in the cluster already and belongs to no Promise")]
    Foreign {
        /// Name of the CRD.
        crd: String,
        /// Name of the Promise.
        promise: String,
    },
    /// A field that cannot change while there are requests.
    #[error("`spec.api.{path}` is `{wanted}`, but the API in the cluster has `{found}`")]
    Fixed {
        /// Where, below `spec.api`.
        path: &'static str,
        /// What it is now.
        wanted: String,
        /// What it was.
        found: String,
    },
    /// A version in which requests are stored is no more.
    #[error("`spec.api.spec.versions` lacks `{version}`, in which requests are stored")]
    StoredVersion {
        /// The version.
        version: String,
    },
    /// The Promise has no API any more.
    #[error("`spec.api` is gone, but the API `{crd}` is in the cluster")]
    Removed {
        /// Name of the CRD.
        crd: String,
    },
    /// The Promise has another API.
    #[error("`spec.api` is now `{wanted}`, but the API `{crd}` is in the cluster")]
    Renamed {
        /// Name of the CRD.
        crd: String,
        /// Name of the new one.
        wanted: String,
    },
}

impl ChangeError {
    /// Returns what to do next.
    pub fn hint(&self) -> String {
        match self {
            Self::Taken { .. } => {
                "delete this Promise, and apply it again with another plural or group of its API"
                    .into()
            }
            Self::Foreign { crd, promise } => format!(
                "delete this Promise, and apply it again with another plural or group; or hand it over, which also lets it go with the Promise: \
                 `kubectl label crd {crd} {}={promise}`",
                labels::PROMISE_NAME
            ),
            Self::Fixed { path, found, .. } => format!(
                "set `spec.api.{path}: {found}` again; for another API make another Promise"
            ),
            Self::StoredVersion { version } => format!(
                "put `{version}` back, with `served: false` if nobody shall use it; once every request is stored in \
                 another version, take it out of `status.storedVersions` of the CRD"
            ),
            Self::Removed { .. } => {
                "put `spec.api` back, or delete the Promise, which deletes its requests too".into()
            }
            Self::Renamed { crd, .. } => {
                format!(
                    "set `spec.api.metadata.name: {crd}` again; for another API make another Promise"
                )
            }
        }
    }
}

/// Checks that applying `wanted` over `existing` loses nothing.
///
/// `existing` are the CRDs that carry the Promise's name, and the one of `wanted`'s name; `wanted` is `None` for a Promise
/// without API.
pub fn check_change(
    promise: &str,
    wanted: Option<&Object>,
    existing: &[Object],
) -> Result<(), ChangeError> {
    for crd in existing {
        let name = crd.name().to_owned();
        let owner = crd.label(labels::PROMISE_NAME);
        match wanted {
            Some(wanted) if wanted.name() == crd.name() => match owner {
                Some(owner) if owner == promise => check_same(wanted, crd)?,
                Some(owner) => {
                    return Err(ChangeError::Taken { crd: name, owner: owner.to_owned() });
                }
                None => {
                    return Err(ChangeError::Foreign { crd: name, promise: promise.to_owned() });
                }
            },
            _ if owner != Some(promise) || is_going(crd) => {}
            Some(wanted) => {
                return Err(ChangeError::Renamed { crd: name, wanted: wanted.name().to_owned() });
            }
            None => return Err(ChangeError::Removed { crd: name }),
        }
    }
    Ok(())
}

fn is_going(crd: &Object) -> bool {
    crd.text_at(&["metadata", "deletionTimestamp"]).is_some()
}

fn check_same(wanted: &Object, existing: &Object) -> Result<(), ChangeError> {
    for (path, keys) in [
        ("spec.group", &["spec", "group"][..]),
        ("spec.scope", &["spec", "scope"]),
        ("spec.names.kind", &["spec", "names", "kind"]),
        ("spec.names.plural", &["spec", "names", "plural"]),
    ] {
        let text = |crd: &Object| crd.text_at(keys).unwrap_or_default().to_owned();
        let (wanted, found) = (text(wanted), text(existing));
        if wanted != found {
            return Err(ChangeError::Fixed { path, wanted, found });
        }
    }
    let stored = existing.at(&["status", "storedVersions"]).and_then(Value::as_array);
    let versions = wanted.at(&["spec", "versions"]).and_then(Value::as_array);
    let has = |name: &str| {
        versions.into_iter().flatten().any(|one| one.get("name").is_some_and(|found| found == name))
    };
    match stored.into_iter().flatten().filter_map(Value::as_str).find(|name| !has(name)) {
        Some(version) => Err(ChangeError::StoredVersion { version: version.to_owned() }),
        None => Ok(()),
    }
}
