//! The cluster as the player sees it: a copy that watches keep up, and requests to the API server.

use std::collections::{BTreeMap, BTreeSet};
use std::future::ready;

use bookend::contract::{Kind, Object, kinds};
use bookend::core::promise::Api as PromiseApi;
use futures::StreamExt as _;
use kube::core::{ApiResource, DynamicObject};
use kube::runtime::reflector::{self, Store};
use kube::runtime::{WatchStreamExt as _, watcher};
use serde_json::{Value, json};

use super::compare::State;
use crate::api::Api;
use crate::pods::kit::path;
use crate::steps::case::{Case, Step};
use crate::steps::meaning::{event, is_of, key, meaning};

/// What is watched; requests are read one by one, since their kind comes and goes.
const WATCHED: [Kind; 11] = [
    kinds::JOB,
    kinds::SERVICE_ACCOUNT,
    kinds::ROLE,
    kinds::ROLE_BINDING,
    kinds::CLUSTER_ROLE,
    kinds::CLUSTER_ROLE_BINDING,
    kinds::CONFIG_MAP,
    kinds::CRD,
    kinds::PROMISE,
    kinds::WORK,
    kinds::EVENT,
];

/// The API server, and a copy of what is in it.
pub(super) struct World {
    pub(super) api: &'static Api,
    stores: Vec<(Kind, Store<DynamicObject>)>,
}

impl World {
    pub(super) fn watch(api: &'static Api) -> Self {
        let stores = WATCHED.map(|kind| {
            let resource = ApiResource {
                group: kind.group.to_string(),
                version: kind.version.to_string(),
                api_version: kind.api_version(),
                kind: kind.kind.to_string(),
                plural: kind.plural.to_string(),
            };
            let writer = reflector::store::Writer::new(resource.clone());
            let store = writer.as_reader();
            let all = kube::Api::<DynamicObject>::all_with(api.client(), &resource);
            let watch = watcher(all, watcher::Config::default()).default_backoff();
            let watch = reflector::reflector(writer, watch).for_each(|_| ready(()));
            api.handle().spawn(watch);
            (kind, store)
        });
        Self { api, stores: stores.into() }
    }

    /// Everything of a kind, as the copy has it.
    pub(super) fn all(&self, kind: &Kind) -> Vec<Value> {
        let store = self.stores.iter().find(|(one, _)| one == kind).map(|(_, store)| store);
        store
            .into_iter()
            .flat_map(|store| store.state())
            .map(|object| value(kind, &object))
            .collect()
    }

    /// Everything that belongs to a case, or that the step expects whoever owns it.
    pub(super) fn objects(&self, case: &Case, step: &Step) -> Vec<Value> {
        let promise = case.promise_name();
        let mut found: Vec<Value> = Vec::new();
        for (kind, store) in self.stores.iter().filter(|(kind, _)| *kind != kinds::EVENT) {
            let all = store.state();
            let all = all.iter().filter(|object| {
                let label = object.metadata.labels.as_ref();
                let label = label.and_then(|it| it.get("kratix.io/promise-name"));
                let name = object.metadata.name.as_deref().unwrap_or_default();
                label.is_some_and(|it| it == promise)
                    || (*kind == kinds::PROMISE && name == promise)
                    || step.objects.contains_key(&format!(
                        "{}/{}/{name}",
                        kind.kind,
                        object.metadata.namespace.as_deref().unwrap_or("-")
                    ))
            });
            found.extend(all.map(|object| value(kind, object)));
        }
        debug_assert!(found.iter().all(|it| is_of(it, promise) || it["kind"].is_string()));
        found.extend(case.requests.iter().filter_map(|request| self.request(case, request)));
        found
    }

    /// A request as it is now.
    pub(super) fn request(&self, case: &Case, request: &Value) -> Option<Value> {
        let (code, found) = self.api.ask("GET", &request_path(case, request)?, &Value::Null);
        (code == 200).then_some(found)
    }

    /// The events about objects with these uids.
    pub(super) fn events(&self, uids: &BTreeSet<String>, aliases: &Aliases) -> BTreeSet<String> {
        let all = self.all(&kinds::EVENT);
        let told = all.iter().filter_map(|it| {
            let regarding = &it["regarding"];
            let uid = regarding["uid"].as_str().filter(|uid| uids.contains(*uid));
            uid?;
            let text = |name: &str| regarding[name].as_str().filter(|text| !text.is_empty());
            let kind = text("kind")?;
            let namespace = text("namespace").filter(|_| kind != "Promise").unwrap_or("-");
            let about = format!("{kind}/{namespace}/{}", text("name")?);
            event(it, it["note"].as_str().unwrap_or_default(), &about)
        });
        told.map(|text| aliases.rename(&text)).collect()
    }

    /// How these objects stand, by meaning.
    pub(super) fn state(&self, objects: &[Value], aliases: &Aliases) -> State {
        let objects = objects.iter().filter_map(|object| {
            let object: Value = serde_json::from_str(&aliases.rename(&object.to_string())).unwrap();
            Some((key(&object), meaning(&object)?))
        });
        State { objects: objects.collect(), events: BTreeSet::new() }
    }
}

fn value(kind: &Kind, object: &DynamicObject) -> Value {
    let mut value = object.data.clone();
    value["apiVersion"] = json!(kind.api_version());
    value["kind"] = json!(kind.kind);
    value["metadata"] = serde_json::to_value(&object.metadata).unwrap();
    value
}

/// Path of a request; `None` when its Promise has no API.
pub(super) fn request_path(case: &Case, request: &Value) -> Option<String> {
    let api = &case.promise["spec"]["api"];
    if api.is_null() {
        return None;
    }
    let kind = PromiseApi::read(api).unwrap().kind;
    Some(path(&kind, &Object::from_value(request.clone()).unwrap(), true))
}

/// Names in whose end is chance, there, or a hash, here: `base-RAND<n>`, by order of creation.
#[derive(Default)]
pub(super) struct Aliases {
    names: BTreeMap<String, String>,
    counts: BTreeMap<String, usize>,
}

impl Aliases {
    /// Gives those an alias that have none.
    pub(super) fn learn(&mut self, objects: &[Value]) {
        let mut new: Vec<_> = objects
            .iter()
            .filter(|it| it["kind"] == "Job" || it["kind"] == "Work")
            .filter_map(|it| {
                let metadata = &it["metadata"];
                let run = metadata["annotations"]["bookend/run"].as_str().unwrap_or_default();
                let run: i64 = run.parse().unwrap_or_default();
                let made = metadata["creationTimestamp"].as_str().unwrap_or_default();
                Some((made, run, metadata["name"].as_str()?))
            })
            .filter(|(_, _, name)| !self.names.contains_key(*name))
            .collect();
        new.sort_unstable();
        for (_, _, name) in new {
            let base = name.rsplit_once('-').map_or(name, |(base, _)| base);
            let count = self.counts.entry(base.to_owned()).or_default();
            *count += 1;
            self.names.insert(name.to_owned(), format!("{base}-RAND{count}"));
        }
    }

    /// A text with aliases for names.
    pub(super) fn rename(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (name, alias) in self.names.iter().filter(|(name, _)| !name.is_empty()) {
            if text.contains(name.as_str()) {
                text = text.replace(name.as_str(), alias);
            }
        }
        text
    }

    /// The name behind an alias.
    pub(super) fn name(&self, alias: &str) -> Option<&str> {
        self.names.iter().find(|(_, it)| *it == alias).map(|(name, _)| name.as_str())
    }
}
