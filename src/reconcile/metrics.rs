//! What is counted, for `/metrics` (docs/observability.md).

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::queue::Outcome;
use crate::cluster::live::Call;
use crate::core::promise::WorkflowType;

/// Upper bounds of the times of a pass, in seconds.
const SECONDS: [f64; 9] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0];

/// Upper bounds of the times of a batch of changes of a state store, in seconds.
const STORE_SECONDS: [f64; 8] = [0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 120.0];
/// Upper bounds of the number of changes in such a batch.
const BATCHES: [f64; 6] = [1.0, 4.0, 16.0, 64.0, 256.0, 1024.0];

/// All counters. Cheap to clone; clones share them.
#[derive(Clone)]
pub struct Metrics {
    calls: Family<CallLabels, Counter>,
    pub(super) passes: Family<PassLabels, Histogram, fn() -> Histogram>,
    pub(super) runs: Family<RunLabels, Counter>,
    pub(super) depth: Family<KindLabels, Gauge>,
    pub(super) objects: Family<KindLabels, Gauge>,
    pub(super) running: Gauge,
    pub(super) leads: Gauge,
    batches: Family<StoreLabels, Histogram, fn() -> Histogram>,
    store_seconds: Family<StoreLabels, Histogram, fn() -> Histogram>,
    writes: Family<WriteLabels, Counter>,
    outcomes: Family<OutcomeLabels, Counter>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    verb: &'static str,
    kind: String,
    code: u16,
}

/// Of one pass over an object.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct PassLabels {
    /// `promise` or `resource`.
    pub(super) kind: &'static str,
    /// `settled`, `acted` or `failed`.
    pub(super) outcome: &'static str,
}

/// Of one Job that has ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct RunLabels {
    /// `promise` or `resource`.
    pub(super) workflow: &'static str,
    /// `configure` or `delete`.
    pub(super) action: &'static str,
    /// `succeeded` or `failed`.
    pub(super) outcome: &'static str,
}

/// Of a state store.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StoreLabels {
    /// Its kind and name.
    store: String,
}

/// Of a WorkPlacement that was written, or could not be (contract.md 15.2).
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct WriteLabels {
    /// `success` or `failure`.
    pub(super) result: &'static str,
    /// Its Promise.
    pub(super) promise: String,
    /// Its request; empty for a Promise.
    pub(super) resource: String,
    /// Its Destination.
    pub(super) destination: String,
    /// Its Pipeline.
    pub(super) pipeline: String,
}

/// Of what was decided about a group of a Work (contract.md 15.2).
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct OutcomeLabels {
    /// `scheduled`, `unscheduled` or `misplaced`.
    pub(super) result: &'static str,
    /// Its Promise.
    pub(super) promise: String,
    /// Its request; empty for a Promise.
    pub(super) resource: String,
    /// Namespace of the Work.
    pub(super) namespace: String,
    /// Its Destination; empty when it has none.
    pub(super) destination: String,
}

/// Of a kind of object.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct KindLabels {
    /// `promise` or `resource`.
    pub(super) kind: &'static str,
}

impl From<WorkflowType> for KindLabels {
    fn from(workflow: WorkflowType) -> Self {
        Self { kind: workflow.as_str() }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            calls: Family::default(),
            passes: Family::new_with_constructor(|| Histogram::new(SECONDS)),
            runs: Family::default(),
            depth: Family::default(),
            objects: Family::default(),
            running: Gauge::default(),
            leads: Gauge::default(),
            batches: Family::new_with_constructor(|| Histogram::new(BATCHES)),
            store_seconds: Family::new_with_constructor(|| Histogram::new(STORE_SECONDS)),
            writes: Family::default(),
            outcomes: Family::default(),
        }
    }
}

impl Metrics {
    /// Counts a request to the API server.
    pub fn call(&self, call: &Call<'_>) {
        let labels =
            CallLabels { verb: call.verb, kind: call.kind.plural.to_string(), code: call.code };
        self.calls.get_or_create(&labels).inc();
    }

    /// Notes a pass over an object.
    pub(super) fn pass(&self, workflow: WorkflowType, outcome: &'static str, took: Duration) {
        let labels = PassLabels { kind: workflow.as_str(), outcome };
        self.passes.get_or_create(&labels).observe(took.as_secs_f64());
    }

    /// Notes a pass over somebody that is placed or placed to.
    pub(super) fn placing_pass(&self, kind: &'static str, outcome: &Outcome, took: Duration) {
        let outcome = match outcome {
            Outcome::Done(_) => "settled",
            Outcome::Again => "acted",
            Outcome::Failed => "failed",
        };
        let labels = PassLabels { kind, outcome };
        self.passes.get_or_create(&labels).observe(took.as_secs_f64());
    }

