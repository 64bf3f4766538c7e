//! The status sidecar: when a pod has one, and what it reads from its pod about a stage that has failed.
//!
//! It is ours, and off unless asked for. Kubernetes says in the status of a pod which container ended how, and with
//! `terminationMessagePolicy: FallbackToLogsOnError` the last lines it wrote: no right to logs is needed.

use serde_json::{Map, Value, json};

use super::promise::Pipeline;
use crate::contract::{Object, labels, pod, status};

/// Most lines of a failed stage that can be had: the kubelet keeps no more.
pub const LINES_MAX: u32 = 80;
/// Most bytes of them.
pub const BYTES_MAX: u32 = 2048;

/// What an installation says about sidecars. The default has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Settings {
    /// Whether pods have one, where their Pipeline does not say.
    pub is_enabled: bool,
    /// What is told of a failed stage's last words.
    pub words: Words,
}

/// How much of a failed stage's last words is told. The default is nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Words {
    /// Most lines; 0 tells none, whatever they may hold.
    pub lines: u32,
    /// Most bytes.
    pub bytes: u32,
}

impl Default for Words {
    fn default() -> Self {
        Self { lines: 0, bytes: BYTES_MAX }
    }
}

/// Whether the pod of a pipeline has a sidecar: as its Pipeline says, else as the installation does.
pub fn is_on(pipeline: &Pipeline, settings: &Settings) -> bool {
    match pipeline.annotations.get(labels::STATUS_SIDECAR).map(String::as_str) {
        Some(own) => own == labels::TRUE,
        None => settings.is_enabled,
    }
}

/// A stage that has failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageFailure {
    /// Name of its container.
    pub stage: String,
    /// How it ended: an exit code, 128 and more for a signal.
    pub exit_code: i64,
    /// A word of Kubernetes for it: `Error`, `OOMKilled`, …
    pub reason: String,
    /// When, as Kubernetes writes it.
    pub at: String,
    /// Its last lines.
    pub lines: Vec<String>,
}

/// What is seen of the own pod.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PodSeen {
    /// The stage that has failed, and has not succeeded since.
    pub failure: Option<StageFailure>,
    /// Whether all stages are through: the status step runs, or has run.
    pub is_through: bool,
    /// Whether the pod is being deleted: what its stages end with now is no failure of theirs.
    pub is_going: bool,
}

/// Reads the status of a pod.
pub fn look(pod: &Object, words: Words) -> PodSeen {
    let statuses = |list: &str| {
        let list = pod.at(&["status", list]).and_then(Value::as_array);
        list.map(Vec::as_slice).unwrap_or_default()
    };
    let is_stage =
        |name: &str| !pod::container::ALL.contains(&name) && name != pod::container::SIDECAR;
    let mut stages = statuses("initContainerStatuses").iter().filter_map(|status| {
        let name = status.get("name")?.as_str().filter(|name| is_stage(name))?;
        failure(name, status, words)
    });
    let has_begun = |status: &Value| {
        ["running", "terminated"].iter().any(|state| !status["state"][state].is_null())
    };
    PodSeen {
        failure: stages.next_back(),
        is_through: statuses("containerStatuses").iter().any(has_begun),
        is_going: pod.text_at(&["metadata", "deletionTimestamp"]).is_some(),
    }
}

/// Returns how a container failed, now or before it was started again.
fn failure(name: &str, status: &Value, words: Words) -> Option<StageFailure> {
    let ended = |state: &str| status.get(state)?.get("terminated").filter(|it| !it.is_null());
    let ended = ended("state").or_else(|| ended("lastState"))?;
    let exit_code = ended.get("exitCode")?.as_i64().filter(|code| *code != 0)?;
    let text = |key: &str| ended.get(key).and_then(Value::as_str).unwrap_or_default();
    Some(StageFailure {
        stage: name.to_owned(),
        exit_code,
        reason: text("reason").to_owned(),
        at: text("finishedAt").to_owned(),
        lines: last_lines(text("message"), words),
    })
}

/// Returns the last lines within both limits, without what could move a cursor.
fn last_lines(text: &str, words: Words) -> Vec<String> {
    let mut left = usize::try_from(words.bytes).unwrap_or(usize::MAX);
    let mut lines: Vec<String> = Vec::new();
    for line in text.trim_end().lines().rev().take(words.lines as usize) {
        let line = super::text::visible(line);
        let needed = line.len().saturating_add(1);
        if line.is_empty() && lines.is_empty() || needed > left {
            break;
        }
        left = left.saturating_sub(needed);
        lines.push(line);
    }
    lines.reverse();
    lines
}

