//! Lays a case's files out as its pod would see them below a temporary root, and runs the binary there.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::fd::AsRawFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::Value;
use tempfile::TempDir;

use super::case::Case;
use super::generated;

/// The user of Kratix's own image.
pub(crate) const USER: u32 = 65532;
/// A run that takes longer hangs.
const LONGEST_RUN: Duration = Duration::from_secs(90);

/// The binary under a name that any user may execute: the folder it was built in may be closed to others.
fn program() -> PathBuf {
    static OPENED: OnceLock<fs::File> = OnceLock::new();
    let opened = OPENED.get_or_init(|| fs::File::open(env!("CARGO_BIN_EXE_bookend")).unwrap());
    PathBuf::from(format!("/proc/self/fd/{}", opened.as_raw_fd()))
}

/// Where objects are kept while a case runs.
#[derive(Debug, Clone)]
pub(crate) enum Cluster {
    /// In the folder of the pod.
    Folder,
    /// Behind a kubeconfig with this address.
    Server(String),
    /// Behind this kubeconfig.
    Kubeconfig(PathBuf),
    /// Nowhere: no kubeconfig at all.
    None,
}

/// A temporary machine: the pod's root, a home, a folder cluster.
#[derive(Debug)]
pub(crate) struct Pod {
    dir: TempDir,
}

/// How a run ended and what it left in the pod.
#[derive(Debug)]
pub(crate) struct Run {
    /// `None` when it had to be killed.
    pub(crate) code: Option<i32>,
    pub(crate) stderr: String,
    pub(crate) started: Timestamp,
    pub(crate) ended: Timestamp,
    /// Files below `/kratix` by the path that the pod sees.
    pub(crate) kratix_files: BTreeMap<String, File>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct File {
    pub(crate) mode: String,
    pub(crate) bytes: Vec<u8>,
    /// Whether it was not there, or not like this, before the run.
    pub(crate) is_new: bool,
}

impl Pod {
    /// Lays out the files of a case.
    pub(crate) fn lay_out(case: &Case) -> Self {
        let pod = Self { dir: tempfile::Builder::new().prefix("pod").tempdir().unwrap() };
        for folder in [
            "root/kratix/input",
            "root/kratix/output",
            "root/kratix/metadata",
            "cluster",
            "home/.kube",
        ] {
            fs::create_dir_all(pod.dir.path().join(folder)).unwrap();
        }
        let wcf = pod.root().join("work-creator-files");
        fs::create_dir_all(&wcf).unwrap();
        if !case.no_wcf {
            lay_out_tree(&wcf, &case.work_creator_files);
        }
        lay_out_tree(&pod.root().join("kratix"), &case.kratix);
        give_away(pod.dir.path());
        for (path, mode) in &case.chmod {
            set_mode(&pod.root().join(path), mode);
        }
        pod
    }

    /// What the binary takes for `/`.
    pub(crate) fn root(&self) -> PathBuf {
        self.dir.path().join("root")
    }

    /// The folder cluster.
    pub(crate) fn cluster(&self) -> PathBuf {
        self.dir.path().join("cluster")
    }

    /// Returns the command of the case with the environment of the case and nothing else.
    pub(crate) fn command(&self, case: &Case, cluster: &Cluster) -> Command {
        let home = self.dir.path().join("home");
        let mut command = Command::new(program());
        command.arg0("/bin/pipeline-adapter").current_dir(self.root()).env_clear();
        if !case.command.is_empty() {
            command.arg(&case.command);
        }
        command.args(case.args.iter().flatten());
        command
            .env("HOME", &home)
            .env("PATH", "/usr/bin:/bin")
            .env("BOOKEND_POD_ROOT", self.root())
            // A recorded refusal is one answer, and as final as it was.
            .env("BOOKEND_REFUSAL_WAIT", "0");
        command.envs(
            case.env.iter().filter_map(|(name, value)| value.as_ref().map(|value| (name, value))),
        );
        match cluster {
            Cluster::Folder => {
                give_away(&self.cluster());
                command.env("BOOKEND_CLUSTER", self.cluster());
            }
            Cluster::Server(address) => {
                let config = home.join(".kube/config");
                fs::write(&config, kubeconfig(address)).unwrap();
                if case.command == "work-creator" {
                    command.env("KUBECONFIG", config);
                }
            }
            Cluster::Kubeconfig(file) => {
                fs::copy(file, home.join(".kube/config")).unwrap();
                give_away(&home);
            }
            Cluster::None => {}
        }
        if is_root() {
            command.uid(USER).gid(USER);
        }
        command
    }

