//! A cluster whose calls fail as told, for tests of every error path.
//!
//! It stands in `src` and not in `tests` because both test binaries and users of the library test with it.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::{Cluster, ClusterError, Reads, Selector};
use crate::contract::{Kind, Object, ObjectKey};

/// One of the calls of [`Cluster`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Call {
    /// [`Cluster::get`].
    Get,
    /// [`Cluster::list`].
    List,
    /// [`Cluster::list_metadata`].
    ListMetadata,
    /// [`Cluster::create`].
    Create,
    /// [`Cluster::replace`].
    Replace,
    /// [`Cluster::replace_status`].
    ReplaceStatus,
    /// [`Cluster::set_label`].
    SetLabel,
    /// [`Cluster::patch`].
    Patch,
    /// [`Cluster::apply`].
    Apply,
    /// [`Cluster::delete`].
    Delete,
}

impl Call {
    /// Whether the call needs the version of an object, and so can find another one.
    pub fn can_conflict(self) -> bool {
        matches!(self, Self::Replace | Self::ReplaceStatus | Self::Patch)
    }

    fn verb(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::List | Self::ListMetadata => "list",
            Self::Create => "create",
            Self::Replace | Self::ReplaceStatus => "update",
            Self::SetLabel | Self::Patch | Self::Apply => "patch",
            Self::Delete => "delete",
        }
    }
}

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// [`ClusterError::Unreachable`], and nothing has happened.
    Unreachable,
    /// The call takes effect, and then [`ClusterError::Unreachable`].
    AnswerLost,
    /// [`ClusterError::Conflict`], and nothing has happened; for calls that cannot conflict
    /// [`ClusterError::Unreachable`].
    Conflict,
    /// The right to do it is missing.
    Forbidden,
}

/// Which calls fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// None: a cluster that only counts.
    Never,
    /// The n-th call of all, from 1.
    Nth(u64),
    /// The n-th call of one sort, from 1.
    NthOf(Call, u64),
    /// The n-th call and all after it, from 1: as if the program had been killed there.
    From(u64),
    /// The first call of each sort on each object.
    FirstOfEach,
    /// Every second call, the first of all included: what is repeated at once succeeds.
    EverySecond,
    /// All.
    Always,
}

/// Wraps a cluster and lets calls fail; counts them all, failed or not.
#[derive(Debug)]
pub struct FailingCluster<C> {
    inner: C,
    when: When,
    failure: Failure,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    calls: u64,
    failures: u64,
    by_sort: BTreeMap<Call, u64>,
    by_object: BTreeMap<(Call, ObjectKey), u64>,
}

impl<C> FailingCluster<C> {
    /// Returns a cluster that only counts.
    pub fn transparent(inner: C) -> Self {
        Self::new(inner, When::Never, Failure::Unreachable)
    }

    /// Returns a cluster whose calls fail in this way at these times.
    pub fn new(inner: C, when: When, failure: Failure) -> Self {
        Self { inner, when, failure, seen: Mutex::default() }
    }

    /// The cluster behind it, where nothing fails and nothing is counted.
    pub fn inner(&self) -> &C {
        &self.inner
    }

    /// How many calls there were.
    pub fn calls(&self) -> u64 {
        self.with_seen(|seen| seen.calls)
    }

    /// How many calls of one sort there were.
    pub fn calls_of(&self, call: Call) -> u64 {
        self.with_seen(|seen| seen.by_sort.get(&call).copied().unwrap_or(0))
    }

    /// How many calls have failed here.
    pub fn failures(&self) -> u64 {
        self.with_seen(|seen| seen.failures)
    }

