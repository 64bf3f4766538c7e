//! Where a state store is: a URL of the command line, or what a GitStateStore or BucketStateStore says.
//!
//! An address holds no credentials: a URL that brings some is refused and never shown.

mod object;
mod parse;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::PathBuf;

use crate::core::placement::StorePath;
use crate::exit::{Exit, Fault};

/// The branch where nothing names one (contract.md 5.4).
pub const DEFAULT_BRANCH: &str = "main";

/// What addresses look like, for messages and help.
pub const FORMS: &str = "dir:PATH, git+https://HOST/REPO#BRANCH:PATH, git+ssh://USER@HOST/REPO#BRANCH:PATH, \
     git+file:///REPO.git#BRANCH:PATH, s3://BUCKET/PATH?endpoint=HOST, gs://BUCKET/PATH or az://CONTAINER/PATH?account=NAME";

/// Where a state store is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Address {
    /// A folder of this machine.
    Dir(PathBuf),
    /// A branch of a Git repository.
    Git(GitAddress),
    /// A bucket.
    Bucket(BucketAddress),
}

/// A folder in a branch of a Git repository.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct GitAddress {
    /// The repository.
    pub remote: Remote,
    /// The branch, without `refs/heads/`.
    pub branch: String,
    /// The folder that is the root of the store.
    pub path: StorePath,
}

/// A Git repository.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Remote {
    /// `https://HOST[:PORT]/PATH`.
    Https(String),
    /// `ssh://USER@HOST[:PORT]/PATH`, or `USER@HOST:PATH`, whose path is relative to the user's home.
    Ssh(String),
    /// A bare repository of this machine.
    File(PathBuf),
}

/// A folder in a bucket.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BucketAddress {
    /// Who runs it.
    pub service: Service,
    /// Its name; for Azure that of the container.
    pub bucket: String,
    /// The folder that is the root of the store. Keys never begin with `/`.
    pub path: StorePath,
    /// `HOST[:PORT]` of the service, without scheme; `None` for that of the cloud.
    pub endpoint: Option<String>,
    /// The region, where it is known.
    pub region: Option<String>,
    /// Whether the bucket stands in the path of URLs and not in the name of the host; `None`: as the endpoint suggests.
    pub path_style: Option<bool>,
    /// Plain HTTP. Only when it was asked for.
    pub insecure: bool,
    /// AWS endpoints that speak IPv6 too.
    pub dual_stack: bool,
    /// The storage account, for Azure.
    pub account: Option<String>,
}

/// Who runs a bucket, or whose protocol it speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Service {
    /// S3: AWS, MinIO and many others.
    S3,
    /// Google Cloud Storage.
    Gcs,
    /// Azure Blob Storage.
    Azure,
}

impl Service {
    /// Returns the scheme of its URLs.
    pub fn scheme(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::Gcs => "gs",
            Self::Azure => "az",
        }
    }
}

impl Address {
    /// Returns the folder of a URL or state store that is the root of the store; the root for a folder of this machine.
    pub fn path(&self) -> StorePath {
        match self {
            Self::Dir(_) => StorePath::root(),
            Self::Git(git) => git.path.clone(),
            Self::Bucket(bucket) => bucket.path.clone(),
        }
    }

    /// Names what its writers get into each other's way at: a branch, in whatever folder of it they write; else the address.
    pub fn contended(&self) -> String {
        match self {
            Self::Git(git) => GitAddress { path: StorePath::root(), ..git.clone() }.to_string(),
            Self::Dir(_) | Self::Bucket(_) => self.to_string(),
        }
    }

    /// Returns the address of a folder below it.
    ///
    /// # Errors
    /// When the path leaves the store.
    pub fn below(mut self, folder: &StorePath) -> Result<Self, AddressError> {
        let failed = |error| AddressError::new(format!("has a folder that cannot be: {error}"));
        match &mut self {
            Self::Dir(path) if !folder.is_root() => path.push(folder.as_str()),
            Self::Dir(_) => {}
            Self::Git(git) => git.path = git.path.join(folder.as_str()).map_err(failed)?,
            Self::Bucket(bucket) => {
                bucket.path = bucket.path.join(folder.as_str()).map_err(failed)?;
            }
        }
        Ok(self)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dir(path) => write!(f, "dir:{}", path.display()),
            Self::Git(git) => git.fmt(f),
            Self::Bucket(bucket) => bucket.fmt(f),
        }
    }
}

impl fmt::Display for GitAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.remote {
            Remote::Https(url) => write!(f, "git+{url}")?,
            Remote::Ssh(url) if url.starts_with("ssh://") => write!(f, "git+{url}")?,
            Remote::Ssh(short) => f.write_str(short)?,
            Remote::File(path) => write!(f, "git+file://{}", path.display())?,
        }
        write!(f, "#{}", self.branch)?;
        if self.path.is_root() { Ok(()) } else { write!(f, ":{}", self.path) }
    }
}

impl fmt::Display for BucketAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.service.scheme(), self.bucket)?;
        if !self.path.is_root() {
            write!(f, "/{}", self.path)?;
        }
        match (&self.endpoint, &self.account) {
            (Some(endpoint), _) => write!(f, " at {endpoint}"),
            (None, Some(account)) => write!(f, " of {account}"),
            (None, None) => Ok(()),
        }
    }
}

/// Why an address cannot be used. The text shows no more of it than is safe.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the address of the state store {fault}")]
pub struct AddressError {
    /// What is wrong: continues "the address of the state store …".
    fault: String,
    /// What to do about it.
    hint: String,
}

impl AddressError {
    fn new(fault: impl Into<String>) -> Self {
        Self { fault: fault.into(), hint: format!("write it as {FORMS}") }
    }

    fn with_hint(fault: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { fault: fault.into(), hint: hint.into() }
    }
}

impl Fault for AddressError {
    fn exit(&self) -> Exit {
        Exit::Usage
    }

    fn hint(&self) -> Option<String> {
        Some(self.hint.clone())
    }
}