    /// Starts the case and does not wait.
    pub(crate) fn start(&self, case: &Case, cluster: &Cluster) -> Child {
        let mut command = self.command(case, cluster);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Runs the case.
    pub(crate) fn run(&self, case: &Case, cluster: &Cluster) -> Run {
        let before = self.kratix_files();
        let stderr_path = self.dir.path().join("stderr");
        let mut command = self.command(case, cluster);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(&stderr_path).unwrap());
        let started = Timestamp::now();
        let code = wait(command.spawn().unwrap());
        let ended = Timestamp::now();
        for path in case.chmod.keys() {
            set_mode(&self.root().join(path), "0700");
        }
        let mut kratix_files = self.kratix_files();
        for (path, file) in &mut kratix_files {
            file.is_new = before.get(path).is_none_or(|old| old.bytes != file.bytes);
        }
        let stderr = String::from_utf8_lossy(&fs::read(stderr_path).unwrap()).into_owned();
        Run { code, stderr, started, ended, kratix_files }
    }

    fn kratix_files(&self) -> BTreeMap<String, File> {
        let mut found = BTreeMap::new();
        let mut folders = vec![self.root().join("kratix")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten() {
                let entry = entry.unwrap();
                let kind = entry.file_type().unwrap();
                if kind.is_dir() {
                    folders.push(entry.path());
                } else if kind.is_file() {
                    let mode = entry.metadata().unwrap().permissions().mode() & 0o7777;
                    let seen =
                        format!("/{}", entry.path().strip_prefix(self.root()).unwrap().display());
                    let bytes = fs::read(entry.path()).unwrap();
                    found.insert(seen, File { mode: format!("{mode:04o}"), bytes, is_new: false });
                }
            }
        }
        found
    }
}

/// Waits for the end; `None` when it takes so long that it must hang, and it is killed.
fn wait(mut child: Child) -> Option<i32> {
    let limit = Instant::now() + LONGEST_RUN;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        if Instant::now() > limit {
            child.kill().unwrap();
            child.wait().unwrap();
            return None;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn lay_out_tree(root: &Path, tree: &BTreeMap<String, Value>) {
    for (name, node) in tree {
        let path = match node["path_base64"].as_str() {
            Some(bytes) => root.join(std::ffi::OsStr::from_bytes(&STANDARD.decode(bytes).unwrap())),
            None => root.join(name),
        };
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        if let Some(target) = node["link"].as_str() {
            symlink(target, &path).unwrap();
        } else if node.get("dir").is_some() {
            fs::create_dir_all(&path).unwrap();
        } else if node.get("fifo").is_some() {
            nix::unistd::mkfifo(&path, nix::sys::stat::Mode::from_bits_truncate(0o644)).unwrap();
        } else if node.get("socket").is_some() {
            drop(UnixListener::bind(&path).unwrap());
        } else {
            fs::write(&path, generated::bytes(node.get("content").unwrap_or(node))).unwrap();
        }
        if let Some(mode) = node["mode"].as_str() {
            set_mode(&path, mode);
        }
    }
}

fn set_mode(path: &Path, mode: &str) {
    fs::set_permissions(path, Permissions::from_mode(u32::from_str_radix(mode, 8).unwrap()))
        .unwrap();
}

pub(crate) fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// Makes everything below the folder the property of the pod's user, when the tests run as root.
fn give_away(folder: &Path) {
    if !is_root() {
        return;
    }
    std::os::unix::fs::lchown(folder, Some(USER), Some(USER)).unwrap();
    if fs::symlink_metadata(folder).unwrap().is_dir() {
        for entry in fs::read_dir(folder).unwrap() {
            give_away(&entry.unwrap().path());
        }
    }
}

fn kubeconfig(address: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: test\n\
         clusters: [{{name: test, cluster: {{server: \"{address}\"}}}}]\n\
         users: [{{name: test, user: {{}}}}]\n\
         contexts: [{{name: test, context: {{cluster: test, user: test}}}}]\n"
    )
}
