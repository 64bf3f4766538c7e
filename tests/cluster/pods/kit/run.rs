//! A Job that runs, and what is left of one that is over.

use serde_json::Value;

use super::{kubectl, look_for};
use crate::api::Api;

/// A Job that runs.
#[derive(Clone)]
pub(crate) struct Started {
    api: &'static Api,
    pub(crate) path: String,
    pub(crate) name: String,
}

impl Started {
    /// A Job that is there, at this path of the API.
    pub(crate) fn new(api: &'static Api, path: String, name: String) -> Self {
        Self { api, path, name }
    }

    /// Its newest pod, as it is now.
    pub(crate) fn pod(&self) -> Option<Value> {
        let namespace = self.path.split('/').nth(5).unwrap();
        let name = &self.name;
        let list = format!("/api/v1/namespaces/{namespace}/pods?labelSelector=job-name={name}");
        let pods = self.api.must("GET", &list, &Value::Null)["items"].as_array().unwrap().clone();
        pods.into_iter()
            .max_by_key(|pod| pod["metadata"]["creationTimestamp"].as_str().unwrap().to_owned())
    }

    /// Waits until it is complete or has failed.
    pub(crate) fn wait(self) -> Finished {
        let look = || self.api.must("GET", &self.path, &Value::Null);
        let is_over =
            |job: &Value| ["Complete", "Failed"].iter().any(|kind| has_condition(job, kind));
        let job = look_for(|| Some(look()).filter(is_over));
        let in_time = job.is_some();
        let pod = self.pod().unwrap_or_else(|| panic!("no pod: {}", look()));
        let finished = Finished { api: self.api, job: job.unwrap_or_else(look), pod };
        assert!(in_time, "gave up waiting for {}: {}", self.path, finished.account());
        finished
    }
}

/// A Job that is over, and its newest pod.
pub(crate) struct Finished {
    api: &'static Api,
    pub(crate) job: Value,
    pub(crate) pod: Value,
}

impl Finished {
    /// Asserts that it is complete.
    pub(crate) fn completed(self) -> Self {
        assert!(has_condition(&self.job, "Complete"), "{}", self.account());
        self
    }

    /// Asserts that it is complete at the first try of every container.
    pub(crate) fn succeeded(self) -> Self {
        let finished = self.completed();
        for status in finished.containers() {
            assert_eq!(status["restartCount"], 0, "{}", finished.account());
        }
        // A pod that was replaced would be another try.
        assert!(
            finished.job["status"]["failed"].as_u64().unwrap_or(0) == 0,
            "{}",
            finished.account()
        );
        finished
    }

    /// Asserts that it has failed.
    pub(crate) fn failed(self) -> Self {
        assert!(has_condition(&self.job, "Failed"), "{}", self.account());
        self
    }

    /// Status of every container, in the order in which they run.
    pub(crate) fn containers(&self) -> Vec<Value> {
        let lists = ["initContainerStatuses", "containerStatuses"];
        let lists = lists.iter().filter_map(|list| self.pod["status"][list].as_array());
        lists.flatten().cloned().collect()
    }

    /// How a container ended: `exitCode`, `message`, `startedAt`, `finishedAt`.
    pub(crate) fn end_of(&self, container: &str) -> Value {
        let statuses = self.containers();
        let status = statuses.iter().find(|status| status["name"] == container).unwrap();
        status["state"]["terminated"].clone()
    }

    /// `kubectl describe pod`.
    pub(crate) fn describe(&self) -> String {
        let metadata = &self.pod["metadata"];
        let (namespace, name) = (&metadata["namespace"], &metadata["name"]);
        kubectl(&["describe", "pod", "-n", namespace.as_str().unwrap(), name.as_str().unwrap()])
    }

    /// What a container wrote.
    pub(crate) fn log(&self, container: &str) -> String {
        let metadata = &self.pod["metadata"];
        let (namespace, name) = (&metadata["namespace"], &metadata["name"]);
        let (namespace, name) = (namespace.as_str().unwrap(), name.as_str().unwrap());
        let path = format!("/api/v1/namespaces/{namespace}/pods/{name}/log?container={container}");
        String::from_utf8(self.api.send("GET", &path, &[], Vec::new()).body).unwrap()
    }

    /// What a test that fails needs to show.
    fn account(&self) -> String {
        let mut text = format!("{}\n", self.job["status"]);
        for status in self.containers() {
            let name = status["name"].as_str().unwrap();
            text += &format!("--- {name}: {}\n{}", status["state"], self.log(name));
        }
        text
    }
}

fn has_condition(job: &Value, kind: &str) -> bool {
    let conditions = job["status"]["conditions"].as_array();
    let conditions = conditions.into_iter().flatten();
    conditions.into_iter().any(|found| found["type"] == kind && found["status"] == "True")
}