impl StageFailure {
    /// Returns it as it stands in the status of the object, under [`status::STAGE_FAILURE`].
    pub fn to_value(&self, pipeline: &str) -> Value {
        let mut map = Map::new();
        map.insert(status::stage_failure::PIPELINE.into(), pipeline.into());
        map.insert(status::stage_failure::STAGE.into(), self.stage.clone().into());
        map.insert(status::stage_failure::EXIT_CODE.into(), self.exit_code.into());
        for (key, text) in
            [(status::stage_failure::REASON, &self.reason), (status::stage_failure::AT, &self.at)]
        {
            if !text.is_empty() {
                map.insert(key.into(), text.clone().into());
            }
        }
        if !self.lines.is_empty() {
            map.insert(status::stage_failure::LINES.into(), json!(self.lines));
        }
        Value::Object(map)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: Words = Words { lines: 3, bytes: 20 };

    fn seen(status: Value, words: Words) -> PodSeen {
        look(&Object::from_value(json!({"status": status})).unwrap(), words)
    }

    fn ended(name: &str, code: i64, message: &str) -> Value {
        json!({"name": name, "state": {"terminated": {
            "exitCode": code, "reason": "Error", "finishedAt": "2026-01-01T00:00:00Z", "message": message,
        }}})
    }

    fn lines(message: &str, words: Words) -> Vec<String> {
        let status = json!({"initContainerStatuses": [ended("one", 1, message)]});
        seen(status, words).failure.unwrap().lines
    }

    #[test]
    fn the_failed_stage_is_found_and_the_platforms_own_are_not_meant() {
        let status = json!({"initContainerStatuses": [
            ended("reader", 3, ""), ended("status-sidecar", 1, ""), ended("one", 0, ""), ended("two", 7, "so sorry\n"),
            {"name": "three", "state": {"waiting": {"reason": "PodInitializing"}}},
        ]});
        let failure = seen(status, WORDS).failure.unwrap();
        assert_eq!(
            failure.to_value("p"),
            json!({
                "pipeline": "p", "stage": "two", "exitCode": 7, "reason": "Error",
                "at": "2026-01-01T00:00:00Z", "lines": ["so sorry"],
            })
        );
    }

    #[test]
    fn a_stage_that_is_started_again_has_failed_until_it_succeeds() {
        let failed = json!({"terminated": {"exitCode": 7}});
        let stage = |state: Value| {
            let status = json!({"name": "one", "state": state, "lastState": failed});
            seen(json!({"initContainerStatuses": [status]}), WORDS).failure.map(|it| it.exit_code)
        };
        assert_eq!(stage(json!({"waiting": {"reason": "CrashLoopBackOff"}})), Some(7));
        assert_eq!(stage(json!({"running": {}})), Some(7));
        assert_eq!(stage(json!({"terminated": {"exitCode": 0}})), None);
    }

    #[test]
    fn the_status_step_says_that_all_stages_are_through() {
        let main = |state: Value| json!({"containerStatuses": [{"name": "status-writer", "state": state}]});
        assert!(!seen(main(json!({"waiting": {}})), WORDS).is_through);
        assert!(seen(main(json!({"running": {}})), WORDS).is_through);
        assert!(seen(main(json!({"terminated": {"exitCode": 0}})), WORDS).is_through);
        assert_eq!(seen(Value::Null, WORDS), PodSeen::default());
        assert_eq!(seen(json!({"initContainerStatuses": 3}), WORDS), PodSeen::default());
    }

    #[test]
    fn the_last_lines_are_bounded_in_both_ways_and_off_by_default() {
        assert_eq!(lines("a\nb\nc\nd\n", WORDS), ["b", "c", "d"]);
        assert_eq!(lines("0123456789\n0123456789\nabc", WORDS), ["0123456789", "abc"]);
        assert_eq!(lines("x\u{1b}[2J", WORDS), ["x\\u{1b}[2J"]);
        assert_eq!(lines("a\nb", Words::default()), Vec::<String>::new());
        assert_eq!(lines("", WORDS), Vec::<String>::new());
    }
}
