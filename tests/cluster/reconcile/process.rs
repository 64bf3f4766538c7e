//! The program under test, as a process.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

/// `bookend reconcile`, ended when dropped.
pub(crate) struct Reconciler {
    process: Child,
    folder: TempDir,
    port: u16,
}

impl Reconciler {
    /// Runs Promises and requests, and leaves Works to the test.
    pub(super) fn start(arguments: &[&str]) -> Self {
        Self::start_placing(&[&["--no-placement"], arguments].concat())
    }

    /// Places Works as well.
    pub(crate) fn start_placing(arguments: &[&str]) -> Self {
        Self::start_with(arguments, &[])
    }

    /// The same, with these variables beside ours.
    pub(crate) fn start_with(arguments: &[&str], variables: &[(&str, &OsStr)]) -> Self {
        let folder = TempDir::new().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let process = Command::new(env!("CARGO_BIN_EXE_bookend"))
            .args(["reconcile", "--adapter-image", "example.com/adapter:1", "--log", "debug"])
            .args(["--listen", &format!("127.0.0.1:{port}")])
            .args(arguments)
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(folder.path().join("log")).unwrap())
            .spawn()
            .unwrap();
        Self { process, folder, port }
    }

    /// What it has said.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.get("/readyz").starts_with("HTTP/1.1 200")
    }

    pub(super) fn leads(&self) -> bool {
        self.get("/metrics").lines().any(|line| line == "bookend_leader 1")
    }

    /// Requests to the API server, by verb, kind and code.
    pub(crate) fn calls(&self) -> BTreeMap<String, u64> {
        self.counts("bookend_api_requests_total")
    }

    /// Counters whose names begin so, by what follows.
    pub(crate) fn counts(&self, begin: &str) -> BTreeMap<String, u64> {
        let text = self.get("/metrics");
        let lines = text.lines().filter_map(|line| {
            let (of, count) = line.strip_prefix(begin)?.rsplit_once(' ')?;
            Some((of.to_owned(), count.parse().ok()?))
        });
        lines.collect()
    }

    fn get(&self, path: &str) -> String {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) else {
            return String::new();
        };
        let mut answer = String::new();
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        let _ = stream.write_all(request.as_bytes());
        let _ = stream.read_to_string(&mut answer);
        answer
    }

    /// Has it stand still, as a machine does that is out of breath; it knows nothing of it.
    pub(crate) fn freeze(&self) {
        self.signal(Signal::SIGSTOP);
    }

    /// Has it go on.
    pub(crate) fn thaw(&self) {
        self.signal(Signal::SIGCONT);
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.process.id()).unwrap()), signal).unwrap();
    }

    /// Ends it without a warning.
    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Ends it as Kubernetes would, and expects a good end.
    pub(crate) fn ends_well(mut self) {
        self.signal(Signal::SIGTERM);
        let status = self.process.wait().unwrap();
        assert!(status.success(), "{status}: {}", self.log());
    }
}

impl Drop for Reconciler {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if thread::panicking() {
            println!("{}", self.log());
        }
    }
}
