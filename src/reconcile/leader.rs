//! One of several reconcilers acts: who holds a Lease (contract.md 11, `controllerLeaderElection`).
//!
//! As Kubernetes' own controllers do it: whoever waits takes the Lease when it has not changed for its duration, by
//! the waiting one's own clock; clocks are never compared. Whoever holds it stops acting when it could not renew it for
//! a shorter time. Libraries for it were looked at (decision 11): they compare clocks, and cannot be asked
//! whether the Lease still holds.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value};
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{debug, info, warn};

use super::tenure::{Tenure, Until};
use crate::cluster::{Cluster, ClusterError};
use crate::contract::object::map_entry;
use crate::contract::{Object, ObjectKey, kinds};
use crate::core::control::parse_go_duration;
use crate::exit;

/// How long a Lease holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// Whoever waits takes a Lease that has not changed for so long.
    pub lease_duration: Duration,
    /// Whoever holds it stops acting when it was not renewed for so long; shorter than the duration.
    pub renew_deadline: Duration,
    /// Pause between tries to get or renew it.
    pub retry_period: Duration,
}

impl Default for Times {
    /// A holder that was killed is followed in less than 15 s: two pauses and the duration.
    fn default() -> Self {
        Self {
            lease_duration: Duration::from_secs(10),
            renew_deadline: Duration::from_secs(7),
            retry_period: Duration::from_secs(2),
        }
    }
}

impl Times {
    /// Reads `leaseDuration`, `renewDeadline` and `retryPeriod`. Times that do not fit each other are not used.
    pub(super) fn told(document: &Value) -> Self {
        let ours = Self::default();
        let time = |key: &str, otherwise: Duration| {
            let text = document.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
            let told = text.and_then(|text| parse_go_duration(text).ok());
            told.and_then(|time| Duration::try_from(time).ok()).unwrap_or(otherwise)
        };
        let told = Self {
            lease_duration: time("leaseDuration", ours.lease_duration),
            renew_deadline: time("renewDeadline", ours.renew_deadline),
            retry_period: time("retryPeriod", ours.retry_period),
        };
        let fits = told.lease_duration > told.renew_deadline
            && told.renew_deadline > told.retry_period
            && !told.retry_period.is_zero();
        if !fits {
            warn!(
                "the settings of leader election are not used: the lease must be longer than the time to renew it, \
                 and that longer than the pause between tries"
            );
            return ours;
        }
        told
    }
}

/// A candidate.
pub(super) struct Election<C> {
    cluster: C,
    key: ObjectKey,
    /// Our name, which nobody else has.
    identity: String,
    times: Times,
    tenure: Tenure,
    /// The Lease as we know it, and since when it has not changed.
    known: Option<(Object, Instant)>,
    /// Whether nobody had given the Lease back when we took it.
    is_contested: bool,
}

impl<C: Cluster> Election<C> {
    /// Returns a candidate for the Lease of that name.
    pub(super) fn new(
        cluster: C,
        namespace: &str,
        name: &str,
        identity: String,
        times: Times,
    ) -> Self {
        let key = kinds::LEASE.object(Some(namespace), name);
        Self {
            cluster,
            key,
            identity,
            times,
            tenure: Tenure::default(),
            known: None,
            is_contested: false,
        }
    }

    /// Returns what says until when we may act.
    pub(super) fn tenure(&self) -> Tenure {
        self.tenure.clone()
    }

    /// Waits until we hold the Lease.
    pub(super) async fn win(&mut self) {
        info!(lease = %self.key, identity = self.identity, "waiting for the lease");
        let mut is_told = false;
        loop {
            let begun = Instant::now();
            match self.try_to_win().await {
                Ok(true) => {
                    self.tenure.begin(begun + self.times.renew_deadline, self.is_contested);
                    info!(lease = %self.key, "leading");
                    return;
                }
                Ok(false) => is_told = false,
                Err(error) if is_told => debug!("failed to get the lease: {}", exit::chain(&error)),
                Err(error) => {
                    is_told = true;
                    warn!("failed to get the lease: {}", exit::chain(&error));
                }
            }
            // As soon as it ends, not at the next look.
            let next = begun + self.times.retry_period;
            sleep_until(self.ends().filter(|end| *end > begun).map_or(next, |end| end.min(next)))
                .await;
        }
    }

