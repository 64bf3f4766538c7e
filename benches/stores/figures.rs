//! What a process counted, and how processes tell each other.

use std::time::Duration;

use serde_json::{Value, json};

/// What writers did.
#[derive(Debug, Clone, Default)]
pub(crate) struct Figures {
    /// How long each commit took, in milliseconds, from when it was wanted to when it was there.
    pub(crate) waits: Vec<f64>,
    /// How many of them each writer made.
    pub(crate) each: Vec<u64>,
    pub(crate) attempts: u64,
    /// Seconds in which all was done, without the start.
    pub(crate) seconds: f64,
    pub(crate) peak_kib: u64,
}

impl Figures {
    pub(crate) fn add(&mut self, wait: Duration, attempts: u32) {
        self.waits.push(wait.as_secs_f64() * 1000.0);
        if self.each.is_empty() {
            self.each.push(0);
        }
        self.each[0] += 1;
        self.attempts += u64::from(attempts);
    }

    pub(crate) fn join(&mut self, other: Self) {
        self.waits.extend(other.waits);
        // One that made none counts, too.
        self.each.extend(if other.each.is_empty() { vec![0] } else { other.each });
        self.attempts += other.attempts;
        self.seconds = self.seconds.max(other.seconds);
        self.peak_kib = self.peak_kib.max(other.peak_kib);
    }

    /// Tells the process that started this one.
    pub(crate) fn print(mut self) {
        self.peak_kib = self.peak_kib.max(own_peak());
        let Self { waits, each, attempts, seconds, peak_kib } = self;
        println!("{}", json!({"w": waits, "e": each, "a": attempts, "s": seconds, "p": peak_kib}));
    }

    pub(crate) fn read(text: &str) -> Self {
        let value: Value = serde_json::from_str(text).unwrap_or_else(|_| panic!("figures: {text}"));
        let list = |key: &str| value[key].as_array().unwrap().iter();
        Self {
            waits: list("w").map(|wait| wait.as_f64().unwrap()).collect(),
            each: list("e").map(|count| count.as_u64().unwrap()).collect(),
            attempts: value["a"].as_u64().unwrap(),
            seconds: value["s"].as_f64().unwrap(),
            peak_kib: value["p"].as_u64().unwrap(),
        }
    }

    /// Returns the wait that a part of all does not exceed.
    pub(crate) fn wait(&self, part: f64) -> f64 {
        let mut waits = self.waits.clone();
        waits.sort_by(f64::total_cmp);
        let index = ((waits.len() as f64 * part).ceil() as usize).clamp(1, waits.len().max(1)) - 1;
        waits.get(index).copied().unwrap_or(f64::NAN)
    }
}

/// The most memory that this process had, in KiB.
pub(crate) fn own_peak() -> u64 {
    peak("self").unwrap_or(0)
}

/// The most memory that a process had, in KiB; `None` when it is gone.
pub(crate) fn peak(process: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// Bytes that went over loopback.
pub(crate) fn loopback() -> u64 {
    let all = std::fs::read_to_string("/proc/net/dev").unwrap();
    let line = all.lines().find_map(|line| line.trim_start().strip_prefix("lo:"));
    line.and_then(|line| line.split_whitespace().next()).map_or(0, |bytes| bytes.parse().unwrap())
}
