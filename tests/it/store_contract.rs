//! The stores of this machine, each through the one body of all stores.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use bookend::core::placement::StorePath;
use bookend::store::bucket::BucketStore;
use bookend::store::credentials::Credentials;
use bookend::store::dir::DirStore;
use bookend::store::failing::FailingStore;
use bookend::store::git::{CommitSettings, Commits};
use bookend::store::open::{AnyStore, Options, open};
use object_store::memory::InMemory;

use crate::store_body::{Traits, behaves_like_a_store};

#[tokio::test]
async fn a_folder_is_a_store() {
    let root = tempfile::tempdir().unwrap();
    let traits = Traits { folders: true, versions: false, atomic: false };
    behaves_like_a_store(traits, |name| DirStore::new(root.path().join(name))).await;
}

#[tokio::test]
async fn a_failing_store_that_does_not_fail_is_a_store() {
    let root = tempfile::tempdir().unwrap();
    let traits = Traits { folders: true, versions: false, atomic: false };
    let open = |name: &str| FailingStore::transparent(DirStore::new(root.path().join(name)));
    behaves_like_a_store(traits, open).await;
}

#[tokio::test]
async fn a_repository_of_this_machine_is_a_store() {
    let root = tempfile::tempdir().unwrap();
    let repositories = root.path().join("repositories");
    let scratch = root.path().join("scratch");
    std::fs::create_dir_all(&scratch).unwrap();
    let open = |name: &str| {
        let path = repositories.join(format!("{name}.git"));
        if !path.exists() {
            git2::Repository::init_bare(&path).unwrap();
        }
        let address = format!("git+file://{}#main:clusters/a", path.display());
        opened(&address, &scratch)
    };
    let traits = Traits { folders: true, versions: true, atomic: true };
    behaves_like_a_store(traits, open).await;
}

#[tokio::test]
async fn objects_in_memory_are_a_store() {
    let all: Mutex<BTreeMap<String, Arc<InMemory>>> = Mutex::default();
    let open = |name: &str| {
        let objects = all.lock().unwrap().entry(name.to_owned()).or_default().clone();
        BucketStore::over(objects, format!("memory {name}"), StorePath::exact("a/b").unwrap())
    };
    let traits = Traits { folders: false, versions: false, atomic: false };
    behaves_like_a_store(traits, open).await;
}

/// Opens a store as `--to` does.
fn opened(address: &str, scratch: &Path) -> AnyStore {
    let commits = Commits::new(CommitSettings::default()).unwrap();
    let options = Options::new(scratch, commits);
    open(&address.parse().unwrap(), &Credentials::Ambient, &options).unwrap()
}
