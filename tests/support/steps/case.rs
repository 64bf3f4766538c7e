//! One recorded case, and how it is kept: every part that comes up more than once is written down once.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What was played, and what was there after each step.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) purpose: String,
    /// What the original does wrong here, and we must not copy.
    pub(crate) upstream_bug: Option<String>,
    /// Data of the ConfigMap `kratix`; `null` when there was none.
    pub(crate) config: Value,
    /// Objects that were there before.
    pub(crate) pre: Vec<Value>,
    /// The Promise as applied; `null` when the case has no steps.
    pub(crate) promise: Value,
    pub(crate) requests: Vec<Value>,
    pub(crate) steps: Vec<Step>,
}

/// One step.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Step {
    /// Number and name, as its folder was called.
    pub(crate) name: String,
    /// What was done: `install`, `finish`, ….
    pub(crate) verb: String,
    /// How: the object, patch or files, and which request.
    pub(crate) options: Value,
    /// The Job whose pod was played, how it ended and what its stages left; `null` for none.
    pub(crate) pod: Value,
    /// Everything that was there when it had settled, by meaning (see `meaning.rs`), by `Kind/namespace/name`.
    pub(crate) objects: BTreeMap<String, Value>,
    /// What the scheduler had written into the status of the Works; it is played, too.
    pub(crate) placed: BTreeMap<String, Value>,
    /// Events that came with this step: type, reason, text, and about what.
    pub(crate) events: BTreeSet<String>,
    /// How many objects and events were left out, because they belong to what is not built here.
    pub(crate) left_out: usize,
}

impl Case {
    /// Name of its Promise.
    pub(crate) fn promise_name(&self) -> &str {
        self.promise["metadata"]["name"].as_str().unwrap_or_default()
    }

    /// Whether it is played beside nothing else: it has settings of its own.
    pub(crate) fn is_alone(&self) -> bool {
        !self.config.is_null() || self.pull_secret().is_some()
    }

    /// Name of the pull secret that the reconciler was told.
    pub(crate) fn pull_secret(&self) -> Option<&'static str> {
        (self.name == "env-pull-secret").then_some("adapter-pull")
    }

    /// Whether it holds somebody else's Promise, which is read where it stands and not carried.
    pub(crate) fn is_foreign(&self) -> bool {
        const UPSTREAM_CONFIG_PROMISE: &str = "setInPromise";
        let is_named = ["asset-", "market-"].iter().any(|start| self.name.starts_with(start));
        is_named || self.promise.to_string().contains(UPSTREAM_CONFIG_PROMISE)
    }

    /// The text of a file of `fixtures/steps`.
    pub(crate) fn to_text(&self) -> String {
        let whole = serde_json::to_value(self).unwrap();
        let mut seen = BTreeMap::new();
        count(&whole, &mut seen);
        let mut parts = Parts { seen, numbers: BTreeMap::new(), list: Vec::new() };
        let case = parts.fold(&whole);
        let list: Vec<String> = parts.list.iter().map(Value::to_string).collect();
        format!("{{\"parts\": [\n{}],\n\"case\": {case}}}\n", list.join(",\n"))
    }

    /// Reads such a text.
    pub(crate) fn from_text(text: &str) -> Self {
        let mut file: Value = serde_json::from_str(text).unwrap();
        let mut parts: Vec<Value> = Vec::new();
        for part in file["parts"].as_array().unwrap() {
            let part = unfold(part, &parts);
            parts.push(part);
        }
        serde_json::from_value(unfold(&file["case"].take(), &parts)).unwrap()
    }
}

/// Folder of the cases that are ours to carry.
pub(crate) fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/steps")
}

/// The cases that are carried.
pub(crate) fn carried() -> Vec<Case> {
    let mut files: Vec<_> =
        fs::read_dir(fixtures()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|it| it == "json"));
    files.sort();
    files.iter().map(|path| Case::from_text(&fs::read_to_string(path).unwrap())).collect()
}

/// Key of a part in the place of the part.
const PART: &str = "$part";
/// A part that is shorter stays where it is.
const SHORTEST: usize = 120;

/// Counts how often each longer part comes up.
fn count(value: &Value, seen: &mut BTreeMap<String, usize>) {
    if !value.is_object() && !value.is_array() {
        return;
    }
    let text = value.to_string();
    if text.len() < SHORTEST {
        return;
    }
    let times = seen.entry(text).or_default();
    *times += 1;
    if *times == 1 {
        inner(value).for_each(|part| count(part, seen));
    }
}

fn inner(value: &Value) -> Box<dyn Iterator<Item = &Value> + '_> {
    match value {
        Value::Object(map) => Box::new(map.values()),
        Value::Array(list) => Box::new(list.iter()),
        _ => Box::new(std::iter::empty()),
    }
}

struct Parts {
    seen: BTreeMap<String, usize>,
    numbers: BTreeMap<String, usize>,
    list: Vec<Value>,
}

impl Parts {
    fn fold(&mut self, value: &Value) -> Value {
        let text = value.to_string();
        let is_again = text.len() >= SHORTEST && self.seen.get(&text).is_some_and(|it| *it > 1);
        if let Some(number) = self.numbers.get(&text).filter(|_| is_again) {
            return json!({ PART: number });
        }
        let folded = match value {
            Value::Object(map) => {
                map.iter().map(|(key, part)| (key.clone(), self.fold(part))).collect()
            }
            Value::Array(list) => list.iter().map(|part| self.fold(part)).collect(),
            other => return other.clone(),
        };
        if !is_again {
            return folded;
        }
        let number = self.list.len();
        self.list.push(folded);
        self.numbers.insert(text, number);
        json!({ PART: number })
    }
}

fn unfold(value: &Value, parts: &[Value]) -> Value {
    match value {
        Value::Object(map) => match map.get(PART).and_then(Value::as_u64) {
            Some(number) => parts[usize::try_from(number).unwrap()].clone(),
            None => map.iter().map(|(key, part)| (key.clone(), unfold(part, parts))).collect(),
        },
        Value::Array(list) => list.iter().map(|part| unfold(part, parts)).collect(),
        other => other.clone(),
    }
}
