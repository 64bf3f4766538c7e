//! Plans are carried out in order, and a failure anywhere leaves nothing that the next plan cannot go on from.

mod pruning;

use bookend::cluster::failing::{Call, FailingCluster, Failure, When};
use bookend::cluster::folder::FolderCluster;
use bookend::cluster::{Cluster, Reads as _};
use bookend::contract::{Kind, Object, kinds};
use bookend::core::config::Config;
use bookend::core::pipeline::Adapter;
use bookend::core::promise::{Promise, WorkflowType};
use bookend::core::rbac::Rights;
use bookend::core::workflow::{Action, JobSeen, Layout, Metadata, Plan, Seen, State, request};
use bookend::effect::{Carried, EffectError, Hands, carry_out};
use bookend::exit::Fault as _;
use jiff::Timestamp;
use pruning::Pruning;
use serde_json::{Map, json};

const THING: Kind = Kind {
    group: std::borrow::Cow::Borrowed("g.io"),
    version: std::borrow::Cow::Borrowed("v1"),
    kind: std::borrow::Cow::Borrowed("Thing"),
    plural: std::borrow::Cow::Borrowed("things"),
    namespaced: true,
};

/// The same cluster once more.
fn same(real: &FolderCluster) -> FolderCluster {
    FolderCluster::new(real.root())
}

fn promise() -> Promise {
    let value = json!({
        "apiVersion": "platform.kratix.io/v1alpha1", "kind": "Promise",
        "metadata": {"name": "p", "uid": "promise"},
        "spec": {
            "api": {
                "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
                "metadata": {"name": "things.g.io"},
                "spec": {
                    "group": "g.io", "scope": "Namespaced",
                    "names": {"kind": "Thing", "plural": "things"},
                    "versions": [{"name": "v1", "storage": true, "served": true}],
                },
            },
            "workflows": {"resource": {"configure": [{
                "apiVersion": "platform.kratix.io/v1alpha1", "kind": "Pipeline",
                "metadata": {"name": "one"},
                "spec": {"containers": [{"name": "a", "image": "b"}]},
            }]}},
        },
    });
    Promise::from_object(&Object::from_value(value).unwrap()).unwrap()
}

struct Scene {
    _folder: tempfile::TempDir,
    promise: Promise,
    config: Config,
    adapter: Adapter,
}

impl Scene {
    async fn new() -> (Self, FolderCluster) {
        let folder = tempfile::tempdir().unwrap();
        let cluster = FolderCluster::new(folder.path());
        let mut object = Object::new(&THING, Some("team"), "r");
        object.0.insert("spec".into(), json!({"size": 1}));
        cluster.create(&THING, &object).await.unwrap();
        let adapter = Adapter { image: "adapter:1".into(), pull_secret: None };
        let scene =
            Self { _folder: folder, promise: promise(), config: Config::default(), adapter };
        (scene, cluster)
    }

    /// Plans from what the cluster holds, and carries it out with `hands`.
    async fn pass<C: Cluster>(
        &self,
        cluster: &C,
        real: &FolderCluster,
    ) -> (Plan, Result<Carried, EffectError>) {
        self.pass_with(cluster, real, &[], None).await
    }

    async fn pass_with<C: Cluster>(
        &self,
        cluster: &C,
        real: &FolderCluster,
        absent: &[String],
        plan: Option<Plan>,
    ) -> (Plan, Result<Carried, EffectError>) {
        let object = real.get(&THING.object(Some("team"), "r")).await.unwrap().unwrap();
        let jobs = real.list(&kinds::JOB, Some("team"), &[]).await.unwrap();
        let jobs: Vec<_> = jobs.iter().map(JobSeen::from_object).collect();
        let seen = Seen {
            promise: &self.promise,
            object: &object,
            workflow: WorkflowType::Resource,
            jobs: &jobs,
            absent,
            taken: &[],
            works: &[],
            config: &self.config,
            layout: Layout::Keyed,
            may_start: true,
            promise_is_available: true,
            now: Timestamp::from_second(1_800_000_000).unwrap(),
        };
        let plan = plan.unwrap_or_else(|| request::plan(&seen).unwrap());
        let hands = Hands {
            cluster,
            known: real,
            adapter: &self.adapter,
            rights: Rights::default(),
            may_go_on: &|| true,
            instance: "test",
        };
        let carried = carry_out(&hands, &seen, &plan).await;
        (plan, carried)
    }
}

async fn jobs(cluster: &FolderCluster) -> Vec<Object> {
    cluster.list(&kinds::JOB, None, &[]).await.unwrap()
}

#[tokio::test]
async fn a_start_makes_one_job_and_tells_it() {
    let (scene, real) = Scene::new().await;
    let (plan, carried) = scene.pass(&real, &real).await;
    assert_eq!(plan.state, State::Running);
    let carried = carried.unwrap();
    assert_eq!(carried.jobs.len(), 1);
    assert!(!carried.is_cut_short);
    assert_eq!(jobs(&real).await.len(), 1);
    let events = real.list(&kinds::EVENT, Some("team"), &[]).await.unwrap();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].0["reason"], "PipelineStarted");
    assert_eq!(events[0].0["note"], "Configure Pipeline started: one");
    assert_eq!(events[0].0["regarding"]["name"], "r");
    // Its Job runs: nothing is left to do.
    let (plan, _) = scene.pass(&real, &real).await;
    assert_eq!((plan.actions, plan.state), (Vec::new(), State::Running));
}

