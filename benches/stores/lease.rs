//! A real API server, for writers that take turns by a Lease.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Namespace of the Lease.
pub(crate) const NAMESPACE: &str = "default";

/// A control plane, until it is dropped.
pub(crate) struct ControlPlane {
    folder: PathBuf,
}

impl ControlPlane {
    /// Starts one in a folder; `None` when there is nothing to start it with.
    pub(crate) fn start(folder: PathBuf) -> Option<Self> {
        let plane = Self { folder };
        let mut up = script("up");
        // Its log goes to its folder, and its output is the path of the kubeconfig.
        up.arg(&plane.folder).env("CONTROLLERS", "no").stdout(Stdio::null());
        if !up.status().is_ok_and(|status| status.success()) {
            eprintln!("no control plane: rows with a Lease are left out");
            return None;
        }
        let assets = script("assets").output().unwrap().stdout;
        let kubectl = Path::new(String::from_utf8(assets).unwrap().trim()).join("kubectl");
        let end = Instant::now() + Duration::from_secs(30);
        loop {
            let mut get = Command::new(&kubectl);
            get.arg("--kubeconfig").arg(plane.kubeconfig()).args(["get", "namespace", NAMESPACE]);
            if get.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success() {
                return Some(plane);
            }
            assert!(Instant::now() < end, "no namespace `{NAMESPACE}`");
        }
    }

    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.folder.join("admin.kubeconfig")
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        let _ = script("down").arg(&self.folder).status();
    }
}

fn script(name: &str) -> Command {
    Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cluster").join(name))
}
