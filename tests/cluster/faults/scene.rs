//! One Promise in a namespace of its own, its requests, the stand-in that finishes their Jobs, and the count in the end.

use std::collections::HashMap;
use std::fs;
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client};
use serde_json::{Value, json};

use bookend::contract::{Object, kinds};

use super::reconciler::Reconciler;
use crate::api::{self, api};
use crate::install;
use crate::load::documents::{self, Ask};
use crate::load::requests::Requests;
use crate::standin::{Identity, Run, Settings, StandIn};

/// How long anything may take until it is settled.
const LIMIT: Duration = Duration::from_secs(180);

/// Runs a test on as many threads as it likes, with the kinds that we install and the account of a controller.
pub(super) fn play(test: impl Future<Output = ()>) {
    let api = api();
    // The other tests have kinds of their own, which know nothing of what we add to a status.
    let before = bookend::core::crd::own().into_iter().map(|crd| replace(api, crd)).collect();
    let _restore = Restore { api, crds: before };
    let kubeconfig = install::controller(api, &administrator());
    fs::write(controller(), kubeconfig.to_string()).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(test);
}

/// The kubeconfig of the administrator.
pub(super) fn administrator() -> PathBuf {
    PathBuf::from(std::env::var_os("KUBECONFIG").unwrap())
}

/// The kubeconfig of the controller's account, with the rights that `bookend install` gives.
pub(super) fn controller() -> PathBuf {
    administrator().with_file_name("controller.kubeconfig")
}

/// Puts a CRD in the place of the one of its name, and returns that.
fn replace(api: &api::Api, crd: Object) -> Object {
    let path = format!("/apis/{}/customresourcedefinitions/{}", crd.api_version(), crd.name());
    let before = api.must("GET", &path, &Value::Null);
    let mut after = before.clone();
    after["spec"] = crd.into_value()["spec"].take();
    api.must("PUT", &path, &after);
    Object::from_value(before).unwrap()
}

/// Puts the CRDs back that were there.
struct Restore {
    api: &'static api::Api,
    crds: Vec<Object>,
}

impl Drop for Restore {
    fn drop(&mut self) {
        // After a failure the server may be away, and what is left may tell why.
        if std::thread::panicking() {
            return;
        }
        self.api.remove_all();
        for crd in self.crds.drain(..) {
            replace(self.api, crd);
        }
    }
}

/// A seed, printed so that a failure can be had again: `BOOKEND_SEED`, else the time.
pub(crate) fn seed() -> u64 {
    let given = std::env::var_os("BOOKEND_SEED").and_then(|text| text.to_str()?.parse().ok());
    let seed = given.unwrap_or_else(|| jiff::Timestamp::now().as_nanosecond() as u64);
    println!("BOOKEND_SEED={seed}");
    seed
}

/// What a test has in its hands.
pub(super) struct Scene {
    pub(super) client: Client,
    pub(super) standin: StandIn,
    pub(super) requests: Requests,
    ask: Ask,
}

impl Scene {
    /// Makes Promise and namespace, with the help of a first reconciler that is stopped again.
    pub(super) async fn set(name: &str, pipelines: usize, delay: Duration) -> Self {
        let client = Client::try_default().await.unwrap();
        short_lease(&client).await;
        let ask = Ask {
            name: name.to_owned(),
            promises: 1,
            pipelines,
            dependencies: false,
            namespace: name.to_owned(),
        };
        documents::make_namespace(&client, name).await;
        let standin =
            StandIn::start(client.clone(), Settings { delay, ..Settings::default() }).await;
        let first = Reconciler::start("first", &controller()).await;
        documents::install(&client, &ask).await;
        drop(first);
        let requests = Requests::watch(&client, &ask).await;
        Self { client, standin, requests, ask }
    }

    /// Creates the requests of these numbers.
    pub(super) async fn create(&self, numbers: Range<usize>) {
        documents::create(&self.client, &self.ask, numbers).await;
    }

    /// Returns once so many requests are settled.
    pub(super) async fn settled(&self, number: usize, reconcilers: &[&Reconciler]) {
        if tokio::time::timeout(LIMIT, self.requests.wait(number)).await.is_err() {
            let settled = self.requests.settled().len();
            let logs: Vec<String> = reconcilers.iter().map(|one| one.log()).collect();
            panic!("{settled} of {number} settled after {LIMIT:?}\n{}", logs.join("\n---\n"));
        }
    }

    /// Jobs of this scene, every one that there ever was.
    pub(super) fn runs(&self) -> Vec<Run> {
        let mut runs = self.standin.runs();
        runs.retain(|run| run.identity.namespace == self.ask.namespace);
        runs
    }

    /// Checks that each pipeline of each of so many requests has run once, and never two of one request at once.
    pub(super) fn check_each_ran_once(&self, requests: usize) {
        let runs = self.runs();
        let mut reasons: HashMap<Identity, Vec<&Run>> = HashMap::new();
        for run in &runs {
            let reason = Identity { run: String::new(), ..run.identity.clone() };
            reasons.entry(reason).or_default().push(run);
        }
        let twice: Vec<_> = reasons.values().filter(|runs| runs.len() > 1).collect();
        assert!(twice.is_empty(), "{} ran twice: {:#?}", twice.len(), &twice[..twice.len().min(3)]);
        assert_eq!(runs.len(), requests * self.ask.pipelines, "Jobs ever made");
        assert!(runs.iter().all(|run| run.is_started && run.fault.is_none()), "{runs:#?}");
        self.check_lanes();
    }

    /// Checks that no identity was used twice, and that no two Jobs of one request ran at the same time.
    pub(super) fn check_lanes(&self) {
        let runs = self.runs();
        let mut lanes: HashMap<&str, Vec<&Run>> = HashMap::new();
        let mut identities: HashMap<&Identity, &Run> = HashMap::new();
        for run in &runs {
            lanes.entry(&run.identity.name).or_default().push(run);
            if let Some(other) = identities.insert(&run.identity, run) {
                panic!("one identity, two Jobs: {run:?} {other:?}");
            }
        }
        for lane in lanes.values_mut() {
            lane.sort_by_key(|run| run.appeared);
            for pair in lane.windows(2) {
                let before = pair[0].ended.map(|(time, _)| time).or(pair[0].gone);
                assert!(before.is_some_and(|end| end <= pair[1].appeared), "at once: {pair:#?}");
            }
        }
    }
}

/// Has a Lease end soon, so that a test of many kills does not wait for minutes.
async fn short_lease(client: &Client) {
    lease(client, Some("{leaseDuration: 3s, renewDeadline: 2s, retryPeriod: 500ms}")).await;
}

/// Writes the times of the Lease into the installation's ConfigMap; `None` for the product's own.
pub(super) async fn lease(client: &Client, times: Option<&str>) {
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), kinds::SYSTEM_NAMESPACE);
    let config =
        times.map_or_else(|| "{}".to_owned(), |times| format!("controllerLeaderElection: {times}"));
    let map = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "kratix" },
        "data": { "config": config },
    });
    maps.patch("kratix", &PatchParams::apply("test").force(), &Patch::Apply(map)).await.unwrap();
}
