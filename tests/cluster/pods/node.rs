//! The node under the pods: its API server stopped, killed and started again, packets on its network lost.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Address of the API server, as pods are told.
pub(super) const ADDRESS: &str = "10.96.0.1";
/// How long the API server may take to come back.
const PATIENCE: Duration = Duration::from_secs(60);

/// The folder of the node, with its keys, logs and process ids.
pub(super) fn folder() -> PathBuf {
    PathBuf::from(std::env::var_os("BOOKEND_NODE_DIR").expect("tests/cluster/node sets it"))
}

/// The process of the API server.
pub(super) struct ApiServer {
    pid: String,
    words: Vec<String>,
    folder: PathBuf,
}

impl ApiServer {
    /// Finds it.
    pub(super) fn find() -> Self {
        let folder = folder();
        let pid = fs::read_to_string(pid_file(&folder)).unwrap().trim().to_owned();
        let words = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap();
        let words = words.split_terminator('\0').map(str::to_owned).collect();
        Self { pid, words, folder }
    }

    /// Lets it stand still: connections are taken by the kernel, and nothing comes back.
    pub(super) fn stop(&self) {
        self.signal("STOP");
    }

    /// Lets it go on.
    pub(super) fn go_on(&self) {
        self.signal("CONT");
    }

    /// Kills it.
    pub(super) fn kill(&self) {
        self.signal("KILL");
        let end = Instant::now() + PATIENCE;
        // The last thread takes its sockets with it.
        while Path::new(&format!("/proc/{}/fd/0", self.pid)).exists() || listens() {
            assert!(Instant::now() < end, "it does not end");
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Starts it again with the words of the first time.
    pub(super) fn start(&self) {
        let log = OpenOptions::new().append(true).open(self.folder.join("log/kube-apiserver"));
        let log = log.unwrap();
        let child = Command::new(&self.words[0])
            .args(&self.words[1..])
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn();
        fs::write(pid_file(&self.folder), child.unwrap().id().to_string()).unwrap();
    }

    fn signal(&self, name: &str) {
        run("kill", &[&format!("-{name}"), &self.pid]);
    }
}

/// Waits until the API server answers and is ready.
pub(super) fn wait_for_api_server() {
    let end = Instant::now() + PATIENCE;
    let is_ready = || {
        let mut kubectl = Command::new("kubectl");
        kubectl.args(["get", "--raw", "/readyz", "--request-timeout", "5s"]);
        kubectl.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success()
    };
    while !is_ready() {
        assert!(Instant::now() < end, "the API server does not come back");
        thread::sleep(Duration::from_millis(100));
    }
}

/// Lets every packet to a pod get lost, or none.
pub(super) fn set_way_to(pod: &str, is_open: bool) {
    let verb = if is_open { "delete" } else { "add" };
    run("ip", &["route", verb, "blackhole", pod]);
}

/// Says something that is seen though the test passes.
pub(super) fn tell(text: &str) {
    writeln!(std::io::stderr(), "{text}").unwrap();
}

fn listens() -> bool {
    // The port 443 in hexadecimal, and the state of a socket that listens.
    let sockets = fs::read_to_string("/proc/net/tcp").unwrap();
    sockets.lines().any(|socket| socket.contains(":01BB 00000000:0000 0A"))
}

fn pid_file(folder: &Path) -> PathBuf {
    folder.join("pid/kube-apiserver")
}

fn run(program: &str, words: &[&str]) {
    let done = Command::new(program).args(words).output().unwrap();
    assert!(done.status.success(), "{program} {words:?}: {done:?}");
}
