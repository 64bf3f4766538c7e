//! A workflow in the cluster: a Promise, its request and rights, and the Jobs that `core::pipeline` makes of them.

use bookend::contract::{Kind, Object, kinds, labels};
use bookend::core::config::Config;
use bookend::core::pipeline::{Adapter, JobInput, job, job_namespace, scheduling_config_map};
use bookend::core::promise::{Api as PromiseApi, Promise, WorkflowAction, WorkflowType};
use bookend::core::rbac::{Grantee, Rights, grants};
use serde_json::{Value, json};

use super::run::{Finished, Started};
use super::{ADAPTER_IMAGE, crd, flat, kind_of_grant, make_kind, make_namespace, path, put, stage};
use crate::api::{Api, node};

/// One workflow of one Promise, to be set up in the cluster. Its name is that of the Promise and of the namespace.
pub(crate) struct Recipe {
    pub(crate) name: &'static str,
    pub(crate) workflow: WorkflowType,
    pub(crate) action: WorkflowAction,
    /// Kind of the requests: one of the CRDs of this folder.
    pub(crate) kind: &'static str,
    /// Containers of each pipeline.
    pub(crate) pipelines: Vec<Vec<Value>>,
    /// More keys of each pipeline's `spec`.
    pub(crate) pipeline_spec: Value,
    /// More keys of the Promise's `spec`.
    pub(crate) promise_spec: Value,
    /// Status that the controller has given the object; null for what [`flat`] says.
    pub(crate) status: Value,
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

impl Recipe {
    /// Makes namespace, Promise, request, rights and the ConfigMap of the scheduling.
    pub(crate) fn set_up(self) -> Flow {
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
        PromiseApi::read(&crd(self.kind)).unwrap().kind
    }
}

/// A workflow in the cluster.
pub(crate) struct Flow {
    pub(crate) api: &'static Api,
    pub(crate) promise: Promise,
    /// As it was made; [`Flow::object`] looks anew.
    pub(crate) request: Option<Object>,
    kind: Kind,
    pub(crate) recipe: Recipe,
}

impl Flow {
    /// Namespace in which its pods run.
    pub(crate) fn job_namespace(&self) -> &str {
        job_namespace(&self.promise, self.request.as_ref()).unwrap()
    }

    /// Path of the object that the workflow is for.
    pub(crate) fn object_path(&self) -> String {
        match &self.request {
            Some(request) => path(&self.kind, request, true),
            None => path(&kinds::PROMISE, &self.promise.object, true),
        }
    }

    /// The object that the workflow is for, as it is now.
    pub(crate) fn object(&self) -> Object {
        Object::from_value(self.api.must("GET", &self.object_path(), &Value::Null)).unwrap()
    }

    /// Changes the request's spec, as its author would.
    pub(crate) fn change(&mut self, spec: &Value) {
        let path = self.object_path();
        let changed = self.api.must("PATCH", &path, &json!({ "spec": spec }));
        self.request = Object::from_value(changed);
    }

    /// Asks for the object to go, and holds it back for the delete workflow.
    pub(crate) fn delete(&self) {
        let path = self.object_path();
        let patch = json!({ "metadata": { "finalizers": ["test.example.com/held"] } });
        self.api.must("PATCH", &path, &patch);
        self.api.must("DELETE", &path, &Value::Null);
    }

    /// The Works of this Promise, in whatever namespace.
    pub(crate) fn works(&self) -> Vec<Value> {
        let kind = &kinds::WORK;
        let selector = format!("{}={}", labels::PROMISE_NAME, self.promise.name);
        let (group, version, plural) = (&kind.group, &kind.version, &kind.plural);
        let list = format!("/apis/{group}/{version}/{plural}?labelSelector={selector}");
        self.api.must("GET", &list, &Value::Null)["items"].as_array().unwrap().clone()
    }

    /// The account and rights that Kratix gives the pods of each pipeline.
    pub(crate) fn grants(&self) -> Vec<Object> {
        let Recipe { workflow, action, .. } = self.recipe;
        let (promise, request) = (&self.promise, self.request.as_ref());
        let all = 0..promise.pipelines(workflow, action).len();
        all.flat_map(|index| {
            let rights = Rights::Kratix;
            grants(&Grantee {
                promise,
                request,
                workflow,
                action,
                index,
                rights,
                sidecar: Default::default(),
            })
            .unwrap()
        })
        .filter(|grant| grant.kind() != kinds::CONFIG_MAP.kind)
        .collect()
    }

    fn grant(&self) {
        for grant in self.grants() {
            let kind = kind_of_grant(&grant);
            self.api.must("POST", &path(kind, &grant, false), &grant.into_value());
        }
    }

    /// Gives the rights again that were taken away.
    pub(crate) fn grant_again(&self) {
        for grant in self.grants().into_iter().filter(|grant| grant.0.contains_key("rules")) {
            let path = path(kind_of_grant(&grant), &grant, true);
            self.api.must("PUT", &path, &grant.into_value());
        }
    }

    /// The Job of a pipeline, as Kratix makes it, under the number of a run.
    pub(crate) fn job(&self, index: usize, run: i64) -> Object {
        let config = Config {
            // What `restricted` wants, as an installation would set it for users' containers.
            container_security_context: Some(json!({
                "allowPrivilegeEscalation": false, "capabilities": { "drop": ["ALL"] },
                "runAsNonRoot": true, "seccompProfile": { "type": "RuntimeDefault" },
            })),
            ..Config::default()
        };
        let adapter = Adapter { image: ADAPTER_IMAGE.into(), pull_secret: None };
        job(&JobInput {
            promise: &self.promise,
            request: self.request.as_ref(),
            workflow: self.recipe.workflow,
            action: self.recipe.action,
            index,
            config: &config,
            adapter: &adapter,
            run,
        })
        .unwrap()
    }

    /// Creates the Job of the first pipeline and waits for its end.
    pub(crate) fn run(&self, run: i64) -> Finished {
        self.start(self.job(0, run)).wait()
    }

    /// Creates a Job.
    pub(crate) fn start(&self, job: Object) -> Started {
        let path = path(&kinds::JOB, &job, false);
        let name = job.name().to_owned();
        self.api.must("POST", &path, &job.into_value());
        Started::new(self.api, format!("{path}/{name}"), name)
    }
}
