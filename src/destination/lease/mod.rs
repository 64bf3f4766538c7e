//! Writers of one branch one after the other, over many pods: who holds a Lease, and who waits for it in which order.
//!
//! No write depends on it: a store loses nothing when two write at once. It spares those who would lose the race again
//! and again. So whoever cannot have it, or has waited long enough, writes without it.
//!
//! The order of those who wait stands in an annotation of the Lease. Clocks are never compared: a holder is taken for dead
//! when the Lease has not been renewed for its duration, by the clock of the one who waits.

#[cfg(test)]
mod tests;

use std::pin::pin;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value};
use tokio::time::{Instant, sleep};
use tracing::{debug, info, warn};

use crate::cluster::{Cluster, ClusterError, chance};
use crate::contract::object::map_entry;
use crate::contract::{Object, ObjectKey, kinds, labels};
use crate::core::hash::md5_hex;
use crate::exit;

/// How long things take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// A holder that has not renewed for so long is dead.
    pub lease_duration: Duration,
    /// Whoever has waited for so long writes without it.
    pub wait_max: Duration,
    /// The first of those who wait looks so often, the others less.
    pub look_every: Duration,
    /// When the Lease is free and the first does not come within this time, the second may, and so on.
    pub skip_after: Duration,
}

impl Default for Times {
    fn default() -> Self {
        Self {
            lease_duration: Duration::from_secs(15),
            wait_max: Duration::from_secs(60),
            look_every: Duration::from_millis(60),
            skip_after: Duration::from_secs(2),
        }
    }
}

/// Most that wait in order; the annotations of an object have 256 KiB together, and ours are not the only ones.
const WAITING_MAX: usize = 500;
/// How often a change of the Lease is tried again that somebody else's crossed.
const TRIES_MAX: u32 = 20;

/// A place in the order of writers.
pub struct Queue<'a, C> {
    cluster: &'a C,
    key: ObjectKey,
    /// Our name, which nobody else has.
    identity: String,
    times: Times,
    known: Option<Known>,
    holds: bool,
}

/// Who holds the Lease and when it was renewed, and since when by our clock that is so.
struct Known {
    holder: String,
    renewed: String,
    since: Instant,
}

/// What to do about a Lease that was read.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    Take,
    Join,
    /// So many are before us.
    Wait(usize),
}

/// Returns the name of the Lease of what is contended ([`Address::contended`](crate::store::address::Address::contended)). Two of
/// one name wait for each other, no more.
pub fn name_of(contended: &str) -> String {
    format!("bookend-store-{}", &md5_hex(contended)[..12])
}

impl<'a, C: Cluster> Queue<'a, C> {
    /// Returns a place for the Lease of that name; `instance` names this pod or process for people.
    pub fn new(cluster: &'a C, namespace: &str, name: &str, instance: &str, times: Times) -> Self {
        // White space would be taken for the end of the name.
        let instance: String = instance.chars().filter(|c| c.is_ascii_graphic()).collect();
        Self {
            cluster,
            key: kinds::LEASE.object(Some(namespace), name),
            identity: format!("{instance}_{:016x}", chance::number()),
            times,
            known: None,
            holds: false,
        }
    }

    /// Does `work` when it is our turn, renews the Lease meanwhile and gives it back.
    pub async fn during<T>(&mut self, work: impl Future<Output = T>) -> T {
        self.take(async {}).await;
        self.with(work).await
    }

    /// Does `work` now, renews the Lease meanwhile if we hold it, and gives it back.
    pub async fn with<T>(&mut self, work: impl Future<Output = T>) -> T {
        let done = tokio::select! {
            done = work => done,
            never = self.keep() => match never {},
        };
        self.give_back().await;
        done
    }