    fn with_seen<T>(&self, look: impl FnOnce(&mut Seen) -> T) -> T {
        look(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Counts a call and decides whether it fails.
    fn fails(&self, call: Call, key: &ObjectKey) -> Option<Failure> {
        self.with_seen(|seen| {
            seen.calls += 1;
            let of_sort = seen.by_sort.entry(call).or_default();
            *of_sort += 1;
            let of_object = seen.by_object.entry((call, key.clone())).or_default();
            *of_object += 1;
            let fails = match self.when {
                When::Never => false,
                When::Nth(number) => seen.calls == number,
                When::NthOf(sort, number) => sort == call && *of_sort == number,
                When::From(number) => seen.calls >= number,
                When::FirstOfEach => *of_object == 1,
                When::EverySecond => seen.calls % 2 == 1,
                When::Always => true,
            };
            seen.failures += u64::from(fails);
            fails.then_some(self.failure)
        })
    }

    /// Runs a call, or its failure instead of it or after it.
    async fn run<T>(
        &self,
        call: Call,
        key: ObjectKey,
        effect: impl Future<Output = Result<T, ClusterError>>,
    ) -> Result<T, ClusterError> {
        let Some(failure) = self.fails(call, &key) else { return effect.await };
        let (verb, key) = (call.verb(), Box::new(key));
        let detail = "made to fail".to_owned();
        match failure {
            Failure::Conflict if call.can_conflict() => Err(ClusterError::Conflict { key, detail }),
            Failure::Forbidden => Err(ClusterError::Forbidden { verb, key, detail }),
            Failure::Unreachable | Failure::Conflict | Failure::AnswerLost => {
                if failure == Failure::AnswerLost {
                    effect.await?;
                }
                let waited = Duration::ZERO;
                Err(ClusterError::Unreachable { verb, key, tries: 1, waited, detail })
            }
        }
    }
}

impl<C: Cluster + Send> Reads for FailingCluster<C> {
    async fn get(&self, key: &ObjectKey) -> Result<Option<Object>, ClusterError> {
        self.run(Call::Get, key.clone(), self.inner.get(key)).await
    }

    async fn list(
        &self,
        kind: &Kind,
        namespace: Option<&str>,
        labels: &Selector<'_>,
    ) -> Result<Vec<Object>, ClusterError> {
        let key = kind.object(namespace, "*");
        self.run(Call::List, key, self.inner.list(kind, namespace, labels)).await
    }

    async fn list_metadata(
        &self,
        kind: &Kind,
        namespace: Option<&str>,
        labels: &Selector<'_>,
    ) -> Result<Vec<Object>, ClusterError> {
        let key = kind.object(namespace, "*");
        self.run(Call::ListMetadata, key, self.inner.list_metadata(kind, namespace, labels)).await
    }

    fn time(&self) -> Option<Timestamp> {
        self.inner.time()
    }
}

impl<C: Cluster + Send> Cluster for FailingCluster<C> {
    async fn create(&self, kind: &Kind, object: &Object) -> Result<Object, ClusterError> {
        self.run(Call::Create, object.key(kind), self.inner.create(kind, object)).await
    }

    async fn replace(&self, kind: &Kind, object: &Object) -> Result<Object, ClusterError> {
        self.run(Call::Replace, object.key(kind), self.inner.replace(kind, object)).await
    }

    async fn replace_status(&self, kind: &Kind, object: &Object) -> Result<Object, ClusterError> {
        self.run(Call::ReplaceStatus, object.key(kind), self.inner.replace_status(kind, object))
            .await
    }

    async fn set_label(
        &self,
        key: &ObjectKey,
        uid: Option<&str>,
        label: &str,
        value: &str,
    ) -> Result<(), ClusterError> {
        self.run(Call::SetLabel, key.clone(), self.inner.set_label(key, uid, label, value)).await
    }

    async fn patch(&self, key: &ObjectKey, patch: &Value) -> Result<Object, ClusterError> {
        self.run(Call::Patch, key.clone(), self.inner.patch(key, patch)).await
    }

    async fn apply(&self, kind: &Kind, object: &Object) -> Result<Object, ClusterError> {
        self.run(Call::Apply, object.key(kind), self.inner.apply(kind, object)).await
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), ClusterError> {
        self.run(Call::Delete, key.clone(), self.inner.delete(key)).await
    }
}
