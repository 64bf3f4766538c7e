//! A real S3 server (versitygw) as an ordinary process, on a free port of loopback, over a folder.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::certificates::Certified;
use super::wait_for;

/// Who may do everything.
pub(crate) const KEY_ID: &str = "AKIDBOOKENDTEST";
/// Their key.
pub(crate) const KEY: &str = "not-a-secret-of-anybody";

/// A server, until it is dropped. A bucket is a folder in its root, an object a file.
pub(crate) struct Gateway {
    pub(crate) port: u16,
    folder: PathBuf,
    child: Child,
}

/// How a server is to be.
#[derive(Default)]
pub(crate) struct Options<'a> {
    /// https with this certificate.
    pub(crate) certified: Option<&'a Certified>,
    /// ETags that are no MD5, as those of encrypted objects are.
    pub(crate) other_tags: bool,
    /// Keeps versions.
    pub(crate) versions: bool,
    /// The port, where it was before.
    pub(crate) port: Option<u16>,
}

impl Gateway {
    /// Starts one whose files are in `folder`.
    pub(crate) fn start(folder: &Path, options: &Options<'_>) -> Self {
        let root = folder.join("root");
        fs::create_dir_all(&root).unwrap();
        let mut child = None;
        for _ in 0..20 {
            let port = options.port.unwrap_or_else(|| {
                TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
            });
            let started = child.insert(
                command(folder, options, port)
                    .spawn()
                    .expect("versitygw: tests/stores/run brings it"),
            );
            let mut has_ended = false;
            wait_for("versitygw", || {
                has_ended = started.try_wait().unwrap().is_some();
                has_ended || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
            });
            // Somebody else may have taken the port in between.
            if !has_ended && let Some(child) = child.take() {
                return Self { port, folder: folder.to_owned(), child };
            }
        }
        panic!("versitygw does not start: {}", fs::read_to_string(folder.join("log")).unwrap());
    }

    /// Makes a bucket.
    pub(crate) fn bucket(&self, name: &str) {
        fs::create_dir_all(self.root().join(name)).unwrap();
    }

    /// The folder with the buckets.
    pub(crate) fn root(&self) -> PathBuf {
        self.folder.join("root")
    }

    /// The host and port it is asked at.
    pub(crate) fn endpoint(&self) -> String {
        format!("localhost:{}", self.port)
    }

    /// The files of a bucket: keys and contents, without what the server keeps beside.
    pub(crate) fn objects(&self, bucket: &str) -> Vec<(String, Vec<u8>)> {
        let root = self.root().join(bucket);
        let mut found = Vec::new();
        for entry in walkdir::WalkDir::new(&root) {
            let entry = entry.unwrap();
            let key = entry.path().strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
            if entry.file_type().is_file() && !key.starts_with(".sgwtmp") {
                found.push((key, fs::read(entry.path()).unwrap()));
            }
        }
        found.sort();
        found
    }

    /// Uploads in parts that were begun and neither ended nor given up.
    pub(crate) fn begun_uploads(&self, bucket: &str) -> usize {
        let folder = self.root().join(bucket).join(".sgwtmp/multipart");
        let uploads = walkdir::WalkDir::new(folder).min_depth(2).max_depth(2);
        uploads
            .into_iter()
            .filter(|entry| entry.as_ref().is_ok_and(|entry| entry.file_type().is_dir()))
            .count()
    }

    /// Whether it has come to the end of all that was sent by clients which are gone: until then it has not closed its side of
    /// their connections.
    pub(crate) fn is_done_with_the_gone(&self) -> bool {
        const CLOSE_WAIT: &str = "08";
        let own = format!(":{:04X}", self.port);
        let connections = fs::read_to_string("/proc/net/tcp").unwrap();
        !connections.lines().any(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            matches!(fields[..], [_, local, _, CLOSE_WAIT, ..] if local.ends_with(&own))
        })
    }

    /// Ends it at once.
    pub(crate) fn kill(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.kill();
    }
}

fn command(folder: &Path, options: &Options<'_>, port: u16) -> Command {
    let log = fs::File::create(folder.join("log")).unwrap();
    let mut command = Command::new("versitygw");
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("ROOT_ACCESS_KEY", KEY_ID).env("ROOT_SECRET_KEY", KEY);
    command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
    command.args(["--quiet", "--keep-alive", "--port", &format!("127.0.0.1:{port}")]);
    if let Some(certified) = options.certified {
        let (certificate, key) = (folder.join("server.pem"), folder.join("server.key"));
        fs::write(&certificate, &certified.certificate).unwrap();
        fs::write(&key, &certified.key).unwrap();
        command.arg("--cert").arg(certificate).arg("--key").arg(key);
    }
    command.arg("posix");
    if options.other_tags {
        command.arg("--data-integrity-etag");
    }
    if options.versions {
        let versions = folder.join("versions");
        fs::create_dir_all(&versions).unwrap();
        command.arg("--versioning-dir").arg(versions);
    }
    command.arg(folder.join("root"));
    command
}
