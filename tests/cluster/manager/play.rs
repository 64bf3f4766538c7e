//! Plays the steps of one case, and compares after each.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use bookend::contract::{Kind, Object, kinds};
use serde_json::{Value, json};

use super::compare::{Difference, State, differences, ruling};
use super::pod::{Running, wait};
use super::world::{Aliases, World, request_path};
use crate::api::Api;
use crate::pods::kit::path;
use crate::steps::case::{Case, Step};

/// Nothing has changed for so long: it stands as it should.
const QUIET: Duration = Duration::from_millis(400);
/// Nothing has changed for so long: it stays as it is, though it should not.
const STUCK: Duration = Duration::from_secs(4);
/// How long a step may take to settle.
const LIMIT: Duration = Duration::from_secs(40);
/// How long a Job may take to come where the recording waited for one, and where it waited in vain.
const JOB_COMES: Duration = Duration::from_secs(15);
const JOB_COMES_NOT: Duration = Duration::from_secs(3);
/// How long an object may take to go.
const GONE: Duration = Duration::from_secs(30);

/// How one step went.
pub(super) struct Played {
    pub(super) title: String,
    /// Everything that is not as recorded.
    pub(super) all: Vec<Difference>,
    pub(super) seconds: f64,
}

/// One case on its way.
pub(super) struct Player<'a> {
    world: &'a World,
    case: &'a Case,
    /// Of the administrator.
    kubeconfig: &'a Path,
    aliases: Aliases,
    /// Of every object of the case that was seen.
    uids: BTreeSet<String>,
    /// Events of the steps before, recorded and found.
    told: BTreeSet<String>,
}

impl<'a> Player<'a> {
    pub(super) fn new(world: &'a World, case: &'a Case, kubeconfig: &'a Path) -> Self {
        let (aliases, uids, told) = Default::default();
        Self { world, case, kubeconfig, aliases, uids, told }
    }

    /// Plays all steps. After one that could not be played the others have no meaning.
    pub(super) fn play(mut self) -> Vec<Played> {
        self.make_namespaces();
        let empty = Step::default();
        // Destinations and their stores are for the scheduler, which is not here.
        let is_known = |it: &&Value| known(&Object::from_value((*it).clone()).unwrap()).is_some();
        for object in self.case.pre.iter().filter(is_known) {
            self.applied(object).unwrap();
        }
        let mut played = Vec::new();
        let mut before = &empty;
        for step in &self.case.steps {
            let began = Instant::now();
            let trouble = self.act(step, before).err();
            let (mut all, state) = self.settle(step, trouble.is_some());
            self.told.extend(state.events);
            let is_over = trouble.is_some();
            let title = format!("{} {}", self.case.name, step.name);
            let trouble = trouble.map(|what| Difference { place: format!("{title} step"), what });
            all.extend(trouble);
            played.push(Played { title, all, seconds: began.elapsed().as_secs_f64() });
            if is_over {
                break;
            }
            before = step;
        }
        self.clean_up();
        played
    }

