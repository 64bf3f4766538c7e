//! The program under test, as a process.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::pod::wait;
use crate::api::Api;
use crate::install;

/// How long it may take to be ready, or to end.
const PATIENCE: Duration = Duration::from_secs(30);
const CONFIG: &str = "/api/v1/namespaces/kratix-platform-system/configmaps";

/// `bookend reconcile`, stopped when dropped.
pub(super) struct Reconciler {
    process: Child,
    folder: TempDir,
    port: u16,
}

/// What the pods may do: what Kratix gives them, or what `BOOKEND_MANAGER_RIGHTS` says. With `least` the rights are not
/// as recorded, and all else has to be.
fn rights() -> String {
    let told = std::env::var_os("BOOKEND_MANAGER_RIGHTS").map(|word| word.into_string().unwrap());
    told.unwrap_or_else(|| "kratix".into())
}

impl Reconciler {
    /// Starts it with these settings of the installation, and does not wait.
    pub(super) fn start(
        api: &Api,
        kubeconfig: &Path,
        config: &Value,
        secret: Option<&str>,
    ) -> Self {
        api.ask("DELETE", &format!("{CONFIG}/kratix"), &Value::Null);
        if !config.is_null() {
            let map = json!({
                "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "kratix" }, "data": config,
            });
            api.must("POST", CONFIG, &map);
        }
        let folder = TempDir::new().unwrap();
        // Under the rights that `bookend install` gives it, and no others.
        let own = folder.path().join("kubeconfig");
        fs::write(&own, install::controller(api, kubeconfig).to_string()).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new(env!("CARGO_BIN_EXE_bookend"));
        command
            .args(["reconcile", "--no-placement", "--status-layout", "flat", "--rights", &rights()])
            .args(["--alone", "--listen", &format!("127.0.0.1:{port}")])
            .env("KUBECONFIG", own)
            .env("PIPELINE_ADAPTER_IMG", "localhost/adapter:1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(folder.path().join("log")).unwrap());
        if let Some(secret) = secret {
            command.env("PIPELINE_ADAPTER_PULL_SECRET", secret);
        }
        Self { process: command.spawn().unwrap(), folder, port }
    }

    /// Waits until it works.
    pub(super) fn ready(mut self) -> Self {
        let found = wait("the reconciler to be ready", PATIENCE, || {
            let ended = self.process.try_wait().unwrap();
            assert!(ended.is_none(), "the reconciler has ended: {}", self.log());
            (self.get("/readyz").0 == 200).then_some(())
        });
        found.unwrap_or_else(|error| panic!("{error}: {}", self.log()));
        self
    }

    /// Waits until it is ready or has ended; returns the exit code when it has.
    pub(super) fn ready_or_ended(&mut self) -> Option<i32> {
        let found = wait("the reconciler to be ready or end", PATIENCE, || {
            if let Some(status) = self.process.try_wait().unwrap() {
                return Some(status.code());
            }
            (self.get("/readyz").0 == 200).then_some(None)
        });
        found.unwrap_or_else(|error| panic!("{error}: {}", self.log()))
    }

    /// What it has said.
    pub(super) fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    fn log_path(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// Asks it over HTTP.
    fn get(&self, path: &str) -> (u16, String) {
        use std::io::{Read as _, Write as _};
        let Ok(mut stream) = std::net::TcpStream::connect(("127.0.0.1", self.port)) else {
            return (0, String::new());
        };
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        let mut answer = String::new();
        if stream.write_all(request.as_bytes()).is_err()
            || stream.read_to_string(&mut answer).is_err()
        {
            return (0, answer);
        }
        let code = answer.split(' ').nth(1).and_then(|code| code.parse().ok());
        (code.unwrap_or_default(), answer)
    }

    /// Ends it as Kubernetes would.
    pub(super) fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        if matches!(self.process.try_wait(), Ok(None)) {
            let id = i32::try_from(self.process.id()).unwrap();
            kill(Pid::from_raw(id), Signal::SIGTERM).unwrap();
            let ended =
                wait("the reconciler to end", PATIENCE, || self.process.try_wait().unwrap());
            if ended.is_err() {
                self.process.kill().unwrap();
                self.process.wait().unwrap();
            }
        }
        if let Some(folder) = std::env::var_os("BOOKEND_MANAGER_LOGS") {
            let name = format!("reconcile-{}.log", self.process.id());
            fs::copy(self.log_path(), PathBuf::from(folder).join(name)).unwrap();
        }
    }
}

impl Drop for Reconciler {
    fn drop(&mut self) {
        self.end();
    }
}