/// Calls that a start makes, once its rights are there: label and finalizers, status, Job, status, event.
#[tokio::test]
async fn a_second_request_costs_five_calls_to_start() {
    let (scene, real) = Scene::new().await;
    scene.pass(&real, &real).await.1.unwrap();
    // Another of the same name, later: the rights are there.
    real.delete(&jobs(&real).await[0].key(&kinds::JOB)).await.unwrap();
    let key = THING.object(Some("team"), "r");
    real.delete(&key).await.unwrap();
    let mut object = Object::new(&THING, Some("team"), "r");
    object.0.insert("spec".into(), json!({"size": 1}));
    real.create(&THING, &object).await.unwrap();
    for event in real.list(&kinds::EVENT, Some("team"), &[]).await.unwrap() {
        real.delete(&event.key(&kinds::EVENT)).await.unwrap();
    }
    let counting = FailingCluster::transparent(same(&real));
    scene.pass(&counting, &real).await.1.unwrap();
    assert_eq!(counting.calls_of(Call::Patch), 1);
    assert_eq!(counting.calls_of(Call::ReplaceStatus), 2);
    assert_eq!(counting.calls_of(Call::Create), 2);
    assert_eq!(counting.calls(), 5);
}

/// Whatever call fails, and however, the next passes bring it to the same end, with one Job.
#[tokio::test]
async fn every_call_may_fail_once() {
    for failure in
        [Failure::Unreachable, Failure::AnswerLost, Failure::Conflict, Failure::Forbidden]
    {
        for number in 1..=20 {
            let (scene, real) = Scene::new().await;
            let failing = FailingCluster::new(same(&real), When::Nth(number), failure);
            let mut absent = Vec::new();
            for _ in 0..6 {
                let (_, carried) = scene.pass_with(&failing, &real, &absent, None).await;
                absent = carried.map(|carried| carried.absent).unwrap_or_default();
            }
            let (plan, _) = scene.pass(&real, &real).await;
            assert_eq!(plan.actions, Vec::new(), "{failure:?} of call {number}");
            assert_eq!(jobs(&real).await.len(), 1, "{failure:?} of call {number}");
            let object = real.get(&THING.object(Some("team"), "r")).await.unwrap().unwrap();
            let list = object.at(&["status", "kratix", "workflows", "configure", "pipelines"]);
            assert_eq!(list.unwrap()[0]["phase"], "Running", "{failure:?} of call {number}");
        }
    }
}

#[tokio::test]
async fn a_plan_from_an_old_object_does_nothing() {
    let (scene, real) = Scene::new().await;
    let change =
        Metadata { labels: [("a".to_owned(), Some("b".to_owned()))].into(), ..Metadata::default() };
    let job = Object::new(&kinds::CONFIG_MAP, Some("team"), "never");
    let plan = Plan {
        actions: vec![Action::Metadata(change), Action::Apply(Box::new(job))],
        ..Plan::default()
    };
    let failing = FailingCluster::new(same(&real), When::NthOf(Call::Patch, 1), Failure::Conflict);
    let error = scene.pass_with(&failing, &real, &[], Some(plan)).await.1.unwrap_err();
    assert!(error.is_conflict());
    let never = kinds::CONFIG_MAP.object(Some("team"), "never");
    assert_eq!(real.get(&never).await.unwrap(), None);
}

#[tokio::test]
async fn what_is_as_given_is_not_applied_again() {
    let (scene, real) = Scene::new().await;
    let mut map = Object::new(&kinds::CONFIG_MAP, Some("team"), "m");
    map.0.insert("data".into(), json!({"a": "b"}));
    let plan = |map: &Object| Plan {
        actions: vec![Action::Apply(Box::new(map.clone()))],
        ..Plan::default()
    };
    let counting = FailingCluster::transparent(same(&real));
    for (value, applied) in [("b", 1), ("b", 1), ("c", 2)] {
        map.0.insert("data".into(), json!({"a": value}));
        scene.pass_with(&counting, &real, &[], Some(plan(&map))).await.1.unwrap();
        assert_eq!(counting.calls_of(Call::Apply), applied);
    }
}

/// An old CRD drops the fields in which progress stands, and says nothing.
#[tokio::test]
async fn a_schema_that_drops_progress_is_named() {
    let (scene, real) = Scene::new().await;
    let mut status = Map::new();
    status.insert("kratix".into(), json!({"workflows": {"configure": {"pipelines": []}}}));
    let plan = Plan { actions: vec![Action::Status(status)], ..Plan::default() };
    let error = scene.pass_with(&Pruning(&real), &real, &[], Some(plan)).await.1.unwrap_err();
    assert!(matches!(error, EffectError::Pruned { .. }), "{error}");
    assert!(error.hint().unwrap().contains("renew the CRD things.g.io"));
}

/// The Job of another object lies under the name: it is told, and not taken for ours.
#[tokio::test]
async fn a_name_that_is_taken_is_told() {
    let (scene, real) = Scene::new().await;
    scene.pass(&real, &real).await.1.unwrap();
    let mut job = jobs(&real).await.remove(0);
    let name = job.name().to_owned();
    job.set_annotation("kratix.io/job-resource-name", "another");
    real.replace(&kinds::JOB, &job).await.unwrap();
    let of = bookend::core::workflow::Pipelined {
        action: bookend::core::promise::WorkflowAction::Configure,
        index: 0,
    };
    let plan = Plan {
        actions: vec![Action::Start { of, run: 1 }, Action::Status(Map::new())],
        ..Plan::default()
    };
    let carried = scene.pass_with(&real, &real, &[], Some(plan)).await.1.unwrap();
    assert_eq!(carried.taken, [name]);
    assert!(carried.is_cut_short);
    assert_eq!(carried.object, None, "nothing after it is done");
}
