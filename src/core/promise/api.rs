//! The API of a Promise: the CRD in `spec.api` (contract.md 5.6, 9.1).

use std::borrow::Cow;

use serde_json::Value;

use crate::contract::kinds::{self, Kind};

/// The API of a Promise.
#[derive(Debug, Clone, PartialEq)]
pub struct Api {
    /// The CRD, as given.
    pub crd: Value,
    /// Kind of the requests, at the version in which they are stored.
    pub kind: Kind,
}

/// Why `spec.api` is no usable CRD.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApiError {
    /// Another kind of object.
    #[error("expected a CustomResourceDefinition of `{}`, found kind `{kind}` of `{api_version}`", kinds::CRD.api_version())]
    Kind {
        /// Its `apiVersion`.
        api_version: String,
        /// Its `kind`.
        kind: String,
    },
    /// A field that every CRD has is absent, empty, or no text.
    #[error("`{path}` is missing")]
    Missing {
        /// Where, below `spec.api`.
        path: &'static str,
    },
    /// A scope that does not exist.
    #[error("`spec.scope` is `{found}`, expected `Namespaced` or `Cluster`")]
    Scope {
        /// What it is.
        found: String,
    },
}

impl ApiError {
    /// Returns what to do next.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Kind { .. } => "put the CustomResourceDefinition itself into `spec.api`".into(),
            Self::Missing { path } => format!("set `spec.api.{path}`"),
            Self::Scope { .. } => "set `spec.api.spec.scope: Namespaced`".into(),
        })
    }
}

impl Api {
    /// Reads the CRD.
    pub fn read(crd: &Value) -> Result<Self, ApiError> {
        let text = |pointer: &str| crd.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let required = |pointer: &str, path: &'static str| match text(pointer) {
            "" => Err(ApiError::Missing { path }),
            found => Ok(Cow::Owned(found.to_owned())),
        };
        let (api_version, kind) = (text("/apiVersion"), text("/kind"));
        if kind != kinds::CRD.kind || api_version != kinds::CRD.api_version() {
            return Err(ApiError::Kind {
                api_version: api_version.to_owned(),
                kind: kind.to_owned(),
            });
        }
        let namespaced = match text("/spec/scope") {
            "Cluster" => false,
            "Namespaced" => true,
            "" => return Err(ApiError::Missing { path: "spec.scope" }),
            found => return Err(ApiError::Scope { found: found.to_owned() }),
        };
        Ok(Self {
            kind: Kind {
                group: required("/spec/group", "spec.group")?,
                version: storage_version(crd)
                    .map(|version| Cow::Owned(version.to_owned()))
                    .ok_or(ApiError::Missing { path: "spec.versions" })?,
                kind: required("/spec/names/kind", "spec.names.kind")?,
                plural: required("/spec/names/plural", "spec.names.plural")?,
                namespaced,
            },
            crd: crd.clone(),
        })
    }

    /// Returns the name that its CRD must have: plural and group.
    pub fn crd_name(&self) -> String {
        format!("{}.{}", self.kind.plural, self.kind.group)
    }
}

/// Returns the name of the version with `storage: true`, else of the first.
fn storage_version(crd: &Value) -> Option<&str> {
    let versions = crd.pointer("/spec/versions")?.as_array()?;
    versions
        .iter()
        .find(|version| version.get("storage") == Some(&Value::Bool(true)))
        .or_else(|| versions.first())?
        .get("name")?
        .as_str()
        .filter(|name| !name.is_empty())
}
