//! The stores of this machine, each through the one body of all stores.

use bookend::store::dir::DirStore;
use bookend::store::failing::FailingStore;

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
