//! Keeps the caches true: one watch for each kind, and one for the requests of each Promise whose API is there.

use std::collections::HashMap;
use std::sync::Arc;

use futures::StreamExt as _;
use serde_json::Value;
use tokio::task::{JoinHandle, JoinSet};
use tracing::{debug, info, warn};

use super::leader::Times;
use super::placing::{PlacementFeed, Placing};
use super::shared::Shared;
use super::store::{Feed, LABELLED};
use crate::cluster::live::LiveCluster;
use crate::cluster::live::watch::{Heard, Watch};
use crate::cluster::{ClusterError, Reads};
use crate::contract::{Kind, Object, kinds, labels};
use crate::core::config::Config;
use crate::core::workflow::Event;
use crate::destination::commits;
use crate::effect;
use crate::exit;
use crate::files::yaml;

/// Reason of the event about settings that cannot be used; ours.
const CONFIG_REFUSED: &str = "ConfigRefused";
/// So many failures in a row are not worth a line: a kind that has just been made is not served at once.
const FAILURES_QUIET: u32 = 2;

/// All watches but those of requests.
pub(super) fn fixed() -> Vec<(Feed, Watch)> {
    let with = |kind: &Kind, labels: String| Watch { labels, ..Watch::all(kind) };
    let of_promises = labels::PROMISE_NAME;
    let is_static = format!("={}", labels::STATIC_DEPENDENCY);
    let work_type = labels::WORK_TYPE;
    let mut all = vec![
        (Feed::Promises, Watch::all(&kinds::PROMISE)),
        (Feed::Crds, with(&kinds::CRD, of_promises.to_owned())),
        (
            Feed::Jobs,
            with(&kinds::JOB, format!("{}={}", labels::MANAGED_BY, labels::MANAGED_BY_KRATIX)),
        ),
        (
            Feed::Works,
            Watch {
                without_spec: true,
                ..with(&kinds::WORK, format!("{of_promises},{work_type}!{is_static}"))
            },
        ),
        (Feed::StaticWorks, with(&kinds::WORK, format!("{of_promises},{work_type}{is_static}"))),
    ];
    for (at, kind) in LABELLED.into_iter().enumerate() {
        all.push((Feed::Labelled(at), with(kind, of_promises.to_owned())));
    }
    all
}

/// Begins to follow all watches but those of requests.
///
/// All Works are placed, whoever they are of, and those of Promises are what workflows leave: one watch tells both, when
/// we place.
pub(super) fn follow_fixed(shared: &Arc<Shared>, tasks: &mut JoinSet<()>) {
    let places = shared.placing.is_some();
    for (feed, watch) in fixed() {
        if !places || !matches!(feed, Feed::Works | Feed::StaticWorks) {
            tasks.spawn(follow(Arc::clone(shared), feed, watch));
        }
    }
    if !places {
        return;
    }
    let works = Arc::clone(shared);
    tasks.spawn(follow_each(shared.cluster.clone(), Watch::all(&kinds::WORK), move |heard| {
        works.hear_placing(PlacementFeed::Works, &heard);
        for (feed, heard) in of_workflows(heard) {
            works.hear(&feed, heard);
        }
    }));
    for (fed, watch) in Placing::watches() {
        let placing = Arc::clone(shared);
        let hear = move |heard| placing.hear_placing(fed, &heard);
        tasks.spawn(follow_each(shared.cluster.clone(), watch, hear));
    }
}

/// What the watches of [`fixed`] would have said of a Work.
fn of_workflows(heard: Heard) -> Vec<(Feed, Heard)> {
    let both = |heard: Heard| vec![(Feed::Works, heard.clone()), (Feed::StaticWorks, heard)];
    let (make, mut work): (fn(Object) -> Heard, Object) = match heard {
        Heard::Listing | Heard::Listed => return both(heard),
        Heard::There(work) => (Heard::There, work),
        Heard::Changed(work) => (Heard::Changed, work),
        Heard::Gone(work) => (Heard::Gone, work),
    };
    if work.label(labels::PROMISE_NAME).is_none() {
        return Vec::new();
    }
    if work.label(labels::WORK_TYPE) == Some(labels::STATIC_DEPENDENCY) {
        return vec![(Feed::StaticWorks, make(work))];
    }
    work.0.remove("spec");
    vec![(Feed::Works, make(work))]
}

/// Follows one watch, for ever.
pub(super) async fn follow(shared: Arc<Shared>, feed: Feed, watch: Watch) {
    let cluster = shared.cluster.clone();
    follow_each(cluster, watch, |heard| shared.hear(&feed, heard)).await;
}

/// Follows one watch, for ever, whoever hears it.
async fn follow_each(cluster: LiveCluster, watch: Watch, hear: impl Fn(Heard)) {
    let mut hearing = cluster.watch(&watch);
    let mut failures = 0;
    while let Some(heard) = hearing.next().await {
        match heard {
            Ok(heard) => {
                if failures > FAILURES_QUIET {
                    info!(kind = %watch.kind, "watched again");
                }
                failures = 0;
                hear(heard);
            }
            Err(error) => {
                failures += 1;
                tell(&watch.kind, &error, failures);
            }
        }
    }
}

fn tell(kind: &Kind, error: &ClusterError, failures: u32) {
    let error = exit::chain(error);
    if failures == FAILURES_QUIET + 1 {
        warn!(%kind, "the watch fails, and is tried again: {error}");
    } else {
        debug!(%kind, failures, "the watch fails: {error}");
    }
}