    /// Waits for our turn, or until there is no use in waiting: then it has said why. Returns whether it is our turn.
    ///
    /// `meanwhile` is done if there is something to wait for, and dropped when it is our turn.
    pub async fn take(&mut self, meanwhile: impl Future<Output = ()>) -> bool {
        let begun = Instant::now();
        let mut meanwhile = pin!(meanwhile);
        let mut is_done = false;
        loop {
            let ahead = match self.step().await {
                Ok(None) => {
                    self.holds = true;
                    debug!(lease = %self.key, waited_ms = begun.elapsed().as_millis() as u64, "our turn to write");
                    return true;
                }
                Ok(Some(ahead)) => ahead,
                Err(error) => {
                    let cause = exit::chain(&error);
                    warn!(lease = %self.key, "writing without waiting for other pods: {cause}");
                    return false;
                }
            };
            if begun.elapsed() >= self.times.wait_max {
                info!(lease = %self.key, ahead, "waited long enough for other pods, writing without the lease");
                self.leave().await;
                return false;
            }
            let mut pause = pin!(sleep(self.pause(ahead)));
            loop {
                tokio::select! {
                    () = &mut pause => break,
                    () = &mut meanwhile, if !is_done => is_done = true,
                }
            }
        }
    }

    /// Lets the next one go, if it was our turn.
    pub async fn give_back(&mut self) {
        if std::mem::take(&mut self.holds) {
            let duration = self.times.lease_duration;
            let given = self.change(true, |lease| claim(lease, "", duration, false));
            if let Err(error) = given.await {
                let cause = exit::chain(&error);
                warn!(lease = %self.key, "failed to give the lease back, others wait until it ends: {cause}");
            }
        }
    }

    /// Renews the Lease as long as we hold it; never ends.
    pub async fn keep(&self) -> std::convert::Infallible {
        let duration = self.times.lease_duration;
        loop {
            sleep(duration / 3).await;
            if !self.holds {
                continue;
            }
            let renewed = self.change(true, |lease| claim(lease, &self.identity, duration, false));
            if let Err(error) = renewed.await {
                debug!(lease = %self.key, "failed to renew the lease: {}", exit::chain(&error));
            }
        }
    }

    /// Looks once; `None` when it is our turn now, else how many are before us.
    async fn step(&mut self) -> Result<Option<usize>, ClusterError> {
        let duration = self.times.lease_duration;
        let Some(mut lease) = self.cluster.get(&self.key).await? else {
            let mut lease =
                Object::new(&kinds::LEASE, self.key.namespace.as_deref(), &self.key.name);
            claim(&mut lease, &self.identity, duration, true);
            return match self.cluster.create(&kinds::LEASE, &lease).await {
                Ok(_) => Ok(None),
                Err(ClusterError::Exists { .. }) => Ok(Some(0)),
                Err(error) => Err(error),
            };
        };
        let free_for = self.free_for(&lease);
        let mut waiting = waiting(&lease);
        match next(&waiting, &self.identity, free_for, self.times.skip_after) {
            Next::Wait(ahead) => Ok(Some(ahead)),
            Next::Take => {
                let ours = waiting.iter().position(|name| *name == self.identity);
                // Those before us did not come: they are gone, or join again.
                waiting.drain(..ours.map_or(0, |at| at + 1));
                claim(&mut lease, &self.identity, duration, true);
                set_waiting(&mut lease, &waiting);
                match self.cluster.replace(&kinds::LEASE, &lease).await {
                    Ok(_) => Ok(None),
                    Err(ClusterError::Conflict { .. } | ClusterError::Missing { .. }) => {
                        Ok(Some(0))
                    }
                    Err(error) => Err(error),
                }
            }
            Next::Join => {
                let ahead = waiting.len();
                waiting.push(self.identity.clone());
                set_waiting(&mut lease, &waiting);
                match self.cluster.replace(&kinds::LEASE, &lease).await {
                    Ok(_) => Ok(Some(ahead)),
                    Err(ClusterError::Conflict { .. } | ClusterError::Missing { .. }) => {
                        Ok(Some(0))
                    }
                    Err(error) => Err(error),
                }
            }
        }
    }

