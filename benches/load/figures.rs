//! What is told in the end: times, CPU, memory, and whether anything ran twice.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::str::FromStr;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Arguments;
use super::load::requests::Settled;
use super::standin::{Identity, Run};

/// Clock ticks in a second, on every Linux that is left.
const TICKS: f64 = 100.0;

/// A process that is measured.
#[derive(Debug, Clone)]
pub(super) struct Process {
    name: String,
    pid: u32,
}

/// What a process has used so far.
#[derive(Debug, Clone)]
pub(super) struct Usage {
    cpu_s: f64,
}

impl FromStr for Process {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, pid) = text.split_once('=').ok_or("NAME=PID is asked for")?;
        let pid = pid.parse().map_err(|_| format!("`{pid}` is no pid"))?;
        Ok(Self { name: name.to_owned(), pid })
    }
}

impl Process {
    /// User and system time since its start.
    pub(super) fn usage(&self) -> Usage {
        let stat =
            fs::read_to_string(format!("/proc/{}/stat", self.pid)).expect("the process runs");
        // The name, in brackets, may hold anything.
        let (_, rest) = stat.rsplit_once(')').unwrap();
        let field =
            |index: usize| rest.split_whitespace().nth(index).unwrap().parse::<f64>().unwrap();
        Usage { cpu_s: (field(11) + field(12)) / TICKS }
    }

    /// What it has used since then, and its peak of memory since its start.
    pub(super) fn since(&self, before: &Usage) -> (String, Value) {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).unwrap();
        let kib = |key: &str| {
            let line = status.lines().find(|line| line.starts_with(key)).unwrap();
            line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap()
        };
        let usage = json!({
            "cpu_s": self.usage().cpu_s - before.cpu_s,
            "peak_mib": kib("VmHWM:") / 1024.0,
            "now_mib": kib("VmRSS:") / 1024.0,
            "threads": kib("Threads:"),
        });
        (self.name.clone(), usage)
    }
}

/// When what happened.
pub(super) struct Figures<'a> {
    pub(super) arguments: &'a Arguments,
    pub(super) begun: Instant,
    pub(super) install: Duration,
    pub(super) created: Duration,
    pub(super) settled: Duration,
    pub(super) from: Timestamp,
    pub(super) until: Timestamp,
    pub(super) is_settled: bool,
}

impl Figures<'_> {
    pub(super) fn tell(
        &self,
        settled: &Settled,
        runs: &[Run],
        processes: Vec<(String, Value)>,
    ) -> Value {
        let runs: Vec<&Run> = runs
            .iter()
            .filter(|run| run.identity.promise.starts_with(&self.arguments.name))
            .collect();
        let appeared = runs.iter().map(|run| run.appeared).max();
        let since = |time: Option<Instant>| time.map(|time| (time - self.begun).as_secs_f64());
        json!({
            "promises": self.arguments.promises,
            "requests": self.arguments.promises * self.arguments.requests,
            "pipelines": self.arguments.pipelines,
            "install_s": self.install.as_secs_f64(),
            "created_s": self.created.as_secs_f64(),
            "jobs_s": since(appeared),
            "settled_s": self.settled.as_secs_f64(),
            "is_settled": self.is_settled,
            "first_settled_s": since(settled.values().min().copied()),
            "settled": settled.len(),
            "end_to_settled_ms": spread(&after_the_end(settled, &runs)),
            "jobs": runs.len(),
            "twice": twice(&runs),
            "faults": runs.iter().filter_map(|run| run.fault.clone()).collect::<Vec<_>>(),
            "from": self.from.to_string(),
            "until": self.until.to_string(),
            "processes": processes.into_iter().collect::<BTreeMap<_, _>>(),
        })
    }
}

/// Milliseconds between the end of a request's last Job and its being settled.
fn after_the_end(settled: &Settled, runs: &[&Run]) -> Vec<f64> {
    let mut ends: HashMap<(String, String), Instant> = HashMap::new();
    for run in runs {
        let Some((ended, _)) = run.ended else { continue };
        // The kind of a request has the name of its Promise.
        let key = (run.identity.promise.clone(), run.identity.name.clone());
        let end = ends.entry(key).or_insert(ended);
        *end = ended.max(*end);
    }
    let mut waits: Vec<f64> = settled
        .iter()
        .filter_map(|(key, settled)| Some((*settled - *ends.get(key)?).as_secs_f64() * 1000.0))
        .collect();
    waits.sort_by(f64::total_cmp);
    waits
}

fn spread(sorted: &[f64]) -> Value {
    let at = |share: f64| sorted.get(((sorted.len() as f64 - 1.0) * share) as usize).copied();
    json!({ "p50": at(0.5), "p99": at(0.99), "max": sorted.last() })
}

/// How many Jobs are runs that another Job was already, whatever their number: here each pipeline of each request has
/// one reason to run.
fn twice(runs: &[&Run]) -> usize {
    let mut reasons: HashMap<Identity, usize> = HashMap::new();
    for run in runs {
        *reasons.entry(Identity { run: String::new(), ..run.identity.clone() }).or_default() += 1;
    }
    reasons.values().map(|count| count - 1).sum()
}