/// Follows the settings of the installation. Those that cannot be used change nothing.
pub(super) async fn follow_config(shared: Arc<Shared>) {
    let watch = Watch {
        namespace: Some(shared.settings.namespace.clone()),
        name: Some(kinds::SETTINGS.to_owned()),
        ..Watch::all(&kinds::CONFIG_MAP)
    };
    let mut hearing = shared.cluster.watch(&watch);
    let (mut failures, mut is_listed) = (0, false);
    while let Some(heard) = hearing.next().await {
        match heard {
            Ok(Heard::There(map) | Heard::Changed(map)) => {
                is_listed = true;
                match config(&map) {
                    Ok(config) => {
                        for ignored in &config.ignored {
                            warn!(config_map = kinds::SETTINGS, "{ignored}");
                        }
                        shared.set_config(config);
                    }
                    Err(why) => refused(&shared, &map, &why).await,
                }
            }
            Ok(Heard::Gone(_)) => shared.set_config(Config::default()),
            Ok(Heard::Listing) => is_listed = false,
            Ok(Heard::Listed) => {
                if !is_listed {
                    shared.set_config(Config::default());
                }
                shared.config_is_known();
            }
            Err(error) => {
                failures += 1;
                tell(&watch.kind, &error, failures);
                continue;
            }
        }
        failures = 0;
    }
}

/// Says once, of each version of the settings, that they cannot be used.
async fn refused(shared: &Shared, map: &Object, why: &str) {
    let why = format!("the settings cannot be used, those of before hold: {why}");
    warn!(config_map = kinds::SETTINGS, "{why}");
    if shared.tenure.holds() {
        let event = Event::warning(CONFIG_REFUSED, why);
        let instance = &shared.settings.instance;
        effect::tell(&shared.cluster, map, &event, instance, shared.now()).await;
    }
}

/// Reads the settings of the installation.
fn config(map: &Object) -> Result<Config, String> {
    let config = Config::from_value(&document(map)?).map_err(|error| exit::chain(&error))?;
    commits::check(&config.commits)
        .map_err(|error| format!("`git.commits`: {}", exit::chain(&error)))?;
    Ok(config)
}

/// Returns the document with the settings.
fn document(map: &Object) -> Result<Value, String> {
    let text = map.at(&["data", kinds::SETTINGS_KEY]).and_then(Value::as_str);
    let text = text.ok_or_else(|| format!("there is no key `{}`", kinds::SETTINGS_KEY))?;
    let documents = yaml::parse_objects(text.as_bytes()).map_err(|error| exit::chain(&error))?;
    Ok(documents.into_iter().next().unwrap_or_default().into_value())
}

/// Asks how long a Lease shall hold (`controllerLeaderElection`), before there is one; what is not told or cannot be
/// used is ours.
pub(super) async fn times(cluster: &impl Reads, namespace: &str) -> Times {
    let key = kinds::CONFIG_MAP.object(Some(namespace), kinds::SETTINGS);
    let map = match cluster.get(&key).await {
        Ok(Some(map)) => map,
        Ok(None) => return Times::default(),
        Err(error) => {
            warn!("failed to read how long a lease holds: {}", exit::chain(&error));
            return Times::default();
        }
    };
    let document = document(&map).unwrap_or_default();
    Times::told(document.get("controllerLeaderElection").unwrap_or(&Value::Null))
}

/// Begins and ends the watches of requests, as APIs come and go.
pub(super) async fn follow_apis(shared: Arc<Shared>) {
    let mut watched: HashMap<Arc<str>, (Kind, JoinHandle<()>)> = HashMap::new();
    loop {
        let wanted = served(&shared);
        watched.retain(|promise, (kind, task)| {
            let stays = match wanted.get(promise) {
                Some(Some(wanted)) => wanted == kind,
                // Nobody knows which it should be; it goes on.
                Some(None) => true,
                None => false,
            };
            if !stays {
                debug!(%kind, %promise, "requests are watched no more");
                task.abort();
                shared.store().forget_requests(promise);
            }
            stays
        });
        for (promise, kind) in wanted {
            let Some(kind) = kind else { continue };
            if watched.contains_key(&promise) {
                continue;
            }
            info!(%kind, %promise, "watching requests");
            let feed = Feed::Requests(Arc::clone(&promise));
            let task = tokio::spawn(follow(Arc::clone(&shared), feed, Watch::all(&kind)));
            watched.insert(promise, (kind, task));
        }
        shared.apis.notified().await;
    }
}

/// Promises whose API is served, with the kind of their requests; without, when the Promise cannot be read.
fn served(shared: &Shared) -> HashMap<Arc<str>, Option<Kind>> {
    let store = shared.store();
    let mut served = HashMap::new();
    for (name, known) in store.promises.iter() {
        let Ok(promise) = known.promise() else {
            served.insert(Arc::clone(name), None);
            continue;
        };
        let Some(kind) = promise.request_kind() else { continue };
        let crd = store.crd(&kind.to_string());
        if crd.is_some_and(|crd| is_established(&crd)) {
            served.insert(Arc::clone(name), Some(kind.clone()));
        }
    }
    served
}

/// Whether objects of a CRD are served.
pub(super) fn is_established(crd: &Object) -> bool {
    let conditions = crd.at(&["status", "conditions"]).and_then(Value::as_array);
    conditions.into_iter().flatten().any(|condition| {
        condition.get("type") == Some(&"Established".into())
            && condition.get("status") == Some(&"True".into())
    })
}
