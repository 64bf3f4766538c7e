//! What the tests of pods share: a Promise in the cluster, the Jobs that `core::pipeline` makes of it, and what is left.

use std::process::Command;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread;
use std::time::{Duration, Instant};

use bookend::contract::{Kind, Object, kinds, labels};
use bookend::core::config::Config;
use bookend::core::pipeline::{Adapter, JobInput, Run, job, job_namespace, scheduling_config_map};
use bookend::core::promise::{Promise, WorkflowAction, WorkflowType};
use bookend::core::rbac::default_grants;
use serde_json::{Value, json};

use crate::api::{Api, node};

/// The image that all three containers run: one is enough for Kratix.
pub(super) const ADAPTER_IMAGE: &str = "localhost/bookend-reader:dev";
/// The image of the users' containers.
pub(super) const STAGE_IMAGE: &str = "localhost/stage:1";
/// How long a Job may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);
const BETWEEN_LOOKS: Duration = Duration::from_millis(150);

static ORDER: RwLock<()> = RwLock::new(());

/// Lets this test run beside others, but not beside one that is [`alone`].
pub(super) fn together() -> RwLockReadGuard<'static, ()> {
    ORDER.read().unwrap_or_else(PoisonError::into_inner)
}

/// Lets no other test run: for one that harms the API server, or measures.
pub(super) fn alone() -> RwLockWriteGuard<'static, ()> {
    ORDER.write().unwrap_or_else(PoisonError::into_inner)
}

/// Looks until there is something, and returns it.
pub(super) fn wait_for<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    look_for(look).unwrap_or_else(|| panic!("gave up waiting for {what}"))
}

/// Looks until there is something, but not for ever.
fn look_for<T>(mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        if let found @ Some(_) = look() {
            return found;
        }
        thread::sleep(BETWEEN_LOOKS);
    }
    None
}

/// A user's container: a shell script. `restricted` wants every container to say what it does without.
pub(super) fn stage(name: &str, script: &str) -> Value {
    json!({ "name": name, "image": STAGE_IMAGE, "command": ["sh", "-euc", script] })
}

/// One workflow of one Promise, to be set up in the cluster. Its name is that of the Promise and of the namespace.
pub(super) struct Recipe {
    pub(super) name: &'static str,
    pub(super) workflow: WorkflowType,
    pub(super) action: WorkflowAction,
    /// Kind of the requests: one of the CRDs of this folder.
    pub(super) kind: &'static str,
    /// Containers of each pipeline.
    pub(super) pipelines: Vec<Vec<Value>>,
    /// More keys of each pipeline's `spec`.
    pub(super) pipeline_spec: Value,
    /// More keys of the Promise's `spec`.
    pub(super) promise_spec: Value,
    /// Status that the controller has given the object; null for what [`flat`] says.
    pub(super) status: Value,
}

impl Default for Recipe {
    fn default() -> Self {
        Self {
            name: "",
            workflow: WorkflowType::Resource,
            action: WorkflowAction::Configure,
            kind: "Widget",
            pipelines: vec![vec![stage("one", "true"), stage("two", "true")]],
            pipeline_spec: json!({}),
            promise_spec: json!({}),
            status: Value::Null,
        }
    }
}

/// Keys of a pipeline's `spec` with which a failed container ends the Job.
pub(super) fn once() -> Value {
    json!({ "restartPolicy": "Never", "jobOptions": { "backoffLimit": 0 } })
}

/// The status of an object whose only pipeline has been started, in the flat layout.
pub(super) fn flat() -> Value {
    json!({
        "message": "Pending", "workflows": 1, "workflowsSucceeded": 0, "workflowsFailed": 0,
        "kratix": { "workflows": { "pipelines": [{ "name": "pipe-0", "phase": "Running" }] } },
    })
}

