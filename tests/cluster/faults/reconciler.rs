//! A `bookend reconcile` of its own process, that can be killed.

use std::fs::File;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use kube::api::DynamicObject;
use kube::{Api, Client};
use serde_json::Value;
use tempfile::TempDir;

use bookend::contract::kinds;

use crate::load::documents::resource;

/// How long one may take until it answers.
const START_MAX: Duration = Duration::from_secs(60);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(50);

/// A running one; it is killed when it is dropped.
pub(super) struct Reconciler {
    name: String,
    child: Child,
    address: String,
    folder: TempDir,
}

impl Reconciler {
    /// Starts one and waits until it answers; it may still wait for its turn to lead.
    pub(super) async fn start(name: &str, kubeconfig: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = free_address();
        let child = Command::new(env!("CARGO_BIN_EXE_bookend"))
            .args(["reconcile", "--no-placement", "--listen", &address])
            .env_clear()
            .envs([("HOSTNAME", name), ("PIPELINE_ADAPTER_IMG", "example.com/bookend:1")])
            .env("KUBECONFIG", kubeconfig)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(folder.path().join("log")).unwrap())
            .spawn()
            .unwrap();
        let mut this = Self { name: name.to_owned(), child, address, folder };
        let end = tokio::time::Instant::now() + START_MAX;
        while tokio::net::TcpStream::connect(&this.address).await.is_err() {
            assert!(tokio::time::Instant::now() < end && this.is_alive(), "{}", this.log());
            tokio::time::sleep(PAUSE).await;
        }
        this
    }

    /// Whether its process runs.
    pub(super) fn is_alive(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Whether the Lease names it.
    pub(super) fn holds(&self, holder: &str) -> bool {
        holder.starts_with(&format!("{}_", self.name))
    }

    /// Ends it as `kill -9` does.
    pub(super) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// The end of its log.
    pub(super) fn log(&self) -> String {
        let text = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }
}

impl Drop for Reconciler {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

/// Name of who holds the Lease; empty when nobody does.
pub(super) async fn holder(client: &Client) -> String {
    let namespace = kinds::SYSTEM_NAMESPACE;
    let leases: Api<DynamicObject> =
        Api::namespaced_with(client.clone(), namespace, &resource(&kinds::LEASE));
    let lease = leases.get_opt("bookend").await.unwrap();
    let holder = lease.map(|lease| lease.data["spec"]["holderIdentity"].clone());
    holder.as_ref().and_then(Value::as_str).unwrap_or_default().to_owned()
}
