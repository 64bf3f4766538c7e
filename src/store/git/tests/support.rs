//! Repositories of tests, a server for them, and changes.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tempfile::TempDir;

use crate::core::placement::{Change, Content, Edit, File, StorePath};
use crate::store::git::remote::Way;
use crate::store::git::{CommitSettings, Commits, GitOptions, GitStore};
use crate::store::{Applied, Store as _, StoreError, Trouble};

pub(super) fn path(text: &str) -> StorePath {
    StorePath::exact(text).unwrap()
}

pub(super) fn file(at: &str, text: &str) -> File {
    File { at: path(at), content: Content::Bytes(text.as_bytes().into()) }
}

/// A change that makes a folder hold these files.
pub(super) fn folder(name: &str, at: &str, files: &[(&str, &str)]) -> Change {
    let files = files.iter().map(|(name, text)| file(&format!("{at}/{name}"), text)).collect();
    let edits = vec![Edit::Folder { at: path(at), files }];
    Change { name: name.to_owned(), edits, ..Change::default() }
}

/// A change of one file.
pub(super) fn whole(name: &str, at: &str, text: Option<&str>) -> Change {
    let content = text.map(|text| Content::Bytes(text.as_bytes().into()));
    let edits = vec![Edit::Whole { at: path(at), content }];
    Change { name: name.to_owned(), edits, ..Change::default() }
}

/// The git program, without anybody's settings.
pub(super) fn git(at: &Path) -> Command {
    let mut command = Command::new("git");
    command.current_dir(at).env_clear().env("PATH", "/usr/bin:/bin");
    command.envs([("GIT_CONFIG_NOSYSTEM", "1"), ("HOME", "/nowhere"), ("LC_ALL", "C")]);
    for role in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{role}_NAME"), "stranger");
        command.env(format!("GIT_{role}_EMAIL"), "stranger@example.com");
    }
    command
}

/// Runs the git program, and returns what it prints.
#[track_caller]
pub(super) fn run(at: &Path, arguments: &[&str]) -> String {
    let done = git(at).args(arguments).output().unwrap();
    let says = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.success(), "git {arguments:?}: {says}");
    String::from_utf8_lossy(&done.stdout).trim_end().to_owned()
}

/// A bare repository, with a place for clones and scratch folders beside it.
pub(super) struct Bare {
    pub(super) folder: TempDir,
}

impl Bare {
    /// Makes an empty one.
    pub(super) fn empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        run(folder.path(), &["init", "-q", "--bare", "-b", "main", "repo.git"]);
        fs::create_dir(folder.path().join("scratch")).unwrap();
        let bare = Self { folder };
        run(&bare.path(), &["config", "receive.fsckObjects", "true"]);
        bare
    }

    /// Makes one with a few files, of which a stranger made three commits.
    pub(super) fn new() -> Self {
        let bare = Self::empty();
        bare.stranger(|clone| {
            fs::write(clone.join("README.md"), "mine\n").unwrap();
            fs::create_dir_all(clone.join("apps/other")).unwrap();
            fs::write(clone.join("apps/other/run.sh"), "#!/bin/sh\n").unwrap();
            let rights = fs::Permissions::from_mode(0o755);
            fs::set_permissions(clone.join("apps/other/run.sh"), rights).unwrap();
            std::os::unix::fs::symlink("other", clone.join("apps/link")).unwrap();
        });
        bare.stranger(|clone| fs::write(clone.join("second"), "2").unwrap());
        bare.stranger(|clone| fs::write(clone.join("third"), "3").unwrap());
        bare
    }

    pub(super) fn path(&self) -> PathBuf {
        self.folder.path().join("repo.git")
    }

    pub(super) fn scratch(&self) -> PathBuf {
        self.folder.path().join("scratch")
    }

    /// Has somebody else commit and push; returns the new tip.
    pub(super) fn stranger(&self, work: impl FnOnce(&Path)) -> String {
        let clone = tempfile::tempdir_in(self.folder.path()).unwrap();
        run(clone.path(), &["clone", "-q", &self.path().display().to_string(), "."]);
        work(clone.path());
        run(clone.path(), &["add", "-A"]);
        run(clone.path(), &["commit", "-q", "-m", "by a stranger"]);
        run(clone.path(), &["push", "-q", "origin", "HEAD:main"]);
        run(clone.path(), &["rev-parse", "HEAD"])
    }

    /// Asks the git program about it.
    #[track_caller]
    pub(super) fn git(&self, arguments: &[&str]) -> String {
        run(&self.path(), arguments)
    }

    /// Returns the paths of all files, and makes sure that nothing is broken.
    #[track_caller]
    pub(super) fn files(&self) -> Vec<String> {
        self.git(&["fsck", "--strict", "--no-dangling"]);
        let listed = self.git(&["ls-tree", "-r", "--name-only", "main"]);
        listed.lines().map(str::to_owned).collect()
    }

    /// Returns the subjects of its commits, the newest first.
    #[track_caller]
    pub(super) fn log(&self) -> Vec<String> {
        let log = self.git(&["log", "--format=%s", "main"]);
        log.lines().map(str::to_owned).collect()
    }

    pub(super) fn hook(&self, name: &str, text: &str) {
        let path = self.path().join("hooks").join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    pub(super) fn options(&self) -> GitOptions {
        let commits = Commits::new(CommitSettings::default()).unwrap();
        let mut options = GitOptions::new("main", StorePath::root(), commits);
        options.scratch = self.scratch();
        options
    }

    pub(super) fn here(&self) -> GitStore {
        GitStore::here("here", self.path(), self.options())
    }
}

/// A server for the repositories in a folder, on loopback. It serves until it is dropped.
pub(super) struct Server {
    address: SocketAddr,
    stopped: Arc<AtomicBool>,
    /// How many conversations there were.
    pub(super) asked: Arc<AtomicUsize>,
}

impl Server {
    pub(super) fn new(folder: &Path) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let stopped = Arc::new(AtomicBool::new(false));
        let asked = Arc::new(AtomicUsize::new(0));
        let (folder, stop, count) = (folder.to_owned(), stopped.clone(), asked.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                count.fetch_add(1, Ordering::SeqCst);
                serve(stream.unwrap(), &folder);
            }
        });
        Self { address, stopped, asked }
    }

    pub(super) fn store(&self, options: GitOptions) -> GitStore {
        let url = format!("git://{}/repo.git", self.address);
        GitStore::over(url.clone(), Way::Url(url), options)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(stream: TcpStream, folder: &Path) {
    let input: OwnedFd = stream.try_clone().unwrap().into();
    let output: OwnedFd = stream.into();
    let base = format!("--base-path={}", folder.display());
    let mut daemon = git(folder);
    daemon.args(["daemon", "--inetd", "--export-all", "--enable=receive-pack", &base]);
    let mut child = daemon.stdin(input).stdout(output).stderr(Stdio::null()).spawn().unwrap();
    std::thread::spawn(move || child.wait());
}

/// Makes one change.
pub(super) async fn one(store: &GitStore, change: Change) -> Result<Applied, Trouble> {
    let mut results = all(store, &[change]).await;
    assert_eq!(results.len(), 1);
    results.remove(0)
}

/// Makes changes.
pub(super) async fn all(store: &GitStore, changes: &[Change]) -> Vec<Result<Applied, Trouble>> {
    let results = store.apply(changes, &|| true).await;
    results.into_iter().map(|result| result.map_err(|error: StoreError| error.trouble)).collect()
}
