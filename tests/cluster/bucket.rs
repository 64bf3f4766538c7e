//! A real bucket whose objects are files: versitygw over a folder, as an ordinary process.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::{self, File};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use bookend::core::hash;
use tempfile::TempDir;

/// Its only bucket.
pub(crate) const BUCKET: &str = "bucket";
/// Who may do everything.
pub(crate) const KEY_ID: &str = "access";
/// Their key.
pub(crate) const KEY: &str = "secretsecret";
/// How long it may take to start.
const PATIENCE: Duration = Duration::from_secs(60);
/// Ports that the system gives to nobody, and tests/cluster/run neither: they are free again after a stop.
const PORTS: (u32, u32) = (12_000, 20_000);

/// A server with one bucket, until it is dropped.
pub(crate) struct Bucket {
    folder: TempDir,
    /// Where it is asked at.
    pub(crate) address: SocketAddr,
    child: Option<Child>,
}

impl Bucket {
    /// Starts one on a free port of this address of the machine.
    pub(crate) fn start(address: IpAddr) -> Self {
        let folder = TempDir::new().unwrap();
        fs::create_dir_all(folder.path().join("objects").join(BUCKET)).unwrap();
        let address = free(address, folder.path());
        let mut bucket = Self { folder, address, child: None };
        bucket.start_again();
        bucket
    }

    /// Starts it where it was before.
    pub(crate) fn start_again(&mut self) {
        let program = std::env::var_os("VERSITYGW").unwrap_or_else(|| OsString::from("versitygw"));
        let log = File::options().create(true).append(true).open(self.log()).unwrap();
        let child = Command::new(&program)
            .args(["--quiet", "--port", &self.address.to_string(), "posix"])
            .arg(self.folder.path().join("objects"))
            .envs([("ROOT_ACCESS_KEY", KEY_ID), ("ROOT_SECRET_KEY", KEY)])
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn();
        let child = child.unwrap_or_else(|error| {
            panic!("failed to start {program:?}, which tests/stores/versitygw brings: {error}")
        });
        let log = self.log();
        let child = self.child.insert(child);
        let end = Instant::now() + PATIENCE;
        while TcpStream::connect(self.address).is_err() {
            let has_ended = child.try_wait().unwrap().is_some();
            if has_ended || Instant::now() > end {
                let said = fs::read_to_string(log).unwrap();
                panic!("versitygw does not start: {said}");
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Ends it at once; what it holds stays.
    pub(crate) fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("objects").join(BUCKET)
    }

    /// All its files.
    pub(crate) fn files(&self) -> BTreeSet<String> {
        let root = self.root();
        let all = walkdir::WalkDir::new(&root).into_iter().filter_map(Result::ok);
        let files = all.filter(|entry| entry.file_type().is_file());
        let name = |path: &Path| path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
        // Those that the server has begun have names of its own.
        files.map(|entry| name(entry.path())).filter(|name| !name.starts_with(".sgwtmp")).collect()
    }

    /// When each was written.
    pub(crate) fn stamps(&self) -> BTreeMap<String, SystemTime> {
        let time = |name: &String| self.root().join(name).metadata().unwrap().modified().unwrap();
        self.files().into_iter().map(|name| (name.clone(), time(&name))).collect()
    }

    /// What is in one, which may not be there.
    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.root().join(path)).unwrap_or_default()
    }
}

impl Drop for Bucket {
    fn drop(&mut self) {
        self.stop();
    }
}

/// An address with a port that is free; several tests that look at once begin elsewhere, each by its folder's name.
fn free(address: IpAddr, folder: &Path) -> SocketAddr {
    let first = u32::from_str_radix(&hash::md5_hex(&folder.to_string_lossy())[..7], 16).unwrap();
    let count = PORTS.1 - PORTS.0;
    let ports = (0..count).map(|at| PORTS.0 + (first + at) % count);
    let addresses = ports.map(|port| SocketAddr::new(address, u16::try_from(port).unwrap()));
    let mut free = addresses.filter(|address| TcpListener::bind(address).is_ok());
    free.next().unwrap()
}