    /// Returns once we hold the Lease no more.
    pub(super) async fn keep(&mut self) {
        let mut last = Instant::now();
        loop {
            sleep(self.times.retry_period).await;
            let begun = Instant::now();
            let renewed = tokio::time::timeout_at(last + self.times.renew_deadline, self.renew());
            match renewed.await {
                Ok(Ok(true)) => {
                    last = begun;
                    self.tenure.set(Until::Time(begun + self.times.renew_deadline));
                }
                Ok(Ok(false)) => break,
                Ok(Err(error)) => warn!("failed to renew the lease: {}", exit::chain(&error)),
                Err(_) => break,
            }
            if last.elapsed() >= self.times.renew_deadline {
                break;
            }
        }
        self.tenure.set(Until::Never);
    }

    /// Gives the Lease back, if we hold it, so that nobody waits for its end.
    pub(super) async fn release(&mut self) {
        self.tenure.set(Until::Never);
        let Some((lease, _)) = self.known.take().filter(|(lease, _)| self.is_mine(lease)) else {
            return;
        };
        let lease = self.claim(lease, "", Duration::from_secs(1), false);
        match self.cluster.replace(&kinds::LEASE, &lease).await {
            Ok(_) => info!(lease = %self.key, "gave the lease back"),
            Err(error) => debug!("failed to give the lease back: {}", exit::chain(&error)),
        }
    }

