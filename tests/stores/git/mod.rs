//! The way to remote repositories: what git2 gets to see over https and ssh.

mod app;
mod contract;
mod https;
mod proxies;
mod ssh;
mod trouble;

use std::time::Duration;

use bookend::store::Trouble;
use bookend::store::credentials::{Credentials, Secret};
use bookend::store::git::transport::{Line, Settings, Timeouts};
use git2::{FetchOptions, PushOptions, RemoteCallbacks, Repository, Signature};
use tempfile::TempDir;
use tokio::runtime::Builder;

use crate::remotes::certificates::Authority;
use crate::remotes::https::Server;

/// Does what blocks where the writer does it: beside a runtime of one thread.
fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::task::spawn_blocking(work).await.unwrap() })
}

/// The waits of tests in which nobody answers.
fn short() -> Timeouts {
    Timeouts {
        connect: Duration::from_secs(5),
        first_byte: Duration::from_millis(400),
        between: Duration::from_millis(400),
        whole: Duration::from_secs(20),
    }
}

/// A server with TLS and one repository, `one.git`, and settings to reach it.
struct Https {
    root: TempDir,
    server: Server,
    settings: Settings,
}

impl Https {
    fn start() -> Self {
        let authority = Authority::new();
        let root = tempfile::tempdir().unwrap();
        let server = Server::start(root.path(), &authority.certify("localhost", false));
        let settings = Settings {
            authorities: Some(authority.pem().into_bytes()),
            timeouts: Timeouts { connect: Duration::from_secs(5), ..Timeouts::default() },
            ..Settings::default()
        };
        Self { root, server, settings }
    }

    /// A scratch repository that has a line to `one.git`.
    fn scratch(&self, login: Credentials) -> Scratch {
        Scratch::new(&self.server.url("one.git"), login, self.settings.clone())
    }
}

fn basic(username: &str, password: &str) -> Credentials {
    Credentials::Basic { username: username.to_owned(), password: Secret::new(password) }
}

/// What `basic("me", "secret")` sends.
const BASIC: &str = "Basic bWU6c2VjcmV0";

/// A bare repository that is filled and sent by git2.
struct Scratch {
    line: Line,
    repository: Repository,
    _folder: TempDir,
}

/// Why it failed: for a reason of the line, or as git2 and the server's Git say.
#[derive(Debug)]
struct Failed {
    cause: Option<Trouble>,
    said: String,
}

impl Scratch {
    fn new(url: &str, login: Credentials, settings: Settings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let repository = Repository::init_bare(folder.path()).unwrap();
        let line = Line::open(url, &login, settings).unwrap();
        Self { line, repository, _folder: folder }
    }

    /// Goes on by another line.
    fn by(&mut self, url: &str, login: &Credentials, settings: &Settings) {
        self.line = Line::open(url, login, settings.clone()).unwrap();
    }

    /// Fetches `main` with a depth of one, and returns its commit.
    fn fetch(&self) -> Result<String, Failed> {
        let mut remote = self.repository.remote_anonymous(self.line.url()).unwrap();
        let mut options = FetchOptions::new();
        options.depth(1);
        let fetched = remote.fetch(&["+refs/heads/main:refs/x/main"], Some(&mut options), None);
        fetched.map_err(|error| self.failed(&error.to_string()))?;
        Ok(self.repository.refname_to_id("refs/x/main").unwrap().to_string())
    }

    /// Commits a file on what was fetched, and returns the commit.
    fn commit(&self, file: &str, content: &[u8]) -> String {
        let tip = self.repository.refname_to_id("refs/x/main").ok();
        let tip = tip.map(|tip| self.repository.find_commit(tip).unwrap());
        let tree = tip.as_ref().map(|tip| tip.tree().unwrap());
        let mut builder = self.repository.treebuilder(tree.as_ref()).unwrap();
        builder.insert(file, self.repository.blob(content).unwrap(), 0o100_644).unwrap();
        let tree = self.repository.find_tree(builder.write().unwrap()).unwrap();
        let who = Signature::now("bookend", "bookend@example.com").unwrap();
        let parents: Vec<_> = tip.iter().collect();
        let commit = self.repository.commit(None, &who, &who, "a change", &tree, &parents).unwrap();
        self.repository.reference("refs/x/main", commit, true, "").unwrap();
        commit.to_string()
    }

    /// Pushes what was committed.
    fn push(&self) -> Result<(), Failed> {
        let mut remote = self.repository.remote_anonymous(self.line.url()).unwrap();
        let mut refused = None;
        let pushed = {
            let mut callbacks = RemoteCallbacks::new();
            callbacks.push_update_reference(|_, status| {
                refused = status.map(str::to_owned);
                Ok(())
            });
            let mut options = PushOptions::new();
            options.remote_callbacks(callbacks);
            remote.push(&["refs/x/main:refs/heads/main"], Some(&mut options))
        };
        pushed.map_err(|error| self.failed(&error.to_string()))?;
        match refused {
            Some(said) => Err(self.failed(&said)),
            None => Ok(()),
        }
    }

    fn failed(&self, said: &str) -> Failed {
        Failed { cause: self.line.cause(), said: said.to_owned() }
    }
}

/// Says why a fetch fails.
fn cause_of_fetch(scratch: &Scratch) -> Trouble {
    let failed = scratch.fetch().unwrap_err();
    failed.cause.unwrap_or_else(|| panic!("no cause: {}", failed.said))
}

/// Bytes that cannot be packed smaller.
fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 88_172_645_463_325_252_u64;
    let mut noise = Vec::with_capacity(bytes + 8);
    while noise.len() < bytes {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        noise.extend_from_slice(&state.to_le_bytes());
    }
    noise.truncate(bytes);
    noise
}
