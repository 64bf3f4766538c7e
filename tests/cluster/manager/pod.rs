//! Stands in for the pod of a Job: our containers run for real, as processes with the command, arguments and
//! variables of the Job and the token of its service account; the stages are replaced by the files they left. Then
//! the pod is said to have ended, and the real Job controller does the rest.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bookend::contract::pod::container;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::world::World;
use crate::steps::case::Step;

/// How long the Job controller, or one of our containers, may take.
const PATIENCE: Duration = Duration::from_secs(60);
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// Looks until there is something; says what was waited for otherwise.
pub(super) fn wait<T>(
    what: &str,
    limit: Duration,
    mut look: impl FnMut() -> Option<T>,
) -> Result<T, String> {
    let end = Instant::now() + limit;
    loop {
        if let Some(found) = look() {
            return Ok(found);
        }
        if Instant::now() > end {
            return Err(format!("gave up waiting for {what}"));
        }
        std::thread::sleep(BETWEEN_LOOKS);
    }
}

/// A Job that runs, and how to reach it.
pub(super) struct Running<'a> {
    world: &'a World,
    job: Value,
    path: String,
}

impl<'a> Running<'a> {
    pub(super) fn new(world: &'a World, job: Value) -> Self {
        let path = format!(
            "/apis/batch/v1/namespaces/{}/jobs/{}",
            text(&job, "namespace"),
            text(&job, "name")
        );
        Self { world, job, path }
    }

    /// Runs the pod of a Job to its end, as it ended when it was recorded; returns what is wrong with our containers.
    pub(super) fn finish(&self, step: &Step, kubeconfig: &Path) -> Result<(), String> {
        let pod = wait("the pod of the Job", PATIENCE, || self.pod())?;
        match (self.run_containers(step, kubeconfig), step.pod["failed"].as_str()) {
            (Ok(()), None) => {}
            (Err((name, _)), Some(failing)) if name == failing => return self.fail(),
            (Ok(()), Some(failing)) => return Err(format!("{failing} should have failed")),
            (Err((name, said)), _) => return Err(format!("container {name} failed: {said}")),
        }
        let ended = json!({ "status": {
            "phase": "Succeeded",
            "conditions": [{ "type": "Ready", "status": "False", "reason": "PodCompleted" }],
        }});
        let path = format!(
            "/api/v1/namespaces/{}/pods/{}/status",
            text(&pod, "namespace"),
            text(&pod, "name")
        );
        self.world.api.must("PATCH", &path, &ended);
        self.await_condition("Complete")
    }

    /// Lets the Job fail as if its pod had failed too often.
    pub(super) fn fail(&self) -> Result<(), String> {
        let time = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let target = json!({ "status": { "conditions": [{
            "type": "FailureTarget", "status": "True", "reason": "BackoffLimitExceeded",
            "message": "Job has reached the specified backoff limit",
            "lastProbeTime": time, "lastTransitionTime": time,
        }] } });
        wait("the Job to be started", PATIENCE, || {
            let job = self.world.api.ask("GET", &self.path, &Value::Null).1;
            job["status"]["startTime"].is_string().then_some(())
        })?;
        self.world.api.must("PATCH", &format!("{}/status", self.path), &target);
        self.await_condition("Failed")
    }

    fn await_condition(&self, kind: &str) -> Result<(), String> {
        wait(&format!("{} of {}", kind, self.path), PATIENCE, || {
            let (code, job) = self.world.api.ask("GET", &self.path, &Value::Null);
            let conditions = job["status"]["conditions"].as_array().into_iter().flatten();
            let is_there =
                conditions.into_iter().any(|it| it["type"] == kind && it["status"] == "True");
            (is_there || code == 404).then_some(())
        })
    }

    fn pod(&self) -> Option<Value> {
        let list = format!(
            "/api/v1/namespaces/{}/pods?labelSelector=job-name={}",
            text(&self.job, "namespace"),
            text(&self.job, "name"),
        );
        self.world.api.must("GET", &list, &Value::Null)["items"].as_array()?.first().cloned()
    }

    /// Runs reader, writer and status in their order; returns the one that failed, with what it said.
    fn run_containers(&self, step: &Step, kubeconfig: &Path) -> Result<(), (String, String)> {
        let home = TempDir::new().unwrap();
        self.lay_out(home.path(), step, kubeconfig);
        let spec = &self.job["spec"]["template"]["spec"];
        for list in ["initContainers", "containers"] {
            for one in spec[list].as_array().into_iter().flatten() {
                let name = one["name"].as_str().unwrap();
                if container::ALL.contains(&name) {
                    self.run(one, home.path()).map_err(|said| (name.to_owned(), said))?;
                }
            }
        }
        Ok(())
    }