    async fn try_to_win(&mut self) -> Result<bool, ClusterError> {
        self.is_contested = false;
        let Some(found) = self.cluster.get(&self.key).await? else {
            // One that we knew was taken away from whoever held it.
            self.is_contested = self.known.is_some();
            let lease = Object::new(&kinds::LEASE, self.key.namespace.as_deref(), &self.key.name);
            let lease = self.claim(lease, &self.identity, self.times.lease_duration, true);
            return match self.cluster.create(&kinds::LEASE, &lease).await {
                Ok(lease) => Ok(self.learn(lease)),
                Err(ClusterError::Exists { .. }) => Ok(false),
                Err(error) => Err(error),
            };
        };
        self.learn(found);
        let Some((lease, _)) = &self.known else { return Ok(false) };
        // Our own is ours again at once: nobody else has our name.
        let is_mine = self.is_mine(lease);
        let is_free = holder(lease).is_empty();
        let is_held = !is_free && !is_mine;
        if is_held && self.ends().is_some_and(|end| Instant::now() < end) {
            return Ok(false);
        }
        let lease = self.claim(lease.clone(), &self.identity, self.times.lease_duration, !is_mine);
        // Our own of before, too: it ended in the midst of what we did.
        self.is_contested = !is_free;
        match self.cluster.replace(&kinds::LEASE, &lease).await {
            Ok(lease) => Ok(self.learn(lease)),
            Err(ClusterError::Conflict { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Returns false when somebody else has it.
    async fn renew(&mut self) -> Result<bool, ClusterError> {
        let Some((lease, _)) = self.known.clone().filter(|(lease, _)| self.is_mine(lease)) else {
            return Ok(false);
        };
        let lease = self.claim(lease, &self.identity, self.times.lease_duration, false);
        match self.cluster.replace(&kinds::LEASE, &lease).await {
            Ok(lease) => Ok(self.learn(lease)),
            // Perhaps an answer of ours was lost.
            Err(ClusterError::Conflict { .. }) => match self.cluster.get(&self.key).await? {
                Some(lease) => Ok(self.learn(lease)),
                None => Ok(false),
            },
            Err(ClusterError::Missing { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Takes note of the Lease; returns whether it is ours.
    fn learn(&mut self, lease: Object) -> bool {
        let is_mine = self.is_mine(&lease);
        match &self.known {
            Some((known, _)) if known.resource_version() == lease.resource_version() => {}
            _ => self.known = Some((lease, Instant::now())),
        }
        is_mine
    }

    fn is_mine(&self, lease: &Object) -> bool {
        holder(lease) == self.identity
    }

    /// When the Lease, as we know it, ends.
    fn ends(&self) -> Option<Instant> {
        let (lease, since) = self.known.as_ref()?;
        if holder(lease).is_empty() {
            return None;
        }
        let seconds = lease.at(&["spec", "leaseDurationSeconds"]).and_then(Value::as_u64);
        let duration = seconds.map_or(self.times.lease_duration, Duration::from_secs);
        since.checked_add(duration)
    }

    /// Writes into a Lease who holds it. Times in it are for people.
    fn claim(&self, mut lease: Object, holder: &str, duration: Duration, is_new: bool) -> Object {
        let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string();
        let spec: &mut Map<String, Value> = map_entry(&mut lease.0, "spec");
        spec.insert("holderIdentity".into(), holder.into());
        // Whole seconds, and never less than we reckon with ourselves.
        let seconds = duration.as_secs() + u64::from(duration.subsec_nanos() > 0);
        spec.insert("leaseDurationSeconds".into(), seconds.max(1).into());
        spec.insert("renewTime".into(), now.clone().into());
        if is_new {
            let before = spec.get("leaseTransitions").and_then(Value::as_i64);
            spec.insert("acquireTime".into(), now.into());
            spec.insert("leaseTransitions".into(), before.map_or(0, |count| count + 1).into());
        }
        lease
    }
}

/// Who holds a Lease; empty for nobody.
fn holder(lease: &Object) -> &str {
    lease.text_at(&["spec", "holderIdentity"]).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cluster::Reads as _;
    use crate::cluster::folder::FolderCluster;

    fn candidate(folder: &tempfile::TempDir, name: &str) -> Election<FolderCluster> {
        let cluster = FolderCluster::new(folder.path());
        Election::new(cluster, "sys", "lease", name.into(), Times::default())
    }

    #[test]
    fn times_are_read_when_they_fit() {
        let told = |text: Value| {
            let times = Times::told(&text);
            [times.lease_duration, times.renew_deadline, times.retry_period].map(|t| t.as_secs())
        };
        let ours = told(json!({}));
        assert_eq!(
            told(json!({"leaseDuration": "1m", "renewDeadline": "40s", "retryPeriod": "5s"})),
            [60, 40, 5]
        );
        assert_eq!(told(json!({"leaseDuration": "1m"})), [60, ours[1], ours[2]]);
        assert_eq!(told(json!({"renewDeadline": "1h"})), ours);
        assert_eq!(told(json!({"leaseDuration": "soon"})), ours);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_follows_a_holder_that_has_died_within_fifteen_seconds() {
        let folder = tempfile::tempdir().unwrap();
        let (mut one, mut two) = (candidate(&folder, "one"), candidate(&folder, "two"));
        one.win().await;
        assert!(one.tenure().holds() && !two.tenure().holds());
        let begun = Instant::now();
        // `one` renews no more.
        two.win().await;
        assert!(begun.elapsed() >= Times::default().renew_deadline, "{:?}", begun.elapsed());
        assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
        assert!(two.tenure().holds() && !one.tenure().holds());
        assert!(two.tenure().term().is_contested() && !one.tenure().term().is_contested());
        // `one` comes back: it finds that it has lost.
        one.keep().await;
        assert!(two.tenure().holds() && !one.tenure().holds());
    }

    #[tokio::test(start_paused = true)]
    async fn a_holder_that_renews_keeps_it_and_one_that_gives_it_back_is_followed_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let (mut one, mut two) = (candidate(&folder, "one"), candidate(&folder, "two"));
        one.win().await;
        let minute = Duration::from_secs(60);
        tokio::select! {
            () = two.win() => panic!("there are two"),
            () = one.keep() => panic!("it was lost"),
            () = sleep(minute) => {}
        }
        assert!(one.tenure().holds());
        one.release().await;
        assert!(!one.tenure().holds());
        let begun = Instant::now();
        two.win().await;
        assert!(begun.elapsed() <= Times::default().retry_period);
        assert!(!two.tenure().term().is_contested(), "it was given back");
        let lease = two.cluster.get(&two.key).await.unwrap().unwrap();
        assert_eq!(lease.at(&["spec", "leaseTransitions"]), Some(&1.into()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_holder_that_cannot_renew_stops_before_anybody_else_begins() {
        let folder = tempfile::tempdir().unwrap();
        let mut one = candidate(&folder, "one");
        one.win().await;
        let term = one.tenure().term();
        // The folder is gone and cannot be made: nothing can be read or written.
        let path = folder.path().to_owned();
        drop(folder);
        std::fs::write(&path, "").unwrap();
        let begun = Instant::now();
        one.keep().await;
        assert!(begun.elapsed() < Times::default().lease_duration, "{:?}", begun.elapsed());
        assert!(!one.tenure().holds());
        std::fs::remove_file(path).unwrap();
        // The server is back, and nobody else was there.
        one.win().await;
        assert!(one.tenure().holds() && one.tenure().term().holds());
        assert!(one.tenure().term().is_contested());
        assert!(!term.holds(), "what was begun before does not go on");
    }
}