    /// For how long the Lease has been free; `None` while somebody holds it who is alive as far as we know.
    fn free_for(&mut self, lease: &Object) -> Option<Duration> {
        let text = |field| lease.text_at(&["spec", field]).unwrap_or_default().to_owned();
        let (holder, renewed) = (text("holderIdentity"), text("renewTime"));
        let is_known = |known: &Known| known.holder == holder && known.renewed == renewed;
        if !self.known.as_ref().is_some_and(is_known) {
            self.known = Some(Known { holder, renewed, since: Instant::now() });
        }
        let known = self.known.as_ref()?;
        // Our own: an answer was lost.
        if known.holder.is_empty() || known.holder == self.identity {
            return Some(known.since.elapsed());
        }
        let seconds = lease.at(&["spec", "leaseDurationSeconds"]).and_then(Value::as_u64);
        known.since.elapsed().checked_sub(Duration::from_secs(seconds.unwrap_or(15)))
    }

    /// Takes us out of those who wait, and gives back what we were given without having heard of it.
    pub async fn leave(&self) {
        let duration = self.times.lease_duration;
        let left = self.change(false, |lease| {
            let mut names = waiting(lease);
            names.retain(|name| *name != self.identity);
            set_waiting(lease, &names);
            if lease.text_at(&["spec", "holderIdentity"]) == Some(&self.identity) {
                claim(lease, "", duration, false);
            }
        });
        if let Err(error) = left.await {
            debug!(lease = %self.key, "failed to leave the queue: {}", exit::chain(&error));
        }
    }

    /// Changes the Lease, whatever else changes meanwhile; when it is to be `held`, not after somebody took it over.
    async fn change(&self, held: bool, change: impl Fn(&mut Object)) -> Result<(), ClusterError> {
        for tries in 1.. {
            let Some(mut lease) = self.cluster.get(&self.key).await? else { return Ok(()) };
            let holder = lease.text_at(&["spec", "holderIdentity"]).unwrap_or_default();
            if held && holder != self.identity {
                return Ok(());
            }
            change(&mut lease);
            match self.cluster.replace(&kinds::LEASE, &lease).await {
                Err(ClusterError::Conflict { .. }) if tries < TRIES_MAX => {
                    sleep(self.pause(0) / 4).await;
                }
                Err(ClusterError::Missing { .. }) | Ok(_) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Never twice the same, and longer the more are before us.
    fn pause(&self, ahead: usize) -> Duration {
        let chance = chance::number() as f64 / u64::MAX as f64;
        let turns = ahead.saturating_add(1).min(16) as f64;
        self.times.look_every.mul_f64(turns * (0.5 + chance))
    }
}

/// Decides what to do about a Lease that is free for some time, or (`None`) held.
fn next(waiting: &[String], me: &str, free_for: Option<Duration>, skip_after: Duration) -> Next {
    let ours = waiting.iter().position(|name| name == me);
    let ahead = ours.unwrap_or(waiting.len());
    let is_our_turn = |free: Duration| free >= skip_after.saturating_mul(ahead.min(1_000) as u32);
    match ours {
        _ if free_for.is_some_and(is_our_turn) => Next::Take,
        None if waiting.len() < WAITING_MAX => Next::Join,
        _ => Next::Wait(ahead),
    }
}

/// Who waits, the first first.
fn waiting(lease: &Object) -> Vec<String> {
    let text = lease.annotation(labels::WAITING).unwrap_or_default();
    text.split_whitespace().map(str::to_owned).collect()
}

fn set_waiting(lease: &mut Object, names: &[String]) {
    match names {
        [] => lease.remove_annotation(labels::WAITING),
        names => lease.set_annotation(labels::WAITING, &names.join(" ")),
    }
}

/// Writes into a Lease who holds it. Times in it are for people.
fn claim(lease: &mut Object, holder: &str, duration: Duration, is_new: bool) {
    let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string();
    let spec: &mut Map<String, Value> = map_entry(&mut lease.0, "spec");
    spec.insert("holderIdentity".into(), holder.into());
    spec.insert("leaseDurationSeconds".into(), duration.as_secs().max(1).into());
    spec.insert("renewTime".into(), now.clone().into());
    if is_new {
        let before = spec.get("leaseTransitions").and_then(Value::as_i64);
        spec.insert("acquireTime".into(), now.into());
        spec.insert("leaseTransitions".into(), before.map_or(0, |count| count + 1).into());
    }
}