    fn run(&self, container: &Value, home: &Path) -> Result<(), String> {
        let mut words = ["command", "args"].into_iter().flat_map(|list| {
            container[list].as_array().into_iter().flatten().map(|it| it.as_str().unwrap())
        });
        let mut command = Command::new(env!("CARGO_BIN_EXE_bookend"));
        command.arg0(words.next().unwrap()).args(words).env_clear();
        for variable in container["env"].as_array().into_iter().flatten() {
            let name = variable["name"].as_str().unwrap();
            command.env(name, self.variable(variable));
        }
        command.env("HOME", home).env("PATH", "/usr/bin:/bin");
        command
            .env("BOOKEND_POD_ROOT", home.join("root"))
            .env("KUBECONFIG", home.join(".kube/config"));
        let output = command.stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() { Ok(()) } else { Err(said) }
    }

    /// The value of a variable; from the pod's annotations where it says so.
    fn variable(&self, variable: &Value) -> String {
        if let Some(value) = variable["value"].as_str() {
            return value.to_owned();
        }
        let path = variable["valueFrom"]["fieldRef"]["fieldPath"].as_str().unwrap_or_default();
        let name = path.strip_prefix("metadata.annotations['").and_then(|it| it.strip_suffix("']"));
        let all = &self.job["spec"]["template"]["metadata"]["annotations"];
        name.and_then(|name| all[name].as_str()).unwrap_or_default().to_owned()
    }

    /// The volumes, as far as our containers see them, and who they are.
    fn lay_out(&self, home: &Path, step: &Step, kubeconfig: &Path) {
        let files = "root/work-creator-files";
        for folder in ["root/kratix/input", "root/kratix/output", ".kube"] {
            fs::create_dir_all(home.join(folder)).unwrap();
        }
        for (folder, given) in [("input", "output"), ("metadata", "metadata")] {
            let folder = home.join(files).join(folder);
            fs::create_dir_all(&folder).unwrap();
            let given: BTreeMap<String, String> =
                serde_json::from_value(step.pod[given].clone()).unwrap_or_default();
            for (name, content) in given {
                let file = folder.join(name);
                fs::create_dir_all(file.parent().unwrap()).unwrap();
                fs::write(file, content).unwrap();
            }
        }
        let volumes = &self.job["spec"]["template"]["spec"]["volumes"];
        for volume in volumes.as_array().into_iter().flatten() {
            let Some(name) = volume["configMap"]["name"].as_str() else { continue };
            if volume["name"] != "promise-scheduling" {
                continue;
            }
            let path =
                format!("/api/v1/namespaces/{}/configmaps/{name}", text(&self.job, "namespace"));
            let map = self.world.api.must("GET", &path, &Value::Null);
            let folder = home.join(files).join("kratix-system");
            fs::create_dir_all(&folder).unwrap();
            for item in volume["configMap"]["items"].as_array().into_iter().flatten() {
                let content = map["data"][item["key"].as_str().unwrap()].as_str().unwrap();
                fs::write(folder.join(item["path"].as_str().unwrap()), content).unwrap();
            }
        }
        fs::write(home.join(".kube/config"), self.kubeconfig(kubeconfig).to_string()).unwrap();
    }

    /// The administrator's kubeconfig with the service account in his place.
    fn kubeconfig(&self, admin: &Path) -> Value {
        let account = &self.job["spec"]["template"]["spec"]["serviceAccountName"];
        let path = format!(
            "/api/v1/namespaces/{}/serviceaccounts/{}/token",
            text(&self.job, "namespace"),
            account.as_str().unwrap(),
        );
        let request =
            json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {} });
        let token = self.world.api.must("POST", &path, &request)["status"]["token"].clone();
        let config = bookend::files::yaml::parse(&fs::read(admin).unwrap()).unwrap();
        let mut config = config.into_json().unwrap();
        config["users"] = json!([{ "name": "test", "user": { "token": token } }]);
        config["contexts"][0]["context"]["user"] = json!("test");
        config
    }
}

fn text<'v>(object: &'v Value, field: &str) -> &'v str {
    object["metadata"][field].as_str().unwrap_or_default()
}