impl Recipe {
    /// Makes namespace, Promise, request, rights and the ConfigMap of the scheduling.
    pub(super) fn set_up(self) -> Flow {
        let api = node();
        let namespace = self.name;
        make_namespace(api, namespace);
        make_kind(api, self.kind);
        let status = if self.status.is_null() { flat() } else { self.status.clone() };
        let status = Some(status).filter(|status| *status != json!({}));
        let promise = self.promise();
        let (mut promise, kind) = (Object::from_value(promise).unwrap(), self.request_kind());
        let of_promise = status.clone().filter(|_| self.workflow == WorkflowType::Promise);
        promise = put(api, &kinds::PROMISE, &promise, of_promise);
        let request = (self.workflow == WorkflowType::Resource).then(|| {
            let mut request = Object::new(&kind, Some(namespace), "sample");
            request.0.insert("spec".into(), json!({ "size": 3 }));
            put(api, &kind, &request, status)
        });
        let promise = Promise::from_object(&promise).unwrap();
        let flow = Flow { api, promise, request, kind, recipe: self };
        make_namespace(api, flow.job_namespace());
        let map = scheduling_config_map(&flow.promise, flow.job_namespace());
        api.must("POST", &path(&kinds::CONFIG_MAP, &map, false), &map.into_value());
        flow.grant();
        flow
    }

    fn promise(&self) -> Value {
        let pipelines: Vec<Value> = self
            .pipelines
            .iter()
            .enumerate()
            .map(|(index, containers)| {
                let mut spec = self.pipeline_spec.clone();
                spec["containers"] = json!(containers);
                json!({
                    "apiVersion": kinds::PROMISE.api_version(), "kind": kinds::PIPELINE_KIND,
                    "metadata": { "name": format!("pipe-{index}") }, "spec": spec,
                })
            })
            .collect();
        let mut spec = self.promise_spec.clone();
        spec["api"] = crd(self.kind);
        spec["workflows"][self.workflow.as_str()][self.action.as_str()] = json!(pipelines);
        json!({
            "apiVersion": kinds::PROMISE.api_version(), "kind": kinds::PROMISE.kind,
            "metadata": { "name": self.name }, "spec": spec,
        })
    }

    fn request_kind(&self) -> Kind {
        bookend::core::promise::Api::read(&crd(self.kind)).unwrap().kind
    }
}