    /// Notes how much is known for placing, and how much of it waits.
    pub(super) fn placing(&self, depth: usize, counts: [(&'static str, usize); 3]) {
        self.depth.get_or_create(&KindLabels { kind: "placement" }).set(depth as i64);
        for (kind, count) in counts {
            self.objects.get_or_create(&KindLabels { kind }).set(count as i64);
        }
    }

    /// Notes a batch of changes of a state store.
    pub(super) fn store_batch(&self, store: &str, changes: usize, took: Duration) {
        let labels = StoreLabels { store: store.to_owned() };
        self.batches.get_or_create(&labels).observe(changes as f64);
        self.store_seconds.get_or_create(&labels).observe(took.as_secs_f64());
    }

    /// Counts a WorkPlacement that was written, or could not be.
    pub(super) fn write(&self, labels: &WriteLabels) {
        self.writes.get_or_create(labels).inc();
    }

    /// Counts a decision about a Work.
    pub(super) fn outcome(&self, labels: &OutcomeLabels) {
        self.outcomes.get_or_create(labels).inc();
    }

    /// Forgets a count of [`Metrics::write`].
    pub(super) fn forget_write(&self, labels: &WriteLabels) {
        self.writes.remove(labels);
    }

    /// Forgets a count of [`Metrics::outcome`].
    pub(super) fn forget_outcome(&self, labels: &OutcomeLabels) {
        self.outcomes.remove(labels);
    }

    /// Returns all of it as text, in the format that Prometheus reads.
    pub(super) fn text(&self) -> String {
        let mut all = Registry::default();
        let registry = all.sub_registry_with_prefix("bookend");
        registry.register(
            "api_requests",
            "Requests to the API server; code 0 is no answer",
            self.calls.clone(),
        );
        registry.register(
            "reconcile_seconds",
            "Time of one pass over an object",
            self.passes.clone(),
        );
        registry.register("runs", "Jobs that have ended", self.runs.clone());
        registry.register("queue_depth", "Objects that wait for a pass", self.depth.clone());
        registry.register("objects", "Promises and requests that are known", self.objects.clone());
        registry.register("running_workflows", "Workflows that run", self.running.clone());
        registry.register("leader", "1 while this one acts", self.leads.clone());
        registry.register(
            "store_batch_changes",
            "WorkPlacements and canaries that went to a state store together",
            self.batches.clone(),
        );
        registry.register(
            "store_batch_seconds",
            "Time that a state store took for a batch",
            self.store_seconds.clone(),
        );
        all.register(
            "kratix_workplacement_writes",
            "WorkPlacements that were written, or could not be",
            self.writes.clone(),
        );
        all.register(
            "kratix_workplacement_outcomes",
            "What was decided about the groups of Works",
            self.outcomes.clone(),
        );
        let mut text = String::new();
        // Writing to memory cannot fail.
        let _ = encode(&mut text, &all);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::kinds;

    #[test]
    fn what_is_counted_is_told_in_prometheus_words() {
        let metrics = Metrics::default();
        for code in [200, 200, 0] {
            metrics.call(&Call { verb: "create", kind: &kinds::JOB, code });
        }
        metrics.pass(WorkflowType::Promise, "acted", Duration::from_millis(3));
        metrics.running.set(7);
        let text = |text: &str| text.to_owned();
        metrics.write(&WriteLabels {
            result: "failure",
            promise: text("redis"),
            resource: text("one"),
            destination: text("dev"),
            pipeline: text("main"),
        });
        metrics.outcome(&OutcomeLabels {
            result: "unscheduled",
            promise: text("redis"),
            resource: text(""),
            namespace: text("a"),
            destination: text(""),
        });
        let text = metrics.text();
        for line in [
            r#"bookend_api_requests_total{verb="create",kind="jobs",code="200"} 2"#,
            r#"bookend_api_requests_total{verb="create",kind="jobs",code="0"} 1"#,
            r#"bookend_reconcile_seconds_bucket{le="0.005",kind="promise",outcome="acted"} 1"#,
            "bookend_running_workflows 7",
            "bookend_leader 0",
            r#"kratix_workplacement_writes_total{result="failure",promise="redis",resource="one",destination="dev",pipeline="main"} 1"#,
            r#"kratix_workplacement_outcomes_total{result="unscheduled",promise="redis",resource="",namespace="a",destination=""} 1"#,
        ] {
            assert!(text.lines().any(|one| one == line), "{line}\nis not in\n{text}");
        }
    }
}
