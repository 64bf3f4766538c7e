//! The one body of all stores, on repositories behind https and ssh.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bookend::core::placement::{Change, Content, Edit, StorePath};
use bookend::store::credentials::{Credentials, Secret};
use bookend::store::git::{CommitSettings, Commits};
use bookend::store::open::{AnyStore, Options, open};
use bookend::store::{Store as _, Trouble};

use super::{BASIC, Https, basic};
use crate::remotes::https::Then;
use crate::remotes::repository::Repository;
use crate::remotes::ssh::Sshd;
use crate::store_body::{Traits, behaves_like_a_store};

const TRAITS: Traits = Traits { folders: true, versions: true, atomic: true };

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repository_behind_https_is_a_store() {
    let https = Https::start();
    https.server.let_in(BASIC);
    let scratch = tempfile::tempdir().unwrap();
    let repositories = Mutex::new(BTreeMap::new());
    let open = |name: &str| -> AnyStore {
        made(&repositories, name, https.root.path());
        let mut options = options(scratch.path());
        options.authorities = https.settings.authorities.clone();
        let url = https.server.url(&format!("{name}.git"));
        let address = format!("git+{url}#main:in/here").parse().unwrap();
        open(&address, &basic("me", "secret"), &options).unwrap()
    };
    behaves_like_a_store(TRAITS, open).await;
    are_sound(&repositories);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs sshd: tests/stores/run"]
async fn a_repository_behind_ssh_is_a_store() {
    let folder = tempfile::tempdir().unwrap();
    let sshd = Sshd::start(&folder.path().join("sshd"), &["ed25519"]);
    let credentials = Credentials::Ssh {
        private_key: Secret::new(&sshd.user_key("ed25519", "")),
        known_hosts: sshd.known_hosts("ed25519"),
    };
    let scratch = tempfile::tempdir().unwrap();
    let repositories = Mutex::new(BTreeMap::new());
    let open = |name: &str| -> AnyStore {
        let path = made(&repositories, name, folder.path());
        let address = format!("git+{}#main", sshd.url(&path)).parse().unwrap();
        open(&address, &credentials, &options(scratch.path())).unwrap()
    };
    behaves_like_a_store(TRAITS, open).await;
    are_sound(&repositories);
}

fn options(scratch: &Path) -> Options {
    let mut options = Options::new(scratch, Commits::new(CommitSettings::default()).unwrap());
    options.fetch_interval = Duration::ZERO;
    options
}

/// Makes a repository on the server when there is none of that name.
fn made(repositories: &Mutex<BTreeMap<String, Repository>>, name: &str, folder: &Path) -> PathBuf {
    let mut repositories = repositories.lock().unwrap();
    let path = folder.join(format!("{name}.git"));
    let new = || Repository::empty(path.clone());
    repositories.entry(name.to_owned()).or_insert_with(new).path.clone()
}

fn are_sound(repositories: &Mutex<BTreeMap<String, Repository>>) {
    let repositories = repositories.lock().unwrap();
    assert!(repositories.len() > 5);
    for repository in repositories.values() {
        repository.is_sound();
    }
}

/// Over https a question is answered by another process than the list of references before it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_branch_that_is_rewritten_between_list_and_fetch_is_looked_for_again() {
    let https = Https::start();
    let remote = Repository::with_commit(https.root.path().join("one.git"));
    let scratch = tempfile::tempdir().unwrap();
    let mut options = options(scratch.path());
    options.authorities = https.settings.authorities.clone();
    let address = format!("git+{}#main", https.server.url("one.git")).parse().unwrap();
    let store = open(&address, &Credentials::Ambient, &options).unwrap();
    let path = remote.path.clone();
    let rewrite = move || {
        let remote = Repository { path: path.clone() };
        remote.git(&["update-ref", "-d", "refs/heads/main"]);
        remote.commit("OTHER", "rewritten\n");
    };
    https.server.rule("POST /one.git/git-upload-pack", 1, Then::After(Arc::new(rewrite)));
    let listing = store.list(&StorePath::root()).await.unwrap();
    let names: Vec<_> = listing.files.iter().map(|file| file.at.as_str()).collect();
    assert_eq!(names, ["OTHER"]);
    let lists = https.server.seen().into_iter().filter(|seen| seen.request.starts_with("GET"));
    assert_eq!(lists.count(), 2);
}

#[tokio::test]
#[ignore = "needs root: tests/stores/run"]
async fn a_bare_repository_of_another_user_is_written_and_a_checkout_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let bare = Repository::empty(folder.path().join("bare.git"));
    let checkout = Repository::empty(folder.path().join("checkout"));
    checkout.git(&["config", "core.bare", "false"]);
    for of in ["bare.git", "checkout"] {
        for entry in walkdir::WalkDir::new(folder.path().join(of)) {
            std::os::unix::fs::chown(entry.unwrap().path(), Some(12_345), Some(12_345)).unwrap();
        }
    }
    let write = async |repository: &Repository| {
        let address = format!("git+file://{}#main", repository.path.display()).parse().unwrap();
        let options = options(folder.path());
        let store = open(&address, &Credentials::Ambient, &options).unwrap();
        let content = Some(Content::Bytes(b"1".as_slice().into()));
        let edits = vec![Edit::Whole { at: StorePath::exact("a").unwrap(), content }];
        let change = Change { name: "x".into(), edits, ..Change::default() };
        store.apply(&[change], &|| true).await.remove(0)
    };
    assert_eq!(write(&bare).await.unwrap().written, 1);
    let trouble = write(&checkout).await.unwrap_err().trouble;
    assert!(matches!(trouble, Trouble::Forbidden(_)), "{trouble:?}");
}
