//! Opens a state store by its address: the one place that knows all kinds of stores.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::address::{Address, GitAddress, Remote};
use super::bucket::{BucketOptions, BucketStore};
use super::credentials::Credentials;
use super::dir::DirStore;
use super::git::transport::{self, Line};
use super::git::{Commits, GitOptions, GitStore};
use super::{Applied, Listing, Store, StoreError, Trouble, bucket};
use crate::core::placement::{Change, StorePath};

/// What neither an address nor credentials say. The defaults are those of the parts.
#[derive(Debug, Clone)]
pub struct Options {
    /// The folder for scratch repositories.
    pub scratch: PathBuf,
    /// Certificates (PEM) of authorities that are trusted beside the system's.
    pub authorities: Option<Vec<u8>>,
    /// How commits are made.
    pub commits: Commits,
    /// Whether a branch that is missing is created in a repository that has others. In an empty one it always is.
    pub create_branch: bool,
    /// How old what is known of a branch may be for saying that nothing is to be done (contract.md 11).
    pub fetch_interval: Duration,
    /// How often a change of a repository is begun at most when others write at the same time.
    pub attempts_max: u32,
    /// How long it is tried at most.
    pub time_max: Duration,
    /// How long is waited for a Git server.
    pub git_timeouts: transport::Timeouts,
    /// How much is read from one.
    pub git_limits: transport::Limits,
    /// How long is waited for a bucket.
    pub bucket_timeouts: bucket::Timeouts,
}

impl Options {
    /// Returns the defaults, with a folder for scratch repositories and a way to make commits.
    pub fn new(scratch: impl Into<PathBuf>, commits: Commits) -> Self {
        let git = GitOptions::new(String::new(), StorePath::root(), commits);
        Self {
            scratch: scratch.into(),
            authorities: None,
            commits: git.commits,
            create_branch: git.create,
            fetch_interval: git.fetch_interval,
            attempts_max: git.attempts_max,
            time_max: git.time_max,
            git_timeouts: transport::Timeouts::default(),
            git_limits: transport::Limits::default(),
            bucket_timeouts: bucket::Timeouts::default(),
        }
    }

    fn git(&self, address: &GitAddress) -> GitOptions {
        GitOptions {
            branch: address.branch.clone(),
            root: address.path.clone(),
            create: self.create_branch,
            commits: self.commits.clone(),
            scratch: self.scratch.clone(),
            fetch_interval: self.fetch_interval,
            attempts_max: self.attempts_max,
            time_max: self.time_max,
        }
    }
}

/// A state store of any kind.
pub enum AnyStore {
    /// A folder of this machine.
    Dir(DirStore),
    /// A branch of a Git repository.
    Git(Box<GitStore>),
    /// A bucket.
    Bucket(Box<BucketStore>),
}

/// Opens a state store. Nothing is connected yet: what is wrong with the network shows with the first use.
///
/// # Errors
/// When the credentials are not of a kind that the address can use, or cannot be read.
pub fn open(
    address: &Address,
    credentials: &Credentials,
    options: &Options,
) -> Result<AnyStore, StoreError> {
    let refused = |trouble| StoreError { doing: "open", store: address.to_string(), trouble };
    let not_for = |what: &str| {
        refused(Trouble::Credentials(format!("{}, which is not for {what}", credentials.kind())))
    };
    match address {
        Address::Dir(path) => match credentials {
            Credentials::Ambient => Ok(AnyStore::Dir(DirStore::new(path))),
            _ => Err(not_for("a folder")),
        },
        Address::Bucket(bucket) => {
            let options = BucketOptions {
                authorities: options.authorities.clone(),
                timeouts: options.bucket_timeouts,
            };
            Ok(AnyStore::Bucket(Box::new(BucketStore::open(bucket, credentials, &options)?)))
        }
        Address::Git(git) => {
            let remote = match &git.remote {
                Remote::Https(url) | Remote::Ssh(url) => url,
                Remote::File(path) if *credentials == Credentials::Ambient => {
                    let store = GitStore::here(address.to_string(), path, options.git(git));
                    return Ok(AnyStore::Git(Box::new(store)));
                }
                Remote::File(_) => return Err(not_for("a repository of this machine")),
            };
            let settings = transport::Settings {
                authorities: options.authorities.clone(),
                timeouts: options.git_timeouts,
                limits: options.git_limits,
                plain_on_loopback: false,
            };
            let line = Line::open(remote, credentials, settings).map_err(refused)?;
            Ok(AnyStore::Git(Box::new(GitStore::remote(
                address.to_string(),
                line,
                options.git(git),
            ))))
        }
    }
}

