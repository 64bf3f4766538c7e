//! Lines to remote repositories: the bytes of Git's protocol over https and ssh, with our own TLS, credentials and limits.
//!
//! libgit2 does negotiation, packs and pushes; here is only what carries them (docs/decisions/0014). It asks for a
//! transport by the scheme of a URL and has no place for settings, so a [`Line`] has a URL of its own, `bookend://7`, under
//! which its settings are found. Nothing of a user's Git configuration can reach it: no `insteadOf`, no helper, no proxy.

mod bridge;
mod https;
mod ssh;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use git2::transport::{Service, SmartSubtransport, SmartSubtransportStream, Transport, register};
use tokio::sync::watch;

use self::bridge::Bridge;
pub use self::https::Busy;
use self::https::Https;
use self::ssh::Ssh;
use crate::store::Trouble;
use crate::store::credentials::Credentials;

/// The scheme of our URLs.
const SCHEME: &str = "bookend";

/// The lines that are open, by the number in their URL.
static OPEN: Mutex<BTreeMap<u64, Weak<Shared>>> = Mutex::new(BTreeMap::new());

/// How a repository is reached, apart from who asks.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Certificates (PEM) of authorities that are trusted beside the system's, for https.
    pub authorities: Option<Vec<u8>>,
    /// How long is waited.
    pub timeouts: Timeouts,
    /// How much is read.
    pub limits: Limits,
    /// Whether `http://` is allowed to this machine. Only tests need it; to any other it is refused always.
    pub plain_on_loopback: bool,
}

/// How long is waited for the steps of a conversation. No wait is without an end.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// For a connection: name, TCP, proxy and TLS, or ssh with its login.
    pub connect: Duration,
    /// For the first byte of an answer: a server may count objects or run hooks before it.
    pub first_byte: Duration,
    /// For the next byte of what is read, or the next room for what is written.
    pub between: Duration,
    /// For all of one fetch or push.
    pub whole: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(15),
            first_byte: Duration::from_secs(60),
            between: Duration::from_secs(60),
            whole: Duration::from_secs(15 * 60),
        }
    }
}

/// How many bytes are read in one fetch or push.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Of the list of references, which libgit2 keeps in memory.
    pub references: u64,
    /// Of everything else, which goes to the scratch folder.
    pub answer: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { references: 64 << 20, answer: 4 << 30 }
    }
}

/// What was carried.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes of Git's protocol sent.
    pub sent: u64,
    /// Bytes of Git's protocol received.
    pub received: u64,
}

/// A way to a remote repository. While it lives, git2 reaches the repository by [`Line::url`]; connections stay open
/// between one fetch or push and the next.
///
/// git2 blocks: its calls belong in `spawn_blocking`. One fetch or push at a time, or the causes of failures get mixed up.
pub struct Line {
    url: String,
    number: u64,
    shared: Arc<Shared>,
}

/// Ends what is waited for on a line, from another thread.
#[derive(Debug, Clone)]
pub struct Stopper(watch::Sender<bool>);

impl Stopper {
    /// Ends it, now and from now on, with [`Trouble::Stopped`].
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

/// What a line and the streams of libgit2 have in common.
struct Shared {
    bridge: Arc<Bridge>,
    way: Way,
}

enum Way {
    Https(Arc<Https>),
    Ssh(Arc<Ssh>),
}

impl Line {
    /// Makes a line to `remote`: `https://host/path`, `ssh://user@host:port/path` or `user@host:path`. Nothing is connected yet.
    ///
    /// # Errors
    /// When the URL or the credentials cannot be used.
    pub fn open(
        remote: &str,
        credentials: &Credentials,
        settings: Settings,
    ) -> Result<Self, Trouble> {
        static NUMBERS: AtomicU64 = AtomicU64::new(1);
        registered()?;
        let way = if remote.starts_with("https://") || remote.starts_with("http://") {
            Way::Https(Arc::new(Https::new(remote, credentials, &settings)?))
        } else {
            Way::Ssh(Arc::new(Ssh::new(remote, credentials)?))
        };
        let bridge = Arc::new(Bridge::new(settings.timeouts, settings.limits)?);
        let shared = Arc::new(Shared { bridge, way });
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        open.insert(number, Arc::downgrade(&shared));
        Ok(Self { url: format!("{SCHEME}://{number}"), number, shared })
    }

    /// The URL to give to `Repository::remote_anonymous`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Why the last fetch or push failed, when it failed on this side of libgit2: git2's own error has no type and
    /// little text. `None` when libgit2 or the server's Git has a say, which is in the error then.
    ///
    /// After a push that ended with [`Trouble::Unreachable`] or [`Trouble::Late`] nobody knows whether it happened: fetch
    /// and look before it is done again.
    pub fn cause(&self) -> Option<Trouble> {
        self.shared.bridge.cause()
    }

    /// Returns what ends the waiting of somebody else's thread.
    pub fn stopper(&self) -> Stopper {
        Stopper(self.shared.bridge.stopper())
    }

    /// What was carried since it was opened.
    pub fn traffic(&self) -> Traffic {
        self.shared.bridge.traffic()
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        OPEN.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.number);
    }
}

/// Makes our scheme known to libgit2, once in a process.
fn registered() -> Result<(), Trouble> {
    static DONE: OnceLock<Result<(), String>> = OnceLock::new();
    DONE.get_or_init(|| make_known().map_err(|error| error.message().to_owned()))
        .clone()
        .map_err(Trouble::Other)
}

#[allow(unsafe_code, reason = "git2 has no safe way to register a transport")]
fn make_known() -> Result<(), git2::Error> {
    // SAFETY: it must not run while a transport is made. This runs once, inside a `OnceLock`, and nobody here connects a
    // remote but by the URL of a `Line`, which there is only after this has returned.
    unsafe {
        register(SCHEME, |remote| {
            let shared = remote.url().ok().and_then(find).ok_or_else(|| failed("line closed"))?;
            let is_one_request_each = matches!(shared.way, Way::Https(_));
            Transport::smart(remote, is_one_request_each, Subtransport { shared })
        })
    }
}

fn find(url: &str) -> Option<Arc<Shared>> {
    let number = url.strip_prefix(SCHEME)?.strip_prefix("://")?.parse().ok()?;
    OPEN.lock().unwrap_or_else(PoisonError::into_inner).get(&number)?.upgrade()
}

/// What libgit2 gets to see of a failure: the cause stays on the line. The text is ours, for git2 ends the process when there
/// is a NUL in it.
fn failed(what: &'static str) -> git2::Error {
    git2::Error::new(git2::ErrorCode::GenericError, git2::ErrorClass::Net, what)
}

struct Subtransport {
    shared: Arc<Shared>,
}

impl SmartSubtransport for Subtransport {
    fn action(
        &self,
        _url: &str,
        service: Service,
    ) -> Result<Box<dyn SmartSubtransportStream>, git2::Error> {
        let Shared { bridge, way } = &*self.shared;
        if matches!(service, Service::UploadPackLs | Service::ReceivePackLs) {
            bridge.begin();
        }
        let stream: Result<Box<dyn SmartSubtransportStream>, Trouble> = match way {
            Way::Https(https) => https.action(bridge, service).map(|stream| Box::new(stream) as _),
            Way::Ssh(ssh) => ssh.action(bridge, service).map(|stream| Box::new(stream) as _),
        };
        stream.map_err(|trouble| {
            bridge.failed(trouble);
            failed("no connection")
        })
    }

    fn close(&self) -> Result<(), git2::Error> {
        Ok(())
    }
}