/// Asks kubectl, as somebody on call would.
pub(super) fn kubectl(args: &[&str]) -> String {
    let output = Command::new("kubectl").args(args).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "kubectl {args:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

/// A workflow in the cluster.
pub(super) struct Flow {
    pub(super) api: &'static Api,
    pub(super) promise: Promise,
    /// As it was made; [`Flow::object`] looks anew.
    pub(super) request: Option<Object>,
    kind: Kind,
    pub(super) recipe: Recipe,
}

impl Flow {
    /// Namespace in which its pods run.
    pub(super) fn job_namespace(&self) -> &str {
        job_namespace(&self.promise, self.request.as_ref()).unwrap()
    }

    /// Path of the object that the workflow is for.
    pub(super) fn object_path(&self) -> String {
        match &self.request {
            Some(request) => path(&self.kind, request, true),
            None => path(&kinds::PROMISE, &self.promise.object, true),
        }
    }

    /// The object that the workflow is for, as it is now.
    pub(super) fn object(&self) -> Object {
        Object::from_value(self.api.must("GET", &self.object_path(), &Value::Null)).unwrap()
    }

    /// Changes the request's spec, as its author would.
    pub(super) fn change(&mut self, spec: &Value) {
        let path = self.object_path();
        let changed = self.api.must("PATCH", &path, &json!({ "spec": spec }));
        self.request = Object::from_value(changed);
    }

    /// Asks for the object to go, and holds it back for the delete workflow.
    pub(super) fn delete(&self) {
        let path = self.object_path();
        let patch = json!({ "metadata": { "finalizers": ["test.example.com/held"] } });
        self.api.must("PATCH", &path, &patch);
        self.api.must("DELETE", &path, &Value::Null);
    }

    /// The Works of this Promise, in whatever namespace.
    pub(super) fn works(&self) -> Vec<Value> {
        let kind = &kinds::WORK;
        let selector = format!("{}={}", labels::PROMISE_NAME, self.promise.name);
        let (group, version, plural) = (&kind.group, &kind.version, &kind.plural);
        let list = format!("/apis/{group}/{version}/{plural}?labelSelector={selector}");
        self.api.must("GET", &list, &Value::Null)["items"].as_array().unwrap().clone()
    }

    /// The account and rights that Kratix gives the pods of each pipeline.
    pub(super) fn grants(&self) -> Vec<Object> {
        let Recipe { workflow, action, .. } = self.recipe;
        let pipelines = self.promise.pipelines(workflow, action).iter();
        let request = self.request.as_ref();
        pipelines
            .flat_map(|pipeline| {
                default_grants(&self.promise, request, workflow, action, pipeline).unwrap()
            })
            .collect()
    }

    fn grant(&self) {
        for grant in self.grants() {
            let kind = kind_of_grant(&grant);
            self.api.must("POST", &path(kind, &grant, false), &grant.into_value());
        }
    }

    /// The Job of a pipeline, as Kratix makes it. Another `trigger` is another run.
    pub(super) fn job(&self, index: usize, trigger: &str) -> Object {
        let config = Config {
            // What `restricted` wants, as an installation would set it for users' containers.
            container_security_context: Some(json!({
                "allowPrivilegeEscalation": false, "capabilities": { "drop": ["ALL"] },
                "runAsNonRoot": true, "seccompProfile": { "type": "RuntimeDefault" },
            })),
            ..Config::default()
        };
        let adapter = Adapter { image: ADAPTER_IMAGE.into(), pull_secret: None };
        let run = Run { trigger: trigger.to_owned(), attempt: 0 };
        job(&JobInput {
            promise: &self.promise,
            request: self.request.as_ref(),
            workflow: self.recipe.workflow,
            action: self.recipe.action,
            index,
            config: &config,
            adapter: &adapter,
            run: &run,
        })
        .unwrap()
    }

    /// Creates the Job of the first pipeline and waits for its end.
    pub(super) fn run(&self, trigger: &str) -> Finished {
        self.start(self.job(0, trigger)).wait()
    }

    /// Creates a Job.
    pub(super) fn start(&self, job: Object) -> Started {
        let path = path(&kinds::JOB, &job, false);
        let name = job.name().to_owned();
        self.api.must("POST", &path, &job.into_value());
        Started { api: self.api, path: format!("{path}/{name}"), name }
    }
}

/// A Job that runs.
pub(super) struct Started {
    pub(super) api: &'static Api,
    pub(super) path: String,
    pub(super) name: String,
}

impl Started {
    /// Its newest pod, as it is now.
    pub(super) fn pod(&self) -> Option<Value> {
        let namespace = self.path.split('/').nth(5).unwrap();
        let name = &self.name;
        let list = format!("/api/v1/namespaces/{namespace}/pods?labelSelector=job-name={name}");
        let pods = self.api.must("GET", &list, &Value::Null)["items"].as_array().unwrap().clone();
        pods.into_iter()
            .max_by_key(|pod| pod["metadata"]["creationTimestamp"].as_str().unwrap().to_owned())
    }

    /// Waits until it is complete or has failed.
    pub(super) fn wait(self) -> Finished {
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
pub(super) struct Finished {
    api: &'static Api,
    pub(super) job: Value,
    pub(super) pod: Value,
}

impl Finished {
    /// Asserts that it is complete at the first try of every container.
    pub(super) fn succeeded(self) -> Self {
        assert!(has_condition(&self.job, "Complete"), "{}", self.account());
        for status in self.containers() {
            assert_eq!(status["restartCount"], 0, "{}", self.account());
        }
        self
    }

    /// Asserts that it has failed.
    pub(super) fn failed(self) -> Self {
        assert!(has_condition(&self.job, "Failed"), "{}", self.account());
        self
    }

    /// Status of every container, in the order in which they run.
    pub(super) fn containers(&self) -> Vec<Value> {
        let lists = ["initContainerStatuses", "containerStatuses"];
        let lists = lists.iter().filter_map(|list| self.pod["status"][list].as_array());
        lists.flatten().cloned().collect()
    }

    /// How a container ended: `exitCode`, `message`, `startedAt`, `finishedAt`.
    pub(super) fn end_of(&self, container: &str) -> Value {
        let statuses = self.containers();
        let status = statuses.iter().find(|status| status["name"] == container).unwrap();
        status["state"]["terminated"].clone()
    }

    /// `kubectl describe pod`.
    pub(super) fn describe(&self) -> String {
        let metadata = &self.pod["metadata"];
        let (namespace, name) = (&metadata["namespace"], &metadata["name"]);
        kubectl(&["describe", "pod", "-n", namespace.as_str().unwrap(), name.as_str().unwrap()])
    }

    /// What a container wrote.
    pub(super) fn log(&self, container: &str) -> String {
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

/// The CRD of a kind, from the files of this folder.
fn crd(kind: &str) -> Value {
    let files = [include_bytes!("../crds.yaml").as_slice(), include_bytes!("crds.yaml").as_slice()];
    let crds = files.iter().flat_map(|file| bookend::files::yaml::parse_objects(file).unwrap());
    let crds = crds.map(Object::into_value);
    let mut crds = crds.filter(|crd| crd["spec"]["names"]["kind"] == kind);
    crds.next().unwrap_or_else(|| panic!("no CRD of kind {kind}"))
}

/// Makes a namespace in which Pod Security lets nothing pass that is not `restricted`.
fn make_namespace(api: &Api, name: &str) {
    let namespace = json!({
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": { "name": name, "labels": { "pod-security.kubernetes.io/enforce": "restricted" } },
    });
    let (status, answer) = api.ask("POST", "/api/v1/namespaces", &namespace);
    assert!(status == 201 || status == 409, "{answer}");
}

/// Installs the CRD of a kind, as Kratix does when it meets the Promise.
fn make_kind(api: &Api, kind: &str) {
    let crd = crd(kind);
    let (status, answer) = api.ask("POST", &path(&kinds::CRD, &Object::default(), false), &crd);
    assert!(status == 201 || status == 409, "{answer}");
    let kind = bookend::core::promise::Api::read(&crd).unwrap().kind;
    let list = path(&kind, &Object::default(), false);
    wait_for(&list, || (api.ask("GET", &list, &Value::Null).0 == 200).then_some(()));
}

/// Creates an object with its status, and returns it as stored.
fn put(api: &Api, kind: &Kind, object: &Object, status: Option<Value>) -> Object {
    let mut stored = api.must("POST", &path(kind, object, false), &object.clone().into_value());
    if let Some(status) = status {
        stored["status"] = status;
        stored = api.must("PUT", &format!("{}/status", path(kind, object, true)), &stored);
    }
    Object::from_value(stored).unwrap()
}

pub(super) fn kind_of_grant(grant: &Object) -> &'static Kind {
    static KINDS: [Kind; 5] = [
        kinds::SERVICE_ACCOUNT,
        kinds::ROLE,
        kinds::ROLE_BINDING,
        kinds::CLUSTER_ROLE,
        kinds::CLUSTER_ROLE_BINDING,
    ];
    KINDS.iter().find(|kind| kind.kind == grant.kind()).unwrap()
}

/// Path of an object, or of the collection it is in.
pub(super) fn path(kind: &Kind, object: &Object, is_one: bool) -> String {
    let root = if kind.group.is_empty() { "/api".into() } else { format!("/apis/{}", kind.group) };
    let home = match object.namespace() {
        Some(namespace) => format!("namespaces/{namespace}/"),
        None => String::new(),
    };
    let name = if is_one { format!("/{}", object.name()) } else { String::new() };
    format!("{root}/{}/{home}{}{name}", kind.version, kind.plural)
}