    /// Every namespace that something was recorded in.
    fn make_namespaces(&self) {
        let keys = self.case.steps.iter().flat_map(|step| step.objects.keys());
        let homes: BTreeSet<&str> = keys.filter_map(|key| key.split('/').nth(1)).collect();
        for name in homes.into_iter().filter(|name| *name != "-") {
            let namespace =
                json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } });
            let (code, answer) = self.world.api.ask("POST", "/api/v1/namespaces", &namespace);
            assert!(code == 201 || code == 409, "{answer}");
        }
    }

    fn act(&mut self, step: &Step, before: &Step) -> Result<(), String> {
        let options = &step.options;
        let request = || {
            let index = options["i"].as_u64().unwrap_or_default();
            &self.case.requests[usize::try_from(index).unwrap()]
        };
        match step.verb.as_str() {
            "install" if options["promise"].is_object() => self.applied(&options["promise"]),
            "install" => self.applied(&self.case.promise),
            "apply" => self.applied(&options["object"]),
            "request" => self.request_applied(request()),
            "patch-promise" => self.patched(&promise_path(self.case), &options["patch"]),
            "patch-request" => self.patched(&self.path_of(request()), &options["patch"]),
            "delete-promise" => self.deleted(&promise_path(self.case)),
            "delete-request" => self.deleted(&self.path_of(request())),
            "await-promise-gone" => self.gone(&promise_path(self.case)),
            "await-request-gone" => self.gone(&self.path_of(request())),
            "wait" => self.wait_as_long(step, before),
            "count-writes" => self.count_writes(step),
            "finish" | "fail" => self.end_job(step, before),
            other => Err(format!("cannot play `{other}`")),
        }
    }

    /// Applies an object as its user would.
    fn applied(&self, object: &Value) -> Result<(), String> {
        let found = Object::from_value(object.clone()).unwrap();
        apply(self.world.api, &path(&kind_of(&found), &found, true), object)
    }

    /// A request, as soon as its API is served.
    fn request_applied(&self, request: &Value) -> Result<(), String> {
        let target = self.path_of(request);
        wait("the API of the request", JOB_COMES, || apply(self.world.api, &target, request).ok())
    }

    fn path_of(&self, request: &Value) -> String {
        request_path(self.case, request).unwrap()
    }

    fn patched(&self, target: &str, patch: &Value) -> Result<(), String> {
        accepted(self.world.api.ask("PATCH", target, patch))
    }

    fn deleted(&self, target: &str) -> Result<(), String> {
        accepted(self.world.api.ask(
            "DELETE",
            target,
            &json!({ "propagationPolicy": "Background" }),
        ))
    }

    fn gone(&self, target: &str) -> Result<(), String> {
        wait(&format!("{target} to go"), GONE, || {
            (self.world.api.ask("GET", target, &Value::Null).0 == 404).then_some(())
        })
    }

    /// The passing of time is the step. It is over early when what it brought in the recording is there.
    fn wait_as_long(&mut self, step: &Step, before: &Step) -> Result<(), String> {
        let seconds = step.options["seconds"].as_f64().unwrap_or_default();
        let brings = step.objects != before.objects || !step.events.is_empty();
        let end = Instant::now() + Duration::from_secs_f64(seconds);
        // An interval has jitter, and a recorded pause began earlier in its step than ours.
        let limit = Duration::from_secs_f64(seconds + if brings { 3.0 } else { 0.0 });
        let came = wait("it", limit, || {
            let is_there = brings && self.look(step).1.is_empty();
            (is_there || (!brings && Instant::now() >= end)).then_some(())
        });
        came.or(Ok(()))
    }

    /// Counts how often Works are written while nothing is to be done; the original never stops.
    fn count_writes(&self, step: &Step) -> Result<(), String> {
        let mut seen = BTreeSet::new();
        let limit = Duration::from_secs_f64(step.options["seconds"].as_f64().unwrap());
        let many = wait("a second write", limit, || {
            let objects = self.world.objects(self.case, step);
            let works: Vec<_> = objects.into_iter().filter(|it| it["kind"] == "Work").collect();
            seen.insert(versions(&works).concat());
            (seen.len() > 1).then_some(())
        });
        many.map_or(Ok(()), |()| Err("a Work is written though nothing has changed".into()))
    }

    /// Plays the pod of the Job that was recorded, or of the oldest that runs.
    fn end_job(&mut self, step: &Step, before: &Step) -> Result<(), String> {
        let alias = step.pod["job"].as_str();
        let limit = if alias.is_some() { JOB_COMES } else { JOB_COMES_NOT };
        let found = wait("a running Job", limit, || {
            let objects = self.world.objects(self.case, before);
            self.aliases.learn(&objects);
            let mut jobs: Vec<Value> = objects.into_iter().filter(runs).collect();
            jobs.sort_by_key(|job| job["metadata"]["creationTimestamp"].to_string());
            let wanted = alias.and_then(|alias| self.aliases.name(alias));
            let at = jobs.iter().position(|job| job["metadata"]["name"].as_str() == wanted);
            // Another than the recorded one is looked for only when that does not come.
            at.map(|at| jobs.swap_remove(at))
        });
        match (found, alias) {
            (Ok(job), _) => {
                let running = Running::new(self.world, job);
                match (step.verb.as_str(), step.pod["outcome"].as_str()) {
                    ("fail", _) => running.fail(),
                    _ => running.finish(step, self.kubeconfig),
                }
            }
            (Err(_), None) => Ok(()),
            (Err(error), Some(alias)) => Err(format!("{error} ({alias})")),
        }
    }

    /// How it stands now: everything that is not as recorded, what of it is wrong, and the state itself.
    fn look(&mut self, step: &Step) -> (Vec<Difference>, Vec<Difference>, State, String) {
        let objects = self.world.objects(self.case, step);
        self.aliases.learn(&objects);
        self.place(step, &objects);
        // Events about Jobs are those of Kubernetes.
        let of_ours = objects.iter().filter(|it| it["kind"] != "Job");
        let uids = of_ours.filter_map(|it| it["metadata"]["uid"].as_str());
        self.uids.extend(uids.map(str::to_owned));
        let mut state = self.world.state(&objects, &self.aliases);
        let events = self.world.events(&self.uids, &self.aliases);
        state.events = events.difference(&self.told).cloned().collect();
        let events = step.events.difference(&self.told).cloned().collect();
        let expected = State { objects: step.objects.clone(), events };
        let title = format!("{} {}", self.case.name, step.name);
        let all = differences(&title, &expected, &state);
        let wrong = all.iter().filter(|it| ruling(it).is_none()).cloned().collect();
        let mark = format!("{:?}{:?}", state.events, versions(&objects));
        (all, wrong, state, mark)
    }

    /// Waits until nothing changes any more.
    fn settle(&mut self, step: &Step, is_lost: bool) -> (Vec<Difference>, State) {
        let (mut last, mut since) = (String::new(), Instant::now());
        let end = Instant::now() + LIMIT;
        loop {
            let (all, wrong, state, mark) = self.look(step);
            if mark != last {
                (last, since) = (mark, Instant::now());
            }
            let enough = if wrong.is_empty() || is_lost { QUIET } else { STUCK };
            if since.elapsed() >= enough || Instant::now() > end {
                return (all, state);
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Writes what the scheduler had written about a Work: it belongs to the next issue.
    fn place(&self, step: &Step, objects: &[Value]) {
        for work in objects.iter().filter(|it| it["kind"] == "Work") {
            let metadata = &work["metadata"];
            let (namespace, name) = (metadata["namespace"].as_str(), metadata["name"].as_str());
            let alias = self.aliases.rename(name.unwrap_or_default());
            let key = format!("Work/{}/{alias}", namespace.unwrap_or("-"));
            let Some(status) = step.placed.get(&key).filter(|it| it.is_object()) else { continue };
            let now = json!(jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
            let mut status = status.clone();
            let mut is_placed = work["status"].is_object();
            for (index, condition) in
                status["conditions"].as_array_mut().into_iter().flatten().enumerate()
            {
                let there = &work["status"]["conditions"][index];
                is_placed &= there["message"] == condition["message"];
                condition["lastTransitionTime"] = now.clone();
            }
            if !is_placed {
                let found = Object::from_value(work.clone()).unwrap();
                let target = format!("{}/status", path(&kinds::WORK, &found, true));
                self.world.api.ask("PATCH", &target, &json!({ "status": status }));
            }
        }
    }

    /// Takes away what is left, so that a case with the same names may follow.
    fn clean_up(&self) {
        let api = self.world.api;
        let empty = Step::default();
        let promise = promise_path(self.case);
        let targets = || {
            let objects = self.world.objects(self.case, &empty);
            let objects = objects.into_iter().filter(|it| it["kind"] != "CustomResourceDefinition");
            let paths = objects.filter_map(|it| {
                request_path(self.case, &it)
                    .filter(|_| {
                        it["kind"] == self.case.promise["spec"]["api"]["spec"]["names"]["kind"]
                    })
                    .or_else(|| {
                        let found = Object::from_value(it).unwrap();
                        Some(path(&known(&found)?, &found, true))
                    })
            });
            paths.collect::<Vec<_>>()
        };
        let went = wait("everything to go", GONE, || {
            let mut left = targets();
            left.retain(|target| api.ask("GET", target, &Value::Null).0 == 200);
            for target in &left {
                api.ask("DELETE", target, &json!({ "propagationPolicy": "Background" }));
                api.ask("PATCH", target, &json!({ "metadata": { "finalizers": null } }));
            }
            let crd = &self.case.promise["spec"]["api"]["metadata"]["name"];
            let crd = format!("{CRDS}/{}", crd.as_str().unwrap_or("none"));
            if left.is_empty() && api.ask("DELETE", &crd, &Value::Null).0 == 404 {
                return (api.ask("GET", &promise, &Value::Null).0 == 404).then_some(());
            }
            None
        });
        if let Err(error) = went {
            println!("{}: {error}", self.case.name);
        }
    }
}

const CRDS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

fn promise_path(case: &Case) -> String {
    path(&kinds::PROMISE, &Object::from_value(case.promise.clone()).unwrap(), true)
}

fn versions(objects: &[Value]) -> Vec<&str> {
    objects
        .iter()
        .map(|it| it["metadata"]["resourceVersion"].as_str().unwrap_or_default())
        .collect()
}

/// Whether it is a Job that has not ended and is not stopped.
fn runs(object: &Value) -> bool {
    let conditions = object["status"]["conditions"].as_array().into_iter().flatten();
    let is_over = conditions.into_iter().any(|it| it["status"] == "True");
    object["kind"] == "Job" && !is_over && object["spec"]["suspend"] != true
}

fn apply(api: &Api, target: &str, object: &Value) -> Result<(), String> {
    let target = format!("{target}?fieldManager=user&force=true");
    let body = serde_json::to_vec(object).unwrap();
    let headers = [("content-type", "application/apply-patch+yaml")];
    let reply = api.send("PATCH", &target, &headers, body);
    accepted((reply.status, serde_json::from_slice(&reply.body).unwrap_or_default()))
}

fn accepted((code, answer): (u16, Value)) -> Result<(), String> {
    if (200..300).contains(&code) { Ok(()) } else { Err(format!("{code}: {}", answer["message"])) }
}

fn kind_of(object: &Object) -> Kind {
    known(object).unwrap_or_else(|| panic!("no kind {}", object.kind()))
}

/// A kind that is not made by a Promise.
fn known(object: &Object) -> Option<Kind> {
    let plural = |kind: &str, plural: &'static str, namespaced| Kind {
        group: object
            .api_version()
            .split_once('/')
            .map_or("", |(group, _)| group)
            .to_owned()
            .into(),
        version: object.api_version().rsplit('/').next().unwrap().to_owned().into(),
        kind: kind.to_owned().into(),
        plural: plural.into(),
        namespaced,
    };
    let name = object.kind();
    Some(match name {
        "Promise" => plural(name, "promises", false),
        "Work" => plural(name, "works", true),
        "Job" => plural(name, "jobs", true),
        "ConfigMap" => plural(name, "configmaps", true),
        "Secret" => plural(name, "secrets", true),
        "ServiceAccount" => plural(name, "serviceaccounts", true),
        "Role" => plural(name, "roles", true),
        "RoleBinding" => plural(name, "rolebindings", true),
        "ClusterRole" => plural(name, "clusterroles", false),
        "ClusterRoleBinding" => plural(name, "clusterrolebindings", false),
        "Namespace" => plural(name, "namespaces", false),
        _ => return None,
    })
}