impl Store for AnyStore {
    async fn list(&self, folder: &StorePath) -> Result<Listing, StoreError> {
        match self {
            Self::Dir(store) => store.list(folder).await,
            Self::Git(store) => store.list(folder).await,
            Self::Bucket(store) => store.list(folder).await,
        }
    }

    async fn read(&self, path: &StorePath, bytes_max: u64) -> Result<Option<Vec<u8>>, StoreError> {
        match self {
            Self::Dir(store) => store.read(path, bytes_max).await,
            Self::Git(store) => store.read(path, bytes_max).await,
            Self::Bucket(store) => store.read(path, bytes_max).await,
        }
    }

    async fn apply(
        &self,
        changes: &[Change],
        may_go_on: &(dyn Fn() -> bool + Send + Sync),
    ) -> Vec<Result<Applied, StoreError>> {
        match self {
            Self::Dir(store) => store.apply(changes, may_go_on).await,
            Self::Git(store) => store.apply(changes, may_go_on).await,
            Self::Bucket(store) => store.apply(changes, may_go_on).await,
        }
    }

    async fn prefetch(&self) {
        match self {
            Self::Git(store) => store.prefetch().await,
            Self::Dir(_) | Self::Bucket(_) => {}
        }
    }

    async fn check(&self) -> Result<(), StoreError> {
        match self {
            Self::Dir(store) => store.check().await,
            Self::Git(store) => store.check().await,
            Self::Bucket(store) => store.check().await,
        }
    }
}

impl fmt::Debug for AnyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dir(_) => "AnyStore(a folder)",
            Self::Git(_) => "AnyStore(a repository)",
            Self::Bucket(_) => "AnyStore(a bucket)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::credentials::Secret;
    use crate::store::git::CommitSettings;

    fn opened(address: &str, credentials: &Credentials) -> Result<AnyStore, StoreError> {
        let commits = Commits::new(CommitSettings::default()).unwrap();
        let scratch = tempfile::tempdir().unwrap();
        open(&address.parse().unwrap(), credentials, &Options::new(scratch.path(), commits))
    }

    #[tokio::test]
    async fn addresses_open_with_credentials_of_their_kind_only() {
        let token = Credentials::Token(Secret::new("hunter2"));
        let keys = Credentials::Keys {
            access_key_id: "id".into(),
            secret_access_key: Secret::new("hunter2"),
            session_token: None,
        };
        for (address, good, bad) in [
            ("dir:out", &Credentials::Ambient, &token),
            ("git+file:///r.git", &Credentials::Ambient, &token),
            ("git+https://host/r", &token, &keys),
            ("git+https://host/r", &Credentials::Ambient, &keys),
            ("git+ssh://host/r", &Credentials::Ambient, &token),
            ("s3://bucket/p?region=eu-west-1", &keys, &token),
        ] {
            if !address.starts_with("git+ssh") {
                opened(address, good).unwrap();
            }
            let error = opened(address, bad).unwrap_err();
            assert_eq!(error.doing, "open");
            assert!(matches!(error.trouble, Trouble::Credentials(_)), "{address}: {error:?}");
            assert!(!format!("{error:?}").contains("hunter2"));
        }
    }

    #[tokio::test]
    async fn an_opened_folder_is_written_to() {
        let folder = tempfile::tempdir().unwrap();
        let address = format!("dir:{}", folder.path().join("out").display());
        let store = opened(&address, &Credentials::Ambient).unwrap();
        let edits = vec![crate::core::placement::Edit::Whole {
            at: StorePath::exact("a/b").unwrap(),
            content: Some(crate::core::placement::Content::Bytes(b"1".as_slice().into())),
        }];
        let change = Change { name: "x".into(), edits, ..Change::default() };
        store.apply(&[change], &|| true).await.remove(0).unwrap();
        assert_eq!(std::fs::read(folder.path().join("out/a/b")).unwrap(), b"1");
        store.check().await.unwrap();
    }
}
